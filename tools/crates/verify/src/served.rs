//! What a registry serves under the references of a release.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::task::JoinSet;
use verbatim_digest::Digest;
use verbatim_oci::graph::Walk;
use verbatim_oci::{
    Descriptor, Document, Error as Wrong, ErrorKind as WrongKind, ImageMetadata, Manifest,
    MediaType, Named, Reference,
};
use verbatim_registry::{Client, Error, ErrorKind, Repository, Which};
use verbatim_sums::collect::{by_name, of_image, of_index, platform_image};
use verbatim_sums::record::{Image, PlatformImage};

use crate::image::judge;
use crate::running::Strangers;
use crate::tasks::in_order;
use crate::{Finding, Judgement, Verdict};

/// So many images of an index are looked at; the largest that are published have a few dozen.
const MAX_IMAGES: usize = 256;

/// So many digests that were not released are asked for.
const MAX_STRANGERS: usize = 1_000;

/// One thing to check: its reference, its digest, and what else is known of it.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Under which name it was released.
    pub reference: Reference,
    /// Of the manifest or index.
    pub digest: Digest,
    /// What the document beside the sums says of it.
    pub image: Option<Image>,
}

/// Check all of them at once; as many requests are made at a time as the client allows.
///
/// `done` is called with each finding as it comes. The findings are in the order of `expected`.
pub async fn check(
    client: &Client,
    expected: Vec<Expected>,
    done: impl FnMut(&Finding),
) -> Vec<Finding> {
    let mut tasks = JoinSet::new();
    for (number, expected) in expected.into_iter().enumerate() {
        let client = client.clone();
        tasks.spawn(async move { (number, check_one(&client, &expected).await) });
    }
    in_order(tasks, done).await
}

/// Ask for what was released by its digest, and describe it: its platforms, and their
/// configs. What cannot be had within `patience` stays as it is.
pub async fn look_up(
    client: &Client,
    expected: &mut [Expected],
    numbers: &BTreeSet<usize>,
    patience: Duration,
) {
    let mut tasks = JoinSet::new();
    for &number in numbers {
        let (client, one) = (client.clone(), expected[number].clone());
        tasks.spawn(async move {
            let repository = Repository::from(&one.reference);
            let found = released(&client, &repository, &one).await;
            (number, found.ok().flatten())
        });
    }
    let all = async {
        while let Some(Ok((number, image))) = tasks.join_next().await {
            if image.is_some() {
                expected[number].image = image;
            }
        }
    };
    // What has not come until then is given up with the set of tasks.
    let _ = tokio::time::timeout(patience, all).await;
}

/// Ask for what runs in place of references by its digest, and describe it. What cannot be had
/// within `patience` is not told; nor are more than any cluster runs under the names of a release.
pub async fn look_up_running(
    client: &Client,
    expected: &[Expected],
    wanted: &BTreeSet<(usize, Digest)>,
    patience: Duration,
) -> Strangers {
    let mut tasks = JoinSet::new();
    for &(number, digest) in wanted.iter().take(MAX_STRANGERS) {
        let (client, reference) = (client.clone(), expected[number].reference.clone());
        tasks.spawn(async move {
            let repository = Repository::from(&reference);
            let which = Which::Digest(digest);
            let served = client.manifest(&repository, &which).await.ok()?;
            let found = describe(&client, &repository, &reference, &served.bytes).await;
            Some(((number, digest), found.ok()?))
        });
    }
    let mut strangers = Strangers::new();
    let all = async {
        while let Some(Ok(found)) = tasks.join_next().await {
            strangers.extend(found);
        }
    };
    let _ = tokio::time::timeout(patience, all).await;
    strangers
}

async fn check_one(client: &Client, expected: &Expected) -> Finding {
    let finding = |actual, judgement| {
        Finding::new(
            expected.reference.to_string(),
            Some(expected.digest),
            actual,
            judgement,
        )
    };
    let repository = Repository::from(&expected.reference);
    let which = match expected.reference.tag() {
        Some(tag) => Which::Tag(tag.to_owned()),
        // Without a tag a release is found by its digest, or not at all.
        None => Which::Digest(expected.digest),
    };
    let served = match client.manifest(&repository, &which).await {
        Ok(served) => served,
        Err(error) => return finding(None, unavailable(&error)),
    };
    let actual = Some(served.digest);
    if served.digest == expected.digest {
        return finding(actual, Judgement::identical());
    }
    let found = async {
        let image = describe(client, &repository, &expected.reference, &served.bytes).await?;
        let known = match &expected.image {
            Some(known) if known.platforms.iter().all(|p| p.runtime.is_some()) => {
                Some(known.clone())
            }
            other => released(client, &repository, expected)
                .await?
                .or(other.clone()),
        };
        Ok::<_, Trouble>((image, known))
    };
    match found.await {
        Ok((image, known)) => {
            let known = known.unwrap_or_else(|| expected.known());
            finding(actual, judge(&known, &image))
        }
        // Another digest is no proof yet of other contents.
        Err(trouble) => finding(
            actual,
            Judgement::because(trouble.verdict(), trouble.sentence()),
        ),
    }
}

