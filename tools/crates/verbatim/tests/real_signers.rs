//! Lines of allowed_signers, as this program and as OpenSSH reads them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

fn keygen(dir: &Path, arguments: &[&str], input: Option<&Path>) -> bool {
    let input = match input {
        Some(path) => Stdio::from(fs::File::open(path).unwrap()),
        None => Stdio::null(),
    };
    Command::new("ssh-keygen")
        .args(arguments)
        .current_dir(dir)
        .env("TZ", "UTC")
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

#[test]
fn lines_are_read_as_openssh_reads_them() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for (name, kind) in [("own", "ed25519"), ("other", "ecdsa")] {
        assert!(keygen(dir, &["-q", "-t", kind, "-N", "", "-f", name], None));
    }
    fs::create_dir(dir.join("dist")).unwrap();
    fs::write(dir.join("dist/tool"), "tool").unwrap();
    let digest = verbatim_digest::Digest::of(b"tool").hex();
    let sums = dir.join("s.sha256");
    fs::write(&sums, format!("{digest}  tool\n")).unwrap();
    assert!(keygen(
        dir,
        &["-q", "-Y", "sign", "-f", "own", "-n", "file", "s.sha256"],
        None
    ));
    let key = |name: &str| {
        let text = fs::read_to_string(dir.join(name).with_extension("pub")).unwrap();
        let words: Vec<_> = text.split_whitespace().take(2).collect();
        words.join(" ")
    };
    let (own, other) = (key("own"), key("other"));
    for (lines, good) in [
        ("me OWN", true),
        ("me\tOWN", true),
        ("  me   OWN   comment", true),
        ("# x\n\nme OWN", true),
        ("\"me\" OWN", true),
        ("m*,!you OWN", true),
        ("me namespaces=\"file\" OWN", true),
        ("me namespaces=\"git,f?le\" OWN", true),
        ("me namespaces=\"git\" OWN", false),
        ("me namespaces=\"*,!file\" OWN", false),
        ("me NAMESPACES=\"file\"\tOWN", true),
        ("me namespaces=file OWN", false),
        ("me namespaces=\"file\",namespaces=\"file\" OWN", false),
        ("me valid-after=\"20200101\" OWN", true),
        (
            "me valid-after=\"20200101Z\",valid-before=\"209901011200\" OWN",
            true,
        ),
        ("me valid-before=\"20200101\" OWN", false),
        ("me valid-after=\"20990101\" OWN", false),
        ("me valid-after=\"20991301\" OWN", false),
        (
            "me valid-after=\"20300101\",valid-before=\"20200101\" OWN",
            false,
        ),
        ("me cert-authority OWN", false),
        ("me unheard-of OWN", false),
        ("me OTHER", false),
        ("me cert-authority OTHER\nme OWN", true),
        ("me valid-before=\"20200101\" OTHER\nme OWN", true),
        ("me valid-before=\"20200101\" OWN\nme OWN", true),
    ] {
        let text = lines.replace("OWN", &own).replace("OTHER", &other);
        fs::write(dir.join("signers"), text + "\n").unwrap();
        let theirs = keygen(
            dir,
            &[
                "-Y",
                "verify",
                "-f",
                "signers",
                "-I",
                "me",
                "-n",
                "file",
                "-s",
                "s.sha256.sig",
            ],
            Some(&sums),
        );
        assert_eq!(theirs, good, "ssh-keygen: {lines}");
        let output = Command::new(env!("CARGO_BIN_EXE_verbatim"))
            .args(["verify", "s.sha256", "--files=dist", "--key=signers"])
            .current_dir(dir)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.success(), good, "{lines}: {said}");
    }
}
