//! `verbatim image`: an image from layers, a base and settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;
use verbatim_oci::layout::{import, Inputs, LayerInput, Layout};
use verbatim_oci::{build, json, Base, ImageMetadata, Named, Platform, Settings};
use verbatim_requests::ImageSpec;

use crate::arguments::layer_inputs;
use crate::arguments::pair;
use crate::image_files::ImageFiles;
use crate::layout_output::write_layout;
use crate::layout_output::FamilyName;
use crate::layout_output::LayoutOutput;
use crate::outcome::Outcome;
use crate::printing::print;
use crate::threads::threads;

/// Make an image: manifest and config from layers, a base and settings.
///
/// The documents are canonical JSON, so the same layers and settings give the same digest
/// everywhere. The image is created at 1970-01-01T00:00:00Z unless --created says otherwise,
/// and has no history.
///
/// On a base, settings work as in `docker build`: variables and labels are merged, ports and
/// volumes are added, --entrypoint drops the base's arguments unless --cmd gives some, all
/// else replaces. The base must be for the platform of the image.
///
/// A layer is a blob (plain, gzip or zstd tar), the metadata that `verbatim layer --metadata`
/// wrote, or both: {"blob":"layer.tar.gz","metadata":"layer.json"}. A folder that `verbatim layer
/// --layers` filled stands for all layers in it.
///
/// Settings come from files, then --spec, then single options; what is later wins. Files of
/// variables, labels and annotations hold NAME=VALUE lines or a JSON object, files of
/// arguments hold one argument a line or a JSON list.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  An image of one program:
    verbatim layer -o app.tar.gz usr/bin/app=build/app
    verbatim image -o app --layer=app.tar.gz --platform=linux/amd64 \\
      --entrypoint=/usr/bin/app

  The same on a base that is a layout, as an archive that `podman load` takes:
    skopeo copy docker://registry.example.com/base:1 oci:base
    verbatim image -o app.tar --base=base --layer=app.tar.gz \\
      --entrypoint=/usr/bin/app \\
      --tag=registry.example.com/app:1

  Only the documents, as build rules want them:
    verbatim image --layer=app.json --os=linux --architecture=arm64 \\
      --manifest=manifest.json --config=config.json --digest=digest \\
      --metadata=image.json")]
pub struct Options {
    #[command(flatten)]
    image: Box<ImageOptions>,
}

#[derive(Debug, clap::Args)]
struct ImageOptions {
    /// A layer; give it once for each, the bottom one first.
    #[arg(long = "layer", value_name = "LAYER")]
    layers: Vec<String>,
    /// The base: an OCI layout, a folder or a tar archive.
    #[arg(long, value_name = "LAYOUT", conflicts_with_all = ["base_manifest", "base_config", "base_metadata"])]
    base: Option<PathBuf>,
    /// The manifest of the base.
    #[arg(long, value_name = "FILE", requires = "base_config")]
    base_manifest: Option<PathBuf>,
    /// The config of the base.
    #[arg(long, value_name = "FILE", requires = "base_manifest")]
    base_config: Option<PathBuf>,
    /// What is known of the base, as --metadata writes it.
    #[arg(long, value_name = "FILE", requires = "base_manifest")]
    base_metadata: Option<PathBuf>,
    /// The platform of the image, os/architecture or os/architecture/variant.
    #[arg(long, value_name = "PLATFORM", conflicts_with_all = ["os", "architecture", "variant"])]
    platform: Option<Platform>,
    /// The operating system; by default that of the base, else linux.
    #[arg(long)]
    os: Option<String>,
    /// The architecture; by default that of the base.
    #[arg(long)]
    architecture: Option<String>,
    /// The variant of the architecture.
    #[arg(long)]
    variant: Option<String>,
    /// The program, then its first arguments, one option each.
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    entrypoint: Vec<String>,
    /// The default arguments, one option each.
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    cmd: Vec<String>,
    /// An environment variable.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    env: Vec<(String, String)>,
    /// The user, and the group after a colon.
    #[arg(long)]
    user: Option<String>,
    /// The working directory.
    #[arg(long, value_name = "DIR")]
    workdir: Option<String>,
    /// A label.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    label: Vec<(String, String)>,
    /// An annotation of the manifest.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    annotation: Vec<(String, String)>,
    /// A port that the program listens on: 80, 53/udp, 8000-8010/tcp.
    #[arg(long, value_name = "PORT")]
    exposed_port: Vec<String>,
    /// A path where data is mounted.
    #[arg(long, value_name = "PATH")]
    volume: Vec<String>,
    /// The signal that asks the program to end.
    #[arg(long, value_name = "SIGNAL")]
    stop_signal: Option<String>,
    /// The time of the image: RFC 3339, or seconds since 1970.
    #[arg(long, value_name = "TIME")]
    created: Option<String>,
    /// Whoever answers for the image.
    #[arg(long)]
    author: Option<String>,
    /// All settings as one JSON object, with the members entrypoint, cmd, env, labels,
    /// annotations, user, working_dir, exposed_ports, volumes, stop_signal, os,
    /// architecture, variant, created, author.
    #[arg(long, value_name = "JSON")]
    spec: Option<String>,
    /// A file of environment variables.
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// A file of labels.
    #[arg(long, value_name = "FILE")]
    labels_file: Vec<PathBuf>,
    /// A file of annotations.
    #[arg(long, value_name = "FILE")]
    annotations_file: Vec<PathBuf>,
    /// A file with the program and its first arguments.
    #[arg(long, value_name = "FILE")]
    entrypoint_file: Option<PathBuf>,
    /// A file with the default arguments.
    #[arg(long, value_name = "FILE")]
    cmd_file: Option<PathBuf>,
    /// A file with the time of the image.
    #[arg(long, value_name = "FILE")]
    created_file: Option<PathBuf>,
    /// Whose media types to write.
    #[arg(long, value_name = "FAMILY", default_value = "oci")]
    media_types: FamilyName,
    #[command(flatten)]
    files: ImageFiles,
    #[command(flatten)]
    layout: LayoutOutput,
}

pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let options = options.image;
    if options.files.is_empty() && options.layout.output.is_none() {
        bail!("there is nothing to write; name a layout with -o, or files with --manifest and --config");
    }
    let settings = settings(&options)?;
    let mut inputs = Inputs::default();
    let base = base(&options, &settings, &mut inputs)?;
    let mut layers = Vec::new();
    for layer in &options.layers {
        for (metadata, blob) in layer_inputs(layer)? {
            match blob {
                Some(blob) => inputs.add_layer(LayerInput {
                    blob,
                    metadata: metadata.clone(),
                }),
                None if options.layout.output.is_some() => bail!(
                    "{layer} is the metadata of a layer, and a layout needs the blob; write --layer={{\"blob\":…,\"metadata\":…}}"
                ),
                None => {}
            }
            layers.push(metadata);
        }
    }
    let image = build(
        base.as_ref(),
        &layers,
        &settings,
        options.media_types.into(),
    )?;
    let digest = image.metadata.manifest.digest;
    inputs.add_document(image.config.clone());
    write_layout(
        &options.layout,
        Named::new(&image.manifest, "the manifest"),
        inputs,
    )?;
    options.files.write(image)?;
    if options.layout.output.is_some() {
        print(&format!("{digest}\n"))?;
    }
    Ok(Outcome::Done)
}

