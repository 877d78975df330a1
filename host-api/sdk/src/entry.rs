//! What the macros wrap around an author's method: arguments in, result out.

use alloc::string::String;
use alloc::vec::Vec;

use crate::data::{Data, Input, Malformed};
use crate::error::{ContractError, NoError, codes, fail, within_limits};
use crate::{describe, sys};

/// The arguments of a call, being decoded.
#[derive(Debug)]
pub struct Arguments<'a> {
    entry: &'static str,
    input: Input<'a>,
}

/// The input of the call.
#[must_use]
pub fn input() -> Vec<u8> {
    sys::input()
}

impl<'a> Arguments<'a> {
    /// Starts at the first argument.
    #[must_use]
    pub fn new(entry: &'static str, input: &'a [u8]) -> Self {
        Self { entry, input: Input::new(input) }
    }

    /// Takes the next argument, or aborts with its name.
    #[track_caller]
    pub fn next<T: Data>(&mut self, name: &str) -> T {
        match T::decode(&mut self.input) {
            Ok(value) => value,
            Err(malformed) => refuse(self.entry, Some(name), malformed),
        }
    }

    /// Aborts when there is input left.
    #[track_caller]
    pub fn finish(self) {
        let found = self.input.rest().len();
        if found > 0 {
            refuse(self.entry, None, Malformed::Trailing { found });
        }
    }
}

#[cold]
#[track_caller]
fn refuse(entry: &str, argument: Option<&str>, malformed: Malformed) -> ! {
    let mut message = String::from(entry);
    if let Some(argument) = argument {
        message.push_str(": argument `");
        message.push_str(argument);
        message.push('`');
    }
    message.push_str(": ");
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
        Ok(output) => {
            let bytes = output.to_bytes();
            if !bytes.is_empty() {
                within_limits(sys::set_return(&bytes), "result");
            }
        }
        Err(error) => error.abort(),
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
pub trait NamesAccount {}

impl NamesAccount for tos_host_api::Address {}
impl NamesAccount for tos_host_api::PublicKey {}
impl NamesAccount for tos_host_api::ContractId {}
impl<T: NamesAccount> NamesAccount for Option<T> {}

/// Accepts what a template names.
pub const fn names_account<T: NamesAccount>(_: &T) {}
