//! The NEAR vm runner on the common work: one function call after the other, on a state in memory.
//! Has no plain transfers; those are the node's runtime's, not the vm's.

use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, ensure};
use near_parameters::{RuntimeConfig, RuntimeConfigStore};
use near_primitives_core::account::AccountContract;
use near_primitives_core::hash::CryptoHash;
use near_primitives_core::types::{AccountId, Balance, Gas};
use near_primitives_core::version::PROTOCOL_VERSION;
use near_vm_runner::logic::VMContext;
use near_vm_runner::logic::mocks::mock_external::MockedExternal;
use near_vm_runner::{
    Contract, ContractCode, FilesystemContractRuntimeCache, noop_background_spawner,
    precompile_contract,
};
use peer::{Description, Engine, FUNDS, Ledger, Threads, Transfer, Work};

/// The token.
const TOKEN: &str = include_str!("../contracts/token.wat");
/// What a call is usually given.
const GAS: Gas = Gas::from_teragas(30);
/// Modules that are kept ready, and bytes of compiled code that are kept on disk.
const MODULES_READY: usize = 16;
const DISK_BYTES: u64 = 1 << 30;

/// The token, as the runner looks at it.
struct Token(Arc<ContractCode>);

impl Contract for Token {
    fn hash(&self) -> CryptoHash {
        *self.0.hash()
    }

    fn get_code(&self) -> Option<Arc<ContractCode>> {
        Some(self.0.clone())
    }
}

/// A runner with the token on a state of its own.
struct Near {
    config: Arc<RuntimeConfig>,
    token: Token,
    cache: FilesystemContractRuntimeCache,
    /// Where `cache` is; removed with it.
    _folder: tempfile::TempDir,
    state: MockedExternal,
    queue: Vec<VMContext>,
}

/// As long as accounts that are named after their keys.
fn account(holder: usize) -> anyhow::Result<AccountId> {
    let mixed = (holder as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Ok(format!("{mixed:016x}{holder:048x}").parse()?)
}

fn key(account: &AccountId) -> Vec<u8> {
    [b"t", account.as_bytes()].concat()
}

fn context(transfer: &Transfer) -> anyhow::Result<VMContext> {
    let sender = account(transfer.from)?;
    let receiver = account(transfer.to)?;
    let input = [&transfer.amount.to_le_bytes(), receiver.as_bytes()].concat();
    Ok(VMContext {
        current_account_id: "token.near".parse()?,
        signer_account_id: sender.clone(),
        signer_account_pk: vec![0; 33],
        predecessor_account_id: sender.clone(),
        refund_to_account_id: sender,
        input: Rc::from(input),
        promise_results: Arc::from(Vec::new()),
        block_height: 10,
        block_timestamp: 1_700_000_000_000_000_000,
        epoch_height: 1,
        account_balance: Balance::from_near(1_000),
        account_locked_balance: Balance::ZERO,
        storage_usage: 1_000,
        account_contract: AccountContract::None,
        attached_deposit: Balance::ZERO,
        prepaid_gas: GAS,
        random_seed: vec![0; 32],
        view_config: None,
        output_data_receivers: Vec::new(),
    })
}

impl Engine for Near {
    type Ledger = Self;
    const WORKS: &[Work] = &[Work::Token];

    fn description() -> Description {
        Description {
            name: "NEAR vm runner".into(),
            version: "0.38.0 (wasmtime 45)".into(),
            works: Self::WORKS.into(),
            token: "WAT, binary arguments".into(),
            threads: Threads::Halves,
            includes: vec![
                "looking up the compiled module, a pooled instance per call, gas metering with \
                 profile"
                    .into(),
                "writing to the HashMap of MockedExternal at once; a log line per transfer".into(),
            ],
            excludes: vec![
                "signatures, nonces, fees, receipts, rollback, the trie: they are the node's"
                    .into(),
                "a second block: on NEAR a call by a user is a transaction and a receipt".into(),
            ],
        }
    }

    fn open(_: Work, holders: usize, _: usize) -> anyhow::Result<Self> {
        let config = RuntimeConfigStore::new(None).get_config(PROTOCOL_VERSION).clone();
        let token = Token(Arc::new(ContractCode::new(wat::parse_str(TOKEN)?, None)));
        let folder = tempfile::tempdir()?;
        let cache = FilesystemContractRuntimeCache::with_memory_cache(
            folder.path(),
            None::<&str>,
            "contracts",
            MODULES_READY,
            None,
            DISK_BYTES,
            noop_background_spawner(),
        )?;
        precompile_contract(&token.0, config.wasm_config.clone(), Some(&cache))?
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        let mut state = MockedExternal::new();
        for holder in 0..holders {
            state.fake_trie.insert(key(&account(holder)?), FUNDS.to_le_bytes().into());
        }
        Ok(Self { config, token, cache, _folder: folder, state, queue: Vec::new() })
    }
}

impl Ledger for Near {
    fn queue(&mut self, transfers: &[Transfer]) -> anyhow::Result<()> {
        self.queue = transfers.iter().map(context).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn execute(&mut self) -> anyhow::Result<()> {
        let wasm = &self.config.wasm_config;
        for context in self.queue.drain(..) {
            let gas = context.make_gas_counter(wasm);
            let cache = Some(&self.cache as _);
            let call = near_vm_runner::prepare(&self.token, wasm.clone(), cache, gas, "transfer");
            let fees = self.config.fees.clone();
            let outcome = near_vm_runner::run(call, &mut self.state, &context, fees)
                .map_err(|error| anyhow::anyhow!("{error:?}"))?;
            ensure!(outcome.aborted.is_none(), "{:?}", outcome.aborted);
        }
        Ok(())
    }

    fn balance(&mut self, holder: usize) -> anyhow::Result<u64> {
        let bytes = self.state.fake_trie.get(&key(&account(holder)?));
        let bytes = bytes.context("the holder is gone")?;
        Ok(u64::from_le_bytes(bytes.as_slice().try_into()?))
    }
}

fn main() -> anyhow::Result<()> {
    peer::serve::<Near>()
}

#[cfg(test)]
mod tests {
    #[test]
    fn balances_are_those_of_a_plain_list() {
        peer::rehearse::<super::Near>().unwrap_or_else(|error| panic!("{error:#}"));
    }
}
