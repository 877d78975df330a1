//! Decoding of descriptions, which anybody may have written.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{
    AccessRoot, AccessStep, AccessTemplate, DESCRIPTION_LEN_MAX, DESCRIPTION_VERSION, Description,
    Entry, EntryKind, ErrorEnum, ErrorVariant, Event, Field, Slot, SlotKind, TYPE_DEPTH_MAX, Type,
    Variant,
};
use crate::AccessMode;

/// Why bytes are no description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DescriptionError {
    /// Longer than [`DESCRIPTION_LEN_MAX`].
    TooLong {
        /// Bytes there are.
        found: usize,
    },
    /// A fragment of a version this code does not know.
    Version {
        /// Its version.
        found: u8,
    },
    /// It ends within something, at this byte.
    Short {
        /// Where.
        offset: usize,
    },
    /// Something that cannot be there.
    Invalid {
        /// What should have been there.
        what: &'static str,
        /// Where.
        offset: usize,
    },
    /// A type contains types more than [`TYPE_DEPTH_MAX`] deep.
    TooDeep {
        /// Where.
        offset: usize,
    },
    /// Not exactly one of the fragments is a contract's.
    Contracts {
        /// How many are.
        found: usize,
    },
    /// Two entries, errors or events have one name.
    Duplicate {
        /// What they are.
        what: &'static str,
    },
}

impl fmt::Display for DescriptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { found } => {
                write!(f, "description of {found} bytes, at most {DESCRIPTION_LEN_MAX}")
            }
            Self::Version { found } => {
                write!(f, "description of version {found}, known is {DESCRIPTION_VERSION}")
            }
            Self::Short { offset } => write!(f, "description ends early, at byte {offset}"),
            Self::Invalid { what, offset } => {
                write!(f, "description has no {what} at byte {offset}")
            }
            Self::TooDeep { offset } => {
                write!(f, "description has types more than {TYPE_DEPTH_MAX} deep at byte {offset}")
            }
            Self::Contracts { found } => write!(f, "description of {found} contracts, not one"),
            Self::Duplicate { what } => write!(f, "description with two {what} of one name"),
        }
    }
}

impl core::error::Error for DescriptionError {}

type Decoded<T> = Result<T, DescriptionError>;

impl Description {
    /// Decodes the content of a description section.
    ///
    /// # Errors
    /// See [`DescriptionError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DescriptionError> {
        if bytes.len() > DESCRIPTION_LEN_MAX {
            return Err(DescriptionError::TooLong { found: bytes.len() });
        }
        let mut reader = Reader { bytes, at: 0, depth: 0 };
        let mut contracts = Vec::new();
        let (mut entries, mut errors, mut events) = (Vec::new(), Vec::new(), Vec::new());
        while reader.at < bytes.len() {
            let version = reader.u8()?;
            if version != DESCRIPTION_VERSION {
                return Err(DescriptionError::Version { found: version });
            }
            let tag = reader.u8()?;
            let len = reader.u32()? as usize;
            let end = reader.at.checked_add(len).filter(|end| *end <= bytes.len());
            let end = end.ok_or(DescriptionError::Short { offset: bytes.len() })?;
            let mut fragment = Reader { bytes: &bytes[..end], at: reader.at, depth: 0 };
            match tag {
                0 => contracts.push(fragment.contract()?),
                1 => {
                    entries.extend(fragment.list(Reader::entry)?);
                    errors.extend(fragment.list(Reader::error)?);
                }
                2 => events.push(fragment.event()?),
                _ => return fragment.invalid("fragment"),
            }
            if fragment.at != end {
                return fragment.invalid("end of a fragment");
            }
            reader.at = end;
        }
        if contracts.len() != 1 {
            return Err(DescriptionError::Contracts { found: contracts.len() });
        }
        unique("entries", entries.iter().map(|entry: &Entry| entry.name.as_str()))?;
        unique("errors", errors.iter().map(|error: &ErrorEnum| error.name.as_str()))?;
        unique("events", events.iter().map(|event: &Event| event.name.as_str()))?;
        let contract = contracts.remove(0);
        Ok(Self { entries, errors, events, ..contract })
    }
}

/// Refuses repeated names. Sorts, because there may be thousands of them.
fn unique<'a>(what: &'static str, names: impl Iterator<Item = &'a str>) -> Decoded<()> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(DescriptionError::Duplicate { what });
    }
    Ok(())
}

