//! What all transactions of a block come to together: fees, burned units, deployed code.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tos_host_api::{Amount, AssetId, Hash};

use crate::error::EngineError;
use crate::execute::TxOutput;
use crate::outcome::total_fee;
use crate::pipeline::Crew;

/// Outputs one worker adds up at a time.
const OUTPUTS_PER_PART: usize = 8_192;

#[derive(Default)]
pub(super) struct Totals {
    pub(super) gas_fee: Amount,
    /// By asset, fees not counted.
    pub(super) burned: BTreeMap<AssetId, Amount>,
    /// Hashes of deployed code.
    pub(super) codes: BTreeSet<Hash>,
}

/// Adds up outputs and hands them back.
pub(super) fn totals(
    outputs: Vec<TxOutput>,
    crew: Crew<'_>,
) -> Result<(Vec<TxOutput>, Totals), EngineError> {
    let outputs = Arc::new(outputs);
    let shared = Arc::clone(&outputs);
    let parts = crew.map(outputs.len().div_ceil(OUTPUTS_PER_PART), move |part| {
        let start = part * OUTPUTS_PER_PART;
        Totals::of(&shared[start..shared.len().min(start + OUTPUTS_PER_PART)])
    })?;
    let outputs = Arc::into_inner(outputs)
        .ok_or_else(|| EngineError::Bug("a worker kept the outputs of a block".into()))?;
    let mut totals = Totals::default();
    for part in parts {
        totals.absorb(part?)?;
    }
    Ok((outputs, totals))
}

impl Totals {
    fn of(outputs: &[TxOutput]) -> Result<Self, EngineError> {
        let mut totals = Self::default();
        for output in outputs {
            for (asset, amount) in &output.burned {
                add_burned(&mut totals.burned, *asset, *amount)?;
            }
            totals.codes.extend(output.code);
        }
        totals.gas_fee = total_fee(outputs.iter().map(|output| &output.result))?;
        Ok(totals)
    }

    fn absorb(&mut self, part: Self) -> Result<(), EngineError> {
        let gas_fee = self.gas_fee.checked_add(part.gas_fee);
        self.gas_fee = gas_fee
            .ok_or_else(|| EngineError::Bug("fees add up to more than the supply".into()))?;
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
