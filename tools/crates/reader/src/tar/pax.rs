//! The records of PAX extended headers.

use std::collections::{BTreeMap, BTreeSet};

use verbatim_foreign::{excerpt, printable_bytes};

/// What is wrong with a record, and where in the data of the header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadRecord {
    pub(crate) at: usize,
    pub(crate) what: String,
}

/// What extended headers say about one entry, or about all that follow.
///
/// The outer `None` is "nothing was said". An empty value takes back what was said before,
/// also by a global header: that is `Some(None)`.
#[derive(Debug, Default, Clone)]
pub(crate) struct Attributes {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) link: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
    pub(crate) uid: Option<Option<u64>>,
    pub(crate) gid: Option<Option<u64>>,
    pub(crate) mtime: Option<Option<i64>>,
    pub(crate) device: (Option<u32>, Option<u32>),
    pub(crate) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Names as they stand in records of libarchive.
    escaped: BTreeSet<Vec<u8>>,
    pub(crate) sparse: Sparse,
}

/// The three ways in which GNU tar writes sparse files with PAX, and star's.
#[derive(Debug, Default, Clone)]
pub(crate) struct Sparse {
    pub(crate) name: Option<Vec<u8>>,
    pub(crate) real_size: Option<u64>,
    pub(crate) major: Option<u64>,
    pub(crate) minor: Option<u64>,
    /// Versions 0.0 and 0.1: offsets and lengths in turn.
    pub(crate) map: Vec<u64>,
    pub(crate) count: Option<u64>,
    /// Whether GNU tar said anything of this.
    pub(crate) is_used: bool,
}

/// Where the records stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// They are about the next entry.
    Entry,
    /// They are about all entries that follow.
    Global,
}

impl Attributes {
    /// Take in the data of one extended header.
    pub(crate) fn read(&mut self, data: &[u8], scope: Scope) -> Result<(), BadRecord> {
        let mut at = 0;
        while at < data.len() {
            // Some writers fill the rest of the header with zeros.
            if data[at] == 0 && data[at..].iter().all(|&b| b == 0) {
                break;
            }
            let (length, key, value) = record(&data[at..]).map_err(|what| BadRecord {
                at,
                what: what.to_owned(),
            })?;
            self.set(key, value, scope)
                .map_err(|what| BadRecord { at, what })?;
            at += length;
        }
        Ok(())
    }

    /// What it costs to keep the attributes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        /// Of an entry in a map.
        const EACH: usize = 64;
        let xattrs = self.xattrs.iter().map(|(k, v)| k.len() + v.len() + EACH);
        let escaped = self.escaped.iter().map(|k| k.len() + EACH);
        xattrs.chain(escaped).sum()
    }

    fn set(&mut self, key: &[u8], value: &[u8], scope: Scope) -> Result<(), String> {
        // A key can be as long as the header.
        let name = || excerpt(&printable_bytes(key), 100);
        let number = || decimal(value).ok_or_else(|| format!("{} is not a number", name()));
        let text = || {
            if value.contains(&0) {
                return Err(format!("{} holds a zero byte", name()));
            }
            Ok((!value.is_empty()).then(|| value.to_vec()))
        };
        if scope == Scope::Global
            && (matches!(key, b"path" | b"linkpath" | b"size") || key.starts_with(b"GNU.sparse."))
            && !value.is_empty()
        {
            return Err(format!("a global header sets {} for every entry", name()));
        }
        self.sparse.is_used |= key.starts_with(b"GNU.sparse.");
        match key {
            b"path" => self.path = text()?,
            b"linkpath" => self.link = text()?,
            b"size" if value.is_empty() => self.size = None,
            b"size" => self.size = Some(number()?),
            b"uid" if value.is_empty() => self.uid = Some(None),
            b"uid" => self.uid = Some(Some(number()?)),
            b"gid" if value.is_empty() => self.gid = Some(None),
            b"gid" => self.gid = Some(Some(number()?)),
            b"mtime" if value.is_empty() => self.mtime = Some(None),
            b"mtime" => {
                self.mtime = Some(Some(
                    seconds(value).ok_or_else(|| format!("{} is not a time", name()))?,
                ));
            }
            b"hdrcharset" => {
                if !matches!(value, b"" | b"BINARY" | b"ISO-IR 10646 2000 UTF-8") {
                    return Err(format!(
                        "names are in the character set `{}`, but only UTF-8 and BINARY are defined",
                        excerpt(&printable_bytes(value), 100)
                    ));
                }
            }
            b"SCHILY.devmajor" | b"SCHILY.devminor" => {
                let number = u32::try_from(number()?)
                    .map_err(|_| format!("{} is no device number", name()))?;
                if key == b"SCHILY.devmajor" {
                    self.device.0 = Some(number);
                } else {
                    self.device.1 = Some(number);
                }
            }
            b"RHT.security.selinux" => {
                // GNU tar writes the label as text, the attribute ends in a zero byte.
                let mut label = value.to_vec();
                if !label.is_empty() {
                    label.push(0);
                    self.xattrs
                        .entry(b"security.selinux".to_vec())
                        .or_insert(label);
                }
            }
            b"GNU.sparse.name" => self.sparse.name = text()?,
            b"GNU.sparse.size" | b"GNU.sparse.realsize" | b"SCHILY.realsize" => {
                self.sparse.real_size = Some(number()?);
            }
            b"GNU.sparse.major" => self.sparse.major = Some(number()?),
            b"GNU.sparse.minor" => self.sparse.minor = Some(number()?),
            b"GNU.sparse.numblocks" => self.sparse.count = Some(number()?),
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                let is_offset = key == b"GNU.sparse.offset";
                if is_offset != self.sparse.map.len().is_multiple_of(2) {
                    return Err("the offsets and lengths of a sparse file do not alternate".into());
                }
                self.sparse.map.push(number()?);
            }
            b"GNU.sparse.map" => {
                self.sparse.map.clear();
                for field in value.split(|&b| b == b',') {
                    self.sparse
                        .map
                        .push(decimal(field).ok_or_else(|| format!("{} is not a list", name()))?);
                }
            }
            _ => {
                if let Some(xattr) = key.strip_prefix(b"SCHILY.xattr.") {
                    if !self.escaped.contains(xattr) {
                        self.xattrs.insert(unescape(xattr, false), value.to_vec());
                    }
                } else if let Some(xattr) = key.strip_prefix(b"LIBARCHIVE.xattr.") {
                    let value = base64(value).ok_or_else(|| format!("{} is not base64", name()))?;
                    // libarchive writes each attribute in star's way too, but with all of
                    // its own escapes: those are no attributes of their own.
                    self.xattrs.remove(&unescape(xattr, false));
                    self.xattrs.insert(unescape(xattr, true), value);
                    self.escaped.insert(xattr.to_vec());
                }
                // Anything else has no place in a plain entry: names of owners, access
                // times, comments, checksums, what vendors keep for themselves.
            }
        }
        Ok(())
    }
}

