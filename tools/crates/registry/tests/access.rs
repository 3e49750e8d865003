//! Who we are to a registry, and to whom that is told.

mod server;

use std::ffi::OsString;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use server::{quick, quick_http, repository, with, Reply, Request, Server, Then, MANIFEST};
use verbatim_digest::Digest;
use verbatim_net::Credentials;
use verbatim_net::Options as HttpOptions;
use verbatim_oci::{Descriptor, MediaType};
use verbatim_registry::{Client, Error, ErrorKind, Manifest, Options, Which};

/// `user:s3cret` in base64.
const BASIC: &str = "Basic dXNlcjpzM2NyZXQ=";

/// The environment of somebody who has a password for one registry.
fn login(server: &Server) -> Credentials {
    let host = server.address().to_string();
    Credentials::new(move |name| match name {
        "VERBATIM_REGISTRY" => Some(OsString::from(&host)),
        "VERBATIM_REGISTRY_USER" => Some("user".into()),
        "VERBATIM_REGISTRY_PASSWORD" => Some("s3cret".into()),
        _ => None,
    })
}

async fn manifest(options: Options, server: &Server) -> Result<Manifest, Error> {
    let client = Client::new(options).unwrap();
    client
        .manifest(&repository(server), &Which::Tag("v1".into()))
        .await
}

fn with_login(server: &Server) -> Options {
    with(HttpOptions {
        credentials: login(server),
        ..quick_http()
    })
}

fn challenge(value: &str) -> Reply {
    Reply::status(401).header("WWW-Authenticate", value)
}

#[tokio::test]
async fn a_password_is_told_when_asked() {
    let server = Server::start(|request| match request.header("authorization") {
        Some(BASIC) => Reply::ok(MANIFEST),
        _ => challenge("Basic realm=\"x\""),
    });
    let client = Client::new(with_login(&server)).unwrap();
    for _ in 0..2 {
        client
            .manifest(&repository(&server), &Which::Tag("v1".into()))
            .await
            .unwrap();
    }
    let sent: Vec<bool> = server
        .requests()
        .iter()
        .map(|r| r.header("authorization").is_some())
        .collect();
    // Not before it was asked for, and then without being asked again.
    assert_eq!(sent, [false, true, true]);
}

