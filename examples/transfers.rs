//! A block of transfers, from genesis to receipts: executing changes nothing, committing does.
//!
//! `cargo run -p tos-examples --example transfers`

use tos_examples::{FUNDS, Person, block_on_tip, genesis};
use tos_runtime::{Amount, AssetId, ContractEngine, InvalidTransaction, MemoryStorage};

fn main() -> anyhow::Result<()> {
    let (mut alice, mut bob, carol) = (Person::new(1), Person::new(2), Person::new(3));
    let engine = ContractEngine::builder()
        .storage(MemoryStorage::new())
        .genesis(genesis(&[&alice, &bob]))
        .build()?;
    let native = |person: &Person| engine.balance(&person.address(), AssetId::NATIVE);

    // Bob pays Carol before and after Alice pays Bob. Carol has no account yet; the first payment
    // makes one.
    let first = bob.pay(carol.address(), 100);
    let transactions =
        vec![first.clone(), alice.pay(bob.address(), 1_000), bob.pay(carol.address(), 50)];
    let block = block_on_tip(&engine, transactions)?;

    let outcome = engine.execute_block(&block)?;
    assert_eq!(native(&carol)?, Amount(0), "an executed block has left no trace yet");
    for result in outcome.results() {
        let receipt = result.as_ref().expect("every transaction may be included");
        println!("{}, gas {}, fee {}", receipt.status, receipt.gas_used, receipt.fee);
    }
    let fees = outcome.gas_fee();
    let digest = outcome.state_digest();

    engine.commit(outcome)?;
    assert_eq!(native(&carol)?, Amount(150));
    assert_eq!(engine.tip().state_digest, digest);

    // Nobody was named to receive the fees, so they are gone; everything else is where it was.
    let total = native(&alice)?.0 + native(&bob)?.0 + native(&carol)?.0;
    assert_eq!(total + fees.0, 2 * FUNDS.0, "money is conserved");

    // The same signed bytes do not work twice: their nonce is used.
    let outcome = engine.execute_block(&block_on_tip(&engine, vec![first])?)?;
    assert!(matches!(outcome.results()[0], Err(InvalidTransaction::NonceTooLow { .. })));
    assert!(outcome.change_set().is_empty(), "a rejected transaction changes nothing");
    println!("the replay: {:?}", outcome.results()[0]);
    Ok(())
}
