//! When each worker executed which transactions. Written down beside the execution, a clock reading
//! per slice of several microseconds; merged and looked at afterwards. Reaches no result.

use std::ops::Range;
use std::time::Duration;

use tos_host_api::TxIndex;

use crate::metrics::Stopwatch;

/// How long a slice should be, in nanoseconds. A clock reading takes some 25 ns, and
/// more where it waits for memory that is on its way: this way it stays below a hundredth of the
/// work it measures, and a picture of the block stays sharp.
const SLICE_NS: u64 = 12_000;
/// Most transactions of a slice.
const SLICE_MAX: usize = 512;

/// How often the clock is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingDetail {
    /// Once every few microseconds of work: cheap transactions are measured several at a time.
    /// Costs far less than what it measures. A block executes as it does unrecorded: payments that
    /// are settled account by account are told of with the account that pays.
    Slices,
    /// After every transaction: for finding out what each takes. Makes cheap ones noticeably
    /// slower, and has payments executed one by one instead of settled account by account.
    Transactions,
}

/// What a worker's recorder needs to know, the same for all workers of a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordingPlan {
    pub(crate) origin: Stopwatch,
    pub(crate) detail: RecordingDetail,
    /// How many transactions the block has: the longest list that a worker can need.
    pub(crate) transactions: usize,
}

impl RecordingPlan {
    pub(crate) fn recorder(self) -> Recorder {
        Recorder {
            plan: self,
            start: self.origin.elapsed_ns(),
            opened: 0,
            closes: 1,
            times: Vec::new(),
            order: Vec::with_capacity(self.transactions),
        }
    }
}

/// What one worker executed and when. Filled by the worker that owns it.
#[derive(Debug)]
pub(crate) struct Recorder {
    plan: RecordingPlan,
    /// When the open slice began.
    start: u64,
    /// Length of `order` when the open slice began.
    opened: usize,
    /// Length of `order` at which it ends.
    closes: usize,
    times: Vec<Times>,
    order: Vec<TxIndex>,
}

/// A slice: where its transactions end in the order of its worker, and when it began and ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Times {
    end: usize,
    started_ns: u64,
    finished_ns: u64,
}

impl Recorder {
    /// The worker has executed a transaction.
    #[inline]
    pub(crate) fn ran(&mut self, tx: TxIndex) {
        self.order.push(tx);
        if self.order.len() >= self.closes {
            self.close(self.plan.origin.elapsed_ns());
        }
    }

    /// The worker has executed these one after the other.
    pub(crate) fn ran_all(&mut self, txs: Range<TxIndex>) {
        self.order.extend(txs);
        if self.order.len() >= self.closes {
            self.close(self.plan.origin.elapsed_ns());
        }
    }

    /// Whether cheap transactions may be told of several at a time.
    pub(crate) fn takes_many(&self) -> bool {
        self.plan.detail == RecordingDetail::Slices
    }

    /// The worker has nothing to do: what it executed until now is a slice.
    pub(crate) fn pause(&mut self) {
        if self.order.len() > self.opened {
            self.close(self.plan.origin.elapsed_ns());
        }
    }

    /// The worker has something to do again.
    pub(crate) fn resume(&mut self) {
        self.start = self.plan.origin.elapsed_ns();
    }

    fn close(&mut self, now: u64) {
        let (end, started_ns) = (self.order.len(), self.start);
        self.times.push(Times { end, started_ns, finished_ns: now });
        let ran = end - self.opened;
        let next = match self.plan.detail {
            RecordingDetail::Transactions => 1,
            RecordingDetail::Slices => next_slice(ran, now - started_ns),
        };
        (self.start, self.opened, self.closes) = (now, end, end + next);
    }
}

/// How many transactions make a slice of the wished length, judged by the last slice. Grows slowly
/// and shrinks at once: after a run of transfers a call is soon measured on its own.
fn next_slice(ran: usize, took_ns: u64) -> usize {
    let fitting = (ran as u64 * SLICE_NS) / took_ns.max(1);
    let fitting = usize::try_from(fitting).unwrap_or(SLICE_MAX);
    fitting.clamp(1, (2 * ran).min(SLICE_MAX))
}

/// A range of accounts that a worker walked along, see `pipeline/settle.rs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Walk {
    pub(crate) worker: usize,
    pub(crate) started_ns: u64,
    pub(crate) finished_ns: u64,
    /// The payments whose sources are in the range. What others pay to its accounts is walked along
    /// in the same time, and is told of where the payer is.
    pub(crate) paid: Vec<TxIndex>,
}

/// When each worker executed what, of one block. Times count from the beginning of the stage in
/// which the first transactions were executed or settled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recording {
    workers: Vec<Track>,
}

/// What one worker did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Track {
    /// What it settled, before anything else.
    walks: Vec<Walk>,
    /// What it executed.
    times: Vec<Times>,
    order: Vec<TxIndex>,
}

