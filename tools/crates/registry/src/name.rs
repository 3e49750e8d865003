//! What is asked for: a repository, and what in it.

use std::fmt;

use verbatim_digest::Digest;
use verbatim_naming::{canonical_host, implied_prefix};
use verbatim_net::HostPort;
use verbatim_oci::Reference;

use crate::error::Error;

/// A repository of a registry, in its normal form: `docker.io/library/NAME` for all the names
/// that Docker's own images have.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    /// The host, with its port where one is given.
    pub registry: String,
    /// The name below it, such as `acme/server`.
    pub name: String,
}

impl From<&Reference> for Repository {
    fn from(reference: &Reference) -> Self {
        let meant = reference.identity();
        Self {
            registry: meant.registry().to_owned(),
            name: meant.repository(),
        }
    }
}

impl std::str::FromStr for Repository {
    type Err = Error;

    /// `HOST[:PORT]/NAME`, without a tag.
    fn from_str(text: &str) -> Result<Self, Error> {
        let reference: Reference = text
            .parse()
            .map_err(|e: verbatim_oci::ReferenceError| Error::options(e.to_string()))?;
        if reference.tag().is_some() {
            return Err(Error::options(format!(
                "`{reference}` has a tag where a repository must be; leave the tag out"
            )));
        }
        Ok(Self::from(&reference))
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.name)
    }
}

/// Which manifest of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Which {
    /// The one that a name stands for now.
    Tag(String),
    /// The one with these bytes.
    Digest(Digest),
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// `REFERENCE`, `REFERENCE@DIGEST` or `REPOSITORY@DIGEST`, as people write what they pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Without the digest.
    pub reference: Reference,
    /// The digest after `@`.
    pub digest: Option<Digest>,
}

impl Target {
    /// The repository.
    pub fn repository(&self) -> Repository {
        Repository::from(&self.reference)
    }

    /// What to fetch: by digest where there is one, else by tag; the tag `latest` where
    /// there is neither.
    pub fn which(&self) -> Which {
        match self.digest {
            Some(digest) => Which::Digest(digest),
            None => Which::Tag(self.reference.tag().unwrap_or("latest").to_owned()),
        }
    }
}

impl std::str::FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.strip_prefix("docker://").unwrap_or(text);
        let (reference, digest) = match text.split_once('@') {
            Some((reference, digest)) => {
                let digest: Digest = digest.parse().map_err(|e| {
                    Error::options(format!(
                        "what follows `@` in `{}` is wrong: {e}",
                        verbatim_foreign::excerpt(text, 300)
                    ))
                })?;
                (reference, Some(digest))
            }
            None => (text, None),
        };
        let reference = reference
            .parse()
            .map_err(|e: verbatim_oci::ReferenceError| Error::options(e.to_string()))?;
        Ok(Self { reference, digest })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reference.fmt(f)?;
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// The prefix that replaces another in references, on borders of path components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// `HOST[:PORT][/PATH]`.
    pub from: String,
    /// The same form.
    pub to: String,
}

impl std::str::FromStr for Mirror {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let shown = verbatim_foreign::excerpt(text, 300);
        let (from, to) = text.split_once('=').ok_or_else(|| {
            Error::options(format!("`{shown}` is no mirror; write PREFIX=PREFIX, such as registry.example.com=mirror.example.com/cache"))
        })?;
        for side in [from, to] {
            // Only the host can be wrong on its own: a path is checked with the name.
            let host = side.split('/').next().unwrap_or_default();
            host.parse::<HostPort>()?;
            if side.ends_with('/') || side.contains("//") || side.contains('@') {
                return Err(Error::options(format!(
                    "`{shown}` is no mirror: a prefix is HOST, HOST:PORT or HOST/PATH without a slash at its end"
                )));
            }
        }
        // Compared with repositories in their normal form.
        let (host, path) = from.split_at(from.find('/').unwrap_or(from.len()));
        Ok(Self {
            from: format!("{}{path}", canonical_host(host)),
            to: to.to_owned(),
        })
    }
}

impl Mirror {
    /// What a repository is called there; nothing where the mirror is not for it.
    ///
    /// # Errors
    /// The name that it would have is none.
    pub fn of(&self, repository: &Repository) -> Option<Result<Repository, Error>> {
        let rest = self.rest(repository)?;
        Some(format!("{}{rest}", self.to).parse())
    }

