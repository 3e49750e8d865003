//! A layer while it is put together, and when it is complete.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use verbatim_scrub::{Done, Rules, Scrub};

use crate::content::Files;
use crate::entry::{Attributes, Content, Entry, Kind, Weight, Xattrs};
use crate::error::show;
use crate::import::{self, ArchiveOptions, Input, Sink, Source, Spool};
use crate::path::{join, of_prefix, of_spec, parent};
use crate::rules::{Filter, Overrides};
use crate::tree::{self, FoundKind, Links};
use crate::{header, scrubbing, Error};

/// What the times of entries become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mtime {
    /// This one, for all.
    Set(i64),
    /// Their own where an archive has one, but none that is later than this.
    Clamp(i64),
}

impl Mtime {
    pub(crate) fn of(self, own: i64) -> i64 {
        match self {
            Self::Set(mtime) => mtime,
            Self::Clamp(limit) => own.min(limit),
        }
    }

    /// For what has no time of its own. Times of files on disk are never looked at.
    fn of_none(self) -> i64 {
        match self {
            Self::Set(mtime) | Self::Clamp(mtime) => mtime,
        }
    }
}

/// The attributes of everything that says nothing else, archives apart.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// The owner's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
    /// Permissions of files.
    pub file_mode: u32,
    /// Permissions of directories.
    pub dir_mode: u32,
    /// Times, those of archives included.
    pub mtime: Mtime,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            uid: 0,
            gid: 0,
            file_mode: 0o644,
            dir_mode: 0o755,
            mtime: Mtime::Set(0),
        }
    }
}

/// The attributes that are asked for; what is `None` is the default.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Permissions.
    pub mode: Option<u32>,
    /// The owner's number.
    pub uid: Option<u64>,
    /// The group's number.
    pub gid: Option<u64>,
    /// Seconds since 1970.
    pub mtime: Option<i64>,
    /// Extended attributes.
    pub xattrs: Xattrs,
}

/// One thing that is asked for by its path.
#[derive(Debug, Clone)]
pub enum Item {
    /// A file with the content of a file on disk.
    File(PathBuf),
    /// A file with this content.
    Bytes(Vec<u8>),
    /// An empty directory, or the attributes of one that other entries fill.
    Directory,
    /// A symlink to this target.
    Symlink(Vec<u8>),
    /// Another name for the file that has this path in the layer.
    HardLink(Vec<u8>),
}

/// A layer while it is put together.
///
/// Sources can be added in any order: the order of the layer is that of its paths, and what
/// is said twice must be the same. Every source has an `origin`, a name for messages.
#[derive(Debug)]
pub struct Builder {
    defaults: Defaults,
    scratch: PathBuf,
    threads: usize,
    entries: Vec<Entry>,
    hidden: Vec<Entry>,
    origins: Vec<String>,
    files: Files,
    spool: Option<Spool>,
    overrides: Overrides,
    create_parents: bool,
    scrub: Option<Rules>,
}

impl Builder {
    /// An empty layer. Temporary files without a name go to the folder `scratch`: best
    /// where the output goes, since there must be room for it.
    pub fn new(defaults: Defaults, scratch: impl Into<PathBuf>) -> Self {
        Self {
            defaults,
            scratch: scratch.into(),
            threads: 1,
            entries: Vec::new(),
            hidden: Vec::new(),
            origins: Vec::new(),
            files: Files::default(),
            spool: None,
            overrides: Overrides::default(),
            create_parents: false,
            scrub: None,
        }
    }

    /// Let rules for root file systems decide about all entries, by the paths that they have
    /// in the layer; [`Layer::scrubbed`] tells what they did.
    pub fn scrub(&mut self, rules: Rules) {
        self.scrub = Some(rules);
    }

    /// How many threads may list directories.
    pub fn threads(&mut self, threads: usize) {
        self.threads = threads.max(1);
    }

    /// Set attributes by path, after everything else.
    pub fn overrides(&mut self, overrides: Overrides) {
        self.overrides = overrides;
    }