/// Transactions that one worker executed one after the other and that were measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice<'r> {
    /// When the first began.
    pub started: Duration,
    /// When the last had ended.
    pub finished: Duration,
    /// The transactions in the order of execution; never empty.
    pub transactions: &'r [TxIndex],
}

/// When a transaction was executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// By which worker.
    pub worker: usize,
    /// When it began, in nanoseconds.
    pub started_ns: u64,
    /// When it had ended, in nanoseconds.
    pub finished_ns: u64,
    /// How many transactions were measured together with this one. Where there are any, its own
    /// times are an estimate.
    pub measured_with: usize,
}

impl Span {
    /// How long it took, in nanoseconds.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        self.finished_ns - self.started_ns
    }
}

impl Recording {
    /// Puts the recorders of all workers together; `recorders` says whose each one is.
    pub(crate) fn new(workers: usize, recorders: Vec<(usize, Recorder)>) -> Self {
        let mut tracks = vec![Track::default(); workers];
        for (worker, mut recorder) in recorders {
            // What an executor without pauses has left open.
            recorder.pause();
            if let Some(track) = tracks.get_mut(worker) {
                *track = Track { walks: Vec::new(), times: recorder.times, order: recorder.order };
            }
        }
        Self { workers: tracks }
    }

    /// Puts what was settled before the workers began in front of what they did.
    pub(crate) fn settled_before(mut self, mut walks: Vec<Walk>) -> Self {
        walks.sort_unstable_by_key(|walk| walk.started_ns);
        for walk in walks {
            if self.workers.len() <= walk.worker {
                self.workers.resize_with(walk.worker + 1, Track::default);
            }
            // A slice has transactions: where nobody pays, only credits were added up.
            if !walk.paid.is_empty() {
                self.workers[walk.worker].walks.push(walk);
            }
        }
        self
    }

    /// How many workers executed the block.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// What a worker did, in order.
    ///
    /// # Panics
    /// When there is no such worker.
    pub fn slices(&self, worker: usize) -> impl Iterator<Item = Slice<'_>> {
        let track = &self.workers[worker];
        let settled = track.walks.iter().map(|walk| Slice {
            started: Duration::from_nanos(walk.started_ns),
            finished: Duration::from_nanos(walk.finished_ns),
            transactions: &walk.paid,
        });
        let mut start = 0;
        let executed = track.times.iter().map(move |times| {
            let transactions = &track.order[start..times.end];
            start = times.end;
            Slice {
                started: Duration::from_nanos(times.started_ns),
                finished: Duration::from_nanos(times.finished_ns),
                transactions,
            }
        });
        settled.chain(executed)
    }

    /// When each transaction was executed, by transaction. The time of a slice with several
    /// transactions is shared out in proportion to `weights`, evenly where that is empty.
    ///
    /// # Panics
    /// When `weights` is neither empty nor a weight for each transaction.
    #[must_use]
    pub fn spans(&self, weights: &[u64]) -> Vec<Span> {
        let slices = (0..self.workers.len()).flat_map(|worker| self.slices(worker));
        let transactions = slices.map(|slice| slice.transactions.len()).sum();
        assert!(weights.is_empty() || weights.len() == transactions, "a weight for each");
        let weight = |tx: TxIndex| weights.get(tx as usize).map_or(1, |weight| *weight.max(&1));
        let mut spans = vec![Span::default(); transactions];
        for worker in 0..self.workers.len() {
            for slice in self.slices(worker) {
                let (started, finished) = (nanos(slice.started), nanos(slice.finished));
                let total: u128 = slice.transactions.iter().map(|tx| u128::from(weight(*tx))).sum();
                let mut done = 0_u128;
                let mut before = started;
                for tx in slice.transactions {
                    done += u128::from(weight(*tx));
                    let share = u128::from(finished - started) * done / total;
                    let after = started + u64::try_from(share).unwrap_or(0);
                    spans[*tx as usize] = Span {
                        worker,
                        started_ns: before,
                        finished_ns: after,
                        measured_with: slice.transactions.len() - 1,
                    };
                    before = after;
                }
            }
        }
        spans
    }

    /// How long each transaction took, in nanoseconds, by transaction.
    #[must_use]
    pub fn costs_ns(&self) -> Vec<u64> {
        self.spans(&[]).iter().map(Span::duration_ns).collect()
    }
}

