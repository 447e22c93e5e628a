//! What a hostile client in the jail may reach, and how much of it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{IpAddr, Shutdown, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use tempfile::TempDir;

use super::*;

mod bounds;

const ALLOWED: u8 = 0;
const NOT_ALLOWED: u8 = 2;

/// A server on all addresses of this machine, until the process ends.
struct Served {
    port: u16,
    contacts: Arc<AtomicUsize>,
}

impl Served {
    fn with(answer: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let served = Self { port: listener.local_addr().unwrap().port(), contacts: Arc::default() };
        let (contacts, answer) = (served.contacts.clone(), Arc::new(answer));
        thread::spawn(move || {
            for client in listener.incoming() {
                contacts.fetch_add(1, SeqCst);
                let answer = answer.clone();
                thread::spawn(move || answer(client.unwrap()));
            }
        });
        served
    }

    /// The files of a folder over HTTP.
    fn files(folder: PathBuf) -> Self {
        Self::with(move |mut client| {
            let mut lines = BufReader::new(client.try_clone().unwrap()).lines().map_while(Result::ok);
            let Some(first) = lines.next() else { return };
            while lines.next().is_some_and(|line| !line.is_empty()) {}
            let path = first.split(' ').nth(1).unwrap().split('?').next().unwrap();
            let (status, content) =
                fs::read(folder.join(&path[1..])).map_or(("404 Not Found", vec![]), |content| ("200 OK", content));
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", content.len());
            let _ = client.write_all(&[head.into_bytes(), content].concat());
        })
    }

    fn contacts(&self) -> usize {
        self.contacts.load(SeqCst)
    }
}

struct Setup {
    proxy: Proxy,
    folder: TempDir,
}

fn proxy(reach: Reach, limits: Limits) -> Setup {
    let folder = TempDir::new().unwrap();
    Setup { proxy: Proxy::start(folder.path(), reach, limits).unwrap(), folder }
}

impl Setup {
    fn client(&self) -> UnixStream {
        UnixStream::connect(self.proxy.socket()).unwrap()
    }

    fn connect(&self, host: &str, port: u16) -> (u8, UnixStream) {
        connect(self.client(), host, port)
    }
}

/// Hosts that are allowed with a port, and ports that are open to the public internet.
fn reach(hosts: &[(&str, u16)], public_ports: &[u16]) -> Reach {
    let hosts = hosts.iter().map(|(host, port)| (host.parse().unwrap(), *port)).collect();
    Reach { hosts, public_ports: public_ports.to_vec() }
}

fn request(command: u8, host: &str, port: u16) -> Vec<u8> {
    let bytes = match host.parse() {
        Ok(IpAddr::V4(address)) => [&[1][..], &address.octets()].concat(),
        Ok(IpAddr::V6(address)) => [&[4][..], &address.octets()].concat(),
        Err(_) => name(host),
    };
    [&[5, command, 0][..], &bytes, &port.to_be_bytes()].concat()
}

fn name(host: &str) -> Vec<u8> {
    [&[3, host.len() as u8][..], host.as_bytes()].concat()
}

/// Asks, and gives the code of the answer.
fn ask(mut client: UnixStream, request: &[u8]) -> (u8, UnixStream) {
    client.write_all(&[5, 1, 0]).unwrap();
    let mut method = [9; 2];
    client.read_exact(&mut method).unwrap();
    assert_eq!(method, [5, 0]);
    client.write_all(request).unwrap();
    let mut answer = [9; 10];
    client.read_exact(&mut answer).unwrap();
    assert_eq!((answer[0], &answer[2..]), (5, &[0, 1, 0, 0, 0, 0, 0, 0][..]));
    (answer[1], client)
}

fn connect(client: UnixStream, host: &str, port: u16) -> (u8, UnixStream) {
    ask(client, &request(1, host, port))
}

/// All that comes until the connection ends, however that happens.
fn rest(mut client: UnixStream) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = client.read_to_end(&mut all);
    all
}

fn page() -> (TempDir, Served) {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("page"), "hello").unwrap();
    let served = Served::files(folder.path().to_owned());
    (folder, served)
}

