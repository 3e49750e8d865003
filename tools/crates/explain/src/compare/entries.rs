//! Two trees of entries.

use std::collections::BTreeSet;
use std::io;

use verbatim_causes::Cause;
use verbatim_reader::Kind as EntryKind;

use super::fields::{self, Around};
use super::join::{moves, Join};
use super::links::{self, Links};
use super::{inside, special, Explainer};
use crate::blob::{in_parallel, which_differ, Blob};
use crate::report::{lossy, Difference, Kind, Level};
use crate::tree::{Content, Entry, Tree};

impl Explainer<'_> {
    /// Tell what differs between two trees. `path` is the path of what holds them, empty for the
    /// artifact itself.
    pub(crate) fn trees(
        &mut self,
        node: &mut Difference,
        path: &str,
        left: &Tree,
        right: &Tree,
        depth: u32,
    ) -> io::Result<()> {
        let join = Join::of(left, right);
        let archives = !left.is_folder() && !right.is_folder();
        let around = Around {
            owners_and_times: archives || self.metadata,
            attributes: archives || self.metadata,
            order_differs: archives && tell_order(node, left, right, &join),
            spelling: archives && tell_spelling(node, left, right, &join),
        };
        if archives && left.after != right.after && !padded_alike(left, right) {
            node.because(
                Cause::ArchiveHeader,
                "bytes after the last entry",
                left.after.to_string(),
                right.after.to_string(),
            );
        }
        let (left_links, right_links) = (Links::of(left), Links::of(right));
        // Contents first: which of them differ decides what else is worth reading.
        let contents: Vec<Option<(usize, usize)>> = join
            .pairs
            .iter()
            .map(|&(l, r)| Some((left_links.content(l)?, right_links.content(r)?)))
            .collect();
        let differs = differing(left, right, &contents)?;
        let mut nodes: Vec<(Vec<u8>, Difference)> = Vec::new();
        let mut open: Vec<(usize, usize, usize)> = Vec::new();
        for (at, &(l, r)) in join.pairs.iter().enumerate() {
            let (a, b) = (&left.entries[l], &right.entries[r]);
            let shown = inside(path, &lossy(&a.path));
            let mut child = Difference::new(Level::Entry, shown, Kind::Changed);
            fields::compare(&mut child, a, b, &around);
            let changed = differs[at];
            links::tell(
                &mut child,
                (&left_links, l),
                (&right_links, r),
                around.order_differs,
            );
            if changed {
                if let Some((l, r)) = contents[at] {
                    // A hard link shows the same content again.
                    let again = matches!(a.kind, EntryKind::HardLink { .. })
                        && matches!(b.kind, EntryKind::HardLink { .. });
                    if !again {
                        open.push((nodes.len(), l, r));
                        nodes.push((a.path.clone(), child));
                        continue;
                    }
                }
            } else {
                fields::compare_headers(&mut child, a, b);
            }
            if !child.says_nothing() {
                nodes.push((a.path.clone(), child));
            }
        }
        self.explain_contents(&mut nodes, path, (left, right), &open, depth);
        self.one_sided(node, &mut nodes, path, (left, right), &join, depth)?;
        nodes.sort_by(|a, b| a.0.cmp(&b.0));
        node.children
            .extend(nodes.into_iter().map(|(_, child)| child));
        Ok(())
    }

    /// Contents that differ, one after the other.
    fn explain_contents(
        &mut self,
        nodes: &mut [(Vec<u8>, Difference)],
        path: &str,
        (left, right): (&Tree, &Tree),
        open: &[(usize, usize, usize)],
        depth: u32,
    ) {
        // Beyond this nobody reads; what is said of the rest is only that it differs.
        let room = usize::try_from(self.explained).unwrap_or(usize::MAX);
        let (now, never) = open.split_at(open.len().min(room));
        self.explained -= now.len() as u64;
        for &(at, _, _) in never {
            nodes[at]
                .1
                .not_examined("too many files differ; compare fewer of them at a time");
        }
        let bounds = self.bounds(depth);
        let indices = |side: fn(&(usize, usize, usize)) -> usize| -> Vec<usize> {
            now.iter().map(side).collect()
        };
        let fetched = left
            .contents(&indices(|o| o.1), &bounds)
            .and_then(|l| Ok((l, right.contents(&indices(|o| o.2), &bounds)?)));
        let (l, r) = match fetched {
            Ok(both) => both,
            Err(e) => {
                for &(at, _, _) in now {
                    nodes[at].1.not_examined(&e);
                }
                return;
            }
        };
        for &(at, li, ri) in now {
            let child = &mut nodes[at].1;
            let entry = &left.entries[li];
            match (l.get(&li), r.get(&ri)) {
                (Some(a), Some(b)) => {
                    self.entry_content(child, path, entry, &right.entries[ri], (a, b), depth);
                }
                _ => child.not_examined("it could not be read a second time"),
            }
        }
    }

    fn entry_content(
        &mut self,
        child: &mut Difference,
        path: &str,
        entry: &Entry,
        other: &Entry,
        (a, b): (&Blob, &Blob),
        depth: u32,
    ) {
        if entry.size != other.size {
            child.field("size", entry.size.to_string(), other.size.to_string());
        }
        let place = special::of_file(&entry.path, a, b);
        let (found, told) = (child.findings.len(), child.told());
        let name = entry
            .path
            .rsplit(|&b| b == b'/')
            .next()
            .unwrap_or(&entry.path);
        let name = if needs_path(&entry.path) {
            &entry.path
        } else {
            name
        };
        let own = inside(path, &lossy(&entry.path));
        if let Err(e) = self.content(child, &own, name, a, b, depth + 1) {
            // A damaged archive in an archive is still a file that differs.
            if child.told() == told {
                let _ = self.leaf(child, name, None, a, b);
            }
            child.not_examined(e);
        }
        if let Some((cause, evidence)) = place {
            // Who reads a log wants to know that it is one, not which of its lines differ.
            child.wait_no_more();
            child.findings.truncate(found);
            child.find(cause, "", evidence);
        }
        if child.told() == told {
            child.find(Cause::Unexplained, "", "the contents differ");
        }
    }

    /// What only one side has.
    fn one_sided(
        &mut self,
        node: &mut Difference,
        nodes: &mut Vec<(Vec<u8>, Difference)>,
        path: &str,
        (left, right): (&Tree, &Tree),
        join: &Join,
        depth: u32,
    ) -> io::Result<()> {
        let moved = moves(left, right, join)?;
        let gone: BTreeSet<usize> = moved.iter().map(|&(l, _)| l).collect();
        let come: BTreeSet<usize> = moved.iter().map(|&(_, r)| r).collect();
        for &(l, r) in &moved {
            let (a, b) = (&left.entries[l], &right.entries[r]);
            let shown = inside(path, &lossy(&b.path));
            let mut child = Difference::new(Level::Entry, shown, Kind::Moved);
            child.field("path", lossy(&a.path), lossy(&b.path));
            fields::tell_move(&mut child, &a.path, &b.path);
            nodes.push((b.path.clone(), child));
        }
        for (tree, indices, side) in [
            (left, &join.replaced_left, "left"),
            (right, &join.replaced_right, "right"),
        ] {
            for &index in indices {
                let entry = &tree.entries[index];
                let shown = inside(path, &lossy(&entry.path));
                let mut child = Difference::new(Level::Entry, shown, Kind::Changed);
                child.find(
                    Cause::ArchiveHeader,
                    "",
                    format!(
                        "the {side} side lists the path once more; the last entry of it stands"
                    ),
                );
                nodes.push((entry.path.clone(), child));
            }
        }
        let sides = [
            (
                left,
                &join.removed,
                &gone,
                Kind::Removed,
                Cause::RemovedFile,
            ),
            (right, &join.added, &come, Kind::Added, Cause::AddedFile),
        ];
        for (tree, indices, moved, kind, cause) in sides {
            let wanted: Vec<usize> = indices
                .iter()
                .copied()
                .filter(|index| !moved.contains(index))
                .collect();
            let looked_at: Vec<usize> = wanted
                .iter()
                .copied()
                .filter(|&index| verbatim_scrub::is_special(&tree.entries[index].path))
                .collect();
            let contents = tree.contents(&looked_at, &self.bounds(depth))?;
            for index in wanted {
                let entry = &tree.entries[index];
                if entry.path == b"." {
                    // Whether a writer stores the folder itself is a matter of its manners.
                    let side = if kind == Kind::Added { "right" } else { "left" };
                    node.find(
                        Cause::ArchiveHeader,
                        "",
                        format!("only the {side} side has an entry for the folder itself (`./`)"),
                    );
                    continue;
                }
                let shown = inside(path, &lossy(&entry.path));
                let mut child = Difference::new(Level::Entry, shown, kind);
                let what = format!("{} of {} bytes", fields::word(&entry.kind), entry.size);
                let place = contents
                    .get(&index)
                    .and_then(|content| special::of_lone(&entry.path, &entry.kind, content));
                match place {
                    Some((cause, evidence)) => child.find(cause, "", evidence),
                    None => child.find(cause, "", what),
                }
                nodes.push((entry.path.clone(), child));
            }
        }
        Ok(())
    }
}

