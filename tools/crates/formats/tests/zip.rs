//! What is a zip archive and what is none, where readers of other projects do not agree.

use verbatim_formats::zip::{Directory, Layout};
use verbatim_formats::Flaw;

/// An archive of stored entries, with all that can be put around it.
#[derive(Default)]
struct Archive<'a> {
    entries: &'a [(&'a str, &'a [u8])],
    /// Bytes in front of it, and whether offsets count them.
    prefix: &'a [u8],
    counted: bool,
    comment: &'a [u8],
    /// What the directory's end says instead of the true number of entries.
    count: Option<u16>,
    /// What follows the last record of the directory.
    signature: &'a [u8],
    zip64: bool,
    /// The second entry says to begin where the first one does.
    twice: bool,
}

impl Archive<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut out = self.prefix.to_vec();
        let base = if self.counted { 0 } else { self.prefix.len() };
        let mut directory = Vec::new();
        for (i, (name, content)) in self.entries.iter().enumerate() {
            let offset = match i {
                1 if self.twice => self.prefix.len() - base,
                _ => out.len() - base,
            };
            let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 33, 0];
            common.extend(libdeflater::crc32(content).to_le_bytes());
            common.extend((content.len() as u32).to_le_bytes());
            common.extend((content.len() as u32).to_le_bytes());
            common.extend((name.len() as u16).to_le_bytes());
            common.extend([0, 0]);
            out.extend(b"PK\x03\x04");
            out.extend(&common);
            out.extend(name.bytes());
            out.extend(*content);
            directory.extend(b"PK\x01\x02\x14\x03");
            directory.extend(&common);
            directory.extend([0; 10]);
            directory.extend((offset as u32).to_le_bytes());
            directory.extend(name.bytes());
        }
        directory.extend(self.signature);
        let at = (out.len() - base) as u64;
        let size = directory.len() as u64;
        out.extend(&directory);
        let count = self.count.unwrap_or(self.entries.len() as u16);
        if self.zip64 {
            let record = (out.len() - base) as u64;
            out.extend(b"PK\x06\x06");
            out.extend(44_u64.to_le_bytes());
            out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            for number in [count.into(), count.into(), size, at] {
                out.extend(number.to_le_bytes());
            }
            out.extend(b"PK\x06\x07\0\0\0\0");
            out.extend(record.to_le_bytes());
            out.extend(1_u32.to_le_bytes());
        }
        out.extend(b"PK\x05\x06\0\0\0\0");
        out.extend(count.to_le_bytes());
        out.extend(count.to_le_bytes());
        out.extend((size as u32).to_le_bytes());
        let at = if self.zip64 { u32::MAX } else { at as u32 };
        out.extend(at.to_le_bytes());
        out.extend((self.comment.len() as u16).to_le_bytes());
        out.extend(self.comment);
        out
    }
}

const TWO: &[(&str, &[u8])] = &[("a", b"one"), ("b", b"two")];

