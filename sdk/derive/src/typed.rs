//! Types of fields as far as syntax shows them, and values written for them.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::{Expr, ExprLit, GenericArgument, Lit, PathArguments, Type, spanned::Spanned as _};

/// `T` of `Wrapper<T>`.
pub(crate) fn inner<'a>(wrapper: &str, type_: &'a Type) -> Option<&'a Type> {
    let Type::Path(path) = type_ else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == wrapper)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(inner)) if arguments.args.len() == 1 => Some(inner),
        _ => None,
    }
}

/// The type of the value that a setting has when it is there.
pub(crate) fn present(type_: &Type) -> &Type {
    inner("Option", type_).unwrap_or(type_)
}

/// An expression of type `type_`: texts are converted, lists become vectors, all else must have the type already.
pub(crate) fn value(type_: &Type, expr: &Expr) -> TokenStream {
    let span: Span = expr.span();
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            quote_spanned!(span=> <#type_ as ::core::convert::From<&'static str>>::from(#text))
        }
        Expr::Array(array) => match inner("Vec", type_) {
            Some(item) => {
                let items = array.elems.iter().map(|element| value(item, element));
                quote_spanned!(span=> <#type_>::from([#(#items),*]))
            }
            None => quote_spanned!(span=> { let value: #type_ = #expr; value }),
        },
        _ => quote_spanned!(span=> { let value: #type_ = #expr; value }),
    }
}

/// The same as JSON.
pub(crate) fn json(type_: &Type, expr: &Expr) -> TokenStream {
    let value = value(type_, expr);
    quote_spanned!(expr.span()=> <#type_ as ::thymis_sdk::settings::Value>::write(&#value))
}
