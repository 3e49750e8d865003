//! The deep check of an image where it is served, by servers that do wrong.

mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use server::{quick, repository, Reply, Request, Server, Then};
use verbatim_digest::Digest;
use verbatim_net::runtime;
use verbatim_oci::layout::{check_roots, Checked, Root};
use verbatim_oci::{Descriptor, MediaType};
use verbatim_registry::{Client, Remote};

/// Documents and blobs by what follows `/v2/acme/app/`.
type Content = BTreeMap<String, Vec<u8>>;

fn put(content: &mut Content, kind: &str, data: &[u8]) -> Digest {
    let digest = Digest::of(data);
    content.insert(format!("{kind}/{digest}"), data.to_vec());
    digest
}

const TAR: &str = "application/vnd.oci.image.layer.v1.tar";

/// An image of one layer: what is served, the manifest's descriptor, and the layer's digest.
fn image(layer: &[u8], media_type: &str, diff_id: Digest) -> (Content, Descriptor, Digest) {
    let mut content = Content::new();
    let layer_digest = put(&mut content, "blobs", layer);
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#
    );
    let config_digest = put(&mut content, "blobs", config.as_bytes());
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config_digest}","size":{}}},"layers":[{{"mediaType":"{media_type}","digest":"{layer_digest}","size":{}}}]}}"#,
        config.len(),
        layer.len()
    );
    put(&mut content, "manifests", manifest.as_bytes());
    let descriptor = Descriptor::of(MediaType::OCI_MANIFEST, manifest.as_bytes());
    (content, descriptor, layer_digest)
}

fn plain() -> (Content, Descriptor, Digest) {
    let layer = vec![0; 2048];
    image(&layer, TAR, Digest::of(&layer))
}

/// Serve the content; `bend` may answer in its place.
fn serve(content: Content, bend: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static) -> Server {
    Server::start(move |request: &Request| {
        let what = request
            .path
            .strip_prefix("/v2/acme/app/")
            .unwrap_or_default();
        match (bend(what), content.get(what)) {
            (Some(reply), _) => reply,
            (None, Some(data)) => Reply::ok(data.clone()),
            (None, None) => Reply::status(404),
        }
    })
}

fn check(server: &Server, descriptor: &Descriptor) -> Checked {
    let runtime = runtime().unwrap();
    let client = Client::new(quick()).unwrap();
    let blobs = Remote::new(client, repository(server), runtime.handle().clone());
    let root = Root {
        blobs: &blobs,
        descriptor,
    };
    // The same twice: each blob is read once all the same.
    let mut checked = check_roots(&[root, root], 4, Arc::new(()));
    assert_eq!(checked[0], checked[1]);
    checked.remove(0)
}

/// The one problem: its kind and its sentence.
fn problem(checked: &Checked) -> (&str, &str) {
    assert_eq!(checked.problems.len(), 1, "{:?}", checked.problems);
    let problem = &checked.problems[0];
    (problem.kind.name(), &problem.problem)
}

#[test]
fn an_image_that_is_right_is_read_once() {
    let (content, manifest, layer) = plain();
    let server = serve(content, |_| None);
    let checked = check(&server, &manifest);
    assert!(checked.problems.is_empty(), "{:?}", checked.problems);
    assert_eq!((checked.images.len(), checked.blobs), (1, 3));
    assert!(checked.bytes > 2048);
    let asked = server
        .paths()
        .iter()
        .filter(|path| path.ends_with(&layer.to_string()))
        .count();
    assert_eq!(asked, 1);
}

#[test]
fn a_layer_that_is_wrong_is_found() {
    let (content, manifest, layer) = plain();
    let path = format!("blobs/{layer}");
    let mut flipped = vec![0; 2048];
    flipped[1000] = 1;
    type Case = (Reply, &'static str, &'static str);
    let cases: [Case; 6] = [
        (Reply::status(404), "missing", "404"),
        (Reply::ok(flipped), "mismatch", "digest"),
        (Reply::ok(vec![0; 2047]), "mismatch", "2047"),
        (Reply::ok(vec![0; 2049]), "mismatch", "2049"),
        (Reply::status(403), "io", "403"),
        (Reply::status(503), "io", "503"),
    ];
    for (reply, kind, what) in cases {
        let wanted = path.clone();
        let server = serve(content.clone(), move |asked| {
            (asked == wanted).then(|| reply.clone())
        });
        let checked = check(&server, &manifest);
        let (found, sentence) = problem(&checked);
        assert_eq!(found, kind, "{sentence}");
        assert!(sentence.contains(what), "{sentence}");
    }
}

