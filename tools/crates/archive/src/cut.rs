//! Where blocks end: at places that the stream itself defines.
//!
//! A layer is compressed in blocks that know nothing of each other. Were they cut every so
//! many bytes, one more file would shift all cuts behind it, and all compressed bytes with
//! them. So a cut stands where the entries, or the bytes of a large one, say so, and only those
//! near it have a say: behind a change, blocks are what they were before it.
//!
//! Between entries, the header that follows decides, which is known before any content is read.
//! Inside a large entry there are no such places, so a rolling hash of its bytes decides as they
//! are read. `docs/layer-format.md` fixes both to the byte.

/// The name of the rule, recorded beside the digest. It changes with every change of a cut.
pub(crate) const RULE: &str = "content/1";

/// How long blocks are. All measures follow from the largest size, a power of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) largest: usize,
}

impl Sizes {
    /// An entry of more bytes than this, headers and padding included, is cut by itself.
    pub(crate) fn large(self) -> u64 {
        self.largest as u64 / 2
    }

    /// A cut between entries outranks all others that are nearer than this.
    fn reach(self) -> u64 {
        self.largest as u64 / 16 * 7
    }

    /// The smallest block of a large entry, the last one apart.
    pub(crate) fn smallest(self) -> usize {
        self.largest / 8
    }

    /// A block of a large entry ends as soon as the hash is below this: behind the smallest
    /// size, at one byte in a quarter of the largest.
    fn threshold(self) -> u64 {
        1 << (64 - (self.largest / 4).trailing_zeros())
    }
}

/// A place between two entries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Boundary {
    /// Where it is in the stream.
    pub(crate) at: u64,
    /// The [`rank`] of the entry behind it.
    pub(crate) rank: u64,
}

/// An odd number without a pattern: 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// What an entry counts when it is decided where to cut, by its headers.
pub(crate) fn rank(header: &[u8]) -> u64 {
    let (words, _) = header.as_chunks::<8>();
    words.iter().fold(0, |rank: u64, word| {
        rank.wrapping_add(u64::from_le_bytes(*word))
            .wrapping_mul(GOLDEN)
    })
}

/// At which of the boundaries blocks end, by position. They lie between `start` and `end` and are
/// no further apart than [`Sizes::large`].
pub(crate) fn between(boundaries: &[Boundary], start: u64, end: u64, sizes: Sizes) -> Vec<usize> {
    let highest = highest(boundaries, start, end, sizes.reach());
    let mut cuts = Vec::with_capacity(2 * highest.len());
    let mut gap = (start, 0);
    for cut in highest {
        split(
            boundaries,
            gap.1..cut,
            (gap.0, boundaries[cut].at),
            sizes,
            &mut cuts,
        );
        cuts.push(cut);
        gap = (boundaries[cut].at, cut + 1);
    }
    split(
        boundaries,
        gap.1..boundaries.len(),
        (gap.0, end),
        sizes,
        &mut cuts,
    );
    cuts
}

/// Those that outrank all others which are nearer than `reach`, the first of equals. Both ends
/// outrank everything.
fn highest(boundaries: &[Boundary], start: u64, end: u64, reach: u64) -> Vec<usize> {
    let mut found = Vec::new();
    // Each one that no later one outranks so far; each outranks what stands above it, or is an
    // equal before it.
    let mut stack: Vec<usize> = Vec::new();
    let mut settle = |stack: &mut Vec<usize>, next: u64, rank: Option<u64>| {
        while let Some(&top) = stack.last() {
            if rank.is_some_and(|rank| boundaries[top].rank >= rank) {
                break;
            }
            stack.pop();
            let at = boundaries[top].at;
            let before = stack.last().map_or(start, |&below| boundaries[below].at);
            if at - before >= reach && next - at >= reach {
                found.push(top);
            }
        }
    };
    for (number, boundary) in boundaries.iter().enumerate() {
        settle(&mut stack, boundary.at, Some(boundary.rank));
        stack.push(number);
    }
    settle(&mut stack, end, None);
    found.sort_unstable();
    found
}

/// Cut what is longer than a block may be at the highest boundary of its middle half, the first
/// of equals, until nothing is.
fn split(
    boundaries: &[Boundary],
    inside: std::ops::Range<usize>,
    (from, to): (u64, u64),
    sizes: Sizes,
    cuts: &mut Vec<usize>,
) {
    let length = to - from;
    if length <= sizes.largest as u64 {
        return;
    }
    let middle = from + length / 4..=to - length / 4;
    let cut = inside
        .clone()
        .filter(|&number| middle.contains(&boundaries[number].at))
        .min_by_key(|&number| std::cmp::Reverse(boundaries[number].rank));
    let Some(cut) = cut else {
        unreachable!("entries between boundaries are at most half as long as a block may be");
    };
    let at = boundaries[cut].at;
    split(boundaries, inside.start..cut, (from, at), sizes, cuts);
    cuts.push(cut);
    split(boundaries, cut + 1..inside.end, (at, to), sizes, cuts);
}

