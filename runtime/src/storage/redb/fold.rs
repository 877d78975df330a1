//! When spans are frozen, and how much of a frozen one is folded at a time. Decides; writing is
//! `write`'s business.
//!
//! A frozen span is folded in step with the growth of the active one: when that has three quarters
//! of the bytes at which it will be frozen itself, nothing is left to fold. So no commit has to
//! wait for a whole fold, at most for a slice in proportion to its own block.

use std::ops::Range;
use std::sync::Arc;

use super::layout::Standing;
use super::unfolded::{Frozen, Span};
use super::view::{Fold, View};

use crate::planted::{Bug, planted};

/// Fewest entries of a slice that a commit does not have to write: a transaction for a handful
/// would cost more than they do.
const SLICE_MIN: usize = 1024;

/// Entries of a frozen span that are to be written to the state table next.
pub(super) struct Slice {
    pub(super) frozen: Arc<Frozen>,
    pub(super) range: Range<usize>,
}

impl Slice {
    fn is_last(&self) -> bool {
        self.range.end == self.frozen.len()
    }
}

impl View {
    /// What has to be folded before the active span may grow by a block. Nothing, if
    /// [`View::ahead`] was always asked in between.
    pub(super) fn due(&self, fold_bytes: usize) -> Option<Slice> {
        let fold = self.frozen.as_ref()?;
        slice(fold, due(fold.frozen.len(), self.active.record_bytes(), fold_bytes))
    }

    /// What may be folded now so that nothing is due at the next commit, if its block is about as
    /// large as the last one.
    pub(super) fn ahead(&self, fold_bytes: usize) -> Option<Slice> {
        let fold = self.frozen.as_ref()?;
        let bytes = self.active.record_bytes().saturating_add(self.active.last_record_len());
        let due = slice(fold, due(fold.frozen.len(), bytes, fold_bytes))?;
        slice(fold, due.range.end.max(fold.done + SLICE_MIN))
    }

    /// How far the state table stands after a slice.
    pub(super) fn standing(&self, slice: Option<&Slice>) -> Standing {
        match (&self.frozen, slice) {
            (Some(fold), Some(slice)) if slice.is_last() || planted(Bug::FoldClaimsToBeDone) => {
                Standing { folded_to: Some(fold.frozen.to), folding_to: None }
            }
            (fold, _) => Standing {
                folded_to: self.folded_to,
                folding_to: fold
                    .as_ref()
                    .filter(|_| !planted(Bug::HalfAFoldForgotten))
                    .map(|fold| fold.frozen.to),
            },
        }
    }

    /// Notes that a slice has been written. Returns the span if nothing is left of it, for the
    /// caller to free.
    pub(super) fn advance(&mut self, slice: &Slice) -> Option<Fold> {
        if slice.is_last() {
            self.folded_to = Some(slice.frozen.to);
            return self.frozen.take();
        }
        if let Some(fold) = &mut self.frozen {
            fold.done = slice.range.end;
        }
        None
    }

    /// Freezes the active span if it has become large enough and no other one is frozen.
    pub(super) fn freeze_if_full(&mut self, fold_bytes: usize) {
        let Some(meta) = &self.meta else { return };
        if self.frozen.is_none() && self.active.record_bytes() > fold_bytes {
            let span = std::mem::take(&mut self.active);
            self.frozen = Some(Fold { frozen: Frozen::new(span, meta.topoheight), done: 0 });
        }
    }

    /// Everything is in the state table, which stands at the tip. Returns what is to be freed.
    pub(super) fn fold_all(&mut self) -> (Option<Fold>, Span) {
        self.folded_to = self.meta.as_ref().map(|meta| meta.topoheight);
        (self.frozen.take(), std::mem::take(&mut self.active))
    }
}

/// How many of `entries` have to be folded when the active span has this many bytes.
fn due(entries: usize, bytes: usize, fold_bytes: usize) -> usize {
    let full = fold_bytes / 4 * 3;
    if bytes >= full {
        return entries;
    }
    // At most `entries`, since `bytes` is below `full`.
    (entries as u128 * bytes as u128 / full as u128) as usize
}

/// The entries up to a position that are not folded yet, if there are any. A span without entries
/// is folded by an empty slice.
fn slice(fold: &Fold, to: usize) -> Option<Slice> {
    let end = to.min(fold.frozen.len());
    let something = end > fold.done || end == fold.frozen.len();
    something.then(|| Slice { frozen: Arc::clone(&fold.frozen), range: fold.done..end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_grows_with_the_active_span_and_ends_before_it_is_full() {
        assert_eq!(due(1000, 0, 400), 0);
        assert_eq!(due(1000, 150, 400), 500);
        assert_eq!(due(1000, 299, 400), 996);
        assert_eq!(due(1000, 300, 400), 1000);
        assert_eq!(due(1000, usize::MAX, 400), 1000);
        assert_eq!(due(usize::MAX, usize::MAX / 2, usize::MAX) / (usize::MAX / 8), 5);
        assert_eq!(due(1000, 0, 0), 1000, "with no bytes to wait for everything is due");
    }
}
