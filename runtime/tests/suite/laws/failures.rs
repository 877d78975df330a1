//! Law 5: three kinds of failure, never mixed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tos_runtime::{
    AccessMode, Address, Amount, AssetId, BlockOutcome, ContractEngine, ContractId, EngineConfig,
    EngineError, ExecutionObserver, ExecutionStatus, Gas, GuestMessage, HaltReason, HostFunction,
    InvalidTransaction, ModuleFault, Nonce, RevertReason, SlotKey, StateKey, TopoHeight, TxIndex,
};

use crate::support::{
    COUNTER, Call, Chain, FUNDS, FailingStorage, GOLD, Order, account, assert_same, codes, genesis,
    guest, receipt, wasm,
};

/// Ambiguous, and so no longer compiling, as soon as the type implements the trait.
macro_rules! assert_not_implemented {
    ($type:ty: $($bound:tt)+) => {
        const _: fn() = || {
            trait Ambiguous<A> {
                fn item() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            #[allow(dead_code)]
            struct Implemented;
            impl<T: ?Sized + $($bound)+> Ambiguous<Implemented> for T {}
            let _ = <$type as Ambiguous<_>>::item;
        };
    };
}

// An engine error that could be cloned, compared or encoded could slip into a receipt.
assert_not_implemented!(EngineError: Clone);
assert_not_implemented!(EngineError: PartialEq);
assert_not_implemented!(EngineError: borsh::BorshSerialize);
assert_not_implemented!(EngineError: serde::Serialize);

#[test]
fn law_05_a_transaction_that_is_not_included_changes_nothing_and_costs_nothing() {
    let mut chain = Chain::new(3);
    for height in 0..2 {
        let nonce = chain.send(1, Order::transfer(account(2), 1 + height));
        assert!(chain.run(vec![nonce])[0].is_ok());
    }
    let order = || Order::transfer(account(2), 5);
    let reserve = u128::from(order().gas_limit);
    let txs = vec![
        order().expiry(2).signed(1, 2),
        order().signed(1, 1),
        order().signed(1, 3),
        order().gas_price(u64::MAX).signed(1, 2),
        Order::transfer(account(2), FUNDS).signed(0, 0),
        order().signed(77, 0),
    ];
    let outcome = chain.execute(txs);
    let expected = [
        InvalidTransaction::Expired { expiry: TopoHeight(2), topoheight: TopoHeight(3) },
        InvalidTransaction::NonceTooLow { expected: Nonce(2), found: Nonce(1) },
        InvalidTransaction::NonceTooHigh { expected: Nonce(2), found: Nonce(3) },
        InvalidTransaction::Unaffordable {
            needed: u128::from(u64::MAX) * reserve + 5,
            found: Amount(chain.balance(1)),
        },
        InvalidTransaction::Unaffordable {
            needed: reserve + u128::from(FUNDS),
            found: Amount(FUNDS),
        },
        InvalidTransaction::Unaffordable { needed: reserve + 5, found: Amount(0) },
    ];
    for (idx, expected) in expected.iter().enumerate() {
        assert_eq!(outcome.results()[idx].as_ref(), Err(expected), "transaction {idx}");
    }
    assert!(outcome.change_set().is_empty(), "{:?}", outcome.change_set());
    assert_eq!((outcome.gas_fee(), outcome.burned_supply()), (Amount(0), Amount(0)));
}

#[test]
fn law_05_a_transaction_expires_above_the_height_that_it_names() {
    let mut chain = Chain::new(4);
    for topoheight in 1..=3 {
        let payment = Order::transfer(account(2), 1).expiry(2);
        let burn = Order::burn(AssetId::NATIVE, 1).expiry(2);
        let txs = vec![chain.send(0, payment), chain.send(1, burn)];
        let topoheight = TopoHeight(topoheight);
        let expired = InvalidTransaction::Expired { expiry: TopoHeight(2), topoheight };
        for result in chain.run(txs) {
            let expected = if topoheight.0 <= 2 { None } else { Some(&expired) };
            assert_eq!(result.as_ref().err(), expected, "at height {topoheight}");
        }
    }
}

#[test]
fn law_05_statuses_have_these_numbers_for_ever() {
    let id = ContractId([0; 32]);
    let asset = AssetId::NATIVE;
    let reverts = [
        RevertReason::Contract(7),
        RevertReason::NoSuchContract(id),
        RevertReason::NoSuchEntry,
        RevertReason::InsufficientBalance { asset, needed: 1, found: Amount(0) },
        RevertReason::UnknownAsset(asset),
        RevertReason::ModuleRefused(ModuleFault::Malformed),
        RevertReason::NotAuthority,
        RevertReason::ContractExists(id),
    ];
    let by = HostFunction::Balance;
    let halts = [
        HaltReason::OutOfGas,
        HaltReason::UndeclaredAccess {
            account: Address::Contract(id),
            needed: AccessMode::Read,
            host_function: by,
        },
        HaltReason::Trap,
        HaltReason::MemoryOutOfBounds(by),
        HaltReason::StackLimit,
        HaltReason::ReadOnly(by),
        HaltReason::InvalidAddress(by),
    ];
    // The encoding names the variant by one byte: it must not move either.
    assert_eq!(ExecutionStatus::Success.code(), 0);
    assert_eq!(borsh::to_vec(&ExecutionStatus::Success).expect("it encodes"), [0]);
    for (number, reason) in (0..).zip(reverts) {
        let status = ExecutionStatus::Reverted(reason);
        let bytes = borsh::to_vec(&status).expect("it encodes");
        assert_eq!((status.code(), &bytes[..2]), (100 + u32::from(number), &[1, number][..]));
    }
    for (number, reason) in (0..).zip(halts) {
        let status = ExecutionStatus::Halted(reason);
        let bytes = borsh::to_vec(&status).expect("it encodes");
        assert_eq!((status.code(), &bytes[..2]), (200 + u32::from(number), &[2, number][..]));
    }
}

/// Enough calls by different people that the block is worth several workers.
fn calls(chain: &mut Chain, counter: ContractId) -> Vec<tos_runtime::Transaction> {
    (1..9).map(|number| chain.send(number, Call::counter_add(counter, number))).collect()
}

fn threads(threads: usize) -> EngineConfig {
    EngineConfig { max_parallel_threads: threads, ..EngineConfig::default() }
}

#[test]
fn law_05_a_storage_error_fails_the_block_and_becomes_nobodys_receipt() {
    let storage = FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 10);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    chain.one(9, Call::counter_bump(counter));
    // A module that is found compiled is run without its code.
    storage.damage_artifacts();
    let bumps = SlotKey {
        contract: counter,
        partition: Address::Contract(counter),
        key: b"bumps".as_slice().into(),
    };
    let code = StateKey::Code(tos_runtime::Hash(*blake3::hash(&wasm(COUNTER)).as_bytes()));
    let keys = [
        ("an account, at prefetch", StateKey::Account(account(3))),
        ("a contract's record, at prefetch", StateKey::Contract(counter)),
        ("its code, at prefetch", code),
        ("an asset, in the middle of a transfer", StateKey::Asset(GOLD)),
        ("a slot, in the middle of a call", StateKey::Slot(bumps.into())),
    ];
    let mut txs = vec![
        chain.send(1, Call::counter_bump(counter)),
        chain.send(2, Order::transfers(vec![(account(3), GOLD, 5)])),
    ];
    txs.extend((4..8).map(|number| chain.send(number, Order::transfer(account(3), 1))));
    let block = chain.block(txs);
    let tip = chain.engine.tip();
    for (what, key) in keys {
        // Cold caches: what is in memory is not read again.
        let chain = Chain::on(storage.clone(), 10);
        storage.fail_reads_of(key);
        for error in [
            chain.engine.execute_block(&block).expect_err(what),
            chain.engine.execute_block_sequentially(&block).expect_err(what),
        ] {
            assert!(matches!(error, EngineError::Storage(_)), "{what}: {error}");
            assert!(error.to_string().contains("injected: read"), "{what}: {error}");
        }
        assert_eq!(chain.engine.tip(), tip, "{what}");
        storage.heal();
        let codes = codes(&chain.execute_block(&block));
        assert!(codes.iter().all(|code| *code == 0), "{what}, healed: {codes:?}");
    }
}

