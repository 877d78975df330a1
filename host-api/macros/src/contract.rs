//! `#[contract]`: a struct becomes the state of a contract.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Fields, ItemStruct, Result};

use crate::syntax::{docs, fail, plain};

pub(crate) fn expand(item: ItemStruct) -> Result<TokenStream> {
    if !item.generics.params.is_empty() {
        return fail(&item.generics, "a contract has no parameters: it is one module");
    }
    if matches!(item.fields, Fields::Unnamed(_)) {
        return fail(&item.fields, "the fields of a contract have names: its slots are named so");
    }
    let (ident, name, text) = (&item.ident, plain(&item.ident), docs(&item.attrs));
    let mut opened = Vec::new();
    let mut described = Vec::new();
    for field in &item.fields {
        let (Some(field_ident), ty) = (&field.ident, &field.ty) else { continue };
        let (name, text) = (plain(field_ident), docs(&field.attrs));
        opened.push(quote! { #field_ident: <#ty as ::tos_sdk::StateField>::named(#name) });
        described.push(quote! {
            ::tos_sdk::describe::Slot {
                name: #name,
                docs: #text,
                layout: <#ty as ::tos_sdk::StateField>::LAYOUT,
            }
        });
    }
    Ok(quote! {
        #item

        impl ::tos_sdk::Contract for #ident {
            const DESCRIPTION: ::tos_sdk::describe::Contract = ::tos_sdk::describe::Contract {
                name: #name,
                docs: #text,
                state: &[#(#described),*],
            };

            // Every entry does this: once in the module is enough.
            #[inline(never)]
            fn open() -> Self {
                Self { #(#opened),* }
            }
        }

        ::tos_sdk::description_fragment!(::tos_sdk::describe::Fragment::Contract(
            <#ident as ::tos_sdk::Contract>::DESCRIPTION
        ));
    })
}
