//! A disk in memory that remembers every operation, fails when a test says so, and shows what a
//! crash may leave of it. It is given to [`RedbStorage::with_backend`].
//!
//! [`RedbStorage::with_backend`]: crate::RedbStorage::with_backend

mod crash;

use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;

use parking_lot::Mutex;

use self::crash::keep;
pub use self::crash::{Moment, Operation, Recording, Survivors};

/// A device for [`RedbStorage::with_backend`]. Clones share one disk.
///
/// [`RedbStorage::with_backend`]: crate::RedbStorage::with_backend
#[derive(Debug, Clone, Default)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What was durable at first.
    base: Arc<[u8]>,
    /// What the system would read back while it is up.
    live: Vec<u8>,
    /// What syncs have made durable.
    durable: Vec<u8>,
    operations: Vec<Operation>,
    /// How many of the operations are part of `durable`.
    synced: usize,
    plan: Plan,
}

/// What goes wrong.
#[derive(Debug, Default)]
struct Plan {
    /// The operation from which on all fail.
    stop_at: Option<usize>,
    /// How long the file may become.
    capacity: Option<usize>,
    /// The fault still to come.
    fault: Option<DiskFault>,
    /// What was called after the fault, once there was one.
    since_fault: Option<Vec<DiskCall>>,
    /// Calls of each kind so far.
    calls: [u64; 5],
}

/// What can be asked of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskCall {
    /// The length of the file.
    Len,
    /// Bytes of the file.
    Read,
    /// A new length.
    SetLen,
    /// To make everything durable.
    Sync,
    /// Bytes to be written.
    Write,
}

/// One call that fails, once.
#[derive(Debug, Clone, Copy)]
pub struct DiskFault {
    /// The kind of call.
    pub call: DiskCall,
    /// Which of them, counted from the first call on this disk: 0 is the first.
    pub nth: u64,
    /// The system's number of the error.
    pub code: i32,
    /// Whether the first half of a write arrives all the same.
    pub short: bool,
}

impl SimulatedDisk {
    /// A disk that holds these bytes durably.
    #[must_use]
    pub fn holding(bytes: Vec<u8>) -> Self {
        Self::with_pending(bytes, &[])
    }

    /// A disk that holds these bytes durably, and has been asked to change them since.
    pub(super) fn with_pending(bytes: Vec<u8>, pending: &[Operation]) -> Self {
        let mut live = bytes.clone();
        pending.iter().for_each(|operation| keep(&mut live, operation));
        let base = bytes.as_slice().into();
        let operations = pending.to_vec();
        let state = State { base, live, durable: bytes, operations, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// How many operations have been performed.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.0.lock().operations.len()
    }

    /// How many calls of a kind there were.
    #[must_use]
    pub fn calls(&self, call: DiskCall) -> u64 {
        self.0.lock().plan.calls[call as usize]
    }

    /// Everything so far.
    #[must_use]
    pub fn recording(&self) -> Recording {
        let state = self.0.lock();
        Recording { base: Arc::clone(&state.base), operations: state.operations.clone() }
    }

    /// The bytes found after a crash now.
    #[must_use]
    pub fn image(&self, survivors: Survivors) -> Vec<u8> {
        let state = self.0.lock();
        let mut image = state.durable.clone();
        survivors.apply(&mut image, &state.operations[state.synced..]);
        image
    }

    /// Makes every operation fail once this many have been performed.
    pub fn stop_at(&self, operation: usize) {
        self.0.lock().plan.stop_at = Some(operation);
    }

    /// Makes the file unable to become longer than this; `None` takes it back.
    pub fn limit(&self, capacity: Option<usize>) {
        self.0.lock().plan.capacity = capacity;
    }

    /// Makes one call fail.
    pub fn fail(&self, fault: DiskFault) {
        self.0.lock().plan.fault = Some(fault);
    }

    /// What was called after the fault, in order; `None` if it has not occurred yet.
    #[must_use]
    pub fn since_fault(&self) -> Option<Vec<DiskCall>> {
        self.0.lock().plan.since_fault.clone()
    }
}

/// "No space left on device".
const ENOSPC: i32 = 28;

impl State {
    /// Counts a call, and says whether it is the one that fails.
    fn enter(&mut self, call: DiskCall) -> Result<Option<DiskFault>> {
        let Self { plan, operations, .. } = self;
        let nth = plan.calls[call as usize];
        plan.calls[call as usize] += 1;
        if let Some(since) = &mut plan.since_fault {
            since.push(call);
        }
        let changes = !matches!(call, DiskCall::Len | DiskCall::Read);
        if changes && plan.stop_at.is_some_and(|stop_at| operations.len() >= stop_at) {
            return Err(Error::other("the device has stopped"));
        }
        let fault = plan.fault.take_if(|fault| fault.call == call && fault.nth == nth);
        if fault.is_some() {
            plan.since_fault = Some(Vec::new());
        }
        Ok(fault)
    }

