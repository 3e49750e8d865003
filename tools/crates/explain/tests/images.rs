//! Images level by level: what is equal is not opened, a layer in between moves nothing.

mod support;

use std::path::Path;

use serde_json::{json, Value};
use support::{causes, file, gzip, ids, paths, tar, Entry};
use verbatim_digest::Digest;
use verbatim_explain::{Level, Verdict};

/// A layer: the blob as it is stored, and the archive inside.
type Layer = (Vec<u8>, Vec<u8>);

fn plain(archive: Vec<u8>) -> Layer {
    (archive.clone(), archive)
}

fn put(layout: &Path, data: &[u8]) -> Value {
    let digest = Digest::of(data);
    let blobs = layout.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(blobs.join(digest.hex()), data).unwrap();
    json!({"digest": digest, "size": data.len()})
}

fn typed(mut descriptor: Value, media_type: &str) -> Value {
    descriptor["mediaType"] = json!(format!("application/vnd.oci.image.{media_type}+json"));
    descriptor
}

fn manifest(layout: &Path, layers: &[Layer], created: &str) -> Value {
    let diff_ids: Vec<_> = layers.iter().map(|(_, tar)| Digest::of(tar)).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "created": created,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let config = typed(put(layout, config.to_string().as_bytes()), "config.v1");
    let layers: Vec<_> = layers
        .iter()
        .map(|(blob, _)| {
            let mut descriptor = put(layout, blob);
            descriptor["mediaType"] = json!("application/vnd.oci.image.layer.v1.tar+gzip");
            descriptor
        })
        .collect();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config, "layers": layers,
    });
    typed(put(layout, manifest.to_string().as_bytes()), "manifest.v1")
}

fn finish(layout: &Path, manifests: &[Value]) {
    std::fs::write(
        layout.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
    let index = json!({"schemaVersion": 2, "manifests": manifests});
    std::fs::write(layout.join("index.json"), index.to_string()).unwrap();
}

fn image(layout: &Path, layers: &[Layer], created: &str) {
    std::fs::create_dir_all(layout).unwrap();
    let manifest = manifest(layout, layers, created);
    finish(layout, &[manifest]);
}

const THEN: &str = "1970-01-01T00:00:00Z";

#[test]
fn down_to_the_file_in_a_layer_without_opening_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    let base = tar(&[file("base", b"1")]);
    let app = |content: &[u8]| {
        let archive = tar(&[file("app", content)]);
        (gzip(&archive, 6, 0, ""), archive)
    };
    image(&a, &[plain(base.clone()), app(b"one two")], THEN);
    image(
        &b,
        &[plain(base.clone()), app(b"one three")],
        "2024-01-01T00:00:00Z",
    );
    // What is equal is not even there.
    for layout in [&a, &b] {
        std::fs::remove_file(layout.join("blobs/sha256").join(Digest::of(&base).hex())).unwrap();
    }
    let report = paths(&a, &b).unwrap();
    let mut found = causes(&report);
    found.sort();
    assert_eq!(
        found,
        [
            ("source-change".into(), vec!["layer 2!app".into()]),
            ("timestamp".into(), vec!["config".to_owned()]),
        ]
    );
    assert_eq!(paths(&a, &a).unwrap().verdict, Verdict::Equal);
}

#[test]
fn a_layer_in_between() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    let layer = |name: &str| plain(tar(&[file(name, b"x")]));
    image(&a, &[layer("1"), layer("2"), layer("3")], THEN);
    image(
        &b,
        &[layer("1"), layer("new"), layer("2"), layer("3")],
        THEN,
    );
    let report = paths(&a, &b).unwrap();
    assert_eq!(
        causes(&report),
        [(
            "added-file".into(),
            vec!["layer 2 of the right side".into()]
        )]
    );
}

#[test]
fn the_same_archive_compressed_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    let archive = tar(&[file("x", &b"text ".repeat(3000))]);
    let layer = |level| (gzip(&archive, level, 0, ""), archive.clone());
    image(&a, &[layer(1)], THEN);
    image(&b, &[layer(9)], THEN);
    assert_eq!(ids(&paths(&a, &b).unwrap()), ["compression"]);
}

