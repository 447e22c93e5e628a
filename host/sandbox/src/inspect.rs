//! What a component imports and exports, read from its bytes without compiling anything.

use thymis_core::untrusted;
use wasmparser::{Chunk, Encoding, Parser, Payload};

use crate::fault::{Denied, Incompatible};
use crate::limits::{Limits, within};

/// The versions of the WIT package that this host runs.
pub(crate) const SUPPORTED: &str = "0.1";
const MODULE: &str = "thymis:module/module";
const DIAGNOSTICS: &str = "thymis:module/diagnostics";

/// What a component says about itself. Everything in it was written by the component's author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Of the WIT package `thymis:module`, such as `0.1.0`.
    pub version: String,
    /// Names with versions, in the component's order.
    pub imports: Vec<String>,
    /// Names with versions, in the component's order.
    pub exports: Vec<String>,
    pub bytes: u64,
}

impl Inspection {
    /// The imports that need the permission `wasi`.
    pub fn wasi(&self) -> impl Iterator<Item = &str> {
        self.imports.iter().map(String::as_str).filter(|name| is_wasi(name))
    }

    /// Whether the component may be loaded with this permission.
    ///
    /// # Errors
    /// [`Denied::Wasi`] if it imports WASI without being allowed to.
    pub fn permit(&self, allow_wasi: bool) -> Result<(), Denied> {
        let imports: Vec<String> = self.wasi().map(Into::into).collect();
        if allow_wasi || imports.is_empty() { Ok(()) } else { Err(Denied::Wasi { imports }) }
    }
}

fn is_wasi(name: &str) -> bool {
    name.starts_with("wasi:")
}

/// Reads a component's imports and exports, and refuses what this host can't run: anything but a whole component that
/// exports a supported version of `thymis:module/module` and imports nothing but `diagnostics` and WASI.
///
/// The result says nothing about permissions (see [`Inspection::permit`]), and doesn't vouch for the code.
///
/// # Errors
/// [`Incompatible`], in words for the component's author.
pub fn inspect(bytes: &[u8], limits: &Limits) -> Result<Inspection, Incompatible> {
    within("component_bytes", limits.component_bytes, bytes.len() as u64)?;
    let (imports, exports) = read(bytes, limits)?;

    let versions: Vec<&str> = exports.iter().filter_map(|name| version_of(name, MODULE)).collect();
    let version = match versions.as_slice() {
        [] => return Err(Incompatible::OtherInterface { exports }),
        [version] if is_supported(version) => (*version).to_owned(),
        found => {
            return Err(Incompatible::OtherVersion {
                found: untrusted::short(
                    &found
                        .iter()
                        .map(|it| if it.is_empty() { "none".to_owned() } else { format!("`{it}`") })
                        .collect::<Vec<_>>()
                        .join(" and "),
                ),
                supported: SUPPORTED,
            });
        }
    };
    let fits = |name: &str| is_wasi(name) || version_of(name, DIAGNOSTICS).is_some_and(is_supported);
    let forbidden: Vec<String> = imports.iter().filter(|name| !fits(name)).cloned().collect();
    if !forbidden.is_empty() {
        return Err(Incompatible::ForbiddenImport { imports: forbidden });
    }
    Ok(Inspection { version, imports, exports, bytes: bytes.len() as u64 })
}

/// The version in `name`, if it names `interface`; empty where it has none.
fn version_of<'a>(name: &'a str, interface: &str) -> Option<&'a str> {
    match name.strip_prefix(interface)? {
        "" => Some(""),
        rest => rest.strip_prefix('@'),
    }
}

/// `0.1.N`: releases of one minor version are compatible with each other.
fn is_supported(version: &str) -> bool {
    version
        .strip_prefix(SUPPORTED)
        .and_then(|rest| rest.strip_prefix('.'))
        .is_some_and(|patch| !patch.is_empty() && patch.len() <= 9 && patch.bytes().all(|it| it.is_ascii_digit()))
}

/// Walks all sections, those of nested modules and components too, with a stack of its own.
fn read(bytes: &[u8], limits: &Limits) -> Result<(Vec<String>, Vec<String>), Incompatible> {
    if !bytes.starts_with(b"\0asm") {
        return Err(Incompatible::NotWasm);
    }
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let (mut parser, mut outer, mut rest) = (Parser::new(0), Vec::new(), bytes);
    loop {
        // Without the end of the file in sight, the parser says that it needs more where bytes are missing.
        let end = outer.is_empty() && rest.is_empty();
        let chunk = match parser.parse(rest, end).map_err(malformed)? {
            // What lies within another may end with it.
            Chunk::NeedMoreData(_) if rest.is_empty() => parser.parse(rest, true).unwrap_or(Chunk::NeedMoreData(1)),
            chunk => chunk,
        };
        let (consumed, payload) = match chunk {
            Chunk::Parsed { consumed, payload } => (consumed, payload),
            Chunk::NeedMoreData(_) => return Err(Incompatible::Truncated { bytes: bytes.len() as u64 }),
        };
        rest = rest.get(consumed..).unwrap_or_default();
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } if outer.is_empty() => {
                return Err(Incompatible::CoreModule);
            }
            Payload::ModuleSection { parser: inner, .. } | Payload::ComponentSection { parser: inner, .. } => {
                outer.push(std::mem::replace(&mut parser, inner));
                within("nesting", limits.nesting, outer.len() as u64)?;
            }
            Payload::End(_) => match outer.pop() {
                Some(it) => parser = it,
                None => return Ok((imports, exports)),
            },
            Payload::ComponentImportSection(section) if outer.is_empty() => {
                for import in section {
                    imports.push(import.map_err(malformed)?.name.full_name().into_owned());
                    within("externs", limits.externs, imports.len() as u64)?;
                }
            }
            Payload::ComponentExportSection(section) if outer.is_empty() => {
                for export in section {
                    exports.push(export.map_err(malformed)?.name.full_name().into_owned());
                    within("externs", limits.externs, exports.len() as u64)?;
                }
            }
            Payload::ComponentTypeSection(section) => type_section(limits, section.range())?,
            Payload::CoreTypeSection(section) => type_section(limits, section.range())?,
            Payload::MemorySection(section) => {
                for memory in section {
                    let memory = memory.map_err(malformed)?;
                    let page_size = 1_u64 << memory.page_size_log2.unwrap_or(16).min(16);
                    within("memory_bytes", limits.memory_bytes, memory.initial.saturating_mul(page_size))?;
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    within("table_elements", limits.table_elements, table.map_err(malformed)?.ty.initial)?;
                }
            }
            _ => {}
        }
    }
}

/// Bytes of all code sections, those of nested modules too, as far as the component can be read.
pub(crate) fn code_bytes(bytes: &[u8]) -> u64 {
    let sections = Parser::new(0).parse_all(bytes).map_while(Result::ok);
    sections.map(|payload| if let Payload::CodeSectionStart { size, .. } = payload { u64::from(size) } else { 0 }).sum()
}

fn type_section(limits: &Limits, range: std::ops::Range<u64>) -> Result<(), Incompatible> {
    within("type_section_bytes", limits.type_section_bytes, range.end.saturating_sub(range.start))?;
    Ok(())
}

fn malformed(error: wasmparser::Error) -> Incompatible {
    Incompatible::Malformed { offset: error.offset(), reason: untrusted::short(error.message()) }
}