#[test]
fn a_diff_id_that_lies_is_found() {
    let layer = vec![0; 2048];
    let (content, manifest, _) = image(&layer, TAR, Digest::of(b"something else"));
    let checked = check(&serve(content, |_| None), &manifest);
    let (kind, sentence) = problem(&checked);
    assert_eq!(kind, "mismatch");
    assert!(sentence.contains("content of"), "{sentence}");
    let pointer = checked.problems[0].pointer.as_deref();
    assert_eq!(pointer, Some("/rootfs/diff_ids/0"));
}

#[test]
fn a_cut_is_mended_and_silence_ends() {
    let (content, manifest, layer) = plain();
    let path = format!("blobs/{layer}");
    for (then, is_right) in [(Then::Cut, true), (Then::Hang, false)] {
        let (wanted, cuts) = (path.clone(), Arc::new(std::sync::Mutex::new(0)));
        let server = serve(content.clone(), move |asked| {
            let mut cuts = cuts.lock().unwrap();
            *cuts += u32::from(asked == wanted);
            let bend = asked == wanted && (*cuts == 1 || !is_right);
            bend.then(|| Reply::ok(vec![0; 100]).length(Some(2048)).then(then))
        });
        let began = Instant::now();
        let checked = check(&server, &manifest);
        assert!(began.elapsed() < Duration::from_secs(10));
        if is_right {
            assert!(checked.problems.is_empty(), "{:?}", checked.problems);
        } else {
            assert_eq!(problem(&checked).0, "io");
        }
    }
}

#[test]
fn a_slow_loris_ends() {
    let (content, manifest, layer) = plain();
    let path = format!("blobs/{layer}");
    let server = serve(content, move |asked| {
        (asked == path).then(|| Reply::ok(vec![0; 2048]).drip(Duration::from_millis(20)))
    });
    let began = Instant::now();
    let checked = check(&server, &manifest);
    assert_eq!(problem(&checked).0, "io");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_layer_that_inflates_without_end_ends() {
    // A frame of Zstandard (RFC 8878): blocks of one byte that stands for 128 KiB.
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    for _ in 0..100_000 {
        bomb.extend([0x02, 0x00, 0x10, 0x00]);
    }
    let media_type = "application/vnd.oci.image.layer.v1.tar+zstd";
    let (content, manifest, _) = image(&bomb, media_type, Digest::of(b"who knows"));
    let checked = check(&serve(content, |_| None), &manifest);
    let (kind, sentence) = problem(&checked);
    assert_eq!(kind, "limit");
    assert!(sentence.contains("unpacks to more than"), "{sentence}");
}

#[test]
fn an_index_of_a_million_entries_ends() {
    let digest = Digest::of(b"x");
    let entry = format!(
        r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{digest}","size":9}}"#
    );
    // As many as are honest in form and fit; a million of the shortest; a million that do not fit.
    for (entry, times) in [
        (entry.as_str(), 25_000),
        ("{}", 1_000_000),
        (entry.as_str(), 1_000_000),
    ] {
        let index = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{}]}}"#,
            vec![entry; times].join(",")
        );
        let descriptor = Descriptor::of(MediaType::OCI_INDEX, index.as_bytes());
        let mut content = Content::new();
        put(&mut content, "manifests", index.as_bytes());
        let server = serve(content, |_| None);
        let began = Instant::now();
        let checked = check(&server, &descriptor);
        assert!(!checked.problems.is_empty());
        assert!(began.elapsed() < Duration::from_secs(20), "{times}");
        assert!(server.requests().len() < 5000);
    }
    // Each another one, and none of them there.
    let entries: Vec<String> = (0..20_000)
        .map(|n: u32| {
            entry.replace(
                &digest.to_string(),
                &Digest::of(&n.to_le_bytes()).to_string(),
            )
        })
        .collect();
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{}]}}"#,
        entries.join(",")
    );
    let descriptor = Descriptor::of(MediaType::OCI_INDEX, index.as_bytes());
    let mut content = Content::new();
    put(&mut content, "manifests", index.as_bytes());
    let server = serve(content, |_| None);
    let checked = check(&server, &descriptor);
    let limit = checked.problems.iter().find(|p| p.kind.name() == "limit");
    assert!(limit.is_some());
    // Two checks, and not more than the limit each.
    assert!(server.requests().len() < 2 * 4200);
}
