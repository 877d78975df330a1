//! What the macros wrap around an author's method: arguments in, result out.

use crate::buffer::Buffer;
use crate::data::{Data, Input, Malformed, encode};
use crate::error::{ContractError, NoError, codes, fail, within_limits};
use crate::{describe, sys};

/// The arguments of a call, being decoded.
#[derive(Debug)]
pub struct Arguments {
    entry: &'static str,
    input: Input<'static>,
}

impl Arguments {
    /// Begins an entry that takes no deposits: aborts when there are any, since nobody would ever
    /// get them back.
    #[must_use]
    #[track_caller]
    pub fn of(entry: &'static str) -> Self {
        if sys::deposit_count() > 0 {
            fail(codes::DEPOSIT, b"takes no deposits");
        }
        Self::payable(entry)
    }

    /// Asks for the input and starts at the first argument.
    #[must_use]
    pub fn payable(entry: &'static str) -> Self {
        // Not freed: it goes with the instance when the call ends.
        let input = sys::input().leak();
        Self { entry, input: Input::new(input) }
    }

    /// Takes the next argument, or aborts with its name.
    #[track_caller]
    pub fn next<T: Data>(&mut self, name: &str) -> T {
        let value = T::decode(&mut self.input);
        self.check(name);
        value
    }

    #[track_caller]
    #[inline(always)]
    fn check(&self, name: &str) {
        if let Some(malformed) = self.input.malformed() {
            refuse(self.entry, Some(name), malformed);
        }
    }

    /// Aborts when there is input left.
    #[track_caller]
    pub fn finish(self) {
        if let Err(malformed) = self.input.finish() {
            refuse(self.entry, None, malformed);
        }
    }
}

#[cold]
#[track_caller]
fn refuse(entry: &str, argument: Option<&str>, malformed: Malformed) -> ! {
    let mut message = Buffer::new();
    message.text(entry);
    if let Some(argument) = argument {
        message.text(": argument `");
        message.text(argument);
        message.text("`");
    }
    message.text(": ");
    malformed.describe(&mut message);
    fail(codes::INPUT, &message)
}

/// What a method may return: a value, or a value or an error.
pub trait Return {
    /// The value.
    type Output: Data;
    /// The error.
    type Error: ContractError;
    /// The error, if there can be one.
    const ERROR: Option<&'static describe::Error>;

    /// As a result.
    ///
    /// # Errors
    /// What the method returned as one.
    fn into_result(self) -> Result<Self::Output, Self::Error>;
}

impl<T: Data> Return for T {
    type Output = T;
    type Error = NoError;
    const ERROR: Option<&'static describe::Error> = None;

    fn into_result(self) -> Result<T, NoError> {
        Ok(self)
    }
}

impl<T: Data, E: ContractError> Return for Result<T, E> {
    type Output = T;
    type Error = E;
    const ERROR: Option<&'static describe::Error> = Some(&E::ERROR);

    fn into_result(self) -> Self {
        self
    }
}

/// Ends a call: sets the return data, or aborts.
#[track_caller]
pub fn finish<R: Return>(returned: R) {
    match returned.into_result() {
        Ok(output) => set_return(&encode(&output)),
        Err(error) => error.abort(),
    }
}

#[track_caller]
#[inline(never)]
fn set_return(bytes: &[u8]) {
    if !bytes.is_empty() {
        within_limits(sys::set_return(bytes), "result");
    }
}

impl ContractError for NoError {
    const ERROR: describe::Error = describe::Error { name: "", variants: &[] };

    fn code(&self) -> u32 {
        match *self {}
    }

    fn from_code(_: u32) -> Option<Self> {
        None
    }

    fn message(&self) -> &'static str {
        match *self {}
    }
}

/// A type that names an account, for checking access templates at compile time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no account",
    note = "go on to a field with `.name`, to each element of a list with `[..]`"
)]
pub trait NamesAccount {}

impl NamesAccount for tos_host_api::Address {}
impl NamesAccount for tos_host_api::PublicKey {}
impl NamesAccount for tos_host_api::ContractId {}
impl<T: NamesAccount> NamesAccount for Option<T> {}

/// Accepts what a template names.
pub const fn names_account<T: NamesAccount>(_: &T) {}
