//! Packages and indexes of apk's version 3, read as what those of version 2 say in their own words
//! (the fields are those of `apk_adb.h` of apk-tools 3).

mod index;

use std::collections::HashMap;
use std::fs::File as Opening;
use std::io::{self, BufReader, Read, Seek};

use sha2::{Digest as _, Sha256};
use verbatim_archive::{Keeper, Kept, Xattrs};
use verbatim_digest::hex;
use verbatim_foreign::printable_bytes;

use super::adb::{self, Document, Object, Opened, Schema};
use super::index::Checksum;
use super::package::{About, Front};
use super::unpack::{File, Owner};
use crate::packed::{clean, kept_error, most, Below, Node, PackedFile};
use crate::{Error, Result};

pub(super) use index::index;
use index::word;

/// The largest document of a package: what it says of itself and of its files.
const LARGEST_DOCUMENT: u64 = 64 << 20;
/// Lists longer than this are no honest ones, nor are longer words, texts and scripts.
const MOST_WORDS: usize = 1 << 16;
const LONGEST_WORD: usize = 512;
const LONGEST_TEXT: usize = 64 << 10;
const LONGEST_SCRIPT: usize = 8 << 20;
const MOST_XATTRS: usize = 64;

/// Fields of a package.
const INFORMATION: usize = 1;
const FOLDERS: usize = 2;
const SCRIPTS: usize = 3;
const TRIGGERS: usize = 4;
const REPLACES_PRIORITY: usize = 5;
/// Fields of what is known of a package.
const NAME: usize = 1;
const VERSION: usize = 2;
const HASHES: usize = 3;
const COMMIT: usize = 0xa;
const PRIORITY: usize = 0xe;
const DEPENDS: usize = 0xf;
const PROVIDES: usize = 0x10;
const REPLACES: usize = 0x11;
const INSTALL_IF: usize = 0x12;
/// Texts and numbers among them, with the words that version 2 has for them.
const TEXTS: [(usize, &str); 8] = [
    (NAME, "pkgname"),
    (VERSION, "pkgver"),
    (4, "pkgdesc"),
    (5, "arch"),
    (6, "license"),
    (7, "origin"),
    (8, "maintainer"),
    (9, "url"),
];
const NUMBERS: [(usize, &str); 3] = [
    (0xb, "builddate"),
    (0xc, "size"),
    (PRIORITY, "provider_priority"),
];
const LISTS: [(usize, &str); 4] = [
    (DEPENDS, "depend"),
    (PROVIDES, "provides"),
    (REPLACES, "replaces"),
    (INSTALL_IF, "install_if"),
];
/// Scripts by their fields.
const SCRIPT_FIELDS: [(usize, &str); 7] = [
    (1, "trigger"),
    (2, "pre-install"),
    (3, "post-install"),
    (4, "pre-deinstall"),
    (5, "post-deinstall"),
    (6, "pre-upgrade"),
    (7, "post-upgrade"),
];
/// What stands before the target of something that is no regular file: the bits of its mode.
const SYMLINK: u16 = 0xa000;
const HARD_LINK: u16 = 0x8000;

/// What may come of a document. A value may be meant from several places, as one owner is of many
/// files; without a bound a small document would say without end.
struct Budget(u64);

impl Budget {
    fn of(document: &Document) -> Self {
        Self(document.size().saturating_mul(16).saturating_add(1 << 20))
    }

    /// Something of so many bytes.
    fn take(&mut self, bytes: usize) -> Result<()> {
        let left = self.0.checked_sub(bytes as u64 + 16);
        self.0 = left.ok_or_else(|| refused("it says the same again and again"))?;
        Ok(())
    }
}

fn refused(what: impl Into<String>) -> Error {
    Error::refused(what)
}

/// Whether a file is of version 3; it is read from its beginning afterwards.
pub(super) fn is(file: &mut Opening) -> Result<bool> {
    let unreadable = |e: io::Error| Error::unreachable(format!("it cannot be read: {e}"));
    let mut start = Vec::new();
    let mut few = file.by_ref().take(adb::MAGIC.len() as u64);
    few.read_to_end(&mut start).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    Ok(start == adb::MAGIC)
}

/// What the first bytes of a package say.
pub(super) fn front_of(data: &[u8]) -> Result<Front> {
    front(&Opened::read(data, Schema::Package, LARGEST_DOCUMENT)?)
}

