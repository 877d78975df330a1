//! A schedule in words, for people.

use std::fmt::{self, Write as _};

use tos_runtime::TxIndex;
use tos_runtime::explain::{Chain, Overdeclared};

use super::facts::{Facts, Shape};
use super::subject::Subject;

/// Blocks up to this size show the members of their batches.
const SMALL: usize = 40;
/// Batch sizes that fit on a few lines.
const SIZES_SHOWN: usize = 40;

/// The page; lists end after `listed` entries.
pub(super) fn page(subject: &Subject, facts: &Facts, listed: usize) -> String {
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_page(&mut out, subject, facts, listed);
    out
}

fn write_page(out: &mut String, subject: &Subject, facts: &Facts, listed: usize) -> fmt::Result {
    writeln!(out, "{}", subject.title)?;
    let schedule = &facts.schedule;
    writeln!(
        out,
        "{} in {}, {} for an earlier one",
        counted(schedule.len(), "transaction", "transactions"),
        counted(schedule.batch_count(), "batch", "batches"),
        counted(schedule.conflicting_transactions(), "waits", "wait"),
    )?;
    if subject.refused > 0 {
        writeln!(out, "{} of the file kept out: not valid", subject.refused)?;
    }
    write_batches(out, subject, facts)?;
    write_accounts(out, subject, facts, listed)?;
    write_paths(out, subject, facts, listed)?;
    write_waits(out, subject, facts, listed)?;
    write_declarations(out, subject, facts, listed)
}

fn write_batches(out: &mut String, subject: &Subject, facts: &Facts) -> fmt::Result {
    let batches = facts.schedule.batches();
    if facts.schedule.len() <= SMALL {
        writeln!(out, "\nbatches")?;
        for (idx, batch) in batches.iter().enumerate() {
            let members: Vec<_> =
                batch.transactions.iter().map(|tx| subject.describe(*tx)).collect();
            writeln!(out, "  {idx:>3}  {}", members.join(", "))?;
        }
        return Ok(());
    }
    let mut sizes: Vec<_> = batches
        .iter()
        .take(SIZES_SHOWN)
        .map(|batch| batch.transactions.len().to_string())
        .collect();
    if let Some(rest) = batches.len().checked_sub(SIZES_SHOWN).filter(|rest| *rest > 0) {
        let last = batches.last().map_or(0, |batch| batch.transactions.len());
        sizes.push(format!("... and {rest} more, the last of {last}"));
    }
    writeln!(out, "\nsizes of batches\n  {}", sizes.join(" "))
}

fn write_accounts(
    out: &mut String,
    subject: &Subject,
    facts: &Facts,
    listed: usize,
) -> fmt::Result {
    writeln!(
        out,
        "\n{:<28}{:>9}{:>8}{:>8}{:>8}{:>8}{:>14}",
        "hottest accounts", "touched", "read", "credit", "write", "chain", "gas of chain"
    )?;
    for account in facts.accounts.iter().take(listed) {
        writeln!(
            out,
            "  {:<26}{:>9}{:>8}{:>8}{:>8}{:>8}{:>14}",
            subject.name(&account.account),
            account.touches(),
            account.reads,
            account.credits,
            account.writes,
            account.chain,
            account.chain_gas.0,
        )?;
    }
    write_rest(out, facts.accounts.len(), listed)
}

fn write_paths(out: &mut String, subject: &Subject, facts: &Facts, listed: usize) -> fmt::Result {
    let gas = facts.schedule.critical_path_gas();
    writeln!(
        out,
        "\ncritical path by declared gas: {gas} gas, {}",
        of_chain(&facts.critical_path)
    )?;
    let total = facts.total_ns();
    writeln!(out, "longest chain by measured time: {}", of_chain(&facts.slowest_chain))?;
    for tx in facts.slowest_chain.transactions.iter().take(listed) {
        let cost = facts.costs_ns[*tx as usize];
        writeln!(out, "  {:<44}{:>12}", subject.describe(*tx), time(cost))?;
    }
    write_rest(out, facts.slowest_chain.transactions.len(), listed)?;
    writeln!(
        out,
        "all transactions one after the other take {}, so no number of threads is more than {:.1} \
         times as fast",
        time(total),
        total as f64 / facts.slowest_chain.cost.max(1) as f64
    )?;
    writeln!(
        out,
        "measured on {}: {}",
        counted(facts.workers, "thread", "threads"),
        time(facts.wall_ns())
    )
}

