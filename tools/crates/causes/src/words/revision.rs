//! Revisions: what a repository calls its commits, tags and branches, behind its address.
//!
//! They say which sources were taken, so that another one means other sources, whatever the name
//! looks like: a commit is no random number, and what follows an `@` is no machine.

use super::context::{Context, Key};
use crate::Cause;

/// Parts of an address behind which a revision stands (GitHub, GitLab, Gitea, Bitbucket, cgit, gitiles, hgweb).
const FOLDERS: &[&str] = &[
    "/blob/",
    "/blame/",
    "/tree/",
    "/raw/",
    "/commit/",
    "/commits/",
    "/archive/",
    "/tarball/",
    "/zipball/",
    "/tar.gz/",
    "/zip/",
    "/compare/",
    "/src/",
    "/rev/",
    "/+/",
    "/changeset/",
    "/releases/tag/",
    "/releases/download/",
    // hgweb, cgit.
    "/file/",
    "/annotate/",
    "/snapshot/",
];

/// Names of values in an address that are revisions.
const VALUES: &[&str] = &[
    "ref", "rev", "revision", "commit", "branch", "tag", "sha", "id", "h", "hb", "at", "version",
    "checksum",
];

/// Keys whose value is a commit if it looks like a whole one; other keys say so of any.
const KEYS: &[&str] = &[
    "reference",
    "tag",
    "sha",
    "srcrev",
    "source",
    "version",
    "upstream",
    "tree",
    "vcs",
    "scm",
    "build",
];

/// Short names of hosts of repositories: `github:owner/name`.
const HOSTS: &[&str] = &[
    "github",
    "gitlab",
    "bitbucket",
    "gist",
    "codeberg",
    "gitea",
    "gitee",
    "sourcehut",
    "gh",
];

/// Digits of a commit's whole name where it is a SHA-1, as nearly all are.
const COMMIT: usize = 40;

/// Whether a text can be the name of a commit: of git or Mercurial, whole or its beginning.
pub(super) fn is_commit(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A version that Go makes of a commit: `v0.0.0-20261125101112-4f1c7a9e2b3d` (go.dev/ref/mod#pseudo-versions).
pub(super) fn pseudo_version(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('v')?;
    let numbers = rest
        .bytes()
        .take_while(|b| b.is_ascii_digit() || *b == b'.')
        .count();
    let plain = rest[..numbers].split('.').count() == 3;
    // `-20261125101112-`, `-0.20261125101112-` or `-pre.0.20261125101112-`.
    let rest = rest[numbers..].strip_prefix('-')?;
    let word = rest
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || b"-.".contains(b))
        .count();
    let digits = |piece: &str| piece.len() == 14 && piece.bytes().all(|b| b.is_ascii_digit());
    // What follows, such as the ending of a file, is no part of it.
    let (stamp, hash) = rest[..word].match_indices('-').find_map(|(at, _)| {
        let stamp = rest[..at].rsplit('.').next()?;
        let hash = rest.get(at + 1..at + 13)?;
        Some((stamp, hash)).filter(|(stamp, hash)| digits(stamp) && is_commit(hash))
    })?;
    let end = hash.as_ptr() as usize + hash.len() - text.as_ptr() as usize;
    (plain && !stamp.is_empty()).then_some(end)
}

/// What differs, widened to borders, and the address that leads to it.
struct Place<'a> {
    /// From the last white space or quote on.
    address: String,
    /// `uses: owner/name@v4`, as workflows of forges name what they run.
    is_used: bool,
    left: &'a str,
    right: &'a str,
}

impl<'a> Place<'a> {
    fn of(before: &str, left: &'a str, right: &'a str) -> Self {
        const BORDERS: [char; 7] = ['@', '#', '/', '=', '?', '&', ';'];
        let (from, to) = super::differing(left, right);
        let start = left[..from].rfind(BORDERS).map_or(0, |at| at + 1);
        let end = left[to..].find(BORDERS).map_or(left.len(), |n| to + n);
        let lead = [before, &left[..start]].concat();
        let is_border = |c: char| c.is_whitespace() || "\"'<>()`,|[]{}".contains(c);
        let at = lead.trim_end_matches(|c| !is_border(c)).len();
        Self {
            address: lead[at..].to_owned(),
            is_used: lead[..at].trim_end_matches(is_border).ends_with("uses:"),
            left: &left[start..end],
            right: &right[start..right.len() - (left.len() - end)],
        }
    }

    fn are_commits(&self) -> bool {
        let bare = |text: &'_ str| -> bool {
            // `4f1c7a9.tar.gz`, `GC4f1c7a9` (Azure).
            let text = text.strip_prefix("GC").unwrap_or(text);
            is_commit(text.split('.').next().unwrap_or(""))
        };
        bare(self.left) && bare(self.right)
    }

    fn are_versions(&self) -> bool {
        [self.left, self.right].iter().all(|text| {
            let number = text.trim_start_matches('v');
            number.len() < text.len() && number.starts_with(|c: char| c.is_ascii_digit())
        })
    }
}