fn front<R: Read>(opened: &Opened<R>) -> Result<Front> {
    let root = opened.document.root()?;
    let information = root
        .object(INFORMATION)
        .ok_or_else(|| refused("it says nothing of itself"))?;
    let mut fields = Vec::new();
    let mut add = |name: &str, value: String| {
        // One line is one value in apk's database.
        if value.contains('\n') || value.len() > LONGEST_TEXT {
            return Err(refused(format!("its `{name}` is no line")));
        }
        fields.push((name.to_owned(), value));
        Ok(())
    };
    for (field, name) in TEXTS {
        if let Some(text) = information.text(field)? {
            add(name, text.to_owned())?;
        }
    }
    for (field, name) in NUMBERS {
        if let Some(number) = information.number(field) {
            add(name, number.to_string())?;
        }
    }
    if let Some(commit) = information.bytes(COMMIT) {
        add("commit", hex(commit))?;
    }
    for (field, name) in LISTS {
        for dependency in information.list(field).take(MOST_WORDS) {
            add(name, word(&dependency)?)?;
        }
    }
    if let Some(number) = root.number(REPLACES_PRIORITY) {
        add("replaces_priority", number.to_string())?;
    }
    let triggers = root.object(TRIGGERS);
    for at in 1..=triggers.map_or(0, |list| list.len()) {
        if let Some(folder) = triggers.map(|list| list.text(at)).transpose()?.flatten() {
            add("triggers", folder.to_owned())?;
        }
    }
    let mut about = About::of(fields);
    if let Some(scripts) = root.object(SCRIPTS) {
        for (field, name) in SCRIPT_FIELDS {
            if let Some(script) = scripts.bytes(field) {
                if script.len() > LONGEST_SCRIPT {
                    return Err(refused(format!("its {name} is longer than any script")));
                }
                about.scripts.insert(name, script.to_vec());
            }
        }
    }
    let checksum = Checksum::of_sha256(&opened.digest());
    Ok(Front {
        about,
        checksum: checksum.ok_or_else(|| refused("it has no digest"))?,
        files_at: 0,
    })
}

/// A file that a package lists.
struct Entry {
    path: Vec<u8>,
    kind: Kind,
    /// As apk's database has it.
    checksum: Option<Checksum>,
}

enum Kind {
    Folder,
    Symlink(Vec<u8>),
    HardLink(Vec<u8>),
    /// A content of this size and digest; it follows, unless it is empty.
    Content {
        size: u64,
        sha256: [u8; 32],
    },
}

/// An entry of a folder by the numbers of both, from 1 on; a folder itself has the second number 0.
type Place = (usize, usize);

/// Read a package of so many bytes, and give each content to `keep`, which must read all of it.
fn read(
    source: impl Read,
    stored: u64,
    mut keep: impl FnMut(&mut dyn Read, &Entry, u64) -> Result<()>,
) -> Result<(Front, Vec<(Entry, Attributes)>)> {
    let mut opened = Opened::read(source, Schema::Package, LARGEST_DOCUMENT)?;
    let front = front(&opened)?;
    let mut budget = Budget::of(&opened.document);
    let listed = list(&opened.document.root()?, &mut budget)?;
    let mut left = most(stored);
    let mut expected = listed
        .iter()
        .filter_map(|(place, entry, _)| match entry.kind {
            Kind::Content { size, sha256 } if size > 0 => Some((*place, entry, size, sha256)),
            _ => None,
        });
    while let Some(content) = opened.next_content()? {
        let found = (content.folder, content.file);
        let next = expected
            .next()
            .filter(|(place, _, size, _)| (*place, *size) == (found, content.size));
        let Some((_, entry, size, sha256)) = next else {
            return Err(refused(
                "it has the content of a file that it does not list, or not in that order",
            ));
        };
        left = left
            .checked_sub(size)
            .ok_or_else(|| refused("it decompresses to many times its size"))?;
        let mut hashed = Hashed {
            source: content,
            sha256: Sha256::new(),
        };
        keep(&mut hashed, entry, size)?;
        if <[u8; 32]>::from(hashed.sha256.finalize()) != sha256 {
            return Err(refused(format!(
                "its file {} is not the one whose digest it says",
                printable_bytes(&entry.path)
            )));
        }
        hashed.source.finish()?;
    }
    if let Some((_, entry, ..)) = expected.next() {
        return Err(refused(format!(
            "its file {} has no content",
            printable_bytes(&entry.path)
        )));
    }
    drop(expected);
    let files = listed
        .into_iter()
        .map(|(_, entry, attributes)| (entry, attributes));
    Ok((front, files.collect()))
}

/// The files that a package lists, in its order.
fn list(package: &Object<'_>, budget: &mut Budget) -> Result<Vec<(Place, Entry, Attributes)>> {
    let mut files = Vec::new();
    let mut below = Below::default();
    for (folder, number) in package.list(FOLDERS).zip(1..) {
        let path = clean(folder.bytes(1).unwrap_or_default())?;
        if !path.is_empty() {
            below.check(&path)?;
            let entry = Entry {
                path: path.clone(),
                kind: Kind::Folder,
                checksum: None,
            };
            budget.take(path.len())?;
            files.push(((number, 0), entry, Attributes::of(&folder, budget)?));
        }
        for (file, at) in folder.list(3).zip(1..) {
            let name = file.bytes(1).unwrap_or_default();
            if name.is_empty() || name.contains(&b'/') {
                return Err(refused("a file of it has a name that none has"));
            }
            let slash: &[u8] = if path.is_empty() { b"" } else { b"/" };
            let entry = entry(&file, clean(&[&path, slash, name].concat())?)?;
            below.check(&entry.path)?;
            if let Kind::Symlink(_) = entry.kind {
                below.symlink(&entry.path);
            }
            budget.take(entry.path.len())?;
            files.push(((number, at), entry, Attributes::of(&file, budget)?));
        }
    }
    Ok(files)
}

