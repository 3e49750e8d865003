//! Paths in a layer: relative, without `.`, `..`, empty parts and a slash at the end.

use verbatim_foreign::printable_bytes;

use crate::Error;

const LEAVES: &str = "leaves the root with `..`; give a path inside the layer";
const NUL: &str = "holds a zero byte, which no file system can store";
const EMPTY_PART: &str = "has an empty part (`//`); remove one slash";
const EMPTY: &str = "names the root of the layer; give a path inside it";

/// A path that someone wrote for this layer: `/usr/bin`, `./usr/bin` and `usr/bin/` are the same,
/// everything else that is odd is a mistake.
pub(crate) fn of_spec(path: &[u8], origin: &str) -> Result<Vec<u8>, Error> {
    let error = |problem| Error::Path {
        path: printable_bytes(path).into_owned(),
        problem,
        origin: origin.to_owned(),
    };
    let mut rest = path;
    loop {
        if let Some(tail) = rest.strip_prefix(b"./") {
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix(b"/") {
            rest = tail;
        } else {
            break;
        }
    }
    let rest = rest.strip_suffix(b"/").unwrap_or(rest);
    if rest.is_empty() || rest == b"." {
        return Err(error(EMPTY));
    }
    if rest.contains(&0) {
        return Err(error(NUL));
    }
    for part in rest.split(|&b| b == b'/') {
        match part {
            b"" => return Err(error(EMPTY_PART)),
            b".." => return Err(error(LEAVES)),
            b"." => return Err(error("has a part `.` inside; remove it")),
            _ => {}
        }
    }
    Ok(rest.to_vec())
}

/// The place below which a tree or an archive goes: a path as above, or the root itself, which is empty.
pub(crate) fn of_prefix(path: &[u8], origin: &str) -> Result<Vec<u8>, Error> {
    if path.iter().all(|&b| b == b'/' || b == b'.') && !path.windows(2).any(|w| w == b"..") {
        return Ok(Vec::new());
    }
    of_spec(path, origin)
}

/// A path out of an archive. Other programs wrote it, so what means the same is taken for
/// the same; `None` is the root itself.
pub(crate) fn of_archive(path: &[u8], origin: &str) -> Result<Option<Vec<u8>>, Error> {
    let error = |problem| Error::Path {
        path: printable_bytes(path).into_owned(),
        problem,
        origin: origin.to_owned(),
    };
    let mut clean = Vec::with_capacity(path.len());
    for part in path.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                return Err(error(
                    "leaves the root with `..`; the archive is hostile or broken",
                ))
            }
            part => {
                if part.contains(&0) {
                    return Err(error(NUL));
                }
                if !clean.is_empty() {
                    clean.push(b'/');
                }
                clean.extend_from_slice(part);
            }
        }
    }
    Ok((!clean.is_empty()).then_some(clean))
}

/// `path` below `prefix`, which may be empty.
pub(crate) fn join(prefix: &[u8], path: &[u8]) -> Vec<u8> {
    if prefix.is_empty() {
        return path.to_vec();
    }
    let mut joined = Vec::with_capacity(prefix.len() + 1 + path.len());
    joined.extend_from_slice(prefix);
    if !path.is_empty() {
        joined.push(b'/');
        joined.extend_from_slice(path);
    }
    joined
}

/// The directory that holds `path`, unless that is the root.
pub(crate) fn parent(path: &[u8]) -> Option<&[u8]> {
    path.iter().rposition(|&b| b == b'/').map(|at| &path[..at])
}

/// What is left of `path` below `above`: empty if they are the same.
pub(crate) fn below<'a>(path: &'a [u8], above: &[u8]) -> Option<&'a [u8]> {
    if above.is_empty() {
        return Some(path);
    }
    match path.strip_prefix(above)? {
        [] => Some(&[]),
        [b'/', rest @ ..] => Some(rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_makes_no_difference() {
        for path in [
            "usr/bin",
            "/usr/bin",
            "./usr/bin",
            "usr/bin/",
            "/./usr/bin/",
        ] {
            assert_eq!(
                of_spec(path.as_bytes(), "//a").unwrap(),
                b"usr/bin",
                "{path}"
            );
            assert_eq!(
                of_archive(path.as_bytes(), "a.tar").unwrap().unwrap(),
                b"usr/bin"
            );
        }
        assert_eq!(
            of_archive(b"usr//./bin", "a.tar").unwrap().unwrap(),
            b"usr/bin"
        );
        for path in ["", "/", ".", "./", "./."] {
            assert_eq!(of_archive(path.as_bytes(), "a.tar").unwrap(), None);
            assert_eq!(of_prefix(path.as_bytes(), "//a").unwrap(), b"");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (path, part) in [
            ("../etc", "leaves the root"),
            ("a/../../b", "leaves the root"),
            ("..", "leaves the root"),
            ("a//b", "empty part"),
            ("a/./b", "part `.`"),
            ("a\0b", "zero byte"),
            ("/", "the root"),
        ] {
            let error = of_spec(path.as_bytes(), "//x:y").unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("//x:y"), "{error}");
        }
        assert!(of_prefix(b"..", "//a").is_err());
        assert!(of_archive(b"a/../b", "x.tar").is_err());
        assert!(of_archive(b"/../b", "x.tar").is_err());
    }

    #[test]
    fn relations() {
        assert_eq!(join(b"", b"a"), b"a");
        assert_eq!(join(b"opt", b"a/b"), b"opt/a/b");
        assert_eq!(join(b"opt", b""), b"opt");
        assert_eq!(parent(b"a/b/c"), Some(&b"a/b"[..]));
        assert_eq!(parent(b"a"), None);
        assert_eq!(below(b"a/b", b"a"), Some(&b"b"[..]));
        assert_eq!(below(b"a", b"a"), Some(&b""[..]));
        assert_eq!(below(b"ab", b"a"), None);
    }
}