#[test]
fn a_host_is_allowed_with_its_port_wherever_it_is() {
    let (_folder, served) = page();
    let setup = proxy(reach(&[("localhost", served.port), ("127.0.0.1", served.port)], &[]), Limits::default());
    for host in ["localhost", "LocalHost.", "127.0.0.1"] {
        let (code, mut client) = setup.connect(host, served.port);
        assert_eq!(code, ALLOWED, "{host}");
        client.write_all(b"GET /page HTTP/1.1\r\n\r\n").unwrap();
        assert!(rest(client).ends_with(b"\r\n\r\nhello"), "{host}");
    }
    // As a name, too.
    assert_eq!(
        ask(setup.client(), &[&[5, 1, 0][..], &name("127.0.0.1"), &served.port.to_be_bytes()].concat()).0,
        ALLOWED
    );
    let report = setup.proxy.finish();
    let asked: Vec<_> = report.asked.iter().map(|asked| (asked.host.as_str(), asked.port, asked.refused)).collect();
    assert_eq!(asked[0], ("localhost", served.port, None));
    assert_eq!(asked[1], ("localhost", served.port, None));
    assert_eq!((report.asked[0].sent, report.asked[0].received > 5), (22, true));
}

#[test]
fn neither_another_port_nor_another_spelling_is_allowed() {
    let (_folder, served) = page();
    let (_other, other) = page();
    let setup = proxy(reach(&[("127.0.0.1", served.port)], &[443]), Limits::default());
    for (host, port) in
        [("127.0.0.1", other.port), ("127.0.0.1", 0), ("localhost", served.port), ("127.1", served.port)]
    {
        assert_eq!(setup.connect(host, port).0, NOT_ALLOWED, "{host}:{port}");
    }
    assert_eq!((served.contacts(), other.contacts()), (0, 0));
    assert!(setup.proxy.finish().asked.iter().all(|asked| asked.refused == Some(Refusal::Port)));
}

#[test]
fn no_spelling_of_an_inner_address_is_reached_on_a_public_port() {
    let (_folder, served) = page();
    let setup = proxy(reach(&[], &[served.port]), Limits::default());
    let addresses = ["127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "169.254.169.254", "100.64.0.1", "::", "::1"];
    let embedded = ["::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "fe80::1", "fd00:ec2::254"];
    let names =
        ["localhost", "LOCALHOST.", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "0", "127.0.0.1."];
    let all = [&addresses[..], &embedded, &names].concat();
    for host in &all {
        assert_eq!(setup.connect(host, served.port).0, NOT_ALLOWED, "{host}");
    }
    // Addresses as names.
    for host in ["127.0.0.1", "::1", "[::1]", "::ffff:127.0.0.1", "[::ffff:7f00:1]"] {
        let request = [&[5, 1, 0][..], &name(host), &served.port.to_be_bytes()].concat();
        assert_eq!(ask(setup.client(), &request).0, NOT_ALLOWED, "{host}");
    }
    assert_eq!(served.contacts(), 0);
    let report = setup.proxy.finish();
    assert_eq!((report.asked.len(), report.malformed), (all.len() + 5, 0));
    assert!(report.asked.iter().all(|asked| asked.refused == Some(Refusal::Address)), "{report:#?}");
}

#[test]
fn a_connection_to_this_machine_is_known() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert!(proxy::is_own(&TcpStream::connect(listener.local_addr().unwrap()).unwrap()));
}

#[test]
fn a_host_that_is_not_there_is_told_from_one_that_refuses() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let setup = proxy(reach(&[("localhost", closed), ("missing.invalid", 1)], &[]), Limits::default());
    assert_eq!(setup.connect("localhost", closed).0, 5);
    assert_eq!(setup.connect("missing.invalid", 1).0, 4);
    assert_eq!(setup.proxy.finish().asked[0].refused, Some(Refusal::Refused));
}

