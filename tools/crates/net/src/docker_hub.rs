//! Docker Hub, the one registry with several names, and with repositories that have two.

use std::borrow::Cow;

/// Its name in references.
const NAME: &str = "docker.io";
/// The host that serves its API.
const SERVER: &str = "registry-1.docker.io";
/// What else it has been called.
const ALIASES: [&str; 2] = ["index.docker.io", SERVER];
/// What `docker login` calls it, and so do credential helpers.
const LOGIN: &str = "https://index.docker.io/v1/";

/// The one name of a registry: `docker.io` for all names of Docker Hub, in lower case.
pub fn canonical_host(host: &str) -> Cow<'_, str> {
    if is_docker_hub(host) {
        Cow::Borrowed(NAME)
    } else if host.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

fn is_docker_hub(host: &str) -> bool {
    host.eq_ignore_ascii_case(NAME) || ALIASES.iter().any(|name| host.eq_ignore_ascii_case(name))
}

/// The one name of a repository: Docker's own images are those of `library`, so that
/// `docker.io/NAME` is `docker.io/library/NAME`.
pub fn canonical_name<'a>(host: &str, name: &'a str) -> Cow<'a, str> {
    if is_docker_hub(host) && !name.contains('/') {
        Cow::Owned(format!("library/{name}"))
    } else {
        Cow::Borrowed(name)
    }
}

/// The host that serves what is named after a registry.
pub fn serving_host(registry: &str) -> &str {
    if is_docker_hub(registry) {
        SERVER
    } else {
        registry
    }
}

/// What credential helpers call a registry.
pub fn login_name(registry: &str) -> &str {
    if is_docker_hub(registry) {
        LOGIN
    } else {
        registry
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
}
