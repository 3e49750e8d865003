//! Names that others gave, through every command and every form of its report: nothing that
//! moves a cursor, turns the direction of writing or cannot be seen reaches a terminal.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{symlink, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

use serde_json::{json, Value};
use verbatim_digest::Digest;
use verbatim_foreign::is_hidden;

/// Every name holds this, so that it can be found again.
const MARK: &str = "evil";

/// Controls that steer a terminal, C0 and C1, and the ends of lines.
const STEERING: &str = "evil\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}31m\u{85}\u{7f}\u{8}\r\nend";
/// What turns the direction of writing, joins lines in JSON's and HTML's eyes, or has no width. No
/// rule for names refuses these as controls, so they come further.
const UNSEEN: &str =
    "evil\u{202e}\u{2066}\u{200b}\u{200d}\u{feff}\u{2028}\u{2029}\u{ad}\u{61c}\u{e0041}end";

/// One run of the program.
struct Case {
    /// What the name is of.
    what: &'static str,
    arguments: Vec<String>,
    stdin: Option<Vec<u8>>,
    /// What standard output is.
    stdout: Stdout,
    /// Whether the report tells the name at all.
    silent: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stdout {
    /// For people; with `--format=json` a report for machines.
    Report,
    /// The same, without a form for machines.
    Text,
    /// A document in JSON, whatever the form of reports.
    Document,
    /// A list of sums: names stand there as they are, but for what ends lines.
    Sums,
}

fn case(what: &'static str, arguments: &[&str]) -> Case {
    Case {
        what,
        arguments: arguments.iter().map(|a| (*a).to_owned()).collect(),
        stdin: None,
        stdout: Stdout::Report,
        silent: false,
    }
}

impl Case {
    fn text(mut self) -> Self {
        self.stdout = Stdout::Text;
        self
    }

    fn sums(mut self) -> Self {
        self.stdout = Stdout::Sums;
        self
    }

    fn document(mut self) -> Self {
        self.stdout = Stdout::Document;
        self
    }

    fn silent(mut self) -> Self {
        self.silent = true;
        self
    }

    fn stdin(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(data.into());
        self
    }

    /// Run it in both forms, and say what is wrong with what came.
    fn run(&self, dir: &Path) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut told = false;
        let mut said = String::new();
        let forms: &[&str] = match self.stdout {
            Stdout::Report | Stdout::Sums => &["--format=text", "--format=json"],
            Stdout::Text | Stdout::Document => &[""],
        };
        for form in forms {
            let mut arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
            arguments.extend(Some(*form).filter(|form| !form.is_empty()));
            let (exit, stdout, stderr) = run(dir, &arguments, self.stdin.as_deref());
            let mut fail = |why: &str| {
                wrong.push(format!(
                    "{} ({form}): {why}\n  exit {exit:?}\n  {stdout:?}\n  {stderr:?}",
                    self.what
                ));
            };
            if !matches!(exit, Some(0..=3)) {
                fail("it broke down");
            }
            let bare = |text: &str, harmless: &dyn Fn(char) -> bool| {
                !text.contains(|c| c != '\n' && is_hidden(c) && !harmless(c))
            };
            if !bare(&stderr, &|_| false) {
                fail("standard error holds what is hidden");
            }
            // Encoders write controls as `\u001b`, and leave all other text as it is.
            let data =
                *form == "--format=json" || matches!(self.stdout, Stdout::Sums | Stdout::Document);
            // And what is for machines alone holds all that JSON lets stand.
            let document = self.stdout == Stdout::Document;
            if !bare(&stdout, &|c| {
                data && (!c.is_control() || document && c >= '\u{7f}')
            }) {
                fail("standard output holds what is hidden");
            }
            let parsed = serde_json::from_str::<Value>(&stdout);
            if *form == "--format=json" && !stdout.is_empty() && parsed.is_err() {
                fail("it is no JSON");
            }
            told |= stdout.contains(MARK) || stderr.contains(MARK);
            said = format!("exit {exit:?}\n  {stdout:?}\n  {stderr:?}");
        }
        if !told && !self.silent {
            wrong.push(format!("{}: the name is not told\n  {said}", self.what));
        }
        wrong
    }
}

/// Do this with each of them, four at a time: what is wrong with any.
fn in_parallel<T: Sync, W: IntoIterator<Item = String>>(
    cases: &[T],
    wrong_with: impl Fn(&T) -> W + Sync,
) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = wrong_with(case);
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    wrong.into_inner().unwrap()
}

