//! Literals that would be taken for files of the Nix store.
//!
//! Where NixOS expects a submodule, a string that starts with a path is imported as a Nix file. In pure evaluation only
//! files of the store can be read, so no text of a module may spell a path into it, nor begin with a piece of that
//! spelling which something evaluated later completes.

use super::{Expr, Part};

const STORE: &str = "/nix/store";

/// Whether the text says, or could come to say, a path in the store.
pub(super) fn spells_store_path(expr: &Expr) -> bool {
    let runs = runs(expr);
    let last = runs.len().saturating_sub(1);
    runs.iter()
        .enumerate()
        .any(|(index, run)| says(run) || (index == 0 && last > 0 && begins(run)) || (index > 0 && completes(run)))
        || opens(expr, false)
}

/// Whether one of the choices that a text starts with is the beginning of such a path, which the rest completes.
fn opens(expr: &Expr, rest_follows: bool) -> bool {
    match expr {
        Expr::Text(parts) => {
            let mut parts = parts.iter().peekable();
            while let Some(part) = parts.next() {
                let rest_follows = rest_follows || parts.peek().is_some();
                match part {
                    Part::Literal(text) if text.is_empty() => {}
                    Part::Literal(text) => return rest_follows && begins(text),
                    Part::Embed(inner) if opens(inner, rest_follows) => return true,
                    Part::Embed(inner) if may_be_empty(inner) => {}
                    Part::Embed(_) => return false,
                }
            }
            false
        }
        _ => choices(expr).into_iter().any(|choice| opens(choice, rest_follows)),
    }
}

/// What a choice may turn out to be, as far as it is written in the expression.
fn choices(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Call(call) if call.function.name == "toString" => call.arguments.iter().collect(),
        // Whatever the choices are made of: a set of texts, or what becomes one.
        Expr::Call(call) if call.function.name == "select" => call.arguments.iter().skip(1).collect(),
        Expr::Attrs(attrs) => attrs.iter().map(|(_, value)| value).collect(),
        _ => expr.choices().unwrap_or_default(),
    }
}

fn may_be_empty(expr: &Expr) -> bool {
    expr.literal().is_some_and(|text| text.is_empty()) || choices(expr).into_iter().any(may_be_empty)
}

/// The static pieces of a text, in order, split where Nix fills something in. Values that are known are followed, so a
/// path can't be hidden by cutting it up.
fn runs(expr: &Expr) -> Vec<String> {
    let mut runs = vec![String::new()];
    append(expr, &mut runs);
    runs
}

fn append(expr: &Expr, runs: &mut Vec<String>) {
    match expr {
        Expr::Text(parts) => {
            for part in parts {
                match part {
                    Part::Literal(text) => {
                        if let Some(run) = runs.last_mut() {
                            run.push_str(text);
                        }
                    }
                    Part::Embed(inner) => append(inner, runs),
                }
            }
        }
        Expr::Call(call) if call.function.name == "toString" => {
            call.arguments.iter().for_each(|argument| append(argument, runs));
        }
        _ => runs.push(String::new()),
    }
}

/// Contains a path into the store, also one with empty segments, `.` or `..`.
fn says(run: &str) -> bool {
    if run.contains("/nix/store") {
        return true;
    }
    if !run.contains("nix") || !run.contains("store") {
        return false;
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in run.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    segments.windows(2).any(|pair| {
        matches!(pair, [nix, store]
            if nix.rsplit(|c| !name(c)).next() == Some("nix") && store.split(|c| !name(c)).next() == Some("store"))
    })
}

/// The rest of a path whose beginning was filled in before.
fn completes(run: &str) -> bool {
    let name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut segments = run.split('/').filter(|segment| !matches!(*segment, "" | "."));
    run.starts_with(['/', 's'])
        && segments.next().is_some_and(|first| first.split(|c| !name(c)).next() == Some("store"))
        || run.starts_with("/..")
}

/// The beginning of a path whose rest is filled in later and could complete it.
fn begins(run: &str) -> bool {
    if !run.starts_with('/') {
        return false;
    }
    let plain =
        format!("/{}", run.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/"));
    STORE.starts_with(&plain) || run.split('/').any(|part| part == "..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Ref;

    fn text(parts: Vec<Part>) -> Expr {
        Expr::Text(parts)
    }
    fn literal(text: &str) -> Part {
        Part::Literal(text.to_owned())
    }

    #[test]
    fn paths_of_the_store_are_found_however_they_are_spelled() {
        for path in [
            "/nix/store/x/evil.nix",
            "/nix//store/x",
            "/nix/./store/x",
            "/tmp/../nix/store/x",
            "//nix/store",
            "cp /nix/store/x /tmp",
            "/nix/x/../store/y",
        ] {
            assert!(spells_store_path(&text(vec![literal(path)])), "{path}");
        }
        let cut = text(vec![literal("/nix"), Part::Embed(text(vec![literal("/st")])), literal("ore/x")]);
        assert!(spells_store_path(&cut));
        let filled = text(vec![literal("/nix/"), Part::Embed(Expr::Ref(Ref::System)), literal("/x")]);
        assert!(spells_store_path(&filled));
        let choice = |yes: &str, no: &str| {
            let function = crate::expr::function("if").unwrap();
            let branches = [yes, no].map(|branch| text(vec![literal(branch)]));
            let [yes, no] = branches;
            Part::Embed(Expr::Call(crate::expr::Call { function, arguments: vec![Expr::Bool(true), yes, no] }))
        };
        assert!(spells_store_path(&text(vec![choice("/nix", "x"), literal("/store/x")])));
        assert!(spells_store_path(&text(vec![choice("", ""), choice("x", "/nix/st"), literal("ore/x")])));
        assert!(!spells_store_path(&text(vec![choice("a", "b"), literal("/x")])));
        assert!(!spells_store_path(&text(vec![choice("/srv", "/var"), literal("/x")])));
        assert!(!spells_store_path(&text(vec![choice("/", "/nix")])));
        let rest = text(vec![Part::Embed(Expr::Ref(Ref::Config("own".parse().unwrap()))), literal("/store/x")]);
        assert!(spells_store_path(&rest));
        let filled_up = text(vec![literal("/a/.."), Part::Embed(Expr::Ref(Ref::System))]);
        assert!(spells_store_path(&filled_up));
    }

    #[test]
    fn other_texts_are_left_alone() {
        for path in
            ["/etc/nixos", "https://nix.example/store", "/var/lib/store", "nix store", "/nix", "unix/storefront"]
        {
            assert!(!spells_store_path(&text(vec![literal(path)])), "{path}");
        }
        let own = Expr::Ref(Ref::Config("own".parse().unwrap()));
        let named = text(vec![Part::Embed(own.clone()), literal("/storefront")]);
        assert!(!spells_store_path(&named));
        let program = text(vec![Part::Embed(Expr::Ref(Ref::Package(vec!["hello".into()]))), literal("/bin/hello")]);
        assert!(!spells_store_path(&program));
        let var = text(vec![literal("/var/lib/"), Part::Embed(Expr::Ref(Ref::System))]);
        assert!(!spells_store_path(&var));
    }
}
