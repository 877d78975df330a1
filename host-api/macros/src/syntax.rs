//! What several macros do with syntax.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{Attribute, Expr, Field, Fields, Lit, Meta, Result};

/// An error at some tokens.
pub(crate) fn fail<T>(at: impl quote::ToTokens, message: &str) -> Result<T> {
    Err(syn::Error::new_spanned(at, message))
}

/// Refuses arguments of an attribute that takes none.
pub(crate) fn no_arguments(attribute: TokenStream) -> Result<()> {
    if attribute.is_empty() { Ok(()) } else { fail(attribute, "this attribute takes no arguments") }
}

/// The first paragraph of the doc comments, on one line.
pub(crate) fn docs(attributes: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes {
        if let Meta::NameValue(pair) = &attribute.meta
            && pair.path.is_ident("doc")
            && let Expr::Lit(literal) = &pair.value
            && let Lit::Str(text) = &literal.lit
        {
            lines.extend(text.value().lines().map(|line| line.trim().to_owned()));
            // An empty comment line has no lines of its own.
            if text.value().trim().is_empty() {
                lines.push(String::new());
            }
        }
    }
    let paragraph = lines.iter().skip_while(|line| line.is_empty());
    let paragraph: Vec<_> = paragraph.take_while(|line| !line.is_empty()).cloned().collect();
    paragraph.join(" ")
}

/// Takes the attributes with this name out of a list.
pub(crate) fn take(attributes: &mut Vec<Attribute>, name: &str) -> Vec<Attribute> {
    attributes.extract_if(.., |attribute| attribute.path().is_ident(name)).collect()
}

/// Takes an attribute that occurs at most once and has no arguments; says whether it is there.
pub(crate) fn take_flag(attributes: &mut Vec<Attribute>, name: &str) -> Result<bool> {
    let found = take(attributes, name);
    match found.as_slice() {
        [] => Ok(false),
        [one] => one.meta.require_path_only().map(|_| true),
        [_, second, ..] => fail(second, "this attribute is given twice"),
    }
}

/// A name without the prefix of raw identifiers.
pub(crate) fn plain(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_owned()
}

/// The name of a field: its position where it has none.
pub(crate) fn field_name(field: &Field, position: usize) -> String {
    field.ident.as_ref().map_or_else(|| position.to_string(), plain)
}

/// The descriptions of fields.
pub(crate) fn describe_fields(fields: &Fields) -> TokenStream {
    let fields = fields.iter().enumerate().map(|(position, field)| {
        let (name, ty) = (field_name(field, position), &field.ty);
        quote! {
            ::tos_sdk::describe::Field { name: #name, ty: &<#ty as ::tos_sdk::Data>::TYPE }
        }
    });
    quote! { &[#(#fields),*] }
}

/// An identifier made from another one.
pub(crate) fn derived(ident: &Ident, suffix: &str) -> Ident {
    Ident::new(&format!("{}{suffix}", plain(ident)), ident.span())
}

/// Names for the fields when a value is taken apart: `field0`, `field1`...
pub(crate) fn bindings(fields: &Fields) -> Vec<Ident> {
    (0..fields.len()).map(|index| Ident::new(&format!("field{index}"), Span::call_site())).collect()
}

/// What follows a struct's or variant's name to take it apart or put it together.
pub(crate) fn shape(fields: &Fields, bindings: &[Ident]) -> TokenStream {
    match fields {
        Fields::Unit => TokenStream::new(),
        Fields::Unnamed(_) => quote! { (#(#bindings),*) },
        Fields::Named(named) => {
            let names = named.named.iter().map(|field| &field.ident);
            quote! { { #(#names: #bindings),* } }
        }
    }
}
