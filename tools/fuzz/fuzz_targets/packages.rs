//! What the two targets of packages have in common. Files lie in a folder of memory where there is one.

#![allow(dead_code)]

use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;

use verbatim_net::{Client, Options};
use verbatim_packages::fetch::Fetcher;

/// A folder of this process.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let made = FOLDER.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        match memory.is_dir() {
            true => tempfile::tempdir_in(memory).unwrap(),
            false => tempfile::tempdir().unwrap(),
        }
    });
    made.path()
}

/// Everything lies in that folder, so nobody is asked.
pub fn fetcher() -> &'static Fetcher {
    static FETCHER: OnceLock<Fetcher> = OnceLock::new();
    FETCHER.get_or_init(|| Fetcher::new(Client::new(Options::default()).unwrap()).unwrap())
}

/// Whether a name can stand in a manifest and mean itself.
pub fn printable_word(name: &str) -> bool {
    let is_sign = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-' | b'_');
    !name.is_empty() && name.len() < 100 && name.bytes().all(is_sign)
}

/// A tar archive, without its end where another part follows.
pub fn tar(files: &[(&str, &[u8])], is_last: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in files {
        let mut header = [0u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        let mut field = |at: usize, text: String| {
            header[at..at + text.len()].copy_from_slice(text.as_bytes());
        };
        field(100, "0000644".into());
        field(124, format!("{:011o}", content.len()));
        field(136, "00000000000".into());
        field(148, "        ".into());
        field(156, "0".into());
        field(257, "ustar\u{0}00".into());
        let sum: u32 = header.iter().map(|&b| u32::from(b)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(header);
        out.extend(*content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    if is_last {
        out.resize(out.len() + 1024, 0);
    }
    out
}

/// The same, packed: a part of a package of Alpine.
pub fn part(files: &[(&str, &[u8])], is_last: bool) -> Vec<u8> {
    gzip(&tar(files, is_last))
}

/// gzip of stored blocks: what is tried stands in it as it is.
pub fn gzip(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut chunks = data.chunks(0xffff).peekable();
    if chunks.peek().is_none() {
        out.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(chunk) = chunks.next() {
        let length = chunk.len() as u16;
        out.push(u8::from(chunks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(chunk);
    }
    let mut crc = crc32fast::Hasher::new();
    crc.update(data);
    out.write_all(&crc.finalize().to_le_bytes()).unwrap();
    out.write_all(&(data.len() as u32).to_le_bytes()).unwrap();
    out
}
