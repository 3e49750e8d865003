//! What there is to know about a layer without having its bytes.
//!
//! A layer's blob may be gigabytes; whoever builds an image, an index or a list of sums
//! from it needs a few hundred bytes. Those are written beside the blob when it is made,
//! in the one pass that makes it, and are all that any later step is given.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use verbatim_digest::Digest;
use verbatim_reader::{decompress, Compression};

use crate::{json, MediaType};
use crate::{name, Error, ErrorKind, Result};

/// The form of the document; it changes with every change that a reader could notice.
pub const SCHEMA: &str = "verbatim.layer/1";

/// The largest such document that is read.
const MAX_METADATA: u64 = 1 << 20;

/// One layer: what a manifest says of it, what a config says of it, and how it was made.
///
/// The document is one canonical JSON object and a line feed:
///
/// ```json
/// {"diff_id":"sha256:…","digest":"sha256:…","encoder":{"level":6,"name":"…","version":"…"},"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","schema":"verbatim.layer/1","size":123,"uncompressed_size":456}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerMetadata {
    // In the order of canonical JSON, so that nothing has to be moved.
    /// The digest of the tar archive inside the blob.
    pub diff_id: Digest,
    /// Of the blob.
    pub digest: Digest,
    /// What compressed the archive; unknown for layers that were made elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<Arc<Encoder>>,
    /// Plain tar, or the compression around it.
    #[serde(rename = "mediaType")]
    pub media_type: MediaType,
    /// Always [`SCHEMA`].
    schema: Schema,
    /// The bytes of the blob.
    pub size: u64,
    /// The bytes of the tar archive; unknown for layers of a base that nobody unpacked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncompressed_size: Option<u64>,
}

/// A string that can only be [`SCHEMA`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Schema {
    #[serde(rename = "verbatim.layer/1")]
    V1,
}

/// What compressed a layer: with the same encoder, version and parameters, the same archive
/// gives the same blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoder {
    /// Its name; `none` for a plain archive.
    pub name: String,
    /// Its version, where it has one.
    pub version: Option<String>,
    /// The compression level, where it has one.
    pub level: Option<i64>,
    /// Everything else that the bytes depend on, the block size for example.
    pub parameters: BTreeMap<String, Value>,
}

impl Encoder {
    /// The encoder of a plain archive.
    pub fn none() -> Self {
        Self {
            name: "none".into(),
            version: None,
            level: None,
            parameters: BTreeMap::new(),
        }
    }
}

impl LayerMetadata {
    /// The description of a layer that was just made.
    pub fn new(
        media_type: MediaType,
        digest: Digest,
        size: u64,
        diff_id: Digest,
        uncompressed_size: Option<u64>,
        encoder: Option<Encoder>,
    ) -> Self {
        Self {
            schema: Schema::V1,
            media_type,
            digest,
            size,
            diff_id,
            uncompressed_size,
            encoder: encoder.map(Arc::new),
        }
    }

