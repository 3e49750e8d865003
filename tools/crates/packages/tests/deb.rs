//! From a signed repository to a layer, and everything on the way that must be refused.

mod support;

use support::{sign, Repository, DATE};
use verbatim_packages::{ErrorKind, Lock};

/// Three packages of which one needs another.
fn repository() -> Repository {
    let mut repository = Repository::new();
    repository.package(
        "base-files",
        "Version: 12.4\n",
        &[(
            "./postinst",
            b"#!/bin/sh\n  install_from_default motd /etc/motd\n  install_directory mnt 755 root\n",
        )],
        &[
            ("./", b""),
            ("./bin/", b""),
            ("./usr/", b""),
            ("./usr/share/", b""),
            ("./usr/share/base-files/", b""),
            ("./usr/share/base-files/motd", b"hello\n"),
        ],
    );
    repository.package(
        "tool",
        "Depends: base-files (>= 12), lib | other\n",
        &[
            ("./conffiles", b"/etc/tool.conf\n"),
            (
                "./postinst",
                b"#!/bin/sh\nupdate-alternatives --install /usr/bin/t t /bin/tool 5\n",
            ),
            ("./triggers", b"interest-noawait /usr/lib/plugins\n"),
        ],
        &[
            ("./", b""),
            ("./bin/", b""),
            ("./bin/tool", b"#!/bin/sh\n"),
            ("./etc/", b""),
            ("./etc/tool.conf", b"x=1\n"),
        ],
    );
    repository.package(
        "lib",
        "Multi-Arch: same\n",
        &[(
            "./md5sums",
            b"d41d8cd98f00b204e9800998ecf8427e  lib/libx.so\n",
        )],
        &[
            ("./", b""),
            ("./lib/", b""),
            ("./lib/libx.so", b""),
            ("./lib/libx.so.1", b"-> libx.so"),
        ],
    );
    repository.package("unused", "", &[], &[("./", b"")]);
    repository
}

#[test]
fn from_a_signed_repository_to_a_layer() {
    let repository = repository();
    repository.publish();
    let lock = repository.lock(&["tool"], None).unwrap();
    let shown: Vec<_> = lock
        .packages
        .iter()
        .map(|p| {
            format!(
                "{} {} {} {}",
                p.name,
                p.version,
                p.architecture,
                p.needed_by.join(",")
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "base-files 12.4 amd64 tool",
            "lib 1 amd64 tool",
            "tool 1 amd64 "
        ]
    );
    let indexes: Vec<_> = lock.sources[0]
        .indexes
        .iter()
        .map(|i| i.path.as_str())
        .collect();
    assert_eq!(
        indexes,
        [
            "dists/stable/InRelease",
            "dists/stable/main/binary-amd64/Packages"
        ]
    );
    let read = Lock::parse(&lock.to_bytes().unwrap(), "lock").unwrap();
    assert_eq!(read, lock);

    let layer = repository.install(&read, 1, false).unwrap();
    let files = entries(&layer);
    assert_eq!(files["bin"], "-> usr/bin");
    assert_eq!(files["usr/bin/tool"], "#!/bin/sh\n");
    assert_eq!(files["usr/lib/libx.so.1"], "-> libx.so");
    assert_eq!(files["etc/motd"], "hello\n");
    assert_eq!(files["usr/bin/t"], "-> /etc/alternatives/t");
    assert_eq!(files["etc/alternatives/t"], "-> /bin/tool");
    assert_eq!(files["var/lib/dpkg/info/format"], "1\n");
    assert_eq!(
        files["var/lib/dpkg/info/tool.list"],
        "/.\n/bin\n/bin/tool\n/etc\n/etc/tool.conf\n"
    );
    assert!(files.contains_key("var/lib/dpkg/info/lib:amd64.list"));
    assert_eq!(
        files["var/lib/dpkg/triggers/File"],
        "/usr/lib/plugins tool/noawait\n"
    );
    // As dpkg makes it for a package that brings none, and without the configuration.
    assert_eq!(
        files["var/lib/dpkg/info/tool.md5sums"],
        "3e2b31c72181b87149ff995e7202c0e3  bin/tool\n"
    );
    let status = &files["var/lib/dpkg/status"];
    assert!(
        status.starts_with("Package: base-files\nStatus: install ok installed\nMaintainer"),
        "{status}"
    );
    assert!(
        status.contains("\nConffiles:\n /etc/tool.conf f968f33f844c98de1d3b4fe70f2e1a0f\n"),
        "{status}"
    );

    let again = repository.install(&read, 4, false).unwrap();
    assert!(layer == again, "the number of threads shows");
    let files = entries(&repository.install(&read, 2, true).unwrap());
    assert!(files["var/lib/dpkg/status.d/tool"].starts_with("Package: tool\n"));
    assert!(files.contains_key("var/lib/dpkg/status.d/tool.md5sums"));
    assert!(!files.contains_key("var/lib/dpkg/status"));
}

/// Lock and install; what is said when one of them is refused.
fn refused(repository: &Repository, packages: &[&str]) -> String {
    let result = repository
        .lock(packages, None)
        .and_then(|lock| repository.install(&lock, 1, false));
    let error = result.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    let left = std::fs::read_dir(repository.folder.path()).unwrap();
    for entry in left {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.starts_with(".verbatim"), "{name} is left behind");
    }
    error.to_string()
}

