//! Random blocks of everything that can go right or wrong.

use std::collections::HashMap;

use tos_runtime::{
    AccessEntry, AccessMode, Address, AssetId, ContractEngine, ContractId, InvalidTransaction,
    Transaction,
};

use super::{
    COUNTER, Call, Forward, GOLD, Order, POOL, RUST_TOKEN, Rng, SILVER, TOKEN, account, guest, wasm,
};

/// Makes random blocks for a chain with `people` funded people. A few people more exist who hold
/// nothing.
pub(crate) struct Generator {
    pub(crate) rng: Rng,
    people: u64,
    /// Kinds of orders to draw from, in hundredths: the first [`NATIVE`] of them need no contract.
    kinds: u64,
    nonces: HashMap<u64, u64>,
    counters: Vec<ContractId>,
    tokens: Vec<ContractId>,
    /// A pool of the second token.
    pool: Option<ContractId>,
    /// Guests that call what they are told to.
    proxies: Vec<ContractId>,
    /// Guests that misbehave when told to.
    undeclared: Option<ContractId>,
    trap: Option<ContractId>,
    abort: Option<ContractId>,
    spin: Option<ContractId>,
}

/// Hundredths of orders that are transfers and burns.
const NATIVE: u64 = 35;

const DEPLOYED: &str = "deployed by the first block";

impl Generator {
    pub(crate) fn new(people: u64, seed: u64) -> Self {
        Self {
            rng: Rng::new(seed),
            people,
            kinds: 100,
            nonces: HashMap::new(),
            counters: Vec::new(),
            tokens: Vec::new(),
            pool: None,
            proxies: Vec::new(),
            undeclared: None,
            trap: None,
            abort: None,
            spin: None,
        }
    }

    /// For chains without contracts; their addresses can be paid all the same.
    pub(crate) fn native(people: u64, seed: u64) -> Self {
        let nowhere = |id| vec![ContractId([id; 32])];
        let (counters, proxies) = (nowhere(7), nowhere(8));
        Self { kinds: NATIVE, counters, proxies, ..Self::new(people, seed) }
    }

    /// The block that deploys what later blocks call.
    pub(crate) fn first_block(&mut self) -> Vec<Transaction> {
        let supply = 1_000_000_u64.to_le_bytes();
        let mut txs = Vec::new();
        for number in 0..2 {
            txs.push(self.send(number, Order::deploy(wasm(COUNTER), &[])));
            self.counters.extend(txs.last().and_then(|tx| tx.deployed_contract()));
            // The first is in WAT, the second in Rust.
            let token = if number == 0 { wasm(TOKEN) } else { RUST_TOKEN.to_vec() };
            txs.push(self.send(number, Order::deploy(token, &supply)));
            self.tokens.extend(txs.last().and_then(|tx| tx.deployed_contract()));
        }
        let token = self.tokens[1];
        txs.push(self.send(2, Order::deploy(POOL.to_vec(), &token.0)));
        self.pool = txs.last().and_then(|tx| tx.deployed_contract());
        let mut deploy = |generator: &mut Self, code| {
            let tx = generator.send(2, Order::deploy(code, &[]));
            let id = tx.deployed_contract();
            txs.push(tx);
            id
        };
        for _ in 0..4 {
            let proxy = deploy(self, guest!("proxy"));
            self.proxies.extend(proxy);
        }
        self.undeclared = deploy(self, guest!("undeclared"));
        self.trap = deploy(self, guest!("trap"));
        self.abort = deploy(self, guest!("abort"));
        self.spin = deploy(self, guest!("spin"));
        txs
    }

    /// The block that fills the pool.
    pub(crate) fn second_block(&mut self) -> Vec<Transaction> {
        [self.allow_pool(200_000), self.fill_pool(200_000, 100_000)]
            .map(|order| self.send(1, order))
            .into()
    }

