//! `verbatim verify --storage` against what a real podman and a real containerd have unpacked, with two drivers of each.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{symlink, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use verbatim_testbed::{output, run, tool, Containerd};

const REFERENCE: &str = "registry.example.com/acme/app:v1";

fn done(dir: &Path, arguments: &[&str]) {
    let output = output(
        Command::new(env!("CARGO_BIN_EXE_verbatim"))
            .args(arguments)
            .current_dir(dir),
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
}

/// An image of two layers: the second one takes away, hides and adds below folders that it does not
/// name.
fn image(dir: &Path) {
    let tree = dir.join("tree");
    for folder in ["etc", "usr/bin", "var/cache", "tmp"] {
        fs::create_dir_all(tree.join(folder)).unwrap();
    }
    for (file, text) in [
        ("etc/motd", "hello\n"),
        ("etc/gone", "bye\n"),
        ("usr/bin/app", "#!/bin/sh\n"),
        ("var/cache/old", "old\n"),
        ("var/big", &"0123456789".repeat(100_000)),
    ] {
        fs::write(tree.join(file), text).unwrap();
    }
    let app = tree.join("usr/bin/app");
    fs::set_permissions(app, Permissions::from_mode(0o755)).unwrap();
    symlink("app", tree.join("usr/bin/link")).unwrap();
    fs::write(dir.join("empty"), "").unwrap();
    done(
        dir,
        &[
            "layer",
            "-o=base.tar.gz",
            "tree",
            r#"--entry={"type":"hardlink","path":"usr/bin/twin","target":"usr/bin/app"}"#,
            r#"--entry={"type":"file","path":"usr/bin/su","source":"tree/usr/bin/app","mode":"4755","uid":7,"gid":9,"xattrs":{"user.note":"hey"}}"#,
            r#"--entry={"type":"directory","path":"var/spool","mode":"1777","mtime":1700000000}"#,
        ],
    );
    done(
        dir,
        &[
            "layer",
            "-o=top.tar.zst",
            "etc/new=tree/etc/motd",
            "var/cache/y=tree/etc/motd",
            "opt/deep/f=tree/etc/motd",
            "var/spool/mail=tree/etc/motd",
            r#"--entry={"type":"file","path":"etc/.wh.gone","source":"empty"}"#,
            r#"--entry={"type":"file","path":"var/cache/.wh..wh..opq","source":"empty"}"#,
        ],
    );
    done(
        dir,
        &[
            "image",
            "-o=layout",
            "--platform=linux/amd64",
            "--layer=base.tar.gz",
            "--layer=top.tar.zst",
        ],
    );
    let image = format!("--image={REFERENCE}=layout");
    done(dir, &["sums", "create", "-o=sums.sha256", &image]);
}

struct Podman {
    root: PathBuf,
    driver: &'static str,
}

impl Podman {
    fn run(&self, arguments: &[&str]) -> String {
        let beside = format!("{}.run", self.root.display());
        run(Command::new(tool("podman"))
            .arg("--root")
            .arg(&self.root)
            .args(["--runroot", &beside, "--storage-driver", self.driver])
            .args(["--cgroup-manager", "cgroupfs"])
            .args(arguments))
    }

    /// The folders of the files of each layer, bottom first.
    fn layers(&self) -> Vec<PathBuf> {
        let list = self
            .root
            .join(format!("{}-layers/layers.json", self.driver));
        let list: Value = serde_json::from_slice(&fs::read(list).unwrap()).unwrap();
        let mut layers: Vec<&Value> = list.as_array().unwrap().iter().collect();
        layers.sort_by_key(|layer| layer["parent"].is_string());
        let folder = |layer: &&Value| {
            let id = layer["id"].as_str().unwrap();
            match self.driver {
                "vfs" => self.root.join("vfs/dir").join(id),
                _ => self.root.join("overlay").join(id).join("diff"),
            }
        };
        layers.iter().map(folder).collect()
    }
}

/// The exit code, the verdict, and the reasons and problems in one text.
fn verify(dir: &Path, store: &Path) -> (i32, String, String) {
    let output = output(
        Command::new(env!("CARGO_BIN_EXE_verbatim"))
            .args(["verify", "--format=json", "sums.sha256", "--storage"])
            .arg(store)
            .current_dir(dir),
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {stderr}"));
    let result = &report["results"][0];
    (
        output.status.code().unwrap(),
        result["verdict"].as_str().unwrap().to_owned(),
        format!("{} {}", result["reasons"], result["problems"]),
    )
}

fn set_time(path: &Path, seconds: u64) {
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    File::open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn what_was_changed_after_the_pull_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    image(dir);
    for driver in ["overlay", "vfs"] {
        let podman = Podman {
            root: dir.join(driver),
            driver,
        };
        let layout = format!("oci:{}", dir.join("layout").display());
        let id = podman.run(&["pull", "--quiet", &layout]);
        let (exit, verdict, reasons) = verify(dir, &podman.root);
        assert_eq!((exit, &*verdict), (0, "identical"), "{driver}: {reasons}");
        assert!(reasons.contains("without a name"), "{driver}: {reasons}");
        podman.run(&["tag", id.trim(), REFERENCE]);
        let (exit, verdict, reasons) = verify(dir, &podman.root);
        assert_eq!(
            (exit, &*verdict, &*reasons),
            (0, "identical", "null null"),
            "{driver}"
        );

        let layers = podman.layers();
        // Where containers of the image find the files of its first layer.
        let base = &layers[if driver == "vfs" { 1 } else { 0 }];
        let top = &layers[1];
        let refused = |what: &str, words: &[&str]| {
            let (exit, verdict, reasons) = verify(dir, &podman.root);
            assert_eq!(
                (exit, &*verdict),
                (1, "different"),
                "{driver}, {what}: {reasons}"
            );
            for word in words {
                assert!(
                    reasons.contains(word),
                    "{driver}, {what}, {word}: {reasons}"
                );
            }
            reasons
        };

        let app = base.join("usr/bin/app");
        fs::set_permissions(&app, Permissions::from_mode(0o4755)).unwrap();
        let reasons = refused(
            "setuid",
            &["usr/bin/app was made setuid: 4755 instead of 0755"],
        );
        // The archive was proven, so nothing of it is hearsay, and nothing else is accused.
        assert!(
            !reasons.contains("own record") && !reasons.contains("motd"),
            "{reasons}"
        );
        fs::set_permissions(&app, Permissions::from_mode(0o755)).unwrap();

        fs::write(top.join("etc/backdoor"), "#!/bin/sh\n").unwrap();
        refused("added", &["etc/backdoor was added (a file)"]);
        fs::remove_file(top.join("etc/backdoor")).unwrap();

        fs::set_permissions(top.join("opt"), Permissions::from_mode(0o777)).unwrap();
        refused(
            "a folder of nobody",
            &["opt has other permissions: 0777 instead of 0755"],
        );
        fs::set_permissions(top.join("opt"), Permissions::from_mode(0o755)).unwrap();
        let (_, verdict, reasons) = verify(dir, &podman.root);
        assert_eq!(verdict, "identical", "{driver}: {reasons}");

        // As many bytes, and the time as it was.
        fs::write(top.join("etc/new"), "hallo\n").unwrap();
        set_time(&top.join("etc/new"), 0);
        let reasons = refused("content", &["etc/new was changed: it has other bytes"]);
        assert!(!reasons.contains("has another time"), "{reasons}");
        fs::write(top.join("etc/new"), "hello\n").unwrap();
        refused("time", &["etc/new has another time: "]);
        set_time(&top.join("etc/new"), 0);
        let (_, verdict, reasons) = verify(dir, &podman.root);
        assert_eq!(verdict, "identical", "{driver}: {reasons}");

        fs::remove_file(base.join("usr/bin/su")).unwrap();
        fs::remove_file(base.join("usr/bin/link")).unwrap();
        symlink("../../bin/sh", base.join("usr/bin/link")).unwrap();
        fs::remove_file(base.join("usr/bin/twin")).unwrap();
        fs::copy(&app, base.join("usr/bin/twin")).unwrap();
        refused(
            "removed",
            &[
                "usr/bin/su was removed",
                "usr/bin/link was changed: it points to ../../bin/sh instead of app",
                "usr/bin/twin is a file of its own, and a hard link to usr/bin/app in the layer",
            ],
        );
    }
}

#[test]
fn a_store_that_lies_is_believed_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    image(dir);
    let podman = Podman {
        root: dir.join("overlay"),
        driver: "overlay",
    };
    let layout = format!("oci:{}", dir.join("layout").display());
    podman.run(&["pull", "--quiet", &layout]);
    let layers = podman.layers();
    // A record that fits the changed file: its digest does not.
    fs::set_permissions(layers[1].join("etc/new"), Permissions::from_mode(0o4755)).unwrap();
    let id = layers[1].parent().unwrap().file_name().unwrap();
    let record = podman
        .root
        .join("overlay-layers")
        .join(format!("{}.tar-split.gz", id.to_str().unwrap()));
    let text = run(Command::new(tool("zcat")).arg(&record));
    let forged: String = text.lines().map(|line| forge(line) + "\n").collect();
    assert_ne!(forged, text);
    fs::write(&record, forged).unwrap();
    let (exit, verdict, reasons) = verify(dir, &podman.root);
    assert_eq!((exit, &*verdict), (1, "different"), "{reasons}");
    assert!(reasons.contains("was changed too"), "{reasons}");

    // Other folders than those that are listed.
    let overlay = podman.root.join("overlay");
    let lower = layers[1].with_file_name("lower");
    let right = fs::read_to_string(&lower).unwrap();
    for (file, content) in [
        (&lower, "l/OTHER:l/MORE"),
        (&layers[0].with_file_name("diff1"), ""),
    ] {
        fs::write(file, content).unwrap();
        let (exit, verdict, reasons) = verify(dir, &podman.root);
        assert_eq!((exit, &*verdict), (1, "different"), "{reasons}");
        assert!(reasons.contains("laid over"), "{reasons}");
    }
    fs::remove_file(layers[0].with_file_name("diff1")).unwrap();
    fs::write(&lower, &right).unwrap();
    let link = overlay.join(&right);
    let target = fs::read_link(&link).unwrap();
    fs::remove_file(&link).unwrap();
    symlink("/tmp", &link).unwrap();
    assert_eq!(verify(dir, &podman.root).0, 1);
    fs::remove_file(&link).unwrap();
    symlink(target, &link).unwrap();

    // A record that is none, and a layer that lies elsewhere.
    fs::write(&record, "x\n").unwrap();
    let (exit, verdict, reasons) = verify(dir, &podman.root);
    assert_eq!((exit, &*verdict), (3, "unchecked"), "{reasons}");
    fs::write(&record, text).unwrap();
    fs::set_permissions(layers[1].join("etc/new"), Permissions::from_mode(0o644)).unwrap();
    assert_eq!(verify(dir, &podman.root).0, 0);
    fs::rename(&layers[1], dir.join("elsewhere")).unwrap();
    symlink(dir.join("elsewhere"), &layers[1]).unwrap();
    let (exit, verdict, reasons) = verify(dir, &podman.root);
    assert_eq!((exit, &*verdict), (3, "unchecked"), "{reasons}");
    assert!(reasons.contains("not followed"), "{reasons}");
}

/// The same line, where the header of `etc/new` has the mode 4755.
fn forge(line: &str) -> String {
    use base64::prelude::{Engine as _, BASE64_STANDARD};

    let mut line: Value = serde_json::from_str(line).unwrap();
    if line["type"] == 2 {
        let mut bytes = BASE64_STANDARD
            .decode(line["payload"].as_str().unwrap())
            .unwrap();
        let at = bytes.windows(8).position(|bytes| bytes == b"etc/new\0");
        if let Some(at) = at {
            let header = &mut bytes[at..at + 512];
            header[100..107].copy_from_slice(b"0004755");
            header[148..156].fill(b' ');
            let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
            header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
            line["payload"] = BASE64_STANDARD.encode(bytes).into();
        }
    }
    line.to_string()
}

/// The folder in which containerd keeps blobs.
const BLOBS: &str = "io.containerd.content.v1.content/blobs/sha256";

/// The folders of the files of each snapshot, in the order in which they were made.
fn snapshots(root: &Path, snapshotter: &str) -> Vec<PathBuf> {
    let folder = root.join(format!(
        "io.containerd.snapshotter.v1.{snapshotter}/snapshots"
    ));
    (1..)
        .map(|number: u32| folder.join(number.to_string()))
        .map(|folder| match snapshotter {
            "overlayfs" => folder.join("fs"),
            _ => folder,
        })
        .take_while(|folder| folder.exists())
        .collect()
}

fn layer_blobs(dir: &Path) -> Vec<String> {
    let blobs = dir.join("layout/blobs/sha256");
    let index: Value =
        serde_json::from_slice(&fs::read(dir.join("layout/index.json")).unwrap()).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap();
    let manifest = fs::read(blobs.join(&digest[7..])).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    let hex = |layer: &Value| layer["digest"].as_str().unwrap()[7..].to_owned();
    layers.iter().map(hex).collect()
}

#[test]
fn containerd_is_read_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    image(dir);
    run(Command::new(tool("tar"))
        .args(["-cf", "layout.tar", "-C", "layout", "."])
        .current_dir(dir));
    let archive = dir.join("layout.tar");
    let archive = archive.to_str().unwrap();
    let import = ["images", "import", "--local", "--platform=linux/amd64"];
    for snapshotter in ["overlayfs", "native"] {
        let home = dir.join(snapshotter);
        fs::create_dir(&home).unwrap();
        let containerd = Containerd::start(&home);
        let root = &containerd.root().to_owned();
        let with = format!("--snapshotter={snapshotter}");
        let name = format!("--index-name={REFERENCE}");
        let (exit, verdict, reasons) = verify(dir, root);
        assert_eq!(
            (exit, &*verdict),
            (1, "missing"),
            "{snapshotter}: {reasons}"
        );
        // Kept, and not unpacked.
        containerd.ctr(&[&import[..], &["--no-unpack", &name, archive]].concat());
        let (exit, verdict, reasons) = verify(dir, root);
        assert_eq!(
            (exit, &*verdict),
            (3, "unchecked"),
            "{snapshotter}: {reasons}"
        );
        assert!(reasons.contains("has not unpacked it"), "{reasons}");
        containerd.ctr(&[&import[..], &[&with, &name, archive]].concat());
        let (exit, verdict, reasons) = verify(dir, root);
        assert_eq!(
            (exit, &*verdict, &*reasons),
            (0, "identical", "null null"),
            "{snapshotter}"
        );

        // A container writes into a snapshot of its own.
        let list = containerd.ctr(&["snapshots", &with, "list"]);
        let mut lines = list.lines().skip(1).map(|line| line.split_whitespace());
        let top = lines.find(|line| line.clone().count() == 3).unwrap();
        let top = top.clone().next().unwrap();
        containerd.ctr(&["snapshots", &with, "prepare", "of-a-container", top]);
        let layers = snapshots(root, snapshotter);
        assert_eq!(layers.len(), 3, "{layers:?}");
        fs::write(layers[2].join("etc-of-the-container"), "mine").unwrap();
        assert_eq!(verify(dir, root).1, "identical", "{snapshotter}");

        // Where containers of the image find the files of its first layer.
        let base = &layers[if snapshotter == "native" { 1 } else { 0 }];
        let top = &layers[1];
        let refused = |what: &str, words: &[&str]| {
            let (exit, verdict, reasons) = verify(dir, root);
            assert_eq!(
                (exit, &*verdict),
                (1, "different"),
                "{snapshotter}, {what}: {reasons}"
            );
            for word in words {
                assert!(
                    reasons.contains(word),
                    "{snapshotter}, {what}, {word}: {reasons}"
                );
            }
            reasons
        };
        let app = base.join("usr/bin/app");
        fs::set_permissions(&app, Permissions::from_mode(0o4755)).unwrap();
        refused(
            "setuid",
            &["usr/bin/app was made setuid: 4755 instead of 0755"],
        );
        fs::set_permissions(&app, Permissions::from_mode(0o755)).unwrap();
        fs::write(top.join("etc/backdoor"), "#!/bin/sh\n").unwrap();
        refused("added", &["etc/backdoor was added (a file)"]);
        fs::remove_file(top.join("etc/backdoor")).unwrap();
        // As many bytes, and the time as it was: the archive says it, and nothing else is accused.
        fs::write(top.join("etc/new"), "hallo\n").unwrap();
        set_time(&top.join("etc/new"), 0);
        let reasons = refused("content", &["etc/new was changed: it has other bytes"]);
        assert!(
            !reasons.contains("own record") && !reasons.contains("motd"),
            "{reasons}"
        );
        fs::write(top.join("etc/new"), "hello\n").unwrap();
        set_time(&top.join("etc/new"), 0);
        fs::rename(base.join("usr/bin/su"), dir.join("su")).unwrap();
        refused("removed", &["usr/bin/su was removed"]);
        fs::rename(dir.join("su"), base.join("usr/bin/su")).unwrap();
        set_time(&base.join("usr/bin"), 0);
        if snapshotter == "native" {
            fs::write(top.join("etc/gone"), "bye\n").unwrap();
            refused("gone", &["etc/gone was added (a file)"]);
            fs::remove_file(top.join("etc/gone")).unwrap();
        } else {
            // The kernel shows such a file, and what the layer took away is there again.
            fs::rename(top.join("etc/gone"), dir.join("gone")).unwrap();
            fs::write(top.join("etc/.wh.gone"), "").unwrap();
            let words = ["etc/gone is there again", "etc/.wh.gone was added (a file)"];
            refused("no white-out", &words);
            fs::remove_file(top.join("etc/.wh.gone")).unwrap();
            fs::rename(dir.join("gone"), top.join("etc/gone")).unwrap();
        }
        assert_eq!(verify(dir, root).1, "identical", "{snapshotter}");
        blobs(dir, root, snapshotter);
        drop(containerd);
        databases(dir, root, snapshotter);
    }
}

