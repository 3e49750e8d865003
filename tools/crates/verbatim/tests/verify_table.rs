//! The exit code of `verbatim verify`, in every combination of what a list holds, what is asked
//! for, and what is there. In no cell of the table is it 0 with something unchecked.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// What a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kinds {
    Images,
    Files,
    Both,
}

/// What is asked for; nothing means the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Side {
    deep: bool,
    files: bool,
    pods: bool,
    layout: bool,
    against: bool,
    storage: bool,
}

/// What is there, on every side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum There {
    Right,
    Wrong,
    Nothing,
}

/// What must become of a subject, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Identical,
    Unchecked,
    Missing,
    Different,
}

/// Whether attestations are asked for besides, and what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    No,
    /// They are about what was released.
    Good,
    /// They are about something else.
    Stranger,
    /// Nobody tells what they say.
    Refused,
}

impl Side {
    /// Every set of options; `--deep` goes with the registry and with layouts. `--storage` stands alone and beside
    /// each of the others.
    fn all() -> impl Iterator<Item = Self> {
        let bits = |n: u8| [0, 1, 2, 3].map(|at| n >> at & 1 == 1);
        let sides = (0..16)
            .map(bits)
            .map(|[files, pods, layout, against]| Self {
                deep: false,
                files,
                pods,
                layout,
                against,
                storage: false,
            });
        let deep = [false, true].map(|layout| Self {
            deep: true,
            layout,
            ..Self::default()
        });
        let storage = (0..5).map(|beside| Self {
            files: beside == 1,
            pods: beside == 2,
            layout: beside == 3,
            against: beside == 4,
            storage: true,
            deep: false,
        });
        sides.chain(deep).chain(storage)
    }

    /// Whether something else is asked for than the registry.
    fn is_named(self) -> bool {
        self.files || self.pods || self.layout || self.against || self.storage
    }
}

fn run(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(fs::canonicalize(env!("CARGO_BIN_EXE_verbatim")).unwrap())
        .args(arguments)
        .current_dir(dir)
        .env("HOME", dir)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn done(dir: &Path, arguments: &[&str]) {
    let output = run(dir, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
}

/// A registry that serves files of a folder, if told so: by their path below `/v2/`.
fn registry() -> (String, Arc<Mutex<Option<std::path::PathBuf>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let folder = Arc::new(Mutex::new(None::<std::path::PathBuf>));
    let served = folder.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let folder = served.lock().unwrap().clone();
            answer(stream, folder.as_deref());
        }
    });
    (host, folder)
}

