//! One request and its answer: with a credential, along redirects, again where that helps.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use serde::Deserialize;
use tokio::time::timeout;

use crate::auth::{challenges, choose, Scope, TokenAnswer, Way};
use crate::body::Body;
use crate::client::Client;
use crate::credentials::Credential;
use crate::error::{is_transient, printable, Error};
use crate::host::{HostPort, Scheme, Url};
use crate::limits::Retry;
use crate::name::Repository;
use crate::net::NoConnection;
use crate::secret::Secret;

/// What goes up with a request. It can be made again for a second try.
#[derive(Clone)]
pub(crate) enum Payload {
    Empty,
    Bytes(Bytes),
    /// Made anew for each try, with its length.
    Stream(Arc<dyn Fn() -> Upload + Send + Sync>, u64),
}

/// The bytes of one try.
pub(crate) type Upload = BoxBody<Bytes, std::io::Error>;

impl Payload {
    fn make(&self) -> Upload {
        match self {
            Self::Empty => Empty::new().map_err(|never| match never {}).boxed(),
            Self::Bytes(bytes) => Full::new(bytes.clone())
                .map_err(|never| match never {})
                .boxed(),
            Self::Stream(make, _) => make(),
        }
    }

    fn length(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Stream(_, length) => *length,
        }
    }
}

/// A request to a registry.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// Whose credentials go with it.
    pub(crate) repository: Repository,
    /// What it needs to be allowed.
    pub(crate) scopes: Vec<Scope>,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Payload,
    /// How many tries; `None` for those of the options.
    pub(crate) attempts: Option<u32>,
    /// The address is not the registry's own: no credential goes with it.
    pub(crate) stranger: bool,
}

impl Call {
    pub(crate) fn get(repository: &Repository, url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            scopes: vec![Scope::pull(&repository.name)],
            repository: repository.clone(),
            headers: HeaderMap::new(),
            payload: Payload::Empty,
            attempts: None,
            stranger: false,
        }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

/// The head of an answer, and its body to be read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Where it came from, after redirects.
    pub(crate) url: Url,
    pub(crate) body: Body,
}

impl Answer {
    /// A header that is text.
    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A failure, and the pause that the server asked for.
struct Failure {
    error: Error,
    after: Option<Duration>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, after: None }
    }
}

