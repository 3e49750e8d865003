//! White-outs: empty files that take something of a lower layer away.
//!
//! Only their name counts. Yet programs write them as files with any permissions, with content,
//! as symlinks and as hard links to whatever file comes to hand (Docker does where the removed
//! file had several names), even to one of a lower layer. All of these mean the same, so they
//! are the same here.

use verbatim_foreign::printable_bytes;

use crate::entry::Kind;
use crate::Error;

const PREFIX: &[u8] = b".wh.";

/// What is behind the prefix where all that a lower layer has in a directory is removed.
const OPAQUE: &[u8] = b".wh..opq";

/// Whether a device or a named pipe at this path is a white-out: programs write them as any kind
/// of entry.
pub(crate) fn is_at(path: &[u8]) -> bool {
    let name = path.rsplit(|&b| b == b'/').next().unwrap_or(path);
    name.starts_with(PREFIX)
}

/// What an entry of this kind is at this path.
pub(crate) fn kind_at(path: &[u8], kind: Kind, origin: &str) -> Result<Kind, Error> {
    let name = path.rsplit(|&b| b == b'/').next().unwrap_or(path);
    let Some(removed) = name.strip_prefix(PREFIX) else {
        return Ok(kind);
    };
    match removed {
        // Some programs remove the directory itself then, others all that is beside it.
        b"" | b"." | b".." => Err(Error::Path {
            path: printable_bytes(path).into_owned(),
            problem: "is a white-out that names no file, which programs take for different things; remove it",
            origin: origin.to_owned(),
        }),
        // Directories in which AUFS keeps its own things: they remove nothing.
        _ if removed.starts_with(PREFIX)
            && removed != OPAQUE
            && matches!(kind, Kind::Directory) =>
        {
            Ok(kind)
        }
        _ => Ok(Kind::Whiteout),
    }
}
