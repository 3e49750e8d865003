//! What the name of an output promises.
//!
//! Whoever names an output `x.tar.xz` gets xz or an error, and no plain tar archive under a
//! false name. This is the one place that knows the endings, for every command that writes an
//! archive.

use std::fs;
use std::path::Path;

/// What a name says about the archive in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promise {
    /// Nothing: there is no ending that stands for a format, or it is a device or a pipe.
    Nothing,
    /// A tar archive without compression.
    Tar,
    /// A tar archive in gzip.
    Gzip,
    /// A tar archive in zstd.
    Zstd,
    /// A format that this program does not write, by the ending that says so.
    Other(String),
    /// Something that is not known, by its ending: `x.txt`, `x.tar.gz.bak`. A folder may be called so; of an
    /// archive nobody can say what was meant.
    Unknown(String),
}

/// Endings of tar archives in gzip. A `.crate` is one by another name.
const GZIP: [&str; 4] = ["gz", "tgz", "gzip", "crate"];
const ZSTD: [&str; 4] = ["zst", "tzst", "zstd", "tzs"];

/// Endings that stand for another format, whatever is before them: other compressions, other
/// archives, images of disks, and packages that are more than a tar archive.
const OTHER: &str = "\
    xz txz lzma tlz tlzma lz lzip lz4 tlz4 lzo tzo lzop bz2 bz tbz tbz2 tb2 tz2 bzip2 bzip3 bz3 \
    br tbr sz snappy z taz tz zz zlib rz lrz tlrz zpaq lzfse \
    zip 7z rar cbz cbr cb7 epub phar pyz ar cpio cpgz shar cab xar zoo arj lzh lha ace \
    iso img dmg sif squashfs sqfs erofs wim qcow2 vmdk vhd vhdx \
    deb udeb ddeb rpm drpm srpm apk apkg ipk opk xbps eopkg msi pkg snap flatpak appimage \
    jar war ear aar aab ipa apks xapk appx msix whl egg conda nupkg vsix xpi crx";

/// Whether it is the end of a version, and no ending: `app-1.2`, `app.v1.2`. A dot alone ends nothing either.
fn is_number(ending: &str) -> bool {
    ending.bytes().all(|b| b.is_ascii_digit())
}

/// What the name of `path` promises.
pub fn promise(path: &Path) -> Promise {
    // There is nothing to be said by the name of a device.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        return Promise::Nothing;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_lowercase();
    let Some((stem, ending)) = name.rsplit_once('.') else {
        return Promise::Nothing;
    };
    // `.tar.gz` alone is a name like any other; a hidden file without an ending has none.
    if stem.is_empty() && ending != "tar" {
        return Promise::Nothing;
    }
    if ending == "tar" {
        Promise::Tar
    } else if GZIP.contains(&ending) {
        Promise::Gzip
    } else if ZSTD.contains(&ending) {
        Promise::Zstd
    } else if stem.ends_with(".tar") {
        Promise::Other(format!(".tar.{ending}"))
    } else if OTHER.split_ascii_whitespace().any(|other| other == ending) {
        Promise::Other(format!(".{ending}"))
    } else if is_number(ending) {
        Promise::Nothing
    } else {
        Promise::Unknown(format!(".{ending}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Promise {
        promise(Path::new(name))
    }

    #[test]
    fn names_that_are_kept() {
        for name in ["x.tar", "a.b/x.TAR", "x.tar.tar", "x.gz.tar"] {
            assert_eq!(of(name), Promise::Tar, "{name}");
        }
        for name in [
            "x.tar.gz",
            "x.TAR.GZ",
            "x.tgz",
            "X.TGZ",
            "x.Tar.Gz",
            "x.gz",
            "x-1.0.crate",
        ] {
            assert_eq!(of(name), Promise::Gzip, "{name}");
        }
        for name in ["x.tar.zst", "x.tzst", "x.TZST", "x.tar.zstd", "x.zst"] {
            assert_eq!(of(name), Promise::Zstd, "{name}");
        }
    }

    #[test]
    fn names_that_nobody_can_keep() {
        for (name, ending) in [
            ("x.tar.xz", ".tar.xz"),
            ("x.TAR.XZ", ".tar.xz"),
            ("x.txz", ".txz"),
            ("x.tar.bz2", ".tar.bz2"),
            ("x.tbz", ".tbz"),
            ("x.tar.lz4", ".tar.lz4"),
            ("x.tar.Z", ".tar.z"),
            ("x.taZ", ".taz"),
            // What stands behind `.tar` is meant to say something, and may be mistyped.
            ("x.tar.gzz", ".tar.gzz"),
            ("x.tar.age", ".tar.age"),
            ("x.apk", ".apk"),
            ("x.AAB", ".aab"),
            ("x.epub", ".epub"),
            ("x.deb", ".deb"),
            ("x.zip", ".zip"),
        ] {
            assert_eq!(of(name), Promise::Other(ending.to_owned()), "{name}");
        }
    }

    #[test]
    fn names_that_promise_what_is_not_known() {
        for (name, ending) in [
            ("x.out", ".out"),
            ("x.oci", ".oci"),
            ("x.TXT", ".txt"),
            ("x.gz.bak", ".bak"),
            ("x.tar.gz.1a", ".1a"),
            ("app.v1", ".v1"),
            ("x.gz~", ".gz~"),
            ("x.layer", ".layer"),
        ] {
            assert_eq!(of(name), Promise::Unknown(ending.to_owned()), "{name}");
        }
    }

    #[test]
    fn names_that_promise_nothing() {
        for name in [
            "x", "layer", "a.xz/x", "a.txt/x", "app-1.2", "app.v1.2", "x.", "tar", ".xz", ".bak",
            "", "/", "-",
        ] {
            assert_eq!(of(name), Promise::Nothing, "{name}");
        }
        assert_eq!(of("/dev/null"), Promise::Nothing);
        assert_eq!(of("/dev/stdout"), Promise::Nothing);
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe.xz");
        std::os::unix::net::UnixListener::bind(&pipe).unwrap();
        assert_eq!(promise(&pipe), Promise::Nothing);
    }
}
