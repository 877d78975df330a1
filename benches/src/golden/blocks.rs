//! The blocks of the golden chain. They follow from a seed and the prices of transactions, and from
//! nothing that comes of executing them, so that a digest that moves is the engine's doing.
//!
//! Nothing here may change: every block after a change would be another one.

use tos_runtime::AccessMode::{Credit, Read, Write};
use tos_runtime::{
    Address, AssetId, ChainId, ContractId, Gas, Genesis, Nonce, ProtocolParams, PublicKey,
    SigningKey, TopoHeight, Transaction, UnsignedTransaction,
};

use super::orders::{Order, bytes};
use crate::{COUNTER_WAT, Rng, TOKEN_WAT, assemble};

/// People of the chain; person 0 deploys and upgrades.
const PEOPLE: usize = 14;
/// The seed all of it follows from.
const SEED: u64 = 0x601d;
/// The second asset, and one that does not exist.
const SECOND: AssetId = AssetId([0x51; 32]);
const UNKNOWN: AssetId = AssetId([0x52; 32]);

// Modules as they were when the chain was recorded: the contracts may improve, this chain may not.
const TOKEN: &[u8] = include_bytes!("modules/token.wasm");
const AMM: &[u8] = include_bytes!("modules/amm.wasm");
const COUNTER: &[u8] = include_bytes!("modules/counter.wasm");
const ESCROW: &[u8] = include_bytes!("modules/escrow.wasm");
const NFT: &[u8] = include_bytes!("modules/nft.wasm");
const AUCTION: &[u8] = include_bytes!("modules/auction.wasm");
const WALLET: &[u8] = include_bytes!("modules/multisig_wallet.wasm");
const GREETER: &[u8] = include_bytes!("modules/greeter.wasm");
const RAW: &str = include_str!("../../../contracts/wat/raw.wat");
const HOSTILE: &str = include_str!("../../../contracts/wat/hostile.wat");

/// Writes the blocks of the chain, one after the other.
pub struct Author {
    params: ProtocolParams,
    people: Vec<(SigningKey, PublicKey)>,
    nonces: Vec<u64>,
    rng: Rng,
    height: u64,
    contracts: Contracts,
    counter_wat: Vec<u8>,
    token_wat: Vec<u8>,
}

/// Who is called.
#[derive(Default)]
struct Contracts {
    token: ContractId,
    pool: ContractId,
    counter: ContractId,
    escrow: ContractId,
    nft: ContractId,
    auction: ContractId,
    wallet: ContractId,
    greeter: ContractId,
    raw: ContractId,
    hostile: ContractId,
}

impl Default for Author {
    fn default() -> Self {
        let mut rng = Rng::new(SEED);
        let person = |_| {
            let key = SigningKey::from(rng.bytes());
            let public = PublicKey(key.verification_key().into());
            (key, public)
        };
        let people = (0..PEOPLE).map(person).collect();
        Self {
            params: ProtocolParams::new(ChainId(0x601d)),
            people,
            nonces: vec![0; PEOPLE],
            rng,
            height: 0,
            contracts: Contracts::default(),
            counter_wat: assemble(COUNTER_WAT),
            token_wat: assemble(TOKEN_WAT),
        }
    }
}

impl Author {
    /// The beginning of the chain. The last two people have nothing but the second asset.
    #[must_use]
    pub fn genesis(&self) -> Genesis {
        let mut genesis = Genesis::new(self.params.clone());
        for (number, (_, public)) in self.people.iter().enumerate() {
            if number + 2 < PEOPLE {
                let funds = tos_runtime::Amount(1_000_000_000_000);
                genesis = genesis.with_balance(*public, AssetId::NATIVE, funds);
            }
            genesis = genesis.with_balance(*public, SECOND, tos_runtime::Amount(2_000_000));
        }
        genesis
    }

    /// Who receives the fees of the block at this height; every fourth burns them.
    #[must_use]
    pub fn beneficiary(&self, height: u64) -> Option<Address> {
        (!height.is_multiple_of(4)).then(|| self.address((height % 5) as usize))
    }

