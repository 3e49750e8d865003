//! Small images in memory.

use std::collections::BTreeMap;
use std::io::Cursor;

use verbatim_digest::Digest;
use verbatim_document::{Error, ErrorKind, Result};
use verbatim_oci::layout::{Blobs, Content};
use verbatim_oci::{Descriptor, MediaType};

use crate::{Image, Limits, Node, RootFs, What};

/// A place with blobs in memory.
#[derive(Default)]
struct Memory(BTreeMap<Digest, Vec<u8>>);

impl Memory {
    fn add(&mut self, media_type: MediaType, data: Vec<u8>) -> Descriptor {
        let descriptor = Descriptor::of(media_type, &data);
        self.0.insert(descriptor.digest, data);
        descriptor
    }
}

impl Blobs for Memory {
    fn place(&self) -> &str {
        "memory"
    }

    fn name(&self, digest: &Digest) -> String {
        digest.to_string()
    }

    fn has(&self, descriptor: &Descriptor) -> bool {
        self.0.contains_key(&descriptor.digest)
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        let missing = || Error::new(ErrorKind::Missing, "memory", "is missing");
        self.0.get(&descriptor.digest).cloned().ok_or_else(missing)
    }

    fn open(&self, digest: &Digest, _: Option<u64>) -> Result<Content> {
        let missing = || Error::new(ErrorKind::Missing, "memory", "is missing");
        let data = self.0.get(digest).cloned().ok_or_else(missing)?;
        Ok(Content {
            size: Some(data.len() as u64),
            reader: Box::new(Cursor::new(data)),
        })
    }
}

/// What a layer has: a path, and what is there.
enum Put<'a> {
    File(&'a str, &'a str),
    Folder(&'a str),
    Link(&'a str, &'a str),
    Name(&'a str, &'a str),
}
use Put::{File, Folder, Link, Name};

fn layer(entries: &[Put<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        let (kind, path, content, target) = match *entry {
            File(path, content) => (tar::EntryType::Regular, path, content, None),
            Folder(path) => (tar::EntryType::Directory, path, "", None),
            Link(path, target) => (tar::EntryType::Symlink, path, "", Some(target)),
            Name(path, target) => (tar::EntryType::Link, path, "", Some(target)),
        };
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        // The library refuses what a hostile archive may hold.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        if let Some(target) = target {
            header.set_link_name_literal(target).unwrap();
        }
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn image(layers: &[&[Put<'_>]]) -> (Memory, Descriptor, Vec<u8>) {
    let mut memory = Memory::default();
    let descriptors: Vec<Descriptor> = layers
        .iter()
        .map(|entries| memory.add(MediaType::OCI_LAYER, layer(entries)))
        .collect();
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": descriptors.iter().map(|d| d.digest).collect::<Vec<_>>()},
        "history": layers.iter().enumerate().map(|(i, _)| serde_json::json!({"created_by": format!("step {i}")})).collect::<Vec<_>>(),
    });
    let config = memory.add(MediaType::OCI_CONFIG, serde_json::to_vec(&config).unwrap());
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST,
        "config": config, "layers": descriptors,
    });
    let bytes = serde_json::to_vec(&manifest).unwrap();
    let root = memory.add(MediaType::OCI_MANIFEST, bytes.clone());
    (memory, root, bytes)
}

