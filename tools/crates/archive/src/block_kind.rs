//! What a block of the stream holds, as far as it pays to know that before it is compressed.

/// What a block holds mostly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockKind {
    /// Text, with no more zeros than there are around small files.
    Text,
    /// What is compressed or encrypted already: nearly all bytes are about as frequent.
    Packed,
    /// Programs and all else.
    Data,
}

/// A sample is enough, and its step is prime, so that it never falls into step with the
/// blocks of 512 bytes that a tar stream consists of.
const STEP: usize = 61;
/// How many equally frequent bytes a packed block is like, at least. If all 256 are equally
/// frequent that is 256; zeros alone, of which programs are full, bring it far below this.
const PACKED: u64 = 128;

impl BlockKind {
    /// Counts only, and in whole numbers: the same answer on every machine.
    pub(crate) fn of(block: &[u8]) -> Self {
        let mut counts = [0u64; 256];
        for &byte in block.iter().step_by(STEP) {
            counts[usize::from(byte)] += 1;
        }
        let all: u64 = counts.iter().sum();
        let zeros = counts[0];
        let printable: u64 = counts[usize::from(b' ')..=usize::from(b'~')].iter().sum();
        let text = printable + counts[usize::from(b'\t')] + counts[usize::from(b'\n')];
        let other = all - zeros - text;
        // A block of hardly anything but zeros is one of headers, which gains nothing from a
        // better search.
        if text > 3 * other && 3 * text > zeros {
            return Self::Text;
        }
        // The number of equally frequent bytes among which two that are drawn at random are
        // equal as often as here is all² / squares.
        let squares: u64 = counts.iter().map(|n| n * n).sum();
        if all * all > PACKED * squares {
            Self::Packed
        } else {
            Self::Data
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(size: u32) -> Vec<u8> {
        (0..size)
            .map(|n| (n.wrapping_mul(0x9e37_79b9).rotate_left(n) >> 13) as u8)
            .collect()
    }

    #[test]
    fn text_is_told_from_data_and_from_headers() {
        let text = b"The quick brown fox\n".repeat(5000);
        let small_files = |text_in_each: usize| {
            let mut block = vec![0; 100_000];
            for file in block.chunks_mut(1000) {
                file[..text_in_each].copy_from_slice(&text[..text_in_each]);
            }
            block
        };
        let mixed = [&text[..60_000], &noise(60_000)].concat();
        for block in [&text[..], &small_files(400)] {
            assert_eq!(BlockKind::of(block), BlockKind::Text);
        }
        for block in [&mixed[..], &small_files(120), &[0; 1000], &[]] {
            assert_eq!(BlockKind::of(block), BlockKind::Data);
        }
    }

    #[test]
    fn packed_is_told_from_data() {
        let packed = noise(1 << 20);
        assert_eq!(BlockKind::of(&packed), BlockKind::Packed);
        // With a twentieth of zeros still; with half of them, or of 64 different bytes, no more.
        let with_zeros = |n: usize| [&packed[n..], &vec![0; n]].concat();
        assert_eq!(BlockKind::of(&with_zeros(50_000)), BlockKind::Packed);
        assert_eq!(BlockKind::of(&with_zeros(500_000)), BlockKind::Data);
        let small: Vec<u8> = packed.iter().map(|b| b | 0xc0).collect();
        assert_eq!(BlockKind::of(&small), BlockKind::Data);
        // Too little to tell.
        assert_eq!(BlockKind::of(&packed[..5000]), BlockKind::Data);
    }
}
