//! `verbatim normalize`, fed with what other programs write and with what was made to do harm.

use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use verbatim_digest::Digest;

const VERBATIM: &str = env!("CARGO_BIN_EXE_verbatim");

fn run_in(dir: &Path, arguments: &[&str]) -> Output {
    let program = fs::canonicalize(VERBATIM).unwrap();
    Command::new(program)
        .arg("normalize")
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Normalise, and give the bytes.
fn normalize(dir: &Path, arguments: &[&str]) -> Vec<u8> {
    let mut all = vec!["-o", "normal.tar"];
    all.extend(arguments);
    let output = run_in(dir, &all);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    let bytes = fs::read(dir.join("normal.tar")).unwrap();
    fs::remove_file(dir.join("normal.tar")).unwrap();
    bytes
}

/// See that it fails with one sentence and leaves nothing.
fn fails(dir: &Path, arguments: &[&str], parts: &[&str]) {
    let mut all = vec!["-o", "normal.tar", "--metadata=normal.json"];
    all.extend(arguments);
    let output = run_in(dir, &all);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    assert!(!dir.join("normal.tar").exists() && !dir.join("normal.json").exists());
    let left = fs::read_dir(dir).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".partial")
    });
    assert_eq!(left.count(), 0);
}

fn sh(dir: &Path, script: &str) -> String {
    let output = Command::new("sh")
        .args(["-euc", script])
        .current_dir(dir)
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn listing(dir: &Path, tar: &[u8]) -> String {
    fs::write(dir.join("listed"), tar).unwrap();
    sh(dir, "tar --numeric-owner --full-time -tvf listed")
}

/// A directory `tree` with links, a hole, and names that are too long for old formats.
fn tree(dir: &Path) {
    let tree = dir.join("tree");
    fs::create_dir_all(tree.join("d/sub")).unwrap();
    fs::write(tree.join("d/file"), "content\n").unwrap();
    fs::set_permissions(tree.join("d/file"), fs::Permissions::from_mode(0o4751)).unwrap();
    fs::hard_link(tree.join("d/file"), tree.join("a-name")).unwrap();
    fs::hard_link(tree.join("d/file"), tree.join("z-name")).unwrap();
    symlink("d/file", tree.join("link")).unwrap();
    fs::write(tree.join("d/.wh.gone"), "").unwrap();
    let sparse = fs::File::create(tree.join("d/sub/sparse")).unwrap();
    sparse.set_len(300_000).unwrap();
    sh(
        dir,
        "printf end | dd of=tree/d/sub/sparse bs=1 seek=200000 conv=notrunc status=none",
    );
}

#[test]
fn every_dialect_and_compression_comes_to_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    tree(dir);
    let options = "--owner=7 --group=8 --numeric-owner -C tree";
    sh(
        dir,
        &format!("tar --format=posix {options} -cf reference.tar ."),
    );
    let reference = normalize(dir, &["reference.tar"]);
    assert_eq!(
        listing(dir, &reference),
        "\
-rwsr-x--x 7/8               8 1970-01-01 00:00:00 a-name
drwxr-xr-x 7/8               0 1970-01-01 00:00:00 d/
-rw-r--r-- 7/8               0 1970-01-01 00:00:00 d/.wh.gone
hrwsr-x--x 7/8               0 1970-01-01 00:00:00 d/file link to a-name
drwxr-xr-x 7/8               0 1970-01-01 00:00:00 d/sub/
-rw-r--r-- 7/8          300000 1970-01-01 00:00:00 d/sub/sparse
lrwxrwxrwx 7/8               0 1970-01-01 00:00:00 link -> d/file
hrwsr-x--x 7/8               0 1970-01-01 00:00:00 z-name link to a-name
"
    );
    for script in [
        "tar --format=gnu OPTIONS -cf in .",
        "tar --format=gnu --sparse OPTIONS -cf in .",
        "tar --format=posix --sparse OPTIONS -cf in .",
        "tar --format=posix --sparse --sparse-version=0.0 OPTIONS -cf in .",
        "tar --format=posix --sparse --sparse-version=0.1 OPTIONS -cf in .",
        "tar --format=ustar OPTIONS -cf in .",
        "tar --format=v7 OPTIONS -cf in .",
        "tar --format=oldgnu OPTIONS -cf in .",
        "tar OPTIONS --mtime=@99 --sort=name -cf in a-name d link z-name",
        "tar OPTIONS -cf in ./z-name ./link ./d ./a-name",
        "tar OPTIONS --absolute-names -zcf in .",
        "tar OPTIONS -Jcf in .",
        "tar OPTIONS -jcf in .",
        "tar OPTIONS -cf one link d && tar OPTIONS -cf two a-name z-name d && cat one two > in",
        "tar OPTIONS -cf one link d && tar OPTIONS -cf two a-name z-name d && cp one in && tar --concatenate -f in two",
        "tar OPTIONS -cf - . | gzip -1 > in && tar OPTIONS -cf more link | true",
        "tar OPTIONS -cf - . | zstd -q > in",
    ] {
        if script.contains("zstd") && Command::new("zstd").arg("-V").output().is_err() {
            eprintln!("zstd is not installed: its archives are not read here");
            continue;
        }
        sh(dir, &script.replace("OPTIONS", options));
        assert!(normalize(dir, &["in"]) == reference, "{script}");
    }
    // From a pipe, and from several archives at once.
    let program = fs::canonicalize(VERBATIM).unwrap();
    let program = program.display();
    sh(
        dir,
        &format!("'{program}' normalize -o piped - < reference.tar"),
    );
    assert!(fs::read(dir.join("piped")).unwrap() == reference);
    sh(
        dir,
        &format!("tar {options} --no-recursion -cf one d && tar {options} -rf one link d/sub d/.wh.gone && \
             tar {options} --no-recursion -cf two d/file a-name z-name d"),
    );
    assert!(normalize(dir, &["one", "two"]) == reference);
    // Twice is the same as once.
    fs::write(dir.join("once"), &reference).unwrap();
    assert!(normalize(dir, &["once"]) == reference);
    assert!(normalize(dir, &["--threads=1", "once"]) == reference);
}

