//! `verbatim verify` against real registries, with what other clients put there.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use verbatim_testbed::{layout, output, skopeo, Content, Kind, Registry};

fn verbatim(arguments: &[&str]) -> Output {
    output(
        Command::new(env!("CARGO_BIN_EXE_verbatim"))
            .env_remove("DOCKER_CONFIG")
            .args(arguments),
    )
}

fn done(arguments: &[&str]) {
    let output = verbatim(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
}

/// The exit code and the report of `verify`.
fn verify(sums: &Path, more: &[&str]) -> (i32, Value) {
    let output = verbatim(&[&["verify", "--format=json", sums.to_str().unwrap()], more].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {stderr}"));
    (output.status.code().unwrap(), report)
}

fn result(report: &Value, reference: &str) -> (String, String) {
    let result = report["results"]
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["reference"] == reference)
        .unwrap_or_else(|| panic!("{reference} is not in {report}"));
    (
        result["verdict"].as_str().unwrap().to_owned(),
        result["reasons"].to_string(),
    )
}

fn copy(from: &Path, to: &str, options: &[&str]) {
    let source = format!("oci:{}", from.display());
    let target = format!("docker://{to}");
    let mut arguments = vec!["--insecure-policy", "copy", "-q", "--dest-tls-verify=false"];
    arguments.extend(options);
    arguments.extend([source.as_str(), target.as_str()]);
    skopeo(arguments);
}

#[test]
fn what_skopeo_served_has_each_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (released, other) = (folder.join("released"), folder.join("other"));
    layout(
        &released,
        &[Content::Text("a"), Content::Random(1, 100_000)],
    );
    layout(&other, &[Content::Text("b"), Content::Random(1, 100_000)]);
    for kind in [Kind::Plain, Kind::Crane] {
        let registry = Registry::start(kind);
        let names = ["same", "zstd", "other", "gone"]
            .map(|name| registry.reference(&format!("acme/{name}:v1")));
        let sums = folder.join("sums.sha256");
        let images: Vec<_> = names
            .iter()
            .map(|name| format!("--image={name}={}", released.display()))
            .collect();
        let mut arguments = vec!["sums", "create", "-o", sums.to_str().unwrap()];
        arguments.extend(images.iter().map(String::as_str));
        done(&arguments);
        copy(&released, &names[0], &["--preserve-digests"]);
        copy(
            &released,
            &names[1],
            &[
                "--dest-compress-format=zstd",
                "--dest-force-compress-format",
            ],
        );
        copy(&other, &names[2], &["--preserve-digests"]);

        let check = |with_document: bool| {
            let (exit, report) = verify(&sums, &[]);
            assert_eq!(
                (exit, &report["verdict"]),
                (1, &Value::from("different")),
                "{report}"
            );
            assert_eq!(
                result(&report, &names[0]),
                ("identical".into(), "null".into())
            );
            assert_eq!(result(&report, &names[3]).0, "missing");
            let (verdict, reasons) = result(&report, &names[2]);
            assert_eq!(verdict, "different");
            if with_document {
                assert!(reasons.contains("layer 1 of 2"), "{reasons}");
                let (verdict, reasons) = result(&report, &names[1]);
                assert_eq!(verdict, "same-image-id", "{reasons}");
                assert!(reasons.contains("zstd"), "{reasons}");
            }
        };
        check(true);
        // Without the document beside the list, what was released is looked up where it still is.
        std::fs::remove_file(folder.join("sums.json")).unwrap();
        check(false);
        copy(
            &released,
            &registry.reference("acme/zstd:old"),
            &["--preserve-digests"],
        );
        let (_, report) = verify(&sums, &[]);
        assert_eq!(result(&report, &names[1]).0, "same-image-id", "{report}");
    }
}

