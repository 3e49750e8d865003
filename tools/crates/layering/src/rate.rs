//! How often a part changes from one release to the next.

use verbatim_components::Kind;

/// Certainty, and all of something.
pub(crate) const WHOLE: u64 = 1_000_000_000;

/// Releases that the usual rate counts for, beside those that were seen.
const WEIGHT: u64 = 4;

/// What a part is, as far as it tells how often it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Temper {
    /// What removes files of lower layers: as long as the image is built in the same way, it stays.
    Whiteouts,
    /// A component.
    Of(Kind),
    /// What nothing accounts for.
    Unowned,
    /// The list of installed packages, which changes with each of them.
    Database,
}

impl Temper {
    /// How likely a release changes it when nothing is known yet.
    ///
    /// What a distribution publishes for a stable release in a month touches about one package of
    /// twenty; dependencies of a language move faster, and what is built from one's own sources in
    /// nearly every release.
    fn usual(self) -> u64 {
        match self {
            Self::Whiteouts => 0,
            Self::Of(Kind::Deb | Kind::Rpm | Kind::Apk) => WHOLE / 20,
            Self::Of(Kind::Python | Kind::Npm) => WHOLE / 8,
            Self::Of(Kind::Declared) | Self::Unowned => WHOLE / 3,
            Self::Of(Kind::Cargo | Kind::Go | Kind::Bazel) => WHOLE / 2,
            Self::Database => WHOLE / 10 * 9,
        }
    }
}

/// How often a part was looked at in a new release, and how often it had changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) seen: u32,
    pub(crate) changed: u32,
}

impl History {
    /// The history after one more release.
    pub(crate) fn and(self, changed: bool) -> Self {
        Self {
            seen: self.seen.saturating_add(1),
            changed: self.changed.saturating_add(u32::from(changed)),
        }
    }

    /// How likely the next release leaves the part as it is, in parts of [`WHOLE`].
    pub(crate) fn survival(self, temper: Temper) -> u64 {
        let changes = u64::from(self.changed) * WHOLE + temper.usual() * WEIGHT;
        WHOLE - changes / (u64::from(self.seen) + WEIGHT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_counts_for_more_with_every_release() {
        let of = |seen, changed| History { seen, changed }.survival(Temper::Of(Kind::Deb));
        assert_eq!(of(0, 0), WHOLE - WHOLE / 20);
        assert!(of(4, 0) > of(0, 0) && of(4, 1) < of(0, 0) && of(4, 4) < of(4, 1));
        assert!(of(1000, 1000) < WHOLE / 100);
        assert_eq!(
            History::default().and(true).and(false),
            History {
                seen: 2,
                changed: 1
            }
        );
        // No history takes a part out of its bounds.
        let most = History {
            seen: u32::MAX,
            changed: u32::MAX,
        }
        .and(true);
        assert!(most.survival(Temper::Database) <= WHOLE);
    }
}