    /// A random block of up to `txs_max` transactions.
    pub(crate) fn block(&mut self, engine: &ContractEngine, txs_max: u64) -> Vec<Transaction> {
        self.nonces.clear();
        for number in 0..self.people + 3 {
            let account = engine.account(&account(number)).expect("it is read");
            self.nonces.insert(number, account.nonce.0);
        }
        let txs = self.rng.below(txs_max + 1);
        let mut txs: Vec<_> = (0..txs).map(|_| self.transaction()).collect();
        // The same order with the same wrong nonce twice would be the same transaction.
        let mut seen = std::collections::HashSet::new();
        txs.retain(|tx| seen.insert(tx.id()));
        txs
    }

    fn transaction(&mut self) -> Transaction {
        let sender = self.sender();
        let order = match self.rng.below(self.kinds) {
            0..=29 => self.transfers(),
            30..NATIVE => self.burn(),
            35..=49 => self.token_call(),
            50..=61 => self.counter_call(),
            62..=73 => self.forwarded_call(),
            74..=79 => self.pool_call(),
            80..=84 => self.misbehaving_call(),
            85..=88 => self.deploy(),
            89..=91 => self.upgrade(),
            _ => self.unknown_call(),
        };
        match self.rng.below(40) {
            // These must not count as sent: they are not included.
            0 => order.signed(sender, self.nonce(sender).wrapping_add(1 + self.rng.below(3))),
            1 => order.signed(sender, self.nonce(sender).saturating_sub(1)),
            2 => order.gas_price(u64::MAX / 4).signed(sender, self.nonce(sender)),
            3 => order.expiry(0).signed(sender, self.nonce(sender)),
            _ => self.send(sender, order),
        }
    }

    /// An order that moves money one way or another, or fails halfway; nothing that is deployed.
    pub(crate) fn money_order(&mut self) -> Order {
        match self.rng.below(100) {
            0..=59 => self.transfers(),
            60..=69 => self.burn(),
            70..=75 => self.token_call(),
            76..=81 => self.counter_call(),
            82..=88 => self.forwarded_call(),
            89..=96 => self.pool_call(),
            97..=98 => self.misbehaving_call(),
            _ => self.unknown_call(),
        }
    }

    /// Everybody who can have money: people, those who begin with none, contracts.
    pub(crate) fn holders(&self) -> Vec<Address> {
        let people = (0..self.people + 3).map(account);
        let some = [self.pool, self.undeclared, self.trap, self.abort, self.spin];
        let lists = [&self.counters, &self.tokens, &self.proxies];
        let contracts = lists.into_iter().flatten().copied().chain(some.into_iter().flatten());
        people.chain(contracts.map(Address::Contract)).collect()
    }

    /// The next nonce of somebody.
    pub(crate) fn next_nonce(&self, number: u64) -> u64 {
        self.nonces.get(&number).copied().unwrap_or(0)
    }

    /// Mostly anybody, often one of two, sometimes somebody without money.
    fn sender(&mut self) -> u64 {
        match self.rng.below(20) {
            0 => self.people + self.rng.below(3),
            1..=4 => self.rng.below(2),
            _ => self.rng.below(self.people),
        }
    }

    fn receiver(&mut self) -> Address {
        match self.rng.below(20) {
            0 => account(self.people + self.rng.below(3)),
            1 => Address::Contract(*self.rng.pick(&self.counters)),
            7..=8 => Address::Contract(*self.rng.pick(&self.proxies)),
            2..=6 => account(0),
            _ => account(self.rng.below(self.people)),
        }
    }

    fn transfers(&mut self) -> Order {
        let count = if self.rng.percent(60) { 1 } else { self.rng.below(6) };
        let transfer = |generator: &mut Self| {
            let unknown = AssetId([9; 32]);
            let asset = match generator.rng.below(40) {
                0..=25 => AssetId::NATIVE,
                26..=34 => GOLD,
                35..=38 => SILVER,
                _ => unknown,
            };
            let amount = match generator.rng.below(12) {
                0 => 0,
                1 if !asset.is_native() => 900_000,
                2 if !asset.is_native() => u64::MAX / 2,
                _ => generator.rng.below(20_000),
            };
            (generator.receiver(), asset, amount)
        };
        Order::transfers((0..count).map(|_| transfer(self)).collect())
    }

