//! What was released: the sums, who signed them, and the document beside them.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use verbatim_digest::Digest;
use verbatim_foreign::{printable, printable_path};
use verbatim_oci::json;
use verbatim_oci::Reference;
use verbatim_sums::record::Image;
use verbatim_sums::text::{self, Parsed};
use verbatim_sums::{FileName, Reading, Record, Subject, Sums};
use verbatim_verify::served::Expected;
use verbatim_verify::signature::{self, Input, Signed};
use verbatim_verify::{Finding, Judgement, Verdict};

use super::Options;
use crate::outcome::{unchecked, Unchecked};
use crate::sums_file::{read_record, read_text};

/// What was released.
pub(super) struct Release {
    pub(super) name: String,
    pub(super) sums: Sums,
    pub(super) record: Option<Record>,
    /// That the list was signed, where a key was given.
    pub(super) signed: Option<Finding>,
    pub(super) notes: Vec<String>,
}

impl Release {
    /// The release, or what is wrong with its signature.
    pub(super) fn read(options: &Options) -> anyhow::Result<Result<Self, Finding>> {
        let (data, name) = read_text(&options.sums)?;
        let mut signed = None;
        if let Some(key) = &options.key {
            match check_signature(options, key, &data, &name)? {
                Ok(good) => signed = Some(good),
                Err(why) => {
                    let judgement = Judgement::because(Verdict::Different, why);
                    return Ok(Err(Finding::new(
                        name,
                        None,
                        Some(Digest::of(&data)),
                        judgement,
                    )));
                }
            }
        }
        let mut notes = Vec::new();
        let (parsed, record) = parse(options, &data, &name, signed.is_some(), &mut notes)?;
        for deviation in parsed.deviations.iter().take(3) {
            notes.push(format!("{name}, {deviation}"));
        }
        match parsed.deviations.len().saturating_sub(3) {
            0 => {}
            1 => notes.push(format!("{name}: and 1 more line like these")),
            more => notes.push(format!("{name}: and {more} more lines like these")),
        }
        let signed = signed.map(|signed| {
            let own = Some(Digest::of(&data));
            let judgement = match signed.subject {
                None => {
                    Judgement::because(Verdict::Identical, format!("signed ({})", signed.by))
                }
                // Whoever wrote the list may have given the file another name.
                Some(digest) => Judgement::because(
                    Verdict::Unchecked,
                    format!(
                        "what is signed ({}) is not the list but the one file that it names, {digest}: nobody vouches for its name; sign the list, or check the signature of the file itself",
                        signed.by
                    ),
                ),
            };
            Finding::new(name.clone(), own, own, judgement)
        });
        Ok(Ok(Self {
            name,
            sums: parsed.sums,
            record,
            signed,
            notes,
        }))
    }

    /// The images and the files.
    pub(super) fn split(&self) -> (Vec<Expected>, Vec<(FileName, Digest)>) {
        let (mut images, mut files) = (Vec::new(), Vec::new());
        for (subject, digest) in self.sums.iter() {
            match subject {
                Subject::Image(reference) => images.push(Expected {
                    reference: reference.clone(),
                    digest,
                    image: image_of(self.record.as_ref(), reference),
                }),
                Subject::File(name) => files.push((name.clone(), digest)),
            }
        }
        (images, files)
    }
}

/// The list, and the document beside it where that may be used.
fn parse(
    options: &Options,
    data: &[u8],
    name: &str,
    signed: bool,
    notes: &mut Vec<String>,
) -> anyhow::Result<(Parsed, Option<Record>)> {
    fn reading<'a>(options: &Options, record: Option<&'a Record>) -> Reading<'a> {
        match (options.files.is_some(), record) {
            (true, record) => Reading::Files(record),
            (false, Some(record)) => Reading::Document(record),
            (false, None) => Reading::Form,
        }
    }
    let mut tagged = None;
    if let Some((record, json)) = read_record(&options.sums)? {
        if signed {
            // It names digests that the text does not, and nobody signed them. But a name with
            // a tag is that of no file, and without the document nothing would say so.
            notes.push(format!(
                "{json} is not used: the signature does not cover it"
            ));
            let mut images = record.images;
            images.retain(|image| image.reference.tag().is_some());
            tagged = Some(Record::new(images, Vec::new()));
        } else if let Ok(parsed) = text::parse_as(data, name, reading(options, Some(&record))) {
            match record.check_against(&parsed.sums, &json, name) {
                Ok(()) => return Ok((parsed, Some(record))),
                Err(disagreement) => notes.push(format!("it is not used: {disagreement}")),
            }
        }
    }
    let tagged = tagged.as_ref().filter(|_| options.files.is_some());
    Ok((text::parse_as(data, name, reading(options, tagged))?, None))
}

pub(super) fn image_of(record: Option<&Record>, reference: &Reference) -> Option<Image> {
    let image = record?.image(reference)?;
    Some(image.clone()).filter(|image| !image.platforms.is_empty())
}

/// The digest of the only line, before anything else of the text is believed.
fn single_digest(data: &[u8]) -> Option<Digest> {
    let text = std::str::from_utf8(data).ok()?.trim_end_matches('\n');
    let hex = text.get(..64).filter(|_| !text.contains('\n'))?;
    Digest::from_hex(hex).ok()
}

/// Who signed the sums, or why nobody that is trusted did.
fn check_signature(
    options: &Options,
    key: &str,
    data: &[u8],
    name: &str,
) -> anyhow::Result<Result<Signed, String>> {
    let (path, signature_data) = match &options.signature {
        Some(path) => (path.clone(), json::read_handed(path, signature::MAX_FILE)),
        // Nobody named it: a pipe of this name would be waited for without end.
        None => {
            let path = beside_signature(&options.sums)?;
            let data = json::read_file(&path, signature::MAX_FILE);
            (path, data)
        }
    };
    let signature_data = signature_data.map_err(unchecked)?;
    let key_path = Path::new(key);
    let inline = !key_path.exists()
        && (key.starts_with("RW") || key.starts_with("ssh-") || key.starts_with("ecdsa-"));
    let (key_data, key_name) = if inline {
        (key.as_bytes().to_vec(), "on the command line".to_owned())
    } else {
        (
            json::read_handed(key_path, signature::MAX_FILE).map_err(unchecked)?,
            printable(key).into_owned(),
        )
    };
    let signed = signature::check(
        Input { data, file: name },
        single_digest(data),
        Input {
            data: &key_data,
            file: &key_name,
        },
        Input {
            data: &signature_data,
            file: &printable_path(&path),
        },
        &options.ssh_namespace,
    );
    match signed {
        Ok(signed) => Ok(Ok(signed)),
        Err(error @ signature::Error::Bad { .. }) => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn beside_signature(sums: &Path) -> anyhow::Result<PathBuf> {
    if sums != Path::new("-") {
        for ending in [".sig", ".minisig", ".sign", ".bundle", ".sigstore.json"] {
            let mut name = sums.as_os_str().to_owned();
            name.push(ending);
            let path = PathBuf::from(name);
            if path.exists() {
                return Ok(path);
            }
        }
    }
    Err(anyhow!(
        "there is no signature beside {}; name it with --signature=FILE",
        printable_path(sums)
    )
    .context(Unchecked))
}
