//! The unpacked files of one image in a folder, and nothing else of it.
//!
//! Nothing on the disk says how the layer was compressed, or what its manifest is. Both follow: the layer
//! is made again from its files, compressed by the encoder that the document beside the sums names,
//! and the manifest is made again around it. If its digest is the one that was released, that is proof.

use std::collections::BTreeMap;
use std::path::Path;

use verbatim_foreign::counted;
use verbatim_oci::{json, Descriptor, LayerMetadata, Manifest, Result};
use verbatim_storage::{remake, Remade};
use verbatim_sums::record::PlatformImage;

use crate::served::Expected;
use crate::{Finding, Judgement, Verdict};

/// So many files are named.
const MAX_REASONS: usize = 8;

/// Whether the files of a folder are those of an image of one layer that this program made.
pub fn check(folder: &Path, expected: &Expected, progress: &dyn Fn(u64)) -> Finding {
    let judgement = judge(folder, expected, progress)
        .unwrap_or_else(|e| Judgement::because(Verdict::Unchecked, e.to_string()));
    let actual = (judgement.verdict == Verdict::Identical).then_some(expected.digest);
    let name = expected.reference.to_string();
    Finding::new(name, Some(expected.digest), actual, judgement)
}

fn judge(folder: &Path, expected: &Expected, progress: &dyn Fn(u64)) -> Result<Judgement> {
    let unchecked = |why: String| Ok(Judgement::because(Verdict::Unchecked, why));
    let Some(released) = &expected.image else {
        return unchecked("only its digest is known, and the files do not say how they were compressed: keep the .json file beside the sums".to_owned());
    };
    let [image] = &released.platforms[..] else {
        return unchecked(format!(
            "it is an index of {}, and the files do not say of which of them they are",
            counted(released.platforms.len(), "image")
        ));
    };
    let [layer] = &image.layers[..] else {
        return unchecked(format!(
            "its files come from {}, and lie over each other in this folder: nobody says which is whose; name the engine's store",
            counted(image.layers.len(), "layer")
        ));
    };
    let made = remake(folder, layer, progress)?;
    if made.diff_id != layer.diff_id {
        let why = format!(
            "the files make a layer with the diff_id {}, and {} was released",
            made.diff_id, layer.diff_id
        );
        if made.is_ours {
            return Ok(Judgement::because(Verdict::Different, why));
        }
        return unchecked(format!(
            "{why}; whether this program made that, the document beside the sums does not say"
        ));
    }
    if !made.changes.is_empty() {
        let mut reasons: Vec<_> = made.changes.iter().map(ToString::to_string).collect();
        let more = reasons.len().saturating_sub(MAX_REASONS);
        reasons.truncate(MAX_REASONS);
        if more > 0 {
            reasons.push(format!("and {more} more"));
        }
        return Ok(Judgement {
            reasons,
            ..Judgement::because(Verdict::Different, "")
        });
    }
    if manifest(image, layer, &made)? != expected.digest {
        return unchecked(format!(
            "the files make the layer with the diff_id {} that the document beside the sums names; that it belongs to the digest {} they do not prove, for the manifest cannot be made again from it",
            made.diff_id, expected.digest
        ));
    }
    Ok(Judgement::because(
        Verdict::Identical,
        "its files; the config is not among them",
    ))
}

/// The digest of the manifest around a layer that was made again.
fn manifest(
    image: &PlatformImage,
    layer: &LayerMetadata,
    made: &Remade,
) -> Result<verbatim_digest::Digest> {
    let plain =
        |other: &Descriptor| Descriptor::new(other.media_type.clone(), other.digest, other.size);
    let layer = Descriptor::new(layer.media_type.clone(), made.digest, made.size);
    let manifest = Manifest::new(
        image.manifest.media_type.clone(),
        plain(&image.config),
        vec![layer],
        BTreeMap::new(),
    );
    Ok(verbatim_digest::Digest::of(&json::to_canonical(&manifest)?))
}