/// What each byte adds to the rolling hash: the first 256 numbers of SplitMix64 from 0.
const GEAR: [u64; 256] = {
    let mut gear = [0; 256];
    let mut state: u64 = 0;
    let mut byte = 0;
    while byte < gear.len() {
        state = state.wrapping_add(GOLDEN);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        gear[byte] = z ^ (z >> 31);
        byte += 1;
    }
    gear
};

/// How many bytes the hash looks back: each step doubles it, so what is older is gone.
const WINDOW: usize = 64;

/// Looks for the end of a block as its bytes come in.
pub(crate) struct Search {
    sizes: Sizes,
    hash: u64,
    /// How many bytes of the block are in the hash, or need not be.
    seen: usize,
    /// The lowest hash so far, and the end that it stands for.
    lowest: (u64, usize),
}

impl Search {
    pub(crate) fn new(sizes: Sizes) -> Self {
        Self {
            sizes,
            hash: 0,
            seen: sizes.smallest() - WINDOW,
            lowest: (u64::MAX, sizes.largest),
        }
    }

    /// The end of the block that `bytes` begin with; `None` if more of them are needed. There
    /// are never fewer than the last time, nor more than the largest size.
    pub(crate) fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let warm = (self.sizes.smallest() - 1).clamp(self.seen, bytes.len().max(self.seen));
        for &byte in bytes.get(self.seen..warm)? {
            self.hash = step(self.hash, byte);
        }
        self.seen = warm;
        while let Some(piece) = bytes.get(self.seen..self.seen + PIECE) {
            let (lowest, hash) = glance(self.hash, piece);
            if lowest > self.lowest.0 {
                // As nearly always: nothing here that counts.
                self.hash = hash;
                self.seen += PIECE;
            } else if let Some(end) = self.look(piece) {
                return Some(end);
            }
        }
        if let Some(end) = self.look(&bytes[self.seen..]) {
            return Some(end);
        }
        (bytes.len() >= self.sizes.largest).then_some(self.lowest.1)
    }

    /// Go on byte by byte; the end of the block, if one of them is the last.
    fn look(&mut self, bytes: &[u8]) -> Option<usize> {
        let threshold = self.sizes.threshold();
        for &byte in bytes {
            self.hash = step(self.hash, byte);
            self.seen += 1;
            // Of equal hashes the last one counts, so that long runs of zeros are not cut early.
            if self.hash <= self.lowest.0 {
                self.lowest = (self.hash, self.seen);
                if self.hash < threshold {
                    return Some(self.seen);
                }
            }
        }
        None
    }

    /// How many bytes should be there the next time, if `there` are there now.
    pub(crate) fn want(&self, there: usize) -> usize {
        /// Enough to be worth the opening of a file.
        const STEP: usize = 256 << 10;
        (there.max(self.sizes.smallest()) + STEP).min(self.sizes.largest)
    }
}

/// How many bytes are looked over at once.
const PIECE: usize = 16 << 10;

/// The lowest hash over `bytes`, and the hash behind them. Each step waits for the one before it, so
/// four quarters are hashed side by side: three of them can begin anywhere, as the hash looks back
/// over [`WINDOW`] bytes only.
fn glance(hash: u64, bytes: &[u8]) -> (u64, u64) {
    let (half, other) = bytes.split_at(bytes.len() / 2);
    let (a, b) = half.split_at(half.len() / 2);
    let (c, d) = other.split_at(other.len() / 2);
    let behind = |part: &[u8]| {
        let last = &part[part.len().saturating_sub(WINDOW)..];
        last.iter().fold(0, |hash, &byte| step(hash, byte))
    };
    let mut hashes = [hash, behind(a), behind(b), behind(c)];
    let mut lowest = [u64::MAX; 4];
    for (((a, b), c), d) in a.iter().zip(b).zip(c).zip(d) {
        for (n, &byte) in [a, b, c, d].into_iter().enumerate() {
            hashes[n] = step(hashes[n], byte);
            lowest[n] = lowest[n].min(hashes[n]);
        }
    }
    let [a, b, c, d] = lowest;
    (a.min(b).min(c.min(d)), hashes[3])
}

#[inline]
fn step(hash: u64, byte: u8) -> u64 {
    (hash << 1).wrapping_add(GEAR[usize::from(byte)])
}
