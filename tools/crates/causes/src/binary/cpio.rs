//! Archives of cpio in the new formats (`070701`, `070702`), of which the first file systems of
//! Linux are made: header by header and file by file.
//!
//! The number of a file and its device say where it lay on the disk of the machine that built.

use std::collections::BTreeMap;

use super::seen::Seen;
use crate::{bytes, compare::compare as content, Cause, Comparison, Piece, Side};

/// Bytes of a header: the magic number and thirteen fields of eight hexadecimal digits.
const HEADER: usize = 110;
const FIELDS: usize = 13;
const END: &[u8] = b"TRAILER!!!";
/// Files in one archive that are read.
const MOST: usize = 1 << 20;

/// What each field says, and why it varies. Sizes and checksums follow from what is told elsewhere.
const MEANING: [Option<(&str, Cause)>; FIELDS] = [
    Some(("number of the file on its disk", Cause::ArchiveHeader)),
    Some(("mode", Cause::Mode)),
    Some(("owner", Cause::Owner)),
    Some(("group", Cause::Owner)),
    Some(("number of links", Cause::Hardlink)),
    Some(("mtime", Cause::Timestamp)),
    None,
    Some(("major number of the disk", Cause::ArchiveHeader)),
    Some(("minor number of the disk", Cause::ArchiveHeader)),
    Some(("major number of the device", Cause::SourceChange)),
    Some(("minor number of the device", Cause::SourceChange)),
    None,
    None,
];
const MODE: usize = 1;
const MTIME: usize = 5;
const SIZE: usize = 6;
const NAME_SIZE: usize = 11;
/// Bits of a mode that say of which kind a file is.
const KIND: u32 = 0o170_000;

struct File<'a> {
    name: &'a [u8],
    fields: [u32; FIELDS],
    data: &'a [u8],
}

/// An archive: its files in order, and how many bytes it has.
struct Archive<'a> {
    magic: &'a [u8],
    files: Vec<File<'a>>,
    length: usize,
}

fn is_archive(data: &[u8]) -> bool {
    data.starts_with(b"070701") || data.starts_with(b"070702")
}

impl<'a> Archive<'a> {
    /// Read up to the entry that ends the archive; `None` if there is none.
    fn read(data: &'a [u8]) -> Option<Self> {
        let mut files = Vec::new();
        let mut at = 0;
        let padded = |at: usize| at.next_multiple_of(4);
        while files.len() < MOST {
            let header = data.get(at..at + HEADER)?;
            if !is_archive(header) {
                return None;
            }
            let mut fields = [0; FIELDS];
            for (field, digits) in fields.iter_mut().zip(header[6..].chunks_exact(8)) {
                *field = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
            }
            let name_end = (at + HEADER).checked_add(fields[NAME_SIZE] as usize)?;
            let name = data.get(at + HEADER..name_end)?.strip_suffix(b"\0")?;
            let start = padded(name_end);
            let end = start.checked_add(fields[SIZE] as usize)?;
            if name == END {
                return Some(Archive {
                    magic: &data[..6],
                    files,
                    length: padded(name_end).min(data.len()),
                });
            }
            files.push(File {
                name,
                fields,
                data: data.get(start..end)?,
            });
            at = padded(end);
        }
        None
    }

    /// The files by name, and by number where several have one name.
    fn by_name(&self) -> BTreeMap<(&[u8], usize), &File<'a>> {
        let mut times: BTreeMap<&[u8], usize> = BTreeMap::new();
        let keyed = self.files.iter().map(|file| {
            let n = times.entry(file.name).or_default();
            *n += 1;
            ((file.name, *n), file)
        });
        keyed.collect()
    }
}

/// Compare two archives; `None` if one is none, or damaged.
pub(super) fn compare(left: &[u8], right: &[u8]) -> Option<Comparison> {
    (is_archive(left) && is_archive(right)).then_some(())?;
    let (l, r) = (Archive::read(left)?, Archive::read(right)?);
    let mut seen = Seen::default();
    let shown = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    if l.magic != r.magic {
        let evidence = format!("format {} → {}", shown(l.magic), shown(r.magic));
        seen.add(Cause::ArchiveHeader, "header", evidence);
    }
    let (a, b) = (l.by_name(), r.by_name());
    for (key, file) in &a {
        match b.get(key) {
            Some(other) => files(&mut seen, file, other),
            None => seen.add(
                Cause::RemovedFile,
                shown(key.0),
                format!("a file of {} bytes", file.data.len()),
            ),
        }
    }
    for (key, file) in b.iter().filter(|(key, _)| !a.contains_key(*key)) {
        let evidence = format!("a file of {} bytes", file.data.len());
        seen.add(Cause::AddedFile, shown(key.0), evidence);
    }
    let names = |archive: &Archive<'_>, in_both: &BTreeMap<(&[u8], usize), &File<'_>>| {
        let names = archive.files.iter().map(|file| file.name);
        names
            .filter(|name| in_both.contains_key(&(*name, 1)))
            .map(<[u8]>::to_vec)
            .collect::<Vec<_>>()
    };
    let (x, y) = (names(&l, &b), names(&r, &a));
    if let Some(i) = x.iter().zip(&y).position(|(a, b)| a != b) {
        let evidence = format!("{} here where {} is there", shown(&x[i]), shown(&y[i]));
        seen.add(Cause::FileOrder, format!("file {}", i + 1), evidence);
    }
    let (rest_l, rest_r) = (&left[l.length..], &right[r.length..]);
    if rest_l != rest_r {
        let zeros = |data: &[u8]| data.iter().all(|b| *b == 0);
        if zeros(rest_l) && zeros(rest_r) {
            let evidence = format!("{} → {} zeros at the end", rest_l.len(), rest_r.len());
            seen.add(Cause::ArchiveHeader, "end", evidence);
        } else {
            // Another archive follows, most often a compressed one.
            for finding in bytes::compare(rest_l, rest_r).findings {
                let at = format!("behind the archive, {}", finding.at);
                seen.add(finding.cause, at, finding.evidence);
            }
        }
    }
    if seen.is_empty() {
        let evidence = "all files are equal; sizes, checksums or what lies between them differs";
        seen.add(Cause::ArchiveHeader, "headers", evidence);
    }
    seen.finish("cpio")
}

