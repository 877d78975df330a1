//! Values by key.

use core::marker::PhantomData;

use super::{Partition, cell, element, exists, expect, read, remove, write};
use crate::data::Data;
use crate::describe::Kind;

/// Values by key, each in a slot of its own. Needs `read` on the partition's account to be read,
/// `write` to be changed. Knows neither how many elements it has nor which.
///
/// A slot is named by the field, `/` and the encoded key, 256 bytes at most.
///
/// ```no_run
/// # use tos_sdk::prelude::*;
/// # #[contract] pub struct Names { owners: Map<String, Address> }
/// # impl Names { fn example(&mut self, name: String) {
/// if !self.owners.contains(&name) {
///     self.owners.set(&name, &env::caller());
/// }
/// # } }
/// ```
#[derive(Debug)]
pub struct Map<K, V> {
    name: &'static str,
    partition: Partition,
    types: PhantomData<(K, V)>,
}

cell!(Map [K, V], Kind::Map(&K::TYPE, &V::TYPE));

impl<K: Data, V: Data> Map<K, V> {
    /// The value of a key, if it has one.
    #[must_use]
    #[track_caller]
    pub fn get(&self, key: &K) -> Option<V> {
        read(self.name, &self.partition, &element(self.name, key))
    }

    /// The value of a key; aborts when it has none.
    #[must_use]
    #[track_caller]
    pub fn load(&self, key: &K) -> V {
        expect(self.name, self.get(key))
    }

    /// The value of a key, or the default of its type.
    #[must_use]
    #[track_caller]
    pub fn load_or_default(&self, key: &K) -> V
    where
        V: Default,
    {
        self.get(key).unwrap_or_default()
    }

    /// Whether a key has a value.
    #[must_use]
    #[track_caller]
    pub fn contains(&self, key: &K) -> bool {
        exists(self.name, &self.partition, &element(self.name, key))
    }

    /// Sets the value of a key.
    #[track_caller]
    pub fn set(&mut self, key: &K, value: &V) {
        write(self.name, &self.partition, &element(self.name, key), value);
    }

    /// Removes the value of a key; says whether it had one.
    #[track_caller]
    pub fn remove(&mut self, key: &K) -> bool {
        remove(self.name, &self.partition, &element(self.name, key))
    }
}
