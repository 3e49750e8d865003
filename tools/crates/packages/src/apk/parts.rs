//! How apk puts archives together (apk-v2(5)): compressed tar archives one after the other, the first
//! of which holds a signature of the bytes of the next.

use std::borrow::Cow;

use verbatim_formats::gzip;
use verbatim_reader::{Archive, Kind};

use crate::{Error, Result};

/// The name of a signature, before the word for its kind.
const SIGNATURE: &[u8] = b".SIGN.";
/// All signatures of a file together.
const LARGEST_SIGNATURES: u64 = 1 << 20;
/// So many keys may have signed.
const MOST_SIGNATURES: usize = 64;

/// A signature as it stands in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    /// `RSA`, `RSA256`, …
    pub(super) kind: String,
    /// The name of the key, by which apk would look for it.
    pub(super) key: String,
    pub(super) bytes: Vec<u8>,
}

/// The first part of a file, and where the next one begins.
#[derive(Debug)]
pub(super) struct Part<'a> {
    /// Its bytes as they are stored: signatures and checksums are of these.
    pub(super) stored: &'a [u8],
    /// A tar archive without its end.
    pub(super) plain: Vec<u8>,
}

/// The part that these bytes begin with.
pub(super) fn first(data: &[u8], limit: u64) -> Result<Part<'_>> {
    let member = gzip::member(data, limit).map_err(|e| Error::refused(e.to_string()))?;
    Ok(Part {
        stored: &data[..member.stored],
        plain: member.content,
    })
}

/// The signatures that a file begins with, and the rest of it; no signatures if it is not signed.
pub(super) fn signatures(data: &[u8], limit: u64) -> Result<(Vec<Signature>, &[u8])> {
    let part = first(data, limit)?;
    if !part.plain.starts_with(SIGNATURE) {
        return Ok((Vec::new(), data));
    }
    let mut found = Vec::new();
    each_file(&part.plain, LARGEST_SIGNATURES, |path, bytes| {
        let rest = path.strip_prefix(SIGNATURE).unwrap_or_default();
        let text = String::from_utf8_lossy(rest).into_owned();
        let (kind, key) = text
            .split_once('.')
            .ok_or_else(|| Error::refused("it begins with something that is no signature"))?;
        if found.len() >= MOST_SIGNATURES {
            return Err(Error::refused("it has more signatures than any file"));
        }
        found.push(Signature {
            kind: kind.to_owned(),
            key: key.to_owned(),
            bytes,
        });
        Ok(())
    })?;
    Ok((found, &data[part.stored.len()..]))
}

/// Give each regular file of a part to `each`, not more than `limit` bytes together. The end of the
/// archive is where its compression says, and what vouches for it is a checksum of the whole.
pub(super) fn each_file(
    plain: &[u8],
    limit: u64,
    mut each: impl FnMut(&[u8], Vec<u8>) -> Result<()>,
) -> Result<()> {
    let refused = |e: Cow<'static, str>| Error::refused(e);
    let mut left = limit;
    let mut archive = Archive::new(plain).accept_missing_end();
    while let Some(mut entry) = archive
        .next_entry()
        .map_err(|e| refused(e.to_string().into()))?
    {
        if entry.kind != Kind::File {
            continue;
        }
        left = left
            .checked_sub(entry.size)
            .ok_or_else(|| refused(format!("it holds more than {limit} bytes").into()))?;
        let path = entry.path.clone();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content)
            .map_err(|e| refused(e.to_string().into()))?;
        each(&path, content)?;
    }
    Ok(())
}