fn answer(mut stream: TcpStream, folder: Option<&Path>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while reader.read_line(&mut head).is_ok_and(|n| n > 0) && !head.ends_with("\r\n\r\n") {}
    let path = head.split_whitespace().nth(1).unwrap_or_default();
    let (_, name) = path.rsplit_once('/').unwrap_or(("", ""));
    let file = folder.map(|folder| match name.strip_prefix("sha256:") {
        Some(hex) => folder.join("blobs/sha256").join(hex),
        None => folder.join("manifest"),
    });
    // What is attached to an image is nobody's business.
    let asks_for_attached = path.contains("/referrers/") || name.starts_with("sha256-");
    if asks_for_attached {
        let _ = stream
            .write_all(b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        return;
    }
    let (status, body) = match file.and_then(|file| fs::read(file).ok()) {
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", Vec::new()),
    };
    let head_only = head.starts_with("HEAD");
    let reply = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(reply.as_bytes());
    if !head_only {
        let _ = stream.write_all(&body);
    }
}

/// An image as a layout, and beside it its manifest as a registry serves it under the tag; its digest.
fn image(dir: &Path, name: &str) -> String {
    let tree = format!("{name}.tree");
    fs::create_dir(dir.join(&tree)).unwrap();
    fs::write(dir.join(&tree).join("file"), name).unwrap();
    let layer = format!("{name}.layer.tar");
    done(dir, &["layer", "-o", &layer, &tree]);
    let layer = format!("--layer={layer}");
    done(
        dir,
        &["image", "-o", name, "--platform=linux/amd64", &layer],
    );
    let index = fs::read(dir.join(name).join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap().to_owned();
    let blob = dir.join(name).join("blobs/sha256").join(&digest[7..]);
    fs::copy(blob, dir.join(name).join("manifest")).unwrap();
    digest
}

/// What podman has on its disk of an image of one layer with one file, as containers/storage writes it.
fn store(dir: &Path, name: &str, reference: &str, digest: &str) {
    use base64::prelude::{Engine as _, BASE64_STANDARD};

    let store = dir.join(format!("{name}.store"));
    let files = store.join("overlay/layer/diff");
    let documents = store.join("overlay-images/image");
    for folder in [&files, &documents, &store.join("overlay-layers")] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(files.join("file"), name).unwrap();
    let permit =
        |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    permit(&files.join("file"), 0o644);
    permit(&files, 0o755);
    let time = std::time::UNIX_EPOCH;
    fs::File::open(files.join("file"))
        .unwrap()
        .set_modified(time)
        .unwrap();
    let archive = fs::read(dir.join(format!("{name}.layer.tar"))).unwrap();
    let record = format!(
        "{}\n{}\n{}\n",
        serde_json::json!({"type": 2, "payload": BASE64_STANDARD.encode(&archive[..512])}),
        serde_json::json!({"type": 1, "name": "file", "size": name.len(), "payload": ""}),
        serde_json::json!({"type": 2, "payload": BASE64_STANDARD.encode(&archive[512 + name.len()..])}),
    );
    fs::write(store.join("overlay-layers/layer.tar-split.gz"), record).unwrap();
    let layers = serde_json::json!([{"id": "layer"}]).to_string();
    fs::write(store.join("overlay-layers/layers.json"), layers).unwrap();

    let blob =
        |digest: &str| fs::read(dir.join(name).join("blobs/sha256").join(&digest[7..])).unwrap();
    let manifest = blob(digest);
    let config: Value = serde_json::from_slice(&manifest).unwrap();
    let config = config["config"]["digest"].as_str().unwrap();
    fs::write(documents.join("manifest"), &manifest).unwrap();
    let encoded = format!("={}", BASE64_STANDARD.encode(config));
    fs::write(documents.join(encoded), blob(config)).unwrap();
    let images = serde_json::json!([
        {"id": "image", "names": [reference], "layer": "layer", "big-data-names": ["manifest", config]}
    ]);
    fs::write(store.join("overlay-images/images.json"), images.to_string()).unwrap();
}

struct Table<'a> {
    dir: &'a Path,
    reference: String,
    folder: Arc<Mutex<Option<std::path::PathBuf>>>,
    digests: [String; 2],
    is_root: bool,
}

impl Table<'_> {
    /// One cell: the exit code, and what is said of each subject.
    fn cell(
        &self,
        kinds: Kinds,
        document: bool,
        side: Side,
        there: There,
        (only, asked): (Option<&str>, Asked),
    ) {
        let list = format!("{kinds:?}{}.sha256", if document { "" } else { "-bare" });
        let mut arguments = vec!["verify".to_owned(), "--format=json".to_owned(), list];
        let folder = match there {
            There::Right => "released",
            There::Wrong => "other",
            There::Nothing => "nothing",
        };
        *self.folder.lock().unwrap() = (there != There::Nothing).then(|| self.dir.join(folder));
        if side.deep {
            arguments.push("--deep".into());
        }
        if side.against {
            arguments.push(format!("--against={folder}.{kinds:?}.list"));
        }
        if side.files {
            arguments.push(format!("--files={folder}.dist"));
        }
        if side.pods {
            // A cluster is not the registry: it is asked for more where a digest is unknown.
            *self.folder.lock().unwrap() = None;
            arguments.push(format!("--pods={folder}.pods"));
        }
        if side.storage {
            arguments.push(format!("--storage={folder}.store"));
        }
        if side.layout {
            arguments.push(format!("--layout={}={folder}", self.reference));
        }
        arguments.extend(only.map(|part| format!("--only={part}")));
        let attested: &[&str] = match asked {
            Asked::No => &[],
            Asked::Good => &["--attested-key=key.pub", "--attestation=good.jsonl"],
            Asked::Stranger => &["--attested-key=key.pub", "--attestation=stranger.jsonl"],
            Asked::Refused => &["--attested-key=key.pub"],
        };
        let mut arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        arguments.extend(attested);
        let output = run(self.dir, &arguments);
        let exit = output.status.code().unwrap();
        let context = format!(
            "{arguments:?} {there:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );

        let Some(fates) = self.fates(kinds, document, side, there, only) else {
            assert_eq!(exit, 2, "{context}");
            return;
        };
        let report: Value = serde_json::from_slice(&output.stdout).expect(&context);
        let with_asked = |fate: Fate| match asked {
            Asked::No | Asked::Good => fate,
            Asked::Stranger => Fate::Different,
            Asked::Refused => fate.max(Fate::Unchecked),
        };
        let unchecked = asked == Asked::Refused || fates.iter().any(|(_, f)| *f == Fate::Unchecked);
        let fates: Vec<_> = fates
            .into_iter()
            .map(|(name, fate)| (name, with_asked(fate)))
            .collect();
        for (name, fate) in &fates {
            let verdicts: BTreeSet<_> = report["results"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|result| result["reference"] == name.as_str())
                .map(|result| result["verdict"].as_str().unwrap())
                .collect();
            let wanted = match fate {
                Fate::Identical => "identical",
                Fate::Different => "different",
                Fate::Missing => "missing",
                Fate::Unchecked => "unchecked",
            };
            assert!(verdicts.contains(wanted), "{name} {wanted}: {context}");
        }
        let any = |fate| fates.iter().any(|(_, f)| *f == fate);
        let wanted = if any(Fate::Different) || any(Fate::Missing) {
            1
        } else if any(Fate::Unchecked) {
            3
        } else {
            0
        };
        assert_eq!(exit, wanted, "{context}");
        // Nor is it where whoever asks accepts all that was found: what was not looked at is none of it.
        if unchecked {
            let all = [
                "same-platforms",
                "same-image-id",
                "same-content",
                "extra",
                "missing",
                "different",
            ];
            let accept: Vec<String> = all.iter().map(|v| format!("--accept={v}")).collect();
            let accept = accept.iter().map(String::as_str);
            let arguments: Vec<_> = arguments.iter().copied().chain(accept).collect();
            let output = run(self.dir, &arguments);
            assert_eq!(output.status.code(), Some(3), "all accepted: {context}");
        }
        // Whatever this table says: nothing is all right that was not looked at.
        if exit == 0 {
            let verdicts = report["results"].as_array().unwrap().iter();
            assert!(
                verdicts.clone().count() > 0
                    && verdicts.clone().all(|r| r["verdict"] == "identical"),
                "{context}"
            );
        }
    }

    /// What must become of each subject that is asked for, on each side; nothing if the options make no sense.
    fn fates(
        &self,
        kinds: Kinds,
        document: bool,
        side: Side,
        there: There,
        only: Option<&str>,
    ) -> Option<Vec<(String, Fate)>> {
        let (mut images, mut files) = (Vec::new(), Vec::new());
        if kinds != Kinds::Files {
            // Without the document, whoever says where the files are says that all lines are files.
            let into = match side.files && !document {
                true => &mut files,
                false => &mut images,
            };
            into.push(self.reference.clone());
        }
        if kinds != Kinds::Images {
            files.push("tool".to_owned());
        }
        match only {
            Some("images") if side.files => return None,
            Some("files") if side.deep || side.pods || side.layout || side.storage => return None,
            Some("images") => files.clear(),
            Some("files") => images.clear(),
            _ => {}
        }
        let needs_images = side.pods || side.layout || side.storage || !side.is_named();
        if images.is_empty() && needs_images
            || files.is_empty() && side.files
            || images.is_empty() && files.is_empty()
        {
            return None;
        }
        let fate = match there {
            There::Right => Fate::Identical,
            There::Wrong => Fate::Different,
            There::Nothing => Fate::Missing,
        };
        let of_image = || {
            let in_pods = match there {
                // Another digest may be that of a config: nobody knows, without the document.
                There::Wrong if !document => Fate::Unchecked,
                _ => fate,
            };
            let mut fates = Vec::new();
            fates.extend(side.pods.then_some(in_pods));
            fates.extend(side.layout.then_some(fate));
            // The files of a user's store have other owners than containers see.
            let in_storage = match there {
                There::Right if !self.is_root => Fate::Unchecked,
                _ => fate,
            };
            fates.extend(side.storage.then_some(in_storage));
            fates.extend(side.against.then_some(fate));
            fates.extend((!side.is_named()).then_some(fate));
            fates
        };
        let of_file = |name: &str| {
            let mut fates = Vec::new();
            fates.extend(side.files.then_some(match name {
                "tool" => fate,
                _ => Fate::Missing,
            }));
            fates.extend(side.against.then_some(fate));
            fates
        };
        let images = images.into_iter().map(|name| (name, of_image()));
        let files = files.into_iter().map(|name| {
            let fates = of_file(&name);
            (name, fates)
        });
        let all = images.chain(files).flat_map(|(name, mut fates)| {
            if fates.is_empty() {
                fates.push(Fate::Unchecked);
            }
            fates.into_iter().map(move |fate| (name.clone(), fate))
        });
        Some(all.collect())
    }

    /// A statement about all that was released, and one about something else.
    fn attest(&self) {
        let key = include_bytes!("../../signature/testdata/p256.pem");
        let public = include_bytes!("../../signature/testdata/p256.pub");
        fs::write(self.dir.join("key"), key).unwrap();
        fs::write(self.dir.join("key.pub"), public).unwrap();
        let tool = verbatim_digest::Digest::of(b"released").hex();
        let released = [&self.digests[0]["sha256:".len()..], &*tool];
        for (name, digests) in [("good", released), ("stranger", [&"1".repeat(64); 2])] {
            let subjects = digests.map(|digest| serde_json::json!({"digest": {"sha256": digest}}));
            let statement = serde_json::json!({
                "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://example.com/p",
                "subject": subjects, "predicate": {}
            });
            let file = format!("{name}.json");
            fs::write(self.dir.join(&file), statement.to_string()).unwrap();
            let output = format!("{name}.jsonl");
            done(
                self.dir,
                &["attest", "sign", "--key=key", "-o", &output, &file],
            );
        }
    }

    /// The lists, and all that may be there.
    fn prepare(&self) {
        let (dir, reference) = (self.dir, &self.reference);
        for (folder, digest) in ["released", "other"].iter().zip(&self.digests) {
            let dist = dir.join(format!("{folder}.dist"));
            fs::create_dir(&dist).unwrap();
            fs::write(dist.join("tool"), folder).unwrap();
            let (repository, _) = reference.rsplit_once(':').unwrap();
            let pod = format!(
                r#"{{"kind":"Pod","metadata":{{"name":"p"}},"spec":{{"containers":[{{"name":"c","image":"{reference}"}}]}},"status":{{"phase":"Running","containerStatuses":[{{"name":"c","image":"{reference}","imageID":"{repository}@{digest}"}}]}}}}"#
            );
            fs::write(dir.join(format!("{folder}.pods")), pod).unwrap();
            store(dir, folder, reference, digest);
            let image = format!("--image={reference}={folder}");
            let files = format!("--files={folder}.dist");
            for (kinds, arguments) in [
                (Kinds::Images, vec![image.as_str()]),
                (Kinds::Files, vec![files.as_str()]),
                (Kinds::Both, vec![image.as_str(), files.as_str()]),
            ] {
                let list = format!("{folder}.{kinds:?}.list");
                done(
                    dir,
                    &[&["sums", "create", "-o", &list][..], &arguments].concat(),
                );
                if *folder == "released" {
                    let released = |ending: &str| dir.join(format!("{kinds:?}{ending}"));
                    fs::copy(dir.join(&list), released(".sha256")).unwrap();
                    fs::copy(dir.join(&list), released("-bare.sha256")).unwrap();
                    fs::copy(dir.join(format!("{list}.json")), released(".json")).unwrap();
                }
            }
        }
        self.attest();
        fs::create_dir(dir.join("nothing.dist")).unwrap();
        fs::write(dir.join("nothing.pods"), "[]").unwrap();
        fs::create_dir_all(dir.join("nothing.store/overlay-images")).unwrap();
        for kinds in [Kinds::Images, Kinds::Files, Kinds::Both] {
            let line = |name: &str| format!("{}  {name}\n", "0".repeat(64));
            let text = match kinds {
                Kinds::Images => line("r.example.com/else"),
                Kinds::Files => line("else"),
                Kinds::Both => line("r.example.com/else") + &line("else"),
            };
            fs::write(dir.join(format!("nothing.{kinds:?}.list")), text).unwrap();
        }
    }
}

#[test]
fn no_cell_is_all_right_with_something_unchecked() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (host, folder) = registry();
    let table = Table {
        dir,
        reference: format!("{host}/acme/server:v1"),
        folder,
        digests: [image(dir, "released"), image(dir, "other")],
        is_root: fs::metadata(dir).unwrap().uid() == 0,
    };
    table.prepare();
    for kinds in [Kinds::Images, Kinds::Files, Kinds::Both] {
        for document in [true, false] {
            for side in Side::all() {
                for there in [There::Right, There::Wrong, There::Nothing] {
                    // A layout that is not there is a wrong option.
                    if side.layout && there == There::Nothing {
                        continue;
                    }
                    for only in [None, Some("images"), Some("files")] {
                        table.cell(kinds, document, side, there, (only, Asked::No));
                    }
                    // Attestations are asked for beside each of the sides.
                    if kinds == Kinds::Both && document {
                        for asked in [Asked::Good, Asked::Stranger, Asked::Refused] {
                            table.cell(kinds, document, side, there, (None, asked));
                        }
                    }
                }
            }
        }
    }
}

