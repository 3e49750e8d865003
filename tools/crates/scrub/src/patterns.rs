//! The paths that rules speak of, and what is done about them.
//!
//! What stands here is made anew by whoever needs it: caches that a tool fills again, state that
//! one machine made for itself. What an owner puts into an image on purpose is not here, even
//! where a tool would have fetched it: installed tools and interpreters (`.cargo/bin`,
//! `.rustup/toolchains`, `.gradle/wrapper`, `.local/share/uv`, `.dotnet/tools`), configuration,
//! and the few folders in `.cache` that programs need and do not fill by themselves.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::content::{self, Found};
use crate::rule::{Rule, Rules};
use crate::{glob, private_key, Kind};

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
    /// Nothing, whatever a later pattern of the rule says.
    Keep,
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
    pub(crate) rule: Rule,
    pub(crate) kinds: Kinds,
    pub(crate) treatment: Treatment,
    /// `~` is any of [`HOMES`].
    globs: &'static [&'static str],
}

const fn of(
    rule: Rule,
    kinds: Kinds,
    treatment: Treatment,
    globs: &'static [&'static str],
) -> Pattern {
    Pattern {
        rule,
        kinds,
        treatment,
        globs,
    }
}

const fn files(rule: Rule, globs: &'static [&'static str]) -> Pattern {
    of(rule, Kinds::Files, Treatment::Drop, globs)
}

const fn leaves(rule: Rule, globs: &'static [&'static str]) -> Pattern {
    of(rule, Kinds::Leaves, Treatment::Drop, globs)
}

const fn everything(rule: Rule, globs: &'static [&'static str]) -> Pattern {
    of(rule, Kinds::All, Treatment::Drop, globs)
}

const fn fail(
    rule: Rule,
    what: &'static str,
    fix: &'static str,
    globs: &'static [&'static str],
) -> Pattern {
    of(rule, Kinds::Files, Treatment::Fail { what, fix }, globs)
}

/// Look at the beginning of a file, or at all of it.
const fn look(
    rule: Rule,
    look: fn(&[u8], &Rules) -> Found,
    limit: usize,
    whole: bool,
    globs: &'static [&'static str],
) -> Pattern {
    let treatment = Treatment::Look { limit, whole, look };
    of(rule, Kinds::Files, treatment, globs)
}

/// Where people and services are at home: also where systems have `/var` only (`var/roothome`),
/// and where nobody is (the root itself, for images whose `HOME` is `/`).
const HOMES: &[&str] = &[
    "",
    "root/",
    "home/*/",
    "var/roothome/",
    "var/home/*/",
    "var/lib/*/",
    "var/www/",
];

/// Where packages put their own files, private keys for tests among them: nothing is looked for
/// there but by patterns that name the place.
const PACKAGED: &[&[u8]] = &[
    b"bin", b"gnu", b"lib", b"lib32", b"lib64", b"libx32", b"nix", b"sbin", b"usr",
];

use Rule::*;