#[test]
fn indexes_that_are_not_what_they_must_be() {
    let told = |change: &dyn Fn(&mut Repository)| {
        let mut repository = repository();
        repository.publish();
        change(&mut repository);
        refused(&repository, &["tool"])
    };
    let in_release = "dists/stable/InRelease";
    let edit = |repository: &Repository, change: &dyn Fn(String) -> String| {
        let text = std::fs::read_to_string(repository.path(in_release)).unwrap();
        repository.write(in_release, change(text).as_bytes());
    };
    for (change, words) in [
        (
            (&|r: &mut Repository| {
                r.signer = "other";
                r.publish();
            }) as &dyn Fn(&mut Repository),
            "signed with none of the keys",
        ),
        (
            &|r: &mut Repository| {
                r.signer = "expired";
                r.publish();
            },
            "expired at 2021-01-01",
        ),
        (
            &|r: &mut Repository| edit(r, &|text| text.replace("2026", "2027")),
            "does not hold",
        ),
        (
            &|r: &mut Repository| edit(r, &|text| format!("Date: x\n{text}")),
            "around",
        ),
        (
            &|r: &mut Repository| edit(r, &|text| format!("{text}\nDate: x\n")),
            "around",
        ),
        (
            &|r: &mut Repository| {
                r.release = "Date: Mon, 02 Nov 2026 00:00:00 UTC\n".into();
                r.publish();
            },
            "from the future",
        ),
        (
            &|r: &mut Repository| {
                r.release = format!("Date: {DATE}\nValid-Until: {DATE}\n");
                r.publish();
            },
            "was valid until",
        ),
        (
            &|r: &mut Repository| r.publish_index("Packages", b"Package: x\n", b"Package: y\n"),
            "binary-amd64/Packages",
        ),
    ] {
        let message = told(change);
        assert!(message.contains(words), "{words}: {message}");
        assert!(message.contains("dists/stable"), "{message}");
    }
}

#[test]
fn an_index_that_is_a_bomb() {
    let repository = repository();
    // It would be read as zstd of one byte that is repeated; the signed size is a smaller one.
    let zeros = vec![b'\n'; 8 << 20];
    let mut bomb = tar_zstd(&zeros);
    repository.publish_index("Packages.zst", &bomb, &bomb);
    let release = format!(
        "Date: {DATE}\nSHA256:\n {} {} main/binary-amd64/Packages.zst\n {} 100 main/binary-amd64/Packages\n",
        verbatim_digest::Digest::of(&bomb).hex(),
        bomb.len(),
        verbatim_digest::Digest::of(b"").hex(),
    );
    repository.write(
        "dists/stable/InRelease",
        sign(&release, "signer").as_bytes(),
    );
    let message = refused(&repository, &["tool"]);
    assert!(message.contains("decompresses to more"), "{message}");
    bomb.truncate(bomb.len() / 2);
    repository.publish_index("Packages.zst", &bomb, &bomb);
    refused(&repository, &["tool"]);
}

