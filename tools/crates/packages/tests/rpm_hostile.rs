//! Packages that were made to do harm: each is refused with its name and the reason.

use verbatim_digest::Digest;
use verbatim_packages::manifest::PackageFormat;
use verbatim_packages::places::Places;

#[path = "support/layers.rs"]
mod layers;
#[path = "support/locks.rs"]
mod locks;

/// A file of a package: folder, name, mode, and what the payload says of its name and content.
struct File {
    folder: &'static str,
    name: &'static str,
    mode: u16,
    target: &'static str,
    stored: String,
    content: Vec<u8>,
}

fn file(folder: &'static str, name: &'static str, content: &[u8]) -> File {
    File {
        folder,
        name,
        mode: 0o100_644,
        target: "",
        stored: format!(".{folder}{name}"),
        content: content.to_vec(),
    }
}

fn link(folder: &'static str, name: &'static str, target: &'static str) -> File {
    File {
        mode: 0o120_777,
        target,
        ..file(folder, name, target.as_bytes())
    }
}

/// The bytes of a header: tags with their kinds, how many values, and the values.
fn header(region: u32, tags: &[(u32, u32, u32, Vec<u8>)]) -> Vec<u8> {
    let words = |words: [u32; 4]| words.map(u32::to_be_bytes).concat();
    let (mut index, mut store) = (Vec::new(), Vec::new());
    for (tag, kind, count, values) in tags {
        let width = [1, 1, 1, 2, 4, 8][*kind as usize % 6];
        let width = if *kind < 6 { width } else { 1 };
        store.resize(store.len().next_multiple_of(width), 0);
        index.extend(words([*tag, *kind, store.len() as u32, *count]));
        store.extend(values);
    }
    let count = tags.len() as u32 + 1;
    let first = words([region, 7, store.len() as u32, 16]);
    store.extend(words([region, 7, (count * 16).wrapping_neg(), 16]));
    let sizes = [count, store.len() as u32].map(u32::to_be_bytes).concat();
    [&sizes[..], &first, &index, &store].concat()
}

const MAGIC: &[u8] = &[0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];

fn package(name: &str, files: &[File], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let count = files.len() as u32;
    let text = |tag: u32, text: &str| (tag, 6, 1, format!("{text}\0").into_bytes());
    let texts = |tag: u32, each: &dyn Fn(&File) -> String| {
        let all = files
            .iter()
            .flat_map(|f| format!("{}\0", each(f)).into_bytes());
        (tag, 8, count, all.collect::<Vec<u8>>())
    };
    let numbers = |tag: u32, each: &dyn Fn(usize) -> u32| {
        let all = (0..files.len()).flat_map(|i| each(i).to_be_bytes());
        (tag, 4, count, all.collect::<Vec<u8>>())
    };
    let modes = files.iter().flat_map(|f| f.mode.to_be_bytes()).collect();
    let is_link = |f: &File| f.mode & 0o170_000 == 0o120_000;
    let mut payload = Vec::new();
    let mut entry = |name: &str, mode: u16, content: &[u8]| {
        let fields = [
            0,
            mode.into(),
            0,
            0,
            1,
            0,
            content.len() as u32,
            0,
            0,
            0,
            0,
            name.len() as u32 + 1,
            0,
        ];
        payload.extend(b"070701");
        payload.extend(
            fields
                .iter()
                .flat_map(|n: &u32| format!("{n:08x}").into_bytes()),
        );
        payload.extend(name.bytes().chain([0]));
        payload.resize(payload.len().next_multiple_of(4), 0);
        payload.extend(content);
        payload.resize(payload.len().next_multiple_of(4), 0);
    };
    for f in files {
        entry(&f.stored, f.mode, &f.content);
    }
    entry("TRAILER!!!", 0, b"");
    change(&mut payload);
    let mut tags = vec![
        text(1000, name),
        text(1001, "1"),
        text(1002, "1"),
        text(1022, "noarch"),
        text(1044, "x.src.rpm"),
        text(5092, &Digest::of(&payload).hex()),
    ];
    if count > 0 {
        tags.extend([
            numbers(1028, &|i| files[i].content.len() as u32),
            (1030, 3, count, modes),
            texts(1035, &|f| match is_link(f) {
                true => String::new(),
                false => Digest::of(&f.content).hex(),
            }),
            texts(1036, &|f| f.target.to_owned()),
            numbers(1037, &|_| 0),
            texts(1039, &|_| "root".to_owned()),
            texts(1040, &|_| "root".to_owned()),
            numbers(1095, &|_| 1),
            numbers(1096, &|i| i as u32 + 1),
            numbers(1116, &|i| i as u32),
            texts(1117, &|f| f.name.to_owned()),
            texts(1118, &|f| f.folder.to_owned()),
            (5011, 4, 1, 8_u32.to_be_bytes().to_vec()),
        ]);
    }
    let main = [MAGIC, &header(63, &tags)].concat();
    let mut bytes = vec![0xed, 0xab, 0xee, 0xdb];
    bytes.resize(96, 0);
    bytes.extend(MAGIC);
    bytes.extend(header(62, &[text(273, &Digest::of(&main).hex())]));
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(main);
    bytes.extend(payload);
    bytes
}

