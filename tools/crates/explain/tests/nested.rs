//! Containers inside of containers, and those that were made to do harm.

mod support;

use std::time::{Duration, Instant};

use support::{ar, causes, cpio, file, gzip, ids, report, rpm, tar, within, zip, Entry};
use verbatim_explain::{html, text, ErrorKind, Kind, Limits, Verdict, View};

#[test]
fn down_to_a_file_in_a_gzip_in_a_package() {
    let package = |content: &[u8]| {
        let data = gzip(&tar(&[file("usr/share/x", content)]), 6, 0, "");
        ar(&[("debian-binary", 0, b"2.0\n"), ("data.tar.gz", 0, &data)])
    };
    let report = report(&package(b"one line\n"), &package(b"two lines\n"));
    let paths: Vec<_> = report.causes.iter().flat_map(|c| c.paths.clone()).collect();
    assert_eq!(paths, ["data.tar.gz!usr/share/x"]);
}

#[test]
fn headers_of_ar_and_zip() {
    assert_eq!(
        causes(&report(
            &ar(&[("a.o/", 0, b"xx")]),
            &ar(&[("a.o/", 1_700_000_000, b"xx")])
        )),
        [("timestamp".into(), vec!["a.o".into()])]
    );
    let members: [(&str, u16, &[u8]); 2] = [("a", 33, b"1"), ("b", 33, b"2")];
    let [a, b] = members;
    assert_eq!(ids(&report(&zip(&[a, b]), &zip(&[b, a]))), ["file-order"]);
    assert_eq!(
        ids(&report(&zip(&[a, b]), &zip(&[a, ("b", 77, b"2")]))),
        ["timestamp"]
    );
}

#[test]
fn owners_in_a_zip_file() {
    let owned = |uid, gid| {
        let mut data = zip(&[("a", 33, b"1")]);
        let end = data.len() - 22;
        let extra = [0x75, 0x78, 11, 0, 1, 4, uid, 0, 0, 0, 4, gid, 0, 0, 0];
        // The lengths of the field, after a name of one byte, and of the directory.
        data[end - 47 + 30] = extra.len() as u8;
        data[end + 12] += extra.len() as u8;
        data.splice(end..end, extra);
        data
    };
    let (root, user) = (owned(0, 0), owned(100, 200));
    assert_eq!(ids(&report(&root, &user)), ["owner"]);
    // Only one side says it, or says it in a way of its own.
    assert_eq!(
        ids(&report(&root, &zip(&[("a", 33, b"1")]))),
        ["archive-header"]
    );
    let mut other = user.clone();
    let version = other.len() - 22 - 11;
    other[version] = 2;
    assert_eq!(ids(&report(&root, &other)), ["archive-header"]);
}

#[test]
fn a_comment_of_a_zip_file_that_holds_a_last_record() {
    let comment = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0...";
    let commented = |content| {
        let mut data = zip(&[("a", 33, content)]);
        let length = data.len();
        data[length - 2] = comment.len() as u8;
        data.extend(comment);
        data
    };
    // Whoever finds the record in the comment finds no members.
    assert_eq!(
        causes(&report(
            &commented(b"the red door\n"),
            &commented(b"the blue door\n")
        )),
        [("source-change".into(), vec!["a".into()])]
    );
}

#[test]
fn a_zip_file_whose_entries_overlap_is_not_taken_apart() {
    let with = |second: &[u8]| {
        let mut data = zip(&[("a", 33, b"1"), ("b", 33, second)]);
        // The second record of the directory names the first local header.
        let record = data.len() - 22 - 47;
        data[record + 42..record + 46].fill(0);
        data
    };
    let report = report(&with(b"2"), &with(b"3"));
    let shown = text(&report, &View::default());
    assert!(
        shown.contains("an entry overlaps what follows it"),
        "{shown}"
    );
}

