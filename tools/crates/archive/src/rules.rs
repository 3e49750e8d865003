//! What changes on the way from a source into the layer: which entries, under which names, with which attributes.

use std::cell::Cell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use globset::{GlobBuilder, GlobMatcher};
use verbatim_foreign::printable_bytes;

use crate::entry::Attributes;
use crate::path::{below, join, of_prefix, of_spec, parent};
use crate::Error;

/// A glob over paths in the layer: `*` and `?` stay within one part, `**` crosses them.
///
/// A slash in front may be written or left out.
#[derive(Debug, Clone)]
pub struct Glob {
    text: String,
    matcher: GlobMatcher,
}

impl Glob {
    /// Read a glob; `flag` is named in the message if it is none.
    pub fn new(text: &str, flag: &str) -> Result<Self, Error> {
        let pattern = text
            .trim_start_matches("./")
            .trim_start_matches('/')
            .trim_end_matches('/');
        let glob = GlobBuilder::new(pattern)
            .literal_separator(true)
            .backslash_escape(true)
            .build()
            .map_err(|e| {
                Error::Invalid(format!(
                    "{flag}: `{text}` is not a glob ({}); quote special characters with a backslash",
                    e.kind()
                ))
            })?;
        if pattern.is_empty() {
            return Err(Error::Invalid(format!(
                "{flag}: the glob `{text}` can match nothing; name a path inside the layer"
            )));
        }
        Ok(Self {
            text: text.to_owned(),
            matcher: glob.compile_matcher(),
        })
    }

    pub(crate) fn matches(&self, path: &[u8]) -> bool {
        self.matcher.is_match(OsStr::from_bytes(path))
    }

    /// Whether it matches the path or a directory above it.
    pub fn covers(&self, path: &[u8]) -> bool {
        let mut at = Some(path);
        while let Some(path) = at {
            if self.matches(path) {
                return true;
            }
            at = parent(path);
        }
        false
    }
}

/// Which entries of an archive come into the layer, and under which names.
///
/// In this order: `include` and `exclude` look at the path in the archive, then parts are
/// stripped, then paths are renamed, then the prefix is put in front.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    include: Vec<(Glob, Cell<bool>)>,
    exclude: Vec<Glob>,
    strip_components: usize,
    strip_prefix: Option<(Vec<u8>, Cell<bool>)>,
    rename: Vec<(Vec<u8>, Vec<u8>, Cell<bool>)>,
    prefix: Vec<u8>,
}

/// What a [`Filter`] makes of a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It comes into the layer under this name.
    Keep(Vec<u8>),
    /// It comes only if something below it does.
    KeepAsParent(Vec<u8>),
    /// It is left out.
    Drop,
}

impl Filter {
    /// Keep only what this matches, with all below it and the directories above it.
    pub fn include(&mut self, glob: Glob) {
        self.include.push((glob, Cell::new(false)));
    }

    /// Leave out what this matches, with all below it.
    pub fn exclude(&mut self, glob: Glob) {
        self.exclude.push(glob);
    }

    /// Drop this many parts from the front of every path; shorter paths are left out.
    pub fn strip_components(&mut self, count: usize) {
        self.strip_components = count;
    }

    /// Drop this path from the front of the paths below it; other paths stay.
    pub fn strip_prefix(&mut self, path: &str) -> Result<(), Error> {
        let path = of_spec(path.as_bytes(), "--strip-prefix")?;
        self.strip_prefix = Some((path, Cell::new(false)));
        Ok(())
    }

