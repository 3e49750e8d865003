//! What dpkg's database says (`var/lib/dpkg`; dpkg(1), deb-md5sums(5)).

use std::collections::HashMap;

use verbatim_packages::deb::control::{Paragraph, Paragraphs};
use verbatim_packages::deb::relation;

use crate::checksum::{Algorithm, Checksum};
use crate::collector::{Collector, Full, Rank};
use crate::component::{Component, Kind, Source};
use crate::inventory::Role;
use crate::needs::Stated;
use crate::system::System;
use crate::Result;

const STATUS: &[u8] = b"var/lib/dpkg/status";
const INFO: &[u8] = b"var/lib/dpkg/info/";
const DIVERSIONS: &[u8] = b"var/lib/dpkg/diversions";
/// Where images without dpkg keep a file for each package.
pub(crate) const STATUS_D: &[u8] = b"var/lib/dpkg/status.d/";

const LARGEST_STATUS: u64 = 256 << 20;
const LARGEST_LIST: u64 = 64 << 20;

const CONTENT: (Role, Rank) = (Role::Content, Rank::Distribution);
const DERIVED: (Role, Rank) = (Role::Derived, Rank::FromDistribution);

pub(crate) fn read(collector: &mut Collector<'_, '_>) -> Result<()> {
    let moved = diversions(collector)?;
    match collector.root.bytes(STATUS, LARGEST_STATUS)? {
        None => {}
        Some(Err(why)) => collector.unread(STATUS, why),
        Some(Ok(data)) => each(collector, STATUS, &data, |collector, paragraph| {
            installed(collector, paragraph, &moved)
        })?,
    }
    let files: Vec<(usize, Vec<u8>)> = collector
        .root
        .starting_with(STATUS_D)
        .filter(|(_, node)| !node.path.ends_with(b".md5sums"))
        .map(|(at, node)| (at, node.path.to_vec()))
        .collect();
    for (at, path) in files {
        match collector.root.content(at, LARGEST_LIST)? {
            None => {}
            Some(Err(why)) => collector.unread(&path, why),
            Some(Ok(data)) => each(collector, &path, &data, |collector, paragraph| {
                of_status_d(collector, paragraph, &path)
            })?,
        }
    }
    Ok(())
}

/// What a step came to: the tree could not be read, or there is more than is kept.
type Step = Result<Result<(), Full>>;

/// Do something for each paragraph of a file.
fn each(
    collector: &mut Collector<'_, '_>,
    path: &[u8],
    data: &[u8],
    mut take: impl FnMut(&mut Collector<'_, '_>, &Paragraph) -> Step,
) -> Result<()> {
    let mut paragraphs = Paragraphs::new(data);
    let mut paragraph = Paragraph::default();
    loop {
        match paragraphs.next_into(&mut paragraph) {
            Ok(false) => return Ok(()),
            Ok(true) => {
                if let Err(full) = take(collector, &paragraph)? {
                    collector.note(path, Err(full));
                    return Ok(());
                }
            }
            Err(e) => {
                collector.unread(path, e.to_string());
                return Ok(());
            }
        }
    }
}

/// The component that a paragraph describes.
fn component(system: Option<&System>, paragraph: &Paragraph, told_by: &[u8]) -> Option<Component> {
    let field = |name| paragraph.get(name).filter(|value: &&str| !value.is_empty());
    let (name, version) = (field("Package")?, field("Version")?);
    let architecture = field("Architecture");
    // `name` or `name (version)`; without it the source has the package's own.
    let source = field("Source").unwrap_or(name);
    let (source, source_version) = match source.split_once('(') {
        Some((source, rest)) => (source.trim(), rest.trim_end_matches(')').trim()),
        None => (source, version),
    };
    let purl = System::purl(system, "deb", "debian", name, version, architecture);
    Some(Component {
        kind: Kind::Deb,
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: architecture.map(str::to_owned),
        source: Some(Source {
            name: source.to_owned(),
            version: Some(source_version.to_owned()),
        }),
        license: None,
        purl: Some(purl.to_string()),
        told_by: told_by.to_vec(),
    })
}

/// What a paragraph says of other packages; of relations that make no sense nothing.
fn stated(paragraph: &Paragraph) -> Stated {
    let names = |field| -> Vec<Vec<String>> {
        let text = paragraph.get(field).unwrap_or_default();
        let groups = relation::parse(text).unwrap_or_default();
        let names = |any_of: Vec<relation::Atom<'_>>| {
            any_of.into_iter().map(|one| one.name.to_owned()).collect()
        };
        groups.into_iter().map(names).collect()
    };
    Stated {
        needs: [names("Pre-Depends"), names("Depends")].concat(),
        provides: names("Provides").concat(),
    }
}

