//! Manifests: fetched by tag or digest, believed by their bytes (distribution
//! specification, "Pulling manifests").

use http::header::{self, HeaderName, HeaderValue};
use serde::Deserialize;
use verbatim_digest::Digest;
use verbatim_foreign::excerpt;
use verbatim_net::{Call, Waiting};

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::name::{Repository, Which};
use crate::scope;

/// The kinds of manifests that are understood; a registry converts to none of them.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.artifact.manifest.v1+json";

/// What a registry says that the digest of its answer is.
pub(crate) const DOCKER_CONTENT_DIGEST: HeaderName =
    HeaderName::from_static("docker-content-digest");

/// A manifest or an index as it was served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Recomputed from the bytes.
    pub digest: Digest,
    /// What the document says it is; what the registry says, where it says nothing.
    pub media_type: String,
    /// The document, to the byte.
    pub bytes: Vec<u8>,
    /// Where it came from: a mirror, or the repository itself.
    pub from: Repository,
}

impl Client {
    /// Fetch a manifest or an index of at most [`crate::Limits::manifest`] bytes.
    ///
    /// Asked for by digest, anything but the very bytes is [`Error::WrongDigest`].
    pub fn manifest<'a>(
        &'a self,
        repository: &'a Repository,
        which: &'a Which,
    ) -> Waiting<'a, Result<Manifest, Error>> {
        Box::pin(async move {
            let _permit = self.permit().await;
            let mut failure = None;
            for candidate in self.candidates(repository)? {
                match self.manifest_of(&candidate, which).await {
                    Ok(manifest) => return Ok(manifest),
                    Err(error) => failure = Some(worse(failure, error)),
                }
            }
            Err(failure
                .unwrap_or_else(|| Error::options(format!("{repository}: no mirror is given"))))
        })
    }

    pub(crate) async fn manifest_of(
        &self,
        repository: &Repository,
        which: &Which,
    ) -> Result<Manifest, Error> {
        let url = self.url(repository, &format!("manifests/{which}"))?;
        let call =
            scope::read(repository, url).with(header::ACCEPT, HeaderValue::from_static(ACCEPT));
        let retries = self.options().http.retries.attempts.max(1);
        let mut attempt = 1;
        loop {
            let error = match self.try_manifest(&call, repository, which).await {
                Ok(manifest) => return Ok(manifest),
                // A document that was cut is fetched again; what `send` gave up is not.
                Err((error, true)) if attempt < retries && error.is_transient() => error,
                Err((error, _)) => return Err(error),
            };
            attempt += 1;
            self.pause(&call.url, &error, attempt, retries).await;
        }
    }

    /// The manifest, or why not, and whether that happened while the document came.
    async fn try_manifest(
        &self,
        call: &Call,
        repository: &Repository,
        which: &Which,
    ) -> Result<Manifest, (Error, bool)> {
        let mut answer = self.send(call).await.map_err(|e| (e, false))?;
        answer
            .must_be_whole("a manifest")
            .map_err(|e| (e.into(), false))?;
        let limit = self.options().limits.manifest;
        let bytes = answer
            .body
            .whole("the manifest", limit)
            .await
            .map_err(|e| (e.into(), true))?;
        let digest = Digest::of(&bytes);
        if let Which::Digest(expected) = which {
            if digest != *expected {
                let hint = answer
                    .header(DOCKER_CONTENT_DIGEST)
                    .map(|claimed| excerpt(claimed, 100));
                let error = Error::WrongDigest {
                    url: answer.url.to_string(),
                    expected: *expected,
                    actual: digest,
                    hint,
                };
                return Err((error, false));
            }
        }
        let own = own_media_type(&bytes).map_err(|why| {
            (
                Error::broken(
                    &answer.url,
                    format!("a manifest must be there, and it {why}"),
                ),
                false,
            )
        })?;
        let claimed = answer.header(header::CONTENT_TYPE).map(|value| {
            value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned()
        });
        Ok(Manifest {
            digest,
            media_type: own.or(claimed).unwrap_or_default(),
            bytes,
            from: repository.clone(),
        })
    }
}

/// The `mediaType` of a document. It is in the bytes that the digest is about, a header is not.
fn own_media_type(bytes: &[u8]) -> Result<Option<String>, String> {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(default, rename = "mediaType")]
        media_type: Option<String>,
    }
    if bytes.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err("is no JSON object".into());
    }
    serde_json::from_slice::<Typed>(bytes)
        .map(|typed| typed.media_type)
        .map_err(|e| format!("is not JSON of one: {}", excerpt(&e.to_string(), 200)))
}

/// Of two failures the one to report: that something is not there only if all say so.
pub(crate) fn worse(before: Option<Error>, error: Error) -> Error {
    match before {
        Some(before) if before.kind() != ErrorKind::NotFound => before,
        _ => error,
    }
}
