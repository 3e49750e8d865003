//! `verbatim layout` as it is run: good layouts, and every way in which one can be bad.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// A tar archive with nothing in it.
const EMPTY_TAR: [u8; 1024] = [0; 1024];

/// The same, compressed by `xz`.
const EMPTY_TAR_XZ: &[u8] = &[
    253, 55, 122, 88, 90, 0, 0, 4, 230, 214, 180, 70, 2, 0, 33, 1, 12, 0, 0, 0, 143, 152, 65, 156,
    224, 3, 255, 0, 11, 93, 0, 0, 111, 253, 255, 255, 163, 183, 127, 70, 50, 0, 0, 0, 12, 39, 105,
    32, 151, 99, 120, 195, 0, 1, 39, 128, 8, 0, 0, 0, 46, 121, 174, 173, 177, 196, 103, 251, 2, 0,
    0, 0, 0, 4, 89, 90,
];

/// By `gzip`.
const EMPTY_TAR_GZIP: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 99, 96, 24, 5, 163, 96, 20, 140, 84, 0, 0, 46, 175, 181, 239,
    0, 4, 0, 0,
];

fn verbatim(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_verbatim"))
        .args(arguments)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

/// The one sentence of an error, with exit code 2.
#[track_caller]
fn error(arguments: &[&str]) -> String {
    let output = verbatim(arguments);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.starts_with("verbatim: "), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    text
}

#[track_caller]
fn done(arguments: &[&str]) -> String {
    let output = verbatim(arguments);
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    stdout(&output).to_owned()
}

fn digest(data: &[u8]) -> String {
    let hex: String = Sha256::digest(data)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    format!("sha256:{hex}")
}

/// A layout that is made piece by piece, so that each piece can be wrong.
struct Fixture {
    dir: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let fixture = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir_all(fixture.path("layout/blobs/sha256")).unwrap();
        fixture.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn layout(&self) -> String {
        self.text("layout")
    }

    fn file(&self, name: &str, data: &[u8]) {
        fs::write(self.path("layout").join(name), data).unwrap();
    }

    fn blob_path(&self, digest: &str) -> PathBuf {
        self.path("layout/blobs/sha256")
            .join(digest.strip_prefix("sha256:").unwrap())
    }

    fn blob(&self, media_type: &str, data: &[u8]) -> Value {
        let digest = digest(data);
        fs::write(self.blob_path(&digest), data).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": data.len()})
    }

    fn document(&self, media_type: &str, value: &Value) -> Value {
        self.blob(media_type, &serde_json::to_vec(value).unwrap())
    }

    fn config(&self, architecture: &str, diff_ids: &[String]) -> Value {
        self.document(
            CONFIG,
            &json!({"os": "linux", "architecture": architecture, "rootfs": {"type": "layers", "diff_ids": diff_ids}}),
        )
    }

    fn manifest(&self, config: &Value, layers: &[Value]) -> Value {
        self.document(
            MANIFEST,
            &json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}),
        )
    }

    fn image(&self, architecture: &str) -> Value {
        let layer = self.blob(LAYER, &EMPTY_TAR);
        self.manifest(&self.config(architecture, &[digest(&EMPTY_TAR)]), &[layer])
    }

    fn index(&self, manifests: &[Value]) {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        self.file("index.json", &serde_json::to_vec(&index).unwrap());
    }

    /// A layout of one good image.
    fn good() -> (Self, Value) {
        let fixture = Self::new();
        let image = fixture.image("amd64");
        fixture.index(std::slice::from_ref(&image));
        (fixture, image)
    }

    #[track_caller]
    fn report(&self) -> Value {
        let text = done(&["layout", "check", "--format=json", &self.layout()]);
        serde_json::from_str(&text).unwrap()
    }

    /// The problems that the check finds; exit code 1.
    #[track_caller]
    fn problems(&self) -> Vec<Value> {
        let output = verbatim(&["layout", "check", &self.layout(), "--format=json"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["schema"], "verbatim.layout/1");
        assert_eq!(report["verdict"], "invalid");
        let problems = report["problems"].as_array().unwrap().clone();
        assert!(!problems.is_empty());
        let text = verbatim(&["layout", "check", &self.layout()]);
        assert_eq!(text.status.code(), Some(1));
        assert!(stdout(&text).contains(": invalid\n"));
        for problem in &problems {
            assert!(stdout(&text).contains(problem["problem"].as_str().unwrap()));
        }
        problems
    }

    #[track_caller]
    fn problem(&self, kind: &str, file: &str, pointer: &str, what: &str) {
        let problems = self.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        let problem = &problems[0];
        let text = |member: &str| problem[member].as_str().unwrap_or("-").to_owned();
        assert_eq!(text("kind"), kind, "{problem}");
        assert!(text("file").ends_with(file), "{problem}");
        assert_eq!(text("pointer"), pointer, "{problem}");
        assert!(text("problem").contains(what), "{problem}");
    }
}

fn hex(descriptor: &Value) -> &str {
    descriptor["digest"]
        .as_str()
        .unwrap()
        .strip_prefix("sha256:")
        .unwrap()
}

#[test]
fn a_good_layout_is_valid() {
    let (fixture, image) = Fixture::good();
    let report = fixture.report();
    assert_eq!(report["verdict"], "valid");
    assert_eq!(report["published"]["digest"], image["digest"]);
    assert_eq!(
        report["images"][0]["platform"],
        json!({"os": "linux", "architecture": "amd64"})
    );
    assert_eq!(report["blobs"], 3);
    let text = done(&["layout", "check", &fixture.layout()]);
    assert!(
        text.starts_with(&format!("{}: valid\n", fixture.layout())),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "no colour where nobody looks");
}

#[test]
fn something_else_is_no_layout() {
    let (fixture, _) = Fixture::good();
    let check = |name: &str| error(&["layout", "check", &fixture.text(name)]);
    assert!(check("nothing").contains("cannot be read"));

    fixture.file("oci-layout", br#"{"imageLayoutVersion":"2.0.0"}"#);
    let e = check("layout");
    assert!(
        e.contains("oci-layout at /imageLayoutVersion") && e.contains("only 1.x"),
        "{e}"
    );
    fixture.file("oci-layout", b"1.0.0");
    assert!(check("layout").contains("oci-layout: is not valid JSON"));
    fs::remove_file(fixture.path("layout/oci-layout")).unwrap();
    assert!(check("layout").contains("is missing, so this is not an OCI layout"));

    for (name, data, what) in [
        ("x.json", &b"{}"[..], "is a JSON document"),
        (
            "x.gz",
            &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3],
            "decompress it first",
        ),
        ("x.tar", &EMPTY_TAR, "x.tar!oci-layout: is missing"),
        ("x.txt", b"some text", "no tar archive"),
    ] {
        fs::write(fixture.path(name), data).unwrap();
        let e = check(name);
        assert!(e.contains(what), "{e}");
    }
}

