//! Components, loaded and ready to be called.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use thymis_core::digest::Digest;
use thymis_core::wire;
use wasmtime::Engine;
use wasmtime::component::{self, Linker};

use crate::bindings::v0_1::{ModuleProviderPre, thymis::module::diagnostics};
use crate::cache::{self, Cache};
use crate::call::{Caller, Export, Migrated, Outcome, v0_1};
use crate::compile::{CompileError, Compiler, InProcess};
use crate::engine::engine;
use crate::fault::{Error, HostFault, Incompatible, words};
use crate::inspect::{Inspection, SUPPORTED, inspect};
use crate::limits::{LimitExceeded, Limits};
use crate::metrics::{Ledger, Metrics, MetricsKey};
use crate::slots::Slots;
use crate::state::State;
use crate::wasi;
use crate::worker::Worker;

/// Loads components. Cheap to clone; may be used from many threads at once.
#[derive(Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
    compiler: Arc<dyn Compiler>,
    cache: Option<Cache>,
}

#[derive(Debug)]
struct Shared {
    engine: Engine,
    limits: Limits,
    slots: Slots,
    ledger: Ledger,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("limits", &self.shared.limits)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    /// A sandbox that compiles in this process and keeps compiled components in `cache`, if given: a folder that is
    /// created with mode 0700 and must be this user's alone.
    ///
    /// # Errors
    /// The engine can't run on this machine, or the folder can't be used.
    pub fn new(limits: Limits, cache: Option<PathBuf>) -> Result<Self, HostFault> {
        Self::with_compiler(limits, cache, |in_process| Arc::new(in_process))
    }

    /// A sandbox that starts `program` for each component that it has to compile. That must be a program that calls
    /// [`crate::worker::serve`] when its first argument is [`crate::worker::COMMAND`].
    ///
    /// # Errors
    /// As [`Sandbox::new`].
    pub fn with_worker(limits: Limits, cache: Option<PathBuf>, program: PathBuf) -> Result<Self, HostFault> {
        let bounds = limits.clone();
        Self::with_compiler(limits, cache, |in_process| {
            Arc::new(Worker::new(program, bounds, in_process.into_engine()))
        })
    }

    /// A sandbox with a compiler of the caller's, made from the one that compiles in this process.
    ///
    /// # Errors
    /// As [`Sandbox::new`].
    pub fn with_compiler(
        limits: Limits,
        cache: Option<PathBuf>,
        compiler: impl FnOnce(InProcess) -> Arc<dyn Compiler>,
    ) -> Result<Self, HostFault> {
        limits.check()?;
        let engine = engine(&limits)?;
        let cache = cache.map(|folder| Cache::open(folder, limits.artifact_bytes)).transpose()?;
        let compiler = compiler(InProcess::new(engine.clone()));
        let slots = Slots::new(limits.concurrent_calls);
        Ok(Self { shared: Arc::new(Shared { engine, limits, slots, ledger: Ledger::default() }), compiler, cache })
    }

    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// What the modules of this sandbox have cost so far.
    #[must_use]
    pub fn metrics(&self) -> BTreeMap<MetricsKey, Metrics> {
        self.shared.ledger.all()
    }

    /// Makes a component ready to be called: inspects it, takes its compiled form from the cache or compiles it, and
    /// checks its types. None of its code runs.
    ///
    /// # Errors
    /// [`Error::Incompatible`], [`Error::Denied`] (WASI without `allow_wasi`) or [`Error::HostFault`].
    pub fn load(&self, bytes: &[u8], allow_wasi: bool) -> Result<Component, Error> {
        let inspection = inspect(bytes, &self.shared.limits)?;
        inspection.permit(allow_wasi)?;
        let wasi = inspection.wasi().next().is_some();
        let digest = Digest::of(bytes);
        let (compiled, artifact_bytes) = self.compiled(bytes, &digest)?;
        let pre = self.link(&compiled, wasi)?;
        let shared = self.shared.clone();
        Ok(Component { inner: Arc::new(Inner { shared, digest, inspection, artifact_bytes, wasi, pre }) })
    }

    /// The compiled form, and its size.
    fn compiled(&self, bytes: &[u8], digest: &Digest) -> Result<(component::Component, u64), Error> {
        let key = cache::key(digest, &self.shared.engine);
        if let Some(artifact) = self.cache.as_ref().and_then(|cache| cache.get(&key)) {
            match deserialize(&self.shared.engine, &artifact) {
                Ok(component) => return Ok((component, artifact.len() as u64)),
                Err(error) => tracing::warn!(%digest, error = words(&error), "a cached component is compiled again"),
            }
        }
        let artifact = self.compiler.compile(bytes).map_err(|error| match error {
            CompileError::Invalid(reason) => Error::Incompatible(Incompatible::Invalid { reason }),
            CompileError::Bound(bound) => Error::Incompatible(bound.into()),
            CompileError::Large(limit) => Error::Incompatible(limit.into()),
            CompileError::Failed(reason) => Error::HostFault(HostFault::Compiler { reason }),
        })?;
        crate::limits::within("artifact_bytes", self.shared.limits.artifact_bytes, artifact.len() as u64)
            .map_err(Incompatible::Limit)?;
        // The pool's bounds are checked here: more instances, memories or tables than it has slots of.
        let component = deserialize(&self.shared.engine, &artifact).map_err(|error| self.unfit(&words(&error)))?;
        if let Some(cache) = &self.cache {
            cache.put(&key, &artifact);
        }
        Ok((component, artifact.len() as u64))
    }

