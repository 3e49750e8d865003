//! ar archives: packages of Debian and static libraries.

use std::io;

use verbatim_causes::Cause;

use crate::blob::Blob;
use crate::compare::{inside, Explainer};
use crate::container::members::Member;
use crate::date;
use crate::report::Difference;

const MAGIC: u64 = 8;
const HEADER: usize = 60;
/// The table of long names; those of the largest libraries stay far below.
const MAX_NAMES: u64 = 16 << 20;
const MAX_MEMBERS: usize = 1 << 20;

/// What the header of a member says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    mtime: String,
    uid: String,
    gid: String,
    mode: String,
}

fn bad(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// The members in their order.
pub(crate) fn members(blob: &Blob) -> io::Result<Vec<Member<Header>>> {
    let mut members = Vec::new();
    let mut names: Vec<u8> = Vec::new();
    let mut at = MAGIC;
    while at < blob.size() {
        if members.len() == MAX_MEMBERS {
            return Err(bad(format!("it has more than {MAX_MEMBERS} members")));
        }
        let header = blob.part(at, HEADER as u64)?.load()?;
        if header.len() < HEADER || &header[58..60] != b"`\n" {
            return Err(bad(format!("there is no header of a member at byte {at}")));
        }
        let text =
            |from: usize, to: usize| String::from_utf8_lossy(&header[from..to]).trim().to_owned();
        let mut size: u64 = text(48, 58)
            .parse()
            .map_err(|_| bad(format!("the size at byte {at} is no number")))?;
        let mut content = at + HEADER as u64;
        let end = content
            .checked_add(size)
            .filter(|&end| end <= blob.size())
            .ok_or_else(|| bad(format!("the member at byte {at} goes beyond the end")))?;
        let stored = text(0, 16);
        let mut name = stored.clone().into_bytes();
        if let Some(length) = stored.strip_prefix("#1/") {
            // BSD: the name stands before the content.
            let length: u64 = length
                .parse()
                .ok()
                .filter(|&length| length <= size && length <= 4096)
                .ok_or_else(|| bad(format!("the name at byte {at} goes beyond its member")))?;
            name = blob.part(content, length)?.load()?;
            while name.last() == Some(&0) {
                name.pop();
            }
            content += length;
            size -= length;
        } else if stored == "//" && size <= MAX_NAMES {
            names = blob.part(content, size)?.load()?;
        } else if let Some(offset) = stored
            .strip_prefix('/')
            .and_then(|digits| digits.parse::<usize>().ok())
        {
            name = names
                .get(offset..)
                .and_then(|rest| rest.split(|&b| b == b'\n').next())
                .unwrap_or(b"")
                .to_vec();
        }
        if name.len() > 1 && name.last() == Some(&b'/') && name != b"//" {
            name.pop();
        }
        members.push(Member {
            name,
            content: blob.part(content, size)?,
            header: Header {
                mtime: text(16, 28),
                uid: text(28, 34),
                gid: text(34, 40),
                mode: text(40, 48),
            },
        });
        at = end + end % 2;
    }
    Ok(members)
}

/// Indexes of symbols and tables of names follow from the members.
fn follows(name: &[u8]) -> bool {
    name == b"/" || name == b"//" || name == b"/SYM64" || name.starts_with(b"__.SYMDEF")
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
        self.members(node, path, &plain(left), &plain(right), tell, depth)?;
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
