//! A chain with four people and a few contracts, on engines that execute the same blocks.

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use tos_runtime::{
    AccessEntry, AccessMode, Address, Amount, AssetId, Block, BlockOutcome, ChainId,
    ContractEngine, ContractId, Deposit, EngineConfig, Gas, Genesis, MemoryStorage, Nonce,
    ProtocolParams, PublicKey, SigningKey, TopoHeight, TransactionType, UnsignedTransaction,
    VerifiedTransaction,
};

/// An asset besides the native one.
pub(crate) const GOLD: AssetId = AssetId([2; 32]);
/// What everybody has of each.
pub(crate) const BALANCE: u64 = 1_000_000_000;

const PEOPLE: u8 = 4;
/// Contracts and what their constructors are given: a token takes its supply.
const CONTRACTS: [(&str, &[u8]); 4] = [
    (include_str!("../../../../contracts/wat/raw.wat"), &[]),
    (include_str!("../../../../contracts/wat/raw.wat"), &[]),
    (include_str!("../../../../contracts/wat/token.wat"), &1_000_000_u64.to_le_bytes()),
    (include_str!("../../../../contracts/wat/counter.wat"), &[]),
];

/// The chain; made once.
pub(crate) static WORLD: LazyLock<World> = LazyLock::new(World::new);

pub(crate) struct World {
    pub(crate) people: Vec<(SigningKey, Address)>,
    /// Two that pass host calls on, a token, a counter.
    pub(crate) contracts: Vec<ContractId>,
    /// The first executes sequentially.
    engines: Vec<ContractEngine>,
}

impl World {
    fn new() -> Self {
        let key = |person: u8| SigningKey::from([person; 32]);
        let address = |key: &SigningKey| Address::Key(PublicKey(key.verification_key().into()));
        let people: Vec<_> = (1..=PEOPLE).map(key).map(|key| (key, address(&key))).collect();
        let mut world = Self { people, contracts: Vec::new(), engines: Vec::new() };
        let deploys: Vec<_> =
            CONTRACTS.iter().zip(0..).map(|contract| world.deploy(contract)).collect();
        world.contracts = deploys.iter().filter_map(|tx| tx.deployed_contract()).collect();
        // Sequential; parallel; parallel with every block treated as a large one.
        for (threads, large_block_txs) in [(0, usize::MAX), (4, usize::MAX), (3, 1)] {
            world.engines.push(world.engine(threads, large_block_txs, &deploys));
        }
        world
    }

    fn engine(
        &self,
        threads: usize,
        large_block_txs: usize,
        deploys: &[VerifiedTransaction],
    ) -> ContractEngine {
        let mut genesis = Genesis::new(ProtocolParams::new(ChainId(1)));
        for (_, person) in &self.people {
            genesis = genesis.with_balance(*person, AssetId::NATIVE, Amount(BALANCE));
            genesis = genesis.with_balance(*person, GOLD, Amount(BALANCE));
        }
        let config = EngineConfig {
            max_parallel_threads: threads.max(1),
            enable_parallel_execution: threads > 0,
            large_block_txs,
            ..Default::default()
        };
        let engine = ContractEngine::builder().storage(MemoryStorage::new());
        let engine = engine.genesis(genesis).config(config).build().expect("a new chain");
        let block = Block::new(engine.next_context(1), deploys.to_vec());
        let outcome = engine.execute_block(&block).expect("deployments");
        assert!(outcome.results().iter().flatten().all(|receipt| receipt.status.is_success()));
        engine.commit(outcome).expect("in memory");
        engine
    }

    fn deploy(&self, ((text, input), nonce): (&(&str, &[u8]), u64)) -> VerifiedTransaction {
        let data = TransactionType::DeployContract {
            code: wat::parse_str(text).expect("the contract is valid"),
            input: input.to_vec(),
            deposits: Vec::new(),
        };
        let deploy = self.sign(0, Nonce(nonce), Vec::new(), Gas(200_000_000), data);
        deploy.expect("a valid deployment")
    }

    /// A transaction of a person, unless it breaks a static rule.
    pub(crate) fn sign(
        &self,
        person: usize,
        nonce: Nonce,
        access: Vec<AccessEntry>,
        gas_limit: Gas,
        data: TransactionType,
    ) -> Option<VerifiedTransaction> {
        let (key, address) = &self.people[person];
        let Address::Key(source) = *address else { return None };
        let unsigned = UnsignedTransaction {
            chain_id: ChainId(1),
            source,
            nonce,
            gas_limit,
            gas_price: Amount(1),
            expiry: TopoHeight(100),
            access,
            data,
        };
        VerifiedTransaction::verify(unsigned.sign(key), &ProtocolParams::new(ChainId(1))).ok()
    }

    /// The nonce of the first transaction of a person.
    pub(crate) fn nonce(&self, person: usize) -> u64 {
        if person == 0 { CONTRACTS.len() as u64 } else { 0 }
    }

    /// Executes a block everywhere; nothing is kept of it.
    pub(crate) fn run(&self, transactions: Vec<VerifiedTransaction>) -> BlockOutcome {
        let [reference, others @ ..] = self.engines.as_slice() else { panic!("three engines") };
        let block = Block::new(reference.next_context(2), transactions);
        let block = block.with_beneficiary(self.people[1].1);
        let expected = reference.execute_block(&block).expect("it executes");
        for engine in others {
            let outcome = engine.execute_block(&block).expect("it executes");
            assert_eq!(outcome.results(), expected.results());
            assert_eq!(outcome.change_set(), expected.change_set());
            assert_eq!(outcome.state_digest(), expected.state_digest());
        }
        expected
    }

    /// One of the accounts of the chain, or one that nobody has heard of.
    pub(crate) fn account(&self, source: &mut Unstructured<'_>) -> Result<Address> {
        let people = self.people.iter().map(|(_, address)| *address);
        let contracts = self.contracts.iter().map(|id| Address::Contract(*id));
        let stranger = Address::Key(PublicKey([77; 32]));
        let all: Vec<_> = people.chain(contracts).chain([stranger]).collect();
        source.choose(&all).copied()
    }

    /// What a call declares, in canonical order.
    pub(crate) fn access(&self, source: &mut Unstructured<'_>) -> Result<Vec<AccessEntry>> {
        const MODES: [AccessMode; 3] = [AccessMode::Read, AccessMode::Credit, AccessMode::Write];
        let mut access = Vec::new();
        for _ in 0..source.int_in_range(0..=4)? {
            let entry = AccessEntry::new(self.account(source)?, *source.choose(&MODES)?);
            access.push(entry);
        }
        access.sort_unstable_by_key(|entry| entry.account);
        access.dedup_by_key(|entry| entry.account);
        Ok(access)
    }

    /// What a call brings along.
    pub(crate) fn deposits(&self, source: &mut Unstructured<'_>) -> Result<Vec<Deposit>> {
        let mut deposits = Vec::new();
        if source.ratio(1, 4)? {
            let asset = if source.arbitrary()? { GOLD } else { AssetId::NATIVE };
            deposits.push(Deposit { asset, amount: Amount(source.int_in_range(1..=BALANCE)?) });
        }
        Ok(deposits)
    }
}
