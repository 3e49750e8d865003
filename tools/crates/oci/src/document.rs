//! Typed views of manifests, indexes and configs: what this program needs of them, no more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use verbatim_digest::Digest;

use crate::{json, Descriptor, MediaType, Platform};
use crate::{Error, ErrorKind, Result};

/// The manifest of an image or of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    #[serde(rename = "schemaVersion")]
    schema_version: Version2,
    /// May be absent in documents of the first OCI versions.
    #[serde(default, rename = "mediaType", skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// What kind of artifact this is; images have none.
    #[serde(
        default,
        rename = "artifactType",
        skip_serializing_if = "Option::is_none"
    )]
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// Bottom first.
    #[serde(deserialize_with = "or_default")]
    pub layers: Vec<Descriptor>,
    /// What this manifest is about, a signed image for example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Remarks.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
}

/// An index of manifests, `index.json` of a layout included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    #[serde(rename = "schemaVersion")]
    schema_version: Version2,
    /// May be absent in documents of the first OCI versions.
    #[serde(default, rename = "mediaType", skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// What kind of artifact this is.
    #[serde(
        default,
        rename = "artifactType",
        skip_serializing_if = "Option::is_none"
    )]
    pub artifact_type: Option<String>,
    /// In the order of the document.
    #[serde(deserialize_with = "or_default")]
    pub manifests: Vec<Descriptor>,
    /// What this index is about, if it is attached to something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Box<Descriptor>>,
    /// Remarks.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
}

/// `null` stands for an empty list or map in what Go programs write.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// The number 2: Docker's schema 1 names no digests that could be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version2;

impl Serialize for Version2 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(2)
    }
}

impl<'de> Deserialize<'de> for Version2 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            2 => Ok(Self),
            other => Err(serde::de::Error::custom(format_args!(
                "schema version {other} is not supported, only 2; convert the image, with `skopeo copy --format oci` for example"
            ))),
        }
    }
}

/// Either of the two documents that a registry serves under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// One image or artifact.
    Manifest(Box<Manifest>),
    /// Several of them.
    Index(Index),
}

impl Manifest {
    /// A manifest of an image.
    pub fn new(
        media_type: MediaType,
        config: Descriptor,
        layers: Vec<Descriptor>,
        annotations: BTreeMap<String, String>,
    ) -> Self {
        Self {
            schema_version: Version2,
            media_type: Some(media_type),
            artifact_type: None,
            config,
            layers,
            subject: None,
            annotations,
        }
    }

    /// Parse a manifest; `file` is its name in messages.
    pub fn parse(data: &[u8], file: &str) -> Result<Self> {
        match Document::parse(data, file)? {
            Document::Manifest(manifest) => Ok(*manifest),
            Document::Index(_) => Err(Error::new(
                ErrorKind::Malformed,
                file,
                "is an index of several images where the manifest of one must be; choose one with `verbatim layout import --platform`",
            )),
        }
    }

    /// The media type to give in a descriptor of this document.
    pub fn media_type(&self) -> MediaType {
        self.media_type.clone().unwrap_or(MediaType::OCI_MANIFEST)
    }

    /// Whether it is the manifest of something that runs, as far as a manifest tells: not an
    /// attestation, a signature or another artifact. What has the config of an image runs, even if
    /// it calls itself an artifact: runtimes do not look at that.
    pub fn may_be_image(&self) -> bool {
        self.config.media_type.is_config()
    }

    /// Whether it is that of an image which can run, by the platform that its config names. Tools
    /// that put an image together from nothing (`crane append` without a base) name none, and
    /// engines take it for their own: such an image is known by its layers, which are all file
    /// systems, as those of a signature are not.
    pub fn is_image(&self, platform: &Platform) -> bool {
        let of_files = || {
            !self.layers.is_empty() && self.layers.iter().all(|layer| layer.media_type.is_layer())
        };
        self.may_be_image() && (platform.is_runnable() || (platform.is_unnamed() && of_files()))
    }
}

impl Index {
    /// An index of these manifests.
    pub fn new(
        media_type: MediaType,
        manifests: Vec<Descriptor>,
        annotations: BTreeMap<String, String>,
    ) -> Self {
        Self {
            schema_version: Version2,
            media_type: Some(media_type),
            artifact_type: None,
            manifests,
            subject: None,
            annotations,
        }
    }

    /// Parse an index; `file` is its name in messages.
    pub fn parse(data: &[u8], file: &str) -> Result<Self> {
        Self::of_document(Document::parse(data, file)?, file)
    }

