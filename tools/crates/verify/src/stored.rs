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
use verbatim_storage::{LayerCheck, Store, Stored as _, Unpacked};
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
pub fn check<S: Store>(
    store: &S,
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

/// What was found of an image: the digest where its files are right, the verdict, and all files that are not as they
/// should be.
struct Looked {
    actual: Option<Digest>,
    judgement: Judgement,
    problems: Vec<Problem>,
}

impl Looked {
    fn because(verdict: Verdict, why: impl Into<String>) -> Self {
        Self {
            actual: None,
            judgement: Judgement::because(verdict, why),
            problems: Vec::new(),
        }
    }

    /// What kept it from being looked at. What the store has of an image may contradict itself.
    fn failed(error: &verbatim_oci::Error) -> Self {
        let verdict = match error.kind() {
            ErrorKind::Mismatch => Verdict::Different,
            _ => Verdict::Unchecked,
        };
        Self::because(verdict, error.to_string())
    }

    /// The same image in another place: it is as good as the worse one.
    fn add(&mut self, other: Self) {
        self.judgement.worsen(other.judgement.verdict);
        self.judgement.reasons.extend(other.judgement.reasons);
        self.problems.extend(other.problems);
        self.actual = self.actual.filter(|_| other.actual.is_some());
    }
}

fn check_one<'a, S: Store>(
    store: &'a S,
    expected: &Expected,
    looked_at: &mut BTreeSet<&'a str>,
    progress: &dyn Fn(u64),
) -> Finding {
    let looked = match find(store, expected) {
        Err(e) => Looked::failed(&e),
        Ok((images, is_renamed)) => {
            let several = images.len() > 1;
            let mut all: Option<Looked> = None;
            for image in images {
                looked_at.insert(image.id());
                let mut looked = judge_image(store, expected, image, is_renamed, progress)
                    .unwrap_or_else(|e| Looked::failed(&e));
                if let Some(place) = image.place().filter(|_| several) {
                    for reason in &mut looked.judgement.reasons {
                        *reason = format!("{place}: {reason}");
                    }
                }
                match &mut all {
                    Some(all) => all.add(looked),
                    None => all = Some(looked),
                }
            }
            all.unwrap_or_else(|| {
                let why = "the store has no image of this name, nor one with this digest";
                Looked::because(Verdict::Missing, why)
            })
        }
    };
    let name = expected.reference.to_string();
    let digest = Some(expected.digest);
    let mut finding = Finding::new(name, digest, looked.actual, looked.judgement);
    finding.problems = looked.problems;
    finding
}

/// The images of this name, or, where none has it, those with these bytes; and whether they have other names.
fn find<'a, S: Store>(store: &'a S, expected: &Expected) -> Result<(Vec<&'a S::Image>, bool)> {
    let is_named = |image: &&S::Image| {
        let mut names = image.names().into_iter();
        names.any(|name| is_same(&expected.reference, &name))
    };
    let named: Vec<_> = store.images().iter().filter(is_named).collect();
    if !named.is_empty() {
        return Ok((named, false));
    }
    let mut unreadable = None;
    let mut found = Vec::new();
    for image in store.images() {
        match store.manifests(image) {
            Ok(manifests) => {
                let is_it = |(digest, _): &(Digest, Vec<u8>)| *digest == expected.digest;
                found.extend(manifests.iter().any(is_it).then_some(image));
            }
            Err(e) => unreadable = Some(e),
        }
    }
    match unreadable.filter(|_| found.is_empty()) {
        Some(e) => Err(e),
        None => Ok((found, true)),
    }
}

/// Whether a store's name is that of a release: an engine gives a tag to what has none.
fn is_same(released: &Reference, stored: &Reference) -> bool {
    released.identity() == stored.identity()
        || (released.tag().is_none()
            && stored.tag() == Some("latest")
            && released.identity().registry() == stored.identity().registry()
            && released.identity().repository() == stored.identity().repository())
}

