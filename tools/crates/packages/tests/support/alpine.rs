//! Repositories of apk's form: one that melange made and signed, and such as a test puts together.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use libdeflater::{CompressionLvl, Compressor};
use sha1::{Digest as _, Sha1};
use verbatim_digest::Digest;
use verbatim_packages::places::Places;
use verbatim_packages::{Lock, Manifest, Moment, Result};

use crate::layers::{self, fetcher};
use crate::tars::{tar, File};

macro_rules! samples {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!("../../testdata/apk/", $name)))),*]
    };
}

/// A repository of apko's tests, for two architectures, and its key.
const SAMPLES: [(&str, &[u8]); 9] = samples![
    "melange.rsa.pub",
    "x86_64/APKINDEX.tar.gz",
    "x86_64/custom-ca-certs-1-1.0.0-r0.apk",
    "x86_64/pretend-baselayout-1.0.0-r0.apk",
    "x86_64/replayout-1.0.0-r0.apk",
    "aarch64/APKINDEX.tar.gz",
    "aarch64/custom-ca-certs-1-1.0.0-r0.apk",
    "aarch64/pretend-baselayout-1.0.0-r0.apk",
    "aarch64/replayout-1.0.0-r0.apk",
];

/// A part of a package: a compressed tar archive, without its end where another part follows.
pub fn part(files: &[File<'_>], is_last: bool) -> Vec<u8> {
    let mut plain = tar(files);
    if !is_last {
        plain.truncate(plain.len() - 1024);
    }
    gzip(&plain)
}

pub fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::default());
    let mut out = vec![0; compressor.gzip_compress_bound(plain.len())];
    let size = compressor.gzip_compress(plain, &mut out).unwrap();
    out.truncate(size);
    out
}

/// A checksum as apk writes it.
pub fn checksum(content: &[u8]) -> String {
    let bytes = Sha1::digest(content);
    format!(
        "Q1{}",
        base64::engine::general_purpose::STANDARD.encode(bytes)
    )
}

/// A signature that holds for nothing. Without one apk sees no package, whatever it may trust.
fn signature() -> Vec<u8> {
    part(&[(".SIGN.RSA.test.rsa.pub", b"none")], false)
}

/// A package without a signature: what it says of itself, and its files, each a part.
pub fn package(about: &str, scripts: &[File<'_>], files: &[File<'_>]) -> (Vec<u8>, Vec<u8>) {
    let files = part(files, true);
    let about = format!("{about}datahash = {}\n", Digest::of(&files).hex());
    let mut control = vec![(".PKGINFO", about.as_bytes())];
    control.extend(scripts);
    (part(&control, false), files)
}

/// A repository in a folder, with the index of one architecture where a test makes it.
pub struct Repository {
    pub folder: tempfile::TempDir,
    index: String,
    /// Whether the manifest says that nobody signs it.
    unsigned: bool,
}

impl Repository {
    /// The one that melange made.
    pub fn signed() -> Self {
        let repository = Self {
            unsigned: false,
            ..Self::new()
        };
        for (name, content) in SAMPLES {
            repository.write(name, content);
        }
        repository
    }

    /// An empty one, that nobody signs.
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            index: String::new(),
            unsigned: true,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("repo").join(name)
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Add a package of version 1-r0. `fields` are more lines of what it says of itself, and of the
    /// index those with the same meaning.
    pub fn add(&mut self, name: &str, fields: &str, scripts: &[File<'_>], files: &[File<'_>]) {
        let about = format!("pkgname = {name}\npkgver = 1-r0\narch = x86_64\nsize = 10\n{fields}");
        let (control, files) = package(&about, scripts, files);
        self.add_parts(name, fields, &control, &files);
    }

    /// The same, of parts that were made before.
    pub fn add_parts(&mut self, name: &str, fields: &str, control: &[u8], files: &[u8]) {
        let whole = [&signature()[..], control, files].concat();
        self.index += &format!(
            "C:{}\nP:{name}\nV:1-r0\nA:x86_64\nS:{}\nI:10\n",
            checksum(control),
            whole.len()
        );
        for (field, letter) in [("depend", 'D'), ("provides", 'p'), ("install_if", 'i')] {
            let start = format!("{field} = ");
            let values: Vec<_> = fields
                .lines()
                .filter_map(|l| l.strip_prefix(&start))
                .collect();
            if !values.is_empty() {
                self.index += &format!("{letter}:{}\n", values.join(" "));
            }
        }
        self.index += "\n";
        self.write(&format!("x86_64/{name}-1-r0.apk"), &whole);
        let index = part(&[("APKINDEX", self.index.as_bytes())], true);
        let index = [signature(), index].concat();
        self.write("x86_64/APKINDEX.tar.gz", &index);
    }

    /// Choose packages; `fields` are more lines of the manifest.
    pub fn lock(&self, packages: &[&str], fields: &str, old: Option<&Lock>) -> Result<Lock> {
        let trust = match self.unsigned {
            true => "unsigned = true",
            false => "keys = [\"repo/melange.rsa.pub\"]",
        };
        let architectures = match fields.contains("architectures") {
            true => "",
            false => "architectures = [\"x86_64\"]\n",
        };
        let text = format!(
            "format = \"apk\"\npackages = {packages:?}\n{architectures}{fields}\n\
             [[source]]\nname = \"test\"\nurl = \"repo\"\n{trust}\n"
        );
        let path = self.folder.path().join("image.toml");
        std::fs::write(&path, text).unwrap();
        let manifest = Manifest::read(&path)?;
        let now = Moment::from_seconds(1_800_000_000);
        verbatim_packages::choose(&manifest, &self.places(), &fetcher(), now, old)
    }

    pub fn places(&self) -> Places {
        Places::new(self.folder.path())
    }

    /// The layer of packages, as a tar archive.
    pub fn layer(&self, packages: &[&str]) -> Result<Vec<u8>> {
        layers::layer(&self.lock(packages, "", None)?, &self.places())
    }
}

/// What stands in a tar archive, one line for each entry.
pub fn entries(archive: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(archive);
    let mut lines = Vec::new();
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        let target = entry.link_name().unwrap();
        let target = target.map_or(String::new(), |target| format!(" -> {}", target.display()));
        lines.push(format!(
            "{:o} {}:{} {}{target}",
            header.mode().unwrap(),
            header.uid().unwrap(),
            header.gid().unwrap(),
            entry.path().unwrap().display(),
        ));
    }
    lines
}

/// The content of a file in a tar archive.
pub fn read(archive: &[u8], path: &str) -> String {
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap() == Path::new(path) {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
            return text;
        }
    }
    panic!("there is no {path}");
}
