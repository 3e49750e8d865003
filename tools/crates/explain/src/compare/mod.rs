//! The walk through both sides.

mod content;
pub(crate) mod digests;
mod entries;
pub(crate) mod fields;
mod join;
mod links;
mod special;

use std::io;

use crate::error::{Error, Result};
use crate::image;
use crate::limits::{Allowance, Limits};
use crate::open::{Opened, Side};
use crate::report::{Difference, Kind, Level, Report};
use crate::sums;
use crate::tree::Bounds;

/// What is carried along.
pub(crate) struct Explainer<'a> {
    pub(crate) limits: &'a Limits,
    allowance: Allowance,
    ledger: digests::Ledger,
    containers: u64,
    /// Entries whose content is explained, as far as there is room for them.
    explained: u64,
    /// Whether times and owners of folders count.
    pub(crate) metadata: bool,
    pub(crate) notes: Vec<String>,
    /// Whether the digests alone were compared, as these are equal.
    pub(crate) by_digest: bool,
}

/// What is to be known of two sides whose digests are equal.
const BY_DIGEST: &str =
    "both sides name the same digests, so nothing that these stand for was opened; `verbatim layout check` and `verbatim verify --deep` read every byte";

/// Compare two sides and explain what differs.
///
/// With `metadata`, times and owners of files in folders count; they say when and by whom a
/// folder was copied, so usually they do not.
pub fn explain(left: &Side, right: &Side, metadata: bool, limits: &Limits) -> Result<Report> {
    let mut explainer = Explainer {
        limits,
        allowance: Allowance::new(limits.decompressed),
        ledger: digests::Ledger::default(),
        containers: limits.containers,
        explained: limits.differences,
        metadata,
        notes: Vec::new(),
        by_digest: false,
    };
    let mut differences = explainer.sides(left, right)?;
    explainer.settle(&mut differences);
    if explainer.by_digest {
        explainer.notes.push(BY_DIGEST.into());
    }
    let mut report = Report::new(
        left.report(),
        right.report(),
        differences,
        explainer.notes,
        limits,
    );
    report.by_digest = explainer.by_digest;
    Ok(report)
}

impl Explainer<'_> {
    fn sides(&mut self, left: &Side, right: &Side) -> Result<Vec<Difference>> {
        let name = artifact_name(left, right);
        let mut node = Difference::new(Level::Artifact, &name, Kind::Changed);
        match (&left.opened, &right.opened) {
            (Opened::Image(l), Opened::Image(r)) => return image::compare(self, l, r),
            (Opened::Sums(l), Opened::Sums(r)) => {
                let differences = sums::compare(&l.sums, &r.sums);
                self.by_digest = differences.is_empty();
                return Ok(differences);
            }
            (Opened::Folder(l), Opened::Folder(r)) => {
                self.folders(&mut node, (left, l), (right, r))?;
            }
            (Opened::Folder(folder), Opened::File(file)) => {
                let tree = self.folder(left, folder)?;
                let archive = self.archive(right, file)?;
                self.trees(&mut node, "", &tree, &archive, 0)
                    .map_err(|e| Error::reading(&name, &e))?;
            }
            (Opened::File(file), Opened::Folder(folder)) => {
                let archive = self.archive(left, file)?;
                let tree = self.folder(right, folder)?;
                self.trees(&mut node, "", &archive, &tree, 0)
                    .map_err(|e| Error::reading(&name, &e))?;
            }
            (Opened::File(_) | Opened::Sums(_), Opened::File(_) | Opened::Sums(_)) => {
                let (l, r) = (left.blob()?, right.blob()?);
                let both = format!("{} or {}", left.name(), right.name());
                let at = l
                    .first_difference(r)
                    .map_err(|e| Error::reading(&both, &e))?;
                if at.is_none() {
                    return Ok(Vec::new());
                }
                let file_name = node.path.clone();
                self.content(&mut node, "", file_name.as_bytes(), l, r, 0)
                    .map_err(|e| Error::reading(&both, &e))?;
                if node.says_nothing() {
                    node.find(
                        verbatim_causes::Cause::Unexplained,
                        &format!("offset {:#x}", at.unwrap_or(0)),
                        "the bytes differ here and nothing else that is known does",
                    );
                }
            }
            _ => {
                return Err(Error::input(format!(
                    "{} is {} and {} is {}, which cannot be compared; name two images, two archives or folders, or two lists of sums",
                    left.name(),
                    left.kind(),
                    right.name(),
                    right.kind(),
                )))
            }
        }
        Ok(if node.says_nothing() {
            Vec::new()
        } else {
            vec![node]
        })
    }

    fn folders(
        &mut self,
        node: &mut Difference,
        left: (&Side, &std::path::Path),
        right: (&Side, &std::path::Path),
    ) -> Result<()> {
        let l = self.folder(left.0, left.1)?;
        let r = self.folder(right.0, right.1)?;
        if !self.metadata {
            self.notes.push(
                "times, owners and extended attributes of files in folders are not compared; --metadata does"
                    .into(),
            );
        }
        self.trees(node, "", &l, &r, 0)
            .map_err(|e| Error::reading(&node.path, &e))
    }

    fn folder(&self, side: &Side, path: &std::path::Path) -> Result<crate::tree::Tree> {
        crate::tree::walk(path, self.limits.entries, self.metadata)
            .map_err(|e| Error::reading(side.name(), &e))
    }

    fn archive(&mut self, side: &Side, blob: &crate::blob::Blob) -> Result<crate::tree::Tree> {
        crate::tree::scan(blob, &self.bounds(0)).map_err(|e| Error::reading(side.name(), &e))
    }

    pub(crate) fn bounds(&self, depth: u32) -> Bounds {
        Bounds {
            all: self.allowance.clone(),
            own: if depth == 0 {
                self.limits.decompressed
            } else {
                self.limits.nested
            },
            entries: self.limits.entries,
        }
    }

    /// Ask for leave to open another container.
    pub(crate) fn enter(&mut self, depth: u32) -> io::Result<()> {
        if depth >= self.limits.depth {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "it lies in {depth} containers inside of each other, and no more are opened"
                ),
            ));
        }
        self.containers = self.containers.checked_sub(1).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "{} containers were opened, and no more are",
                    self.limits.containers
                ),
            )
        })?;
        Ok(())
    }
}

/// What both sides are called: the last part of their names, if it is the same.
fn artifact_name(left: &Side, right: &Side) -> String {
    let last = |name: &str| {
        name.trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let (l, r) = (last(left.name()), last(right.name()));
    if l == r && !l.is_empty() && l != "." && l != ".." {
        return l;
    }
    if l.is_empty() || l == "." || l == ".." {
        return ".".into();
    }
    l
}

/// The path of something inside of `path`.
pub(crate) fn inside(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}!{name}")
    }
}
