//! A package: its two headers, and how they vouch for each other and for what follows.
//!
//! ```text
//! lead │ signatures and digests │ header │ compressed payload
//! ```
//!
//! The first header holds digests of the second one and signatures over it; the second one holds
//! the digest of the payload. So whoever checked a signature over the header, and the digest in
//! it, has checked all of the package. Packages without such a digest, of before 2018, are vouched
//! for by a signature over header and payload together.
//!
//! The format: rpm-package(5) of rpm 6.1 (`docs/manual/format_v6.md`).

use std::io::Read;

use sha1::{Digest as _, Sha1};
use verbatim_digest::Digest;
use verbatim_foreign::printable_bytes;
use verbatim_formats::rpm::{Part, Stored, HEADER_MAGIC, LEAD, MAGIC};

use super::evr::Evr;
use super::tags::{self, signature};
use super::unreadable;
use crate::{Error, Result};

/// The headers of a package, which agree with each other.
#[derive(Debug, Clone)]
pub struct Package {
    pub(super) signatures: Stored,
    pub(super) header: Stored,
}

impl Package {
    /// Read the headers; the payload comes next in `source`. `file` is its name in messages.
    ///
    /// The digests of the header are checked.
    pub fn read(source: &mut impl Read, file: &str) -> Result<Self> {
        let failed = |e| unreadable(file, "it is no package that can be read", e);
        let refused = |what: &str| Err(Error::refused(format!("{file}: {what}")));
        let mut lead = [0; LEAD as usize];
        source.read_exact(&mut lead).map_err(failed)?;
        if !lead.starts_with(MAGIC) {
            let what = "it does not begin as RPM packages do";
            return refused(what);
        }
        let signatures = Stored::from_reader(source, Part::Signatures);
        let signatures = signatures.map_err(|flaw| failed(flaw.into()))?;
        let header = Stored::from_reader(source, Part::Package);
        let header = header.map_err(|flaw| failed(flaw.into()))?;
        let package = Self { signatures, header };
        package.check_header(file)?;
        for tag in [tags::NAME, tags::VERSION, tags::RELEASE, tags::ARCH] {
            let text = package.header.text(tag).unwrap_or_default();
            let plain = |b: &u8| b.is_ascii_graphic() && *b != b'/';
            if text.is_empty() || !text.iter().all(plain) {
                let what = "its name, version or architecture is missing or has characters that they may not have";
                return refused(what);
            }
        }
        if !package.header.has(tags::SOURCERPM) {
            let what = "it is a source package; name the packages that were built of it";
            return Err(Error::wrong(format!("{file}: {what}")));
        }
        Ok(package)
    }

    /// The digest that the payload must have, as it is stored; none in packages of before 2018.
    pub(super) fn payload_digest(&self, file: &str) -> Result<Option<Digest>> {
        let Some(text) = self.header.text(tags::PAYLOADSHA256) else {
            return Ok(None);
        };
        hex(text).map(Some).ok_or_else(|| {
            Error::refused(format!(
                "{file}: the digest of its files is none; it is damaged, fetch it again"
            ))
        })
    }

    fn check_header(&self, file: &str) -> Result<()> {
        let bytes = self.signed_bytes();
        let mut checked = false;
        let mut check = |tag: u32, algorithm: &str, found: String| {
            let Some(expected) = self.signatures.text(tag) else {
                return Ok(());
            };
            checked = true;
            if expected.eq_ignore_ascii_case(found.as_bytes()) {
                return Ok(());
            }
            Err(Error::refused(format!(
                "{file}: the {algorithm} of its header is {found}, and {} is written in it; it is damaged or was tampered with, fetch it again",
                printable_bytes(expected)
            )))
        };
        check(signature::SHA256, "SHA-256", Digest::of(&bytes).hex())?;
        let sha1 = Sha1::digest(&bytes);
        check(signature::SHA1, "SHA-1", verbatim_digest::hex(&sha1))?;
        if checked {
            return Ok(());
        }
        Err(Error::refused(format!(
            "{file}: nothing in it vouches for its header; build it again with a newer rpmbuild"
        )))
    }

    /// What signatures of the header are made over.
    pub(super) fn signed_bytes(&self) -> Vec<u8> {
        [HEADER_MAGIC, self.header.bytes()].concat()
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.word(tags::NAME)
    }

    /// Its version, with an epoch that is zero where none is given.
    pub fn evr(&self) -> Evr {
        Evr {
            epoch: self.header.number(tags::EPOCH).unwrap_or(0) as u32,
            version: self.word(tags::VERSION),
            release: Some(self.word(tags::RELEASE)),
        }
    }

    /// Its architecture, `noarch` for one that runs on all.
    pub fn architecture(&self) -> String {
        self.word(tags::ARCH)
    }

    /// The format of the package: 4 or 6.
    pub(super) fn format(&self) -> u64 {
        self.header.number(tags::RPMFORMAT).unwrap_or(4)
    }

    fn word(&self, tag: u32) -> String {
        // Checked to be ASCII.
        String::from_utf8_lossy(self.header.text(tag).unwrap_or_default()).into_owned()
    }
}

/// A digest of 64 hexadecimal digits.
pub(super) fn hex(text: &[u8]) -> Option<Digest> {
    let text = std::str::from_utf8(text).ok()?.to_ascii_lowercase();
    Digest::from_hex(&text).ok()
}