    /// The transactions of the next block.
    pub fn next_block(&mut self) -> Vec<Transaction> {
        self.height += 1;
        let mut txs = match self.height {
            1 => self.deployments(),
            2 => self.beginnings(),
            _ => Vec::new(),
        };
        // A new auction now and then; its last one is over by then.
        match self.height % 40 {
            5 => {
                let tx = self.send(0, Order::deploy(AUCTION, Vec::new()));
                self.contracts.auction = deployed(&tx);
                txs.push(tx);
            }
            6 => txs.push(self.open_auction()),
            _ => {}
        }
        for _ in 0..3 + self.rng.below(8) {
            txs.push(self.transaction());
        }
        let mut seen = std::collections::BTreeSet::new();
        txs.retain(|tx| seen.insert(tx.id()));
        txs
    }

    fn address(&self, person: usize) -> Address {
        Address::Key(self.people[person].1)
    }

    fn deployments(&mut self) -> Vec<Transaction> {
        let supply = 1_000_000_000_u64.to_le_bytes().to_vec();
        let (raw, hostile) = (assemble(RAW), assemble(HOSTILE));
        let modules = [TOKEN, COUNTER, ESCROW, NFT, GREETER, &raw, &hostile];
        let inputs = std::iter::once(supply).chain(std::iter::repeat(Vec::new()));
        let orders: Vec<Order> = modules
            .into_iter()
            .zip(inputs)
            .map(|(code, input)| Order::deploy(code, input))
            .collect();
        let mut txs: Vec<_> = orders.into_iter().map(|order| self.send(0, order)).collect();
        let ids: Vec<ContractId> = txs.iter().map(deployed).collect();
        let pool = self.send(0, Order::deploy(AMM, ids[0].0.to_vec()));
        let owners = [1, 2, 3].map(|person| self.address(person));
        let wallet = bytes(&[
            &3_u32.to_le_bytes(),
            &owners.map(|owner| owner.to_bytes()).concat(),
            &2_u32.to_le_bytes(),
        ]);
        let wallet = owners
            .into_iter()
            .fold(Order::deploy(WALLET, wallet), |order, owner| order.with(owner, Write));
        let wallet = self.send(0, wallet);
        let auction = self.send(0, Order::deploy(AUCTION, Vec::new()));
        self.contracts = Contracts {
            token: ids[0],
            counter: ids[1],
            escrow: ids[2],
            nft: ids[3],
            greeter: ids[4],
            raw: ids[5],
            hostile: ids[6],
            pool: deployed(&pool),
            wallet: deployed(&wallet),
            auction: deployed(&auction),
        };
        txs.extend([pool, wallet, auction]);
        txs
    }

    /// Everybody gets tokens, the pool its reserves, the wallet something to pay out.
    fn beginnings(&mut self) -> Vec<Transaction> {
        let Contracts { token, pool, wallet, .. } = self.contracts;
        let mut orders: Vec<Order> = (1..PEOPLE)
            .map(|person| Order::token_transfer(token, self.address(person), 100_000))
            .collect();
        orders.push(Order::approve(token, pool.into(), 500_000_000));
        let add = bytes(&[&100_000_000_u64.to_le_bytes(), &0_u64.to_le_bytes()]);
        let add = Order::writing(pool, "add_liquidity", add);
        orders.push(add.bringing(AssetId::NATIVE, 10_000_000));
        orders.push(Order::transfers(vec![(wallet.into(), SECOND, 100_000)]));
        orders.push(Order::transfers(vec![(wallet.into(), AssetId::NATIVE, 1_000_000)]));
        orders.into_iter().map(|order| self.send(0, order)).collect()
    }

    fn open_auction(&mut self) -> Transaction {
        let ends = self.height + 20;
        let reserve = 50_u64;
        let input = bytes(&[&SECOND.0, &reserve.to_le_bytes(), &ends.to_le_bytes()]);
        let order = Order::writing(self.contracts.auction, "open", input).bringing(SECOND, 40);
        self.send(0, order)
    }