#[tokio::test]
async fn many_at_a_time_log_in_too() {
    let server = Server::start(|request| match request.header("authorization") {
        Some(BASIC) => Reply::ok(MANIFEST),
        _ => challenge("Basic realm=\"x\""),
    });
    let client = Client::new(with_login(&server)).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (client, repository) = (client.clone(), repository(&server));
        tasks.spawn(async move { client.manifest(&repository, &Which::Tag("v1".into())).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_wrong_password_is_denied_once() {
    let server = Server::start(|_| challenge("Basic realm=\"x\""));
    let error = manifest(with_login(&server), &server).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(!error.to_string().contains("s3cret"), "{error}");
    assert_eq!(server.requests().len(), 2);
    let error = manifest(quick(), &server).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("log in"), "{error}");
}

/// A registry that sends for a token to `realm`.
fn token_registry(realm: String) -> Server {
    Server::start(move |request| match request.header("authorization") {
        Some("Bearer good") => Reply::ok(MANIFEST),
        _ => challenge(&format!(
            "Bearer realm=\"{realm}\",service=\"reg\",scope=\"ignored\""
        )),
    })
}

#[tokio::test]
async fn a_token_is_fetched_with_the_password_and_kept() {
    let tokens = Server::start(|request| match request.header("authorization") {
        Some(BASIC) => Reply::ok("{\"token\":\"good\",\"expires_in\":300}"),
        _ => Reply::status(403),
    });
    let server = token_registry(format!("http://{}/token", tokens.address()));
    let client = Client::new(with_login(&server)).unwrap();
    for _ in 0..3 {
        client
            .manifest(&repository(&server), &Which::Tag("v1".into()))
            .await
            .unwrap();
    }
    assert_eq!(
        tokens.paths(),
        ["/token?service=reg&scope=repository%3Aacme%2Fapp%3Apull"]
    );
    // The registry sees the token only, the token server the password only.
    let seen: Vec<_> = server
        .requests()
        .iter()
        .filter_map(|r| r.header("authorization").map(str::to_owned))
        .collect();
    assert_eq!(seen, ["Bearer good"; 3]);
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed() {
    let tokens =
        Server::start(|request| Reply::ok(format!("{{\"token\":\"t{}\"}}", request.number)));
    let realm = format!("http://{}/token", tokens.address());
    // The first token is taken once, then it is over.
    let server = Server::start(move |request| match request.header("authorization") {
        Some("Bearer t0") if request.number == 1 => Reply::ok(MANIFEST),
        Some("Bearer t1") => Reply::ok(MANIFEST),
        _ => challenge(&format!("Bearer realm=\"{realm}\"")),
    });
    let client = Client::new(quick()).unwrap();
    for _ in 0..2 {
        client
            .manifest(&repository(&server), &Which::Tag("v1".into()))
            .await
            .unwrap();
    }
    assert_eq!(tokens.requests().len(), 2);
}

#[tokio::test]
async fn an_identity_token_is_changed_for_a_token() {
    let tokens = Server::start(|request| {
        let form = String::from_utf8(request.body.clone()).unwrap();
        let right = request.method == "POST"
            && request.header("authorization").is_none()
            && form == "service=reg&grant_type=refresh_token&client_id=verbatim&scope=repository%3Aacme%2Fapp%3Apull&refresh_token=s3cret%2B";
        if right {
            Reply::ok("{\"access_token\":\"good\"}")
        } else {
            Reply::status(400)
        }
    });
    let server = token_registry(format!("http://{}/token", tokens.address()));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("config.json"),
        format!(
            "{{\"auths\":{{\"{}\":{{\"auth\":\"dTo=\",\"identitytoken\":\"s3cret+\"}}}}}}",
            server.address()
        ),
    )
    .unwrap();
    let path = folder.path().as_os_str().to_owned();
    let options = with(HttpOptions {
        credentials: Credentials::new(move |name| (name == "DOCKER_CONFIG").then(|| path.clone())),
        ..quick_http()
    });
    manifest(options, &server).await.unwrap();
}

#[tokio::test]
async fn a_token_server_elsewhere_must_speak_tls() {
    let server = token_registry("http://tokens.example.com/token".into());
    let error = manifest(with_login(&server), &server).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("https"), "{error}");
}

#[tokio::test]
async fn wrong_tokens_are_refused() {
    let huge = format!("{{\"token\":\"{}\"}}", "a".repeat(300 << 10));
    let long = format!("{{\"token\":\"{}\"}}", "a".repeat(100 << 10));
    for (answer, kind) in [
        (huge.as_str(), ErrorKind::TooLarge),
        (&long, ErrorKind::Broken),
        ("{}", ErrorKind::Broken),
        ("{\"token\":\"s3cret\\nX: y\"}", ErrorKind::Broken),
        ("{\"token\":[\"s3cret\"]}", ErrorKind::Broken),
        ("s3cret", ErrorKind::Broken),
        ("\u{0}", ErrorKind::Broken),
    ] {
        let body = answer.to_owned();
        let tokens = Server::start(move |_| Reply::ok(body.clone()));
        let server = token_registry(format!("http://{}/token", tokens.address()));
        let error = manifest(quick(), &server).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn a_token_server_that_redirects_gets_no_password_elsewhere() {
    let thief = Server::start(|_| Reply::ok("{\"token\":\"good\"}"));
    let there = format!("http://{}/steal", thief.address());
    let tokens = Server::start(move |_| Reply::status(307).header("Location", &there));
    let server = token_registry(format!("http://{}/token", tokens.address()));
    assert!(manifest(with_login(&server), &server).await.is_err());
    assert!(thief.requests().is_empty());
}

#[tokio::test]
async fn a_password_for_one_registry_is_for_no_other() {
    let thief = Server::start(|_| challenge("Basic realm=\"x\""));
    let server = Server::start(|_| Reply::ok(MANIFEST));
    let options = with(HttpOptions {
        credentials: login(&server),
        ..quick_http()
    });
    assert!(manifest(options, &thief).await.is_err());
    assert!(thief
        .requests()
        .iter()
        .all(|r| r.header("authorization").is_none()));
}

const DATA: &[u8] = b"a layer";

async fn layer(options: Options, server: &Server) -> Result<Vec<u8>, Error> {
    let client = Client::new(options).unwrap();
    let blob = Descriptor::of(MediaType::OCI_LAYER, DATA);
    client.blob_bytes(&repository(server), &blob, 1 << 20).await
}

/// A registry that takes the password and sends blobs to be fetched elsewhere.
fn redirecting(location: String) -> Server {
    Server::start(move |request| match request.header("authorization") {
        Some(BASIC) => Reply::status(307).header("Location", &location),
        _ => challenge("Basic realm=\"x\""),
    })
}

#[tokio::test]
async fn a_credential_does_not_follow_a_redirect() {
    let store = Server::start(|_| Reply::ok(DATA));
    let server = redirecting(format!("http://{}/blob?signature=s3cret", store.address()));
    assert_eq!(layer(with_login(&server), &server).await.unwrap(), DATA);
    let requests = store.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].path, "/blob?signature=s3cret");
    assert!(requests[0].header("authorization").is_none());
}

#[tokio::test]
async fn a_store_that_asks_for_a_password_gets_none() {
    let store = Server::start(|_| challenge("Basic realm=\"x\""));
    let server = redirecting(format!("http://{}/blob?signature=s3cret", store.address()));
    let error = layer(with_login(&server), &server).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(!error.to_string().contains("s3cret"), "{error}");
    assert!(store
        .requests()
        .iter()
        .all(|r| r.header("authorization").is_none()));
}

#[tokio::test]
async fn a_redirect_to_plain_http_is_refused() {
    for location in [
        "http://store.example.com/blob",
        "ftp://store.example.com/",
        "http://me:pw@127.0.0.1/",
    ] {
        let place = location.to_owned();
        let server = Server::start(move |_| Reply::status(302).header("Location", &place));
        let error = layer(quick(), &server).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Broken, "{error}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn redirects_end() {
    let server = Server::start(|request: &Request| {
        Reply::status(302).header("Location", &format!("/v2/{}", request.number))
    });
    let error = layer(quick(), &server).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Broken);
    assert!(error.to_string().contains("redirects"), "{error}");
    assert_eq!(server.requests().len(), 6);
    let server = Server::start(|_| Reply::status(302));
    assert_eq!(
        layer(quick(), &server).await.unwrap_err().kind(),
        ErrorKind::Broken
    );
}

#[tokio::test]
async fn what_is_refused_or_absent_is_asked_for_once() {
    for (status, kind) in [
        (403, ErrorKind::Denied),
        (404, ErrorKind::NotFound),
        (400, ErrorKind::Broken),
        (418, ErrorKind::Broken),
    ] {
        let server = Server::start(move |_| Reply {
            status,
            ..Reply::ok("{\"errors\":[{\"code\":\"X\",\"message\":\"why\\u001b[2J\"}]}")
        });
        let error = manifest(quick(), &server).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains("X: why\\u{1b}[2J"), "{error}");
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    for status in [429, 500, 502, 503, 504] {
        let server = Server::start(move |request| match request.number {
            0 | 1 => Reply::status(status),
            _ => Reply::ok(MANIFEST),
        });
        let found = manifest(quick(), &server).await.unwrap();
        assert_eq!(found.digest, Digest::of(MANIFEST));
        assert_eq!(server.requests().len(), 3);
    }
    for (status, kind) in [(429, ErrorKind::Limited), (503, ErrorKind::Server)] {
        let server = Server::start(move |_| Reply::status(status));
        let error = manifest(quick(), &server).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(server.requests().len(), 3);
    }
}

#[tokio::test]
async fn the_pause_that_is_asked_for_is_kept() {
    for (after, least, most) in [
        ("0", 0, 40),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0, 40),
        ("soon", 5, 50),
    ] {
        let server = Server::start(move |request| match request.number {
            0 => Reply::status(429).header("Retry-After", after),
            _ => Reply::ok(MANIFEST),
        });
        let told = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&told);
        let options = with(HttpOptions {
            on_retry: Some(Arc::new(move |retry| {
                log.lock().unwrap().push(retry.clone())
            })),
            ..quick_http()
        });
        let began = Instant::now();
        manifest(options, &server).await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(least), "{after}");
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 1);
        assert!(told[0].pause <= Duration::from_millis(most), "{told:?}");
        assert!(told[0].reason.contains("429"), "{told:?}");
    }
}