#[test]
fn registries_that_ask_who_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let released = folder.join("released");
    layout(&released, &[Content::Text("a")]);
    for kind in [Kind::Basic, Kind::Token, Kind::Tls] {
        let registry = Registry::start(kind);
        let reference = registry.reference("acme/app:v1");
        let sums = folder.join("sums.sha256");
        done(&[
            "sums",
            "create",
            &format!("--image={reference}={}", released.display()),
            "-o",
            sums.to_str().unwrap(),
        ]);
        let config = registry.docker_config();
        let ca = (kind == Kind::Tls).then(|| format!("--ca={}", registry.ca().display()));
        let run = |config: Option<&Path>, arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_verbatim"));
            command
                .env_remove("DOCKER_CONFIG")
                .args(arguments)
                .args(&ca);
            if let Some(config) = config {
                command.env("DOCKER_CONFIG", config);
            }
            let output = output(&mut command);
            (
                output.status.code().unwrap(),
                String::from_utf8_lossy(&output.stdout).into_owned()
                    + &String::from_utf8_lossy(&output.stderr),
            )
        };
        let login = registry.login().map(|_| config.as_path());
        let (exit, said) = run(login, &["push", released.to_str().unwrap(), &reference]);
        assert_eq!(exit, 0, "{kind:?}: {said}");
        let (exit, said) = run(login, &["verify", sums.to_str().unwrap()]);
        assert_eq!(exit, 0, "{kind:?}: {said}");
        if registry.login().is_some() {
            // Who may not look has not seen that it differs.
            let (exit, said) = run(None, &["verify", sums.to_str().unwrap()]);
            assert_eq!(exit, 3, "{kind:?}: {said}");
            assert!(said.contains("unchecked"), "{said}");
            // Nor has who has another password, and it is not told to who reads the log.
            let mut command = Command::new(env!("CARGO_BIN_EXE_verbatim"));
            command
                .env_remove("DOCKER_CONFIG")
                .env("VERBATIM_REGISTRY", registry.host())
                .env("VERBATIM_REGISTRY_USER", "release")
                .env("VERBATIM_REGISTRY_PASSWORD", "wrong-and-secret")
                .args(["verify", sums.to_str().unwrap()]);
            let output = output(&mut command);
            assert_eq!(output.status.code(), Some(3));
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(!said.contains("wrong-and-secret"), "{said}");
            assert!(!said.contains("cmVsZWFzZTp3cm9uZy1hbmQtc2VjcmV0"), "{said}");
        }
    }
}

#[test]
fn two_hundred_references_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let registry = Registry::start(Kind::Plain);
    let released = folder.join("released");
    layout(&released, &[Content::Text("a")]);
    let mut push = vec!["push".to_owned()];
    let mut create = vec![
        "sums".to_owned(),
        "create".to_owned(),
        "-o".to_owned(),
        folder.join("s.sha256").display().to_string(),
    ];
    for n in 0..200 {
        let image = format!(
            "--image={}={}",
            registry.reference(&format!("acme/app{}:v{n}", n % 10)),
            released.display()
        );
        push.push(image.clone());
        create.push(image);
    }
    for arguments in [&push, &create] {
        done(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let (exit, report) = verify(&folder.join("s.sha256"), &[]);
    assert_eq!(exit, 0, "{report}");
    assert_eq!(report["results"].as_array().unwrap().len(), 200);
    // Nobody there: an answer soon, and not that anything differs.
    drop(registry);
    let (exit, report) = verify(&folder.join("s.sha256"), &["--timeout=5"]);
    assert_eq!((exit, &report["verdict"]), (3, &Value::from("unchecked")));
}

#[test]
fn every_byte_below_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let released = folder.join("released");
    layout(
        &released,
        &[Content::Text("a"), Content::Random(7, 3_000_000)],
    );
    for kind in [Kind::Plain, Kind::Crane] {
        let registry = Registry::start(kind);
        let names = ["one", "two"].map(|name| registry.reference(&format!("acme/{name}:v1")));
        let sums = folder.join("deep.sha256");
        let images = names
            .clone()
            .map(|name| format!("--image={name}={}", released.display()));
        done(&[
            "sums",
            "create",
            "-o",
            sums.to_str().unwrap(),
            &images[0],
            &images[1],
        ]);
        for name in &names {
            copy(&released, name, &["--preserve-digests"]);
        }
        let (exit, report) = verify(&sums, &["--deep"]);
        assert_eq!(exit, 0, "{report}");
        assert!(
            report["notes"][0].as_str().unwrap().contains("8 blobs"),
            "{report}"
        );
        let one = format!("docker://{}", names[0]);
        let output = verbatim(&["layout", "check", "--format=json", &one]);
        assert_eq!(output.status.code(), Some(0));
        let checked: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(checked["verdict"], "valid");
        assert_eq!(checked["blobs"], 4);
        assert_eq!(checked["layout"], one.as_str());
        if kind != Kind::Plain {
            continue;
        }
        // Bit rot in the store: the manifest is as it was, and a layer is not.
        let largest = largest_blob(&released);
        let file = registry.blob_file(&largest);
        let good = std::fs::read(&file).unwrap();
        let mut bad = good.clone();
        bad[1_000_000] ^= 1;
        std::fs::write(&file, &bad).unwrap();
        assert_eq!(verify(&sums, &[]).0, 0);
        let (exit, report) = verify(&sums, &["--deep"]);
        assert_eq!(exit, 1);
        let (verdict, reasons) = result(&report, &names[0]);
        assert_eq!(verdict, "different");
        assert!(reasons.contains(&largest), "{reasons}");
        assert_eq!(report["results"][0]["problems"][0]["kind"], "mismatch");
        let output = verbatim(&["layout", "check", &one]);
        assert_eq!(output.status.code(), Some(1));
        // Lost.
        std::fs::remove_file(&file).unwrap();
        let (exit, report) = verify(&sums, &["--deep"]);
        assert_ne!(exit, 0);
        assert_ne!(result(&report, &names[0]).0, "identical", "{report}");
    }
}

