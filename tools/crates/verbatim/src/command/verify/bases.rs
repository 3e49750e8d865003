//! What became of the images that a release stands on.

use verbatim_bases::{Base, BaseVerdict};
use verbatim_foreign::counted;

use super::release::Release;
use super::Options;
use crate::pinned::{ask, Pinned};

/// A note on each base that is not what was pinned, or of which that is not known.
pub(super) fn notes(
    options: &Options,
    pinned: &[Pinned],
    release: &Release,
) -> anyhow::Result<Vec<String>> {
    let images = release
        .record
        .as_ref()
        .map(|record| record.images.as_slice());
    let bases = ask(pinned, images, &options.registry)?;
    let mut notes: Vec<String> = bases.iter().filter_map(note).collect();
    if notes.is_empty() {
        let count = match bases.len() {
            1 => "the base is what its tag stands for".to_owned(),
            count => format!("all {count} bases are what their tags stand for"),
        };
        notes.push(count);
    }
    if release.record.is_none() {
        notes.push(format!(
            "{} has no JSON beside it, so it is not known which images stand on which base",
            release.name
        ));
    }
    Ok(notes)
}

fn note(base: &Base) -> Option<String> {
    let standing = match base.images.as_deref() {
        None => String::new(),
        Some([]) => "; no image of the list stands on it".to_owned(),
        Some([one]) => format!("; {one} stands on it"),
        Some(images) => format!(
            "; {} of the list stand on it",
            counted(images.len(), "image")
        ),
    };
    let Base {
        reference, name, ..
    } = base;
    match (base.verdict, base.pinned, base.now) {
        (BaseVerdict::Current, ..) => None,
        (BaseVerdict::Moved, Some(pinned), Some(now)) => Some(format!(
            "the base {name} has moved on: {reference} was {pinned} and is {now}{standing}"
        )),
        _ => Some(format!(
            "whether the base {name} has moved on is not known: {reference} {}{standing}",
            base.reason.as_deref().unwrap_or("was not asked")
        )),
    }
}
