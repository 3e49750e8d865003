//! The files that the task put into the image on its own, made once more where all that is in them is told.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use verbatim_foreign::printable_path;
use verbatim_sbom::LARGEST;

use super::{path_text, Inputs, Rebuild, Stages};
use crate::error::{Error, ErrorKind, Result};
use crate::images::Images;
use crate::injected::{self, CONTENT_SETS, LABELS};
use crate::konflux::Flags;
use crate::published::Published;
use crate::{machine, prefetch};

impl Rebuild<'_> {
    /// The folder with these files, where there are some and they can be made. Else they are named as missing: the
    /// build may come out the same without them, but a difference is no proof of anything.
    pub(super) fn inject(
        &mut self,
        stages: &Stages,
        flags: &Flags,
        inputs: &Inputs<'_>,
        packages: Option<&Path>,
    ) -> Result<Option<PathBuf>> {
        let names = self.build.injections();
        if names.is_empty() {
            return Ok(None);
        }
        match self.injected(stages, flags, inputs, packages) {
            Ok(files) => {
                let folder = self.folder("buildinfo")?;
                injected::write(&folder, &files)?;
                Ok(Some(folder))
            }
            Err(error) if error.kind() == ErrorKind::Unchecked => {
                for name in names {
                    self.report.miss(name);
                }
                self.report.reasons.push(error.to_string());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn injected(
        &self,
        stages: &Stages,
        flags: &Flags,
        inputs: &Inputs<'_>,
        packages: Option<&Path>,
    ) -> Result<Vec<(&'static str, String)>> {
        let untold = |what: &str| Err(Error::unchecked(format!("{LABELS} is not made: {what}")));
        if !self.build.injects_sorted() {
            return untold("until version 0.9 of the task the version of its own buildah stands in it, which nobody tells");
        }
        if self.build.epoch()?.is_none() {
            return untold("without SOURCE_DATE_EPOCH the version of the task's own buildah stands in it, which nobody tells");
        }
        let mut labels = BTreeMap::new();
        let inherits = self
            .build
            .parameters
            .flag("INHERIT_BASE_IMAGE_LABELS", true);
        let line = stages.file.line(stages.target);
        let line = match inherits {
            true => &line[..],
            false => &line[line.len() - 1..],
        };
        if let Some(name) = stages.file.root(stages.target).filter(|_| inherits) {
            labels.extend(self.labels_of(name, inputs)?);
        }
        for stage in line {
            let Some(own) = &stage.labels else {
                return untold("a LABEL of the Containerfile has variables or escapes, which are not read here");
            };
            labels.extend(own.iter().cloned());
        }
        for label in &flags.labels {
            let (key, value) = label.split_once('=').unwrap_or((label.as_str(), ""));
            labels.insert(key.to_owned(), value.to_owned());
        }
        let mut files = vec![(LABELS, injected::labels(&labels)?)];
        let list = packages.and_then(|folder| prefetch::own_file(folder, "output/bom.json"));
        if let Some(path) = list {
            let file = printable_path(&path);
            let size = fs::metadata(&path).map_err(|e| Error::io(&file, &e))?.len();
            if size > LARGEST {
                return Err(Error::unchecked(format!(
                    "{CONTENT_SETS} is not made: {file} is larger than {} bytes",
                    LARGEST
                )));
            }
            let data = fs::read(&path).map_err(|e| Error::io(&file, &e))?;
            files.push((CONTENT_SETS, injected::content_sets(&data, &file)?));
        }
        Ok(files)
    }

    /// The labels of a base image.
    fn labels_of(&self, name: &str, inputs: &Inputs<'_>) -> Result<BTreeMap<String, String>> {
        let Some(image) = inputs.images.iter().find(|image| image.name.text == name) else {
            return Ok(BTreeMap::new());
        };
        let store = Images::in_folder(&self.store()?.join("images"))?;
        let layout = path_text(&store.layout(image))?;
        let published = Published::open(&layout, self.request.client, &self.runtime)?;
        let config = published.image(None, &machine::platform())?.config;
        let labels = config["config"]["Labels"].as_object();
        let text = |(key, value): (&String, &serde_json::Value)| {
            Some((key.clone(), value.as_str()?.to_owned()))
        };
        Ok(labels.into_iter().flatten().filter_map(text).collect())
    }
}
