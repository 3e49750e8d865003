//! What a build by Bazel is fed with: what Bazel downloads, by its digest, and Bazel itself. It can be collected in
//! a folder, and taken from there without a network.
//!
//! A folder of materials holds `source` (a clone), `repository-cache` (Bazel's own form, by content), `bazel/bazel`
//! (the program) and `materials.json`, which lists what is to be there, so that something that is gone has a name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use verbatim_attest::bazel::Build;
use verbatim_digest::Digest;
use verbatim_document::{json, ErrorKind};
use verbatim_foreign::printable_path;

use super::Request;
use crate::error::{Error, Result};
use crate::report::Report;

/// A list of digests.
const MAX_LIST: u64 = 64 << 20;

/// What is in a folder of materials beside the sources.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    schema: Schema,
    /// The program; absent where a launcher was used, which is nothing without its machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bazel: Option<Digest>,
    /// What was downloaded.
    downloads: BTreeSet<Digest>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Schema {
    #[serde(rename = "verbatim.materials/1")]
    V1,
}

/// Where what is downloaded comes from or goes to.
pub(super) struct Inputs {
    cache: PathBuf,
    collect: Option<PathBuf>,
    collected: Option<PathBuf>,
}

impl Inputs {
    pub(super) fn of(request: &Request<'_>, scratch: &Path) -> Result<Self> {
        let whole = |path: &Path| {
            fs::create_dir_all(path)
                .and_then(|()| fs::canonicalize(path))
                .map_err(|e| Error::io(printable_path(path), &e))
        };
        let collect = request.fetch_only.map(whole).transpose()?;
        let collected = request
            .materials
            .map(|path| fs::canonicalize(path).map_err(|e| Error::io(printable_path(path), &e)));
        let collected = collected.transpose()?;
        let home = collect
            .as_deref()
            .or(collected.as_deref())
            .unwrap_or(scratch);
        Ok(Self {
            cache: whole(&home.join("repository-cache"))?,
            collect,
            collected,
        })
    }

    /// The folder for Bazel.
    pub(super) fn repository_cache(&self) -> &Path {
        &self.cache
    }

    /// The program among the materials.
    pub(super) fn program(&self) -> Option<PathBuf> {
        let program = self.collected.as_ref()?.join("bazel/bazel");
        program.exists().then_some(program)
    }

    /// Before anything is used: whether all that was collected is there, and is what it was.
    ///
    /// # Errors
    /// Something was changed, which does not hold; or is gone, which is unchecked.
    pub(super) fn check(&self, build: &Build, report: &mut Report) -> Result<()> {
        let Some(folder) = &self.collected else {
            return Ok(());
        };
        let path = folder.join("materials.json");
        let name = printable_path(&path).into_owned();
        let list: List = json::parse(&json::read_file(&path, MAX_LIST)?, &name)?;
        let there = downloads(&self.cache)?;
        if let Some(gone) = list.downloads.iter().find(|digest| !there.contains(digest)) {
            let named = names(build).remove(gone);
            report.miss(&gone.to_string());
            return Err(Error::unchecked(format!(
                "--materials: {gone}{} is gone, which {name} lists",
                named.map_or_else(String::new, |name| format!(" ({name})"))
            )));
        }
        let told = build.dependencies.bazel.or(list.bazel);
        match (self.program(), told) {
            (Some(program), Some(told)) => is_of(&program, told),
            (Some(program), None) => Err(Error::unchecked(format!(
                "--materials: nobody tells the digest of {}; name a program with --bazel",
                printable_path(&program)
            ))),
            (None, _) => Ok(()),
        }
    }

    /// What was downloaded, held against what the attestation says of it.
    pub(super) fn look_at_fetched(&self, build: &Build, report: &mut Report) -> Result<()> {
        let known = names(build);
        for digest in downloads(&self.cache)? {
            match known.get(&digest) {
                Some(name) => report.checked(name, digest),
                None => {
                    report.checked("download", digest);
                    if build.dependencies.complete() {
                        report.miss("resolvedDependencies");
                        report.reasons.push(format!(
                            "{digest} was downloaded, and the attestation, which says that it lists everything, does not list it"
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// Keep the program, if it is one by itself, and the list of everything.
    pub(super) fn keep(&self, program: &Path, digest: Digest) -> Result<()> {
        let Some(folder) = &self.collect else {
            return Ok(());
        };
        let is_itself = fs::read(program).is_ok_and(|data| data.starts_with(b"\x7fELF"));
        if is_itself {
            let kept = folder.join("bazel/bazel");
            let failed = |e: std::io::Error| Error::io(printable_path(&kept), &e);
            fs::create_dir_all(folder.join("bazel")).map_err(failed)?;
            fs::copy(program, &kept).map_err(failed)?;
            fs::set_permissions(&kept, fs::Permissions::from_mode(0o755)).map_err(failed)?;
            is_of(&kept, digest)?;
        }
        let list = List {
            schema: Schema::V1,
            bazel: is_itself.then_some(digest),
            downloads: downloads(&self.cache)?,
        };
        let path = folder.join("materials.json");
        fs::write(&path, json::to_canonical_line(&list)?)
            .map_err(|e| Error::io(printable_path(&path), &e))
    }
}

/// What the attestation calls what was fetched.
fn names(build: &Build) -> BTreeMap<Digest, String> {
    let fetched = build.dependencies.fetched().filter_map(|one| {
        let digest = Digest::from_hex(one.digest.get("sha256")?).ok()?;
        let name = one.uri.as_ref().or(one.name.as_ref());
        Some((
            digest,
            name.cloned().unwrap_or_else(|| "download".to_owned()),
        ))
    });
    fetched.collect()
}

/// What is in a repository cache, each by the digest of its bytes.
///
/// # Errors
/// A file is not what its name says: it does not hold.
fn downloads(cache: &Path) -> Result<BTreeSet<Digest>> {
    if !cache.join("content_addressable").exists() {
        return Ok(BTreeSet::new());
    }
    verbatim_attest::bazel::downloads(cache).map_err(|error| match error.kind() {
        ErrorKind::Mismatch => Error::does_not_hold(error.to_string()),
        _ => error.into(),
    })
}

fn is_of(path: &Path, told: Digest) -> Result<()> {
    let name = printable_path(path);
    let (is, _) = verbatim_digest::of_file(path).map_err(|e| Error::io(&name, e.io()))?;
    match is == told {
        true => Ok(()),
        false => Err(Error::does_not_hold(format!(
            "{name}: must have the digest {told}, and has {is}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_download_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let digest = Digest::of(b"a");
        let place = folder
            .path()
            .join("content_addressable/sha256")
            .join(digest.hex());
        fs::create_dir_all(&place).unwrap();
        assert!(
            downloads(folder.path()).unwrap().is_empty(),
            "a download that was broken off"
        );
        fs::write(place.join("file"), "a").unwrap();
        assert_eq!(downloads(folder.path()).unwrap(), BTreeSet::from([digest]));
        fs::write(place.join("file"), "b").unwrap();
        let error = downloads(folder.path()).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::DoesNotHold);
        assert!(error.to_string().contains(&digest.hex()), "{error}");
    }
}