const PATTERNS: &[Pattern] = &[
    // Keys come first: where they are in a place that is dropped anyway, somebody still
    // has to hear of them.
    fail(
        HostKey,
        "identifies one host, and whoever has the image could pose as it",
        "remove it in the step that installs the server; it is made at the first start",
        &[
            "etc/ssh/ssh_host_*key",
            "etc/ssh/ssh_host_*key.pub",
            "etc/ssh/ssh_host_*key-cert.pub",
            "etc/dropbear/dropbear_*_host_key",
            "etc/tinyssh/sshkeydir/*",
            "etc/tinyssh/sshkeydir/.*",
        ],
    ),
    look(
        HostKey,
        private_key::keytab,
        3,
        false,
        &["etc/krb5.keytab", "var/kerberos/krb5/user/*/client.keytab"],
    ),
    fail(
        PrivateKey,
        "is a private key",
        "make the key where the image runs, not where it is built",
        &[
            "~/.ssh/id_*_sk",
            "~/.gnupg/private-keys-v1.d/*",
            "etc/pacman.d/gnupg/private-keys-v1.d/*",
            "etc/ssl/private/*",
            "etc/letsencrypt/archive/*/privkey*.pem",
        ],
    ),
    look(
        MachineId,
        content::machine_id,
        64,
        true,
        &["etc/machine-id"],
    ),
    files(
        MachineId,
        &[
            "var/lib/dbus/machine-id",
            "var/db/dbus/machine-id",
            "usr/local/var/lib/dbus/machine-id",
            "etc/insights-client/machine-id",
            "etc/redhat-access-insights/machine-id",
        ],
    ),
    look(PasswordAge, content::shadow, 1 << 20, true, &["etc/shadow"]),
    files(
        AccountBackup,
        &[
            "etc/passwd-",
            "etc/shadow-",
            "etc/group-",
            "etc/gshadow-",
            "etc/subuid-",
            "etc/subgid-",
            "etc/.pwd.lock",
            "etc/passwd.lock",
            "etc/shadow.lock",
            "etc/group.lock",
            "etc/gshadow.lock",
            "var/backups/**",
            "var/adm/backup/**",
        ],
    ),
    everything(
        AptCache,
        &[
            "var/lib/apt/lists/partial/*",
            "var/lib/apt/lists/auxfiles/*",
        ],
    ),
    files(
        AptCache,
        &[
            "var/lib/apt/lists/*",
            "var/lib/apt/periodic/*",
            "var/lib/apt-xapian-index/**",
            "var/lib/apt-show-versions/*",
            "var/lib/command-not-found/*",
            "var/lib/update-notifier/**",
            "var/cache/apt/*.bin",
            "var/cache/apt/archives/**",
            "var/cache/apt-xapian-index/**",
            "var/cache/apt-show-versions/**",
            "var/cache/debconf/*-old",
            "var/cache/apt-file/**",
            "var/cache/apt-cacher-ng/**",
            "var/lib/apt/daily_lock",
            "etc/apt/trusted.gpg~",
            "etc/apt/trusted.gpg.d/*~",
            "etc/apt/keyrings/*~",
            "usr/share/keyrings/*~",
        ],
    ),
    everything(
        DnfCache,
        &[
            "var/cache/dnf/**",
            "var/cache/yum/**",
            "var/cache/libdnf5/**",
            "var/cache/tdnf/**",
            "var/cache/zypp/**",
            "var/cache/zypper/**",
            "var/cache/rpm-ostree/**",
            "var/cache/PackageKit/**",
            "var/lib/dnf/repos/**",
            "var/lib/yum/history/**",
            "var/lib/yum/repos/**",
            "var/lib/yum/rpmdb-indexes/**",
        ],
    ),
    files(
        DnfCache,
        &[
            "var/lib/dnf/history.sqlite*",
            "var/lib/dnf/*lock.pid",
            "var/lib/tdnf/history.db*",
            "var/lib/PackageKit/transactions.db*",
            "usr/lib/sysimage/libdnf5/transaction_history.sqlite*",
            "usr/lib/sysimage/tdnf/history.db*",
        ],
    ),
    files(
        OtherPackageCache,
        &[
            "var/cache/apk/*",
            "etc/apk/cache/*",
            "var/cache/pacman/pkg/*",
            "var/lib/pacman/sync/*",
            "var/cache/distfiles/**",
            "var/cache/binpkgs/**",
            "var/cache/edb/**",
            "var/cache/eix/*",
            "var/cache/xbps/**",
            "var/cache/opkg/**",
            "var/lib/opkg/lists/*",
            "var/opkg-lists/*",
            // Nix and Guix: locks and roots of processes that ran, not the store.
            "nix/var/nix/gc.lock",
            "nix/var/nix/db/big-lock",
            "nix/var/nix/temproots/*",
            "nix/var/nix/userpool/*",
            "nix/var/nix/userpool2/*",
            "nix/var/nix/binary-cache-v*.sqlite*",
            "var/guix/gc.lock",
            "var/guix/db/big-lock",
            "var/guix/temproots/*",
            "var/guix/userpool/*",
            "var/guix/substitute/cache/**",
        ],
    ),
    files(
        LdconfigAux,
        &["var/cache/ldconfig/aux-cache", "etc/ld.so.cache~"],
    ),
    files(
        FontCache,
        &[
            "var/cache/fontconfig/*",
            "usr/lib/fontconfig/cache/*",
            "usr/share/fonts/**/.uuid",
            "usr/share/X11/fonts/**/.uuid",
            "usr/local/share/fonts/**/.uuid",
        ],
    ),
    // Java writes the name of the host into the names of its files.
    everything(FontCache, &["~/.fontconfig/**", "~/.java/fonts/**"]),
    files(
        SearchIndex,
        &[
            "var/cache/man/**",
            "var/lib/mlocate/*",
            "var/lib/plocate/*",
            "var/lib/slocate/*",
            "var/cache/locate/*",
            "var/cache/app-info/**",
            "var/cache/swcatalog/**",
            "var/lib/systemd/catalog/database",
        ],
    ),
    of(
        Logs,
        Kinds::Files,
        Treatment::Empty,
        &[
            "var/log/wtmp",
            "var/log/btmp",
            "var/log/lastlog",
            "var/log/faillog",
            "var/log/tallylog",
        ],
    ),
    everything(
        Logs,
        &[
            "var/log/journal/**",
            "var/crash/**",
            "var/lib/systemd/coredump/**",
            "var/lib/systemd/pstore/**",
            "var/lib/apport/coredump/**",
            "var/spool/abrt/**",
        ],
    ),
    leaves(Logs, &["var/log/**", "nix/var/log/**"]),
    files(
        Logs,
        &[
            "root/anaconda-*",
            "root/original-ks.cfg",
            "root/initial-setup-ks.cfg",
            "root/install.log*",
            "anaconda-post.log",
            "var/lib/texmf/**/*.log",
        ],
    ),
    files(
        RandomSeed,
        &[
            "var/lib/systemd/random-seed",
            "var/lib/systemd/credential.secret",
            "var/lib/urandom/random-seed",
            "var/lib/misc/random-seed",
            "var/lib/random-seed",
            "var/lib/seedrng/*",
            "var/db/entropy/*",
            "etc/random-seed",
            "etc/ssh2/random_seed",
            "var/lib/NetworkManager/secret_key",
            "var/lib/dhcpcd/secret",
            "etc/dhcpcd.secret",
            "boot/loader/random-seed",
            "boot/efi/loader/random-seed",
            "efi/loader/random-seed",
            "~/.rnd",
            "~/.gnupg/random_seed",
            "etc/pacman.d/gnupg/random_seed",
            "etc/apt/gnupg/random_seed",
            "~/.local/share/jupyter/notebook_secret",
            "~/.local/share/jupyter/runtime/*",
        ],
    ),
    files(
        HostIdentity,
        &[
            "etc/hostid",
            "etc/nvme/hostid",
            "etc/nvme/hostnqn",
            "etc/iscsi/initiatorname.iscsi",
            "var/lib/dhcp/*.lease*",
            "var/lib/dhcp3/*.lease*",
            "var/lib/dhclient/*.lease*",
            "var/lib/dhcpcd/*",
            "var/db/dhcpcd/**",
            "etc/dhcpcd.duid",
            "var/lib/NetworkManager/*.lease",
            "var/lib/NetworkManager/timestamps",
            "var/lib/NetworkManager/seen-bssids",
            "var/lib/NetworkManager/no-auto-default.state",
            "etc/NetworkManager/no-auto-default.state",
            "var/lib/tailscale/tailscaled.state",
            "var/lib/zypp/AnonymousUniqueId",
            "var/lib/yum/uuid",
            "var/lib/rhsm/facts/*",
            "var/lib/rhsm/cache/*",
            "var/lib/rhsm/packages/*",
            "var/lib/docker/engine-id",
            "etc/docker/key.json",
            "etc/salt/minion_id",
            "etc/google_instance_id",
            "etc/.ignition-result.json",
            // Disks and devices that the machine had.
            "etc/blkid.tab*",
            "etc/blkid/blkid.tab*",
            "etc/lvm/archive/*",
            "etc/lvm/backup/*",
            "etc/lvm/cache/.cache",
            "etc/lvm/devices/system.devices",
            "etc/lvm/devices/backup/*",
            "etc/multipath/bindings",
            "etc/multipath/wwids",
            "etc/zfs/zpool.cache",
            "etc/udev/rules.d/70-persistent-net.rules",
            "etc/udev/rules.d/70-persistent-cd.rules",
            "var/lib/systemd/backlight/*",
            "var/lib/systemd/rfkill/*",
            "var/lib/upower/*",
            "~/.dotnet/*MachineId*",
        ],
    ),
    // What agents of clouds found out about one instance; seeds and scripts are the owner's.
    everything(
        HostIdentity,
        &[
            "var/lib/cloud/instance",
            "var/lib/cloud/instances/**",
            "var/lib/cloud/data/**",
            "var/lib/cloud/sem/**",
            "var/lib/waagent/**",
            "var/lib/amazon/ssm/**",
            "var/lib/bluetooth/**",
        ],
    ),
    files(Hostname, &["etc/hostname", "etc/hosts", "etc/resolv.conf"]),
    // The write-ahead log decides; the index beside it is made anew from it.
    look(
        PackageJournal,
        content::sqlite_journal,
        1,
        false,
        &[
            "usr/lib/sysimage/rpm/*.sqlite-wal",
            "usr/lib/sysimage/rpm/*.sqlite-journal",
            "var/lib/rpm/*.sqlite-wal",
            "var/lib/rpm/*.sqlite-journal",
        ],
    ),
    files(
        PackageJournal,
        &[
            "usr/lib/sysimage/rpm/*.sqlite-shm",
            "usr/lib/sysimage/rpm/.rpm.lock",
            "usr/lib/sysimage/rpm/__db.*",
            "var/lib/rpm/*.sqlite-shm",
            "var/lib/rpm/.rpm.lock",
            "var/lib/rpm/.dbenv.lock",
            "var/lib/rpm/__db.*",
            "var/lib/dpkg/*-old",
            "var/lib/dpkg/lock",
            "var/lib/dpkg/lock-frontend",
            "var/lib/dpkg/triggers/Lock",
            "var/lib/ucf/hashfile.*",
            "var/lib/ucf/registry.*",
            "var/lib/aptitude/pkgstates.old",
            "var/lib/pacman/db.lck",
            "lib/apk/db/lock",
            "usr/lib/apk/db/lock",
        ],
    ),
    fail(
        PackageJournal,
        "says that dpkg was interrupted",
        "run `dpkg --configure -a` and build the tree again",
        &["var/lib/dpkg/updates/*"],
    ),
    files(
        UpdateStamp,
        &[
            "etc/.updated",
            "var/.updated",
            "var/lib/systemd/timers/stamp-*",
            "var/lib/systemd/timesync/clock",
            "~/.local/share/systemd/timers/stamp-*",
            "var/lib/logrotate/*status*",
            "var/lib/logrotate.status*",
            "var/lib/misc/logrotate.status*",
            "var/spool/anacron/*",
            "var/spool/cron/lastrun/*",
            "var/lib/chrony/drift",
            "var/lib/ntp/ntp.drift",
            "var/lib/ntp/drift",
            "var/lib/sudo/lectured/*",
            "var/lib/sudo/ts/*",
            "var/db/sudo/lectured/*",
            "var/db/sudo/ts/*",
            "var/lib/popularity-contest/lastsub",
            "var/lib/ubuntu-release-upgrader/release-upgrade-available",
            "~/.oracle_jre_usage/*",
        ],
    ),
    // Browsers and models that programs are given once and then find here.
    of(
        HomeCache,
        Kinds::All,
        Treatment::Keep,
        &[
            "~/.cache/ms-playwright/**",
            "~/.cache/puppeteer/**",
            "~/.cache/selenium/**",
            "~/.cache/Cypress/**",
            "~/.cache/huggingface/**",
            "~/.cache/torch/hub/**",
            "~/.cache/whisper/**",
        ],
    ),
    // Histories of programs that people type into.
    files(
        HomeCache,
        &[
            "~/.*_history",
            "~/.*_history-*",
            "~/.*_history.*",
            "~/.*-history",
            "~/.*_hist",
            "~/.history",
            "~/.histfile",
            "~/.zhistory",
            "~/.sh_history*",
            "~/.Rhistory",
            "~/.dbshell",
            "~/.lesshst",
            "~/.lesshsQ",
            "~/.viminfo*",
            "~/.vim/.netrwhist",
            "~/.netrwhist",
            "~/.w3m/history",
            "~/.mc/history",
            "~/.mc/filepos",
            "~/.nano/*_history",
            "~/.joe_state",
            "~/.lein/*history*",
            "~/.lldb/*history",
            "~/.elvish/db",
            "~/.local/share/fish/fish_history*",
            "~/.local/share/nvim/shada/*",
            "~/.local/share/*/history",
            "~/.local/share/*/*_history",
            "~/.local/share/powershell/PSReadLine/*_history.txt",
            "~/.local/share/xonsh/xonsh-*",
            "~/.local/share/xonsh/history_json/*",
            "~/.local/share/atuin/*",
            "~/.local/share/zoxide/*",
            "~/.local/share/autojump/*",
            "~/.local/share/recently-used.xbel*",
            "~/.local/state/*history",
            "~/.local/state/*/history",
            "~/.local/state/*/*_history",
            "~/.local/state/lesshst",
            "~/.local/state/elvish/*",
            "~/.java/.userPrefs/tool/JShell/*",
            "~/.config/nushell/history.*",
            "~/.config/*/*_history",
            "~/.ipython/profile_*/history.sqlite*",
            "~/.mongodb/mongosh/*_log",
            "~/.mongodb/mongosh/*history*",
            "~/.ghc/ghci_history",
            "~/.julia/logs/*",
            "~/.wget-hsts",
            "~/.python_history*",
            "~/.zcompdump*",
            "~/.motd_shown",
            "~/.sudo_as_admin_successful",
            "~/.Xauthority",
            "~/.ICEauthority",
            "~/.xsession-errors*",
        ],
    ),
    // What build tools, installers and other programs fetched or computed, and would again.
    everything(
        HomeCache,
        &[
            "~/.cache/**",
            "~/.thumbnails/**",
            "~/.local/share/Trash/**",
            "~/.local/state/nvim/**",
            // JavaScript; the folder of npm is a cache as a whole.
            "~/.npm/**",
            "~/.node-gyp/**",
            "~/.electron-gyp/**",
            "~/.yarn/berry/**",
            "~/.yarn-cache/**",
            "~/.pnpm-store/**",
            "~/.local/share/pnpm/store/**",
            "~/.local/state/pnpm/**",
            "~/.bun/install/cache/**",
            "~/.nvm/.cache/**",
            "~/.volta/cache/**",
            "~/.volta/log/**",
            "~/.volta/tmp/**",
            "~/.electron/**",
            "usr/local/share/.cache/**",
            // Python
            "~/.pip/cache/**",
            "~/.local/share/virtualenv/**",
            "~/.pyenv/cache/**",
            "~/.conda/pkgs/cache/**",
            "~/*conda*/pkgs/cache/**",
            "~/*forge*/pkgs/cache/**",
            "opt/*conda*/pkgs/cache/**",
            "opt/*forge*/pkgs/cache/**",
            "~/*conda*/.condatmp/**",
            "~/*forge*/.condatmp/**",
            "opt/*conda*/.condatmp/**",
            "opt/*forge*/.condatmp/**",
            // Rust
            "~/.cargo/registry/**",
            "~/.cargo/git/**",
            "~/.rustup/downloads/**",
            "~/.rustup/tmp/**",
            "usr/local/cargo/registry/**",
            "usr/local/cargo/git/**",
            "usr/local/rustup/downloads/**",
            "usr/local/rustup/tmp/**",
            // Java, Scala, Kotlin, Clojure, Android
            "~/.gradle/caches/**",
            "~/.gradle/daemon/**",
            "~/.gradle/native/**",
            "~/.gradle/notifications/**",
            "~/.gradle/workers/**",
            "~/.gradle/.tmp/**",
            "~/.gradle/build-scan-data/**",
            "~/.kotlin/**",
            "~/.m2/repository/**",
            "~/.m2/build-cache/**",
            "~/.ivy2/cache/**",
            "~/.sbt/boot/**",
            "~/.sbt/*/zinc/**",
            "~/.coursier/cache/**",
            "~/.mill/download/**",
            "~/.boot/cache/**",
            "~/.clojure/.cpcache/**",
            "~/.gitlibs/**",
            "~/.groovy/grapes/**",
            "~/.konan/cache/**",
            "~/.jbang/cache/**",
            "~/.sdkman/archives/**",
            "~/.sdkman/tmp/**",
            "~/.android/cache/**",
            "~/.android/build-cache/**",
            // Go
            "~/go/pkg/mod/**",
            "~/go/pkg/sumdb/**",
            "~/.config/go/telemetry/local/**",
            "~/.config/go/telemetry/upload/**",
            // C and C++
            "~/.ccache/*/**",
            "~/.ccache/stats",
            "var/cache/ccache/*/**",
            "~/.distcc/lock/**",
            "~/.distcc/state/**",
            "~/.conan/data/**",
            "~/.conan/download_cache/**",
            "~/.conan2/p/**",
            // .NET
            "~/.nuget/packages/**",
            "~/.nuget/v3-cache/**",
            "~/.local/share/NuGet/*cache/**",
            "~/.dotnet/TelemetryStorageService/**",
            "~/.templateengine/**",
            // PHP, Perl, Ruby, Haskell, OCaml, Elixir
            "~/.composer/cache/**",
            "~/.cpan/build/**",
            "~/.cpan/sources/**",
            "~/.cpanm/**",
            "~/.gem/specs/**",
            "~/.local/share/gem/specs/**",
            "~/.bundle/cache/**",
            "~/.rbenv/cache/**",
            "~/.cabal/packages/**",
            "~/.cabal/logs/**",
            "~/.stack/indices/**",
            "~/.stack/pantry/**",
            "~/.ghcup/cache/**",
            "~/.ghcup/logs/**",
            "~/.ghcup/tmp/**",
            "~/.ghcup/trash/**",
            "~/.opam/download-cache/**",
            "~/.opam/log/**",
            "~/.hex/packages/**",
            // Dart, Swift, D
            "~/.pub-cache/hosted/**",
            "~/.pub-cache/hosted-hashes/**",
            "~/.pub-cache/log/**",
            "~/.pub-cache/_temp/**",
            "~/.dart-tool/*",
            "~/.swiftpm/cache/**",
            "~/.dub/cache/**",
            "~/.dub/packages/**",
            // Tools for machines and clouds
            "~/.ansible/tmp/**",
            "~/.aws/cli/cache/**",
            "~/.aws/sso/cache/**",
            "~/.azure/commands/**",
            "~/.azure/logs/**",
            "~/.azure/telemetry/**",
            "~/.kube/cache/**",
            "~/.kube/http-cache/**",
            "~/.config/gcloud/logs/**",
            "~/.docker/buildx/activity/**",
            "~/.docker/buildx/refs/**",
            "~/.helm/cache/**",
            "~/.pulumi/logs/**",
            "~/.minikube/cache/**",
            "~/.terraform.d/plugin-cache/**",
            "~/.platformio/.cache/**",
            "~/.astropy/cache/**",
            "~/.nv/ComputeCache/**",
            "~/.asdf/downloads/**",
            "~/.spack/cache/**",
        ],
    ),
    files(
        HomeCache,
        &[
            "~/.cargo/.package-cache*",
            "~/.cargo/.global-cache",
            "usr/local/cargo/.package-cache*",
            "usr/local/cargo/.global-cache",
            "~/.ivy2/.sbt*.lock",
            "~/.conda/pkgs/*.conda",
            "~/.conda/pkgs/*.tar.bz2",
            "~/*conda*/pkgs/*.conda",
            "~/*conda*/pkgs/*.tar.bz2",
            "~/*forge*/pkgs/*.conda",
            "~/*forge*/pkgs/*.tar.bz2",
            "opt/*conda*/pkgs/*.conda",
            "opt/*forge*/pkgs/*.conda",
            "opt/*conda*/pkgs/*.tar.bz2",
            "opt/*forge*/pkgs/*.tar.bz2",
            "~/.gem/ruby/*/cache/*.gem",
            "~/.local/share/gem/ruby/*/cache/*.gem",
            "usr/local/bundle/cache/*.gem",
            "usr/local/lib/ruby/gems/*/cache/*.gem",
            "var/lib/gems/*/cache/*.gem",
            "~/.conan/.conan.db",
            "~/.hex/cache.ets",
            "~/.dotnet/*.dotnetFirstUseSentinel",
            "~/.cpan/Metadata",
            "~/.config/matplotlib/fontlist*",
            "~/.matplotlib/fontlist*",
            "~/.config/gcloud/.last_*",
            "~/.config/go/telemetry/upload.token",
            "~/.config/configstore/update-notifier-*",
            "~/.azure/telemetry.txt",
            "~/.docker/.buildNodeID",
            "~/.docker/.token_seed*",
            "~/.docker/buildx/.buildNodeID",
            "~/.docker/buildx/.lock",
            "~/.terraform.d/checkpoint_*",
            "~/.flutter",
            "~/.flutter_tool_state",
            "~/.gnupg/.#lk*",
            "~/.gnupg/*.lock",
            "~/.gnupg/*~",
            "etc/pacman.d/gnupg/.#lk*",
            "etc/pacman.d/gnupg/*.lock",
            "etc/pacman.d/gnupg/*~",
            "~/.jupyter/migrated",
        ],
    ),
    everything(
        HomeCache,
        &[
            "var/cache/pip/**",
            "var/cache/apparmor/**",
            "var/cache/nscd/*",
            "var/cache/salt/**",
            "var/cache/snapd/**",
            "var/db/nscd/*",
            "home/linuxbrew/.linuxbrew/var/homebrew/locks/*",
        ],
    ),
    leaves(Temporary, &["run/**", "var/run/**", "var/lock/**"]),
    everything(Temporary, &["tmp/**", "var/tmp/**"]),
    files(Temporary, &[".dockerenv", ".dockerinit", ".containerenv"]),
    everything(
        PythonBytecode,
        &[
            "usr/**/__pycache__",
            "usr/**/__pycache__/*",
            "opt/**/__pycache__",
            "opt/**/__pycache__/*",
        ],
    ),
    // Last, as these look into every file there is. The first 64 KiB hold the beginning of any
    // key file, also of one that begins with certificates.
    look(
        PrivateKey,
        private_key::look,
        64 << 10,
        false,
        &[
            "usr/local/etc/**",
            "usr/local/share/**",
            "usr/local/ssl/**",
            "**",
        ],
    ),
];

