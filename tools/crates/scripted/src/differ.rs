//! Where two root file systems differ.

use verbatim_archive::{Contents, Listed, What};
use verbatim_foreign::printable_bytes;
use verbatim_packages::Result;

/// So many paths are told.
const MOST: usize = 20;
const PIECE: usize = 1 << 20;

/// The first paths that differ, in their order, for people.
pub(crate) fn paths(one: &Contents, other: &Contents) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let (mut a, mut b) = (0, 0);
    while found.len() < MOST {
        let (first, second) = (one.get(a), other.get(b));
        let (path, differs) = match (first, second) {
            (None, None) => break,
            (Some(first), Some(second)) if first.path == second.path => {
                (a, b) = (a + 1, b + 1);
                let differs = !alike(one, &first, other, &second)
                    || !same_content((one, a - 1, &first), (other, b - 1, &second))?;
                (first.path, differs)
            }
            (Some(first), second) if second.as_ref().is_none_or(|s| first.path < s.path) => {
                a += 1;
                (first.path, true)
            }
            (_, Some(second)) => {
                b += 1;
                (second.path, true)
            }
            (Some(_), None) => break,
        };
        if differs {
            found.push(printable_bytes(path).into_owned());
        }
    }
    Ok(found)
}

/// Whether all but the content is the same.
fn alike(one: &Contents, a: &Listed<'_>, other: &Contents, b: &Listed<'_>) -> bool {
    let rest = |listed: &Listed<'_>| {
        let xattrs = listed.xattrs.cloned();
        (
            listed.mode,
            listed.uid,
            listed.gid,
            listed.mtime,
            listed.size,
            xattrs,
        )
    };
    let first = |contents: &Contents, listed: &Listed<'_>| {
        contents.get(listed.file).map(|file| file.path.to_vec())
    };
    a.what == b.what && rest(a) == rest(b) && first(one, a) == first(other, b)
}

/// Whether two files of one size have the same bytes.
fn same_content(
    (one, a, first): (&Contents, usize, &Listed<'_>),
    (other, b, _): (&Contents, usize, &Listed<'_>),
) -> Result<bool> {
    if first.what != What::File || first.file != a {
        return Ok(true);
    }
    let (mut x, mut y) = (vec![0; PIECE], vec![0; PIECE]);
    let mut done = 0;
    while done < first.size {
        let length = usize::try_from(first.size - done).map_or(PIECE, |left| left.min(PIECE));
        one.read(a, done, &mut x[..length])?;
        other.read(b, done, &mut y[..length])?;
        if x[..length] != y[..length] {
            return Ok(false);
        }
        done += length as u64;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use verbatim_archive::{Builder, Defaults, Item, Wish};

    fn contents(files: &[(&str, &str, u32)]) -> Contents {
        let mut builder = Builder::new(Defaults::default(), std::env::temp_dir());
        for (path, text, mode) in files {
            let item = Item::Bytes(text.as_bytes().to_vec());
            let wish = Wish {
                mode: Some(*mode),
                ..Wish::default()
            };
            builder.item(path.as_bytes(), item, &wish, "test").unwrap();
        }
        builder.contents().unwrap()
    }

    #[test]
    fn each_kind_of_difference() {
        let one = contents(&[
            ("a", "1", 0o644),
            ("b", "1", 0o644),
            ("c", "1", 0o644),
            ("e", "1", 0o644),
        ]);
        let other = contents(&[
            ("a", "1", 0o644),
            ("b", "2", 0o644),
            ("c", "1", 0o600),
            ("d", "", 0o644),
        ]);
        assert_eq!(paths(&one, &other).unwrap(), ["b", "c", "d", "e"]);
        assert!(paths(&one, &one).unwrap().is_empty());
    }
}