impl Client {
    /// Carry out a request. Statuses other than 2xx (and 416) are errors.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, Error> {
        let retries = &self.options().retries;
        let attempts = call.attempts.unwrap_or(retries.attempts).max(1);
        let mut attempt = 1;
        loop {
            let failure = match self.once(call).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if attempt >= attempts || !failure.error.is_transient() {
                return Err(failure.error);
            }
            attempt += 1;
            self.pause(&call.url, &failure.error, failure.after, attempt, attempts)
                .await;
        }
    }

    /// Tell about a further try, and wait before it.
    pub(crate) async fn pause(
        &self,
        url: &Url,
        error: &Error,
        after: Option<Duration>,
        attempt: u32,
        attempts: u32,
    ) {
        let retries = &self.options().retries;
        let doubled = retries
            .pause
            .saturating_mul(2u32.saturating_pow(attempt.saturating_sub(2).min(16)));
        // Whoever was cut off together should not come back together.
        let mut random = [0; 1];
        let _ = getrandom::fill(&mut random);
        let doubled = doubled.saturating_add(doubled.saturating_mul(random[0].into()) / 1024);
        let pause = after.unwrap_or(doubled).min(retries.longest);
        if let Some(on_retry) = &self.options().on_retry {
            on_retry(&Retry {
                url: url.to_string(),
                reason: error.to_string(),
                attempt,
                attempts,
                pause,
            });
        }
        tokio::time::sleep(pause).await;
    }

    /// One try: credentials and redirects, and no more.
    async fn once(&self, call: &Call) -> Result<Answer, Failure> {
        let mut home = call.url.clone();
        if !call.stranger {
            home.scheme = self.scheme(&home);
        }
        let mut url = home.clone();
        let mut method = call.method.clone();
        let mut hops = 0;
        let mut refused = false;
        let mut turned = false;
        loop {
            let at_home = !call.stranger && url.origin() == home.origin();
            let mut headers = call.headers.clone();
            let mut sent = None;
            if at_home {
                for (name, value) in self.authorization(call, &home).await? {
                    headers.insert(&name, sensitive(&value)?);
                    sent = (name == header::AUTHORIZATION).then_some(value).or(sent);
                }
            }
            let answer = match self.raw(&method, &url, headers, &call.payload).await {
                Ok(answer) => answer,
                Err(Raw::NotHttp) if at_home && self.turn_to_tls(&mut home) => {
                    turned = true;
                    url.scheme = home.scheme;
                    continue;
                }
                Err(Raw::NotTls(_)) if turned && at_home => {
                    self.turn_back(&home);
                    return Err(Error::unreachable(&call.url, NO_ANSWER).into());
                }
                Err(Raw::NotTls(error)) => return Err(error.into()),
                Err(Raw::NotHttp) => return Err(Error::unreachable(&url, NO_ANSWER).into()),
                Err(Raw::Failed(error)) => return Err(error.into()),
            };
            let status = answer.status.as_u16();
            match status {
                // Of a stranger's challenge nothing is believed.
                401 if at_home && !refused => {
                    refused = true;
                    self.answer_challenge(call, &home, answer, sent).await?;
                }
                301 | 302 | 303 | 307 | 308 => {
                    hops += 1;
                    let next = self.redirect(&answer, &method, hops)?;
                    if status == 303 {
                        method = Method::GET;
                    }
                    url = next;
                }
                400 if at_home && url.scheme == Scheme::Http => {
                    let error = self.status(answer).await;
                    // What TLS servers say to who speaks plain HTTP to them.
                    let tls = matches!(&error.error, Error::Status { message, .. } if message.contains("HTTPS"));
                    if !(tls && self.turn_to_tls(&mut home)) {
                        return Err(error);
                    }
                    url.scheme = home.scheme;
                }
                200..=299 | 416 => {
                    if !call.stranger {
                        self.settle(&home);
                    }
                    return Ok(answer);
                }
                _ => return Err(self.status(answer).await),
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
                    printable(location.split('?').next().unwrap_or_default(), 200)
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

    /// The error that an answer is.
    async fn status(&self, mut answer: Answer) -> Failure {
        let limit = self.options().limits.error;
        let patience = self.options().timeouts.idle;
        // The sentence is a courtesy; if it does not come, the status is enough.
        let body = match timeout(patience, answer.body.up_to(limit)).await {
            Ok(Ok(body)) => body,
            _ => Vec::new(),
        };
        let status = answer.status.as_u16();
        let after = is_transient(status)
            .then(|| answer.header(header::RETRY_AFTER).and_then(retry_after))
            .flatten();
        Failure {
            error: Error::Status {
                url: answer.url.to_string(),
                status,
                message: first_error(&body),
            },
            after,
        }
    }

    /// One request to one address, without a second thought.
    async fn raw(
        &self,
        method: &Method,
        url: &Url,
        mut headers: HeaderMap,
        payload: &Payload,
    ) -> Result<Answer, Raw> {
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
        let sending = self.http().request(request);
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
            Ok(Err(error)) => return Err(self.no_answer(url, &error)),
            Ok(Ok(response)) => response,
        };
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
                return if failed.is_not_tls() && url.host.is_loopback() {
                    Raw::NotTls(error)
                } else {
                    Raw::Failed(error)
                };
            }
            if let Some(hyper) = e.downcast_ref::<hyper::Error>() {
                // A TLS server answers plain HTTP with an alert, or closes; another head that
                // makes no sense is one of HTTP all the same.
                let alert = hyper.is_parse() && hyper.to_string().contains("version");
                let loopback = url.scheme == Scheme::Http && url.host.is_loopback();
                if loopback && (alert || hyper.is_incomplete_message()) {
                    return Raw::NotHttp;
                }
                if hyper.is_parse() {
                    return Error::broken(url, format!("its answer is not HTTP: {hyper}")).into();
                }
            }
            last = e.to_string();
            cause = e.source();
        }
        Error::unreachable(url, format!("the connection failed: {last}")).into()
    }

    async fn credential(&self, call: &Call, home: &Url) -> Result<Option<Credential>, Error> {
        self.credentials()
            .of(&call.repository, home, self.options().timeouts.helper)
            .await
    }

    /// The headers that say who we are, as far as that is known already.
    async fn authorization(
        &self,
        call: &Call,
        home: &Url,
    ) -> Result<Vec<(HeaderName, Secret)>, Error> {
        match self.memory().way(&home.origin()) {
            None => {
                self.credentials()
                    .preemptive(&call.repository, home, self.options().timeouts.helper)
                    .await
            }
            Some(Way::Basic) => match self.credential(call, home).await? {
                Some(Credential::Basic { user, password }) => Ok(vec![(
                    header::AUTHORIZATION,
                    crate::credentials::basic(&user, password.expose()),
                )]),
                Some(Credential::Headers(headers)) => Ok(headers),
                _ => Ok(Vec::new()),
            },
            Some(Way::Token { realm, service }) => {
                let header = self.token(call, home, realm, service, None).await?;
                Ok(vec![(header::AUTHORIZATION, header)])
            }
        }
    }

    /// The registry refuses: learn how it wants to be asked, and get a newer token if that is it.
    async fn answer_challenge(
        &self,
        call: &Call,
        home: &Url,
        answer: Answer,
        sent: Option<Secret>,
    ) -> Result<(), Failure> {
        let all: Vec<_> = answer
            .headers
            .get_all(header::WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(challenges)
            .collect();
        let way = choose(&all, home, |host| self.allows_plain(host))
            .map_err(|why| Error::Credentials(format!("{}: {why}", answer.url)))?;
        self.memory().remember(home.origin(), way.clone());
        match way {
            Way::Basic => {
                let credential = self.credential(call, home).await?;
                if sent.is_some()
                    || !matches!(
                        credential,
                        Some(Credential::Basic { .. } | Credential::Headers(_))
                    )
                {
                    return Err(self.status(answer).await);
                }
            }
            Way::Token { realm, service } => {
                // A token that was sent and refused is not used again.
                self.token(call, home, realm, service, sent).await?;
            }
        }
        Ok(())
    }

    /// A token for a call; fetched where there is none that holds and is another than `refused`.
    async fn token(
        &self,
        call: &Call,
        home: &Url,
        realm: Url,
        service: Option<String>,
        refused: Option<Secret>,
    ) -> Result<Secret, Error> {
        let slot = self.memory().slot(
            home.origin(),
            realm.clone(),
            service.clone(),
            call.scopes.clone(),
            call.repository.name.clone(),
        );
        let mut slot = slot.lock().await;
        if let Some(token) = &*slot {
            if token.until > std::time::Instant::now() && Some(&token.header) != refused.as_ref() {
                return Ok(token.header.clone());
            }
        }
        *slot = None;
        let credential = self.credential(call, home).await?;
        if let Some(Credential::Token(token)) = credential {
            return Ok(Secret::new(format!("Bearer {}", token.expose())));
        }
        if let Some(Credential::Headers(headers)) = &credential {
            let own = headers
                .iter()
                .find(|(name, _)| *name == header::AUTHORIZATION);
            if let Some((_, value)) = own.filter(|(_, value)| value.expose().starts_with("Bearer "))
            {
                return Ok(value.clone());
            }
        }
        let fetched = self
            .fetch_token(&realm, service.as_deref(), &call.scopes, credential)
            .await?;
        let header = fetched.header.clone();
        *slot = Some(fetched);
        Ok(header)
    }

    async fn fetch_token(
        &self,
        realm: &Url,
        service: Option<&str>,
        scopes: &[Scope],
        credential: Option<Credential>,
    ) -> Result<crate::auth::Token, Error> {
        let mut fields: Vec<(&str, &str)> = Vec::new();
        fields.extend(service.map(|service| ("service", service)));
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let (method, url, payload) = if let Some(Credential::Identity(token)) = &credential {
            let joined = scopes
                .iter()
                .map(Scope::as_str)
                .collect::<Vec<_>>()
                .join(" ");
            fields.extend([
                ("grant_type", "refresh_token"),
                ("client_id", "verbatim"),
                ("scope", &joined),
                ("refresh_token", token.expose()),
            ]);
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            );
            let form = fields
                .iter()
                .map(|(name, value)| format!("{name}={}", crate::host::escaped(value)))
                .collect::<Vec<_>>()
                .join("&");
            (Method::POST, realm.clone(), Payload::Bytes(form.into()))
        } else {
            let mut url = realm.clone();
            for (name, value) in fields {
                url = url.with_query(name, value);
            }
            for scope in scopes {
                url = url.with_query("scope", scope.as_str());
            }
            match &credential {
                Some(Credential::Basic { user, password }) => {
                    let value = crate::credentials::basic(user, password.expose());
                    headers.insert(header::AUTHORIZATION, sensitive(&value)?);
                }
                Some(Credential::Headers(own)) => {
                    for (name, value) in own {
                        headers.insert(name, sensitive(value)?);
                    }
                }
                _ => {}
            }
            (Method::GET, url, Payload::Empty)
        };
        let retries = self.options().retries.attempts.max(1);
        let mut attempt = 1;
        loop {
            let failure = match self.try_token(&method, &url, &headers, &payload).await {
                Ok(token) => return Ok(token),
                Err(failure) => failure,
            };
            if attempt >= retries || !failure.error.is_transient() {
                return Err(failure.error);
            }
            attempt += 1;
            self.pause(&url, &failure.error, failure.after, attempt, retries)
                .await;
        }
    }

    async fn try_token(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        payload: &Payload,
    ) -> Result<crate::auth::Token, Failure> {
        let mut answer = match self.raw(method, url, headers.clone(), payload).await {
            Ok(answer) => answer,
            Err(Raw::Failed(error) | Raw::NotTls(error)) => return Err(error.into()),
            Err(Raw::NotHttp) => {
                return Err(
                    Error::unreachable(url, "the token server closed the connection").into(),
                )
            }
        };
        // Along a redirect the password would go to somebody else, and without it there is no token.
        if answer.status != StatusCode::OK {
            return Err(self.status(answer).await);
        }
        let limit = self.options().limits.token;
        let data = answer
            .body
            .whole("the answer of the token server", limit)
            .await?;
        let parsed: TokenAnswer = serde_json::from_slice(&data).map_err(|_| {
            Error::broken(
                url,
                "the answer of the token server is not the JSON of a token",
            )
        })?;
        parsed
            .into_token()
            .map_err(|why| Error::broken(url, format!("the token server is wrong: {why}")).into())
    }
}

