//! What apk's database says (`lib/apk/db/installed`; apk-package(5), apk-v2 of Alpine's wiki).

use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;

use crate::checksum::{Algorithm, Checksum};
use crate::collector::{Collector, Full, Rank};
use crate::component::{Component, Kind, Source};
use crate::inventory::Role;
use crate::needs::Stated;
use crate::system::System;
use crate::Result;

/// Where it is; since apk 3 the second place.
const DATABASES: [&[u8]; 2] = [b"lib/apk/db/installed", b"usr/lib/apk/db/installed"];
const LARGEST: u64 = 256 << 20;

const CONTENT: (Role, Rank) = (Role::Content, Rank::Distribution);

pub(crate) fn read(collector: &mut Collector<'_, '_>) -> Result<()> {
    let mut seen: Option<Vec<u8>> = None;
    for path in DATABASES {
        let real = collector.root.real(path);
        if seen.as_ref() == Some(&real) {
            continue;
        }
        match collector.root.bytes(path, LARGEST)? {
            None => {}
            Some(Err(why)) => collector.unread(&real, why),
            Some(Ok(data)) => {
                let done = database(collector, &data, &real);
                collector.note(&real, done);
            }
        }
        seen = Some(real);
    }
    Ok(())
}

fn database(collector: &mut Collector<'_, '_>, data: &[u8], path: &[u8]) -> Result<(), Full> {
    let mut paragraph: Vec<(u8, &[u8])> = Vec::new();
    for line in data.split(|&b| b == b'\n').chain([&b""[..]]) {
        match line {
            [name, b':', value @ ..] => paragraph.push((*name, value)),
            b"" if paragraph.is_empty() => {}
            b"" => {
                one(collector, &paragraph, path)?;
                paragraph.clear();
            }
            _ => {
                let line = verbatim_foreign::excerpt(&String::from_utf8_lossy(line), 60);
                collector.unread(path, format!("the line `{line}` is no field"));
            }
        }
    }
    Ok(())
}

fn one(
    collector: &mut Collector<'_, '_>,
    paragraph: &[(u8, &[u8])],
    path: &[u8],
) -> Result<(), Full> {
    let field = |name: u8| {
        let value = paragraph.iter().find(|(one, _)| *one == name)?.1;
        let value = String::from_utf8_lossy(value).into_owned();
        Some(value).filter(|value| !value.is_empty())
    };
    let (Some(name), Some(version)) = (field(b'P'), field(b'V')) else {
        collector.unread(path, "a package has no name or no version");
        return Ok(());
    };
    let architecture = field(b'A');
    let purl = System::purl(
        collector.system.as_ref(),
        "apk",
        "alpine",
        &name,
        &version,
        architecture.as_deref(),
    );
    let package = collector.add(Component {
        kind: Kind::Apk,
        source: field(b'o').map(|name| Source {
            name,
            version: Some(version.clone()),
        }),
        name,
        version,
        architecture,
        license: field(b'L'),
        purl: Some(purl.to_string()),
        told_by: path.to_vec(),
    })?;
    let names = |list: char| {
        let text = field(list as u8).unwrap_or_default();
        let words = text.split_ascii_whitespace();
        // What must not be there begins with a mark; what follows an operator is a version.
        let names = words.filter(|word| !word.starts_with('!'));
        let names = names.filter_map(|word| word.split(['<', '>', '=', '~']).next());
        names.map(str::to_owned).collect::<Vec<String>>()
    };
    let stated = Stated {
        needs: names('D').into_iter().map(|name| vec![name]).collect(),
        provides: names('p'),
    };
    collector.stated.insert(package, stated);
    let mut folder: &[u8] = b"";
    let mut file: Option<(Vec<u8>, Option<Checksum>)> = None;
    for (name, value) in paragraph {
        match name {
            b'F' | b'R' => {
                if let Some((path, checksum)) = file.take() {
                    collector.claim(package, &path, checksum, CONTENT)?;
                }
                if *name == b'F' {
                    folder = value;
                    let path = collector.root.real(folder);
                    collector.claim_real(package, path, None, CONTENT)?;
                } else {
                    file = Some(([folder, b"/", value].concat(), None));
                }
            }
            b'Z' => {
                if let Some(file) = &mut file {
                    file.1 = checksum(value);
                }
            }
            _ => {}
        }
    }
    match file {
        Some((path, checksum)) => collector.claim(package, &path, checksum, CONTENT),
        None => Ok(()),
    }
}

/// `Q1` and SHA-1, or `Q2` and SHA-256, in base64.
fn checksum(text: &[u8]) -> Option<Checksum> {
    let (kind, digits) = text.split_at_checked(2)?;
    let algorithm = match kind {
        b"Q1" => Algorithm::Sha1,
        b"Q2" => Algorithm::Sha256,
        _ => return None,
    };
    Checksum::new(algorithm, &STANDARD.decode(digits).ok()?)
}