    /// One transaction of anybody; one in twelve may not be included.
    fn transaction(&mut self) -> Transaction {
        // Person 0 may do more than others, and so does more; the last two can pay for nothing.
        let sender = match self.rng.below(20) {
            0 | 1 => 0,
            2 => PEOPLE - 1 - self.rng.below(2),
            _ => self.rng.below(PEOPLE - 2),
        };
        let order = self.order(sender);
        let order = self.spoiled(order);
        let nonce = self.nonces[sender];
        let ahead = 1 + self.rng.below(3) as u64;
        match self.rng.below(48) {
            0 => self.sign(sender, nonce + ahead, order),
            1 => self.sign(sender, nonce.saturating_sub(1), order),
            2 => self.sign(sender, nonce, Order { gas_price: u64::MAX / 4, ..order }),
            3 => self.sign(sender, nonce, Order { expiry: self.height - 1, ..order }),
            // Two people cannot pay for anything until somebody pays them.
            _ if sender + 2 >= PEOPLE => self.sign(sender, nonce, order),
            _ => self.send(sender, order),
        }
    }

    fn order(&mut self, sender: usize) -> Order {
        match self.rng.below(100) {
            0..=27 => self.payment(),
            28..=31 => {
                let asset = [AssetId::NATIVE, SECOND, UNKNOWN][self.rng.below(3)];
                Order::burn(asset, self.rng.below(30_000) as u64)
            }
            32..=45 => self.token_order(),
            46..=54 => self.pool_order(),
            55..=61 => self.counter_order(),
            62..=67 => self.escrow_order(),
            68..=72 => self.nft_order(sender),
            73..=77 => self.wallet_order(),
            78..=80 => self.auction_order(),
            81..=83 => self.greeter_order(),
            84..=88 => self.host_order(),
            89..=92 => self.hostile_order(),
            93..=96 => self.deployment(),
            _ => self.upgrade(),
        }
    }

    /// Now and then something that fails.
    fn spoiled(&mut self, mut order: Order) -> Order {
        order.gas_price = 1 + self.rng.below(3) as u64;
        if order.data.is_call() {
            match self.rng.below(20) {
                0 => order.access.clear(),
                1 => order.gas = self.rng.below(30_000) as u64,
                2 => order = order.bringing(SECOND, 1 + self.rng.below(100) as u64),
                3 => order = order.bringing(UNKNOWN, 1),
                _ => {}
            }
        }
        order
    }

    fn anybody(&mut self) -> Address {
        let person = self.rng.below(PEOPLE);
        self.address(person)
    }

    fn receiver(&mut self) -> Address {
        match self.rng.below(8) {
            0 => self.contracts.counter.into(),
            1 | 2 => self.address(0),
            _ => self.anybody(),
        }
    }

    fn payment(&mut self) -> Order {
        let count = if self.rng.percent(70) { 1 } else { self.rng.below(6) };
        let mut pay = || {
            let asset = match self.rng.below(30) {
                0 => UNKNOWN,
                1..=9 => SECOND,
                _ => AssetId::NATIVE,
            };
            let most = if self.rng.percent(4) { 4_000_000 } else { 20_000 };
            (self.receiver(), asset, self.rng.below(most) as u64)
        };
        let list = (0..count).map(|_| pay()).collect();
        Order::transfers(list)
    }

    fn token_order(&mut self) -> Order {
        let (token, to) = (self.contracts.token, self.receiver());
        let amount = self.rng.below(4_000) as u64;
        let payment = bytes(&[&to.to_bytes(), &amount.to_le_bytes()]);
        match self.rng.below(12) {
            0 => Order::writing(token, "mint", payment).with(to, Credit),
            1 => Order::writing(token, "burn", payment).with(to, Write),
            2 => Order::approve(token, to, amount),
            3 => {
                let from = self.anybody();
                let input = bytes(&[&from.to_bytes(), &payment]);
                Order::invoke(token, "transfer_from", input).with(from, Write).with(to, Credit)
            }
            4 => Order::invoke(token, "balance_of", to.to_bytes().to_vec()).with(to, Read),
            5 => Order::token_transfer(token, to, u64::MAX),
            _ => Order::token_transfer(token, to, amount),
        }
    }

