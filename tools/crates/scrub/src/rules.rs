//! The rules, and the paths they speak of.

use crate::content::{self, Found};
use crate::Kind;

/// A rule that can be switched on and off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// What it is called on the command line and in reports.
    pub name: &'static str,
    /// Whether it is on unless switched off.
    pub default: bool,
    /// What it does and why, in one sentence.
    pub about: &'static str,
}

/// All rules, in the order of their names.
pub const RULES: &[Rule] = &[
    Rule {
        name: "account-backup",
        default: true,
        about: "drops etc/passwd-, shadow-, group- and the like, what copies of them are in \
                var/backups, and the lock of the password files",
    },
    Rule {
        name: "apt-cache",
        default: true,
        about: "drops package lists, packages and binary caches of apt, and debconf's backups",
    },
    Rule {
        name: "dnf-cache",
        default: true,
        about: "drops caches, repository metadata and transaction histories of dnf, yum and zypper",
    },
    Rule {
        name: "font-cache",
        default: true,
        about: "drops fontconfig's caches and the random .uuid files that it once put beside fonts",
    },
    Rule {
        name: "home-cache",
        default: true,
        about: "drops shell histories and caches in home directories",
    },
    Rule {
        name: "host-identity",
        default: true,
        about: "drops random identifiers of a machine besides machine-id: hostid, NVMe and iSCSI \
                names, DHCP leases",
    },
    Rule {
        name: "host-key",
        default: true,
        about:
            "fails on host keys of OpenSSH and Dropbear: every container would have the same one",
    },
    Rule {
        name: "hostname",
        default: false,
        about: "drops etc/hostname, etc/hosts and etc/resolv.conf as files, which installers copy \
                from the machine they run on and container engines provide",
    },
    Rule {
        name: "ldconfig-aux",
        default: true,
        about: "drops var/cache/ldconfig/aux-cache, which holds inode numbers and times",
    },
    Rule {
        name: "logs",
        default: true,
        about: "drops files below var/log; the records of logins (wtmp, btmp, lastlog, faillog, \
                tallylog) are emptied, as programs need them to be there",
    },
    Rule {
        name: "machine-id",
        default: true,
        about: "empties etc/machine-id, so that each machine gets its own, and drops D-Bus's copy",
    },
    Rule {
        name: "other-package-cache",
        default: true,
        about: "drops downloaded packages of apk and pacman",
    },
    Rule {
        name: "package-journal",
        default: true,
        about:
            "drops locks, backups and empty journals of the databases of dpkg, RPM and apk, and \
                fails on a journal that holds changes: without them packages would be missing",
    },
    Rule {
        name: "password-age",
        default: true,
        about: "takes the day of the last password change (sp_lstchg) out of etc/shadow, or sets \
                it to a day that is given; 0, which orders a change, stays",
    },
    Rule {
        name: "private-key",
        default: true,
        about: "fails on private keys everywhere but in the folders of packages (usr apart from \
                usr/local, lib, bin), found by their names or by their first lines",
    },
    Rule {
        name: "python-bytecode",
        default: false,
        about: "drops __pycache__ directories below usr and opt, whose files hold the times of \
                their sources; normalising them in place keeps them instead",
    },
    Rule {
        name: "random-seed",
        default: true,
        about: "drops saved randomness and secrets that systemd and NetworkManager make for one \
                machine",
    },
    Rule {
        name: "search-index",
        default: true,
        about: "drops the databases of mandb, locate and AppStream, which hold times",
    },
    Rule {
        name: "temporary",
        default: true,
        about:
            "drops everything in tmp and var/tmp, files in run, and what container engines leave",
    },
    Rule {
        name: "update-stamp",
        default: true,
        about: "drops files that only hold the time of the last update or the last run of a timer",
    },
];

/// Which kinds of entries a pattern is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kinds {
    /// Files under any of their names.
    Files,
    /// All but directories.
    Leaves,
    /// Everything.
    All,
}

impl Kinds {
    pub(crate) fn include(self, kind: Kind) -> bool {
        match (self, kind) {
            (Self::All, _) | (_, Kind::File { .. } | Kind::HardLink) => true,
            (Self::Leaves, kind) => kind != Kind::Directory,
            (Self::Files, _) => false,
        }
    }
}

/// What is done about an entry that matches.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Treatment {
    Drop,
    Empty,
    Fail {
        what: &'static str,
        fix: &'static str,
    },
    /// The content decides.
    Look {
        /// How much of it is needed.
        limit: usize,
        /// Whether a longer file is wrong.
        whole: bool,
        look: fn(&[u8], &Rules) -> Found,
    },
}

