//! All attacks of the hostile guest in one block, on many engines.

use tos_runtime::{AccessMode, Address, ContractId};

use crate::support::{
    Fleet, HOSTILE, Order, account, assert_conserved, codes, genesis, wasm, words,
};

/// An attack, its input, and the status code it ends with.
fn attacks() -> Vec<(&'static str, Vec<u8>, u32)> {
    const SUCCESS: u32 = 0;
    const ABORTED: u32 = 100;
    const OUT_OF_GAS: u32 = 200;
    const TRAP: u32 = 202;
    const STACK: u32 = 204;
    let key = |count: u32| [&words(&[count]), &b"key"[..]].concat();
    let pay = |amount: u64| {
        [Address::Key(crate::support::person(2)).to_bytes().as_slice(), &amount.to_le_bytes()]
            .concat()
    };
    vec![
        ("m15_exponential", vec![], OUT_OF_GAS),
        ("m16_recurse", words(&[1_000]), SUCCESS),
        ("m16_recurse", words(&[u32::MAX]), STACK),
        ("m17_spin", vec![], OUT_OF_GAS),
        ("m17_nops", vec![], OUT_OF_GAS),
        ("m17_plain", vec![], SUCCESS),
        ("m17_garbage", vec![], SUCCESS),
        ("m27_grow", words(&[1, 3]), SUCCESS),
        ("m27_grow", words(&[u32::MAX, 1]), OUT_OF_GAS),
        ("m28_fill", words(&[65_536, 2]), SUCCESS),
        ("m28_copy", words(&[65_536, 1]), TRAP),
        ("h04_value_over_key", (0..40).collect(), SUCCESS),
        ("h04_counter_over_address", vec![], SUCCESS),
        ("h24_overwritten", (0..32).collect(), SUCCESS),
        ("h06_read", key(20), SUCCESS),
        ("h06_read", key(u32::MAX), OUT_OF_GAS),
        ("h07_rewrite", words(&[20]), SUCCESS),
        ("h11_pay_twice", pay(3), SUCCESS),
        ("h13_log", words(&[101]), SUCCESS),
        ("h14_emit", words(&[70]), SUCCESS),
        ("h15_return_thrice", vec![], SUCCESS),
        ("h15_return_and_abort", vec![], ABORTED),
        ("h15_return_and_trap", vec![], TRAP),
        ("h23_everything", vec![], SUCCESS),
    ]
}

/// The exports of the hostile guest, by their names in the text.
fn exported() -> std::collections::BTreeSet<&'static str> {
    HOSTILE
        .split(r#"(func (export ""#)
        .skip(1)
        .map(|rest| rest.split('"').next().expect("split gives one at least"))
        .collect()
}

#[test]
fn all_attacks_together_end_the_same_at_every_thread_count() {
    let attacks = attacks();
    let tried: std::collections::BTreeSet<_> = attacks.iter().map(|(entry, ..)| *entry).collect();
    assert_eq!(tried, exported(), "every attack takes part");
    // Two copies of the guest, so that half of the attacks do not wait for the other half.
    let people = attacks.len() as u64 + 1;
    let fleet = Fleet::new(&genesis(people), 11);
    let deploy = |nonce| Order::deploy(wasm(HOSTILE), &[]).signed(0, nonce);
    let contracts: Vec<ContractId> =
        (0..2).map(|nonce| deploy(nonce).deployed_contract().expect("it is")).collect();
    let pay = |nonce, to: ContractId| Order::transfer(to, 100).signed(0, nonce);
    let first = vec![deploy(0), deploy(1), pay(2, contracts[0]), pay(3, contracts[1])];
    assert_eq!(codes(&fleet.run(first, "deployments")), [0; 4]);
    for round in 0..2 {
        let txs = (1..)
            .zip(&attacks)
            .map(|(number, (entry, input, _))| {
                let contract = contracts[number as usize % 2];
                let order = Order::invoke(contract, entry, input).gas_limit(1_000_000);
                let order = order.access(contract, AccessMode::Write);
                order.access(account(2), AccessMode::Credit).signed(number, round)
            })
            .collect();
        let outcome = fleet.run(txs, "attacks");
        assert_conserved(&outcome, "attacks");
        for ((entry, input, code), found) in attacks.iter().zip(codes(&outcome)) {
            assert_eq!(found, *code, "round {round}: {entry} {input:?}");
        }
    }
    assert!(fleet.parallel() > 0, "nothing was executed in parallel");
    fleet.close("attacks");
}
