//! `#[derive(Choice)]`

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, LitStr, Variant, ext::IdentExt as _};

use crate::{
    attribute::refuse_elsewhere,
    localized::{self, Localized},
    note, words,
};

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    refuse_elsewhere(&input.attrs, "choice", "`#[choice(…)]` belongs to variants")?;
    let Data::Enum(data) = &input.data else {
        return Err(syn::Error::new_spanned(&input.ident, "choices are an enum; a struct derives `Settings`"));
    };
    if data.variants.is_empty() {
        return Err(syn::Error::new_spanned(&input.ident, "at least one choice is needed"));
    }
    let mut errors = None;
    let mut values: Vec<String> = Vec::new();
    let mut labels = Vec::new();
    for variant in &data.variants {
        match choice(variant) {
            Ok((value, _)) if values.contains(&value) => {
                note(&mut errors, syn::Error::new_spanned(variant, format!("two choices have the value `{value}`")));
            }
            Ok((value, label)) => {
                values.push(value);
                labels.push(label);
            }
            Err(error) => note(&mut errors, error),
        }
    }
    if let Some(errors) = errors {
        return Err(errors);
    }
    let name = &input.ident;
    let variants: Vec<_> = data.variants.iter().map(|variant| &variant.ident).collect();
    Ok(quote! {
        #[automatically_derived]
        impl ::thymis_sdk::settings::Choice for #name {
            fn choices() -> ::std::vec::Vec<(&'static str, ::thymis_sdk::Localized)> {
                ::std::vec![#((#values, #labels)),*]
            }
            fn value(&self) -> &'static str {
                match self { #(Self::#variants => #values),* }
            }
            fn from_value(value: &str) -> ::core::option::Option<Self> {
                match value { #(#values => ::core::option::Option::Some(Self::#variants),)* _ => ::core::option::Option::None }
            }
        }
        #[automatically_derived]
        impl ::thymis_sdk::settings::Value for #name {
            fn type_() -> ::thymis_sdk::settings::Type {
                ::thymis_sdk::settings::Type::select(<Self as ::thymis_sdk::settings::Choice>::choices())
            }
            fn read(
                json: &::thymis_sdk::Json,
                at: &::thymis_sdk::settings::Place<'_>,
                problems: &mut ::thymis_sdk::Problems,
            ) -> ::core::option::Option<Self> {
                ::thymis_sdk::settings::read_choice(json, at, problems)
            }
            fn write(&self) -> ::thymis_sdk::Json {
                ::thymis_sdk::Json::from(::thymis_sdk::settings::Choice::value(self))
            }
        }
        #[automatically_derived]
        impl ::core::convert::From<#name> for ::thymis_sdk::Expr {
            fn from(choice: #name) -> Self {
                Self::from(::thymis_sdk::settings::Choice::value(&choice))
            }
        }
        #[automatically_derived]
        impl ::core::convert::From<&#name> for ::thymis_sdk::Expr {
            fn from(choice: &#name) -> Self {
                Self::from(::thymis_sdk::settings::Choice::value(choice))
            }
        }
    })
}

/// The stored value and the label: `#[choice("value", label = "…", label(de = "…"))]`.
fn choice(variant: &Variant) -> syn::Result<(String, TokenStream)> {
    if !variant.fields.is_empty() {
        return Err(syn::Error::new_spanned(&variant.fields, "a choice has no fields"));
    }
    let name = variant.ident.unraw().to_string();
    let mut value: Option<LitStr> = None;
    let mut label = Localized::default();
    for attribute in variant.attrs.iter().filter(|attribute| attribute.path().is_ident("choice")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("value") {
                return match value.replace(meta.value()?.parse()?) {
                    None => Ok(()),
                    Some(_) => Err(meta.error("`value` is given twice")),
                };
            }
            if meta.path.is_ident("label") {
                return label.parse(&meta);
            }
            Err(meta.error("unknown attribute of a choice; known are `value`, `label`"))
        })?;
    }
    let doc = localized::doc(&variant.attrs);
    let english = if doc.is_empty() { words::sentence(&name) } else { doc };
    Ok((value.map_or_else(|| words::kebab(&name), |value| value.value()), label.tokens(&english)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(input: &str) -> Vec<String> {
        let input = syn::parse_str(input).unwrap();
        expand(&input).unwrap_err().into_iter().map(|error| error.to_string()).collect()
    }

    #[test]
    fn what_is_no_choice_is_refused() {
        assert_eq!(errors("struct S {}"), ["choices are an enum; a struct derives `Settings`"]);
        assert_eq!(errors("enum E {}"), ["at least one choice is needed"]);
        assert_eq!(
            errors("enum E { A(u8), #[choice(name = \"x\")] B }"),
            ["a choice has no fields", "unknown attribute of a choice; known are `value`, `label`"]
        );
        assert_eq!(errors("enum E { A, #[choice(value = \"a\")] B }"), ["two choices have the value `a`"]);
    }
}