/// Paths, and what a rule does about them. The first that matches counts.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) rule: &'static str,
    pub(crate) glob: &'static str,
    pub(crate) kinds: Kinds,
    pub(crate) treatment: Treatment,
}

const fn drop(rule: &'static str, glob: &'static str) -> Pattern {
    Pattern {
        rule,
        glob,
        kinds: Kinds::Files,
        treatment: Treatment::Drop,
    }
}

const fn drop_leaves(rule: &'static str, glob: &'static str) -> Pattern {
    Pattern {
        kinds: Kinds::Leaves,
        ..drop(rule, glob)
    }
}

const fn drop_all(rule: &'static str, glob: &'static str) -> Pattern {
    Pattern {
        kinds: Kinds::All,
        ..drop(rule, glob)
    }
}

const fn empty(rule: &'static str, glob: &'static str) -> Pattern {
    Pattern {
        treatment: Treatment::Empty,
        ..drop(rule, glob)
    }
}

const fn fail(
    rule: &'static str,
    glob: &'static str,
    what: &'static str,
    fix: &'static str,
) -> Pattern {
    Pattern {
        treatment: Treatment::Fail { what, fix },
        ..drop(rule, glob)
    }
}

const fn look(
    rule: &'static str,
    glob: &'static str,
    limit: usize,
    whole: bool,
    look: fn(&[u8], &Rules) -> Found,
) -> Pattern {
    Pattern {
        treatment: Treatment::Look { limit, whole, look },
        ..drop(rule, glob)
    }
}

const fn host_key(glob: &'static str) -> Pattern {
    fail(
        "host-key",
        glob,
        "identifies one host, and whoever has the image could pose as it",
        "remove it in the step that installs the server; it is made at the first start",
    )
}

const fn key(glob: &'static str) -> Pattern {
    fail(
        "private-key",
        glob,
        "is a private key",
        "make the key where the image runs, not where it is built",
    )
}

/// Where keys that are no fixture of some package's tests would be. The first 64 KiB hold
/// the beginning of any key file, also of one that begins with certificates.
const fn key_inside(glob: &'static str) -> Pattern {
    look("private-key", glob, 64 << 10, false, content::private_key)
}

const fn journal(glob: &'static str) -> Pattern {
    look("package-journal", glob, 1, false, content::sqlite_journal)
}

/// Where packages put their own files, private keys for tests among them: nothing is looked for
/// there but by patterns that name the place.
pub(crate) const PACKAGED: &[&[u8]] = &[
    b"bin", b"gnu", b"lib", b"lib32", b"lib64", b"libx32", b"nix", b"sbin", b"usr",
];