fn run(dir: &Path, arguments: &[&str], stdin: Option<&[u8]>) -> (Option<i32>, String, String) {
    let mut child = Command::new(fs::canonicalize(env!("CARGO_BIN_EXE_verbatim")).unwrap())
        .args(arguments)
        .current_dir(dir)
        .env("HOME", dir)
        .env_remove("DOCKER_HOST")
        .env_remove("CONTAINER_HOST")
        .stdin(match stdin {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    if let (Some(data), Some(mut input)) = (stdin, child.stdin.take()) {
        // It may have ended before it read all.
        let _ = input.write_all(data);
    }
    let output = child.wait_with_output().unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// A tar archive of these entries: name, type and content.
fn tar(entries: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, kind, content) in entries {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        let mut field = |at: usize, text: String| {
            header[at..at + text.len()].copy_from_slice(text.as_bytes());
        };
        field(100, "0000644\0".into());
        field(108, "0000000\0".into());
        field(116, "0000000\0".into());
        field(124, format!("{:011o}\0", content.len()));
        field(136, "00000000000\0".into());
        field(148, "        ".into());
        field(257, "ustar\x0000".into());
        field(329, "0000001\0".into());
        field(337, "0000003\0".into());
        header[156] = *kind;
        let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend(header);
        archive.extend(*content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.extend([0; 1024]);
    archive
}

/// A layout of one image; the name stands wherever a document takes a text.
fn layout(dir: &Path, folder: &str, name: &str, more: &str) {
    let layer = tar(&[(&format!("{name}{more}"), b'0', more.as_bytes())]);
    layout_of(dir, folder, name, more, &layer);
}

/// The same of this layer.
fn layout_of(dir: &Path, folder: &str, name: &str, more: &str, layer: &[u8]) {
    let blobs = dir.join(folder).join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |data: &[u8]| {
        let digest = Digest::of(data);
        fs::write(blobs.join(digest.hex()), data).unwrap();
        json!({"digest": digest.to_string(), "size": data.len()})
    };
    let mut layer_of = put(layer);
    layer_of["mediaType"] = json!("application/vnd.oci.image.layer.v1.tar");
    let text = format!("{name}{more}");
    let config = json!({
        "architecture": "amd64", "os": "linux", "variant": text, "author": text,
        "config": {
            "Labels": {text.clone(): text, "same": text}, "Env": [format!("A={text}")], "User": text,
            "Entrypoint": [text], "Cmd": [text], "WorkingDir": format!("/{text}"),
            "ExposedPorts": {text.clone(): {}}, "Volumes": {text.clone(): {}}, "StopSignal": text
        },
        "history": [{"created_by": text, "comment": text, "author": text}],
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(layer).to_string()]}
    });
    let mut config_of = put(config.to_string().as_bytes());
    config_of["mediaType"] = json!("application/vnd.oci.image.config.v1+json");
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config_of, "layers": [layer_of], "annotations": {text.clone(): text}
    });
    let mut manifest_of = put(manifest.to_string().as_bytes());
    manifest_of["mediaType"] = manifest["mediaType"].clone();
    manifest_of["annotations"] = json!({"org.opencontainers.image.ref.name": text});
    write_root(dir, folder, &[manifest_of]);
}

fn write_root(dir: &Path, folder: &str, entries: &[Value]) {
    let root = dir.join(folder);
    fs::create_dir_all(root.join("blobs/sha256")).unwrap();
    fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let index = json!({"schemaVersion": 2, "manifests": entries});
    fs::write(root.join("index.json"), index.to_string()).unwrap();
}

/// A server that says the name in all that it answers; what it does stands in the path.
fn serve(name: &str, layout: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let name = name.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (name, layout) = (name.clone(), layout.clone());
            std::thread::spawn(move || answer(stream, &name, &layout));
        }
    });
    host
}

fn answer(mut stream: TcpStream, name: &str, layout: &Path) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while reader.read_line(&mut head).is_ok_and(|n| n > 0) && !head.ends_with("\r\n\r\n") {}
    let path = head.split_whitespace().nth(1).unwrap_or_default();
    let mut body = json!({"errors": [{"code": name, "message": name, "detail": name}]}).to_string();
    // A header cannot hold the end of a line, and everything else.
    let line: String = name.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let mut headers = String::new();
    let mut status = "404 Not Found".to_owned();
    if path.contains("/denied/") {
        status = format!("403 {line}");
        headers = format!("Warning: {line}\r\n");
    } else if path.contains("/login/") {
        status = "401 Unauthorized".to_owned();
        headers = format!(
            "WWW-Authenticate: Bearer realm=\"http://{line}/\",service=\"{line}\",scope=\"{line}\"\r\n"
        );
    } else if path.contains("/elsewhere/") {
        status = "302 Found".to_owned();
        headers = format!("Location: http://{line}/\r\n");
    } else if path.contains("/plain/") {
        status = "400 Bad Request".to_owned();
        body = name.to_owned();
    } else if path.contains("/type/") {
        status = "200 OK".to_owned();
        headers = format!("Content-Type: {line}\r\nDocker-Content-Digest: {line}\r\n");
        body = format!("{{\"schemaVersion\":2,\"mediaType\":{}}}", json!(name));
    } else if path.contains("/image/") {
        let index: Value =
            serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
        let own = index["manifests"][0]["digest"].as_str().unwrap();
        let asked = path.rsplit_once('/').unwrap().1;
        let hex = asked.strip_prefix("sha256:").unwrap_or(&own[7..]);
        if let Ok(data) = fs::read_to_string(layout.join("blobs/sha256").join(hex)) {
            status = "200 OK".to_owned();
            headers = "Content-Type: application/vnd.oci.image.manifest.v1+json\r\n".to_owned();
            body = data;
        }
    }
    let body = if head.starts_with("HEAD") { "" } else { &body };
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
}

