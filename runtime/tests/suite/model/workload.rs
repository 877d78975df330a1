//! Random blocks whose every end the model can foretell: what goes wrong goes wrong on purpose.

use std::collections::{BTreeMap, BTreeSet};

use tos_runtime::{AccessEntry, AccessMode, Address, AssetId, ContractId, Hash, Transaction};

use super::facts::{Fact, Facts};
use super::guests::Guest;
use super::rules::{AMPLE_GAS, hash, intrinsic};
use crate::support::{
    COUNTER, Call, Forward, GOLD, Order, RUST_TOKEN, Rng, SILVER, TOKEN, account, guest, wasm,
};

/// People with funds.
pub(super) const PEOPLE: u64 = 9;
/// And some without, until somebody pays them.
const POOR: u64 = 3;
/// Nobody has defined this asset.
const UNKNOWN: AssetId = AssetId([9; 32]);
/// Modules that only differ in bytes nobody looks at.
const VARIANTS: u8 = 6;
/// More gas than four nested calls need when each of them is given almost all there is.
const NESTED_GAS: u64 = 10_000_000;

/// Modules the workload deploys, and what they are.
pub(super) fn modules() -> BTreeMap<Hash, (Guest, Vec<u8>)> {
    let modules = [
        (Guest::Counter, wasm(COUNTER)),
        (Guest::Token, wasm(TOKEN)),
        (Guest::RustToken, RUST_TOKEN.to_vec()),
        (Guest::Abort, guest!("abort")),
        (Guest::Trap, guest!("trap")),
        (Guest::Spin, guest!("spin")),
        (Guest::Undeclared, guest!("undeclared")),
        (Guest::Proxy, guest!("proxy")),
    ];
    let variants = (0..VARIANTS).map(|number| (Guest::Token, variant(number)));
    let modules = modules.into_iter().chain(variants);
    modules.map(|(guest, code)| (hash(&code), (guest, code))).collect()
}

/// The token in WAT once more, with a few bytes nobody looks at: code that no block has stored before.
fn variant(number: u8) -> Vec<u8> {
    // A custom section: its kind, its length, the length of its name, its name, its content.
    [wasm(TOKEN), vec![0, 3, 1, b'v', number]].concat()
}

/// Makes blocks for one chain.
pub(super) struct Workload {
    rng: Rng,
    modules: Vec<(Guest, Vec<u8>)>,
    nonces: BTreeMap<u64, u64>,
    /// Contracts that were deployed, with what they were when they were. An upgrade may have made
    /// something else of them, whose entries are then called all the same.
    contracts: Vec<(ContractId, Guest)>,
    /// What people hold when the block begins.
    natives: BTreeMap<u64, u64>,
}

impl Workload {
    pub(super) fn new(seed: u64) -> Self {
        let is_variant = |code: &[u8]| (0..VARIANTS).any(|number| variant(number) == code);
        let modules = modules().into_values().filter(|(_, code)| !is_variant(code)).collect();
        let (nonces, contracts, natives) = Default::default();
        Self { rng: Rng::new(seed), modules, nonces, contracts, natives }
    }

    fn code(&self, guest: Guest) -> Vec<u8> {
        let found = self.modules.iter().find(|(known, _)| *known == guest);
        found.expect("every guest has a module").1.clone()
    }

    /// The block that deploys one of everything, and two of what is called most.
    pub(super) fn first_block(&mut self) -> Vec<Transaction> {
        let mut guests: Vec<Guest> = self.modules.iter().map(|(guest, _)| *guest).collect();
        guests.extend([Guest::Counter, Guest::Proxy, Guest::Proxy]);
        let deploy = |(number, guest): (usize, Guest)| {
            let input =
                if guest.has_constructor() { 900_u64.to_le_bytes().to_vec() } else { vec![] };
            let order = Order::deploy(self.code(guest), &input);
            let tx = self.send(number as u64 % 4, order);
            self.contracts.extend(tx.deployed_contract().map(|id| (id, guest)));
            tx
        };
        guests.into_iter().enumerate().map(deploy).collect()
    }

