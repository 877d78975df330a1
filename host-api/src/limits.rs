//! Limits both sides know. Each is a protocol constant: changing one changes what is accepted.

/// Longest storage key in bytes. Keys are kept whole in memory and in the database's sorted tables.
pub const KEY_LEN_MAX: usize = 256;
/// Longest storage value in bytes. Bounds what one host call copies.
pub const VALUE_LEN_MAX: usize = 64 * 1024;
/// Longest return data in bytes. It is kept in the receipt, also on failure.
pub const RETURN_LEN_MAX: usize = 4 * 1024;
/// Most topics of one event. A topic is 32 bytes.
pub const EVENT_TOPICS_MAX: usize = 4;
/// Longest data of one event in bytes.
pub const EVENT_DATA_LEN_MAX: usize = 4 * 1024;
/// Most events one transaction can emit; bounds a receipt.
pub const EVENTS_MAX: usize = 64;
/// Longest message that `abort` and `debug_log` deliver to the operator, in bytes; longer ones are
/// cut.
pub const MESSAGE_LEN_MAX: usize = 1024;
/// Most entries of an access list. Bounds what one transaction adds to the schedule.
pub const ACCESS_ENTRIES_MAX: usize = 128;
/// Most transfers in one transaction.
pub const TRANSFERS_MAX: usize = 256;
/// Most deposits of one call.
pub const DEPOSITS_MAX: usize = 16;
/// Longest input of a call in bytes.
pub const INPUT_LEN_MAX: usize = 64 * 1024;
/// Most calls that run at once, each but the first made by the one before it.
pub const CALL_DEPTH_MAX: usize = 16;
/// Bytes of one deposit as `call` takes it: asset id and amount.
pub const DEPOSIT_LEN: usize = 32 + 8;
/// Most bytes of `random` at once.
pub const RANDOM_LEN_MAX: usize = 1024;
/// Longest name of an entry in bytes.
pub const ENTRY_LEN_MAX: usize = 64;
/// Longest contract code in bytes, as deployed.
pub const CODE_LEN_MAX: usize = 512 * 1024;
/// Linear memory of a contract, in pages of 64 KiB.
pub const MEMORY_PAGES_MAX: u64 = 64;
/// Entries of a contract's function table.
pub const TABLE_ELEMENTS_MAX: u64 = 4096;
/// Name of the import module that offers these host functions.
pub const IMPORT_MODULE: &str = "tos_v1";
/// Entry run by a deployment, if exported; cannot be invoked by a transaction.
pub const CONSTRUCTOR_ENTRY: &str = "init";
/// Entry run by an upgrade, if exported; cannot be invoked by a transaction.
pub const MIGRATE_ENTRY: &str = "migrate";
/// Export under which a contract offers its memory to the host.
pub const MEMORY_EXPORT: &str = "memory";