    /// The document: canonical JSON and a line feed.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        json::to_canonical_line(self)
    }

    /// Read the document; `file` is its name in messages.
    pub fn parse(data: &[u8], file: &str) -> Result<Self> {
        let layer: Self = json::parse(data, file)?;
        layer.check(file, "")?;
        Ok(layer)
    }

    /// Read the document from a file.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&json::read_file(path, MAX_METADATA)?, &name(path))
    }

    /// Read the documents of one or several layers from a file, one a line.
    pub fn read_all(path: &Path) -> Result<Vec<Self>> {
        let data = json::read_file(path, MAX_METADATA)?;
        let is_blank = |line: &&[u8]| line.trim_ascii().is_empty();
        let lines = data.split(|&b| b == b'\n').filter(|line| !is_blank(line));
        let parsed = lines.enumerate().map(|(at, line)| {
            let file = match at {
                0 => name(path),
                _ => format!("{} line {}", name(path), at + 1),
            };
            Self::parse(line, &file)
        });
        parsed.collect::<Result<_>>().or_else(|wrong| {
            // A document that somebody laid out nicely is one all the same.
            match data
                .split(|&b| b == b'\n')
                .all(|line| is_blank(&line) || json::parse_value(line, "").is_ok())
            {
                true => Err(wrong),
                false => Ok(vec![Self::parse(&data, &name(path))?]),
            }
        })
    }

    /// Describe a layer's blob by reading it, whatever its compression.
    ///
    /// How it was compressed stays unknown, except where it was not.
    pub fn of_blob(path: &Path) -> Result<Self> {
        let file = name(path);
        let unreadable = |e| Error::io(&file, "cannot be read as a layer", e);
        let open = || Ok(verbatim_document::file::open(path).map_err(unreadable)?.0);
        // Anything is a plain tar archive until somebody reads it.
        verbatim_reader::Archive::open_file(open()?)
            .next_entry()
            .map_err(|e| unreadable(e.into()))?;
        let (digest, size) = verbatim_digest::of_reader(open()?).map_err(unreadable)?;
        let mut reader = decompress(open()?);
        let media_type = match reader.compression().map_err(unreadable)? {
            Compression::None => MediaType::OCI_LAYER,
            Compression::Gzip => MediaType::OCI_LAYER_GZIP,
            Compression::Zstd => MediaType::OCI_LAYER_ZSTD,
            other => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    file,
                    format!("is compressed with {other}, which no layer may be; convert it with `verbatim normalize --compression=gzip`"),
                ))
            }
        };
        if media_type == MediaType::OCI_LAYER {
            return Ok(Self::new(
                media_type,
                digest,
                size,
                digest,
                Some(size),
                Some(Encoder::none()),
            ));
        }
        let (diff_id, inside) =
            verbatim_digest::of_reader(reader.read_ahead()).map_err(unreadable)?;
        Ok(Self::new(
            media_type,
            digest,
            size,
            diff_id,
            Some(inside),
            None,
        ))
    }

    /// Keep an encoder once that several layers in a row name: there may be a hundred thousand layers.
    pub(crate) fn share_encoders(layers: &mut [Self]) {
        for at in 1..layers.len() {
            if let [.., before, layer] = &mut layers[..=at] {
                if before.encoder == layer.encoder {
                    layer.encoder.clone_from(&before.encoder);
                }
            }
        }
    }

    /// What the types alone do not say. `pointer` is where in `file` the object stands.
    pub fn check(&self, file: &str, pointer: impl fmt::Display) -> Result<()> {
        let Some(suffix) = self.media_type.layer_suffix() else {
            return Err(Error::new(
                ErrorKind::Malformed,
                file,
                format!(
                    "`{}` is not the media type of a layer; it must be {}, +gzip or +zstd",
                    self.media_type,
                    MediaType::OCI_LAYER
                ),
            )
            .at(format!("{pointer}/mediaType")));
        };
        if suffix.is_empty() {
            if self.digest != self.diff_id {
                return Err(Error::new(
                    ErrorKind::Mismatch,
                    file,
                    format!(
                        "a layer without compression has its digest {} as diff_id",
                        self.digest
                    ),
                )
                .at(format!("{pointer}/diff_id")));
            }
            if self.uncompressed_size.is_some_and(|size| size != self.size) {
                return Err(Error::new(
                    ErrorKind::Mismatch,
                    file,
                    format!(
                        "a layer without compression has its size {} as uncompressed_size",
                        self.size
                    ),
                )
                .at(format!("{pointer}/uncompressed_size")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> LayerMetadata {
        LayerMetadata::new(
            MediaType::OCI_LAYER_GZIP,
            Digest::of(b"blob"),
            4,
            Digest::of(b"tar"),
            Some(3),
            Some(Encoder {
                name: "libx".into(),
                version: Some("1.2".into()),
                level: Some(6),
                parameters: [("block".to_owned(), Value::from(1 << 20))].into(),
            }),
        )
    }

    #[test]
    fn the_document_is_canonical() {
        let text = String::from_utf8(sample().to_json().unwrap()).unwrap();
        assert_eq!(
            text,
            format!(
                "{{\"diff_id\":\"{}\",\"digest\":\"{}\",\"encoder\":{{\"block\":1048576,\"level\":6,\
                 \"name\":\"libx\",\"version\":\"1.2\"}},\
                 \"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\
                 \"schema\":\"verbatim.layer/1\",\"size\":4,\"uncompressed_size\":3}}\n",
                Digest::of(b"tar"),
                Digest::of(b"blob")
            )
        );
        assert_eq!(
            LayerMetadata::parse(text.as_bytes(), "m").unwrap(),
            sample()
        );
    }

    #[test]
    fn wrong_documents_are_named() {
        let good = String::from_utf8(sample().to_json().unwrap()).unwrap();
        let error = |from: &str, to: &str| {
            assert!(good.contains(from), "{from}");
            LayerMetadata::parse(good.replace(from, to).as_bytes(), "m.json")
                .unwrap_err()
                .to_string()
        };
        let e = error("verbatim.layer/1", "verbatim.layer/2");
        assert!(e.starts_with("m.json at /schema: "), "{e}");
        let e = error("\"size\":4", "\"size\":\"4\"");
        assert!(e.starts_with("m.json at /size: "), "{e}");
        let e = error("\"size\":4", "\"size\":4,\"sise\":4");
        assert!(e.contains("unknown field `sise`"), "{e}");
        let e = error("sha256:", "sha512:");
        assert!(e.contains("use a sha256 digest"), "{e}");
        let e = error("image.layer.v1.tar+gzip", "image.config.v1+json");
        assert!(e.starts_with("m.json at /mediaType: "), "{e}");
        let e = error("tar+gzip", "tar");
        assert!(e.starts_with("m.json at /diff_id: "), "{e}");
    }

    #[test]
    fn a_base_layer_says_what_is_known() {
        let layer = LayerMetadata::new(
            MediaType::OCI_LAYER_GZIP,
            Digest::of(b"blob"),
            4,
            Digest::of(b"tar"),
            None,
            None,
        );
        let text = String::from_utf8(layer.to_json().unwrap()).unwrap();
        assert!(!text.contains("encoder") && !text.contains("uncompressed_size"));
        assert_eq!(LayerMetadata::parse(text.as_bytes(), "m").unwrap(), layer);
    }
}
