//! A WASI with nothing behind it, for components whose language runtime imports one.
//!
//! No arguments, environment, folders, input or network; the clocks stand still, randomness is a fixed sequence, and
//! whatever waits is ready at once: nothing needs an event loop.

use std::time::Duration;

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::{self, DynPollable, Pollable, bindings};
use wasmtime_wasi::{Deterministic, HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView};

use crate::limits::Limits;
use crate::said::Said;
use crate::state::State;

pub(crate) struct Wasi {
    context: WasiCtx,
    table: ResourceTable,
    /// Standard output and error together.
    said: Said,
}

impl std::fmt::Debug for Wasi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wasi").finish_non_exhaustive()
    }
}

impl Wasi {
    pub(crate) fn new(limits: &Limits) -> Self {
        let said = Said::new(limits.diagnostics_bytes);
        // Any sequence will do, if each byte value occurs in it: guests that draw until a value fits come to an end.
        let sequence = || Deterministic::new((0..=u8::MAX).map(|it| it.wrapping_mul(167).wrapping_add(13)).collect());
        let context = WasiCtx::builder()
            .stdout(said.clone())
            .stderr(said.clone())
            .secure_random(sequence())
            .insecure_random(sequence())
            .insecure_random_seed(0)
            .max_random_size(limits.wasi_random_bytes)
            .wall_clock(Still)
            .monotonic_clock(Still)
            // Not even a socket is made: without an address to reach it would still be one of the host's descriptors.
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::try_from(limits.wasi_resources).unwrap_or(usize::MAX));
        Self { context, table, said }
    }

    /// What the guest wrote, as it wrote it, and a word where it wrote more than is kept.
    pub(crate) fn said(&self) -> String {
        self.said.text()
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        // Only linked for components whose state has a WASI; the smallest context serves if that ever fails to hold.
        let wasi = self.wasi.get_or_insert_with(|| Box::new(Wasi::new(&Limits::default())));
        WasiCtxView { ctx: &mut wasi.context, table: &mut wasi.table }
    }
}

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    p2::add_to_linker_async(linker)?;
    // The library's timers panic without an event loop.
    linker.allow_shadowing(true);
    bindings::clocks::monotonic_clock::add_to_linker::<State, StillClock>(linker, |state| StillClockView {
        table: state.ctx().table,
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

/// A clock that stands at 2000-01-01: not 0, which some runtimes take for a clock that was never set.
struct Still;

const STILL: Duration = Duration::from_secs(946_684_800);

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        STILL
    }
}

impl HostMonotonicClock for Still {
    fn resolution(&self) -> u64 {
        1_000_000_000
    }

    fn now(&self) -> u64 {
        0
    }
}

struct StillClock;

struct StillClockView<'a> {
    table: &'a mut ResourceTable,
}

impl HasData for StillClock {
    type Data<'a> = StillClockView<'a>;
}

impl bindings::clocks::monotonic_clock::Host for StillClockView<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(HostMonotonicClock::now(&Still))
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(HostMonotonicClock::resolution(&Still))
    }

    fn subscribe_instant(&mut self, _: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let over = self.table.push(Over)?;
        p2::subscribe(self.table, over)
    }

    fn subscribe_duration(&mut self, _: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.subscribe_instant(0)
    }
}

/// A wait that is over.
struct Over;

#[wasmtime_wasi::async_trait]
impl Pollable for Over {
    async fn ready(&mut self) {}
}