/// A zstd frame of one block of a repeated byte for each 128 KiB (RFC 8878, section 3.1.1.2).
fn tar_zstd(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
    let blocks = data.chunks(128 << 10);
    let last = blocks.len() - 1;
    for (number, block) in blocks.enumerate() {
        let header = (block.len() as u32) << 3 | 1 << 1 | u32::from(number == last);
        out.extend(&header.to_le_bytes()[..3]);
        out.push(block[0]);
    }
    out
}

#[test]
fn an_older_index_is_a_downgrade() {
    let mut repository = repository();
    repository.publish();
    let lock = repository.lock(&["tool"], None).unwrap();
    repository.release = "Date: Fri, 30 Oct 2026 00:00:00 UTC\n".into();
    repository.publish();
    let error = repository.lock(&["tool"], Some(&lock)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("a downgrade"), "{error}");
    repository.lock(&["tool"], None).unwrap();
}

#[test]
fn packages_that_are_not_what_they_must_be() {
    let flipped = repository();
    flipped.publish();
    let lock = flipped.lock(&["tool"], None).unwrap();
    let mut data = std::fs::read(flipped.path("pool/tool.deb")).unwrap();
    let middle = data.len() / 2;
    data[middle] ^= 1;
    flipped.write("pool/tool.deb", &data);
    let error = flipped.install(&lock, 1, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("the package tool 1"), "{error}");

    for (files, words) in [
        (&[("./a/../../x", &b"evil"[..])][..], "would climb out"),
        (
            &[("./link", b"-> /etc"), ("./link/passwd", b"evil")],
            "below its own symlink",
        ),
        (&[("./a\nb", b"")], "line feed"),
    ] {
        let mut repository = Repository::new();
        repository.package("evil", "", &[], files);
        repository.publish();
        let message = refused(&repository, &["evil"]);
        assert!(
            message.contains(words) && message.contains("the package evil"),
            "{message}"
        );
    }
}

#[test]
fn what_one_package_links_another_does_not_write_through() {
    let mut repository = Repository::new();
    repository.package("a", "", &[], &[("./srv", b"-> /etc")]);
    repository.package("b", "", &[], &[("./srv/", b""), ("./srv/passwd", b"evil")]);
    repository.publish();
    let lock = repository.lock(&["a", "b"], None).unwrap();
    let error = repository.install(&lock, 1, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Wrong);
    assert!(
        error.to_string().contains("a and b both have srv"),
        "{error}"
    );
}

#[test]
fn files_that_are_replaced_leave_the_list() {
    let mut repository = Repository::new();
    repository.package("a", "", &[], &[("./usr/", b""), ("./usr/x", b"old")]);
    repository.package(
        "b",
        "Replaces: a (<< 2)\n",
        &[],
        &[("./usr/", b""), ("./usr/x", b"new")],
    );
    repository.publish();
    let lock = repository.lock(&["a", "b"], None).unwrap();
    let files = entries(&repository.install(&lock, 1, false).unwrap());
    assert_eq!(files["usr/x"], "new");
    assert_eq!(files["var/lib/dpkg/info/b.list"], "/usr\n/usr/x\n");
    assert_eq!(files["var/lib/dpkg/info/a.list"], "/usr\n");
}

/// The entries of a layer: path, and content or link.
fn entries(layer: &[u8]) -> std::collections::BTreeMap<String, String> {
    let mut archive = tar::Archive::new(layer);
    archive
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let path = entry
                .path()
                .unwrap()
                .to_string_lossy()
                .trim_end_matches('/')
                .to_owned();
            let mut content = String::new();
            match entry.link_name().unwrap() {
                Some(target) => content = format!("-> {}", target.display()),
                None => {
                    std::io::Read::read_to_string(&mut entry, &mut content).unwrap();
                }
            }
            (path, content)
        })
        .collect()
}