/// A cluster that runs another index of the released images: what it holds the registry says, and
/// where nobody says it the digest alone proves nothing.
#[test]
fn another_index_runs() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (host, folder) = registry();
    let reference = format!("{host}/acme/server:v1");
    image(dir, "released");
    image(dir, "other");
    for (name, layout, options) in [
        ("a", "released", &[][..]),
        ("b", "released", &["--annotation=built=later"]),
        ("c", "other", &[]),
    ] {
        done(dir, &[&["index", "-o", name, layout], options].concat());
    }
    let top = |name: &str| {
        let index = fs::read(dir.join(name).join("index.json")).unwrap();
        let index: Value = serde_json::from_slice(&index).unwrap();
        index["manifests"][0]["digest"].as_str().unwrap().to_owned()
    };
    let image = format!("--image={reference}=a");
    done(dir, &["sums", "create", "-o", "s.sha256", &image]);
    // All that the registry ever had.
    let blobs = |name: &str| fs::read_dir(dir.join(name).join("blobs/sha256")).unwrap();
    for blob in blobs("a").chain(blobs("b")).chain(blobs("c")).flatten() {
        let to = dir.join("all/blobs/sha256");
        fs::create_dir_all(&to).unwrap();
        fs::copy(blob.path(), to.join(blob.file_name())).unwrap();
    }
    // An image in front of the released one that calls itself something else: runtimes go by the
    // platform alone, and would run it.
    let index_of = |name: &str| -> Value {
        let blob = dir
            .join(name)
            .join("blobs")
            .join(top(name).replace(':', "/"));
        serde_json::from_slice(&fs::read(blob).unwrap()).unwrap()
    };
    for (name, mark) in [("d", "annotations"), ("e", "artifactType")] {
        let mut evil = index_of("c")["manifests"][0].clone();
        evil[mark] = match mark {
            "annotations" => {
                serde_json::json!({"vnd.docker.reference.type": "attestation-manifest"})
            }
            _ => "application/vnd.example".into(),
        };
        let mut index = index_of("a");
        index["manifests"].as_array_mut().unwrap().insert(0, evil);
        let index = serde_json::to_vec(&index).unwrap();
        let digest = verbatim_digest::Digest::of(&index);
        fs::write(dir.join("all/blobs/sha256").join(digest.hex()), &index).unwrap();
        let root = serde_json::json!({"manifests": [{"digest": digest.to_string()}]});
        fs::create_dir_all(dir.join(name)).unwrap();
        fs::write(dir.join(name).join("index.json"), root.to_string()).unwrap();
    }
    for (runs, served, verdict, exit) in [
        ("d", true, "different", 1),
        ("e", true, "different", 1),
        ("a", true, "identical", 0),
        ("a", false, "identical", 0),
        ("b", true, "same-platforms", 1),
        ("b", false, "unchecked", 3),
        ("c", true, "different", 1),
        ("c", false, "unchecked", 3),
    ] {
        *folder.lock().unwrap() = served.then(|| dir.join("all"));
        let (repository, _) = reference.rsplit_once(':').unwrap();
        let pod = format!(
            r#"{{"kind":"Pod","metadata":{{"name":"p"}},"spec":{{"containers":[{{"name":"c","image":"{reference}"}}]}},"status":{{"phase":"Running","containerStatuses":[{{"name":"c","image":"{reference}","imageID":"{repository}@{}"}}]}}}}"#,
            top(runs)
        );
        fs::write(dir.join("pods"), pod).unwrap();
        let output = run(dir, &["verify", "s.sha256", "--format=json", "--pods=pods"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            report["results"][0]["verdict"], verdict,
            "{runs} {served}: {report}"
        );
        assert_eq!(output.status.code(), Some(exit), "{report}");
    }
}

