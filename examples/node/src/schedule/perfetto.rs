//! A recorded execution as a trace in the trace event format, which Perfetto and `chrome://tracing`
//! show: threads are workers, slices are transactions, arrows come from whom they waited for.

use serde_json::{Value as Json, json};
use tos_runtime::TxIndex;

use super::facts::Facts;
use super::subject::Subject;

/// There is one process.
const PROCESS: u32 = 1;

/// The trace.
pub(super) fn trace(subject: &Subject, facts: &Facts) -> String {
    let mut events = vec![json!({
        "ph": "M",
        "pid": PROCESS,
        "name": "process_name",
        "args": { "name": subject.title },
    })];
    for worker in 0..facts.workers {
        let name = format!("worker {worker}");
        events.push(json!({
            "ph": "M",
            "pid": PROCESS,
            "tid": worker,
            "name": "thread_name",
            "args": { "name": name },
        }));
    }
    for tx in 0..facts.schedule.len() as TxIndex {
        events.push(slice(subject, facts, tx));
        events.extend(flow(facts, tx).into_iter().flatten());
    }
    let trace = json!({ "displayTimeUnit": "ns", "traceEvents": events });
    format!("{trace}\n")
}

fn slice(subject: &Subject, facts: &Facts, tx: TxIndex) -> Json {
    let span = facts.spans[tx as usize];
    let kind = subject.kind(tx);
    let mut args = json!({
        "transaction": subject.number(tx),
        "sender": subject.sender(tx),
        "batch": facts.schedule.batch_of(tx),
        "alone_ns": facts.costs_ns[tx as usize],
        "measured_with": span.measured_with,
    });
    if let Some(wait) = &facts.decisive[tx as usize] {
        args["waited_for"] = json!(subject.number(wait.transaction));
        args["account"] = json!(subject.name(&wait.account));
        args["modes"] = json!(format!("{} after {}", wait.later, wait.earlier));
    }
    json!({
        "ph": "X",
        "pid": PROCESS,
        "tid": span.worker,
        "ts": micros(span.started_ns),
        "dur": micros(span.duration_ns()),
        "name": format!("#{} {kind}", subject.number(tx)),
        "cat": kind,
        "args": args,
    })
}

/// An arrow from the middle of the awaited slice to the beginning of the waiting one.
fn flow(facts: &Facts, tx: TxIndex) -> Option<[Json; 2]> {
    let awaited = facts.decisive[tx as usize]?.transaction;
    let (from, to) = (facts.spans[awaited as usize], facts.spans[tx as usize]);
    let event = |phase: &str, worker: usize, ns: u64| {
        json!({
            "ph": phase,
            "pid": PROCESS,
            "tid": worker,
            "ts": micros(ns),
            "id": tx,
            "name": "releases",
            "cat": "wait",
        })
    };
    let mut end = event("f", to.worker, to.started_ns);
    // Binds to the slice that begins here and not to the one after it.
    end["bp"] = json!("e");
    Some([event("s", from.worker, from.started_ns + from.duration_ns() / 2), end])
}

/// The format counts in microseconds.
fn micros(ns: u64) -> f64 {
    ns as f64 / 1_000.0
}
