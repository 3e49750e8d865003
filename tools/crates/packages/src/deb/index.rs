//! Indexes of packages: `Packages`, read as a stream.

use std::io::BufRead;

use verbatim_digest::Digest;

use super::control::{Paragraph, Paragraphs};
use crate::manifest::is_word;
use crate::source::SafePath;
use crate::{Error, Result};

/// What is kept of a package in an index.
///
/// Relations stay text until somebody looks at them: of sixty thousand packages a few hundred are
/// looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: Box<str>,
    /// Its version.
    pub version: Box<str>,
    /// Its architecture.
    pub architecture: Box<str>,
    /// What it says of the same package of other architectures.
    pub multi_arch: MultiArch,
    /// Whether it is part of every system.
    pub essential: bool,
    /// Its priority, the highest is 0.
    pub priority: u8,
    /// `Pre-Depends` and `Depends`, with a comma between.
    pub depends: Box<str>,
    /// `Recommends`.
    pub recommends: Box<str>,
    /// `Conflicts` and `Breaks`, with a comma between.
    pub conflicts: Box<str>,
    /// `Provides`.
    pub provides: Box<str>,
    /// Its path in the source.
    pub path: SafePath,
    /// Bytes.
    pub size: u64,
    /// The digest of its bytes.
    pub sha256: Digest,
}

/// The field `Multi-Arch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MultiArch {
    /// It serves its own architecture, and excludes itself of others.
    No,
    /// It may be there for several architectures.
    Same,
    /// It serves all architectures.
    Foreign,
    /// It serves all architectures to whom asks so.
    Allowed,
}

/// Give every package of an index to `each`.
pub fn read(source: impl BufRead, mut each: impl FnMut(Listed)) -> Result<()> {
    let mut paragraphs = Paragraphs::new(source);
    let mut paragraph = Paragraph::default();
    while paragraphs.next_into(&mut paragraph)? {
        let listed = listed(&paragraph).map_err(|e| match paragraph.get("Package") {
            Some(name) => e.of(format!("the package {name}")),
            None => e,
        })?;
        each(listed);
    }
    Ok(())
}

fn listed(paragraph: &Paragraph) -> Result<Listed> {
    let word = |name: &str| {
        let value = paragraph.need(name)?;
        if is_word(value) {
            Ok(value.into())
        } else {
            Err(Error::refused(format!(
                "its `{name}` has characters that none has"
            )))
        }
    };
    let text = |name: &str| paragraph.get(name).unwrap_or_default();
    let both = |one: &str, two: &str| match (text(one), text(two)) {
        ("", only) | (only, "") => only.into(),
        (one, two) => format!("{one}, {two}").into(),
    };
    let version = paragraph.need("Version")?;
    if !version.bytes().all(|b| b.is_ascii_graphic() && b != b'/') {
        return Err(Error::refused("its `Version` has characters that none has"));
    }
    let size = paragraph
        .need("Size")?
        .parse()
        .map_err(|_| Error::refused("its `Size` is no number"))?;
    let sha256 = paragraph.get("SHA256").ok_or_else(|| {
        Error::refused("its index gives no SHA256, and weaker digests prove nothing")
    })?;
    Ok(Listed {
        name: word("Package")?,
        version: version.into(),
        architecture: word("Architecture")?,
        multi_arch: match text("Multi-Arch") {
            "same" => MultiArch::Same,
            "foreign" => MultiArch::Foreign,
            "allowed" => MultiArch::Allowed,
            _ => MultiArch::No,
        },
        essential: text("Essential") == "yes",
        priority: match text("Priority") {
            "required" => 0,
            "important" => 1,
            "standard" => 2,
            "optional" => 3,
            _ => 4,
        },
        depends: both("Pre-Depends", "Depends"),
        recommends: text("Recommends").into(),
        conflicts: both("Conflicts", "Breaks"),
        provides: text("Provides").into(),
        path: paragraph.need("Filename")?.parse()?,
        size,
        sha256: Digest::from_hex(sha256).map_err(|e| Error::refused(e.to_string()))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Package: a\nVersion: 1:2-3\nArchitecture: amd64\nMulti-Arch: same\nPre-Depends: b\nDepends: c (>= 1), d | e\nConflicts: f\nFilename: ./pool/a.deb\nSize: 12\nSHA256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";

    fn all(text: &str) -> Result<Vec<Listed>> {
        let mut found = Vec::new();
        read(text.as_bytes(), |listed| found.push(listed))?;
        Ok(found)
    }

    #[test]
    fn what_is_kept() {
        let found = all(&format!(
            "{TEXT}\n{}",
            TEXT.replace("Package: a", "Package: z")
        ))
        .unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(&*found[0].depends, "b, c (>= 1), d | e");
        assert_eq!(&*found[0].conflicts, "f");
        assert_eq!(found[0].multi_arch, MultiArch::Same);
        assert_eq!(found[0].path.as_str(), "pool/a.deb");
        assert_eq!(&*found[1].name, "z");
    }

    #[test]
    fn hostile_packages_are_named() {
        for (from, to, words) in [
            ("./pool", "../pool", "the package a: the path"),
            ("Package: a", "Package: ../a", "characters"),
            ("Version: 1:2-3", "Version: 1/../2", "its `Version`"),
            ("Size: 12", "Size: -1", "no number"),
            ("SHA256", "MD5sum", "no SHA256"),
            ("Filename", "Name", "`Filename`"),
        ] {
            let bad = TEXT.replace(from, to);
            assert_ne!(bad, TEXT);
            let error = all(&bad).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Refused);
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