/// What is said of a connection that ends before its answer.
const NO_ANSWER: &str = "the connection was closed without an answer in HTTP";

/// Why one request has no answer.
enum Raw {
    /// A loopback port that does not answer plain HTTP: it may speak TLS.
    NotHttp,
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
fn sensitive(value: &Secret) -> Result<HeaderValue, Error> {
    let mut header = HeaderValue::from_str(value.expose()).map_err(|_| {
        Error::Credentials("a credential has characters that a header cannot hold".into())
    })?;
    header.set_sensitive(true);
    Ok(header)
}

/// The first error of the distribution specification's error document ("Error Codes"), or
/// the first line of what else came.
fn first_error(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    if let Ok(Errors { errors }) = serde_json::from_slice(body) {
        return errors.first().map_or_else(String::new, |one| {
            let both = match (one.code.is_empty(), one.message.is_empty()) {
                (false, false) => format!("{}: {}", one.code, one.message),
                (false, true) => one.code.clone(),
                (true, _) => one.message.clone(),
            };
            printable(&both, 300)
        });
    }
    let text = String::from_utf8_lossy(body);
    let line = text.trim().lines().next().unwrap_or_default();
    // A page for browsers says nothing here.
    if line.starts_with('<') {
        return String::new();
    }
    printable(line, 200)
}

/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3).
fn retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let then = http_date(value)?;
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?
        .as_secs();
    Some(Duration::from_secs(then.saturating_sub(now)))
}

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that is written today.
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let rest = text.split_once(", ")?.1.strip_suffix(" GMT")?;
    let mut words = rest.split(' ');
    let day: u64 = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = MONTHS.iter().position(|month| *month == name)? as u64 + 1;
    let year: u64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(str::parse::<u64>);
    let (h, m, s) = (
        clock.next()?.ok()?,
        clock.next()?.ok()?,
        clock.next()?.ok()?,
    );
    crate::time::seconds(year, month, day, h, m, s)
}

