//! Versions of RPM packages: an epoch, a version and perhaps a release, and which is newer.
//!
//! As `rpmvercmp` of rpm 6.1 and rpm-version(7) have it.

use std::cmp::Ordering;
use std::fmt;

/// An epoch, a version and a release, where there is one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Evr {
    /// Zero where none is given.
    pub epoch: u32,
    /// The upstream version.
    pub version: String,
    /// The packager's count; dependencies may name none, and then mean all.
    pub release: Option<String>,
}

impl Evr {
    /// Read `[EPOCH:]VERSION[-RELEASE]`. Every text is one.
    pub fn parse(text: &str) -> Self {
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) if epoch.bytes().all(|b| b.is_ascii_digit()) => {
                (epoch.parse().unwrap_or(0), rest)
            }
            _ => (0, text),
        };
        let (version, release) = match rest.rsplit_once('-') {
            Some((version, release)) => (version, Some(release.to_owned())),
            None => (rest, None),
        };
        Self {
            epoch,
            version: version.to_owned(),
            release,
        }
    }

    /// Which one is newer. Releases count only where both have one.
    pub fn compare(&self, other: &Self) -> Ordering {
        let release = || match (&self.release, &other.release) {
            (Some(a), Some(b)) => compare(a.as_bytes(), b.as_bytes()),
            _ => Ordering::Equal,
        };
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare(self.version.as_bytes(), other.version.as_bytes()))
            .then_with(release)
    }
}

impl fmt::Display for Evr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.epoch != 0 {
            write!(f, "{}:", self.epoch)?;
        }
        f.write_str(&self.version)?;
        match &self.release {
            Some(release) => write!(f, "-{release}"),
            None => Ok(()),
        }
    }
}

/// Compare two versions or two releases, segment by segment: digits as numbers, letters as text.
pub fn compare(mut a: &[u8], mut b: &[u8]) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let separator = |c: &u8| !c.is_ascii_alphanumeric() && *c != b'~' && *c != b'^';
    while !a.is_empty() || !b.is_empty() {
        a = &a[a.iter().take_while(|c| separator(c)).count()..];
        b = &b[b.iter().take_while(|c| separator(c)).count()..];
        // A tilde sorts before everything, even the end.
        match (a.first() == Some(&b'~'), b.first() == Some(&b'~')) {
            (true, true) => {
                (a, b) = (&a[1..], &b[1..]);
                continue;
            }
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        // A caret sorts after the end, and before everything else.
        match (a.first() == Some(&b'^'), b.first() == Some(&b'^')) {
            (true, true) => {
                (a, b) = (&a[1..], &b[1..]);
                continue;
            }
            (true, false) if b.is_empty() => return Ordering::Greater,
            (true, false) => return Ordering::Less,
            (false, true) if a.is_empty() => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        if a.is_empty() || b.is_empty() {
            break;
        }
        let digits = a[0].is_ascii_digit();
        let of_kind = |c: &&u8| match digits {
            true => c.is_ascii_digit(),
            false => c.is_ascii_alphabetic(),
        };
        let (one, rest_a) = a.split_at(a.iter().take_while(of_kind).count());
        let (two, rest_b) = b.split_at(b.iter().take_while(of_kind).count());
        if two.is_empty() {
            // Numbers are newer than letters.
            return if digits {
                Ordering::Greater
            } else {
                Ordering::Less
            };
        }
        let order = if digits {
            let zeros = |n: &[u8]| n.iter().take_while(|&&c| c == b'0').count();
            let (one, two) = (&one[zeros(one)..], &two[zeros(two)..]);
            one.len().cmp(&two.len()).then_with(|| one.cmp(two))
        } else {
            one.cmp(two)
        };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    a.len().min(1).cmp(&b.len().min(1))
}

/// How a dependency bounds a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `=`
    Equal,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
}

impl Relation {
    /// Read a sign, or the two letters that stand for it in repositories.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "<" | "LT" => Self::Less,
            "<=" | "=<" | "LE" => Self::LessOrEqual,
            "=" | "==" | "EQ" => Self::Equal,
            ">=" | "=>" | "GE" => Self::GreaterOrEqual,
            ">" | "GT" => Self::Greater,
            _ => return None,
        })
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        }
    }

    fn has(self, order: Ordering) -> bool {
        match order {
            Ordering::Less => matches!(self, Self::Less | Self::LessOrEqual),
            Ordering::Equal => {
                matches!(self, Self::LessOrEqual | Self::Equal | Self::GreaterOrEqual)
            }
            Ordering::Greater => matches!(self, Self::Greater | Self::GreaterOrEqual),
        }
    }
}

/// A name with a range of versions: what a package needs, and what it provides too.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dependency {
    /// A name, a capability, or the path of a file.
    pub name: String,
    /// The range; every version if there is none.
    pub range: Option<(Relation, Evr)>,
}

