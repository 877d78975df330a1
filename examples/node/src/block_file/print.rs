//! Shows an executed block file, as text and as JSON.

use std::fmt::{self, Write as _};

use serde_json::{Value as Json, json};
use tos_runtime::{Address, AssetId, Event, ExecutionStatus, Receipt, View};

use super::model::{Action, BlockFile, CallSpec, Party, TransferSpec, Value};
use super::source::{shown, shown_whole};
use super::{Executed, Line, hint, owners};
use crate::outcome;

/// A page for people.
pub(crate) fn text(executed: &Executed<'_>) -> String {
    let mut page = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_page(&mut page, executed);
    page
}

fn write_page(out: &mut String, executed: &Executed<'_>) -> fmt::Result {
    let names = Names { executed };
    if let Some(about) = &executed.file.about {
        writeln!(out, "{about}\n")?;
    }
    for (idx, line) in executed.lines.iter().enumerate() {
        write_line(out, &names, idx, line)?;
    }
    if !executed.balances.is_empty() {
        writeln!(out, "\nbalances that changed")?;
    }
    for balance in &executed.balances {
        let (owner, asset) = (balance.owner, balance.asset);
        writeln!(out, "  {owner:<12} {asset:<10} {:>14} -> {}", balance.before, balance.after)?;
    }
    if !executed.views.is_empty() {
        writeln!(out, "\nasked after the block")?;
    }
    for (call, view) in executed.file.views.iter().zip(&executed.views) {
        writeln!(out, "  {} = {}", names.call(call), view_result(view))?;
        for message in &view.messages {
            writeln!(out, "     the contract says: {}", shown_whole(&message.text))?;
        }
    }
    let block = &executed.block;
    let batches = if block.batches == 1 { "batch" } else { "batches" };
    writeln!(
        out,
        "\nblock {}: {} transactions in {} {batches}, {} waited for an earlier one",
        block.topoheight, block.transactions, block.batches, block.conflicting,
    )?;
    writeln!(out, "gas {}, fees {}, burned {}", block.gas_used, block.fees, block.burned)?;
    writeln!(out, "sequential and parallel execution are identical")?;
    writeln!(out, "state digest {}", block.state_digest)
}

fn write_line(out: &mut String, names: &Names<'_>, idx: usize, line: &Line<'_>) -> fmt::Result {
    let file = names.file();
    let from = &file.accounts[line.spec.from].name;
    writeln!(out, "#{idx} {from} {}", names.action(&line.spec.action))?;
    if let Some(note) = &line.spec.note {
        writeln!(out, "     ({})", shown(note))?;
    }
    write!(out, "     {}", outcome::name(&line.result))?;
    match &line.result {
        Ok(receipt) => {
            match &receipt.status {
                ExecutionStatus::Success => {}
                ExecutionStatus::Reverted(reason) => write!(out, ": {}", names.reason(reason))?,
                ExecutionStatus::Halted(reason) => write!(out, ": {}", names.reason(reason))?,
            }
            writeln!(
                out,
                "; gas {} of {}, fee {}",
                receipt.gas_used, line.transaction.gas_limit, receipt.fee
            )?;
            write_receipt(out, names, receipt)?;
        }
        Err(reason) => {
            let reason = names.reason(reason);
            let place = if line.in_block { "in the block, inert" } else { "kept out of the block" };
            writeln!(out, ": {reason}; {place}, nobody pays")?;
        }
    }
    for message in &line.messages {
        writeln!(out, "     the contract says: {}", shown_whole(message))?;
    }
    if let Some(hint) = hint::of(line, &names.executed.chain.engine) {
        writeln!(out, "     hint: {}", shown_whole(&hint))?;
    }
    if let Some(expected) = line.spec.expect.as_ref().filter(|_| !line.is_as_expected()) {
        writeln!(out, "     NOT AS EXPECTED: the file expects {expected}")?;
    }
    Ok(())
}