fn unavailable(error: &Error) -> Judgement {
    match error.kind() {
        ErrorKind::NotFound => {
            Judgement::because(Verdict::Missing, "the registry has nothing under this name")
        }
        _ => Judgement::because(Verdict::Unchecked, error.to_string()),
    }
}

impl Expected {
    /// All that is known of it, which may be its digest alone.
    pub fn known(&self) -> Image {
        self.image.clone().unwrap_or_else(|| Image {
            reference: self.reference.clone(),
            digest: self.digest,
            media_type: MediaType::OCI_MANIFEST,
            size: 0,
            image_id: None,
            platforms: Vec::new(),
        })
    }
}

/// Why something that was served could not be compared in more than its digest.
enum Trouble {
    Registry(Error),
    Document(Wrong),
}

impl Trouble {
    fn sentence(&self) -> String {
        let reason = match self {
            Self::Registry(error) => error.to_string(),
            Self::Document(error) => error.to_string(),
        };
        format!("its digest is another one, and no more could be learned: {reason}")
    }

    /// Nobody who did not answer has shown that something else is there.
    fn verdict(&self) -> Verdict {
        match self {
            Self::Registry(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::Broken | ErrorKind::TooLarge => Verdict::Different,
                _ => Verdict::Unchecked,
            },
            Self::Document(_) => Verdict::Different,
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Registry(error)
    }
}

impl From<Wrong> for Trouble {
    fn from(error: Wrong) -> Self {
        Self::Document(error)
    }
}

/// What was released, if the registry still has it under its digest.
async fn released(
    client: &Client,
    repository: &Repository,
    expected: &Expected,
) -> Result<Option<Image>, Trouble> {
    let which = Which::Digest(expected.digest);
    match client.manifest(repository, &which).await {
        Ok(served) => describe(client, repository, &expected.reference, &served.bytes)
            .await
            .map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// All images below a manifest or an index, by their own bytes.
async fn describe(
    client: &Client,
    repository: &Repository,
    reference: &Reference,
    bytes: &[u8],
) -> Result<Image, Trouble> {
    let file = repository.to_string();
    let document = Document::parse(bytes, &file)?;
    let own = Descriptor::of(document.media_type(), bytes);
    let mut walk = Walk::of_document(&document, &own, &file)?;
    let index = match document {
        Document::Manifest(manifest) => {
            let image = describe_image(client, repository, &manifest, bytes).await?;
            return Ok(of_image(reference.clone(), image));
        }
        Document::Index(index) => index,
    };
    let mut named = index.manifests;
    let mut images = BTreeMap::new();
    // One after the other: hardly any release comes here, and a hostile one must not multiply requests.
    while let Some(link) = walk.next() {
        let link = link?;
        if !link.descriptor.may_be_image() {
            continue;
        }
        if images.len() == MAX_IMAGES {
            return Err(Wrong::new(
                WrongKind::Unsupported,
                &file,
                format!("is an index of more images than the {MAX_IMAGES} that are compared"),
            )
            .into());
        }
        let digest = link.descriptor.digest;
        let served = client.manifest(repository, &Which::Digest(digest)).await?;
        match walk.enter(&link, &served.bytes, &digest.to_string())? {
            Document::Index(index) => named.extend(index.manifests),
            // An artifact that says nothing of it in the index.
            Document::Manifest(manifest) if !manifest.may_be_image() => {}
            Document::Manifest(manifest) => {
                let image = describe_image(client, repository, &manifest, &served.bytes).await?;
                walk.is_for(&link, &image.platform)?;
                images.insert(digest, image);
            }
        }
    }
    Ok(of_index(reference.clone(), &own, by_name(&named, &images)))
}

async fn describe_image(
    client: &Client,
    repository: &Repository,
    manifest: &Manifest,
    bytes: &[u8],
) -> Result<PlatformImage, Trouble> {
    let limit = client.options().limits.config;
    let config = client
        .blob_bytes(repository, &manifest.config, limit)
        .await?;
    let config_file = manifest.config.digest.to_string();
    let config = Named::new(&config, &config_file);
    let file = repository.to_string();
    let image = ImageMetadata::describe(Named::new(bytes, &file), config, None)?;
    Ok(platform_image(&image, config)?)
}