    /// A random block on this state.
    pub(super) fn block(&mut self, facts: &Facts, height: u64) -> Vec<Transaction> {
        for number in 0..PEOPLE + POOR {
            let who = account(number);
            self.nonces.insert(number, facts.number(&Fact::Nonce(who)) as u64);
            let native = facts.number(&Fact::Balance(who, AssetId::NATIVE));
            self.natives.insert(number, native as u64);
        }
        let txs = self.rng.below(45);
        let mut seen = BTreeSet::new();
        let txs: Vec<_> = (0..txs).map(|_| self.transaction(height)).collect();
        // The same order with the same wrong nonce twice would be the same transaction.
        txs.into_iter().filter(|tx| seen.insert(tx.id())).collect()
    }

    fn transaction(&mut self, height: u64) -> Transaction {
        let sender = match self.rng.below(20) {
            0..=1 => PEOPLE + self.rng.below(POOR),
            2..=5 => self.rng.below(2),
            _ => self.rng.below(PEOPLE),
        };
        let order = match self.rng.below(100) {
            0..=29 => self.transfers(),
            30..=31 => self.all_but(sender),
            32..=38 => self.burn(),
            39..=73 => self.call(),
            74..=79 => {
                let of = |it: &&(ContractId, Guest)| it.1 == Guest::Undeclared;
                let contract = self.contracts.iter().find(of).expect("it is deployed").0;
                let to = self.receiver();
                self.touch(contract, to)
            }
            80..=91 => self.forwarded(),
            92..=95 => self.deploy(),
            _ => self.upgrade(),
        };
        let order = order.gas_price(1 + self.rng.below(3));
        let nonce = *self.nonces.entry(sender).or_default();
        match self.rng.below(40) {
            // These do not count as sent: they are not included.
            0 => order.signed(sender, nonce + 1 + self.rng.below(3)),
            1 if nonce > 0 => order.signed(sender, nonce - 1),
            2 => order.gas_price(u64::MAX / 4).signed(sender, nonce),
            3 => order.expiry(height - 1).signed(sender, nonce),
            // The last height at which it may be included.
            4 => self.send(sender, order.expiry(height)),
            _ => self.send(sender, order),
        }
    }

    fn receiver(&mut self) -> Address {
        match self.rng.below(20) {
            0..=1 => account(PEOPLE + self.rng.below(POOR)),
            2..=4 => Address::Contract(self.contract().0),
            5..=8 => account(0),
            _ => account(self.rng.below(PEOPLE)),
        }
    }

    fn contract(&mut self) -> (ContractId, Guest) {
        *self.rng.pick(&self.contracts)
    }

    fn asset(&mut self) -> AssetId {
        match self.rng.below(40) {
            0..=19 => AssetId::NATIVE,
            20..=29 => GOLD,
            30..=37 => SILVER,
            _ => UNKNOWN,
        }
    }

    fn amount(&mut self, asset: AssetId) -> u64 {
        match self.rng.below(12) {
            0 => 0,
            1 if !asset.is_native() => 400_000,
            2 if !asset.is_native() => u64::MAX / 2,
            _ => self.rng.below(20_000),
        }
    }

    fn transfers(&mut self) -> Order {
        let count = if self.rng.percent(60) { 1 } else { self.rng.below(6) };
        let transfer = |workload: &mut Self| {
            let asset = workload.asset();
            (workload.receiver(), asset, workload.amount(asset))
        };
        Order::transfers((0..count).map(|_| transfer(self)).collect())
    }

    /// All that somebody has when the block begins, to the unit, or one unit more.
    fn all_but(&mut self, sender: u64) -> Order {
        let to = self.receiver();
        let reserve = 3 * Order::transfer(to, 0).gas_limit;
        let native = self.natives.get(&sender).copied().unwrap_or(0);
        let all = native.saturating_sub(reserve) + self.rng.below(2);
        // Twice, so that one of a pair often comes too late.
        Order::transfer(to, all / (1 + self.rng.below(2)))
    }

    fn burn(&mut self) -> Order {
        let asset = self.asset();
        let amount = self.rng.below(1_500_000);
        Order::burn(asset, amount)
    }

