//! What the functions of a module are called. Never judges a module: one that cannot be read has no
//! names.

use std::fmt;

use wasmparser::{ExternalKind, KnownCustom, Name, Parser, Payload};

/// A function of a module, for its author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FunctionName {
    /// Its index, imported functions included.
    pub index: u32,
    /// The name it is exported by.
    pub export: Option<String>,
    /// The name in the source, from the section `name`.
    pub name: Option<String>,
}

impl FunctionName {
    /// Looks a function up.
    pub(crate) fn find(code: &[u8], index: u32) -> Self {
        let mut found = Self { index, export: None, name: None };
        // Behind a fault nothing can be read; before it there may be names.
        for payload in Parser::new(0).parse_all(code).map_while(Result::ok) {
            match payload {
                Payload::ExportSection(section) => {
                    let mut exports = section.into_iter().map_while(Result::ok);
                    let export = exports
                        .find(|export| export.kind == ExternalKind::Func && export.index == index);
                    found.export = export.map(|export| export.name.to_owned());
                }
                Payload::CustomSection(section) => {
                    if let KnownCustom::Name(names) = section.as_known() {
                        found.name = found.name.or_else(|| named(names, index));
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// Whether there is nothing to call it by but its index.
    pub(crate) fn is_nameless(&self) -> bool {
        self.name.is_none() && self.export.is_none()
    }
}

fn named(names: wasmparser::NameSectionReader<'_>, index: u32) -> Option<String> {
    names.into_iter().map_while(Result::ok).find_map(|subsection| {
        let Name::Function(names) = subsection else { return None };
        let naming = names.into_iter().map_while(Result::ok).find(|naming| naming.index == index);
        // `{:#}` leaves out the hash at the end.
        naming.map(|naming| format!("{:#}", rustc_demangle::demangle(naming.name)))
    })
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function {}", self.index)?;
        match (&self.name, &self.export) {
            (Some(name), Some(export)) if name == export => write!(f, " is the export `{export}`"),
            (Some(name), Some(export)) => write!(f, " is `{name}`, exported as `{export}`"),
            (Some(name), None) => write!(f, " is `{name}`"),
            (None, Some(export)) => write!(f, " is the export `{export}`"),
            (None, None) => write!(
                f,
                " has no name in this file: build it with `strip = \"debuginfo\"` to see one, or use \
                 `contract build`"
            ),
        }
    }
}
