//! What an engine has unpacked on its disk, compared with what was released.
//!
//! The chain has no gap: the manifest is the one that was released, by the digest of its bytes; it
//! names the config by digest, and the config names each layer by the digest of its archive, which
//! is made again from the unpacked files.

use std::collections::BTreeSet;

use verbatim_digest::Digest;
use verbatim_foreign::{counted, printable};
use verbatim_oci::layout::Problem;
use verbatim_oci::{
    Document, ErrorKind, ImageMetadata, LayerMetadata, Manifest, Named, Reference, Result,
};
use verbatim_storage::{Image as Stored, LayerCheck, Store};
use verbatim_sums::collect::{of_image, platform_image};
use verbatim_sums::record::Image;

use crate::image::judge;
use crate::served::Expected;
use crate::{Finding, Judgement, Verdict};

/// So many changed files are told as reasons.
const MAX_REASONS: usize = 8;

/// So many changed files are told at all.
const MAX_PROBLEMS: usize = 1_000;

/// Look for each image in a store, and check the files of those that are there. The remarks say what was
/// not looked at. `progress` is called with numbers of bytes that were read.
pub fn check(
    store: &Store,
    expected: &[Expected],
    progress: &dyn Fn(u64),
) -> (Vec<Finding>, Vec<String>) {
    let mut looked_at = BTreeSet::new();
    let findings = expected
        .iter()
        .map(|expected| check_one(store, expected, &mut looked_at, progress))
        .collect();
    let others = store.images().len() - looked_at.len();
    let mut notes = Vec::new();
    if others > 0 {
        notes.push(format!(
            "the store holds {} that {} not part of the release, and not looked at",
            counted(others, "image"),
            if others == 1 { "is" } else { "are" }
        ));
    }
    (findings, notes)
}

/// Each image with the reason why nothing was looked at.
pub fn unread(expected: &[Expected], why: &str) -> Vec<Finding> {
    let finding = |expected: &Expected| {
        let name = expected.reference.to_string();
        let judgement = Judgement::because(Verdict::Unchecked, why);
        Finding::new(name, Some(expected.digest), None, judgement)
    };
    expected.iter().map(finding).collect()
}

fn check_one<'a>(
    store: &'a Store,
    expected: &Expected,
    looked_at: &mut BTreeSet<&'a str>,
    progress: &dyn Fn(u64),
) -> Finding {
    let name = expected.reference.to_string();
    let finding = |actual, judgement| Finding::new(&name, Some(expected.digest), actual, judgement);
    let unchecked = |e: verbatim_oci::Error| {
        finding(None, Judgement::because(Verdict::Unchecked, e.to_string()))
    };
    let found = match find(store, expected) {
        Ok(Some(found)) => found,
        Ok(None) => {
            let why = "the store has no image of this name, nor one with this digest";
            return finding(None, Judgement::because(Verdict::Missing, why));
        }
        Err(e) => return unchecked(e),
    };
    looked_at.insert(found.image.id());
    match judge_files(store, expected, &found, progress) {
        Ok((actual, judgement, problems)) => {
            let mut finding = finding(actual, judgement);
            finding.problems = problems;
            finding
        }
        // What the store keeps of the image contradicts itself.
        Err(e) if e.kind() == ErrorKind::Mismatch => {
            finding(None, Judgement::because(Verdict::Different, e.to_string()))
        }
        Err(e) => unchecked(e),
    }
}

/// An image of a store.
struct Found<'a> {
    image: &'a Stored,
    /// It has another name there.
    renamed: bool,
}

/// The image of this name, or, where none has it, one with these bytes.
fn find<'a>(store: &'a Store, expected: &Expected) -> Result<Option<Found<'a>>> {
    let named = |image: &&Stored| {
        image
            .names()
            .any(|name| is_same(&expected.reference, &name))
    };
    if let Some(image) = store.images().iter().find(named) {
        return Ok(Some(Found {
            image,
            renamed: false,
        }));
    }
    let mut unreadable = None;
    for image in store.images() {
        match store.manifests(image) {
            Ok(manifests) => {
                let is_it = |(digest, _): &(Digest, Vec<u8>)| *digest == expected.digest;
                if manifests.iter().any(is_it) {
                    return Ok(Some(Found {
                        image,
                        renamed: true,
                    }));
                }
            }
            Err(e) => unreadable = Some(e),
        }
    }
    unreadable.map_or(Ok(None), Err)
}

/// Whether a store's name is that of a release: an engine gives a tag to what has none.
fn is_same(released: &Reference, stored: &Reference) -> bool {
    released.identity() == stored.identity()
        || (released.tag().is_none()
            && stored.tag() == Some("latest")
            && released.identity().registry() == stored.identity().registry()
            && released.identity().repository() == stored.identity().repository())
}

