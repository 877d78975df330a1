//! What executing a block leaves behind besides its overlay, by transaction.
//!
//! A plain transfer that succeeds has a receipt that follows from the transaction, so the executors
//! only mark it; whoever needs the receipt writes it. Everything else has an output of its own.

use std::ops::Range;

use tos_host_api::TxIndex;

use super::TxOutput;
use super::marks::{FULL, MISSING, Marks, PLAIN};
use crate::error::EngineError;
use crate::planted::{Bug, planted};
use crate::verify::VerifiedTransaction;

/// Outputs in the order in which one worker came by them; `None` when handed out.
pub(super) type OwnOutputs = Vec<(TxIndex, Option<TxOutput>)>;

/// The outputs of a block; every transaction has one.
pub(crate) struct Outputs {
    marks: Vec<u8>,
    /// By worker.
    lists: Vec<OwnOutputs>,
    /// By transaction: worker and position in its list. Empty when all lists are.
    places: Vec<(u32, u32)>,
}

impl Outputs {
    /// Outputs in block order.
    pub(super) fn of_list(outputs: OwnOutputs) -> Self {
        Self {
            marks: vec![FULL; outputs.len()],
            places: (0..).map(|position| (0, position)).take(outputs.len()).collect(),
            lists: vec![outputs],
        }
    }

    /// That of a single transaction.
    pub(crate) fn of_one(output: TxOutput) -> Self {
        Self::of_list(vec![(0, Some(output))])
    }

    /// Puts together what the workers have.
    ///
    /// # Errors
    /// [`EngineError::Bug`] when a transaction was not executed.
    pub(super) fn collect(marks: Marks, lists: Vec<OwnOutputs>) -> Result<Self, EngineError> {
        let marks = marks.into_inner();
        let any = lists.iter().any(|list| !list.is_empty());
        let mut places = vec![(0, 0); if any { marks.len() } else { 0 }];
        for (worker, list) in (0..).zip(&lists) {
            for (position, (tx, _)) in (0..).zip(list) {
                let last = list.len() as u32 - 1;
                let reversed = planted(Bug::OutputsOutOfOrder);
                places[*tx as usize] = (worker, if reversed { last - position } else { position });
            }
        }
        if marks.contains(&MISSING) {
            return Err(EngineError::Bug("the schedule left a transaction unexecuted".into()));
        }
        Ok(Self { marks, lists, places })
    }

    /// How many transactions.
    pub(crate) fn len(&self) -> usize {
        self.marks.len()
    }

    /// The output of a transaction; `None` for a plain transfer, or when it was handed out.
    pub(crate) fn get(&self, tx: usize) -> Option<&TxOutput> {
        if self.marks[tx] == PLAIN {
            return None;
        }
        let (worker, position) = self.places[tx];
        self.lists[worker as usize][position as usize].1.as_ref()
    }

    /// The outputs of these transactions of the block, in block order. Each is handed out once.
    ///
    /// # Panics
    /// When an output has been handed out: a bug of the caller.
    pub(crate) fn take<'a>(
        &'a mut self,
        range: Range<usize>,
        transactions: &'a [VerifiedTransaction],
    ) -> impl Iterator<Item = TxOutput> + 'a {
        let Self { marks, lists, places } = self;
        range.map(move |tx| match marks[tx] {
            PLAIN => TxOutput::plain(&transactions[tx]),
            _ => {
                let (worker, position) = places[tx];
                let output = lists[worker as usize][position as usize].1.take();
                output.expect("an output is handed out once")
            }
        })
    }
}
