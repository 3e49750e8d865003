//! RPM packages and the database of those that are installed: tag by tag.

use std::collections::BTreeMap;

use verbatim_formats::rpm::{Header, Layout, Values, LEAD};

use super::seen::{shown, Seen};
use super::strings;
use crate::{Cause, Comparison};

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const ARCH: u32 = 1022;
const REQUIREFLAGS: u32 = 1048;
const REQUIRENAME: u32 = 1049;
const REQUIREVERSION: u32 = 1050;

/// What is known of a tag.
enum Tag {
    /// It varies by this cause.
    Varies(Cause),
    /// It follows from others: digests and sizes.
    Follows,
    /// Its text tells.
    Text,
}

/// Tags and their names, as `rpm --querytags` has them, and what they tell.
fn tag(number: u32) -> (&'static str, Tag) {
    use Tag::{Follows, Varies};
    match number {
        1006 => ("BUILDTIME", Varies(Cause::Timestamp)),
        1007 => ("BUILDHOST", Varies(Cause::Hostname)),
        1008 => ("INSTALLTIME", Varies(Cause::Timestamp)),
        1034 => ("FILEMTIMES", Varies(Cause::Timestamp)),
        1128 => ("INSTALLTID", Varies(Cause::Timestamp)),
        1030 => ("FILEMODES", Varies(Cause::Mode)),
        1039 => ("FILEUSERNAME", Varies(Cause::Owner)),
        1040 => ("FILEGROUPNAME", Varies(Cause::Owner)),
        1064 => ("RPMVERSION", Varies(Cause::ToolchainVersion)),
        1015 => ("PACKAGER", Tag::Text),
        1094 => ("COOKIE", Tag::Text),
        1095 => ("FILEDEVICES", Varies(Cause::ArchiveHeader)),
        1096 => ("FILEINODES", Varies(Cause::ArchiveHeader)),
        1125 => ("PAYLOADCOMPRESSOR", Varies(Cause::Compression)),
        1126 => ("PAYLOADFLAGS", Varies(Cause::Compression)),
        1035 => ("FILEDIGESTS", Varies(Cause::SourceChange)),
        1028 => ("FILESIZES", Varies(Cause::SourceChange)),
        1117 => ("BASENAMES", Tag::Text),
        259 | 262 | 267 | 268 | 278 => ("signature", Varies(Cause::Signature)),
        257
        | 261
        | 269
        | 270
        | 271
        | 273..=277
        | 1009
        | 1046
        | 1146
        | 5092..=5093
        | 5097
        | 5112..=5113
        | 5116..=5130 => ("digests and sizes", Follows),
        _ => ("", Tag::Text),
    }
}

/// Compare two packages; `None` if one is none, or damaged.
pub(super) fn compare(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let (l, r) = (Package::read(left)?, Package::read(right)?);
    let mut seen = Seen::default();
    headers(&mut seen, "", &l.header, &r.header, Files::Told);
    // Numbers mean other things in the signature: what is no digest there is a signature.
    for (number, values) in &l.signature.tags {
        let is_digest =
            [1000, 1004, 1007, 1008].contains(number) || matches!(tag(*number).1, Tag::Follows);
        if !is_digest
            && r.signature
                .tags
                .get(number)
                .is_some_and(|other| other != values)
            && seen.is_empty()
        {
            let evidence = "the signature differs, what is signed does not".to_owned();
            seen.add(Cause::Signature, "signature header", evidence);
        }
    }
    let signed =
        |package: &Package| -> Vec<u32> { package.signature.tags.keys().copied().collect() };
    if seen.is_empty() && signed(&l) != signed(&r) {
        let evidence = "one side is signed in another way, what is signed does not differ";
        seen.add(Cause::Signature, "signature header", evidence);
    }
    if seen.is_empty() && l.payload != r.payload {
        let evidence = "the files have the same digests, but they are packed in other bytes";
        seen.add(Cause::Compression, "payload", evidence);
    }
    if seen.is_empty() && left[..LEAD as usize] != right[..LEAD as usize] {
        seen.add(Cause::ArchiveHeader, "lead", "the first 96 bytes differ");
    }
    seen.finish("rpm")
}