#[test]
fn fields_of_cpio_each_have_their_cause() {
    let plain = cpio(&[("init", &[], b"#!/bin/sh\n")]);
    for (field, value, cause) in [
        (0, 77, "archive-header"),
        (1, 0o100_600, "mode"),
        (1, 0o120_644, "source-change"),
        (2, 1000, "owner"),
        (4, 2, "hardlink"),
        (5, 1_700_000_000, "timestamp"),
        (10, 5, "source-change"),
    ] {
        let other = cpio(&[("init", &[(field, value)], b"#!/bin/sh\n")]);
        assert_eq!(
            causes(&report(&plain, &other)),
            [(cause.into(), vec!["init".into()])],
            "{field}"
        );
    }
}

#[test]
fn files_of_cpio_are_compared_by_name() {
    let (a, b): (support::Packed<'_>, support::Packed<'_>) =
        (("a", &[], b"1"), ("bin/x", &[], b"x"));
    assert_eq!(ids(&report(&cpio(&[a, b]), &cpio(&[b, a]))), ["file-order"]);
    assert_eq!(ids(&report(&cpio(&[a]), &cpio(&[a, b]))), ["added-file"]);
    assert_eq!(ids(&report(&cpio(&[a, b]), &cpio(&[b]))), ["removed-file"]);
    let cut = cpio(&[a]);
    let damaged = report(&cut, &cut[..cut.len() - 20]);
    assert_eq!(damaged.differences[0].kind, Kind::NotExamined);
}

#[test]
fn file_systems_for_the_start_of_linux() {
    // Microcode first, as it is, then zeros and the rest, compressed.
    let image = |motd: &[u8], level| {
        let mut image = cpio(&[("kernel/x86/microcode", &[], b"code")]);
        image.resize(image.len().next_multiple_of(512), 0);
        let inner = cpio(&[("bin/sh", &[], b"elf"), ("etc/motd", &[], motd)]);
        image.extend(gzip(&inner, level, 0, ""));
        image
    };
    assert_eq!(
        causes(&report(
            &image(b"the red door\n", 6),
            &image(b"the blue door\n", 6)
        )),
        [(
            "source-change".into(),
            vec!["what follows the archive!etc/motd".into()]
        )]
    );
    let (a, b) = (
        image(b"same same same same", 0),
        image(b"same same same same", 9),
    );
    assert_eq!(ids(&report(&a, &b)), ["compression"]);
    // One archive in another is entered too.
    let outer = |content: &[u8]| cpio(&[("initrd", &[], &cpio(&[("a", &[], content)]))]);
    assert_eq!(
        causes(&report(&outer(b"red\n"), &outer(b"blue\n"))),
        [("source-change".into(), vec!["initrd!a".into()])]
    );
}

#[test]
fn packages_of_rpm_are_compared_file_by_file() {
    let files = |time: u32, motd: &[u8]| {
        let archive = cpio(&[("./etc/motd", &[(5, time)], motd)]);
        gzip(&archive, 6, 0, "")
    };
    let path = || vec!["payload!./etc/motd".to_owned()];
    let plain = rpm("one.example.com", "aa", 13, &files(7, b"the red door\n"));
    // What the header says of the files follows from them: it is no cause beside the true one.
    let stamped = b"built 2024-01-02T10:11:12Z\n";
    let built = |digest, content: &[u8]| rpm("one.example.com", digest, 27, &files(7, content));
    assert_eq!(
        causes(&report(
            &built("aa", stamped),
            &built("bb", b"built 2025-03-04T11:12:13Z\n")
        )),
        [("timestamp".into(), path())]
    );
    let other = rpm("one.example.com", "bb", 14, &files(7, b"the blue door\n"));
    assert_eq!(
        causes(&report(&plain, &other)),
        [("source-change".into(), path())]
    );
    let later = rpm("one.example.com", "aa", 13, &files(8, b"the red door\n"));
    assert_eq!(
        causes(&report(&plain, &later)),
        [("timestamp".into(), path())]
    );
    // Causes of the header stand beside those of the files.
    let elsewhere = rpm("two.example.com", "aa", 13, &files(8, b"the red door\n"));
    assert_eq!(ids(&report(&plain, &elsewhere)), ["hostname", "timestamp"]);
    let header = rpm("two.example.com", "aa", 13, &files(7, b"the red door\n"));
    assert_eq!(ids(&report(&plain, &header)), ["hostname"]);
    // Files that are packed in an unknown way are told by what the header says of them.
    let (a, b) = (
        rpm("one.example.com", "aa", 13, b"\x5d\0\0\x80\0 lzma"),
        rpm("one.example.com", "bb", 14, b"\x5d\0\0\x80\0 LZMA"),
    );
    assert_eq!(
        causes(&report(&a, &b)),
        [(
            "source-change".into(),
            vec![report(&a, &b).differences[0].path.clone()]
        )]
    );
}

