//! zip files, and all that are zip files inside: jars, wheels, office documents.
//!
//! The central directory says what there is (APPNOTE 4.3.12); of local headers only the length
//! matters here. What is encrypted, split or compressed otherwise than with deflate is compared
//! as it is stored.

use std::io::{self, Read};

use verbatim_causes::Cause;
use zlib_rs::{Inflate, InflateFlush, Status};

use crate::blob::Blob;
use crate::compare::Explainer;
use crate::container::members::Member;
use crate::date;
use crate::report::{lossy, Difference};

/// A central directory beyond this is not taken apart; a million entries have half of it.
const MAX_DIRECTORY: u64 = 128 << 20;
/// A member that unpacks to more is compared as it is stored.
const MAX_MEMBER: u64 = 64 << 20;
/// What stands in 32 bits where a zip64 record has the number.
const FULL: u64 = u32::MAX as u64;
/// All members that are unpacked, together.
const MAX_ALL: u64 = 1 << 30;

/// What the central directory says of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    made_by: u16,
    needs: u16,
    flags: u16,
    method: u16,
    time: u16,
    date: u16,
    crc: u32,
    size: u64,
    /// The time of an extra field 0x5455, if there is one.
    unix_time: Option<i32>,
    /// Identifiers of extra fields, and their bytes but for times.
    extra: Vec<(u16, Vec<u8>)>,
    comment: Vec<u8>,
    external: u32,
    internal: u16,
    /// The stored bytes.
    stored: Stored,
}

#[derive(Debug, Clone)]
struct Stored(Blob);

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        matches!(self.0.first_difference(&other.0), Ok(None))
    }
}

impl Eq for Stored {}

/// A zip file, taken apart.
#[derive(Debug)]
pub(crate) struct Zip {
    members: Vec<Member<Header>>,
    comment: Vec<u8>,
    /// Bytes before the first member.
    prefix: u64,
}

fn bad(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// Reads numbers in little-endian order, or says that the record ends.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, n: usize) -> io::Result<&'a [u8]> {
        if self.0.len() < n {
            return Err(bad("a record of the central directory ends too early"));
        }
        let (bytes, rest) = self.0.split_at(n);
        self.0 = rest;
        Ok(bytes)
    }

    fn number(&mut self, n: usize) -> io::Result<u64> {
        Ok(self
            .bytes(n)?
            .iter()
            .rev()
            .fold(0, |value, &b| value << 8 | u64::from(b)))
    }

    fn u16(&mut self) -> io::Result<u16> {
        Ok(self.number(2)? as u16)
    }
}

impl Zip {
    /// Read the central directory.
    pub(crate) fn read(blob: &Blob) -> io::Result<Self> {
        let size = blob.size();
        let tail_at = size.saturating_sub(22 + 65_535 + 20);
        let tail = blob.part(tail_at, u64::MAX)?.load()?;
        let end = tail
            .windows(4)
            .rposition(|four| four == b"PK\x05\x06")
            .ok_or_else(|| bad("it has no end of a central directory"))?;
        let mut fields = Fields(&tail[end + 4..]);
        fields.bytes(6)?;
        let mut count = fields.number(2)?;
        let mut length = fields.number(4)?;
        let mut offset = fields.number(4)?;
        let comment_length = fields.number(2)? as usize;
        let comment = fields.bytes(comment_length)?.to_vec();
        // zip64 (APPNOTE 4.3.14): the true numbers stand in a record of their own.
        if (offset == FULL || count == u64::from(u16::MAX) || length == FULL)
            && end >= 20
            && tail[end - 20..].starts_with(b"PK\x06\x07")
        {
            let at = Fields(&tail[end - 12..]).number(8)?;
            let record = blob.part(at, 56)?.load()?;
            if !record.starts_with(b"PK\x06\x06") {
                return Err(bad("its zip64 record is not where it should be"));
            }
            let mut fields = Fields(&record[32..]);
            count = fields.number(8)?;
            length = fields.number(8)?;
            offset = fields.number(8)?;
        }
        if length > MAX_DIRECTORY {
            return Err(bad(format!(
                "its central directory has more than {MAX_DIRECTORY} bytes"
            )));
        }
        let directory = blob.part(offset, length)?.load()?;
        let mut fields = Fields(&directory);
        let mut members = Vec::new();
        let mut room = MAX_ALL;
        let mut prefix = size;
        for _ in 0..count {
            let (member, at) = member(&mut fields, blob, &mut room)?;
            prefix = prefix.min(at);
            members.push(member);
        }
        Ok(Self {
            members,
            comment,
            prefix,
        })
    }
}

