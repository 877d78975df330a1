//! What simulation says is what execution does, and the access list it returns is exact: with it
//! the transaction ends as simulated, with anything less it is stopped.

use proptest::prelude::*;
use tos_runtime::{
    AccessMode, AccessSet, AssetId, ContractId, ExecutionStatus, HaltReason, Transaction,
    UnsignedTransaction,
};

use super::cases;
use crate::support::{
    COUNTER, Call, Chain, GOLD, Order, TOKEN, account, guest, key, receipt, undeclared, wasm,
};
use AccessMode::{Credit, Read, Write};

/// The contracts that are called.
struct World {
    chain: Chain,
    counter: ContractId,
    token: ContractId,
    pay: ContractId,
    touch: ContractId,
    spin: ContractId,
}

impl World {
    fn new() -> Self {
        let mut chain = Chain::new(4);
        let counter = chain.deploy(wasm(COUNTER), &[]);
        let token = chain.deploy(wasm(TOKEN), &1_000_u64.to_le_bytes());
        let pay = chain.deploy(guest!("pay"), &[]);
        let touch = chain.deploy(guest!("undeclared"), &[]);
        let spin = chain.deploy(guest!("spin"), &[]);
        for contract in [pay, touch] {
            chain.one(0, Order::transfer(contract, 50));
        }
        Self { chain, counter, token, pay, touch, spin }
    }

    /// A transaction of person 0 or 1; whatever it declares is to be ignored.
    fn order(&self, kind: u8, who: u64, amount: u64) -> Order {
        let to = match who {
            0..=6 => account(who),
            7 => self.pay.into(),
            _ => self.touch.into(),
        };
        let payment = [&to.to_bytes()[..], &AssetId::NATIVE.0, &amount.to_le_bytes()].concat();
        let order = match kind {
            0 => Call::token_transfer(self.token, to, amount),
            1 => Call::counter_add(self.counter, amount),
            2 => Call::counter_bump(self.counter).deposit(GOLD, 3),
            3 => Order::invoke(self.counter, "get", &[]).deposit(AssetId::NATIVE, 2),
            4 => Order::invoke(self.pay, "pay", &payment),
            5 => Order::invoke(self.pay, "pay_twice", &payment).deposit(AssetId::NATIVE, 5),
            6 => Order::invoke(self.pay, "burn", &payment),
            7 => Order::invoke(self.pay, "balance", &payment),
            8 => Order::deploy(wasm(TOKEN), &amount.to_le_bytes()),
            9 => Order::upgrade(self.counter, wasm(TOKEN), &[]),
            10 => Order::transfers(vec![(to, GOLD, amount), (account(0), GOLD, 1)]),
            11 => Order::invoke(self.spin, "spin", &[]),
            12 => Order::invoke(self.touch, "nothing", &[]),
            touch => {
                let touch = [&to.to_bytes()[..], &[touch - 13]].concat();
                Order::invoke(self.touch, "touch", &touch)
            }
        };
        Order { access: Vec::new(), ..order }.access(account(99), Write)
    }

    /// Executes one transaction alone on the tip and drops the outcome.
    fn execute(&mut self, tx: UnsignedTransaction, person: u64) -> tos_runtime::BlockOutcome {
        let tx: Transaction = tx.sign(&key(person));
        self.chain.execute(vec![tx])
    }
}

fn check(kind: u8, person: u64, who: u64, amount: u64) -> Result<(), TestCaseError> {
    let mut world = World::new();
    let nonce = world.chain.nonce(person);
    let order = world.order(kind, who, amount);
    let simulation = world.chain.engine.simulate(&order.clone().unsigned(person, nonce));
    let simulation = simulation.expect("it runs");
    let simulated = simulation.result.as_ref().expect("it can be included");

    // With the list, the receipt and the effects are those of the simulation.
    let mut tx = Order { access: Vec::new(), ..order }.unsigned(person, nonce);
    tx.access = simulation.access_list.clone();
    let outcome = world.execute(tx.clone(), person);
    prop_assert_eq!(receipt(&outcome, 0), simulated);
    prop_assert_eq!(outcome.change_set(), &simulation.change_set);
    prop_assert_eq!(simulation.gas_used, simulated.gas_used);
    prop_assert_eq!(&AccessSet::of(&tx), &simulation.access);
    prop_assert!(undeclared(&simulated.status).is_none(), "{}", simulated.status);

    // With an entry weakened or removed it is stopped at that account, unless the set of its kind
    // holds the account without being told: the deposit's receiver, what is deployed or upgraded.
    if simulated.status == ExecutionStatus::Halted(HaltReason::OutOfGas) {
        return Ok(());
    }
    for (idx, entry) in simulation.access_list.iter().enumerate() {
        for weaker in [None, Some(Read), Some(Credit)] {
            let mut less = tx.clone();
            match weaker {
                None => drop(less.access.remove(idx)),
                Some(mode) if entry.mode == Write => less.access[idx].mode = mode,
                Some(_) => continue,
            }
            let derived = AccessSet::of(&less).mode(&entry.account);
            let outcome = world.execute(less, person);
            let status = &receipt(&outcome, 0).status;
            if derived.is_some_and(|mode| mode.permits(entry.mode)) {
                prop_assert_eq!(status, &simulated.status, "{:?} is derived", entry);
            } else {
                let stopped = undeclared(status).map(|(account, _, _)| account);
                prop_assert_eq!(stopped, Some(entry.account), "{:?} as {:?}", entry, weaker);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn a_simulated_access_list_is_exact(
        kind in 0..22_u8, person in 0..2_u64, who in 0..9_u64, amount in 0..60_u64
    ) {
        check(kind, person, who, amount)?;
    }
}

#[test]
fn a_simulated_access_list_is_exact_for_every_kind_of_call() {
    for kind in 0..22 {
        check(kind, 0, 3, 7).unwrap_or_else(|error| panic!("kind {kind}: {error}"));
    }
}

#[test]
fn simulation_finds_accounts_that_only_a_failing_call_touches() {
    let mut world = World::new();
    // Person 1 has no tokens: the call aborts before it touches the receiver.
    let poor = world.order(0, 5, 7).unsigned(1, 0);
    let simulation = world.chain.engine.simulate(&poor).expect("it runs");
    assert_eq!(simulation.result.expect("it is included").status.code(), 100);
    assert_eq!(simulation.access_list, []);
    // Person 0 has: the receiver is found, and only credited.
    let rich = world.order(0, 5, 7).unsigned(0, world.chain.nonce(0));
    let simulation = world.chain.engine.simulate(&rich).expect("it runs");
    let expected = [tos_runtime::AccessEntry::new(account(5), Credit)];
    assert_eq!(simulation.access_list, expected);
    let tip = world.chain.engine.tip();
    let tx = UnsignedTransaction { access: expected.to_vec(), ..rich };
    assert!(receipt(&world.execute(tx, 0), 0).status.is_success());
    assert_eq!(world.chain.engine.tip(), tip, "nothing was changed by asking");
}
