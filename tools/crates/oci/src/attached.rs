//! What is attached to an image: signatures, attestations and SBOMs, and how each is found.
//!
//! A manifest says by its `subject` what it is about, and a registry lists all that are about
//! one thing (OCI distribution specification 1.1, "Listing Referrers"). Registries without that
//! list have an index under a tag in its place ("Referrers Tag Schema"). cosign's older way
//! needs neither: a manifest under a tag that is made from the digest, with one layer for each
//! signature or attestation (cosign, specs/SIGNATURE_SPEC.md).

use std::collections::BTreeSet;

use serde_json::{json, Value};
use verbatim_digest::Digest;

use crate::{json, Descriptor, Document, Error, ErrorKind, Manifest, MediaType, Result};

/// The config of an artifact that has none: `{}`.
pub const EMPTY_CONFIG: &[u8] = b"{}";
/// What cosign reads of one manifest.
const MAX_LAYERS: usize = 1000;

impl MediaType {
    /// An envelope with a signed statement in it.
    pub const DSSE_ENVELOPE: &'static str = "application/vnd.dsse.envelope.v1+json";
    /// A statement, or an envelope with one.
    pub const IN_TOTO: &'static str = "application/vnd.in-toto+json";

    /// Whether this is something that may hold a signed statement.
    pub fn is_attestation(&self) -> bool {
        is_attestation(self.as_str())
    }
}

/// The same of what an artifact says of its kind.
pub fn is_attestation(kind: &str) -> bool {
    [MediaType::DSSE_ENVELOPE, MediaType::IN_TOTO].contains(&kind)
        // Three versions of a bundle have spelled their media type in three ways.
        || kind.starts_with("application/vnd.dev.sigstore.bundle")
}

/// What cosign attaches under a tag of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CosignTag {
    /// `sha256-….sig`
    Signatures,
    /// `sha256-….att`
    Attestations,
    /// `sha256-….sbom`
    Sbom,
}

impl CosignTag {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Signatures, Self::Attestations, Self::Sbom];

    /// What the tag ends with.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Signatures => "sig",
            Self::Attestations => "att",
            Self::Sbom => "sbom",
        }
    }

    /// The tag for what is attached to this.
    pub fn tag(self, subject: &Digest) -> String {
        format!("{}.{}", referrers_tag(subject), self.suffix())
    }

    /// What `cosign save` calls it in `index.json`, under [`KIND`].
    pub fn kind(self) -> Option<&'static str> {
        match self {
            Self::Signatures => Some("dev.cosignproject.cosign/sigs"),
            Self::Attestations => Some("dev.cosignproject.cosign/atts"),
            Self::Sbom => None,
        }
    }
}

/// The annotation by which `cosign save` tells the entries of `index.json` apart.
pub const KIND: &str = "kind";

/// What `cosign save` calls the image, or the index of several.
pub(crate) fn image_kind(media_type: &MediaType) -> &'static str {
    if media_type.is_index() {
        "dev.cosignproject.cosign/imageIndex"
    } else {
        "dev.cosignproject.cosign/image"
    }
}

/// The tag of the index of what refers to this, where a registry has no list of that.
pub fn referrers_tag(subject: &Digest) -> String {
    format!("sha256-{}", subject.hex())
}

/// What a tag that is made from a digest stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestTag {
    /// The index of what refers to this.
    Referrers(Digest),
    /// What cosign attached to this.
    Cosign(Digest, CosignTag),
}

impl DigestTag {
    /// By the tag alone; `None` where it is not made from a digest.
    pub fn of(tag: &str) -> Option<Self> {
        let rest = tag.strip_prefix("sha256-")?;
        let (hex, suffix) = match rest.split_once('.') {
            Some((hex, suffix)) => (hex, Some(suffix)),
            None => (rest, None),
        };
        let digest = Digest::from_hex(hex).ok()?;
        match suffix {
            None => Some(Self::Referrers(digest)),
            Some(suffix) => CosignTag::ALL
                .into_iter()
                .find(|kind| kind.suffix() == suffix)
                .map(|kind| Self::Cosign(digest, kind)),
        }
    }
}

/// A manifest under one of cosign's tags, with its config: one layer for each thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignManifest {
    /// The bytes of the manifest.
    pub manifest: Vec<u8>,
    /// The bytes of its config; `None` where the one that was there before stays.
    pub config: Vec<u8>,
}

