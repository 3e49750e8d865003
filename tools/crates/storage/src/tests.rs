//! A layer, unpacked by hand, and what is said of it once something was changed.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{symlink, MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::UNIX_EPOCH;

use verbatim_archive::{Builder, Compression, Defaults, Encoding, Item, Layer, Wish};
use verbatim_digest::Digest;
use verbatim_reader::Archive;

use crate::canonical;
use crate::compare::compare;
use crate::disk::{Disk, Whiteouts};
use crate::folder::Folder;
use crate::wanted::Tree;

/// Owned by whoever runs the tests.
fn defaults(dir: &Path) -> Defaults {
    let own = dir.metadata().unwrap();
    Defaults {
        uid: own.uid().into(),
        gid: own.gid().into(),
        ..Defaults::default()
    }
}

fn layer(dir: &Path) -> Layer {
    let mut builder = Builder::new(defaults(dir), dir);
    let mut add = |path: &str, item| {
        builder
            .item(path.as_bytes(), item, &Wish::default(), "the test")
            .unwrap();
    };
    add("etc", Item::Directory);
    add("etc/motd", Item::Bytes(b"hello\n".to_vec()));
    add("etc/twin", Item::HardLink(b"etc/motd".to_vec()));
    add("etc/link", Item::Symlink(b"motd".to_vec()));
    add("opt/deep/file", Item::Bytes(b"deep\n".to_vec()));
    add("etc/.wh.gone", Item::Bytes(Vec::new()));
    builder.finish().unwrap()
}

