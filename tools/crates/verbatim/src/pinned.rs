//! Files that pin images, and what is known of these images now.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{bail, Context};
use verbatim_bases::{look_up, pins, Base, Pin};
use verbatim_foreign::printable_path;
use verbatim_sums::record::Image;

use crate::registry_options::{tell_retries, RegistryOptions};

/// The largest file of pins that is read.
const LARGEST: u64 = 16 << 20;

/// How long the images that stand on a base are looked for.
const PATIENCE: Duration = Duration::from_secs(120);

/// A file, and what is pinned in it.
pub struct Pinned {
    pub path: PathBuf,
    /// Its name in messages.
    pub name: String,
    pub text: String,
    pub pins: Vec<Pin>,
}

/// Read these files; one in which nothing is pinned is an error.
pub fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<Pinned>> {
    let read = |path: &PathBuf| {
        let name = printable_path(path);
        let data = verbatim_net::files::read(path, LARGEST)
            .with_context(|| format!("cannot read {name}"))?;
        let text =
            String::from_utf8(data).map_err(|_| anyhow::anyhow!("{name}: is not text in UTF-8"))?;
        let pins = pins(&text, &name)?;
        if pins.is_empty() {
            bail!("{name}: pins no image; what is looked for are calls such as `images.pull(image = …, digest = …, tag = …)`");
        }
        Ok(Pinned {
            path: path.clone(),
            name: name.to_string(),
            text,
            pins,
        })
    };
    paths.iter().map(read).collect()
}

/// Ask what became of all of them; with the images of a release, also which of these stand on them.
pub fn ask(
    files: &[Pinned],
    release: Option<&[Image]>,
    registry: &RegistryOptions,
) -> anyhow::Result<Vec<Base>> {
    let client = registry.client(Some(tell_retries()))?;
    let pins: Vec<(String, Pin)> = files
        .iter()
        .flat_map(|file| file.pins.iter().map(|pin| (file.name.clone(), pin.clone())))
        .collect();
    let runtime = verbatim_registry::runtime().context("no threads can be started")?;
    Ok(runtime.block_on(look_up(&client, &pins, release, PATIENCE)))
}
