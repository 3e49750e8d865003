//! Archives spelled out byte by byte, and a shortcut to the report.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::path::Path;

use verbatim_explain::{explain, Error, ErrorKind, Limits, Opener, Report};

/// An entry of a tar archive.
#[derive(Clone)]
pub struct Entry {
    pub path: Vec<u8>,
    pub flag: u8,
    pub mode: u32,
    pub uid: u32,
    pub mtime: u64,
    pub link: &'static str,
    pub content: Vec<u8>,
    pub size: Option<String>,
    pub pax: Vec<(&'static str, &'static str)>,
}

pub fn file(path: &str, content: &[u8]) -> Entry {
    Entry {
        path: path.into(),
        flag: b'0',
        mode: 0o644,
        uid: 0,
        mtime: 0,
        link: "",
        content: content.to_vec(),
        size: None,
        pax: Vec::new(),
    }
}

fn header(entry: &Entry, flag: u8, size: &str) -> [u8; 512] {
    let mut block = [0; 512];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &entry.path);
    put(100, format!("{:07o}\0", entry.mode).as_bytes());
    put(108, format!("{:07o}\0", entry.uid).as_bytes());
    put(116, b"0000000\0");
    put(124, size.as_bytes());
    put(136, format!("{:011o}\0", entry.mtime).as_bytes());
    put(148, b"        ");
    put(156, &[flag]);
    put(157, entry.link.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn padded(out: &mut Vec<u8>, content: &[u8]) {
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
}

pub fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        if !entry.pax.is_empty() {
            let mut records = String::new();
            for (key, value) in &entry.pax {
                let rest = key.len() + value.len() + 3;
                let mut length = rest + 1;
                while length != rest + length.to_string().len() {
                    length = rest + length.to_string().len();
                }
                records.push_str(&format!("{length} {key}={value}\n"));
            }
            let size = format!("{:011o}\0", records.len());
            out.extend_from_slice(&header(entry, b'x', &size));
            padded(&mut out, records.as_bytes());
        }
        let size = entry
            .size
            .clone()
            .unwrap_or_else(|| format!("{:011o}\0", entry.content.len()));
        out.extend_from_slice(&header(entry, entry.flag, &size));
        padded(&mut out, &entry.content);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// gzip with a header of our own.
pub fn gzip(data: &[u8], level: i32, mtime: u32, name: &str) -> Vec<u8> {
    let level = libdeflater::CompressionLvl::new(level).unwrap();
    let mut compressor = libdeflater::Compressor::new(level);
    let mut plain = vec![0; compressor.gzip_compress_bound(data.len())];
    let n = compressor.gzip_compress(data, &mut plain).unwrap();
    let mut out = plain[..10].to_vec();
    out[4..8].copy_from_slice(&mtime.to_le_bytes());
    if !name.is_empty() {
        out[3] |= 8;
        out.extend_from_slice(name.as_bytes());
        out.push(0);
    }
    out.extend_from_slice(&plain[10..n]);
    out
}

/// An ar archive: name, mtime, content.
pub fn ar(members: &[(&str, u64, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, mtime, content) in members {
        let size = content.len();
        out.extend(format!("{name:16}{mtime:<12}0     0     100644  {size:<10}`\n").bytes());
        out.extend_from_slice(content);
        if size % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}

/// A zip file with stored members: name, date of MS-DOS, content.
pub fn zip(members: &[(&str, u16, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for (name, date, content) in members {
        let offset = out.len() as u32;
        let mut common = Vec::new();
        common.extend_from_slice(&[20, 0, 0, 0, 0, 0, 0, 0]);
        common.extend_from_slice(&date.to_le_bytes());
        common.extend_from_slice(&libdeflater::crc32(content).to_le_bytes());
        common.extend_from_slice(&(content.len() as u32).to_le_bytes());
        common.extend_from_slice(&(content.len() as u32).to_le_bytes());
        common.extend_from_slice(&(name.len() as u16).to_le_bytes());
        common.extend_from_slice(&[0, 0]);
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&common);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(content);
        directory.extend_from_slice(b"PK\x01\x02\x14\x03");
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&(0o100_644u32 << 16).to_le_bytes());
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let at = out.len() as u32;
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    for _ in 0..2 {
        out.extend_from_slice(&(members.len() as u16).to_le_bytes());
    }
    out.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    out.extend_from_slice(&at.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out
}

/// A file for [`cpio`]: fields by their number, in the order of the header.
pub type Packed<'a> = (&'a str, &'a [(usize, u32)], &'a [u8]);

/// An archive of cpio in the new format.
pub fn cpio(files: &[Packed<'_>]) -> Vec<u8> {
    let mut out = b"".to_vec();
    let end: Packed<'_> = ("TRAILER!!!", &[], b"");
    for (name, fields, content) in files.iter().chain([&end]) {
        let mut values = [0u32; 13];
        values[1] = 0o100_644;
        values[6] = content.len() as u32;
        values[11] = name.len() as u32 + 1;
        for (field, value) in *fields {
            values[*field] = *value;
        }
        out.extend(b"070701");
        out.extend(values.iter().flat_map(|v| format!("{v:08x}").into_bytes()));
        out.extend(name.bytes().chain([0]));
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

/// A package of RPM: the host that built it, digest and size of a file, and the files.
pub fn rpm(host: &str, digest: &str, size: u32, payload: &[u8]) -> Vec<u8> {
    const MAGIC: &[u8] = &[0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];
    let header = |texts: &[(u32, u32, &str)], number: (u32, u32)| {
        let (mut index, mut store) = (Vec::new(), Vec::new());
        store.extend(number.1.to_be_bytes());
        for word in [number.0, 4, 0, 1] {
            index.extend(word.to_be_bytes());
        }
        for (tag, kind, text) in texts {
            for word in [*tag, *kind, store.len() as u32, 1] {
                index.extend(word.to_be_bytes());
            }
            store.extend(text.bytes().chain([0]));
        }
        let mut out = MAGIC.to_vec();
        out.extend((texts.len() as u32 + 1).to_be_bytes());
        out.extend((store.len() as u32).to_be_bytes());
        out.extend(index);
        out.extend(store);
        out
    };
    let mut out = vec![0xed, 0xab, 0xee, 0xdb];
    out.resize(96, 0);
    // Digest of the header and size: they follow.
    out.extend(header(&[(269, 6, digest)], (1000, payload.len() as u32)));
    out.resize(out.len().next_multiple_of(8), 0);
    out.extend(header(
        &[
            (1000, 6, "a"),
            (1001, 6, "1"),
            (1002, 6, "1"),
            (1007, 6, host),
            (1035, 8, digest),
        ],
        (1028, size),
    ));
    out.extend_from_slice(payload);
    out
}

pub fn paths(left: &Path, right: &Path) -> Result<Report, Error> {
    paths_within(left, right, &Limits::default())
}

pub fn paths_within(left: &Path, right: &Path, limits: &Limits) -> Result<Report, Error> {
    let client = || {
        Err(Error::new(
            ErrorKind::Unchecked,
            "there is no network in this test",
        ))
    };
    let opener = Opener {
        client: &client,
        limits,
    };
    let left = opener.open(left.to_str().unwrap())?;
    let right = opener.open(right.to_str().unwrap())?;
    explain(&left, &right, false, limits)
}

pub fn within(left: &[u8], right: &[u8], limits: &Limits) -> Result<Report, Error> {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    std::fs::write(&a, left).unwrap();
    std::fs::write(&b, right).unwrap();
    paths_within(&a, &b, limits)
}

pub fn report(left: &[u8], right: &[u8]) -> Report {
    within(left, right, &Limits::default()).unwrap()
}

/// The causes and their paths, most telling first.
pub fn causes(report: &Report) -> Vec<(String, Vec<String>)> {
    report
        .causes
        .iter()
        .map(|cause| (cause.id.id().to_owned(), cause.paths.clone()))
        .collect()
}

pub fn ids(report: &Report) -> Vec<&'static str> {
    report.causes.iter().map(|cause| cause.id.id()).collect()
}
