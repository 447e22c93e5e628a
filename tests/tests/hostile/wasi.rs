//! WASI is denied without its permission, and with it there is nothing behind it.

use thymis_core::wire::Expr;
use thymis_sandbox::{Component, Error, Sandbox};
use thymis_tests::guest::{ENDLESS, Guest, raw_exprs, request};

use super::suite::{Case, Ended, Stage, case, summary};

pub(crate) const CASES: &[Case] = &[
    case("WASI without its permission", |stage| stage.loading(&bytes(&guest("(unreachable)")))),
    case("files: what is open from the start", |stage| {
        seen(stage, "(call $preopens (i32.const 300))", 304, 4, "folders")
    }),
    case("files: /etc/passwd through a descriptor that nobody gave", |stage| {
        run(
            stage,
            &guest(
                "(call $open-at (i32.const 3) (i32.const 1) (i32.const 512) (i32.const 11) (i32.const 0) (i32.const 1)
                     (i32.const 300)) (i32.const 1024)",
            )
            .items(r#"(data (i32.const 512) "/etc/passwd")"#),
        )
    }),
    case("files: every number that could be a descriptor", |stage| {
        // The first one that isn't ends the call.
        run(
            stage,
            &guest(
                "(local $i i32)
                 (loop $l
                     (call $open-at (local.get $i) (i32.const 0) (i32.const 512) (i32.const 1) (i32.const 0)
                         (i32.const 1) (i32.const 300))
                     (br_if $l (local.tee $i (i32.add (local.get $i) (i32.const 1)))))
                 (i32.const 1024)",
            )
            .items(r#"(data (i32.const 512) "/")"#),
        )
    }),
    case("environment variables", |stage| seen(stage, "(call $environment (i32.const 300))", 304, 4, "variables")),
    case("arguments", |stage| seen(stage, "(call $arguments (i32.const 300))", 304, 4, "arguments")),
    case("the working directory", |stage| seen(stage, "(call $cwd (i32.const 300))", 300, 1, "directories")),
    case("input", |stage| {
        // err(closed)
        seen(stage, "(call $read (call $stdin) (i64.const 100) (i32.const 300))", 300, 12, "result and kind of error")
    }),
    case("waiting for input", |stage| {
        run(stage, &guest("(call $block (call $in-ready (call $stdin))) (i32.const 1024)"))
    }),
    case("a terminal", |stage| seen(stage, "(call $terminal (i32.const 300))", 300, 1, "terminals")),
    case("network: a TCP socket", |stage| {
        // err(access-denied)
        seen(stage, "(call $tcp (i32.const 0) (i32.const 300))", 300, 8, "result and error")
    }),
    case("network: a UDP socket", |stage| {
        seen(stage, "(call $udp (i32.const 1) (i32.const 300))", 300, 8, "result and error")
    }),
    case("network: a name", |stage| {
        let call = "(call $resolve (call $network) (i32.const 512) (i32.const 11) (i32.const 300))";
        let name = r#"(data (i32.const 512) "example.org")"#;
        bytes_of(stage, &guest(&shown(call, 300, 8)).items(name), "result and error")
    }),
    case("network: a name of a megabyte", |stage| {
        let fill = "(memory.fill (i32.const 0x20000) (i32.const 0x61) (i32.const 1000000))";
        let call =
            format!("{fill} (call $resolve (call $network) (i32.const 0x20000) (i32.const 1000000) (i32.const 300))");
        bytes_of(stage, &guest(&shown(&call, 300, 8)).pages(64), "result and error")
    }),
    case("the time", |stage| seen(stage, "(call $wall (i32.const 304))", 304, 12, "seconds and nanoseconds")),
    case("the time that a call takes", |stage| {
        let work = "(local $i i32) (i64.store (i32.const 300) (call $now))
            (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 500000))))
            (i64.store (i32.const 300) (i64.sub (call $now) (i64.load (i32.const 300))))";
        seen(stage, work, 300, 8, "nanoseconds")
    }),
    case("sleep for a year", |stage| {
        run(stage, &guest("(call $block (call $sleep (i64.const 31536000000000000))) (i32.const 1024)"))
    }),
    case("randomness, the same in every call and every component", |stage| {
        let draw = "(i64.store (i32.const 300) (call $random)) (i64.store (i32.const 308) (call $random))";
        let (first, second) = (seen(stage, draw, 300, 16, "bytes"), seen(stage, draw, 300, 16, "bytes"));
        let third = seen(stage, &format!("(nop) {draw}"), 300, 16, "bytes");
        assert!(first == second && second == third, "{first} {second} {third}");
        first
    }),
    case("insecure randomness and its seed", |stage| {
        let draw = "(i64.store (i32.const 304) (call $insecure)) (call $seed (i32.const 312))";
        seen(stage, draw, 304, 24, "bytes")
    }),
    case("randomness of 4 GiB at once", |stage| {
        run(stage, &guest("(call $random-bytes (i64.const 0xffffffff) (i32.const 300)) (i32.const 1024)"))
    }),
    case("randomness of 64 KiB in a loop", |_| {
        busy("(global.set $bump (i32.const 8192)) (call $random-bytes (i64.const 65536) (i32.const 300))")
    }),
    case("the clock in a loop", |_| busy("(drop (call $now))")),
    case("a loop in the allocator, for what a host function returns", |stage| {
        let guest = guest(
            "(global.set $armed (i32.const 1)) (call $random-bytes (i64.const 8) (i32.const 300)) (i32.const 1024)",
        )
        .items("(global $armed (mut i32) (i32.const 0))")
        .realloc(format!("(if (global.get $armed) (then {ENDLESS})) (i32.const 8192)"));
        run(stage, &guest)
    }),
    case("an allocator that asks for randomness again, for what a host function returns", |stage| {
        let guest = guest(
            "(global.set $armed (i32.const 1)) (call $random-bytes (i64.const 8) (i32.const 300)) (i32.const 1024)",
        )
        .items("(global $armed (mut i32) (i32.const 0))")
        .realloc("(if (global.get $armed) (then (call $random-bytes (i64.const 8) (i32.const 300)))) (i32.const 8192)");
        run(stage, &guest)
    }),
    case("10 MB of output", |stage| {
        let write = "(local $i i32) (local $out i32) (local.set $out (call $stdout))
            (memory.fill (i32.const 0x10000) (i32.const 0x61) (i32.const 4096))
            (loop $l (call $write (local.get $out) (i32.const 0x10000) (i32.const 4096) (i32.const 300))
                (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2500))))
            (i32.const 1024)";
        said(stage, &guest(write))
    }),
    case("a million zero bytes of output at once", |stage| {
        said(stage, &guest("(call $zeroes (call $stderr) (i64.const 1000000) (i32.const 300)) (i32.const 1024)"))
    }),
    case("output that would move the terminal's cursor", |stage| {
        let text = r#"(data (i32.const 512) "fine\1b[2J\1b]0;root\07\0d\e2\80\aegone\ff\0a")"#;
        let write = "(call $write (call $stderr) (i32.const 512) (i32.const 27) (i32.const 300)) (unreachable)";
        run(stage, &guest(write).items(text))
    }),
    case("writing to a stream that nobody gave", |stage| {
        run(stage, &guest("(call $write (i32.const 7) (i32.const 0) (i32.const 8) (i32.const 300)) (i32.const 1024)"))
    }),
    case("writing to an input", |stage| {
        run(stage, &guest("(call $write (call $stdin) (i32.const 0) (i32.const 8) (i32.const 300)) (i32.const 1024)"))
    }),
    case("leaving with success", |stage| run(stage, &guest("(call $exit (i32.const 0)) (i32.const 1024)"))),
    case("leaving with failure", |stage| run(stage, &guest("(call $exit (i32.const 1)) (i32.const 1024)"))),
    case("leaving from the start function", |stage| {
        run(stage, &guest("(i32.const 1024)").items("(func $s (call $exit (i32.const 0))) (start $s)"))
    }),
    case("leaving while the request comes in", |stage| {
        run(stage, &guest("(i32.const 1024)").realloc("(call $exit (i32.const 0)) (unreachable)"))
    }),
    case("holding more pollables than there may be", |stage| {
        run(stage, &guest(&looping("(drop (call $sleep (i64.const 1)))")))
    }),
    case("holding more streams than there may be", |stage| run(stage, &guest(&looping("(drop (call $stdout))")))),
    case("holding more networks than there may be", |stage| run(stage, &guest(&looping("(drop (call $network))")))),
    case("waiting for nothing at all", |stage| {
        run(stage, &guest("(call $poll (i32.const 0) (i32.const 0) (i32.const 300)) (i32.const 1024)"))
    }),
    case("waiting for one thing a million times over", |_| {
        // A list of a million times the same handle.
        let fill = "(local $i i32) (local $handle i32) (local.set $handle (call $sleep (i64.const 1)))
            (loop $l (i32.store offset=0x20000 (local.get $i) (local.get $handle))
                (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 4000000))))";
        let poll = "(call $poll (i32.const 0x20000) (i32.const 1000000) (i32.const 300)) (i32.const 1024)";
        Ended::of(|| {
            let sandbox = Sandbox::new(Stage::limits().with_generate_fuel(50_000_000), None)?;
            let component = sandbox.load(&bytes(&guest(&format!("{fill} {poll}")).pages(128)), true)?;
            Ok(summary(&component.generate(&request("{}"))?.answer))
        })
    }),
    case("waiting for 400 things in a loop", |_| {
        busy_after(
            "(loop $l (i32.store offset=0x20000 (local.get $i) (call $sleep (i64.const 1)))
                (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 1600))))",
            "(global.set $bump (i32.const 8192)) (call $poll (i32.const 0x20000) (i32.const 400) (i32.const 300))",
        )
    }),
];

