//! From files to a document.

use std::io::Read as _;
use std::path::Path;

use anyhow::{bail, Context};
use verbatim_components::{Folder, Inventory};
use verbatim_digest::Digest;
use verbatim_document::json;
use verbatim_foreign::printable_path;
use verbatim_formats::elf;
use verbatim_packages::Lock;
use verbatim_sbom::{cargo, cyclonedx, image, packages, program, spdx, Bom, Purl};

use super::{Options, Type};
use crate::outcome::{unchecked, Outcome};
use crate::place::Place;
use crate::printing::print_lines;
use crate::rootfs::{unreadable, Files};

/// What is written into the document as its author.
const TOOL: &str = "verbatim";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The endings of other forms that SBOMs have; what is written here is JSON, and plain.
const OTHER_FORMS: [&str; 10] = [
    "xml", "rdf", "yaml", "yml", "tag", "tv", "gz", "zst", "xz", "bz2",
];

/// A name that promises another form would be a lie.
fn check_name(output: &Path) -> anyhow::Result<()> {
    let ending = output.extension().and_then(|ending| ending.to_str());
    match ending.map(str::to_ascii_lowercase) {
        Some(ending) if OTHER_FORMS.contains(&&*ending) => bail!(
            "-o {}: the name promises {ending}, and the document is JSON; let it end with .json",
            printable_path(output)
        ),
        _ => Ok(()),
    }
}

pub(super) fn run(options: &Options, form: Type) -> anyhow::Result<Outcome> {
    check_name(&options.output)?;
    let names: Vec<String> = match (&options.name, &options.inputs[..]) {
        (Some(name), [_]) => vec![name.clone()],
        (_, all) => all.iter().map(|input| stem(input)).collect(),
    };
    let title = options.name.clone().unwrap_or_else(|| names.join("+"));
    let mut bom = Bom::new(&title, options.created);
    for (input, name) in options.inputs.iter().zip(&names) {
        add(&mut bom, input, name, options)?;
    }
    let bytes = match form {
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

/// The name of a file without its endings, and of an image without its registry and tag: `image` of
/// `image.lock.json`, `app` of `registry.example.com/acme/app:v1`.
fn stem(input: &str) -> String {
    let name = input
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(input);
    match name.split_once(['.', ':', '@']) {
        Some((stem, _)) if !stem.is_empty() => stem.to_owned(),
        _ => name.to_owned(),
    }
}

/// Whether a file is a lock: in JSON or YAML, where an image is a folder or an archive.
fn is_lock(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    path.is_file() && matches!(ending, Some("json" | "yaml" | "yml"))
}

/// Whether a file is a program (ELF).
fn is_program(path: &Path) -> bool {
    let mut start = [0; elf::MAGIC.len()];
    // What cannot be read is told by whoever takes it for something else.
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    path.is_file() && read.is_ok() && start == *elf::MAGIC
}

fn add_program(bom: &mut Bom, path: &Path, name: &str) -> anyhow::Result<()> {
    let shown = printable_path(path);
    let failed = || format!("{shown} cannot be read");
    let digest = verbatim_digest::of_file(path).with_context(failed)?.0;
    let tree = Folder::of_program(path).with_context(failed)?;
    let inventory = Inventory::read(&tree, &[]).with_context(failed)?;
    match program::add(bom, &inventory, (name, digest)) {
        true => Ok(()),
        false => bail!("{shown} says of no module that it is made of it; build it with Go, or with `cargo auditable`, or name its Cargo.lock"),
    }
}

fn add(bom: &mut Bom, input: &str, name: &str, options: &Options) -> anyhow::Result<()> {
    let path = Path::new(input);
    let shown = printable_path(path);
    if path.extension().is_some_and(|ending| ending == "lock") {
        let data = json::read_file(path, cargo::LARGEST).map_err(unchecked)?;
        cargo::add(bom, &data, (name, Digest::of(&data)), &shown)?;
        return Ok(());
    }
    if is_program(path) {
        return add_program(bom, path, name);
    }
    if !is_lock(path) {
        let files = Files::open(input, options.platform.as_ref(), &options.registry)?;
        let purl = purl(input, &files)?;
        let tree = (&files.tree, &files.inventory);
        return image::add(bom, tree, (name, purl), options.files).map_err(unreadable);
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

/// What an image of a registry is called: by the digest of the manifest that was read.
fn purl(input: &str, files: &Files) -> anyhow::Result<Option<Purl>> {
    let Place::Registry(target) = Place::of(input)? else {
        return Ok(None);
    };
    let repository = target.repository().to_string();
    let name = repository.rsplit('/').next().unwrap_or(&repository);
    let purl = Purl::new("oci", "", name)
        .version(&files.tree.image.digest.to_string())
        .with("arch", &files.tree.image.platform.architecture)
        .with("repository_url", &repository);
    Ok(Some(purl))
}
