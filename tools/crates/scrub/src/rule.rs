//! The rules, and which of them are on.

use std::fmt;

/// A rule that can be switched on and off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Drops etc/passwd-, shadow-, group- and the like, what copies of them are in var/backups
    /// and var/adm/backup, and the locks of the password files.
    AccountBackup,
    /// Drops package lists, packages and binary caches of apt, what other programs make of them,
    /// and debconf's backups.
    AptCache,
    /// Drops caches, repository metadata and transaction histories of dnf, yum, tdnf, zypper,
    /// rpm-ostree and PackageKit.
    DnfCache,
    /// Drops fontconfig's caches and the random .uuid files that it once put beside fonts.
    FontCache,
    /// Drops histories of shells and other programs, and caches of programs and build tools, in
    /// home directories and where official images have them.
    HomeCache,
    /// Drops random identifiers and state of one machine besides machine-id: hostid, NVMe and
    /// iSCSI names, DHCP leases, zypper's AnonymousUniqueId, instances of cloud-init and other
    /// agents, lists of its disks.
    HostIdentity,
    /// Fails on host keys of OpenSSH, Dropbear and TinySSH and on the Kerberos keytab of a host:
    /// every container would have the same one.
    HostKey,
    /// Drops etc/hostname, etc/hosts and etc/resolv.conf as files, which installers copy from the
    /// machine they run on and container engines provide.
    Hostname,
    /// Drops var/cache/ldconfig/aux-cache, which holds inode numbers and times.
    LdconfigAux,
    /// Drops files below var/log, crash dumps, and what installers leave in root's home; the
    /// records of logins (wtmp, btmp, lastlog, faillog, tallylog) are emptied, as programs need
    /// them to be there.
    Logs,
    /// Empties etc/machine-id, so that each machine gets its own, and drops the copies of D-Bus
    /// and insights-client.
    MachineId,
    /// Drops downloaded packages and package lists of apk, pacman, Portage, XBPS and opkg.
    OtherPackageCache,
    /// Drops locks, backups and empty journals of the databases of dpkg, ucf, RPM, apk and
    /// pacman, and fails on a journal that holds changes: without them packages would be missing.
    PackageJournal,
    /// Takes the day of the last password change (sp_lstchg) out of etc/shadow, or sets it to a
    /// day that is given; 0, which orders a change, stays.
    PasswordAge,
    /// Fails on private keys everywhere but in the folders of packages (usr apart from usr/local,
    /// lib, bin), found by their names or by what is in them: a first line without a key after it
    /// is none.
    PrivateKey,
    /// Drops __pycache__ directories below usr and opt, whose files hold the times of their
    /// sources; normalising them in place keeps them instead.
    PythonBytecode,
    /// Drops saved randomness and secrets that systemd, OpenRC, GnuPG, NetworkManager and Jupyter
    /// make for one machine.
    RandomSeed,
    /// Drops the databases of mandb, locate, AppStream and journald's catalog, which hold times
    /// or the order of a directory.
    SearchIndex,
    /// Drops everything in tmp and var/tmp, files in run, var/run and var/lock, and what
    /// container engines leave.
    Temporary,
    /// Drops files that only hold the time of the last update, rotation or run of a job.
    UpdateStamp,
}

/// All rules, in the order of their names.
pub const RULES: &[Rule] = &[
    Rule::AccountBackup,
    Rule::AptCache,
    Rule::DnfCache,
    Rule::FontCache,
    Rule::HomeCache,
    Rule::HostIdentity,
    Rule::HostKey,
    Rule::Hostname,
    Rule::LdconfigAux,
    Rule::Logs,
    Rule::MachineId,
    Rule::OtherPackageCache,
    Rule::PackageJournal,
    Rule::PasswordAge,
    Rule::PrivateKey,
    Rule::PythonBytecode,
    Rule::RandomSeed,
    Rule::SearchIndex,
    Rule::Temporary,
    Rule::UpdateStamp,
];

