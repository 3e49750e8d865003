//! containerd, without what Kubernetes asks of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{run, tool, Service};

/// A containerd that runs until it is dropped.
#[derive(Debug)]
pub struct Containerd {
    root: PathBuf,
    socket: PathBuf,
    _service: Service,
}

impl Containerd {
    /// Start one with its store, its state and its socket in this folder.
    pub fn start(folder: &Path) -> Self {
        let (root, socket) = (folder.join("root"), folder.join("containerd.sock"));
        let config = folder.join("config.toml");
        let text = format!(
            "version = 3\nroot = '{0}/root'\nstate = '{0}/state'\ndisabled_plugins = ['io.containerd.grpc.v1.cri', 'io.containerd.cri.v1.images', 'io.containerd.cri.v1.runtime', 'io.containerd.nri.v1.nri']\n[grpc]\naddress = '{0}/containerd.sock'\n[ttrpc]\naddress = '{0}/containerd.sock.ttrpc'\n",
            folder.display()
        );
        std::fs::write(&config, text).expect("the configuration of containerd");
        let ready = || std::os::unix::net::UnixStream::connect(&socket).is_ok();
        let mut command = Command::new(tool("containerd"));
        let mut service = Service::start(command.arg("--config").arg(&config), ready)
            .expect("a socket of its own");
        service.drain();
        Self {
            root,
            socket,
            _service: service,
        }
    }

    /// The folder of its store.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Run its client; the standard output.
    pub fn ctr(&self, arguments: &[&str]) -> String {
        run(Command::new(tool("ctr"))
            .arg("--address")
            .arg(&self.socket)
            .args(arguments))
    }
}