    /// Why the pool has no place for a component. The library says it in words only.
    fn unfit(&self, reason: &str) -> Incompatible {
        let limits = self.limits();
        let about = |limit, allowed, words: &str| {
            let asked = reason.split(' ').find_map(|word| word.parse().ok()).filter(|asked| *asked > allowed)?;
            reason.contains(words).then_some(LimitExceeded { limit, allowed, requested: asked })
        };
        about("instances", limits.instances, " core module instances,")
            .or_else(|| about("memories", limits.memories, " linear memories,"))
            .or_else(|| about("tables", limits.tables, " tables"))
            .map_or_else(|| Incompatible::Invalid { reason: reason.to_owned() }, Incompatible::Limit)
    }

    fn link(&self, component: &component::Component, wasi: bool) -> Result<ModuleProviderPre<State>, Error> {
        let mut linker = Linker::new(&self.shared.engine);
        diagnostics::add_to_linker::<State, component::HasSelf<State>>(&mut linker, |state| state)
            .map_err(HostFault::engine)?;
        if wasi {
            wasi::add_to_linker(&mut linker).map_err(HostFault::engine)?;
        }
        linker
            .instantiate_pre(component)
            .and_then(ModuleProviderPre::new)
            .map_err(|error| Incompatible::Mismatch { supported: SUPPORTED, reason: words(&error) }.into())
    }
}

/// Loads machine code.
///
/// `artifact` must be what [`Compiler::compile`] of this sandbox returned: directly, or through the cache after its MAC
/// was found to fit.
#[allow(unsafe_code)]
fn deserialize(engine: &Engine, artifact: &[u8]) -> wasmtime::Result<component::Component> {
    // SAFETY: wasmtime asks that the bytes come unchanged from its own `precompile_component`. Both callers hold them in
    // memory that nobody else writes. One has them from the compiler, which is part of the host. The other has them from
    // the cache, which returns only bytes under an HMAC made over this very component and configuration with a key that
    // this user alone can read; who can forge that can already run code as this user.
    unsafe { component::Component::deserialize(engine, artifact) }
}

/// A loaded component. Cheap to clone; each call runs in an instance of its own, so calls may run at once.
#[derive(Debug, Clone)]
pub struct Component {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    digest: Digest,
    inspection: Inspection,
    artifact_bytes: u64,
    wasi: bool,
    pre: ModuleProviderPre<State>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("digest", &self.digest).field("wasi", &self.wasi).finish_non_exhaustive()
    }
}

impl Component {
    /// Of the component's bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.inner.digest
    }

    #[must_use]
    pub fn inspection(&self) -> &Inspection {
        &self.inner.inspection
    }

    /// Of the compiled form.
    #[must_use]
    pub fn artifact_bytes(&self) -> u64 {
        self.inner.artifact_bytes
    }

    /// The modules of this component, within [`Limits`] but otherwise unchecked.
    ///
    /// # Errors
    /// [`Error::ModuleFault`] or [`Error::HostFault`], as for every call.
    pub fn describe(&self) -> Result<Outcome<Vec<wire::Descriptor>>, Error> {
        self.caller().call(
            Export { name: "describe", module: "", limit: "describe_fuel", fuel: self.limits().describe_fuel },
            async |guest, store| guest.call_describe(store).await,
            v0_1::descriptors,
        )
    }

    /// Settings of the module `name` that were stored under `from_version`, in the form of the present one, or what is
    /// wrong with them.
    ///
    /// # Errors
    /// [`Error::ModuleFault`] or [`Error::HostFault`].
    pub fn migrate(&self, name: &str, from_version: u32, settings: &str) -> Result<Outcome<Migrated>, Error> {
        let (name, settings) = (name.to_owned(), settings.to_owned());
        self.caller().call(
            Export { name: "migrate", module: &name, limit: "migrate_fuel", fuel: self.limits().migrate_fuel },
            async |guest, store| guest.call_migrate(store, &name, from_version, &settings).await,
            v0_1::migrated,
        )
    }

    /// The configuration for one use of a module, or what is wrong with its settings.
    ///
    /// # Errors
    /// [`Error::ModuleFault`] or [`Error::HostFault`].
    pub fn generate(&self, request: &wire::Request) -> Result<Outcome<wire::Answer>, Error> {
        let lowered = v0_1::request(request.clone());
        self.caller().call(
            Export {
                name: "generate",
                module: &request.name,
                limit: "generate_fuel",
                fuel: self.limits().generate_fuel,
            },
            async |guest, store| guest.call_generate(store, &lowered).await,
            v0_1::answer,
        )
    }

    fn limits(&self) -> &Limits {
        &self.inner.shared.limits
    }

    fn caller(&self) -> Caller<'_> {
        let Inner { shared, digest, pre, wasi, .. } = &*self.inner;
        let Shared { limits, slots, ledger, .. } = &**shared;
        Caller { pre, limits, slots, wasi: *wasi, ledger, component: *digest }
    }
}