fn write_receipt(out: &mut String, names: &Names<'_>, receipt: &Receipt) -> fmt::Result {
    if let Some(contract) = receipt.contract {
        writeln!(out, "     new contract {contract}")?;
    }
    if !receipt.return_data.is_empty() {
        writeln!(out, "     returned {}", bytes(&receipt.return_data))?;
    }
    for event in &receipt.events {
        let topics: Vec<_> = event.topics.iter().map(|topic| readable(&topic.0)).collect();
        let contract = names.address(event.contract.into());
        let data = names.data(&event.data);
        writeln!(out, "     event of {contract}: [{}] {data}", topics.join(", "))?;
    }
    Ok(())
}

/// One JSON object on one line.
pub(crate) fn json(executed: &Executed<'_>) -> String {
    let names = Names { executed };
    let block = &executed.block;
    let lines = executed.lines.iter().enumerate();
    let balance = |balance: &super::Balance<'_>| {
        json!({
            "account": balance.owner,
            "asset": balance.asset,
            "before": balance.before,
            "after": balance.after,
        })
    };
    let views = executed.file.views.iter().zip(&executed.views).map(|(call, view)| {
        json!({
            "call": names.call(call),
            "success": view.status.is_success(),
            "status": view.status.to_string(),
            "return_data": hex(&view.return_data),
            "gas_used": view.gas_used,
        })
    });
    let object = json!({
        "about": executed.file.about,
        "identical": true,
        "as_expected": executed.lines.iter().all(Line::is_as_expected),
        "block": {
            "topoheight": block.topoheight,
            "threads": block.threads,
            "transactions": block.transactions,
            "batches": block.batches,
            "conflicting": block.conflicting,
            "gas_used": block.gas_used,
            "fees": block.fees,
            "burned": block.burned,
            "state_digest": block.state_digest,
        },
        "addresses": owners(executed.file)
            .map(|(name, party)| (name.to_owned(), json!(executed.chain.address(party))))
            .collect::<serde_json::Map<_, _>>(),
        "transactions": lines.map(|(idx, line)| json_line(&names, idx, line)).collect::<Vec<_>>(),
        "balances": executed.balances.iter().map(balance).collect::<Vec<_>>(),
        "views": views.collect::<Vec<_>>(),
    });
    format!("{object}\n")
}

fn json_line(names: &Names<'_>, idx: usize, line: &Line<'_>) -> Json {
    let mut object = json!({
        "index": idx,
        "id": line.transaction.id(),
        "from": names.file().accounts[line.spec.from].name,
        "does": names.action(&line.spec.action),
        "nonce": line.transaction.nonce,
        "gas_limit": line.transaction.gas_limit,
        "access": line.transaction.access,
        "in_block": line.in_block,
        "outcome": outcome::name(&line.result),
        "message": names.reason(&outcome::sentence(&line.result)),
        "contract_says": line.messages,
        "hint": hint::of(line, &names.executed.chain.engine),
        "expected": line.spec.expect,
        "as_expected": line.is_as_expected(),
    });
    match &line.result {
        Ok(receipt) => object["receipt"] = json_receipt(receipt),
        Err(reason) => object["invalid"] = json!(reason),
    }
    object
}

/// The receipt as it is, except that bytes are hexadecimal instead of lists of numbers.
fn json_receipt(receipt: &Receipt) -> Json {
    let event = |event: &Event| json!({ "contract": event.contract, "topics": event.topics, "data": hex(&event.data) });
    json!({
        "status": receipt.status,
        "gas_used": receipt.gas_used,
        "fee": receipt.fee,
        "contract": receipt.contract,
        "return_data": hex(&receipt.return_data),
        "events": receipt.events.iter().map(event).collect::<Vec<_>>(),
    })
}

/// Says things with the names of the file.
struct Names<'e> {
    executed: &'e Executed<'e>,
}

