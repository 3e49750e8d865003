//! Packages that were fetched before the build: a trusted artifact, which is an archive in a registry.
//!
//! The task unpacks it, mounts it at `/cachi2`, and lets each `RUN` read the environment in it first. The RPMs in it
//! come with a file for `dnf`, which is mounted where repositories are configured.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use verbatim_digest::Digest;
use verbatim_foreign::{printable_bytes, printable_path};
use verbatim_reader::{Archive, Kind};

use crate::base::split_tag;
use crate::error::{Error, Result};

/// More entries than any set of packages has.
const MAX_ENTRIES: usize = 1_000_000;
/// The largest artifact that is fetched, in bytes.
pub(crate) const MAX_PACKED: u64 = 32 << 30;
/// What may come out of one artifact, in bytes.
const MAX_UNPACKED: u64 = 64 << 30;

/// A trusted artifact: `oci:REPOSITORY@sha256:…`, a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Where it is.
    pub repository: String,
    /// Of the archive itself.
    pub digest: Digest,
}

impl Artifact {
    /// Read a parameter such as `CACHI2_ARTIFACT`.
    ///
    /// # Errors
    /// Anything without a digest.
    pub fn parse(text: &str, parameter: &str) -> Result<Self> {
        let wrong = || {
            Error::wrong(format!(
                "{parameter} is `{}`, which is no artifact; it is written oci:REPOSITORY@sha256:…",
                verbatim_foreign::excerpt(text, 200)
            ))
        };
        let rest = text.strip_prefix("oci:").ok_or_else(wrong)?;
        let (name, digest) = rest.rsplit_once('@').ok_or_else(wrong)?;
        Ok(Self {
            repository: split_tag(name).0.to_owned(),
            digest: digest.parse().map_err(|_| wrong())?,
        })
    }
}

/// Unpack an archive whose digest was checked into an empty folder, as this user and with plain modes. Nothing is
/// written through a link.
///
/// # Errors
/// A path that leads out, a kind of entry that packages do not have, more than fits the limits.
pub fn unpack(archive: &Path, into: &Path) -> Result<()> {
    let failed = |e: io::Error| {
        Error::io(
            format!("{} cannot be unpacked", printable_path(archive)),
            &e,
        )
    };
    let refused = |path: &[u8], why: &str| {
        Error::wrong(format!(
            "{}: {} {why}",
            printable_path(archive),
            printable_bytes(path)
        ))
    };
    fs::create_dir_all(into).map_err(failed)?;
    let mut entries =
        Archive::open(BufReader::new(File::open(archive).map_err(failed)?)).accept_missing_end();
    let (mut count, mut room) = (0, MAX_UNPACKED);
    loop {
        let next = entries.next_entry();
        let next = next.map_err(|e| Error::wrong(format!("{}: {e}", printable_path(archive))))?;
        let Some(mut entry) = next else {
            return Ok(());
        };
        count += 1;
        if count > MAX_ENTRIES || entry.size > room {
            return Err(refused(
                &entry.path,
                "is more than is unpacked of one archive",
            ));
        }
        room -= entry.size;
        let path = entry.path.clone();
        let target =
            place(into, &path).ok_or_else(|| refused(&path, "leads out of the archive"))?;
        match &entry.kind {
            Kind::Directory => parents(into, &target.join("below")).map_err(failed)?,
            Kind::File => {
                let mode = if entry.mode & 0o111 == 0 {
                    0o644
                } else {
                    0o755
                };
                parents(into, &target).map_err(failed)?;
                let mut file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(mode)
                    .open(&target)
                    .map_err(failed)?;
                let size = entry.size;
                io::copy(&mut Read::take(&mut entry, size), &mut file).map_err(failed)?;
                file.set_permissions(fs::Permissions::from_mode(mode))
                    .map_err(failed)?;
            }
            Kind::Symlink { target: to } => {
                let to = PathBuf::from(String::from_utf8_lossy(to).into_owned());
                parents(into, &target).map_err(failed)?;
                std::os::unix::fs::symlink(to, &target).map_err(failed)?;
            }
            Kind::HardLink { target: first } => {
                let first =
                    place(into, first).ok_or_else(|| refused(&path, "leads out of the archive"))?;
                parents(into, &first).map_err(failed)?;
                parents(into, &target).map_err(failed)?;
                fs::hard_link(&first, &target).map_err(failed)?;
            }
            _ => return Err(refused(&path, "is a device or a pipe")),
        }
    }
}

/// A file of an unpacked archive, if there is one that is not a link to somewhere else.
pub(crate) fn own_file(folder: &Path, path: &str) -> Option<PathBuf> {
    let whole = fs::canonicalize(folder.join(path)).ok()?;
    let is_own = whole.starts_with(fs::canonicalize(folder).ok()?) && whole.is_file();
    is_own.then_some(whole)
}

