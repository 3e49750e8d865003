//! Base images and the SBOM that pins them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use verbatim_digest::Digest;
use verbatim_document::json;
use verbatim_foreign::{excerpt, printable, printable_path};
use verbatim_registry::Repository;

use super::{Found, Rebuild, Stages};
use crate::base::{BaseImage, Name, Pin, Pins};
use crate::containerfile::Containerfile;
use crate::error::{Error, ErrorKind, Result};
use crate::images::{self, Images};
use crate::{prefetch, sbom};

impl Rebuild<'_> {
    /// The images that the Containerfile begins with and copies from.
    pub(super) fn base_names(
        &mut self,
        found: &Found,
        arguments: &[String],
    ) -> Result<(Vec<Name>, Stages)> {
        let given: BTreeMap<String, String> = arguments
            .iter()
            .filter_map(|argument| argument.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let file = Containerfile::parse(&found.text, &given)?;
        let target = self.build.parameters.text("TARGET_STAGE");
        let target = file.target(target).ok_or_else(|| {
            Error::wrong(format!(
                "the Containerfile has no stage {}",
                target.map_or_else(
                    || "at all".to_owned(),
                    |name| format!("`{}`", excerpt(name, 100))
                )
            ))
        })?;
        let all = !self.build.parameters.flag("SKIP_UNUSED_STAGES", true);
        let mut names = Vec::new();
        for text in file.images(target, all) {
            match Name::parse(&text) {
                Some(name) => names.push(name),
                None => {
                    self.report.miss(&text);
                    return Err(Error::unchecked(format!(
                        "the Containerfile is made from `{}`, which is no image of a registry; that is not rebuilt here",
                        excerpt(&text, 200)
                    )));
                }
            }
        }
        Ok((names, Stages { file, target }))
    }

    /// Have every base image by its digest.
    pub(super) fn base_images(&mut self, names: &[Name]) -> Result<Vec<BaseImage>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut pins = Pins {
            given: self.request.bases.clone(),
            reported: self.build.pins.clone(),
            sbom: Vec::new(),
        };
        let (_, unknown) = pins.resolve(names);
        if self.request.sbom.is_some() || !unknown.is_empty() {
            let listed = self.sbom();
            match listed {
                Ok(listed) => pins.sbom = listed,
                Err(error) if error.kind() == ErrorKind::Unchecked => {
                    self.report.reasons.push(error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        let (images, missing) = pins.resolve(names);
        for image in &images {
            self.report.name_material(&image.name.text, image.digest);
            for (who, other) in &image.otherwise {
                self.report.reasons.push(format!(
                    "{} is {} here, and {who} says {other}",
                    image.name.text, image.digest
                ));
            }
        }
        for name in &missing {
            self.report.miss(name);
        }
        let store = Images::in_folder(&self.store()?.join("images"))?;
        for image in &images {
            if !store.has(image)? {
                if self.request.materials.is_some() {
                    self.report.miss(&image.name.text);
                    return Err(Error::unchecked(format!(
                        "--materials: the base image {} is not there, as {}",
                        image.name.text,
                        printable_path(&store.layout(image))
                    )));
                }
                (self.request.log)(&format!(
                    "verbatim: pulling {}@{}",
                    image.name.repository, image.digest
                ));
                let fetched = (self.request.client)()
                    .and_then(|client| store.fetch(image, &client, &self.runtime));
                if let Err(error) = fetched {
                    self.report.miss(&image.name.text);
                    return Err(error);
                }
            }
            self.report.checked(&image.name.text, image.digest);
        }
        if !missing.is_empty() {
            return Err(Error::unchecked(format!(
                "the digest of {} is told by no result, no SBOM and no FROM; give it with --base NAME@sha256:…",
                printable(&missing.join(" and "))
            )));
        }
        Ok(images)
    }

    /// What the SBOM says: the one that was given, that was kept, or that is named by digest.
    fn sbom(&mut self) -> Result<Vec<Pin>> {
        let kept = self.store()?.join("sbom.json");
        let path = match self.request.sbom {
            Some(path) => path.to_owned(),
            None if kept.exists() => kept,
            None => self.fetch_sbom(&kept)?,
        };
        let data = json::read_file(&path, verbatim_sbom::LARGEST)?;
        let digest = Digest::of(&data);
        match &self.build.sbom {
            Some((repository, told)) if *told == digest => self.report.checked(repository, digest),
            Some((_, told)) if self.request.sbom.is_none() => {
                return Err(Error::does_not_hold(format!(
                    "{}: must be the SBOM {told}, and is {digest}",
                    printable_path(&path)
                )))
            }
            _ => self
                .report
                .name_material(&path.display().to_string(), digest),
        }
        if self.request.fetch_only.is_some() && self.request.sbom.is_some() {
            let kept = self.store()?.join("sbom.json");
            fs::write(&kept, &data).map_err(|e| Error::io(printable_path(&kept), &e))?;
        }
        sbom::images(&data, &printable_path(&path))
    }

    /// Have the packages that were fetched before the build: the archive, by its digest.
    pub(super) fn prefetched(&mut self) -> Result<Option<PathBuf>> {
        let artifact = match self.build.prefetched() {
            Ok(None) => return Ok(None),
            Ok(Some(artifact)) => artifact,
            Err(error) => {
                self.report.miss("CACHI2_ARTIFACT");
                return Err(error);
            }
        };
        self.report
            .name_material(&artifact.repository, artifact.digest);
        let folder = self.store()?.join("artifacts");
        fs::create_dir_all(&folder).map_err(|e| Error::io(printable_path(&folder), &e))?;
        let path = folder.join(artifact.digest.hex());
        if !path.exists() {
            let fetched = self.fetch_blob(
                &artifact.repository,
                artifact.digest,
                prefetch::MAX_PACKED,
                &path,
            );
            if let Err(error) = fetched {
                self.report.miss("CACHI2_ARTIFACT");
                return Err(error);
            }
        }
        let (digest, _) = verbatim_digest::of_file(&path)
            .map_err(|e| Error::io(printable_path(&path), e.io()))?;
        if digest != artifact.digest {
            return Err(Error::does_not_hold(format!(
                "{}: must be the artifact {}, and is {digest}",
                printable_path(&path),
                artifact.digest
            )));
        }
        self.report.checked(&artifact.repository, artifact.digest);
        Ok(Some(path))
    }

    fn fetch_blob(&self, repository: &str, digest: Digest, limit: u64, to: &Path) -> Result<()> {
        if self.request.materials.is_some() {
            return Err(Error::unchecked(format!(
                "--materials: {digest} is not there, as {}",
                printable_path(to)
            )));
        }
        (self.request.log)(&format!(
            "verbatim: fetching {}@{digest}",
            printable(repository)
        ));
        let places: [Repository; 1] = [repository.parse()?];
        let client = (self.request.client)()?;
        let fetched = client.pull_blob(&places, digest, None, limit, to, images::silent());
        self.runtime.block_on(fetched)?;
        Ok(())
    }

    fn fetch_sbom(&self, to: &Path) -> Result<PathBuf> {
        let Some((repository, digest)) = &self.build.sbom else {
            return Err(Error::unchecked(
                "the attestation names no SBOM (SBOM_BLOB_URL); give it with --sbom",
            ));
        };
        self.fetch_blob(repository, *digest, verbatim_sbom::LARGEST, to)?;
        Ok(to.to_owned())
    }
}
