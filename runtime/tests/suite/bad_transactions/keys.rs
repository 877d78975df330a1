//! T20, T21: signatures with twins, and sources that are no ordinary keys.
//!
//! Signatures follow ZIP-215: it accepts keys and points that stricter rules refuse, so that batch
//! and single verification agree on every node. What the catalogue wants from strictness, that a
//! transaction has one identity, follows from the id instead: the signature is not part of it.

use ed25519_zebra::VerificationKey;
use tos_runtime::{
    Amount, InvalidBlock, InvalidTransaction, Nonce, PublicKey, Signature, Transaction,
    UnverifiedBlock,
};

use crate::support::{CHAIN, Chain, FUNDS, GOLD, Order, account, fund, guest, key, person};

const BAD: InvalidTransaction = InvalidTransaction::BadSignature;

/// The order of the group that signatures calculate in, little-endian.
const GROUP_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// Encodings of points whose multiple by eight is zero; the last one is not canonical.
fn small_order_points() -> [[u8; 32]; 4] {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    let mut above = [0xff; 32];
    (above[0], above[31]) = (0xee, 0x7f);
    [[0; 32], identity, minus_one, above]
}

/// A signature that fits every message under a key of small order.
fn forged(point: [u8; 32]) -> Signature {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&point);
    Signature(bytes)
}

/// A transaction of `source` with a signature by nobody in particular.
fn of(source: [u8; 32], order: Order, signature: Signature) -> Transaction {
    let mut unsigned = order.unsigned(0, 0);
    unsigned.source = PublicKey(source);
    Transaction { unsigned, signature }
}

