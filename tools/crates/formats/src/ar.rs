//! ar archives: static libraries and packages of Debian. Also thin ones, whose members lie
//! elsewhere.
//!
//! Names are written in three ways: in the header; in a table, by GNU and SysV; in front of the
//! content, by BSD.

use std::borrow::Cow;
use std::ops::Range;

use crate::{Flaw, ReadAt};

/// What an archive begins with.
pub const MAGIC: &[u8] = b"!<arch>\n";
/// What a thin archive begins with.
pub const THIN_MAGIC: &[u8] = b"!<thin>\n";
/// Bytes of a header.
pub(crate) const HEADER_SIZE: usize = 60;

/// The table of long names; those of the largest libraries stay far below.
const LARGEST_TABLE: u64 = 16 << 20;
/// A name in front of the content.
const LONGEST_NAME: u64 = 4096;

/// The fields of a header: text with spaces behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The name, or where it stands.
    Name,
    /// Seconds since 1970.
    Date,
    /// The number of the owner.
    Owner,
    /// The number of the group.
    Group,
    /// Mode in octal digits.
    Mode,
    /// Bytes of the content.
    Size,
}

impl Field {
    /// Where the field stands in a header.
    pub fn range(self) -> Range<usize> {
        match self {
            Self::Name => 0..16,
            Self::Date => 16..28,
            Self::Owner => 28..34,
            Self::Group => 34..40,
            Self::Mode => 40..48,
            Self::Size => 48..58,
        }
    }
}

/// A member of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member<'a> {
    /// Where the header begins.
    pub at: u64,
    /// The header, [`HEADER_SIZE`] bytes.
    pub header: Cow<'a, [u8]>,
    /// All that belongs to the member behind the header: empty if it lies elsewhere.
    pub body: Range<u64>,
    /// The byte that makes the length even, if there is one.
    pub padding: Option<u64>,
}

impl Member<'_> {
    /// A field, without the spaces behind it.
    pub fn field(&self, field: Field) -> &[u8] {
        self.header[field.range()].trim_ascii_end()
    }

    /// The number in a field of decimal digits; none if the field is empty.
    pub fn number(&self, field: Field) -> Result<Option<u64>, Flaw> {
        let what = match field {
            Field::Name => "the name of a member is no number",
            Field::Date => "the date of a member is no number",
            Field::Owner => "the owner of a member is no number",
            Field::Group => "the group of a member is no number",
            Field::Mode => "the mode of a member is no number",
            Field::Size => "the size of a member is no number",
        };
        match self.field(field) {
            b"" => Ok(None),
            digits => match decimal(digits) {
                Some(number) => Ok(Some(number)),
                None => Err(Flaw::at(self.at + field.range().start as u64, what)),
            },
        }
    }

    /// Whether it is the table of symbols of GNU and SysV.
    pub fn is_symbol_table(&self) -> bool {
        matches!(self.field(Field::Name), b"/" | b"/SYM64/")
    }

    fn is_name_table(&self) -> bool {
        self.field(Field::Name) == b"//"
    }
}

/// A number of decimal digits and nothing else.
fn decimal(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The members of an archive, one after another.
#[derive(Debug)]
pub struct Members<'a, S: ?Sized> {
    source: &'a S,
    at: u64,
    thin: bool,
    /// Where the table of long names is, once it was passed.
    table: Option<Range<u64>>,
    names: Option<Cow<'a, [u8]>>,
}

impl<'a, S: ReadAt + ?Sized> Members<'a, S> {
    /// Begin behind the magic bytes.
    pub fn of(source: &'a S) -> Result<Self, Flaw> {
        let size = source.size();
        let magic = source.read(0..size.min(MAGIC.len() as u64))?;
        let thin = *magic == *THIN_MAGIC;
        if !thin && *magic != *MAGIC {
            return Err(Flaw::at(0, "it does not begin as archives do"));
        }
        Ok(Self {
            source,
            at: MAGIC.len() as u64,
            thin,
            table: None,
            names: None,
        })
    }

