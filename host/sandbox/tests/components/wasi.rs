//! WASI with nothing behind it.

use thymis_core::wire::{Answer, Expr};
use thymis_sandbox::{Component, Error, Limits, Sandbox};

use super::guest::{Guest, echo, raw_exprs, request};

const WASI: &str = "
    package test:guest;
    package wasi:io@0.2.6 {
        interface error { resource error; }
        interface streams {
            use error.{error};
            variant stream-error { last-operation-failed(error), closed }
            resource output-stream {
                blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
            }
        }
        interface poll { resource pollable { block: func(); } }
    }
    package wasi:random@0.2.6 { interface random { get-random-u64: func() -> u64; } }
    package wasi:clocks@0.2.6 { interface monotonic-clock {
        use wasi:io/poll@0.2.6.{pollable};
        now: func() -> u64;
        subscribe-duration: func(when: u64) -> pollable;
    } }
    package wasi:sockets@0.2.6 {
        interface network {
            enum error-code {
                unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout, concurrency-conflict,
                not-in-progress, would-block, invalid-state, new-socket-limit, address-not-bindable, address-in-use,
                remote-unreachable, connection-refused, connection-reset, connection-aborted, datagram-too-large,
                name-unresolvable, temporary-resolver-failure, permanent-resolver-failure,
            }
            enum ip-address-family { ipv4, ipv6 }
        }
        interface tcp { resource tcp-socket; }
        interface tcp-create-socket {
            use network.{error-code, ip-address-family};
            use tcp.{tcp-socket};
            create-tcp-socket: func(family: ip-address-family) -> result<tcp-socket, error-code>;
        }
    }
    package wasi:cli@0.2.6 {
        interface exit { exit: func(status: result); }
        interface stderr { use wasi:io/streams@0.2.6.{output-stream}; get-stderr: func() -> output-stream; }
    }
    world guest {
        include thymis:module/module-provider@0.1.0;
        import wasi:io/poll@0.2.6;
        import wasi:random/random@0.2.6;
        import wasi:clocks/monotonic-clock@0.2.6;
        import wasi:sockets/tcp-create-socket@0.2.6;
        import wasi:cli/exit@0.2.6;
        import wasi:cli/stderr@0.2.6;
    }";

const IMPORTS: &str = r#"
    (import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))
    (import "wasi:random/random@0.2.6" "get-random-u64" (func $random (result i64)))
    (import "wasi:clocks/monotonic-clock@0.2.6" "now" (func $now (result i64)))
    (import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $subscribe (param i64) (result i32)))
    (import "wasi:sockets/tcp-create-socket@0.2.6" "create-tcp-socket" (func $socket (param i32 i32)))
    (import "wasi:cli/stderr@0.2.6" "get-stderr" (func $stderr (result i32)))
    (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush"
        (func $write (param i32 i32 i32 i32)))
    (import "wasi:cli/exit@0.2.6" "exit" (func $exit (param i32)))"#;

fn bytes(generate: &str) -> Vec<u8> {
    Guest { imports: IMPORTS, ..Guest::generating(generate) }.component_of("guest", WASI)
}

fn load(generate: &str) -> Component {
    Sandbox::new(Limits::default(), None).unwrap().load(&bytes(generate), true).unwrap()
}

fn answer(generate: &str) -> Answer {
    load(generate).generate(&request("{}")).unwrap().answer
}

#[test]
fn wasi_needs_its_permission() {
    let error = Sandbox::new(Limits::default(), None).unwrap().load(&bytes("(unreachable)"), false);
    let Err(error @ Error::Denied(_)) = error else { panic!("not denied") };
    insta::assert_snapshot!(
        error,
        @r#"the component imports WASI (`wasi:io/poll@0.2.6`, `wasi:random/random@0.2.6`, `wasi:clocks/monotonic-clock@0.2.6`, `wasi:sockets/network@0.2.6`, `wasi:sockets/tcp@0.2.6`, `wasi:sockets/tcp-create-socket@0.2.6`, `wasi:cli/exit@0.2.6`, `wasi:io/error@0.2.6`, 2 more), which was not granted; add `[[component.permission]]` with `kind = "wasi"` and a reason to its `thymis.toml`, or build it without WASI"#
    );
    // The permission of a component that doesn't use it changes nothing.
    assert!(Sandbox::new(Limits::default(), None).unwrap().load(&echo().component(), true).is_ok());
}

#[test]
fn clocks_stand_still_and_randomness_is_the_same_in_every_call() {
    let drawn = format!(
        "(i64.store (i32.const 264) (i64.const 0))
         (i32.store (i32.const 264) (i32.const 300))
         (i32.store (i32.const 268) (i32.const 16))
         (i64.store (i32.const 300) (i64.and (call $random) (i64.const 0x7f7f7f7f7f7f7f7f)))
         (i64.store (i32.const 308) (call $now))
         {}",
        raw_exprs("(i32.const 1)")
    );
    let (first, second) = (answer(&drawn), answer(&drawn));
    assert_eq!(first, second);
    let Expr::Raw(text) = &first.unwrap().exprs[0] else { panic!() };
    assert_eq!(&text.as_bytes()[8..], [0; 8], "the clock");
    assert_ne!(&text.as_bytes()[..8], [0; 8], "the random bytes");
}

#[test]
fn sleeping_is_over_at_once_and_needs_no_event_loop() {
    assert!(answer("(call $block (call $subscribe (i64.const 3600000000000))) (i32.const 1024)").is_ok());
}

#[test]
fn there_is_no_network() {
    // Traps unless the answer is `err(access-denied)`.
    let denied = "(call $socket (i32.const 0) (i32.const 64))
        (if (i32.ne (i32.load8_u (i32.const 64)) (i32.const 1)) (then (unreachable)))
        (if (i32.ne (i32.load8_u (i32.const 68)) (i32.const 1)) (then (unreachable)))
        (i32.const 1024)";
    assert!(answer(denied).is_ok());
}

#[test]
fn what_is_written_reaches_the_author_bounded_and_without_escapes() {
    let write = "(i64.store (i32.const 64) (i64.const 0x0a6f6e1b6f6e0a61))
        (call $write (call $stderr) (i32.const 64) (i32.const 8) (i32.const 128))";
    let error = load(&format!("{write} (unreachable)")).generate(&request("{}")).unwrap_err();
    insta::assert_snapshot!(error, @r"
    `generate` trapped: wasm `unreachable` instruction executed
    the module wrote:
    a
    no\u{1b}no
    ");
    // One handle for each write: those that are left over go with the call.
    let often = "(local $i i32)
         (loop $l (call $write (call $stderr) (i32.const 65536) (i32.const 1000) (i32.const 128))
             (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))
         (i32.const 1024)";
    let outcome = load(often).generate(&request("{}")).unwrap();
    assert!(outcome.answer.is_ok());
    assert!(!outcome.usage.said.is_empty() && outcome.usage.said.len() <= 6 * 16384, "{}", outcome.usage.said.len());
}

#[test]
fn leaving_is_no_answer() {
    insta::assert_snapshot!(
        load("(call $exit (i32.const 1)) (unreachable)").generate(&request("{}")).unwrap_err(),
        @"`generate` ended the program (exit code 1) instead of returning an answer"
    );
}

#[test]
fn holding_many_pollables_is_bounded() {
    let fault = load("(loop $l (drop (call $subscribe (i64.const 1))) (br $l)) (unreachable)")
        .generate(&request("{}"))
        .unwrap_err()
        .to_string();
    assert!(fault.starts_with("`generate` "), "{fault}");
}
