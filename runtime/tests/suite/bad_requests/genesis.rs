//! C04: beginnings of chains that somebody wrote carelessly: in any order, with somebody twice,
//! with more than there can be, and with very many.

use tos_runtime::{
    Address, Allocation, Amount, AssetId, ContractEngine, ContractId, EngineError, Genesis, Hash,
    MemoryStorage, OpenError, ProtocolParams, RedbStorage, Storage,
};

use super::child::{child_file, said, start};
use crate::support::{CHAIN, FailingStorage, GOLD, Rng, SILVER, account};

/// Somebody for whom no key is needed.
fn stranger(number: u64) -> Address {
    let mut id = [0xc4; 32];
    // Not in ascending order.
    id[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    ContractId(id).into()
}

/// This many accounts with native units, and a few assets besides.
fn allocations(accounts: u64) -> Vec<Allocation> {
    let mut list = Vec::new();
    for number in 0..accounts {
        let who = stranger(number);
        list.push(Allocation { account: who, asset: AssetId::NATIVE, amount: Amount(number) });
        match number % 5 {
            0 => list.push(Allocation { account: who, asset: GOLD, amount: Amount(7) }),
            1 => list.push(Allocation { account: who, asset: SILVER, amount: Amount(0) }),
            _ => {}
        }
    }
    list
}

fn genesis(allocations: Vec<Allocation>) -> Genesis {
    Genesis { params: ProtocolParams::new(CHAIN), allocations }
}

fn open(storage: impl Storage, genesis: Genesis) -> Result<ContractEngine, EngineError> {
    ContractEngine::builder().storage(storage).genesis(genesis).build()
}

fn digest(allocations: Vec<Allocation>) -> Hash {
    let engine = open(MemoryStorage::new(), genesis(allocations)).expect("it is consistent");
    engine.tip().state_digest
}

#[test]
fn bad_c04_the_order_of_a_genesis_changes_nothing_and_every_value_of_it_does() {
    let sorted = {
        let mut list = allocations(500);
        list.sort_by_key(|it| (it.account, it.asset));
        list
    };
    let expected = digest(sorted.clone());
    let mut rng = Rng::new(0xc04);
    for _ in 0..5 {
        let mut list = sorted.clone();
        for place in (1..list.len()).rev() {
            list.swap(place, rng.below(place as u64 + 1) as usize);
        }
        assert_ne!(list, sorted);
        assert_eq!(digest(list), expected, "in another order");
    }
    // The chain in a storage is the one that somebody else wrote down otherwise.
    let storage = FailingStorage::new();
    let first = open(storage.clone(), genesis(sorted.clone())).expect("it begins").tip();
    let reversed = sorted.iter().rev().cloned().collect();
    assert_eq!(open(storage.clone(), genesis(reversed)).expect("it is the same").tip(), first);
    let mut richer = sorted;
    richer[250].amount.0 += 1;
    match open(storage, genesis(richer)).map(|engine| engine.tip()) {
        Err(EngineError::Open(OpenError::GenesisMismatch { stored, given })) => {
            assert_eq!(stored, expected);
            assert_ne!(given, expected);
        }
        other => panic!("expected GenesisMismatch, found {other:?}"),
    }
}

#[test]
fn bad_c04_a_genesis_that_contradicts_itself_is_refused_and_nothing_is_written() {
    let sound = allocations(50);
    let again = |amount, asset| {
        let mut list = sound.clone();
        // Far from the first one, and whatever it says.
        list.push(Allocation { account: stranger(5), asset, amount: Amount(amount) });
        list
    };
    let too_much = |asset| {
        let mut list = sound.clone();
        let given: u64 = list.iter().filter(|it| it.asset == asset).map(|it| it.amount.0).sum();
        let amount = Amount(u64::MAX - given + 1);
        list.push(Allocation { account: account(1), asset, amount });
        (list, asset)
    };
    let twice = |asset: AssetId| format!("{} is allocated {asset} twice", stranger(5));
    let more = |asset: AssetId| format!("allocations of {asset} add up to more than 2^64 - 1");
    let mut cases = vec![
        (again(5, AssetId::NATIVE), twice(AssetId::NATIVE)),
        (again(6, AssetId::NATIVE), twice(AssetId::NATIVE)),
        (again(0, GOLD), twice(GOLD)),
    ];
    for (list, asset) in [AssetId::NATIVE, GOLD].map(too_much) {
        // A unit less is all there can be.
        let mut most = list.clone();
        most.last_mut().expect("it was pushed").amount.0 -= 1;
        digest(most);
        cases.push((list, more(asset)));
    }
    for (list, expected) in cases {
        let storage = FailingStorage::new();
        match open(storage.clone(), genesis(list)).map(|engine| engine.tip()) {
            Err(EngineError::Open(error @ OpenError::Genesis(_))) => {
                assert_eq!(error.to_string(), format!("genesis is inconsistent: {expected}"));
            }
            other => panic!("{expected}: found {other:?}"),
        }
        assert_eq!(storage.meta().expect("it is read"), None, "{expected}");
    }
}

/// Accounts of a large beginning.
const MANY: u64 = 30_000;
/// Bytes that beginning a chain may take for an account, besides its allocation: values, the change
/// set and its encoding, the record, and what the database keeps of it. About 650 are used.
const BYTES_EACH_MAX: u64 = 2_500;

#[test]
fn bad_c04_a_large_genesis_takes_memory_in_proportion_to_its_length() {
    const THIS: &str = "genesis::bad_c04_a_large_genesis_takes_memory_in_proportion_to_its_length";
    if let Some(file) = child_file() {
        // What is measured is the largest amount ever, so the small one comes first.
        let mut peaks = Vec::new();
        for accounts in [MANY / 10, MANY] {
            let path = file.with_extension(accounts.to_string());
            let storage = RedbStorage::open(path).expect("it opens");
            let engine = open(storage, genesis(allocations(accounts))).expect("it begins");
            let last = engine.balance(&stranger(accounts - 1), AssetId::NATIVE);
            assert_eq!(last.expect("it is read"), Amount(accounts - 1));
            drop(engine);
            peaks.push(peak_kibibytes());
        }
        println!("\nsaid: {} {}", peaks[0], peaks[1]);
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let mut child = start(THIS, "", &dir.path().join("chain"));
    let said: Vec<String> = said(&mut child).collect();
    assert!(child.wait().expect("it ends").success(), "{said:?}");
    let peaks = said.last().and_then(|line| line.split_once(' ')).expect("two numbers");
    let [small, large] = [peaks.0, peaks.1].map(|peak| peak.parse::<u64>().expect("a number"));
    let grown = (large - small) * 1024;
    let each = grown / (MANY - MANY / 10);
    println!("{each} bytes for each account");
    assert!(each <= BYTES_EACH_MAX, "{each} bytes for each account, {small} and {large} KiB");
    assert!(each > 100, "{each} bytes: the measurement sees nothing");
}

/// The most memory this process ever had.
fn peak_kibibytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the system tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it is there");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
