//! `#[access(...)]`: the template of an entry.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Ident, Member, Result, Token};

use crate::entries::Argument;
use crate::syntax::{fail, plain};

/// A line: `wages[..].to: credit`.
struct Line {
    root: Ident,
    steps: Vec<Step>,
    mode: Ident,
}

enum Step {
    Field(Member),
    Each(proc_macro2::Span),
}

impl Parse for Line {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let root = input.parse()?;
        let mut steps = Vec::new();
        while !input.peek(Token![:]) {
            if input.peek(syn::token::Bracket) {
                let inner;
                let bracket = syn::bracketed!(inner in input);
                inner.parse::<Token![..]>()?;
                steps.push(Step::Each(bracket.span.join()));
            } else {
                input.parse::<Token![.]>()?;
                steps.push(Step::Field(input.parse()?));
            }
        }
        input.parse::<Token![:]>()?;
        Ok(Self { root, steps, mode: input.parse()? })
    }
}

/// A template as a constant, and the statements that check it against the arguments' types.
pub(crate) struct Template {
    pub(crate) constant: TokenStream,
    pub(crate) checks: TokenStream,
}

/// Reads the attribute of an entry, if it has one.
pub(crate) fn expand(attributes: &[Attribute], arguments: &[Argument]) -> Result<Option<Template>> {
    let attribute = match attributes {
        [] => return Ok(None),
        [attribute] => attribute,
        [_, second, ..] => return fail(second, "a method has one template: put all lines into it"),
    };
    let lines = Punctuated::<Line, Token![,]>::parse_terminated;
    let lines = attribute.parse_args_with(lines)?;
    let (mut constants, mut checks) = (Vec::new(), Vec::new());
    for line in &lines {
        constants.push(line.constant(arguments)?);
        checks.push(line.check());
    }
    Ok(Some(Template { constant: quote! { &[#(#constants),*] }, checks: quote! { #(#checks)* } }))
}

impl Line {
    fn is_argument(&self) -> bool {
        !["caller", "source", "contract"].iter().any(|name| self.root == name)
    }

    fn constant(&self, arguments: &[Argument]) -> Result<TokenStream> {
        let root = self.root(arguments)?;
        let mode = match self.mode.to_string().as_str() {
            "read" => quote! { Read },
            "credit" => quote! { Credit },
            "write" => quote! { Write },
            _ => return fail(&self.mode, "a mode is `read`, `credit` or `write`"),
        };
        let steps = self.steps.iter().map(|step| match step {
            Step::Each(_) => quote! { ::tos_sdk::describe::Step::Each },
            Step::Field(member) => {
                let name = match member {
                    Member::Named(ident) => plain(ident),
                    Member::Unnamed(index) => index.index.to_string(),
                };
                quote! { ::tos_sdk::describe::Step::Field(#name) }
            }
        });
        Ok(quote! {
            ::tos_sdk::describe::Access {
                root: ::tos_sdk::describe::Root::#root,
                steps: &[#(#steps),*],
                mode: ::tos_sdk::describe::AccessMode::#mode,
            }
        })
    }

    fn root(&self, arguments: &[Argument]) -> Result<TokenStream> {
        let position = arguments.iter().position(|argument| argument.ident == self.root);
        if let Some(position) = position {
            let position = position as u8;
            return Ok(quote! { Argument(#position) });
        }
        if let (false, Some(step)) = (self.is_argument(), self.steps.first()) {
            let span = match step {
                Step::Field(member) => member.span(),
                Step::Each(span) => *span,
            };
            return Err(syn::Error::new(span, "an account has no parts"));
        }
        match self.root.to_string().as_str() {
            "caller" => Ok(quote! { Caller }),
            "source" => Ok(quote! { Source }),
            "contract" => Ok(quote! { Contract }),
            _ => fail(&self.root, "neither an argument nor `caller`, `source` or `contract`"),
        }
    }

    /// A statement that compiles if the way exists and ends at an account.
    fn check(&self) -> TokenStream {
        if !self.is_argument() {
            return TokenStream::new();
        }
        let root = &self.root;
        let mut expression = quote! { #root };
        let mut loops = Vec::new();
        for step in &self.steps {
            match step {
                Step::Field(member) => expression = quote! { #expression.#member },
                Step::Each(span) => {
                    loops.push(quote_spanned! {*span=> for each in #expression.iter() });
                    expression = quote! { each };
                }
            }
        }
        // Without a step, `expression` is a reference already; so is a loop's variable.
        let reference = match self.steps.last() {
            Some(Step::Field(_)) => quote! { &#expression },
            Some(Step::Each(_)) | None => expression,
        };
        let call = quote_spanned! {root.span()=> ::tos_sdk::entry::names_account(#reference); };
        loops.into_iter().rev().fold(call, |body, header| quote! { #header { #body } })
    }
}
