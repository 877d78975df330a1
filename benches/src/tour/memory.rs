//! P8: resident memory of a cached account.

use anyhow::Result;
use tos_runtime::{
    Account, Address, Amount, AssetId, BlockRecord, ChainId, ChainMeta, CommitBatch,
    ContractEngine, Genesis, Hash, MemoryStorage, Nonce, ProtocolParams, PublicKey, StateKey,
    StateValue, Storage, StorageError, TopoHeight,
};

use super::{Figure, Figures, Sizes, Target};
use crate::machine::resident_bytes;

/// A storage in which every account exists and takes no memory, so that what grows is the cache.
struct Everybody(MemoryStorage);

impl Storage for Everybody {
    fn meta(&self) -> Result<Option<ChainMeta>, StorageError> {
        self.0.meta()
    }

    fn read(&self, key: &StateKey) -> Result<Option<StateValue>, StorageError> {
        Ok(match (self.0.read(key)?, key) {
            (None, StateKey::Account(_)) => Some(StateValue::Account(Account {
                nonce: Nonce(1),
                native: Amount(1_000),
                ..Account::default()
            })),
            (value, _) => value,
        })
    }

    fn record(&self, topoheight: TopoHeight) -> Result<Option<BlockRecord>, StorageError> {
        self.0.record(topoheight)
    }

    fn commit(&self, batch: &CommitBatch<'_>) -> Result<(), StorageError> {
        self.0.commit(batch)
    }

    fn artifact(&self, key: &Hash) -> Result<Option<Vec<u8>>, StorageError> {
        self.0.artifact(key)
    }

    fn store_artifact(&self, key: &Hash, artifact: &[u8]) -> Result<(), StorageError> {
        self.0.store_artifact(key, artifact)
    }
}

pub(super) fn measure(sizes: &Sizes, figures: &mut Figures) -> Result<()> {
    let genesis = Genesis::new(ProtocolParams::new(ChainId(1))).with_balance(
        PublicKey([1; 32]),
        AssetId::NATIVE,
        Amount(1_000),
    );
    let storage = Everybody(MemoryStorage::new());
    let engine = ContractEngine::builder().storage(storage).genesis(genesis).build()?;
    let touch = |from: usize, to: usize| -> Result<()> {
        for idx in from..to {
            let mut key = [0x77; 32];
            key[..8].copy_from_slice(&(idx as u64).to_le_bytes());
            engine.account(&Address::Key(PublicKey(key)))?;
        }
        Ok(())
    };
    // What the first accounts bring along, such as the map's shards, is no account's.
    let first = sizes.weighed / 10;
    touch(0, first)?;
    let before = resident_bytes();
    touch(first, sizes.weighed)?;
    let after = resident_bytes();
    let accounts = sizes.weighed - first;
    let value = match (before, after) {
        (Some(before), Some(after)) => after.saturating_sub(before) as f64 / accounts as f64,
        // A figure that says that it is none.
        _ => 0.0,
    };
    figures.add(Figure {
        name: "p8_bytes_per_account",
        row: "P8",
        what: "resident memory of a cached account".into(),
        value,
        unit: "bytes",
        target: Some(Target::AtMost(200.0)),
    });
    Ok(())
}