/// The patterns by the first name of their paths: most entries lie in usr, which hardly any
/// pattern is about.
type Index = HashMap<Box<[u8]>, Vec<(Box<str>, &'static Pattern)>>;

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index::new();
    for pattern in PATTERNS {
        for glob in pattern.globs {
            let globs = match glob.strip_prefix("~/") {
                Some(rest) => HOMES.iter().map(|home| format!("{home}{rest}")).collect(),
                None => vec![(*glob).to_owned()],
            };
            for glob in globs {
                let first = glob::first(glob.as_bytes());
                // `*conda*` at the root of all: looked for among all paths.
                let first = if first.contains(&b'*') { b"**" } else { first };
                let group = index.entry(first.into()).or_default();
                group.push((glob.into(), pattern));
            }
        }
    }
    index
});

/// The first pattern about a path that one of these rules has.
pub(crate) fn find(
    path: &[u8],
    kind: Kind,
    is_on: impl Fn(Rule) -> bool,
) -> Option<&'static Pattern> {
    // Where a system image keeps what belongs into `/etc` (ostree, openSUSE).
    let path = match path.strip_prefix(b"usr/") {
        Some(etc) if etc.starts_with(b"etc/") => etc,
        _ => path,
    };
    let first = glob::first(path);
    let group = |first: &[u8]| INDEX.get(first).map(Vec::as_slice).unwrap_or_default();
    // Patterns for everything are not for where packages put their own files.
    let all = match PACKAGED.contains(&first) {
        true => &[],
        false => group(b"**"),
    };
    group(first)
        .iter()
        .chain(all)
        .filter(|(_, pattern)| pattern.kinds.include(kind) && is_on(pattern.rule))
        .find(|(glob, _)| glob::matches(glob, path))
        .map(|(_, pattern)| *pattern)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RULES;

    #[test]
    fn every_rule_has_patterns_and_every_pattern_is_read_in_linear_time() {
        for rule in RULES {
            assert!(
                PATTERNS.iter().any(|pattern| pattern.rule == *rule),
                "{rule}"
            );
        }
        for (glob, _) in INDEX.values().flatten() {
            let stars = glob.split('/').rev().skip(1).filter(|&name| name == "**");
            assert!(stars.count() <= 1, "{glob}");
        }
        let mut globs: Vec<_> = PATTERNS.iter().flat_map(|pattern| pattern.globs).collect();
        let count = globs.len();
        globs.sort_unstable();
        globs.dedup();
        assert_eq!(globs.len(), count, "a glob stands twice");
    }
}