    /// Parse the `index.json` of a layout, which lists what is there. `oci_image_index` of
    /// rules_oci leaves `schemaVersion` out of it, and what does not claim another version is
    /// understood; published it must not be as it is, which [`Index::parse`] sees to.
    pub(crate) fn parse_listing(data: &[u8], file: &str) -> Result<Self> {
        let mut value = json::parse_value(data, file)?;
        if let Value::Object(members) = &mut value {
            if members.contains_key("manifests") {
                members.entry("schemaVersion").or_insert_with(|| 2.into());
            }
        }
        Self::of_document(Document::of_value(value, file)?, file)
    }

    fn of_document(document: Document, file: &str) -> Result<Self> {
        match document {
            Document::Index(index) => Ok(index),
            Document::Manifest(_) => Err(Error::new(
                ErrorKind::Malformed,
                file,
                "is the manifest of one image where an index must be",
            )),
        }
    }

    /// The media type to give in a descriptor of this document.
    pub fn media_type(&self) -> MediaType {
        self.media_type.clone().unwrap_or(MediaType::OCI_INDEX)
    }
}

impl Document {
    /// Parse whichever of the two it is; `file` is its name in messages.
    pub fn parse(data: &[u8], file: &str) -> Result<Self> {
        match Self::of_right(data, file) {
            Some(document) => Ok(document),
            // The tree of values knows the place of what is wrong.
            None => Self::of_value(json::parse_value(data, file)?, file),
        }
    }

    /// The document, if nothing is wrong with it.
    fn of_right(data: &[u8], file: &str) -> Option<Self> {
        let outline: Outline = json::parse_right(data)?;
        Some(if outline.is_index(file).ok()? {
            Self::Index(serde_json::from_slice(data).ok()?)
        } else {
            Self::Manifest(serde_json::from_slice(data).ok()?)
        })
    }

    fn of_value(value: Value, file: &str) -> Result<Self> {
        let Value::Object(members) = &value else {
            return Err(Error::new(
                ErrorKind::Malformed,
                file,
                "is not a JSON object; a manifest or an index must be one",
            ));
        };
        let media_type = members.get("mediaType").and_then(Value::as_str);
        let outline = Outline {
            manifests: members.contains_key("manifests"),
            config: members.contains_key("config"),
            layers: members.contains_key("layers"),
            media_type: media_type.map(MediaType::new),
        };
        Ok(if outline.is_index(file)? {
            Self::Index(json::from_value(value, file)?)
        } else {
            Self::Manifest(json::from_value(value, file)?)
        })
    }

    /// The media type to give in a descriptor of this document.
    pub fn media_type(&self) -> MediaType {
        match self {
            Self::Manifest(manifest) => manifest.media_type(),
            Self::Index(index) => index.media_type(),
        }
    }
}

/// What tells a manifest from an index.
#[derive(Deserialize)]
struct Outline {
    #[serde(default, deserialize_with = "is_there")]
    manifests: bool,
    #[serde(default, deserialize_with = "is_there")]
    config: bool,
    #[serde(default, deserialize_with = "is_there")]
    layers: bool,
    #[serde(default, rename = "mediaType")]
    media_type: Option<MediaType>,
}

/// Whatever a member holds.
fn is_there<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl Outline {
    fn is_index(&self, file: &str) -> Result<bool> {
        let (is_index, is_manifest) = (self.manifests, self.config || self.layers);
        // A document that is both shows one thing to one reader and another to the next.
        if is_index && is_manifest {
            return Err(Error::new(
                ErrorKind::Malformed,
                file,
                "has `manifests` beside `config` or `layers`: it is an index and a manifest at once, which is not allowed",
            ));
        }
        match &self.media_type {
            Some(media_type) if media_type.is_index() => Ok(true),
            Some(media_type) if media_type.is_manifest() => Ok(false),
            Some(other) => Err(Error::new(
                ErrorKind::Unsupported,
                file,
                format!("`{other}` is neither a manifest nor an index of OCI or Docker (schema 2)"),
            )
            .at("/mediaType")),
            None => Ok(is_index),
        }
    }
}

/// What is needed of an image's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// For which platform it is.
    pub platform: Platform,
    /// The layers, as the tar archives inside the blobs.
    pub rootfs: RootFs,
    /// Of how many layers the history tells, if there is one that tells of any step.
    pub told_layers: Option<usize>,
}

/// The file system of an image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Bottom first.
    #[serde(default, deserialize_with = "or_default")]
    pub diff_ids: Vec<Digest>,
}

impl Config {
    /// Parse a config; `file` is its name in messages.
    pub fn parse(data: &[u8], file: &str) -> Result<Self> {
        match Self::of_right(data) {
            Some(config) => Ok(config),
            // The tree of values knows the place of what is wrong.
            None => Self::from_value(json::parse_value(data, file)?, file),
        }
    }

