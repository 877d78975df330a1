//! `#[event]`: a struct becomes an event.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Fields, ItemStruct, LitByteStr, LitStr, Result};

use crate::data::expand_struct;
use crate::syntax::{describe_fields, docs, fail, plain, take_flag};

/// Bytes of a topic.
const TOPIC_LEN: usize = 32;
/// The host takes four; the first one is the name.
const TOPICS_MAX: usize = 3;

pub(crate) fn expand(attribute: TokenStream, mut item: ItemStruct) -> Result<TokenStream> {
    if !item.generics.params.is_empty() {
        return fail(&item.generics, "an event has no parameters: tools have to know what it is");
    }
    if !matches!(item.fields, Fields::Named(_)) {
        return fail(&item, "the fields of an event have names");
    }
    let name = name(attribute, &item)?;
    let (mut topics, mut positions) = (Vec::new(), Vec::new());
    for (position, field) in item.fields.iter_mut().enumerate() {
        if take_flag(&mut field.attrs, "topic")? {
            if topics.len() == TOPICS_MAX {
                return fail(field, "an event has at most three topics besides its name");
            }
            topics.push(field.ident.clone());
            positions.push(u8::try_from(position).or_else(|_| fail(&*field, "too many fields"))?);
        }
    }
    let (ident, text, fields) = (&item.ident, docs(&item.attrs), describe_fields(&item.fields));
    let data = expand_struct(ident, &item.fields);
    let topic = LitByteStr::new(&padded(&name), item.ident.span());
    Ok(quote! {
        #item

        #data

        impl ::tos_sdk::Event for #ident {
            const DESCRIPTION: ::tos_sdk::describe::Event = ::tos_sdk::describe::Event {
                name: #name,
                docs: #text,
                fields: #fields,
                topics: &[#(#positions),*],
            };

            #[inline(always)]
            fn topics(&self, out: &mut ::tos_sdk::Buffer) {
                out.push(#topic);
                #(::tos_sdk::Topic::topic(&self.#topics, out);)*
            }
        }

        ::tos_sdk::description_fragment!(::tos_sdk::describe::Fragment::Event(
            <#ident as ::tos_sdk::Event>::DESCRIPTION
        ));
    })
}

/// A name as a topic: padded with zeros.
fn padded(name: &str) -> [u8; TOPIC_LEN] {
    let mut topic = [0; TOPIC_LEN];
    topic[..name.len()].copy_from_slice(name.as_bytes());
    topic
}

fn name(attribute: TokenStream, item: &ItemStruct) -> Result<String> {
    let name = if attribute.is_empty() {
        plain(&item.ident)
    } else {
        syn::parse2::<LitStr>(attribute)?.value()
    };
    if name.is_empty() || name.len() > TOPIC_LEN {
        return fail(&item.ident, "the name of an event is its first topic: 1 to 32 bytes");
    }
    Ok(name)
}