/// The largest blob of a layout, in hexadecimal.
fn largest_blob(layout: &Path) -> String {
    std::fs::read_dir(layout.join("blobs/sha256"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .max_by_key(|entry| entry.metadata().unwrap().len())
        .unwrap()
        .file_name()
        .into_string()
        .unwrap()
}

/// What runs is told by the digest of a platform's manifest, and the list names the index.
#[test]
fn the_registry_knows_the_platforms_of_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let registry = Registry::start(Kind::Plain);
    // The third is in the repository, and not in the index.
    let names = ["a", "b", "c"].map(|name| registry.reference(&format!("acme/list:{name}")));
    for name in &names {
        let image = folder.join(&name[name.len() - 1..]);
        layout(&image, &[Content::Text(name)]);
        copy(&image, name, &["--preserve-digests"]);
    }
    let list = registry.reference("acme/list:v1");
    let append = [
        "index",
        "append",
        "--insecure",
        "-m",
        &names[0],
        "-m",
        &names[1],
        "-t",
        &list,
    ];
    verbatim_testbed::crane(append);
    let digest = |name: &str| {
        let text = verbatim_testbed::crane(["digest", "--insecure", name]);
        text.trim().to_owned()
    };
    let sums = folder.join("list.sha256");
    let index = digest(&list);
    std::fs::write(&sums, format!("{}  {list}\n", &index[7..])).unwrap();
    let pods = folder.join("pods.json");
    let (repository, _) = list.rsplit_once(':').unwrap();
    let run = |digest: &str| {
        let pod = format!(
            r#"{{"kind":"Pod","metadata":{{"name":"p"}},"spec":{{"containers":[{{"name":"c","image":"{list}"}}]}},"status":{{"containerStatuses":[{{"name":"c","image":"{list}","imageID":"{repository}@{digest}"}}]}}}}"#
        );
        std::fs::write(&pods, pod).unwrap();
        verify(&sums, &["--pods", pods.to_str().unwrap()])
    };
    assert_eq!(run(&index).0, 0);
    let (exit, report) = run(&digest(&names[1]));
    assert_eq!(exit, 0, "{report}");
    let (exit, report) = run(&digest(&names[2]));
    assert_eq!(exit, 1, "{report}");
    // Nobody has it: it may be another index of the same images.
    let (exit, report) = run(&format!("sha256:{}", "0".repeat(64)));
    assert_eq!(exit, 3, "{report}");
    // Nobody to ask: what runs may be one of its platforms or something else.
    let some = digest(&names[1]);
    drop(registry);
    let (exit, report) = run(&some);
    assert_eq!(exit, 3, "{report}");
    assert!(
        result(&report, &list).1.contains("could not be asked"),
        "{report}"
    );
}
