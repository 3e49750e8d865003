//! Several caches, asked in their order.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use verbatim_net::Options as Http;

use crate::address::{Address, Header};
use crate::error::Error;
use crate::folder::Folder;
use crate::remote::Remote;

/// How to speak to caches.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What goes with every request.
    pub headers: Vec<Header>,
    /// Authorities, credential helpers, waits and tries. Only helpers are asked for credentials.
    pub http: Http,
    /// How long connections are used.
    pub pooled: Pooled,
}

/// How long a connection is used for new calls. Whoever stands between here and a server forgets
/// connections without a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pooled {
    /// Since it was made.
    pub age: Duration,
    /// Since it last brought something.
    pub idle: Duration,
}

impl Default for Pooled {
    fn default() -> Self {
        Self {
            age: Duration::from_secs(300),
            idle: Duration::from_secs(30),
        }
    }
}

/// Build caches, in the order in which they are asked. Clones share connections.
#[derive(Debug, Clone)]
pub struct Caches {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) caches: Vec<Cache>,
    pub(crate) name: String,
    pub(crate) runtime: Handle,
}

#[derive(Debug)]
pub(crate) enum Cache {
    Folder(Folder),
    Remote(Remote),
}

impl Caches {
    /// Nothing is asked yet. What waits for the network does so on `runtime`; the caches are to be
    /// read off its own threads.
    pub fn new(addresses: &[Address], options: &Options, runtime: Handle) -> Result<Self, Error> {
        let caches = addresses.iter().map(|address| {
            Ok(match address {
                Address::Folder(path) => Cache::Folder(Folder::new(path)),
                Address::Server { way, instance } => {
                    Cache::Remote(Remote::new(address, way, instance, options)?)
                }
            })
        });
        let names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        Ok(Self {
            inner: Arc::new(Inner {
                caches: caches.collect::<Result<_, Error>>()?,
                name: names.join(", "),
                runtime,
            }),
        })
    }
}