fn write_waits(out: &mut String, subject: &Subject, facts: &Facts, listed: usize) -> fmt::Result {
    if facts.causes.is_empty() {
        return writeln!(out, "\nnobody waits");
    }
    writeln!(out, "\n{:<52}{:>8}", "what makes transactions wait", "waiting")?;
    for cause in facts.causes.iter().take(listed) {
        let modes = format!("{} after {}", cause.later, cause.earlier);
        let name = subject.name(&cause.account);
        writeln!(out, "  {name:<28}{modes:<22}{:>8}", cause.waiting)?;
    }
    write_rest(out, facts.causes.len(), listed)?;
    writeln!(out, "\nwho waits for whom; of several, the one that finished last stands first")?;
    let schedule = &facts.schedule;
    let waiting =
        || (0..schedule.len() as TxIndex).filter(|tx| facts.decisive[*tx as usize].is_some());
    for tx in waiting().take(listed) {
        writeln!(out, "  {}", subject.describe(tx))?;
        let Some(decisive) = facts.decisive[tx as usize] else { continue };
        let mut waits: Vec<_> = schedule.waits_of(tx).collect();
        waits.sort_by_key(|wait| wait.account != decisive.account);
        for wait in waits {
            let awaited = match wait.transactions {
                [one] => subject.describe(*one),
                many if wait.account == decisive.account => format!(
                    "{} and {} more",
                    subject.describe(decisive.transaction),
                    many.len() - 1
                ),
                many => format!("{} transactions", many.len()),
            };
            let account = subject.name(&wait.account);
            writeln!(out, "      {awaited}: {account}, {} after {}", wait.later, wait.earlier)?;
        }
    }
    write_rest(out, waiting().count(), listed)
}

fn write_declarations(
    out: &mut String,
    subject: &Subject,
    facts: &Facts,
    listed: usize,
) -> fmt::Result {
    if facts.overdeclared.is_empty() {
        return writeln!(out, "\neverything that is declared is needed as declared");
    }
    writeln!(out, "\ndeclared more widely than this execution needed")?;
    for found in facts.overdeclared.iter().take(listed) {
        let Overdeclared { transaction, account, declared, needed } = found;
        let needed = needed.map_or("not touched".to_owned(), |mode| format!("{mode} is enough"));
        let account = subject.name(account);
        writeln!(out, "  {}: {account}, {declared}: {needed}", subject.describe(*transaction))?;
    }
    write_rest(out, facts.overdeclared.len(), listed)?;
    writeln!(out, "\n{:<40}{:>14}{:>14}", "declared as finely as it is used", "now", "then")?;
    let (before, after) = (&facts.before, &facts.after);
    for (name, row) in rows() {
        writeln!(out, "  {name:<38}{:>14}{:>14}", row(before), row(after))?;
    }
    for ((threads, now), (_, then)) in before.makespans.iter().zip(&after.makespans) {
        let name = format!("computed on {}", counted(*threads, "thread", "threads"));
        writeln!(out, "  {name:<38}{:>14}{:>14}", time(*now), time(*then))?;
    }
    Ok(())
}

type Row = fn(&Shape) -> String;

fn rows() -> [(&'static str, Row); 4] {
    [
        ("batches", |shape| shape.batches.to_string()),
        ("transactions that wait", |shape| shape.waiting.to_string()),
        ("critical path, gas", |shape| shape.path_gas.to_string()),
        ("longest chain, measured time", |shape| time(shape.chain_ns)),
    ]
}

fn of_chain(chain: &Chain) -> String {
    let count = counted(chain.transactions.len(), "transaction", "transactions");
    format!("{count}, {}", time(chain.cost))
}

fn write_rest(out: &mut String, len: usize, listed: usize) -> fmt::Result {
    match len.checked_sub(listed).filter(|rest| *rest > 0) {
        Some(rest) => writeln!(out, "  ... and {rest} more (--all lists them)"),
        None => Ok(()),
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A time in the unit that suits it.
pub(crate) fn time(ns: u64) -> String {
    match ns {
        0..10_000 => format!("{ns} ns"),
        10_000..1_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        _ => format!("{:.2} ms", ns as f64 / 1e6),
    }
}
