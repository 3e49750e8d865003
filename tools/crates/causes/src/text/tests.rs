use super::*;
use crate::{Line, Piece, Side};

fn causes(left: &str, right: &str) -> Vec<Cause> {
    compare(left.as_bytes(), right.as_bytes())
        .unwrap()
        .findings
        .iter()
        .map(|finding| finding.cause)
        .collect()
}

#[test]
fn ends_of_lines() {
    for (a, b) in [
        ("a\r\nb\r\n", "a\nb\n"),
        ("a\nb", "a\nb\n"),
        ("a\nb\n\n", "a\nb\n"),
        ("\u{feff}a\n", "a\n"),
        ("a\rb\r", "a\nb\n"),
    ] {
        assert_eq!(causes(a, b), [Cause::LineEndings], "{a:?} {b:?}");
    }
    assert_eq!(
        causes("a 2026-11-25\r\nb\r\n", "a 2026-11-26\nb\n"),
        [Cause::LineEndings, Cause::Timestamp]
    );
    assert_eq!(causes("a\n", "a\nb\n"), [Cause::SourceChange]);
}

#[test]
fn orders() {
    assert_eq!(causes("b\na\nc\n", "a\nc\nb\n"), [Cause::HashOrder]);
    assert_eq!(
        causes("[\n  x,\n  y\n]\n", "[\n  y,\n  x\n]\n"),
        [Cause::HashOrder]
    );
    assert_eq!(
        causes("usr/b\nusr/a\n", "usr/a\nusr/b\n"),
        [Cause::FileOrder]
    );
    assert_eq!(
        causes(
            "[1/3] CC a.o\n[2/3] CC b.o\n[3/3] LD x\n",
            "[1/3] CC b.o\n[2/3] CC a.o\n[3/3] LD x\n"
        ),
        [Cause::Parallelism]
    );
    assert_eq!(
        causes("Apple\nzoo\nant\n", "Apple\nant\nzoo\n"),
        [Cause::HashOrder]
    );
    assert_eq!(causes("B\na\nc\n", "a\nB\nc\n"), [Cause::Locale]);
    // An edit that also moves a line is an edit.
    assert_eq!(
        causes(
            "int a;\nfoo();\nbar();\n}\n",
            "bar();\nint b;\nbaz(1);\nfoo();\n}\n"
        ),
        [Cause::SourceChange]
    );
}

#[test]
fn lines_that_were_put_in_do_not_hide_the_others() {
    assert_eq!(
        causes(
            "a\nbuilt 2026-11-25\nb\nc\n",
            "a\nbuilt 2026-11-26\nb\nx\nc\n"
        ),
        [Cause::Timestamp, Cause::SourceChange]
    );
    let env = "HOME=/root\nPATH=/bin\nPWD=/a\nX=1\n";
    assert_eq!(
        causes(env, &env.replace("X=1", "X=2")),
        [Cause::Environment]
    );
    assert_eq!(causes(env, &env.replace("X=1\n", "")), [Cause::Environment]);
    assert_eq!(causes("X=1\nY=2\n", "X=1\nY=3\n"), [Cause::SourceChange]);
}

