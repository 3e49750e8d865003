//! `verbatim diff` on images that a real registry serves: down to the file, without what is equal.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use verbatim_testbed::{layout, output, run, skopeo, tool, Content, Kind, Registry};

fn diff(arguments: &[&str]) -> (i32, Value) {
    let output: Output = output(
        Command::new(env!("CARGO_BIN_EXE_verbatim"))
            .env_remove("DOCKER_CONFIG")
            .args(["diff", "--format", "json"])
            .args(arguments),
    );
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), report)
}

/// A copy of a layout with one layer more, of one file.
fn with_file(base: &Path, folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    run(Command::new("cp").arg("-r").arg(base).arg(&path));
    // Under one name for all, for it stands in the history.
    let file = folder.join("settings.conf");
    std::fs::write(&file, text).unwrap();
    std::fs::File::options()
        .append(true)
        .open(&file)
        .unwrap()
        .set_modified(std::time::UNIX_EPOCH)
        .unwrap();
    run(Command::new(tool("umoci"))
        .args(["insert", "--rootless", "--image"])
        .arg(format!("{}:latest", path.display()))
        .arg(&file)
        .arg("/etc/settings.conf")
        .env("SOURCE_DATE_EPOCH", "0"));
    run(Command::new(tool("umoci"))
        .args(["gc", "--layout"])
        .arg(&path));
    path.display().to_string()
}

#[test]
fn images_of_a_registry_are_compared_without_the_layers_that_are_equal() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base");
    layout(&base, &[Content::Random(3, 1 << 20)]);
    let a = with_file(&base, folder.path(), "a", "colour = red\nsize = 3\n");
    let b = with_file(&base, folder.path(), "b", "colour = blue\nsize = 3\n");
    let registry = Registry::start(Kind::Plain);
    let served = ["a", "b"].map(|tag| registry.reference(&format!("acme/app:{tag}")));
    for (layout, reference) in [&a, &b].into_iter().zip(&served) {
        skopeo([
            "copy",
            "--dest-tls-verify=false",
            &format!("oci:{layout}:latest"),
            &format!("docker://{reference}"),
        ]);
    }

    let (code, report) = diff(&[&a, &served[0]]);
    assert_eq!((code, &report["verdict"]), (0, &Value::from("equal")));
    assert_eq!(report["right"]["kind"], "remote");

    // What both have cannot be fetched any more, and need not be.
    let document = |file: String| -> Value {
        serde_json::from_slice(&std::fs::read(Path::new(&a).join(file)).unwrap()).unwrap()
    };
    let hex = |digest: &Value| digest.as_str().unwrap()["sha256:".len()..].to_owned();
    let manifest = hex(&document("index.json".into())["manifests"][0]["digest"]);
    let shared = hex(&document(format!("blobs/sha256/{manifest}"))["layers"][0]["digest"]);
    std::fs::remove_file(registry.blob_file(&shared)).unwrap();

    let (code, report) = diff(&[&served[0], &served[1]]);
    assert_eq!(code, 1);
    let causes = report["causes"].as_array().unwrap();
    let ids: Vec<&str> = causes.iter().map(|c| c["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["source-change"], "{report:#}");
    let path = causes[0]["paths"][0].as_str().unwrap();
    assert!(path.ends_with("!etc/settings.conf"), "{path}");
}

#[test]
fn extended_attributes_of_folders_count_if_asked() {
    let target = std::path::absolute(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let folder = tempfile::tempdir_in(target).unwrap();
    for side in ["a", "b"] {
        let dir = folder.path().join(side);
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("file"), "same").unwrap();
        run(Command::new("python3")
            .args([
                "-c",
                "import os, sys; os.setxattr(sys.argv[1], 'user.from', sys.argv[2].encode())",
            ])
            .arg(dir.join("file"))
            .arg(side));
    }
    let [a, b] = ["a", "b"].map(|side| folder.path().join(side).display().to_string());
    assert_eq!(diff(&[&a, &b]).0, 0);
    let (code, report) = diff(&["--metadata", &a, &b]);
    assert_eq!(code, 1, "{report}");
    let file = report["differences"][0]["children"]
        .as_array()
        .unwrap()
        .iter()
        .find(|child| child["path"] == "file")
        .unwrap();
    let field = file["fields"].as_array().unwrap().iter();
    let field = field
        .clone()
        .find(|field| field["name"] == "xattr user.from")
        .unwrap_or_else(|| panic!("{file}"));
    assert_eq!(
        (&field["left"], &field["right"]),
        (&"a".into(), &"b".into())
    );
}
