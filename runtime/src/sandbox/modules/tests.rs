//! Rows M24 to M26 and S09 of the list of bad inputs, as far as modules and their cache decide.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tos_host_api::TopoHeight;

use super::cache::ENTRY_OVERHEAD_BYTES;
use super::*;
use crate::error::StorageError;
use crate::state::{StateKey, StateValue};
use crate::storage::{BlockRecord, ChainMeta, CommitBatch};
use crate::types::code_hash;

/// Keeps artifacts, and counts.
#[derive(Default)]
struct Artifacts {
    kept: Mutex<BTreeMap<Hash, Vec<u8>>>,
    /// Each compilation stores one.
    stored: AtomicUsize,
    asked: AtomicUsize,
    fails: bool,
}

impl Artifacts {
    fn compilations(&self) -> usize {
        self.stored.load(Ordering::SeqCst)
    }

    /// The only artifact.
    #[track_caller]
    fn only(&self) -> (Hash, Vec<u8>) {
        let kept = self.kept.lock();
        assert_eq!(kept.len(), 1);
        kept.iter().next().map(|(key, bytes)| (*key, bytes.clone())).expect("there is one")
    }
}

impl Storage for Artifacts {
    fn meta(&self) -> Result<Option<ChainMeta>, StorageError> {
        Ok(None)
    }

    fn read(&self, _key: &StateKey) -> Result<Option<StateValue>, StorageError> {
        Ok(None)
    }

    fn record(&self, _topoheight: TopoHeight) -> Result<Option<BlockRecord>, StorageError> {
        Ok(None)
    }

    fn commit(&self, _batch: &CommitBatch<'_>) -> Result<(), StorageError> {
        Ok(())
    }

    fn artifact(&self, key: &Hash) -> Result<Option<Vec<u8>>, StorageError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.fails {
            return Err(StorageError::new(anyhow::anyhow!("the disk is gone")));
        }
        Ok(self.kept.lock().get(key).cloned())
    }

    fn store_artifact(&self, key: &Hash, artifact: &[u8]) -> Result<(), StorageError> {
        self.stored.fetch_add(1, Ordering::SeqCst);
        self.kept.lock().insert(*key, artifact.to_vec());
        Ok(())
    }
}

const ROOM: usize = 64 << 20;

fn config(bytes_max: usize) -> ModulesConfig {
    ModulesConfig { bytes_max, workers: 1, reuse_instances: true }
}

fn default_prices() -> Preparation {
    Preparation::new(OperatorCosts::default())
}

fn modules(storage: &Arc<Artifacts>, bytes_max: usize) -> Modules {
    let storage: Arc<dyn Storage> = storage.clone();
    Modules::new(storage, config(bytes_max)).expect("it is accepted")
}

/// A contract whose code depends on a number.
fn contract(number: u32) -> Arc<[u8]> {
    let text = format!(
        r#"(module (memory (export "memory") 1)
             (func (export "run") (i32.store (i32.const 0) (i32.const {number}))))"#
    );
    wat::parse_str(text).expect("valid text").into()
}

/// A module that the gate refuses.
fn refused(number: u32) -> Arc<[u8]> {
    let text = format!("(module (memory 1) (func (drop (f64.const {number}))))");
    wat::parse_str(text).expect("valid text").into()
}

#[track_caller]
fn get(modules: &Modules, code: &Arc<[u8]>) -> Verdict {
    modules
        .get(&default_prices(), &code_hash(code), || Ok(Arc::clone(code)))
        .expect("nothing fails")
}

/// Machine code and facts: what could differ between two ways to the same module.
fn content(verdict: &Verdict) -> (Vec<u8>, ModuleInfo) {
    let module = verdict.as_ref().expect("it is accepted");
    let code = module.instance_pre.module().serialize().expect("it is serialized");
    (code, module.info.clone())
}

#[test]
fn m25_sixteen_threads_at_once_compile_once() {
    let storage = Arc::new(Artifacts::default());
    let (modules, code) = (modules(&storage, ROOM), contract(1));
    let (barrier, asked) = (Barrier::new(16), AtomicUsize::new(0));
    let found = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let bytes = || {
                        asked.fetch_add(1, Ordering::SeqCst);
                        Ok(Arc::clone(&code))
                    };
                    modules.get(&default_prices(), &code_hash(&code), bytes).expect("nothing fails")
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
    });
    assert_eq!((storage.compilations(), asked.load(Ordering::SeqCst)), (1, 1));
    let first = found[0].as_ref().expect("it is accepted");
    assert!(found.iter().flatten().all(|module| Arc::ptr_eq(module, first)));
    assert_eq!(found.iter().flatten().count(), 16);
}

#[test]
fn m25_an_evicted_module_comes_from_the_store() {
    let storage = Arc::new(Artifacts::default());
    // No two modules fit.
    let modules = modules(&storage, 1);
    let codes = [contract(1), contract(2), contract(3)];
    let first: Vec<_> = codes.iter().map(|code| content(&get(&modules, code))).collect();
    for block in 1..=5 {
        for (code, first) in codes.iter().zip(&first) {
            assert!(content(&get(&modules, code)) == *first, "block {block}");
        }
        assert_eq!(modules.cache.size().0, 1);
        assert_eq!(storage.compilations(), 3, "block {block} compiled again");
        assert_eq!(storage.asked.load(Ordering::SeqCst), 3 + 3 * block);
    }
}

