//! The image for a platform among several.

use verbatim_digest::Digest;

use crate::Platform;

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
