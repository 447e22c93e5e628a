//! What limits the values of a type: one table of attributes, the types they fit and the form of their values.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Expr, ExprLit, Lit, Type, UnOp, meta::ParseNestedMeta};

use crate::typed;

/// How a constraint's value is written.
#[derive(Clone, Copy)]
enum Form {
    Number,
    Count,
    Text,
    Texts,
    Flag,
}

struct Rule {
    attribute: &'static str,
    /// Trait in `thymis_sdk::settings::kind`.
    kind: &'static str,
    form: Form,
}

#[rustfmt::skip]
const RULES: [Rule; 13] = [
    Rule { attribute: "min", kind: "Number", form: Form::Number },
    Rule { attribute: "max", kind: "Number", form: Form::Number },
    Rule { attribute: "pattern", kind: "Characters", form: Form::Text },
    Rule { attribute: "min_length", kind: "Characters", form: Form::Count },
    Rule { attribute: "max_length", kind: "Characters", form: Form::Count },
    Rule { attribute: "language", kind: "Language", form: Form::Text },
    Rule { attribute: "min_items", kind: "Collection", form: Form::Count },
    Rule { attribute: "max_items", kind: "Collection", form: Form::Count },
    Rule { attribute: "unique_by", kind: "List", form: Form::Text },
    Rule { attribute: "key_pattern", kind: "Keyed", form: Form::Text },
    Rule { attribute: "secret_kinds", kind: "Handle", form: Form::Texts },
    Rule { attribute: "secret_processing", kind: "Handle", form: Form::Texts },
    Rule { attribute: "secret_in_image", kind: "Handle", form: Form::Flag },
];

/// Names of all constraints, for messages.
pub(crate) fn names() -> String {
    RULES.map(|rule| format!("`{}`", rule.attribute)).join(", ")
}

pub(crate) struct Constraint {
    rule: &'static Rule,
    span: Span,
    value: Expr,
}

impl Constraint {
    /// `None`: the attribute is no constraint.
    pub(crate) fn parse(meta: &ParseNestedMeta<'_>) -> syn::Result<Option<Self>> {
        let Some(name) = meta.path.get_ident() else { return Ok(None) };
        let Some(rule) = RULES.iter().find(|rule| name == rule.attribute) else { return Ok(None) };
        let value: Expr = meta.value()?.parse()?;
        let expected = match rule.form {
            Form::Number if !is_number(&value) && !matches!(value, Expr::Path(_)) => "a number",
            Form::Count if !matches!(literal(&value), Some(Lit::Int(_))) => "a whole number from 0",
            Form::Text if !matches!(literal(&value), Some(Lit::Str(_))) => "a text",
            Form::Flag if !matches!(literal(&value), Some(Lit::Bool(_))) => "`true` or `false`",
            Form::Texts if !is_texts(&value) => "a list of texts, such as [\"…\"]",
            _ => return Ok(Some(Self { rule, span: name.span(), value })),
        };
        Err(syn::Error::new_spanned(&value, format!("`{name}` must be {expected}")))
    }

    pub(crate) fn name(&self) -> &'static str {
        self.rule.attribute
    }

    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// `.constrain(key, json)` for a type whose values are those of `type_`.
    pub(crate) fn tokens(&self, type_: &Type) -> TokenStream {
        let key = self.rule.attribute.replace('_', "-");
        let value = &self.value;
        let json = match self.rule.form {
            Form::Number => typed::json(type_, value),
            _ => quote!(::thymis_sdk::Json::from(#value)),
        };
        quote!(.constrain(#key, #json))
    }

    /// Fails to compile, at the attribute, where the constraint doesn't fit the type.
    pub(crate) fn check(&self, type_: &Type) -> TokenStream {
        let kind = Ident::new(self.rule.kind, self.span);
        let fits = format_ident!("{}_fits", self.rule.attribute, span = self.span);
        quote_spanned!(self.span=> {
            fn #fits<T: ::thymis_sdk::settings::kind::#kind>() {}
            #fits::<#type_>();
        })
    }
}

fn literal(expr: &Expr) -> Option<&Lit> {
    match expr {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        _ => None,
    }
}

fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => is_number(&unary.expr),
        _ => matches!(literal(expr), Some(Lit::Int(_) | Lit::Float(_))),
    }
}

fn is_texts(expr: &Expr) -> bool {
    matches!(expr, Expr::Array(array) if array.elems.iter().all(|item| matches!(literal(item), Some(Lit::Str(_)))))
}
