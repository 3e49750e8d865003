//! Locks of packages that lie in a folder.

use std::path::Path;

use verbatim_digest::Digest;
use verbatim_packages::lock::{Lock, LockedPackage, LockedSource};
use verbatim_packages::manifest::PackageFormat;

/// A package by its name, version and architecture, as a lock names it: the file of this name with
/// this content.
pub fn locked(package: [&str; 3], file: &str, content: &[u8]) -> LockedPackage {
    let [name, version, architecture] = package.map(str::to_owned);
    LockedPackage {
        name,
        version,
        architecture,
        targets: Vec::new(),
        source: "samples".to_owned(),
        path: file.parse().unwrap(),
        size: content.len() as u64,
        sha256: Digest::of(content),
        needed_by: Vec::new(),
    }
}

/// A lock of packages that lie in this folder, for images of x86_64.
pub fn lock(format: PackageFormat, folder: &Path, packages: Vec<LockedPackage>) -> Lock {
    let source = LockedSource {
        name: "samples".to_owned(),
        url: folder.to_str().unwrap().to_owned(),
        indexes: Vec::new(),
    };
    let architectures = vec!["x86_64".to_owned()];
    Lock::new(format, architectures, Vec::new(), vec![source], packages)
}