#[test]
fn bad_t20_the_malleable_twin_of_a_signature_does_not_verify() {
    let chain = Chain::new(1);
    let tx = Order::transfer(account(9), 1).signed(0, 0);
    let mut twin = tx.clone();
    let mut carry = 0;
    for (byte, add) in twin.signature.0[32..].iter_mut().zip(GROUP_ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    assert_eq!(carry, 0, "the twin fits the encoding");
    assert!(chain.engine.verify(tx).is_ok());
    chain.assert_not_verified(&twin, &BAD);
    // Nor does anything with one bit changed.
    for bit in 0..512 {
        let mut tx = Order::transfer(account(9), 1).signed(0, 0);
        tx.signature.0[bit / 8] ^= 1 << (bit % 8);
        chain.assert_not_verified(&tx, &BAD);
    }
}

#[test]
fn bad_t20_the_signature_is_no_part_of_the_id() {
    let tx = Order::transfer(account(9), 1).signed(0, 0);
    let twin = Transaction { signature: Signature([7; 64]), ..tx.clone() };
    assert_ne!(tx, twin);
    assert_eq!(tx.id(), twin.id());
    assert_ne!(tx.id(), Order::transfer(account(9), 2).signed(0, 0).id());
}

#[test]
fn bad_t20_two_signatures_of_one_transaction_are_one_transaction() {
    // Under a key of small order every message has several signatures, and anybody knows them.
    // Neither within a block nor in the next one does that execute anything twice.
    let [zero, identity, minus_one, _] = small_order_points();
    let params = tos_runtime::ProtocolParams::new(CHAIN);
    let genesis = fund(tos_runtime::Genesis::new(params), 0..1).with_balance(
        PublicKey(identity),
        tos_runtime::AssetId::NATIVE,
        Amount(FUNDS),
    );
    let mut chain = Chain::build(tos_runtime::ContractEngine::builder().genesis(genesis));
    let order = || Order::transfer(account(9), 5);
    let twins = [zero, identity, minus_one].map(|point| of(identity, order(), forged(point)));
    let block = chain.block(twins[..2].to_vec());
    chain.assert_refused(&block, &InvalidBlock::DuplicateTransaction { first: 0, second: 1 });
    assert!(chain.run(vec![twins[0].clone()])[0].is_ok());
    let replay = InvalidTransaction::NonceTooLow { expected: Nonce(1), found: Nonce(0) };
    for twin in &twins {
        chain.assert_not_included(twin.clone(), &replay);
    }
    assert_eq!(chain.balance(9), 5);
    // A block is the same block with either of them: it was committed and is remembered.
    let mut context = chain.engine.next_context(1_000);
    chain.engine.rollback_to(tos_runtime::TopoHeight(0)).expect("it rolls back");
    context.topoheight.0 = 1;
    context.parent = chain.engine.tip().state_digest;
    let hashes = twins.map(|twin| {
        let transactions = vec![twin];
        let block = UnverifiedBlock { context: context.clone(), beneficiary: None, transactions };
        chain.engine.verify_block(block).expect("it is well formed").hash()
    });
    assert!(hashes.iter().all(|hash| *hash == hashes[0]));
}

#[test]
fn bad_t20_batch_and_single_verification_agree_on_odd_points() {
    let chain = Chain::new(1);
    let params = chain.engine.params();
    let mut accepted = 0;
    for key in small_order_points() {
        for point in small_order_points() {
            let odd = of(key, Order::transfer(account(9), 1), forged(point));
            let alone = chain.engine.verify(odd.clone()).is_ok();
            // Alone in a batch, and among others.
            let batch = |txs| tos_runtime::verify_batch(txs, params).is_ok();
            let good = |nonce| Order::transfer(account(9), 1).signed(0, nonce);
            assert_eq!(batch(vec![odd.clone()]), alone);
            assert_eq!(batch(vec![good(0), odd.clone(), good(1)]), alone);
            accepted += usize::from(alone);
            // An ordinary half of a signature is no match for it.
            let mut wrong = odd;
            wrong.signature.0[32] = 1;
            chain.assert_not_verified(&wrong, &BAD);
        }
    }
    assert_eq!(accepted, 16, "ZIP-215 multiplies by the cofactor and reads any encoding");
}

#[test]
fn bad_t21_a_contract_cannot_be_a_source() {
    // A source is a key by its type. A contract's id in its place is a hash nobody has a key for.
    let mut chain = Chain::new(1);
    let contract = chain.deploy(guest!("pay"), &[]);
    chain.one(0, Order::transfer(contract, FUNDS / 2));
    let signature = Order::transfer(account(9), 1).signed(0, 0).signature;
    for signature in [signature, forged([0; 32]), Signature([0; 64]), Signature([0xff; 64])] {
        let tx = of(contract.0, Order::transfer(account(9), 1), signature);
        chain.assert_not_verified(&tx, &BAD);
    }
    // And even if there were one, the account of a key and of a contract are two accounts.
    let same_bytes = tos_runtime::Address::Key(PublicKey(contract.0));
    assert!(!chain.engine.account(&same_bytes).expect("it is read").exists());
}

#[test]
fn bad_t21_bytes_that_are_no_key_cannot_be_a_source() {
    let chain = Chain::new(1);
    let signature = Order::transfer(account(9), 1).signed(0, 0).signature;
    let mut no_keys = 0;
    for first in 2..=40 {
        let mut source = [0; 32];
        source[0] = first;
        no_keys += usize::from(VerificationKey::try_from(source).is_err());
        for signature in [signature, forged([0; 32])] {
            let tx = of(source, Order::transfer(account(9), 1), signature);
            chain.assert_not_verified(&tx, &BAD);
        }
    }
    assert!(no_keys > 10, "about half of all encodings are no point: {no_keys} of 39");
}

#[test]
fn bad_t21_the_key_of_all_zeroes_is_anybodys_and_can_do_no_harm() {
    // The catalogue refuses it. Under ZIP-215 it is a point of order four like any other key of
    // small order: a signature that was not made for it does not verify, but one that fits every
    // message is known to all. Whatever lands in its account is anybody's; nothing else is at risk,
    // since it is nobody's account by construction and cannot be made to be somebody's.
    let mut chain = Chain::new(1);
    let zero = [0; 32];
    let borrowed = Order::transfer(account(9), 1).signed(0, 0).signature;
    let tx = of(zero, Order::transfer(account(9), 1), borrowed);
    chain.assert_not_verified(&tx, &BAD);
    let tx = of(zero, Order::transfer(account(9), 1), forged(zero));
    let (needed, found) = (22_001, Amount::ZERO);
    chain.assert_not_included(tx, &InvalidTransaction::Unaffordable { needed, found });
    let list = vec![(PublicKey(zero).into(), tos_runtime::AssetId::NATIVE, 16_001)];
    chain.one(0, Order::transfers(list));
    let order = || Order::transfer(account(9), 1).gas_limit(16_000);
    assert!(chain.run(vec![of(zero, order(), forged(zero))])[0].is_ok());
    assert_eq!(chain.balance(9), 1);
    let replay = InvalidTransaction::NonceTooLow { expected: Nonce(1), found: Nonce(0) };
    chain.assert_not_included(of(zero, order(), forged(zero)), &replay);
}

#[test]
fn bad_t21_nobody_can_sign_for_somebody_else() {
    let chain = Chain::new(2);
    for order in [Order::transfer(account(1), 1), Order::burn(GOLD, 1)] {
        let mut unsigned = order.unsigned(0, 0);
        let signed = unsigned.clone().sign(&key(1));
        chain.assert_not_verified(&signed, &BAD);
        // A signature of one's own, moved to another's transaction.
        let own = unsigned.clone().sign(&key(0)).signature;
        unsigned.source = person(1);
        chain.assert_not_verified(&Transaction { unsigned, signature: own }, &BAD);
    }
}
