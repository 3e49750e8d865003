//! SQLite databases: row by row, whatever page a row is on.

mod value;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use verbatim_formats::rpm::Header;
use verbatim_formats::sqlite::{columns, Database, Entry, Row, Value};

use super::rpm;
use super::seen::{shown, Seen};
use super::strings;
use crate::{Cause, Comparison};

/// Fields of the header that say how the file is laid out, and where they are.
const LAYOUT: &[(&str, std::ops::Range<usize>)] = &[
    ("the page size", 16..18),
    ("the journal mode", 18..20),
    ("the reserved space of pages", 20..21),
    ("the number of pages", 28..32),
    ("the list of free pages", 32..40),
    ("the schema format", 44..48),
    ("the mode of vacuum", 52..56),
    ("the text encoding", 56..60),
    ("the incremental vacuum", 64..68),
];

/// Compare two databases; `None` if one is none, or damaged.
pub(super) fn compare(name: &str, left: &[u8], right: &[u8]) -> Option<Comparison> {
    let (mut l, mut r) = (Database::open(left)?, Database::open(right)?);
    let mut seen = Seen::default();
    // Databases of package managers list what is installed in the order of installing.
    let of_packages = is_of_packages(name);
    let mut only_order = Cause::HashOrder;
    if of_packages {
        only_order = Cause::PackageDatabase;
    }
    schema(&mut seen, &l, &r);
    let tables = |database: &Database| -> Vec<Entry> {
        let tables = database.schema.iter().filter(|e| e.kind == "table");
        tables.cloned().collect()
    };
    let on_right: HashMap<String, Entry> = tables(&r)
        .into_iter()
        .map(|entry| (entry.name.clone(), entry))
        .collect();
    // What SQLite itself notes of the rows comes last: it follows from them.
    let (own, others): (Vec<Entry>, Vec<Entry>) = tables(&l)
        .into_iter()
        .partition(|entry| entry.name.starts_with("sqlite_"));
    let mut found = None;
    let is_rpm = others
        .iter()
        .any(|e| e.name == "Packages" && columns(&e.sql) == ["hnum", "blob"]);
    for entry in others.iter().chain(&own) {
        let Some(other) = on_right.get(&entry.name) else {
            continue;
        };
        let (a, b) = (l.table(entry)?, r.table(other)?);
        let derived = is_rpm && entry.name != "Packages" || entry.name.starts_with("sqlite_");
        if derived && !seen.is_empty() {
            continue;
        }
        if a == b {
            continue;
        }
        if is_rpm && entry.name == "Packages" {
            found = packages(&mut seen, &a, &b);
            if found.is_some() {
                continue;
            }
        }
        rows(&mut seen, entry, &a, &b, only_order, of_packages);
    }
    header(&mut seen, &l, &r, of_packages || is_rpm);
    seen.finish(if is_rpm && found.is_some() {
        "rpmdb"
    } else {
        "sqlite"
    })
}

/// Where package managers keep their databases.
fn is_of_packages(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    let file = parts.last().copied().unwrap_or_default();
    file.starts_with("rpmdb.sqlite")
        || parts.iter().any(|part| {
            [
                "rpm",
                "dnf",
                "libdnf5",
                "yum",
                "pacman",
                "zypp",
                "PackageKit",
                "swdb",
            ]
            .contains(part)
        })
}

