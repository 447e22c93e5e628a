use std::io::{self, BufRead, BufReader, Read, Write};

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The `Host` header: the name by which the client knows the server, with the port.
    pub host: String,
    /// Begins with `/`.
    pub path: String,
    /// Without `?`; empty where there is none.
    pub query: String,
    pub authorization: Option<String>,
    /// Empty where there is none.
    pub user_agent: String,
}

pub(super) trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

pub(super) type Connection = BufReader<Box<dyn Stream>>;

/// A whole request.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) method: String,
    pub(super) request: Request,
    pub(super) body: Vec<u8>,
    headers: Vec<(String, String)>,
}

impl Message {
    /// `None` where the client has gone.
    pub(super) fn read(connection: &mut Connection) -> io::Result<Option<Self>> {
        let first = line(connection)?;
        let mut words = first.split_whitespace();
        let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = Vec::new();
        while let Some((name, value)) = line(connection)?.split_once(':') {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let find = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let request = Request {
            host: find("host").unwrap_or_default(),
            path: path.to_owned(),
            query: query.to_owned(),
            authorization: find("authorization"),
            user_agent: find("user-agent").unwrap_or_default(),
        };
        let body = if find("transfer-encoding").is_some() {
            chunks(connection)?
        } else {
            let length = find("content-length").map_or(Ok(0), |length| length.parse()).map_err(io::Error::other)?;
            exactly(connection, length)?
        };
        Ok(Some(Self { method: method.to_owned(), request, body, headers }))
    }

    /// A header's value, by its name in small letters; empty where there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// Without its end; empty at the end of the stream.
fn line(connection: &mut Connection) -> io::Result<String> {
    let mut line = String::new();
    connection.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn exactly(connection: &mut Connection, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    connection.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn chunks(connection: &mut Connection) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let length = usize::from_str_radix(&line(connection)?, 16).map_err(io::Error::other)?;
        body.extend(exactly(connection, length)?);
        line(connection)?;
        if length == 0 {
            return Ok(body);
        }
    }
}

#[derive(Debug)]
pub(super) struct Response {
    /// A number, and a phrase after it if there is one.
    pub(super) status: String,
    /// `Name: value`, without those that say where the body ends.
    pub(super) headers: Vec<String>,
    pub(super) body: Vec<u8>,
}

impl Response {
    /// One without a body.
    pub(super) fn empty(status: u16, headers: Vec<String>) -> Self {
        Self { status: format!("{status} "), headers, body: Vec::new() }
    }

    pub(super) fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        self.head(&format!("Content-Length: {}", self.body.len()), to)?;
        to.write_all(&self.body)?;
        to.flush()
    }

    /// Its head alone, for a body in [`chunk`]s.
    pub(super) fn begin(&self, to: &mut dyn Write) -> io::Result<()> {
        self.head("Transfer-Encoding: chunked", to)
    }

    fn head(&self, end: &str, to: &mut dyn Write) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {}\r\n{end}\r\n", self.status);
        for header in &self.headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        to.write_all(head.as_bytes())
    }
}

/// A part of a body whose length is not known.
pub(super) fn chunk(bytes: &[u8], to: &mut dyn Write) -> io::Result<()> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend(bytes);
    chunk.extend(b"\r\n");
    to.write_all(&chunk)?;
    to.flush()
}
