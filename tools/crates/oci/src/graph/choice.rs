//! The image for a platform among several.

use std::collections::BTreeSet;
use std::fmt;

use verbatim_digest::Digest;

use crate::{Error, ErrorKind, Platform, Result};

/// So many platforms are named of what has many.
const MAX_NAMED: usize = 20;

/// The one image of `offers` that is meant: the only one, or the one for `wanted`, which an image
/// that alone is offered and names no platform does not contradict. `file` is what names them, in messages.
///
/// # Errors
/// There is none, none for the platform, or more than one.
pub fn choose<T>(
    wanted: Option<&Platform>,
    mut offers: Vec<T>,
    of: impl Fn(&T) -> (&Platform, Digest),
    file: impl fmt::Display,
) -> Result<T> {
    if offers.is_empty() {
        return Err(Error::new(
            ErrorKind::Missing,
            file,
            "names no image that can run, for which a config says os and architecture; attestations and other artifacts are none",
        ));
    }
    let platforms: BTreeSet<String> = offers.iter().map(|one| of(one).0.to_string()).collect();
    let platforms: Vec<String> = platforms.into_iter().take(MAX_NAMED).collect();
    let all = platforms.join(", ");
    let mut meant = match wanted {
        Some(_) if offers.len() == 1 && of(&offers[0]).0.is_unnamed() => offers,
        Some(platform) => select(platform, offers, &of),
        None => {
            let mut seen = BTreeSet::new();
            offers.retain(|one| seen.insert(of(one).1));
            offers
        }
    };
    let what = match (meant.pop(), wanted) {
        (Some(one), _) if meant.is_empty() => return Ok(one),
        (None, Some(platform)) => format!("names no image for {platform}; there are {all}"),
        (_, Some(platform)) => {
            format!("names several images for {platform}; make a layout with the one you mean, or name it by its digest")
        }
        (_, None) => format!("names several images, for {all}; choose one with --platform"),
    };
    Err(Error::new(ErrorKind::Mismatch, file, what))
}

/// Those of `offers` that are meant by `wanted`: what is spelled exactly so, else what is
/// another spelling of it. An image that is offered several times comes once.
///
/// More than one means that the platform does not tell them apart.
pub fn select<T>(
    wanted: &Platform,
    offers: Vec<T>,
    of: impl Fn(&T) -> (&Platform, Digest),
) -> Vec<T> {
    let exact = offers.iter().any(|offer| of(offer).0.is_spelled(wanted));
    let mut chosen: Vec<T> = Vec::new();
    for offer in offers {
        let (platform, digest) = of(&offer);
        let fits = if exact {
            platform.is_spelled(wanted)
        } else {
            platform.matches(wanted)
        };
        if fits && chosen.iter().all(|other| of(other).1 != digest) {
            chosen.push(offer);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(wanted: &str, offers: &[(&str, &str)]) -> String {
        let offers: Vec<(Platform, Digest)> = offers
            .iter()
            .map(|(platform, content)| {
                let mut parts = platform.split('/');
                let mut next = || parts.next().unwrap_or("");
                let platform = Platform::new(next(), next(), Some(next()));
                (platform, Digest::of(content.as_bytes()))
            })
            .collect();
        let names = ["a", "b", "c"].map(|name| (Digest::of(name.as_bytes()), name));
        select(&wanted.parse().unwrap(), offers, |offer| {
            (&offer.0, offer.1)
        })
        .iter()
        .flat_map(|offer| names.iter().filter(|name| name.0 == offer.1))
        .map(|name| name.1)
        .collect()
    }

    #[test]
    fn exact_spelling_before_normal_form() {
        let both = [("linux/arm64", "a"), ("linux/arm64/v8", "b")];
        assert_eq!(chosen("linux/arm64", &both), "a");
        assert_eq!(chosen("linux/arm64/v8", &both), "b");
        // Neither is spelled so, and both are meant.
        assert_eq!(chosen("linux/aarch64", &both), "ab");
        let arm = [
            ("linux/arm/v6", "a"),
            ("linux/arm/v7", "b"),
            ("linux/arm", "c"),
        ];
        assert_eq!(chosen("linux/arm", &arm), "c");
        assert_eq!(chosen("linux/arm", &arm[..2]), "b");
        assert_eq!(chosen("linux/arm/v7", &arm), "b");
        assert_eq!(chosen("linux/arm/v5", &arm), "");
        assert_eq!(
            chosen(
                "linux/x86_64",
                &[("linux/amd64", "a"), ("linux/x86_64", "b")]
            ),
            "b"
        );
        assert_eq!(
            chosen(
                "linux/amd64/v1",
                &[("linux/amd64", "a"), ("linux/amd64/v3", "b")]
            ),
            "a"
        );
    }

    #[test]
    fn one_is_meant_or_the_message_says_why_none_is() {
        let one = |wanted: Option<&str>, offers: &[(&str, &str)]| {
            let offers: Vec<(Platform, Digest)> = offers
                .iter()
                .map(|(platform, content)| {
                    let (os, architecture) = platform.split_once('/').unwrap();
                    let platform = Platform::new(os, architecture, None);
                    (platform, Digest::of(content.as_bytes()))
                })
                .collect();
            let wanted = wanted.map(|platform| platform.parse().unwrap());
            choose(wanted.as_ref(), offers, |offer| (&offer.0, offer.1), "x")
                .map(|offer| offer.1)
                .map_err(|error| (error.kind(), error.to_string()))
        };
        let both = [("linux/amd64", "a"), ("linux/arm64", "b")];
        let a = Ok(Digest::of(b"a"));
        assert_eq!(one(Some("linux/amd64"), &both), a);
        assert_eq!(one(None, &both[..1]), a);
        assert_eq!(one(None, &[both[0], both[0]]), a);
        assert_eq!(one(Some("linux/s390x"), &[("/", "a")]), a);
        for (wanted, offers, kind, part) in [
            (None, &[][..], ErrorKind::Missing, "no image that can run"),
            (
                Some("linux/s390x"),
                &both,
                ErrorKind::Mismatch,
                "no image for linux/s390x; there are linux/amd64, linux/arm64",
            ),
            (None, &both, ErrorKind::Mismatch, "--platform"),
            (
                Some("linux/amd64"),
                &[both[0], ("linux/amd64", "b")],
                ErrorKind::Mismatch,
                "several images for linux/amd64",
            ),
        ] {
            let (is, said) = one(wanted, offers).unwrap_err();
            assert!(is == kind && said.contains(part), "{said}");
        }
    }

    #[test]
    fn one_digest_under_two_spellings_is_one_image() {
        let twice = [("linux/arm64", "a"), ("linux/arm64/v8", "a")];
        for wanted in ["linux/arm64", "linux/arm64/v8", "linux/aarch64"] {
            assert_eq!(chosen(wanted, &twice), "a");
        }
        assert_eq!(
            chosen("linux/amd64", &[("linux/amd64", "a"), ("linux/amd64", "b")]),
            "ab"
        );
        assert_eq!(chosen("windows/amd64", &twice), "");
    }
}
