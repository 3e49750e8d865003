//! `verbatim image` as it is run.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A tar archive with nothing in it.
const EMPTY_TAR: [u8; 1024] = [0; 1024];
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

fn digest(data: &[u8]) -> String {
    let hex: String = Sha256::digest(data)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    format!("sha256:{hex}")
}

/// A folder to run in, so that messages and arguments name files without paths.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("layer.tar", &EMPTY_TAR);
        folder.write(
            "layer.json",
            json!({
                "schema": "verbatim.layer/1", "mediaType": LAYER, "digest": digest(&EMPTY_TAR), "size": 1024,
                "diff_id": digest(&EMPTY_TAR), "uncompressed_size": 1024, "encoder": {"name": "none"}
            })
            .to_string()
            .as_bytes(),
        );
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, data: &[u8]) {
        fs::write(self.path().join(name), data).unwrap();
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path().join(name)).unwrap()).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(program())
            .current_dir(self.path())
            .args(arguments)
            .output()
            .unwrap()
    }

    #[track_caller]
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The one sentence of an error, with exit code 2 and nothing written.
    #[track_caller]
    fn error(&self, arguments: &[&str]) -> String {
        let before = self.names();
        let output = self.run(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.starts_with("verbatim: "), "{text}");
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
        assert_eq!(self.names(), before, "something was left behind");
        text
    }

    /// The documents of an image of one empty layer.
    #[track_caller]
    fn image(&self, more: &[&str]) -> (Value, Value) {
        let mut arguments = vec![
            "image",
            "--layer=layer.json",
            "--manifest=manifest",
            "--config=config",
        ];
        arguments.extend(more);
        assert_eq!(self.done(&arguments), "");
        (self.json("manifest"), self.json("config"))
    }
}

/// Absolute, for the tests change the folder.
fn program() -> std::path::PathBuf {
    std::path::absolute(env!("CARGO_BIN_EXE_verbatim")).unwrap()
}

#[test]
fn golden_documents() {
    let folder = Folder::new();
    folder.image(&[
        "--platform=linux/amd64",
        "--entrypoint=/app",
        "--entrypoint=--serve",
        "--env=B=2",
        "--env=A=1=1",
        "--label=l=x",
        "--annotation=a=y",
        "--exposed-port=80",
        "--volume=/data",
        "--user=65532:65532",
        "--workdir=/srv",
        "--stop-signal=SIGINT",
        "--author=me",
        "--created=1700000000",
        "--digest=digest",
        "--descriptor=descriptor",
        "--metadata=metadata",
    ]);
    let text = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let layer = digest(&EMPTY_TAR);
    let config = format!(
        concat!(
            r#"{{"architecture":"amd64","author":"me","config":{{"Entrypoint":["/app","--serve"],"#,
            r#""Env":["A=1=1","B=2"],"ExposedPorts":{{"80/tcp":{{}}}},"Labels":{{"l":"x"}},"#,
            r#""StopSignal":"SIGINT","User":"65532:65532","Volumes":{{"/data":{{}}}},"WorkingDir":"/srv"}},"#,
            r#""created":"2023-11-14T22:13:20Z","os":"linux","#,
            r#""rootfs":{{"diff_ids":["{}"],"type":"layers"}}}}"#
        ),
        layer
    );
    assert_eq!(text("config"), config);
    let manifest = format!(
        concat!(
            r#"{{"annotations":{{"a":"y"}},"config":{{"digest":"{}","#,
            r#""mediaType":"application/vnd.oci.image.config.v1+json","size":{}}},"#,
            r#""layers":[{{"digest":"{}","mediaType":"{}","size":1024}}],"#,
            r#""mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}}"#
        ),
        digest(config.as_bytes()),
        config.len(),
        layer,
        LAYER
    );
    assert_eq!(text("manifest"), manifest);
    assert_eq!(text("digest"), digest(manifest.as_bytes()));
    let descriptor = format!(
        concat!(
            r#"{{"digest":"{}","mediaType":"application/vnd.oci.image.manifest.v1+json","#,
            r#""platform":{{"architecture":"amd64","os":"linux"}},"size":{}}}"#
        ),
        digest(manifest.as_bytes()),
        manifest.len()
    );
    assert_eq!(text("descriptor"), descriptor);
    let metadata = folder.json("metadata");
    assert_eq!(metadata["schema"], "verbatim.image/1");
    assert_eq!(
        metadata["manifest"],
        serde_json::from_str::<Value>(&descriptor).unwrap()
    );
    assert_eq!(metadata["layers"][0]["encoder"]["name"], "none");
}

