//! A registry that is slow, wrong or hostile, and what becomes of it.

mod server;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use server::{quick, quick_http, repository, with, Reply, Server, Then, MANIFEST};
use verbatim_digest::Digest;
use verbatim_net::Options as HttpOptions;
use verbatim_oci::{Descriptor, MediaType};
use verbatim_registry::{Client, Error, ErrorKind, Options, Which};

#[tokio::test]
async fn a_manifest_is_what_its_bytes_are() {
    let server = Server::start(|_| {
        Reply::ok(MANIFEST)
            .header("Content-Type", "text/plain")
            .header(
                "Docker-Content-Digest",
                &format!("sha256:{}", "0".repeat(64)),
            )
    });
    let client = Client::new(quick()).unwrap();
    let which = Which::Tag("v1".into());
    let manifest = client.manifest(&repository(&server), &which).await.unwrap();
    assert_eq!(manifest.digest, Digest::of(MANIFEST));
    assert_eq!(
        manifest.media_type,
        "application/vnd.oci.image.manifest.v1+json"
    );
    assert_eq!(server.paths(), ["/v2/acme/app/manifests/v1"]);
}

#[tokio::test]
async fn other_bytes_than_asked_for_are_refused() {
    let server = Server::start(|_| Reply::ok(MANIFEST));
    let client = Client::new(quick()).unwrap();
    let which = Which::Digest(Digest::of(b"something else"));
    let error = client
        .manifest(&repository(&server), &which)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Broken);
    assert!(
        error
            .to_string()
            .contains(&Digest::of(MANIFEST).to_string()),
        "{error}"
    );
    assert_eq!(server.paths().len(), 1);
}

/// A blob of a length that no buffer has.
fn blob() -> Vec<u8> {
    (0..300_001u32).map(|i| (i * 7 + i / 251) as u8).collect()
}

fn descriptor(data: &[u8]) -> Descriptor {
    Descriptor::of(MediaType::OCI_LAYER, data)
}

async fn fetch(options: Options, server: &Server) -> Result<Vec<u8>, Error> {
    let client = Client::new(options).unwrap();
    client
        .blob_bytes(&repository(server), &descriptor(&blob()), u64::MAX)
        .await
}

/// The part of the blob that a request asks for, as a good server sends it.
fn part(request: &server::Request) -> Reply {
    let blob = blob();
    match request.header("range") {
        None => Reply::ok(blob),
        Some(range) => {
            let start: usize = range
                .strip_prefix("bytes=")
                .unwrap()
                .strip_suffix('-')
                .unwrap()
                .parse()
                .unwrap();
            let end = blob.len();
            Reply {
                status: 206,
                ..Reply::ok(&blob[start..])
            }
            .header("Content-Range", &format!("bytes {start}-{}/{end}", end - 1))
        }
    }
}

/// Cut a reply short: the length that it announces stays.
fn cut(mut reply: Reply, at: usize) -> Reply {
    let length = reply.body.len();
    reply.body.truncate(at);
    reply.length(Some(length as u64)).then(Then::Cut)
}

