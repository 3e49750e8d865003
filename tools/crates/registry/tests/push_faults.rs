//! Pushes to a registry that cuts, refuses, or sends elsewhere.

mod server;

use std::ffi::OsString;
use std::sync::Mutex;

use server::store::{registry, Store};
use server::{quick, quick_http, repository, with, Reply, Request, Server, Then};
use verbatim_digest::Digest;
use verbatim_net::Credentials;
use verbatim_net::Options as HttpOptions;
use verbatim_oci::Named;
use verbatim_registry::{Client, Error, ErrorKind, Image, Inputs, Options, PushOptions, Pushed};

fn layer() -> Vec<u8> {
    (0..300_001u32).map(|i| (i * 7 + i / 251) as u8).collect()
}

/// An image of one layer, for the registry at `server`.
fn image(server: &Server) -> Image {
    let (config, layer) = (b"{}".to_vec(), layer());
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::of(&config), "size": config.len()},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": Digest::of(&layer), "size": layer.len()}],
    })
    .to_string();
    let mut inputs = Inputs::default();
    inputs.add_document(config);
    inputs.add_document(layer);
    let target = format!("{}:v1", repository(server)).parse().unwrap();
    Image::new(
        target,
        Named::new(manifest.as_bytes(), "m.json"),
        &inputs,
        "m.json",
    )
    .unwrap()
}

async fn push(server: &Server, options: Options, chunk: u64) -> Result<Vec<Pushed>, Error> {
    let push = PushOptions {
        chunk,
        ..PushOptions::default()
    };
    Client::new(options)
        .unwrap()
        .push(vec![image(server)], &push)
        .await
}

fn is_layer(request: &Request) -> bool {
    request.body.len() > 1000
}

fn has_layer(store: &Mutex<Store>) -> bool {
    let digest = Digest::of(&layer()).to_string();
    store.lock().unwrap().blobs.contains_key(&digest)
}

#[tokio::test]
async fn a_cut_upload_goes_on_where_it_ended() {
    let cut = Mutex::new(false);
    let (server, store) = registry(move |store, request| {
        let mut cut = cut.lock().unwrap();
        if *cut || request.method != "PUT" || !is_layer(request) {
            return None;
        }
        *cut = true;
        let upload = request.path.split('?').next().unwrap();
        let half = request.body[..100_000].to_vec();
        store.uploads.insert(upload.to_owned(), half);
        Some(Reply::raw("").then(Then::Cut))
    });
    let pushed = push(&server, quick(), 64 << 20).await.unwrap();
    assert!(pushed[0].is_right() && has_layer(&store));
    let patch = server
        .requests()
        .into_iter()
        .find(|request| request.method == "PATCH")
        .unwrap();
    assert_eq!(patch.header("content-range"), Some("100000-300000"));
    assert_eq!(patch.body.len(), 200_001);
}

#[tokio::test]
async fn a_cut_piece_costs_one_piece() {
    let cuts = Mutex::new(0);
    let (server, store) = registry(move |_, request| {
        let mut cuts = cuts.lock().unwrap();
        if request.method == "PATCH" && *cuts < 2 {
            *cuts += 1;
            return (*cuts == 2).then(|| Reply::raw("").then(Then::Cut));
        }
        None
    });
    push(&server, quick(), 100_000).await.unwrap();
    assert!(has_layer(&store));
    let ranges: Vec<String> = server
        .requests()
        .iter()
        .filter(|request| request.method == "PATCH")
        .map(|request| request.header("content-range").unwrap().to_owned())
        .collect();
    assert_eq!(
        ranges,
        [
            "0-99999",
            "100000-199999",
            "100000-199999",
            "200000-299999",
            "300000-300000"
        ]
    );
}

#[tokio::test]
async fn failures_that_pass_are_tried_again_and_others_are_not() {
    let failed = Mutex::new((false, false));
    let (server, store) = registry(move |_, request| {
        let mut failed = failed.lock().unwrap();
        if request.method == "POST" && !failed.0 {
            failed.0 = true;
            return Some(Reply::status(429).header("Retry-After", "0"));
        }
        if request.method == "PUT" && is_layer(request) && !failed.1 {
            failed.1 = true;
            return Some(Reply::status(500));
        }
        None
    });
    push(&server, quick(), 64 << 20).await.unwrap();
    assert!(has_layer(&store));

    // A digest that is refused is refused again.
    let (server, store) = registry(|_, request| {
        (request.method == "PUT" && is_layer(request)).then(|| Reply::status(400))
    });
    let error = push(&server, quick(), 64 << 20).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Broken, "{error}");
    assert!(store.lock().unwrap().manifests.is_empty());

    // And a registry that fails for ever is left alone after some tries.
    let (server, _) = registry(|_, request| {
        (request.method == "PUT" && is_layer(request)).then(|| Reply::status(503))
    });
    let error = push(&server, quick(), 64 << 20).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server, "{error}");
    let puts = server.requests().iter().filter(|r| is_layer(r)).count();
    assert_eq!(puts as u32, quick_http().retries.attempts);
}

