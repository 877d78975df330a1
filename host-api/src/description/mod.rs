//! What a contract says about itself: entries with their arguments, errors, events, state, and
//! which accounts a call touches. Carried by the module in the custom section `tos.description`.
//!
//! The section is a sequence of fragments, in any order, each written by one macro of the SDK and
//! put there by the linker: version (1 byte), tag (1 byte), length of the rest (4 bytes), the rest
//! in borsh. Exactly one fragment is the contract's.
//!
//! | Tag | Fragment | Content |
//! |---|---|---|
//! | 0 | contract | name, docs, toolchain, sdk, state: list of [`Slot`] |
//! | 1 | entries | list of [`Entry`], list of [`ErrorEnum`] |
//! | 2 | event | [`Event`] |
//!
//! Whoever wrote the module may have written anything here. Decoding takes time and memory in
//! proportion to the bytes, and nothing it accepts is deep; nothing it says can make a call touch
//! what was not declared.

mod decode;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

pub use decode::DescriptionError;

use crate::AccessMode;

/// Version of the encoding.
pub const DESCRIPTION_VERSION: u8 = 1;
/// Longest description in bytes. A contract with a hundred entries has a quarter of it.
pub const DESCRIPTION_LEN_MAX: usize = 64 * 1024;
/// Types within types. Whoever walks a type can do so by recursion.
pub const TYPE_DEPTH_MAX: usize = 16;

/// What a contract says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// What it is, in a paragraph.
    pub docs: String,
    /// The compiler that built it, as it calls itself.
    pub toolchain: String,
    /// The SDK it was built with.
    pub sdk: String,
    /// Its state: which slots there are.
    pub state: Vec<Slot>,
    /// What can be called, no name twice.
    pub entries: Vec<Entry>,
    /// The errors of the entries, no name twice.
    pub errors: Vec<ErrorEnum>,
    /// The events.
    pub events: Vec<Event>,
}

impl Description {
    /// The entry of this name.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// The error that an entry's code stands for.
    #[must_use]
    pub fn error(&self, entry: &str, code: u32) -> Option<&ErrorVariant> {
        let name = self.entry(entry)?.error.as_deref()?;
        let errors = self.errors.iter().find(|errors| errors.name == name)?;
        errors.variants.iter().find(|variant| variant.code == code)
    }
}

/// A type, with everything needed to read a value of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of the types they stand for")]
#[non_exhaustive]
pub enum Type {
    Unit,
    Bool,
    U8,
    U16,
    U32,
    U64,
    U128,
    I8,
    I16,
    I32,
    I64,
    I128,
    String,
    Address,
    PublicKey,
    ContractId,
    AssetId,
    Hash,
    Option(Box<Type>),
    List(Box<Type>),
    Array(u32, Box<Type>),
    Tuple(Vec<Type>),
    Struct(String, Vec<Field>),
    Enum(String, Vec<Variant>),
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit => f.write_str("()"),
            Self::Bool => f.write_str("bool"),
            Self::U8 => f.write_str("u8"),
            Self::U16 => f.write_str("u16"),
            Self::U32 => f.write_str("u32"),
            Self::U64 => f.write_str("u64"),
            Self::U128 => f.write_str("u128"),
            Self::I8 => f.write_str("i8"),
            Self::I16 => f.write_str("i16"),
            Self::I32 => f.write_str("i32"),
            Self::I64 => f.write_str("i64"),
            Self::I128 => f.write_str("i128"),
            Self::String => f.write_str("String"),
            Self::Address => f.write_str("Address"),
            Self::PublicKey => f.write_str("PublicKey"),
            Self::ContractId => f.write_str("ContractId"),
            Self::AssetId => f.write_str("AssetId"),
            Self::Hash => f.write_str("Hash"),
            Self::Option(of) => write!(f, "Option<{of}>"),
            Self::List(of) => write!(f, "Vec<{of}>"),
            Self::Array(len, of) => write!(f, "[{of}; {len}]"),
            Self::Tuple(types) => {
                f.write_str("(")?;
                for (position, ty) in types.iter().enumerate() {
                    write!(f, "{}{ty}", if position == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
            Self::Struct(name, _) | Self::Enum(name, _) => f.write_str(name),
        }
    }
}

/// A field or an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name; the position in a tuple struct.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// A variant of an enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// Its tag in the encoding.
    pub tag: u8,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// A field of a contract's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its name, with which the keys of its slots begin.
    pub name: String,
    /// What it is, in a paragraph.
    pub docs: String,
    /// Whether every account has one in its own partition, or the contract has one in its own.
    pub per_account: bool,
    /// What kind of cell.
    pub kind: SlotKind,
}

/// Kinds of cells. The keys of elements are the field's name, `/` and the encoded key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlotKind {
    /// A byte slot under the field's name.
    Value(Type),
    /// A byte slot for each key: types of key and value.
    Map(Type, Type),
    /// A counter slot under the field's name.
    Counter,
    /// A counter slot for each key.
    Counters(Type),
}

/// Kinds of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryKind {
    /// Runs at deployment.
    Init,
    /// Runs at an upgrade.
    Migrate,
    /// Can change the state.
    Call,
    /// Changes nothing.
    View,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name it is called by.
    pub name: String,
    /// What kind.
    pub kind: EntryKind,
    /// What it does, in a paragraph.
    pub docs: String,
    /// Its arguments: the input is their encodings, one after the other.
    pub arguments: Vec<Field>,
    /// What it returns.
    pub output: Type,
    /// The enum of its errors.
    pub error: Option<String>,
    /// Which accounts a call touches besides what every call does, if it says so.
    pub access: Option<Vec<AccessTemplate>>,
}

/// A line of an entry's access template: the way to an account, or to several, and the mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessTemplate {
    /// Where the way begins.
    pub root: AccessRoot,
    /// How it goes on.
    pub steps: Vec<AccessStep>,
    /// What is done to the account.
    pub mode: AccessMode,
}

/// Where the way to an account begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessRoot {
    /// Whoever calls.
    Caller,
    /// The signer of the transaction.
    Source,
    /// The contract.
    Contract,
    /// An argument, by its position.
    Argument(u8),
}

/// A step of the way to an account. An option is no step: nothing is named when it is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessStep {
    /// A field of a struct or tuple, by its name or position.
    Field(String),
    /// Each element of a list or array.
    Each,
}

/// An enum of errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorEnum {
    /// Its name.
    pub name: String,
    /// The errors.
    pub variants: Vec<ErrorVariant>,
}

/// One error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorVariant {
    /// The code an entry aborts with.
    pub code: u32,
    /// Its name.
    pub name: String,
    /// What went wrong, in a paragraph.
    pub docs: String,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its name: padded with zeros, the first topic.
    pub name: String,
    /// What it says, in a paragraph.
    pub docs: String,
    /// The fields, in the order of the data.
    pub fields: Vec<Field>,
    /// Positions of the fields that are the further topics.
    pub topics: Vec<u8>,
}
