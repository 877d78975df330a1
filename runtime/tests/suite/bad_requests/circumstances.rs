//! Circumstances: processes that are stopped, run out of memory, or open an engine again and again.
//! What changes a whole process happens in one of its own, which is this binary with one test.

use std::path::Path;
use std::process::Command;

use tos_runtime::{ContractEngine, EngineConfig, EngineError, OpenError, RedbStorage, TopoHeight};

use super::child::{child_file, said, start};
use crate::support::{COUNTER, Call, Chain, Order, account, genesis, wasm};

/// The chain in this file.
fn open(file: &Path) -> Chain {
    Chain::on(RedbStorage::open(file).expect("it opens"), 40)
}

/// Payments and calls, one block after the other, each said once it is durable.
fn work(file: &Path, blocks: u64) {
    let mut chain = open(file);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    for _ in 0..blocks {
        let txs = (1..40)
            .map(|n| match n % 2 {
                0 => chain.send(n, Call::counter_add(counter, n)),
                _ => chain.send(n, Order::transfer(account(n + 100), 1)),
            })
            .collect();
        chain.run(txs);
        let tip = chain.engine.tip();
        println!("\nsaid: {} {}", tip.topoheight, tip.state_digest);
    }
}

#[test]
fn bad_c01_a_number_of_threads_out_of_range_is_refused_before_anything_is_written() {
    // Stacks are not configured: a worker's is what a guest may use and room for the host besides.
    for threads in [0, EngineConfig::THREADS_MAX + 1, 10_000] {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("chain.redb");
        let config = EngineConfig { max_parallel_threads: threads, ..EngineConfig::default() };
        let storage = RedbStorage::open(&file).expect("it opens");
        let builder = ContractEngine::builder().storage(storage).genesis(genesis(1));
        match builder.config(config).build().map(|engine| engine.tip()) {
            Err(EngineError::Open(error @ OpenError::Config { .. })) => {
                let text = error.to_string();
                let found = format!("{threads}");
                assert!(text.contains("1 to 256") && text.contains(&found), "{text}");
            }
            other => panic!("expected a configuration error, found {other:?}"),
        }
        let storage = RedbStorage::open(&file).expect("it opens");
        assert!(tos_runtime::Storage::meta(&storage).expect("it is read").is_none());
    }
}

#[test]
fn bad_s11_a_process_that_is_stopped_for_a_while_computes_the_same() {
    if let Some(file) = child_file() {
        return work(&file, 30);
    }
    let dir = tempfile::tempdir().expect("a folder");
    let run = |name: &str, stops: usize| {
        let this = "circumstances::bad_s11_a_process_that_is_stopped_for_a_while_computes_the_same";
        let mut child = start(this, "", &dir.path().join(name));
        let mut tips = Vec::new();
        let signal = |signal: &str, id: u32| {
            let sent = Command::new("kill").args([signal, &id.to_string()]).status();
            assert!(sent.expect("it is sent").success(), "{signal}");
        };
        for (idx, tip) in said(&mut child).enumerate() {
            tips.push(tip);
            if idx < stops {
                signal("-STOP", child.id());
                std::thread::sleep(std::time::Duration::from_millis(20));
                signal("-CONT", child.id());
            }
        }
        assert!(child.wait().expect("it ends").success());
        tips
    };
    let (stopped, undisturbed) = (run("stopped", 20), run("undisturbed", 0));
    assert_eq!(undisturbed.len(), 30);
    assert_eq!(stopped, undisturbed);
}

#[test]
fn bad_s12_a_process_without_memory_loses_nothing_it_acknowledged() {
    const BLOCKS: u64 = 60;
    if let Some(file) = child_file() {
        return work(&file, BLOCKS);
    }
    // KiB of memory that can be written to, about half way between too little to open and enough for
    // everything each time: that is where processes end in the middle.
    let (mut few, mut enough) = (10_000_u64, 1_000_000);
    assert_eq!(acknowledged_within(few), 0);
    assert_eq!(acknowledged_within(enough), BLOCKS);
    for _ in 0..9 {
        let middle = (few + enough) / 2;
        match acknowledged_within(middle) {
            BLOCKS => enough = middle,
            _ => few = middle,
        }
    }
}

/// How many blocks a process that may not have more memory than this acknowledges, having checked
/// that they are all there.
#[track_caller]
fn acknowledged_within(kibibytes: u64) -> u64 {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("chain.redb");
    let this = "circumstances::bad_s12_a_process_without_memory_loses_nothing_it_acknowledged";
    let mut child = start(this, &format!("ulimit -d {kibibytes};"), &file);
    let tips: Vec<_> = said(&mut child).collect();
    let _ = child.wait().expect("it ends");
    let Some(last) = tips.last() else { return 0 };
    let (height, digest) = last.split_once(' ').expect("a height and a digest");
    let height: u64 = height.parse().expect("a height");
    let tip = open(&file).engine.tip();
    // The one acknowledged last, or the one after it, which nobody had been told of.
    match tip.topoheight {
        TopoHeight(found) if found == height => assert_eq!(tip.state_digest.to_string(), digest),
        TopoHeight(found) => assert_eq!(found, height + 1, "{kibibytes} KiB"),
    }
    tips.len() as u64
}

#[test]
fn bad_q12_opening_and_closing_leaves_nothing_in_the_process() {
    let Some(file) = child_file() else {
        let dir = tempfile::tempdir().expect("a folder");
        let this = "circumstances::bad_q12_opening_and_closing_leaves_nothing_in_the_process";
        let mut child = start(this, "", &dir.path().join("chain.redb"));
        let said: Vec<_> = said(&mut child).collect();
        assert!(child.wait().expect("it ends").success(), "{said:?}");
        let cycles = said.last().expect("it says how often").parse::<usize>().expect("a number");
        assert!(cycles >= 60);
        return;
    };
    // The row says 10,000; that many take minutes and were run by hand.
    let cycles = std::env::var("TOS_OPEN_CYCLES").ok().map_or(60, |n| n.parse().expect("a number"));
    let count = |path: &str| std::fs::read_dir(path).map_or(0, Iterator::count);
    let held = || {
        // A thread that was joined is still listed for a moment: the least of a few looks.
        let looks = (0..20).map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(2));
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
            [count("/proc/self/fd"), count("/proc/self/task"), maps.lines().count()]
        });
        looks.reduce(|least, look| std::array::from_fn(|at| least[at].min(look[at]))).expect("20")
    };
    let mut first = None;
    for cycle in 0..cycles {
        let mut chain = open(&file);
        let tx = chain.send(1, Order::transfer(account(100), 1));
        chain.run(vec![tx]);
        if cycle % 20 == 0 {
            let counter = chain.deploy(wasm(COUNTER), &[]);
            chain.one(2, Call::counter_add(counter, 1));
        }
        drop(chain);
        if cycle == 20 {
            first = Some(held());
        }
    }
    let (before, after) = (first.expect("more than 20 cycles"), held());
    assert_eq!((before[0], before[1]), (after[0], after[1]), "descriptors and threads");
    // The allocator may keep a few mappings; a hundred engines that each kept one would be seen.
    assert!(after[2] <= before[2] + 20, "mappings: {before:?}, {after:?}");
    println!("\nsaid: {cycles}");
}