/// Install packages; why not.
fn refused(packages: &[(&str, Vec<u8>)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut locked = Vec::new();
    for (name, bytes) in packages {
        let file = format!("{name}.rpm");
        std::fs::write(folder.path().join(&file), bytes).unwrap();
        locked.push(locks::locked([name, "1-1", "noarch"], &file, bytes));
    }
    let lock = locks::lock(PackageFormat::Rpm, folder.path(), locked);
    let result = layers::layer(&lock, &Places::default());
    result.err().map_or(String::new(), |e| e.to_string())
}

fn one(files: &[File]) -> String {
    refused(&[("evil", package("evil", files, |_| {}))])
}

#[test]
fn honest_ones_are_not_refused() {
    let files = [file("/usr/bin/", "a", b"a"), link("/usr/bin/", "b", "a")];
    assert_eq!(one(&files), "");
    assert_eq!(one(&[]), "");
}

#[test]
fn no_path_leaves_the_root() {
    for (folder, name) in [
        ("/../", "x"),
        ("/usr/../../", "x"),
        ("/usr/", ".."),
        ("/usr/..", ""),
    ] {
        let error = one(&[file(folder, name, b"x")]);
        assert!(
            error.starts_with("evil.rpm: ") && error.contains("leaves the root"),
            "{error}"
        );
    }
    // A name in the payload that is not in the list.
    let mut other = file("/usr/", "x", b"x");
    other.stored = "../../etc/passwd".to_owned();
    assert!(one(&[other]).contains("not in its list"));
}

#[test]
fn symlinks_lead_nowhere_else() {
    // Below a symlink that points out of the root there is the root itself.
    let files = [link("/", "out", "../../.."), file("/out/", "x", b"x")];
    assert_eq!(one(&files), "");
    let files = [
        link("/", "a", "b"),
        link("/", "b", "a"),
        file("/a/", "x", b"x"),
    ];
    assert!(one(&files).contains("go round in a circle"));
    // One package makes a file of what is a symlink of the other.
    let first = package("first", &[link("/", "bin", "usr/bin")], |_| {});
    let second = package("second", &[file("/", "bin", b"x")], |_| {});
    let error = refused(&[("first", first), ("second", second)]);
    assert!(
        error.contains("first.rpm") && error.contains("second.rpm"),
        "{error}"
    );
}

#[test]
fn the_list_and_the_payload_say_the_same() {
    let files = || [file("/usr/", "x", b"xyz"), link("/usr/", "y", "x")];
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        refused(&[("evil", package("evil", &files(), |payload| change(payload)))])
    };
    let content = |payload: &mut Vec<u8>| {
        let at = payload.windows(3).position(|w| w == b"xyz").unwrap();
        payload[at] = b'!';
    };
    assert!(changed(&content).contains("the digest of usr/x"));
    let more = |payload: &mut Vec<u8>| payload.extend(vec![0; 1 << 20]);
    assert!(changed(&more).contains("follows the end of its files"));
    let end = |payload: &mut Vec<u8>| payload.truncate(payload.len() - 124);
    assert!(changed(&end).contains("cannot be unpacked"));
    let none = |payload: &mut Vec<u8>| drop(payload.drain(..124));
    assert!(!changed(&none).is_empty());
    let mut twice = files().into_iter().collect::<Vec<_>>();
    twice.push(file("/usr/", "x", b"xyz"));
    assert!(!one(&twice).is_empty());
    let mut target = files();
    target[1].target = "z";
    assert!(one(&target).contains("leads elsewhere"));
    let mut device = files();
    device[0].mode = 0o020_644;
    assert!(!one(&device).is_empty());
}

#[test]
fn claims_cost_nothing() {
    // A header that claims 256 MiB of values, and one that claims 65,535 entries.
    for claim in [
        [0, 0, 0, 1, 0x0f, 0xff, 0xff, 0xff],
        [0, 0, 0xff, 0xff, 0, 0, 0, 16],
    ] {
        let mut bytes = vec![0xed, 0xab, 0xee, 0xdb];
        bytes.resize(96, 0);
        bytes.extend(MAGIC);
        bytes.extend(claim);
        bytes.extend([0; 64]);
        let error = refused(&[("evil", bytes)]);
        assert!(error.starts_with("evil.rpm: "), "{error}");
    }
}
