//! From a header, and what extended headers and long names said before it, to an entry.

use std::collections::BTreeMap;
use std::io::Read;

use verbatim_foreign::printable_bytes;

use super::content::Content;
use super::find::Ahead;
use super::header::{self, Header, BLOCK};
use super::{padding, Archive, Kind, MAKE_PLAIN};
use crate::{Error, ErrorKind};

/// What [`Archive::parse`] puts together for an [`Entry`].
pub(super) struct Parsed {
    pub(super) path: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) mtime: i64,
    pub(super) size: u64,
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) offset: u64,
}

impl<R: Read> Archive<R> {
    /// Put together the entry whose own header was read.
    pub(super) fn parse(
        &mut self,
        header: &Header<'_>,
        at: u64,
        offset: u64,
        mut ahead: Ahead,
    ) -> Result<Parsed, Error> {
        let attributes = &mut ahead.attributes;
        let flag = header.type_flag();
        let is_sparse = attributes.sparse.is_used || flag == b'S';

        let agreed = |long: Option<Vec<u8>>, pax: Option<Vec<u8>>, which: &str| {
            if let (Some(long), Some(pax)) = (&long, &pax) {
                if long != pax {
                    return Err(self.malformed(
                        offset,
                        format!("the PAX header and the GNU header give two different {which}"),
                    ));
                }
            }
            Ok(pax.or(long))
        };
        let path = match attributes.sparse.name.take() {
            // The other names of such an entry are made up by GNU tar.
            Some(name) if attributes.sparse.is_used => name,
            _ => agreed(ahead.long_path, attributes.path.take(), "paths")?
                .unwrap_or_else(|| header.path()),
        };
        if path.is_empty() {
            return Err(self.malformed(at, "the entry has no path"));
        }
        let bad = |field: &str| {
            self.malformed(
                at,
                format!("the {field} of {} is not a valid number", shown(&path)),
            )
        };
        let id = |own: Option<Option<u64>>, global: Option<Option<u64>>, stored, field| match own
            .or(global)
            .flatten()
        {
            Some(id) => Ok(id),
            None => {
                let stored: Result<i128, _> = stored;
                stored
                    .ok()
                    .and_then(|id| u64::try_from(id).ok())
                    .ok_or_else(|| bad(field))
            }
        };
        let uid = id(attributes.uid, self.global.uid, header.uid(), "owner")?;
        let gid = id(attributes.gid, self.global.gid, header.gid(), "group")?;
        let mtime = match attributes.mtime.or(self.global.mtime).flatten() {
            Some(mtime) => mtime,
            None => header
                .mtime()
                .ok()
                .and_then(|mtime| i64::try_from(mtime).ok())
                .ok_or_else(|| bad("modification time"))?,
        };
        // Only the low bits are permissions; old writers store the file type above them.
        let mode = (header.mode().map_err(|_| bad("mode"))? & 0o7777) as u32;
        let stored = match attributes.size {
            Some(size) if i64::try_from(size).is_ok() => size,
            Some(_) => return Err(bad("size")),
            None => self.size_of(header, at)?,
        };
        let link = match agreed(ahead.long_link, attributes.link.take(), "link targets")? {
            Some(link) => link,
            None => header.link().to_vec(),
        };
        let mut xattrs = std::mem::take(&mut attributes.xattrs);
        for (name, value) in &self.global.xattrs {
            if !xattrs.contains_key(name) {
                xattrs.insert(name.clone(), value.clone());
            }
        }
        let device = || {
            let (major, minor) = header.device().map_err(|_| bad("device number"))?;
            let own = ahead.attributes.device;
            let pick = |own: Option<u32>, stored: i128| match own {
                Some(number) => Ok(number),
                None => u32::try_from(stored).map_err(|_| bad("device number")),
            };
            Ok::<_, Error>((pick(own.0, major)?, pick(own.1, minor)?))
        };

        let mut has_content = false;
        let kind = match flag {
            // Before there was a type for directories, a slash at the end made one.
            b'0' | 0 | b'7' if path.ends_with(b"/") && stored == 0 && !is_sparse => Kind::Directory,
            // Some readers see a directory here and others a file.
            b'0' | 0 | b'7' | b'S' if path.ends_with(b"/") => {
                return Err(self.malformed(
                    at,
                    format!("{} has the path of a directory, but content", shown(&path)),
                ));
            }
            b'0' | 0 | b'7' | b'S' => {
                has_content = true;
                Kind::File
            }
            b'1' => Kind::HardLink { target: link },
            b'2' => Kind::Symlink { target: link },
            b'3' => {
                let (major, minor) = device()?;
                Kind::CharDevice { major, minor }
            }
            b'4' => {
                let (major, minor) = device()?;
                Kind::BlockDevice { major, minor }
            }
            b'5' | b'D' => Kind::Directory,
            b'6' => Kind::Fifo,
            other => {
                let what = match other {
                    b'M' => "the entry continues a file of another volume".to_owned(),
                    b'I' => "the entry holds an inode without content".to_owned(),
                    b'E' => "the entry holds an attribute of Solaris as a file".to_owned(),
                    b'N' => "the entry holds long names in the form of GNU tar 1.11".to_owned(),
                    _ => format!(
                        "the type '{}' of {} is unknown",
                        other.escape_ascii(),
                        shown(&path)
                    ),
                };
                return Err(self.error(ErrorKind::Unsupported, at, what, MAKE_PLAIN));
            }
        };
        match &kind {
            Kind::HardLink { target } | Kind::Symlink { target } if target.is_empty() => {
                return Err(self.malformed(at, format!("the link {} has no target", shown(&path))));
            }
            kind if is_sparse && !has_content => {
                return Err(self.malformed(
                    at,
                    format!("{} is sparse but not a file ({kind:?})", shown(&path)),
                ));
            }
            _ => {}
        }

        self.content = Content {
            stored,
            padding: padding(stored),
            entry: offset,
            holes: None,
        };
        let mut size = stored;
        if is_sparse {
            size = self.sparse(header, at, &ahead.attributes, stored)?;
        } else if !has_content {
            size = 0;
            if stored > 0 && flag != b'D' && !self.content_follows()? {
                self.content = Content::default();
            }
        }
        Ok(Parsed {
            path,
            kind,
            mode,
            uid,
            gid,
            mtime,
            size,
            xattrs,
            offset,
        })
    }

    /// Links, directories and devices have no content, whatever size they give; but PAX
    /// allows hard links with one, and old writers gave directories one. If a header or
    /// the end follows at once, then there is none.
    fn content_follows(&mut self) -> Result<bool, Error> {
        let found = match self.input.peek(BLOCK) {
            Ok(found) => found,
            Err(e) => return Err(self.io(e)),
        };
        Ok(match found.first_chunk::<BLOCK>() {
            Some(block) => !header::is_zero(block) && !header::checksum_matches(block),
            None => !found.is_empty(),
        })
    }
}

/// A path for a message: quoted, printable and not endless.
fn shown(path: &[u8]) -> String {
    const MOST: usize = 200;
    let cut = &path[..path.len().min(MOST)];
    let dots = if path.len() > MOST { "…" } else { "" };
    format!("\"{}{dots}\"", printable_bytes(cut))
}
