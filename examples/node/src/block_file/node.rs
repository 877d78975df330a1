//! A value in a block file together with its place, and the questions a reader asks it. Each answer
//! is a value or a [`Fault`] that says what was expected.

use std::ops::Range;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::source::{Fault, Source, shown};

type Result<T> = std::result::Result<T, Fault>;

/// Names that a message lists before it stops.
const LISTED_MAX: usize = 12;

/// Parses strict JSON.
///
/// serde_json decides what is JSON: its messages are good, and it refuses deep nesting. The second
/// parser is only asked for places.
pub(crate) fn parse(source: &Source) -> Result<ast::Value<'_>> {
    let text = source.text();
    let whole = |span, message: String| Fault { span, path: String::new(), message };
    serde_json::from_str::<serde_json::Value>(text).map_err(|error| {
        let start = source.offset(error.line(), error.column());
        let message = error.to_string();
        // The place follows from the span, so it is not said twice.
        let message = message.split(" at line ").next().unwrap_or_default();
        whole(start..start + 1, format!("this is not JSON: {message}"))
    })?;
    parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default())
        .map_err(|error| {
            whole(error.range().start..error.range().end, format!("{}", error.kind()))
        })?
        .value
        .ok_or_else(|| whole(0..0, "expected an object, found nothing".to_owned()))
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node<'a> {
    value: &'a ast::Value<'a>,
    path: String,
}

impl<'a> Node<'a> {
    /// The outermost value.
    pub(crate) fn root(value: &'a ast::Value<'a>) -> Self {
        Self { value, path: String::new() }
    }

    fn child(&self, name: &str, value: &'a ast::Value<'a>) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { value, path: format!("{}{dot}{}", self.path, shown(name)) }
    }

    fn span(&self) -> Range<usize> {
        self.value.start()..self.value.end()
    }

    /// A fault about this value.
    pub(crate) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault { span: self.span(), path: self.path.clone(), message: message.into() }
    }

    /// A fault that names what was expected and what stands here.
    pub(crate) fn expected(&self, what: &str) -> Fault {
        let found = match self.value {
            ast::Value::StringLit(text) => format!("{:?}", shown(&text.value)),
            ast::Value::NumberLit(number) => shown(number.value),
            ast::Value::BooleanLit(value) => value.value.to_string(),
            ast::Value::NullKeyword(_) => "null".to_owned(),
            ast::Value::Object(_) => "an object".to_owned(),
            ast::Value::Array(_) => "a list".to_owned(),
        };
        self.fault(format!("expected {what}, found {found}"))
    }

    /// A fault about a name that is not among the known ones.
    pub(crate) fn unknown(&self, kind: &str, known: &[&str]) -> Fault {
        let name = self.as_text().map(shown).unwrap_or_default();
        self.fault(format!("there is no {kind} {name:?}; {}", listed(known)))
    }

    fn as_text(&self) -> Option<&'a str> {
        self.value.as_string_lit().map(|text| text.value.as_ref())
    }

    /// A text.
    pub(crate) fn text(&self, what: &str) -> Result<&'a str> {
        self.as_text().ok_or_else(|| self.expected(what))
    }

    /// A whole number up to `max`.
    pub(crate) fn number(&self, max: u128) -> Result<u128> {
        let digits = match self.value {
            ast::Value::NumberLit(number) => number.value,
            _ => "",
        };
        digits
            .parse()
            .ok()
            .filter(|number| *number <= max)
            .ok_or_else(|| self.expected(&format!("a whole number from 0 to {max}")))
    }

    /// A whole number that fits `u64`.
    pub(crate) fn u64(&self) -> Result<u64> {
        self.number(u128::from(u64::MAX)).map(|number| number as u64)
    }

    /// The items of a list.
    pub(crate) fn items(&self, what: &str) -> Result<Vec<Self>> {
        let array = self.value.as_array().ok_or_else(|| self.expected(what))?;
        let item = |(idx, value)| Self { value, path: format!("{}[{idx}]", self.path) };
        Ok(array.elements.iter().enumerate().map(item).collect())
    }

    /// The entries of an object, in the order of the file. A repeated name is a fault.
    pub(crate) fn entries(&self, what: &str) -> Result<Vec<Entry<'a>>> {
        let object = self.value.as_object().ok_or_else(|| self.expected(what))?;
        let mut seen = std::collections::BTreeSet::new();
        let entry = |property: &'a ast::ObjectProp<'a>| {
            let name = property.name.as_str();
            let entry = Entry {
                name,
                name_span: property.name.start()..property.name.end(),
                value: self.child(name, &property.value),
            };
            if seen.insert(name) {
                Ok(entry)
            } else {
                Err(entry.fault("this name stands here twice"))
            }
        };
        object.properties.iter().map(entry).collect()
    }

    /// An object with known fields. Any other field is a fault.
    pub(crate) fn record(&self, known: &[&str]) -> Result<Record<'a>> {
        let entries = self.entries(&format!("an object with the fields {}", known.join(", ")))?;
        match entries.iter().find(|entry| !known.contains(&entry.name)) {
            Some(entry) => {
                Err(entry.fault(format!("unknown field; known here are {}", known.join(", "))))
            }
            None => Ok(Record { node: self.clone(), entries }),
        }
    }
}

