//! The macros of `tos-sdk`; documented there, where they are re-exported.

mod access;
mod client;
mod contract;
mod data;
mod entries;
mod error;
mod event;
mod syntax;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Makes a struct the state of a contract. Every field is a cell: `Value`, `Map`, `Counter`,
/// `Counters`, or `PerAccount` of one of these.
///
/// ```no_run
/// # use tos_sdk::prelude::*;
/// /// Who owns which name.
/// #[contract]
/// pub struct Names {
///     /// Owners by name.
///     owners: Map<String, Address>,
///     total: Counter,
/// }
/// ```
#[proc_macro_attribute]
pub fn contract(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::ItemStruct);
    finish(syntax::no_arguments(attribute.into()).and_then(|()| contract::expand(item)))
}

/// Makes the public methods of a contract its entries, and writes a client for other contracts.
///
/// A method with `&self` is a view, one with `&mut self` a call. `#[init]` marks the one that runs
/// at deployment, `#[migrate]` the one that runs at an upgrade. Arguments are taken by value.
/// `#[access(...)]` is the entry's access template: which accounts it touches besides the source,
/// and how. It begins with `caller`, `source`, `contract` or an argument, goes on with fields and
/// `[..]` for each element, and ends with `read`, `credit` or `write`. A method that touches nobody
/// else says `#[access()]`; one without a template leaves finding out to a simulation.
///
/// A call that brings deposits is refused, since they would be lost, unless the entry is marked
/// `#[payable]`; what came along is `env::deposit(asset)`.
///
/// ```no_run
/// # use tos_sdk::prelude::*;
/// # #[contract] pub struct Payroll { paid: PerAccount<Counter>, runs: Counter }
/// #[derive(Data)]
/// pub struct Wage { to: Address, amount: u64 }
///
/// #[entries]
/// impl Payroll {
///     /// Pays everybody.
///     #[access(contract: credit, wages[..].to: credit)]
///     pub fn pay(&mut self, wages: Vec<Wage>) {
///         for wage in wages {
///             self.paid.of_mut(wage.to).add(wage.amount);
///         }
///         self.runs.add(1);
///     }
///
///     /// What somebody was paid so far.
///     pub fn paid(&self, to: Address) -> u128 {
///         self.paid.of(to).get()
///     }
/// }
/// ```
///
/// A template is checked where it is written: this has no field `too`.
///
/// ```compile_fail,E0609
/// # use tos_sdk::prelude::*;
/// # #[contract] pub struct Payroll { paid: PerAccount<Counter> }
/// # #[derive(Data)] pub struct Wage { to: Address, amount: u64 }
/// #[entries]
/// impl Payroll {
///     #[access(wages[..].too: credit)]
///     pub fn pay(&mut self, wages: Vec<Wage>) {}
/// }
/// ```
///
/// And a view changes nothing:
///
/// ```compile_fail,E0596
/// # use tos_sdk::prelude::*;
/// # #[contract] pub struct Payroll { paid: PerAccount<Counter> }
/// #[entries]
/// impl Payroll {
///     pub fn pay(&self, to: Address) {
///         self.paid.of(to).add(1);
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn entries(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::ItemImpl);
    finish(syntax::no_arguments(attribute.into()).and_then(|()| entries::expand(item)))
}

/// Writes a client for contracts of which only the interface is known: a trait whose methods are
/// entries. `trait Fungible` gives `FungibleClient`.
///
/// ```no_run
/// # use tos_sdk::prelude::*;
/// #[interface]
/// pub trait Fungible {
///     fn transfer(&mut self, to: Address, amount: u64) -> Result<(), FungibleError>;
///     fn balance_of(&self, holder: Address) -> u128;
/// }
/// # #[error] pub enum FungibleError { /// The balance is too small.
/// # Insufficient = 1 }
///
/// # fn example(token: ContractId, to: Address) -> Result<(), CallError<FungibleError>> {
/// let token = FungibleClient::at(token);
/// token.transfer(&to, &5)?;
/// # Ok(()) }
/// ```
#[proc_macro_attribute]
pub fn interface(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::ItemTrait);
    finish(syntax::no_arguments(attribute.into()).and_then(|()| client::expand_interface(&item)))
}

/// Makes a struct an event. Its first topic is its name, or another one: `#[event("token.paid")]`;
/// fields with `#[topic]` are the further topics, at most three.
///
/// ```no_run
/// # use tos_sdk::prelude::*;
/// #[event]
/// pub struct Paid { #[topic] pub to: Address, pub amount: u64 }
///
/// # fn example(to: Address) {
/// env::emit(&Paid { to, amount: 5 });
/// # }
/// ```
#[proc_macro_attribute]
pub fn event(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::ItemStruct);
    finish(event::expand(attribute.into(), item))
}

/// Makes an enum the errors of a contract. Every variant has a code that never changes, and a doc
/// comment whose first paragraph becomes the message.
///
/// ```
/// # use tos_sdk::prelude::*;
/// #[error]
/// pub enum TokenError {
///     /// The balance is too small.
///     Insufficient = 1,
/// }
///
/// assert_eq!(TokenError::Insufficient.code(), 1);
/// assert_eq!(TokenError::Insufficient.message(), "Insufficient: The balance is too small.");
/// ```
#[proc_macro_attribute]
pub fn error(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::ItemEnum);
    finish(syntax::no_arguments(attribute.into()).and_then(|()| error::expand(item)))
}

/// Makes a struct or enum something that can be stored, passed and returned.
///
/// ```
/// # use tos_sdk::prelude::*;
/// #[derive(Data)]
/// enum State { Open, Sold { to: Address, price: u64 } }
///
/// assert_eq!(State::Open.to_bytes(), [0]);
/// ```
#[proc_macro_derive(Data)]
pub fn data(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::DeriveInput);
    finish(data::expand(&item))
}

fn finish(expanded: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    expanded.unwrap_or_else(|error| error.to_compile_error()).into()
}
