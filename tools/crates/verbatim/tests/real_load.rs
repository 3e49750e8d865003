//! `verbatim load` into real engines: podman's own service, and containerd.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use verbatim_testbed::{layout, output, run, told, tool, BuildCache, Containerd, Content};

fn verbatim() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verbatim"));
    for name in [
        "DOCKER_HOST",
        "CONTAINER_HOST",
        "CONTAINERD_ADDRESS",
        "XDG_RUNTIME_DIR",
    ] {
        command.env_remove(name);
    }
    command
}

fn sample(folder: &Path, texts: &[&str]) -> PathBuf {
    let path = folder.join(format!("image-{}", texts.join("-")));
    let layers: Vec<Content<'_>> = texts.iter().map(|text| Content::Text(text)).collect();
    layout(&path, &layers);
    path
}

/// A service that ends with the test.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for(socket: &Path) {
    let began = Instant::now();
    while std::os::unix::net::UnixStream::connect(socket).is_err() {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{} does not come up",
            socket.display()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn podman(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(tool("podman"));
    command
        .arg("--root")
        .arg(folder.join("root"))
        .arg("--runroot")
        .arg(folder.join("runroot"))
        .args(["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"])
        .args(arguments);
    command
}

fn start_podman(folder: &Path) -> (Service, PathBuf) {
    let socket = folder.join("podman.sock");
    let address = format!("unix://{}", socket.display());
    let child = podman(folder, &["system", "service", "--time=0", &address])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let service = Service(child);
    wait_for(&socket);
    (service, socket)
}

fn load(arguments: &[&str], socket: &Path) -> Output {
    output(
        verbatim()
            .arg("load")
            .arg("--socket")
            .arg(socket)
            .args(arguments),
    )
}

/// The digest of the config, by a tool that is not ours.
fn image_id(layout: &Path) -> String {
    let inspected = run(Command::new(tool("skopeo")).args([
        "inspect",
        "--raw",
        &format!("oci:{}:latest", layout.display()),
    ]));
    let manifest: serde_json::Value = serde_json::from_str(&inspected).unwrap();
    manifest["config"]["digest"].as_str().unwrap().to_owned()
}

#[test]
fn podman_has_what_was_built() {
    let folder = tempfile::tempdir().unwrap();
    let (_service, socket) = start_podman(folder.path());
    let first = sample(folder.path(), &["one", "two"]);
    let layout = first.to_str().unwrap();
    // Once as Podman, and once by the calls that are made to Docker.
    for (engine, name) in [
        ("podman", "localhost/app:v1"),
        ("docker", "localhost/other:v2"),
    ] {
        let loaded = load(&["--engine", engine, layout, name], &socket);
        assert!(loaded.status.success(), "{engine}: {}", told(&loaded));
        let found = run(&mut podman(
            folder.path(),
            &["image", "inspect", "--format", "{{.Id}}", name],
        ));
        assert_eq!(format!("sha256:{}", found.trim()), image_id(&first));
    }
    // The second one had only to be named.
    let again = load(
        &[
            "--format=json",
            "--engine=podman",
            layout,
            "localhost/app:v1",
        ],
        &socket,
    );
    let report: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(report["schema"], "verbatim.load/1");
    assert_eq!(report["verdict"], "unchanged");
    assert_eq!(report["id"].as_str().unwrap(), image_id(&first));
    let listed = run(&mut podman(
        folder.path(),
        &["images", "--format", "{{.Repository}}:{{.Tag}}"],
    ));
    assert!(listed.contains("localhost/app:v1"), "{listed}");
    assert!(listed.contains("localhost/other:v2"), "{listed}");
}

#[test]
fn layers_come_from_a_build_cache() {
    let folder = tempfile::tempdir().unwrap();
    let (_service, socket) = start_podman(folder.path());
    let image = sample(folder.path(), &["cached", "too"]);
    let layout = image.to_str().unwrap();
    let manifest = run(Command::new(tool("skopeo")).args([
        "inspect",
        "--raw",
        &format!("oci:{layout}:latest"),
    ]));
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let mut layers = Vec::new();
    for layer in manifest["layers"].as_array().unwrap() {
        let hex = &layer["digest"].as_str().unwrap()["sha256:".len()..];
        let aside = folder.path().join(hex);
        std::fs::rename(image.join("blobs/sha256").join(hex), &aside).unwrap();
        layers.push(aside);
    }
    let name = "localhost/cached:v1";
    let cache = BuildCache::start();
    let with = |more: &[&str]| {
        let arguments = [&["--engine=podman", layout, name], more].concat();
        load(&arguments, &socket)
    };
    // It says what to add; an empty cache says what is wrong; then it is there.
    let refused = with(&[]);
    assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
    assert!(
        told(&refused).contains("--cache=grpc://HOST:PORT"),
        "{}",
        told(&refused)
    );
    let refused = with(&["--cache", &cache.address()]);
    assert_eq!(refused.status.code(), Some(3), "{}", told(&refused));
    assert!(told(&refused).contains("evicted"), "{}", told(&refused));
    cache.store(&layers);
    let loaded = with(&["--cache", &cache.address()]);
    assert!(loaded.status.success(), "{}", told(&loaded));
    let found = run(&mut podman(
        folder.path(),
        &["image", "inspect", "--format", "{{.Id}}", name],
    ));
    let config = manifest["config"]["digest"].as_str().unwrap();
    assert_eq!(format!("sha256:{}", found.trim()), config);
}

#[test]
fn a_wrong_image_is_not_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let (_service, socket) = start_podman(folder.path());
    let image = sample(folder.path(), &["three"]);
    let config = image_id(&image);
    let manifest = run(Command::new(tool("skopeo")).args([
        "inspect",
        "--raw",
        &format!("oci:{}:latest", image.display()),
    ]));
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    let blob = image
        .join("blobs/sha256")
        .join(layer.strip_prefix("sha256:").unwrap());
    let mut data = std::fs::read(&blob).unwrap();
    let last = data.len() - 1;
    data[last] ^= 1;
    std::fs::write(&blob, data).unwrap();
    let refused = load(
        &[
            "--engine=podman",
            image.to_str().unwrap(),
            "localhost/bad:v1",
        ],
        &socket,
    );
    assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
    assert!(told(&refused).contains(layer), "{}", told(&refused));
    let there = output(&mut podman(folder.path(), &["image", "exists", &config]));
    assert_eq!(there.status.code(), Some(1), "{}", told(&there));
}

