//! What was drawn at random: UUIDs, tokens, names of temporary files, addresses of memory.

/// 8-4-4-4-12 hexadecimal digits (RFC 9562), plain, in braces or as a URN.
pub(super) fn is_uuid(text: &str) -> bool {
    let text = text.trim_start_matches("urn:uuid:");
    let text = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
        .unwrap_or(text);
    let mut parts = text.split('-');
    [8, 4, 4, 4, 12].iter().all(|&length| {
        parts
            .next()
            .is_some_and(|part| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit()))
    }) && parts.next().is_none()
}

/// Whether two texts are equal but for a UUID at one place: `https://example.com/sbom-UUID`.
pub(super) fn hold_uuids(left: &str, right: &str) -> bool {
    const LENGTH: usize = 36;
    if left.len() != right.len() || left.len() <= LENGTH {
        return false;
    }
    let Some(differs) = left.bytes().zip(right.bytes()).position(|(a, b)| a != b) else {
        return false;
    };
    // It starts at the first difference, or a little before: both may begin alike.
    (differs.saturating_sub(LENGTH)..=differs).any(|at| {
        let piece = |text: &str| text.get(at..at + LENGTH).is_some_and(is_uuid);
        let joined = left.as_bytes()[..at]
            .last()
            .is_some_and(u8::is_ascii_alphanumeric);
        !joined
            && piece(left)
            && piece(right)
            && left.get(at + LENGTH..) == right.get(at + LENGTH..)
    })
}

