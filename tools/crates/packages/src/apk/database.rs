//! What apk and scanners read: `lib/apk/db`, in one order and form.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha1::{Digest as _, Sha1};
use verbatim_archive::{Builder, Compression, Defaults, Encoding, Item, Wish};
use verbatim_foreign::printable_bytes;

use super::index::Checksum;
use super::unpack::{File, Unpacked};
use crate::lock::{Lock, LockedPackage};
use crate::packed::{Node, PackedFile};
use crate::{Error, Result};

/// A package and the files of it that are there.
#[derive(Debug)]
pub(super) struct Installed<'a> {
    pub(super) locked: &'a LockedPackage,
    pub(super) unpacked: Unpacked,
    /// By position: whether another package has the file in its place.
    pub(super) lost: Vec<bool>,
}

/// The fields that stand one in a line, with those of the package that they come from, in apk's
/// order: what comes before the dependencies.
const FIELDS: [(char, &str); 8] = [
    ('T', "pkgdesc"),
    ('U', "url"),
    ('L', "license"),
    ('o', "origin"),
    ('m', "maintainer"),
    ('t', "builddate"),
    ('c', "commit"),
    ('k', "provider_priority"),
];

/// Lists, with the fields that they come from: one for each of their words.
const LISTS: [(char, &str); 4] = [
    ('D', "depend"),
    ('p', "provides"),
    ('i', "install_if"),
    ('r', "replaces"),
];

/// `lib/apk/db/installed`: each package with its files, in the order of names.
pub(super) fn installed(packages: &[Installed<'_>]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for package in packages {
        out.extend(header(package).into_bytes());
        files(package, &mut out);
        out.push(b'\n');
    }
    Ok(out)
}

fn header(package: &Installed<'_>) -> String {
    let (locked, about) = (package.locked, &package.unpacked.about);
    let mut out = format!(
        "C:{}\nP:{}\nV:{}\nA:{}\nS:{}\n",
        package.unpacked.checksum, locked.name, locked.version, locked.architecture, locked.size
    );
    let mut line = |name: char, value: &str| {
        // These apk writes in any case.
        if !value.is_empty() || matches!(name, 'T' | 'U' | 'L') {
            let _ = writeln!(out, "{name}:{value}");
        }
    };
    line('I', about.get("size").unwrap_or("0"));
    for (name, field) in FIELDS {
        line(name, about.get(field).unwrap_or_default());
    }
    for (name, field) in LISTS {
        line(name, &about.list(field));
    }
    let priority = about.get("replaces_priority").unwrap_or_default();
    line('q', if priority == "0" { "" } else { priority });
    // Digests are the first 20 bytes of SHA-256.
    line('f', if package.unpacked.has_sha256 { "S" } else { "" });
    out
}

/// Folders and what lies in each, in the order of paths.
fn files(package: &Installed<'_>, out: &mut Vec<u8>) {
    type Folder<'a> = (Option<&'a PackedFile>, BTreeMap<&'a [u8], &'a File>);
    let mut folders: BTreeMap<&[u8], Folder<'_>> = BTreeMap::new();
    for (file, lost) in package.unpacked.files.iter().zip(&package.lost) {
        let path = &file.packed.path[..];
        if file.packed.node == Node::Directory {
            folders.entry(path).or_default().0 = Some(&file.packed);
            continue;
        }
        let slash = path.iter().rposition(|byte| *byte == b'/');
        let (folder, name) = match slash {
            Some(at) => (&path[..at], &path[at + 1..]),
            None => (&b""[..], path),
        };
        let folder = folders.entry(folder).or_default();
        if !lost {
            folder.1.insert(name, file);
        }
    }
    for (path, (folder, files)) in folders {
        out.extend([b"F:", path, b"\n"].concat());
        let special =
            |file: &&PackedFile| attributes(file) != (0, 0, 0o755) || !file.xattrs.is_empty();
        if let Some(folder) = folder.filter(special) {
            out.extend(access('M', folder).into_bytes());
        }
        for (name, file) in files {
            out.extend([b"R:", name, b"\n"].concat());
            if attributes(&file.packed) != (0, 0, 0o644) || !file.packed.xattrs.is_empty() {
                out.extend(access('a', &file.packed).into_bytes());
            }
            if let Some(checksum) = file.checksum {
                out.extend(format!("Z:{checksum}\n").into_bytes());
            }
        }
    }
}

fn attributes(file: &PackedFile) -> (u64, u64, u32) {
    (file.uid, file.gid, file.mode & 0o7777)
}

/// A line with owner, group and permissions, and the digest of extended attributes where there are
/// some.
fn access(name: char, file: &PackedFile) -> String {
    let (uid, gid, mode) = attributes(file);
    let mut line = format!("{name}:{uid}:{gid}:{mode:o}");
    if !file.xattrs.is_empty() {
        let mut hash = Sha1::new();
        for (name, value) in &file.xattrs {
            for part in [name, value] {
                hash.update((part.len() as u32).to_be_bytes());
                hash.update(part);
            }
        }
        let _ = write!(line, ":{}", Checksum::of_hash(hash));
    }
    line + "\n"
}

/// `etc/apk/world`: what was asked for.
pub(super) fn world(lock: &Lock) -> Vec<u8> {
    let mut lines: Vec<String> = lock
        .requested
        .iter()
        .map(|request| format!("{}\n", request.replace(' ', "")))
        .collect();
    lines.sort();
    lines.dedup();
    lines.concat().into_bytes()
}

/// `lib/apk/db/triggers`: the folders whose changes a package wants to know of.
pub(super) fn triggers(packages: &[Installed<'_>]) -> Vec<u8> {
    let mut out = String::new();
    for package in packages {
        let folders = package.unpacked.about.list("triggers");
        if !folders.is_empty() {
            let _ = writeln!(out, "{} {folders}", package.unpacked.checksum);
        }
    }
    out.into_bytes()
}

/// `lib/apk/db/scripts.tar`: the scripts of all packages, for when they are removed or upgraded. A
/// checksum is in hexadecimal digits there, which apk reads as well: in base64 it may have slashes.
pub(super) fn scripts(packages: &[Installed<'_>]) -> Result<Vec<u8>> {
    let mut builder = Builder::new(Defaults::default(), std::env::temp_dir());
    let wish = Wish {
        mode: Some(0o755),
        ..Wish::default()
    };
    for package in packages {
        let (locked, unpacked) = (package.locked, &package.unpacked);
        for (name, script) in &unpacked.about.scripts {
            let path = format!(
                "{}-{}.X1{}.{name}",
                locked.name,
                locked.version,
                unpacked.checksum.hex()
            );
            let script = Item::Bytes(script.clone());
            builder.item(path.as_bytes(), script, &wish, &locked.name)?;
        }
    }
    let mut out = Vec::new();
    builder.finish()?.write(
        Encoding::new(Compression::None, None)?,
        1,
        &mut out,
        &|_| {},
    )?;
    Ok(out)
}

/// Two packages that both have a file, and neither of which replaces the other's.
pub(super) fn both_have(one: &str, other: &str, path: &[u8]) -> Error {
    Error::wrong(format!(
        "the packages {one} and {other} both have {}, and neither replaces the other; exclude one of them",
        printable_bytes(path)
    ))
}
