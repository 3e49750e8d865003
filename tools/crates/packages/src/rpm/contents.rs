//! The files inside a package, each checked against the package's header as it is read.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read};

use md5::Md5;
use sha1::Sha1;
use sha2::digest::DynDigest;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use verbatim_digest::{hex, HashingReader};
use verbatim_foreign::printable_bytes;
use verbatim_reader::decompress;

use super::files::{File, Kind};
use super::package::Package;
use super::payload::{Next, Payload};
use super::{tags, unreadable};
use crate::{Error, Result};

/// Bytes that may follow the end of the archive in a payload: zeros that fill up a block.
const TAIL: u64 = 64 << 10;
/// Bytes that the files of one package may have.
const LARGEST: u64 = 64 << 30;
/// The longest target of a symlink that Linux has.
const LONGEST_TARGET: u64 = 4096;

/// What comes with a file of a package.
pub(super) enum Content<'a> {
    /// Nothing: a directory, or a symlink, whose target the list has.
    None,
    /// The bytes of a file, as many as the list says.
    Bytes(&'a mut dyn Read),
    /// It is another name of the file at this place of the list.
    SameAs(usize),
}

/// Read the payload of a package and give each file in it to `each`, by its place in the list;
/// ghosts are in the list alone. `payload` is what follows the headers, `file` the name of the
/// package in messages.
///
/// Errors say that the payload is not what the header says: more files or fewer, other sizes or
/// targets, other digests of files or of all of it. `each` may have been called by then.
pub(super) fn walk(
    package: &Package,
    files: &[File<'_>],
    payload: impl Read,
    file: &str,
    mut each: impl FnMut(usize, Content<'_>) -> Result<()>,
) -> Result<()> {
    let failed = |e| unreadable(file, "its files cannot be unpacked", e);
    let malformed = |what: String| Error::refused(format!("{file}: {what}"));
    let total = files
        .iter()
        .fold(0, |sum: u64, f| sum.saturating_add(f.size));
    if total > LARGEST {
        let what = "its files have more than 64 GiB, which is more than this program takes";
        return Err(malformed(what.to_owned()));
    }
    let links = links(files);
    let places: HashMap<Vec<u8>, usize> = files.iter().map(File::path).zip(0..).collect();
    let mut found = vec![false; files.len()];
    let mut hashed = HashingReader::new(payload);
    let mut archive = Payload::new(decompress(&mut hashed));
    loop {
        let (at, size) = match archive.next().map_err(failed)? {
            Next::End => break,
            Next::Place(at) => (Some(at), None),
            Next::Path(path, size) => {
                let path = path.strip_prefix(b".").unwrap_or(&path);
                let path = path.strip_prefix(b"/").unwrap_or(path);
                (places.get(path).copied(), Some(size))
            }
        };
        let Some((at, listed)) = at.and_then(|at| Some((at, files.get(at)?))) else {
            return Err(malformed("a file in it is not in its list".to_owned()));
        };
        let shown = || printable_bytes(&listed.path()).into_owned();
        if std::mem::replace(&mut found[at], true) {
            return Err(malformed(format!("{} is in it twice", shown())));
        }
        // All names of a file but the last one come without its content.
        let other_name = links.get(&at).copied().filter(|&last| last != at);
        let expected = match listed.kind {
            Kind::Regular if other_name.is_none() => listed.size,
            Kind::Symlink => listed.size,
            _ => 0,
        };
        if size.is_some_and(|size| size != expected) {
            let what = format!("{} has another size than in its list", shown());
            return Err(malformed(what));
        }
        let content = archive.content(expected);
        if listed.is_ghost {
            continue;
        }
        match (listed.kind, other_name) {
            (Kind::Regular, None) => {
                let mut content = Tee {
                    inner: content,
                    hasher: hasher(package, file)?,
                };
                each(at, Content::Bytes(&mut content))?;
                // What nobody read counts too.
                io::copy(&mut content, &mut io::sink()).map_err(failed)?;
                check(listed, content.hasher, file)?;
            }
            (Kind::Regular, Some(last)) => each(at, Content::SameAs(last))?,
            (Kind::Symlink, _) => {
                let mut target = Vec::new();
                let most = expected.min(LONGEST_TARGET + 1);
                content
                    .take(most)
                    .read_to_end(&mut target)
                    .map_err(failed)?;
                if target != listed.target {
                    let what =
                        format!("the symlink {} leads elsewhere than its list says", shown());
                    return Err(malformed(what));
                }
                each(at, Content::None)?;
            }
            _ => each(at, Content::None)?,
        }
    }
    let mut unfound = files
        .iter()
        .zip(&found)
        .filter(|(f, &found)| !found && !f.is_ghost);
    if let Some((missing, _)) = unfound.next() {
        let what = format!(
            "{} is in its list and not in it",
            printable_bytes(&missing.path())
        );
        return Err(malformed(what));
    }
    let mut rest = archive.into_inner();
    let tail = io::copy(&mut (&mut rest).take(TAIL + 1), &mut io::sink()).map_err(failed)?;
    if tail > TAIL {
        return Err(malformed(
            "something follows the end of its files".to_owned(),
        ));
    }
    drop(rest);
    hashed.drain().map_err(failed)?;
    let (digest, _, _) = hashed.finish();
    match package.payload_digest(file)? {
        Some(expected) if expected != digest => {
            let what = format!(
                "the digest of its files is {digest}, and {expected} is written in it; it is damaged or was tampered with, fetch it again"
            );
            Err(malformed(what))
        }
        _ => Ok(()),
    }
}

/// For each file that has several names, the last of them.
fn links(files: &[File<'_>]) -> HashMap<usize, usize> {
    let mut sets: BTreeMap<(u64, u64), Vec<usize>> = BTreeMap::new();
    for (at, file) in files.iter().enumerate() {
        if file.kind == Kind::Regular && !file.is_ghost && file.inode.1 > 0 {
            sets.entry(file.inode).or_default().push(at);
        }
    }
    let several = sets.into_values().filter(|names| names.len() > 1);
    several
        .flat_map(|names| {
            let last = names[names.len() - 1];
            names.into_iter().map(move |name| (name, last))
        })
        .collect()
}

/// By the numbers of OpenPGP; MD5 where none is given, as before 2009.
fn hasher(package: &Package, file: &str) -> Result<Box<dyn DynDigest>> {
    Ok(match package.header.number(tags::FILEDIGESTALGO) {
        None | Some(1) => Box::new(Md5::default()),
        Some(2) => Box::new(Sha1::default()),
        Some(8) => Box::new(Sha256::default()),
        Some(9) => Box::new(Sha384::default()),
        Some(10) => Box::new(Sha512::default()),
        Some(11) => Box::new(Sha224::default()),
        Some(other) => {
            let what =
                format!("the digests of its files are of a kind that is not known ({other})");
            return Err(Error::wrong(format!("{file}: {what}")));
        }
    })
}

fn check(listed: &File<'_>, mut hasher: Box<dyn DynDigest>, file: &str) -> Result<()> {
    let mut digest = vec![0; hasher.output_size()];
    // The buffer has the right size.
    let _ = hasher.finalize_into_reset(&mut digest);
    let found = hex(&digest);
    if listed.digest.eq_ignore_ascii_case(found.as_bytes()) {
        return Ok(());
    }
    let what = format!(
        "the digest of {} is {found}, and {} is in its list; it is damaged or was tampered with, fetch it again",
        printable_bytes(&listed.path()),
        printable_bytes(listed.digest)
    );
    Err(Error::refused(format!("{file}: {what}")))
}

/// Passes on what is read, and hashes it.
struct Tee<R> {
    inner: R,
    hasher: Box<dyn DynDigest>,
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        Ok(n)
    }
}
