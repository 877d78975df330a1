//! A schedule as one JSON object on one line.

use serde_json::{Value as Json, json};
use tos_runtime::TxIndex;
use tos_runtime::explain::Chain;

use super::facts::{Facts, Shape};
use super::subject::Subject;

/// The object; accounts and causes end after `listed` entries, transactions are all there.
pub(super) fn object(subject: &Subject, facts: &Facts, listed: usize) -> String {
    let schedule = &facts.schedule;
    let sizes = schedule.batches().into_iter().map(|batch| batch.transactions.len());
    let accounts = facts.accounts.iter().take(listed).map(|account| {
        json!({
            "account": account.account,
            "name": subject.name(&account.account),
            "touches": account.touches(),
            "reads": account.reads,
            "credits": account.credits,
            "writes": account.writes,
            "chain": account.chain,
            "chain_gas": account.chain_gas,
        })
    });
    let causes = facts.causes.iter().take(listed).map(|cause| {
        json!({
            "account": cause.account,
            "name": subject.name(&cause.account),
            "earlier": cause.earlier,
            "later": cause.later,
            "waiting": cause.waiting,
        })
    });
    let overdeclared = facts.overdeclared.iter().map(|found| {
        json!({
            "transaction": found.transaction,
            "account": found.account,
            "name": subject.name(&found.account),
            "declared": found.declared,
            "needed": found.needed,
        })
    });
    let transactions = (0..schedule.len() as TxIndex).map(|tx| transaction(subject, facts, tx));
    let object = json!({
        "title": subject.title,
        "refused": subject.refused,
        "transactions_total": schedule.len(),
        "batches": sizes.collect::<Vec<_>>(),
        "waiting": schedule.conflicting_transactions(),
        "threads": facts.workers,
        "total_ns": facts.total_ns(),
        "wall_ns": facts.wall_ns(),
        "critical_path_gas": schedule.critical_path_gas(),
        "critical_path": chain(&facts.critical_path),
        "slowest_chain": chain(&facts.slowest_chain),
        "accounts": accounts.collect::<Vec<_>>(),
        "causes": causes.collect::<Vec<_>>(),
        "overdeclared": overdeclared.collect::<Vec<_>>(),
        "finer": { "before": shape(&facts.before), "after": shape(&facts.after) },
        "transactions": transactions.collect::<Vec<_>>(),
    });
    format!("{object}\n")
}

fn transaction(subject: &Subject, facts: &Facts, tx: TxIndex) -> Json {
    let span = facts.spans[tx as usize];
    let waits = facts.schedule.waits_of(tx).map(|wait| {
        json!({
            "account": wait.account,
            "name": subject.name(&wait.account),
            "earlier": wait.earlier,
            "later": wait.later,
            "count": wait.transactions.len(),
            "first": wait.transactions.first(),
            "last": wait.transactions.last(),
        })
    });
    json!({
        "index": tx,
        "number": subject.number(tx),
        "kind": subject.kind(tx),
        "sender": subject.sender(tx),
        "batch": facts.schedule.batch_of(tx),
        "cost_ns": facts.costs_ns[tx as usize],
        "worker": span.worker,
        "started_ns": span.started_ns,
        "finished_ns": span.finished_ns,
        "measured_with": span.measured_with,
        "waited_for": facts.decisive[tx as usize].map(|wait| wait.transaction),
        "waits": waits.collect::<Vec<_>>(),
    })
}

fn chain(chain: &Chain) -> Json {
    json!({ "transactions": chain.transactions, "time_ns": chain.cost })
}

fn shape(shape: &Shape) -> Json {
    let makespans = shape.makespans.iter();
    json!({
        "batches": shape.batches,
        "waiting": shape.waiting,
        "critical_path": shape.path,
        "critical_path_gas": shape.path_gas,
        "slowest_chain_ns": shape.chain_ns,
        "makespans": makespans
            .map(|(threads, ns)| json!({ "threads": threads, "time_ns": ns }))
            .collect::<Vec<_>>(),
    })
}
