//! A recorded execution as one HTML page that needs nothing else: a timeline to zoom and pan, with
//! the cause of each wait.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use tos_runtime::TxIndex;

use super::facts::Facts;
use super::subject::Subject;
use super::text;

/// The page around the data: style, markup and the script that draws.
const TEMPLATE: &str = include_str!("timeline.html");
/// Where the data goes.
const PLACE: &str = "/*DATA*/";

/// The page.
pub(super) fn page(subject: &Subject, facts: &Facts) -> String {
    TEMPLATE.replacen(PLACE, &embedded(&data(subject, facts)), 1)
}

/// JSON that can stand inside a script element whatever its texts say.
fn embedded(data: &Json) -> String {
    data.to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// What the script reads. Rows are arrays of numbers that refer to lists of texts, since a block may
/// have ten thousands of them.
fn data(subject: &Subject, facts: &Facts) -> Json {
    let (mut kinds, mut accounts) = (Texts::default(), Texts::default());
    let origin = facts.spans.iter().map(|span| span.started_ns).min().unwrap_or(0);
    let rows: Vec<Json> = (0..facts.schedule.len() as TxIndex)
        .map(|tx| {
            let span = facts.spans[tx as usize];
            let mut row = vec![
                json!(span.worker),
                json!(span.started_ns - origin),
                json!(span.duration_ns()),
                json!(kinds.number(subject.kind(tx))),
                json!(facts.schedule.batch_of(tx)),
                json!(subject.number(tx)),
                json!(accounts.number(subject.sender(tx))),
                json!(span.measured_with),
            ];
            if let Some(wait) = &facts.decisive[tx as usize] {
                let modes = kinds.number(format!("{} after {}", wait.later, wait.earlier));
                let account = accounts.number(subject.name(&wait.account));
                row.extend([json!(wait.transaction), json!(account), json!(modes)]);
            }
            Json::Array(row)
        })
        .collect();
    json!({
        "title": subject.title,
        "figures": figures(facts),
        "workers": facts.workers,
        "end": facts.wall_ns(),
        "kinds": kinds.list,
        "accounts": accounts.list,
        "chain": facts.slowest_chain.transactions,
        "rows": rows,
    })
}

/// The line of figures under the title.
fn figures(facts: &Facts) -> Vec<(&'static str, String)> {
    let schedule = &facts.schedule;
    vec![
        ("transactions", schedule.len().to_string()),
        ("batches", schedule.batch_count().to_string()),
        ("waiting", schedule.conflicting_transactions().to_string()),
        ("workers", facts.workers.to_string()),
        ("time", text::time(facts.wall_ns())),
        ("on one worker", text::time(facts.total_ns())),
        ("longest chain", text::time(facts.slowest_chain.cost)),
    ]
}

/// Texts numbered in order of first mention.
#[derive(Default)]
struct Texts {
    list: Vec<String>,
    numbers: BTreeMap<String, usize>,
}

impl Texts {
    fn number(&mut self, text: String) -> usize {
        let Self { list, numbers } = self;
        *numbers.entry(text).or_insert_with_key(|text| {
            list.push(text.clone());
            list.len() - 1
        })
    }
}
