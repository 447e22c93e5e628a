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

/// One bound as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub name: &'static str,
    pub value: u64,
    /// The highest value that may be chosen: beyond it the sandbox itself wouldn't hold.
    pub ceiling: u64,
    /// What it bounds.
    pub of: &'static str,
}

/// A value that a bound can't have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    #[error("there is no limit `{name}`; `thymis module limits` lists them")]
    Unknown { name: String },
    #[error("the limit `{name}` can be 1 to {ceiling}, not {value}")]
    OutOfRange { name: &'static str, value: u64, ceiling: u64 },
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])* $name:ident / $with:ident = $default:expr, at most $ceiling:expr;)*) => {
        /// Every bound of the sandbox. The defaults fit modules of any language that the SDKs serve; each error that a
        /// bound causes names its field and value. Each can be chosen from 1 to a ceiling of its own.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $($(#[doc = $doc])* pub $name: u64,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            $($(#[doc = $doc])* #[must_use] pub fn $with(mut self, $name: u64) -> Self {
                self.$name = $name;
                self
            })*

            /// All of them, in the order of this struct.
            #[must_use]
            pub fn all(&self) -> Vec<Limit> {
                vec![$(Limit {
                    name: stringify!($name),
                    value: self.$name,
                    ceiling: $ceiling,
                    of: concat!($($doc),*).trim_ascii(),
                },)*]
            }

            /// Sets one by its name.
            ///
            /// # Errors
            /// There is none of that name, or it can't have that value.
            pub fn set(&mut self, name: &str, value: u64) -> Result<(), LimitError> {
                match name {
                    $(stringify!($name) => self.$name = value,)*
                    _ => return Err(LimitError::Unknown { name: thymis_core::untrusted::short(name) }),
                }
                self.check()
            }
        }
    };
}

impl Limits {
    /// Whether each lies between 1 and its ceiling.
    ///
    /// # Errors
    /// The first that doesn't.
    pub fn check(&self) -> Result<(), LimitError> {
        match self.all().into_iter().find(|it| !(1..=it.ceiling).contains(&it.value)) {
            None => Ok(()),
            Some(Limit { name, value, ceiling, .. }) => Err(LimitError::OutOfRange { name, value, ceiling }),
        }
    }
}

