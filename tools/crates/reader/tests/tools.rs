//! Archives that the tools of this machine write now, beside the ones that were written
//! for `fixtures.rs`: those are always there, so a missing tool leaves nothing untested,
//! and a new version of a tool shows here first.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use verbatim_reader::{Archive, Kind};

/// A tree whose names fit the oldest format, or one that needs the newer ones.
fn tree(root: &Path, long: bool) {
    let top = root.join("in");
    fs::create_dir_all(top.join("sub")).unwrap();
    fs::write(top.join("a"), b"hello\n").unwrap();
    fs::write(top.join("empty"), b"").unwrap();
    fs::write(top.join("sub/large"), vec![7; 300_000]).unwrap();
    fs::hard_link(top.join("a"), top.join("b")).unwrap();
    if long {
        let part = "d".repeat(60);
        let deep = top
            .join(&part)
            .join(&part)
            .join(&part)
            .join(&part)
            .join(&part);
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("x".repeat(120)), b"deep").unwrap();
    }
}

/// The paths of all files, links and directories below `root`, as a tool would store them.
fn paths(root: &Path) -> BTreeSet<String> {
    fn walk(root: &Path, dir: &Path, out: &mut BTreeSet<String>) {
        let name = |path: &Path| {
            path.strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        };
        out.insert(name(dir));
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                walk(root, &entry.path(), out);
            } else {
                out.insert(name(&entry.path()));
            }
        }
    }
    let mut out = BTreeSet::new();
    walk(root, &root.join("in"), &mut out);
    out
}

fn check(what: &str, root: &Path, bytes: &[u8]) {
    let mut archive = Archive::open(bytes);
    let mut found = BTreeSet::new();
    while let Some(mut entry) = archive.next_entry().unwrap() {
        let path = String::from_utf8(entry.path.clone()).unwrap();
        let path = path.trim_end_matches('/').to_owned();
        let on_disk = root.join(&path);
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        match &entry.kind {
            Kind::File => assert!(content == fs::read(&on_disk).unwrap(), "{what} {path}"),
            Kind::Directory => assert!(on_disk.is_dir(), "{what} {path}"),
            Kind::HardLink { target } => {
                let target = root.join(String::from_utf8(target.clone()).unwrap());
                assert_eq!(fs::read(target).unwrap(), fs::read(&on_disk).unwrap());
            }
            other => panic!("{what} {path}: {other:?}"),
        }
        assert!(found.insert(path.clone()), "{what}: {path} is twice");
    }
    assert_eq!(found, paths(root), "{what}");
}

/// The output of a tool; `None` where it is missing, which is said.
fn run(program: &str, args: &[&str], root: &Path) -> Option<Vec<u8>> {
    let output = Command::new(program)
        .args(args)
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    match output {
        Ok(output) if output.status.success() => Some(output.stdout),
        Ok(output) => panic!("{program} {args:?} ended with {}", output.status),
        Err(_) => {
            eprintln!("{program} is missing here: its archives are tested by fixtures only");
            None
        }
    }
}

fn with_trees(formats: &[(&str, bool)], make: impl Fn(&str, &Path)) {
    for (format, long) in formats {
        let dir = tempfile::tempdir().unwrap();
        tree(dir.path(), *long);
        make(format, dir.path());
    }
}

const FORMATS: [(&str, bool); 5] = [
    ("v7", false),
    ("ustar", false),
    ("oldgnu", true),
    ("gnu", true),
    ("posix", true),
];

#[test]
fn gnu_tar() {
    let tar = ["gtar", "tar"]
        .into_iter()
        .find(|tar| {
            let version = Command::new(tar).arg("--version").output();
            version.is_ok_and(|v| String::from_utf8_lossy(&v.stdout).contains("GNU tar"))
        })
        .unwrap_or("gtar");
    with_trees(&FORMATS, |format, root| {
        let flag = format!("--format={format}");
        let mut args = vec![&flag[..], "-cf", "-", "in"];
        if *format != *"v7" && *format != *"ustar" {
            args.insert(0, "--sparse");
        }
        let plain = run(tar, &args, root);
        for program in ["gzip", "zstd", "xz", "bzip2"] {
            let Some(plain) = &plain else { return };
            check(format, root, plain);
            fs::write(root.join("plain"), plain).unwrap();
            if let Some(packed) = run(program, &["-c", "plain"], root) {
                check(&format!("{format} {program}"), root, &packed);
                check(program, root, &[packed, vec![0; 512]].concat());
            }
            fs::remove_file(root.join("plain")).unwrap();
        }
    });
}

#[test]
fn bsdtar() {
    let formats = [
        ("v7", false),
        ("ustar", false),
        ("gnutar", true),
        ("pax", true),
    ];
    with_trees(&formats, |format, root| {
        let flag = format!("--format={format}");
        if let Some(bytes) = run("bsdtar", &[&flag, "-cf", "-", "in"], root) {
            check(format, root, &bytes);
        }
    });
}

#[test]
fn python() {
    let formats = [("USTAR", false), ("GNU", true), ("PAX", true)];
    with_trees(&formats, |format, root| {
        let script = format!(
            "import sys, tarfile\n\
             with tarfile.open(fileobj=sys.stdout.buffer, mode='w|', format=tarfile.{format}_FORMAT) as t:\n \
             t.add('in')\n"
        );
        if let Some(bytes) = run("python3", &["-c", &script], root) {
            check(format, root, &bytes);
        }
    });
}