#[test]
fn what_is_no_request_is_answered_or_closed() {
    let (_folder, served) = page();
    let setup = proxy(reach(&[("localhost", served.port)], &[served.port]), Limits::default());
    // BIND, UDP ASSOCIATE, and no command at all.
    for command in [2, 3, 0, 255] {
        assert_eq!(ask(setup.client(), &request(command, "localhost", served.port)).0, 7, "{command}");
    }
    assert_eq!(ask(setup.client(), &[5, 1, 0, 9]).0, 8);
    for host in ["", "a b", "a\0b", "-\n", "localhost\0", &"a".repeat(255), "fe80::1%lo"] {
        let request = [&[5, 1, 0][..], &name(host), &served.port.to_be_bytes()].concat();
        assert_eq!(ask(setup.client(), &request).0, NOT_ALLOWED, "{host:?}");
    }
    let raw: [(&[u8], &[u8]); 6] = [
        (b"GET http://localhost/ HTTP/1.1\r\n\r\n", b""),
        (b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00", b""),
        (&[0xff; 1000], b""),
        // User name and password, and no method at all.
        (b"\x05\x01\x02", b"\x05\xff"),
        (b"\x05\x00", b"\x05\xff"),
        (b"\x05\x01\x00\x04\x01\x00\x01", b"\x05\x00"),
    ];
    for (sent, answer) in raw {
        let mut client = setup.client();
        let _ = client.write_all(sent);
        assert_eq!(rest(client), answer, "{sent:?}");
    }
    // All methods there are.
    let mut client = setup.client();
    client.write_all(&[5, 255]).unwrap();
    client.write_all(&(0..255).rev().collect::<Vec<u8>>()).unwrap();
    let mut method = [9; 2];
    client.read_exact(&mut method).unwrap();
    assert_eq!(method, [5, 0]);
    drop(client);
    assert_eq!(served.contacts(), 0);
    let report = setup.proxy.finish();
    assert_eq!((report.asked.len(), report.malformed), (0, 4 + 1 + 7 + 6 + 1));
}

#[test]
fn one_direction_may_end_before_the_other() {
    let served = Served::with(|mut client| {
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        all.reverse();
        client.write_all(&all).unwrap();
    });
    let setup = proxy(reach(&[("localhost", served.port)], &[]), Limits::default());
    let forwarder = forward(setup.proxy.socket(), 0).unwrap();
    let mut client = TcpStream::connect(("127.0.0.1", forwarder.port())).unwrap();
    // Whoever doesn't wait for answers is served too.
    client.write_all(&[&[5, 1, 0][..], &request(1, "localhost", served.port)].concat()).unwrap();
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    client.write_all(&sent).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer[..4], [5, 0, 5, 0]);
    assert!(answer[12..].iter().eq(sent.iter().rev()));
    drop(forwarder);
    assert_eq!(setup.proxy.finish().asked[0].sent, 3_000_000);
}

fn git(folder: &Path, port: u16, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new("git");
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).env("HOME", folder);
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("ALL_PROXY", format!("socks5h://127.0.0.1:{port}"));
    let name = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"];
    let output = command.current_dir(folder).args(name).args(arguments).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn git_fetches_what_is_allowed_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    for arguments in [
        &["init", "-q", "work"][..],
        &["-C", "work", "commit", "-q", "--allow-empty", "-m", "one"],
        &["clone", "-q", "--bare", "work", "one.git"],
        &["-C", "one.git", "update-server-info"],
    ] {
        let (good, said) = git(at, 1, arguments);
        assert!(good, "{said}");
    }
    let (served, other) = (Served::files(at.to_owned()), Served::files(at.to_owned()));
    let setup = proxy(reach(&[("localhost", served.port)], &[443]), Limits::default());
    let forwarder = forward(setup.proxy.socket(), 0).unwrap();
    let url = |port| format!("http://localhost:{port}/one.git");
    let (good, said) = git(at, forwarder.port(), &["clone", "-q", &url(served.port), "fetched"]);
    assert!(good, "{said}");
    assert!(at.join("fetched/.git/refs/heads/main").exists());
    let (good, said) = git(at, forwarder.port(), &["clone", "-q", &url(other.port), "refused"]);
    assert!(!good);
    assert!(said.contains("SOCKS5"), "{said}");
    assert_eq!(other.contacts(), 0);
    drop(forwarder);
    let report = setup.proxy.finish();
    let refused: Vec<_> = report.asked.iter().filter(|asked| asked.refused.is_some()).collect();
    assert!(matches!(refused[..], [asked] if asked.port == other.port && asked.refused == Some(Refusal::Port)));
}
