//! `#[derive(Data)]`: encoding, decoding and description of an author's own types.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DataEnum, DeriveInput, Fields, Ident, Result};

use crate::syntax::{bindings, describe_fields, fail, plain, shape};

pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    if !item.generics.params.is_empty() {
        return fail(&item.generics, "data has no parameters: tools have to know what it is");
    }
    match &item.data {
        syn::Data::Struct(data) => Ok(expand_struct(&item.ident, &data.fields)),
        syn::Data::Enum(data) => expand_enum(&item.ident, data),
        syn::Data::Union(_) => fail(item, "a union has no encoding"),
    }
}

/// Also used for events.
pub(crate) fn expand_struct(ident: &Ident, fields: &Fields) -> TokenStream {
    let (name, described) = (plain(ident), describe_fields(fields));
    let bindings = bindings(fields);
    let shape = shape(fields, &bindings);
    quote! {
        impl ::tos_sdk::Data for #ident {
            const TYPE: ::tos_sdk::describe::Type =
                ::tos_sdk::describe::Type::Struct(#name, #described);

            fn encode(&self, out: &mut ::tos_sdk::Buffer) {
                let Self #shape = self;
                #(::tos_sdk::Data::encode(#bindings, out);)*
                let _ = out;
            }

            fn decode(input: &mut ::tos_sdk::Input<'_>) -> Self {
                let _ = &input;
                #(let #bindings = ::tos_sdk::Data::decode(input);)*
                Self #shape
            }
        }
    }
}

fn expand_enum(ident: &Ident, data: &DataEnum) -> Result<TokenStream> {
    if data.variants.is_empty() {
        return fail(ident, "an enum without variants has no values to encode");
    }
    let name = plain(ident);
    let invalid = format!("none of the variants of {name}");
    let (mut described, mut encoded, mut decoded) = (Vec::new(), Vec::new(), Vec::new());
    let mut fallback = None;
    for (position, variant) in data.variants.iter().enumerate() {
        if let Some((_, discriminant)) = &variant.discriminant {
            return fail(discriminant, "the encoding counts variants from 0, in their order");
        }
        let Ok(tag) = u8::try_from(position) else {
            return fail(variant, "an enum has at most 256 variants");
        };
        let (ident, variant_name) = (&variant.ident, plain(&variant.ident));
        let bindings = bindings(&variant.fields);
        let shape = shape(&variant.fields, &bindings);
        let fields = describe_fields(&variant.fields);
        described.push(quote! {
            ::tos_sdk::describe::Variant { name: #variant_name, tag: #tag, fields: #fields }
        });
        encoded.push(quote! {
            Self::#ident #shape => {
                out.push(&[#tag]);
                #(::tos_sdk::Data::encode(#bindings, out);)*
            }
        });
        let decode = quote! {
            #(let #bindings = ::tos_sdk::Data::decode(input);)*
            Self::#ident #shape
        };
        decoded.push(quote! { #tag => { #decode } });
        // Anything will do where the input is malformed; the first variant is as good as another.
        fallback.get_or_insert(decode);
    }
    Ok(quote! {
        impl ::tos_sdk::Data for #ident {
            const TYPE: ::tos_sdk::describe::Type =
                ::tos_sdk::describe::Type::Enum(#name, &[#(#described),*]);

            fn encode(&self, out: &mut ::tos_sdk::Buffer) {
                match self {
                    #(#encoded)*
                }
            }

            fn decode(input: &mut ::tos_sdk::Input<'_>) -> Self {
                match input.take_byte() {
                    #(#decoded)*
                    _ => {
                        input.fail(::tos_sdk::Malformed::Invalid(#invalid));
                        #fallback
                    }
                }
            }
        }
    })
}
