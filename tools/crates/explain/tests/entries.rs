//! Archives and folders, entry by entry: the right cause and no other.

mod support;

use support::{causes, file, gzip, ids, paths, report, tar, Entry};
use verbatim_explain::{Kind, Verdict};

fn one(path: &str) -> Vec<String> {
    vec![path.to_owned()]
}

#[test]
fn equal_archives_have_no_cause() {
    let a = tar(&[file("a", b"1"), file("b", b"2")]);
    let report = report(&a, &a);
    assert_eq!(report.verdict, Verdict::Equal);
    assert!(report.causes.is_empty() && report.differences.is_empty());
}

#[test]
fn times_are_one_cause_over_all_paths() {
    let at = |mtime| {
        tar(&["a", "b", "c"].map(|path| Entry {
            mtime,
            ..file(path, b"same")
        }))
    };
    let report = report(&at(0), &at(1_700_000_000));
    let all = ["a", "b", "c"].map(str::to_owned).to_vec();
    assert_eq!(causes(&report), [("timestamp".into(), all)]);
    assert!(report.causes[0].evidence[0].contains("2023-11-14T22:13:20Z"));
}

#[test]
fn header_fields_each_have_their_cause() {
    let plain = tar(&[file("f", b"x")]);
    let with = |change: fn(&mut Entry)| {
        let mut entry = file("f", b"x");
        change(&mut entry);
        ids(&report(&plain, &tar(&[entry])))
    };
    assert_eq!(with(|e| e.mode = 0o664), ["mode"]);
    assert_eq!(with(|e| e.uid = 1000), ["owner"]);
    assert_eq!(with(|e| e.pax = vec![("comment", "x")]), ["archive-header"]);
    assert_eq!(with(|e| e.pax = vec![("uname", "me")]), ["owner"]);
    assert_eq!(
        with(|e| e.pax = vec![("SCHILY.xattr.user.a", "b")]),
        ["xattr"]
    );
    // A record that a changed field asks for is none of its own.
    assert_eq!(
        with(|e| (e.pax, e.mtime) = (vec![("mtime", "5.5")], 5)),
        ["timestamp"]
    );
}

#[test]
fn umask_shows_in_the_evidence() {
    let report = report(
        &tar(&[file("f", b"x")]),
        &tar(&[Entry {
            mode: 0o664,
            ..file("f", b"x")
        }]),
    );
    let evidence = &report.causes[0].evidence[0];
    assert!(evidence.contains("umask 022 and 002"), "{evidence}");
}

#[test]
fn another_order_is_no_other_content() {
    let (a, b, c) = (file("a", b"1"), file("b", b"2"), file("c", b"3"));
    let sorted = tar(&[a.clone(), b.clone(), c.clone()]);
    let other = tar(&[c, a, b]);
    let report = report(&sorted, &other);
    assert_eq!(causes(&report), [("file-order".into(), one("a"))]);
    assert!(report.causes[0].evidence[0].contains("left side is sorted"));
}

#[test]
fn order_decides_which_name_of_a_file_is_the_first() {
    let link = |path: &str, to| Entry {
        flag: b'1',
        link: to,
        ..file(path, b"")
    };
    let a = tar(&[file("a", b"1"), link("b", "a"), file("c", b"")]);
    let b = tar(&[file("b", b"1"), link("a", "b"), file("c", b"")]);
    assert_eq!(ids(&report(&a, &b)), ["file-order"]);
    let copy = tar(&[file("a", b"1"), file("b", b"1"), file("c", b"")]);
    assert_eq!(causes(&report(&a, &copy)), [("hardlink".into(), one("b"))]);
}

#[test]
fn added_removed_and_moved() {
    let a = tar(&[file("gone", b"1"), file("old", b"content"), file("s", b"")]);
    let b = tar(&[file("come", b"22"), file("new", b"content"), file("s", b"")]);
    let report = report(&a, &b);
    let kinds: Vec<_> = report.differences[0]
        .children
        .iter()
        .map(|d| (d.path.as_str(), d.kind))
        .collect();
    assert_eq!(
        kinds,
        [
            ("come", Kind::Added),
            ("gone", Kind::Removed),
            ("new", Kind::Moved)
        ]
    );
}

#[test]
fn compression_alone_is_named_and_not_opened() {
    let content = tar(&[file("a", &b"text ".repeat(5000))]);
    let fast = gzip(&content, 1, 0, "");
    assert_eq!(
        ids(&report(&fast, &gzip(&content, 9, 0, ""))),
        ["compression"]
    );
    assert_eq!(ids(&report(&content, &fast)), ["compression"]);
    assert_eq!(
        ids(&report(&fast, &gzip(&content, 1, 7, ""))),
        ["timestamp"]
    );
    assert_eq!(
        ids(&report(&fast, &gzip(&content, 1, 0, "name.tar"))),
        ["archive-header"]
    );
}

#[test]
fn bytes_at_the_end_and_between_entries() {
    let a = tar(&[file("a", b"1")]);
    let mut longer = a.clone();
    longer.resize(10_240, 0);
    assert_eq!(ids(&report(&a, &longer)), ["archive-header"]);
    let mut padding = a.clone();
    padding[512 + 100] = 7;
    assert_eq!(ids(&report(&a, &padding)), ["archive-header"]);
}

#[test]
fn a_machine_shows_by_path_and_content() {
    let with = |id: &str| {
        tar(&[
            file("etc/machine-id", id.as_bytes()),
            file("var/log/dnf.log", id.as_bytes()),
        ])
    };
    let a = with("0123456789abcdef0123456789abcdef\n");
    let b = with("fedcba9876543210fedcba9876543210\n");
    let report = report(&a, &b);
    let mut found = causes(&report);
    found.sort();
    assert_eq!(
        found,
        [
            ("log-or-cache".into(), one("var/log/dnf.log")),
            ("machine-id".into(), one("etc/machine-id"))
        ]
    );
}

#[test]
fn folders_and_archives_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a"), "1").unwrap();
    std::fs::write(folder.join("b"), "2").unwrap();
    std::os::unix::fs::symlink("..", folder.join("cycle")).unwrap();
    let archive = dir.path().join("a.tar");
    let mut link = file("cycle", b"");
    (link.flag, link.link, link.mode) = (b'2', "..", 0o777);
    std::fs::write(&archive, tar(&[file("b", b"2"), file("a", b"1"), link])).unwrap();
    for path in ["a", "b"] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder.join(path), std::fs::Permissions::from_mode(0o644))
            .unwrap();
    }
    let equal = paths(&folder, &archive).unwrap();
    assert_eq!(equal.verdict, Verdict::Equal, "{:?}", equal.differences);
    std::fs::write(folder.join("b"), "3").unwrap();
    let other = paths(&archive, &folder).unwrap();
    assert_eq!(other.causes[0].paths, ["b"]);
}