#[test]
fn paths_can_be_chosen_and_moved() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    tree(dir);
    sh(dir, "tar --owner=0 --group=0 -cf in tree");
    let names = |arguments: &[&str]| {
        let mut all = vec!["in"];
        all.extend(arguments);
        let tar = normalize(dir, &all);
        fs::write(dir.join("listed"), tar).unwrap();
        sh(dir, "tar -tf listed")
            .lines()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        names(&["--strip-components=1", "--exclude=tree/d/sub"]),
        "a-name d/ d/.wh.gone d/file link z-name"
    );
    assert_eq!(
        names(&[
            "--include=tree/d/sub",
            "--strip-prefix=tree/d",
            "--prefix=/srv"
        ]),
        "srv/sub/ srv/sub/sparse"
    );
    assert_eq!(
        names(&["--include=**/sparse", "--rename=tree/d=opt/x"]),
        "opt/x/ opt/x/sub/ opt/x/sub/sparse"
    );
    // A hard link whose file is left out becomes the file.
    let tar = normalize(
        dir,
        &["--include=tree/z-name", "--strip-components=1", "in"],
    );
    assert_eq!(
        listing(dir, &tar),
        "-rwsr-x--x 0/0               8 1970-01-01 00:00:00 z-name\n"
    );
    for (arguments, part) in [
        (&["--include=nothing"][..], "--include: `nothing`"),
        (&["--strip-prefix=usr"], "--strip-prefix: `usr`"),
        (&["--rename=usr=opt"], "--rename: `usr`"),
        (&["--rename=usr"], "--rename=usr"),
        (&["--set-owner=x=1:1"], "--set-owner: the glob `x`"),
        (&["--prefix=../x"], "leaves the root"),
    ] {
        let mut all = vec!["in"];
        all.extend(arguments);
        fails(dir, &all, &[part]);
    }
}

#[test]
fn attributes_can_be_set() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("d")).unwrap();
    fs::write(dir.join("d/old"), "").unwrap();
    fs::write(dir.join("d/new"), "").unwrap();
    sh(
        dir,
        "touch -d @100 d/old; touch -d @900 d/new; chmod 700 d d/*; tar -cf in d/old d/new",
    );
    let tar = normalize(
        dir,
        &[
            "--clamp-mtime=500",
            "--owner=3:4",
            "--file-mode=0640",
            "--dir-mode=0711",
            "--create-parents",
            "in",
        ],
    );
    assert_eq!(
        listing(dir, &tar),
        "\
drwxr-xr-x 0/0               0 1970-01-01 00:08:20 d/
-rw-r----- 3/4               0 1970-01-01 00:08:20 d/new
-rw-r----- 3/4               0 1970-01-01 00:01:40 d/old
"
    );
    let tar = normalize(
        dir,
        &[
            "--mtime=5",
            "--set-mode=**/old=0600",
            "--set-mtime=d/old=7",
            "--set-owner=**=1:1",
            "in",
        ],
    );
    assert_eq!(
        listing(dir, &tar),
        "\
-rwx------ 1/1               0 1970-01-01 00:00:05 d/new
-rw------- 1/1               0 1970-01-01 00:00:07 d/old
"
    );
}

#[test]
fn extended_attributes_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("f"), "").unwrap();
    sh(
        dir,
        "tar --format=posix --pax-option='SCHILY.xattr.user.comment:=some text' -cf in f",
    );
    let tar = normalize(dir, &["in"]);
    fs::write(dir.join("out"), tar).unwrap();
    let listing = sh(dir, "tar --xattrs -tvvf out");
    assert!(listing.contains("user.comment"), "{listing}");
}

