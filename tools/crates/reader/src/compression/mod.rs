//! Which compression a file has, and the plain bytes inside.
//!
//! A compressed file is a sequence of parts: gzip members, zstd frames, xz or bzip2
//! streams. All of them are read, as the tools of each format do; what follows the last
//! one may only be zero bytes, which tape and block devices add. Between streams of xz, and
//! of no other format, zeros are padding: any number of four bytes. Anything else is refused
//! with its offset: another reader would ignore it or stumble over it.

mod bzip2;
mod decoder;
mod gzip;
mod members;
mod xz;
mod zstd;

use std::fmt;
use std::io::{self, Read, Seek};

use self::decoder::{Bad, BoxedDecoder};
use self::members::{Look, Members};
use crate::error::{DAMAGED, GET_IT_AGAIN};
use crate::input::{seek_over, Input};
use crate::{Error, ErrorKind, ReadAhead, Stream};

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The .xz format (not the older .lzma).
    Xz,
    /// The .bz2 format.
    Bzip2,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        })
    }
}

/// The longest magic: bzip2's, up to the mark of its first block.
const LONGEST_MAGIC: usize = 10;

impl Compression {
    /// The compression of a file that begins with these bytes; ten are enough.
    pub fn of_magic(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, 0x08, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            // A name in a tar archive may begin with BZh: only with the mark of a block
            // or of the end is it bzip2.
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => {
                Self::Bzip2
            }
            _ => Self::None,
        }
    }
}

/// How many parts without content may follow each other. Each costs its reader far more
/// than its few bytes, and nobody writes more than one or two.
const MAX_EMPTY_PARTS: u32 = 1 << 16;

enum State {
    /// Nothing was read yet.
    Start,
    /// Plain bytes.
    Plain,
    /// Inside a part.
    Part(BoxedDecoder),
    /// Between parts, or after the last one.
    Between(BoxedDecoder),
    /// Between members of a gzip file, some of which were decompressed together.
    Members(BoxedDecoder),
    /// Among zero bytes: so many were passed over. Only where the format has padding may
    /// another part follow.
    Padding(BoxedDecoder, u64),
    /// All was read.
    End,
    /// An error was given; there is nothing to read after it.
    Failed,
}

/// The plain bytes of a file, whatever its compression.
pub struct Decompressed<R> {
    input: Input<R>,
    compression: Compression,
    state: State,
    /// Parts without content, up to here.
    empty_parts: u32,
    /// Whether the part that is being read had content, and how many had before it.
    has_content: bool,
    parts_with_content: u64,
    /// Where the part that is being read, or was read last, begins.
    part_begins: u64,
    threads: usize,
    members: Option<Members>,
}

impl<R> fmt::Debug for Decompressed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressed")
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}

/// Read a file of any compression, which is found by its first bytes.
///
/// Nothing is read before the first call that needs it. The reader has a buffer of its
/// own: give it the file itself.
pub fn decompress<R: Read>(source: R) -> Decompressed<R> {
    Decompressed {
        input: Input::new(source),
        compression: Compression::None,
        state: State::Start,
        empty_parts: 0,
        has_content: false,
        parts_with_content: 0,
        part_begins: 0,
        threads: 0,
        members: None,
    }
}

impl<R: Read> Decompressed<R> {
    /// The compression that was found.
    pub fn compression(&mut self) -> io::Result<Compression> {
        self.start()?;
        Ok(self.compression)
    }

    /// The number of bytes of the source that were used so far; all of them once
    /// reading has come to its end.
    pub fn compressed_bytes(&self) -> u64 {
        self.input.offset()
    }