    /// An entry of some contract, mostly with what it needs.
    fn call(&mut self) -> Order {
        let (contract, guest) = self.contract();
        let to = self.receiver();
        let amount = match self.rng.below(10) {
            0 => u64::MAX,
            1 => 0,
            _ => self.rng.below(60),
        };
        let payment = [&to.to_bytes()[..], &amount.to_le_bytes()].concat();
        let order = match guest {
            Guest::Counter => match self.rng.below(5) {
                0 => Call::counter_bump(contract),
                1 => Order::invoke(contract, "get", &[]).access(contract, AccessMode::Read),
                2 => Order::invoke(contract, "add", &[1, 2]),
                _ => Call::counter_add(contract, amount),
            },
            Guest::Token | Guest::RustToken => match self.rng.below(9) {
                0 => Order::invoke(contract, "balance_of", &to.to_bytes())
                    .access(to, AccessMode::Read),
                1 => {
                    Order::invoke(contract, "total_supply", &[]).access(contract, AccessMode::Read)
                }
                2 => self.as_authority(contract, "mint", &payment, (to, AccessMode::Credit)),
                3 => self.as_authority(contract, "burn", &payment, (to, AccessMode::Write)),
                _ => Call::token_transfer(contract, to, amount),
            },
            Guest::Abort => Order::invoke(contract, "abort", &(amount as u32).to_le_bytes()),
            Guest::Trap => {
                let entry = *self.rng.pick(guest.entries());
                Order::invoke(contract, entry, &[])
            }
            Guest::Spin => {
                let entry = *self.rng.pick(guest.entries());
                let gas_limit = 60_000 + self.rng.below(60_000);
                Order::invoke(contract, entry, &[]).gas_limit(gas_limit)
            }
            Guest::Undeclared => self.touch(contract, to),
            Guest::Proxy => {
                let entry = *self.rng.pick(&["take", "seen"]);
                Order::invoke(contract, entry, &[]).access(contract, AccessMode::Read)
            }
        };
        self.twisted(order)
    }

    /// Slots and counters come and go, mostly those of person 0.
    fn touch(&mut self, contract: ContractId, to: Address) -> Order {
        let who = if self.rng.percent(60) { account(0) } else { to };
        let touch = match self.rng.below(10) {
            0..=2 => 2,
            3..=5 => 3,
            6 => 4,
            7 => 5,
            _ => self.rng.below(10) as u8,
        };
        let input = [&who.to_bytes()[..], &[touch]].concat();
        let modes = [AccessMode::Write, AccessMode::Write, AccessMode::Read, AccessMode::Credit];
        let mode = *self.rng.pick(&modes);
        let order = Order::invoke(contract, "touch", &input).access(who, mode);
        match who == Address::Contract(contract) {
            true => order,
            false => order.access(contract, AccessMode::Write),
        }
    }

    fn as_authority(
        &mut self,
        token: ContractId,
        entry: &str,
        payment: &[u8],
        (who, mode): (Address, AccessMode),
    ) -> Order {
        let order = Order::invoke(token, entry, payment).access(token, AccessMode::Write);
        if who == Address::Contract(token) { order } else { order.access(who, mode) }
    }

    /// Now and then something else than what would be right.
    fn twisted(&mut self, mut order: Order) -> Order {
        match self.rng.below(24) {
            0 => order.access.clear(),
            1 => order.access.iter_mut().for_each(|entry| entry.mode = AccessMode::Read),
            2 => order.access.iter_mut().for_each(|entry| entry.mode = AccessMode::Credit),
            3 => order = order.access(account(99), AccessMode::Write),
            4 => order = order.deposit(AssetId::NATIVE, 1 + self.rng.below(90)),
            5 => order = order.deposit(GOLD, 1 + self.rng.below(600_000)),
            6 => order = order.deposit(UNKNOWN, 3).deposit(AssetId::NATIVE, 5),
            7 => {
                // Enough for some calls and too little for others.
                let least = intrinsic(&order.clone().signed(0, 0));
                return order.gas_limit(least + self.rng.below(AMPLE_GAS / 8));
            }
            8 => return Order::invoke(self.contract().0, "nothing", &[]),
            9 => return Order::invoke(self.contract().0, "init", &[]),
            10 => return Order::invoke(ContractId([7; 32]), "add", &[]).deposit(GOLD, 5),
            _ => {}
        }
        if order.gas_limit == 400_000 { order.gas_limit(AMPLE_GAS * 2) } else { order }
    }

