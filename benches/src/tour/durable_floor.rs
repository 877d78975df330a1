//! What P7's acknowledgement cannot do without: as many bytes as a block's record has, written to a plain
//! file and synced, and a page of the file's head after them, synced too. That order is what makes a
//! commit atomic whatever a contract has had written. No hashing, no pages of a tree, no threads to
//! hand work to; the same disk and file system as the database's.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Bytes of a record by transaction, about, of the blocks of P7.
const RECORD_BYTES_PER_TX: usize = 260;

/// Bytes of the file's head that say which commit is the last one.
const HEAD_BYTES: usize = 4_096;

/// Times of single commits.
pub(super) struct Floor {
    /// With nothing beside them.
    pub(super) alone: Vec<Duration>,
    /// While a block executes.
    pub(super) beside: Vec<Duration>,
}

/// Writes so many records of blocks of so many transactions, each way, by turns. `execute` is what
/// goes on beside some of them.
pub(super) fn measure(
    folder: &Path,
    txs: usize,
    records: usize,
    execute: impl Fn() -> Result<()> + Sync,
) -> Result<Floor> {
    let record = vec![0x5a; RECORD_BYTES_PER_TX * txs];
    let mut file = File::create_new(folder.join("floor"))?;
    // A database has its file grow in large steps, too.
    file.set_len((HEAD_BYTES + 2 * records * record.len()) as u64)?;
    let mut end = HEAD_BYTES as u64;
    let mut commit = || -> Result<Duration> {
        let start = Instant::now();
        file.seek(SeekFrom::Start(end))?;
        file.write_all(&record)?;
        file.sync_data()?;
        file.rewind()?;
        file.write_all(&record[..HEAD_BYTES.min(record.len())])?;
        file.sync_data()?;
        end += record.len() as u64;
        Ok(start.elapsed())
    };
    let mut floor = Floor { alone: Vec::new(), beside: Vec::new() };
    for _ in 0..records {
        floor.alone.push(commit()?);
        let is_over = AtomicBool::new(false);
        let committed = thread::scope(|scope| {
            let execution = scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    execute()?;
                }
                Ok::<_, anyhow::Error>(())
            });
            let committed = commit();
            is_over.store(true, Ordering::Relaxed);
            execution.join().map_err(|_| anyhow::anyhow!("executing panicked"))??;
            committed
        });
        floor.beside.push(committed?);
    }
    Ok(floor)
}
