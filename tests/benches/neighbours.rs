//! What good modules notice of a hostile one in the same process, and how soon a hostile one is stopped.
//!
//! Two threads, as a service on two cores has; on one of them a hostile call comes before each 50 good ones. Beside it
//! stand a run in which the good calls come at once, and one in which they come at the same times as beside the hostile
//! call, with a loop of the host's own in its place: after that, too, the next call on that thread finds cold caches.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use thymis_core::wire;
use thymis_sandbox::{Component, Limits, Sandbox};
use thymis_tests::{
    Example,
    guest::{ENDLESS, Guest, request},
};

const GOOD_FOR_EACH_HOSTILE: usize = 50;
/// Good calls of each thread in one run.
const CALLS: usize = 4_000;
const RUNS: usize = 3;

/// A hostile module's `generate`, and pages of memory that it has.
const HOSTILE: &[(&str, u32, &str)] = &[
    ("a loop without end", 4, ENDLESS),
    ("growing memory to the limit", 4, "(loop $l (drop (memory.grow (i32.const 16))) (br $l)) (unreachable)"),
    ("writing all of its memory", 1000, "(memory.fill (i32.const 0) (i32.const 1) (i32.const 60000000)) (unreachable)"),
    ("growing memory by nothing, for ever", 4, "(loop $l (drop (memory.grow (i32.const 0))) (br $l)) (unreachable)"),
    ("recursion without end", 4, "(call $generate (local.get $request))"),
    ("a trap", 4, "(unreachable)"),
    (
        "50,000 expressions",
        100,
        "(i32.store (i32.const 1028) (i32.const 65536)) (i32.store (i32.const 1032) (i32.const 50000)) (i32.const 1024)",
    ),
];

fn main() {
    // Only `--bench` is passed, which cargo does; nothing can be chosen.
    let good = |sandbox: &Sandbox| sandbox.load(&Example::TemperatureLogger.component(), false).unwrap();
    let asked = wire::Request {
        name: "temperature-logger".into(),
        context: vec![],
        ..request(r#"{"log_file":"/var/log/temperature.log","interval":60,"unit":"celsius"}"#)
    };
    println!("{:<40} {:>16} {:>16} {:>16}", "good calls beside", "median, to none", "p99, to none", "p99, to a loop");
    for (name, pages, body) in HOSTILE {
        // A deadline of 100 ms: a loop then takes as long as one in a service with little fuel.
        let sandbox = Sandbox::new(Limits::default().with_deadline_ms(100), None).unwrap();
        let good = good(&sandbox);
        let hostile = sandbox.load(&Guest::generating(*body).pages(*pages).component(), false).unwrap();
        assert!(good.generate(&asked).unwrap().answer.is_ok());
        let attack = || drop(black_box(hostile.generate(&request("{}"))));
        let length = timed(attack);
        let busy = || while_busy(length);
        let mut ratios: [Vec<f64>; 3] = Default::default();
        for _ in 0..RUNS {
            let none = run(&good, &asked, &|| ());
            let (busy, beside) = (run(&good, &asked, &busy), run(&good, &asked, &attack));
            ratios[0].push(beside.0.div_duration_f64(none.0));
            ratios[1].push(beside.1.div_duration_f64(none.1));
            ratios[2].push(beside.1.div_duration_f64(busy.1));
        }
        let [median, p99, p99_busy] = ratios.map(|mut ratios| {
            ratios.sort_by(f64::total_cmp);
            ratios[RUNS / 2]
        });
        println!("{name:<40} {median:>14.2} × {p99:>14.2} × {p99_busy:>14.2} ×");
    }

    println!("\n{:<40} {:>12} {:>12}", "stopped after a deadline of 200 ms", "at most", "which is");
    let deadline = Duration::from_millis(200);
    let limits = Limits::default().with_deadline_ms(200).with_generate_fuel(1_000_000_000_000);
    let sandbox = Sandbox::new(limits, None).unwrap();
    let fill = "(loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 60000000)) (br $l)) (unreachable)";
    let loops = HOSTILE.iter().filter(|(name, ..)| name.contains("for ever") || name.contains("loop")).copied();
    for (name, pages, body) in loops.chain([("writing all of its memory, for ever", 1000, fill)]) {
        let hostile = sandbox.load(&Guest::generating(body).pages(pages).component(), false).unwrap();
        let longest = (0..10).map(|_| timed(|| drop(hostile.generate(&request("{}")).unwrap_err()))).max().unwrap();
        println!("{name:<40} {longest:>12.1?} {:>6.1?} more", longest.saturating_sub(deadline));
    }
}

/// Keeps the processor busy without touching memory.
fn while_busy(length: Duration) {
    let start = Instant::now();
    while start.elapsed() < length {
        std::hint::spin_loop();
    }
}

/// Median and 99th percentile of the good calls, with something else before each 50 on one thread.
fn run(good: &Component, asked: &wire::Request, other: &(dyn Fn() + Sync)) -> (Duration, Duration) {
    let call = || timed(|| drop(black_box(good.generate(asked))));
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            let mut times = Vec::with_capacity(CALLS);
            while times.len() < CALLS {
                other();
                times.extend((0..GOOD_FOR_EACH_HOSTILE).map(|_| call()));
            }
            times
        });
        let mut times: Vec<Duration> = (0..CALLS).map(|_| call()).collect();
        times.extend(second.join().unwrap());
        times
    });
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

fn timed(call: impl FnOnce()) -> Duration {
    let start = Instant::now();
    call();
    start.elapsed()
}