#[tokio::test]
async fn a_connection_that_is_closed_is_tried_again() {
    let server = Server::start(|request| match request.number {
        0 => Reply::ok(MANIFEST),
        1 => Reply::raw(""),
        _ => Reply::ok(MANIFEST),
    });
    let client = Client::new(quick()).unwrap();
    for _ in 0..2 {
        client
            .manifest(&repository(&server), &Which::Tag("v1".into()))
            .await
            .unwrap();
    }
    // From the start closed, and never anything else.
    let server = Server::start(|_| Reply::raw(""));
    let error = manifest(quick(), &server).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
}

#[tokio::test]
async fn nobody_there_is_said_at_once() {
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let client = Client::new(quick()).unwrap();
    let nobody = format!("{address}/a").parse().unwrap();
    let error = client
        .manifest(&nobody, &Which::Tag("v1".into()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers_ends() {
    let server = Server::start(|_| Reply::raw("").then(Then::Hang));
    let began = Instant::now();
    let error = manifest(quick(), &server).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert!(began.elapsed() < Duration::from_secs(6));
}

#[tokio::test]
async fn a_dead_host_is_not_waited_for_by_each() {
    // Nobody takes connections from a full queue: each try lasts as long as it may.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let full: Vec<_> = (0..600)
        .map_while(|_| {
            std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok()
        })
        .collect();
    assert!(full.len() < 600, "the queue has no end here");
    let client = Client::new(with(HttpOptions {
        parallel: 4,
        ..quick_http()
    }))
    .unwrap();
    let dead: verbatim_registry::Repository = format!("{address}/a").parse().unwrap();
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (client, dead) = (client.clone(), dead.clone());
        tasks.spawn(async move { client.manifest(&dead, &Which::Tag("v1".into())).await });
    }
    while let Some(done) = tasks.join_next().await {
        assert_eq!(done.unwrap().unwrap_err().kind(), ErrorKind::Unreachable);
    }
    // One by one it would be 100 / 4 times half a second, and that three times.
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}
