//! From one entry to the header of the next, past the headers that are about it: extended ones and long names.

use std::io::Read;

use super::header::{self, Header, BLOCK, BLOCK_U64};
use super::parse::Parsed;
use super::pax::{self, Attributes, Scope};
use super::{padding, Archive, MAKE_PLAIN};
use crate::error::GET_IT_AGAIN;
use crate::{Error, ErrorKind};

/// All that is kept of the long names and extended headers of one entry. Paths end at 4 KiB on Linux, all attributes of a file at some 64 KiB.
const MAX_METADATA: u64 = 1 << 20;

/// All that is kept of global headers. It is copied into every entry that follows, so it
/// must not be large beside an entry.
const MAX_GLOBAL: usize = 64 << 10;

/// What was read ahead of an entry and belongs to it.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    pub(super) begins: Option<u64>,
    pub(super) bytes: u64,
    pub(super) attributes: Attributes,
    pub(super) long_path: Option<Vec<u8>>,
    pub(super) long_link: Option<Vec<u8>>,
}

impl<R: Read> Archive<R> {
    /// The data of a header that is about another one.
    fn metadata(&mut self, header: &Header<'_>, begins: u64, room: u64) -> Result<Vec<u8>, Error> {
        let size = self.size_of(header, begins)?;
        if size > room {
            return Err(self.error(
                ErrorKind::Limit,
                begins,
                format!(
                    "the names and attributes of one entry need more than {MAX_METADATA} bytes"
                ),
                "make the archive again without that entry",
            ));
        }
        let mut data = vec![0; size as usize];
        let mut filled = 0;
        while filled < data.len() {
            match self.input.read(&mut data[filled..]) {
                Ok(0) => return Err(self.ends_inside(begins, size - filled as u64)),
                Ok(n) => filled += n,
                Err(e) => return Err(self.io(e)),
            }
        }
        self.skip(padding(size), begins)?;
        if let Some(headers) = &mut self.headers {
            headers.extend_from_slice(&data);
            headers.resize(headers.len().next_multiple_of(BLOCK), 0);
        }
        Ok(data)
    }

    pub(super) fn size_of(&self, header: &Header<'_>, begins: u64) -> Result<u64, Error> {
        header
            .size()
            .ok()
            .and_then(|size| u64::try_from(size).ok())
            .filter(|&size| i64::try_from(size).is_ok())
            .ok_or_else(|| self.malformed(begins, "the size in the header is not a valid number"))
    }

    /// Go to the next entry and read all that is said about it.
    pub(super) fn find_entry(&mut self) -> Result<Option<Parsed>, Error> {
        let last = std::mem::take(&mut self.content);
        self.skip(last.stored, last.entry)?;
        self.skip_padding(last.padding, last.entry)?;

        let mut ahead = Ahead::default();
        loop {
            let at = self.input.offset();
            let Some(block) = self.block()? else {
                return self.end(&ahead).map(|()| None);
            };
            if header::is_zero(&block) {
                if let Some(begins) = ahead.begins {
                    return Err(self.without_entry(begins));
                }
                self.saw_end_mark = true;
                continue;
            }
            if !header::checksum_matches(&block) {
                return Err(if !self.saw_header {
                    self.not_tar(&block)
                } else if self.saw_end_mark {
                    self.error(
                        ErrorKind::Malformed,
                        at,
                        "something that is not tar follows the end of the archive",
                        "remove it, or make the archive again",
                    )
                } else {
                    self.malformed(at, "the checksum of the header is wrong")
                });
            }
            if self.saw_end_mark {
                // Another archive was appended; what was global ends with its own.
                self.saw_end_mark = false;
                self.global = Attributes::default();
            }
            self.saw_header = true;
            let header = Header::of(&block);
            if let Some(headers) = &mut self.headers {
                // A chain of global headers without an entry has no end of its own.
                if headers.len() > 2 * MAX_METADATA as usize {
                    headers.clear();
                }
                headers.extend_from_slice(&block);
            }
            let begins = *ahead.begins.get_or_insert(at);
            match header.type_flag() {
                b'x' | b'X' => {
                    let data = self.entry_metadata(&header, at, &mut ahead)?;
                    ahead
                        .attributes
                        .read(&data, Scope::Entry)
                        .map_err(|bad| self.bad_record(at, bad))?;
                }
                b'g' => {
                    let data = self.metadata(&header, at, MAX_METADATA)?;
                    self.read_global(at, &data)?;
                    if ahead.bytes == 0 {
                        ahead.begins = None;
                    }
                }
                b'L' => {
                    let data = self.entry_metadata(&header, at, &mut ahead)?;
                    ahead.long_path = Some(up_to_zero(data));
                }
                b'K' => {
                    let data = self.entry_metadata(&header, at, &mut ahead)?;
                    ahead.long_link = Some(up_to_zero(data));
                }
                // A volume label, or an access control list of Solaris, which has no place
                // in a plain entry.
                b'V' | b'A' => {
                    let size = self.size_of(&header, at)?;
                    self.skip(size.saturating_add(padding(size)), at)?;
                    if header.type_flag() == b'V' {
                        ahead = Ahead::default();
                    }
                }
                _ => return self.parse(&header, at, begins, ahead).map(Some),
            }
        }
    }

    /// The archive has no further block.
    fn end(&mut self, ahead: &Ahead) -> Result<(), Error> {
        let offset = self.input.offset();
        if ahead.begins.is_some() {
            return Err(self.error(
                ErrorKind::Truncated,
                offset,
                "the archive ends between a long name or extended header and its entry",
                GET_IT_AGAIN,
            ));
        }
        if self.saw_end_mark || (self.missing_end_is_fine)(self.input.reader()) {
            return Ok(());
        }
        Err(if offset == 0 {
            self.error(
                ErrorKind::Truncated,
                0,
                "the file is empty",
                "name a tar archive",
            )
        } else {
            self.error(
                ErrorKind::Truncated,
                offset,
                "the archive ends without the zero blocks that close it, so it may have been cut \
                 short",
                "fetch or build it again; if its writer leaves them out, compress it as a whole",
            )
        })
    }

    fn without_entry(&self, begins: u64) -> Error {
        self.malformed(begins, "no entry follows the extended header or long name")
    }

    fn bad_record(&self, at: u64, bad: pax::BadRecord) -> Error {
        self.malformed(at + BLOCK_U64 + bad.at as u64, bad.what)
    }

    fn entry_metadata(
        &mut self,
        header: &Header<'_>,
        at: u64,
        ahead: &mut Ahead,
    ) -> Result<Vec<u8>, Error> {
        let data = self.metadata(header, at, MAX_METADATA - ahead.bytes)?;
        // Empty ones count as well, so that the sum also says that there was one.
        ahead.bytes = (ahead.bytes + data.len() as u64 + 1).min(MAX_METADATA);
        Ok(data)
    }

    fn read_global(&mut self, at: u64, data: &[u8]) -> Result<(), Error> {
        let mut global = std::mem::take(&mut self.global);
        global
            .read(data, Scope::Global)
            .map_err(|bad| self.bad_record(at, bad))?;
        if global.weight() > MAX_GLOBAL {
            return Err(self.error(
                ErrorKind::Limit,
                at,
                format!("global headers hold more than {MAX_GLOBAL} bytes of attributes"),
                MAKE_PLAIN,
            ));
        }
        self.global = global;
        Ok(())
    }
}

fn up_to_zero(mut data: Vec<u8>) -> Vec<u8> {
    if let Some(end) = data.iter().position(|&b| b == 0) {
        data.truncate(end);
    }
    data
}
