//! Every bound on a module's description and on stored settings. Beyond one, the answer is a problem that names it.

// ---- what a module says about itself ----

/// Modules of one component.
pub const MODULES: usize = 64;
/// Bytes of all texts of one descriptor together.
pub const DESCRIPTOR_BYTES: usize = 4 << 20;
/// Entries of the table of types.
pub const TYPES: usize = 4096;
/// Settings of all groups together, as written.
pub const SETTINGS: usize = 4096;
/// Settings of a component after every use of a shared type is counted anew: a small table can describe a huge tree.
pub const EXPANDED_SETTINGS: usize = 8192;
/// Values that the conditions of all those settings compare with.
pub const EXPANDED_TESTS: usize = 65_536;
/// Types within types.
pub const TYPE_DEPTH: usize = 16;
/// Choices of one select.
pub const CHOICES: usize = 1024;
/// Conditions of one setting.
pub const CONDITIONS: usize = 32;
/// Tests of one condition.
pub const TESTS: usize = 16;
/// Values of one test or one `allowed`.
pub const TEST_VALUES: usize = 256;
/// Entries of one open form (constraints, extras).
pub const EXTRAS: usize = 64;
/// Earlier names of one setting or module; kinds and kinds of processing of one secret.
pub const NAMES: usize = 32;
/// Characters of a setting's key, a module's name or another identifier.
pub const NAME_LENGTH: usize = 64;
/// Characters of an earlier name, which may be a Python class of Thymis 0.9.
pub const FORMER_NAME_LENGTH: usize = crate::id::MAX_PYTHON_CLASS;
/// Translations of one text.
pub const TRANSLATIONS: usize = 64;
/// Bytes of a label, a category or a choice's value.
pub const LABEL_BYTES: usize = 512;
/// Bytes of a description.
pub const DESCRIPTION_BYTES: usize = 16 << 10;
/// Bytes of an icon.
pub const ICON_BYTES: usize = 64 << 10;
/// Bytes of one piece of JSON: a default, an example, a constraint.
pub const JSON_BYTES: usize = 64 << 10;
/// Values in all defaults, examples, conditions and constraints of a component, those in lists and objects included.
pub const JSON_VALUES: usize = 32_768;
/// Bytes of a regular expression.
pub const PATTERN_BYTES: usize = 1024;
/// Bytes of a compiled regular expression.
pub const PATTERN_COMPILED_BYTES: usize = 1 << 20;
/// Bytes of all compiled regular expressions of a component; each counts as the next larger of 16, 64, 256 KiB and
/// 1 MiB.
pub const PATTERNS_COMPILED_BYTES: usize = 16 << 20;
/// Regular expressions of one descriptor.
pub const PATTERNS: usize = 64;

// ---- stored settings of one instance ----

/// Values in the document; and again after defaults are filled in.
pub const NODES: usize = 20_000;
/// Lists and objects within each other.
pub const DEPTH: usize = 64;
/// Bytes of all strings and keys; and again after defaults are filled in.
pub const STRING_BYTES: usize = 1 << 20;
/// Bytes of one value that is not `text` or `code`.
pub const LINE_BYTES: usize = 8 << 10;
/// Bytes of one key of a map.
pub const KEY_BYTES: usize = 256;
/// Bytes of one value that a pattern is matched with.
pub const MATCHED_BYTES: usize = 16 << 10;
/// Bytes of text times bytes of the compiled pattern that it is matched with, over all texts: of one document, or of all
/// defaults, examples and conditions of a component. The slowest patterns take a second for four times as much.
pub const MATCHING: usize = 1 << 32;
/// Visits of settings and comparisons by conditions, over all items of lists and maps.
pub const WORK: usize = 1_000_000;

/// Problems that are reported at once.
pub const PROBLEMS: usize = 100;
/// Changes between two revisions of a repository that are told one by one.
pub const CHANGES: usize = 200;
