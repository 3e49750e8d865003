//! Index, manifest, config, layers: each level is entered only where digests differ.

use std::collections::BTreeSet;

use serde_json::Value;
use verbatim_causes::Cause;
use verbatim_oci::graph::Depth;
use verbatim_oci::{Descriptor, Document, Index, Manifest};

use super::annotations::{annotations, meant, names};
use super::config::configs;
use super::docker::Docker;
use super::layers::{pair, Layer, Pair};
use super::parts::{images, one_of, Parts};
use super::{parse, platform_name, Image, Source};
use crate::compare::{inside, Explainer};
use crate::error::{Error, Result};
use crate::report::{Difference, Kind, Level};

/// Compare two images or indexes.
pub(crate) fn compare(
    explainer: &mut Explainer<'_>,
    left: &Image,
    right: &Image,
) -> Result<Vec<Difference>> {
    let mut out = Vec::new();
    if let (Some(l), Some(r)) = (&left.root, &right.root) {
        if let (Some(a), Some(b)) = (&l.listed, &r.listed) {
            // What the two layouts say of their image.
            let mut node = Difference::new(Level::Index, "index.json", Kind::Changed);
            annotations(&mut node, &a.annotations, &b.annotations);
            names(explainer, &mut node, (l, a), (r, b));
            if !node.says_nothing() {
                out.push(node);
            }
        }
        if l.digest != r.digest {
            let mut walk = Walk {
                explainer,
                left,
                right,
            };
            walk.documents(
                &mut out,
                "",
                (l.bytes.clone(), l.document.clone()),
                (r.bytes.clone(), r.document.clone()),
                Depth::TOP,
            )?;
        } else {
            explainer.by_digest = true;
            left.look()?;
            right.look()?;
        }
        return Ok(out);
    }
    saved(explainer, left, right, &mut out)?;
    Ok(out)
}

/// At least one side is an archive of Docker's.
fn saved(
    explainer: &mut Explainer<'_>,
    left: &Image,
    right: &Image,
    out: &mut Vec<Difference>,
) -> Result<()> {
    let (l, r) = (images(left)?, images(right)?);
    let mut walk = Walk {
        explainer,
        left,
        right,
    };
    let single = l.len() == 1 && r.len() == 1;
    let most = l.len().max(r.len());
    let (mut l, mut r) = (l.into_iter(), r.into_iter());
    for _ in 0..most {
        match (l.next(), r.next()) {
            (Some((name, a)), Some((_, b))) => {
                let path = if single { String::new() } else { name };
                walk.images(out, &path, &a, &b)?;
            }
            (Some((name, _)), None) => {
                let mut node = Difference::new(Level::Manifest, name, Kind::Removed);
                node.find(Cause::RemovedFile, "", "the image is on the left side only");
                out.push(node);
            }
            (None, Some((name, _))) => {
                let mut node = Difference::new(Level::Manifest, name, Kind::Added);
                node.find(Cause::AddedFile, "", "the image is on the right side only");
                out.push(node);
            }
            (None, None) => {}
        }
    }
    if out.is_empty() {
        tags(walk.explainer, left, right, out);
    }
    walk.explainer.notes.push(
        "an archive of `docker save` has no manifest, so configs and layers were compared and nothing else".into(),
    );
    if !single {
        walk.explainer
            .notes
            .push("the images of both archives were paired by their place".into());
    }
    Ok(())
}

/// The names of equal images in two archives of Docker's.
fn tags(explainer: &mut Explainer<'_>, left: &Image, right: &Image, out: &mut Vec<Difference>) {
    let (Source::Docker(l), Source::Docker(r)) = (&left.source, &right.source) else {
        return;
    };
    let of = |docker: &Docker| -> Vec<String> {
        let tags = docker.images.iter().map(|image| image.tags.join(", "));
        tags.collect()
    };
    let all_meant = |docker: &Docker| -> Vec<Vec<String>> {
        let tags = docker.images.iter().map(|image| &image.tags);
        tags.map(|tags| tags.iter().map(|tag| meant(tag)).collect())
            .collect()
    };
    if all_meant(l) != all_meant(r) {
        let (l, r) = (of(l), of(r));
        let mut node = Difference::new(Level::Index, "manifest.json", Kind::Changed);
        node.because(Cause::ArchiveHeader, "RepoTags", l.join("; "), r.join("; "));
        out.push(node);
        explainer
            .notes
            .push("the images are the same; only their names in the archives differ".into());
    }
}

