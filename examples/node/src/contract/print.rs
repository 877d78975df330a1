//! Shows what is in a module, as text and as JSON.

use std::fmt::{self, Write as _};
use std::path::Path;

use serde_json::{Value as Json, json};
use tos_runtime::description::{
    AccessRoot, AccessStep, AccessTemplate, Description, Entry, EntryKind, Event, Field,
};
use tos_runtime::prepare::ModuleInfo;

use super::cargo::Crate;
use super::inspect::{Inspection, Refusal};

/// Where a module comes from.
pub(crate) struct Origin<'a> {
    file: &'a Path,
    built: Option<&'a Crate>,
}

impl<'a> Origin<'a> {
    /// A file that was there.
    pub(crate) fn file(file: &'a Path) -> Self {
        Self { file, built: None }
    }

    /// A file that was built from a crate.
    pub(crate) fn built(file: &'a Path, from: &'a Crate) -> Self {
        Self { file, built: Some(from) }
    }

    /// Who decided how it was built.
    fn settings(&self) -> Option<String> {
        let built = self.built?;
        let whose = |own: bool, file: &str| match own {
            true => format!("of {file}"),
            false => "of contracts".to_owned(),
        };
        Some(format!(
            "release profile {}, flags {}",
            whose(built.own_profile, "Cargo.toml"),
            whose(built.own_flags, ".cargo/config.toml")
        ))
    }
}

/// A page for people.
pub(crate) fn text(inspection: &Inspection, origin: &Origin<'_>) -> String {
    let mut page = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_page(&mut page, inspection, origin);
    page
}

fn write_page(out: &mut String, inspection: &Inspection, origin: &Origin<'_>) -> fmt::Result {
    let sizes = &inspection.sizes;
    writeln!(out, "{}: {} bytes", origin.file.display(), inspection.bytes)?;
    if let Some(settings) = origin.settings() {
        writeln!(out, "  built with the {settings}")?;
    }
    write!(out, "  code {}, data {}, ", sizes.code, sizes.data)?;
    writeln!(out, "description {}, other {}", sizes.description, sizes.unread + sizes.other)?;
    let gas = inspection.deploy_gas;
    match &inspection.verdict {
        Ok(info) => {
            write!(out, "  deployment: accepted, for {gas} gas and 10 for each byte of input")?;
            writeln!(out, "{}", if info.has_init { ", and what init uses" } else { "" })?;
            if sizes.unread > 0 {
                let unread = sizes.unread;
                writeln!(out, "  {unread} bytes are names and the like, paid for and never read:")?;
                writeln!(out, "    strip = true in the release profile leaves them out")?;
            }
            write_module(out, info)?;
            writeln!(out)?;
            match &inspection.description {
                Some(Ok(description)) => write_description(out, description),
                Some(Err(error)) => writeln!(out, "its description cannot be read: {error}"),
                None => write_undescribed(out, info),
            }
        }
        Err(Refusal { rejection, function }) => {
            writeln!(out, "  deployment: REFUSED")?;
            writeln!(out, "    {rejection}")?;
            function.iter().try_for_each(|function| writeln!(out, "    {function}"))
        }
    }
}

fn write_module(out: &mut String, info: &ModuleInfo) -> fmt::Result {
    let (min, max) = (info.memory_pages_min, info.memory_pages_max);
    let pages = if min == 1 { "page" } else { "pages" };
    writeln!(out, "  memory: {min} {pages} of 64 KiB, may grow to {max}")?;
    let imports: Vec<_> = info.imports.iter().map(ToString::to_string).collect();
    writeln!(out, "  functions: {}; imports: {}", info.functions, listed(&imports))
}

fn write_undescribed(out: &mut String, info: &ModuleInfo) -> fmt::Result {
    writeln!(out, "It does not describe itself: callers simulate to find what a call touches.")?;
    let special = [(info.has_init, "init"), (info.has_migrate, "migrate")];
    let special = special.into_iter().filter(|(has, _)| *has).map(|(_, name)| name.to_owned());
    let entries: Vec<_> = special.chain(info.entries.iter().cloned()).collect();
    writeln!(out, "  entries: {}", listed(&entries))
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn write_description(out: &mut String, description: &Description) -> fmt::Result {
    let Description { name, docs, toolchain, sdk, entries, errors, events, .. } = description;
    writeln!(out, "{}", titled(name, docs))?;
    writeln!(out, "  {toolchain}, {sdk}")?;
    let signatures: Vec<_> = entries.iter().map(signature).collect();
    let width = signatures.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    for (entry, signature) in entries.iter().zip(&signatures) {
        let line = format!("  {:<7} {signature:<width$}  {}", kind(entry.kind), access(entry));
        writeln!(out, "{}", line.trim_end())?;
    }
    for (errors, variant) in errors.iter().flat_map(|e| e.variants.iter().map(move |v| (e, v))) {
        let name = format!("{} {}::{}", variant.code, errors.name, variant.name);
        writeln!(out, "  error   {}", titled(&name, &variant.docs))?;
    }
    events.iter().try_for_each(|event| writeln!(out, "  event   {}", event_text(event)))
}

fn titled(title: &str, docs: &str) -> String {
    if docs.is_empty() { title.to_owned() } else { format!("{title}: {docs}") }
}

fn kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Init => "init",
        EntryKind::Migrate => "migrate",
        EntryKind::Call => "call",
        EntryKind::View => "view",
        _ => "entry",
    }
}