#[test]
fn a_bad_index_json_is_named() {
    let (fixture, image) = Fixture::good();
    let good = json!({"schemaVersion": 2, "manifests": [image]}).to_string();
    let digest = image["digest"].as_str().unwrap();
    let upper = format!("sha256:{}", hex(&image).to_uppercase());
    for (data, what) in [
        ("", "index.json: is empty"),
        (
            &good[..good.len() / 2],
            "index.json: is not valid JSON: EOF",
        ),
        ("hello", "index.json: is not valid JSON"),
        ("[]", "is not a JSON object"),
        (
            r#"{"schemaVersion":1,"manifests":[]}"#,
            "index.json at /schemaVersion",
        ),
        (
            r#"{"schemaVersion":2,"manifests":{}}"#,
            "index.json at /manifests",
        ),
        (
            r#"{"schemaVersion":2,"manifests":[1]}"#,
            "index.json at /manifests/0",
        ),
        (
            r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#,
            "stands twice",
        ),
        (
            r#"{"schemaVersion":2,"manifests":[],"layers":[]}"#,
            "at once",
        ),
        (
            &good.replace("\"size\":", "\"size\":-"),
            "index.json at /manifests/0/size",
        ),
        (&good.replace(digest, &upper), "lower-case"),
    ] {
        fixture.file("index.json", data.as_bytes());
        let e = error(&["layout", "check", &fixture.layout()]);
        assert!(e.contains(what), "{data}: {e}");
    }
    for bad in [
        "sha256:../../../../etc/passwd",
        "../x",
        "sha256:",
        "sha512:00",
        "SHA256:00",
    ] {
        fixture.file("index.json", good.replace(digest, bad).as_bytes());
        let e = error(&["layout", "check", &fixture.layout()]);
        assert!(e.contains("index.json at /manifests/0/digest"), "{e}");
    }
    fs::remove_file(fixture.path("layout/index.json")).unwrap();
    let e = error(&["layout", "check", &fixture.layout()]);
    assert!(e.contains("index.json: cannot be read"), "{e}");
}

