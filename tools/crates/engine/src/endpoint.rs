//! Which engine, and where it listens.

use std::fmt;
use std::path::{Path, PathBuf};

use verbatim_foreign::printable_path;

use crate::error::Error;

/// A container engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Docker, and whatever speaks its API.
    Docker,
    /// Podman, by its API for programs of Docker's.
    Podman,
    /// containerd, by its program `ctr`.
    Containerd,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Containerd => "containerd",
        })
    }
}

/// An engine and its socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Which engine.
    pub engine: Engine,
    /// Its socket.
    pub socket: PathBuf,
    /// containerd's namespace.
    pub namespace: String,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.engine, printable_path(&self.socket))
    }
}

/// Find an engine: the one asked for, or the first that there is. `variable` gives variables
/// of the environment.
pub fn find(
    engine: Option<Engine>,
    socket: Option<&Path>,
    namespace: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Endpoint, Error> {
    let endpoint = |engine, socket: &Path| Endpoint {
        engine,
        socket: socket.to_owned(),
        namespace: namespace.to_owned(),
    };
    if let Some(socket) = socket {
        let engine = engine.unwrap_or_else(|| by_name(socket));
        return Ok(endpoint(engine, socket));
    }
    let mut tried = Vec::new();
    for (candidate, socket) in candidates(&variable)? {
        if engine.is_some_and(|engine| engine != candidate) {
            continue;
        }
        if socket.exists() {
            return Ok(endpoint(candidate, &socket));
        }
        tried.push(printable_path(&socket).into_owned());
    }
    Err(Error::NotFound(format!(
        "no {} listens on this machine (looked for {}); start it, or name its socket with --socket",
        engine.map_or("container engine".to_owned(), |engine| engine.to_string()),
        tried.join(", ")
    )))
}

fn by_name(socket: &Path) -> Engine {
    let name = socket.to_string_lossy();
    if name.contains("podman") {
        Engine::Podman
    } else if name.contains("containerd") {
        Engine::Containerd
    } else {
        Engine::Docker
    }
}

fn candidates(variable: &impl Fn(&str) -> Option<String>) -> Result<Vec<(Engine, PathBuf)>, Error> {
    let mut all = Vec::new();
    for (engine, name) in [
        (Engine::Docker, "DOCKER_HOST"),
        (Engine::Podman, "CONTAINER_HOST"),
        (Engine::Containerd, "CONTAINERD_ADDRESS"),
    ] {
        let Some(address) = variable(name).filter(|address| !address.is_empty()) else {
            continue;
        };
        let path = address.strip_prefix("unix://").unwrap_or(&address);
        if !path.starts_with('/') {
            return Err(Error::NotFound(format!(
                "{name} is `{}`, and only sockets of this machine are known (unix:///path); push to a registry to reach other machines",
                crate::error::said(&address)
            )));
        }
        // A DOCKER_HOST that leads to Podman is Podman.
        let engine = if engine == Engine::Docker && path.contains("podman") {
            Engine::Podman
        } else {
            engine
        };
        all.push((engine, PathBuf::from(path)));
    }
    if let Some(folder) = variable("XDG_RUNTIME_DIR").filter(|folder| folder.starts_with('/')) {
        all.push((
            Engine::Podman,
            Path::new(&folder).join("podman/podman.sock"),
        ));
        all.push((Engine::Docker, Path::new(&folder).join("docker.sock")));
    }
    for (engine, path) in [
        (Engine::Podman, "/run/podman/podman.sock"),
        (Engine::Docker, "/var/run/docker.sock"),
        (Engine::Containerd, "/run/containerd/containerd.sock"),
    ] {
        all.push((engine, path.into()));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_come_first_and_lead_to_sockets() {
        let env = |pairs: &'static [(&str, &str)]| {
            move |name: &str| {
                pairs
                    .iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, value)| (*value).to_owned())
            }
        };
        let all = candidates(&env(&[("DOCKER_HOST", "unix:///x/docker.sock")])).unwrap();
        assert_eq!(all[0], (Engine::Docker, "/x/docker.sock".into()));
        let all = candidates(&env(&[("DOCKER_HOST", "unix:///x/podman.sock")])).unwrap();
        assert_eq!(all[0].0, Engine::Podman);
        let all = candidates(&env(&[("XDG_RUNTIME_DIR", "/run/user/7")])).unwrap();
        assert_eq!(all[0].1, Path::new("/run/user/7/podman/podman.sock"));
        let error = candidates(&env(&[("DOCKER_HOST", "tcp://10.0.0.1:2375")])).unwrap_err();
        assert!(error.to_string().contains("only sockets"), "{error}");
    }

    #[test]
    fn what_is_not_there_is_said_with_where_it_was_looked_for() {
        let error = find(Some(Engine::Podman), None, "default", |name| {
            (name == "XDG_RUNTIME_DIR").then(|| "/nonexistent".to_owned())
        });
        // A machine may have Podman listening in its usual place.
        if let Err(error) = error {
            assert!(error.to_string().contains("/nonexistent/podman"), "{error}");
        }
        let named = find(None, Some(Path::new("/x/podman.sock")), "default", |_| None).unwrap();
        assert_eq!(named.engine, Engine::Podman);
    }
}
