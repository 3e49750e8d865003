//! The files of a package as entries of a layer.

use std::collections::BTreeMap;
use std::io::{self, Read};

use verbatim_archive::{Builder, Item, Keeper, Kept, Wish};
use verbatim_foreign::printable_bytes;

use super::accounts::Accounts;
use super::capabilities;
use super::contents::{walk, Content};
use super::files::{File, Kind};
use super::package::Package;
use super::unreadable;
use crate::aliases::Aliases;
use crate::{Error, Result};

/// What the whole set of packages says that matters to each of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Set<'a> {
    pub(super) aliases: &'a Aliases,
    pub(super) accounts: &'a Accounts,
    /// Files of which more is known than the packages know, by their paths.
    pub(super) replaced: &'a BTreeMap<Vec<u8>, Vec<u8>>,
    /// Where contents are kept until the layer is written.
    pub(super) keeper: &'a Keeper,
}

/// Add the files of a package to a layer. `payload` is what follows the headers, `file` the name of
/// the package in messages.
pub(super) fn unpack(
    package: &Package,
    files: &[File<'_>],
    payload: impl Read,
    set: Set<'_>,
    builder: &mut Builder,
    file: &str,
) -> Result<()> {
    walk(package, files, payload, file, |at, content| {
        let listed = &files[at];
        let path = listed.path();
        if listed.kind == Kind::Directory && set.aliases.has(&path) {
            // Somebody else calls it a symlink: then that is what is there, as with rpm.
            return Ok(());
        }
        let wish = wish(listed, set.accounts, file)?;
        let place = place(listed, set.aliases, file)?;
        let item = match (listed.kind, content) {
            (_, Content::Bytes(content)) => match set.replaced.get(&place) {
                Some(text) => Item::Bytes(text.clone()),
                None => Item::Kept(kept(content, listed.size, set.keeper, file)?),
            },
            (_, Content::SameAs(other)) => {
                Item::HardLink(self::place(&files[other], set.aliases, file)?)
            }
            (Kind::Directory, _) => Item::Directory,
            (Kind::Symlink, _) => Item::Symlink(listed.target.to_vec()),
            _ => {
                let what = format!(
                    "{} is a device or a named pipe, which no image needs; leave the package out",
                    printable_bytes(&path)
                );
                return Err(Error::wrong(format!("{file}: {what}")));
            }
        };
        Ok(builder.item(&place, item, &wish, file)?)
    })
}

/// Keep a content until the layer is written. If it cannot be read, the package is to blame.
fn kept(content: &mut dyn Read, size: u64, keeper: &Keeper, file: &str) -> Result<Kept> {
    let mut noting = Noting {
        inner: content,
        failed: None,
    };
    let kept = keeper.keep(&mut noting, size);
    match noting.failed {
        Some(e) => Err(unreadable(file, "its files cannot be unpacked", e)),
        None => kept.map_err(|e| Error::unreachable(format!("{file}: {e}"))),
    }
}

/// Passes on what is read, and remembers why there is no more.
struct Noting<'a> {
    inner: &'a mut dyn Read,
    failed: Option<io::Error>,
}

impl Read for Noting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.inner.read(buffer);
        match &result {
            Ok(0) if !buffer.is_empty() => {
                self.failed = Some(io::ErrorKind::UnexpectedEof.into());
            }
            Err(e) if e.kind() != io::ErrorKind::Interrupted => {
                self.failed = Some(io::Error::new(e.kind(), e.to_string()));
            }
            _ => {}
        }
        result
    }
}

fn place(listed: &File<'_>, aliases: &Aliases, file: &str) -> Result<Vec<u8>> {
    let path = listed.path();
    // What a path may hold is judged where it becomes an entry of the layer.
    let climbs = path.split(|&b| b == b'/').any(|part| part == b"..");
    aliases.place(&path).filter(|_| !climbs).ok_or_else(|| {
        let what = format!(
            "the path {} leaves the root, or the symlinks above it go round in a circle",
            printable_bytes(&path)
        );
        Error::refused(format!("{file}: {what}"))
    })
}

fn wish(listed: &File<'_>, accounts: &Accounts, file: &str) -> Result<Wish> {
    let shown = || printable_bytes(&listed.path()).into_owned();
    let mut wish = Wish {
        // The owner of an unknown name is root, as for rpm.
        uid: Some(accounts.user_number(listed.user).unwrap_or(0).into()),
        gid: Some(accounts.group_number(listed.group).unwrap_or(0).into()),
        ..Wish::default()
    };
    if listed.kind != Kind::Symlink {
        wish.mode = Some(listed.mode);
    }
    if listed.kind == Kind::Regular && !listed.capabilities.is_empty() {
        let attribute = capabilities::attribute(listed.capabilities).ok_or_else(|| {
            let text = printable_bytes(listed.capabilities);
            let what = format!("the capabilities `{text}` of {} are not known", shown());
            Error::wrong(format!("{file}: {what}"))
        })?;
        wish.xattrs
            .insert(b"security.capability".to_vec(), attribute);
    }
    Ok(wish)
}
