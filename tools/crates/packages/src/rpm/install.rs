//! From locked packages to the root file system of an image, with rpm's database, without running
//! anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File as Opened;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;

use sha2::{Digest as _, Sha512};
use verbatim_archive::{Builder, Item, Wish};
use verbatim_digest::{hex, HashingReader};

use super::accounts::Accounts;
use super::contents::{self, Content};
use super::database;
use super::files::{self, File, Kind};
use super::installed::{Circumstances, Installed};
use super::package::Package;
use super::unpack::{unpack, Set};
use super::{tags, unreadable};
use crate::aliases::Aliases;
use crate::fetch::{location, open_checked};
use crate::install::Wanted;
use crate::lock::LockedPackage;
use crate::source::Place;
use crate::{Error, Result};

/// Where rpm looks for its database since Fedora 36 and RHEL 10, and where it looked before.
const DATABASE: &[u8] = b"usr/lib/sysimage/rpm";
const OLD_DATABASE: &[u8] = b"var/lib/rpm";
const DATABASE_FILE: &[u8] = b"rpmdb.sqlite";

/// Files with accounts, to which those that packages declare are added.
const ACCOUNT_FILES: [&[u8]; 4] = [b"etc/group", b"etc/gshadow", b"etc/passwd", b"etc/shadow"];
/// Bytes of such a file that are read.
const LARGEST_ACCOUNTS: u64 = 16 << 20;

/// The moment of every installation: a layer does not tell when it was made.
const TIME: u32 = 0;

/// A locked package and its headers.
struct Source<'a> {
    locked: &'a LockedPackage,
    path: PathBuf,
    package: Package,
}

/// Put packages, which [`crate::fetch::Fetcher::packages`] has brought, into a layer.
pub fn install(
    packages: &[(&LockedPackage, Place)],
    architecture: &str,
    wanted: &Wanted<'_>,
    builder: &mut Builder,
) -> Result<()> {
    let mut read = Vec::with_capacity(packages.len());
    let mut texts = BTreeMap::new();
    for (locked, place) in packages {
        let path = location(locked, place, wanted.cache);
        let mut source = BufReader::new(open_checked(locked, &path)?);
        let package = Package::read(&mut source, locked.path.as_str())?;
        is_the_one(locked, &package)?;
        account_files(&package, source, locked.path.as_str(), &mut texts)?;
        read.push(Source {
            locked,
            path,
            package,
        });
    }
    // The order of the database.
    read.sort_by(|a, b| {
        let key = |r: &Source<'_>| (r.package.name(), r.package.architecture());
        let older = || a.package.evr().compare(&b.package.evr());
        key(a).cmp(&key(b)).then_with(older)
    });
    let lists: Vec<Vec<File<'_>>> = read
        .iter()
        .map(|one| files::list_of(&one.package, one.locked.path.as_str()))
        .collect::<Result<_>>()?;
    let mut aliases = Aliases::default();
    let mut folders = BTreeSet::new();
    for listed in lists.iter().flatten().filter(|listed| !listed.is_ghost) {
        match listed.kind {
            Kind::Symlink => aliases.add(listed.path(), listed.target),
            Kind::Directory => drop(folders.insert(listed.path())),
            _ => {}
        }
    }
    let accounts = accounts(&read, &texts);
    let mut replaced = BTreeMap::new();
    for (path, mode, added) in accounts.additions() {
        match texts.remove(path) {
            Some(mut text) => {
                text.extend(added.bytes());
                replaced.insert(path.to_vec(), text);
            }
            // Groups have passwords where somebody brings the file.
            None if path == b"etc/gshadow" => {}
            None => {
                let wish = Wish {
                    mode: Some(mode),
                    ..Wish::default()
                };
                let text = Item::Bytes(added.into_bytes());
                builder.item(path, text, &wish, "the users that packages declare")?;
            }
        }
    }
    let keeper = builder.keeper()?;
    let set = Set {
        aliases: &aliases,
        accounts: &accounts,
        replaced: &replaced,
        keeper: &keeper,
    };
    let now = Circumstances::of(architecture, TIME);
    let mut installed = Vec::with_capacity(read.len());
    for (one, files) in read.iter().zip(&lists) {
        let name = one.locked.path.as_str();
        builder.component(Some(&format!("rpm:{}", one.package.name())));
        let file =
            Opened::open(&one.path).map_err(|e| unreadable(name, "it cannot be opened", e))?;
        let mut whole = Whole::new(BufReader::new(file));
        // The headers once more: the digests are those of the whole file.
        Package::read(&mut whole, name)?;
        unpack(&one.package, files, &mut whole, set, builder, name)?;
        let digests = whole.finish();
        if digests[0] != one.locked.sha256.hex() {
            return Err(Error::refused(format!(
                "{name}: it was changed while it was read; try again"
            )));
        }
        installed.push(Installed::new(&one.package, &digests, now));
    }
    builder.component(None);
    add_database(&installed, &folders, &aliases, builder)
}

