//! The CosmWasm vm on the common work: a fresh instance of the token per message, on a state in
//! memory. Has no plain transfers; those are the chain's, not the vm's.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use cosmwasm_std::{
    Addr, Binary, BlockInfo, ContractInfo, ContractResult, Env, MessageInfo, SystemError,
    SystemResult, Timestamp,
};
use cosmwasm_vm::internals::{Logger, check_wasm, compile_module, instance_from_module};
use cosmwasm_vm::{
    Backend, BackendApi, BackendError, BackendResult, GasInfo, Querier, Size, Storage, WasmLimits,
    call_execute_raw, capabilities_from_csv, to_vec,
};
use peer::{Description, Engine, FUNDS, Ledger, Threads, Transfer, Work};

/// The token, from `guests/cosmwasm`.
const TOKEN: &[u8] = include_bytes!("../../wasm/cosmwasm_token.wasm");
/// More than a transfer takes.
const GAS: u64 = 10_000_000_000;
/// What a chain usually grants an instance.
const MEMORY: Size = Size::mebi(32);

/// The token's state; every access costs as much as the vm's own mock takes.
#[derive(Default)]
struct State(HashMap<Vec<u8>, Vec<u8>>);

impl Storage for State {
    fn get(&self, key: &[u8]) -> BackendResult<Option<Vec<u8>>> {
        (Ok(self.0.get(key).cloned()), GasInfo::with_externally_used(key.len() as u64))
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> BackendResult<()> {
        self.0.insert(key.to_vec(), value.to_vec());
        (Ok(()), GasInfo::with_externally_used((key.len() + value.len()) as u64))
    }

    fn remove(&mut self, key: &[u8]) -> BackendResult<()> {
        self.0.remove(key);
        (Ok(()), GasInfo::with_externally_used(key.len() as u64))
    }
}

/// Addresses without a checksum, so that checking them costs next to nothing.
#[derive(Clone, Copy)]
struct Api;

impl BackendApi for Api {
    fn addr_validate(&self, input: &str) -> BackendResult<()> {
        let known = input.starts_with("peer1") && input.len() == 44;
        let refusal = || BackendError::user_err("no address");
        (if known { Ok(()) } else { Err(refusal()) }, GasInfo::free())
    }

    fn addr_canonicalize(&self, _: &str) -> BackendResult<Vec<u8>> {
        (Err(BackendError::unknown("not needed")), GasInfo::free())
    }

    fn addr_humanize(&self, _: &[u8]) -> BackendResult<String> {
        (Err(BackendError::unknown("not needed")), GasInfo::free())
    }
}

/// Nothing can be asked.
#[derive(Clone, Copy)]
struct Nobody;

impl Querier for Nobody {
    fn query_raw(&self, _: &[u8], _: u64) -> BackendResult<SystemResult<ContractResult<Binary>>> {
        (Ok(SystemResult::Err(SystemError::Unknown {})), GasInfo::free())
    }
}

/// A message to the token, encoded.
struct Message {
    info: Vec<u8>,
    execute: Vec<u8>,
}

/// A vm with the token on a state of its own.
struct CosmWasm {
    module: wasmer::Module,
    engine: wasmer::Engine,
    env: Vec<u8>,
    /// Taken by the instance that runs, and given back.
    backend: Option<Backend<Api, State, Nobody>>,
    queue: Vec<Message>,
}

/// As long as real addresses.
fn address(holder: usize) -> String {
    let mixed = (holder as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("peer1{mixed:016x}{holder:023}")
}

impl Engine for CosmWasm {
    type Ledger = Self;
    const WORKS: &[Work] = &[Work::Token];

    fn description() -> Description {
        Description {
            name: "CosmWasm vm".into(),
            version: "3.0.10 (wasmer 7.4.2)".into(),
            works: Self::WORKS.into(),
            token: "Rust, JSON in and out".into(),
            threads: Threads::Halves,
            includes: vec![
                "a fresh instance per message from a module compiled once by singlepass, as the \
                 pinned cache has it; gas metering"
                    .into(),
                "decoding JSON and encoding the answer with its attributes inside the guest".into(),
                "writing to a HashMap at once".into(),
            ],
            excludes: vec![
                "signatures, nonces, fees, rollback, the chain's store: they are the SDK's".into(),
                "encoding the messages, decoding the answers".into(),
            ],
        }
    }

    fn open(_: Work, holders: usize, _: usize) -> anyhow::Result<Self> {
        let limits = WasmLimits::default();
        check_wasm(TOKEN, &capabilities_from_csv(""), &limits, Logger::Off)?;
        let (module, engine) = compile_module(TOKEN, Some(MEMORY))?;
        let env = Env {
            block: BlockInfo {
                height: 12_345,
                time: Timestamp::from_seconds(1_700_000_000),
                chain_id: "peers-1".into(),
            },
            transaction: None,
            contract: ContractInfo { address: Addr::unchecked(address(usize::MAX)) },
        };
        let funded =
            |holder| (address(holder).into_bytes(), u128::from(FUNDS).to_be_bytes().into());
        let storage = State((0..holders).map(funded).collect());
        let backend = Some(Backend { api: Api, storage, querier: Nobody });
        Ok(Self { module, engine, env: to_vec(&env)?, backend, queue: Vec::new() })
    }
}

impl Ledger for CosmWasm {
    fn queue(&mut self, transfers: &[Transfer]) -> anyhow::Result<()> {
        for &Transfer { from, to, amount } in transfers {
            let sender = Addr::unchecked(address(from));
            let info = to_vec(&MessageInfo { sender, funds: Vec::new() })?;
            let recipient = address(to);
            let execute =
                format!(r#"{{"transfer":{{"recipient":"{recipient}","amount":"{amount}"}}}}"#);
            self.queue.push(Message { info, execute: execute.into() });
        }
        Ok(())
    }

    fn execute(&mut self) -> anyhow::Result<()> {
        for message in self.queue.drain(..) {
            let store = wasmer::Store::new(self.engine.clone());
            let backend = self.backend.take().context("the state is gone")?;
            let mut instance = instance_from_module(store, &self.module, backend, GAS, None)?;
            let answer =
                call_execute_raw(&mut instance, &self.env, &message.info, &message.execute)?;
            ensure!(answer.starts_with(br#"{"ok""#), "{}", String::from_utf8_lossy(&answer));
            self.backend = instance.recycle();
        }
        Ok(())
    }

    fn balance(&mut self, holder: usize) -> anyhow::Result<u64> {
        let state = &self.backend.as_ref().context("the state is gone")?.storage.0;
        let bytes = state.get(address(holder).as_bytes()).context("the holder is gone")?;
        Ok(u128::from_be_bytes(bytes.as_slice().try_into()?).try_into()?)
    }
}

fn main() -> anyhow::Result<()> {
    peer::serve::<CosmWasm>()
}

#[cfg(test)]
mod tests {
    #[test]
    fn balances_are_those_of_a_plain_list() {
        peer::rehearse::<super::CosmWasm>().unwrap_or_else(|error| panic!("{error:#}"));
    }
}