/// All settings, the most explicit last.
fn settings(options: &ImageOptions) -> anyhow::Result<Settings> {
    let mut all = Settings::default();
    for (files, map) in [
        (&options.env_file, &mut all.env),
        (&options.labels_file, &mut all.labels),
        (&options.annotations_file, &mut all.annotations),
    ] {
        for file in files {
            map.extend(pairs_file(file)?);
        }
    }
    all.entrypoint = options
        .entrypoint_file
        .as_deref()
        .map(list_file)
        .transpose()?;
    all.cmd = options.cmd_file.as_deref().map(list_file).transpose()?;
    if let Some(path) = &options.created_file {
        all.created = Some(text_file(path)?.trim().to_owned());
    }
    if let Some(spec) = &options.spec {
        let spec = ImageSpec::parse(spec.as_bytes(), "--spec")?;
        all.env.extend(spec.env);
        all.labels.extend(spec.labels);
        all.annotations.extend(spec.annotations);
        replace(&mut all.entrypoint, spec.entrypoint);
        replace(&mut all.cmd, spec.cmd);
        replace(&mut all.exposed_ports, spec.exposed_ports);
        replace(&mut all.volumes, spec.volumes);
        for (one, other) in [
            (&mut all.user, spec.user),
            (&mut all.working_dir, spec.working_dir),
            (&mut all.stop_signal, spec.stop_signal),
            (&mut all.os, spec.os),
            (&mut all.architecture, spec.architecture),
            (&mut all.variant, spec.variant),
            (&mut all.created, spec.created),
            (&mut all.author, spec.author),
        ] {
            // An empty text is none: it does not replace what a file said.
            replace(one, other.filter(|text| !text.is_empty()));
        }
    }
    all.env.extend(options.env.iter().cloned());
    all.labels.extend(options.label.iter().cloned());
    all.annotations.extend(options.annotation.iter().cloned());
    let list = |items: &Vec<String>| (!items.is_empty()).then(|| items.clone());
    replace(&mut all.entrypoint, list(&options.entrypoint));
    replace(&mut all.cmd, list(&options.cmd));
    for (one, more) in [
        (&mut all.exposed_ports, &options.exposed_port),
        (&mut all.volumes, &options.volume),
    ] {
        if !more.is_empty() {
            one.get_or_insert_default().extend(more.iter().cloned());
        }
    }
    for (one, other) in [
        (&mut all.user, &options.user),
        (&mut all.working_dir, &options.workdir),
        (&mut all.stop_signal, &options.stop_signal),
        (&mut all.os, &options.os),
        (&mut all.architecture, &options.architecture),
        (&mut all.variant, &options.variant),
        (&mut all.created, &options.created),
        (&mut all.author, &options.author),
    ] {
        replace(one, other.clone());
    }
    if let Some(platform) = &options.platform {
        all.os = Some(platform.os.clone());
        all.architecture = Some(platform.architecture.clone());
        all.variant.clone_from(&platform.variant);
    }
    Ok(all)
}

fn replace<T>(one: &mut Option<T>, other: Option<T>) {
    if other.is_some() {
        *one = other;
    }
}

/// The base, and in `inputs` what a layout needs of it.
fn base(
    options: &ImageOptions,
    settings: &Settings,
    inputs: &mut Inputs,
) -> anyhow::Result<Option<Base>> {
    if let Some(path) = &options.base {
        let layout = Layout::open(path)?;
        let platform = match settings.architecture.as_deref().unwrap_or("") {
            "" => None,
            _ => Some(settings.platform(None)?),
        };
        let image = import(&layout, platform.as_ref(), threads(None), Arc::new(()))?;
        let base = Base::new(
            Named::new(&image.manifest, "the base's manifest"),
            Named::new(&image.config, "the base's config"),
            Some((&image.metadata, "the base's metadata")),
        )?;
        inputs.add_open_layout(layout);
        return Ok(Some(base));
    }
    let (Some(manifest), Some(config)) = (&options.base_manifest, &options.base_config) else {
        return Ok(None);
    };
    let manifest_data = json::read_file(manifest, json::MAX_DOCUMENT)?;
    let config_data = json::read_file(config, json::MAX_DOCUMENT)?;
    let known = match &options.base_metadata {
        Some(path) => Some((ImageMetadata::read(path)?, path.display().to_string())),
        None => None,
    };
    Ok(Some(Base::new(
        Named::new(&manifest_data, &manifest.display().to_string()),
        Named::new(&config_data, &config.display().to_string()),
        known.as_ref().map(|(known, file)| (known, file.as_str())),
    )?))
}

fn text_file(path: &Path) -> anyhow::Result<String> {
    let data = json::read_handed(path, json::MAX_DOCUMENT)?;
    String::from_utf8(data)
        .map_err(|_| anyhow::anyhow!("{}: is not UTF-8 text; save it as UTF-8", path.display()))
}

/// NAME=VALUE lines, or a JSON object.
fn pairs_file(path: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let text = text_file(path)?;
    if text.trim_start().starts_with('{') {
        return Ok(json::parse(text.as_bytes(), &path.display().to_string())?);
    }
    let mut pairs = BTreeMap::new();
    for (i, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) =
            pair(line).map_err(|e| anyhow::anyhow!("{}, line {}: {e}", path.display(), i + 1))?;
        pairs.insert(name, value);
    }
    Ok(pairs)
}

/// One argument a line, or a JSON list.
fn list_file(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = text_file(path)?;
    if text.trim_start().starts_with('[') {
        return Ok(json::parse(text.as_bytes(), &path.display().to_string())?);
    }
    Ok(text.lines().map(str::to_owned).collect())
}