    /// How many threads may decompress, where the file allows it: that is so for gzip files
    /// of many small members. One, unless set. The bytes are the same for any number.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Decompress on a thread of its own, which pays wherever the bytes are hashed,
    /// compressed or written by the caller.
    ///
    /// Unless [`Decompressed::threads`] says otherwise, up to eight threads decompress where
    /// the file allows it, and never more than there are processors.
    pub fn read_ahead(mut self) -> ReadAhead
    where
        R: Send + 'static,
    {
        if self.threads == 0 {
            self.threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(8));
        }
        ReadAhead::new(self)
    }

    /// Let plain bytes that are not needed be passed over by seeking.
    pub(crate) fn seeking(mut self) -> Self
    where
        R: Seek,
    {
        self.input.skip_with(seek_over);
        self
    }

    /// Pass over up to `n` bytes; 0 only at the end.
    pub(crate) fn skip(&mut self, n: u64) -> io::Result<u64> {
        self.start()?;
        if matches!(self.state, State::Plain) {
            return self.input.skip(n).map_err(|e| self.source_failed(e));
        }
        let mut unused = [0; 32 << 10];
        let room = unused.len().min(usize::try_from(n).unwrap_or(usize::MAX));
        self.read(&mut unused[..room]).map(|n| n as u64)
    }

    /// Whether the file's compression itself says that the file is whole.
    ///
    /// Known once the end was read. A part that was cut short is an error before that; but
    /// of several parts the last ones could be missing, and nothing would show it.
    pub(crate) fn end_is_vouched_for(&self) -> bool {
        self.compression != Compression::None
            && matches!(self.state, State::End)
            && self.parts_with_content <= 1
    }

    fn start(&mut self) -> io::Result<()> {
        if !matches!(self.state, State::Start) {
            return Ok(());
        }
        let start = self
            .input
            .peek(LONGEST_MAGIC)
            .map_err(|e| Error::from_io(e, Stream::Compressed(Compression::None), 0))?;
        self.compression = Compression::of_magic(start);
        let decoder: Result<BoxedDecoder, Bad> = match self.compression {
            Compression::None => {
                self.state = State::Plain;
                return Ok(());
            }
            Compression::Gzip => Ok(Box::new(gzip::Gzip::new())),
            Compression::Zstd => zstd::Zstd::new().map(|d| Box::new(d) as _),
            Compression::Xz => xz::Xz::new().map(|d| Box::new(d) as _),
            Compression::Bzip2 => Ok(Box::new(bzip2::Bzip2::new())),
        };
        match decoder {
            Ok(decoder) => {
                self.state = State::Part(decoder);
                Ok(())
            }
            Err(bad) => Err(self.fail(bad)),
        }
    }

    fn fail(&mut self, bad: Bad) -> io::Error {
        self.state = State::Failed;
        Error::new(
            bad.kind,
            Stream::Compressed(self.compression),
            self.input.offset() + bad.at as u64,
            bad.what,
            bad.fix,
        )
        .into()
    }

    fn source_failed(&self, error: io::Error) -> io::Error {
        // What the source says itself, as to its kind, is left as it is.
        Error::from_io(
            error,
            Stream::Compressed(self.compression),
            self.input.offset(),
        )
        .into()
    }

    /// Whether another part begins here.
    fn next_part(&mut self) -> io::Result<()> {
        let start = match self.input.peek(LONGEST_MAGIC) {
            Ok(start) => start,
            Err(e) => return Err(self.source_failed(e)),
        };
        let empty = start.is_empty();
        let zero = start.first() == Some(&0);
        let State::Between(decoder) = &self.state else {
            return Ok(());
        };
        let begins = decoder.begins(start);
        let State::Between(decoder) = std::mem::replace(&mut self.state, State::End) else {
            return Ok(());
        };
        if empty {
            return Ok(());
        }
        if begins {
            return self.begin_part(decoder);
        }
        if zero {
            self.state = State::Padding(decoder, 0);
            return Ok(());
        }
        Err(self.trailing(0))
    }

    /// Go on with a part that begins here.
    fn begin_part(&mut self, mut decoder: BoxedDecoder) -> io::Result<()> {
        // Until it is clear how to go on, there is no going on.
        self.state = State::Failed;
        if self.empty_parts >= MAX_EMPTY_PARTS {
            return Err(self.fail(Bad {
                kind: ErrorKind::Limit,
                what: format!("the {} data is endless but empty", self.compression),
                fix: "compress the content again",
                at: 0,
            }));
        }
        if self.compression == Compression::Gzip && self.read_members()? {
            self.state = State::Members(decoder);
            return Ok(());
        }
        match decoder.restart() {
            Ok(()) => {
                self.part_begins = self.input.offset();
                self.state = State::Part(decoder);
                Ok(())
            }
            Err(bad) => Err(self.fail(bad)),
        }
    }

    /// Try to decompress some members together, the next of which begins here.
    fn read_members(&mut self) -> io::Result<bool> {
        let members = match &mut self.members {
            Some(members) => members,
            None => {
                // Only where the one before was small it is worth the memory.
                if self.input.offset() - self.part_begins > members::LARGEST as u64 {
                    return Ok(false);
                }
                self.input.grow(members::BUFFER);
                self.members.insert(Members::new(self.threads))
            }
        };
        if !members.pays() {
            return Ok(false);
        }
        let mut look = members.look(self.input.buffered(), false);
        if let Look::More = look {
            look = match self.input.peek(members::BUFFER) {
                Ok(buffer) => members.look(buffer, true),
                Err(e) => return Err(self.source_failed(e)),
            };
        }
        let Look::Found {
            bytes,
            members,
            with_content,
        } = look
        else {
            return Ok(false);
        };
        self.input.consume(bytes);
        self.parts_with_content += u64::from(with_content);
        self.empty_parts = if with_content > 0 {
            0
        } else {
            self.empty_parts + members
        };
        Ok(true)
    }

    fn trailing(&mut self, at: usize) -> io::Error {
        self.fail(Bad {
            kind: ErrorKind::Malformed,
            what: format!("something follows the end of the {} data", self.compression),
            fix: "remove it, or compress the whole content again",
            at,
        })
    }

    /// Pass over zeros, as far as the buffer holds them.
    fn skip_padding(&mut self) -> io::Result<()> {
        let rest = match self.input.fill() {
            Ok(rest) => rest,
            Err(e) => return Err(self.source_failed(e)),
        };
        let ended = rest.is_empty();
        let zeros = rest.iter().position(|&b| b != 0).unwrap_or(rest.len());
        let State::Padding(decoder, passed) = std::mem::replace(&mut self.state, State::End) else {
            return Ok(());
        };
        if ended {
            return match decoder.padding_unit() {
                Some(unit) if !passed.is_multiple_of(unit) => {
                    let what = format!(
                        "{passed} zero bytes stand behind the last {} stream, and only a multiple of {unit} may",
                        self.compression
                    );
                    Err(self.fail(Bad::damaged(0, what)))
                }
                _ => Ok(()),
            };
        }
        let passed = passed + zeros as u64;
        self.input.consume(zeros);
        if zeros > 0 {
            self.state = State::Padding(decoder, passed);
            return Ok(());
        }
        let start = match self.input.peek(LONGEST_MAGIC) {
            Ok(start) => start,
            Err(e) => return Err(self.source_failed(e)),
        };
        match decoder.padding_unit() {
            Some(unit) if decoder.begins(start) => {
                if passed.is_multiple_of(unit) {
                    return self.begin_part(decoder);
                }
                let what = format!(
                    "{passed} zero bytes stand between two {} streams, and only a multiple of {unit} may",
                    self.compression
                );
                Err(self.fail(Bad::damaged(0, what)))
            }
            _ => Err(self.trailing(0)),
        }
    }
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            match &mut self.state {
                State::Start => self.start()?,
                State::Plain => {
                    return match self.input.read(out) {
                        Ok(n) => Ok(n),
                        Err(e) => Err(self.source_failed(e)),
                    }
                }
                State::Part(decoder) => {
                    let input = match self.input.fill() {
                        Ok(input) => input,
                        Err(e) => return Err(self.source_failed(e)),
                    };
                    let ended = input.is_empty();
                    let step = match decoder.step(input, out, ended) {
                        Ok(step) => step,
                        Err(bad) => return Err(self.fail(bad)),
                    };
                    self.input.consume(step.consumed);
                    self.has_content |= step.produced > 0;
                    if step.done {
                        if std::mem::take(&mut self.has_content) {
                            self.empty_parts = 0;
                            self.parts_with_content += 1;
                        } else {
                            self.empty_parts += 1;
                        }
                        self.state = match std::mem::replace(&mut self.state, State::Failed) {
                            State::Part(decoder) => State::Between(decoder),
                            other => other,
                        };
                    } else if step.produced == 0 && step.consumed == 0 {
                        let (kind, what, fix) = if ended {
                            let what = format!("the {} data ends too early", self.compression);
                            (ErrorKind::Truncated, what, GET_IT_AGAIN)
                        } else {
                            let what = format!("the {} data leads nowhere", self.compression);
                            (ErrorKind::Malformed, what, DAMAGED)
                        };
                        return Err(self.fail(Bad {
                            kind,
                            what,
                            fix,
                            at: 0,
                        }));
                    }
                    if step.produced > 0 {
                        return Ok(step.produced);
                    }
                }
                State::Members(_) => {
                    let n = self.members.as_mut().map_or(0, |members| members.read(out));
                    if n > 0 {
                        return Ok(n);
                    }
                    self.state = match std::mem::replace(&mut self.state, State::Failed) {
                        State::Members(decoder) => State::Between(decoder),
                        other => other,
                    };
                }
                State::Between(_) => self.next_part()?,
                State::Padding(..) => self.skip_padding()?,
                State::End => return Ok(0),
                State::Failed => {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "reading cannot go on after an error in the compressed data",
                    ))
                }
            }
        }
    }
}
