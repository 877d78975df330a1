//! Counters: what many can add to at once.

use core::marker::PhantomData;

use tos_host_api::Status;

use super::{Partition, cell, element};
use crate::data::Data;
use crate::describe::{Kind, Layout};
use crate::error::{limit, within_limits};
use crate::sys;

/// A counter holds less than what was to be subtracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Insufficient;

/// A number that can be added to without being read, so that additions of different transactions
/// run side by side: `credit` on the partition's account is enough to add. Subtracting needs
/// `write`, reading `read`.
///
/// Starts at zero; holds a `u128`, which additions of `u64` cannot overflow in practice. The
/// counter slot is named like the field.
///
/// ```no_run
/// # use tos_sdk::prelude::*;
/// # #[contract] pub struct Shop { sold: Counter }
/// # impl Shop { fn example(&mut self) {
/// self.sold.add(1);
/// # } }
/// ```
#[derive(Debug)]
pub struct Counter {
    name: &'static str,
    partition: Partition,
}

impl super::StateField for Counter {
    const LAYOUT: Layout = Layout { per_account: false, kind: Kind::Counter };

    fn named(name: &'static str) -> Self {
        Self { name, partition: Partition::Own }
    }
}

impl super::Cell for Counter {
    const KIND: Kind = Kind::Counter;

    fn within(name: &'static str, partition: Partition) -> Self {
        Self { name, partition }
    }
}

impl Counter {
    /// The number.
    #[must_use]
    #[track_caller]
    #[inline(always)]
    pub fn get(&self) -> u128 {
        get(self.name, &self.partition, self.name.as_bytes())
    }

    /// Adds without reading.
    #[track_caller]
    #[inline(always)]
    pub fn add(&mut self, amount: u64) {
        add(self.name, &self.partition, self.name.as_bytes(), amount);
    }

    /// Subtracts.
    ///
    /// # Errors
    /// The counter holds less; nothing changes.
    #[track_caller]
    #[inline(always)]
    pub fn sub(&mut self, amount: u64) -> Result<(), Insufficient> {
        sub(self.name, &self.partition, self.name.as_bytes(), amount)
    }

    /// Subtracts, with an error of the contract's own for what cannot be subtracted.
    ///
    /// # Errors
    /// The counter holds less; nothing changes.
    #[track_caller]
    #[inline(always)]
    pub fn sub_or<E>(&mut self, amount: u64, error: E) -> Result<(), E> {
        self.sub(amount).or(Err(error))
    }
}

/// A [`Counter`] for each key. The counter slots are named by the field, `/` and the encoded key.
///
/// ```no_run
/// # use tos_sdk::prelude::*;
/// # #[contract] pub struct Poll { votes: Counters<u8> }
/// # impl Poll { fn example(&mut self, choice: u8) {
/// self.votes.add(&choice, 1);
/// # } }
/// ```
#[derive(Debug)]
pub struct Counters<K> {
    name: &'static str,
    partition: Partition,
    types: PhantomData<K>,
}

cell!(Counters[K], Kind::Counters(&K::TYPE));

impl<K: Data> Counters<K> {
    /// The number of a key.
    #[must_use]
    #[track_caller]
    pub fn get(&self, key: &K) -> u128 {
        get(self.name, &self.partition, &element(self.name, key))
    }

    /// Adds to the number of a key without reading it.
    #[track_caller]
    pub fn add(&mut self, key: &K, amount: u64) {
        add(self.name, &self.partition, &element(self.name, key), amount);
    }

    /// Subtracts from the number of a key.
    ///
    /// # Errors
    /// The counter holds less; nothing changes.
    #[track_caller]
    pub fn sub(&mut self, key: &K, amount: u64) -> Result<(), Insufficient> {
        sub(self.name, &self.partition, &element(self.name, key), amount)
    }

    /// Subtracts, with an error of the contract's own for what cannot be subtracted.
    ///
    /// # Errors
    /// The counter holds less; nothing changes.
    #[track_caller]
    pub fn sub_or<E>(&mut self, key: &K, amount: u64, error: E) -> Result<(), E> {
        self.sub(key, amount).or(Err(error))
    }
}

#[track_caller]
fn get(name: &str, partition: &Partition, key: &[u8]) -> u128 {
    match sys::counter_read(partition.account(&mut None), key) {
        Ok(number) => number,
        Err(_) => limit(name),
    }
}

#[track_caller]
fn add(name: &str, partition: &Partition, key: &[u8], amount: u64) {
    within_limits(sys::counter_add(partition.account(&mut None), key, amount), name);
}

#[track_caller]
fn sub(name: &str, partition: &Partition, key: &[u8], amount: u64) -> Result<(), Insufficient> {
    let status = sys::counter_sub(partition.account(&mut None), key, amount);
    if status == Status::Insufficient.code() {
        return Err(Insufficient);
    }
    within_limits(status, name);
    Ok(())
}
