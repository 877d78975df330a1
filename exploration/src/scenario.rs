//! What is executed: a chain with a few people and two contracts, and two blocks of a handful of
//! transactions on it that follow from a seed. Everything that does not depend on the order of
//! threads is made once and shared by all schedules.

use std::sync::{Arc, Mutex};

use ed25519_zebra::SigningKey;
use tos_host_api::{
    AccessEntry, AccessMode, Address, Amount, AssetId, ChainId, ContractId, Gas, Hash, Nonce,
    PublicKey, TopoHeight,
};

use crate::config::{EngineConfig, ProtocolParams};
use crate::engine::ContractEngine;
use crate::error::StorageError;
use crate::genesis::Genesis;
use crate::rng::Rng;
use crate::sandbox::Step;
use crate::state::{StateKey, StateValue};
use crate::storage::{BlockRecord, ChainMeta, CommitBatch, MemoryStorage, Storage};
use crate::types::{Block, TransactionType, Transfer, UnsignedTransaction};
use crate::verify::VerifiedTransaction;

/// People on the chain: few, so that they meet.
const PEOPLE: usize = 5;
/// The longest block.
const BLOCK_TXS_MAX: usize = 11;
const BALANCE: u64 = 1_000_000_000_000;
/// High enough for a block to be worth all workers.
const GAS_LIMIT: Gas = Gas(20_000_000);
const CONTRACT: &str = r#"(module (memory (export "memory") 1) (func (export "run")))"#;

/// A chain on which everything is in place: the people have money, the contracts are deployed.
pub(crate) struct World {
    people: Vec<(SigningKey, Address)>,
    contracts: Vec<ContractId>,
    params: ProtocolParams,
    /// What its storage was given, in order.
    committed: Vec<(ChainMeta, Arc<BlockRecord>)>,
}

/// Two blocks that follow each other, and what executing them one transaction after the other
/// leaves behind.
pub(crate) struct Scenario {
    pub(crate) world: Arc<World>,
    pub(crate) blocks: [Block; 2],
    pub(crate) expected: [BlockRecord; 2],
}

/// A storage that several engines can be opened on, one after the other, and that can be told to
/// fail. Its locks are not shuttle's: nobody waits under them.
#[derive(Clone, Default)]
pub(crate) struct SharedStorage {
    inner: Arc<MemoryStorage>,
    /// Reads until one fails.
    pub(crate) fails_after: Arc<Mutex<Option<u32>>>,
}

impl World {
    /// Makes the chain. Has to run under shuttle, as every engine here.
    pub(crate) fn new() -> Arc<Self> {
        let people: Vec<_> = (1..=PEOPLE as u8)
            .map(|person| SigningKey::from([person; 32]))
            .map(|key| (key, Address::Key(PublicKey(key.verification_key().into()))))
            .collect();
        let params = ProtocolParams::new(ChainId(1));
        let mut genesis = Genesis::new(params.clone());
        for (_, person) in &people {
            genesis = genesis.with_balance(*person, AssetId::NATIVE, Amount(BALANCE));
        }
        let storage = SharedStorage::default();
        let engine = ContractEngine::builder()
            .storage(storage.clone())
            .genesis(genesis)
            .config(EngineConfig { max_parallel_threads: 1, ..Default::default() })
            .build()
            .expect("a new chain");
        let mut world = Self { people, contracts: Vec::new(), params, committed: Vec::new() };
        let deploy = |nonce| {
            let code = wat::parse_str(CONTRACT).expect("a valid module");
            let data =
                TransactionType::DeployContract { code, input: Vec::new(), deposits: Vec::new() };
            world.sign(0, Nonce(nonce), Vec::new(), data)
        };
        let deploys = vec![deploy(0), deploy(1)];
        let contracts = deploys.iter().filter_map(|tx| tx.deployed_contract()).collect();
        let outcome = engine
            .execute_block_sequentially(&Block::new(engine.next_context(1), deploys))
            .expect("deployments");
        engine.commit(outcome).expect("it is committed");
        world.contracts = contracts;
        let last = storage.meta().expect("in memory").expect("a chain");
        for height in 0..=last.topoheight.0 {
            let topoheight = TopoHeight(height);
            let record = storage.record(topoheight).expect("in memory").expect("a record");
            let state_digest = record.header.state_digest;
            let meta = ChainMeta { topoheight, state_digest, ..last.clone() };
            world.committed.push((meta, Arc::new(record)));
        }
        Arc::new(world)
    }

    /// A storage that holds the chain.
    pub(crate) fn storage(&self) -> SharedStorage {
        let storage = SharedStorage::default();
        for (meta, record) in &self.committed {
            let batch = CommitBatch { meta, record: Some(record), changes: &record.change_set };
            storage.commit(&batch).expect("in memory");
        }
        storage
    }

    fn sign(
        &self,
        person: usize,
        nonce: Nonce,
        access: Vec<AccessEntry>,
        data: TransactionType,
    ) -> VerifiedTransaction {
        let (key, address) = &self.people[person];
        let Address::Key(source) = *address else { unreachable!("people have keys") };
        let unsigned = UnsignedTransaction {
            chain_id: self.params.chain_id,
            source,
            nonce,
            gas_limit: GAS_LIMIT,
            gas_price: Amount(1),
            expiry: TopoHeight(u64::MAX),
            access,
            data,
        };
        VerifiedTransaction::verify(unsigned.sign(key), &self.params).expect("a valid transaction")
    }

