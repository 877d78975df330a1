//! One value.

use core::marker::PhantomData;

use super::{Partition, cell, exists, expect, read, remove, write};
use crate::data::Data;
use crate::describe::Kind;

/// One value in a slot of its own. Needs `read` on the partition's account to be read, `write` to
/// be set.
///
/// The slot is named like the field.
///
/// ```no_run
/// # use tos_sdk::prelude::*;
/// # #[contract] pub struct Club { president: Value<Address>, fee: Value<u64> }
/// # impl Club { fn example(&mut self) {
/// self.president.set(&env::caller());
/// let fee = self.fee.load_or_default();
/// # } }
/// ```
#[derive(Debug)]
pub struct Value<T> {
    name: &'static str,
    partition: Partition,
    types: PhantomData<T>,
}

cell!(Value[T], Kind::Value(&T::TYPE));

impl<T: Data> Value<T> {
    /// The value, if one is set.
    #[must_use]
    #[track_caller]
    pub fn get(&self) -> Option<T> {
        read(self.name, &self.partition, self.name.as_bytes())
    }

    /// The value; aborts when none is set.
    #[must_use]
    #[track_caller]
    pub fn load(&self) -> T {
        expect(self.name, self.get())
    }

    /// The value, or the default of its type.
    #[must_use]
    #[track_caller]
    pub fn load_or_default(&self) -> T
    where
        T: Default,
    {
        self.get().unwrap_or_default()
    }

    /// Whether a value is set.
    #[must_use]
    #[track_caller]
    pub fn is_set(&self) -> bool {
        exists(self.name, &self.partition, self.name.as_bytes())
    }

    /// Sets the value.
    #[track_caller]
    pub fn set(&mut self, value: &T) {
        write(self.name, &self.partition, self.name.as_bytes(), value);
    }

    /// Removes the value; says whether there was one.
    #[track_caller]
    pub fn remove(&mut self) -> bool {
        remove(self.name, &self.partition, self.name.as_bytes())
    }
}