/// Whether the format is known by the whole path and not by the name alone.
fn needs_path(path: &[u8]) -> bool {
    path.starts_with(b"etc/")
        || path.starts_with(b"var/lib/")
        || path.starts_with(b"usr/lib/sysimage/")
        || path.starts_with(b"lib/apk/")
}

/// For each pair, whether the contents differ.
fn differing(
    left: &Tree,
    right: &Tree,
    contents: &[Option<(usize, usize)>],
) -> io::Result<Vec<bool>> {
    let mut differs = vec![false; contents.len()];
    let mut jobs = Vec::new();
    let mut hashes = Vec::new();
    let mut places = (Vec::new(), Vec::new());
    for (at, pair) in contents.iter().enumerate() {
        let Some((l, r)) = *pair else { continue };
        let (a, b) = (&left.entries[l], &right.entries[r]);
        if a.size != b.size {
            differs[at] = true;
            continue;
        }
        match (&a.content, &b.content) {
            (Content::Streamed(a), Content::Streamed(b)) => differs[at] = a != b,
            (Content::Streamed(digest), _) => {
                places.1.push(at);
                hashes.push((*digest, right.content(r)?));
            }
            (_, Content::Streamed(digest)) => {
                places.1.push(at);
                hashes.push((*digest, left.content(l)?));
            }
            _ => {
                if let (Some(a), Some(b)) = (left.content(l)?, right.content(r)?) {
                    places.0.push(at);
                    jobs.push((a, b));
                }
            }
        }
    }
    for (at, result) in places.0.into_iter().zip(which_differ(&jobs)) {
        differs[at] = result?;
    }
    let hashed = in_parallel(
        &hashes,
        || (),
        |(), (digest, blob)| {
            Ok::<_, io::Error>(match blob {
                Some(blob) => blob.digest()? != *digest,
                None => true,
            })
        },
    );
    for (at, result) in places.1.into_iter().zip(hashed) {
        differs[at] = result?;
    }
    Ok(differs)
}