struct Package<'a> {
    signature: Header,
    header: Header,
    payload: &'a [u8],
}

impl<'a> Package<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        let layout = Layout::find(data).ok()?;
        let part = |from: u64, to: u64| &data[from as usize..to as usize];
        let header = |at: &std::ops::Range<u64>| -> Option<Header> {
            Some(Header::read(part(at.start, at.end)).ok()?.0)
        };
        Some(Self {
            signature: header(&layout.signature)?,
            header: header(&layout.header)?,
            payload: part(layout.payload, data.len() as u64),
        })
    }
}

/// Compare two packages whose files are compared by the caller, who gives no more of each than is
/// in front of the files. What the header says of the files follows from them, and so do
/// signatures; `None` if nothing else differs.
pub fn compare_heads(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let (l, r) = (Package::read(left)?, Package::read(right)?);
    let mut seen = Seen::default();
    headers(&mut seen, "", &l.header, &r.header, Files::Compared);
    seen.finish("rpm")
}

/// Whether what the header says of the files tells more than others do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Files {
    /// It is all that is known of them.
    Told,
    /// They are compared themselves.
    Compared,
}

impl Files {
    /// Whether a tag follows from the files. Lists of what only the header has of them (owners by
    /// name, flags) do so only if there are more files on one side.
    fn explain(self, number: u32, left: Option<&Values>, right: Option<&Values>) -> bool {
        let count = |values: Option<&Values>| match values {
            Some(Values::Numbers(numbers)) => numbers.len(),
            Some(Values::Texts(texts)) => texts.len(),
            _ => 0,
        };
        self == Self::Compared
            && match number {
                1028 | 1033 | 1035 | 1036 | 1095 | 1096 | 1116..=1118 | 1140..=1145 | 5008 => true,
                1030 | 1034 | 1037 | 1039 | 1040 | 1045 | 1097 => count(left) != count(right),
                _ => false,
            }
    }
}

/// Name and architecture, by which a package is known, and its version.
fn package(header: &Header) -> (String, String) {
    (
        format!("{}.{}", header.text(NAME), header.text(ARCH)),
        format!("{}-{}", header.text(VERSION), header.text(RELEASE)),
    )
}

/// The header without the features of RPM itself that a package requires: they follow from how it
/// was packed.
fn without_features(header: &Header) -> Header {
    let mut header = header.clone();
    let Some(Values::Texts(names)) = header.tags.get(&REQUIRENAME) else {
        return header;
    };
    let keeps: Vec<bool> = names
        .iter()
        .map(|name| !name.starts_with("rpmlib("))
        .collect();
    for tag in [REQUIREFLAGS, REQUIRENAME, REQUIREVERSION] {
        let mut keep = keeps.iter();
        let mut next = || *keep.next().unwrap_or(&true);
        match header.tags.get_mut(&tag) {
            Some(Values::Numbers(numbers)) => numbers.retain(|_| next()),
            Some(Values::Texts(texts)) => texts.retain(|_| next()),
            _ => {}
        }
    }
    header
}

