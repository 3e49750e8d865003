//! Normalising files: every fixture becomes its `.fixed` twin, and nothing else happens.

use std::fs;
use std::path::Path;

use verbatim_normalize::{
    normalize_bytes, normalize_files, normalize_in_place, Error, Options, Report,
};

/// A file as tools wrote it, and what it becomes.
struct Fixture {
    name: &'static str,
    before: &'static [u8],
    /// None if it is normal already.
    after: Option<&'static [u8]>,
}

macro_rules! fixtures {
    ([$($changed:literal)*] [$($same:literal)*]) => {
        &[
            $(Fixture {
                name: $changed,
                before: include_bytes!(concat!("../testdata/in_place/", $changed)),
                after: Some(include_bytes!(concat!("../testdata/in_place/", $changed, ".fixed"))),
            },)*
            $(Fixture {
                name: $same,
                before: include_bytes!(concat!("../testdata/in_place/", $same)),
                after: None,
            },)*
        ]
    };
}

const FIXTURES: &[Fixture] = fixtures!(
    [
        "app.jar" "big.gmo" "book.epub" "bsd.a" "clojure.jar" "dates.png" "every-field.gz"
        "gnu.a" "javadoc.html" "javadoc8.htm" "little.mo" "long.zip" "named.gz" "outer.war"
        "alone.pyc" "among-others.pyc" "busy.pyc" "fresh.pyc" "hashed.pyc" "p-1-py3-none-any.whl" "pom.properties" "python313.pyc" "python27.pyo" "python36.pyc" "script"
        "signed.jar" "streamed.zip" "thin.a" "timed.pyc" "unix.zip" "windows.zip"
    ]
    ["normal.gz"]
);

fn fixture(name: &str) -> &'static [u8] {
    FIXTURES.iter().find(|f| f.name == name).unwrap().before
}

fn normal(name: &str, data: &[u8], options: &Options) -> (Report, Vec<u8>) {
    let (report, content) = normalize_bytes(name, data, options).unwrap();
    assert_eq!(report.changed(), content.is_some());
    (report, content.unwrap_or_else(|| data.to_vec()))
}

#[test]
fn every_fixture_becomes_its_twin_and_stays_it() {
    for fixture in FIXTURES {
        let (report, after) = normal(fixture.name, fixture.before, &Options::default());
        assert!(report.handler.is_some(), "{}", fixture.name);
        assert!(
            after == fixture.after.unwrap_or(fixture.before),
            "{}: {report:?}",
            fixture.name
        );
        let (report, again) = normal(fixture.name, &after, &Options::default());
        assert!(!report.changed() && again == after, "{report:?}");
    }
}

#[test]
fn code_compiled_alone_and_among_others_becomes_equal() {
    let options = Options::default();
    let (alone, others) = (fixture("alone.pyc"), fixture("among-others.pyc"));
    assert!(alone != others);
    assert!(normal("a.pyc", alone, &options).1 == normal("b.pyc", others, &options).1);
    // 3.13: constants that are one object or two, and sets in another order.
    let (fresh, busy) = (fixture("fresh.pyc"), fixture("busy.pyc"));
    assert!(fresh != busy);
    assert!(normal("a.pyc", fresh, &options).1 == normal("b.pyc", busy, &options).1);
}

#[test]
fn every_time_is_set_and_clamped_idempotently() {
    for fixture in FIXTURES {
        for mtime in [i64::MIN, -1, 0, 1_577_934_245, 1_700_000_001, i64::MAX] {
            for clamp in [false, true] {
                let options = Options {
                    mtime,
                    clamp,
                    ..Options::default()
                };
                let (_, once) = normal(fixture.name, fixture.before, &options);
                let (report, twice) = normal(fixture.name, &once, &options);
                assert!(
                    once == twice,
                    "{} at {mtime}, clamped {clamp}: {report:?}",
                    fixture.name
                );
            }
        }
    }
}

