//! Rules about root file systems, applied to the entries of a layer.
//!
//! They are asked when the layer is complete otherwise: then every path is there once, under
//! its final name, and the content of each name of a file is known. So neither the order of
//! an archive nor which of a file's names came first makes a difference; a private key is
//! one under every name that it has.

use std::collections::{BTreeMap, HashMap};

use verbatim_scrub::{Action, Done, Kind as Seen, Refusal, Refused, Scrub};

use crate::content::Files;
use crate::entry::{Content, Entry, Kind};
use crate::Error;

/// What becomes of one entry.
enum Fate {
    Keep,
    Drop,
    Rewrite(Vec<u8>),
}

/// Ask the rules about every entry, and do what they say. The entries are sorted, and hard
/// links are looked up.
pub(crate) fn apply(
    entries: &mut Vec<Entry>,
    files: &Files,
    mut scrub: Scrub,
) -> Result<Vec<Done>, Error> {
    let mut fates = Vec::with_capacity(entries.len());
    let mut refused = Vec::new();
    let mut start = Vec::new();
    for entry in entries.iter() {
        let file = match entry.kind {
            Kind::HardLink(first) => &entries[first as usize],
            _ => entry,
        };
        let seen = seen(&file.kind);
        start.resize(scrub.needs(&entry.path, seen), 0);
        if let Kind::File { size, content } = &file.kind {
            files.read(&file.path, content, *size, 0, &mut start, 0)?;
        }
        fates.push(match scrub.visit(&entry.path, seen, &start) {
            Action::Keep => Fate::Keep,
            Action::Drop => Fate::Drop,
            Action::Rewrite(content) => Fate::Rewrite(content),
            Action::Fail(refusal) => {
                refused.push(refusal);
                Fate::Keep
            }
        });
    }
    refused.extend(half_rewritten(entries, &fates, scrub.done()));
    if !refused.is_empty() {
        return Err(Error::Scrub(Refused {
            refusals: refused,
            done: scrub.into_done(),
        }));
    }
    rebuild(entries, fates, files);
    Ok(scrub.into_done())
}

fn seen(kind: &Kind) -> Seen {
    match kind {
        Kind::File { size, .. } => Seen::File { size: *size },
        Kind::Symlink(_) => Seen::Symlink,
        Kind::Directory => Seen::Directory,
        // To a file of the layer, which the caller looked up, or of a lower one.
        Kind::HardLink(_) | Kind::Link(_) | Kind::LinkToHidden { .. } => Seen::HardLink,
        Kind::Whiteout => Seen::File { size: 0 },
        Kind::CharDevice { .. } | Kind::BlockDevice { .. } | Kind::Fifo => Seen::Other,
    }
}

/// A file that is to get other content while another of its names keeps the old one: nobody
/// would look for it there.
fn half_rewritten(entries: &[Entry], fates: &[Fate], done: &[Done]) -> Vec<Refusal> {
    let mut kept: HashMap<usize, usize> = HashMap::new();
    for (at, fate) in fates.iter().enumerate() {
        if matches!(fate, Fate::Keep) {
            kept.entry(leader(entries, at)).or_insert(at);
        }
    }
    let rewritten = fates.iter().enumerate().filter(|&(at, fate)| {
        matches!(fate, Fate::Rewrite(_)) && kept.contains_key(&leader(entries, at))
    });
    rewritten
        .filter_map(|(at, _)| {
            let path = &entries[at].path[..];
            let done = done.iter().find(|done| done.path == path)?;
            Some(Refusal {
                rule: done.rule,
                path: path.to_vec(),
                what: "is a hard link to a file that has another name as well",
                fix: "make it a file of its own",
            })
        })
        .collect()
}

/// The number of the entry that has the content.
fn leader(entries: &[Entry], at: usize) -> usize {
    match entries[at].kind {
        Kind::HardLink(first) => first as usize,
        _ => at,
    }
}

/// Leave out what is dropped. The first name that stays gets a file's content.
fn rebuild(entries: &mut Vec<Entry>, fates: Vec<Fate>, files: &Files) {
    // Only files with names that go, or change, need to be looked at again.
    let mut moved: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, fate) in fates.iter().enumerate() {
        if !matches!(fate, Fate::Keep) {
            moved.entry(leader(entries, at)).or_default();
        }
    }
    for (at, fate) in fates.iter().enumerate() {
        if let (Some(names), Fate::Keep) = (moved.get_mut(&leader(entries, at)), fate) {
            names.push(at);
        }
    }
    for (first, names) in moved {
        let (Some(&heir), Kind::File { size, content }) = (names.first(), &entries[first].kind)
        else {
            continue;
        };
        let content = files.anchored(&entries[first].path, content);
        let size = *size;
        let attributes = entries[first].attributes.clone();
        entries[heir].kind = Kind::File { size, content };
        entries[heir].attributes = attributes;
        for &name in &names[1..] {
            entries[name].kind = Kind::HardLink(heir as u32);
        }
    }
    // Where each entry stands when others before it are gone.
    let mut places = Vec::with_capacity(entries.len());
    let mut next = 0u32;
    for fate in &fates {
        places.push(next);
        next += u32::from(!matches!(fate, Fate::Drop));
    }
    let shared: Vec<_> = fates
        .iter()
        .enumerate()
        .filter(|(_, fate)| matches!(fate, Fate::Rewrite(_)))
        .map(|(at, _)| (at, entries[leader(entries, at)].attributes.clone()))
        .collect();
    for (at, attributes) in shared {
        entries[at].attributes = attributes;
    }
    let old = std::mem::take(entries);
    entries.reserve_exact(next as usize);
    for (mut entry, fate) in old.into_iter().zip(fates) {
        match fate {
            Fate::Drop => continue,
            Fate::Rewrite(content) => {
                entry.kind = Kind::File {
                    size: content.len() as u64,
                    content: Content::Bytes(content.into()),
                }
            }
            Fate::Keep => {
                if let Kind::HardLink(first) = &mut entry.kind {
                    *first = places[*first as usize];
                }
            }
        }
        entries.push(entry);
    }
}