/// Archives that were changed, or thrown away as containerd can be told to.
fn blobs(dir: &Path, root: &Path, snapshotter: &str) {
    let [base, top] = &layer_blobs(dir)[..] else {
        panic!("an image of two layers");
    };
    let (base, top) = (root.join(BLOBS).join(base), root.join(BLOBS).join(top));
    let right = fs::read(&top).unwrap();
    let mut changed = right.clone();
    changed[20] ^= 1;
    let write = |data: &[u8]| {
        fs::remove_file(&top).unwrap();
        fs::write(&top, data).unwrap();
    };
    write(&changed);
    let (exit, verdict, reasons) = verify(dir, root);
    assert_eq!((exit, &*verdict), (1, "different"), "{reasons}");
    assert!(reasons.contains("has the digest") && reasons.contains("it was changed"));
    write(&right);
    for blob in [&base, &top] {
        fs::rename(blob, dir.join("aside")).unwrap();
        let (exit, verdict, reasons) = verify(dir, root);
        // The files of one layer alone can be made into its archive again; whole copies hold more.
        let expected = match snapshotter {
            "native" => (3, "unchecked"),
            _ => (0, "identical"),
        };
        assert_eq!((exit, &*verdict), expected, "{snapshotter}: {reasons}");
        fs::rename(dir.join("aside"), blob).unwrap();
    }
}

/// Databases that lie or are none.
fn databases(dir: &Path, root: &Path, snapshotter: &str) {
    let layers = snapshots(root, snapshotter);
    // The folder of a layer lies elsewhere.
    let place = layers[1].parent().unwrap();
    let place = if snapshotter == "native" {
        &layers[1]
    } else {
        place
    };
    fs::rename(place, dir.join("elsewhere")).unwrap();
    symlink(dir.join("elsewhere"), place).unwrap();
    let (exit, verdict, reasons) = verify(dir, root);
    assert_eq!((exit, &*verdict), (3, "unchecked"), "{reasons}");
    assert!(reasons.contains("not followed"), "{reasons}");
    fs::remove_file(place).unwrap();
    fs::rename(dir.join("elsewhere"), place).unwrap();
    let database = root.join(format!(
        "io.containerd.snapshotter.v1.{snapshotter}/metadata.db"
    ));
    let right = fs::read(&database).unwrap();
    fs::write(&database, &right[..right.len() / 4]).unwrap();
    let (exit, verdict, reasons) = verify(dir, root);
    assert_eq!((exit, &*verdict), (3, "unchecked"), "{reasons}");
    fs::write(&database, &right).unwrap();
    assert_eq!(verify(dir, root).1, "identical");
}
