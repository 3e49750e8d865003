//! Packages as a repository serves them: taken apart, and a layer made of them. The first byte says of which
//! distribution it is; what a lock would say of it is asked of the package itself.

#![no_main]

mod packages;

use std::fs;

use libfuzzer_sys::fuzz_target;
use packages::{fetcher, folder, gzip, part, printable_word, tar};
use verbatim_archive::{Builder, Compression, Defaults, Encoding};
use verbatim_digest::Digest;
use verbatim_packages::install::{install, Wanted};
use verbatim_packages::lock::{LockedPackage, LockedSource};
use verbatim_packages::manifest::Format;
use verbatim_packages::places::Places;
use verbatim_packages::Lock;

/// A member of a `.deb`.
fn member(out: &mut Vec<u8>, name: &str, content: &[u8]) {
    let header = format!(
        "{name:16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
        0,
        0,
        0,
        100644,
        content.len()
    );
    out.extend(header.as_bytes());
    out.extend(content);
    if content.len() % 2 == 1 {
        out.push(b'\n');
    }
}

/// The package that is tried, in which format it is, and its extension.
fn package(kind: u8, data: &[u8]) -> (Format, Vec<u8>) {
    // What a package says of itself, and behind it its files as a tar archive.
    let (about, files) = match data.iter().position(|&b| b == 0xff) {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &[][..]),
    };
    match kind % 5 {
        0 => (Format::Deb, data.to_vec()),
        1 => {
            let mut out = b"!<arch>\n".to_vec();
            member(&mut out, "debian-binary", b"2.0\n");
            member(&mut out, "control.tar", &tar(&[("./control", about)], true));
            member(&mut out, "data.tar", files);
            (Format::Deb, out)
        }
        2 => (Format::Rpm, data.to_vec()),
        3 => (Format::Apk, data.to_vec()),
        _ => {
            let files = gzip(files);
            let sum = format!("datahash = {}\n", Digest::of(&files).hex());
            let about = [about, b"\n", sum.as_bytes()].concat();
            let control = part(&[(".PKGINFO", &about)], false);
            (Format::Apk, [control, files].concat())
        }
    }
}

/// The layer of one package that a lock calls so.
fn layer(
    format: Format,
    content: &[u8],
    words: [&str; 3],
    threads: usize,
) -> Result<Digest, String> {
    let [name, version, architecture] = words.map(str::to_owned);
    let image = if format == Format::Deb {
        "amd64"
    } else {
        "x86_64"
    };
    let locked = LockedPackage {
        name,
        version,
        architecture,
        targets: Vec::new(),
        source: "s".to_owned(),
        path: "p".parse().unwrap(),
        size: content.len() as u64,
        sha256: Digest::of(content),
        needed_by: Vec::new(),
    };
    let source = LockedSource {
        name: "s".to_owned(),
        url: folder().join("repo").to_str().unwrap().to_owned(),
        indexes: Vec::new(),
    };
    let lock = Lock::new(
        format,
        vec![image.to_owned()],
        Vec::new(),
        vec![source],
        vec![locked],
    );
    let wanted = Wanted {
        architecture: None,
        cache: &folder().join("cache"),
        threads,
        status_d: false,
    };
    let builder = Builder::new(Defaults::default(), folder());
    let made = install(&lock, &Places::new(folder()), fetcher(), &wanted, builder);
    let layer = made.map_err(|e| e.to_string())?;
    let encoding = Encoding::new(Compression::None, None).unwrap();
    let written = layer.write(encoding, threads, &mut std::io::sink(), &|_| {});
    written
        .map(|summary| summary.digest)
        .map_err(|e| e.to_string())
}

/// What a package says it is, as the refusal of another one tells.
fn own_words(refusal: &str) -> Option<[&str; 3]> {
    let (_, rest) = refusal.split_once(": it is ")?;
    let (words, _) = rest.split_once(", and ")?;
    let (name, rest) = words.split_once(' ')?;
    let (version, architecture) = rest.split_once(" for ")?;
    let all = [name, version, architecture];
    let is_word = |word: &&str| printable_word(&word.replace([':', '~', '^'], "."));
    all.iter().all(is_word).then_some(all)
}

fuzz_target!(|data: &[u8]| {
    let Some((&kind, data)) = data.split_first() else {
        return;
    };
    let (format, content) = package(kind, data);
    let root = folder().join("repo");
    fs::create_dir_all(&root).unwrap();
    fs::create_dir_all(folder().join("cache")).unwrap();
    fs::write(root.join("p"), &content).unwrap();
    let architecture = match format {
        Format::Deb => "amd64",
        _ => "x86_64",
    };
    let first = layer(format, &content, ["a", "1", architecture], 1);
    let refusal = first.err().unwrap_or_default();
    let words = own_words(&refusal).unwrap_or(["a", "1", architecture]);
    // Whatever the number of threads, and twice.
    let one = layer(format, &content, words, 1);
    assert_eq!(one, layer(format, &content, words, 2));
    if let Err(sentence) = one {
        assert!(
            !sentence.contains(|c: char| c.is_control() && c != '\n'),
            "{sentence:?}"
        );
    }
});
