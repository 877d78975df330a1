//! What two executions of a block differ in: the first place, and both values.

use std::fmt::{self, Debug};

use tos_host_api::TxIndex;

use crate::outcome::{BlockOutcome, TxResult};
use crate::state::Change;
use crate::types::Receipt;

/// Characters of a value that are shown.
const SHOWN_MAX: usize = 300;

/// The first difference between two executions of one block: results by transaction come first,
/// then changes by key, then digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The transaction whose results differ, if it is them.
    pub transaction: Option<TxIndex>,
    /// What differs.
    pub what: String,
    /// Its value in the execution that is right by definition: the sequential, or recorded one.
    pub expected: String,
    /// Its value in the other.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transaction, what, expected, found } = self;
        if let Some(transaction) = transaction {
            write!(f, "transaction {transaction}, ")?;
        }
        write!(f, "{what}: expected {expected}, found {found}")
    }
}

impl Difference {
    /// The first difference, or `None` if two outcomes are equal to the last byte.
    #[must_use]
    pub fn between(expected: &BlockOutcome, found: &BlockOutcome) -> Option<Self> {
        let changes = |outcome: &BlockOutcome| outcome.change_set().len();
        of_results(expected.results(), found.results())
            .or_else(|| of_changes(expected.change_set().changes(), found.change_set().changes()))
            .or_else(|| value("number of changes", &changes(expected), &changes(found)))
            .or_else(|| of_headers(expected, found))
            .or_else(|| value("fees", &expected.gas_fee(), &found.gas_fee()))
            .or_else(|| value("burned", &expected.burned_supply(), &found.burned_supply()))
            .or_else(|| of_encodings(expected, found))
    }
}

/// Equal values with unequal bytes would be an encoding that is not canonical.
fn of_encodings(expected: &BlockOutcome, found: &BlockOutcome) -> Option<Difference> {
    let results = |outcome: &BlockOutcome| blake3::hash(&outcome.record.results);
    let changes = |outcome: &BlockOutcome| outcome.change_set().hash();
    value("hash of the encoded results", &results(expected), &results(found))
        .or_else(|| value("hash of the encoded changes", &changes(expected), &changes(found)))
}

fn of_headers(expected: &BlockOutcome, found: &BlockOutcome) -> Option<Difference> {
    let (ours, theirs) = (&expected.record.header, &found.record.header);
    value("context", &ours.context, &theirs.context)
        .or_else(|| value("beneficiary", &ours.beneficiary, &theirs.beneficiary))
        .or_else(|| value("block hash", &ours.block_hash, &theirs.block_hash))
        .or_else(|| value("receipts hash", &ours.receipts_hash, &theirs.receipts_hash))
        .or_else(|| value("delta hash", &ours.delta_hash, &theirs.delta_hash))
        .or_else(|| value("state digest", &ours.state_digest, &theirs.state_digest))
}

fn of_results(expected: &[TxResult], found: &[TxResult]) -> Option<Difference> {
    let mut pairs = (0..).zip(expected.iter().zip(found));
    let first = pairs.find(|(_, (ours, theirs))| ours != theirs);
    let of_first = first.and_then(|(transaction, (ours, theirs))| {
        let difference = match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => of_receipts(ours, theirs),
            _ => value("result", ours, theirs),
        };
        difference.map(|difference| Difference { transaction: Some(transaction), ..difference })
    });
    of_first.or_else(|| value("number of results", &expected.len(), &found.len()))
}

fn of_receipts(expected: &Receipt, found: &Receipt) -> Option<Difference> {
    let events = || {
        let mut pairs = expected.events.iter().zip(&found.events).enumerate();
        let first = pairs.find(|(_, (ours, theirs))| ours != theirs);
        let event = |(idx, (ours, theirs))| value(&format!("event {idx}"), ours, theirs);
        let count = || value("number of events", &expected.events.len(), &found.events.len());
        first.and_then(event).or_else(count)
    };
    value("status", &expected.status, &found.status)
        .or_else(|| value("gas used", &expected.gas_used, &found.gas_used))
        .or_else(|| value("fee", &expected.fee, &found.fee))
        .or_else(|| value("contract", &expected.contract, &found.contract))
        .or_else(|| value("return data", &expected.return_data, &found.return_data))
        .or_else(events)
}

fn of_changes(expected: &[Change], found: &[Change]) -> Option<Difference> {
    let mut pairs = expected.iter().zip(found);
    let (ours, theirs) = pairs.find(|(ours, theirs)| ours != theirs)?;
    if ours.key != theirs.key {
        return value("changed key", &ours.key, &theirs.key);
    }
    let of = |when| format!("value {when} the block of {:?}", ours.key);
    value(&of("before"), &ours.old, &theirs.old)
        .or_else(|| value(&of("after"), &ours.new, &theirs.new))
}

