//! What runs, compared with what was released.

use std::collections::{BTreeMap, BTreeSet};

use verbatim_digest::Digest;
use verbatim_oci::Reference;
use verbatim_registry::{Mirror, Repository};
use verbatim_sums::record::{Image, PlatformImage};

use crate::container::{Container, Name};
use crate::image;
use crate::served::Expected;
use crate::{Finding, Judgement, Place, Verdict};

/// What runs in place of a reference, by the reference's number and the digest that is told.
pub type Strangers = BTreeMap<(usize, Digest), Image>;

/// Compare containers with a release.
///
/// A container belongs to the reference whose repository and tag it names, else to the one of its
/// repository, else to whatever was released with its digest. The name may be that of a mirror. What
/// belongs to nothing is `extra`; what runs nowhere is `missing`. Of a digest that was not
/// released, `described` says what it is, as far as somebody knows.
pub fn compare(
    expected: &[Expected],
    containers: Vec<Container>,
    mirrors: &[Mirror],
    described: &Strangers,
) -> Vec<Finding> {
    let mut release = Release::new(expected, mirrors);
    release.described = Some(described);
    // By what it belongs to and what it runs: a thousand pods of one image are one line.
    let mut groups: BTreeMap<Group, (Judgement, Vec<Place>)> = BTreeMap::new();
    for container in containers {
        let (number, actual, judgement) = release.judge(&container);
        let shown = if number.is_some() {
            String::new()
        } else {
            shown(&container)
        };
        groups
            .entry((number, shown, actual, judgement.verdict))
            .or_insert_with(|| (judgement, Vec::new()))
            .1
            .push(container.place);
    }
    let running: BTreeSet<usize> = groups.keys().filter_map(|key| key.0).collect();
    let mut findings: Vec<_> = groups
        .into_iter()
        .map(|((number, shown, actual, _), (judgement, places))| {
            let (reference, digest) = match number {
                Some(number) => (
                    expected[number].reference.to_string(),
                    Some(expected[number].digest),
                ),
                None => (shown, None),
            };
            Finding::new(reference, digest, actual, judgement).at(places)
        })
        .collect();
    for (number, expected) in expected.iter().enumerate() {
        if !running.contains(&number) {
            findings.push(Finding::new(
                expected.reference.to_string(),
                Some(expected.digest),
                None,
                Judgement::because(Verdict::Missing, "it runs nowhere"),
            ));
        }
    }
    findings
}

/// The references of which too little is known to say whether a container runs them: only
/// their digest, and a runtime may tell that of a platform's manifest or of a config.
pub fn undecided(
    expected: &[Expected],
    containers: &[Container],
    mirrors: &[Mirror],
) -> BTreeSet<usize> {
    let release = Release::new(expected, mirrors);
    containers
        .iter()
        .filter_map(|container| {
            let (number, actual, judgement) = release.judge(container);
            let number = number.filter(|&number| expected[number].image.is_none())?;
            let open = matches!(judgement.verdict, Verdict::Different | Verdict::Unchecked);
            (open && actual.is_some()).then_some(number)
        })
        .collect()
}

/// Digests that run under the name of a reference of which all is known, and that are none of
/// its own: whether they are of the same contents, only their bytes say.
pub fn strangers(
    expected: &[Expected],
    containers: &[Container],
    mirrors: &[Mirror],
) -> BTreeSet<(usize, Digest)> {
    let release = Release::new(expected, mirrors);
    let mut strangers = BTreeSet::new();
    for container in containers {
        let (number, _, judgement) = release.judge(container);
        let is_stranger = matches!(judgement.verdict, Verdict::Different | Verdict::Unchecked);
        if let Some(number) = number.filter(|_| is_stranger) {
            if expected[number].image.is_some() {
                strangers.extend(container.digests.iter().map(|digest| (number, *digest)));
            }
        }
    }
    strangers
}

/// The number of a reference, the name where there is none, what runs, and the verdict.
type Group = (Option<usize>, String, Option<Digest>, Verdict);