fn member(
    fields: &mut Fields<'_>,
    blob: &Blob,
    room: &mut u64,
) -> io::Result<(Member<Header>, u64)> {
    if fields.bytes(4)? != b"PK\x01\x02" {
        return Err(bad("a record of the central directory has no mark"));
    }
    let made_by = fields.u16()?;
    let needs = fields.u16()?;
    let flags = fields.u16()?;
    let method = fields.u16()?;
    let time = fields.u16()?;
    let date = fields.u16()?;
    let crc = fields.number(4)? as u32;
    let mut stored_size = fields.number(4)?;
    let mut size = fields.number(4)?;
    let name_length = fields.number(2)? as usize;
    let extra_length = fields.number(2)? as usize;
    let comment_length = fields.number(2)? as usize;
    fields.bytes(2)?;
    let internal = fields.u16()?;
    let external = fields.number(4)? as u32;
    let mut offset = fields.number(4)?;
    let name = fields.bytes(name_length)?.to_vec();
    let mut extras = Fields(fields.bytes(extra_length)?);
    let comment = fields.bytes(comment_length)?.to_vec();
    let mut unix_time = None;
    let mut extra = Vec::new();
    while extras.0.len() >= 4 {
        let id = extras.u16()?;
        let length = extras.number(2)? as usize;
        let Ok(data) = extras.bytes(length) else {
            break;
        };
        match (id, data) {
            (1, mut data) => {
                for field in [&mut size, &mut stored_size, &mut offset] {
                    if *field == FULL {
                        *field = Fields(data).number(8)?;
                        data = &data[8..];
                    }
                }
            }
            (0x5455, [_, a, b, c, d, ..]) => {
                unix_time = Some(i32::from_le_bytes([*a, *b, *c, *d]));
                extra.push((id, Vec::new()));
            }
            _ => extra.push((id, data.to_vec())),
        }
    }
    let local = blob.part(offset, 30)?.load()?;
    if local.len() < 30 || !local.starts_with(b"PK\x03\x04") {
        return Err(bad(format!("{} has no local header", lossy(&name))));
    }
    let skip = Fields(&local[26..]).number(2)? + Fields(&local[28..]).number(2)?;
    let stored = blob.part(offset + 30 + skip, stored_size)?;
    let content = unpacked(&stored, method, flags, size, room)?;
    let header = Header {
        made_by,
        needs,
        flags,
        method,
        time,
        date,
        crc,
        size,
        unix_time,
        extra,
        comment,
        external,
        internal,
        stored: Stored(stored),
    };
    Ok((
        Member {
            name,
            content,
            header,
        },
        offset,
    ))
}

/// The content, or the stored bytes where those cannot be unpacked.
fn unpacked(stored: &Blob, method: u16, flags: u16, size: u64, room: &mut u64) -> io::Result<Blob> {
    if method != 8 || flags & 1 != 0 || size > MAX_MEMBER || size > *room {
        return Ok(stored.clone());
    }
    *room -= size;
    let mut inflate = Inflate::new(false, 15);
    let mut reader = stored.reader()?;
    let mut input = vec![0; 64 << 10];
    let mut out = vec![0; size as usize];
    let (mut from, mut to) = (0, 0);
    loop {
        if from == to {
            from = 0;
            to = reader.read(&mut input)?;
        }
        let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
        let written = before_out as usize;
        let status =
            inflate.decompress(&input[from..to], &mut out[written..], InflateFlush::NoFlush);
        from += (inflate.total_in() - before_in) as usize;
        match status {
            Ok(Status::StreamEnd) if inflate.total_out() == size => return Ok(Blob::of(out)),
            Ok(_) if inflate.total_in() > before_in || inflate.total_out() > before_out => {}
            // Damaged, or not of the size that it says: compared as it is.
            _ => return Ok(stored.clone()),
        }
    }
}