fn schema(seen: &mut Seen, l: &Database, r: &Database) {
    if l.schema == r.schema {
        return;
    }
    let key = |e: &Entry| (e.kind.clone(), e.name.clone());
    let list = |d: &Database| -> Vec<((String, String), String)> {
        d.schema.iter().map(|e| (key(e), e.sql.clone())).collect()
    };
    let (a, b) = (list(l), list(r));
    let (mut x, mut y) = (a.clone(), b.clone());
    x.sort();
    y.sort();
    if x == y {
        // Vacuum puts indexes behind all tables, but leaves the order within each kind.
        let of_kind = |list: &[((String, String), String)], kind: &str| -> Vec<String> {
            let kind = list.iter().filter(|((k, _), _)| k == kind);
            kind.map(|((_, name), _)| name.clone()).collect()
        };
        for kind in ["table", "index"] {
            let (a, b) = (of_kind(&a, kind), of_kind(&b, kind));
            if a != b {
                let evidence = format!("the same {}, made in another order", a.len());
                seen.add(Cause::HashOrder, format!("schema, {kind}"), evidence);
            }
        }
        return;
    }
    let of_right: HashMap<_, _> = b.iter().cloned().collect();
    let of_left: BTreeSet<_> = a.iter().map(|(key, _)| key.clone()).collect();
    for ((kind, name), sql) in &a {
        match of_right.get(&(kind.clone(), name.clone())) {
            Some(other) if other != sql => {
                let pair = strings::explain(sql, other);
                seen.add(pair.cause, format!("{kind} {name}"), pair.evidence());
            }
            Some(_) => {}
            None => seen.add(
                Cause::SourceChange,
                format!("{kind} {name}"),
                "only on the left side",
            ),
        }
    }
    for ((kind, name), _) in b.iter().filter(|(key, _)| !of_left.contains(key)) {
        seen.add(
            Cause::SourceChange,
            format!("{kind} {name}"),
            "only on the right side",
        );
    }
}

/// A row without its number, as bytes.
fn key(row: &Row, with_id: bool) -> Vec<u8> {
    let mut key = Vec::new();
    if with_id {
        key.extend(row.id.to_le_bytes());
    }
    for value in &row.values {
        value.key(&mut key);
    }
    key
}

fn rows(
    seen: &mut Seen,
    entry: &Entry,
    left: &[Row],
    right: &[Row],
    only_order: Cause,
    of_packages: bool,
) {
    let at = format!("table {}", entry.name);
    let keys = |rows: &[Row]| -> Vec<Vec<u8>> { rows.iter().map(|row| key(row, false)).collect() };
    let (a, b) = (keys(left), keys(right));
    if a == b {
        let evidence =
            "the same rows in the same order, with other numbers: rows were taken out in between";
        let cause = if of_packages {
            Cause::PackageDatabase
        } else {
            Cause::Unexplained
        };
        seen.add(cause, at, evidence);
        return;
    }
    let (mut x, mut y) = (a.clone(), b.clone());
    x.sort_unstable();
    y.sort_unstable();
    if x == y {
        let first = a.iter().zip(&b).position(|(a, b)| a != b).unwrap_or(0);
        let evidence = format!(
            "the same {} rows in another order, from number {} on",
            a.len(),
            first + 1
        );
        seen.add(only_order, at, evidence);
        return;
    }
    let (only_left, only_right) = (only(left, right), only(right, left));
    let names = columns(&entry.sql);
    if let Some((pairs, shuffled)) = pairs(&only_left, &only_right) {
        if shuffled {
            let evidence = format!(
                "the same {} rows, as far as they have names, in another order",
                pairs.len()
            );
            seen.add(only_order, at.clone(), evidence);
        }
        for (l, r) in pairs {
            if l.id != r.id && !shuffled && value::id_column(&entry.sql) {
                let cause = value::of_numbers("id", l.id, r.id);
                seen.add(cause, at.clone(), format!("row {} → row {}", l.id, r.id));
            }
            for (i, (x, y)) in l.values.iter().zip(&r.values).enumerate() {
                if x == y {
                    continue;
                }
                let column = names.get(i).map_or("", String::as_str);
                let (cause, evidence) = value::cause_of(column, x, y);
                let at = match column {
                    "" => format!("{at}, row {}, column {}", l.id, i + 1),
                    _ => format!("{at}, row {}, column {column}", l.id),
                };
                seen.add(cause, at, evidence);
            }
        }
        return;
    }
    for (rows, what) in [
        (&only_left, "only on the left side"),
        (&only_right, "only on the right side"),
    ] {
        for row in rows.iter().take(2) {
            let values: Vec<String> = row.values.iter().take(4).map(value::text).collect();
            let cause = if of_packages {
                Cause::PackageChange
            } else {
                Cause::SourceChange
            };
            let evidence = format!("row {} ({}) is {what}", row.id, shown(&values.join(", ")));
            seen.add(cause, at.clone(), evidence);
        }
    }
}