#[tokio::test]
async fn a_registry_that_takes_no_pieces_gets_the_whole() {
    let (server, store) =
        registry(|_, request| (request.method == "PATCH").then(|| Reply::status(405)));
    push(&server, quick(), 100_000).await.unwrap();
    assert!(has_layer(&store));
}

#[tokio::test]
async fn tags_come_last() {
    let (server, _) = registry(|_, _| None);
    push(&server, quick(), 64 << 20).await.unwrap();
    let writes: Vec<String> = server
        .requests()
        .into_iter()
        .filter(|request| request.method == "PUT")
        .map(|request| request.path)
        .collect();
    assert_eq!(writes.len(), 4, "{writes:?}");
    assert!(writes[..2].iter().all(|path| path.starts_with("/upload/")));
    assert!(writes[2].contains("/manifests/sha256:"));
    assert!(writes[3].ends_with("/manifests/v1"));
}

#[tokio::test]
async fn what_is_served_in_the_end_is_looked_at() {
    let (server, _) = registry(|store, request| {
        let served = request.method == "GET" && request.path.ends_with("/manifests/v1");
        (served && !store.manifests.is_empty()).then(|| Reply::ok(server::MANIFEST))
    });
    let pushed = push(&server, quick(), 64 << 20).await.unwrap();
    assert!(!pushed[0].is_right());
    assert_eq!(pushed[0].served, Some(Digest::of(server::MANIFEST)));
}

#[tokio::test]
async fn credentials_stay_with_the_registry() {
    // The host that uploads are sent to is another one, and must not learn the password.
    let (storage, store) = registry(|store, request| {
        let path = request.path.split('?').next().unwrap_or_default();
        store.uploads.entry(path.to_owned()).or_default();
        None
    });
    let elsewhere = storage.address();
    let (server, own) = registry(move |store, request| {
        if request.header("authorization").is_none() {
            return Some(Reply::status(401).header("WWW-Authenticate", "Basic realm=\"x\""));
        }
        (request.method == "POST").then(|| {
            store.next += 1;
            let location = format!("http://{elsewhere}/upload/{}", store.next);
            Reply::status(202).header("Location", &location)
        })
    });
    let folder = tempfile::tempdir().unwrap();
    let config =
        serde_json::json!({"auths": {server.address().to_string(): {"auth": "dXNlcjpzZWNyZXQ="}}});
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let path: OsString = folder.path().into();
    let options = with(HttpOptions {
        credentials: Credentials::new(move |name| (name == "DOCKER_CONFIG").then(|| path.clone())),
        ..quick_http()
    });
    push(&server, options, 64 << 20).await.unwrap();
    assert!(has_layer(&store) && !own.lock().unwrap().manifests.is_empty());
    assert!(storage.requests().iter().any(is_layer));
    for request in storage.requests() {
        assert_eq!(request.header("authorization"), None, "{}", request.path);
    }
}

#[tokio::test]
async fn an_upload_without_a_place_is_an_error() {
    for location in [
        None,
        Some("file:///etc/passwd"),
        Some("http://registry.example.com/x"),
    ] {
        let (server, _) = registry(move |_, request| {
            (request.method == "POST").then(|| match location {
                Some(location) => Reply::status(202).header("Location", location),
                None => Reply::status(202),
            })
        });
        let error = push(&server, quick(), 64 << 20).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Broken, "{error}");
    }
}

