//! The paths that rules speak of, and what is done about them.

mod table;

use std::collections::HashMap;
use std::sync::LazyLock;

use self::table::{HOMES, PACKAGED, PATTERNS};
use crate::content::Found;
use crate::rule::{Rule, Rules};
use crate::{glob, Kind};

/// Which kinds of entries a pattern is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kinds {
    /// Files under any of their names.
    Files,
    /// All but directories.
    Leaves,
    /// Everything.
    All,
}

impl Kinds {
    pub(crate) fn include(self, kind: Kind) -> bool {
        match (self, kind) {
            (Self::All, _) | (_, Kind::File { .. } | Kind::HardLink) => true,
            (Self::Leaves, kind) => kind != Kind::Directory,
            (Self::Files, _) => false,
        }
    }
}

/// What is done about an entry that matches.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Treatment {
    /// Nothing, whatever a later pattern of the rule says.
    Keep,
    Drop,
    Empty,
    Fail {
        what: &'static str,
        fix: &'static str,
    },
    /// The content decides.
    Look {
        /// How much of it is needed.
        limit: usize,
        /// Whether a longer file is wrong.
        whole: bool,
        look: fn(&[u8], &Rules) -> Found,
    },
}

/// Paths, and what a rule does about them. The first that matches counts.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) rule: Rule,
    pub(crate) kinds: Kinds,
    pub(crate) treatment: Treatment,
    /// `~` is any of [`HOMES`].
    globs: &'static [&'static str],
}

const fn of(
    rule: Rule,
    kinds: Kinds,
    treatment: Treatment,
    globs: &'static [&'static str],
) -> Pattern {
    Pattern {
        rule,
        kinds,
        treatment,
        globs,
    }
}

const fn files(rule: Rule, globs: &'static [&'static str]) -> Pattern {
    of(rule, Kinds::Files, Treatment::Drop, globs)
}

const fn leaves(rule: Rule, globs: &'static [&'static str]) -> Pattern {
    of(rule, Kinds::Leaves, Treatment::Drop, globs)
}

const fn everything(rule: Rule, globs: &'static [&'static str]) -> Pattern {
    of(rule, Kinds::All, Treatment::Drop, globs)
}

const fn fail(
    rule: Rule,
    what: &'static str,
    fix: &'static str,
    globs: &'static [&'static str],
) -> Pattern {
    of(rule, Kinds::Files, Treatment::Fail { what, fix }, globs)
}

/// Look at the beginning of a file, or at all of it.
const fn look(
    rule: Rule,
    look: fn(&[u8], &Rules) -> Found,
    limit: usize,
    whole: bool,
    globs: &'static [&'static str],
) -> Pattern {
    let treatment = Treatment::Look { limit, whole, look };
    of(rule, Kinds::Files, treatment, globs)
}

/// The patterns by the first name of their paths: most entries lie in usr, which hardly any
/// pattern is about.
type Index = HashMap<Box<[u8]>, Vec<(Box<str>, &'static Pattern)>>;

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index::new();
    for pattern in PATTERNS {
        for glob in pattern.globs {
            let globs = match glob.strip_prefix("~/") {
                Some(rest) => HOMES.iter().map(|home| format!("{home}{rest}")).collect(),
                None => vec![(*glob).to_owned()],
            };
            for glob in globs {
                let first = glob::first(glob.as_bytes());
                // `*conda*` at the root of all: looked for among all paths.
                let first = if first.contains(&b'*') { b"**" } else { first };
                let group = index.entry(first.into()).or_default();
                group.push((glob.into(), pattern));
            }
        }
    }
    index
});

/// The first pattern about a path that one of these rules has.
pub(crate) fn find(
    path: &[u8],
    kind: Kind,
    is_on: impl Fn(Rule) -> bool,
) -> Option<&'static Pattern> {
    // Where a system image keeps what belongs into `/etc` (ostree, openSUSE).
    let path = match path.strip_prefix(b"usr/") {
        Some(etc) if etc.starts_with(b"etc/") => etc,
        _ => path,
    };
    let first = glob::first(path);
    let group = |first: &[u8]| INDEX.get(first).map(Vec::as_slice).unwrap_or_default();
    // Patterns for everything are not for where packages put their own files.
    let all = match PACKAGED.contains(&first) {
        true => &[],
        false => group(b"**"),
    };
    group(first)
        .iter()
        .chain(all)
        .filter(|(_, pattern)| pattern.kinds.include(kind) && is_on(pattern.rule))
        .find(|(glob, _)| glob::matches(glob, path))
        .map(|(_, pattern)| *pattern)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RULES;

    #[test]
    fn every_rule_has_patterns_and_every_pattern_is_read_in_linear_time() {
        for rule in RULES {
            assert!(
                PATTERNS.iter().any(|pattern| pattern.rule == *rule),
                "{rule}"
            );
        }
        for (glob, _) in INDEX.values().flatten() {
            let stars = glob.split('/').rev().skip(1).filter(|&name| name == "**");
            assert!(stars.count() <= 1, "{glob}");
        }
        let mut globs: Vec<_> = PATTERNS.iter().flat_map(|pattern| pattern.globs).collect();
        let count = globs.len();
        globs.sort_unstable();
        globs.dedup();
        assert_eq!(globs.len(), count, "a glob stands twice");
    }
}
