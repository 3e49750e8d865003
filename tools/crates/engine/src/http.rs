//! The little HTTP/1.1 that an engine's socket needs: one request a connection, with a body
//! that is made while it is sent.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::error::{printable, Error};
use crate::place::Place;

/// An engine that is silent for longer is not there. Unpacking a large layer takes its time.
const SILENCE: Duration = Duration::from_secs(600);
/// The head of an answer.
const MAX_HEAD: u64 = 64 << 10;
/// The body of an answer.
const MAX_BODY: u64 = 64 << 20;

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// What the engine says of its failure.
    pub(crate) fn message(&self) -> String {
        #[derive(serde::Deserialize)]
        struct Message {
            message: String,
        }
        let text = match serde_json::from_slice::<Message>(&self.body) {
            Ok(Message { message }) => message,
            Err(_) => String::from_utf8_lossy(&self.body).into_owned(),
        };
        format!("{} {}", self.status, printable(&text))
    }
}

/// Writes the body of a request.
pub(crate) type Body<'a> = &'a mut dyn FnMut(&mut dyn Write) -> Result<(), verbatim_oci::Error>;

/// Carry out a request. With a body it is sent in chunks, for its length is not known.
pub(crate) fn request(
    place: &Place,
    method: &str,
    target: &str,
    body: Option<Body<'_>>,
) -> Result<Answer, Error> {
    let failed = |e: io::Error| {
        Error::Unreachable {
        place: place.to_string(),
        why: match e.kind() {
            io::ErrorKind::PermissionDenied => {
                "its socket may not be opened by this user; join its group, or use its rootless form".into()
            }
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                "nobody listens there; start the engine's service".into()
            }
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                format!("it was silent for {} seconds", SILENCE.as_secs())
            }
            _ => format!("the connection failed: {e}"),
        },
    }
    };
    let stream = UnixStream::connect(&place.socket).map_err(failed)?;
    stream.set_read_timeout(Some(SILENCE)).map_err(failed)?;
    stream.set_write_timeout(Some(SILENCE)).map_err(failed)?;
    let mut writer = io::BufWriter::with_capacity(1 << 18, stream.try_clone().map_err(failed)?);
    let length = if body.is_some() {
        "Content-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n"
    } else if method == "POST" {
        "Content-Length: 0\r\n"
    } else {
        ""
    };
    let sent = write!(
        writer,
        "{method} {target} HTTP/1.1\r\nHost: engine\r\nUser-Agent: verbatim\r\nConnection: close\r\n{length}\r\n"
    )
    .and_then(|()| writer.flush());
    let mut problem = sent.map_err(failed).err();
    if let (Some(body), None) = (body, &problem) {
        let mut chunks = Chunks {
            inner: writer,
            broken: None,
        };
        let made = body(&mut chunks);
        problem = match (made, chunks.broken.take()) {
            // The engine stopped listening: its answer says why.
            (_, Some(e)) => Some(failed(e)),
            (Err(e), None) => return Err(e.into()),
            (Ok(()), None) => chunks.end().map_err(failed).err(),
        };
    }
    match read_answer(stream) {
        Ok(answer) => Ok(answer),
        Err(e) => Err(problem.unwrap_or_else(|| failed(e))),
    }
}

/// A body in chunks (RFC 9112, section 7.1).
struct Chunks<W: Write> {
    inner: W,
    broken: Option<io::Error>,
}

impl<W: Write> Chunks<W> {
    fn end(&mut self) -> io::Result<()> {
        self.inner.write_all(b"0\r\n\r\n")?;
        self.inner.flush()
    }

    fn chunk(&mut self, data: &[u8]) -> io::Result<()> {
        write!(self.inner, "{:x}\r\n", data.len())?;
        self.inner.write_all(data)?;
        self.inner.write_all(b"\r\n")
    }
}

impl<W: Write> Write for Chunks<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if data.is_empty() {
            return Ok(0);
        }
        if let Err(e) = self.chunk(data) {
            let kind = e.kind();
            self.broken.get_or_insert(e);
            return Err(kind.into());
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn read_answer(stream: impl Read) -> io::Result<Answer> {
    let wrong = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        let mut limited = (&mut reader).take(MAX_HEAD);
        loop {
            let before = head.len();
            if limited.read_until(b'\n', &mut head)? == 0 {
                return Err(wrong("it ended without an answer in HTTP"));
            }
            if matches!(&head[before..], b"\r\n" | b"\n") {
                break;
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.lines();
        let status: u16 = lines
            .next()
            .and_then(|line| line.strip_prefix("HTTP/1."))
            .and_then(|line| line.split_whitespace().nth(1))
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| wrong("its answer is not HTTP"))?;
        // Another answer follows.
        if (100..200).contains(&status) {
            continue;
        }
        let header = |wanted: &str| {
            head.lines().skip(1).find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case(wanted)
                    .then(|| value.trim().to_owned())
            })
        };
        let mut body = Vec::new();
        let chunked = header("transfer-encoding")
            .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        if chunked {
            read_chunks(&mut reader, &mut body)?;
        } else {
            let length = header("content-length")
                .and_then(|length| length.parse().ok())
                .unwrap_or(MAX_BODY);
            (&mut reader)
                .take(length.min(MAX_BODY))
                .read_to_end(&mut body)?;
        }
        return Ok(Answer { status, body });
    }
}

fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "its answer is not HTTP");
    loop {
        let mut line = String::new();
        reader.by_ref().take(1024).read_line(&mut line)?;
        let size = line.trim().split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size, 16).map_err(|_| wrong())?;
        if size == 0 {
            return Ok(());
        }
        if body.len() as u64 + size > MAX_BODY {
            return Err(wrong());
        }
        let got = reader.by_ref().take(size).read_to_end(body)?;
        let mut end = [0; 2];
        reader.read_exact(&mut end)?;
        if got as u64 != size || &end != b"\r\n" {
            return Err(wrong());
        }
    }
}

/// Percent-encoding of everything that is not unreserved (RFC 3986, section 2.3).
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> io::Result<(u16, String)> {
        read_answer(text.as_bytes())
            .map(|a| (a.status, String::from_utf8_lossy(&a.body).into_owned()))
    }

    #[test]
    fn answers_of_every_form() {
        assert_eq!(
            answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc").unwrap(),
            (200, "ab".into())
        );
        assert_eq!(
            answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404 No\r\n\r\nall").unwrap(),
            (404, "all".into())
        );
        assert_eq!(
            answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x\r\nabc\r\n1\r\nd\r\n0\r\n\r\n")
                .unwrap(),
            (200, "abcd".into())
        );
        for text in [
            "",
            "nonsense\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab\r\n",
        ] {
            assert!(answer(text).is_err(), "{text}");
        }
        assert!(answer(&"x".repeat(1 << 20)).is_err());
    }

    #[test]
    fn names_in_addresses() {
        assert_eq!(escaped("a/b:c d"), "a%2Fb%3Ac%20d");
    }
}