struct Walk<'a, 'b> {
    explainer: &'a mut Explainer<'b>,
    left: &'a Image,
    right: &'a Image,
}

impl Walk<'_, '_> {
    fn documents(
        &mut self,
        out: &mut Vec<Difference>,
        path: &str,
        (left_bytes, left): (Vec<u8>, Document),
        (right_bytes, right): (Vec<u8>, Document),
        depth: Depth,
    ) -> Result<()> {
        match (left, right) {
            (Document::Manifest(l), Document::Manifest(r)) => {
                let l = Parts::of_manifest(self.left, left_bytes, l)?;
                let r = Parts::of_manifest(self.right, right_bytes, r)?;
                self.images(out, path, &l, &r)
            }
            (Document::Index(l), Document::Index(r)) => {
                self.indexes(out, path, (&left_bytes, &l), (&right_bytes, &r), depth)
            }
            (Document::Index(index), Document::Manifest(manifest)) => {
                let r = Parts::of_manifest(self.right, right_bytes, manifest)?;
                let l = one_of(self.left, index, &r)?;
                mixed(out, path, [AN_INDEX, A_SINGLE]);
                self.images(out, path, &l, &r)
            }
            (Document::Manifest(manifest), Document::Index(index)) => {
                let l = Parts::of_manifest(self.left, left_bytes, manifest)?;
                let r = one_of(self.right, index, &l)?;
                mixed(out, path, [A_SINGLE, AN_INDEX]);
                self.images(out, path, &l, &r)
            }
        }
    }

    fn indexes(
        &mut self,
        out: &mut Vec<Difference>,
        path: &str,
        (left_bytes, left): (&[u8], &Index),
        (right_bytes, right): (&[u8], &Index),
        depth: Depth,
    ) -> Result<()> {
        let Some(depth) = depth.below() else {
            let mut node = Difference::new(Level::Index, path, Kind::Changed);
            node.not_examined("indexes lie too deep inside of each other");
            out.push(node);
            return Ok(());
        };
        let mut node = Difference::new(Level::Index, path_or(path, "index"), Kind::Changed);
        annotations(&mut node, &left.annotations, &right.annotations);
        let types = (left.media_type(), right.media_type());
        node.compare(Cause::ArchiveHeader, "media type", types, |media_type| {
            media_type.to_string()
        });
        let (pairs, removed, added) = pair_manifests(&left.manifests, &right.manifests);
        if pairs.windows(2).any(|two| two[0].1 > two[1].1) {
            node.find(
                Cause::FileOrder,
                "/manifests",
                "the images of the index are in another order",
            );
        }
        for (i, j) in pairs {
            let (l, r) = (&left.manifests[i], &right.manifests[j]);
            let own = inside(path, &platform_name(l.platform.as_ref()));
            let mut descriptor = Difference::new(Level::Index, &own, Kind::Changed);
            annotations(&mut descriptor, &l.annotations, &r.annotations);
            if !descriptor.says_nothing() {
                node.children.push(descriptor);
            }
            if l.digest == r.digest {
                self.left.look_at_document(l)?;
                self.right.look_at_document(r)?;
                continue;
            }
            if !self.left.has(l) || !self.right.has(r) {
                let mut child = Difference::new(Level::Manifest, &own, Kind::Changed);
                child.field("digest", l.digest.to_string(), r.digest.to_string());
                child.not_examined("it is not in the layout, which holds a part of its index");
                node.children.push(child);
                continue;
            }
            let a = self.left.document(l)?;
            let b = self.right.document(r)?;
            let (x, y) = (parse(&a, &self.left.name)?, parse(&b, &self.right.name)?);
            self.documents(&mut node.children, &own, (a, x), (b, y), depth)?;
        }
        for (descriptors, indices, kind, cause) in [
            (&left.manifests, removed, Kind::Removed, Cause::RemovedFile),
            (&right.manifests, added, Kind::Added, Cause::AddedFile),
        ] {
            for index in indices {
                let descriptor = &descriptors[index];
                let own = inside(path, &platform_name(descriptor.platform.as_ref()));
                let mut child = Difference::new(Level::Manifest, own, kind);
                child.find(
                    cause,
                    "",
                    format!("an image of the index, {}", descriptor.digest),
                );
                node.children.push(child);
            }
        }
        if node.says_nothing() {
            node.absorb(verbatim_causes::compare(
                "index.json",
                left_bytes,
                right_bytes,
            ));
        }
        out.push(node);
        Ok(())
    }

