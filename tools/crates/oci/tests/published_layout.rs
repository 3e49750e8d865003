//! A layout that others published: several things in `index.json`, a nested index, attestations.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use verbatim_oci::attached::CosignTag;
use verbatim_oci::gather::{Attachments, By};
use verbatim_oci::layout::{check, images, import, Inputs, Layout, Link, Plan};
use verbatim_oci::{
    build, Base, Document, ErrorKind, Family, LayerMetadata, MediaType, Named, Settings,
    DEFAULT_CREATED,
};
use verbatim_reader::{Archive, Kind};

const LAYOUT: &[u8] = include_bytes!("../testdata/slsa-example-package-v2.0.0.oci.tar");
/// The index of the image, without the attestations that `cosign save` listed beside it.
const INDEX: &str = "sha256:55aee984fd6b1d0e0a19a55265d10d40063a2212bdbabd75b202b1728236548d";
const IMAGE: &str = "sha256:5fa774f16f1c8f4dfa3aa916a3ac9b81e6c59be9339489967d908901770ba530";
const LAYER: &str = "1655dacea61cc228f17aaef86440980838664e8a29d40a9b9735f4621ae441b8";

/// The archive, and the same as a folder.
fn layouts(dir: &Path) -> [Layout; 2] {
    let tar = dir.join("layout.tar");
    std::fs::write(&tar, LAYOUT).unwrap();
    let folder = dir.join("layout");
    let mut archive = Archive::new(LAYOUT);
    while let Some(mut entry) = archive.next_entry().unwrap() {
        let path = folder.join(std::str::from_utf8(&entry.path).unwrap());
        if entry.kind == Kind::Directory {
            std::fs::create_dir_all(path).unwrap();
        } else {
            let mut data = Vec::new();
            entry.read_to_end(&mut data).unwrap();
            std::fs::write(path, data).unwrap();
        }
    }
    [Layout::open(&folder).unwrap(), Layout::open(&tar).unwrap()]
}

#[test]
fn it_is_what_it_says() {
    let dir = tempfile::tempdir().unwrap();
    for layout in layouts(dir.path()) {
        for threads in [1, 4] {
            let report = check(&layout, threads, Arc::new(())).unwrap();
            assert_eq!(report.problems, []);
            assert_eq!(report.published.as_ref().unwrap().digest.to_string(), INDEX);
            assert_eq!(report.images.len(), 1);
            assert_eq!(report.images[0].manifest.to_string(), IMAGE);
            assert_eq!(report.images[0].layers, 12);
            assert_eq!((report.blobs, report.bytes), (21, 1_688_403));
            assert_eq!(report.unreferenced, [""; 0]);
        }
    }
}

#[test]
fn one_changed_byte_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let [layout, _] = layouts(dir.path());
    let path = dir.path().join("layout/blobs/sha256").join(LAYER);
    let good = std::fs::read(&path).unwrap();
    for at in [0, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&path, bad).unwrap();
        let report = check(&layout, 2, Arc::new(())).unwrap();
        assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
        assert_eq!(report.problems[0].kind, ErrorKind::Mismatch);
        assert!(report.problems[0].file.ends_with(LAYER));
        let error = import(&layout, None, 2, Arc::new(())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch);
    }
    std::fs::write(&path, &good[1..]).unwrap();
    let report = check(&layout, 2, Arc::new(())).unwrap();
    assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
    assert_eq!(
        report.problems[0].pointer.as_deref(),
        Some("/layers/11/size")
    );
}

#[test]
fn the_image_is_found_among_the_attestations() {
    let dir = tempfile::tempdir().unwrap();
    for layout in layouts(dir.path()) {
        let found = images(&layout).unwrap();
        assert_eq!(found.len(), 1);
        let amd64 = "linux/amd64".parse().unwrap();
        for platform in [None, Some(&amd64)] {
            let image = import(&layout, platform, 2, Arc::new(())).unwrap();
            assert_eq!(image.metadata.manifest.digest.to_string(), IMAGE);
            assert_eq!(image.metadata.layers.len(), 12);
            assert!(image
                .metadata
                .layers
                .iter()
                .all(|l| l.uncompressed_size.is_some()));
        }
        let arm64 = "linux/arm64".parse().unwrap();
        let error = import(&layout, Some(&arm64), 2, Arc::new(()))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no image for linux/arm64; there are linux/amd64"),
            "{error}"
        );
    }
}