/// An entry as its author declared it.
pub(crate) fn signature(entry: &Entry) -> String {
    let arguments = entry.arguments.iter().map(field);
    let mut text = format!("{}({})", entry.name, arguments.collect::<Vec<_>>().join(", "));
    let output = entry.output.to_string();
    // Writing to a `String` cannot fail.
    let _ = match &entry.error {
        Some(error) => write!(text, " -> Result<{output}, {error}>"),
        None if output == "()" => Ok(()),
        None => write!(text, " -> {output}"),
    };
    text
}

fn field(field: &Field) -> String {
    format!("{}: {}", field.name, field.ty)
}

/// An entry's template in the words of the attribute.
pub(crate) fn access(entry: &Entry) -> String {
    match &entry.access {
        Some(template) => {
            let lines: Vec<_> = template
                .iter()
                .map(|line| format!("{}: {}", account(entry, line), line.mode))
                .collect();
            format!("access({})", lines.join(", "))
        }
        // Whoever asks a view declares nothing.
        None if entry.kind == EntryKind::View => String::new(),
        None => "access by simulation".to_owned(),
    }
}

fn account(entry: &Entry, line: &AccessTemplate) -> String {
    let root = match line.root {
        AccessRoot::Caller => "caller",
        AccessRoot::Source => "source",
        AccessRoot::Contract => "contract",
        AccessRoot::Argument(position) => {
            entry.arguments.get(usize::from(position)).map_or("?", |argument| &argument.name)
        }
        _ => "?",
    };
    let steps = line.steps.iter().map(|step| match step {
        AccessStep::Field(name) => format!(".{name}"),
        AccessStep::Each => "[..]".to_owned(),
        _ => "?".to_owned(),
    });
    std::iter::once(root.to_owned()).chain(steps).collect()
}

fn event_text(event: &Event) -> String {
    let fields = event.fields.iter().enumerate().map(|(position, one)| {
        let topic = event.topics.iter().any(|topic| usize::from(*topic) == position);
        format!("{}{}", if topic { "#[topic] " } else { "" }, field(one))
    });
    let fields: Vec<_> = fields.collect();
    titled(&format!("{}({})", event.name, fields.join(", ")), &event.docs)
}

/// One JSON object on one line.
pub(crate) fn json(inspection: &Inspection, origin: &Origin<'_>) -> String {
    let sizes = &inspection.sizes;
    let mut object = json!({
        "file": origin.file.display().to_string(),
        "built_with": origin.settings(),
        "bytes": inspection.bytes,
        "sizes": {
            "code": sizes.code,
            "data": sizes.data,
            "description": sizes.description,
            "unread": sizes.unread,
            "other": sizes.other,
        },
        "deploy_gas": inspection.deploy_gas,
        "accepted": inspection.verdict.is_ok(),
    });
    match &inspection.verdict {
        Ok(info) => object["module"] = json_module(info),
        Err(Refusal { rejection, function }) => {
            object["refused"] = json!({
                "fault": rejection.fault,
                "reason": rejection.to_string(),
                "function": function.as_ref().map(|function| json!({
                    "index": function.index,
                    "name": function.name,
                    "export": function.export,
                })),
            });
        }
    }
    match &inspection.description {
        Some(Ok(description)) => object["description"] = json_description(description),
        Some(Err(error)) => object["description_error"] = json!(error.to_string()),
        None => {}
    }
    format!("{object}\n")
}

fn json_module(info: &ModuleInfo) -> Json {
    json!({
        "entries": info.entries,
        "has_init": info.has_init,
        "has_migrate": info.has_migrate,
        "imports": info.imports,
        "functions": info.functions,
        "memory_pages": info.memory_pages_min,
        "memory_pages_max": info.memory_pages_max,
    })
}

fn json_description(description: &Description) -> Json {
    let fields = |fields: &[Field]| {
        let field = |field: &Field| json!({ "name": field.name, "type": field.ty.to_string() });
        fields.iter().map(field).collect::<Vec<_>>()
    };
    let entry = |entry: &Entry| {
        let line = |line: &AccessTemplate| json!({ "account": account(entry, line), "mode": line.mode.to_string() });
        let access = entry.access.as_ref();
        json!({
            "name": entry.name,
            "kind": kind(entry.kind),
            "docs": entry.docs,
            "arguments": fields(&entry.arguments),
            "output": entry.output.to_string(),
            "error": entry.error,
            "access": access.map(|lines| lines.iter().map(line).collect::<Vec<_>>()),
        })
    };
    let errors = description.errors.iter().flat_map(|errors| {
        errors.variants.iter().map(|one| {
            json!({
                "enum": errors.name, "code": one.code, "name": one.name, "docs": one.docs,
            })
        })
    });
    let event = |event: &Event| {
        json!({
            "name": event.name,
            "docs": event.docs,
            "fields": fields(&event.fields),
            "topics": event.topics,
        })
    };
    json!({
        "name": description.name,
        "docs": description.docs,
        "toolchain": description.toolchain,
        "sdk": description.sdk,
        "entries": description.entries.iter().map(entry).collect::<Vec<_>>(),
        "errors": errors.collect::<Vec<_>>(),
        "events": description.events.iter().map(event).collect::<Vec<_>>(),
    })
}