pub(crate) const PATTERNS: &[Pattern] = &[
    // Keys come first: where they are in a place that is dropped anyway, somebody still
    // has to hear of them.
    host_key("etc/ssh/ssh_host_*key"),
    host_key("etc/ssh/ssh_host_*key.pub"),
    host_key("etc/dropbear/dropbear_*_host_key"),
    key("root/.ssh/id_*_sk"),
    key("home/*/.ssh/id_*_sk"),
    key("root/.gnupg/private-keys-v1.d/*"),
    key("home/*/.gnupg/private-keys-v1.d/*"),
    key("etc/pacman.d/gnupg/private-keys-v1.d/*"),
    key("etc/ssl/private/*"),
    key("etc/letsencrypt/archive/*/privkey*.pem"),
    look(
        "machine-id",
        "etc/machine-id",
        64,
        true,
        content::machine_id,
    ),
    drop("machine-id", "var/lib/dbus/machine-id"),
    look("password-age", "etc/shadow", 1 << 20, true, content::shadow),
    drop("account-backup", "etc/passwd-"),
    drop("account-backup", "etc/shadow-"),
    drop("account-backup", "etc/group-"),
    drop("account-backup", "etc/gshadow-"),
    drop("account-backup", "etc/subuid-"),
    drop("account-backup", "etc/subgid-"),
    drop("account-backup", "etc/.pwd.lock"),
    drop("account-backup", "var/backups/**"),
    drop_all("apt-cache", "var/lib/apt/lists/partial/*"),
    drop_all("apt-cache", "var/lib/apt/lists/auxfiles/*"),
    drop("apt-cache", "var/lib/apt/lists/*"),
    drop("apt-cache", "var/lib/apt/periodic/*"),
    drop("apt-cache", "var/cache/apt/*.bin"),
    drop("apt-cache", "var/cache/apt/archives/**"),
    drop("apt-cache", "var/cache/debconf/*-old"),
    drop_all("dnf-cache", "var/cache/dnf/**"),
    drop_all("dnf-cache", "var/cache/yum/**"),
    drop_all("dnf-cache", "var/cache/libdnf5/**"),
    drop_all("dnf-cache", "var/cache/zypp/**"),
    drop("dnf-cache", "var/lib/dnf/history.sqlite*"),
    drop_all("dnf-cache", "var/lib/dnf/repos/**"),
    drop_all("dnf-cache", "var/lib/yum/history/**"),
    drop_all("dnf-cache", "var/lib/yum/repos/**"),
    drop(
        "dnf-cache",
        "usr/lib/sysimage/libdnf5/transaction_history.sqlite*",
    ),
    drop("other-package-cache", "var/cache/apk/*"),
    drop("other-package-cache", "var/cache/pacman/pkg/*"),
    drop("ldconfig-aux", "var/cache/ldconfig/aux-cache"),
    drop("font-cache", "var/cache/fontconfig/*"),
    drop("font-cache", "usr/lib/fontconfig/cache/*"),
    drop("font-cache", "usr/share/fonts/**/.uuid"),
    drop("search-index", "var/cache/man/**"),
    drop("search-index", "var/lib/mlocate/*"),
    drop("search-index", "var/lib/plocate/*"),
    drop("search-index", "var/cache/app-info/**"),
    drop("search-index", "var/cache/swcatalog/**"),
    empty("logs", "var/log/wtmp"),
    empty("logs", "var/log/btmp"),
    empty("logs", "var/log/lastlog"),
    empty("logs", "var/log/faillog"),
    empty("logs", "var/log/tallylog"),
    drop_all("logs", "var/log/journal/**"),
    drop_leaves("logs", "var/log/**"),
    drop("random-seed", "var/lib/systemd/random-seed"),
    drop("random-seed", "var/lib/systemd/credential.secret"),
    drop("random-seed", "var/lib/urandom/random-seed"),
    drop("random-seed", "var/lib/random-seed"),
    drop("random-seed", "var/lib/NetworkManager/secret_key"),
    drop("random-seed", "boot/loader/random-seed"),
    drop("random-seed", "root/.rnd"),
    drop("host-identity", "etc/hostid"),
    drop("host-identity", "etc/nvme/hostid"),
    drop("host-identity", "etc/nvme/hostnqn"),
    drop("host-identity", "etc/iscsi/initiatorname.iscsi"),
    drop("host-identity", "var/lib/dhcp/*.leases"),
    drop("host-identity", "var/lib/dhclient/*.lease*"),
    drop("host-identity", "var/lib/NetworkManager/*.lease"),
    drop("hostname", "etc/hostname"),
    drop("hostname", "etc/hosts"),
    drop("hostname", "etc/resolv.conf"),
    // The write-ahead log decides; the index beside it is made anew from it.
    journal("usr/lib/sysimage/rpm/*.sqlite-wal"),
    journal("usr/lib/sysimage/rpm/*.sqlite-journal"),
    journal("var/lib/rpm/*.sqlite-wal"),
    journal("var/lib/rpm/*.sqlite-journal"),
    drop("package-journal", "usr/lib/sysimage/rpm/*.sqlite-shm"),
    drop("package-journal", "usr/lib/sysimage/rpm/.rpm.lock"),
    drop("package-journal", "var/lib/rpm/*.sqlite-shm"),
    drop("package-journal", "var/lib/rpm/.rpm.lock"),
    drop("package-journal", "var/lib/rpm/.dbenv.lock"),
    drop("package-journal", "var/lib/rpm/__db.*"),
    drop("package-journal", "var/lib/dpkg/*-old"),
    drop("package-journal", "var/lib/dpkg/lock"),
    drop("package-journal", "var/lib/dpkg/lock-frontend"),
    drop("package-journal", "var/lib/dpkg/triggers/Lock"),
    fail(
        "package-journal",
        "var/lib/dpkg/updates/*",
        "says that dpkg was interrupted",
        "run `dpkg --configure -a` and build the tree again",
    ),
    drop("package-journal", "lib/apk/db/lock"),
    drop("package-journal", "usr/lib/apk/db/lock"),
    drop("update-stamp", "etc/.updated"),
    drop("update-stamp", "var/.updated"),
    drop("update-stamp", "var/lib/systemd/timers/stamp-*"),
    drop("update-stamp", "var/lib/systemd/timesync/clock"),
    drop("update-stamp", "var/lib/logrotate/status"),
    drop("update-stamp", "var/lib/logrotate.status"),
    drop("home-cache", "root/.*_history"),
    drop("home-cache", "home/*/.*_history"),
    drop("home-cache", "root/.lesshst"),
    drop("home-cache", "home/*/.lesshst"),
    drop("home-cache", "root/.viminfo"),
    drop("home-cache", "home/*/.viminfo"),
    drop("home-cache", "root/.wget-hsts"),
    drop("home-cache", "home/*/.wget-hsts"),
    drop_all("home-cache", "root/.cache/**"),
    drop_all("home-cache", "home/*/.cache/**"),
    drop_leaves("temporary", "run/**"),
    drop_all("temporary", "tmp/**"),
    drop_all("temporary", "var/tmp/**"),
    drop("temporary", ".dockerenv"),
    drop("temporary", ".containerenv"),
    drop_all("python-bytecode", "usr/**/__pycache__"),
    drop_all("python-bytecode", "usr/**/__pycache__/*"),
    drop_all("python-bytecode", "opt/**/__pycache__"),
    drop_all("python-bytecode", "opt/**/__pycache__/*"),
    // Last, as these look into every file there is.
    key_inside("usr/local/etc/**"),
    key_inside("usr/local/share/**"),
    key_inside("usr/local/ssl/**"),
    key_inside("**"),
];

