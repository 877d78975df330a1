//! Reads a block file: from JSON to the model. Every mistake becomes a fault with its place.

use std::path::Path;

use tos_runtime::{AccessMode, Address, Amount, AssetId};

use super::model::{
    AccountSpec, Action, BlockFile, CallSpec, Content, ContractSpec, Party, TransactionSpec,
    TransferSpec, Value, asset_id,
};
use super::node::{self, Entry, Node, Record};
use super::source::{Fault, Source, shown};
use crate::module_file;

type Result<T> = std::result::Result<T, Fault>;

const NATIVE: &str = "native";
const NAME_LEN_MAX: usize = 32;
/// Timestamp of a block that does not state one.
const TIMESTAMP: u64 = 1_700_000_000_000;

const ACTIONS: &[&str] = &["transfer", "transfers", "burn", "call", "deploy", "upgrade"];
const TRANSACTION_FIELDS: &[&str] = &[
    "note",
    "from",
    "signed_by",
    "transfer",
    "transfers",
    "burn",
    "call",
    "deploy",
    "upgrade",
    "nonce",
    "gas_limit",
    "gas_price",
    "expiry",
    "access",
    "expect",
];
const VALUE_FIELDS: &[&str] =
    &["u8", "u16", "u32", "u64", "u128", "address", "asset", "text", "hex"];

/// Reads a block file. Files of contracts are looked up relative to `folder`.
pub(crate) fn parse(source: &Source, folder: &Path) -> Result<BlockFile> {
    let value = node::parse(source)?;
    let file = Node::root(&value).record(&[
        "about",
        "assets",
        "accounts",
        "contracts",
        "timestamp",
        "beneficiary",
        "transactions",
        "views",
    ])?;
    let mut reader =
        Reader { folder, assets: Vec::new(), accounts: Vec::new(), contracts: Vec::new() };

    // Names first, so that what follows can refer to them in any order.
    let assets = file.optional("assets").map(|list| reader.asset_names(list)).transpose()?;
    reader.assets = assets.unwrap_or_default();
    let accounts = file.required("accounts")?.entries("an object with a name for each account")?;
    let contracts = match file.optional("contracts") {
        Some(contracts) => contracts.entries("an object with a name for each contract")?,
        None => Vec::new(),
    };
    reader.accounts = accounts.iter().map(name_of).collect::<Result<_>>()?;
    for entry in &contracts {
        if reader.accounts.contains(&entry.name) {
            return Err(entry.fault("an account has this name already"));
        }
        reader.contracts.push(name_of(entry)?);
    }

    let accounts: Vec<_> =
        accounts.iter().map(|entry| reader.account(entry)).collect::<Result<_>>()?;
    if let Some(list) = file.optional("assets") {
        check_held(list, &accounts)?;
    }

    Ok(BlockFile {
        about: text_of(file.optional("about"))?,
        assets: reader.assets.iter().map(|name| ((*name).to_owned(), asset_id(name))).collect(),
        accounts,
        contracts: contracts.iter().map(|entry| reader.contract(entry)).collect::<Result<_>>()?,
        timestamp: number_of(file.optional("timestamp"))?.unwrap_or(TIMESTAMP),
        beneficiary: file.optional("beneficiary").map(|who| reader.party(who)).transpose()?,
        transactions: file
            .required("transactions")?
            .items("a list of transactions")?
            .iter()
            .map(|node| reader.transaction(node))
            .collect::<Result<_>>()?,
        views: match file.optional("views") {
            Some(list) => {
                let calls = list.items("a list of calls")?;
                calls.iter().map(|node| reader.view(node)).collect::<Result<_>>()?
            }
            None => Vec::new(),
        },
    })
}

/// An asset begins to exist by being held, so one that nobody holds would be unknown to the engine.
fn check_held(list: &Node<'_>, accounts: &[AccountSpec]) -> Result<()> {
    for node in list.items("a list of names")? {
        let asset = asset_id(node.text("a name")?);
        let holds = |(held, amount): &(AssetId, Amount)| *held == asset && *amount > Amount::ZERO;
        if !accounts.iter().any(|account| account.balances.iter().any(holds)) {
            return Err(node.fault("expected an account that holds some of this asset, found none"));
        }
    }
    Ok(())
}

