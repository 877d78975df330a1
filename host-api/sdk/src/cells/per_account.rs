//! A cell for every account.

use core::marker::PhantomData;
use core::ops::Deref;

use tos_host_api::Address;

use super::{Cell, Partition, StateField};
use crate::describe::Layout;

/// A cell for every account, in the account's own partition of this contract: what makes calls
/// about different people run in parallel.
///
/// The slots are named as they would be outside of it; only the partition differs.
///
/// ```no_run
/// # use tos_sdk::prelude::*;
/// # #[contract] pub struct Token { balances: PerAccount<Counter> }
/// # impl Token { fn example(&mut self, to: Address) {
/// self.balances.of_mut(to).add(5);
/// let balance = self.balances.of(to).get();
/// # } }
/// ```
#[derive(Debug)]
pub struct PerAccount<T> {
    name: &'static str,
    types: PhantomData<T>,
}

impl<T: Cell> StateField for PerAccount<T> {
    const LAYOUT: Layout = Layout { per_account: true, kind: T::KIND };

    fn named(name: &'static str) -> Self {
        Self { name, types: PhantomData }
    }
}

impl<T: Cell> PerAccount<T> {
    /// An account's cell, for reading.
    #[must_use]
    pub fn of(&self, account: impl Into<Address>) -> OfAccount<'_, T> {
        let cell = T::within(self.name, Partition::Of(account.into()));
        OfAccount { cell, state: PhantomData }
    }

    /// An account's cell, for changing.
    #[must_use]
    pub fn of_mut(&mut self, account: impl Into<Address>) -> T {
        T::within(self.name, Partition::Of(account.into()))
    }
}

/// An account's cell, for reading only: views have no other.
#[derive(Debug)]
pub struct OfAccount<'a, T> {
    cell: T,
    state: PhantomData<&'a ()>,
}

impl<T> Deref for OfAccount<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.cell
    }
}