    /// Add the directories above entries where they are missing.
    ///
    /// Off unless asked: an entry for `bin` would replace a base's symlink of that name.
    pub fn create_parents(&mut self, yes: bool) {
        self.create_parents = yes;
    }

    fn origin(&mut self, origin: &str) -> u32 {
        if self.origins.last().is_none_or(|last| last != origin) {
            self.origins.push(origin.to_owned());
        }
        (self.origins.len() - 1) as u32
    }

    fn attributes(&self, wish: &Wish, mode: u32) -> Attributes {
        Attributes {
            mode: wish.mode.unwrap_or(mode),
            uid: wish.uid.unwrap_or(self.defaults.uid),
            gid: wish.gid.unwrap_or(self.defaults.gid),
            mtime: wish.mtime.unwrap_or(self.defaults.mtime.of_none()),
            xattrs: (!wish.xattrs.is_empty()).then(|| Box::new(wish.xattrs.clone())),
        }
    }

    /// Add one thing at `path`.
    pub fn item(
        &mut self,
        path: &[u8],
        item: Item,
        wish: &Wish,
        origin: &str,
    ) -> Result<(), Error> {
        let path = of_spec(path, origin)?;
        let (kind, mode) = match item {
            Item::File(source) => (self.file_on_disk(source)?, self.defaults.file_mode),
            Item::Bytes(bytes) => (
                Kind::File {
                    size: bytes.len() as u64,
                    content: Content::Bytes(bytes.into()),
                },
                self.defaults.file_mode,
            ),
            Item::Directory => (Kind::Directory, self.defaults.dir_mode),
            Item::Symlink(target) => (Kind::Symlink(target.into()), 0o777),
            Item::HardLink(target) => (Kind::Link(of_spec(&target, origin)?.into()), 0),
        };
        let entry = Entry {
            path: path.into(),
            kind,
            attributes: self.attributes(wish, mode),
            origin: self.origin(origin),
            weight: Weight::Asked,
        };
        self.entries.push(entry);
        Ok(())
    }

    fn file_on_disk(&self, source: PathBuf) -> Result<Kind, Error> {
        let metadata = fs::metadata(&source).map_err(|e| Error::Read {
            path: source.clone(),
            source: e,
        })?;
        if !metadata.is_file() {
            return Err(Error::Unsupported {
                path: source.display().to_string(),
                origin: "the command line".to_owned(),
                what: if metadata.is_dir() {
                    "a directory where a file is needed"
                } else {
                    "a device, a pipe or a socket"
                },
                fix: "name a regular file",
            });
        }
        Ok(Kind::File {
            size: metadata.len(),
            content: Content::File(source.into()),
        })
    }

    /// Add all that is below the directory `source`, below `path` (which may be the root).
    ///
    /// With `executable` files that their owner may execute become 0755; the permissions
    /// on disk are not looked at otherwise.
    pub fn tree(
        &mut self,
        path: &[u8],
        source: &Path,
        executable: bool,
        links: Links,
        wish: &Wish,
        origin: &str,
    ) -> Result<(), Error> {
        let prefix = of_prefix(path, origin)?;
        let origin_number = self.origin(origin);
        let metadata = fs::metadata(source).map_err(|e| Error::Read {
            path: source.to_owned(),
            source: e,
        })?;
        if !metadata.is_dir() {
            return Err(Error::Unsupported {
                path: source.display().to_string(),
                origin: origin.to_owned(),
                what: "a file where a directory is needed",
                fix: "name a directory, or add it as a file",
            });
        }
        if !wish.xattrs.is_empty() {
            return Err(Error::Invalid(format!(
                "extended attributes are set on the tree {} from {origin}, which has many files; set them by path with --set-xattr",
                source.display()
            )));
        }
        let lists = tree::walk(source, links, self.threads)?;
        let root = self.files.add_root(source.to_owned());
        let skip = if prefix.is_empty() {
            0
        } else {
            prefix.len() + 1
        } as u32;
        let directory = self.attributes(
            &Wish {
                mode: None,
                ..wish.clone()
            },
            self.defaults.dir_mode,
        );
        let file = self.attributes(wish, self.defaults.file_mode);
        let count: usize = lists.iter().map(Vec::len).sum();
        self.entries.reserve_exact(count + 1);
        if !prefix.is_empty() {
            self.entries.push(Entry {
                path: prefix.clone().into(),
                kind: Kind::Directory,
                attributes: directory.clone(),
                origin: origin_number,
                weight: Weight::Implied,
            });
        }
        for found in lists.into_iter().flatten() {
            let (kind, attributes, weight) = match found.kind {
                FoundKind::Directory => (Kind::Directory, directory.clone(), Weight::Implied),
                FoundKind::Symlink(target) => {
                    (Kind::Symlink(target.into()), file.clone(), Weight::Asked)
                }
                FoundKind::File {
                    size,
                    executable: may,
                } => {
                    let mut attributes = file.clone();
                    if executable && may && wish.mode.is_none() {
                        attributes.mode |= 0o111;
                    }
                    let content = Content::Below { root, skip };
                    (Kind::File { size, content }, attributes, Weight::Asked)
                }
            };
            self.entries.push(Entry {
                path: join(&prefix, &found.path).into(),
                kind,
                attributes,
                origin: origin_number,
                weight,
            });
        }
        Ok(())
    }

