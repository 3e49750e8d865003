//! Tar archives as a stream of entries.

mod header;
mod pax;
mod sparse;

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read, Seek};

use self::header::{Block, Header, BLOCK, BLOCK_U64, SPARSE_PAIR};
use self::pax::{Attributes, Scope};
use self::sparse::{Map, Piece};
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

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file; its content can be read from the entry.
    File,
    /// Another name for the file at `target`, a path in the same archive.
    HardLink {
        /// The path as stored.
        target: Vec<u8>,
    },
    /// A symbolic link.
    Symlink {
        /// What it points to, as stored.
        target: Vec<u8>,
    },
    /// A directory.
    Directory,
    /// A character device.
    CharDevice {
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
}

/// One entry; it is also the reader of its content.
///
/// What is not read of the content is passed over when the next entry is asked for.
#[derive(Debug)]
pub struct Entry<'a, R> {
    /// The path, byte for byte as stored: nothing was resolved, cut off or checked,
    /// except that it is not empty and holds no zero byte.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permissions with set-user, set-group and sticky bits: the low twelve bits.
    pub mode: u32,
    /// The owner's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
    /// Seconds since 1970; a fraction is dropped towards the past.
    pub mtime: i64,
    /// The bytes of the content, the holes of a sparse file included; 0 for all but files.
    pub size: u64,
    /// Extended attributes by their full name (`user.comment`).
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Where the first header that belongs to the entry begins in the archive.
    pub offset: u64,
    /// All of its headers byte for byte: long names and extended headers with their data, the
    /// maps of sparse files aside. Empty unless [`Archive::keep_headers`] asks for them.
    pub headers: Vec<u8>,
    archive: &'a mut Archive<R>,
}

/// What is left of the current entry in the archive.
#[derive(Debug, Default)]
struct Content {
    /// Stored bytes that are left.
    stored: u64,
    /// Bytes up to the next block after those.
    padding: u64,
    /// Where the entry begins, for messages.
    entry: u64,
    /// Only for files with holes.
    holes: Option<Holes>,
}

#[derive(Debug)]
struct Holes {
    pieces: std::vec::IntoIter<Piece>,
    piece: Option<Piece>,
    position: u64,
    size: u64,
}

/// What comes next in the content.
enum Region {
    Stored(u64),
    Hole(u64),
}

impl Content {
    fn region(&self) -> Region {
        match &self.holes {
            None => Region::Stored(self.stored),
            Some(holes) => match holes.piece {
                Some(piece) if piece.offset > holes.position => {
                    Region::Hole(piece.offset - holes.position)
                }
                Some(piece) => Region::Stored(piece.offset + piece.length - holes.position),
                None => Region::Hole(holes.size - holes.position),
            },
        }
    }