/// Where a path of an archive lies; `None` if it leads out.
fn place(into: &Path, path: &[u8]) -> Option<PathBuf> {
    let mut out = into.to_owned();
    for component in Path::new(std::str::from_utf8(path).ok()?).components() {
        match component {
            Component::Normal(part) => out.push(part),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(out)
}

/// Make the folders above a path; a link among them is an error.
fn parents(into: &Path, path: &Path) -> io::Result<()> {
    let below = path.strip_prefix(into).unwrap_or(path);
    let mut folder = into.to_owned();
    for part in below.parent().into_iter().flat_map(Path::components) {
        folder.push(part);
        match fs::symlink_metadata(&folder) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{} is no folder", printable_path(&folder)),
                ))
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => fs::create_dir(&folder)?,
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Let each `RUN` read the environment of the packages first. The task does it with
/// `s@^\s*(run((\s|\\\n)+-\S+)*(\s|\\\n)+)@\1. /cachi2/cachi2.env \&\& \\\n    @igM`, over the whole file.
pub(crate) fn source_environment(containerfile: &str) -> String {
    let mut out = String::new();
    let mut rest = containerfile;
    while !rest.is_empty() {
        match run_at_start(rest) {
            Some(end) => {
                out.push_str(rest[..end].trim_start());
                out.push_str(". /cachi2/cachi2.env && \\\n    ");
                rest = &rest[end..];
            }
            None => {
                // With the empty lines before it: they are not looked at once more.
                let start = rest.len() - rest.trim_start().len();
                let end = rest[start..]
                    .find('\n')
                    .map_or(rest.len(), |at| start + at + 1);
                out.push_str(&rest[..end]);
                rest = &rest[end..];
                continue;
            }
        }
        // The rest of the line is not its beginning.
        let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
        out.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    out
}

/// Where a `RUN` and its options end, if the text begins with one.
fn run_at_start(text: &str) -> Option<usize> {
    let start = text.len() - text.trim_start().len();
    let word = text.get(start..start + 3)?;
    if !word.eq_ignore_ascii_case("run") {
        return None;
    }
    let mut end = space(text, start + 3)?;
    while text[end..].starts_with('-') {
        let length = text[end..].find(char::is_whitespace)?;
        // A backslash at the end of an option is part of it for the expression, and a space after it is needed.
        end = space(text, end + length)?;
    }
    Some(end)
}

/// Where white space and continued lines end; `None` if there are none.
fn space(text: &str, at: usize) -> Option<usize> {
    let mut end = at;
    loop {
        if text[end..].starts_with("\\\n") {
            end += 2;
        } else if let Some(c) = text[end..].chars().next().filter(|c| c.is_whitespace()) {
            end += c.len_utf8();
        } else {
            return (end > at).then_some(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_reads_the_environment_first() {
        let text = "FROM a\n  RUN x && \\\n    y\nrun --mount=type=bind \\\n  --network=none z\nLABEL RUN=1\nRUN\\\n w\nRUNX\n";
        assert_eq!(
            source_environment(text),
            "FROM a\nRUN . /cachi2/cachi2.env && \\\n    x && \\\n    y\nrun --mount=type=bind \\\n  --network=none . /cachi2/cachi2.env && \\\n    z\nLABEL RUN=1\nRUN\\\n . /cachi2/cachi2.env && \\\n    w\nRUNX\n"
        );
        assert_eq!(source_environment(""), "");
        assert_eq!(source_environment("RUN"), "RUN");
    }

    #[test]
    fn artifacts_have_a_digest() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let artifact =
            Artifact::parse(&format!("oci:example.com:5000/a/b:tag@{digest}"), "X").unwrap();
        assert_eq!(artifact.repository, "example.com:5000/a/b");
        assert_eq!(artifact.digest.to_string(), digest);
        for text in [
            "",
            "oci:example.com/a",
            "example.com/a@sha256:x",
            "file:/etc@sha256:x",
        ] {
            assert!(Artifact::parse(text, "CACHI2_ARTIFACT").is_err(), "{text}");
        }
    }

    /// A tar archive of these: a path, a kind and a content or a target.
    fn archive(entries: &[(&str, u8, &str)]) -> tempfile::NamedTempFile {
        let mut data = Vec::new();
        for (path, kind, content) in entries {
            let (size, link) = if *kind == b'0' {
                (content.len(), "")
            } else {
                (0, *content)
            };
            let mut header = [0; 512];
            header[..path.len()].copy_from_slice(path.as_bytes());
            header[100..108].copy_from_slice(b"0000644\0");
            header[108..116].copy_from_slice(b"0000000\0");
            header[116..124].copy_from_slice(b"0000000\0");
            header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
            header[136..148].copy_from_slice(b"00000000000\0");
            header[156] = *kind;
            header[157..157 + link.len()].copy_from_slice(link.as_bytes());
            header[257..265].copy_from_slice(b"ustar\x0000");
            header[148..156].fill(b' ');
            let sum: u32 = header.iter().map(|&b| u32::from(b)).sum();
            header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            data.extend_from_slice(&header);
            if size > 0 {
                data.extend_from_slice(content.as_bytes());
                data.resize(data.len().next_multiple_of(512), 0);
            }
        }
        data.resize(data.len() + 1024, 0);
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), data).unwrap();
        file
    }

    #[test]
    fn nothing_is_written_outside() {
        let outer = tempfile::tempdir().unwrap();
        for (entries, good) in [
            (
                &[
                    ("./", b'5', ""),
                    ("./a/b", b'0', "x"),
                    ("c", b'2', "a/b"),
                    ("d", b'1', "a/b"),
                ][..],
                true,
            ),
            (&[("../x", b'0', "x")], false),
            (&[("/x", b'0', "x")], false),
            (&[("l", b'2', ".."), ("l/x", b'0', "x")], false),
            (&[("l", b'2', "../x"), ("l", b'0', "x")], false),
            (&[("l", b'2', ".."), ("l/x/", b'5', "")], false),
            (&[("h", b'1', "../x")], false),
            (&[("p", b'6', "")], false),
        ] {
            let into = outer.path().join("into");
            let result = unpack(archive(entries).path(), &into);
            assert_eq!(result.is_ok(), good, "{entries:?}: {result:?}");
            assert!(!outer.path().join("x").exists());
            let _ = fs::remove_dir_all(&into);
        }
    }
}
