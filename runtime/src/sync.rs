//! Locks, atomics, channels and threads of everything that works on a block, under one name. What
//! they are is decided elsewhere: this file only points to the standard library and parking_lot.
//!
//! `exploration/` compiles the same sources with a `sync` of its own, in which each operation is a
//! point at which a scheduler under a seed may let another thread go on. So whatever threads that
//! work on a block do to each other goes through here; the hot state (DashMap, whose guards never
//! leave a method) and the storage do not.

pub(crate) use std::hint::spin_loop;
pub(crate) use std::sync::{OnceLock, mpsc};

pub(crate) use parking_lot::{Condvar, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// See [`std::sync::atomic`].
pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering,
    };
}

/// See [`std::thread`].
pub(crate) mod thread {
    pub(crate) use std::thread::{Builder, JoinHandle};
}
