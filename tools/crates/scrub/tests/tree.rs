//! A root file system as installers leave it.

use verbatim_scrub::{Action, Change, Kind, Rules, Scrub};

/// What a rule is expected to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Want {
    Keep,
    Drop,
    Empty,
    Rewrite,
    Fail,
}
use Want::{Drop, Empty, Fail, Keep, Rewrite};

const PEM: &[u8] = b"-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIKp1hV3mkzGrSk2bw0sVZz5sXqj2Zl9mQx0nJrYt8u4P\n\
    -----END PRIVATE KEY-----\n";
const MENTION: &[u8] = b"if (!pem.startsWith('-----BEGIN PRIVATE KEY-----')) throw 0";
const DIR: &[u8] = b"\0dir";
/// The header of a database of SQLite that has a write-ahead log.
const WITH_A_LOG: &[u8] = b"SQLite format 3\0\x10\x00\x02\x02____________________________________________________________________________________________________";
const LINK: &[u8] = b"\0link";

/// Path, content (or what kind it is), rule, and what is to be done.
const TREE: &[(&str, &[u8], &str, Want)] = &[
    (
        "etc/machine-id",
        b"0123456789abcdef0123456789abcdef\n",
        "machine-id",
        Empty,
    ),
    ("var/lib/dbus/machine-id", b"0123", "machine-id", Drop),
    ("var/lib/dbus/machine-id", LINK, "", Keep),
    (
        "etc/shadow",
        b"root:*:19700:0:99999:7:::\n",
        "password-age",
        Rewrite,
    ),
    (
        "etc/shadow-",
        b"root:*:19700:0:99999:7:::\n",
        "account-backup",
        Drop,
    ),
    ("etc/passwd-", b"root", "account-backup", Drop),
    ("etc/passwd", b"root:x:0:0\n", "", Keep),
    ("var/backups/dpkg.status.0", b"x", "account-backup", Drop),
    ("var/backups", DIR, "", Keep),
    ("etc/ssh/ssh_host_ed25519_key", b"x", "host-key", Fail),
    ("etc/ssh/ssh_host_ed25519_key.pub", b"x", "host-key", Fail),
    ("etc/ssh/ssh_host_key", b"x", "host-key", Fail),
    (
        "etc/ssh/sshd_config",
        b"HostKey /etc/ssh/ssh_host_rsa_key\n",
        "",
        Keep,
    ),
    ("root/.ssh/id_ed25519", PEM, "private-key", Fail),
    ("root/.ssh/id_ed25519.pub", b"ssh-ed25519 AAAA", "", Keep),
    (
        "etc/ssl/private/ssl-cert-snakeoil.key",
        b"x",
        "private-key",
        Fail,
    ),
    ("etc/ssl/private", DIR, "", Keep),
    ("etc/app/server.pem", PEM, "private-key", Fail),
    ("var/lib/app/key", PEM, "private-key", Fail),
    ("usr/share/doc/python/tests/key.pem", PEM, "", Keep),
    ("lib/ssl/test.pem", PEM, "", Keep),
    ("usr/local/lib/python3/test/key.pem", PEM, "", Keep),
    ("usr/local/etc/app/key.pem", PEM, "private-key", Fail),
    ("data/server.key", PEM, "private-key", Fail),
    (".ssh/id_rsa", PEM, "private-key", Fail),
    ("key.pem", PEM, "private-key", Fail),
    (
        "etc/ssl/certs/ca.pem",
        b"-----BEGIN CERTIFICATE-----\n",
        "",
        Keep,
    ),
    ("var/log/dpkg.log", b"2024-01-01", "logs", Drop),
    ("var/log/apt/history.log", b"Start-Date", "logs", Drop),
    ("var/log/apt", DIR, "", Keep),
    ("var/log/wtmp", b"x", "logs", Empty),
    ("var/log/btmp", b"", "", Keep),
    ("var/log/journal/0123456789", DIR, "logs", Drop),
    ("var/log/journal", DIR, "", Keep),
    ("var/log/latest", LINK, "logs", Drop),
    ("var/cache/apt/pkgcache.bin", b"x", "apt-cache", Drop),
    ("var/cache/apt/archives/a.deb", b"x", "apt-cache", Drop),
    ("var/cache/apt/archives/partial", DIR, "", Keep),
    (
        "var/lib/apt/lists/example.com_Packages",
        b"x",
        "apt-cache",
        Drop,
    ),
    ("var/lib/apt/lists/partial", DIR, "", Keep),
    ("var/lib/apt/extended_states", b"x", "", Keep),
    ("var/cache/debconf/config.dat", b"x", "", Keep),
    ("var/cache/debconf/config.dat-old", b"x", "apt-cache", Drop),
    ("var/cache/dnf/fedora-0123/repodata", DIR, "dnf-cache", Drop),
    ("var/lib/dnf/history.sqlite-wal", b"x", "dnf-cache", Drop),
    ("var/cache/ldconfig/aux-cache", b"x", "ldconfig-aux", Drop),
    ("etc/ld.so.cache", b"x", "", Keep),
    (
        "var/cache/fontconfig/0123-le64.cache-7",
        b"x",
        "font-cache",
        Drop,
    ),
    (
        "usr/share/fonts/truetype/dejavu/.uuid",
        b"x",
        "font-cache",
        Drop,
    ),
    ("usr/share/fonts/truetype/dejavu/a.ttf", b"x", "", Keep),
    ("var/cache/man/de/index.db", b"x", "search-index", Drop),
    ("var/lib/systemd/random-seed", b"x", "random-seed", Drop),
    ("etc/iscsi/initiatorname.iscsi", b"x", "host-identity", Drop),
    ("etc/hostname", b"builder17\n", "", Keep),
    ("var/lib/rpm/rpmdb.sqlite", b"x", "", Keep),
    (
        "usr/lib/sysimage/rpm/rpmdb.sqlite",
        WITH_A_LOG,
        "package-journal",
        Rewrite,
    ),
    ("var/lib/rpm/rpmdb.sqlite-wal", b"", "package-journal", Drop),
    (
        "usr/lib/sysimage/rpm/rpmdb.sqlite-wal",
        b"x",
        "package-journal",
        Fail,
    ),
    (
        "usr/lib/sysimage/rpm/rpmdb.sqlite-shm",
        b"x",
        "package-journal",
        Drop,
    ),
    ("var/lib/dpkg/status", b"x", "", Keep),
    ("var/lib/dpkg/status-old", b"x", "package-journal", Drop),
    ("var/lib/dpkg/lock", b"", "package-journal", Drop),
    ("var/lib/dpkg/updates", DIR, "", Keep),
    ("var/lib/dpkg/updates/0001", b"x", "package-journal", Fail),
    ("var/.updated", b"x", "update-stamp", Drop),
    ("root/.bash_history", b"x", "home-cache", Drop),
    ("home/user/.cache/pip/x", b"x", "home-cache", Drop),
    ("root/.cache", DIR, "", Keep),
    ("root/.bashrc", b"x", "", Keep),
    ("run/lock", DIR, "", Keep),
    ("run/utmp", b"x", "temporary", Drop),
    ("tmp/build/x", b"x", "temporary", Drop),
    ("tmp/build", DIR, "temporary", Drop),
    ("tmp", DIR, "", Keep),
    (".dockerenv", b"", "temporary", Drop),
    ("usr/lib/python3/__pycache__/a.pyc", b"x", "", Keep),
    ("app/node_modules/jose/import.js", MENTION, "", Keep),
    ("app/node_modules/x/key.pem", PEM, "private-key", Fail),
    ("etc/ssh/ssh_host_rsa_key-cert.pub", b"x", "host-key", Fail),
    ("etc/krb5.keytab", b"\x05\x02\0\0", "host-key", Fail),
    ("etc/krb5.keytab", b"", "", Keep),
    ("usr/etc/machine-id", b"0123\n", "machine-id", Empty),
    ("usr/etc/shadow-", b"x", "account-backup", Drop),
    ("var/roothome/.bash_history", b"x", "home-cache", Drop),
    (".npm/_cacache/index-v5/aa", b"x", "home-cache", Drop),
    (".ash_history", b"x", "home-cache", Drop),
    ("go/pkg/mod/cache/lock", b"", "home-cache", Drop),
    ("go/bin/tool", b"x", "", Keep),
    ("usr/local/cargo/registry/index", DIR, "home-cache", Drop),
    ("usr/local/cargo/bin/cargo", b"x", "", Keep),
    ("root/.cargo/.crates.toml", b"x", "", Keep),
    ("root/.cargo/config.toml", b"x", "", Keep),
    ("root/.gradle/wrapper/dists/x", b"x", "", Keep),
    ("root/.gradle/gradle.properties", b"x", "", Keep),
    ("root/.m2/settings.xml", b"x", "", Keep),
    ("root/.m2/repository/a/b.jar", b"x", "home-cache", Drop),
    ("root/.ccache/ccache.conf", b"x", "", Keep),
    ("root/.ccache/4/a/b", b"x", "home-cache", Drop),
    ("root/.nuget/NuGet/NuGet.Config", b"x", "", Keep),
    ("root/.conan2/profiles/default", b"x", "", Keep),
    ("root/.conan2/p/b/x", b"x", "home-cache", Drop),
    ("root/.config/fish/config.fish", b"x", "", Keep),
    (
        "root/.local/share/fish/fish_history",
        b"x",
        "home-cache",
        Drop,
    ),
    ("root/.local/share/uv/python/bin/python", b"x", "", Keep),
    (
        "root/.local/share/pnpm/store/v3/files/00/x",
        b"x",
        "home-cache",
        Drop,
    ),
    ("root/.local/share/pnpm/pnpm", b"x", "", Keep),
    ("root/.cache/ms-playwright/chromium/chrome", b"x", "", Keep),
    ("root/.cache/ms-playwright-x", b"x", "home-cache", Drop),
    ("var/lib/postgresql/.psql_history", b"x", "home-cache", Drop),
    ("var/www/.composer/cache/repo/x", b"x", "home-cache", Drop),
    ("opt/conda/pkgs/cache/x.json", b"x", "home-cache", Drop),
    ("opt/conda/pkgs/a-1.conda", b"x", "home-cache", Drop),
    ("opt/conda/pkgs/a-1/lib/a", b"x", "", Keep),
    ("usr/local/bundle/cache/a-1.gem", b"x", "home-cache", Drop),
    ("usr/local/bundle/gems/a-1/a.rb", b"x", "", Keep),
    ("root/anaconda-ks.cfg", b"x", "logs", Drop),
    ("var/lib/systemd/coredump/core.x.zst", b"x", "logs", Drop),
    ("root/.gnupg/random_seed", b"x", "random-seed", Drop),
    ("root/.gnupg/pubring.kbx", b"x", "", Keep),
    ("var/lib/seedrng/seed.credit", b"x", "random-seed", Drop),
    (
        "var/lib/zypp/AnonymousUniqueId",
        b"x",
        "host-identity",
        Drop,
    ),
    ("var/lib/zypp/AutoInstalled", b"x", "", Keep),
    ("var/lib/yum/uuid", b"x", "host-identity", Drop),
    ("var/lib/rhsm/facts/facts.json", b"x", "host-identity", Drop),
    ("var/lib/dnf/rpmdb_lock.pid", b"x", "dnf-cache", Drop),
    ("var/lib/misc/random-seed", b"x", "random-seed", Drop),
    ("etc/ssh2/random_seed", b"x", "random-seed", Drop),
    ("var/roothome/.cache/pip/http-v2/0", DIR, "home-cache", Drop),
    ("var/roothome/buildinfo/labels.json", b"x", "", Keep),
    ("var/lib/cloud/instances/i-1", DIR, "host-identity", Drop),
    ("var/lib/cloud/instance", LINK, "host-identity", Drop),
    ("var/lib/cloud/scripts/per-boot/a.sh", b"x", "", Keep),
    ("var/lib/cloud/seed/nocloud/user-data", b"x", "", Keep),
    (
        "var/lib/logrotate/logrotate.status",
        b"x",
        "update-stamp",
        Drop,
    ),
    ("var/lib/misc/logrotate.status", b"x", "update-stamp", Drop),
    ("var/spool/anacron/cron.daily", b"x", "update-stamp", Drop),
    (
        "var/lib/pacman/sync/core.db",
        b"x",
        "other-package-cache",
        Drop,
    ),
    ("var/lib/pacman/local/a/desc", b"x", "", Keep),
    ("var/lib/ucf/hashfile", b"x", "", Keep),
    ("var/lib/ucf/hashfile.0", b"x", "package-journal", Drop),
    (
        "var/lib/systemd/catalog/database",
        b"x",
        "search-index",
        Drop,
    ),
    ("var/run/x.pid", b"x", "temporary", Drop),
    ("usr/bin/program", b"x", "", Keep),
    (
        "root/.local/share/powershell/PSReadLine/ConsoleHost_history.txt",
        b"x",
        "home-cache",
        Drop,
    ),
    ("root/.config/powershell/profile.ps1", b"x", "", Keep),
    ("root/.zsh_history.LOCK", b"x", "home-cache", Drop),
    ("root/.octave_hist", b"x", "home-cache", Drop),
    ("root/.local/state/lesshst", b"x", "home-cache", Drop),
    ("root/.lein/repl-history", b"x", "home-cache", Drop),
    ("root/.lein/profiles.clj", b"x", "", Keep),
    (
        "root/.terraform.d/checkpoint_signature",
        b"x",
        "home-cache",
        Drop,
    ),
    ("root/.terraform.d/plugins/x", b"x", "", Keep),
    ("root/.docker/.token_seed", b"x", "home-cache", Drop),
    ("root/.docker/config.json", b"x", "", Keep),
    ("root/.azure/logs/x.log", b"x", "home-cache", Drop),
    ("root/.azure/config", b"x", "", Keep),
    (
        "root/.config/go/telemetry/local/go.count",
        b"x",
        "home-cache",
        Drop,
    ),
    ("root/.config/go/env", b"x", "", Keep),
    ("root/.pub-cache/hosted/a/b", b"x", "home-cache", Drop),
    ("root/.pub-cache/bin/tool", b"x", "", Keep),
    (
        "root/.stack/pantry/pantry.sqlite3",
        b"x",
        "home-cache",
        Drop,
    ),
    ("root/.stack/config.yaml", b"x", "", Keep),
    ("root/.ghcup/cache/x", b"x", "home-cache", Drop),
    ("root/.ghcup/bin/ghc", b"x", "", Keep),
    ("root/.nvm/.cache/bin/x", b"x", "home-cache", Drop),
    ("root/.nvm/versions/node/x", b"x", "", Keep),
    ("root/.pyenv/cache/x", b"x", "home-cache", Drop),
    ("root/.pyenv/versions/x", b"x", "", Keep),
    ("root/.gnupg/pubring.kbx~", b"x", "home-cache", Drop),
    ("etc/pacman.d/gnupg/pubring.gpg~", b"x", "home-cache", Drop),
    ("etc/pacman.d/gnupg/pubring.gpg", b"x", "", Keep),
    ("usr/share/keyrings/a.gpg~", b"x", "apt-cache", Drop),
    ("usr/share/keyrings/a.gpg", b"x", "", Keep),
    (
        "root/.java/fonts/17/fcinfo-1-host-Linux-6-en.properties",
        b"x",
        "font-cache",
        Drop,
    ),
    (
        "root/.oracle_jre_usage/0123.timestamp",
        b"x",
        "update-stamp",
        Drop,
    ),
    ("etc/apk/cache/a.apk", b"x", "other-package-cache", Drop),
    ("etc/apk/world", b"x", "", Keep),
    ("nix/var/nix/gc.lock", b"x", "other-package-cache", Drop),
    (
        "nix/var/nix/temproots/17",
        b"x",
        "other-package-cache",
        Drop,
    ),
    ("nix/var/nix/db/db.sqlite", b"x", "", Keep),
    ("nix/var/log/nix/drvs/ab/x.bz2", b"x", "logs", Drop),
    ("nix/store/a/x", b"x", "", Keep),
    (
        "var/lib/NetworkManager/no-auto-default.state",
        b"x",
        "host-identity",
        Drop,
    ),
    ("var/cache/snapd/names", b"x", "home-cache", Drop),
    ("var/cache/apt/.wh.pkgcache.bin", b"", "", Keep),
    ("etc/.wh..wh..opq", b"", "", Keep),
];