#[test]
fn clamping_leaves_earlier_times() {
    let late = Options {
        mtime: 1_800_000_000,
        clamp: true,
        ..Options::default()
    };
    for name in ["timed.pyc", "little.mo", "javadoc8.htm"] {
        let (report, _) = normal(name, fixture(name), &late);
        let no_times = ["date of generation", "marks of shared objects"];
        let mut changes = report.changes.iter();
        assert!(
            changes.all(|c| no_times.contains(&c.as_str())),
            "{report:?}"
        );
    }
    let (_, gz) = normal("named.gz", fixture("named.gz"), &late);
    assert_eq!(gz[4..8], fixture("named.gz")[4..8]);
    let (report, _) = normal("gnu.a", fixture("gnu.a"), &late);
    assert!(!report.changes.contains(&"dates".into()), "{report:?}");
}

#[test]
fn truncations_and_flips_never_panic() {
    for fixture in FIXTURES {
        for end in 0..fixture.before.len() {
            let _ = normalize_bytes(fixture.name, &fixture.before[..end], &Options::default());
        }
        let mut flipped = fixture.before.to_vec();
        for at in 0..flipped.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff, flipped[at] ^ 0x20] {
                let old = std::mem::replace(&mut flipped[at], value);
                if let Ok((report, Some(content))) =
                    normalize_bytes(fixture.name, &flipped, &Options::default())
                {
                    assert!(report.changed());
                    assert!(content.len() < 2 * flipped.len() + 4096);
                }
                flipped[at] = old;
            }
        }
    }
}

#[test]
fn cut_archives_are_errors_that_name_the_offset() {
    for (name, message) in [
        ("unix.zip", "no directory's end is found"),
        ("gnu.a", "reaches beyond the end"),
        ("dates.png", "a chunk reaches beyond the end"),
    ] {
        let data = fixture(name);
        let end = if name == "dates.png" {
            20
        } else {
            data.len() - 2
        };
        let error = normalize_bytes(name, &data[..end], &Options::default()).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(message) && text.contains("at offset"),
            "{text}"
        );
    }
}

/// An entry of a zip made by hand.
struct Entry<'a> {
    name: &'a str,
    /// As it is in the file.
    data: &'a [u8],
    method: u8,
    crc: u32,
    size: u32,
    /// Where the directory says that it is, if not where it is.
    claimed: Option<u32>,
}

fn zip(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let offset = entry.claimed.unwrap_or(out.len() as u32);
        let mut shared = vec![20, 0, 0, 0, entry.method, 0, 1, 2, 3, 80];
        shared.extend_from_slice(&entry.crc.to_le_bytes());
        shared.extend_from_slice(&(entry.data.len() as u32).to_le_bytes());
        shared.extend_from_slice(&entry.size.to_le_bytes());
        shared.extend_from_slice(&(entry.name.len() as u16).to_le_bytes());
        shared.extend_from_slice(&[0, 0]);
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&shared);
        out.extend_from_slice(entry.name.as_bytes());
        out.extend_from_slice(entry.data);
        directory.extend_from_slice(b"PK\x01\x02\x14\x03");
        directory.extend_from_slice(&shared);
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&[0, 0, 0xa4, 0x81]);
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(entry.name.as_bytes());
    }
    let count = (entries.len() as u16).to_le_bytes();
    let start = out.len() as u32;
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&count);
    out.extend_from_slice(&count);
    out.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out
}

/// A zip of stored entries: name, content, and where the directory says it is.
fn zip_with(entries: &[(&str, &[u8], Option<u32>)]) -> Vec<u8> {
    let entries: Vec<_> = entries
        .iter()
        .map(|(name, data, claimed)| Entry {
            name,
            data,
            method: 0,
            crc: libdeflater::crc32(data),
            size: data.len() as u32,
            claimed: *claimed,
        })
        .collect();
    zip(&entries)
}