#[test]
fn m25_what_is_used_stays() {
    let storage = Arc::new(Artifacts::default());
    let one = get(&modules(&storage, ROOM), &contract(0)).expect("it is accepted").size;
    let modules = modules(&storage, 3 * (one + ENTRY_OVERHEAD_BYTES));
    for number in 1..20 {
        // The first is asked for between all others.
        for code in [contract(0), contract(number)] {
            drop(get(&modules, &code).expect("it is accepted"));
        }
    }
    assert_eq!(modules.cache.size().0, 3);
    // Once for its compilation, once each for the others; never again for the first.
    assert_eq!(storage.asked.load(Ordering::SeqCst), 1 + 20);
}

#[test]
fn m25_an_engine_with_an_empty_store_rebuilds_it() {
    let storage = Arc::new(Artifacts::default());
    let before = content(&get(&modules(&storage, ROOM), &contract(1)));
    let empty = Arc::new(Artifacts::default());
    let after = content(&get(&modules(&empty, ROOM), &contract(1)));
    assert!(before == after, "the same code, compiled twice, differs");
    assert_eq!(empty.only(), storage.only());
    // And a third engine finds it.
    let loaded = content(&get(&modules(&empty, ROOM), &contract(1)));
    assert!(loaded == before, "a stored module is another");
    assert_eq!(empty.compilations(), 1);
}

#[test]
fn s09_a_damaged_artifact_is_replaced_and_never_loaded() {
    let storage = Arc::new(Artifacts::default());
    let good = content(&get(&modules(&storage, ROOM), &contract(1)));
    let (key, artifact) = storage.only();
    // A good artifact of another module, which its digest ties to another key.
    let others = Arc::new(Artifacts::default());
    drop(get(&modules(&others, ROOM), &contract(2)));
    let mut damaged = vec![Vec::new(), vec![0; 32], others.only().1];
    damaged.extend([1, 31, 32, artifact.len() - 1].map(|len| artifact[..len].to_vec()));
    damaged.push([&artifact[..], &[0]].concat());
    // Digest, length of the facts, facts, code.
    let code = artifact.len() / 2;
    for at in [0, 31, 32, 35, 36, 40, 60, 100, code, artifact.len() - 1] {
        let mut flipped = artifact.clone();
        flipped[at] ^= 1;
        damaged.push(flipped);
    }
    for (number, bytes) in damaged.into_iter().enumerate() {
        storage.kept.lock().insert(key, bytes);
        let before = storage.compilations();
        assert!(content(&get(&modules(&storage, ROOM), &contract(1))) == good, "case {number}");
        assert_eq!(storage.compilations(), before + 1, "case {number} was not compiled again");
        assert_eq!(storage.only(), (key, artifact.clone()), "case {number} was not replaced");
    }
}

#[test]
fn s09_facts_come_with_the_compiled_form_and_need_no_code() {
    let storage = Arc::new(Artifacts::default());
    let good = content(&get(&modules(&storage, ROOM), &contract(1)));
    let unread = || Err(EngineError::Bug("its code was asked for".into()));
    let loaded = modules(&storage, ROOM).get(&default_prices(), &code_hash(&contract(1)), unread);
    assert!(content(&loaded.expect("it is loaded")) == good);
    assert_eq!(storage.compilations(), 1);
}

#[test]
fn s09_artifacts_of_other_prices_are_not_found() {
    let storage = Arc::new(Artifacts::default());
    drop(get(&modules(&storage, ROOM), &contract(1)));
    let mut costs = OperatorCosts::default();
    costs.memory_grow_page += 1;
    let code = contract(1);
    let modules = modules(&storage, ROOM);
    let dearer = modules.get(&Preparation::new(costs), &code_hash(&code), || Ok(code));
    drop(dearer.expect("nothing fails"));
    assert_eq!((storage.compilations(), storage.kept.lock().len()), (2, 2));
}

#[test]
fn m26_a_refused_module_is_looked_at_once() {
    let storage = Arc::new(Artifacts::default());
    let modules = modules(&storage, ROOM);
    let first = get(&modules, &refused(1)).err().expect("it is refused");
    for _ in 0..3 {
        let unread = || Err(EngineError::Bug("its code was asked for again".into()));
        let again = modules
            .get(&default_prices(), &code_hash(&refused(1)), unread)
            .expect("it is remembered");
        assert!(Arc::ptr_eq(&again.err().expect("it is refused"), &first));
    }
    // A refusal is nothing to store: the store was asked once, in vain.
    let asked = storage.asked.load(Ordering::SeqCst);
    assert_eq!((storage.compilations(), asked), (0, 1));
}

