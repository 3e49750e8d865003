//! Pulling from the registries that people run, protected as people protect them.
//! These need the programs of `./bazelw --in-root`.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use verbatim_digest::Digest;
use verbatim_net::Credentials;
use verbatim_oci::layout::{check, Layout};
use verbatim_registry::{Client, ErrorKind, Options, Pull, Pulled, Which};
use verbatim_testbed::{layout, run, tool, Content, Kind, Registry};

/// A registry with `acme/app:v1`, pushed by skopeo, and the digest that skopeo sees.
fn filled(kind: Kind) -> (Registry, String, Digest) {
    let registry = Registry::start(kind);
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    layout(
        &image,
        &[Content::Text("hello"), Content::Random(7, 3_000_000)],
    );
    let reference = registry.reference("acme/app:v1");
    let mut copy = Command::new(tool("skopeo"));
    copy.arg("copy");
    match registry.login() {
        Some(login) => copy.arg(format!("--dest-creds={}:{}", login.user, login.password)),
        None => &mut copy,
    };
    if kind == Kind::Tls {
        let certificates = folder.path().join("certificates");
        std::fs::create_dir(&certificates).unwrap();
        std::fs::copy(registry.ca(), certificates.join("ca.crt")).unwrap();
        copy.arg(format!("--dest-cert-dir={}", certificates.display()));
    } else {
        copy.arg("--dest-tls-verify=false");
    }
    let file = folder.path().join("digest");
    run(copy
        .arg(format!("--digestfile={}", file.display()))
        .arg(format!("oci:{}:latest", image.display()))
        .arg(format!("docker://{reference}")));
    let digest = std::fs::read_to_string(file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    (registry, reference, digest)
}

fn options(registry: &Registry, kind: Kind) -> Options {
    let folder = registry
        .login()
        .map(|_| registry.docker_config().into_os_string());
    let http = verbatim_net::Options {
        certificate_folders: Vec::new(),
        ca_files: if kind == Kind::Tls {
            vec![registry.ca()]
        } else {
            Vec::new()
        },
        credentials: Credentials::new(move |name| {
            (name == "DOCKER_CONFIG").then(|| folder.clone()).flatten()
        }),
        ..verbatim_net::Options::default()
    };
    Options {
        http,
        ..Options::default()
    }
}

async fn pull(options: Options, reference: &str, out: &Path) -> Pulled {
    let pull = Pull {
        target: reference.parse().unwrap(),
        platforms: Vec::new(),
        shallow: false,
        tag: Some("v1".into()),
    };
    let client = Client::new(options).unwrap();
    client.pull(&pull, out, Arc::new(())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_registry_gives_the_image_that_was_pushed() {
    for kind in [
        Kind::Plain,
        Kind::Crane,
        Kind::Tls,
        Kind::Basic,
        Kind::Token,
    ] {
        let (registry, reference, digest) = filled(kind);
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("layout");
        let pulled = pull(options(&registry, kind), &reference, &out).await;
        assert_eq!(pulled.digest, digest, "{kind:?}");
        assert_eq!(pulled.fetched.0, 4, "{kind:?}");
        let report = check(&Layout::open(&out).unwrap(), 2, Arc::new(())).unwrap();
        assert!(
            report.problems.is_empty(),
            "{kind:?}: {:?}",
            report.problems
        );
        // A program of others reads the layout, and sees the same image.
        let seen = run(Command::new(tool("skopeo")).args([
            "inspect",
            "--format={{.Digest}}",
            &format!("oci:{}:v1", out.display()),
        ]));
        assert_eq!(seen.trim(), digest.to_string());
    }
}

#[tokio::test]
async fn without_the_authority_or_the_password_nothing_is_had() {
    let (registry, reference, _) = filled(Kind::Tls);
    let which = Which::Tag("v1".into());
    let target: verbatim_registry::Target = reference.parse().unwrap();
    let mut options_without = options(&registry, Kind::Tls);
    options_without.http.ca_files.clear();
    let client = Client::new(options_without).unwrap();
    let error = client
        .manifest(&target.repository(), &which)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains("--ca"), "{error}");
    for kind in [Kind::Basic, Kind::Token] {
        let (registry, reference, _) = filled(kind);
        let target: verbatim_registry::Target = reference.parse().unwrap();
        let mut anonymous = options(&registry, kind);
        anonymous.http.credentials = Credentials::none();
        let client = Client::new(anonymous).unwrap();
        let error = client
            .manifest(&target.repository(), &which)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{kind:?}: {error}");
    }
}

#[tokio::test]
async fn a_named_loopback_host_speaks_tls_or_nothing() {
    let (registry, reference, _) = filled(Kind::Plain);
    let mut strict = options(&registry, Kind::Plain);
    strict.http.tls = vec![registry.host().parse().unwrap()];
    let target: verbatim_registry::Target = reference.parse().unwrap();
    let client = Client::new(strict).unwrap();
    let error = client
        .manifest(&target.repository(), &Which::Tag("v1".into()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
}

#[tokio::test]
async fn a_damaged_store_is_found_out() {
    let (registry, reference, _) = filled(Kind::Plain);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("layout");
    let pulled = pull(options(&registry, Kind::Plain), &reference, &out).await;
    let config = pulled.images[0].config;
    let file = registry.blob_file(&config.hex());
    let mut data = std::fs::read(&file).unwrap();
    data[10] ^= 1;
    std::fs::write(&file, data).unwrap();
    let again = Pull {
        target: reference.parse().unwrap(),
        platforms: Vec::new(),
        shallow: true,
        tag: None,
    };
    let client = Client::new(options(&registry, Kind::Plain)).unwrap();
    let other = folder.path().join("other");
    let error = client.pull(&again, &other, Arc::new(())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Broken, "{error}");
    assert!(!other.exists());
}