#[tokio::test]
async fn a_blob_that_only_a_get_reaches_is_there() {
    for (head, get, there) in [
        (400, 206, true),
        (401, 206, true),
        (403, 200, true),
        (405, 206, true),
        (501, 416, true),
        (200, 500, true),
        (403, 404, false),
        (404, 500, false),
    ] {
        // A store whose addresses are signed for a GET.
        let objects = Server::start(move |request| match request.method.as_str() {
            "HEAD" => Reply::status(head),
            _ => Reply::status(get),
        });
        let address = objects.address();
        let (server, store) = registry(move |_, request| {
            let blob = request.path.contains("/blobs/sha256:");
            (blob && matches!(request.method.as_str(), "HEAD" | "GET")).then(|| {
                Reply::status(307).header("Location", &format!("http://{address}/x?sig=1"))
            })
        });
        push(&server, quick(), 1 << 20).await.unwrap();
        let uploaded = store.lock().unwrap().blobs.len();
        assert_eq!(uploaded, if there { 0 } else { 2 }, "{head} {get}");
        // Of what is there no more than the first byte is asked for.
        let requests = objects.requests();
        let gets = requests.iter().filter(|request| request.method == "GET");
        for request in gets {
            assert_eq!(request.header("range"), Some("bytes=0-0"));
            assert!(request.header("authorization").is_none());
        }
    }
}

#[tokio::test]
async fn a_registry_that_takes_no_head_is_asked_by_get() {
    let (server, store) = registry(|store, request| {
        let last = request.path.rsplit('/').next().unwrap_or_default();
        match request.method.as_str() {
            "HEAD" => Some(Reply::status(405)),
            "GET" if store.blobs.contains_key(last) => Some(Reply::status(206)),
            _ => None,
        }
    });
    for _ in 0..2 {
        push(&server, quick(), 1 << 20).await.unwrap();
    }
    let posts = server.requests();
    let posts = posts.iter().filter(|request| request.method == "POST");
    assert_eq!(posts.count(), 2, "the second push uploads nothing");
    assert_eq!(store.lock().unwrap().blobs.len(), 2);
}

#[tokio::test]
async fn pieces_are_advised_and_long_pauses_are_not_waited_for() {
    for (status, part) in [
        (413, "--chunk"),
        (429, "in 2 h 0 min"),
        (503, "in 2 h 0 min"),
    ] {
        let (server, _) = registry(move |_, request| {
            (request.method == "PUT").then(|| Reply::status(status).header("Retry-After", "7200"))
        });
        let error = push(&server, quick(), 1 << 20).await.unwrap_err();
        assert!(error.to_string().contains(part), "{status}: {error}");
        let requests = server.requests();
        let puts = requests.iter().filter(|request| request.method == "PUT");
        // Both blobs at a time, each once.
        assert!(puts.count() <= 2, "{status}");
    }
}

#[test]
fn every_descriptor_is_compared_and_not_each_digest_once() {
    use serde_json::{json, Value};
    let config = json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": ["sha256:0000000000000000000000000000000000000000000000000000000000000000"]}})
        .to_string();
    let layer = |size: usize| json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": Digest::of(b"abc"), "size": size});
    let manifest = |layers: Value| {
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::of(config.as_bytes()), "size": config.len()},
            "layers": layers,
        })
        .to_string()
    };
    let image = |root: &str, documents: &[&str]| {
        let mut inputs = Inputs::default();
        inputs.add_document(b"abc".to_vec());
        inputs.add_document(config.clone().into_bytes());
        for document in documents {
            inputs.add_document(document.as_bytes().to_vec());
        }
        let target = "registry.example.com/app:v1".parse().unwrap();
        Image::new(target, Named::new(root.as_bytes(), "root"), &inputs, "root")
    };
    let good = manifest(json!([layer(3)]));
    assert!(image(&good, &[]).is_ok());
    let error = image(&manifest(json!([layer(3), layer(4)])), &[]).unwrap_err();
    assert!(error.to_string().contains("/layers/1/size"), "{error}");
    let entry = |size: usize, architecture: &str| json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": Digest::of(good.as_bytes()), "size": size, "platform": {"os": "linux", "architecture": architecture}});
    let index = |entries: Value| {
        json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries}).to_string()
    };
    let size = good.len();
    let right = index(json!([entry(size, "amd64"), entry(size, "x86_64")]));
    assert!(image(&right, &[&good]).is_ok());
    for (entries, place) in [
        (json!([entry(size, "arm64")]), "/manifests/0/platform"),
        (
            json!([entry(size, "amd64"), entry(size, "arm64")]),
            "/manifests/1/platform",
        ),
        (
            json!([entry(size, "amd64"), entry(size + 1, "amd64")]),
            "/manifests/1/size",
        ),
    ] {
        let error = image(&index(entries), &[&good]).unwrap_err();
        assert!(error.to_string().contains(place), "{error}");
    }
}
