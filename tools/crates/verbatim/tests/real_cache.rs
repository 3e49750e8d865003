//! `verbatim push --cache` out of a real build cache into a real registry.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde_json::Value;
use verbatim_testbed::{
    crane, digest_of, layers_of, layout, output, stranger, told, BuildCache, Content, Kind,
    Registry,
};

fn verbatim() -> Command {
    stranger(env!("CARGO_BIN_EXE_verbatim"))
}

fn push(arguments: &[&str]) -> Output {
    output(verbatim().arg("push").args(arguments))
}

/// An image whose layers are in no file: they were taken out of its layout.
struct Sparse {
    folder: tempfile::TempDir,
    digest: String,
    /// The layers, by their digests in hexadecimal.
    layers: Vec<String>,
}

impl Sparse {
    fn new(contents: &[Content<'_>]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout_path = folder.path().join("image");
        layout(&layout_path, contents);
        let digest = digest_of(&layout_path);
        let blobs = layout_path.join("blobs/sha256");
        let layers: Vec<String> = layers_of(&layout_path)
            .iter()
            .map(|layer| layer["sha256:".len()..].to_owned())
            .collect();
        fs::create_dir(folder.path().join("layers")).unwrap();
        for layer in &layers {
            fs::rename(blobs.join(layer), folder.path().join("layers").join(layer)).unwrap();
        }
        Self {
            folder,
            digest,
            layers,
        }
    }

    fn layout(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    /// The bytes of the layers, where no push looks.
    fn files(&self) -> Vec<PathBuf> {
        let layers = self.folder.path().join("layers");
        self.layers.iter().map(|layer| layers.join(layer)).collect()
    }

    /// All files of the layout.
    fn listing(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.layout().join("blobs/sha256"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn served(registry: &Registry, name: &str) -> String {
    let reference = registry.reference(name);
    crane(["validate", "--insecure", "--remote", &reference]);
    crane(["digest", "--insecure", &reference])
        .trim()
        .to_owned()
}

#[test]
fn layers_go_from_the_cache_to_the_registry() {
    let image = Sparse::new(&[Content::Text("small"), Content::Random(1, 9 << 20)]);
    let cache = BuildCache::start();
    cache.store(&image.files());
    let registry = Registry::start(Kind::Plain);
    let before = image.listing();
    // In one request, and in pieces of 1 MiB.
    for (name, chunk) in [("acme/whole:v1", "64"), ("acme/pieces:v1", "1")] {
        let registry_path = registry.reference(name);
        let pushed = push(&[
            "--cache",
            &cache.address(),
            "--chunk",
            chunk,
            image.layout().to_str().unwrap(),
            &registry_path,
        ]);
        assert!(pushed.status.success(), "{}", told(&pushed));
        assert_eq!(served(&registry, name), image.digest);
    }
    assert_eq!(image.listing(), before);
}

/// A file that stands for a program of the user's.
fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// That nothing was published: no tag, and no manifest.
fn nothing_is_published(registry: &Registry) {
    let repositories = registry.storage().join("docker/registry/v2/repositories");
    let mut folders = vec![repositories];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            assert!(!path.ends_with("_manifests"), "{}", path.display());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
}

#[test]
fn a_socket_and_a_second_cache_after_an_empty_one() {
    let image = Sparse::new(&[Content::Text("socket"), Content::Random(2, 3 << 20)]);
    let folder = tempfile::tempdir().unwrap();
    let empty = BuildCache::start();
    let cache = BuildCache::start_on_socket(folder.path());
    cache.store(&image.files());
    let registry = Registry::start(Kind::Plain);
    let pushed = push(&[
        "--cache",
        &empty.address(),
        "--cache",
        &cache.address(),
        image.layout().to_str().unwrap(),
        &registry.reference("acme/app:v1"),
    ]);
    assert!(pushed.status.success(), "{}", told(&pushed));
    assert_eq!(served(&registry, "acme/app:v1"), image.digest);
}

#[test]
fn only_what_the_registry_lacks_is_read() {
    let image = Sparse::new(&[Content::Text("one"), Content::Text("two")]);
    let cache = BuildCache::start();
    cache.store(&image.files());
    let registry = Registry::start(Kind::Plain);
    let layout = image.layout();
    let push_to = |name: &str| {
        push(&[
            "--format=json",
            "--cache",
            &cache.address(),
            layout.to_str().unwrap(),
            &registry.reference(name),
        ])
    };
    let pushed = push_to("acme/app:v1");
    assert!(pushed.status.success(), "{}", told(&pushed));
    // From now on the cache has nothing; the registry has all.
    for layer in &image.layers {
        fs::remove_file(cache.blob_file(layer)).unwrap();
    }
    let pushed = push_to("acme/app:v2");
    assert!(pushed.status.success(), "{}", told(&pushed));
    let report: Value = serde_json::from_slice(&pushed.stdout).unwrap();
    assert_eq!(report["images"][0]["blobs"]["sent"], 0);
    assert_eq!(served(&registry, "acme/app:v2"), image.digest);
}

/// What build rules say of an image whose layers stayed in the cache.
fn request(image: &Sparse, registry: &Registry, name: &str) -> String {
    let blobs = image.layout().join("blobs/sha256");
    let manifest_file = blobs.join(&image.digest["sha256:".len()..]);
    let manifest: Value = serde_json::from_slice(&fs::read(&manifest_file).unwrap()).unwrap();
    let config = &manifest["config"]["digest"].as_str().unwrap()["sha256:".len()..];
    let cached: Vec<Value> = image
        .files()
        .iter()
        .zip(&image.layers)
        .map(|(file, layer)| {
            let metadata = image.folder.path().join(format!("{layer}.layer.json"));
            let known = verbatim_oci::LayerMetadata::of_blob(file).unwrap();
            fs::write(&metadata, known.to_json().unwrap()).unwrap();
            serde_json::json!({"metadata": metadata, "origin": "//server:layer"})
        })
        .collect();
    serde_json::json!({
        "reference": {"registry": registry.host(), "name": name, "tag": "v1"},
        "kind": "image",
        "manifest": manifest_file,
        "config": blobs.join(config),
        "cached": cached,
        "origin": "//server:image",
    })
    .to_string()
}

#[test]
fn a_request_of_build_rules_wants_a_cache_and_says_so() {
    let image = Sparse::new(&[Content::Text("request"), Content::Random(3, 1 << 20)]);
    let cache = BuildCache::start();
    cache.store(&image.files());
    let registry = Registry::start(Kind::Plain);
    let request = format!("--request={}", request(&image, &registry, "app"));
    let refused = push(&[&request]);
    assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
    for part in ["of //server:layer", "--cache=grpc://HOST:PORT"] {
        assert!(told(&refused).contains(part), "{}", told(&refused));
    }
    nothing_is_published(&registry);
    let pushed = push(&[&request, "--cache", &cache.address()]);
    assert!(pushed.status.success(), "{}", told(&pushed));
    assert_eq!(served(&registry, "app:v1"), image.digest);
}

#[test]
fn a_dry_run_says_what_the_cache_lacks() {
    let image = Sparse::new(&[Content::Text("dry")]);
    let cache = BuildCache::start();
    let registry = Registry::start(Kind::Plain);
    let layout = image.layout();
    let arguments = [
        "--dry-run",
        "--cache",
        &cache.address(),
        layout.to_str().unwrap(),
        &registry.reference("acme/app:v1"),
    ];
    let refused = push(&arguments);
    assert_eq!(refused.status.code(), Some(3), "{}", told(&refused));
    assert!(told(&refused).contains("evicted"), "{}", told(&refused));
    cache.store(&image.files());
    let again = push(&arguments);
    assert!(again.status.success(), "{}", told(&again));
    nothing_is_published(&registry);
}

#[test]
fn an_evicted_blob_publishes_nothing_and_is_named() {
    let image = Sparse::new(&[Content::Text("stays"), Content::Random(4, 1 << 20)]);
    let cache = BuildCache::start();
    cache.store(&image.files());
    fs::remove_file(cache.blob_file(&image.layers[1])).unwrap();
    let registry = Registry::start(Kind::Plain);
    let request = format!("--request={}", request(&image, &registry, "app"));
    let refused = push(&[&request, "--cache", &cache.address()]);
    assert_eq!(refused.status.code(), Some(3), "{}", told(&refused));
    for part in [
        &*image.layers[1],
        "of //server:layer",
        "evicted",
        "--remote_download_outputs=all",
        "push_from=files",
        &cache.address(),
    ] {
        assert!(told(&refused).contains(part), "{part}: {}", told(&refused));
    }
    nothing_is_published(&registry);
}

#[test]
fn wrong_bytes_of_a_cache_are_not_sent() {
    let image = Sparse::new(&[Content::Random(5, 1 << 20)]);
    let cache = BuildCache::start();
    cache.store(&image.files());
    let file = cache.blob_file(&image.layers[0]);
    let mut bytes = fs::read(&file).unwrap();
    bytes[500_000] ^= 1;
    fs::remove_file(&file).unwrap();
    fs::write(&file, bytes).unwrap();
    let registry = Registry::start(Kind::Plain);
    let refused = push(&[
        "--cache",
        &cache.address(),
        image.layout().to_str().unwrap(),
        &registry.reference("acme/app:v1"),
    ]);
    assert!(!refused.status.success(), "{}", told(&refused));
    assert!(
        told(&refused).contains("has the digest"),
        "{}",
        told(&refused)
    );
    assert!(!registry.blob_file(&image.layers[0]).exists());
    nothing_is_published(&registry);
}

#[test]
fn a_cache_of_another_digest_function_says_so() {
    let image = Sparse::new(&[Content::Text("sha1")]);
    let cache = BuildCache::with(&["--digest-function=SHA1"]);
    let registry = Registry::start(Kind::Plain);
    let refused = push(&[
        "--cache",
        &cache.address(),
        image.layout().to_str().unwrap(),
        &registry.reference("acme/app:v1"),
    ]);
    assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
    for part in ["SHA1", "--digest_function=SHA256"] {
        assert!(told(&refused).contains(part), "{}", told(&refused));
    }
    nothing_is_published(&registry);
}

#[test]
fn the_folder_of_a_disk_cache() {
    let image = Sparse::new(&[Content::Text("disk"), Content::Random(6, 2 << 20)]);
    let disk = tempfile::tempdir().unwrap();
    for (file, layer) in image.files().iter().zip(&image.layers) {
        let folder = disk.path().join("cas").join(&layer[..2]);
        fs::create_dir_all(&folder).unwrap();
        fs::copy(file, folder.join(layer)).unwrap();
    }
    let registry = Registry::start(Kind::Plain);
    let layout = image.layout();
    let push_to = |name: &str| {
        push(&[
            "--cache",
            disk.path().to_str().unwrap(),
            layout.to_str().unwrap(),
            &registry.reference(name),
        ])
    };
    let pushed = push_to("acme/app:v1");
    assert!(pushed.status.success(), "{}", told(&pushed));
    assert_eq!(served(&registry, "acme/app:v1"), image.digest);
    // Cut short: another registry must not get it.
    let other = Registry::start(Kind::Plain);
    let file = disk
        .path()
        .join("cas")
        .join(&image.layers[1][..2])
        .join(&image.layers[1]);
    fs::OpenOptions::new()
        .write(true)
        .open(&file)
        .unwrap()
        .set_len(1000)
        .unwrap();
    let refused = push(&[
        "--cache",
        disk.path().to_str().unwrap(),
        layout.to_str().unwrap(),
        &other.reference("acme/app:v1"),
    ]);
    assert_eq!(refused.status.code(), Some(3), "{}", told(&refused));
    assert!(
        told(&refused).contains("has 1000 bytes"),
        "{}",
        told(&refused)
    );
    nothing_is_published(&other);
}

#[test]
fn a_registry_that_dies_in_the_middle_has_no_tag() {
    let image = Sparse::new(&[Content::Random(7, 48 << 20), Content::Text("small")]);
    let cache = BuildCache::start();
    cache.store(&image.files());
    let registry = Registry::start(Kind::Plain);
    let child = verbatim()
        .args([
            "push",
            "--chunk=1",
            "--timeout=5",
            "--cache",
            &cache.address(),
        ])
        .arg(image.layout())
        .arg(registry.reference("acme/app:v1"))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Until some of the large layer has come.
    let uploads = registry
        .storage()
        .join("docker/registry/v2/repositories/acme/app/_uploads");
    let came = || {
        fs::read_dir(&uploads)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|upload| fs::metadata(upload.path().join("data")).ok())
            .any(|data| data.len() > 4 << 20)
    };
    let began = std::time::Instant::now();
    while !came() {
        assert!(began.elapsed() < std::time::Duration::from_secs(60));
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let registry = registry.again(Kind::Plain);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(3), "{}", told(&ended));
    nothing_is_published(&registry);
    // And with a registry that lives, the same push is all there.
    let pushed = push(&[
        "--cache",
        &cache.address(),
        image.layout().to_str().unwrap(),
        &registry.reference("acme/app:v1"),
    ]);
    assert!(pushed.status.success(), "{}", told(&pushed));
    assert_eq!(served(&registry, "acme/app:v1"), image.digest);
}

#[test]
fn cache_and_registry_have_helpers_of_their_own() {
    let image = Sparse::new(&[Content::Text("helpers")]);
    let cache = BuildCache::start();
    cache.store(&image.files());
    let registry = Registry::start(Kind::Basic);
    let login = registry.login().unwrap();
    let basic = STANDARD.encode(format!("{}:{}", login.user, login.password));
    let folder = tempfile::tempdir().unwrap();
    let helper = |name: &str, authorization: &str| -> (PathBuf, PathBuf) {
        let (program, asked) = (
            folder.path().join(name),
            folder.path().join(format!("{name}.asked")),
        );
        script(
            &program,
            &format!(
                "#!/bin/sh\ncat >>'{}'\necho '{{\"headers\":{{\"authorization\":[\"{authorization}\"]}}}}'\n",
                asked.display()
            ),
        );
        (program, asked)
    };
    let (of_registry, asked_of_registry) = helper("of-registry", &format!("Basic {basic}"));
    let (of_cache, asked_of_cache) = helper("of-cache", "Bearer of-the-cache");
    let pushed = push(&[
        "--credential-helper",
        of_registry.to_str().unwrap(),
        "--cache-credential-helper",
        of_cache.to_str().unwrap(),
        "--cache",
        &cache.address(),
        image.layout().to_str().unwrap(),
        &registry.reference("acme/app:v1"),
    ]);
    assert!(pushed.status.success(), "{}", told(&pushed));
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let cache_host = cache.address().replace("grpc://", "https://");
    let asked = read(&asked_of_cache);
    assert!(
        asked.contains(&format!("{cache_host}/google.bytestream.ByteStream")),
        "{asked}"
    );
    assert!(!asked.contains(&registry.host()), "{asked}");
    let asked = read(&asked_of_registry);
    assert!(asked.contains(&registry.host()), "{asked}");
    assert!(!asked.contains(&cache_host), "{asked}");
}