    /// Add a directory's contents or a file, as people name them on the command line: the
    /// executable bit is kept, symlinks stay as they are.
    pub fn disk(&mut self, path: &[u8], source: &Path, origin: &str) -> Result<(), Error> {
        let metadata = fs::metadata(source).map_err(|e| Error::Read {
            path: source.to_owned(),
            source: e,
        })?;
        let mut wish = Wish::default();
        if metadata.is_dir() {
            return self.tree(path, source, true, Links::Keep, &wish, origin);
        }
        if metadata.mode() & 0o100 != 0 {
            wish.mode = Some(self.defaults.file_mode | 0o111);
        }
        self.item(path, Item::File(source.to_owned()), &wish, origin)
    }

    /// Add the entries of a tar archive below `path`, or at the root as the filter in `options` says.
    ///
    /// One filter may serve several archives; [`Filter::check_used`] tells afterwards
    /// whether all of it was of use.
    pub fn archive(
        &mut self,
        path: &[u8],
        source: &Path,
        options: &ArchiveOptions,
        origin: &str,
    ) -> Result<(), Error> {
        let prefix = of_prefix(path, origin)?;
        let mut source = Source::open(source)?;
        let below;
        let options = if prefix.is_empty() {
            options
        } else {
            below = ArchiveOptions {
                filter: Filter::below(prefix),
                ..options.clone()
            };
            &below
        };
        // Each archive is an origin of its own: within one, later entries replace earlier ones.
        self.origins.push(origin.to_owned());
        let spool_number = self.files.spool_number();
        let file_number = match &source.input {
            Input::Seekable(file) => {
                let file = file.try_clone().map_err(|e| Error::Read {
                    path: source.path.clone(),
                    source: e,
                })?;
                self.files.add_archive(file, source.path.clone())
            }
            Input::Stream(_) => spool_number,
        };
        let mut sink = Sink {
            entries: &mut self.entries,
            hidden: &mut self.hidden,
            spool: &mut self.spool,
            spool_number,
            file_number,
            scratch: &self.scratch,
            origin: (self.origins.len() - 1) as u32,
            origin_name: origin,
            mtime: self.defaults.mtime,
        };
        import::read(&mut source, options, &mut sink)
    }

    /// Sort, merge and check everything.
    pub fn finish(mut self) -> Result<Layer, Error> {
        if let Some(spool) = &self.spool {
            self.files.set_spool(spool.reader()?);
        }
        self.sort();
        self.merge()?;
        self.drop_lone_parents();
        self.check_parents()?;
        self.link()?;
        self.apply_overrides()?;
        let scrubbed = match self.scrub.take() {
            Some(rules) => scrubbing::apply(&mut self.entries, &self.files, Scrub::new(rules))?,
            None => Vec::new(),
        };
        for entry in &self.entries {
            header::check(entry, &self.origins[entry.origin as usize])?;
        }
        self.entries.shrink_to_fit();
        Ok(Layer {
            entries: self.entries,
            files: self.files,
            scrubbed,
        })
    }

