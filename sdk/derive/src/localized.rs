//! Texts in several languages: `label = "…"` is English, `label(de = "…", pt_BR = "…")` gives others.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Attribute, Expr, ExprLit, Ident, Lit, LitStr, Meta, Token, ext::IdentExt as _, meta::ParseNestedMeta, token,
};

#[derive(Default)]
pub(crate) struct Localized(Vec<(String, LitStr)>);

impl Localized {
    pub(crate) fn parse(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        if !meta.input.peek(token::Paren) {
            return self.add("en".to_owned(), meta.value()?.parse()?);
        }
        let texts;
        syn::parenthesized!(texts in meta.input);
        while !texts.is_empty() {
            let locale = Ident::parse_any(&texts)?;
            texts.parse::<Token![=]>()?;
            self.add(locale.unraw().to_string().replace('_', "-"), texts.parse()?)?;
            if !texts.is_empty() {
                texts.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }

    fn add(&mut self, locale: String, text: LitStr) -> syn::Result<()> {
        if self.0.iter().any(|(present, _)| *present == locale) {
            return Err(syn::Error::new_spanned(text, format!("a text in `{locale}` is given twice")));
        }
        self.0.push((locale, text));
        Ok(())
    }

    /// An expression of type `Localized`; `english` stands in where no English text is given.
    pub(crate) fn tokens(&self, english: &str) -> TokenStream {
        let has_english = self.0.iter().any(|(locale, _)| locale == "en");
        let fallback = (!has_english && !english.is_empty()).then(|| quote!(.and("en", #english)));
        let texts = self.0.iter().map(|(locale, text)| quote!(.and(#locale, #text)));
        quote!(::thymis_sdk::Localized::default() #fallback #(#texts)*)
    }
}

/// The text of doc comments: lines of a paragraph are joined.
pub(crate) fn doc(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    for attribute in attributes {
        let Meta::NameValue(pair) = &attribute.meta else { continue };
        let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &pair.value else { continue };
        if !pair.path.is_ident("doc") {
            continue;
        }
        for line in line.value().lines().map(str::trim).chain(line.value().is_empty().then_some("")) {
            if line.is_empty() {
                text.push_str("\n\n");
            } else {
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push(' ');
                }
                text.push_str(line);
            }
        }
    }
    text.trim().to_owned()
}
