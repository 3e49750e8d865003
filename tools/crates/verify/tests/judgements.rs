//! What two images have in common: each verdict, and the reasons.

use std::collections::BTreeMap;

use verbatim_digest::Digest;
use verbatim_oci::{Descriptor, LayerMetadata, MediaType, Named, Platform, Runtime};
use verbatim_sums::record::{Image, PlatformImage};
use verbatim_verify::{image::judge, Finding, Judgement, Report, Verdict};

fn layer(content: &str, media_type: MediaType) -> LayerMetadata {
    let blob = Digest::of(format!("{content} {media_type}").as_bytes());
    LayerMetadata::new(
        media_type,
        blob,
        10,
        Digest::of(content.as_bytes()),
        None,
        None,
    )
}

fn platform(arch: &str, config: &str, layers: Vec<LayerMetadata>) -> PlatformImage {
    let manifest = format!("{arch} {config} {layers:?}");
    PlatformImage {
        platform: Platform::new("linux", arch, None),
        manifest: Descriptor::of(MediaType::OCI_MANIFEST, manifest.as_bytes()),
        config: Descriptor::of(MediaType::OCI_CONFIG, config.as_bytes()),
        layers,
        runtime: Some(Runtime::of(Named::new(config.as_bytes(), "c")).unwrap()),
    }
}

fn single(platform: PlatformImage) -> Image {
    Image {
        reference: "r.example.com/a:1".parse().unwrap(),
        digest: platform.manifest.digest,
        media_type: platform.manifest.media_type.clone(),
        size: platform.manifest.size,
        image_id: Some(platform.config.digest),
        platforms: vec![platform],
    }
}

fn index(name: &str, platforms: Vec<PlatformImage>) -> Image {
    Image {
        reference: "r.example.com/a:1".parse().unwrap(),
        digest: Digest::of(name.as_bytes()),
        media_type: MediaType::OCI_INDEX,
        size: 1,
        image_id: None,
        platforms,
    }
}

const CONFIG: &str =
    r#"{"os":"linux","created":"1970-01-01T00:00:00Z","config":{"Entrypoint":["/a"]}}"#;
const LATER: &str = r#"{"os":"linux","created":"2026-01-01T00:00:00Z","author":"me","config":{"Entrypoint":["/a"]}}"#;
const OTHER: &str =
    r#"{"os":"linux","created":"1970-01-01T00:00:00Z","config":{"Entrypoint":["/b"]}}"#;

fn plain(config: &str) -> PlatformImage {
    platform(
        "amd64",
        config,
        vec![
            layer("x", MediaType::OCI_LAYER_GZIP),
            layer("y", MediaType::OCI_LAYER_GZIP),
        ],
    )
}

fn verdict(expected: &Image, actual: &Image) -> (Verdict, String) {
    let judgement = judge(expected, actual);
    (judgement.verdict, judgement.reasons.join("; "))
}

#[test]
fn images_of_one_platform() {
    let expected = single(plain(CONFIG));
    assert_eq!(
        verdict(&expected, &expected.clone()),
        (Verdict::Identical, String::new())
    );

    let zstd = platform(
        "amd64",
        CONFIG,
        vec![
            layer("x", MediaType::OCI_LAYER_ZSTD),
            layer("y", MediaType::OCI_LAYER_ZSTD),
        ],
    );
    assert_eq!(
        verdict(&expected, &single(zstd)),
        (
            Verdict::SameImageId,
            "by the documents all 2 layers are compressed otherwise (zstd instead of gzip); --deep reads them".into()
        )
    );
    let mut annotated = plain(CONFIG);
    annotated.manifest.digest = Digest::of(b"annotated");
    assert_eq!(
        verdict(&expected, &single(annotated)),
        (
            Verdict::SameImageId,
            "the manifest differs in annotations or in its form alone".into()
        )
    );
    let mut docker = plain(CONFIG);
    docker.manifest = Descriptor::of(MediaType::DOCKER_MANIFEST, b"docker");
    let (found, reason) = verdict(&expected, &single(docker));
    assert_eq!(found, Verdict::SameImageId);
    assert!(reason.contains("docker"), "{reason}");

    assert_eq!(
        verdict(&expected, &single(plain(LATER))),
        (
            Verdict::SameContent,
            "the config differs in created, author or history alone".into()
        )
    );
    assert_eq!(
        verdict(&expected, &single(plain(OTHER))),
        (
            Verdict::Different,
            "the config differs at /config/Entrypoint".into()
        )
    );
    let content = platform(
        "amd64",
        LATER,
        vec![
            layer("x", MediaType::OCI_LAYER_GZIP),
            layer("z", MediaType::OCI_LAYER_GZIP),
        ],
    );
    assert_eq!(
        verdict(&expected, &single(content)),
        (Verdict::Different, "layer 2 of 2 has other contents".into())
    );
    let more = platform("amd64", OTHER, vec![layer("x", MediaType::OCI_LAYER_GZIP)]);
    let (found, reason) = verdict(&expected, &single(more));
    assert_eq!(found, Verdict::Different);
    assert!(
        reason.contains("1 layer instead of 2") && reason.contains("Entrypoint"),
        "{reason}"
    );
}

