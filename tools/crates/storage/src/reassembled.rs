//! A layer's archive, put together from an engine's record of it and the files on the disk.
//!
//! The record is that of tar-split: lines of JSON, compressed. A line of type 2 has bytes of the
//! archive as they were, headers and padding; one of type 1 stands for the content of a file, with
//! its size and its CRC-64 (the polynomial of ISO 3309, as Go's `crc64.ISO`).

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use base64::prelude::{Engine as _, BASE64_STANDARD};
use serde::Deserialize;
use verbatim_reader::{decompress, Decompressed};

use crate::disk::Disk;
use crate::node::{clean, Kind};

/// The longest line: the headers of one file, and what stands between two of them.
const MAX_LINE: u64 = 16 << 20;

/// A content that the disk gave for the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// Of the file, by the record.
    pub(crate) path: Vec<u8>,
    /// Whether it is what the record says.
    pub(crate) fits: bool,
}

/// What the disk gave so far; shared, for the archive is read through other readers.
pub(crate) type Log = Rc<RefCell<Vec<Given>>>;

/// The archive, as far as the record and the disk have it.
pub(crate) struct Reassembled<'a> {
    record: BufReader<Decompressed<File>>,
    disk: &'a Disk,
    log: Log,
    line: Vec<u8>,
    now: Now,
    /// So many bytes may still come.
    left: u64,
}

enum Now {
    Line,
    Bytes { bytes: Vec<u8>, at: usize },
    Content(Content),
    End,
}

/// A content that is being given.
struct Content {
    path: Vec<u8>,
    /// What is read; nothing where the file is not there.
    file: Option<File>,
    left: u64,
    crc: Crc64,
    wanted: Option<[u8; 8]>,
    fits: bool,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: u8,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    name_raw: Option<String>,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    payload: Option<String>,
}

impl<'a> Reassembled<'a> {
    /// The archive of which `record` tells, with the contents of `disk`, and at most `limit` bytes of
    /// it.
    pub(crate) fn new(record: File, disk: &'a Disk, limit: u64) -> (Self, Log) {
        let log = Log::default();
        let archive = Self {
            record: BufReader::with_capacity(1 << 16, decompress(record)),
            disk,
            log: Rc::clone(&log),
            line: Vec::new(),
            now: Now::Line,
            left: limit,
        };
        (archive, log)
    }

    fn next_line(&mut self) -> io::Result<Now> {
        self.line.clear();
        let length = (&mut self.record)
            .take(MAX_LINE)
            .read_until(b'\n', &mut self.line)?;
        if length == 0 {
            return Ok(Now::End);
        }
        if length as u64 == MAX_LINE {
            return Err(damaged("a line of it is too long"));
        }
        let line: Line = serde_json::from_slice(&self.line)
            .map_err(|e| damaged(&format!("a line of it is wrong: {e}")))?;
        let payload = match &line.payload {
            Some(text) => BASE64_STANDARD
                .decode(text)
                .map_err(|_| damaged("a line of it is no base64"))?,
            None => Vec::new(),
        };
        match line.kind {
            2 => Ok(Now::Bytes {
                bytes: payload,
                at: 0,
            }),
            1 => self.content(&line, &payload),
            _ => Err(damaged("it has a line of an unknown type")),
        }
    }

    fn content(&mut self, line: &Line, payload: &[u8]) -> io::Result<Now> {
        if line.size == 0 {
            return Ok(Now::Line);
        }
        let name = match (&line.name_raw, &line.name) {
            (Some(raw), _) => BASE64_STANDARD
                .decode(raw)
                .map_err(|_| damaged("a name in it is no base64"))?,
            (None, Some(name)) => name.clone().into_bytes(),
            (None, None) => return Err(damaged("a file in it has no name")),
        };
        let path = clean(&name).ok_or_else(|| damaged("a name in it leaves the root"))?;
        let found = self.disk.files.get(&path).map(|found| &found.node.kind);
        let (file, fits) = match found {
            Some(Kind::File { size }) => {
                let (file, _) = self.disk.open(&path)?;
                (Some(file), *size == line.size)
            }
            _ => (None, false),
        };
        Ok(Now::Content(Content {
            path,
            file,
            left: line.size,
            crc: Crc64::new(),
            wanted: payload.try_into().ok(),
            fits,
        }))
    }
}

impl Read for Reassembled<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let n = match &mut self.now {
                Now::End => return Ok(0),
                Now::Line => 0,
                Now::Bytes { bytes, at } => {
                    let n = buffer.len().min(bytes.len() - *at);
                    buffer[..n].copy_from_slice(&bytes[*at..*at + n]);
                    *at += n;
                    n
                }
                Now::Content(content) => {
                    let n = content.read(buffer)?;
                    if content.left == 0 {
                        let fits = content.fits && content.wanted == Some(content.crc.sum());
                        self.log.borrow_mut().push(Given {
                            path: std::mem::take(&mut content.path),
                            fits,
                        });
                        self.now = Now::Line;
                    }
                    n
                }
            };
            if n > 0 {
                self.left = self
                    .left
                    .checked_sub(n as u64)
                    .ok_or_else(|| damaged("it makes an archive that is larger than the layer"))?;
                return Ok(n);
            }
            self.now = self.next_line()?;
        }
    }
}

impl Content {
    /// Zeros stand for what the disk does not have.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let buffer = &mut buffer[..want];
        let mut n = match &mut self.file {
            Some(file) => file.read(buffer)?,
            None => 0,
        };
        if n == 0 {
            self.file = None;
            self.fits = false;
            buffer.fill(0);
            n = want;
        }
        self.crc.update(&buffer[..n]);
        self.left -= n as u64;
        Ok(n)
    }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the engine's record of the layer cannot be used: {what}"),
    )
}

/// CRC-64 with the polynomial of ISO 3309, reflected.
struct Crc64(u64);

const CRC64: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xd800_0000_0000_0000
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

impl Crc64 {
    fn new() -> Self {
        Self(!0)
    }

    fn update(&mut self, data: &[u8]) {
        for &byte in data {
            self.0 = CRC64[usize::from(self.0 as u8 ^ byte)] ^ (self.0 >> 8);
        }
    }

    fn sum(&self) -> [u8; 8] {
        (!self.0).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_is_that_of_go() {
        // hash/crc64 of Go, with the table ISO.
        for (text, sum) in [
            ("", 0),
            ("a", 0x3420_0000_0000_0000),
            ("abc", 0x3776_c420_0000_0000_u64),
        ] {
            let mut crc = Crc64::new();
            crc.update(text.as_bytes());
            assert_eq!(u64::from_be_bytes(crc.sum()), sum, "{text}");
        }
    }
}
