//! `verbatim attest attach` to layouts: what is refused, and that nothing is lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{json, Value};
use verbatim_digest::Digest;
use verbatim_signature::bundle::Bundle;
use verbatim_signature::dsse::{Envelope, IN_TOTO};
use verbatim_signature::PrivateKey;

const KEY: &[u8] = include_bytes!("../../signature/testdata/p256.pem");
const PUBLIC: &[u8] = include_bytes!("../../signature/testdata/p256.pub");

/// A folder with the layout `image` of an image of nothing.
struct Place {
    folder: tempfile::TempDir,
    image: Digest,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let image = layout(&folder.path().join("image"));
        let place = Self { folder, image };
        place.write("builder.pub", PUBLIC);
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.at(name), content).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(std::fs::canonicalize(env!("CARGO_BIN_EXE_verbatim")).unwrap())
            .current_dir(self.folder.path())
            .arg("attest")
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn attach(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.run(&[&["attach", "--format=json", "image"], arguments].concat());
        let report = serde_json::from_slice::<Value>(&output.stdout);
        let verdict = report.map_or(Value::Null, |report| report["verdict"].clone());
        let said = String::from_utf8(output.stderr).unwrap();
        (
            output.status.code(),
            verdict.as_str().map_or(said, str::to_owned),
        )
    }

    /// The values of `n` in the statements that hold for the image.
    fn found(&self) -> Vec<u64> {
        let output = self.run(&["verify", "image", "--key=builder.pub"]);
        let lines = String::from_utf8(output.stdout).unwrap();
        let mut found: Vec<_> = lines
            .lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()["predicate"]["n"]
                    .as_u64()
                    .unwrap()
            })
            .collect();
        found.sort_unstable();
        found
    }

    /// All files of the layout.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        for folder in [self.at("image"), self.at("image/blobs/sha256")] {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    files.insert(path.clone(), std::fs::read(path).unwrap());
                }
            }
        }
        files
    }
}

fn layout(folder: &Path) -> Digest {
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let blob = |media_type: &str, bytes: &[u8]| {
        let digest = Digest::of(bytes);
        std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    };
    let config = blob(
        "application/vnd.oci.image.config.v1+json",
        br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#,
    );
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest =
        json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": []});
    let image = blob(media_type, manifest.to_string().as_bytes());
    let index = json!({"schemaVersion": 2, "manifests": [image]});
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
    std::fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
    Digest::of(manifest.to_string().as_bytes())
}

fn key() -> PrivateKey {
    PrivateKey::from_pem(KEY, "key", None).unwrap()
}

fn envelope(about: &Digest, n: u64) -> Envelope {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://example.com/n",
        "subject": [{"name": "app", "digest": {"sha256": about.hex()}}], "predicate": {"n": n},
    });
    Envelope::sign(IN_TOTO, statement.to_string().into_bytes(), &key())
}