    /// By path; entries of one path stay in the order in which they were added.
    fn sort(&mut self) {
        // Positions are sorted, and then every entry is moved to its place: a stable sort of
        // the entries themselves would take half of their memory once more.
        let mut order: Vec<u32> = (0..self.entries.len() as u32).collect();
        order.sort_unstable_by(|&a, &b| {
            let path = |at: u32| &self.entries[at as usize].path;
            path(a).cmp(path(b)).then(a.cmp(&b))
        });
        for first in 0..order.len() {
            let mut at = first;
            loop {
                let from = std::mem::replace(&mut order[at], at as u32) as usize;
                if from == first {
                    break;
                }
                self.entries.swap(at, from);
                at = from;
            }
        }
    }

    /// One entry for each path.
    ///
    /// What each archive says is settled first, so that its earlier entries, which no longer count,
    /// cannot contradict another source: or the order of the sources would show.
    fn merge(&mut self) -> Result<(), Error> {
        let mut entries = std::mem::take(&mut self.entries);
        entries.dedup_by(|second, first| {
            let of_one_archive = second.origin == first.origin
                && matches!(second.weight, Weight::Archived | Weight::Parent);
            if !of_one_archive || first.path != second.path {
                return false;
            }
            // GNU tar that is told to store a file twice writes a link to itself the second time.
            if !matches!(&second.kind, Kind::Link(target) if *target == second.path) {
                std::mem::swap(first, second);
            }
            true
        });
        let mut merged = Ok(());
        entries.dedup_by(|second, first| {
            if merged.is_err() || first.path != second.path {
                return false;
            }
            match self.replaces(first, second) {
                Ok(true) => std::mem::swap(first, second),
                Ok(false) => {}
                Err(error) => merged = Err(error),
            }
            true
        });
        self.entries = entries;
        merged
    }

    /// Of two entries of different sources for one path, whether the second one replaces the first.
    fn replaces(&self, first: &Entry, second: &Entry) -> Result<bool, Error> {
        if matches!(first.kind, Kind::Directory) && matches!(second.kind, Kind::Directory) {
            if second.weight == Weight::Implied {
                return Ok(false);
            }
            if first.weight == Weight::Implied {
                return Ok(true);
            }
        }
        let conflict = |difference: String| Error::Conflict {
            path: show(&first.path),
            first: self.origins[first.origin as usize].clone(),
            second: self.origins[second.origin as usize].clone(),
            difference,
        };
        let same_kind = match (&first.kind, &second.kind) {
            (
                Kind::File {
                    size: a,
                    content: x,
                },
                Kind::File {
                    size: b,
                    content: y,
                },
            ) => {
                if a != b {
                    return Err(conflict(format!("{a} and {b} bytes")));
                }
                let path = &first.path;
                if !self.files.equal(path, x, &second.path, y, *a)? {
                    return Err(conflict("the bytes differ".to_owned()));
                }
                true
            }
            (Kind::Symlink(a), Kind::Symlink(b)) => {
                if a != b {
                    return Err(conflict(format!("symlinks to {} and {}", show(a), show(b))));
                }
                true
            }
            (Kind::Link(a), Kind::Link(b)) => {
                if a != b {
                    return Err(conflict(format!(
                        "hard links to {} and {}",
                        show(a),
                        show(b)
                    )));
                }
                true
            }
            (Kind::CharDevice { major: a, minor: x }, Kind::CharDevice { major: b, minor: y })
            | (
                Kind::BlockDevice { major: a, minor: x },
                Kind::BlockDevice { major: b, minor: y },
            ) => (a, x) == (b, y),
            (Kind::Directory, Kind::Directory) | (Kind::Fifo, Kind::Fifo) => true,
            _ => false,
        };
        if !same_kind {
            return Err(conflict(match (first.kind.name(), second.kind.name()) {
                ("hard link", "hard link") => {
                    "hard links, at least one of them to a file that was left out".to_owned()
                }
                (a, b) if a == b => "the device numbers differ".to_owned(),
                (a, b) => format!("a {a} and a {b}"),
            }));
        }
        if let Some(difference) = differing(&first.attributes, &second.attributes) {
            return Err(conflict(difference));
        }
        Ok(first.weight == Weight::Parent)
    }

