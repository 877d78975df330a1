//! What the engine keeps to know about an accepted module.

use borsh::{BorshDeserialize, BorshSerialize};
use tos_host_api::HostFunction;
use tos_host_api::limits::{CONSTRUCTOR_ENTRY, MIGRATE_ENTRY};

/// Export of a prepared module: the function that calls an entry, with [`EntryParams`] and
/// [`EntryResult`].
///
/// [`EntryParams`]: super::EntryParams
/// [`EntryResult`]: super::EntryResult
pub const ENTER_EXPORT: &str = "tos:enter";

/// Export of a prepared module: the gas left, a mutable `i64`, in units ([`UNITS_PER_GAS`]). A call
/// sets it to its argument. Below zero: the call asked for more gas than there was.
///
/// [`UNITS_PER_GAS`]: super::UNITS_PER_GAS
pub const GAS_EXPORT: &str = "tos:gas";
/// Export of a prepared module: the words of stack left, a mutable `i32`. Set it before a call.
/// Below zero: the call asked for more stack than there was. After a call that did not trap it is
/// what it was before.
pub const STACK_EXPORT: &str = "tos:stack";

/// Export of a prepared module: where the call has written, a mutable `i32`. Set it to zero before a
/// call, or leave what earlier calls made of it. After a call that returned, no address was written
/// whose distance from [`ModuleInfo::writes_from`] is [`WRITE_REACH`] or more above it; below zero,
/// anything may be.
///
/// [`WRITE_REACH`]: super::WRITE_REACH
pub const WRITTEN_EXPORT: &str = "tos:written";

/// Export of a prepared module: a mutable global of the guest, so that the host can restore it.
#[must_use]
pub fn global_export(index: u32) -> String {
    format!("tos:global:{index}")
}

/// Facts about an accepted module. Their encoding is kept with the compiled form: a change of it
/// needs another [`PREPARE_VERSION`] or name of artifacts.
///
/// [`PREPARE_VERSION`]: super::PREPARE_VERSION
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct ModuleInfo {
    /// Entries a transaction or another contract may call: exported functions without parameters
    /// and results, other than `init` and `migrate`. Sorted by name.
    pub entries: Vec<String>,
    /// Whether it has the entry that a deployment runs.
    pub has_init: bool,
    /// Whether it has the entry that an upgrade runs.
    pub has_migrate: bool,
    /// Host functions it imports, sorted by number.
    pub imports: Vec<HostFunction>,
    /// Size of its memory at the start of a call, in pages of 64 KiB.
    pub memory_pages_min: u64,
    /// Size its memory may grow to, in pages: what it declares, at most the protocol's limit.
    pub memory_pages_max: u64,
    /// Entries of its table; 0 without one. Tables do not grow.
    pub table_elements: u64,
    /// Functions it defines.
    pub functions: u32,
    /// Indices of its mutable globals: state, besides memory, that an instance carries from call to
    /// call. The prepared module exports each under [`global_export`].
    pub mutable_globals: Vec<u32>,
    /// The address from which [`WRITTEN_EXPORT`] tells writes.
    pub writes_from: u32,
    /// Content of its first custom section named [`DESCRIPTION_SECTION`], unread.
    ///
    /// [`DESCRIPTION_SECTION`]: super::DESCRIPTION_SECTION
    pub description: Option<Vec<u8>>,
}

impl ModuleInfo {
    /// Whether a transaction or another contract may call this entry. `init` and `migrate` are not
    /// callable, even when exported.
    #[must_use]
    pub fn has_entry(&self, name: &str) -> bool {
        self.callable_entry(name).is_some()
    }

    /// The number of an entry that a transaction or another contract may call.
    pub(crate) fn callable_entry(&self, name: &str) -> Option<i32> {
        self.position(name).and_then(|number| i32::try_from(number).ok())
    }

    /// The number by which a prepared module knows an entry, `init` and `migrate` included, which
    /// come last; `None` for a name that is none.
    #[must_use]
    pub fn entry_number(&self, name: &str) -> Option<i32> {
        let number = match name {
            CONSTRUCTOR_ENTRY => self.has_init.then_some(self.entries.len()),
            MIGRATE_ENTRY => {
                let init = usize::from(self.has_init);
                self.has_migrate.then_some(self.entries.len() + init)
            }
            _ => self.position(name),
        };
        number.and_then(|number| i32::try_from(number).ok())
    }

    /// Where an entry is in the list.
    fn position(&self, name: &str) -> Option<usize> {
        self.entries.binary_search_by(|entry| entry.as_str().cmp(name)).ok()
    }

    /// How many entries have a number.
    pub(super) fn entry_count(&self) -> usize {
        self.entries.len() + usize::from(self.has_init) + usize::from(self.has_migrate)
    }

    /// Bytes it holds besides its own. A description alone can be as long as code may be.
    pub(crate) fn heap_bytes(&self) -> usize {
        let entries: usize =
            self.entries.iter().map(|entry| size_of::<String>() + entry.capacity()).sum();
        entries
            + size_of_val(&self.imports[..])
            + size_of_val(&self.mutable_globals[..])
            + self.description.as_ref().map_or(0, Vec::capacity)
    }
}
