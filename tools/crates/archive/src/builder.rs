//! Entries of a layer while they are collected, from whatever source.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use verbatim_foreign::printable_path;
use verbatim_scrub::Rules;

use crate::content::Files;
use crate::contents::{Contents, Origin};
use crate::entry::{Attributes, Content, Entry, Kind, Weight, Xattrs};
use crate::import::{self, ArchiveOptions, Input, Sink, Source, Spool};
use crate::keeper::{Keeper, Kept};
use crate::layer::Layer;
use crate::path::{join, of_prefix, of_spec};
use crate::rules::{Filter, Overrides};
use crate::settle::{self, Collected};
use crate::tree::{self, FoundKind, Links};
use crate::{whiteout, Error};

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
    /// A file with a content that a [`Keeper`] of this builder keeps.
    Kept(Kept),
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
    outputs: Vec<PathBuf>,
    threads: usize,
    entries: Vec<Entry>,
    hidden: Vec<Entry>,
    origins: Vec<Origin>,
    component: Option<Arc<str>>,
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
            outputs: Vec::new(),
            threads: 1,
            entries: Vec::new(),
            hidden: Vec::new(),
            origins: Vec::new(),
            component: None,
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

    /// Name the files that will be written, by paths without symlinks. A tree that holds one of
    /// them is refused: the next time it would hold more, and give another layer.
    pub fn outputs(&mut self, outputs: Vec<PathBuf>) {
        self.outputs = outputs;
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

    /// What is added from now on belongs to this component, a package for example: whoever
    /// makes several layers of the contents keeps together what belongs together.
    pub fn component(&mut self, name: Option<&str>) {
        self.component = name.map(Arc::from);
    }

    /// A place for contents that come as streams, until they are added as [`Item::Kept`].
    pub fn keeper(&mut self) -> Result<Keeper, Error> {
        let (keeper, file) = Keeper::create(&self.scratch, self.files.next_number())?;
        self.files
            .add_archive(file, "the temporary file beside the output".into());
        Ok(keeper)
    }

    fn origin(&mut self, name: &str) -> u32 {
        let same = |last: &Origin| last.name == name && last.component == self.component;
        if !self.origins.last().is_some_and(same) {
            self.new_origin(name);
        }
        (self.origins.len() - 1) as u32
    }

    fn new_origin(&mut self, name: &str) {
        self.origins.push(Origin {
            name: name.to_owned(),
            component: self.component.clone(),
        });
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
            Item::Kept(kept) => (
                Kind::File {
                    size: kept.size(),
                    content: kept.content(),
                },
                self.defaults.file_mode,
            ),
            Item::Directory => (Kind::Directory, self.defaults.dir_mode),
            Item::Symlink(target) => (Kind::Symlink(target.into()), 0o777),
            Item::HardLink(target) => (Kind::Link(of_spec(&target, origin)?.into()), 0),
        };
        let entry = Entry {
            kind: whiteout::kind_at(&path, kind, origin)?,
            path: path.into(),
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
                path: printable_path(&source).into_owned(),
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
                path: printable_path(source).into_owned(),
                origin: origin.to_owned(),
                what: "a file where a directory is needed",
                fix: "name a directory, or add it as a file",
            });
        }
        if !wish.xattrs.is_empty() {
            return Err(Error::Invalid(format!(
                "extended attributes are set on the tree {} from {origin}, which has many files; set them by path with --set-xattr",
                printable_path(source)
            )));
        }
        if let Some(output) = self.output_below(source) {
            return Err(Error::Invalid(format!(
                "the output {} lies in the directory {} from {origin}, and would be part of the layer the next time; write it to another place",
                printable_path(output),
                printable_path(source)
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
            let path = join(&prefix, &found.path);
            self.entries.push(Entry {
                kind: whiteout::kind_at(&path, kind, origin)?,
                path: path.into(),
                attributes,
                origin: origin_number,
                weight,
            });
        }
        Ok(())
    }

    fn output_below(&self, source: &Path) -> Option<&PathBuf> {
        if self.outputs.is_empty() {
            return None;
        }
        let source = source.canonicalize().ok()?;
        self.outputs
            .iter()
            .find(|output| output.starts_with(&source))
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
        self.new_origin(origin);
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
    pub fn contents(mut self) -> Result<Contents, Error> {
        if let Some(spool) = &self.spool {
            self.files.set_spool(spool.reader()?);
        }
        settle::settle(
            Collected {
                entries: self.entries,
                hidden: self.hidden,
                origins: self.origins,
                files: self.files,
            },
            settle::Wanted {
                overrides: self.overrides,
                parents: self.create_parents.then(|| self.defaults.mtime.of_none()),
                scrub: self.scrub,
            },
        )
    }

    /// The same, with everything in one layer.
    pub fn finish(self) -> Result<Layer, Error> {
        Ok(Layer::of_all(Arc::new(self.contents()?)))
    }
}
