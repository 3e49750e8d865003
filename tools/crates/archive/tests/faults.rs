//! What happens when something goes wrong: one error that names the file, and nothing hangs.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use verbatim_archive::{Builder, Compression, Defaults, Encoding, Error, Layer, Links, Wish};

const SIZE: usize = 5 << 20;

/// A layer of a directory with two small files around a big one that spans blocks.
fn layer(dir: &Path) -> Layer {
    fs::write(dir.join("a"), "small").unwrap();
    fs::write(dir.join("big"), vec![3; SIZE]).unwrap();
    fs::write(dir.join("c"), vec![4; 512]).unwrap();
    let mut builder = Builder::new(Defaults::default(), dir);
    let wish = Wish::default();
    builder
        .tree(b"", dir, false, Links::Keep, &wish, "the test")
        .unwrap();
    builder.finish().unwrap()
}

fn encodings() -> Vec<(Encoding, usize)> {
    let mut list = Vec::new();
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        for threads in [1, 2, 8] {
            list.push((Encoding::new(compression, None).unwrap(), threads));
        }
    }
    list
}

#[test]
fn files_that_change_between_listing_and_reading_are_errors() {
    let change = |dir: &Path, name: &str, how: &str| match how {
        "became shorter" => fs::write(dir.join(name), "").unwrap(),
        "became longer" => {
            let mut file = fs::File::options()
                .append(true)
                .open(dir.join(name))
                .unwrap();
            file.write_all(b"x").unwrap();
        }
        _ => fs::remove_file(dir.join(name)).unwrap(),
    };
    for (encoding, threads) in encodings() {
        for name in ["a", "big", "c"] {
            for how in ["became shorter", "became longer", "cannot read"] {
                let dir = tempfile::tempdir().unwrap();
                let layer = layer(dir.path());
                change(dir.path(), name, how);
                let error = layer
                    .write(encoding, threads, &mut io::sink(), &|_| {})
                    .unwrap_err()
                    .to_string();
                let path = dir.path().join(name).display().to_string();
                assert!(error.contains(&path) && error.contains(how), "{error}");
            }
        }
    }
}

/// Takes some bytes and then says that the disk is full.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let n = data.len().min(self.0);
        self.0 -= n;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let layer = layer(dir.path());
    for (encoding, threads) in encodings() {
        for room in [0, 1, 300] {
            let error = layer
                .write(encoding, threads, &mut Full(room), &|_| {})
                .unwrap_err();
            let Error::Write { source, .. } = error else {
                panic!("{error}")
            };
            assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        }
    }
}

#[test]
fn of_several_problems_the_first_in_order_is_told() {
    for (encoding, threads) in encodings() {
        let dir = tempfile::tempdir().unwrap();
        let layer = layer(dir.path());
        fs::remove_file(dir.path().join("big")).unwrap();
        fs::remove_file(dir.path().join("c")).unwrap();
        let error = layer
            .write(encoding, threads, &mut io::sink(), &|_| {})
            .unwrap_err()
            .to_string();
        assert!(error.contains("/big"), "{error}");
    }
}
