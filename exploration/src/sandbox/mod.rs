//! A sandbox without wasmtime. A module passes the engine's own gate and is kept in its own cache,
//! and calls need its own permits; but what a call does is written in its input, as [`Step`]s that
//! are carried out on the journal of the transaction.

#[path = "../../../runtime/src/sandbox/counter_keys.rs"]
mod counter_keys;
mod guest;
mod modules;
#[path = "../../../runtime/src/sandbox/permits.rs"]
mod permits;
#[path = "../../../runtime/src/sandbox/prepare/mod.rs"]
pub mod prepare;

use tos_host_api::{Address, ContractId, Gas};

pub use self::guest::Step;
pub(crate) use self::guest::call;
pub(crate) use self::modules::{CompiledModule, Modules, ModulesConfig, Preparation, Verdict};
pub(crate) use self::permits::CallPermit;
use crate::execute::Interrupt;
use crate::types::Deposit;

/// Nobody overflows anything here; shuttle gives all threads the same stack.
pub(crate) const WASM_STACK_BYTES: usize = 0;

/// See the engine's `sandbox/call.rs`.
pub(crate) struct CallRequest<'a> {
    pub(crate) module: &'a CompiledModule,
    pub(crate) entry: i32,
    pub(crate) gas: Gas,
    pub(crate) stack_words: u64,
    pub(crate) caller: Address,
    pub(crate) contract: ContractId,
    pub(crate) input: &'a [u8],
    pub(crate) deposits: &'a [Deposit],
    pub(crate) read_only: bool,
}

/// See the engine's `sandbox/call.rs`.
pub(crate) struct CallEnd {
    pub(crate) result: Result<(), Interrupt>,
    pub(crate) gas_used: Gas,
    pub(crate) return_data: Vec<u8>,
}

/// Instances that a permit keeps: there are none.
mod kept {
    pub(super) const KEPT_INSTANCES_MAX: usize = 0;

    pub(super) struct Kept;

    impl Kept {
        pub(super) fn new(_reuse: bool) -> Self {
            Self
        }

        pub(super) fn take_all(&mut self) -> Self {
            Self
        }

        pub(super) fn forget_modules_that_left(&mut self) {}
    }
}