/// All that the cases read, below `dir`.
fn prepare(dir: &Path, name: &str) {
    let write = |path: &str, data: &[u8]| {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, data).unwrap();
    };
    for (side, content) in [("a", "1 x\n"), ("b", "2 y\n")] {
        write(&format!("{side}.dir/{name}/{name}"), content.as_bytes());
        write(&format!("{side}.dir/only-{side}-{name}"), b"x");
        write(
            &format!("{side}.txt"),
            format!("first\n{name} {content}{name}\n").as_bytes(),
        );
        let document = json!({name: {name: content}, "list": [name, content]});
        write(&format!("{side}.json.txt"), document.to_string().as_bytes());
        let only = format!("{side}{name}");
        let archive = tar(&[
            (name, b'0', content.as_bytes()),
            (&format!("dir/{name}"), b'0', content.as_bytes()),
            (&only, b'0', b"x"),
        ]);
        write(&format!("{side}.tar"), &archive);
        layout(dir, &format!("{side}.layout"), name, side);
        // No rule for lists takes controls but these, which have a form of their own there.
        let listed: String = name.chars().filter(|c| !c.is_control()).collect();
        let line = |name: &str| format!("{}  {name}\n", Digest::of(content.as_bytes()).hex());
        write(
            &format!("{side}.sums"),
            (line(&listed) + &line(&only.replace(name, &listed))).as_bytes(),
        );
    }
    write(
        "wrong.sums",
        format!("{}  /{name}\n", "0".repeat(64)).as_bytes(),
    );
    write(
        "reference.sums",
        format!("{}  r.example.com/x:{name}\n", "0".repeat(64)).as_bytes(),
    );
    write(
        "document.sha256",
        format!("{}  tool\n", "0".repeat(64)).as_bytes(),
    );
    let document = json!({"schema": name, name: [], "images": [{"reference": name}]});
    write("document.json", document.to_string().as_bytes());
    let files = [("tool", "t"), (name, "t")];
    for (file, content) in files {
        write(&format!("dist/{file}"), content.as_bytes());
    }
    symlink("..", dir.join("dist").join(format!("up{name}"))).unwrap();
    write("tool", format!("\0/home/{name}/src\0{name}\0").as_bytes());
    write(&format!("{name}.gz"), b"\x1f\x8b\x08\x00broken");
    write("device.tar", &tar(&[(name, b'3', b"")]));
    write("escape.tar", &tar(&[(&format!("../{name}"), b'0', b"")]));
    write("kind.tar", &tar(&[(name, b'Z', b"")]));
    let key = b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQyNTUxOQAAACDwWl9r\n-----END OPENSSH PRIVATE KEY-----\n";
    write(
        "secret.tar",
        &tar(&[
            (&format!("root/.ssh/{name}"), b'0', key),
            (&format!("var/log/{name}"), b'0', b"x"),
        ]),
    );
    write(
        "list.mtree",
        format!("#mtree\n{name} type={name}\n").as_bytes(),
    );
    write(
        "entries",
        format!("{{\"path\":{},\"kind\":{}}}\n", json!(name), json!(name)).as_bytes(),
    );
    // A layout whose documents are wrong.
    write_root(
        dir,
        "wrong.layout",
        &[json!({
            "mediaType": name, "digest": format!("sha256:{}", "0".repeat(64)), "size": 1, "platform": {"os": name, "architecture": name}
        })],
    );
    layout(dir, "broken.layout", name, "c");
    for blob in fs::read_dir(dir.join("broken.layout/blobs/sha256"))
        .unwrap()
        .flatten()
    {
        let path = blob.path();
        if fs::read(&path).unwrap().starts_with(b"{\"architecture") {
            fs::write(path, format!("{{\"os\":{}}}", json!(name))).unwrap();
        }
    }
    write("signers", format!("{name} {name}\n").as_bytes());
    write(
        "signature",
        format!("{{\"base64Signature\":{}}}", json!(name)).as_bytes(),
    );
    write("built", json!({name: name}).to_string().as_bytes());
    write("labels", format!("{name}\n").as_bytes());
    let _ = fs::set_permissions(dir.join("tool"), fs::Permissions::from_mode(0o755));
    prepare_packages(dir, name);
    prepare_attestations(dir, name);
}

/// Packages and files of these names, as a database, an SBOM, a lock, a manifest and a store have them.
fn prepare_packages(dir: &Path, name: &str) {
    let write = |path: &str, data: &[u8]| {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, data).unwrap();
    };
    // Lines end where they end.
    let line: String = name.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    for (side, version) in [("a", 1), ("b", 2)] {
        let status = format!(
            "Package: {line}\nStatus: install ok installed\nArchitecture: {line}\nVersion: {line}{version}\nSource: {line}\n\nPackage: plain\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n"
        );
        let release = format!("ID={line}\nVERSION_ID=\"{line}\"\n");
        let list = format!("/.\n/usr\n/usr/{line}\n");
        let root = tar(&[
            ("etc/os-release", b'0', release.as_bytes()),
            (&format!("usr/{name}"), b'0', version.to_string().as_bytes()),
            ("var/lib/dpkg/info/plain.list", b'0', list.as_bytes()),
            (
                "var/lib/dpkg/info/plain.md5sums",
                b'0',
                format!("{line}  {line}\n").as_bytes(),
            ),
            ("var/lib/dpkg/status", b'0', status.as_bytes()),
        ]);
        write(&format!("{side}.root.tar"), &root);
        layout_of(dir, &format!("{side}.root"), name, side, &root);
        // A name in place of everything, and in place of what may be called anything.
        for (what, source, package) in [("wild", name, name), ("line", "debian", "base")] {
            let lock = json!({
                "schema": "verbatim.packages/1", "format": "deb", "architectures": ["amd64"], "requested": [name],
                "sources": [{"name": source, "url": "https://deb.example.com/", "indexes": []}],
                "packages": [{
                    "name": package, "version": format!("{line}{version}"), "architecture": "amd64", "source": source,
                    "path": "pool/x.deb", "size": 1, "sha256": "1".repeat(64), "needed_by": [name]
                }]
            });
            write(
                &format!("{side}.{what}.lock.json"),
                lock.to_string().as_bytes(),
            );
        }
    }
    let sbom = json!({
        "spdxVersion": "SPDX-2.3", "name": name, "documentNamespace": name,
        "packages": [{
            "name": name, "SPDXID": name, "versionInfo": name,
            "externalRefs": [{"referenceType": "purl", "referenceLocator": format!("pkg:deb/{name}@{name}")}]
        }],
        "files": [{"fileName": name, "SPDXID": name, "checksums": [{"algorithm": "SHA256", "checksumValue": "1".repeat(64)}]}]
    });
    write("hostile.spdx.json", sbom.to_string().as_bytes());
    let sbom = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6",
        "components": [{"type": name, "name": name, "version": name, "purl": format!("pkg:deb/debian/{name}@1")}]
    });
    write("hostile.cdx.json", sbom.to_string().as_bytes());
    for (what, value) in [("text", json!(line)), ("table", json!({"x": line}))] {
        write(
            &format!("{what}.toml"),
            format!(
                "format = \"deb\"\narchitectures = [{0}]\npackages = [{0}]\n[[source]]\nname = {0}\nurl = {0}\nsuite = {0}\nunsigned = true\n",
                value
            )
            .as_bytes(),
        );
    }
    let images = json!([{
        "id": name, "digest": name, "names": ["r.example.com/x:v1", name], "layer": name,
        "big-data-names": ["manifest", name]
    }]);
    write(
        "store/overlay-images/images.json",
        images.to_string().as_bytes(),
    );
    let layers = json!([{"id": name, "parent": name, "compressed-diff-digest": name}]);
    write(
        "store/overlay-layers/layers.json",
        layers.to_string().as_bytes(),
    );
    fs::create_dir_all(dir.join("store/overlay")).unwrap();
}