    /// What of the name stays.
    fn rest(&self, repository: &Repository) -> Option<String> {
        let full = repository.to_string();
        // What need not be said is meant by both names.
        let short = implied_prefix(&repository.registry).and_then(|implied| {
            let name = repository.name.strip_prefix(implied)?.strip_prefix('/')?;
            Some(format!("{}/{name}", repository.registry))
        });
        [Some(full), short].into_iter().flatten().find_map(|name| {
            let rest = name.strip_prefix(self.from.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| rest.to_owned())
        })
    }
}

/// Where to ask for a repository, in this order. Mirrors stand for the original: it is
/// asked only if it is listed as a mirror of itself, or there is no mirror.
pub(crate) fn candidates(
    repository: &Repository,
    mirrors: &[Mirror],
) -> Result<Vec<Repository>, Error> {
    let named: Vec<_> = mirrors
        .iter()
        .filter_map(|mirror| Some((mirror.from.len(), mirror.of(repository)?)))
        .collect();
    match named.iter().map(|(length, _)| *length).max() {
        None => Ok(vec![repository.clone()]),
        Some(longest) => named
            .into_iter()
            .filter(|(length, _)| *length == longest)
            .map(|(_, repository)| repository)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirrors(all: &[&str]) -> Vec<Mirror> {
        all.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn names(repository: &str, all: &[&str]) -> Vec<String> {
        candidates(&repository.parse().unwrap(), &mirrors(all))
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn mirrors_replace_on_borders_of_components() {
        let all = [
            "r.example.com=127.0.0.1:5000",
            "r.example.com/acme=m.example.com/x",
        ];
        assert_eq!(names("r.example.com/a/b", &all), ["127.0.0.1:5000/a/b"]);
        assert_eq!(names("r.example.com/acme/b", &all), ["m.example.com/x/b"]);
        assert_eq!(
            names("r.example.com/acme2/b", &all),
            ["127.0.0.1:5000/acme2/b"]
        );
        assert_eq!(
            names("r.example.com:5000/b", &all),
            ["r.example.com:5000/b"]
        );
        assert_eq!(names("o.example.com/b", &all), ["o.example.com/b"]);
    }

    #[test]
    fn docker_hub_has_one_name() {
        for text in [
            "docker.io/alpine",
            "index.docker.io/library/alpine",
            "registry-1.docker.io/alpine",
            "docker.io/library/alpine",
        ] {
            let repository: Repository = text.parse().unwrap();
            assert_eq!(repository.to_string(), "docker.io/library/alpine");
            for (mirror, name) in [
                ("docker.io=m.example.com", "m.example.com/library/alpine"),
                (
                    "index.docker.io=m.example.com/hub",
                    "m.example.com/hub/library/alpine",
                ),
                ("docker.io/library=m.example.com", "m.example.com/alpine"),
                ("docker.io/alpine=m.example.com/a", "m.example.com/a"),
                (
                    "registry-1.docker.io/library/alpine=m.example.com/a",
                    "m.example.com/a",
                ),
            ] {
                assert_eq!(names(text, &[mirror]), [name], "{text} {mirror}");
            }
        }
        assert_eq!(
            names("docker.io/acme/app", &["docker.io/alpine=m.example.com"]),
            ["docker.io/acme/app"]
        );
    }

    #[test]
    fn several_mirrors_stand_in_the_order_given() {
        let all = ["r.example.com=a.example.com", "r.example.com=r.example.com"];
        assert_eq!(
            names("r.example.com/x", &all),
            ["a.example.com/x", "r.example.com/x"]
        );
    }

    #[test]
    fn wrong_mirrors_are_refused() {
        for text in ["a.example.com", "a/=b", "=b", "a=", "a=https://b", "a=b/"] {
            assert!(text.parse::<Mirror>().is_err(), "{text}");
        }
    }

    #[test]
    fn targets() {
        let hex = "0".repeat(64);
        let target: Target = format!("r.example.com/a:1@sha256:{hex}").parse().unwrap();
        assert_eq!(target.reference.tag(), Some("1"));
        assert!(matches!(target.which(), Which::Digest(_)));
        let target: Target = "docker://r.example.com/a".parse().unwrap();
        assert_eq!(target.which(), Which::Tag("latest".into()));
        assert!("r.example.com/a@sha256:12".parse::<Target>().is_err());
    }
}