/// The first record: its whole length, its key and its value.
fn record(data: &[u8]) -> Result<(usize, &[u8], &[u8]), &'static str> {
    let digits = data
        .iter()
        // 2^64 has twenty digits: more can only be a mistake, and would take long to read.
        .take(20)
        .take_while(|b| b.is_ascii_digit())
        .count();
    if digits == 0 || data.get(digits) != Some(&b' ') {
        return Err("a PAX record does not begin with its length and a space");
    }
    let length = decimal(&data[..digits])
        .and_then(|n| usize::try_from(n).ok())
        .filter(|&n| n <= data.len())
        .ok_or("a PAX record claims to be longer than the header it is in")?;
    // At least the key's end and the line's.
    if length < digits + 3 || data[length - 1] != b'\n' {
        return Err("a PAX record does not end where its length says");
    }
    let body = &data[digits + 1..length - 1];
    let equals = body
        .iter()
        .position(|&b| b == b'=')
        .filter(|&at| at > 0)
        .ok_or("a PAX record has no key")?;
    Ok((length, &body[..equals], &body[equals + 1..]))
}

/// A whole number in decimal digits and nothing else.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, &b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// Whole seconds of a decimal time; a fraction is dropped towards the past, so that
/// neighbouring times stay in order on both sides of 1970.
fn seconds(value: &[u8]) -> Option<i64> {
    let (negative, value) = match value {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut parts = value.splitn(2, |&b| b == b'.');
    let whole = i64::try_from(decimal(parts.next()?)?).ok()?;
    let fraction = parts.next().unwrap_or(b"");
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let some = fraction.iter().any(|&b| b != b'0');
    match (negative, some) {
        (false, _) => Some(whole),
        (true, false) => Some(-whole),
        (true, true) => (-whole).checked_sub(1),
    }
}

/// Names with `%XX`. GNU tar only writes `%3D` and `%25`, as a key cannot hold `=`;
/// other names may hold a percent sign of their own, so it decodes no more than that.
fn unescape(name: &[u8], all: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&first, after)) = rest.split_first() {
        if let (b'%', [high, low, tail @ ..]) = (first, after) {
            let digit = |b: &u8| char::from(*b).to_digit(16);
            if let (Some(high), Some(low)) = (digit(high), digit(low)) {
                let byte = (high * 16 + low) as u8;
                if all || byte == b'=' || byte == b'%' {
                    out.push(byte);
                    rest = tail;
                    continue;
                }
            }
        }
        out.push(first);
        rest = after;
    }
    out
}

