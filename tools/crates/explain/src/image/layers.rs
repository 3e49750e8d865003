//! Which layer of one image belongs to which of another.

use std::collections::{HashMap, HashSet};

use verbatim_digest::Digest;
use verbatim_oci::Descriptor;

use super::Image;
use crate::blob::Blob;
use crate::error::Result;

/// A layer as the documents describe it.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    /// Of an archive of Docker's only the bytes are known.
    pub(crate) descriptor: Option<Descriptor>,
    pub(crate) diff_id: Option<Digest>,
    pub(crate) saved: Option<Blob>,
}

impl Layer {
    /// Equal as blobs, or at least as archives, as far as the documents say.
    fn same(&self, other: &Self) -> bool {
        self.same_blob(other) || (self.diff_id.is_some() && self.diff_id == other.diff_id)
    }

    pub(crate) fn same_blob(&self, other: &Self) -> bool {
        match (&self.descriptor, &other.descriptor) {
            (Some(a), Some(b)) => a.digest == b.digest,
            // Without a digest of the blob the archive inside is all there is.
            _ => self.diff_id.is_some() && self.diff_id == other.diff_id,
        }
    }

    /// It is not read, because the other side has the same: it must be a file of its size.
    pub(crate) fn look(&self, image: &Image) -> Result<()> {
        match &self.descriptor {
            Some(descriptor) => image.look_at(descriptor),
            None => Ok(()),
        }
    }

    pub(crate) fn open(&self, image: &Image) -> Result<Blob> {
        match (&self.saved, &self.descriptor) {
            (Some(blob), _) => Ok(blob.clone()),
            (None, Some(descriptor)) => image.layer(descriptor),
            (None, None) => Ok(Blob::of(Vec::new())),
        }
    }

    pub(crate) fn size(&self) -> u64 {
        match (&self.descriptor, &self.saved) {
            (Some(descriptor), _) => descriptor.size,
            (None, Some(blob)) => blob.size(),
            (None, None) => 0,
        }
    }
}

/// A pair of layers, or a layer without its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pair {
    Same(usize, usize),
    Changed(usize, usize),
    /// Equal, at places that are not in order.
    Moved(usize, usize),
    Removed(usize),
    Added(usize),
}

/// Layers beyond this are paired by their place alone.
const MOST: usize = 2048;

/// Pair layers: equal ones first, as many as can be in order, so that a layer put in between
/// does not make all above it look changed; then what lies between them, by place.
pub(crate) fn pair(left: &[Layer], right: &[Layer]) -> Vec<Pair> {
    let mut anchors = Vec::new();
    if left.len() <= MOST && right.len() <= MOST {
        anchors = common(left.len(), right.len(), |i, j| left[i].same(&right[j]));
    }
    anchors.push((left.len(), right.len()));
    let mut pairs = Vec::new();
    let (mut i, mut j) = (0, 0);
    for (to_i, to_j) in anchors {
        while i < to_i && j < to_j {
            pairs.push(Pair::Changed(i, j));
            (i, j) = (i + 1, j + 1);
        }
        pairs.extend((i..to_i).map(Pair::Removed));
        pairs.extend((j..to_j).map(Pair::Added));
        if to_i < left.len() && to_j < right.len() {
            pairs.push(Pair::Same(to_i, to_j));
        }
        (i, j) = (to_i + 1, to_j + 1);
    }
    moved(pairs, left, right)
}

/// Pairs in which layers that are equal to others have found them.
fn moved(pairs: Vec<Pair>, left: &[Layer], right: &[Layer]) -> Vec<Pair> {
    let mut free: Vec<usize> = pairs
        .iter()
        .filter_map(|pair| match *pair {
            Pair::Changed(_, j) | Pair::Added(j) => Some(j),
            _ => None,
        })
        .collect();
    let mut to = HashMap::new();
    for pair in &pairs {
        if let Pair::Changed(i, _) | Pair::Removed(i) = *pair {
            if let Some(at) = free.iter().position(|&j| left[i].same(&right[j])) {
                to.insert(i, free.swap_remove(at));
            }
        }
    }
    let come: HashSet<usize> = to.values().copied().collect();
    let mut found = Vec::new();
    for pair in pairs {
        let (Pair::Changed(..) | Pair::Removed(_) | Pair::Added(_)) = pair else {
            found.push(pair);
            continue;
        };
        let (i, j) = match pair {
            Pair::Changed(i, j) => (Some(i), Some(j)),
            Pair::Removed(i) => (Some(i), None),
            Pair::Added(j) => (None, Some(j)),
            Pair::Same(..) | Pair::Moved(..) => (None, None),
        };
        // What one half of a pair leaves behind is alone.
        let gone = i.and_then(|i| Some(Pair::Moved(i, *to.get(&i)?)));
        let j = j.filter(|j| !come.contains(j));
        found.extend(gone);
        found.extend(match (i.filter(|_| gone.is_none()), j) {
            (Some(i), Some(j)) => Some(Pair::Changed(i, j)),
            (Some(i), None) => Some(Pair::Removed(i)),
            (None, Some(j)) => Some(Pair::Added(j)),
            (None, None) => None,
        });
    }
    found
}

/// The longest common subsequence of two sequences.
fn common(n: usize, m: usize, same: impl Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    let mut lengths = vec![vec![0u32; m + 1]; n + 1];
    for i in (0..n).rev() {
        for j in (0..m).rev() {
            lengths[i][j] = if same(i, j) {
                lengths[i + 1][j + 1] + 1
            } else {
                lengths[i + 1][j].max(lengths[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut found = Vec::new();
    while i < n && j < m {
        if same(i, j) {
            found.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if lengths[i + 1][j] >= lengths[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(names: &str) -> Vec<Layer> {
        names
            .bytes()
            .map(|b| Layer {
                descriptor: None,
                diff_id: Some(Digest::of(&[b])),
                saved: None,
            })
            .collect()
    }

    #[test]
    fn a_layer_in_between_does_not_cascade() {
        use Pair::{Added, Changed, Moved, Removed, Same};
        let pairs = |l, r| pair(&layers(l), &layers(r));
        assert_eq!(
            pairs("abc", "axbc"),
            [Same(0, 0), Added(1), Same(1, 2), Same(2, 3)]
        );
        assert_eq!(pairs("abc", "adc"), [Same(0, 0), Changed(1, 1), Same(2, 2)]);
        assert_eq!(pairs("abc", "ac"), [Same(0, 0), Removed(1), Same(2, 1)]);
        assert_eq!(pairs("ab", "ba"), [Moved(0, 1), Same(1, 0)]);
        assert_eq!(
            pairs("abcd", "dbca"),
            [Moved(0, 3), Same(1, 1), Same(2, 2), Moved(3, 0)]
        );
        assert_eq!(pairs("ab", "xa"), [Added(0), Same(0, 1), Removed(1)]);
        assert_eq!(pairs("", "a"), [Added(0)]);
        assert_eq!(pairs("ab", "cd"), [Changed(0, 0), Changed(1, 1)]);
        assert_eq!(pairs("ab", ""), [Removed(0), Removed(1)]);
    }
}
