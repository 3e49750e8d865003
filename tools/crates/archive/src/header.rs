//! The one way in which an entry is written: ustar where it fits, else PAX with only the keys that are needed.
//!
//! Nothing is left to choice: no names of owners, no other times, no padding but zeros,
//! so equal entries are equal bytes.

use std::borrow::Cow;

use verbatim_foreign::printable_bytes;

use crate::entry::{Entry, Kind};
use crate::layer::{Body, Placed};
use crate::Error;

/// The unit of a tar archive.
pub(crate) const BLOCK: usize = 512;

const NAME: usize = 100;
const PREFIX: usize = 155;
/// What seven octal digits hold.
const MAX_ID: u64 = 0o777_7777;
/// What eleven octal digits hold: 8 GiB less one byte, or a time in the year 2242.
const MAX_LONG: u64 = 0o777_7777_7777;

/// The fields of one 512-byte header.
struct Fields<'a> {
    name: &'a [u8],
    prefix: &'a [u8],
    mode: u32,
    uid: u64,
    gid: u64,
    size: u64,
    mtime: u64,
    kind: u8,
    link: &'a [u8],
    device: Option<(u32, u32)>,
}

/// Append the headers of an entry to `out`.
pub(crate) fn render(entry: &Placed<'_>, out: &mut Vec<u8>) {
    let attributes = entry.attributes;
    let mut path = entry.path.to_vec();
    let (kind, link, device): (u8, &[u8], _) = match entry.body {
        Body::File { .. } | Body::Whiteout => (b'0', b"", None),
        Body::HardLink(target) | Body::LinkBelow(target) => (b'1', target, None),
        Body::Symlink(target) => (b'2', target, None),
        Body::CharDevice { major, minor } => (b'3', b"", Some((major, minor))),
        Body::BlockDevice { major, minor } => (b'4', b"", Some((major, minor))),
        Body::Directory => {
            path.push(b'/');
            (b'5', b"", None)
        }
        Body::Fifo => (b'6', b"", None),
    };
    let size = entry.body.size();
    let mode = match entry.body {
        // Linux gives every symlink these permissions; what an archive says is never used.
        Body::Symlink(_) => 0o777,
        Body::Whiteout => 0o644,
        _ => attributes.mode & 0o7777,
    };
    // The first name of a file has them for all; a white-out is never there to have some.
    let xattrs = match entry.body {
        Body::HardLink(_) | Body::Whiteout => None,
        _ => attributes.xattrs.as_deref(),
    };

    // Sorted by key, in byte order: capital letters come first.
    let mut records = Vec::new();
    if let Some(xattrs) = xattrs {
        let mut xattrs: Vec<_> = xattrs
            .iter()
            .map(|(name, value)| (escape(name), value))
            .collect();
        xattrs.sort_unstable();
        for (name, value) in xattrs {
            record(&mut records, &[b"SCHILY.xattr.", &name], value);
        }
    }
    let mut number = |key: &[u8], value: u64, max: u64| {
        if value <= max {
            return value;
        }
        record(&mut records, &[key], value.to_string().as_bytes());
        0
    };
    let gid = number(b"gid", attributes.gid, MAX_ID);
    if link.len() > NAME {
        record(&mut records, &[b"linkpath"], link);
    }
    let mtime = match u64::try_from(attributes.mtime) {
        Ok(mtime) if mtime <= MAX_LONG => mtime,
        _ => {
            record(
                &mut records,
                &[b"mtime"],
                attributes.mtime.to_string().as_bytes(),
            );
            0
        }
    };
    let (prefix, name) = match split(&path) {
        Some(parts) => parts,
        None => {
            record(&mut records, &[b"path"], &path);
            (&b""[..], &path[..NAME])
        }
    };
    let mut number = |key: &[u8], value: u64, max: u64| {
        if value <= max {
            return value;
        }
        record(&mut records, &[key], value.to_string().as_bytes());
        0
    };
    let size = number(b"size", size, MAX_LONG);
    let uid = number(b"uid", attributes.uid, MAX_ID);

    if !records.is_empty() {
        block(
            &Fields {
                name: b"././@PaxHeader",
                prefix: b"",
                mode: 0o644,
                uid: 0,
                gid: 0,
                size: records.len() as u64,
                mtime: 0,
                kind: b'x',
                link: b"",
                device: None,
            },
            out,
        );
        out.extend_from_slice(&records);
        pad(out);
    }
    block(
        &Fields {
            name,
            prefix,
            mode,
            uid,
            gid,
            size,
            mtime,
            kind,
            link: &link[..link.len().min(NAME)],
            device,
        },
        out,
    );
}