    fn images(
        &mut self,
        out: &mut Vec<Difference>,
        path: &str,
        left: &Parts,
        right: &Parts,
    ) -> Result<()> {
        let mut node = Difference::new(Level::Manifest, path_or(path, "manifest"), Kind::Changed);
        let mut config = Difference::new(Level::Config, inside(path, "config"), Kind::Changed);
        if left.config != right.config {
            // With other layers, or layers that are not known.
            let ids = |layers: &[Layer]| layers.iter().map(|l| l.diff_id).collect::<Vec<_>>();
            let other_layers = ids(&left.layers) != ids(&right.layers);
            configs(&mut config, &left.config, &right.config, other_layers);
            if !config.says_nothing() {
                node.children.push(config);
            }
        }
        self.layers(&mut node, path, &left.layers, &right.layers)?;
        if let (Some((a, l)), Some((b, r))) = (&left.manifest, &right.manifest) {
            if a != b {
                manifests(&mut node, (a, l), (b, r));
            }
        }
        if !node.says_nothing() {
            out.push(node);
        }
        Ok(())
    }

    fn layers(
        &mut self,
        node: &mut Difference,
        path: &str,
        left: &[Layer],
        right: &[Layer],
    ) -> Result<()> {
        for pair in pair(left, right) {
            let child = match pair {
                Pair::Same(i, j) if left[i].same_blob(&right[j]) => {
                    left[i].look(self.left)?;
                    right[j].look(self.right)?;
                    continue;
                }
                Pair::Same(i, j) => {
                    let own = inside(path, &format!("layer {}", i + 1));
                    let mut child = Difference::new(Level::Layer, own, Kind::Changed);
                    self.same_archive(&mut child, &left[i], &right[j])?;
                    child
                }
                Pair::Changed(i, j) => {
                    let own = inside(path, &format!("layer {}", i + 1));
                    let mut child = Difference::new(Level::Layer, &own, Kind::Changed);
                    let a = left[i].open(self.left)?;
                    let b = right[j].open(self.right)?;
                    describe(&mut child, &left[i], &right[j]);
                    if a.first_difference(&b)
                        .map_err(|e| Error::reading(&own, &e))?
                        .is_none()
                    {
                        continue;
                    }
                    self.explainer
                        .content(&mut child, &own, b"layer.tar", &a, &b, 0)
                        .map_err(|e| Error::reading(&own, &e))?;
                    child
                }
                Pair::Moved(i, j) => {
                    let own = inside(path, &format!("layer {}", i + 1));
                    let mut child = Difference::new(Level::Layer, own, Kind::Moved);
                    child.because(
                        Cause::FileOrder,
                        "place of the layer",
                        (i + 1).to_string(),
                        (j + 1).to_string(),
                    );
                    if left[i].same_blob(&right[j]) {
                        left[i].look(self.left)?;
                        right[j].look(self.right)?;
                    } else {
                        self.same_archive(&mut child, &left[i], &right[j])?;
                    }
                    child
                }
                Pair::Removed(i) => lone(path, i, &left[i], Kind::Removed),
                Pair::Added(j) => lone(path, j, &right[j], Kind::Added),
            };
            node.children.push(child);
        }
        Ok(())
    }

