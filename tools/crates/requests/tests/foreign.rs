//! Images as other build rules hand them on, in the shapes in which they do.
//!
//! rules_img writes the documents of an image without its layers, and layouts whose
//! `index.json` is the index that is published. Both look like something else to a reader
//! that goes by `index.json` alone.

use std::fs;
use std::path::Path;

use serde_json::{json, Value};
use verbatim_digest::Digest;
use verbatim_registry::Inputs;
use verbatim_requests::{ImageRequest, Values};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, data: &[u8]) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, data).unwrap();
    }

    /// A blob in layouts; gives its descriptor.
    fn blob(&self, layouts: &[&str], media_type: &str, data: &[u8]) -> Value {
        let digest = Digest::of(data);
        for layout in layouts {
            self.write(&format!("{layout}/blobs/sha256/{}", digest.hex()), data);
        }
        json!({"mediaType": media_type, "digest": digest.to_string(), "size": data.len()})
    }

    /// An image with one layer; its layer lies in `full` alone. Gives the descriptor.
    fn image(&self, architecture: &str) -> Value {
        let tar = vec![0; 1024];
        let both = ["full", "sparse"];
        let config = json!({"architecture": architecture, "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(&tar).to_string()]}});
        let config = self.blob(
            &both,
            "application/vnd.oci.image.config.v1+json",
            config.to_string().as_bytes(),
        );
        let layer = self.blob(&["full"], "application/vnd.oci.image.layer.v1.tar", &tar);
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        self.blob(&both, MANIFEST, manifest.to_string().as_bytes())
    }

    /// The layouts as rules_img writes them; gives the digest of what is published.
    fn layouts(&self, root: &Value, index: &[u8]) -> String {
        for (file, data) in [
            (
                "full/oci-layout",
                &br#"{"imageLayoutVersion": "1.0.0"}"#[..],
            ),
            ("full/index.json", index),
            (
                "sparse/sparse-oci-layout",
                br#"{"imageLayoutVersion": "1.0.0"}"#,
            ),
            ("sparse/root.descriptor.json", root.to_string().as_bytes()),
            ("descriptor.json", root.to_string().as_bytes()),
        ] {
            self.write(file, data);
        }
        let digest = root["digest"].as_str().unwrap().to_owned();
        self.write("digest", digest.as_bytes());
        digest
    }

    fn index(&self, images: &[Value]) -> String {
        let index =
            json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": images}).to_string();
        let root = self.blob(&["sparse"], INDEX, index.as_bytes());
        self.layouts(&root, index.as_bytes())
    }

    fn request(&self, layout: Option<&str>) -> ImageRequest {
        let mut request = json!({
            "kind": "output_groups",
            "origin": "//app:image",
            "reference": {"registry": "r.example", "name": "app"},
            "digest": self.path("digest"),
            "descriptor": self.path("descriptor.json"),
        });
        if let Some(layout) = layout {
            request["layout"] = self.path(layout).into();
        }
        ImageRequest::parse(&request.to_string(), "--record").unwrap()
    }

    fn summed(&self) -> Value {
        let entry = self.request(Some("sparse")).sums_entry(&Values::default());
        serde_json::to_value(entry.unwrap()).unwrap()
    }

    fn pushed(&self) -> String {
        let image = self
            .request(Some("full"))
            .push_image(&Values::default(), Inputs::default());
        image.unwrap().digest().to_string()
    }
}

#[test]
fn documents_without_layers_say_all_there_is_to_say() {
    let folder = Folder::new();
    let root = folder.image("amd64");
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [root]});
    let digest = folder.layouts(&root, index.to_string().as_bytes());
    let summed = folder.summed();
    assert_eq!(summed["digest"], digest);
    assert!(summed["image_id"].as_str().is_some());
    assert_eq!(
        summed["platforms"][0]["layers"].as_array().unwrap().len(),
        1
    );
    assert_eq!(folder.pushed(), digest);
    // Of a digest alone nothing else is known.
    let bare = folder.request(None).sums_entry(&Values::default()).unwrap();
    assert_eq!(bare.digest.to_string(), digest);
    assert!(bare.platforms.is_empty());
}