#[test]
fn images_of_an_index_are_paired_by_platform() {
    let dir = tempfile::tempdir().unwrap();
    let layout = |name: &str, content: &[u8], turned: bool| {
        let layout = dir.path().join(name);
        std::fs::create_dir(&layout).unwrap();
        let mut manifests: Vec<_> = [("amd64", &b"same"[..]), ("arm64", content)]
            .iter()
            .map(|(architecture, content)| {
                let layers = [plain(tar(&[file(architecture, content)]))];
                let mut descriptor = manifest(&layout, &layers, THEN);
                descriptor["platform"] = json!({"os": "linux", "architecture": architecture});
                descriptor
            })
            .collect();
        if turned {
            manifests.reverse();
        }
        finish(&layout, &manifests);
        layout
    };
    let (a, b) = (layout("a", b"1 a", false), layout("b", b"1 b", false));
    let report = paths(&a, &b).unwrap();
    assert_eq!(report.causes[0].paths, ["linux/arm64!layer 1!arm64"]);
    assert_eq!(report.differences[0].level, Level::Index);
    let turned = layout("c", b"1 a", true);
    assert_eq!(ids(&paths(&a, &turned).unwrap()), ["file-order"]);
}

/// Archives of `docker save`: one image, as each tool and version spells where its parts lie.
#[test]
fn saved_archives_are_read_in_every_spelling() {
    let dir = tempfile::tempdir().unwrap();
    let layer = tar(&[file("app", b"1")]);
    let config = json!({
        "architecture": "amd64", "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer)]},
    });
    let config = config.to_string().into_bytes();
    let archive = |name: &str, image: Value, entries: &[Entry]| {
        let list = json!([image]).to_string();
        let all = [&[file("manifest.json", list.as_bytes())], entries].concat();
        let path = dir.path().join(name);
        std::fs::write(&path, tar(&all)).unwrap();
        path
    };
    let link = |path: &str, flag: u8, link: &'static str| Entry {
        flag,
        link,
        ..file(path, b"")
    };
    let plain = [file("c.json", &config), file("a/layer.tar", &layer)];
    let image = |layer: &str| json!({"Config": "c.json", "RepoTags": ["a:1"], "Layers": [layer]});
    let first = archive("plain", image("a/layer.tar"), &plain);
    let with = |entry: Entry| [&plain[..], &[entry]].concat();
    for (name, layer, entries) in [
        (
            "symbolic",
            "b/layer.tar",
            with(link("b/layer.tar", b'2', "../a/layer.tar")),
        ),
        (
            "rooted",
            "b/layer.tar",
            with(link("b/layer.tar", b'2', "/a/layer.tar")),
        ),
        (
            "hard",
            "b/layer.tar",
            with(link("b/layer.tar", b'1', "./a/layer.tar")),
        ),
        ("dots", "././a//layer.tar", plain.to_vec()),
        (
            "half a layout",
            "a/layer.tar",
            with(file("oci-layout", b"{}")),
        ),
    ] {
        let report = paths(&first, &archive(name, image(layer), &entries)).unwrap();
        assert_eq!(report.verdict, Verdict::Equal, "{name}: {:?}", ids(&report));
        assert_eq!(report.left.kind, "docker-archive");
    }
    // What a container of nothing has, in the words of Docker and of podman.
    let nothing = |layers: Value| json!({"Config": "c.json", "RepoTags": null, "Layers": layers});
    let (null, none) = (nothing(Value::Null), nothing(json!([])));
    let (null, none) = (archive("null", null, &plain), archive("none", none, &plain));
    assert_eq!(paths(&null, &none).unwrap().verdict, Verdict::Equal);
    // What is named and not there, and what is there in two ways.
    for (name, layer, entries, words) in [
        (
            "absent",
            "b/layer.tar",
            plain.to_vec(),
            "b/layer.tar: is named in manifest.json",
        ),
        (
            "twice",
            "a/layer.tar",
            with(file("./a/layer.tar", b"other")),
            "holds a/layer.tar twice",
        ),
    ] {
        let error = paths(&first, &archive(name, image(layer), &entries)).unwrap_err();
        assert_eq!(error.kind(), verbatim_explain::ErrorKind::Input);
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// Give the only image of a layout a name.
fn name(layout: &Path, name: &str) {
    let path = layout.join("index.json");
    let mut index: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    index["manifests"][0]["annotations"] = json!({"org.opencontainers.image.ref.name": name});
    std::fs::write(path, index.to_string()).unwrap();
}

#[test]
fn the_name_of_an_image_is_no_part_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let layout = |folder: &str, content: &[u8]| {
        let layout = dir.path().join(folder);
        image(&layout, &[plain(tar(&[file("app", content)]))], THEN);
        name(&layout, folder);
        layout
    };
    let (a, b, c) = (layout("a", b"1"), layout("b", b"1"), layout("c", b"one"));
    assert_eq!(ids(&paths(&a, &c).unwrap()), ["source-change"]);
    assert_eq!(
        causes(&paths(&a, &c).unwrap()),
        [("source-change".into(), vec!["layer 1!app".to_owned()])]
    );
    // Alone it is told: the layouts do differ.
    let report = paths(&a, &b).unwrap();
    assert_eq!(
        causes(&report),
        [("archive-header".into(), vec!["index.json".to_owned()])]
    );
    // That the images are the same their digests say, and nothing was opened.
    assert_eq!(report.notes.len(), 2);
    assert!(report.by_digest && report.notes[1].contains("nothing"));
    assert!(!paths(&a, &c).unwrap().by_digest);
    let report = paths(&a, &a).unwrap();
    assert!(report.by_digest && report.notes.len() == 1);
}

