//! Filling in a template: one walk over the arguments, guided by their types.

use std::collections::BTreeMap;

use tos_host_api::description::{AccessRoot, AccessStep, Description, Entry, Type};
use tos_host_api::{AccessEntry, AccessMode, Address, ContractId, PublicKey, limits};

use super::{ArgumentFault, TemplateError};

/// Most steps of a walk: values looked at, and lines of the template at each. Input has 64 KiB, so
/// nobody honest comes near.
const STEPS_MAX: usize = 256 * 1024;

/// A call whose accounts are to be found.
#[derive(Debug, Clone, Copy)]
pub struct DescribedCall<'a> {
    /// Who signs the transaction.
    pub source: Address,
    /// Who calls: the source, or another contract.
    pub caller: Address,
    /// Who is called.
    pub contract: ContractId,
    /// Which entry.
    pub entry: &'a str,
    /// With what.
    pub input: &'a [u8],
}

/// The accounts a call touches according to the entry's template, ascending. What follows from the
/// kind of a transaction anyway, such as `write` on its source, is listed only if the template
/// does.
///
/// # Errors
/// See [`TemplateError`].
pub fn template_access(
    description: &Description,
    call: &DescribedCall<'_>,
) -> Result<Vec<AccessEntry>, TemplateError> {
    let name = || call.entry.to_owned();
    let entry = description
        .entry(call.entry)
        .ok_or_else(|| TemplateError::NoSuchEntry { entry: name() })?;
    let template =
        entry.access.as_ref().ok_or_else(|| TemplateError::NoTemplate { entry: name() })?;

    let mut found = Found { accounts: BTreeMap::new(), steps_left: STEPS_MAX };
    let mut by_argument: Vec<Vec<Line<'_>>> = vec![Vec::new(); entry.arguments.len()];
    for line in template {
        let account = match line.root {
            AccessRoot::Caller => call.caller,
            AccessRoot::Source => call.source,
            AccessRoot::Contract => call.contract.into(),
            AccessRoot::Argument(position) => {
                let lines = by_argument.get_mut(usize::from(position));
                let lines = lines.ok_or_else(|| no_account(entry, usize::from(position)))?;
                lines.push(Line { steps: &line.steps, mode: line.mode });
                continue;
            }
            // A root that a later version brings.
            _ => return Err(no_account(entry, usize::MAX)),
        };
        found.add(account, line.mode);
    }
    let mut rest = call.input;
    for (position, (argument, lines)) in entry.arguments.iter().zip(&by_argument).enumerate() {
        let walked = found.walk(&argument.ty, lines, &mut rest);
        walked.map_err(|stop| stop.into_error(entry, position))?;
    }
    if !rest.is_empty() {
        return Err(TemplateError::Trailing { entry: name(), found: rest.len() });
    }
    if found.accounts.len() > limits::ACCESS_ENTRIES_MAX {
        return Err(TemplateError::TooMany { entry: name(), limit: limits::ACCESS_ENTRIES_MAX });
    }
    let entries = found.accounts.into_iter();
    Ok(entries.map(|(account, mode)| AccessEntry { account, mode }).collect())
}

fn no_account(entry: &Entry, position: usize) -> TemplateError {
    let argument = entry.arguments.get(position).map_or("?", |argument| &argument.name);
    TemplateError::Path { entry: entry.name.clone(), argument: argument.to_owned() }
}

/// What is left of a template's line on its way to an account.
#[derive(Clone, Copy)]
struct Line<'a> {
    steps: &'a [AccessStep],
    mode: AccessMode,
}

/// Why a walk ends early.
enum Stop {
    Argument(ArgumentFault),
    /// The template leads nowhere.
    NoAccount,
    TooMany,
}

impl Stop {
    fn into_error(self, entry: &Entry, position: usize) -> TemplateError {
        let name = entry.name.clone();
        match self {
            Self::NoAccount => no_account(entry, position),
            Self::TooMany => {
                TemplateError::TooMany { entry: name, limit: limits::ACCESS_ENTRIES_MAX }
            }
            Self::Argument(fault) => {
                let argument = &entry.arguments[position];
                TemplateError::Argument {
                    entry: name,
                    argument: argument.name.clone(),
                    ty: Box::new(argument.ty.clone()),
                    fault,
                }
            }
        }
    }
}

/// The accounts found so far.
struct Found {
    accounts: BTreeMap<Address, AccessMode>,
    steps_left: usize,
}

impl Found {
    fn add(&mut self, account: Address, mode: AccessMode) {
        let known = self.accounts.entry(account).or_insert(mode);
        *known = known.join(mode);
    }

    /// Counts work. A description may have thousands of lines that all lead to one account.
    fn charge(&mut self, steps: usize) -> Result<(), Stop> {
        let left = self.steps_left.checked_sub(steps);
        self.steps_left = left.ok_or(Stop::Argument(ArgumentFault::TooManyParts))?;
        Ok(())
    }

