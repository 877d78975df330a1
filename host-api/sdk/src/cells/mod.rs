//! Storage cells: typed slots that know the partition they are in.

mod counter;
mod map;
mod per_account;
mod value;

use alloc::string::String;
use alloc::vec::Vec;

pub use counter::{Counter, Counters, Insufficient};
pub use map::Map;
pub use per_account::{OfAccount, PerAccount};
pub use value::Value;

use tos_host_api::{Address, Status};

use crate::data::{Data, Malformed};
use crate::describe::{Kind, Layout};
use crate::error::{codes, fail, limit, within_limits};
use crate::sys::{self, AddressBytes};

/// A field of a contract's state. Implemented by the cells; nobody else needs to.
pub trait StateField {
    /// What it looks like to tools.
    const LAYOUT: Layout;

    /// The field with this name.
    fn named(name: &'static str) -> Self;
}

/// A cell that can be in the partition of the contract or of an account: everything but
/// [`PerAccount`] itself.
pub trait Cell: StateField {
    /// What it looks like to tools.
    const KIND: Kind;

    /// The cell of this name in a partition.
    #[doc(hidden)]
    fn within(name: &'static str, partition: Partition) -> Self;
}

/// The account whose part of the contract's storage a cell is in.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub enum Partition {
    /// The contract itself.
    Own,
    /// Somebody.
    Of(AddressBytes),
}

impl Partition {
    fn of(account: Address) -> Self {
        Self::Of(account.to_bytes())
    }

    fn bytes(&self) -> AddressBytes {
        match self {
            // Not remembered: asking costs less than a tenth of any use of a slot.
            Self::Own => sys::contract(),
            Self::Of(account) => *account,
        }
    }
}

/// Implements the two traits for a cell with the fields `name` and `partition`.
macro_rules! cell {
    ($cell:ident [$($param:ident),*], $kind:expr) => {
        impl<$($param: $crate::data::Data),*> $crate::cells::StateField for $cell<$($param),*> {
            const LAYOUT: $crate::describe::Layout =
                $crate::describe::Layout { per_account: false, kind: $kind };

            fn named(name: &'static str) -> Self {
                <Self as $crate::cells::Cell>::within(name, $crate::cells::Partition::Own)
            }
        }

        impl<$($param: $crate::data::Data),*> $crate::cells::Cell for $cell<$($param),*> {
            const KIND: $crate::describe::Kind = $kind;

            fn within(name: &'static str, partition: $crate::cells::Partition) -> Self {
                Self { name, partition, types: core::marker::PhantomData }
            }
        }
    };
}
use cell;

/// The key of an element: the cell's name, `/` and the encoded key. Names are identifiers and have
/// no `/`, so no two cells share a key.
fn element<K: Data>(name: &str, key: &K) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(b'/');
    key.encode(&mut bytes);
    bytes
}

#[track_caller]
fn read<T: Data>(name: &str, partition: &Partition, key: &[u8]) -> Option<T> {
    let bytes = match sys::storage_read(&partition.bytes(), key) {
        Ok(bytes) => bytes,
        Err(status) if status == Status::NotFound.code() => return None,
        Err(_) => limit(name),
    };
    match T::from_bytes(&bytes) {
        Ok(value) => Some(value),
        Err(malformed) => unreadable(name, malformed),
    }
}

/// The value, or an abort that names the cell.
#[track_caller]
fn expect<T>(name: &str, value: Option<T>) -> T {
    match value {
        Some(value) => value,
        None => unreadable(name, Malformed::Invalid("nothing is stored")),
    }
}

#[track_caller]
fn write<T: Data>(name: &str, partition: &Partition, key: &[u8], value: &T) {
    within_limits(sys::storage_write(&partition.bytes(), key, &value.to_bytes()), name);
}

#[track_caller]
fn remove(name: &str, partition: &Partition, key: &[u8]) -> bool {
    found(name, sys::storage_remove(&partition.bytes(), key))
}

#[track_caller]
fn exists(name: &str, partition: &Partition, key: &[u8]) -> bool {
    found(name, sys::storage_len(&partition.bytes(), key))
}

#[track_caller]
fn found(name: &str, status: i32) -> bool {
    if status == Status::NotFound.code() {
        return false;
    }
    within_limits(status, name);
    true
}

#[cold]
#[track_caller]
fn unreadable(name: &str, malformed: Malformed) -> ! {
    let mut message = String::from("slot `");
    message.push_str(name);
    message.push_str("`: ");
    malformed.describe(&mut message);
    fail(codes::STORAGE, &message)
}
