//! The packages that are chosen here are those that dnf5 chooses, and the files are those that it
//! unpacks: over a repository that rpmbuild, createrepo_c and gpg make.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use verbatim_packages::places::Places;
use verbatim_packages::{choose, ErrorKind, Lock, Manifest, Moment};
use verbatim_testbed::{output, run, tool};

#[path = "support/layers.rs"]
mod layers;
use layers::fetcher;

/// Packages by name, version and what else their part of the spec file says. All have a file of
/// their own.
const NEW: &[(&str, &str, &str)] = &[
    ("base", "3.0", ""),
    ("lib", "2.1", "Provides: libx.so()(64bit)"),
    ("libother", "1.0", "Provides: libx.so()(64bit)"),
    ("app", "1.0", "Requires: lib >= 2, base"),
    ("plugin", "1.0", "Requires: app"),
    ("needs-so", "1.0", "Requires: libx.so()(64bit)"),
    ("mailer-a", "1.0", "Provides: mta = 2"),
    ("mailer-b", "2.0", "Provides: mta = 3\nConflicts: mailer-a"),
    ("needs-mta", "1.0", "Requires: mta"),
    ("needs-new-mta", "1.0", "Requires: mta >= 3"),
    ("cannot-be", "1.0", "Requires: mailer-a, mailer-b"),
    (
        "newname",
        "2.0",
        "Provides: oldname = 2\nObsoletes: oldname < 2",
    ),
    ("needs-oldname", "1.0", "Requires: oldname"),
    ("either", "1.0", "Requires: (mailer-b or base)"),
    ("if-there", "1.0", "Requires: (plugin if app)"),
    ("if-else", "1.0", "Requires: (plugin if mailer-a else lib)"),
    ("with-both", "1.0", "Requires: (mta >= 1 with mta < 3)"),
    (
        "without-one",
        "1.0",
        "Requires: (libx.so()(64bit) without libother)",
    ),
    (
        "nested",
        "1.0",
        "Requires: ((app and plugin) or (mailer-a and lib))",
    ),
    ("epochs", "1.0", "Requires: epoched >= 1:0.5"),
    ("epoched", "1:0.6", ""),
    ("needs-file", "1.0", "Requires: /usr/bin/interp"),
    ("interp", "1.0", ""),
    (
        "recommends",
        "1.0",
        "Recommends: plugin\nRecommends: nothing-has-it",
    ),
    ("supplement", "1.0", "Supplements: recommends"),
    ("tilde", "1.0~rc1", "Requires: base > 3.0~rc1"),
    ("caret", "1.0^git1", "Requires: tilde < 1.0"),
    ("loop-a", "1.0", "Requires: loop-b"),
    ("loop-b", "1.0", "Requires: loop-a"),
    ("not-old", "1.0", "Conflicts: lib < 2"),
    ("attributes", "1.0", "Requires: base"),
];
const OLD: &[(&str, &str, &str)] = &[
    ("base", "2.0", ""),
    ("lib", "1.9", ""),
    ("oldname", "1.0", ""),
    ("wants-old", "1.0", "Requires: lib < 2"),
];

/// What is asked for, each apart.
const REQUESTS: &[&[&str]] = &[
    &["base"],
    &["app"],
    &["plugin"],
    &["needs-so", "lib"],
    &["needs-so", "libother"],
    &["needs-new-mta"],
    &["needs-mta", "mailer-b"],
    &["cannot-be"],
    &["oldname"],
    &["needs-oldname"],
    &["either", "base"],
    &["if-there"],
    &["if-there", "app"],
    &["if-else"],
    &["if-else", "mailer-a"],
    &["with-both"],
    &["without-one"],
    &["nested", "plugin"],
    &["epochs"],
    &["needs-file"],
    &["recommends"],
    &["caret"],
    &["loop-a"],
    &["wants-old"],
    &["wants-old", "not-old"],
    &["base < 3"],
    &["app", "wants-old"],
    &["mta >= 3"],
    &["/usr/bin/interp"],
];

