//! Members of an archive that is read at random: names, headers, contents.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use verbatim_causes::Cause;

use crate::blob::{which_differ, Blob};
use crate::compare::{fields, inside, Explainer};
use crate::report::{lossy, Difference, Kind, Level};

/// A member with what its archive says of it.
#[derive(Debug, Clone)]
pub(crate) struct Member<H> {
    pub(crate) name: Vec<u8>,
    pub(crate) content: Blob,
    pub(crate) header: H,
}

/// What it means that an archive has several members of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeated {
    /// The last one stands, as in a zip file.
    LastStands,
    /// Each counts, as the object files of a static library do, but for copies of the same content.
    EachCounts,
}

impl Explainer<'_> {
    /// Compare the members of two archives by their names.
    #[allow(
        clippy::too_many_arguments,
        reason = "what both formats have in common"
    )]
    pub(crate) fn members<H>(
        &mut self,
        node: &mut Difference,
        path: &str,
        left: &[Member<H>],
        right: &[Member<H>],
        tell: fn(&mut Difference, &H, &H),
        repeated: Repeated,
        depth: u32,
    ) -> io::Result<()> {
        // A name may occur several times: each occurrence has its own number, from the one on that
        // is sure to have a counterpart.
        let keys = |members: &[Member<H>]| -> BTreeMap<(Vec<u8>, usize), usize> {
            let mut seen: BTreeMap<&[u8], usize> = BTreeMap::new();
            let mut keys = BTreeMap::new();
            let mut order: Vec<(usize, &Member<H>)> = members.iter().enumerate().collect();
            if repeated == Repeated::LastStands {
                order.reverse();
            }
            for (index, member) in order {
                let count = seen.entry(uncompressed(&member.name)).or_default();
                keys.insert((uncompressed(&member.name).to_vec(), *count), index);
                *count += 1;
            }
            keys
        };
        let (l, r) = (keys(left), keys(right));
        let pairs: Vec<(usize, usize)> = l
            .iter()
            .filter_map(|(key, &i)| Some((i, *r.get(key)?)))
            .collect();
        // Where a name stands that one side has once more is told with that.
        let lone_l = l.keys().filter(|key| !r.contains_key(*key));
        let lone_r = r.keys().filter(|key| !l.contains_key(*key));
        let uneven: BTreeSet<&[u8]> = lone_l.chain(lone_r).map(|(name, _)| &name[..]).collect();
        let is_even = |&&(i, _): &&(usize, usize)| !uneven.contains(uncompressed(&left[i].name));
        tell_order(node, left, pairs.iter().filter(is_even).copied().collect());
        let blobs: Vec<(Blob, Blob)> = pairs
            .iter()
            .map(|&(i, j)| (left[i].content.clone(), right[j].content.clone()))
            .collect();
        let differ = which_differ(&blobs);
        for (&(i, j), differs) in pairs.iter().zip(differ) {
            let (a, b) = (&left[i], &right[j]);
            let own = inside(path, &lossy(&a.name));
            let mut child = Difference::new(Level::Entry, &own, Kind::Changed);
            if a.name != b.name {
                child.field("name", lossy(&a.name), lossy(&b.name));
            }
            tell(&mut child, &a.header, &b.header);
            let differs = differs?;
            if a.name != b.name && !differs {
                fields::tell_move(&mut child, &a.name, &b.name);
            }
            if differs {
                let told = child.told();
                if let Err(e) =
                    self.content(&mut child, &own, &a.name, &a.content, &b.content, depth + 1)
                {
                    if child.told() == told {
                        let _ = self.leaf(&mut child, &a.name, None, &a.content, &b.content);
                    }
                    child.not_examined(e);
                }
                if child.told() == told {
                    child.find(Cause::Unexplained, "", "the contents differ");
                }
            }
            if !child.says_nothing() {
                node.children.push(child);
            }
        }
        let lone = |mine: &BTreeMap<(Vec<u8>, usize), usize>, theirs: &BTreeMap<_, usize>| {
            mine.iter()
                .filter(|(key, _)| !theirs.contains_key(*key))
                .map(|(_, &index)| index)
                .collect::<Vec<_>>()
        };
        let mut removed = lone(&l, &r);
        let mut added = lone(&r, &l);
        for (members, other, indices, side) in [
            (left, &r, &mut removed, "left"),
            (right, &l, &mut added, "right"),
        ] {
            indices.retain(|&index| {
                let member: &Member<H> = &members[index];
                let name = uncompressed(&member.name);
                let copy = || {
                    members.iter().enumerate().any(|(at, own)| {
                        at != index
                            && own.name == member.name
                            && matches!(own.content.first_difference(&member.content), Ok(None))
                    })
                };
                let is_repeated = other.contains_key(&(name.to_vec(), 0))
                    && (repeated == Repeated::LastStands || copy());
                if is_repeated {
                    let own = inside(path, &lossy(&member.name));
                    let mut child = Difference::new(Level::Entry, own, Kind::Changed);
                    let evidence = format!("the {side} side lists the name once more");
                    child.find(Cause::ArchiveHeader, "", evidence);
                    node.children.push(child);
                }
                !is_repeated
            });
        }
        // The same content under another name.
        removed.retain(|&i| {
            let same = added.iter().position(|&j| {
                let (a, b) = (&left[i].content, &right[j].content);
                a.size() == b.size() && a.size() > 0 && matches!(a.first_difference(b), Ok(None))
            });
            let Some(at) = same else { return true };
            let to = &right[added.remove(at)].name;
            let own = inside(path, &lossy(to));
            let mut child = Difference::new(Level::Entry, own, Kind::Moved);
            child.field("path", lossy(&left[i].name), lossy(to));
            fields::tell_move(&mut child, &left[i].name, to);
            node.children.push(child);
            false
        });
        for (members, indices, kind, cause) in [
            (left, removed, Kind::Removed, Cause::RemovedFile),
            (right, added, Kind::Added, Cause::AddedFile),
        ] {
            for index in indices {
                let member = &members[index];
                let own = inside(path, &lossy(&member.name));
                let mut child = Difference::new(Level::Entry, own, kind);
                child.find(
                    cause,
                    "",
                    format!("member of {} bytes", member.content.size()),
                );
                node.children.push(child);
            }
        }
        node.children.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(())
    }
}

/// The name of an archive without that of its compression: `data.tar` of `data.tar.xz`, as packages of
/// Debian have it.
fn uncompressed(name: &[u8]) -> &[u8] {
    let stem = [".gz", ".xz", ".zst", ".bz2"]
        .iter()
        .find_map(|end| name.strip_suffix(end.as_bytes()));
    stem.filter(|stem| stem.ends_with(b".tar")).unwrap_or(name)
}

fn tell_order<H>(node: &mut Difference, left: &[Member<H>], mut pairs: Vec<(usize, usize)>) {
    pairs.sort_unstable();
    if let Some(two) = pairs.windows(2).find(|two| two[0].1 > two[1].1) {
        node.find(
            Cause::FileOrder,
            "",
            format!(
                "{} comes before {} on the left side only",
                lossy(&left[two[0].0].name),
                lossy(&left[two[1].0].name)
            ),
        );
    }
}
