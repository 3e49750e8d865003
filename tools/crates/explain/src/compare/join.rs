//! Which entries of two trees belong together: by path, and by content where a file lies under another name.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use verbatim_digest::Digest;
use verbatim_reader::Kind as EntryKind;

use crate::blob::in_parallel;
use crate::tree::{Content, Tree};

/// Which entries belong together: each in the order of the left side's paths.
pub(super) struct Join {
    pub(super) pairs: Vec<(usize, usize)>,
    pub(super) removed: Vec<usize>,
    pub(super) added: Vec<usize>,
    /// Entries that only one side has, and that a later one of the same path replaces when it is
    /// unpacked: they change nothing but the archive.
    pub(super) replaced_left: Vec<usize>,
    pub(super) replaced_right: Vec<usize>,
}

impl Join {
    pub(super) fn of(left: &Tree, right: &Tree) -> Self {
        let order = |tree: &Tree| {
            let mut order: Vec<usize> = (0..tree.entries.len()).collect();
            // Of a path that occurs several times the last one stands: the sort is stable.
            order.sort_by(|&a, &b| tree.entries[a].path.cmp(&tree.entries[b].path));
            order
        };
        let (l, r) = (order(left), order(right));
        let mut join = Self {
            pairs: Vec::new(),
            removed: Vec::new(),
            added: Vec::new(),
            replaced_left: Vec::new(),
            replaced_right: Vec::new(),
        };
        let (mut i, mut j) = (0, 0);
        while i < l.len() || j < r.len() {
            let ordering = match (l.get(i), r.get(j)) {
                (Some(&a), Some(&b)) => left.entries[a].path.cmp(&right.entries[b].path),
                (Some(_), None) => Ordering::Less,
                _ => Ordering::Greater,
            };
            match ordering {
                Ordering::Less => {
                    join.removed.push(l[i]);
                    i += 1;
                }
                Ordering::Greater => {
                    join.added.push(r[j]);
                    j += 1;
                }
                Ordering::Equal => {
                    let path = &left.entries[l[i]].path;
                    let times = |tree: &Tree, rest: &[usize]| {
                        rest.iter()
                            .take_while(|&&at| tree.entries[at].path == *path)
                            .count()
                    };
                    let (m, n) = (times(left, &l[i..]), times(right, &r[j..]));
                    let both = m.min(n);
                    join.replaced_left.extend(&l[i..i + m - both]);
                    join.replaced_right.extend(&r[j..j + n - both]);
                    (i, j) = (i + m, j + n);
                    let pairs = l[i - both..i].iter().zip(&r[j - both..j]);
                    join.pairs.extend(pairs.map(|(&a, &b)| (a, b)));
                }
            }
        }
        join
    }
}

/// Files that lie under another name on the other side.
pub(super) fn moves(left: &Tree, right: &Tree, join: &Join) -> io::Result<Vec<(usize, usize)>> {
    let sizes = |tree: &Tree, indices: &[usize]| -> BTreeSet<u64> {
        indices
            .iter()
            .map(|&i| &tree.entries[i])
            .filter(|e| e.kind == EntryKind::File && e.size > 0)
            .map(|e| e.size)
            .collect()
    };
    let removed = sizes(left, &join.removed);
    let both: BTreeSet<u64> = sizes(right, &join.added)
        .intersection(&removed)
        .copied()
        .collect();
    let digests = |tree: &Tree, indices: &[usize]| -> io::Result<Vec<(Digest, usize)>> {
        let mut known = Vec::new();
        let mut blobs = Vec::new();
        for &index in indices {
            let entry = &tree.entries[index];
            if entry.kind != EntryKind::File || !both.contains(&entry.size) {
                continue;
            }
            match (&entry.content, tree.content(index)?) {
                (Content::Streamed(digest), _) => known.push((*digest, index)),
                (_, Some(blob)) => blobs.push((index, blob)),
                _ => {}
            }
        }
        let hashed = in_parallel(&blobs, || (), |(), (_, blob)| blob.digest());
        for ((index, _), digest) in blobs.iter().zip(hashed) {
            known.push((digest?, *index));
        }
        Ok(known)
    };
    let mut there: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (digest, index) in digests(right, &join.added)? {
        there.entry(digest).or_default().push(index);
    }
    let mut moved = Vec::new();
    for (digest, index) in digests(left, &join.removed)? {
        if let Some(candidates) = there.get_mut(&digest) {
            if !candidates.is_empty() {
                moved.push((index, candidates.remove(0)));
            }
        }
    }
    moved.sort_unstable();
    Ok(moved)
}