    /// Go on by `n` bytes inside the region.
    fn advance(&mut self, n: u64) {
        let stored = matches!(self.region(), Region::Stored(_));
        if stored {
            self.stored -= n;
        }
        if let Some(holes) = &mut self.holes {
            holes.position += n;
            if let Some(piece) = holes.piece {
                if holes.position == piece.offset + piece.length {
                    holes.piece = holes.pieces.next();
                }
            }
        }
    }
}

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

    /// Put together the entry whose own header was read.
    fn parse(
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

    /// Read the map of a sparse file and set up its content; gives its real size.
    fn sparse(
        &mut self,
        header: &Header<'_>,
        at: u64,
        attributes: &Attributes,
        stored: u64,
    ) -> Result<u64, Error> {
        let said = &attributes.sparse;
        let mut map = Map::default();
        let size = if header.type_flag() == b'S' && !said.is_used {
            let (pairs, mut more, size) = header.sparse();
            self.sparse_pairs(&mut map, pairs, at)?;
            while more {
                let at = self.input.offset();
                let block = self.needed_block()?;
                let (pairs, another) = header::sparse_extension(&block);
                self.sparse_pairs(&mut map, pairs, at)?;
                more = another;
            }
            match said.real_size {
                Some(size) => Some(size),
                None => size.ok().and_then(|size| u64::try_from(size).ok()),
            }
        } else {
            match (said.major.unwrap_or(0), said.minor.unwrap_or(0)) {
                (0, 0 | 1) => {
                    let pairs = said.map.chunks_exact(2);
                    if !pairs.remainder().is_empty()
                        || said.count.is_some_and(|n| n != pairs.len() as u64)
                    {
                        return Err(self.malformed(at, "the map of a sparse file is incomplete"));
                    }
                    for pair in pairs {
                        map.push(pair[0], pair[1])
                            .map_err(|what| self.malformed(at, what))?;
                    }
                }
                (1, 0) => self.sparse_in_content(&mut map, at)?,
                (major, minor) => {
                    return Err(self.error(
                        ErrorKind::Unsupported,
                        at,
                        format!("version {major}.{minor} of sparse files is unknown"),
                        MAKE_PLAIN,
                    ))
                }
            }
            said.real_size
        };
        let size = size
            .filter(|&size| i64::try_from(size).is_ok())
            .ok_or_else(|| self.malformed(at, "the real size of a sparse file is missing"))?;
        let left = self.content.stored;
        debug_assert!(left <= stored);
        let pieces = map
            .finish(size, left)
            .map_err(|what| self.malformed(at, what))?;
        // The pieces lie inside the file, so what is stored is not more than its size.
        let holes = size - left;
        self.holes_left = self.holes_left.checked_sub(holes).ok_or_else(|| {
            self.error(
                ErrorKind::Limit,
                at,
                format!("sparse files would turn into {holes} more bytes of zeros"),
                "leave such a file out, or raise the limit for holes",
            )
        })?;
        let mut pieces = pieces.into_iter();
        self.content.holes = Some(Holes {
            piece: pieces.next(),
            pieces,
            position: 0,
            size,
        });
        Ok(size)
    }

    fn sparse_pairs(&self, map: &mut Map, pairs: &[u8], at: u64) -> Result<(), Error> {
        for pair in pairs.chunks_exact(SPARSE_PAIR) {
            let (offset, length) = pair.split_at(SPARSE_PAIR / 2);
            // The map ends with the first field that is not used.
            if length[0] == 0 {
                break;
            }
            let number = |field| {
                header::number(field)
                    .ok()
                    .and_then(|n| u64::try_from(n).ok())
                    .ok_or_else(|| {
                        self.malformed(at, "the map of a sparse file holds what is not a number")
                    })
            };
            map.push(number(offset)?, number(length)?)
                .map_err(|what| self.malformed(at, what))?;
        }
        Ok(())
    }

    /// The map that stands before the content, in lines of decimal digits.
    fn sparse_in_content(&mut self, map: &mut Map, at: u64) -> Result<(), Error> {
        let total = self.content.stored;
        let count = self.sparse_line(at)?;
        if count > sparse::MAX_PIECES as u64 {
            return Err(self.error(
                ErrorKind::Limit,
                at,
                "a sparse file has more than a million pieces",
                MAKE_PLAIN,
            ));
        }
        for _ in 0..count {
            let offset = self.sparse_line(at)?;
            let length = self.sparse_line(at)?;
            map.push(offset, length)
                .map_err(|what| self.malformed(at, what))?;
        }
        let rest = padding(total - self.content.stored);
        if rest > self.content.stored {
            return Err(self.malformed(at, "the map of a sparse file is longer than its content"));
        }
        self.content.stored -= rest;
        let entry = self.content.entry;
        self.skip(rest, entry)
    }

    fn sparse_line(&mut self, at: u64) -> Result<u64, Error> {
        let mut value: u64 = 0;
        let mut digits = 0;
        loop {
            if self.content.stored == 0 {
                return Err(
                    self.malformed(at, "the map of a sparse file is longer than its content")
                );
            }
            let found = match self.input.fill() {
                Ok(found) => found.first().copied(),
                Err(e) => return Err(self.io(e)),
            };
            let Some(byte) = found else {
                return Err(self.ends_inside(self.content.entry, self.content.stored));
            };
            self.input.consume(1);
            self.content.stored -= 1;
            let next = match byte {
                b'\n' if digits > 0 => return Ok(value),
                b'0'..=b'9' if digits < 20 => value
                    .checked_mul(10)
                    .and_then(|v| v.checked_add(u64::from(byte - b'0'))),
                _ => None,
            };
            digits += 1;
            value = next.ok_or_else(|| {
                self.malformed(at, "the map of a sparse file holds what is not a number")
            })?;
        }
    }

    fn read_content(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let n = match self.content.region() {
            Region::Stored(0) | Region::Hole(0) => return Ok(0),
            Region::Stored(left) => {
                let room = out.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                match self.input.read(&mut out[..room]) {
                    Ok(0) => return Err(self.cut_short()),
                    Ok(n) => n,
                    Err(e) => return Err(self.failed(e)),
                }
            }
            Region::Hole(left) => {
                let n = out.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                out[..n].fill(0);
                n
            }
        };
        self.content.advance(n as u64);
        Ok(n)
    }

    fn cut_short(&mut self) -> io::Error {
        self.state = State::Failed;
        self.ends_inside(self.content.entry, self.content.stored)
            .into()
    }

    fn failed(&mut self, error: io::Error) -> io::Error {
        self.state = State::Failed;
        self.io(error).into()
    }
}

