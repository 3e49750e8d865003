//! Annotations of two documents or descriptors, and the names that layouts give their images in them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use verbatim_causes::Cause;
use verbatim_oci::{Descriptor, Reference};

use super::Root;
use crate::compare::Explainer;
use crate::report::Difference;

type Annotations = BTreeMap<String, String>;

pub(super) fn annotations(node: &mut Difference, left: &Annotations, right: &Annotations) {
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    for key in keys {
        let (l, r) = (left.get(key), right.get(key));
        if l == r {
            continue;
        }
        if NAMES.contains(&key.as_str()) {
            continue;
        }
        let cause = match (l, r) {
            (Some(l), Some(r)) => of_annotation(key, l, r),
            // One builder writes it, another one does not.
            _ => Cause::History,
        };
        node.because(cause, &format!("annotation {key}"), quoted(l), quoted(r));
    }
}

/// A value, where an empty one is not none.
fn quoted(value: Option<&String>) -> &str {
    match value.map(String::as_str) {
        None => "",
        Some("") => "\"\"",
        Some(value) => value,
    }
}

/// What a layout calls its image. That is no part of the image, as the name in the header of gzip
/// is none of what is packed.
const NAMES: &[&str] = &[
    "org.opencontainers.image.ref.name",
    "io.containerd.image.name",
];

/// What a name means: one image may be written in several ways.
pub(super) fn meant(name: &str) -> String {
    match Reference::of_short_name(name) {
        Ok(reference) => reference.identity().to_string(),
        Err(_) => name.to_owned(),
    }
}

/// The names of two images in their layouts: told only where nothing else differs, for images that are
/// compared mostly have two names.
pub(super) fn names(
    explainer: &mut Explainer<'_>,
    node: &mut Difference,
    (l, left): (&Root, &Descriptor),
    (r, right): (&Root, &Descriptor),
) {
    for key in NAMES {
        let of = |descriptor: &Descriptor| descriptor.annotations.get(*key).cloned();
        let (a, b) = (of(left), of(right));
        if a.as_deref().map(meant) == b.as_deref().map(meant) {
            continue;
        }
        let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
        if l.digest == r.digest && node.says_nothing() {
            node.because(Cause::ArchiveHeader, &format!("annotation {key}"), a, b);
            explainer
                .notes
                .push("the images are the same; only their names in the layouts differ".into());
            return;
        }
        node.field(&format!("annotation {key}"), a, b);
    }
}

/// Why the value of an annotation differs; its key may say what it is.
fn of_annotation(key: &str, left: &str, right: &str) -> Cause {
    let one = |value: &str| {
        let map = Map::from_iter([(key.to_owned(), Value::from(value))]);
        serde_json::to_vec(&map).unwrap_or_default()
    };
    verbatim_causes::compare("annotations.json", &one(left), &one(right))
        .findings
        .first()
        .map_or(Cause::SourceChange, |finding| finding.cause)
}
