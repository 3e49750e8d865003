//! What the tags of pins stand for now, and who stands on what was pinned.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinSet;
use verbatim_digest::Digest;
use verbatim_oci::{Document, Reference};
use verbatim_registry::{Client, Repository, Target};
use verbatim_sums::record::Image;
use verbatim_verify::served::{self, Expected};

use crate::Pin;

/// The form of the report; it changes with every change that a reader could notice.
pub const SCHEMA: &str = "verbatim.bases/1";

/// What a base is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BaseVerdict {
    /// The tag stands for what is pinned.
    Current,
    /// It could not be found out.
    Unchecked,
    /// The tag stands for something else.
    Moved,
}

/// One pinned image, and what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct Base {
    /// What the file that pins it calls it.
    pub name: String,
    /// That file.
    pub file: String,
    /// The line on which its pin begins, from 1.
    pub line: usize,
    /// The repository, and the tag.
    pub reference: Reference,
    /// What it is pinned to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Digest>,
    /// What the tag stands for now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<Digest>,
    /// What follows from both.
    pub verdict: BaseVerdict,
    /// Why it is unchecked, or what else is to be known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The images of a release that stand on what is pinned; `None` where that was not asked, or
    /// the pinned image could not be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<Reference>>,
}

/// What is known of all pinned images.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    schema: &'static str,
    /// The gravest of all.
    pub verdict: BaseVerdict,
    /// In the order of the pins.
    pub bases: Vec<Base>,
}

impl Report {
    /// The report of these.
    pub fn new(bases: Vec<Base>) -> Self {
        let verdict = bases.iter().map(|base| base.verdict).max();
        Self {
            schema: SCHEMA,
            verdict: verdict.unwrap_or(BaseVerdict::Current),
            bases,
        }
    }
}

impl BaseVerdict {
    /// As it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Unchecked => "unchecked",
            Self::Moved => "moved",
        }
    }
}

/// Ask the registries what the tags of these pins stand for now, as many at once as the client
/// allows; and, with images of a release, which of these stand on what is pinned.
///
/// Of each pin the file that it stands in is given with it. What has not come within `patience`
/// is told as not known.
pub async fn look_up(
    client: &Client,
    pins: &[(String, Pin)],
    release: Option<&[Image]>,
    patience: Duration,
) -> Vec<Base> {
    let mut tasks = JoinSet::new();
    for (number, (_, pin)) in pins.iter().enumerate() {
        let (client, pin) = (client.clone(), pin.clone());
        tasks.spawn(async move { (number, now(&client, &pin).await) });
    }
    let mut found: Vec<Option<Now>> = pins.iter().map(|_| None).collect();
    while let Some(Ok((number, now))) = tasks.join_next().await {
        found[number] = Some(now);
    }
    let mut bases: Vec<Base> = pins
        .iter()
        .zip(found)
        .map(|((file, pin), now)| judged(file, pin, now))
        .collect();
    if let Some(release) = release {
        let mut expected: Vec<Expected> = Vec::new();
        let mut pinned: Vec<usize> = Vec::new();
        for (number, (_, pin)) in pins.iter().enumerate() {
            let Some(digest) = pin.digest else { continue };
            pinned.push(number);
            expected.push(Expected {
                reference: pin.reference.clone(),
                digest,
                image: None,
            });
        }
        let all: BTreeSet<usize> = (0..expected.len()).collect();
        served::look_up(client, &mut expected, &all, patience).await;
        for (number, base) in pinned.into_iter().zip(expected) {
            let standing = |base: &Image| {
                let images = release.iter().filter(|image| stands_on(image, base));
                images.map(|image| image.reference.clone()).collect()
            };
            bases[number].images = base.image.as_ref().map(standing);
        }
    }
    bases
}

/// Whether an image stands on another: the layers of one of its platforms begin with all layers of
/// the base for that platform, and the base has some.
pub fn stands_on(image: &Image, base: &Image) -> bool {
    image.platforms.iter().any(|own| {
        base.platforms.iter().any(|below| {
            let equal = own.layers.iter().zip(&below.layers);
            !below.layers.is_empty()
                && own.layers.len() >= below.layers.len()
                // Equal diff_ids are the same files, however they are compressed.
                && equal.into_iter().all(|(one, other)| one.diff_id == other.diff_id)
        })
    })
}

/// What a tag stands for.
enum Now {
    /// This, and the images of its index.
    Digest(Digest, Vec<Digest>),
    Unknown(String),
}

async fn now(client: &Client, pin: &Pin) -> Now {
    if pin.reference.tag().is_none() {
        return Now::Unknown(
            "has no `tag`, so nothing says what would be newer; add the tag that it follows"
                .to_owned(),
        );
    }
    let target = Target {
        reference: pin.reference.clone(),
        digest: None,
    };
    match client
        .manifest(&Repository::from(&pin.reference), &target.which())
        .await
    {
        Ok(served) => {
            let inside = match Document::parse(&served.bytes, &pin.reference.to_string()) {
                Ok(Document::Index(index)) => {
                    index.manifests.iter().map(|one| one.digest).collect()
                }
                _ => Vec::new(),
            };
            Now::Digest(served.digest, inside)
        }
        Err(error) => Now::Unknown(error.to_string()),
    }
}

fn judged(file: &str, pin: &Pin, now: Option<Now>) -> Base {
    let (now, verdict, reason) = match (now, pin.digest) {
        (Some(Now::Digest(now, _)), Some(pinned)) if now == pinned => {
            (Some(now), BaseVerdict::Current, None)
        }
        (Some(Now::Digest(now, inside)), Some(pinned)) if inside.contains(&pinned) => (
            Some(now),
            BaseVerdict::Current,
            Some(
                "pinned is the image of one platform; the tag is of the index that holds it"
                    .to_owned(),
            ),
        ),
        (Some(Now::Digest(now, _)), Some(_)) => (Some(now), BaseVerdict::Moved, None),
        (Some(Now::Digest(now, _)), None) => (
            Some(now),
            BaseVerdict::Unchecked,
            Some("has no `digest`: each build may get something else; pin it".to_owned()),
        ),
        (Some(Now::Unknown(why)), _) => (None, BaseVerdict::Unchecked, Some(why)),
        (None, _) => (
            None,
            BaseVerdict::Unchecked,
            Some("the request was given up".to_owned()),
        ),
    };
    Base {
        name: pin.name.clone(),
        file: file.to_owned(),
        line: pin.line,
        reference: pin.reference.clone(),
        pinned: pin.digest,
        now,
        verdict,
        reason,
        images: None,
    }
}