    /// Takes a value of a type off the input and notes the accounts that lines lead to. Recursion
    /// ends: a decoded type is not deep.
    fn walk(&mut self, ty: &Type, lines: &[Line<'_>], rest: &mut &[u8]) -> Result<(), Stop> {
        self.charge(1)?;
        match ty {
            Type::Address => {
                let bytes = take(rest)?;
                let account = Address::from_bytes(&bytes);
                let account = account.ok_or(Stop::Argument(ArgumentFault::Invalid("address")))?;
                self.note(account, lines)
            }
            Type::PublicKey => {
                let key = PublicKey(take(rest)?);
                self.note(key.into(), lines)
            }
            Type::ContractId => {
                let contract = ContractId(take(rest)?);
                self.note(contract.into(), lines)
            }
            Type::Option(of) => match tag(rest)? {
                0 => Ok(()),
                1 => self.walk(of, lines, rest),
                _ => Err(Stop::Argument(ArgumentFault::Invalid("option"))),
            },
            Type::List(of) => {
                let len = u32::from_le_bytes(take(rest)?);
                self.elements(len, of, lines, rest)
            }
            Type::Array(len, of) => self.elements(*len, of, lines, rest),
            Type::Tuple(types) => {
                let named = types.iter().enumerate();
                self.fields(named.map(|(at, ty)| (at.to_string(), ty)), lines, rest)
            }
            Type::Struct(_, fields) => {
                self.fields(fields.iter().map(|field| (&field.name, &field.ty)), lines, rest)
            }
            _ if !lines.is_empty() => Err(Stop::NoAccount),
            Type::Enum(_, variants) => {
                let tag = tag(rest)?;
                let variant = variants.iter().find(|variant| variant.tag == tag);
                let variant = variant.ok_or(Stop::Argument(ArgumentFault::Invalid("variant")))?;
                self.fields(variant.fields.iter().map(|field| (&field.name, &field.ty)), &[], rest)
            }
            Type::Bool => match tag(rest)? {
                0 | 1 => Ok(()),
                _ => Err(Stop::Argument(ArgumentFault::Invalid("bool"))),
            },
            Type::String => {
                let len = u32::from_le_bytes(take(rest)?) as usize;
                let text = std::str::from_utf8(take_slice(rest, len)?);
                text.map(drop).map_err(|_| Stop::Argument(ArgumentFault::Invalid("UTF-8")))
            }
            _ => take_slice(rest, plain_len(ty).ok_or(Stop::NoAccount)?).map(drop),
        }
    }

    fn elements(
        &mut self,
        len: u32,
        of: &Type,
        lines: &[Line<'_>],
        rest: &mut &[u8],
    ) -> Result<(), Stop> {
        let lines = follow(lines, |step| matches!(step, AccessStep::Each))?;
        // Bytes are data, not thousands of parts.
        if *of == Type::U8 && lines.is_empty() {
            return take_slice(rest, len as usize).map(drop);
        }
        (0..len).try_for_each(|_| self.walk(of, &lines, rest))
    }

    fn fields<'t>(
        &mut self,
        fields: impl Iterator<Item = (impl AsRef<str>, &'t Type)>,
        lines: &[Line<'_>],
        rest: &mut &[u8],
    ) -> Result<(), Stop> {
        let mut followed = 0;
        for (name, ty) in fields {
            self.charge(lines.len())?;
            let is_this = |step: &AccessStep| match step {
                AccessStep::Field(field) => field == name.as_ref(),
                _ => false,
            };
            let of_field: Vec<_> = lines.iter().filter_map(|line| line.next_if(is_this)).collect();
            followed += of_field.len();
            self.walk(ty, &of_field, rest)?;
        }
        if followed == lines.len() { Ok(()) } else { Err(Stop::NoAccount) }
    }

    /// Lines have arrived at an account.
    fn note(&mut self, account: Address, lines: &[Line<'_>]) -> Result<(), Stop> {
        self.charge(lines.len())?;
        for line in lines {
            if !line.steps.is_empty() {
                return Err(Stop::NoAccount);
            }
            self.add(account, line.mode);
        }
        if self.accounts.len() > limits::ACCESS_ENTRIES_MAX {
            return Err(Stop::TooMany);
        }
        Ok(())
    }
}

impl<'a> Line<'a> {
    /// The line behind its next step, if that is the one.
    fn next_if(&self, is_this: impl Fn(&AccessStep) -> bool) -> Option<Self> {
        let (step, steps) = self.steps.split_first()?;
        is_this(step).then_some(Line { steps, mode: self.mode })
    }
}

/// All lines behind their next step, which has to be the one for each.
fn follow<'a>(
    lines: &[Line<'a>],
    is_this: impl Fn(&AccessStep) -> bool,
) -> Result<Vec<Line<'a>>, Stop> {
    let followed = lines.iter().map(|line| line.next_if(&is_this));
    followed.collect::<Option<_>>().ok_or(Stop::NoAccount)
}

/// Bytes of a type that is nothing but bytes.
fn plain_len(ty: &Type) -> Option<usize> {
    match ty {
        Type::Unit => Some(0),
        Type::U8 | Type::I8 => Some(1),
        Type::U16 | Type::I16 => Some(2),
        Type::U32 | Type::I32 => Some(4),
        Type::U64 | Type::I64 => Some(8),
        Type::U128 | Type::I128 => Some(16),
        Type::AssetId | Type::Hash => Some(32),
        _ => None,
    }
}

fn take_slice<'a>(rest: &mut &'a [u8], len: usize) -> Result<&'a [u8], Stop> {
    let found = rest.len();
    rest.split_off(..len).ok_or(Stop::Argument(ArgumentFault::Short { expected: len, found }))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Stop> {
    let mut bytes = [0; N];
    bytes.copy_from_slice(take_slice(rest, N)?);
    Ok(bytes)
}

fn tag(rest: &mut &[u8]) -> Result<u8, Stop> {
    take(rest).map(|[byte]| byte)
}
