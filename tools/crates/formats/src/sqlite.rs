//! A reader of SQLite 3 databases (<https://www.sqlite.org/fileformat2.html>): tables and their
//! rows, and nothing of what speeds up finding them.
//!
//! SQLite itself is not asked: it opens files and writes beside them, it reads as little as it
//! needs and trusts the rest, and it would be the one part of the program that is not Rust and
//! no codec. Here a damaged tree is none (`None`), and each page is read once at most.

use std::ops::Range;

/// How deep trees may be; SQLite stops at 20.
const DEPTH: usize = 20;
/// Columns of a table; SQLite allows 32,767 at most.
const COLUMNS: usize = 32_767;

/// A value of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number.
    Int(i64),
    /// Any number.
    Real(f64),
    /// A text in any encoding.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Value {
    /// Bytes that tell this value from others.
    pub fn key(&self, into: &mut Vec<u8>) {
        let (kind, bytes): (u8, &[u8]) = match self {
            Self::Null => (0, &[]),
            Self::Int(n) => (1, &n.to_le_bytes()),
            Self::Real(n) => (2, &n.to_bits().to_le_bytes()),
            Self::Text(text) => (3, text.as_bytes()),
            Self::Blob(bytes) => (4, bytes),
        };
        into.push(kind);
        into.extend((bytes.len() as u64).to_le_bytes());
        into.extend_from_slice(bytes);
    }
}

/// A row: its number (0 in tables without), and its columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The number, which SQLite calls `rowid`.
    pub id: i64,
    /// The columns in their order.
    pub values: Vec<Value>,
}

/// A row of `sqlite_schema`.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// `table`, `index`, `view` or `trigger`.
    pub kind: String,
    /// What it is called.
    pub name: String,
    /// The statement that made it.
    pub sql: String,
    root: u64,
}

/// A database, of which each page is read once at most.
pub struct Database<'a> {
    data: &'a [u8],
    page_size: usize,
    usable: usize,
    encoding: u32,
    visited: Vec<bool>,
    /// What there is.
    pub schema: Vec<Entry>,
}

impl<'a> Database<'a> {
    /// `None` if it is no database, or none that can be read.
    pub fn open(data: &'a [u8]) -> Option<Self> {
        if !data.starts_with(b"SQLite format 3\0") || data.len() < 512 {
            return None;
        }
        let page_size = match u16::from_be_bytes([data[16], data[17]]) {
            1 => 65_536,
            size if size.is_power_of_two() && size >= 512 => usize::from(size),
            _ => return None,
        };
        let mut database = Self {
            data,
            page_size,
            usable: page_size
                .checked_sub(data[20].into())
                .filter(|&n| n >= 480)?,
            encoding: 0,
            visited: vec![false; data.len() / page_size],
            schema: Vec::new(),
        };
        database.encoding = database.field(56);
        for row in database.rows(1)? {
            let text = |i: usize| match row.values.get(i) {
                Some(Value::Text(text)) => text.clone(),
                _ => String::new(),
            };
            let root = match row.values.get(3) {
                Some(Value::Int(n)) => u64::try_from(*n).ok()?,
                _ => 0,
            };
            let (kind, name, sql) = (text(0), text(1), text(4));
            database.schema.push(Entry {
                kind,
                name,
                sql,
                root,
            });
        }
        Some(database)
    }

    /// A number of four bytes in the header of the file.
    pub fn field(&self, at: usize) -> u32 {
        let bytes = self.data.get(at..at + 4).and_then(|b| b.try_into().ok());
        u32::from_be_bytes(bytes.unwrap_or_default())
    }

