//! The database of installed packages (`rpmdb.sqlite`) as rpm would have left it, if it wrote the
//! same bytes twice.
//!
//! Tables, indexes and what is in them are those of rpm 6.1 (`lib/rpmdb.cc`,
//! `lib/backend/sqlite.cc`). What rpm takes from the machine is fixed: packages are numbered in the
//! order in which they are given, the time of the installation is given, and there is neither a
//! write-ahead log nor a lock file.

use verbatim_formats::rpm::Kind;

use super::installed::Installed;
use super::rich::Rich;
use super::sqlite::{TooLarge, Value, Writer};
use super::tags;

/// How the keys of a table are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// Texts, of which a package has one.
    Text,
    /// Texts, of which a package may have many.
    Texts,
    /// Bytes, which have no index.
    Bytes,
}

/// The tables beside the one with the packages, in the order in which rpm makes them.
const TABLES: [(&str, u32, Keys); 18] = [
    ("Name", tags::NAME, Keys::Text),
    ("Basenames", tags::BASENAMES, Keys::Texts),
    ("Group", tags::GROUP, Keys::Text),
    ("Requirename", tags::REQUIRENAME, Keys::Texts),
    ("Providename", tags::PROVIDENAME, Keys::Texts),
    ("Conflictname", tags::CONFLICTNAME, Keys::Texts),
    ("Obsoletename", tags::OBSOLETENAME, Keys::Texts),
    ("Triggername", tags::TRIGGERNAME, Keys::Texts),
    ("Dirnames", tags::DIRNAMES, Keys::Texts),
    ("Installtid", tags::INSTALLTID, Keys::Bytes),
    ("Sigmd5", tags::SIGMD5, Keys::Bytes),
    ("Sha1header", tags::SHA1HEADER, Keys::Text),
    ("Filetriggername", tags::FILETRIGGERNAME, Keys::Texts),
    (
        "Transfiletriggername",
        tags::TRANSFILETRIGGERNAME,
        Keys::Texts,
    ),
    ("Recommendname", tags::RECOMMENDNAME, Keys::Texts),
    ("Suggestname", tags::SUGGESTNAME, Keys::Texts),
    ("Supplementname", tags::SUPPLEMENTNAME, Keys::Texts),
    ("Enhancename", tags::ENHANCENAME, Keys::Texts),
];

/// Flags of a requirement that counts during an installation only: before and after it, and what
/// rpm itself must be able to do (`isTransientReq` of rpm 6.1).
const INSTALLING: u64 = 1 << 5 | 1 << 7 | 1 << 9 | 1 << 10 | 1 << 24 | 1 << 26;
/// Flags of one that counts when the package is removed, and of one that is no order.
const LASTING: u64 = 1 << 11 | 1 << 12 | 1 << 20 | 1 << 21 | 1 << 29;

/// Write the database of these packages.
pub(super) fn write(packages: &[Installed<'_>]) -> Result<Vec<u8>, TooLarge> {
    let blobs: Vec<Vec<u8>> = packages.iter().map(Installed::blob).collect();
    let mut writer = Writer::new();
    writer.table(
        "Packages",
        "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)",
        (1..)
            .zip(&blobs)
            .map(|(number, blob)| (number, vec![Value::Null, Value::Blob(blob)])),
    )?;
    let count = vec![Value::Text(b"Packages"), Value::Int(blobs.len() as i64)];
    writer.table(
        "sqlite_sequence",
        "CREATE TABLE sqlite_sequence(name,seq)",
        [(1, count)].into_iter(),
    )?;
    for (name, tag, keys) in TABLES {
        let rows: Vec<Row> = (1..)
            .zip(packages)
            .flat_map(|(number, package)| rows(package, tag, number))
            .collect();
        table(&mut writer, name, keys, &rows)?;
    }
    writer.finish()
}

/// A row of a table: a key, the number of the package, and a place in the package.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    key: Vec<u8>,
    package: i64,
    place: i64,
}

