//! Distributions of Python: `NAME.dist-info` (PEP 376, PEP 627) and `NAME.egg-info`.

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine as _;

use crate::checksum::{Algorithm, Checksum};
use crate::collector::{Collector, Full, Rank};
use crate::component::{Component, Kind};
use crate::inventory::Role;
use crate::root::split;
use crate::Result;
use verbatim_naming::Purl;

const LARGEST_METADATA: u64 = 4 << 20;
const LARGEST_RECORD: u64 = 64 << 20;

const CONTENT: (Role, Rank) = (Role::Content, Rank::Language);
const DERIVED: (Role, Rank) = (Role::Derived, Rank::Language);

pub(crate) fn read(collector: &mut Collector<'_, '_>) -> Result<()> {
    let found: Vec<(usize, Vec<u8>)> = collector
        .root
        .nodes()
        .filter(|(_, node)| is_metadata(node.path))
        .map(|(at, node)| (at, node.path.to_vec()))
        .collect();
    for (at, path) in found {
        let data = match collector.root.content(at, LARGEST_METADATA)? {
            None => continue,
            Some(Ok(data)) => data,
            Some(Err(why)) => {
                collector.unread(&path, why);
                continue;
            }
        };
        let Some(component) = component(&data, &path) else {
            collector.unread(&path, "it tells no name or no version");
            continue;
        };
        let (folder, name) = split(&path);
        let record = match name {
            b"METADATA" => Some(([folder, b"/RECORD"].concat(), split(folder).0.to_vec())),
            b"PKG-INFO" => Some(([folder, b"/installed-files.txt"].concat(), folder.to_vec())),
            _ => None,
        };
        let list = match &record {
            None => None,
            Some((path, _)) => match collector.root.bytes(path, LARGEST_RECORD)? {
                Some(Err(why)) => {
                    collector.unread(path, why);
                    None
                }
                list => list.and_then(Result::ok),
            },
        };
        let list = list.zip(record.as_ref().map(|(_, base)| &base[..]));
        let done = claims(collector, component, &path, list);
        collector.note(&path, done);
    }
    Ok(())
}

fn is_metadata(path: &[u8]) -> bool {
    let (folder, name) = split(path);
    match name {
        b"METADATA" => folder.ends_with(b".dist-info"),
        b"PKG-INFO" => folder.ends_with(b".egg-info"),
        name => name.ends_with(b".egg-info"),
    }
}

/// The fields of metadata stand in front of the first empty line, as in a message.
fn component(data: &[u8], path: &[u8]) -> Option<Component> {
    let text = String::from_utf8_lossy(data);
    let field = |name: &str| {
        let head = text.lines().take_while(|line| !line.trim().is_empty());
        let value = head
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        let value = value.1.trim();
        (!value.is_empty() && value != "UNKNOWN").then(|| value.to_owned())
    };
    let (name, version) = (field("Name")?, field("Version")?);
    let purl = Purl::new("pypi", "", &name).version(&version);
    Some(Component {
        kind: Kind::Python,
        name,
        version,
        architecture: None,
        source: None,
        license: field("License-Expression").or_else(|| field("License")),
        purl: Some(purl.to_string()),
        told_by: path.to_vec(),
    })
}

/// Claim what the list holds, whose paths are relative to a folder, and the metadata.
fn claims(
    collector: &mut Collector<'_, '_>,
    component: Component,
    path: &[u8],
    list: Option<(Vec<u8>, &[u8])>,
) -> Result<(), Full> {
    let package = collector.add(component)?;
    let (folder, name) = split(path);
    if let Some((list, base)) = list {
        for line in list.split(|&b| b == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let fields = row(line);
            let Some(listed) = fields.first().filter(|path| !path.is_empty()) else {
                continue;
            };
            let file = match listed.first() {
                Some(b'/') => listed.clone(),
                _ => [base, b"/", listed].concat(),
            };
            let checksum = fields.get(1).and_then(|text| checksum(text));
            collector.claim(package, &file, checksum, CONTENT)?;
        }
    }
    // A list names most of these, and not all.
    if matches!(name, b"METADATA" | b"PKG-INFO") {
        let prefix = [folder, b"/"].concat();
        let own: Vec<Vec<u8>> = collector
            .root
            .starting_with(&prefix)
            .map(|(_, node)| node.path.to_vec())
            .collect();
        for file in own {
            collector.claim_real(package, file, None, DERIVED)?;
        }
        collector.claim_real(package, folder.to_vec(), None, DERIVED)
    } else {
        collector.claim_real(package, path.to_vec(), None, DERIVED)
    }
}

/// The fields of a line of comma-separated values, of which some are quoted (RFC 4180).
fn row(line: &[u8]) -> Vec<Vec<u8>> {
    let mut fields = vec![Vec::new()];
    let mut quoted = false;
    let mut bytes = line.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        // A list has three fields.
        if byte == b',' && !quoted && fields.len() < 3 {
            fields.push(Vec::new());
            continue;
        }
        let Some(field) = fields.last_mut() else {
            return fields;
        };
        match byte {
            b'"' if quoted && bytes.next_if_eq(&b'"').is_some() => field.push(b'"'),
            b'"' => quoted = !quoted,
            byte => field.push(byte),
        }
    }
    fields
}

/// `sha256=` and base64 for URLs without padding.
fn checksum(text: &[u8]) -> Option<Checksum> {
    let text = std::str::from_utf8(text).ok()?;
    let (word, digits) = text.split_once('=')?;
    let digits = URL_SAFE_NO_PAD.decode(digits.trim_end_matches('=')).ok()?;
    Checksum::new(Algorithm::of_word(word)?, &digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_record() {
        let fields = |line: &str| -> Vec<String> {
            let row = row(line.as_bytes());
            row.into_iter()
                .map(|f| String::from_utf8(f).unwrap())
                .collect()
        };
        assert_eq!(fields("a/b.py,sha256=x,12"), ["a/b.py", "sha256=x", "12"]);
        assert_eq!(fields("\"a,\"\"b\",,"), ["a,\"b", "", ""]);
        assert_eq!(fields(""), [""]);
    }
}
