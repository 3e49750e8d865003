//! Files whose path or first lines say what they are for, and therefore why they differ.
//!
//! Which paths these are is the knowledge of `verbatim-scrub`; here stands what follows from them.

mod armour;
mod shadow;

use verbatim_scrub::Place;

use crate::collect::{became, Findings};
use crate::{bytes, text, Cause, Comparison};

/// Compare two files of a known place; `None` if the place says nothing.
pub(crate) fn compare(name: &str, left: &[u8], right: &[u8]) -> Option<Comparison> {
    let path = name.rsplit('!').next().unwrap_or("");
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    let file = *parts.last()?;
    if file == "shadow" || parts.ends_with(&["etc", "shadow-"]) {
        if let Some(comparison) = shadow::compare(left, right) {
            return Some(comparison);
        }
    }
    let place = verbatim_scrub::place(parts.join("/").as_bytes());
    let by_path = |place| Some(told(cause_of_place(place), why(place), left, right));
    match place {
        // Those tell more when they are read.
        None | Some(Place::PackageJournal) => armour::compare(file, &parts, left, right),
        Some(Place::Cache) if parts.contains(&"__pycache__") => {
            armour::compare(file, &parts, left, right)
        }
        Some(place @ (Place::Log | Place::Cache)) => {
            if let Some(comparison) = armour::compare(file, &parts, left, right) {
                return Some(comparison);
            }
            // What a build printed may tell more than that it is a log.
            let printed = text::compare(left, right);
            let printed = printed.filter(|c| c.findings[0].cause == Cause::Parallelism);
            printed.or_else(|| by_path(place))
        }
        Some(place) => by_path(place),
    }
}

/// Why two files of a place differ.
pub fn cause_of_place(place: Place) -> Cause {
    match place {
        Place::Log | Place::Cache => Cause::LogOrCache,
        Place::MachineId => Cause::MachineId,
        Place::HostKey => Cause::HostKey,
        Place::HostName => Cause::Hostname,
        Place::Surroundings => Cause::Environment,
        Place::TimeZone => Cause::Timezone,
        Place::RandomSeed => Cause::RandomId,
        Place::PackageJournal => Cause::PackageDatabase,
    }
}

/// The same for people.
fn why(place: Place) -> &'static str {
    match place {
        Place::Log => "a log, which is written anew on each run",
        Place::Cache => "a cache or a state, which is written anew on each machine or run",
        Place::MachineId => "the identifier of one machine",
        Place::HostKey => "a key that one machine's server made",
        Place::HostName => "the name of the machine",
        Place::Surroundings => "written from the network and the mounts of the machine that built",
        Place::TimeZone => "the time zone of the machine",
        Place::RandomSeed => "a seed of random numbers",
        Place::PackageJournal => "what a package manager keeps beside its database while it works",
    }
}

/// A comparison whose cause is known; the excerpts are those of the content.
fn told(cause: Cause, why: &str, left: &[u8], right: &[u8]) -> Comparison {
    let mut comparison = text::compare(left, right).unwrap_or_else(|| bytes::compare(left, right));
    let line = |data: &[u8]| -> Option<String> {
        let text = std::str::from_utf8(data).ok()?.trim();
        (!text.is_empty() && text.len() <= 120 && !text.contains('\n')).then(|| text.to_owned())
    };
    let evidence = match (line(left), line(right)) {
        (Some(l), Some(r)) => format!("{why}: {}", became(&l, &r)),
        _ => why.to_owned(),
    };
    let at = comparison.findings.swap_remove(0).at;
    let mut findings = Findings::default();
    findings.add(cause, || at, || evidence);
    comparison.findings = findings.finish();
    comparison
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn causes(name: &str, left: &str, right: &str) -> Vec<Cause> {
        compare(name, left.as_bytes(), right.as_bytes())
            .map(|c| c.findings.iter().map(|f| f.cause).collect())
            .unwrap_or_default()
    }

    #[test]
    fn places_say_what_files_are_for() {
        for (name, cause) in [
            ("etc/machine-id", Cause::MachineId),
            ("./var/lib/dbus/machine-id", Cause::MachineId),
            ("layer 1!etc/ssh/ssh_host_rsa_key", Cause::HostKey),
            ("etc/ssh/ssh_host_ed25519_key.pub", Cause::HostKey),
            ("/etc/hostname", Cause::Hostname),
            ("etc/hosts", Cause::Hostname),
            ("etc/resolv.conf", Cause::Environment),
            ("var/log/dpkg.log", Cause::LogOrCache),
            ("var/log/apt/history.log.1.gz", Cause::LogOrCache),
            ("var/cache/ldconfig/aux-cache", Cause::LogOrCache),
            ("var/cache/man/index.db", Cause::LogOrCache),
            ("var/lib/systemd/random-seed", Cause::RandomId),
            ("META-INF/SIGNER.RSA", Cause::Signature),
            ("x.tar.asc", Cause::Signature),
            ("etc/localtime", Cause::Timezone),
        ] {
            assert_eq!(causes(name, "a\n", "b\n"), [cause], "{name}");
        }
        for name in [
            "etc/passwd",
            "usr/share/log/x",
            "x/__pycache__/a.pyc",
            "logic",
            "catalog",
            "src/cache.c",
            "",
        ] {
            assert_eq!(causes(name, "a\n", "b\n"), [], "{name}");
        }
    }
}