#[test]
fn the_index_of_several_images_is_published() {
    let folder = Folder::new();
    let mut images = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let mut image = folder.image(architecture);
        image["platform"] = json!({"os": "linux", "architecture": architecture});
        images.push(image);
    }
    let digest = folder.index(&images);
    assert_eq!(folder.summed()["digest"], digest);
    assert_eq!(folder.summed()["platforms"].as_array().unwrap().len(), 2);
    assert_eq!(folder.pushed(), digest);
}

#[test]
fn the_index_of_one_image_is_no_image() {
    let folder = Folder::new();
    let mut image = folder.image("amd64");
    image["platform"] = json!({"os": "linux", "architecture": "amd64"});
    let digest = folder.index(&[image.clone()]);
    assert_ne!(image["digest"], digest);
    assert_eq!(folder.summed()["digest"], digest);
    assert_eq!(folder.pushed(), digest);
}

#[test]
fn a_digest_that_the_bytes_do_not_have_is_an_error() {
    let folder = Folder::new();
    let amd64 = folder.image("amd64");
    let arm64 = folder.image("arm64");
    let digest = folder.index(&[amd64]);
    // What stands beside the layout is of another image, and agrees with itself.
    folder.write("descriptor.json", arm64.to_string().as_bytes());
    folder.write("digest", arm64["digest"].as_str().unwrap().as_bytes());
    let error = folder
        .request(Some("sparse"))
        .sums_entry(&Values::default());
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains(&digest) && error.contains("//app:image"),
        "{error}"
    );
    // The bytes of the root are another document than its name says.
    let hex = digest.trim_start_matches("sha256:");
    let blob = format!("sparse/blobs/sha256/{hex}");
    folder.write(&blob, br#"{"schemaVersion":2,"manifests":[]}"#);
    let error = folder
        .request(Some("sparse"))
        .sums_entry(&Values::default());
    assert!(error.unwrap_err().to_string().contains(hex));
}

#[test]
fn a_descriptor_of_a_pushed_image_is_compared_with_its_digest() {
    let folder = Folder::new();
    let root = folder.image("amd64");
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [root]});
    folder.layouts(&root, index.to_string().as_bytes());
    folder.write("digest", Digest::of(b"x").to_string().as_bytes());
    let error = folder
        .request(Some("full"))
        .push_image(&Values::default(), Inputs::default());
    assert!(error.unwrap_err().to_string().contains("descriptor.json"));
}

#[test]
fn an_oci_layout_stays_one_whatever_lies_beside_its_marker() {
    let folder = Folder::new();
    let root = folder.image("amd64");
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [root]});
    let digest = folder.layouts(&root, index.to_string().as_bytes());
    folder.write("full/sparse-oci-layout", b"{}");
    folder.write("full/root.descriptor.json", b"{}");
    let layout = verbatim_oci::layout::Layout::open(Path::new(&folder.path("full"))).unwrap();
    let published = verbatim_oci::layout::Published::of(&layout, None).unwrap();
    assert_eq!(published.descriptor.digest.to_string(), digest);
}

#[test]
fn a_listing_without_its_version_is_read_and_not_published() {
    let folder = Folder::new();
    let mut images = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let mut image = folder.image(architecture);
        image["platform"] = json!({"os": "linux", "architecture": architecture});
        images.push(image);
    }
    let layout = || verbatim_oci::layout::Layout::open(Path::new(&folder.path("full"))).unwrap();
    let published = || verbatim_oci::layout::Published::of(&layout(), None);
    // As rules_oci names an index.
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": images}).to_string();
    let root = folder.blob(&["full", "sparse"], INDEX, index.as_bytes());
    let digest = folder.layouts(&root, json!({"manifests": [root]}).to_string().as_bytes());
    assert_eq!(published().unwrap().descriptor.digest.to_string(), digest);
    // If it is itself what is published, a registry would refuse it.
    let listing = json!({"manifests": images}).to_string();
    folder.write("full/index.json", listing.as_bytes());
    let error = published().unwrap_err().to_string();
    assert!(error.contains("schemaVersion"), "{error}");
    for other in ["1", "\"2\"", "null"] {
        let listing = format!(r#"{{"schemaVersion":{other},"manifests":[{root}]}}"#);
        folder.write("full/index.json", listing.as_bytes());
        assert!(published().is_err(), "{other}");
    }
}
