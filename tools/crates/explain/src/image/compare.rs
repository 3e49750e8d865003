//! Index, manifest, config, layers: each level is entered only where digests differ.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use verbatim_causes::Cause;
use verbatim_digest::Digest;
use verbatim_oci::graph::{select, Depth};
use verbatim_oci::{Config, Descriptor, Document, Index, Manifest};

use super::layers::{pair, Layer, Pair};
use super::{parse, platform_name, Image, Root, Source};
use crate::compare::{inside, Explainer};
use crate::error::{Error, Result};
use crate::report::{Difference, Kind, Level};

/// One image: its config and layers, and the manifest if there is one.
struct Parts {
    manifest: Option<(Vec<u8>, Box<Manifest>)>,
    config: Vec<u8>,
    layers: Vec<Layer>,
}

impl Parts {
    fn of_manifest(image: &Image, bytes: Vec<u8>, manifest: Box<Manifest>) -> Result<Self> {
        let config = image.document(&manifest.config)?;
        let diff_ids = diff_ids(&config, manifest.layers.len());
        let layers = manifest
            .layers
            .iter()
            .enumerate()
            .map(|(i, descriptor)| Layer {
                descriptor: Some(descriptor.clone()),
                diff_id: diff_ids.as_ref().map(|ids| ids[i]),
                saved: None,
            })
            .collect();
        Ok(Self {
            manifest: Some((bytes, manifest)),
            config,
            layers,
        })
    }

    fn of_saved(saved: &super::docker::Saved) -> Self {
        let diff_ids = diff_ids(&saved.config, saved.layers.len());
        let layers = saved
            .layers
            .iter()
            .enumerate()
            .map(|(i, blob)| Layer {
                descriptor: None,
                diff_id: diff_ids.as_ref().map(|ids| ids[i]),
                saved: Some(blob.clone()),
            })
            .collect();
        Self {
            manifest: None,
            config: saved.config.clone(),
            layers,
        }
    }
}

/// The archives inside the layers, if the config is one of an image and names as many.
fn diff_ids(config: &[u8], layers: usize) -> Option<Vec<Digest>> {
    let config = Config::parse(config, "config").ok()?;
    Some(config.rootfs.diff_ids).filter(|ids| ids.len() == layers)
}

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
    let of = |docker: &super::docker::Docker| -> Vec<String> {
        let tags = docker.images.iter().map(|image| image.tags.join(", "));
        tags.collect()
    };
    let (l, r) = (of(l), of(r));
    if l != r {
        let mut node = Difference::new(Level::Index, "manifest.json", Kind::Changed);
        node.because(Cause::SourceChange, "RepoTags", l.join("; "), r.join("; "));
        out.push(node);
        explainer
            .notes
            .push("the images are the same; only their names in the archives differ".into());
    }
}

