//! Images and indexes: made from layers and settings, or described from their documents.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use verbatim_digest::Digest;

use crate::settings::given;
use crate::{
    json, Config, Descriptor, Family, Index, LayerMetadata, Manifest, MediaType, Platform, Settings,
};
use crate::{name, Error, ErrorKind, Result};

/// The largest description of an image or index that is read.
const MAX_METADATA: u64 = 16 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum ImageSchema {
    #[serde(rename = "verbatim.image/1")]
    V1,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum IndexSchema {
    #[serde(rename = "verbatim.index/1")]
    V1,
}

/// All there is to know about one image without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageMetadata {
    schema: ImageSchema,
    /// For which platform it is, in the words of its config.
    pub platform: Platform,
    /// The manifest, with the platform: as an index names it.
    pub manifest: Descriptor,
    /// The config; its digest is the image ID.
    pub config: Descriptor,
    /// Bottom first.
    pub layers: Vec<LayerMetadata>,
}

/// All there is to know about an index without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexMetadata {
    schema: IndexSchema,
    /// The index itself.
    pub index: Descriptor,
    /// In the order of the index.
    pub images: Vec<ImageMetadata>,
}

/// The documents of an image, and what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The bytes of the manifest.
    pub manifest: Vec<u8>,
    /// The bytes of the config.
    pub config: Vec<u8>,
    /// What they say.
    pub metadata: ImageMetadata,
}

/// The index of several images, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltIndex {
    /// The bytes of the index.
    pub index: Vec<u8>,
    /// What they say.
    pub metadata: IndexMetadata,
}

/// A document with its name in messages.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// The bytes.
    pub data: &'a [u8],
    /// Usually the path of the file.
    pub file: &'a str,
}

impl<'a> Named<'a> {
    /// These bytes under this name.
    pub fn new(data: &'a [u8], file: &'a str) -> Self {
        Self { data, file }
    }
}

impl ImageMetadata {
    /// The document: canonical JSON and a line feed.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        json::to_canonical_line(self)
    }

    /// Read the document; `file` is its name in messages.
    pub fn parse(data: &[u8], file: &str) -> Result<Self> {
        let image: Self = json::parse(data, file)?;
        for (i, layer) in image.layers.iter().enumerate() {
            layer.check(file, &format!("/layers/{i}"))?;
        }
        Ok(image)
    }

    /// Read the document from a file.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&json::read_file(path, MAX_METADATA)?, &name(path))
    }

    /// Describe an image by its documents. Digests and sizes come from the bytes; what a
    /// `metadata` document adds (how the layers were compressed) is taken from it after
    /// everything else in it was found to agree.
    pub fn describe(
        manifest: Named<'_>,
        config: Named<'_>,
        metadata: Option<(&Self, &str)>,
    ) -> Result<Self> {
        let parsed = Manifest::parse(manifest.data, manifest.file)?;
        if !parsed.may_be_image() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                manifest.file,
                format!(
                    "is the manifest of an artifact with a config of type `{}`, not of an image",
                    parsed.config.media_type
                ),
            )
            .at("/config/mediaType"));
        }
        let config_descriptor = Descriptor::of(parsed.config.media_type.clone(), config.data);
        if !config_descriptor.names_same_bytes(&parsed.config) {
            return Err(Error::new(
                ErrorKind::Mismatch,
                manifest.file,
                format!(
                    "names the config {} of {} bytes, and {} is {} of {} bytes; give the config that belongs to the manifest",
                    parsed.config.digest,
                    parsed.config.size,
                    config.file,
                    config_descriptor.digest,
                    config_descriptor.size
                ),
            )
            .at("/config"));
        }
        let view = Config::parse(config.data, config.file)?;
        view.check_layers(parsed.layers.len(), config.file)?;
        let mut own = Self {
            schema: ImageSchema::V1,
            manifest: Descriptor {
                platform: Some(view.platform.clone()),
                ..Descriptor::of(parsed.media_type(), manifest.data)
            },
            platform: view.platform,
            config: config_descriptor,
            layers: Vec::with_capacity(parsed.layers.len()),
        };
        for (i, (layer, &diff_id)) in parsed.layers.iter().zip(&view.rootfs.diff_ids).enumerate() {
            let layer = LayerMetadata::new(
                layer.media_type.clone(),
                layer.digest,
                layer.size,
                diff_id,
                (layer.digest == diff_id).then_some(layer.size),
                None,
            );
            layer.check(manifest.file, &format!("/layers/{i}"))?;
            own.layers.push(layer);
        }
        if let Some((metadata, file)) = metadata {
            own.adopt(metadata, file)?;
        }
        Ok(own)
    }

    /// Take over what `metadata` knows more, if it is about the same image.
    fn adopt(&mut self, metadata: &Self, file: &str) -> Result<()> {
        let differs = |pointer: String| {
            Error::new(
                ErrorKind::Mismatch,
                file,
                "does not agree with the image's manifest and config; give the metadata that was written together with them",
            )
            .at(pointer)
        };
        for (what, own, other) in [
            ("/manifest", &self.manifest, &metadata.manifest),
            ("/config", &self.config, &metadata.config),
        ] {
            if !own.names_same_bytes(other) || own.media_type != other.media_type {
                return Err(differs(what.into()));
            }
        }
        if self.platform != metadata.platform {
            return Err(differs("/platform".into()));
        }
        if self.layers.len() != metadata.layers.len() {
            return Err(differs("/layers".into()));
        }
        for (i, (own, other)) in self.layers.iter_mut().zip(&metadata.layers).enumerate() {
            if own.digest != other.digest
                || own.size != other.size
                || own.diff_id != other.diff_id
                || own.media_type != other.media_type
            {
                return Err(differs(format!("/layers/{i}")));
            }
            own.uncompressed_size = own.uncompressed_size.or(other.uncompressed_size);
            own.encoder.clone_from(&other.encoder);
        }
        Ok(())
    }

    /// The same image as an index names it, which may say more of the platform than the config.
    #[must_use]
    pub fn named_for(mut self, platform: &Platform) -> Self {
        self.platform = platform.clone();
        self.manifest.platform = Some(platform.clone());
        self
    }

    /// The image ID.
    pub fn id(&self) -> Digest {
        self.config.digest
    }

    /// Know how large each layer is inside; in the order of the layers.
    pub(crate) fn set_uncompressed_sizes(&mut self, size_of: impl Fn(&Digest) -> Option<u64>) {
        for layer in &mut self.layers {
            layer.uncompressed_size = layer.uncompressed_size.or_else(|| size_of(&layer.digest));
        }
    }
}

