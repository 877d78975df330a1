//! Deploys a module on an engine of its own.

use std::error::Error;

use tos_runtime::{
    Amount, AssetId, ChainId, ContractEngine, Gas, Genesis, MemoryStorage, Nonce, ProtocolParams,
    PublicKey, Receipt, TopoHeight, TransactionType, UnsignedTransaction,
};

use crate::bench::must;

/// A deployment about to happen, on an engine that has never seen a module.
pub struct Deployment {
    engine: ContractEngine,
    tx: UnsignedTransaction,
}

impl Deployment {
    /// Of this code, on a chain where its length costs next to nothing.
    ///
    /// # Panics
    /// When there is no engine.
    #[must_use]
    pub fn new(code: Vec<u8>) -> Self {
        let source = PublicKey([7; 32]);
        let mut params = ProtocolParams::new(ChainId(1));
        params.costs.code_byte = 1;
        let genesis =
            Genesis::new(params).with_balance(source, AssetId::NATIVE, Amount(1_000_000_000_000));
        let builder = ContractEngine::builder().storage(MemoryStorage::new()).genesis(genesis);
        let tx = UnsignedTransaction {
            chain_id: ChainId(1),
            source,
            nonce: Nonce(0),
            gas_limit: Gas(100_000_000),
            gas_price: Amount(1),
            expiry: TopoHeight(u64::MAX),
            access: Vec::new(),
            data: TransactionType::DeployContract { code, input: Vec::new(), deposits: Vec::new() },
        };
        Self { engine: must(builder.build()), tx }
    }

    /// Simulates it: all that a deployment costs before and while it runs.
    ///
    /// # Errors
    /// The engine failed, or the transaction is not valid.
    pub fn run(&self) -> Result<Receipt, Box<dyn Error>> {
        Ok(self.engine.simulate(&self.tx)?.result?)
    }
}
