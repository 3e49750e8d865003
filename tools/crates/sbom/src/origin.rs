//! Whose packages they are, as package URLs want to know it.

use std::str::FromStr;

use verbatim_packages::manifest::PackageFormat;

use crate::Purl;

/// A distribution: `debian`, or with its version `debian-13`, in the words of its `os-release`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    id: String,
    version: Option<String>,
}

impl FromStr for Distribution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, version) = match text.split_once('-') {
            Some((id, version)) => (id, Some(version)),
            None => (text, None),
        };
        let is_word = |word: &str| {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
            !word.is_empty() && word.bytes().all(allowed)
        };
        if !is_word(id) || version.is_some_and(|version| !is_word(version)) {
            return Err(
                "write it as ID or ID-VERSION of its os-release, debian-13 for example".into(),
            );
        }
        Ok(Self {
            id: id.to_ascii_lowercase(),
            version: version.map(str::to_owned),
        })
    }
}

impl Distribution {
    /// The package URL of a package of this distribution, or where that is not known, of any that
    /// has packages of this format. `version` is in the distribution's form.
    pub(crate) fn purl(
        known: Option<&Self>,
        format: PackageFormat,
        (name, version, architecture): (&str, &str, &str),
    ) -> Purl {
        let (kind, usual) = match format {
            PackageFormat::Deb => ("deb", "debian"),
            // The specification wants a vendor, and here nobody says which.
            PackageFormat::Rpm => ("rpm", ""),
            PackageFormat::Apk => ("apk", "alpine"),
        };
        let namespace = match known.map(|known| &*known.id) {
            // The name of the vendor, not of the product.
            Some("rhel") => "redhat",
            Some(id) => id,
            None => usual,
        };
        let (epoch, version) = match (format, version.split_once(':')) {
            (PackageFormat::Rpm, Some((epoch, version))) => (epoch, version),
            _ => ("", version),
        };
        let distro = known.and_then(|known| {
            let version = known.version.as_ref()?;
            Some(format!("{}-{version}", known.id))
        });
        Purl::new(kind, namespace, name)
            .version(version)
            .with("arch", architecture)
            .with("epoch", epoch)
            .with("distro", distro.as_deref().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_in_its_own_words() {
        let of = |text: &str| text.parse::<Distribution>().ok();
        for (known, format, package, purl) in [
            (
                None,
                PackageFormat::Deb,
                ("zlib1g", "1:1.3", "amd64"),
                "pkg:deb/debian/zlib1g@1:1.3?arch=amd64",
            ),
            (
                of("ubuntu-24.04"),
                PackageFormat::Deb,
                ("a", "1", "all"),
                "pkg:deb/ubuntu/a@1?arch=all&distro=ubuntu-24.04",
            ),
            (
                of("fedora"),
                PackageFormat::Rpm,
                ("vim", "2:9.1-1", "x86_64"),
                "pkg:rpm/fedora/vim@9.1-1?arch=x86_64&epoch=2",
            ),
            (
                None,
                PackageFormat::Rpm,
                ("vim", "9.1-1", "noarch"),
                "pkg:rpm/vim@9.1-1?arch=noarch",
            ),
            (
                None,
                PackageFormat::Apk,
                ("musl", "1.2-r0", "x86_64"),
                "pkg:apk/alpine/musl@1.2-r0?arch=x86_64",
            ),
        ] {
            assert_eq!(
                Distribution::purl(known.as_ref(), format, package).to_string(),
                purl
            );
        }
        for bad in ["", "-13", "debian-", "a b", "a/b"] {
            assert!(bad.parse::<Distribution>().is_err(), "{bad}");
        }
    }
}
