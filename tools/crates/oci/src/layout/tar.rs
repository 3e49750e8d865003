//! The few tar headers that an archive of a layout needs.
//!
//! Such an archive holds two folders and plain files with short names, so this is the
//! whole of the canonical form that it needs: ustar, owner 0:0 without names, time 0,
//! 0755 and 0644, and one PAX record for a file of 8 GiB or more.

use std::io::{self, Write};

const BLOCK: usize = 512;
/// The first size that eleven octal digits cannot hold.
const LARGE: u64 = 1 << 33;

/// Write a folder; the path ends with a slash.
pub(super) fn folder(out: &mut impl Write, path: &str) -> io::Result<()> {
    out.write_all(&header(path, 0, b'5', 0o755)?)
}

/// Write the headers of a file. Its content follows, and [`padding`].
pub(super) fn file(out: &mut impl Write, path: &str, size: u64) -> io::Result<()> {
    if size >= LARGE {
        let record = pax_record("size", &size.to_string());
        out.write_all(&header(
            "PaxHeaders/blob",
            record.len() as u64,
            b'x',
            0o644,
        )?)?;
        out.write_all(record.as_bytes())?;
        padding(out, record.len() as u64)?;
    }
    out.write_all(&header(
        path,
        if size >= LARGE { 0 } else { size },
        b'0',
        0o644,
    )?)
}

/// Fill up the last block of a content.
pub(super) fn padding(out: &mut impl Write, size: u64) -> io::Result<()> {
    let rest = (size % BLOCK as u64) as usize;
    if rest > 0 {
        out.write_all(&[0; BLOCK][rest..])?;
    }
    Ok(())
}

/// The end of the archive.
pub(super) fn end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])
}

/// `<length> <key>=<value><LF>`, where the length counts its own digits.
fn pax_record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n")
}

fn header(path: &str, size: u64, kind: u8, mode: u32) -> io::Result<[u8; BLOCK]> {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    if path.len() > 100 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a file of a layout has a name of more than 100 bytes",
        ));
    }
    put(0, path.as_bytes());
    put(100, format!("{mode:07o}\0").as_bytes());
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    put(329, b"0000000\0");
    put(337, b"0000000\0");
    let sum: u32 = header.iter().map(|&b| u32::from(b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use verbatim_reader::{Archive, Kind};

    #[test]
    fn a_reader_understands_it() {
        let mut tar = Vec::new();
        folder(&mut tar, "blobs/").unwrap();
        file(&mut tar, "blobs/a", 3).unwrap();
        tar.extend_from_slice(b"abc");
        padding(&mut tar, 3).unwrap();
        end(&mut tar).unwrap();
        let mut archive = Archive::new(&tar[..]);
        let entry = archive.next_entry().unwrap().unwrap();
        assert_eq!((entry.kind, entry.mode), (Kind::Directory, 0o755));
        let mut entry = archive.next_entry().unwrap().unwrap();
        assert_eq!(
            (entry.path.as_slice(), entry.mode, entry.size),
            (&b"blobs/a"[..], 0o644, 3)
        );
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        assert_eq!(content, "abc");
        assert!(archive.next_entry().unwrap().is_none());
    }

    #[test]
    fn sizes_beyond_ustar() {
        let mut tar = Vec::new();
        file(&mut tar, "a", LARGE).unwrap();
        let mut archive = Archive::new(&tar[..]);
        assert_eq!(archive.next_entry().unwrap().unwrap().size, LARGE);
        assert_eq!(pax_record("size", "8589934592"), "19 size=8589934592\n");
        for length in 1..200 {
            let record = pax_record("k", &"v".repeat(length));
            assert_eq!(
                record.split(' ').next().unwrap().parse::<usize>().unwrap(),
                record.len()
            );
        }
    }
}
