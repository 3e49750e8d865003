//! Folders that a set of packages reaches through symlinks: in a merged `/usr`, what one package
//! calls `/bin/sh` lies in `/usr/bin`.
//!
//! A package manager unpacks one package after the other and follows the links that are there by
//! then. Here all packages are known before the first file is unpacked, so the order is none.

use std::collections::BTreeMap;

/// Links that are followed for one path: as many as Linux follows.
const MOST_LINKS: usize = 40;

/// All symlinks of a set of packages.
#[derive(Debug, Default)]
pub struct Aliases {
    targets: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Aliases {
    /// Add a symlink.
    pub fn add(&mut self, path: Vec<u8>, target: &[u8]) {
        self.targets.insert(path, target.to_vec());
    }

    /// Whether a symlink has this path.
    pub fn has(&self, path: &[u8]) -> bool {
        self.targets.contains_key(path)
    }

    /// Where a path leads if the links among the folders above it are followed; `None` if they go
    /// round in a circle.
    pub fn place(&self, path: &[u8]) -> Option<Vec<u8>> {
        self.follow(path, false)
    }

    /// The same, where the path itself may be a link that is followed.
    pub fn real(&self, path: &[u8]) -> Option<Vec<u8>> {
        self.follow(path, true)
    }

    fn follow(&self, path: &[u8], to_the_end: bool) -> Option<Vec<u8>> {
        let mut left = MOST_LINKS;
        let mut done: Vec<Vec<u8>> = Vec::new();
        let mut rest: Vec<Vec<u8>> = parts(path).rev().map(<[u8]>::to_vec).collect();
        while let Some(part) = rest.pop() {
            if part == b".." {
                done.pop();
                continue;
            }
            done.push(part);
            if rest.is_empty() && !to_the_end {
                break;
            }
            let so_far = done.join(&b'/');
            let Some(target) = self.targets.get(&so_far) else {
                continue;
            };
            left = left.checked_sub(1)?;
            match target.starts_with(b"/") {
                true => done.clear(),
                false => {
                    done.pop();
                }
            }
            rest.extend(parts(target).rev().map(<[u8]>::to_vec));
        }
        Some(done.join(&b'/'))
    }
}

fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|&b| b == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_above_a_path_are_followed() {
        let mut aliases = Aliases::default();
        for (path, target) in [
            ("bin", "usr/bin"),
            ("lib", "/usr/./lib"),
            ("usr/lib64", "../usr/lib"),
            ("usr/bin/sh", "bash"),
            ("up", "../../usr"),
            ("round", "trip"),
            ("trip", "round"),
            ("self", "self/self"),
        ] {
            aliases.add(path.into(), target.as_bytes());
        }
        let place = |path: &str| {
            let place = aliases.place(path.as_bytes())?;
            Some(String::from_utf8(place).unwrap())
        };
        for (path, expected) in [
            ("bin/sh", "usr/bin/sh"),
            ("usr/bin/sh", "usr/bin/sh"),
            ("bin", "bin"),
            ("lib/a/b", "usr/lib/a/b"),
            ("usr/lib64/x", "usr/lib/x"),
            ("up/lib64/x", "usr/lib/x"),
            ("etc/passwd", "etc/passwd"),
        ] {
            assert_eq!(place(path).as_deref(), Some(expected), "{path}");
        }
        let real = |path: &str| {
            let real = aliases.real(path.as_bytes())?;
            Some(String::from_utf8(real).unwrap())
        };
        assert_eq!(real("bin/sh").as_deref(), Some("usr/bin/bash"));
        assert_eq!(real("bin").as_deref(), Some("usr/bin"));
        assert_eq!(real("round"), None);
        assert_eq!(place("round/x"), None);
        assert_eq!(place("self/x"), None);
        assert!(aliases.has(b"bin") && !aliases.has(b"usr/bin"));
    }
}
