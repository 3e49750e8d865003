//! `verbatim verify --storage` of a folder with the unpacked files of one image, and of what is no store.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Output};
use std::time::UNIX_EPOCH;

fn run(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(fs::canonicalize(env!("CARGO_BIN_EXE_verbatim")).unwrap())
        .args(arguments)
        .current_dir(dir)
        .env("HOME", dir)
        .env_remove("XDG_DATA_HOME")
        .output()
        .unwrap()
}

fn done(dir: &Path, arguments: &[&str]) {
    let output = run(dir, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
}

/// The exit code, and all that was said.
fn verify(dir: &Path, storage: &str) -> (i32, String) {
    let output = run(dir, &["verify", "sums.sha256", "--storage", storage]);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.code().unwrap(), text)
}

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    File::open(path).unwrap().set_modified(UNIX_EPOCH).unwrap();
}

/// A folder, and an image of it.
fn image(dir: &Path) {
    let root = dir.join("root");
    fs::create_dir_all(root.join("usr/bin")).unwrap();
    fs::write(root.join("usr/bin/app"), "#!/bin/sh\n").unwrap();
    fs::write(root.join("motd"), "hello\n").unwrap();
    for (path, mode) in [
        ("usr/bin/app", 0o755),
        ("motd", 0o644),
        ("usr/bin", 0o755),
        ("usr", 0o755),
        ("", 0o755),
    ] {
        set(&root.join(path), mode);
    }
    let own = dir.metadata().unwrap();
    let owner = format!("--owner={}:{}", own.uid(), own.gid());
    done(dir, &["layer", "-o=layer.tar.gz", &owner, "root"]);
    let layer = "--layer=layer.tar.gz";
    done(
        dir,
        &["image", "-o=layout", "--platform=linux/amd64", layer],
    );
    let image = "--image=registry.example.com/acme/app:v1=layout";
    done(dir, &["sums", "create", "-o=sums.sha256", image]);
}

#[test]
fn the_digest_is_made_again_from_the_files_alone() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    image(dir);
    let (exit, text) = verify(dir, "root");
    let is_root = dir.metadata().unwrap().uid() == 0;
    // The root folder of an image is root's.
    let expected = if is_root { 0 } else { 1 };
    assert_eq!(exit, expected, "{text}");
    if !is_root {
        assert!(text.contains("/ has another owner"), "{text}");
    }

    let app = dir.join("root/usr/bin/app");
    set(&app, 0o4755);
    let (exit, text) = verify(dir, "root");
    assert_eq!(exit, 3, "{text}");
    assert!(text.contains("does not say"), "{text}");
    // With the encoder it is known that the layer is one of this program.
    let json = fs::read_to_string(dir.join("sums.json")).unwrap();
    let with_encoder = json.replacen(
        r#""layers":[{"#,
        r#""layers":[{"encoder":{"level":6,"name":"libdeflate","version":"1"},"#,
        1,
    );
    assert_ne!(json, with_encoder);
    fs::write(dir.join("sums.json"), with_encoder).unwrap();
    let (exit, text) = verify(dir, "root");
    assert_eq!(exit, 1, "{text}");
    assert!(text.contains("the files make a layer"), "{text}");
    set(&app, 0o755);
    assert_eq!(verify(dir, "root").0, expected);

    // Nothing but the digest is known.
    fs::remove_file(dir.join("sums.json")).unwrap();
    let (exit, text) = verify(dir, "root");
    assert_eq!(exit, 3, "{text}");
    assert!(text.contains("keep the .json file"), "{text}");
}

#[test]
fn what_cannot_be_looked_at_is_unchecked_or_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    image(dir);
    fs::create_dir_all(dir.join("c/io.containerd.content.v1.content/blobs")).unwrap();
    let (exit, text) = verify(dir, "c");
    assert_eq!(exit, 3, "{text}");
    assert!(text.contains("io.containerd.metadata.v1.bolt"), "{text}");
    let (exit, text) = verify(dir, "absent");
    assert_eq!(exit, 3, "{text}");
    let (exit, text) = verify(dir, "sums.sha256");
    assert_eq!(exit, 2, "{text}");
    // A folder of files is that of one image.
    let line = format!("{}  registry.example.com/acme/other:v1\n", "0".repeat(64));
    let sums = fs::read_to_string(dir.join("sums.sha256")).unwrap();
    fs::write(dir.join("sums.sha256"), sums + &line).unwrap();
    fs::remove_file(dir.join("sums.json")).unwrap();
    let (exit, text) = verify(dir, "root");
    assert_eq!(exit, 2, "{text}");
    assert!(text.contains("one image"), "{text}");
}
