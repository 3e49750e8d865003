//! Containers as runtimes and orchestrators tell of them, in JSON.
//!
//! One reader for all shapes, because people pipe what they have: `kubectl get pods -o json`,
//! `podman ps --format json`, `podman inspect`, `docker inspect`, the same for images, and
//! `crictl`. Only the few members that matter are kept, so the size of the input hardly matters.

use std::fmt;
use std::io::Read;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::Deserialize;
use serde_json::Value;
use verbatim_digest::Digest;
use verbatim_oci::Reference;
use verbatim_registry::Repository;

/// More containers than any cluster has.
const MAX_CONTAINERS: usize = 1_000_000;

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

/// The input is none of the shapes that are known.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct Error {
    file: String,
    reason: String,
}

/// Read all containers; `file` is the input's name in messages.
///
/// Several documents may follow each other, as `docker ps --format json` writes them.
pub fn read(input: impl Read, file: &str) -> Result<Vec<Container>, Error> {
    let failed = |reason: String| Error {
        file: file.to_owned(),
        reason,
    };
    let mut containers = Vec::new();
    let mut documents = 0;
    let mut deserializer =
        serde_json::Deserializer::from_reader(std::io::BufReader::with_capacity(1 << 16, input));
    loop {
        match deserializer.end() {
            Ok(()) => break,
            Err(e) if e.is_io() => return Err(failed(format!("it cannot be read: {e}"))),
            Err(_) => {}
        }
        documents += 1;
        Nodes(&mut containers, true)
            .deserialize(&mut deserializer)
            .map_err(|e| {
                failed(format!(
                    "{e}; give the output of `kubectl get pods -A -o json`, `podman ps --format json`, `podman inspect` or `docker inspect`"
                ))
            })?;
    }
    if documents == 0 {
        return Err(failed(
            "it is empty; is the command before the pipe right?".to_owned(),
        ));
    }
    Ok(containers)
}

/// One object, a list of them, or an object with a list of them.
struct Nodes<'a>(&'a mut Vec<Container>, bool);

impl<'de> DeserializeSeed<'de> for Nodes<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nodes<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pod, a container, an image, or a list of them")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Nodes(self.0, false))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut node = Node::default();
        let mut list = false;
        while let Some(key) = members.next_key::<String>()? {
            match key.as_str() {
                // `null` where there are none.
                "items" | "containers" | "images" => {
                    list = true;
                    members.next_value_seed(MaybeNodes(self.0))?;
                }
                "kind" => node.kind = text(members.next_value()?),
                "metadata" => {
                    node.metadata = members.next_value::<Option<_>>()?.unwrap_or_default()
                }
                "spec" => node.spec = members.next_value::<Option<_>>()?.unwrap_or_default(),
                "status" => node.status = status(members.next_value()?),
                "Image" => node.image = text(members.next_value()?),
                "ImageID" => node.image_id = text(members.next_value()?),
                "ImageName" => node.image_name = text(members.next_value()?),
                "ImageDigest" | "Digest" => node.digest = text(members.next_value()?),
                "ImageManifestDescriptor" => node.descriptor = members.next_value::<Option<_>>()?,
                "Config" => node.config = config(members.next_value()?),
                "Name" => node.name = text(members.next_value()?),
                "Names" | "names" => node.names = texts(members.next_value()?),
                "Id" | "ID" | "id" => node.id = text(members.next_value()?),
                "RepoTags" | "repoTags" => node.repo_tags = texts(members.next_value()?),
                "RepoDigests" | "repoDigests" => node.repo_digests = texts(members.next_value()?),
                "RootFS" => {
                    node.is_image = true;
                    members.next_value::<serde::de::IgnoredAny>()?;
                }
                "image" => node.cri_image = members.next_value::<Option<Value>>()?,
                "imageRef" => node.image_ref = text(members.next_value()?),
                _ => {
                    members.next_value::<serde::de::IgnoredAny>()?;
                }
            }
        }
        if list {
            return Ok(());
        }
        let found = node.containers();
        if found.is_none() && self.1 {
            return Err(serde::de::Error::custom(
                "it is neither a pod, nor a container, nor an image, nor a list of them",
            ));
        }
        self.0.extend(found.into_iter().flatten());
        if self.0.len() > MAX_CONTAINERS {
            return Err(serde::de::Error::custom(format_args!(
                "it tells of more than {MAX_CONTAINERS} containers"
            )));
        }
        Ok(())
    }
}

