//! Tar archives as a stream of entries.

mod content;
mod entry;
mod header;
mod parse;
mod pax;
mod sparse;

use std::io::{self, Read, Seek};

use self::content::Content;
pub use self::entry::{Entry, Kind};
use self::header::{Block, Header, BLOCK, BLOCK_U64};
use self::parse::Parsed;
use self::pax::{Attributes, Scope};
use crate::compression::{decompress, Compression, Decompressed};
use crate::error::{DAMAGED, GET_IT_AGAIN};
use crate::input::Input;
use crate::{Error, ErrorKind, Stream};

/// All that is kept of the long names and extended headers of one entry. Paths end at 4 KiB on Linux, all attributes of a file at some 64 KiB.
const MAX_METADATA: u64 = 1 << 20;

/// All that is kept of global headers. It is copied into every entry that follows, so it
/// must not be large beside an entry.
const MAX_GLOBAL: usize = 64 << 10;

/// The zeros that sparse files of one archive may turn into, unless the caller says
/// otherwise: one header of 512 bytes can claim eight exabytes of them.
const MAX_HOLES: u64 = 64 << 30;

/// The fix where an archive says what a plain entry cannot hold.
const MAKE_PLAIN: &str = "make the archive again with `tar --format=pax` from plain files";

/// What was read ahead of an entry and belongs to it.
#[derive(Debug, Default)]
struct Ahead {
    begins: Option<u64>,
    bytes: u64,
    attributes: Attributes,
    long_path: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

/// A reader of tar archives in all their dialects.
///
/// V7, ustar, PAX, GNU and star are told apart header by header, for archives are mixed
/// in practice. Two zero blocks do not end the reading: what follows must be another
/// archive or more zeros, so archives that were joined with `cat` are read whole and
/// nothing hides behind an end mark. Volume labels are passed over, as are records that
/// have no place in a plain entry (names of owners, access times, ACLs, comments).
#[derive(Debug)]
pub struct Archive<R> {
    input: Input<R>,
    content: Content,
    global: Attributes,
    holes_left: u64,
    /// The headers of the entry that is being looked for, if somebody wants them.
    headers: Option<Vec<u8>>,
    missing_end_is_fine: fn(&R) -> bool,
    saw_end_mark: bool,
    saw_header: bool,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Ended,
    Failed,
}

impl<R: Read> Archive<Decompressed<R>> {
    /// Read an archive of any compression.
    ///
    /// An archive that was compressed as a whole may do without the zero blocks at its end,
    /// as some writers leave them out: the compression says where the end is. An archive
    /// without compression, or in several parts, could have been cut short unseen.
    pub fn open(source: R) -> Self {
        let mut archive = Self::new(decompress(source));
        archive.missing_end_is_fine = Decompressed::end_is_vouched_for;
        archive
    }

    /// The same for a file: where it is not compressed, content that nobody reads is
    /// passed over without reading it from the disk.
    pub fn open_file(source: R) -> Self
    where
        R: Seek,
    {
        let mut archive = Self::new(decompress(source).seeking());
        archive.missing_end_is_fine = Decompressed::end_is_vouched_for;
        archive.input.skip_with(Decompressed::skip);
        archive
    }
}

impl<R: Read> Archive<R> {
    /// Read an uncompressed archive. It has a buffer of its own.
    pub fn new(source: R) -> Self {
        Self {
            input: Input::new(source),
            content: Content::default(),
            global: Attributes::default(),
            holes_left: MAX_HOLES,
            headers: None,
            missing_end_is_fine: |_| false,
            saw_end_mark: false,
            saw_header: false,
            state: State::Reading,
        }
    }

    /// Accept archives that end without zero blocks.
    ///
    /// Only where something else says that the archive is whole, a digest for example.
    pub fn accept_missing_end(mut self) -> Self {
        self.missing_end_is_fine = |_| true;
        self
    }

    /// Give out the headers of each entry as they are stored, for whoever compares archives
    /// and not files. They are bounded as all that is kept of one entry.
    pub fn keep_headers(mut self) -> Self {
        self.headers = Some(Vec::new());
        self
    }

    /// The zeros that the holes of sparse files may turn into, over the whole archive
    /// (64 GiB unless set).
    pub fn limit_holes(mut self, bytes: u64) -> Self {
        self.holes_left = bytes;
        self
    }

    /// The next entry, or `None` after the last one.
    ///
    /// After an error nothing more can be read.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_, R>>, Error> {
        match self.state {
            State::Reading => {}
            State::Ended => return Ok(None),
            State::Failed => {
                return Err(self.error(
                    ErrorKind::Malformed,
                    self.input.offset(),
                    "reading cannot go on after an error",
                    DAMAGED,
                ))
            }
        }
        // Whatever goes wrong on the way leaves the archive failed.
        self.state = State::Failed;
        let parsed = self.find_entry()?;
        self.state = if parsed.is_some() {
            State::Reading
        } else {
            State::Ended
        };
        Ok(parsed.map(|parsed| Entry {
            path: parsed.path,
            kind: parsed.kind,
            mode: parsed.mode,
            uid: parsed.uid,
            gid: parsed.gid,
            mtime: parsed.mtime,
            size: parsed.size,
            xattrs: parsed.xattrs,
            offset: parsed.offset,
            headers: self
                .headers
                .as_mut()
                .map(std::mem::take)
                .unwrap_or_default(),
            archive: self,
        }))
    }

