//! One object of an input, of whatever shape, and the containers that it tells of.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use verbatim_foreign::excerpt;

use super::pod::{self, Metadata, Running, Spec, Status};
use super::told::{short, Container};

/// The members that matter, of all shapes.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The names of its first members.
    pub(super) members: Vec<String>,
    pub(super) kind: String,
    pub(super) metadata: Metadata,
    pub(super) spec: Spec,
    pub(super) status: Option<Status>,
    pub(super) image: String,
    pub(super) image_id: String,
    pub(super) image_name: String,
    pub(super) digest: String,
    pub(super) descriptor: Option<Described>,
    pub(super) config: String,
    pub(super) name: String,
    pub(super) names: Vec<String>,
    pub(super) id: String,
    pub(super) repo_tags: Vec<String>,
    pub(super) repo_digests: Vec<String>,
    pub(super) is_image: bool,
    /// Whether only a container has such members, with an image or without one.
    pub(super) is_container: bool,
    /// Whether it holds the name spaces of a pod of podman's, and runs nothing but a pause.
    pub(super) is_infra: bool,
    pub(super) cri_image: Option<Value>,
    pub(super) image_ref: String,
    /// Images that are mounted, by where.
    pub(super) mounted: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Described {
    digest: Option<String>,
}

/// A text; anything else says nothing (some shapes have objects or lists under the same name).
pub(super) fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        _ => String::new(),
    }
}

pub(super) fn texts(value: Value) -> Vec<String> {
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
pub(super) fn status(value: Value) -> Option<Status> {
    match value {
        Value::Object(_) => serde_json::from_value(value).ok(),
        _ => None,
    }
}

/// The name of the image in the configuration of a container.
pub(super) fn config(value: Value) -> String {
    match value {
        Value::Object(mut members) => members.remove("Image").map(text).unwrap_or_default(),
        _ => String::new(),
    }
}

impl Node {
    /// What it is, for people who piped the wrong thing.
    pub(super) fn description(&self) -> String {
        match self.kind.as_str() {
            "" if self.members.is_empty() => "an object without members".to_owned(),
            "" if self.is_infra => "infra container".to_owned(),
            "" => format!("an object with the members {}", self.members.join(", ")),
            "Pod" => "Pod without containers".to_owned(),
            kind => excerpt(kind, 40),
        }
    }

    /// What it tells of; `None` if it is nothing that is known.
    pub(super) fn containers(self) -> Option<Running> {
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
    pub(super) fn mount_images(&mut self, mounts: Value) {
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
