//! B04 to B07: blocks with too much in them, something twice, or something unsigned.

use tos_runtime::{
    AssetId, Block, Gas, InvalidBlock, InvalidTransaction, Transaction, TxIndex, UnverifiedBlock,
    VerifiedTransaction,
};

use crate::support::{Chain, GOLD, Order, account, assert_invalid_block, wasm};

/// Four transfers of four people.
fn four(chain: &mut Chain) -> Vec<Transaction> {
    (0..4).map(|number| chain.send(number, Order::transfer(account(9), 1))).collect()
}

#[test]
fn bad_b04_one_transaction_more_than_the_limit_is_refused() {
    let mut chain = Chain::with_params(4, |params| params.block_transactions_max = 3);
    let txs = four(&mut chain);
    let block = chain.block(txs.clone());
    chain.assert_refused(&block, &InvalidBlock::TooManyTransactions { limit: 3, found: 4 });
    let results = chain.run(txs[..3].to_vec());
    assert!(results.iter().flatten().all(|receipt| receipt.status.is_success()));
    assert_eq!(results.len(), 3);
    assert_eq!(chain.nonce(3), 0);
}

#[test]
fn bad_b04_one_byte_more_than_the_limit_is_refused() {
    let mut chain = Chain::new(4);
    let txs = four(&mut chain);
    let size: usize = txs.iter().map(|tx| tx.encode().len()).sum();
    let size = size as u64;
    let mut exact = Chain::with_params(4, |params| params.block_bytes_max = size);
    assert!(exact.run(txs.clone()).iter().all(Result::is_ok));
    let mut short = Chain::with_params(4, |params| params.block_bytes_max = size - 1);
    let block = short.block(txs);
    short.assert_refused(&block, &InvalidBlock::TooManyBytes { limit: size - 1, found: size });
    assert_eq!(short.nonce(0), 0);
}

#[test]
fn bad_b04_the_size_of_a_transaction_is_the_length_of_its_encoding() {
    // The size once counted the domain tag of the signed bytes, which is never sent: blocks were
    // refused 27 bytes per transaction below the limit.
    let chain = Chain::new(1);
    for order in [
        Order::transfer(account(1), 1),
        Order::transfers(vec![]),
        Order::burn(GOLD, 1),
        Order::deploy(wasm(crate::support::COUNTER), &[1, 2, 3]).deposit(AssetId::NATIVE, 1),
    ] {
        let tx = order.signed(0, 0);
        let len = tx.encode().len() as u64;
        assert_eq!(chain.engine.verify(tx).expect("it is well formed").size(), len);
    }
}

#[test]
fn bad_b05_declared_gas_one_above_the_limit_is_refused() {
    let mut chain = Chain::with_params(4, |params| params.block_gas_limit = Gas(44_000));
    let send = |chain: &mut Chain, number, gas_limit| {
        chain.send(number, Order::transfer(account(9), 1).gas_limit(gas_limit))
    };
    let txs = vec![send(&mut chain, 0, 22_000), send(&mut chain, 1, 22_001)];
    let block = chain.block(txs);
    let expected = InvalidBlock::TooMuchGas { limit: Gas(44_000), found: 44_001 };
    chain.assert_refused(&block, &expected);
    let txs = vec![send(&mut chain, 0, 22_000), send(&mut chain, 1, 22_000)];
    assert!(chain.run(txs).iter().all(Result::is_ok), "exactly the limit is fine");
}

#[test]
fn bad_b05_gas_of_transactions_that_are_not_included_counts_too() {
    // Whether a transaction is included is known only after those before it have run, so a block's
    // gas is what its transactions declare, not what they use.
    let mut chain = Chain::with_params(2, |params| params.block_gas_limit = Gas(44_000));
    let unused = Order::transfer(account(9), 1).gas_limit(22_001).signed(1, 77);
    let txs = vec![chain.send(0, Order::transfer(account(9), 1)), unused];
    let block = chain.block(txs);
    let expected = InvalidBlock::TooMuchGas { limit: Gas(44_000), found: 44_001 };
    chain.assert_refused(&block, &expected);
}