struct MaybeNodes<'a>(&'a mut Vec<Container>);

impl<'de> DeserializeSeed<'de> for MaybeNodes<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for MaybeNodes<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(Nodes(self.0, false))
    }
}

/// The members that matter, of all shapes.
#[derive(Debug, Default)]
struct Node {
    kind: String,
    metadata: Metadata,
    spec: Spec,
    status: Option<Status>,
    image: String,
    image_id: String,
    image_name: String,
    digest: String,
    descriptor: Option<Described>,
    config: String,
    name: String,
    names: Vec<String>,
    id: String,
    repo_tags: Vec<String>,
    repo_digests: Vec<String>,
    is_image: bool,
    cri_image: Option<Value>,
    image_ref: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    namespace: Option<String>,
    name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    containers: Option<Vec<Specified>>,
    init_containers: Option<Vec<Specified>>,
    ephemeral_containers: Option<Vec<Specified>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Specified {
    name: String,
    image: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    container_statuses: Option<Vec<ContainerStatus>>,
    init_container_statuses: Option<Vec<ContainerStatus>>,
    ephemeral_container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ContainerStatus {
    name: String,
    image: Option<String>,
    #[serde(rename = "imageID")]
    image_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Described {
    digest: Option<String>,
}

/// A text; anything else says nothing (some shapes have objects or lists under the same name).
fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        _ => String::new(),
    }
}

fn texts(value: Value) -> Vec<String> {
    match value {
        Value::Array(items) => items
            .into_iter()
            .map(text)
            .filter(|t| !t.is_empty())
            .collect(),
        Value::String(text) => vec![text],
        _ => Vec::new(),
    }
}

/// `status` is an object of a pod, and a text of a container.
fn status(value: Value) -> Option<Status> {
    match value {
        Value::Object(_) => serde_json::from_value(value).ok(),
        _ => None,
    }
}

/// The name of the image in the configuration of a container.
fn config(value: Value) -> String {
    match value {
        Value::Object(mut members) => members.remove("Image").map(text).unwrap_or_default(),
        _ => String::new(),
    }
}

impl Node {
    /// What it tells of; `None` if it is nothing that is known.
    fn containers(self) -> Option<Vec<Container>> {
        if self.kind == "Pod" || self.status.is_some() && self.spec.containers.is_some() {
            return Some(self.pod());
        }
        if self.cri_image.is_some() || !self.image_ref.is_empty() {
            return Some(vec![self.cri()]);
        }
        let container =
            !self.image.is_empty() || !self.image_name.is_empty() || !self.config.is_empty();
        if container && !self.is_image {
            return Some(vec![self.engine_container()]);
        }
        if self.is_image || !self.repo_digests.is_empty() || !self.repo_tags.is_empty() {
            return Some(vec![self.engine_image()]);
        }
        None
    }

    fn pod(self) -> Vec<Container> {
        let pod = format!(
            "{}/{}",
            self.metadata.namespace.as_deref().unwrap_or("default"),
            self.metadata.name.as_deref().unwrap_or("?")
        );
        let status = self.status.unwrap_or_default();
        let mut statuses: Vec<_> = [
            status.init_container_statuses,
            status.container_statuses,
            status.ephemeral_container_statuses,
        ]
        .into_iter()
        .flatten()
        .flatten()
        .collect();
        let specified = [
            self.spec.init_containers,
            self.spec.containers,
            self.spec.ephemeral_containers,
        ]
        .into_iter()
        .flatten()
        .flatten();
        let mut images = Vec::new();
        for container in specified {
            match statuses.iter().position(|s| s.name == container.name) {
                Some(_) => images.push((container.name, container.image.unwrap_or_default())),
                // It has not been started, and nobody knows what will be.
                None => statuses.push(ContainerStatus {
                    name: container.name,
                    image: container.image,
                    image_id: None,
                }),
            }
        }
        statuses
            .into_iter()
            .map(|status| {
                let mut container = Container::new(format!("{pod}/{}", status.name));
                // What was asked for has the tag; what the runtime tells has the digest, and perhaps another name.
                if let Some((_, image)) = images.iter().find(|(name, _)| *name == status.name) {
                    container.tell_name(image);
                }
                container.tell_name(&status.image.unwrap_or_default());
                container.tell_id(&status.image_id.unwrap_or_default());
                container
            })
            .collect()
    }

