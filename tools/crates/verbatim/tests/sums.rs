//! `verbatim sums` as it is run.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

fn hex(data: &[u8]) -> String {
    Sha256::digest(data)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// A folder with two images as layouts and documents, an index, and room for more.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("layer.tar", &[0; 1024]);
        for architecture in ["amd64", "arm64"] {
            folder.done(&[
                "image",
                "--layer=layer.tar",
                &format!("--platform=linux/{architecture}"),
                &format!("--manifest={architecture}.manifest"),
                &format!("--config={architecture}.config"),
                &format!("--metadata={architecture}.json"),
                &format!("--digest={architecture}.digest"),
                &format!("--descriptor={architecture}.descriptor"),
                &format!("--output={architecture}"),
            ]);
        }
        folder.done(&[
            "index",
            "-o",
            "both",
            "amd64",
            "arm64",
            "--index=both.index",
        ]);
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, data: &[u8]) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, data).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    fn sum(&self, name: &str) -> String {
        hex(&fs::read(self.path().join(name)).unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command =
            Command::new(std::path::absolute(env!("CARGO_BIN_EXE_verbatim")).unwrap());
        command.current_dir(self.path()).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
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
        assert!(text.starts_with("verbatim: "), "{text}");
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
        assert!(output.stdout.is_empty());
        for name in ["never", "never.json", "never.sha256"] {
            assert!(!self.path().join(name).exists());
        }
        text
    }
}

const IMAGES: [(&str, &str); 7] = [
    ("a.example/z", "amd64"),
    ("a.example/p/z", "arm64"),
    ("a.example:5000/z", "amd64"),
    ("b.example/p/q/z:1", "both"),
    ("b.example/p/q/z:10", "both"),
    ("b.example/p-q/z:1", "arm64"),
    ("localhost/z", "amd64"),
];