    /// The config, if nothing is wrong with it, nor odd.
    fn of_right(data: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Members {
            #[serde(default)]
            os: String,
            #[serde(default)]
            architecture: String,
            variant: Option<String>,
            #[serde(rename = "os.version")]
            os_version: Option<String>,
            #[serde(default, rename = "os.features", deserialize_with = "or_default")]
            os_features: Vec<String>,
            rootfs: RootFs,
            #[serde(default)]
            history: Vec<Step>,
        }
        #[derive(Deserialize)]
        struct Step {
            #[serde(default)]
            empty_layer: bool,
        }
        let members: Members = json::parse_right(data)?;
        let told = members.history.iter().filter(|step| !step.empty_layer);
        Some(Self {
            platform: Platform {
                os: members.os,
                architecture: members.architecture,
                variant: members.variant,
                os_version: members.os_version,
                os_features: members.os_features,
            },
            told_layers: (!members.history.is_empty()).then_some(told.count()),
            rootfs: Some(members.rootfs).filter(|rootfs| rootfs.kind == "layers")?,
        })
    }

    /// The same from a parsed document.
    pub fn from_value(mut value: Value, file: &str) -> Result<Self> {
        // One by one, for an error inside a flattened struct has no pointer.
        let Value::Object(members) = &mut value else {
            return Err(Error::new(
                ErrorKind::Malformed,
                file,
                "is not a JSON object; an image config must be one",
            ));
        };
        let platform = json::from_value(
            Value::Object(
                ["os", "architecture", "variant", "os.version", "os.features"]
                    .into_iter()
                    .filter_map(|key| Some((key.to_owned(), members.get(key)?.clone())))
                    .filter(|(_, value)| !value.is_null())
                    .collect(),
            ),
            file,
        )?;
        #[derive(Deserialize)]
        struct Rest {
            rootfs: RootFs,
            #[serde(default)]
            history: Value,
        }
        let rest: Rest = json::from_value(value, file)?;
        let config = Self {
            platform,
            rootfs: rest.rootfs,
            told_layers: told_layers(&rest.history),
        };
        if config.rootfs.kind != "layers" {
            return Err(Error::new(
                ErrorKind::Malformed,
                file,
                format!("is `{}` and must be `layers`", config.rootfs.kind),
            )
            .at("/rootfs/type"));
        }
        Ok(config)
    }

    /// The number of layers must be that of the manifest.
    pub(crate) fn check_layers(&self, layers: usize, file: &str) -> Result<()> {
        let own = self.rootfs.diff_ids.len();
        if own != layers {
            return Err(Error::new(
                ErrorKind::Mismatch,
                file,
                format!("names {own} layers, and the manifest names {layers}"),
            )
            .at("/rootfs/diff_ids"));
        }
        Ok(())
    }

    /// What is odd about the history. It is a description for people, and tools that append
    /// layers leave it as it was: nothing depends on it.
    pub(crate) fn history_remark(&self) -> Option<String> {
        let (told, layers) = (self.told_layers?, self.rootfs.diff_ids.len());
        (told != layers).then(|| {
            let s = if told == 1 { "" } else { "s" };
            format!("tells of {told} layer{s}, and the image has {layers}; nothing depends on it")
        })
    }
}