/// Nanoseconds of a time within a block; 2^64 of them are centuries.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(slices: &[(u64, u64, &[TxIndex])]) -> Track {
        let mut track = Track::default();
        for (started_ns, finished_ns, transactions) in slices {
            track.order.extend_from_slice(transactions);
            let (end, started_ns, finished_ns) = (track.order.len(), *started_ns, *finished_ns);
            track.times.push(Times { end, started_ns, finished_ns });
        }
        track
    }

    fn recording() -> Recording {
        let workers = vec![
            track(&[(0, 100, &[0, 3]), (100, 140, &[4])]),
            track(&[(50, 80, &[1]), (90, 100, &[2])]),
        ];
        Recording { workers }
    }

    fn plan(detail: RecordingDetail) -> RecordingPlan {
        RecordingPlan { origin: Stopwatch::start(), detail, transactions: 100 }
    }

    #[test]
    fn slices_are_told_worker_by_worker() {
        let recording = recording();
        let slices: Vec<_> = recording
            .slices(0)
            .map(|slice| (slice.finished.as_nanos(), slice.transactions.to_vec()))
            .collect();
        assert_eq!(slices, [(100, vec![0, 3]), (140, vec![4])]);
        assert_eq!((recording.workers(), recording.slices(1).count()), (2, 2));
    }

    #[test]
    fn what_was_settled_comes_before_what_was_executed() {
        let walk = |worker, started_ns, paid: &[TxIndex]| Walk {
            worker,
            started_ns,
            finished_ns: started_ns + 5,
            paid: paid.to_vec(),
        };
        let executed = Recording { workers: vec![track(&[(100, 140, &[4])])] };
        let walks =
            vec![walk(1, 20, &[3]), walk(0, 30, &[2]), walk(0, 10, &[0, 1]), walk(1, 9, &[])];
        let recording = executed.settled_before(walks);
        let told = |worker| -> Vec<(u128, Vec<TxIndex>)> {
            let slices = recording.slices(worker);
            slices.map(|slice| (slice.started.as_nanos(), slice.transactions.to_vec())).collect()
        };
        assert_eq!(told(0), [(10, vec![0, 1]), (30, vec![2]), (100, vec![4])]);
        assert_eq!((told(1), recording.workers()), (vec![(20, vec![3])], 2));
        let workers = recording.spans(&[]).iter().map(|span| span.worker).collect::<Vec<_>>();
        assert_eq!(workers, [0, 0, 0, 1, 0]);
    }

    #[test]
    fn the_time_of_a_slice_is_shared_out_by_weight() {
        let spans = recording().spans(&[3, 7, 7, 1, 7]);
        let span = |worker, started_ns, finished_ns, measured_with| Span {
            worker,
            started_ns,
            finished_ns,
            measured_with,
        };
        let expected = [
            span(0, 0, 75, 1),
            span(1, 50, 80, 0),
            span(1, 90, 100, 0),
            span(0, 75, 100, 1),
            span(0, 100, 140, 0),
        ];
        assert_eq!(spans, expected);
        assert_eq!(recording().costs_ns(), [50, 30, 10, 50, 40]);
    }

    #[test]
    fn slices_grow_slowly_and_shrink_at_once() {
        assert_eq!(next_slice(1, 100), 2);
        assert_eq!(next_slice(2, 200), 4);
        assert_eq!(next_slice(64, 6_400), 120);
        assert_eq!(next_slice(SLICE_MAX, 100), SLICE_MAX);
        assert_eq!(next_slice(40, 40_000), 12);
        assert_eq!(next_slice(40, 10_000_000), 1);
        assert_eq!(next_slice(3, 0), 6);
    }

    #[test]
    fn a_recorder_closes_what_is_open_when_its_worker_pauses() {
        let mut recorder = plan(RecordingDetail::Slices).recorder();
        // As after a run of cheap transactions.
        recorder.closes = 10;
        for tx in 0..3 {
            recorder.ran(tx);
        }
        assert!(recorder.times.is_empty());
        recorder.pause();
        recorder.pause();
        recorder.resume();
        recorder.closes = 4;
        recorder.ran(9);
        let recording = Recording::new(2, vec![(1, recorder)]);
        let slices: Vec<_> = recording.slices(1).map(|slice| slice.transactions.len()).collect();
        assert_eq!((slices, recording.slices(0).count()), (vec![3, 1], 0));
    }

    #[test]
    fn several_at_a_time_are_one_slice_or_the_end_of_one() {
        let mut recorder = plan(RecordingDetail::Slices).recorder();
        assert!(recorder.takes_many());
        recorder.ran_all(0..64);
        recorder.closes = 64 + 70;
        recorder.ran_all(64..128);
        recorder.ran_all(128..192);
        let recording = Recording::new(1, vec![(0, recorder)]);
        let slices: Vec<_> = recording.slices(0).map(|slice| slice.transactions.len()).collect();
        assert_eq!(slices, [64, 128]);
        let executed = recording.slices(0).flat_map(|slice| slice.transactions.iter().copied());
        assert!(executed.eq(0..192));
    }

    #[test]
    fn in_full_detail_every_transaction_is_a_slice() {
        let mut recorder = plan(RecordingDetail::Transactions).recorder();
        (0..100).for_each(|tx| recorder.ran(tx));
        assert_eq!((recorder.times.len(), recorder.takes_many()), (100, false));
    }
}
