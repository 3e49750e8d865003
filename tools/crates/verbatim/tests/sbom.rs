//! `verbatim sbom`, as scripts see it: what is written, and the exit codes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn program() -> PathBuf {
    std::fs::canonicalize(env!("CARGO_BIN_EXE_verbatim")).unwrap()
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.current_dir(folder).arg("sbom").args(arguments);
    command.output().unwrap()
}

fn document(folder: &Path, arguments: &[&str]) -> Value {
    let output = run(folder, arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

const HEX: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A lock of two packages for two architectures, of which one needs the other.
fn lock() -> String {
    let package = |name: &str, architecture: &str, needed_by: &str| {
        format!(
            r#"{{"architecture":"{architecture}","name":"{name}","needed_by":[{needed_by}],"path":"pool/{name}_{architecture}.deb","sha256":"{HEX}","size":3,"source":"debian","targets":["{architecture}"],"version":"1:1.0-1"}}"#
        )
    };
    format!(
        r#"{{"architectures":["amd64","arm64"],"format":"deb","packages":[{},{},{},{}],"requested":["app"],"schema":"verbatim.packages/1","sources":[{{"indexes":[],"name":"debian","url":"https://deb.example.com/debian/"}}]}}"#,
        package("app", "amd64", ""),
        package("libx", "amd64", "\"app\""),
        package("app", "arm64", ""),
        package("libx", "arm64", "\"app\""),
    )
}

fn at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

#[test]
fn a_lock_as_spdx() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("image.lock.json"), lock()).unwrap();
    let options = [
        "image.lock.json",
        "--type",
        "spdx",
        "--architecture",
        "amd64",
        "--distribution",
        "debian-13",
    ];
    let document = document(dir.path(), &options);
    assert_eq!(at(&document, "/name"), "image");
    assert_eq!(
        at(&document, "/creationInfo/created"),
        "1970-01-01T00:00:00Z"
    );
    let packages = document["packages"].as_array().unwrap();
    let shown: Vec<_> = packages
        .iter()
        .map(|one| {
            (
                at(one, "/name"),
                at(one, "/externalRefs/0/referenceLocator"),
                at(one, "/downloadLocation"),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("image", "", "NOASSERTION"),
            (
                "app",
                "pkg:deb/debian/app@1:1.0-1?arch=amd64&distro=debian-13",
                "https://deb.example.com/debian/pool/app_amd64.deb"
            ),
            (
                "libx",
                "pkg:deb/debian/libx@1:1.0-1?arch=amd64&distro=debian-13",
                "https://deb.example.com/debian/pool/libx_amd64.deb"
            ),
        ]
    );
    assert_eq!(at(&packages[1], "/checksums/0/checksumValue"), HEX);
    let name = |id: &str| {
        packages
            .iter()
            .find(|one| at(one, "/SPDXID") == id)
            .map(|one| at(one, "/name"))
    };
    let relations: Vec<_> = document["relationships"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                name(at(one, "/spdxElementId")),
                at(one, "/relationshipType"),
                name(at(one, "/relatedSpdxElement")),
            )
        })
        .collect();
    for relation in [
        (None, "DESCRIBES", Some("image")),
        (Some("image"), "CONTAINS", Some("libx")),
        (Some("image"), "DEPENDS_ON", Some("app")),
        (Some("app"), "DEPENDS_ON", Some("libx")),
    ] {
        assert!(
            relations.contains(&relation),
            "{relation:?} in {relations:?}"
        );
    }
    assert_eq!(relations.len(), 5);
}

#[test]
fn several_things_as_cyclonedx() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("image.lock.json"), lock()).unwrap();
    let crates = format!(
        "version = 4\n[[package]]\nname = \"server\"\nversion = \"0.1.0\"\ndependencies = [\"log\"]\n\n[[package]]\nname = \"log\"\nversion = \"0.4.0\"\nsource = \"registry+https://git.example.com/crates.io-index\"\nchecksum = \"{HEX}\"\n"
    );
    std::fs::write(dir.path().join("Cargo.lock"), crates).unwrap();
    let options = [
        "image.lock.json",
        "Cargo.lock",
        "--type",
        "cyclonedx",
        "--name",
        "all",
        "--created",
        "2026-11-30T00:00:00Z",
    ];
    let document = document(dir.path(), &options);
    assert_eq!(at(&document, "/metadata/component/name"), "all");
    assert_eq!(at(&document, "/metadata/timestamp"), "2026-11-30T00:00:00Z");
    let components = document["components"].as_array().unwrap();
    let names: Vec<_> = components
        .iter()
        .map(|one| (at(one, "/type"), at(one, "/name")))
        .collect();
    for name in [
        ("container", "image"),
        ("application", "Cargo"),
        ("library", "log"),
        ("library", "server"),
    ] {
        assert!(names.contains(&name), "{name:?} in {names:?}");
    }
    assert_eq!(names.len(), 8);
    // All that is referred to is there.
    let references: Vec<_> = components.iter().map(|one| at(one, "/bom-ref")).collect();
    for entry in document["dependencies"].as_array().unwrap() {
        for to in entry["dependsOn"].as_array().into_iter().flatten() {
            assert!(references.contains(&to.as_str().unwrap()), "{to}");
        }
    }
}

