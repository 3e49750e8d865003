//! The newer form of apk's files, ADB: a document of typed values, signatures of it, and in packages
//! the contents of files (apk-v3(5) and `adb.h` of apk-tools 3).
//!
//! All numbers are little-endian, and all places are counted from the beginning of the document.
//! Nothing is read that does not lie in it, and nothing twice: an object is as large as what is
//! said of it, and the depth of values follows from who reads them.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256, Sha512};
use verbatim_digest::hex;
use verbatim_formats::inflate::Inflating;
use verbatim_signature::RsaHash;

use super::keys::Keys;
use super::parts::Signature;
use crate::{Error, Result};

/// What every such file begins with; the next byte says how the rest is compressed.
pub(super) const MAGIC: &[u8] = b"ADB";
/// What is signed is this much of a signature, and what its digest is of.
const SIGNED: usize = 18;
/// Signatures of a document; apk makes one for each key.
const MOST_SIGNATURES: usize = 64;
/// Entries of an array or fields of an object: the largest index of Alpine has some ten thousand.
const MOST_SLOTS: usize = 1 << 20;
/// The longest block of which only the length is known.
const ALIGNMENT: u64 = 8;

/// What a document is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    Index,
    Package,
}

impl Schema {
    fn word(self) -> &'static [u8; 4] {
        match self {
            Self::Index => b"indx",
            Self::Package => b"pckg",
        }
    }
}

/// A document with its signatures, whose contents follow.
pub(super) struct Opened<R> {
    pub(super) document: Document,
    signatures: Vec<Vec<u8>>,
    schema: Schema,
    rest: Plain<R>,
    /// A block of which the header was read already.
    next: Option<(u32, u64)>,
}

fn refused(what: &str) -> Error {
    Error::refused(what.to_owned())
}

fn broken(e: io::Error) -> Error {
    Error::refused(format!("it cannot be unpacked: {e}"))
}

impl<R: Read> Opened<R> {
    /// Read the document of a file, which must not have more than `limit` bytes.
    pub(super) fn read(source: R, schema: Schema, limit: u64) -> Result<Self> {
        let mut rest = Plain::open(source)?;
        let mut word = [0; 4];
        rest.read_exact(&mut word).map_err(broken)?;
        if word != *schema.word() {
            return Err(refused("it is another kind of document than was expected"));
        }
        let mut opened = Self {
            document: Document(Vec::new()),
            signatures: Vec::new(),
            schema,
            rest,
            next: None,
        };
        let Some((ADB, size)) = opened.block()? else {
            return Err(refused("it does not begin with a document"));
        };
        opened.document = Document(opened.content(size, limit)?);
        // A version that must be known to be read, another one, and two unused bytes.
        if opened.document.0.first() != Some(&0) {
            return Err(refused("its document is of a form that is not known here"));
        }
        loop {
            match opened.block()? {
                Some((SIGNATURE, size)) if opened.signatures.len() < MOST_SIGNATURES => {
                    let signature = opened.content(size, 4096)?;
                    opened.signatures.push(signature);
                }
                Some((SIGNATURE, _)) => {
                    return Err(refused("it has more signatures than any file"))
                }
                other => {
                    opened.next = other;
                    return Ok(opened);
                }
            }
        }
    }

    /// Whether one of these keys signed the document.
    pub(super) fn check(&self, keys: &Keys) -> Result<()> {
        if self.signatures.is_empty() {
            return Err(refused(
                "it is not signed; sign it with `apk adbsign`, or say `unsigned = true`",
            ));
        }
        let digest = Sha512::digest(&self.document.0);
        for signature in &self.signatures {
            let Some((head, bytes)) = signature.split_at_checked(SIGNED) else {
                continue;
            };
            // Version 0, and SHA-512.
            if head[..2] != [0, 4] {
                continue;
            }
            let message = [self.schema.word(), head, &digest[..]].concat();
            if keys.made(RsaHash::Sha512, &message, bytes) {
                return Ok(());
            }
        }
        let names: Vec<Signature> = self.signatures.iter().map(|one| named(one)).collect();
        Err(keys.none_of(&names))
    }

