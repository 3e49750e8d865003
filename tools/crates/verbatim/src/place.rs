//! Where an image is, as people write it: in a registry, or in a layout here.

use std::path::{Path, PathBuf};

use verbatim_naming::registry_of;
use verbatim_output::{promise, Promise};
use verbatim_registry::Target;

/// Where an image is, or shall be.
#[derive(Debug, Clone)]
pub enum Place {
    /// In a registry.
    Registry(Target),
    /// An OCI layout, a folder or an archive.
    Layout(PathBuf),
}

/// What skopeo and podman write before a reference, and before a folder.
const REMOTE: &str = "docker://";
const FOLDER: &str = "oci:";

impl Place {
    /// What is meant by a text: what is there is a layout, and so is what begins as a path does
    /// or ends as an archive. Anything else names a registry, which has a dot or a port in its
    /// name or is `localhost`.
    pub fn of(text: &str) -> anyhow::Result<Self> {
        if let Some(reference) = text.strip_prefix(REMOTE) {
            return Ok(Self::Registry(reference.parse()?));
        }
        if let Some(path) = text.strip_prefix(FOLDER) {
            return Ok(Self::Layout(path.into()));
        }
        let path = Path::new(text);
        let begins = ["/", "./", "../"]
            .iter()
            .any(|start| text.starts_with(start));
        let has_registry = registry_of(text).is_some();
        if begins || !has_registry || promise(path) == Promise::Tar || path.exists() {
            return Ok(Self::Layout(path.to_owned()));
        }
        Ok(Self::Registry(text.parse()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_references_are_told_apart() {
        for text in [
            "registry.example.com/app:v1",
            "localhost/app",
            "127.0.0.1:5000/acme/app@sha256:0000000000000000000000000000000000000000000000000000000000000000",
            "docker://registry/app",
        ] {
            assert!(matches!(Place::of(text).unwrap(), Place::Registry(_)), "{text}");
        }
        for text in [
            "app",
            "./registry.example.com/app",
            "/srv/app",
            "dist/app",
            "registry.example.com/app.tar",
            "oci:registry.example.com/app",
        ] {
            assert!(
                matches!(Place::of(text).unwrap(), Place::Layout(_)),
                "{text}"
            );
        }
        assert!(Place::of("registry.example.com/App").is_err());
    }
}
