//! Derive macros of `thymis-sdk`, documented there.
//!
//! What an author writes wrongly is an error at that very place; all errors of one type are reported at once. Whether a
//! constraint fits the type of its field is left to the compiler, by marker traits of `thymis_sdk::settings::kind`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod attribute;
mod choice;
mod condition;
mod constraint;
mod group;
mod localized;
mod typed;
mod words;

use proc_macro::TokenStream;

/// A struct whose fields are settings: the settings of a module, or a group within them.
#[proc_macro_derive(Settings, attributes(setting))]
pub fn settings(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    group::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// An enum of plain variants: one of them is chosen.
#[proc_macro_derive(Choice, attributes(choice))]
pub fn choice(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    choice::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Adds an error to those before it.
fn note(errors: &mut Option<syn::Error>, error: syn::Error) {
    match errors {
        Some(errors) => errors.combine(error),
        None => *errors = Some(error),
    }
}
