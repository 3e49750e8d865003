//! What things are called by people and tools, and the one form of each name. Registries and repositories: most
//! have one name; Docker Hub has several, so have Docker's own images in it, and people leave most of them out.
//! Packages of all kinds: their [URLs](Purl).

mod purl;

use std::borrow::Cow;

pub use purl::{Purl, PurlError};

/// The name of Docker Hub in references.
const NAME: &str = "docker.io";
/// The host that serves its API.
const SERVER: &str = "registry-1.docker.io";
/// All that it is called in references, its name first.
const NAMES: [&str; 3] = [NAME, "index.docker.io", SERVER];
/// Where Docker's own images are in it, which need not be said.
const OFFICIAL: &str = "library";
/// What `docker login` calls it, and so do credential helpers.
const LOGIN: &str = "https://index.docker.io/v1/";

/// All names of a registry that has several, the one that stands for all of them first; nothing of any other.
pub fn synonyms(host: &str) -> &'static [&'static str] {
    let is_one = |name: &&str| host.eq_ignore_ascii_case(name);
    match NAMES.iter().any(is_one) {
        true => &NAMES,
        false => &[],
    }
}

/// What stands between a registry and a name that has nothing there: `docker.io/NAME` is
/// `docker.io/library/NAME`.
pub fn implied_prefix(host: &str) -> Option<&'static str> {
    (!synonyms(host).is_empty()).then_some(OFFICIAL)
}

/// The one name of a registry: `docker.io` for all names of Docker Hub, in lower case.
pub fn canonical_host(host: &str) -> Cow<'_, str> {
    match synonyms(host) {
        [name, ..] => Cow::Borrowed(name),
        [] if host.bytes().any(|b| b.is_ascii_uppercase()) => Cow::Owned(host.to_ascii_lowercase()),
        [] => Cow::Borrowed(host),
    }
}

/// The one name of a repository below a registry.
pub fn canonical_name<'a>(host: &str, name: &'a str) -> Cow<'a, str> {
    match implied_prefix(host) {
        Some(prefix) if !name.contains('/') => Cow::Owned(format!("{prefix}/{name}")),
        _ => Cow::Borrowed(name),
    }
}

/// The registry in a name, as container tools tell it from a namespace of Docker Hub: what stands before the
/// first slash and has a dot or a port, or is `localhost`.
pub fn registry_of(name: &str) -> Option<&str> {
    let (first, _) = name.split_once('/')?;
    let is_host = first.bytes().any(|b| matches!(b, b'.' | b':')) || first == "localhost";
    is_host.then_some(first)
}

/// A name with its registry, as container tools understand it: what does not begin with a host
/// is an image of Docker Hub.
pub fn with_registry(name: &str) -> Cow<'_, str> {
    match registry_of(name) {
        Some(_) => Cow::Borrowed(name),
        None => Cow::Owned(format!("{NAME}/{name}")),
    }
}

/// The host that serves what is named after a registry.
pub fn serving_host(registry: &str) -> &str {
    match synonyms(registry) {
        [] => registry,
        _ => SERVER,
    }
}

/// What credential helpers call a registry.
pub fn login_name(registry: &str) -> &str {
    match synonyms(registry) {
        [] => registry,
        _ => LOGIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_registry_with_many_names() {
        for host in [
            "docker.io",
            "index.docker.io",
            "registry-1.docker.io",
            "Docker.io",
        ] {
            assert_eq!(canonical_host(host), "docker.io");
            assert_eq!(canonical_name(host, "alpine"), "library/alpine");
            assert_eq!(canonical_name(host, "acme/app"), "acme/app");
            assert_eq!(serving_host(host), "registry-1.docker.io");
            assert_eq!(login_name(host), "https://index.docker.io/v1/");
        }
        for host in ["r.example.com:5000", "docker.io.example.com", "x.docker.io"] {
            assert_eq!(canonical_host(host), host);
            assert_eq!(canonical_name(host, "alpine"), "alpine");
            assert_eq!(serving_host(host), host);
            assert_eq!(login_name(host), host);
        }
        assert_eq!(canonical_host("R.example.com"), "r.example.com");
    }

    #[test]
    fn short_names_are_of_docker_hub() {
        for (name, whole) in [
            ("nginx", "docker.io/nginx"),
            ("nginx:1.2", "docker.io/nginx:1.2"),
            ("acme/app", "docker.io/acme/app"),
            ("localhost/app", "localhost/app"),
            ("localhost:5000/app", "localhost:5000/app"),
            ("r.example.com/app", "r.example.com/app"),
            ("docker.io/nginx", "docker.io/nginx"),
        ] {
            assert_eq!(with_registry(name), whole);
        }
    }
}
