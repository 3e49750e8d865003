//! Docker's API, as Docker and Podman speak it.

use std::collections::BTreeSet;

use http::Method;
use serde::de::DeserializeOwned;
use serde::Deserialize;
use verbatim_digest::Digest;
use verbatim_net::percent::escaped;

use crate::endpoint::{Endpoint, Engine};
use crate::error::{said, Error};
use crate::http::request;
use crate::{Load, Loaded};

/// Images whose layers are looked at, to find those that are there.
const MAX_IMAGES: usize = 2000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    #[serde(default)]
    root_fs: Option<RootFs>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RootFs {
    #[serde(default)]
    layers: Option<Vec<Digest>>,
}

fn broken(endpoint: &Endpoint, why: String) -> Error {
    Error::Unreachable {
        place: endpoint.to_string(),
        why,
    }
}

/// Ask for JSON; `None` if there is no such thing.
fn get<T: DeserializeOwned>(endpoint: &Endpoint, target: &str) -> Result<Option<T>, Error> {
    let answer = request(endpoint, Method::GET, target, None)?;
    match answer.status {
        200 => serde_json::from_slice(&answer.body).map(Some).map_err(|e| {
            broken(
                endpoint,
                format!(
                    "its answer to {target} makes no sense: {}",
                    said(&e.to_string())
                ),
            )
        }),
        404 => Ok(None),
        _ => Err(broken(
            endpoint,
            format!("it answers {target} with {}", answer.message()),
        )),
    }
}

fn inspect(endpoint: &Endpoint, name: &str) -> Result<Option<(Digest, Vec<Digest>)>, Error> {
    let target = format!("/images/{}/json", escaped(name));
    let Some(found) = get::<Inspected>(endpoint, &target)? else {
        return Ok(None);
    };
    let id = found.id.strip_prefix("sha256:").unwrap_or(&found.id);
    let id = Digest::from_hex(id).map_err(|e| {
        broken(
            endpoint,
            format!("it names an image `{}`: {e}", said(&found.id)),
        )
    })?;
    let layers = found.root_fs.and_then(|fs| fs.layers).unwrap_or_default();
    Ok(Some((id, layers)))
}

/// `os/architecture` of the engine, which may run in a virtual machine.
pub(crate) fn platform(endpoint: &Endpoint) -> Result<String, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Version {
        os: String,
        arch: String,
    }
    let version: Version = get(endpoint, "/version")?
        .ok_or_else(|| broken(endpoint, "it does not speak Docker's API".into()))?;
    Ok(format!("{}/{}", version.os, version.arch))
}

pub(crate) fn load(endpoint: &Endpoint, image: &Load<'_>) -> Result<Loaded, Error> {
    let expected = image.image_id.ok_or_else(|| {
        Error::NotFound(format!(
            "{endpoint}: takes one image at a time; choose one with --platform"
        ))
    })?;
    let manifest = image.plan.root().digest;
    // Docker with containerd's store names images by their manifests.
    let ours = |id: Digest| id == expected || id == manifest;
    for digest in [expected, manifest] {
        if let Some((id, _)) = inspect(endpoint, &digest.to_string())?.filter(|(id, _)| ours(*id)) {
            name_it(endpoint, image, id)?;
            return Ok(Loaded {
                id,
                unchanged: true,
                left_out: 0,
            });
        }
    }
    let left_out = present_layers(endpoint, image)?;
    let count = left_out.len();
    let mut sent = send(endpoint, image, &left_out);
    let mut count = count;
    if count > 0 && matches!(sent, Err(Error::Refused { .. })) {
        // What it had a moment ago may be gone.
        count = 0;
        sent = send(endpoint, image, &BTreeSet::new());
    }
    sent?;
    let name = image
        .name
        .as_ref()
        .filter(|(_, tag)| tag.is_some())
        .map_or(expected.to_string(), |(full, _)| full.clone());
    let (id, _) = match inspect(endpoint, &name)? {
        Some(found) => found,
        None => inspect(endpoint, &manifest.to_string())?.ok_or_else(|| Error::Refused {
            place: endpoint.to_string(),
            why: format!("it took the archive, and has no image `{name}` after that"),
        })?,
    };
    if !ours(id) {
        return Err(Error::Different {
            place: endpoint.to_string(),
            expected,
            actual: id,
        });
    }
    Ok(Loaded {
        id,
        unchanged: false,
        left_out: count,
    })
}