/// A layer of a layout that is other bytes of the same size: its documents say nothing of it.
#[test]
fn layers_of_a_layout_are_read_where_that_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    image(dir, "layout");
    let options = "--image=r.example.com/x:v1=layout";
    done(dir, &["sums", "create", "-o", "s", options]);
    let verify = |deep: &[&str]| {
        let arguments = ["verify", "s", "--layout=r.example.com/x:v1=layout"];
        let output = run(dir, &[&arguments[..], deep].concat());
        let said = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), said)
    };
    let (exit, said) = verify(&[]);
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.contains("the layers were not opened"), "{said}");
    let (exit, said) = verify(&["--deep"]);
    assert_eq!(exit, Some(0), "{said}");
    assert!(
        said.contains("everything below was read: 3 blobs"),
        "{said}"
    );

    let blobs = fs::read_dir(dir.join("layout/blobs/sha256")).unwrap();
    let layer = blobs
        .map(|blob| blob.unwrap().path())
        .find(|path| fs::read(path).unwrap().first() != Some(&b'{'))
        .unwrap();
    let mut content = fs::read(&layer).unwrap();
    *content.last_mut().unwrap() ^= 1;
    fs::write(&layer, &content).unwrap();
    let (exit, said) = verify(&["--deep"]);
    assert_eq!(exit, Some(1), "{said}");
    assert!(said.contains("different"), "{said}");
    // Half of it is no layer at all.
    fs::write(&layer, &content[1..]).unwrap();
    let (exit, said) = verify(&[]);
    assert_eq!(exit, Some(2), "{said}");
}

