//! `verbatim layer --layers`: several layers by component, that the next release keeps.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const VERBATIM: &str = env!("CARGO_BIN_EXE_verbatim");

fn run(dir: &Path, arguments: &[&str]) -> Output {
    let program = fs::canonicalize(VERBATIM).unwrap();
    Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap()
}

/// Run it, and give what it printed on both streams.
fn done(dir: &Path, arguments: &[&str]) -> (String, String) {
    let output = run(dir, arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    (String::from_utf8(output.stdout).unwrap(), stderr)
}

/// All files of a folder with their contents.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// A root of three packages of these versions, beside what is nobody's.
fn root(dir: &Path, versions: [u32; 3]) {
    let write = |path: &str, content: &str| {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    let mut status = String::new();
    for (name, version) in ["curl", "libc6", "zlib1g"].iter().zip(versions) {
        let content = format!("{name} {version}\n").repeat(200_000);
        write(&format!("packages/usr/lib/{name}/data"), &content);
        write(
            &format!("packages/usr/share/doc/{name}/copyright"),
            "all rights\n",
        );
        write(
            &format!("packages/var/lib/dpkg/info/{name}.list"),
            &format!("/.\n/usr\n/usr/lib\n/usr/lib/{name}\n/usr/lib/{name}/data\n/usr/share/doc/{name}/copyright\n"),
        );
        status += &format!("Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\n");
    }
    write("packages/var/lib/dpkg/status", &status);
    write("own/srv/app/config", "x=1\n");
    write("own/srv/app/model", &"weights\n".repeat(50_000));
    fs::create_dir_all(dir.join("own/var/empty")).unwrap();
}

#[test]
fn the_same_layers_whatever_the_threads_and_the_order() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    root(dir, [1, 1, 1]);
    let make = |out: &str, threads: &str, inputs: [&str; 2]| {
        let (out, plan, svg) = (
            format!("-o={out}"),
            format!("--plan={out}.json"),
            format!("--svg={out}.svg"),
        );
        let first = [
            "layer",
            "--layers=5",
            "--format=json",
            "--component=model=/srv/app/m*",
            threads,
            &out,
            &plan,
            &svg,
        ];
        done(dir, &[&first[..], &inputs].concat())
    };
    let (json, text) = make("a", "--threads=1", ["packages", "own"]);
    assert!(json.contains("declared/model"), "{json}");
    assert_eq!(text, "");
    make("b", "--threads=2", ["own", "packages"]);
    make("c", "--threads=8", ["packages", "own"]);
    let first = files(&dir.join("a"));
    let names: Vec<&str> = first.iter().map(|(name, _)| &**name).collect();
    assert!(
        names.len() >= 8 && names.len().is_multiple_of(2),
        "{names:?}"
    );
    assert_eq!(names[..2], ["001.layer.json", "001.tar.gz"]);
    for other in ["b", "c"] {
        assert_eq!(files(&dir.join(other)), first);
        for ending in ["json", "svg"] {
            let read = |name: &str| fs::read(dir.join(format!("{name}.{ending}"))).unwrap();
            assert_eq!(read(other), read("a"));
        }
    }
}

#[test]
fn an_image_of_all_layers_is_the_image_of_one() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    root(dir, [1, 1, 1]);
    done(
        dir,
        &[
            "layer",
            "--layers=6",
            "--plan=p.json",
            "--metadata=all.json",
            "-o=layers",
            "packages",
            "own",
        ],
    );
    done(dir, &["layer", "-o=one.tar.gz", "packages", "own"]);
    done(
        dir,
        &[
            "image",
            "--platform=linux/amd64",
            "-o=several",
            "--layer=layers",
        ],
    );
    done(
        dir,
        &[
            "image",
            "--platform=linux/amd64",
            "-o=single",
            "--layer=one.tar.gz",
        ],
    );
    let (stdout, _) = done(dir, &["layout", "check", "several"]);
    assert!(stdout.is_empty() || stdout.contains("several"), "{stdout}");
    // The documents alone, from what is known of the layers.
    done(
        dir,
        &[
            "image",
            "--platform=linux/amd64",
            "--layer=all.json",
            "--manifest=m.json",
            "--config=c.json",
        ],
    );
    let manifest = fs::read_to_string(dir.join("m.json")).unwrap();
    let count = manifest.matches("tar+gzip").count();
    assert_eq!(files(&dir.join("layers")).len(), 2 * count);
    assert!(count > 3, "{manifest}");
    let both = "{\"blob\":\"layers\",\"metadata\":\"all.json\"}";
    done(
        dir,
        &[
            "layout",
            "create",
            "--root=m.json",
            "--object=c.json",
            &format!("--layer={both}"),
            "-o=created",
        ],
    );
    let blobs = |layout: &str| files(&dir.join(layout).join("blobs/sha256"));
    assert_eq!(blobs("created"), blobs("several"));
    // Unpacked by another program, the lowest first.
    if Command::new("tar").arg("--version").output().is_err() {
        eprintln!("tar is not installed: it is not asked to unpack the layers");
        return;
    }
    let unpack = |to: &str, blobs: &[String]| -> String {
        fs::create_dir(dir.join(to)).unwrap();
        for blob in blobs {
            let arguments = ["-xpf", blob, "-C", to];
            let status = Command::new("tar")
                .args(arguments)
                .current_dir(dir)
                .status()
                .unwrap();
            assert!(status.success(), "{blob}");
        }
        let list = Command::new("find")
            .args([".", "-printf", "%P %y %m %s %l %T@\n"])
            .current_dir(dir.join(to))
            .output()
            .unwrap();
        let mut lines: Vec<String> = String::from_utf8(list.stdout)
            .unwrap()
            .lines()
            // The root itself is no entry of a layer.
            .filter(|line| !line.starts_with(' '))
            // Of a folder only its attributes are the layer's.
            .map(|line| line.split(" d ").next().unwrap().to_owned())
            .collect();
        lines.sort();
        lines.join("\n")
    };
    let several: Vec<String> = (1..=count)
        .map(|n| format!("layers/{n:03}.tar.gz"))
        .collect();
    let of_several = unpack("from-several", &several);
    let of_one = unpack("from-one", &["one.tar.gz".to_owned()]);
    assert_eq!(of_several, of_one);
    assert!(of_one.contains("var/empty") && of_one.contains("srv/app/model"));
    let same = Command::new("diff")
        .args(["-r", "from-several", "from-one"])
        .current_dir(dir)
        .status()
        .unwrap();
    assert!(same.success());
}