limits! {
    // The component

    /// Bytes of a component. A Rust module has 30–150 KB, one in Python 20 MB.
    component_bytes / with_component_bytes = 48 << 20, at most 256 << 20;
    /// Bytes of a compiled component.
    artifact_bytes / with_artifact_bytes = 512 << 20, at most 2 << 30;
    /// Components and core modules within each other.
    nesting / with_nesting = 8, at most 32;
    /// Bytes of one type section. Readers of nested types recurse: three bytes make a level.
    type_section_bytes / with_type_section_bytes = 64 << 10, at most 64 << 10;
    /// Imports, and exports, of a component.
    externs / with_externs = 256, at most 4_096;

    // Compiling, in a process of its own. Time and memory grow with the component's code, so that small ones can't take
    // what a component in Python needs (6 MiB of code, 19 s, 400 MB).

    /// Milliseconds of processor time for compiling a component, rounded up to seconds.
    compile_cpu_ms / with_compile_cpu_ms = 3_000, at most 600_000;
    /// Milliseconds of processor time beside those for each MiB of the component's code.
    compile_cpu_ms_per_mib / with_compile_cpu_ms_per_mib = 8_000, at most 60_000;
    /// Bytes of address space for compiling a component.
    compile_memory_bytes / with_compile_memory_bytes = 400 << 20, at most 16 << 30;
    /// Bytes of address space beside those for each MiB of the component's code.
    compile_memory_bytes_per_mib / with_compile_memory_bytes_per_mib = 160 << 20, at most 1 << 30;
    /// Milliseconds that the host waits for a compiled component.
    compile_wait_ms / with_compile_wait_ms = 600_000, at most 3_600_000;
    /// Components that are compiled at the same time; others wait.
    compile_workers / with_compile_workers = 2, at most 64;

    // One call

    /// Units of fuel (about one WebAssembly instruction each) of `describe`, instantiation included.
    describe_fuel / with_describe_fuel = 500_000_000, at most 1_000_000_000_000;
    /// Units of fuel of `migrate`, instantiation included.
    migrate_fuel / with_migrate_fuel = 500_000_000, at most 1_000_000_000_000;
    /// Units of fuel of `generate`, instantiation included. A Rust module needs 0.6 million, one in Python 3 million.
    generate_fuel / with_generate_fuel = 500_000_000, at most 1_000_000_000_000;
    /// Milliseconds of processor time of one call: the backstop behind the fuel, which runs out in a tenth of this unless
    /// an instruction costs much more than others. A machine that is busy doesn't count.
    deadline_ms / with_deadline_ms = 5_000, at most 600_000;
    /// Bytes of all linear memories together.
    memory_bytes / with_memory_bytes = 64 << 20, at most 1 << 30;
    /// Linear memories. Each language runtime within a component has one.
    memories / with_memories = 4, at most 16;
    /// Elements of one table.
    table_elements / with_table_elements = 20_000, at most 100_000;
    /// Tables.
    tables / with_tables = 16, at most 64;
    /// Core instances.
    instances / with_instances = 64, at most 1_000;
    /// Bytes of stack that WebAssembly code may use.
    stack_bytes / with_stack_bytes = 1 << 20, at most 16 << 20;
    /// Bytes that one crossing between host and module may take: text, and tables at their size in the host.
    hostcall_fuel / with_hostcall_fuel = 4 << 20, at most 64 << 20;
    /// Calls at the same time in one process; others wait.
    concurrent_calls / with_concurrent_calls = 32, at most 256;

    /// Calls that wait for a thread of the executor; more are refused.
    waiting_calls / with_waiting_calls = 1_024, at most 100_000;

    // What a module says beside its answer

    /// Calls of `diagnostics`.
    diagnostics_calls / with_diagnostics_calls = 16, at most 1_024;
    /// Bytes kept of what a module says: panics, and with WASI the standard output and error.
    diagnostics_bytes / with_diagnostics_bytes = 16 << 10, at most 1 << 20;

    // With WASI

    /// Streams, pollables and errors that a module holds at once.
    wasi_resources / with_wasi_resources = 1_024, at most 65_536;
    /// Bytes of one call for randomness.
    wasi_random_bytes / with_wasi_random_bytes = 64 << 10, at most 1 << 20;

    // The answer: each bound counts over the whole answer of one call

    /// Bytes of all text together.
    output_bytes / with_output_bytes = 3 << 20, at most 64 << 20;
    /// Bytes of one text.
    string_bytes / with_string_bytes = 1 << 20, at most 64 << 20;
    /// Bytes of one name: of a module, setting, attribute, function, path segment, locale, user.
    name_bytes / with_name_bytes = 1 << 10, at most 64 << 10;
    /// Descriptors.
    modules / with_modules = 64, at most 1_024;
    /// Types of settings.
    types / with_types = 4_096, at most 100_000;
    /// Settings.
    settings / with_settings = 4_096, at most 100_000;
    /// Choices of selections.
    choices / with_choices = 10_000, at most 1_000_000;
    /// Translations.
    translations / with_translations = 50_000, at most 1_000_000;
    /// Conditions of settings, their tests and values.
    conditions / with_conditions = 10_000, at most 1_000_000;
    /// Entries of open forms (`extra`).
    extras / with_extras = 10_000, at most 1_000_000;
    /// Expressions.
    exprs / with_exprs = 50_000, at most 1_000_000;
    /// What expressions hold: list items, attributes, parts of texts, arguments, path segments.
    operands / with_operands = 100_000, at most 1_000_000;
    /// Definitions.
    definitions / with_definitions = 10_000, at most 100_000;
    /// Segments of the paths of definitions.
    segments / with_segments = 100_000, at most 1_000_000;
    /// Imports of NixOS modules.
    imports / with_imports = 256, at most 4_096;
    /// Placements of secrets.
    secrets / with_secrets = 256, at most 4_096;
    /// Checks.
    checks / with_checks = 1_024, at most 100_000;
    /// Problems with the settings.
    problems / with_problems = 1_024, at most 100_000;
}
