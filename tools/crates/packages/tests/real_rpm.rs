//! What real rpm says of layers and databases that are made here, and what it makes itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use verbatim_packages::lock::LockedPackage;
use verbatim_packages::manifest::PackageFormat;
use verbatim_packages::places::Places;
use verbatim_testbed::{output, run, tool};

#[path = "support/layers.rs"]
mod layers;
#[path = "support/locks.rs"]
mod locks;

fn rpm(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(tool("rpm"));
    command
        .arg("--root")
        .arg(root)
        .args(["--define", "_dbpath /usr/lib/sysimage/rpm"])
        .args(arguments);
    command
}

fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/rpm");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "rpm"))
        // Several samples are one package in several forms.
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            !name.starts_with("v6-")
                && !name.starts_with("v4-signed-rsa")
                && !name.starts_with("v4-rpm-basic")
        })
        .collect();
    files.sort();
    files
}

fn locked(file: &Path) -> LockedPackage {
    let tags = "%{NAME}\n%{EPOCHNUM}:%{VERSION}-%{RELEASE}\n%{ARCH}";
    let said = run(Command::new(tool("rpm"))
        .args(["-qp", "--nosignature", "--qf", tags])
        .arg(file));
    let words: Vec<&str> = said.lines().collect();
    let version = words[1].strip_prefix("0:").unwrap_or(words[1]);
    let name = file.file_name().unwrap().to_str().unwrap();
    let content = std::fs::read(file).unwrap();
    locks::locked([words[0], version, words[2]], name, &content)
}

/// Make a layer of packages, and unpack it into a folder.
fn unpacked(packages: &[PathBuf], folder: &Path) {
    let locked = packages.iter().map(|file| locked(file)).collect();
    let lock = locks::lock(PackageFormat::Rpm, packages[0].parent().unwrap(), locked);
    let archive = folder.with_extension("tar");
    let blob = layers::layer(&lock, &Places::default()).unwrap();
    std::fs::write(&archive, blob).unwrap();
    std::fs::create_dir(folder).unwrap();
    run(Command::new(tool("tar"))
        .args(["--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf"])
        .arg(&archive)
        .arg("-C")
        .arg(folder));
}

/// All tags of all packages, without those that tell when it was done.
fn tags(root: &Path) -> BTreeSet<String> {
    let xml = run(&mut rpm(root, &["-qa", "--xml"]));
    let mut lines = BTreeSet::new();
    let mut package = String::new();
    let mut time = false;
    for line in xml.lines().map(str::trim) {
        if line == "<rpmHeader>" {
            package = String::new();
        } else if line.starts_with("<rpmTag name=") {
            package = line.to_owned();
            time = ["Installtime", "Installtid", "Dbinstance"]
                .iter()
                .any(|tag| line.contains(&format!("\"{tag}\"")));
        } else if !time {
            lines.insert(format!("{package} {line}"));
        }
    }
    lines
}

#[test]
fn rpm_reads_what_is_written_here() {
    let packages = samples();
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("ours");
    unpacked(&packages, &ours);
    let database = ours.join("usr/lib/sysimage/rpm/rpmdb.sqlite");
    let sqlite = |sql: &str| {
        let path = format!("file:{}?mode=ro&immutable=1", database.display());
        run(Command::new(tool("sqlite3")).arg(path).arg(sql))
    };
    assert_eq!(sqlite("PRAGMA integrity_check").trim(), "ok");
    assert_eq!(sqlite("PRAGMA foreign_key_check").trim(), "");

    // The same packages, installed by rpm in the order of the database.
    let theirs = folder.path().join("theirs");
    std::fs::create_dir(&theirs).unwrap();
    let list = run(&mut rpm(&ours, &["-qa", "--qf", "%{DBINSTANCE} %{NAME}\n"]));
    assert_eq!(list.lines().count(), packages.len(), "{list}");
    let mut command = rpm(
        &theirs,
        &[
            "-i",
            "--nodeps",
            "--noscripts",
            "--notriggers",
            "--nosignature",
            "--noorder",
        ],
    );
    let done = output(command.args(&packages));
    assert!(done.status.success(), "{done:?}");

    let (one, two) = (tags(&ours), tags(&theirs));
    let differ: Vec<_> = one.symmetric_difference(&two).collect();
    assert!(differ.is_empty(), "{differ:#?}");

    // The indexes by which rpm finds packages have the same rows, and tables and indexes are made
    // by the same words.
    let both = [&ours, &theirs].map(|root| root.join("usr/lib/sysimage/rpm/rpmdb.sqlite"));
    let ask = |sql: &str| {
        both.each_ref()
            .map(|path| run(Command::new(tool("sqlite3")).arg(path).arg(sql)))
    };
    let made = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY 1, 2";
    let [one, two] = ask(made);
    assert_eq!(one, two);
    let [names, _] = ask("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%hnum INTEGER NOT NULL%' AND name <> 'Installtid'");
    assert_eq!(names.lines().count(), 17, "{names}");
    for name in names.lines() {
        let [one, two] = ask(&format!(
            "SELECT quote(t.key), n.key, t.idx FROM \"{name}\" t JOIN Name n ON n.hnum = t.hnum ORDER BY 1, 2, 3"
        ));
        assert_eq!(one, two, "{name}");
    }

    // Times of files may differ, and nothing else.
    let verified = output(&mut rpm(
        &ours,
        &["-Va", "--nomtime", "--noscripts", "--nodeps"],
    ));
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    let real = output(&mut rpm(
        &theirs,
        &["-Va", "--nomtime", "--noscripts", "--nodeps"],
    ));
    assert_eq!(said, String::from_utf8_lossy(&real.stdout));
    run(&mut rpm(&ours, &["--verifydb"]));
}
