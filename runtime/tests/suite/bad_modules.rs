//! Rows M01 to M29 of the catalogue of bad inputs: modules, through the whole engine. What the gate
//! alone decides is tested at every limit beside it (`runtime/src/sandbox/prepare/tests`).

mod bytes;
mod deployments;
mod running;
mod segments;
mod shape;
mod size;

use tos_runtime::{
    Block, ContractId, ExecutionStatus, ModuleFault, RevertReason, StateKey, prepare,
};

use crate::support::{COUNTER, Chain, Order, account, receipt, wasm};

const MEMORY: &str = r#"(memory (export "memory") 1)"#;
const ENTRY: &str = r#"(func (export "run"))"#;

/// A module with a memory, an entry and something else.
fn with(fields: &str) -> Vec<u8> {
    wasm(&format!("(module {MEMORY} {fields} {ENTRY})"))
}

/// Like [`with`], but with something that has to come first.
pub(crate) fn with_imports(fields: &str) -> Vec<u8> {
    wasm(&format!("(module {fields} {MEMORY} {ENTRY})"))
}

fn with_body(body: &str) -> Vec<u8> {
    with(&format!("(func {body})"))
}

/// A deployment that can pay for its length and something beyond, whatever a byte costs.
fn deployment(chain: &Chain, code: Vec<u8>) -> Order {
    let order = Order::deploy(code, &[]);
    let intrinsic = intrinsic(chain, &order);
    order.gas_limit(intrinsic + 1_000_000)
}

/// What an order pays before anything runs.
fn intrinsic(chain: &Chain, order: &Order) -> u64 {
    let costs = &chain.engine.params().costs;
    costs.intrinsic(&order.clone().unsigned(0, 0)).expect("it fits").0
}

/// A module that has to be refused, and a part of what its author is told.
pub(crate) struct Case {
    what: String,
    code: Vec<u8>,
    fault: ModuleFault,
    says: &'static str,
}

pub(crate) fn case(
    fault: ModuleFault,
    what: impl Into<String>,
    says: &'static str,
    code: impl Into<Vec<u8>>,
) -> Case {
    Case { what: what.into(), code: code.into(), fault, says }
}

/// Deploys all of them in one block, by as many people, in front of a module that is fine and
/// between two payments. Each is refused for its own fault, pays for being checked and nothing
/// else, uses up its nonce and leaves no trace; the rest of the block goes on.
#[track_caller]
pub(crate) fn assert_refused(cases: Vec<Case>) {
    let people = cases.len() as u64;
    let mut chain = Chain::new(people + 1);
    let payer = people;
    let mut txs = vec![chain.send(payer, Order::transfer(account(payer + 1), 5))];
    let mut orders = Vec::new();
    for (number, case) in (0..).zip(&cases) {
        assert_says(case);
        let order = deployment(&chain, case.code.clone());
        txs.push(chain.send(number, order.clone()));
        orders.push(order);
    }
    let good = chain.send(payer, Order::deploy(wasm(COUNTER), &[]));
    let counter = good.deployed_contract().expect("it is a deployment");
    txs.push(good);
    txs.push(chain.send(payer, Order::transfer(account(payer + 1), 7)));
    let ids: Vec<_> = txs.iter().map(|tx| tx.deployed_contract()).collect();
    let before: Vec<_> = (0..people).map(|number| chain.purse(number)).collect();

    let block: Block = chain.block(txs);
    let outcome = chain.execute_block(&block);
    for (idx, (case, order)) in (1..).zip(cases.iter().zip(&orders)) {
        let (what, receipt) = (&case.what, receipt(&outcome, idx));
        let expected = RevertReason::ModuleRefused(case.fault);
        assert_eq!(receipt.status, ExecutionStatus::Reverted(expected), "{what}");
        assert_eq!(receipt.gas_used.0, intrinsic(&chain, order), "{what}: what checking costs");
        assert_eq!(receipt.fee.0, receipt.gas_used.0, "{what}");
        assert_eq!(receipt.contract, None, "{what}");
        assert!(receipt.return_data.is_empty() && receipt.events.is_empty(), "{what}");
    }
    let last = cases.len() + 2;
    for idx in [0, last - 1, last] {
        assert!(receipt(&outcome, idx).status.is_success(), "transaction {idx} of the rest");
    }
    let kept: Vec<_> = outcome
        .change_set()
        .changes()
        .iter()
        .map(|change| change.key.clone())
        .filter(|key| !matches!(key, StateKey::Account(_) | StateKey::Asset(_)))
        .collect();
    let code = tos_runtime::Hash(*blake3::hash(&wasm(COUNTER)).as_bytes());
    assert_eq!(kept, [StateKey::Contract(counter), StateKey::Code(code)], "what was stored");
    let fees: Vec<_> = (1..=cases.len()).map(|idx| receipt(&outcome, idx).fee.0).collect();
    chain.engine.commit(outcome).expect("it commits");
    for ((number, fee), before) in (0..).zip(fees).zip(before) {
        assert_eq!(chain.purse(number), before.paid(fee), "{}", cases[number as usize].what);
    }
    for id in &ids[1..=cases.len()] {
        let id: &ContractId = id.as_ref().expect("it is a deployment");
        assert_eq!(chain.engine.contract(id).expect("it is read"), None);
    }
    assert_eq!(chain.balance(payer + 1), 12, "both payments arrived");
}

/// The gate gives the same answer outside of a block, and tells the author what is wrong: whoever
/// deploys asks it first.
#[track_caller]
fn assert_says(case: &Case) {
    let Case { what, code, fault, says } = case;
    let rejection = prepare::check(code).expect_err(what);
    let text = rejection.to_string();
    assert_eq!(rejection.fault, *fault, "{what}: {text}");
    assert!(text.contains(says), "{what}: {text:?} does not contain {says:?}");
    assert!(text.len() < 1024, "{what}: {} bytes of text", text.len());
    assert!(!text.chars().any(char::is_control), "{what}: {text:?}");
}
