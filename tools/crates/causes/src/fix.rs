//! What is to be done about each cause, and which of them tells most.

use crate::Cause;

impl Cause {
    /// How to stop it, in one sentence.
    pub fn fix(self) -> &'static str {
        match self {
            Cause::Timestamp => "let the tool take the time from SOURCE_DATE_EPOCH, or set all times of the archive to one value (verbatim normalize)",
            Cause::BuildPath => "build with paths that are relative or mapped (-ffile-prefix-map, --remap-path-prefix, -trimpath)",
            Cause::FileOrder => "sort the list of files by bytes before it is written (sort under LC_ALL=C, tar --sort=name, verbatim normalize)",
            Cause::Mode => "set the permissions explicitly instead of taking them from the umask or the checkout",
            Cause::Owner => "set the owner to fixed numbers without names (tar --owner=0 --group=0 --numeric-owner, verbatim normalize)",
            Cause::Hostname => "do not write the name of the machine; give the tool a fixed one where it asks for it",
            Cause::Username => "do not write the name of the user; give the tool a fixed one where it asks for it",
            Cause::Locale => "run the tool under LC_ALL=C.UTF-8",
            Cause::Timezone => "run the tool under TZ=UTC, and write times in UTC",
            Cause::RandomId => "derive the identifier from the content, or give the tool a fixed seed",
            Cause::Uuid => "derive the identifier from the content (a UUID of version 5), or give a fixed one",
            Cause::BuildId => "make the build ID follow from the content alone (--build-id=sha1), or leave it out (--build-id=none)",
            Cause::Compression => "compress with one encoder at one level; verbatim does so with pinned ones",
            Cause::ArchiveHeader => "write the archive with one tool and one format; verbatim normalize writes a canonical one",
            Cause::HashOrder => "sort keys and rows before they are written, or fix the seed of the hash table",
            Cause::Parallelism => "let the result not depend on which task ends first: collect, sort, then write",
            Cause::KernelVersion => "do not write the version of the running kernel",
            Cause::ToolchainVersion => "pin the version of the tool on both sides",
            Cause::Environment => "run the tool with a cleared environment and set what it needs",
            Cause::Xattr => "leave extended attributes out, or set them explicitly",
            Cause::Hardlink => "decide whether equal files are linked or copied; verbatim links to the first path in order",
            Cause::MachineId => "empty the file in the image: each machine makes its own (verbatim layer --scrub)",
            Cause::HostKey => "remove the keys in the step that installs the server; they are made at the first start",
            Cause::PasswordAge => "set the day of the last change to a fixed one (verbatim layer --scrub)",
            Cause::LogOrCache => "leave logs and caches out of what is shipped (verbatim layer --scrub)",
            Cause::PackageDatabase => "write the database canonically, without journals and times of installation",
            Cause::DebugInfo => "build debug information reproducibly or strip it from what is shipped",
            Cause::Signature => "compare without the signature, and keep signatures beside what is signed",
            Cause::LineEndings => "fix the line endings, with .gitattributes for example",
            Cause::History => "write no history, and annotations in sorted order; verbatim does both",
            Cause::PackageChange => "pin the packages with a lock file",
            Cause::SourceChange => "build both sides from the same sources, or accept the change",
            Cause::AddedFile => "find the step that adds the file, or leave it out on the right side",
            Cause::RemovedFile => "find the step that loses the file, or leave it out on the left side",
            Cause::Unexplained => "look at the place that is named; nothing that is known explains it",
        }
    }

    /// Causes of a low rank explain more than those of a high one.
    pub fn rank(self) -> u32 {
        match self {
            // What the bytes say outright.
            Cause::BuildPath
            | Cause::Hostname
            | Cause::Username
            | Cause::Locale
            | Cause::Timezone
            | Cause::Uuid
            | Cause::RandomId
            | Cause::HashOrder
            | Cause::MachineId
            | Cause::HostKey
            | Cause::PasswordAge
            | Cause::LineEndings
            | Cause::KernelVersion
            | Cause::ToolchainVersion
            | Cause::Environment => 0,
            Cause::Timestamp
            | Cause::FileOrder
            | Cause::Hardlink
            | Cause::Parallelism
            | Cause::Xattr => 1,
            Cause::Mode | Cause::Owner | Cause::PackageDatabase | Cause::DebugInfo => 2,
            Cause::LogOrCache => 3,
            Cause::PackageChange | Cause::SourceChange => 4,
            Cause::AddedFile | Cause::RemovedFile => 5,
            // They often only follow from something else.
            Cause::Compression
            | Cause::ArchiveHeader
            | Cause::BuildId
            | Cause::Signature
            | Cause::History => 6,
            Cause::Unexplained => 8,
        }
    }
}