#[test]
fn a_million_entries_are_refused_at_once() {
    let (fixture, image) = Fixture::good();
    let entry = image.to_string();
    let entries = vec![entry.as_str(); 1_000_000].join(",");
    let text = format!(r#"{{"schemaVersion":2,"manifests":[{entries}]}}"#);
    fixture.file("index.json", text.as_bytes());
    let e = error(&["layout", "check", &fixture.layout()]);
    assert!(
        e.contains("index.json: is larger than 4194304 bytes"),
        "{e}"
    );
}

#[test]
fn nothing_is_no_image() {
    let (fixture, _) = Fixture::good();
    fixture.index(&[]);
    fixture.problem("missing", "index.json", "/manifests", "names nothing");
}

#[test]
fn several_things_are_an_index() {
    let (fixture, image) = Fixture::good();
    let other = fixture.image("arm64");
    fixture.index(&[image, other]);
    let report = fixture.report();
    let index = fs::read(fixture.path("layout/index.json")).unwrap();
    assert_eq!(report["published"]["digest"], digest(&index));
    assert_eq!(report["images"].as_array().unwrap().len(), 2);
}

#[test]
fn changed_and_missing_blobs_are_found() {
    let (fixture, image) = Fixture::good();
    let layer = digest(&EMPTY_TAR);
    let mut changed = EMPTY_TAR;
    changed[7] = 1;
    fs::write(fixture.blob_path(&layer), changed).unwrap();
    fixture.problem("mismatch", &layer[7..], "-", "has the digest");
    fs::write(fixture.blob_path(&layer), &EMPTY_TAR[1..]).unwrap();
    fixture.problem("mismatch", hex(&image), "/layers/0/size", "says 1024 bytes");
    fs::remove_file(fixture.blob_path(&layer)).unwrap();
    fixture.problem("missing", hex(&image), "/layers/0/digest", &layer);
    fs::create_dir(fixture.blob_path(&layer)).unwrap();
    fixture.problem("malformed", &layer[7..], "-", "is not a regular file");
    fs::remove_dir(fixture.blob_path(&layer)).unwrap();

    fs::write(fixture.blob_path(&layer), EMPTY_TAR).unwrap();
    let path = fixture.blob_path(image["digest"].as_str().unwrap());
    let mut manifest = fs::read(&path).unwrap();
    manifest[1] = b' ';
    fs::write(&path, manifest).unwrap();
    assert_eq!(fixture.problems()[0]["kind"], "mismatch");
}

#[test]
fn a_missing_manifest_is_named() {
    let (fixture, image) = Fixture::good();
    fs::remove_file(fixture.blob_path(image["digest"].as_str().unwrap())).unwrap();
    fixture.problem("missing", "index.json", "/manifests/0/digest", hex(&image));
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_loops_and_pipes_are_survived() {
    let (fixture, image) = Fixture::good();
    let layer = fixture.blob_path(&digest(&EMPTY_TAR));
    fs::rename(&layer, fixture.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink("../../../elsewhere", &layer).unwrap();
    done(&["layout", "check", &fixture.layout()]);
    fs::remove_file(&layer).unwrap();
    std::os::unix::fs::symlink(&layer, &layer).unwrap();
    let name = &digest(&EMPTY_TAR)[7..];
    fixture.problem("malformed", name, "-", "symbolic links");
    fs::remove_file(&layer).unwrap();
    std::os::unix::fs::symlink("nowhere", &layer).unwrap();
    fixture.problem("missing", hex(&image), "/layers/0/digest", "no such blob");
    fs::remove_file(&layer).unwrap();
    let made = Command::new("mkfifo").arg(&layer).status().unwrap();
    assert!(made.success());
    fixture.problem("malformed", name, "-", "is not a regular file");
}

#[test]
fn cycles_and_depth_end() {
    let fixture = Fixture::new();
    // An index that names itself cannot have its own digest: it is not believed.
    let digest = format!("sha256:{}", "a".repeat(64));
    let index = |size: usize| {
        let entry = json!({"mediaType": INDEX, "digest": digest, "size": size});
        json!({"schemaVersion": 2, "manifests": [entry]}).to_string()
    };
    let size = index(100).len();
    fs::write(fixture.blob_path(&digest), index(size)).unwrap();
    fixture.index(&[json!({"mediaType": INDEX, "digest": digest, "size": size})]);
    fixture.problem("mismatch", &digest[7..], "-", "has the digest");

    let fixture = Fixture::new();
    let mut inner = fixture.image("amd64");
    for _ in 0..20 {
        inner = fixture.document(INDEX, &json!({"schemaVersion": 2, "manifests": [inner]}));
    }
    fixture.index(&[inner]);
    let problems = fixture.problems();
    assert!(
        problems.iter().any(|p| p["kind"] == "limit"),
        "{problems:?}"
    );
    let e = error(&["layout", "import", &fixture.layout()]);
    assert!(e.contains("nested more than"), "{e}");
}

#[test]
fn documents_must_agree() {
    // Each with a layout of its own: what is left over would be read too.
    let fixture = Fixture::new();
    let layer = fixture.blob(LAYER, &EMPTY_TAR);
    let wrong = format!("sha256:{}", "0".repeat(64));
    let config = fixture.config("amd64", &[wrong]);
    fixture.index(&[fixture.manifest(&config, std::slice::from_ref(&layer))]);
    fixture.problem(
        "mismatch",
        hex(&config),
        "/rootfs/diff_ids/0",
        &digest(&EMPTY_TAR),
    );

    let config = fixture.config("amd64", &[]);
    fixture.index(&[fixture.manifest(&config, std::slice::from_ref(&layer))]);
    fixture.problem(
        "mismatch",
        hex(&config),
        "/rootfs/diff_ids",
        "names 0 layers",
    );

    let config = fixture.config("amd64", &[digest(&EMPTY_TAR)]);
    let gzip =
        json!({"mediaType": format!("{LAYER}+gzip"), "digest": layer["digest"], "size": 1024});
    let manifest = fixture.manifest(&config, &[gzip]);
    fixture.index(std::slice::from_ref(&manifest));
    fixture.problem(
        "mismatch",
        hex(&manifest),
        "/layers/0/mediaType",
        "compression of",
    );

    let mut manifest = fixture.image("amd64");
    manifest["platform"] = json!({"os": "linux", "architecture": "arm64"});
    fixture.index(std::slice::from_ref(&manifest));
    fixture.problem(
        "mismatch",
        "index.json",
        "/manifests/0/platform",
        "says linux/arm64",
    );

    let mut manifest = fixture.image("amd64");
    manifest["mediaType"] = json!("application/vnd.docker.distribution.manifest.v2+json");
    fixture.index(std::slice::from_ref(&manifest));
    let problems = fixture.problems();
    assert_eq!(problems[0]["pointer"], "/mediaType", "{problems:?}");

    let mut manifest = fixture.image("arm64");
    manifest["platform"] = json!({"os": "linux", "architecture": "arm64", "variant": "v8"});
    fixture.index(&[manifest]);
    done(&["layout", "check", &fixture.layout()]);
}

#[test]
fn blobs_that_nothing_names_are_listed_and_checked() {
    let (fixture, _) = Fixture::good();
    let extra = fixture.blob(LAYER, b"extra");
    let listed = json!([format!("blobs/sha256/{}", hex(&extra))]);
    assert_eq!(fixture.report()["unreferenced"], listed);
    fs::write(
        fixture.blob_path(extra["digest"].as_str().unwrap()),
        b"other",
    )
    .unwrap();
    fixture.problem("mismatch", hex(&extra), "-", "has the digest");
}

/// Manifest, config, `--layer` argument and blob of an image of one empty layer.
fn documents(dir: &Path, architecture: &str) -> [String; 4] {
    let path = |name: &str| {
        dir.join(format!("{architecture}-{name}"))
            .display()
            .to_string()
    };
    fs::write(path("layer.tar"), EMPTY_TAR).unwrap();
    let layer = json!({
        "schema": "verbatim.layer/1", "mediaType": LAYER, "digest": digest(&EMPTY_TAR), "size": 1024,
        "diff_id": digest(&EMPTY_TAR), "uncompressed_size": 1024, "encoder": {"name": "none"}
    });
    fs::write(path("layer.json"), layer.to_string()).unwrap();
    done(&[
        "image",
        &format!("--layer={}", path("layer.json")),
        "--os=linux",
        &format!("--architecture={architecture}"),
        &format!("--manifest={}", path("manifest")),
        &format!("--config={}", path("config")),
    ]);
    let layer = json!({"blob": path("layer.tar"), "metadata": path("layer.json")}).to_string();
    [path("manifest"), path("config"), layer, path("layer.tar")]
}

#[test]
fn layouts_are_written_in_three_ways() {
    let dir = tempfile::tempdir().unwrap();
    let [manifest, config, layer, _] = documents(dir.path(), "amd64");
    let root = format!("--root={manifest}");
    let object = format!("--object={config}");
    let layer = format!("--layer={layer}");
    for how in ["symlink", "hardlink", "copy"] {
        let out = dir.path().join(how).display().to_string();
        let link = format!("--link={how}");
        done(&[
            "layout", "create", &root, &object, &layer, &link, "--tag=v1", "-o", &out,
        ]);
        done(&["layout", "check", &out]);
        let index = fs::read(format!("{out}/index.json")).unwrap();
        let index: Value = serde_json::from_slice(&index).unwrap();
        let manifests = index["manifests"].as_array().unwrap();
        assert_eq!(manifests.len(), 1);
        assert_eq!(
            manifests[0]["digest"],
            digest(&fs::read(&manifest).unwrap())
        );
        assert_eq!(
            manifests[0]["annotations"]["org.opencontainers.image.ref.name"],
            "v1"
        );
        let written = format!("{out}/blobs/sha256/{}", &digest(&EMPTY_TAR)[7..]);
        let is_link = fs::symlink_metadata(&written).unwrap().is_symlink();
        assert_eq!(is_link, how == "symlink");
        if is_link {
            let target = fs::read_link(&written).unwrap();
            assert_eq!(target, Path::new("../../../amd64-layer.tar"));
        }
        let e = error(&["layout", "create", &root, &object, &layer, "-o", &out]);
        assert!(e.contains("not empty"), "{e}");
    }
}

#[test]
fn what_is_missing_or_wrong_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let [manifest, config, layer, blob] = documents(dir.path(), "amd64");
    let root = format!("--root={manifest}");
    let object = format!("--object={config}");
    let layer = format!("--layer={layer}");
    let output = format!("--output={}", dir.path().join("out").display());
    let before = fs::read_dir(dir.path()).unwrap().count();
    let e = error(&["layout", "create", &root, &layer, &output]);
    assert!(
        e.contains("at /config/digest: names the config sha256:"),
        "{e}"
    );
    let e = error(&["layout", "create", &root, &object, &output]);
    assert!(
        e.contains("at /layers/0/digest: names the layer sha256:"),
        "{e}"
    );
    assert!(e.contains(&digest(&EMPTY_TAR)), "{e}");
    fs::write(&blob, [1; 1024]).unwrap();
    for kind in ["create", "archive"] {
        let e = error(&["layout", kind, &root, &object, &layer, &output]);
        assert!(e.contains("amd64-layer.tar: is not sha256:"), "{e}");
    }
    fs::write(&blob, [0; 1023]).unwrap();
    let e = error(&[
        "layout",
        "create",
        &root,
        &object,
        &layer,
        &output,
        "--link=symlink",
    ]);
    assert!(e.contains("amd64-layer.tar: has 1023 bytes"), "{e}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), before);
}

#[test]
fn archives_are_canonical_and_can_be_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let [manifest, config, layer, _] = documents(dir.path(), "arm64");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let root = format!("--root={manifest}");
    let object = format!("--object={config}");
    let layer = format!("--layer={layer}");
    let reference = "--reference=registry.example.com:5000/app:v1";
    for name in ["a.tar", "b.tar"] {
        done(&[
            "layout",
            "archive",
            &root,
            &object,
            &layer,
            reference,
            "-o",
            &path(name),
        ]);
    }
    let data = fs::read(path("a.tar")).unwrap();
    assert!(data == fs::read(path("b.tar")).unwrap());
    done(&["layout", "check", &path("a.tar")]);
    let text = String::from_utf8_lossy(&data);
    assert!(text.contains(r#""RepoTags":["registry.example.com:5000/app:v1"]"#));
    assert!(text.contains(
        r#""io.containerd.image.name":"registry.example.com:5000/app:v1","org.opencontainers.image.ref.name":"v1""#
    ));

    // The layout that the archive holds, out of the archive again.
    let layout = format!("--layout={}", path("a.tar"));
    done(&["layout", "create", &root, &layout, "-o", &path("again")]);
    done(&["layout", "check", &path("again")]);

    let out = path("c.tar");
    let e = error(&[
        "layout",
        "archive",
        &root,
        &layout,
        "--reference=App:v1",
        "-o",
        &out,
    ]);
    assert!(e.contains("--reference"), "{e}");
    assert!(!Path::new(&out).exists());

    for length in [1, 511, 512, 1500, data.len() / 2, data.len() - 1025] {
        fs::write(&out, &data[..length]).unwrap();
        let e = error(&["layout", "check", &out]);
        assert!(e.contains("c.tar"), "{e}");
    }
}

#[test]
fn the_documents_of_an_image_need_no_layer() {
    let (fixture, root) = Fixture::good();
    fs::remove_file(fixture.blob_path(&digest(&EMPTY_TAR))).unwrap();
    let whole = verbatim(&["layout", "import", &fixture.layout()]);
    let said = String::from_utf8(whole.stderr).unwrap();
    assert!(!whole.status.success(), "{said}");
    assert!(said.contains(&digest(&EMPTY_TAR)[7..]), "{said}");
    let expected = root["digest"].as_str().unwrap();
    let out = done(&["layout", "import", "--shallow", &fixture.layout()]);
    assert_eq!(out.trim_end(), expected);
    // What is there is checked all the same.
    fs::write(fixture.blob_path(expected), "{}").unwrap();
    error(&["layout", "import", "--shallow", &fixture.layout()]);
}

#[test]
fn one_image_is_taken_out_of_several() {
    let fixture = Fixture::new();
    let mut amd64 = fixture.image("amd64");
    amd64["platform"] = json!({"os": "linux", "architecture": "amd64"});
    let arm64 = fixture.image("arm64");
    let config = fixture.document(
        CONFIG,
        &json!({"os": "unknown", "architecture": "unknown", "rootfs": {"type": "layers", "diff_ids": [digest(b"{}")]}}),
    );
    let statement = fixture.blob("application/vnd.in-toto+json", b"{}");
    let mut attestation = fixture.manifest(&config, &[statement]);
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    attestation["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
    let nested = fixture.document(
        INDEX,
        &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [amd64, attestation, arm64]}),
    );
    fixture.index(&[nested]);
    done(&["layout", "check", &fixture.layout()]);

    let import = |more: &str| error(&["layout", "import", &fixture.layout(), more]);
    let e = error(&["layout", "import", &fixture.layout()]);
    assert!(
        e.contains("linux/amd64, linux/arm64; choose one with --platform"),
        "{e}"
    );
    let e = import("--platform=linux/s390x");
    assert!(e.contains("no image for linux/s390x"), "{e}");
    let output = verbatim(&["layout", "import", &fixture.layout(), "--platform=linux"]);
    assert_eq!(output.status.code(), Some(2));

    let out = done(&[
        "layout",
        "import",
        &fixture.layout(),
        "--platform=linux/arm64/v8",
        &format!("--digest={}", fixture.text("digest")),
        &format!("--metadata={}", fixture.text("metadata")),
        &format!("--manifest={}", fixture.text("manifest")),
        &format!("--config={}", fixture.text("config")),
        &format!("--descriptor={}", fixture.text("descriptor")),
    ]);
    assert_eq!(out, "");
    let read = |name: &str| fs::read(fixture.path(name)).unwrap();
    let expected = arm64["digest"].as_str().unwrap();
    assert_eq!(read("digest"), expected.as_bytes());
    assert_eq!(digest(&read("manifest")), expected);
    let metadata: Value = serde_json::from_slice(&read("metadata")).unwrap();
    assert_eq!(metadata["schema"], "verbatim.image/1");
    assert_eq!(metadata["layers"][0]["uncompressed_size"], 1024);
    assert_eq!(metadata["config"]["digest"], digest(&read("config")));
    let descriptor: Value = serde_json::from_slice(&read("descriptor")).unwrap();
    assert_eq!(descriptor["platform"]["architecture"], "arm64");

    // A byte of the layer, and nothing is written.
    fs::write(fixture.blob_path(&digest(&EMPTY_TAR)), [1; 1024]).unwrap();
    let e = error(&[
        "layout",
        "import",
        &fixture.layout(),
        "--platform=linux/arm64",
        &format!("--manifest={}", fixture.text("never")),
    ]);
    assert!(e.contains("has the digest"), "{e}");
    assert!(!fixture.path("never").exists());
}

#[test]
fn a_history_is_remarked_upon_and_stops_nothing() {
    let fixture = Fixture::new();
    let layer = fixture.blob(LAYER, &EMPTY_TAR);
    let history = json!([{"created_by": "a"}, {"created_by": "b"}, {"empty_layer": true}]);
    let config = fixture.document(
        CONFIG,
        &json!({"os": "linux", "architecture": "amd64", "history": history,
            "rootfs": {"type": "layers", "diff_ids": [digest(&EMPTY_TAR)]}}),
    );
    fixture.index(&[fixture.manifest(&config, &[layer])]);
    let report = fixture.report();
    assert_eq!(report["verdict"], "valid");
    let remark = &report["remarks"][0];
    assert_eq!(remark["pointer"], "/history");
    assert!(remark["file"].as_str().unwrap().ends_with(hex(&config)));
    let text = done(&["layout", "check", &fixture.layout()]);
    assert!(
        text.contains("tells of 2 layers, and the image has 1"),
        "{text}"
    );
    done(&["layout", "import", &fixture.layout()]);
    let base = format!("--base={}", fixture.layout());
    let out = format!("--output={}", fixture.text("out"));
    done(&["image", &base, &out]);
    let root = format!("--root={}", fixture.text("m.json"));
    done(&[
        "layout",
        "import",
        &fixture.layout(),
        "--manifest",
        &fixture.text("m.json"),
    ]);
    let from = format!("--layout={}", fixture.layout());
    done(&[
        "layout",
        "archive",
        &root,
        &from,
        "-o",
        &fixture.text("a.tar"),
    ]);
    // Nobody finds a remark where there is none.
    assert!(Fixture::good().0.report().get("remarks").is_none());
}

/// What other tools write: a history says what somebody thought worth telling, and its steps need not be as many
/// as the layers.
#[test]
fn histories_of_other_tools_stop_nothing() {
    let step =
        |by: &str| json!({"created": "1970-01-01T00:00:00Z", "author": by, "created_by": by});
    for (tool, history, told) in [
        ("nothing", Value::Null, None),
        ("nix2container", json!([]), None),
        ("ko", json!([step("ko build ko://example.com/x")]), None),
        (
            "jib",
            json!([step("jib-gradle-plugin:3.4"), step("jib-gradle-plugin:3.4")]),
            Some(2),
        ),
        (
            "crane append to an image of metadata",
            json!([{"created_by": "CMD", "empty_layer": true}]),
            Some(0),
        ),
        (
            "members that are null",
            json!([{"created": null, "created_by": null, "empty_layer": null}]),
            None,
        ),
        (
            "a time of nobody",
            json!([{"created": "", "empty_layer": "false"}]),
            None,
        ),
        ("steps that are none", json!(["a", 1, null]), Some(3)),
        ("no list", json!({"created_by": "a"}), None),
    ] {
        let fixture = Fixture::new();
        let layer = fixture.blob(LAYER, &EMPTY_TAR);
        let config = fixture.document(
            CONFIG,
            &json!({"os": "linux", "architecture": "amd64", "history": history,
                "rootfs": {"type": "layers", "diff_ids": [digest(&EMPTY_TAR)]}}),
        );
        let image = fixture.manifest(&config, &[layer]);
        fixture.index(std::slice::from_ref(&image));
        let report = fixture.report();
        assert_eq!(report["verdict"], "valid", "{tool}");
        let remark = report["remarks"][0]["remark"].as_str();
        assert_eq!(remark.is_some(), told.is_some(), "{tool}: {report}");
        if let Some(told) = told {
            assert!(
                remark
                    .unwrap()
                    .starts_with(&format!("tells of {told} layers,")),
                "{report}"
            );
        }
        assert_eq!(
            sum(&fixture).as_deref(),
            Ok(image["digest"].as_str().unwrap()),
            "{tool}"
        );
        let base = format!("--base={}", fixture.layout());
        let out = format!("--output={}", fixture.text("out"));
        done(&["image", &base, &out]);
    }
}

/// Whoever reads a layout may believe any entry of it: all that name what is published must be right, and sums and
/// pushes say so alike.
#[test]
fn what_is_said_twice_is_right_twice() {
    let (fixture, image) = Fixture::good();
    let with = |key: &str, value: Value| {
        let mut other = image.clone();
        other[key] = value;
        other
    };
    let size = image["size"].as_u64().unwrap();
    let platform = |architecture: &str| json!({"os": "linux", "architecture": architecture});
    let layout = fixture.layout();
    for (wrong, what) in [
        (with("size", json!(size + 1)), "bytes"),
        (with("size", json!(0)), "bytes"),
        (with("mediaType", json!(INDEX)), INDEX),
        (
            with(
                "mediaType",
                json!("application/vnd.docker.distribution.manifest.v2+json"),
            ),
            "docker",
        ),
        (with("data", json!("e30=")), "is not the content"),
        (with("platform", platform("arm64")), "linux/arm64"),
    ] {
        for entries in [
            [image.clone(), wrong.clone()],
            [wrong.clone(), image.clone()],
        ] {
            fixture.index(&entries);
            let (code, said) = sum(&fixture).unwrap_err();
            assert_eq!(code, Some(2), "{said}");
            assert!(said.contains(what), "{said}");
            let push = verbatim(&["push", "--dry-run", &layout, "127.0.0.1:1/a/b:v1"]);
            let pushed = String::from_utf8(push.stderr).unwrap();
            assert_eq!(push.status.code(), Some(2), "{entries:?}: {pushed}");
            assert!(pushed.contains(what), "{pushed}");
        }
    }
    // The same in other words is right.
    for same in [
        with("platform", platform("x86_64")),
        with(
            "annotations",
            json!({"org.opencontainers.image.ref.name": "v2"}),
        ),
        with("urls", json!(["https://example.com/x"])),
    ] {
        fixture.index(&[image.clone(), same]);
        assert_eq!(
            sum(&fixture).as_deref(),
            Ok(image["digest"].as_str().unwrap())
        );
    }
}

/// What `sums create` says of a layout: the digest, or the error and the exit code.
fn sum(fixture: &Fixture) -> Result<String, (Option<i32>, String)> {
    let image = format!("--image=r.example/a={}", fixture.layout());
    let output = verbatim(&["sums", "create", "--no-json", &image]);
    if output.status.success() {
        return Ok(format!("sha256:{}", &stdout(&output)[..64]));
    }
    Err((
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    ))
}

#[test]
fn one_digest_is_one_image_and_different_images_need_a_choice() {
    let tagged = |image: &Value, tag: &str| {
        let mut image = image.clone();
        image["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
        image
    };
    let for_platform = |image: &Value, architecture: &str| {
        let mut image = image.clone();
        image["platform"] = json!({"os": "linux", "architecture": architecture});
        image
    };
    let (fixture, image) = Fixture::good();
    let published = |entries: &[Value]| {
        fixture.index(entries);
        let report = verbatim(&["layout", "check", "--format=json", &fixture.layout()]);
        let report: Value = serde_json::from_slice(&report.stdout).unwrap();
        (sum(&fixture), report["published"]["digest"].clone())
    };
    let one = image["digest"].as_str().unwrap();
    // Two tags of an image, of an index, and one image under two platforms.
    let twice = [tagged(&image, "v1"), tagged(&image, "latest")];
    assert_eq!(published(&twice), (Ok(one.into()), json!(one)));
    let inner = fixture.document(
        INDEX,
        &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [image]}),
    );
    let index = inner["digest"].as_str().unwrap();
    let twice = [tagged(&inner, "v1"), tagged(&inner, "v2"), inner.clone()];
    assert_eq!(published(&twice), (Ok(index.into()), json!(index)));

    // Another image for the same platform, with other names, or in an index of its own.
    let layer = fixture.blob(LAYER, b"other");
    let config = fixture.config("amd64", &[digest(b"other")]);
    let other = fixture.manifest(&config, std::slice::from_ref(&layer));
    let arm64 = fixture.manifest(&fixture.config("arm64", &[digest(b"other")]), &[layer]);
    for several in [
        vec![image.clone(), other.clone()],
        vec![for_platform(&image, "amd64"), for_platform(&other, "amd64")],
        vec![tagged(&image, "v1"), tagged(&arm64, "v2")],
        vec![inner.clone(), other.clone()],
        vec![inner.clone(), arm64.clone()],
    ] {
        let (sum, checked) = published(&several);
        assert_eq!(checked, Value::Null);
        let (code, said) = sum.unwrap_err();
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("2 different images"), "{said}");
        let layout = fixture.layout();
        let push = verbatim(&["push", "--dry-run", &layout, "127.0.0.1:1/a/b:v1"]);
        let said = String::from_utf8(push.stderr).unwrap();
        assert_eq!(push.status.code(), Some(2), "{said}");
        assert!(said.contains("2 different images"), "{said}");
    }
    let image = format!("--image=r.example/a={}", fixture.layout());
    done(&[
        "sums",
        "create",
        "--no-json",
        "--kind=r.example/a=index",
        &image,
    ]);

    // For different platforms they are an index.
    for several in [
        [for_platform(&other, "amd64"), for_platform(&arm64, "arm64")],
        [tagged(&other, "v1"), tagged(&arm64, "v1")],
    ] {
        let own = |fixture: &Fixture| digest(&fs::read(fixture.path("layout/index.json")).unwrap());
        let (sum, checked) = published(&several);
        assert_eq!((sum, checked), (Ok(own(&fixture)), json!(own(&fixture))));
    }
}

#[test]
fn sums_find_what_the_check_finds_in_descriptors() {
    let (fixture, image) = Fixture::good();
    let config = fixture.config("amd64", &[digest(&EMPTY_TAR)]);
    let layer = fixture.blob(LAYER, &EMPTY_TAR);
    let with = |member: &str, value: Value| {
        let mut image = image.clone();
        image[member] = value;
        image
    };
    let other = "application/vnd.docker.distribution.manifest.v2+json";
    let wrong_layer = {
        let mut layer = layer.clone();
        layer["data"] = json!("AAAA");
        fixture.manifest(&config, &[layer])
    };
    let nested = |image: Value| {
        fixture.document(
            INDEX,
            &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [image]}),
        )
    };
    for (what, entry) in [
        ("/mediaType", with("mediaType", json!(other))),
        ("/mediaType", with("mediaType", json!(INDEX))),
        (
            "/platform",
            with("platform", json!({"os": "linux", "architecture": "arm64"})),
        ),
        (
            "/platform",
            with(
                "platform",
                json!({"os": "windows", "architecture": "amd64"}),
            ),
        ),
        ("/data", with("data", json!("e30="))),
        ("/data", with("data", json!("no base64"))),
        ("/data", wrong_layer),
    ] {
        for entries in [
            vec![entry.clone()],
            vec![nested(entry.clone())],
            // Said of an image that is named rightly before.
            vec![image.clone(), entry.clone()],
        ] {
            fixture.index(&entries);
            let problems = fixture.problems();
            let pointer = problems[0]["pointer"].as_str().unwrap();
            assert!(pointer.ends_with(what), "{problems:?}");
            if entries.len() == 2 && entries[0]["digest"] != entries[1]["digest"] {
                continue;
            }
            let (code, said) = sum(&fixture).unwrap_err();
            assert_eq!(code, Some(2), "{said}");
            assert!(said.contains(&format!("{what}: ")), "{said}");
        }
    }
    // What is embedded and right is right.
    let data = fs::read(fixture.blob_path(image["digest"].as_str().unwrap())).unwrap();
    use base64::Engine as _;
    let data = base64::prelude::BASE64_STANDARD.encode(data);
    fixture.index(&[with("data", json!(data))]);
    assert_eq!(sum(&fixture).unwrap(), image["digest"]);
}