/// The manifest of one of cosign's tags with these layers behind those that are there, if
/// `before` is what the tag stands for; `file` is its name in messages. `None` if all of them
/// are there.
///
/// A layer is known by its digest. What others put there stays to the letter.
pub fn with_layers(
    before: Option<(&[u8], &str)>,
    layers: &[Descriptor],
) -> Result<Option<CosignManifest>> {
    let (mut manifest, there) = match before {
        Some((bytes, file)) => {
            let Document::Manifest(parsed) = Document::parse(bytes, file)? else {
                return Err(Error::new(
                    ErrorKind::Mismatch,
                    file,
                    "is an index where cosign has a manifest with signatures or attestations; remove that tag, or attach as a referrer alone",
                ));
            };
            (json::parse_value(bytes, file)?, parsed.layers)
        }
        None => (
            json!({
                "schemaVersion": 2,
                "mediaType": MediaType::OCI_MANIFEST,
                "layers": [],
            }),
            Vec::new(),
        ),
    };
    let mut known: BTreeSet<Digest> = there.iter().map(|layer| layer.digest).collect();
    let new: Vec<&Descriptor> = layers
        .iter()
        .filter(|layer| known.insert(layer.digest))
        .collect();
    if new.is_empty() {
        return Ok(None);
    }
    let count = there.len() + new.len();
    if count > MAX_LAYERS {
        return Err(Error::new(
            ErrorKind::Limit,
            before.map_or("the manifest", |(_, file)| file),
            format!("would have {count} layers, and cosign reads at most {MAX_LAYERS}; attach as referrers in its place"),
        ));
    }
    let all: Vec<&Digest> = there
        .iter()
        .map(|layer| &layer.digest)
        .chain(new.iter().map(|layer| &layer.digest))
        .collect();
    // What cosign itself writes: an image without a platform, whose layers are their own content.
    let config = json::to_canonical(&json!({
        "architecture": "",
        "config": {},
        "created": "0001-01-01T00:00:00Z",
        "history": vec![json!({ "created": "0001-01-01T00:00:00Z" }); count],
        "os": "",
        "rootfs": { "diff_ids": all, "type": "layers" },
    }))?;
    manifest["config"] = value(&Descriptor::of(MediaType::OCI_CONFIG, &config))?;
    if let Some(layers) = manifest["layers"].as_array_mut() {
        for layer in new {
            layers.push(value(layer)?);
        }
    }
    Ok(Some(CosignManifest {
        manifest: json::to_canonical(&manifest)?,
        config,
    }))
}

/// The index of referrers with these entries behind those that are there, if `before` is what
/// its tag stands for; `file` is its name in messages. `None` if all of them are there.
///
/// What others put there stays to the letter.
pub fn with_referrers(
    before: Option<(&[u8], &str)>,
    entries: &[Descriptor],
) -> Result<Option<Vec<u8>>> {
    let (mut index, there) = match before {
        Some((bytes, file)) => {
            let Document::Index(parsed) = Document::parse(bytes, file)? else {
                return Err(Error::new(
                    ErrorKind::Mismatch,
                    file,
                    "is a manifest where the index of referrers must be; move what has that tag to another one",
                ));
            };
            (json::parse_value(bytes, file)?, parsed.manifests)
        }
        None => (
            json!({
                "schemaVersion": 2,
                "mediaType": MediaType::OCI_INDEX,
                "manifests": [],
            }),
            Vec::new(),
        ),
    };
    let mut known: BTreeSet<Digest> = there.iter().map(|entry| entry.digest).collect();
    let mut grown = false;
    // `null` is what some write for an empty list.
    if index["manifests"].is_null() {
        index["manifests"] = json!([]);
    }
    if let Some(list) = index["manifests"].as_array_mut() {
        for entry in entries {
            if known.insert(entry.digest) {
                list.push(value(entry)?);
                grown = true;
            }
        }
    }
    Ok(if grown {
        Some(json::to_canonical(&index)?)
    } else {
        None
    })
}

fn value(descriptor: &Descriptor) -> Result<Value> {
    let bytes = json::to_canonical(descriptor)?;
    json::parse_value(&bytes, "a descriptor")
}

