use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
};

use thymis_tests::repository::Id;

/// Serves one pack as a git repository whose branch `main` is at `head`; answers the address. Runs until the process ends.
pub(crate) fn serve(pack: Vec<u8>, head: Id) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("git+http://{}/repository", listener.local_addr().unwrap());
    let pack = Arc::new(pack);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let pack = Arc::clone(&pack);
            std::thread::spawn(move || answer(&stream.unwrap(), &pack, head));
        }
    });
    url
}

fn answer(mut stream: &TcpStream, pack: &[u8], head: Id) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length, mut chunked) = (String::new(), 0, false);
    reader.read_line(&mut line).ok()?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim().to_ascii_lowercase();
        match header.split_once(": ") {
            Some(("content-length", value)) => length = value.parse().ok()?,
            Some(("transfer-encoding", _)) => chunked = true,
            Some(_) => {}
            None => break,
        }
    }
    let mut wanted = vec![0; length];
    reader.read_exact(&mut wanted).ok()?;
    while chunked && !wanted.ends_with(b"done\n") {
        let mut size = String::new();
        reader.read_line(&mut size).ok()?;
        let mut chunk = vec![0; usize::from_str_radix(size.trim(), 16).ok()? + 2];
        reader.read_exact(&mut chunk).ok()?;
        if chunk.len() == 2 {
            break;
        }
        wanted.extend(&chunk[..chunk.len() - 2]);
    }
    let packet = |text: String| format!("{:04x}{text}", text.len() + 4);
    let (kind, body) = if line.starts_with("GET") {
        let lines = [
            packet("# service=git-upload-pack\n".to_owned()),
            "0000".to_owned(),
            packet(format!("{head} HEAD\0ofs-delta shallow symref=HEAD:refs/heads/main\n")),
            packet(format!("{head} refs/heads/main\n")),
            "0000".to_owned(),
        ];
        ("advertisement", lines.concat().into_bytes())
    } else {
        let text = String::from_utf8_lossy(&wanted).into_owned();
        // The first question is where history ends, the second one is for the pack.
        let body = match text.contains("done") {
            true => [packet("NAK\n".to_owned()).as_bytes(), pack].concat(),
            false => (packet(format!("shallow {head}")) + "0000").into_bytes(),
        };
        ("result", body)
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-{kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&body).ok()
}