#[tokio::test]
async fn a_cut_blob_is_resumed() {
    let server = Server::start(|request| match request.number {
        0 => cut(part(request), 100_000),
        1 => cut(part(request), 50_000),
        _ => part(request),
    });
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&told);
    let options = with(HttpOptions {
        on_retry: Some(Arc::new(move |retry| {
            log.lock().unwrap().push(retry.clone())
        })),
        ..quick_http()
    });
    assert_eq!(fetch(options, &server).await.unwrap(), blob());
    let requests = server.requests();
    let ranges: Vec<_> = requests.iter().map(|r| r.header("range")).collect();
    assert_eq!(ranges, [None, Some("bytes=100000-"), Some("bytes=150000-")]);
    let told = told.lock().unwrap();
    assert_eq!(told.iter().map(|r| r.attempt).collect::<Vec<_>>(), [2, 3]);
    assert!(
        told[0].url.contains("/blobs/") && told[0].reason.contains("cut"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_server_without_ranges_is_read_again() {
    let server = Server::start(|request| match request.number {
        0 => cut(Reply::ok(blob()), 100_000),
        _ => Reply::ok(blob()),
    });
    assert_eq!(fetch(quick(), &server).await.unwrap(), blob());
}

#[tokio::test]
async fn endless_cuts_end() {
    let server = Server::start(|request| cut(part(request), 10));
    let error = fetch(quick(), &server).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_wrong_range_is_refused() {
    for range in [
        "bytes 0-300000/300001",
        "bytes 100000-300000/300002",
        "nonsense",
        "",
    ] {
        let server = Server::start(move |request| match request.number {
            0 => cut(part(request), 100_000),
            _ => Reply {
                status: 206,
                ..Reply::ok(&blob()[100_000..])
            }
            .header("Content-Range", range),
        });
        let error = fetch(quick(), &server).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Broken, "{range}: {error}");
    }
}

#[tokio::test]
async fn a_flipped_byte_is_refused() {
    let server = Server::start(|_| {
        let mut data = blob();
        data[200_000] ^= 1;
        Reply::ok(data)
    });
    let error = fetch(quick(), &server).await.unwrap_err();
    assert!(matches!(error, Error::WrongDigest { .. }), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_flipped_byte_after_a_cut_is_refused() {
    let server = Server::start(|request| match request.number {
        0 => cut(part(request), 100_000),
        _ => {
            let mut reply = part(request);
            reply.body[0] ^= 1;
            reply
        }
    });
    let error = fetch(quick(), &server).await.unwrap_err();
    assert!(matches!(error, Error::WrongDigest { .. }), "{error}");
}

#[tokio::test]
async fn a_length_that_lies_is_refused() {
    for length in [300_000, 300_002, 10, u64::MAX] {
        let server = Server::start(move |_| Reply::ok(blob()).length(Some(length)).then(Then::Cut));
        let error = fetch(quick(), &server).await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Broken),
            "{length}: {error}"
        );
    }
}

#[tokio::test]
async fn too_much_without_a_length_is_refused() {
    let server = Server::start(|_| {
        let mut data = blob();
        data.push(0);
        Reply::ok(data).length(None).then(Then::Cut)
    });
    let error = fetch(quick(), &server).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Broken, "{error}");
}

#[tokio::test]
async fn a_body_without_a_length_that_ends_early_is_resumed() {
    let server = Server::start(|request| match request.number {
        0 => {
            let mut reply = part(request).length(None).then(Then::Cut);
            reply.body.truncate(7);
            reply
        }
        _ => part(request),
    });
    assert_eq!(fetch(quick(), &server).await.unwrap(), blob());
}

#[tokio::test]
async fn a_slow_loris_ends() {
    // One byte every 20 ms: never idle, and never done.
    let server = Server::start(|request| part(request).drip(Duration::from_millis(20)));
    let began = Instant::now();
    let error = fetch(quick(), &server).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_server_that_falls_silent_ends() {
    let server = Server::start(|request| cut(part(request), 10).then(Then::Hang));
    let error = fetch(quick(), &server).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
}

async fn tagged(server: &Server) -> Error {
    let client = Client::new(quick()).unwrap();
    let which = Which::Tag("v1".into());
    client
        .manifest(&repository(server), &which)
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_truncated_manifest_is_refused() {
    let server = Server::start(|_| cut(Reply::ok(MANIFEST), 20));
    assert_eq!(tagged(&server).await.kind(), ErrorKind::Unreachable);
    assert_eq!(server.requests().len(), 3);
    // Without a length nothing but the JSON says that something is missing.
    let server = Server::start(|_| Reply::ok(&MANIFEST[..20]).length(None).then(Then::Cut));
    assert_eq!(tagged(&server).await.kind(), ErrorKind::Broken);
    // A length that is too short cuts as well.
    let server = Server::start(|_| Reply::ok(MANIFEST).length(Some(20)).then(Then::Cut));
    assert_eq!(tagged(&server).await.kind(), ErrorKind::Broken);
}

#[tokio::test]
async fn a_manifest_of_no_sense_is_refused() {
    for body in [
        &b""[..],
        b"[]",
        b"\xff\xfe",
        b"<html>",
        b"{\"mediaType\":1}",
        b"{",
        b"\x1b[2J",
    ] {
        let server = Server::start(move |_| Reply::ok(body));
        let error = tagged(&server).await;
        assert_eq!(error.kind(), ErrorKind::Broken, "{error}");
        assert!(!error.to_string().contains('\x1b'), "{error}");
    }
}

#[tokio::test]
async fn a_huge_manifest_is_refused() {
    let server = Server::start(|_| {
        let mut body = b"{\"manifests\":[".to_vec();
        body.resize((4 << 20) + 1, b' ');
        Reply::ok(body)
    });
    let error = tagged(&server).await;
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    // Nor is one that never ends read to its end.
    let server = Server::start(|_| {
        let body = vec![b' '; 64 << 20];
        Reply::ok(body).length(None).then(Then::Hang)
    });
    assert_eq!(tagged(&server).await.kind(), ErrorKind::TooLarge);
}

#[tokio::test]
async fn a_slow_manifest_ends() {
    let server = Server::start(|_| Reply::ok(MANIFEST).drip(Duration::from_millis(30)));
    let began = Instant::now();
    assert_eq!(tagged(&server).await.kind(), ErrorKind::Unreachable);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_head_of_no_sense_is_refused() {
    for raw in [
        &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Length: 20\r\n\r\n0123456789",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 999999 OK\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x0a",
    ] {
        let server = Server::start(move |_| Reply::raw(raw));
        let error = tagged(&server).await;
        assert!(
            matches!(error.kind(), ErrorKind::Broken | ErrorKind::Unreachable),
            "{error}"
        );
    }
    let server = Server::start(|_| {
        let mut reply = Reply::ok(MANIFEST);
        for i in 0..1000 {
            reply = reply.header(&format!("X-{i}"), "y");
        }
        reply
    });
    assert_eq!(tagged(&server).await.kind(), ErrorKind::Broken);
}

#[tokio::test]
async fn a_digest_in_a_header_is_a_hint_for_the_message() {
    let wanted = Digest::of(b"wanted");
    let claim = wanted.to_string();
    let server =
        Server::start(move |_| Reply::ok(MANIFEST).header("Docker-Content-Digest", &claim));
    let client = Client::new(quick()).unwrap();
    let error = client
        .manifest(&repository(&server), &Which::Digest(wanted))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("its header says"), "{error}");
}

#[tokio::test]
async fn tags_and_referrers() {
    let subject = Digest::of(MANIFEST);
    let tag = subject.to_string().replace(':', "-");
    let server = Server::start(move |request| {
        match request.path.as_str() {
        "/v2/acme/app/tags/list" => Reply::ok("{\"tags\":[\"a\",\"b\"]}")
            .header("Link", "</v2/acme/app/tags/list?n=2&last=b>; rel=\"next\""),
        "/v2/acme/app/tags/list?n=2&last=b" => Reply::ok("{\"tags\":null}"),
        path if path.ends_with(&tag) => Reply::ok(
            "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[]}",
        ),
        _ => Reply::status(404),
    }
    });
    let client = Client::new(quick()).unwrap();
    let repository = repository(&server);
    assert_eq!(client.tags(&repository).await.unwrap(), ["a", "b"]);
    assert!(client
        .referrers(&repository, subject)
        .await
        .unwrap()
        .is_empty());
}

#[tokio::test]
async fn a_list_without_end_ends() {
    let server = Server::start(|request| {
        Reply::ok("{\"tags\":[\"a\"]}")
            .header("Link", &format!("</v2/{}>; rel=next", request.number))
    });
    let mut options = quick();
    options.limits.pages = 7;
    let client = Client::new(options).unwrap();
    let error = client.tags(&repository(&server)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Broken, "{error}");
    assert_eq!(server.requests().len(), 7);
    for (body, link) in [
        ("{\"tags\":[\"\\u001b\"]}", "x"),
        ("{}", "<http://127.0.0.1:1/>; rel=next"),
    ] {
        let server = Server::start(move |_| Reply::ok(body).header("Link", link));
        let client = Client::new(quick()).unwrap();
        let error = client.tags(&repository(&server)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Broken, "{error}");
    }
}

#[tokio::test]
async fn a_mirror_stands_for_the_original() {
    let server = Server::start(|_| Reply::ok(MANIFEST));
    let empty = Server::start(|_| Reply::status(404));
    let mirror = |to: &Server| {
        format!("registry.example.com/acme={}/copy", to.address())
            .parse()
            .unwrap()
    };
    let wanted = "registry.example.com/acme/app".parse().unwrap();
    let which = Which::Tag("v1".into());
    let options = Options {
        mirrors: vec![mirror(&empty), mirror(&server)],
        ..quick()
    };
    let found = Client::new(options)
        .unwrap()
        .manifest(&wanted, &which)
        .await
        .unwrap();
    assert_eq!(server.paths(), ["/v2/copy/app/manifests/v1"]);
    assert_eq!(found.from.name, "copy/app");
    // The original is not asked: what the mirrors have not is not there.
    let options = Options {
        mirrors: vec![mirror(&empty)],
        ..quick()
    };
    let error = Client::new(options)
        .unwrap()
        .manifest(&wanted, &which)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_success_of_another_kind_is_no_manifest() {
    for status in [201, 202, 206, 416] {
        let server = Server::start(move |_| Reply {
            status,
            ..Reply::ok(MANIFEST)
        });
        let error = tagged(&server).await;
        assert_eq!(error.kind(), ErrorKind::Broken, "{status}: {error}");
        let client = Client::new(quick()).unwrap();
        let error = client.tags(&repository(&server)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Broken, "{status}: {error}");
        let error = fetch(quick(), &server).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Broken, "{status}: {error}");
    }
}