fn kind_of(content: &[u8]) -> Kind {
    match content {
        DIR => Kind::Directory,
        LINK => Kind::Symlink,
        content => Kind::File {
            size: content.len() as u64,
        },
    }
}

fn visit(scrub: &mut Scrub, path: &str, content: &[u8]) -> Action {
    let kind = kind_of(content);
    let needs = scrub.needs(path.as_bytes(), kind);
    scrub.visit(path.as_bytes(), kind, &content[..needs])
}

#[test]
fn everything_in_its_place() {
    for prefix in ["", "/", "./"] {
        for &(path, content, rule, want) in TREE {
            let mut scrub = Scrub::new(Rules::default());
            let action = visit(&mut scrub, &format!("{prefix}{path}"), content);
            let got = match &action {
                Action::Keep => Keep,
                Action::Drop => Drop,
                Action::Rewrite(new) if new.is_empty() => Empty,
                Action::Rewrite(_) => Rewrite,
                Action::Fail(refusal) => {
                    assert_eq!(refusal.rule.name(), rule);
                    assert_eq!(&refusal.path[..], path.as_bytes());
                    let text = refusal.to_string();
                    assert!(text.starts_with(path) && text.contains(rule), "{text}");
                    Fail
                }
            };
            assert_eq!(got, want, "{path}");
            // What was done is in the report, and nothing else.
            let change = match want {
                Keep | Fail => None,
                Drop => Some(Change::Dropped),
                Empty => Some(Change::Emptied),
                Rewrite => Some(Change::Rewritten),
            };
            let done = scrub.into_done();
            assert_eq!(done.first().map(|done| done.change), change, "{path}");
            assert_eq!(
                done.first().map_or("", |done| done.rule.name()),
                if change.is_some() { rule } else { "" }
            );
            // Without its rule the entry stays.
            if !rule.is_empty() {
                let rules = Rules::default().switch(rule, false).unwrap();
                let mut scrub = Scrub::new(rules);
                assert_eq!(visit(&mut scrub, path, content), Action::Keep, "{path}");
            }
            let exempt = Rules::default().exempt(path.split('/').next().unwrap());
            assert_eq!(visit(&mut Scrub::new(exempt), path, content), Action::Keep);
        }
    }
}

