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
        let forms: &[&str] = match self.stdout {
            Stdout::Report | Stdout::Sums => &["--format=text", "--format=json"],
            Stdout::Text => &[""],
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
            let data = *form == "--format=json" || self.stdout == Stdout::Sums;
            if !bare(&stdout, &|c| data && !c.is_control()) {
                fail("standard output holds what is hidden");
            }
            let parsed = serde_json::from_str::<Value>(&stdout);
            if *form == "--format=json" && !stdout.is_empty() && parsed.is_err() {
                fail("it is no JSON");
            }
            told |= stdout.contains(MARK) || stderr.contains(MARK);
        }
        if !told && !self.silent {
            wrong.push(format!("{}: the name is not told", self.what));
        }
        wrong
    }
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
    let blobs = dir.join(folder).join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |data: &[u8]| {
        let digest = Digest::of(data);
        fs::write(blobs.join(digest.hex()), data).unwrap();
        json!({"digest": digest.to_string(), "size": data.len()})
    };
    let layer = tar(&[(&format!("{name}{more}"), b'0', more.as_bytes())]);
    let mut layer_of = put(&layer);
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
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer).to_string()]}
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
    let cases = cases(name, &host);
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(page(dir));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = case.run(dir);
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
    // What was asked of the commands is all of them.
    let told: BTreeSet<_> = cases
        .iter()
        .map(|case| case.arguments[0].as_str())
        .collect();
    for command in [
        "layer",
        "normalize",
        "binary",
        "image",
        "index",
        "layout",
        "push",
        "load",
        "sums",
        "pull",
        "verify",
        "diff",
        "check",
        "completions",
        "man",
    ] {
        assert!(told.contains(command), "{command}");
    }
}

#[test]
fn names_that_steer_a_terminal() {
    check(STEERING);
}

#[test]
fn names_that_are_not_seen() {
    check(UNSEEN);
}