    /// A random transaction of a person. Most do what they declare and can afford it.
    fn transaction(&self, rng: &mut Rng, person: usize, nonce: Nonce) -> VerifiedTransaction {
        let someone = |rng: &mut Rng| self.people[rng.below(PEOPLE)].1;
        if rng.percent(40) {
            let transfers = (0..1 + rng.below(2)).map(|_| Transfer {
                destination: someone(rng),
                asset: AssetId::NATIVE,
                amount: Amount(if rng.percent(8) { BALANCE } else { rng.below(1_000) as u64 }),
            });
            let data = TransactionType::Transfers(transfers.collect());
            return self.sign(person, nonce, Vec::new(), data);
        }
        let contract = self.contracts[rng.below(self.contracts.len())];
        let own = Address::Contract(contract);
        let mut access = Vec::new();
        let mut steps = Vec::new();
        for _ in 0..1 + rng.below(3) {
            let partition = if rng.percent(30) { own } else { someone(rng) };
            let key = rng.below(2) as u8;
            let amount = rng.below(50) as u64;
            let (step, mode) = match rng.below(9) {
                0 | 1 => (Step::Append(partition, key), AccessMode::Write),
                2 => (Step::Look(partition, key), AccessMode::Read),
                3 | 4 => (Step::Add(partition, key, amount), AccessMode::Credit),
                5 => (Step::Take(partition, key, amount), AccessMode::Write),
                6 => (Step::Sum(partition, key), AccessMode::Read),
                7 => (Step::Balance(partition), AccessMode::Read),
                _ if rng.percent(25) => (Step::Revert, AccessMode::Read),
                _ => (Step::Emit, AccessMode::Read),
            };
            steps.push(step);
            // Now and then one declares too little and is halted.
            if !rng.percent(5) {
                access.push(AccessEntry::new(partition, mode));
            }
        }
        access.sort_unstable_by_key(|entry| (entry.account, std::cmp::Reverse(entry.mode)));
        access.dedup_by(|later, kept| {
            let same = later.account == kept.account;
            if same {
                kept.mode = kept.mode.join(later.mode);
            }
            same
        });
        access.retain(|entry| entry.account != self.people[person].1);
        let input = borsh::to_vec(&steps).expect("writing to a Vec cannot fail");
        let entry = "run".into();
        let data = TransactionType::InvokeContract { contract, entry, input, deposits: Vec::new() };
        self.sign(person, nonce, access, data)
    }

    /// Random transactions; `nonces` says what the people are at.
    fn transactions(&self, rng: &mut Rng, nonces: &mut [u64]) -> Vec<VerifiedTransaction> {
        let count = 3 + rng.below(BLOCK_TXS_MAX - 2);
        let transactions = (0..count).map(|_| {
            let person = rng.below(PEOPLE);
            // Now and then one comes too early and is rejected.
            let early = u64::from(rng.percent(4));
            let tx = self.transaction(rng, person, Nonce(nonces[person] + early));
            nonces[person] += 1 - early;
            tx
        });
        let mut transactions: Vec<_> = transactions.collect();
        // No block holds a transaction twice, which the same wrong nonce twice can bring about.
        let mut ids = std::collections::BTreeSet::new();
        transactions.retain(|tx| ids.insert(tx.id()));
        transactions
    }
}

impl Scenario {
    /// The scenario of a seed. Has to run under shuttle.
    pub(crate) fn new(world: &Arc<World>, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut nonces = [0; PEOPLE];
        nonces[0] = world.contracts.len() as u64;
        let engine = ContractEngine::builder()
            .storage(world.storage())
            .config(EngineConfig { max_parallel_threads: 1, ..Default::default() })
            .build()
            .expect("the chain");
        let mut next = || {
            let transactions = world.transactions(&mut rng, &mut nonces);
            let mut block = Block::new(engine.next_context(2), transactions);
            if rng.percent(50) {
                block = block.with_beneficiary(world.people[rng.below(PEOPLE)].1);
            }
            let outcome = engine.execute_block_sequentially(&block).expect("it executes");
            let record = (*outcome.record).clone();
            engine.commit(outcome).expect("it is committed");
            (block, record)
        };
        let ((first, of_first), (second, of_second)) = (next(), next());
        Self { world: Arc::clone(world), blocks: [first, second], expected: [of_first, of_second] }
    }
}

impl SharedStorage {
    /// Whether nobody else has it.
    pub(crate) fn is_let_go(&self) -> bool {
        Arc::strong_count(&self.inner) == 1
    }
}

impl Storage for SharedStorage {
    fn meta(&self) -> Result<Option<ChainMeta>, StorageError> {
        self.inner.meta()
    }

    fn read(&self, key: &StateKey) -> Result<Option<StateValue>, StorageError> {
        let mut fails_after = self.fails_after.lock().expect("nobody panics here");
        if let Some(left) = &mut *fails_after {
            let Some(fewer) = left.checked_sub(1) else {
                *fails_after = None;
                return Err(StorageError::new(std::io::Error::other("planned")));
            };
            *left = fewer;
        }
        self.inner.read(key)
    }

    fn record(&self, topoheight: TopoHeight) -> Result<Option<BlockRecord>, StorageError> {
        self.inner.record(topoheight)
    }

    fn commit(&self, batch: &CommitBatch<'_>) -> Result<(), StorageError> {
        self.inner.commit(batch)
    }

    fn artifact(&self, key: &Hash) -> Result<Option<Vec<u8>>, StorageError> {
        self.inner.artifact(key)
    }

    fn store_artifact(&self, key: &Hash, artifact: &[u8]) -> Result<(), StorageError> {
        self.inner.store_artifact(key, artifact)
    }
}