#[test]
fn the_same_bytes_from_another_folder() {
    let made = ["one", "two"].map(|name| {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("image.lock.json"), lock()).unwrap();
        ["spdx", "cyclonedx"].map(|form| {
            let output = run(
                &folder,
                &["image.lock.json", "--type", form, "-o", "out.json"],
            );
            assert_eq!(output.status.code(), Some(0));
            std::fs::read(folder.join("out.json")).unwrap()
        })
    });
    assert_eq!(made[0], made[1]);
}

#[test]
fn wrong_input_is_told() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.lock.json"), "{}").unwrap();
    std::fs::write(dir.path().join("image.lock.json"), lock()).unwrap();
    std::fs::write(dir.path().join("bad.lock"), "x").unwrap();
    for (arguments, words) in [
        (&["x.lock.json", "--type", "spdx"][..], "is no lock"),
        (&["bad.lock", "--type", "spdx"], "is no Cargo.lock"),
        (
            &[
                "image.lock.json",
                "--type",
                "spdx",
                "--architecture",
                "s390x",
            ],
            "is not for s390x",
        ),
        (
            &["image.lock.json", "--type", "spdx", "--created", "now"],
            "is no moment",
        ),
        (&["image.lock.json"], "--type"),
    ] {
        let output = run(dir.path(), arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(words), "{error}");
        assert!(output.stdout.is_empty());
    }
}

/// A program that says what it is made of, as `cargo auditable` writes it: no more than the section.
fn audited(list: &str) -> Vec<u8> {
    // A stream of zlib with one block that is not compressed.
    let length = list.len() as u16;
    let mut section = vec![0x78, 0x01, 1];
    section.extend(length.to_le_bytes());
    section.extend((!length).to_le_bytes());
    section.extend(list.bytes());
    let (mut a, mut b) = (1u32, 0u32);
    for byte in list.bytes() {
        a = (a + u32::from(byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    section.extend(((b << 16) | a).to_be_bytes());
    let names = b"\0.names\0.dep-v0\0";
    let mut out = b"\x7fELF\x02\x01\x01".to_vec();
    out.resize(64, 0);
    let places = [out.len(), out.len() + names.len()];
    out.extend(names);
    out.extend(&section);
    let table = out.len() as u64;
    out[40..48].copy_from_slice(&table.to_le_bytes());
    for (at, value) in [(58, 64u16), (60, 3), (62, 1)] {
        out[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
    out.resize(out.len() + 64, 0);
    for (name, place, size) in [
        (1u32, places[0], names.len()),
        (8, places[1], section.len()),
    ] {
        let from = out.len();
        out.resize(from + 64, 0);
        out[from..from + 4].copy_from_slice(&name.to_le_bytes());
        out[from + 4] = 1;
        out[from + 24..from + 32].copy_from_slice(&(place as u64).to_le_bytes());
        out[from + 32..from + 40].copy_from_slice(&(size as u64).to_le_bytes());
    }
    out
}

#[test]
fn a_program_by_what_it_says_of_itself() {
    let dir = tempfile::tempdir().unwrap();
    let list = r#"{"packages":[{"name":"log","version":"0.4.0","source":"crates.io","dependencies":[]},{"name":"server","version":"1.2.0","source":"local","dependencies":[0],"root":true}]}"#;
    std::fs::write(dir.path().join("server"), audited(list)).unwrap();
    let document = document(dir.path(), &["server", "--type", "cyclonedx"]);
    assert_eq!(at(&document, "/metadata/component/name"), "server");
    let components = document["components"].as_array().unwrap();
    let purls: Vec<_> = components.iter().map(|one| at(one, "/purl")).collect();
    assert!(purls.contains(&"pkg:cargo/log@0.4.0"), "{purls:?}");

    std::fs::write(dir.path().join("silent"), audited("{\"packages\":[]}")).unwrap();
    let output = run(dir.path(), &["silent", "--type", "spdx"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("cargo auditable"), "{error}");
}
