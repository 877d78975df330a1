//! A node's own storage: here a wrapper that counts what the engine asks of a database, and that
//! can be told to fail. After a failed commit the engine refuses work until it is opened anew.
//!
//! `cargo run -p tos-examples --example own_storage`

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tos_examples::{Person, block_on_tip, genesis};
use tos_runtime::{
    BlockRecord, ChainMeta, CommitBatch, ContractEngine, EngineError, Hash, MemoryStorage,
    StateKey, StateValue, Storage, StorageError, TopoHeight,
};

/// A storage in memory with an operator who watches it. Clones share one storage.
#[derive(Clone)]
struct WatchedStorage(Arc<Watched>);

struct Watched {
    inner: MemoryStorage,
    commits: AtomicUsize,
    disk_is_full: AtomicBool,
}

impl Storage for WatchedStorage {
    fn meta(&self) -> Result<Option<ChainMeta>, StorageError> {
        self.0.inner.meta()
    }

    fn read(&self, key: &StateKey) -> Result<Option<StateValue>, StorageError> {
        self.0.inner.read(key)
    }

    fn record(&self, topoheight: TopoHeight) -> Result<Option<BlockRecord>, StorageError> {
        self.0.inner.record(topoheight)
    }

    /// The only method that changes anything: one batch per block, all of it or nothing.
    fn commit(&self, batch: &CommitBatch<'_>) -> Result<(), StorageError> {
        if self.0.disk_is_full.load(Ordering::Relaxed) {
            return Err(StorageError::new(std::io::Error::from(std::io::ErrorKind::StorageFull)));
        }
        self.0.inner.commit(batch)?;
        self.0.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn artifact(&self, key: &Hash) -> Result<Option<Vec<u8>>, StorageError> {
        self.0.inner.artifact(key)
    }

    fn store_artifact(&self, key: &Hash, artifact: &[u8]) -> Result<(), StorageError> {
        self.0.inner.store_artifact(key, artifact)
    }
}

fn main() -> anyhow::Result<()> {
    let (mut alice, bob) = (Person::new(1), Person::new(2));
    let storage = WatchedStorage(Arc::new(Watched {
        inner: MemoryStorage::new(),
        commits: AtomicUsize::new(0),
        disk_is_full: AtomicBool::new(false),
    }));
    let genesis = genesis(&[&alice]);
    let open =
        || ContractEngine::builder().storage(storage.clone()).genesis(genesis.clone()).build();

    let engine = open()?;
    for _ in 0..3 {
        let block = block_on_tip(&engine, vec![alice.pay(bob.address(), 1)])?;
        engine.commit(engine.execute_block(&block)?)?;
    }
    let durable = engine.tip();
    assert_eq!(storage.0.commits.load(Ordering::Relaxed), 4, "genesis and three blocks");

    // The disk fills up in the middle of a node's life.
    storage.0.disk_is_full.store(true, Ordering::Relaxed);
    let block = block_on_tip(&engine, vec![alice.pay(bob.address(), 1)])?;
    let outcome = engine.execute_block(&block)?;
    let failed = engine.commit(outcome).expect_err("the disk is full");
    println!("commit: {failed}");

    // Space alone does not help this handle: nobody can know what a failed write left behind.
    storage.0.disk_is_full.store(false, Ordering::Relaxed);
    let refused = engine.execute_block(&block).expect_err("the engine has to be opened anew");
    assert!(matches!(refused, EngineError::Poisoned(_)));
    println!("afterwards: {refused}");

    // Opened anew, it stands where the storage says, and the block goes through.
    let engine = open()?;
    assert_eq!(engine.tip(), durable);
    engine.commit(engine.execute_block(&block)?)?;
    assert_eq!(engine.tip().topoheight, TopoHeight(4));
    println!("reopened: height {}", engine.tip().topoheight);
    Ok(())
}
