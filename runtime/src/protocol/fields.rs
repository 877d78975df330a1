//! Parameters field by field: what is checked of them, and in what two sets of them differ.

use crate::config::ProtocolParams;
use crate::error::OpenError;
use crate::gas::CostTable;
use crate::sandbox::prepare::OperatorCosts;

impl ProtocolParams {
    /// Checks prices: those of operators, so that no sum or product of them overflows the counter,
    /// and that whatever makes work costs something, so that every loop ends.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        self.check_version()?;
        let limit = OperatorCosts::PRICE_MAX;
        let operators = self.costs.operators.all();
        if let Some((price, found)) = operators.into_iter().find(|(_, price)| *price > limit) {
            return Err(OpenError::PriceTooHigh { price, limit, found });
        }
        let CostTable { transaction, call, code_byte, .. } = self.costs;
        let work = [("transaction", transaction), ("call", call), ("code_byte", code_byte)];
        let operators = operators.into_iter().map(|(name, price)| (name, u64::from(price)));
        match work.into_iter().chain(operators).find(|(_, price)| *price == 0) {
            Some((price, _)) => Err(OpenError::PriceZero { price }),
            None => Ok(()),
        }
    }

    /// Checks that this library has the rules asked for.
    fn check_version(&self) -> Result<(), OpenError> {
        if self.engine_version == Self::ENGINE_VERSION {
            return Ok(());
        }
        Err(OpenError::Incompatible {
            what: "engine version",
            stored: self.engine_version.to_string(),
            given: Self::ENGINE_VERSION.to_string(),
        })
    }

    /// The first field in which two sets of parameters differ, with its value in this one and in
    /// the other; without such a field, their ids.
    pub(crate) fn difference(&self, other: &Self) -> (String, String) {
        let pairs = self.fields().into_iter().zip(other.fields());
        let differs = |((name, ours), (_, theirs)): ((String, u64), (String, u64))| {
            let shown = |value| format!("{name} = {value}");
            (ours != theirs).then(|| (shown(ours), shown(theirs)))
        };
        let ids = || (format!("id {}", self.id()), format!("id {}", other.id()));
        pairs.into_iter().find_map(differs).unwrap_or_else(ids)
    }

    /// Every field with its name, in the order of declaration. Destructured, so that a new field
    /// cannot be forgotten.
    fn fields(&self) -> Vec<(String, u64)> {
        let Self {
            chain_id,
            engine_version,
            block_transactions_max,
            block_bytes_max,
            block_gas_limit,
            transaction_gas_limit,
            costs,
        } = self;
        let CostTable {
            transaction,
            transfer,
            access_entry,
            input_byte,
            deposit,
            call,
            code_byte,
            state_byte,
            operators,
        } = costs;
        let params = [
            ("chain_id", chain_id.0),
            ("engine_version", u64::from(*engine_version)),
            ("block_transactions_max", u64::from(*block_transactions_max)),
            ("block_bytes_max", *block_bytes_max),
            ("block_gas_limit", block_gas_limit.0),
            ("transaction_gas_limit", transaction_gas_limit.0),
            ("costs.transaction", *transaction),
            ("costs.transfer", *transfer),
            ("costs.access_entry", *access_entry),
            ("costs.input_byte", *input_byte),
            ("costs.deposit", *deposit),
            ("costs.call", *call),
            ("costs.code_byte", *code_byte),
            ("costs.state_byte", *state_byte),
        ];
        let params = params.into_iter().map(|(name, value)| (name.to_owned(), value));
        let operators = operators.all().into_iter();
        let operators =
            operators.map(|(name, price)| (format!("costs.operators.{name}"), u64::from(price)));
        params.chain(operators).collect()
    }
}