    fn burn(&mut self) -> Order {
        let asset = *self.rng.pick(&[AssetId::NATIVE, GOLD, SILVER]);
        let amount = self.rng.below(2_000_000);
        Order::burn(asset, amount)
    }

    fn token_call(&mut self) -> Order {
        let token = *self.rng.pick(&self.tokens);
        let to = self.receiver();
        let amount = if self.rng.percent(10) { u64::MAX } else { self.rng.below(1_000) };
        let order = Call::token_transfer(token, to, amount);
        match self.rng.below(10) {
            // Declares more than is needed.
            0 => order.access(account(self.people + 9), AccessMode::Write),
            // Declares too little.
            1 => Order { access: Vec::new(), ..order },
            2 => {
                let mut order = order;
                order.access[0].mode = AccessMode::Read;
                order
            }
            _ => order,
        }
    }

    fn counter_call(&mut self) -> Order {
        let counter = *self.rng.pick(&self.counters);
        let amount = self.rng.below(50);
        match self.rng.below(6) {
            0 => Call::counter_bump(counter),
            1 => Order {
                access: Call::counter_add(counter, 0).access,
                ..Call::counter_bump(counter)
            },
            2 => Order::invoke(counter, "get", &[]).access(counter, AccessMode::Read),
            3 => Call::counter_add(counter, amount).deposit(AssetId::NATIVE, 1 + amount),
            _ => Call::counter_add(counter, amount),
        }
    }

    /// The pool, filled now and then by whoever has tokens and allowed it to take them.
    fn pool_call(&mut self) -> Order {
        let amount = self.rng.below(2_000);
        match self.rng.below(8) {
            0 => self.allow_pool(50_000),
            1 => self.fill_pool(20_000, 5_000 + amount),
            _ => self.pool_order("buy", &1_u64.to_le_bytes()).deposit(AssetId::NATIVE, 1 + amount),
        }
    }

    fn allow_pool(&self, tokens: u64) -> Order {
        let spender = Address::Contract(self.pool.expect(DEPLOYED)).to_bytes();
        let input = [&spender[..], &tokens.to_le_bytes()].concat();
        Order::invoke(self.tokens[1], "approve", &input)
    }

    fn fill_pool(&self, tokens: u64, native: u64) -> Order {
        let input = [tokens.to_le_bytes(), 0_u64.to_le_bytes()].concat();
        self.pool_order("add_liquidity", &input).deposit(AssetId::NATIVE, native)
    }

    fn pool_order(&self, entry: &str, input: &[u8]) -> Order {
        let pool = self.pool.expect(DEPLOYED);
        Order::invoke(pool, entry, input).access(pool, AccessMode::Write)
    }

    /// A call through one to four proxies, each of which may do something of its own, give up when
    /// its callee fails, or fail itself afterwards.
    fn forwarded_call(&mut self) -> Order {
        let called = match self.rng.below(10) {
            0..=3 => self.token_call(),
            4..=6 => self.counter_call(),
            7..=8 => self.misbehaving_call(),
            _ => self.unknown_call(),
        };
        let mut access = called.access.clone();
        let mut forward = Forward::of(&called);
        let depth = self.rng.below(4);
        for level in 0..=depth {
            // Often different ones, sometimes one that is running already.
            let proxy = *self.rng.pick(&self.proxies);
            if self.rng.percent(85) {
                access.push(AccessEntry::new(proxy, AccessMode::Write));
            }
            forward = self.act_on_the_way(forward, &mut access);
            if level == depth {
                let order = forward.order(proxy).gas_limit(200_000);
                access.sort_by_key(|entry| (entry.account, entry.mode != AccessMode::Write));
                access.dedup_by_key(|entry| entry.account);
                return Order { access, ..order };
            }
            forward = forward.through(proxy);
        }
        unreachable!("the last level returns")
    }

