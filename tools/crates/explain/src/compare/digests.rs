//! Contents that were found to differ, in case another file lists their digests.
//!
//! Nothing is hashed before a file shows up that has words like digests; then each content is
//! read once more, for the algorithms that such words can be of.

use std::collections::BTreeSet;
use std::io::{self, Read};

use sha2::digest::DynDigest;
use verbatim_causes::{Algorithm, Compared, Comparison, Sums};
use verbatim_reader::decompress;

use super::Explainer;
use crate::blob::{in_parallel, read_full, Blob};
use crate::limits::Limited;
use crate::report::Difference;

/// Bytes of contents that are kept for it: in memory, and in temporary files.
const MEMORY: u64 = 128 << 20;
const SPOOLED: u64 = 2 << 30;
/// Pairs that are kept.
const MOST: usize = 100_000;
/// Bytes that are hashed at once.
const PIECE: usize = 256 << 10;

/// Two contents that differ.
#[derive(Debug)]
struct Pair {
    path: String,
    left: Blob,
    right: Blob,
    /// What comes out of a compressed file, and not the file itself.
    unpacked: bool,
}

/// The pairs so far, and how many more bytes are kept.
#[derive(Debug)]
pub(crate) struct Ledger {
    pairs: Vec<Pair>,
    memory: u64,
    spooled: u64,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            pairs: Vec::new(),
            memory: MEMORY,
            spooled: SPOOLED,
        }
    }
}

/// A file that may list digests: what is said of it waits until they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Its own pair, and the name by which its format is known.
    pair: usize,
    name: String,
    wanted: BTreeSet<Algorithm>,
    /// What is said of it if it lists none.
    pub(crate) comparison: Comparison,
}

impl Ledger {
    /// Note two contents that differ; its number, if there is room for it.
    pub(super) fn note(
        &mut self,
        path: &str,
        left: &Blob,
        right: &Blob,
        unpacked: bool,
    ) -> Option<usize> {
        let cost = |of: fn(&Blob) -> u64| of(left).saturating_add(of(right));
        let memory = self.memory.checked_sub(cost(Blob::in_memory))?;
        let spooled = self.spooled.checked_sub(cost(Blob::in_spool))?;
        if self.pairs.len() == MOST {
            return None;
        }
        (self.memory, self.spooled) = (memory, spooled);
        self.pairs.push(Pair {
            path: path.to_owned(),
            left: left.clone(),
            right: right.clone(),
            unpacked,
        });
        Some(self.pairs.len() - 1)
    }
}

/// Whether a cause is what a digest is taken for where nobody knows that it is one.
fn may_be_of_digests(comparison: &Comparison) -> bool {
    use verbatim_causes::Cause::{
        FileOrder, HashOrder, PackageChange, PackageDatabase, RandomId, SourceChange, Unexplained,
    };
    comparison.findings.iter().any(|finding| {
        matches!(
            finding.cause,
            RandomId
                | SourceChange
                | Unexplained
                | PackageChange
                | PackageDatabase
                | FileOrder
                | HashOrder
        )
    })
}

/// What is to be said of two files, at once or when all others are known.
pub(super) fn tell(
    node: &mut Difference,
    name: &str,
    pair: Option<usize>,
    comparison: Comparison,
    left: &[u8],
    right: &[u8],
) {
    let Some(pair) = pair.filter(|_| may_be_of_digests(&comparison)) else {
        return node.absorb(comparison);
    };
    let wanted = verbatim_causes::wanted_digests(left, right);
    if wanted.is_empty() {
        return node.absorb(comparison);
    }
    node.waiting = Some(Box::new(Waiting {
        pair,
        name: name.to_owned(),
        wanted,
        comparison,
    }));
}

impl Explainer<'_> {
    /// All contents are known: say of the files that wait what is left when the digests are taken away.
    pub(super) fn settle(&mut self, differences: &mut [Difference]) {
        let mut wanted = BTreeSet::new();
        gather(differences, &mut wanted);
        let mut compared = Compared::default();
        if !wanted.is_empty() {
            let wanted: Vec<Algorithm> = wanted.into_iter().collect();
            let pairs = &self.ledger.pairs;
            let hashed = in_parallel(
                pairs,
                || (),
                |(), pair| {
                    Some((
                        self.sums(pair, &pair.left, &wanted)?,
                        self.sums(pair, &pair.right, &wanted)?,
                    ))
                },
            );
            for (index, sums) in hashed.into_iter().enumerate() {
                if let Some((left, right)) = sums {
                    compared.add(index, left, right);
                }
            }
        }
        self.resolve(differences, &compared);
    }

    fn resolve(&self, differences: &mut [Difference], compared: &Compared) {
        for node in differences {
            self.resolve(&mut node.children, compared);
            let Some(waiting) = node.waiting.take() else {
                continue;
            };
            let Waiting {
                pair,
                name,
                comparison,
                ..
            } = *waiting;
            let Pair { left, right, .. } = &self.ledger.pairs[pair];
            let following = match (left.load(), right.load()) {
                (Ok(l), Ok(r)) => compared.compare(&name, &l, &r),
                _ => None,
            };
            let Some(following) = following else {
                node.absorb(comparison);
                continue;
            };
            let paths: BTreeSet<&str> = following
                .from
                .iter()
                .map(|&index| &*self.ledger.pairs[index].path)
                .collect();
            node.follows_from = paths.into_iter().map(str::to_owned).collect();
            // The lines that are shown are those of the files.
            node.absorb(Comparison {
                findings: following
                    .comparison
                    .map_or(Vec::new(), |rest| rest.findings),
                ..comparison
            });
        }
    }

    /// The size and the digests of a content; `None` if it cannot be read again.
    fn sums(&self, pair: &Pair, blob: &Blob, wanted: &[Algorithm]) -> Option<(u64, Sums)> {
        let reader = blob.reader().ok()?;
        if !pair.unpacked {
            return sums(reader, Some(blob.size()), wanted).ok();
        }
        let bounds = self.bounds(1);
        sums(
            Limited::new(decompress(reader), bounds.all, bounds.own),
            None,
            wanted,
        )
        .ok()
    }
}

