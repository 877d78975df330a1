//! All attacks of the hostile guest in one block, on many engines.

use tos_runtime::{AccessMode, Address, ContractId};

use crate::support::{
    Fleet, HOSTILE, Order, account, assert_conserved, codes, genesis, wasm, words,
};

/// An attack, its input, and the status code it ends with. The attacks that call another contract
/// call `other`.
fn attacks(other: ContractId) -> Vec<(&'static str, Vec<u8>, u32)> {
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
    let other = Address::Contract(other).to_bytes();
    let through = |depth: u32| [&words(&[depth, 9]), &other[..]].concat();
    let give = [&other[..], &u64::MAX.to_le_bytes()].concat();
    let survive = |entry: &str| {
        let gas = 1_000_000_u64.to_le_bytes();
        [&other[..], &gas, &[entry.len() as u8], entry.as_bytes()].concat()
    };
    vec![
        ("m16_recurse_through", through(3), SUCCESS),
        ("m16_recurse_through", through(u32::MAX), STACK),
        ("h16_relay", [other, other].concat(), SUCCESS),
        ("h17_gas", vec![], SUCCESS),
        ("h17_give", give, SUCCESS),
        ("h18_survive", survive("h18_everything_then_trap"), SUCCESS),
        ("h18_survive", survive("h19_everything_then_abort"), SUCCESS),
        ("h18_survive", survive("h23_everything"), SUCCESS),
        ("h18_stale", other.to_vec(), SUCCESS),
        ("h18_everything_then_trap", vec![], TRAP),
        ("h19_everything_then_abort", vec![], ABORTED),
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

fn calls_another(entry: &str) -> bool {
    ["h18_survive", "h18_stale", "h17_give", "h16_relay", "m16_recurse_through"].contains(&entry)
}

/// The exports of the hostile guest, by their names in the text.
fn exported() -> std::collections::BTreeSet<&'static str> {
    HOSTILE
        .split(r#"(export ""#)
        .skip(1)
        .map(|rest| rest.split('"').next().expect("split gives one at least"))
        .filter(|name| *name != "memory")
        .collect()
}

#[test]
fn all_attacks_together_end_the_same_at_every_thread_count() {
    let deploy = |nonce| Order::deploy(wasm(HOSTILE), &[]).signed(0, nonce);
    let contracts: Vec<ContractId> =
        (0..3).map(|nonce| deploy(nonce).deployed_contract().expect("it is")).collect();
    let attacks = attacks(contracts[2]);
    let tried: std::collections::BTreeSet<_> = attacks.iter().map(|(entry, ..)| *entry).collect();
    assert_eq!(tried, exported(), "every attack takes part");
    // Two copies of the guest, so that half of the attacks do not wait for the other half, and a
    // third one that both call.
    let people = attacks.len() as u64 + 1;
    let fleet = Fleet::new(&genesis(people), 11);
    let pay = |nonce, to: ContractId| Order::transfer(to, 100).signed(0, nonce);
    let mut first: Vec<_> = (0..3).map(deploy).collect();
    first.extend((3..).zip(&contracts).map(|(nonce, contract)| pay(nonce, *contract)));
    assert_eq!(codes(&fleet.run(first, "deployments")), [0; 6]);
    for round in 0..2 {
        let txs = (1..)
            .zip(&attacks)
            .map(|(number, (entry, input, _))| {
                let contract = contracts[number as usize % 2];
                let order = Order::invoke(contract, entry, input).gas_limit(4_000_000);
                let order = order.access(contract, AccessMode::Write);
                // Only those that call the third wait for each other there.
                let order = match calls_another(entry) {
                    true => order.access(contracts[2], AccessMode::Write),
                    false => order,
                };
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
