//! Packages of apk: chosen, checked, unpacked, and written down in apk's database.

use std::fs;

use verbatim_packages::lock::Change;
use verbatim_packages::places::Places;
use verbatim_packages::{apk, vendor, ErrorKind, Lock};

#[path = "support/alpine.rs"]
mod alpine;
#[path = "support/layers.rs"]
mod layers;
#[path = "support/tars.rs"]
mod tars;

use alpine::{checksum, entries, read, Repository};
use layers::fetcher;

fn names(lock: &Lock) -> Vec<String> {
    let name = |p: &verbatim_packages::lock::LockedPackage| {
        format!("{} {} {}", p.architecture, p.name, p.needed_by.join(","))
    };
    lock.packages.iter().map(name).collect()
}

/// The kind and the words of an error.
fn refused<T>(result: Result<T, verbatim_packages::Error>, kind: ErrorKind, words: &str) {
    let error = result.err().expect("it must be refused");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn what_melange_made_and_signed() {
    let repository = Repository::signed();
    let both = "architectures = [\"x86_64\", \"aarch64\"]";
    let lock = repository
        .lock(&["replayout", "custom-ca-certs-1"], both, None)
        .unwrap();
    assert_eq!(
        names(&lock),
        [
            "aarch64 custom-ca-certs-1 ",
            "aarch64 pretend-baselayout replayout",
            "aarch64 replayout ",
            "x86_64 custom-ca-certs-1 ",
            "x86_64 pretend-baselayout replayout",
            "x86_64 replayout ",
        ]
    );
    let layer = repository.layer(&["replayout"]).unwrap();
    assert_eq!(
        entries(&layer),
        [
            "755 0:0 etc",
            "755 0:0 etc/apk",
            "644 0:0 etc/apk/arch",
            "644 0:0 etc/apk/world",
            "644 501:20 etc/os-release",
            "755 0:0 lib",
            "755 0:0 lib/apk",
            "755 0:0 lib/apk/db",
            "644 0:0 lib/apk/db/installed",
            "644 0:0 lib/apk/db/scripts.tar",
            "644 0:0 lib/apk/db/triggers",
            "755 0:0 var",
            "755 0:0 var/lib",
            "755 0:0 var/lib/db",
            "755 0:0 var/lib/db/sbom",
            "644 0:0 var/lib/db/sbom/pretend-baselayout-1.0.0-r0.spdx.json",
            "644 0:0 var/lib/db/sbom/replayout-1.0.0-r0.spdx.json",
        ]
        .map(|line| match line.starts_with("755") {
            true => format!("{line}/"),
            false => line.to_owned(),
        })
    );
    assert!(read(&layer, "etc/os-release").starts_with("ID=replaces\n"));
    let installed = read(&layer, "lib/apk/db/installed");
    // Byte for byte what apk-tools 3.0.6 wrote when it installed them.
    assert_eq!(installed, include_str!("../testdata/apk/installed.txt"));
    assert_eq!(read(&layer, "etc/apk/world"), "replayout\n");
    let scripts = apk::scripts_not_done(&lock, &repository.places(), &fetcher()).unwrap();
    assert_eq!(scripts, []);
}

#[test]
fn what_was_tampered_with_is_refused() {
    let repository = Repository::signed();
    let lock = |repository: &Repository| repository.lock(&["replayout"], "", None);
    let flipped = |name: &str, at: usize| {
        let path = repository.path(name);
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, bytes).unwrap();
        let result = lock(&repository);
        fs::write(&path, &whole).unwrap();
        result
    };
    let good = lock(&repository).unwrap();
    let index = "x86_64/APKINDEX.tar.gz";
    let size = fs::read(repository.path(index)).unwrap().len();
    // Where it is compressed, most of the flipped bits make no sense before a signature is looked at.
    for at in (0..size).step_by(7) {
        match flipped(index, at) {
            Err(e) => assert_eq!(e.kind(), ErrorKind::Refused, "{at}: {e}"),
            // What nobody reads of the first part is signed by nobody: its times, its checksum.
            Ok(lock) => assert_eq!(lock.packages, good.packages, "{at}"),
        }
    }
    refused(
        flipped(index, size - 1),
        ErrorKind::Refused,
        "none of the keys",
    );
    let package = "x86_64/replayout-1.0.0-r0.apk";
    let size = fs::read(repository.path(package)).unwrap().len();
    for at in (0..size).step_by(41) {
        match flipped(package, at) {
            Err(e) => assert_eq!(e.kind(), ErrorKind::Refused, "{at}: {e}"),
            // The signature of a package is not looked at: its index vouches for it.
            Ok(lock) => assert_ne!(lock.packages, good.packages, "{at}"),
        }
    }
    refused(
        flipped(package, size - 9),
        ErrorKind::Refused,
        "its files have the sha256",
    );
    // The lock knows all bytes.
    let path = repository.path(package);
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, bytes).unwrap();
    let result = layers::layer(&good, &repository.places());
    refused(result, ErrorKind::Refused, "not the one that was locked");
    // Another one of the same repository under its name.
    fs::copy(repository.path("aarch64/replayout-1.0.0-r0.apk"), &path).unwrap();
    refused(lock(&repository), ErrorKind::Refused, "its index says");
}

