//! From bytes to decisions.

/// Names and texts that mean something to Nix, to NixOS, to JSON, to a terminal, or to this program.
const TEXTS: [&str; 64] = [
    "",
    "a",
    "b",
    "x",
    "enable",
    "text",
    "name",
    "settings",
    "services",
    "systemd",
    "environment",
    "users",
    "_type",
    "_module",
    "__functor",
    "outPath",
    "drvPath",
    "type",
    "derivation",
    "imports",
    "config",
    "key",
    ":anon-1",
    "disabledModules",
    "or",
    "let",
    "rec",
    "with",
    "inherit",
    "true",
    "null",
    "__curPos",
    "${pkgs}",
    "$${",
    "$",
    "{",
    "}",
    "\"",
    "\\",
    "\\\"",
    "''",
    "''${",
    "\n",
    "\r",
    "\r\n",
    "\t",
    "\0",
    "\u{1b}[31m",
    "\u{202e}",
    "*/",
    "#",
    "; in builtins",
    "/nix/store/x",
    "/nix",
    "store",
    "../x",
    "/etc/x",
    "a.b",
    "1a",
    "-",
    "ä",
    "secret:0",
    "artifact:0",
    "json",
];

/// At the end of the bytes every decision is the first one, so that whatever is built comes to an end.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Bytes<'_> {
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Less than `end`, which is at most 256.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end.max(1)
    }

    /// Once in `n`; not at the end.
    pub(crate) fn once_in(&mut self, n: u8) -> bool {
        self.byte() % n == n - 1
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    pub(crate) fn many<T>(&mut self, most: usize, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| item(self)).collect()
    }

    pub(crate) fn number(&mut self) -> i64 {
        let bytes = std::array::from_fn(|_| self.byte());
        i64::from_le_bytes(bytes)
    }

    pub(crate) fn text(&mut self) -> String {
        match self.byte() {
            kind if kind < 192 => TEXTS[usize::from(kind) % TEXTS.len()].to_owned(),
            kind => {
                let (text, rest) = self.0.split_at(usize::from(kind - 192).min(self.0.len()));
                self.0 = rest;
                String::from_utf8_lossy(text).into_owned()
            }
        }
    }
}
