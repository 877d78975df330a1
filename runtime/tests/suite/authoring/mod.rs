//! Contracts written with the SDK and without, as their built bytes, on the engine.

mod c;
mod failures;
mod hostile;
mod sources;
mod templates;
mod token;

use borsh::BorshSerialize;
use tos_runtime::{
    CallAccessError, ContractId, ExecutionStatus, Receipt, RevertReason, Simulation,
};

use crate::support::{Chain, Order};

const COUNTER: &[u8] = include_bytes!("../../../../contracts/wasm/counter.wasm");
const PROBE: &[u8] = include_bytes!("../../../../contracts/wasm/probe.wasm");
const TOKEN: &[u8] = include_bytes!("../../../../contracts/wasm/token.wasm");

/// Codes that the SDK reserves.
const PANIC: u32 = u32::MAX;
const INPUT: u32 = u32::MAX - 1;
const STORAGE: u32 = u32::MAX - 2;
const LIMIT: u32 = u32::MAX - 3;

/// Arguments as an entry takes them: one after the other.
fn arguments(arguments: &impl BorshSerialize) -> Vec<u8> {
    borsh::to_vec(arguments).expect("writing to a Vec cannot fail")
}

/// A call that declares what the contract's own template says.
#[track_caller]
fn call(
    chain: &Chain,
    number: u64,
    contract: ContractId,
    entry: &str,
    input: &impl BorshSerialize,
) -> Order {
    let order = Order::invoke(contract, entry, &arguments(input));
    with_template(chain, number, order).expect("the template is filled in")
}

fn with_template(chain: &Chain, number: u64, mut order: Order) -> Result<Order, CallAccessError> {
    let tx = order.clone().unsigned(number, chain.nonce(number));
    order.access = chain.engine.call_access(&tx)?;
    Ok(order)
}

/// Simulates a call as person 1.
#[track_caller]
fn simulate(chain: &Chain, order: Order) -> Simulation {
    chain.engine.simulate(&order.unsigned(1, chain.nonce(1))).expect("the engine works")
}

/// Asserts that a call reverts with a code and says so to the operator.
#[track_caller]
fn assert_reverted(chain: &Chain, order: Order, code: u32, message: &str) {
    let simulation = simulate(chain, order);
    let receipt: Receipt = simulation.result.expect("it is included");
    assert_eq!(receipt.status, ExecutionStatus::Reverted(RevertReason::Contract(code)));
    let texts: Vec<_> = simulation.messages.iter().map(|message| &message.text).collect();
    assert_eq!(texts, [&format!("abort {code}: {message}")]);
}

/// The line of a contract's source that contains some text; messages name it.
#[track_caller]
fn line_of(source: &str, text: &str) -> usize {
    let found = source.lines().position(|line| line.contains(text));
    found.unwrap_or_else(|| panic!("no line with {text:?}")) + 1
}
