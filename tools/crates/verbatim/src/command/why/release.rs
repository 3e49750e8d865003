//! What changed from one release to the next.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use verbatim_digest::Digest;
use verbatim_oci::layout::{Blobs, Layout, Published};
use verbatim_oci::{Descriptor, MediaType, Reference};
use verbatim_registry::{Client, Remote, Repository, Which};
use verbatim_rootfs::Image;
use verbatim_sums::{Subject, Sums};
use verbatim_why::{changes, ChangeVerdict, Changelog, ImageChange, ReleasedChange};

use super::{Form, Options};
use crate::outcome::{unchecked, Outcome, Unchecked};
use crate::printing::{print, print_json};
use crate::registry_options::{failed, tell_retries};
use crate::rootfs::{runtime, unreadable, Files};
use crate::sums_file;

/// Where images are looked for by their digests.
struct Places<'a> {
    layouts: BTreeMap<Digest, (Arc<Layout>, Published)>,
    client: Client,
    runtime: &'a tokio::runtime::Runtime,
}

/// An image that was found.
struct Opened {
    blobs: Box<dyn Blobs>,
    root: Descriptor,
    bytes: Vec<u8>,
}

pub(super) fn run(options: &Options, new: &str) -> anyhow::Result<Outcome> {
    let old = sums_file::load(Path::new(&options.first))?.parsed.sums;
    let new = sums_file::load(Path::new(new))?.parsed.sums;
    let runtime = runtime()?;
    let mut places = Places {
        layouts: BTreeMap::new(),
        client: options.registry.client(Some(tell_retries()))?,
        runtime: &runtime,
    };
    for path in &options.layout {
        let layout = Arc::new(Layout::open(path).map_err(unchecked)?);
        let published = Published::of(&layout, None).map_err(unchecked)?;
        places
            .layouts
            .insert(published.descriptor.digest, (layout, published));
    }
    let log = Changelog::new(
        pairs(&old, &new)
            .into_iter()
            .map(|pair| one(pair, &places, options))
            .collect::<anyhow::Result<_>>()?,
    );
    match options.format {
        Form::Json => print_json(&log)?,
        Form::Markdown => print(&log.markdown())?,
        Form::Text => print(&log.text())?,
    }
    match log.verdict {
        "equal" => Ok(Outcome::Done),
        "different" => Ok(Outcome::Different),
        _ => Err(
            anyhow::anyhow!("some of what changed could not be looked at, see above")
                .context(Unchecked),
        ),
    }
}

/// A thing of two lists: its name, and on each side what it is and its digest.
type Pair<'a> = (String, Option<Listed<'a>>, Option<Listed<'a>>);

/// A line of a list.
type Listed<'a> = (&'a Subject, Digest);

