//! Macros that compose expressions.

/// A text with values in it: `text!("{}/bin/curl --max-time {}", nix::pkgs("curl"), seconds)`.
///
/// `{}` is replaced by the next value, `{{` and `}}` are braces. It is not a shell: a value that goes into a command line
/// or a unit file is quoted by [`escape`](crate::escape).
#[macro_export]
macro_rules! text {
    ($template:literal $(, $value:expr)* $(,)?) => {{
        const {
            assert!($crate::well_formed($template), "text!: a brace in the template is doubled; a place for a value is a pair of braces with nothing in it");
            assert!(
                $crate::placeholders($template) == 0usize $(+ { let _ = stringify!($value); 1usize })*,
                "text!: the template has more or fewer places than there are values"
            );
        }
        $crate::Expr::format($template, ::std::vec![$($crate::Expr::from($value)),*])
    }};
}

/// A list whose items may differ in type: `list!["a", 1, nix::pkgs("curl")]`.
#[macro_export]
macro_rules! list {
    ($($item:expr),* $(,)?) => {
        $crate::Expr::list({
            let items: ::std::vec::Vec<$crate::Expr> = ::std::vec![$($crate::Expr::from($item)),*];
            items
        })
    };
}

/// An attribute set: `attrs! { "enable" => true, name => "value" }`.
#[macro_export]
macro_rules! attrs {
    ($($name:expr => $value:expr),* $(,)?) => {
        $crate::Expr::attrs::<::std::string::String, $crate::Expr>(
            ::std::vec![$((::std::string::String::from($name), $crate::Expr::from($value))),*],
        )
    };
}

/// A path of names, each as it is: `path!["systemd", "services", name, "enable"]`.
#[macro_export]
macro_rules! path {
    ($($name:expr),+ $(,)?) => {
        $crate::Path::new([$(::std::string::String::from($name)),+])
    };
}

/// How many `{}` a template has.
#[must_use]
pub const fn placeholders(template: &str) -> usize {
    let mut rest = template.as_bytes();
    let mut count = 0;
    loop {
        rest = match rest {
            [b'{', b'{', after @ ..] | [b'}', b'}', after @ ..] => after,
            [b'{', b'}', after @ ..] => {
                count += 1;
                after
            }
            [_, after @ ..] => after,
            [] => return count,
        };
    }
}

/// Whether braces stand in pairs only.
#[must_use]
pub const fn well_formed(template: &str) -> bool {
    let mut rest = template.as_bytes();
    loop {
        rest = match rest {
            [b'{', b'{' | b'}', after @ ..] | [b'}', b'}', after @ ..] => after,
            [b'{' | b'}', ..] => return false,
            [_, after @ ..] => after,
            [] => return true,
        };
    }
}
