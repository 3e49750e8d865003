//! The client: what one process knows of servers.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::call::Upload;
use crate::connection::{Connector, NoConnection, Stream};
use crate::credentials::Credentials;
use crate::error::Error;
use crate::host::{HostPort, Origin, Scheme, Url};
use crate::limits::{Limits, Retries, Retry, Timeouts};
use crate::memory::Memory;
use crate::tls::{certificate_folders, Tls};
use crate::waiting::Waiting;

/// Called before each further try.
pub type OnRetry = Arc<dyn Fn(&Retry) + Send + Sync>;

/// How to speak to servers.
#[derive(Clone)]
pub struct Options {
    /// Hosts that are spoken to in plain HTTP; without a port, all ports of the host.
    pub plain_http: Vec<HostPort>,
    /// Loopback hosts that must speak TLS; without this they may speak plain HTTP.
    pub tls: Vec<HostPort>,
    /// Certificate authorities to trust beside those of the system.
    pub ca_files: Vec<PathBuf>,
    /// Folders like `/etc/docker/certs.d`, the first that has the host wins.
    pub certificate_folders: Vec<PathBuf>,
    /// Where credentials are looked for.
    pub credentials: Credentials,
    /// How large things may be.
    pub limits: Limits,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How often things are tried.
    pub retries: Retries,
    /// How many requests are made at a time.
    pub parallel: usize,
    /// Told about each further try.
    pub on_retry: Option<OnRetry>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            plain_http: Vec::new(),
            tls: Vec::new(),
            ca_files: Vec::new(),
            certificate_folders: certificate_folders(),
            credentials: Credentials::default(),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            retries: Retries::default(),
            parallel: 8,
            on_retry: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("plain_http", &self.plain_http)
            .field("tls", &self.tls)
            .field("ca_files", &self.ca_files)
            .field("parallel", &self.parallel)
            .finish_non_exhaustive()
    }
}

/// A client of HTTP servers. Clones share connections, tokens and limits.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    options: Options,
    http: legacy::Client<Connector, Upload>,
    connector: Connector,
    tls: Arc<Tls>,
    memory: Memory,
    schemes: Mutex<HashMap<HostPort, Known>>,
    gone: Mutex<HashMap<Origin, Gone>>,
    permits: Arc<Semaphore>,
}

/// What is known of a loopback port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Http,
    Https,
}

/// A host that takes no connection.
struct Gone {
    /// How often in a row.
    times: u32,
    last: Instant,
    error: Error,
}

