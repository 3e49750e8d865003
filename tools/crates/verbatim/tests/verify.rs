//! `verbatim verify` as it is run, without a registry.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn verbatim(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(fs::canonicalize(env!("CARGO_BIN_EXE_verbatim")).unwrap())
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn done(dir: &Path, arguments: &[&str]) -> String {
    let output = verbatim(dir, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The exit code, the report, and what was said on standard error.
fn verify(dir: &Path, arguments: &[&str]) -> (i32, Value, String) {
    let output = verbatim(dir, &[&["verify", "--format=json"], arguments].concat());
    let stderr = String::from_utf8(output.stderr).unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), report, stderr)
}

const REFERENCE: &str = "registry.example.com/acme/server:v1";

/// An image of one layer, as a layout.
fn image(dir: &Path, name: &str, content: &str, compression: &str, options: &[&str]) {
    let tree = dir.join(format!("{name}.tree"));
    fs::create_dir_all(&tree).unwrap();
    fs::write(tree.join("file"), content).unwrap();
    let blob = format!("{name}.layer");
    done(
        dir,
        &[
            "layer",
            &format!("--compression={compression}"),
            "-o",
            &blob,
            tree.to_str().unwrap(),
        ],
    );
    let layer = format!("--layer={blob}");
    done(
        dir,
        &[
            &[
                "image",
                "-o",
                name,
                "--platform=linux/amd64",
                &layer,
                "--entrypoint=/file",
            ],
            options,
        ]
        .concat(),
    );
}

fn sums(dir: &Path, name: &str, layout: &str) {
    done(
        dir,
        &[
            "sums",
            "create",
            &format!("--image={REFERENCE}={layout}"),
            "-o",
            &format!("{name}.sha256"),
        ],
    );
}

#[test]
fn layouts_have_each_verdict() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    image(dir, "released", "a", "gzip", &[]);
    sums(dir, "sums", "released");
    image(dir, "zstd", "a", "zstd", &[]);
    image(
        dir,
        "later",
        "a",
        "gzip",
        &["--created=2026-01-01T00:00:00Z"],
    );
    image(dir, "entrypoint", "a", "gzip", &["--env=A=1"]);
    image(dir, "content", "b", "gzip", &[]);
    for (layout, verdict, code, reason) in [
        ("released", "identical", 0, ""),
        ("zstd", "same-image-id", 1, "zstd instead of gzip"),
        ("later", "same-content", 1, "created"),
        ("entrypoint", "different", 1, "/config/Env"),
        ("content", "different", 1, "layer 1 of 1"),
    ] {
        let (exit, report, stderr) = verify(
            dir,
            &["sums.sha256", &format!("--layout={REFERENCE}={layout}")],
        );
        assert_eq!(exit, code, "{layout}: {stderr}");
        assert_eq!(report["schema"], "verbatim.verify/1");
        assert_eq!(report["verdict"], verdict, "{layout}");
        let result = &report["results"][0];
        assert_eq!(result["verdict"], verdict);
        assert_eq!(result["reference"], REFERENCE);
        assert!(result["expected"].as_str().unwrap().starts_with("sha256:"));
        let reasons = result["reasons"].to_string();
        assert!(reasons.contains(reason), "{layout}: {reasons}");
        let accept = format!("--accept={verdict}");
        let (exit, report, _) = verify(
            dir,
            &[
                "sums.sha256",
                &accept,
                &format!("--layout={REFERENCE}={layout}"),
            ],
        );
        assert_eq!((exit, &report["verdict"]), (0, &Value::from("identical")));
        assert_eq!(report["results"][0]["verdict"], verdict);
    }
    // Without the document beside the list there is no more than the digest.
    fs::remove_file(dir.join("sums.json")).unwrap();
    let (exit, report, _) = verify(dir, &["sums.sha256", &format!("--layout={REFERENCE}=zstd")]);
    assert_eq!((exit, &report["verdict"]), (1, &Value::from("different")));
}

#[test]
fn a_document_that_does_not_agree_with_the_list_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    image(dir, "released", "a", "gzip", &[]);
    image(dir, "zstd", "a", "zstd", &[]);
    sums(dir, "sums", "released");
    sums(dir, "other", "zstd");
    fs::copy(dir.join("other.json"), dir.join("sums.json")).unwrap();
    let (exit, report, _) = verify(dir, &["sums.sha256", &format!("--layout={REFERENCE}=zstd")]);
    assert_eq!(exit, 1);
    assert_eq!(report["verdict"], "different");
    assert!(
        report["notes"].to_string().contains("does not agree"),
        "{report}"
    );
}

