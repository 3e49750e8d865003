//! Databases of SQLite, written in one go: the same rows give the same bytes.
//!
//! Rows and entries of indexes come in their order, so every page is filled once and never looked
//! at again: leaves first, then what leads to them, up to the root. There is no free page, no
//! journal, and nothing that tells when or by which program the file was made.
//!
//! The format: <https://www.sqlite.org/fileformat2.html>.

/// Bytes of a page, as SQLite makes them unless told otherwise.
const PAGE: usize = 4096;
/// Bytes in front of the first page's own header.
const FILE_HEADER: usize = 100;
/// SQLite keeps the page with the byte 2^30 for locks. No database of packages is that large.
const LARGEST: usize = 1 << 30;
/// A release of SQLite that knows all that is used here; it is only shown.
const VERSION: u32 = 3_040_001;

/// A value of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// Nothing, and in the place of a column that is the number of the row.
    Null,
    /// A number.
    Int(i64),
    /// A text, which is taken for UTF-8.
    Text(&'a [u8]),
    /// Bytes.
    Blob(&'a [u8]),
}

/// A database would be larger than a file of SQLite that needs no page for locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the database would be larger than 1 GiB; install fewer packages into one layer")]
pub(super) struct TooLarge;

/// A database while it is written.
#[derive(Debug)]
pub(super) struct Writer {
    /// All pages; the first one is filled last.
    pages: Vec<u8>,
    /// Records of `sqlite_schema`.
    schema: Vec<Vec<u8>>,
}

impl Writer {
    /// A database without tables.
    pub(super) fn new() -> Self {
        Self {
            pages: vec![0; PAGE],
            schema: Vec::new(),
        }
    }

    /// Add a table; its rows in the order of their numbers.
    pub(super) fn table<'a>(
        &mut self,
        name: &str,
        sql: &str,
        rows: impl Iterator<Item = (i64, Vec<Value<'a>>)>,
    ) -> Result<(), TooLarge> {
        let mut tree = Tree::new(self, Content::Rows, 0);
        for (number, values) in rows {
            tree.row(number, &record(&values))?;
        }
        let root = tree.finish()?;
        self.entry("table", name, name, sql, root);
        Ok(())
    }

    /// Add an index; its entries in the order of their keys, and of their rows where keys are equal.
    pub(super) fn index<'a>(
        &mut self,
        name: &str,
        table: &str,
        sql: &str,
        entries: impl Iterator<Item = (Value<'a>, i64)>,
    ) -> Result<(), TooLarge> {
        let mut tree = Tree::new(self, Content::Entries, 0);
        for (key, row) in entries {
            tree.entry(&record(&[key, Value::Int(row)]))?;
        }
        let root = tree.finish()?;
        self.entry("index", name, table, sql, root);
        Ok(())
    }

    fn entry(&mut self, kind: &str, name: &str, table: &str, sql: &str, root: u32) {
        self.schema.push(record(&[
            Value::Text(kind.as_bytes()),
            Value::Text(name.as_bytes()),
            Value::Text(table.as_bytes()),
            Value::Int(root.into()),
            Value::Text(sql.as_bytes()),
        ]));
    }

    /// The bytes of the file.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, TooLarge> {
        let schema = std::mem::take(&mut self.schema);
        let mut tree = Tree::new(&mut self, Content::Rows, FILE_HEADER);
        for (number, record) in (1..).zip(&schema) {
            tree.row(number, record)?;
        }
        tree.finish()?;
        let header = file_header(self.pages.len() / PAGE);
        self.pages[..FILE_HEADER].copy_from_slice(&header);
        Ok(self.pages)
    }

    /// Add a page; its number.
    fn append(&mut self, page: &[u8; PAGE]) -> Result<u32, TooLarge> {
        if self.pages.len() + PAGE > LARGEST {
            return Err(TooLarge);
        }
        self.pages.extend(page);
        Ok((self.pages.len() / PAGE) as u32)
    }

    /// Write what does not fit a cell on pages of its own; the number of the first.
    fn overflow(&mut self, rest: &[u8]) -> Result<u32, TooLarge> {
        let first = (self.pages.len() / PAGE) as u32 + 1;
        let mut pieces = rest.chunks(PAGE - 4).peekable();
        let mut next = first;
        while let Some(piece) = pieces.next() {
            next += 1;
            let follower = pieces.peek().map_or(0, |_| next);
            let mut page = [0; PAGE];
            page[..4].copy_from_slice(&follower.to_be_bytes());
            page[4..4 + piece.len()].copy_from_slice(piece);
            self.append(&page)?;
        }
        Ok(first)
    }
}

