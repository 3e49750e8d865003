//! One request and its answer: with a credential, along redirects, again where that helps.

use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use http::Method;
use tokio::time::timeout;

use crate::body::Body;
use crate::call::{Answer, Call, Payload};
use crate::client::Client;
use crate::connection::NoConnection;
use crate::error::Error;
use crate::host::{shown_address, HostPort, Scheme, Url};
use crate::informational::{Informational, TooMany};
use crate::limits::{Retry, Wait};
use crate::refusal::Refusal;
use crate::secret::Secret;
use crate::waiting::Waiting;

impl Client {
    /// Carry out a request. Statuses other than 2xx (and 416) are errors.
    pub fn send<'a>(&'a self, call: &'a Call) -> Waiting<'a, Result<Answer, Error>> {
        Box::pin(async move {
            let retries = &self.options().retries;
            let attempts = call.attempts.unwrap_or(retries.attempts).max(1);
            let mut attempt = 1;
            loop {
                let error = match self.once(call).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                };
                if attempt >= attempts || !error.is_transient() {
                    return Err(error);
                }
                attempt += 1;
                self.pause(
                    &call.url,
                    &error.to_string(),
                    error.wait(),
                    attempt,
                    attempts,
                )
                .await;
            }
        })
    }

    /// Tell about a further try, and wait before it.
    pub async fn pause(&self, url: &Url, reason: &str, wait: Wait, attempt: u32, attempts: u32) {
        let retries = &self.options().retries;
        let pause = retries.before(attempt, wait);
        if let Some(on_retry) = &self.options().on_retry {
            on_retry(&Retry {
                url: url.to_string(),
                reason: reason.to_owned(),
                attempt,
                attempts,
                pause,
            });
        }
        tokio::time::sleep(pause).await;
    }

    /// One try: credentials and redirects, and no more.
    async fn once(&self, call: &Call) -> Result<Answer, Error> {
        let mut home = call.url.clone();
        if call.scope.is_some() {
            home.scheme = self.scheme(&home);
        }
        let mut url = home.clone();
        let mut method = call.method.clone();
        let mut own_headers = call.headers.clone();
        let mut hops = 0;
        let mut admission = call
            .scope
            .as_ref()
            .map(|scope| self.admission(scope, &home));
        // What a loopback port said in plain HTTP, in case that it does not speak TLS either.
        let mut in_plain: Option<Error> = None;
        loop {
            // Whom to tell who we are: nobody but the server that was meant.
            let insider = admission.as_mut().filter(|_| url.origin() == home.origin());
            let at_home = insider.is_some();
            let mut headers = own_headers.clone();
            let mut sent = None;
            if let Some(admission) = insider.as_deref() {
                for (name, value) in self.authorization(&home, admission).await? {
                    headers.insert(&name, sensitive(&value)?);
                    sent = (name == header::AUTHORIZATION).then_some(value).or(sent);
                }
            }
            let answer = match self.raw(&method, &url, headers, &call.payload).await {
                Ok(answer) => answer,
                Err(Raw::NotHttp(error)) if at_home && self.turn_to_tls(&mut home) => {
                    in_plain = Some(error);
                    url.scheme = home.scheme;
                    continue;
                }
                Err(Raw::NotTls(error)) => match in_plain {
                    Some(said) if at_home => {
                        self.turn_back(&home);
                        return Err(said);
                    }
                    _ => return Err(error),
                },
                Err(Raw::NotHttp(error) | Raw::Failed(error)) => return Err(error),
            };
            let status = answer.status.as_u16();
            if at_home && status != 400 {
                self.settle(&home);
            }
            match status {
                // Of a stranger's challenge nothing is believed.
                401 | 403 if at_home => {
                    let again = match insider {
                        Some(admission) => {
                            self.answer_challenge(&home, &answer, sent.clone(), admission)
                                .await?
                        }
                        None => false,
                    };
                    if !again {
                        return Err(self.status(answer, sent.as_ref()).await);
                    }
                }
                301 | 302 | 303 | 307 | 308 => {
                    hops += 1;
                    let next = self.redirect(&answer, &method, hops)?;
                    if status == 303 {
                        method = Method::GET;
                    }
                    url = next;
                }
                200..=299 | 416 => {
                    return Ok(answer);
                }
                _ if method == Method::HEAD && knows_only_get(status, at_home) => {
                    method = Method::GET;
                    own_headers
                        .entry(header::RANGE)
                        .or_insert(HeaderValue::from_static("bytes=0-0"));
                    url = home.clone();
                    hops = 0;
                }
                400 if at_home && url.scheme == Scheme::Http => {
                    let body = self.error_body(answer).await;
                    if !(body.speaks_of_tls() && self.turn_to_tls(&mut home)) {
                        self.settle(&home);
                        return Err(body.error(sent.as_ref()));
                    }
                    in_plain = Some(body.error(sent.as_ref()));
                    url.scheme = home.scheme;
                }
                _ => return Err(self.status(answer, sent.as_ref()).await),
            }
        }
    }

    /// Where a redirect leads, if it may.
    fn redirect(&self, answer: &Answer, method: &Method, hops: usize) -> Result<Url, Error> {
        let from = &answer.url;
        if hops > self.options().limits.redirects {
            return Err(Error::broken(
                from,
                format!("more than {} redirects follow each other", hops - 1),
            ));
        }
        let status = answer.status.as_u16();
        let safe = *method == Method::GET || *method == Method::HEAD;
        if !safe && !matches!(status, 307 | 308) {
            return Err(Error::broken(
                from,
                format!(
                    "a {method} is redirected by {status}, which would make it another request"
                ),
            ));
        }
        let location = answer
            .header(header::LOCATION)
            .ok_or_else(|| Error::broken(from, "a redirect says not where to"))?;
        let next = from.join(location).ok_or_else(|| {
            Error::broken(
                from,
                format!(
                    "it redirects to `{}`, which is no address of http or https",
                    shown_address(location)
                ),
            )
        })?;
        if next.scheme == Scheme::Http
            && next.origin() != from.origin()
            && !self.allows_plain(&next.host)
        {
            return Err(Error::broken(
                from,
                format!("it redirects to {next}, which is not encrypted; if that is meant, allow it with --plain-http {}", next.host),
            ));
        }
        Ok(next)
    }

    /// The error that an answer is, without a word that was `sent` as a secret.
    pub(crate) async fn status(&self, answer: Answer, sent: Option<&Secret>) -> Error {
        self.error_body(answer).await.error(sent)
    }

    /// What an answer says beside its status.
    async fn error_body(&self, mut answer: Answer) -> Refusal {
        let options = self.options();
        // The sentence is a courtesy; if it does not come, the status is enough.
        let body = timeout(
            options.timeouts.idle,
            answer.body.up_to(options.limits.error),
        );
        let text = match body.await {
            Ok(Ok(text)) => text,
            _ => Vec::new(),
        };
        Refusal {
            text,
            status: answer.status.as_u16(),
            wait: answer.wait(&options.retries),
            url: answer.url,
        }
    }

    /// One request to one address, without a second thought.
    pub(crate) async fn raw(
        &self,
        method: &Method,
        url: &Url,
        mut headers: HeaderMap,
        payload: &Payload,
    ) -> Result<Answer, Raw> {
        if let Some(error) = self.gone(url) {
            return Err(error.into());
        }
        let uri = url
            .to_uri()
            .ok_or_else(|| Error::broken(url, "it is no address that can be asked for"))?;
        headers
            .entry(header::USER_AGENT)
            .or_insert(HeaderValue::from_static(concat!(
                "verbatim/",
                env!("CARGO_PKG_VERSION")
            )));
        if let Some(proxy) = self.connector().forward_proxy(url.scheme, &url.host) {
            if let Some(authorization) = &proxy.authorization {
                headers.insert(header::PROXY_AUTHORIZATION, sensitive(authorization)?);
            }
        }
        let with_body =
            !matches!(payload, Payload::Empty) || *method != Method::GET && *method != Method::HEAD;
        if with_body {
            headers.insert(header::CONTENT_LENGTH, payload.length().into());
        }
        let mut request = http::Request::builder()
            .method(method.clone())
            .uri(uri)
            .body(payload.make())
            .map_err(|e| Error::broken(url, e.to_string()))?;
        *request.headers_mut() = headers;
        // Uploads take their time; whoever makes their body bounds it.
        let timeouts = &self.options().timeouts;
        let informational = Informational::watch(&mut request);
        let sending = informational.bound(self.http().request(request));
        let patience = timeouts.connect
            + timeouts.response
            + Duration::from_secs(payload.length() / timeouts.progress.max(1));
        let response = match timeout(patience, sending).await {
            Err(_) => {
                return Err(Error::unreachable(
                    url,
                    format!("no answer within {patience:?}; see --timeout"),
                )
                .into())
            }
            Ok(Err(TooMany)) => {
                return Err(Error::broken(
                    url,
                    "it sends one informational answer (1xx) after another in place of the answer; ask who runs the server",
                )
                .into())
            }
            Ok(Ok(Err(error))) => return Err(self.no_answer(url, &error)),
            Ok(Ok(Ok(response))) => response,
        };
        self.note(url, None);
        let (head, body) = response.into_parts();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: Body::new(body, url.clone(), timeouts.clone()),
            url: url.clone(),
        })
    }

    fn no_answer(&self, url: &Url, error: &hyper_util::client::legacy::Error) -> Raw {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        let mut last = String::new();
        while let Some(e) = cause {
            if let Some(failed) = e.downcast_ref::<NoConnection>() {
                let error = match failed {
                    NoConnection::Setup(error) => error.clone(),
                    failed => Error::Unreachable {
                        url: url.to_string(),
                        why: failed.to_string(),
                        transient: failed.is_transient(),
                    },
                };
                if !matches!(failed, NoConnection::Setup(_) | NoConnection::Tls(_)) {
                    self.note(url, Some(&error));
                }
                return if failed.is_not_tls() && url.host.is_loopback() {
                    Raw::NotTls(error)
                } else {
                    Raw::Failed(error)
                };
            }
            if let Some(hyper) = e.downcast_ref::<hyper::Error>() {
                // A TLS server answers plain HTTP with an alert, or closes.
                let loopback = url.scheme == Scheme::Http && url.host.is_loopback();
                let wrong = hyper
                    .is_parse()
                    .then(|| Error::broken(url, format!("its answer is not HTTP: {hyper}")));
                if loopback && (wrong.is_some() || hyper.is_incomplete_message()) {
                    return Raw::NotHttp(
                        wrong.unwrap_or_else(|| Error::unreachable(url, NO_ANSWER)),
                    );
                }
                if let Some(wrong) = wrong {
                    return wrong.into();
                }
            }
            last = e.to_string();
            cause = e.source();
        }
        Error::unreachable(url, format!("the connection failed: {last}")).into()
    }
}

