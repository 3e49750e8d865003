//! ar archives: packages of Debian and static libraries.

use std::io;

use verbatim_causes::Cause;
use verbatim_formats::ar::{Field, Members};

use crate::blob::Blob;
use crate::compare::{inside, Explainer};
use crate::container::members::{Member, Repeated};
use crate::date;
use crate::report::{lossy, Difference, Kind, Level};

const MAX_MEMBERS: usize = 1 << 20;

/// What the header of a member says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    mtime: String,
    uid: String,
    gid: String,
    mode: String,
}

/// The members in their order.
pub(crate) fn members(blob: &Blob) -> io::Result<Vec<Member<Header>>> {
    let blob = &blob.opened()?;
    let mut found = Vec::new();
    let mut members = Members::of(blob)?;
    while let Some(member) = members.next()? {
        if found.len() == MAX_MEMBERS {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("it has more than {MAX_MEMBERS} members"),
            ));
        }
        let (name, content) = members.name(&member)?;
        let text = |field| lossy(member.field(field).trim_ascii());
        found.push(Member {
            name,
            content: blob.part(content.start, content.end - content.start)?,
            header: Header {
                mtime: text(Field::Date),
                uid: text(Field::Owner),
                gid: text(Field::Group),
                mode: text(Field::Mode),
            },
        });
    }
    Ok(found)
}

/// Indexes of symbols and tables of names follow from the members.
fn follows(name: &[u8]) -> bool {
    name == b"/" || name == b"//" || name == b"/SYM64/" || name.starts_with(b"__.SYMDEF")
}

/// Permissions, or only whether the kind of the file stands in front of them: `644` and `100644`.
fn mode(left: &Header, right: &Header) -> Cause {
    let permissions = |header: &Header| Some(u32::from_str_radix(&header.mode, 8).ok()? & 0o7777);
    match (permissions(left), permissions(right)) {
        (Some(l), Some(r)) if l == r => Cause::ArchiveHeader,
        _ => Cause::Mode,
    }
}

fn tell(node: &mut Difference, left: &Header, right: &Header) {
    let times = (&left.mtime, &right.mtime);
    node.compare(Cause::Timestamp, "mtime", times, |text| {
        text.parse().map_or(text.clone(), date::shown)
    });
    for (cause, what, l, r) in [
        (Cause::Owner, "uid", &left.uid, &right.uid),
        (Cause::Owner, "gid", &left.gid, &right.gid),
        (mode(left, right), "mode", &left.mode, &right.mode),
    ] {
        node.compare(cause, what, (l, r), |text| text);
    }
}

impl Explainer<'_> {
    /// Two ar archives.
    pub(crate) fn ars(
        &mut self,
        node: &mut Difference,
        path: &str,
        left: &[Member<Header>],
        right: &[Member<Header>],
        depth: u32,
    ) -> io::Result<()> {
        let told = node.told();
        let split = |members: &[Member<Header>]| -> (Vec<_>, Vec<_>) {
            members.iter().cloned().partition(|m| follows(&m.name))
        };
        let ((left_tables, left), (right_tables, right)) = (split(left), split(right));
        self.members(node, path, &left, &right, tell, Repeated::EachCounts, depth)?;
        if node.told() != told {
            return Ok(());
        }
        for (l, r) in left_tables.iter().zip(&right_tables) {
            if l.header.mtime != r.header.mtime {
                let mut child = Difference::new(
                    Level::Entry,
                    inside(path, "the symbol table"),
                    Kind::Changed,
                );
                tell(&mut child, &l.header, &r.header);
                node.children.push(child);
            }
        }
        if node.told() == told {
            node.find(
                Cause::ArchiveHeader,
                "",
                "members and their headers are equal; the symbol table, the table of names or padding differs",
            );
        }
        Ok(())
    }
}