#[test]
fn a_part_of_an_index_can_be_used_and_exact_spelling_decides() {
    let fixture = Fixture::new();
    let image = |content: &[u8], architecture: &str| {
        let layer = fixture.blob(LAYER, content);
        fixture.manifest(&fixture.config(architecture, &[digest(content)]), &[layer])
    };
    let named = |image: &Value, architecture: &str, variant: &str| {
        let mut image = image.clone();
        image["platform"] = json!({"os": "linux", "architecture": architecture});
        if !variant.is_empty() {
            image["platform"]["variant"] = json!(variant);
        }
        image
    };
    let absent = |architecture: &str, variant: &str| {
        let absent =
            json!({"mediaType": MANIFEST, "digest": digest(architecture.as_bytes()), "size": 7});
        named(&absent, architecture, variant)
    };
    let import = |platform: &str| {
        let platform = format!("--platform={platform}");
        let output = verbatim(&["layout", "import", &fixture.layout(), &platform]);
        let said = String::from_utf8(output.stderr.clone()).unwrap();
        match output.status.code() {
            Some(0) => Ok(stdout(&output).trim().to_owned()),
            code => Err((code, said)),
        }
    };
    let (a, b) = (image(b"a", "arm64"), image(b"b", "arm64"));
    let is = |image: &Value| Ok(image["digest"].as_str().unwrap().to_owned());
    // Inside an index and in index.json itself.
    for nested in [false, true] {
        let put = |entries: Vec<Value>| match nested {
            false => fixture.index(&entries),
            true => fixture.index(&[fixture.document(
                INDEX,
                &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}),
            )]),
        };
        put(vec![
            absent("amd64", ""),
            named(&a, "arm64", ""),
            absent("s390x", ""),
        ]);
        assert_eq!(import("linux/arm64"), is(&a));
        let (code, said) = import("linux/amd64").unwrap_err();
        assert_eq!(code, Some(2));
        assert!(said.contains("this layout does not hold it"), "{said}");
        let (_, said) = import("linux/386").unwrap_err();
        assert!(
            said.contains("linux/amd64, linux/arm64, linux/s390x"),
            "{said}"
        );

        put(vec![named(&a, "arm64", ""), named(&b, "arm64", "v8")]);
        assert_eq!(import("linux/arm64"), is(&a));
        assert_eq!(import("linux/arm64/v8"), is(&b));
        assert!(import("linux/aarch64")
            .unwrap_err()
            .1
            .contains("several images"));
        put(vec![named(&a, "arm64", ""), named(&a, "arm64", "v8")]);
        for platform in ["linux/arm64", "linux/arm64/v8", "linux/aarch64"] {
            assert_eq!(import(platform), is(&a));
        }
        // One image for two platforms, of which its config says neither.
        let arm = image(b"c", "arm");
        put(vec![named(&arm, "arm", "v6"), named(&arm, "arm", "v7")]);
        assert_eq!(import("linux/arm/v6"), is(&arm));
        assert_eq!(import("linux/arm/v7"), is(&arm));
        assert_eq!(
            done(&["layout", "import", &fixture.layout()]).trim(),
            arm["digest"]
        );
    }
    // As a base, with the variant that only the index says.
    let base = format!("--base={}", fixture.layout());
    let out = |name: &str| format!("--output={}", fixture.text(name));
    done(&["image", &base, "--platform=linux/arm/v6", &out("v6")]);
    let report = done(&["layout", "check", &fixture.text("v6")]);
    assert!(report.contains("linux/arm/v6"), "{report}");
}

