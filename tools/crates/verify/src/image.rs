//! What two images have in common.

use std::collections::BTreeSet;

use verbatim_foreign::{counted, printable};
use verbatim_oci::LayerMetadata;
use verbatim_sums::record::{Image, PlatformImage};

use crate::{Judgement, PlatformJudgement, Verdict};

/// Compare what was released with what was found.
///
/// Both sides are described by [`Image`]s whose digests were made from bytes. Where a side has
/// no platforms, only its digest is known, and anything but the same digest is different.
pub fn judge(expected: &Image, actual: &Image) -> Judgement {
    if expected.digest == actual.digest {
        return Judgement::identical();
    }
    if expected.platforms.is_empty() {
        return judge_digest(expected, actual);
    }
    if actual.platforms.is_empty() {
        return Judgement::because(
            Verdict::Different,
            "it holds no image that could be compared",
        );
    }
    let mut platforms = Vec::new();
    let mut paired = BTreeSet::new();
    for image in &expected.platforms {
        let found = counterparts(image, &expected.platforms, &actual.platforms);
        paired.extend(found.iter().map(|(at, _)| *at));
        // One image that stands there twice is one.
        let mut seen = BTreeSet::new();
        let mut distinct = found
            .iter()
            .map(|(_, image)| image)
            .filter(|image| seen.insert(image.manifest.digest));
        let (verdict, reasons) = match (distinct.next(), distinct.next()) {
            (None, _) => (
                Verdict::Different,
                vec!["there is no image for this platform".to_owned()],
            ),
            (Some(one), None) => judge_platform(image, one),
            // One runtime picks the first and another one the last.
            (Some(_), Some(_)) => (
                Verdict::Different,
                vec!["there are several images for this platform".to_owned()],
            ),
        };
        platforms.push(PlatformJudgement {
            platform: image.platform.clone(),
            verdict,
            reasons,
        });
    }
    for (at, image) in actual.platforms.iter().enumerate() {
        if !paired.contains(&at) {
            platforms.push(PlatformJudgement {
                platform: image.platform.clone(),
                verdict: Verdict::Different,
                reasons: vec!["no image was released for this platform".to_owned()],
            });
        }
    }
    let worst = platforms.iter().map(|p| p.verdict).max();
    let mut verdict = worst.unwrap_or(Verdict::Different);
    let mut reasons = Vec::new();
    if verdict == Verdict::Identical {
        // Every image is the one that was released, and what names them is not.
        let (other, reason) = match (expected.media_type.is_index(), actual.media_type.is_index()) {
            (true, false) => (
                Verdict::SameImageId,
                "the image stands alone instead of in an index".to_owned(),
            ),
            (false, true) => (
                Verdict::SameImageId,
                "the image stands in an index instead of alone".to_owned(),
            ),
            _ if expected.media_type != actual.media_type => (
                Verdict::SameImageId,
                format!(
                    "the index is of type {} instead of {}",
                    printable(actual.media_type.as_str()),
                    printable(expected.media_type.as_str())
                ),
            ),
            _ => (
                Verdict::SamePlatforms,
                "the index differs in annotations, order or attestations alone, and what runs is equal"
                    .to_owned(),
            ),
        };
        verdict = other;
        reasons.push(reason);
    } else if let [only] = &mut platforms[..] {
        reasons.append(&mut only.reasons);
        platforms.clear();
    }
    if platforms.len() > 1 {
        reasons.extend(summary(&platforms, verdict));
    }
    Judgement {
        verdict,
        reasons,
        platforms,
        is_partial: false,
    }
}

/// Nothing but a digest was released, and it is another one: it may be that of an image inside of
/// what was found, or that of a config, which some tools call the image.
fn judge_digest(expected: &Image, actual: &Image) -> Judgement {
    let part = actual.platforms.iter().find_map(|image| {
        let part = if image.manifest.digest == expected.digest {
            "the manifest"
        } else if image.config.digest == expected.digest {
            "the config"
        } else {
            return None;
        };
        Some((part, &image.platform))
    });
    match (part, &actual.platforms[..]) {
        (Some((part, platform)), [_]) => Judgement::because(
            Verdict::SameImageId,
            format!("what was released is {part} of the one image in it ({})", printable(&platform.to_string())),
        ),
        (Some((part, platform)), several) => Judgement::because(
            Verdict::Different,
            format!(
                "what was released is {part} of one of {} images in it ({}), which is equal; the others were not released",
                several.len(),
                printable(&platform.to_string())
            ),
        ),
        (None, _) => Judgement::because(
            Verdict::Different,
            "only the digest of what was released is known: keep the .json file beside the sums to learn more",
        ),
    }
}

/// The images that are meant for the platform of `image`, with their places in `actual`. What one
/// side leaves out contradicts nothing (an index says `arm/v6`, and the config `arm`), as long as
/// the image can be no other's.
fn counterparts<'a>(
    image: &PlatformImage,
    expected: &[PlatformImage],
    actual: &'a [PlatformImage],
) -> Vec<(usize, &'a PlatformImage)> {
    let by = |fits: &dyn Fn(&PlatformImage) -> bool| -> Vec<_> {
        let all = actual.iter().enumerate();
        all.filter(|(_, other)| fits(other)).collect()
    };
    let exact = by(&|other| same_platform(image, other));
    if !exact.is_empty() {
        return exact;
    }
    by(&|other| {
        !other.platform.contradicts(&image.platform)
            && !expected.iter().any(|e| same_platform(e, other))
    })
}