impl Rule {
    /// What it is called on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountBackup => "account-backup",
            Self::AptCache => "apt-cache",
            Self::DnfCache => "dnf-cache",
            Self::FontCache => "font-cache",
            Self::HomeCache => "home-cache",
            Self::HostIdentity => "host-identity",
            Self::HostKey => "host-key",
            Self::Hostname => "hostname",
            Self::LdconfigAux => "ldconfig-aux",
            Self::Logs => "logs",
            Self::MachineId => "machine-id",
            Self::OtherPackageCache => "other-package-cache",
            Self::PackageJournal => "package-journal",
            Self::PasswordAge => "password-age",
            Self::PrivateKey => "private-key",
            Self::PythonBytecode => "python-bytecode",
            Self::RandomSeed => "random-seed",
            Self::SearchIndex => "search-index",
            Self::Temporary => "temporary",
            Self::UpdateStamp => "update-stamp",
        }
    }

    /// Whether it is on unless switched off.
    pub const fn on_by_default(self) -> bool {
        !matches!(self, Self::Hostname | Self::PythonBytecode)
    }

    /// What it does and why, in one sentence.
    pub const fn about(self) -> &'static str {
        match self {
            Self::AccountBackup => {
                "drops etc/passwd-, shadow-, group- and the like, what copies of them are in \
                 var/backups and var/adm/backup, and the locks of the password files"
            }
            Self::AptCache => {
                "drops package lists, packages and binary caches of apt, what other programs \
                 make of them, and debconf's backups"
            }
            Self::DnfCache => {
                "drops caches, repository metadata and transaction histories of dnf, yum, \
                 tdnf, zypper, rpm-ostree and PackageKit"
            }
            Self::FontCache => {
                "drops fontconfig's caches and the random .uuid files that it once put beside \
                 fonts"
            }
            Self::HomeCache => {
                "drops histories of shells and other programs, and caches of programs and \
                 build tools, in home directories and where official images have them"
            }
            Self::HostIdentity => {
                "drops random identifiers and state of one machine besides machine-id: \
                 hostid, NVMe and iSCSI names, DHCP leases, zypper's AnonymousUniqueId, \
                 instances of cloud-init and other agents, lists of its disks"
            }
            Self::HostKey => {
                "fails on host keys of OpenSSH, Dropbear and TinySSH and on the Kerberos \
                 keytab of a host: every container would have the same one"
            }
            Self::Hostname => {
                "drops etc/hostname, etc/hosts and etc/resolv.conf as files, which installers \
                 copy from the machine they run on and container engines provide"
            }
            Self::LdconfigAux => {
                "drops var/cache/ldconfig/aux-cache, which holds inode numbers and times"
            }
            Self::Logs => {
                "drops files below var/log, crash dumps, and what installers leave in root's \
                 home; the records of logins (wtmp, btmp, lastlog, faillog, tallylog) are \
                 emptied, as programs need them to be there"
            }
            Self::MachineId => {
                "empties etc/machine-id, so that each machine gets its own, and drops the \
                 copies of D-Bus and insights-client"
            }
            Self::OtherPackageCache => {
                "drops downloaded packages and package lists of apk, pacman, Portage, XBPS \
                 and opkg"
            }
            Self::PackageJournal => {
                "drops locks, backups and empty journals of the databases of dpkg, ucf, RPM, \
                 apk and pacman, parks RPM's (with a rollback journal in place of a write-ahead \
                 log), and fails on a journal that holds changes: without them packages would be \
                 missing"
            }
            Self::PasswordAge => {
                "takes the day of the last password change (sp_lstchg) out of etc/shadow, or \
                 sets it to a day that is given; 0, which orders a change, stays"
            }
            Self::PrivateKey => {
                "fails on private keys everywhere but in the folders of packages (usr apart \
                 from usr/local, lib, bin), found by their names or by what is in them: a \
                 first line without a key after it is none"
            }
            Self::PythonBytecode => {
                "drops __pycache__ directories below usr and opt, whose files hold the times \
                 of their sources; normalising them in place keeps them instead"
            }
            Self::RandomSeed => {
                "drops saved randomness and secrets that systemd, OpenRC, GnuPG, \
                 NetworkManager and Jupyter make for one machine"
            }
            Self::SearchIndex => {
                "drops the databases of mandb, locate, AppStream and journald's catalog, \
                 which hold times or the order of a directory"
            }
            Self::Temporary => {
                "drops everything in tmp and var/tmp, files in run, var/run and var/lock, and \
                 what container engines leave"
            }
            Self::UpdateStamp => {
                "drops files that only hold the time of the last update, rotation or run of a \
                 job"
            }
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that no rule has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no scrub rule `{}`; use one of {}",
    verbatim_foreign::excerpt(name, 80),
    names()
)]
pub struct UnknownRule {
    /// The name.
    pub name: String,
}

fn names() -> String {
    let names: Vec<_> = RULES.iter().map(|rule| rule.name()).collect();
    names.join(", ")
}

