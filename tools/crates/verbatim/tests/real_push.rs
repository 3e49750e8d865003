//! `verbatim push` into real registries, read back by clients that are not ours.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use verbatim_testbed::{
    crane, digest_of, layers_of, layout, oras, output, run, skopeo, stranger, told, tool, Content,
    Kind, Registry,
};

fn verbatim() -> Command {
    stranger(env!("CARGO_BIN_EXE_verbatim"))
}

fn push(arguments: &[&str]) -> Output {
    output(verbatim().arg("push").args(arguments))
}

fn report(output: &Output) -> Value {
    assert!(output.status.success(), "{}", told(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn image(folder: &Path, name: &str, layers: &[Content<'_>]) -> PathBuf {
    let path = folder.join(name);
    layout(&path, layers);
    path
}

#[test]
fn other_clients_read_what_was_pushed() {
    let folder = tempfile::tempdir().unwrap();
    let layout = image(
        folder.path(),
        "image",
        &[Content::Text("a"), Content::Random(7, 3 << 20)],
    );
    for kind in [Kind::Plain, Kind::Crane] {
        let registry = Registry::start(kind);
        let reference = registry.reference("acme/app:v1");
        // In one request, and in pieces.
        for (name, more) in [("acme/app:v1", "64"), ("acme/pieces:v1", "1")] {
            let reference = registry.reference(name);
            let pushed = push(&["--chunk", more, layout.to_str().unwrap(), &reference]);
            assert!(pushed.status.success(), "{kind:?}: {}", told(&pushed));
            crane(["validate", "--insecure", "--remote", &reference]);
            assert_eq!(
                crane(["digest", "--insecure", &reference]).trim(),
                digest_of(&layout)
            );
        }
        let copy = folder.path().join(format!("copy-{kind:?}"));
        skopeo([
            "copy",
            "--src-tls-verify=false",
            "--preserve-digests",
            &format!("docker://{reference}"),
            &format!("oci:{}:latest", copy.display()),
        ]);
        assert_eq!(digest_of(&copy), digest_of(&layout));
        let seen = oras([
            "manifest",
            "fetch",
            "--plain-http",
            "--descriptor",
            &reference,
        ]);
        assert!(seen.contains(&digest_of(&layout)), "{seen}");
    }
}

#[test]
fn a_dry_run_sends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let layout = image(folder.path(), "image", &[Content::Text("dry")]);
    let registry = Registry::start(Kind::Plain);
    let reference = registry.reference("acme/app:v1");
    let said = report(&push(&[
        "--dry-run",
        "--format=json",
        layout.to_str().unwrap(),
        &reference,
    ]));
    assert_eq!(said["verdict"], "would-push");
    assert_eq!(said["images"][0]["blobs"]["sent"], 2);
    assert!(!registry
        .storage()
        .join("docker/registry/v2/repositories")
        .exists());
}

#[test]
fn twenty_images_send_each_blob_once() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::start(Kind::Plain);
    let mut arguments: Vec<String> = vec!["--format=json".into()];
    for number in 0..20 {
        let own = format!("own {number}");
        let layout = image(
            folder.path(),
            &format!("image-{number}"),
            &[
                Content::Random(1, 200_000),
                Content::Random(2, 100_000),
                Content::Text(&own),
            ],
        );
        arguments.push(layout.to_str().unwrap().into());
        arguments.push(registry.reference(&format!("acme/app-{number}:v1")));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = report(&push(&arguments));
    let sum = |what: &str| -> u64 {
        let images = said["images"].as_array().unwrap();
        images
            .iter()
            .map(|i| i["blobs"][what].as_u64().unwrap())
            .sum()
    };
    // Two shared layers, and of each image its own layer and its config.
    assert_eq!(
        (sum("sent"), sum("mounted"), sum("skipped")),
        (42, 38, 0),
        "{said}"
    );
    for number in 0..20 {
        let reference = registry.reference(&format!("acme/app-{number}:v1"));
        crane(["validate", "--insecure", "--remote", &reference]);
    }
    let again = report(&push(&arguments));
    for image in again["images"].as_array().unwrap() {
        assert_eq!(image["verdict"], "unchanged");
        assert_eq!(image["bytes"]["sent"], 0);
    }
}

#[test]
fn base_layers_are_mounted_or_streamed() {
    let folder = tempfile::tempdir().unwrap();
    let base = image(folder.path(), "base", &[Content::Random(3, 500_000)]);
    let app = image(
        folder.path(),
        "app",
        &[Content::Random(3, 500_000), Content::Text("app")],
    );
    assert_eq!(layers_of(&base)[0], layers_of(&app)[0]);
    let shared = layers_of(&base)[0]
        .strip_prefix("sha256:")
        .unwrap()
        .to_owned();
    let registry = Registry::start(Kind::Plain);
    let elsewhere = Registry::start(Kind::Crane);
    for registry in [&registry, &elsewhere] {
        let pushed = push(&[base.to_str().unwrap(), &registry.reference("base/os:1")]);
        assert!(pushed.status.success(), "{}", told(&pushed));
    }
    // Now the layer of the base is not at hand any more.
    std::fs::remove_file(app.join("blobs/sha256").join(&shared)).unwrap();
    let app = app.to_str().unwrap();
    let lost = push(&[app, &registry.reference("acme/lost:v1")]);
    assert_eq!(lost.status.code(), Some(2), "{}", told(&lost));
    assert!(told(&lost).contains("--mount"), "{}", told(&lost));
    let said = report(&push(&[
        "--format=json",
        "--mount",
        &registry.reference("base/os"),
        app,
        &registry.reference("acme/app:v1"),
    ]));
    assert_eq!(said["images"][0]["blobs"]["mounted"], 1, "{said}");
    // Another registry cannot mount it: the bytes pass through, checked.
    let empty = Registry::start(Kind::Plain);
    let said = report(&push(&[
        "--format=json",
        "--mount",
        &elsewhere.reference("base/os"),
        app,
        &empty.reference("acme/app:v1"),
    ]));
    assert_eq!(said["images"][0]["blobs"]["sent"], 3, "{said}");
    crane([
        "validate",
        "--insecure",
        "--remote",
        &empty.reference("acme/app:v1"),
    ]);
}

#[test]
fn sums_are_compared_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let layout = image(folder.path(), "image", &[Content::Text("sums")]);
    let path = layout.to_str().unwrap();
    let registry = Registry::start(Kind::Plain);
    let reference = registry.reference("acme/app:v1");
    let sums = folder.path().join("release.sha256");
    let digest = digest_of(&layout);
    let hex = digest.strip_prefix("sha256:").unwrap();
    let with = ["--sums", sums.to_str().unwrap(), path, &reference];
    let zeros = "0".repeat(64);
    std::fs::write(&sums, format!("{zeros}  {reference}\n")).unwrap();
    let wrong = push(&with);
    assert_eq!(wrong.status.code(), Some(1), "{}", told(&wrong));
    assert!(told(&wrong).contains(&reference) && told(&wrong).contains(&digest));
    std::fs::write(&sums, format!("{hex}  registry.example.com/x:v1\n")).unwrap();
    assert_eq!(push(&with).status.code(), Some(1));
    assert!(!registry
        .storage()
        .join("docker/registry/v2/repositories")
        .exists());
    std::fs::write(&sums, format!("{hex}  {reference}\n")).unwrap();
    let right = push(&with);
    assert!(right.status.success(), "{}", told(&right));
}

#[test]
fn a_layer_that_was_damaged_stays_here() {
    let folder = tempfile::tempdir().unwrap();
    let layout = image(folder.path(), "image", &[Content::Random(9, 300_000)]);
    let layer = layers_of(&layout)[0]
        .strip_prefix("sha256:")
        .unwrap()
        .to_owned();
    let blob = layout.join("blobs/sha256").join(&layer);
    let mut data = std::fs::read(&blob).unwrap();
    data[1000] ^= 1;
    std::fs::write(&blob, data).unwrap();
    let registry = Registry::start(Kind::Plain);
    let refused = push(&[layout.to_str().unwrap(), &registry.reference("acme/app:v1")]);
    assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
    assert!(told(&refused).contains(&layer), "{}", told(&refused));
    assert!(!registry.blob_file(&layer).exists());
    let tags = output(Command::new(tool("crane")).args([
        "digest",
        "--insecure",
        &registry.reference("acme/app:v1"),
    ]));
    assert!(!tags.status.success());
}

#[test]
fn an_index_goes_after_its_images() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::start(Kind::Plain);
    let list = registry.reference("acme/list:v1");
    for number in 0..2 {
        let name = format!("image-{number}");
        let layout = image(folder.path(), &name, &[Content::Text(&name)]);
        let pushed = push(&[
            layout.to_str().unwrap(),
            &registry.reference(&format!("acme/list:{number}")),
        ]);
        assert!(pushed.status.success(), "{}", told(&pushed));
    }
    crane([
        "index",
        "append",
        "--insecure",
        "-m",
        &registry.reference("acme/list:0"),
        "-m",
        &registry.reference("acme/list:1"),
        "-t",
        &list,
    ]);
    let copy = folder.path().join("list");
    skopeo([
        "copy",
        "--all",
        "--src-tls-verify=false",
        "--preserve-digests",
        &format!("docker://{list}"),
        &format!("oci:{}:latest", copy.display()),
    ]);
    let target = Registry::start(Kind::Plain);
    let said = report(&push(&[
        "--format=json",
        copy.to_str().unwrap(),
        &target.reference("x/list:v1"),
    ]));
    assert_eq!(said["images"][0]["manifests"], 3, "{said}");
    assert_eq!(
        crane(["digest", "--insecure", &target.reference("x/list:v1")]),
        crane(["digest", "--insecure", &list])
    );
    crane([
        "validate",
        "--insecure",
        "--remote",
        &target.reference("x/list:v1"),
    ]);
}

#[test]
fn protected_registries() {
    let folder = tempfile::tempdir().unwrap();
    let layout = image(folder.path(), "image", &[Content::Text("secret")]);
    let path = layout.to_str().unwrap();
    for kind in [Kind::Basic, Kind::Token] {
        let registry = Registry::start(kind);
        let reference = registry.reference("acme/app:v1");
        let nobody = tempfile::tempdir().unwrap();
        let denied = output(
            verbatim()
                .args(["push", path, &reference])
                .env("DOCKER_CONFIG", nobody.path())
                .env("HOME", nobody.path()),
        );
        assert_eq!(denied.status.code(), Some(3), "{kind:?}: {}", told(&denied));
        let pushed = output(
            verbatim()
                .args(["push", path, &reference])
                .env("DOCKER_CONFIG", registry.docker_config()),
        );
        assert!(pushed.status.success(), "{kind:?}: {}", told(&pushed));
        let seen = run(Command::new(tool("crane"))
            .args(["digest", "--insecure", &reference])
            .env("DOCKER_CONFIG", registry.docker_config()));
        assert_eq!(seen.trim(), digest_of(&layout));
    }
    let registry = Registry::start(Kind::Tls);
    let reference = registry.reference("acme/app:v1");
    let stranger = push(&[path, &reference]);
    assert_eq!(stranger.status.code(), Some(3), "{}", told(&stranger));
    let pushed = push(&["--ca", registry.ca().to_str().unwrap(), path, &reference]);
    assert!(pushed.status.success(), "{}", told(&pushed));
}

#[test]
fn a_read_only_registry_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let layout = image(folder.path(), "image", &[Content::Text("read only")]);
    let registry = Registry::start(Kind::ReadOnly);
    let refused = push(&[layout.to_str().unwrap(), &registry.reference("acme/app:v1")]);
    assert_eq!(refused.status.code(), Some(3), "{}", told(&refused));
    assert!(told(&refused).contains("read-only"), "{}", told(&refused));
}
