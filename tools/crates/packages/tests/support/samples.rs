//! The packages and keys of rpm-rs that lie in `testdata/rpm`. They are compiled in: where a test
//! runs, the folder that it was compiled in may be gone.

use tempfile::TempDir;

macro_rules! samples {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!("../../testdata/rpm/", $name)))),*]
    };
}

const FILES: [(&str, &[u8]); 13] = samples![
    "rpm-file-attrs-1.0-1.noarch.rpm",
    "rpm-file-types-1.0-1.noarch.rpm",
    "rpm-hardlinks-1.0-1.noarch.rpm",
    "rpm-rich-deps-1.0-1.noarch.rpm",
    "rpm-scriptlets-1.0-1.noarch.rpm",
    "rpm-testkey-v4-ed25519.asc",
    "rpm-testkey-v4-rsa4096.asc",
    "rpm-testkey-v6-ed25519.asc",
    "v4-rpm-basic-2.3.4-5.el9.noarch.rpm",
    "v4-rpm-empty-0-0.x86_64.rpm",
    "v4-signed-ed25519-rpm-basic-2.3.4-5.el9.noarch.rpm",
    "v4-signed-rsa4096-rpm-basic-2.3.4-5.el9.noarch.rpm",
    "v6-signed-ed25519-rpm-basic-2.3.4-5.el9.noarch.rpm",
];

/// What a sample holds.
pub fn bytes(name: &str) -> &'static [u8] {
    let sample = FILES.iter().find(|(file, _)| *file == name);
    sample
        .unwrap_or_else(|| panic!("there is no sample {name}"))
        .1
}

/// A folder with all of them, as a repository has it.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in FILES {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}