/// Files beside those that every package has.
const FILES: &[(&str, &str)] = &[
    ("interp", "%attr(0755, root, root) /usr/bin/interp"),
    ("base", "/etc/passwd\n/etc/group\n/bin\n%dir /usr/bin"),
    (
        "attributes",
        "%attr(4755, root, root) /usr/bin/setuid\n%attr(0640, daemon, mail) /etc/attributes.secret\n%caps(cap_net_raw=ep) /usr/bin/capable\n%config(noreplace) /etc/attributes.conf\n%ghost /var/log/attributes.log\n%attr(1777, root, root) %dir /var/attributes\n/usr/bin/one\n/usr/bin/two\n/usr/bin/link\n/bin/through-link\n%attr(-, own, own) /var/own",
    ),
];

const INSTALL: &str = r#"
cd %{buildroot}
mkdir -p usr/bin etc var/attributes var/log var/own
ln -s usr/bin bin
printf 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:2:2:daemon:/sbin:/sbin/nologin\n' >etc/passwd
printf 'root:x:0:\ndaemon:x:2:\nmail:x:12:\n' >etc/group
echo interp >usr/bin/interp
echo setuid >usr/bin/setuid
echo secret >etc/attributes.secret
echo capable >usr/bin/capable
echo conf >etc/attributes.conf
echo one >usr/bin/one
ln usr/bin/one usr/bin/two
ln -s one usr/bin/link
echo through >usr/bin/through-link
echo own >var/own/file
"#;

fn spec(packages: &[(&str, &str, &str)]) -> String {
    let mut text = String::from(
        "Name: all\nVersion: 1\nRelease: 1\nSummary: all\nLicense: MIT\nBuildArch: noarch\n%global __os_install_post %{nil}\n%description\nall\n",
    );
    let mut install = String::from("%install\n");
    if packages.iter().any(|(name, ..)| *name == "attributes") {
        install.push_str(INSTALL);
    }
    let mut files = String::new();
    for (name, version, more) in packages {
        let (epoch, version) = version.split_once(':').unwrap_or(("0", version));
        text += &format!("%package -n {name}\nSummary: s\nEpoch: {epoch}\nVersion: {version}\nRelease: 1\n{more}\n");
        if *name == "attributes" {
            text +=
                "Provides: user(own) = dSBvd24gNzcgIk93biIgL3Zhci9vd24g\nProvides: group(own)\n";
        }
        text += &format!("%description -n {name}\nd\n");
        install += &format!("mkdir -p %{{buildroot}}/usr/share/{name}; echo {version} >%{{buildroot}}/usr/share/{name}/file\n");
        let more = FILES.iter().find(|(one, _)| one == name);
        let more = more
            .filter(|_| packages.len() > 10)
            .map_or("", |(_, more)| more);
        files += &format!("%files -n {name}\n/usr/share/{name}\n{more}\n");
    }
    text + &install + &files
}

struct Repository {
    folder: tempfile::TempDir,
}

