//! Blobs: streamed, hashed on the way, resumed after a cut (distribution specification,
//! "Pulling blobs").

use std::io;

use bytes::{Buf, Bytes};
use http::header::{self, HeaderValue};
use http::StatusCode;
use verbatim_digest::{Digest, Hasher};
use verbatim_foreign::excerpt;
use verbatim_net::{Answer, Body, Call, Url, Waiting};
use verbatim_oci::Descriptor;

use crate::client::Client;
use crate::error::Error;
use crate::manifest::worse;
use crate::name::Repository;
use crate::scope;

/// A blob that is coming.
///
/// Its bytes are handed out before they are known to be right: they are good only when
/// [`BlobStream::chunk`] has returned `None`, which it does only if size and digest are the
/// ones that were asked for. A connection that is cut is taken up where it ended.
pub struct BlobStream {
    client: Client,
    call: Call,
    digest: Digest,
    size: Option<u64>,
    limit: u64,
    from: Repository,
    body: Option<Body>,
    /// Where the body came from, for messages.
    url: Url,
    hasher: Hasher,
    got: u64,
    /// Bytes that come again after a server ignored the range.
    skip: u64,
    attempt: u32,
    /// What was there when `attempt` was last 1.
    mark: u64,
    done: bool,
}

impl Client {
    /// Begin to fetch a blob.
    ///
    /// How many streams are open at a time is up to who opens them.
    pub async fn blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
    ) -> Result<BlobStream, Error> {
        self.blob_by_digest(repository, blob.digest, Some(blob.size), u64::MAX)
            .await
    }

    /// Begin to fetch a blob of which perhaps the digest alone is known. More than `limit`
    /// bytes are an error.
    pub(crate) fn blob_by_digest<'a>(
        &'a self,
        repository: &'a Repository,
        digest: Digest,
        size: Option<u64>,
        limit: u64,
    ) -> Waiting<'a, Result<BlobStream, Error>> {
        Box::pin(async move {
            let mut failure = None;
            for candidate in self.candidates(repository)? {
                match self.open_blob(&candidate, digest, size, limit).await {
                    Ok(stream) => return Ok(stream),
                    Err(error) => failure = Some(worse(failure, error)),
                }
            }
            Err(failure
                .unwrap_or_else(|| Error::options(format!("{repository}: no mirror is given"))))
        })
    }

    /// A small blob whole, such as a config. More than `limit` bytes are an error.
    pub async fn blob_bytes(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        limit: u64,
    ) -> Result<Vec<u8>, Error> {
        let mut stream = self
            .blob_by_digest(repository, blob.digest, Some(blob.size), limit)
            .await?;
        let mut data = Vec::new();
        while let Some(chunk) = stream.chunk().await? {
            data.extend_from_slice(&chunk);
        }
        Ok(data)
    }

    async fn open_blob(
        &self,
        repository: &Repository,
        digest: Digest,
        size: Option<u64>,
        limit: u64,
    ) -> Result<BlobStream, Error> {
        let url = self.url(repository, &format!("blobs/{digest}"))?;
        if size.is_some_and(|size| size > limit) {
            return Err(too_large(&url, limit));
        }
        let call = scope::read(repository, url);
        let answer = {
            let _permit = self.permit().await;
            self.send(&call).await?
        };
        let mut stream = BlobStream {
            client: self.clone(),
            call,
            digest,
            size,
            limit,
            from: repository.clone(),
            url: answer.url.clone(),
            body: None,
            hasher: Hasher::new(),
            got: 0,
            skip: 0,
            attempt: 1,
            mark: 0,
            done: false,
        };
        stream.accept(answer)?;
        Ok(stream)
    }
}

fn too_large(url: &Url, limit: u64) -> Error {
    Error::too_large(url, "the blob", limit)
}

impl BlobStream {
    /// The digest that the bytes must have.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How many bytes there will be, as far as that is known.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Where it comes from: a mirror, or the repository itself.
    pub fn source(&self) -> &Repository {
        &self.from
    }

