//! What is told of one container: names and digests, in the many forms of runtimes.

use verbatim_digest::Digest;
use verbatim_oci::Reference;
use verbatim_registry::Repository;

/// A container, or an image that an engine holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// `namespace/pod/container`, or the engine's own name.
    pub place: String,
    /// Under which names the image is known.
    pub names: Vec<Name>,
    /// Digests of a manifest or an index; a bare digest may be that of a config too.
    pub digests: Vec<Digest>,
    /// The digest of the config, where the runtime says that it is one.
    pub image_id: Option<Digest>,
    /// What it calls the image, for people.
    pub shown: String,
}

/// The name of an image, as far as a runtime tells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// With its registry.
    pub repository: String,
    /// The tag.
    pub tag: Option<String>,
}

pub(super) fn short(id: &str) -> String {
    let id = id.strip_prefix("sha256:").unwrap_or(id);
    id.chars().take(12).collect()
}

impl Container {
    pub(super) fn new(place: String) -> Self {
        Self {
            place,
            names: Vec::new(),
            digests: Vec::new(),
            image_id: None,
            shown: String::new(),
        }
    }

    /// `name`, `name:tag`, `name@digest`, `name:tag@digest`, or an ID instead of a name.
    pub(super) fn tell_name(&mut self, text: &str) {
        if text.is_empty() || self.tell_image_id(text) {
            return;
        }
        if self.shown.is_empty() {
            self.shown = text.to_owned();
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, digest.parse().ok()),
            None => (text, None),
        };
        self.add_name(name);
        // Asked for by digest: what runs is told by the runtime, this is only a wish.
        let _: Option<Digest> = digest;
    }

    /// What was asked for: it says under which name, and nothing of what runs.
    pub(super) fn tell_wish(&mut self, text: &str) {
        if digest_of(text).is_none() {
            self.tell_name(text);
        }
    }

    /// `docker-pullable://name@digest`, `name@digest`, `docker://ID`, or a bare digest.
    pub(super) fn tell_id(&mut self, text: &str) {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, text),
        };
        if let Some((name, digest)) = rest.split_once('@') {
            if let Ok(digest) = digest.parse() {
                self.add_digest(digest);
                self.add_name(name);
                if self.shown.is_empty() {
                    self.shown = name.to_owned();
                }
            }
            return;
        }
        match (scheme, digest_of(rest)) {
            // Docker without a registry's digest: the image ID.
            (Some("docker"), Some(digest)) => self.image_id = Some(digest),
            (_, Some(digest)) => self.add_digest(digest),
            _ => {}
        }
    }

    /// Whether the text is an image ID, which is then kept.
    pub(super) fn tell_image_id(&mut self, text: &str) -> bool {
        match digest_of(text) {
            Some(digest) => {
                self.image_id = Some(digest);
                true
            }
            None => false,
        }
    }

    /// Whether nothing is told that could be compared.
    pub(super) fn tells_no_digest(&self) -> bool {
        self.digests.is_empty() && self.image_id.is_none()
    }

    fn add_digest(&mut self, digest: Digest) {
        if !self.digests.contains(&digest) {
            self.digests.push(digest);
        }
    }

    fn add_name(&mut self, text: &str) {
        if let Some(name) = Name::parse(text) {
            if !self.names.contains(&name) {
                self.names.push(name);
            }
        }
    }
}

/// A digest with or without its algorithm.
fn digest_of(text: &str) -> Option<Digest> {
    text.parse().ok().or_else(|| Digest::from_hex(text).ok())
}

impl Name {
    /// The name that a runtime tells, in full: `nginx` is `docker.io/library/nginx`.
    pub fn parse(text: &str) -> Option<Self> {
        let reference = Reference::of_short_name(text).ok()?;
        Some(Self::of(&reference))
    }

    /// The name of a reference.
    pub fn of(reference: &Reference) -> Self {
        Self {
            repository: Repository::from(reference).to_string(),
            tag: reference.tag().map(str::to_owned),
        }
    }
}
