//! The real dpkg reads the database that is written here, and finds nothing wrong with it.

mod support;

use std::path::Path;
use std::process::Command;

use support::Repository;

fn dpkg(root: &Path, arguments: &[&str]) -> String {
    let output = Command::new("dpkg")
        .arg(format!("--root={}", root.display()))
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && error.is_empty(),
        "{arguments:?}: {text}{error}"
    );
    text
}

#[test]
fn dpkg_accepts_what_is_installed() {
    let mut repository = Repository::new();
    repository.package(
        "plain",
        "Depends: shared\n",
        &[("./conffiles", b"/etc/plain.conf\n")],
        &[
            ("./", b""),
            ("./etc/", b""),
            ("./etc/plain.conf", b"x=1\n"),
            ("./usr/", b""),
            ("./usr/plain", b"content\n"),
        ],
    );
    repository.package(
        "shared",
        "Multi-Arch: same\nHomepage: https://example.com/\n",
        &[
            (
                "./md5sums",
                b"d41d8cd98f00b204e9800998ecf8427e  usr/lib/libx.so\n",
            ),
            (
                "./triggers",
                b"interest /usr/plugins\ninterest-noawait x-trigger\n",
            ),
        ],
        &[
            ("./", b""),
            ("./usr/", b""),
            ("./usr/lib/", b""),
            ("./usr/lib/libx.so", b""),
        ],
    );
    repository.publish();
    let lock = repository.lock(&["plain"], None).unwrap();
    let layer = repository.install(&lock, 2, false).unwrap();
    let root = repository.folder.path().join("root");
    tar::Archive::new(&layer[..]).unpack(&root).unwrap();

    let list = dpkg(&root, &["-l"]);
    assert!(
        list.lines().any(|line| line.starts_with("ii  plain ")),
        "{list}"
    );
    assert!(
        list.lines()
            .any(|line| line.starts_with("ii  shared:amd64 ")),
        "{list}"
    );
    assert_eq!(dpkg(&root, &["--audit"]), "");
    assert_eq!(dpkg(&root, &["-V"]), "");
    assert_eq!(dpkg(&root, &["-S", "/usr/plain"]), "plain: /usr/plain\n");
    assert_eq!(
        dpkg(&root, &["-L", "shared"]),
        "/.\n/usr\n/usr/lib\n/usr/lib/libx.so\n"
    );

    // A check that cannot fail proves nothing.
    std::fs::write(root.join("usr/plain"), "changed\n").unwrap();
    let output = Command::new("dpkg")
        .arg(format!("--root={}", root.display()))
        .arg("-V")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("/usr/plain"));
}
