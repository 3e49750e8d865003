//! What containerd knows: images and snapshots by namespace, and the snapshots of a snapshotter.

use std::collections::{BTreeMap, HashMap};

use verbatim_digest::Digest;
use verbatim_formats::bbolt::Bucket;
use verbatim_formats::Flaw;
use verbatim_oci::Result;

use super::bolt::{self, Reading};
use super::Image;
use crate::folder::Folder;

/// The version of the schema, in both databases.
const SCHEMA: &str = "v1";

/// A snapshot as a snapshotter has it: of which nobody writes any more.
const COMMITTED: u8 = 3;

/// Snapshots by their keys.
pub(super) type Snapshots<T> = HashMap<String, T>;

/// What `meta.db` has.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub(super) images: Vec<Image>,
    /// By namespace and snapshotter.
    pub(super) snapshots: BTreeMap<(String, String), Snapshots<Named>>,
}

/// A snapshot of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// What the snapshotter calls it.
    pub(super) name: String,
    /// The key of the one below it.
    pub(super) parent: String,
}

/// A snapshot of a snapshotter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    /// The name of its folder.
    pub(super) id: u64,
    pub(super) is_committed: bool,
    /// The name of the one below it.
    pub(super) parent: String,
}

/// Read `meta.db`.
pub(super) fn read(folder: &Folder) -> Result<Metadata> {
    bolt::read(folder, "meta.db", |database, root| {
        let mut metadata = Metadata::default();
        let Some(schema) = database.fields(root)?.bucket(SCHEMA) else {
            return Ok(metadata);
        };
        for (namespace, bucket) in database.fields(schema)?.buckets() {
            let mut objects = database.fields(bucket)?;
            if let Some(images) = objects.bucket("images") {
                let images = read_images(database, images, &namespace)?;
                metadata.images.extend(images);
            }
            let Some(snapshotters) = objects.bucket("snapshots") else {
                continue;
            };
            for (snapshotter, bucket) in database.fields(snapshotters)?.buckets() {
                let mut snapshots = Snapshots::new();
                for (key, bucket) in database.fields(bucket)?.buckets() {
                    let fields = database.fields(bucket)?;
                    let named = Named {
                        name: fields.text("name").unwrap_or_default(),
                        parent: fields.text("parent").unwrap_or_default(),
                    };
                    snapshots.insert(key, named);
                }
                let place = (namespace.clone(), snapshotter);
                metadata.snapshots.insert(place, snapshots);
            }
        }
        Ok(metadata)
    })
}

/// The images of a namespace: names of one digest are one.
fn read_images(
    database: &mut Reading<'_>,
    bucket: Bucket,
    namespace: &str,
) -> Result<Vec<Image>, Flaw> {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, bucket) in database.fields(bucket)?.buckets() {
        let Some(target) = database.fields(bucket)?.bucket("target") else {
            continue;
        };
        let digest = database.fields(target)?.text("digest").unwrap_or_default();
        names.entry(digest).or_default().push(name);
    }
    let image = |(target, names): (String, Vec<String>)| Image {
        id: format!("{namespace}/{target}"),
        namespace: namespace.to_owned(),
        target: target.parse::<Digest>().map_err(|e| e.to_string()),
        names,
    };
    Ok(names.into_iter().map(image).collect())
}

/// Read the database of a snapshotter.
pub(super) fn read_snapshots(folder: &Folder) -> Result<Snapshots<Kept>> {
    bolt::read(folder, "metadata.db", |database, root| {
        let mut snapshots = Snapshots::new();
        let Some(schema) = database.fields(root)?.bucket(SCHEMA) else {
            return Ok(snapshots);
        };
        let Some(bucket) = database.fields(schema)?.bucket("snapshots") else {
            return Ok(snapshots);
        };
        for (name, bucket) in database.fields(bucket)?.buckets() {
            let fields = database.fields(bucket)?;
            let Some(id) = fields.bytes("id").and_then(varint) else {
                continue;
            };
            let kept = Kept {
                id,
                is_committed: fields.bytes("kind") == Some(&[COMMITTED]),
                parent: fields.text("parent").unwrap_or_default(),
            };
            snapshots.insert(name, kept);
        }
        Ok(snapshots)
    })
}

/// A number of Go's `binary.PutUvarint`, and nothing behind it.
fn varint(bytes: &[u8]) -> Option<u64> {
    let (last, others) = bytes.split_last()?;
    let is_whole = *last < 0x80 && others.iter().all(|byte| *byte >= 0x80) && others.len() < 9;
    let value = |number: u64, byte: &u8| (number << 7) | u64::from(byte & 0x7f);
    is_whole.then(|| bytes.iter().rev().fold(0, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_go_writes_them() {
        assert_eq!(varint(&[7]), Some(7));
        assert_eq!(varint(&[0xac, 0x02]), Some(300));
        assert_eq!(varint(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Some(0xffff_ffff));
        for wrong in [&[][..], &[0x80], &[7, 7], &[0x80; 12]] {
            assert_eq!(varint(wrong), None);
        }
    }
}