/// Panics when the transaction with this index starts or speaks.
struct Panics {
    at: Arc<AtomicU32>,
}

const NEVER: u32 = u32::MAX;

impl ExecutionObserver for Panics {
    fn transaction_started(&self, _worker: usize, tx: TxIndex) {
        assert_ne!(tx, self.at.load(Ordering::SeqCst), "the observer gives up");
    }
}

#[test]
fn law_05_a_worker_that_panics_fails_the_block_and_the_engine_goes_on() {
    let at = Arc::new(AtomicU32::new(NEVER));
    let build = |at: &Arc<AtomicU32>| {
        let builder = ContractEngine::builder().genesis(genesis(10)).config(threads(3));
        Chain::build(builder.observer(Panics { at: Arc::clone(at) }))
    };
    let mut chain = build(&at);
    let mut other = build(&Arc::new(AtomicU32::new(NEVER)));
    let counter = chain.deploy(wasm(COUNTER), &[]);
    other.deploy(wasm(COUNTER), &[]);
    let txs = calls(&mut chain, counter);
    let block = chain.block(txs.clone());
    for tx in 0..8 {
        at.store(tx, Ordering::SeqCst);
        match chain.engine.execute_block(&block) {
            Err(EngineError::WorkerPanicked { tx: Some(found), message }) => {
                assert_eq!(found, tx);
                assert!(message.contains("the observer gives up"), "{message}");
            }
            other => panic!("transaction {tx}: expected WorkerPanicked, found {other:?}"),
        }
    }
    at.store(NEVER, Ordering::SeqCst);
    let outcome = chain.execute_block(&block);
    let expected = other.execute(txs);
    assert_same(&expected, &outcome, "an engine that panicked eight times and one that did not");
    chain.engine.commit(outcome).expect("it commits");
    assert_eq!(chain.view_number(counter, "get", &[]), 36);
}