    /// The header of the file, 100 bytes.
    pub fn header(&self) -> &'a [u8] {
        &self.data[..100]
    }

    /// All rows of a table, in the order of the tree; `None` if it is damaged.
    pub fn table(&mut self, entry: &Entry) -> Option<Vec<Row>> {
        if entry.root == 0 {
            // A virtual table: its rows are in others, or nowhere.
            return Some(Vec::new());
        }
        self.rows(entry.root)
    }

    /// A page that was not read before.
    fn page(&mut self, number: u64) -> Option<(&'a [u8], usize)> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        let visited = self.visited.get_mut(index)?;
        if std::mem::replace(visited, true) {
            return None;
        }
        let start = index * self.page_size;
        let page = self.data.get(start..start + self.page_size)?;
        // The first page begins with the header of the file.
        Some((page, if index == 0 { 100 } else { 0 }))
    }

    fn rows(&mut self, root: u64) -> Option<Vec<Row>> {
        let mut rows = Vec::new();
        self.tree(root, 0, &mut rows)?;
        Some(rows)
    }

    fn tree(&mut self, number: u64, depth: usize, rows: &mut Vec<Row>) -> Option<()> {
        if depth > DEPTH {
            return None;
        }
        let (page, header) = self.page(number)?;
        let kind = page[header];
        let (interior, is_table) = match kind {
            2 => (true, false),
            5 => (true, true),
            10 => (false, false),
            13 => (false, true),
            _ => return None,
        };
        let count = usize::from(be16(page, header + 3)?);
        let pointers = header + if interior { 12 } else { 8 };
        for i in 0..count {
            let mut at = usize::from(be16(page, pointers + 2 * i)?);
            if interior {
                self.tree(be32(page, at)?.into(), depth + 1, rows)?;
                at += 4;
            }
            if interior && is_table {
                continue;
            }
            let (length, n) = varint(page.get(at..)?)?;
            at += n;
            let mut id = 0;
            if is_table {
                let (number, n) = varint(page.get(at..)?)?;
                id = number as i64;
                at += n;
            }
            let payload = self.payload(page, at, length, is_table)?;
            rows.push(Row {
                id,
                values: self.record(&payload)?,
            });
        }
        if interior {
            self.tree(be32(page, header + 8)?.into(), depth + 1, rows)?;
        }
        Some(())
    }

    /// The bytes of a cell, with those on pages of overflow.
    fn payload(&mut self, page: &[u8], at: usize, length: u64, is_table: bool) -> Option<Vec<u8>> {
        let length = usize::try_from(length).ok()?;
        (length <= self.data.len()).then_some(())?;
        let most = match is_table {
            true => self.usable - 35,
            false => (self.usable - 12) * 64 / 255 - 23,
        };
        if length <= most {
            return Some(page.get(at..at + length)?.to_vec());
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let some = least + (length - least) % (self.usable - 4);
        let local = if some <= most { some } else { least };
        let mut bytes = page.get(at..at + local)?.to_vec();
        let mut next = be32(page, at + local)?;
        while bytes.len() < length {
            let (page, _) = self.page(next.into())?;
            let n = (length - bytes.len()).min(self.usable - 4);
            bytes.extend_from_slice(page.get(4..4 + n)?);
            next = be32(page, 0)?;
        }
        Some(bytes)
    }

    fn record(&self, payload: &[u8]) -> Option<Vec<Value>> {
        let (length, n) = varint(payload)?;
        let mut header = payload.get(n..usize::try_from(length).ok()?)?;
        let mut body = &payload[usize::try_from(length).ok()?..];
        let mut values = Vec::new();
        while !header.is_empty() {
            let (kind, n) = varint(header)?;
            header = &header[n..];
            let size = match kind {
                0 | 8 | 9 => 0,
                1..=4 => kind as usize,
                5 => 6,
                6 | 7 => 8,
                10 | 11 => return None,
                _ => usize::try_from((kind - 12) / 2).ok()?,
            };
            let (bytes, rest) = body.split_at_checked(size)?;
            body = rest;
            (values.len() < COLUMNS).then_some(())?;
            values.push(match kind {
                0 => Value::Null,
                1..=6 => Value::Int(int(bytes)),
                7 => Value::Real(f64::from_bits(int(bytes) as u64)),
                8 => Value::Int(0),
                9 => Value::Int(1),
                _ if kind % 2 == 0 => Value::Blob(bytes.to_vec()),
                _ => Value::Text(self.text(bytes)),
            });
        }
        Some(values)
    }

    fn text(&self, bytes: &[u8]) -> String {
        let units = |convert: fn([u8; 2]) -> u16| -> String {
            let units: Vec<u16> = bytes
                .chunks_exact(2)
                .map(|b| convert([b[0], b[1]]))
                .collect();
            String::from_utf16_lossy(&units)
        };
        match self.encoding {
            2 => units(u16::from_le_bytes),
            3 => units(u16::from_be_bytes),
            _ => String::from_utf8_lossy(bytes).into_owned(),
        }
    }
}

fn be16(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(data.get(at..at + 2)?.try_into().ok()?))
}

fn be32(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?))
}

/// A number of one to eight bytes with a sign.
fn int(bytes: &[u8]) -> i64 {
    let sign = bytes
        .first()
        .map_or(0, |&b| if b & 0x80 != 0 { -1 } else { 0 });
    bytes.iter().fold(sign, |n, &b| (n << 8) | i64::from(b))
}

/// A number of one to nine bytes, and how many.
fn varint(data: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for i in 0..8 {
        let byte = *data.get(i)?;
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, i + 1));
        }
    }
    Some(((value << 8) | u64::from(*data.get(8)?), 9))
}

/// The names of the columns in a `CREATE TABLE` statement, as far as they can be told.
pub fn columns(sql: &str) -> Vec<String> {
    let Some(body) = sql.find('(').map(|at| &sql[at + 1..]) else {
        return Vec::new();
    };
    let mut parts: Vec<Range<usize>> = Vec::new();
    let (mut depth, mut quote, mut start) = (0_i32, None, 0);
    for (at, c) in body.char_indices() {
        match (quote, c) {
            (Some(end), _) if c == end => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '[') => quote = Some(']'),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => {
                parts.push(start..at);
                break;
            }
            (None, ')') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    let name = |part: &str| -> Option<String> {
        let part = part.trim();
        let name = match part.chars().next()? {
            quote @ ('"' | '`' | '[' | '\'') => {
                let end = if quote == '[' { ']' } else { quote };
                part[1..].split(end).next()?
            }
            _ => part.split(|c: char| c.is_whitespace() || c == '(').next()?,
        };
        let constraint = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"]
            .iter()
            .any(|word| name.eq_ignore_ascii_case(word));
        (!constraint).then(|| name.to_owned())
    };
    parts
        .into_iter()
        .filter_map(|part| name(&body[part]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_variable_length() {
        assert_eq!(varint(&[0x7f]), Some((127, 1)));
        assert_eq!(varint(&[0x81, 0x00]), Some((128, 2)));
        assert_eq!(varint(&[0xff; 9]), Some((u64::MAX, 9)));
        assert_eq!(varint(&[0xff; 3]), None);
        assert_eq!(int(&[0xff, 0xfe]), -2);
        assert_eq!(int(&[0x01, 0x00]), 256);
    }

    #[test]
    fn names_of_columns() {
        let sql = "CREATE TABLE t(id INTEGER PRIMARY KEY, \"built at\" TEXT DEFAULT ('a,b'), [c] , d NUMERIC(4, 2), PRIMARY KEY(id))";
        assert_eq!(columns(sql), ["id", "built at", "c", "d"]);
        assert_eq!(columns("CREATE VIRTUAL TABLE"), [""; 0]);
    }
}