impl Repository {
    fn path(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    fn gpg(&self) -> Command {
        let mut command = Command::new(tool("gpg"));
        command.arg("--homedir").arg(self.folder.path().join("gpg"));
        command.args([
            "--batch",
            "--yes",
            "--quiet",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
        ]);
        command
    }

    fn new() -> Self {
        let repository = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let top = repository.folder.path();
        let repo = repository.path();
        fs::create_dir_all(top.join("gpg")).unwrap();
        for (name, packages) in [("new", NEW), ("old", OLD)] {
            let path = top.join(format!("{name}.spec"));
            fs::write(&path, spec(packages)).unwrap();
            run(Command::new(tool("rpmbuild"))
                .arg("-bb")
                .args(["--define", &format!("_topdir {}", top.join(name).display())])
                .args(["--define", &format!("_rpmdir {}", repo.display())])
                .args(["--define", "_unpackaged_files_terminate_build 0"])
                .env("HOME", top)
                .arg(&path));
        }
        run(repository.gpg().args([
            "--quick-gen-key",
            "test@example.com",
            "ed25519",
            "sign",
            "never",
        ]));
        let key = run(repository.gpg().args(["--armor", "--export"]));
        fs::write(top.join("key.asc"), key).unwrap();
        let mut sign = Command::new(tool("rpmsign"));
        sign.arg("--addsign")
            .args([
                "--define",
                "_gpg_name test@example.com",
                "--define",
                "_openpgp_sign gpg",
            ])
            .args(["--define", "_openpgp_sign_id test@example.com"])
            .args([
                "--define",
                &format!("_gpg_path {}", top.join("gpg").display()),
            ])
            .env("GNUPGHOME", top.join("gpg"));
        for file in fs::read_dir(repo.join("noarch")).unwrap() {
            sign.arg(file.unwrap().path());
        }
        run(&mut sign);
        run(Command::new(tool("createrepo_c")).arg("--quiet").arg(&repo));
        repository.sign_index();
        repository
    }

    fn sign_index(&self) {
        let index = self.path().join("repodata/repomd.xml");
        run(self.gpg().args(["--armor", "--detach-sign"]).arg(index));
    }

    /// What is chosen here, by name, version and architecture.
    fn lock(&self, requests: &[&str]) -> Result<Lock, verbatim_packages::Error> {
        let manifest = self.folder.path().join("image.toml");
        let text = format!(
            "format = \"rpm\"\narchitectures = [\"x86_64\"]\npackages = {requests:?}\n[[source]]\nname = \"repo\"\nurl = \"repo\"\nkeys = [\"key.asc\"]\n"
        );
        fs::write(&manifest, text).unwrap();
        let manifest = Manifest::read(&manifest).unwrap();
        choose(&manifest, &self.places(), &fetcher(), now(), None)
    }

    fn places(&self) -> Places {
        Places::new(self.folder.path())
    }

    fn dnf(&self, root: &Path, arguments: &[&str], requests: &[&str]) -> Command {
        let top = self.folder.path();
        let mut command = Command::new(tool("dnf5"));
        let set = |name: &str, value: String| format!("--setopt={name}={value}");
        command
            .arg(format!("--installroot={}", root.display()))
            .arg(format!(
                "--repofrompath=repo,file://{}",
                self.path().display()
            ))
            .args([
                "--repo=repo",
                "--no-gpgchecks",
                "-y",
                "--forcearch=x86_64",
                "--releasever=1",
            ])
            .args(["--setopt=install_weak_deps=0", "--setopt=tsflags=noscripts"])
            .arg(set("logdir", top.join("log").display().to_string()))
            .arg(set("cachedir", top.join("cache").display().to_string()))
            .arg(set(
                "system_cachedir",
                top.join("cache").display().to_string(),
            ))
            .arg("install")
            .args(arguments)
            .args(requests)
            .env("HOME", top);
        command
    }

    /// What dnf5 chooses; nothing if there is no solution.
    fn chosen_by_dnf(&self, requests: &[&str]) -> Option<BTreeSet<String>> {
        let root = tempfile::tempdir_in(self.folder.path()).unwrap();
        let stored = root.path().join("stored");
        let store = format!("--store={}", stored.display());
        let done = output(&mut self.dnf(&root.path().join("root"), &[&store], requests));
        let file = stored.join("transaction.json");
        if !file.is_file() {
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            assert!(
                said.contains("Failed to resolve") || said.contains("No match"),
                "{said}"
            );
            return None;
        }
        let text = fs::read_to_string(file).unwrap();
        let nevras = text.split("\"nevra\":").skip(1);
        Some(
            nevras
                .map(|rest| rest.split('"').nth(1).unwrap().to_owned())
                .collect(),
        )
    }
}

fn now() -> Moment {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Moment::from_seconds(now.unwrap().as_secs() as i64)
}

fn names(lock: &Lock) -> BTreeSet<String> {
    let name = |p: &verbatim_packages::lock::LockedPackage| {
        format!("{}-{}.{}", p.name, p.version, p.architecture)
    };
    lock.packages.iter().map(name).collect()
}

/// Kind, mode, owner, group, and content or target, by paths; directories that no package owns
/// have attributes of their own making.
fn files(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let content = if metadata.is_symlink() {
                fs::read_link(&path).unwrap().display().to_string()
            } else if metadata.is_dir() {
                folders.push(path.clone());
                String::new()
            } else {
                let capabilities = output(Command::new(tool("getcap")).arg(&path)).stdout;
                let capabilities = String::from_utf8_lossy(&capabilities).into_owned();
                let capabilities = capabilities.rsplit(' ').next().unwrap_or("").to_owned();
                format!(
                    "{} {capabilities}{}",
                    metadata.nlink(),
                    String::from_utf8_lossy(&fs::read(&path).unwrap())
                )
            };
            let described = format!(
                "{:o} {}:{} {content}",
                metadata.mode(),
                metadata.uid(),
                metadata.gid()
            );
            found.insert(path.strip_prefix(root).unwrap().to_owned(), described);
        }
    }
    found
}

