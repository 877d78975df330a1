//! A block that is cut into parts has to be resolved to the same as one that is not.

use std::collections::BTreeSet;

use ed25519_zebra::SigningKey;
use tos_host_api::{
    AccessEntry, AccessMode, Address, Amount, AssetId, ChainId, ContractId, Gas, Hash, Nonce,
    PublicKey, TopoHeight,
};

use super::*;
use crate::error::InvalidBlock;
use crate::outcome::{Digests, HeaderParts, seal};
use crate::state::{Account, Change, ChangeSet, StateKey, StateValue};
use crate::storage::{ChainMeta, CommitBatch, MemoryStorage, Storage};
use crate::types::{BlockContext, TransactionType, Transfer, UnsignedTransaction};
use crate::verify::VerifiedTransaction;

const SENDERS: u64 = 12;

fn key(number: u64) -> SigningKey {
    SigningKey::from([u8::try_from(number).unwrap() + 1; 32])
}

fn sender(number: u64) -> PublicKey {
    PublicKey(key(number).verification_key().into())
}

fn rules(params: &ProtocolParams) -> Rules {
    Rules::new(TopoHeight::ZERO, params.clone())
}

fn params() -> Arc<ProtocolParams> {
    Arc::new(ProtocolParams::new(ChainId(1)))
}

fn context(topoheight: u64) -> BlockContext {
    BlockContext {
        topoheight: TopoHeight(topoheight),
        stable_topoheight: TopoHeight(0),
        timestamp: 0,
        block_version: 1,
        parent: Hash::default(),
    }
}

/// A hot state that is empty yet, over a storage that knows half of the senders.
fn chain() -> Arc<ChainState> {
    let storage = MemoryStorage::new();
    let account = |number| Change {
        key: StateKey::Account(Address::Key(sender(number))),
        old: None,
        new: Some(StateValue::Account(Account {
            nonce: Nonce(number + 1),
            native: Amount(1_000 + number),
            ..Account::default()
        })),
    };
    let changes = ChangeSet::new((0..SENDERS / 2).map(account).collect()).unwrap();
    let parts = HeaderParts {
        context: context(0),
        beneficiary: None,
        block_hash: Hash::default(),
        announced: None,
    };
    let digests = Digests { delta: changes.hash(), receipts: Hash::default() };
    let record = Arc::new(seal(parts, digests, changes, Vec::new()));
    let meta = ChainMeta {
        format: 1,
        genesis: record.header.state_digest,
        params: Vec::new(),
        topoheight: TopoHeight(0),
        stable_topoheight: TopoHeight(0),
        state_digest: record.header.state_digest,
    };
    let changes = &record.change_set;
    storage.commit(&CommitBatch { meta: &meta, record: Some(&record), changes }).unwrap();
    Arc::new(ChainState::new(Arc::new(storage)))
}

/// Transfers to few accounts, and calls that declare some; `seed` decides which.
fn block(txs: u64, seed: u64, params: &ProtocolParams) -> Block {
    let tx = |index: u64| {
        // Enough variety without a generator: a multiplication spreads the bits.
        let draw = |salt: u64, below: u64| {
            let mixed = (index ^ salt << 32 ^ seed << 48).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (mixed >> 40) % below
        };
        let other = |salt| Address::Key(PublicKey([draw(salt, 40) as u8; 32]));
        let contract = ContractId([draw(1, 3) as u8; 32]);
        let mut access = vec![
            AccessEntry::new(other(2), AccessMode::Read),
            AccessEntry::new(contract, AccessMode::Credit),
        ];
        let native = |destination| Transfer {
            destination,
            asset: AssetId::NATIVE,
            amount: Amount(draw(3, 9)),
        };
        let source = draw(4, SENDERS);
        let data = match draw(5, 4) {
            0 => {
                access.sort_unstable();
                let (entry, input, deposits) = ("run".into(), Vec::new(), Vec::new());
                TransactionType::InvokeContract { contract, entry, input, deposits }
            }
            // To oneself, to one and to several.
            1 => TransactionType::Transfers(vec![native(Address::Key(sender(source)))]),
            2 => TransactionType::Transfers(vec![native(other(6))]),
            _ => TransactionType::Transfers(vec![native(other(7)), native(other(8))]),
        };
        if !matches!(data, TransactionType::InvokeContract { .. }) {
            access.clear();
        }
        let unsigned = UnsignedTransaction {
            chain_id: params.chain_id,
            source: sender(source),
            nonce: Nonce(index),
            gas_limit: Gas(100_000 + index),
            gas_price: Amount(1),
            expiry: TopoHeight(9),
            access,
            data,
        };
        VerifiedTransaction::verify(unsigned.sign(&key(source)), params).unwrap()
    };
    block_of((0..txs).map(tx).collect())
}

fn block_of(txs: Vec<VerifiedTransaction>) -> Block {
    Block::new(context(1), txs)
}

