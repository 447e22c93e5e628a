//! How much of everything a hostile client gets, and that all of it ends.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, TcpStream},
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use super::*;

#[test]
fn a_slow_handshake_is_ended() {
    let setup = proxy(Reach::default(), Limits { handshake: Duration::from_millis(300), ..Limits::default() });
    let (silent, mut half) = (setup.client(), setup.client());
    half.write_all(&[5, 1]).unwrap();
    assert_eq!(rest(silent), b"");
    assert_eq!(rest(half), b"");
    // One byte after the other doesn't buy time: there are 255 methods to send.
    let mut slow = setup.client();
    slow.write_all(&[5, 255]).unwrap();
    let writes = (0..255).take_while(|_| {
        thread::sleep(Duration::from_millis(20));
        slow.write_all(&[9]).is_ok()
    });
    assert!(writes.count() < 255);
}

#[test]
fn silence_ends_a_connection() {
    let served = Served::with(|client| {
        let _ = BufReader::new(client).lines().count();
    });
    let limits = Limits { idle: Duration::from_millis(300), ..Limits::default() };
    let setup = proxy(reach(&[("localhost", served.port)], &[]), limits);
    let (code, client) = setup.connect("localhost", served.port);
    assert_eq!((code, rest(client)), (ALLOWED, vec![]));
    assert_eq!(setup.proxy.finish().asked[0].refused, Some(Refusal::Silent));
}

#[test]
fn bytes_are_bounded_over_all_connections() {
    let served = Served::with(|mut client| {
        let _ = client.write_all(&[7; 600]);
        let _ = client.shutdown(Shutdown::Write);
        let _ = client.read_to_end(&mut Vec::new());
    });
    let setup = proxy(reach(&[("localhost", served.port)], &[]), Limits { bytes: 1000, ..Limits::default() });
    let got: usize = (0..3).map(|_| rest(setup.connect("localhost", served.port).1).len()).sum();
    assert!((600..=1000).contains(&got), "{got}");
    let report = setup.proxy.finish();
    assert!(report.asked.iter().any(|asked| asked.refused == Some(Refusal::Bytes)));
    assert_eq!(report.asked.iter().map(|asked| asked.received).sum::<u64>(), got as u64);
}

#[test]
fn uploads_are_bounded_over_all_connections() {
    let received = Arc::new(AtomicUsize::new(0));
    let counter = received.clone();
    let served = Served::with(move |mut client| {
        let mut buffer = [0; 100];
        while let Ok(read @ 1..) = client.read(&mut buffer) {
            counter.fetch_add(read, SeqCst);
        }
    });
    let setup = proxy(reach(&[("localhost", served.port)], &[]), Limits { upload: 1000, ..Limits::default() });
    for _ in 0..3 {
        let (_, mut client) = setup.connect("localhost", served.port);
        let _ = client.write_all(&[7; 600]);
        let _ = client.shutdown(Shutdown::Write);
        rest(client);
    }
    let report = setup.proxy.finish();
    assert!(report.asked.iter().any(|asked| asked.refused == Some(Refusal::Bytes)));
    assert!(report.asked.iter().map(|asked| asked.sent).sum::<u64>() <= 1000);
    assert!(received.load(SeqCst) <= 1000);
}

#[test]
fn connections_are_bounded() {
    let (_folder, served) = page();
    let limits = Limits { at_once: 2, in_all: 3, ..Limits::default() };
    let setup = proxy(reach(&[("localhost", served.port)], &[]), limits);
    let first = setup.connect("localhost", served.port).1;
    let _second = setup.connect("localhost", served.port).1;
    // Waits until one of the others has ended.
    let waiting = setup.client();
    waiting.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    (&waiting).write_all(&[5, 1, 0]).unwrap();
    assert!((&waiting).read(&mut [0; 2]).is_err());
    let fourth = setup.client();
    drop(first);
    waiting.set_read_timeout(None).unwrap();
    (&waiting).read_exact(&mut [0; 2]).unwrap();
    // That was the third and last: who is in the queue behind it is sent away, and then there is none.
    assert_eq!(rest(fourth), b"");
    assert!(UnixStream::connect(setup.proxy.socket()).is_err());
}

#[test]
fn dropping_it_ends_everything() {
    let served = Served::with(|client| {
        let _ = BufReader::new(client).lines().count();
    });
    let setup = proxy(reach(&[("localhost", served.port)], &[]), Limits { at_once: 3, ..Limits::default() });
    let forwarder = forward(setup.proxy.socket(), 0).unwrap();
    let silent = setup.client();
    let connected = setup.connect("localhost", served.port).1;
    let mut forwarded = TcpStream::connect(("127.0.0.1", forwarder.port())).unwrap();
    forwarded.write_all(&[5, 1, 0]).unwrap();
    forwarded.read_exact(&mut [0; 2]).unwrap();
    let waiting = setup.client();
    let socket = setup.proxy.socket().to_owned();
    drop(setup.proxy);
    assert_eq!([rest(silent), rest(connected), rest(waiting)].concat(), b"");
    assert!(!socket.exists());
    assert_eq!(setup.folder.path().read_dir().unwrap().count(), 0);
    assert!(matches!(forwarded.read(&mut [0]), Ok(0) | Err(_)));
    let port = forwarder.port();
    drop(forwarder);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn an_end_that_is_stuck_ends_with_the_proxy() {
    let served = Served::with(|client| {
        thread::park();
        drop(client);
    });
    let setup = proxy(reach(&[("localhost", served.port)], &[]), Limits::default());
    let forwarder = forward(setup.proxy.socket(), 0).unwrap();
    let mut client = TcpStream::connect(("127.0.0.1", forwarder.port())).unwrap();
    client.write_all(&[&[5, 1, 0][..], &request(1, "localhost", served.port)].concat()).unwrap();
    client.read_exact(&mut [0; 12]).unwrap();
    // Until every buffer on the way is full.
    client.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    while client.write(&[7; 65536]).is_ok() {}
    drop(forwarder);
    assert!(setup.proxy.finish().asked[0].sent > 0);
}
