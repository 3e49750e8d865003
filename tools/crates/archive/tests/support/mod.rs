//! What caches and deltas do that find equal stretches by content: a judge of where blocks end that knows nothing of it.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A chunker in the manner of FastCDC (Xia and others, 2016): a gear hash, fewer cuts before the wanted size
/// than behind it, at least a quarter and at most four times of that.
pub struct Chunker {
    wanted: usize,
    gear: [u64; 256],
}

impl Chunker {
    /// Chunks of about `wanted` bytes, a power of two.
    pub fn new(wanted: usize) -> Self {
        let mut state: u64 = 0x2545_f491_4f6c_dd1d;
        let gear = std::array::from_fn(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        });
        Self { wanted, gear }
    }

    /// The length of the first chunk of what is not empty.
    fn first(&self, bytes: &[u8]) -> usize {
        let bits = self.wanted.trailing_zeros();
        let (rare, frequent) = (u64::MAX << (64 - bits - 2), u64::MAX << (64 - bits + 2));
        let most = bytes.len().min(4 * self.wanted);
        let mut hash: u64 = 0;
        for (at, &byte) in bytes.iter().enumerate().take(most).skip(self.wanted / 4) {
            hash = (hash << 1).wrapping_add(self.gear[usize::from(byte)]);
            let mask = if at < self.wanted { rare } else { frequent };
            if hash & mask == 0 {
                return at + 1;
            }
        }
        most
    }

    fn chunks<'a>(&'a self, mut bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        std::iter::from_fn(move || {
            if bytes.is_empty() {
                return None;
            }
            let (chunk, rest) = bytes.split_at(self.first(bytes));
            bytes = rest;
            Some(chunk)
        })
    }

    /// How many bytes of `new` are in chunks that `old` does not have.
    pub fn new_bytes(&self, old: &[u8], new: &[u8]) -> usize {
        let digest = |chunk: &[u8]| {
            let mut hasher = DefaultHasher::new();
            chunk.hash(&mut hasher);
            hasher.finish()
        };
        let known: HashSet<u64> = self.chunks(old).map(digest).collect();
        self.chunks(new)
            .filter(|chunk| !known.contains(&digest(chunk)))
            .map(<[u8]>::len)
            .sum()
    }
}