#[test]
fn what_is_not_known_is_never_the_same() {
    let expected = single(plain(CONFIG));
    let mut unknown = single(plain(LATER));
    unknown.platforms[0].runtime = None;
    assert_eq!(verdict(&expected, &unknown).0, Verdict::Different);
    let mut digest_alone = expected.clone();
    digest_alone.platforms.clear();
    assert_eq!(
        verdict(&digest_alone, &single(plain(LATER))).0,
        Verdict::Different
    );
    assert_eq!(
        verdict(
            &expected,
            &Image {
                digest: Digest::of(b"?"),
                platforms: vec![],
                ..expected.clone()
            }
        )
        .0,
        Verdict::Different
    );
    assert_eq!(verdict(&digest_alone, &expected).0, Verdict::Identical);
}

#[test]
fn indexes_are_as_good_as_their_worst_image() {
    let arm = || {
        platform(
            "arm64",
            CONFIG,
            vec![layer("arm", MediaType::OCI_LAYER_GZIP)],
        )
    };
    let expected = index("released", vec![plain(CONFIG), arm()]);

    // What BuildKit files beside the images holds the time of the build.
    let same = index("annotated", vec![arm(), plain(CONFIG)]);
    let (found, reason) = verdict(&expected, &same);
    assert_eq!(found, Verdict::SamePlatforms);
    assert!(reason.contains("what runs is equal"), "{reason}");
    assert_eq!(judge(&expected, &same).reasons.len(), 1);
    assert!(Verdict::Identical < found && found < Verdict::SameImageId);
    // One image that stands there twice is one.
    let twice = index("twice", vec![arm(), plain(CONFIG), plain(CONFIG)]);
    assert_eq!(verdict(&expected, &twice).0, Verdict::SamePlatforms);
    let mut docker = same.clone();
    docker.media_type = MediaType::DOCKER_INDEX;
    assert_eq!(verdict(&expected, &docker).0, Verdict::SameImageId);

    let judgement = judge(&expected, &index("x", vec![plain(LATER), arm()]));
    assert_eq!(judgement.verdict, Verdict::SameContent);
    let by_platform: BTreeMap<_, _> = judgement
        .platforms
        .iter()
        .map(|p| (p.platform.to_string(), p.verdict))
        .collect();
    assert_eq!(by_platform["linux/amd64"], Verdict::SameContent);
    assert_eq!(by_platform["linux/arm64"], Verdict::Identical);
    assert!(
        judgement.reasons[0].starts_with("linux/amd64: "),
        "{:?}",
        judgement.reasons
    );

    for (other, what) in [
        (vec![plain(CONFIG)], "linux/arm64: there is no image"),
        (
            vec![plain(CONFIG), arm(), platform("riscv64", CONFIG, vec![])],
            "linux/riscv64: no image was released",
        ),
        // One runtime would take the first of them and another one the last.
        (
            vec![plain(CONFIG), plain(OTHER), arm()],
            "linux/amd64: there are several",
        ),
    ] {
        let (found, reason) = verdict(&expected, &index("y", other));
        assert_eq!(found, Verdict::Different);
        assert!(reason.contains(what), "{reason}");
    }
    let alone = single(plain(CONFIG));
    assert_eq!(
        verdict(&alone, &index("z", vec![plain(CONFIG)])).0,
        Verdict::SameImageId
    );
}