#[test]
fn what_cannot_be_told_is_not_called_wrong() {
    let unsupported = |fixture: &Fixture, pointer: &str, what: &str| {
        let output = verbatim(&["layout", "check", &fixture.layout(), "--format=json"]);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["verdict"], "unchecked");
        let problem = &report["problems"][0];
        assert_eq!(problem["kind"], "unsupported", "{report}");
        assert_eq!(problem["pointer"], pointer, "{report}");
        let said = problem["problem"].as_str().unwrap();
        assert!(
            said.contains(what) && !said.contains("build the image again"),
            "{said}"
        );
        let output = verbatim(&["layout", "import", &fixture.layout()]);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
    };
    let sha512 = format!("sha512:{}", "0".repeat(128));
    // A layer, a config, a diff_id.
    let (fixture, _) = Fixture::good();
    let layer = fixture.blob(LAYER, &EMPTY_TAR);
    let config = fixture.config("amd64", &[digest(&EMPTY_TAR)]);
    let other = |descriptor: &Value| {
        let mut other = descriptor.clone();
        other["digest"] = json!(sha512);
        other
    };
    for (manifest, pointer) in [
        (
            fixture.manifest(&config, &[other(&layer)]),
            "/layers/0/digest",
        ),
        (
            fixture.manifest(&other(&config), std::slice::from_ref(&layer)),
            "/config/digest",
        ),
        (
            fixture.manifest(
                &fixture.config("amd64", std::slice::from_ref(&sha512)),
                std::slice::from_ref(&layer),
            ),
            "/rootfs/diff_ids/0",
        ),
    ] {
        fixture.index(&[manifest]);
        unsupported(&fixture, pointer, "use a sha256 digest");
        assert_eq!(sum(&fixture).unwrap_err().0, Some(3));
        let push = verbatim(&[
            "image",
            "--base",
            &fixture.layout(),
            "-o",
            &fixture.text("o"),
        ]);
        assert_eq!(push.status.code(), Some(3), "{push:?}");
    }
    // In index.json nothing can be begun.
    fixture.index(&[other(&layer)]);
    let output = verbatim(&["layout", "check", &fixture.layout()]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");

    // Encrypted layers, and a compression that nobody knows; both as some bytes.
    for (suffix, what) in [
        ("+gzip+encrypted", "is encrypted"),
        ("+encrypted", "is encrypted"),
        ("+zstd+encrypted", "is encrypted"),
        ("+lz4", "compressed with `lz4`"),
    ] {
        let (fixture, _) = Fixture::good();
        let layer = fixture.blob(&format!("{LAYER}{suffix}"), b"some bytes");
        fixture.index(&[fixture.manifest(&config, std::slice::from_ref(&layer))]);
        fixture.document(
            CONFIG,
            &json!({"os": "linux", "architecture": "amd64",
                "rootfs": {"type": "layers", "diff_ids": [digest(&EMPTY_TAR)]}}),
        );
        unsupported(&fixture, "/layers/0/mediaType", what);
        // Its digest is checked all the same.
        fs::write(
            fixture.blob_path(layer["digest"].as_str().unwrap()),
            b"other bytes",
        )
        .unwrap();
        assert_eq!(fixture.problems()[0]["kind"], "mismatch");
    }
}

