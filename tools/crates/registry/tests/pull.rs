//! Layouts from a registry: whole or not at all, and nothing that was not asked for.

mod server;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use server::{quick, Reply, Request, Server};
use verbatim_digest::Digest;
use verbatim_oci::layout::{check, Layout};
use verbatim_registry::{Client, Error, ErrorKind, Pull, Pulled};

/// The content of a registry: documents and blobs by what follows `/v2/acme/app/`.
type Content = BTreeMap<String, Vec<u8>>;

fn put(content: &mut Content, kind: &str, data: &[u8]) -> Digest {
    let digest = Digest::of(data);
    content.insert(format!("{kind}/{digest}"), data.to_vec());
    digest
}

/// An image with one layer, which is a tar archive of nothing, and its descriptor.
fn image(content: &mut Content, architecture: &str) -> String {
    let layer = vec![0; 1024];
    let diff_id = put(content, "blobs", &layer);
    let config = format!(
        "{{\"architecture\":\"{architecture}\",\"os\":\"linux\",\"rootfs\":{{\"type\":\"layers\",\"diff_ids\":[\"{diff_id}\"]}}}}"
    );
    let config_digest = put(content, "blobs", config.as_bytes());
    let manifest = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"{config_digest}\",\"size\":{}}},\"layers\":[{{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"{diff_id}\",\"size\":1024}}]}}",
        config.len()
    );
    let digest = put(content, "manifests", manifest.as_bytes());
    format!(
        "{{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"{digest}\",\"size\":{},\"platform\":{{\"os\":\"linux\",\"architecture\":\"{architecture}\"}}}}",
        manifest.len()
    )
}

/// `v1`: an index of three architectures.
fn registry() -> (Content, Digest) {
    let mut content = Content::new();
    let all = ["amd64", "arm64", "s390x"].map(|architecture| image(&mut content, architecture));
    let index = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[{}]}}",
        all.join(",")
    );
    let digest = put(&mut content, "manifests", index.as_bytes());
    content.insert("manifests/v1".into(), index.into_bytes());
    (content, digest)
}

fn serve(content: Content) -> Server {
    Server::start(move |request: &Request| {
        let what = request
            .path
            .strip_prefix("/v2/acme/app/")
            .unwrap_or_default();
        match content.get(what) {
            Some(data) => Reply::ok(data.clone()),
            None => Reply::status(404),
        }
    })
}

async fn pull(
    server: &Server,
    platforms: &[&str],
    shallow: bool,
    out: &Path,
) -> Result<Pulled, Error> {
    let pull = Pull {
        target: format!("{}/acme/app:v1", server.address()).parse().unwrap(),
        platforms: platforms.iter().map(|p| p.parse().unwrap()).collect(),
        shallow,
        tag: None,
    };
    let client = Client::new(quick()).unwrap();
    client.pull(&pull, out, Arc::new(())).await
}

fn blobs(out: &Path) -> usize {
    fs::read_dir(out.join("blobs/sha256")).unwrap().count()
}

fn assert_right(out: &Path) {
    let report = check(&Layout::open(out).unwrap(), 2, Arc::new(())).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
}

#[tokio::test]
async fn everything_or_a_platform_or_some() {
    let (content, digest) = registry();
    let server = serve(content);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);

    let all = pull(&server, &[], false, &at("all")).await.unwrap();
    assert_eq!((all.digest, all.root.digest), (digest, digest));
    assert_eq!(all.images.len(), 3);
    assert_eq!(blobs(&at("all")), 1 + 3 + 3 + 1);
    assert_right(&at("all"));

    let one = pull(&server, &["linux/arm64"], false, &at("one"))
        .await
        .unwrap();
    assert_eq!(one.digest, digest);
    assert_eq!(one.root.digest, all.images[1].manifest);
    assert_eq!(blobs(&at("one")), 3);
    assert_right(&at("one"));

    let two = pull(&server, &["linux/s390x", "linux/amd64"], false, &at("two"))
        .await
        .unwrap();
    assert_ne!(two.root.digest, digest);
    assert_eq!(two.images.len(), 2);
    assert_right(&at("two"));

    let error = pull(&server, &["linux/riscv64"], false, &at("none"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("linux/s390x"), "{error}");
    assert!(!at("none").exists());
}

