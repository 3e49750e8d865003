//! The files of a package, with their contents kept aside.

use std::collections::BTreeMap;
use std::io::{self, Read};

use md5::{Digest as _, Md5};
use verbatim_archive::Keeper;
use verbatim_digest::hex;

use super::package::{About, Deb};
use crate::fetch::open_checked;
use crate::lock::LockedPackage;
use crate::packed::{self, kept_error, PackedFile};
use crate::{Error, Result};

/// A package with its files.
#[derive(Debug)]
pub struct Unpacked {
    /// What is known of it.
    pub about: About,
    /// Its files in their order.
    pub(crate) files: Vec<PackedFile>,
    /// Of each file its MD5, the only digest that dpkg's database knows. By position.
    pub md5: BTreeMap<usize, String>,
}

/// Open a package that was locked, check that it is that one, and unpack it.
pub fn unpack(
    package: &LockedPackage,
    path: &std::path::Path,
    keeper: &Keeper,
) -> Result<Unpacked> {
    let named = |e: Error| e.of(format!("the package {} {}", package.name, package.version));
    let file = open_checked(package, path)?;
    let deb = Deb::open(file).map_err(named)?;
    for (field, locked) in [
        ("Package", &package.name),
        ("Version", &package.version),
        ("Architecture", &package.architecture),
    ] {
        let own = deb.about.control.need(field).map_err(named)?;
        if own != locked {
            return Err(named(Error::refused(format!(
                "its `{field}` is `{}`, and its index said `{locked}`",
                verbatim_foreign::excerpt(own, 60)
            ))));
        }
    }
    files(deb, keeper).map_err(named)
}

fn files(deb: Deb, keeper: &Keeper) -> Result<Unpacked> {
    let has_sums = deb.about.files.contains_key("md5sums");
    let conffiles: Vec<Vec<u8>> = deb
        .about
        .lines("conffiles")
        .into_iter()
        .map(|line| line.trim_start_matches('/').as_bytes().to_vec())
        .collect();
    let mut md5 = BTreeMap::new();
    let files = packed::files(deb.data(), deb.data_size(), |coming| {
        if has_sums && !conffiles.iter().any(|path| path == coming.path) {
            return keeper.keep(coming.content, coming.size).map_err(kept_error);
        }
        let mut hashed = Hashed {
            source: coming.content,
            md5: Md5::new(),
        };
        let kept = keeper.keep(&mut hashed, coming.size).map_err(kept_error)?;
        md5.insert(coming.at, hex(&hashed.md5.finalize()));
        Ok(kept)
    })?;
    Ok(Unpacked {
        about: deb.about,
        files,
        md5,
    })
}

/// Hashes what is read.
struct Hashed<R> {
    source: R,
    md5: Md5,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buffer)?;
        self.md5.update(&buffer[..n]);
        Ok(n)
    }
}