fn file_header(pages: usize) -> [u8; FILE_HEADER] {
    let mut header = [0; FILE_HEADER];
    header[..16].copy_from_slice(b"SQLite format 3\0");
    header[16..18].copy_from_slice(&(PAGE as u16).to_be_bytes());
    // Read and written with a rollback journal; no bytes of a page are kept free; fixed fractions.
    header[18..24].copy_from_slice(&[1, 1, 0, 64, 32, 32]);
    let mut word = |at: usize, value: u32| {
        header[at..at + 4].copy_from_slice(&value.to_be_bytes());
    };
    // The counter of changes, and the one for which the size holds.
    word(24, 1);
    word(28, pages as u32);
    word(92, 1);
    // The counter of schemas, their format, and UTF-8.
    word(40, 1);
    word(44, 4);
    word(56, 1);
    word(96, VERSION);
    header
}

/// What a tree consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// Rows by their numbers; all of them in the leaves.
    Rows,
    /// Entries of an index; some of them between the leaves.
    Entries,
}

/// A page that is written, and what stands between it and the next one.
struct Child {
    page: u32,
    divider: Vec<u8>,
}

struct Tree<'w> {
    writer: &'w mut Writer,
    content: Content,
    /// Bytes in front of the root: those of the file if the root is the first page.
    offset: usize,
    /// Cells of the leaf that is being filled, and what they take.
    cells: Vec<Vec<u8>>,
    used: usize,
    last_row: i64,
    children: Vec<Child>,
}

impl<'w> Tree<'w> {
    fn new(writer: &'w mut Writer, content: Content, offset: usize) -> Self {
        Self {
            writer,
            content,
            offset,
            cells: Vec::new(),
            used: 0,
            last_row: 0,
            children: Vec::new(),
        }
    }

    /// Bytes for cells and pointers to them in a page. All pages of a tree whose root is the first
    /// page have as little room as that one, so that any of them could be the root.
    fn room(&self, header: usize) -> usize {
        PAGE - self.offset - header
    }

    fn row(&mut self, number: i64, record: &[u8]) -> Result<(), TooLarge> {
        let mut cell = Vec::new();
        varint(&mut cell, record.len() as u64);
        varint(&mut cell, number as u64);
        self.payload(&mut cell, record, PAGE - 35)?;
        if self.used + cell.len() + 2 > self.room(LEAF_HEADER) {
            let mut divider = Vec::new();
            varint(&mut divider, self.last_row as u64);
            self.leaf(divider)?;
        }
        self.last_row = number;
        self.push(cell);
        Ok(())
    }

    fn entry(&mut self, record: &[u8]) -> Result<(), TooLarge> {
        let mut cell = Vec::new();
        varint(&mut cell, record.len() as u64);
        self.payload(&mut cell, record, (PAGE - 12) * 64 / 255 - 23)?;
        // One that does not fit any more stands between this leaf and the next.
        if self.used + cell.len() + 2 > self.room(LEAF_HEADER) {
            return self.leaf(cell);
        }
        self.push(cell);
        Ok(())
    }

    fn push(&mut self, cell: Vec<u8>) {
        self.used += cell.len() + 2;
        self.cells.push(cell);
    }

    /// Add a record to its cell, as much of it as a cell may hold.
    fn payload(&mut self, cell: &mut Vec<u8>, record: &[u8], most: usize) -> Result<(), TooLarge> {
        if record.len() <= most {
            cell.extend(record);
            return Ok(());
        }
        let least = (PAGE - 12) * 32 / 255 - 23;
        let some = least + (record.len() - least) % (PAGE - 4);
        let local = if some <= most { some } else { least };
        cell.extend(&record[..local]);
        let first = self.writer.overflow(&record[local..])?;
        cell.extend(first.to_be_bytes());
        Ok(())
    }

    /// Write the leaf that was filled.
    fn leaf(&mut self, divider: Vec<u8>) -> Result<(), TooLarge> {
        let kind = match self.content {
            Content::Rows => 13,
            Content::Entries => 10,
        };
        let page = page(kind, &self.cells, None, 0);
        let page = self.writer.append(&page)?;
        self.children.push(Child { page, divider });
        self.cells.clear();
        self.used = 0;
        Ok(())
    }

