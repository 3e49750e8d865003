//! Files with holes: which bytes are stored, and where they belong.

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