    /// Give the path `from`, and with it all below it, the name `to`.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), Error> {
        let from = of_spec(from.as_bytes(), "--rename")?;
        let to = of_prefix(to.as_bytes(), "--rename")?;
        self.rename.push((from, to, Cell::new(false)));
        Ok(())
    }

    /// Put this path in front of all others.
    pub fn prefix(&mut self, path: &str) -> Result<(), Error> {
        self.prefix = of_prefix(path.as_bytes(), "--prefix")?;
        Ok(())
    }

    /// The same filter for a source whose paths go below `prefix`.
    pub(crate) fn below(prefix: Vec<u8>) -> Self {
        Self {
            prefix,
            ..Self::default()
        }
    }

    pub(crate) fn apply(&self, path: &[u8]) -> Fate {
        if self.exclude.iter().any(|glob| glob.covers(path)) {
            return Fate::Drop;
        }
        let mut included = self.include.is_empty();
        for (glob, used) in &self.include {
            if glob.covers(path) {
                used.set(true);
                included = true;
            }
        }
        match (self.name(path), included) {
            (None, _) => Fate::Drop,
            (Some(name), true) => Fate::Keep(name),
            (Some(name), false) => Fate::KeepAsParent(name),
        }
    }

    /// The name in the layer of what has this path in the archive, whether it comes in or not;
    /// `None` if nothing is left of it.
    pub(crate) fn name(&self, path: &[u8]) -> Option<Vec<u8>> {
        let mut path = path;
        for _ in 0..self.strip_components {
            let at = path.iter().position(|&b| b == b'/')?;
            path = &path[at + 1..];
        }
        if let Some((prefix, used)) = &self.strip_prefix {
            match below(path, prefix) {
                Some([]) => {
                    used.set(true);
                    return None;
                }
                Some(rest) => {
                    used.set(true);
                    path = rest;
                }
                // A directory that only leads to the prefix.
                None if below(prefix, path).is_some() => return None,
                None => {}
            }
        }
        let mut renamed = None;
        for (from, to, used) in &self.rename {
            if let Some(rest) = below(path, from) {
                used.set(true);
                renamed = Some(join(to, rest));
                break;
            }
        }
        let path = join(&self.prefix, renamed.as_deref().unwrap_or(path));
        (!path.is_empty()).then_some(path)
    }

    /// Every rule but `exclude` must have met something: one that did not is a mistake in writing.
    pub fn check_used(&self) -> Result<(), Error> {
        let unused = |flag: &str, text: &str| {
            Err(Error::Invalid(format!(
                "{flag}: `{text}` matches nothing in the input; correct it or leave it out"
            )))
        };
        for (glob, used) in &self.include {
            if !used.get() {
                return unused("--include", &glob.text);
            }
        }
        if let Some((prefix, used)) = &self.strip_prefix {
            if !used.get() {
                return unused("--strip-prefix", &printable_bytes(prefix));
            }
        }
        for (from, _, used) in &self.rename {
            if !used.get() {
                return unused("--rename", &printable_bytes(from));
            }
        }
        Ok(())
    }
}

/// One attribute that a rule sets.
#[derive(Debug, Clone)]
pub enum Set {
    /// The permissions.
    Mode(u32),
    /// The owner's and the group's number.
    Owner(u64, u64),
    /// The time of modification.
    Mtime(i64),
    /// An extended attribute by name.
    Xattr(Vec<u8>, Vec<u8>),
}

impl Set {
    fn flag(&self) -> &'static str {
        match self {
            Self::Mode(_) => "--set-mode",
            Self::Owner(..) => "--set-owner",
            Self::Mtime(_) => "--set-mtime",
            Self::Xattr(..) => "--set-xattr",
        }
    }

    pub(crate) fn apply(&self, attributes: &mut Attributes) {
        match self {
            Self::Mode(mode) => attributes.mode = *mode,
            Self::Owner(uid, gid) => {
                attributes.uid = *uid;
                attributes.gid = *gid;
            }
            Self::Mtime(mtime) => attributes.mtime = *mtime,
            Self::Xattr(name, value) => {
                attributes
                    .xattrs
                    .get_or_insert_default()
                    .insert(name.clone(), value.clone());
            }
        }
    }
}

/// Rules that set attributes by the final path; later ones win.
#[derive(Debug, Clone, Default)]
pub struct Overrides(Vec<(Glob, Set, Cell<bool>)>);

