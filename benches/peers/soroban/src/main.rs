//! Soroban's host on the common work: a fresh host per transaction from encoded entries to encoded
//! changes, as a node of the network calls it. Has no plain transfers; those are the node's.

use std::collections::HashMap;
use std::rc::Rc;

use anyhow::{Context, ensure};
use peer::{Description, Engine, FUNDS, Ledger, Threads, Transfer, Work};
use sha2::{Digest, Sha256};
use soroban_env_host::budget::Budget;
use soroban_env_host::e2e_invoke::{TtlLedgerEntryMeta, invoke_host_function};
use soroban_env_host::storage::Storage;
use soroban_env_host::xdr::{
    AccountId, ContractCodeEntry, ContractCodeEntryExt, ContractDataDurability, ContractDataEntry,
    ContractExecutable, ContractId, ExtensionPoint, Hash, HostFunction, Int128Parts,
    InvokeContractArgs, LedgerEntry, LedgerEntryData, LedgerEntryExt, LedgerFootprint, LedgerKey,
    LedgerKeyContractCode, LedgerKeyContractData, Limits, PublicKey, ReadXdr, ScAddress,
    ScContractInstance, ScSymbol, ScVal, SorobanAuthorizationEntry, SorobanAuthorizedFunction,
    SorobanAuthorizedInvocation, SorobanCredentials, SorobanResources, Uint256, WriteXdr,
};
use soroban_env_host::{Host, LedgerInfo, ModuleCache};

/// The token, from `guests/soroban`.
const TOKEN: &[u8] = include_bytes!("../../wasm/soroban_token.wasm");
/// Its address.
const TOKEN_ID: ScAddress = ScAddress::Contract(ContractId(Hash([0xee; 32])));
/// What the host speaks.
const PROTOCOL: u32 = 30;
/// The ledger that transactions are in, and until when entries live.
const LEDGER: u32 = 1_000;
const LIVE_UNTIL: u32 = 1_000_000;

/// What a node hands to the host, besides the entries.
struct Invocation {
    function: Vec<u8>,
    resources: Vec<u8>,
    source: Vec<u8>,
    auth: Vec<u8>,
    /// Encoded, in the order of the footprint.
    keys: [Rc<[u8]>; 4],
}

/// A host function at a time, on a state of its own.
struct Soroban {
    modules: ModuleCache,
    code_hash: Hash,
    /// Encoded entries by encoded key.
    entries: HashMap<Rc<[u8]>, Vec<u8>>,
    queue: Vec<Invocation>,
}

fn encode(value: &impl WriteXdr) -> anyhow::Result<Vec<u8>> {
    Ok(value.to_xdr(Limits::none())?)
}

fn account(holder: usize) -> AccountId {
    let key = Sha256::digest(holder.to_be_bytes());
    AccountId(PublicKey::PublicKeyTypeEd25519(Uint256(key.into())))
}

/// Something the token keeps.
fn data_key(key: ScVal) -> LedgerKey {
    let durability = ContractDataDurability::Persistent;
    LedgerKey::ContractData(LedgerKeyContractData { contract: TOKEN_ID, key, durability })
}

fn data_entry(key: ScVal, val: ScVal) -> LedgerEntryData {
    LedgerEntryData::ContractData(ContractDataEntry {
        ext: ExtensionPoint::V0,
        contract: TOKEN_ID,
        key,
        durability: ContractDataDurability::Persistent,
        val,
    })
}

fn balance_key(holder: usize) -> ScVal {
    ScVal::Address(ScAddress::Account(account(holder)))
}

fn units(amount: u64) -> ScVal {
    ScVal::I128(Int128Parts { hi: 0, lo: amount })
}

/// The ledger's parameters; fees and rent are computed elsewhere.
fn ledger() -> LedgerInfo {
    LedgerInfo {
        protocol_version: PROTOCOL,
        sequence_number: LEDGER,
        timestamp: 1_700_000_000,
        network_id: [7; 32],
        base_reserve: 5_000_000,
        min_temp_entry_ttl: 16,
        min_persistent_entry_ttl: 4_096,
        max_entry_ttl: 6_312_000,
    }
}

impl Engine for Soroban {
    type Ledger = Self;
    const WORKS: &[Work] = &[Work::Token];

    fn description() -> Description {
        Description {
            name: "Soroban host".into(),
            version: "30.0.0 (wasmi)".into(),
            works: Self::WORKS.into(),
            token: "Rust, soroban-sdk 27".into(),
            threads: Threads::Halves,
            includes: vec![
                "a fresh host and budget per transaction, an instance of the cached module".into(),
                "decoding function, footprint, authorization and entries from XDR; encoding \
                 changes, events and rent sizes to it"
                    .into(),
                "metering of every host operation; authorization by the source account".into(),
                "writing the changed entries to a HashMap".into(),
            ],
            excludes: vec![
                "signatures, sequence numbers, fees, rent, ledger: they are the node's".into(),
            ],
        }
    }

