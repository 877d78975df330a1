//! What came of one transaction of a test.

use borsh::BorshDeserialize;
use tos_host_api::Gas;

use crate::error::InvalidTransaction;
use crate::execute::GuestMessage;
use crate::types::{AccessList, Event, ExecutionStatus, Receipt, RevertReason};

/// The end of a transaction, with all that a test or its author may want to know.
#[derive(Debug, Clone)]
pub struct Called {
    /// Who did what, for the text of failures.
    pub(super) what: String,
    /// Its receipt, or why it could not be included.
    pub result: Result<Receipt, InvalidTransaction>,
    /// What contracts had to say: `debug_log`, and the message and place of an `abort` or panic.
    pub messages: Vec<GuestMessage>,
    /// The access list it was sent with.
    pub access: AccessList,
    /// What the contract's access template declares beyond what the call needs. Not always wrong: a
    /// template has no branches, and declares what any branch needs.
    pub superfluous: AccessList,
}

impl Called {
    /// The receipt.
    ///
    /// # Panics
    /// When the transaction could not be included in its block.
    #[track_caller]
    #[must_use]
    pub fn receipt(&self) -> &Receipt {
        match &self.result {
            Ok(receipt) => receipt,
            Err(invalid) => panic!("{} was not included: {invalid}", self.what),
        }
    }

    /// How it ended.
    ///
    /// # Panics
    /// See [`Called::receipt`].
    #[track_caller]
    #[must_use]
    pub fn status(&self) -> &ExecutionStatus {
        &self.receipt().status
    }

    /// Demands success.
    ///
    /// # Panics
    /// When it failed; the text holds what the contract said.
    #[track_caller]
    pub fn expect_ok(self) -> Self {
        assert!(self.status().is_success(), "{}", self.told());
        self
    }

    /// Demands that the contract aborted with this code.
    ///
    /// # Panics
    /// When it ended otherwise.
    #[track_caller]
    pub fn expect_reverted(self, code: impl Into<u32>) -> Self {
        let code = code.into();
        let expected = ExecutionStatus::Reverted(RevertReason::Contract(code));
        assert!(*self.status() == expected, "{}, expected: aborts with {code}", self.told());
        self
    }

    /// Demands that the engine stopped it.
    ///
    /// # Panics
    /// When it ended otherwise.
    #[track_caller]
    pub fn expect_halted(self) -> Self {
        let halted = matches!(self.status(), ExecutionStatus::Halted(_));
        assert!(halted, "{}, expected: is halted", self.told());
        self
    }

    /// What an entry returned.
    ///
    /// # Panics
    /// When it failed, or returned something else.
    #[track_caller]
    #[must_use]
    pub fn returned<T: BorshDeserialize>(&self) -> T {
        assert!(self.status().is_success(), "{}", self.told());
        decode(&self.receipt().return_data, &self.what)
    }

    /// The events in the order they were emitted.
    ///
    /// # Panics
    /// See [`Called::receipt`].
    #[track_caller]
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.receipt().events
    }

    /// Gas it pays for.
    ///
    /// # Panics
    /// See [`Called::receipt`].
    #[track_caller]
    #[must_use]
    pub fn gas_used(&self) -> Gas {
        self.receipt().gas_used
    }

    /// How it ended and what the contract said about it.
    #[track_caller]
    fn told(&self) -> String {
        let mut text = format!("{}: {}", self.what, self.receipt().status);
        for message in &self.messages {
            text.push_str("\n  said: ");
            text.push_str(&message.text);
        }
        text
    }
}

/// Decodes what an entry returned.
#[track_caller]
pub(super) fn decode<T: BorshDeserialize>(bytes: &[u8], what: &str) -> T {
    borsh::from_slice(bytes).unwrap_or_else(|error| {
        let wanted = std::any::type_name::<T>();
        panic!("{what} returned {} bytes that are no {wanted}: {error}", bytes.len())
    })
}
