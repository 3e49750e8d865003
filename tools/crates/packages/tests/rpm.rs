//! Packages of rpm-rs become layers: the samples are real ones, built and signed by rpm.

use std::path::Path;

use verbatim_digest::Digest;
use verbatim_packages::manifest::PackageFormat;
use verbatim_packages::places::Places;
use verbatim_packages::{ErrorKind, Result};
use verbatim_reader::{Archive, Kind};

#[path = "support/layers.rs"]
mod layers;
#[path = "support/locks.rs"]
mod locks;
#[path = "support/samples.rs"]
mod samples;

/// Names, versions and architectures of samples.
const SAMPLES: [(&str, &str, &str, &str); 6] = [
    ("rpm-file-attrs", "1.0-1", "noarch", ""),
    ("rpm-file-types", "1.0-1", "noarch", ""),
    ("rpm-hardlinks", "1.0-1", "noarch", ""),
    ("rpm-rich-deps", "1.0-1", "noarch", ""),
    ("rpm-basic", "1:2.3.4-5.el9", "noarch", "v4-"),
    ("rpm-empty", "0-0", "x86_64", "v4-"),
];

fn file_of((name, version, architecture, prefix): (&str, &str, &str, &str)) -> String {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    format!("{prefix}{name}-{version}.{architecture}.rpm")
}

/// The layer of samples that lie in this folder.
fn layer(folder: &Path, packages: &[(&str, &str, &str, &str)]) -> Result<Vec<u8>> {
    let locked = |&(name, version, architecture, prefix)| {
        let file = file_of((name, version, architecture, prefix));
        let content = std::fs::read(folder.join(&file)).unwrap();
        locks::locked([name, version, architecture], &file, &content)
    };
    let locked = packages.iter().map(locked).collect();
    let lock = locks::lock(PackageFormat::Rpm, folder, locked);
    layers::layer(&lock, &Places::default())
}

#[test]
fn the_order_of_packages_is_none() {
    let mut packages = SAMPLES.to_vec();
    let folder = samples::folder();
    let first = layer(folder.path(), &packages).unwrap();
    packages.reverse();
    let second = layer(folder.path(), &packages).unwrap();
    assert_eq!(Digest::of(&first), Digest::of(&second));
    let mut archive = Archive::open(&first[..]);
    let mut paths = Vec::new();
    let mut links = 0;
    let mut attributes = 0;
    while let Some(entry) = archive.next_entry().unwrap() {
        links += usize::from(matches!(entry.kind, Kind::HardLink { .. }));
        attributes += entry.xattrs.len();
        paths.push(String::from_utf8_lossy(&entry.path).into_owned());
    }
    let database = "usr/lib/sysimage/rpm/rpmdb.sqlite".to_owned();
    assert!(paths.contains(&database), "{paths:?}");
    assert!(links > 0 && attributes > 0, "{paths:?}");
}

/// The layer of a sample of which some bytes were changed.
fn changed(sample: (&str, &str, &str, &str), change: impl FnOnce(&mut Vec<u8>)) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let file = file_of(sample);
    let mut bytes = samples::bytes(&file).to_vec();
    change(&mut bytes);
    std::fs::write(folder.path().join(&file), bytes).unwrap();
    layer(folder.path(), &[sample])
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let sample = SAMPLES[4];
    let name = file_of(sample);
    let whole = changed(sample, |_| {}).unwrap();
    let size = samples::bytes(&name).len();
    // The lock vouches for the changed bytes here: what is left are the package's own digests. Not
    // in the lead, which means nothing, and not everywhere, to be done in time.
    for at in (96..size).step_by(193) {
        match changed(sample, |bytes| bytes[at] ^= 0x10) {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Refused, "{at}: {error}");
                assert!(error.to_string().starts_with(&name), "{at}: {error}");
            }
            // Signatures, and the space that is kept for them, are judged when packages are chosen;
            // the database has the digest of the whole package.
            Ok(layer) => assert!(layer != whole, "{at}"),
        }
    }
}

#[test]
fn what_is_cut_short_is_refused() {
    let sample = SAMPLES[2];
    let size = samples::bytes(&file_of(sample)).len();
    for end in (0..size).step_by(307) {
        let error = changed(sample, |bytes| bytes.truncate(end)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{end}: {error}");
    }
}

#[test]
fn another_package_than_the_locked_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = ("rpm-basic", "1:2.3.4-6.el9", "noarch", "v4-");
    let content = samples::bytes(&file_of(SAMPLES[4]));
    std::fs::write(folder.path().join(file_of(wanted)), content).unwrap();
    let error = layer(folder.path(), &[wanted]).unwrap_err().to_string();
    assert!(error.contains("was expected"), "{error}");
}
