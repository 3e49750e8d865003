//! What a build used beside its source, each thing with its digests.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use verbatim_digest::Digest;
use verbatim_foreign::excerpt;

use super::words::{holds_secret, is_uri};

/// The names of what is not a dependency like any other.
pub(super) const SOURCE: &str = "source";
pub(super) const BAZEL: &str = "bazel";
pub(super) const LOCK: &str = "MODULE.bazel.lock";
pub(super) const TOOL: &str = "tool/";

/// What the whole hash of a commit is called among digests.
pub(super) const COMMIT: &str = "gitCommit";

/// Whether an address is Bazel's own.
pub(super) fn is_bazel(uri: &str) -> bool {
    uri.starts_with("pkg:generic/bazel@")
}

/// What a build used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dependencies {
    /// The program that is Bazel.
    pub bazel: Option<Digest>,
    /// The file MODULE.bazel.lock.
    pub lock: Option<Digest>,
    /// Programs that made the release, by name.
    pub tools: BTreeMap<String, Digest>,
    /// What was fetched.
    fetched: BTreeSet<Dependency>,
    /// Whether somebody said that nothing else was.
    complete: bool,
}

/// One thing that was fetched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    /// What it is called in the build; nothing follows from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it comes from, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its digests by algorithm, in lower-case hexadecimal digits.
    pub digest: BTreeMap<String, String>,
}

impl Dependency {
    /// What it is called in messages.
    fn shown(&self) -> &str {
        let digest = self.digest.values().next();
        let first = self.uri.as_ref().or(self.name.as_ref()).or(digest);
        first.map_or("a dependency", String::as_str)
    }

    /// What of it is not as it must be, in one sentence.
    pub(super) fn problem(&self) -> Option<String> {
        let shown = excerpt(self.shown(), 200);
        let reserved = |name: &str| [SOURCE, BAZEL, LOCK].contains(&name) || name.starts_with(TOOL);
        let uri = self.uri.as_deref();
        if uri.is_some_and(|uri| !is_uri(uri) || uri.chars().any(char::is_control)) {
            return Some(format!("`{shown}` is no URI"));
        }
        if uri.is_some_and(holds_secret) {
            // It is not shown here, either.
            let what = "the address of a dependency holds a user or a password, which everybody would read; write it without";
            return Some(what.to_owned());
        }
        // Whoever reads provenance takes each of them for a source, and a policy has a list of these.
        let scheme = uri.and_then(|uri| uri.get(..4));
        if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("git+"))
            && !self.digest.contains_key(COMMIT)
        {
            return Some(format!(
                "`{shown}` is a git repository and has no `{COMMIT}` among its digests"
            ));
        }
        if uri.is_some_and(is_bazel) {
            return Some(format!("`{shown}` is Bazel, which has a place of its own"));
        }
        if let Some(name) = self.name.as_deref().filter(|name| reserved(name)) {
            let name = excerpt(name, 60);
            return Some(format!(
                "`{shown}` is called `{name}`, which stands for something else"
            ));
        }
        if self.digest.is_empty() {
            return Some(format!(
                "`{shown}` has no digest, so that it could be anything"
            ));
        }
        let wrong = self.digest.iter().find(|(algorithm, hex)| {
            let length = match algorithm.as_str() {
                "sha256" => Some(64),
                "sha384" => Some(96),
                "sha512" => Some(128),
                _ => None,
            };
            let digit = |b| matches!(b, b'0'..=b'9' | b'a'..=b'f');
            hex.is_empty()
                || hex.len() > 1024
                || !hex.bytes().all(digit)
                || length.is_some_and(|length| hex.len() != length)
        });
        wrong.map(|(algorithm, _)| {
            let algorithm = excerpt(algorithm, 60);
            format!("the {algorithm} of `{shown}` is not one in lower-case hexadecimal digits")
        })
    }
}

impl Dependencies {
    /// What was fetched, sorted.
    pub fn fetched(&self) -> impl Iterator<Item = &Dependency> {
        self.fetched.iter()
    }

    /// Whether somebody said that these are all.
    pub fn complete(&self) -> bool {
        self.complete
    }

    /// Add what was fetched.
    ///
    /// # Errors
    /// One of them is not as it must be, or is there with another digest: one sentence.
    pub fn fetch(&mut self, fetched: impl IntoIterator<Item = Dependency>) -> Result<(), String> {
        for dependency in fetched {
            if let Some(problem) = dependency.problem() {
                return Err(problem);
            }
            self.fetched.insert(dependency);
        }
        // A build may use several commits of a repository, and one content of an address.
        let mut known: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        for (uri, one) in self
            .fetched
            .iter()
            .filter_map(|one| Some((one.uri.as_deref()?, one)))
        {
            for (algorithm, hex) in one.digest.iter().filter(|(name, _)| *name != COMMIT) {
                let first = known.insert((uri, algorithm), hex);
                if let Some(first) = first.filter(|first| first != hex) {
                    return Err(format!(
                        "`{}` has the {} {first} and {hex}, and one build uses one of the two",
                        excerpt(uri, 200),
                        excerpt(algorithm, 60)
                    ));
                }
            }
        }
        Ok(())
    }

    /// Note that somebody who knows says that nothing else was fetched.
    pub fn are_complete(&mut self) {
        self.complete = true;
    }
}
