//! How much memory does an account take while it is cached? Touches more and more accounts and
//! prints the growth of resident memory per account. Linux only; prints so elsewhere.

use tos_benches::{World, bench, chain};
use tos_runtime::{Amount, ContractEngine, MemoryStorage};

/// Accounts touched per step.
const STEP: usize = 100_000;
/// How often.
const STEPS: usize = 4;

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
}

/// Resident memory of this process.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
