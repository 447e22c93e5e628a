//! What a text is: nothing, a whole module, or the body of one. Nix's grammar decides.

use rnix::{Root, SyntaxKind, SyntaxNode};

use crate::{
    Fault,
    fault::{MAX_BYTES, MAX_WORDS, What},
};

/// What a body is put into. It stands on lines of its own, so that a comment at its end ends there.
const HEADER: &str = "{ config, lib, pkgs, inputs, options, modulesPath, ... }: {\n";
const FOOTER: &str = "\n}";

/// Names that an expression can begin with: arguments of the generated file, and functions that give a module.
const SCOPE: [&str; 7] = ["builtins", "config", "import", "inputs", "lib", "pkgs", "removeAttrs"];

/// The NixOS module that a text stands for, as one Nix expression. `None`: there are only comments.
///
/// # Errors
/// Where the text is neither a module nor the body of one, or the host would refuse it.
pub(crate) fn module(text: &str) -> Result<Option<String>, Fault> {
    bounded(text)?;
    on_large_stack(|| parsed(text))
}

/// What the host asks of raw Nix beyond its grammar.
fn bounded(text: &str) -> Result<(), Fault> {
    if text.len() + HEADER.len() + FOOTER.len() > MAX_BYTES {
        return Err(Fault::whole(What::TooLong));
    }
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        if byte == b'\r' && bytes.peek().is_none_or(|(_, next)| *next != b'\n') {
            return Err(Fault { at, what: What::CarriageReturn });
        }
    }
    if [HEADER, text, FOOTER].into_iter().map(words_and_signs).sum::<usize>() > MAX_WORDS {
        return Err(Fault::whole(What::TooManyWords));
    }
    Ok(())
}

/// As the host counts them.
fn words_and_signs(text: &str) -> usize {
    let mut in_word = false;
    text.chars().fold(0, |count, c| {
        let word = c.is_alphanumeric() || c == '_';
        let nothing_new = c.is_whitespace() || word && in_word;
        in_word = word;
        count + usize::from(!nothing_new)
    })
}

/// The parser recurses, and so does dropping its trees.
#[cfg(not(target_arch = "wasm32"))]
fn on_large_stack<T: Send>(parse: impl FnOnce() -> Result<T, Fault> + Send) -> Result<T, Fault> {
    const BYTES: usize = 64 << 20;
    std::thread::scope(|scope| {
        let parser = std::thread::Builder::new().stack_size(BYTES).spawn_scoped(scope, parse);
        parser.ok().and_then(|parser| parser.join().ok()).unwrap_or(Err(Fault::whole(What::TooDeep)))
    })
}

/// In the sandbox, a stack that is too small ends the call and nothing else.
#[cfg(target_arch = "wasm32")]
fn on_large_stack<T>(parse: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    parse()
}

fn parsed(text: &str) -> Result<Option<String>, Fault> {
    let trivial = |kind| matches!(kind, SyntaxKind::TOKEN_COMMENT | SyntaxKind::TOKEN_WHITESPACE);
    if rnix::tokenize(text).all(|(kind, _)| trivial(kind)) {
        return Ok(None);
    }
    let whole = match expression(text) {
        Ok(expression) if can_be_module(&expression) => return Ok(Some(text.to_owned())),
        Ok(_) => None,
        Err(fault) => Some(fault),
    };
    let wrapped = format!("{HEADER}{text}{FOOTER}");
    match body(&wrapped) {
        Ok(()) => Ok(Some(wrapped)),
        Err(fault) => {
            let fault = fault.in_body(HEADER.len(), text);
            // What somebody meant is what the parser understood more of.
            Err(whole.filter(|whole| whole.at > fault.at).unwrap_or(fault))
        }
    }
}

/// The one expression of a text.
fn expression(text: &str) -> Result<SyntaxNode, Fault> {
    let parsed = Root::parse(text);
    let root = parsed.syntax();
    let error = parsed.errors().first().map(|error| Fault::of(error, text));
    if let Some(fault) = error.into_iter().chain(unclosed_parentheses(&root)).min_by_key(|fault| fault.at) {
        return Err(fault);
    }
    root.first_child().ok_or(Fault { at: text.len(), what: What::End })
}

/// The parser takes any sign for the end of parentheses, Nix doesn't.
fn unclosed_parentheses(root: &SyntaxNode) -> impl Iterator<Item = Fault> {
    let closing = root.descendants().filter(|node| node.kind() == SyntaxKind::NODE_PAREN).filter_map(|node| {
        let end = node.last_child_or_token()?.into_token()?;
        (!matches!(end.kind(), SyntaxKind::TOKEN_L_PAREN | SyntaxKind::TOKEN_R_PAREN)).then_some(end)
    });
    closing.map(|end| Fault { at: end.text_range().start().into(), what: What::Expected(")") })
}

/// Whether what was put between the braces stayed there.
fn body(wrapped: &str) -> Result<(), Fault> {
    let opened = HEADER.len() - "{\n".len();
    let fault = match expression(wrapped) {
        Ok(lambda) => {
            let body = lambda.last_child().filter(|body| body.kind() == SyntaxKind::NODE_ATTR_SET);
            let range = body.map(|body| (body.text_range().start().into(), body.text_range().end().into()));
            if range == Some((opened, wrapped.len())) {
                return Ok(());
            }
            None
        }
        Err(fault) if fault.what == What::Extra => None,
        Err(fault) => Some(fault),
    };
    Err(fault.unwrap_or_else(|| Fault { at: closed(wrapped, opened), what: What::Closes }))
}

/// Where the brace is closed that was opened at `opened`.
fn closed(wrapped: &str, opened: usize) -> usize {
    let braced = [SyntaxKind::NODE_ATTR_SET, SyntaxKind::NODE_PATTERN];
    let nodes = Root::parse(wrapped).syntax().descendants().filter(|node| braced.contains(&node.kind()));
    let starts_there = nodes.filter(|node| usize::from(node.text_range().start()) == opened);
    let last_brace = |node: SyntaxNode| {
        let tokens = node.children_with_tokens().filter(|part| part.kind() == SyntaxKind::TOKEN_R_BRACE);
        tokens.map(|brace| usize::from(brace.text_range().start())).last()
    };
    starts_there.filter_map(last_brace).min().unwrap_or(wrapped.len())
}

/// Whether the value may be a module. A name that nobody defined is rather an option without a value.
fn can_be_module(expression: &SyntaxNode) -> bool {
    let mut node = expression.clone();
    loop {
        node = match node.kind() {
            SyntaxKind::NODE_IDENT => return SCOPE.iter().any(|name| node.text() == *name),
            SyntaxKind::NODE_APPLY | SyntaxKind::NODE_SELECT => match node.first_child() {
                Some(first) => first,
                None => return true,
            },
            SyntaxKind::NODE_LITERAL
            | SyntaxKind::NODE_STRING
            | SyntaxKind::NODE_LIST
            | SyntaxKind::NODE_UNARY_OP
            | SyntaxKind::NODE_HAS_ATTR
            | SyntaxKind::NODE_CUR_POS => return false,
            _ => return true,
        };
    }
}
