//! What a path says of a file, whether a rule would touch it or not.

use crate::glob;
use crate::patterns::{self, Pattern, Treatment};
use crate::rule::{Rule, RULES};
use crate::Kind;

/// What a file is for, as its path tells: why it is another one on another machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A log, which is written anew on each run.
    Log,
    /// A cache, a backup or a state, which is written anew on each machine or run.
    Cache,
    /// The identifier of one machine.
    MachineId,
    /// A key that one machine's server made.
    HostKey,
    /// The name of the machine.
    HostName,
    /// Written from the network and the mounts of the machine.
    Surroundings,
    /// The time zone of the machine.
    TimeZone,
    /// A seed of random numbers.
    RandomSeed,
    /// What a package manager keeps beside its database while it works.
    PackageJournal,
}

impl Place {
    /// The rules that speak of a place: their paths mean something in any archive, not only in a
    /// root file system. Temporary folders, bytecode and keys in general occur everywhere.
    pub fn rules() -> Vec<Rule> {
        let tells = |rule: &Rule| Self::of(*rule, b"").is_some();
        RULES.iter().copied().filter(tells).collect()
    }

    /// What a rule says of a path that it is about.
    pub fn of(rule: Rule, path: &[u8]) -> Option<Self> {
        Some(match rule {
            Rule::Hostname if path.ends_with(b"/resolv.conf") => Self::Surroundings,
            Rule::Hostname => Self::HostName,
            Rule::MachineId | Rule::HostIdentity => Self::MachineId,
            Rule::HostKey => Self::HostKey,
            // The database itself is parked; what else differs in it has its own reasons.
            Rule::PackageJournal if path.ends_with(b".sqlite") => return None,
            Rule::PackageJournal => Self::PackageJournal,
            Rule::RandomSeed => Self::RandomSeed,
            Rule::Logs => Self::Log,
            Rule::AccountBackup
            | Rule::AptCache
            | Rule::DnfCache
            | Rule::FontCache
            | Rule::HomeCache
            | Rule::LdconfigAux
            | Rule::OtherPackageCache
            | Rule::SearchIndex
            | Rule::UpdateStamp => Self::Cache,
            Rule::PasswordAge | Rule::PrivateKey | Rule::PythonBytecode | Rule::Temporary => {
                return None
            }
        })
    }
}

/// Paths that say what a file is, though no rule takes it out there.
const OTHERS: &[(&str, Place)] = &[
    ("**/etc/hostname", Place::HostName),
    ("**/etc/hosts", Place::HostName),
    ("**/etc/mailname", Place::HostName),
    ("**/etc/resolv.conf", Place::Surroundings),
    ("**/etc/mtab", Place::Surroundings),
    ("**/etc/timezone", Place::TimeZone),
    ("**/etc/localtime", Place::TimeZone),
    ("**/systemd/random-seed", Place::RandomSeed),
    ("**/urandom/random-seed", Place::RandomSeed),
    ("**/systemd/catalog/database", Place::Cache),
    ("**/ldconfig/aux-cache", Place::Cache),
    ("**/fontconfig/*.cache-*", Place::Cache),
];

/// How many folders a root file system may lie in.
const ABOVE: usize = 2;

/// What a path says of a file: one in a root file system, or in one that lies in a folder or two
/// of something else, or one whose name is enough wherever it stands.
pub fn place(path: &[u8]) -> Option<Place> {
    let path = crate::plain(path);
    let mut rest = Some(path);
    for _ in 0..=ABOVE {
        let Some(inner) = rest else { break };
        if let Some(place) = in_root(inner) {
            return Some(place);
        }
        let slash = inner.iter().position(|&b| b == b'/');
        rest = slash.map(|at| &inner[at + 1..]);
    }
    let mut others = OTHERS.iter();
    let other = others.find(|(glob, _)| glob::matches(glob, path));
    match other {
        Some((_, place)) => Some(*place),
        None => named(path.rsplit(|&b| b == b'/').next().unwrap_or(path)),
    }
}

/// Whether one of [`Place::rules`] speaks of a path, whatever the content.
pub fn is_special(path: &[u8]) -> bool {
    found(crate::plain(path)).is_some()
}

fn found(path: &[u8]) -> Option<&'static Pattern> {
    let kind = Kind::File { size: 1 };
    patterns::find(path, kind, |rule| Place::of(rule, path).is_some())
}

fn in_root(path: &[u8]) -> Option<Place> {
    match found(path) {
        Some(pattern) if matches!(pattern.treatment, Treatment::Keep) => None,
        Some(pattern) => Place::of(pattern.rule, path),
        // Where it is not known what for, it is a cache nonetheless.
        None => path.starts_with(b"var/cache/").then_some(Place::Cache),
    }
}

/// What a name alone says.
fn named(name: &[u8]) -> Option<Place> {
    let has = |part: &[u8]| name.windows(part.len()).any(|window| window == part);
    if name == b"machine-id" {
        return Some(Place::MachineId);
    }
    if name.starts_with(b"ssh_host_") && has(b"_key") {
        return Some(Place::HostKey);
    }
    // Also one that was turned over: `x.log.1.gz`.
    let stem = name.strip_suffix(b".gz").unwrap_or(name);
    let digits = stem.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let stem = match stem[..stem.len() - digits].strip_suffix(b".") {
        Some(stem) if digits > 0 => stem,
        _ => stem,
    };
    if stem.ends_with(b".log") && stem.len() > 4 {
        return Some(Place::Log);
    }
    matches!(
        name,
        b"pkgcache.bin"
            | b"srcpkgcache.bin"
            | b".bash_history"
            | b".wget-hsts"
            | b".viminfo"
            | b".node_repl_history"
    )
    .then_some(Place::Cache)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_what_files_are_for() {
        for (path, want) in [
            ("etc/machine-id", Some(Place::MachineId)),
            ("./rootfs/etc/machine-id", Some(Place::MachineId)),
            ("a/b/var/log/dpkg.log", Some(Place::Log)),
            ("x/build/config.log", Some(Place::Log)),
            ("a/b/c/d/x.log.12.gz", Some(Place::Log)),
            ("etc/resolv.conf", Some(Place::Surroundings)),
            ("etc/mtab", Some(Place::Surroundings)),
            ("a/b/c/d/etc/hosts", Some(Place::HostName)),
            ("var/cache/x/y", Some(Place::Cache)),
            ("a/b/c/var/cache/x/y", None),
            ("etc/localtime", Some(Place::TimeZone)),
            ("root/.npm/_cacache/x", Some(Place::Cache)),
            ("var/lib/zypp/AnonymousUniqueId", Some(Place::MachineId)),
            ("root/.gnupg/random_seed", Some(Place::RandomSeed)),
            ("var/lib/rpm/rpmdb.sqlite-shm", Some(Place::PackageJournal)),
            ("root/.cache/huggingface/x", None),
            ("etc/passwd", None),
            ("tmp/x", None),
            ("usr/share/log/x", None),
            (".log", None),
            ("x/__pycache__/a.pyc", None),
            ("src/cache.c", None),
            ("", None),
        ] {
            assert_eq!(place(path.as_bytes()), want, "{path}");
        }
    }
}
