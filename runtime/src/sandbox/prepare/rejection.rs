//! Why the gate refused a module, in words that tell its author what to do.

use std::fmt;

use thiserror::Error;
use tos_host_api::limits::{
    CODE_LEN_MAX, CONSTRUCTOR_ENTRY, ENTRY_LEN_MAX, IMPORT_MODULE, MEMORY_EXPORT, MEMORY_PAGES_MAX,
    MIGRATE_ENTRY, TABLE_ELEMENTS_MAX,
};

use super::limits::{EXCERPT_BYTES_MAX, RESERVED_PREFIX};
use crate::types::ModuleFault;

/// A module was refused: the class that goes into the receipt, and the reason for its author.
///
/// The reason is text for people and never consensus data.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct Rejection {
    /// The class. Always [`Reason::fault`] of the reason.
    pub fault: ModuleFault,
    /// The details.
    pub reason: Reason,
}

impl From<Reason> for Rejection {
    fn from(reason: Reason) -> Self {
        Self { fault: reason.fault(), reason }
    }
}

/// What exactly is wrong, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Reason {
    /// The bytes are something else.
    #[error("not a WebAssembly module but {found}; deploy the .wasm file that cargo writes")]
    NotAModule {
        /// What they look like.
        found: Container,
    },
    /// The validator's verdict.
    #[error("invalid WebAssembly in {place}: {message}")]
    Invalid {
        /// Where.
        place: Place,
        /// What the validator says.
        message: Excerpt,
    },
    /// Uses what contracts may not use.
    #[error("{feature} in {place}: {}", advice(feature))]
    Feature {
        /// Name of the WebAssembly proposal, or `floats`.
        feature: &'static str,
        /// Where.
        place: Place,
    },
    /// Larger than a limit.
    #[error("{what} in {place}: found {found}, at most {max}")]
    Limit {
        /// What was counted.
        what: &'static str,
        /// Where the limit was passed.
        place: Place,
        /// The count, or its part read so far.
        found: u64,
        /// The limit.
        max: u64,
    },
    /// The code as a whole is too long.
    #[error(
        "{found} bytes of code, at most {CODE_LEN_MAX}; build with opt-level = \"s\", lto = true \
         and panic = \"abort\""
    )]
    CodeLength {
        /// Its length.
        found: u64,
    },
    /// No memory of its own, or several.
    #[error("a contract has exactly one memory of its own, this one has {found}")]
    MemoryCount {
        /// Memories defined.
        found: u64,
    },
    /// Takes its memory from outside.
    #[error(
        "imports its memory as {module}.{name}; a contract defines its own (drop the linker's \
         --import-memory)"
    )]
    MemoryImported {
        /// Import module.
        module: Excerpt,
        /// Import name.
        name: Excerpt,
    },
    /// Shared, 64-bit, or with pages of another size.
    #[error("the memory is {found}; build without threads and for wasm32v1-none")]
    MemoryKind {
        /// What it is.
        found: &'static str,
    },
    /// Starts larger than any memory may be.
    #[error(
        "the memory starts with {found} pages of 64 KiB, at most {MEMORY_PAGES_MAX}; shrink static \
         data or the stack (rustc -C link-arg=-zstack-size=65536)"
    )]
    MemorySize {
        /// Pages at the start.
        found: u64,
    },
    /// Several tables.
    #[error("at most one table is allowed, this module has {found}")]
    TableCount {
        /// Tables defined.
        found: u64,
    },
    /// Not a plain table of functions.
    #[error("the table does not hold plain function references; build for wasm32v1-none")]
    TableKind,
    /// Larger than any table may be.
    #[error("the table has {found} elements, at most {TABLE_ELEMENTS_MAX}")]
    TableSize {
        /// Elements.
        found: u64,
    },
    /// Has a start function.
    #[error(
        "the module has a start function; export the work as the entry {CONSTRUCTOR_ENTRY}, which \
         a deployment runs"
    )]
    Start,
    /// Imports a global, memory, table or tag.
    #[error("imports {module}.{name}, which is not a function; contracts import functions only")]
    ImportKind {
        /// Import module.
        module: Excerpt,
        /// Import name.
        name: Excerpt,
    },
    /// The host has no such function.
    #[error(
        "imports {module}.{name}, which does not exist; host functions come from {IMPORT_MODULE} \
         (a leftover env or wasi import means a dependency that needs an operating system)"
    )]
    ImportUnknown {
        /// Import module.
        module: Excerpt,
        /// Import name.
        name: Excerpt,
    },
    /// The host function has another type.
    #[error("imports {name} with another type than the host function has: {expected}")]
    ImportType {
        /// The host function.
        name: &'static str,
        /// Its type.
        expected: String,
    },
    /// The memory is not exported under its name.
    #[error("the memory must be exported as {MEMORY_EXPORT:?}")]
    MemoryExport,
    /// Two exports of one name.
    #[error("{name} is exported twice")]
    ExportTwice {
        /// The name.
        name: Excerpt,
    },
    /// A name that preparation needs.
    #[error("the export {name} starts with {RESERVED_PREFIX:?}, which is reserved")]
    ExportReserved {
        /// The name.
        name: Excerpt,
    },
    /// A host function passed on under an own name.
    #[error("the export {name} is an imported function; export a function of the contract")]
    ExportImported {
        /// The name.
        name: Excerpt,
    },
    /// Cannot be called because of its length.
    #[error("the entry {name} has a name of {found} bytes, at most {ENTRY_LEN_MAX}")]
    EntryName {
        /// The name.
        name: Excerpt,
        /// Its length.
        found: u64,
    },
    /// `init` or `migrate` with parameters or results.
    #[error(
        "the entries {CONSTRUCTOR_ENTRY} and {MIGRATE_ENTRY} take no parameters and return \
         nothing, but {name} does; read the input with the host function input"
    )]
    EntryType {
        /// Which of the two.
        name: &'static str,
    },
    /// Nothing could ever be called.
    #[error(
        "no entry is exported; an entry is a function without parameters and results (in Rust: \
         #[unsafe(no_mangle)] pub extern \"C\" fn name())"
    )]
    NoEntry,
    /// A segment that is not written at instantiation to a fixed place.
    #[error("{what} {index} is not active at a constant offset; build for wasm32v1-none")]
    SegmentKind {
        /// Data or element segment.
        what: &'static str,
        /// Which one.
        index: u32,
    },
    /// A segment that does not fit.
    #[error("{what} {index} ends at {end}, beyond the initial size of {size}")]
    SegmentRange {
        /// Data or element segment.
        what: &'static str,
        /// Which one.
        index: u32,
        /// First position after it.
        end: u64,
        /// Initial size of the memory in bytes or of the table in elements.
        size: u64,
    },
}

