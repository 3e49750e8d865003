//! A registry that is slow, wrong or hostile, and what becomes of it.

mod server;

use std::time::Duration;

use server::{Reply, Server};
use verbatim_digest::Digest;
use verbatim_registry::{Client, ErrorKind, Options, Repository, Retries, Timeouts, Which};

/// Options with which a test that waits is over soon.
fn quick() -> Options {
    Options {
        certificate_folders: Vec::new(),
        timeouts: Timeouts {
            connect: Duration::from_millis(500),
            response: Duration::from_millis(300),
            idle: Duration::from_millis(200),
            window: Duration::from_millis(300),
            progress: 1 << 10,
            document: Duration::from_secs(1),
            helper: Duration::from_millis(500),
        },
        retries: Retries {
            attempts: 3,
            pause: Duration::from_millis(5),
            longest: Duration::from_millis(50),
            progress: 1 << 20,
        },
        ..Options::default()
    }
}

fn repository(server: &Server) -> Repository {
    format!("{}/acme/app", server.address()).parse().unwrap()
}

const MANIFEST: &[u8] = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}"#;

#[tokio::test]
async fn a_manifest_is_what_its_bytes_are() {
    let server = Server::start(|_| {
        Reply::ok(MANIFEST)
            .header("Content-Type", "text/plain")
            .header("Docker-Content-Digest", &format!("sha256:{}", "0".repeat(64)))
    });
    let client = Client::new(quick()).unwrap();
    let which = Which::Tag("v1".into());
    let manifest = client.manifest(&repository(&server), &which).await.unwrap();
    assert_eq!(manifest.digest, Digest::of(MANIFEST));
    assert_eq!(manifest.media_type, "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(server.paths(), ["/v2/acme/app/manifests/v1"]);
}

#[tokio::test]
async fn other_bytes_than_asked_for_are_refused() {
    let server = Server::start(|_| Reply::ok(MANIFEST));
    let client = Client::new(quick()).unwrap();
    let which = Which::Digest(Digest::of(b"something else"));
    let error = client.manifest(&repository(&server), &which).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Broken);
    assert!(error.to_string().contains(&Digest::of(MANIFEST).to_string()), "{error}");
    assert_eq!(server.paths().len(), 1);
}