/// Statements that say the name wherever they can, signed and not.
fn prepare_attestations(dir: &Path, name: &str) {
    let write = |path: &str, data: &[u8]| fs::write(dir.join(path), data).unwrap();
    write("key", include_bytes!("../../signature/testdata/p256.pem"));
    write(
        "key.pub",
        include_bytes!("../../signature/testdata/p256.pub"),
    );
    let digest = Digest::of(b"t").hex();
    let subject = json!([{"name": name, "digest": {"sha256": digest, name: name}}]);
    let statement = |predicate_type: &str, predicate: Value| {
        json!({
            "_type": "https://in-toto.io/Statement/v1", "subject": subject,
            "predicateType": predicate_type, "predicate": predicate
        })
    };
    let built = json!({
        "buildDefinition": {
            "buildType": name, "externalParameters": {name: name},
            "resolvedDependencies": [{"uri": name, "name": name, "digest": {"sha256": digest}}]
        },
        "runDetails": {"builder": {"id": name}, "metadata": {"invocationId": name}}
    });
    let task = |task: &str, results: Value| {
        json!({
            "name": task, "invocation": {"parameters": {name: name, "SOURCE_DATE_EPOCH": name}}, "results": results,
            "ref": {"resolver": "bundles", "params": [{"name": "bundle", "value": format!("quay.io/{name}/task-{task}@sha256:{digest}")}]}
        })
    };
    let konflux = json!({
        "buildType": "tekton.dev/v1beta1/PipelineRun", "builder": {"id": name},
        "buildConfig": {"tasks": [
            task("git-clone", json!([{"name": "url", "value": name}, {"name": "commit", "value": name}])),
            task("buildah", json!([{"name": "IMAGE_DIGEST", "value": format!("sha256:{digest}")}])),
        ]},
        "materials": [{"uri": name, "digest": {"sha1": name}}]
    });
    for (file, statement) in [
        ("type", statement(name, json!({name: name}))),
        ("built", statement("https://slsa.dev/provenance/v1", built)),
        (
            "konflux",
            statement("https://slsa.dev/provenance/v0.2", konflux),
        ),
    ] {
        let (statement, signed) = (
            (format!("{file}.statement"), statement.to_string()),
            format!("{file}.signed"),
        );
        write(&statement.0, statement.1.as_bytes());
        let arguments = ["attest", "sign", "--key=key", "-o", &signed, &statement.0];
        let (exit, _, stderr) = run(dir, &arguments, None);
        assert_eq!(exit, Some(0), "{stderr}");
    }
    let policy = format!(
        "schema = \"verbatim.policy/1\"\n[[allow]]\nbuilder = {0}\nkeys = [\"key.pub\"]\nsources = [{0}]\n",
        json!("other")
    );
    write("policy.toml", policy.as_bytes());
    let line: String = name.chars().filter(|c| !c.is_control()).collect();
    write(
        "hostile.policy.toml",
        format!("schema = \"verbatim.policy/1\"\n[[allow]]\n\"{line}\" = 1\n").as_bytes(),
    );
}