#[test]
fn keys_and_signatures() {
    let repository = Repository::signed();
    let other = include_str!("../testdata/apk/other.rsa.pub");
    let key = repository.path("melange.rsa.pub");
    fs::write(&key, other).unwrap();
    let result = repository.lock(&["replayout"], "", None);
    let words = "none of the keys of its source; it says that `melange.rsa.pub` (RSA256)";
    refused(result, ErrorKind::Refused, words);
    fs::write(&key, "no key").unwrap();
    let result = repository.lock(&["replayout"], "", None);
    refused(result, ErrorKind::Wrong, "melange.rsa.pub");
    // Not signed, and no word that it need not be.
    let repository = Repository::signed();
    let index = alpine::part(&[("APKINDEX", b"")], true);
    repository.write("x86_64/APKINDEX.tar.gz", &index);
    let result = repository.lock(&["a"], "", None);
    refused(result, ErrorKind::Refused, "it is not signed");
}

/// Packages with all that the database has a place for.
fn everything() -> Repository {
    let mut repository = Repository::new();
    repository.add(
        "base",
        "replaces_priority = 0\nbuilddate = 1700000000\n",
        &[
            (".post-install", b"#!/bin/sh\nfrobnicate --all\n"),
            (".trigger", b"#!/bin/sh\nexit 0\n"),
        ],
        &[
            ("usr/", b""),
            ("usr/lib/", b""),
            ("usr/bin/", b""),
            ("lib", b"-> usr/lib"),
            ("usr/bin/sh", b"-> ../bin/busybox"),
        ],
    );
    repository.add(
        "libx",
        "depend = base\nprovides = so:libx.so.1=1.2\nprovider_priority = 7\ntriggers = /usr/lib /usr/share\n",
        &[],
        &[("lib/", b""), ("lib/libx.so.1", b"library"), ("init", b"i")],
    );
    repository.add("app", "depend = so:libx.so.1\n", &[], &[]);
    repository
}