    /// Directories that came along only as parents go if nothing below them is left.
    fn drop_lone_parents(&mut self) {
        if self.entries.iter().all(|e| e.weight != Weight::Parent) {
            return;
        }
        // From the end: what lies below a directory is decided before it.
        let entries = &self.entries;
        let mut kept: Vec<usize> = Vec::new();
        for (at, entry) in entries.iter().enumerate().rev() {
            if entry.weight == Weight::Parent {
                let inside = join(&entry.path, b" ");
                let inside = &inside[..inside.len() - 1];
                // `kept` is in falling order: the last that is not smaller than `inside`.
                let after = kept.partition_point(|&at| &entries[at].path[..] >= inside);
                let filled = after
                    .checked_sub(1)
                    .is_some_and(|last| entries[kept[last]].path.starts_with(inside));
                if !filled {
                    continue;
                }
            }
            kept.push(at);
        }
        let mut kept = kept.into_iter().rev().peekable();
        let mut at = 0..;
        self.entries
            .retain(|_| at.next().is_some_and(|at| kept.next_if_eq(&at).is_some()));
    }

    fn find(&self, path: &[u8]) -> Option<usize> {
        self.entries.binary_search_by(|e| e.path[..].cmp(path)).ok()
    }

    /// Whatever has something below it must be a directory.
    fn check_parents(&mut self) -> Result<(), Error> {
        let mut missing: BTreeSet<Box<[u8]>> = BTreeSet::new();
        let mut missing_origin = HashMap::new();
        let mut last: &[u8] = b"";
        for entry in &self.entries {
            let mut at = parent(&entry.path);
            // Neighbours mostly share their directory.
            if at.unwrap_or_default() == last {
                continue;
            }
            last = at.unwrap_or_default();
            while let Some(path) = at {
                match self.find(path) {
                    Some(above) => {
                        let above = &self.entries[above];
                        if !matches!(above.kind, Kind::Directory) {
                            return Err(Error::Below {
                                path: show(&entry.path),
                                origin: self.origins[entry.origin as usize].clone(),
                                parent: show(&above.path),
                                kind: above.kind.name(),
                                parent_origin: self.origins[above.origin as usize].clone(),
                            });
                        }
                    }
                    None => {
                        if self.create_parents && missing.insert(path.into()) {
                            missing_origin.insert(Box::<[u8]>::from(path), entry.origin);
                        }
                    }
                }
                at = parent(path);
            }
        }
        if !missing.is_empty() {
            let attributes = Attributes {
                mode: 0o755,
                mtime: self.defaults.mtime.of_none(),
                ..Attributes::default()
            };
            self.entries.extend(missing.into_iter().map(|path| Entry {
                origin: missing_origin[&path],
                path,
                kind: Kind::Directory,
                attributes: attributes.clone(),
                weight: Weight::Implied,
            }));
            self.sort();
        }
        Ok(())
    }