    fn engine_container(self) -> Container {
        let name = self.names.first().cloned().filter(|n| !n.is_empty());
        let name = name.unwrap_or(self.name);
        let name = name.trim_start_matches('/').to_owned();
        let mut container = Container::new(if name.is_empty() {
            short(&self.id)
        } else {
            name
        });
        container.tell_name(&self.image_name);
        container.tell_name(&self.config);
        // `docker inspect` and `podman inspect` say the ID here, and the lists of containers the name.
        if !container.tell_image_id(&self.image) {
            container.tell_name(&self.image);
        }
        container.tell_image_id(&self.image_id);
        container.tell_id(&self.digest);
        if let Some(digest) = self.descriptor.and_then(|d| d.digest) {
            container.tell_id(&digest);
        }
        container
    }

    fn engine_image(self) -> Container {
        let name = self
            .repo_tags
            .first()
            .or(self.names.first())
            .or(self.repo_digests.first());
        let mut container = Container::new(format!(
            "image {}",
            name.cloned().unwrap_or_else(|| short(&self.id))
        ));
        for name in self.repo_tags.iter().chain(&self.names) {
            container.tell_name(name);
        }
        for digest in &self.repo_digests {
            container.tell_id(digest);
        }
        container.tell_id(&self.digest);
        container.tell_image_id(&self.id);
        container
    }

    fn cri(self) -> Container {
        let place = self.metadata.name.unwrap_or_else(|| short(&self.id));
        let mut container = Container::new(place);
        if let Some(Value::Object(mut image)) = self.cri_image {
            for key in ["userSpecifiedImage", "image"] {
                container.tell_name(&image.remove(key).map(text).unwrap_or_default());
            }
        }
        container.tell_id(&self.image_ref);
        container
    }
}

fn short(id: &str) -> String {
    let id = id.strip_prefix("sha256:").unwrap_or(id);
    id.chars().take(12).collect()
}

impl Container {
    fn new(place: String) -> Self {
        Self {
            place,
            names: Vec::new(),
            digests: Vec::new(),
            image_id: None,
            shown: String::new(),
        }
    }

    /// `name`, `name:tag`, `name@digest`, `name:tag@digest`, or an ID instead of a name.
    fn tell_name(&mut self, text: &str) {
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

    /// `docker-pullable://name@digest`, `name@digest`, `docker://ID`, or a bare digest.
    fn tell_id(&mut self, text: &str) {
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
    fn tell_image_id(&mut self, text: &str) -> bool {
        match digest_of(text) {
            Some(digest) => {
                self.image_id = Some(digest);
                true
            }
            None => false,
        }
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
        let first = text.split_once('/').map(|(first, _)| first);
        let has_registry = first.is_some_and(|f| f.contains(['.', ':']) || f == "localhost");
        let full = match (has_registry, first) {
            (true, _) => text.to_owned(),
            (false, Some(_)) => format!("docker.io/{text}"),
            (false, None) => format!("docker.io/library/{text}"),
        };
        full.parse::<Reference>()
            .ok()
            .map(|reference| Self::of(&reference))
    }

    /// The name of a reference.
    pub fn of(reference: &Reference) -> Self {
        Self {
            repository: Repository::from(reference).to_string(),
            tag: reference.tag().map(str::to_owned),
        }
    }
}