#[test]
fn bad_b05_gas_sum_overflow_is_refused_and_the_largest_sum_is_not() {
    let mut chain = Chain::with_params(3, |params| {
        params.transaction_gas_limit = Gas(u64::MAX);
        params.block_gas_limit = Gas(u64::MAX);
    });
    let all = Order::transfer(account(9), 1).gas_limit(u64::MAX).gas_price(0);
    let block =
        chain.block(vec![all.clone().signed(0, 0), all.clone().signed(1, 0), all.signed(2, 0)]);
    let found = 3 * u128::from(u64::MAX);
    chain.assert_refused(&block, &InvalidBlock::TooMuchGas { limit: Gas(u64::MAX), found });
    // Two whose sum is exactly the largest number.
    let half = |gas_limit| Order::transfer(account(9), 1).gas_limit(gas_limit).gas_price(0);
    let (low, high) = (u64::MAX / 2, u64::MAX / 2 + 1);
    let results = chain.run(vec![half(low).signed(0, 0), half(high).signed(1, 0)]);
    assert!(results.iter().flatten().all(|receipt| receipt.gas_used == Gas(16_000)));
    assert_eq!(chain.balance(9), 2);
}

#[test]
fn bad_b06_the_same_transaction_twice_is_refused() {
    let mut chain = Chain::new(4);
    let mut txs = four(&mut chain);
    txs.push(txs[1].clone());
    let block = chain.block(txs);
    chain.assert_refused(&block, &InvalidBlock::DuplicateTransaction { first: 1, second: 4 });
    assert_eq!(chain.nonce(1), 0);
}

/// Blocks whose signatures are verified in parts on several workers.
const MANY: u64 = 10_000;

fn many_signed() -> Vec<Transaction> {
    (0..MANY).map(|tx| Order::transfer(account(9), tx).signed(tx % 4, tx / 4)).collect()
}

#[test]
fn bad_b07_one_bad_signature_among_ten_thousand_is_found() {
    let chain = Chain::with_threads(4, 4);
    let good = many_signed();
    let context = chain.engine.next_context(1_000);
    let verify = |transactions: Vec<Transaction>| {
        let context = context.clone();
        chain.engine.verify_block(UnverifiedBlock { context, beneficiary: None, transactions })
    };
    // First, last, and around the borders of the parts.
    for index in [0, 15, 16, 63, 64, 6_543, 9_999_u32] {
        let mut txs = good.clone();
        txs[index as usize].signature.0[7] ^= 1;
        assert_invalid_block(verify(txs), &bad_signature(index));
    }
    // Of several faults the first is reported, whatever kind it is and whoever finds it first.
    let mut txs = good.clone();
    txs[9_000].signature.0[7] ^= 1;
    txs[8_999].unsigned.gas_limit = Gas(0);
    txs[300].signature.0[7] ^= 1;
    txs[4_000].signature.0[7] ^= 1;
    assert_invalid_block(verify(txs), &bad_signature(300));
    let block = verify(good).expect("all signatures are good");
    assert_eq!(block.transactions().len() as u64, MANY);
    assert_eq!(chain.engine.tip().topoheight.0, 0);
}

fn bad_signature(index: TxIndex) -> InvalidBlock {
    InvalidBlock::Transaction { index, reason: InvalidTransaction::BadSignature }
}

#[test]
fn bad_b07_a_transaction_verified_for_another_chain_is_refused() {
    // The proof that a transaction was verified is only worth something under the same parameters.
    let mut chain = Chain::new(2);
    let other = Chain::with_params(2, |params| params.block_gas_limit = Gas(1));
    let own = chain.send(0, Order::transfer(account(1), 1));
    let foreign = chain.send(1, Order::transfer(account(0), 1));
    let mut txs: Vec<VerifiedTransaction> = chain.verified(vec![own]);
    txs.extend(other.verified(vec![foreign]));
    let block = Block::new(chain.engine.next_context(1_000), txs);
    chain.assert_refused(&block, &InvalidBlock::ForeignVerification { index: 1 });
}
