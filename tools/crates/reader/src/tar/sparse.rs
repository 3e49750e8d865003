//! Files with holes: which bytes are stored, and where they belong.

use std::io::Read;

use super::content::Holes;
use super::header::{self, Header, SPARSE_PAIR};
use super::pax::Attributes;
use super::{padding, Archive, MAKE_PLAIN};
use crate::{Error, ErrorKind};

/// How many stored pieces one file may have. Each costs sixteen bytes here and at least
/// four in the archive; real files with more than a few thousand are hard to make.
pub(crate) const MAX_PIECES: usize = 1 << 20;

/// One stored piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// The pieces of one file, in order, apart from each other and inside the file.
#[derive(Debug, Default)]
pub(crate) struct Map {
    pieces: Vec<Piece>,
    end: u64,
    stored: u64,
}

impl Map {
    /// Add the next piece.
    pub(crate) fn push(&mut self, offset: u64, length: u64) -> Result<(), &'static str> {
        if offset < self.end {
            return Err("the pieces of a sparse file overlap or are out of order");
        }
        self.end = offset
            .checked_add(length)
            .filter(|&end| i64::try_from(end).is_ok())
            .ok_or("a piece of a sparse file lies beyond any file's end")?;
        // Only says how long the file is.
        if length > 0 {
            if self.pieces.len() == MAX_PIECES {
                return Err("a sparse file has more than a million pieces");
            }
            self.stored += length;
            self.pieces.push(Piece { offset, length });
        }
        Ok(())
    }

    /// Check the map against the size of the file and the bytes that are stored for it.
    pub(crate) fn finish(self, size: u64, stored: u64) -> Result<Vec<Piece>, &'static str> {
        if self.end > size {
            return Err("a piece of a sparse file lies beyond the file's end");
        }
        if self.stored != stored {
            return Err("the pieces of a sparse file do not add up to what is stored");
        }
        Ok(self.pieces)
    }
}

impl<R: Read> Archive<R> {
    /// Read the map of a sparse file and set up its content; gives its real size.
    pub(super) fn sparse(
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
        if count > MAX_PIECES as u64 {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps() {
        let mut map = Map::default();
        map.push(0, 3).unwrap();
        map.push(10, 0).unwrap();
        map.push(10, 5).unwrap();
        map.push(20, 0).unwrap();
        assert!(map.push(19, 1).is_err());
        let pieces = map.finish(20, 8).unwrap();
        assert_eq!(pieces.len(), 2);

        let mut map = Map::default();
        map.push(5, 5).unwrap();
        assert!(map.finish(9, 5).is_err());
        let mut map = Map::default();
        map.push(5, 5).unwrap();
        assert!(map.finish(10, 4).is_err());
        assert!(Map::default().push(u64::MAX, 1).is_err());
        assert!(Map::default().push(i64::MAX as u64, 1).is_err());
    }
}
