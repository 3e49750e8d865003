//! Containers as runtimes and orchestrators tell of them, in JSON.
//!
//! One reader for all shapes, because people pipe what they have: `kubectl get pods -o json`,
//! `podman ps --format json`, `podman inspect`, `docker inspect`, the same for images, and
//! `crictl`. Only the few members that matter are kept, so the size of the input hardly matters.

mod pod;
mod told;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::Deserialize;
use serde_json::Value;
use verbatim_foreign::{counted, excerpt, printable};

use pod::{Metadata, Running, Spec, Status};
use told::short;
pub use told::{Container, Name};

/// More containers than any cluster has.
const MAX_CONTAINERS: usize = 1_000_000;

/// So many members of an object are named that is nothing known.
const MAX_MEMBERS: usize = 4;

/// So many places of pods that are over are named.
const MAX_PLACES: usize = 3;

/// The input is none of the shapes that are known.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct Error {
    file: String,
    reason: String,
}

/// What an input tells.
#[derive(Debug, Default)]
pub struct Told {
    /// The containers, and the images that run in other ways.
    pub containers: Vec<Container>,
    /// What was passed over, and why.
    pub notes: Vec<String>,
}

/// Read all containers; `file` is the input's name in messages.
///
/// Several documents may follow each other, as `docker ps --format json` writes them.
pub fn read(input: impl Read, file: &str) -> Result<Told, Error> {
    let failed = |reason: String| {
        Error {
        file: file.to_owned(),
        reason: format!("{reason}; give the output of `kubectl get pods -A -o json`, `podman ps --format json`, `podman inspect` or `docker inspect`"),
    }
    };
    let mut seen = Seen::default();
    let mut documents = 0;
    let mut deserializer =
        serde_json::Deserializer::from_reader(std::io::BufReader::with_capacity(1 << 16, input));
    loop {
        match deserializer.end() {
            Ok(()) => break,
            Err(e) if e.is_io() => {
                return Err(Error {
                    file: file.to_owned(),
                    reason: format!("it cannot be read: {e}"),
                })
            }
            Err(_) => {}
        }
        documents += 1;
        Nodes(&mut seen, true)
            .deserialize(&mut deserializer)
            .map_err(|e| failed(printable(&e.to_string()).into_owned()))?;
    }
    if documents == 0 {
        return Err(Error {
            file: file.to_owned(),
            reason: "it is empty; is the command before the pipe right?".to_owned(),
        });
    }
    // An empty list is an answer; a list of other things is not.
    if !seen.known && !seen.others.is_empty() {
        return Err(failed(format!(
            "it tells of neither a pod, nor a container, nor an image, but of {}",
            seen.others()
        )));
    }
    Ok(seen.told())
}

/// So many kinds of other things are named.
const MAX_KINDS: usize = 8;

/// What was seen so far.
#[derive(Debug, Default)]
struct Seen {
    containers: Vec<Container>,
    /// Whether anything was what it should be.
    known: bool,
    /// What else there was, and how often.
    others: BTreeMap<String, usize>,
    /// What belongs to pods that are over: how many, and some places.
    over: usize,
    over_at: Vec<String>,
}

/// How much was seen at a moment.
struct Mark {
    containers: usize,
    known: bool,
    over: usize,
    over_at: usize,
}

impl Seen {
    fn other(&mut self, kind: String) {
        if self.others.len() < MAX_KINDS || self.others.contains_key(&kind) {
            *self.others.entry(kind).or_default() += 1;
        }
    }

    /// How much is known, to come back to.
    fn mark(&self) -> Mark {
        Mark {
            containers: self.containers.len(),
            known: self.known,
            over: self.over,
            over_at: self.over_at.len(),
        }
    }

    fn forget(&mut self, mark: Mark) {
        self.containers.truncate(mark.containers);
        self.known = mark.known;
        self.over = mark.over;
        self.over_at.truncate(mark.over_at);
    }

    fn others(&self) -> String {
        let kinds: Vec<_> = self
            .others
            .iter()
            .map(|(kind, count)| format!("{kind} ({count})"))
            .collect();
        kinds.join(", ")
    }

    fn told(self) -> Told {
        let mut notes = Vec::new();
        if self.over > 0 {
            let more = match self.over - self.over_at.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            notes.push(format!(
                "{} of pods that are over told no image, and nothing runs there: {}{more}",
                counted(self.over, "container"),
                self.over_at.join(", ")
            ));
        }
        if !self.others.is_empty() {
            notes.push(format!(
                "passed over, as nothing runs in it: {}",
                self.others()
            ));
        }
        Told {
            containers: self.containers,
            notes,
        }
    }
}

