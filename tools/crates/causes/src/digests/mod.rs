//! Files that list the digests of other files: such a word differs because the other file does.
//!
//! A list of sums, a manifest of a jar, the RECORD of a wheel, a lock: whatever the format is, a
//! word in it that equals the digest of a compared file, on either side, says nothing new. Both
//! sides are rewritten so that the two digests of one file are one word (of the same length, so
//! that no format breaks), and what still differs then is compared as always. The size of the
//! file, where it stands beside its digest, follows as well.

mod candidates;
mod spelling;

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

pub use self::candidates::wanted;
use self::candidates::{candidates, runs, MOST, SHORT};
pub use self::spelling::Algorithm;
use self::spelling::Spelling;
use crate::{compare, Comparison};

/// The digests of one content, as many of them as were asked for.
pub type Sums = Vec<(Algorithm, Vec<u8>)>;

/// How far from a digest the size of its file may stand, in bytes and in lines.
const NEAR: usize = 320;
const NEAR_LINES: usize = 4;

/// What a word stands for.
#[derive(Debug, Clone, Copy)]
struct Meaning {
    class: usize,
    algorithm: Algorithm,
    spelling: Spelling,
}

/// A content with its digests.
struct Content {
    sums: Sums,
    size: u64,
    /// The content that stands for it: itself, or another one that it was compared with.
    class: usize,
}

/// Contents that are compared with each other, and their digests.
#[derive(Default)]
pub struct Compared {
    contents: Vec<Content>,
    by_sums: HashMap<Sums, usize>,
    /// By content, the pairs it is the left side and the right side of.
    pairs: Vec<(usize, usize, usize)>,
    words: HashMap<Vec<u8>, (usize, Algorithm, Spelling)>,
    /// By the first hexadecimal digits.
    starts: HashMap<Vec<u8>, Vec<(String, usize, Algorithm)>>,
}

impl Compared {
    /// Note that two contents are compared, which the caller knows by a number.
    pub fn add(&mut self, pair: usize, left: (u64, Sums), right: (u64, Sums)) {
        let (l, r) = (self.content(left), self.content(right));
        let (a, b) = (self.class(l), self.class(r));
        // The first one stands for all.
        let (first, other) = (a.min(b), a.max(b));
        self.contents[other].class = first;
        self.pairs.push((pair, l, r));
    }

    fn content(&mut self, (size, sums): (u64, Sums)) -> usize {
        if let Some(&known) = self.by_sums.get(&sums) {
            return known;
        }
        let index = self.contents.len();
        for (algorithm, digest) in &sums {
            for spelling in Spelling::ALL {
                let hex = matches!(spelling, Spelling::Hex | Spelling::UpperHex);
                if *algorithm == Algorithm::Crc32 && !hex {
                    continue;
                }
                let word = spelling.write(digest);
                if spelling == Spelling::Hex && digest.len() > SHORT.start / 2 {
                    let start = word.as_bytes()[..SHORT.start].to_vec();
                    let starts = self.starts.entry(start).or_default();
                    starts.push((word.clone(), index, *algorithm));
                }
                self.words
                    .insert(word.into_bytes(), (index, *algorithm, spelling));
            }
        }
        self.by_sums.insert(sums.clone(), index);
        self.contents.push(Content {
            sums,
            size,
            class: index,
        });
        index
    }

    fn class(&self, mut index: usize) -> usize {
        while self.contents[index].class != index {
            index = self.contents[index].class;
        }
        index
    }

    fn meaning(&self, word: &[u8]) -> Option<(usize, Meaning)> {
        let found = self.words.get(word).copied().or_else(|| {
            let short = SHORT.contains(&word.len())
                && word
                    .iter()
                    .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
            let starts = self.starts.get(word.get(..SHORT.start)?)?;
            starts
                .iter()
                .find(|(whole, ..)| short && whole.as_bytes().starts_with(word))
                .map(|(_, index, algorithm)| (*index, *algorithm, Spelling::Hex))
        });
        let (index, algorithm, spelling) = found?;
        let class = self.class(index);
        Some((
            index,
            Meaning {
                class,
                algorithm,
                spelling,
            },
        ))
    }