/// What is read of packages, SBOMs, plans, stores and attestations.
fn newer_cases(name: &str, host: &str) -> Vec<Case> {
    let n = name;
    let built = |said: &[&str]| {
        let commit = "1".repeat(40);
        let (commit, tree) = (format!("--commit={commit}"), format!("--tree={commit}"));
        let arguments = [
            &["attest", "provenance", "tool.sums", "--bazel-version=7.7.1"][..],
            &["--uri=https://example.com/x.git", &commit, &tree],
            said,
        ];
        case("who built", &arguments.concat()).document()
    };
    let mut cases = vec![
        // Layers and layouts.
        case(
            "components",
            &[
                "layer",
                "--layers=3",
                "--plan=plan.json",
                "--svg=plan.svg",
                "-o",
                "planned",
                "a.root.tar",
            ],
        )
        .silent(),
        case(
            "a component by hand",
            &[
                "layer",
                "--layers=3",
                "--plan=own.json",
                &format!("--component={n}=usr/**"),
                "-o",
                "own",
                "a.root.tar",
            ],
        )
        .silent(),
        case(
            "a plan before",
            &[
                "layer",
                "--layers=3",
                "--plan=p",
                &format!("--previous={n}"),
                "-o",
                "p.d",
                "a.root.tar",
            ],
        ),
        case(
            "a root",
            &["layout", "create", &format!("--root={n}"), "-o", "created"],
        )
        .text(),
        case(
            "an archive's root",
            &["layout", "archive", &format!("--root={n}"), "-o", "c.tar"],
        )
        .text(),
        case("a file of the workspace", &["sums", "update", n, n])
            .silent()
            .text(),
        // Pins of images.
        case("a file of pins", &["bases", n]),
        case("pins", &["bases", "pins.bazel"]),
        case(
            "pins of a release",
            &["bases", "pins.bazel", "--sums=image.sums"],
        ),
        case("pins of nothing", &["bases", "wrong.bazel"]),
        // Packages.
        case("a manifest", &["packages", "lock", n]),
        case("a manifest's names", &["packages", "lock", "text.toml"]).silent(),
        case("a manifest's forms", &["packages", "lock", "table.toml"]).silent(),
        case(
            "locks",
            &[
                "packages",
                "compare",
                "a.line.lock.json",
                "b.line.lock.json",
            ],
        ),
        case(
            "wild locks",
            &[
                "packages",
                "compare",
                "a.wild.lock.json",
                "b.wild.lock.json",
            ],
        )
        .silent(),
        case(
            "a lock to install",
            &["packages", "install", "a.line.lock.json", "-o", "o.tar"],
        )
        .silent(),
        case(
            "a lock to vendor",
            &["packages", "vendor", "a.wild.lock.json", "-o", "vendored"],
        )
        .silent()
        .text(),
        // What is in an image, and why.
        case("an SBOM", &["sbom", "a.root", "--type=spdx", "--files"]).document(),
        case(
            "another SBOM",
            &["sbom", "a.root", "--type=cyclonedx", "--files"],
        )
        .document(),
        case(
            "an SBOM of a lock",
            &["sbom", "a.line.lock.json", "--type=spdx"],
        )
        .document(),
        case(
            "an SBOM's title",
            &["sbom", "a.root", "--type=spdx", &format!("--name={n}")],
        )
        .document(),
        case(
            "an SBOM that lies",
            &["sbom", "--check", "a.root", "hostile.spdx.json"],
        ),
        case(
            "another one that lies",
            &["sbom", "--check", "a.root", "hostile.cdx.json"],
        ),
        case(
            "a path of an image",
            &["why", "a.root", n, &format!("usr/{n}"), "etc/os-release"],
        ),
        case(
            "a lock of an image",
            &["why", "a.root", "etc/os-release", "--lock=a.line.lock.json"],
        )
        .silent(),
        case(
            "two releases",
            &[
                "why",
                "root.a.sha256",
                "root.b.sha256",
                "--layout=a.root",
                "--layout=b.root",
            ],
        ),
        case(
            "two releases on a page",
            &[
                "why",
                "root.a.sha256",
                "root.b.sha256",
                "--layout=a.root",
                "--layout=b.root",
                "--format=markdown",
            ],
        )
        .text(),
        // What an engine has on its disk.
        case("a store", &["verify", "image.sums", "--storage=store"]).silent(),
        case(
            "an unpacked root",
            &["verify", "image.sums", "--storage=a.dir"],
        )
        .silent(),
        case(
            "a place of a store",
            &["verify", "image.sums", &format!("--storage={n}")],
        ),
        // Attestations.
        case("an envelope", &["attest", "attach", "c.layout", n]),
        case(
            "a statement to attach",
            &["attest", "attach", "c.layout", "type.signed"],
        )
        .silent(),
        built(&[&format!("--builder={n}"), "--target=//x:y"]),
        built(&["--builder=https://x/y", &format!("--target={n}")]),
        built(&[
            "--builder=https://x/y",
            "--target=//x:y",
            &format!("--flag={n}"),
        ]),
        case("a statement to sign", &["attest", "sign", n, "--key=key"]).text(),
        case(
            "a key to sign",
            &["attest", "sign", "type.statement", &format!("--key={n}")],
        )
        .text(),
        case(
            "a policy to attest",
            &[
                "attest",
                "verify",
                "dist/tool",
                "--attestation=built.signed",
                "--policy=hostile.policy.toml",
            ],
        ),
        case(
            "what was built",
            &[
                "attest",
                "verify",
                "dist/tool",
                "--attestation=built.signed",
                "--policy=policy.toml",
            ],
        ),
        case(
            "a type that is asked for",
            &[
                "attest",
                "verify",
                "dist/tool",
                "--attestation=type.signed",
                "--key=key.pub",
                "--type=vsa",
            ],
        )
        .silent(),
        case(
            "a file that is attested",
            &[
                "attest",
                "verify",
                n,
                "--attestation=type.signed",
                "--key=key.pub",
            ],
        ),
        case(
            "a release that is attested",
            &[
                "verify",
                "tool.sums",
                "--files=dist",
                "--attested=policy.toml",
                "--attestation=built.signed",
            ],
        ),
        case("a build of nobody's", &["rebuild", "type.statement"]).silent(),
        case("a build of another type", &["rebuild", "built.statement"]).silent(),
        case("a build of Konflux", &["rebuild", "konflux.statement"]).silent(),
        case(
            "an image to rebuild",
            &["rebuild", &format!("--image={n}"), "--key=key.pub"],
        ),
        case(
            "a source",
            &["rebuild", "konflux.statement", &format!("--source={n}")],
        )
        .silent(),
    ];
    for what in [
        "denied",
        "login",
        "elsewhere",
        "plain",
        "type",
        "missing",
        "image",
    ] {
        let reference = format!("{host}/{what}/x:v1");
        for served in [
            case("a server to copy from", &["copy", &reference, "copied"]),
            case("a server to copy to", &["copy", "a.layout", &reference]),
            case(
                "a server to attach to",
                &["attest", "attach", &reference, "type.signed"],
            ),
            case(
                "a server to ask for attestations",
                &["attest", "verify", &reference, "--key=key.pub"],
            ),
            case(
                "a server to explain",
                &["why", &reference, "etc/os-release"],
            ),
            case(
                "a server to describe",
                &["sbom", "--check", &reference, "hostile.spdx.json"],
            ),
            case(
                "a server to rebuild",
                &["rebuild", "--image", &reference, "--key=key.pub"],
            ),
        ] {
            cases.push(served.silent());
        }
    }
    cases
}

fn pods(name: &str) -> Vec<(&'static str, Value)> {
    let status = json!({"phase": "Running", "containerStatuses": [{"name": name, "image": name, "imageID": format!("{name}@sha256:{}", "1".repeat(64))}]});
    let spec = json!({"containers": [{"name": name, "image": name}]});
    let metadata = json!({"name": name, "namespace": name});
    vec![
        (
            "a pod",
            json!({"kind": "Pod", "metadata": metadata, "spec": spec, "status": status}),
        ),
        (
            "a pod that is over",
            json!({"items": [{"kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": "Failed"}}]}),
        ),
        ("a kind", json!({"kind": name})),
        (
            "a list of a kind",
            json!({"kind": name, "items": [{"kind": name}]}),
        ),
        ("a member", json!({name: name})),
        (
            "a container",
            json!([{"Id": name, "Names": [name], "Image": name, "ImageID": name}]),
        ),
        ("a text", json!(name)),
    ]
}