const IMPORTS: &str = r#"
    (import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))
    (import "wasi:io/poll@0.2.6" "poll" (func $poll (param i32 i32 i32)))
    (import "wasi:io/streams@0.2.6" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
    (import "wasi:io/streams@0.2.6" "[method]input-stream.subscribe" (func $in-ready (param i32) (result i32)))
    (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush"
        (func $write (param i32 i32 i32 i32)))
    (import "wasi:io/streams@0.2.6" "[method]output-stream.write-zeroes" (func $zeroes (param i32 i64 i32)))
    (import "wasi:random/random@0.2.6" "get-random-bytes" (func $random-bytes (param i64 i32)))
    (import "wasi:random/random@0.2.6" "get-random-u64" (func $random (result i64)))
    (import "wasi:random/insecure@0.2.6" "get-insecure-random-u64" (func $insecure (result i64)))
    (import "wasi:random/insecure-seed@0.2.6" "insecure-seed" (func $seed (param i32)))
    (import "wasi:clocks/monotonic-clock@0.2.6" "now" (func $now (result i64)))
    (import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $sleep (param i64) (result i32)))
    (import "wasi:clocks/wall-clock@0.2.6" "now" (func $wall (param i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.open-at"
        (func $open-at (param i32 i32 i32 i32 i32 i32 i32)))
    (import "wasi:filesystem/preopens@0.2.6" "get-directories" (func $preopens (param i32)))
    (import "wasi:sockets/instance-network@0.2.6" "instance-network" (func $network (result i32)))
    (import "wasi:sockets/ip-name-lookup@0.2.6" "resolve-addresses" (func $resolve (param i32 i32 i32 i32)))
    (import "wasi:sockets/tcp-create-socket@0.2.6" "create-tcp-socket" (func $tcp (param i32 i32)))
    (import "wasi:sockets/udp-create-socket@0.2.6" "create-udp-socket" (func $udp (param i32 i32)))
    (import "wasi:cli/environment@0.2.6" "get-environment" (func $environment (param i32)))
    (import "wasi:cli/environment@0.2.6" "get-arguments" (func $arguments (param i32)))
    (import "wasi:cli/environment@0.2.6" "initial-cwd" (func $cwd (param i32)))
    (import "wasi:cli/exit@0.2.6" "exit" (func $exit (param i32)))
    (import "wasi:cli/stdin@0.2.6" "get-stdin" (func $stdin (result i32)))
    (import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))
    (import "wasi:cli/stderr@0.2.6" "get-stderr" (func $stderr (result i32)))
    (import "wasi:cli/terminal-stdin@0.2.6" "get-terminal-stdin" (func $terminal (param i32)))"#;

/// A guest that imports WASI, with this body of `generate`.
fn guest(generate: &str) -> Guest {
    Guest::generating(generate).imports(IMPORTS)
}

fn bytes(guest: &Guest) -> Vec<u8> {
    guest.component_of("guest", include_str!("wasi.wit"))
}

fn load(stage: &Stage, guest: &Guest) -> Result<Component, Error> {
    stage.sandbox.load(&bytes(guest), true)
}

fn run(stage: &Stage, guest: &Guest) -> Ended {
    Ended::of(|| Ok(summary(&load(stage, guest)?.generate(&request("{}"))?.answer)))
}

fn looping(body: &str) -> String {
    format!("(loop $l {body} (br $l)) (unreachable)")
}

/// What stands in the guest's memory after a call.
fn seen(stage: &Stage, call: &str, at: u32, bytes: usize, what: &str) -> Ended {
    bytes_of(stage, &guest(&shown(call, at, bytes)), what)
}

/// A body that answers with bytes of the memory, two letters for each.
fn shown(call: &str, at: u32, bytes: usize) -> String {
    let letter = |index: usize, shift: usize| {
        format!(
            "(i32.store8 (i32.const {}) (i32.add (i32.const 97)
                 (i32.and (i32.shr_u (i32.load8_u (i32.const {})) (i32.const {shift})) (i32.const 15))))",
            2048 + index * 2 + usize::from(shift == 0),
            at as usize + index
        )
    };
    let letters: String = (0..bytes).map(|index| letter(index, 4) + &letter(index, 0)).collect();
    format!(
        "{call} {letters} (i64.store (i32.const 256) (i64.const 0)) (i32.store (i32.const 264) (i32.const 2048))
         (i32.store (i32.const 268) (i32.const {})) {}",
        bytes * 2,
        raw_exprs("(i32.const 1)")
    )
}

