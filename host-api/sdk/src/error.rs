//! Failing: a contract's own errors, and the codes of failures that no contract has to think of.

use core::panic::Location;

use crate::buffer::Buffer;
use crate::sys;

/// Codes with which the SDK aborts. A contract's own errors have codes from 1 to
/// [`codes::OWN_MAX`].
pub mod codes {
    /// Highest code of a contract's own errors.
    pub const OWN_MAX: u32 = 0xffff_feff;
    /// A panic: an index out of bounds, an overflow, `unwrap`, `expect`, `panic!`.
    pub const PANIC: u32 = 0xffff_ffff;
    /// The input is not the arguments of the entry.
    pub const INPUT: u32 = 0xffff_fffe;
    /// A slot holds something else than its type says, or nothing where there has to be something.
    pub const STORAGE: u32 = 0xffff_fffd;
    /// A limit of the host: a key, a value, a result or an event is too long, or there are too many
    /// events.
    pub const LIMIT: u32 = 0xffff_fffc;
    /// The contract's account holds less than its books say.
    pub const PAYMENT: u32 = 0xffff_fffb;
    /// The call brought a deposit to an entry that is not marked `#[payable]`.
    pub const DEPOSIT: u32 = 0xffff_fffa;
}

/// An error of a contract: an enum with the attribute [`error`](macro@crate::error). Not
/// implemented by hand.
pub trait ContractError: Sized {
    /// What it looks like to tools.
    const ERROR: crate::describe::Error;

    /// The stable code, 1 to [`codes::OWN_MAX`].
    fn code(&self) -> u32;

    /// The error with this code.
    fn from_code(code: u32) -> Option<Self>;

    /// The variant's name and the first sentence about it.
    fn message(&self) -> &'static str;

    /// Aborts the call here: everything it did is undone, and the operator is told this place.
    #[track_caller]
    fn abort(self) -> ! {
        fail(self.code(), self.message().as_bytes())
    }
}

/// The error of entries that have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoError {}

/// Aborts with the caller's place.
#[track_caller]
pub(crate) fn fail(code: u32, message: &[u8]) -> ! {
    let place = Location::caller();
    sys::abort(code, message, place.file(), place.line())
}

/// Aborts when memory has run out, without using any.
#[cold]
pub(crate) fn out_of_memory() -> ! {
    sys::abort(codes::PANIC, b"out of memory", "", 0)
}

/// Aborts unless a host function succeeded in what can only fail by a limit of the host.
#[track_caller]
#[inline(always)]
pub(crate) fn within_limits(status: i32, what: &str) {
    if status < 0 {
        limit(what)
    }
}

#[cold]
#[track_caller]
pub(crate) fn limit(what: &str) -> ! {
    let mut message = Buffer::new();
    message.text(what);
    message.text(": beyond the limits of the host");
    fail(codes::LIMIT, &message)
}

/// Aborts the call with an error unless a condition holds.
///
/// Like returning the error, but the operator is told the line of the condition and not only the
/// entry.
///
/// ```
/// # use tos_sdk::prelude::*;
/// # #[error] pub enum TokenError { /// The amount is zero.
/// # Zero = 1 }
/// # fn check(amount: u64) {
/// require!(amount > 0, TokenError::Zero);
/// # }
/// # check(1);
/// ```
#[macro_export]
macro_rules! require {
    ($condition:expr, $error:expr $(,)?) => {
        if !$condition {
            $crate::ContractError::abort($error)
        }
    };
}