    /// The digest of the document, by which an index knows a package.
    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.document.0).into()
    }

    /// The content of the next file: its place among the folders and the files of a folder, both
    /// from 1 on, and its bytes, all of which must be read.
    pub(super) fn next_content(&mut self) -> Result<Option<Content<'_, R>>> {
        let block = match self.next.take() {
            Some(block) => Some(block),
            None => self.block()?,
        };
        let Some((DATA, size)) = block else {
            return match block {
                None => Ok(None),
                Some(_) => Err(refused(
                    "something other than a file stands where files are",
                )),
            };
        };
        let mut head = [0; 8];
        let length = size
            .checked_sub(head.len() as u64)
            .ok_or_else(|| refused("a block of it is too short"))?;
        self.rest.read_exact(&mut head).map_err(broken)?;
        let number =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        Ok(Some(Content {
            folder: number(0) as usize,
            file: number(4) as usize,
            size: length,
            left: length,
            padding: padding(size),
            source: &mut self.rest,
        }))
    }

    /// The kind and the size of the next block; none at the end.
    fn block(&mut self) -> Result<Option<(u32, u64)>> {
        let mut word = [0; 4];
        match self.rest.read(&mut word[..1]).map_err(broken)? {
            0 => return Ok(None),
            _ => self.rest.read_exact(&mut word[1..]).map_err(broken)?,
        }
        let word = u32::from_le_bytes(word);
        let (kind, small) = (word >> 30, word & 0x3fff_ffff);
        let short = || refused("a block of it is too short");
        if kind != EXTENDED {
            let size = u64::from(small).checked_sub(4).ok_or_else(short)?;
            return Ok(Some((kind, size)));
        }
        let mut more = [0; 12];
        self.rest.read_exact(&mut more).map_err(broken)?;
        let size = more[4..]
            .iter()
            .rev()
            .fold(0u64, |n, b| (n << 8) | u64::from(*b));
        Ok(Some((small, size.checked_sub(16).ok_or_else(short)?)))
    }

    /// All of a block.
    fn content(&mut self, size: u64, limit: u64) -> Result<Vec<u8>> {
        if size > limit {
            return Err(Error::refused(format!("it holds more than {limit} bytes")));
        }
        let mut data = Vec::new();
        let read = (&mut self.rest).take(size).read_to_end(&mut data);
        if read.map_err(broken)? as u64 != size {
            return Err(refused("it ends early"));
        }
        skip(&mut self.rest, padding(size))?;
        Ok(data)
    }
}

const ADB: u32 = 0;
const SIGNATURE: u32 = 1;
const DATA: u32 = 2;
const EXTENDED: u32 = 3;

/// Bytes between a block with so much in it and the next one. The headers of blocks are of 4 and of
/// 16 bytes, and those of 16 change nothing.
fn padding(size: u64) -> u64 {
    let whole = match size > 0x3fff_ffff - 4 {
        true => size,
        false => size + 4,
    };
    whole.next_multiple_of(ALIGNMENT) - whole
}

fn skip(source: &mut impl Read, bytes: u64) -> Result<()> {
    let skipped = io::copy(&mut source.take(bytes), &mut io::sink()).map_err(broken)?;
    match skipped == bytes {
        true => Ok(()),
        false => Err(refused("it ends early")),
    }
}

/// What a signature says of itself, for people.
fn named(signature: &[u8]) -> Signature {
    let id = signature.get(2..SIGNED).unwrap_or_default();
    Signature {
        kind: "v0".to_owned(),
        key: hex(id),
        bytes: Vec::new(),
    }
}

/// The content of a file.
pub(super) struct Content<'a, R> {
    pub(super) folder: usize,
    pub(super) file: usize,
    pub(super) size: u64,
    left: u64,
    padding: u64,
    source: &'a mut Plain<R>,
}

impl<R: Read> Content<'_, R> {
    /// Go on to the next one.
    pub(super) fn finish(self) -> Result<()> {
        skip(self.source, self.left + self.padding)
    }
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |n| n.min(buffer.len()));
        let n = self.source.read(&mut buffer[..most])?;
        if n == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= n as u64;
        Ok(n)
    }
}

/// A file without its compression, after its magic.
enum Plain<R> {
    Stored(R),
    Deflated(Box<Inflating<R>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, io::BufReader<R>>>),
}

