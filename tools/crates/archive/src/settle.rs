//! From collected entries to contents: sorted, every path once, every parent a directory.

use std::collections::{BTreeSet, HashMap};

use verbatim_foreign::printable_bytes;
use verbatim_scrub::{Rules, Scrub};

use crate::content::Files;
use crate::contents::{Contents, Origin};
use crate::entry::{Attributes, Entry, Kind, Weight};
use crate::path::{join, parent};
use crate::rules::Overrides;
use crate::{header, links, scrubbing, Error};

/// All that the sources said.
pub(crate) struct Collected {
    pub(crate) entries: Vec<Entry>,
    /// Files that a filter left out: hard links may still point to them.
    pub(crate) hidden: Vec<Entry>,
    pub(crate) origins: Vec<Origin>,
    pub(crate) files: Files,
}

/// What is to be done to it.
pub(crate) struct Wanted {
    pub(crate) overrides: Overrides,
    /// Add missing parents, with this time.
    pub(crate) parents: Option<i64>,
    pub(crate) scrub: Option<Rules>,
}

/// Sort, merge and check everything.
pub(crate) fn settle(mut collected: Collected, wanted: Wanted) -> Result<Contents, Error> {
    collected.sort();
    collected.merge()?;
    collected.drop_lone_parents();
    collected.check_parents(wanted.parents)?;
    links::look_up(&mut collected)?;
    collected.override_with(wanted.overrides)?;
    let Collected {
        mut entries,
        origins,
        files,
        ..
    } = collected;
    let scrubbed = match wanted.scrub {
        Some(rules) => scrubbing::apply(&mut entries, &files, Scrub::new(rules))?,
        None => Vec::new(),
    };
    for entry in &entries {
        header::check(entry, &origins[entry.origin as usize].name)?;
    }
    entries.shrink_to_fit();
    Ok(Contents {
        entries,
        files,
        origins,
        scrubbed,
    })
}

impl Collected {
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
            path: printable_bytes(&first.path).into_owned(),
            first: self.origin_of(first),
            second: self.origin_of(second),
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
                    return Err(conflict(format!(
                        "symlinks to {} and {}",
                        printable_bytes(a),
                        printable_bytes(b)
                    )));
                }
                true
            }
            (Kind::Link(a), Kind::Link(b)) => {
                if a != b {
                    return Err(conflict(format!(
                        "hard links to {} and {}",
                        printable_bytes(a),
                        printable_bytes(b)
                    )));
                }
                true
            }
            (Kind::CharDevice { major: a, minor: x }, Kind::CharDevice { major: b, minor: y })
            | (
                Kind::BlockDevice { major: a, minor: x },
                Kind::BlockDevice { major: b, minor: y },
            ) => (a, x) == (b, y),
            // Whoever removes a file has nothing to say about it. One of them must stay, and
            // which one must not depend on the order of the sources.
            (Kind::Whiteout, Kind::Whiteout) => {
                let rank = |e: &Entry| (e.attributes.uid, e.attributes.gid, e.attributes.mtime);
                return Ok(rank(second) < rank(first));
            }
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

    pub(crate) fn origin_of(&self, entry: &Entry) -> String {
        self.origins[entry.origin as usize].name.clone()
    }

    pub(crate) fn find(&self, path: &[u8]) -> Option<usize> {
        self.entries.binary_search_by(|e| e.path[..].cmp(path)).ok()
    }

    /// Whatever has something below it must be a directory.
    fn check_parents(&mut self, create: Option<i64>) -> Result<(), Error> {
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
                                path: printable_bytes(&entry.path).into_owned(),
                                origin: self.origin_of(entry),
                                parent: printable_bytes(&above.path).into_owned(),
                                kind: above.kind.name(),
                                parent_origin: self.origin_of(above),
                            });
                        }
                    }
                    None => {
                        if create.is_some() && missing.insert(path.into()) {
                            missing_origin.insert(Box::<[u8]>::from(path), entry.origin);
                        }
                    }
                }
                at = parent(path);
            }
        }
        if let (Some(mtime), false) = (create, missing.is_empty()) {
            let attributes = Attributes {
                mode: 0o755,
                mtime,
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

    /// All names of a file share its attributes: a rule that matches one of them changes the file.
    fn override_with(&mut self, overrides: Overrides) -> Result<(), Error> {
        if overrides.is_empty() {
            return Ok(());
        }
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
