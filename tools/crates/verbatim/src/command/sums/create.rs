//! `verbatim sums create`: the sums of images and files.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail, Context};
use verbatim_foreign::{printable, printable_path};
use verbatim_oci::layout::Kind;
use verbatim_oci::{Error, ErrorKind, Reference};
use verbatim_requests::{FileRecord, ImageRequest, Values};
use verbatim_sums::collect::{self, Collection, Place, Wanted};
use verbatim_sums::record::Image;

use super::Output;
use crate::arguments::pair;
use crate::outcome::{unchecked, Outcome};
use crate::threads::threads;

/// Fewer records than this are not worth a thread.
const MIN_RECORDS: usize = 16;

/// Write the sums of images and files.
///
/// The sum of an image is the digest that a registry serves under its name: that of the
/// manifest, or of the index of an image for several platforms. It is made from the bytes of
/// these documents; layers are not read, but a layer that is there must be a file of its size. A
/// layout that names one thing stands for that thing, one that names several for its
/// index.json; --kind=REFERENCE=image|index says otherwise.
///
/// Of an encrypted layer nobody can tell what it holds: it is unsupported, and the exit code 3. With --no-json
/// the digests of images alone are asked for, and these hold whatever is in the layers.
///
/// Beside the text stands a JSON document that says of each image how its digest comes
/// about: `x.json` beside `x.sha256`.
///
/// Build rules describe images with --record instead, one JSON object each:
///
///   {"reference":{"registry":"registry.example.com","prefix":"acme",
///                 "name":"server","tag":"{STABLE_TAG}"},
///    "kind":"image","manifest":"m.json","config":"c.json",
///    "metadata":"image.json","origin":"//server"}
///
/// Further kinds: "index" (index, images), "layout" (layout), "output_groups" (digest,
/// descriptor), "file" (file). Parts of a reference are texts or {"file":FILE}; {KEY} in them
/// comes from --define, and from the stable keys of --status.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = "EXAMPLES
  Images, printed:
    verbatim sums create --image=registry.example.com/acme/server:v1=./server

  The files of a release, as `sha256sum -c` takes them:
    verbatim sums create --files=dist -o dist/release.sha256")]
pub struct Create {
    /// An image: under which name it is published, and where it is (an OCI layout, an archive
    /// of one, a manifest or an index).
    #[arg(long = "image", value_name = "REFERENCE=LAYOUT")]
    images: Vec<String>,
    /// What the layout of an image stands for.
    #[arg(long = "kind", value_name = "REFERENCE=image|index")]
    kinds: Vec<String>,
    /// A file, or all files below a folder.
    #[arg(long, value_name = "DIR|FILE")]
    files: Vec<PathBuf>,
    /// An image as a JSON object.
    #[arg(long = "record", value_name = "JSON")]
    records: Vec<String>,
    /// A file as a JSON object: {"name":"tool-linux-amd64","file":"out/tool","origin":"//tool"}.
    #[arg(long = "file-record", value_name = "JSON")]
    file_records: Vec<String>,
    /// Values for {KEY}: lines `KEY value`, as Bazel's workspace status has them. Only stable
    /// keys count: STABLE_…, BUILD_EMBED_LABEL, BUILD_HOST, BUILD_USER.
    #[arg(long, value_name = "FILE")]
    status: Vec<PathBuf>,
    /// A value for {KEY}.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    define: Vec<(String, String)>,
    /// How many files are hashed at a time; by default as many as there are cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(flatten)]
    output: Output,
}

