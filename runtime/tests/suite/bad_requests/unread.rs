//! Q06 and Q07: answers that nobody reads, and blocks that somebody says have been checked.

use borsh::BorshDeserialize;
use tos_runtime::{
    AsyncEngine, Block, ContractEngine, EngineError, InvalidBlock, InvalidTransaction, TopoHeight,
    UnverifiedBlock, VerifiedTransaction,
};

use crate::support::{Chain, FailingStorage, Order, account};

const BLOCKS: u64 = 100;

/// The block of a height on the tip.
fn next(engine: &ContractEngine) -> Block {
    let context = engine.next_context(0);
    let tx = Order::transfer(account(8), 1).signed(1, context.topoheight.0 - 1);
    Block::new(context, vec![engine.verify(tx).expect("it is well formed")])
}

#[test]
fn bad_q06_answers_that_nobody_reads_hold_up_nobody() {
    // There are no subscriptions: an observer is called, never queued for. What a caller can leave
    // unread is the answers to its own requests; each has room for itself and holds nothing else.
    let storage = FailingStorage::new();
    let chain = Chain::on(storage.clone(), 3);
    let mut unread = Vec::new();
    for _ in 0..BLOCKS {
        let outcome = chain.engine.execute_block(&next(&chain.engine)).expect("it executes");
        unread.push(chain.engine.commit_in_background(outcome).expect("it is staged"));
    }
    // Somebody else who does ask hears of all of them.
    chain.engine.rollback_to(TopoHeight(BLOCKS)).expect("everything is durable, nothing undone");
    assert_eq!(storage.commits(), (0..=BLOCKS).collect::<Vec<_>>());

    let engine = AsyncEngine::new(chain.engine.clone()).expect("its threads start");
    let mut unread_futures = Vec::new();
    for height in BLOCKS + 1..=2 * BLOCKS {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("it starts");
        let block = next(&chain.engine);
        // Also one whose answer nobody ever wants.
        drop(engine.execute_block(block.clone()));
        let outcome = runtime.block_on(engine.execute_block(block)).expect("it executes");
        unread_futures.push(engine.commit(outcome));
        while chain.engine.tip().topoheight.0 < height {
            std::thread::yield_now();
        }
    }
    drop(engine);
    chain.engine.rollback_to(TopoHeight(2 * BLOCKS)).expect("everything is durable");
    assert_eq!(storage.commits().len() as u64, 2 * BLOCKS + 1);

    // The engine and its storage are gone with the last handle; the answers are still there.
    drop(chain);
    assert_eq!(Chain::on(storage, 3).engine.tip().topoheight, TopoHeight(2 * BLOCKS));
    unread.into_iter().for_each(|commit| commit.wait().expect("it was durable"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("it starts");
    for commit in unread_futures {
        runtime.block_on(commit).expect("it was durable");
    }
}

/// Compiles only if a type cannot be decoded: what nobody can make out of bytes, nobody can claim
/// to have checked. Two implementations would fit a type that can, and neither would be chosen.
trait OnlyIfNotDecodable<Which> {
    fn is_so() {}
}
struct Decodable;
impl<T> OnlyIfNotDecodable<()> for T {}
impl<T: BorshDeserialize> OnlyIfNotDecodable<Decodable> for T {}

#[test]
fn bad_q07_a_block_from_elsewhere_is_verified_whoever_says_that_it_was() {
    <Block as OnlyIfNotDecodable<_>>::is_so();
    <VerifiedTransaction as OnlyIfNotDecodable<_>>::is_so();

    // What can be decoded becomes a block by being verified, and in no other way.
    let chain = Chain::new(40);
    let context = chain.engine.next_context(0);
    let order = |number| Order::transfer(account(number + 100), 1).signed(number, 0);
    let transactions: Vec<_> = (0..40).map(order).collect();
    let sound = UnverifiedBlock { context, beneficiary: None, transactions };
    let outcome = chain.engine.verify_block(sound.clone()).map(|it| chain.execute_block(&it));
    let expected = outcome.expect("it is sound").state_digest();
    for forged in [0, 17, 39] {
        // Signed by somebody else, in somebody's name.
        let mut block = sound.clone();
        block.transactions[forged].signature = block.transactions[(forged + 1) % 40].signature;
        let bytes = borsh::to_vec(&block).expect("writing to a Vec cannot fail");
        let arrived = UnverifiedBlock::decode(&bytes).expect("it is a block");
        match chain.engine.verify_block(arrived).map(|block| block.hash()) {
            Err(EngineError::InvalidBlock(InvalidBlock::Transaction { index, reason })) => {
                assert_eq!(index as usize, forged);
                assert_eq!(reason, InvalidTransaction::BadSignature);
            }
            other => panic!("expected a bad signature at {forged}, found {other:?}"),
        }
        // Alone as well: no block can be put together from it.
        let alone = chain.engine.verify(block.transactions[forged].clone());
        assert_eq!(alone.map(|tx| tx.id()).err(), Some(InvalidTransaction::BadSignature));
    }
    // Verified for other parameters is not verified, see `versions` and B07.
    let again = chain.engine.verify_block(sound).expect("it is sound");
    assert_eq!(chain.execute_block(&again).state_digest(), expected);
}
