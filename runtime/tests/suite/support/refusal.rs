//! What the tests of bad inputs ask: was it refused for the right reason, did anything change, who
//! paid what.

use tos_runtime::{
    Block, ContractEngine, EngineConfig, EngineError, ExecutionStatus, InvalidBlock,
    InvalidTransaction, ProtocolParams, Receipt, Transaction,
};

use super::{CHAIN, Chain, GOLD, Order, fund, genesis};

/// What a person has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Purse {
    pub(crate) native: u64,
    pub(crate) gold: u64,
    pub(crate) nonce: u64,
}

impl Purse {
    /// After an included transaction that cost this fee and moved nothing.
    pub(crate) fn paid(self, fee: u64) -> Self {
        Self { native: self.native - fee, nonce: self.nonce + 1, ..self }
    }

    /// After sending away native units besides.
    pub(crate) fn sent(self, amount: u64) -> Self {
        Self { native: self.native - amount, ..self }
    }
}

impl Chain {
    /// A chain with this many workers, whatever the machine has.
    #[track_caller]
    pub(crate) fn with_threads(people: u64, max_parallel_threads: usize) -> Self {
        let config = EngineConfig { max_parallel_threads, ..EngineConfig::default() };
        Self::build(ContractEngine::builder().config(config).genesis(genesis(people)))
    }

    /// A chain with changed parameters.
    #[track_caller]
    pub(crate) fn with_params(people: u64, change: impl FnOnce(&mut ProtocolParams)) -> Self {
        let mut genesis = tos_runtime::Genesis::new(ProtocolParams::new(CHAIN));
        change(&mut genesis.params);
        Self::build(ContractEngine::builder().genesis(fund(genesis, 0..people)))
    }

    #[track_caller]
    pub(crate) fn purse(&self, number: u64) -> Purse {
        Purse {
            native: self.balance(number),
            gold: self.asset_balance(number, GOLD),
            nonce: self.nonce(number),
        }
    }

    /// The block is refused by both executors for this reason, and the tip stays.
    #[track_caller]
    pub(crate) fn assert_refused(&self, block: &Block, expected: &InvalidBlock) {
        let tip = self.engine.tip();
        for outcome in
            [self.engine.execute_block_sequentially(block), self.engine.execute_block(block)]
        {
            assert_invalid_block(outcome, expected);
        }
        assert_eq!(self.engine.tip(), tip, "a refused block moved the tip");
    }

    /// The transaction does not even become a [`tos_runtime::VerifiedTransaction`], neither alone
    /// nor in a batch.
    #[track_caller]
    pub(crate) fn assert_not_verified(&self, tx: &Transaction, expected: &InvalidTransaction) {
        let alone = self.engine.verify(tx.clone()).err();
        assert_eq!(alone.as_ref(), Some(expected), "alone");
        let batch = tos_runtime::verify_batch(vec![tx.clone()], self.engine.params()).err();
        assert_eq!(batch, Some((0, expected.clone())), "in a batch");
    }

    /// The order of person `number`, alone in a block, is not included: this reason, no change at
    /// all, nobody pays.
    #[track_caller]
    pub(crate) fn assert_not_included(&mut self, tx: Transaction, expected: &InvalidTransaction) {
        let outcome = self.execute(vec![tx]);
        assert_eq!(outcome.results(), [Err(expected.clone())]);
        assert!(outcome.change_set().is_empty(), "it changed {:?}", outcome.change_set());
        assert_eq!(outcome.gas_fee().0, 0, "somebody paid");
    }

    /// One order in a block of its own, which ends like this and changes nothing but the sender's
    /// nonce and balance; returns the receipt.
    #[track_caller]
    pub(crate) fn assert_fails(
        &mut self,
        number: u64,
        order: Order,
        expected: &ExecutionStatus,
    ) -> Receipt {
        let gas_limit = order.gas_limit;
        let gas_price = order.gas_price;
        let before = self.purse(number);
        let tx = self.send(number, order);
        let outcome = self.execute(vec![tx]);
        let receipt = outcome.results()[0].clone().expect("it is included");
        assert_eq!(&receipt.status, expected);
        // The sender's account, and the fee among the burned units: nobody is the beneficiary.
        let keys = outcome.change_set().changes().iter().map(|change| change.key.clone());
        let (sender, native) = (super::account(number), tos_runtime::AssetId::NATIVE);
        let only = [tos_runtime::StateKey::Account(sender), tos_runtime::StateKey::Asset(native)];
        assert_eq!(keys.collect::<Vec<_>>(), only, "it changed more than the fee and the nonce");
        self.engine.commit(outcome).expect("it commits");
        match expected {
            ExecutionStatus::Halted(_) => assert_eq!(receipt.gas_used.0, gas_limit, "gas used"),
            _ => assert!(receipt.gas_used.0 <= gas_limit, "gas used {}", receipt.gas_used),
        }
        assert_eq!(receipt.fee.0, receipt.gas_used.0 * gas_price, "fee");
        assert_eq!(self.purse(number), before.paid(receipt.fee.0), "who paid");
        assert!(receipt.events.is_empty(), "events of a failed transaction");
        assert_eq!(receipt.contract, None);
        receipt
    }
}

#[track_caller]
pub(crate) fn assert_invalid_block<T>(found: Result<T, EngineError>, expected: &InvalidBlock) {
    match found {
        // Neither is comparable: one of the variants carries an `io::Error`.
        Err(EngineError::InvalidBlock(found)) => {
            assert_eq!(format!("{found:?}"), format!("{expected:?}"));
        }
        Err(error) => panic!("expected {expected}, found {error}"),
        Ok(_) => panic!("expected {expected}, but it was accepted"),
    }
}