fn shown(container: &Container) -> String {
    if !container.shown.is_empty() {
        return container.shown.clone();
    }
    match container.digests.first().or(container.image_id.as_ref()) {
        Some(digest) => digest.to_string(),
        None => "an image without a name".to_owned(),
    }
}

/// What a digest stands for in a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The published manifest or index.
    Published,
    /// The manifest of one platform in a published index.
    Platform,
    /// A config.
    Config,
}

struct Release<'a> {
    expected: &'a [Expected],
    by_repository: BTreeMap<String, Vec<(usize, Option<String>)>>,
    by_digest: BTreeMap<Digest, Vec<(usize, Role)>>,
    described: Option<&'a Strangers>,
}

impl<'a> Release<'a> {
    fn new(expected: &'a [Expected], mirrors: &[Mirror]) -> Self {
        let mut by_repository: BTreeMap<String, Vec<(usize, Option<String>)>> = BTreeMap::new();
        let mut by_digest: BTreeMap<Digest, Vec<(usize, Role)>> = BTreeMap::new();
        for (number, one) in expected.iter().enumerate() {
            for name in names(&one.reference, mirrors) {
                by_repository
                    .entry(name.repository)
                    .or_default()
                    .push((number, name.tag));
            }
            let mut known =
                |digest, role| by_digest.entry(digest).or_default().push((number, role));
            known(one.digest, Role::Published);
            for platform in one.image.iter().flat_map(|image| &image.platforms) {
                if platform.manifest.digest != one.digest {
                    known(platform.manifest.digest, Role::Platform);
                }
                known(platform.config.digest, Role::Config);
            }
        }
        Self {
            expected,
            by_repository,
            by_digest,
            described: None,
        }
    }

    /// The verdict about a container that tells no digest of the image that it is meant to run.
    fn judge_stranger(&self, number: usize, container: &Container) -> Judgement {
        let Some(expected) = &self.expected[number].image else {
            // It may be that of a platform's manifest or of a config as well.
            return Judgement::because(
                Verdict::Unchecked,
                "the runtime tells another digest, and only the digest of what was released is known: the registry could not be asked for more, so keep the .json file beside the sums",
            );
        };
        let described = container
            .digests
            .iter()
            .find_map(|digest| self.described?.get(&(number, *digest)));
        match described {
            Some(actual) => {
                let mut judgement = image::judge(&comparable(expected, actual), actual);
                if judgement.verdict == Verdict::Different {
                    let reason = "another image runs under this name".to_owned();
                    judgement.reasons.insert(0, reason);
                }
                judgement
            }
            // Attestations make another index of the same images: no digest alone is a proof.
            None if expected.media_type.is_index() && !container.digests.is_empty() => {
                Judgement::because(
                    Verdict::Unchecked,
                    "the runtime tells another digest, which may be that of another index of the same images, and the registry does not say what it is",
                )
            }
            None => Judgement::because(Verdict::Different, "another image runs under this name"),
        }
    }

    /// The verdict by the digest of a manifest, unless the runtime also tells an image ID that contradicts it: an
    /// engine may hold that name for another image, and only one of the two is what runs.
    fn agreed(&self, number: usize, container: &Container, judgement: Judgement) -> Judgement {
        let (Verdict::Identical, Some(id)) = (judgement.verdict, container.image_id) else {
            return judgement;
        };
        let roles = self.by_digest.get(&id).into_iter().flatten();
        if roles.into_iter().any(|(of, _)| *of == number) || !self.knows_ids(number) {
            return judgement;
        }
        Judgement::because(
            Verdict::Unchecked,
            format!("the runtime tells what was released, and beside it the image ID {id}, which none of the released images has; pull the image again, and look at its layers with --storage"),
        )
    }

    /// Whether all image IDs are known that an engine may give to this reference. Of zstd layers podman may
    /// read only what it lacks, and then makes another ID, of their tables of contents.
    fn knows_ids(&self, number: usize) -> bool {
        let platforms = self.expected[number]
            .image
            .iter()
            .flat_map(|image| &image.platforms);
        let mut layers = platforms.clone().flat_map(|platform| &platform.layers);
        platforms.count() > 0 && layers.all(|layer| layer.media_type.layer_suffix() != Some("zstd"))
    }

