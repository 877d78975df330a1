//! A contract's description as the compiler builds it: constants, written into the module's section
//! by constant evaluation. What they become is `tos_host_api::description`; a test compares both.

pub use tos_host_api::AccessMode;

/// What a type looks like.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "the names of the types they stand for")]
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
    Option(&'static Type),
    List(&'static Type),
    Array(u32, &'static Type),
    Tuple(&'static [&'static Type]),
    Struct(&'static str, &'static [Field]),
    Enum(&'static str, &'static [Variant]),
}

/// A field or an argument.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name; the position in a tuple struct.
    pub name: &'static str,
    /// Its type.
    pub ty: &'static Type,
}

/// A variant of an enum.
#[derive(Debug, Clone, Copy)]
pub struct Variant {
    /// Its name.
    pub name: &'static str,
    /// Its tag in the encoding.
    pub tag: u8,
    /// Its fields.
    pub fields: &'static [Field],
}

/// What a slot of the contract's state is.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Whether every account has one, in its own partition.
    pub per_account: bool,
    /// What kind of cell.
    pub kind: Kind,
}

/// Kinds of cells.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A byte slot under the field's name.
    Value(&'static Type),
    /// Byte slots under the field's name, `/` and the encoded key.
    Map(&'static Type, &'static Type),
    /// A counter slot under the field's name.
    Counter,
    /// Counter slots under the field's name, `/` and the encoded key.
    Counters(&'static Type),
}

/// A field of the contract's state.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    /// Its name.
    pub name: &'static str,
    /// First paragraph of its docs.
    pub docs: &'static str,
    /// What it is.
    pub layout: Layout,
}

/// The contract itself.
#[derive(Debug, Clone, Copy)]
pub struct Contract {
    /// Its name.
    pub name: &'static str,
    /// First paragraph of its docs.
    pub docs: &'static str,
    /// Its state.
    pub state: &'static [Slot],
}

/// Kinds of entries.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub enum EntryKind {
    /// Runs at deployment.
    Init = 0,
    /// Runs at an upgrade.
    Migrate = 1,
    /// Can change the state.
    Call = 2,
    /// Changes nothing.
    View = 3,
}

/// An entry.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The name it is called by.
    pub name: &'static str,
    /// What kind.
    pub kind: EntryKind,
    /// First paragraph of its docs.
    pub docs: &'static str,
    /// Its arguments.
    pub arguments: &'static [Field],
    /// What it returns.
    pub output: &'static Type,
    /// Its errors.
    pub error: Option<&'static Error>,
    /// Which accounts it touches, if it says so.
    pub access: Option<&'static [Access]>,
}

/// A line of an access template.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    /// Where the way to the account begins.
    pub root: Root,
    /// How it goes on.
    pub steps: &'static [Step],
    /// What is done to the account.
    pub mode: AccessMode,
}

/// Where the way to an account begins.
#[derive(Debug, Clone, Copy)]
pub enum Root {
    /// Whoever calls.
    Caller,
    /// The signer of the transaction.
    Source,
    /// The contract.
    Contract,
    /// An argument, by its position.
    Argument(u8),
}

/// A step of the way to an account.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// A field of a struct or tuple, by its name or position.
    Field(&'static str),
    /// Each element of a list or array.
    Each,
}

/// The errors of a contract.
#[derive(Debug, Clone, Copy)]
pub struct Error {
    /// Name of the enum.
    pub name: &'static str,
    /// Its variants.
    pub variants: &'static [ErrorVariant],
}

/// One error.
#[derive(Debug, Clone, Copy)]
pub struct ErrorVariant {
    /// Its code.
    pub code: u32,
    /// Its name.
    pub name: &'static str,
    /// First paragraph of its docs.
    pub docs: &'static str,
}

/// An event.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// Its name, which is its first topic.
    pub name: &'static str,
    /// First paragraph of its docs.
    pub docs: &'static str,
    /// The fields, in the order of the data.
    pub fields: &'static [Field],
    /// Positions of the fields that are the further topics.
    pub topics: &'static [u8],
}

/// A part of the description, as one macro writes it. The linker puts them into one section.
#[derive(Debug, Clone, Copy)]
pub enum Fragment {
    /// The contract.
    Contract(Contract),
    /// The entries and their errors.
    Entries(&'static [Entry]),
    /// An event.
    Event(Event),
}

impl Fragment {
    /// Bytes of the encoding.
    #[must_use]
    pub const fn len(&self) -> usize {
        let mut writer = Writer::<0>::new();
        writer.fragment(self);
        writer.at + HEADER_LEN
    }

    /// Never: a fragment has a header.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The encoding: version, tag, length of the rest, and the rest in borsh.
    ///
    /// # Panics
    /// When `N` is not [`Fragment::len`].
    #[must_use]
    pub const fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut writer = Writer::<N>::new();
        writer.u8(VERSION);
        writer.u8(match self {
            Self::Contract(_) => 0,
            Self::Entries(_) => 1,
            Self::Event(_) => 2,
        });
        writer.u32((N - HEADER_LEN) as u32);
        writer.fragment(self);
        assert!(writer.at == N);
        writer.bytes
    }
}

/// Version of the encoding.
const VERSION: u8 = 1;
const HEADER_LEN: usize = 1 + 1 + 4;

/// Writes at compile time. Room may be too small: it counts on, so that a first pass finds the
/// length.
struct Writer<const N: usize> {
    bytes: [u8; N],
    at: usize,
}

/// Writes the length of a slice, then each element.
macro_rules! each {
    ($writer:ident, $slice:expr, $element:ident => $write:expr) => {{
        let slice = $slice;
        $writer.u32(slice.len() as u32);
        let mut index = 0;
        while index < slice.len() {
            let $element = &slice[index];
            $write;
            index += 1;
        }
    }};
}

