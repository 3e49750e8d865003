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

/// A gzip file of its time, and its sha256.
fn stamped(time: u32) -> (Vec<u8>, String) {
    let data = support::gzip(b"the payload of this package\n", 6, time, "");
    let sum = verbatim_digest::Digest::of(&data).hex();
    (data, sum)
}

#[test]
fn a_digest_of_a_compared_file_is_no_cause() {
    let ((a, sum_a), (b, sum_b)) = (stamped(1_600_000_000), stamped(1_700_000_000));
    let archive = |data: &[u8], list: &str| {
        tar(&[file("data.gz", data), file("SHA256SUMS", list.as_bytes())])
    };
    let list = |sum: &str| format!("{sum}  data.gz\n");
    let report_of = report(&archive(&a, &list(&sum_a)), &archive(&b, &list(&sum_b)));
    assert_eq!(ids(&report_of), ["timestamp"]);
    let node = &report_of.differences[0].children[0];
    assert_eq!(
        (&*node.path, &node.follows_from[..]),
        ("SHA256SUMS", &["data.gz".to_owned()][..])
    );
    assert!(node.findings.is_empty() && !node.excerpts.is_empty());
    let shown = verbatim_explain::text(&report_of, &verbatim_explain::View::default());
    assert!(shown.contains("follows from data.gz"), "{shown}");
    assert!(verbatim_explain::html(&report_of).contains("follows from"));
    // What else is in the list still counts, and so does a sum of something else.
    let more = |sum: &str, colour: &str| format!("{sum}  data.gz\ncolour: {colour}\n");
    let found = ids(&report(
        &archive(&a, &more(&sum_a, "red")),
        &archive(&b, &more(&sum_b, "blue")),
    ));
    assert_eq!(found, ["timestamp", "source-change"]);
    let found = ids(&report(
        &archive(&a, &list(&sum_a)),
        &archive(&b, &list(&sum_a.replace('1', "2"))),
    ));
    assert_eq!(found, ["timestamp", "unexplained"]);
}

#[test]
fn a_list_in_another_archive_of_the_same_package_follows_too() {
    let package = |time: u32| {
        let (data, sum) = stamped(time);
        let control = tar(&[file(
            "sums",
            format!("{sum}  usr/share/data.gz\n").as_bytes(),
        )]);
        let tree = tar(&[file("usr/share/data.gz", &data)]);
        let (control, tree) = (
            support::gzip(&control, 6, 0, ""),
            support::gzip(&tree, 6, 0, ""),
        );
        let all = support::ar(&[("control.tar.gz", 0, &control), ("data.tar.gz", 0, &tree)]);
        // A list of the package beside it, and one of that list.
        let sum = verbatim_digest::Digest::of(&all).hex();
        let list = format!("{sum}  x.deb\n");
        let of_list = verbatim_digest::Digest::of(list.as_bytes()).hex();
        tar(&[
            file("x.deb", &all),
            file("x.deb.sha256", list.as_bytes()),
            file("lists", format!("{of_list}  x.deb.sha256\n").as_bytes()),
        ])
    };
    let report = report(&package(1_600_000_000), &package(1_700_000_000));
    assert_eq!(ids(&report), ["timestamp"]);
}

#[test]
fn a_path_that_is_listed_twice_is_told_once() {
    let (x, y) = (file("x", b"one\n"), file("x", b"two\n"));
    let z = file("z", b"last\n");
    for (a, b) in [
        (
            vec![x.clone(), y.clone(), z.clone()],
            vec![y.clone(), z.clone()],
        ),
        (
            vec![y.clone(), y.clone(), z.clone()],
            vec![y.clone(), z.clone()],
        ),
        (
            vec![y.clone(), z.clone()],
            vec![x.clone(), x.clone(), y.clone(), z.clone()],
        ),
    ] {
        let report = report(&tar(&a), &tar(&b));
        assert_eq!(ids(&report), ["archive-header"]);
        assert_eq!(report.causes[0].paths, ["x"]);
    }
    // Added again at the end, as `tar -r` does: the order of the others is what it was.
    let w = file("a", b"first\n");
    let before = tar(&[w.clone(), y.clone(), z.clone()]);
    let after = tar(&[w.clone(), x.clone(), z.clone(), y.clone()]);
    assert_eq!(ids(&report(&before, &after)), ["archive-header"]);
    assert_eq!(ids(&report(&after, &before)), ["archive-header"]);
    let moved = tar(&[z.clone(), x.clone(), w, y.clone()]);
    assert_eq!(
        ids(&report(&before, &moved)),
        ["file-order", "archive-header"]
    );
    // What stands is compared.
    let found = ids(&report(&tar(&[x.clone(), y]), &tar(&[x])));
    assert_eq!(found, ["source-change", "archive-header"]);
    let twice = support::zip(&[("x", 33, b"one\n"), ("x", 33, b"two\n")]);
    assert_eq!(
        ids(&report(&twice, &support::zip(&[("x", 33, b"two\n")]))),
        ["archive-header"]
    );
    let added = |members: &[(&str, u16, &[u8])]| support::zip(members);
    assert_eq!(
        ids(&report(
            &added(&[("x", 33, b"1"), ("y", 33, b"2")]),
            &added(&[("x", 33, b"0"), ("y", 33, b"2"), ("x", 33, b"1")])
        )),
        ["archive-header"]
    );
    let library = |members: &[(&str, u64, &[u8])]| support::ar(members);
    let one: (&str, u64, &[u8]) = ("x.o/", 0, b"one\n");
    let two: (&str, u64, &[u8]) = ("x.o/", 0, b"two\n");
    assert_eq!(
        ids(&report(&library(&[one, one]), &library(&[one]))),
        ["archive-header"]
    );
    assert_eq!(
        ids(&report(&library(&[one]), &library(&[one, two]))),
        ["added-file"]
    );
}
