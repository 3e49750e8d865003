//! `verbatim attest provenance`, and what others make of its statements.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{json, Value};
use tempfile::TempDir;

const KEY: &[u8] = include_bytes!("../../signature/testdata/p256.pem");
const PUBLIC: &[u8] = include_bytes!("../../signature/testdata/p256.pub");
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const TREE: &str = "76543210fedcba9876543210fedcba9876543210";

/// What every statement needs beside its source.
const BUILT: [&str; 3] = [
    "--builder=https://example.com/ci/release",
    "--target=//release:container_sums",
    "--bazel-version=7.7.1",
];
const SOURCE: [&str; 3] = [
    "--uri=https://example.com/acme/app.git",
    "--commit=0123456789abcdef0123456789abcdef01234567",
    "--tree=76543210fedcba9876543210fedcba9876543210",
];

/// An index of two platforms as a layout, a file, and their sums.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("layer.txt", b"content");
        folder.write("layer.tar", &[0; 1024]);
        folder.done(&[
            "layer",
            "layer.tar",
            "--compression=gzip",
            "-o",
            "layer.tar.gz",
            "--metadata=layer.json",
        ]);
        for architecture in ["amd64", "arm64"] {
            folder.done(&[
                "image",
                "--layer={\"blob\":\"layer.tar.gz\",\"metadata\":\"layer.json\"}",
                &format!("--platform=linux/{architecture}"),
                &format!("--manifest={architecture}.manifest"),
                &format!("--config={architecture}.config"),
                &format!("--metadata={architecture}.json"),
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
        folder.write("tool-linux-amd64", b"program");
        // As a rule describes it: with what compressed the layers.
        let documents = |of: &str| json!({"manifest": format!("{of}.manifest"), "config": format!("{of}.config"), "metadata": format!("{of}.json")});
        let record = json!({
            "reference": {"registry": "registry.example.com", "prefix": "acme", "name": "app", "tag": "v1"},
            "origin": "//app:index", "kind": "index", "index": "both.index",
            "images": [documents("amd64"), documents("arm64")],
        });
        let record = format!("--record={record}");
        folder.done(&["sums", "create", &record, "-o", "container_sums.sha256"]);
        folder.done(&[
            "sums",
            "create",
            "--files=tool-linux-amd64",
            "-o",
            "file_sums.sha256",
        ]);
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, data: &[u8]) {
        fs::write(self.path().join(name), data).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(fs::canonicalize(env!("CARGO_BIN_EXE_verbatim")).unwrap())
            .current_dir(self.path())
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// With what every statement needs.
    fn state(&self, arguments: &[&str]) -> Output {
        self.run(&[&["attest", "provenance"], &BUILT[..], arguments].concat())
    }

    fn stated(&self, arguments: &[&str]) -> Value {
        let output = self.state(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn refused(&self, arguments: &[&str], code: i32) -> String {
        let output = self.state(&[arguments, &["-o", "refused.json"]].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(!self.path().join("refused.json").exists());
        said
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path().join(name)).unwrap()).unwrap()
    }
}

fn names(statement: &Value) -> Vec<&str> {
    let subjects = statement["subject"].as_array().unwrap().iter();
    subjects
        .map(|subject| subject["name"].as_str().unwrap())
        .collect()
}

fn digests(statement: &Value) -> Vec<String> {
    let subjects = statement["subject"].as_array().unwrap().iter();
    subjects
        .map(|subject| format!("sha256:{}", subject["digest"]["sha256"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_release_has_a_statement_and_each_platform_one() {
    let folder = Folder::new();
    let output = folder.state(
        &[
            &SOURCE[..],
            &[
                "container_sums.sha256",
                "file_sums.sha256",
                "--platform=linux/amd64=of-amd64.json",
                "--platform=linux/arm64=of-arm64.json",
                "-o",
                "provenance.json",
            ],
        ]
        .concat(),
    );
    assert!(output.status.success(), "{output:?}");
    let sums = folder.json("container_sums.json");
    let all = folder.json("provenance.json");
    assert_eq!(
        names(&all),
        ["registry.example.com/acme/app:v1", "tool-linux-amd64"]
    );
    assert_eq!(digests(&all)[0], sums["images"][0]["digest"]);
    for (at, architecture) in ["amd64", "arm64"].into_iter().enumerate() {
        let one = folder.json(&format!("of-{architecture}.json"));
        let platform = &sums["images"][0]["platforms"][at];
        assert_eq!(
            digests(&one),
            [platform["manifest"]["digest"].as_str().unwrap()]
        );
        let internal = &one["predicate"]["buildDefinition"]["internalParameters"];
        assert_eq!(internal["platform"], format!("linux/{architecture}"));
        let encoder = &platform["layers"][0]["encoder"];
        assert_eq!(encoder["name"], "libdeflate");
        assert_eq!(&internal["encoders"], &Value::from(vec![encoder.clone()]));
    }
}

#[test]
fn the_same_words_give_the_same_bytes_by_hand_and_from_a_rule() {
    let folder = Folder::new();
    let by_hand = [
        &SOURCE[..],
        &[
            "container_sums.sha256",
            "--flag=--config=release",
            "--flag=-c",
            "-o",
            "a.json",
        ],
    ]
    .concat();
    assert!(folder.state(&by_hand).status.success());
    // As a rule writes it: a param file, and the workspace status.
    folder.write(
        "stable-status.txt",
        format!("BUILD_HOST h\nSTABLE_COMMIT {COMMIT}\nSTABLE_TREE {TREE}\nGIT_BRANCH x\n")
            .as_bytes(),
    );
    let lines = [
        "--uri=https://example.com/acme/app.git",
        "--commit={STABLE_COMMIT}",
        "--tree={STABLE_TREE}",
        "--status=stable-status.txt",
        "--flag=--config=release",
        "--flag=-c",
        "--output=b.json",
        "container_sums.sha256",
    ];
    folder.write(
        "params",
        [&BUILT[..], &lines].concat().join("\n").as_bytes(),
    );
    folder.done(&["attest", "provenance", "@params"]);
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("a.json"), read("b.json"));
    assert_eq!(read("a.json").last(), Some(&b'\n'));

    let said = folder.refused(
        &[
            &SOURCE[..2],
            &[
                "--tree={GIT_BRANCH}",
                "--status=stable-status.txt",
                "container_sums.sha256",
            ],
        ]
        .concat(),
        2,
    );
    assert!(
        said.contains("--tree: `{GIT_BRANCH}` asks for {GIT_BRANCH}, a volatile key"),
        "{said}"
    );
}

#[test]
fn what_was_used_is_named_by_digest() {
    let folder = Folder::new();
    let hex = "0a".repeat(32);
    folder.write(
        "lock",
        br#"{"lockFileVersion":13,"registryFileHashes":{},"moduleExtensions":{}}"#,
    );
    folder.write(
        "facts",
        format!(r#"{{"schema":"verbatim.facts/1","complete":true,"dependencies":[{{"uri":"https://example.com/z.tgz","digest":{{"sha256":"{hex}"}}}}]}}"#).as_bytes(),
    );
    let used = [
        &SOURCE[..],
        &[
            "container_sums.sha256",
            "--lock=lock",
            "--facts=facts",
            "--tool=verbatim=layer.txt",
            "--bazel=layer.txt",
        ],
    ]
    .concat();
    let statement = folder.stated(&used);
    let definition = &statement["predicate"]["buildDefinition"];
    assert_eq!(
        definition["internalParameters"]["resolvedDependenciesComplete"],
        true
    );
    let resolved = definition["resolvedDependencies"]
        .as_array()
        .unwrap()
        .iter();
    let names: Vec<_> = resolved
        .map(|one| one["name"].as_str().unwrap_or(""))
        .collect();
    assert_eq!(
        names,
        ["source", "bazel", "MODULE.bazel.lock", "tool/verbatim", ""]
    );

    folder.write("other", format!(r#"{{"schema":"verbatim.facts/1","dependencies":[{{"uri":"https://example.com/z.tgz","digest":{{"sha256":"{}"}}}}]}}"#, "0b".repeat(32)).as_bytes());
    let said = folder.refused(&[&used[..], &["--facts=other"]].concat(), 2);
    assert!(
        said.contains("other: `https://example.com/z.tgz` has the sha256"),
        "{said}"
    );
}

#[test]
fn what_is_wrong_is_told_and_nothing_is_written() {
    let folder = Folder::new();
    folder.write(
        "bare.sha256",
        format!("{}  tool\n", "0a".repeat(32)).as_bytes(),
    );
    folder.write("empty.sha256", b"");
    let sums = "container_sums.sha256";
    for (arguments, code, said) in [
        (
            &["--commit=main", sums][..],
            2,
            "--commit: `main` is no whole hash",
        ),
        (
            &["--uri=https://u:p@example.com/a", sums],
            2,
            "--uri: `https://…` holds a user or a password",
        ),
        (
            &["--uri=/srv/git", sums],
            2,
            "--uri: `/srv/git` is no address",
        ),
        (&["--builder=ci", sums], 2, "--builder: `ci` is no URI"),
        (&["--target=:a", sums], 2, "--target: `:a` is no full label"),
        (&["--flag=opt", sums], 2, "--flag: `opt` is no option"),
        (
            &["--started-on=now", sums],
            2,
            "--started-on: `now` is no moment",
        ),
        (
            &["--directory=..", sums],
            2,
            "--directory: `..` is no folder",
        ),
        (&["--slsa=v2", sums], 2, "write v1 or v0.2"),
        (
            &["--platform=linux/s390x=x.json", sums],
            2,
            "there is linux/amd64, linux/arm64",
        ),
        (
            &["--platform=linux/amd64=x.json", sums, "bare.sha256"],
            2,
            "bare.sha256 has no JSON document",
        ),
        (
            &["--platform=linux/amd64=refused.json", sums],
            2,
            "two outputs have this name",
        ),
        (&["--lock=layer.txt", sums], 2, "layer.txt"),
        (&["--lock=absent", sums], 3, "absent"),
        (&["--repository-cache=absent", sums], 3, "absent"),
        (&["--tool=x=absent", sums], 3, "absent"),
        (&["absent.sha256"], 2, "absent.sha256"),
        (&["empty.sha256"], 2, "empty"),
    ] {
        // What is given again takes the place of what stands before.
        let again = |option: &&&str| {
            let name = option.split_once('=').map_or("", |(name, _)| name);
            !arguments
                .iter()
                .any(|other| other.starts_with(&format!("{name}=")))
        };
        let rest: Vec<&str> = SOURCE.iter().chain(&BUILT).filter(again).copied().collect();
        let all = [
            &["attest", "provenance"],
            &rest[..],
            arguments,
            &["-o", "refused.json"],
        ]
        .concat();
        let output = folder.run(&all);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(said), "{arguments:?}: {told}");
        for name in ["refused.json", "x.json"] {
            assert!(!folder.path().join(name).exists(), "{arguments:?}");
        }
    }
}

#[test]
fn it_is_signed_and_a_policy_decides() {
    let folder = Folder::new();
    folder.write("key.pem", KEY);
    folder.write("key.pub", PUBLIC);
    for slsa in ["v1", "v0.2"] {
        let option = format!("--slsa={slsa}");
        let output = folder.state(
            &[
                &SOURCE[..],
                &[
                    "container_sums.sha256",
                    "file_sums.sha256",
                    "--flag=--config=release",
                    "--ref=refs/tags/v1",
                    &option,
                ],
                &["--platform=linux/arm64=of-arm64.json", "-o", "all.json"],
            ]
            .concat(),
        );
        assert!(output.status.success(), "{output:?}");
        let sign = |statement: &str| folder.done(&["attest", "sign", statement, "--key=key.pem"]);
        folder.write(
            "lines",
            (sign("all.json") + &sign("of-arm64.json")).as_bytes(),
        );
        let verify = |subject: &str, flags: &str| {
            folder.write(
                "policy.toml",
                format!(
                    r#"
schema = "verbatim.policy/1"
[[allow]]
builder = "https://example.com/ci/release"
keys = ["key.pub"]
build_types = ["https://example.com/rules_verbatim/docs/build-type-bazel@v1"]
sources = ["git+https://example.com/acme/app.git"]
[allow.parameters]
source = "git+https://example.com/acme/app.git"
ref = "*"
targets = ["//release:container_sums"]
flags = {flags}
"#
                )
                .as_bytes(),
            );
            let arguments = [
                "attest",
                "verify",
                subject,
                "--attestation=lines",
                "--policy=policy.toml",
            ];
            let output = folder.run(&arguments);
            (
                output.status.code(),
                String::from_utf8(output.stderr).unwrap(),
            )
        };
        let flags = r#"["--config=release"]"#;
        for subject in ["both", "arm64", "tool-linux-amd64"] {
            let (code, said) = verify(subject, flags);
            assert_eq!(code, Some(0), "{slsa} {subject}: {said}");
        }
        // Nobody stated anything about this one, and nobody allows that.
        assert_eq!(verify("amd64", flags).0, Some(1));
        assert_eq!(verify("both", r#"["--config=debug"]"#).0, Some(1));
    }
}
