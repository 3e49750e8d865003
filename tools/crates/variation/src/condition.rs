//! What can be other from one build to the next, each with a name.

use std::fmt;
use std::str::FromStr;

/// Something that a build must not depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// The path of the output base, and with it that of the execution root and the sandboxes.
    OutputBase,
    /// The path of the checkout, and the times and modes of the files in it.
    Checkout,
    /// The moment of the build.
    Time,
    /// The time zone.
    TimeZone,
    /// Language, sorting order and number formats.
    Locale,
    /// The mode with which files are created.
    Umask,
    /// The user's name and home.
    User,
    /// The name of the machine.
    Host,
    /// The number of cores that processes see.
    Cores,
    /// How many actions run at a time.
    Jobs,
    /// The order in which a folder lists its files: where sandboxes are, and in which order they are made.
    DirectoryOrder,
    /// The file system that the second build lies on, which may have other times, sizes and orders.
    FileSystem,
    /// The compilation mode: `-c opt` here, `-c fastbuild` there.
    Mode,
}

impl Condition {
    /// All conditions, in the order in which reports have them.
    pub const ALL: &[Condition] = &[
        Condition::OutputBase,
        Condition::Checkout,
        Condition::Time,
        Condition::TimeZone,
        Condition::Locale,
        Condition::Umask,
        Condition::User,
        Condition::Host,
        Condition::Cores,
        Condition::Jobs,
        Condition::DirectoryOrder,
        Condition::FileSystem,
        Condition::Mode,
    ];

    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Condition::OutputBase => "output-base",
            Condition::Checkout => "checkout",
            Condition::Time => "time",
            Condition::TimeZone => "time-zone",
            Condition::Locale => "locale",
            Condition::Umask => "umask",
            Condition::User => "user",
            Condition::Host => "host",
            Condition::Cores => "cores",
            Condition::Jobs => "jobs",
            Condition::DirectoryOrder => "directory-order",
            Condition::FileSystem => "file-system",
            Condition::Mode => "mode",
        }
    }

    /// What it is, for a sentence: "the output depends on …".
    pub fn what(self) -> &'static str {
        match self {
            Condition::OutputBase => "the folder that it is built in",
            Condition::Checkout => "the path of the checkout, or times and modes of its files",
            Condition::Time => "the time of day",
            Condition::TimeZone => "the time zone",
            Condition::Locale => "the locale",
            Condition::Umask => "the umask",
            Condition::User => "the user's name or home",
            Condition::Host => "the name of the machine",
            Condition::Cores => "the number of cores",
            Condition::Jobs => "the number of jobs",
            Condition::DirectoryOrder => "the order of a folder",
            Condition::FileSystem => "the file system",
            Condition::Mode => "the compilation mode",
        }
    }

    /// How an action becomes independent of it.
    pub fn remedy(self) -> &'static str {
        match self {
            Condition::OutputBase | Condition::Checkout => {
                "use relative paths, or map them (-ffile-prefix-map, --remap-path-prefix)"
            }
            Condition::Time => "take the time from SOURCE_DATE_EPOCH, or leave it out",
            Condition::TimeZone => "write times in UTC: TZ=UTC in the command",
            Condition::Locale => "LC_ALL=C in the command",
            Condition::Umask => "set the modes of files where they are packed",
            Condition::User | Condition::Host => "leave it out of the output",
            Condition::Cores | Condition::Jobs => {
                "give the tool a fixed number of threads, or one whose output does not depend on it"
            }
            Condition::DirectoryOrder | Condition::FileSystem => {
                "sort what is listed: tar --sort=name, find … | LC_ALL=C sort"
            }
            Condition::Mode => "build it in one mode, with a transition",
        }
    }

    /// Whether it is varied where nobody says what to vary.
    ///
    /// A file system of another kind is memory on most machines, which large builds do not fit
    /// into; and what is compiled in another mode is not meant to be the same.
    pub fn is_usual(self) -> bool {
        !matches!(self, Condition::FileSystem | Condition::Mode)
    }

    /// Those that are varied where nobody says what to vary.
    pub fn usual() -> impl Iterator<Item = Condition> {
        Self::ALL.iter().copied().filter(|c| c.is_usual())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// No condition has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no condition `{0}`; there are {names}", names = names())]
pub struct UnknownCondition(String);

fn names() -> String {
    let names: Vec<_> = Condition::ALL.iter().map(|c| c.name()).collect();
    names.join(", ")
}

impl FromStr for Condition {
    type Err = UnknownCondition;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|c| c.name() == name)
            .ok_or_else(|| UnknownCondition(name.to_owned()))
    }
}

impl serde::Serialize for Condition {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_is_found_by_its_name() {
        for condition in Condition::ALL {
            assert_eq!(condition.name().parse(), Ok(*condition));
        }
        let error = "weather".parse::<Condition>().unwrap_err().to_string();
        assert!(
            error.contains("`weather`") && error.contains("time-zone"),
            "{error}"
        );
    }
}
