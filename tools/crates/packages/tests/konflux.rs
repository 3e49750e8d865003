//! What a lock file of Konflux names becomes the layer that the same packages become in a lock of
//! this program.

use verbatim_digest::Digest;
use verbatim_packages::manifest::Format;
use verbatim_packages::places::Places;
use verbatim_packages::Lock;

#[path = "support/layers.rs"]
mod layers;
#[path = "support/locks.rs"]
mod locks;
#[path = "support/samples.rs"]
mod samples;

#[test]
fn the_same_layer() {
    let folder = samples::folder();
    let mut text =
        "---\nlockfileVersion: 1\nlockfileVendor: redhat\narches:\n- arch: x86_64\n  packages:\n"
            .to_owned();
    let mut packages = Vec::new();
    for (name, evr, architecture, file) in [
        (
            "rpm-file-attrs",
            "1.0-1",
            "noarch",
            "rpm-file-attrs-1.0-1.noarch.rpm",
        ),
        (
            "rpm-basic",
            "1:2.3.4-5.el9",
            "noarch",
            "v4-rpm-basic-2.3.4-5.el9.noarch.rpm",
        ),
        ("rpm-empty", "0-0", "x86_64", "v4-rpm-empty-0-0.x86_64.rpm"),
    ] {
        let content = samples::bytes(file);
        text += &format!(
            "  - url: file://{}/{file}\n    repoid: base\n    size: {}\n    checksum: sha256:{}\n    name: {name}\n    evr: {evr}\n",
            folder.path().display(),
            content.len(),
            Digest::of(content).hex()
        );
        packages.push(locks::locked([name, evr, architecture], file, content));
    }
    let path = folder.path().join("rpms.lock.yaml");
    std::fs::write(&path, text).unwrap();
    let theirs = Lock::read(&path).unwrap();
    let ours = locks::lock(Format::Rpm, folder.path(), packages);
    let layer = |lock: &Lock| layers::layer(lock, &Places::default()).unwrap();
    assert!(layer(&theirs) == layer(&ours));
    // A lock that is kept is one of this program.
    let kept = Lock::parse(&theirs.to_bytes().unwrap(), "x").unwrap();
    assert_eq!(kept, theirs);
}