impl IndexMetadata {
    /// The document: canonical JSON and a line feed.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        json::to_canonical_line(self)
    }

    /// Read the document; `file` is its name in messages.
    pub fn parse(data: &[u8], file: &str) -> Result<Self> {
        let index: Self = json::parse(data, file)?;
        for (i, image) in index.images.iter().enumerate() {
            for (j, layer) in image.layers.iter().enumerate() {
                layer.check(file, &format!("/images/{i}/layers/{j}"))?;
            }
        }
        Ok(index)
    }

    /// Read the document from a file.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&json::read_file(path, MAX_METADATA)?, &name(path))
    }
}

/// An image that another one is built on.
#[derive(Debug, Clone)]
pub struct Base {
    metadata: ImageMetadata,
    /// The layers as its manifest names them, with annotations and addresses.
    layers: Vec<Descriptor>,
    config: Map<String, Value>,
}

impl Base {
    /// A base by its documents, checked as [`ImageMetadata::describe`] does.
    pub fn new(
        manifest: Named<'_>,
        config: Named<'_>,
        metadata: Option<(&ImageMetadata, &str)>,
    ) -> Result<Self> {
        let metadata = ImageMetadata::describe(manifest, config, metadata)?;
        let layers = Manifest::parse(manifest.data, manifest.file)?.layers;
        let Value::Object(config) = json::parse_value(config.data, config.file)? else {
            return Err(Error::new(
                ErrorKind::Malformed,
                config.file,
                "is not a JSON object; an image config must be one",
            ));
        };
        Ok(Self {
            metadata,
            layers,
            config,
        })
    }

    /// What the base's documents say.
    pub fn metadata(&self) -> &ImageMetadata {
        &self.metadata
    }
}