/// Panics on every word of a contract.
struct Deaf;

impl ExecutionObserver for Deaf {
    fn guest_message(&self, _tx: TxIndex, message: &GuestMessage) {
        panic!("the observer does not want to hear {}", message.text);
    }
}

#[test]
fn law_05_a_panic_on_the_callers_own_thread_is_an_engine_error_too() {
    // The sequential executor runs on the caller's thread, where a panic would unwind into the
    // node.
    let genesis = genesis(10);
    let builder = ContractEngine::builder().genesis(genesis).config(threads(3)).observer(Deaf);
    let mut chain = Chain::build(builder);
    let abort = chain.deploy(guest!("abort"), &[]);
    let txs: Vec<_> = (1..9)
        .map(|number| match number {
            4 => chain.send(number, Order::invoke(abort, "abort", &1_u32.to_le_bytes())),
            _ => chain.send(number, Order::transfer(account(0), number).gas_limit(400_000)),
        })
        .collect();
    let block = chain.block(txs);
    for error in [
        chain.engine.execute_block(&block).expect_err("the observer panics"),
        chain.engine.execute_block_sequentially(&block).expect_err("the observer panics"),
    ] {
        assert!(
            matches!(&error, EngineError::WorkerPanicked { tx: Some(3), message }
                if message.contains("does not want to hear abort 1")),
            "{error:?}"
        );
    }
    chain.one(1, Order::transfer(account(0), 1));
}

#[test]
fn law_05_what_verification_refuses_never_reaches_a_block() {
    let chain = Chain::new(2);
    let mut forged = Order::transfer(account(1), 1).signed(0, 0);
    forged.unsigned.source = forged.unsigned.source.0.map(|byte| byte ^ 1).into();
    let params = chain.engine.params();
    let error = tos_runtime::verify_batch(vec![forged], params).expect_err("it is forged");
    assert_eq!(error, (0, InvalidTransaction::BadSignature));
    let empty = Order::transfers(vec![]).gas_limit(1).signed(0, 0);
    let error = tos_runtime::verify_batch(vec![empty], params).expect_err("it cannot pay");
    let expected = InvalidTransaction::GasLimitTooLow { intrinsic: Gas(15_000), found: Gas(1) };
    assert_eq!(error, (0, expected));
}

#[test]
fn law_05_a_failed_execution_leaves_no_outcome_behind_for_others() {
    // Two blocks on one parent: the one that fails inside the engine must not show in the other.
    let storage = FailingStorage::new();
    let mut chain = Chain::on(storage.clone(), 10);
    let before = chain.execute(vec![]);
    let tx = chain.send(1, Order::transfer(account(50), 5));
    let block = chain.block(vec![tx]);
    storage.fail_reads_of(StateKey::Account(account(50)));
    chain.engine.execute_block(&block).expect_err("the receiver cannot be read");
    let after: BlockOutcome = chain.execute(vec![]);
    assert_same(&before, &after, "an empty block before and after a failed one");
    storage.heal();
    assert!(receipt(&chain.execute_block(&block), 0).status.is_success());
}