/// Whether an address is that of a repository, whatever host it is on.
fn is_repository(address: &str) -> bool {
    if let Some((scheme, rest)) = address.split_once("://") {
        let segments = rest.split('/').skip(1).filter(|s| !s.is_empty()).count();
        let of_system = ["git", "hg", "svn", "bzr", "scm"]
            .iter()
            .any(|system| scheme.split(['+', ':']).any(|part| part == *system));
        return segments >= 2 || (segments >= 1 && (of_system || scheme.ends_with("ssh")));
    }
    // git@example.com:owner/name, github:owner/name
    let named = |name: &str| !name.is_empty() && name.contains('/');
    address.split_once(':').is_some_and(|(host, name)| {
        (host.contains('@') && !name.is_empty())
            || (HOSTS.contains(&host) && named(name))
            || (host == "pkg" && named(name))
    })
}

/// Whether an address says by itself that there is a repository.
fn is_surely(address: &str) -> bool {
    let bare = address.split('?').next().unwrap_or("");
    let scheme = address.split("://").next().unwrap_or("");
    let host = address.split("://").nth(1).unwrap_or(address);
    bare.ends_with(".git")
        || (scheme.len() < address.len()
            && scheme.split(['+', ':']).any(|s| s == "git" || s == "hg"))
        || [
            "github.",
            "gitlab.",
            "bitbucket.",
            "codeberg.",
            "gitea.",
            "gitee.",
            "git.",
            "git@",
            "githubusercontent.",
        ]
        .iter()
        .any(|start| host.starts_with(start) || host.contains(&format!(".{start}")))
        || host.starts_with("git.sr.ht/")
        || address.contains(".googlesource.com/")
        || HOSTS.iter().any(|name| {
            address
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(':'))
        })
}

/// What stands behind the address of a repository, if that is what differs.
pub(super) fn cause(context: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
    if pseudo_version(left) == Some(left.len()) && pseudo_version(right) == Some(right.len()) {
        return Some(Cause::SourceChange);
    }
    let place = Place::of(context.before, left, right);
    let address = &place.address;
    let commits = place.are_commits();
    let behind_at = address.rfind('@').is_some_and(|at| {
        let (repository, behind) = (&address[..at], &address[at + 1..]);
        // `name@sha256:…` is a digest.
        let digest = behind.starts_with("sha256:") || behind.starts_with("sha512:");
        let short = repository.contains('/') && !repository.contains([':', '@']);
        let used = place.is_used || commits || place.are_versions();
        !digest && (is_repository(repository) || (short && used))
    });
    let behind_mark = address.rfind('#').is_some_and(|at| {
        let repository = &address[..at];
        is_repository(repository) && (is_surely(repository) || commits)
            || (repository.contains('/') && commits && place.left.len() >= COMMIT)
    });
    let in_folder = FOLDERS.iter().any(|folder| {
        address.rfind(folder).is_some_and(|at| {
            let revision = at + folder.len() == address.len();
            let known = is_surely(address) || commits;
            known && (revision || !address[at + folder.len()..].contains('/'))
        })
    });
    let in_value = address.rsplit_once('=').is_some_and(|(rest, value)| {
        let at = rest.rfind(['?', '&', ';']);
        let name = at.map(|at| &rest[at + 1..]);
        value.is_empty()
            && name.is_some_and(|name| VALUES.contains(&name))
            && (is_surely(rest) || (commits && rest.contains("://")))
    });
    // https://raw.githubusercontent.com/owner/name/REVISION/x, codeload.github.com, …/owner/name/REVISION
    let in_path = address.ends_with('/') && commits && is_surely(address);
    // `strip_prefix = "name-REVISION"`, `x-REVISION.tar.gz`, as the archives of forges are called,
    // `1.0+REVISION`, and `v1.0-3-gREVISION` as `git describe` has it.
    let last = |text: &'_ str| -> bool {
        let word = text.rsplit(['-', '+']).next().unwrap_or("");
        let word = word.split('.').next().unwrap_or("");
        let word = word.strip_prefix('g').unwrap_or(word);
        word.len() == COMMIT && is_commit(word)
    };
    let whole = last(left) && last(right);
    let keyed = whole && (key.has(KEYS) || key.has(&["strip"]) || is_surely(left));
    (behind_at || behind_mark || in_folder || in_value || in_path || keyed)
        .then_some(Cause::SourceChange)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_go_makes_of_commits() {
        for text in [
            "v0.0.0-20261125101112-4f1c7a9e2b3d",
            "v1.2.4-0.20261125101112-4f1c7a9e2b3d",
            "v1.2.3-rc1.0.20261125101112-4f1c7a9e2b3d",
        ] {
            assert_eq!(pseudo_version(text), Some(text.len()), "{text}");
        }
        let dirty = "v0.0.0-20261125101112-4f1c7a9e2b3d+dirty";
        assert_eq!(pseudo_version(dirty), Some(dirty.len() - 6));
        for text in [
            "v1.2.3",
            "v1.2.3-14-g4f1c7a9",
            "v",
            "v1.2.3-",
            "v0.0.0-20261125-4f1c7a9e2b3d",
        ] {
            assert_eq!(pseudo_version(text), None, "{text}");
        }
    }
}