/// What records describe, in their order. Each is three small files to read and to hash, so
/// for a thousand of them all cores are used.
fn described(
    records: &[String],
    values: &Values,
    threads: usize,
) -> Vec<anyhow::Result<(Image, String)>> {
    let one = |record: &String| {
        let request = ImageRequest::parse(record, "--record")?;
        let entry = request.sums_entry(values).map_err(unchecked)?;
        Ok((entry, request.origin))
    };
    let size = records.len().div_ceil(threads).max(MIN_RECORDS);
    std::thread::scope(|scope| {
        let parts: Vec<_> = records
            .chunks(size)
            .map(|part| scope.spawn(move || part.iter().map(one).collect::<Vec<_>>()))
            .collect();
        parts
            .into_iter()
            .flat_map(|part| match part.join() {
                Ok(part) => part,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

pub(super) fn run(options: Create) -> anyhow::Result<Outcome> {
    let mut collection = Collection::new();
    let mut images: Vec<(Image, String)> = Vec::new();
    let mut kinds = kinds(&options.kinds)?;
    for image in &options.images {
        let (reference, layout) = image
            .split_once('=')
            .filter(|(_, layout)| !layout.is_empty())
            .ok_or_else(|| anyhow!("--image={image}: write REFERENCE=LAYOUT, such as registry.example.com/app:v1=./layout"))?;
        let reference: Reference = reference.parse().context("--image")?;
        let mut kind = None;
        for said in &mut kinds {
            if said.reference.identity() == reference.identity() {
                said.used = true;
                kind = Some(said.kind);
            }
        }
        let entry = collect::of_path(reference, Path::new(layout), kind).map_err(unchecked)?;
        images.push((entry, layout.to_owned()));
    }
    if let Some(said) = kinds.iter().find(|said| !said.used) {
        let reference = &said.reference;
        bail!("--kind={reference}: no --image has this reference; name the image with --image, or leave --kind out");
    }
    let mut values = Values::default();
    for status in &options.status {
        values.add_status(status)?;
    }
    for (key, value) in &options.define {
        values.define(key, value);
    }
    for described in described(&options.records, &values, threads(options.threads)) {
        images.push(described?);
    }
    if !options.output.no_json {
        images.iter().try_for_each(can_be_told)?;
    }
    collection.add_images(images)?;
    let mut outputs: Vec<PathBuf> = options.output.output.iter().cloned().collect();
    outputs.extend(options.output.json());
    // There may be very many files, so what is said of each is short.
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut origins: Vec<(usize, String)> = Vec::new();
    let threads = threads(options.threads);
    for path in &options.files {
        let found = collect::files_at(path, &outputs, threads).map_err(unchecked)?;
        origins.push((found.len(), printable_path(path).into_owned()));
        wanted.extend(found);
    }
    for record in &options.file_records {
        let record = FileRecord::parse(record, "--file-record")?;
        let origin = record.origin();
        let name = collect::published_name(&record.name).map_err(|e| anyhow!("{origin}: {e}"))?;
        let place = Place::At(record.file);
        wanted.push(Wanted { name, place });
        origins.push((1, origin));
    }
    let mut files = collect::hash_files(wanted, threads)
        .map_err(unchecked)?
        .into_iter();
    for (count, origin) in origins {
        collection.add_files(files.by_ref().take(count).collect(), &origin)?;
    }
    let (sums, record) = collection.finish();
    if sums.is_empty() {
        bail!("there is nothing to sum; name images with --image and files with --files");
    }
    let record = options.output.wants_json().then_some(record);
    options.output.write(sums, record)?;
    Ok(Outcome::Done)
}

/// Whether all that the document says of an image can be known: what an encrypted layer holds can not.
fn can_be_told((image, origin): &(Image, String)) -> anyhow::Result<()> {
    match image.encrypted_layer() {
        None => Ok(()),
        Some(layer) => Err(unchecked(Error::new(
            ErrorKind::Unknowable,
            printable(origin),
            format!(
                "the layer {} of {} is encrypted, and what it holds cannot be told; --no-json writes the digest of the image alone, which needs nothing of it",
                layer.digest, image.reference
            ),
        ))),
    }
}

/// What was said of a reference, and whether it was of use.
struct Said {
    reference: Reference,
    kind: Kind,
    used: bool,
}

fn kinds(options: &[String]) -> anyhow::Result<Vec<Said>> {
    options
        .iter()
        .map(|option| {
            let (reference, kind) = option.rsplit_once('=').ok_or_else(|| {
                anyhow!("--kind={option}: write REFERENCE=image or REFERENCE=index")
            })?;
            let kind = match kind {
                "image" => Kind::Image,
                "index" => Kind::Index,
                other => bail!("--kind={option}: `{other}` is no kind; write `image` or `index`"),
            };
            Ok(Said {
                reference: reference.parse().context("--kind")?,
                kind,
                used: false,
            })
        })
        .collect()
}