    /// The same archive in other bytes: it need not be opened.
    fn same_archive(&mut self, node: &mut Difference, left: &Layer, right: &Layer) -> Result<()> {
        describe(node, left, right);
        if self.left.is_local() && self.right.is_local() {
            let (a, b) = (left.open(self.left)?, right.open(self.right)?);
            let path = node.path.clone();
            self.explainer
                .same_inside(node, &a, &b)
                .map_err(|e| Error::reading(&path, &e))?;
        } else {
            node.find(
                Cause::Compression,
                "",
                format!(
                    "the same archive inside (one diff_id) in {} and in {} bytes",
                    left.size(),
                    right.size()
                ),
            );
        }
        Ok(())
    }
}

const AN_INDEX: &str = "an index of images";
const A_SINGLE: &str = "a single image";

fn mixed(out: &mut Vec<Difference>, path: &str, [left, right]: [&str; 2]) {
    let mut node = Difference::new(Level::Index, path_or(path, "index"), Kind::Changed);
    node.because(Cause::ArchiveHeader, "document", left, right);
    out.push(node);
}

fn path_or(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        path.to_owned()
    }
}

fn describe(node: &mut Difference, left: &Layer, right: &Layer) {
    if let (Some(l), Some(r)) = (&left.descriptor, &right.descriptor) {
        if l.digest != r.digest {
            node.field("digest", l.digest.to_string(), r.digest.to_string());
        }
        if l.media_type != r.media_type {
            node.field("media type", l.media_type.as_str(), r.media_type.as_str());
        }
    }
    if let (Some(l), Some(r)) = (left.diff_id, right.diff_id) {
        if l != r {
            node.field("diff_id", l.to_string(), r.to_string());
        }
    }
    if left.size() != right.size() {
        node.field("size", left.size().to_string(), right.size().to_string());
    }
}

fn lone(path: &str, index: usize, layer: &Layer, kind: Kind) -> Difference {
    let side = if kind == Kind::Added { "right" } else { "left" };
    let own = inside(path, &format!("layer {} of the {side} side", index + 1));
    let mut node = Difference::new(Level::Layer, own, kind);
    let cause = if kind == Kind::Added {
        Cause::AddedFile
    } else {
        Cause::RemovedFile
    };
    node.find(
        cause,
        "",
        format!(
            "a layer of {} bytes is on the {side} side only",
            layer.size()
        ),
    );
    node
}

/// Images of two indexes: by platform, then by place.
fn pair_manifests(
    left: &[Descriptor],
    right: &[Descriptor],
) -> (Vec<(usize, usize)>, Vec<usize>, Vec<usize>) {
    let mut free: BTreeSet<usize> = (0..right.len()).collect();
    let mut pairs = Vec::new();
    let mut removed = Vec::new();
    // Attestations of several images all have the same platform: equal ones come first.
    let alike = |l: &Descriptor, r: &Descriptor| l.platform == r.platform;
    let mut open = Vec::new();
    for (i, l) in left.iter().enumerate() {
        match free.iter().copied().find(|&j| right[j].digest == l.digest) {
            Some(j) => {
                free.remove(&j);
                pairs.push((i, j));
            }
            None => open.push(i),
        }
    }
    for i in open {
        match free.iter().copied().find(|&j| alike(&left[i], &right[j])) {
            Some(j) => {
                free.remove(&j);
                pairs.push((i, j));
            }
            None => removed.push(i),
        }
    }
    pairs.sort_unstable();
    (pairs, removed, free.into_iter().collect())
}

fn manifests(node: &mut Difference, (a, left): (&[u8], &Manifest), (b, right): (&[u8], &Manifest)) {
    annotations(node, &left.annotations, &right.annotations);
    for (l, r) in left.layers.iter().zip(&right.layers) {
        annotations(node, &l.annotations, &r.annotations);
    }
    annotations(node, &left.config.annotations, &right.config.annotations);
    let types = (left.media_type(), right.media_type());
    node.compare(Cause::ArchiveHeader, "media type", types, |media_type| {
        media_type.to_string()
    });
    if !node.says_nothing() {
        return;
    }
    let value = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
    if value(a) == value(b) {
        node.find(
            Cause::History,
            "",
            "the manifests say the same in another order of keys or with other white space",
        );
    } else {
        node.absorb(verbatim_causes::compare("manifest.json", a, b));
    }
}