impl<R: Read> Entry<'_, R> {
    /// Where the content lies in the archive, if it lies there in one piece.
    ///
    /// Counted in the uncompressed archive, from its first byte. Whoever has that archive
    /// as a file can read the content again later, `size` bytes from there. `None` for
    /// files with holes and for all that is no file; ask before reading.
    pub fn content_offset(&self) -> Option<u64> {
        let content = &self.archive.content;
        let whole = content.holes.is_none() && content.stored == self.size;
        (self.kind == Kind::File && whole).then(|| self.archive.input.offset())
    }
}

/// What [`Archive::parse`] puts together for an [`Entry`].
struct Parsed {
    path: Vec<u8>,
    kind: Kind,
    mode: u32,
    uid: u64,
    gid: u64,
    mtime: i64,
    size: u64,
    xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    offset: u64,
}

impl<R: Read> Read for Entry<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.kind != Kind::File {
            return Ok(0);
        }
        self.archive.read_content(out)
    }
}

impl<R: Read> BufRead for Entry<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        static ZEROS: [u8; 32 << 10] = [0; 32 << 10];
        if self.kind != Kind::File {
            return Ok(&[]);
        }
        let archive = &mut *self.archive;
        match archive.content.region() {
            Region::Stored(0) | Region::Hole(0) => Ok(&[]),
            Region::Hole(left) => {
                let n = ZEROS.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                Ok(&ZEROS[..n])
            }
            Region::Stored(left) => {
                if let Err(e) = archive.input.fill() {
                    return Err(archive.failed(e));
                }
                if archive.input.buffered().is_empty() {
                    return Err(archive.cut_short());
                }
                let found = archive.input.buffered();
                let n = found.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                Ok(&found[..n])
            }
        }
    }

    fn consume(&mut self, n: usize) {
        // No more than `fill_buf` gave, whatever the caller believes.
        let archive = &mut *self.archive;
        let n = match archive.content.region() {
            _ if self.kind != Kind::File => return,
            Region::Hole(left) => left.min(n as u64),
            Region::Stored(left) => {
                let n = left.min(n.min(archive.input.buffered().len()) as u64);
                archive.input.consume(n as usize);
                n
            }
        };
        if n > 0 {
            archive.content.advance(n);
        }
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

/// A path for a message: quoted, printable and not endless.
fn shown(path: &[u8]) -> String {
    const MOST: usize = 200;
    let cut = &path[..path.len().min(MOST)];
    let dots = if path.len() > MOST { "…" } else { "" };
    format!("\"{}{dots}\"", cut.escape_ascii())
}
