//! `block FILE`: executes one block described in a readable JSON file.
//!
//! `source` holds the text and renders faults, `node` asks values for what they should be, `parse`
//! makes the `model` from them, `build` brings it to an engine, `print` shows what came of it, and
//! `hint` says what can be done about it. `prepare` makes the same block for other commands.

mod build;
mod hint;
mod model;
mod node;
mod parse;
mod prepare;
mod print;
mod source;

#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use tos_runtime::{BlockOutcome, Difference, InvalidTransaction, Receipt, Transaction, View};

use crate::{Finished, outcome, replay};
use build::{Chain, Completed};
use model::{BlockFile, Party};
use source::Source;

pub(crate) use prepare::{Prepared, prepare};
pub(crate) use source::shown;

/// Executes a block file and says what came of it. The command fails when a transaction ends other
/// than its author expected.
pub(crate) fn run(path: &Path, threads: usize, json: bool) -> Result<Finished> {
    let source = Source::read(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let file = parse::parse(&source, folder).map_err(|fault| source.describe(&fault))?;
    let executed = execute(&file, &source, threads)?;
    let success = executed.lines.iter().all(Line::is_as_expected);
    let output = if json { print::json(&executed) } else { print::text(&executed) };
    Ok(Finished { output, success })
}

/// A block file after its block.
struct Executed<'f> {
    file: &'f BlockFile,
    chain: Chain<'f>,
    lines: Vec<Line<'f>>,
    /// The block's figures.
    block: Figures,
    /// Native and other balances that changed: who, asset's name, before, after.
    balances: Vec<Balance<'f>>,
    /// Results of the views, in the order of the file.
    views: Vec<View>,
}

/// A transaction and what came of it.
struct Line<'f> {
    spec: &'f model::TransactionSpec,
    transaction: Transaction,
    /// Its accounts are those of the contract's own template.
    by_template: bool,
    result: Result<Receipt, InvalidTransaction>,
    /// What contracts said while it executed. Not part of the receipt.
    messages: Vec<String>,
    /// False when it was malformed or not properly signed and never entered the block.
    in_block: bool,
}

impl Line<'_> {
    fn is_as_expected(&self) -> bool {
        let expect = self.spec.expect.as_ref();
        expect.is_none_or(|expected| outcome::matches(&outcome::name(&self.result), expected))
    }
}

/// What is said about the block as a whole.
struct Figures {
    topoheight: u64,
    threads: usize,
    transactions: usize,
    batches: usize,
    conflicting: usize,
    gas_used: u64,
    fees: u64,
    burned: u64,
    state_digest: String,
}

/// A balance that the block changed.
struct Balance<'f> {
    owner: &'f str,
    asset: &'f str,
    before: u64,
    after: u64,
}

fn execute<'f>(file: &'f BlockFile, source: &Source, threads: usize) -> Result<Executed<'f>> {
    let transactions = build::transactions(file, source)?;
    let chain = Chain::open(file, source, threads)?;

    let mut verified = Vec::new();
    let mut refusals = Vec::new();
    for Completed { transaction, .. } in &transactions {
        match chain.engine.verify(transaction.clone()) {
            Ok(transaction) => {
                verified.push(transaction);
                refusals.push(None);
            }
            Err(reason) => refusals.push(Some(reason)),
        }
    }

    let mut block = chain.block(verified);
    if let Some(beneficiary) = file.beneficiary {
        block = block.with_beneficiary(chain.address(beneficiary));
    }
    let sequential = chain.engine.execute_block_sequentially(&block)?;
    chain.take_messages();
    let outcome = chain.engine.execute_block(&block)?;
    let mut messages = chain.take_messages();
    if let Some(difference) = Difference::between(&sequential, &outcome) {
        let advice = replay::report(&chain.engine, &block, &outcome);
        bail!("sequential and parallel execution differ: {difference}; {advice}");
    }
    let mut results = (0..).zip(outcome.results().iter().cloned());
    let mut lines = Vec::new();
    for ((spec, completed), refusal) in file.transactions.iter().zip(transactions).zip(refusals) {
        let Completed { transaction, by_template } = completed;
        let in_block = refusal.is_none();
        let (result, messages) = match refusal {
            Some(reason) => (Err(reason), Vec::new()),
            None => {
                let (idx, result) = results.next().context("the block has too few results")?;
                (result, messages.remove(&idx).unwrap_or_default())
            }
        };
        lines.push(Line { spec, transaction, by_template, result, messages, in_block });
    }

    let block = figures(&outcome);
    let before = balances(file, &chain)?;
    chain.engine.commit(outcome)?;
    let after = balances(file, &chain)?;
    let views = file.views.iter().map(|call| {
        let contract = chain.contract(call.contract);
        Ok(chain.engine.view(contract, &call.entry, &chain.encode(&call.input))?)
    });
    let views = views.collect::<Result<_>>()?;
    let balances = changed(file, &before, &after);
    Ok(Executed { file, chain, lines, block, balances, views })
}

fn figures(outcome: &BlockOutcome) -> Figures {
    let metrics = outcome.metrics();
    let receipts = outcome.results().iter().flatten();
    Figures {
        topoheight: outcome.context().topoheight.0,
        threads: metrics.threads,
        transactions: outcome.results().len(),
        batches: metrics.batches,
        conflicting: metrics.conflicting_transactions,
        gas_used: receipts.map(|receipt| receipt.gas_used.0).sum(),
        fees: outcome.gas_fee().0,
        burned: outcome.burned_supply().0,
        state_digest: outcome.state_digest().to_string(),
    }
}

/// Everybody with a name and an account, in the order of the file.
fn owners(file: &BlockFile) -> impl Iterator<Item = (&str, Party)> {
    let accounts = file.accounts.iter().map(|account| account.name.as_str());
    let contracts = file.contracts.iter().map(|contract| contract.name.as_str());
    accounts
        .enumerate()
        .map(|(idx, name)| (name, Party::Account(idx)))
        .chain(contracts.enumerate().map(|(idx, name)| (name, Party::Contract(idx))))
}

/// The balances of every owner, native first.
fn balances(file: &BlockFile, chain: &Chain<'_>) -> Result<Vec<Vec<u64>>> {
    let of_owner = |(_, party)| {
        let account = chain.engine.account(&chain.address(party))?;
        let named = file.assets.iter().map(|(_, asset)| account.balance(asset).0);
        Ok(std::iter::once(account.native.0).chain(named).collect())
    };
    owners(file).map(of_owner).collect()
}

fn changed<'f>(file: &'f BlockFile, before: &[Vec<u64>], after: &[Vec<u64>]) -> Vec<Balance<'f>> {
    let mut changed = Vec::new();
    for ((owner, _), (before, after)) in owners(file).zip(before.iter().zip(after)) {
        let assets =
            std::iter::once("native").chain(file.assets.iter().map(|(name, _)| name.as_str()));
        for (asset, (before, after)) in assets.zip(before.iter().zip(after)) {
            if before != after {
                changed.push(Balance { owner, asset, before: *before, after: *after });
            }
        }
    }
    changed
}
