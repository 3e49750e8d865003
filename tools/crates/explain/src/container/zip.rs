//! zip files, and all that are zip files inside: jars, wheels, office documents.
//!
//! What is encrypted, split or compressed otherwise than with deflate is compared as it is stored.

use std::io;

use verbatim_causes::Cause;
use verbatim_formats::zip::{self, Directory, Entry, Layout, DEFLATED};
use verbatim_formats::{Flaw, ReadAt};

use crate::blob::Blob;
use crate::compare::Explainer;
use crate::container::members::{Member, Repeated};
use crate::date;
use crate::report::{lossy, Difference};

/// A member that unpacks to more is compared as it is stored.
const MAX_MEMBER: u64 = 64 << 20;
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
    /// The owner's and the group's number of an extra field 0x7875, if there is one.
    owner: Option<(u64, u64)>,
    /// Identifiers of extra fields, and their bytes but for times and owners.
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

impl Zip {
    /// Read the directory, and unpack what can be unpacked.
    pub(crate) fn read(blob: &Blob) -> io::Result<Self> {
        let blob = &blob.opened()?;
        let layout = Layout::find(blob)?;
        let records = blob.read(layout.directory.clone())?;
        let directory = Directory::read(blob, &layout, &records)?;
        let first = directory.in_file.first();
        let prefix = first.map_or(layout.directory.start, |i| directory.entries[*i].start);
        let mut room = MAX_ALL;
        let members = directory
            .entries
            .iter()
            .map(|entry| member(entry, blob, &mut room))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            members,
            comment: blob.read(layout.comment)?.into_owned(),
            prefix,
        })
    }
}

fn member(entry: &Entry, blob: &Blob, room: &mut u64) -> io::Result<Member<Header>> {
    let mut unix_time = None;
    let mut owner = None;
    let mut extra = Vec::new();
    for (id, range) in zip::fields(entry.extra()) {
        match (id, &entry.extra()[range]) {
            // Lengths and offsets of zip64 are told as such.
            (1, _) => {}
            (0x5455, [_, a, b, c, d, ..]) => {
                unix_time = Some(i32::from_le_bytes([*a, *b, *c, *d]));
                extra.push((id, Vec::new()));
            }
            (0x7875, field) => {
                owner = unix_owner(field);
                let told = owner.is_some();
                extra.push((id, if told { Vec::new() } else { field.to_vec() }));
            }
            (_, field) => extra.push((id, field.to_vec())),
        }
    }
    let stored = blob.part(entry.data, entry.compressed)?;
    let header = Header {
        made_by: entry.made_by(),
        needs: entry.needs(),
        flags: entry.flags(),
        method: entry.method(),
        time: entry.time(),
        date: entry.date(),
        crc: entry.crc(),
        size: entry.uncompressed,
        unix_time,
        owner,
        extra,
        comment: entry.comment().to_vec(),
        external: entry.external(),
        internal: entry.internal(),
        stored: Stored(stored.clone()),
    };
    Ok(Member {
        name: entry.name().to_vec(),
        content: unpacked(entry, blob, room)?.unwrap_or(stored),
        header,
    })
}

/// What Info-ZIP's third field for Unix says: its version, and two numbers, each behind its length.
fn unix_owner(field: &[u8]) -> Option<(u64, u64)> {
    fn number(field: &[u8]) -> Option<(u64, &[u8])> {
        let (&length, rest) = field.split_first()?;
        let (digits, rest) = rest.split_at_checked(length.into())?;
        let mut bytes = [0; 8];
        bytes.get_mut(..digits.len())?.copy_from_slice(digits);
        Some((u64::from_le_bytes(bytes), rest))
    }
    let (uid, rest) = number(field.strip_prefix(&[1])?)?;
    let (gid, rest) = number(rest)?;
    rest.is_empty().then_some((uid, gid))
}

/// The content; `None` where it is compared as it is stored: not compressed, damaged, or too large.
fn unpacked(entry: &Entry, blob: &Blob, room: &mut u64) -> io::Result<Option<Blob>> {
    let readable = entry.method() == DEFLATED && entry.can_be_unpacked(MAX_MEMBER);
    let Some(rest) = room.checked_sub(entry.uncompressed).filter(|_| readable) else {
        return Ok(None);
    };
    *room = rest;
    match entry.content(blob) {
        Ok(content) => Ok(Some(Blob::of(content.into_owned()))),
        Err(Flaw::Malformed { .. }) => Ok(None),
        Err(Flaw::Io(error)) => Err(error),
    }
}

fn tell(node: &mut Difference, left: &Header, right: &Header) {
    let times = ((left.date, left.time), (right.date, right.time));
    node.compare(Cause::Timestamp, "time", times, |(day, time)| {
        date::dos(day, time)
    });
    if let (Some(l), Some(r)) = (left.unix_time, right.unix_time) {
        node.compare(Cause::Timestamp, "extended time", (l, r), |time| {
            date::shown(time.into())
        });
    }
    if let (Some(l), Some(r)) = (left.owner, right.owner) {
        if l != r {
            let shown = |(uid, gid)| format!("{uid}:{gid}");
            node.because(Cause::Owner, "owner", shown(l), shown(r));
        }
    }
    let mode = |header: &Header| header.external >> 16;
    let both_unix = left.made_by >> 8 == 3 && right.made_by >> 8 == 3;
    if both_unix && mode(left) != mode(right) {
        let modes = (mode(left), mode(right));
        node.compare(Cause::Mode, "mode", modes, |mode| format!("{mode:06o}"));
    } else {
        let external = (left.external, right.external);
        node.compare(Cause::ArchiveHeader, "attributes", external, |bits| {
            format!("{bits:#010x}")
        });
    }
    let ids = |extra: &Vec<(u16, Vec<u8>)>| {
        let ids: Vec<_> = extra.iter().map(|(id, _)| format!("{id:#06x}")).collect();
        ids.join(" ")
    };
    let extra = (&left.extra, &right.extra);
    node.compare(Cause::ArchiveHeader, "extra fields", extra, ids);
    let comments = (&left.comment, &right.comment);
    node.compare(Cause::ArchiveHeader, "comment", comments, |text| {
        lossy(text)
    });
    for (what, l, r) in [
        ("made by", left.made_by, right.made_by),
        ("version needed", left.needs, right.needs),
        ("internal attributes", left.internal, right.internal),
        // Two bits only say how strongly deflate tried: that is told with the compression.
        ("flags", left.flags & !6, right.flags & !6),
    ] {
        // The method decides over the version and the flags.
        if left.method == right.method || what == "made by" {
            node.compare(Cause::ArchiveHeader, what, (l, r), |word| {
                format!("{word:#06x}")
            });
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
        let told = node.told();
        self.members(
            node,
            path,
            &left.members,
            &right.members,
            tell,
            Repeated::LastStands,
            depth,
        )?;
        let comments = (&left.comment, &right.comment);
        node.compare(
            Cause::ArchiveHeader,
            "comment of the file",
            comments,
            |text| lossy(text),
        );
        let prefixes = (left.prefix, right.prefix);
        node.compare(
            Cause::ArchiveHeader,
            "bytes before the first member",
            prefixes,
            |n| n.to_string(),
        );
        if node.told() == told {
            node.find(
                Cause::ArchiveHeader,
                "",
                "all members are equal; their local headers or what lies between them differs",
            );
        }
        Ok(())
    }
}