    /// A call through one to three proxies, each of which may do something of its own, give up when
    /// its callee fails, or fail itself afterwards.
    fn forwarded(&mut self) -> Order {
        let called = self.call();
        let mut access = called.access.clone();
        let mut forward = Forward::of(&called);
        let proxies: Vec<ContractId> =
            self.contracts.iter().filter(|it| it.1 == Guest::Proxy).map(|it| it.0).collect();
        for level in (0..=self.rng.below(3)).rev() {
            let proxy = *self.rng.pick(&proxies);
            if self.rng.percent(85) {
                access.push(AccessEntry::new(proxy, AccessMode::Write));
            }
            forward = match self.rng.below(6) {
                0 => forward.flags(Forward::ABORT_ON_FAILURE),
                1 => forward.flags(Forward::ABORT_AFTER),
                2 => forward.flags(Forward::WRITE_BEFORE | Forward::EMIT_BEFORE),
                _ => forward,
            };
            if self.rng.percent(25) {
                access.push(AccessEntry::new(forward.to, AccessMode::Credit));
                let asset = *self.rng.pick(&[AssetId::NATIVE, GOLD, UNKNOWN]);
                forward = forward.deposit(asset, self.rng.below(40));
            }
            if level == 0 {
                let order = forward.order(proxy).gas_limit(NESTED_GAS);
                access.sort_by_key(|entry| (entry.account, entry.mode != AccessMode::Write));
                access.dedup_by_key(|entry| entry.account);
                return Order { access, ..order };
            }
            forward = forward.through(proxy);
        }
        unreachable!("the last level returns")
    }

    fn deploy(&mut self) -> Order {
        let supply = 100_u64.to_le_bytes();
        let variant = variant(self.rng.below(u64::from(VARIANTS)) as u8);
        match self.rng.below(8) {
            // Stored by the first deployment that succeeds, and by no other.
            6 => Order::deploy(variant, &[1]),
            7 => Order::deploy(variant, &supply),
            0 => Order::deploy(self.code(Guest::Token), &supply).deposit(GOLD, 7),
            1 => Order::deploy(self.code(Guest::Counter), &[]),
            // The constructor aborts: the input has the wrong length.
            2 => Order::deploy(self.code(Guest::Token), &[1, 2, 3]).deposit(AssetId::NATIVE, 8),
            3 => Order::deploy(self.code(Guest::RustToken), &supply),
            // Nobody takes the input.
            4 => Order::deploy(self.code(Guest::Abort), &[1]),
            _ => Order::deploy(b"no module".to_vec(), &[]),
        }
    }

    fn upgrade(&mut self) -> Order {
        // Counters and tokens of other people too, and of nobody.
        let upgradable = |it: &&(ContractId, Guest)| {
            matches!(it.1, Guest::Counter | Guest::Token | Guest::Abort)
        };
        let all: Vec<_> = self.contracts.iter().filter(upgradable).map(|it| it.0).collect();
        let contract = *self.rng.pick(&all);
        match self.rng.below(8) {
            0 => Order::upgrade(ContractId([7; 32]), self.code(Guest::Counter), &[]),
            1 => Order::upgrade(contract, self.code(Guest::Counter), &[1]),
            2 => Order::upgrade(contract, b"no module".to_vec(), &[]),
            3..=4 => Order::upgrade(contract, self.code(Guest::Token), &[]),
            _ => Order::upgrade(contract, self.code(Guest::Counter), &[]),
        }
    }

    fn send(&mut self, number: u64, order: Order) -> Transaction {
        let nonce = self.nonces.entry(number).or_default();
        *nonce += 1;
        order.signed(number, *nonce - 1)
    }
}
