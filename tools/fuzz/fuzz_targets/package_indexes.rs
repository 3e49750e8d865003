//! Indexes of package repositories: what a mirror sends is read, and packages are chosen from it. The
//! first byte says which index it is; digests and archives around it are put right here, for a
//! fuzzer finds neither.

#![no_main]

mod packages;

use std::fs;

use libfuzzer_sys::fuzz_target;
use packages::{fetcher, folder, gzip, part, printable_word};
use verbatim_digest::Digest;
use verbatim_packages::places::Places;
use verbatim_packages::{choose, Error, Lock, Manifest, Moment};

/// Where a file of the repository lies, and what is in it.
type Files = Vec<(&'static str, Vec<u8>)>;

/// What stands between these, first: the name of a package that can be asked for.
fn named<'a>(data: &'a [u8], before: &str, after: char) -> Option<&'a str> {
    let text = std::str::from_utf8(data).ok()?;
    let (_, rest) = text.split_once(before)?;
    let name = rest.split(after).next()?.trim();
    printable_word(name).then_some(name)
}

/// A repository around what is tried, in which format it is, and what is asked for.
fn repository(kind: u8, data: &[u8]) -> (&'static str, &'static str, Files, Option<&str>) {
    const FLAT: &str = "suite = \"./\"";
    const SUITE: &str = "suite = \"stable\"\ncomponents = [\"main\"]";
    match kind % 6 {
        // A list of packages, as it is and packed.
        0 => {
            let files = vec![("Packages", data.to_vec())];
            ("deb", FLAT, files, named(data, "Package: ", '\n'))
        }
        1 => {
            let files = vec![("dists/stable/Release", data.to_vec())];
            ("deb", SUITE, files, None)
        }
        2 => {
            let files = vec![("repodata/repomd.xml", data.to_vec())];
            ("rpm", "", files, None)
        }
        3 => {
            let repomd = format!(
                "<repomd><data type=\"primary\"><checksum type=\"sha256\">{}</checksum><location href=\"p.xml\"/>\
                 <timestamp>1</timestamp><size>{}</size></data></repomd>",
                Digest::of(data).hex(),
                data.len()
            );
            let files = vec![
                ("repodata/repomd.xml", repomd.into_bytes()),
                ("p.xml", data.to_vec()),
            ];
            ("rpm", "", files, named(data, "<name>", '<'))
        }
        4 => {
            let signature = part(&[(".SIGN.RSA.x.rsa.pub", b"none")], false);
            let index = [signature, part(&[("APKINDEX", data)], true)].concat();
            let files = vec![("x86_64/APKINDEX.tar.gz", index)];
            ("apk", "", files, named(data, "P:", '\n'))
        }
        // The archive of apk's index, plain and packed.
        _ => {
            let index = match data.first() {
                Some(0x1f) => data.to_vec(),
                _ => gzip(data),
            };
            ("apk", "", vec![("x86_64/APKINDEX.tar.gz", index)], None)
        }
    }
}

fn chosen(format: &str, more: &str, asked: &str) -> Result<Lock, Error> {
    let architecture = if format == "deb" { "amd64" } else { "x86_64" };
    let manifest = format!(
        "format = \"{format}\"\narchitectures = [\"{architecture}\"]\npackages = [{asked:?}]\n\
         [[source]]\nname = \"s\"\nurl = \"repo\"\nunsigned = true\n{more}\n"
    );
    let path = folder().join("image.toml");
    fs::write(&path, manifest).unwrap();
    let manifest = Manifest::read(&path)?;
    let now = Moment::from_seconds(1_800_000_000);
    choose(&manifest, &Places::new(folder()), fetcher(), now, None)
}

fuzz_target!(|data: &[u8]| {
    let Some((&kind, data)) = data.split_first() else {
        return;
    };
    let (format, more, files, asked) = repository(kind, data);
    let root = folder().join("repo");
    let _ = fs::remove_dir_all(&root);
    for (name, content) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let asked = asked.unwrap_or("a");
    let first = chosen(format, more, asked);
    let again = chosen(format, more, asked);
    match (first, again) {
        (Ok(first), Ok(again)) => {
            assert_eq!(first, again);
            let bytes = first.to_bytes().unwrap();
            assert_eq!(Lock::parse(&bytes, "lock").unwrap(), first);
        }
        (Err(first), Err(again)) => {
            let sentence = first.to_string();
            assert_eq!(sentence, again.to_string());
            // It is shown on a terminal.
            assert!(
                !sentence.contains(|c: char| c.is_control() && c != '\n'),
                "{sentence:?}"
            );
        }
        (first, again) => panic!("{first:?}, and then {again:?}"),
    }
});