/// Build an image: `layers` bottom first, on `base` if there is one, as `docker build` would.
///
/// The config is that of the base with the settings applied; its history is left out, for
/// it would say how the base was built and nothing of this image. Docker's names of media
/// types become those of `family`: the blobs are the same.
pub fn build(
    base: Option<&Base>,
    layers: &[LayerMetadata],
    settings: &Settings,
    family: Family,
) -> Result<Image> {
    let platform = settings.platform(base.map(|base| &base.metadata.platform))?;
    let mut config = Map::new();
    if let Some(base) = base {
        for key in ["author", "os.version", "os.features"] {
            if let Some(value) = base.config.get(key).filter(|value| !value.is_null()) {
                config.insert(key.into(), value.clone());
            }
        }
    }
    config.insert("os".into(), platform.os.clone().into());
    config.insert("architecture".into(), platform.architecture.clone().into());
    if let Some(variant) = given(&platform.variant) {
        config.insert("variant".into(), variant.into());
    }
    config.insert("created".into(), settings.created()?.into());
    if let Some(author) = given(&settings.author) {
        config.insert("author".into(), author.into());
    }
    let inner = match base.and_then(|base| base.config.get("config")) {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(inner)) => inner.clone(),
        Some(_) => {
            return Err(Error::new(
                ErrorKind::Malformed,
                "the base's config",
                "is not an object",
            )
            .at("/config"))
        }
    };
    config.insert("config".into(), settings.apply(inner, &platform)?.into());

    let mut all: Vec<LayerMetadata> = Vec::new();
    let mut descriptors: Vec<Descriptor> = Vec::new();
    if let Some(base) = base {
        all.extend(base.metadata.layers.iter().cloned());
        descriptors.extend(base.layers.iter().cloned());
    }
    for layer in layers {
        descriptors.push(Descriptor::new(
            layer.media_type.clone(),
            layer.digest,
            layer.size,
        ));
        all.push(layer.clone());
    }
    for (i, (descriptor, layer)) in descriptors.iter_mut().zip(&mut all).enumerate() {
        let media_type = descriptor.media_type.layer_in(family).ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                format!("layer {}", i + 1),
                format!(
                    "`{}` has no name among the media types asked for; compress the layer with gzip, or write OCI media types",
                    descriptor.media_type
                ),
            )
        })?;
        layer.media_type = media_type.clone();
        descriptor.media_type = media_type;
        descriptor.platform = None;
    }
    let mut rootfs = Map::new();
    rootfs.insert("type".into(), "layers".into());
    rootfs.insert(
        "diff_ids".into(),
        all.iter()
            .map(|layer| Value::from(layer.diff_id.to_string()))
            .collect(),
    );
    config.insert("rootfs".into(), rootfs.into());
    let config = json::to_canonical(&config)?;
    let config_descriptor = Descriptor::of(MediaType::config(family), &config);
    if settings.annotations.keys().any(String::is_empty) {
        return Err(Error::new(
            ErrorKind::Malformed,
            "the settings of the image",
            "an annotation needs a name",
        )
        .at("/annotations"));
    }
    let manifest = json::to_canonical(&Manifest::new(
        MediaType::manifest(family),
        config_descriptor.clone(),
        descriptors,
        settings.annotations.clone(),
    ))?;
    Ok(Image {
        metadata: ImageMetadata {
            schema: ImageSchema::V1,
            manifest: Descriptor {
                platform: Some(platform.clone()),
                ..Descriptor::of(MediaType::manifest(family), &manifest)
            },
            platform,
            config: config_descriptor,
            layers: all,
        },
        manifest,
        config,
    })
}

/// The annotation by which containers/image prefers images with zstd layers, and which it adds to an index when it
/// copies one without: an index that lacks it would change its digest on the way.
const COMPRESSION_ZSTD: &str = "io.github.containers.compression.zstd";

/// How an index names an image.
fn in_index(image: &ImageMetadata, family: Family) -> Descriptor {
    let mut manifest = image.manifest.clone();
    let is_zstd = |layer: &LayerMetadata| layer.media_type.layer_suffix() == Some("zstd");
    if family == Family::Oci && image.layers.iter().any(is_zstd) {
        manifest
            .annotations
            .insert(COMPRESSION_ZSTD.to_owned(), "true".to_owned());
    }
    manifest
}