#[test]
fn two_releases_are_compared() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    image(dir, "released", "a", "gzip", &[]);
    image(dir, "zstd", "a", "zstd", &[]);
    let other = "registry.example.com/acme/agent:v1";
    done(
        dir,
        &[
            "sums",
            "create",
            &format!("--image={REFERENCE}=released"),
            "--image=r.example.com/old=zstd",
            "-o",
            "v1.sha256",
        ],
    );
    done(
        dir,
        &[
            "sums",
            "create",
            &format!("--image={REFERENCE}=zstd"),
            &format!("--image={other}=zstd"),
            "-o",
            "v2.sha256",
        ],
    );
    let (exit, report, _) = verify(dir, &["v1.sha256", "--against=v2.sha256"]);
    assert_eq!(exit, 1);
    let verdicts: Vec<_> = report["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| {
            (
                r["reference"].as_str().unwrap(),
                r["verdict"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            ("r.example.com/old", "missing"),
            (other, "extra"),
            (REFERENCE, "same-image-id")
        ]
    );
    let (exit, _, _) = verify(dir, &["v1.sha256", "--against=v1.sha256"]);
    assert_eq!(exit, 0);
}

#[test]
fn files_are_checked_where_they_lie() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("dist")).unwrap();
    fs::write(dir.join("dist/a"), "a").unwrap();
    fs::write(dir.join("dist/b"), "b").unwrap();
    done(
        dir,
        &["sums", "create", "--files=dist", "-o", "files.sha256"],
    );
    let (exit, report, _) = verify(dir, &["files.sha256", "--files=dist"]);
    assert_eq!((exit, &report["verdict"]), (0, &Value::from("identical")));
    fs::write(dir.join("dist/a"), "x").unwrap();
    fs::remove_file(dir.join("dist/b")).unwrap();
    let (exit, report, _) = verify(dir, &["files.sha256", "--files=dist"]);
    assert_eq!(exit, 1);
    assert_eq!(report["results"][0]["verdict"], "different");
    assert_eq!(report["results"][1]["verdict"], "missing");
    assert_eq!(report["results"][1]["actual"], Value::Null);
    // A list of files alone does not say where they are.
    let (exit, _, stderr) = verify(dir, &["files.sha256"]);
    assert_eq!(exit, 2);
    assert!(stderr.contains("--files=DIR"), "{stderr}");
    let (exit, _, stderr) = verify(dir, &["files.sha256", "--files=nowhere"]);
    assert_eq!(exit, 3, "{stderr}");
}

/// Serve a folder until the test ends; its address.
fn serve(folder: std::path::PathBuf) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let folder = folder.clone();
            std::thread::spawn(move || {
                use std::io::{BufRead as _, BufReader};
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|n| n > 0) {
                    if line.ends_with("\r\n\r\n") {
                        break;
                    }
                }
                let path = line.split_whitespace().nth(1).unwrap_or_default();
                let file = path.strip_prefix("/v1/").map(|name| folder.join(name));
                let reply = match file.and_then(|file| fs::read(file).ok()) {
                    Some(data) => [
                        format!(
                            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                            data.len()
                        )
                        .into_bytes(),
                        data,
                    ]
                    .concat(),
                    None => {
                        b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                            .to_vec()
                    }
                };
                let _ = stream.write_all(&reply);
            });
        }
    });
    address
}

#[test]
fn published_files_are_checked_by_their_address() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir_all(dir.join("dist/bin")).unwrap();
    fs::write(dir.join("dist/bin/a"), "a").unwrap();
    fs::write(dir.join("dist/b"), "b").unwrap();
    done(
        dir,
        &["sums", "create", "--files=dist", "-o", "files.sha256"],
    );
    let address = format!("--files={}", serve(dir.join("dist")));
    let (exit, report, stderr) = verify(dir, &["files.sha256", &address]);
    assert_eq!(exit, 0, "{report} {stderr}");
    fs::write(dir.join("dist/bin/a"), "x").unwrap();
    fs::remove_file(dir.join("dist/b")).unwrap();
    let (exit, report, _) = verify(dir, &["files.sha256", &address]);
    assert_eq!(exit, 1);
    let verdicts: Vec<_> = report["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["missing", "different"]);
    let (exit, report, _) = verify(dir, &["files.sha256", "--files=http://127.0.0.1:9/v1"]);
    assert_eq!(exit, 3, "{report}");
    // Nobody reads an address that is not encrypted unless it was said.
    let (exit, report, _) = verify(dir, &["files.sha256", "--files=http://example.com/v1"]);
    assert_eq!(exit, 3, "{report}");
    assert!(report.to_string().contains("--plain-http"), "{report}");
    let (exit, _, stderr) = verify(dir, &["files.sha256", "--files=https://u@example.com/v1"]);
    assert_eq!(exit, 2, "{stderr}");
}

