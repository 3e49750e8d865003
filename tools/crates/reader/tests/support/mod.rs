//! Archives spelled out byte by byte.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::collections::BTreeMap;
use std::io::Read;

use verbatim_reader::{Archive, Error, Kind};

/// Which magic a header carries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Magic {
    None,
    Ustar,
    Gnu,
}

/// A header to be filled in.
pub struct Header(pub [u8; 512]);

pub fn header(path: &[u8], flag: u8, size: u64) -> Header {
    let mut block = [0; 512];
    block[..path.len()].copy_from_slice(path);
    let mut header = Header(block);
    header.put(100, b"0000644\0");
    header.put(108, b"0000001\0");
    header.put(116, b"0000002\0");
    header.put(124, format!("{size:011o}\0").as_bytes());
    header.put(136, b"00000000003\0");
    header.0[156] = flag;
    header.magic(Magic::Ustar)
}

impl Header {
    pub fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub fn with(mut self, at: usize, bytes: &[u8]) -> Self {
        self.put(at, bytes);
        self
    }

    pub fn magic(self, magic: Magic) -> Self {
        self.with(
            257,
            match magic {
                Magic::None => b"\0\0\0\0\0\0\0\0",
                Magic::Ustar => b"ustar\x0000",
                Magic::Gnu => b"ustar  \0",
            },
        )
    }

    pub fn link(self, target: &[u8]) -> Self {
        self.with(157, target)
    }

    /// The block with its checksum.
    pub fn done(mut self) -> [u8; 512] {
        self.put(148, b"        ");
        let sum: u32 = self.0.iter().map(|&b| u32::from(b)).sum();
        self.put(148, format!("{sum:06o}\0 ").as_bytes());
        self.0
    }

    /// The block with the checksum of writers whose characters are signed.
    pub fn done_signed(mut self) -> [u8; 512] {
        self.put(148, b"        ");
        let sum: i32 = self.0.iter().map(|&b| i32::from(b as i8)).sum();
        self.put(148, format!("{sum:06o}\0 ").as_bytes());
        self.0
    }
}

/// An archive that grows.
#[derive(Default, Clone)]
pub struct Tar(pub Vec<u8>);

impl Tar {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn block(mut self, block: [u8; 512]) -> Self {
        self.0.extend_from_slice(&block);
        self
    }

    pub fn header(self, header: Header) -> Self {
        self.block(header.done())
    }

    /// Content, up to the next block.
    pub fn data(mut self, data: &[u8]) -> Self {
        self.0.extend_from_slice(data);
        let full = self.0.len().next_multiple_of(512);
        self.0.resize(full, 0);
        self
    }

    pub fn file(self, path: &[u8], content: &[u8]) -> Self {
        self.header(header(path, b'0', content.len() as u64))
            .data(content)
    }

    pub fn pax(self, flag: u8, records: &[(&str, &[u8])]) -> Self {
        let data: Vec<u8> = records.iter().flat_map(|(k, v)| record(k, v)).collect();
        self.raw_pax(flag, &data)
    }

    pub fn raw_pax(self, flag: u8, data: &[u8]) -> Self {
        self.header(header(b"PaxHeaders/x", flag, data.len() as u64))
            .data(data)
    }

    pub fn end(self) -> Vec<u8> {
        let mut bytes = self.0;
        bytes.resize(bytes.len() + 1024, 0);
        bytes
    }
}

/// One PAX record with the right length.
pub fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length.to_string().len() + rest != length {
        length = length.to_string().len() + rest;
    }
    let mut out = format!("{length} {key}=").into_bytes();
    out.extend_from_slice(value);
    out.push(b'\n');
    out
}

/// All of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    pub path: Vec<u8>,
    pub kind: Kind,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub mtime: i64,
    pub size: u64,
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub content: Vec<u8>,
}

/// Read an archive whole, or give the first error.
pub fn read(bytes: &[u8]) -> Result<Vec<Got>, Error> {
    read_from(Archive::new(bytes))
}

pub fn read_from(mut archive: Archive<impl Read>) -> Result<Vec<Got>, Error> {
    let mut all = Vec::new();
    while let Some(mut entry) = archive.next_entry()? {
        let mut content = Vec::new();
        // Errors come back as the crate's own.
        if let Err(e) = entry.read_to_end(&mut content) {
            return Err(e.downcast::<Error>().expect("an error of the reader"));
        }
        assert_eq!(
            content.len() as u64,
            entry.size,
            "{entry:?}",
            entry = entry.path
        );
        all.push(Got {
            path: entry.path.clone(),
            kind: entry.kind.clone(),
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            mtime: entry.mtime,
            size: entry.size,
            xattrs: entry.xattrs.clone(),
            content,
        });
    }
    Ok(all)
}

/// The only entry of an archive.
pub fn one(bytes: &[u8]) -> Got {
    let mut all = read(bytes).unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}
