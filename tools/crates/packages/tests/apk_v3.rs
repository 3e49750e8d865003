//! Packages and an index of apk's version 3, as apk-tools 3.0.6 made and signed them.

use std::path::Path;

use verbatim_packages::places::Places;
use verbatim_packages::{ErrorKind, Lock, Manifest, Moment, Result};

#[path = "support/layers.rs"]
mod layers;
use layers::fetcher;

macro_rules! samples {
    ($($to:literal: $name:literal),* $(,)?) => {
        [$(($to, include_bytes!(concat!("../testdata/apk/", $name)))),*]
    };
}

const SAMPLES: [(&str, &[u8]); 4] = samples![
    "v3-sample.rsa.pub": "v3-sample.rsa.pub",
    "x86_64/packages.adb": "packages.adb",
    "x86_64/hello-1.2.3-r4.apk": "hello-1.2.3-r4.apk",
    "x86_64/libhello-1.0-r0.apk": "libhello-1.0-r0.apk",
];

struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        for (name, content) in SAMPLES {
            repository.write(name, content);
        }
        repository
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.0.path().join("repo").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn lock(&self, trust: &str) -> Result<Lock> {
        let text = format!(
            "format = \"apk\"\npackages = [\"hello\"]\narchitectures = [\"x86_64\"]\n\
             [[source]]\nname = \"test\"\nurl = \"repo\"\n{trust}\n"
        );
        let path = self.0.path().join("image.toml");
        std::fs::write(&path, text).unwrap();
        let now = Moment::from_seconds(1_800_000_000);
        let manifest = Manifest::read(&path)?;
        verbatim_packages::choose(&manifest, &self.places(), &fetcher(), now, None)
    }

    fn places(&self) -> Places {
        Places::new(self.0.path())
    }
}

const SIGNED: &str = "keys = [\"repo/v3-sample.rsa.pub\"]";

/// What stands in a tar archive: mode, owner, path, and a target or a content.
fn entries(archive: &[u8]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header();
        let line = format!(
            "{:o} {}:{} {}",
            header.mode().unwrap(),
            header.uid().unwrap(),
            header.gid().unwrap(),
            entry.path().unwrap().display()
        );
        let what = match entry.link_name().unwrap() {
            Some(target) => format!("-> {}", Path::new(&*target).display()),
            None => {
                let mut text = Vec::new();
                std::io::Read::read_to_end(&mut entry, &mut text).unwrap();
                String::from_utf8_lossy(&text).into_owned()
            }
        };
        found.push((line, what));
    }
    found
}

#[test]
fn chosen_checked_and_unpacked() {
    let repository = Repository::new();
    let lock = repository.lock(SIGNED).unwrap();
    let chosen: Vec<_> = lock
        .packages
        .iter()
        .map(|p| format!("{} {} {} {}", p.name, p.version, p.path, p.size))
        .collect();
    assert_eq!(
        chosen,
        [
            "hello 1.2.3-r4 x86_64/hello-1.2.3-r4.apk 993",
            "libhello 1.0-r0 x86_64/libhello-1.0-r0.apk 704",
        ]
    );
    assert_eq!(lock.packages[1].needed_by, ["hello"]);
    let layer = layers::layer(&lock, &repository.places()).unwrap();
    let entries = entries(&layer);
    let has = |line: &str, what: &str| {
        let found = entries.iter().find(|(one, _)| one == line);
        let found = found.unwrap_or_else(|| panic!("no {line} in {entries:?}"));
        assert_eq!(found.1, what, "{line}");
    };
    has("640 0:0 etc/hello.conf", "a = 1\n");
    has("755 0:0 usr/bin/hello", "#!/bin/sh\necho hello\n");
    has("777 0:0 usr/bin/hello-link", "-> hello");
    has("750 0:0 var/lib/hello/", "");
    has("644 0:0 usr/lib/libhello.so.1", "lib\n");
    has("644 0:0 usr/share/doc/hello/README", "doc\n");
    has(
        "644 0:0 usr/share/doc/hello/README.hard",
        "-> usr/share/doc/hello/README",
    );
    let database = entries
        .iter()
        .find(|(line, _)| line.ends_with("lib/apk/db/installed"));
    let database = &database.unwrap().1;
    // The SHA-256 of its document, by which the index knows it: 1836b4e6…, and of its file, cb78bd8a….
    for line in [
        "C:Q1GDa05tCesfwcITe24hvTvDPZTjQ=",
        "P:hello",
        "D:libhello>=1.0",
        "p:cmd:hello=1.2.3-r4",
        "f:S",
        "F:etc",
        "R:hello.conf",
        "a:0:0:640",
        "Z:Q1y3i9ihf3t1H+DUZjNm3LwlcgQDM=",
    ] {
        assert!(
            database.lines().any(|one| one == line),
            "{line}: {database}"
        );
    }
}

/// The error of a repository where one byte of a file is another.
fn flipped(name: &str, at: usize) -> (ErrorKind, String) {
    let repository = Repository::new();
    let (_, content) = SAMPLES.iter().find(|(one, _)| *one == name).unwrap();
    let mut content = content.to_vec();
    content[at] ^= 1;
    repository.write(name, &content);
    let error = repository.lock(SIGNED).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn what_was_changed_is_refused() {
    let repository = Repository::new();
    repository.write(
        "other.rsa.pub",
        include_bytes!("../testdata/apk/other.rsa.pub"),
    );
    let error = repository
        .lock("keys = [\"repo/other.rsa.pub\"]")
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("f98d248b302e5205"), "{error}");
    assert!(repository.lock("unsigned = true").is_ok());

    // In a name of the package that is not compressed, and in its content.
    let package = "x86_64/libhello-1.0-r0.apk";
    let (kind, error) = flipped(package, 0x15);
    assert_eq!(kind, ErrorKind::Refused, "{error}");
    assert!(error.contains("libhello-1.0-r0.apk"), "{error}");
    let (kind, error) = flipped(package, 700);
    assert_eq!(kind, ErrorKind::Refused, "{error}");
    assert!(error.contains("usr/lib/libhello.so.1"), "{error}");
}

/// Whatever byte is another one: no panic, and nothing is locked that is not what was signed.
#[test]
fn every_byte_counts() {
    for name in ["x86_64/packages.adb", "x86_64/libhello-1.0-r0.apk"] {
        let length = SAMPLES
            .iter()
            .find(|(one, _)| *one == name)
            .unwrap()
            .1
            .len();
        for at in (0..length).step_by(41) {
            let repository = Repository::new();
            let (_, content) = SAMPLES.iter().find(|(one, _)| *one == name).unwrap();
            let mut content = content.to_vec();
            content[at] ^= 0x10;
            repository.write(name, &content);
            if let Ok(lock) = repository.lock(SIGNED) {
                // Padding, and the signature of a package, which its index vouches for.
                let clean = Repository::new().lock(SIGNED).unwrap();
                let versions = |lock: &Lock| -> Vec<(String, String)> {
                    let both = lock.packages.iter();
                    both.map(|p| (p.name.clone(), p.version.clone())).collect()
                };
                assert_eq!(versions(&lock), versions(&clean), "{name} {at}");
            }
        }
    }
}