/// What was found, without the numbers of accounts: those are nobody's business.
fn found(resolved: &Resolved, chain: &Arc<ChainState>) -> impl PartialEq + use<> {
    let table = &resolved.table;
    let address = |account: AccountIdx| table.accounts()[account as usize];
    let txs = (0..table.len()).map(|tx| {
        let entries: Vec<_> =
            table.of(tx).iter().map(|entry| (address(entry.account), entry.mode)).collect();
        (entries, table.gas_limits()[tx])
    });
    let txs: Vec<_> = txs.collect();
    let mut accounts: Vec<_> = table.accounts().to_vec();
    accounts.sort_unstable();
    let unique = accounts.windows(2).all(|pair| pair[0] < pair[1]);
    assert!(unique, "an account has two numbers");
    assert_eq!(resolved.cells.len(), accounts.len());
    for (cell, address) in resolved.cells.iter().zip(table.accounts().iter()) {
        assert_eq!(*cell.base(), chain.account(address).unwrap());
    }
    (txs, accounts, resolved.beneficiary.map(address))
}

/// The contracts that these transactions call.
fn contracts(block: &Block, txs: impl Iterator<Item = TxIndex>) -> BTreeSet<ContractId> {
    let contract = |tx: TxIndex| match block.transactions()[tx as usize].data {
        TransactionType::InvokeContract { contract, .. } => Some(contract),
        _ => None,
    };
    txs.filter_map(contract).collect()
}

#[test]
fn every_contract_is_named_and_few_transactions_name_them() {
    let block = block(900, 1, &params());
    let all = contracts(&block, 0..900);
    assert!(all.len() > 1);
    let pool = WorkerPool::new(2).unwrap();
    let parts = resolve_in_parts(&block, &rules(&params()), &chain(), &pool).unwrap();
    let whole = resolve_at_once(&block, &chain()).unwrap();
    for txs in [parts.contract_txs, whole.contract_txs] {
        assert_eq!(contracts(&block, txs.iter().copied()), all);
        assert!(txs.is_sorted() && txs.len() < 40, "{} transactions", txs.len());
    }
}

#[test]
fn parts_come_to_the_same_as_the_whole() {
    let params = params();
    for (workers, txs) in [(1, 1), (2, 3), (3, 50), (4, 700)] {
        let pool = WorkerPool::new(workers).unwrap();
        for seed in 0..4 {
            let mut block = block(txs, seed, &params);
            if seed % 2 == 0 {
                let account = if seed == 0 { sender(0) } else { PublicKey([200; 32]) };
                block = block.with_beneficiary(account);
            }
            let cold = chain();
            let whole = found(&resolve_at_once(&block, &chain()).unwrap(), &cold);
            // Cold, then warm, then once more: a second numbering must not see the first.
            for _ in 0..3 {
                let parts = resolve_in_parts(&block, &rules(&params), &cold, &pool).unwrap();
                assert!(found(&parts, &cold) == whole, "{workers} workers, seed {seed}");
            }
        }
    }
}

#[test]
fn two_numberings_at_once_keep_out_of_each_others_way() {
    let params = params();
    let (chain, first, second) = (chain(), block(300, 1, &params), block(300, 2, &params));
    let whole = |block| found(&resolve_at_once(block, &chain).unwrap(), &chain);
    let (first_whole, second_whole) = (whole(&first), whole(&second));
    let resolve_often = |block: &Block| {
        let (pool, rules) = (WorkerPool::new(2).unwrap(), rules(&params));
        let resolve = |_| found(&resolve_in_parts(block, &rules, &chain, &pool).unwrap(), &chain);
        (0..50).map(resolve).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| resolve_often(&first).iter().all(|found| *found == first_whole));
        assert!(resolve_often(&second).iter().all(|found| *found == second_whole));
        assert!(other.join().unwrap());
    });
}

#[test]
fn faults_of_large_blocks_are_those_of_small_ones() {
    let mut params = params();
    let pool = WorkerPool::new(2).unwrap();
    let fault = |block: &Block, params: &Arc<ProtocolParams>| {
        let rules = &rules(params);
        let parts = resolve_in_parts(block, rules, &chain(), &pool).map(|_| ());
        let found = parts.expect_err("the block has a fault").to_string();
        let EngineError::InvalidBlock(expected) = check_block(block, rules).unwrap_err().into()
        else {
            panic!("a fault of a block is an invalid block");
        };
        assert!(found.contains(&expected.to_string()), "{found}");
        expected
    };
    let good = block(200, 1, &params);
    let mut twice = good.transactions().to_vec();
    twice.push(twice[7].clone());
    twice.push(twice[5].clone());
    let expected = InvalidBlock::DuplicateTransaction { first: 7, second: 200 };
    assert_eq!(fault(&block_of(twice.clone()), &params).to_string(), expected.to_string());

    let other = ProtocolParams { block_bytes_max: 1, ..(*params).clone() };
    twice.insert(3, block(1, 0, &other).transactions()[0].clone());
    let expected = InvalidBlock::ForeignVerification { index: 3 };
    assert_eq!(fault(&block_of(twice), &params).to_string(), expected.to_string());

    let limits: [fn(&mut ProtocolParams); 3] = [
        |params| params.block_bytes_max = 1_000,
        |params| params.block_gas_limit = Gas(1_000_000),
        |params| params.block_transactions_max = 199,
    ];
    for limit in limits {
        params = self::params();
        limit(Arc::make_mut(&mut params));
        fault(&block(200, 1, &params), &params);
    }
}
