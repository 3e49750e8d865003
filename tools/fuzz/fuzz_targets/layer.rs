//! A layer of one or two archives: whatever they hold, it is the same bytes for any number of
//! threads and for either order of the archives, its own entries give it once more, and they are
//! sorted and each is there once.
//!
//! The first byte chooses options, and the second one where the second archive begins, in blocks.

#![no_main]

mod checksums;

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use verbatim_archive::{
    ArchiveOptions, Builder, Compression, Defaults, Devices, Encoding, Error, Filter, Glob, Layer,
    Mtime,
};
use verbatim_reader::Archive;

/// The layer of these archives, each with its name in messages.
fn layer(
    archives: &[(&str, &Path)],
    options: &ArchiveOptions,
    scratch: &Path,
) -> Result<Layer, Error> {
    let defaults = Defaults {
        mtime: Mtime::Clamp(i64::MAX),
        ..Defaults::default()
    };
    let mut builder = Builder::new(defaults, scratch);
    for (name, archive) in archives {
        builder.archive(b"", archive, options, name)?;
    }
    builder.finish()
}

fn write(layer: &Layer, encoding: Encoding, threads: usize) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    let summary = layer.write(encoding, threads, &mut out, &|_| {})?;
    assert_eq!(summary.size, out.len() as u64);
    assert_eq!(summary.uncompressed_size, layer.stream_size());
    Ok(out)
}

fn options(chosen: u8) -> ArchiveOptions {
    let mut filter = Filter::default();
    if chosen & 1 != 0 {
        filter.strip_components(1);
    }
    if chosen & 2 != 0 {
        filter.exclude(Glob::new("**/x*", "the test").unwrap());
    }
    if chosen & 4 != 0 {
        filter.prefix("opt/new").unwrap();
    }
    if chosen & 8 != 0 {
        filter.rename("a", "b/c").unwrap();
    }
    ArchiveOptions {
        filter,
        devices: Devices::Keep,
        owner: (chosen & 16 != 0).then_some((7, 8)),
        file_mode: (chosen & 32 != 0).then_some(0o640),
        ..ArchiveOptions::default()
    }
}

/// With the checksums put right, and the zeros at the end.
fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    checksums::put_right(&mut bytes);
    bytes.resize(bytes.len().next_multiple_of(512) + 1024, 0);
    bytes
}

/// More than this is holes, and takes its time without telling anything.
const LARGE: u64 = 4 << 20;

fuzz_target!(|input: &[u8]| {
    let [chosen, at, archives @ ..] = input else {
        return;
    };
    let options = options(*chosen);
    let (first, second) = archives.split_at((usize::from(*at) * 512).min(archives.len()));
    let dir = tempfile::tempdir().unwrap();
    let paths = [dir.path().join("first"), dir.path().join("second")];
    std::fs::write(&paths[0], mended(first)).unwrap();
    std::fs::write(&paths[1], mended(second)).unwrap();
    let [first, second] = [
        ("first", paths[0].as_path()),
        ("second", paths[1].as_path()),
    ];
    let Ok(made) = layer(&[first, second], &options, dir.path()) else {
        // What contradicts itself does so in any order; and what is left out in one is in the other.
        assert!(layer(&[second, first], &options, dir.path()).is_err());
        return;
    };
    let other = layer(&[second, first], &options, dir.path()).expect("the other order");
    assert_eq!(made.stream_size(), other.stream_size());
    if made.stream_size() > LARGE {
        return;
    }
    let plain = Encoding::new(Compression::None, None).unwrap();
    let tar = write(&made, plain, 1).unwrap();
    assert!(
        tar == write(&other, plain, 3).unwrap(),
        "another order, other bytes"
    );

    let gzip = Encoding::new(Compression::Gzip, Some(1)).unwrap();
    let blob = write(&made, gzip, 2).unwrap();
    assert!(blob == write(&made, gzip, 1).unwrap(), "threads show");

    let mut entries = Archive::open(&blob[..]);
    let mut last: Option<Vec<u8>> = None;
    let mut count = 0;
    while let Some(entry) = entries.next_entry().expect("our own archive") {
        assert!(last.is_none_or(|last| last < entry.path), "not sorted");
        last = Some(entry.path.clone());
        count += 1;
    }
    assert_eq!(count, made.len());

    let again = dir.path().join("again");
    std::fs::write(&again, &blob).unwrap();
    let keep = ArchiveOptions {
        devices: Devices::Keep,
        ..ArchiveOptions::default()
    };
    let again = layer(&[("again", &again)], &keep, dir.path()).expect("our own archive once more");
    assert!(
        tar == write(&again, plain, 2).unwrap(),
        "not the same once more"
    );
});