impl Reason {
    /// The class that goes into the receipt.
    #[must_use]
    pub fn fault(&self) -> ModuleFault {
        match self {
            Self::NotAModule { .. } | Self::Invalid { .. } => ModuleFault::Malformed,
            Self::Feature { .. } => ModuleFault::Feature,
            Self::Limit { .. } | Self::CodeLength { .. } => ModuleFault::Limit,
            Self::MemoryCount { .. }
            | Self::MemoryImported { .. }
            | Self::MemoryKind { .. }
            | Self::MemorySize { .. } => ModuleFault::Memory,
            Self::TableCount { .. } | Self::TableKind | Self::TableSize { .. } => {
                ModuleFault::Table
            }
            Self::Start => ModuleFault::Start,
            Self::ImportKind { .. } | Self::ImportUnknown { .. } | Self::ImportType { .. } => {
                ModuleFault::Import
            }
            Self::MemoryExport
            | Self::ExportTwice { .. }
            | Self::ExportReserved { .. }
            | Self::ExportImported { .. }
            | Self::EntryName { .. }
            | Self::EntryType { .. }
            | Self::NoEntry => ModuleFault::Export,
            Self::SegmentKind { .. } | Self::SegmentRange { .. } => ModuleFault::Segment,
        }
    }
}

fn advice(feature: &str) -> &'static str {
    if feature == "floats" {
        "contracts have no floating point; use integers or fixed point, and look for floats in \
         dependencies and in formatting"
    } else {
        "contracts may not use it; build with `cargo build --release --target wasm32v1-none`, \
         since other targets switch on more with every Rust release, and drop -C target-feature"
    }
}

/// What bytes that are no module look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Container {
    /// Nothing at all.
    #[error("empty")]
    Empty,
    /// A WebAssembly component.
    #[error("a component (build a core module: target wasm32v1-none)")]
    Component,
    /// WebAssembly text.
    #[error("WebAssembly text (translate it with wat2wasm or `wasm-tools parse`)")]
    Text,
    /// A native object file, which is also what precompiled WebAssembly is stored as.
    #[error("a native object file")]
    Elf,
    /// Compressed data.
    #[error("gzip data")]
    Gzip,
    /// Anything else.
    #[error("other data")]
    Other,
}

/// Where in the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Place {
    /// In a section.
    #[error("the {name} section at byte {offset}")]
    Section {
        /// Its name.
        name: &'static str,
        /// Offset into the code.
        offset: usize,
    },
    /// In the body of a function.
    #[error("function {index} at byte {offset}")]
    Function {
        /// Its index, imported functions included.
        index: u32,
        /// Offset into the code.
        offset: usize,
    },
}

/// The beginning of some text that a guest chose, escaped.
///
/// Holds at most [`EXCERPT_BYTES_MAX`] bytes of the original, so that an error stays small whatever
/// the module contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    text: String,
    cut: bool,
}

impl Excerpt {
    pub(super) fn new(text: &str) -> Self {
        let kept: String = text
            .char_indices()
            .take_while(|(at, character)| at + character.len_utf8() <= EXCERPT_BYTES_MAX)
            .map(|(_, character)| character)
            .collect();
        Self { cut: kept.len() < text.len(), text: kept }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}{}\"", self.text.escape_debug(), if self.cut { "..." } else { "" })
    }
}
