//! Randomness that everybody can compute.

use std::collections::BTreeSet;

use crate::support::{Chain, Forward, Order, Reported, account, guest, receipt};

#[test]
fn random_bytes_differ_by_block_transaction_and_request_and_repeat_when_executed_again() {
    let mut chain = Chain::new(4);
    let random = chain.deploy(guest!("random"), &[]);
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        let txs = (0..4).map(|n| chain.send(n, Order::invoke(random, "draw", &[]))).collect();
        // `run` executes twice, by both executors, and compares.
        for result in chain.run(txs) {
            let bytes = &result.as_ref().expect("it is included").return_data;
            assert_eq!(bytes.len(), 64);
            assert!(seen.insert(bytes[..32].to_vec()) && seen.insert(bytes[32..].to_vec()));
        }
    }
    assert_eq!(seen.len(), 24);
}

#[test]
fn a_stream_does_not_depend_on_what_others_took() {
    let mut chain = Chain::new(4);
    let random = chain.deploy(guest!("random"), &[]);
    let draw = || Order::invoke(random, "draw", &[]);
    let mut second_after = |first: Order| {
        let txs = vec![chain.send(1, first), chain.send(2, draw())];
        receipt(&chain.execute(txs), 1).return_data.clone()
    };
    assert_eq!(second_after(draw()), second_after(Order::transfer(account(3), 1)));
}

#[test]
fn callees_continue_the_stream_of_their_transaction() {
    let mut chain = Chain::new(4);
    let random = chain.deploy(guest!("random"), &[]);
    let proxy = chain.deploy(guest!("proxy"), &[]);
    let direct = chain.execute_one(1, Order::invoke(random, "draw", &[]));
    // The same place in the same block, through a proxy: the same bytes, whoever asks.
    let forwarded = chain.execute_one(1, Forward::new(random, "draw", &[]).order(proxy));
    assert_eq!(Reported::of(&forwarded).return_data, direct.return_data);
}
