//! Storage cells: typed slots that know the partition they are in.

mod counter;
mod map;
mod per_account;
mod value;

pub use counter::{Counter, Counters, Insufficient};
pub use map::Map;
pub use per_account::{OfAccount, PerAccount};
pub use value::Value;

use tos_host_api::{Address, Status};

use crate::buffer::Buffer;
use crate::data::{Data, Input, Malformed, encode};
use crate::describe::{Kind, Layout};
use crate::error::{codes, fail, limit, within_limits};
use crate::sys;

/// A field of a contract's state. Implemented by the cells; nobody else needs to.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no storage cell",
    note = "a field of a contract is a `Value`, `Map`, `Counter`, `Counters`, or `PerAccount` of one"
)]
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
    Of(Address),
}

impl Partition {
    /// The account. `own` is where the contract's own goes if it has to be asked for.
    fn account<'a>(&'a self, own: &'a mut Option<Address>) -> &'a Address {
        match self {
            // Not remembered: asking costs less than a tenth of any use of a slot.
            Self::Own => own.insert(sys::contract()),
            Self::Of(account) => account,
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
fn element<K: Data>(name: &str, key: &K) -> Buffer {
    let mut bytes = Buffer::new();
    bytes.text(name);
    bytes.push(b"/");
    key.encode(&mut bytes);
    bytes
}

#[track_caller]
fn read<T: Data>(name: &str, partition: &Partition, key: &[u8]) -> Option<T> {
    let bytes = read_bytes(name, partition, key)?;
    let mut input = Input::new(&bytes);
    let value = T::decode(&mut input);
    check(name, input);
    Some(value)
}

/// Aborts unless a slot held what was expected.
#[track_caller]
#[inline(never)]
fn check(name: &str, input: Input<'_>) {
    if let Err(malformed) = input.finish() {
        unreadable(name, malformed);
    }
}

#[track_caller]
fn read_bytes(name: &str, partition: &Partition, key: &[u8]) -> Option<Buffer> {
    match sys::storage_read(partition.account(&mut None), key) {
        Ok(bytes) => Some(bytes),
        Err(status) if status == Status::NotFound.code() => None,
        Err(_) => limit(name),
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
    write_bytes(name, partition, key, &encode(value));
}

#[track_caller]
#[inline(never)]
fn write_bytes(name: &str, partition: &Partition, key: &[u8], value: &[u8]) {
    within_limits(sys::storage_write(partition.account(&mut None), key, value), name);
}

#[track_caller]
fn remove(name: &str, partition: &Partition, key: &[u8]) -> bool {
    found(name, sys::storage_remove(partition.account(&mut None), key))
}

#[track_caller]
fn exists(name: &str, partition: &Partition, key: &[u8]) -> bool {
    found(name, sys::storage_len(partition.account(&mut None), key))
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
    let mut message = Buffer::new();
    message.text("slot `");
    message.text(name);
    message.text("`: ");
    malformed.describe(&mut message);
    fail(codes::STORAGE, &message)
}
