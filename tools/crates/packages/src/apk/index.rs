//! The index of a repository: APKINDEX.tar.gz, signed, with a paragraph for each package; or one of
//! version 3.

use base64::Engine as _;
use sha1::{Digest as _, Sha1};
use verbatim_foreign::excerpt;

use super::adb;
use super::keys::Keys;
use super::parts::{self, each_file};
use super::v3;
use super::version;
use crate::manifest::is_word;
use crate::{Error, Moment, Result};

/// The largest index that is read, as it is stored; Alpine's have some MiB.
pub(super) const LARGEST_INDEX: u64 = 256 << 20;
/// The largest one once it is decompressed.
const LARGEST_PLAIN: u64 = 512 << 20;

/// The digest of a package's control part, by which its index knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Checksum([u8; 20]);

impl Checksum {
    /// Of a control part, as it is stored.
    pub(super) fn of(stored: &[u8]) -> Self {
        Self(Sha1::digest(stored).into())
    }

    /// Of a SHA-256 the first 20 bytes: that much of it apk's database has a place for.
    pub(super) fn of_sha256(digest: &[u8]) -> Option<Self> {
        digest.first_chunk().copied().map(Self)
    }

    /// Of what was hashed.
    pub(super) fn of_hash(hash: Sha1) -> Self {
        Self(hash.finalize().into())
    }

    /// As apk writes it: `Q1` and base64.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(text.strip_prefix("Q1")?)
            .ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes as hexadecimal digits.
    pub(super) fn hex(self) -> String {
        verbatim_digest::hex(&self.0)
    }
}

impl std::fmt::Display for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = base64::engine::general_purpose::STANDARD.encode(self.0);
        write!(f, "Q1{text}")
    }
}

/// A package as its index describes it.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) checksum: Checksum,
    pub(super) name: Box<str>,
    pub(super) version: Box<str>,
    /// Bytes of the package.
    pub(super) size: u64,
    /// Lists in apk's words.
    pub(super) depends: Box<str>,
    pub(super) provides: Box<str>,
    pub(super) install_if: Box<str>,
    pub(super) priority: u32,
}

/// Read an index, unless it is signed by nobody who may, and give each package to `each`. The date
/// is that of the index in its archive, where it says one.
pub(super) fn read(
    data: &[u8],
    keys: Option<&Keys>,
    mut each: impl FnMut(Listed),
) -> Result<Option<Moment>> {
    if data.starts_with(adb::MAGIC) {
        // Such an index says no date.
        return v3::index(data, keys, each).map(|()| None);
    }
    let (signatures, signed) = parts::signatures(data, LARGEST_PLAIN)?;
    if let Some(keys) = keys {
        if signatures.is_empty() {
            return Err(Error::refused(
                "it is not signed; sign it with `abuild-sign`, or say `unsigned = true`",
            ));
        }
        keys.check(signed, &signatures)?;
    }
    let part = parts::first(signed, LARGEST_PLAIN)?;
    if part.stored.len() != signed.len() {
        return Err(Error::refused("something follows the index"));
    }
    let mut found = false;
    each_file(&part.plain, LARGEST_PLAIN, |path, text| {
        if path == b"APKINDEX" {
            found = true;
            let text =
                String::from_utf8(text).map_err(|_| Error::refused("it is no text in UTF-8"))?;
            for (at, paragraph) in text.split("\n\n").enumerate() {
                if paragraph.trim().is_empty() {
                    continue;
                }
                let listed = listed(paragraph)
                    .map_err(|e| e.of(format!("the package number {}", at + 1)))?;
                each(listed);
            }
        }
        Ok(())
    })?;
    match found {
        true => Ok(date(&part.plain)),
        false => Err(Error::refused("it holds no APKINDEX")),
    }
}

/// When the index was made; reproducible ones say the beginning of 1970, which says nothing.
fn date(plain: &[u8]) -> Option<Moment> {
    let mut archive = verbatim_reader::Archive::new(plain).accept_missing_end();
    while let Ok(Some(entry)) = archive.next_entry() {
        if entry.path == b"APKINDEX" {
            return Some(entry.mtime)
                .filter(|mtime| *mtime > 0)
                .map(Moment::from_seconds);
        }
    }
    None
}

fn listed(paragraph: &str) -> Result<Listed> {
    let field = |name: char| {
        paragraph
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    };
    let need =
        |name: char| field(name).ok_or_else(|| Error::refused(format!("it has no field `{name}`")));
    let wrong = |name: char, text: &str| {
        Error::refused(format!(
            "its field `{name}` is `{}`, which makes no sense",
            excerpt(text, 100)
        ))
    };
    let (name, version, checksum, size) = (need('P')?, need('V')?, need('C')?, need('S')?);
    if !is_word(name) {
        return Err(wrong('P', name));
    }
    if !version::is_plausible(version) {
        return Err(wrong('V', version));
    }
    if checksum.starts_with("Q2") {
        return Err(Error::refused(
            "its checksum is one of apk's version 3, which is not read here",
        ));
    }
    let list = |name: char| field(name).unwrap_or_default().into();
    Ok(Listed {
        checksum: Checksum::parse(checksum).ok_or_else(|| wrong('C', checksum))?,
        name: name.into(),
        version: version.into(),
        size: size.parse().map_err(|_| wrong('S', size))?,
        depends: list('D'),
        provides: list('p'),
        install_if: list('i'),
        priority: field('k').and_then(|k| k.parse().ok()).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: &str = "C:Q1L7EnY9Q9b23ejRHAmb0g09QaLEo=\nP:a\nV:1.0-r0\nA:x86_64\nS:12\nD:b so:c.so.1\np:cmd:a=1.0-r0\nk:10\n";

    #[test]
    fn paragraphs() {
        let one = listed(PACKAGE).unwrap();
        assert_eq!((&*one.name, &*one.version, one.size), ("a", "1.0-r0", 12));
        assert_eq!((&*one.depends, one.priority), ("b so:c.so.1", 10));
        assert_eq!(one.checksum.to_string(), "Q1L7EnY9Q9b23ejRHAmb0g09QaLEo=");
        assert_eq!(
            Checksum::parse(&one.checksum.to_string()),
            Some(one.checksum)
        );
        for (from, to, words) in [
            ("P:a", "P:../a", "`P` is `../a`"),
            ("V:1.0-r0", "V:1/2", "`V` is `1/2`"),
            ("C:Q1", "C:Q2", "version 3"),
            ("C:Q1L7", "C:Q1", "`C` is"),
            ("S:12", "S:-1", "`S` is"),
            ("S:12\n", "", "no field `S`"),
        ] {
            let text = PACKAGE.replacen(from, to, 1);
            let error = listed(&text).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
