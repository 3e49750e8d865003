//! The catalogue: identifiers that scripts rely on. New ones may be added; none is ever renamed.

use std::fmt;
use std::str::FromStr;

/// What varied. Each has a page in `docs/causes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// A time that the build read from the clock or from files.
    Timestamp,
    /// A path of the folder that was built in.
    BuildPath,
    /// The same files in another order.
    FileOrder,
    /// Other permission bits.
    Mode,
    /// Another owner or group, by number or by name.
    Owner,
    /// The name of the machine.
    Hostname,
    /// The name of the user.
    Username,
    /// Language, sorting order or character set.
    Locale,
    /// The same moment in another time zone.
    Timezone,
    /// A number or name drawn at random.
    RandomId,
    /// A universally unique identifier (RFC 9562).
    Uuid,
    /// The build ID of a program, while all else is equal.
    BuildId,
    /// The same content from another encoder, level or flush.
    Compression,
    /// Format, padding, PAX keys, names and flags of headers.
    ArchiveHeader,
    /// Keys or rows in the order of a hash table.
    HashOrder,
    /// What depends on how many did the work, and who was first.
    Parallelism,
    /// The version of the running kernel.
    KernelVersion,
    /// The version of a compiler or another tool.
    ToolchainVersion,
    /// The value of an environment variable.
    Environment,
    /// Extended attributes.
    Xattr,
    /// A hard link here, a copy or another target there.
    Hardlink,
    /// `/etc/machine-id` and what is derived from it.
    MachineId,
    /// Keys that belong to one machine.
    HostKey,
    /// The day of the last change in a shadow file.
    PasswordAge,
    /// A log or a cache, which nobody needs.
    LogOrCache,
    /// The database of installed packages, while the packages are equal.
    PackageDatabase,
    /// Debug information, while the program is equal.
    DebugInfo,
    /// A signature over equal or other content.
    Signature,
    /// CR LF here, LF there.
    LineEndings,
    /// The history or annotations of an image.
    History,
    /// Another version of an installed package.
    PackageChange,
    /// The sources changed: what differs is meant to be read.
    SourceChange,
    /// Only the right side has it.
    AddedFile,
    /// Only the left side has it.
    RemovedFile,
    /// None of the causes that are known.
    Unexplained,
}

impl Cause {
    /// All causes.
    pub const ALL: &[Cause] = &[
        Cause::Timestamp,
        Cause::BuildPath,
        Cause::FileOrder,
        Cause::Mode,
        Cause::Owner,
        Cause::Hostname,
        Cause::Username,
        Cause::Locale,
        Cause::Timezone,
        Cause::RandomId,
        Cause::Uuid,
        Cause::BuildId,
        Cause::Compression,
        Cause::ArchiveHeader,
        Cause::HashOrder,
        Cause::Parallelism,
        Cause::KernelVersion,
        Cause::ToolchainVersion,
        Cause::Environment,
        Cause::Xattr,
        Cause::Hardlink,
        Cause::MachineId,
        Cause::HostKey,
        Cause::PasswordAge,
        Cause::LogOrCache,
        Cause::PackageDatabase,
        Cause::DebugInfo,
        Cause::Signature,
        Cause::LineEndings,
        Cause::History,
        Cause::PackageChange,
        Cause::SourceChange,
        Cause::AddedFile,
        Cause::RemovedFile,
        Cause::Unexplained,
    ];

    /// The identifier, as reports and `--ignore` have it.
    pub fn id(self) -> &'static str {
        match self {
            Cause::Timestamp => "timestamp",
            Cause::BuildPath => "build-path",
            Cause::FileOrder => "file-order",
            Cause::Mode => "mode",
            Cause::Owner => "owner",
            Cause::Hostname => "hostname",
            Cause::Username => "username",
            Cause::Locale => "locale",
            Cause::Timezone => "timezone",
            Cause::RandomId => "random-id",
            Cause::Uuid => "uuid",
            Cause::BuildId => "build-id",
            Cause::Compression => "compression",
            Cause::ArchiveHeader => "archive-header",
            Cause::HashOrder => "hash-order",
            Cause::Parallelism => "parallelism",
            Cause::KernelVersion => "kernel-version",
            Cause::ToolchainVersion => "toolchain-version",
            Cause::Environment => "environment",
            Cause::Xattr => "xattr",
            Cause::Hardlink => "hardlink",
            Cause::MachineId => "machine-id",
            Cause::HostKey => "host-key",
            Cause::PasswordAge => "password-age",
            Cause::LogOrCache => "log-or-cache",
            Cause::PackageDatabase => "package-database",
            Cause::DebugInfo => "debug-info",
            Cause::Signature => "signature",
            Cause::LineEndings => "line-endings",
            Cause::History => "history",
            Cause::PackageChange => "package-change",
            Cause::SourceChange => "source-change",
            Cause::AddedFile => "added-file",
            Cause::RemovedFile => "removed-file",
            Cause::Unexplained => "unexplained",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// No cause has this identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a cause; the causes are listed in docs/causes")]
pub struct UnknownCause(String);

impl FromStr for Cause {
    type Err = UnknownCause;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|cause| cause.id() == id)
            .ok_or_else(|| UnknownCause(id.to_owned()))
    }
}
