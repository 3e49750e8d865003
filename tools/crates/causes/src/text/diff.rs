//! Which lines of two files differ: lines that are unique on both sides are anchors (patience),
//! and between anchors the shortest script is looked for (Myers) as long as it is short.
//!
//! Time is linear in the number of lines times a constant, whatever the files hold.

use std::collections::HashMap;
use std::ops::Range;

use crate::ends;

/// Edits between two anchors beyond which all lines between them count as changed.
const EDITS: usize = 192;

/// Lines of the left side that became lines of the right side. One of both may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hunk {
    pub(super) left: Range<usize>,
    pub(super) right: Range<usize>,
}

/// The differences between two lists of lines, in order.
pub(super) fn hunks(left: &[&str], right: &[&str]) -> Vec<Hunk> {
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let mut number = |line| {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        *numbers.entry(line).or_insert(next)
    };
    let l: Vec<u32> = left.iter().copied().map(&mut number).collect();
    let r: Vec<u32> = right.iter().copied().map(&mut number).collect();
    let count = numbers.len();
    let mut hunks = Vec::new();
    let (start, end) = ends::common(&l, &r);
    let (l_end, r_end) = (l.len() - end, r.len() - end);
    let (mut i, mut j) = (start, start);
    for (x, y) in anchors(&l, &r, start, l_end, r_end, count) {
        between(&l, &r, i..x, j..y, &mut hunks);
        (i, j) = (x + 1, y + 1);
    }
    between(&l, &r, i..l_end, j..r_end, &mut hunks);
    hunks
}

/// Pairs of lines that occur once on each side, as many as are in order on both.
fn anchors(
    l: &[u32],
    r: &[u32],
    start: usize,
    l_end: usize,
    r_end: usize,
    count: usize,
) -> Vec<(usize, usize)> {
    const NONE: u32 = u32::MAX;
    const MANY: u32 = u32::MAX - 1;
    let places = |lines: &[u32], end: usize| {
        let mut places = vec![NONE; count];
        for (at, &line) in lines.iter().enumerate().take(end).skip(start) {
            let place = &mut places[line as usize];
            *place = match *place {
                NONE => u32::try_from(at).unwrap_or(MANY),
                _ => MANY,
            };
        }
        places
    };
    let (in_l, in_r) = (places(l, l_end), places(r, r_end));
    let unique: Vec<(usize, usize)> = (start..l_end)
        .filter_map(|i| {
            let line = l[i] as usize;
            (in_l[line] < MANY && in_r[line] < MANY).then(|| (i, in_r[line] as usize))
        })
        .collect();
    // The longest increasing subsequence of the places on the right side.
    let mut piles: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; unique.len()];
    for (k, &(_, j)) in unique.iter().enumerate() {
        let pile = piles.partition_point(|&top| unique[top].1 < j);
        before[k] = pile.checked_sub(1).map(|p| piles[p]);
        if pile == piles.len() {
            piles.push(k);
        } else {
            piles[pile] = k;
        }
    }
    let mut chain = Vec::new();
    let mut next = piles.last().copied();
    while let Some(k) = next {
        chain.push(unique[k]);
        next = before[k];
    }
    chain.reverse();
    chain
}

/// The differences between two anchors.
fn between(l: &[u32], r: &[u32], a: Range<usize>, b: Range<usize>, hunks: &mut Vec<Hunk>) {
    let (left, right) = (&l[a.clone()], &r[b.clone()]);
    let (start, end) = ends::common(left, right);
    let (n, m) = (left.len() - end, right.len() - end);
    let (left, right) = (&left[start..n], &right[start..m]);
    let mut push = |x: Range<usize>, y: Range<usize>| {
        let (from_l, from_r) = (a.start + start, b.start + start);
        let hunk = Hunk {
            left: from_l + x.start..from_l + x.end,
            right: from_r + y.start..from_r + y.end,
        };
        match hunks.last_mut() {
            Some(last)
                if last.left.end == hunk.left.start && last.right.end == hunk.right.start =>
            {
                last.left.end = hunk.left.end;
                last.right.end = hunk.right.end;
            }
            _ => hunks.push(hunk),
        }
    };
    if left.is_empty() && right.is_empty() {
        return;
    }
    let matches = if left.is_empty() || right.is_empty() {
        None
    } else {
        myers(left, right)
    };
    let (mut i, mut j) = (0, 0);
    for (x, y) in matches.unwrap_or_default() {
        if x > i || y > j {
            push(i..x, j..y);
        }
        (i, j) = (x + 1, y + 1);
    }
    if i < left.len() || j < right.len() {
        push(i..left.len(), j..right.len());
    }
}