    /// Rewrite one side; with the places of digests, and what they are those of.
    fn rewrite(&self, data: &[u8]) -> (Vec<u8>, Vec<Place>) {
        let mut out = Vec::with_capacity(data.len());
        let mut places = Vec::new();
        let mut copied = 0;
        for run in runs(data).take(MOST) {
            for candidate in candidates(&run.text) {
                let Some((content, meaning)) = self.meaning(&candidate.word(&run.text)) else {
                    continue;
                };
                let sums = &self.contents[meaning.class].sums;
                let sum = sums
                    .iter()
                    .find(|(algorithm, _)| *algorithm == meaning.algorithm);
                let Some((_, digest)) = sum else { continue };
                // The two alphabets of base64 differ in two characters, and a word without them is of
                // both: the two sides must be written in one.
                let spelling = match meaning.spelling {
                    Spelling::Base64Url => Spelling::Base64,
                    other => other,
                };
                let mut word = spelling.write(digest).into_bytes();
                // It may be the beginning of one.
                word.truncate(candidate.length());
                for (digit, byte) in candidate.written(&word) {
                    let at = &run.at[digit];
                    out.extend_from_slice(&data[copied..at.start]);
                    if digit == candidate.word.start {
                        places.push(Place {
                            at: out.len(),
                            content,
                            class: meaning.class,
                        });
                    }
                    out.push(byte);
                    copied = at.end;
                }
                break;
            }
        }
        out.extend_from_slice(&data[copied..]);
        (out, places)
    }

    /// Compare two files that differ, but for what follows from the contents that are known here;
    /// `None` if none of those is listed on both sides.
    pub fn compare(&self, name: &str, left: &[u8], right: &[u8]) -> Option<Following> {
        let ((mut l, of_l), (mut r, of_r)) = (self.rewrite(left), self.rewrite(right));
        let classes =
            |places: &[Place]| -> BTreeSet<usize> { places.iter().map(|p| p.class).collect() };
        let both: BTreeSet<usize> = classes(&of_l)
            .intersection(&classes(&of_r))
            .copied()
            .collect();
        let listed = |content: usize, places: &[Place]| places.iter().any(|p| p.content == content);
        let from: Vec<usize> = self
            .pairs
            .iter()
            .filter(|(_, a, b)| a != b && both.contains(&self.class(*a)))
            .filter(|(_, a, b)| listed(*a, &of_l) && listed(*b, &of_r))
            .map(|(pair, ..)| *pair)
            .collect();
        if from.is_empty() {
            return None;
        }
        self.sizes((&mut l, &of_l), (&mut r, &of_r));
        if l == r || is_resorted((left, &l), (right, &r)) {
            return Some(Following {
                comparison: None,
                from,
            });
        }
        Some(Following {
            comparison: Some(compare(name, &l, &r)),
            from,
        })
    }

    /// Make the sizes beside digests equal, where both sides have as many.
    fn sizes(&self, (l, of_l): (&mut Vec<u8>, &[Place]), (r, of_r): (&mut Vec<u8>, &[Place])) {
        if l.contains(&0) || r.contains(&0) || of_l.len() != of_r.len() {
            return;
        }
        let (mut on_left, mut on_right) = (Vec::new(), Vec::new());
        for (a, b) in of_l.iter().zip(of_r).filter(|(a, b)| a.class == b.class) {
            let size = |place: &Place| self.contents[place.content].size;
            let (x, y) = (numbers(l, a.at, size(a)), numbers(r, b.at, size(b)));
            if size(a) != size(b) && x.len() == y.len() {
                let shown = self.contents[a.class].size.to_string();
                on_left.extend(
                    x.into_iter()
                        .map(|range| (range.start, range.end, shown.clone())),
                );
                on_right.extend(
                    y.into_iter()
                        .map(|range| (range.start, range.end, shown.clone())),
                );
            }
        }
        for (data, mut ranges) in [(l, on_left), (r, on_right)] {
            ranges.sort_unstable();
            ranges.dedup_by_key(|(start, ..)| *start);
            // From the end, so that places before stay where they are.
            for (start, end, shown) in ranges.into_iter().rev() {
                data.splice(start..end, shown.into_bytes());
            }
        }
    }
}

/// A digest in a file.
struct Place {
    at: usize,
    content: usize,
    class: usize,
}

/// What is left of a comparison when what follows is taken away.
#[derive(Debug)]
pub struct Following {
    /// What differs beside that; `None` if nothing does.
    pub comparison: Option<Comparison>,
    /// The pairs whose digests the file lists.
    pub from: Vec<usize>,
}

/// The places of a number near a digest.
fn numbers(data: &[u8], digest: usize, number: u64) -> Vec<Range<usize>> {
    let text = number.to_string();
    let mut from = digest;
    let mut lines = 0;
    while from > 0 && digest - from < NEAR {
        lines += usize::from(data[from - 1] == b'\n');
        if lines > NEAR_LINES {
            break;
        }
        from -= 1;
    }
    let mut to = digest;
    lines = 0;
    while to < data.len() && to - digest < NEAR {
        lines += usize::from(data[to] == b'\n');
        if lines > NEAR_LINES {
            break;
        }
        to += 1;
    }
    let own = |at: usize| {
        let (first, second) = (at.min(digest), at.max(digest));
        !data[first..second].contains(&b'\n')
    };
    let joins = |b: &u8| b.is_ascii_alphanumeric() || b"._-".contains(b);
    memchr::memmem::find_iter(&data[from..to], text.as_bytes())
        .map(|at| from + at..from + at + text.len())
        .filter(|range| {
            let before = range.start.checked_sub(1).and_then(|at| data.get(at));
            let after = data.get(range.end);
            let bare =
                !before.is_some_and(joins) && !after.is_some_and(|b| b.is_ascii_alphanumeric());
            // One digit stands anywhere.
            bare && (text.len() > 1 || own(range.start))
        })
        .collect()
}

