//! Archives that are layers of images: links into lower layers, white-outs however they were
//! written, and what other programs have made of them. Then layers as parts of contents.

use std::io::Read;
use std::sync::Arc;

use verbatim_archive::{
    ArchiveOptions, Builder, Compression, Defaults, Encoding, Filter, Glob, Item, Layer, Mtime,
    Overrides, Set, Wish,
};
use verbatim_reader::{Archive, Kind};

/// One entry of ustar with its content.
struct Raw<'a> {
    path: &'a str,
    flag: u8,
    link: &'a str,
    mode: u32,
    owner: u64,
    content: &'a [u8],
}

fn raw<'a>(path: &'a str, flag: u8, link: &'a str) -> Raw<'a> {
    Raw {
        path,
        flag,
        link,
        mode: 0o644,
        owner: 0,
        content: b"",
    }
}

fn file<'a>(path: &'a str, content: &'a [u8]) -> Raw<'a> {
    Raw {
        content,
        ..raw(path, b'0', "")
    }
}

fn tar(entries: &[Raw<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        let mut block = [0; 512];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, entry.path.as_bytes());
        put(100, format!("{:07o}\0", entry.mode).as_bytes());
        // In base 256, which holds any number.
        for at in [108, 116] {
            put(at, &entry.owner.to_be_bytes());
            put(at, &[0x80]);
        }
        put(124, format!("{:011o}\0", entry.content.len()).as_bytes());
        put(136, b"00000000007\0");
        put(148, b"        ");
        put(156, &[entry.flag]);
        put(157, entry.link.as_bytes());
        put(257, b"ustar\x0000");
        let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        out.extend(block);
        out.extend(entry.content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn plain() -> Encoding {
    Encoding::new(Compression::None, None).unwrap()
}

fn bytes(layer: &Layer) -> Vec<u8> {
    let mut out = Vec::new();
    let summary = layer.write(plain(), 2, &mut out, &|_| {}).unwrap();
    assert_eq!(summary.size, layer.stream_size());
    out
}

/// The layer of some archives, or the error.
fn try_layer(archives: &[Vec<u8>], options: &ArchiveOptions) -> Result<Vec<u8>, String> {
    let dir = tempfile::tempdir().unwrap();
    let mut builder = Builder::new(Defaults::default(), dir.path());
    let layer = (|| {
        for (number, archive) in archives.iter().enumerate() {
            let name = format!("{number}.tar");
            let path = dir.path().join(&name);
            std::fs::write(&path, archive).unwrap();
            builder.archive(b"", &path, options, &name)?;
        }
        builder.finish()
    })();
    layer
        .map(|layer| bytes(&layer))
        .map_err(|error| error.to_string())
}

fn layer(entries: &[Raw<'_>]) -> Vec<u8> {
    try_layer(&[tar(entries)], &ArchiveOptions::default()).unwrap()
}

fn error(entries: &[Raw<'_>]) -> String {
    try_layer(&[tar(entries)], &ArchiveOptions::default()).unwrap_err()
}

/// Each entry as a line.
fn lines(tar: &[u8]) -> Vec<String> {
    let mut archive = Archive::new(tar);
    let mut lines = Vec::new();
    while let Some(mut entry) = archive.next_entry().unwrap() {
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        let path = String::from_utf8(entry.path.clone()).unwrap();
        let what = match &entry.kind {
            Kind::File => format!("= {content}"),
            Kind::HardLink { target } => format!("-> {}", String::from_utf8_lossy(target)),
            Kind::Symlink { target } => format!("~> {}", String::from_utf8_lossy(target)),
            _ => String::new(),
        };
        lines.push(
            format!("{path} {:o} {what}", entry.mode)
                .trim_end()
                .to_owned(),
        );
    }
    lines
}

#[test]
fn a_link_into_a_lower_layer_stays() {
    let made = layer(&[
        Raw {
            mode: 0o755,
            owner: 7,
            ..raw("usr/bin/new", b'1', "./usr/bin/old")
        },
        // By way of a link of this layer: the name of the file itself is what is there first.
        raw("usr/bin/also", b'1', "usr/bin/new"),
        file("usr/bin/other", b"o"),
    ]);
    assert_eq!(
        lines(&made),
        [
            "usr/bin/also 644 -> usr/bin/old",
            "usr/bin/new 755 -> usr/bin/old",
            "usr/bin/other 644 = o"
        ]
    );
    // Once more is the same, and two sources may say it.
    let options = ArchiveOptions::default();
    assert!(try_layer(&[made.clone(), made.clone()], &options).unwrap() == made);
    let other = tar(&[raw("usr/bin/new", b'1', "usr/bin/older")]);
    let error = try_layer(&[made, other], &options).unwrap_err();
    assert!(error.contains("usr/bin/old and usr/bin/older"), "{error}");
}

#[test]
fn a_link_into_a_lower_layer_is_renamed_with_the_rest() {
    let mut filter = Filter::default();
    filter.include(Glob::new("root/bin", "--include").unwrap());
    filter.strip_prefix("root").unwrap();
    filter.prefix("srv").unwrap();
    let options = ArchiveOptions {
        filter,
        file_mode: Some(0o600),
        ..ArchiveOptions::default()
    };
    let archive = tar(&[
        raw("root/bin/a", b'1', "root/bin/below"),
        // Not included, and not in the archive either.
        raw("root/bin/b", b'1', "root/lib/below"),
        // Not included, but there: it becomes the file.
        raw("root/bin/c", b'1', "root/lib/c"),
        file("root/lib/c", b"c"),
    ]);
    assert_eq!(
        lines(&try_layer(&[archive], &options).unwrap()),
        [
            "srv/bin/a 600 -> srv/bin/below",
            "srv/bin/b 600 -> srv/lib/below",
            "srv/bin/c 600 = c"
        ]
    );
    let mut filter = Filter::default();
    filter.strip_components(1);
    let options = ArchiveOptions {
        filter,
        ..ArchiveOptions::default()
    };
    let error = try_layer(&[tar(&[raw("d/a", b'1', "top")])], &options).unwrap_err();
    assert!(error.contains("d/a") || error.contains("top"), "{error}");
    assert!(error.contains("stripped"), "{error}");
}

#[test]
fn symlinked_directories_on_the_way_are_followed() {
    let made = layer(&[
        raw("bin/a", b'1', "lib/x"),
        raw("lib", b'2', "usr/lib"),
        raw("usr/lib", b'2', "/opt/./lib"),
        file("opt/lib/x", b"x"),
        raw("opt/link", b'1', "round/x"),
        raw("round", b'2', "round"),
    ]);
    assert_eq!(
        lines(&made),
        [
            "bin/a 644 = x",
            "lib 777 ~> usr/lib",
            "opt/lib/x 644 -> bin/a",
            // Nobody can follow that; it stays what it is.
            "opt/link 644 -> round/x",
            "round 777 ~> round",
            "usr/lib 777 ~> /opt/./lib",
        ]
    );
}

#[test]
fn links_that_lead_nowhere_are_still_errors() {
    for (entries, part) in [
        (
            vec![raw("a", b'1', "b"), raw("b", b'1', "a")],
            "in a circle",
        ),
        (vec![raw("a", b'1', "a")], "in a circle"),
        (
            vec![raw("a", b'1', "d"), raw("d/", b'5', "")],
            "a directory",
        ),
        (vec![raw("a", b'1', "../b")], "leaves the root"),
        (
            vec![raw("a", b'1', ".wh.b"), file(".wh.b", b"content")],
            "a white-out",
        ),
    ] {
        let error = error(&entries);
        assert!(error.contains(part), "{error}");
    }
    // Who writes a link by hand names a file of the layer.
    let mut builder = Builder::new(Defaults::default(), ".");
    let item = Item::HardLink(b"usr/bin/old".to_vec());
    let wish = Wish::default();
    builder.item(b"new", item, &wish, "//x").unwrap();
    let error = builder.finish().unwrap_err().to_string();
    assert!(error.contains("which is not in the layer"), "{error}");
}

/// Seen in public: as a link to a lower layer's file (RPM's keys), to another white-out, as a
/// symlink, as a device, with other permissions, and with content.
#[test]
fn a_whiteout_is_one_thing_however_it_was_written() {
    let expected = layer(&[file("d/.wh.x", b"")]);
    assert_eq!(lines(&expected), ["d/.wh.x 644 ="]);
    let opaque = layer(&[file("d/.wh..wh..opq", b"")]);
    let variants = |path: &'static str| {
        vec![
            file(path, b"content"),
            raw(path, b'1', "tmp/below"),
            raw(path, b'1', "d/.wh.y"),
            raw(path, b'2', "x"),
            raw(path, b'3', ""),
            raw(path, b'6', ""),
            raw(path, b'5', ""),
            Raw {
                mode: 0o4777,
                ..file(path, b"")
            },
            Raw {
                mode: 0,
                ..file(path, b"")
            },
        ]
    };
    let keep = ArchiveOptions {
        devices: verbatim_archive::Devices::Keep,
        file_mode: Some(0o600),
        ..ArchiveOptions::default()
    };
    for entry in variants("d/.wh.x") {
        let archive = tar(&[entry]);
        assert!(try_layer(std::slice::from_ref(&archive), &keep).unwrap() == expected);
        // Said twice in two ways, in either order.
        assert!(try_layer(&[archive.clone(), expected.clone()], &keep).unwrap() == expected);
        assert!(try_layer(&[expected.clone(), archive], &keep).unwrap() == expected);
    }
    for entry in variants("d/.wh..wh..opq") {
        let archive = tar(&[entry]);
        assert!(try_layer(std::slice::from_ref(&archive), &keep).unwrap() == opaque);
        // A device that is a white-out is none.
        assert!(try_layer(&[archive], &ArchiveOptions::default()).unwrap() == opaque);
    }
    // By hand, in a tree, and with rules about permissions, too.
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("d")).unwrap();
    std::fs::write(dir.path().join("d/.wh.x"), "content").unwrap();
    let mut builder = Builder::new(Defaults::default(), dir.path());
    let wish = Wish {
        mode: Some(0o700),
        ..Wish::default()
    };
    let item = Item::Bytes(b"content".to_vec());
    builder.item(b"d/.wh.x", item, &wish, "//x").unwrap();
    builder.disk(b"", dir.path(), "tree").unwrap();
    let mut overrides = Overrides::default();
    let glob = Glob::new("**/.wh.*", "--set-mode").unwrap();
    overrides.push(glob, Set::Mode(0o600));
    builder.overrides(overrides);
    let made = bytes(&builder.finish().unwrap());
    assert_eq!(lines(&made), ["d/ 755", "d/.wh.x 644 ="]);
}

/// Whose white-outs differ in what means nothing do not contradict each other.
#[test]
fn whiteouts_of_several_sources_merge_in_any_order() {
    let own = |owner| {
        tar(&[Raw {
            owner,
            ..file(".wh.x", b"")
        }])
    };
    let options = ArchiveOptions {
        mtime: Some(Mtime::Clamp(i64::MAX)),
        ..ArchiveOptions::default()
    };
    let one = try_layer(&[own(5), own(3)], &options).unwrap();
    assert!(try_layer(&[own(3), own(5)], &options).unwrap() == one);
}

#[test]
fn what_docker_with_aufs_left_behind_passes() {
    let made = layer(&[
        file(".wh..wh.aufs", b""),
        raw(".wh..wh.orph/", b'5', ""),
        raw(".wh..wh.plnk/", b'5', ""),
        file(".wh..wh.plnk/1.2", b"two names"),
        raw("usr/a", b'1', ".wh..wh.plnk/1.2"),
    ]);
    assert_eq!(
        lines(&made),
        [
            ".wh..wh.aufs 644 =",
            ".wh..wh.orph/ 644",
            ".wh..wh.plnk/ 644",
            ".wh..wh.plnk/1.2 644 = two names",
            "usr/a 644 -> .wh..wh.plnk/1.2",
        ]
    );
}

#[test]
fn whiteouts_that_name_no_file_are_refused() {
    for path in [".wh.", "d/.wh.", "d/.wh..", "d/.wh..."] {
        let error = error(&[file(path, b"")]);
        assert!(error.contains("names no file"), "{path}: {error}");
    }
    let error = error(&[raw("d/.wh.x/", b'5', ""), file("d/.wh.x/y", b"")]);
    assert!(error.contains("a white-out from"), "{error}");
}

#[test]
fn owners_that_no_system_knows_are_refused() {
    let of = |owner| {
        [Raw {
            owner,
            ..file("f", b"")
        }]
    };
    layer(&of(u64::from(u32::MAX)));
    let error = error(&of(1 << 32));
    assert!(
        error.contains("f from 0.tar has the owner 4294967296:4294967296"),
        "{error}"
    );
    // Another one may be given, and what is left out may be anything.
    let archive = || vec![tar(&of(1 << 40))];
    let owner = ArchiveOptions {
        owner: Some((1, 2)),
        ..ArchiveOptions::default()
    };
    try_layer(&archive(), &owner).unwrap();
    let mut filter = Filter::default();
    filter.exclude(Glob::new("f", "--exclude").unwrap());
    let without = ArchiveOptions {
        filter,
        ..ArchiveOptions::default()
    };
    try_layer(&archive(), &without).unwrap();
}

/// The last of several entries of one archive stands: rules_pkg writes a directory behind a
/// symlink of the same name.
#[test]
fn the_last_entry_of_an_archive_stands() {
    let made = layer(&[
        raw("lib", b'2', "usr/lib"),
        file("a", b"first"),
        raw("lib/", b'5', ""),
        file("a", b"last"),
        file("lib/x", b""),
    ]);
    assert_eq!(lines(&made), ["a 644 = last", "lib/ 644", "lib/x 644 ="]);
}

/// One collection, two layers: what a plan does.
#[test]
fn a_file_that_is_replaced_stays_under_its_other_names() {
    // As `tar -x` has it: a link is made to the file that is there at that moment.
    let content = |entries: &[Raw<'_>], options: &ArchiveOptions| {
        let layer = try_layer(&[tar(entries)], options).unwrap();
        lines(&layer)
    };
    let all = ArchiveOptions::default();
    let old = || file("a", b"old");
    let new = || file("a", b"newer");
    for entries in [
        vec![old(), raw("b", b'1', "a"), new()],
        vec![old(), raw("b", b'1', "a"), file("a", b"x"), new()],
        vec![old(), raw("b", b'1', "./a"), raw("a", b'1', "a"), new()],
    ] {
        let plain = content(&[new(), file("b", b"old")], &all);
        assert_eq!(content(&entries, &all), plain);
    }
    // Several other names are one file, whatever replaces the first and whatever leads to it.
    let expected = content(
        &[
            raw("a", b'2', "q"),
            file("b", b"old"),
            raw("c", b'1', "b"),
            raw("d", b'1', "b"),
        ],
        &all,
    );
    for entries in [
        vec![
            old(),
            raw("b", b'1', "a"),
            raw("c", b'1', "a"),
            raw("d", b'1', "b"),
            raw("a", b'2', "q"),
        ],
        vec![
            old(),
            raw("d", b'1', "a"),
            raw("c", b'1', "d"),
            raw("b", b'1', "c"),
            raw("a", b'2', "q"),
        ],
    ] {
        assert_eq!(content(&entries, &all), expected);
    }
    // A link that replaces the file, and one that is replaced.
    assert_eq!(
        content(
            &[
                old(),
                raw("b", b'1', "a"),
                file("c", b"c"),
                raw("a", b'1', "c")
            ],
            &all
        ),
        content(
            &[file("b", b"old"), file("c", b"c"), raw("a", b'1', "c")],
            &all
        ),
    );
    assert_eq!(
        content(
            &[
                old(),
                raw("b", b'1', "a"),
                raw("c", b'1', "b"),
                file("b", b"b")
            ],
            &all
        ),
        content(&[old(), raw("c", b'1', "a"), file("b", b"b")], &all),
    );
    assert_eq!(
        content(&[old(), raw("b", b'1', "a"), file("b", b"b"), new()], &all),
        content(&[file("b", b"b"), new()], &all),
    );
    // Into a lower layer, before a file of that name comes: it cannot be told from a link that
    // stands before its file.
    assert_eq!(
        content(&[raw("b", b'1', "a"), new()], &all),
        content(&[new(), raw("b", b'1', "a")], &all),
    );
    // Where the file itself is left out.
    let mut without = ArchiveOptions::default();
    without.filter.exclude(Glob::new("a", "test").unwrap());
    assert_eq!(
        content(
            &[old(), raw("b", b'1', "a"), raw("c", b'1', "a"), new()],
            &without
        ),
        content(&[file("b", b"old"), raw("c", b'1', "b")], &all),
    );
}

#[test]
fn several_layers_of_one_collection() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("t")).unwrap();
    std::fs::write(dir.path().join("t/a"), "shared").unwrap();
    let mut builder = Builder::new(Defaults::default(), dir.path());
    let wish = Wish::default();
    builder.component(Some("deb:base"));
    builder.disk(b"opt", &dir.path().join("t"), "tree").unwrap();
    builder.component(None);
    for name in ["x/b", "x/c"] {
        let item = Item::HardLink(b"opt/a".to_vec());
        builder.item(name.as_bytes(), item, &wish, "//x").unwrap();
    }
    builder
        .item(b"x/own", Item::Bytes(b"own".to_vec()), &wish, "//x")
        .unwrap();
    let contents = Arc::new(builder.contents().unwrap());
    let listed: Vec<_> = contents
        .iter()
        .map(|entry| {
            let path = String::from_utf8(entry.path.to_vec()).unwrap();
            let component = entry.origin.component.as_deref();
            (path, entry.size, entry.file, &*entry.origin.name, component)
        })
        .collect();
    assert_eq!(
        listed,
        [
            ("opt".into(), 0, 0, "tree", Some("deb:base")),
            ("opt/a".into(), 6, 1, "tree", Some("deb:base")),
            ("x/b".into(), 0, 1, "//x", None),
            ("x/c".into(), 0, 1, "//x", None),
            ("x/own".into(), 3, 4, "//x", None),
        ]
    );
    let base = contents.select(|_, entry| entry.origin.component.is_some());
    let rest = contents.select(|_, entry| entry.origin.component.is_none());
    assert_eq!(lines(&bytes(&base)), ["opt/ 755", "opt/a 644 = shared"]);
    // A name whose file is in another layer has the content itself, and its next one links to it.
    assert_eq!(
        lines(&bytes(&rest)),
        ["x/b 644 = shared", "x/c 644 -> x/b", "x/own 644 = own"]
    );
    assert_eq!((base.len(), rest.len(), rest.is_empty()), (2, 3, false));
    // All of them are the whole.
    let all = bytes(&contents.select(|_, _| true));
    assert_eq!(lines(&all).len(), contents.len());
    assert_eq!(lines(&all)[2], "x/b 644 -> opt/a");
    assert!(contents.select(|_, _| false).is_empty());
}

#[test]
fn a_tree_that_holds_the_output_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let tree = root.join("tree");
    std::fs::create_dir_all(tree.join("a/b")).unwrap();
    std::os::unix::fs::symlink(&tree, root.join("link")).unwrap();
    let add = |output: &str, input: &str| {
        let mut builder = Builder::new(Defaults::default(), dir.path());
        builder.outputs(vec![root.join(output)]);
        builder.disk(b"opt", &root.join(input), "tree")
    };
    for (output, input) in [
        ("tree/o.tar", "tree"),
        ("tree/a/b/o.tar", "tree"),
        ("tree/o.tar", "link"),
        ("tree/a/o.tar", "tree/a/b/.."),
    ] {
        let error = add(output, input).unwrap_err().to_string();
        assert!(error.contains("o.tar lies in the directory"), "{error}");
    }
    for (output, input) in [
        ("tree.tar", "tree"),
        ("tree/o.tar", "tree/a"),
        ("tree/a/o.tar", "tree/a/b"),
    ] {
        add(output, input).unwrap();
    }
}
