//! What scripts would have made is made here as the real programs read it: the loader's cache, Java's
//! key store, alternatives, and what tmpfiles.d(5) declares.

mod support;

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;

use support::Repository;
use verbatim_testbed::{output, run, tool};

const CERTIFICATE: &[u8] = include_bytes!("../testdata/ca.crt");
/// Its sha256, as `openssl x509 -fingerprint -sha256` says it.
const FINGERPRINT: &str = "C0:1C:F1:61:E9:23:E5:22:B5:50:CD:E6:49:46:55:41:2B:5E:7D:BF:E9:6C:14:E9:3E:40:B2:7E:82:71:1D:1A";

/// The root of these packages, which is not cleared away before the repository is.
fn root(repository: &Repository, packages: &[&str]) -> PathBuf {
    repository.publish();
    let lock = repository.lock(packages, None).unwrap();
    let layer = repository.install(&lock, 2, false).unwrap();
    assert!(layer == repository.install(&lock, 1, false).unwrap());
    let root = repository.folder.path().join("root");
    let mut archive = tar::Archive::new(&layer[..]);
    archive.set_preserve_permissions(true);
    archive.unpack(&root).unwrap();
    root
}

/// What a program prints.
fn said(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(tool(program));
    run(command.args(arguments).env("LC_ALL", "C.UTF-8"))
}

/// A real library of this machine.
fn library(name: &str) -> Vec<u8> {
    let cached = said("ldconfig", &["-p"]);
    let line = cached
        .lines()
        .find(|line| line.trim_start().starts_with(&format!("{name} (libc6")))
        .unwrap_or_else(|| panic!("this machine has no {name}"));
    std::fs::read(line.rsplit_once("=> ").unwrap().1).unwrap()
}

#[test]
fn the_cache_of_the_loader() {
    let (libc, libm) = (library("libc.so.6"), library("libm.so.6"));
    let mut repository = Repository::new();
    repository.package(
        "libc-bin",
        "",
        &[],
        &[
            ("./", b""),
            ("./etc/", b""),
            ("./etc/ld.so.conf", b"include /etc/ld.so.conf.d/*.conf\n"),
            ("./etc/ld.so.conf.d/", b""),
            (
                "./etc/ld.so.conf.d/b.conf",
                b"# one\n/usr/lib/x\n/opt/lib\n",
            ),
            ("./etc/ld.so.conf.d/a.conf", b"/lib/x # the same, merged\n"),
            ("./etc/ld.so.conf.d/c.txt", b"/nowhere\n"),
        ],
    );
    repository.package(
        "libs",
        "",
        &[],
        &[
            ("./", b""),
            ("./lib", b"-> usr/lib"),
            ("./usr/", b""),
            ("./usr/lib/", b""),
            ("./usr/lib/x/", b""),
            ("./usr/lib/x/libc.so.6", &libc),
            // A library that is called otherwise than its file, with the link that its package brings.
            ("./usr/lib/x/libm-1.2.so", &libm),
            ("./usr/lib/x/libm.so.6", b"-> libm-1.2.so"),
            ("./usr/lib/x/libm.so", b"-> libm.so.6"),
            ("./usr/lib/x/libtext.so", b"INPUT(-lm)\n"),
            ("./usr/lib/x/libgone.so.1", b"-> libabsent.so.1"),
            ("./opt/", b""),
            ("./opt/lib/", b""),
            ("./opt/lib/libc.so.6", &libc),
            ("./opt/lib/README.so", b"x"),
        ],
    );
    let root = root(&repository, &["libc-bin", "libs"]);
    let cache = root.join("etc/ld.so.cache");
    let text = said("ldconfig", &["-p", "-C", cache.to_str().unwrap()]);
    let lines: Vec<(&str, &str)> = text
        .lines()
        .skip(1)
        .filter_map(|line| {
            let (name, path) = line.trim_start_matches('\t').split_once(" => ")?;
            Some((name.split(' ').next()?, path))
        })
        .collect();
    assert_eq!(
        lines,
        [
            ("libm.so.6", "/lib/x/libm.so.6"),
            ("libm.so", "/lib/x/libm.so"),
            ("libc.so.6", "/lib/x/libc.so.6"),
            ("libc.so.6", "/opt/lib/libc.so.6"),
        ],
        "{text}"
    );
}

