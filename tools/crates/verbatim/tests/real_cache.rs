//! `verbatim push --cache` out of a real build cache into a real registry.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use verbatim_testbed::{crane, layout, output, BuildCache, Content, Kind, Registry};

fn verbatim() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verbatim"));
    command.env_remove("DOCKER_CONFIG");
    command
}

fn push(arguments: &[&str]) -> Output {
    output(verbatim().arg("push").args(arguments))
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
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
        let read =
            |path: &Path| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
        let digest = read(&layout_path.join("index.json"))["manifests"][0]["digest"]
            .as_str()
            .unwrap()
            .to_owned();
        let blobs = layout_path.join("blobs/sha256");
        let manifest = read(&blobs.join(&digest["sha256:".len()..]));
        let layers: Vec<String> = manifest["layers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|layer| layer["digest"].as_str().unwrap()["sha256:".len()..].to_owned())
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
        assert!(pushed.status.success(), "{}", text(&pushed));
        assert_eq!(served(&registry, name), image.digest);
    }
    assert_eq!(image.listing(), before);
}
