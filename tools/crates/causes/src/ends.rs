//! What two sequences have in common at both ends.

/// How many elements are equal at the start and, after these, at the end.
pub(crate) fn common<T: PartialEq>(left: &[T], right: &[T]) -> (usize, usize) {
    common_by(left, right, |a, b| a == b)
}

/// The same by another equality.
pub(crate) fn common_by<T>(
    left: &[T],
    right: &[T],
    same: impl Fn(&T, &T) -> bool,
) -> (usize, usize) {
    let alike = |(a, b): &(&T, &T)| same(a, b);
    let start = left.iter().zip(right).take_while(alike).count();
    let (left, right) = (&left[start..], &right[start..]);
    let backwards = left.iter().rev().zip(right.iter().rev());
    (start, backwards.take_while(alike).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_do_not_overlap() {
        for (left, right, ends) in [
            ("", "", (0, 0)),
            ("abc", "abc", (3, 0)),
            ("aba", "abaaba", (3, 0)),
            ("ababa", "aba", (3, 0)),
            ("abxyc", "abzc", (2, 1)),
            ("aab", "ab", (1, 1)),
        ] {
            assert_eq!(
                common(left.as_bytes(), right.as_bytes()),
                ends,
                "{left} {right}"
            );
        }
    }
}
