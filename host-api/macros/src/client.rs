//! Clients: the entries of a contract as methods for other contracts.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{FnArg, ItemTrait, Result, ReturnType, TraitItem, Visibility};

use crate::entries::{Argument, arguments};
use crate::syntax::{derived, fail, plain};

/// An entry as a client sees it.
pub(crate) struct Method<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) docs: Vec<&'a syn::Attribute>,
    pub(crate) arguments: &'a [Argument],
    pub(crate) output: &'a ReturnType,
}

/// Writes the client of a contract or interface.
pub(crate) fn expand(visibility: &Visibility, of: &Ident, methods: &[Method<'_>]) -> TokenStream {
    let client = derived(of, "Client");
    let docs = format!("Calls of another contract that is a [`{of}`].");
    let methods = methods.iter().map(method);
    quote! {
        #[doc = #docs]
        #[derive(Debug, Clone)]
        #[allow(dead_code, reason = "not every contract is called by others")]
        #visibility struct #client(::tos_sdk::Callee);

        #[allow(dead_code, clippy::ptr_arg, reason = "calls take what entries do, by reference")]
        impl #client {
            /// A contract; calls give it all the gas there is and no deposits.
            #[must_use]
            pub const fn at(contract: ::tos_sdk::prelude::ContractId) -> Self {
                Self(::tos_sdk::Callee::at(contract))
            }

            /// What a call may use.
            #[must_use]
            pub fn with_gas(self, gas: u64) -> Self {
                Self(self.0.with_gas(gas))
            }

            /// What every call from here on brings along, from this contract's own account.
            #[must_use]
            pub fn with_deposit(self, asset: ::tos_sdk::prelude::AssetId, amount: u64) -> Self {
                Self(self.0.with_deposit(asset, amount))
            }

            #(#methods)*
        }
    }
}

fn method(method: &Method<'_>) -> TokenStream {
    let Method { ident, docs, arguments, output } = method;
    let entry = plain(ident);
    let output = match output {
        ReturnType::Default => quote! { () },
        ReturnType::Type(_, ty) => quote! { #ty },
    };
    let names: Vec<_> = arguments.iter().map(|argument| &argument.ident).collect();
    let types = arguments.iter().map(|argument| &argument.ty);
    quote! {
        #(#docs)*
        ///
        /// # Errors
        /// What the callee failed with, or why it did not run.
        pub fn #ident(
            &self,
            #(#names: &#types),*
        ) -> ::core::result::Result<
            <#output as ::tos_sdk::entry::Return>::Output,
            ::tos_sdk::CallError<<#output as ::tos_sdk::entry::Return>::Error>,
        > {
            #[allow(unused_mut)]
            let mut input = ::tos_sdk::Buffer::new();
            #(::tos_sdk::Data::encode(#names, &mut input);)*
            self.0.call_encoded::<#output>(#entry, &input)
        }
    }
}

/// `#[interface]`: the trait and its client.
pub(crate) fn expand_interface(item: &ItemTrait) -> Result<TokenStream> {
    if !item.generics.params.is_empty() {
        return fail(&item.generics, "an interface has no parameters");
    }
    let mut methods = Vec::new();
    for member in &item.items {
        let TraitItem::Fn(function) = member else {
            return fail(member, "an interface has methods only");
        };
        let signature = &function.sig;
        if !matches!(signature.inputs.first(), Some(FnArg::Receiver(_))) {
            return fail(
                signature,
                "an entry begins with `&self` (a view) or `&mut self` (a call)",
            );
        }
        methods.push((function, arguments(signature)?));
    }
    let methods: Vec<_> = methods
        .iter()
        .map(|(function, arguments)| Method {
            ident: &function.sig.ident,
            docs: function.attrs.iter().filter(|one| one.path().is_ident("doc")).collect(),
            arguments,
            output: &function.sig.output,
        })
        .collect();
    let client = expand(&item.vis, &item.ident, &methods);
    Ok(quote! {
        #[allow(dead_code, reason = "it is there for its client")]
        #item

        #client
    })
}