/// The rows that only one side has.
fn only<'a>(these: &'a [Row], those: &[Row]) -> Vec<&'a Row> {
    let mut count: HashMap<Vec<u8>, usize> = HashMap::new();
    for row in those {
        *count.entry(key(row, true)).or_default() += 1;
    }
    let mut only: Vec<&Row> = these.iter().collect();
    only.retain(|row| match count.get_mut(&key(row, true)) {
        Some(n) if *n > 0 => {
            *n -= 1;
            false
        }
        _ => true,
    });
    only
}

/// Rows that stand for each other.
type Pairs<'a> = Vec<(&'a Row, &'a Row)>;

/// Which row stands for which: as many in one order, or those of one name, if a column names
/// each row once and both sides have the same names. Also whether the order is another.
fn pairs<'a>(left: &[&'a Row], right: &[&'a Row]) -> Option<(Pairs<'a>, bool)> {
    let columns = left.first()?.values.len();
    let shaped = left
        .iter()
        .chain(right)
        .all(|row| row.values.len() == columns);
    if left.len() != right.len() || !shaped {
        return None;
    }
    for column in 0..columns {
        let by_name = |rows: &[&'a Row]| -> Option<BTreeMap<&'a str, &'a Row>> {
            let named = rows.iter().map(|row| match &row.values[column] {
                Value::Text(text) => Some((text.as_str(), *row)),
                _ => None,
            });
            named.collect()
        };
        let (Some(a), Some(b)) = (by_name(left), by_name(right)) else {
            continue;
        };
        if a.len() == left.len() && a.keys().eq(b.keys()) {
            let shuffled = left
                .iter()
                .zip(right)
                .any(|(l, r)| l.values[column] != r.values[column]);
            return Some((a.into_values().zip(b.into_values()).collect(), shuffled));
        }
    }
    let pairs = left.iter().copied().zip(right.iter().copied());
    Some((pairs.collect(), false))
}

/// The headers of the packages that are installed; `None` if they are no headers.
fn packages(seen: &mut Seen, left: &[Row], right: &[Row]) -> Option<()> {
    let headers = |rows: &[Row]| -> Option<Vec<Header>> {
        let header = |row: &Row| match row.values.get(1) {
            Some(Value::Blob(blob)) => Header::read(blob).ok().map(|(header, _)| header),
            _ => None,
        };
        rows.iter().map(header).collect()
    };
    rpm::packages(seen, &headers(left)?, &headers(right)?);
    Some(())
}

