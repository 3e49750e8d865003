//! The header of a package as the database of installed ones holds it: the package's own, to the
//! last byte, and behind it what rpm adds when it installs.

use std::borrow::Cow;

use verbatim_formats::rpm::{Kind, Stored};

use super::package::Package;
use super::tags;

/// Tags of the signatures and what they are called from here on (`xlateTags` of rpm 6.1).
const TRANSLATED: [(u32, u32); 17] = [
    (1000, 257),
    (1002, 259),
    (1004, tags::SIGMD5),
    (1005, 262),
    (1007, 1046),
    (274, 5090),
    (275, 5091),
    (276, 276),
    (277, 277),
    (tags::signature::SHA1, tags::SHA1HEADER),
    (tags::signature::SHA256, 273),
    (279, 279),
    (tags::signature::DSA, 267),
    (tags::signature::RSA, 268),
    (270, 270),
    (271, 271),
    (tags::signature::OPENPGP, 278),
];
/// Tags of signatures from here on are of format 4 and before, and mean nothing in format 6.
const OLD_SIGNATURES: u32 = 1000;

/// Numbers of OpenPGP for the digests of a whole package that rpm 6 takes down.
const ALGORITHMS: [u32; 2] = [8, 10];

/// A tag that is added.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Added {
    tag: u32,
    kind: Kind,
    count: usize,
    values: Vec<u8>,
}

/// An installed package.
#[derive(Debug, Clone)]
pub(super) struct Installed<'a> {
    header: &'a Stored,
    /// By their tags.
    added: Vec<Added>,
}

/// What an installation knows beside the package.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances {
    /// Seconds since 1970: when it is said to have been installed, and the number of the transaction.
    pub(super) time: u32,
    /// Which kinds of programs the machine runs (`%_transaction_color`).
    pub(super) color: u32,
}

impl Circumstances {
    /// Those of a machine of this architecture (`installplatform` of rpm 6.1).
    pub(super) fn of(architecture: &str, time: u32) -> Self {
        let color = match architecture {
            "x86_64" | "aarch64" | "ppc64" | "ppc64le" | "s390x" | "riscv64" | "loongarch64"
            | "sparc64" | "mips64" | "mips64el" => 3,
            _ => 0,
        };
        Self { time, color }
    }
}

impl<'a> Installed<'a> {
    /// A package that was installed; `digests` are the SHA-256 and the SHA-512 of the whole file, in
    /// hexadecimal.
    pub(super) fn new(package: &'a Package, digests: &[String; 2], now: Circumstances) -> Self {
        let mut added = Vec::new();
        for (tag, name) in TRANSLATED {
            if package.format() >= 6 && tag >= OLD_SIGNATURES {
                continue;
            }
            if let Some((kind, count, values)) = package.signatures.raw(tag) {
                // What old packages have in both headers counts in their own.
                if !package.header.has(name) {
                    added.push(Added {
                        tag: name,
                        kind,
                        count,
                        values: values.to_vec(),
                    });
                }
            }
        }
        let mut add = |tag, kind, count, values| {
            added.push(Added {
                tag,
                kind,
                count,
                values,
            });
        };
        let files = package.header.texts(tags::BASENAMES).count();
        if files > 0 {
            // Each of them is there as it should be.
            add(tags::FILESTATES, Kind::Char, files, vec![0; files]);
        }
        if let Some((kind, count, prefixes)) = package.header.raw(tags::PREFIXES) {
            add(tags::INSTPREFIXES, kind, count, prefixes.to_vec());
        }
        let number = |n: u32| n.to_be_bytes().to_vec();
        add(tags::INSTALLTID, Kind::Int32, 1, number(now.time));
        add(tags::INSTALLTIME, Kind::Int32, 1, number(now.time));
        add(tags::INSTALLCOLOR, Kind::Int32, 1, number(now.color));
        let texts = digests.iter().flat_map(|d| d.bytes().chain([0])).collect();
        add(tags::PACKAGEDIGESTS, Kind::Texts, digests.len(), texts);
        let algorithms = ALGORITHMS.iter().flat_map(|n| n.to_be_bytes()).collect();
        add(
            tags::PACKAGEDIGESTALGOS,
            Kind::Int32,
            ALGORITHMS.len(),
            algorithms,
        );
        added.sort_by_key(|added| added.tag);
        Self {
            header: &package.header,
            added,
        }
    }

    /// The values of a tag, wherever it stands.
    pub(super) fn raw(&self, tag: u32) -> Option<(Kind, usize, &[u8])> {
        let of_added = || {
            let found = self.added.iter().find(|added| added.tag == tag)?;
            Some((found.kind, found.count, &found.values[..]))
        };
        self.header.raw(tag).or_else(of_added)
    }

    /// The package's own header.
    pub(super) fn header(&self) -> &'a Stored {
        self.header
    }

    /// The bytes that stand in the database (`doExport` of rpm 6.1).
    pub(super) fn blob(&self) -> Vec<u8> {
        let (entries, values) = self.header.halves();
        let mut entries = entries.to_vec();
        let mut values = Cow::Borrowed(values);
        for added in &self.added {
            let values = values.to_mut();
            let width = added.kind.width().unwrap_or(1);
            values.resize(values.len().next_multiple_of(width), 0);
            let offset = values.len() as u32;
            for word in [added.tag, added.kind.number(), offset, added.count as u32] {
                entries.extend(word.to_be_bytes());
            }
            values.extend(&added.values);
        }
        let count = (entries.len() / 16) as u32;
        let lengths = [count, values.len() as u32].map(u32::to_be_bytes);
        [&lengths.concat()[..], &entries, &values].concat()
    }
}
