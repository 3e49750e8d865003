//! `verbatim layer`, run as people and rules run it, and read back by other programs.

use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const VERBATIM: &str = env!("CARGO_BIN_EXE_verbatim");

fn run_in(dir: &Path, arguments: &[&str]) -> Output {
    let program = fs::canonicalize(VERBATIM).unwrap();
    Command::new(program)
        .arg("layer")
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap()
}

/// Run it, and see that it succeeds and is quiet.
fn layer(dir: &Path, arguments: &[&str]) {
    let output = run_in(dir, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    assert!(
        output.stderr.is_empty() && output.stdout.is_empty(),
        "{stderr}"
    );
}

/// Run it, and see that it fails with one sentence and leaves nothing.
fn fails(dir: &Path, arguments: &[&str], code: i32, parts: &[&str]) {
    let before = names(dir);
    let mut all = vec!["-o", "out.tar", "--metadata=out.json"];
    all.extend(arguments);
    let output = run_in(dir, &all);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    assert!(stderr.starts_with("verbatim: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    assert_eq!(names(dir), before, "{arguments:?}");
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// What another program prints.
fn output(dir: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Whether a program is installed; says so if it is not.
fn installed(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if !found {
        eprintln!("{program} is not installed: it is not asked to read the layers");
    }
    found
}

fn executable(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A directory `tree` with something of every kind.
fn tree(dir: &Path) {
    let tree = dir.join("tree");
    fs::create_dir_all(tree.join("usr/bin")).unwrap();
    fs::create_dir_all(tree.join("etc/empty")).unwrap();
    fs::write(tree.join("usr/bin/tool"), "#!/bin/sh\n").unwrap();
    executable(&tree.join("usr/bin/tool"), 0o700);
    fs::write(tree.join("etc/conf"), "key=value\n").unwrap();
    executable(&tree.join("etc/conf"), 0o600);
    fs::write(tree.join("etc/conf-d"), "").unwrap();
    fs::write(tree.join("usr").join("ü".repeat(90)), "long\n").unwrap();
    symlink("usr/bin", tree.join("bin")).unwrap();
    symlink("/etc/conf", tree.join("etc/absolute")).unwrap();
}

#[test]
fn gnu_tar_and_bsdtar_read_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    tree(dir);
    layer(
        dir,
        &[
            "--compression=gzip",
            "--mtime=86400",
            "--set-owner=etc/**=1:2",
            "--set-mode=/etc/conf=4750",
            "--set-xattr=usr/bin/*=user.note=a=b",
            "--set-mtime=usr/bin/tool=1",
            "-o=out",
            "tree",
        ],
    );
    let listing = output(
        dir,
        "tar",
        &["--numeric-owner", "--full-time", "-tvzf", "out"],
    );
    let expected = "\
lrwxrwxrwx 0/0               0 1970-01-02 00:00:00 bin -> usr/bin
drwxr-xr-x 0/0               0 1970-01-02 00:00:00 etc/
lrwxrwxrwx 1/2               0 1970-01-02 00:00:00 etc/absolute -> /etc/conf
-rwsr-x--- 1/2              10 1970-01-02 00:00:00 etc/conf
-rw-r--r-- 1/2               0 1970-01-02 00:00:00 etc/conf-d
drwxr-xr-x 1/2               0 1970-01-02 00:00:00 etc/empty/
drwxr-xr-x 0/0               0 1970-01-02 00:00:00 usr/
drwxr-xr-x 0/0               0 1970-01-02 00:00:00 usr/bin/
-rwxr-xr-x 0/0              10 1970-01-01 00:00:01 usr/bin/tool
";
    let (listing, last) = listing.split_at(listing.trim_end().rfind('\n').unwrap() + 1);
    assert_eq!(listing, expected);
    assert!(
        last.starts_with("-rw-r--r-- 0/0               5 1970-01-02"),
        "{last}"
    );

    let xattrs = output(dir, "tar", &["--xattrs", "-tvvzf", "out", "usr/bin/tool"]);
    assert!(xattrs.contains("user.note"), "{xattrs}");

    for program in ["tar", "bsdtar"] {
        if !installed(program) {
            continue;
        }
        let copy = dir.join(program);
        fs::create_dir(&copy).unwrap();
        // Owners are read above; setting them takes privileges that a sandbox may not have.
        output(&copy, program, &["--no-same-owner", "-xpf", "../out"]);
        output(dir, "diff", &["-r", "--no-dereference", "tree", program]);
        let mode = fs::metadata(copy.join("usr/bin/tool"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755, "{program}");
    }
}

#[test]
fn every_compression_is_read_whole_by_the_usual_programs() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    tree(dir);
    // Several members and frames.
    let big: Vec<u8> = (0..9_000_000u32)
        .map(|n| ((n / 5).wrapping_mul(n) % 253) as u8)
        .collect();
    fs::write(dir.join("tree/big"), big).unwrap();
    layer(dir, &["-o", "out.tar", "tree"]);
    let tar = fs::read(dir.join("out.tar")).unwrap();
    for (name, programs) in [
        (
            "out.tar.gz",
            [
                &["gzip", "-dc"][..],
                &["pigz", "-dc"],
                &["python3", "-c", PYTHON],
            ],
        ),
        (
            "out.tar.zst",
            [&["zstd", "-dc"][..], &["bsdcat"], &["unzstd", "-c"]],
        ),
    ] {
        layer(dir, &["-o", name, "tree"]);
        for program in programs {
            if !installed(program[0]) {
                continue;
            }
            let found = Command::new(program[0])
                .args(&program[1..])
                .arg(name)
                .current_dir(dir)
                .output()
                .unwrap();
            assert!(
                found.stdout == tar,
                "{program:?} reads another archive from {name}"
            );
        }
    }
}

const PYTHON: &str = "import gzip,sys; sys.stdout.buffer.write(gzip.open(sys.argv[1]).read())";

#[test]
fn nothing_but_the_contents_makes_a_difference() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    tree(dir);
    let program = fs::canonicalize(VERBATIM).unwrap();
    let program = program.to_str().unwrap();
    for compression in ["none", "gzip", "zstd"] {
        let compression = format!("--compression={compression}");
        let mut blobs = Vec::new();
        for (number, (threads, umask, zone)) in [
            ("1", "022", "UTC"),
            ("2", "077", "Asia/Tokyo"),
            ("8", "000", "America/Lima"),
        ]
        .into_iter()
        .enumerate()
        {
            // Another place, another order of creation, other times.
            let copy = format!("copy{number}");
            output(dir, "cp", &["-r", "--no-dereference", "tree", &copy]);
            for path in ["usr/bin/tool", "etc/conf"] {
                output(
                    dir,
                    "touch",
                    &[
                        "-d",
                        &format!("200{number}-01-02"),
                        &format!("{copy}/{path}"),
                    ],
                );
            }
            executable(&dir.join(&copy).join("etc/conf"), 0o640 + number as u32);
            let out = format!("out{number}");
            let script = format!(
                "umask {umask}; exec '{program}' layer {compression} --threads={threads} -o {out} {copy}"
            );
            let status = Command::new("sh")
                .args(["-c", &script])
                .env("TZ", zone)
                .env("HOSTNAME", zone)
                .current_dir(dir)
                .status()
                .unwrap();
            assert!(status.success());
            blobs.push(fs::read(dir.join(out)).unwrap());
            fs::remove_dir_all(dir.join(copy)).unwrap();
        }
        assert!(blobs.iter().all(|blob| *blob == blobs[0]), "{compression}");
    }
}

#[test]
fn entries_of_rules_and_inputs_of_people_give_the_same_layer() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir_all(dir.join("site/sub")).unwrap();
    fs::write(dir.join("site/index"), "1").unwrap();
    fs::write(dir.join("site/sub/run"), "2").unwrap();
    executable(&dir.join("site/sub/run"), 0o755);
    fs::write(dir.join("app"), "app").unwrap();
    executable(&dir.join("app"), 0o500);
    fs::write(dir.join("conf"), "c=1").unwrap();
    executable(&dir.join("conf"), 0o600);

    let params = [
        r#"--entry={"type":"tree","path":"srv","source":"site","executable":"keep","origin":"//a:site"}"#,
        r#"--entry={"type":"file","path":"/usr/bin/app","source":"app","mode":"0755","origin":"//a:app"}"#,
        r#"--entry={"type":"file","path":"etc/app.conf","source":"conf","origin":"//a:conf"}"#,
        "--metadata=rules.json",
        "--compression=gzip",
        "--output=rules",
    ];
    fs::write(dir.join("params"), params.join("\n")).unwrap();
    layer(dir, &["@params"]);
    layer(
        dir,
        &[
            "--compression=gzip",
            "--metadata=people.json",
            "-o",
            "people",
            "usr/bin/app=app",
            "srv=site",
            "etc/app.conf=conf",
        ],
    );
    assert!(fs::read(dir.join("rules")).unwrap() == fs::read(dir.join("people")).unwrap());

    // The same entries as a list of their own.
    let bare: Vec<_> = params[..3]
        .iter()
        .map(|line| line.trim_start_matches("--entry="))
        .collect();
    for lines in [params[..3].join("\n"), bare.join("\n\n")] {
        fs::write(dir.join("entries"), lines).unwrap();
        layer(
            dir,
            &["--entries=entries", "--compression=gzip", "-o=listed"],
        );
        assert!(fs::read(dir.join("listed")).unwrap() == fs::read(dir.join("people")).unwrap());
    }

    let metadata = fs::read_to_string(dir.join("rules.json")).unwrap();
    assert_eq!(
        metadata,
        fs::read_to_string(dir.join("people.json")).unwrap()
    );
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let blob = fs::read(dir.join("rules")).unwrap();
    let tar = output(dir, "sh", &["-c", "gzip -dc <rules | sha256sum"]);
    assert_eq!(metadata["schema"], "verbatim.layer/1");
    assert_eq!(
        metadata["mediaType"],
        "application/vnd.oci.image.layer.v1.tar+gzip"
    );
    assert_eq!(metadata["size"], blob.len());
    assert_eq!(
        metadata["digest"],
        verbatim_digest::Digest::of(&blob).to_string()
    );
    assert_eq!(metadata["diff_id"], format!("sha256:{}", &tar[..64]));
    assert_eq!(metadata["uncompressed_size"], 6 * 512 + 4 * 512 + 2 * 512);
    assert_eq!(
        metadata["encoder"],
        serde_json::json!({"name":"libdeflate","version":"1.26.1","level":6,"setting":3,"text_setting":5,"packed_setting":1,"cut":"content/1","largest_block":2 << 20})
    );
}

#[test]
fn links_directories_archives_and_parents() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    tree(dir);
    layer(dir, &["-o", "base.tar.zst", "tree"]);
    layer(
        dir,
        &[
            r#"--entry={"type":"archive","path":"chroot","source":"base.tar.zst","uid":5,"gid":6}"#,
            r#"--entry={"type":"hardlink","path":"chroot/a-first-name","target":"chroot/usr/bin/tool"}"#,
            r#"--entry={"type":"symlink","path":"chroot/link","target":"../x"}"#,
            r#"--entry={"type":"directory","path":"var/lib/app","mode":"1777","uid":9,"gid":9,"mtime":5,"xattrs":{"user.a":"base64:AAH/"}}"#,
            "--create-parents",
            "-o=out.tar",
        ],
    );
    let listing = output(
        dir,
        "tar",
        &["--numeric-owner", "--xattrs", "-tvf", "out.tar"],
    );
    for line in [
        "-rwxr-xr-x 5/6              10 1970-01-01 00:00 chroot/a-first-name",
        "hrwxr-xr-x 5/6               0 1970-01-01 00:00 chroot/usr/bin/tool link to chroot/a-first-name",
        "lrwxrwxrwx 0/0               0 1970-01-01 00:00 chroot/link -> ../x",
        "drwxr-xr-x 0/0               0 1970-01-01 00:00 chroot/",
        "drwxr-xr-x 0/0               0 1970-01-01 00:00 var/lib/",
        "drwxrwxrwt* 9/9              0 1970-01-01 00:00 var/lib/app/",
    ] {
        let found = listing.lines().any(|l| {
            l.split_whitespace().collect::<Vec<_>>().join(" ").replace('*', "")
                == line.split_whitespace().collect::<Vec<_>>().join(" ").replace('*', "")
        });
        assert!(found, "{line} is not in\n{listing}");
    }
}

#[test]
fn what_is_said_twice_must_be_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("a"), "same").unwrap();
    fs::write(dir.join("b"), "same").unwrap();
    fs::write(dir.join("c"), "diff").unwrap();
    fs::create_dir(dir.join("d")).unwrap();
    fs::write(dir.join("d/x"), "same").unwrap();
    let entry = |source: &str, more: &str| {
        format!(
            r#"--entry={{"type":"file","path":"usr/x","source":"{source}","origin":"//{source}:{source}"{more}}}"#
        )
    };
    layer(dir, &["-o=out", &entry("a", ""), &entry("b", ""), "usr=d"]);
    let conflict = [
        "two different contents for usr/x: from //a:a and from //c:c",
        "bytes differ",
    ];
    fails(dir, &[&entry("a", ""), &entry("c", "")], 2, &conflict);
    fails(
        dir,
        &[&entry("a", ""), &entry("b", r#","mode":"0755""#)],
        2,
        &["//b:b", "modes 0644 and 0755"],
    );
    fails(
        dir,
        &[&entry("a", ""), &entry("b", r#","uid":7"#)],
        2,
        &["owners 0:0 and 7:0"],
    );
    let link = r#"--entry={"type":"symlink","path":"usr/x","target":"y","origin":"//l:l"}"#;
    fails(
        dir,
        &[&entry("a", ""), link],
        2,
        &["//a:a", "//l:l", "a file and a symlink"],
    );
    let below = r#"--entry={"type":"file","path":"usr/x/y","source":"a","origin":"//below:it"}"#;
    fails(
        dir,
        &[below, &entry("a", "")],
        2,
        &["usr/x/y", "//below:it", "stands below usr/x", "//a:a"],
    );
    fails(dir, &[below, link], 2, &["symlink", "//l:l"]);
}

#[test]
fn bad_input_is_one_sentence_and_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    tree(dir);
    fs::write(dir.join("f"), "f").unwrap();
    fs::write(dir.join("list"), "x type=pipe\n").unwrap();
    fs::write(dir.join("not.tar"), "this is no archive").unwrap();
    layer(dir, &["-o", "good.tar.gz", "tree"]);
    let good = fs::read(dir.join("good.tar.gz")).unwrap();
    fs::write(dir.join("cut.tar.gz"), &good[..good.len() / 2]).unwrap();
    layer(dir, &["-o", "good.tar", "tree"]);
    let good = fs::read(dir.join("good.tar")).unwrap();
    fs::write(dir.join("cut.tar"), &good[..good.len() - 1500]).unwrap();

    let entry = |json: &str| format!("--entry={json}");
    let file = |path: &str, source: &str| {
        entry(&format!(
            r#"{{"type":"file","path":"{path}","source":"{source}","origin":"//pkg:it"}}"#
        ))
    };
    fails(dir, &["missing"], 2, &["missing", "DEST=PATH"]);
    fails(
        dir,
        &[&file("x", "missing")],
        2,
        &["//pkg:it", "cannot read missing"],
    );
    fails(dir, &[&file("x", "tree")], 2, &["//pkg:it", "directory"]);
    fails(
        dir,
        &[&file("../x", "f")],
        2,
        &["//pkg:it", "leaves the root"],
    );
    fails(dir, &[&file("a/../../x", "f")], 2, &["leaves the root"]);
    fails(dir, &[&file("a//x", "f")], 2, &["empty part"]);
    fails(dir, &[&file("a\\u0000x", "f")], 2, &["zero byte"]);
    fails(dir, &[&file("", "f")], 2, &["root"]);
    fails(
        dir,
        &[&entry(
            r#"{"type":"file","path":"x","source":"f","color":1}"#,
        )],
        2,
        &["color"],
    );
    fails(dir, &[&entry(r#"{"type":"file""#)], 2, &["--entry="]);
    fails(
        dir,
        &[&entry(
            r#"{"type":"hardlink","path":"x","target":"nowhere"}"#,
        )],
        2,
        &["nowhere"],
    );
    fails(
        dir,
        &[
            &entry(r#"{"type":"hardlink","path":"x","target":"y"}"#),
            &entry(r#"{"type":"hardlink","path":"y","target":"x"}"#),
        ],
        2,
        &["circle"],
    );
    fails(dir, &["not.tar"], 2, &["not.tar", "byte"]);
    fails(dir, &["cut.tar.gz"], 2, &["cut.tar.gz", "byte"]);
    fails(dir, &["cut.tar"], 2, &["cut.tar", "byte"]);
    fails(
        dir,
        &["tree", "--set-mode=nothing/*=0755"],
        2,
        &["nothing/*", "--set-mode"],
    );
    fails(dir, &["tree", "--set-mode=etc/conf"], 2, &["--set-mode"]);
    fails(
        dir,
        &["tree", "--compression=none", "--level=3"],
        2,
        &["level"],
    );
    fails(
        dir,
        &["tree", "--compression=gzip", "--level=10"],
        2,
        &["level 10"],
    );
    fails(
        dir,
        &["--entries=list"],
        2,
        &["list line 1", "--entry=x type=pipe"],
    );
    fails(dir, &["--mtree=list"], 2, &["list line 1", "type=pipe"]);

    // A folder that is missing is the user's mistake, a full disk is nobody's.
    let output = run_in(dir, &["-o", "nowhere/out.tar", "tree"]);
    assert_eq!(output.status.code(), Some(2));
    let output = run_in(dir, &["-o", "/dev/full", "tree"]);
    assert_eq!(output.status.code(), Some(3));
    let usage = run_in(dir, &["tree"]);
    assert_eq!(usage.status.code(), Some(2));
}

#[test]
fn a_run_that_is_killed_leaves_nothing_under_the_final_name() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let program = fs::canonicalize(VERBATIM).unwrap();
    let mut child = Command::new(program)
        .args(["layer", "-o", "out.tar", "-"])
        .current_dir(dir)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    // It waits for an archive that never comes.
    std::thread::sleep(std::time::Duration::from_millis(200));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!dir.join("out.tar").exists());
}

#[test]
fn an_mtree_list_is_a_layer() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    tree(dir);
    let list = "#mtree\n\
        ./bin type=link link=usr/bin\n\
        ./etc type=dir mode=0755\n\
        ./etc/conf type=file mode=0644 content=tree/etc/conf\n\
        ./usr type=dir mode=0755\n\
        ./usr/bin type=dir mode=0755\n\
        ./usr/bin/tool type=file mode=0755 uid=3 time=7.5 content=tree/usr/bin/tool\n";
    fs::write(dir.join("list"), list).unwrap();
    layer(dir, &["--mtree=list", "-o=out.tar"]);
    let listing = output(
        dir,
        "tar",
        &["--numeric-owner", "--full-time", "-tvf", "out.tar"],
    );
    assert_eq!(
        listing,
        "lrwxrwxrwx 0/0               0 1970-01-01 00:00:00 bin -> usr/bin
drwxr-xr-x 0/0               0 1970-01-01 00:00:00 etc/
-rw-r--r-- 0/0              10 1970-01-01 00:00:00 etc/conf
drwxr-xr-x 0/0               0 1970-01-01 00:00:00 usr/
drwxr-xr-x 0/0               0 1970-01-01 00:00:00 usr/bin/
-rwxr-xr-x 3/0              10 1970-01-01 00:00:07 usr/bin/tool
"
    );
}

#[test]
fn the_default_compression_is_that_of_the_name() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("f"), "f").unwrap();
    for (name, magic) in [
        ("a.tar", &b"f\0"[..]),
        ("a.tgz", b"\x1f\x8b"),
        ("a.tar.gz", b"\x1f\x8b"),
        ("a.tar.zst", b"\x28\xb5"),
        ("a.tzst", b"\x28\xb5"),
        ("a", b"f\0"),
        ("a.TAR", b"f\0"),
        ("a.TGZ", b"\x1f\x8b"),
        ("a.Tar.Gz", b"\x1f\x8b"),
        ("a.gz", b"\x1f\x8b"),
        ("a-1.0.crate", b"\x1f\x8b"),
        ("a.TAR.ZST", b"\x28\xb5"),
    ] {
        layer(dir, &["-o", name, "f=f"]);
        assert!(
            fs::read(dir.join(name)).unwrap().starts_with(magic),
            "{name}"
        );
    }
    let output = run_in(dir, &["--format=json", "--threads=1", "-o", "b", "f=f"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["encoder"], serde_json::json!({"name": "none"}));
    assert_eq!(report["digest"], report["diff_id"]);
}

/// A name that promises what is not written here is no place for a plain tar archive.
#[test]
fn a_name_that_cannot_be_kept_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("f"), "f").unwrap();
    for name in [
        "a.tar.xz",
        "a.TXZ",
        "a.tar.bz2",
        "a.tbz2",
        "a.tar.lz4",
        "a.tar.lzma",
        "a.tar.Z",
        "a.tar.br",
        "a.tar.gzz",
        "a.apk",
        "a.deb",
        "a.zip",
        "sub/../a.7z",
        // What these promise nobody knows.
        "a.gz.bak",
        "a.oci",
        "a.txt",
        "a.layer",
    ] {
        let output = run_in(dir, &["-o", name, "f=f"]);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{name}: {stderr}");
        assert!(
            stderr.contains("--compression") && stderr.contains(name),
            "{stderr}"
        );
        assert!(!dir.join(name).exists());
        // Whoever says it means it.
        let base = name.rsplit('/').next().unwrap();
        for (compression, magic) in [("none", &b"f\0"[..]), ("gzip", b"\x1f\x8b")] {
            layer(dir, &["--compression", compression, "-o", base, "f=f"]);
            assert!(
                fs::read(dir.join(base)).unwrap().starts_with(magic),
                "{base}"
            );
            fs::remove_file(dir.join(base)).unwrap();
        }
    }
    // So does whoever names another compression than the name does.
    layer(dir, &["--compression=zstd", "-o", "a.tar.gz", "f=f"]);
    assert!(fs::read(dir.join("a.tar.gz"))
        .unwrap()
        .starts_with(b"\x28\xb5"));
}

/// A layout is a folder or a plain tar archive, and no command writes the other one of them.
#[test]
fn layouts_keep_what_their_names_promise() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("f"), "f").unwrap();
    layer(dir, &["-o", "l.tar.gz", "--metadata=l.json", "f=f"]);
    let run = |arguments: &[&str]| {
        let output = Command::new(fs::canonicalize(VERBATIM).unwrap())
            .args(arguments)
            .current_dir(dir)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), stderr)
    };
    let image = ["image", "--layer=l.tar.gz", "--platform=linux/amd64"];
    let with = |more: &[&'static str]| [&image[..], more].concat();
    for name in ["i", "i.v1.2", "i.tar", "i2.TAR"] {
        assert_eq!(run(&with(&["-o", name])), (Some(0), String::new()));
        assert_eq!(
            dir.join(name).is_dir(),
            !name.to_lowercase().ends_with(".tar"),
            "{name}"
        );
    }
    for name in ["i.tar.gz", "i.tgz", "i.tar.zst", "i.tar.xz", "i.zip"] {
        let (code, stderr) = run(&with(&["-o", name]));
        assert_eq!(code, Some(2), "{name}: {stderr}");
        assert!(
            stderr.contains(name) && stderr.contains("folder or a .tar"),
            "{stderr}"
        );
        assert!(!dir.join(name).exists());
    }
    assert_eq!(
        run(&with(&["--manifest=m.json", "--config=c.json"])).0,
        Some(0)
    );
    let parts = ["--root=m.json", "--object=c.json", "--layer=l.tar.gz"];
    let layout = |command, name| run(&[&["layout", command][..], &parts, &["-o", name]].concat());
    for (command, name, part) in [
        ("create", "c.tar", "layout archive"),
        ("create", "c.tar.gz", "folder or a .tar"),
        ("archive", "a.tar.gz", "folder or a .tar"),
        ("archive", "a.txz", "folder or a .tar"),
    ] {
        let (code, stderr) = layout(command, name);
        assert_eq!(code, Some(2), "{name}: {stderr}");
        assert!(stderr.contains(part), "{stderr}");
        assert!(!dir.join(name).exists());
    }
    assert_eq!(layout("create", "c").0, Some(0));
    assert_eq!(layout("archive", "a.tar").0, Some(0));
    // No registry is asked before that is settled.
    let (code, stderr) = run(&["pull", "registry.invalid/x:1", "-o", "p.tar"]);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("a folder is written here"), "{stderr}");
}