/// How many steps of a history made a layer, whatever else it is.
fn told_layers(history: &Value) -> Option<usize> {
    let steps = history.as_array().filter(|steps| !steps.is_empty())?;
    let made = |step: &&Value| step.get("empty_layer").and_then(Value::as_bool) != Some(true);
    Some(steps.iter().filter(made).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn manifest() -> String {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{DIGEST}","size":0}},"layers":[],"unknown":[1]}}"#
        )
    }

    #[test]
    fn an_image_without_a_platform_is_known_by_its_layers() {
        let with = |layers: &[&str]| {
            let layer = |media_type: &&str| {
                format!(r#"{{"mediaType":"{media_type}","digest":"{DIGEST}","size":0}}"#)
            };
            let layers: Vec<_> = layers.iter().map(layer).collect();
            let layers = format!(r#""layers":[{}]"#, layers.join(","));
            let manifest = manifest().replace(r#""layers":[]"#, &layers);
            Manifest::parse(manifest.as_bytes(), "m").unwrap()
        };
        let tar = MediaType::OCI_LAYER_GZIP;
        let signature = "application/vnd.dev.cosign.simplesigning.v1+json";
        let unnamed = Platform::default();
        assert!(with(&[tar.as_str()]).is_image(&unnamed));
        for layers in [&[][..], &[signature], &[tar.as_str(), signature]] {
            assert!(!with(layers).is_image(&unnamed), "{layers:?}");
            // As it was, where the config names a platform.
            assert!(with(layers).is_image(&Platform::new("linux", "amd64", None)));
        }
        assert!(!with(&[tar.as_str()]).is_image(&Platform::new("unknown", "unknown", None)));
    }

    #[test]
    fn both_documents() {
        assert!(Manifest::parse(manifest().as_bytes(), "m")
            .unwrap()
            .may_be_image());
        let index = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"x","digest":"{DIGEST}","size":1,"platform":{{"os":"linux","architecture":"arm64","features":["x"]}}}}]}}"#
        );
        let parsed = Index::parse(index.as_bytes(), "i").unwrap();
        assert_eq!(parsed.media_type(), MediaType::OCI_INDEX);
        assert!(Manifest::parse(index.as_bytes(), "i").is_err());
        assert!(Index::parse(manifest().as_bytes(), "m").is_err());
    }

    #[test]
    fn wrong_documents_are_named() {
        let error = |from: &str, to: &str| {
            let text = manifest();
            assert!(text.contains(from), "{from}");
            Document::parse(text.replace(from, to).as_bytes(), "m.json")
                .unwrap_err()
                .to_string()
        };
        let e = error("\"schemaVersion\":2", "\"schemaVersion\":1");
        assert!(
            e.starts_with("m.json at /schemaVersion: schema version 1"),
            "{e}"
        );
        let e = error("\"layers\":[]", "\"layers\":{}");
        assert!(e.starts_with("m.json at /layers: "), "{e}");
        let e = error("\"layers\":[]", "\"layers\":[],\"manifests\":[]");
        assert!(e.contains("at once"), "{e}");
        let e = error(&DIGEST[..10], "sha256:../");
        assert!(e.starts_with("m.json at /config/digest: "), "{e}");
        let e = error("image.manifest.v1", "artifact.manifest.v1");
        assert!(e.starts_with("m.json at /mediaType: "), "{e}");
        let e = error("\"size\":0", "\"size\":-1");
        assert!(e.starts_with("m.json at /config/size: "), "{e}");
        let e = Document::parse(b"[]", "m.json").unwrap_err().to_string();
        assert!(e.contains("is not a JSON object"), "{e}");
    }

    #[test]
    fn configs() {
        let text = format!(
            r#"{{"os":"linux","architecture":"arm64","variant":"v8","rootfs":{{"type":"layers","diff_ids":["{DIGEST}"]}},"history":[{{"empty_layer":true}},{{}}]}}"#
        );
        let config = Config::parse(text.as_bytes(), "c").unwrap();
        assert_eq!(config.platform.to_string(), "linux/arm64/v8");
        config.check_layers(1, "c").unwrap();
        assert_eq!(
            config.check_layers(2, "c").unwrap_err().pointer(),
            Some("/rootfs/diff_ids")
        );
        let e = Config::parse(text.replace("\"linux\"", "7").as_bytes(), "c").unwrap_err();
        assert_eq!(e.pointer(), Some("/os"));
        let e = Config::parse(text.replace(DIGEST, "x").as_bytes(), "c").unwrap_err();
        assert_eq!(e.pointer(), Some("/rootfs/diff_ids/0"));
        let e = Config::parse(text.replace("\"layers\"", "\"other\"").as_bytes(), "c").unwrap_err();
        assert_eq!(e.pointer(), Some("/rootfs/type"));
        let e = Config::parse(text.replace(",{}", "").as_bytes(), "c").unwrap();
        e.check_layers(1, "c").unwrap();
        assert_eq!(
            e.history_remark().unwrap(),
            "tells of 0 layers, and the image has 1; nothing depends on it"
        );
    }

    #[test]
    fn a_history_is_whatever_it_is() {
        for (history, told) in [
            ("null", None),
            ("[]", None),
            ("{}", None),
            ("\"once upon a time\"", None),
            ("[null]", Some(1)),
            (
                r#"[{"empty_layer":null},{"empty_layer":true},{"empty_layer":false},7]"#,
                Some(3),
            ),
        ] {
            let text = format!(
                r#"{{"os":"linux","architecture":"amd64","rootfs":{{"type":"layers","diff_ids":["{DIGEST}"]}},"history":{history}}}"#
            );
            let config = Config::parse(text.as_bytes(), "c").unwrap();
            assert_eq!(config.told_layers, told, "{history}");
            assert_eq!(
                config.history_remark().is_some(),
                told.is_some_and(|n| n != 1)
            );
        }
    }
}
