//! What a statement is about: the images and files of a release, straight from its sums.

use std::collections::BTreeMap;

use verbatim_digest::Digest;
use verbatim_document::json;
use verbatim_foreign::{counted, excerpt};
use verbatim_oci::{Encoder, LayerMetadata, Platform};
use verbatim_sums::{Record, Sums};

/// What one statement is about, and what is known of how it was compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subjects {
    /// Name and digest, sorted, each pair once; at least one.
    named: Vec<(String, Digest)>,
    /// Whose images these are, where they are those of one platform.
    platform: Option<Platform>,
    /// What compressed their layers, each once.
    encoders: Vec<Encoder>,
}

impl Subjects {
    /// What is released under names: images, indexes and files.
    ///
    /// # Errors
    /// There is nothing: one sentence.
    pub fn released(sums: &Sums, record: Option<&Record>) -> Result<Self, String> {
        let named = sums
            .iter()
            .map(|(subject, digest)| (subject.to_string(), digest));
        let images = record.into_iter().flat_map(|record| &record.images);
        let layers = images
            .flat_map(|image| &image.platforms)
            .flat_map(|image| &image.layers);
        Self::new(named.collect(), None, layers).ok_or_else(|| {
            "the sums are empty, so that there is nothing to make a statement of".to_owned()
        })
    }

    /// The images of one platform, of all that are released.
    ///
    /// # Errors
    /// None of them is for it: one sentence that names those that are there.
    pub fn of_platform(record: &Record, platform: &Platform) -> Result<Self, String> {
        let all = || {
            let images = record.images.iter();
            images.flat_map(|image| {
                image
                    .platforms
                    .iter()
                    .map(move |one| (&image.reference, one))
            })
        };
        let ours = || all().filter(|(_, one)| one.platform.matches(platform));
        let named = ours().map(|(reference, one)| (reference.to_string(), one.manifest.digest));
        let layers = ours().flat_map(|(_, one)| &one.layers);
        Self::new(named.collect(), Some(platform.clone()), layers).ok_or_else(|| {
            let mut known: Vec<_> = all().map(|(_, one)| one.platform.to_string()).collect();
            known.sort();
            known.dedup();
            let rest = known.len().saturating_sub(20);
            known.truncate(20);
            let mut known = known.join(", ");
            if rest > 0 {
                known.push_str(&format!(" and {} more", counted(rest, "platform")));
            }
            match known.is_empty() {
                true => "no image of the sums names its platform".to_owned(),
                false => format!(
                    "no image of the sums is for {platform}; there is {}",
                    excerpt(&known, 600)
                ),
            }
        })
    }

    /// `None` for nothing.
    fn new<'a>(
        mut named: Vec<(String, Digest)>,
        platform: Option<Platform>,
        layers: impl Iterator<Item = &'a LayerMetadata>,
    ) -> Option<Self> {
        named.sort();
        named.dedup();
        // By their bytes: what is equal stands once, and in an order that no input decides.
        let mut encoders = BTreeMap::new();
        for encoder in layers.filter_map(|layer| layer.encoder.as_deref()) {
            let text = json::to_canonical(encoder).ok()?;
            encoders.entry(text).or_insert(encoder);
        }
        (!named.is_empty()).then(|| Self {
            named,
            platform,
            encoders: encoders.into_values().cloned().collect(),
        })
    }

    /// Name and digest of each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Digest)> {
        self.named
            .iter()
            .map(|(name, digest)| (name.as_str(), *digest))
    }

    /// Whose images these are, where they are those of one platform.
    pub fn platform(&self) -> Option<&Platform> {
        self.platform.as_ref()
    }

    /// What compressed their layers.
    pub fn encoders(&self) -> &[Encoder] {
        &self.encoders
    }
}