/// So long after a failure a host that fails again and again is not tried once more.
const MOURNING: Duration = Duration::from_secs(2);

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client with these options. Nothing is connected yet.
    pub fn new(options: Options) -> Result<Self, Error> {
        let tls = Arc::new(Tls::new(
            &options.ca_files,
            options.certificate_folders.clone(),
        )?);
        let connector = Connector::new(Arc::clone(&tls), options.timeouts.connect)?;
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .timer(TokioTimer::new())
            .http1_max_headers(100)
            .http2_max_header_list_size(64 << 10)
            .http2_adaptive_window(true)
            .build(connector.clone());
        Ok(Self {
            inner: Arc::new(Inner {
                permits: Arc::new(Semaphore::new(options.parallel.clamp(1, 1024))),
                http,
                connector,
                tls,
                memory: Memory::default(),
                schemes: Mutex::default(),
                gone: Mutex::default(),
                options,
            }),
        })
    }

    /// The options that it was made with.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    pub(crate) fn http(&self) -> &legacy::Client<Connector, Upload> {
        &self.inner.http
    }

    pub(crate) fn connector(&self) -> &Connector {
        &self.inner.connector
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.inner.memory
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.inner.options.credentials
    }

    /// Leave to make one more request at a time than others do; given back when dropped.
    pub async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.inner.permits).acquire_owned().await.ok()
    }

    /// An address on a host, by the scheme that the host is spoken to by.
    pub fn url(&self, host: HostPort, path: &str) -> Url {
        let mut url = Url::new(Scheme::Https, host, path);
        url.scheme = self.scheme(&url);
        url
    }

    /// A connection for another protocol than HTTP requests and answers of this client: name,
    /// proxy and TLS as for these. Where there is a proxy, a tunnel leads through it.
    pub fn connect<'a>(
        &'a self,
        scheme: Scheme,
        host: &'a HostPort,
    ) -> Waiting<'a, Result<Stream, Error>> {
        Box::pin(async move {
            let connected = self.inner.connector.alone(scheme, host).await;
            connected.map_err(|failed| match failed {
                NoConnection::Setup(error) => error,
                failed => Error::Unreachable {
                    url: Url::new(scheme, host.clone(), "").to_string(),
                    why: failed.to_string(),
                    transient: failed.is_transient(),
                },
            })
        })
    }

    /// Whether a host is spoken to in plain HTTP, as far as that is known.
    pub(crate) fn scheme(&self, url: &Url) -> Scheme {
        let host = &url.host;
        let options = self.options();
        if options.plain_http.iter().any(|rule| rule.covers(host)) {
            return Scheme::Http;
        }
        if !host.is_loopback()
            || options.tls.iter().any(|rule| rule.covers(host))
            || self.inner.tls.knows(host)
        {
            return Scheme::Https;
        }
        match self.schemes().get(host) {
            Some(Known::Https) => Scheme::Https,
            _ => Scheme::Http,
        }
    }

    fn schemes(&self) -> std::sync::MutexGuard<'_, HashMap<HostPort, Known>> {
        self.inner
            .schemes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Why a host need not be tried: it took no connection a moment ago, and not for the first
    /// time. A list of a thousand images must not wait a thousand times for one dead host.
    pub(crate) fn gone(&self, url: &Url) -> Option<Error> {
        let gone = self
            .inner
            .gone
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let host = gone.get(&url.origin())?;
        let enough = host.times >= self.options().retries.attempts;
        (enough && host.last.elapsed() < MOURNING).then(|| match host.error.clone() {
            Error::Unreachable { url: _, why, .. } => Error::Unreachable {
                url: url.to_string(),
                why,
                transient: false,
            },
            other => other,
        })
    }

    /// Remember whether a host took a connection.
    pub(crate) fn note(&self, url: &Url, failure: Option<&Error>) {
        let mut gone = self
            .inner
            .gone
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match failure {
            None => {
                gone.remove(&url.origin());
            }
            Some(error) => {
                let times = gone.get(&url.origin()).map_or(0, |host| host.times);
                let host = Gone {
                    times: times.saturating_add(1),
                    last: Instant::now(),
                    error: error.clone(),
                };
                gone.insert(url.origin(), host);
            }
        }
    }

    /// A loopback port did not answer plain HTTP: try TLS, unless it has answered before.
    pub(crate) fn turn_to_tls(&self, home: &mut Url) -> bool {
        let named = self
            .options()
            .plain_http
            .iter()
            .any(|rule| rule.covers(&home.host));
        if named || !home.host.is_loopback() || home.scheme == Scheme::Https {
            return false;
        }
        let mut schemes = self.schemes();
        if schemes.get(&home.host) == Some(&Known::Http) {
            return false;
        }
        schemes.insert(home.host.clone(), Known::Https);
        home.scheme = Scheme::Https;
        true
    }

    /// It was not TLS either.
    pub(crate) fn turn_back(&self, home: &Url) {
        self.schemes().remove(&home.host);
    }

    /// A port has answered: from now on it is spoken to in this way.
    pub(crate) fn settle(&self, home: &Url) {
        if home.host.is_loopback() {
            let known = match home.scheme {
                Scheme::Http => Known::Http,
                Scheme::Https => Known::Https,
            };
            self.schemes().insert(home.host.clone(), known);
        }
    }
}

/// A runtime for the client: two threads are enough to keep a network busy.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8)))
        .enable_all()
        .build()
}
