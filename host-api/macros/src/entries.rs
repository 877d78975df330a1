//! `#[entries]`: public methods become what a transaction can call.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{
    Attribute, FnArg, ImplItem, ImplItemFn, ItemImpl, Pat, ReceiverKind, Result, ReturnType,
    Signature, Type, Visibility,
};

use crate::access::{self, Template};
use crate::client;
use crate::syntax::{docs, fail, plain, take, take_flag};

/// Longest name, as `tos_host_api::limits::ENTRY_LEN_MAX`.
const ENTRY_LEN_MAX: usize = 64;
/// Names that mean something to the host.
const RESERVED: [&str; 3] = ["init", "migrate", "memory"];

/// An argument of an entry.
pub(crate) struct Argument {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
}

/// What kind of entry a method is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Init,
    Migrate,
    Call,
    View,
}

struct Entry {
    kind: Kind,
    /// The name it is exported under.
    name: String,
    /// Whether calls may bring deposits.
    payable: bool,
    ident: Ident,
    docs: Vec<Attribute>,
    arguments: Vec<Argument>,
    output: ReturnType,
    template: Option<Template>,
}

pub(crate) fn expand(mut item: ItemImpl) -> Result<TokenStream> {
    if let Some((path, _)) = &item.trait_ {
        return fail(path, "entries are in an impl of the contract itself");
    }
    if !item.generics.params.is_empty() {
        return fail(&item.generics, "a contract has no parameters");
    }
    let mut entries = Vec::new();
    for member in &mut item.items {
        if let ImplItem::Fn(function) = member {
            entries.extend(Entry::read(function)?);
        }
    }
    for kind in [Kind::Init, Kind::Migrate] {
        if let Some(second) = entries.iter().filter(|entry| entry.kind == kind).nth(1) {
            return fail(&second.ident, "another method is marked so already");
        }
    }
    let ty = (*item.self_ty).clone();
    let Type::Path(path) = &ty else { return fail(&ty, "the contract's own type") };
    let Some(last) = path.path.segments.last() else { return fail(&ty, "a name") };
    let contract = &last.ident;

    let exports = entries.iter().map(|entry| entry.export(&ty));
    let described = entries.iter().map(Entry::describe);
    let checks = entries.iter().filter_map(Entry::check);
    let callable: Vec<_> = entries.iter().filter_map(Entry::method).collect();
    let visibility = Visibility::Public(syn::token::Pub(contract.span()));
    let client = client::expand(&visibility, contract, &callable);
    Ok(quote! {
        #item

        #client

        impl ::tos_sdk::Entries for #ty {
            const DESCRIPTION: &'static [::tos_sdk::describe::Entry] = &[#(#described),*];
        }

        const _: () = {
            #(#checks)*
        };

        ::tos_sdk::description_fragment!(::tos_sdk::describe::Fragment::Entries(
            <#ty as ::tos_sdk::Entries>::DESCRIPTION
        ));

        // Not every contract is used as a library.
        #[allow(unexpected_cfgs)]
        const _: () = {
            #[cfg(all(target_arch = "wasm32", not(feature = "library")))]
            #[allow(unsafe_code, reason = "entries are exported under their names")]
            const _: () = {
                // A second contract in the module, a library whose entries are not switched off,
                // would add its entries to this one's. The linker refuses a second one of these.
                #[unsafe(export_name = "tos_one_contract_per_module")]
                static ONLY: u8 = 0;

                #(#exports)*
            };
        };
    })
}

impl Entry {
    /// Reads a method and takes our attributes off it; `None` if it is no entry.
    fn read(function: &mut ImplItemFn) -> Result<Option<Self>> {
        let init = take_flag(&mut function.attrs, "init")?;
        let migrate = take_flag(&mut function.attrs, "migrate")?;
        let payable = take_flag(&mut function.attrs, "payable")?;
        let access = take(&mut function.attrs, "access");
        let signature = &function.sig;
        if !matches!(function.vis, Visibility::Public(_)) {
            if init || migrate || payable || !access.is_empty() {
                return fail(signature, "an entry is `pub`");
            }
            return Ok(None);
        }
        let kind = Self::kind(signature, init, migrate)?;
        let name = match kind {
            Kind::Init => "init".to_owned(),
            Kind::Migrate => "migrate".to_owned(),
            Kind::Call | Kind::View => plain(&signature.ident),
        };
        if matches!(kind, Kind::Call | Kind::View)
            && (RESERVED.contains(&name.as_str()) || name.len() > ENTRY_LEN_MAX)
        {
            return fail(&signature.ident, "reserved for `#[init]` and `#[migrate]`, or too long");
        }
        if payable && matches!(kind, Kind::View | Kind::Migrate) {
            return fail(&signature.ident, "views and migrations take no deposits");
        }
        let arguments = arguments(signature)?;
        let template = access::expand(&access, &arguments)?;
        let docs = function.attrs.iter().filter(|one| one.path().is_ident("doc")).cloned();
        Ok(Some(Self {
            kind,
            name,
            payable,
            ident: signature.ident.clone(),
            docs: docs.collect(),
            arguments,
            output: signature.output.clone(),
            template,
        }))
    }