#[test]
fn archives_without_end_are_not_followed_for_ever() {
    let mut a = b"one".to_vec();
    let mut b = b"two".to_vec();
    for _ in 0..30 {
        a = gzip(&tar(&[file("inner", &a)]), 1, 0, "");
        b = gzip(&tar(&[file("inner", &b)]), 1, 0, "");
    }
    let report = report(&a, &b);
    assert_eq!(report.verdict, Verdict::Different);
    assert!(text(&report, &View::default()).contains("not looked into further"));
}

#[test]
fn what_unpacks_to_too_much_is_different_all_the_same() {
    let limits = Limits {
        nested: 1 << 20,
        ..Limits::default()
    };
    let mut zeros = vec![0; 4 << 20];
    let a = tar(&[file("bomb.gz", &gzip(&zeros, 9, 0, ""))]);
    zeros.push(1);
    let b = tar(&[file("bomb.gz", &gzip(&zeros, 9, 0, ""))]);
    let report = within(&a, &b, &limits).unwrap();
    assert_eq!(report.verdict, Verdict::Different);
    assert_eq!(report.differences[0].children[0].kind, Kind::NotExamined);
}

#[test]
fn a_size_that_nobody_has() {
    let began = Instant::now();
    let claims = |content: &[u8]| {
        // Base 256: 2^60 bytes.
        let mut entry = file("big", content);
        entry.content.resize(4096, 0);
        let mut archive = tar(&[entry]);
        archive[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0]);
        archive[148..156].copy_from_slice(b"        ");
        let sum: u32 = archive[..512].iter().map(|&b| u32::from(b)).sum();
        archive[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive
    };
    let error = within(&claims(b"1"), &claims(b"2"), &Limits::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.to_string().contains("side"), "{error}");
    // Inside of another archive it is one difference among others.
    let outer = |content: &[u8]| tar(&[file("inner.tar", &claims(content)), file("z", content)]);
    let report = report(&outer(b"1"), &outer(b"2"));
    assert_eq!(report.differences[0].children.len(), 2);
    assert_eq!(report.differences[0].children[0].kind, Kind::NotExamined);
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn names_reach_no_terminal_and_no_browser() {
    let name = "a\x1b[31m\n<script>alert(1)</script>\u{202e}";
    let entry = |content: &[u8]| Entry {
        path: name.into(),
        ..file("", content)
    };
    let report = report(&tar(&[entry(b"1")]), &tar(&[entry(b"<img src=x>\x1b")]));
    let shown = text(&report, &View::default());
    assert!(
        !shown.contains('\x1b') && !shown.contains('\u{202e}'),
        "{shown}"
    );
    assert!(shown.contains("\\u{1b}[31m\\u{a}<script>"), "{shown}");
    let page = html(&report);
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains('\x1b'));
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn twice_the_same_report() {
    let files = |odd: u8| {
        let entries: Vec<_> = (0..300)
            .map(|i| {
                let odd = if i % 7 == 0 { odd } else { 0 };
                file(&format!("d/{i:03}"), format!("{i} {odd}").as_bytes())
            })
            .collect();
        gzip(&tar(&entries), 6, odd.into(), "")
    };
    let (a, b) = (files(1), files(2));
    let json = || {
        let report = report(&a, &b);
        serde_json::to_string(&(report.causes, report.differences)).unwrap()
    };
    let first = json();
    assert!((0..5).all(|_| json() == first));
    let r = report(&a, &b);
    assert_eq!(r.causes.iter().map(|c| c.count).max(), Some(43));
}
