//! Decoding of what comes from the network or from a disk: no bytes make it panic, and what it
//! accepts has no second encoding.

use borsh::{BorshDeserialize, BorshSerialize};
use tos_runtime::{
    AccessSet, BlockRecord, ChainId, ChainMeta, ChangeSet, Description, ExecutionStatus,
    ProtocolParams, Receipt, Transaction, UnverifiedBlock, VerifiedTransaction,
};

/// A transaction: decoded, looked at, verified.
pub fn transaction(bytes: &[u8]) {
    if let Ok(tx) = Transaction::decode(bytes) {
        assert_eq!(tx.encode(), bytes, "a transaction has two encodings");
        look_at(tx);
    }
}

/// A block and its transactions.
pub fn block(bytes: &[u8]) {
    if let Ok(block) = UnverifiedBlock::decode(bytes) {
        assert_eq!(block.encode(), bytes, "a block has two encodings");
        block.transactions.into_iter().for_each(look_at);
    }
}

/// What a database holds, and what a contract says about itself. The first byte chooses.
pub fn record(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 7 {
        0 => canonical::<BlockRecord>(bytes),
        1 => canonical::<ChangeSet>(bytes),
        2 => canonical::<Receipt>(bytes),
        3 => canonical::<ChainMeta>(bytes),
        4 => canonical::<ProtocolParams>(bytes),
        5 => canonical::<ExecutionStatus>(bytes),
        _ => drop(Description::decode(bytes)),
    }
}

fn canonical<T: BorshDeserialize + BorshSerialize>(bytes: &[u8]) {
    if let Ok(value) = T::try_from_slice(bytes) {
        let encoded = borsh::to_vec(&value).expect("writing to a Vec cannot fail");
        assert_eq!(encoded, bytes, "a value has two encodings");
    }
}

fn look_at(tx: Transaction) {
    let set = AccessSet::of(&tx);
    assert!(set.entries().is_sorted_by(|a, b| a.account < b.account), "an access set out of order");
    let (id, contract) = (tx.id(), tx.deployed_contract());
    let params = ProtocolParams::new(ChainId(1));
    if let Ok(verified) = VerifiedTransaction::verify(tx, &params) {
        assert_eq!((verified.id(), verified.deployed_contract()), (id, contract));
        assert!(verified.intrinsic_gas() <= verified.gas_limit, "a verified one cannot pay");
    }
}