#[test]
fn settings_come_from_files_a_spec_and_options() {
    let folder = Folder::new();
    folder.write("env", b"# comment\nA=file\nB=file\nC=file\n\n");
    folder.write("labels.json", br#"{"l":"file"}"#);
    folder.write("arguments", b"/app\n--flag with space\n");
    folder.write("list.json", br#"["x",""]"#);
    folder.write("created", b"2024-05-06T07:08:09Z\n");
    let (_, config) = folder.image(&[
        "--env-file=env",
        "--labels-file=labels.json",
        "--entrypoint-file=arguments",
        "--cmd-file=list.json",
        "--created-file=created",
        r#"--spec={"os":"linux","architecture":"arm64","variant":"","env":{"B":"spec","C":"spec"},"user":""}"#,
        "--env=C=option",
    ]);
    assert_eq!(
        config["config"]["Env"],
        json!(["A=file", "B=spec", "C=option"])
    );
    assert_eq!(config["config"]["Labels"]["l"], "file");
    assert_eq!(
        config["config"]["Entrypoint"],
        json!(["/app", "--flag with space"])
    );
    assert_eq!(config["config"]["Cmd"], json!(["x", ""]));
    assert_eq!(config["created"], "2024-05-06T07:08:09Z");
    assert!(config["config"].get("User").is_none());
    assert!(config.get("variant").is_none());
}

#[test]
fn a_param_file_gives_the_same_bytes() {
    let folder = Folder::new();
    folder.image(&["--platform=linux/amd64", "--cmd=--a b"]);
    let first = fs::read(folder.path().join("manifest")).unwrap();
    folder.write(
        "params",
        b"image\n--layer=layer.json\n--platform=linux/amd64\n--cmd=--a b\n--manifest=manifest\n",
    );
    folder.done(&["@params"]);
    assert_eq!(first, fs::read(folder.path().join("manifest")).unwrap());
}

#[test]
fn a_base_is_inherited_as_docker_build_would() {
    let folder = Folder::new();
    folder.done(&[
        "image",
        "-o",
        "base",
        "--layer=layer.tar",
        "--platform=linux/arm64/v8",
        "--entrypoint=/sh",
        "--cmd=-c",
        "--env=PATH=/bin",
        "--env=HOME=/",
        "--label=a=base",
        "--label=b=base",
        "--exposed-port=22",
        "--annotation=about=base",
    ]);
    let on_base = |more: &[&str]| {
        let mut arguments = vec![
            "image",
            "--base=base",
            "--layer=layer.tar",
            "--manifest=manifest",
            "--config=config",
        ];
        arguments.extend(more);
        folder.done(&arguments);
        (folder.json("manifest"), folder.json("config"))
    };
    let (manifest, config) = on_base(&["--env=PATH=/x", "--label=b=own", "--exposed-port=80"]);
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 2);
    assert!(manifest.get("annotations").is_none());
    assert_eq!(config["architecture"], "arm64");
    assert_eq!(config["config"]["Entrypoint"], json!(["/sh"]));
    assert_eq!(config["config"]["Cmd"], json!(["-c"]));
    assert_eq!(config["config"]["Env"], json!(["HOME=/", "PATH=/x"]));
    assert_eq!(config["config"]["Labels"], json!({"a": "base", "b": "own"}));
    assert_eq!(
        config["config"]["ExposedPorts"],
        json!({"22/tcp": {}, "80/tcp": {}})
    );
    let (_, config) = on_base(&["--entrypoint=/app", "--platform=linux/arm64"]);
    assert_eq!(config["config"]["Entrypoint"], json!(["/app"]));
    assert!(config["config"].get("Cmd").is_none());

    // The documents of the base say the same as its layout.
    folder.done(&[
        "layout",
        "import",
        "base",
        "--manifest=bm",
        "--config=bc",
        "--metadata=bi",
    ]);
    folder.image(&[
        "--base-manifest=bm",
        "--base-config=bc",
        "--base-metadata=bi",
        "--entrypoint=/app",
        "--metadata=metadata",
    ]);
    assert_eq!(folder.json("config"), config);
    assert_eq!(
        folder.json("metadata")["layers"][0]["uncompressed_size"],
        1024
    );
}

#[test]
fn a_base_of_another_platform_is_refused() {
    let folder = Folder::new();
    folder.done(&[
        "image",
        "-o",
        "base",
        "--layer=layer.tar",
        "--platform=linux/arm64",
    ]);
    let e = folder.error(&["image", "--base=base", "--platform=linux/amd64", "-o", "x"]);
    assert!(
        e.contains("linux/amd64") && e.contains("linux/arm64"),
        "{e}"
    );
    folder.done(&[
        "layout",
        "import",
        "base",
        "--manifest=bm",
        "--config=bc",
        "--digest=bd",
    ]);
    let e = folder.error(&[
        "image",
        "--base-manifest=bm",
        "--base-config=bc",
        "--os=linux",
        "--architecture=amd64",
        "--manifest=x",
    ]);
    assert!(
        e.contains("the base: is for linux/arm64, and the image is to be for linux/amd64"),
        "{e}"
    );
    let e = folder.error(&[
        "image",
        "--base-manifest=bm",
        "--base-config=layer.json",
        "--manifest=x",
    ]);
    assert!(e.contains("bm at /config: names the config"), "{e}");
}

#[test]
fn layouts_for_people() {
    let folder = Folder::new();
    let digest = folder.done(&[
        "image",
        "-o",
        "out",
        "--layer=layer.tar",
        "--platform=linux/amd64",
    ]);
    let index = folder.json("out/index.json");
    assert_eq!(
        format!("{}\n", index["manifests"][0]["digest"].as_str().unwrap()),
        digest
    );
    folder.done(&["layout", "check", "out"]);
    folder.done(&[
        "image",
        "-o",
        "out.tar",
        "--base=out",
        "--tag=registry.example.com/x:1",
    ]);
    folder.done(&["layout", "check", "out.tar"]);
    folder.done(&[
        "image",
        "-o",
        "linked",
        r#"--layer={"blob":"layer.tar","metadata":"layer.json"}"#,
        "--platform=linux/amd64",
        "--link=symlink",
    ]);
    folder.done(&["layout", "check", "linked"]);
    let e = folder.error(&[
        "image",
        "-o",
        "out",
        "--layer=layer.tar",
        "--platform=linux/amd64",
    ]);
    assert!(e.contains("not empty"), "{e}");
}

#[test]
fn docker_s_media_types_on_request() {
    let folder = Folder::new();
    let (manifest, _) = folder.image(&["--platform=linux/amd64", "--media-types=docker"]);
    assert_eq!(
        manifest["mediaType"],
        "application/vnd.docker.distribution.manifest.v2+json"
    );
    assert_eq!(
        manifest["layers"][0]["mediaType"],
        "application/vnd.docker.image.rootfs.diff.tar"
    );
    assert_eq!(
        manifest["config"]["mediaType"],
        "application/vnd.docker.container.image.v1+json"
    );
}

#[test]
fn wrong_inputs_are_named() {
    let folder = Folder::new();
    folder.write("bad.json", br#"{"schema":"verbatim.layer/9"}"#);
    folder.write("text", b"this is no tar archive, but long enough to be one");
    folder.write("bad.env", b"A=1\nB\n");
    let image = ["image", "--platform=linux/amd64", "--manifest=never"];
    for (more, what) in [
        (&["--layer=nothing.tar"][..], "nothing.tar: cannot be read"),
        (&["--layer=bad.json"], "bad.json at /schema"),
        (&["--layer=text"], "text: cannot be read as a layer"),
        (
            &["--layer={\"blob\":\"x\"}"],
            "--layer at the top level: missing field `metadata`",
        ),
        (
            &["--layer={\"blob\":\"x\",\"metadata\":\"layer.json\",\"y\":1}"],
            "unknown field `y`",
        ),
        (&["--spec={\"entrypint\":[]}"], "unknown field `entrypint`"),
        (&["--spec={\"env\":{\"A\":1}}"], "--spec at /env/A"),
        (&["--spec={"], "--spec: is not valid JSON"),
        (&["--env-file=bad.env"], "bad.env, line 2"),
        (&["--exposed-port=x"], "/exposed_ports/0"),
        (&["--created=yesterday"], "/created"),
        (&["--stop-signal=TERM"], "/stop_signal"),
        (
            &["--base=layer.tar"],
            "is missing, so this is not an OCI layout",
        ),
    ] {
        let arguments: Vec<&str> = image.iter().chain(more).copied().collect();
        let e = folder.error(&arguments);
        assert!(e.contains(what), "{more:?}: {e}");
    }
    let e = folder.error(&["image", "--layer=layer.json", "--manifest=never"]);
    assert!(e.contains("--platform"), "{e}");
    let e = folder.error(&["image", "--layer=layer.json", "--platform=linux/amd64"]);
    assert!(e.contains("nothing to write"), "{e}");
    let e = folder.error(&[
        "image",
        "--layer=layer.json",
        "--platform=linux/amd64",
        "-o",
        "never",
    ]);
    assert!(e.contains("a layout needs the blob"), "{e}");
    // Usage errors come from the parser of arguments, with the same exit code.
    for usage in [
        &["image", "--platform=linux", "-o", "x"][..],
        &["image", "--env=A", "-o", "x"],
        &["image", "--nothing"],
    ] {
        assert_eq!(folder.run(usage).status.code(), Some(2));
    }
}