    /// The next member; none at the end.
    #[expect(clippy::should_implement_trait, reason = "an error ends the archive")]
    pub fn next(&mut self) -> Result<Option<Member<'a>>, Flaw> {
        let (at, size) = (self.at, self.source.size());
        if at >= size {
            return Ok(None);
        }
        let content = at + HEADER_SIZE as u64;
        if content > size {
            return Err(Flaw::at(at, "the last header is cut short"));
        }
        let mut member = Member {
            at,
            header: self.source.read(at..content)?,
            body: content..content,
            padding: None,
        };
        if &member.header[58..] != b"`\n" {
            return Err(Flaw::at(at + 58, "a header does not end as headers do"));
        }
        let length = member
            .number(Field::Size)?
            .ok_or_else(|| Flaw::at(at + 48, "the size of a member is no number"))?;
        self.at = content;
        // In a thin archive only the tables are here.
        if self.thin && !member.is_symbol_table() && !member.is_name_table() {
            return Ok(Some(member));
        }
        if length > size - content {
            return Err(Flaw::at(
                at + 48,
                "a member reaches beyond the end of the file",
            ));
        }
        let end = content + length;
        member.body = content..end;
        member.padding = (length % 2 == 1 && end < size).then_some(end);
        self.at = end + u64::from(member.padding.is_some());
        if member.is_name_table() {
            self.table = Some(member.body.clone());
            self.names = None;
        }
        Ok(Some(member))
    }

    /// The name of a member that was read from here, and where its content is.
    pub fn name(&mut self, member: &Member) -> Result<(Vec<u8>, Range<u64>), Flaw> {
        let mut body = member.body.clone();
        let stored = member.field(Field::Name);
        if let Some(length) = stored.strip_prefix(b"#1/") {
            let length = decimal(length)
                .filter(|length| *length <= LONGEST_NAME.min(body.end - body.start))
                .ok_or_else(|| Flaw::at(member.at, "a name reaches beyond its member"))?;
            let name = self.source.read(body.start..body.start + length)?;
            body.start += length;
            let end = name.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
            return Ok((name[..end].to_vec(), body));
        }
        if member.is_symbol_table() || member.is_name_table() {
            return Ok((stored.to_vec(), body));
        }
        let mut name = match stored.strip_prefix(b"/").and_then(decimal) {
            Some(offset) => self.long_name(member, offset)?,
            None => stored.to_vec(),
        };
        if name.len() > 1 && name.last() == Some(&b'/') {
            name.pop();
        }
        Ok((name, body))
    }

    /// A name in the table, which ends with a line feed, or with a zero in libraries of Windows.
    fn long_name(&mut self, member: &Member, offset: u64) -> Result<Vec<u8>, Flaw> {
        if self.names.is_none() {
            let table = self.table.clone().unwrap_or_default();
            if table.end - table.start > LARGEST_TABLE {
                return Err(Flaw::at(
                    table.start,
                    "the table of names is larger than 16 MiB",
                ));
            }
            self.names = Some(self.source.read(table)?);
        }
        let names = self.names.as_deref().unwrap_or_default();
        usize::try_from(offset)
            .ok()
            .and_then(|offset| names.get(offset..))
            .and_then(|rest| rest.split(|b| matches!(b, b'\n' | 0)).next())
            .map(<[u8]>::to_vec)
            .ok_or_else(|| Flaw::at(member.at, "a name is not in the table of names"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, size: &str, content: &[u8]) -> Vec<u8> {
        let mut out =
            format!("{name:16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 7, 1, 2, 644).into_bytes();
        out.extend(content);
        if content.len() % 2 == 1 {
            out.push(b'\n');
        }
        out
    }

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for (name, content) in members {
            out.extend(member(name, &content.len().to_string(), content));
        }
        out
    }

    /// Names and contents.
    fn read(data: &[u8]) -> Result<Vec<(String, String)>, Flaw> {
        let mut members = Members::of(data)?;
        let mut found = Vec::new();
        while let Some(member) = members.next()? {
            let (name, content) = members.name(&member)?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            found.push((
                text(&name),
                text(&data[content.start as usize..content.end as usize]),
            ));
        }
        Ok(found)
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(a, b)| ((*a).into(), (*b).into()))
            .collect()
    }

    #[test]
    fn names_of_all_dialects() {
        let data = archive(&[
            ("/", b"\0\0\0\0"),
            ("//", b"a-long-name.o/\nanother.o/\n"),
            ("short.o/", b"odd"),
            ("/15", b"two"),
            ("/0", b""),
            ("plain", b"x"),
            ("#1/8", b"bsd\0\0\0\0\0content"),
        ]);
        assert_eq!(
            read(&data).unwrap()[2..],
            pairs(&[
                ("short.o", "odd"),
                ("another.o", "two"),
                ("a-long-name.o", ""),
                ("plain", "x"),
                ("bsd", "content"),
            ])
        );
        for end in 9..data.len() {
            // An archive may end between its members, and without the last padding.
            let _ = read(&data[..end]);
        }
    }

    #[test]
    fn members_of_thin_archives_lie_elsewhere() {
        let mut data = THIN_MAGIC.to_vec();
        data.extend(member("//", "8", b"lib/a.o\n"));
        data.extend(member("/0", "4096", b""));
        data.extend(member("b.o/", "77", b""));
        assert_eq!(
            read(&data).unwrap()[1..],
            pairs(&[("lib/a.o", ""), ("b.o", "")])
        );
    }

    #[test]
    fn numbers_are_digits_and_lie_in_the_file() {
        for (size, offset) in [("+1", 56), ("", 56), ("0x1", 56), ("99", 56)] {
            let data = [MAGIC, &member("a", size, b"x")].concat();
            match read(&data) {
                Err(Flaw::Malformed { offset: at, .. }) => assert_eq!(at, offset, "{size}"),
                other => panic!("{size}: {other:?}"),
            }
        }
        for name in ["/7", "#1/9", "#1/x"] {
            assert!(read(&archive(&[(name, b"x")])).is_err(), "{name}");
        }
        assert!(read(b"!<arch>").is_err() && read(b"").is_err());
    }
}
