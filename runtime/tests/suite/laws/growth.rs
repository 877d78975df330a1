//! State that grows is paid for by the byte, whichever way it grows.

use tos_runtime::{AccessMode, AssetId, BlockOutcome, StateValue};

use crate::support::{COUNTER, Call, Chain, GOLD, Order, SILVER, account, guest, receipt, wasm};

/// Bytes a block makes the state larger by: encoded keys and values, and what a database adds to
/// each pair (redb: two offsets in a leaf, and its share of the branches above).
fn growth(outcome: &BlockOutcome) -> u64 {
    const FRAMING: usize = 16;
    let encoded = |value: &StateValue| borsh::to_vec(value).expect("encodes").len();
    let mut bytes = 0_i64;
    for change in outcome.change_set().changes() {
        let key = borsh::to_vec(&change.key).expect("encodes").len() + FRAMING;
        let size =
            |value: &Option<_>| value.as_ref().map_or(0, |value| (key + encoded(value)) as i64);
        bytes += size(&change.new) - size(&change.old);
    }
    u64::try_from(bytes).unwrap_or(0)
}

#[test]
fn whoever_makes_the_state_grow_pays_for_every_byte() {
    let mut chain = Chain::new(4);
    let store = chain.deploy(guest!("store"), &[]);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    let pay = chain.deploy(guest!("pay"), &[]);
    chain.one(0, Order::transfers(vec![(pay.into(), GOLD, 10)]));
    let many = |asset| (100..350).map(|number| (account(number), asset, 1)).collect();
    let write = |key_len: u32, value_len: usize| {
        let input = [
            &account(1).to_bytes()[..],
            &key_len.to_le_bytes(),
            &vec![7; key_len as usize + value_len],
        ];
        Order::invoke(store, "write", &input.concat()).gas_limit(50_000_000)
    };
    let to_new = [&account(999).to_bytes()[..], &GOLD.0, &7_u64.to_le_bytes()].concat();
    let orders = [
        Order::transfers(many(AssetId::NATIVE)),
        Order::transfers(many(GOLD)),
        Order::transfers(many(SILVER)),
        Call::counter_add(counter, 1),
        write(1, 0),
        write(255, 1),
        write(20, 60_000),
        Order::invoke(pay, "pay", &to_new)
            .access(pay, AccessMode::Write)
            .access(account(999), AccessMode::Credit),
        Order::invoke(counter, "bump", &[]).access(counter, AccessMode::Write).deposit(GOLD, 1),
        Order::deploy(wasm(COUNTER), &[]),
        Order::deploy(guest!("spin"), &[]),
    ];
    let price = chain.engine.params().costs.state_byte;
    for (idx, order) in orders.into_iter().enumerate() {
        let tx = chain.send(1, order);
        let outcome = chain.execute(vec![tx]);
        let (receipt, bytes) = (receipt(&outcome, 0), growth(&outcome));
        assert!(receipt.status.is_success() && bytes > 0, "order {idx}: {}", receipt.status);
        let paid = receipt.gas_used.0;
        assert!(paid >= price * bytes, "order {idx} pays {paid} for {bytes} bytes");
        chain.engine.commit(outcome).expect("it commits");
    }
    // A slot that keeps its size costs its writing only, and one that shrinks earns nothing.
    let mut again = |value_len| chain.one(1, write(20, value_len)).gas_used.0;
    let (same, smaller) = (again(60_000), again(10));
    assert!(same < price * 60_000 && smaller < same);
}
