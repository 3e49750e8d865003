//! The content of an entry, of which holes are a part, as it is read.

use std::io::{self, BufRead, Read};

use super::sparse::Piece;
use super::{Archive, Entry, Kind, State};

/// What is left of the current entry in the archive.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// Stored bytes that are left.
    pub(super) stored: u64,
    /// Bytes up to the next block after those.
    pub(super) padding: u64,
    /// Where the entry begins, for messages.
    pub(super) entry: u64,
    /// Only for files with holes.
    pub(super) holes: Option<Holes>,
}

#[derive(Debug)]
pub(super) struct Holes {
    pub(super) pieces: std::vec::IntoIter<Piece>,
    pub(super) piece: Option<Piece>,
    pub(super) position: u64,
    pub(super) size: u64,
}

/// What comes next in the content.
pub(super) enum Region {
    Stored(u64),
    Hole(u64),
}

impl Content {
    pub(super) fn region(&self) -> Region {
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
    pub(super) fn advance(&mut self, n: u64) {
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

impl<R: Read> Archive<R> {
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
