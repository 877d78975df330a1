//! Slots on their way: journal, overlay, changes.

use std::sync::Arc;

use tos_host_api::{AccessMode, Address, ContractId, HostFunction, PublicKey};

use super::*;
use crate::state::chain_state::ChainState;
use crate::state::{
    Account, AccountCell, Change, ChangeSet, Changes, Row, SlotKey, SlotRef, StateKey, StateValue,
};
use crate::storage::MemoryStorage;

const A: ContractId = ContractId([1; 32]);
const B: ContractId = ContractId([2; 32]);
const ME: Address = Address::Key(PublicKey([7; 32]));
const BY: HostFunction = HostFunction::StorageRead;

/// What a transaction does to a slot of the only account.
#[derive(Debug, Clone, Copy)]
enum Op {
    Add(u64),
    Sub(u64),
    /// Reads a counter, whose value is this.
    Is(u128),
    /// Sets a byte slot.
    Set(&'static str),
    Remove,
    /// Reads a byte slot.
    Holds(Option<&'static str>),
    /// Returns to where the transaction began.
    Undo,
}
use Op::{Add, Holds, Is, Remove, Set, Sub, Undo};

/// A block with one account, and a journal for its transactions.
struct Scene {
    overlay: Arc<Overlay>,
    journal: Journal,
    batch: u32,
}

impl Scene {
    /// A scene whose hot state has counter and byte slot `key` of [`A`].
    fn new(counter: u128, slot: Option<&str>, key: &[u8]) -> Self {
        let chain = ChainState::new(Arc::new(MemoryStorage::new()));
        let name = || SlotKey { contract: A, partition: ME, key: key.into() };
        let counter = (counter > 0).then_some(StateValue::Counter(counter));
        let slot = slot.map(|value| StateValue::Slot(value.as_bytes().into()));
        let changes = [
            Change { key: StateKey::Counter(name().into()), old: None, new: counter },
            Change { key: StateKey::Slot(name().into()), old: None, new: slot },
        ];
        chain.apply(&ChangeSet::new(changes.into()).expect("no key twice"));
        let cells = vec![AccountCell::new(Account::default(), Row::NONE)];
        let overlay = Arc::new(Overlay::new(Arc::new(chain), Arc::new(vec![ME]), cells));
        Self { journal: Journal::new(Arc::clone(&overlay)), overlay, batch: 0 }
    }

    fn begin(&mut self, mode: AccessMode) {
        self.journal.begin(&[TableEntry { account: 0, mode }]);
    }

    /// Does one thing to a slot.
    #[track_caller]
    fn act(&mut self, op: Op, contract: ContractId, key: &[u8]) {
        let slot = SlotRef { contract, partition: &ME, key };
        let journal = &mut self.journal;
        let bytes = |value: &str| Arc::from(value.as_bytes());
        let done = match op {
            Add(amount) => journal.counter_add(slot, amount, BY),
            Sub(amount) => journal.counter_sub(slot, amount, BY).map(|taken| {
                assert_eq!(taken, Taken::Yes);
            }),
            Is(value) => journal.counter(slot, BY).map(|found| assert_eq!(found, value)),
            Set(value) => journal.set_slot(slot, Some(bytes(value)), BY).map(|_| ()),
            Remove => journal.set_slot(slot, None, BY).map(|_| ()),
            Holds(value) => journal.slot(slot, BY).map(|found| assert_eq!(found, value.map(bytes))),
            Undo => {
                journal.rollback(Checkpoint { undo: 0, burned: 0, events: 0 });
                Ok(())
            }
        };
        assert!(done.is_ok(), "{op:?} halts");
    }

    fn publish(&mut self) {
        self.overlay.merge(&self.journal, self.batch, 0).expect("nobody conflicts");
        self.batch += 1;
    }

    /// The changes of the block so far; the overlay has none left then.
    fn changes(&self) -> ChangeSet {
        let mut changes = Changes::default();
        for accounts in self.overlay.touched(0..1, &[]) {
            self.overlay.changes(&accounts, &mut changes).expect("they are made");
        }
        let (mut sections, _) = changes.close().expect("they are in order");
        sections.sort_unstable_by_key(|(key, _)| *key);
        let sections = sections.into_iter().map(|(_, section)| section).collect();
        ChangeSet::of_sections(sections).expect("they are in order")
    }
}

/// Runs transactions on one slot of a block that begins with a counter at 10 and a slot that holds
/// "old"; then the slot is this, and the change set says so.
#[track_caller]
fn check(transactions: &[(AccessMode, &[Op])], counter: u128, slot: Option<&str>) {
    // Held in place and not. Miri takes a second for each.
    let keys = [&b"k"[..], &[9; 22], &[9; 23], &[9; 24], &[9; 256]];
    for key in if cfg!(miri) { &keys[2..4] } else { &keys[..] } {
        let key = *key;
        let mut scene = Scene::new(10, Some("old"), key);
        for (mode, ops) in transactions {
            scene.begin(*mode);
            for op in *ops {
                scene.act(*op, A, key);
            }
            scene.publish();
        }
        let changes = scene.changes();
        let name = || SlotKey { contract: A, partition: ME, key: key.into() };
        let count = |value: u128| (value > 0).then_some(StateValue::Counter(value));
        let bytes = |value: &str| StateValue::Slot(value.as_bytes().into());
        let expected = [
            (StateKey::Slot(name().into()), Some(bytes("old")), slot.map(bytes)),
            (StateKey::Counter(name().into()), count(10), count(counter)),
        ];
        let expected = expected.map(|(key, old, new)| Change { key, old, new });
        let expected: Vec<_> =
            expected.into_iter().filter(|change| change.old != change.new).collect();
        assert_eq!(changes.changes(), expected, "key of {} bytes", key.len());
    }
}

use AccessMode::{Credit, Read, Write};

#[test]
fn counters_come_out_right_whoever_looks_at_them_first() {
    let old = Some("old");
    check(&[(Credit, &[Add(5)])], 15, old);
    check(&[(Write, &[Sub(4)])], 6, old);
    check(&[(Write, &[Add(5), Is(15), Sub(15)])], 0, old);
    check(&[(Read, &[Is(10)]), (Credit, &[Add(1)]), (Credit, &[Add(2)])], 13, old);
    check(&[(Credit, &[Add(5)]), (Write, &[Sub(15)]), (Credit, &[Add(3)])], 3, old);
    check(&[(Write, &[Sub(1)]), (Write, &[Sub(1), Is(8)]), (Read, &[Is(8)])], 8, old);
    check(&[(Credit, &[Add(5)]), (Write, &[Is(15)]), (Read, &[Is(15)])], 15, old);
    check(&[(Write, &[Sub(3)]), (Credit, &[Add(3)]), (Read, &[Is(10)])], 10, old);
}

#[test]
fn byte_slots_come_out_right_whoever_looks_at_them_first() {
    check(&[(Write, &[Set("new")])], 10, Some("new"));
    check(&[(Write, &[Remove, Holds(None)]), (Read, &[Holds(None)])], 10, None);
    check(&[(Write, &[Set("a"), Set("b")]), (Write, &[Holds(Some("b")), Set("c")])], 10, Some("c"));
    check(&[(Write, &[Set("a")]), (Write, &[Set("old")])], 10, Some("old"));
    check(&[(Read, &[Holds(Some("old"))]), (Write, &[Set("a"), Add(1)])], 11, Some("a"));
}

#[test]
fn what_is_rolled_back_is_not_published() {
    let old = Some("old");
    check(&[(Write, &[Set("a"), Sub(3), Undo, Is(10), Holds(Some("old"))])], 10, old);
    check(&[(Write, &[Add(3), Is(13), Undo, Is(10), Add(1)])], 11, old);
    check(&[(Credit, &[Add(3), Undo])], 10, old);
    check(&[(Write, &[Set("a"), Undo, Set("b")]), (Write, &[Set("c"), Undo])], 10, Some("b"));
    check(&[(Write, &[Sub(3)]), (Write, &[Sub(3), Undo, Is(7)])], 7, old);
}

#[test]
fn a_rollback_goes_back_to_its_checkpoint_and_no_further() {
    let mut scene = Scene::new(10, None, b"k");
    scene.begin(Write);
    scene.act(Sub(1), A, b"k");
    scene.act(Set("a"), A, b"k");
    let checkpoint = scene.journal.checkpoint();
    for op in [Add(7), Set("b"), Is(16), Remove, Holds(None)] {
        scene.act(op, A, b"k");
    }
    scene.act(Set("other"), A, b"l");
    scene.journal.rollback(checkpoint);
    scene.act(Is(9), A, b"k");
    scene.act(Holds(Some("a")), A, b"k");
    scene.act(Holds(None), A, b"l");
    scene.publish();
    assert_eq!(scene.changes().len(), 2);
}

#[test]
fn merges_of_one_batch_that_clash_give_up_the_block() {
    for (first, second, clash) in [
        (Write, Write, true),
        (Write, Credit, true),
        (Credit, Write, true),
        (Credit, Credit, false),
    ] {
        let mut scene = Scene::new(10, None, b"k");
        for (tx, mode, clashes) in [(0, first, false), (1, second, clash)] {
            scene.begin(mode);
            scene.act(Add(1), A, b"k");
            match scene.overlay.merge(&scene.journal, 5, tx) {
                Ok(()) => assert!(!clashes, "{first:?} and {second:?}"),
                Err(EngineError::ConflictingWrites { tx: 1, account, batch: 5 })
                    if account == ME =>
                {
                    assert!(clashes, "{first:?} and {second:?}");
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
}

#[test]
fn slots_and_counters_contracts_and_keys_are_told_apart() {
    // More than are scanned, in one transaction and in one account.
    let keys: Vec<Vec<u8>> = (1..=24).chain([255, 256]).map(|len| vec![9; len]).collect();
    let mut scene = Scene::new(0, None, b"unused");
    for round in 1..=3_u64 {
        scene.begin(Write);
        for (idx, key) in (0..).zip(&keys) {
            for (contract, weight) in [(A, 1), (B, 1_000)] {
                let value = (idx + 1) * weight;
                scene.act(Is(u128::from((round - 1) * value)), contract, key);
                scene.act(Add(value), contract, key);
                scene.act(Holds((round > 1).then_some("set")), contract, key);
                scene.act(Set("set"), contract, key);
            }
        }
        scene.publish();
    }
    let changes = scene.changes();
    assert_eq!(changes.len(), 4 * keys.len());
    for (idx, key) in (0..).zip(&keys) {
        for (contract, weight) in [(A, 1), (B, 1_000)] {
            let name = || SlotKey { contract, partition: ME, key: key.as_slice().into() };
            let new = |key| changes.get(&key).and_then(|change| change.new.clone());
            let counter = StateValue::Counter(3 * (idx + 1) * weight);
            assert_eq!(new(StateKey::Counter(name().into())), Some(counter));
            let slot = StateValue::Slot(b"set".as_slice().into());
            assert_eq!(new(StateKey::Slot(name().into())), Some(slot));
        }
    }
}