/// Compare two lists of installed packages, in any order.
pub(super) fn packages(seen: &mut Seen, left: &[Header], right: &[Header]) {
    let by_name = |headers: &[Header]| -> BTreeMap<(String, usize), Header> {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        let mut map = BTreeMap::new();
        for header in headers {
            let (name, _) = package(header);
            let n = times.entry(name.clone()).or_default();
            map.insert((name, *n), header.clone());
            *n += 1;
        }
        map
    };
    let (a, b) = (by_name(left), by_name(right));
    for ((name, n), header) in &a {
        match b.get(&(name.clone(), *n)) {
            Some(other) => {
                let place = format!("package {name}, ");
                headers(seen, &place, header, other, Files::Told);
            }
            None => seen.add(
                Cause::PackageChange,
                format!("package {name}"),
                format!("{} is installed on the left side only", package(header).1),
            ),
        }
    }
    for ((name, _), header) in b.iter().filter(|(key, _)| !a.contains_key(*key)) {
        seen.add(
            Cause::PackageChange,
            format!("package {name}"),
            format!("{} is installed on the right side only", package(header).1),
        );
    }
    if seen.is_empty() {
        seen.add(
            Cause::PackageDatabase,
            "table Packages",
            format!(
                "the same {} packages, in another order or with other numbers",
                a.len()
            ),
        );
    }
}

fn headers(seen: &mut Seen, place: &str, left: &Header, right: &Header, files: Files) {
    if left == right {
        return;
    }
    let ((_, a), (_, b)) = (package(left), package(right));
    if a != b || left.text(NAME) != right.text(NAME) {
        let evidence = format!("{} {a} → {} {b}", left.text(NAME), right.text(NAME));
        seen.add(Cause::PackageChange, format!("{place}version"), evidence);
        return;
    }
    let (left, right) = (&without_features(left), &without_features(right));
    let numbers = left.tags.keys().chain(right.tags.keys());
    let numbers: std::collections::BTreeSet<u32> = numbers.copied().collect();
    let mut follows = false;
    let before = seen.count();
    for number in numbers {
        let (x, y) = (left.tags.get(&number), right.tags.get(&number));
        if x == y || files.explain(number, x, y) {
            continue;
        }
        let (name, tag) = tag(number);
        let at = match name {
            "" => format!("{place}tag {number}"),
            _ => format!("{place}tag {name}"),
        };
        let cause = match (tag, x, y) {
            (Tag::Follows, ..) => {
                follows = true;
                continue;
            }
            (Tag::Varies(cause), ..) => cause,
            (Tag::Text, Some(Values::Texts(x)), Some(Values::Texts(y))) => {
                texts(seen, &at, x, y);
                continue;
            }
            _ => Cause::SourceChange,
        };
        seen.add(cause, at, format!("{} → {}", value(x), value(y)));
    }
    if follows && seen.count() == before && !place.is_empty() {
        let evidence = "only digests of the package differ: it was built or signed again";
        seen.add(Cause::PackageChange, format!("{place}digests"), evidence);
    }
}

fn texts(seen: &mut Seen, at: &str, left: &[String], right: &[String]) {
    let l: Vec<&str> = left.iter().map(String::as_str).collect();
    let r: Vec<&str> = right.iter().map(String::as_str).collect();
    let difference = strings::compare(&l, &r);
    if difference.reordered {
        let evidence = format!("the same {} values in another order", l.len());
        seen.add(Cause::HashOrder, at, evidence);
    }
    for pair in &difference.pairs {
        seen.add(pair.cause, at, pair.evidence());
    }
    for text in difference.removed.iter().chain(&difference.added).take(2) {
        let evidence = format!("{} is on one side only", shown(text));
        seen.add(Cause::SourceChange, at, evidence);
    }
}

fn value(values: Option<&Values>) -> String {
    match values {
        None => "none".to_owned(),
        Some(Values::Numbers(numbers)) if numbers.len() == 1 => numbers[0].to_string(),
        Some(Values::Numbers(numbers)) => {
            let first: Vec<String> = numbers.iter().take(3).map(u64::to_string).collect();
            format!("{} numbers ({}…)", numbers.len(), first.join(", "))
        }
        Some(Values::Texts(texts)) if texts.len() == 1 => shown(&texts[0]),
        Some(Values::Texts(texts)) => {
            let first = texts.first().map_or("", String::as_str);
            format!("{} values ({}…)", texts.len(), shown(first))
        }
        Some(Values::Bytes(bytes)) => format!("{} bytes", bytes.len()),
    }
}