fn cases(name: &str, host: &str) -> Vec<Case> {
    let n = name;
    let is = |option: &str| format!("{option}={name}");
    let mut cases = vec![
        // Usage.
        case("a command", &[n]).text(),
        case("an option", &["verify", &format!("--{name}")]).text(),
        case("a choice", &["diff", "a.txt", "b.txt", &is("--format")]).text(),
        case(
            "a number",
            &["layer", &is("--level"), "-o", "x.tar", "a.dir"],
        ),
        case("a shell", &["completions", n]).text(),
        case(
            "a folder for the manual",
            &["man", "-o", &format!("tool/{name}")],
        )
        .text(),
        // Paths that do not exist.
        case("a layer's input", &["layer", "-o", "o.tar", n]),
        case(
            "an entry's path",
            &["layer", "-o", "o.tar", &format!("{name}={name}")],
        ),
        case("an archive", &["normalize", "-o", "o.tar", n]),
        case("a program", &["binary", "-o", "o", n]).text(),
        case("an image's layer", &["image", "-o", "o", &is("--layer")]).text(),
        case("an index's layout", &["index", "-o", "o", n]).text(),
        case("a layout", &["layout", "check", n]),
        case("a layout to import", &["layout", "import", n]).text(),
        case("a list", &["sums", "check", n]),
        case("lists to merge", &["sums", "merge", n]).sums(),
        case("lists to compare", &["sums", "compare", n, "a.sums"]),
        case("sums of files", &["sums", "create", &is("--files")]).sums(),
        case(
            "sums of an image",
            &["sums", "create", &format!("--image=r.example.com/x={name}")],
        )
        .sums(),
        case("sums to verify", &["verify", n]),
        case("sides of diff", &["diff", n, n]),
        case("a layout to push", &["push", n, "127.0.0.1:1/x:v1"]),
        case("a layout to load", &["load", n]),
        case(
            "a socket",
            &["load", "a.layout", "r.example.com/x:v1", &is("--socket")],
        ),
        case("a workspace", &["check", &is("--workspace"), "//x"]),
        case("a condition", &["check", &is("--vary"), "//x"]),
        case("what was built", &["check", "--built=built"]),
        // Layers.
        case("an entry", &["layer", "-o", "o.tar", &is("--entry")]),
        case(
            "a member of an entry",
            &[
                "layer",
                "-o",
                "o.tar",
                &format!("--entry={{{}:1}}", json!(name)),
            ],
        ),
        case(
            "entries of a file",
            &["layer", "-o", "o.tar", "--entries=entries"],
        ),
        case("mtree", &["layer", "-o", "o.tar", "--mtree=list.mtree"]),
        case(
            "a mode",
            &[
                "layer",
                "-o",
                "o.tar",
                &format!("--set-mode=*={name}"),
                "a.dir",
            ],
        ),
        case(
            "a glob",
            &[
                "layer",
                "-o",
                "o.tar",
                &format!("--set-mode={name}=0644"),
                "a.dir",
            ],
        )
        .silent(),
        case(
            "an output",
            &["layer", "-o", &format!("{name}.xz"), "a.dir"],
        ),
        case(
            "contents that contradict",
            &["layer", "-o", "o.tar", "a.tar", "b.tar"],
        ),
        case("a file's name", &["layer", "-o", "o.tar", "a.dir"]).silent(),
        // Archives.
        case("a device", &["normalize", "-o", "o.tar", "device.tar"]),
        case(
            "a path that leaves",
            &["normalize", "-o", "o.tar", "escape.tar"],
        ),
        case("a type", &["normalize", "-o", "o.tar", "kind.tar"]),
        case(
            "a digest",
            &["normalize", &is("--digest"), "-o", "o.tar", "a.tar"],
        ),
        case(
            "a rename",
            &["normalize", &is("--rename"), "-o", "o.tar", "a.tar"],
        ),
        case(
            "a rule",
            &["normalize", &is("--scrub"), "-o", "o.tar", "a.tar"],
        ),
        case(
            "what is scrubbed",
            &["normalize", "--scrub", "--check", "secret.tar"],
        ),
        case(
            "a file in place",
            &[
                "normalize",
                "--in-place",
                "-v",
                "--check",
                &format!("{name}.gz"),
                &format!("dist/{name}"),
            ],
        ),
        // Programs.
        case(
            "a path in a program",
            &["binary", "--forbid=/home/", "-o", "o", "tool"],
        )
        .text(),
        case(
            "a forbidden word",
            &[
                "binary",
                &is("--forbid"),
                "--no-default-forbid",
                "-o",
                "o",
                "tool",
            ],
        )
        .text(),
        // Images.
        case("a platform", &["image", "-o", "o", &is("--platform")]).text(),
        case(
            "a time",
            &[
                "image",
                "-o",
                "o",
                "--platform=linux/amd64",
                &is("--created"),
            ],
        )
        .text(),
        case(
            "a label",
            &["image", "-o", "o", "--platform=linux/amd64", &is("--label")],
        )
        .text(),
        case(
            "a variable",
            &["image", "-o", "o", "--platform=linux/amd64", &is("--env")],
        )
        .text(),
        case(
            "a port",
            &[
                "image",
                "-o",
                "o",
                "--platform=linux/amd64",
                &is("--exposed-port"),
            ],
        )
        .text(),
        case(
            "a specification",
            &["image", "-o", "o", &format!("--spec={{{}:1}}", json!(name))],
        )
        .text(),
        case(
            "a file of labels",
            &[
                "image",
                "-o",
                "o",
                "--platform=linux/amd64",
                "--labels-file=labels",
            ],
        )
        .text(),
        case(
            "a tag",
            &[
                "image",
                "-o",
                "o.tar",
                "--platform=linux/amd64",
                &is("--tag"),
            ],
        )
        .text(),
        case(
            "two images for a platform",
            &["index", "-o", "o", "a.layout", "b.layout", "a.layout"],
        )
        .silent()
        .text(),
        // Layouts.
        case("a layout that is right", &["layout", "check", "a.layout"]).silent(),
        case(
            "a layout that is wrong",
            &["layout", "check", "wrong.layout"],
        ),
        case(
            "a config that is wrong",
            &["layout", "check", "broken.layout"],
        )
        .silent(),
        case(
            "another platform",
            &[
                "layout",
                "import",
                "a.layout",
                "--platform=linux/arm64",
                "--manifest=o",
            ],
        )
        .text(),
        case(
            "a platform to import",
            &[
                "layout",
                "import",
                "a.layout",
                &is("--platform"),
                "--manifest=o",
            ],
        )
        .text(),
        case(
            "a wrong layout in sums",
            &["sums", "create", "--image=r.example.com/x=wrong.layout"],
        )
        .silent()
        .sums(),
        // Sums.
        case("a line", &["sums", "check", "wrong.sums"]).silent(),
        case(
            "a reference in a line",
            &["sums", "check", "reference.sums"],
        )
        .silent(),
        case("a document", &["sums", "check", "document.sha256"]),
        case(
            "lists that differ",
            &["sums", "compare", "a.sums", "b.sums"],
        ),
        case(
            "lists that contradict",
            &["sums", "merge", "a.sums", "b.sums"],
        )
        .sums(),
        case("a link in a folder", &["sums", "create", "--files=dist"]).sums(),
        case(
            "a file to sum",
            &["sums", "create", &format!("--files=dist/{name}")],
        )
        .sums(),
        case(
            "a reference",
            &["sums", "create", &format!("--image={name}=a.layout")],
        )
        .sums(),
        case(
            "a kind",
            &[
                "sums",
                "create",
                "--image=r.example.com/x=a.layout",
                &format!("--kind=r.example.com/x={name}"),
            ],
        )
        .sums(),
        case(
            "a record",
            &["sums", "create", &format!("--record={{{}:1}}", json!(name))],
        )
        .sums(),
        case(
            "a value",
            &[
                "sums",
                "create",
                "--image=r.example.com/x=a.layout",
                &is("--define"),
            ],
        )
        .sums(),
        // Verify.
        case(
            "files that are missing",
            &["verify", "a.sums", "--files=b.layout"],
        ),
        case(
            "lists against each other",
            &["verify", "a.sums", "--against=b.sums"],
        ),
        case(
            "a line to verify",
            &["verify", "wrong.sums", "--files=dist"],
        )
        .silent(),
        case(
            "a document to verify",
            &["verify", "document.sha256", "--files=dist"],
        ),
        case(
            "a layout to verify",
            &[
                "verify",
                "image.sums",
                "--layout=r.example.com/x:v1=b.layout",
            ],
        ),
        case(
            "a wrong layout to verify",
            &[
                "verify",
                "image.sums",
                "--layout=r.example.com/x:v1=wrong.layout",
            ],
        )
        .silent(),
        case(
            "a key",
            &["verify", "a.sums", &is("--key"), "--signature=signature"],
        ),
        case(
            "a signature",
            &["verify", "a.sums", "--key=signers", "--signature=signature"],
        )
        .silent(),
        case("a verdict", &["verify", "a.sums", &is("--accept")]),
        case("a mirror", &["verify", "a.sums", &is("--mirror")]),
        // Files and images on two sides.
        case("folders", &["diff", "a.dir", "b.dir"]),
        case("archives", &["diff", "a.tar", "b.tar"]),
        case("texts", &["diff", "a.txt", "b.txt"]).silent(),
        case("documents", &["diff", "a.json.txt", "b.json.txt"]),
        case("images", &["diff", "a.layout", "b.layout"]),
        case("a cause", &["diff", "a.txt", "b.txt", &is("--ignore")]),
    ];
    for (_, value) in pods(name) {
        let piped = case("what runs", &["verify", "image.sums", "--pods=-"]);
        cases.push(piped.stdin(value.to_string()));
    }
    for what in [
        "denied",
        "login",
        "elsewhere",
        "plain",
        "type",
        "missing",
        "image",
    ] {
        let reference = format!("{host}/{what}/x:v1");
        let list = format!("{what}.served");
        let docker = format!("docker://{reference}");
        // Of what is not there, a server's words are not told by all.
        for served in [
            case("a server to verify", &["verify", &list]),
            case(
                "a server to pull from",
                &["pull", &reference, "-o", "pulled"],
            ),
            case("a server to diff", &["diff", &reference, "b.layout"]),
            case("a server to check", &["layout", "check", &docker]),
            case("a server to push to", &["push", "a.layout", &reference]),
        ] {
            cases.push(served.silent());
        }
    }
    cases
}

