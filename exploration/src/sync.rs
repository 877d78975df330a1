//! What `runtime/src/sync.rs` offers, on shuttle's primitives: every operation is a point at which
//! another thread may go on. Shuttle takes all orderings for the strictest one, so what needs an
//! ordering weaker or stronger than it has is not found here; see `tests/orderings`.

use std::ops::{Deref, DerefMut};

pub(crate) use shuttle::hint::spin_loop;
pub(crate) use shuttle::sync::{RwLockReadGuard, RwLockWriteGuard, atomic, mpsc};
pub(crate) use shuttle::thread;

/// A mutex as parking_lot has it: no poison.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

/// The guard of a [`Mutex`]; holds nothing only while [`Condvar::wait`] waits.
pub(crate) struct MutexGuard<'a, T>(Option<shuttle::sync::MutexGuard<'a, T>>);

/// See [`parking_lot::Condvar`].
#[derive(Debug, Default)]
pub(crate) struct Condvar(shuttle::sync::Condvar);

/// See [`parking_lot::RwLock`].
#[derive(Debug)]
pub(crate) struct RwLock<T>(shuttle::sync::RwLock<T>);

/// See [`std::sync::OnceLock`]: whoever comes while the value is made waits for it.
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    making: Mutex<()>,
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())))
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.0.try_lock().is_err()
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

const WAITING: &str = "a guard is used while it waits";

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().expect(WAITING)
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_deref_mut().expect(WAITING)
    }
}

impl Condvar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.0.take().expect(WAITING);
        let held = self.0.wait(held).unwrap_or_else(|poisoned| poisoned.into_inner());
        guard.0 = Some(held);
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::RwLock::new(value))
    }

    pub(crate) fn read(&self) -> shuttle::sync::RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// shuttle lets readers pass writers that wait, so its `read` is this already.
    pub(crate) fn read_recursive(&self) -> shuttle::sync::RwLockReadGuard<'_, T> {
        self.read()
    }

    pub(crate) fn write(&self) -> shuttle::sync::RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn try_write(&self) -> Option<shuttle::sync::RwLockWriteGuard<'_, T>> {
        self.0.try_write().ok()
    }
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self { value: std::sync::OnceLock::new(), making: Mutex::new(()) }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        thread::yield_now();
        self.value.get()
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        let _making = self.making.lock();
        self.value.set(value)
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if self.value.get().is_none() {
            let _making = self.making.lock();
            if self.value.get().is_none() {
                // Nobody else is here: the lock is held.
                let made = make();
                let _ = self.value.set(made);
            }
        }
        self.value.get().expect("it was made")
    }
}