/// The manifest of an artifact that is about `subject` and has one blob (image specification,
/// "Guidelines for Artifact Usage"); its config is [`EMPTY_CONFIG`].
pub fn artifact(
    kind: &str,
    blob: Descriptor,
    subject: &Descriptor,
    annotations: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<u8>> {
    let mut manifest = Manifest::new(
        MediaType::OCI_MANIFEST,
        Descriptor::of(MediaType::OCI_EMPTY, EMPTY_CONFIG),
        vec![blob],
        annotations.into_iter().collect(),
    );
    manifest.artifact_type = Some(kind.to_owned());
    // No more than is needed: whatever else an index says of it is not what it is.
    manifest.subject = Some(Descriptor::new(
        subject.media_type.clone(),
        subject.digest,
        subject.size,
    ));
    json::to_canonical(&manifest)
}

impl Document {
    /// What it is about, if it is attached to something.
    pub fn subject(&self) -> Option<&Descriptor> {
        match self {
            Self::Manifest(manifest) => manifest.subject.as_ref(),
            Self::Index(index) => index.subject.as_deref(),
        }
    }

    /// How a list of referrers names this document: with its kind and its remarks
    /// (distribution specification, "Pushing Manifests with Subject").
    pub fn as_referrer(&self, bytes: &[u8]) -> Descriptor {
        let mut descriptor = Descriptor::of(self.media_type(), bytes);
        let (kind, annotations) = match self {
            Self::Manifest(manifest) => {
                let config = || manifest.config.media_type.as_str().to_owned();
                let kind = manifest
                    .artifact_type
                    .clone()
                    .filter(|kind| !kind.is_empty());
                (Some(kind.unwrap_or_else(config)), &manifest.annotations)
            }
            Self::Index(index) => (index.artifact_type.clone(), &index.annotations),
        };
        descriptor.artifact_type = kind;
        descriptor.annotations = annotations.clone();
        descriptor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(text: &str) -> Descriptor {
        Descriptor::of(MediaType::new(MediaType::DSSE_ENVELOPE), text.as_bytes())
    }

    #[test]
    fn tags_say_what_they_are_about() {
        let digest = Digest::of(b"x");
        for kind in CosignTag::ALL {
            let tag = kind.tag(&digest);
            assert_eq!(DigestTag::of(&tag), Some(DigestTag::Cosign(digest, kind)));
        }
        let tag = referrers_tag(&digest);
        assert_eq!(DigestTag::of(&tag), Some(DigestTag::Referrers(digest)));
        for tag in ["latest", "sha256-12", &format!("{tag}.zip"), &tag[1..]] {
            assert_eq!(DigestTag::of(tag), None, "{tag}");
        }
    }

    #[test]
    fn nothing_of_others_is_dropped() {
        let first = with_layers(None, &[descriptor("a")]).unwrap().unwrap();
        let twice = with_layers(Some((&first.manifest, "m")), &[descriptor("a")]).unwrap();
        assert_eq!(twice, None);
        let mut theirs: Value = serde_json::from_slice(&first.manifest).unwrap();
        theirs["layers"][0]["annotations"] = json!({ "theirs": "yes" });
        theirs["x-theirs"] = json!([1]);
        let theirs = serde_json::to_vec(&theirs).unwrap();
        let both = with_layers(Some((&theirs, "m")), &[descriptor("b"), descriptor("a")]);
        let both = both.unwrap().unwrap();
        let manifest: Value = serde_json::from_slice(&both.manifest).unwrap();
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 2);
        assert_eq!(manifest["layers"][0]["annotations"]["theirs"], "yes");
        assert_eq!(manifest["x-theirs"], json!([1]));
        let config: Value = serde_json::from_slice(&both.config).unwrap();
        assert_eq!(
            config["rootfs"]["diff_ids"],
            json!([descriptor("a").digest, descriptor("b").digest])
        );
        Manifest::parse(&both.manifest, "m").unwrap();
    }

    #[test]
    fn an_index_of_referrers_only_grows() {
        let entry = |text: &str| Descriptor::of(MediaType::OCI_MANIFEST, text.as_bytes());
        let one = with_referrers(None, &[entry("a"), entry("a")])
            .unwrap()
            .unwrap();
        assert_eq!(
            with_referrers(Some((&one, "i")), &[entry("a")]).unwrap(),
            None
        );
        let null = br#"{"schemaVersion":2,"manifests":null,"x":1}"#;
        let grown = with_referrers(Some((null, "i")), &[entry("a")])
            .unwrap()
            .unwrap();
        let grown: Value = serde_json::from_slice(&grown).unwrap();
        assert_eq!(
            (&grown["x"], grown["manifests"].as_array().unwrap().len()),
            (&json!(1), 1)
        );
        let manifest = with_layers(None, &[descriptor("a")])
            .unwrap()
            .unwrap()
            .manifest;
        assert!(with_referrers(Some((&manifest, "i")), &[entry("a")]).is_err());
        assert!(with_layers(Some((&one, "m")), &[descriptor("a")]).is_err());
    }

    #[test]
    fn too_many_layers_are_refused() {
        let many: Vec<_> = (0..=MAX_LAYERS)
            .map(|n| descriptor(&n.to_string()))
            .collect();
        let error = with_layers(None, &many).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
    }
}
