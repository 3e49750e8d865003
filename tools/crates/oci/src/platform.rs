//! Platforms: for which machine an image is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An operating system, a processor architecture and, where it matters, its variant.
///
/// The order is that of an index: by operating system, architecture, variant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Platform {
    /// As Go names it: `linux`, `windows`, `darwin`.
    #[serde(default)]
    pub os: String,
    /// As Go names it: `amd64`, `arm64`, `arm`, `386`.
    #[serde(default)]
    pub architecture: String,
    /// `v6` or `v7` of `arm`, `v2` of `amd64`.
    #[serde(default, skip_serializing_if = "is_absent")]
    pub variant: Option<String>,
    /// The version of Windows that an image needs.
    #[serde(
        default,
        rename = "os.version",
        skip_serializing_if = "Option::is_none"
    )]
    pub os_version: Option<String>,
    /// Features of Windows that an image needs.
    #[serde(
        default,
        rename = "os.features",
        deserialize_with = "crate::document::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub os_features: Vec<String>,
}

fn is_absent(part: &Option<String>) -> bool {
    part.as_deref().is_none_or(str::is_empty)
}

/// Why a text is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a platform: write os/architecture or os/architecture/variant, such as linux/amd64 or linux/arm/v7")]
pub struct ParseError(String);

impl Platform {
    /// A platform in the spelling of its parts, which is not changed.
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.filter(|v| !v.is_empty()).map(str::to_owned),
            ..Self::default()
        }
    }

    /// The one spelling of a platform that has several: `arm64/v8` and `aarch64` are `arm64`,
    /// `arm` is `arm/v7`, `x86_64` and `amd64/v1` are `amd64`, as container engines see it.
    pub fn normalized(&self) -> Self {
        let os = self.os.to_ascii_lowercase();
        let architecture = self.architecture.to_ascii_lowercase();
        let variant = self.variant.as_deref().unwrap_or("").to_ascii_lowercase();
        let os = match os.as_str() {
            "macos" => "darwin",
            other => other,
        };
        let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
            ("amd64" | "x86_64" | "x86-64", "" | "v1") => ("amd64", ""),
            ("amd64" | "x86_64" | "x86-64", variant) => ("amd64", variant),
            ("386" | "i386" | "i486" | "i586" | "i686", _) => ("386", ""),
            ("arm64" | "aarch64", "" | "8" | "v8") => ("arm64", ""),
            ("arm64" | "aarch64", variant) => ("arm64", variant),
            ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
            ("armel", _) | ("arm", "6") => ("arm", "v6"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "8") => ("arm", "v8"),
            (architecture, variant) => (architecture, variant),
        };
        Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: (!variant.is_empty()).then(|| variant.to_owned()),
            os_version: self.os_version.clone(),
            os_features: self.os_features.clone(),
        }
    }

    /// Whether the two name the same kind of machine, whatever their spelling. Versions of
    /// an operating system are compared where both sides name one.
    pub fn matches(&self, other: &Self) -> bool {
        let (a, b) = (self.normalized(), other.normalized());
        a.os == b.os
            && a.architecture == b.architecture
            && a.variant == b.variant
            && (a.os_version.is_none() || b.os_version.is_none() || a.os_version == b.os_version)
    }

    /// Whether it is written as `other` is, and not in another of the spellings that are
    /// [the same](Self::matches).
    pub(crate) fn is_spelled(&self, other: &Self) -> bool {
        let variant = |platform: &Self| platform.variant.clone().unwrap_or_default();
        self.os == other.os
            && self.architecture == other.architecture
            && variant(self) == variant(other)
            && self.matches(other)
    }

    /// Whether the two cannot be said of one image. What one side leaves out contradicts
    /// nothing: for years configs had no place for a variant, so an index says `arm/v6` or
    /// `amd64/v3` of an image whose config says `arm` or `amd64`.
    pub fn contradicts(&self, other: &Self) -> bool {
        fn differ(a: &str, b: &str) -> bool {
            !a.is_empty() && !b.is_empty() && a != b
        }
        let (a, b) = (self.normalized(), other.normalized());
        let says_variant = self.says_variant() && other.says_variant();
        differ(&a.os, &b.os)
            || differ(&a.architecture, &b.architecture)
            || (says_variant && a.variant != b.variant)
            || matches!((&a.os_version, &b.os_version), (Some(a), Some(b)) if a != b)
    }

    /// Whether a variant is named, be it in the name of the architecture.
    fn says_variant(&self) -> bool {
        let in_name = ["armel", "armhf"]
            .iter()
            .any(|name| self.architecture.eq_ignore_ascii_case(name));
        in_name || !is_absent(&self.variant)
    }

    /// Whether neither an operating system nor an architecture is named.
    pub(crate) fn is_unnamed(&self) -> bool {
        self.os.is_empty() && self.architecture.is_empty()
    }

    /// Whether something can run there: attestations are filed under `unknown/unknown`, and
    /// artifacts under nothing at all.
    pub fn is_runnable(&self) -> bool {
        let known = |part: &str| !part.is_empty() && part != "unknown";
        known(&self.os) && known(&self.architecture)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_unnamed() {
            return f.write_str("no platform");
        }
        write!(f, "{}/{}", self.os, self.architecture)?;
        if let Some(variant) = self.variant.as_deref().filter(|v| !v.is_empty()) {
            write!(f, "/{variant}")?;
        }
        if let Some(version) = &self.os_version {
            write!(f, " ({version})")?;
        }
        Ok(())
    }
}