/// Whether lines are in another order because each side is sorted by what it lists.
fn is_resorted((left, l): (&[u8], &[u8]), (right, r): (&[u8], &[u8])) -> bool {
    let lines = |data: &'_ [u8]| -> Vec<Vec<u8>> {
        data.split(|b| *b == b'\n')
            .filter(|line| !line.is_empty())
            .map(<[u8]>::to_vec)
            .collect()
    };
    let sorted = |data: &[u8]| lines(data).is_sorted();
    let (mut a, mut b) = (lines(l), lines(r));
    a.sort_unstable();
    b.sort_unstable();
    a == b && sorted(left) && sorted(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two contents, of 100 and of 123 bytes, whose digests are all one byte.
    fn compared() -> Compared {
        let sums = |byte: u8| -> Sums {
            let all = Algorithm::ALL.iter();
            all.map(|a| {
                (
                    *a,
                    (0..a.bytes())
                        .map(|i| byte.wrapping_mul(i as u8 + 7) ^ 0x5a)
                        .collect(),
                )
            })
            .collect()
        };
        let mut compared = Compared::default();
        compared.add(7, (100, sums(0xa1)), (123, sums(0xb3)));
        compared
    }

    fn digest(right: bool, algorithm: Algorithm, spelling: Spelling) -> String {
        let compared = compared();
        let content = &compared.contents[usize::from(right)];
        let (_, sum) = content.sums.iter().find(|(a, _)| *a == algorithm).unwrap();
        spelling.write(sum)
    }

    #[test]
    fn a_listed_digest_follows_in_every_spelling() {
        let compared = compared();
        for &algorithm in Algorithm::ALL {
            for spelling in Spelling::ALL {
                let hex = matches!(spelling, Spelling::Hex | Spelling::UpperHex);
                if algorithm == Algorithm::Crc32 && !hex {
                    continue;
                }
                for form in [
                    "%  x\n",
                    "sha256:%\n",
                    "x,sha256=%,1\n",
                    "\"sha512-%==\"",
                    "Q1%=\n",
                    "a/%/b\n",
                ] {
                    let (a, b) = (
                        digest(false, algorithm, spelling),
                        digest(true, algorithm, spelling),
                    );
                    // `Q1` of apk is in front of base64 alone; a `/` may be of it.
                    if (form.starts_with('Q') && hex) || (form.starts_with("a/") && !hex) {
                        continue;
                    }
                    let said = String::from_utf8_lossy(algorithm.said().unwrap_or_default());
                    let form = format!("{said} {form}");
                    let (a, b) = (form.replace('%', &a), form.replace('%', &b));
                    assert!(
                        wanted(a.as_bytes(), b.as_bytes()).contains(&algorithm),
                        "{a}"
                    );
                    let following = compared.compare("x", a.as_bytes(), b.as_bytes());
                    let following =
                        following.unwrap_or_else(|| panic!("{algorithm:?} {spelling:?} {form}"));
                    assert!(following.comparison.is_none(), "{a} {b}: {following:?}");
                    assert_eq!(following.from, [7]);
                }
            }
        }
    }

    #[test]
    fn folders_that_are_named_after_a_digest_follow_with_it() {
        let compared = compared();
        let follows = |form: &dyn Fn(&str) -> String| {
            let side = |right| form(&digest(right, Algorithm::Sha256, Spelling::Hex));
            let (a, b) = (side(false), side(true));
            assert!(
                wanted(a.as_bytes(), b.as_bytes()).contains(&Algorithm::Sha256),
                "{a}"
            );
            let following = compared.compare("x", a.as_bytes(), b.as_bytes());
            following.is_some_and(|following| following.comparison.is_none())
        };
        assert!(follows(&|d| format!("objects/{}/{}\n", &d[..2], &d[2..])));
        assert!(follows(&|d| format!(
            "{}/{}/{}\n",
            &d[..2],
            &d[2..4],
            &d[4..]
        )));
        assert!(follows(&|d| format!("cas/{}/{d}/data\n", &d[..2])));
        assert!(follows(&|d| format!("{}/{}/{d}\n", &d[..2], &d[2..4])));
        // Folders that are named after something else.
        assert!(follows(&|d| format!("00/{d}\n")));
        let left = digest(false, Algorithm::Sha256, Spelling::Hex);
        let other = |d: &str| if d == left { "01" } else { "02" };
        assert!(!follows(&|d| format!("{}/{d}\n", other(d))));
    }

    #[test]
    fn a_digest_in_json_may_be_escaped() {
        let mut compared = Compared::default();
        let sums = |bytes: [u8; 3]| {
            vec![(
                Algorithm::Sha256,
                bytes.iter().copied().cycle().take(32).collect(),
            )]
        };
        // The one has `+` and `/` where the other has letters.
        compared.add(3, (1, sums([0xfb, 0xff, 0xff])), (1, sums([1, 2, 3])));
        let word = |right: bool| {
            let content = &compared.contents[usize::from(right)];
            Spelling::Base64.write(&content.sums[0].1)
        };
        assert!(word(false).contains("+///"), "{}", word(false));
        for (slash, plus) in [("\\/", "+"), ("/", "\\u002B"), ("\\u002f", "\\u002b")] {
            let side = |right| {
                let word = word(right).replace('/', slash).replace('+', plus);
                format!("{{\"integrity\":\"sha256-{word}=\",\"path\":\"a\\/b\"}}")
            };
            let (a, b) = (side(false), side(true));
            let following = compared
                .compare("x.json", a.as_bytes(), b.as_bytes())
                .unwrap();
            assert!(following.comparison.is_none(), "{a} {b}");
            // What is escaped elsewhere is as it was.
            let (rewritten, _) = compared.rewrite(b.as_bytes());
            assert!(rewritten.ends_with(b"=\",\"path\":\"a\\/b\"}"));
        }
    }

    #[test]
    fn a_broken_line_is_one_word() {
        let compared = compared();
        let side = |right| {
            let word = digest(right, Algorithm::Sha512, Spelling::Base64);
            let line = format!("SHA-512-Digest: {word}==");
            format!("Name: x\r\n{}\r\n {}\r\n", &line[..72], &line[72..])
        };
        let following =
            compared.compare("MANIFEST.MF", side(false).as_bytes(), side(true).as_bytes());
        assert!(following.unwrap().comparison.is_none());
    }

    #[test]
    fn sizes_and_orders_follow_too() {
        let compared = compared();
        let hex = |right| digest(right, Algorithm::Sha256, Spelling::Hex);
        let check = |form: &dyn Fn(&str, &str) -> String, follows: bool| {
            let (a, b) = (form(&hex(false), "100"), form(&hex(true), "123"));
            let following = compared.compare("x", a.as_bytes(), b.as_bytes()).unwrap();
            assert_eq!(
                following.comparison.is_none(),
                follows,
                "{a} {b}: {following:?}"
            );
        };
        check(&|sum, size| format!("x,sha256={sum},{size}\n"), true);
        check(
            &|sum, size| format!("Size: {size}\nMD5sum: \nSHA256: {sum}\n"),
            true,
        );
        check(
            &|sum, size| format!("{{\"sha256\":\"{sum}\",\"size\":{size}}}"),
            true,
        );
        check(&|sum, size| format!("{sum} {size}1\n"), false);
        check(&|sum, size| format!("{sum} 1.{size}\n"), false);
        // Sorted by the digests.
        let other = "8".repeat(64);
        let sorted = |sum: &str| {
            let mut lines = [format!("{sum}  x"), format!("{other}  y")];
            lines.sort();
            lines.join("\n")
        };
        check(&|sum, _| sorted(sum), true);
        check(&|sum, size| format!("{sum}  x\n{}\n", size == "100"), false);
    }

    #[test]
    fn what_is_no_digest_of_a_compared_file_stays() {
        let compared = compared();
        let (a, b) = ("1".repeat(64), "2".repeat(64));
        assert!(compared.compare("x", a.as_bytes(), b.as_bytes()).is_none());
        // One side alone, and the beginning of one.
        let sum = digest(false, Algorithm::Sha256, Spelling::Hex);
        assert!(compared
            .compare("x", sum.as_bytes(), b.as_bytes())
            .is_none());
        let short =
            |right: bool, n: usize| digest(right, Algorithm::Sha256, Spelling::Hex)[..n].to_owned();
        let name = |right, n| format!("app.{}.js", short(right, n));
        for n in [8, 10, 16, 20] {
            let following =
                compared.compare("x", name(false, n).as_bytes(), name(true, n).as_bytes());
            assert!(following.unwrap().comparison.is_none());
        }
        assert!(compared
            .compare("x", name(false, 7).as_bytes(), name(true, 7).as_bytes())
            .is_none());
        assert!(wanted(b"a b c", b"d e f").is_empty());
        assert!(wanted(b"internationalization", b"internationalisation").is_empty());
    }
}