#[test]
fn m26_refused_modules_are_bounded_in_number() {
    let storage = Arc::new(Artifacts::default());
    let modules = modules(&storage, 100 * ENTRY_OVERHEAD_BYTES);
    for number in 0..1_000 {
        assert!(get(&modules, &refused(number)).is_err());
        let (entries, bytes) = modules.cache.size();
        assert!(entries <= 100 && bytes == entries * ENTRY_OVERHEAD_BYTES, "{entries} entries");
    }
    assert_eq!(modules.cache.size().0, 100);
}

#[test]
fn m26_a_refusal_fits_what_is_counted_for_it() {
    // The longest names a rejection can quote, twice.
    let name = "\u{10ffff}".repeat(1_000);
    let text = format!(r#"(module (import "{name}" "{name}" (func)))"#);
    let code: Arc<[u8]> = wat::parse_str(text).expect("valid text").into();
    let storage = Arc::new(Artifacts::default());
    let rejection = get(&modules(&storage, ROOM), &code).err().expect("it is refused");
    let quoted = 2 * prepare::limits::EXCERPT_BYTES_MAX;
    assert!(rejection.to_string().contains("does not exist"), "{rejection}");
    let own = size_of::<Rejection>() + size_of::<Mutex<Option<Verdict>>>();
    // Hash and entry, each in a map with some room to spare.
    let maps = 4 * (size_of::<Hash>() + 64);
    assert!(own + 2 * quoted + maps <= ENTRY_OVERHEAD_BYTES, "{} bytes", own + quoted + maps);
}

#[test]
fn m26_descriptions_and_names_count_as_memory() {
    // They are kept with the module, and were once left out: half a megabyte for each of
    // thousands of modules whose machine code is small.
    let described = |len: usize| -> Arc<[u8]> {
        let text = format!(
            r#"(module (memory (export "memory") 1) (func (export "run"))
                 (@custom "tos.description" "{}"))"#,
            "x".repeat(len)
        );
        wat::parse_str(text).expect("valid text").into()
    };
    let storage = Arc::new(Artifacts::default());
    let modules = modules(&storage, ROOM);
    let size = |code| get(&modules, &code).expect("it is accepted").size;
    assert!(size(described(400_000)) >= size(described(1)) + 399_999);
    let long = "x".repeat(60);
    let names: String =
        (0..1_000).map(|i| format!(r#"(export "{long}{i:03}" (func 0))"#)).collect();
    let text = format!(r#"(module (memory (export "memory") 1) (func) {names})"#);
    let named: Arc<[u8]> = wat::parse_str(text).expect("valid text").into();
    assert!(size(named) >= size(described(1)) + 63_000);
}

#[test]
fn m24_a_failing_store_is_the_engines_fault_and_leaves_nothing() {
    let storage = Arc::new(Artifacts { fails: true, ..Artifacts::default() });
    let modules = modules(&storage, ROOM);
    for number in 0..10 {
        let code = contract(number);
        let failed = modules.get(&default_prices(), &code_hash(&code), || Ok(code));
        assert!(matches!(failed, Err(EngineError::Storage(_))), "module {number}");
    }
    assert_eq!(modules.cache.size(), (0, 0), "failures add up");
    // Nor is a missing code a verdict.
    let storage = Arc::new(Artifacts::default());
    let modules = self::modules(&storage, ROOM);
    let missing =
        modules.get(&default_prices(), &Hash([9; 32]), || Err(EngineError::Bug("no code".into())));
    assert!(matches!(missing, Err(EngineError::Bug(_))));
    assert_eq!(modules.cache.size(), (0, 0), "failures add up");
}

#[test]
fn m24_what_the_compiler_refuses_is_the_engines_fault_and_no_verdict() {
    // An engine whose memories have one page refuses what our limits allow.
    let mut pool = profile::pool(1);
    pool.total_core_instances(1).total_memories(1).total_tables(1).max_memory_size(1 << 16);
    let mut wasmtime = profile::config(None, 1).expect("the host is known");
    wasmtime.allocation_strategy(wasmtime::InstanceAllocationStrategy::Pooling(pool));
    let engine = Engine::new(&wasmtime).expect("the change is possible");
    let storage: Arc<dyn Storage> = Arc::new(Artifacts::default());
    let modules = Modules::with_engine(engine, storage, config(ROOM));
    let modules = modules.expect("the linker is the same");
    drop(get(&modules, &contract(1)).expect("one page fits"));
    let two_pages = r#"(module (memory (export "memory") 2) (func (export "run")))"#;
    let code: Arc<[u8]> = wat::parse_str(two_pages).expect("valid text").into();
    let asked = AtomicUsize::new(0);
    for _ in 0..2 {
        let failed = modules.get(&default_prices(), &code_hash(&code), || {
            asked.fetch_add(1, Ordering::SeqCst);
            Ok(Arc::clone(&code))
        });
        assert!(matches!(failed, Err(EngineError::Sandbox(_))));
    }
    assert_eq!(asked.into_inner(), 2, "a failure was remembered as if it were a verdict");
    assert_eq!(modules.cache.size().0, 1);
}
