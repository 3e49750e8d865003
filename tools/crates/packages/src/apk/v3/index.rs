//! Indexes of version 3, and dependencies in them.

use super::super::adb::{Object, Opened, Schema};
use super::super::index::{Checksum, Listed, LARGEST_INDEX};
use super::super::keys::Keys;
use super::super::version;
use super::{
    refused, Budget, DEPENDS, HASHES, INSTALL_IF, LONGEST_WORD, MOST_WORDS, NAME, PRIORITY,
    PROVIDES, VERSION,
};
use crate::manifest::is_word;
use crate::Result;

/// Fields of an index.
const PACKAGES: usize = 2;
const PACKAGE_NAMES: usize = 3;
/// A field of what is known of a package, which only indexes have.
const FILE_SIZE: usize = 0xd;

/// Read an index, unless it is signed by nobody who may, and give each package to `each`.
pub(in super::super) fn index(
    data: &[u8],
    keys: Option<&Keys>,
    mut each: impl FnMut(Listed),
) -> Result<()> {
    let opened = Opened::read(data, Schema::Index, LARGEST_INDEX)?;
    if let Some(keys) = keys {
        opened.check(keys)?;
    }
    let root = opened.document.root()?;
    if root.bytes(PACKAGE_NAMES).is_some() {
        return Err(refused(
            "it names its packages in a way of its own (`pkgname-spec`), which is not read here",
        ));
    }
    let mut budget = Budget::of(&opened.document);
    for (at, package) in root.list(PACKAGES).enumerate() {
        let listed =
            listed(&package).map_err(|e| e.of(format!("the package number {}", at + 1)))?;
        budget.take(listed.depends.len() + listed.provides.len() + listed.install_if.len())?;
        each(listed);
    }
    Ok(())
}

fn listed(package: &Object<'_>) -> Result<Listed> {
    let name = package.text(NAME)?.unwrap_or_default();
    let version = package.text(VERSION)?.unwrap_or_default();
    if !is_word(name) || !version::is_plausible(version) {
        return Err(refused("its name or its version makes no sense"));
    }
    let checksum = package.bytes(HASHES).and_then(Checksum::of_sha256);
    Ok(Listed {
        checksum: checksum.ok_or_else(|| refused("it has no digest"))?,
        name: name.into(),
        version: version.into(),
        size: package
            .number(FILE_SIZE)
            .ok_or_else(|| refused("it has no size"))?,
        depends: words(package, DEPENDS)?.into(),
        provides: words(package, PROVIDES)?.into(),
        install_if: words(package, INSTALL_IF)?.into(),
        priority: package
            .number(PRIORITY)
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(0),
    })
}

/// A list of dependencies in apk's words.
fn words(package: &Object<'_>, field: usize) -> Result<String> {
    let mut all = Vec::new();
    for dependency in package.list(field).take(MOST_WORDS) {
        all.push(word(&dependency)?);
    }
    Ok(all.join(" "))
}

pub(super) fn word(dependency: &Object<'_>) -> Result<String> {
    const EQUAL: u64 = 1;
    const LESS: u64 = 2;
    const GREATER: u64 = 4;
    const FUZZY: u64 = 8;
    const CONFLICT: u64 = 16;
    let name = dependency
        .text(NAME)?
        .ok_or_else(|| refused("a dependency has no name"))?;
    let version = dependency.text(VERSION)?;
    let match_ = dependency.number(3).unwrap_or(EQUAL);
    // One name, and not several that a space makes of it.
    let length = name.len() + version.map_or(0, str::len);
    if name.is_empty() || name.contains(char::is_whitespace) || length > LONGEST_WORD {
        return Err(refused("a dependency has a name that none has"));
    }
    let mut text = String::new();
    if match_ & CONFLICT != 0 {
        text.push('!');
    }
    text.push_str(name);
    let Some(version) = version else {
        return Ok(text);
    };
    if version.contains(char::is_whitespace) {
        return Err(refused("a dependency has a version that none has"));
    }
    for (bit, sign) in [(GREATER, '>'), (LESS, '<')] {
        if match_ & bit != 0 {
            text.push(sign);
        }
    }
    match match_ {
        m if m & FUZZY != 0 => text.push('~'),
        m if m & EQUAL != 0 => text.push('='),
        _ => {}
    }
    text.push_str(version);
    Ok(text)
}
