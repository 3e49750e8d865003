//! What the lock files of other programs name becomes the layer that the same packages become in a
//! lock of this program.

use std::path::Path;

use verbatim_digest::Digest;
use verbatim_packages::manifest::PackageFormat;
use verbatim_packages::places::Places;
use verbatim_packages::Lock;

#[path = "support/layers.rs"]
mod layers;
#[path = "support/locks.rs"]
mod locks;
#[path = "support/samples.rs"]
mod samples;

/// Name, version, architecture and file of packages.
const PACKAGES: [[&str; 4]; 3] = [
    [
        "rpm-file-attrs",
        "1.0-1",
        "noarch",
        "rpm-file-attrs-1.0-1.noarch.rpm",
    ],
    [
        "rpm-basic",
        "1:2.3.4-5.el9",
        "noarch",
        "v4-rpm-basic-2.3.4-5.el9.noarch.rpm",
    ],
    ["rpm-empty", "0-0", "x86_64", "v4-rpm-empty-0-0.x86_64.rpm"],
];

/// What rpm-lockfile-prototype writes.
fn of_konflux(folder: &Path) -> String {
    let mut text =
        "---\nlockfileVersion: 1\nlockfileVendor: redhat\narches:\n- arch: x86_64\n  packages:\n"
            .to_owned();
    for [name, evr, _, file] in PACKAGES {
        let content = samples::bytes(file);
        text += &format!(
            "  - url: file://{}/{file}\n    repoid: base\n    size: {}\n    checksum: sha256:{}\n    name: {name}\n    evr: {evr}\n",
            folder.display(),
            content.len(),
            Digest::of(content).hex()
        );
    }
    text
}

/// What `dnf manifest` writes.
fn of_dnf(folder: &Path) -> String {
    let mut text = format!(
        "document: rpm-package-manifest\nversion: 0.2.2\ndata:\n  repositories:\n    - id: base\n      baseurl: file://{}\n  packages:\n",
        folder.display()
    );
    for architecture in ["noarch", "x86_64"] {
        text += &format!("    {architecture}:\n");
        for [name, evr, own, file] in PACKAGES {
            if own == architecture {
                let content = samples::bytes(file);
                text += &format!(
                    "      - name: {name}\n        repo_id: base\n        location: {file}\n        checksum: sha256:{}\n        size: {}\n        evr: {evr}\n",
                    Digest::of(content).hex(),
                    content.len()
                );
            }
        }
    }
    text
}

#[test]
fn the_same_layer() {
    let folder = samples::folder();
    let packages = PACKAGES.map(|[name, evr, architecture, file]| {
        locks::locked([name, evr, architecture], file, samples::bytes(file))
    });
    let ours = locks::lock(PackageFormat::Rpm, folder.path(), packages.into());
    let layer = |lock: &Lock| layers::layer(lock, &Places::default()).unwrap();
    for (name, text) in [
        ("rpms.lock.yaml", of_konflux(folder.path())),
        ("packages.manifest.yml", of_dnf(folder.path())),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let theirs = Lock::read(&path).unwrap();
        assert!(layer(&theirs) == layer(&ours), "{name}");
        // A lock that is kept is one of this program.
        let kept = Lock::parse(&theirs.to_bytes().unwrap(), "x").unwrap();
        assert_eq!(kept, theirs);
    }
}