fn add_database(
    installed: &[Installed<'_>],
    folders: &BTreeSet<Vec<u8>>,
    aliases: &Aliases,
    builder: &mut Builder,
) -> Result<()> {
    let database = database::write(installed).map_err(|e| Error::wrong(e.to_string()))?;
    let origin = "the database of packages";
    let old = folders.contains(OLD_DATABASE) && !folders.contains(DATABASE);
    let folder = if old { OLD_DATABASE } else { DATABASE };
    let path = [folder, b"/", DATABASE_FILE].concat();
    builder.item(&path, Item::Bytes(database), &Wish::default(), origin)?;
    // Scanners look in the old place too, and so does every rpm that was built for it.
    if !folders.contains(OLD_DATABASE) && !aliases.has(OLD_DATABASE) {
        let target = b"../../usr/lib/sysimage/rpm".to_vec();
        builder.item(
            OLD_DATABASE,
            Item::Symlink(target),
            &Wish::default(),
            origin,
        )?;
    }
    Ok(())
}

/// The lock names a package by its digest, and the package itself by its header: both must mean one.
pub(super) fn is_the_one(locked: &LockedPackage, package: &Package) -> Result<()> {
    let (name, version) = (package.name(), package.evr().to_string());
    let architecture = package.architecture();
    if name == locked.name && version == locked.version && architecture == locked.architecture {
        return Ok(());
    }
    Err(Error::refused(format!(
        "{}: it is {name} {version} for {architecture}, and {} {} for {} was expected",
        locked.path, locked.name, locked.version, locked.architecture
    )))
}

/// Read the files with accounts that a package brings.
fn account_files(
    package: &Package,
    payload: impl Read,
    name: &str,
    texts: &mut BTreeMap<Vec<u8>, Vec<u8>>,
) -> Result<()> {
    let files = files::list_of(package, name)?;
    let wanted = |listed: &File<'_>| {
        let is_one = ACCOUNT_FILES.contains(&&listed.path()[..]);
        listed.kind == Kind::Regular && !listed.is_ghost && is_one
    };
    if !files.iter().any(wanted) {
        return Ok(());
    }
    contents::walk(package, &files, payload, name, |at, content| {
        let (true, Content::Bytes(content)) = (wanted(&files[at]), content) else {
            return Ok(());
        };
        let mut text = Vec::new();
        let read = content.take(LARGEST_ACCOUNTS).read_to_end(&mut text);
        read.map_err(|e| unreadable(name, "its files cannot be unpacked", e))?;
        texts.insert(files[at].path(), text);
        Ok(())
    })
}

/// The accounts of the files and those that packages declare.
fn accounts(read: &[Source<'_>], texts: &BTreeMap<Vec<u8>, Vec<u8>>) -> Accounts {
    let mut accounts = Accounts::new(texts);
    for one in read {
        let header = &one.package.header;
        let provided = header.texts(tags::PROVIDENAME);
        for (name, version) in provided.zip(header.texts(tags::PROVIDEVERSION)) {
            let kinds: [&[u8]; 3] = [b"user(", b"group(", b"groupmember("];
            if kinds.iter().any(|kind| name.starts_with(kind)) {
                accounts.declare(version);
            }
        }
    }
    accounts.settle();
    accounts
}

/// Passes on a whole package, and makes the digests of it that rpm takes down.
struct Whole<R> {
    inner: HashingReader<R>,
    sha512: Sha512,
}

impl<R: Read> Whole<R> {
    fn new(inner: R) -> Self {
        Self {
            inner: HashingReader::new(inner),
            sha512: Sha512::new(),
        }
    }

    fn finish(self) -> [String; 2] {
        let sha512 = self.sha512.finalize();
        [self.inner.finish().0.hex(), hex(&sha512)]
    }
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.sha512.update(&buffer[..n]);
        Ok(n)
    }
}