/// In the spelling that was given: which of two spellings an index has may be what is meant.
impl FromStr for Platform {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let error = || ParseError(text.chars().take(80).collect());
        let parts: Vec<&str> = text.split('/').collect();
        let well_formed = |part: &&str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        if !parts.iter().all(well_formed) {
            return Err(error());
        }
        match parts[..] {
            [os, architecture] => Ok(Self::new(os, architecture, None)),
            [os, architecture, variant] => Ok(Self::new(os, architecture, Some(variant))),
            _ => Err(error()),
        }
    }
}

impl Platform {
    /// Go's names in lower case, but a variant only where it was given: `linux/arm` stays so.
    pub(crate) fn spelled(self) -> Self {
        let normal = self.normalized();
        Self {
            variant: if self.says_variant() {
                normal.variant
            } else {
                None
            },
            ..normal
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn spellings() {
        for (text, spelled) in [
            ("linux/amd64", "linux/amd64"),
            ("Linux/x86_64", "linux/amd64"),
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm64/v9", "linux/arm64/v9"),
            ("linux/arm", "linux/arm"),
            ("linux/arm/v7", "linux/arm/v7"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/armel", "linux/arm/v6"),
            ("linux/i686", "linux/386"),
            ("macos/arm64", "darwin/arm64"),
            ("linux/ppc64le", "linux/ppc64le"),
        ] {
            assert_eq!(parse(text).spelled().to_string(), spelled);
        }
    }

    #[test]
    fn the_same_machine() {
        let same = |a: &str, b: &str| parse(a).matches(&parse(b));
        assert!(same("linux/arm64", "linux/arm64/v8"));
        assert!(same("linux/arm", "linux/arm/v7"));
        assert!(!same("linux/arm", "linux/arm/v6"));
        assert!(!same("linux/amd64", "linux/amd64/v2"));
        assert!(!same("linux/amd64", "windows/amd64"));
        let mut version = parse("windows/amd64");
        version.os_version = Some("10.0.1".into());
        assert!(version.matches(&parse("windows/amd64")));
        let mut other = version.clone();
        other.os_version = Some("10.0.2".into());
        assert!(!version.matches(&other));
    }

    #[test]
    fn what_is_left_out_contradicts_nothing() {
        // As others write them: parsing would give them Go's spelling.
        let of = |text: &str| {
            let mut parts = text.split('/');
            let mut next = || parts.next().unwrap_or("");
            let (os, architecture) = (next(), next());
            Platform::new(os, architecture, Some(next()))
        };
        for (a, b, contradict) in [
            ("linux/arm/v6", "linux/arm", false),
            ("linux/arm/v5", "linux/arm", false),
            ("linux/armel", "linux/arm", false),
            ("linux/amd64/v3", "linux/amd64", false),
            ("linux/amd64/v3", "linux/x86_64", false),
            ("linux/arm64/v9", "linux/arm64", false),
            ("linux/arm64/v8", "linux/aarch64/8", false),
            ("linux/amd64", "/", false),
            ("linux/amd64", "linux/", false),
            ("linux/arm/v6", "linux/arm/v7", true),
            ("linux/armel", "linux/arm/v7", true),
            ("linux/armhf", "linux/armel", true),
            ("linux/amd64/v1", "linux/amd64/v3", true),
            ("linux/arm64/v8", "linux/arm64/v9", true),
            ("linux/arm/v7", "linux/arm64", true),
            ("linux/amd64", "windows/amd64", true),
            ("linux/amd64", "unknown/unknown", true),
        ] {
            assert_eq!(of(a).contradicts(&of(b)), contradict, "{a} and {b}");
            assert_eq!(of(b).contradicts(&of(a)), contradict, "{b} and {a}");
        }
        let version = |version: &str| Platform {
            os_version: Some(version.into()),
            ..of("windows/amd64")
        };
        assert!(version("10.0.1").contradicts(&version("10.0.2")));
        assert!(!version("10.0.1").contradicts(&of("windows/amd64")));
    }

    #[test]
    fn wrong_ones() {
        for text in [
            "",
            "linux",
            "linux/",
            "/amd64",
            "a/b/c/d",
            "linux/am d64",
            "linux/é",
        ] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
        assert!(!Platform::new("unknown", "unknown", None).is_runnable());
        assert!(!Platform::default().is_runnable());
    }
}
