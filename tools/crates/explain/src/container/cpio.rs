//! Archives of cpio: the first file systems of Linux, and the contents of RPM packages.
//!
//! The number of a file and its device say where it lay on the disk of the machine that built.

use std::io;

use verbatim_causes::Cause;
use verbatim_formats::cpio::{Archive, Field, Fields};
use verbatim_formats::ReadAt;

use crate::blob::Blob;
use crate::compare::{inside, Explainer};
use crate::container::members::{Member, Repeated};
use crate::date;
use crate::report::{lossy, Difference, Kind, Level};

/// What each field says, and why it varies. Sizes and checksums follow from what is told elsewhere.
const MEANING: &[(Field, &str, Cause)] = &[
    (
        Field::Inode,
        "number of the file on its disk",
        Cause::ArchiveHeader,
    ),
    (Field::Mode, "mode", Cause::Mode),
    (Field::Owner, "uid", Cause::Owner),
    (Field::Group, "gid", Cause::Owner),
    (Field::Links, "number of links", Cause::Hardlink),
    (Field::Mtime, "mtime", Cause::Timestamp),
    (
        Field::DiskMajor,
        "major number of the disk",
        Cause::ArchiveHeader,
    ),
    (
        Field::DiskMinor,
        "minor number of the disk",
        Cause::ArchiveHeader,
    ),
    (
        Field::DeviceMajor,
        "major number of the device",
        Cause::SourceChange,
    ),
    (
        Field::DeviceMinor,
        "minor number of the device",
        Cause::SourceChange,
    ),
];
/// Bits of a mode that say of which kind a file is.
const KIND: u32 = 0o170_000;
/// Zeros between two archives that are passed over; the kernel takes any number.
const MOST_ZEROS: u64 = 1 << 20;

/// An archive, taken apart.
#[derive(Debug)]
pub(crate) struct Cpio {
    magic: [u8; 6],
    members: Vec<Member<Fields>>,
    /// Zeros behind the archive.
    zeros: u64,
    /// What follows them.
    rest: Blob,
}

impl Cpio {
    pub(crate) fn read(blob: &Blob) -> io::Result<Self> {
        let blob = &blob.opened()?;
        let archive = Archive::read(blob)?;
        let part = |from: u64, to: u64| blob.part(from, to - from);
        let members = archive.files.into_iter().map(|file| {
            Ok(Member {
                name: file.name,
                content: part(file.content.start, file.content.end)?,
                header: file.fields,
            })
        });
        let behind = blob.size().min(archive.end + MOST_ZEROS);
        let zeros = blob.read(archive.end..behind)?;
        let zeros = zeros.iter().take_while(|byte| **byte == 0).count() as u64;
        Ok(Self {
            magic: archive.magic,
            members: members.collect::<io::Result<_>>()?,
            zeros,
            rest: part(archive.end + zeros, blob.size())?,
        })
    }
}

fn tell(node: &mut Difference, left: &Fields, right: &Fields) {
    for &(field, what, cause) in MEANING {
        let (l, r) = (left.get(field), right.get(field));
        if l == r {
            continue;
        }
        let octal = |bits: u32| format!("{bits:o}");
        match field {
            Field::Mode if l & KIND != r & KIND => {
                node.because(Cause::SourceChange, "kind of file", octal(l), octal(r));
            }
            Field::Mode => node.because(cause, what, octal(l & !KIND), octal(r & !KIND)),
            Field::Mtime => node.because(cause, what, date::shown(l.into()), date::shown(r.into())),
            _ => node.because(cause, what, l.to_string(), r.to_string()),
        }
    }
}

impl Explainer<'_> {
    /// Two archives of cpio.
    pub(crate) fn cpios(
        &mut self,
        node: &mut Difference,
        path: &str,
        left: &Cpio,
        right: &Cpio,
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
        let magics = (left.magic, right.magic);
        node.compare(Cause::ArchiveHeader, "format", magics, |magic| {
            lossy(&magic)
        });
        let zeros = (left.zeros, right.zeros);
        node.compare(
            Cause::ArchiveHeader,
            "zeros behind the archive",
            zeros,
            |n| n.to_string(),
        );
        if left.rest.first_difference(&right.rest)?.is_some() {
            // Another archive, most often a compressed one: the kernel unpacks all of them.
            let own = inside(path, "what follows the archive");
            let mut child = Difference::new(Level::Entry, &own, Kind::Changed);
            let (l, r) = (&left.rest, &right.rest);
            if let Err(e) = self.content(&mut child, &own, b"", l, r, depth + 1) {
                child.not_examined(e);
            }
            node.children.push(child);
        }
        if node.told() == told {
            node.find(
                Cause::ArchiveHeader,
                "",
                "all files are equal; sizes, checksums or what lies between them differs",
            );
        }
        Ok(())
    }
}
