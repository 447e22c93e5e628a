//! Components that are made to keep a compiler busy, and workers that don't do their work.
//!
//! Both end at the worker's bounds, not at the host's. Here components are compiled as the program does it.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::LazyLock;

use tempfile::TempDir;
use thymis_sandbox::{Limits, Sandbox};
use thymis_tests::{
    Program,
    guest::{EMPTY, Guest},
};

use super::suite::{Case, Ended, case};

pub(crate) const CASES: &[Case] = &[
    case("one branch with 20,000 targets", |_| compiling(&LITTLE_TIME, branches(20_000))),
    case("4,000 locals that all live to the end", |_| compiling(&LITTLE_MEMORY, live_locals(4_000))),
    case("100,000 functions with something in each", |_| compiling(&LITTLE_TIME, functions(100_000))),
    case("200 MB of component", |stage| {
        let mut bytes = Guest::default().component();
        bytes.resize(200_000_000, 0);
        stage.loading(&bytes)
    }),
    case("a worker that isn't there", |_| worker("no such program", None)),
    case("a worker that isn't one", |_| worker("another program", Some("#!/bin/sh\necho hello\n"))),
    case("a worker that hangs before it reads", |_| hanging("#!/bin/sh\nexec sleep 1000\n")),
    case("a worker that hangs after its answer", |_| {
        hanging("#!/bin/sh\ncat > /dev/null\nprintf M\nexec >&-\nexec sleep 1000\n")
    }),
    case("a worker that leaves somebody behind who holds its pipes", |_| {
        worker("leaves a child", Some("#!/bin/sh\nsleep 1000 &\nexit 1\n"))
    }),
    case("a worker that crashes", |_| worker("crashes", Some("#!/bin/sh\ncat > /dev/null\nkill -SEGV $$\n"))),
    case("a worker that dies half-way", |_| worker("dies", Some("#!/bin/sh\n{worker} \"$@\" | head -c 5000\n"))),
    case("a worker that writes without end", |_| worker("floods", Some("#!/bin/sh\nexec cat /dev/zero\n"))),
    case("a worker that complains without end", |_| {
        worker("complains", Some("#!/bin/sh\nyes '\\33[31mred' | head -c 10000000 >&2\nexit 3\n"))
    }),
    case("a worker that answers with another component's machine code", |_| {
        let script = "#!/bin/sh\ncat > /dev/null\nprintf M\ncat {folder}/artifact\nhead -c 32 /dev/zero\n";
        worker("foreign", Some(script))
    }),
    case("a worker that replays an earlier answer", |_| {
        // The first answer is kept and given to whoever asks next.
        let script = "#!/bin/sh\nif [ -e {folder}/kept ]; then cat > /dev/null; cat {folder}/kept; \
                      else {worker} \"$@\" | tee {folder}/kept; fi\n";
        replayed(script)
    }),
    case("a worker that compiles something else than it was given", |_| {
        // Key and component are swapped for those of another request.
        let script = "#!/bin/sh\n(head -c 32; cat > /dev/null; cat {folder}/other.wasm) | {worker} \"$@\"\n";
        worker("compiles another", Some(script))
    }),
    case("what a worker gets", |_| worker_gets()),
];

static LITTLE_TIME: LazyLock<Sandbox> = LazyLock::new(|| {
    let limits = Limits::default().with_compile_cpu_ms(1_000).with_compile_cpu_ms_per_mib(1);
    workshop(limits.with_compile_memory_bytes(8 << 30), Program::path())
});

static LITTLE_MEMORY: LazyLock<Sandbox> = LazyLock::new(|| {
    let limits = Limits::default().with_compile_cpu_ms(60_000).with_compile_memory_bytes(200 << 20);
    workshop(limits.with_compile_memory_bytes_per_mib(1), Program::path())
});

fn workshop(limits: Limits, program: PathBuf) -> Sandbox {
    Sandbox::with_worker(limits, None, program).unwrap()
}

fn loading(sandbox: &Sandbox, guest: &Guest) -> Ended {
    Ended::of(|| sandbox.load(&guest.component(), false).map(|_| "it is loaded".into()))
}

/// A guest with one more function, which nobody calls.
fn compiling(sandbox: &Sandbox, items: String) -> Ended {
    loading(sandbox, &Guest::default().items(items))
}