#[test]
fn entries_that_overlap_are_an_error() {
    let error = |data: &[u8]| {
        normalize_bytes("x.zip", data, &Options::default())
            .unwrap_err()
            .to_string()
    };
    let same = zip_with(&[("a", b"content", None), ("b", b"content", Some(0))]);
    assert!(error(&same).contains("overlaps"), "{}", error(&same));
    let inside = zip_with(&[(
        "a",
        b"PK\x03\x04, and much more than a header has",
        Some(31),
    )]);
    assert!(error(&inside).contains("overlaps"), "{}", error(&inside));
    let outside = zip_with(&[("a", b"content", Some(0xffff_fff0))]);
    assert!(error(&outside).contains("outside"), "{}", error(&outside));
}

#[test]
fn what_tools_put_into_a_jar_says_nothing_of_the_build() {
    let date = "#Mon Nov 23 14:04:45 UTC 2026\n";
    let build_info = format!("{date}a=b\n");
    let readme = format!("{date}some words\n");
    let manifest = "Manifest-Version: 1.0\r\nBuild-Date-UTC: 2026-11-23T14:04:45Z\r\n\
        Build-Host: one\r\nBuild-Url: https://example.com/a/very/long/address/of/a/run/that/c\r\n \
        ontinues\r\nBuilt-OS: Linux\r\nImplementation-Build-Timestamp: 1\r\nCreated-By: 17\r\n\
        Build-Jdk: 17.0.2\r\nBuild-Tool: x\r\n\r\n";
    let entries = [
        ("META-INF/MANIFEST.MF", manifest.as_bytes()),
        ("META-INF/build-info", build_info.as_bytes()),
        ("META-INF/notes", readme.as_bytes()),
        ("x/build-info", build_info.as_bytes()),
    ];
    let entries: Vec<_> = entries
        .iter()
        .map(|(name, data)| Entry {
            name,
            data,
            method: 0,
            crc: libdeflater::crc32(data),
            size: data.len() as u32,
            claimed: None,
        })
        .collect();
    let (report, after) = normal("x.jar", &zip(&entries), &Options::default());
    let text = String::from_utf8_lossy(&after);
    assert!(
        text.contains(
            "Manifest-Version: 1.0\r\nCreated-By: 17\r\nBuild-Jdk: 17.0.2\r\nBuild-Tool: x\r\n\r\n"
        ),
        "{text}"
    );
    let change = "META-INF/build-info: date comment".to_owned();
    assert!(report.changes.contains(&change), "{report:?}");
    assert_eq!(text.matches("#Mon Nov").count(), 2, "{text}");
    assert!(!normal("x.jar", &after, &Options::default()).0.changed());
}

