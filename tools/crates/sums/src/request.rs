//! What a build rule asks for: one JSON object for each image.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use verbatim_digest::Digest;
use verbatim_oci::layout::Layout;
use verbatim_oci::{
    describe_index, json, Descriptor, Error, ErrorKind, ImageMetadata, Named, Result,
};

use crate::collect::{of_descriptor, of_image, of_index, of_layout, of_path, platform_image, Kind};
use crate::record::{Image, PlatformImage};
use verbatim_oci::Reference;

/// The largest file that holds a part of a reference.
const MAX_PART: u64 = 1 << 16;

/// One image, under the name it is published, as a build tool knows it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    reference: ReferenceParts,
    kind: RequestKind,
    #[serde(default)]
    manifest: Option<PathBuf>,
    #[serde(default)]
    config: Option<PathBuf>,
    #[serde(default)]
    metadata: Option<PathBuf>,
    #[serde(default)]
    index: Option<PathBuf>,
    #[serde(default)]
    images: Vec<Documents>,
    #[serde(default)]
    layout: Option<PathBuf>,
    #[serde(default)]
    layout_kind: Option<Kind>,
    #[serde(default)]
    digest: Option<PathBuf>,
    #[serde(default)]
    descriptor: Option<PathBuf>,
    #[serde(default)]
    file: Option<PathBuf>,
    #[serde(default)]
    origin: Option<String>,
}

/// What the image is given as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RequestKind {
    /// Manifest, config and what is known of them.
    Image,
    /// Index, and the images in it.
    Index,
    /// An OCI layout.
    Layout,
    /// A digest and a descriptor, as other rulesets offer them.
    OutputGroups,
    /// A file: a manifest, an index, or an archive of a layout.
    File,
}

/// The documents of one image of an index.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Documents {
    manifest: PathBuf,
    config: PathBuf,
    #[serde(default)]
    metadata: Option<PathBuf>,
}

/// The parts of a reference, texts or files that hold them, `{KEY}` in them not yet replaced.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceParts {
    registry: Part,
    #[serde(default)]
    prefix: Option<Part>,
    name: Part,
    #[serde(default)]
    tag: Option<Part>,
}

/// A text, or a file that holds it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Part {
    Text(String),
    File { file: PathBuf },
}

/// The values that may stand for `{KEY}` in a part of a reference.
#[derive(Debug, Clone, Default)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// Add the lines `KEY value` of a workspace-status file.
    pub fn add_status(&mut self, path: &Path) -> Result<()> {
        let file = path.display().to_string();
        let data = json::read_file(path, 1 << 20)?;
        let text = String::from_utf8(data)
            .map_err(|_| Error::new(ErrorKind::Malformed, &file, "is not UTF-8 text"))?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            self.define(key, value.trim());
        }
        Ok(())
    }

    /// Add one value, in place of an earlier one.
    pub fn define(&mut self, key: &str, value: &str) {
        self.0.insert(key.to_owned(), value.to_owned());
    }

    /// The text with every `{KEY}` replaced.
    fn expand(&self, text: &str, origin: &str) -> Result<String> {
        let wrong = |what: String| Error::new(ErrorKind::Malformed, origin, what);
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((key, after)) = after.split_once('}') else {
                return Err(wrong(format!(
                    "`{text}` opens a brace and does not close it"
                )));
            };
            let value = self.0.get(key).ok_or_else(|| {
                wrong(format!(
                    "`{text}` asks for {{{key}}}, which neither --status nor --define gives; build with --stamp, or define it"
                ))
            })?;
            out.push_str(before);
            out.push_str(value);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }
}

impl Part {
    fn resolve(&self, values: &Values, origin: &str) -> Result<String> {
        match self {
            Self::Text(text) => values.expand(text, origin),
            Self::File { file } => {
                let data = json::read_file(file, MAX_PART)?;
                let text = String::from_utf8(data).map_err(|_| {
                    Error::new(ErrorKind::Malformed, file.display(), "is not UTF-8 text")
                })?;
                values.expand(text.trim(), origin)
            }
        }
    }
}

impl ReferenceParts {
    /// The reference, in the words of whoever asks for it: `origin` is its name in messages.
    pub fn resolve(&self, values: &Values, origin: &str) -> Result<Reference> {
        let part = |part: &Option<Part>| match part {
            Some(part) => part.resolve(values, origin),
            None => Ok(String::new()),
        };
        Reference::new(
            &self.registry.resolve(values, origin)?,
            &part(&self.prefix)?,
            &self.name.resolve(values, origin)?,
            &part(&self.tag)?,
        )
        .map_err(|e| Error::new(ErrorKind::Malformed, origin, e.to_string()))
    }
}

impl Request {
    /// Parse a request; `file` is its name in messages.
    pub fn parse(data: &[u8], file: &str) -> Result<Self> {
        json::parse(data, file)
    }

    /// Whom to name in messages.
    pub fn origin(&self) -> &str {
        self.origin.as_deref().unwrap_or("--record")
    }

    fn reference(&self, values: &Values) -> Result<Reference> {
        self.reference.resolve(values, self.origin())
    }