/// One branch, and as many places it may go to.
fn branches(targets: usize) -> String {
    let names: Vec<_> = (0..targets).map(|target| target.to_string()).collect();
    let places = "end local.get 0 i32.const 7 i32.mul local.set 0 ".repeat(targets);
    format!("(func (param i32) {} local.get 0 br_table {} {places})", "block ".repeat(targets), names.join(" "))
}

fn live_locals(count: usize) -> String {
    let mut text = String::from("(func (param i32) (result i32) (local");
    text.push_str(&" i32".repeat(count));
    text.push(')');
    for local in 1..=count {
        let _ = write!(text, "(local.set {local} (i32.mul (local.get 0) (i32.const {local})))");
        if local % 8 == 0 {
            text.push_str("(if (local.get 0) (then (local.set 0 (i32.popcnt (local.get 0)))))");
        }
    }
    text.push_str("(i32.const 0)");
    for local in 1..=count {
        let _ = write!(text, "(i32.xor (local.get {local}))");
    }
    text.push(')');
    text
}

fn functions(count: usize) -> String {
    "(func (param i32) (result i32) (i32.div_u (i32.const 7) (i32.load (local.get 0))))".repeat(count)
}

/// How loading ends with another program in the worker's place: a script, which is gone when this returns. In it,
/// `{worker}` is the real one and `{folder}` its own folder.
fn worker(name: &str, script: Option<&str>) -> Ended {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("other.wasm"), Guest::echo().component()).unwrap();
    fs::write(folder.path().join("artifact"), b"\x7fELF and so on").unwrap();
    let sandbox = workshop(Limits::default().with_artifact_bytes(1 << 20), place(&folder, name, script));
    told(&folder, &loading(&sandbox, &Guest::default()))
}

fn hanging(script: &str) -> Ended {
    let folder = TempDir::new().unwrap();
    let sandbox = workshop(Limits::default().with_compile_wait_ms(300), place(&folder, "hangs", Some(script)));
    loading(&sandbox, &Guest::default())
}

fn place(folder: &TempDir, name: &str, script: Option<&str>) -> PathBuf {
    let program = folder.path().join(name);
    if let Some(script) = script {
        let path = |path: PathBuf| path.to_str().unwrap().to_owned();
        let script =
            script.replace("{worker}", &path(Program::path())).replace("{folder}", &path(folder.path().to_owned()));
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    }
    program
}

/// Without the temporary folder's name.
fn told(folder: &TempDir, ended: &Ended) -> Ended {
    ended.replace(folder.path().to_str().unwrap(), "FOLDER")
}

fn replayed(script: &str) -> Ended {
    let folder = TempDir::new().unwrap();
    let sandbox = workshop(Limits::default(), place(&folder, "replays", Some(script)));
    sandbox.load(&Guest::default().component(), false).unwrap();
    // The same component again: even that answer isn't fresh.
    told(&folder, &loading(&sandbox, &Guest::generating(EMPTY)))
}

/// The environment that a worker starts with, and what it still has when it waits for its request: descriptors, limits,
/// and whether its system calls are filtered.
fn worker_gets() -> Ended {
    let folder = TempDir::new().unwrap();
    let script = "#!/bin/sh\n{ pwd; tr '\\0' '\\n' < /proc/$$/environ; } > {folder}/environment\n\
                  mkfifo {folder}/request\nexec 9< /etc/passwd\n\
                  {worker} \"$@\" < {folder}/request &\nexec 8> {folder}/request\n\
                  until grep -q '^Seccomp:.2' /proc/$!/status || ! kill -0 $!; do :; done\n\
                  ls /proc/$!/fd > {folder}/descriptors\n\
                  grep -e 'cpu time' -e 'address space' -e 'open files' -e 'file size' /proc/$!/limits > {folder}/limits\n\
                  cat >&8\nexec 8>&-\nwait\n";
    let sandbox = workshop(Limits::default(), place(&folder, "looks", Some(script)));
    Ended::of(|| {
        sandbox.load(&Guest::default().component(), false)?;
        let told = |name: &str| {
            let text = fs::read_to_string(folder.path().join(name)).unwrap();
            text.lines()
                .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect::<Vec<_>>()
                .join(", ")
        };
        Ok(format!(
            "folder and environment: {}\ndescriptors: {}\nlimits: {}",
            told("environment"),
            told("descriptors"),
            told("limits")
        ))
    })
}