#[test]
fn the_database() {
    let repository = everything();
    let layer = repository.layer(&["libx >= 1", "app"]).unwrap();
    // Through the link, as one tree; the database with it.
    let paths = entries(&layer).join("\n");
    for line in [
        "777 0:0 lib -> usr/lib",
        "644 0:0 usr/lib/libx.so.1",
        "644 0:0 usr/lib/apk/db/installed",
        "644 0:0 init",
    ] {
        assert!(paths.contains(line), "{paths}");
    }
    let installed = read(&layer, "usr/lib/apk/db/installed");
    let blocks: Vec<&str> = installed.split("\n\n").collect();
    assert_eq!(blocks.len(), 4, "{installed}");
    assert!(
        blocks[0].contains("\nP:app\nV:1-r0\nA:x86_64\nS:"),
        "{installed}"
    );
    assert!(blocks[0].ends_with("\nD:so:libx.so.1"), "{installed}");
    let expected = format!(
        "\nt:1700000000\nF:\nR:lib\na:0:0:777\nZ:{}\nF:usr\nF:usr/bin\nR:sh\na:0:0:777\nZ:{}\nF:usr/lib",
        checksum(b"usr/lib"),
        checksum(b"../bin/busybox")
    );
    assert!(blocks[1].ends_with(&expected), "{installed}");
    assert!(
        blocks[2].contains("\nk:7\nD:base\np:so:libx.so.1=1.2\nF:\nR:init\nZ:Q1"),
        "{installed}"
    );
    assert!(
        blocks[2].contains("\nF:lib\nR:libx.so.1\nZ:Q1"),
        "{installed}"
    );
    assert_eq!(read(&layer, "etc/apk/world"), "app\nlibx>=1\n");
    assert_eq!(read(&layer, "etc/apk/arch"), "x86_64\n");
    let line = |name: &str| {
        let block = blocks
            .iter()
            .find(|b| b.contains(&format!("P:{name}\n")))
            .unwrap();
        block
            .lines()
            .next()
            .unwrap()
            .trim_start_matches("C:")
            .to_owned()
    };
    let triggers = read(&layer, "usr/lib/apk/db/triggers");
    assert_eq!(triggers, format!("{} /usr/lib /usr/share\n", line("libx")));
    let scripts = read(&layer, "usr/lib/apk/db/scripts.tar");
    let scripts = entries(scripts.as_bytes());
    assert_eq!(scripts.len(), 2, "{scripts:?}");
    assert!(
        scripts[0].starts_with("755 0:0 base-1-r0.X1"),
        "{scripts:?}"
    );
    assert!(scripts[0].ends_with(".post-install") && scripts[1].ends_with(".trigger"));

    let lock = repository.lock(&["libx"], "", None).unwrap();
    let left = apk::scripts_not_done(&lock, &repository.places(), &fetcher()).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((&*left[0].package, left[0].name), ("base", "post-install"));
    assert_eq!(left[0].words, ["frobnicate --all"]);
}

#[test]
fn nothing_depends_on_the_order() {
    let first = everything().layer(&["app", "libx"]).unwrap();
    let second = everything().layer(&["libx", "app"]).unwrap();
    assert!(first == second);
}

#[test]
fn what_a_lock_needs_can_be_kept() {
    let repository = Repository::signed();
    let lock = repository.lock(&["replayout"], "", None).unwrap();
    let folder = repository.folder.path().join("kept");
    let done = vendor(
        &lock,
        &repository.places(),
        &fetcher(),
        "".as_ref(),
        &folder,
    )
    .unwrap();
    assert_eq!((done.packages, done.indexes), (2, 1));
    let layer = layers::layer(&lock, &repository.places()).unwrap();
    fs::remove_dir_all(repository.path("x86_64")).unwrap();
    let mut places = Places::new(repository.folder.path());
    places
        .replace(&format!("test={}", folder.display()))
        .unwrap();
    assert!(layers::layer(&lock, &places).unwrap() == layer);
}

#[test]
fn what_changed_is_told() {
    let mut repository = Repository::new();
    repository.add("a", "depend = b\n", &[], &[]);
    repository.add("b", "", &[], &[]);
    let old = repository.lock(&["a"], "", None).unwrap();
    repository.add("c", "install_if = a b\n", &[], &[]);
    let new = repository.lock(&["a"], "", Some(&old)).unwrap();
    let changes = old.changes(&new);
    assert!(matches!(&changes[..], [Change::Added(one)] if one.name == "c"));
    // The index says when it was made: no older one takes its place.
    let mut newer = new.clone();
    newer.sources[0].indexes[0].date = Some("2026-12-01T00:00:00Z".parse().unwrap());
    let result = repository.lock(&["a"], "", Some(&newer));
    refused(result, ErrorKind::Refused, "older than the one");
    let result = repository.lock(&["a"], "recommends = true", None);
    refused(result, ErrorKind::Wrong, "remove `recommends`");
}

