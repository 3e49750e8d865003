//! RPM packages and the database of those that are installed: tag by tag.

mod header;

use std::collections::BTreeMap;

pub(super) use self::header::Header;
use self::header::Values;
use super::seen::{shown, Seen};
use super::strings;
use crate::{Cause, Comparison};

const LEAD: usize = 96;
const LEAD_MAGIC: &[u8] = &[0xed, 0xab, 0xee, 0xdb];
const HEADER_MAGIC: &[u8] = &[0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];

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
    headers(&mut seen, "", &l.header, &r.header);
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
    if seen.is_empty() && left[..LEAD] != right[..LEAD] {
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
        data.starts_with(LEAD_MAGIC).then_some(())?;
        let rest = data.get(LEAD..)?.strip_prefix(HEADER_MAGIC)?;
        let (signature, rest) = Header::read(rest)?;
        // The signature is padded to eight bytes.
        let used = data.len() - rest.len();
        let rest = data.get(used.next_multiple_of(8)..)?;
        let (header, payload) = Header::read(rest.strip_prefix(HEADER_MAGIC)?)?;
        Some(Self {
            signature,
            header,
            payload,
        })
    }
}

/// Compare two lists of installed packages, in any order.
pub(super) fn packages(seen: &mut Seen, left: &[Header], right: &[Header]) {
    let by_name = |headers: &[Header]| -> BTreeMap<(String, usize), Header> {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        let mut map = BTreeMap::new();
        for header in headers {
            let (name, _) = header.package();
            let n = times.entry(name.clone()).or_default();
            map.insert((name, *n), header.clone());
            *n += 1;
        }
        map
    };
    let (a, b) = (by_name(left), by_name(right));
    for ((name, n), header) in &a {
        match b.get(&(name.clone(), *n)) {
            Some(other) => headers(seen, &format!("package {name}, "), header, other),
            None => seen.add(
                Cause::PackageChange,
                format!("package {name}"),
                format!("{} is installed on the left side only", header.package().1),
            ),
        }
    }
    for ((name, _), header) in b.iter().filter(|(key, _)| !a.contains_key(*key)) {
        seen.add(
            Cause::PackageChange,
            format!("package {name}"),
            format!("{} is installed on the right side only", header.package().1),
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

fn headers(seen: &mut Seen, place: &str, left: &Header, right: &Header) {
    if left == right {
        return;
    }
    let ((_, a), (_, b)) = (left.package(), right.package());
    if a != b || left.text(header::NAME) != right.text(header::NAME) {
        let evidence = format!(
            "{} {a} → {} {b}",
            left.text(header::NAME),
            right.text(header::NAME)
        );
        seen.add(Cause::PackageChange, format!("{place}version"), evidence);
        return;
    }
    let (left, right) = (&left.without_features(), &right.without_features());
    let numbers = left.tags.keys().chain(right.tags.keys());
    let numbers: std::collections::BTreeSet<u32> = numbers.copied().collect();
    let mut follows = false;
    let before = seen.count();
    for number in numbers {
        let (x, y) = (left.tags.get(&number), right.tags.get(&number));
        if x == y {
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
        let mut data = LEAD_MAGIC.to_vec();
        data.resize(LEAD, 0);
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