    /// To which reference the container belongs, what it runs, and the verdict.
    fn judge(&self, container: &Container) -> (Option<usize>, Option<Digest>, Judgement) {
        let candidates = self.candidates(container);
        let told: Vec<Digest> = container
            .digests
            .iter()
            .copied()
            .chain(container.image_id)
            .collect();
        // The best role that any told digest has, in what the container's name stands for first.
        let role = |number: usize| {
            told.iter()
                .filter_map(|digest| {
                    let role = self
                        .by_digest
                        .get(digest)?
                        .iter()
                        .find(|(n, _)| *n == number)?
                        .1;
                    Some((role, *digest))
                })
                .min_by_key(|(role, _)| *role as u8)
        };
        for &number in &candidates {
            if let Some((role, digest)) = role(number) {
                let judgement = self.agreed(number, container, known(role, None));
                return (Some(number), Some(digest), judgement);
            }
        }
        if candidates.is_empty() {
            // Perhaps a copy under another name.
            for digest in &told {
                if let Some((number, role)) = self.by_digest.get(digest).and_then(|all| all.first())
                {
                    let name = Some(shown(container));
                    let judgement = self.agreed(*number, container, known(*role, name));
                    return (Some(*number), Some(*digest), judgement);
                }
            }
        }
        let actual = told.first().copied();
        if actual.is_none() && container.names.is_empty() {
            let judgement = Judgement::because(
                Verdict::Unchecked,
                "the runtime tells neither a name nor a digest",
            );
            return (None, None, judgement);
        }
        let Some(&number) = candidates.first() else {
            let judgement = Judgement::because(Verdict::Extra, "it is no part of the release");
            return (None, actual, judgement);
        };
        if actual.is_none() {
            let judgement = Judgement::because(
                Verdict::Unchecked,
                "the runtime tells no digest: it has not been started, or the command that was piped does not say",
            );
            return (Some(number), None, judgement);
        }
        let judgement = self.judge_stranger(number, container);
        (Some(number), actual, judgement)
    }

    /// The references that the container may be meant to run, best first.
    fn candidates(&self, container: &Container) -> Vec<usize> {
        let mut exact = Vec::new();
        let mut others = Vec::new();
        for name in &container.names {
            for (number, tag) in self
                .by_repository
                .get(&name.repository)
                .into_iter()
                .flatten()
            {
                let into = if *tag == name.tag {
                    &mut exact
                } else {
                    &mut others
                };
                if !into.contains(number) {
                    into.push(*number);
                }
            }
        }
        // A name with a tag decides; without one (a digest, or another release's tag) any of the repository may.
        if exact.is_empty() {
            others
        } else {
            exact
        }
    }
}

/// Of an index, the images that a runtime may have chosen that tells one manifest.
fn comparable(expected: &Image, actual: &Image) -> Image {
    let mut expected = expected.clone();
    if let (true, false, [only]) = (
        expected.media_type.is_index(),
        actual.media_type.is_index(),
        &actual.platforms[..],
    ) {
        let fits = |image: &PlatformImage| !image.platform.contradicts(&only.platform);
        if expected.platforms.iter().any(fits) {
            expected.platforms.retain(fits);
        }
    }
    expected
}

fn known(role: Role, other_name: Option<String>) -> Judgement {
    let mut judgement = match role {
        Role::Published | Role::Platform => Judgement::identical(),
        Role::Config => Judgement::because(
            Verdict::SameImageId,
            "the runtime tells the image ID alone, which is the digest of the config",
        ),
    };
    if let Some(name) = other_name {
        judgement
            .reasons
            .push(format!("it runs under the name {name}"));
    }
    judgement
}

/// The names under which a reference may run: its own, and those of its mirrors.
fn names(reference: &Reference, mirrors: &[Mirror]) -> Vec<Name> {
    let repository = Repository::from(reference);
    let own = Name::of(reference);
    let mut names = vec![own.clone()];
    for mirror in mirrors {
        if let Some(Ok(there)) = mirror.of(&repository) {
            names.push(Name {
                repository: there.to_string(),
                tag: own.tag.clone(),
            });
        }
    }
    names
}
