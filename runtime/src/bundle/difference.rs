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