fn judge_image<S: Store>(
    store: &S,
    expected: &Expected,
    image: &S::Image,
    is_renamed: bool,
    progress: &dyn Fn(u64),
) -> Result<Looked> {
    let manifests = store.manifests(image)?;
    let released = released(expected, &manifests);
    let is_released = !released.is_empty();
    let candidates = match is_released {
        true => released,
        false => first_manifest(&manifests),
    };
    let mut all: Option<Looked> = None;
    let mut failed = None;
    for candidate in candidates {
        let looked = match judge_manifest(store, expected, image, candidate, is_released, progress)
        {
            Ok(Some(looked)) => looked,
            Ok(None) => continue,
            // Of an index that was pulled for one platform the others lack more or less.
            Err(e) if e.kind() == ErrorKind::Missing => {
                failed = failed.or(Some(e));
                continue;
            }
            Err(e) => Looked::failed(&e),
        };
        match &mut all {
            Some(all) => all.add(looked),
            None => all = Some(looked),
        }
    }
    let mut looked = match (all, failed) {
        (Some(looked), _) => looked,
        (None, Some(e)) => return Err(e),
        (None, None) if manifests.is_empty() => {
            Looked::because(Verdict::Unchecked, "the store keeps no manifest of it")
        }
        (None, None) => Looked::because(
            Verdict::Unchecked,
            "the store has not unpacked it, so there are no files to look at",
        ),
    };
    match store.changed_blobs(image, progress) {
        Ok(changed) => {
            for (named, found) in changed {
                looked.add(Looked::because(
                    Verdict::Different,
                    format!("the blob {named} in the store has the digest {found}: it was changed"),
                ));
            }
        }
        Err(e) => looked.add(Looked::failed(&e)),
    }
    if is_renamed {
        let reason = match image.names().first() {
            Some(name) => format!("the store has it as {}", printable(&name.to_string())),
            None => "the store has it without a name".to_owned(),
        };
        looked.judgement.reasons.insert(0, reason);
    }
    Ok(looked)
}

/// What is said of one manifest; nothing if its layers are not unpacked.
fn judge_manifest<S: Store>(
    store: &S,
    expected: &Expected,
    image: &S::Image,
    (digest, manifest): (Digest, &[u8]),
    is_released: bool,
    progress: &dyn Fn(u64),
) -> Result<Option<Looked>> {
    let file = format!("the manifest {digest} in the store");
    let parsed = Manifest::parse(manifest, &file)?;
    let config = store.config(image, parsed.config.digest)?;
    let config_file = format!("the config {} in the store", parsed.config.digest);
    let config = Named::new(&config, &config_file);
    let described = ImageMetadata::describe(Named::new(manifest, &file), config, None)?;
    let mut judgement = match is_released {
        true => Judgement::identical(),
        false => {
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
        return Ok(Some(Looked {
            actual: Some(digest),
            judgement,
            problems: Vec::new(),
        }));
    }
    let layers = with_sizes(described.layers, expected.image.as_ref());
    let unpacked = store.check(image, &layers, progress);
    if unpacked.is_empty() {
        return Ok(None);
    }
    let several = unpacked.len() > 1;
    let mut problems = Vec::new();
    for Unpacked {
        place,
        layers: checks,
    } in unpacked
    {
        let mut one = Judgement::identical();
        match checks {
            Ok(checks) => problems.extend(settle(&layers, checks, &mut one)),
            Err(e) => one = Looked::failed(&e).judgement,
        }
        judgement.worsen(one.verdict);
        let place = place.filter(|_| several);
        judgement
            .reasons
            .extend(one.reasons.into_iter().map(|reason| match &place {
                Some(place) => format!("{place}: {reason}"),
                None => reason,
            }));
    }
    let is_right = !matches!(judgement.verdict, Verdict::Different | Verdict::Unchecked);
    Ok(Some(Looked {
        actual: is_right.then_some(digest),
        judgement,
        problems,
    }))
}

/// The manifests among these that were released: under the name itself, or for platforms.
fn released<'a>(
    expected: &Expected,
    manifests: &'a [(Digest, Vec<u8>)],
) -> Vec<(Digest, &'a [u8])> {
    let get = |wanted: Digest| {
        let found = manifests.iter().find(|(digest, _)| *digest == wanted)?;
        Some((found.0, &found.1[..]))
    };
    let Some((_, top)) = get(expected.digest) else {
        let platforms = expected.image.iter().flat_map(|image| &image.platforms);
        return platforms
            .filter_map(|image| get(image.manifest.digest))
            .collect();
    };
    match Document::parse(top, "the manifest in the store") {
        Ok(Document::Index(index)) => index
            .manifests
            .iter()
            .filter(|descriptor| descriptor.may_be_image())
            .filter_map(|descriptor| get(descriptor.digest))
            .collect(),
        _ => vec![(expected.digest, top)],
    }
}

/// The first one that is of an image, and no index.
fn first_manifest(manifests: &[(Digest, Vec<u8>)]) -> Vec<(Digest, &[u8])> {
    let is_manifest = |data: &[u8]| {
        let parsed = Document::parse(data, "the manifest in the store");
        matches!(parsed, Ok(Document::Manifest(manifest)) if manifest.may_be_image())
    };
    let mut found = manifests.iter().filter(|(_, data)| is_manifest(data));
    let first = found.next().or_else(|| manifests.first());
    first
        .map(|(digest, data)| (*digest, &data[..]))
        .into_iter()
        .collect()
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
