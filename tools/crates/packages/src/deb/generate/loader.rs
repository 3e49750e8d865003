//! The cache of the dynamic loader, `etc/ld.so.cache`: which library lies where. `ldconfig` makes it
//! of the folders that `etc/ld.so.conf` names and of its own two; the form is the newer one of
//! glibc (`sysdeps/generic/dl-cache.h`), without its extensions.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;

use verbatim_archive::{Keeper, Kept};
use verbatim_formats::{elf, ReadAt};

use super::super::root::{Content, Root};
use super::Context;
use crate::packed::Node;

const CONFIGURATION: &str = "etc/ld.so.conf";
const CACHE: &str = "etc/ld.so.cache";
/// The folders where the loader looks in any case.
const OWN: [&str; 2] = ["lib", "usr/lib"];

/// What the cache begins with.
const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER: usize = 48;
const ENTRY: usize = 24;
/// Its numbers are little-endian, big-endian.
const ENDIAN: [u8; 2] = [2, 3];

/// `include` may name files that include others, to this depth.
const DEEPEST: usize = 8;
/// More libraries than this no image has.
const MOST: usize = 1 << 16;

/// A library that the loader can find.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Library {
    /// What programs call it.
    name: String,
    /// Where it lies.
    path: String,
    /// For which machine it is.
    flags: u32,
}

/// A content that is kept, of which a few parts are looked at.
struct InKeeper<'a>(&'a Keeper, &'a Kept);

impl ReadAt for InKeeper<'_> {
    fn size(&self) -> u64 {
        self.1.size()
    }

    fn read(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        self.0.read_part(self.1, range).map(Cow::Owned)
    }
}

pub(super) fn generate(context: &mut Context<'_>) {
    if !context.has("libc-bin") {
        return;
    }
    let mut folders = Vec::new();
    configured(context, CONFIGURATION, DEEPEST, &mut folders);
    folders.extend(OWN.map(str::to_owned));
    let (mut seen, mut libraries, mut big) = (BTreeSet::new(), Vec::new(), false);
    for folder in folders {
        // Where `/usr` is merged a folder has two names; the first one that is named counts.
        if seen.insert(context.root.real(folder.as_bytes())) {
            big |= in_folder(context, &folder, &mut libraries);
        }
    }
    libraries.truncate(MOST);
    let cache = cache(libraries, big);
    context.root.make(CACHE, Content::Made(cache), 0o644, 0);
}

/// The folders that a file of settings names, in their order.
fn configured(context: &Context<'_>, path: &str, deeper: usize, folders: &mut Vec<String>) {
    let text = context.text(path).unwrap_or_default();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let mut words = line.split_ascii_whitespace();
        match (words.next(), deeper) {
            (None | Some("hwcap"), _) | (Some("include"), 0) => {}
            (Some("include"), _) => {
                for pattern in words {
                    for file in matching(context, pattern) {
                        configured(context, &file, deeper - 1, folders);
                    }
                }
            }
            (Some(_), _) => {
                let folder = line.split('=').next().unwrap_or_default();
                folders.push(folder.trim_matches('/').to_owned());
            }
        }
    }
}

/// The files that a pattern with one star in its last part names, in the order of their names.
fn matching(context: &Context<'_>, pattern: &str) -> Vec<String> {
    let pattern = match pattern.strip_prefix('/') {
        Some(absolute) => absolute.to_owned(),
        None => format!("etc/{pattern}"),
    };
    let Some((folder, name)) = pattern.rsplit_once('/') else {
        return Vec::new();
    };
    let Some((start, end)) = name.split_once('*') else {
        return vec![pattern];
    };
    let names = names(context.root, folder);
    let fits = |name: &String| {
        name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
    };
    names
        .into_iter()
        .filter(fits)
        .map(|name| format!("{folder}/{name}"))
        .collect()
}

/// What lies in a folder, not below it.
fn names(root: &Root, folder: &str) -> Vec<String> {
    let length = root.real(folder.as_bytes()).len() + 1;
    root.below(folder.as_bytes())
        .filter_map(|(path, _)| String::from_utf8(path[length..].to_vec()).ok())
        .filter(|name| !name.contains('/'))
        .collect()
}

/// The libraries of a folder; whether they are of a machine with the other order of bytes.
fn in_folder(context: &Context<'_>, folder: &str, libraries: &mut Vec<Library>) -> bool {
    let mut found: BTreeMap<(String, u32), String> = BTreeMap::new();
    let mut big = false;
    for name in names(context.root, folder) {
        if !is_library(&name) {
            continue;
        }
        let path = format!("{folder}/{name}");
        let Some((node, is_link)) = led(context.root, &path) else {
            continue;
        };
        let Node::File(kept) = node else { continue };
        let kept = InKeeper(context.keeper, kept);
        let Some(library) = elf::library(&kept) else {
            continue;
        };
        let Some(flags) = flags(&library) else {
            continue;
        };
        big |= library.big;
        // A link without a version is for compilers, which look for that name.
        let own = library.name.and_then(|name| String::from_utf8(name).ok());
        let called = match own {
            Some(own) if own.contains('/') => continue,
            Some(own) if !is_link || !name.ends_with(".so") => own,
            _ => name.clone(),
        };
        // Of several that are called so, the one that has the name itself.
        let entry = found.entry((called.clone(), flags)).or_default();
        if entry.is_empty() || name == called {
            *entry = name;
        }
    }
    let entries = found.into_iter().map(|((name, flags), file)| Library {
        path: format!("/{folder}/{file}"),
        name,
        flags,
    });
    libraries.extend(entries);
    big
}

