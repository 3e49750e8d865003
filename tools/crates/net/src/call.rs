//! A request and its answer.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};

use crate::body::Body;
use crate::error::{is_transient, Error};
use crate::host::Url;
use crate::limits::{Retries, Wait};
use crate::retry_after::retry_after;
use crate::scope::Scope;

/// What goes up with a request. It can be made again for a second try.
#[derive(Clone)]
pub enum Payload {
    /// None.
    Empty,
    /// These bytes.
    Bytes(Bytes),
    /// Made anew for each try, with its length.
    Stream(Arc<dyn Fn() -> Upload + Send + Sync>, u64),
}

/// The bytes of one try.
pub type Upload = BoxBody<Bytes, std::io::Error>;

impl Payload {
    pub(crate) fn make(&self) -> Upload {
        match self {
            Self::Empty => Empty::new().map_err(|never| match never {}).boxed(),
            Self::Bytes(bytes) => Full::new(bytes.clone())
                .map_err(|never| match never {})
                .boxed(),
            Self::Stream(make, _) => make(),
        }
    }

    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Stream(_, length) => *length,
        }
    }
}

/// A request.
#[derive(Clone)]
pub struct Call {
    /// What is done.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// Whose credentials go with it, and what they must allow; `None` for an address of
    /// somebody else, to whom nothing is told.
    pub scope: Option<Scope>,
    /// What else goes with it.
    pub headers: HeaderMap,
    /// Its body.
    pub payload: Payload,
    /// How many tries; `None` for those of the options.
    pub attempts: Option<u32>,
}

impl Call {
    /// Ask for something.
    pub fn get(url: Url, scope: Option<Scope>) -> Self {
        Self {
            method: Method::GET,
            url,
            scope,
            headers: HeaderMap::new(),
            payload: Payload::Empty,
            attempts: None,
        }
    }

    /// With a header.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

/// The head of an answer, and its body to be read.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// Where it came from, after redirects.
    pub url: Url,
    /// What comes after the head.
    pub body: Body,
}

impl Answer {
    /// A header that is text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long to wait before another try.
    pub(crate) fn wait(&self, retries: &Retries) -> Wait {
        if !is_transient(self.status.as_u16()) {
            return Wait::Usual;
        }
        retries.wait(self.header(header::RETRY_AFTER).and_then(retry_after))
    }

    /// Of the successful answers only 200 brings the thing itself, and the whole of it.
    pub fn must_be_whole(&self, what: &str) -> Result<(), Error> {
        if self.status == StatusCode::OK {
            return Ok(());
        }
        Err(Error::broken(
            &self.url,
            format!("it answers {} where {what} must come", self.status),
        ))
    }
}
