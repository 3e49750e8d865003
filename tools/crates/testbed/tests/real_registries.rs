//! The registries of the test bed are what they say: clients of other projects get in where
//! they may, and nowhere else.

use std::process::Command;

use verbatim_testbed::{crane, layout, oras, output, run, skopeo, tool, Content, Kind, Registry};

fn sample() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    layout(
        &folder.path().join("image"),
        &[Content::Text("hello"), Content::Random(1, 100_000)],
    );
    folder
}

fn push(folder: &tempfile::TempDir, reference: &str, more: &[&str]) -> std::process::Output {
    output(
        Command::new(tool("skopeo"))
            .args(["copy", "--retry-times=0"])
            .args(more)
            .arg(format!("oci:{}/image:latest", folder.path().display()))
            .arg(format!("docker://{reference}")),
    )
}

#[test]
fn open_registries_are_read_by_three_clients() {
    let folder = sample();
    for kind in [Kind::Plain, Kind::Crane] {
        let registry = Registry::start(kind);
        let reference = registry.reference("acme/app:v1");
        let pushed = push(&folder, &reference, &["--dest-tls-verify=false"]);
        assert!(pushed.status.success(), "{kind:?}: {pushed:?}");
        let digest = crane(["digest", "--insecure", &reference]);
        assert!(digest.starts_with("sha256:"), "{digest}");
        let seen = skopeo([
            "inspect",
            "--tls-verify=false",
            &format!("docker://{reference}"),
        ]);
        assert!(seen.contains(digest.trim()), "{seen}");
        let manifest = oras(["manifest", "fetch", "--plain-http", &reference]);
        assert!(manifest.contains("layers"), "{manifest}");
    }
}

#[test]
fn tls_is_believed_with_its_authority_alone() {
    let folder = sample();
    let registry = Registry::start(Kind::Tls);
    let reference = registry.reference("acme/app:v1");
    let refused = push(&folder, &reference, &[]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("certificate"), "{said}");
    let certificates = tempfile::tempdir().unwrap();
    std::fs::copy(registry.ca(), certificates.path().join("ca.crt")).unwrap();
    let option = format!("--dest-cert-dir={}", certificates.path().display());
    let pushed = push(&folder, &reference, &[&option]);
    assert!(pushed.status.success(), "{pushed:?}");
}

#[test]
fn passwords_and_tokens_are_asked_for() {
    let folder = sample();
    for kind in [Kind::Basic, Kind::Token] {
        let registry = Registry::start(kind);
        let reference = registry.reference("acme/app:v1");
        let refused = push(
            &folder,
            &reference,
            &["--dest-tls-verify=false", "--dest-no-creds"],
        );
        assert!(!refused.status.success(), "{kind:?}");
        let login = registry.login().unwrap();
        let right = format!("--dest-creds={}:{}", login.user, login.password);
        let pushed = push(&folder, &reference, &["--dest-tls-verify=false", &right]);
        assert!(pushed.status.success(), "{kind:?}: {pushed:?}");
        let digest = run(Command::new(tool("crane"))
            .args(["digest", "--insecure", &reference])
            .env("DOCKER_CONFIG", registry.docker_config()));
        assert!(digest.starts_with("sha256:"), "{digest}");
        if let Some(server) = registry.token_server() {
            assert!(
                server.asked().iter().any(|query| query.contains("scope=")),
                "{:?}",
                server.asked()
            );
        }
    }
}

#[test]
fn a_registry_can_be_closed_to_pushes_later() {
    let folder = sample();
    let registry = Registry::start(Kind::Plain);
    let pushed = push(
        &folder,
        &registry.reference("acme/app:v1"),
        &["--dest-tls-verify=false"],
    );
    assert!(pushed.status.success(), "{pushed:?}");
    let registry = registry.again(Kind::ReadOnly);
    crane(["digest", "--insecure", &registry.reference("acme/app:v1")]);
    let refused = push(
        &folder,
        &registry.reference("acme/other:v1"),
        &["--dest-tls-verify=false"],
    );
    assert!(!refused.status.success());
}