#[test]
fn encodings() {
    let latin = compare(b"caf\xe9 au lait\n", "caf\u{e9} au lait\n".as_bytes()).unwrap();
    assert_eq!(latin.findings.len(), 1);
    assert_eq!(latin.findings[0].cause, Cause::Locale);
    let wide: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain("ab\n".encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    assert_eq!(
        compare(&wide, b"ab\n").unwrap().findings[0].cause,
        Cause::Locale
    );
    let big: Vec<u8> = [0xfe, 0xff]
        .into_iter()
        .chain("ab\n".encode_utf16().flat_map(u16::to_be_bytes))
        .collect();
    assert_eq!(
        compare(&wide, &big).unwrap().findings[0].cause,
        Cause::Locale
    );
    assert!(compare(b"\0a", b"b").is_none());
    assert!(compare(b"\xff\xd8\xff\xe0\x01", b"b").is_none());
}

#[test]
fn findings_are_counted_and_excerpts_are_unified() {
    let lines = |n: u32| {
        (0..100)
            .map(|i| {
                if i % 20 == 5 {
                    format!("t {}\n", 1_700_000_000 + n + i)
                } else {
                    format!("l{i}\n")
                }
            })
            .collect::<String>()
    };
    let comparison = compare(lines(1).as_bytes(), lines(2).as_bytes()).unwrap();
    assert_eq!(comparison.findings.len(), 1);
    assert!(comparison.findings[0].evidence.ends_with("(5 places)"));
    assert_eq!(comparison.excerpts.len(), 5);
    assert_eq!(comparison.excerpts[0].at, "@@ -3,7 +3,7 @@");
    assert_eq!(
        unified(&comparison.excerpts[0].piece),
        [
            " l2",
            " l3",
            " l4",
            "-t 1700000006",
            "+t 1700000007",
            " l6",
            " l7",
            " l8"
        ]
    );
}

fn unified(piece: &Piece) -> Vec<String> {
    let Piece::Lines(lines) = piece else {
        panic!("no lines: {piece:?}");
    };
    let line = |line: &Line| {
        let mark = match line.side {
            Side::Both => ' ',
            Side::Left => '-',
            Side::Right => '+',
        };
        let end = if line.open { " (open)" } else { "" };
        format!("{mark}{}{end}", line.text)
    };
    lines.iter().map(line).collect()
}

#[test]
fn hunks_that_are_near_are_one_excerpt() {
    let l = b"a\nb\nc\nd\ne\nf\ng";
    let r = b"a\nB\nc\nd\nf\ng\nh\n";
    let comparison = compare(l, r).unwrap();
    assert_eq!(comparison.excerpts.len(), 1);
    assert_eq!(comparison.excerpts[0].at, "@@ -1,7 +1,7 @@");
    assert_eq!(
        unified(&comparison.excerpts[0].piece),
        [
            " a",
            "-b",
            "+B",
            " c",
            " d",
            "-e",
            " f",
            "-g (open)",
            "+g",
            "+h"
        ]
    );
    // An end of a file without an end of line is told of changed lines, as `diff` does.
    let comparison = compare(b"x\ny", b"x\nz").unwrap();
    assert_eq!(
        unified(&comparison.excerpts[0].piece),
        [" x", "-y (open)", "+z (open)"]
    );
    assert_eq!(
        compare(b"x\n", b"x\nnew\n").unwrap().excerpts[0].at,
        "@@ -1 +1,2 @@"
    );
}

#[test]
fn long_lines_are_shown_where_they_differ() {
    let line = |end: &str| format!("{}{end}{}\n", "a=1;".repeat(5000), "b=2;".repeat(5000));
    let comparison = compare(line("left").as_bytes(), line("right").as_bytes()).unwrap();
    let shown = unified(&comparison.excerpts[0].piece);
    assert!(shown[0].contains("left") && shown[1].contains("right"));
    assert!(shown.iter().all(|line| line.len() < 540));
}

#[test]
fn places_that_were_not_looked_at_are_counted() {
    let line = |year: u32| -> String { (0..1500).map(|n| format!("k{n}={year}-01-01 ")).collect() };
    let text = |year| format!("{0}\n{0}\n", line(year));
    let comparison = compare(text(2025).as_bytes(), text(2026).as_bytes()).unwrap();
    assert!(comparison.more);
    let [finding] = &comparison.findings[..] else {
        panic!("{:?}", comparison.findings);
    };
    assert_eq!(finding.cause, Cause::Timestamp);
    let end = " (2048 places; 952 more were not looked at)";
    assert!(finding.evidence.ends_with(end), "{}", finding.evidence);
}