#[test]
fn pods_come_through_a_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    image(dir, "released", "a", "gzip", &[]);
    sums(dir, "sums", "released");
    let text = fs::read_to_string(dir.join("sums.sha256")).unwrap();
    let hex = &text[..64];
    let run = |hex: &str, options: &[&str]| {
        let pods = format!(
            r#"{{"kind":"List","items":[{{"kind":"Pod","metadata":{{"namespace":"n","name":"p"}},"spec":{{"containers":[{{"name":"c","image":"{REFERENCE}"}}]}},"status":{{"containerStatuses":[{{"name":"c","image":"{REFERENCE}","imageID":"registry.example.com/acme/server@sha256:{hex}"}}]}}}}]}}"#
        );
        let mut child = Command::new(fs::canonicalize(env!("CARGO_BIN_EXE_verbatim")).unwrap())
            .args(["verify", "sums.sha256", "--pods=-"])
            .args(options)
            .current_dir(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(pods.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (exit, text) = run(hex, &[]);
    assert_eq!(exit, 0, "{text}");
    assert!(
        text.starts_with("identical  registry.example.com/acme/server:v1  "),
        "{text}"
    );
    assert!(
        text.ends_with("1 identical\n") && !text.contains('\x1b'),
        "{text}"
    );
    let (exit, text) = run(&"0".repeat(64), &[]);
    assert_eq!(exit, 1, "{text}");
    assert!(text.contains("in n/p/c"), "{text}");
    let (exit, _, stderr) = verify(dir, &["-", "--pods=-"]);
    assert_eq!(exit, 2, "{stderr}");
}

#[test]
fn names_of_others_do_not_reach_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    image(dir, "released", "a", "gzip", &[]);
    sums(dir, "sums", "released");
    fs::write(
        dir.join("pods.json"),
        r#"[{"Image":"x\u001b[2Jy","Names":["\u001b]0;title\u0007"]}]"#,
    )
    .unwrap();
    let output = verbatim(dir, &["verify", "sums.sha256", "--pods=pods.json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        !output.stdout.contains(&0x1b),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn nobody_serves_is_unchecked() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    image(dir, "released", "a", "gzip", &[]);
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let reference = format!("127.0.0.1:{port}/acme/server:v1");
    done(
        dir,
        &[
            "sums",
            "create",
            &format!("--image={reference}=released"),
            "-o",
            "sums.sha256",
        ],
    );
    let (exit, report, stderr) = verify(dir, &["sums.sha256", "--timeout=2"]);
    assert_eq!(exit, 3, "{stderr}");
    assert_eq!(report["verdict"], "unchecked");
    assert_eq!(report["results"][0]["actual"], Value::Null);
}

macro_rules! signed {
    ($($name:literal),*) => {
        [$(($name, include_bytes!(concat!("../../verify/testdata/", $name)).as_slice())),*]
    };
}

/// Sums, keys and signatures that other programs made (crates/verify/testdata says how).
const SIGNED: [(&str, &[u8]); 7] = signed!(
    "cli-v2.0.0.sha256",
    "cli-v2.0.0.sig",
    "cosign.pub",
    "minisign.pub",
    "p256.pub",
    "sums.cosign.json",
    "sums.minisig"
);

#[test]
fn a_signature_is_checked_before_anything_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for (name, data) in SIGNED {
        fs::write(dir.join(name), data).unwrap();
    }
    let published = [
        "cli-v2.0.0.sha256",
        "--key=cosign.pub",
        "--signature=cli-v2.0.0.sig",
    ];
    // The file is signed that the list names, and not the list.
    for more in [&[][..], &["--only=files", "--files=."]] {
        let (exit, report, stderr) = verify(dir, &[&published[..], more].concat());
        assert!(exit == 3 || !more.is_empty(), "{stderr}");
        assert_ne!(exit, 0, "{stderr}");
        let list = &report["results"][0];
        assert_eq!(list["reference"], "cli-v2.0.0.sha256");
        assert_eq!(list["verdict"], "unchecked");
        let reasons = list["reasons"].to_string();
        assert!(reasons.contains("cosign"), "{report}");
        assert!(reasons.contains("vouches for its name"), "{report}");
    }
    let (exit, report, _) = verify(
        dir,
        &[
            "cli-v2.0.0.sha256",
            "--key=minisign.pub",
            "--signature=sums.minisig",
        ],
    );
    assert_eq!(exit, 3);
    assert!(
        report["results"][0]["reasons"]
            .to_string()
            .contains("release v2.0.0"),
        "{report}"
    );
    // By the name beside the sums.
    fs::copy(
        dir.join("sums.minisig"),
        dir.join("cli-v2.0.0.sha256.minisig"),
    )
    .unwrap();
    assert_eq!(
        verify(dir, &["cli-v2.0.0.sha256", "--key=minisign.pub"]).0,
        3
    );

    // A bundle of cosign's lies beside the sums as any other signature does.
    for ending in [".bundle", ".sigstore.json"] {
        let list = format!("bundled{ending}.sha256");
        fs::copy(dir.join("cli-v2.0.0.sha256"), dir.join(&list)).unwrap();
        let bundle = dir.join(format!("{list}{ending}"));
        fs::copy(dir.join("sums.cosign.json"), &bundle).unwrap();
        let (exit, report, stderr) = verify(dir, &[&list, "--key=p256.pub"]);
        assert_eq!(exit, 3, "{stderr}");
        let reasons = report["results"].to_string();
        assert!(reasons.contains("signed (cosign"), "{report}");
        let (exit, report, _) = verify(dir, &[&list, "--key=cosign.pub"]);
        assert_eq!((exit, &report["verdict"]), (1, &Value::from("different")));
    }

    let sums = fs::read_to_string(dir.join("cli-v2.0.0.sha256")).unwrap();
    fs::write(dir.join("flipped.sha256"), sums.replacen('4', "5", 1)).unwrap();
    let (exit, report, _) = verify(
        dir,
        &[
            "flipped.sha256",
            "--key=cosign.pub",
            "--signature=cli-v2.0.0.sig",
        ],
    );
    assert_eq!((exit, &report["verdict"]), (1, &Value::from("different")));
    // What is not signed is not even parsed.
    fs::write(dir.join("nonsense.sha256"), "nonsense").unwrap();
    let (exit, _, stderr) = verify(
        dir,
        &[
            "nonsense.sha256",
            "--key=minisign.pub",
            "--signature=sums.minisig",
        ],
    );
    assert_eq!(exit, 1, "{stderr}");
    let (exit, _, stderr) = verify(dir, &["flipped.sha256", "--key=cosign.pub"]);
    assert_eq!(exit, 3, "{stderr}");
    assert!(stderr.contains("--signature=FILE"), "{stderr}");
    let (exit, _, stderr) = verify(
        dir,
        &[
            "cli-v2.0.0.sha256",
            "--key=minisign.pub",
            "--signature=cli-v2.0.0.sig",
        ],
    );
    assert_eq!(exit, 2, "{stderr}");
}

/// A pipe in place of what is looked for beside a list: nobody named it, and nobody writes into it.
#[test]
fn no_pipe_beside_a_list_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let line = format!("{}  tool\n", "0".repeat(64));
    fs::create_dir(dir.join("dist")).unwrap();
    fs::write(dir.join("key.pub"), "-----BEGIN PUBLIC KEY-----\n").unwrap();
    for ending in ["sig", "minisig", "sign", "bundle", "sigstore.json", "json"] {
        let name = format!("{ending}.list");
        fs::write(dir.join(&name), &line).unwrap();
        let pipe = dir.join(format!("{name}.{ending}"));
        assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
        let arguments = match ending {
            "json" => vec![&*name, "--files=dist"],
            _ => vec![&*name, "--files=dist", "--key=key.pub"],
        };
        let (exit, _, stderr) = verify(dir, &arguments);
        assert_eq!(exit, 2, "{stderr}");
        assert!(stderr.contains("not a regular file"), "{stderr}");
    }
}