/// What the header says of the file, if the rows do not differ.
fn header(seen: &mut Seen, l: &Database, r: &Database, of_packages: bool) {
    let (version, other) = (l.field(96), r.field(96));
    if version != other {
        let text = |n: u32| format!("{}.{}.{}", n / 1_000_000, n / 1000 % 1000, n % 1000);
        let evidence = format!("written by SQLite {} → {}", text(version), text(other));
        seen.add(Cause::ToolchainVersion, "header", evidence);
    }
    for (what, at) in [("user version", 60), ("application ID", 68)] {
        let (a, b) = (l.field(at), r.field(at));
        if a != b {
            let cause = value::of_numbers("", a.into(), b.into());
            seen.add(cause, "header", format!("{what} {a} → {b}"));
        }
    }
    if !seen.is_empty() {
        return;
    }
    let (a, b) = (l.header(), r.header());
    let layout: Vec<&str> = LAYOUT
        .iter()
        .filter(|(_, at)| a[at.clone()] != b[at.clone()])
        .map(|(what, _)| *what)
        .collect();
    let (changes, others) = (l.field(24), r.field(24));
    let mut evidence = "all rows are the same".to_owned();
    if !layout.is_empty() {
        evidence.push_str(&format!(", {} differ", layout.join(" and ")));
    } else {
        evidence.push_str(", their pages are laid out in another way");
    }
    if changes != others {
        evidence.push_str(&format!("; {changes} → {others} transactions wrote them"));
    }
    let cause = match of_packages {
        true => Cause::PackageDatabase,
        false => Cause::Unexplained,
    };
    seen.add(cause, "header", evidence);
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const PAGE: usize = 512;

    /// A cell of a table: number, and texts of less than 50 bytes.
    fn cell(id: u8, texts: &[&str]) -> Vec<u8> {
        let mut record = vec![1 + texts.len() as u8];
        record.extend(texts.iter().map(|text| 13 + 2 * text.len() as u8));
        for text in texts {
            record.extend_from_slice(text.as_bytes());
        }
        [&[record.len() as u8, id][..], &record].concat()
    }

    /// A page of cells, which begin behind `header`.
    fn page(header: usize, cells: &[Vec<u8>]) -> Vec<u8> {
        let mut page = vec![0; PAGE];
        page[header] = 13;
        page[header + 4] = cells.len() as u8;
        let mut end = PAGE;
        for (i, cell) in cells.iter().enumerate() {
            end -= cell.len();
            page[end..end + cell.len()].copy_from_slice(cell);
            let pointer = header + 8 + 2 * i;
            page[pointer..pointer + 2].copy_from_slice(&(end as u16).to_be_bytes());
        }
        page
    }

    /// A database of one table with two columns.
    pub(in crate::binary) fn database(rows: &[[&str; 2]]) -> Vec<u8> {
        let sql = "CREATE TABLE t(k, v)";
        let mut schema = cell(1, &["table", "t", "t", "", sql]);
        // The root page is a number of one byte.
        schema[2 + 4] = 1;
        let texts = "tablett".len();
        schema.insert(2 + 6 + texts, 2);
        schema[0] += 1;
        let mut first = page(100, &[schema]);
        first[..16].copy_from_slice(b"SQLite format 3\0");
        first[16..18].copy_from_slice(&(PAGE as u16).to_be_bytes());
        first[18..24].copy_from_slice(&[1, 1, 0, 64, 32, 32]);
        first[59] = 1;
        let cells: Vec<Vec<u8>> = (1..).zip(rows).map(|(id, row)| cell(id, row)).collect();
        [first, page(0, &cells)].concat()
    }

    #[test]
    fn rows_tell_why() {
        let plain = database(&[["a", "2024-01-02"], ["b", "red"]]);
        let causes = |other: &[u8]| -> Vec<Cause> {
            let found = compare("x.db", &plain, other).unwrap().findings;
            found.iter().map(|f| f.cause).collect()
        };
        let other = database(&[["a", "2024-05-06"], ["b", "red"]]);
        assert_eq!(causes(&other), [Cause::Timestamp]);
        let other = database(&[["b", "red"], ["a", "2024-01-02"]]);
        assert_eq!(causes(&other), [Cause::HashOrder]);
        let found = compare("var/lib/rpm/x.db", &plain, &other).unwrap();
        assert_eq!(found.findings[0].cause, Cause::PackageDatabase);
        let other = database(&[["a", "2024-01-02"], ["b", "blue"]]);
        assert_eq!(causes(&other), [Cause::SourceChange]);
        let mut other = plain.clone();
        other[99] = 7;
        assert_eq!(causes(&other), [Cause::ToolchainVersion]);
    }

    #[test]
    fn a_tree_that_bites_its_tail_is_left_alone() {
        let plain = database(&[["a", "x"]]);
        let mut circle = plain.clone();
        // The page of the table becomes an inner one whose child is itself.
        circle[PAGE..PAGE + 12].copy_from_slice(&[5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(compare("x.db", &plain, &circle), None);
        // Two tables with one root.
        circle[PAGE + 11] = 1;
        assert_eq!(compare("x.db", &plain, &circle), None);
    }
}
