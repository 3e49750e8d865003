//! One block of 512 bytes, in any of the dialects.
//!
//! V7 has the first 257 bytes. ustar adds a magic, device numbers and a prefix for the
//! path; GNU uses the room of the prefix for itself, under a magic of its own; star is
//! ustar with a shorter prefix and two times behind it.

/// The unit of everything in tar.
pub(crate) const BLOCK: usize = 512;
/// The same, for offsets.
pub(crate) const BLOCK_U64: u64 = BLOCK as u64;

pub(crate) type Block = [u8; BLOCK];

/// Which fields a header has after the first 257 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    V7,
    Ustar,
    Star,
    Gnu,
}

/// A numeric field that holds no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadNumber;

/// A header whose checksum is right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header<'a> {
    block: &'a Block,
    pub(crate) dialect: Dialect,
}

/// Whether the block is all zeros, as at the end of an archive.
pub(crate) fn is_zero(block: &Block) -> bool {
    // In words, and without a branch in the loop: this runs for every header.
    let (words, _) = block.as_chunks::<8>();
    words
        .iter()
        .fold(0, |sum, word| sum | u64::from_ne_bytes(*word))
        == 0
}

/// Whether the block carries the right checksum for a header.
pub(crate) fn checksum_matches(block: &Block) -> bool {
    let Ok(stored) = number(&block[148..156]) else {
        return false;
    };
    let field: u32 = block[148..156].iter().map(|&b| u32::from(b)).sum();
    let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
    // The field itself counts as eight spaces.
    let unsigned = sum - field + 8 * u32::from(b' ');
    if stored == i128::from(unsigned) {
        return true;
    }
    // Some old writers summed signed characters.
    let signed_of = |bytes: &[u8]| -> i32 { bytes.iter().map(|&b| i32::from(b as i8)).sum() };
    let signed = signed_of(block) - signed_of(&block[148..156]) + 8 * i32::from(b' ');
    stored == i128::from(signed)
}

impl<'a> Header<'a> {
    /// Look at a block whose checksum was found right.
    pub(crate) fn of(block: &'a Block) -> Self {
        let dialect = if &block[257..265] == b"ustar  \0" {
            Dialect::Gnu
        } else if &block[257..262] == b"ustar" {
            if is_star(block) {
                Dialect::Star
            } else {
                Dialect::Ustar
            }
        } else {
            Dialect::V7
        };
        Self { block, dialect }
    }

    pub(crate) fn type_flag(&self) -> u8 {
        self.block[156]
    }

    /// The path with its prefix.
    pub(crate) fn path(&self) -> Vec<u8> {
        let name = text(&self.block[..100]);
        let prefix = match self.dialect {
            Dialect::Ustar => text(&self.block[345..500]),
            Dialect::Star => text(&self.block[345..476]),
            Dialect::Gnu | Dialect::V7 => b"",
        };
        if prefix.is_empty() {
            return name.to_vec();
        }
        let mut path = Vec::with_capacity(prefix.len() + 1 + name.len());
        path.extend_from_slice(prefix);
        path.push(b'/');
        path.extend_from_slice(name);
        path
    }

    pub(crate) fn link(&self) -> &'a [u8] {
        text(&self.block[157..257])
    }

    pub(crate) fn mode(&self) -> Result<i128, BadNumber> {
        number(&self.block[100..108])
    }

    pub(crate) fn uid(&self) -> Result<i128, BadNumber> {
        number(&self.block[108..116])
    }

    pub(crate) fn gid(&self) -> Result<i128, BadNumber> {
        number(&self.block[116..124])
    }

    pub(crate) fn size(&self) -> Result<i128, BadNumber> {
        number(&self.block[124..136])
    }

    pub(crate) fn mtime(&self) -> Result<i128, BadNumber> {
        number(&self.block[136..148])
    }

    pub(crate) fn device(&self) -> Result<(i128, i128), BadNumber> {
        Ok((
            number(&self.block[329..337])?,
            number(&self.block[337..345])?,
        ))
    }

    /// The sparse map inside a header of type `S`: pairs, whether more blocks follow, and
    /// the file's real size.
    pub(crate) fn sparse(&self) -> (&'a [u8], bool, Result<i128, BadNumber>) {
        let at = if self.dialect == Dialect::Star {
            (356, 355, 452)
        } else {
            (386, 482, 483)
        };
        (
            &self.block[at.0..at.0 + 4 * SPARSE_PAIR],
            self.block[at.1] != 0,
            number(&self.block[at.2..at.2 + 12]),
        )
    }
}

/// The bytes of one pair in a sparse map: offset and length, twelve each.
pub(crate) const SPARSE_PAIR: usize = 24;

/// The map in a block that continues that of the header, and whether another follows.
pub(crate) fn sparse_extension(block: &Block) -> (&[u8], bool) {
    (&block[..21 * SPARSE_PAIR], block[504] != 0)
}

/// star marks its headers at the end, or, in its oldest ustar form, only by two times
/// where ustar has the end of its prefix.
fn is_star(block: &Block) -> bool {
    if &block[508..512] == b"tar\0" {
        return true;
    }
    let is_time = |field: &[u8]| field[0].is_ascii_digit() && field[11] == b' ';
    block[475] == 0 && is_time(&block[476..488]) && is_time(&block[488..500])
}

/// The field up to its first NUL.
fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    &field[..end]
}

/// A number: octal digits between spaces, closed by a space or NUL or the end of the
/// field, or base 256 where the first bit is set. An empty field is zero.
pub(crate) fn number(field: &[u8]) -> Result<i128, BadNumber> {
    let Some((&first, rest)) = field.split_first() else {
        return Ok(0);
    };
    if first & 0x80 != 0 {
        // Two's complement; the first bit only says that this is base 256, the second is
        // the sign. Twelve bytes always fit.
        let start = i128::from(first & 0x7f) - if first & 0x40 != 0 { 0x80 } else { 0 };
        return Ok(rest
            .iter()
            .fold(start, |value, &b| (value << 8) | i128::from(b)));
    }
    let mut digits = field;
    while let [b' ', rest @ ..] = digits {
        digits = rest;
    }
    let mut value: i128 = 0;
    while let [digit @ b'0'..=b'7', rest @ ..] = digits {
        value = value * 8 + i128::from(digit - b'0');
        digits = rest;
    }
    match digits {
        [] | [b' ' | 0, ..] => Ok(value),
        _ => Err(BadNumber),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(number(b"0000644\0"), Ok(0o644));
        assert_eq!(number(b"   644 \0"), Ok(0o644));
        assert_eq!(number(b"77777777"), Ok(0o77777777));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Ok(0));
        assert_eq!(number(b"        "), Ok(0));
        assert_eq!(number(b"\x80\0\0\0\0\0\x01\0"), Ok(256));
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xff"), Ok(-1));
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xfe"), Ok(-2));
        assert_eq!(
            number(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"),
            Ok(i128::from(i64::MAX))
        );
        assert_eq!(number(b"00008\0\0\0"), Err(BadNumber));
        assert_eq!(number(b"-1\0\0\0\0\0\0"), Err(BadNumber));
        assert_eq!(number(b"0x12\0\0\0\0"), Err(BadNumber));
    }
}