#[test]
fn any_number_of_attestations_and_each_once() {
    let place = Place::new();
    let lines: Vec<String> = (0..3)
        .map(|n| envelope(&place.image, n).to_json().to_string())
        .collect();
    place.write("lines", lines.join("\n"));
    let fourth = Bundle::of_key(&envelope(&place.image, 3), key().public());
    place.write("bundle", serde_json::to_string_pretty(&fourth).unwrap());
    place.write("tagged", envelope(&place.image, 4).to_json().to_string());
    let attached = |arguments: &[&str], verdict: &str| {
        assert_eq!(
            place.attach(arguments),
            (Some(0), verdict.to_owned()),
            "{arguments:?}"
        );
    };
    attached(&["lines", "bundle"], "attached");
    assert_eq!(place.found(), [0, 1, 2, 3]);
    attached(&["tagged", "--form=att"], "attached");
    attached(&["lines", "--form=att"], "attached");
    assert_eq!(place.found(), [0, 1, 2, 3, 4]);
    let before = place.files();
    attached(&["bundle", "lines"], "unchanged");
    attached(&["tagged", "--form=att"], "unchanged");
    assert!(before == place.files());
    // A bundle stays as it is, to the byte.
    let bytes = std::fs::read(place.at("bundle")).unwrap();
    assert_eq!(
        before[&place
            .at("image/blobs/sha256")
            .join(Digest::of(&bytes).hex())],
        bytes
    );
    // The image is the same, and what is attached is no part of it.
    let index: Value =
        serde_json::from_slice(&std::fs::read(place.at("image/index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"][0]["digest"], place.image.to_string());
    assert_eq!(index["manifests"].as_array().unwrap().len(), 6);
}

#[test]
fn what_is_not_about_the_image_is_refused_and_nothing_is_attached() {
    let place = Place::new();
    let good = envelope(&place.image, 0);
    place.write("good", good.to_json().to_string());
    let write = |name: &str, envelope: &Envelope| place.write(name, envelope.to_json().to_string());
    write("other", &envelope(&Digest::of(b"other"), 1));
    write(
        "stripped",
        &Envelope {
            signatures: Vec::new(),
            ..good.clone()
        },
    );
    write(
        "type",
        &Envelope {
            payload_type: "text/plain".into(),
            ..good.clone()
        },
    );
    write("twice", &{
        let text = String::from_utf8(good.payload.clone()).unwrap();
        let text = text.replacen("{", "{\"subject\":[],", 1);
        Envelope::sign(IN_TOTO, text.into_bytes(), &key())
    });
    place.write("bare", &good.payload);
    place.write("json", "{}");
    place.write("empty", "");
    let mut certified = Bundle::of_key(&good, key().public());
    certified["verificationMaterial"]["tlogEntries"] = json!([{"logIndex": "1"}]);
    place.write("certified", certified.to_string());
    let mut message = Bundle::of_key(&good, key().public());
    message.as_object_mut().unwrap().remove("dsseEnvelope");
    message["messageSignature"] = json!({"signature": "AAAA"});
    place.write("message", message.to_string());
    let before = place.files();
    for (arguments, code, word) in [
        (&["other"][..], 1, "other: it is about `app`"),
        (&["good", "other"], 1, "other: it is about `app`"),
        (&["stripped"], 1, "stripped: it is not signed"),
        (
            &["type"],
            1,
            "type: what was signed is of the type `text/plain`",
        ),
        (&["twice"], 2, "twice"),
        (&["bare"], 1, "bare: it is a statement that nobody signed"),
        (&["message"], 1, "message: it is the signature of a file"),
        (&["json"], 2, "json"),
        (&["empty"], 2, "empty"),
        (&["absent"], 3, "absent"),
        (
            &["certified", "--form=att"],
            2,
            "no place under the tag .att",
        ),
    ] {
        let (actual, said) = place.attach(arguments);
        assert_eq!(actual, Some(code), "{arguments:?}: {said}");
        assert!(said.contains(word), "{arguments:?}: {said}");
        assert!(before == place.files(), "{arguments:?}");
    }
    assert_eq!(place.attach(&["certified"]).1, "attached");
    // A type that could fill the manifest stands in the statement alone, which is in base64.
    let long = String::from_utf8(good.payload.clone()).unwrap();
    let long = long.replacen("example.com/n", &"n".repeat(5000), 1);
    place.write(
        "long",
        Envelope::sign(IN_TOTO, long.into_bytes(), &key())
            .to_json()
            .to_string(),
    );
    for form in ["--form=bundle", "--form=att"] {
        assert_eq!(place.attach(&["long", form]).1, "attached");
        assert_eq!(place.attach(&["long", form]).1, "unchanged");
    }
    assert_eq!(place.found(), [0, 0]);
    let plain = "n".repeat(100).into_bytes();
    let is_plain = |file: &Vec<u8>| file.windows(100).any(|part| part == plain);
    assert!(!place.files().values().any(is_plain));
    // What the layout is of is what is attached to: index.json itself has no place for it.
    let manifests = json!([
        {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": place.image, "size": 1},
    ]);
    place.write(
        "image/index.json",
        json!({"schemaVersion": 2, "manifests": manifests}).to_string(),
    );
    let (code, said) = place.attach(&["good"]);
    assert_eq!(code, Some(2), "{said}");
    std::fs::remove_dir_all(place.at("image")).unwrap();
    assert_eq!(place.attach(&["good"]).0, Some(3));
}
