//! What refers to a manifest: signatures, attestations and other artifacts (distribution
//! specification, "Listing Referrers" and "Referrers Tag Schema"; cosign's tags).
//!
//! A list is somebody's word: what it names is fetched by digest, and must itself say what it is
//! about.

use verbatim_digest::Digest;
use verbatim_net::Url;
use verbatim_oci::attached::{referrers_tag, CosignTag};
use verbatim_oci::{Descriptor, Document, Index};

use crate::client::Client;
use crate::error::{document_error, Error, ErrorKind};
use crate::manifest::Manifest;
use crate::name::{Repository, Which};

/// More things than these refer to nothing that anyone verifies.
const MAX_REFERRERS: usize = 10_000;

impl Client {
    /// What refers to a manifest, as the registry lists it. A registry without that list is
    /// asked for the tag that stands for it.
    pub async fn referrers(
        &self,
        repository: &Repository,
        subject: Digest,
    ) -> Result<Vec<Descriptor>, Error> {
        let candidates = self.candidates(repository)?;
        let first = candidates.first().unwrap_or(repository);
        if let Some(listed) = self.listed_referrers(first, subject).await? {
            return Ok(listed);
        }
        let which = Which::Tag(referrers_tag(&subject));
        let Some(manifest) = found(self.manifest(repository, &which).await)? else {
            return Ok(Vec::new());
        };
        let url = self.url(&manifest.from, &format!("manifests/{which}"))?;
        Ok(parse_index(&url, &manifest.bytes)?.manifests)
    }

    /// The same of a registry that has the list; `None` where it has none. No mirror is asked.
    pub(crate) async fn listed_referrers(
        &self,
        repository: &Repository,
        subject: Digest,
    ) -> Result<Option<Vec<Descriptor>>, Error> {
        let url = self.url(repository, &format!("referrers/{subject}"))?;
        let mut found = Vec::new();
        let listed = self
            .pages(repository, url, "the list of referrers", |url, data| {
                found.extend(parse_index(url, data)?.manifests);
                if found.len() > MAX_REFERRERS {
                    return Err(Error::broken(
                        url,
                        format!("more than {MAX_REFERRERS} things refer to {subject}, the limit"),
                    ));
                }
                Ok(found.len())
            })
            .await;
        match listed {
            Ok(()) => Ok(Some(found)),
            Err(error) if knows_no_list(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A manifest that a list of referrers names: its bytes, and what they say. `None` if it says
    /// itself that it is about something else, or about nothing.
    pub async fn referrer(
        &self,
        repository: &Repository,
        subject: Digest,
        listed: &Descriptor,
    ) -> Result<Option<(Manifest, Document)>, Error> {
        let which = Which::Digest(listed.digest);
        let manifest = self.manifest(repository, &which).await?;
        let name = format!("{repository}@{}", listed.digest);
        let document =
            Document::parse(&manifest.bytes, &name).map_err(|e| document_error(&name, e))?;
        let own = document.subject().map(|own| own.digest);
        Ok((own == Some(subject)).then_some((manifest, document)))
    }

    /// What cosign attached to a manifest under a tag of its own.
    pub(crate) async fn cosign_tag(
        &self,
        repository: &Repository,
        subject: &Digest,
        tag: CosignTag,
    ) -> Result<Option<Manifest>, Error> {
        let which = Which::Tag(tag.tag(subject));
        found(self.manifest(repository, &which).await)
    }
}

/// That something is not there is no failure.
pub(crate) fn found<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What registries answer that were made before there was the list, or that refuse it.
fn knows_no_list(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound || matches!(error.status(), Some(400 | 405 | 406 | 501))
}

fn parse_index(url: &Url, data: &[u8]) -> Result<Index, Error> {
    Index::parse(data, &url.to_string()).map_err(|e| document_error(&url.to_string(), e))
}
