//! What lines are, taken together: names of files, output of a build, sorted or not.

use crate::Cause;

/// A line without the comma that only its place in a list gives it.
pub(super) fn item(line: &str) -> &str {
    line.trim_end().trim_end_matches(',')
}

/// A line of a build without its count of steps: `[3/17] CC x.o`.
pub(super) fn without_step(line: &str) -> &str {
    let trimmed = line.trim_start();
    let step = trimmed.strip_prefix(['[', '(']).and_then(|rest| {
        let (step, rest) = rest.split_once([']', ')'])?;
        let counted = step.contains(['/', '%'])
            && step
                .bytes()
                .all(|b| b.is_ascii_digit() || b"/% ".contains(&b));
        counted.then_some(rest)
    });
    step.map_or(line, str::trim_start)
}

/// Whether a line is what build tools print while several of them run.
fn is_of_build(line: &str) -> bool {
    const STARTS: &[&str] = &[
        "CC ",
        "CXX ",
        "LD ",
        "AR ",
        "AS ",
        "GEN ",
        "LINK ",
        "Compiling ",
        "Building ",
        "Linking ",
        "Checking ",
        "Downloaded ",
        "Downloading ",
        "Fetching ",
        "Installing ",
        "gcc ",
        "g++ ",
        "cc ",
        "c++ ",
        "clang ",
        "clang++ ",
        "javac ",
        "rustc ",
        "make[",
        "make: ",
        "ninja: ",
        "test ",
        "ok ",
        "ok\t",
        "PASS",
        "--- PASS",
        "[INFO]",
        "Generating ",
        "Scanning ",
        "libtool:",
        "Processing ",
        "Unpacking ",
        "Task ",
        "> Task ",
    ];
    let bare = without_step(line).trim_start();
    bare.len() != line.trim_start().len() || STARTS.iter().any(|start| bare.starts_with(start))
}

/// Whether a line names a file: a path or a name with an ending, perhaps after a checksum or the
/// columns of `ls -l`.
fn is_of_file(line: &str) -> bool {
    let line = line.trim().trim_matches(['"', '\'', ',']);
    // `name,sha256=…,120`, as the RECORD of a wheel has it.
    let line = match line.split_once(',') {
        Some((name, sums)) if sums.contains("sha256=") || sums == "," => name,
        _ => line,
    };
    // Accounts and other records have fields between colons.
    if line.matches(':').count() > 2 {
        return false;
    }
    let mut words = line.split_whitespace();
    let (first, last) = (words.next().unwrap_or(""), words.next_back());
    let name = last.unwrap_or(first);
    let pathlike = name.contains('/')
        || name.rsplit_once('.').is_some_and(|(stem, end)| {
            !stem.is_empty()
                && (1..=5).contains(&end.len())
                && end.bytes().all(|b| b.is_ascii_alphanumeric())
        });
    let plain = name
        .chars()
        .all(|c| c.is_alphanumeric() || "/._-+@~%:".contains(c));
    let summed = first.len() >= 8 && first.bytes().all(|b| b.is_ascii_hexdigit());
    let listed = first.len() == 10 && first.bytes().skip(1).all(|b| b"rwxsStT-".contains(&b));
    pathlike && plain && (last.is_none() || summed || listed)
}

/// Most lines pass a test.
fn most(lines: &[&str], test: fn(&str) -> bool) -> bool {
    let passing = lines.iter().filter(|line| test(line)).count();
    passing * 5 >= lines.len() * 4 && passing > 0
}

fn is_sorted(lines: &[&str]) -> bool {
    lines.windows(2).all(|two| two[0] <= two[1])
}

/// A small letter without its accent: languages sort by that first.
fn bare(c: char) -> char {
    match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'è'..='ë' | 'ē' | 'ę' | 'ě' => 'e',
        'ì'..='ï' => 'i',
        'ñ' | 'ń' => 'n',
        'ò'..='ö' | 'ø' | 'ő' => 'o',
        'ś' | 'š' => 's',
        'ù'..='ü' | 'ů' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        c => c,
    }
}

/// Sorted as languages do it: marks and capitals do not count at first.
fn is_collated(lines: &[&str]) -> bool {
    let key = |line: &str| -> String {
        line.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .map(bare)
            .collect()
    };
    lines.windows(2).all(|two| key(two[0]) <= key(two[1]))
}

/// Why lines stand in another order, and what is to be said of it.
pub(super) fn order(left: &[&str], right: &[&str]) -> (Cause, String) {
    let (l, r) = (is_sorted(left), is_sorted(right));
    let n = left.len();
    if left.len() > 2 && ((l && !r && is_collated(right)) || (r && !l && is_collated(left))) {
        let side = if l { "left" } else { "right" };
        return (
            Cause::Locale,
            format!("the same {n} lines, sorted by bytes on the {side} side and as a language sorts them on the other one"),
        );
    }
    if most(left, is_of_build) {
        return (
            Cause::Parallelism,
            format!("the same {n} lines of a build that ran several tasks at once"),
        );
    }
    let sorted = |sorted| if sorted { "sorted" } else { "not sorted" };
    let how = format!(
        "in another order; the left side is {}, the right side is {}",
        sorted(l),
        sorted(r)
    );
    if most(left, is_of_file) {
        return (
            Cause::FileOrder,
            format!("the same {n} names of files {how}"),
        );
    }
    (Cause::HashOrder, format!("the same {n} lines {how}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_named_by_what_stands_in_it() {
        let cause = |l: &[&str], r: &[&str]| order(l, r).0;
        assert_eq!(cause(&["b", "a", "c"], &["a", "c", "b"]), Cause::HashOrder);
        assert_eq!(
            cause(&["usr/b.c", "usr/a.c"], &["usr/a.c", "usr/b.c"]),
            Cause::FileOrder
        );
        assert_eq!(
            cause(&["  CC a.o", "  CC b.o"], &["  CC b.o", "  CC a.o"]),
            Cause::Parallelism
        );
        assert_eq!(cause(&["B", "a", "c"], &["a", "B", "c"]), Cause::Locale);
        assert_eq!(
            cause(&["Äpfel", "apple", "Zebra"], &["Zebra", "apple", "Äpfel"]),
            Cause::Locale
        );
        assert_eq!(
            cause(
                &["x/b.py,sha256=aa,1", "x/a.py,sha256=bb,2"],
                &["x/a.py,sha256=bb,2", "x/b.py,sha256=aa,1"]
            ),
            Cause::FileOrder
        );
        assert_eq!(
            cause(
                &["b:x:1:1::/:/bin/sh", "a:x:2:2::/:/bin/sh"],
                &["a:x:2:2::/:/bin/sh", "b:x:1:1::/:/bin/sh"]
            ),
            Cause::HashOrder
        );
        assert_eq!(without_step("[3/17] CC x.o"), "CC x.o");
        assert_eq!(without_step("[x] CC"), "[x] CC");
    }
}