    fn kind(signature: &Signature, init: bool, migrate: bool) -> Result<Kind> {
        if let Some(token) = &signature.asyncness {
            return fail(token, "an entry runs to its end: it is not `async`");
        }
        if !signature.generics.params.is_empty() {
            return fail(&signature.generics, "an entry has no parameters: callers know one form");
        }
        let Some(FnArg::Receiver(receiver)) = signature.inputs.first() else {
            return fail(
                signature,
                "an entry begins with `&self` (a view) or `&mut self` (a call)",
            );
        };
        let ReceiverKind::Reference(_, _, mutability) = &receiver.kind else {
            return fail(receiver, "an entry borrows the contract: `&self` or `&mut self`");
        };
        match (init, migrate, mutability.is_some()) {
            (true, true, _) => fail(signature, "`init` or `migrate`, not both"),
            (true, false, true) => Ok(Kind::Init),
            (false, true, true) => Ok(Kind::Migrate),
            (false, false, true) => Ok(Kind::Call),
            (false, false, false) => Ok(Kind::View),
            (_, _, false) => fail(receiver, "it changes the contract: `&mut self`"),
        }
    }

    /// The function a transaction calls. Its code has the method's place, so that an abort in it
    /// points there.
    fn export(&self, ty: &Type) -> TokenStream {
        let Self { name, ident, arguments, .. } = self;
        let place = ident.span();
        // Names of our own: an argument may be called like one of the variables here.
        let names: Vec<_> = (0..arguments.len())
            .map(|position| Ident::new(&format!("argument{position}"), place))
            .collect();
        let take = arguments.iter().zip(&names).map(|(Argument { ident, ty }, name)| {
            let text = plain(ident);
            quote_spanned! {place=> let #name: #ty = arguments.next(#text); }
        });
        let export = Ident::new(&format!("entry_{name}"), Span::call_site());
        let begin = Ident::new(if self.payable { "payable" } else { "of" }, place);
        quote_spanned! {place=>
            #[unsafe(export_name = #name)]
            extern "C" fn #export() {
                #[allow(unused_mut)]
                let mut arguments = ::tos_sdk::entry::Arguments::#begin(#name);
                #(#take)*
                arguments.finish();
                #[allow(unused_mut)]
                let mut contract = <#ty as ::tos_sdk::Contract>::open();
                ::tos_sdk::entry::finish(contract.#ident(#(#names),*));
            }
        }
    }

    fn describe(&self) -> TokenStream {
        let Self { name, kind, arguments, .. } = self;
        let kind = match kind {
            Kind::Init => quote! { Init },
            Kind::Migrate => quote! { Migrate },
            Kind::Call => quote! { Call },
            Kind::View => quote! { View },
        };
        let text = docs(&self.docs);
        let output = self.output_type();
        let arguments = arguments.iter().map(|Argument { ident, ty }| {
            let name = plain(ident);
            quote! {
                ::tos_sdk::describe::Field { name: #name, ty: &<#ty as ::tos_sdk::Data>::TYPE }
            }
        });
        let access = match &self.template {
            None => quote! { ::core::option::Option::None },
            Some(Template { constant, .. }) => quote! { ::core::option::Option::Some(#constant) },
        };
        quote! {
            ::tos_sdk::describe::Entry {
                name: #name,
                kind: ::tos_sdk::describe::EntryKind::#kind,
                docs: #text,
                arguments: &[#(#arguments),*],
                output: &<<#output as ::tos_sdk::entry::Return>::Output as ::tos_sdk::Data>::TYPE,
                error: <#output as ::tos_sdk::entry::Return>::ERROR,
                access: #access,
            }
        }
    }

    /// A function that compiles if the template names accounts.
    fn check(&self) -> Option<TokenStream> {
        let checks = &self.template.as_ref()?.checks;
        let names = self.arguments.iter().map(|argument| &argument.ident);
        let types = self.arguments.iter().map(|argument| &argument.ty);
        let function = Ident::new(&format!("check_{}", self.name), Span::call_site());
        Some(quote! {
            #[allow(dead_code, unused_variables, clippy::ptr_arg, reason = "it has to compile")]
            fn #function(#(#names: &#types),*) {
                #checks
            }
        })
    }

    /// The entry for the client, if others can call it.
    fn method(&self) -> Option<client::Method<'_>> {
        matches!(self.kind, Kind::Call | Kind::View).then(|| client::Method {
            ident: &self.ident,
            docs: self.docs.iter().collect(),
            arguments: &self.arguments,
            output: &self.output,
        })
    }

    fn output_type(&self) -> TokenStream {
        match &self.output {
            ReturnType::Default => quote! { () },
            ReturnType::Type(_, ty) => quote! { #ty },
        }
    }
}

/// The arguments of an entry after `self`.
pub(crate) fn arguments(signature: &Signature) -> Result<Vec<Argument>> {
    let mut arguments = Vec::new();
    for input in signature.inputs.iter().skip(1) {
        let FnArg::Typed(typed) = input else { continue };
        let Pat::Ident(pattern) = &*typed.pat else {
            return fail(&typed.pat, "an argument of an entry has a name");
        };
        if let Type::Reference(reference) = &*typed.ty {
            return fail(reference, "an entry takes its arguments by value");
        }
        arguments.push(Argument { ident: pattern.ident.clone(), ty: (*typed.ty).clone() });
    }
    if arguments.len() > usize::from(u8::MAX) {
        return fail(signature, "too many arguments");
    }
    Ok(arguments)
}