/// The pairs of equal lines of a shortest script; `None` if that takes too many edits.
fn myers(l: &[u32], r: &[u32]) -> Option<Vec<(usize, usize)>> {
    let most = EDITS.min(l.len() + r.len());
    let width = 2 * most + 1;
    let mut furthest = vec![0usize; width + 2];
    let mut trace: Vec<Vec<usize>> = Vec::new();
    let at = |k: isize| usize::try_from(k + most as isize + 1).unwrap_or(0);
    let mut found = None;
    'edits: for d in 0..=most as isize {
        trace.push(furthest.clone());
        for k in (-d..=d).step_by(2) {
            let mut x = if k == -d || (k != d && furthest[at(k - 1)] < furthest[at(k + 1)]) {
                furthest[at(k + 1)]
            } else {
                furthest[at(k - 1)] + 1
            };
            // Diagonals beyond the right or lower border lead nowhere.
            let Ok(mut y) = usize::try_from(x as isize - k) else {
                continue;
            };
            if x > l.len() || y > r.len() {
                furthest[at(k)] = x;
                continue;
            }
            while x < l.len() && y < r.len() && l[x] == r[y] {
                x += 1;
                y += 1;
            }
            furthest[at(k)] = x;
            if x == l.len() && y == r.len() {
                found = Some(d);
                break 'edits;
            }
        }
    }
    let mut pairs = Vec::new();
    let (mut x, mut y) = (l.len() as isize, r.len() as isize);
    for d in (0..=found?).rev() {
        let before = &trace[usize::try_from(d).unwrap_or(0)];
        let k = x - y;
        let previous = if k == -d || (k != d && before[at(k - 1)] < before[at(k + 1)]) {
            k + 1
        } else {
            k - 1
        };
        let (px, py) = if d == 0 {
            (0, 0)
        } else {
            let px = before[at(previous)] as isize;
            (px, px - previous)
        };
        while x > px && y > py {
            x -= 1;
            y -= 1;
            pairs.push((x as usize, y as usize));
        }
        (x, y) = (px, py);
    }
    pairs.reverse();
    Some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(left: &[&str], right: &[&str]) -> Vec<String> {
        let mut out = Vec::new();
        let mut at = 0;
        for hunk in hunks(left, right) {
            assert!(hunk.left.start >= at);
            out.extend(left[at..hunk.left.start].iter().map(|s| (*s).to_owned()));
            out.extend(right[hunk.right.clone()].iter().map(|s| (*s).to_owned()));
            at = hunk.left.end;
        }
        out.extend(left[at..].iter().map(|s| (*s).to_owned()));
        out
    }

    #[test]
    fn hunks_lead_from_left_to_right() {
        let mut seed = 7u64;
        let mut random = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % n
        };
        let words = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        for round in 0..2000 {
            let letters = 1 + round % 10;
            let mut side = |most| -> Vec<&str> {
                let n = random(most);
                (0..n).map(|_| words[random(letters) as usize]).collect()
            };
            let (l, r) = (side(20), side(20));
            let expected: Vec<String> = r.iter().map(|s| (*s).to_owned()).collect();
            assert_eq!(apply(&l, &r), expected, "{l:?} {r:?}");
        }
    }

    #[test]
    fn one_change_is_one_hunk() {
        let l = ["a", "x", "b", "x", "c"];
        let r = ["a", "x", "B", "x", "c"];
        assert_eq!(
            hunks(&l, &r),
            [Hunk {
                left: 2..3,
                right: 2..3
            }]
        );
        let long: Vec<String> = (0..50_000).map(|n| format!("l{}", n % 7)).collect();
        let l: Vec<&str> = long.iter().map(String::as_str).collect();
        let r: Vec<&str> = l.iter().rev().copied().collect();
        assert!(!hunks(&l, &r).is_empty());
    }
}
