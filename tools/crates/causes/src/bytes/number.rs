//! Numbers in binary files that give themselves away: times and UUIDs.

/// Seconds from 1996 to 2050. Numbers of four bytes are plausible as times too often for more.
const SECONDS: std::ops::Range<u64> = 820_454_400..2_524_608_000;
/// Ten years: what is further apart are two numbers and not two builds.
const APART: u64 = 315_360_000;

/// A time that stands at the same place on both sides.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) at: usize,
    /// Seconds since 1970.
    pub(super) left: u64,
    pub(super) right: u64,
    pub(super) shape: &'static str,
}

/// Read the bytes `start..end` that differ as a part of a time. `left` and `right` are the same
/// surroundings of both files, which begin at a multiple of eight.
pub(super) fn stamp(left: &[u8], right: &[u8], start: usize, end: usize) -> Option<Stamp> {
    let places = |width: usize| end.saturating_sub(width)..=start;
    let mut found = Vec::new();
    for width in [8, 4] {
        if end - start > width {
            continue;
        }
        for at in places(width) {
            let (Some(l), Some(r)) = (left.get(at..at + width), right.get(at..at + width)) else {
                continue;
            };
            if is_text(left, at, width) && is_text(right, at, width) {
                continue;
            }
            for big in [false, true] {
                let Some(shape) = shape(width, big) else {
                    continue;
                };
                for (unit, name) in shape {
                    let value = |bytes: &[u8]| {
                        let fold = |n: u64, b: &u8| n << 8 | u64::from(*b);
                        if big {
                            bytes.iter().fold(0, fold)
                        } else {
                            bytes.iter().rev().fold(0, fold)
                        }
                    };
                    let (a, b) = (value(l) / unit, value(r) / unit);
                    if !SECONDS.contains(&a) || !SECONDS.contains(&b) || a.abs_diff(b) > APART {
                        continue;
                    }
                    // The upper byte of most times of our days is equal.
                    let upper = if big {
                        l[0] == r[0]
                    } else {
                        l[width - 1] == r[width - 1]
                    };
                    if at % 4 == 0 || upper {
                        found.push((
                            at % 4 != 0,
                            Stamp {
                                at,
                                left: a,
                                right: b,
                                shape: name,
                            },
                        ));
                    }
                }
            }
        }
        if !found.is_empty() {
            break;
        }
    }
    // Aligned ones first.
    found
        .into_iter()
        .min_by_key(|(odd, _)| *odd)
        .map(|(_, stamp)| stamp)
}

/// Whether the bytes of a number are a piece of a text that goes on before or behind it.
fn is_text(data: &[u8], at: usize, width: usize) -> bool {
    let of_text = |b: &u8| b.is_ascii_alphanumeric() || b"/._- ".contains(b);
    let inside = data[at..at + width].iter().filter(|b| of_text(b)).count();
    let two =
        |range: std::ops::Range<usize>| data.get(range).is_some_and(|two| two.iter().all(of_text));
    inside + 1 >= width && (two(at + width..at + width + 2) || (at >= 2 && two(at - 2..at)))
}

type Units = &'static [(u64, &'static str)];

fn shape(width: usize, big: bool) -> Option<Units> {
    Some(match (width, big) {
        (4, false) => &[(1, "four bytes, little-endian")],
        (4, true) => &[(1, "four bytes, big-endian")],
        (8, false) => &[
            (1, "eight bytes, little-endian"),
            (1_000, "milliseconds in eight bytes, little-endian"),
            (1_000_000, "microseconds in eight bytes, little-endian"),
            (1_000_000_000, "nanoseconds in eight bytes, little-endian"),
        ],
        (8, true) => &[
            (1, "eight bytes, big-endian"),
            (1_000, "milliseconds in eight bytes, big-endian"),
            (1_000_000, "microseconds in eight bytes, big-endian"),
            (1_000_000_000, "nanoseconds in eight bytes, big-endian"),
        ],
        _ => return None,
    })
}

/// The place of sixteen bytes that are UUIDs (RFC 9562) of one version on both sides and hold
/// `start..end`; in the order of the standard or in that of Microsoft.
pub(super) fn uuid(left: &[u8], right: &[u8], start: usize, end: usize) -> Option<usize> {
    if !(10..=16).contains(&(end - start)) {
        return None;
    }
    (end.saturating_sub(16)..=start).find(|&at| {
        let (Some(l), Some(r)) = (left.get(at..at + 16), right.get(at..at + 16)) else {
            return false;
        };
        let version =
            |byte: usize| l[byte] >> 4 == r[byte] >> 4 && matches!(l[byte] >> 4, 1 | 3 | 4 | 5 | 7);
        let variant = l[8] >> 6 == 2 && r[8] >> 6 == 2;
        variant && (version(6) || version(7))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_from_numbers() {
        let both = |a: &[u8], b: &[u8]| {
            let start = a.iter().zip(b).position(|(a, b)| a != b).unwrap();
            let end = a.len()
                - a.iter()
                    .rev()
                    .zip(b.iter().rev())
                    .position(|(a, b)| a != b)
                    .unwrap();
            stamp(a, b, start, end).map(|stamp| (stamp.left, stamp.right))
        };
        let (a, b) = (1_700_000_000u32, 1_710_000_123u32);
        let times = Some((u64::from(a), u64::from(b)));
        assert_eq!(both(&a.to_le_bytes(), &b.to_le_bytes()), times);
        assert_eq!(both(&a.to_be_bytes(), &b.to_be_bytes()), times);
        let milli = |n: u32| (u64::from(n) * 1000 + 5).to_be_bytes();
        assert_eq!(both(&milli(a), &milli(b)), times);
        assert_eq!(both(&1u32.to_le_bytes(), &2u32.to_le_bytes()), None);
        assert_eq!(
            both(&u32::MAX.to_le_bytes(), &0xf000_0000u32.to_le_bytes()),
            None
        );
        assert_eq!(both(&5u64.to_le_bytes(), &7_000_000u64.to_le_bytes()), None);
    }

    #[test]
    fn uuids_have_a_version() {
        let id = |n: u8, version: u8| {
            let mut id = [n; 16];
            id[6] = version << 4 | n & 15;
            id[8] = 0x80 | n & 0x3f;
            id
        };
        assert_eq!(uuid(&id(17, 4), &id(34, 4), 0, 16), Some(0));
        assert_eq!(uuid(&[0xff; 16], &[0xee; 16], 0, 16), None);
    }
}
