//! Compares two executions of one block, down to the byte.

use std::fmt::Debug;

use tos_runtime::BlockOutcome;

/// The first difference between a sequential and a parallel execution, in words; `None` when they
/// are identical.
pub(crate) fn difference(sequential: &BlockOutcome, parallel: &BlockOutcome) -> Option<String> {
    let state = || {
        let (ours, theirs) = (sequential.change_set(), parallel.change_set());
        first("change", ours.changes(), theirs.changes()).or_else(|| {
            // Equal values with unequal bytes would be an encoding that is not canonical.
            (ours.encode() != theirs.encode()).then(|| "encodings of equal change sets".to_owned())
        })
    };
    first("result of transaction", sequential.results(), parallel.results())
        .or_else(state)
        .or_else(|| value("receipts hash", &sequential.receipts_hash(), &parallel.receipts_hash()))
        .or_else(|| value("delta hash", &sequential.delta_hash(), &parallel.delta_hash()))
        .or_else(|| value("state digest", &sequential.state_digest(), &parallel.state_digest()))
        .or_else(|| value("fees", &sequential.gas_fee(), &parallel.gas_fee()))
        .or_else(|| value("burned", &sequential.burned_supply(), &parallel.burned_supply()))
}

fn first<T: PartialEq + Debug>(what: &str, sequential: &[T], parallel: &[T]) -> Option<String> {
    let mut pairs = sequential.iter().zip(parallel).enumerate();
    pairs
        .find(|(_, (ours, theirs))| ours != theirs)
        .and_then(|(idx, (ours, theirs))| value(&format!("{what} {idx}"), ours, theirs))
        .or_else(|| value(&format!("number of {what}s"), &sequential.len(), &parallel.len()))
}

fn value<T: PartialEq + Debug>(what: &str, sequential: &T, parallel: &T) -> Option<String> {
    (sequential != parallel)
        .then(|| format!("{what}: sequential {sequential:?}, parallel {parallel:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        assert_eq!(first("item", &[1, 2], &[1, 2]), None);
        let text = first("item", &[1, 2, 3], &[1, 5, 6]).unwrap();
        assert_eq!(text, "item 1: sequential 2, parallel 5");
        let text = first("item", &[1, 2], &[1]).unwrap();
        assert_eq!(text, "number of items: sequential 2, parallel 1");
    }
}