    /// What a proxy does besides forwarding.
    fn act_on_the_way(&mut self, forward: Forward, access: &mut Vec<AccessEntry>) -> Forward {
        let mut forward = match self.rng.below(6) {
            0 => forward.flags(Forward::ABORT_ON_FAILURE),
            1 => forward.flags(Forward::ABORT_AFTER),
            2 => forward.flags(Forward::WRITE_BEFORE | Forward::EMIT_BEFORE),
            _ => forward,
        };
        if self.rng.percent(20) {
            forward = forward.gas(self.rng.below(60_000));
        }
        if self.rng.percent(20) {
            access.push(AccessEntry::new(forward.to, AccessMode::Credit));
            let asset = *self.rng.pick(&[AssetId::NATIVE, GOLD]);
            forward = forward.deposit(asset, self.rng.below(40));
        }
        forward
    }

    fn misbehaving_call(&mut self) -> Order {
        let contracts = [self.undeclared, self.trap, self.abort, self.spin];
        let contract = self.rng.pick(&contracts).expect(DEPLOYED);
        let mut input = self.receiver().to_bytes().to_vec();
        input.push(self.rng.below(9) as u8);
        let entries = ["touch", "touch", "unreachable", "divide_by_zero", "abort", "spin"];
        let entry = *self.rng.pick(&entries);
        let order = Order::invoke(contract, entry, &input).gas_limit(60_000);
        if self.rng.percent(30) { order.access(self.receiver(), AccessMode::Write) } else { order }
    }

    fn deploy(&mut self) -> Order {
        match self.rng.below(4) {
            0 => Order::deploy(wasm(TOKEN), &100_u64.to_le_bytes()),
            1 => Order::deploy(wasm(COUNTER), &[]),
            // The constructor aborts: the input has the wrong length.
            2 => Order::deploy(wasm(TOKEN), &[1, 2, 3]),
            _ => Order::deploy(b"no module".to_vec(), &[]),
        }
    }

    fn upgrade(&mut self) -> Order {
        let contract = *self.rng.pick(&self.counters);
        let code = if self.rng.percent(70) { COUNTER } else { TOKEN };
        Order::upgrade(contract, wasm(code), &[])
    }

    fn unknown_call(&mut self) -> Order {
        let counter = *self.rng.pick(&self.counters);
        match self.rng.below(4) {
            0 => Order::invoke(ContractId([7; 32]), "add", &[]),
            1 => Order::invoke(counter, "init", &[]),
            2 => Order::invoke(counter, "nothing", &[]).deposit(GOLD, 5),
            _ => Order::invoke(counter, "add", &[]).deposit(GOLD, u64::MAX),
        }
    }

    fn nonce(&mut self, number: u64) -> u64 {
        *self.nonces.entry(number).or_insert(0)
    }

    fn send(&mut self, number: u64, order: Order) -> Transaction {
        let nonce = self.nonces.entry(number).or_insert(0);
        *nonce += 1;
        order.signed(number, *nonce - 1)
    }
}

/// How often each kind of end occurred, so that a run can show that it tried everything.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    pub(crate) by_code: std::collections::BTreeMap<u32, usize>,
    /// Purchases from the pool, each a contract that calls another.
    pub(crate) purchases: usize,
}

impl Ends {
    /// Transactions that were included.
    pub(crate) fn included(&self) -> usize {
        self.by_code.iter().filter(|(code, _)| **code != 999).map(|(_, times)| times).sum()
    }

    pub(crate) fn count(&mut self, results: &[Result<tos_runtime::Receipt, InvalidTransaction>]) {
        for result in results {
            let code = result.as_ref().map_or(999, |receipt| receipt.status.code());
            *self.by_code.entry(code).or_default() += 1;
            let events = result.iter().flat_map(|receipt| &receipt.events);
            let is_purchase = |event: &&tos_runtime::Event| {
                event.topics.first().is_some_and(|topic| topic.0.starts_with(b"amm.swap"))
            };
            self.purchases += events.filter(is_purchase).count();
        }
    }
}
