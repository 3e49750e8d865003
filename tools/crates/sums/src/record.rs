//! The JSON document beside the text: how each digest comes about.
//!
//! With it, a reader can tell another compression (equal diff_ids) from another content.
//! It never says something else than the text: [`Record::check_against`].

use std::cmp::Reverse;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use verbatim_digest::Digest;
use verbatim_document::file::open;
use verbatim_foreign::printable;
use verbatim_oci::{
    json, Descriptor, Error, ErrorKind, LayerMetadata, MediaType, Platform, Runtime,
};

use crate::{streamed, Conflict, FileName, Subject, Sums};
use verbatim_oci::Reference;

/// The form of the document; it changes with every change that a reader could notice.
pub const SCHEMA: &str = "verbatim.sums/1";

/// The largest document that is read entry by entry: a million images, and what their names take.
const MAX_STREAMED: u64 = 512 << 20;

/// The largest one that is read whole.
const MAX_WHOLE: u64 = 256 << 20;

/// The document: canonical JSON and a line feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    schema: Schema,
    /// In the order of the text.
    pub images: Vec<Image>,
    /// In the order of the text.
    pub files: Vec<File>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Schema {
    #[serde(rename = "verbatim.sums/1")]
    V1,
}

/// One image of the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    // In the order of canonical JSON: see `Record::write`.
    /// Of the manifest, or of the index of an image for several platforms.
    pub digest: Digest,
    /// What container engines call the image ID: the digest of the config. An index has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<Digest>,
    /// Of the manifest or index.
    #[serde(rename = "mediaType")]
    pub media_type: MediaType,
    /// What there is for each platform; empty where only a digest was at hand.
    pub platforms: Vec<PlatformImage>,
    /// Under which name it is published.
    pub reference: Reference,
    /// The bytes of the manifest or index.
    pub size: u64,
}

impl Image {
    /// A layer that is encrypted: that its diff_id is that of its content is what somebody says, and
    /// only who has the key can know it.
    pub fn encrypted_layer(&self) -> Option<&LayerMetadata> {
        let mut layers = self.platforms.iter().flat_map(|image| &image.layers);
        layers.find(|layer| layer.media_type.is_encrypted())
    }
}

/// An image of one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformImage {
    // In the order of canonical JSON: see `Record::write`.
    /// The config.
    pub config: Descriptor,
    /// From the bottom to the top.
    pub layers: Vec<LayerMetadata>,
    /// The manifest.
    pub manifest: Descriptor,
    /// As the index names it; in the words of the config where no index does.
    pub platform: Platform,
    /// What of the config decides how the image runs: with it, a config that only tells another
    /// story of the build can be told from one that runs something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Runtime>,
}

/// One file of the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    // In the order of canonical JSON: see `Record::write`.
    /// Of its bytes.
    pub digest: Digest,
    /// Under which name it is published.
    pub name: FileName,
    /// How many they are; unknown where only the sum was at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// The document and the text beside it do not say the same.
#[derive(Debug, thiserror::Error)]
#[error("{json} does not agree with {text}: {what}; make both again with `verbatim sums create`")]
pub struct Disagreement {
    json: String,
    text: String,
    what: String,
}

impl Record {
    /// The document for these images and files, sorted, equal ones once.
    ///
    /// Where one name is given twice with the same digest, the more telling of both is kept.
    pub fn new(mut images: Vec<Image>, mut files: Vec<File>) -> Self {
        let is_in_order = images.is_sorted_by(|a, b| a.reference < b.reference)
            && !images.iter().any(|image| image.reference.has_synonyms());
        if !is_in_order {
            Self::settle(&mut images);
        }
        files.sort_by(|a, b| {
            (&a.name, a.digest, a.size.is_none()).cmp(&(&b.name, b.digest, b.size.is_none()))
        });
        files.dedup_by(|b, a| (&a.name, a.digest) == (&b.name, b.digest));
        Self {
            schema: Schema::V1,
            images,
            files,
        }
    }