/// A name that no rule has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no scrub rule {name:?}; use one of {}", names())]
pub struct UnknownRule {
    /// The name.
    pub name: String,
}

fn names() -> String {
    let names: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
    names.join(", ")
}

/// Which rules are on.
#[derive(Debug, Clone)]
pub struct Rules {
    on: Vec<&'static str>,
    exempt: Vec<Vec<u8>>,
    password_day: Option<u32>,
}

impl Default for Rules {
    /// The rules that are safe for any root file system.
    fn default() -> Self {
        let on = RULES.iter().filter(|rule| rule.default);
        Self {
            on: on.map(|rule| rule.name).collect(),
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
                    on: RULES.iter().map(|rule| rule.name).collect(),
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
        let Some(rule) = RULES.iter().find(|rule| rule.name == name) else {
            return Err(UnknownRule {
                name: name.to_owned(),
            });
        };
        self.on.retain(|&other| other != rule.name);
        if on {
            self.on.push(rule.name);
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

    /// The names of the rules that are on, sorted.
    pub fn on(&self) -> Vec<&'static str> {
        let mut on = self.on.clone();
        on.sort_unstable();
        on
    }

    pub(crate) fn is_on(&self, rule: &str) -> bool {
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
    fn every_rule_has_patterns_and_every_pattern_a_rule() {
        for pattern in PATTERNS {
            assert!(
                RULES.iter().any(|rule| rule.name == pattern.rule),
                "{}",
                pattern.glob
            );
            // They are looked up by their first name.
            let first = crate::glob::first(pattern.glob.as_bytes());
            assert!(
                !first.contains(&b'*') || pattern.glob == "**",
                "{}",
                pattern.glob
            );
            let stars = pattern.glob.split('/').rev().skip(1).filter(|&n| n == "**");
            assert!(stars.count() <= 1, "{}", pattern.glob);
        }
        for rule in RULES {
            assert!(
                PATTERNS.iter().any(|pattern| pattern.rule == rule.name),
                "{}",
                rule.name
            );
        }
        assert!(RULES.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn lists() {
        let on = |list| Rules::parse(list).unwrap().on();
        assert_eq!(
            on("").len(),
            RULES.iter().filter(|rule| rule.default).count()
        );
        assert_eq!(on("logs, host-key"), ["host-key", "logs"]);
        assert!(!on("-logs").contains(&"logs") && on("-logs").contains(&"host-key"));
        assert!(on("+hostname").contains(&"hostname"));
        assert_eq!(on("none,+logs"), ["logs"]);
        assert_eq!(on("all").len(), RULES.len());
        assert_eq!(on("all,-logs").len(), RULES.len() - 1);
        assert!(on("none").is_empty());
        let error = Rules::parse("-lgos").unwrap_err().to_string();
        assert!(error.contains("lgos") && error.contains("logs"), "{error}");
    }
}
