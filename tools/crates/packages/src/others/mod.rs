//! Lock files that other programs write, read as locks of RPM, so that who has one need not choose
//! again: `rpms.lock.yaml` of rpm-lockfile-prototype ([`konflux`]), and the manifests of dnf
//! ([`dnf`]).
//!
//! Such a file names packages by their digests, and says nothing of signatures: whoever made it is
//! believed, as with every lock.

mod dnf;
mod konflux;

use std::collections::BTreeMap;

use serde::Deserialize;
use verbatim_digest::Digest;
use verbatim_foreign::excerpt;

use crate::lock::{Lock, LockedPackage, LockedSource};
use crate::manifest::PackageFormat;
use crate::{Error, Result};

/// By what the files are known; the rest of each is read by its own module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    document: Option<String>,
    lockfile_version: Option<serde::de::IgnoredAny>,
    content_origin: Option<serde::de::IgnoredAny>,
}

/// Read a lock file of another program; `name` is that of its file in messages.
pub(crate) fn parse(data: &[u8], name: &str) -> Result<Lock> {
    let known: Known =
        serde_yaml_ng::from_slice(data).map_err(|e| Error::wrong(format!("{name}: {e}")))?;
    let wrong = |what: &str| Err(Error::wrong(format!("{name}: {what}")));
    let lock = match (known.document.as_deref(), known.lockfile_version) {
        (Some(dnf::DOCUMENT), _) => dnf::parse(data),
        (None, Some(_)) => konflux::parse(data),
        _ if known.content_origin.is_some() => {
            return wrong("it says what is wanted, and not what was chosen; name the lock that rpm-lockfile-prototype makes of it, rpms.lock.yaml")
        }
        (Some("rpm-package-input"), _) => {
            return wrong("it says what is wanted, and not what was chosen; name the manifest that `dnf manifest resolve` makes of it")
        }
        _ => {
            return wrong("it is no lock file that is known here: neither one of rpm-lockfile-prototype (`lockfileVersion`) nor a manifest of dnf (`document: rpm-package-manifest`)")
        }
    };
    lock.map_err(|e| e.of(name))
}

/// Packages as they are found, each once.
#[derive(Debug, Default)]
struct Found(BTreeMap<(String, String, String), LockedPackage>);

impl Found {
    /// Take in a package that was chosen for these architectures; none means its own, or any.
    fn add(&mut self, package: LockedPackage, targets: &[String]) -> Result<()> {
        let key = (
            package.architecture.clone(),
            package.name.clone(),
            package.version.clone(),
        );
        let known = self.0.entry(key).or_insert_with(|| package.clone());
        if known.sha256 != package.sha256 {
            return Err(Error::wrong(format!(
                "{} {} has different bytes for different architectures; lock each of them apart",
                package.name, package.version
            )));
        }
        for target in targets {
            if !known.targets.contains(target) {
                known.targets.push(target.clone());
            }
        }
        Ok(())
    }

    /// The lock of them. What was asked for, and what needs what, such files do not say.
    fn into_lock(
        self,
        architectures: Vec<String>,
        sources: impl Iterator<Item = (String, String)>,
    ) -> Result<Lock> {
        let sources = sources.map(|(name, url)| LockedSource {
            name,
            url,
            indexes: Vec::new(),
        });
        let lock = Lock::new(
            PackageFormat::Rpm,
            architectures,
            Vec::new(),
            sources.collect(),
            self.0.into_values().collect(),
        );
        lock.check()?;
        Ok(lock)
    }
}

/// The digest of a package, of `sha256:…`: a weaker one, or none, proves nothing.
fn sha256(package: &str, checksum: &str) -> Result<Digest> {
    let digits = match checksum.split_once(':') {
        Some((algorithm, digits)) if algorithm.eq_ignore_ascii_case("sha256") => digits,
        _ => {
            return Err(Error::wrong(format!(
                "the package {} has the checksum `{}`, and only sha256 counts here; make its repository's index with `createrepo_c --checksum=sha256`, and lock again",
                excerpt(package, 100),
                excerpt(checksum, 100)
            )))
        }
    };
    Digest::from_hex(digits).map_err(|e| {
        Error::wrong(format!(
            "the checksum of the package {} is none: {e}",
            excerpt(package, 100)
        ))
    })
}

/// A version as rpm shows it: without the epoch 0.
fn version(evr: &str) -> String {
    evr.strip_prefix("0:").unwrap_or(evr).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_lock_is_told_with_the_fix() {
        for (text, words) in [
            ("contentOrigin: {}\npackages: [bash]\n", "rpms.lock.yaml"),
            (
                "document: rpm-package-input\nversion: 0.0.2\n",
                "dnf manifest resolve",
            ),
            ("document: other\n", "no lock file that is known"),
            ("a: 1\n", "no lock file that is known"),
            ("- a\n", "x: "),
            ("a: [\n", "x: "),
        ] {
            let message = parse(text.as_bytes(), "x").unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn what_nobody_reads_is_not_unfolded() {
        let mut bomb = String::from("a0: &a0 [x]\n");
        for n in 1..64 {
            let last = format!("*a{}", n - 1);
            bomb += &format!("a{n}: &a{n} [{}]\n", [&*last; 10].join(", "));
        }
        for good in [konflux::tests::GOOD, dnf::tests::GOOD] {
            let text = format!("{bomb}{}", good.trim_start_matches("---\n"));
            assert!(parse(text.as_bytes(), "x").is_ok());
        }
    }
}