/// A ustar header.
fn header(path: &str, kind: u8, link: &str, size: u64) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..path.len()].copy_from_slice(path.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[108..124].copy_from_slice(b"0000000\x000000000\0");
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[136..148].copy_from_slice(b"00000000000\0");
    block[148..156].fill(b' ');
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[329..345].copy_from_slice(b"0000000\x000000000\0");
    let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn archive(headers: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = headers.concat();
    bytes.extend([0; 1024]);
    bytes
}

#[test]
fn hostile_archives_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let file = |path: &str| header(path, b'0', "", 0);
    for (bytes, parts) in [
        (
            archive(&[file("../evil")]),
            &["../evil", "leaves the root"][..],
        ),
        (archive(&[file("a/../../evil")]), &["leaves the root"]),
        (archive(&[file("/../evil")]), &["leaves the root"]),
        (
            archive(&[header("x", b'2', "/etc", 0), file("x/passwd")]),
            &["x/passwd", "symlink"],
        ),
        (archive(&[file("x"), file("x/y")]), &["x/y", "stands below"]),
        (
            archive(&[header("x", b'1', "../../etc/passwd", 0)]),
            &["leaves the root"],
        ),
        (archive(&[header("x", b'1', "x", 0)]), &["circle"]),
        (
            archive(&[header("d/", b'5', "", 0), header("x", b'1', "d", 0)]),
            &["directory"],
        ),
        (
            archive(&[header("null", b'3', "", 0)]),
            &["null", "--devices=keep"],
        ),
        (
            archive(&[header("pipe", b'6', "", 0)]),
            &["pipe", "--devices=keep"],
        ),
        (
            archive(&[header("big", b'0', "", 0o77777777777)]),
            &["byte"],
        ),
        (header("cut", b'0', "", 1000), &["byte"]),
        (b"\x1f\x8b\x08\0garbage".to_vec(), &["byte"]),
        (b"\x28\xb5\x2f\xfdgarbage".to_vec(), &["byte"]),
        (Vec::new(), &["in.tar"]),
    ] {
        fs::write(dir.join("in.tar"), bytes).unwrap();
        let mut all = vec!["in.tar"];
        all.extend(parts);
        fails(dir, &["in.tar"], parts);
    }
    let devices = archive(&[header("null", b'3', "", 0), header("pipe", b'6', "", 0)]);
    fs::write(dir.join("in.tar"), &devices).unwrap();
    assert_eq!(normalize(dir, &["--devices=keep", "in.tar"]), devices);
    // What a link leads to may be in a lower layer.
    let link = archive(&[header("x", b'1', "nowhere", 0)]);
    fs::write(dir.join("in.tar"), &link).unwrap();
    assert_eq!(normalize(dir, &["in.tar"]), link);
    fails(dir, &["."], &["verbatim layer"]);
    fails(dir, &["missing.tar"], &["cannot read missing.tar"]);
}

#[test]
fn a_later_entry_of_one_archive_replaces_an_earlier_one_but_not_that_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    sh(dir, "echo 1 > f; tar -cf in f; echo 22 > f; tar -rf in f; tar -cf other f; echo 333 > f; tar -cf third f");
    let tar = normalize(dir, &["in"]);
    assert!(listing(dir, &tar).contains(" 3 1970-01-01"));
    assert_eq!(normalize(dir, &["in", "other"]), tar);
    fails(
        dir,
        &["in", "third"],
        &["two different contents for f: from in and from third"],
    );
}