/// What is one thing in both lists: of one name; where the tag alone differs, as it does from release
/// to release, of one name but for the tag, if there is one such on each side.
fn pairs<'a>(old: &'a Sums, new: &'a Sums) -> Vec<Pair<'a>> {
    let name = |subject: &Subject| match subject {
        Subject::Image(reference) => Repository::from(reference).to_string(),
        Subject::File(file) => file.to_string(),
    };
    let mut pairs: Vec<Pair<'a>> = Vec::new();
    let mut left: BTreeMap<String, [Vec<Listed<'a>>; 2]> = BTreeMap::new();
    for (subject, digest) in old.iter() {
        match new.get(subject) {
            Some(other) => pairs.push((
                subject.to_string(),
                Some((subject, digest)),
                Some((subject, other)),
            )),
            None => left.entry(name(subject)).or_default()[0].push((subject, digest)),
        }
    }
    for (subject, digest) in new.iter().filter(|(subject, _)| old.get(subject).is_none()) {
        left.entry(name(subject)).or_default()[1].push((subject, digest));
    }
    for (name, sides) in left {
        match (&sides[0][..], &sides[1][..]) {
            ([a], [b]) => pairs.push((name, Some(*a), Some(*b))),
            (gone, come) => {
                pairs.extend(gone.iter().map(|one| (one.0.to_string(), Some(*one), None)));
                pairs.extend(come.iter().map(|one| (one.0.to_string(), None, Some(*one))));
            }
        }
    }
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    pairs
}

fn one(pair: Pair<'_>, places: &Places<'_>, options: &Options) -> anyhow::Result<ReleasedChange> {
    let (reference, old, new) = pair;
    let mut result = ReleasedChange {
        reference,
        verdict: ChangeVerdict::Changed,
        old: old.map(|old| old.1),
        new: new.map(|new| new.1),
        changes: Vec::new(),
        remarks: Vec::new(),
    };
    let (old, new) = match (old, new) {
        (Some(old), Some(new)) => (old, new),
        (None, _) => {
            result.verdict = ChangeVerdict::Added;
            return Ok(result);
        }
        (_, None) => {
            result.verdict = ChangeVerdict::Removed;
            return Ok(result);
        }
    };
    if old.1 == new.1 {
        result.verdict = ChangeVerdict::Unchanged;
        return Ok(result);
    }
    let (Subject::Image(old_name), Subject::Image(new_name)) = (old.0, new.0) else {
        result
            .remarks
            .push("it is a file: `verbatim diff` says why two differ".into());
        return Ok(result);
    };
    let compared = places
        .open(old_name, old.1)
        .and_then(|a| Ok((a, places.open(new_name, new.1)?)))
        .and_then(|(a, b)| images(&a, &b, options));
    match compared {
        Ok((changes, remarks)) => {
            result.changes = changes;
            result.remarks.extend(remarks);
        }
        Err(error) => {
            result.verdict = ChangeVerdict::Unchecked;
            result.remarks.push(format!("{error:#}"));
        }
    }
    Ok(result)
}

impl Places<'_> {
    fn open(&self, reference: &Reference, digest: Digest) -> anyhow::Result<Opened> {
        if let Some((layout, published)) = self.layouts.get(&digest) {
            return Ok(Opened {
                blobs: Box::new(Layout::open(layout.path()).map_err(unchecked)?),
                root: published.descriptor.clone(),
                bytes: published.bytes.clone(),
            });
        }
        let repository = Repository::from(reference);
        let manifest = self
            .runtime
            .block_on(self.client.manifest(&repository, &Which::Digest(digest)))
            .map_err(failed)?;
        let handle = self.runtime.handle().clone();
        Ok(Opened {
            root: Descriptor::of(MediaType::new(manifest.media_type), &manifest.bytes),
            bytes: manifest.bytes,
            blobs: Box::new(Remote::new(self.client.clone(), repository, handle)),
        })
    }
}

/// The images of both sides that are for one platform, compared.
fn images(
    old: &Opened,
    new: &Opened,
    options: &Options,
) -> anyhow::Result<(Vec<ImageChange>, Vec<String>)> {
    let all = |side: &Opened| -> anyhow::Result<Vec<Image>> {
        let blobs = &*side.blobs;
        match &options.platform {
            Some(_) => {
                let platform = options.platform.as_ref();
                Ok(vec![Image::choose(
                    blobs,
                    &side.root,
                    &side.bytes,
                    platform,
                )
                .map_err(unchecked)?])
            }
            None => Image::all(blobs, &side.root, &side.bytes).map_err(unchecked),
        }
    };
    let (olds, mut news) = (all(old)?, all(new)?);
    let (mut found, mut remarks) = (Vec::new(), Vec::new());
    for image in olds {
        let fits = |other: &Image| other.platform.matches(&image.platform);
        let Some(at) = news.iter().position(fits) else {
            remarks.push(format!("the image for {} is gone", image.platform));
            continue;
        };
        let other = news.remove(at);
        if image.digest == other.digest {
            remarks.push(format!("the image for {} did not change", image.platform));
            continue;
        }
        let layers = |image: &Image| image.layers.iter().map(|l| l.diff_id).collect::<Vec<_>>();
        if layers(&image) == layers(&other) && image.config == other.config {
            remarks.push(format!(
                "the image for {} has the same config and files: only how it is packed differs (compression, annotations)",
                image.platform
            ));
            continue;
        }
        let a = Files::read(&*old.blobs, image)?;
        let b = Files::read(&*new.blobs, other)?;
        let change =
            changes((&a.tree, &a.inventory), (&b.tree, &b.inventory)).map_err(unreadable)?;
        if change.is_empty() {
            remarks.push(format!(
                "the image for {} has the same files and runs the same way: only how they lie in layers, or the history, differs",
                change.platform
            ));
        }
        found.push(change);
    }
    for image in news {
        remarks.push(format!("an image for {} is new", image.platform));
    }
    Ok((found, remarks))
}