fn gather(differences: &[Difference], wanted: &mut BTreeSet<Algorithm>) {
    for node in differences {
        if let Some(waiting) = &node.waiting {
            wanted.extend(waiting.wanted.iter().copied());
        }
        gather(&node.children, wanted);
    }
}

/// One pass over a content for all its digests.
fn sums(mut reader: impl Read, size: Option<u64>, wanted: &[Algorithm]) -> io::Result<(u64, Sums)> {
    let mut crc = crc32fast::Hasher::new();
    let mut hashers: Vec<(Algorithm, Box<dyn DynDigest>)> = Vec::new();
    for &algorithm in wanted {
        let mut hasher: Box<dyn DynDigest> = match algorithm {
            Algorithm::Md5 => Box::new(md5::Md5::default()),
            Algorithm::Sha1 | Algorithm::GitBlob => Box::new(sha1::Sha1::default()),
            Algorithm::Sha224 => Box::new(sha2::Sha224::default()),
            Algorithm::Sha256 => Box::new(sha2::Sha256::default()),
            Algorithm::Sha384 => Box::new(sha2::Sha384::default()),
            Algorithm::Sha512 => Box::new(sha2::Sha512::default()),
            Algorithm::Blake2b => Box::new(blake2::Blake2b512::default()),
            Algorithm::Blake2b256 => Box::new(blake2::Blake2b256::default()),
            Algorithm::Blake2s => Box::new(blake2::Blake2s256::default()),
            Algorithm::Crc32 => continue,
        };
        if algorithm == Algorithm::GitBlob {
            // Its size comes first, which of a stream nobody knows.
            let Some(size) = size else { continue };
            hasher.update(format!("blob {size}\0").as_bytes());
        }
        hashers.push((algorithm, hasher));
    }
    let mut buffer = vec![0; PIECE];
    let mut count = 0;
    loop {
        let n = read_full(&mut reader, &mut buffer)?;
        if n == 0 {
            break;
        }
        count += n as u64;
        crc.update(&buffer[..n]);
        for (_, hasher) in &mut hashers {
            hasher.update(&buffer[..n]);
        }
    }
    let mut sums: Sums = hashers
        .into_iter()
        .map(|(algorithm, hasher)| (algorithm, hasher.finalize().into_vec()))
        .collect();
    if wanted.contains(&Algorithm::Crc32) {
        sums.push((Algorithm::Crc32, crc.finalize().to_be_bytes().to_vec()));
    }
    Ok((count, sums))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_others() {
        let (size, sums) = sums(&b"abc"[..], Some(3), Algorithm::ALL).unwrap();
        assert_eq!(size, 3);
        let hex = |algorithm| -> String {
            let (_, sum) = sums.iter().find(|(a, _)| *a == algorithm).unwrap();
            verbatim_digest::hex(&sum[..sum.len().min(8)])
        };
        for (algorithm, start) in [
            (Algorithm::Md5, "900150983cd24fb0"),
            (Algorithm::Sha1, "a9993e364706816a"),
            (Algorithm::GitBlob, "f2ba8f84ab5c1bce"),
            (Algorithm::Sha224, "23097d223405d822"),
            (Algorithm::Sha256, "ba7816bf8f01cfea"),
            (Algorithm::Sha384, "cb00753f45a35e8b"),
            (Algorithm::Sha512, "ddaf35a193617aba"),
            (Algorithm::Blake2b, "ba80a53f981c4d0d"),
            (Algorithm::Blake2b256, "bddd813c63423972"),
            (Algorithm::Blake2s, "508c5e8c327c14e2"),
            (Algorithm::Crc32, "352441c2"),
        ] {
            assert_eq!(hex(algorithm), start, "{algorithm:?}");
        }
    }
}
