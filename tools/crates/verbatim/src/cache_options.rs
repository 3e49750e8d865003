//! Options of every command that takes blobs out of build caches.

use std::path::PathBuf;
use std::time::Duration;

use tokio::runtime::Handle;
use verbatim_cas::{Address, Caches, Header};
use verbatim_net::{CredentialHelper, Credentials, Timeouts};

use crate::registry_options::tell_retries;

/// Where blobs are that a build left in its cache.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Build caches")]
pub struct CacheOptions {
    /// Take blobs that are not at hand from this build cache: grpc://HOST[:PORT][/INSTANCE],
    /// grpcs://…, unix:PATH[#INSTANCE], or the folder of Bazel's --disk_cache. Given several
    /// times, they are asked in order.
    #[arg(long, value_name = "CACHE")]
    cache: Vec<Address>,
    /// A header that goes with every request to a cache, such as x-api-key=….
    #[arg(long, value_name = "NAME=VALUE")]
    cache_header: Vec<Header>,
    /// A program that knows credentials for caches, in the protocol of Bazel's
    /// --credential_helper; for the hosts of a pattern (HOST or *.HOST), or for all. No other
    /// credentials are told to a cache, and these to no registry.
    #[arg(long, value_name = "[PATTERN=]PROGRAM")]
    cache_credential_helper: Vec<CredentialHelper>,
    /// Trust the certificate authorities in this file (PEM) beside those of the system, of caches.
    #[arg(long, value_name = "FILE")]
    cache_ca: Vec<PathBuf>,
    /// How long a cache may be silent.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u32).range(1..=3600))]
    cache_timeout: u32,
}

impl CacheOptions {
    /// The caches, if one is named. Nothing is asked yet.
    pub fn open(&self, runtime: &Handle) -> anyhow::Result<Option<Caches>> {
        if self.cache.is_empty() {
            return Ok(None);
        }
        let helpers = self.cache_credential_helper.clone();
        let options = verbatim_cas::Options {
            headers: self.cache_header.clone(),
            http: verbatim_net::Options {
                ca_files: self.cache_ca.clone(),
                credentials: Credentials::default().with_helpers(helpers),
                timeouts: Timeouts::of(Duration::from_secs(self.cache_timeout.into())),
                on_retry: Some(tell_retries()),
                ..verbatim_net::Options::default()
            },
            ..verbatim_cas::Options::default()
        };
        Ok(Some(Caches::new(&self.cache, &options, runtime.clone())?))
    }
}
