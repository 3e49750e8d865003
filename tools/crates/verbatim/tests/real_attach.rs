//! What cosign attaches is copied with the image, and verified by cosign where it arrives. What is attached here is
//! found by cosign, beside what others attached.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use verbatim_testbed::{layout, output, run, told, tool, Content, Kind, Registry};

fn verbatim(arguments: &[&str]) -> Output {
    output(
        Command::new(env!("CARGO_BIN_EXE_verbatim"))
            .env_remove("DOCKER_CONFIG")
            .args(arguments),
    )
}

fn done(arguments: &[&str]) -> String {
    let output = verbatim(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", told(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// A folder with a key pair of cosign's.
struct Signer {
    folder: tempfile::TempDir,
}

impl Signer {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let signer = Self { folder };
        run(signer.cosign().arg("generate-key-pair"));
        signer
    }

    fn cosign(&self) -> Command {
        let mut command = Command::new(tool("cosign"));
        command
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("COSIGN_PASSWORD", "");
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Attach a predicate with cosign.
    fn attest(&self, image: &str, color: &str, form: &[&str]) {
        let predicate = self.path("predicate.json");
        std::fs::write(&predicate, format!("{{\"color\":\"{color}\"}}")).unwrap();
        run(self
            .cosign()
            .args(["attest", "--yes", "--key=cosign.key", "--tlog-upload=false"])
            .args([
                "--use-signing-config=false",
                "--type=https://example.com/color",
            ])
            .args(["--allow-http-registry", "--predicate=predicate.json"])
            .args(form)
            .arg(image));
    }

    /// The colours that cosign finds and verifies.
    fn colors(&self, image: &str, form: &[&str]) -> Vec<String> {
        let said = run(self
            .cosign()
            .args([
                "verify-attestation",
                "--key=cosign.pub",
                "--insecure-ignore-tlog",
            ])
            .args(["--type=https://example.com/color", "--allow-http-registry"])
            .args(form)
            .arg(image));
        let mut colors: Vec<String> = said
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .map(|envelope| {
                use base64::Engine;
                let payload = envelope["payload"].as_str().unwrap();
                let payload = base64::engine::general_purpose::STANDARD.decode(payload);
                let statement: Value = serde_json::from_slice(&payload.unwrap()).unwrap();
                statement["predicate"]["color"].as_str().unwrap().to_owned()
            })
            .collect();
        colors.sort();
        colors
    }

    fn verify(&self, image: &str) {
        run(self
            .cosign()
            .args(["verify", "--key=cosign.pub", "--insecure-ignore-tlog"])
            .args(["--allow-http-registry", image]));
    }
}

const OLD: &[&str] = &["--new-bundle-format=false"];
const NEW: &[&str] = &[];

fn digest_of(layout: &Path) -> String {
    let index = std::fs::read(layout.join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    index["manifests"][0]["digest"].as_str().unwrap().to_owned()
}

#[test]
fn what_cosign_attached_comes_along() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    layout(&image, &[Content::Text("a"), Content::Random(3, 100_000)]);
    let signer = Signer::new();
    let from = Registry::start(Kind::Plain);
    let source = from.reference("acme/app:v1");
    done(&["push", image.to_str().unwrap(), &source]);
    signer.attest(&source, "red", NEW);
    signer.attest(&source, "blue", OLD);
    run(signer
        .cosign()
        .args(["sign", "--yes", "--key=cosign.key", "--tlog-upload=false"])
        .args(["--use-signing-config=false", "--allow-http-registry"])
        .arg(&source));
    // Through a file into a closed network, whose registry is of another kind.
    let bundle = folder.path().join("app.tar");
    let bundle = bundle.to_str().unwrap();
    done(&["copy", &source, bundle]);
    let checked = done(&["layout", "check", bundle]);
    assert!(checked.contains(&digest_of(&image)), "{checked}");
    for kind in [Kind::Plain, Kind::Crane] {
        let inside = Registry::start(kind);
        let target = inside.reference("mirror/app:v1");
        let said = done(&["copy", "--format=json", bundle, &target]);
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["digest"], digest_of(&image).as_str(), "{kind:?}");
        assert_eq!(signer.colors(&target, NEW), ["red"], "{kind:?}");
        assert_eq!(signer.colors(&target, OLD), ["blue"], "{kind:?}");
        signer.verify(&target);
        // Once more moves nothing, and from registry to registry it is the same.
        let again = done(&["copy", "--format=json", bundle, &target]);
        let again: Value = serde_json::from_str(&again).unwrap();
        assert_eq!(again["blobs"]["sent"], 0, "{again}");
        let other = Registry::start(kind);
        let direct = other.reference("mirror/app:v1");
        let straight: Value =
            serde_json::from_str(&done(&["copy", "--format=json", &target, &direct])).unwrap();
        assert_eq!(straight["referrers"], said["referrers"], "{kind:?}");
        assert_eq!(signer.colors(&direct, NEW), ["red"], "{kind:?}");
        // A folder that cosign reads without a registry.
        let out = folder.path().join(format!("out-{kind:?}"));
        done(&["copy", &direct, out.to_str().unwrap()]);
        let local = ["--local-image"];
        assert_eq!(
            signer.colors(out.to_str().unwrap(), &local),
            ["red"],
            "{kind:?}"
        );
        assert_eq!(digest_of(&out), digest_of(&image));
        attached_here(&signer, &inside, kind);
    }
}

/// What is attached by this program is verified by cosign, in both forms and beside its own.
fn attached_here(signer: &Signer, registry: &Registry, kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let layout_of_image = folder.path().join("image");
    layout(&layout_of_image, &[Content::Text("attached")]);
    let local = layout_of_image.to_str().unwrap();
    let digest = digest_of(&layout_of_image);
    let image = registry.reference("acme/attached:v1");
    done(&["push", local, &image]);
    let key = signer.path("cosign.key");
    let public = format!("--key={}", signer.path("cosign.pub").display());
    let sign = |name: &str, color: &str, digest: &str, form: &[&str]| {
        let statement = serde_json::json!({
            "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://example.com/color",
            "subject": [{"name": "app", "digest": {"sha256": digest.trim_start_matches("sha256:")}}],
            "predicate": {"color": color},
        });
        let (from, to) = (folder.path().join("statement"), folder.path().join(name));
        std::fs::write(&from, statement.to_string()).unwrap();
        let mut sign = Command::new(env!("CARGO_BIN_EXE_verbatim"));
        sign.env("COSIGN_PASSWORD", "")
            .args(["attest", "sign"])
            .arg(&from);
        run(sign.arg("--key").arg(&key).arg("-o").arg(&to).args(form));
        to.to_str().unwrap().to_owned()
    };
    let green = sign("green", "green", &digest, &[]);
    let yellow = sign("yellow", "yellow", &digest, &["--bundle"]);
    let attach = |image: &str, arguments: &[&str]| {
        let said = done(&[&["attest", "attach", "--format=json", image], arguments].concat());
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["digest"], digest.as_str(), "{said}");
        said["verdict"].as_str().unwrap().to_owned()
    };
    for round in [0, 1] {
        let verdict = ["attached", "unchanged"][round];
        assert_eq!(attach(&image, &[&green, &yellow]), verdict, "{kind:?}");
        assert_eq!(attach(&image, &["--form=att", &green]), verdict, "{kind:?}");
    }
    assert_eq!(signer.colors(&image, NEW), ["green", "yellow"], "{kind:?}");
    assert_eq!(signer.colors(&image, OLD), ["green"], "{kind:?}");
    // Others come and go.
    signer.attest(&image, "red", NEW);
    signer.attest(&image, "blue", OLD);
    assert_eq!(attach(&image, &["--form=att", &yellow]), "attached");
    assert_eq!(attach(&image, &[&green, &yellow]), "unchanged");
    assert_eq!(signer.colors(&image, NEW), ["green", "red", "yellow"]);
    assert_eq!(signer.colors(&image, OLD), ["blue", "green", "yellow"]);
    let verified = done(&["attest", "verify", &image, &public]);
    assert_eq!(verified.lines().count(), 4, "{verified}");
    // Several runs at once, none of which drops what another one attached.
    let runs = ["run0", "run1", "run2"].map(|name| sign(name, name, &digest, &[]));
    for form in ["--form=bundle", "--form=att"] {
        let program = env!("CARGO_BIN_EXE_verbatim");
        let started = runs.each_ref().map(|envelope| {
            Command::new(program)
                .args(["attest", "attach", &image, envelope, form])
                .spawn()
                .unwrap()
        });
        for mut run in started {
            assert!(run.wait().unwrap().success(), "{kind:?}");
        }
    }
    let all = |own: &[&'static str]| [own, &["run0", "run1", "run2"]].concat();
    let mut new = all(&["green", "red", "yellow"]);
    new.sort_unstable();
    assert_eq!(signer.colors(&image, NEW), new, "{kind:?}");
    let mut old = all(&["blue", "green", "yellow"]);
    old.sort_unstable();
    assert_eq!(signer.colors(&image, OLD), old, "{kind:?}");
    // In a layout, where cosign looks without a registry.
    assert_eq!(attach(local, &[&green, &yellow]), "attached");
    assert_eq!(attach(local, &["--form=att", &green]), "attached");
    assert_eq!(attach(local, &[&yellow, &green]), "unchanged");
    assert_eq!(
        signer.colors(local, &["--local-image"]),
        ["green", "yellow"]
    );
    // cosign looks for the older form only where there is no bundle.
    let older = folder.path().join("older");
    layout(&older, &[Content::Text("attached")]);
    let older = older.to_str().unwrap();
    assert_eq!(attach(older, &["--form=att", &green]), "attached");
    assert_eq!(signer.colors(older, &["--local-image"]), ["green"]);
    done(&["attest", "verify", local, &public]);
    // What is about something else changes nothing.
    let other = format!("sha256:{}", "0".repeat(64));
    let stranger = sign("stranger", "black", &other, &[]);
    for image in [&image[..], local] {
        let refused = verbatim(&["attest", "attach", image, &green, &stranger]);
        assert_eq!(refused.status.code(), Some(1), "{}", told(&refused));
        assert!(
            told(&refused).contains("stranger: it is about `app`"),
            "{}",
            told(&refused)
        );
    }
    assert_eq!(signer.colors(&image, NEW), new);
}