/// What is said of a connection that ends before its answer.
const NO_ANSWER: &str = "the connection was closed without an answer in HTTP";

/// Whether a status says that an address takes no HEAD, and not that there is nothing. Stores
/// that a registry redirects to sign their addresses for one method, and say 403 or 400 to
/// another; a redirect was the registry's word that there is something.
fn knows_only_get(status: u16, at_home: bool) -> bool {
    match status {
        405 | 501 => true,
        // What a port says that speaks TLS has words only after a GET.
        400 => true,
        401 | 403 => !at_home,
        _ => false,
    }
}

/// Why one request has no answer.
pub(crate) enum Raw {
    /// A loopback port that does not answer plain HTTP: it may speak TLS.
    NotHttp(Error),
    /// A loopback port that does not speak TLS.
    NotTls(Error),
    Failed(Error),
}

impl From<Error> for Raw {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A header that HTTP/2 must not put into its tables.
pub(crate) fn sensitive(value: &Secret) -> Result<HeaderValue, Error> {
    let mut header = HeaderValue::from_str(value.expose()).map_err(|_| {
        Error::Credentials("a credential has characters that a header cannot hold".into())
    })?;
    header.set_sensitive(true);
    Ok(header)
}

impl Client {
    /// Whether a host may be spoken to in plain HTTP.
    pub fn allows_plain(&self, host: &HostPort) -> bool {
        host.is_loopback()
            || self
                .options()
                .plain_http
                .iter()
                .any(|rule| rule.covers(host))
    }
}