    fn open(_: Work, holders: usize, _: usize) -> anyhow::Result<Self> {
        let host = Host::with_storage_and_budget(Storage::default(), Budget::default());
        let modules = ModuleCache::new(&host)?;
        modules.parse_and_cache_module_simple(&host, PROTOCOL, TOKEN)?;
        let code_hash = Hash(Sha256::digest(TOKEN).into());
        let mut soroban = Self { modules, code_hash, entries: HashMap::new(), queue: Vec::new() };
        let code = ContractCodeEntry {
            ext: ContractCodeEntryExt::V0,
            hash: soroban.code_hash.clone(),
            code: TOKEN.try_into()?,
        };
        soroban.set(&soroban.code_key(), LedgerEntryData::ContractCode(code))?;
        let instance = ScVal::ContractInstance(ScContractInstance {
            executable: ContractExecutable::Wasm(soroban.code_hash.clone()),
            storage: None,
        });
        let key = ScVal::LedgerKeyContractInstance;
        soroban.set(&data_key(key.clone()), data_entry(key, instance))?;
        for holder in 0..holders {
            let key = balance_key(holder);
            soroban.set(&data_key(key.clone()), data_entry(key, units(FUNDS)))?;
        }
        Ok(soroban)
    }
}

impl Soroban {
    fn code_key(&self) -> LedgerKey {
        LedgerKey::ContractCode(LedgerKeyContractCode { hash: self.code_hash.clone() })
    }

    fn set(&mut self, key: &LedgerKey, data: LedgerEntryData) -> anyhow::Result<()> {
        let entry = LedgerEntry { last_modified_ledger_seq: LEDGER, data, ext: LedgerEntryExt::V0 };
        self.entries.insert(encode(key)?.into(), encode(&entry)?);
        Ok(())
    }

    fn invocation(&self, transfer: &Transfer) -> anyhow::Result<Invocation> {
        let args = [balance_key(transfer.from), balance_key(transfer.to), units(transfer.amount)];
        let args = InvokeContractArgs {
            contract_address: TOKEN_ID,
            function_name: ScSymbol("transfer".try_into()?),
            args: args.to_vec().try_into()?,
        };
        let mut read_only = [data_key(ScVal::LedgerKeyContractInstance), self.code_key()];
        let mut read_write = [transfer.from, transfer.to].map(|it| data_key(balance_key(it)));
        read_only.sort();
        read_write.sort();
        let keys = [&read_only[0], &read_only[1], &read_write[0], &read_write[1]];
        let keys = keys.map(|key| encode(key).map(Rc::from));
        let [a, b, c, d] = keys;
        let resources = SorobanResources {
            footprint: LedgerFootprint {
                read_only: read_only.to_vec().try_into()?,
                read_write: read_write.to_vec().try_into()?,
            },
            instructions: 10_000_000,
            disk_read_bytes: 100_000,
            write_bytes: 100_000,
        };
        let auth = SorobanAuthorizationEntry {
            credentials: SorobanCredentials::SourceAccount,
            root_invocation: SorobanAuthorizedInvocation {
                function: SorobanAuthorizedFunction::ContractFn(args.clone()),
                sub_invocations: Vec::new().try_into()?,
            },
        };
        Ok(Invocation {
            function: encode(&HostFunction::InvokeContract(args))?,
            resources: encode(&resources)?,
            source: encode(&account(transfer.from))?,
            auth: encode(&auth)?,
            keys: [a?, b?, c?, d?],
        })
    }
}

impl Ledger for Soroban {
    fn queue(&mut self, transfers: &[Transfer]) -> anyhow::Result<()> {
        self.queue = transfers.iter().map(|it| self.invocation(it)).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn execute(&mut self) -> anyhow::Result<()> {
        let seed = [9; 32];
        for invocation in self.queue.drain(..) {
            let entries = invocation.keys.iter().map(|key| {
                let entry = self.entries.get(key).map(Vec::as_slice);
                let meta = entry.map(|entry| TtlLedgerEntryMeta {
                    live_until_ledger: LIVE_UNTIL,
                    entry_size_for_rent: entry.len() as u32,
                });
                (entry, meta)
            });
            let result = invoke_host_function(
                &Budget::default(),
                false,
                invocation.function.as_slice(),
                invocation.resources.as_slice(),
                &[],
                invocation.source.as_slice(),
                [invocation.auth.as_slice()].into_iter(),
                ledger(),
                entries.collect::<Vec<_>>().into_iter(),
                seed.as_slice(),
                &mut Vec::new(),
                None,
                Some(self.modules.clone()),
            )?;
            result.encoded_invoke_result?;
            ensure!(result.encoded_contract_events.len() == 1, "a transfer has one event");
            for change in result.ledger_changes {
                if let Some(entry) = change.encoded_new_value {
                    self.entries.insert(change.encoded_key.into(), entry);
                }
            }
        }
        Ok(())
    }

    fn balance(&mut self, holder: usize) -> anyhow::Result<u64> {
        let key = encode(&data_key(balance_key(holder)))?;
        let entry = self.entries.get(key.as_slice()).context("the holder is gone")?;
        match LedgerEntry::from_xdr(entry, Limits::none())?.data {
            LedgerEntryData::ContractData(ContractDataEntry {
                val: ScVal::I128(Int128Parts { hi: 0, lo }),
                ..
            }) => Ok(lo),
            other => anyhow::bail!("no balance: {other:?}"),
        }
    }
}

fn main() -> anyhow::Result<()> {
    peer::serve::<Soroban>()
}

#[cfg(test)]
mod tests {
    #[test]
    fn balances_are_those_of_a_plain_list() {
        peer::rehearse::<super::Soroban>().unwrap_or_else(|error| panic!("{error:#}"));
    }
}
