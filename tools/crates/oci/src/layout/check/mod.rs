//! The deep check: is every byte of an image what the documents say of it?
//!
//! First the documents are walked, from the top down; they are small and there are few.
//! That gives the list of all other blobs with everything that is said about each. Then the
//! blobs are read, each once, several at a time: hashed as they are, and hashed again inside
//! their compression where a config names a diff_id. Nothing is held but one buffer a thread.
//!
//! Where the blobs come from is behind [`Blobs`]: files of a layout here, a repository of a
//! registry in the crate `registry`.

mod blobs;
mod read;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use verbatim_digest::Digest;

use super::source::Layout;
use crate::{Descriptor, Platform};
use crate::{Error, ErrorKind, Result};

pub use blobs::{Blobs, Content};
pub(super) use read::read_all;
pub use read::Progress;
pub(super) use walk::Walk;

/// What the check of a layout found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What a registry would serve: the one thing that `index.json` names, or, where it
    /// names several, `index.json` itself.
    pub published: Descriptor,
    /// The images that can run.
    pub images: Vec<CheckedImage>,
    /// How many blobs there are.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Everything that is wrong, in the order of files.
    pub problems: Vec<Problem>,
    /// Files among the blobs that no document names.
    pub unreferenced: Vec<String>,
}

/// One image of a checked layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedImage {
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The digest of its config, the image ID.
    pub config: Digest,
    /// In the words of the config.
    pub platform: Platform,
    /// How many layers it has.
    pub layers: usize,
    /// The bytes of its manifest, config and layers as they are stored.
    pub size: u64,
}

/// Something that is wrong in a layout.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file where it shows.
    pub file: String,
    /// The place in the file, if it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// `missing`, `mismatch`, `malformed`, `limit`, `unsupported` or `io`.
    pub kind: &'static str,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        Self {
            file: error.file().to_owned(),
            pointer: error.pointer().map(str::to_owned),
            kind: error.kind().name(),
            problem: error.what(),
        }
    }
}

/// Check all of a layout. An error says that it could not even be begun; everything else is
/// in the report.
pub fn check(layout: &Layout, threads: usize, progress: Arc<dyn Progress>) -> Result<Report> {
    let (data, index) = layout.index()?;
    let published = match &index.manifests[..] {
        [single] => Descriptor {
            annotations: BTreeMap::new(),
            ..single.clone()
        },
        _ => Descriptor::of(index.media_type(), &data),
    };
    let mut walk = Walk::new(layout);
    let file = layout.file_name("index.json");
    walk.index(&index, &file, 0);
    if index.manifests.is_empty() {
        walk.problems.push(
            Error::new(
                ErrorKind::Missing,
                file,
                "names nothing; a layout must name at least one manifest or index",
            )
            .at("/manifests"),
        );
    }
    let (blobs, others) = layout.blobs()?;
    let mut unreferenced = others;
    for digest in &blobs {
        // A link that leads nowhere is no blob; whoever names it misses it.
        if !walk.names(digest) && layout.has_blob(digest) {
            unreferenced.push(super::source::blob_path(digest));
            walk.add_unnamed(*digest);
        }
    }
    unreferenced.sort_unstable();
    let bytes = blobs
        .iter()
        .filter_map(|digest| layout.blob(digest).ok())
        .map(|(_, size)| size)
        .sum();
    let [checked] = <[Checked; 1]>::try_from(finish(vec![walk], threads, progress))
        .unwrap_or_else(|_| unreachable!("one walk gives one result"));
    Ok(Report {
        published,
        images: checked.images,
        blobs: blobs.len() as u64,
        bytes,
        problems: checked.problems,
        unreferenced,
    })
}

/// Something to check: where its blobs are, and the descriptor at the top.
#[derive(Clone, Copy)]
pub struct Root<'a> {
    /// Where its blobs are.
    pub blobs: &'a dyn Blobs,
    /// The manifest or index.
    pub descriptor: &'a Descriptor,
}

/// What the check of one [`Root`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The images that can run.
    pub images: Vec<CheckedImage>,
    /// How many blobs it names, documents among them, each once.
    pub blobs: u64,
    /// Their bytes, as they are stored.
    pub bytes: u64,
    /// Everything that is wrong, in the order of files.
    pub problems: Vec<Problem>,
}

/// Check several images with all their blobs. What is found about each is in the order of
/// `roots`. A blob that several of them have in one place is read once.
pub fn check_roots(
    roots: &[Root<'_>],
    threads: usize,
    progress: Arc<dyn Progress>,
) -> Vec<Checked> {
    let walks = read::in_parallel(roots, threads, |root| {
        let mut walk = Walk::new(root.blobs);
        let file = root.blobs.place().to_owned();
        if let Err(error) = walk.descriptor(root.descriptor, &file, "", 0) {
            walk.problems.push(error);
        }
        walk
    });
    finish(walks, threads, progress)
}

/// Read what the walks have noted, and put it together.
fn finish(walks: Vec<Walk<'_>>, threads: usize, progress: Arc<dyn Progress>) -> Vec<Checked> {
    let read = read_all(&walks, threads, progress);
    walks
        .into_iter()
        .zip(read)
        .map(|(mut walk, read)| {
            let mut errors = std::mem::take(&mut walk.problems);
            errors.extend(read.errors);
            let mut problems: Vec<Problem> = errors.iter().map(Problem::from).collect();
            problems.sort_unstable();
            problems.dedup();
            let (blobs, bytes) = walk.count_blobs();
            Checked {
                images: walk.take_images(),
                blobs,
                bytes,
                problems,
            }
        })
        .collect()
}