/// One object, a list of them, or an object with a list of them.
struct Nodes<'a>(&'a mut Seen, bool);

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
        let before = self.0.mark();
        while let Some(key) = members.next_key::<String>()? {
            if node.members.len() < MAX_MEMBERS {
                node.members.push(excerpt(&key, 40));
            }
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
                "Mounts" => node.mount_images(members.next_value()?),
                "HostConfig" => {
                    if let Value::Object(mut host) = members.next_value()? {
                        node.mount_images(host.remove("Mounts").unwrap_or_default());
                    }
                }
                "RootFS" => {
                    node.is_image = true;
                    members.next_value::<serde::de::IgnoredAny>()?;
                }
                "IsInfra" => {
                    node.is_container = true;
                    node.is_infra = members.next_value::<Value>()? == Value::Bool(true);
                }
                "Rootfs" => {
                    node.is_container |= !text(members.next_value()?).is_empty();
                }
                "image" => node.cri_image = members.next_value::<Option<Value>>()?,
                "imageRef" => node.image_ref = text(members.next_value()?),
                _ => {
                    members.next_value::<serde::de::IgnoredAny>()?;
                }
            }
        }
        if list {
            // A list that is empty says by its name alone of what.
            if !matches!(node.kind.as_str(), "" | "List" | "PodList") {
                // Nor do its items, which need not say their kind, run because they look like pods.
                self.0.forget(before);
                self.0.other(excerpt(&node.kind, 40));
            }
            return Ok(());
        }
        let kind = node.description();
        match node.containers() {
            Some(found) => {
                self.0.known = true;
                self.0.containers.extend(found.containers);
                self.0.over += found.over.len();
                let room = MAX_PLACES.saturating_sub(self.0.over_at.len());
                self.0.over_at.extend(found.over.into_iter().take(room));
            }
            None if self.1 => {
                return Err(serde::de::Error::custom(format_args!(
                    "it is neither a pod, nor a container, nor an image, nor a list of them, but {kind}"
                )));
            }
            None => self.0.other(kind),
        }
        if self.0.containers.len() > MAX_CONTAINERS {
            return Err(serde::de::Error::custom(format_args!(
                "it tells of more than {MAX_CONTAINERS} containers"
            )));
        }
        Ok(())
    }
}

struct MaybeNodes<'a>(&'a mut Seen);

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
    /// The names of its first members.
    members: Vec<String>,
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
    /// Whether only a container has such members, with an image or without one.
    is_container: bool,
    /// Whether it holds the name spaces of a pod of podman's, and runs nothing but a pause.
    is_infra: bool,
    cri_image: Option<Value>,
    image_ref: String,
    /// Images that are mounted, by where.
    mounted: BTreeMap<String, String>,
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
    /// What it is, for people who piped the wrong thing.
    fn description(&self) -> String {
        match self.kind.as_str() {
            "" if self.members.is_empty() => "an object without members".to_owned(),
            "" if self.is_infra => "infra container".to_owned(),
            "" => format!("an object with the members {}", self.members.join(", ")),
            "Pod" => "Pod without containers".to_owned(),
            kind => excerpt(kind, 40),
        }
    }

    /// What it tells of; `None` if it is nothing that is known.
    fn containers(self) -> Option<Running> {
        let is_pod = match self.kind.as_str() {
            "Pod" => true,
            // The items of a list need not say their kind.
            "" => self.status.is_some() && self.spec.containers.is_some(),
            // A deployment, a node, a service: what it says of images is a wish.
            _ => return None,
        };
        if is_pod {
            let status = self.status.unwrap_or_default();
            let running = pod::read(self.metadata, self.spec, status);
            return (!running.is_empty()).then_some(running);
        }
        let containers = self.told()?;
        Some(Running {
            containers,
            over: Vec::new(),
        })
    }

    /// What an engine or a runtime tells.
    fn told(mut self) -> Option<Vec<Container>> {
        if self.cri_image.is_some() || !self.image_ref.is_empty() {
            return Some(vec![self.cri()]);
        }
        let container =
            !self.image.is_empty() || !self.image_name.is_empty() || !self.config.is_empty();
        // One that runs a folder tells no image, and it is not known what it runs.
        let without_image = self.is_container && !self.is_infra;
        if (container || without_image) && !self.is_image {
            let mounted = std::mem::take(&mut self.mounted);
            let container = self.engine_container();
            let mut containers: Vec<_> = mounted
                .into_iter()
                .map(|(target, image)| {
                    let place = format!("{} volume {target}", container.place);
                    let mut mounted = Container::new(place);
                    mounted.tell_name(&image);
                    mounted
                })
                .collect();
            containers.push(container);
            return Some(containers);
        }
        if self.is_image || !self.repo_digests.is_empty() || !self.repo_tags.is_empty() {
            return Some(vec![self.engine_image()]);
        }
        None
    }

    /// Keep the images among the mounts of a container. One list names the image, another one
    /// perhaps only the folder where it lies.
    fn mount_images(&mut self, mounts: Value) {
        let Value::Array(mounts) = mounts else {
            return;
        };
        for mount in mounts {
            let Value::Object(mut mount) = mount else {
                continue;
            };
            let mut member = |name: &str| mount.remove(name).map(text).unwrap_or_default();
            if !member("Type").eq_ignore_ascii_case("image") {
                continue;
            }
            let target = [member("Destination"), member("Target")].concat();
            let image = self.mounted.entry(target).or_default();
            let named = [member("Name"), member("Source")]
                .into_iter()
                .find(|name| !name.is_empty() && !name.starts_with('/'));
            if let (true, Some(named)) = (image.is_empty(), named) {
                *image = named;
            }
        }
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
            // What was asked for, which may be a digest too: `imageRef` tells what runs.
            for key in ["userSpecifiedImage", "image"] {
                container.tell_wish(&image.remove(key).map(text).unwrap_or_default());
            }
        }
        container.tell_id(&self.image_ref);
        container
    }
}
