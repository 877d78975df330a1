//! What a chain's parameters need of the library that executes it.

use borsh::{BorshDeserialize, BorshSerialize};
use tos_host_api::functions::HOST_FUNCTIONS;
use tos_host_api::{Hash, TopoHeight, limits};

use crate::config::ProtocolParams;
use crate::error::{EngineError, OpenError};
use crate::gas::CostTable;
use crate::sandbox::prepare;

/// Names the rules that blocks under some parameters are executed by, as far as they are compiled
/// into a library. Stored beside the parameters: a library that comes to another id would execute
/// the same blocks otherwise, and refuses the chain.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EngineId {
    /// [`ProtocolParams::engine_version`].
    pub engine_version: u32,
    /// [`prepare::PREPARE_VERSION`].
    pub prepare_version: u32,
    /// BLAKE3 of the limits of transactions, guests and modules.
    pub limits: Hash,
    /// BLAKE3 of all prices, those of host functions included.
    pub costs: Hash,
}

impl EngineId {
    /// The id that this library gives these parameters.
    #[must_use]
    pub fn of(params: &ProtocolParams) -> Self {
        Self {
            engine_version: params.engine_version,
            prepare_version: prepare::PREPARE_VERSION,
            limits: hash("tos-runtime limits v1", |hasher| {
                add_guest_limits(hasher);
                add_module_limits(hasher);
            }),
            costs: hash("tos-runtime costs v1", |hasher| {
                add_costs(hasher, &params.costs);
                add_host_prices(hasher);
            }),
        }
    }

    /// The parameters stored beside this id.
    ///
    /// # Errors
    /// [`OpenError::UnknownEngine`] when this library is not the one they need, found out before
    /// they are decoded where the id alone says so: parameters of other versions may well have
    /// other fields.
    pub(crate) fn params(
        &self,
        since: TopoHeight,
        encoded: &[u8],
    ) -> Result<ProtocolParams, EngineError> {
        let needs = |what, stored: String, known: String| {
            EngineError::Open(OpenError::UnknownEngine { since, what, stored, known })
        };
        let known = ProtocolParams::ENGINE_VERSION;
        if self.engine_version != known {
            let stored = self.engine_version.to_string();
            return Err(needs("engine version", stored, known.to_string()));
        }
        let known = prepare::PREPARE_VERSION;
        if self.prepare_version != known {
            let stored = self.prepare_version.to_string();
            return Err(needs("prepare version", stored, known.to_string()));
        }
        let params: ProtocolParams = borsh::from_slice(encoded).map_err(|error| {
            EngineError::Corrupt(format!("stored parameters of height {since}: {error}"))
        })?;
        params.check()?;
        let ours = Self::of(&params);
        if self.limits != ours.limits {
            return Err(needs("limits", self.limits.to_string(), ours.limits.to_string()));
        }
        if self.costs != ours.costs {
            return Err(needs("prices", self.costs.to_string(), ours.costs.to_string()));
        }
        Ok(params)
    }
}

fn hash(context: &str, add: impl FnOnce(&mut blake3::Hasher)) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    add(&mut hasher);
    Hash(*hasher.finalize().as_bytes())
}

/// Limits that guests see too.
pub(crate) fn add_guest_limits(hasher: &mut blake3::Hasher) {
    for limit in [
        limits::KEY_LEN_MAX as u64,
        limits::VALUE_LEN_MAX as u64,
        limits::RETURN_LEN_MAX as u64,
        limits::EVENT_TOPICS_MAX as u64,
        limits::EVENT_DATA_LEN_MAX as u64,
        limits::EVENTS_MAX as u64,
        limits::ACCESS_ENTRIES_MAX as u64,
        limits::TRANSFERS_MAX as u64,
        limits::DEPOSITS_MAX as u64,
        limits::INPUT_LEN_MAX as u64,
        limits::ENTRY_LEN_MAX as u64,
        limits::CODE_LEN_MAX as u64,
        limits::MEMORY_PAGES_MAX,
        limits::TABLE_ELEMENTS_MAX,
        limits::CALL_DEPTH_MAX as u64,
        limits::RANDOM_LEN_MAX as u64,
    ] {
        hasher.update(&limit.to_le_bytes());
    }
}

/// What a module may be made of.
pub(crate) fn add_module_limits(hasher: &mut blake3::Hasher) {
    for (name, limit) in prepare::limits::ALL {
        hasher.update(name.as_bytes());
        hasher.update(&limit.to_le_bytes());
    }
}

/// What host functions cost.
pub(crate) fn add_host_prices(hasher: &mut blake3::Hasher) {
    for spec in HOST_FUNCTIONS {
        hasher.update(spec.name.as_bytes());
        hasher.update(&spec.gas.base.to_le_bytes());
        hasher.update(&spec.gas.per_byte.to_le_bytes());
    }
}

fn add_costs(hasher: &mut blake3::Hasher, costs: &CostTable) {
    hasher.update(&borsh::to_vec(costs).expect("writing to a Vec cannot fail"));
}