fn read(layers: &[&[Put<'_>]]) -> Result<RootFs> {
    let (memory, root, bytes) = image(layers);
    let image = Image::choose(&memory, &root, &bytes, None)?;
    RootFs::read(&memory, image, &Limits::default())
}

/// The paths, with what files hold and where links lead.
fn shown(tree: &RootFs) -> Vec<String> {
    tree.iter()
        .map(|(path, found)| {
            let path = String::from_utf8_lossy(path);
            match &found.node {
                Node::File(place) => {
                    let data = place.bytes(1 << 20).unwrap().unwrap();
                    format!("{path}={} @{}", String::from_utf8_lossy(&data), found.layer)
                }
                Node::Symlink(target) => format!("{path}->{}", String::from_utf8_lossy(target)),
                Node::Directory => format!("{path}/"),
                Node::Special => format!("{path}?"),
            }
        })
        .collect()
}

#[test]
fn layers_over_each_other() {
    for (layers, expected) in [
        // A file that is replaced, and one that stays.
        (
            &[&[File("a", "1"), File("b", "1")][..], &[File("./b", "2")]][..],
            &["a=1 @0", "b=2 @1"][..],
        ),
        // White-outs of a file, a folder, and of what is in one.
        (
            &[
                &[
                    File("a", "1"),
                    File("d/x", "1"),
                    File("d/y", "1"),
                    File("e/z", "1"),
                ],
                &[File(".wh.a", ""), File("d/.wh.x", ""), File(".wh.e", "")],
            ],
            &["d/", "d/y=1 @0"],
        ),
        // What is beside a white-out in its own layer stays, before or after it.
        (
            &[
                &[File("d/x", "1")],
                &[
                    File("d/new", "2"),
                    File("d/.wh..wh..opq", ""),
                    File(".wh.k", ""),
                    File("k", "3"),
                ],
            ],
            &["d/", "d/new=2 @1", "k=3 @1"],
        ),
        // A file in place of a folder, and a folder in place of a file.
        (
            &[
                &[File("d/x", "1"), File("f", "1")],
                &[File("d", "2"), File("f/y", "2")],
            ],
            &["d=2 @1", "f/", "f/y=2 @1"],
        ),
        // Through a link of a lower layer, and a link that is replaced by a folder.
        (
            &[
                &[
                    Folder("usr/bin/"),
                    Link("bin", "usr/bin"),
                    Link("lib", "/usr/lib"),
                    File("usr/lib/l", "1"),
                ],
                &[File("bin/x", "2"), Folder("lib/"), File("lib/y", "2")],
            ],
            &[
                "bin->usr/bin",
                "lib/",
                "lib/y=2 @1",
                "usr/",
                "usr/bin/",
                "usr/bin/x=2 @1",
                "usr/lib/",
                "usr/lib/l=1 @0",
            ],
        ),
        // Another name of a file of a lower layer keeps what it has, also when that is replaced.
        (
            &[&[File("a", "1")], &[Name("b", "a"), File("a", "2")]],
            &["a=2 @1", "b=1 @1"],
        ),
        // Folders of AUFS's own remove nothing.
        (
            &[&[File("a", "1")], &[File(".wh..wh.aufs", "")]],
            &["a=1 @0"],
        ),
    ] {
        assert_eq!(shown(&read(layers).unwrap()), *expected);
    }
}

#[test]
fn what_happened_to_a_path() {
    let tree = read(&[
        &[File("a", "1"), File("d/x", "1")],
        &[File("a", "2"), File("d/.wh..wh..opq", "")],
        &[File(".wh.a", "")],
    ])
    .unwrap();
    let told = |path: &str| -> Vec<String> {
        let events = tree.events(path.as_bytes());
        let word = |what: &What| match what {
            What::Added(_) => "added".to_owned(),
            What::Replaced(_) => "replaced".to_owned(),
            What::Removed(by) => format!("removed by {}", String::from_utf8_lossy(by)),
            What::Covered(by) => format!("covered by {}", String::from_utf8_lossy(by)),
        };
        events
            .iter()
            .map(|e| format!("{} {}", e.layer, word(&e.what)))
            .collect()
    };
    assert_eq!(told("a"), ["0 added", "1 replaced", "2 removed by .wh.a"]);
    assert_eq!(told("d/x"), ["0 added", "1 removed by d/.wh..wh..opq"]);
    assert_eq!(tree.image.layers[1].created_by.as_deref(), Some("step 1"));
}

#[test]
fn paths_through_links() {
    let tree = read(&[&[
        File("usr/bin/x", "1"),
        Link("bin", "usr/bin"),
        Link("usr/bin/y", "../../bin/x"),
        Link("round", "about"),
        Link("about", "round"),
    ]])
    .unwrap();
    assert_eq!(tree.real_path(b"bin/y").unwrap(), b"usr/bin/x");
    assert_eq!(tree.real_parents(b"/bin/y"), b"usr/bin/y");
    assert_eq!(tree.real_path(b"round"), None);
    assert_eq!(tree.real_path(b"../../bin/x").unwrap(), b"usr/bin/x");
}

#[test]
fn hostile_layers_are_refused() {
    for (entries, words) in [
        (&[File("../x", "1")][..], "climbs out of the root"),
        (&[Name("a", "b")], "is not there"),
    ] {
        let message = read(&[entries]).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
    let (mut memory, root, bytes) = image(&[&[File("a", "1")]]);
    let of = |memory: &Memory, limits: &Limits| {
        let image = Image::choose(memory, &root, &bytes, None)?;
        RootFs::read(memory, image, limits)
    };
    let few = Limits {
        entries: 0,
        ..Limits::default()
    };
    assert_eq!(of(&memory, &few).unwrap_err().kind(), ErrorKind::Limit);
    let small = Limits {
        unpacked: 1000,
        ..Limits::default()
    };
    assert_eq!(of(&memory, &small).unwrap_err().kind(), ErrorKind::Limit);
    // A byte of the layer that is another one.
    let digest = Image::choose(&memory, &root, &bytes, None).unwrap().layers[0]
        .descriptor
        .digest;
    memory.0.get_mut(&digest).unwrap()[600] ^= 1;
    let error = of(&memory, &Limits::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
}