    /// Performs an operation.
    fn perform(&mut self, operation: Operation) {
        keep(&mut self.live, &operation);
        let survivors = match &operation {
            Operation::Sync => Some(Survivors::All),
            Operation::FailedSync(survivors) => Some(*survivors),
            Operation::Write { .. } | Operation::SetLen(_) => None,
        };
        if let Some(survivors) = survivors {
            survivors.apply(&mut self.durable, &self.operations[self.synced..]);
            self.synced = self.operations.len() + 1;
        }
        self.operations.push(operation);
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        let offset = usize::try_from(offset).map_err(Error::other)?;
        let end = offset.checked_add(data.len()).ok_or(ErrorKind::InvalidInput)?;
        if end > self.live.len() {
            self.perform(Operation::SetLen(end));
        }
        self.perform(Operation::Write { offset, bytes: data.into() });
        Ok(())
    }
}

fn error_of(fault: DiskFault) -> Error {
    Error::from_raw_os_error(fault.code)
}

impl redb::StorageBackend for SimulatedDisk {
    fn len(&self) -> Result<u64> {
        let mut state = self.0.lock();
        match state.enter(DiskCall::Len)? {
            Some(fault) => Err(error_of(fault)),
            None => Ok(state.live.len() as u64),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let mut state = self.0.lock();
        if let Some(fault) = state.enter(DiskCall::Read)? {
            return Err(error_of(fault));
        }
        let bytes = usize::try_from(offset)
            .ok()
            .and_then(|offset| state.live.get(offset..offset.checked_add(out.len())?))
            .ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut state = self.0.lock();
        if let Some(fault) = state.enter(DiskCall::SetLen)? {
            return Err(error_of(fault));
        }
        let len = usize::try_from(len).map_err(Error::other)?;
        if state.plan.capacity.is_some_and(|capacity| len > capacity) {
            return Err(Error::from_raw_os_error(ENOSPC));
        }
        state.perform(Operation::SetLen(len));
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        let mut state = self.0.lock();
        if let Some(fault) = state.enter(DiskCall::Sync)? {
            state.perform(Operation::FailedSync(Survivors::Some(fault.nth)));
            return Err(error_of(fault));
        }
        state.perform(Operation::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut state = self.0.lock();
        match state.enter(DiskCall::Write)? {
            None => state.write(offset, data),
            Some(fault) => {
                if fault.short {
                    state.write(offset, &data[..data.len() / 2])?;
                }
                Err(error_of(fault))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use redb::StorageBackend;

    use super::*;

    /// Three pages, of which the second and third are not synced.
    fn disk() -> SimulatedDisk {
        let disk = SimulatedDisk::default();
        disk.set_len(3 * 4096).unwrap();
        disk.write(0, &[1; 4096]).unwrap();
        disk.sync_data().unwrap();
        disk.write(4096, &[2; 4096]).unwrap();
        disk.write(8192, &[3; 4096]).unwrap();
        disk
    }

    #[test]
    fn what_is_synced_survives_and_the_rest_may_be_lost_kept_torn_or_reordered() {
        let disk = disk();
        let recording = disk.recording();
        let mut moment = recording.start();
        moment.advance(5);
        assert_eq!((disk.operations(), moment.pending()), (5, 2));
        let page = |image: &[u8], number: usize| image[number * 4096..][..4096].to_vec();
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let image = moment.image(Survivors::Some(seed));
            assert_eq!(image, disk.image(Survivors::Some(seed)));
            assert_eq!(page(&image, 0), [1; 4096], "seed {seed}");
            let arrived = |number: u8| {
                let page = page(&image, usize::from(number) - 1);
                let sectors: Vec<bool> = page.chunks(512).map(|it| it[0] == number).collect();
                match sectors.iter().filter(|arrived| **arrived).count() {
                    0 => "lost",
                    8 => "kept",
                    _ => "torn",
                }
            };
            seen.insert((arrived(2), arrived(3)));
        }
        let expected = ["kept", "lost", "torn"].map(|a| ["kept", "lost", "torn"].map(|b| (a, b)));
        assert_eq!(seen, expected.into_iter().flatten().collect());
        assert_eq!(moment.image(Survivors::None)[4096..], [0; 8192]);
        assert_eq!(moment.image(Survivors::All), moment.killed().image(Survivors::All));
        assert_eq!(moment.image(Survivors::None), moment.killed().image(Survivors::None));
    }

    #[test]
    fn a_sync_that_fails_loses_what_no_later_sync_brings_back() {
        let mut lost = 0;
        for nth in 0..20 {
            let disk = SimulatedDisk::default();
            (0..nth).for_each(|_| disk.sync_data().unwrap());
            disk.write(0, &[3; 512]).unwrap();
            disk.fail(DiskFault { call: DiskCall::Sync, nth, code: 5, short: false });
            assert_eq!(disk.since_fault(), None);
            assert_eq!(disk.sync_data().unwrap_err().raw_os_error(), Some(5));
            disk.sync_data().unwrap();
            assert_eq!(disk.since_fault(), Some(vec![DiskCall::Sync]));
            let image = disk.image(Survivors::All);
            assert_eq!(image, disk.image(Survivors::None), "it is synced");
            let mut live = [0; 512];
            disk.read(0, &mut live).unwrap();
            assert_eq!(live, [3; 512], "the system still shows it");
            lost += u32::from(image != live);
        }
        assert!((1..20).contains(&lost), "lost {lost} of 20");
    }

    #[test]
    fn a_full_disk_refuses_to_grow_and_a_short_write_leaves_its_first_half() {
        let disk = disk();
        disk.limit(Some(4 * 4096));
        assert_eq!(disk.set_len(5 * 4096).unwrap_err().raw_os_error(), Some(ENOSPC));
        disk.set_len(4 * 4096).unwrap();
        disk.fail(DiskFault { call: DiskCall::Write, nth: 3, code: 4, short: true });
        assert!(disk.write(0, &[9; 4096]).is_err());
        let mut found = vec![0; 4096];
        disk.read(0, &mut found).unwrap();
        assert_eq!((found[2047], found[2048]), (9, 1));
        assert_eq!(disk.calls(DiskCall::Write), 4);
    }
}