#[test]
fn files_are_normalised_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    sh(
        dir,
        "echo text > f; touch -d @1000000 f; gzip -k f; echo plain > g; cp f.gz h.gz",
    );
    let before = fs::read(dir.join("f.gz")).unwrap();
    let check = run_in(dir, &["--in-place", "--check", "f.gz", "g"]);
    assert_eq!(check.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&check.stdout).starts_with("f.gz: "));
    assert_eq!(fs::read(dir.join("f.gz")).unwrap(), before);
    let json = run_in(
        dir,
        &["--in-place", "--check", "--format=json", "f.gz", "g"],
    );
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(report["schema"], "verbatim.normalize/1");
    assert_eq!(report["verdict"], "different");
    assert_eq!(report["files"][0]["path"], "f.gz");
    assert_eq!(report["files"][1]["changes"], serde_json::json!([]));
    assert_eq!(
        report["counts"],
        serde_json::json!({"changed": 1, "normal": 0, "unknown": 1, "failed": 0})
    );
    // One line a file, what nobody knows, and the counts; -v tells each change.
    let lines = |arguments: &[&str]| {
        let output = run_in(dir, arguments);
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(
        lines(&["--in-place", "--check", "f.gz", "g"]),
        "f.gz: time, file name, compressor and system\n\
         no handler knows: g\n\
         2 files: 1 would change, 0 normal already, 1 of no known kind\n"
    );
    assert_eq!(
        lines(&["--in-place", "--check", "-v", "f.gz", "g"]),
        "f.gz: time\nf.gz: file name\nf.gz: compressor and system\n\
         g: no handler knows this kind of file\n\
         2 files: 1 would change, 0 normal already, 1 of no known kind\n"
    );
    // What could not be looked at is named, and nothing is called equal for it.
    let json = run_in(dir, &["--in-place", "--format=json", "g", "missing.gz"]);
    assert_eq!(json.status.code(), Some(2));
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(report["verdict"], "unchecked");
    assert!(report["failed"][0].as_str().unwrap().contains("missing.gz"));
    let many: Vec<_> = (0..12).map(|n| format!("n{n}")).collect();
    for name in &many {
        fs::write(dir.join(name), "x").unwrap();
    }
    let arguments = ["--in-place", "missing.gz", "absent.gz"];
    let many: Vec<_> = arguments
        .into_iter()
        .chain(many.iter().map(String::as_str))
        .collect();
    let output = run_in(dir, &many);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("n8, n9 and 2 more (-v names all)\n14 files: "),
        "{text}"
    );
    assert!(text.ends_with("12 of no known kind, 2 failed\n"), "{text}");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains("missing.gz") && text.contains("absent.gz"),
        "{text}"
    );

    assert!(run_in(dir, &["--in-place", "f.gz", "g"]).status.success());
    let after = fs::read(dir.join("f.gz")).unwrap();
    assert_ne!(after, before);
    assert_eq!(&after[4..8], [0; 4]);
    assert_eq!(sh(dir, "zcat f.gz; cat g"), "text\nplain\n");
    assert_eq!(
        run_in(dir, &["--in-place", "--check", "f.gz", "g"])
            .status
            .code(),
        Some(0)
    );

    let both = run_in(dir, &["--in-place", "missing", "h.gz"]);
    assert_eq!(both.status.code(), Some(2));
    assert_eq!(
        fs::read(dir.join("h.gz")).unwrap(),
        after,
        "the others are still done"
    );
    assert_eq!(
        run_in(dir, &["--in-place", "-o", "x", "g"]).status.code(),
        Some(2)
    );
}

#[test]
fn a_file_that_was_stored_twice_is_there_once() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir_all(dir.join("d")).unwrap();
    fs::write(dir.join("d/a"), "content\n").unwrap();
    // GNU tar writes `d/a` as a hard link to `d/a` the second time.
    sh(dir, "tar -cf twice.tar d/a d; tar -cf once.tar d");
    assert!(sh(dir, "tar -tvf twice.tar").contains("d/a link to d/a"));
    assert!(normalize(dir, &["twice.tar"]) == normalize(dir, &["once.tar"]));
    // Alone it is a file without content.
    let lone = archive(&[header("a", b'1', "a", 0)]);
    fs::write(dir.join("lone.tar"), lone).unwrap();
    fails(dir, &["lone.tar"], &["a", "circle"]);
}

/// A plain archive without its closing blocks could have been cut short, unless a digest says what it is.
#[test]
fn a_digest_vouches_for_an_archive_without_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let whole = archive(&[header("a", b'0', "", 0), header("b", b'0', "", 3)]);
    let mut cut = whole[..whole.len() - 1024].to_vec();
    cut.extend(b"abc");
    // The last content is not even filled up.
    fs::write(dir.join("in.tar"), &cut).unwrap();
    fails(dir, &["in.tar"], &["the archive ends"]);
    let digest = format!("--digest={}", Digest::of(&cut));
    let made = normalize(dir, &[&digest, "in.tar"]);
    assert_eq!(listing(dir, &made).lines().count(), 2);
    sh(
        dir,
        "gzip -k in.tar; head -c 600 in.tar | gzip > two; tail -c +601 in.tar | gzip >> two",
    );
    assert!(normalize(dir, &["in.tar.gz"]) == made);
    fails(dir, &["two"], &["the archive ends"]);
    let two = Digest::of(&fs::read(dir.join("two")).unwrap());
    assert!(normalize(dir, &[&format!("--digest={two}"), "two"]) == made);

    for (file, bytes) in [
        ("in.tar", &whole[..]),
        ("in.tar", b"no archive"),
        ("two", b""),
    ] {
        fs::write(dir.join(file), bytes).unwrap();
        let output = run_in(dir, &[&digest, "-o", "never.tar", file]);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(
            stderr.contains(&digest[9..]) && stderr.contains(file),
            "{stderr}"
        );
        assert!(!dir.join("never.tar").exists());
    }
    fails(dir, &[&digest, "in.tar", "two"], &["--digest"]);
}
