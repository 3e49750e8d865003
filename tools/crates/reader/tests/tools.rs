//! Archives of real tools, in every format they write.

use std::io::Read;
use std::process::Command;

use verbatim_reader::{Archive, Kind};

#[test]
fn gnu_tar_in_all_formats() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let long = "d".repeat(60);
    let deep = format!("{long}/{long}/{long}");
    std::fs::create_dir_all(root.join("in").join(&deep)).unwrap();
    std::fs::write(root.join("in/a"), b"hello\n").unwrap();
    std::fs::write(root.join("in/empty"), b"").unwrap();
    std::fs::hard_link(root.join("in/a"), root.join("in/b")).unwrap();
    for format in ["v7", "oldgnu", "gnu", "ustar", "posix"] {
        if format != "v7" {
            std::fs::write(root.join("in").join(&deep).join("x"), vec![7; 100_000]).unwrap();
        }
        for (flag, name) in [
            ("", "plain"),
            ("-z", "gz"),
            ("--zstd", "zst"),
            ("-J", "xz"),
            ("-j", "bz2"),
        ] {
            let out = root.join(format!("{format}.{name}"));
            let mut tar = Command::new("tar");
            tar.arg(format!("--format={format}"))
                .arg("--sort=name")
                .arg("--mtime=@5");
            if !flag.is_empty() {
                tar.arg(flag);
            }
            tar.arg("-cf").arg(&out).arg("-C").arg(root).arg("in");
            let done = tar.output().unwrap();
            let mut archive = Archive::open(std::fs::File::open(&out).unwrap());
            let mut n = 0;
            while let Some(mut entry) = archive.next_entry().unwrap() {
                n += 1;
                let mut content = Vec::new();
                entry.read_to_end(&mut content).unwrap();
                assert_eq!(content.len() as u64, entry.size);
                assert_eq!(entry.mtime, 5);
                if entry.path == b"in/b" {
                    assert_eq!(
                        entry.kind,
                        Kind::HardLink {
                            target: b"in/a".to_vec()
                        }
                    );
                }
                if entry.path == format!("in/{deep}/x").into_bytes() {
                    assert_eq!(content, vec![7; 100_000]);
                }
            }
            assert!(n >= 4, "{format} {name} {done:?}");
        }
    }
}
