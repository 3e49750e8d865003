//! Relations between packages: `libc6 (>= 2.36) | libc6.1, perl:any` (deb-control(5) and the
//! Debian Policy Manual, chapter 7).

use std::cmp::Ordering;
use std::fmt;

use super::version;
use crate::{Error, Result};

/// How a version must stand to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `<<`
    Earlier,
    /// `<=`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`
    LaterOrEqual,
    /// `>>`
    Later,
}

impl Operator {
    /// Whether `version` stands so to `bound`.
    pub fn holds(self, version: &str, bound: &str) -> bool {
        let order = version::compare(version, bound);
        match self {
            Self::Earlier => order == Ordering::Less,
            Self::EarlierOrEqual => order != Ordering::Greater,
            Self::Equal => order == Ordering::Equal,
            Self::LaterOrEqual => order != Ordering::Less,
            Self::Later => order == Ordering::Greater,
        }
    }
}

/// One package that a relation names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Atom<'a> {
    /// The name of a package, or of one that others provide.
    pub name: &'a str,
    /// What stands behind a colon: an architecture, or `any`.
    pub qualifier: Option<&'a str>,
    /// What its version must be.
    pub version: Option<(Operator, &'a str)>,
}

impl fmt::Display for Atom<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if let Some(qualifier) = self.qualifier {
            write!(f, ":{qualifier}")?;
        }
        match self.version {
            None => Ok(()),
            Some((operator, version)) => write!(f, " ({operator} {version})"),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        })
    }
}

impl Atom<'_> {
    /// Whether a version fits.
    pub fn admits(&self, version: &str) -> bool {
        self.version
            .is_none_or(|(operator, bound)| operator.holds(version, bound))
    }
}

/// All alternatives of all relations in a field: every one of the outer list, any one of the
/// inner.
pub fn parse(text: &str) -> Result<Vec<Vec<Atom<'_>>>> {
    text.split(',')
        .map(str::trim)
        .filter(|relation| !relation.is_empty())
        .map(|relation| relation.split('|').map(atom).collect())
        .collect()
}

/// One package with what its version must be.
pub fn atom(text: &str) -> Result<Atom<'_>> {
    let text = text.trim();
    let wrong = || wrong(text);
    let (name, rest) =
        match text.find(|c: char| c == '(' || c == '[' || c == '<' || c.is_whitespace()) {
            Some(end) => (&text[..end], text[end..].trim_start()),
            None => (text, ""),
        };
    let (name, qualifier) = match name.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (name, None),
    };
    let is_name = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'_'))
    };
    if !is_name(name) || !qualifier.is_none_or(is_name) {
        return Err(wrong());
    }
    if rest.is_empty() {
        return Ok(Atom {
            name,
            qualifier,
            version: None,
        });
    }
    let inside = rest
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
        .ok_or_else(wrong)?;
    let version = Some(bound(inside, text)?);
    Ok(Atom {
        name,
        qualifier,
        version,
    })
}

/// What a version must be, `>= 2.36`; `whole` is what it stands in, for the message.
pub(super) fn bound<'a>(text: &'a str, whole: &str) -> Result<(Operator, &'a str)> {
    let text = text.trim();
    let end = text
        .find(|c| !matches!(c, '<' | '>' | '='))
        .unwrap_or(text.len());
    let (operator, version) = text.split_at(end);
    let version = version.trim();
    let operator = match operator {
        "<<" => Operator::Earlier,
        // dpkg reads the old forms as these.
        "<=" | "<" => Operator::EarlierOrEqual,
        "=" => Operator::Equal,
        ">=" | ">" => Operator::LaterOrEqual,
        ">>" => Operator::Later,
        _ => return Err(wrong(whole)),
    };
    if version.is_empty() || version.contains(char::is_whitespace) {
        return Err(wrong(whole));
    }
    Ok((operator, version))
}

fn wrong(text: &str) -> Error {
    Error::wrong(format!(
        "`{}` is no relation to a package; write it like `libc6 (>= 2.36)`",
        verbatim_foreign::excerpt(text, 100)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_versions_and_architectures() {
        let relations =
            parse("libc6 (>= 2.36) | libc6.1(>=2), perl:any,\n debconf (<< 2) ,").unwrap();
        assert_eq!(relations.len(), 3);
        assert_eq!(
            relations[0][0].version,
            Some((Operator::LaterOrEqual, "2.36"))
        );
        assert_eq!(relations[0][1].name, "libc6.1");
        assert_eq!(relations[1][0].qualifier, Some("any"));
        assert!(relations[0][0].admits("2.36-9+deb12u1") && !relations[0][0].admits("2.36~rc1"));
        assert_eq!(parse("").unwrap(), Vec::<Vec<Atom>>::new());
    }

    #[test]
    fn what_is_no_relation_is_an_error() {
        for bad in [
            "a b",
            "a (>= )",
            "a (1)",
            "(>= 1)",
            "a (== 1)",
            "a (>= 1",
            "a |",
            "a/b",
            "a (>= 1 2)",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
