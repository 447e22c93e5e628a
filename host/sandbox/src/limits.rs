//! Every bound of the sandbox, in one place.

/// A bound was passed. `limit` is the name of a field of [`Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the limit `{limit}` is {allowed}, and {requested} was asked for")]
pub struct LimitExceeded {
    pub limit: &'static str,
    pub allowed: u64,
    pub requested: u64,
}

/// `requested`, if it lies within `allowed`.
pub(crate) fn within(limit: &'static str, allowed: u64, requested: u64) -> Result<u64, LimitExceeded> {
    if requested > allowed { Err(LimitExceeded { limit, allowed, requested }) } else { Ok(requested) }
}

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident / $with:ident = $default:expr;)*) => {
        /// Every bound of the sandbox. The defaults fit modules of any language that the SDKs serve; each error that a
        /// bound causes names its field and value.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            $($(#[$doc])* #[must_use] pub fn $with(mut self, $name: u64) -> Self {
                self.$name = $name;
                self
            })*
        }
    };
}

limits! {
    // The component

    /// Bytes of a component. A Rust module has 30–150 KB, one in Python 20 MB.
    component_bytes / with_component_bytes = 48 << 20;
    /// Bytes of a compiled component.
    artifact_bytes / with_artifact_bytes = 512 << 20;
    /// Components and core modules within each other.
    nesting / with_nesting = 8;
    /// Bytes of one type section. Readers of nested types recurse: three bytes make a level.
    type_section_bytes / with_type_section_bytes = 64 << 10;
    /// Imports, and exports, of a component.
    externs / with_externs = 256;

    // One call

    /// Units of fuel (about one WebAssembly instruction each) of `describe`, instantiation included.
    describe_fuel / with_describe_fuel = 500_000_000;
    /// Units of fuel of `migrate`, instantiation included.
    migrate_fuel / with_migrate_fuel = 500_000_000;
    /// Units of fuel of `generate`, instantiation included. A Rust module needs 0.6 million, one in Python 3 million.
    generate_fuel / with_generate_fuel = 500_000_000;
    /// Milliseconds of wall-clock time of one call: the backstop behind the fuel, which runs out in a tenth of this.
    deadline_ms / with_deadline_ms = 5_000;
    /// Bytes of all linear memories together.
    memory_bytes / with_memory_bytes = 64 << 20;
    /// Linear memories.
    memories / with_memories = 2;
    /// Elements of one table.
    table_elements / with_table_elements = 20_000;
    /// Tables.
    tables / with_tables = 16;
    /// Core instances.
    instances / with_instances = 64;
    /// Bytes of stack that WebAssembly code may use.
    stack_bytes / with_stack_bytes = 1 << 20;
    /// Bytes that one crossing between host and module may take: text, and tables at their size in the host.
    hostcall_fuel / with_hostcall_fuel = 4 << 20;
    /// Calls at the same time; others wait.
    concurrent_calls / with_concurrent_calls = 64;

    // What a module says beside its answer

    /// Calls of `diagnostics`.
    diagnostics_calls / with_diagnostics_calls = 16;
    /// Bytes kept of what a module says: panics, and with WASI the standard output and error.
    diagnostics_bytes / with_diagnostics_bytes = 16 << 10;

    // The answer: each bound counts over the whole answer of one call

    /// Bytes of all text together.
    output_bytes / with_output_bytes = 3 << 20;
    /// Bytes of one text.
    string_bytes / with_string_bytes = 1 << 20;
    /// Bytes of one name: of a module, setting, attribute, function, path segment, locale, user.
    name_bytes / with_name_bytes = 1 << 10;
    /// Descriptors.
    modules / with_modules = 64;
    /// Types of settings.
    types / with_types = 4_096;
    /// Settings.
    settings / with_settings = 4_096;
    /// Choices of selections.
    choices / with_choices = 10_000;
    /// Translations.
    translations / with_translations = 50_000;
    /// Conditions of settings, their tests and values.
    conditions / with_conditions = 10_000;
    /// Entries of open forms (`extra`).
    extras / with_extras = 10_000;
    /// Expressions.
    exprs / with_exprs = 50_000;
    /// What expressions hold: list items, attributes, parts of texts, arguments, path segments.
    operands / with_operands = 100_000;
    /// Definitions.
    definitions / with_definitions = 10_000;
    /// Segments of the paths of definitions.
    segments / with_segments = 100_000;
    /// Imports of NixOS modules.
    imports / with_imports = 256;
    /// Placements of secrets.
    secrets / with_secrets = 256;
    /// Checks.
    checks / with_checks = 1_024;
    /// Problems with the settings.
    problems / with_problems = 1_024;
}