fn entry(file: &Object<'_>, path: Vec<u8>) -> Result<Entry> {
    let wrong = |what: &str| refused(format!("its {} {what}", printable_bytes(&path)));
    let sha256 = file
        .bytes(5)
        .and_then(|hash| <[u8; 32]>::try_from(hash).ok());
    let (kind, checksum) = match file.bytes(6) {
        Some([first, second, target @ ..]) => match u16::from_le_bytes([*first, *second]) {
            SYMLINK if target.len() > LONGEST_TEXT => return Err(wrong("leads too far")),
            SYMLINK => {
                let digest: [u8; 32] = Sha256::digest(target).into();
                (Kind::Symlink(target.to_vec()), Some(digest))
            }
            HARD_LINK => (Kind::HardLink(clean(target)?), sha256),
            _ => return Err(wrong("is a device or a pipe, which no image needs")),
        },
        Some(_) => return Err(wrong("is a link that leads nowhere")),
        None => {
            let size = file.number(3).unwrap_or(0);
            let sha256 = sha256.ok_or_else(|| wrong("has no sha256"))?;
            if size == 0 && sha256 != <[u8; 32]>::from(Sha256::digest(b"")) {
                return Err(wrong("is empty, and has another digest"));
            }
            (Kind::Content { size, sha256 }, Some(sha256))
        }
    };
    let checksum = checksum.and_then(|digest| Checksum::of_sha256(&digest));
    Ok(Entry {
        path,
        kind,
        checksum,
    })
}

/// Who owns a file, and who may do what with it.
struct Attributes {
    owner: Owner,
    mode: u32,
    xattrs: Xattrs,
}

impl Attributes {
    fn of(object: &Object<'_>, budget: &mut Budget) -> Result<Self> {
        let access = object
            .object(2)
            .ok_or_else(|| refused("a file of it has no owner and no permissions"))?;
        let mut xattrs = Xattrs::new();
        let list = access.object(4);
        for at in 1..=list.map_or(0, |list| list.len().min(MOST_XATTRS)) {
            let both = list.and_then(|list| list.bytes(at));
            let Some((name, value)) = both.and_then(|both| {
                let end = both.iter().position(|byte| *byte == 0)?;
                Some((&both[..end], &both[end + 1..]))
            }) else {
                return Err(refused("an extended attribute of it has no name"));
            };
            budget.take(name.len() + value.len())?;
            xattrs.insert(name.to_vec(), value.to_vec());
        }
        let name =
            |field| -> Result<String> { Ok(access.text(field)?.unwrap_or("root").to_owned()) };
        Ok(Self {
            owner: Owner {
                user: name(2)?,
                group: name(3)?,
            },
            mode: (access.number(1).unwrap_or(0) & 0o7777) as u32,
            xattrs,
        })
    }
}

/// Read a package of so many bytes, and check that its files are those that it names.
pub(super) fn check(file: &mut Opening, stored: u64) -> Result<Front> {
    let (front, _) = read(BufReader::new(file), stored, |content, _, _| {
        io::copy(content, &mut io::sink())
            .map_err(|e| refused(format!("it cannot be unpacked: {e}")))?;
        Ok(())
    })?;
    Ok(front)
}

/// Unpack a package of so many bytes, whose contents go to the keeper.
pub(super) fn unpack(file: Opening, stored: u64, keeper: &Keeper) -> Result<(Front, Vec<File>)> {
    let mut kept: HashMap<Vec<u8>, Kept> = HashMap::new();
    let (front, listed) = read(BufReader::new(file), stored, |content, entry, size| {
        let content = keeper.keep(content, size).map_err(kept_error)?;
        kept.insert(entry.path.clone(), content);
        Ok(())
    })?;
    let empty = keeper.keep(io::empty(), 0).map_err(kept_error)?;
    let files = listed.into_iter().map(|(entry, attributes)| File {
        checksum: entry.checksum,
        owner: Some(attributes.owner),
        packed: PackedFile {
            node: match entry.kind {
                Kind::Folder => Node::Directory,
                Kind::Symlink(target) => Node::Symlink(target),
                Kind::HardLink(target) => Node::HardLink(target),
                Kind::Content { .. } => Node::File(kept.get(&entry.path).copied().unwrap_or(empty)),
            },
            path: entry.path,
            mode: attributes.mode,
            // The numbers of its owner's names are known when all packages are.
            uid: 0,
            gid: 0,
            xattrs: attributes.xattrs,
        },
    });
    Ok((front, files.collect()))
}

/// Hashes what is read.
struct Hashed<'a, R> {
    source: adb::Content<'a, R>,
    sha256: Sha256,
}

impl<R: Read> Read for Hashed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buffer)?;
        self.sha256.update(&buffer[..n]);
        Ok(n)
    }
}