impl<R: Read> Plain<R> {
    fn open(mut source: R) -> Result<Self> {
        let mut start = [0; 4];
        source.read_exact(&mut start).map_err(broken)?;
        if !start.starts_with(MAGIC) {
            return Err(refused("it is no file of apk's version 3"));
        }
        let mut inner = match start[3] {
            b'.' => return Ok(Self::Stored(source)),
            b'd' => Self::Deflated(Box::new(Inflating::new(source))),
            // The algorithm and its level stand before the stream.
            b'c' => {
                let mut with = [0; 2];
                source.read_exact(&mut with).map_err(broken)?;
                match with[0] {
                    0 => Self::Stored(source),
                    1 => Self::Deflated(Box::new(Inflating::new(source))),
                    2 => {
                        let decoder = zstd::stream::read::Decoder::new(source).map_err(broken)?;
                        Self::Zstd(Box::new(decoder))
                    }
                    other => {
                        return Err(Error::refused(format!(
                            "it is compressed by the algorithm {other}, which is not known here"
                        )))
                    }
                }
            }
            _ => return Err(refused("it is compressed in a way that is not known here")),
        };
        inner.read_exact(&mut start).map_err(broken)?;
        match &start == b"ADB." {
            true => Ok(inner),
            false => Err(refused("what is compressed in it is no document")),
        }
    }
}

impl<R: Read> Read for Plain<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stored(source) => source.read(buffer),
            Self::Deflated(source) => source.read(buffer),
            Self::Zstd(source) => source.read(buffer),
        }
    }
}

/// The bytes of a document.
#[derive(Debug)]
pub(super) struct Document(Vec<u8>);

/// An object with fields, or an array with entries; both from 1 on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object<'a> {
    document: &'a Document,
    /// Where the slots are; the first one is their number, itself included.
    at: usize,
    slots: usize,
}

impl Document {
    /// How many bytes it has.
    pub(super) fn size(&self) -> u64 {
        self.0.len() as u64
    }

    /// What a document is.
    pub(super) fn root(&self) -> Result<Object<'_>> {
        let value = self
            .word(4)
            .ok_or_else(|| refused("its document is too short"))?;
        self.object(value)
            .ok_or_else(|| refused("its document has nothing in it"))
    }

    fn word(&self, at: usize) -> Option<u32> {
        let bytes = self.0.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    }

    fn object(&self, value: u32) -> Option<Object<'_>> {
        let (kind, at) = (value >> 28, (value & 0x0fff_ffff) as usize);
        let slots = matches!(kind, 0xd | 0xe).then(|| self.word(at))?? as usize;
        let end = at.checked_add(slots.checked_mul(4)?)?;
        let fits = (1..=MOST_SLOTS).contains(&slots) && end <= self.0.len();
        fits.then_some(Object {
            document: self,
            at,
            slots,
        })
    }

    fn bytes(&self, value: u32) -> Option<&[u8]> {
        let (kind, at) = (value >> 28, (value & 0x0fff_ffff) as usize);
        let width = match kind {
            0x8 => 1,
            0x9 => 2,
            0xa => 4,
            _ => return None,
        };
        let start = at.checked_add(width)?;
        let number = self.0.get(at..start)?;
        let length = number
            .iter()
            .rev()
            .fold(0usize, |n, b| (n << 8) | usize::from(*b));
        self.0.get(start..start.checked_add(length)?)
    }

    fn number(&self, value: u32) -> Option<u64> {
        let (kind, at) = (value >> 28, (value & 0x0fff_ffff) as usize);
        match kind {
            0x1 => Some(at as u64),
            0x2 => self.word(at).map(u64::from),
            0x3 => {
                let high = u64::from(self.word(at.checked_add(4)?)?);
                Some((high << 32) | u64::from(self.word(at)?))
            }
            _ => None,
        }
    }
}

impl<'a> Object<'a> {
    /// How many fields or entries there are.
    pub(super) fn len(&self) -> usize {
        self.slots - 1
    }

    fn slot(&self, field: usize) -> Option<u32> {
        (1..self.slots)
            .contains(&field)
            .then(|| self.document.word(self.at + 4 * field))?
    }

    /// The object or array in a field.
    pub(super) fn object(&self, field: usize) -> Option<Object<'a>> {
        self.document.object(self.slot(field)?)
    }

    /// The entries of the array in a field; none if there is none.
    pub(super) fn list(&self, field: usize) -> impl Iterator<Item = Object<'a>> {
        let list = self.object(field);
        let count = list.map_or(0, |list| list.len());
        (1..=count).filter_map(move |at| list?.object(at))
    }

    /// The bytes in a field.
    pub(super) fn bytes(&self, field: usize) -> Option<&'a [u8]> {
        self.document.bytes(self.slot(field)?)
    }

    /// The text in a field.
    pub(super) fn text(&self, field: usize) -> Result<Option<&'a str>> {
        let text = self.bytes(field).map(std::str::from_utf8).transpose();
        text.map_err(|_| refused("a text in it is not in UTF-8"))
    }

    /// The number in a field.
    pub(super) fn number(&self, field: usize) -> Option<u64> {
        self.document.number(self.slot(field)?)
    }
}
