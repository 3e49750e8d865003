//! One blob into one repository (distribution specification, "Pushing blobs").

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{self, HeaderValue};
use http::{Method, StatusCode};
use verbatim_digest::Digest;
use verbatim_foreign::excerpt;
use verbatim_net::{Answer, Call, Payload, Scheme, Url};

use super::feed::{not_had, nowhere, Feed};
use super::image::{Blob, Source};
use super::Push;
use crate::error::{Error, ErrorKind};
use crate::name::Repository;
use crate::scope;

/// A registry that hashes what it has got is given this many bytes a second.
const HASHING: u64 = 20 << 20;

/// What a registry does when it is asked to mount.
pub(crate) enum Mount {
    /// The blob is there.
    Done,
    /// It began an upload instead.
    Begun(Session),
    /// Neither.
    Declined,
}

/// An upload that has begun.
pub(crate) struct Session {
    location: Url,
    /// Bytes that the registry has.
    offset: u64,
    /// Whether it was taken up after a failure.
    resumed: bool,
}

impl Session {
    fn new(location: Url) -> Self {
        Self {
            location,
            offset: 0,
            resumed: false,
        }
    }
}

impl Push {
    /// Whether a repository has a blob.
    pub(crate) async fn has(&self, repository: &Repository, digest: Digest) -> Result<bool, Error> {
        let url = self.client.url(repository, &format!("blobs/{digest}"))?;
        // One token does for all that follows.
        let mut call = if self.options.dry_run {
            scope::read(repository, url)
        } else {
            scope::write(Method::HEAD, repository, url)
        };
        call.method = Method::HEAD;
        let _permit = self.client.permit().await;
        match self.client.send(&call).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Ask the registry to take a blob from another of its repositories. A registry may
    /// decline for any reason, which is no error.
    pub(crate) async fn mount(&self, to: &Repository, digest: Digest, from: &Repository) -> Mount {
        if from.registry != to.registry || from == to {
            return Mount::Declined;
        }
        let Ok(url) = self.client.url(to, "blobs/uploads/") else {
            return Mount::Declined;
        };
        let url = url
            .with_query("mount", &digest.to_string())
            .with_query("from", &from.name);
        let grants = vec![scope::push(to), scope::pull(from)];
        let mut call = scope::write(Method::POST, to, url);
        call.scope = Some(scope::scope(to, grants));
        let _permit = self.client.permit().await;
        match self.client.send(&call).await {
            Ok(answer) if answer.status == StatusCode::CREATED => Mount::Done,
            Ok(answer) => match self.location(to, &answer) {
                Ok(location) => Mount::Begun(Session::new(location)),
                Err(_) => Mount::Declined,
            },
            Err(_) => Mount::Declined,
        }
    }

    /// End an upload that will not be used. If that fails, the registry ends it in time.
    pub(crate) async fn forget(&self, repository: &Repository, session: &Session) {
        let call = self.upload_call(Method::DELETE, repository, &session.location);
        let _ = self.client.send(&call).await;
    }

    /// Where the bytes of a blob come from that is about to be sent: what is not at hand may be
    /// further away.
    pub(crate) async fn found(&self, blob: &Arc<Blob>) -> Result<Arc<Blob>, Error> {
        if blob.source.is_here() {
            return Ok(Arc::clone(blob));
        }
        let Some(further) = blob.further.clone() else {
            return match blob.elsewhere.is_empty() {
                true => Err(nowhere(blob)),
                false => Ok(Arc::clone(blob)),
            };
        };
        let source = Source::Further(further.clone());
        let wanted = blob.descriptor.clone();
        let last = blob.elsewhere.is_empty();
        let asked = tokio::task::spawn_blocking(move || match further.0.has(&wanted) {
            true => Ok(true),
            // It says best itself why not.
            false if last => further
                .0
                .open(&wanted.digest, Some(wanted.size))
                .map(|_| true),
            false => Ok(false),
        });
        let there = asked
            .await
            .map_err(|e| Error::local("a task of the push ended", e.into()))?
            .map_err(|e| not_had(blob, e))?;
        let mut blob = Arc::clone(blob);
        if there {
            Arc::make_mut(&mut blob).source = source;
        }
        Ok(blob)
    }

    /// Send a blob; what was cut is taken up where it ended.
    pub(crate) async fn upload(
        &self,
        repository: &Repository,
        blob: &Arc<Blob>,
        begun: Option<Session>,
    ) -> Result<(), Error> {
        let blob = &self.found(blob).await?;
        blob.check_size()?;
        let _turn = self.uploads.acquire().await;
        let feed = Feed::new(
            &self.client,
            Arc::clone(blob),
            Arc::clone(&self.options.progress),
        );
        let retries = self.client.options().http.retries.clone();
        let url = self.client.url(repository, "blobs/uploads/")?;
        // A stream from elsewhere cannot be read from the middle without its beginning.
        let mut pieces = blob.source.is_here() && blob.descriptor.size > self.options.chunk;
        let mut session = begun;
        let mut fresh = session.is_some();
        let mut attempt = 1;
        let mut mark = 0;
        loop {
            let error = match self
                .try_upload(repository, blob, &feed, &mut session, pieces, fresh)
                .await
            {
                Ok(()) => {
                    feed.finish();
                    return Ok(());
                }
                Err(error) => error,
            };
            if let Some(failure) = feed.failure() {
                return Err(failure);
            }
            fresh = false;
            let again = self.may_try_again(&error, &mut session, &mut pieces);
            let offset = session.as_ref().map_or(0, |session| session.offset);
            if offset >= mark + retries.progress {
                mark = offset;
                attempt = 1;
            }
            if !again || attempt >= retries.attempts {
                return Err(error);
            }
            attempt += 1;
            self.client
                .pause(&url, &error, attempt, retries.attempts)
                .await;
        }
    }

    /// Whether another try may mend this, and how it begins.
    fn may_try_again(
        &self,
        error: &Error,
        session: &mut Option<Session>,
        pieces: &mut bool,
    ) -> bool {
        let Some(status) = error.status() else {
            return error.is_transient();
        };
        let refused = matches!(status, 400 | 404 | 405 | 411 | 416 | 501);
        match session.take() {
            // Not the way that this registry takes pieces.
            Some(_) if refused && *pieces => {
                *pieces = false;
                true
            }
            // The upload is gone, or holds something else after a cut: from the beginning.
            Some(old) if refused && (old.resumed || matches!(status, 404 | 416)) => true,
            old => {
                *session = old;
                error.is_transient()
            }
        }
    }

    async fn try_upload(
        &self,
        repository: &Repository,
        blob: &Blob,
        feed: &Feed,
        slot: &mut Option<Session>,
        pieces: bool,
        fresh: bool,
    ) -> Result<(), Error> {
        let size = blob.descriptor.size;
        let mut session = match slot.take() {
            Some(session) if fresh => Some(session),
            Some(session) => self.resume(repository, session, size).await,
            None => None,
        };
        if session.is_none() {
            session = Some(self.begin(repository).await?);
        }
        let session = slot.insert(session.ok_or_else(|| nowhere(blob))?);
        // Whole in one request where nothing is there yet, else the rest in pieces.
        if pieces || session.offset > 0 {
            while session.offset < size {
                let length = if pieces {
                    self.options.chunk.max(1)
                } else {
                    u64::MAX
                };
                let length = length.min(size - session.offset);
                self.patch(repository, feed, session, length).await?;
            }
        }
        let location = session
            .location
            .clone()
            .with_query("digest", &blob.descriptor.digest.to_string());
        let mut call = self.upload_call(Method::PUT, repository, &location);
        if session.offset == 0 {
            call.payload = feed.payload(0, size);
        }
        call = call.with(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        );
        self.watched(&call, feed, size).await?;
        Ok(())
    }

    /// Begin an upload.
    async fn begin(&self, repository: &Repository) -> Result<Session, Error> {
        let url = self.client.url(repository, "blobs/uploads/")?;
        let call = scope::write(Method::POST, repository, url);
        let _permit = self.client.permit().await;
        let answer = self.client.send(&call).await?;
        Ok(Session::new(self.location(repository, &answer)?))
    }

    /// Ask how far an upload got. `None` if it cannot go on.
    async fn resume(
        &self,
        repository: &Repository,
        session: Session,
        size: u64,
    ) -> Option<Session> {
        let mut call = self.upload_call(Method::GET, repository, &session.location);
        call.attempts = Some(1);
        let answer = self.client.send(&call).await.ok()?;
        let location = self
            .location(repository, &answer)
            .unwrap_or(session.location);
        // `0-0` is said of one byte and of none.
        let end = range_end(answer.header(header::RANGE)?)?;
        (end > 0 && end < size).then_some(Session {
            location,
            offset: end + 1,
            resumed: true,
        })
    }

    /// Send one piece.
    async fn patch(
        &self,
        repository: &Repository,
        feed: &Feed,
        session: &mut Session,
        length: u64,
    ) -> Result<(), Error> {
        let end = session.offset + length;
        let mut call = self.upload_call(Method::PATCH, repository, &session.location);
        let range = format!("{}-{}", session.offset, end - 1);
        let range = HeaderValue::from_str(&range)
            .map_err(|e| Error::broken(&session.location, e.to_string()))?;
        call = call.with(header::CONTENT_RANGE, range).with(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        );
        call.payload = feed.payload(session.offset, length);
        let answer = self.watched(&call, feed, length).await?;
        let has = answer.header(header::RANGE).and_then(range_end);
        if has.is_some_and(|has| has + 1 != end) {
            return Err(Error::unreachable(
                &session.location,
                format!(
                    "it says that it has the bytes {} after {end} were sent",
                    excerpt(answer.header(header::RANGE).unwrap_or_default(), 60)
                ),
            ));
        }
        session.location = self.location(repository, &answer)?;
        session.offset = end;
        Ok(())
    }

    /// A request to the address of an upload. Credentials go with it only to the registry.
    fn upload_call(&self, method: Method, repository: &Repository, location: &Url) -> Call {
        let mut call = scope::write(method, repository, location.clone());
        call.attempts = Some(1);
        let home = self.client.url(repository, "");
        if home.map_or(true, |home| home.origin() != location.origin()) {
            call.scope = None;
        }
        call
    }

    /// Where an upload goes on.
    fn location(&self, repository: &Repository, answer: &Answer) -> Result<Url, Error> {
        let url = &answer.url;
        let location = answer.header(header::LOCATION).ok_or_else(|| {
            Error::broken(
                url,
                "it begins an upload and says not where; it is no registry, or something before it removes the Location header",
            )
        })?;
        let next = url.join(location).ok_or_else(|| {
            Error::broken(
                url,
                format!(
                    "it sends uploads to `{}`, which is no address of http or https",
                    verbatim_net::shown_address(location)
                ),
            )
        })?;
        let home = self.client.url(repository, "")?;
        if next.scheme == Scheme::Http
            && (home.scheme == Scheme::Https || !self.client.allows_plain(&next.host))
            && next.origin() != home.origin()
        {
            return Err(Error::broken(
                url,
                format!("it sends uploads to {next}, which is not encrypted; mend the registry's external address, or allow it with --plain-http {}", next.host),
            ));
        }
        Ok(next)
    }

    /// Carry out a request with a body, as long as bytes are taken.
    async fn watched(&self, call: &Call, feed: &Feed, length: u64) -> Result<Answer, Error> {
        let timeouts = &self.client.options().http.timeouts;
        let began = feed.given();
        let mut given = began;
        let mut since = Instant::now();
        let sending = self.client.send(call);
        tokio::pin!(sending);
        loop {
            let tick = (timeouts.idle / 4).clamp(Duration::from_millis(20), Duration::from_secs(5));
            if let Ok(answer) = tokio::time::timeout(tick, &mut sending).await {
                return answer;
            }
            let now = feed.given();
            if now != given || feed.failure().is_some() {
                given = now;
                since = Instant::now();
            }
            let all = matches!(call.payload, Payload::Empty) || given - began >= length;
            let patience = if all {
                timeouts.response + Duration::from_secs(length / HASHING)
            } else {
                timeouts.idle
            };
            if since.elapsed() > patience {
                return Err(Error::unreachable(
                    &call.url,
                    format!("it took no byte of the upload for {patience:?}; see --timeout"),
                ));
            }
        }
    }
}

/// The end of `0-END`, or of `bytes=0-END`.
fn range_end(value: &str) -> Option<u64> {
    let value = value.trim();
    let value = value.strip_prefix("bytes=").unwrap_or(value);
    let (start, end) = value.split_once('-')?;
    (start == "0").then(|| end.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_uploads() {
        assert_eq!(range_end("0-1023"), Some(1023));
        assert_eq!(range_end("bytes=0-0"), Some(0));
        for text in ["", "5-9", "0-", "-9", "0-x", "0--1"] {
            assert_eq!(range_end(text), None, "{text}");
        }
    }
}