#[test]
fn files_that_two_packages_have() {
    let file: [tars::File<'_>; 1] = [("etc/x", b"one")];
    let other: [tars::File<'_>; 1] = [("etc/x", b"two")];
    let mut repository = Repository::new();
    repository.add("a", "", &[], &file);
    repository.add("b", "", &[], &other);
    let result = repository.layer(&["a", "b"]);
    let words = "the packages a and b both have etc/x, and neither replaces the other";
    refused(result, ErrorKind::Wrong, words);
    for (first, second, winner) in [
        ("replaces = b\n", "", "one"),
        ("", "replaces = a\n", "two"),
        (
            "replaces = b\n",
            "replaces = a\nreplaces_priority = 1\n",
            "two",
        ),
        (
            "replaces = b\nreplaces_priority = 2\n",
            "replaces = a\nreplaces_priority = 1\n",
            "one",
        ),
        ("replaces = b<1\n", "replaces = a>=1-r0\n", "two"),
    ] {
        let mut repository = Repository::new();
        repository.add("a", first, &[], &file);
        repository.add("b", second, &[], &other);
        let layer = repository.layer(&["a", "b"]).unwrap();
        assert_eq!(read(&layer, "etc/x"), winner, "{first}{second}");
        let installed = read(&layer, "lib/apk/db/installed");
        assert_eq!(installed.matches("R:x\n").count(), 1, "{installed}");
    }
}

/// The layer of a package with these files; why not.
fn of_files(files: &[tars::File<'_>]) -> Result<Vec<u8>, verbatim_packages::Error> {
    let mut repository = Repository::new();
    repository.add("evil", "", &[], files);
    repository.layer(&["evil"])
}

#[test]
fn packages_that_were_made_to_do_harm() {
    of_files(&[("usr/", b""), ("usr/x", b"")]).unwrap();
    refused(
        of_files(&[("../x", b"")]),
        ErrorKind::Refused,
        "climb out of the root",
    );
    refused(
        of_files(&[("usr/../../x", b"")]),
        ErrorKind::Refused,
        "climb out of the root",
    );
    let below = of_files(&[("out", b"-> /"), ("out/x", b"")]);
    refused(below, ErrorKind::Refused, "below its own symlink");
    refused(
        of_files(&[("x", b""), ("x", b"")]),
        ErrorKind::Refused,
        "has x twice",
    );
    // What is apk's own in a package is no file of it.
    let layer = of_files(&[(".dot", b"x"), ("./.hidden", b"x"), ("usr/.dot", b"x")]).unwrap();
    let paths = entries(&layer).join("\n");
    assert!(
        !paths.contains("hidden") && paths.contains("usr/.dot"),
        "{paths}"
    );

    // A link of one package through which another one would leave, or go round.
    let mut repository = Repository::new();
    repository.add("a", "", &[], &[("up", b"-> ../../..")]);
    repository.add("b", "", &[], &[("up/x", b"")]);
    repository.add("c", "", &[], &[("r", b"-> s"), ("s", b"-> r")]);
    repository.add("d", "", &[], &[("r/x", b"")]);
    let layer = repository.layer(&["a", "b"]).unwrap();
    assert!(entries(&layer).contains(&"644 0:0 x".to_owned()));
    refused(
        repository.layer(&["c", "d"]),
        ErrorKind::Refused,
        "round in a circle",
    );

    // What says nothing of its files, or another name than its index.
    let about = "pkgname = evil\npkgver = 1-r0\narch = x86_64\n";
    let control = alpine::part(&[(".PKGINFO", about.as_bytes())], false);
    let mut repository = Repository::new();
    repository.add_parts("evil", "", &control, &alpine::part(&[], true));
    let words = "evil-1-r0.apk: it has no digest of its files";
    refused(
        repository.lock(&["evil"], "", None),
        ErrorKind::Refused,
        words,
    );
    let (control, files) = alpine::package(about, &[], &[]);
    let mut repository = Repository::new();
    repository.add_parts("good", "", &control, &files);
    let words = "it is evil 1-r0 for x86_64, and good 1-r0 for x86_64 was expected";
    refused(
        repository.lock(&["good"], "", None),
        ErrorKind::Refused,
        words,
    );

    // Bombs.
    let zeros = alpine::gzip(&vec![0; 40 << 20]);
    let mut repository = Repository::new();
    repository.add_parts("bomb", "", &zeros, b"");
    refused(
        repository.lock(&["bomb"], "", None),
        ErrorKind::Refused,
        "too long",
    );
    repository.write("x86_64/APKINDEX.tar.gz", &zeros);
    refused(
        repository.lock(&["bomb"], "", None),
        ErrorKind::Refused,
        "APKINDEX",
    );
}