#[test]
fn as_dnf_does_it() {
    let repository = Repository::new();
    let mut differ = Vec::new();
    for requests in REQUESTS {
        let theirs = repository.chosen_by_dnf(requests);
        let ours = match repository.lock(requests) {
            Ok(lock) => Some(names(&lock)),
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::Wrong, "{requests:?}: {e}");
                None
            }
        };
        if ours != theirs {
            differ.push((requests, ours, theirs));
        }
    }
    assert!(differ.is_empty(), "{differ:#?}");

    // All that can be together, unpacked.
    let requests = [
        "attributes",
        "nested",
        "plugin",
        "needs-file",
        "epochs",
        "caret",
        "newname",
    ];
    let theirs = repository.folder.path().join("theirs");
    run(&mut repository.dnf(&theirs, &[], &requests));
    let lock = repository.lock(&requests).unwrap();
    let ours = repository.folder.path().join("ours");
    fs::create_dir(&ours).unwrap();
    let archive = repository.folder.path().join("ours.tar");
    let blob = layers::layer(&lock, &repository.places()).unwrap();
    fs::write(&archive, blob).unwrap();
    run(Command::new(tool("tar"))
        .args(["--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf"])
        .arg(&archive)
        .arg("-C")
        .arg(&ours));
    let (one, two) = (files(&ours), files(&theirs));
    let mut differ = Vec::new();
    for path in one.keys().chain(two.keys()).collect::<BTreeSet<_>>() {
        let text = path.to_string_lossy();
        // What dnf and rpm keep for themselves; the database is compared tag by tag elsewhere. And
        // what useradd leaves behind: locks, copies, the date of a password that nobody has.
        let own = [
            "usr/lib",
            "var/lib",
            "var/cache",
            "var/log",
            "run",
            "etc/.pwd.lock",
            "etc/passwd-",
            "etc/group-",
            "etc/shadow-",
            "etc/shadow",
        ];
        if own
            .iter()
            .any(|own| *text == **own || text.starts_with(&format!("{own}/")))
        {
            continue;
        }
        if one.get(path) != two.get(path) {
            differ.push((path, one.get(path), two.get(path)));
        }
    }
    assert!(differ.is_empty(), "{differ:#?}");
}

#[test]
fn what_was_tampered_with_is_refused() {
    let repository = Repository::new();
    let index = repository.path().join("repodata/repomd.xml");
    let refused = |what: &str| {
        let error = repository.lock(&["app"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.to_string().contains(what), "{error}");
    };
    let whole = fs::read_to_string(&index).unwrap();
    fs::write(&index, whole.replace("<revision>", "<revision>1")).unwrap();
    refused("does not hold");
    fs::write(&index, &whole).unwrap();
    repository.lock(&["app"]).unwrap();
    fs::remove_file(index.with_extension("xml.asc")).unwrap();
    refused("is not signed");
    repository.sign_index();

    // A package that somebody else signed, in an index that is rightly signed.
    run(repository.gpg().args([
        "--quick-gen-key",
        "other@example.com",
        "ed25519",
        "sign",
        "never",
    ]));
    let package = repository.path().join("noarch/lib-2.1-1.noarch.rpm");
    run(Command::new(tool("rpmsign"))
        .arg("--resign")
        .args([
            "--define",
            "_gpg_name other@example.com",
            "--define",
            "_openpgp_sign gpg",
        ])
        .args(["--define", "_openpgp_sign_id other@example.com"])
        .args([
            "--define",
            &format!(
                "_gpg_path {}",
                repository.folder.path().join("gpg").display()
            ),
        ])
        .env("GNUPGHOME", repository.folder.path().join("gpg"))
        .arg(&package));
    // The index says another digest now.
    refused("it is not the one that was locked");
    run(Command::new(tool("createrepo_c"))
        .arg("--quiet")
        .arg(repository.path()));
    repository.sign_index();
    refused("it is signed with none of the keys");
}
