//! A build cache: buildbox-casd, which is one without a farm around it.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{run, tool, Service};
use crate::registry::free_port;

/// A cache that serves until it is dropped.
#[derive(Debug)]
pub struct BuildCache {
    /// As buildbox writes it.
    bind: String,
    folder: tempfile::TempDir,
    _service: Service,
}

impl BuildCache {
    /// Start one, empty, on a port of loopback.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Start one with further options of buildbox-casd.
    pub fn with(options: &[&str]) -> Self {
        // Another program may take the port between its choice and its use.
        for _ in 0..20 {
            let address = free_port();
            let ready = || TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok();
            if let Some(cache) = Self::start_on(&address.to_string(), options, ready) {
                return cache;
            }
        }
        panic!("no port stays free long enough for a cache");
    }

    /// Start one, empty, on a socket in this folder.
    pub fn start_on_socket(folder: &Path) -> Self {
        let socket = folder.join("casd.sock");
        let bind = format!("unix:{}", socket.display());
        let ready = || std::os::unix::net::UnixStream::connect(&socket).is_ok();
        Self::start_on(&bind, &[], ready).expect("a socket of its own")
    }

    fn start_on(bind: &str, options: &[&str], ready: impl FnMut() -> bool) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder for the cache");
        let mut command = Command::new(tool("buildbox-casd"));
        command
            .arg(format!("--bind={bind}"))
            // It wants no more of the disk than there is.
            .arg("--reserved=0")
            .args(options)
            .arg(folder.path().join("cache"));
        let mut service = Service::start(&mut command, ready)?;
        service.drain();
        Some(Self {
            bind: bind.to_owned(),
            folder,
            _service: service,
        })
    }

    /// Its address, as `--cache` takes it.
    pub fn address(&self) -> String {
        match self.bind.strip_prefix("unix:") {
            Some(_) => self.bind.clone(),
            None => format!("grpc://{}", self.bind),
        }
    }

    /// Store files, each under its digest.
    pub fn store(&self, files: &[PathBuf]) {
        let remote = match self.bind.strip_prefix("unix:") {
            Some(_) => self.bind.clone(),
            None => format!("http://{}", self.bind),
        };
        run(Command::new(tool("casupload"))
            .arg(format!("--remote={remote}"))
            .arg("--follow-symlinks")
            .args(files));
    }

    /// The file of a blob in its folder, to damage or to evict, by its digest in hexadecimal.
    pub fn blob_file(&self, hex: &str) -> PathBuf {
        self.folder
            .path()
            .join("cache/cas/objects")
            .join(&hex[..2])
            .join(&hex[2..])
    }
}
