//! A contract's life: deploy it, find out what a call touches, call it, ask it.
//!
//! `cargo run -p tos-examples --example token`

use tos_examples::{Person, block_on_tip, genesis};
use tos_runtime::{
    AccessEntry, AccessMode, ContractEngine, ContractId, MemoryStorage, TransactionType,
};

const TOKEN: &str = include_str!("../contracts/wat/token.wat");

fn main() -> anyhow::Result<()> {
    let (mut alice, bob) = (Person::new(1), Person::new(2));
    let engine = ContractEngine::builder()
        .storage(MemoryStorage::new())
        .genesis(genesis(&[&alice, &bob]))
        .build()?;

    // The engine takes WebAssembly binaries only, so the text is assembled here. The constructor
    // gives the supply to the deployer.
    let deploy = alice.draft(TransactionType::DeployContract {
        code: wat::parse_str(TOKEN)?,
        input: 1_000_u64.to_le_bytes().to_vec(),
        deposits: Vec::new(),
    });
    let deploy = alice.sign(deploy);
    let outcome = engine.execute_block(&block_on_tip(&engine, vec![deploy])?)?;
    let receipt = outcome.results()[0].as_ref().expect("the deployment may be included");
    let token = receipt.contract.expect("the deployment succeeds");
    engine.commit(outcome)?;
    println!("deployed {token}");

    // Nobody has to know which accounts a call touches: a simulation says so.
    let mut input = bob.address().to_bytes().to_vec();
    input.extend_from_slice(&300_u64.to_le_bytes());
    let mut payment = alice.draft(TransactionType::InvokeContract {
        contract: token,
        entry: "transfer".to_owned(),
        input,
        deposits: Vec::new(),
    });
    let simulation = engine.simulate(&payment)?;
    let credit_bob = AccessEntry::new(bob.address(), AccessMode::Credit);
    assert_eq!(simulation.access_list, [credit_bob], "the source need not be declared");
    payment.access = simulation.access_list;
    payment.gas_limit = simulation.gas_used;

    let outcome = engine.execute_block(&block_on_tip(&engine, vec![alice.sign(payment)])?)?;
    let receipt = outcome.results()[0].as_ref().expect("the payment may be included");
    assert!(receipt.status.is_success(), "{}", receipt.status);
    assert_eq!(receipt.gas_used, simulation.gas_used, "gas is the same everywhere");
    assert_eq!(receipt.events.len(), 1, "the token reports every transfer");
    engine.commit(outcome)?;

    assert_eq!(balance_of(&engine, token, &alice)?, 700);
    assert_eq!(balance_of(&engine, token, &bob)?, 300);
    println!("alice has 700 tokens, bob 300");
    Ok(())
}

/// A view costs nothing, changes nothing and needs no declaration.
fn balance_of(engine: &ContractEngine, token: ContractId, person: &Person) -> anyhow::Result<u128> {
    let view = engine.view(token, "balance_of", &person.address().to_bytes())?;
    anyhow::ensure!(view.status.is_success(), "{}", view.status);
    Ok(u128::from_le_bytes(view.return_data.as_slice().try_into()?))
}