/// What a package has in a table (`tag2index` of rpm 6.1).
fn rows(package: &Installed<'_>, tag: u32, number: i64) -> Vec<Row> {
    let Some((kind, count, values)) = package.raw(tag) else {
        // Every package is in a group.
        let unknown = (tag == tags::GROUP).then(|| Row {
            key: b"Unknown".to_vec(),
            package: number,
            place: 0,
        });
        return unknown.into_iter().collect();
    };
    let row = |key: &[u8], place: u64| Row {
        key: key.to_vec(),
        package: number,
        place: place as i64,
    };
    let count = match kind {
        // Numbers are keys in the order of the bytes of the machine: of all that matter by now.
        Kind::Int32 => {
            let little: Vec<u8> = values.iter().rev().copied().collect();
            return vec![row(&little, 0)];
        }
        Kind::Text | Kind::Texts => count,
        // The one in no language.
        Kind::Translated => 1,
        _ => return vec![row(values, 0)],
    };
    let header = package.header();
    let flags: Vec<u64> = match tag {
        tags::REQUIRENAME => header.numbers(tags::REQUIREFLAGS).collect(),
        _ => Vec::new(),
    };
    let places: Vec<u64> = match tag {
        tags::FILETRIGGERNAME => header.numbers(tags::FILETRIGGERINDEX).collect(),
        tags::TRANSFILETRIGGERNAME => header.numbers(tags::TRANSFILETRIGGERINDEX).collect(),
        _ => Vec::new(),
    };
    let mut rows = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (i, key) in values.split(|&b| b == 0).take(count).enumerate() {
        let passing = flags
            .get(i)
            .is_some_and(|&f| f & INSTALLING != 0 && f & LASTING == 0);
        let again = tag == tags::TRIGGERNAME && !seen.insert(key);
        if passing || again {
            continue;
        }
        let place = places.get(i).copied().unwrap_or(i as u64);
        rows.push(row(key, place));
        if kind == Kind::Texts && key.starts_with(b"(") && may_be_rich(tag) {
            let rich = std::str::from_utf8(key).ok().map(Rich::parse);
            if let Some(Ok(rich)) = rich {
                let names = rich.index_names();
                rows.extend(names.iter().map(|name| row(name.as_bytes(), place)));
            }
        }
    }
    rows
}

fn may_be_rich(tag: u32) -> bool {
    matches!(
        tag,
        tags::REQUIRENAME
            | tags::CONFLICTNAME
            | tags::SUGGESTNAME
            | tags::SUPPLEMENTNAME
            | tags::RECOMMENDNAME
            | tags::ENHANCENAME
    )
}

fn table(writer: &mut Writer, name: &str, keys: Keys, rows: &[Row]) -> Result<(), TooLarge> {
    let kind = match keys {
        Keys::Bytes => "BLOB",
        Keys::Text | Keys::Texts => "TEXT",
    };
    let numbered = || (1..).zip(rows);
    writer.table(
        name,
        &format!("CREATE TABLE '{name}' (key '{kind}' NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL, FOREIGN KEY (hnum) REFERENCES 'Packages'(hnum))"),
        numbered().map(|(number, row)| {
            let key = match keys {
                Keys::Bytes => Value::Blob(&row.key),
                Keys::Text | Keys::Texts => Value::Text(&row.key),
            };
            (number, vec![key, Value::Int(row.package), Value::Int(row.place)])
        }),
    )?;
    let sql =
        |column: &str| format!("CREATE INDEX '{name}_{column}_idx' ON '{name}'({column} ASC)");
    if keys != Keys::Bytes {
        let mut sorted: Vec<(&[u8], i64)> = numbered().map(|(n, row)| (&row.key[..], n)).collect();
        sorted.sort_unstable();
        let entries = sorted.into_iter().map(|(key, n)| (Value::Text(key), n));
        writer.index(&format!("{name}_key_idx"), name, &sql("key"), entries)?;
    }
    if keys == Keys::Texts {
        // Rows are in the order of the packages already.
        let entries = numbered().map(|(n, row)| (Value::Int(row.package), n));
        writer.index(&format!("{name}_hnum_idx"), name, &sql("hnum"), entries)?;
    }
    Ok(())
}