fn value<T: PartialEq + Debug>(what: &str, expected: &T, found: &T) -> Option<Difference> {
    (expected != found).then(|| {
        let (expected, found) = shown(&format!("{expected:?}"), &format!("{found:?}"));
        Difference { transaction: None, what: what.to_owned(), expected, found }
    })
}

/// Two texts cut to a length one can read, around the place where they part.
fn shown(expected: &str, found: &str) -> (String, String) {
    let same = expected.chars().zip(found.chars()).take_while(|(ours, theirs)| ours == theirs);
    let start = same.count().saturating_sub(SHOWN_MAX / 2);
    let part = |text: &str| {
        let mut chars = text.chars();
        let before = if start > 0 { "..." } else { "" };
        let part: String = chars.by_ref().skip(start).take(SHOWN_MAX).collect();
        let after = if chars.next().is_some() { "..." } else { "" };
        format!("{before}{part}{after}")
    };
    (part(expected), part(found))
}

#[cfg(test)]
mod tests {
    use tos_host_api::{Amount, AssetId, ContractId, Gas, Hash};

    use super::*;
    use crate::error::InvalidTransaction;
    use crate::state::{AssetRecord, StateKey, StateValue};
    use crate::types::{Event, ExecutionStatus, HaltReason};

    fn receipt() -> Receipt {
        Receipt {
            status: ExecutionStatus::Success,
            gas_used: Gas(5),
            fee: Amount(6),
            contract: None,
            return_data: vec![7],
            events: vec![Event {
                contract: ContractId([8; 32]),
                topics: Vec::new(),
                data: vec![9],
            }],
        }
    }

    #[test]
    fn the_first_field_that_differs_is_named_with_its_transaction() {
        type Edit = fn(&mut Receipt);
        let edits: [(&str, Edit); 8] = [
            ("status", |it| it.status = ExecutionStatus::Halted(HaltReason::Trap)),
            ("gas used", |it| it.gas_used = Gas(4)),
            ("fee", |it| it.fee = Amount(4)),
            ("contract", |it| it.contract = Some(ContractId([1; 32]))),
            ("return data", |it| it.return_data.clear()),
            ("event 0", |it| it.events[0].data.push(1)),
            ("event 0", |it| it.events[0].topics.push(Hash([1; 32]))),
            ("number of events", |it| it.events.clear()),
        ];
        let expected = [Ok(receipt()), Ok(receipt()), Ok(receipt())];
        assert_eq!(of_results(&expected, &expected), None);
        for (what, edit) in edits {
            let mut found = expected.clone();
            found[1..].iter_mut().flatten().for_each(edit);
            let difference = of_results(&expected, &found).expect("there is one");
            assert_eq!((difference.transaction, difference.what.as_str()), (Some(1), what));
        }
        let refused = [Ok(receipt()), Err(InvalidTransaction::BadSignature), Ok(receipt())];
        let text = of_results(&expected, &refused).expect("there is one").to_string();
        assert!(text.starts_with("transaction 1, result: expected Ok(Receipt"), "{text}");
        assert!(text.ends_with("found Err(BadSignature)"), "{text}");
        let text = of_results(&expected, &expected[..2]).expect("there is one").to_string();
        assert_eq!(text, "number of results: expected 3, found 2");
    }

    #[test]
    fn changes_are_told_apart_by_key_then_by_value() {
        let record = |burned| {
            let record = AssetRecord { supply: Amount(9), burned: Amount(burned) };
            Some(StateValue::Asset(record))
        };
        let change = |id, old, new| {
            let key = StateKey::Asset(AssetId([id; 32]));
            Change { key, old: record(old), new: record(new) }
        };
        let expected = [change(1, 0, 1), change(2, 0, 1)];
        let what = |found: &[Change]| of_changes(&expected, found).map(|it| it.what);
        let named = |found: &[Change], text: &str| {
            let what = what(found).expect("there is one");
            assert!(what.starts_with(text), "{what}");
        };
        assert_eq!(what(&expected), None);
        named(&[change(1, 0, 1), change(3, 0, 1)], "changed key");
        named(&[change(1, 0, 1), change(2, 1, 1)], "value before the block of Asset(");
        named(&[change(1, 0, 1), change(2, 0, 2)], "value after the block of Asset(");
    }

    #[test]
    fn long_values_are_cut_around_the_place_where_they_part() {
        let long = |end: &str| format!("{}{end}{}", "a".repeat(1_000), "z".repeat(1_000));
        let (expected, found) = shown(&long("x"), &long("y"));
        assert_eq!(expected.len(), SHOWN_MAX + 6);
        assert!(expected.starts_with("...a") && expected.ends_with("z..."), "{expected}");
        assert!(expected.contains('x') && found.contains('y'), "{found}");
        assert_eq!(shown("one", "other"), ("one".into(), "other".into()));
    }
}