/// Reports for a browser hold the names too.
fn page(dir: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    for ending in ["dir", "tar", "txt", "layout"] {
        let (a, b) = (format!("a.{ending}"), format!("b.{ending}"));
        let (exit, _, stderr) = run(dir, &["diff", &a, &b, "--html=page.html"], None);
        assert_eq!(exit, Some(1), "{stderr}");
        let page = fs::read_to_string(dir.join("page.html")).unwrap();
        if !page.contains(MARK) || page.contains(|c| c != '\n' && is_hidden(c)) {
            let at = page.find(|c| c != '\n' && is_hidden(c)).unwrap_or(0);
            wrong.push(format!(
                "the page of {a}: {:?}",
                page[at..].chars().take(80).collect::<String>()
            ));
        }
    }
    wrong
}

fn check(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    prepare(dir, name);
    let host = serve(name, dir.join("b.layout"));
    let (exit, _, stderr) = run(
        dir,
        &[
            "sums",
            "create",
            "--image=r.example.com/x:v1=a.layout",
            "-o",
            "image.sums",
        ],
        None,
    );
    assert_eq!(exit, Some(0), "{stderr}");
    for what in [
        "denied",
        "login",
        "elsewhere",
        "plain",
        "type",
        "missing",
        "image",
    ] {
        let line = format!("{}  {host}/{what}/x:v1\n", "0".repeat(64));
        fs::write(dir.join(format!("{what}.served")), line).unwrap();
    }
    layout(dir, "c.layout", name, "c");
    for side in ["a", "b"] {
        let (root, list) = (
            format!("--image=r.example.com/x:v1={side}.root"),
            format!("root.{side}.sha256"),
        );
        let (exit, _, stderr) = run(dir, &["sums", "create", &root, "-o", &list], None);
        assert_eq!(exit, Some(0), "{stderr}");
    }
    let line = format!("{}  tool\n", Digest::of(b"t").hex());
    fs::write(dir.join("tool.sums"), line).unwrap();
    // Strings of Starlark end with their line.
    let line: String = name.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let pin = |what: &str| {
        let image = format!(
            "image = \"{host}/{what}/x\", digest = \"sha256:{}\"",
            "1".repeat(64)
        );
        format!("images.pull(name = \"{line}\", {image}, tag = \"v1\")\n")
    };
    let pins = pin("missing") + &pin("denied") + &pin("image");
    fs::write(dir.join("pins.bazel"), pins).unwrap();
    let wrong =
        format!("images.pull(name = \"{line}\", image = \"{line}\", digest = \"{line}\")\n");
    fs::write(dir.join("wrong.bazel"), wrong).unwrap();
    let mut cases = cases(name, &host);
    cases.extend(newer_cases(name, &host));
    let mut wrong = page(dir);
    wrong.extend(in_parallel(&cases, |case| case.run(dir)));
    // A picture is for a browser.
    let picture = fs::read_to_string(dir.join("plan.svg")).unwrap();
    if picture.contains(|c| c != '\n' && is_hidden(c)) {
        wrong.push(format!("the picture of a plan: {picture:?}"));
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
    // What was asked of the commands is all of them, and their names come from the program itself.
    for command in commands(dir) {
        let words = &command.words;
        let is_asked = |case: &Case| case.arguments.starts_with(words);
        assert!(cases.iter().any(is_asked), "{words:?} has no case");
    }
}

/// A command that does something, as its own help has it.
#[derive(Debug)]
struct Program {
    /// `attest`, `verify`.
    words: Vec<String>,
    /// What it needs: options with an equals sign at the end, and nothing for what has no name.
    needs: Vec<String>,
    /// All options that take a value.
    options: Vec<String>,
}

/// All commands. Their manual pages have a name each, and that of a group is the beginning of others.
fn commands(dir: &Path) -> Vec<Program> {
    let folder = dir.join("manual");
    let (exit, _, stderr) = run(dir, &["man", "-o", folder.to_str().unwrap()], None);
    assert_eq!(exit, Some(0), "{stderr}");
    let names: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|page| {
            let path = page.unwrap().path();
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        })
        .collect();
    let is_group = |name: &String| {
        let below = format!("{name}-");
        names.iter().any(|other| other.starts_with(&below))
    };
    let commands = names.iter().filter(|name| !is_group(name)).map(|name| {
        let words: Vec<String> = name.split('-').skip(1).map(str::to_owned).collect();
        let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        let (exit, help, stderr) = run(dir, &[&arguments[..], &["--help"]].concat(), None);
        assert_eq!(exit, Some(0), "{words:?} {stderr}");
        let (_, usage) = help.split_once("Usage: verbatim ").unwrap();
        let (usage, _) = usage.split_once("\n\n").unwrap_or((usage, ""));
        let mut needs: Vec<String> = Vec::new();
        let mut tokens = usage.split_whitespace().skip(words.len()).peekable();
        while let Some(token) = tokens.next() {
            if token.starts_with("--") {
                needs.push(format!("{token}="));
                tokens.next_if(|value| value.starts_with('<'));
            } else if token != "[OPTIONS]" {
                needs.push(String::new());
            }
        }
        let options = help.lines().filter_map(|line| {
            let line = line.trim_start();
            let long = &line[line.find("--").filter(|at| matches!(at, 0 | 4))?..];
            let (name, value) = long.split_once(' ').filter(|(_, v)| v.starts_with('<'))?;
            let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            (!value.is_empty() && name.chars().all(is_name)).then(|| name.to_owned())
        });
        Program {
            options: options.collect(),
            words,
            needs,
        }
    });
    commands.collect()
}