/// Base 64, with or without its padding.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = match text {
        [body @ .., b'=', b'='] | [body @ .., b'='] => body,
        body => body,
    };
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.chunks(4) {
        let mut bits = 0u32;
        for &b in group {
            let value = match b {
                b'A'..=b'Z' => b - b'A',
                b'a'..=b'z' => b - b'a' + 26,
                b'0'..=b'9' => b - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        let bytes = match group.len() {
            4 => 3,
            3 => 2,
            2 => 1,
            _ => return None,
        };
        bits <<= 6 * (4 - group.len());
        out.extend_from_slice(&bits.to_be_bytes()[1..=bytes]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &[u8]) -> Result<Attributes, BadRecord> {
        let mut attributes = Attributes::default();
        attributes.read(data, Scope::Entry)?;
        Ok(attributes)
    }

    fn pax(key: &str, value: &[u8]) -> Vec<u8> {
        let mut length = key.len() + value.len() + 3;
        while length.to_string().len() + key.len() + value.len() + 3 != length {
            length = length.to_string().len() + key.len() + value.len() + 3;
        }
        let mut out = format!("{length} {key}=").into_bytes();
        out.extend_from_slice(value);
        out.push(b'\n');
        out
    }

    #[test]
    fn records() {
        let got = read(b"12 path=a/b\n20 uid=1234567890123\n").map(|a| a.path);
        assert!(got.is_err(), "the second length is wrong");
        let got = read(b"12 path=a/b\n21 uid=1234567890123\n").unwrap();
        assert_eq!(got.path.as_deref(), Some(&b"a/b"[..]));
        assert_eq!(got.uid, Some(Some(1_234_567_890_123)));
        let got = read(&pax("path", b"x=\ny")).unwrap();
        assert_eq!(got.path.as_deref(), Some(&b"x=\ny"[..]));
    }

    #[test]
    fn wrong_lengths() {
        for bad in [
            &b"0 a=b\n"[..],
            b"5 a=b\n",
            b"7 a=b\n",
            b"99999999999999999999 a=b\n",
            b"999999999999999999999999 a=b\n",
            b"-6 a=b\n",
            b" 6 a=b\n",
            b"6\ta=b\n",
            b"6 a=bc",
            b"5 =b\n",
            b"6 abc\n",
            b"3 \n",
            b"6",
            b"x",
        ] {
            assert!(read(bad).is_err(), "{:?}", String::from_utf8_lossy(bad));
        }
        assert!(read(b"").is_ok());
        assert!(read(b"6 a=b\n\0\0\0").is_ok());
    }

    #[test]
    fn times() {
        assert_eq!(seconds(b"12"), Some(12));
        assert_eq!(seconds(b"12.999"), Some(12));
        assert_eq!(seconds(b"-1"), Some(-1));
        assert_eq!(seconds(b"-1.5"), Some(-2));
        assert_eq!(seconds(b"-1.000"), Some(-1));
        for bad in [
            &b""[..],
            b".5",
            b"1e3",
            b"1.x",
            b"--1",
            b"9223372036854775808",
        ] {
            assert_eq!(seconds(bad), None);
        }
    }

    #[test]
    fn extended_attributes() {
        let mut data = pax("SCHILY.xattr.user.a%3Db", b"\0\n=");
        data.extend(pax("LIBARCHIVE.xattr.user.%C3%A9", b"AAECAw"));
        data.extend(pax("SCHILY.xattr.user.100%20", b""));
        data.extend(pax("RHT.security.selinux", b"u:r:t:s0"));
        let got = read(&data).unwrap().xattrs;
        assert_eq!(got[&b"user.a=b"[..]], b"\0\n=");
        assert_eq!(got[&b"user.\xc3\xa9"[..]], [0, 1, 2, 3]);
        assert_eq!(got[&b"user.100%20"[..]], b"");
        assert_eq!(got[&b"security.selinux"[..]], b"u:r:t:s0\0");
        for order in [[0, 1], [1, 0]] {
            let both = [
                pax("LIBARCHIVE.xattr.user.%C3%A9", b"AAECAw"),
                pax("SCHILY.xattr.user.%C3%A9", b"\x00\x01\x02\x03"),
            ];
            let got = read(&[&both[order[0]][..], &both[order[1]]].concat()).unwrap();
            assert_eq!(got.xattrs.len(), 1);
            assert_eq!(got.xattrs[&b"user.\xc3\xa9"[..]], [0, 1, 2, 3]);
        }
        assert!(read(&pax("LIBARCHIVE.xattr.a", b"A")).is_err());
        assert!(read(&pax("LIBARCHIVE.xattr.a", b"A!==")).is_err());
    }

    #[test]
    fn character_sets() {
        assert!(read(&pax("hdrcharset", b"BINARY")).is_ok());
        assert!(read(&pax("hdrcharset", b"ISO-IR 10646 2000 UTF-8")).is_ok());
        assert!(read(&pax("hdrcharset", b"ISO-IR 8859 1 1998")).is_err());
    }

    #[test]
    fn a_global_header_may_not_name_entries() {
        for key in ["path", "linkpath", "size", "GNU.sparse.major"] {
            let error = Attributes::default()
                .read(&pax(key, b"1"), Scope::Global)
                .unwrap_err();
            assert!(error.what.contains(key), "{}", error.what);
        }
    }

    #[test]
    fn zero_bytes_in_names() {
        assert!(read(&pax("path", b"a\0b")).is_err());
        assert!(read(&pax("linkpath", b"a\0b")).is_err());
    }
}
