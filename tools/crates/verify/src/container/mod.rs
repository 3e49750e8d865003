//! Containers as runtimes and orchestrators tell of them, in JSON.
//!
//! One reader for all shapes, because people pipe what they have: `kubectl get pods -o json`,
//! `podman ps --format json`, `podman inspect`, `docker inspect`, the same for images, and
//! `crictl`. Only the few members that matter are kept, so the size of the input hardly matters.

mod node;
mod pod;
mod told;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use verbatim_foreign::{counted, excerpt, printable};

use node::{config, status, text, texts, Node};
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
