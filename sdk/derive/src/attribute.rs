//! `#[setting(…)]` of one field.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Expr, Field, Ident, LitStr, Token, ext::IdentExt as _, meta::ParseNestedMeta, spanned::Spanned as _, token};

use crate::{
    condition::{Condition, Kind, Siblings},
    constraint::{self, Constraint},
    localized::{self, Localized},
    note, typed, words,
};

/// What the attributes of one field say.
#[derive(Default)]
pub(crate) struct Setting {
    key: Option<LitStr>,
    label: Localized,
    description: Localized,
    default: Option<Expr>,
    example: Option<Expr>,
    constraints: Vec<Constraint>,
    /// Of the items of a list or map.
    items: Vec<Constraint>,
    conditions: Vec<Condition>,
    formerly: Vec<LitStr>,
}

impl Setting {
    pub(crate) fn parse(field: &Field) -> syn::Result<Self> {
        let mut setting = Self::default();
        let mut errors = None;
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("setting")) {
            if let Err(error) = attribute.parse_nested_meta(|meta| setting.part(&meta)) {
                note(&mut errors, error);
            }
        }
        setting.check(field, &mut errors);
        errors.map_or(Ok(setting), Err)
    }

    fn part(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let name = meta.path.require_ident()?;
        match name.to_string().as_str() {
            "label" => self.label.parse(meta),
            "description" => self.description.parse(meta),
            "key" => once(&mut self.key, name, meta.value()?.parse()?),
            "default" => once(&mut self.default, name, meta.value()?.parse()?),
            "example" => once(&mut self.example, name, meta.value()?.parse()?),
            "formerly" => {
                self.formerly.push(meta.value()?.parse()?);
                Ok(())
            }
            "items" => meta.parse_nested_meta(|meta| match Constraint::parse(&meta)? {
                Some(constraint) => add(&mut self.items, constraint),
                None => Err(meta.error(format!("items can have {}", constraint::names()))),
            }),
            "visible_if" => self.condition(Condition::parse_if(Kind::Visible, name, meta.input)?),
            "required_if" => self.condition(Condition::parse_if(Kind::Required, name, meta.input)?),
            "allowed" => self.condition(Condition::parse_allowed(name, meta.input)?),
            _ => match Constraint::parse(meta)? {
                Some(constraint) => add(&mut self.constraints, constraint),
                None => {
                    skip_value(meta)?;
                    Err(syn::Error::new_spanned(
                        name,
                        format!(
                            "unknown attribute `{name}`; known are `label`, `description`, `key`, `default`, `example`, \
                             `formerly`, `items`, `visible_if`, `required_if`, `allowed`, {}",
                            constraint::names()
                        ),
                    ))
                }
            },
        }
    }

    #[allow(clippy::unnecessary_wraps, reason = "an arm among fallible ones")]
    fn condition(&mut self, condition: Condition) -> syn::Result<()> {
        self.conditions.push(condition);
        Ok(())
    }

    /// What attributes mean together.
    fn check(&self, field: &Field, errors: &mut Option<syn::Error>) {
        let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
        let optional = typed::inner("Option", &field.ty).is_some();
        if let (true, Some(default)) = (optional, &self.default) {
            let message = format!("with a default, `{name}` is never absent: remove the `Option` or the default");
            note(errors, syn::Error::new_spanned(default, message));
        }
        for condition in &self.conditions {
            let message = match condition.kind {
                Kind::Visible if !optional && self.default.is_none() => {
                    format!("a hidden setting is absent: make `{name}` an `Option` or give it a default")
                }
                Kind::Required if !optional => {
                    format!("`{name}` is always there: `required_if` is for an `Option`")
                }
                _ => continue,
            };
            note(errors, syn::Error::new(condition.span, message));
        }
    }

    /// The key under which the value is stored.
    pub(crate) fn key(&self, field: &Ident) -> String {
        self.key.as_ref().map_or_else(|| field.unraw().to_string(), LitStr::value)
    }

    /// The default as a value of the field's type.
    pub(crate) fn fallback(&self, field: &Field) -> Option<TokenStream> {
        self.default.as_ref().map(|default| typed::value(&field.ty, default))
    }

    /// An expression of type `thymis_sdk::settings::Field`.
    pub(crate) fn tokens(&self, field: &Field, key: &str, siblings: &Siblings<'_>) -> syn::Result<TokenStream> {
        let type_ = &field.ty;
        let present = typed::present(type_);
        let name = field.ident.as_ref().map(|ident| words::sentence(&ident.unraw().to_string())).unwrap_or_default();
        let label = self.label.tokens(&name);
        let description = self.description.tokens(&localized::doc(&field.attrs));
        let default = self.default.as_ref().map(|value| typed::json(type_, value)).map(|json| quote!(.default(#json)));
        let example =
            self.example.as_ref().map(|value| typed::json(present, value)).map(|json| quote!(.example(#json)));
        let constraints = self.constraints.iter().map(|constraint| constraint.tokens(present));
        let items = (!self.items.is_empty()).then(|| {
            let item: syn::Type = syn::parse_quote!(<#present as ::thymis_sdk::settings::kind::Collection>::Item);
            let constraints = self.items.iter().map(|constraint| constraint.tokens(&item));
            quote!(.items(|item| item #(#constraints)*))
        });
        let formerly = &self.formerly;
        let conditions = self
            .conditions
            .iter()
            .map(|condition| condition.tokens(siblings, type_))
            .collect::<syn::Result<Vec<_>>>()?;
        Ok(quote! {
            ::thymis_sdk::settings::Field::new::<#type_>(#key, #label, #description)
                #default #example #(#constraints)* #items #(.formerly(#formerly))* #(#conditions)*
        })
    }

    /// Statements that fail to compile where a constraint doesn't fit.
    pub(crate) fn checks(&self, field: &Field) -> TokenStream {
        let present = typed::present(&field.ty);
        let own = self.constraints.iter().map(|constraint| constraint.check(present));
        let items = self.items.iter().map(|constraint| {
            let span: Span = constraint.span();
            let item = quote::quote_spanned!(span=> <#present as ::thymis_sdk::settings::kind::Collection>::Item);
            constraint.check(&syn::Type::Verbatim(item))
        });
        quote!(#(#own)* #(#items)*)
    }
}

fn once<T>(slot: &mut Option<T>, name: &Ident, value: T) -> syn::Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(twice(name.span(), &name.to_string())),
    }
}

fn add(constraints: &mut Vec<Constraint>, constraint: Constraint) -> syn::Result<()> {
    if constraints.iter().any(|present| present.name() == constraint.name()) {
        return Err(twice(constraint.span(), constraint.name()));
    }
    constraints.push(constraint);
    Ok(())
}

fn twice(span: Span, name: &str) -> syn::Error {
    syn::Error::new(span, format!("`{name}` is given twice"))
}

/// Reads over the value of an unknown attribute, so that the error is about its name.
fn skip_value(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<Expr>()?;
    } else if meta.input.peek(token::Paren) {
        let content;
        syn::parenthesized!(content in meta.input);
        content.parse::<TokenStream>()?;
    }
    Ok(())
}

/// Where an attribute stands that belongs to fields.
pub(crate) fn refuse_elsewhere(attributes: &[syn::Attribute], name: &str, message: &str) -> syn::Result<()> {
    match attributes.iter().find(|attribute| attribute.path().is_ident(name)) {
        Some(attribute) => Err(syn::Error::new(attribute.span(), message)),
        None => Ok(()),
    }
}