    /// Put images into order, and those of one name together.
    fn settle(images: &mut Vec<Image>) {
        // Which of two is kept must not depend on the order in which they were given, nor on how
        // long a name is.
        let telling = |image: &Image| {
            let document = json::to_canonical(image).unwrap_or_default();
            let length = document
                .len()
                .saturating_sub(image.reference.as_str().len());
            (Reverse(length), document)
        };
        images.sort_by(|a, b| {
            let meant = (a.reference.identity(), a.digest).cmp(&(b.reference.identity(), b.digest));
            meant.then_with(|| telling(a).cmp(&telling(b)))
        });
        images.dedup_by(|b, a| {
            let is_same = (a.reference.identity(), a.digest) == (b.reference.identity(), b.digest);
            if is_same && b.reference < a.reference {
                a.reference = b.reference.clone();
            }
            is_same
        });
        images.sort_by(|a, b| (&a.reference, a.digest).cmp(&(&b.reference, b.digest)));
    }

    /// One document of several.
    pub fn merge(records: Vec<Self>) -> Self {
        let mut records = records.into_iter();
        let Some(mut all) = records.next() else {
            return Self::new(Vec::new(), Vec::new());
        };
        for record in records {
            all.images.extend(record.images);
            all.files.extend(record.files);
        }
        Self::new(all.images, all.files)
    }

    /// What it says of an image, under whichever of its names.
    pub fn image(&self, reference: &Reference) -> Option<&Image> {
        let find = |reference: &Reference| {
            let by_name = |image: &Image| image.reference.cmp(reference);
            self.images.get(self.images.binary_search_by(by_name).ok()?)
        };
        find(reference).or_else(|| reference.synonyms().find_map(|other| find(&other)))
    }

    /// What the text beside it says.
    pub fn sums(&self, origin: &str) -> Result<Sums, Conflict> {
        let mut sums = Sums::new();
        sums.add_all(
            self.subjects()
                .map(|(subject, digest)| (subject, digest, origin)),
        )?;
        Ok(sums)
    }

    fn subjects(&self) -> impl Iterator<Item = (Subject, Digest)> + '_ {
        let images = self
            .images
            .iter()
            .map(|image| (Subject::Image(image.reference.clone()), image.digest));
        let files = self
            .files
            .iter()
            .map(|file| (Subject::File(file.name.clone()), file.digest));
        images.chain(files)
    }

    /// The document's bytes, written as they are made: they may be as many as the sums.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        // Entry by entry, because all of them at once take many times the memory of one.
        let mut text = Pieces {
            held: Vec::new(),
            out: &mut out,
        };
        text.held.extend(b"{\"files\":[");
        for (i, file) in self.files.iter().enumerate() {
            // The members of a file stand in canonical order already, and there may be very many files.
            text.entry(i, |held| {
                serde_json::to_writer(held, file).map_err(io::Error::other)
            })?;
        }
        text.held.extend(b"],\"images\":[");
        for (i, image) in self.images.iter().enumerate() {
            text.entry(i, |held| {
                match image.platforms.is_empty() {
                    // As of files: nothing in it has an order of its own.
                    true => serde_json::to_writer(held, image)?,
                    false => held.extend(json::to_canonical(image).map_err(io::Error::other)?),
                }
                Ok(())
            })?;
        }
        text.held.extend(b"],\"schema\":");
        text.held
            .extend(json::to_canonical(&self.schema).map_err(io::Error::other)?);
        text.held.extend(b"}\n");
        text.give()
    }

    /// Entries as a document has them.
    pub(crate) fn of_entries(schema: Schema, images: Vec<Image>, files: Vec<File>) -> Self {
        Self {
            schema,
            images,
            files,
        }
    }

    /// Read the document; `file` is its name in messages.
    pub fn parse(data: &[u8], file: &str) -> verbatim_oci::Result<Self> {
        // What is wrong with it is told by who sees it whole.
        match streamed::read(data) {
            Ok(Some(record)) => Ok(record),
            _ => json::parse(data, file),
        }
    }

    /// Read the document from a file. In the form that [`Record::write`] writes it may be large, as it is
    /// never in memory whole.
    pub fn read(path: &Path) -> verbatim_oci::Result<Self> {
        let failed = |e| Error::io(path.display(), "cannot be read", e);
        let (file, size) = open(path).map_err(failed)?;
        if size > MAX_STREAMED {
            return Err(Error::new(
                ErrorKind::Limit,
                path.display(),
                format!("is larger than {MAX_STREAMED} bytes, the limit for such a document"),
            ));
        }
        if let Some(record) = streamed::read(file.take(size)).map_err(failed)? {
            return Ok(record);
        }
        if size > MAX_WHOLE {
            return Err(Error::new(
                ErrorKind::Limit,
                path.display(),
                format!("is larger than {MAX_WHOLE} bytes, and not as `verbatim sums create` writes it or wrong in an entry; make it again"),
            ));
        }
        json::parse(
            &json::read_file(path, MAX_WHOLE)?,
            &path.display().to_string(),
        )
    }

    /// Check that the document says what the text says, which was read beside it
    /// ([`Reading::Document`](crate::Reading)).
    pub fn check_against(
        &self,
        parsed: &Sums,
        json_file: &str,
        text_file: &str,
    ) -> Result<(), Disagreement> {
        let disagreement = |what: String| Disagreement {
            json: json_file.to_owned(),
            text: text_file.to_owned(),
            what,
        };
        // Both are in the same order, unless somebody else wrote them.
        let mut lines = parsed.iter().enumerate().peekable();
        let mut told = vec![false; parsed.len()];
        for (subject, digest) in self.subjects() {
            let said = loop {
                match lines.peek() {
                    Some((at, (line, digest))) if **line == subject => break Some((*at, *digest)),
                    Some((_, (line, _))) if **line < subject => lines.next(),
                    _ => break parsed.find(&subject),
                };
            };
            match said {
                Some((at, said)) if said == digest => told[at] = true,
                _ => {
                    return Err(disagreement(format!(
                        "the text has no line `{}  {}`",
                        digest.hex(),
                        printable(&subject.to_string())
                    )))
                }
            }
        }
        let untold = parsed.iter().zip(&told).find(|(_, told)| !**told);
        match untold.map(|(line, _)| line) {
            None => Ok(()),
            Some((subject, digest)) => Err(disagreement(format!(
                "the JSON document has nothing for the line `{}  {}`",
                digest.hex(),
                printable(&subject.to_string())
            ))),
        }
    }
}

