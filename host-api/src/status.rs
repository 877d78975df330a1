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
}

impl Status {
    /// The number a guest sees.
    #[must_use]
    pub const fn code(self) -> i32 {
        self as i32
    }
}