fn name_of<'a>(entry: &Entry<'a>) -> Result<&'a str> {
    check_name(entry.name).map_err(|message| entry.fault(message))?;
    Ok(entry.name)
}

fn check_name(name: &str) -> std::result::Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if name.is_empty() || name.len() > NAME_LEN_MAX || !name.chars().all(allowed) {
        return Err(format!("expected a name of 1 to {NAME_LEN_MAX} letters, digits, '-' or '_'"));
    }
    Ok(())
}

fn text_of(node: Option<&Node<'_>>) -> Result<Option<String>> {
    node.map(|node| node.text("a text").map(str::to_owned)).transpose()
}

fn number_of(node: Option<&Node<'_>>) -> Result<Option<u64>> {
    node.map(Node::u64).transpose()
}

/// The names of a file, and where its modules are.
struct Reader<'a> {
    folder: &'a Path,
    assets: Vec<&'a str>,
    accounts: Vec<&'a str>,
    contracts: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    fn asset_names(&self, list: &Node<'a>) -> Result<Vec<&'a str>> {
        let mut names = Vec::new();
        for node in list.items("a list of names")? {
            let name = node.text("a name")?;
            check_name(name).map_err(|message| node.fault(message))?;
            if name == NATIVE || names.contains(&name) {
                return Err(node.fault("there is an asset of this name already"));
            }
            names.push(name);
        }
        Ok(names)
    }

    fn account(&self, entry: &Entry<'a>) -> Result<AccountSpec> {
        Ok(AccountSpec::new(entry.name, self.amounts(&entry.value)?))
    }

    fn contract(&self, entry: &Entry<'a>) -> Result<ContractSpec> {
        let fields = entry.value.record(&["file", "owner", "input"])?;
        Ok(ContractSpec {
            name: entry.name.to_owned(),
            owner: self.account_named(fields.required("owner")?)?,
            code: self.module(fields.required("file")?)?.1,
            input: self.input(&fields)?,
            place: entry.fault(""),
        })
    }

    fn transaction(&self, node: &Node<'a>) -> Result<TransactionSpec> {
        let fields = node.record(TRANSACTION_FIELDS)?;
        let action = fields.one_of(ACTIONS)?;
        let action = self.action(action.name, &action.value)?;
        let from = self.account_named(fields.required("from")?)?;
        let signed_by = fields.optional("signed_by").map(|who| self.account_named(who));
        Ok(TransactionSpec {
            note: text_of(fields.optional("note"))?,
            from,
            signed_by: signed_by.transpose()?.unwrap_or(from),
            access: self.access(&fields, &action)?,
            action,
            nonce: number_of(fields.optional("nonce"))?,
            gas_limit: number_of(fields.optional("gas_limit"))?,
            gas_price: number_of(fields.optional("gas_price"))?.unwrap_or(1),
            expiry: number_of(fields.optional("expiry"))?,
            expect: fields.optional("expect").map(expectation).transpose()?,
        })
    }

    fn action(&self, kind: &str, node: &Node<'a>) -> Result<Action> {
        Ok(match kind {
            "transfer" => Action::Transfers(vec![self.transfer(node)?]),
            "transfers" => {
                let transfers = node.items("a list of transfers")?;
                Action::Transfers(
                    transfers.iter().map(|node| self.transfer(node)).collect::<Result<_>>()?,
                )
            }
            "burn" => {
                let fields = node.record(&["asset", "amount"])?;
                Action::Burn(self.asset_of(&fields)?, amount_of(&fields)?)
            }
            "call" => {
                let fields = node.record(&["contract", "entry", "input", "deposits"])?;
                Action::Call { call: self.call(&fields)?, deposits: self.deposits(&fields)? }
            }
            "deploy" => {
                let fields = node.record(&["file", "input", "deposits"])?;
                let (file, code) = self.module(fields.required("file")?)?;
                let (input, deposits) = (self.input(&fields)?, self.deposits(&fields)?);
                Action::Deploy { file, code, input, deposits }
            }
            _ => {
                let fields = node.record(&["contract", "file", "input"])?;
                let contract = self.contract_named(fields.required("contract")?)?;
                let (file, code) = self.module(fields.required("file")?)?;
                Action::Upgrade { contract, file, code, input: self.input(&fields)? }
            }
        })
    }

    fn view(&self, node: &Node<'a>) -> Result<CallSpec> {
        self.call(&node.record(&["contract", "entry", "input"])?)
    }

    fn call(&self, fields: &Record<'a>) -> Result<CallSpec> {
        Ok(CallSpec {
            contract: self.contract_named(fields.required("contract")?)?,
            entry: fields.required("entry")?.text("the name of an entry")?.to_owned(),
            input: self.input(fields)?,
        })
    }

    fn transfer(&self, node: &Node<'a>) -> Result<TransferSpec> {
        let fields = node.record(&["to", "asset", "amount"])?;
        Ok(TransferSpec {
            to: self.party(fields.required("to")?)?,
            asset: self.asset_of(&fields)?,
            amount: amount_of(&fields)?,
        })
    }

    /// `"auto"`, which is also the default, or accounts with their modes.
    fn access(
        &self,
        fields: &Record<'a>,
        action: &Action,
    ) -> Result<Option<Vec<(Party, AccessMode)>>> {
        let Some(node) = fields.optional("access") else { return Ok(None) };
        if matches!(action, Action::Transfers(_) | Action::Burn(..)) {
            return Err(node.fault("transfers and burns declare nothing: their accounts are known"));
        }
        if node.text("").is_ok_and(|text| text == "auto") {
            return Ok(None);
        }
        let mut list: Vec<(Party, AccessMode)> = Vec::new();
        for entry in node.entries("\"auto\", or an object such as {\"bob\": \"credit\"}")? {
            let party = self
                .resolve(entry.name)
                .ok_or_else(|| entry.unknown("account or contract", &self.parties()))?;
            let mode = match entry.value.text("a mode")? {
                "read" => AccessMode::Read,
                "credit" => AccessMode::Credit,
                "write" => AccessMode::Write,
                _ => return Err(entry.value.expected("\"read\", \"credit\" or \"write\"")),
            };
            if list.iter().any(|(listed, _)| *listed == party) {
                return Err(entry.fault("this account is declared twice"));
            }
            list.push((party, mode));
        }
        Ok(Some(list))
    }

    fn amounts(&self, node: &Node<'a>) -> Result<Vec<(AssetId, Amount)>> {
        let entries = node.entries("an object with an amount for each asset")?;
        let amount = |entry: &Entry<'a>| {
            let asset = self
                .asset_named(entry.name)
                .ok_or_else(|| entry.unknown("asset", &self.asset_list()))?;
            Ok((asset, Amount(entry.value.u64()?)))
        };
        entries.iter().map(amount).collect()
    }

    fn deposits(&self, fields: &Record<'a>) -> Result<Vec<(AssetId, Amount)>> {
        fields.optional("deposits").map_or(Ok(Vec::new()), |node| self.amounts(node))
    }

    fn asset_of(&self, fields: &Record<'a>) -> Result<AssetId> {
        fields.optional("asset").map_or(Ok(AssetId::NATIVE), |node| self.asset(node))
    }

    /// A name, or 64 hexadecimal digits for an asset that nobody named.
    fn asset(&self, node: &Node<'a>) -> Result<AssetId> {
        let name = node.text("the name of an asset")?;
        self.asset_named(name)
            .or_else(|| name.parse().ok())
            .ok_or_else(|| node.unknown("asset", &self.asset_list()))
    }

    fn asset_named(&self, name: &str) -> Option<AssetId> {
        if name == NATIVE {
            return Some(AssetId::NATIVE);
        }
        self.assets.contains(&name).then(|| asset_id(name))
    }

    fn asset_list(&self) -> Vec<&'a str> {
        [&[NATIVE], self.assets.as_slice()].concat()
    }

    fn account_named(&self, node: &Node<'a>) -> Result<usize> {
        let name = node.text("the name of an account")?;
        let at = self.accounts.iter().position(|account| *account == name);
        at.ok_or_else(|| node.unknown("account", &self.accounts))
    }

    fn contract_named(&self, node: &Node<'a>) -> Result<Party> {
        let name = node.text("the name of a contract")?;
        self.resolve(name)
            .filter(|party| {
                matches!(party, Party::Contract(_) | Party::Address(Address::Contract(_)))
            })
            .ok_or_else(|| node.unknown("contract", &self.contracts))
    }

    fn party(&self, node: &Node<'a>) -> Result<Party> {
        let name = node.text("the name of an account or contract")?;
        self.resolve(name).ok_or_else(|| node.unknown("account or contract", &self.parties()))
    }

    /// A name, or an address as it is printed.
    fn resolve(&self, name: &str) -> Option<Party> {
        let position = |names: &[&str]| names.iter().position(|known| *known == name);
        position(&self.accounts)
            .map(Party::Account)
            .or_else(|| position(&self.contracts).map(Party::Contract))
            .or_else(|| name.parse().ok().map(Party::Address))
    }

    fn parties(&self) -> Vec<&'a str> {
        [self.accounts.as_slice(), &self.contracts].concat()
    }

    /// A module's file name and bytes. WAT is assembled here; the engine takes bytes only.
    fn module(&self, node: &Node<'a>) -> Result<(String, Vec<u8>)> {
        let file = node.text("the name of a .wat or .wasm file")?;
        let path = self.folder.join(file);
        let code = module_file::read(&path)
            .map_err(|error| node.fault(format!("cannot use {}: {error:#}", path.display())))?;
        Ok((file.to_owned(), code))
    }

    fn input(&self, fields: &Record<'a>) -> Result<Vec<Value>> {
        let Some(node) = fields.optional("input") else { return Ok(Vec::new()) };
        let values =
            node.items("a list of values such as [{\"u64\": 5}, {\"address\": \"bob\"}]")?;
        values.iter().map(|node| self.value(node)).collect()
    }

    fn value(&self, node: &Node<'a>) -> Result<Value> {
        let fields = node.record(VALUE_FIELDS)?;
        let Entry { name, value, .. } = fields.one_of(VALUE_FIELDS)?;
        if *name == "address" {
            let text = value.text("the name of an account or contract")?.to_owned();
            return Ok(Value { text, content: Content::Party(self.party(value)?) });
        }
        let (text, bytes) = match *name {
            "u8" => number(value, 1)?,
            "u16" => number(value, 2)?,
            "u32" => number(value, 4)?,
            "u64" => number(value, 8)?,
            "u128" => number(value, 16)?,
            "asset" => {
                let text = value.text("the name of an asset")?;
                (text.to_owned(), self.asset(value)?.0.to_vec())
            }
            "text" => {
                let text = value.text("a text")?;
                (format!("{:?}", shown(text)), text.as_bytes().to_vec())
            }
            _ => {
                let digits = value.text("hexadecimal digits")?;
                let bytes = decode_hex(digits)
                    .ok_or_else(|| value.expected("an even number of hexadecimal digits"))?;
                (format!("0x{}", shown(digits)), bytes)
            }
        };
        Ok(Value { text, content: Content::Bytes(bytes) })
    }
}

/// A number of `len` bytes. The low bytes come first, so a narrower number is a prefix.
fn number(node: &Node<'_>, len: usize) -> Result<(String, Vec<u8>)> {
    let number = node.number(u128::MAX >> (8 * (16 - len)))?;
    Ok((number.to_string(), number.to_le_bytes()[..len].to_vec()))
}

fn amount_of(fields: &Record<'_>) -> Result<Amount> {
    fields.required("amount")?.u64().map(Amount)
}

/// The name of an outcome or of a family of outcomes.
fn expectation(node: &Node<'_>) -> Result<String> {
    let what = "an outcome such as \"success\", \"reverted.contract.1\" or \"halted\"";
    let text = node.text(what)?;
    let family = text.split('.').next().unwrap_or_default();
    match family {
        "success" if text == family => Ok(text.to_owned()),
        "rejected" | "reverted" | "halted" => Ok(text.to_owned()),
        _ => Err(node.expected(what)),
    }
}

fn decode_hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16).map(|digit| digit as u8);
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? * 16 + digit(*low)?),
            _ => None,
        })
        .collect()
}
