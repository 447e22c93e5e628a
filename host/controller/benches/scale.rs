//! Large projects: generating all, one changed setting, commit, and one of the configurations evaluated. In a process that
//! holds the project, and as commands of the program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod world;

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, measurement::WallTime};
use thymis_controller::project::{Catalogue, Generator, Options, Project};
use world::World;

const SIZES: [usize; 2] = [1_000, 10_000];
const OPTION: &str = "services.web-app.port";

fn main() {
    let world = World::new();
    let projects = SIZES.map(|size| (size, world.evaluable(size)));
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = flat(&mut criterion, "large project of configurations with 4 modules, in memory");
    for (size, project) in &projects {
        in_memory(&mut group, *size, project);
    }
    group.finish();
    let mut group = flat(&mut criterion, "large project of configurations with 4 modules, draft and work tree");
    for (size, project) in &projects {
        on_disk(&mut group, *size, &world.copy_of(project));
    }
    group.finish();
    let mut group = flat(&mut criterion, "large project of configurations with 4 modules, the program");
    for (size, project) in &projects {
        commands(&mut group, *size, &world, project);
    }
    group.finish();
    let mut group = flat(&mut criterion, "large project of configurations with 4 modules, `thymis eval` of one");
    for (size, project) in &projects {
        evaluation(&mut group, *size, &world, &world.copy_of(project));
    }
    group.finish();
    criterion.final_summary();

    for (size, project) in &projects {
        let peak = peak_memory(&mut world.thymis(&world.copy_of(project), &["generate"]));
        println!("{size} configurations: `thymis generate` takes at most {} MB", peak / 1000);
    }
}

fn flat<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat).sample_size(10).warm_up_time(Duration::from_millis(1));
    group
}

/// The generated files, from a state and modules that are in memory.
fn in_memory(group: &mut BenchmarkGroup<'_, WallTime>, size: usize, project: &Project) {
    let states = World::states(project);
    let catalogue = Catalogue::load(project.host(), &states[0].project, &project.lock().unwrap()).unwrap();
    let none = BTreeSet::new();
    group.bench_function(BenchmarkId::new("state read", size), |bencher| {
        bencher.iter_with_large_drop(|| project.state().unwrap());
    });
    group.bench_function(BenchmarkId::new("cold", size), |bencher| {
        bencher.iter_with_large_drop(|| {
            let mut generator = Generator::new();
            let generation = generator.generate(&states[0], &catalogue, &none);
            assert!(generation.failures.is_empty() && generation.made == size, "{:?}", generation.failures);
            (generator, generation)
        });
    });
    let mut generator = Generator::new();
    let mut turn = 0;
    generator.generate(&states[1], &catalogue, &none);
    group.bench_function(BenchmarkId::new("one setting changed", size), |bencher| {
        bencher.iter_with_large_drop(|| {
            let generation = generator.generate(&states[turn % 2], &catalogue, &none);
            assert_eq!(generation.made, 1);
            turn += 1;
            generation
        });
    });
}

/// The same as a transaction, by a process that holds what it made before.
fn on_disk(group: &mut BenchmarkGroup<'_, WallTime>, size: usize, project: &Project) {
    let mut generator = Generator::new();
    project.generate(&mut generator, Options::default()).unwrap();
    let mut change = changing(project);
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

fn commands(group: &mut BenchmarkGroup<'_, WallTime>, size: usize, world: &World, project: &Project) {
    let generate = |project: &Project| run(&mut world.thymis(project, &["generate"]));
    let commit = |project: &Project| run(&mut world.thymis(project, &["commit", "--message", "Changed"]));
    let copy = || world.copy_of(project);
    group.bench_function(BenchmarkId::new("generate, cold", size), |bencher| {
        bencher.iter_batched(copy, |project| generate(&project), BatchSize::PerIteration);
    });
    let generated = || {
        let project = copy();
        generate(&project);
        project
    };
    group.bench_function(BenchmarkId::new("commit, first", size), |bencher| {
        bencher.iter_batched(generated, |project| commit(&project), BatchSize::PerIteration);
    });
    let project = generated();
    commit(&project);
    let mut change = changing(&project);
    group.bench_function(BenchmarkId::new("generate, nothing changed", size), |bencher| {
        bencher.iter(|| generate(&project));
    });
    group.bench_function(BenchmarkId::new("generate, one setting changed", size), |bencher| {
        bencher.iter_batched(&mut change, |()| generate(&project), BatchSize::PerIteration);
    });
    let mut changed = || {
        change();
        generate(&project);
    };
    group.bench_function(BenchmarkId::new("commit, one setting changed", size), |bencher| {
        bencher.iter_batched(&mut changed, |()| commit(&project), BatchSize::PerIteration);
    });
}

fn evaluation(group: &mut BenchmarkGroup<'_, WallTime>, size: usize, world: &World, project: &Project) {
    let eval = || run(&mut world.thymis(project, &["eval", "device-0", OPTION]));
    let mut change = changing(project);
    let mut committed = || {
        change();
        run(&mut world.thymis(project, &["generate"]));
        run(&mut world.thymis(project, &["commit", "--message", "Changed"]));
    };
    committed();
    group.bench_function(BenchmarkId::new("first after a commit", size), |bencher| {
        bencher.iter_batched(&mut committed, |()| eval(), BatchSize::PerIteration);
    });
    group.bench_function(BenchmarkId::new("repeated", size), |bencher| bencher.iter(eval));
}

/// Gives one setting another value with every call.
fn changing(project: &Project) -> impl FnMut() {
    let mut interval = 60;
    move || {
        interval += 1;
        world::configure(project, 0, interval);
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// In kB.
fn peak_memory(command: &mut Command) -> u64 {
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(peak);
        sleep(Duration::from_millis(1));
    }
    peak
}
