//! The wasmtime engine that all components of a sandbox share.

use std::time::Duration;

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OperatorCost, PoolingAllocationConfig};

use crate::fault::{HostFault, words};
use crate::limits::Limits;

/// Milliseconds between two ticks of the epoch.
const TICK_MS: u64 = 10;
/// Stack for host functions, above what WebAssembly code may use.
const HOST_STACK: usize = 1 << 20;

/// Ticks after which so much time has passed: one more than it has, as the first is a part of one.
pub(crate) fn ticks(time: Duration) -> u64 {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    milliseconds.div_ceil(TICK_MS).saturating_add(1)
}

/// An engine, and the thread that ticks its epoch for as long as it lives.
pub(crate) fn engine(limits: &Limits) -> Result<Engine, HostFault> {
    let engine = Engine::new(&config(limits)).map_err(|error| HostFault::Pool { reason: words(&error) })?;
    let weak = engine.weak();
    std::thread::Builder::new()
        .name("sandbox-epoch".into())
        .stack_size(64 << 10)
        .spawn(move || {
            loop {
                std::thread::sleep(Duration::from_millis(TICK_MS));
                let Some(engine) = weak.upgrade() else { return };
                engine.increment_epoch();
            }
        })
        .map_err(|source| HostFault::Thread { purpose: "ticks the deadline of calls", source })?;
    Ok(engine)
}

fn config(limits: &Limits) -> Config {
    let size = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    let count = |limit: u64| u32::try_from(limit).unwrap_or(u32::MAX);
    let slots = count(limits.concurrent_calls).max(1);

    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(count(limits.instances)))
        .total_memories(slots.saturating_mul(count(limits.memories)))
        .total_tables(slots.saturating_mul(count(limits.tables)))
        .total_stacks(slots)
        .max_core_instances_per_component(count(limits.instances))
        .max_memories_per_component(count(limits.memories))
        .max_tables_per_component(count(limits.tables))
        .max_tables_per_module(count(limits.tables))
        .max_memories_per_module(count(limits.memories))
        .max_memory_size(size(limits.memory_bytes))
        .table_elements(size(limits.table_elements))
        // What a small module touches stays mapped between calls: most of a call's cost is page faults.
        .linear_memory_keep_resident(5 << 19)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);

    let mut config = compiling();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .max_wasm_stack(size(limits.stack_bytes))
        .async_stack_size(size(limits.stack_bytes).saturating_add(HOST_STACK));
    config
}

/// The engine of a process that only compiles: what it makes fits every [`engine`]. It reserves no memory for instances,
/// and stays on the thread that compiles.
pub(crate) fn compiler() -> wasmtime::Result<Engine> {
    Engine::new(compiling().parallel_compilation(false))
}

/// All that the machine code depends on. No limit is among it.
fn compiling() -> Config {
    let mut config = Config::new();
    config
        // 4 GiB of address space per memory lets the compiler leave out bounds checks.
        .memory_reservation(4 << 30)
        .memory_init_cow(true)
        .table_lazy_init(true)
        // Its text would be part of error messages, with addresses that change with the compiler.
        .wasm_backtrace_max_frames(None)
        .consume_fuel(true)
        .operator_cost(costs())
        .epoch_interruption(true)
        // Equal input gives equal bytes on every machine.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        // What no guest needs stays off: less of the compiler is within reach.
        .wasm_tail_call(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .wasm_memory64(false)
        .wasm_branch_hinting(false);
    config
}

/// What an instruction costs beside what its operands say. Those that call into the host take a hundred times as long as
/// others, even for no byte at all: at the usual cost of 1 a loop of them would pass any deadline before its fuel is used up.
fn costs() -> OperatorCost {
    const CALL: u8 = u8::MAX;
    OperatorCost {
        MemoryGrow: CALL,
        MemoryFill: CALL,
        MemoryCopy: CALL,
        MemoryInit: CALL,
        DataDrop: CALL,
        TableGrow: CALL,
        TableFill: CALL,
        TableCopy: CALL,
        TableInit: CALL,
        ElemDrop: CALL,
        ..OperatorCost::new()
    }
}