impl Dependency {
    /// Whether something provided meets this one: their ranges have a version in common.
    ///
    /// As `rpmverOverlap` of rpm 6.1: what has no version on one side meets any on the other.
    pub fn is_met_by(&self, provided: &Self) -> bool {
        if self.name != provided.name {
            return false;
        }
        let (Some((ours, wanted)), Some((theirs, given))) = (&self.range, &provided.range) else {
            return true;
        };
        match given.compare(wanted) {
            Ordering::Less => theirs.has(Ordering::Greater) || ours.has(Ordering::Less),
            Ordering::Greater => theirs.has(Ordering::Less) || ours.has(Ordering::Greater),
            Ordering::Equal => {
                // A version stands for all of its releases.
                let all = match (&wanted.release, &given.release) {
                    (None, Some(_)) => ours.has(Ordering::Equal),
                    (Some(_), None) => theirs.has(Ordering::Equal),
                    _ => false,
                };
                all || [Ordering::Less, Ordering::Equal, Ordering::Greater]
                    .into_iter()
                    .any(|order| ours.has(order) && theirs.has(order))
            }
        }
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.range {
            Some((relation, evr)) => write!(f, " {} {evr}", relation.sign()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cases of rpm's own tests (`tests/rpmvercmp.at`).
    #[test]
    fn which_is_newer() {
        use Ordering::{Equal, Greater, Less};
        for (a, b, expected) in [
            ("1.0", "1.0", Equal),
            ("1.0", "2.0", Less),
            ("2.0.1", "2.0.1a", Less),
            ("5.5p1", "5.5p2", Less),
            ("5.5p10", "5.5p1", Greater),
            ("10xyz", "10.1xyz", Less),
            ("xyz10", "xyz10.1", Less),
            ("xyz.4", "8", Less),
            ("5.5p2", "5.6p1", Less),
            ("6.5p1", "5.6p1", Greater),
            ("6.0.rc1", "6.0", Greater),
            ("10b2", "10a1", Greater),
            ("7.4052", "1.0aa", Greater),
            ("1.0a", "1.0aa", Less),
            ("10.0001", "10.1", Equal),
            ("10.0001", "10.0039", Less),
            ("4.999.9", "5.0", Less),
            ("20101121", "20101122", Less),
            ("2_0", "2.0", Equal),
            ("a", "a+", Equal),
            ("+_", "_+", Equal),
            ("1.0~rc1", "1.0", Less),
            ("1.0~rc1~git123", "1.0~rc1", Less),
            ("1.0^", "1.0", Greater),
            ("1.0^git1", "1.01", Less),
            ("1.0^20160101", "1.0.1", Less),
            ("1.0~rc1^git1", "1.0~rc1", Greater),
            ("1.0^git1~pre", "1.0^git1", Less),
            ("1b.fc17", "1.fc17", Less),
            ("1g.fc17", "1.fc17", Greater),
            (
                "99999999999999999999999",
                "99999999999999999999998",
                Greater,
            ),
        ] {
            assert_eq!(compare(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
            assert_eq!(
                compare(b.as_bytes(), a.as_bytes()),
                expected.reverse(),
                "{b} {a}"
            );
        }
    }

    #[test]
    fn parts_of_a_version() {
        let evr = Evr::parse("2:1.0-rc-3.fc40");
        assert_eq!((evr.epoch, &evr.version[..]), (2, "1.0-rc"));
        assert_eq!(evr.release.as_deref(), Some("3.fc40"));
        assert_eq!(evr.to_string(), "2:1.0-rc-3.fc40");
        assert_eq!(Evr::parse("1.0").release, None);
        let order = |a: &str, b: &str| Evr::parse(a).compare(&Evr::parse(b));
        assert_eq!(order("1:1", "2"), Ordering::Greater);
        assert_eq!(order("1.0", "1.0-5"), Ordering::Equal);
        assert_eq!(order("1.0-4", "1.0-5"), Ordering::Less);
    }

    #[test]
    fn ranges_that_meet() {
        let of = |text: &str| match text.split_once(' ') {
            Some((relation, evr)) => Dependency {
                name: "a".to_owned(),
                range: Relation::parse(relation).map(|r| (r, Evr::parse(evr))),
            },
            None => Dependency {
                name: "a".to_owned(),
                range: None,
            },
        };
        for (wanted, provided, met) in [
            ("", "", true),
            ("", "= 1", true),
            ("= 1", "", true),
            (">= 1", "= 1-1", true),
            ("> 1", "= 1-1", false),
            ("< 2", "= 1-1", true),
            ("< 2", "= 2-1", false),
            ("= 1-2", "= 1-1", false),
            ("= 1", "= 1-1", true),
            (">= 3", ">= 1", true),
            ("< 1", "> 1", false),
            ("< 1-2", "= 1", true),
            ("<= 1", "= 1-5", true),
            ("<= 1", ">= 1", true),
            ("< 1", "< 3", true),
        ] {
            assert_eq!(
                of(wanted).is_met_by(&of(provided)),
                met,
                "{wanted} {provided}"
            );
        }
    }
}
