//! Looking up what hard links point to.
//!
//! The first name of a file in order gets its content, and the others are links to it. A link
//! of an archive to what is not in the layer stays: layers of images may name, as a hard link,
//! a file that only a lower layer has.

use std::collections::HashMap;

use verbatim_foreign::printable_bytes;

use crate::entry::{Entry, Kind, Weight};
use crate::path::join;
use crate::settle::Collected;
use crate::Error;

/// What a hard link leads to.
enum Target {
    /// One of the entries, or one of those that were left out.
    File(File),
    /// What has this path in a lower layer.
    Below(Box<[u8]>),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum File {
    Shown(usize),
    Hidden(usize),
}

/// How many links may lead to each other, and how many symlinks may be on the way: more than
/// any kernel follows.
const MAX_STEPS: usize = 100;

/// Look up the target of every hard link, and give it to all names of the file.
pub(crate) fn look_up(collected: &mut Collected) -> Result<(), Error> {
    collected
        .hidden
        .sort_by(|a, b| (a.origin, &a.path).cmp(&(b.origin, &b.path)));
    let mut groups: HashMap<File, Vec<usize>> = HashMap::new();
    let mut below = Vec::new();
    for at in 0..collected.entries.len() {
        match collected.target(&collected.entries[at])? {
            None => {}
            Some(Target::File(file)) => groups.entry(file).or_default().push(at),
            Some(Target::Below(path)) => below.push((at, path)),
        }
    }
    for (at, path) in below {
        collected.entries[at].kind = Kind::Link(path);
    }
    // No two groups share an entry, so their order makes no difference.
    for (file, links) in groups {
        collected.name(file, links);
    }
    Ok(())
}

impl Collected {
    /// What a hard link leads to; `None` for all that is none.
    fn target(&self, start: &Entry) -> Result<Option<Target>, Error> {
        let problem = |target: &[u8], problem| Error::HardLink {
            path: printable_bytes(&start.path).into_owned(),
            origin: self.origin_of(start),
            target: printable_bytes(target).into_owned(),
            problem,
        };
        let mut current = start;
        for _ in 0..MAX_STEPS {
            let (found, next) = match &current.kind {
                Kind::Link(target) => match self.find_through_symlinks(target) {
                    Some(found) => (File::Shown(found), &self.entries[found]),
                    // Who writes a link by hand names a file of this layer, or mistakes its name.
                    None if current.weight == Weight::Asked => {
                        return Err(problem(
                            target,
                            "which is not in the layer; add it or remove the link",
                        ))
                    }
                    None => return Ok(Some(Target::Below(target.clone()))),
                },
                Kind::LinkToHidden { target, name } => match self.find_hidden(current, target) {
                    Some(found) => (File::Hidden(found), &self.hidden[found]),
                    None => match name {
                        Some(name) => return Ok(Some(Target::Below(name.clone()))),
                        None => {
                            return Err(problem(
                                target,
                                "which is not in the archive, and has no name once parts of its path are stripped; leave the link out with --exclude",
                            ))
                        }
                    },
                },
                _ => return Ok(None),
            };
            match next.kind {
                Kind::Link(_) | Kind::LinkToHidden { .. } => current = next,
                Kind::Directory => {
                    return Err(problem(
                        &next.path,
                        "which is a directory; only files can have several names",
                    ))
                }
                Kind::Whiteout => {
                    return Err(problem(
                        &next.path,
                        "which is a white-out and no file; remove the link",
                    ))
                }
                _ => return Ok(Some(Target::File(found))),
            }
        }
        Err(problem(
            &current.path,
            "and the links go round in a circle; one of them must be a file",
        ))
    }

    /// A file that was left out of the archive that `link` is from.
    fn find_hidden(&self, link: &Entry, target: &[u8]) -> Option<usize> {
        let key = (link.origin, target);
        // The last of several with one name, as everywhere within an archive.
        let after = self
            .hidden
            .partition_point(|e| (e.origin, &e.path[..]) <= key);
        let found = after.checked_sub(1)?;
        let hidden = &self.hidden[found];
        ((hidden.origin, &hidden.path[..]) == key).then_some(found)
    }

    /// The entry at a path, whose directories may be symlinks in the layer: whoever unpacks it
    /// follows them.
    fn find_through_symlinks(&self, path: &[u8]) -> Option<usize> {
        let found = self.find(path);
        if found.is_some() {
            return found;
        }
        let mut path = path.to_vec();
        'follow: for _ in 0..MAX_STEPS {
            let slashes = path.iter().enumerate().filter(|&(_, &b)| b == b'/');
            for end in slashes.map(|(at, _)| at) {
                let Some(above) = self.find(&path[..end]) else {
                    continue;
                };
                if let Kind::Symlink(target) = &self.entries[above].kind {
                    path = followed(&path[..end], target, &path[end + 1..]);
                    continue 'follow;
                }
            }
            return self.find(&path);
        }
        None
    }

    /// Give a file the names that lead to it.
    fn name(&mut self, file: File, links: Vec<usize>) {
        let (original, mut names) = match file {
            File::Shown(at) => (&self.entries[at], vec![at]),
            File::Hidden(at) => (&self.hidden[at], vec![]),
        };
        let mut kind = original.kind.clone();
        if let Kind::File { content, .. } = &mut kind {
            // The content may now belong to another path than the one that says where it is.
            *content = self.files.anchored(&original.path, content);
        }
        let attributes = original.attributes.clone();
        names.extend(links);
        names.sort_unstable();
        for &name in &names {
            let entry = &mut self.entries[name];
            // A second name of a symlink or a device is one more of them.
            entry.kind = if name == names[0] || !matches!(kind, Kind::File { .. }) {
                kind.clone()
            } else {
                Kind::HardLink(names[0] as u32)
            };
            entry.attributes = attributes.clone();
        }
    }
}

/// The path `rest` below the symlink at `link`, which points to `target`. `..` at the root stays
/// there, as in the kernel.
fn followed(link: &[u8], target: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut path: Vec<&[u8]> = match target.first() {
        Some(b'/') => Vec::new(),
        _ => {
            let mut parts: Vec<_> = link.split(|&b| b == b'/').collect();
            parts.pop();
            parts
        }
    };
    for part in target.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    join(&path.join(&b'/'), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symlinks_are_followed_as_the_kernel_does() {
        for (link, target, expected) in [
            ("lib", "usr/lib", "usr/lib/x"),
            ("a/lib", "../usr//./lib/", "usr/lib/x"),
            ("a/lib", "b", "a/b/x"),
            ("a/lib", "/usr/lib", "usr/lib/x"),
            ("a/lib", "../../../b", "b/x"),
            ("a/lib", "/", "x"),
        ] {
            let path = followed(link.as_bytes(), target.as_bytes(), b"x");
            assert_eq!(
                String::from_utf8(path).unwrap(),
                expected,
                "{link} {target}"
            );
        }
    }
}