#[test]
fn a_layer_is_compressed_as_its_type_says_also_where_no_specification_names_that() {
    let data = |name: &str| -> Vec<u8> {
        match name {
            "plain" => EMPTY_TAR.to_vec(),
            "xz" => EMPTY_TAR_XZ.to_vec(),
            "gzip" => EMPTY_TAR_GZIP.to_vec(),
            _ => unreachable!(),
        }
    };
    for suffix in ["+xz", "+bzip2"] {
        for stored in ["plain", "gzip", "xz"] {
            let (fixture, _) = Fixture::good();
            let config = fixture.config("amd64", &[digest(&EMPTY_TAR)]);
            let layer = fixture.blob(&format!("{LAYER}{suffix}"), &data(stored));
            fixture.index(&[fixture.manifest(&config, &[layer])]);
            let output = verbatim(&["layout", "check", "--format=json", &fixture.layout()]);
            let right = suffix.ends_with(stored);
            assert_eq!(output.status.code(), Some(i32::from(!right)), "{output:?}");
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            let problems = report["problems"].as_array().unwrap();
            assert_eq!(
                problems.is_empty(),
                right,
                "{suffix} {stored}: {problems:?}"
            );
            for problem in problems {
                assert_eq!(problem["kind"], "mismatch");
                assert_eq!(problem["pointer"], "/layers/0/mediaType");
            }
        }
    }
}