/// Build the index of some images: ordered by platform and digest, one image a platform.
pub fn build_index(
    images: Vec<ImageMetadata>,
    annotations: BTreeMap<String, String>,
    family: Family,
) -> Result<BuiltIndex> {
    let mut images = images;
    images.sort_by(|a, b| {
        let key = |image: &ImageMetadata| (image.platform.normalized(), image.manifest.digest);
        key(a).cmp(&key(b))
    });
    images.dedup();
    for pair in images.windows(2) {
        if pair[0].platform.normalized() == pair[1].platform.normalized() {
            return Err(Error::new(
                ErrorKind::Mismatch,
                "the index",
                format!(
                    "two images are for {}: {} and {}; leave one of them out",
                    pair[0].platform, pair[0].manifest.digest, pair[1].manifest.digest
                ),
            ));
        }
    }
    if let Some(image) = images.iter().find(|image| image.platform.is_unnamed()) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "the index",
            format!(
                "the config of the image {} names no platform, by which an index tells images apart; build that image with --platform",
                image.manifest.digest
            ),
        ));
    }
    if images.is_empty() {
        return Err(Error::new(
            ErrorKind::Missing,
            "the index",
            "no image was given; name at least one",
        ));
    }
    let manifests = images.iter().map(|image| in_index(image, family)).collect();
    let index = json::to_canonical(&Index::new(
        MediaType::index(family),
        manifests,
        annotations,
    ))?;
    Ok(BuiltIndex {
        metadata: IndexMetadata {
            schema: IndexSchema::V1,
            index: Descriptor::of(MediaType::index(family), &index),
            images,
        },
        index,
    })
}

