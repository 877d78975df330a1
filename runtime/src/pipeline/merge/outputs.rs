//! What the transactions of a block leave behind besides its changes: their results, and what they
//! come to together: fees, burned units, deployed code.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use tos_host_api::{Amount, AssetId, Hash};

use crate::error::EngineError;
use crate::execute::{Outputs, Rare, TxOutput};
use crate::grain::OUTPUTS_PER_PART;
use crate::outcome::Results;
use crate::pipeline::Crew;
use crate::types::Block;

/// Outputs, with the transactions that plain ones follow from.
pub(crate) struct BlockOutputs {
    outputs: Outputs,
    /// `None` when no output is plain.
    block: Option<Block>,
}

impl BlockOutputs {
    /// The outputs of a block.
    pub(crate) fn of_block(outputs: Outputs, block: &Block) -> Self {
        Self { outputs, block: Some(block.clone()) }
    }

    /// The output of a transaction that is in no block.
    pub(crate) fn of_one(output: TxOutput) -> Self {
        Self { outputs: Outputs::of_one(output), block: None }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.outputs.len()
    }

    /// The results, in block order.
    pub(super) fn into_results(mut self) -> Results {
        let len = self.len();
        let transactions = self.block.as_ref().map_or(&[][..], Block::transactions);
        let outputs = self.outputs.take(0..len, transactions);
        Results::of(len, outputs.map(|output| output.result))
    }

    fn totals(&self, range: Range<usize>) -> Result<Totals, EngineError> {
        let transactions = self.block.as_ref().map_or(&[][..], Block::transactions);
        let mut totals = Totals::default();
        for tx in range {
            match self.outputs.get(tx) {
                Some(output) => {
                    if let Some(Rare { burned, code, .. }) = output.rare() {
                        for (asset, amount) in burned {
                            add_burned(&mut totals.burned, *asset, *amount)?;
                        }
                        totals.codes.extend(*code);
                    }
                    if let Ok(receipt) = &output.result {
                        totals.add_fee(Some(receipt.fee))?;
                    }
                }
                None => {
                    let tx = &transactions[tx];
                    let fee = tx.gas_price.0.checked_mul(tx.intrinsic_gas().0);
                    totals.add_fee(fee.map(Amount))?;
                }
            }
        }
        Ok(totals)
    }
}

/// What all transactions of a block come to together.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) gas_fee: Amount,
    /// By asset, fees not counted.
    pub(super) burned: BTreeMap<AssetId, Amount>,
    /// Hashes of deployed code.
    pub(super) codes: BTreeSet<Hash>,
}

impl Totals {
    /// Adds up the outputs of a block.
    ///
    /// # Errors
    /// A sum leaves its type.
    pub(super) fn of(outputs: &Arc<BlockOutputs>, crew: Crew<'_>) -> Result<Self, EngineError> {
        let shared = Arc::clone(outputs);
        let parts = crew.map(outputs.len().div_ceil(OUTPUTS_PER_PART), move |part| {
            let start = part * OUTPUTS_PER_PART;
            shared.totals(start..shared.len().min(start + OUTPUTS_PER_PART))
        })?;
        let mut totals = Self::default();
        for part in parts {
            totals.absorb(part?)?;
        }
        Ok(totals)
    }

    fn add_fee(&mut self, fee: Option<Amount>) -> Result<(), EngineError> {
        let sum = fee.and_then(|fee| self.gas_fee.checked_add(fee));
        self.gas_fee =
            sum.ok_or_else(|| EngineError::Bug("fees add up to more than the supply".into()))?;
        Ok(())
    }

    fn absorb(&mut self, part: Self) -> Result<(), EngineError> {
        self.add_fee(Some(part.gas_fee))?;
        for (asset, amount) in part.burned {
            add_burned(&mut self.burned, asset, amount)?;
        }
        self.codes.extend(part.codes);
        Ok(())
    }
}

pub(super) fn add_burned(
    burned: &mut BTreeMap<AssetId, Amount>,
    asset: AssetId,
    amount: Amount,
) -> Result<(), EngineError> {
    let sum = burned.entry(asset).or_default();
    *sum = sum
        .checked_add(amount)
        .ok_or_else(|| EngineError::Bug(format!("burned units of {asset} exceed the supply")))?;
    Ok(())
}