#[test]
fn no_image_hides_behind_the_type_of_something_else() {
    for (document, named) in [
        (MANIFEST, "application/octet-stream"),
        (INDEX, "application/vnd.example.thing+json"),
    ] {
        let (fixture, image) = Fixture::good();
        let mut hidden = image.clone();
        if document == INDEX {
            let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [image]});
            hidden = fixture.document(INDEX, &index);
        }
        hidden["mediaType"] = named.into();
        fixture.index(&[hidden]);
        let problems = fixture.problems();
        assert_eq!(problems[0]["kind"], "mismatch", "{problems:?}");
        assert_eq!(problems[0]["pointer"], "/mediaType");
        assert_eq!(sum(&fixture).unwrap_err().0, Some(2));
    }
    // Beside an image there may be anything else.
    let (fixture, image) = Fixture::good();
    let other = fixture.document("application/vnd.example.thing+json", &json!({"a": 1}));
    fixture.index(&[image, other]);
    let output = verbatim(&["layout", "check", &fixture.layout()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn one_platform_of_a_part_of_an_index_is_checked() {
    let fixture = Fixture::new();
    let mut here = fixture.image("amd64");
    here["platform"] = json!({"os": "linux", "architecture": "amd64"});
    let mut absent = fixture.image("arm64");
    absent["platform"] = json!({"os": "linux", "architecture": "arm64"});
    fs::remove_file(fixture.blob_path(absent["digest"].as_str().unwrap())).unwrap();
    let index = fixture.document(
        INDEX,
        &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [here, absent]}),
    );
    fixture.index(&[index]);
    let check = |platform: &str| {
        let layout = fixture.layout();
        let wanted = format!("--platform={platform}");
        verbatim(&["layout", "check", "--format=json", &wanted, &layout])
    };
    for platform in ["linux/amd64", "linux/x86_64", "linux/amd64/v1"] {
        let output = check(platform);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["published"]["digest"], here["digest"]);
        assert_eq!(report["blobs"], 3);
        assert_eq!(report["images"].as_array().unwrap().len(), 1);
    }
    // As a base, and to be shown, it is enough too.
    for platform in ["linux/amd64", "linux/x86_64"] {
        let (base, wanted) = (
            format!("--base={}", fixture.layout()),
            format!("--platform={platform}"),
        );
        done(&[
            "image",
            &base,
            &wanted,
            &format!("--output={}", fixture.text(&platform.replace('/', "-"))),
        ]);
        done(&["layout", "import", &fixture.layout(), &wanted]);
    }
    // Without a choice, and where what is chosen is not there, something is missing.
    assert_eq!(fixture.problems()[0]["kind"], "missing");
    let output = check("linux/arm64");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["problems"][0]["kind"], "missing");
    // What was never named is a wrong choice.
    assert_eq!(check("linux/s390x").status.code(), Some(2));
    // Every byte of what is chosen is looked at, and no other.
    fs::write(
        fixture.blob_path(absent["digest"].as_str().unwrap()),
        "junk",
    )
    .unwrap();
    assert_eq!(check("linux/amd64").status.code(), Some(0));
    let mut layer = EMPTY_TAR;
    layer[0] = 1;
    fs::write(fixture.blob_path(&digest(&EMPTY_TAR)), layer).unwrap();
    assert_eq!(check("linux/amd64").status.code(), Some(1));
    let text = error(&[
        "layout",
        "check",
        "--platform=linux/amd64",
        "docker://registry.example.com/a:v1",
    ]);
    assert!(text.contains("its own digest"), "{text}");
}

