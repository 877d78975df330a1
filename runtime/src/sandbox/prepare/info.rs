//! What the engine keeps to know about an accepted module.

use tos_host_api::HostFunction;

/// Facts about an accepted module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
}

impl ModuleInfo {
    /// Whether a transaction or another contract may call this entry. `init` and `migrate` are not
    /// callable, even when exported.
    #[must_use]
    pub fn has_entry(&self, name: &str) -> bool {
        self.entries.binary_search_by(|entry| entry.as_str().cmp(name)).is_ok()
    }
}