fn tell(node: &mut Difference, left: &Header, right: &Header) {
    if (left.date, left.time) != (right.date, right.time) {
        node.because(
            Cause::Timestamp,
            "time",
            date::dos(left.date, left.time),
            date::dos(right.date, right.time),
        );
    }
    if let (Some(l), Some(r)) = (left.unix_time, right.unix_time) {
        if l != r {
            node.because(
                Cause::Timestamp,
                "extended time",
                date::shown(l.into()),
                date::shown(r.into()),
            );
        }
    }
    let mode = |header: &Header| header.external >> 16;
    let both_unix = left.made_by >> 8 == 3 && right.made_by >> 8 == 3;
    if both_unix && mode(left) != mode(right) {
        let (l, r) = (mode(left), mode(right));
        node.because(Cause::Mode, "mode", format!("{l:06o}"), format!("{r:06o}"));
    } else if left.external != right.external {
        node.because(
            Cause::ArchiveHeader,
            "attributes",
            format!("{:#010x}", left.external),
            format!("{:#010x}", right.external),
        );
    }
    let ids = |header: &Header| {
        let ids: Vec<_> = header
            .extra
            .iter()
            .map(|(id, _)| format!("{id:#06x}"))
            .collect();
        ids.join(" ")
    };
    if left.extra != right.extra {
        node.because(Cause::ArchiveHeader, "extra fields", ids(left), ids(right));
    }
    if left.comment != right.comment {
        node.because(
            Cause::ArchiveHeader,
            "comment",
            lossy(&left.comment),
            lossy(&right.comment),
        );
    }
    for (what, l, r) in [
        ("made by", left.made_by, right.made_by),
        ("version needed", left.needs, right.needs),
        ("internal attributes", left.internal, right.internal),
        // Two bits only say how strongly deflate tried: that is told with the compression.
        ("flags", left.flags & !6, right.flags & !6),
    ] {
        // The method decides over the version and the flags.
        if l != r && (left.method == right.method || what == "made by") {
            node.because(
                Cause::ArchiveHeader,
                what,
                format!("{l:#06x}"),
                format!("{r:#06x}"),
            );
        }
    }
    let same_content = (left.crc, left.size) == (right.crc, right.size);
    if same_content && (left.method != right.method || left.stored != right.stored) {
        node.find(
            Cause::Compression,
            "",
            format!(
                "the same content by method {} in {} bytes and by method {} in {}",
                left.method,
                left.stored.0.size(),
                right.method,
                right.stored.0.size()
            ),
        );
    }
}

impl Explainer<'_> {
    /// Two zip files.
    pub(crate) fn zips(
        &mut self,
        node: &mut Difference,
        path: &str,
        left: &Zip,
        right: &Zip,
        depth: u32,
    ) -> io::Result<()> {
        let found = (node.findings.len(), node.children.len());
        self.members(node, path, &left.members, &right.members, tell, depth)?;
        if left.comment != right.comment {
            node.because(
                Cause::ArchiveHeader,
                "comment of the file",
                lossy(&left.comment),
                lossy(&right.comment),
            );
        }
        if left.prefix != right.prefix {
            node.because(
                Cause::ArchiveHeader,
                "bytes before the first member",
                left.prefix.to_string(),
                right.prefix.to_string(),
            );
        }
        if (node.findings.len(), node.children.len()) == found {
            node.find(
                Cause::ArchiveHeader,
                "",
                "all members are equal; their local headers or what lies between them differs",
            );
        }
        Ok(())
    }
}