/// Whether both archives are filled up to a multiple of the same record size, as tar does: then
/// the number of bytes after the last entry follows from what comes before.
fn padded_alike(left: &Tree, right: &Tree) -> bool {
    const BLOCK: u64 = 512;
    // tar's `-b`, in blocks: 20 unless asked otherwise.
    const MOST_BLOCKS: u64 = 128;
    let fits = |tree: &Tree, record: u64| {
        let end = tree.length.saturating_sub(tree.after);
        // Two blocks of zeros end an archive.
        tree.length == (end + 2 * BLOCK).next_multiple_of(record)
    };
    (1..=MOST_BLOCKS)
        .map(|blocks| blocks * BLOCK)
        .any(|record| fits(left, record) && fits(right, record))
}

/// Tell if the entries that both sides have come in another order.
fn tell_order(node: &mut Difference, left: &Tree, right: &Tree, join: &Join) -> bool {
    // Where a path stands that one side lists once more is told with that.
    let path = |tree: &'_ Tree, at: usize| tree.entries[at].path.clone();
    let on_left = join.replaced_left.iter().map(|&at| path(left, at));
    let on_right = join.replaced_right.iter().map(|&at| path(right, at));
    let uneven: BTreeSet<Vec<u8>> = on_left.chain(on_right).collect();
    let is_even = |&&(l, _): &&(usize, usize)| !uneven.contains(&left.entries[l].path);
    let mut pairs: Vec<(usize, usize)> = join.pairs.iter().filter(is_even).copied().collect();
    pairs.sort_unstable();
    let Some(at) = pairs.windows(2).position(|two| two[0].1 > two[1].1) else {
        return false;
    };
    let sorted = |tree: &Tree, indices: &mut dyn Iterator<Item = usize>| {
        let paths: Vec<&[u8]> = indices.map(|i| &tree.entries[i].path[..]).collect();
        paths.windows(2).all(|two| two[0] <= two[1])
    };
    let left_sorted = sorted(left, &mut pairs.iter().map(|p| p.0));
    let mut by_right: Vec<usize> = pairs.iter().map(|p| p.1).collect();
    by_right.sort_unstable();
    let right_sorted = sorted(right, &mut by_right.iter().copied());
    let how = match (left_sorted, right_sorted) {
        (true, false) => "the left side is sorted by path, the right one is not",
        (false, true) => "the right side is sorted by path, the left one is not",
        _ => "neither side is sorted by path",
    };
    let first = |i: usize| lossy(&left.entries[pairs[i].0].path);
    node.find(
        Cause::FileOrder,
        "",
        format!(
            "{how}; {} comes before {} on the left side only",
            first(at),
            first(at + 1)
        ),
    );
    true
}

/// Tell once if all paths are spelled in another way.
fn tell_spelling(node: &mut Difference, left: &Tree, right: &Tree, join: &Join) -> bool {
    let first = join
        .pairs
        .iter()
        .map(|&(l, r)| (left.entries[l].spelling, right.entries[r].spelling))
        .find(|(l, r)| l != r);
    if let Some((l, r)) = first {
        node.because(
            Cause::ArchiveHeader,
            "spelling of paths",
            l.as_str(),
            r.as_str(),
        );
    }
    first.is_some()
}