#[test]
fn the_key_store_of_java() {
    let mut repository = Repository::new();
    repository.package(
        "ca-certificates",
        "",
        &[],
        &[
            ("./", b""),
            ("./usr/", b""),
            ("./usr/share/", b""),
            ("./usr/share/ca-certificates/", b""),
            ("./usr/share/ca-certificates/mozilla/", b""),
            (
                "./usr/share/ca-certificates/mozilla/Example_Root.crt",
                CERTIFICATE,
            ),
        ],
    );
    repository.package(
        "ca-certificates-java",
        "Depends: ca-certificates\n",
        &[],
        &[("./", b"")],
    );
    let root = root(&repository, &["ca-certificates-java"]);
    let store = root.join("etc/ssl/certs/java/cacerts");
    let arguments = ["-list", "-v", "-storepass", "changeit", "-keystore"];
    let text = said(
        "keytool",
        &[&arguments[..], &[store.to_str().unwrap()]].concat(),
    );
    assert!(text.contains("Your keystore contains 1 entry"), "{text}");
    assert!(
        text.contains("Alias name: debian:example_root.pem"),
        "{text}"
    );
    assert!(text.contains("Entry type: trustedCertEntry"), "{text}");
    assert!(text.contains(&format!("SHA256: {FINGERPRINT}")), "{text}");
    let bundle = std::fs::read(root.join("etc/ssl/certs/ca-certificates.crt")).unwrap();
    assert!(bundle == CERTIFICATE);

    // A store that was changed is told from one that was not.
    let mut bytes = std::fs::read(&store).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&store, bytes).unwrap();
    let mut command = Command::new(tool("keytool"));
    command.args(arguments).arg(&store);
    assert!(!output(&mut command).status.success());
}

#[test]
fn alternatives_and_their_database() {
    let mut repository = Repository::new();
    for (name, priority) in [("mawk", 5), ("gawk", 10)] {
        let script = format!(
            "#!/bin/sh\nupdate-alternatives --install /usr/bin/awk awk /usr/bin/{name} {priority} \\\n --slave /usr/bin/nawk nawk /usr/bin/{name}\n"
        );
        let file = format!("./usr/bin/{name}");
        repository.package(
            name,
            "",
            &[("./postinst", script.as_bytes())],
            &[
                ("./", b""),
                ("./usr/", b""),
                ("./usr/bin/", b""),
                (&file, b"#!/bin/sh\n"),
            ],
        );
    }
    let root = root(&repository, &["mawk", "gawk"]);
    let text = said(
        "update-alternatives",
        &["--root", root.to_str().unwrap(), "--query", "awk"],
    );
    let has = |line: &str| text.lines().any(|one| one == line);
    for line in [
        "Status: auto",
        "Link: /usr/bin/awk",
        "Best: /usr/bin/gawk",
        "Value: /usr/bin/gawk",
        "Alternative: /usr/bin/mawk",
    ] {
        assert!(has(line), "{line}: {text}");
    }
}

#[test]
fn what_tmpfiles_declare() {
    let mut repository = Repository::new();
    repository.package(
        "service",
        "",
        &[(
            "./postinst",
            b"#!/bin/sh\nif [ -x \"$(command -v systemd-tmpfiles)\" ]; then\n\tsystemd-tmpfiles ${DPKG_ROOT:+--root=\"$DPKG_ROOT\"} --create service.conf >/dev/null || true\nfi\n",
        )],
        &[
            ("./", b""),
            ("./usr/", b""),
            ("./usr/lib/", b""),
            ("./usr/lib/tmpfiles.d/", b""),
            (
                "./usr/lib/tmpfiles.d/service.conf",
                b"d /var/lib/service 2750 0 42 -\nf /var/lib/service/state 0640 - - - none yet\nL /etc/service - - - - ../var/lib/service\nd! /run/boot\n",
            ),
            ("./usr/lib/tmpfiles.d/other.conf", b"d /var/lib/other\n"),
        ],
    );
    repository.publish();
    let lock = repository.lock(&["service"], None).unwrap();
    let layer = repository.install(&lock, 2, false).unwrap();
    let mut found = Vec::new();
    for entry in tar::Archive::new(&layer[..]).entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        let path = entry.path().unwrap().display().to_string();
        if path.contains("service") && !path.contains("dpkg") && !path.contains("tmpfiles.d") {
            found.push(format!(
                "{:o} {}:{} {path}",
                header.mode().unwrap(),
                header.uid().unwrap(),
                header.gid().unwrap()
            ));
        }
    }
    assert_eq!(
        found,
        [
            "777 0:0 etc/service",
            "2750 0:42 var/lib/service/",
            "640 0:0 var/lib/service/state",
        ]
    );
    let root = repository.folder.path().join("unpacked");
    tar::Archive::new(&layer[..]).unpack(&root).unwrap();
    let state = root.join("var/lib/service/state");
    assert_eq!(std::fs::read(&state).unwrap(), b"none yet");
    assert_eq!(std::fs::metadata(&state).unwrap().size(), 8);
    assert!(!root.join("run/boot").exists() && !root.join("var/lib/other").exists());
}