/// Hexadecimal digits alone, as many as digests, identifiers and nonces have.
pub(super) fn is_hex(text: &str) -> bool {
    text.len() >= 16 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Letters and digits that mean nothing: base64, base32, base62. Words of languages, even if they
/// are joined, change between capitals, small letters and digits much less often.
pub(super) fn is_opaque(text: &str) -> bool {
    let text = text.trim_end_matches('=');
    if text.len() < 16 || !text.is_ascii() {
        return false;
    }
    if text
        .bytes()
        .any(|b| !(b.is_ascii_alphanumeric() || b"+/_-".contains(&b)))
    {
        return false;
    }
    // Digits alone are a number, and most often the fraction of one.
    if is_hex(text) {
        return text.bytes().any(|b| b.is_ascii_digit())
            && text.bytes().any(|b| b.is_ascii_alphabetic());
    }
    // Paths and words that are joined.
    if text.matches(['/', '_', '-']).count() * 6 > text.len() {
        return false;
    }
    let class = |b: u8| match b {
        b'0'..=b'9' => 0,
        b'A'..=b'Z' => 1,
        b'a'..=b'z' => 2,
        _ => 3,
    };
    let changes = text
        .as_bytes()
        .windows(2)
        .filter(|pair| class(pair[0]) != class(pair[1]))
        .count();
    // A folder is one word in small letters.
    let folder = |part: &str| part.len() >= 3 && part.bytes().all(|b| b.is_ascii_lowercase());
    if text.contains('/') && text.split('/').any(folder) {
        return false;
    }
    let digits = text.bytes().any(|b| b.is_ascii_digit());
    changes * 5 >= 2 * text.len() || (digits && changes * 4 >= text.len())
}

/// The names that `mktemp`, `tempfile` and compilers give: `tmp.Ab3dE5fG`, `tmpab12cd34`, `ccXy12Za.o`.
pub(super) fn is_temporary_name(name: &str) -> bool {
    let stem = |name: &str| {
        name.rsplit_once('.')
            .filter(|(stem, end)| end.len() <= 3 && stem.len() >= 6 && *stem != "tmp")
            .map_or(name.to_owned(), |(stem, _)| stem.to_owned())
    };
    let drawn = |rest: &str, from: usize, to: usize| {
        (from..=to).contains(&rest.len())
            && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    if let Some(rest) = name.strip_prefix("tmp.") {
        return drawn(rest, 6, 12);
    }
    let stem = stem(name);
    if let Some(rest) = stem.strip_prefix("tmp") {
        let rest = rest.trim_start_matches(['-', '_']);
        return drawn(rest, 6, 10) && !is_plain_word(rest);
    }
    stem.strip_prefix("cc")
        .is_some_and(|rest| drawn(rest, 6, 6) && !is_plain_word(rest))
}

fn is_plain_word(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_lowercase()) || text.bytes().all(|b| b.is_ascii_digit())
}

/// Two names with the same start and end around what is drawn: `build-Xa3f9Q.d`.
pub(super) fn is_drawn_name(left: &str, right: &str) -> bool {
    if left.len() != right.len() || !left.is_ascii() || !right.is_ascii() {
        return false;
    }
    let (from, to) = super::differing(left, right);
    let whole = |text: &str| {
        let from = text[..from].rfind(['.', '-', '_']).map_or(0, |at| at + 1);
        let to = text[to..]
            .find(['.', '-', '_'])
            .map_or(text.len(), |n| to + n);
        text[from..to].to_owned()
    };
    let (a, b) = (whole(left), whole(right));
    let mixed = |text: &str| {
        let has = |test: fn(&u8) -> bool| text.bytes().any(|b| test(&b));
        (6..=12).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric())
            && has(u8::is_ascii_uppercase)
            && has(u8::is_ascii_lowercase)
            && text[1..]
                .bytes()
                .any(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    a != left && mixed(&a) && mixed(&b)
}

/// Names in a folder for temporary files that hold the number of a process: `build.12345.o`.
pub(super) fn is_name_with_pid(left: &str, right: &str) -> bool {
    let (from, _) = super::differing(left, right);
    let split = |name: &str| -> Option<(String, String)> {
        let at = name.get(..from)?.rfind(|c: char| !c.is_ascii_digit())? + 1;
        let digits = name[at..].bytes().take_while(u8::is_ascii_digit).count();
        let bordered = name[..at].ends_with(['.', '-', '_']);
        ((2..=7).contains(&digits) && bordered)
            .then(|| (name[..at].to_owned(), name[at + digits..].to_owned()))
    };
    split(left).is_some_and(|parts| Some(parts) == split(right))
}

/// A ULID: 26 digits of Crockford's base 32, of which the first ten are a time.
pub(super) fn is_ulid(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let of_case = |lower: bool| {
        text.bytes().all(|b| {
            b.is_ascii_digit()
                || (b.is_ascii_alphabetic()
                    && b.is_ascii_lowercase() == lower
                    && !b"ILOU".contains(&b.to_ascii_uppercase()))
        })
    };
    text.len() == 26 && text.starts_with('0') && digits >= 3 && (of_case(true) || of_case(false))
}

/// Letters and digits in turn, as nobody writes them: `8f3k2l`. A word with a number behind it is none.
pub(super) fn is_code(text: &str) -> bool {
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let turns = text
        .as_bytes()
        .windows(2)
        .filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit())
        .count();
    let cases = text
        .as_bytes()
        .windows(2)
        .filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
        .count();
    (6..=64).contains(&text.len()) && plain && turns + cases >= 2 && turns >= 1
}

/// A password as `crypt(3)` and its relatives write it: `$scheme$salt and sum`.
pub(super) fn is_salted(left: &str, right: &str) -> bool {
    let scheme = |text: &'_ str| -> Option<String> {
        let (scheme, rest) = text.strip_prefix('$')?.split_once('$')?;
        let named = !scheme.is_empty()
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (named && rest.len() >= 8).then(|| scheme.to_owned())
    };
    scheme(left).is_some() && scheme(left) == scheme(right)
}

/// Words of several pieces of which those that differ are hexadecimal, and long together:
/// `1-5759e988-bd862e3fe1be46a994272793`.
pub(super) fn hold_hex(left: &str, right: &str) -> bool {
    const BORDERS: [char; 4] = ['-', '_', '.', ':'];
    let (l, r): (Vec<&str>, Vec<&str>) = (
        left.split(BORDERS).collect(),
        right.split(BORDERS).collect(),
    );
    let pairs = || l.iter().zip(&r).filter(|(a, b)| a != b);
    let hex = |text: &str| text.len() >= 6 && text.bytes().all(|b| b.is_ascii_hexdigit());
    l.len() == r.len()
        && l.len() > 1
        && pairs().all(|(a, b)| a.len() == b.len() && hex(a) && hex(b))
        && pairs().any(|(a, b)| is_opaque(a) && is_opaque(b))
}