    fn pool_order(&mut self) -> Order {
        let Contracts { token, pool, .. } = self.contracts;
        let amount = 1 + self.rng.below(3_000) as u64;
        let least = 1_u64.to_le_bytes();
        let given = |entry: &str, numbers: &[u64]| {
            let input = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            Order::writing(pool, entry, input)
        };
        match self.rng.below(8) {
            0 | 1 => Order::approve(token, pool.into(), 10 * amount),
            2 => given("sell", &[amount, 1]),
            3 => given("add_liquidity", &[100 * amount, 0]).bringing(AssetId::NATIVE, amount),
            4 => given("remove_liquidity", &[amount, 0, 0]),
            _ => Order::writing(pool, "buy", least.to_vec()).bringing(AssetId::NATIVE, amount),
        }
    }

    fn counter_order(&mut self) -> Order {
        let counter = self.contracts.counter;
        let amount = (self.rng.below(1_000) as u64).to_le_bytes().to_vec();
        match self.rng.below(5) {
            0 => Order::writing(counter, "bump", Vec::new()),
            1 => Order::invoke(counter, "get", Vec::new()).with(counter, Read),
            _ => Order::invoke(counter, "add", amount).with(counter, Credit),
        }
    }

    fn escrow_order(&mut self) -> Order {
        let (escrow, payee) = (self.contracts.escrow, self.anybody());
        let number = self.rng.below(2) as u64;
        let expires = self.height + self.rng.below(12) as u64;
        match self.rng.below(4) {
            0 => Order::end_deal(escrow, "release", payee, number),
            1 => Order::end_deal(escrow, "refund", payee, number),
            _ => {
                let amount = self.rng.below(500) as u64 + 1;
                let deal = Order::open_deal(escrow, payee, number, expires);
                deal.bringing(AssetId::NATIVE, amount)
            }
        }
    }

    fn nft_order(&mut self, sender: usize) -> Order {
        let (nft, to) = (self.contracts.nft, self.anybody());
        let token = ContractId([self.rng.below(24) as u8; 32]);
        if sender == 0 || self.rng.percent(20) {
            return Order::mint_nft(nft, token, to);
        }
        Order::move_nft(nft, self.address(sender), to, token)
    }

    fn wallet_order(&mut self) -> Order {
        let (wallet, to) = (self.contracts.wallet, self.address(self.height as usize % 3));
        let amount = 10 + self.height / 20;
        let payout = bytes(&[&to.to_bytes(), &amount.to_le_bytes(), &3_u64.to_le_bytes()]);
        let id = blake3::hash(&payout);
        match self.rng.below(4) {
            0 => Order::writing(wallet, "propose", payout),
            1 => Order::writing(wallet, "execute", bytes(&[id.as_bytes(), &to.to_bytes()]))
                .with(to, Credit),
            _ => Order::invoke(wallet, "approve", id.as_bytes().to_vec()).with(wallet, Credit),
        }
    }

    fn auction_order(&mut self) -> Order {
        let auction = self.contracts.auction;
        match self.rng.below(5) {
            0 => Order::writing(auction, "close", Vec::new()),
            1 => Order::writing(auction, "collect", SECOND.0.to_vec()),
            2 => Order::writing(auction, "collect", AssetId::NATIVE.0.to_vec()),
            _ => {
                let bid = 40 + self.rng.below(2_000) as u64;
                Order::writing(auction, "bid", Vec::new()).bringing(AssetId::NATIVE, bid)
            }
        }
    }

