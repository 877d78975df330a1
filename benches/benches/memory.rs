//! How much memory does an account take while it is cached, and does a long run take more and more?
//! Touches more and more accounts and prints the growth of resident memory per account; then
//! commits a thousand blocks to a database and prints it every hundred. Linux only; prints so
//! elsewhere.

use tos_benches::{Mix, World, bench, chain};
use tos_runtime::{Amount, ContractEngine, MemoryStorage, RedbOptions, RedbStorage};

/// Accounts touched per step.
const STEP: usize = 100_000;
/// How often.
const STEPS: usize = 4;
/// Blocks of the long run.
const BLOCKS: u64 = 1_000;
/// Transactions in each of them.
const BLOCK_TXS: usize = 200;

fn main() {
    bench::print_machine();
    let Some(_) = resident_bytes() else {
        println!("resident memory is read from /proc, which this machine does not have");
        return;
    };
    let mut world = World::new(16, 1);
    let builder = ContractEngine::builder().storage(MemoryStorage::new()).genesis(world.genesis());
    let engine = bench::must(builder.build());
    bench::must(chain::set_up(&engine, &mut world));
    println!("{:>12} {:>16} {:>20}", "accounts", "resident bytes", "bytes per account");
    let mut last = resident_bytes().unwrap_or(0);
    for step in 1..=STEPS {
        // Reading an account caches it, whether it exists or not; nothing else grows.
        for idx in 0..STEP {
            let mut identity = [0x77; 32];
            identity[..8].copy_from_slice(&((step * STEP + idx) as u64).to_le_bytes());
            let address = tos_runtime::Address::Key(tos_runtime::PublicKey(identity));
            let account = bench::must(engine.account(&address));
            assert_eq!(account.native, Amount::ZERO);
        }
        let now = resident_bytes().unwrap_or(0);
        println!("{:>12} {:>16} {:>20}", step * STEP, now, now.saturating_sub(last) / STEP as u64);
        last = now;
    }
    drop(engine);
    long_run();
}

/// Mixed blocks on a database whose own bounds are reached early.
fn long_run() {
    let path = std::env::temp_dir().join(format!("tos-memory-{}.redb", std::process::id()));
    let mut world = World::new(5_000, 1);
    let options =
        RedbOptions { fold_bytes: 8 << 20, cache_bytes: 16 << 20, ..RedbOptions::default() };
    let storage = bench::must(RedbStorage::with_options(&path, options));
    let builder = ContractEngine::builder().storage(storage).genesis(world.genesis());
    let engine = bench::must(builder.build());
    bench::must(chain::set_up(&engine, &mut world));
    let mix = Mix { txs: BLOCK_TXS, ..Mix::default() };
    println!("\n{:>12} {:>16}", "blocks", "resident bytes");
    for number in 1..=BLOCKS {
        let transactions = mix.block(&mut world, number);
        let block = bench::must(chain::next_block(&engine, &world, transactions));
        bench::must(engine.commit(bench::must(engine.execute_block(&block))));
        if number % (BLOCKS / 10) == 0 {
            println!("{number:>12} {:>16}", resident_bytes().unwrap_or(0));
        }
    }
    drop(engine);
    let _ = std::fs::remove_file(path);
}

/// Resident memory of this process.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