#[tokio::test]
async fn a_shallow_layout_is_completed_later() {
    let (content, _) = registry();
    let server = serve(content);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("layout");
    pull(&server, &[], true, &out).await.unwrap();
    assert_eq!(blobs(&out), 7);
    assert!(server
        .paths()
        .iter()
        .all(|path| !path.ends_with(&Digest::of(&[0; 1024]).hex())));
    let done = pull(&server, &[], false, &out).await.unwrap();
    assert_eq!((done.fetched.0, done.kept.0), (1, 7));
    assert_right(&out);

    // A blob that has gone wrong is fetched again, and nothing else is.
    let blob = out.join("blobs/sha256").join(Digest::of(&[0; 1024]).hex());
    fs::write(&blob, vec![1; 1024]).unwrap();
    let done = pull(&server, &[], false, &out).await.unwrap();
    assert_eq!((done.fetched.0, done.kept.0), (1, 7));
    assert_right(&out);
}

#[tokio::test]
async fn what_is_there_is_never_overwritten() {
    let (content, _) = registry();
    let server = serve(content);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("layout");
    pull(&server, &["linux/amd64"], false, &out).await.unwrap();
    let error = pull(&server, &[], false, &out).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    assert_right(&out);
    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("mine"), "x").unwrap();
    let error = pull(&server, &[], false, &other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Local, "{error}");
    assert_eq!(fs::read(other.join("mine")).unwrap(), b"x");
}

#[tokio::test]
async fn nothing_is_left_when_one_blob_is_wrong() {
    let (mut content, _) = registry();
    let layer = format!("blobs/{}", Digest::of(&[0; 1024]));
    for damage in [Some(vec![1; 1024]), Some(vec![0; 1023]), None] {
        match damage {
            Some(data) => content.insert(layer.clone(), data),
            None => content.remove(&layer),
        };
        let server = serve(content.clone());
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("layout");
        assert!(pull(&server, &[], false, &out).await.is_err());
        assert!(!out.exists());
    }
}

#[tokio::test]
async fn an_index_that_lies_about_a_size_is_refused() {
    let (mut content, _) = registry();
    let index = String::from_utf8(content["manifests/v1"].clone()).unwrap();
    let at = index.find("\"size\":").unwrap() + 7;
    content.insert(
        "manifests/v1".into(),
        format!("{}1{}", &index[..at], &index[at..]).into_bytes(),
    );
    let server = serve(content);
    let folder = tempfile::tempdir().unwrap();
    let error = pull(&server, &[], false, &folder.path().join("out"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Broken, "{error}");
}

#[tokio::test]
async fn an_index_of_very_many_entries_is_refused() {
    let entries: Vec<String> = (0..20_000)
        .map(|i| {
            let digest = Digest::of(format!("{i}").as_bytes());
            format!("{{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"{digest}\",\"size\":9}}")
        })
        .collect();
    let index = format!(
        "{{\"schemaVersion\":2,\"manifests\":[{}]}}",
        entries.join(",")
    );
    assert!(index.len() < 4 << 20);
    let server = serve(Content::from([(
        "manifests/v1".to_owned(),
        index.into_bytes(),
    )]));
    let folder = tempfile::tempdir().unwrap();
    let error = pull(&server, &[], false, &folder.path().join("out"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Broken, "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_blob_is_fetched_from_where_it_is() {
    let (content, _) = registry();
    let server = serve(content);
    let client = Client::new(quick()).unwrap();
    let repository = |name: &str| format!("{}/{name}", server.address()).parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("layer.tar");
    let digest = Digest::of(&[0; 1024]);
    let both = [repository("acme/empty"), repository("acme/app")];
    for size in [None, Some(1024)] {
        let bytes = client
            .pull_blob(&both, digest, size, 2048, &out, Arc::new(()))
            .await
            .unwrap();
        assert_eq!(bytes, 1024);
        assert_eq!(fs::read(&out).unwrap(), [0; 1024]);
        fs::remove_file(&out).unwrap();
    }
    for (size, limit) in [(Some(1000), 2048), (None, 1000), (Some(4096), 2048)] {
        assert!(client
            .pull_blob(&both[1..], digest, size, limit, &out, Arc::new(()))
            .await
            .is_err());
        assert!(!out.exists());
    }
}
