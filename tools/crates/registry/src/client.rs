//! The client: a client of HTTP servers, mirrors, and limits of documents.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use verbatim_naming::serving_host;
use verbatim_net::{Answer, Call, HostPort, Url};

use crate::error::Error;
use crate::limits::Limits;
use crate::name::{candidates, Mirror, Repository};

/// How to speak to registries.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How to speak to servers.
    pub http: verbatim_net::Options,
    /// Prefixes of references that are replaced.
    pub mirrors: Vec<Mirror>,
    /// How large things may be.
    pub limits: Limits,
}

/// A client of registries. Clones share connections, tokens and limits.
#[derive(Debug, Clone)]
pub struct Client {
    http: verbatim_net::Client,
    options: Arc<Options>,
}

impl Client {
    /// A client with these options. Nothing is connected yet.
    pub fn new(options: Options) -> Result<Self, Error> {
        Ok(Self {
            http: verbatim_net::Client::new(options.http.clone())?,
            options: Arc::new(options),
        })
    }

    /// The options that it was made with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What it speaks to servers with.
    pub fn http(&self) -> &verbatim_net::Client {
        &self.http
    }

    /// Leave to make one more request at a time than others do; given back when dropped.
    pub(crate) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        self.http.permit().await
    }

    /// Carry out a request. Statuses other than 2xx (and 416) are errors.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, Error> {
        Ok(self.http.send(call).await?)
    }

    /// Tell about a further try, and wait before it.
    pub(crate) async fn pause(&self, url: &Url, error: &Error, attempt: u32, attempts: u32) {
        let reason = error.to_string();
        self.http
            .pause(url, &reason, error.wait(), attempt, attempts)
            .await;
    }

    /// Whether a host may be spoken to in plain HTTP.
    pub(crate) fn allows_plain(&self, host: &HostPort) -> bool {
        self.http.allows_plain(host)
    }

    /// Where to ask for a repository, the first one first.
    pub(crate) fn candidates(&self, repository: &Repository) -> Result<Vec<Repository>, Error> {
        candidates(repository, &self.options.mirrors)
    }

    /// Where to write what goes to a repository: to the first of its mirrors.
    pub(crate) fn first(&self, repository: &Repository) -> Result<Repository, Error> {
        let first = self.candidates(repository)?.into_iter().next();
        Ok(first.unwrap_or_else(|| repository.clone()))
    }

    /// The address of something of a repository, such as `manifests/latest`.
    pub(crate) fn url(&self, repository: &Repository, what: &str) -> Result<Url, Error> {
        let host = serving_host(&repository.registry).parse()?;
        let path = format!("/v2/{}/{what}", repository.name);
        Ok(self.http.url(host, &path))
    }
}
