//! A package of apk's version 2: signatures, what apk knows of it, and its files, each a compressed
//! tar archive of its own (apk-package(5)).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use verbatim_digest::{Digest, HashingReader};
use verbatim_foreign::excerpt;

use super::adb;
use super::index::Checksum;
use super::parts::{self, each_file};
use super::v3;
use crate::{Error, Result};

/// What is read of a package to find all but its files: signatures and scripts are small.
pub(super) const LARGEST_FRONT: u64 = 8 << 20;
/// The same once it is decompressed.
const LARGEST_CONTROL: u64 = 32 << 20;
/// Scripts by their names in the package.
const SCRIPTS: [&str; 7] = [
    "pre-install",
    "post-install",
    "pre-deinstall",
    "post-deinstall",
    "pre-upgrade",
    "post-upgrade",
    "trigger",
];

/// What apk knows of a package.
#[derive(Debug, Clone, Default)]
pub(super) struct About {
    /// The lines of `.PKGINFO`.
    fields: Vec<(String, String)>,
    /// By their names without the dot in front: `post-install`.
    pub(super) scripts: BTreeMap<&'static str, Vec<u8>>,
}

impl About {
    /// What these fields say, under the names that they have in `.PKGINFO`.
    pub(super) fn of(fields: Vec<(String, String)>) -> Self {
        Self {
            fields,
            scripts: BTreeMap::new(),
        }
    }

    /// The value of a field, if it has one.
    pub(super) fn get<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// The values of a field that may stand several times.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let is = move |(key, value): &'a (String, String)| {
            (key == name && !value.is_empty()).then_some(&value[..])
        };
        self.fields.iter().filter_map(is)
    }

    /// The values of a field as one list.
    pub(super) fn list(&self, name: &str) -> String {
        self.all(name).collect::<Vec<_>>().join(" ")
    }

    fn read(plain: &[u8]) -> Result<Self> {
        let mut about = Self::default();
        let mut found = false;
        each_file(plain, LARGEST_CONTROL, |path, content| {
            if path == b".PKGINFO" {
                let text = String::from_utf8(content)
                    .map_err(|_| Error::refused("its .PKGINFO is no text in UTF-8"))?;
                found = true;
                about.fields = text.lines().filter_map(field).collect();
                return Ok(());
            }
            let name = path.strip_prefix(b".").unwrap_or_default();
            if let Some(script) = SCRIPTS.iter().find(|script| script.as_bytes() == name) {
                about.scripts.insert(script, content);
            }
            Ok(())
        })?;
        match found {
            true => Ok(about),
            false => Err(Error::refused("it is no package: it has no .PKGINFO")),
        }
    }
}

fn field(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    (!name.starts_with('#')).then(|| (name.to_owned(), value.trim().to_owned()))
}

/// All of a package but its files.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) about: About,
    /// Of the part that holds what apk knows of it.
    pub(super) checksum: Checksum,
    /// Where the files begin.
    pub(super) files_at: u64,
}

impl Front {
    /// What the first bytes of a package say.
    pub(super) fn of(data: &[u8]) -> Result<Self> {
        if data.starts_with(adb::MAGIC) {
            return v3::front_of(data);
        }
        let (_, rest) = parts::signatures(data, LARGEST_CONTROL)?;
        let part = parts::first(rest, LARGEST_CONTROL)?;
        let files_at = data.len() - rest.len() + part.stored.len();
        Ok(Self {
            about: About::read(&part.plain)?,
            checksum: Checksum::of(part.stored),
            files_at: files_at as u64,
        })
    }

    /// Read the front of a package, and check that its files are those that it names.
    pub(super) fn read(file: &mut File) -> Result<Self> {
        let unreadable = |e: io::Error| Error::unreachable(format!("it cannot be read: {e}"));
        if v3::is(file)? {
            let stored = file.metadata().map_err(unreadable)?.len();
            return v3::check(file, stored);
        }
        let mut data = Vec::new();
        let mut start = file.by_ref().take(LARGEST_FRONT);
        start.read_to_end(&mut data).map_err(unreadable)?;
        let front = Self::of(&data)?;
        file.seek(SeekFrom::Start(front.files_at))
            .map_err(unreadable)?;
        let mut rest = HashingReader::new(&mut *file);
        io::copy(&mut rest, &mut io::sink()).map_err(unreadable)?;
        let found = rest.finish().0;
        let named = front.about.get("datahash").unwrap_or_default();
        match Digest::from_hex(named) {
            Ok(named) if named == found => Ok(front),
            Ok(_) => Err(Error::refused(format!(
                "its files have the sha256 {}, and it says {named} of them",
                found.hex()
            ))),
            Err(_) => Err(Error::refused(
                "it has no digest of its files (`datahash`), so its index does not reach them; build it again with a newer abuild",
            )),
        }
    }

    /// An index or a lock names a package, and so does the package itself: both must mean one. A
    /// package that runs everywhere lies in the folder of each architecture.
    pub(super) fn check(&self, name: &str, version: &str, architecture: &str) -> Result<()> {
        let own =
            ["pkgname", "pkgver", "arch"].map(|name| self.about.get(name).unwrap_or_default());
        let runs = own[2] == architecture || matches!(own[2], "noarch" | "all");
        if own[0] == name && own[1] == version && runs {
            return Ok(());
        }
        let found = excerpt(&format!("{} {} for {}", own[0], own[1], own[2]), 200);
        Err(Error::refused(format!(
            "it is {found}, and {name} {version} for {architecture} was expected"
        )))
    }
}