    /// The next bytes; `None` when all have come and are the ones that were asked for.
    pub fn chunk(&mut self) -> Waiting<'_, Result<Option<Bytes>, Error>> {
        Box::pin(async move {
            while !self.done {
                let piece = match &mut self.body {
                    Some(body) => body.chunk().await.map_err(Error::from),
                    None => Err(Error::unreachable(&self.url, "the connection is gone")),
                };
                match piece {
                    Ok(Some(mut data)) => {
                        let again = self.skip.min(data.len() as u64);
                        data.advance(again as usize);
                        self.skip -= again;
                        if data.is_empty() {
                            continue;
                        }
                        self.got += data.len() as u64;
                        if self.size.is_some_and(|size| self.got > size) {
                            return Err(self.fail(Error::broken(
                                &self.url,
                                format!(
                                    "more bytes come than the {} that the blob has",
                                    self.size.unwrap_or(0)
                                ),
                            )));
                        }
                        if self.got > self.limit {
                            return Err(self.fail(too_large(&self.url, self.limit)));
                        }
                        self.hasher.update(&data);
                        return Ok(Some(data));
                    }
                    Ok(None) if self.size.is_none_or(|size| self.got == size) => self.finish()?,
                    // The end of a body without a length may be a cut.
                    Ok(None) => {
                        let why = format!(
                            "the connection was cut after {} of {} bytes",
                            self.got,
                            self.size.unwrap_or(0)
                        );
                        self.resume(Error::unreachable(&self.url, why)).await?;
                    }
                    Err(_) if self.size == Some(self.got) => self.finish()?,
                    Err(error) => self.resume(error).await?,
                }
            }
            Ok(None)
        })
    }

    fn fail(&mut self, error: Error) -> Error {
        self.body = None;
        self.attempt = u32::MAX;
        error
    }

    fn finish(&mut self) -> Result<(), Error> {
        let actual = std::mem::take(&mut self.hasher).finish();
        if actual != self.digest {
            let error = Error::WrongDigest {
                url: self.url.to_string(),
                expected: self.digest,
                actual,
                hint: None,
            };
            return Err(self.fail(error));
        }
        self.done = true;
        self.body = None;
        Ok(())
    }

    /// Take a cut blob up again where it ended.
    async fn resume(&mut self, error: Error) -> Result<(), Error> {
        let retries = self.client.options().http.retries.clone();
        self.body = None;
        if self.attempt != u32::MAX && self.got - self.mark >= retries.progress {
            self.mark = self.got;
            self.attempt = 1;
        }
        let mut error = error;
        loop {
            if self.attempt >= retries.attempts || !error.is_transient() {
                return Err(self.fail(error));
            }
            self.attempt += 1;
            self.client
                .pause(&self.call.url, &error, self.attempt, retries.attempts)
                .await;
            let mut call = self.call.clone();
            call.attempts = Some(1);
            if self.got > 0 {
                let range = HeaderValue::from_str(&format!("bytes={}-", self.got))
                    .map_err(|e| Error::broken(&self.url, e.to_string()))?;
                call = call.with(header::RANGE, range);
            }
            match self.client.send(&call).await {
                Ok(answer) => {
                    return self.accept(answer).map_err(|error| self.fail(error));
                }
                Err(failed) => error = failed,
            }
        }
    }

    /// Take the body of an answer, if it is the rest of this blob.
    fn accept(&mut self, answer: Answer) -> Result<(), Error> {
        let url = answer.url.clone();
        let length = answer
            .header(header::CONTENT_LENGTH)
            .and_then(|value| value.parse::<u64>().ok());
        let expected = match answer.status {
            StatusCode::PARTIAL_CONTENT if self.got > 0 => {
                let range = answer.header(header::CONTENT_RANGE).unwrap_or_default();
                let (start, total) = content_range(range).ok_or_else(|| {
                    Error::broken(
                        &url,
                        format!(
                            "it sends a part of the blob and says `{}` of which",
                            excerpt(range, 100)
                        ),
                    )
                })?;
                if start != self.got
                    || (total.is_some() && self.size.is_some() && total != self.size)
                {
                    return Err(Error::broken(
                        &url,
                        format!(
                            "asked for the blob from byte {}, it sends `{}`",
                            self.got,
                            excerpt(range, 100)
                        ),
                    ));
                }
                self.skip = 0;
                self.size.map(|size| size - self.got)
            }
            StatusCode::OK => {
                self.skip = self.got;
                self.size
            }
            status => {
                return Err(Error::broken(
                    &url,
                    format!("it answers {status} where a blob must come"),
                ))
            }
        };
        if let Some(length) = length {
            if let Some(expected) = expected.filter(|expected| *expected != length) {
                return Err(Error::broken(
                    &url,
                    format!("it announces {length} bytes, and the blob that was asked for has {expected}"),
                ));
            }
            if self.size.is_none() {
                let size = if self.skip > 0 {
                    length
                } else {
                    length.saturating_add(self.got)
                };
                if size > self.limit {
                    return Err(too_large(&url, self.limit));
                }
                self.size = Some(size);
            }
        }
        self.url = url;
        self.body = Some(answer.body);
        Ok(())
    }

    /// The same as a reader for code that blocks; to be used off the runtime's own threads.
    pub fn into_reader(self, runtime: tokio::runtime::Handle) -> BlobReader {
        BlobReader {
            stream: self,
            runtime,
            rest: Bytes::new(),
        }
    }
}

/// `bytes START-END/TOTAL` (RFC 9110, section 14.4).
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (start, end) = range.split_once('-')?;
    let (start, end): (u64, u64) = (start.parse().ok()?, end.parse().ok()?);
    let total = match total {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    (start <= end && total.is_none_or(|total: u64| end < total)).then_some((start, total))
}

/// A blob as a reader; its end is an error unless size and digest are right.
pub struct BlobReader {
    stream: BlobStream,
    runtime: tokio::runtime::Handle,
    rest: Bytes,
}

impl io::Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            match self.runtime.block_on(self.stream.chunk()) {
                Ok(Some(data)) => self.rest = data,
                Ok(None) => return Ok(0),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        let n = self.rest.len().min(buffer.len());
        self.rest.copy_to_slice(&mut buffer[..n]);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        for text in [
            "",
            "bytes 5-9",
            "bytes 9-5/10",
            "bytes 5-10/10",
            "bytes -5/10",
            "items 1-2/3",
            "bytes */10",
        ] {
            assert_eq!(content_range(text), None, "{text}");
        }
    }
}
