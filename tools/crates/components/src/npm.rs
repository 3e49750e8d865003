//! Packages of npm: a folder of `node_modules` with its `package.json`. What lies below it belongs to the
//! nearest one.

use std::collections::HashMap;

use serde_json::Value;

use crate::collector::{Collector, Full, Rank};
use crate::component::{Component, Kind};
use crate::inventory::Role;
use crate::root::split;
use crate::tree::What;
use crate::Result;
use verbatim_naming::Purl;

const MODULES: &[u8] = b"node_modules/";
const LARGEST: u64 = 1 << 20;
/// Packages that lie in each other.
const DEEPEST: usize = 50;

const DERIVED: (Role, Rank) = (Role::Derived, Rank::Language);

pub(crate) fn read(collector: &mut Collector<'_, '_>) -> Result<()> {
    let found: Vec<(usize, Vec<u8>)> = collector
        .root
        .nodes()
        .filter(|(_, node)| {
            let (folder, name) = split(node.path);
            name == b"package.json" && folders(folder).next() == Some(folder)
        })
        .map(|(at, node)| (at, node.path.to_vec()))
        .collect();
    if found.is_empty() {
        return Ok(());
    }
    let mut packages: HashMap<Vec<u8>, usize> = HashMap::new();
    for (at, path) in found {
        let data = match collector.root.content(at, LARGEST)? {
            None => continue,
            Some(Ok(data)) => data,
            Some(Err(why)) => {
                collector.unread(&path, why);
                continue;
            }
        };
        let component = match component(&data, &path) {
            Ok(component) => component,
            Err(why) => {
                collector.unread(&path, why);
                continue;
            }
        };
        match collector.add(component) {
            Ok(package) => {
                packages.insert(split(&path).0.to_vec(), package);
            }
            Err(full) => {
                collector.note(&path, Err(full));
                break;
            }
        }
    }
    let done = claims(collector, &packages);
    collector.note(MODULES, done);
    Ok(())
}

fn claims(
    collector: &mut Collector<'_, '_>,
    packages: &HashMap<Vec<u8>, usize>,
) -> Result<(), Full> {
    let root = collector.root;
    for (_, node) in root.nodes() {
        if node.what == What::Directory {
            continue;
        }
        let nearest = folders(node.path)
            .take(DEEPEST)
            .find_map(|folder| packages.get(folder));
        if let Some(&package) = nearest {
            collector.claim_real(package, node.path.to_vec(), None, DERIVED)?;
        }
    }
    Ok(())
}

/// The folders that could be those of packages at or above a path, the nearest first.
fn folders(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut end = path.len();
    std::iter::from_fn(move || loop {
        let at = path[..end]
            .windows(MODULES.len())
            .rposition(|w| w == MODULES)?;
        end = at;
        // A part of its own.
        if at > 0 && path[at - 1] != b'/' {
            continue;
        }
        let start = at + MODULES.len();
        let part = |from: usize| {
            let rest = &path[from..];
            from + rest.iter().position(|&b| b == b'/').unwrap_or(rest.len())
        };
        let mut stop = part(start);
        if path.get(start) == Some(&b'@') && stop < path.len() {
            stop = part(stop + 1);
        }
        if stop > start {
            return Some(&path[..stop]);
        }
    })
}

fn component(data: &[u8], path: &[u8]) -> Result<Component, String> {
    let value: Value = serde_json::from_slice(data).map_err(|e| format!("it is no JSON: {e}"))?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let name = value.get("name").and_then(text);
    let version = value.get("version").and_then(text);
    let (Some(name), Some(version)) = (name, version) else {
        return Err("it tells no name or no version".to_owned());
    };
    let license = match value.get("license") {
        Some(Value::Object(license)) => license.get("type").and_then(text),
        Some(license) => text(license),
        None => None,
    };
    let lower = name.to_ascii_lowercase();
    let (scope, bare) = lower.split_once('/').unwrap_or(("", &lower));
    let purl = Purl::new("npm", scope, bare).version(&version).to_string();
    Ok(Component {
        kind: Kind::Npm,
        name,
        version,
        architecture: None,
        source: None,
        license,
        purl: Some(purl),
        told_by: path.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_of_packages() {
        let all = |path: &str| -> Vec<String> {
            let folders = folders(path.as_bytes());
            folders
                .map(|f| String::from_utf8(f.to_vec()).unwrap())
                .collect()
        };
        assert_eq!(
            all("app/node_modules/a/node_modules/@s/b/lib/x.js"),
            ["app/node_modules/a/node_modules/@s/b", "app/node_modules/a"]
        );
        assert_eq!(all("node_modules/a"), ["node_modules/a"]);
        assert_eq!(all("node_modules/@s"), ["node_modules/@s"]);
        assert_eq!(all("my_node_modules/a/x"), [""; 0]);
        assert_eq!(all("app/src/x.js"), [""; 0]);
    }
}
