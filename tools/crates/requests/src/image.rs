//! An image under the name it is published: what sums and pushes are made of.

use std::path::PathBuf;

use serde::Deserialize;
use verbatim_digest::Digest;
use verbatim_oci::layout::Kind;
use verbatim_oci::{json, Reference, Result};

use crate::{Documents, LayerFiles, ReferenceParts, Values};

/// One image, under the name it is published, as a build tool knows it.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Members")]
pub struct ImageRequest {
    /// Under which name.
    pub reference: ReferenceParts,
    /// What the image is given as.
    pub source: Source,
    /// Where its layers are; only a push asks.
    pub blobs: Blobs,
    /// Whom to name in messages: the target, or the option where no target was named.
    pub origin: String,
}

/// What an image is given as.
#[derive(Debug, Clone)]
pub enum Source {
    /// Manifest and config, and what is known of them.
    Image(Documents),
    /// An index, and the images in it.
    Index {
        /// The index.
        index: PathBuf,
        /// Its images, in any order.
        images: Vec<Documents>,
    },
    /// An OCI layout.
    Layout {
        /// A folder, or an archive.
        layout: PathBuf,
        /// What it stands for, where that could be two things.
        kind: Option<Kind>,
    },
    /// A digest and a descriptor, as other rulesets offer them.
    OutputGroups {
        /// `sha256:` and the digits.
        digest: PathBuf,
        /// JSON, an OCI descriptor.
        descriptor: PathBuf,
        /// Its layout: for sums the documents are enough, for a push all blobs are needed.
        layout: Option<PathBuf>,
    },
    /// A file: a manifest, an index, or an archive of a layout.
    File {
        /// The file.
        file: PathBuf,
        /// What a layout in it stands for, where that could be two things.
        kind: Option<Kind>,
    },
}

/// Where the layers of an image are.
#[derive(Debug, Clone, Default)]
pub struct Blobs {
    /// Layers that are at hand.
    pub layers: Vec<LayerFiles>,
    /// OCI layouts that hold more of them: folders, archives, or files in `blobs/sha256`.
    pub layouts: Vec<PathBuf>,
    /// Layers that registries have.
    pub mount: Vec<Mount>,
    /// Layers that the build left in its cache.
    pub cached: Vec<CachedLayer>,
}

/// A layer, or several, of which a build has no more than what was written beside them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CachedLayer {
    /// What is known of them (`verbatim.layer/1`), of several layers one object a line.
    pub metadata: PathBuf,
    /// Whom to name in messages: the target that makes them.
    #[serde(default)]
    pub origin: String,
}

/// Repositories that have a blob.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// The blob.
    pub digest: Digest,
    /// `registry/name` of each.
    pub repositories: Vec<String>,
}

/// The members of the JSON object. Which of them belong together is said by `kind`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    reference: ReferenceParts,
    kind: SourceKind,
    origin: Option<String>,
    manifest: Option<PathBuf>,
    config: Option<PathBuf>,
    metadata: Option<PathBuf>,
    index: Option<PathBuf>,
    images: Option<Vec<Documents>>,
    layout: Option<PathBuf>,
    layout_kind: Option<Kind>,
    digest: Option<PathBuf>,
    descriptor: Option<PathBuf>,
    file: Option<PathBuf>,
    #[serde(default)]
    layers: Vec<LayerFiles>,
    #[serde(default)]
    layouts: Vec<PathBuf>,
    #[serde(default)]
    mount: Vec<Mount>,
    #[serde(default)]
    cached: Vec<CachedLayer>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SourceKind {
    Image,
    Index,
    Layout,
    OutputGroups,
    File,
}

/// A member that the kind of an image cannot do without.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: the record needs the member `{member}` for its kind")]
struct MissingMember {
    origin: String,
    member: &'static str,
}

impl TryFrom<Members> for ImageRequest {
    type Error = MissingMember;

    fn try_from(members: Members) -> Result<Self, MissingMember> {
        let origin = members.origin.unwrap_or_default();
        let need = |path: Option<PathBuf>, member| {
            path.ok_or_else(|| MissingMember {
                origin: if origin.is_empty() {
                    "an image without an origin".to_owned()
                } else {
                    origin.clone()
                },
                member,
            })
        };
        let source = match members.kind {
            SourceKind::Image => Source::Image(Documents {
                manifest: need(members.manifest, "manifest")?,
                config: need(members.config, "config")?,
                metadata: members.metadata,
            }),
            SourceKind::Index => Source::Index {
                index: need(members.index, "index")?,
                images: members.images.unwrap_or_default(),
            },
            SourceKind::Layout => Source::Layout {
                layout: need(members.layout, "layout")?,
                kind: members.layout_kind,
            },
            SourceKind::OutputGroups => Source::OutputGroups {
                digest: need(members.digest, "digest")?,
                descriptor: need(members.descriptor, "descriptor")?,
                layout: members.layout,
            },
            SourceKind::File => Source::File {
                file: need(members.file, "file")?,
                kind: members.layout_kind,
            },
        };
        Ok(Self {
            reference: members.reference,
            source,
            blobs: Blobs {
                layers: members.layers,
                layouts: members.layouts,
                mount: members.mount,
                cached: members.cached,
            },
            origin,
        })
    }
}

impl ImageRequest {
    /// Parse the JSON of an option; `option` is its name in messages.
    pub fn parse(text: &str, option: &str) -> Result<Self> {
        let mut request: Self = json::parse(text.as_bytes(), option)?;
        if request.origin.is_empty() {
            option.clone_into(&mut request.origin);
        }
        Ok(request)
    }

    /// The name under which the image is published.
    pub fn reference(&self, values: &Values) -> Result<Reference> {
        self.reference.resolve(values, &self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_checked() {
        let parse = |text: &str| ImageRequest::parse(text, "--record");
        let reference = r#""reference":{"registry":"r.io","name":"n"}"#;
        let error = |rest: &str| {
            parse(&format!("{{{reference},{rest}}}"))
                .unwrap_err()
                .to_string()
        };
        assert!(error(r#""kind":"image","x":1"#).contains("unknown field `x`"));
        for (rest, member) in [
            (r#""kind":"image","origin":"//a""#, "manifest"),
            (r#""kind":"image","manifest":"m","origin":"//a""#, "config"),
            (r#""kind":"index","origin":"//a""#, "index"),
            (r#""kind":"layout","file":"f","origin":"//a""#, "layout"),
            (
                r#""kind":"output_groups","digest":"d","origin":"//a""#,
                "descriptor",
            ),
            (r#""kind":"file","layout":"l","origin":"//a""#, "file"),
        ] {
            let error = error(rest);
            let wanted = format!("//a: the record needs the member `{member}`");
            assert!(error.contains(&wanted), "{error}");
        }
        assert!(error(r#""kind":"list""#).contains("/kind"));
    }

    #[test]
    fn a_request_without_a_target_is_named_by_its_option() {
        let text = r#"{"reference":{"registry":"r.io","name":"n"},"kind":"file","file":"f"}"#;
        assert_eq!(
            ImageRequest::parse(text, "--record").unwrap().origin,
            "--record"
        );
    }
}