#[test]
fn the_text_is_fixed_to_the_byte_whatever_the_order() {
    let folder = Folder::new();
    let [amd64, arm64, both] =
        ["amd64.manifest", "arm64.manifest", "both.index"].map(|f| folder.sum(f));
    let expected = format!(
        "{amd64}  a.example/z\n{arm64}  a.example/p/z\n{amd64}  a.example:5000/z\n\
         {arm64}  b.example/p-q/z:1\n{both}  b.example/p/q/z:1\n{both}  b.example/p/q/z:10\n\
         {amd64}  localhost/z\n"
    );
    let images: Vec<String> = IMAGES
        .iter()
        .map(|(r, l)| format!("--image={r}={l}"))
        .collect();
    let mut documents = Vec::new();
    for rotation in 0..images.len() {
        let mut images = images.clone();
        images.rotate_left(rotation);
        // Equal ones collapse.
        images.push(images[0].clone());
        let mut arguments = vec!["sums", "create", "-o", "out.sha256"];
        arguments.extend(images.iter().map(String::as_str));
        assert_eq!(folder.done(&arguments), "");
        assert_eq!(folder.read("out.sha256"), expected);
        documents.push(folder.read("out.json"));
    }
    assert!(documents.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(
        folder.done(&["sums", "check", "out.sha256"]),
        "out.sha256: well-formed, 7 images, 0 files\n"
    );
    let document = folder.json("out.json");
    assert_eq!(document["schema"], "verbatim.sums/1");
    let image = &document["images"][0];
    assert_eq!(image["reference"], "a.example/z");
    assert_eq!(image["digest"], format!("sha256:{amd64}"));
    assert_eq!(
        image["image_id"],
        format!("sha256:{}", folder.sum("amd64.config"))
    );
    let platform = &image["platforms"][0];
    assert_eq!(platform["platform"]["architecture"], "amd64");
    assert_eq!(
        platform["layers"][0]["diff_id"],
        format!("sha256:{}", folder.sum("layer.tar"))
    );
    let index = &document["images"][4];
    assert_eq!(
        index["mediaType"],
        "application/vnd.oci.image.index.v1+json"
    );
    assert!(index.get("image_id").is_none());
    assert_eq!(index["platforms"].as_array().unwrap().len(), 2);
}

#[test]
fn build_rules_say_the_same_with_records() {
    let folder = Folder::new();
    folder.write("status", b"STABLE_TAG v1\nOTHER x\n");
    folder.write("registry", b"r.example:443\n");
    let image = |a: &str| json!({"manifest": format!("{a}.manifest"), "config": format!("{a}.config"), "metadata": format!("{a}.json")});
    let reference = |name: &str| json!({"registry": {"file": "registry"}, "prefix": "acme", "name": name, "tag": "{STABLE_TAG}-{MORE}"});
    let mut single = image("amd64");
    single["kind"] = "image".into();
    single["reference"] = reference("image");
    let records = [
        single,
        json!({"kind": "index", "reference": reference("index"), "index": "both.index", "images": [image("arm64"), image("amd64")], "origin": "//:index"}),
        json!({"kind": "layout", "reference": reference("layout"), "layout": "both"}),
        json!({"kind": "output_groups", "reference": reference("groups"), "digest": "arm64.digest", "descriptor": "arm64.descriptor"}),
        json!({"kind": "file", "reference": reference("file"), "file": "both.index"}),
    ];
    let mut arguments: Vec<String> = [
        "sums",
        "create",
        "--status=status",
        "--define=MORE=2",
        "-o",
        "out.sha256",
    ]
    .map(str::to_owned)
    .into();
    arguments.extend(records.iter().map(|record| format!("--record={record}")));
    arguments.push(
        r#"--file-record={"name":"tool-linux-amd64","file":"layer.tar","origin":"//:tool"}"#.into(),
    );
    folder.done(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let [amd64, arm64, both] =
        ["amd64.manifest", "arm64.manifest", "both.index"].map(|f| folder.sum(f));
    let tool = folder.sum("layer.tar");
    assert_eq!(
        folder.read("out.sha256"),
        format!(
            "{both}  r.example:443/acme/file:v1-2\n{arm64}  r.example:443/acme/groups:v1-2\n\
             {amd64}  r.example:443/acme/image:v1-2\n{both}  r.example:443/acme/index:v1-2\n\
             {both}  r.example:443/acme/layout:v1-2\n{tool}  tool-linux-amd64\n"
        )
    );
    let document = folder.json("out.json");
    assert_eq!(
        document["images"][3]["platforms"].as_array().unwrap().len(),
        2
    );
    assert_eq!(
        document["images"][3]["platforms"][0]["layers"][0]["encoder"]["name"],
        "none"
    );
    assert_eq!(document["files"][0]["size"], 1024);

    let e = folder.error(&[
        "sums",
        "create",
        "-o",
        "never",
        &format!("--record={}", records[0]),
    ]);
    assert!(e.contains("asks for {STABLE_TAG}"), "{e}");
    folder.write("arm64.digest", b"sha256:00");
    let e = folder.error(&[
        "sums",
        "create",
        "--status=status",
        "--define=MORE=2",
        "-o",
        "never",
        &format!("--record={}", records[3]),
    ]);
    assert!(e.contains("arm64.digest"), "{e}");
}

#[test]
fn conflicts_name_both_sides() {
    let folder = Folder::new();
    let e = folder.error(&[
        "sums",
        "create",
        "-o",
        "never.sha256",
        "--image=a.example/x:1=amd64",
        "--image=a.example/x:1=arm64",
    ]);
    for part in [
        "conflicting digests for a.example/x:1",
        &folder.sum("amd64.manifest"),
        "from amd64",
        &folder.sum("arm64.manifest"),
        "from arm64",
    ] {
        assert!(e.contains(part), "{e}");
    }
    folder.done(&["sums", "create", "-o", "one", "--image=a.example/x:1=amd64"]);
    folder.done(&["sums", "create", "-o", "two", "--image=a.example/x:1=arm64"]);
    let e = folder.error(&["sums", "merge", "one", "two", "-o", "never"]);
    assert!(
        e.contains("conflicting digests") && e.contains("one, line 1") && e.contains("two, line 1"),
        "{e}"
    );
    let e = folder.error(&[
        "sums",
        "create",
        "--files=amd64.manifest",
        r#"--file-record={"name":"amd64.manifest","file":"arm64.manifest"}"#,
    ]);
    assert!(e.contains("conflicting digests for amd64.manifest"), "{e}");
}

#[test]
fn bad_references_say_what_to_write() {
    let folder = Folder::new();
    for (reference, what) in [
        ("name", "names no registry"),
        ("name:1", "registry.example.com/name:1"),
        ("a.example/Upper", "write `upper`"),
        ("A.example/x", "write `a.example`"),
        ("a.example/", "is empty"),
        ("a.example/x y", "character"),
        ("a.example/x@sha256:00", "names a digest"),
        ("a.example:99999/x", "is not a port"),
        ("docker://a.example/x", "leave that out"),
        ("a.example/x:", "is not a tag"),
    ] {
        let e = folder.error(&[
            "sums",
            "create",
            "-o",
            "never",
            &format!("--image={reference}=amd64"),
        ]);
        assert!(e.contains(what), "{reference}: {e}");
    }
    for (arguments, what) in [
        (&["--image=a.example/x"][..], "REFERENCE=LAYOUT"),
        (&["--image=a.example/x="], "REFERENCE=LAYOUT"),
        (&["--image=a.example/x=nothing"], "nothing: cannot be read"),
        (&["--image=a.example/x=layer.tar"], "oci-layout"),
        (&["--image=a.example/x=amd64.config"], "amd64.config at"),
        (&["--files=nothing"], "nothing: cannot be read"),
        (
            &["--kind=a.example/x=image"],
            "no --image has this reference",
        ),
        (
            &["--image=a.example/x=amd64", "--kind=a.example/x=both"],
            "write `image` or `index`",
        ),
        (&["--record={\"kind\":\"x\"}"], "--record at /kind"),
        (&[], "nothing to sum"),
    ] {
        let mut all = vec!["sums", "create", "-o", "never"];
        all.extend(arguments);
        let e = folder.error(&all);
        assert!(e.contains(what), "{arguments:?}: {e}");
    }
}

#[test]
fn what_a_layout_stands_for_can_be_said() {
    let folder = Folder::new();
    // Two images in index.json itself.
    let index = folder.json("both.index");
    let several = serde_json::to_vec_pretty(&index).unwrap();
    folder.write("both/index.json", &several);
    let sum = |kind: &str| {
        let mut arguments = vec!["sums", "create", "--image=a.example/x=both"];
        let kind = format!("--kind=a.example/x={kind}");
        if !kind.ends_with('=') {
            arguments.push(&kind);
        }
        folder.done(&arguments)[..64].to_owned()
    };
    assert_eq!(sum(""), hex(&several));
    assert_eq!(sum("index"), hex(&several));
    let e = folder.error(&[
        "sums",
        "create",
        "--image=a.example/x=both",
        "--kind=a.example/x=image",
    ]);
    assert!(e.contains("names 2 images"), "{e}");
    // One image beside something else.
    folder.write(
        "amd64/index.json",
        &fs::read(folder.path().join("both.index")).unwrap(),
    );
    let e = folder.error(&["sums", "create", "--image=a.example/x=amd64"]);
    assert!(e.contains("amd64/blobs/sha256/"), "{e}");
    let single = json!({"schemaVersion": 2, "manifests": [index["manifests"][0]]}).to_string();
    folder.write("both/index.json", single.as_bytes());
    assert_eq!(sum(""), folder.sum("amd64.manifest"));
    assert_eq!(sum("image"), folder.sum("amd64.manifest"));
    assert_eq!(sum("index"), hex(single.as_bytes()));
    // A digest that index.json only claims is not believed.
    let manifest = folder
        .path()
        .join("both/blobs/sha256")
        .join(folder.sum("amd64.manifest"));
    let mut data = fs::read(&manifest).unwrap();
    data.push(b'\n');
    fs::write(&manifest, data).unwrap();
    let e = folder.error(&["sums", "create", "--image=a.example/x=both"]);
    assert!(e.contains("bytes"), "{e}");
}

#[cfg(unix)]
#[test]
fn files_are_summed_as_sha256sum_does() {
    let folder = Folder::new();
    folder.write("dist/tool", b"1");
    folder.write("dist/sub/a b", b"2");
    folder.write("dist/back\\slash\\", b"3");
    std::os::unix::fs::symlink("tool", folder.path().join("dist/link")).unwrap();
    folder.done(&["sums", "create", "--files=dist", "-o", "dist/SHA256SUMS"]);
    // Once more, with its own outputs there.
    folder.done(&["sums", "create", "--files=dist", "-o", "dist/SHA256SUMS"]);
    let text = folder.read("dist/SHA256SUMS");
    assert_eq!(
        text,
        format!(
            "\\{}  back\\\\slash\\\\\n{}  link\n{}  sub/a b\n{}  tool\n",
            hex(b"3"),
            hex(b"1"),
            hex(b"2"),
            hex(b"1")
        )
    );
    let checked = Command::new("sha256sum")
        .args(["-c", "--strict", "--quiet", "SHA256SUMS"])
        .current_dir(folder.path().join("dist"))
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
    assert_eq!(
        folder.json("dist/SHA256SUMS.json")["files"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    // A name that holds what ends a line is no name of a release, as one with other controls is none.
    for control in ["line\nfeed", "carriage\rreturn", "bell\u{7}"] {
        let name = format!("control/{control}");
        folder.write(&name, b"4");
        let e = folder.error(&["sums", "create", "--files=control", "-o", "never"]);
        assert!(e.contains("control character"), "{e}");
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    folder.write("dist/v1.example/image", b"4");
    let e = folder.error(&["sums", "create", "--files=dist", "-o", "never"]);
    assert!(e.contains("would be read as an image reference"), "{e}");
    std::os::unix::fs::symlink("..", folder.path().join("dist/sub/up")).unwrap();
    let e = folder.error(&["sums", "create", "--files=dist/sub", "-o", "never"]);
    assert!(e.contains("is a link to a folder"), "{e}");
}

#[test]
fn images_and_files_are_merged() {
    let folder = Folder::new();
    folder.write("tool", b"1");
    folder.done(&["sums", "create", "--files=tool", "-o", "files.sha256"]);
    folder.done(&[
        "sums",
        "create",
        "--image=a.example/x=amd64",
        "-o",
        "images.sha256",
    ]);
    folder.done(&[
        "sums",
        "merge",
        "files.sha256",
        "images.sha256",
        "-o",
        "release.sha256",
    ]);
    let expected = folder.read("images.sha256") + &folder.read("files.sha256");
    assert_eq!(folder.read("release.sha256"), expected);
    assert_eq!(
        folder.done(&[
            "sums",
            "merge",
            "images.sha256",
            "files.sha256",
            "images.sha256"
        ]),
        expected
    );
    let document = folder.json("release.json");
    assert_eq!(
        document["images"][0]["platforms"].as_array().unwrap().len(),
        1
    );
    assert_eq!(document["files"][0]["name"], "tool");
    assert!(folder
        .done(&["sums", "check", "release.sha256"])
        .contains("1 image, 1 file"));

    // A text alone has no document to merge.
    fs::remove_file(folder.path().join("files.json")).unwrap();
    folder.done(&[
        "sums",
        "merge",
        "files.sha256",
        "images.sha256",
        "-o",
        "other.sha256",
    ]);
    assert!(!folder.path().join("other.json").exists());
    let e = folder.error(&[
        "sums",
        "merge",
        "files.sha256",
        "images.sha256",
        "--json=never.json",
    ]);
    assert!(e.contains("files.sha256: has no JSON document"), "{e}");
    // A document that says something else is not merged.
    folder.write(
        "images.json",
        folder
            .read("images.json")
            .replace("a.example", "b.example")
            .as_bytes(),
    );
    let e = folder.error(&["sums", "merge", "images.sha256", "-o", "never"]);
    assert!(
        e.contains("images.json does not agree with images.sha256"),
        "{e}"
    );
    let output = folder.run(&["sums", "check", "images.sha256"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("disagrees"));
}

#[test]
fn malformed_texts_are_named_by_line_and_column() {
    let folder = Folder::new();
    let (a, b) = (hex(b"a"), hex(b"b"));
    let good = format!("{a}  a\n{b}  b\n");
    for (text, what) in [
        (String::new(), "bad: it is empty"),
        (format!("\u{feff}{good}"), "byte order mark"),
        (
            good.replace('\n', "\r\n"),
            "bad, line 1, column 68: the line ends with a carriage return",
        ),
        (format!("{good}\n"), "line 3, column 1: the line is empty"),
        (good.replace("  ", "\t"), "line 1, column 65"),
        (good.replace("  ", " "), "line 1, column 65"),
        (
            good.replace(&b, &b.to_uppercase()),
            "line 2, column 2: the digest has upper-case",
        ),
        (
            good.replace(&b, &b[1..]),
            "line 2, column 1: the digest has 63",
        ),
        (format!("{good}{a}  ../x\n"), "line 3, column 67"),
        (
            format!("{b}  b\n{a}  a\n"),
            "bad, line 2: the line is not in order",
        ),
        (
            format!("{good}{b}  b\n"),
            "bad, line 3: the line stands there twice",
        ),
        (format!("{good}{a}  b\n"), "conflicting digests for b"),
        (
            good.trim_end().to_owned(),
            "bad, line 2: the last line does not end with a line feed",
        ),
        ("# sums\n".to_owned(), "line 1, column 1"),
    ] {
        folder.write("bad", text.as_bytes());
        let e = folder.error(&["sums", "check", "bad"]);
        assert!(e.contains(what), "{text:?}: {e}");
        let output = folder.run(&["sums", "check", "bad", "--format=json"]);
        assert_eq!(output.status.code(), Some(2));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["schema"], "verbatim.sums-check/1");
        assert_eq!(report["verdict"], "malformed");
        assert!(!report["problems"].as_array().unwrap().is_empty());
    }
    folder.write("bad", format!("{b}  b\n{a} *a").as_bytes());
    folder.error(&["sums", "check", "bad"]);
    assert!(folder
        .done(&["sums", "check", "--lenient", "bad"])
        .contains("well-formed"));
    let e = folder.error(&["sums", "check", "nothing"]);
    assert!(e.contains("nothing: cannot be read"), "{e}");
    // From a pipe.
    let mut child = folder
        .command(&["sums", "check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), good.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "standard input: well-formed, 0 images, 2 files\n"
    );
}

#[test]
fn two_releases_are_compared() {
    let folder = Folder::new();
    let [a, b] = ["amd64.manifest", "arm64.manifest"].map(|f| folder.sum(f));
    folder.done(&[
        "sums",
        "create",
        "-o",
        "old",
        "--image=a.example/x=amd64",
        "--image=a.example/y=amd64",
        "--image=a.example/z=both",
    ]);
    folder.done(&[
        "sums",
        "create",
        "-o",
        "new",
        "--image=a.example/x=arm64",
        "--image=a.example/n=arm64",
        "--image=a.example/z=both",
    ]);
    assert_eq!(
        folder.done(&["sums", "compare", "old", "old"]),
        "old: the 3 sums are those of old\n"
    );
    let output = folder.run(&[
        "sums",
        "compare",
        "old",
        "new",
        "--update-command=make golden",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!(
            "--- old\n+++ new\n+{b}  a.example/n\n-{a}  a.example/x\n+{b}  a.example/x\n-{a}  a.example/y\n\
             1 different, 1 missing, 1 extra\nTo accept what is there now, run: make golden\n"
        )
    );
    let output = folder.run(&["sums", "compare", "old", "new", "--format=json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["schema"], "verbatim.sums-compare/1");
    assert_eq!(report["verdict"], "different");
    let verdicts: Vec<_> = report["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["extra", "different", "missing", "identical"]);
    let e = folder.error(&["sums", "compare", "old", "layer.tar"]);
    assert!(e.contains("layer.tar"), "{e}");
}

#[test]
fn a_thousand_images_are_a_few_thousand_small_files() {
    let folder = Folder::new();
    // No layer is there to be read.
    fs::remove_file(folder.path().join("layer.tar")).unwrap();
    let records: String = (0..1000)
        .map(|i| {
            let record = json!({
                "kind": "image", "reference": {"registry": "r.example", "name": format!("n{i:04}"), "tag": "1"},
                "manifest": "amd64.manifest", "config": "amd64.config", "metadata": "amd64.json", "origin": format!("//:n{i}")
            });
            format!("--record={record}\n")
        })
        .collect();
    folder.write(
        "params",
        format!("sums\ncreate\n-o\nout.sha256\n{records}").as_bytes(),
    );
    folder.done(&["@params"]);
    assert_eq!(folder.read("out.sha256").lines().count(), 1000);
    assert_eq!(
        folder.json("out.json")["images"].as_array().unwrap().len(),
        1000
    );
}

#[test]
fn help_teaches() {
    let folder = TempDir::new().unwrap();
    for command in ["create", "merge", "check", "compare"] {
        let output = Command::new(std::path::absolute(env!("CARGO_BIN_EXE_verbatim")).unwrap())
            .current_dir(folder.path())
            .args(["sums", command, "--help"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.contains(&format!("Usage: verbatim sums {command}")),
            "{text}"
        );
    }
}

#[test]
fn no_output_is_written_over_another_one_or_an_input() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a"), "a").unwrap();
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(
            std::path::absolute(env!("CARGO_BIN_EXE_verbatim")).unwrap(),
        )
        .args(arguments)
        .current_dir(dir.path())
        .output()
        .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), text)
    };
    for (arguments, part) in [
        (
            &["sums", "create", "--files=a", "-o", "a"][..],
            "written over",
        ),
        (
            &["sums", "create", "--files=a", "-o", "b", "--json=./b"],
            "two outputs",
        ),
        (&["layer", "x=a", "-o", "b", "--metadata=b"], "two outputs"),
    ] {
        let (code, text) = run(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        assert!(text.contains(part), "{arguments:?}: {text}");
    }
    assert_eq!(std::fs::read(dir.path().join("a")).unwrap(), b"a");
    assert!(!dir.path().join("b").exists());
}

/// A layout whose manifest says of its layer that it is of this type; alone, or in an index.
fn layout_of_type(folder: &Folder, name: &str, media_type: &str, in_index: bool) {
    let put = |value: &[u8]| {
        let hex = hex(value);
        folder.write(&format!("{name}/blobs/sha256/{hex}"), value);
        json!({"digest": format!("sha256:{hex}"), "size": value.len()})
    };
    let typed = |mut named: Value, media_type: &str| {
        named["mediaType"] = json!(media_type);
        named
    };
    let oci = |kind: &str| format!("application/vnd.oci.image.{kind}.v1+json");
    let layer = typed(put(b"what nobody can read"), media_type);
    let config = json!({
        "architecture": "amd64", "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", hex(b"plain"))]}
    });
    let config = typed(put(config.to_string().as_bytes()), &oci("config"));
    let manifest = json!({
        "schemaVersion": 2, "mediaType": oci("manifest"), "config": config, "layers": [layer]
    });
    let mut root = typed(put(manifest.to_string().as_bytes()), &oci("manifest"));
    if in_index {
        let index =
            json!({"schemaVersion": 2, "mediaType": oci("index"), "manifests": [root]}).to_string();
        root = typed(put(index.as_bytes()), &oci("index"));
    }
    folder.write(
        &format!("{name}/oci-layout"),
        br#"{"imageLayoutVersion":"1.0.0"}"#,
    );
    let root = json!({"schemaVersion": 2, "manifests": [root]});
    folder.write(&format!("{name}/index.json"), root.to_string().as_bytes());
}

/// What an encrypted layer holds only who has the key can say: that it is well is no verdict, and
/// that it is wrong neither.
#[test]
fn encrypted_layers_are_not_judged() {
    let folder = Folder::new();
    let oci = "application/vnd.oci.image.layer.v1.tar";
    for (number, (media_type, is_encrypted)) in [
        (format!("{oci}+encrypted"), true),
        (format!("{oci}+gzip+encrypted"), true),
        (format!("{oci}+zstd+encrypted"), true),
        (
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip+encrypted".to_owned(),
            true,
        ),
        (
            "application/vnd.docker.image.rootfs.diff.tar.gzip+encrypted".to_owned(),
            true,
        ),
        (format!("{oci}+gzip"), false),
    ]
    .into_iter()
    .enumerate()
    {
        for in_index in [false, true] {
            let name = format!("{number}.{in_index}");
            layout_of_type(&folder, &name, &media_type, in_index);
            let image = format!("--image=a.example/x:1={name}");
            let output = folder.run(&["sums", "create", &image, "-o", "never.sha256"]);
            let stderr = String::from_utf8(output.stderr).unwrap();
            if !is_encrypted {
                assert!(output.status.success(), "{media_type}: {stderr}");
                for made in ["never.sha256", "never.json"] {
                    fs::remove_file(folder.path().join(made)).unwrap();
                }
                continue;
            }
            assert_eq!(output.status.code(), Some(3), "{media_type}: {stderr}");
            for word in ["is encrypted", "a.example/x:1", "--no-json"] {
                assert!(stderr.contains(word), "{stderr}");
            }
            for made in ["never.sha256", "never.json"] {
                assert!(!folder.path().join(made).exists(), "{made}");
            }
            // The digest of the image needs nothing of it.
            let text = folder.done(&["sums", "create", &image, "--no-json"]);
            assert_eq!(text.lines().count(), 1, "{text}");
        }
    }
}
