//! The files that the header of a package lists.

use verbatim_formats::rpm::Stored;

use super::package::Package;
use super::tags;
use crate::{Error, Result};

/// Flags of a file (`rpmfileAttrs` of rpm 6.1).
const CONFIG: u64 = 1;
const GHOST: u64 = 1 << 6;

/// What a file is, by its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Regular,
    Directory,
    Symlink,
    CharDevice,
    BlockDevice,
    Fifo,
}

/// A file of a package, as its header describes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct File<'a> {
    /// The folder with a slash at its end, and the name in it.
    pub(super) folder: &'a [u8],
    pub(super) name: &'a [u8],
    pub(super) kind: Kind,
    /// Permissions with set-user, set-group and sticky bits.
    pub(super) mode: u32,
    pub(super) size: u64,
    pub(super) user: &'a [u8],
    pub(super) group: &'a [u8],
    /// The target of a symlink.
    pub(super) target: &'a [u8],
    /// In hexadecimal; empty for all that is no regular file.
    pub(super) digest: &'a [u8],
    /// As `cap_from_text` reads them; mostly empty.
    pub(super) capabilities: &'a [u8],
    /// The package owns the path but does not bring the file.
    pub(super) is_ghost: bool,
    /// Whoever runs the system may change it.
    pub(super) is_config: bool,
    /// Files with one number are names of one file.
    pub(super) inode: (u64, u64),
}

impl File<'_> {
    /// The path from the root on, without a slash in front or at its end.
    pub(super) fn path(&self) -> Vec<u8> {
        let path = [self.folder, self.name].concat();
        let start = path.iter().take_while(|&&b| b == b'/').count();
        let mut path = path[start..].to_vec();
        while path.last() == Some(&b'/') {
            path.pop();
        }
        path
    }
}

/// Read the list of files of a package; `file` is its name in messages.
pub(super) fn list_of<'a>(package: &'a Package, file: &str) -> Result<Vec<File<'a>>> {
    list(&package.header).map_err(|what| Error::refused(format!("{file}: {what}")))
}

/// Read the list of files of a header.
pub(super) fn list(header: &Stored) -> Result<Vec<File<'_>>, &'static str> {
    if !header.has(tags::BASENAMES) && !header.has(tags::OLDFILENAMES) {
        return Ok(Vec::new());
    }
    if header.has(tags::OLDFILENAMES) {
        return Err("it lists its files as packages of before 2000 do; build it again");
    }
    let names: Vec<&[u8]> = header.texts(tags::BASENAMES).collect();
    let count = names.len();
    let folders: Vec<&[u8]> = header.texts(tags::DIRNAMES).collect();
    let numbers = |tag: u32| {
        let found = header.numbers(tag);
        match found.len() == count {
            true => Ok(found),
            false => Err("its lists of files have different lengths"),
        }
    };
    let texts = |tag: u32, needed: bool| {
        let found: Vec<&[u8]> = header.texts(tag).collect();
        match found.len() {
            n if n == count => Ok(found),
            0 if !needed => Ok(vec![&[][..]; count]),
            _ => Err("its lists of files have different lengths"),
        }
    };
    let sizes = match header.has(tags::LONGFILESIZES) {
        true => numbers(tags::LONGFILESIZES)?,
        false => numbers(tags::FILESIZES)?,
    };
    let users = texts(tags::FILEUSERNAME, true)?;
    let groups = texts(tags::FILEGROUPNAME, true)?;
    let targets = texts(tags::FILELINKTOS, true)?;
    let digests = texts(tags::FILEDIGESTS, true)?;
    let capabilities = texts(tags::FILECAPS, false)?;
    let flags = numbers(tags::FILEFLAGS)?;
    let mut inodes = numbers(tags::FILEINODES)?;
    let mut devices = numbers(tags::FILEDEVICES)?;
    let modes = numbers(tags::FILEMODES)?;
    let folder_of = numbers(tags::DIRINDEXES)?;
    let described = names
        .into_iter()
        .zip(folder_of)
        .zip(modes)
        .zip(sizes)
        .zip(flags);
    described
        .enumerate()
        .map(|(i, ((((name, folder), mode), size), flags))| {
            let folder = usize::try_from(folder).ok().and_then(|at| folders.get(at));
            let kind = match mode & 0o170_000 {
                0o100_000 => Kind::Regular,
                0o040_000 => Kind::Directory,
                0o120_000 => Kind::Symlink,
                0o020_000 => Kind::CharDevice,
                0o060_000 => Kind::BlockDevice,
                0o010_000 => Kind::Fifo,
                _ => return Err("a file is of no known kind"),
            };
            Ok(File {
                folder: folder.ok_or("a file lies in a folder that is not listed")?,
                name,
                kind,
                mode: (mode & 0o7777) as u32,
                size,
                user: users[i],
                group: groups[i],
                target: targets[i],
                digest: digests[i],
                capabilities: capabilities[i],
                is_ghost: flags & GHOST != 0,
                is_config: flags & CONFIG != 0,
                inode: (
                    devices.next().unwrap_or_default(),
                    inodes.next().unwrap_or_default(),
                ),
            })
        })
        .collect()
}