#[test]
fn a_variant_that_is_left_out_contradicts_nothing() {
    let of = |arch: &str, variant: Option<&str>, config: &str| PlatformImage {
        platform: Platform::new("linux", arch, variant),
        ..platform(arch, config, vec![])
    };
    let (v5, v6) = (of("arm", Some("v5"), CONFIG), of("arm", Some("v6"), CONFIG));
    let plain_arm = of("arm", None, CONFIG);
    let amd64 = of("amd64", None, CONFIG);
    for (expected, actual, wanted) in [
        (
            vec![v6.clone()],
            vec![plain_arm.clone()],
            Verdict::SamePlatforms,
        ),
        (
            vec![plain_arm.clone()],
            vec![v6.clone()],
            Verdict::SamePlatforms,
        ),
        (
            vec![amd64.clone()],
            vec![of("amd64", Some("v3"), CONFIG)],
            Verdict::SamePlatforms,
        ),
        // Said on both sides, and not the same; or nobody knows which of two is meant.
        (vec![v6.clone()], vec![v5.clone()], Verdict::Different),
        (vec![amd64.clone()], vec![v6.clone()], Verdict::Different),
        (
            vec![plain_arm.clone()],
            vec![v5, of("arm", Some("v6"), OTHER)],
            Verdict::Different,
        ),
        // An image for one machine is not also for another one.
        (
            vec![amd64.clone()],
            vec![
                amd64.clone(),
                PlatformImage {
                    platform: Platform::new("linux", "riscv64", None),
                    ..amd64
                },
            ],
            Verdict::Different,
        ),
    ] {
        let found = judge(&index("e", expected), &index("a", actual));
        assert_eq!(found.verdict, wanted, "{found:?}");
    }
}

#[test]
fn a_digest_alone_may_be_that_of_a_part() {
    let image = plain(CONFIG);
    let only = |digest: Digest| Image {
        digest,
        platforms: vec![],
        ..single(plain(CONFIG))
    };
    let alone = index("i", vec![image.clone()]);
    for digest in [image.manifest.digest, image.config.digest] {
        assert_eq!(verdict(&only(digest), &alone).0, Verdict::SameImageId);
        let several = index("i", vec![image.clone(), platform("arm64", LATER, vec![])]);
        let (found, reason) = verdict(&only(digest), &several);
        assert_eq!(found, Verdict::Different);
        assert!(reason.contains("which is equal"), "{reason}");
    }
    assert_eq!(
        verdict(&only(Digest::of(b"x")), &alone).0,
        Verdict::Different
    );
}

/// A difference that somebody accepts says nothing of what could not be looked at beside it.
#[test]
fn what_was_not_checked_is_seen_whatever_is_accepted() {
    let all: Vec<Verdict> = [
        "identical",
        "same-platforms",
        "same-image-id",
        "same-content",
        "unchecked",
        "extra",
        "missing",
        "different",
    ]
    .map(|verdict| verdict.parse().unwrap())
    .into();
    let mut accept = all.clone();
    accept.retain(|verdict| *verdict != Verdict::Unchecked);
    for &first in &all {
        for &second in &all {
            let mut judgement = Judgement::because(first, "x");
            judgement.worsen(second);
            let mut finding = Finding::new("x", None, None, Judgement::because(first, "x"));
            finding.worsen(second);
            let worst = first.max(second);
            let is_partial = [first, second].contains(&Verdict::Unchecked);
            for finding in [Finding::new("x", None, None, judgement), finding] {
                assert_eq!(finding.verdict, worst);
                assert_eq!(
                    finding.is_harmless(&accept),
                    !is_partial,
                    "{first} {second}"
                );
                let all_accepted = Report::new(vec![finding.clone()], &accept, Vec::new());
                let verdict = match is_partial {
                    true => Verdict::Unchecked,
                    false => Verdict::Identical,
                };
                assert_eq!(all_accepted.verdict, verdict, "{first} {second}");
                let none_accepted = Report::new(vec![finding], &[], Vec::new());
                assert_eq!(none_accepted.verdict, worst);
            }
        }
    }
}
