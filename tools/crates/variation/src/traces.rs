//! Whether a condition can be seen in what differs: its value of the first build here, that of the second there.

use crate::circumstances::Varied;

/// Whether both pieces are what the two values of the condition would have left there.
///
/// A long value, such as a path, has only to occur. A number is in many places by chance: putting
/// the second in the place of the first has to turn one piece into the other.
pub fn shows(varied: &Varied, left: &str, right: &str) -> bool {
    varied.traces.iter().any(|[first, second]| {
        if first.is_empty() || second.is_empty() || first == second {
            return false;
        }
        let (mine, rest) = replaced(left, first, second);
        let (theirs, _) = replaced(right, second, first);
        let telling = |value: &str| value.len() > 3 && value.parse::<u64>().is_err();
        mine > 0 && theirs > 0 && (telling(first) && telling(second) || rest == right)
    })
}

/// How often a value occurs as a word of its own, and the text with another in its place.
fn replaced(text: &str, value: &str, other: &str) -> (usize, String) {
    let (mut count, mut out, mut rest) = (0, String::new(), text);
    while let Some(at) = rest.find(value) {
        let (before, found) = rest.split_at(at);
        let after = &found[value.len()..];
        let part_of_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let last = before
            .chars()
            .next_back()
            .or_else(|| out.chars().next_back());
        out.push_str(before);
        if part_of_word(last) || part_of_word(after.chars().next()) {
            out.push_str(value);
        } else {
            out.push_str(other);
            count += 1;
        }
        rest = after;
    }
    out.push_str(rest);
    (count, out)
}

/// The texts around a time or a date that is another in each of two pieces of bytes, such as what
/// `__DATE__` and `__TIME__` leave in a program.
pub fn clocks(left: &[u8], right: &[u8]) -> Option<[String; 2]> {
    // Texts of fixed width: whatever else differs, they stand at the same place.
    let at = (0..left.len().min(right.len())).find(|&at| {
        let (left, right) = (&left[at..], &right[at..]);
        [(is_time as fn(&[u8]) -> bool, 8), (is_date, 11)]
            .iter()
            .any(|(is, length)| is(left) && is(right) && left[..*length] != right[..*length])
    })?;
    Some([around(left, at), around(right, at)])
}

/// `23:59:60`
fn is_time(text: &[u8]) -> bool {
    text.len() >= 8
        && text[..8].iter().enumerate().all(|(at, byte)| match at {
            2 | 5 => *byte == b':',
            0 | 3 | 6 => (b'0'..=b'6').contains(byte),
            _ => byte.is_ascii_digit(),
        })
}

/// `Jan  1 1970`
fn is_date(text: &[u8]) -> bool {
    const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    text.len() >= 11
        && MONTHS.chunks(3).any(|month| text.starts_with(month))
        && text[3] == b' '
        && (text[4] == b' ' || text[4].is_ascii_digit())
        && text[5].is_ascii_digit()
        && text[6] == b' '
        && text[7..11].iter().all(u8::is_ascii_digit)
}

/// The printable text that a place is in.
fn around(bytes: &[u8], at: usize) -> String {
    let printable = |byte: &u8| (0x20..0x7f).contains(byte);
    let before = bytes[..at]
        .iter()
        .rev()
        .take_while(|b| printable(b))
        .count();
    let text = bytes[at - before..].iter().take_while(|b| printable(b));
    text.map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::Condition;

    fn varied(first: &str, second: &str) -> Varied {
        Varied {
            condition: Condition::Host,
            first: String::new(),
            second: String::new(),
            traces: vec![[first.to_owned(), second.to_owned()]],
        }
    }

    #[test]
    fn a_number_has_to_be_the_difference() {
        let cores = varied("2", "1");
        assert!(shows(&cores, "2\n", "1\n"));
        assert!(shows(&cores, "make -j 2 all", "make -j 1 all"));
        for (left, right) in [
            ("12", "11"),
            ("2", "3"),
            ("2 of 7", "1 of 8"),
            ("v2", "v1"),
            ("", ""),
        ] {
            assert!(!shows(&cores, left, right), "{left} {right}");
        }
    }

    #[test]
    fn a_name_or_a_path_has_to_occur_on_its_own_side() {
        let host = varied("builder", "another-machine");
        assert!(shows(
            &host,
            "built on builder, 17:00",
            "built on another-machine, 17:01"
        ));
        assert!(!shows(&host, "builder", "builders"));
        assert!(!shows(&host, "another-machine", "builder"));
        let path = varied("/a/first", "/b/second/at");
        assert!(shows(
            &path,
            "/a/first/sandbox/3/x",
            "/b/second/at/sandbox/7/x"
        ));
    }

    #[test]
    fn a_clock_in_a_program_is_found_with_what_stands_around_it() {
        let [left, right] = ["Nov 25 2026 at 22:45:47", "Nov 26 2026 at 12:46:06"]
            .map(|when| format!("\u{7f}ELF\0\u{1}built on {when}\0GCC").into_bytes());
        let found = clocks(&left, &right).unwrap();
        assert_eq!(found[0], "built on Nov 25 2026 at 22:45:47");
        assert_eq!(found[1], "built on Nov 26 2026 at 12:46:06");
        assert!(clocks(b"at 10:11:12", b"at 10:11:13").is_some());
        assert!(clocks(b"Jan  1 1970", b"Feb 11 1970").is_some());
        for (left, right) in [
            (&b"at 10:11:12"[..], &b"at 10:11:12"[..]),
            (b"10:11:12", b"1:11:12"),
            (b"99:11:12", b"98:11:12"),
            (b"Foo  1 1970", b"Foo  2 1970"),
            (b"", b"10:11:12"),
        ] {
            assert_eq!(clocks(left, right), None);
        }
    }

    #[test]
    fn any_text_is_looked_at_without_a_panic() {
        let odd = varied("é", "→");
        assert!(shows(&odd, "a é\u{301}b", "a →\u{301}b"));
        assert!(!shows(&varied("", ""), "", "x"));
    }
}
