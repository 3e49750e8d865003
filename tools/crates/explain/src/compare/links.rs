//! Hard links of two trees: one content under several names.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use verbatim_causes::Cause;
use verbatim_reader::Kind as EntryKind;

use crate::report::{lossy, Difference};
use crate::tree::{self, Entry, Tree};

/// The entry that holds the content of a file, behind any number of hard links.
fn resolve(tree: &Tree, by_path: &HashMap<&[u8], usize>, mut index: usize) -> Option<usize> {
    for _ in 0..64 {
        match &tree.entries[index].kind {
            EntryKind::File => return Some(index),
            EntryKind::HardLink { target } => {
                let target = tree::plain(target).1;
                index = *by_path.get(target)?;
            }
            _ => return None,
        }
    }
    None
}

/// All that is needed of hard links on one side.
pub(super) struct Links<'a> {
    tree: &'a Tree,
    by_path: HashMap<&'a [u8], usize>,
    groups: BTreeMap<usize, BTreeSet<&'a [u8]>>,
}

impl<'a> Links<'a> {
    pub(super) fn of(tree: &'a Tree) -> Self {
        let mut links = Self {
            tree,
            by_path: HashMap::new(),
            groups: BTreeMap::new(),
        };
        let is_link = |entry: &&Entry| matches!(entry.kind, EntryKind::HardLink { .. });
        if !tree.entries.iter().any(|entry| is_link(&entry)) {
            return links;
        }
        for (index, entry) in tree.entries.iter().enumerate() {
            links.by_path.insert(&entry.path, index);
        }
        for (index, entry) in tree.entries.iter().enumerate() {
            if let Some(root) = resolve(tree, &links.by_path, index) {
                links.groups.entry(root).or_default().insert(&entry.path);
            }
        }
        links
    }

    pub(super) fn content(&self, index: usize) -> Option<usize> {
        match self.tree.entries[index].kind {
            EntryKind::File => Some(index),
            _ => resolve(self.tree, &self.by_path, index),
        }
    }

    /// The names of the same file, itself included.
    fn names(&self, index: usize) -> BTreeSet<&'a [u8]> {
        self.content(index)
            .and_then(|root| self.groups.get(&root).cloned())
            .unwrap_or_else(|| BTreeSet::from([&self.tree.entries[index].path[..]]))
    }
}

/// Tell if a file is a hard link on one side, or one to another name.
pub(super) fn tell(
    child: &mut Difference,
    (left, l): (&Links<'_>, usize),
    (right, r): (&Links<'_>, usize),
    order_differs: bool,
) {
    let (a, b) = (&left.tree.entries[l].kind, &right.tree.entries[r].kind);
    let shown = |kind: &EntryKind| match kind {
        EntryKind::HardLink { target } => format!("hard link to {}", lossy(target)),
        _ => "a file of its own".to_owned(),
    };
    let linked = |kind: &EntryKind| matches!(kind, EntryKind::HardLink { .. });
    let both_files = [a, b]
        .iter()
        .all(|kind| linked(kind) || **kind == EntryKind::File);
    if !both_files || a == b || (!linked(a) && !linked(b)) {
        return;
    }
    child.field("hard link", shown(a), shown(b));
    // Another order makes another one of the names the first, which is no cause of its own.
    if order_differs && left.names(l) == right.names(r) {
        return;
    }
    child.find(Cause::Hardlink, "", format!("{} → {}", shown(a), shown(b)));
}
