//! What a build by Bazel made, known by its bytes. The sums that it wrote say how things are called and nothing
//! else: a build is code of its sources, and could write any digest there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use verbatim_digest::Digest;
use verbatim_document::{file, json};
use verbatim_foreign::printable_path;
use verbatim_oci::layout::{check, write_root, Layout};
use verbatim_oci::Platform;
use verbatim_sums::collect::{of_image, of_layout};
use verbatim_sums::record::{Image, PlatformImage};
use verbatim_sums::Record;

use crate::error::{Error, Result};
use crate::published::unnamed;

/// The document beside the text of sums.
const MAX_RECORD: u64 = 256 << 20;

/// One image or index.
pub(super) struct Made {
    /// As its layout has it.
    pub(super) image: Image,
    /// The layout.
    pub(super) layout: PathBuf,
}

/// All that was made.
#[derive(Default)]
pub(super) struct Released {
    images: Vec<Made>,
    files: BTreeMap<Digest, PathBuf>,
    /// What sums call it.
    named: BTreeMap<String, Digest>,
}

impl Released {
    /// Look at what was made: every byte of it.
    ///
    /// # Errors
    /// An image that is none does not hold.
    pub(super) fn read(outputs: &[PathBuf]) -> Result<Self> {
        let mut released = Self::default();
        let layouts: Vec<&Path> = outputs
            .iter()
            .filter(|path| path.file_name().is_some_and(|name| name == "oci-layout"))
            .filter_map(|path| path.parent())
            .collect();
        for layout in &layouts {
            released.add_layout(layout)?;
        }
        for path in outputs {
            if layouts.iter().any(|layout| path.starts_with(layout)) {
                continue;
            }
            let failed = |e: std::io::Error| Error::io(printable_path(path), &e);
            let (opened, _) = file::open(path).map_err(failed)?;
            let (digest, _) = verbatim_digest::of_reader(opened).map_err(failed)?;
            released.files.insert(digest, path.clone());
            let is_beside = path.extension().is_some_and(|e| e == "json")
                && outputs
                    .binary_search(&path.with_extension("sha256"))
                    .is_ok();
            if is_beside {
                released.add_names(path)?;
            }
        }
        Ok(released)
    }

    fn add_layout(&mut self, path: &Path) -> Result<()> {
        let layout = Layout::open(path)?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let report = check(&layout, threads, std::sync::Arc::new(()))?;
        if let Some(problem) = report.problems.first() {
            let what = format!(
                "what Bazel built is no whole image: {}: {}",
                problem.file, problem.problem
            );
            return Err(match problem.kind.is_unchecked() {
                true => Error::unchecked(what),
                false => Error::does_not_hold(what),
            });
        }
        self.images.push(Made {
            image: of_layout(unnamed()?, &layout, None)?,
            layout: path.to_owned(),
        });
        Ok(())
    }

    fn add_names(&mut self, path: &Path) -> Result<()> {
        let data = json::read_file(path, MAX_RECORD)?;
        // Other rules write pairs of such names, too.
        let Ok(record) = Record::parse(&data, &printable_path(path)) else {
            return Ok(());
        };
        let images = record.images.iter();
        self.named
            .extend(images.map(|image| (image.reference.to_string(), image.digest)));
        let files = record.files.iter();
        self.named
            .extend(files.map(|file| (file.name.as_str().to_owned(), file.digest)));
        Ok(())
    }

    /// Whether something of these bytes was made.
    pub(super) fn has(&self, digest: Digest) -> bool {
        self.files.contains_key(&digest) || self.image(digest).is_some()
    }

    /// What was made in place of a subject, if anything was: under its name, and for this platform if the statement
    /// is of one.
    pub(super) fn in_place_of(&self, name: &str, platform: Option<&Platform>) -> Option<Digest> {
        let digest = *self.named.get(name)?;
        let made = self.images.iter().find(|made| made.image.digest == digest);
        match (made, platform) {
            (Some(made), Some(platform)) => {
                let found = of_platform(&made.image, platform)?;
                Some(found.manifest.digest)
            }
            (Some(_), None) => Some(digest),
            (None, _) => self.files.contains_key(&digest).then_some(digest),
        }
    }

    /// The image or index of this digest, also one that stands in an index alone.
    pub(super) fn image(&self, digest: Digest) -> Option<(&Made, Option<&PlatformImage>)> {
        let whole = self.images.iter().find(|made| made.image.digest == digest);
        if let Some(made) = whole {
            return Some((made, None));
        }
        self.images.iter().find_map(|made| {
            let mut platforms = made.image.platforms.iter();
            let found = platforms.find(|image| image.manifest.digest == digest)?;
            Some((made, Some(found)))
        })
    }

    /// The only image there is.
    pub(super) fn only_image(&self) -> Option<&Made> {
        let first = self.images.first()?;
        let same = |made: &Made| made.image.digest == first.image.digest;
        self.images.iter().all(same).then_some(first)
    }
}

/// The image of an index for a platform.
pub(super) fn of_platform<'a>(image: &'a Image, platform: &Platform) -> Option<&'a PlatformImage> {
    let mut platforms = image.platforms.iter();
    platforms.find(|one| one.platform.normalized() == platform.normalized())
}

/// One image of a layout alone, with a layout of its own in the folder `into`, which is not there yet.
pub(super) fn alone(made: &Made, image: &PlatformImage, into: &Path) -> Result<Made> {
    let failed = |e: std::io::Error| Error::io(printable_path(into), &e);
    fs::create_dir(into).map_err(failed)?;
    symlink(made.layout.join("blobs"), into.join("blobs")).map_err(failed)?;
    write_root(into, &image.manifest, None)?;
    Ok(Made {
        image: of_image(unnamed()?, image.clone()),
        layout: into.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_give_names_and_bytes_give_digests() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // The sums of a build that lies: the program was not made.
        let lie = Digest::of(b"published");
        let files = vec![verbatim_sums::record::File {
            digest: lie,
            name: "tool".parse().unwrap(),
            size: None,
        }];
        let mut record = Vec::new();
        Record::new(Vec::new(), files).write(&mut record).unwrap();
        fs::write(at("sums.json"), record).unwrap();
        fs::write(at("sums.sha256"), format!("{}  tool\n", lie.hex())).unwrap();
        fs::write(at("tool"), "built").unwrap();
        fs::write(at("other.json"), "{}").unwrap();
        fs::write(at("other.sha256"), "").unwrap();
        let mut outputs: Vec<PathBuf> = [
            "sums.json",
            "sums.sha256",
            "tool",
            "other.json",
            "other.sha256",
        ]
        .iter()
        .map(|name| at(name))
        .collect();
        outputs.sort();
        let released = Released::read(&outputs).unwrap();
        assert!(!released.has(lie));
        assert!(released.has(Digest::of(b"built")));
        assert_eq!(released.in_place_of("tool", None), None);
        assert_eq!(released.in_place_of("absent", None), None);
    }

    #[test]
    fn a_broken_image_does_not_hold() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("blobs/sha256")).unwrap();
        fs::write(at("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        let digest = Digest::of(b"absent");
        let index = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{digest}","size":6}}]}}"#
        );
        fs::write(at("index.json"), index).unwrap();
        let error = Released::read(&[at("index.json"), at("oci-layout")])
            .err()
            .unwrap();
        assert_eq!(error.kind(), crate::ErrorKind::DoesNotHold);
    }
}
