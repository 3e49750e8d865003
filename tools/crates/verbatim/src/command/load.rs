//! `verbatim load`: images into the container engines of this machine.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{anyhow, bail, Context};
use serde::Serialize;
use verbatim_digest::Digest;
use verbatim_engine::{find, load, platform, Endpoint, Engine, Load};
use verbatim_foreign::{counted, printable};
use verbatim_naming::registry_of;
use verbatim_net::runtime;
use verbatim_oci::layout::{
    image_for, images, platforms, Candidate, Inputs, Layout, Plan, Published,
};
use verbatim_oci::{Config, ErrorKind, Manifest, Named, Platform};

use crate::cache_options::CacheOptions;
use crate::layout_output::archive_name;
use crate::outcome::{Outcome, Unchecked};
use crate::printing::print;
use crate::printing::print_json;
use crate::report_form::Format;

/// Load an image into podman, docker or containerd, by their own sockets.
///
/// The image is streamed as an archive; no copy of it is written. An image that the engine
/// has is only named again, and layers that Docker has are left out. What the engine made of
/// it is compared: its image ID must be the digest of the config that was built.
///
/// Exit code 0: loaded; 1: the engine made something else of it; 2: the input or the usage is
/// wrong; 3: there is no engine, or it refuses.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  verbatim load bazel-bin/server localhost/server:dev
  verbatim load --engine=containerd --namespace=k8s.io bazel-bin/server \\
    registry.example.com/acme/server:v1")]
pub struct Options {
    /// What to load: an OCI layout, or an archive of one.
    #[arg(value_name = "LAYOUT")]
    layout: PathBuf,
    /// The name of the image in the engine.
    #[arg(value_name = "NAME:TAG")]
    name: Option<String>,
    /// Which engine; by default the first that listens: that of DOCKER_HOST, CONTAINER_HOST or
    /// CONTAINERD_ADDRESS, then podman, docker and containerd in their usual places.
    #[arg(long, value_name = "ENGINE", default_value = "auto")]
    engine: EngineName,
    /// The socket of the engine.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// The namespace of containerd; Kubernetes uses k8s.io.
    #[arg(long, value_name = "NAME", default_value = "default")]
    namespace: String,
    /// Which image of several; by default the one for the engine's machine.
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<Platform>,
    #[command(flatten)]
    caches: CacheOptions,
    /// The form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum EngineName {
    Auto,
    Podman,
    Docker,
    Containerd,
}