    /// Write all that is left; the number of the root.
    fn finish(mut self) -> Result<u32, TooLarge> {
        if self.children.is_empty() {
            let kind = match self.content {
                Content::Rows => 13,
                Content::Entries => 10,
            };
            let cells = std::mem::take(&mut self.cells);
            return self.root(&page(kind, &cells, None, self.offset));
        }
        if self.cells.is_empty() {
            // The last entry stands between a leaf and nothing: it becomes the next leaf, and the
            // one before it takes its place. Leaves have room for four at least.
            self.split_last()?;
        }
        self.leaf(Vec::new())?;
        let kind = match self.content {
            Content::Rows => 5,
            Content::Entries => 2,
        };
        let mut children = std::mem::take(&mut self.children);
        loop {
            let groups = groups(&children, self.room(INTERIOR_HEADER));
            let is_root = groups.len() == 1;
            let mut above = Vec::with_capacity(groups.len());
            let mut rest = children.into_iter();
            for length in groups {
                let mut group: Vec<Child> = rest.by_ref().take(length).collect();
                let Some(right) = group.pop() else { continue };
                let cells: Vec<Vec<u8>> = group
                    .into_iter()
                    .map(|child| [&child.page.to_be_bytes()[..], &child.divider].concat())
                    .collect();
                if is_root {
                    return self.root(&page(kind, &cells, Some(right.page), self.offset));
                }
                let page = self
                    .writer
                    .append(&page(kind, &cells, Some(right.page), 0))?;
                above.push(Child {
                    page,
                    divider: right.divider,
                });
            }
            children = above;
        }
    }

    /// See [`Tree::finish`]: the last leaf is written once more, without its last entry.
    fn split_last(&mut self) -> Result<(), TooLarge> {
        let Some(last) = self.children.pop() else {
            return Ok(());
        };
        let start = (last.page as usize - 1) * PAGE;
        let mut cells = cells_of(&self.writer.pages[start..start + PAGE]);
        let divider = cells.pop().unwrap_or_default();
        let page = page(10, &cells, None, 0);
        self.writer.pages[start..start + PAGE].copy_from_slice(&page);
        self.children.push(Child {
            page: last.page,
            divider,
        });
        self.push(last.divider);
        Ok(())
    }

    fn root(&mut self, page: &[u8; PAGE]) -> Result<u32, TooLarge> {
        if self.offset == 0 {
            return self.writer.append(page);
        }
        self.writer.pages[..PAGE].copy_from_slice(page);
        Ok(1)
    }
}

const LEAF_HEADER: usize = 8;
const INTERIOR_HEADER: usize = 12;

/// How many children each page above them takes: as many as fit, and never one alone.
fn groups(children: &[Child], room: usize) -> Vec<usize> {
    let mut groups = Vec::new();
    let (mut begin, mut used) = (0, 0);
    for (at, child) in children.iter().enumerate() {
        // Its cell, if another child follows it in this page.
        let cell = 4 + child.divider.len() + 2;
        if used + cell > room && at + 1 < children.len() {
            // The page ends with this child. One alone would be left: leave two.
            let end = if at + 2 == children.len() { at } else { at + 1 };
            groups.push(end - begin);
            used = if end == at { cell } else { 0 };
            begin = end;
        } else {
            used += cell;
        }
    }
    groups.push(children.len() - begin);
    groups
}

fn page(kind: u8, cells: &[Vec<u8>], right: Option<u32>, offset: usize) -> [u8; PAGE] {
    let mut page = [0; PAGE];
    let mut pointer = offset + right.map_or(LEAF_HEADER, |_| INTERIOR_HEADER);
    let mut end = PAGE;
    for cell in cells {
        end -= cell.len();
        page[end..end + cell.len()].copy_from_slice(cell);
        page[pointer..pointer + 2].copy_from_slice(&(end as u16).to_be_bytes());
        pointer += 2;
    }
    page[offset] = kind;
    page[offset + 3..offset + 5].copy_from_slice(&(cells.len() as u16).to_be_bytes());
    page[offset + 5..offset + 7].copy_from_slice(&(end as u16).to_be_bytes());
    if let Some(right) = right {
        page[offset + 8..offset + 12].copy_from_slice(&right.to_be_bytes());
    }
    page
}

/// The cells of a leaf that [`page`] wrote: each ends where the one before it begins.
fn cells_of(page: &[u8]) -> Vec<Vec<u8>> {
    let be16 = |at: usize| usize::from(u16::from_be_bytes([page[at], page[at + 1]]));
    let mut end = PAGE;
    (0..be16(3))
        .map(|i| {
            let begin = be16(LEAF_HEADER + 2 * i);
            let cell = page[begin..end].to_vec();
            end = begin;
            cell
        })
        .collect()
}

