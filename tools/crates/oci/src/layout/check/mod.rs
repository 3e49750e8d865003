//! The deep check: is every byte of an image what the documents say of it?
//!
//! First the documents are walked, from the top down; they are small and there are few.
//! That gives the list of all other blobs with everything that is said about each. Then the
//! blobs are read, each once, several at a time: hashed as they are, and hashed again inside
//! their compression where a config names a diff_id. Nothing is held but one buffer a thread.
//!
//! Where the blobs come from is behind [`Blobs`]: files of a layout here, a repository of a
//! registry in the crate `registry`.

mod read;
mod visitor;

use std::sync::Arc;

use serde::Serialize;
use verbatim_digest::Digest;

use super::import::choose;
use super::published::Published;
use super::source::Layout;
use crate::graph::{Blobs, Link, Walk};
use crate::{Descriptor, Error, ErrorKind, Index, Platform, Result};

pub(crate) use read::in_parallel;
pub(super) use read::read_all;
pub use read::Progress;
pub(super) use visitor::Visitor;

/// What the check of a layout found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What a registry would serve, see [`Published`]; absent of several different images, of which
    /// one would have to be chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<Descriptor>,
    /// The images that can run.
    pub images: Vec<CheckedImage>,
    /// How many blobs there are.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Everything that is wrong, in the order of files.
    pub problems: Vec<Problem>,
    /// What is odd and does no harm; absent where there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
    /// Files among the blobs that no document names.
    pub unreferenced: Vec<String>,
}

impl Report {
    /// What was found below a descriptor, where nothing else is looked at.
    pub fn of(published: Descriptor, checked: Checked) -> Self {
        let Checked {
            images,
            blobs,
            bytes,
            problems,
            remarks,
        } = checked;
        Self {
            published: Some(published),
            images,
            blobs,
            bytes,
            problems,
            remarks,
            unreferenced: Vec::new(),
        }
    }
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

/// Something odd in a layout that does no harm.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Remark {
    /// The file where it shows.
    pub file: String,
    /// The place in the file (RFC 6901).
    pub pointer: String,
    /// What is odd.
    pub remark: String,
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
    pub kind: ErrorKind,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        Self {
            file: error.file().to_owned(),
            pointer: error.pointer().map(str::to_owned),
            kind: error.kind(),
            problem: error.what(),
        }
    }
}

/// Check all of a layout. An error says that it could not even be begun; everything else is
/// in the report.
pub fn check(layout: &Layout, threads: usize, progress: Arc<dyn Progress>) -> Result<Report> {
    let (data, index) = layout.index()?;
    let published = published(layout, &index, &data);
    let mut visitor = Visitor::new(layout);
    let file = layout.index_name();
    visitor.follow(Walk::of_index(&index, &file));
    if index.manifests.is_empty() {
        visitor.problems.push(
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
        if !visitor.names(digest) && layout.has_blob(digest) {
            unreferenced.push(super::source::blob_path(digest));
            visitor.add_unnamed(*digest);
        }
    }
    unreferenced.sort_unstable();
    let bytes = blobs
        .iter()
        .filter_map(|digest| layout.blob(digest).ok())
        .map(|(_, size)| size)
        .sum();
    let [checked] = <[Checked; 1]>::try_from(finish(vec![visitor], threads, progress))
        .unwrap_or_else(|_| unreachable!("one visitor gives one result"));
    Ok(Report {
        published,
        images: checked.images,
        blobs: blobs.len() as u64,
        bytes,
        problems: checked.problems,
        remarks: checked.remarks,
        unreferenced,
    })
}

/// Check the image for one platform and nothing else, so that what a layout does not hold of
/// the other platforms is not missed.
pub fn check_platform(
    layout: &Layout,
    platform: &Platform,
    threads: usize,
    progress: Arc<dyn Progress>,
) -> Result<Report> {
    let link = choose(layout, Some(platform))?.link;
    let published = link.descriptor.clone();
    let mut visitor = Visitor::new(layout);
    visitor.follow(Walk::new(link, usize::MAX));
    let [checked] = <[Checked; 1]>::try_from(finish(vec![visitor], threads, progress))
        .unwrap_or_else(|_| unreachable!("one visitor gives one result"));
    Ok(Report::of(published, checked))
}

/// What a registry would serve. Whatever cannot be told is among the problems.
fn published(layout: &Layout, index: &Index, data: &[u8]) -> Option<Descriptor> {
    match (Published::of(layout, None), &index.manifests[..]) {
        (Ok(published), _) => Some(published.descriptor),
        (Err(_), [first, rest @ ..]) if rest.iter().all(|d| d.digest == first.digest) => {
            let media_type = first.media_type.clone();
            Some(Descriptor::new(media_type, first.digest, first.size))
        }
        (Err(error), _) if error.kind() == ErrorKind::Mismatch => None,
        _ => Some(Descriptor::of(index.media_type(), data)),
    }
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
    /// What is odd and does no harm.
    pub remarks: Vec<Remark>,
}

/// Check several images with all their blobs. What is found about each is in the order of
/// `roots`. A blob that several of them have in one place is read once.
pub fn check_roots(
    roots: &[Root<'_>],
    threads: usize,
    progress: Arc<dyn Progress>,
) -> Vec<Checked> {
    let visitors = read::in_parallel(roots, threads, |root| {
        let mut visitor = Visitor::new(root.blobs);
        let link = Link::root(root.descriptor.clone(), root.blobs.place());
        visitor.follow(Walk::new(link, root.blobs.most_documents()));
        visitor
    });
    finish(visitors, threads, progress)
}

/// Read what the visitors have noted, and put it together.
fn finish(visitors: Vec<Visitor<'_>>, threads: usize, progress: Arc<dyn Progress>) -> Vec<Checked> {
    let read = read_all(&visitors, threads, progress);
    visitors
        .into_iter()
        .zip(read)
        .map(|(mut visitor, read)| {
            let mut errors = std::mem::take(&mut visitor.problems);
            errors.extend(read.errors);
            let mut problems: Vec<Problem> = errors.iter().map(Problem::from).collect();
            problems.sort_unstable();
            problems.dedup();
            let (blobs, bytes) = visitor.count_blobs();
            let (images, remarks) = visitor.take_images();
            Checked {
                images,
                blobs,
                bytes,
                problems,
                remarks,
            }
        })
        .collect()
}
