//! Published files, by servers that do right and wrong.

mod server;

use std::time::Duration;

use server::{quick, Reply, Server, Then};
use verbatim_digest::Digest;
use verbatim_registry::{Assets, Client, Error, ErrorKind, Options};

async fn fetch(options: Options, server: &Server, name: &str) -> Result<(Digest, u64), Error> {
    let assets: Assets = format!("http://{}/v1", server.address()).parse().unwrap();
    Client::new(options).unwrap().asset(&assets, name).await
}

#[tokio::test]
async fn a_file_is_its_bytes() {
    let server = Server::start(|request| match request.path.as_str() {
        "/v1/bin/a%20b" => Reply::ok("hello"),
        _ => Reply::status(404),
    });
    let found = fetch(quick(), &server, "bin/a b").await.unwrap();
    assert_eq!(found, (Digest::of(b"hello"), 5));
    let error = fetch(quick(), &server, "gone").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_cut_file_is_read_again_and_silence_ends() {
    let server = Server::start(|request| match request.number {
        0 => Reply::ok("hel").length(Some(5)).then(Then::Cut),
        1 => Reply::status(503),
        _ => Reply::ok("hello"),
    });
    let found = fetch(quick(), &server, "a").await.unwrap();
    assert_eq!(found.0, Digest::of(b"hello"));
    let server = Server::start(|_| Reply::ok("hel").length(Some(5)).then(Then::Hang));
    let error = fetch(quick(), &server, "a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!(server.requests().len(), 3);
    let server = Server::start(|_| Reply::ok(vec![0; 5000]).drip(Duration::from_millis(20)));
    let error = fetch(quick(), &server, "a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
}

#[tokio::test]
async fn a_redirect_is_followed_and_nobody_is_told_a_password() {
    let store = Server::start(|_| Reply::ok("hello"));
    let to = format!("http://{}/store?signature=1", store.address());
    let server = Server::start(move |_| Reply::status(302).header("Location", &to));
    let mut options = quick();
    options.http.credentials = verbatim_net::Credentials::default();
    let found = fetch(options, &server, "a").await.unwrap();
    assert_eq!(found.0, Digest::of(b"hello"));
    for request in store.requests().iter().chain(&server.requests()) {
        assert_eq!(request.header("authorization"), None);
    }
    // What it asks for is not told, and an address elsewhere must be encrypted.
    let server = Server::start(|_| {
        Reply::status(401).header("WWW-Authenticate", "Basic realm=\"who are you\"")
    });
    let error = fetch(quick(), &server, "a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    let server = Server::start(|_| Reply::status(302).header("Location", "http://example.com/a"));
    let error = fetch(quick(), &server, "a").await.unwrap_err();
    assert!(error.to_string().contains("--plain-http"), "{error}");
    let assets: Assets = "http://example.com/v1".parse().unwrap();
    let client = Client::new(quick()).unwrap();
    let error = client.asset(&assets, "a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
}
