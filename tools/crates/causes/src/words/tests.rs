//! Pairs of lines, and what each must be called; and what must not be called so.

use super::*;

fn check(pairs: &[(&str, &str)], expected: &[Cause]) {
    let mut wrong = Vec::new();
    for (left, right) in pairs {
        let mut found: Vec<Cause> = changes(&Context::default(), left, right)
            .iter()
            .map(|change| change.cause)
            .collect();
        found.sort_unstable();
        found.dedup();
        if found != expected {
            wrong.push(format!("{left:?} {right:?}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "not {expected:?}: {wrong:#?}");
}

#[test]
fn times() {
    check(
        &[
            ("built 2024-01-02", "built 2024-05-06"),
            ("t=1700000000", "t=1700000099"),
            (
                "Created: 2026-11-25T10:11:12.123Z",
                "Created: 2026-11-25T10:15:12.456Z",
            ),
            (
                "Date: Wed, 25 Nov 2026 10:11:12 +0000",
                "Date: Thu, 26 Nov 2026 01:01:12 +0000",
            ),
            (
                "#Wed Nov 25 10:11:12 UTC 2026",
                "#Thu Nov 26 04:11:13 UTC 2026",
            ),
            (
                "compiled Nov 25 2026 at 10:11:12",
                "compiled Nov 26 2026 at 11:15:13",
            ),
            ("v1.0+20240131", "v1.0+20240201"),
            ("report-20240131.txt", "report-20240201.txt"),
            ("\"mtime\": 1700000000123", "\"mtime\": 1700000099456"),
            ("[build] done in 1.23s", "[build] done in 4.56s"),
            ("<testsuite time=\"0.123\"", "<testsuite time=\"0.456\""),
            ("Copyright 2025 Example", "Copyright 2026 Example"),
            (".TH X 1 \"November 2025\"", ".TH X 1 \"May 2026\""),
            (
                "generated on 25.11.2026 10:11",
                "generated on 26.11.2026 09:15",
            ),
            ("SOURCE_DATE_EPOCH=1", "SOURCE_DATE_EPOCH=2"),
            ("/x/2026/11/25/a", "/x/2026/11/26/a"),
        ],
        &[Cause::Timestamp],
    );
}

#[test]
fn zones_and_locales() {
    check(
        &[
            ("at 2026-11-25T10:11:12Z", "at 2026-11-25T19:11:12+09:00"),
            (
                "Wed Nov 25 22:13:35 UTC 2026",
                "Thu Nov 26 07:13:35 JST 2026",
            ),
            ("TZ=UTC", "TZ=Asia/Tokyo"),
            ("timezone: Europe/Berlin", "timezone: UTC"),
            ("date: 2026-11-25 10:11:12", "date: 2026-11-25 12:11:12"),
        ],
        &[Cause::Timezone],
    );
    check(
        &[
            ("LANG=en_US.UTF-8", "LANG=C"),
            ("locale: en_US.UTF-8", "locale: de_DE.UTF-8"),
            ("total 1,5 MB", "total 1.5 MB"),
            ("25 November 2026", "25 novembre 2026"),
            ("caf\u{e9} open", "caf? open"),
            ("file.encoding=UTF-8", "file.encoding=ANSI_X3.4-1968"),
            ("<html lang=\"en\">", "<html lang=\"de\">"),
        ],
        &[Cause::Locale],
    );
}

#[test]
fn places_and_people() {
    check(
        &[
            ("dir=/home/a/src x", "dir=/home/b/src x"),
            ("-I/build/one/include", "-I/build/two/include"),
            ("# file /tmp/build-123/x.c", "# file /tmp/build-456/x.c"),
            ("source: C:\\work\\a\\x.c", "source: C:\\work\\b\\x.c"),
            ("PWD=/a", "PWD=/b"),
            (
                "//# sourceURL=file:///home/a/x.js",
                "//# sourceURL=file:///home/b/x.js",
            ),
        ],
        &[Cause::BuildPath],
    );
    check(
        &[
            (
                "Build-Host: ci-1.example.com",
                "Build-Host: ci-2.example.com",
            ),
            (
                "built by root@node1 with care",
                "built by root@node2 with care",
            ),
            ("hostname = alpha", "hostname = beta"),
            ("\"buildHost\": \"alpha\"", "\"buildHost\": \"beta\""),
            ("HOSTNAME=f3a1b2c4d5e6", "HOSTNAME=a3a1b2c4d5e7"),
            ("built on buildd-1", "built on buildd-2"),
        ],
        &[Cause::Hostname],
    );
    check(
        &[
            ("Built-By: alice", "Built-By: bob"),
            ("user=alice", "user=bob"),
            ("compiled by alice", "compiled by bob"),
            ("built by alice@node1", "built by bob@node1"),
            ("Packager: Alice Smith", "Packager: Alice Jones"),
        ],
        &[Cause::Username],
    );
    check(
        &[("by a1@n1", "by b1@n2")],
        &[Cause::Hostname, Cause::Username],
    );
}

#[test]
fn random_things() {
    check(
        &[
            (
                "id 123e4567-e89b-12d3-a456-426614174000",
                "id 00112233-4455-6677-8899-aabbccddeeff",
            ),
            (
                "urn:uuid:123e4567-e89b-12d3-a456-426614174000",
                "urn:uuid:00112233-4455-6677-8899-aabbccddeeff",
            ),
            (
                "<x guid=\"{123e4567-e89b-12d3-a456-426614174000}\">",
                "<x guid=\"{00112233-4455-6677-8899-aabbccddeeff}\">",
            ),
        ],
        &[Cause::Uuid],
    );
    check(
        &[
            ("nonce: 9f86d081884c7d659a2f", "nonce: 1f86d081884c7d659a2e"),
            ("<object at 0x7f3c2a1b4d50>", "<object at 0x7f3c2a1b9990>"),
            ("using /tmp/tmp.Ab3dE5fG", "using /tmp/tmp.Zz9dE5fG"),
            ("seed = 12345", "seed = 99871"),
            ("token=dGhpcyBpcyBhIHJhbmQ5", "token=aGVscCBtZSBJIGFtIDQy"),
            ("main.9f86d081884c7d65.js", "main.1b4f0e9851971998.js"),
            (
                "boundary=----=_Part_9f86d081884c7d65",
                "boundary=----=_Part_1f86d081884c7d60",
            ),
        ],
        &[Cause::RandomId],
    );
    check(
        &[(
            "machine-id: 0123456789abcdef0123456789abcdef",
            "machine-id: 1123456789abcdef0123456789abcdef",
        )],
        &[Cause::MachineId],
    );
}

#[test]
fn tools_and_their_surroundings() {
    check(
        &[
            (
                "GCC: (Debian 12.2.0-14) 12.2.0",
                "GCC: (Debian 13.1.0-2) 13.1.0",
            ),
            ("rustc 1.97.0", "rustc 1.97.1"),
            (
                "Created-By: 17.0.9 (Eclipse Adoptium)",
                "Created-By: 21.0.1 (Eclipse Adoptium)",
            ),
            (
                "Generator: bdist_wheel (0.38.4)",
                "Generator: bdist_wheel (0.43.0)",
            ),
            ("built with go1.22.1", "built with go1.22.3"),
            (
                "/* generated by Cython 0.29 */",
                "/* generated by Cython 3.0 */",
            ),
            ("clang version 15.0.6", "clang version 16.0.0"),
        ],
        &[Cause::ToolchainVersion],
    );
    check(
        &[
            (
                "Linux node 6.1.0-18-amd64 #1 SMP Debian 6.1.76-1 (2024-02-01) x86_64",
                "Linux node 6.5.0-2-amd64 #1 SMP Debian 6.5.6-1 (2024-06-07) x86_64",
            ),
            ("kernel: 6.1.0", "kernel: 6.5.0"),
            (
                "/lib/modules/6.1.0-18-amd64/build",
                "/lib/modules/6.5.0-2-amd64/build",
            ),
            ("configured for linux-6.1.0", "configured for linux-6.5.0"),
        ],
        &[Cause::KernelVersion],
    );
    check(
        &[
            ("MAKEFLAGS=-j4", "MAKEFLAGS=-j16"),
            ("make -j4 all", "make -j16 all"),
            ("threads: 4", "threads: 16"),
            ("nproc=2", "nproc=8"),
            ("ninja --jobs=4", "ninja --jobs=8"),
        ],
        &[Cause::Parallelism],
    );
    check(
        &[
            ("PATH=/usr/bin:/bin", "PATH=/usr/local/bin:/bin"),
            ("HOME=/root", "HOME=/home/x"),
            ("BUILD_NUMBER=12", "BUILD_NUMBER=13"),
        ],
        &[Cause::Environment],
    );
    check(
        &[
            ("x = {'a': 1, 'b': 2}", "x = {'b': 2, 'a': 1}"),
            ("Features: fast small safe", "Features: safe fast small"),
            ("[\"x\", \"y\", \"z\"]", "[\"z\", \"x\", \"y\"]"),
        ],
        &[Cause::HashOrder],
    );
}

#[test]
fn what_is_meant_to_be_read_is_a_change() {
    check(
        &[
            ("colour = red", "colour = blue"),
            ("color: #a1b2c3", "color: #a1b2c4"),
            ("version = 1.2.3", "version = 1.2.4"),
            ("\u{e4}", "\u{f6}"),
            ("", "x"),
            ("a\u{e9}", "a\u{e8}"),
            ("a before b", "b before a"),
            ("timeout=30", "timeout=60"),
            ("size=1234567890", "size=1234567999"),
            ("port 8080", "port 9090"),
            ("return 1;", "return 2;"),
            ("if (x > 10) {", "if (x > 20) {"),
            (
                "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
                "commit 1f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
            ),
            ("/usr/bin/foo", "/usr/bin/bar"),
            ("install foo-1.2", "install foo-1.3"),
            ("The quick brown fox", "The quick red fox"),
            ("may contain nuts", "may contain seeds"),
            ("print(\"hello\")", "print(\"goodbye\")"),
            ("id = 7", "id = 8"),
            ("level: 12", "level: 13"),
            ("values {'a': 1, 'b': 2}", "values {'a': 2, 'b': 1}"),
            ("internationalization", "internationalisation"),
            ("APP_MODE=debug", "APP_MODE=release"),
            ("see rfc2616", "see rfc9110"),
            ("0.1.20", "0.1.21"),
            ("127.0.0.1", "127.0.0.2"),
        ],
        &[Cause::SourceChange],
    );
}

#[test]
fn sums_follow_from_something_else() {
    let (a, b) = (
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "1f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    );
    check(
        &[
            (&format!("{a}  bin/x"), &format!("{b}  bin/x")),
            (&format!("sha256:{a}"), &format!("sha256:{b}")),
            (
                &format!("SHA-256-Digest: {a}"),
                &format!("SHA-256-Digest: {b}"),
            ),
        ],
        &[Cause::Unexplained],
    );
}