/// The older databases of installed packages, of which no more than the format is known here.
pub(super) fn old_database(name: &str, left: &[u8], right: &[u8]) -> Option<Comparison> {
    let of_rpm = name.split('/').any(|part| part.contains("rpm"));
    let is = |data: &[u8]| {
        let magic = data.get(12..16).unwrap_or_default();
        let berkeley = [0x0006_1561_u32, 0x0005_3162]
            .iter()
            .any(|m| magic == m.to_le_bytes() || magic == m.to_be_bytes());
        berkeley || data.starts_with(b"RpmP")
    };
    (of_rpm && is(left) && is(right)).then_some(())?;
    let mut seen = Seen::default();
    let differing = left.iter().zip(right).filter(|(a, b)| a != b).count();
    let evidence = format!(
        "{differing} bytes of {} and {} differ; rows of this format are not read",
        left.len(),
        right.len()
    );
    seen.add(Cause::PackageDatabase, "", evidence);
    seen.bytes("file", left, right);
    seen.finish("rpmdb")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A header of texts and numbers.
    pub(in crate::binary) fn header(texts: &[(u32, &str)], numbers: &[(u32, u32)]) -> Vec<u8> {
        let (mut index, mut store) = (Vec::new(), Vec::new());
        let mut entry = |tag: u32, kind: u32, at: usize| {
            for word in [tag, kind, at as u32, 1] {
                index.extend(word.to_be_bytes());
            }
        };
        for (tag, number) in numbers {
            entry(*tag, 4, store.len());
            store.extend(number.to_be_bytes());
        }
        for (tag, text) in texts {
            entry(*tag, 6, store.len());
            store.extend_from_slice(text.as_bytes());
            store.push(0);
        }
        let count = ((texts.len() + numbers.len()) as u32).to_be_bytes();
        [
            &count[..],
            &(store.len() as u32).to_be_bytes(),
            &index,
            &store,
        ]
        .concat()
    }

    /// A package that was built on a host at a time.
    pub(in crate::binary) fn package(host: &str, time: u32, payload: &[u8]) -> Vec<u8> {
        const HEADER_MAGIC: &[u8] = &[0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];
        let mut data = verbatim_formats::rpm::MAGIC.to_vec();
        data.resize(LEAD as usize, 0);
        data.extend_from_slice(HEADER_MAGIC);
        data.extend(header(&[(269, "4f1c2d3e5a6b7988")], &[]));
        data.resize(data.len().next_multiple_of(8), 0);
        data.extend_from_slice(HEADER_MAGIC);
        data.extend(header(
            &[(1000, "a"), (1001, "1"), (1007, host)],
            &[(1006, time)],
        ));
        data.extend_from_slice(payload);
        data
    }

    #[test]
    fn tags_tell_why() {
        let plain = package("one", 1, b"x");
        let causes = |other: &[u8]| -> Vec<Cause> {
            let found = compare(&plain, other).unwrap().findings;
            found.iter().map(|f| f.cause).collect()
        };
        assert_eq!(causes(&package("two", 1, b"x")), [Cause::Hostname]);
        assert_eq!(causes(&package("one", 2, b"x")), [Cause::Timestamp]);
        assert_eq!(causes(&package("one", 1, b"y")), [Cause::Compression]);
        assert_eq!(compare(&plain, &plain[..150]), None);
    }

    #[test]
    fn old_databases_are_known_by_path_and_magic() {
        let mut data = vec![0; 64];
        data[12..16].copy_from_slice(&0x0006_1561_u32.to_le_bytes());
        let mut other = data.clone();
        other[40] = 1;
        let found = old_database("var/lib/rpm/Packages", &data, &other).unwrap();
        assert_eq!(found.findings[0].cause, Cause::PackageDatabase);
        assert_eq!(old_database("var/lib/x/Packages", &data, &other), None);
    }
}