#[test]
fn twice_is_once() {
    let mut scrub = Scrub::new(Rules::parse("all").unwrap());
    for &(path, content, ..) in TREE {
        if let Action::Rewrite(new) = visit(&mut scrub, path, content) {
            assert_eq!(visit(&mut scrub, path, &new), Action::Keep, "{path}");
        }
    }
}

#[test]
fn rules_that_are_off_by_default() {
    let mut scrub = Scrub::new(Rules::parse("all").unwrap());
    assert_eq!(visit(&mut scrub, "etc/hostname", b"x"), Action::Drop);
    assert_eq!(visit(&mut scrub, "etc/resolv.conf", LINK), Action::Keep);
    let cached = "usr/lib/python3/__pycache__";
    assert_eq!(visit(&mut scrub, cached, DIR), Action::Drop);
    assert_eq!(
        visit(&mut scrub, &format!("{cached}/a.pyc"), b"x"),
        Action::Drop
    );
    let report: Vec<_> = scrub.done().iter().map(ToString::to_string).collect();
    assert_eq!(report[0], "dropped   etc/hostname (hostname)");
}

#[test]
fn what_cannot_be_looked_into() {
    let mut scrub = Scrub::new(Rules::default());
    let fails = |action| matches!(action, Action::Fail(_));
    // A hard link's content stands elsewhere, where nobody would rewrite it.
    assert!(fails(scrub.visit(b"etc/machine-id", Kind::HardLink, b"")));
    assert!(fails(scrub.visit(b"var/log/wtmp", Kind::HardLink, b"")));
    assert_eq!(
        scrub.visit(b"etc/passwd-", Kind::HardLink, b""),
        Action::Drop
    );
    assert_eq!(
        scrub.visit(b"etc/app/config", Kind::HardLink, b""),
        Action::Keep
    );
    // Less content than was asked for, and more than can be.
    let kind = Kind::File { size: 33 };
    assert_eq!(scrub.needs(b"etc/machine-id", kind), 33);
    assert!(fails(scrub.visit(b"etc/machine-id", kind, b"")));
    let huge = Kind::File { size: u64::MAX };
    assert_eq!(scrub.needs(b"etc/shadow", huge), 1 << 20);
    assert!(fails(scrub.visit(
        b"etc/shadow",
        huge,
        &vec![b'x'; 1 << 20]
    )));
    // A large file is only looked at from its beginning.
    assert_eq!(scrub.needs(b"var/lib/data", huge), 64 << 10);
    assert_eq!(
        scrub.visit(b"var/lib/data", huge, &[0; 64 << 10]),
        Action::Keep
    );
    assert_eq!(scrub.needs(b"usr/bin/program", huge), 0);
    assert!(!scrub.done().is_empty());
}

#[test]
fn hostile_paths() {
    let mut scrub = Scrub::new(Rules::parse("all").unwrap());
    let deep = [&b"usr/"[..], &b"a/".repeat(100_000), b"x"].concat();
    for path in [
        &b""[..],
        b"/",
        b".",
        "\u{0}etc".as_bytes(),
        b"\xff\xfe",
        b"//etc",
        &deep,
    ] {
        for kind in [Kind::Directory, Kind::Other, Kind::File { size: 0 }] {
            assert_eq!(scrub.visit(path, kind, b""), Action::Keep);
        }
    }
}