impl EngineName {
    fn engine(self) -> Option<Engine> {
        match self {
            Self::Auto => None,
            Self::Podman => Some(Engine::Podman),
            Self::Docker => Some(Engine::Docker),
            Self::Containerd => Some(Engine::Containerd),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    schema: &'static str,
    verdict: &'static str,
    engine: String,
    socket: String,
    name: Option<String>,
    expected: Digest,
    id: Digest,
    layers_left_out: usize,
}

pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let layout = Layout::open(&options.layout)?;
    let place = find(
        options.engine.engine(),
        options.socket.as_deref(),
        &options.namespace,
        |name| std::env::var(name).ok(),
    )
    .context(Unchecked)?;
    let name = options
        .name
        .as_deref()
        .map(|name| engine_name(name, &place))
        .transpose()?;
    let file = options.layout.display().to_string();
    let (root, image) = match whole(&layout, &options, &place)? {
        Some(published) => (published.bytes, None),
        None => {
            let chosen = choose(&layout, &options, &place)?;
            (chosen.manifest.clone(), Some(chosen))
        }
    };
    let mut layers = Vec::new();
    let mut image_id = None;
    if let Some(image) = &image {
        let manifest = Manifest::parse(&image.manifest, &file)?;
        let config = Config::parse(&image.config, &file)?;
        image_id = Some(manifest.config.digest);
        layers = config
            .rootfs
            .diff_ids
            .iter()
            .copied()
            .zip(manifest.layers.iter().map(|layer| layer.digest))
            .collect();
    }
    let mut inputs = Inputs::default();
    inputs.add_open_layout(layout);
    let runtime = runtime()
        .context("cannot start threads")
        .context(Unchecked)?;
    let caches = options.caches.open(runtime.handle())?;
    let without_cache = caches.is_none();
    if let Some(caches) = caches {
        inputs.take_from(Arc::new(caches));
    }
    let plan = Plan::new(Named::new(&root, &file), inputs).map_err(|error| {
        match error.kind() == ErrorKind::Missing && without_cache {
            true => anyhow!("{error}; or name the build's cache, if it was left there: --cache=grpc://HOST:PORT, or the folder of --disk_cache"),
            false => error.into(),
        }
    })?;
    let expected = image_id.unwrap_or(plan.root().digest);
    let request = Load {
        plan: &plan,
        image_id,
        layers,
        name: name.clone(),
    };
    let loaded = match load(&place, &request) {
        Ok(loaded) => loaded,
        Err(error @ verbatim_engine::Error::Different { .. }) => {
            eprintln!("verbatim: {error}");
            return Ok(Outcome::Different);
        }
        // What a cache does not give is no fault of the image.
        Err(error @ verbatim_engine::Error::Image(_)) if without_cache => return Err(error.into()),
        Err(error) => return Err(anyhow::Error::new(error).context(Unchecked)),
    };
    let verdict = if loaded.unchanged {
        "unchanged"
    } else {
        "loaded"
    };
    let name = name.map(|(full, _)| full);
    match options.format {
        Format::Text => print(&format!(
            "{verdict} {} as {} into {place}{}\n",
            loaded.id,
            name.as_deref().unwrap_or("an image without a name"),
            match loaded.left_out {
                0 => String::new(),
                n => format!(", without {} that it had", counted(n, "layer")),
            }
        ))?,
        Format::Json => print_json(&Report {
            schema: "verbatim.load/1",
            verdict,
            engine: place.engine.to_string(),
            socket: place.socket.display().to_string(),
            name,
            expected,
            id: loaded.id,
            layers_left_out: loaded.left_out,
        })?,
    }
    Ok(Outcome::Done)
}

/// The name as the engine spells it: Podman puts what has no registry under `localhost`, and
/// containerd knows full names only.
fn engine_name(name: &str, place: &Endpoint) -> anyhow::Result<(String, Option<String>)> {
    let tagged = match name.rsplit_once('/').map_or(name, |(_, last)| last) {
        last if last.contains(':') => name.to_owned(),
        _ => format!("{name}:latest"),
    };
    let (full, tag) = archive_name(&tagged, "NAME:TAG")?;
    Ok(match (place.engine, registry_of(&full).is_some()) {
        (Engine::Podman, false) => (format!("localhost/{full}"), tag),
        (Engine::Containerd, false) => bail!(
            "{full}: containerd knows full names only; write registry.example.com/{full}, or localhost/{full}"
        ),
        _ => (full, tag),
    })
}

/// What is published of a layout, for an engine that takes indexes. One that is not all there,
/// or that would have to be chosen, is not: then it is one image.
fn whole(
    layout: &Layout,
    options: &Options,
    place: &Endpoint,
) -> anyhow::Result<Option<Published>> {
    if place.engine != Engine::Containerd || options.platform.is_some() {
        return Ok(None);
    }
    let published = Published::or_index_json(layout)?;
    let listed = published.listed.is_some();
    Ok(match images(layout) {
        Ok(_) if listed => Some(published),
        Ok(_) => None,
        Err(e) if e.kind() == ErrorKind::Missing => None,
        Err(e) => return Err(e.into()),
    })
}

/// The one image that is meant: for the platform that was asked for, the only one, or the one
/// for the engine's machine.
fn choose(layout: &Layout, options: &Options, place: &Endpoint) -> anyhow::Result<Candidate> {
    if options.platform.is_some() {
        return Ok(image_for(layout, options.platform.as_ref())?);
    }
    let there = platforms(layout)?;
    if there.len() < 2 {
        return Ok(image_for(layout, None)?);
    }
    let own: Platform = platform(place)
        .context(Unchecked)?
        .ok_or_else(|| {
            let names: Vec<String> = there.iter().map(ToString::to_string).collect();
            anyhow!(
                "{}: holds several images, for {}; choose one with --platform",
                options.layout.display(),
                printable(&names.join(", "))
            )
        })?
        .parse()
        .map_err(|e| anyhow!("{place}: its platform makes no sense: {e}"))?;
    Ok(image_for(layout, Some(&own))?)
}
