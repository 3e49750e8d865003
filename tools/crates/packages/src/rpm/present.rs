//! What rpm's database (`rpmdb.sqlite`) says is installed.

use verbatim_formats::rpm::{Part, Stored};
use verbatim_formats::sqlite::{columns, Database, Value};

use super::files::{self, Kind};
use super::tags;
use crate::{Error, Result};

/// A path that is longer is none: no system opens it (`PATH_MAX`).
const LONGEST_PATH: usize = 4096;
/// In `FILESTATES`: the file is there as the package brought it.
const NORMAL: u64 = 0;

/// A package that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Its name.
    pub name: String,
    /// Its epoch, where it has one.
    pub epoch: Option<u64>,
    /// Its version.
    pub version: String,
    /// Its release.
    pub release: String,
    /// Its architecture; keys have none.
    pub architecture: Option<String>,
    /// The file name of the source package that it was built from.
    pub source: Option<String>,
    /// Its license, as the package says it.
    pub license: Option<String>,
    /// The number of the algorithm of its files' digests, as OpenPGP has it (RFC 9580, section 9.5).
    pub algorithm: u64,
    /// What it needs: names, and paths of files. Conditions (`(a if b)`) and what is asked of rpm
    /// itself are left out.
    pub requires: Vec<String>,
    /// What it is beside its own name.
    pub provides: Vec<String>,
    /// Its files.
    pub files: Vec<PresentFile>,
}

/// A file of an installed package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentFile {
    /// From the root on, without a slash in front.
    pub path: Vec<u8>,
    /// The digest in hexadecimal; empty for all that is no regular file.
    pub digest: Vec<u8>,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// Whether whoever runs the system may change it.
    pub is_config: bool,
    /// The package owns the path, whether or not something is there.
    pub is_ghost: bool,
}

/// Read the packages of a database, in its order.
pub fn present(data: &[u8], mut each: impl FnMut(Present) -> Result<()>) -> Result<()> {
    let damaged = || Error::refused("it is no database that can be read, or it is damaged");
    let mut database = Database::open(data).ok_or_else(damaged)?;
    let table = database
        .schema
        .iter()
        .find(|entry| entry.kind == "table" && entry.name == "Packages")
        .cloned()
        .ok_or_else(|| Error::refused("it has no table `Packages`"))?;
    let column = columns(&table.sql)
        .iter()
        .position(|name| name == "blob")
        .ok_or_else(|| Error::refused("its table `Packages` has no column `blob`"))?;
    for row in database.table(&table).ok_or_else(damaged)? {
        let id = row.id;
        let Some(Value::Blob(blob)) = row.values.into_iter().nth(column) else {
            return Err(Error::refused(format!(
                "the package number {id} has no header"
            )));
        };
        let package = one(blob).map_err(|e| e.of(format!("the package number {id}")))?;
        each(package)?;
    }
    Ok(())
}

fn one(blob: Vec<u8>) -> Result<Present> {
    let header =
        Stored::read(blob, Part::Installed).map_err(|flaw| Error::refused(flaw.to_string()))?;
    let text = |tag| {
        let text = header.text(tag)?;
        Some(String::from_utf8_lossy(text).into_owned())
    };
    let need = |tag, name| text(tag).ok_or_else(|| Error::refused(format!("it has no {name}")));
    let name = need(tags::NAME, "name")?;
    let listed = files::list(&header).map_err(|what| Error::refused(format!("{name}: {what}")))?;
    let states: Vec<u64> = header.numbers(tags::FILESTATES).collect();
    let mut files = Vec::with_capacity(listed.len());
    // Many files may share one long folder: real paths stay below the size of their header.
    let mut left = 8 * header.bytes().len() + (64 << 10);
    for (at, file) in listed.into_iter().enumerate() {
        // Not installed, or the file of another package took its place.
        if states.get(at).is_some_and(|&state| state != NORMAL) {
            continue;
        }
        let length = file.folder.len() + file.name.len();
        if length > LONGEST_PATH {
            return Err(Error::refused(format!(
                "{name}: a path is longer than {LONGEST_PATH} bytes"
            )));
        }
        left = left.checked_sub(length).ok_or_else(|| {
            Error::refused(format!(
                "{name}: its paths are longer than all that is said of them"
            ))
        })?;
        files.push(PresentFile {
            path: file.path(),
            digest: match file.kind {
                Kind::Regular => file.digest.to_vec(),
                _ => Vec::new(),
            },
            is_directory: file.kind == Kind::Directory,
            is_config: file.is_config,
            is_ghost: file.is_ghost,
        });
    }
    let texts = |tag| -> Vec<String> {
        let plain = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        header.texts(tag).map(plain).collect()
    };
    let mut requires = texts(tags::REQUIRENAME);
    requires.retain(|name| !name.starts_with('(') && !name.starts_with("rpmlib("));
    Ok(Present {
        requires,
        provides: texts(tags::PROVIDENAME),
        version: need(tags::VERSION, "version")?,
        release: need(tags::RELEASE, "release")?,
        epoch: header.number(tags::EPOCH),
        architecture: text(tags::ARCH),
        source: text(tags::SOURCERPM),
        license: text(tags::LICENSE),
        // MD5 where nothing is said.
        algorithm: header.number(tags::FILEDIGESTALGO).unwrap_or(1),
        name,
        files,
    })
}