    fn greeter_order(&mut self) -> Order {
        let names: [&[u8]; 4] = [b"Ada", "Zoë".as_bytes(), b"", &[0xff; 33]];
        let name = names[self.rng.below(4)].to_vec();
        let entry = ["greet", "greet", "set_word", "count"][self.rng.below(4)];
        Order::writing(self.contracts.greeter, entry, name)
    }

    /// What depends on the block, the gas, or a host function's own computing.
    fn host_order(&mut self) -> Order {
        let raw = self.contracts.raw;
        let out = 512;
        match self.rng.below(10) {
            0 => Order::raw(raw, "random", 640, &[out, 96]),
            1 => Order::raw(raw, "blake3", 640, &[0, 100, out]),
            2 => Order::raw(raw, "sha256", 640, &[0, 100, out]),
            3 => Order::raw(raw, "keccak256", 640, &[0, 100, out]),
            4 => Order::raw(raw, "secp256k1_recover", 640, &[0, 32, out]),
            5 => Order::raw(raw, "ed25519_verify", 8, &[0, 32, 96, 20]),
            6 => Order::raw(raw, "transaction_id", 640, &[out]),
            7 => Order::raw(raw, "timestamp", 8, &[]),
            8 => Order::raw(raw, "debug_log", 8, &[0, 40]),
            _ => Order::raw(raw, "gas_left", 8, &[]),
        }
    }

    fn hostile_order(&mut self) -> Order {
        let entries = [
            "m15_exponential",
            "m17_spin",
            "m17_nops",
            "m27_grow",
            "m28_fill",
            "m28_copy",
            "h13_log",
            "h14_emit",
            "h15_return_and_abort",
            "h15_return_and_trap",
            "h18_everything_then_trap",
            "h19_everything_then_abort",
        ];
        let entry = entries[self.rng.below(entries.len())];
        let (first, second) = (self.rng.below(3_000) as u32, self.rng.below(40) as u32);
        // Every seventh block recurses instead, about half of the time too deep.
        if self.height.is_multiple_of(7) {
            let depth = 1_000 + first;
            let input = depth.to_le_bytes().to_vec();
            return Order::writing(self.contracts.hostile, "m16_recurse", input);
        }
        let input = bytes(&[&first.to_le_bytes(), &second.to_le_bytes()]);
        Order::writing(self.contracts.hostile, entry, input)
    }

    fn deployment(&mut self) -> Order {
        let supply = 500_u64.to_le_bytes().to_vec();
        match self.rng.below(5) {
            0 => Order::deploy(&self.token_wat, supply),
            1 => Order::deploy(&self.counter_wat, Vec::new()),
            2 => Order::deploy(ESCROW, Vec::new()),
            // The constructor gives up: no such threshold.
            3 => Order::deploy(WALLET, vec![0; 8]),
            _ => Order::deploy(b"\0asm\x01\0\0\0 and no more", Vec::new()),
        }
    }

    /// The counter changes between its two readings, which keep their slots alike. Only person 0 may.
    fn upgrade(&mut self) -> Order {
        let code = if self.rng.percent(50) { COUNTER } else { &self.counter_wat };
        Order::upgrade(self.contracts.counter, code)
    }

    fn send(&mut self, sender: usize, order: Order) -> Transaction {
        self.nonces[sender] += 1;
        self.sign(sender, self.nonces[sender] - 1, order)
    }

    fn sign(&self, sender: usize, nonce: u64, order: Order) -> Transaction {
        let (key, source) = &self.people[sender];
        let mut unsigned = UnsignedTransaction {
            chain_id: self.params.chain_id,
            source: *source,
            nonce: Nonce(nonce),
            gas_limit: Gas(0),
            gas_price: tos_runtime::Amount(order.gas_price),
            expiry: TopoHeight(order.expiry),
            access: order.access,
            data: order.data,
        };
        let intrinsic = self.params.costs.intrinsic(&unsigned).expect("the orders are small");
        unsigned.gas_limit = Gas(intrinsic.0 + order.gas);
        unsigned.sign(key)
    }
}

fn deployed(tx: &Transaction) -> ContractId {
    tx.deployed_contract().expect("it is a deployment")
}