/// Rewrite the config of the only image of a layout.
fn edit_config(layout: &Path, edit: impl Fn(&mut Value)) {
    let read = |digest: &Value| -> Value {
        let hex = digest.as_str().unwrap().strip_prefix("sha256:").unwrap();
        let blob = layout.join("blobs/sha256").join(hex);
        serde_json::from_slice(&std::fs::read(blob).unwrap()).unwrap()
    };
    let path = layout.join("index.json");
    let index: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let mut manifest = read(&index["manifests"][0]["digest"]);
    let mut config = read(&manifest["config"]["digest"]);
    edit(&mut config);
    manifest["config"] = typed(put(layout, config.to_string().as_bytes()), "config.v1");
    let manifest = typed(put(layout, manifest.to_string().as_bytes()), "manifest.v1");
    finish(layout, &[manifest]);
}

#[test]
fn steps_follow_from_what_they_made() {
    let dir = tempfile::tempdir().unwrap();
    let layout = |folder: &str, content: &[u8], step: &str, label: &str| {
        let layout = dir.path().join(folder);
        image(&layout, &[plain(tar(&[file("app", content)]))], THEN);
        edit_config(&layout, |config| {
            config["history"] = json!([{"created": THEN, "created_by": step}]);
            config["config"] = json!({"Labels": {"kind": label}});
        });
        layout
    };
    let a = layout("a", b"1", "COPY file:0a in /app", "x");
    let b = layout("b", b"2", "COPY file:0b in /app", "x");
    assert_eq!(ids(&paths(&a, &b).unwrap()), ["source-change"]);
    let c = layout("c", b"1", "LABEL kind=y", "y");
    assert_eq!(ids(&paths(&a, &c).unwrap()), ["source-change"]);
    let d = layout("d", b"1", "ADD app /app", "x");
    assert_eq!(ids(&paths(&a, &d).unwrap()), ["history"]);
}

#[test]
fn layers_that_changed_places() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    let layer = |name: &str| plain(tar(&[file(name, b"x")]));
    image(&a, &[layer("1"), layer("2")], THEN);
    image(&b, &[layer("2"), layer("1")], THEN);
    assert_eq!(
        causes(&paths(&a, &b).unwrap()),
        [("file-order".into(), vec!["layer 1".to_owned()])]
    );
}