/// Give an image that is there its name.
fn name_it(endpoint: &Endpoint, image: &Load<'_>, id: Digest) -> Result<(), Error> {
    let Some((full, Some(tag))) = &image.name else {
        return Ok(());
    };
    let repository = full
        .strip_suffix(tag.as_str())
        .and_then(|rest| rest.strip_suffix(':'))
        .unwrap_or(full);
    let target = format!(
        "/images/{}/tag?repo={}&tag={}",
        escaped(&id.to_string()),
        escaped(repository),
        escaped(tag)
    );
    let answer = request(endpoint, Method::POST, &target, None)?;
    match answer.status {
        200 | 201 => Ok(()),
        _ => Err(Error::Refused {
            place: endpoint.to_string(),
            why: answer.message(),
        }),
    }
}

/// The blobs of the layers that Docker has: it reads none of them, so they can stay here.
/// Podman wants all of an archive, and Docker too where containerd keeps its images.
fn present_layers(endpoint: &Endpoint, image: &Load<'_>) -> Result<BTreeSet<Digest>, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Info {
        #[serde(default)]
        driver_status: Option<Vec<Vec<String>>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Listed {
        id: String,
    }
    if endpoint.engine != Engine::Docker {
        return Ok(BTreeSet::new());
    }
    let info: Option<Info> = get(endpoint, "/info")?;
    let snapshotter = info
        .and_then(|info| info.driver_status)
        .into_iter()
        .flatten()
        .flatten()
        .any(|text| text.contains("io.containerd.snapshotter"));
    if snapshotter {
        return Ok(BTreeSet::new());
    }
    let all: Vec<Listed> = get(endpoint, "/images/json")?.unwrap_or_default();
    let mut deepest = 0;
    for listed in all.iter().take(MAX_IMAGES) {
        if deepest == image.layers.len() {
            break;
        }
        // An image may be removed while the list is read.
        let Ok(Some((_, layers))) = inspect(endpoint, &listed.id) else {
            continue;
        };
        // A layer is only there above the same layers.
        let common = image
            .layers
            .iter()
            .zip(&layers)
            .take_while(|((diff_id, _), theirs)| diff_id == *theirs)
            .count();
        deepest = deepest.max(common);
    }
    // The same blob may stand above again, where it is not there yet.
    let needed: BTreeSet<Digest> = image.layers[deepest..].iter().map(|(_, b)| *b).collect();
    Ok(image.layers[..deepest]
        .iter()
        .map(|(_, blob)| *blob)
        .filter(|blob| !needed.contains(blob))
        .collect())
}

fn send(endpoint: &Endpoint, image: &Load<'_>, left_out: &BTreeSet<Digest>) -> Result<(), Error> {
    let to = endpoint.to_string();
    let mut body = |out: &mut dyn std::io::Write| {
        image
            .plan
            .stream_archive(out, &to, image.reference(), left_out)
    };
    let answer = request(
        endpoint,
        Method::POST,
        "/images/load?quiet=1",
        Some(&mut body),
    )?;
    let refused = |why: String| Error::Refused {
        place: endpoint.to_string(),
        why,
    };
    if answer.status != 200 {
        return Err(refused(answer.message()));
    }
    // Docker says 200 before it has read anything, and what went wrong in a line of JSON.
    #[derive(Deserialize)]
    struct Line {
        #[serde(default)]
        error: Option<String>,
    }
    for line in answer.body.split(|byte| *byte == b'\n') {
        if let Ok(Line { error: Some(error) }) = serde_json::from_slice(line) {
            return Err(refused(said(&error)));
        }
    }
    Ok(())
}