/// Parts of indexes as a containerd store saves them: nested, beside attestations that stayed behind, under names,
/// and with the variant left out on one side.
#[test]
fn parts_of_indexes_in_other_shapes() {
    let platform = |architecture: &str, variant: Option<&str>| match variant {
        Some(variant) => json!({"os": "linux", "architecture": architecture, "variant": variant}),
        None => json!({"os": "linux", "architecture": architecture}),
    };
    for shape in ["nested", "attested", "named", "variant", "twice"] {
        let fixture = Fixture::new();
        let gone = |descriptor: &Value| {
            fs::remove_file(fixture.blob_path(descriptor["digest"].as_str().unwrap())).unwrap();
        };
        let mut here = fixture.image("arm64");
        here["platform"] = platform("arm64", (shape == "variant").then_some("v8"));
        let mut absent = fixture.image("s390x");
        absent["platform"] = platform("s390x", None);
        gone(&absent);
        let mut manifests = vec![absent, here.clone()];
        if shape == "attested" {
            let mut attestation = fixture.document(MANIFEST, &json!({"a": 1}));
            attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
            attestation["annotations"] = json!({
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": here["digest"],
            });
            gone(&attestation);
            manifests.push(attestation);
        }
        if shape == "twice" {
            let mut again = here.clone();
            again["platform"] = platform("aarch64", Some("v8"));
            manifests.push(again);
        }
        let index = |manifests: &[Value]| {
            let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
            fixture.document(INDEX, &index)
        };
        let mut root = index(&manifests);
        if shape == "nested" {
            root = index(&[root]);
        }
        if shape == "named" {
            root["annotations"] = json!({"io.containerd.image.name": "docker.io/library/x:v1"});
        }
        fixture.index(&[root]);
        let layout = fixture.layout();
        for wanted in ["--platform=linux/arm64", "--platform=linux/arm64/v8"] {
            let output = verbatim(&["layout", "check", "--format=json", wanted, &layout]);
            assert_eq!(
                output.status.code(),
                Some(0),
                "{shape} {wanted}: {output:?}"
            );
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(report["published"]["digest"], here["digest"], "{shape}");
            done(&["layout", "import", &layout, wanted]);
        }
        let output = verbatim(&["layout", "check", "--platform=linux/s390x", &layout]);
        assert_eq!(output.status.code(), Some(1), "{shape}: {output:?}");
        assert_eq!(fixture.problems()[0]["kind"], "missing", "{shape}");
    }
}

#[cfg(unix)]
#[test]
fn nothing_waits_for_what_is_no_file() {
    use std::os::unix::net::UnixListener;
    let make = |kind: &str, path: &Path| {
        fs::remove_file(path).unwrap();
        match kind {
            "pipe" => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
            "socket" => drop(UnixListener::bind(path).unwrap()),
            _ => std::os::unix::fs::symlink("/dev/zero", path).unwrap(),
        }
    };
    for kind in ["pipe", "socket", "device"] {
        for part in ["manifest", "config", "layer", "index.json", "oci-layout"] {
            let (fixture, image) = Fixture::good();
            let other = Fixture::new();
            other.index(&[other.image("arm64")]);
            let read = |digest: &str| -> Value {
                serde_json::from_slice(&fs::read(fixture.blob_path(digest)).unwrap()).unwrap()
            };
            let manifest = image["digest"].as_str().unwrap().to_owned();
            let config = read(&manifest)["config"]["digest"]
                .as_str()
                .unwrap()
                .to_owned();
            make(
                kind,
                &match part {
                    "manifest" => fixture.blob_path(&manifest),
                    "config" => fixture.blob_path(&config),
                    "layer" => fixture.blob_path(&digest(&EMPTY_TAR)),
                    file => fixture.path("layout").join(file),
                },
            );
            let layout = fixture.layout();
            let named = format!("--image=r.example/a={layout}");
            for arguments in [
                &["layout", "check", &layout][..],
                &["sums", "create", "--no-json", &named],
                &["diff", &layout, &other.layout()],
                &["diff", &layout, &layout],
                &["push", &layout, "127.0.0.1:1/a/b:v1"],
            ] {
                let began = std::time::Instant::now();
                let output = verbatim(arguments);
                // A socket that is closed is no file either; a network is not asked.
                assert!(
                    began.elapsed().as_secs() < 20,
                    "{kind} {part} {arguments:?}"
                );
                let said = String::from_utf8_lossy(&output.stderr).into_owned() + stdout(&output);
                // What is not looked at cannot be found: a layer beside which another image has
                // the same, blobs by a push that reaches no registry, and a layout by what has
                // lost its marks.
                let looks = match (arguments[0], part) {
                    ("layout", _) => true,
                    ("push", "layer" | "config") => false,
                    ("diff", "index.json" | "oci-layout") => false,
                    _ => true,
                };
                if looks {
                    assert!(
                        !output.status.success(),
                        "{kind} {part} {arguments:?}: {said}"
                    );
                    assert!(
                        said.contains("is not a regular file"),
                        "{kind} {part} {arguments:?}: {said}"
                    );
                }
            }
        }
        // In place of a whole layout, and of a file that is to be summed.
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        fs::write(&path, "").unwrap();
        make(kind, &path);
        let path = path.display().to_string();
        let (fixture, image) = Fixture::good();
        let manifest = fixture.blob_path(image["digest"].as_str().unwrap());
        let manifest = manifest.display().to_string();
        let folder = fixture.text("out");
        let out = fixture.text("out.tar");
        for arguments in [
            &["layout", "check", &path][..],
            &[
                "sums",
                "create",
                "--no-json",
                &format!("--image=r.example/a={path}"),
            ],
            &[
                "sums",
                "create",
                "--no-json",
                &format!("--files={}", dir.path().display()),
            ],
            &["layout", "create", "--root", &path, "-o", &folder],
            &["layout", "archive", "--root", &path, "-o", &out],
            &[
                "layout", "create", "--root", &manifest, "--object", &path, "-o", &folder,
            ],
            &[
                "layout", "create", "--root", &manifest, "--layer", &path, "-o", &folder,
            ],
            &[
                "image",
                "--base-manifest",
                &path,
                "--base-config",
                &path,
                "-o",
                &out,
            ],
            &[
                "image",
                "--layer",
                &path,
                "--platform=linux/amd64",
                "-o",
                &folder,
            ],
            &["push", &path, "127.0.0.1:1/a/b:v1"],
        ] {
            let said = error(arguments);
            assert!(
                said.contains("not a regular file"),
                "{kind} {arguments:?}: {said}"
            );
        }
    }
}

#[test]
fn help_teaches() {
    assert!(done(&["layout", "--help"]).contains("EXAMPLES"));
    for command in ["create", "archive", "import", "check"] {
        let text = done(&["layout", command, "--help"]);
        assert!(
            text.contains(&format!("Usage: verbatim layout {command}")),
            "{text}"
        );
    }
}
