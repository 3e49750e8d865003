//! `verbatim why` and `verbatim sbom --check`, of small images with a database of dpkg.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn program() -> PathBuf {
    fs::canonicalize(env!("CARGO_BIN_EXE_verbatim")).unwrap()
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.current_dir(folder).args(arguments);
    command.output().unwrap()
}

/// Its standard output, where the exit code is that one.
#[track_caller]
fn told(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = run(folder, arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{error}{}",
        String::from_utf8_lossy(&output.stdout)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn json(folder: &Path, arguments: &[&str], code: i32) -> Value {
    serde_json::from_str(&told(folder, arguments, code)).unwrap()
}

fn put(root: &Path, path: &str, content: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// The MD5 of `one` and of `two`.
const ONE: &str = "f97c5d29941bfb1b2fdab0874906ab82";
const TWO: &str = "b8a9f715dbb64fd5c56e7783c6820a61";

/// A package of dpkg's with one file.
fn package(root: &Path, version: &str, content: &str, md5: &str) {
    put(root, "usr/bin/hello", content);
    put(root, "etc/os-release", "ID=debian\nVERSION_ID=\"13\"\n");
    put(
        root,
        "var/lib/dpkg/status",
        &format!(
            "Package: base\nStatus: install ok installed\nArchitecture: all\nVersion: 13\n\nPackage: hello\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n"
        ),
    );
    put(
        root,
        "var/lib/dpkg/info/base.list",
        "/.\n/etc\n/etc/os-release\n",
    );
    put(
        root,
        "var/lib/dpkg/info/hello.list",
        "/.\n/usr\n/usr/bin\n/usr/bin/hello\n",
    );
    put(
        root,
        "var/lib/dpkg/info/hello.md5sums",
        &format!("{md5}  usr/bin/hello\n"),
    );
}

/// An image of these folders, a layer each.
fn image(folder: &Path, name: &str, layers: &[&str]) {
    let mut arguments = vec![
        "image".to_owned(),
        "--platform=linux/amd64".into(),
        "-o".into(),
        name.into(),
    ];
    for layer in layers {
        let metadata = format!("--metadata={layer}.json");
        let archive = format!("{layer}.tar.gz");
        told(folder, &["layer", &metadata, "-o", &archive, layer], 0);
        arguments.push(format!(
            r#"--layer={{"blob":"{archive}","metadata":"{layer}.json"}}"#
        ));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    told(folder, &arguments, 0);
}

#[test]
fn why_a_path_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    package(&at.join("base"), "1:1.0-1", "one", ONE);
    put(&at.join("base"), "gone", "x");
    put(&at.join("top"), ".wh.gone", "");
    put(&at.join("top"), "app", "mine");
    put(&at.join("top"), "usr/bin/hello", "two");
    image(at, "img", &["base", "top"]);
    let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    put(
        at,
        "image.lock.json",
        &format!(
            r#"{{"architectures":["amd64"],"format":"deb","packages":[{{"architecture":"amd64","name":"hello","needed_by":["shell"],"path":"pool/hello.deb","sha256":"{hex}","size":3,"source":"debian","version":"1:1.0-1"}}],"requested":[],"schema":"verbatim.packages/1","sources":[{{"indexes":[],"name":"debian","url":"https://deb.example.com"}}]}}"#
        ),
    );
    let text = told(
        at,
        &[
            "why",
            "img",
            "/usr/bin/hello",
            "app",
            "--lock",
            "image.lock.json",
        ],
        0,
    );
    for words in [
        "usr/bin/hello: file, 3 bytes, sha256:",
        "layer    2 of 2",
        "history  layer 1 brought it",
        "history  layer 2 brought another in its place",
        "package  deb hello 1:1.0-1 amd64",
        "and it has ANOTHER",
        "lock     image.lock.json: pool/hello.deb of debian, needed by shell",
        "package  none says that it is its own",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let report = json(at, &["why", "img", "gone", "never", "--format=json"], 1);
    assert_eq!(report["schema"], "verbatim.why/1");
    assert_eq!(report["verdict"], "missing");
    assert_eq!(report["paths"][0]["verdict"], "removed");
    assert_eq!(report["paths"][0]["events"][1]["by"], ".wh.gone");
    assert_eq!(report["paths"][1]["verdict"], "missing");
    told(at, &["why", "nothing", "x"], 3);
}

#[test]
fn what_changed_between_two_releases() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    package(&at.join("old"), "1.0-1", "one", ONE);
    package(&at.join("new"), "1.0-2", "two", TWO);
    for (side, text) in [("old", "v1\n"), ("new", "v2\n")] {
        put(&at.join(side), "app/config.txt", text);
        put(&at.join(side), "app/same", "same");
    }
    put(&at.join("new"), "app/more", "more");
    image(at, "old-img", &["old"]);
    image(at, "new-img", &["new"]);
    for (side, tag) in [("old", "v1"), ("new", "v2")] {
        let app = format!("registry.example.com/app:{tag}={side}-img");
        let sums = format!("{side}.sha256");
        // One image that is in both releases as it is.
        told(
            at,
            &[
                "sums",
                "create",
                "--image",
                &app,
                "--image",
                "registry.example.com/base=old-img",
                "-o",
                &sums,
            ],
            0,
        );
    }
    let layouts = ["--layout", "old-img", "--layout", "new-img"];
    let with = |more: &[&'static str]| -> Vec<&str> {
        [&["why", "old.sha256", "new.sha256"][..], &layouts, more].concat()
    };
    let text = told(at, &with(&[]), 1);
    for words in [
        "registry.example.com/app changed",
        "hello (deb, amd64) 1.0-1 → 1.0-2: ",
        "app/config.txt changed: ",
        "app/more is new, and no package has it",
        "did not change, to the byte:\n  registry.example.com/base sha256:",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert!(!text.contains("app/same"), "{text}");
    let page = told(at, &with(&["--format=markdown"]), 1);
    assert!(
        page.starts_with("# What changed\n\n## registry.example.com/app changed"),
        "{page}"
    );
    assert!(
        page.contains("- **hello** (deb, amd64) 1.0-1 → 1.0-2"),
        "{page}"
    );
    let report = json(at, &with(&["--format=json"]), 1);
    assert_eq!(report["schema"], "verbatim.changes/1");
    let results = report["results"].as_array().unwrap();
    let verdicts: Vec<_> = results
        .iter()
        .map(|one| one["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["changed", "unchanged"]);
    let paths = &results[0]["changes"][0]["packages"][0]["paths"];
    assert!(
        paths.as_array().unwrap().contains(&"usr/bin/hello".into()),
        "{paths}"
    );
    told(at, &["why", "old.sha256", "old.sha256"], 0);
}

/// An SBOM in the form of SPDX with these packages, each a name and a package URL.
fn spdx(packages: &[(&str, &str)]) -> String {
    let packages: Vec<String> = packages
        .iter()
        .enumerate()
        .map(|(at, (name, purl))| {
            format!(
                r#"{{"SPDXID":"SPDXRef-{at}","name":"{name}","externalRefs":[{{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"{purl}"}}]}}"#
            )
        })
        .collect();
    format!(
        r#"{{"spdxVersion":"SPDX-2.3","packages":[{}]}}"#,
        packages.join(",")
    )
}

const BASE: (&str, &str) = ("base", "pkg:deb/debian/base@13?arch=all");
const HELLO: (&str, &str) = ("hello", "pkg:deb/debian/hello@1.0-1?arch=amd64");

#[test]
fn an_sbom_and_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    package(&at.join("good"), "1.0-1", "one", ONE);
    package(&at.join("bad"), "1.0-1", "evil", ONE);
    put(&at.join("bad"), "usr/bin/stranger", "x");
    image(at, "good-img", &["good"]);
    image(at, "bad-img", &["bad"]);
    fs::write(at.join("true.json"), spdx(&[BASE, HELLO])).unwrap();
    let text = told(at, &["sbom", "--check", "good-img", "true.json"], 0);
    assert!(
        text.contains("equal: 2 packages of the SBOM (SPDX-2.3), 2 packages of the image"),
        "{text}"
    );
    let findings = |report: &Value| -> Vec<(String, String)> {
        let all = report["findings"].as_array().unwrap();
        all.iter()
            .map(|one| {
                (
                    one["id"].as_str().unwrap().into(),
                    one["subject"].as_str().unwrap().into(),
                )
            })
            .collect()
    };
    let found = |image: &str, sbom: &str, code: i32| {
        fs::write(at.join("x.json"), sbom).unwrap();
        let report = json(
            at,
            &["sbom", "--check", image, "x.json", "--format=json"],
            code,
        );
        assert_eq!(report["schema"], "verbatim.sbom-check/1");
        findings(&report)
    };
    let pair = |id: &str, subject: &str| (id.to_owned(), subject.to_owned());
    assert_eq!(
        found("bad-img", &spdx(&[BASE, HELLO]), 1),
        [
            pair("changed-file", "usr/bin/hello"),
            pair("unaccounted-file", "usr/bin/stranger")
        ]
    );
    let other = HELLO.1.replace("1.0-1", "2.0");
    assert_eq!(
        found(
            "good-img",
            &spdx(&[("hello", &other), ("ghost", "pkg:deb/debian/ghost@1")]),
            1
        ),
        [
            pair("missing-package", "pkg:deb/debian/ghost@1"),
            pair("other-version", &other),
            pair(
                "unlisted-package",
                "pkg:deb/debian/base@13?arch=all&distro=debian-13"
            ),
        ]
    );
    // What is not looked for here is neither right nor wrong.
    assert_eq!(
        found(
            "good-img",
            &spdx(&[BASE, HELLO, ("x", "pkg:maven/org.example/x@1")]),
            3
        ),
        [pair("unchecked-package", "pkg:maven/org.example/x@1")]
    );
    let accepted = [
        "sbom",
        "--check",
        "bad-img",
        "true.json",
        "--accept",
        "changed-file",
        "--accept",
        "unaccounted-file",
    ];
    told(at, &accepted, 0);
    fs::write(at.join("none.json"), "{}").unwrap();
    told(at, &["sbom", "--check", "good-img", "none.json"], 2);
    told(at, &["sbom", "--check", "good-img", "absent.json"], 3);
}

/// What is written of an image is true of it, in both forms and with all files.
#[test]
fn our_own_sbom_of_an_image_is_true() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    package(&at.join("root"), "1:1.0-1", "one", ONE);
    put(&at.join("root"), "usr/bin/mine", "of nobody");
    image(at, "img", &["root"]);
    for form in ["spdx", "cyclonedx"] {
        told(
            at,
            &["sbom", "img", "--type", form, "--files", "-o", "all.json"],
            0,
        );
        told(at, &["sbom", "--check", "img", "all.json"], 0);
        // Without the files nobody accounts for one of them.
        told(
            at,
            &["sbom", "img", "--type", form, "-o", "packages.json"],
            0,
        );
        let text = told(at, &["sbom", "--check", "img", "packages.json"], 1);
        assert!(
            text.starts_with("unaccounted-file  usr/bin/mine 9 bytes, of layer 1"),
            "{text}"
        );
    }
}

/// A registry that serves the blobs of a layout as `acme/app:v1`, and closes each connection after
/// one answer.
fn serve(layout: PathBuf) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let index = fs::read(layout.join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    let root = index["manifests"][0]["digest"].as_str().unwrap().to_owned();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            lines.find(|line| line.as_ref().is_ok_and(|line| line.trim().is_empty()));
            let path = first.split(' ').nth(1).unwrap_or_default();
            let what = path.strip_prefix("/v2/acme/app/").unwrap_or_default();
            let digest = match what {
                "manifests/v1" => &root,
                other => other.rsplit('/').next().unwrap(),
            };
            let hex = digest.strip_prefix("sha256:").unwrap_or("none");
            let (status, body) = match fs::read(layout.join("blobs/sha256").join(hex)) {
                Ok(body) => (200, body),
                Err(_) => (404, Vec::new()),
            };
            let head = format!(
                "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            // A client that goes away is not this server's business.
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        }
    });
    address
}

/// The same image in a layout, in a registry, and as `docker save` wrote images before it wrote
/// layouts.
#[test]
fn wherever_the_image_is() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    package(&at.join("base"), "1.0-1", "one", ONE);
    let status = at.join("base/var/lib/dpkg/status");
    let more = fs::read_to_string(&status).unwrap().trim_end().to_owned()
        + "\nDepends: gone | base (>= 13), absent\n";
    fs::write(&status, more).unwrap();
    image(at, "img", &["base"]);
    let registry = format!("{}/acme/app:v1", serve(at.join("img")));

    let blob = |digest: &str| {
        at.join("img/blobs/sha256")
            .join(digest.replace("sha256:", ""))
    };
    let read = |path: PathBuf| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap();
    let index = read(at.join("img/index.json"));
    let manifest = read(blob(index["manifests"][0]["digest"].as_str().unwrap()));
    let id = manifest["config"]["digest"].as_str().unwrap();
    let saved = at.join("saved");
    fs::create_dir(&saved).unwrap();
    fs::copy(blob(id), saved.join("config.json")).unwrap();
    told(
        at,
        &[
            "normalize",
            "-o",
            "saved/layer.tar",
            "--compression=none",
            "base.tar.gz",
        ],
        0,
    );
    put(
        &saved,
        "manifest.json",
        r#"[{"Config":"config.json","RepoTags":["app:v1"],"Layers":["layer.tar"]}]"#,
    );
    told(
        at,
        &["layer", "-o", "saved.tar", "--compression=none", "saved"],
        0,
    );

    // The blob of a layer is another one where it is not compressed.
    let why = |image: &str| -> Vec<String> {
        let text = told(at, &["why", image, "/usr/bin/hello"], 0);
        let lines = text.lines().filter(|line| !line.starts_with("  layer"));
        lines.map(str::to_owned).collect()
    };
    let expected = why("img");
    assert!(expected[1].contains("hello 1.0-1"), "{expected:?}");
    for image in [&*registry, "saved.tar"] {
        assert_eq!(why(image), expected, "{image}");
    }
    let sbom = |image: &str| json(at, &["sbom", image, "--type", "spdx", "--name", "app"], 0);
    let needs = |document: &Value| -> Vec<(String, String)> {
        let name = |id: &Value| {
            let id = id.as_str().unwrap().trim_start_matches("SPDXRef-");
            let (name, _) = id.rsplit_once('-').unwrap();
            name.to_owned()
        };
        let all = document["relationships"].as_array().unwrap();
        let of = all
            .iter()
            .filter(|one| one["relationshipType"] == "DEPENDS_ON");
        of.map(|one| {
            (
                name(&one["spdxElementId"]),
                name(&one["relatedSpdxElement"]),
            )
        })
        .collect()
    };
    for image in ["img", &*registry, "saved.tar"] {
        assert_eq!(
            needs(&sbom(image)),
            [
                ("package-hello".to_owned(), "package-base".to_owned()),
                ("subject-app".to_owned(), "package-hello".to_owned()),
            ],
            "{image}"
        );
    }
    // What is called by its ID where there is no manifest.
    let text = sbom("saved.tar").to_string();
    assert!(text.contains(&id.replace("sha256:", "")), "{text}");
}
