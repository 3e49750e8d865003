//! Pods of Kubernetes: what was asked for, and what the kubelet tells of it.

use serde::de::IgnoredAny;
use serde::Deserialize;

use super::Container;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metadata {
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Spec {
    pub(super) containers: Option<Vec<Specified>>,
    init_containers: Option<Vec<Specified>>,
    ephemeral_containers: Option<Vec<Specified>>,
    volumes: Option<Vec<Volume>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Specified {
    name: String,
    image: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Status {
    phase: Option<String>,
    container_statuses: Option<Vec<ContainerStatus>>,
    init_container_statuses: Option<Vec<ContainerStatus>>,
    ephemeral_container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ContainerStatus {
    name: String,
    image: Option<String>,
    #[serde(rename = "imageID")]
    image_id: Option<String>,
    #[serde(rename = "volumeMounts")]
    volume_mounts: Option<Vec<Mount>>,
    state: Option<State>,
}

/// What a container does, of which one thing matters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    running: Option<IgnoredAny>,
}

impl ContainerStatus {
    fn runs(&self) -> bool {
        self.state
            .as_ref()
            .is_some_and(|state| state.running.is_some())
    }
}

/// A volume; of all its kinds one is an image (KEP-4639).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Volume {
    name: String,
    image: Option<ImageVolume>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ImageVolume {
    reference: Option<String>,
}

/// A volume as a container has it, and what it turned out to be (KEP-5365).
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Mount {
    name: String,
    volume_status: Option<VolumeStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VolumeStatus {
    image: Option<ImageStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ImageStatus {
    image_ref: Option<String>,
}

/// What a pod runs.
#[derive(Debug, Default)]
pub(super) struct Running {
    pub(super) containers: Vec<Container>,
    /// The places of those that run nothing and never will: the pod is over.
    pub(super) over: Vec<String>,
}

impl Running {
    pub(super) fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.over.is_empty()
    }
}

/// The containers of a pod, and the images that it mounts as volumes.
pub(super) fn read(metadata: Metadata, spec: Spec, status: Status) -> Running {
    let pod = format!(
        "{}/{}",
        metadata.namespace.as_deref().unwrap_or("default"),
        metadata.name.as_deref().unwrap_or("?")
    );
    // A pod that is over starts nothing any more. One that is only `Pending` will.
    let is_over = matches!(status.phase.as_deref(), Some("Failed" | "Succeeded"));
    let mut statuses: Vec<_> = [
        status.init_container_statuses,
        status.container_statuses,
        status.ephemeral_container_statuses,
    ]
    .into_iter()
    .flatten()
    .flatten()
    .collect();
    // But what of it still runs does: a phase is what was decided, and not what has ended by now.
    let some_run = statuses.iter().any(ContainerStatus::runs);
    let volumes = volumes(&pod, spec.volumes.unwrap_or_default(), &statuses);
    let mut told: Vec<(bool, Container)> = volumes
        .into_iter()
        .map(|volume| (some_run, volume))
        .collect();
    let specified = [
        spec.init_containers,
        spec.containers,
        spec.ephemeral_containers,
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
                ..ContainerStatus::default()
            }),
        }
    }
    told.extend(statuses.into_iter().map(|status| {
        let runs = status.runs();
        let mut container = Container::new(format!("{pod}/{}", status.name));
        // What was asked for has the tag; what the runtime tells has the digest, and perhaps another name.
        if let Some((_, image)) = images.iter().find(|(name, _)| *name == status.name) {
            container.tell_name(image);
        }
        container.tell_name(&status.image.unwrap_or_default());
        container.tell_id(&status.image_id.unwrap_or_default());
        (runs, container)
    }));
    let (over, containers): (Vec<_>, Vec<_>) = told
        .into_iter()
        .partition(|(runs, container)| is_over && !runs && container.tells_no_digest());
    let of = |all: Vec<(bool, Container)>| all.into_iter().map(|(_, container)| container);
    Running {
        containers: of(containers).collect(),
        over: of(over).map(|container| container.place).collect(),
    }
}

/// The images that are volumes. What several containers mount is told several times.
fn volumes(pod: &str, specified: Vec<Volume>, statuses: &[ContainerStatus]) -> Vec<Container> {
    let mut told: Vec<(&str, &str)> = Vec::new();
    for mount in statuses
        .iter()
        .filter_map(|s| s.volume_mounts.as_ref())
        .flatten()
    {
        let image = mount.volume_status.as_ref().and_then(|s| s.image.as_ref());
        if let Some(reference) = image.and_then(|image| image.image_ref.as_deref()) {
            let one = (mount.name.as_str(), reference);
            if !told.contains(&one) {
                told.push(one);
            }
        }
    }
    let images = specified
        .iter()
        .filter_map(|volume| Some((volume.name.as_str(), volume.image.as_ref()?)));
    let mut containers = Vec::new();
    for (name, image) in images {
        let asked = image.reference.as_deref().unwrap_or_default();
        let (own, others): (Vec<_>, Vec<_>) = told.into_iter().partition(|(n, _)| *n == name);
        told = others;
        // Not mounted yet, or by a kubelet that does not tell.
        let own = if own.is_empty() {
            vec![(name, "")]
        } else {
            own
        };
        for (name, reference) in own {
            containers.push(volume(pod, name, asked, reference));
        }
    }
    let rest = told.into_iter();
    containers.extend(rest.map(|(name, reference)| volume(pod, name, "", reference)));
    containers
}

fn volume(pod: &str, name: &str, asked: &str, told: &str) -> Container {
    let mut container = Container::new(format!("{pod}/volume {name}"));
    container.tell_name(asked);
    container.tell_id(told);
    container
}
