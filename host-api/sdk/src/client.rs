//! Calling other contracts.

use tos_host_api::{Address, AssetId, ContractId, Status};

use crate::buffer::Buffer;
use crate::data::{Data, Malformed, encode};
use crate::entry::Return;
use crate::error::ContractError;
use crate::sys;

/// Another contract, and what a call gives it. The clients that the macros write wrap this; it also
/// calls entries of which there is no definition.
///
/// ```no_run
/// # use tos_sdk::prelude::*;
/// # fn example(registry: ContractId) {
/// let name = Callee::at(registry).call::<String, NoError>("name_of", &env::caller());
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Callee {
    contract: ContractId,
    gas: u64,
    deposits: Buffer,
    deposit_count: u32,
}

/// Why a call of another contract gave no result. Whatever the callee did is undone, deposits
/// included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallError<E> {
    /// The callee failed with an error of its own.
    Reverted(E),
    /// The callee failed with a code that is none of its errors: see
    /// [`codes`](crate::error::codes).
    RevertedWith(u32),
    /// The callee was stopped: out of gas, trap, stack limit. All gas it was given is gone.
    Halted,
    /// The callee did not run: it or the entry does not exist, it is running already, too many
    /// calls run, or the deposits cannot be made. The status as the host gave it.
    Refused(i32),
    /// The callee returned something else.
    Malformed(Malformed),
}

impl Callee {
    /// A contract; calls give it all the gas there is and no deposits.
    #[must_use]
    pub const fn at(contract: ContractId) -> Self {
        Self { contract, gas: u64::MAX, deposits: Buffer::new(), deposit_count: 0 }
    }

    /// The contract.
    #[must_use]
    pub const fn contract(&self) -> ContractId {
        self.contract
    }

    /// What a call may use. The host keeps one part in 64 of what is left for the caller.
    #[must_use]
    pub const fn with_gas(mut self, gas: u64) -> Self {
        self.gas = gas;
        self
    }

    /// What every call from here on brings along, from this contract's own account. No asset twice.
    #[must_use]
    pub fn with_deposit(mut self, asset: AssetId, amount: u64) -> Self {
        asset.encode(&mut self.deposits);
        amount.encode(&mut self.deposits);
        self.deposit_count += 1;
        self
    }

    /// Calls an entry with arguments: a tuple, or one that is none.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn call<T: Data, E: ContractError>(
        &self,
        entry: &str,
        arguments: &impl Data,
    ) -> Result<T, CallError<E>> {
        self.call_encoded::<Result<T, E>>(entry, &encode(arguments))
    }

    /// Calls an entry with encoded arguments.
    #[doc(hidden)]
    pub fn call_encoded<R: Return>(
        &self,
        entry: &str,
        input: &[u8],
    ) -> Result<R::Output, CallError<R::Error>> {
        let status = sys::call(&sys::CallRequest {
            contract: &Address::Contract(self.contract),
            entry,
            input,
            gas: self.gas,
            deposits: &self.deposits,
            deposit_count: self.deposit_count,
        });
        if status == Status::Ok.code() {
            R::Output::from_bytes(&sys::return_data()).map_err(CallError::Malformed)
        } else if status == Status::Reverted.code() {
            let code = sys::revert_code();
            Err(R::Error::from_code(code)
                .map_or(CallError::RevertedWith(code), CallError::Reverted))
        } else if status == Status::Halted.code() {
            Err(CallError::Halted)
        } else {
            Err(CallError::Refused(status))
        }
    }
}