/// Refuse what neither form can hold.
pub(crate) fn check(entry: &Entry, origin: &str) -> Result<(), Error> {
    for name in entry.attributes.xattrs.iter().flat_map(|x| x.keys()) {
        if name.is_empty() || name.contains(&0) || name.contains(&b'\n') {
            return Err(Error::Invalid(format!(
                "the extended attribute `{}` of {} from {origin} cannot be stored in a tar archive; give it a name without line breaks and zero bytes",
                printable_bytes(name),
                printable_bytes(&entry.path),
            )));
        }
    }
    let (uid, gid) = (entry.attributes.uid, entry.attributes.gid);
    if uid.max(gid) > u32::MAX.into() {
        return Err(Error::Invalid(format!(
            "{} from {origin} has the owner {uid}:{gid}, and no system knows numbers above {}; give it another one with --owner or --set-owner",
            printable_bytes(&entry.path),
            u32::MAX,
        )));
    }
    let link = match &entry.kind {
        Kind::Symlink(link) => &link[..],
        Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor }
            if u64::from(*major.max(minor)) > MAX_ID =>
        {
            return Err(Error::Invalid(format!(
                "the device {} from {origin} has the numbers {major},{minor}, which do not fit into a tar header; leave it out",
                printable_bytes(&entry.path),
            )));
        }
        _ => return Ok(()),
    };
    if link.is_empty() || link.contains(&0) {
        return Err(Error::Invalid(format!(
            "the symlink {} from {origin} has the target `{}`; give it one that is not empty and has no zero byte",
            printable_bytes(&entry.path),
            printable_bytes(link),
        )));
    }
    Ok(())
}

/// The name of an extended attribute as a key, which cannot hold `=`: GNU tar's `%3D`, and `%25` for the percent sign.
fn escape(name: &[u8]) -> Cow<'_, [u8]> {
    if !name.iter().any(|b| matches!(b, b'=' | b'%')) {
        return Cow::Borrowed(name);
    }
    let mut key = Vec::with_capacity(name.len() + 2);
    for &byte in name {
        match byte {
            b'=' => key.extend_from_slice(b"%3D"),
            b'%' => key.extend_from_slice(b"%25"),
            byte => key.push(byte),
        }
    }
    Cow::Owned(key)
}

/// `LENGTH KEY=VALUE\n`, where LENGTH counts itself.
fn record(out: &mut Vec<u8>, key: &[&[u8]], value: &[u8]) {
    let rest = key.iter().map(|part| part.len()).sum::<usize>() + value.len() + " =\n".len();
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    out.extend_from_slice(length.to_string().as_bytes());
    out.push(b' ');
    for part in key {
        out.extend_from_slice(part);
    }
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// A path as ustar stores it, `(prefix, name)`: in the name alone if it fits there, else
/// split at the last slash that the prefix can hold.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= NAME {
        return Some((b"", path));
    }
    if path.len() > PREFIX + 1 + NAME {
        return None;
    }
    // The slash that ends a directory's name is no place to split.
    let end = path.len() - 1;
    let at = path[..end.min(PREFIX + 1)]
        .iter()
        .rposition(|&b| b == b'/')?;
    let (prefix, name) = (&path[..at], &path[at + 1..]);
    (!prefix.is_empty() && name.len() <= NAME).then_some((prefix, name))
}