/// Names and contents.
fn read(data: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Flaw> {
    let layout = Layout::find(data)?;
    let records = &data[layout.directory.start as usize..layout.directory.end as usize];
    let directory = Directory::read(data, &layout, records)?;
    let readable = directory
        .entries
        .iter()
        .filter(|e| e.can_be_unpacked(1 << 20));
    let entries = readable.map(|entry| {
        let name = String::from_utf8_lossy(entry.name()).into_owned();
        Ok((name, entry.content(data)?.into_owned()))
    });
    entries.collect()
}

fn flaw(data: &[u8]) -> (u64, String) {
    match read(data) {
        Err(Flaw::Malformed { offset, what }) => (offset, what.into_owned()),
        other => panic!("{other:?}"),
    }
}

fn two() -> Vec<(String, Vec<u8>)> {
    TWO.iter()
        .map(|(name, content)| ((*name).to_owned(), content.to_vec()))
        .collect()
}

#[test]
fn a_comment_that_holds_a_last_record_is_a_comment() {
    // Whoever takes the last mark for the end finds an archive without entries.
    let mut comment = b"see ".to_vec();
    comment.extend(b"PK\x05\x06");
    comment.extend([0; 18]);
    comment.extend(b"...");
    let archive = Archive {
        entries: TWO,
        comment: &comment,
        ..Archive::default()
    };
    let data = archive.bytes();
    assert_eq!(read(&data).unwrap(), two());
    let layout = Layout::find(&data[..]).unwrap();
    assert_eq!(&data[layout.comment.start as usize..], comment);
}

#[test]
fn nothing_follows_the_last_record() {
    let mut data = Archive {
        entries: TWO,
        comment: b"a comment",
        ..Archive::default()
    }
    .bytes();
    assert_eq!(read(&data).unwrap(), two());
    data.push(b'\n');
    assert_eq!(flaw(&data).0, data.len() as u64);
}

#[test]
fn bytes_in_front_may_be_counted_or_not() {
    for zip64 in [false, true] {
        for counted in [false, true] {
            let archive = Archive {
                entries: TWO,
                prefix: b"#!/usr/bin/python3\n",
                counted,
                zip64,
                ..Archive::default()
            };
            let data = archive.bytes();
            assert_eq!(read(&data).unwrap(), two(), "{zip64} {counted}");
            let layout = Layout::find(&data[..]).unwrap();
            assert_eq!(layout.base, if counted { 0 } else { 19 });
        }
    }
}

#[test]
fn what_looks_like_a_locator_may_be_a_name() {
    // The name of the last entry ends the directory: 20 bytes that begin as a locator does.
    let name = "PK\u{6}\u{7}not a locator...";
    assert_eq!(name.len(), 20);
    let entries: &[(&str, &[u8])] = &[(name, b"x")];
    let data = Archive {
        entries,
        ..Archive::default()
    }
    .bytes();
    assert_eq!(read(&data).unwrap()[0].0, name);
}

#[test]
fn a_record_of_zip64_that_is_asked_for_and_absent() {
    let mut data = Archive {
        entries: TWO,
        zip64: true,
        ..Archive::default()
    }
    .bytes();
    assert_eq!(read(&data).unwrap(), two());
    let record = data.len() - 22 - 20 - 56;
    data[record + 3] = 0;
    assert_eq!(flaw(&data).1, "the zip64 record is not before its locator");
}

#[test]
fn the_number_of_entries_is_the_number_of_records() {
    for (count, zip64) in [(1, false), (3, false), (1, true), (3, true)] {
        let archive = Archive {
            entries: TWO,
            count: Some(count),
            zip64,
            ..Archive::default()
        };
        let (_, what) = flaw(&archive.bytes());
        assert_eq!(
            what,
            "the directory has 2 records, and another number is given"
        );
    }
}

#[test]
fn a_directory_holds_records_and_their_signature() {
    let with = |signature| {
        Archive {
            entries: TWO,
            signature,
            ..Archive::default()
        }
        .bytes()
    };
    assert_eq!(read(&with(b"PK\x05\x05\x01\0s")).unwrap(), two());
    let (at, what) = flaw(&with(b"rest"));
    assert_eq!(what, "the directory holds something else than records");
    assert_eq!(&with(b"rest")[at as usize..][..4], b"rest");
}

#[test]
fn entries_share_no_byte() {
    let archive = Archive {
        entries: TWO,
        twice: true,
        ..Archive::default()
    };
    assert_eq!(
        flaw(&archive.bytes()).1,
        "an entry overlaps what follows it"
    );
}

#[test]
fn parts_of_an_archive_are_none() {
    let mut data = Archive {
        entries: TWO,
        ..Archive::default()
    }
    .bytes();
    let end = data.len() - 22;
    data[end + 4] = 1;
    assert_eq!(
        flaw(&data),
        (end as u64 + 4, "it is one part of several".into())
    );
}

#[test]
fn content_is_what_its_checksum_says() {
    let mut data = Archive {
        entries: TWO,
        ..Archive::default()
    }
    .bytes();
    data[31] ^= 1;
    assert_eq!(
        flaw(&data),
        (31, "the checksum of an entry does not fit".into())
    );
}

#[test]
fn archives_that_are_cut_or_changed_anywhere() {
    let data = Archive {
        entries: TWO,
        prefix: b"prefix",
        comment: b"comment",
        zip64: true,
        ..Archive::default()
    }
    .bytes();
    for end in 0..data.len() {
        assert!(read(&data[..end]).is_err(), "{end}");
    }
    for at in 0..data.len() {
        for change in [1, 0x80, 0xff] {
            let mut data = data.clone();
            data[at] ^= change;
            // Some bytes have no meaning; none may lead outside of the file.
            let _ = read(&data);
        }
    }
}
