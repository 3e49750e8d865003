//! What walks end in: configs, layers and other blobs, each once.

use std::collections::BTreeMap;

use verbatim_digest::Digest;

use crate::{Descriptor, Error, ErrorKind, Result};

/// Blobs that were named, each by the first descriptor that named it. All that name one must say
/// the same of it.
#[derive(Debug, Clone, Default)]
pub struct Leaves(BTreeMap<Digest, Descriptor>);

impl Leaves {
    /// Note a blob that the document `file` names; `pointer` is the place in it.
    ///
    /// `false` if it was named before.
    pub fn note(&mut self, blob: &Descriptor, file: &str, pointer: &str) -> Result<bool> {
        match self.0.get(&blob.digest) {
            None => {
                self.0.insert(blob.digest, blob.clone());
                Ok(true)
            }
            Some(known) if known.size == blob.size => Ok(false),
            Some(known) => Err(Error::new(
                ErrorKind::Mismatch,
                file,
                format!(
                    "says that {} has {} bytes, and it was {} bytes where it was named before; build the image again",
                    blob.digest, blob.size, known.size
                ),
            )
            .at(format!("{pointer}/size"))),
        }
    }

    /// All of them, by digest.
    pub fn iter(&self) -> impl Iterator<Item = &Descriptor> {
        self.0.values()
    }

    /// Whether there is this one.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.0.contains_key(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MediaType;

    #[test]
    fn one_blob_has_one_size() {
        let mut leaves = Leaves::default();
        let mut blob = Descriptor::of(MediaType::OCI_LAYER, b"abc");
        assert!(leaves.note(&blob, "a", "/layers/0").unwrap());
        assert!(!leaves.note(&blob, "b", "/layers/0").unwrap());
        blob.size = 4;
        let error = leaves.note(&blob, "c", "/layers/1").unwrap_err();
        assert_eq!(error.pointer(), Some("/layers/1/size"));
        assert_eq!(leaves.iter().count(), 1);
    }
}