/// As an engine unpacks it that writes white-outs as files.
fn unpack(root: &Path) {
    for folder in ["etc", "opt/deep"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for (file, text) in [
        ("etc/motd", "hello\n"),
        ("opt/deep/file", "deep\n"),
        ("etc/.wh.gone", ""),
    ] {
        fs::write(root.join(file), text).unwrap();
        permit(&root.join(file), 0o644);
        set_time(&root.join(file));
    }
    fs::hard_link(root.join("etc/motd"), root.join("etc/twin")).unwrap();
    symlink("motd", root.join("etc/link")).unwrap();
    let time = rustix::fs::Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let times = rustix::fs::Timestamps {
        last_access: time,
        last_modification: time,
    };
    let link = root.join("etc/link");
    let here = rustix::fs::CWD;
    rustix::fs::utimensat(here, &link, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).unwrap();
    for folder in ["", "etc", "opt", "opt/deep"] {
        permit(&root.join(folder), 0o755);
    }
    set_time(&root.join("etc"));
}

fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn set_time(path: &Path) {
    File::open(path).unwrap().set_modified(UNIX_EPOCH).unwrap();
}

fn disk(root: &Path) -> Disk {
    Disk::read(&Folder::named(root).unwrap(), Whiteouts::Overlay).unwrap()
}

/// All changes of what is below `root`, as sentences, without those about owners: the engine's folders
/// are root's, and the tests may not be.
fn changes(layer: &Layer, root: &Path) -> Vec<String> {
    let mut archive = Vec::new();
    let plain = Encoding::new(Compression::None, None).unwrap();
    layer.write(plain, 1, &mut archive, &|_| {}).unwrap();
    let mut tree = Tree::new(Whiteouts::Overlay);
    tree.add_layer(&mut Archive::new(&archive[..]), true, "the layer")
        .unwrap();
    let changes = compare(&tree, &disk(root)).unwrap();
    let sentences = changes.iter().map(ToString::to_string);
    sentences
        .filter(|sentence| !sentence.contains("another owner"))
        .collect()
}

#[test]
fn each_change_is_named_and_nothing_else() {
    type Deed = fn(&Path);
    let table: [(Deed, &[&str]); 12] = [
        (|_| {}, &[]),
        (
            |root| {
                fs::write(root.join("etc/motd"), "hallo\n").unwrap();
                set_time(&root.join("etc/motd"));
            },
            &[
                "etc/motd was changed: it has other bytes",
                "etc/twin was changed: it has other bytes",
            ],
        ),
        (
            |root| {
                fs::write(root.join("opt/deep/file"), "deeper\n").unwrap();
                set_time(&root.join("opt/deep/file"));
            },
            &["opt/deep/file was changed: it has 7 bytes instead of 5"],
        ),
        (
            |root| permit(&root.join("opt/deep/file"), 0o4644),
            &["opt/deep/file was made setuid: 4644 instead of 0644"],
        ),
        (
            |root| permit(&root.join("opt/deep"), 0o777),
            &["opt/deep has other permissions: 0777 instead of 0755"],
        ),
        (
            |root| permit(root, 0o777),
            &["/ has other permissions: 0777 instead of 0755"],
        ),
        (
            |root| {
                fs::write(root.join("opt/new"), "").unwrap();
                permit(&root.join("opt/new"), 0o6755);
            },
            &["opt/new was added (a file, setuid)"],
        ),
        (
            |root| fs::create_dir(root.join("opt/empty")).unwrap(),
            &["opt/empty was added (a folder)"],
        ),
        (
            |root| fs::remove_file(root.join("opt/deep/file")).unwrap(),
            &["opt/deep/file was removed"],
        ),
        (
            |root| {
                fs::remove_file(root.join("etc/.wh.gone")).unwrap();
                set_time(&root.join("etc"));
            },
            &["etc/gone is there again, and the layer takes it away"],
        ),
        (
            |root| {
                fs::remove_file(root.join("opt/deep/file")).unwrap();
                symlink("/etc/passwd", root.join("opt/deep/file")).unwrap();
            },
            &["opt/deep/file was replaced: it is a symlink instead of a file"],
        ),
        (
            |root| {
                fs::write(root.join("opt/.wh..wh..opq"), "").unwrap();
            },
            &["opt hides what lower layers have in it, and the layer does not say so"],
        ),
    ];
    for (number, (deed, expected)) in table.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let layer = layer(folder.path());
        let root = folder.path().join("root");
        fs::create_dir(&root).unwrap();
        unpack(&root);
        deed(&root);
        assert_eq!(changes(&layer, &root), *expected, "{number}");
        // Without a record the digest is another one, or what the engine would not have made is named.
        let disk = disk(&root);
        let remade = canonical::diff_id(&disk, &|_| {}).unwrap();
        let same = remade == diff_id(&layer);
        let others = canonical::not_of_engine(&disk, &|_| None);
        let others = others.iter().map(ToString::to_string);
        let others: Vec<_> = others
            .filter(|said| !said.contains("another owner"))
            .collect();
        if expected.is_empty() {
            assert!(same && others.is_empty(), "{others:?}");
        } else {
            assert!(!same || !others.is_empty(), "{number}");
        }
    }
}

fn diff_id(layer: &Layer) -> Digest {
    let plain = Encoding::new(Compression::None, None).unwrap();
    let written = layer.write(plain, 1, &mut std::io::sink(), &|_| {});
    written.unwrap().diff_id
}

#[test]
fn links_are_never_followed_and_pipes_never_opened() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    let root = folder.path().join("root");
    for path in [&outside, &root] {
        fs::create_dir(path).unwrap();
    }
    fs::write(outside.join("secret"), "x").unwrap();
    symlink(&outside, root.join("link")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let disk = disk(&root);
    let paths: Vec<_> = disk.files.keys().cloned().collect();
    assert_eq!(paths, [&b""[..], b"link", b"pipe"]);
    assert!(disk.open(b"link").is_err() && disk.open(b"pipe").is_err());
    assert!(canonical::diff_id(&disk, &|_| {}).is_err());
    let store = Folder::named(&root).unwrap();
    for name in ["link", "..", "a/b", "", "pipe"] {
        assert!(store.folder(name).is_err(), "{name}");
    }
}