#[test]
fn without_an_engine_nothing_could_be_done() {
    let folder = tempfile::tempdir().unwrap();
    let image = sample(folder.path(), &["four"]);
    let socket = folder.path().join("podman.sock");
    let nobody = load(&[image.to_str().unwrap(), "localhost/app:v1"], &socket);
    assert_eq!(nobody.status.code(), Some(3), "{}", told(&nobody));
    assert!(
        told(&nobody).contains("nobody listens there"),
        "{}",
        told(&nobody)
    );
}

#[test]
fn containerd_has_what_was_built() {
    let folder = tempfile::tempdir().unwrap();
    let containerd = Containerd::start(folder.path());
    let socket = containerd.socket();
    let image = sample(folder.path(), &["five", "six"]);
    let name = "registry.example.com/acme/app:v1";
    let path = image.to_str().unwrap();
    let first = load(&["--engine=containerd", path, name], socket);
    assert!(first.status.success(), "{}", told(&first));
    let listed = containerd.ctr(&["images", "list"]);
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(image.join("index.json")).unwrap()).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap();
    assert!(listed.contains(name) && listed.contains(digest), "{listed}");
    let again = load(&["--engine=containerd", path, name], socket);
    assert!(told(&again).starts_with("unchanged"), "{}", told(&again));
}