/// Two files of one name.
fn files(seen: &mut Seen, l: &File<'_>, r: &File<'_>) {
    let name = String::from_utf8_lossy(l.name).into_owned();
    for (i, meaning) in MEANING.iter().enumerate() {
        let (a, b) = (l.fields[i], r.fields[i]);
        let Some((what, cause)) = meaning.filter(|_| a != b) else {
            continue;
        };
        let (cause, evidence) = match i {
            MODE if a & KIND != b & KIND => (
                Cause::SourceChange,
                format!("another kind of file: {a:o} → {b:o}"),
            ),
            MODE => (cause, format!("{what} {:o} → {:o}", a & !KIND, b & !KIND)),
            MTIME => (cause, format!("{what} {a} → {b} seconds since 1970")),
            _ => (cause, format!("{what} {a} → {b}")),
        };
        seen.add(cause, name.clone(), evidence);
    }
    if l.data == r.data {
        return;
    }
    // One archive in another is not entered: they may be nested without end.
    let comparison = if is_archive(l.data) && is_archive(r.data) {
        bytes::compare(l.data, r.data)
    } else {
        content(&name, l.data, r.data)
    };
    for finding in comparison.findings {
        let at = match finding.at.is_empty() {
            true => name.clone(),
            false => format!("{name} at {}", finding.at),
        };
        seen.add(finding.cause, at, finding.evidence);
    }
    for excerpt in comparison.excerpts {
        let at = format!("{name}, {}", excerpt.at);
        match excerpt.piece {
            Piece::Text { left, right } => seen.excerpt(&at, &left, &right, true),
            Piece::Bytes { left, right } => seen.excerpt(&at, &left, &right, false),
            // Ranges of lines are those of the file inside.
            Piece::Lines(lines) => {
                let of = |other: Side| -> String {
                    let lines = lines.iter().filter(|line| line.side != other);
                    lines.map(|line| format!("{}\n", line.text)).collect()
                };
                let (left, right) = (of(Side::Right), of(Side::Left));
                seen.excerpt(&at, left.as_bytes(), right.as_bytes(), true);
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::binary) fn file(name: &str, fields: &[(usize, u32)], data: &str) -> Vec<u8> {
        let mut values = [0u32; FIELDS];
        values[MODE] = 0o100_644;
        values[SIZE] = u32::try_from(data.len()).unwrap();
        values[NAME_SIZE] = u32::try_from(name.len() + 1).unwrap();
        for (field, value) in fields {
            values[*field] = *value;
        }
        let mut bytes = b"070701".to_vec();
        bytes.extend(values.iter().flat_map(|v| format!("{v:08x}").into_bytes()));
        bytes.extend(name.bytes().chain([0]));
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(data.bytes());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    pub(in crate::binary) fn archive(files: &[Vec<u8>]) -> Vec<u8> {
        [&files.concat()[..], &file("TRAILER!!!", &[], "")].concat()
    }

    fn causes(left: &[Vec<u8>], right: &[Vec<u8>]) -> Vec<Cause> {
        let comparison = compare(&archive(left), &archive(right)).unwrap();
        comparison.findings.iter().map(|f| f.cause).collect()
    }

    #[test]
    fn each_field_has_its_cause() {
        let plain = || file("init", &[], "#!/bin/sh\n");
        for (field, value, cause) in [
            (0, 77, Cause::ArchiveHeader),
            (MODE, 0o100_600, Cause::Mode),
            (MODE, 0o120_644, Cause::SourceChange),
            (2, 1000, Cause::Owner),
            (MTIME, 1_700_000_000, Cause::Timestamp),
        ] {
            let other = file("init", &[(field, value)], "#!/bin/sh\n");
            assert_eq!(causes(&[plain()], &[other]), [cause]);
        }
    }

    #[test]
    fn files_are_compared_by_name() {
        let one = |text: &str| file("etc/motd", &[], text);
        let two = file("bin/x", &[], "x");
        assert_eq!(
            causes(&[one("the red door\n")], &[one("the blue door\n")]),
            [Cause::SourceChange]
        );
        assert_eq!(
            causes(&[one("a"), two.clone()], &[two.clone(), one("a")]),
            [Cause::FileOrder]
        );
        assert_eq!(causes(&[one("a")], &[one("a"), two]), [Cause::AddedFile]);
    }

    #[test]
    fn what_is_damaged_is_left_to_others() {
        let whole = archive(&[file("a", &[], "b")]);
        for end in 0..whole.len() - 4 {
            assert!(compare(&whole[..end], &whole).is_none(), "{end}");
        }
        let huge = archive(&[file("a", &[(SIZE, u32::MAX)], "b")]);
        assert!(compare(&huge, &whole).is_none());
    }
}