fn block(fields: &Fields<'_>, out: &mut Vec<u8>) {
    let mut header = [0; BLOCK];
    header[..fields.name.len()].copy_from_slice(fields.name);
    octal(&mut header[100..107], fields.mode.into());
    octal(&mut header[108..115], fields.uid);
    octal(&mut header[116..123], fields.gid);
    octal(&mut header[124..135], fields.size);
    octal(&mut header[136..147], fields.mtime);
    header[156] = fields.kind;
    header[157..157 + fields.link.len()].copy_from_slice(fields.link);
    header[257..265].copy_from_slice(b"ustar\x0000");
    let (major, minor) = fields.device.unwrap_or((0, 0));
    octal(&mut header[329..336], major.into());
    octal(&mut header[337..344], minor.into());
    header[345..345 + fields.prefix.len()].copy_from_slice(fields.prefix);
    header[148..156].fill(b' ');
    let sum: u64 = header.iter().map(|&b| u64::from(b)).sum();
    octal(&mut header[148..154], sum);
    header[154] = 0;
    out.extend_from_slice(&header);
}

fn octal(field: &mut [u8], mut value: u64) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + (value & 7) as u8;
        value >>= 3;
    }
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(BLOCK), 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Attributes, Content, Weight, Xattrs};

    fn entry(path: &str, kind: Kind) -> Entry {
        Entry {
            path: path.as_bytes().into(),
            kind,
            attributes: Attributes {
                mode: 0o755,
                ..Attributes::default()
            },
            origin: 0,
            weight: Weight::Asked,
        }
    }

    fn rendered(entry: &Entry) -> Vec<u8> {
        let mut out = Vec::new();
        render(&Placed::alone(entry), &mut out);
        out
    }

    fn file(size: u64) -> Kind {
        Kind::File {
            size,
            content: Content::Bytes(Box::default()),
        }
    }

    #[test]
    fn a_small_entry_is_plain_ustar() {
        let out = rendered(&entry("usr/bin", Kind::Directory));
        assert_eq!(out.len(), BLOCK);
        assert!(out.starts_with(b"usr/bin/\0"));
        assert_eq!(&out[100..108], b"0000755\0");
        assert_eq!(&out[108..124], b"0000000\x000000000\0");
        assert_eq!(&out[136..148], b"00000000000\0");
        assert_eq!(&out[156..157], b"5");
        assert_eq!(&out[257..265], b"ustar\x0000");
        assert!(out[265..329].iter().all(|&b| b == 0), "no owner's names");
        let field: u32 = out[148..156].iter().map(|&b| u32::from(b)).sum();
        let sum = out.iter().map(|&b| u32::from(b)).sum::<u32>() - field + 8 * 32;
        assert_eq!(&out[148..156], format!("{sum:06o}\0 ").as_bytes());
    }

    #[test]
    fn long_paths_use_the_prefix_and_then_pax() {
        let long = format!("{}/{}", "d".repeat(155), "n".repeat(100));
        let out = rendered(&entry(&long, file(0)));
        assert_eq!(out.len(), BLOCK);
        assert!(out.starts_with("n".repeat(100).as_bytes()));
        assert_eq!(&out[345..500], "d".repeat(155).as_bytes());

        for path in [
            format!("{long}x"),
            "n".repeat(101),
            format!("a/{}", "n".repeat(101)),
        ] {
            let out = rendered(&entry(&path, file(0)));
            assert_eq!(out.len(), 3 * BLOCK, "{path}");
            assert_eq!(out[156], b'x');
            let expected = format!("{} path={path}\n", path.len() + 10);
            assert!(out[BLOCK..].starts_with(expected.as_bytes()));
        }
    }

    #[test]
    fn the_slash_of_a_directory_is_no_place_to_split() {
        let path = format!("{}/{}", "d".repeat(20), "n".repeat(99));
        let out = rendered(&entry(&path, Kind::Directory));
        assert_eq!(out.len(), BLOCK);
        assert!(out.starts_with(format!("{}/", "n".repeat(99)).as_bytes()));
        let out = rendered(&entry(&format!("{path}n"), Kind::Directory));
        assert_eq!(out[156], b'x');
    }

    #[test]
    fn records_are_sorted_and_count_themselves() {
        let mut entry = entry("x", file(8 << 30));
        entry.attributes = Attributes {
            mode: 0o644,
            uid: 0o1000_0000,
            gid: u32::MAX.into(),
            mtime: -1,
            xattrs: Some(Box::new(Xattrs::from([
                (b"user.b".to_vec(), b"2\n\0".to_vec()),
                (b"security.capability".to_vec(), b"1".to_vec()),
            ]))),
        };
        let out = rendered(&entry);
        let expected = b"38 SCHILY.xattr.security.capability=1\n27 SCHILY.xattr.user.b=2\n\0\n\
            18 gid=4294967295\n12 mtime=-1\n19 size=8589934592\n15 uid=2097152\n";
        assert!(
            out[BLOCK..].starts_with(expected),
            "{}",
            printable_bytes(&out[BLOCK..2 * BLOCK])
        );
        let header = &out[2 * BLOCK..];
        assert_eq!(
            &header[108..148],
            b"0000000\x000000000\x0000000000000\x0000000000000\0"
        );
    }

    #[test]
    fn the_length_of_a_record_may_need_another_digit() {
        for length in 80..120 {
            let mut out = Vec::new();
            record(&mut out, &[b"path"], "x".repeat(length).as_bytes());
            let text = String::from_utf8(out.clone()).unwrap();
            let (count, _) = text.split_once(' ').unwrap();
            assert_eq!(count.parse::<usize>().unwrap(), out.len());
        }
    }

    #[test]
    fn links_and_devices() {
        let out = rendered(&entry("a", Kind::Symlink(b"../b".as_slice().into())));
        assert_eq!(&out[100..108], b"0000777\0");
        assert_eq!(&out[156..162], b"2../b\0");
        let out = rendered(&entry("null", Kind::CharDevice { major: 1, minor: 3 }));
        assert_eq!(&out[329..345], b"0000001\x000000003\0");

        let out = rendered(&entry("b", Kind::Link(b"a".as_slice().into())));
        assert_eq!(&out[124..136], b"00000000000\0");
        assert_eq!(&out[156..159], b"1a\0");
    }

    #[test]
    fn a_whiteout_is_an_empty_file_of_one_mode() {
        let mut e = entry("a/.wh.b", Kind::Whiteout);
        e.attributes.xattrs = Some(Box::new(Xattrs::from([(b"user.a".to_vec(), vec![1])])));
        let out = rendered(&e);
        assert_eq!(out.len(), BLOCK);
        assert_eq!(&out[100..108], b"0000644\0");
        assert_eq!(&out[156..157], b"0");
    }

    #[test]
    fn what_cannot_be_stored_is_refused() {
        assert!(check(&entry("a", Kind::Symlink(Box::default())), "//x").is_err());
        let mut e = entry("a", file(0));
        e.attributes.uid = u64::from(u32::MAX) + 1;
        let error = check(&e, "//x").unwrap_err().to_string();
        assert!(
            error.contains("a from //x has the owner 4294967296:0"),
            "{error}"
        );
        e.attributes.uid = u32::MAX.into();
        check(&e, "//x").unwrap();
        e.attributes.xattrs = Some(Box::new(Xattrs::from([(b"user.a\nb".to_vec(), vec![])])));
        assert!(check(&e, "//x").is_err());
    }

    #[test]
    fn names_of_attributes_are_escaped_as_gnu_tar_does() {
        assert_eq!(&*escape(b"user.a=b%c"), b"user.a%3Db%25c");
        assert_eq!(&*escape(b"user.a"), b"user.a");
        let mut e = entry("a", file(0));
        e.attributes.xattrs = Some(Box::new(Xattrs::from([(b"user.a=b".to_vec(), vec![])])));
        check(&e, "//x").unwrap();
    }
}
