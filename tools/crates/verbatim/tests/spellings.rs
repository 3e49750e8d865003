//! One image, written in several ways: every command, by every pair of spellings. A list keeps what
//! was written, and what is compared is what it means.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// One image, in the order of lists.
const NAMES: [&str; 4] = [
    FIRST,
    "docker.io/library/x:v1",
    "index.docker.io/x:v1",
    "registry-1.docker.io/library/x:v1",
];
const FIRST: &str = "docker.io/x:v1";

/// What engines and clusters write besides.
const SHORT: [&str; 2] = ["x:v1", "library/x:v1"];

/// What is not that image.
const OTHERS: [&str; 4] = [
    "docker.io/acme/x:v1",
    "docker.io/x:v2",
    "docker.io/x",
    "r.example.com/library/x:v1",
];

fn run(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(fs::canonicalize(env!("CARGO_BIN_EXE_verbatim")).unwrap())
        .args(arguments)
        .current_dir(dir)
        .env("HOME", dir)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn done(dir: &Path, arguments: &[&str]) -> String {
    let output = run(dir, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The exit code, and all that was said.
fn said(dir: &Path, arguments: &[&str]) -> (i32, String) {
    let output = run(dir, arguments);
    let text = [output.stdout, output.stderr].concat();
    let exit = output.status.code().unwrap();
    let text = format!("{arguments:?}: {}", String::from_utf8_lossy(&text));
    (exit, text)
}

/// The exit code, and the verdicts of `verify`, each with its reference.
fn verify(dir: &Path, arguments: &[&str]) -> (i32, Vec<(String, String)>) {
    let output = run(dir, &[&["verify", "--format=json"], arguments].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{arguments:?}: {e}: {stderr}"));
    let word = |result: &Value, key: &str| result[key].as_str().unwrap().to_owned();
    let results = report["results"].as_array().unwrap().iter();
    let verdicts = results.map(|result| (word(result, "reference"), word(result, "verdict")));
    (output.status.code().unwrap(), verdicts.collect())
}

/// An image as a layout; its digest.
fn image(dir: &Path, name: &str) -> String {
    let tree = format!("{name}.tree");
    fs::create_dir(dir.join(&tree)).unwrap();
    fs::write(dir.join(&tree).join("file"), name).unwrap();
    let layer = format!("{name}.layer.tar");
    done(dir, &["layer", "-o", &layer, &tree]);
    let layer = format!("--layer={layer}");
    let platform = "--platform=linux/amd64";
    done(dir, &["image", "-o", name, platform, &layer]);
    let index = fs::read(dir.join(name).join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    index["manifests"][0]["digest"].as_str().unwrap().to_owned()
}

/// Two images, and for each spelling a list with its document: `N.sha256` of the right image, `wrong-N.sha256`
/// of the other one.
fn prepare(dir: &Path) -> [String; 2] {
    let digests = [image(dir, "released"), image(dir, "other")];
    for (number, name) in NAMES.iter().enumerate() {
        for (list, layout) in [("", "released"), ("wrong-", "other")] {
            let (list, image) = (
                format!("{list}{number}.sha256"),
                format!("--image={name}={layout}"),
            );
            done(dir, &["sums", "create", "-o", &list, &image]);
            let text = fs::read_to_string(dir.join(&list)).unwrap();
            assert!(text.ends_with(&format!("  {name}\n")), "{text}");
        }
    }
    digests
}

fn pairs() -> impl Iterator<Item = ((usize, &'static str), (usize, &'static str))> {
    let all = || NAMES.iter().copied().enumerate();
    all().flat_map(move |a| all().map(move |b| (a, b)))
}

#[test]
fn sums() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let [released, other] = prepare(dir);
    let line = |digest: &str, name: &str| format!("{}  {name}\n", &digest[7..]);
    for ((i, a), (j, b)) in pairs() {
        let one = line(&released, NAMES[i.min(j)]);
        let (right, wrong) = (
            format!("--image={a}=released"),
            format!("--image={b}=other"),
        );
        let same = format!("--image={b}=released");
        let (list, other_list) = (format!("{i}.sha256"), format!("{j}.sha256"));
        let wrong_list = format!("wrong-{j}.sha256");

        // Two digests are a conflict, and one is one, under the first name in order.
        for arguments in [
            ["sums", "create", &right, &wrong],
            ["sums", "merge", &list, &wrong_list],
        ] {
            let (exit, text) = said(dir, &arguments);
            assert_eq!(exit, 2, "{text}");
            assert!(text.contains("conflicting digests"), "{text}");
            assert!(text.contains(a) && text.contains(b), "{text}");
        }
        let merge = ["sums", "merge", &list, &other_list, "-o", "merged.sha256"];
        done(dir, &merge);
        assert_eq!(fs::read_to_string(dir.join("merged.sha256")).unwrap(), one);
        done(dir, &["sums", "check", "merged.sha256"]);
        assert_eq!(done(dir, &["sums", "create", &right, &same]), one);
        let kind = format!("--kind={b}=image");
        done(dir, &["sums", "create", &right, &kind]);

        // The same of a text that somebody else wrote, in one or in the other order.
        let lines = line(&released, a) + &line(&other, b);
        fs::write(dir.join("both"), lines).unwrap();
        let (exit, text) = said(dir, &["sums", "check", "both"]);
        assert!(exit == 2 && text.contains("conflicting digests"), "{text}");
        let lines = line(&released, NAMES[i.min(j)]) + &line(&released, NAMES[i.max(j)]);
        fs::write(dir.join("both"), lines).unwrap();
        let (exit, text) = said(dir, &["sums", "check", "both"]);
        assert!(exit == 2 && text.contains("stands there twice"), "{text}");
        done(dir, &["sums", "check", "--lenient", "both"]);

        // A document that writes it in another way.
        fs::write(dir.join("own.sha256"), line(&released, a)).unwrap();
        fs::copy(dir.join(format!("{j}.json")), dir.join("own.json")).unwrap();
        done(dir, &["sums", "check", "own.sha256"]);
        let merged = done(dir, &["sums", "merge", "own.sha256"]);
        assert_eq!(merged, line(&released, a));
        fs::copy(dir.join(format!("wrong-{j}.json")), dir.join("own.json")).unwrap();
        assert_eq!(said(dir, &["sums", "check", "own.sha256"]).0, 1);

        // Two lists.
        for command in [&["sums", "compare"][..], &["diff"]] {
            let (exit, text) = said(dir, &[command, &[&list, &other_list]].concat());
            assert_eq!(exit, 0, "{text}");
            let (exit, text) = said(dir, &[command, &[&list, &wrong_list]].concat());
            assert_eq!(exit, 1, "{text}");
            assert!(!text.contains("added-file"), "{text}");
            assert!(!text.contains("1 missing"), "{text}");
        }

        // What is pushed must be in the list: only then the registry is asked, which is not there.
        let sums = format!("--sums={other_list}");
        let nobody = "--mirror=docker.io=127.0.0.1:1";
        let push = ["push", "--dry-run", nobody, &sums];
        let (exit, text) = said(dir, &[&push[..], &[&right]].concat());
        assert_eq!(exit, 3, "{text}");
        let (exit, text) = said(dir, &[&push[..], &[&format!("--image={a}=other")]].concat());
        assert!(exit == 1 && text.contains("and the sums say"), "{text}");
    }
    for name in OTHERS {
        let (right, wrong) = (
            format!("--image={FIRST}=released"),
            format!("--image={name}=other"),
        );
        let text = done(dir, &["sums", "create", &right, &wrong]);
        assert_eq!(text.lines().count(), 2, "{text}");
    }
}

fn pod(name: &str, digest: &str) -> String {
    let (repository, _) = name.rsplit_once(':').unwrap();
    format!(
        r#"{{"kind":"Pod","metadata":{{"name":"p"}},"spec":{{"containers":[{{"name":"c","image":"{name}"}}]}},"status":{{"phase":"Running","containerStatuses":[{{"name":"c","image":"{name}","imageID":"{repository}@{digest}"}}]}}}}"#
    )
}

#[test]
fn verify_sides() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let [released, other] = prepare(dir);
    let (host, _) = registry(dir.join("released"));
    fs::create_dir(dir.join("dist")).unwrap();
    fs::write(dir.join("dist/tool"), "tool").unwrap();
    for ((i, a), (j, b)) in pairs() {
        let list = format!("{i}.sha256");
        let one = |verdict: &str| vec![(a.to_owned(), verdict.to_owned())];
        let (right, wrong) = (one("identical"), one("different"));

        let against = format!("--against={j}.sha256");
        assert_eq!(verify(dir, &[&list, &against]), (0, right.clone()));
        let against = format!("--against=wrong-{j}.sha256");
        assert_eq!(verify(dir, &[&list, &against]), (1, wrong.clone()));

        let layout = format!("--layout={b}=released");
        assert_eq!(verify(dir, &[&list, &layout]), (0, right.clone()));
        let layout = format!("--layout={b}=other");
        assert_eq!(verify(dir, &[&list, &layout]), (1, wrong.clone()));

        // A file of that name, where somebody says that all lines are files, is the other list's image.
        let bare = fs::read_to_string(dir.join(&list)).unwrap();
        let tool = verbatim_digest::Digest::of(b"tool").hex();
        fs::write(dir.join("bare"), format!("{bare}{tool}  tool\n")).unwrap();
        let theirs = fs::read_to_string(dir.join(format!("{j}.sha256"))).unwrap();
        fs::write(dir.join("theirs"), format!("{theirs}{tool}  tool\n")).unwrap();
        let (_, verdicts) = verify(dir, &["bare", "--files=dist", "--against=theirs"]);
        let missing_or_extra = verdicts.iter().filter(|(_, verdict)| verdict == "extra");
        assert_eq!(missing_or_extra.count(), 0, "{a} {b} {verdicts:?}");

        // The document says of an image that it is none of the files.
        let both = format!("--image={b}=released");
        done(
            dir,
            &["sums", "create", &both, "--files=dist", "-o", "both.sha256"],
        );
        fs::copy(dir.join("bare"), dir.join("both.sha256")).unwrap();
        let (exit, verdicts) = verify(dir, &["both.sha256", "--files=dist"]);
        let unchecked = |verdict: &str| {
            let image = (a.to_owned(), verdict.to_owned());
            vec![image, ("tool".to_owned(), "identical".to_owned())]
        };
        assert_eq!((exit, verdicts), (3, unchecked("unchecked")));
        let only = verify(dir, &["both.sha256", "--files=dist", "--only=files"]);
        assert_eq!(only.0, 0);

        // A mirror for all, for a part, and for the one image, in whichever words.
        let (registry, path) = b.split_once('/').unwrap();
        let name = path.split(':').next().unwrap();
        for (from, to) in [
            (registry.to_owned(), host.clone()),
            (format!("{registry}/{name}"), format!("{host}/own")),
        ] {
            let mirror = format!("--mirror={from}={to}");
            assert_eq!(verify(dir, &[&list, &mirror]), (0, right.clone()));
            let wrong_list = format!("wrong-{i}.sha256");
            assert_eq!(verify(dir, &[&wrong_list, &mirror]), (1, wrong.clone()));
            // What runs may have been pulled from there.
            let there = match to == host {
                true => format!("{host}/library/x:v1"),
                false => format!("{host}/own:v1"),
            };
            fs::write(dir.join("pods"), pod(&there, &other)).unwrap();
            let exit = verify(dir, &[&list, &mirror, "--pods=pods"]).0;
            assert_ne!(exit, 0);
            fs::write(dir.join("pods"), pod(&there, &released)).unwrap();
            let pods = verify(dir, &[&list, &mirror, "--pods=pods"]);
            assert_eq!(pods, (0, right.clone()));
        }
    }
    for (number, a) in NAMES.iter().enumerate() {
        let list = format!("{number}.sha256");
        for b in NAMES.iter().chain(&SHORT) {
            fs::write(dir.join("pods"), pod(b, &released)).unwrap();
            let found = verify(dir, &[&list, "--pods=pods"]);
            let identical = vec![((*a).to_owned(), "identical".to_owned())];
            assert_eq!(found, (0, identical), "{b}");
        }
        for other in OTHERS {
            let layout = format!("--layout={other}=released");
            let (exit, verdicts) = verify(dir, &[&list, &layout]);
            let extra = (other.to_owned(), "extra".to_owned());
            assert!(exit == 1 && verdicts.contains(&extra), "{verdicts:?}");
        }
    }
}

/// A registry that serves a layout of one image under every name; its host, and the thread.
fn registry(layout: std::path::PathBuf) -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let index = fs::read(layout.join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    let top = index["manifests"][0]["digest"].as_str().unwrap().to_owned();
    let serve = move || {
        for stream in listener.incoming().flatten() {
            answer(stream, &layout, &top);
        }
    };
    (host, std::thread::spawn(serve))
}

fn answer(mut stream: TcpStream, layout: &Path, top: &str) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while reader.read_line(&mut head).is_ok_and(|n| n > 0) && !head.ends_with("\r\n\r\n") {}
    let path = head.split_whitespace().nth(1).unwrap_or_default();
    let repository = path.trim_start_matches("/v2/");
    let is_known = repository.starts_with("library/x/") || repository.starts_with("own/");
    let name = path.rsplit('/').next().unwrap_or_default();
    let digest = match name {
        "v1" => top,
        name => name,
    };
    let blob = layout.join("blobs").join(digest.replace(':', "/"));
    let (status, body) = match fs::read(blob) {
        Ok(body) if is_known && digest.starts_with("sha256:") => ("200 OK", body),
        _ => ("404 Not Found", Vec::new()),
    };
    let reply = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(reply.as_bytes());
    if !head.starts_with("HEAD") {
        let _ = stream.write_all(&body);
    }
}
