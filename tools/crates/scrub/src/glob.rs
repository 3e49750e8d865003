//! Patterns over paths: `*` within a name, `**` for any number of names.

/// Whether the path matches the pattern; both are without a slash at either end.
///
/// `**` stands for one name or more at the end of a pattern, for none or more before that.
/// No pattern has it twice before its end, so that a hostile path costs linear time.
pub(crate) fn matches(pattern: &str, path: &[u8]) -> bool {
    from_here(pattern.as_bytes(), path)
}

fn from_here(pattern: &[u8], path: &[u8]) -> bool {
    let (want, more) = split(pattern);
    if want == b"**" {
        let Some(more) = more else {
            return !path.is_empty();
        };
        let mut rest = Some(path);
        while let Some(path) = rest {
            if from_here(more, path) {
                return true;
            }
            rest = split(path).1;
        }
        return false;
    }
    let (name, rest) = split(path);
    name_matches(want, name)
        && match (more, rest) {
            (None, None) => true,
            (Some(more), Some(rest)) => from_here(more, rest),
            _ => false,
        }
}

/// The first name of a path, or of a pattern that begins with a name.
pub(crate) fn first(path: &[u8]) -> &[u8] {
    split(path).0
}

/// The first name, and what follows its slash.
fn split(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    match path.iter().position(|&b| b == b'/') {
        Some(at) => (&path[..at], Some(&path[at + 1..])),
        None => (path, None),
    }
}

fn name_matches(pattern: &[u8], name: &[u8]) -> bool {
    let mut parts = pattern.split(|&b| b == b'*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        // No star at all.
        return rest.is_empty();
    };
    // What lies between stars is taken where it comes first, which leaves the most to the
    // rest; the last part must then be at the end.
    for part in parts {
        if part.is_empty() {
            continue;
        }
        match rest.windows(part.len()).position(|window| window == part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, yes, no) in [
            (
                "etc/shadow",
                &["etc/shadow"][..],
                &["etc/shadow-", "etc", "x/etc/shadow", ""][..],
            ),
            (
                "etc/*-",
                &["etc/passwd-", "etc/-"],
                &["etc/passwd", "etc/a/b-"],
            ),
            (
                "etc/ssh/ssh_host_*_key",
                &["etc/ssh/ssh_host_rsa_key"],
                &["etc/ssh/ssh_host_key"],
            ),
            ("tmp/**", &["tmp/a", "tmp/a/b"], &["tmp", "tmpa"]),
            (
                "**/__pycache__/*.pyc",
                &["__pycache__/a.pyc", "a/b/__pycache__/c.pyc"],
                &["a/__pycache__/b/c.pyc", "a.pyc"],
            ),
            ("**/x/**", &["x/y", "a/x/y/z"], &["x", "a/x"]),
            ("a/**/z", &["a/z", "a/b/c/z"], &["a", "z", "a/b"]),
            ("*a*b*", &["ab", "xaybz", "aabb"], &["ba", "a", "b"]),
            ("*.a.*", &["x.a.y", ".a."], &["a", "x.a"]),
        ] {
            for path in yes {
                assert!(matches(pattern, path.as_bytes()), "{pattern} {path}");
            }
            for path in no {
                assert!(!matches(pattern, path.as_bytes()), "{pattern} {path}");
            }
        }
    }
}