/// A name in place of everything that any command takes: each value of each option, each file. What an
/// option says to the command line's own parser is said here too; what is read comes in [`cases`].
#[test]
fn every_option_of_every_command() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let name = format!("{STEERING}{UNSEEN}");
    let commands = commands(dir);
    assert!(commands.len() > 30, "{commands:?}");
    let mut cases = Vec::new();
    for command in &commands {
        let with = |more: &[String]| {
            let needs = command.needs.iter().map(|need| format!("{need}{name}"));
            let arguments = command.words.iter().cloned().chain(needs);
            arguments.chain(more.iter().cloned()).collect::<Vec<_>>()
        };
        cases.push(with(&[]));
        cases.extend(
            command
                .options
                .iter()
                .map(|option| with(&[format!("{option}={name}")])),
        );
        if command.options.iter().any(|option| option == "--format") {
            cases.push(with(&["--format=json".to_owned()]));
        }
        cases.push(with(&[format!("--{name}")]));
        cases.push(with(&[name.clone(), name.clone(), name.clone()]));
    }
    assert!(cases.len() > 400, "{}", cases.len());
    let wrong = in_parallel(&cases, |arguments| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (exit, stdout, stderr) = run(dir, &arguments, None);
        let bare = |text: &str| !text.contains(|c| c != '\n' && is_hidden(c));
        let fine = matches!(exit, Some(0..=3)) && bare(&stdout) && bare(&stderr);
        (!fine).then(|| format!("{arguments:?}: {exit:?}\n {stdout:?}\n {stderr:?}"))
    });
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn names_that_steer_a_terminal() {
    check(STEERING);
}

#[test]
fn names_that_are_not_seen() {
    check(UNSEEN);
}