#[test]
fn what_was_not_looked_at_cannot_be_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let line = format!("{}  r.example.com/x:v1\n", "0".repeat(64));
    fs::write(dir.join("s"), line).unwrap();
    let output = run(dir, &["verify", "s", "--accept=unchecked"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--only"));
}

/// Lines that look like references and are none, and names that steer a terminal: nobody would
/// find what they are about, whatever is asked for.
#[test]
fn what_is_no_subject_is_malformed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("dist")).unwrap();
    fs::write(dir.join("dist/tool"), "tool").unwrap();
    fs::write(dir.join("pods"), "[]").unwrap();
    let good = verbatim_digest::Digest::of(b"tool").hex();
    for name in [
        "r.example.com/x/y:",
        "r.example.com/x/Y:v1",
        "r.example.com/x/y:v1 and more",
        &format!("r.example.com/x/y@sha256:{good}"),
        &format!("r.example.com/x/y:v1@sha256:{good}"),
        "a\u{1b}[2Jb",
        "a\u{7}b",
        "a\tb",
    ] {
        fs::write(dir.join("s"), format!("{good}  tool\n{good}  {name}\n")).unwrap();
        for side in [
            &["--files=dist"][..],
            &["--pods=pods"],
            &["--against=s"],
            &[],
        ] {
            let arguments = [&["verify", "s"][..], side].concat();
            let output = run(dir, &arguments);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{name:?} {side:?}: {stderr}");
            assert!(stderr.contains("line 2"), "{stderr}");
            let shown = !stderr.trim_end().contains(char::is_control);
            assert!(shown && output.stdout.is_empty(), "{stderr:?}");
        }
    }
}