impl Overrides {
    /// Set this on everything that the glob matches.
    pub fn push(&mut self, glob: Glob, set: Set) {
        self.0.push((glob, set, Cell::new(false)));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is to be set on this path.
    pub(crate) fn of(&self, path: &[u8]) -> Vec<&Set> {
        let mut sets = Vec::new();
        for (glob, set, used) in &self.0 {
            if glob.matches(path) {
                used.set(true);
                sets.push(set);
            }
        }
        sets
    }

    pub(crate) fn check_used(&self) -> Result<(), Error> {
        match self.0.iter().find(|(_, _, used)| !used.get()) {
            None => Ok(()),
            Some((glob, set, _)) => Err(Error::Invalid(format!(
                "{}: the glob `{}` matches no path in the layer; correct it or leave it out",
                set.flag(),
                glob.text
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(text: &str) -> Glob {
        Glob::new(text, "--test").unwrap()
    }

    fn keep(path: &str) -> Fate {
        Fate::Keep(path.as_bytes().to_vec())
    }

    #[test]
    fn globs() {
        assert!(glob("/usr/*").matches(b"usr/bin"));
        assert!(!glob("usr/*").matches(b"usr/bin/x"));
        assert!(glob("usr/**").matches(b"usr/bin/x"));
        assert!(glob("**/x").matches(b"usr/bin/x"));
        assert!(glob("**/x").matches(b"x"));
        assert!(glob("usr/").covers(b"usr/bin/x"));
        assert!(glob("a/?").matches(b"a/\xff"));
        for bad in ["a[", "", "/"] {
            let error = Glob::new(bad, "--set-mode").unwrap_err().to_string();
            assert!(error.starts_with("--set-mode: "), "{error}");
        }
    }

    #[test]
    fn paths_go_through_all_steps_in_order() {
        let mut filter = Filter::default();
        filter.exclude(glob("a/b/tmp"));
        filter.strip_components(1);
        filter.rename("b/c", "new").unwrap();
        filter.prefix("/opt").unwrap();
        assert_eq!(filter.apply(b"a/b/c/x"), keep("opt/new/x"));
        assert_eq!(filter.apply(b"a/b/cx"), keep("opt/b/cx"));
        assert_eq!(filter.apply(b"a/b/tmp/x"), Fate::Drop);
        assert_eq!(filter.apply(b"a"), Fate::Drop);
        filter.check_used().unwrap();
    }

    #[test]
    fn a_prefix_is_stripped_where_it_is() {
        let mut filter = Filter::default();
        filter.strip_prefix("usr/local").unwrap();
        assert_eq!(filter.apply(b"usr"), Fate::Drop);
        assert_eq!(filter.apply(b"etc"), keep("etc"));
        assert!(filter
            .check_used()
            .unwrap_err()
            .to_string()
            .contains("--strip-prefix"));
        assert_eq!(filter.apply(b"usr/local"), Fate::Drop);
        assert_eq!(filter.apply(b"usr/local/bin"), keep("bin"));
        filter.check_used().unwrap();
    }

    #[test]
    fn included_paths_keep_their_parents() {
        let mut filter = Filter::default();
        filter.include(glob("usr/bin"));
        assert_eq!(filter.apply(b"usr"), Fate::KeepAsParent(b"usr".to_vec()));
        assert!(filter.check_used().is_err());
        assert_eq!(filter.apply(b"usr/bin/x"), keep("usr/bin/x"));
        filter.check_used().unwrap();
    }

    #[test]
    fn later_overrides_win_and_unused_ones_are_errors() {
        let mut overrides = Overrides::default();
        overrides.push(glob("**"), Set::Mode(0o600));
        overrides.push(glob("a/*"), Set::Mode(0o4755));
        let mut attributes = Attributes::default();
        for set in overrides.of(b"x") {
            set.apply(&mut attributes);
        }
        assert_eq!(attributes.mode, 0o600);
        let error = overrides.check_used().unwrap_err().to_string();
        assert!(
            error.contains("--set-mode") && error.contains("`a/*`"),
            "{error}"
        );
        for set in overrides.of(b"a/b") {
            set.apply(&mut attributes);
        }
        assert_eq!(attributes.mode, 0o4755);
        overrides.check_used().unwrap();
    }
}