/// What was found, the verdict, and all files that are not as they should be.
fn judge_files(
    store: &Store,
    expected: &Expected,
    found: &Found<'_>,
    progress: &dyn Fn(u64),
) -> Result<(Option<Digest>, Judgement, Vec<Problem>)> {
    let manifests = store.manifests(found.image)?;
    let released = released(expected, &manifests);
    let (digest, manifest) = match (released, manifests.first()) {
        (Some(released), _) => released,
        (None, Some((digest, manifest))) => (*digest, &manifest[..]),
        (None, None) => {
            let why = "the store keeps no manifest of it";
            return Ok((
                None,
                Judgement::because(Verdict::Unchecked, why),
                Vec::new(),
            ));
        }
    };
    let file = format!("the manifest {digest} in the store");
    let parsed = Manifest::parse(manifest, &file)?;
    let config = store.config(found.image, parsed.config.digest)?;
    let config_file = format!("the config {} in the store", parsed.config.digest);
    let config = Named::new(&config, &config_file);
    let described = ImageMetadata::describe(Named::new(manifest, &file), config, None)?;
    let mut judgement = match released {
        Some(_) => Judgement::identical(),
        None => {
            let image = platform_image(&described, config)?;
            judge(
                &expected.known(),
                &of_image(expected.reference.clone(), image),
            )
        }
    };
    if judgement.verdict == Verdict::Different {
        let why = "it is another image, whose files were not looked at";
        judgement.reasons.push(why.to_owned());
        return Ok((Some(digest), judgement, Vec::new()));
    }
    if found.renamed {
        let names: Vec<_> = found.image.names().map(|name| name.to_string()).collect();
        judgement.reasons.push(match names.first() {
            Some(name) => format!("the store has it as {}", printable(name)),
            None => "the store has it without a name".to_owned(),
        });
    }
    let layers = with_sizes(described.layers, expected.image.as_ref());
    let checks = store.check(found.image, &layers, progress)?;
    let problems = settle(&layers, checks, &mut judgement);
    let actual = (judgement.verdict != Verdict::Different
        && judgement.verdict != Verdict::Unchecked)
        .then_some(digest);
    Ok((actual, judgement, problems))
}

/// The manifest among these that was released: under the name itself, or for a platform.
fn released<'a>(
    expected: &Expected,
    manifests: &'a [(Digest, Vec<u8>)],
) -> Option<(Digest, &'a [u8])> {
    let get = |wanted: Digest| {
        let found = manifests.iter().find(|(digest, _)| *digest == wanted)?;
        Some((found.0, &found.1[..]))
    };
    let (_, top) = match get(expected.digest) {
        Some(top) => top,
        None => {
            let mut platforms = expected.image.iter().flat_map(|image| &image.platforms);
            return platforms.find_map(|image| get(image.manifest.digest));
        }
    };
    match Document::parse(top, "the manifest in the store") {
        Ok(Document::Index(index)) => index
            .manifests
            .iter()
            .find_map(|descriptor| get(descriptor.digest)),
        _ => Some((expected.digest, top)),
    }
}

/// The layers, with what the document beside the sums knows of them besides.
fn with_sizes(mut layers: Vec<LayerMetadata>, released: Option<&Image>) -> Vec<LayerMetadata> {
    for layer in &mut layers {
        let mut known = released
            .iter()
            .flat_map(|image| &image.platforms)
            .flat_map(|image| &image.layers);
        let same =
            known.find(|known| known.digest == layer.digest && known.diff_id == layer.diff_id);
        if let Some(known) = same {
            layer.uncompressed_size = layer.uncompressed_size.or(known.uncompressed_size);
            layer.encoder.clone_from(&known.encoder);
        }
    }
    layers
}

/// Make the verdict worse where files are not as they should be.
fn settle(
    layers: &[LayerMetadata],
    checks: Vec<LayerCheck>,
    judgement: &mut Judgement,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut unchecked = Vec::new();
    let mut unnamed = Vec::new();
    let (mut count, of) = (0, layers.len());
    let mut told_by_record = false;
    for (number, (check, expected)) in checks.into_iter().zip(layers).enumerate() {
        let layer = match of {
            1 => "the layer".to_owned(),
            _ => format!("layer {} of {of}", number + 1),
        };
        if let Some(why) = check.unchecked {
            unchecked.push(format!("{layer} could not be checked: {why}"));
            continue;
        }
        let is_proven = check.diff_id == Some(expected.diff_id);
        told_by_record |= !is_proven && !check.changes.is_empty();
        if !is_proven && check.changes.is_empty() {
            unnamed.push(format!(
                "{layer} is another one than was released; in which file nobody says, for the engine's record of it is missing or was changed too"
            ));
        }
        count += check.changes.len();
        let room = MAX_PROBLEMS.saturating_sub(problems.len());
        problems.extend(check.changes.iter().take(room).map(|change| Problem {
            file: layer.clone(),
            pointer: None,
            kind: ErrorKind::Mismatch,
            problem: change.to_string(),
        }));
    }
    let mut reasons: Vec<_> = problems
        .iter()
        .take(MAX_REASONS)
        .map(|problem| format!("{}: {}", problem.file, problem.problem))
        .collect();
    if count > MAX_REASONS {
        reasons.push(match count > problems.len() {
            true => format!("and {} more", count - MAX_REASONS),
            false => format!("and {} more, see --format=json", count - MAX_REASONS),
        });
    }
    if told_by_record {
        reasons.push(
            "which files these are is told by the engine's own record; that something was changed, by the digest"
                .to_owned(),
        );
    }
    reasons.extend(unnamed);
    if !unchecked.is_empty() {
        judgement.worsen(Verdict::Unchecked);
    }
    if !reasons.is_empty() {
        judgement.worsen(Verdict::Different);
    }
    reasons.extend(unchecked);
    judgement.reasons.extend(reasons);
    problems
}