/// `lib….so…` and the loader itself.
fn is_library(name: &str) -> bool {
    let is_so = name.ends_with(".so") || name.contains(".so.");
    is_so && (name.starts_with("lib") || name.starts_with("ld-") || name.starts_with("ld."))
}

/// What a path leads to, and whether it is a link; `None` if nothing is there.
fn led<'a>(root: &'a Root, path: &str) -> Option<(&'a Node, bool)> {
    let mut path = path.as_bytes().to_vec();
    for turn in 0..16 {
        match &root.get(&path)?.content {
            Content::Packed(Node::Symlink(target)) => path = beside(&path, target),
            Content::Packed(Node::HardLink(target)) => path = target.clone(),
            Content::Packed(node) => return Some((node, turn > 0)),
            Content::Made(_) => return None,
        }
    }
    None
}

/// Where a link at a path leads.
fn beside(path: &[u8], target: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = match target.first() {
        Some(b'/') => Vec::new(),
        _ => {
            let mut parts: Vec<&[u8]> = path.split(|&b| b == b'/').collect();
            parts.pop();
            parts
        }
    };
    for part in target.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join(&b'/')
}

/// What the loader calls the machine of a library (`FLAG_…` in `ldconfig.h`), where it is known
/// here.
fn flags(library: &elf::Library) -> Option<u32> {
    const GLIBC: u32 = 3;
    const HARD_FLOAT_OF_ARM: u32 = 0x400;
    const DOUBLE_FLOAT_OF_RISCV: u32 = 4;
    let machine = match (library.machine, library.wide) {
        (3, false) => 0,
        (62, true) => 0x300,
        (62, false) => 0x800,
        (21, true) => 0x500,
        (22, true) => 0x400,
        (40, false) if library.flags & HARD_FLOAT_OF_ARM != 0 => 0x900,
        (183, true) => 0xa00,
        (243, true) if library.flags & DOUBLE_FLOAT_OF_RISCV != 0 => 0x1000,
        _ => return None,
    };
    Some(machine | GLIBC)
}

/// The bytes of the cache, sorted as the loader looks things up.
fn cache(mut libraries: Vec<Library>, big: bool) -> Vec<u8> {
    libraries.sort_by(|a, b| {
        let by_name = order(b.name.as_bytes(), a.name.as_bytes());
        by_name.then_with(|| b.flags.cmp(&a.flags))
    });
    let number = |n: usize| {
        let n = n as u32;
        if big {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let (mut entries, mut texts) = (Vec::new(), Vec::new());
    let base = HEADER + ENTRY * libraries.len();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut place = |text: String| {
        *places.entry(text).or_insert_with_key(|text| {
            let at = base + texts.len();
            texts.extend(text.bytes());
            texts.push(0);
            at
        })
    };
    for library in libraries {
        entries.extend(number(library.flags as usize));
        entries.extend(number(place(library.name)));
        entries.extend(number(place(library.path)));
        // Neither an oldest kernel nor a kind of processor is asked for.
        entries.extend([0; 12]);
    }
    let mut out = MAGIC.to_vec();
    out.extend(number(entries.len() / ENTRY));
    out.extend(number(texts.len()));
    out.push(ENDIAN[usize::from(big)]);
    out.resize(HEADER, 0);
    out.extend(entries);
    out.extend(texts);
    out
}

/// The order of names in the cache: numbers in them count as numbers (`_dl_cache_libcmp`).
fn order(mut a: &[u8], mut b: &[u8]) -> Ordering {
    fn number(text: &mut &[u8]) -> u64 {
        let length = text.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = text.split_at(length);
        *text = rest;
        digits.iter().fold(0u64, |n, digit| {
            n.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))
        })
    }
    loop {
        let (Some(&one), Some(&other)) = (a.first(), b.first()) else {
            return a.len().cmp(&b.len());
        };
        match (one.is_ascii_digit(), other.is_ascii_digit()) {
            (true, true) => match number(&mut a).cmp(&number(&mut b)) {
                Ordering::Equal => {}
                different => return different,
            },
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) if one != other => return one.cmp(&other),
            (false, false) => (a, b) = (&a[1..], &b[1..]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_order_of_the_loader() {
        let mut names = [
            "libc.so.6",
            "libz.so.1",
            "libz.so.10",
            "libz.so.2",
            "libz.so",
        ];
        names.sort_by(|a, b| order(b.as_bytes(), a.as_bytes()));
        assert_eq!(
            names,
            [
                "libz.so.10",
                "libz.so.2",
                "libz.so.1",
                "libz.so",
                "libc.so.6"
            ]
        );
    }

    #[test]
    fn links() {
        for (path, target, led) in [
            ("usr/lib/a.so", "a.so.1", "usr/lib/a.so.1"),
            ("usr/lib/a.so", "../x/./a", "usr/x/a"),
            ("usr/lib/a.so", "/lib/a", "lib/a"),
            ("a", "../../b", "b"),
        ] {
            let found = beside(path.as_bytes(), target.as_bytes());
            assert_eq!(String::from_utf8(found).unwrap(), led);
        }
        assert!(is_library("libz.so") && is_library("libz.so.1") && is_library("ld-linux.so.2"));
        assert!(!is_library("libz.a") && !is_library("README") && !is_library("zlib.so"));
    }
}
