//! What is said of pushed images goes with them: statements, signed here and attached.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::bail;
use serde::Serialize;
use tokio::runtime::Runtime;
use verbatim_attest::attach::{Attachment, Attestation, Form};
use verbatim_attest::{Known, Statement};
use verbatim_digest::Digest;
use verbatim_foreign::printable_path;
use verbatim_oci::{Descriptor, Document, MediaType};
use verbatim_registry::{Client, Pushed, Target, Which};
use verbatim_signature::documents::{self, MAX_DOCUMENT};
use verbatim_signature::dsse::{Envelope, IN_TOTO};
use verbatim_signature::{Content, Document as Signed};

use crate::attaching::{push, Done};
use crate::handed::handed;
use crate::registry_options::failed;
use crate::signing::private_key;

/// What is attached to what is pushed.
#[derive(Debug, clap::Args)]
pub(super) struct AttestOptions {
    /// Sign this in-toto statement with --key, and attach it to each image that was pushed and is a subject of it, or to the
    /// images in an index that are; can be given several times. Of statements, each must be about one of them.
    #[arg(long, value_name = "STATEMENT", requires = "key")]
    attest: Vec<PathBuf>,
    /// The private key that signs statements (PEM). The password of a key of cosign's is in COSIGN_PASSWORD.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// Statements that were signed, with the digests of their subjects.
pub(super) struct Statements(Vec<(Signed, BTreeSet<Digest>)>);

/// What was attached to what.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attached {
    /// By its digest.
    pub(super) reference: String,
    /// `attached` or `unchanged`; `different` if the registry serves something else.
    pub(super) verdict: &'static str,
    /// Of each attestation.
    pub(super) predicate_types: Vec<String>,
}

impl AttestOptions {
    /// Sign the statements, before anything is sent. A key alone says nothing: a build rule may have no statement.
    pub(super) fn signed(&self, digests: &BTreeSet<Digest>) -> anyhow::Result<Statements> {
        let Some(key) = self.key.as_ref().filter(|_| !self.attest.is_empty()) else {
            return Ok(Statements(Vec::new()));
        };
        let key = private_key(key)?;
        let mut signed = Vec::new();
        for path in &self.attest {
            let (data, name) = handed(path, MAX_DOCUMENT)?;
            documents::statement(&data, &name)?;
            let statement = Statement::parse(data.clone(), &name)?;
            let subjects = statement.subjects.iter();
            let subjects: BTreeSet<_> = subjects.filter_map(|one| one.digests.sha256).collect();
            if subjects.is_disjoint(digests) {
                bail!(
                    "--attest {}: is about none of the images; state how these were built, and nothing else",
                    printable_path(path)
                );
            }
            let content = Content::Envelope(Envelope::sign(IN_TOTO, data, &key));
            signed.push((Signed { name, content }, subjects));
        }
        Ok(Statements(signed))
    }
}

impl Statements {
    /// Attach them to what the registry serves now.
    pub(super) fn attach(
        &self,
        pushed: &[Pushed],
        client: &Client,
        runtime: &Runtime,
    ) -> anyhow::Result<Vec<Attached>> {
        let mut done = Vec::new();
        let mut seen = BTreeSet::new();
        for one in pushed.iter().filter(|_| !self.0.is_empty()) {
            let target = one.reference.parse::<Target>()?.sibling(one.digest)?;
            let repository = target.repository();
            let mut waiting = vec![one.digest];
            while let Some(digest) = waiting.pop() {
                // Two tags of one image are one image.
                if !seen.insert((repository.to_string(), digest)) {
                    continue;
                }
                let which = Which::Digest(digest);
                let served = client.manifest(&repository, &which);
                let served = runtime.block_on(served).map_err(failed)?;
                let name = format!("{repository}@{digest}");
                if let Document::Index(index) = Document::parse(&served.bytes, &name)? {
                    let images = index.manifests.iter().filter(|image| image.may_be_image());
                    waiting.extend(images.map(|image| image.digest));
                }
                let image = Descriptor::of(MediaType::new(served.media_type), &served.bytes);
                let known = Known::of(&served.bytes);
                let about = self
                    .0
                    .iter()
                    .filter(|(_, subjects)| subjects.contains(&digest));
                let about = about.map(|(signed, _)| Attestation::about(signed.clone(), &known));
                let about = about.collect::<Result<Vec<_>, _>>()?;
                if about.is_empty() {
                    continue;
                }
                let attachment = Attachment::new(&about, &image, Form::Bundle)?;
                let target = target.sibling(digest)?;
                let end = runtime.block_on(push(client, &target, &image, attachment))?;
                if let Done::Wrong(sentences) = &end {
                    for sentence in sentences {
                        eprintln!("verbatim: {}", verbatim_foreign::printable(sentence));
                    }
                }
                let types = about.iter().map(|one| one.predicate_type().to_owned());
                done.push(Attached {
                    reference: name,
                    verdict: end.verdict(),
                    predicate_types: types.collect(),
                });
            }
        }
        Ok(done)
    }
}
