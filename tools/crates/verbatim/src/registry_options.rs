//! Options of every command that speaks to a registry.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use verbatim_net::{CredentialHelper, Credentials, HostPort, OnRetry, Timeouts};
use verbatim_registry::{Client, Mirror, Options};

use crate::outcome::Unchecked;

/// How to speak to registries.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Registries")]
pub struct RegistryOptions {
    /// Ask under PREFIX2 for what is named under PREFIX1, such as
    /// registry.example.com=127.0.0.1:5000/mirror. Given several times for one prefix, they
    /// are tried in order; the original is asked only if it is listed itself.
    #[arg(long, value_name = "PREFIX1=PREFIX2")]
    mirror: Vec<Mirror>,
    /// Speak plain HTTP to this host. Without a port it holds for all its ports. Loopback
    /// hosts need not be named.
    #[arg(long, value_name = "HOST[:PORT]")]
    plain_http: Vec<HostPort>,
    /// Speak TLS and nothing else to this loopback host; other hosts are never spoken to otherwise.
    #[arg(long, value_name = "HOST[:PORT]")]
    tls: Vec<HostPort>,
    /// Trust the certificate authorities in this file (PEM) beside those of the system.
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
    /// How many requests are made at a time.
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=256))]
    parallel: u16,
    /// How long a registry may be silent.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u32).range(1..=3600))]
    timeout: u32,
    /// A program that knows credentials, in the protocol of Bazel's --credential_helper;
    /// for the hosts of a pattern (HOST or *.HOST), or for all.
    #[arg(long, value_name = "[PATTERN=]PROGRAM")]
    credential_helper: Vec<CredentialHelper>,
}

impl RegistryOptions {
    /// The prefixes of references that are replaced.
    pub fn mirrors(&self) -> &[Mirror] {
        &self.mirror
    }

    /// How many requests are made at a time.
    pub fn parallel(&self) -> usize {
        self.parallel.into()
    }

    /// A client. Each further try is told to `on_retry`.
    pub fn client(&self, on_retry: Option<OnRetry>) -> anyhow::Result<Client> {
        let http = verbatim_net::Options {
            plain_http: self.plain_http.clone(),
            tls: self.tls.clone(),
            ca_files: self.ca.clone(),
            credentials: Credentials::default().with_helpers(self.credential_helper.clone()),
            timeouts: Timeouts::of(Duration::from_secs(self.timeout.into())),
            parallel: self.parallel(),
            on_retry,
            ..verbatim_net::Options::default()
        };
        Client::new(Options {
            http,
            mirrors: self.mirror.clone(),
            ..Options::default()
        })
        .map_err(failed)
    }
}

/// Retries told on stderr, one line each.
pub fn tell_retries() -> OnRetry {
    Arc::new(|retry| {
        eprintln!(
            "verbatim: {}; try {} of {} in {:.1} s",
            retry.reason,
            retry.attempt,
            retry.attempts,
            retry.pause.as_secs_f64()
        );
    })
}

/// An error of the registry crate with the exit code that it has: a wrong option is wrong
/// usage, everything else says that nothing could be checked.
pub fn failed(error: verbatim_registry::Error) -> anyhow::Error {
    let usage = error.kind() == verbatim_registry::ErrorKind::Usage;
    let error = anyhow::Error::new(error);
    if usage {
        error
    } else {
        error.context(Unchecked)
    }
}
