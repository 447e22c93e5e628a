//! Generating a project: everything, and after one changed setting.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod world;

use std::collections::BTreeSet;

use criterion::{BatchSize, BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use thymis_controller::project::{Catalogue, Generator, Options};
use world::World;

const SIZES: [usize; 3] = [10, 100, 500];

fn generate(criterion: &mut Criterion) {
    let world = World::new();
    let projects = SIZES.map(|size| (size, world.project(size)));
    let none = BTreeSet::new();

    let mut group = criterion.benchmark_group("files of configurations with 4 modules");
    for (size, project) in &projects {
        let states = World::states(project);
        let catalogue = Catalogue::load(project.host(), &states[0].project, &project.lock().unwrap()).unwrap();
        group.bench_function(BenchmarkId::new("cold", size), |bencher| {
            bencher.iter(|| {
                let generation = Generator::new().generate(&states[0], &catalogue, &none);
                assert!(generation.failures.is_empty() && generation.made == *size, "{:?}", generation.failures);
                generation
            });
        });
        let mut generator = Generator::new();
        let mut turn = 0;
        generator.generate(&states[1], &catalogue, &none);
        group.bench_function(BenchmarkId::new("one setting changed", size), |bencher| {
            bencher.iter(|| {
                let generation = generator.generate(&states[turn % 2], &catalogue, &none);
                assert_eq!(generation.made, 1);
                turn += 1;
                generation
            });
        });
    }
    group.finish();

    // With state and modules read, the tree compared and written, draft and work tree replaced.
    let mut group = criterion.benchmark_group("project of configurations with 4 modules");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    for (size, project) in &projects {
        let mut interval = 60;
        let mut change = || {
            interval = 60 + (interval + 1) % 2;
            world::configure(project, 0, interval);
        };
        group.bench_function(BenchmarkId::new("cold", size), |bencher| {
            bencher.iter_batched(
                &mut change,
                |()| project.generate(&mut Generator::new(), Options::default()).unwrap(),
                BatchSize::PerIteration,
            );
        });
        let mut generator = Generator::new();
        project.generate(&mut generator, Options::default()).unwrap();
        group.bench_function(BenchmarkId::new("one setting changed", size), |bencher| {
            bencher.iter_batched(
                &mut change,
                |()| {
                    let generated = project.generate(&mut generator, Options::default()).unwrap();
                    assert!(generated.written.len() <= 1, "{:?}", generated.written);
                },
                BatchSize::PerIteration,
            );
        });
        group.bench_function(BenchmarkId::new("nothing changed", size), |bencher| {
            bencher.iter(|| project.generate(&mut generator, Options::default()).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, generate);
criterion_main!(benches);