#[test]
fn what_cosign_saved_beside_it_is_attached_to_the_index() {
    let dir = tempfile::tempdir().unwrap();
    for layout in layouts(dir.path()) {
        let index = INDEX.parse().unwrap();
        let attached = layout.attached(&index, &CosignTag::ALL).unwrap();
        assert_eq!(attached.len(), 1);
        assert_eq!(attached[0].by, By::Tag(CosignTag::Attestations));
        let bytes = layout.document(&attached[0].descriptor).unwrap();
        let Document::Manifest(manifest) = Document::parse(&bytes, "m").unwrap() else {
            panic!("no manifest");
        };
        assert_eq!(manifest.layers.len(), 1);
        assert!(manifest.layers[0].media_type.is_attestation());
        let (mut blob, _) = layout.blob(&manifest.layers[0].digest).unwrap();
        let mut envelope = Vec::new();
        blob.read_to_end(&mut envelope).unwrap();
        assert!(envelope.starts_with(b"{\"payloadType\""));
    }
}

#[test]
fn an_image_is_built_on_it() {
    let dir = tempfile::tempdir().unwrap();
    let [folder, archive] = layouts(dir.path());
    let image = import(&folder, None, 2, Arc::new(())).unwrap();
    let base = Base::new(
        Named::new(&image.manifest, "manifest"),
        Named::new(&image.config, "config"),
        Some((&image.metadata, "metadata")),
    )
    .unwrap();
    let blob = dir.path().join("layer.tar");
    std::fs::write(&blob, [0; 1024]).unwrap();
    let layer = LayerMetadata::of_blob(&blob).unwrap();
    assert_eq!(layer.media_type, MediaType::OCI_LAYER);
    let settings = Settings {
        cmd: Some(vec!["--help".into()]),
        ..Settings::default()
    };
    let built = build(
        Some(&base),
        std::slice::from_ref(&layer),
        &settings,
        Family::Oci,
    )
    .unwrap();
    let config: serde_json::Value = serde_json::from_slice(&built.config).unwrap();
    assert_eq!(config["created"], DEFAULT_CREATED);
    assert_eq!(config["config"]["Entrypoint"][0], "/app");
    assert_eq!(config["config"]["Cmd"][0], "--help");
    assert_eq!(
        config["config"]["Labels"]["org.opencontainers.image.licenses"],
        "Apache-2.0"
    );
    assert!(config.get("history").is_none());
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 13);
    // A golden digest: whatever changes the bytes of images changes it.
    assert_eq!(
        built.metadata.manifest.digest.to_string(),
        "sha256:6e743f8159041ed6631dc5dc5e10620fb9b6e01856324d8e395875e8f1b488f0"
    );

    // Written from the folder, and from the archive: the same bytes.
    let mut written = Vec::new();
    for (i, layout) in [folder, archive].into_iter().enumerate() {
        let mut inputs = Inputs::default();
        inputs.add_document(built.config.clone());
        inputs.add_layer(verbatim_oci::layout::LayerInput {
            blob: blob.clone(),
            metadata: layer.clone(),
        });
        inputs.add_open_layout(layout);
        let plan = Plan::new(Named::new(&built.manifest, "manifest"), inputs).unwrap();
        let out = dir.path().join(format!("out{i}.tar"));
        plan.write_archive(&out, Some(("localhost/x:1", Some("1"))))
            .unwrap();
        for (link, name) in [
            (Link::Copy, "c"),
            (Link::Hardlink, "h"),
            (Link::Symlink, "s"),
        ] {
            let out = dir.path().join(format!("out{i}{name}"));
            plan.write_folder(&out, link, None).unwrap();
            let report = check(&Layout::open(&out).unwrap(), 2, Arc::new(())).unwrap();
            assert_eq!(report.problems, []);
            assert_eq!(
                report.published.as_ref().unwrap().digest,
                built.metadata.manifest.digest
            );
        }
        let report = check(&Layout::open(&out).unwrap(), 2, Arc::new(())).unwrap();
        assert_eq!(report.problems, []);
        written.push(std::fs::read(out).unwrap());
    }
    assert!(written[0] == written[1]);
}