/// Of two images each side tells of one alone: the other is not all right for that.
#[test]
fn a_side_that_tells_of_one_image_says_nothing_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (host, folder) = registry();
    let (first, second) = (format!("{host}/acme/a:v1"), format!("{host}/acme/b:v1"));
    let digest = image(dir, "released");
    image(dir, "other");
    let images = [
        format!("--image={first}=released"),
        format!("--image={second}=other"),
    ];
    done(
        dir,
        &[
            "sums",
            "create",
            "-o",
            "both.sha256",
            &images[0],
            &images[1],
        ],
    );
    done(dir, &["sums", "create", "-o", "one.sha256", &images[0]]);
    store(dir, "released", &first, &digest);
    let (repository, _) = first.rsplit_once(':').unwrap();
    let pod = format!(
        r#"{{"kind":"Pod","metadata":{{"name":"p"}},"spec":{{"containers":[{{"name":"c","image":"{first}"}}]}},"status":{{"phase":"Running","containerStatuses":[{{"name":"c","image":"{first}","imageID":"{repository}@{digest}"}}]}}}}"#
    );
    fs::write(dir.join("pods"), pod).unwrap();
    let layout = format!("--layout={first}=released");
    let spelled = format!("--layout={first}=released").replace(":v1=", ":v2=");
    for (sides, verdict, exit) in [
        (&["--pods=pods"][..], "missing", 1),
        (&["--against=one.sha256"], "missing", 1),
        (&["--storage=released.store"], "missing", 1),
        (&[&layout], "unchecked", 3),
        (&[&layout, "--deep"], "unchecked", 3),
        (&[&layout, "--pods=pods"], "missing", 1),
        (&[&layout, "--against=one.sha256"], "missing", 1),
        (&[&layout, "--storage=released.store"], "missing", 1),
        // The layout of something else says nothing of either.
        (&[&spelled], "unchecked", 1),
    ] {
        *folder.lock().unwrap() = None;
        let arguments = [&["verify", "--format=json", "both.sha256"], sides].concat();
        let output = run(dir, &arguments);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let results = report["results"].as_array().unwrap().iter();
        let verdicts: BTreeSet<_> = results
            .filter(|result| result["reference"] == second.as_str())
            .map(|result| result["verdict"].as_str().unwrap())
            .collect();
        assert_eq!(verdicts, [verdict].into(), "{sides:?} {report}");
        assert_eq!(output.status.code(), Some(exit), "{sides:?} {report}");
        let accepted = [&arguments[..], &["--accept=missing", "--accept=extra"]].concat();
        let expected = match verdict {
            "missing" => {
                // As root alone the files of a store are those of containers.
                let is_root = fs::metadata(dir).unwrap().uid() == 0;
                let of_user = sides.contains(&"--storage=released.store") && !is_root;
                if of_user {
                    3
                } else {
                    0
                }
            }
            _ => 3,
        };
        let output = run(dir, &accepted);
        assert_eq!(output.status.code(), Some(expected), "{sides:?}");
    }
}
