//! Status codes that host functions return to guests. Zero is success, errors are negative, so that
//! one `i32` can carry either a length or an error.

/// The result of a host function as the guest sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[repr(i32)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// There is no such slot.
    NotFound = -1,
    /// A key is empty or longer than [`crate::limits::KEY_LEN_MAX`] bytes.
    KeyLength = -2,
    /// A value is longer than [`crate::limits::VALUE_LEN_MAX`] bytes.
    ValueLength = -3,
    /// The balance or counter is smaller than the amount.
    Insufficient = -4,
    /// Return data, event data or a message is longer than its limit.
    TooLong = -5,
    /// The transaction has emitted as many events as it may, or an event has too many topics.
    EventLimit = -6,
    /// No asset has this id.
    UnknownAsset = -7,
    /// No contract with this address was callable at the start of the block.
    NoSuchContract = -8,
    /// The contract exports no such entry, or it may not be called.
    NoSuchEntry = -9,
    /// [`crate::limits::CALL_DEPTH_MAX`] calls are running already.
    DepthLimit = -10,
    /// The contract is running already: it called, directly or not, whoever calls it now.
    Reentry = -11,
    /// The callee failed with a code of its own; see `revert_code`.
    Reverted = -12,
    /// The callee was stopped: out of gas, trap, stack limit. All gas it was given is gone.
    Halted = -13,
    /// The signature is not one of this message by this key, or is encoded wrongly.
    InvalidSignature = -14,
    /// An asset occurs twice among the deposits.
    DuplicateDeposit = -15,
}

impl Status {
    /// The number a guest sees.
    #[must_use]
    pub const fn code(self) -> i32 {
        self as i32
    }
}