/// All images with names.
fn images(image: &Image) -> Result<Vec<(String, Parts)>> {
    if let Source::Docker(docker) = &image.source {
        return Ok(docker
            .images
            .iter()
            .enumerate()
            .map(|(i, saved)| {
                let name = saved.tags.first().cloned();
                let name = name.unwrap_or_else(|| format!("image {}", i + 1));
                (name, Parts::of_saved(saved))
            })
            .collect());
    }
    let Some(root) = &image.root else {
        return Ok(Vec::new());
    };
    match &root.document {
        Document::Manifest(manifest) => Ok(vec![(
            "image".into(),
            Parts::of_manifest(image, root.bytes.clone(), manifest.clone())?,
        )]),
        Document::Index(index) => index
            .manifests
            .iter()
            .filter(|d| d.may_be_image())
            .map(|descriptor| {
                let bytes = image.document(descriptor)?;
                match parse(&bytes, &image.name)? {
                    Document::Manifest(manifest) => Ok((
                        platform_name(descriptor.platform.as_ref()),
                        Parts::of_manifest(image, bytes, manifest)?,
                    )),
                    Document::Index(_) => Err(Error::input(format!(
                        "{} is an index of indexes and the other side an archive of `docker save`; name one image on each side",
                        image.name
                    ))),
                }
            })
            .collect(),
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
                let parts = Parts::of_manifest(self.right, right_bytes, manifest)?;
                let bytes = one_of(self.left, &index, &parts)?;
                self.mixed(out, path, true);
                let document = parse(&bytes, &self.left.name)?;
                if let Document::Manifest(manifest) = document {
                    let own = Parts::of_manifest(self.left, bytes, manifest)?;
                    self.images(out, path, &own, &parts)?;
                }
                Ok(())
            }
            (Document::Manifest(manifest), Document::Index(index)) => {
                let parts = Parts::of_manifest(self.left, left_bytes, manifest)?;
                let bytes = one_of(self.right, &index, &parts)?;
                self.mixed(out, path, false);
                let document = parse(&bytes, &self.right.name)?;
                if let Document::Manifest(manifest) = document {
                    let own = Parts::of_manifest(self.right, bytes, manifest)?;
                    self.images(out, path, &parts, &own)?;
                }
                Ok(())
            }
        }
    }

    fn mixed(&mut self, out: &mut Vec<Difference>, path: &str, left_is_index: bool) {
        let mut node = Difference::new(Level::Index, path_or(path, "index"), Kind::Changed);
        let (index, single) = ("an index of images", "a single image");
        let (l, r) = if left_is_index {
            (index, single)
        } else {
            (single, index)
        };
        node.because(Cause::ArchiveHeader, "document", l, r);
        out.push(node);
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
        if left.media_type() != right.media_type() {
            node.because(
                Cause::ArchiveHeader,
                "media type",
                left.media_type().as_str(),
                right.media_type().as_str(),
            );
        }
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
                Pair::Same(i, j) if left[i].same_blob(&right[j]) => continue,
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
                    if !left[i].same_blob(&right[j]) {
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

/// The manifest of an index that is for the platform of a single image.
fn one_of(image: &Image, index: &Index, parts: &Parts) -> Result<Vec<u8>> {
    let platform = Config::parse(&parts.config, "config").map(|c| c.platform);
    let images: Vec<&Descriptor> = index
        .manifests
        .iter()
        .filter(|d| d.may_be_image())
        .collect();
    let chosen = match (&images[..], platform) {
        ([single], _) => Some(*single),
        (all, Ok(platform)) => {
            let stated = all.iter().filter_map(|d| Some((d.platform.as_ref()?, *d)));
            let fitting = select(&platform, stated.collect(), |offer| {
                (offer.0, offer.1.digest)
            });
            fitting.first().map(|offer| offer.1)
        }
        _ => None,
    };
    let chosen = chosen.ok_or_else(|| {
        Error::input(format!(
            "{} is an index of {} images and none is for the platform of the other side; name one of them by its digest",
            image.name,
            images.len()
        ))
    })?;
    image.document(chosen)
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

type Annotations = std::collections::BTreeMap<String, String>;

fn annotations(node: &mut Difference, left: &Annotations, right: &Annotations) {
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    for key in keys {
        let (l, r) = (left.get(key), right.get(key));
        if l == r {
            continue;
        }
        if NAMES.contains(&key.as_str()) {
            continue;
        }
        let cause = match (l, r) {
            (Some(l), Some(r)) => of_annotation(key, l, r),
            // One builder writes it, another one does not.
            _ => Cause::History,
        };
        node.because(cause, &format!("annotation {key}"), quoted(l), quoted(r));
    }
}

/// A value, where an empty one is not none.
fn quoted(value: Option<&String>) -> &str {
    match value.map(String::as_str) {
        None => "",
        Some("") => "\"\"",
        Some(value) => value,
    }
}

/// What a layout calls its image. That is no part of the image.
const NAMES: &[&str] = &[
    "org.opencontainers.image.ref.name",
    "io.containerd.image.name",
];

/// The names of two images in their layouts: told only where nothing else differs, for images that are
/// compared mostly have two names.
fn names(
    explainer: &mut Explainer<'_>,
    node: &mut Difference,
    (l, left): (&Root, &Descriptor),
    (r, right): (&Root, &Descriptor),
) {
    for key in NAMES {
        let of = |descriptor: &Descriptor| descriptor.annotations.get(*key).cloned();
        let (a, b) = (of(left), of(right));
        if a == b {
            continue;
        }
        let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
        if l.digest == r.digest && node.says_nothing() {
            node.because(Cause::SourceChange, &format!("annotation {key}"), a, b);
            explainer
                .notes
                .push("the images are the same; only their names in the layouts differ".into());
            return;
        }
        node.field(&format!("annotation {key}"), a, b);
    }
}

/// Why the value of an annotation differs; its key may say what it is.
fn of_annotation(key: &str, left: &str, right: &str) -> Cause {
    let one = |value: &str| {
        let map = Map::from_iter([(key.to_owned(), Value::from(value))]);
        serde_json::to_vec(&map).unwrap_or_default()
    };
    verbatim_causes::compare("annotations.json", &one(left), &one(right))
        .findings
        .first()
        .map_or(Cause::SourceChange, |finding| finding.cause)
}

fn manifests(node: &mut Difference, (a, left): (&[u8], &Manifest), (b, right): (&[u8], &Manifest)) {
    annotations(node, &left.annotations, &right.annotations);
    for (l, r) in left.layers.iter().zip(&right.layers) {
        annotations(node, &l.annotations, &r.annotations);
    }
    annotations(node, &left.config.annotations, &right.config.annotations);
    if left.media_type() != right.media_type() {
        node.because(
            Cause::ArchiveHeader,
            "media type",
            left.media_type().as_str(),
            right.media_type().as_str(),
        );
    }
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

/// Two configs. What follows from the layers is left out: they are compared themselves.
fn configs(node: &mut Difference, left: &[u8], right: &[u8], other_layers: bool) {
    let parsed = |bytes: &[u8]| serde_json::from_slice::<Map<String, Value>>(bytes).ok();
    let (Some(mut l), Some(mut r)) = (parsed(left), parsed(right)) else {
        node.absorb(verbatim_causes::compare("config.json", left, right));
        return;
    };
    let equal = l == r;
    for (key, cause) in [
        ("created", Cause::Timestamp),
        ("container", Cause::RandomId),
        ("docker_version", Cause::ToolchainVersion),
    ] {
        let (a, b) = (l.remove(key), r.remove(key));
        if a != b {
            let (a, b) = (shown(a.as_ref()), shown(b.as_ref()));
            node.field(key, &a, &b);
            node.find(cause, &format!("/{key}"), format!("{a} → {b}"));
        }
    }
    let steps = (l.remove("history"), r.remove("history"));
    let same_layers = l.remove("rootfs") == r.remove("rootfs");
    history(node, steps, other_layers || l != r);
    if l != r {
        let bytes = |map: &Map<String, Value>| serde_json::to_vec(map).unwrap_or_default();
        node.absorb(verbatim_causes::compare(
            "config.json",
            &bytes(&l),
            &bytes(&r),
        ));
    } else if equal && same_layers {
        // The same in another order of keys, or with other white space.
        node.absorb(verbatim_causes::compare("config.json", left, right));
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "nothing".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// The steps that made two images. Steps that differ are no cause of their own if what they made is
/// `explained`, and then it is: layers or settings differ.
fn history(node: &mut Difference, (left, right): (Option<Value>, Option<Value>), explained: bool) {
    if left == right {
        return;
    }
    let steps = |value: Option<Value>| match value {
        Some(Value::Array(steps)) => steps,
        _ => Vec::new(),
    };
    let (mut l, mut r) = (steps(left), steps(right));
    if l.len() != r.len() {
        node.field(
            "steps of the history",
            l.len().to_string(),
            r.len().to_string(),
        );
        if !explained {
            let evidence = format!("{} steps of the history → {}", l.len(), r.len());
            node.find(Cause::History, "", evidence);
        }
        return;
    }
    let mut told = false;
    for (i, (a, b)) in l.iter_mut().zip(&mut r).enumerate() {
        let (Some(a), Some(b)) = (a.as_object_mut(), b.as_object_mut()) else {
            continue;
        };
        let times = (a.remove("created"), b.remove("created"));
        if times.0 != times.1 && !told {
            // The others have the same reason.
            told = true;
            let (from, to) = (shown(times.0.as_ref()), shown(times.1.as_ref()));
            node.find(
                Cause::Timestamp,
                &format!("/history/{i}/created"),
                format!("{from} → {to}"),
            );
        }
        let keys: BTreeSet<String> = a.keys().chain(b.keys()).cloned().collect();
        for key in keys {
            let (from, to) = (a.get(&key), b.get(&key));
            if from != to {
                let (from, to) = (shown(from), shown(to));
                let at = format!("/history/{i}/{key}");
                node.field(&at, &from, &to);
                if !explained {
                    node.find(Cause::History, &at, format!("{from} → {to}"));
                }
            }
        }
    }
}
