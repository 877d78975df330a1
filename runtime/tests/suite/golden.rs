//! A fixed chain and the digests it must have: on every machine, with every compiler, for ever.
//!
//! A digest that moves is a change of the protocol: of gas, receipts, encodings or rules. To
//! re-record, run `the_recorded_chain_has_the_recorded_digests`, copy the left side of its failure
//! into `RECORDED`, and state under "State-affecting" in the change log what moved it. The guests
//! are assembled by the pinned `wat`; a release of it that encodes them otherwise moves the
//! contract ids and so everything else.

use tos_runtime::{AccessMode, AssetId, BlockOutcome, EngineConfig, Transaction};

use crate::support::{
    COUNTER, Call, Chain, GOLD, Order, SILVER, TOKEN, account, assert_conserved, codes, guest, wasm,
};

/// State digests after genesis and after each block.
const RECORDED: [&str; 6] = [
    "07f5fc51403a2aa08e1b00648edc79370a8c6214d93b195a556a26c164444d02",
    "ee304b0bdde913a21399006141f158847d22f94e7225241996bd4c9840246364",
    "316a4d918a12129b79ebc83b3e9ddaf0142f7b1b0443360c63fe0c568b7e627b",
    "f80885c66d3af657fef9a28c709fad5704e5ff57080b1df89997a1190710d7e9",
    "3f4cf0ae483b34667c4ef54ea129997d0759e2d8be527619e7130d86b0f99905",
    "c3c07d1c89c9290c0de6084e351ee360b3471f3e3add5648b99ddf2580c1911e",
];

/// Status codes of each block's transactions.
const RECORDED_CODES: [&[u32]; 5] = [
    &[0, 0, 0, 0, 105, 100],
    &[0, 0, 0, 0, 103, 999, 0],
    &[0, 0, 0, 0, 0, 0, 201, 0],
    &[0, 106, 0, 100, 200, 102, 101, 0],
    &[0, 0, 0, 0, 0],
];

/// The transactions of each block. Everything is written out: a random generator would move the
/// digests whenever somebody improves it.
fn transactions(chain: &mut Chain, height: u64) -> Vec<Transaction> {
    let supply = 1_000_000_u64.to_le_bytes();
    let deploy = |nonce, order: Order| {
        order.signed(0, nonce).deployed_contract().expect("it is a deployment")
    };
    let counter = deploy(0, Order::deploy(wasm(COUNTER), &[]));
    let token = deploy(1, Order::deploy(wasm(TOKEN), &supply));
    let events = deploy(2, Order::deploy(guest!("events"), &[]));
    let misfit = deploy(3, Order::deploy(guest!("undeclared"), &[]));
    let touch = [account(3).to_bytes().as_slice(), &[7]].concat();
    let two_topics = [2_u32.to_le_bytes().as_slice(), b"golden"].concat();
    let orders = match height {
        1 => vec![
            (0, Order::deploy(wasm(COUNTER), &[])),
            (0, Order::deploy(wasm(TOKEN), &supply)),
            (0, Order::deploy(guest!("events"), &[])),
            (0, Order::deploy(guest!("undeclared"), &[])),
            (1, Order::deploy(b"no module".to_vec(), &[])),
            (2, Order::deploy(wasm(TOKEN), b"bad")),
        ],
        2 => vec![
            (1, Order::transfer(account(2), 1_000).gas_price(3)),
            (2, Order::transfers(vec![(account(9), GOLD, 5), (account(2), SILVER, 6)])),
            (3, Order::burn(GOLD, 77)),
            (4, Order::transfer(counter, 12)),
            (5, Order::transfers(vec![(account(1), GOLD, 1), (account(1), SILVER, u64::MAX)])),
            (9, Order::transfer(account(1), 1)),
            (5, Order::transfer(account(5), 9)),
        ],
        3 => vec![
            (0, Call::token_transfer(token, account(1), 400)),
            (1, Call::token_transfer(token, account(9), 150)),
            (2, Call::counter_add(counter, u64::MAX)),
            (3, Call::counter_add(counter, 5).deposit(AssetId::NATIVE, 8)),
            (4, Call::counter_bump(counter)),
            (5, Order::invoke(events, "emit", &two_topics)),
            (2, Order::invoke(misfit, "touch", &touch)),
            (3, Order::invoke(events, "emit", &[5])),
        ],
        4 => vec![
            (0, Order::upgrade(counter, wasm(TOKEN), &[])),
            (1, Order::upgrade(token, wasm(COUNTER), &[])),
            // The old code: an upgrade is called from the next block on.
            (2, Call::counter_bump(counter)),
            (3, Call::token_transfer(token, account(1), 1)),
            (4, Call::counter_add(counter, 1).gas_limit(20_900)),
            (5, Order::invoke(counter, "nothing", &[]).deposit(GOLD, 4)),
            (2, Order::invoke(tos_runtime::ContractId([8; 32]), "x", &[])),
            (1, Order::burn(AssetId::NATIVE, 1_234)),
        ],
        _ => vec![
            (0, Order::upgrade(counter, wasm(COUNTER), &[])),
            (1, Order::transfers(vec![(account(9), GOLD, 1_000_000)])),
            (2, Order::transfers((0..20).map(|n| (account(n), SILVER, n)).collect())),
            (3, Order::invoke(events, "many", &3_u32.to_le_bytes())),
            (4, Order::invoke(token, "total_supply", &[]).access(token, AccessMode::Read)),
        ],
    };
    orders.into_iter().map(|(number, order)| chain.send(number, order)).collect()
}

#[test]
fn the_recorded_chain_has_the_recorded_digests() {
    let mut digests = [const { Vec::new() }; 2];
    for (threads, digests) in [1, 4].into_iter().zip(&mut digests) {
        let config = EngineConfig { max_parallel_threads: threads, ..EngineConfig::default() };
        let builder = tos_runtime::ContractEngine::builder().config(config);
        let mut chain = Chain::build(builder.genesis(crate::support::genesis(6)));
        digests.push(chain.engine.tip().state_digest.to_string());
        for height in 1..=5 {
            let txs = transactions(&mut chain, height);
            let block = chain.block(txs);
            // Odd blocks pay their fees to person 5, even ones burn them.
            let block = if height % 2 == 1 { block.with_beneficiary(account(5)) } else { block };
            let outcome: BlockOutcome = chain.execute_block(&block);
            assert_conserved(&outcome, &format!("block {height}"));
            assert_eq!(codes(&outcome), RECORDED_CODES[height as usize - 1], "block {height}");
            digests.push(outcome.state_digest().to_string());
            chain.engine.commit(outcome).expect("it commits");
        }
    }
    assert_eq!(digests[0], RECORDED, "the protocol changed");
    assert_eq!(digests[1], RECORDED, "four threads");
}
