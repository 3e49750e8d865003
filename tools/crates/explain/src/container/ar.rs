//! ar archives: packages of Debian and static libraries.

use std::io;

use verbatim_causes::Cause;
use verbatim_formats::ar::{Field, Members};

use crate::blob::Blob;
use crate::compare::{inside, Explainer};
use crate::container::members::{Member, Repeated};
use crate::date;
use crate::report::{lossy, Difference};

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
    if left.mtime != right.mtime {
        let shown = |text: &str| text.parse().map_or(text.to_owned(), date::shown);
        node.because(
            Cause::Timestamp,
            "mtime",
            shown(&left.mtime),
            shown(&right.mtime),
        );
    }
    for (cause, what, l, r) in [
        (Cause::Owner, "uid", &left.uid, &right.uid),
        (Cause::Owner, "gid", &left.gid, &right.gid),
        (mode(left, right), "mode", &left.mode, &right.mode),
    ] {
        if l != r {
            node.because(cause, what, l, r);
        }
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
        let found = (node.findings.len(), node.children.len());
        let plain = |members: &[Member<Header>]| -> Vec<Member<Header>> {
            members
                .iter()
                .filter(|m| !follows(&m.name))
                .cloned()
                .collect()
        };
        self.members(
            node,
            path,
            &plain(left),
            &plain(right),
            tell,
            Repeated::EachCounts,
            depth,
        )?;
        if (node.findings.len(), node.children.len()) != found {
            return Ok(());
        }
        let tables = |members: &[Member<Header>]| -> Vec<Member<Header>> {
            members
                .iter()
                .filter(|m| follows(&m.name))
                .cloned()
                .collect()
        };
        let (l, r) = (tables(left), tables(right));
        for (l, r) in l.iter().zip(&r) {
            if l.header.mtime != r.header.mtime {
                let mut child = Difference::new(
                    crate::report::Level::Entry,
                    inside(path, "the symbol table"),
                    crate::report::Kind::Changed,
                );
                tell(&mut child, &l.header, &r.header);
                node.children.push(child);
            }
        }
        if node.children.len() == found.1 {
            node.find(
                Cause::ArchiveHeader,
                "",
                "members and their headers are equal; the symbol table, the table of names or padding differs",
            );
        }
        Ok(())
    }
}
