//! `verbatim index` as it is run.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{json, Value};
use tempfile::TempDir;

/// Images for several platforms, each of one empty layer.
struct Folder(TempDir);

const PLATFORMS: [&str; 4] = ["linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64"];

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::write(folder.path().join("layer.tar"), [0; 1024]).unwrap();
        for platform in PLATFORMS {
            let name = platform.replace('/', "-");
            folder.done(&[
                "image",
                "--layer=layer.tar",
                &format!("--platform={platform}"),
                &format!("--manifest={name}.manifest"),
                &format!("--config={name}.config"),
                &format!("--metadata={name}.json"),
                &format!("--output={name}"),
            ]);
        }
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).unwrap()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.read(name)).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(std::path::absolute(env!("CARGO_BIN_EXE_verbatim")).unwrap())
            .current_dir(self.path())
            .args(arguments)
            .output()
            .unwrap()
    }

    #[track_caller]
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn error(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
        assert!(!self.path().join("never").exists());
        text
    }
}

fn argument(platform: &str) -> String {
    let name = platform.replace('/', "-");
    let image = json!({
        "manifest": format!("{name}.manifest"), "config": format!("{name}.config"), "metadata": format!("{name}.json")
    });
    format!("--image={image}")
}

#[test]
fn the_order_of_the_images_makes_no_difference() {
    let folder = Folder::new();
    let mut seen = Vec::new();
    for rotation in 0..PLATFORMS.len() {
        let mut images: Vec<String> = PLATFORMS.iter().map(|p| argument(p)).collect();
        images.rotate_left(rotation);
        if rotation % 2 == 1 {
            images.reverse();
        }
        let mut arguments = vec![
            "index",
            "--index=index",
            "--digest=digest",
            "--descriptor=descriptor",
            "--metadata=metadata",
            "--annotation=a=b",
        ];
        arguments.extend(images.iter().map(String::as_str));
        assert_eq!(folder.done(&arguments), "");
        seen.push((folder.read("index"), folder.read("metadata")));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
    let index = folder.json("index");
    let platforms: Vec<String> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|manifest| {
            let part = |name: &str| manifest["platform"][name].as_str().unwrap_or("").to_owned();
            format!(
                "{}/{}/{}",
                part("os"),
                part("architecture"),
                part("variant")
            )
        })
        .collect();
    assert_eq!(
        platforms,
        [
            "linux/amd64/",
            "linux/arm/v6",
            "linux/arm/v7",
            "linux/arm64/"
        ]
    );
    assert_eq!(index["annotations"]["a"], "b");
    let metadata = folder.json("metadata");
    assert_eq!(metadata["schema"], "verbatim.index/1");
    assert_eq!(metadata["images"].as_array().unwrap().len(), 4);
    assert_eq!(
        metadata["index"]["digest"],
        String::from_utf8(folder.read("digest")).unwrap()
    );
    assert_eq!(metadata["index"], folder.json("descriptor"));

    // People give layouts, and get the same index.
    let digest = folder.done(&[
        "index",
        "-o",
        "all",
        "linux-arm64",
        "linux-arm-v7",
        "linux-amd64",
        "linux-arm-v6",
        "--annotation=a=b",
    ]);
    assert_eq!(digest.trim_end().as_bytes(), folder.read("digest"));
    folder.done(&["layout", "check", "all"]);
    assert_eq!(
        folder.json("all/index.json")["manifests"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    folder.done(&[
        "index",
        "-o",
        "all.tar",
        "--tag=registry.example.com/x:1",
        "all",
    ]);
    folder.done(&["layout", "check", "all.tar"]);
    folder.done(&[
        "layout",
        "import",
        "all.tar",
        "--platform=linux/arm",
        "--config=one",
    ]);
    assert_eq!(folder.json("one")["variant"], "v7");
}

#[test]
fn wrong_inputs_are_named() {
    let folder = Folder::new();
    folder.done(&[
        "image",
        "--layer=layer.tar",
        "--platform=linux/amd64",
        "--cmd=other",
        "--output=other",
    ]);
    let e = folder.error(&["index", "-o", "never", "linux-amd64", "other"]);
    assert!(e.contains("two images are for linux/amd64"), "{e}");
    let e = folder.error(&["index", "--index=never"]);
    assert!(e.contains("no image was given"), "{e}");
    let e = folder.error(&["index", &argument("linux/amd64")]);
    assert!(e.contains("nothing to write"), "{e}");
    let mixed = json!({"manifest": "linux-amd64.manifest", "config": "linux-arm64.config"});
    let e = folder.error(&["index", "--index=never", &format!("--image={mixed}")]);
    assert!(e.contains("linux-amd64.manifest at /config"), "{e}");
    let mixed = json!({
        "manifest": "linux-amd64.manifest", "config": "linux-amd64.config", "metadata": "linux-arm64.json"
    });
    let e = folder.error(&["index", "--index=never", &format!("--image={mixed}")]);
    assert!(
        e.contains("linux-arm64.json at /manifest: does not agree"),
        "{e}"
    );
    let e = folder.error(&["index", "--index=never", "--image={\"x\":1}"]);
    assert!(e.contains("unknown field `x`"), "{e}");
    let e = folder.error(&["index", "-o", "never", "nothing"]);
    assert!(e.contains("nothing: cannot be read"), "{e}");
    fs::write(
        folder
            .path()
            .join("other/blobs/sha256")
            .join(first_blob(&folder)),
        "x",
    )
    .unwrap();
    let e = folder.error(&["index", "-o", "never", "other"]);
    assert!(e.contains("other/blobs/sha256/"), "{e}");
}

fn first_blob(folder: &Folder) -> String {
    let mut names: Vec<_> = fs::read_dir(folder.path().join("other/blobs/sha256"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names.remove(0)
}
