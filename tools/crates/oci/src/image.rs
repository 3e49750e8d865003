//! Images built of layers and settings, on a base or on none.

use serde_json::{Map, Value};

use crate::metadata::ImageSchema;
use crate::settings::given;
use crate::{
    json, Descriptor, Error, ErrorKind, Family, ImageMetadata, LayerMetadata, Manifest, MediaType,
    Named, Result, Settings,
};

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use verbatim_digest::Digest;

    use super::*;
    use crate::built_index::COMPRESSION_ZSTD;
    use crate::{build_index, describe_index, IndexMetadata};

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
