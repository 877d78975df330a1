//! `#[error]`: an enum of codes becomes a contract's errors.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, Fields, ItemEnum, Lit, Result, Variant};

use crate::syntax::{docs, fail, plain};

/// As `tos_sdk::error::codes::OWN_MAX`; the expansion compares.
const OWN_MAX: u32 = 0xffff_feff;

pub(crate) fn expand(item: ItemEnum) -> Result<TokenStream> {
    let (ident, name) = (&item.ident, plain(&item.ident));
    let mut codes = Vec::new();
    let mut described = Vec::new();
    let mut messages = Vec::new();
    for variant in &item.variants {
        let code = code(variant)?;
        if codes.contains(&code) {
            return fail(variant, "another error has this code");
        }
        codes.push(code);
        let (name, text) = (plain(&variant.ident), docs(&variant.attrs));
        if text.is_empty() {
            return fail(
                variant,
                "say what went wrong in a doc comment: it is the error's message",
            );
        }
        described.push(quote! {
            ::tos_sdk::describe::ErrorVariant { code: #code, name: #name, docs: #text }
        });
        messages.push(format!("{name}: {text}"));
    }
    if codes.is_empty() {
        return fail(&item, "an error without variants cannot happen");
    }
    let variants: Vec<_> = item.variants.iter().map(|variant| &variant.ident).collect();
    Ok(quote! {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u32)]
        #item

        const _: () = assert!(::tos_sdk::error::codes::OWN_MAX == #OWN_MAX);

        impl ::tos_sdk::ContractError for #ident {
            const ERROR: ::tos_sdk::describe::Error =
                ::tos_sdk::describe::Error { name: #name, variants: &[#(#described),*] };

            fn code(&self) -> u32 {
                *self as u32
            }

            fn from_code(code: u32) -> ::core::option::Option<Self> {
                match code {
                    #(#codes => ::core::option::Option::Some(Self::#variants),)*
                    _ => ::core::option::Option::None,
                }
            }

            fn message(&self) -> &'static str {
                match self {
                    #(Self::#variants => #messages,)*
                }
            }
        }
    })
}

fn code(variant: &Variant) -> Result<u32> {
    if !matches!(variant.fields, Fields::Unit) {
        return fail(&variant.fields, "an error is a code: it has no fields");
    }
    let Some((_, expression)) = &variant.discriminant else {
        return fail(variant, "give the error a code that never changes: `= 1`");
    };
    let Expr::Lit(literal) = expression else {
        return fail(expression, "the code is a number");
    };
    let Lit::Int(number) = &literal.lit else {
        return fail(expression, "the code is a number");
    };
    match number.base10_parse::<u32>()? {
        code @ 1..=OWN_MAX => Ok(code),
        _ => fail(number, "the code is 0 or reserved for the SDK: it has to be 1 to 0xfffffeff"),
    }
}
