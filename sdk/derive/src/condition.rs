//! When a setting is visible, required, or limited to some values.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{
    Expr, ExprArray, Ident, LitStr, Token, Type,
    ext::IdentExt as _,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

use crate::typed;

/// The settings of the same group: key as the author's field is called, stored key, type.
pub(crate) type Siblings<'a> = [(Ident, String, &'a Type)];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Visible,
    Required,
    Allowed,
}

pub(crate) struct Condition {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    when: Vec<Test>,
    values: Vec<Expr>,
}

/// `unit = Unit::Celsius`, `"/network/mode" = ["static", "dhcp"]`, `"@target" = "tag"`
struct Test {
    subject: Subject,
    any_of: Vec<Expr>,
}

enum Subject {
    Sibling(Ident),
    Named(LitStr),
}

impl Parse for Test {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let subject = if input.peek(LitStr) {
            Subject::Named(input.parse()?)
        } else {
            Subject::Sibling(Ident::parse_any(input)?)
        };
        input.parse::<Token![=]>()?;
        Ok(Self { subject, any_of: one_or_more(input.parse()?)? })
    }
}

/// `x` or `[x, y]`, not `[]`.
fn one_or_more(expr: Expr) -> syn::Result<Vec<Expr>> {
    match expr {
        Expr::Array(ExprArray { ref elems, .. }) if elems.is_empty() => {
            Err(syn::Error::new_spanned(expr, "at least one value is needed, or this can never hold"))
        }
        Expr::Array(array) => Ok(array.elems.into_iter().collect()),
        expr => Ok(vec![expr]),
    }
}

fn tests(input: ParseStream<'_>) -> syn::Result<Vec<Test>> {
    let content;
    syn::parenthesized!(content in input);
    if content.is_empty() {
        return Err(content.error("at least one `setting = value` is needed"));
    }
    Ok(Punctuated::<Test, Token![,]>::parse_terminated(&content)?.into_iter().collect())
}

impl Condition {
    /// `visible_if(…)`, `required_if(…)`
    pub(crate) fn parse_if(kind: Kind, name: &Ident, input: ParseStream<'_>) -> syn::Result<Self> {
        Ok(Self { kind, span: name.span(), when: tests(input)?, values: Vec::new() })
    }

    /// `allowed(values = […], when(…))`
    pub(crate) fn parse_allowed(name: &Ident, input: ParseStream<'_>) -> syn::Result<Self> {
        let content;
        syn::parenthesized!(content in input);
        let (mut values, mut when) = (None, None);
        while !content.is_empty() {
            let part: Ident = content.call(Ident::parse_any)?;
            if part == "values" && values.is_none() {
                content.parse::<Token![=]>()?;
                values = Some(one_or_more(content.parse()?)?);
            } else if part == "when" && when.is_none() {
                when = Some(tests(&content)?);
            } else {
                return Err(syn::Error::new_spanned(part, "expected `values = […]` and `when(…)`, each once"));
            }
            if !content.is_empty() {
                content.parse::<Token![,]>()?;
            }
        }
        match (values, when) {
            (Some(values), Some(when)) => Ok(Self { kind: Kind::Allowed, span: name.span(), when, values }),
            _ => Err(syn::Error::new_spanned(name, "`allowed` needs `values = […]` and `when(…)`")),
        }
    }

    /// `.condition(…)` for a field of type `type_`.
    pub(crate) fn tokens(&self, siblings: &Siblings<'_>, type_: &Type) -> syn::Result<TokenStream> {
        let when = self.when.iter().map(|test| test.tokens(siblings)).collect::<syn::Result<Vec<_>>>()?;
        let effect = match self.kind {
            Kind::Visible => quote!(Visible),
            Kind::Required => quote!(Required),
            Kind::Allowed => {
                let values = self.values.iter().map(|value| typed::json(typed::present(type_), value));
                quote!(Allowed(::std::vec![#(#values),*]))
            }
        };
        Ok(quote!(.condition(::std::vec![#(#when),*], ::thymis_sdk::settings::Effect::#effect)))
    }
}

impl Test {
    fn tokens(&self, siblings: &Siblings<'_>) -> syn::Result<TokenStream> {
        let (subject, values) = match &self.subject {
            Subject::Sibling(name) => {
                let Some((_, key, type_)) = siblings.iter().find(|(sibling, ..)| sibling == name) else {
                    let known = siblings.iter().map(|(sibling, ..)| format!("`{}`", sibling.unraw()));
                    let message = format!(
                        "`{name}` is not a field of this struct, which has {}; a setting elsewhere is written as \
                         \"/group/key\", the kind of target as \"@target\"",
                        known.collect::<Vec<_>>().join(", ")
                    );
                    return Err(syn::Error::new_spanned(name, message));
                };
                let values = self.any_of.iter().map(|value| typed::json(typed::present(type_), value)).collect();
                (key.clone(), values)
            }
            Subject::Named(name) => {
                let subject = name.value();
                if subject != "@target" && !subject.starts_with('/') {
                    let message = "expected a field's name without quotes, \"/group/key\" or \"@target\"";
                    return Err(syn::Error::new_spanned(name, message));
                }
                let values = self.any_of.iter().map(elsewhere).collect::<syn::Result<Vec<_>>>()?;
                (subject, values)
            }
        };
        Ok(quote!(::thymis_sdk::settings::Test::new(#subject, ::std::vec![#(#values),*])))
    }
}

/// A value of a setting whose type can't be seen from here.
fn elsewhere(value: &Expr) -> syn::Result<TokenStream> {
    match value {
        Expr::Lit(_) | Expr::Unary(_) => Ok(quote!(::thymis_sdk::Json::from(#value))),
        _ => Err(syn::Error::new_spanned(
            value,
            "for a setting outside this struct, a literal as it is stored is needed",
        )),
    }
}