#[test]
fn a_release_costs_what_changed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let base = [
        "layer",
        "--layers=6",
        "--compression=zstd",
        "packages",
        "own",
    ];
    root(dir, [1, 1, 1]);
    done(dir, &[&base[..], &["--plan=1.json", "-o=1"]].concat());
    let again = [
        "--plan=again.json",
        "--previous=1.json",
        "-o=again",
        "--format=json",
    ];
    let (json, _) = done(dir, &[&base[..], &again].concat());
    assert!(
        json.contains("\"verdict\":\"unchanged\"") && json.contains("\"new_bytes\":0"),
        "{json}"
    );
    root(dir, [2, 1, 1]);
    let next = ["--plan=2.json", "--previous=1.json", "-o=2", "--svg=2.svg"];
    // The table is for people: nobody sees standard error here.
    let (out, text) = done(dir, &[&base[..], &next].concat());
    assert_eq!((&*out, &*text), ("", ""));
    let once_more = [
        "--plan=3.json",
        "--previous=1.json",
        "-o=3",
        "--format=json",
    ];
    let (json, _) = done(dir, &[&base[..], &once_more].concat());
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    let of = |name: &str| files(&dir.join(name));
    let (first, second) = (of("1"), of("2"));
    let blob = |files: &[(String, Vec<u8>)]| -> Vec<Vec<u8>> {
        let blobs = files.iter().filter(|(name, _)| name.ends_with(".tar.zst"));
        blobs.map(|(_, blob)| blob.clone()).collect()
    };
    let (first, second) = (blob(&first), blob(&second));
    let kept = second.iter().filter(|blob| first.contains(blob)).count();
    assert!(kept >= second.len() - 2, "{kept} of {}", second.len());
    let layers = report["layers"].as_array().unwrap();
    let told = layers.iter().filter(|layer| layer["kept"] == true);
    assert_eq!((told.count(), layers.len()), (kept, second.len()));
    let change = serde_json::json!([{"component": "deb/curl:amd64", "from": "1", "to": "2"}]);
    let changes = report["changes"].as_array().unwrap();
    assert!(changes.contains(&change[0]), "{json}");
    let svg = fs::read_to_string(dir.join("2.svg")).unwrap();
    assert!(svg.contains("the release before") && svg.contains("deb/libc6:amd64"));
}

#[test]
fn what_cannot_be_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    root(dir, [1, 1, 1]);
    fs::write(dir.join("bad.json"), "{\"schema\":\"verbatim.plan/9\"}").unwrap();
    fs::create_dir(dir.join("empty")).unwrap();
    for (arguments, word) in [
        (&["--layers=3", "-o=x", "own"][..], "--plan"),
        (&["--layers=0", "--plan=p", "-o=x", "own"], "--layers"),
        (&["--plan=p", "-o=x.tar", "own"], "--layers"),
        (
            &["--layers=3", "--plan=p", "-o=x.tar.gz", "own"],
            "name a folder",
        ),
        (
            &["--layers=3", "--plan=p", "-o=x", "--component=/srv", "own"],
            "NAME=GLOB",
        ),
        (
            &[
                "--layers=3",
                "--plan=p",
                "-o=x",
                "--previous=bad.json",
                "own",
            ],
            "bad.json at /",
        ),
        (
            &["--layers=3", "--plan=p", "-o=x", "empty"],
            "nothing to make layers of",
        ),
        (
            &["--layers=3", "--plan=own/p", "-o=x", "own"],
            "would be part of the layer",
        ),
    ] {
        let output = run(dir, &[&["layer"], arguments].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(word), "{arguments:?}: {stderr}");
        assert!(!dir.join("x").exists() && !dir.join("p").exists());
    }
    let output = run(
        dir,
        &["image", "--layer=own", "-o=image", "--platform=linux/amd64"],
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("own") && stderr.contains("--layers"),
        "{stderr}"
    );
}
