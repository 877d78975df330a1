//! Two workers, each with transactions that wait for nothing, and one who runs what they release.

use loom::sync::Arc;
use loom::sync::atomic::Ordering;
use loom::thread;
use tos_host_api::{AccessMode, Amount, Nonce, TxIndex};

use crate::cell::AccountCell;
use crate::countdown::Countdown;
use crate::marks::{MISSING, Marks};
use crate::schedule::Schedule;
use crate::state::{Account, Row};

/// What a transaction does to the only account.
#[derive(Clone, Copy)]
enum Does {
    /// Adds without reading.
    Credit(u64),
    /// Reads nonce and balance, which have to be these, raises the one and halves the other.
    Halve { nonce: u64, native: u64 },
}

struct Block {
    does: Vec<Does>,
    batches: Vec<u32>,
    schedule: Schedule,
    countdown: Countdown,
    marks: Marks,
    cell: AccountCell,
}

impl Block {
    fn new(does: Vec<Does>, batches: Vec<u32>, schedule: Schedule) -> Self {
        let account = Account { nonce: Nonce(0), native: Amount(0) };
        Self {
            marks: Marks::new(does.len(), &[]),
            countdown: Countdown::new(&schedule, |_| false),
            cell: AccountCell::new(account, Row),
            does,
            batches,
            schedule,
        }
    }

    /// Runs a transaction, then whatever it released.
    fn run(&self, first: TxIndex) {
        let mut ready = vec![first];
        while let Some(tx) = ready.pop() {
            let batch = self.batches[tx as usize];
            match self.does[tx as usize] {
                Does::Credit(amount) => {
                    assert!(self.cell.claims.claim(AccessMode::Credit, batch), "a clash");
                    self.cell.native.fetch_add(amount, Ordering::Relaxed);
                    self.marks.full(tx);
                }
                Does::Halve { nonce, native } => {
                    let seen = self.cell.nonce.load(Ordering::Relaxed);
                    assert_eq!((seen, self.cell.native.load(Ordering::Relaxed)), (nonce, native));
                    assert!(self.cell.claims.claim(AccessMode::Write, batch), "a clash");
                    self.cell.nonce.store(nonce + 1, Ordering::Relaxed);
                    self.cell.native.store(native / 2, Ordering::Relaxed);
                    self.marks.plain(tx);
                }
            }
            self.countdown.finish(&self.schedule, tx, &mut ready);
        }
    }
}

/// Runs a block under all orders; the first two transactions are handed out, one to each worker.
fn check(make: fn() -> Block, nonce: u64, native: u64) {
    loom::model(move || {
        let block = Arc::new(make());
        let other = {
            let block = Arc::clone(&block);
            thread::spawn(move || block.run(1))
        };
        block.run(0);
        other.join().expect("it ends");
        let block = Arc::try_unwrap(block).ok().expect("nobody else is left");
        assert!(!block.marks.into_inner().contains(&MISSING), "a transaction was lost");
        let cell = &block.cell;
        let found = (cell.nonce.load(Ordering::Relaxed), cell.native.load(Ordering::Relaxed));
        assert_eq!(found, (nonce, native));
    });
}

#[test]
fn who_waits_for_two_credits_sees_both() {
    let make = || {
        let schedule = Schedule {
            groups_of: vec![vec![0], vec![0], vec![1]],
            next: vec![Some(1), None],
            waits: vec![0, 0, 1],
        };
        let does = vec![Does::Credit(4), Does::Credit(6), Does::Halve { nonce: 0, native: 10 }];
        Block::new(does, vec![0, 0, 1], schedule)
    };
    check(make, 1, 5);
}

#[test]
fn writers_in_a_row_see_each_other_and_those_behind_them_do_too() {
    let make = || {
        // Two credits, a writer, a writer, a credit behind it.
        let schedule = Schedule {
            groups_of: vec![vec![0], vec![0], vec![1], vec![2], vec![3]],
            next: vec![Some(1), Some(2), Some(3), None],
            waits: vec![0, 0, 1, 1, 1],
        };
        let does = vec![
            Does::Credit(4),
            Does::Credit(8),
            Does::Halve { nonce: 0, native: 12 },
            Does::Halve { nonce: 1, native: 6 },
            Does::Credit(1),
        ];
        Block::new(does, vec![0, 0, 1, 2, 3], schedule)
    };
    check(make, 2, 4);
}

#[test]
fn who_waits_in_two_groups_sees_both_sides() {
    let make = || {
        // The last one is behind one transaction of each worker, in two different groups.
        let schedule = Schedule {
            groups_of: vec![vec![0], vec![1], vec![2, 3]],
            next: vec![Some(2), Some(3), None, None],
            waits: vec![0, 0, 2],
        };
        let does = vec![Does::Credit(1), Does::Credit(1), Does::Halve { nonce: 0, native: 2 }];
        Block::new(does, vec![0, 0, 1], schedule)
    };
    check(make, 1, 1);
}