impl Names<'_> {
    fn file(&self) -> &BlockFile {
        self.executed.file
    }

    fn address(&self, address: Address) -> String {
        let mut owners = owners(self.file());
        owners
            .find(|(_, party)| self.executed.chain.address(*party) == address)
            .map_or_else(|| address.to_string(), |(name, _)| name.to_owned())
    }

    fn party(&self, party: Party) -> String {
        self.address(self.executed.chain.address(party))
    }

    fn asset(&self, asset: AssetId) -> String {
        let known = self.file().assets.iter().find(|(_, known)| *known == asset);
        known.map_or_else(|| asset.to_string(), |(name, _)| name.clone())
    }

    /// A message of the engine, with names instead of addresses and assets.
    fn reason(&self, message: &impl fmt::Display) -> String {
        let mut message = message.to_string();
        for (name, party) in owners(self.file()) {
            message = message.replace(&self.executed.chain.address(party).to_string(), name);
        }
        for (name, asset) in &self.file().assets {
            message = message.replace(&asset.to_string(), name);
        }
        message
    }

    /// Bytes in hexadecimal, in which addresses of the file show as names.
    fn data(&self, data: &[u8]) -> String {
        let mut digits = hex(data);
        for (name, party) in owners(self.file()) {
            let address = hex(&self.executed.chain.address(party).to_bytes());
            let digits_of_address = address.trim_start_matches("0x");
            digits = digits.replace(digits_of_address, &format!("<{name}>"));
        }
        digits
    }

    fn action(&self, action: &Action) -> String {
        match action {
            Action::Transfers(transfers) => {
                let transfers: Vec<_> = transfers.iter().map(|one| self.transfer(one)).collect();
                format!("transfers {}", transfers.join(", "))
            }
            Action::Burn(asset, amount) => format!("burns {amount} {}", self.asset(*asset)),
            Action::Call { call, deposits } => {
                let deposits: Vec<_> = deposits
                    .iter()
                    .map(|(asset, amount)| format!(" with {amount} {}", self.asset(*asset)))
                    .collect();
                format!("calls {}{}", self.call(call), deposits.concat())
            }
            Action::Deploy { file, input, .. } => {
                format!("deploys {}({})", shown(file), values(input))
            }
            Action::Upgrade { contract, file, input, .. } => {
                let contract = self.party(*contract);
                format!("upgrades {contract} to {}({})", shown(file), values(input))
            }
        }
    }

    fn transfer(&self, transfer: &TransferSpec) -> String {
        let (amount, asset) = (transfer.amount, self.asset(transfer.asset));
        format!("{amount} {asset} to {}", self.party(transfer.to))
    }

    fn call(&self, call: &CallSpec) -> String {
        format!("{}.{}({})", self.party(call.contract), shown(&call.entry), values(&call.input))
    }
}

fn values(values: &[Value]) -> String {
    let texts: Vec<_> = values.iter().map(|value| value.text.as_str()).collect();
    texts.join(", ")
}

fn view_result(view: &View) -> String {
    if view.status.is_success() { bytes(&view.return_data) } else { view.status.to_string() }
}

/// Bytes, and the number they are if they could be one.
fn bytes(data: &[u8]) -> String {
    if data.is_empty() {
        return "nothing".to_owned();
    }
    let mut wide = [0; 16];
    match (wide.get_mut(..data.len()), data.len()) {
        (Some(low), 1 | 2 | 4 | 8 | 16) => {
            low.copy_from_slice(data);
            format!("{} ({})", u128::from_le_bytes(wide), hex(data))
        }
        _ => readable(data),
    }
}

/// Text if the bytes are text with zeroes behind it, hexadecimal otherwise.
fn readable(data: &[u8]) -> String {
    let end = data.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    match std::str::from_utf8(&data[..end]) {
        Ok(text) if !text.is_empty() && !text.chars().any(char::is_control) => {
            format!("{:?}", shown(text))
        }
        _ => hex(data),
    }
}

fn hex(data: &[u8]) -> String {
    let mut digits = String::from("0x");
    for byte in data {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}
