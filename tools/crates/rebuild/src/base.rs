//! Base images: a name in `FROM`, and the digest that it had.

use verbatim_digest::Digest;
use verbatim_foreign::excerpt;
use verbatim_oci::Reference;
use verbatim_registry::Repository;

/// What some document says that a name stood for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// With the registry.
    pub repository: String,
    /// Where it is known.
    pub tag: Option<String>,
    /// Of a manifest or an index.
    pub digest: Digest,
}

impl std::fmt::Display for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        write!(f, "@{}", self.digest)
    }
}

impl std::str::FromStr for Pin {
    type Err = String;

    /// `NAME[:TAG]@DIGEST`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{}` is no image with a digest; write NAME[:TAG]@sha256:…",
                excerpt(text, 200)
            )
        };
        let (name, digest) = text.rsplit_once('@').ok_or_else(wrong)?;
        let (repository, tag) = split_tag(name);
        if repository.is_empty() {
            return Err(wrong());
        }
        Ok(Self {
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.parse().map_err(|_| wrong())?,
        })
    }
}

/// A name in `FROM`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// As it stands there, after arguments were put in.
    pub text: String,
    /// Where it is pulled from.
    pub repository: Repository,
    /// Without a digest `latest` is meant where there is none.
    pub tag: Option<String>,
    /// Pinned where it is used.
    pub digest: Option<Digest>,
}

impl Name {
    /// Take a name apart; `None` if it is none of an image in a registry.
    pub fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix("docker://").unwrap_or(text);
        let (name, digest) = match bare.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse().ok()?)),
            None => (bare, None),
        };
        let (path, tag) = split_tag(name);
        Some(Self {
            text: text.to_owned(),
            repository: repository(path)?,
            tag: tag.map(str::to_owned),
            digest,
        })
    }

    /// What the image must be called where it is used. A digest in `FROM` is found by itself, if some name is
    /// of the same repository.
    pub fn local(&self) -> String {
        let (name, _) = self.text.split_once('@').unwrap_or((&self.text, ""));
        name.strip_prefix("docker://").unwrap_or(name).to_owned()
    }

    fn is_of(&self, pin: &Pin) -> bool {
        let same_tag = match &pin.tag {
            Some(tag) => tag == self.tag.as_deref().unwrap_or("latest"),
            None => true,
        };
        same_tag && repository(&pin.repository).is_some_and(|other| other == self.repository)
    }
}

/// A repository by its name, which may be one of Docker's short ones.
fn repository(path: &str) -> Option<Repository> {
    let reference = Reference::of_short_name(path).ok()?;
    Some(Repository::from(&reference))
}

/// The tag of a reference without a digest; a colon before the last slash is that of a port.
pub(crate) fn split_tag(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (name, None),
    }
}

/// A base image that is known by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseImage {
    /// What stands in `FROM`.
    pub name: Name,
    /// Of a manifest or an index.
    pub digest: Digest,
    /// Other digests that other documents say.
    pub otherwise: Vec<(&'static str, Digest)>,
}

/// What is said of base images, by whom: the most trusted first.
#[derive(Debug, Clone, Default)]
pub struct Pins {
    /// By the person who rebuilds.
    pub given: Vec<Pin>,
    /// By the results of the build task.
    pub reported: Vec<Pin>,
    /// By the SBOM.
    pub sbom: Vec<Pin>,
}

impl Pins {
    /// The digest of each name; the names of which none is known come second.
    pub fn resolve(&self, names: &[Name]) -> (Vec<BaseImage>, Vec<String>) {
        let mut images = Vec::new();
        let mut missing = Vec::new();
        for name in names {
            match self.digest_of(name) {
                Some(image) => images.push(image),
                None => missing.push(name.text.clone()),
            }
        }
        (images, missing)
    }

    fn digest_of(&self, name: &Name) -> Option<BaseImage> {
        let own = name.digest.map(|digest| ("FROM", digest));
        let said = [
            ("--base", one(&self.given, name)),
            ("BASE_IMAGES_DIGESTS", one(&self.reported, name)),
            ("the SBOM", one(&self.sbom, name)),
        ];
        let mut said = said
            .into_iter()
            .filter_map(|(who, digest)| Some((who, digest?)))
            .collect::<Vec<_>>();
        if let Some(own) = own {
            said.insert(0, own);
        }
        let (_, digest) = *said.first()?;
        Some(BaseImage {
            name: name.clone(),
            digest,
            otherwise: said.into_iter().filter(|other| other.1 != digest).collect(),
        })
    }
}

/// The digest that a list has for a name; none if there are several.
fn one(pins: &[Pin], name: &Name) -> Option<Digest> {
    let mut fitting = pins
        .iter()
        .filter(|pin| name.is_of(pin))
        .map(|pin| pin.digest);
    let first = fitting.next()?;
    fitting.all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(text: &str, digit: char) -> Pin {
        format!("{text}@sha256:{}", digit.to_string().repeat(64))
            .parse()
            .unwrap()
    }

    fn digest(digit: char) -> Digest {
        format!("sha256:{}", digit.to_string().repeat(64))
            .parse()
            .unwrap()
    }

    #[test]
    fn names_are_found_by_repository_and_tag() {
        let pins = Pins {
            reported: vec![
                pin("registry.example.com/a", '1'),
                pin("registry.example.com/b:2", '2'),
            ],
            sbom: vec![
                pin("docker.io/library/fedora:43", '3'),
                pin("registry.example.com/b:2", '4'),
            ],
            ..Pins::default()
        };
        let names: Vec<Name> = [
            "registry.example.com/a:9",
            "registry.example.com/b:2",
            "fedora:43",
            "registry.example.com/b:3",
        ]
        .into_iter()
        .map(|name| Name::parse(name).unwrap())
        .collect();
        let (images, missing) = pins.resolve(&names);
        let found: Vec<Digest> = images.iter().map(|image| image.digest).collect();
        assert_eq!(found, [digest('1'), digest('2'), digest('3')]);
        assert_eq!(images[1].otherwise, [("the SBOM", digest('4'))]);
        assert_eq!(missing, ["registry.example.com/b:3"]);
    }

    #[test]
    fn a_digest_in_from_is_the_first_word_and_two_for_one_name_are_none() {
        let own = format!("registry.example.com/a:1@{}", digest('5'));
        let pins = Pins {
            sbom: vec![
                pin("registry.example.com/c", '6'),
                pin("registry.example.com/c", '7'),
            ],
            ..Pins::default()
        };
        let names = [
            Name::parse(&own).unwrap(),
            Name::parse("registry.example.com/c").unwrap(),
        ];
        let (images, missing) = pins.resolve(&names);
        assert_eq!(images[0].digest, digest('5'));
        assert_eq!(missing, ["registry.example.com/c"]);
    }

    #[test]
    fn what_is_no_image_of_a_registry_has_no_name() {
        for text in [
            "",
            "oci-archive:/etc/x",
            "dir:/tmp/x",
            "-x",
            "a b",
            "A/B",
            "x@sha256:1",
        ] {
            assert_eq!(Name::parse(text), None, "{text}");
        }
    }
}