impl Client {
    /// Whether a host may be spoken to in plain HTTP.
    pub(crate) fn allows_plain(&self, host: &HostPort) -> bool {
        host.is_loopback()
            || self
                .options()
                .plain_http
                .iter()
                .any(|rule| rule.covers(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_of_a_registry() {
        let body =
            br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{}}]}"#;
        assert_eq!(first_error(body), "MANIFEST_UNKNOWN: manifest unknown");
        assert_eq!(first_error(b"too many\nrequests"), "too many");
        assert_eq!(first_error(b"<html>"), "");
        assert_eq!(first_error(b"\xff\x1b[2J"), "\u{fffd}\\u{1b}[2J");
        assert_eq!(first_error(b"{\"errors\":[]}"), "");
    }

    #[test]
    fn dates() {
        assert_eq!(
            http_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(784_111_777)
        );
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(
            http_date("Tue, 29 Feb 2000 12:00:00 GMT"),
            Some(951_825_600)
        );
        for text in [
            "",
            "Sun, 06 Nov 1994",
            "Sun, 99 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
        ] {
            assert_eq!(http_date(text), None, "{text}");
        }
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::ZERO)
        );
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            retry_after("99999999999999999999999"),
            Some(Duration::from_secs(u64::MAX))
        );
        assert_eq!(retry_after("-1"), None);
    }
}
