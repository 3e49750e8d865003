//! The tar stream of a layer, before it is made: how long it is, where its blocks begin, and
//! any stretch of its bytes.

use crate::cut::{self, Boundary, Search, Sizes};
use crate::encode::Blocks;
use crate::header::{self, BLOCK};
use crate::layer::{Body, Layer};
use crate::Error;

/// Two blocks of zeros end the archive.
const TRAILER: u64 = 2 * BLOCK as u64;

/// A place in the stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// The entry, or how many there are for the end of the archive.
    entry: usize,
    /// How many of its bytes are before this place.
    skip: u64,
}

/// Where a part of the stream begins that ends where the next one begins; both are known before
/// anything is read.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    start: Place,
    /// The same, in bytes of the stream.
    at: u64,
}

/// One block of the stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    start: Place,
    length: usize,
}

/// The stream, cut as far as that needs no reading.
pub(crate) struct Stream<'a> {
    layer: &'a Layer,
    /// A block each, but for those that are longer than a block may be.
    stretches: Vec<Stretch>,
    sizes: Sizes,
    size: u64,
}

/// How far the stream is cut into blocks.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    stretch: usize,
    /// How much of the stretch is in blocks.
    done: u64,
    /// What follows that, as far as it was read when the end of a block was looked for.
    ahead: Vec<u8>,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(layer: &'a Layer, blocks: Blocks) -> Self {
        let (stretches, size) = match blocks {
            Blocks::Equal(length) => equal(layer, length as u64),
            Blocks::ByContent(sizes) => by_content(layer, sizes),
        };
        Self {
            layer,
            stretches,
            sizes: match blocks {
                Blocks::Equal(largest) => Sizes { largest },
                Blocks::ByContent(sizes) => sizes,
            },
            size,
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// How many blocks there are, or more.
    pub(crate) fn most_blocks(&self) -> usize {
        let more = self.size / self.sizes.smallest() as u64;
        self.stretches.len() + usize::try_from(more).unwrap_or(usize::MAX / 2)
    }

    pub(crate) fn is_one_block(&self) -> bool {
        self.stretches.len() == 1 && self.size <= self.sizes.largest as u64
    }

    fn length(&self, stretch: usize) -> u64 {
        let end = self.stretches.get(stretch + 1).map_or(self.size, |s| s.at);
        end - self.stretches[stretch].at
    }

    /// Whether all of it is in blocks.
    pub(crate) fn is_cut(&self, cursor: &Cursor) -> bool {
        cursor.stretch == self.stretches.len()
    }

    /// Pass over the next block, if where it ends is known without reading it.
    pub(crate) fn known(&self, cursor: &mut Cursor) -> Option<Block> {
        let length = self.length(cursor.stretch) - cursor.done;
        if length > self.sizes.largest as u64 || !cursor.ahead.is_empty() {
            return None;
        }
        let Place { entry, skip } = self.stretches[cursor.stretch].start;
        let start = Place {
            entry,
            skip: skip + cursor.done,
        };
        cursor.stretch += 1;
        cursor.done = 0;
        Some(Block {
            start,
            length: length as usize,
        })
    }

    /// Make the next block, of a large entry, by reading until its end is found.
    pub(crate) fn read_on(
        &self,
        cursor: &mut Cursor,
        buffer: &mut Vec<u8>,
        header: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let left = self.length(cursor.stretch) - cursor.done;
        let Place { entry, skip } = self.stretches[cursor.stretch].start;
        let skip = skip + cursor.done;
        buffer.clear();
        buffer.reserve_exact(self.sizes.largest);
        buffer.append(&mut cursor.ahead);
        let mut read_to = |length: usize, buffer: &mut Vec<u8>| {
            let there = buffer.len();
            buffer.resize(length, 0);
            let start = Place {
                entry,
                skip: skip + there as u64,
            };
            self.fill(start, &mut buffer[there..], header)
        };
        if left <= self.sizes.largest as u64 {
            read_to(left as usize, buffer)?;
            cursor.stretch += 1;
            cursor.done = 0;
            return Ok(());
        }
        let mut search = Search::new(self.sizes);
        let end = loop {
            if let Some(end) = search.end(buffer) {
                break end;
            }
            read_to(search.want(buffer.len()), buffer)?;
        };
        cursor.ahead.extend_from_slice(&buffer[end..]);
        buffer.truncate(end);
        cursor.done += end as u64;
        Ok(())
    }

    /// Make a block whose ends are known.
    pub(crate) fn make(
        &self,
        block: Block,
        buffer: &mut Vec<u8>,
        header: &mut Vec<u8>,
    ) -> Result<(), Error> {
        buffer.resize(block.length, 0);
        self.fill(block.start, buffer, header)
    }

    /// Fill `rest` with what begins at a place.
    fn fill(&self, start: Place, mut rest: &mut [u8], header: &mut Vec<u8>) -> Result<(), Error> {
        let mut skip = start.skip;
        for entry in start.entry..self.layer.len() {
            if rest.is_empty() {
                return Ok(());
            }
            let entry = self.layer.placed(entry);
            header.clear();
            header::render(&entry, header);
            let header_size = header.len() as u64;
            if skip < header_size {
                let from = skip as usize;
                let n = rest.len().min(header.len() - from);
                let (piece, after) = rest.split_at_mut(n);
                piece.copy_from_slice(&header[from..from + n]);
                rest = after;
                skip += n as u64;
                if skip < header_size {
                    return Ok(());
                }
            }
            let size = entry.body.size();
            let padded = size.next_multiple_of(BLOCK as u64);
            let mut offset = skip - header_size;
            if let (&Body::File { content, at, .. }, true) = (&entry.body, offset < size) {
                let want =
                    usize::try_from(size - offset).map_or(rest.len(), |left| left.min(rest.len()));
                // The padding behind the content, as far as it lies in this block.
                let spare = ((padded - offset) as usize).min(rest.len()) - want;
                let (piece, after) = rest.split_at_mut(want + spare);
                let files = &self.layer.contents.files;
                files.read(at, content, size, offset, piece, spare)?;
                piece[want..].fill(0);
                rest = after;
                offset += (want + spare) as u64;
            }
            if offset < padded {
                let n = rest.len().min((padded - offset) as usize);
                let (piece, after) = rest.split_at_mut(n);
                piece.fill(0);
                rest = after;
                offset += n as u64;
                if offset < padded {
                    return Ok(());
                }
            }
            skip = 0;
        }
        rest.fill(0);
        Ok(())
    }
}

/// The bytes of an entry in the stream; its headers are left in `header`.
fn render(layer: &Layer, number: usize, header: &mut Vec<u8>) -> u64 {
    let entry = layer.placed(number);
    header.clear();
    header::render(&entry, header);
    header.len() as u64 + entry.body.size().next_multiple_of(BLOCK as u64)
}

/// Stretches of one length, and the size of the stream.
fn equal(layer: &Layer, length: u64) -> (Vec<Stretch>, u64) {
    let mut stretches: Vec<Stretch> = Vec::new();
    let (mut begin, mut header) = (0, Vec::new());
    for entry in 0..=layer.len() {
        let end = begin
            + if entry < layer.len() {
                render(layer, entry, &mut header)
            } else {
                TRAILER
            };
        while stretches.len() as u64 * length < end {
            let at = stretches.len() as u64 * length;
            let skip = at - begin;
            stretches.push(Stretch {
                start: Place { entry, skip },
                at,
            });
        }
        begin = end;
    }
    (stretches, begin)
}

/// Stretches that end where the entries say so, and the size of the stream.
fn by_content(layer: &Layer, sizes: Sizes) -> (Vec<Stretch>, u64) {
    let mut stretches = Vec::new();
    // Where a run of entries that are not large begins, and the boundaries in it.
    let mut run = (0, 0);
    let mut boundaries: Vec<Boundary> = Vec::new();
    let cut = |(first, start), boundaries: &[Boundary], end, stretches: &mut Vec<Stretch>| {
        if start < end {
            stretches.push(Stretch::of(first, start));
        }
        for cut in cut::between(boundaries, start, end, sizes) {
            stretches.push(Stretch::of(first + 1 + cut, boundaries[cut].at));
        }
    };
    let (mut at, mut header) = (0, Vec::new());
    for entry in 0..layer.len() {
        let end = at + render(layer, entry, &mut header);
        if end - at > sizes.large() {
            cut(run, &boundaries, at, &mut stretches);
            stretches.push(Stretch::of(entry, at));
            run = (entry + 1, end);
            boundaries.clear();
        } else if at > run.1 {
            let rank = cut::rank(&header);
            boundaries.push(Boundary { at, rank });
        }
        at = end;
    }
    // The end of the archive goes with what is before it.
    let size = at + TRAILER;
    if at > run.1 || stretches.is_empty() {
        cut(run, &boundaries, size, &mut stretches);
    }
    (stretches, size)
}

impl Stretch {
    /// From the beginning of an entry.
    fn of(entry: usize, at: u64) -> Self {
        let start = Place { entry, skip: 0 };
        Self { start, at }
    }
}