/// The values of a row, each after what it is.
fn record(values: &[Value<'_>]) -> Vec<u8> {
    let (mut types, mut body) = (Vec::new(), Vec::new());
    for value in values {
        match *value {
            Value::Null => types.push(0),
            Value::Int(0) => types.push(8),
            Value::Int(1) => types.push(9),
            Value::Int(number) => {
                let bytes = number.to_be_bytes();
                let fits = |width: usize| {
                    let shift = 64 - 8 * width as u32;
                    (number << shift) >> shift == number
                };
                let widths = [(1, 1), (2, 2), (3, 3), (4, 4), (6, 5), (8, 6)];
                let (width, kind) = widths.into_iter().find(|w| fits(w.0)).unwrap_or((8, 6));
                types.push(kind);
                body.extend(&bytes[8 - width..]);
            }
            Value::Text(text) => {
                varint(&mut types, 13 + 2 * text.len() as u64);
                body.extend(text);
            }
            Value::Blob(bytes) => {
                varint(&mut types, 12 + 2 * bytes.len() as u64);
                body.extend(bytes);
            }
        }
    }
    // Its own length counts; with these few columns it has one byte.
    debug_assert!(types.len() < 127);
    let mut record = vec![types.len() as u8 + 1];
    record.append(&mut types);
    record.append(&mut body);
    record
}

/// Seven bits a byte, the highest first, and eight in the ninth.
fn varint(out: &mut Vec<u8>, value: u64) {
    if value >> 56 != 0 {
        let high = value >> 8;
        out.extend((0..8).rev().map(|i| 0x80 | (high >> (7 * i)) as u8));
        out.push(value as u8);
        return;
    }
    let groups = (1..8).take_while(|i| value >> (7 * i) != 0).count();
    out.extend(
        (0..=groups)
            .rev()
            .map(|i| ((value >> (7 * i)) & 0x7f) as u8 | if i > 0 { 0x80 } else { 0 }),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use verbatim_formats::sqlite::{Database, Row, Value as Found};

    fn numbered(count: usize, length: impl Fn(usize) -> usize) -> Vec<Vec<u8>> {
        (0..count)
            .map(|i| {
                let mut text = format!("{i:06}").into_bytes();
                text.resize(length(i).max(6), b'x');
                text
            })
            .collect()
    }

    /// A table and an index of its texts, written and read again.
    fn there_and_back(texts: &[Vec<u8>]) -> Vec<u8> {
        let mut writer = Writer::new();
        let rows: Vec<(i64, &[u8])> = (1..).zip(texts.iter().map(|text| &text[..])).collect();
        writer
            .table(
                "t",
                "CREATE TABLE t(n INTEGER PRIMARY KEY, b BLOB)",
                rows.iter()
                    .map(|&(n, text)| (n, vec![Value::Null, Value::Blob(text)])),
            )
            .unwrap();
        writer
            .index(
                "t_b",
                "t",
                "CREATE INDEX t_b ON t(b)",
                rows.iter().map(|&(n, text)| (Value::Blob(text), n)),
            )
            .unwrap();
        let data = writer.finish().unwrap();
        let mut database = Database::open(&data).unwrap();
        let schema = database.schema.clone();
        let [table, index] = &schema[..] else {
            panic!("{schema:?}")
        };
        let expected: Vec<Row> = (1..)
            .zip(texts)
            .map(|(id, text)| Row {
                id,
                values: vec![Found::Null, Found::Blob(text.clone())],
            })
            .collect();
        assert!(database.table(table).unwrap() == expected);
        let entries = database.table(index).unwrap();
        assert_eq!(entries.len(), texts.len());
        for ((n, text), entry) in (1..).zip(texts).zip(entries) {
            assert_eq!(entry.values, [Found::Blob(text.clone()), Found::Int(n)]);
        }
        data
    }

    #[test]
    fn trees_of_any_height() {
        // Counts around the places where a leaf is full, and texts that need more pages.
        for count in (0..4).chain(78..84).chain(160..166).chain([5_000, 20_000]) {
            there_and_back(&numbered(count, |_| 40));
        }
        there_and_back(&numbered(200, |i| i * 60));
        for length in (995..1010).chain([4_050, 4_061, 4_062]) {
            there_and_back(&numbered(9, |_| length));
        }
        there_and_back(&numbered(3, |i| 4_000 + i * 100_000));
    }

    #[test]
    fn the_same_rows_give_the_same_bytes() {
        let texts = numbered(1_000, |i| i);
        assert!(there_and_back(&texts) == there_and_back(&texts));
    }

    #[test]
    fn numbers_of_any_length() {
        let varint_of = |value| {
            let mut out = Vec::new();
            varint(&mut out, value);
            out
        };
        assert_eq!(varint_of(0), [0]);
        assert_eq!(varint_of(127), [127]);
        assert_eq!(varint_of(128), [0x81, 0]);
        assert_eq!(varint_of(u64::MAX), [0xff; 9]);
        assert_eq!(varint_of((1 << 56) - 1).len(), 8);
        assert_eq!(varint_of(1 << 56).len(), 9);
        let int = |n| record(&[Value::Int(n)]);
        assert_eq!(int(1), [2, 9]);
        assert_eq!(int(-2), [2, 1, 0xfe]);
        assert_eq!(int(128), [2, 2, 0, 128]);
        assert_eq!(int(1 << 31), [2, 5, 0, 0, 0x80, 0, 0, 0]);
    }
}
