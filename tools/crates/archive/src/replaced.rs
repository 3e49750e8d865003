//! Files of an archive that a later entry replaces, while hard links still lead to them.
//!
//! Whoever unpacks an archive from the front has the old content under the other names then: a
//! link is made to the file that is there at that moment. So the first of these names becomes
//! the file, and the others lead to it.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasher;

use crate::entry::{Entry, Kind};

/// Where an entry is: among those of the layer, whose paths are those in the layer, or among those
/// that were left out, whose paths are those in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum At {
    Hidden(usize),
    Shown(usize),
}

/// By what an entry is found: whether it is left out, and its path.
type Name = (bool, Box<[u8]>);

/// Entries of all archives.
pub(crate) struct Lists<'a> {
    pub(crate) shown: &'a mut Vec<Entry>,
    /// Those that were left out.
    pub(crate) hidden: &'a mut Vec<Entry>,
}

impl Lists<'_> {
    fn get(&mut self, at: At) -> &mut Entry {
        match at {
            At::Shown(at) => &mut self.shown[at],
            At::Hidden(at) => &mut self.hidden[at],
        }
    }
}

/// The entries of one archive, as far as links depend on their order.
pub(crate) struct Order {
    /// How many entries there were before this archive.
    shown: usize,
    hidden: usize,
    hasher: RandomState,
    /// Hashes of the names to which links lead. Nearly always this is all that is needed.
    linked: HashSet<u64>,
    /// All names, once one of those came again.
    names: Option<Names>,
}

impl Order {
    pub(crate) fn new(lists: &Lists<'_>) -> Self {
        Self {
            shown: lists.shown.len(),
            hidden: lists.hidden.len(),
            hasher: RandomState::new(),
            linked: HashSet::new(),
            names: None,
        }
    }

    /// Take an entry in, at the end of its list.
    pub(crate) fn push(&mut self, entry: Entry, is_hidden: bool, lists: &mut Lists<'_>) {
        let name = (is_hidden, entry.path.clone());
        let target = target_of(&entry.kind);
        if target.as_ref() != Some(&name) && self.linked.contains(&self.hasher.hash_one(&name)) {
            let (shown, hidden) = (self.shown, self.hidden);
            self.names
                .get_or_insert_with(|| Names::of(shown, hidden, lists));
        }
        if let Some(target) = &target {
            self.linked.insert(self.hasher.hash_one(target));
        }
        let at = match is_hidden {
            true => At::Hidden(lists.hidden.len()),
            false => At::Shown(lists.shown.len()),
        };
        match is_hidden {
            true => lists.hidden.push(entry),
            false => lists.shown.push(entry),
        }
        if let Some(names) = &mut self.names {
            names.add(name, target, at);
        }
    }

    /// Once all entries are there: what was replaced lives on under its other names.
    pub(crate) fn finish(self, lists: &mut Lists<'_>) {
        if let Some(names) = self.names {
            names.hand_down(lists);
        }
    }
}

/// What each name of an archive stands for.
#[derive(Default)]
struct Names {
    /// The last entry of each name.
    last: HashMap<Name, At>,
    /// What a link led to when it came: an entry that is no link, or one that leads out of the archive.
    origins: HashMap<At, At>,
    /// The links to each of these, in their order.
    links: BTreeMap<At, Vec<At>>,
}

impl Names {
    /// Those of all entries from these on. What was replaced until now had no links, so the
    /// order between the lists makes no difference.
    fn of(shown: usize, hidden: usize, lists: &mut Lists<'_>) -> Self {
        let mut names = Self::default();
        let hidden = (hidden..lists.hidden.len()).map(At::Hidden);
        let shown = (shown..lists.shown.len()).map(At::Shown);
        for at in hidden.chain(shown) {
            let entry = lists.get(at);
            let name = (matches!(at, At::Hidden(_)), entry.path.clone());
            let target = target_of(&entry.kind);
            names.add(name, target, at);
        }
        names
    }

    fn add(&mut self, name: Name, target: Option<Name>, at: At) {
        if let Some(target) = target {
            // GNU tar that is told to store a file twice writes a link to itself the second time.
            if target == name {
                return;
            }
            if let Some(&led_to) = self.last.get(&target) {
                let origin = *self.origins.get(&led_to).unwrap_or(&led_to);
                self.origins.insert(at, origin);
                self.links.entry(origin).or_default().push(at);
            }
        }
        self.last.insert(name, at);
    }

    fn is_last(&self, at: At, lists: &mut Lists<'_>) -> bool {
        let name = (matches!(at, At::Hidden(_)), lists.get(at).path.clone());
        self.last.get(&name) == Some(&at)
    }

    /// The first link to what was replaced becomes it, and the others lead there.
    fn hand_down(mut self, lists: &mut Lists<'_>) {
        for (origin, links) in std::mem::take(&mut self.links) {
            let old = lists.get(origin);
            // These have no other names: an error in any case, which tells of both.
            if matches!(old.kind, Kind::Directory | Kind::Whiteout) {
                continue;
            }
            let (kind, attributes) = (old.kind.clone(), old.attributes.clone());
            if self.is_last(origin, lists) {
                // A link may lead there by way of a name that is another file now.
                let path = lists.get(origin).path.clone();
                self.lead_to(&links, origin, &path, lists);
                continue;
            }
            let mut live = links.iter().copied().filter(|&at| self.is_last(at, lists));
            let Some(heir) = live.next() else {
                continue;
            };
            let rest: Vec<At> = live.collect();
            let entry = lists.get(heir);
            entry.attributes = attributes;
            entry.kind = kind;
            let path = entry.path.clone();
            self.lead_to(&rest, heir, &path, lists);
        }
    }

    /// Let links lead to the entry at this place, whose path this is.
    fn lead_to(&self, links: &[At], at: At, path: &[u8], lists: &mut Lists<'_>) {
        let to_hidden = matches!(at, At::Hidden(_));
        for &link in links {
            if target_of(&lists.get(link).kind) == Some((to_hidden, path.into())) {
                continue;
            }
            lists.get(link).kind = match to_hidden {
                true => Kind::LinkToHidden {
                    target: path.into(),
                    name: None,
                },
                false => Kind::Link(path.into()),
            };
        }
    }
}

/// What a link leads to.
fn target_of(kind: &Kind) -> Option<Name> {
    match kind {
        Kind::Link(target) => Some((false, target.clone())),
        Kind::LinkToHidden { target, .. } => Some((true, target.clone())),
        _ => None,
    }
}
