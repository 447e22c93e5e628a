//! `#[derive(Settings)]`

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::{Data, DataStruct, DeriveInput, Field, Fields};

use crate::{
    attribute::{Setting, refuse_elsewhere},
    localized::{self, Localized},
    note,
};

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let fields = fields(input)?;
    let mut errors = None;
    let mut settings: Vec<(&Field, &Ident, String, Setting)> = Vec::new();
    for field in &fields {
        let Some(ident) = &field.ident else { continue };
        match Setting::parse(field) {
            Ok(setting) => {
                let key = setting.key(ident);
                if settings.iter().any(|(_, _, present, _)| *present == key) {
                    note(&mut errors, syn::Error::new_spanned(ident, format!("two settings have the key `{key}`")));
                }
                settings.push((field, ident, key, setting));
            }
            Err(error) => note(&mut errors, error),
        }
    }
    if let Some(errors) = errors {
        return Err(errors);
    }
    let siblings: Vec<_> =
        settings.iter().map(|(field, ident, key, _)| ((*ident).clone(), key.clone(), &field.ty)).collect();
    let mut declared = Vec::new();
    for (field, _, key, setting) in &settings {
        match setting.tokens(field, key, &siblings) {
            Ok(tokens) => declared.push(tokens),
            Err(error) => note(&mut errors, error),
        }
    }
    if let Some(errors) = errors {
        return Err(errors);
    }

    let name = &input.ident;
    let about = Localized::default().tokens(&localized::doc(&input.attrs));
    let idents: Vec<_> = settings.iter().map(|(_, ident, ..)| ident).collect();
    // Not the fields' own names: one of them may be `group`.
    let locals: Vec<_> = (0..idents.len()).map(|index| format_ident!("setting_{index}")).collect();
    let keys: Vec<_> = settings.iter().map(|(_, _, key, _)| key).collect();
    let reads = settings.iter().map(|(field, _, key, setting)| {
        let type_ = &field.ty;
        match setting.fallback(field) {
            Some(default) => quote!(group.read_or::<#type_>(#key, || #default)),
            None => quote!(group.read::<#type_>(#key)),
        }
    });
    let checks = settings.iter().map(|(field, _, _, setting)| setting.checks(field));
    Ok(quote! {
        #[automatically_derived]
        impl ::thymis_sdk::settings::Settings for #name {
            fn about() -> ::thymis_sdk::Localized {
                #about
            }
            fn fields() -> ::std::vec::Vec<::thymis_sdk::settings::Field> {
                ::std::vec![#(#declared),*]
            }
            fn read_group(group: &mut ::thymis_sdk::settings::Group<'_>) -> ::core::option::Option<Self> {
                // All of them before the first `?`: a person gets all problems at once.
                #(let #locals = #reads;)*
                ::core::option::Option::Some(Self { #(#idents: #locals?),* })
            }
            fn write_group(&self) -> ::thymis_sdk::Json {
                ::thymis_sdk::settings::write_group([
                    #((#keys, ::thymis_sdk::settings::Value::write(&self.#idents))),*
                ])
            }
        }
        #[automatically_derived]
        impl ::thymis_sdk::settings::Value for #name {
            fn type_() -> ::thymis_sdk::settings::Type {
                ::thymis_sdk::settings::Type::group(<Self as ::thymis_sdk::settings::Settings>::fields())
            }
            fn read(
                json: &::thymis_sdk::Json,
                at: &::thymis_sdk::settings::Place<'_>,
                problems: &mut ::thymis_sdk::Problems,
            ) -> ::core::option::Option<Self> {
                ::thymis_sdk::settings::read_group(json, at, problems)
            }
            fn absent(
                at: &::thymis_sdk::settings::Place<'_>,
                problems: &mut ::thymis_sdk::Problems,
            ) -> ::core::option::Option<Self> {
                ::thymis_sdk::settings::absent_group(at, problems)
            }
            fn write(&self) -> ::thymis_sdk::Json {
                ::thymis_sdk::settings::Settings::write_group(self)
            }
        }
        const _: () = {
            #[allow(dead_code)]
            fn constraints_fit() {
                #(#checks)*
            }
        };
    })
}

fn fields(input: &DeriveInput) -> syn::Result<Vec<Field>> {
    refuse_elsewhere(&input.attrs, "setting", "`#[setting(…)]` belongs to fields")?;
    if !input.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(&input.generics, "settings can't be generic"));
    }
    match &input.data {
        Data::Struct(DataStruct { fields: Fields::Named(fields), .. }) => Ok(fields.named.iter().cloned().collect()),
        Data::Struct(DataStruct { fields: Fields::Unit, .. }) => {
            Err(syn::Error::new_spanned(&input.ident, "write `struct Name {}` for no settings"))
        }
        Data::Enum(_) => Err(syn::Error::new_spanned(&input.ident, "an enum of choices derives `Choice`")),
        _ => Err(syn::Error::new_spanned(&input.ident, "settings are a struct with named fields")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All error messages, in order.
    fn errors(input: &str) -> Vec<String> {
        let input = syn::parse_str(input).unwrap();
        expand(&input).unwrap_err().into_iter().map(|error| error.to_string()).collect()
    }

    fn error_of(field: &str) -> String {
        errors(&format!("struct S {{ {field} }}")).join("\n")
    }

    #[test]
    fn a_right_struct_is_accepted() {
        let input = "
            /// Logs.
            struct S {
                /// Where.
                #[setting(default = \"/log\", label = \"File\", label(de = \"Datei\"), pattern = \".*\")]
                file: DevicePath,
                #[setting(min = -1, max = 5, visible_if(file = \"/x\", \"@target\" = [\"tag\"]))]
                level: Option<i64>,
                #[setting(default = [\"a\"], items(max_length = 3), unique_by = \"\", formerly = \"tag\")]
                tags: Vec<String>,
            }";
        expand(&syn::parse_str(input).unwrap()).unwrap();
    }

    #[test]
    fn unknown_attributes_are_refused_with_the_known_ones() {
        let message = error_of("#[setting(minimum = 1)] a: u8");
        assert!(message.starts_with("unknown attribute `minimum`; known are `label`, "), "{message}");
        assert!(message.contains("`min`, `max`"), "{message}");
    }

    #[test]
    fn all_errors_of_a_struct_come_at_once() {
        let errors = errors("struct S { #[setting(min = \"1\")] a: u8, #[setting(pattern = 1)] b: String }");
        assert_eq!(errors, ["`min` must be a number", "`pattern` must be a text"]);
    }

    #[test]
    fn values_of_the_wrong_form_are_refused() {
        assert_eq!(error_of("#[setting(max_items = -1)] a: Vec<u8>"), "`max_items` must be a whole number from 0");
        assert_eq!(
            error_of("#[setting(secret_kinds = \"file\")] a: Secret"),
            "`secret_kinds` must be a list of texts, such as [\"…\"]"
        );
        assert_eq!(error_of("#[setting(min = 1, min = 2)] a: u8"), "`min` is given twice");
        assert_eq!(error_of("#[setting(label = \"A\", label(en = \"B\"))] a: u8"), "a text in `en` is given twice");
    }

    #[test]
    fn contradictions_are_refused() {
        assert_eq!(
            error_of("#[setting(default = 1)] a: Option<u8>"),
            "with a default, `a` is never absent: remove the `Option` or the default"
        );
        assert_eq!(
            error_of("b: bool, #[setting(visible_if(b = true))] a: u8"),
            "a hidden setting is absent: make `a` an `Option` or give it a default"
        );
        assert_eq!(
            error_of("b: bool, #[setting(required_if(b = true))] a: u8"),
            "`a` is always there: `required_if` is for an `Option`"
        );
        assert_eq!(error_of("a: u8, #[setting(key = \"a\")] b: u8"), "two settings have the key `a`");
    }

    #[test]
    fn conditions_name_what_there_is() {
        let message = error_of("b: bool, #[setting(visible_if(c = true))] a: Option<u8>");
        assert!(message.starts_with("`c` is not a field of this struct, which has `b`, `a`"), "{message}");
        let message = error_of("#[setting(visible_if(\"b\" = true))] a: Option<u8>");
        assert!(message.starts_with("expected a field's name without quotes"), "{message}");
        let message = error_of("b: u8, #[setting(visible_if(b = []))] a: Option<u8>");
        assert!(message.starts_with("at least one value is needed"), "{message}");
        let message = error_of("b: u8, #[setting(allowed(values = [1]))] a: u8");
        assert_eq!(message, "`allowed` needs `values = […]` and `when(…)`");
    }

    #[test]
    fn only_structs_with_named_fields_are_settings() {
        assert_eq!(errors("enum E { A }"), ["an enum of choices derives `Choice`"]);
        assert_eq!(errors("struct S(u8);"), ["settings are a struct with named fields"]);
        assert_eq!(errors("struct S<T> { a: T }"), ["settings can't be generic"]);
        assert_eq!(errors("#[setting(label = \"x\")] struct S {}"), ["`#[setting(…)]` belongs to fields"]);
    }
}