/// Reads front to back. Every element of a list takes at least one byte, so that a length means
/// nothing until the elements are there.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn invalid<T>(&self, what: &'static str) -> Decoded<T> {
        Err(DescriptionError::Invalid { what, offset: self.at })
    }

    fn take(&mut self, len: usize) -> Decoded<&[u8]> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(DescriptionError::Short { offset: self.bytes.len() })?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn u8(&mut self) -> Decoded<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u32(&mut self) -> Decoded<u32> {
        let mut number = [0; 4];
        number.copy_from_slice(self.take(4)?);
        Ok(u32::from_le_bytes(number))
    }

    fn text(&mut self) -> Decoded<String> {
        let len = self.u32()? as usize;
        let start = self.at;
        match core::str::from_utf8(self.take(len)?) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(DescriptionError::Invalid { what: "text", offset: start }),
        }
    }

    fn flag(&mut self) -> Decoded<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => self.invalid("flag"),
        }
    }

    fn option<T>(&mut self, read: impl Fn(&mut Self) -> Decoded<T>) -> Decoded<Option<T>> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    fn list<T>(&mut self, read: impl Fn(&mut Self) -> Decoded<T>) -> Decoded<Vec<T>> {
        let len = self.u32()?;
        let mut list = Vec::new();
        for _ in 0..len {
            list.push(read(self)?);
        }
        Ok(list)
    }

    /// The contract's fragment; entries, errors and events come from others.
    fn contract(&mut self) -> Decoded<Description> {
        Ok(Description {
            name: self.text()?,
            docs: self.text()?,
            toolchain: self.text()?,
            sdk: self.text()?,
            state: self.list(Self::slot)?,
            entries: Vec::new(),
            errors: Vec::new(),
            events: Vec::new(),
        })
    }

    fn slot(&mut self) -> Decoded<Slot> {
        Ok(Slot {
            name: self.text()?,
            docs: self.text()?,
            per_account: self.flag()?,
            kind: match self.u8()? {
                0 => SlotKind::Value(self.ty()?),
                1 => SlotKind::Map(self.ty()?, self.ty()?),
                2 => SlotKind::Counter,
                3 => SlotKind::Counters(self.ty()?),
                _ => return self.invalid("kind of slot"),
            },
        })
    }

    fn entry(&mut self) -> Decoded<Entry> {
        Ok(Entry {
            name: self.text()?,
            kind: match self.u8()? {
                0 => EntryKind::Init,
                1 => EntryKind::Migrate,
                2 => EntryKind::Call,
                3 => EntryKind::View,
                _ => return self.invalid("kind of entry"),
            },
            docs: self.text()?,
            arguments: self.list(Self::field)?,
            output: self.ty()?,
            error: self.option(Self::text)?,
            access: self.option(|reader| reader.list(Self::access))?,
        })
    }

    fn access(&mut self) -> Decoded<AccessTemplate> {
        Ok(AccessTemplate {
            root: match self.u8()? {
                0 => AccessRoot::Caller,
                1 => AccessRoot::Source,
                2 => AccessRoot::Contract,
                3 => AccessRoot::Argument(self.u8()?),
                _ => return self.invalid("account"),
            },
            steps: self.list(Self::step)?,
            mode: match self.u8()? {
                0 => AccessMode::Read,
                1 => AccessMode::Credit,
                2 => AccessMode::Write,
                _ => return self.invalid("mode"),
            },
        })
    }

    fn step(&mut self) -> Decoded<AccessStep> {
        match self.u8()? {
            0 => self.text().map(AccessStep::Field),
            1 => Ok(AccessStep::Each),
            _ => self.invalid("step"),
        }
    }

    fn error(&mut self) -> Decoded<ErrorEnum> {
        Ok(ErrorEnum { name: self.text()?, variants: self.list(Self::error_variant)? })
    }

    fn error_variant(&mut self) -> Decoded<ErrorVariant> {
        Ok(ErrorVariant { code: self.u32()?, name: self.text()?, docs: self.text()? })
    }

    fn event(&mut self) -> Decoded<Event> {
        Ok(Event {
            name: self.text()?,
            docs: self.text()?,
            fields: self.list(Self::field)?,
            topics: self.list(Self::u8)?,
        })
    }

    fn field(&mut self) -> Decoded<Field> {
        Ok(Field { name: self.text()?, ty: self.ty()? })
    }

    fn variant(&mut self) -> Decoded<Variant> {
        Ok(Variant { name: self.text()?, tag: self.u8()?, fields: self.list(Self::field)? })
    }

    fn ty(&mut self) -> Decoded<Type> {
        if self.depth == TYPE_DEPTH_MAX {
            return Err(DescriptionError::TooDeep { offset: self.at });
        }
        self.depth += 1;
        let ty = self.ty_within()?;
        self.depth -= 1;
        Ok(ty)
    }

    fn ty_within(&mut self) -> Decoded<Type> {
        Ok(match self.u8()? {
            0 => Type::Unit,
            1 => Type::Bool,
            2 => Type::U8,
            3 => Type::U16,
            4 => Type::U32,
            5 => Type::U64,
            6 => Type::U128,
            7 => Type::I8,
            8 => Type::I16,
            9 => Type::I32,
            10 => Type::I64,
            11 => Type::I128,
            12 => Type::String,
            13 => Type::Address,
            14 => Type::PublicKey,
            15 => Type::ContractId,
            16 => Type::AssetId,
            17 => Type::Hash,
            18 => Type::Option(Box::new(self.ty()?)),
            19 => Type::List(Box::new(self.ty()?)),
            20 => Type::Array(self.u32()?, Box::new(self.ty()?)),
            21 => Type::Tuple(self.list(Self::ty)?),
            22 => Type::Struct(self.text()?, self.list(Self::field)?),
            23 => Type::Enum(self.text()?, self.list(Self::variant)?),
            _ => return self.invalid("type"),
        })
    }
}