#[test]
fn claims_of_many_entries_cost_nothing() {
    let mut data = zip_with(&[("a", b"content", None)]);
    let end = data.len() - 22;
    let directory = (end - 47) as u64;
    let record = data.split_off(end);
    data.extend_from_slice(b"PK\x06\x06");
    data.extend_from_slice(&44u64.to_le_bytes());
    data.extend_from_slice(&[45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for number in [1u64 << 32, 1 << 32, 47, directory] {
        data.extend_from_slice(&number.to_le_bytes());
    }
    data.extend_from_slice(b"PK\x06\x07\0\0\0\0");
    data.extend_from_slice(&(end as u64).to_le_bytes());
    data.extend_from_slice(&[1, 0, 0, 0]);
    data.extend_from_slice(&record);
    let error = normalize_bytes("x.zip", &data, &Options::default()).unwrap_err();
    assert!(error.to_string().contains("1 records"), "{error}");

    // With the right number it is a plain zip64 archive.
    for at in [24, 32] {
        data[end + at..end + at + 8].copy_from_slice(&1u64.to_le_bytes());
    }
    let (report, _) = normal("x.zip", &data, &Options::default());
    assert_eq!(report.changes, ["times"]);
}

#[test]
fn a_bomb_is_not_set_off() {
    let zeros = vec![0; 16 << 20];
    let mut packed = vec![0; 1 << 20];
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
    let length = compressor.deflate_compress(&zeros, &mut packed).unwrap();
    let bomb = |size: u32| {
        let names: Vec<_> = (10..60).map(|n| format!("{n}.png")).collect();
        let entries: Vec<_> = names
            .iter()
            .map(|name| Entry {
                name,
                data: &packed[..length],
                method: 8,
                crc: libdeflater::crc32(&zeros),
                size,
                claimed: None,
            })
            .collect();
        zip(&entries)
    };
    let (report, _) = normal("x.zip", &bomb(zeros.len() as u32), &Options::default());
    assert_eq!(report.changes, ["times"]);
    assert_eq!(
        report.notes,
        ["it decompresses to far more than its size, so not all of it was looked into"]
    );
    // More than deflate can do is a lie, and nothing is allocated for it.
    let (report, _) = normal("x.zip", &bomb(60 << 20), &Options::default());
    assert_eq!((report.changes.len(), report.notes.len()), (1, 0));
    // A wrong size is damage.
    assert!(normalize_bytes("x.zip", &bomb(15 << 20), &Options::default()).is_err());
}

#[test]
fn data_between_entries_forbid_moving_them() {
    let gap = {
        let plain = zip_with(&[("b", b"content", None), ("a", b"content", None)]);
        // The second entry begins five bytes later than the first one ends.
        let mut data = plain[..38].to_vec();
        data.extend_from_slice(b"block");
        data.extend_from_slice(&plain[38..]);
        let directory = 38 * 2 + 5;
        data[directory + 47 + 42..directory + 47 + 46].copy_from_slice(&43u32.to_le_bytes());
        let end = data.len() - 22;
        data[end + 16..end + 20].copy_from_slice(&(directory as u32).to_le_bytes());
        data
    };
    let (report, after) = normal("x.zip", &gap, &Options::default());
    assert_eq!(report.changes, ["times"]);
    assert_eq!(report.notes.len(), 1);
    assert_eq!(after.len(), gap.len());
    assert_eq!(&after[38..43], b"block");
}

#[test]
fn encrypted_entries_stay() {
    let mut data = zip_with(&[("a", b"content", None)]);
    data[6] = 1;
    data[38 + 8] = 1;
    let (report, _) = normal("x.zip", &data, &Options::default());
    assert!(!report.changed());
    assert_eq!(report.notes, ["encrypted entries were left alone"]);
}

#[test]
fn content_is_preserved_whatever_the_size() {
    // Larger than what is read at once, so that the path over the file is taken.
    let large: Vec<u8> = (0..5_000_000u32).map(|n| ((n * 7) >> 3) as u8).collect();
    let data = zip_with(&[("z", &large, None), ("a", b"small", None)]);
    let (_, in_memory) = normal("x.zip", &data, &Options::default());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.zip");
    fs::write(&path, &data).unwrap();
    let report = normalize_in_place(&path, &Options::default()).unwrap();
    assert_eq!(report.changes, ["times", "order of the entries"]);
    let on_disk = fs::read(&path).unwrap();
    assert!(on_disk == in_memory);
    assert_eq!(&on_disk[31..36], b"small");
    assert!(on_disk[36 + 31..].starts_with(&large));

    let mut gz = fixture("named.gz").to_vec();
    let end = gz.split_off(gz.len() - 8);
    gz.extend_from_slice(&large);
    gz.extend_from_slice(&end);
    let path = dir.path().join("x.gz");
    fs::write(&path, &gz).unwrap();
    normalize_in_place(&path, &Options::default()).unwrap();
    let (_, expected) = normal("x.gz", &gz, &Options::default());
    assert!(fs::read(&path).unwrap() == expected);
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn files_on_disk_in_any_number_of_threads() {
    for threads in [1, 2, 8] {
        let dir = tempfile::tempdir().unwrap();
        let mut paths = Vec::new();
        for copy in 0..8 {
            for fixture in FIXTURES {
                let folder = dir.path().join(copy.to_string());
                fs::create_dir_all(&folder).unwrap();
                let path = folder.join(fixture.name);
                fs::write(&path, fixture.before).unwrap();
                paths.push(path);
            }
        }
        paths.push(dir.path().join("missing.gz"));
        let options = Options {
            threads: std::num::NonZeroUsize::new(threads),
            ..Options::default()
        };
        let check = Options {
            check: true,
            ..options.clone()
        };
        let before = normalize_files(&paths, &check);
        assert_eq!(
            fs::read(&paths[0]).unwrap(),
            fixture(FIXTURES[0].name),
            "a check wrote"
        );
        let reports = normalize_files(&paths, &options);
        assert_eq!(reports.len(), paths.len());
        for ((path, report), before) in paths.iter().zip(&reports).zip(&before) {
            let Some(fixture) = FIXTURES.iter().find(|f| path.ends_with(f.name)) else {
                assert!(matches!(report, Err(Error::Io { .. })), "{report:?}");
                continue;
            };
            let report = report.as_ref().unwrap();
            assert_eq!(&report.path, path);
            assert_eq!(report, before.as_ref().unwrap());
            assert!(fs::read(path).unwrap() == fixture.after.unwrap_or(fixture.before));
        }
        assert_eq!(names(&dir.path().join("0")).len(), FIXTURES.len());
    }
}

#[cfg(unix)]
#[test]
fn mode_and_times_stay_and_a_normal_file_is_not_written() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.gz");
    fs::write(&path, fixture("named.gz")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::new(1_234_567_890, 123);
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(time)
        .unwrap();
    let link = dir.path().join("link.gz");
    std::os::unix::fs::symlink("x.gz", &link).unwrap();
    assert!(normalize_in_place(&link, &Options::default())
        .unwrap()
        .changed());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o640);
    assert_eq!(metadata.modified().unwrap(), time);
    assert!(!normalize_in_place(&path, &Options::default())
        .unwrap()
        .changed());
    assert_eq!(fs::metadata(&path).unwrap().ino(), metadata.ino());
    assert_eq!(names(dir.path()), ["link.gz", "x.gz"]);
}

#[cfg(unix)]
#[test]
fn names_of_one_file_remain_so() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<_> = ["c.gz", "a.gz", "b.gz"]
        .map(|name| dir.path().join(name))
        .into();
    fs::write(&paths[0], fixture("named.gz")).unwrap();
    fs::hard_link(&paths[0], &paths[1]).unwrap();
    fs::hard_link(&paths[0], &paths[2]).unwrap();
    let check = Options {
        check: true,
        ..Options::default()
    };
    for options in [check, Options::default()] {
        for report in normalize_files(&paths, &options) {
            let report = report.unwrap();
            assert!(report.changed() && report.notes.is_empty(), "{report:?}");
        }
    }
    let inode = |path| fs::metadata(path).unwrap().ino();
    assert_eq!(inode(&paths[0]), inode(&paths[1]));
    assert_eq!(inode(&paths[0]), inode(&paths[2]));
    assert_eq!(names(dir.path()), ["a.gz", "b.gz", "c.gz"]);

    fs::write(&paths[0], fixture("named.gz")).unwrap();
    let report = normalize_in_place(&paths[1], &Options::default()).unwrap();
    assert_eq!(
        report.notes,
        ["2 other names of this file were not given and keep the old content"]
    );
    assert!(inode(&paths[0]) == inode(&paths[2]) && inode(&paths[0]) != inode(&paths[1]));
}

#[test]
fn nobody_waits_for_a_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe.gz");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let error = normalize_in_place(&path, &Options::default()).unwrap_err();
    assert!(
        error.to_string().contains("neither a file nor a folder"),
        "{error}"
    );
}

#[test]
fn a_folder_is_refused_and_unknown_files_stay() {
    let dir = tempfile::tempdir().unwrap();
    let error = normalize_in_place(dir.path(), &Options::default()).unwrap_err();
    assert!(
        error.to_string().contains("is a folder; name the files"),
        "{error}"
    );
    for (name, content) in [
        ("empty.gz", &b""[..]),
        ("text.gz", b"no gzip at all"),
        ("signed.apk", fixture("app.jar")),
        ("noname", fixture("named.gz")),
    ] {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        let report = normalize_in_place(&path, &Options::default()).unwrap();
        assert_eq!((report.handler, report.changed()), (None, false), "{name}");
        assert!(fs::read(&path).unwrap() == content);
    }
}