impl<const N: usize> Writer<N> {
    const fn new() -> Self {
        Self { bytes: [0; N], at: 0 }
    }

    const fn u8(&mut self, byte: u8) {
        if self.at < N {
            self.bytes[self.at] = byte;
        }
        self.at += 1;
    }

    const fn u32(&mut self, number: u32) {
        let bytes = number.to_le_bytes();
        let mut index = 0;
        while index < bytes.len() {
            self.u8(bytes[index]);
            index += 1;
        }
    }

    const fn text(&mut self, text: &str) {
        each!(self, text.as_bytes(), byte => self.u8(*byte));
    }

    const fn fragment(&mut self, fragment: &Fragment) {
        match fragment {
            Fragment::Contract(contract) => {
                self.text(contract.name);
                self.text(contract.docs);
                self.text(env!("TOS_SDK_RUSTC"));
                self.text(concat!("tos-sdk ", env!("CARGO_PKG_VERSION")));
                each!(self, contract.state, slot => self.slot(slot));
            }
            Fragment::Entries(entries) => {
                each!(self, entries, entry => self.entry(entry));
                self.errors(entries);
            }
            Fragment::Event(event) => {
                self.text(event.name);
                self.text(event.docs);
                self.fields(event.fields);
                each!(self, event.topics, topic => self.u8(*topic));
            }
        }
    }

    const fn slot(&mut self, slot: &Slot) {
        self.text(slot.name);
        self.text(slot.docs);
        self.u8(slot.layout.per_account as u8);
        match slot.layout.kind {
            Kind::Value(ty) => {
                self.u8(0);
                self.ty(ty);
            }
            Kind::Map(key, ty) => {
                self.u8(1);
                self.ty(key);
                self.ty(ty);
            }
            Kind::Counter => self.u8(2),
            Kind::Counters(key) => {
                self.u8(3);
                self.ty(key);
            }
        }
    }

    const fn entry(&mut self, entry: &Entry) {
        self.text(entry.name);
        self.u8(entry.kind as u8);
        self.text(entry.docs);
        self.fields(entry.arguments);
        self.ty(entry.output);
        match entry.error {
            None => self.u8(0),
            Some(error) => {
                self.u8(1);
                self.text(error.name);
            }
        }
        match entry.access {
            None => self.u8(0),
            Some(access) => {
                self.u8(1);
                each!(self, access, line => self.access(line));
            }
        }
    }

    const fn access(&mut self, access: &Access) {
        match access.root {
            Root::Caller => self.u8(0),
            Root::Source => self.u8(1),
            Root::Contract => self.u8(2),
            Root::Argument(position) => {
                self.u8(3);
                self.u8(position);
            }
        }
        each!(self, access.steps, step => match step {
            Step::Field(name) => {
                self.u8(0);
                self.text(name);
            }
            Step::Each => self.u8(1),
        });
        self.u8(access.mode as u8);
    }

    /// The errors of all entries, each enum once.
    const fn errors(&mut self, entries: &[Entry]) {
        let mut count = 0;
        let mut index = 0;
        while index < entries.len() {
            count += new_error(entries, index).is_some() as u32;
            index += 1;
        }
        self.u32(count);
        index = 0;
        while index < entries.len() {
            if let Some(error) = new_error(entries, index) {
                self.text(error.name);
                each!(self, error.variants, variant => {
                    self.u32(variant.code);
                    self.text(variant.name);
                    self.text(variant.docs);
                });
            }
            index += 1;
        }
    }

    const fn fields(&mut self, fields: &[Field]) {
        each!(self, fields, field => {
            self.text(field.name);
            self.ty(field.ty);
        });
    }

    const fn ty(&mut self, ty: &Type) {
        self.u8(ty.tag());
        match ty {
            Type::Option(of) | Type::List(of) => self.ty(of),
            Type::Array(len, of) => {
                self.u32(*len);
                self.ty(of);
            }
            Type::Tuple(types) => each!(self, types, ty => self.ty(ty)),
            Type::Struct(name, fields) => {
                self.text(name);
                self.fields(fields);
            }
            Type::Enum(name, variants) => {
                self.text(name);
                each!(self, variants, variant => {
                    self.text(variant.name);
                    self.u8(variant.tag);
                    self.fields(variant.fields);
                });
            }
            _ => {}
        }
    }
}

impl Type {
    const fn tag(&self) -> u8 {
        match self {
            Self::Unit => 0,
            Self::Bool => 1,
            Self::U8 => 2,
            Self::U16 => 3,
            Self::U32 => 4,
            Self::U64 => 5,
            Self::U128 => 6,
            Self::I8 => 7,
            Self::I16 => 8,
            Self::I32 => 9,
            Self::I64 => 10,
            Self::I128 => 11,
            Self::String => 12,
            Self::Address => 13,
            Self::PublicKey => 14,
            Self::ContractId => 15,
            Self::AssetId => 16,
            Self::Hash => 17,
            Self::Option(_) => 18,
            Self::List(_) => 19,
            Self::Array(..) => 20,
            Self::Tuple(_) => 21,
            Self::Struct(..) => 22,
            Self::Enum(..) => 23,
        }
    }
}

/// The error of an entry, unless an earlier entry has it too.
const fn new_error(entries: &[Entry], index: usize) -> Option<&'static Error> {
    let Some(error) = entries[index].error else { return None };
    let mut earlier = 0;
    while earlier < index {
        if let Some(known) = entries[earlier].error
            && same(known.name, error.name)
        {
            return None;
        }
        earlier += 1;
    }
    Some(error)
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}
