//! `verbatim verify --storage` against what a real podman has unpacked, with both of its drivers.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{symlink, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use verbatim_testbed::{output, run, tool};

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