fn same_platform(a: &PlatformImage, b: &PlatformImage) -> bool {
    a.platform.normalized() == b.platform.normalized()
}

/// What is worst about the platforms; nothing where the verdict is about the index alone.
fn summary(platforms: &[PlatformJudgement], verdict: Verdict) -> Option<String> {
    let worst: Vec<_> = platforms.iter().filter(|p| p.verdict == verdict).collect();
    match &worst[..] {
        [] => None,
        [one] => Some(format!("{}: {}", one.platform, one.reasons.join(", "))),
        [first, ..] => Some(format!(
            "{} of {} platforms, {} among them: {}",
            worst.len(),
            platforms.len(),
            first.platform,
            first.reasons.join(", ")
        )),
    }
}

fn judge_platform(expected: &PlatformImage, actual: &PlatformImage) -> (Verdict, Vec<String>) {
    if expected.manifest.digest == actual.manifest.digest {
        return (Verdict::Identical, Vec::new());
    }
    if expected.config.digest == actual.config.digest {
        return (Verdict::SameImageId, other_manifest(expected, actual));
    }
    let mut reasons = layers(&expected.layers, &actual.layers);
    let same_layers = reasons.is_empty();
    match (&expected.runtime, &actual.runtime) {
        (Some(expected), Some(actual)) if expected == actual => {
            if same_layers {
                return (
                    Verdict::SameContent,
                    vec!["the config differs in created, author or history alone".to_owned()],
                );
            }
        }
        (Some(expected), Some(actual)) => {
            let fields = expected.differences(actual);
            reasons.push(format!("the config differs at {}", fields.join(", ")));
        }
        // Two configs that are not known to run the same do not.
        _ => reasons.push(
            "the configs differ, and what was recorded of the release does not say in what"
                .to_owned(),
        ),
    }
    (Verdict::Different, reasons)
}

/// In what two manifests of one config differ.
fn other_manifest(expected: &PlatformImage, actual: &PlatformImage) -> Vec<String> {
    let mut reasons = Vec::new();
    if expected.manifest.media_type != actual.manifest.media_type {
        reasons.push(format!(
            "the manifest is of type {} instead of {}",
            printable(actual.manifest.media_type.as_str()),
            printable(expected.manifest.media_type.as_str())
        ));
    }
    let pairs = || expected.layers.iter().zip(&actual.layers);
    let other_bytes = pairs().filter(|(e, a)| e.digest != a.digest).count();
    if other_bytes > 0 {
        let encodings: Vec<_> = pairs()
            .filter(|(e, a)| e.digest != a.digest)
            .map(|(e, a)| (compression(e), compression(a)))
            .collect();
        let (from, to) = &encodings[0];
        let how = if encodings.iter().all(|pair| pair == &encodings[0]) && from != to {
            format!("{to} instead of {from}")
        } else {
            "by another encoder or at another level".to_owned()
        };
        // The config says what layers hold, the manifest which bytes these are; that the bytes
        // hold it was not looked at here.
        reasons.push(format!(
            "by the documents {} compressed otherwise ({how}); --deep reads them",
            some_of(other_bytes, expected.layers.len(), "layer")
        ));
    }
    let other_type = pairs()
        .filter(|(e, a)| e.digest == a.digest && e.media_type != a.media_type)
        .count();
    if other_type > 0 {
        reasons.push(format!(
            "{} of another media type",
            some_of(other_type, expected.layers.len(), "layer")
        ));
    }
    if reasons.is_empty() {
        reasons.push("the manifest differs in annotations or in its form alone".to_owned());
    }
    reasons
}

fn compression(layer: &LayerMetadata) -> String {
    match layer.media_type.layer_suffix() {
        Some("") => "none".to_owned(),
        Some(suffix) => suffix.to_owned(),
        None => layer.media_type.to_string(),
    }
}

fn some_of(some: usize, all: usize, what: &str) -> String {
    match (some, all) {
        (1, 1) => format!("the {what} is"),
        (1, _) => format!("1 of {all} {what}s is"),
        (_, _) if some == all => format!("all {all} {what}s are"),
        _ => format!("{some} of {all} {what}s are"),
    }
}

/// In what the layers differ, by their contents.
fn layers(expected: &[LayerMetadata], actual: &[LayerMetadata]) -> Vec<String> {
    let differing: Vec<_> = expected
        .iter()
        .zip(actual)
        .enumerate()
        .filter(|(_, (e, a))| e.diff_id != a.diff_id)
        .map(|(i, _)| (i + 1).to_string())
        .collect();
    let mut reasons = Vec::new();
    match &differing[..] {
        [] => {}
        [one] => reasons.push(format!(
            "layer {one} of {} has other contents",
            expected.len()
        )),
        several => reasons.push(format!(
            "layers {} of {} have other contents",
            shortened(several),
            expected.len()
        )),
    }
    if expected.len() != actual.len() {
        reasons.push(format!(
            "it has {} instead of {}",
            counted(actual.len(), "layer"),
            expected.len()
        ));
    }
    reasons
}

fn shortened(items: &[String]) -> String {
    const MOST: usize = 8;
    if items.len() <= MOST {
        return items.join(", ");
    }
    format!(
        "{} and {} more",
        items[..MOST].join(", "),
        items.len() - MOST
    )
}