/// A text that is written in pieces of some size: its entries are many and small.
struct Pieces<'a, W> {
    held: Vec<u8>,
    out: &'a mut W,
}

impl<W: Write> Pieces<'_, W> {
    /// Write one entry of a list.
    fn entry(
        &mut self,
        at: usize,
        write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<()> {
        if at > 0 {
            self.held.push(b',');
        }
        write(&mut self.held)?;
        match self.held.len() < PIECE {
            true => Ok(()),
            false => self.give(),
        }
    }

    fn give(&mut self) -> io::Result<()> {
        self.out.write_all(&self.held)?;
        self.held.clear();
        Ok(())
    }
}

/// So much is written at a time.
const PIECE: usize = 1 << 18;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{text, Reading};

    fn image(reference: &str, content: &[u8]) -> Image {
        Image {
            reference: reference.parse().unwrap(),
            digest: Digest::of(content),
            media_type: MediaType::OCI_MANIFEST,
            size: content.len() as u64,
            image_id: Some(Digest::of(b"config")),
            platforms: Vec::new(),
        }
    }

    fn file(name: &str) -> File {
        File {
            name: name.parse().unwrap(),
            digest: Digest::of(name.as_bytes()),
            size: Some(1),
        }
    }

    fn written(record: &Record) -> Vec<u8> {
        let mut json = Vec::new();
        record.write(&mut json).unwrap();
        json
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let good = String::from_utf8(written(&Record::new(
            vec![image("a.io/a", b"1")],
            vec![file("a")],
        )))
        .unwrap();
        assert!(Record::parse(good.as_bytes(), "j").is_ok());
        for (from, to, place) in [
            (r#""size":1}],"#, r#""size":1,"size":1}],"#, "line 1 column"),
            (r#""mediaType""#, r#""size":2,"mediaType""#, "line 1 column"),
            (
                r#""a.io/a","size":1"#,
                r#""a.io/a","size":-1"#,
                "/images/0/size",
            ),
            (r#""size":1}"#, r#""size":""}"#, "/files/0/size"),
            (
                r#""digest":"sha256:"#,
                r#""digest":"sha256:x"#,
                "/files/0/digest",
            ),
            (r#""images""#, r#""Images""#, "Images"),
            ("}\n", "}x\n", "line 1 column"),
        ] {
            assert!(good.contains(from), "{good}");
            let wrong = good.replacen(from, to, 1);
            let error = Record::parse(wrong.as_bytes(), "j")
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("j") && error.contains(place),
                "{wrong}: {error}"
            );
        }
    }

    #[test]
    fn it_is_sorted_and_says_what_the_text_says() {
        let record = Record::new(
            vec![
                image("b.io/a", b"1"),
                image("a.io/a", b"2"),
                image("b.io/a", b"1"),
            ],
            vec![file("z"), file("a")],
        );
        assert_eq!(record.images.len(), 2);
        assert_eq!(record.images[0].reference.registry(), "a.io");
        let json = written(&record);
        assert_eq!(json, json::to_canonical_line(&record).unwrap());
        assert_eq!(Record::parse(&json, "j").unwrap(), record);
        let sums = text::parse(text::render(&record.sums("j").unwrap()).as_bytes(), "t")
            .unwrap()
            .sums;
        record.check_against(&sums, "j", "t").unwrap();

        let other = Record::new(vec![image("a.io/a", b"2")], vec![file("a"), file("z")]);
        let error = other
            .check_against(&sums, "j", "t")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("has nothing for the line") && error.contains("b.io/a"),
            "{error}"
        );
        let other = Record::new(vec![image("a.io/b", b"2")], vec![]);
        assert!(other.check_against(&sums, "j", "t").is_err());
    }

    #[test]
    fn an_image_of_several_names_is_one() {
        let bare = |reference| Image {
            image_id: None,
            ..image(reference, b"1")
        };
        let telling = image("docker.io/library/x:1", b"1");
        for images in [
            vec![bare("docker.io/x:1"), telling.clone()],
            vec![telling.clone(), bare("docker.io/x:1")],
        ] {
            let record = Record::new(images, vec![]);
            assert_eq!(record.images, [image("docker.io/x:1", b"1")]);
        }
        // A text may write it in another way, and a document all of them.
        let line = |name: &str| format!("{}  {name}\n", Digest::of(b"1").hex());
        for name in ["docker.io/x:1", "index.docker.io/library/x:1"] {
            let record = Record::new(vec![telling.clone()], vec![]);
            for reading in [Reading::Form, Reading::Files(Some(&record))] {
                let text = line(name);
                let parsed = text::parse_as(text.as_bytes(), "t", reading).unwrap();
                record.check_against(&parsed.sums, "j", "t").unwrap();
                assert_eq!(text::render(&parsed.sums), text);
                assert_eq!(parsed.deviations, []);
            }
        }
        let twice = Record {
            images: vec![image("docker.io/x:1", b"1"), telling],
            ..Record::new(vec![], vec![])
        };
        let text = line("a.io/a") + &line("docker.io/x:1");
        let sums = text::parse(text.as_bytes(), "t").unwrap().sums;
        let error = twice.check_against(&sums, "j", "t").unwrap_err();
        assert!(error.to_string().contains("a.io/a"), "{error}");
    }

    #[test]
    fn files_are_canonical_whatever_their_names() {
        let names = ["\u{e9}", "\u{202e}", "\u{2028}", "\"' \\.txt"];
        let record = Record::new(vec![], names.map(file).into());
        assert_eq!(written(&record), json::to_canonical_line(&record).unwrap());
    }

    #[test]
    fn a_host_without_a_dot_is_an_image_all_the_same() {
        let record = Record::new(vec![image("registry/app", b"1")], vec![]);
        let text = text::render(&record.sums("j").unwrap());
        let sums = text::parse_as(text.as_bytes(), "t", Reading::Document(&record))
            .unwrap()
            .sums;
        record.check_against(&sums, "j", "t").unwrap();
        assert!(matches!(sums.iter().next(), Some((Subject::Image(_), _))));
    }
}
