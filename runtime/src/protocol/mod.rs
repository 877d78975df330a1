//! Which parameters hold at which height. A chain begins with those of its genesis; others take
//! over at heights that are stated beforehand, and what happened before is for ever executed under
//! the rules it happened under.

mod engine_id;
mod fields;

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use tos_host_api::{Hash, TopoHeight};

pub use self::engine_id::EngineId;
pub(crate) use self::engine_id::{add_guest_limits, add_host_prices, add_module_limits};
use crate::config::ProtocolParams;
use crate::error::{EngineError, OpenError};
use crate::sandbox::Preparation;

/// Parameters and the first height they hold at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolPeriod {
    /// Height of the first block that executes under them; 0 for those of genesis.
    pub since: TopoHeight,
    /// What every node agrees on, until the next period begins.
    pub params: ProtocolParams,
}

/// The parameters of a chain, by height.
///
/// Invariant: the first period begins at 0, and each later one after the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolSchedule {
    periods: Vec<ProtocolPeriod>,
}

/// A period as a database keeps it: what it needs of a library is stated, so that a library that
/// is another one can say what it lacks.
#[derive(BorshSerialize, BorshDeserialize)]
struct StoredPeriod {
    since: TopoHeight,
    engine: EngineId,
    params: Vec<u8>,
}

impl ProtocolSchedule {
    /// The same parameters for ever, or until a change is added.
    #[must_use]
    pub fn new(params: ProtocolParams) -> Self {
        Self { periods: vec![ProtocolPeriod { since: TopoHeight::ZERO, params }] }
    }

    /// All periods, in order.
    #[must_use]
    pub fn periods(&self) -> &[ProtocolPeriod] {
        &self.periods
    }

    /// The parameters of the block of this height.
    #[must_use]
    pub fn at(&self, topoheight: TopoHeight) -> &ProtocolParams {
        &self.periods[period_at(self.periods.iter().map(|period| period.since), topoheight)].params
    }

    /// Lets other parameters hold from a height on. For a height that has a change already it
    /// replaces that change; with the parameters that hold just before it, it takes it back.
    ///
    /// # Errors
    /// [`OpenError::PastParameters`] when the height is not above `tip` and the parameters are not
    /// those that begin there anyway; any other error is about the parameters. Nothing changed.
    pub fn change(
        &mut self,
        since: TopoHeight,
        params: ProtocolParams,
        tip: TopoHeight,
    ) -> Result<(), OpenError> {
        params.check()?;
        let (chain, given) = (self.periods[0].params.chain_id, params.chain_id);
        if chain != given {
            let (stored, given) = (chain.to_string(), given.to_string());
            return Err(OpenError::Incompatible { what: "chain id", stored, given });
        }
        if *self.at(since) == params {
            return Ok(());
        }
        if since <= tip {
            let (stored, given) = self.at(since).difference(&params);
            return Err(OpenError::PastParameters { since, tip, stored, given });
        }
        self.periods.retain(|period| period.since != since);
        // Not 0: the first period begins at 0, which is not above any tip.
        let at = self.periods.partition_point(|period| period.since < since);
        if self.periods[at - 1].params != params {
            self.periods.insert(at, ProtocolPeriod { since, params });
        }
        // What follows may have come to change nothing.
        self.periods.dedup_by(|later, earlier| later.params == earlier.params);
        Ok(())
    }

    /// What a database keeps.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let stored: Vec<StoredPeriod> = self
            .periods
            .iter()
            .map(|ProtocolPeriod { since, params }| StoredPeriod {
                since: *since,
                engine: EngineId::of(params),
                params: params.encode(),
            })
            .collect();
        borsh::to_vec(&stored).expect("writing to a Vec cannot fail")
    }

    /// Decodes [`ProtocolSchedule::encode`].
    ///
    /// # Errors
    /// [`OpenError::UnknownEngine`] when a period, past or to come, needs rules that this library
    /// does not have; [`EngineError::Corrupt`] when the bytes are no schedule.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, EngineError> {
        let corrupt = |text: String| EngineError::Corrupt(format!("stored parameters: {text}"));
        let stored: Vec<StoredPeriod> =
            borsh::from_slice(bytes).map_err(|error| corrupt(error.to_string()))?;
        let mut periods = Vec::with_capacity(stored.len());
        for StoredPeriod { since, engine, params } in stored {
            let params = engine.params(since, &params)?;
            periods.push(ProtocolPeriod { since, params });
        }
        let starts: Vec<TopoHeight> = periods.iter().map(|period| period.since).collect();
        if starts.first() != Some(&TopoHeight::ZERO) || !starts.is_sorted_by(|a, b| a < b) {
            return Err(corrupt(format!("the periods begin at {starts:?}")));
        }
        Ok(Self { periods })
    }
}

/// Index of the last period that begins at or below a height. The first begins at 0.
fn period_at(starts: impl Iterator<Item = TopoHeight>, topoheight: TopoHeight) -> usize {
    starts.take_while(|since| *since <= topoheight).count().saturating_sub(1)
}

/// A schedule with what follows from it, ready to execute blocks.
pub(crate) struct RuleBook {
    rules: Vec<Rules>,
    schedule: ProtocolSchedule,
}

/// What a block is executed under.
#[derive(Clone)]
pub(crate) struct Rules {
    since: TopoHeight,
    pub(crate) params: Arc<ProtocolParams>,
    /// [`ProtocolParams::id`] of them: hashing them takes as long as executing a few transfers.
    pub(crate) params_id: Hash,
    /// How modules are prepared: compiled forms of periods with equal prices are the same.
    pub(crate) preparation: Arc<Preparation>,
}

impl Rules {
    /// Rules that begin to hold at a height.
    pub(crate) fn new(since: TopoHeight, params: ProtocolParams) -> Self {
        let preparation = Arc::new(Preparation::new(params.costs.operators.clone()));
        Self { since, params_id: params.id(), params: Arc::new(params), preparation }
    }

    /// The first height they hold at.
    pub(crate) fn since(&self) -> TopoHeight {
        self.since
    }

    /// Id of the parameters, if the block of this height is the first they hold for. Its state
    /// digest covers it, so that nodes that disagree about a change notice at its height, not with
    /// the first transaction that costs something else.
    pub(crate) fn announced_at(&self, topoheight: TopoHeight) -> Option<Hash> {
        // What holds from genesis on is in the digest of genesis.
        (topoheight == self.since && topoheight > TopoHeight::ZERO).then_some(self.params_id)
    }
}

impl RuleBook {
    pub(crate) fn new(schedule: ProtocolSchedule) -> Self {
        let rules = |period: &ProtocolPeriod| Rules::new(period.since, period.params.clone());
        Self { rules: schedule.periods.iter().map(rules).collect(), schedule }
    }

    /// The rules of one block.
    pub(crate) fn of(rules: Rules) -> Self {
        let schedule = ProtocolSchedule::new((*rules.params).clone());
        Self { rules: vec![rules], schedule }
    }

    /// The rules of the block of this height.
    pub(crate) fn at(&self, topoheight: TopoHeight) -> &Rules {
        &self.rules[period_at(self.rules.iter().map(|rules| rules.since), topoheight)]
    }

    pub(crate) fn schedule(&self) -> &ProtocolSchedule {
        &self.schedule
    }
}

#[cfg(test)]
mod tests;
