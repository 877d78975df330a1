//! Short names of outcomes, for counting and for expectations in block files.

use tos_runtime::{ExecutionStatus, InvalidTransaction, Receipt, RevertReason};

/// The name of an outcome: `success`, or the family and the reason separated by dots, such as
/// `rejected.nonce_too_low`, `reverted.contract.1` or `halted.out_of_gas`.
pub(crate) fn name(result: &Result<Receipt, InvalidTransaction>) -> String {
    match result {
        Ok(receipt) => status_name(&receipt.status),
        Err(reason) => format!("rejected.{}", variant(reason)),
    }
}

fn status_name(status: &ExecutionStatus) -> String {
    match status {
        ExecutionStatus::Success => "success".to_owned(),
        ExecutionStatus::Reverted(reason @ RevertReason::Contract(code)) => {
            format!("reverted.{}.{code}", variant(reason))
        }
        ExecutionStatus::Reverted(reason @ RevertReason::ModuleRefused(fault)) => {
            format!("reverted.{}.{}", variant(reason), variant(fault))
        }
        ExecutionStatus::Reverted(reason) => format!("reverted.{}", variant(reason)),
        ExecutionStatus::Halted(reason) => format!("halted.{}", variant(reason)),
    }
}

/// The outcome in words.
pub(crate) fn sentence(result: &Result<Receipt, InvalidTransaction>) -> String {
    match result {
        Ok(receipt) => receipt.status.to_string(),
        Err(reason) => format!("rejected: {reason}"),
    }
}

/// Whether an outcome is the one expected, or of the family expected: `reverted` expects any of the
/// names that begin with `reverted.`.
pub(crate) fn matches(name: &str, expected: &str) -> bool {
    name.strip_prefix(expected).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The name under which serde writes an enum's variant.
fn variant(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(serde_json::Value::Object(object)) => object.keys().next().cloned().unwrap_or_default(),
        _ => "other".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tos_runtime::{HaltReason, ModuleFault};

    #[test]
    fn names_say_family_and_reason() {
        for (status, expected) in [
            (ExecutionStatus::Success, "success"),
            (ExecutionStatus::Reverted(RevertReason::Contract(7)), "reverted.contract.7"),
            (ExecutionStatus::Reverted(RevertReason::NoSuchEntry), "reverted.no_such_entry"),
            (
                ExecutionStatus::Reverted(RevertReason::ModuleRefused(ModuleFault::Feature)),
                "reverted.module_refused.feature",
            ),
            (ExecutionStatus::Halted(HaltReason::OutOfGas), "halted.out_of_gas"),
        ] {
            assert_eq!(status_name(&status), expected);
        }
        let nonce = InvalidTransaction::NonceExhausted;
        assert_eq!(name(&Err(nonce)), "rejected.nonce_exhausted");
    }

    #[test]
    fn a_family_matches_its_members_and_nothing_else() {
        assert!(matches("reverted.contract.1", "reverted.contract.1"));
        assert!(matches("reverted.contract.1", "reverted.contract"));
        assert!(matches("reverted.contract.1", "reverted"));
        assert!(!matches("reverted.contract.12", "reverted.contract.1"));
        assert!(!matches("halted.trap", "reverted"));
    }
}