/// A name and its value inside an object.
#[derive(Debug, Clone)]
pub(crate) struct Entry<'a> {
    /// The name.
    pub name: &'a str,
    name_span: Range<usize>,
    /// The value.
    pub value: Node<'a>,
}

impl Entry<'_> {
    /// A fault about the name, not the value.
    pub(crate) fn fault(&self, message: impl Into<String>) -> Fault {
        let (span, path) = (self.name_span.clone(), self.value.path.clone());
        Fault { span, path, message: message.into() }
    }

    /// A fault about a name that is not among the known ones.
    pub(crate) fn unknown(&self, kind: &str, known: &[&str]) -> Fault {
        self.fault(format!("there is no {kind} {:?}; {}", shown(self.name), listed(known)))
    }
}

/// An object whose fields are known.
#[derive(Debug, Clone)]
pub(crate) struct Record<'a> {
    node: Node<'a>,
    entries: Vec<Entry<'a>>,
}

impl<'a> Record<'a> {
    /// A field, if it is there.
    pub(crate) fn optional(&self, name: &str) -> Option<&Node<'a>> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| &entry.value)
    }

    /// A field that has to be there.
    pub(crate) fn required(&self, name: &str) -> Result<&Node<'a>> {
        self.optional(name).ok_or_else(|| self.missing(&format!("the field {name:?}")))
    }

    /// The one field of several that has to be there.
    pub(crate) fn one_of(&self, names: &[&str]) -> Result<&Entry<'a>> {
        let mut present = self.entries.iter().filter(|entry| names.contains(&entry.name));
        let what = || format!("one of the fields {}", names.join(", "));
        match (present.next(), present.next()) {
            (Some(entry), None) => Ok(entry),
            (Some(first), Some(second)) => Err(second.fault(format!(
                "expected only {}, found {:?} besides {:?}",
                what(),
                second.name,
                first.name
            ))),
            (None, _) => Err(self.missing(&what())),
        }
    }

    /// The fault points at the object's first character: marking all of it would mark whole pages.
    fn missing(&self, what: &str) -> Fault {
        let mut fault = self.node.fault(format!("expected {what}, found none"));
        fault.span.end = fault.span.start + 1;
        fault
    }
}

fn listed(known: &[&str]) -> String {
    match known {
        [] => "none is known here".to_owned(),
        _ if known.len() > LISTED_MAX => {
            format!(
                "known are {}, and {} more",
                known[..LISTED_MAX].join(", "),
                known.len() - LISTED_MAX
            )
        }
        _ => format!("known are {}", known.join(", ")),
    }
}
