//! From files to a document.

use std::path::Path;

use anyhow::{bail, Context};
use verbatim_digest::Digest;
use verbatim_document::json;
use verbatim_foreign::printable_path;
use verbatim_packages::Lock;
use verbatim_sbom::{cargo, cyclonedx, packages, spdx, Bom};

use super::{Options, Type};
use crate::outcome::{unchecked, Outcome};
use crate::printing::print_lines;

/// What is written into the document as its author.
const TOOL: &str = "verbatim";
const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn run(options: &Options) -> anyhow::Result<Outcome> {
    let names: Vec<String> = match (&options.name, &options.inputs[..]) {
        (Some(name), [_]) => vec![name.clone()],
        (_, all) => all.iter().map(|path| stem(path)).collect(),
    };
    let title = options.name.clone().unwrap_or_else(|| names.join("+"));
    let mut bom = Bom::new(&title, options.created);
    for (path, name) in options.inputs.iter().zip(&names) {
        add(&mut bom, path, name, options)?;
    }
    let bytes = match options.r#type {
        Type::Spdx => spdx::write(&bom, &format!("{TOOL}-{VERSION}"))?,
        Type::Cyclonedx => cyclonedx::write(&bom, (TOOL, VERSION))?,
    };
    if options.output == Path::new("-") {
        print_lines(&String::from_utf8(bytes)?)?;
    } else {
        verbatim_output::write(&options.output, &bytes)?;
    }
    Ok(Outcome::Done)
}

/// The name of a file without its endings: `image` of `image.lock.json`.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match name.split_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem.to_owned(),
        _ => name.into_owned(),
    }
}

fn add(bom: &mut Bom, path: &Path, name: &str, options: &Options) -> anyhow::Result<()> {
    let shown = printable_path(path);
    let ending = path.extension().and_then(|ending| ending.to_str());
    if ending == Some("lock") {
        let data = json::read_file(path, cargo::LARGEST).map_err(unchecked)?;
        cargo::add(bom, &data, (name, Digest::of(&data)), &shown)?;
        return Ok(());
    }
    if path.is_dir() {
        bail!("{shown} is a folder; name a lock of packages or a Cargo.lock");
    }
    let digest = verbatim_digest::of_file(path)
        .with_context(|| format!("{shown} cannot be read"))?
        .0;
    let lock = Lock::read(path)?;
    packages::add(
        bom,
        &lock,
        (name, digest),
        options.architecture.as_deref(),
        options.distribution.as_ref(),
    )?;
    Ok(())
}