    fn error(
        &self,
        kind: ErrorKind,
        offset: u64,
        what: impl Into<std::borrow::Cow<'static, str>>,
        fix: &'static str,
    ) -> Error {
        Error::new(kind, Stream::Archive, offset, what, fix)
    }

    fn malformed(&self, offset: u64, what: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        self.error(ErrorKind::Malformed, offset, what, DAMAGED)
    }

    fn io(&self, error: io::Error) -> Error {
        Error::from_io(error, Stream::Archive, self.input.offset())
    }

    /// One block, or `None` where the archive ends before it.
    fn block(&mut self) -> Result<Option<Block>, Error> {
        let found = match self.input.peek(BLOCK) {
            Ok(found) => found,
            Err(e) => return Err(self.io(e)),
        };
        if let Some(block) = found.first_chunk::<BLOCK>() {
            let block = *block;
            self.input.consume(BLOCK);
            return Ok(Some(block));
        }
        let start = found.to_vec();
        let rest = start.len();
        let zero = start.iter().all(|&b| b == 0);
        if rest == 0 || (zero && self.saw_end_mark) {
            self.input.consume(rest);
            return Ok(None);
        }
        let offset = self.input.offset();
        Err(if self.saw_header {
            self.error(
                ErrorKind::Truncated,
                offset + rest as u64,
                "the archive ends inside a block of 512 bytes",
                GET_IT_AGAIN,
            )
        } else {
            self.not_tar(&start)
        })
    }

    /// The same, where something must follow.
    fn needed_block(&mut self) -> Result<Block, Error> {
        match self.block()? {
            Some(block) => Ok(block),
            None => Err(self.error(
                ErrorKind::Truncated,
                self.input.offset(),
                "the archive ends where a header goes on",
                GET_IT_AGAIN,
            )),
        }
    }

    fn not_tar(&self, start: &[u8]) -> Error {
        let other = match start {
            _ if Compression::of_magic(start) != Compression::None => Some("a compressed file"),
            [b'P', b'K', 3, 4, ..] => Some("a zip file"),
            [b'7', b'z', 0xbc, 0xaf, ..] => Some("a 7z file"),
            [0x1f, 0x9d, ..] => Some("a file of the old `compress`"),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some("an lz4 file"),
            [b'L', b'Z', b'I', b'P', ..] => Some("an lzip file"),
            [0x5d, 0, 0, ..] => Some("an .lzma file"),
            [0x7f, b'E', b'L', b'F', ..] => Some("an ELF program"),
            [b'!', b'<', b'a', b'r', b'c', b'h', ..] => Some("an ar archive"),
            [b'0', b'7', b'0', b'7', b'0', b'1' | b'2' | b'7', ..] => Some("a cpio archive"),
            _ => None,
        };
        let (kind, what) = match other {
            Some(other) => (
                ErrorKind::Malformed,
                format!("this is {other}, not a tar archive"),
            ),
            None if start.len() < BLOCK => (
                ErrorKind::Truncated,
                "this is too short to be a tar archive".to_owned(),
            ),
            None => (ErrorKind::Malformed, "this is not a tar archive".to_owned()),
        };
        self.error(
            kind,
            0,
            what,
            "name a tar archive, plain or compressed with gzip, zstd, xz or bzip2",
        )
    }

    /// Pass over `n` stored bytes of something that begins at `begins`.
    fn skip(&mut self, mut n: u64, begins: u64) -> Result<(), Error> {
        while n > 0 {
            match self.input.skip(n) {
                Ok(0) => return Err(self.ends_inside(begins, n)),
                Ok(step) => n -= step,
                Err(e) => return Err(self.io(e)),
            }
        }
        Ok(())
    }

    /// Pass over what fills the last block of a content. Some writers leave it out at the end of
    /// the archive, with the closing blocks: where those may be missing, it may be as well.
    fn skip_padding(&mut self, mut n: u64, begins: u64) -> Result<(), Error> {
        while n > 0 {
            match self.input.skip(n) {
                Ok(0) if (self.missing_end_is_fine)(self.input.reader()) => return Ok(()),
                Ok(0) => return Err(self.ends_inside(begins, n)),
                Ok(step) => n -= step,
                Err(e) => return Err(self.io(e)),
            }
        }
        Ok(())
    }

    fn ends_inside(&self, begins: u64, missing: u64) -> Error {
        self.error(
            ErrorKind::Truncated,
            self.input.offset(),
            format!(
                "the archive ends inside the entry that begins at byte {begins}, \
                 {missing} bytes of it are missing"
            ),
            GET_IT_AGAIN,
        )
    }

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

    fn size_of(&self, header: &Header<'_>, begins: u64) -> Result<u64, Error> {
        header
            .size()
            .ok()
            .and_then(|size| u64::try_from(size).ok())
            .filter(|&size| i64::try_from(size).is_ok())
            .ok_or_else(|| self.malformed(begins, "the size in the header is not a valid number"))
    }

    /// Go to the next entry and read all that is said about it.
    fn find_entry(&mut self) -> Result<Option<Parsed>, Error> {
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

/// The bytes from `size` up to the next full block.
fn padding(size: u64) -> u64 {
    (BLOCK_U64 - size % BLOCK_U64) % BLOCK_U64
}

fn up_to_zero(mut data: Vec<u8>) -> Vec<u8> {
    if let Some(end) = data.iter().position(|&b| b == 0) {
        data.truncate(end);
    }
    data
}