/// The length of hexadecimal pairs with colons between them at the start of a text, of six at least:
/// a fingerprint, the address of a network card.
pub(super) fn colon_pairs(text: &str) -> usize {
    // As many as the longest digests have.
    const MOST: usize = 64;
    let bytes = text.as_bytes();
    let is_pair = |at: usize| {
        bytes
            .get(at..at + 2)
            .is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
    };
    let mut pairs = 0;
    while pairs < MOST && is_pair(3 * pairs) && (pairs == 0 || bytes[3 * pairs - 1] == b':') {
        pairs += 1;
        if bytes.get(3 * pairs - 1) != Some(&b':') {
            break;
        }
    }
    let end = (3 * pairs).saturating_sub(1);
    let ends = !bytes
        .get(end)
        .is_some_and(|b| b.is_ascii_alphanumeric() || *b == b':');
    if pairs >= 6 && ends {
        end
    } else {
        0
    }
}

/// `39:70:D2:…`: pairs that hardly repeat, as no mask and no list of numbers has them.
pub(super) fn is_fingerprint(text: &str) -> bool {
    if colon_pairs(text) != text.len() || text.is_empty() {
        return false;
    }
    let pairs: Vec<&str> = text.split(':').collect();
    let distinct: std::collections::BTreeSet<&str> = pairs.iter().copied().collect();
    let letters = text.bytes().any(|b| b.is_ascii_alphabetic());
    letters && distinct.len() * 4 >= pairs.len() * 3
}

/// A token as RFC 7519 has it: two or three pieces of base64, of which the first is a document.
pub(super) fn is_web_token(text: &str) -> bool {
    let pieces: Vec<&str> = text.split('.').collect();
    matches!(pieces.len(), 2 | 3)
        && pieces[0].starts_with("eyJ")
        && pieces.iter().all(|piece| {
            piece
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_=".contains(&b))
        })
        && pieces[1..].iter().any(|piece| piece.len() >= 16)
}

/// `0x7f3c2a1b4d50`: where something lay in memory.
pub(super) fn is_address(text: &str) -> bool {
    text.strip_prefix("0x").is_some_and(|digits| {
        (8..=16).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_things_are_told_from_words() {
        assert!(is_uuid("123e4567-e89b-12d3-a456-426614174000"));
        assert!(is_uuid("urn:uuid:123e4567-e89b-12d3-a456-426614174000"));
        assert!(!is_uuid("123e4567-e89b-12d3-a456-42661417400"));
        assert!(!is_uuid("123e4567-e89b-12d3-a456-426614174000-x"));
        for text in [
            "dGhpcyBpcyBhIHJhbmQ5",
            "9f86d081884c7d65",
            "Qk3vX9aPz1LmT0sWb7",
            "x7Jk2P9q-LmZ3aB8_w",
        ] {
            assert!(is_opaque(text), "{text}");
        }
        for text in [
            "internationalization",
            "a1b2c3",
            "#a1b2c3",
            "src/main/java/Application2",
            "HelloWorldApplication",
            "libexample-1.2.3-4",
            "some-long-name-with-12",
            "1234",
            "usr/lib/x86_64-linux-gnu",
            "30000000000000004",
        ] {
            assert!(!is_opaque(text), "{text}");
        }
    }

    #[test]
    fn names_of_temporary_files_are_known() {
        for name in ["tmp.Ab3dE5fG", "tmpab12cd34", "ccXy12Za.o", "tmp_x1y2z3"] {
            assert!(is_temporary_name(name), "{name}");
        }
        for name in [
            "tmp",
            "tmpfiles",
            "tmpl.html",
            "ccache.o",
            "tmp.c",
            "template",
            "cclist.o",
        ] {
            assert!(!is_temporary_name(name), "{name}");
        }
        assert!(is_drawn_name("build-Xa3f9Q.d", "build-pQ81zB.d"));
        assert!(!is_drawn_name("build-debug1.d", "build-releas.d"));
        assert!(is_name_with_pid("build.12345.o", "build.9991.o"));
        assert!(!is_name_with_pid("build.c", "build.d") && !is_name_with_pid("a12", "a13"));
        assert!(is_address("0x7f3c2a1b4d50") && !is_address("0x1f"));
    }
}
