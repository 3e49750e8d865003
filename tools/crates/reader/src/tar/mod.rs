//! Tar archives as a stream of entries.

mod content;
mod entry;
mod find;
mod header;
mod parse;
mod pax;
mod sparse;

use std::io::{self, Read, Seek};

use self::content::Content;
pub use self::entry::{Entry, Kind};
use self::header::{Block, BLOCK, BLOCK_U64};
use self::pax::Attributes;
use crate::compression::{decompress, Compression, Decompressed};
use crate::error::{DAMAGED, GET_IT_AGAIN};
use crate::input::Input;
use crate::{Error, ErrorKind, Stream};

/// The zeros that sparse files of one archive may turn into, unless the caller says
/// otherwise: one header of 512 bytes can claim eight exabytes of them.
const MAX_HOLES: u64 = 64 << 30;

/// The fix where an archive says what a plain entry cannot hold.
const MAKE_PLAIN: &str = "make the archive again with `tar --format=pax` from plain files";

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
}

/// The bytes from `size` up to the next full block.
fn padding(size: u64) -> u64 {
    (BLOCK_U64 - size % BLOCK_U64) % BLOCK_U64
}