    /// Look up the targets of hard links. The first name of a file in order gets its content.
    fn link(&mut self) -> Result<(), Error> {
        /// A file in the layer, or one that was left out.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        enum Target {
            Shown(usize),
            Hidden(usize),
        }
        self.hidden
            .sort_by(|a, b| (a.origin, &a.path).cmp(&(b.origin, &b.path)));
        let mut groups: HashMap<Target, Vec<usize>> = HashMap::new();
        for at in 0..self.entries.len() {
            let start = &self.entries[at];
            let problem = |target: &[u8], problem| Error::HardLink {
                path: show(&start.path),
                origin: self.origins[start.origin as usize].clone(),
                target: show(target),
                problem,
            };
            let mut current = start;
            let mut steps = 0;
            let target = loop {
                let found = match &current.kind {
                    Kind::Link(target) => self
                        .find(target)
                        .ok_or_else(|| {
                            problem(
                                target,
                                "which is not in the layer; add it or remove the link",
                            )
                        })
                        .map(Target::Shown)?,
                    Kind::LinkToHidden(target) => {
                        let key = (current.origin, &target[..]);
                        // The last of several with one name, as everywhere within an archive.
                        let after = self
                            .hidden
                            .partition_point(|e| (e.origin, &e.path[..]) <= key);
                        match after.checked_sub(1) {
                            Some(found)
                                if (self.hidden[found].origin, &self.hidden[found].path[..])
                                    == key =>
                            {
                                Target::Hidden(found)
                            }
                            _ => return Err(problem(
                                target,
                                "which is not a file of the archive; it is broken or was cut short",
                            )),
                        }
                    }
                    _ => break None,
                };
                let next = match found {
                    Target::Shown(found) => &self.entries[found],
                    Target::Hidden(found) => &self.hidden[found],
                };
                match next.kind {
                    Kind::Link(_) | Kind::LinkToHidden(_) => {}
                    Kind::Directory => {
                        return Err(problem(
                            &next.path,
                            "which is a directory; only files can have several names",
                        ))
                    }
                    _ => break Some(found),
                }
                steps += 1;
                if steps > 100 {
                    return Err(problem(
                        &next.path,
                        "and the links go round in a circle; one of them must be a file",
                    ));
                }
                current = next;
            };
            if let Some(target) = target {
                groups.entry(target).or_default().push(at);
            }
        }

        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort();
        for (target, links) in groups {
            let (original, mut names) = match target {
                Target::Shown(at) => (&self.entries[at], vec![at]),
                Target::Hidden(at) => (&self.hidden[at], vec![]),
            };
            let mut kind = original.kind.clone();
            if let Kind::File { content, .. } = &mut kind {
                // The content may now belong to another path than the one that says where it is.
                *content = self.files.anchored(&original.path, content);
            }
            let attributes = original.attributes.clone();
            names.extend(links);
            names.sort_unstable();
            for &name in &names {
                let entry = &mut self.entries[name];
                // A second name of a symlink or a device is one more of them.
                entry.kind = if name == names[0] || !matches!(kind, Kind::File { .. }) {
                    kind.clone()
                } else {
                    Kind::HardLink(names[0] as u32)
                };
                entry.attributes = attributes.clone();
            }
        }
        Ok(())
    }

    /// All names of a file share its attributes: a rule that matches one of them changes the file.
    fn apply_overrides(&mut self) -> Result<(), Error> {
        if self.overrides.is_empty() {
            return Ok(());
        }
        let overrides = std::mem::take(&mut self.overrides);
        for at in 0..self.entries.len() {
            let target = match self.entries[at].kind {
                Kind::HardLink(first) => first as usize,
                _ => at,
            };
            for set in overrides.of(&self.entries[at].path) {
                set.apply(&mut self.entries[target].attributes);
            }
        }
        overrides.check_used()
    }
}

/// In what attributes differ, if they do.
fn differing(a: &Attributes, b: &Attributes) -> Option<String> {
    if a.mode != b.mode {
        return Some(format!("modes {:04o} and {:04o}", a.mode, b.mode));
    }
    if (a.uid, a.gid) != (b.uid, b.gid) {
        return Some(format!(
            "owners {}:{} and {}:{}",
            a.uid, a.gid, b.uid, b.gid
        ));
    }
    if a.mtime != b.mtime {
        return Some(format!("times {} and {}", a.mtime, b.mtime));
    }
    (a.xattrs != b.xattrs).then(|| "the extended attributes differ".to_owned())
}

/// A layer that is complete: sorted, every path once, every parent a directory.
#[derive(Debug)]
pub struct Layer {
    pub(crate) entries: Vec<Entry>,
    pub(crate) files: Files,
    scrubbed: Vec<Done>,
}

impl Layer {
    /// What the rules for root file systems did, in the order of the paths.
    pub fn scrubbed(&self) -> &[Done] {
        &self.scrubbed
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