/// A package of `status` with its files in `info`.
fn installed(collector: &mut Collector<'_, '_>, paragraph: &Paragraph, moved: &Diversions) -> Step {
    let state = paragraph.get("Status").unwrap_or_default();
    let state = state.split_ascii_whitespace().nth(2).unwrap_or_default();
    if matches!(state, "not-installed" | "config-files") {
        return Ok(Ok(()));
    }
    let Some(component) = component(collector.system.as_ref(), paragraph, STATUS) else {
        collector.unread(STATUS, "a package has no name or no version");
        return Ok(Ok(()));
    };
    let name = component.name.clone();
    let with_architecture = component
        .architecture
        .as_ref()
        .map(|architecture| format!("{name}:{architecture}"));
    let list_of = |stem: &str| [INFO, stem.as_bytes(), b".list"].concat();
    let stem = match with_architecture {
        Some(stem)
            if collector
                .root
                .at(&collector.root.real(&list_of(&stem)))
                .is_some() =>
        {
            stem
        }
        _ => name.clone(),
    };
    let package = match collector.add(component) {
        Ok(package) => package,
        Err(full) => return Ok(Err(full)),
    };
    collector.stated.insert(package, stated(paragraph));
    let sums_path = [INFO, stem.as_bytes(), b".md5sums"].concat();
    let sums = text(collector, &sums_path)?.unwrap_or_default();
    let mut sums: HashMap<&[u8], &[u8]> = sums_of(&sums).collect();
    let conffiles = paragraph.get("Conffiles").unwrap_or_default();
    let conffiles = conffiles.lines().filter_map(|line| {
        // A path may hold spaces; what follows it may not.
        let line = line.trim().trim_end_matches(" obsolete");
        let line = line.trim_end_matches(" remove-on-upgrade");
        let (path, md5) = line.rsplit_once(' ')?;
        Some((path.trim_start_matches('/').as_bytes(), md5.as_bytes()))
    });
    let conffiles: HashMap<&[u8], &[u8]> = conffiles.collect();
    let list_path = list_of(&stem);
    let list = text(collector, &list_path)?;
    let mut done = Ok(());
    if list.is_none() && !sums.is_empty() {
        collector.unread(
            &list_path,
            "it is not there, though the package is installed",
        );
    }
    let list = list.unwrap_or_default();
    let mut lines = list.split(|&b| b == b'\n').peekable();
    while let Some(line) = lines.next() {
        let listed = line.strip_prefix(b"/").unwrap_or(line);
        if matches!(listed, b"" | b".") {
            continue;
        }
        // A folder, even where a link to one stands at its place by now.
        let is_folder = lines
            .peek()
            .and_then(|next| next.strip_prefix(line))
            .is_some_and(|rest| rest.starts_with(b"/"));
        let (path, role, checksum) = match conffiles.get(listed) {
            Some(md5) => (listed, Role::Config, Checksum::of_hex(Algorithm::Md5, md5)),
            None => {
                let md5 = sums.remove(listed);
                let checksum = md5.and_then(|md5| Checksum::of_hex(Algorithm::Md5, md5));
                (listed, Role::Content, checksum)
            }
        };
        let path = match moved.get(path) {
            Some((to, who)) if *who != name => to,
            _ => path,
        };
        let path = match is_folder {
            true => collector.root.real(path),
            false => collector.root.place(path),
        };
        done = collector.claim_real(package, path, checksum, (role, Rank::Distribution));
        if done.is_err() {
            return Ok(done);
        }
    }
    // What the database holds about the package alone.
    let prefix = [INFO, stem.as_bytes(), b"."].concat();
    let info: Vec<Vec<u8>> = collector
        .root
        .starting_with(&prefix)
        .filter(|(_, node)| !node.path[prefix.len()..].contains(&b'.'))
        .map(|(_, node)| node.path.to_vec())
        .collect();
    for path in info {
        done = done.and_then(|()| collector.claim_real(package, path, None, DERIVED));
    }
    Ok(done)
}

/// A package with a file of its own.
fn of_status_d(collector: &mut Collector<'_, '_>, paragraph: &Paragraph, path: &[u8]) -> Step {
    let Some(component) = component(collector.system.as_ref(), paragraph, path) else {
        collector.unread(path, "a package has no name or no version");
        return Ok(Ok(()));
    };
    let sums_path = [path, b".md5sums"].concat();
    let sums = text(collector, &sums_path)?;
    let add = |collector: &mut Collector<'_, '_>| {
        let package = collector.add(component)?;
        collector.stated.insert(package, stated(paragraph));
        collector.claim_real(package, path.to_vec(), None, DERIVED)?;
        let Some(sums) = sums else {
            return Ok(());
        };
        for (path, md5) in sums_of(&sums) {
            let checksum = Checksum::of_hex(Algorithm::Md5, md5);
            collector.claim(package, path, checksum, CONTENT)?;
        }
        collector.claim_real(package, sums_path, None, DERIVED)
    };
    Ok(add(collector))
}

/// Paths with their digests, of lines like those of `md5sum`.
fn sums_of(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(|&b| b == b'\n').filter_map(|line| {
        let (md5, path) = line.split_at_checked(32)?;
        let path = path.strip_prefix(b"  ")?;
        let path = path.strip_prefix(b"./").unwrap_or(path);
        Some((path.strip_prefix(b"/").unwrap_or(path), md5))
    })
}

/// A file of the database, if it is there.
fn text(collector: &mut Collector<'_, '_>, path: &[u8]) -> Result<Option<Vec<u8>>> {
    match collector.root.bytes(path, LARGEST_LIST)? {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(why)) => {
            collector.unread(path, why);
            Ok(None)
        }
    }
}

/// Files that are elsewhere, because one package said so (dpkg-divert(1)): from where they would be to
/// where they are and who said so.
type Diversions = HashMap<Vec<u8>, (Vec<u8>, String)>;

fn diversions(collector: &mut Collector<'_, '_>) -> Result<Diversions> {
    let Some(text) = text(collector, DIVERSIONS)? else {
        return Ok(HashMap::new());
    };
    let lines: Vec<&[u8]> = text.split(|&b| b == b'\n').collect();
    let plain = |path: &[u8]| path.strip_prefix(b"/").unwrap_or(path).to_vec();
    let moved = lines.chunks_exact(3).map(|three| {
        let who = String::from_utf8_lossy(three[2]).into_owned();
        (plain(three[0]), (plain(three[1]), who))
    });
    Ok(moved.collect())
}