/// Describe an index by its bytes and those of its images. Entries for nothing that runs
/// (attestations) may be in the index without an image here.
pub fn describe_index(index: Named<'_>, images: Vec<ImageMetadata>) -> Result<IndexMetadata> {
    let parsed = Index::parse(index.data, index.file)?;
    let mut ordered = Vec::with_capacity(images.len());
    for (i, entry) in parsed.manifests.iter().enumerate() {
        match images
            .iter()
            .find(|image| image.manifest.digest == entry.digest)
        {
            Some(image) => {
                if image.manifest.size != entry.size {
                    return Err(Error::new(
                        ErrorKind::Mismatch,
                        index.file,
                        format!(
                            "says {} bytes, and the manifest has {}",
                            entry.size, image.manifest.size
                        ),
                    )
                    .at(format!("/manifests/{i}/size")));
                }
                if let Some(platform) = entry
                    .platform
                    .as_ref()
                    .filter(|p| p.contradicts(&image.platform))
                {
                    return Err(Error::new(
                        ErrorKind::Mismatch,
                        index.file,
                        format!(
                            "says {platform}, and the image's config says {}",
                            image.platform
                        ),
                    )
                    .at(format!("/manifests/{i}/platform")));
                }
                if !ordered.contains(image) {
                    ordered.push(image.clone());
                }
            }
            None => {
                let runs = entry.platform.as_ref().is_none_or(Platform::is_runnable)
                    && entry.artifact_type.is_none()
                    && !entry.annotations.contains_key("vnd.docker.reference.type");
                if runs {
                    return Err(Error::new(
                        ErrorKind::Missing,
                        index.file,
                        format!("names the manifest {}, which was not given", entry.digest),
                    )
                    .at(format!("/manifests/{i}/digest")));
                }
            }
        }
    }
    if let Some(extra) = images.iter().find(|image| {
        !parsed
            .manifests
            .iter()
            .any(|e| e.digest == image.manifest.digest)
    }) {
        return Err(Error::new(
            ErrorKind::Mismatch,
            index.file,
            format!(
                "does not name the manifest {}, which was given with it",
                extra.manifest.digest
            ),
        ));
    }
    Ok(IndexMetadata {
        schema: IndexSchema::V1,
        index: Descriptor::of(parsed.media_type(), index.data),
        images: ordered,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn layer(text: &str) -> LayerMetadata {
        LayerMetadata::new(
            MediaType::OCI_LAYER,
            Digest::of(text.as_bytes()),
            text.len() as u64,
            Digest::of(text.as_bytes()),
            Some(text.len() as u64),
            Some(crate::Encoder::none()),
        )
    }

    fn settings(value: Value) -> Settings {
        serde_json::from_value(value).unwrap()
    }

    fn simple(architecture: &str) -> Image {
        build(
            None,
            &[layer("a")],
            &settings(json!({"os": "linux", "architecture": architecture, "entrypoint": ["/a"], "env": {"B": "1", "A": "2"}})),
            Family::Oci,
        )
        .unwrap()
    }

    #[test]
    fn golden_image() {
        let image = simple("amd64");
        let a = Digest::of(b"a");
        assert_eq!(
            String::from_utf8(image.config.clone()).unwrap(),
            format!(
                "{{\"architecture\":\"amd64\",\"config\":{{\"Entrypoint\":[\"/a\"],\"Env\":[\"A=2\",\"B=1\"]}},\
                 \"created\":\"1970-01-01T00:00:00Z\",\"os\":\"linux\",\"rootfs\":{{\"diff_ids\":[\"{a}\"],\"type\":\"layers\"}}}}"
            )
        );
        assert_eq!(
            String::from_utf8(image.manifest.clone()).unwrap(),
            format!(
                "{{\"config\":{{\"digest\":\"{}\",\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"size\":{}}},\
                 \"layers\":[{{\"digest\":\"{a}\",\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"size\":1}}],\
                 \"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"schemaVersion\":2}}",
                Digest::of(&image.config),
                image.config.len()
            )
        );
        assert_eq!(
            image.metadata.manifest.digest.to_string(),
            "sha256:c11b36fe97b8ef45378605dcf27606f451655c3f8b5bcee945b191ef2900dc5f"
        );
    }

    #[test]
    fn other_readers_understand_it() {
        let image = simple("arm64");
        let manifest = oci_spec::image::ImageManifest::from_reader(&image.manifest[..]).unwrap();
        assert_eq!(manifest.layers().len(), 1);
        let config = oci_spec::image::ImageConfiguration::from_reader(&image.config[..]).unwrap();
        assert_eq!(config.architecture().to_string(), "arm64");
        let index = build_index(vec![image.metadata], BTreeMap::new(), Family::Oci).unwrap();
        let index = oci_spec::image::ImageIndex::from_reader(&index.index[..]).unwrap();
        assert_eq!(
            index.manifests()[0]
                .platform()
                .as_ref()
                .unwrap()
                .os()
                .to_string(),
            "linux"
        );
    }

    fn base() -> (Vec<u8>, Vec<u8>) {
        let config = br#"{"architecture":"arm64","variant":"v8","os":"linux","author":"me","container":"c0ffee","config":{"Cmd":["sh"],"Env":["PATH=/bin"],"Healthcheck":{"Test":["NONE"]}},"created":"2024-01-01T00:00:00Z","history":[{"created_by":"x"}],"rootfs":{"type":"layers","diff_ids":["sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]}}"#.to_vec();
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{{"mediaType":"application/vnd.docker.container.image.v1+json","digest":"{}","size":{}}},"layers":[{{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","digest":"{}","size":3,"annotations":{{"toc":"x"}}}}]}}"#,
            Digest::of(&config),
            config.len(),
            Digest::of(b"gz")
        );
        (manifest.into_bytes(), config)
    }

    #[test]
    fn built_on_a_base() {
        let (manifest, config) = base();
        let base = Base::new(Named::new(&manifest, "m"), Named::new(&config, "c"), None).unwrap();
        let image = build(
            Some(&base),
            &[layer("a")],
            &settings(json!({"architecture": "arm64", "os": "linux", "entrypoint": ["/a"]})),
            Family::Oci,
        )
        .unwrap();
        let written: Value = serde_json::from_slice(&image.config).unwrap();
        assert_eq!(
            written,
            json!({
                "architecture": "arm64", "variant": "v8", "os": "linux", "author": "me",
                "created": "1970-01-01T00:00:00Z",
                "config": {"Entrypoint": ["/a"], "Env": ["PATH=/bin"], "Healthcheck": {"Test": ["NONE"]}},
                "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"abc").to_string(), Digest::of(b"a").to_string()]}
            })
        );
        let written = Manifest::parse(&image.manifest, "m").unwrap();
        assert_eq!(written.media_type(), MediaType::OCI_MANIFEST);
        assert_eq!(written.layers[0].media_type, MediaType::OCI_LAYER_GZIP);
        assert_eq!(written.layers[0].annotations["toc"], "x");
        assert_eq!(image.metadata.layers[0].encoder, None);

        let docker = build(
            Some(&base),
            &[layer("a")],
            &Settings::default(),
            Family::Docker,
        )
        .unwrap();
        let written = Manifest::parse(&docker.manifest, "m").unwrap();
        assert_eq!(written.media_type(), MediaType::DOCKER_MANIFEST);
        assert_eq!(written.layers[1].media_type, MediaType::DOCKER_LAYER);
    }

    #[test]
    fn a_base_must_be_what_it_says() {
        let (manifest, config) = base();
        let error = |manifest: &[u8], config: &[u8]| {
            Base::new(Named::new(manifest, "m"), Named::new(config, "c"), None)
                .unwrap_err()
                .to_string()
        };
        let mut other = config.clone();
        other.push(b' ');
        assert!(error(&manifest, &other).starts_with("m at /config: names the config sha256:"));
        let text = String::from_utf8(manifest).unwrap();
        let two = text.replace("]}", &format!(",{{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"{}\",\"size\":1}}]}}", Digest::of(b"")));
        assert!(error(two.as_bytes(), &config).starts_with("c at /rootfs/diff_ids: names 1 layers"));
        let artifact = text.replace("container.image.v1", "artifact.v1");
        assert!(error(artifact.as_bytes(), &config).contains("artifact"));
    }

    #[test]
    fn metadata_must_agree() {
        let image = simple("amd64");
        let describe = |metadata: &ImageMetadata| {
            ImageMetadata::describe(
                Named::new(&image.manifest, "m"),
                Named::new(&image.config, "c"),
                Some((metadata, "x.json")),
            )
        };
        assert_eq!(describe(&image.metadata).unwrap(), image.metadata);
        let again = ImageMetadata::parse(&image.metadata.to_json().unwrap(), "x").unwrap();
        assert_eq!(again, image.metadata);
        let mut other = image.metadata.clone();
        other.layers[0].size += 1;
        assert_eq!(describe(&other).unwrap_err().pointer(), Some("/layers/0"));
        let mut other = image.metadata.clone();
        other.manifest.digest = Digest::of(b"");
        assert_eq!(describe(&other).unwrap_err().pointer(), Some("/manifest"));
        let mut other = image.metadata.clone();
        other.layers.clear();
        assert_eq!(describe(&other).unwrap_err().pointer(), Some("/layers"));
    }

    #[test]
    fn an_index_says_which_images_have_zstd_layers() {
        let (gzip, mut zstd) = (simple("amd64").metadata, simple("arm64").metadata);
        zstd.layers[0].media_type = MediaType::OCI_LAYER_ZSTD;
        let index = build_index(vec![gzip, zstd], BTreeMap::new(), Family::Oci).unwrap();
        let index: serde_json::Value = serde_json::from_slice(&index.index).unwrap();
        let manifests = &index["manifests"];
        assert_eq!(manifests[0].get("annotations"), None);
        assert_eq!(
            manifests[1]["annotations"],
            serde_json::json!({ COMPRESSION_ZSTD: "true" })
        );
    }

    #[test]
    fn indexes_have_one_order() {
        let images: Vec<_> = ["amd64", "arm64", "s390x"]
            .map(|a| simple(a).metadata)
            .into();
        let mut reversed = images.clone();
        reversed.reverse();
        let index = build_index(images, BTreeMap::new(), Family::Oci).unwrap();
        assert_eq!(
            build_index(reversed.clone(), BTreeMap::new(), Family::Oci).unwrap(),
            index
        );
        assert_eq!(
            describe_index(Named::new(&index.index, "i"), reversed.clone()).unwrap(),
            index.metadata
        );
        assert_eq!(
            IndexMetadata::parse(&index.metadata.to_json().unwrap(), "i").unwrap(),
            index.metadata
        );
        reversed.pop();
        assert!(describe_index(Named::new(&index.index, "i"), reversed)
            .unwrap_err()
            .to_string()
            .contains("which was not given"));
        assert!(build_index(Vec::new(), BTreeMap::new(), Family::Oci).is_err());

        let twice = vec![
            simple("amd64").metadata,
            build(
                None,
                &[],
                &settings(json!({"architecture": "x86_64"})),
                Family::Oci,
            )
            .unwrap()
            .metadata,
        ];
        let error = build_index(twice, BTreeMap::new(), Family::Oci)
            .unwrap_err()
            .to_string();
        assert!(error.contains("two images are for"), "{error}");
    }
}
