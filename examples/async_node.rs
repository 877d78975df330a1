//! A node on tokio in small: wallets send transactions into a queue, a producer makes blocks of
//! them, and while a block becomes durable the next one executes.
//!
//! `cargo run -p tos-examples --example async_node`

use tokio::sync::mpsc;
use tos_examples::{FUNDS, Person, genesis};
use tos_runtime::{
    Amount, AssetId, AsyncEngine, BlockContext, ContractEngine, RedbStorage, TopoHeight,
    Transaction, UnverifiedBlock,
};

const PAYMENTS: u64 = 1_000;
const BLOCK_TXS: usize = 100;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (alice, bob, shop) = (Person::new(1), Person::new(2), Person::new(3));
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("state.redb");
    let genesis = genesis(&[&alice, &bob]);
    let open = || {
        let storage = RedbStorage::open(&path)?;
        ContractEngine::builder().storage(storage).genesis(genesis.clone()).build()
    };

    let engine = AsyncEngine::new(open()?)?;
    let (wallet, queue) = mpsc::channel(BLOCK_TXS);
    for mut payer in [alice, bob] {
        let (wallet, shop) = (wallet.clone(), shop.clone());
        tokio::spawn(async move {
            for _ in 0..PAYMENTS {
                // The queue is bounded: when blocks are slower than wallets, wallets wait.
                if wallet.send(payer.pay(shop.address(), 3)).await.is_err() {
                    break;
                }
            }
        });
    }
    // The queue ends when the last wallet is gone.
    drop(wallet);
    produce(&engine, queue).await?;

    let shop_has = engine.engine().balance(&shop.address(), AssetId::NATIVE)?;
    assert_eq!(shop_has, Amount(2 * PAYMENTS * 3));
    assert!(shop_has < FUNDS);

    // What was reported durable is there when the database is opened again.
    let tip = engine.engine().tip();
    drop(engine);
    assert_eq!(open()?.tip(), tip);
    println!("{} blocks, the shop has {shop_has}", tip.topoheight);
    Ok(())
}

/// Makes blocks until the queue ends.
async fn produce(
    engine: &AsyncEngine,
    mut queue: mpsc::Receiver<Transaction>,
) -> anyhow::Result<()> {
    let mut context = engine.engine().next_context(0);
    let mut durable = None;
    loop {
        let mut transactions = Vec::new();
        if queue.recv_many(&mut transactions, BLOCK_TXS).await == 0 {
            break;
        }
        let block = UnverifiedBlock { context: context.clone(), beneficiary: None, transactions };
        let block = engine.verify_block(block).await?;
        let outcome = engine.execute_block(block).await?;
        for result in outcome.results() {
            let succeeded = result.as_ref().is_ok_and(|receipt| receipt.status.is_success());
            anyhow::ensure!(succeeded, "a payment failed: {result:?}");
        }

        // The outcome is the next block's parent from the moment its commit is asked for. At most
        // one commit is on its way to the disk, so a slow disk slows the node down instead of
        // filling its memory.
        context = BlockContext {
            topoheight: TopoHeight(context.topoheight.0 + 1),
            parent: outcome.state_digest(),
            ..context
        };
        let committing = tokio::spawn(engine.commit(outcome));
        if let Some(earlier) = durable.replace(committing) {
            earlier.await??;
        }
    }
    if let Some(last) = durable {
        last.await??;
    }
    Ok(())
}