fn bytes_of(stage: &Stage, guest: &Guest, what: &str) -> Ended {
    Ended::of(|| {
        let answer = load(stage, guest)?.generate(&request("{}"))?.answer.unwrap();
        let Expr::Raw(letters) = &answer.exprs[0] else { panic!("{answer:?}") };
        let digit = |letter: u8| letter - b'a';
        let bytes: Vec<u8> = letters.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
        Ok(format!("{what}: {bytes:?}"))
    })
}

/// What the host kept of what the guest wrote.
fn said(stage: &Stage, guest: &Guest) -> Ended {
    Ended::of(|| {
        let outcome = load(stage, guest)?.generate(&request("{}"))?;
        Ok(format!("{}; {} bytes are kept of what it wrote", summary(&outcome.answer), outcome.usage.said.len()))
    })
}

/// How a loop around something ends that costs little fuel and much time.
fn busy(body: &str) -> Ended {
    busy_after("", body)
}

fn busy_after(first: &str, body: &str) -> Ended {
    let limits = Stage::limits().with_deadline_ms(50);
    Ended::of(|| {
        let guest = guest(&format!("(local $i i32) {first} {}", looping(body))).pages(16);
        let component = Sandbox::new(limits, None)?.load(&bytes(&guest), true)?;
        Ok(summary(&component.generate(&request("{}"))?.answer))
    })
}
