//! A chain for storage tests: blocks of seeded writes, and a model of the state to compare with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tos_host_api::{Address, Amount, AssetId, ContractId, Hash, Nonce, PublicKey, TopoHeight};

use super::{BlockHeader, BlockRecord, ChainMeta, CommitBatch, STORAGE_FORMAT, Storage};
use crate::error::StorageError;
use crate::state::{
    Account, AssetRecord, Change, ChangeSet, ContractRecord, SlotKey, StateKey, StateValue,
};
use crate::types::BlockContext;

/// Keys a block writes, with their new values.
pub(crate) type Writes = Vec<(StateKey, Option<StateValue>)>;

/// A chain as it should be stored. Every step changes the model; committing it is the test's.
#[derive(Debug, Clone, Default)]
pub(super) struct TestChain {
    /// The state at the tip.
    pub(super) state: BTreeMap<StateKey, StateValue>,
    /// Records by height.
    pub(super) records: Vec<Arc<BlockRecord>>,
    /// Stable height of blocks to come.
    pub(super) stable: TopoHeight,
    /// Every key ever written, so that removed ones are looked up too.
    touched: BTreeSet<StateKey>,
}

/// A step with what its batch borrows.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) meta: ChainMeta,
    pub(super) record: Option<Arc<BlockRecord>>,
    pub(super) changes: ChangeSet,
}

impl Step {
    /// Commits the step.
    pub(super) fn commit(&self, storage: &dyn Storage) -> Result<(), StorageError> {
        let changes = self.record.as_ref().map_or(&self.changes, |record| &record.change_set);
        storage.commit(&CommitBatch { meta: &self.meta, record: self.record.as_ref(), changes })
    }
}

impl TestChain {
    /// What the database should say about itself; `None` before genesis.
    pub(super) fn meta(&self) -> Option<ChainMeta> {
        let tip = self.records.last()?;
        Some(ChainMeta {
            format: STORAGE_FORMAT,
            genesis: self.records[0].header.state_digest,
            params: b"params".to_vec(),
            topoheight: tip.header.context.topoheight,
            stable_topoheight: self.stable,
            state_digest: tip.header.state_digest,
        })
    }

    /// Adds a block, or genesis.
    pub(super) fn block(&mut self, writes: Writes) -> Step {
        let height = self.records.len() as u64;
        let changes = writes
            .into_iter()
            .map(|(key, new)| Change { old: self.state.get(&key).cloned(), key, new })
            .collect();
        let changes = ChangeSet::new(changes).expect("writes name no key twice");
        let delta_hash = changes.hash();
        let parent = self.records.last().map_or(Hash::default(), |tip| tip.header.state_digest);
        let context = BlockContext {
            topoheight: TopoHeight(height),
            stable_topoheight: self.stable,
            timestamp: 1000 * height,
            block_version: 1,
            parent,
        };
        let results = vec![height as u8; 10];
        let mut digest = blake3::Hasher::new();
        digest.update(&parent.0).update(&delta_hash.0);
        let header = BlockHeader {
            context,
            beneficiary: Some(user(0)),
            block_hash: Hash([height as u8; 32]),
            delta_hash,
            receipts_hash: Hash(*blake3::hash(&results).as_bytes()),
            state_digest: Hash(*digest.finalize().as_bytes()),
        };
        self.apply(&changes);
        let record = BlockRecord { header, results, change_set: changes.clone() };
        self.records.push(Arc::new(record));
        self.step(self.records.last().cloned(), changes)
    }

    /// Undoes blocks down to a height.
    pub(super) fn rollback(&mut self, height: u64) -> Step {
        let before = self.state.clone();
        while self.records.len() as u64 > height + 1 {
            let record = self.records.pop().expect("there are records above the height");
            self.apply(&record.change_set.inverse());
        }
        let change = |key: &StateKey| Change {
            key: key.clone(),
            old: before.get(key).cloned(),
            new: self.state.get(key).cloned(),
        };
        let changes = self.touched.iter().map(change).collect();
        self.step(None, ChangeSet::new(changes).expect("a set names no key twice"))
    }