/// Which rules are on.
#[derive(Debug, Clone)]
pub struct Rules {
    on: Vec<Rule>,
    exempt: Vec<Vec<u8>>,
    password_day: Option<u32>,
}

impl Default for Rules {
    /// The rules that are safe for any root file system.
    fn default() -> Self {
        let on = RULES.iter().copied().filter(|rule| rule.on_by_default());
        Self {
            on: on.collect(),
            ..Self::none()
        }
    }
}

impl Rules {
    /// No rule at all.
    pub fn none() -> Self {
        Self {
            on: Vec::new(),
            exempt: Vec::new(),
            password_day: None,
        }
    }

    /// From a list as it stands on a command line: names separated by commas.
    ///
    /// A list of plain names means these rules and no others. Names with `+` or `-` before
    /// them are added to the default rules or taken from them; `default`, `all` and `none`
    /// stand for themselves and begin the list.
    pub fn parse(list: &str) -> Result<Self, UnknownRule> {
        let mut rules = None;
        for item in list
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
        {
            let (sign, name) = match item.as_bytes()[0] {
                sign @ (b'+' | b'-') => (Some(sign), &item[1..]),
                _ => (None, item),
            };
            rules = Some(match (sign, name) {
                (None, "default") => Self::default(),
                (None, "none") => Self::none(),
                (None, "all") => Self {
                    on: RULES.to_vec(),
                    ..Self::none()
                },
                (None, name) => rules.unwrap_or_else(Self::none).switch(name, true)?,
                (Some(sign), name) => rules.unwrap_or_default().switch(name, sign == b'+')?,
            });
        }
        Ok(rules.unwrap_or_default())
    }

    /// Switch a rule on or off.
    pub fn switch(mut self, name: &str, on: bool) -> Result<Self, UnknownRule> {
        let Some(&rule) = RULES.iter().find(|rule| rule.name() == name) else {
            return Err(UnknownRule {
                name: name.to_owned(),
            });
        };
        self.on.retain(|&other| other != rule);
        if on {
            self.on.push(rule);
        }
        Ok(self)
    }

    /// Leave a path, and all below it, to whoever made it.
    pub fn exempt(mut self, path: impl AsRef<[u8]>) -> Self {
        self.exempt.push(crate::plain(path.as_ref()).to_vec());
        self
    }

    /// Set the day of password changes to that of a time in seconds since 1970, instead of
    /// leaving it empty. The first day is not possible: its number is an order to change
    /// the password.
    pub fn password_time(mut self, seconds: u64) -> Self {
        let day = u32::try_from(seconds / 86_400).unwrap_or(u32::MAX);
        self.password_day = Some(day).filter(|&day| day > 0);
        self
    }

    /// Only these.
    pub fn only(on: &[Rule]) -> Self {
        Self {
            on: on.to_vec(),
            ..Self::none()
        }
    }

    /// The rules that are on, in the order of their names.
    pub fn on(&self) -> Vec<Rule> {
        let mut on = self.on.clone();
        on.sort_unstable();
        on
    }

    pub(crate) fn is_on(&self, rule: Rule) -> bool {
        self.on.contains(&rule)
    }

    pub(crate) fn password_day(&self) -> Option<u32> {
        self.password_day
    }

    pub(crate) fn is_exempt(&self, path: &[u8]) -> bool {
        self.exempt.iter().any(|exempt| {
            path.strip_prefix(&exempt[..])
                .is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let on = |list| {
            let on = Rules::parse(list).unwrap().on();
            on.into_iter().map(Rule::name).collect::<Vec<_>>()
        };
        assert_eq!(
            on("").len(),
            RULES.iter().filter(|rule| rule.on_by_default()).count()
        );
        assert_eq!(on("logs, host-key"), ["host-key", "logs"]);
        assert!(!on("-logs").contains(&"logs") && on("-logs").contains(&"host-key"));
        assert!(on("+hostname").contains(&"hostname"));
        assert_eq!(on("none,+logs"), ["logs"]);
        assert_eq!(on("all").len(), RULES.len());
        assert_eq!(on("all,-logs").len(), RULES.len() - 1);
        assert!(on("none").is_empty());
        let error = Rules::parse("-lgos").unwrap_err().to_string();
        assert!(RULES.windows(2).all(|pair| pair[0].name() < pair[1].name()));
        assert!(error.contains("lgos") && error.contains("logs"), "{error}");
    }
}
