//! One call of a module in the sandbox against the very same crate called natively.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod world;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::Criterion;
use thymis_controller::{
    author,
    module::{Module, Native},
};
use thymis_sandbox::{Limits, Sandbox};

fn main() {
    let limits = Limits::default();
    let built = author::build(&world::example("temperature-logger")).unwrap();
    let sandbox = Sandbox::new(limits.clone(), None).unwrap();
    let isolated = Module::Component(sandbox.load(&std::fs::read(built.file).unwrap(), false).unwrap());
    let native = Module::Native(Native::new(temperature_logger::thymis_modules(), limits));
    let request = world::request();
    let call = |module: &Module| module.generate(&request).unwrap().answer.unwrap();
    assert_eq!(call(&isolated), call(&native));

    let mut criterion = Criterion::default().configure_from_args();
    criterion.bench_function("generate, isolated", |bencher| bencher.iter(|| call(&isolated)));
    criterion.bench_function("generate, native", |bencher| bencher.iter(|| call(&native)));
    criterion.final_summary();

    // In turns, so that both see the same machine; the median, so that a pause of the machine doesn't count.
    let time = |module| {
        let start = Instant::now();
        black_box(call(module));
        start.elapsed()
    };
    let mut times: (Vec<Duration>, Vec<Duration>) = (0..5_000).map(|_| (time(&isolated), time(&native))).unzip();
    let (isolated, native) = (median(&mut times.0), median(&mut times.1));
    println!("isolated {isolated:.1?}, native {native:.1?}, isolated/native {:.2}", isolated.div_duration_f64(native));
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