    fn step(&self, record: Option<Arc<BlockRecord>>, changes: ChangeSet) -> Step {
        Step { meta: self.meta().expect("a chain has a genesis"), record, changes }
    }

    fn apply(&mut self, changes: &ChangeSet) {
        for change in changes.changes() {
            self.touched.insert(change.key.clone());
            match &change.new {
                Some(value) => self.state.insert(change.key.clone(), value.clone()),
                None => self.state.remove(&change.key),
            };
        }
    }

    /// Demands that a storage holds this chain: meta, every record, every key ever written.
    #[track_caller]
    pub(super) fn check(&self, storage: &dyn Storage) {
        self.check_state(storage);
        for (height, record) in self.records.iter().enumerate() {
            let stored = storage.record(TopoHeight(height as u64)).unwrap();
            assert_eq!(stored.as_ref(), Some(&**record), "record of height {height}");
        }
        let above = TopoHeight(self.records.len() as u64);
        assert_eq!(storage.record(above).unwrap(), None, "record above the tip");
    }

    /// Like [`TestChain::check`], without the records.
    #[track_caller]
    pub(super) fn check_state(&self, storage: &dyn Storage) {
        assert_eq!(storage.meta().unwrap(), self.meta());
        for key in &self.touched {
            assert_eq!(storage.read(key).unwrap().as_ref(), self.state.get(key), "{key:?}");
        }
    }
}

/// A user's address.
pub(super) fn user(idx: u16) -> Address {
    let mut bytes = [7; 32];
    bytes[..2].copy_from_slice(&idx.to_be_bytes());
    Address::Key(PublicKey(bytes))
}

/// A user's account key.
pub(super) fn account(idx: u16) -> StateKey {
    StateKey::Account(user(idx))
}

/// An account that holds an amount.
pub(super) fn holding(amount: u64) -> Option<StateValue> {
    Some(StateValue::Account(Account {
        nonce: Nonce(1),
        native: Amount(amount),
        assets: [(AssetId([1; 32]), Amount(5))].into_iter().collect(),
    }))
}

/// Up to `count` writes to a small set of keys of every kind: later blocks overwrite and remove
/// what earlier ones wrote. The same seed gives the same writes.
pub(crate) fn seeded_writes(seed: u64, count: usize) -> Writes {
    let mut random = seed;
    let mut next = move || {
        // SplitMix64.
        random = random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    };
    let mut writes = BTreeMap::new();
    for _ in 0..count {
        let idx = (next() % 40) as u16;
        let removed = next() % 4 == 0;
        let (key, value) = seeded_write(idx, next());
        writes.insert(key, (!removed).then_some(value));
    }
    writes.into_iter().collect()
}

fn seeded_write(idx: u16, random: u64) -> (StateKey, StateValue) {
    let identity = [idx as u8; 32];
    let slot = SlotKey {
        contract: ContractId([3; 32]),
        partition: user(idx / 8),
        key: vec![idx as u8; usize::from(idx) * 6 + 1].into(),
    };
    let bytes = vec![random as u8; (random % 3000) as usize];
    match idx % 6 {
        0 => (account(idx), holding(random).expect("holds something")),
        1 => (
            StateKey::Asset(AssetId(identity)),
            StateValue::Asset(AssetRecord { supply: Amount(random), burned: Amount::ZERO }),
        ),
        2 => (
            StateKey::Contract(ContractId(identity)),
            StateValue::Contract(Box::new(ContractRecord {
                code_hash: Hash([random as u8; 32]),
                authority: user(idx),
                version: 1,
            })),
        ),
        3 => (StateKey::Code(Hash(identity)), StateValue::Code(bytes.into())),
        4 => (StateKey::Slot(slot.into()), StateValue::Slot(bytes.into())),
        _ => (StateKey::Counter(slot.into()), StateValue::Counter(u128::from(random) + 1)),
    }
}