    /// The entry for the sums. Only small documents are read.
    pub fn image(&self, values: &Values) -> Result<Image> {
        let reference = self.reference(values)?;
        match self.kind {
            RequestKind::Image => {
                let (_, image) = read_image(
                    self.need(&self.manifest, "manifest")?,
                    self.need(&self.config, "config")?,
                    self.metadata.as_deref(),
                )?;
                Ok(of_image(reference, image))
            }
            RequestKind::Index => {
                let path = self.need(&self.index, "index")?;
                let data = json::read_file(path, json::MAX_DOCUMENT)?;
                let (mut images, mut platforms) = (Vec::new(), Vec::new());
                for image in &self.images {
                    let (image, platform) =
                        read_image(&image.manifest, &image.config, image.metadata.as_deref())?;
                    images.push(image);
                    platforms.push(platform);
                }
                let file = path.display().to_string();
                let known = describe_index(Named::new(&data, &file), images)?;
                // In the order of the index.
                platforms.sort_by_key(|platform| {
                    known
                        .images
                        .iter()
                        .position(|image| image.manifest.digest == platform.manifest.digest)
                });
                Ok(of_index(reference, &known.index, platforms))
            }
            RequestKind::Layout => of_layout(
                reference,
                &Layout::open(self.need(&self.layout, "layout")?)?,
                self.layout_kind,
            ),
            RequestKind::OutputGroups => {
                let digest_path = self.need(&self.digest, "digest")?;
                let path = self.need(&self.descriptor, "descriptor")?;
                let file = path.display().to_string();
                let descriptor: Descriptor =
                    json::parse(&json::read_file(path, json::MAX_DOCUMENT)?, &file)?;
                let text = json::read_file(digest_path, MAX_PART)?;
                let digest: Digest =
                    String::from_utf8_lossy(&text).trim().parse().map_err(|e| {
                        Error::new(ErrorKind::Malformed, digest_path.display(), format!("{e}"))
                    })?;
                if digest != descriptor.digest {
                    return Err(Error::new(
                        ErrorKind::Mismatch,
                        file,
                        format!(
                            "says {}, and {} says {digest}; both come from {}",
                            descriptor.digest,
                            digest_path.display(),
                            self.origin()
                        ),
                    )
                    .at("/digest"));
                }
                Ok(of_descriptor(reference, &descriptor))
            }
            RequestKind::File => {
                of_path(reference, self.need(&self.file, "file")?, self.layout_kind)
            }
        }
    }

    fn need<'a>(&self, path: &'a Option<PathBuf>, member: &str) -> Result<&'a Path> {
        path.as_deref().ok_or_else(|| {
            Error::new(
                ErrorKind::Malformed,
                self.origin(),
                format!("the record needs the member `{member}` for its kind"),
            )
        })
    }
}

fn read_image(
    manifest: &Path,
    config: &Path,
    metadata: Option<&Path>,
) -> Result<(ImageMetadata, PlatformImage)> {
    let manifest_data = json::read_file(manifest, json::MAX_DOCUMENT)?;
    let config_data = json::read_file(config, json::MAX_DOCUMENT)?;
    let known = metadata
        .map(|path| ImageMetadata::read(path).map(|known| (known, path.display().to_string())))
        .transpose()?;
    let config_file = config.display().to_string();
    let config = Named::new(&config_data, &config_file);
    let image = ImageMetadata::describe(
        Named::new(&manifest_data, &manifest.display().to_string()),
        config,
        known.as_ref().map(|(known, file)| (known, file.as_str())),
    )?;
    let platform = platform_image(&image, config)?;
    Ok((image, platform))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fill_references() {
        let dir = tempfile::tempdir().unwrap();
        let status = dir.path().join("status.txt");
        std::fs::write(&status, "STABLE_TAG v1.2 \nEMPTY\nA b c\n\n").unwrap();
        let tag = dir.path().join("tag");
        std::fs::write(&tag, "{STABLE_TAG}-x\n").unwrap();
        let mut values = Values::default();
        values.add_status(&status).unwrap();
        values.define("REG", "r.example");
        let request = |registry: &str, tag: &str| {
            Request::parse(
                format!(
                    r#"{{"reference":{{"registry":"{registry}","prefix":"a{{EMPTY}}","name":"n","tag":{tag}}},"kind":"file","origin":"//x:y"}}"#
                )
                .as_bytes(),
                "--record",
            )
            .unwrap()
            .reference(&values)
        };
        let file = format!("{{\"file\":{:?}}}", tag.display().to_string());
        assert_eq!(
            request("{REG}:5000", &file).unwrap().to_string(),
            "r.example:5000/a/n:v1.2-x"
        );
        for (registry, what) in [
            ("{NO}", "//x:y: `{NO}` asks for {NO}"),
            ("{REG", "does not close"),
            ("", "registry is empty"),
        ] {
            let error = request(registry, "\"\"").unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn members_are_checked() {
        let parse = |text: &str| Request::parse(text.as_bytes(), "--record");
        let e = parse(r#"{"reference":{"registry":"r.io","name":"n"},"kind":"image","x":1}"#)
            .unwrap_err();
        assert!(e.to_string().contains("unknown field `x`"), "{e}");
        let request =
            parse(r#"{"reference":{"registry":"r.io","name":"n"},"kind":"image","origin":"//a"}"#)
                .unwrap();
        let e = request.image(&Values::default()).unwrap_err();
        assert!(
            e.to_string()
                .contains("//a: the record needs the member `manifest`"),
            "{e}"
        );
    }
}
