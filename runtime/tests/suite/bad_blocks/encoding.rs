//! B02, B03: bytes that are no block, or more than one.

use tos_runtime::{AccessMode, AssetId, Block, Hash, Transaction, UnverifiedBlock};

use crate::support::{COUNTER, Call, Chain, GOLD, Order, account, wasm};

/// A block with a transaction of every kind.
fn sample() -> UnverifiedBlock {
    let mut chain = Chain::new(2);
    let counter = chain.deploy(wasm(COUNTER), &[]);
    let transactions = vec![
        chain.send(0, Order::transfers(vec![(account(1), GOLD, 1), (account(0), GOLD, 2)])),
        chain.send(0, Order::burn(AssetId::NATIVE, 3)),
        chain.send(1, Order::deploy(b"code".to_vec(), b"in").deposit(GOLD, 4)),
        chain.send(1, Call::counter_add(counter, 5).access(account(0), AccessMode::Read)),
        chain.send(0, Order::upgrade(counter, b"code".to_vec(), b"in")),
    ];
    let context = chain.engine.next_context(1_000);
    UnverifiedBlock { context, beneficiary: Some(account(1)), transactions }
}

/// Where the number of transactions stands in a block without beneficiary: behind three `u64`, a
/// `u32`, a hash and one byte.
const COUNT_AT: usize = 3 * 8 + 4 + 32 + 1;

#[test]
fn bad_b02_a_block_cut_at_any_byte_is_no_block() {
    let bytes = sample().encode();
    for len in 0..bytes.len() {
        assert!(UnverifiedBlock::decode(&bytes[..len]).is_err(), "cut to {len} bytes");
    }
    assert_eq!(UnverifiedBlock::decode(&bytes).expect("it is whole"), sample());
}

#[test]
fn bad_b02_bytes_behind_a_block_or_transaction_are_refused() {
    let block = sample();
    let bytes = block.encode();
    for trailing in [&[0][..], &[0xff], &[0; 64], &bytes] {
        assert!(UnverifiedBlock::decode(&[&bytes, trailing].concat()).is_err());
        for tx in &block.transactions {
            let bytes = tx.encode();
            assert_eq!(&Transaction::decode(&bytes).expect("it is whole"), tx);
            assert!(Transaction::decode(&[&bytes, trailing].concat()).is_err());
        }
    }
}

#[test]
fn bad_b02_no_block_has_two_encodings() {
    // Lengths have a fixed width here, so there are no non-minimal ones to refuse. What the row is
    // after is that no other bytes mean the same block: whatever a changed byte still decodes to,
    // encodes to exactly the changed bytes.
    let bytes = sample().encode();
    let (mut decoded, mut refused) = (0, 0);
    for place in 0..bytes.len() {
        for flip in [0x01, 0x02, 0x04, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[place] ^= flip;
            match UnverifiedBlock::decode(&bytes) {
                Ok(block) => {
                    assert_eq!(block.encode(), bytes, "byte {place} changed by {flip:#x}");
                    decoded += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(decoded > 0 && refused > 0, "{decoded} decoded, {refused} refused");
}

#[test]
fn bad_b03_four_billion_transactions_in_no_bytes_are_refused_before_allocating() {
    let context = sample().context;
    let mut bytes = UnverifiedBlock { context, beneficiary: None, transactions: vec![] }.encode();
    assert_eq!(bytes.len(), COUNT_AT + 4, "the layout of an empty block");
    bytes[COUNT_AT..].fill(0xff);
    // That many transactions would take more than a terabyte: reserving it would abort the test.
    assert!(UnverifiedBlock::decode(&bytes).is_err());
    // One more than there are, where everything else is whole.
    let mut block = sample();
    block.beneficiary = None;
    let mut bytes = block.encode();
    bytes[COUNT_AT] += 1;
    assert!(UnverifiedBlock::decode(&bytes).is_err());
}

#[test]
fn bad_b03_a_length_of_four_gigabytes_at_any_place_is_refused_or_no_length() {
    let bytes = sample().encode();
    let mut refused = 0;
    for place in 0..bytes.len() - 4 {
        let mut bytes = bytes.clone();
        bytes[place..place + 4].fill(0xff);
        match UnverifiedBlock::decode(&bytes) {
            // The place holds a number, a key or a hash.
            Ok(block) => assert_eq!(block.encode(), bytes, "place {place}"),
            Err(_) => refused += 1,
        }
    }
    // At least the lengths: transactions; five access lists; transfers; code, input and deposits;
    // entry, input and deposits; code and input.
    assert!(refused >= 15, "{refused} places refused");
}

#[test]
fn bad_b02_an_unknown_tag_in_a_block_is_refused() {
    let block = sample();
    let tag = COUNT_AT - 1;
    let mut bytes = block.encode();
    assert_eq!(bytes[tag], 1, "the beneficiary is there");
    for unknown in 2..=u8::MAX {
        bytes[tag] = unknown;
        assert!(UnverifiedBlock::decode(&bytes).is_err(), "beneficiary tag {unknown}");
    }
}

#[test]
fn bad_b02_the_same_bytes_are_the_same_block() {
    let mut chain = Chain::new(2);
    let tx = chain.send(0, Order::transfer(account(1), 7));
    let context = chain.engine.next_context(1_000);
    let block = UnverifiedBlock { context, beneficiary: None, transactions: vec![tx] };
    let hash = |block: UnverifiedBlock| -> Hash {
        let block: Block = chain.engine.verify_block(block).expect("it is well formed");
        block.hash()
    };
    let decoded = UnverifiedBlock::decode(&block.encode()).expect("it is whole");
    assert_eq!(hash(decoded), hash(block.clone()));
    let mut other = block.clone();
    other.transactions[0] = Order::transfer(account(1), 8).signed(0, 0);
    assert_ne!(hash(other), hash(block));
}