/// What the fixes of `diff` name: a root file system is scrubbed where a layer is made of it, and
/// it is the same as when its archive is normalised.
#[test]
fn a_layer_of_a_root_file_system_is_scrubbed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir_all(dir.join("root/etc")).unwrap();
    fs::create_dir_all(dir.join("root/var/log")).unwrap();
    fs::write(
        dir.join("root/etc/machine-id"),
        "0123456789abcdef0123456789abcdef\n",
    )
    .unwrap();
    fs::write(dir.join("root/var/log/dpkg.log"), "today\n").unwrap();
    let output = run_in(dir, &["--scrub", "-o", "scrubbed.tar", "root"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(
        stderr.contains("etc/machine-id") && stderr.contains("var/log/dpkg.log"),
        "{stderr}"
    );
    layer(dir, &["-o", "whole.tar", "root"]);
    let normalized = Command::new(fs::canonicalize(VERBATIM).unwrap())
        .args(["normalize", "--scrub", "-o", "normal.tar", "whole.tar"])
        .current_dir(dir)
        .output()
        .unwrap();
    assert_eq!(normalized.status.code(), Some(0));
    let scrubbed = fs::read(dir.join("scrubbed.tar")).unwrap();
    assert!(scrubbed == fs::read(dir.join("normal.tar")).unwrap());
    assert!(scrubbed != fs::read(dir.join("whole.tar")).unwrap());

    let output = run_in(
        dir,
        &[
            "--scrub=machine-id",
            "--scrub-keep=etc",
            "-o",
            "k.tar",
            "root",
        ],
    );
    assert_eq!(output.status.code(), Some(0));
    assert!(fs::read(dir.join("k.tar")).unwrap() == fs::read(dir.join("whole.tar")).unwrap());
    assert_eq!(
        run_in(dir, &["--scrub=no-such", "-o", "x.tar", "root"])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(
        run_in(dir, &["--scrub-keep=etc", "-o", "x.tar", "root"])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn an_output_in_the_tree_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("src")).unwrap();
    fs::write(dir.path().join("src/a"), "x").unwrap();
    fails(
        dir.path(),
        &["."],
        2,
        &["out.tar lies in the directory . from ."],
    );
}
