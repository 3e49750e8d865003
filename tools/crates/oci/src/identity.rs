//! What a reference means, however it is written.

use std::fmt;

use verbatim_naming::{implied_prefix, synonyms, with_registry};

use crate::{Reference, ReferenceError};

/// What a reference means: two references are of one image exactly if these are equal.
///
/// Docker Hub has several names, and its images need not say that they are Docker's own:
/// `docker.io/nginx`, `index.docker.io/nginx` and `docker.io/library/nginx` are one. A list of
/// sums keeps what was written, so a [`Reference`] equals what is written the same, and whoever
/// asks whether two are one image compares these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity<'a> {
    registry: &'a str,
    prefix: &'a str,
    name: &'a str,
    tag: Option<&'a str>,
}

impl<'a> Identity<'a> {
    /// The host, with its port where one is given; of several names the one that stands for all.
    pub fn registry(&self) -> &'a str {
        self.registry
    }

    /// What the registry calls the repository.
    pub fn repository(&self) -> String {
        match self.prefix {
            "" => self.name.to_owned(),
            prefix => format!("{prefix}/{}", self.name),
        }
    }
}

/// The normal form.
impl fmt::Display for Identity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository())?;
        match self.tag {
            Some(tag) => write!(f, ":{tag}"),
            None => Ok(()),
        }
    }
}

impl Reference {
    /// The name of an image as container tools write and understand it: `nginx` is
    /// `docker.io/nginx`.
    ///
    /// # Errors
    /// It is no reference with its registry either.
    pub fn of_short_name(name: &str) -> Result<Self, ReferenceError> {
        with_registry(name).parse()
    }

    /// What it means.
    pub fn identity(&self) -> Identity<'_> {
        let written = self.registry();
        let registry = match synonyms(written) {
            [name, ..] => name,
            [] => written,
        };
        let prefix = match (self.prefix(), implied_prefix(registry)) {
            ("", Some(implied)) => implied,
            (prefix, _) => prefix,
        };
        Identity {
            registry,
            prefix,
            name: self.name(),
            tag: self.tag(),
        }
    }

    /// Whether the same can be written in other ways.
    pub fn has_synonyms(&self) -> bool {
        !synonyms(self.registry()).is_empty()
    }

    /// The other ways to write the same.
    pub fn synonyms(&self) -> impl Iterator<Item = Reference> + '_ {
        let meant = self.identity();
        let implied = implied_prefix(meant.registry).filter(|implied| *implied == meant.prefix);
        let prefixes = [Some(meant.prefix), implied.map(|_| "")];
        synonyms(self.registry())
            .iter()
            .flat_map(move |host| prefixes.into_iter().flatten().map(move |p| (*host, p)))
            .filter_map(move |(host, prefix)| {
                Self::new(host, prefix, meant.name, meant.tag.unwrap_or_default()).ok()
            })
            .filter(move |other| other != self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: [&str; 6] = [
        "docker.io/nginx:1",
        "docker.io/library/nginx:1",
        "index.docker.io/nginx:1",
        "index.docker.io/library/nginx:1",
        "registry-1.docker.io/nginx:1",
        "registry-1.docker.io/library/nginx:1",
    ];

    fn read(text: &str) -> Reference {
        text.parse().unwrap()
    }

    #[test]
    fn one_image_with_many_names() {
        for a in ONE {
            let a = read(a);
            for b in ONE {
                let b = read(b);
                assert_eq!(a.identity(), b.identity());
                assert_eq!(a == b, a.as_str() == b.as_str());
            }
            assert_eq!(a.identity().registry(), "docker.io");
            assert_eq!(a.identity().repository(), "library/nginx");
            assert_eq!(a.identity().to_string(), "docker.io/library/nginx:1");
            let mut names: Vec<_> = a.synonyms().map(|other| other.to_string()).collect();
            names.push(a.to_string());
            names.sort();
            let mut all = ONE;
            all.sort_unstable();
            assert_eq!(names, all);
        }
    }

    #[test]
    fn others_are_others() {
        let others = [
            "docker.io/nginx",
            "docker.io/nginx:2",
            "docker.io/acme/nginx:1",
            "docker.io/library/a/nginx:1",
            "docker.io/a/library/nginx:1",
            "docker.io:5000/nginx:1",
            "x.docker.io/nginx:1",
            "r.example.com/nginx:1",
            "r.example.com/library/nginx:1",
        ];
        let all: Vec<_> = others.iter().chain(&ONE[..1]).map(|t| read(t)).collect();
        for a in &all {
            for b in &all {
                assert_eq!(a.identity() == b.identity(), a == b, "{a} {b}");
            }
        }
        assert_eq!(read("r.example.com/nginx:1").synonyms().count(), 0);
        assert_eq!(read("docker.io/acme/nginx").synonyms().count(), 2);
    }

    #[test]
    fn short_names() {
        for (short, whole) in [
            ("nginx", "docker.io/nginx"),
            ("acme/app:1", "docker.io/acme/app:1"),
            ("r.example.com/app", "r.example.com/app"),
        ] {
            assert_eq!(Reference::of_short_name(short), Ok(read(whole)));
        }
        assert!(Reference::of_short_name("<none>").is_err());
        assert!(Reference::of_short_name("").is_err());
    }
}
