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
            ("© 2020-2025 Example", "© 2020-2026 Example"),
            ("real\t0m1.234s", "real\t0m2.345s"),
            (
                "<meta name=\"build-time\" content=\"1764065472123\">",
                "<meta name=\"build-time\" content=\"1764148540456\">",
            ),
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
            (
                "Built 2026-11-25 10:11:12 by alice",
                "Built 2026-11-25 10:11:12 by bob",
            ),
            (
                "<property name=\"user\" value=\"alice\"/>",
                "<property name=\"user\" value=\"bob\"/>",
            ),
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

#[test]
fn revisions_are_sources() {
    const A: &str = "4f1c7a9e2b3d5f60718293a4b5c6d7e8f9012345";
    const B: &str = "a9e2b3d5f60718293a4b5c6d7e8f90123454f1c7";
    let lines = [
        "pkg @ git+https://git.example.com/o/r@%",
        "pkg @ git+https://git.example.com/o/r.git@%#subdirectory=x",
        "git+ssh://git@git.example.com/o/r@%",
        "git+file:///srv/r@%",
        "hg+https://hg.example.com/o/r@%",
        "      - uses: actions/checkout@%",
        "source = \"git+https://git.example.com/o/r?branch=main#%\"",
        "source = { git = \"https://github.com/o/r?rev=main#%\" }",
        "\"r@git+ssh://git@github.com/o/r.git#%\":",
        "resolved \"https://codeload.github.com/o/r/tar.gz/%\"",
        "  version: github.com/o/r/%",
        "\"github:o/r#%\"",
        "\"o/r#%\"",
        "git@github.com:o/r.git#%",
        "git@github.com:o/r.git@%",
        "https://git.example.com/cgit/x.git/snapshot/x-%.tar.gz",
        "https://hg.example.com/r/file/%/x.c",
        "const char *version = \"v1.2-3-g%\";",
        "version = \"1.0+%\"",
        "HEAD is now at % Change x",
        "Built from % (main)",
        "%\trefs/heads/main",
        "GITREF=%",
        "<a href=\"https://git.example.com/o/r/blob/%/x.c\">source</a>",
        "https://gitlab.example.com/o/r/-/blob/%/x.c",
        "https://git.example.com/o/r/tree/%",
        "https://git.example.com/o/r/commit/%",
        "https://git.example.com/o/r/raw/%/x.c",
        "https://git.example.com/o/r/archive/%.tar.gz",
        "https://codeberg.org/o/r/src/commit/%/x.c",
        "https://raw.githubusercontent.com/o/r/%/x.c",
        "https://cdn.example.com/gh/o/r@%/x.js",
        "source = \"git::https://example.com/r.git//m?ref=%\"",
        "https://git.kernel.org/x/linux.git/commit/?id=%",
        "https://git.example.com/?p=r.git;a=commit;h=%",
        "commit: %",
        "git_sha = %",
        "GIT_COMMIT=%",
        "revision: %",
        "\"gitHead\": \"%\"",
        "resolved_reference = \"%\"",
        "resolved-ref: \"%\"",
        "tag: %",
        "  commit = \"%\",",
        "SRCREV = \"%\"",
        "#define GIT_HASH \"%\"",
        "strip_prefix = \"r-%\",",
        "https://gitlab.example.com/g/sub/r/-/tree/%/docs",
        "https://bitbucket.org/o/r/src/%/x.c",
        "https://git.example.com/o/r/blame/%/x.c#L10",
        "https://chromium.googlesource.com/o/r/+/%/x.c",
        "npm install git+ssh://git@git.example.com:2222/o/r.git#%",
        "require \"github.com/o/r@%\"",
        "FROM: https://github.com/o/r.git#%:folder",
        "pkg:github/o/r@%",
        "scm:git:https://git.example.com/o/r.git@%",
    ];
    let all = lines
        .iter()
        .map(|line| (line.replace('%', A), line.replace('%', B)));
    let branches = lines[..8].iter().chain(&lines[15..18]);
    let all = all.chain(
        branches
            .clone()
            .map(|line| (line.replace('%', "main"), line.replace('%', "develop"))),
    );
    let all =
        all.chain(branches.map(|line| (line.replace('%', "v1.2.3"), line.replace('%', "v1.2.4"))));
    let short = lines
        .iter()
        .filter(|line| !line.contains("\"o/r#") && !line.contains("strip"));
    let all = all.chain(short.map(|line| (line.replace('%', &A[..7]), line.replace('%', &B[..7]))));
    let all: Vec<(String, String)> = all.collect();
    let pairs: Vec<(&str, &str)> = all.iter().map(|(a, b)| (&**a, &**b)).collect();
    check(&pairs, &[Cause::SourceChange]);
    check(
        &[
            (
                "require example.com/d v0.0.0-20261125101112-4f1c7a9e2b3d",
                "require example.com/d v0.0.0-20261126081102-a9e2b3d5f607",
            ),
            (
                "go: example.com/d@v0.0.0-20261125101112-4f1c7a9e2b3d",
                "go: example.com/d@v0.0.0-20261126081102-a9e2b3d5f607",
            ),
            ("version v1.2.3-14-g4f1c7a9", "version v1.2.3-15-ga9e2b3d"),
            ("version 1.2.3+4f1c7a9", "version 1.2.3+a9e2b3d"),
            ("1.2.3-SNAPSHOT-4f1c7a9e2b", "1.2.3-SNAPSHOT-a9e2b3d5f6"),
            (
                "git+https://github.com/o/r@refs/heads/main",
                "git+https://github.com/o/r@refs/tags/v1.2",
            ),
            (
                "https://github.com/o/r/compare/v1.2.3...v1.2.4",
                "https://github.com/o/r/compare/v1.2.3...v1.2.5",
            ),
        ],
        &[Cause::SourceChange],
    );
}

#[test]
fn what_is_behind_an_at_elsewhere_stays_what_it_is() {
    check(
        &[
            ("built by ci/runner@node1", "built by ci/runner@node2"),
            ("ssh git@node1", "ssh git@node2"),
        ],
        &[Cause::Hostname],
    );
    check(
        &[(
            "<a href=\"x.html#p3f2a9c1b7d\">",
            "<a href=\"x.html#p9be01c22aa\">",
        )],
        &[Cause::RandomId],
    );
}

#[test]
fn a_date_and_a_time_are_one_word() {
    check(
        &[
            ("at 2026-11-25:10:11:12", "at 2026-11-26:08:01:55"),
            ("at 2026-11-25_10:11:12", "at 2026-11-26_08:01:55"),
            ("at 2026-11-25-10:11:12", "at 2026-11-26-08:01:55"),
            ("at 2026-11-25:10:11", "at 2026-11-26:08:01"),
            ("at 2026-11-25_10:11", "at 2026-11-26_08:01"),
            ("at 2026-11-25-10:11", "at 2026-11-26-08:01"),
            ("at 2026/11/25:10:11:12", "at 2026/11/26:08:01:55"),
            ("at 2026/11/25-10:11:12", "at 2026/11/26-08:01:55"),
            ("at 20261125:101112", "at 20261126:080155"),
            ("at 20261125_101112", "at 20261126_080155"),
            ("at 20261125-101112", "at 20261126-080155"),
            ("at 20261125_1011", "at 20261126_0801"),
            ("at 20261125-1011", "at 20261126-0801"),
            ("at 20261125:1011", "at 20261126:0801"),
            ("at 20261125_10:11:12", "at 20261126_08:01:55"),
            ("at 20261125-10:11:12", "at 20261126-08:01:55"),
            ("at 2026-11-25_10-11-12", "at 2026-11-26_08-01-55"),
            ("at 2026-11-25-10-11-12", "at 2026-11-26-08-01-55"),
            ("at 2026-11-25T10-11-12", "at 2026-11-26T08-01-55"),
            ("at 2026-11-25T10-11-12Z", "at 2026-11-26T08-01-55Z"),
            ("at 2026-11-25 10-11-12", "at 2026-11-26 08-01-55"),
            ("at 2026-11-25_10.11.12", "at 2026-11-26_08.01.55"),
            ("at 2026-11-25-10.11.12", "at 2026-11-26-08.01.55"),
            ("at 2026-11-25_101112", "at 2026-11-26_080155"),
            ("at 2026-11-25-101112", "at 2026-11-26-080155"),
            ("at 2026-11-25T101112Z", "at 2026-11-26T080155Z"),
            ("at 2026-11-25-1011", "at 2026-11-26-0801"),
            ("at 2026:11:25 10:11:12", "at 2026:11:26 08:01:55"),
            ("at 2026:11:25:10:11:12", "at 2026:11:26:08:01:55"),
            ("at 2026_11_25_10_11_12", "at 2026_11_26_08_01_55"),
            ("at 2026_11_25-10_11_12", "at 2026_11_26-08_01_55"),
            ("at 2026.11.25-10.11.12", "at 2026.11.26-08.01.55"),
            ("at 2026.11.25_10:11:12", "at 2026.11.26_08:01:55"),
            ("at 2026.11.25 10:11:12", "at 2026.11.26 08:01:55"),
            (
                "at 25/Nov/2026:10:11:12 +0000",
                "at 26/Nov/2026:08:01:55 +0000",
            ),
            ("at 25-Nov-2026-10:11:12", "at 26-Nov-2026-08:01:55"),
            ("at 25-Nov-2026_10:11:12", "at 26-Nov-2026_08:01:55"),
            ("at Nov-25-2026-10:11:12", "at Nov-26-2026-08:01:55"),
            ("at Nov_25_2026_10:11:12", "at Nov_26_2026_08:01:55"),
            ("at 25.11.2026-10:11:12", "at 26.11.2026-08:01:55"),
            ("at 25.11.2026_10.11.12", "at 26.11.2026_08.01.55"),
            ("at 25-11-2026_10:11:12", "at 26-11-2026_08:01:55"),
            ("at 10:11:12_2026-11-25", "at 08:01:55_2026-11-26"),
            ("at 10:11:12-2026-11-25", "at 08:01:55-2026-11-26"),
            ("at 10:11:12:2026-11-25", "at 08:01:55:2026-11-26"),
            ("at 2026-11-25_10h11m12s", "at 2026-11-26_08h01m55s"),
            (
                "backup_2026-11-25_10-11-12.tar",
                "backup_2026-11-26_08-01-55.tar",
            ),
            ("backup-20261125_101112.tar", "backup-20261126_080155.tar"),
            ("x.2026-11-25:10:11:12.log", "x.2026-11-26:08:01:55.log"),
            ("build_20261125.1011", "build_20261126.0801"),
            ("1.0.0-20261125.101112-1", "1.0.0-20261126.080155-1"),
            ("2026-11-25--10-11-12", "2026-11-26--08-01-55"),
            ("2026-11-25@10:11:12", "2026-11-26@08:01:55"),
            ("2026-11-25+10:11:12", "2026-11-26+08:01:55"),
            ("Wed_Nov_25_10:11:12_2026", "Thu_Nov_26_08:01:55_2026"),
            (
                "Wed-Nov-25-10:11:12-UTC-2026",
                "Thu-Nov-26-08:01:55-UTC-2026",
            ),
            ("2026-11-25_10:11:12_UTC", "2026-11-26_08:01:55_UTC"),
            ("2026-11-25_10:11:12+0000", "2026-11-26_08:01:55+0000"),
            ("2026-11-25_10:11:12.123456", "2026-11-26_08:01:55.654321"),
            ("at 2026-11-25t10:11:12z", "at 2026-11-26t08:01:55z"),
            ("at 20261125T101112.123Z", "at 20261126T080155.456Z"),
            ("at 20261125_101112_123", "at 20261126_080155_456"),
            ("at 20261125 101112", "at 20261126 080155"),
            ("at 2026-11-25 10h11", "at 2026-11-26 08h01"),
            ("at 2026-11-25\t10:11", "at 2026-11-26\t08:01"),
            ("25.11.2026 - 10:11", "26.11.2026 - 08:01"),
            ("25.11.2026 um 10:11", "26.11.2026 um 08:01"),
            ("25 novembre 2026 à 10:11", "26 novembre 2026 à 08:01"),
            ("2026-11-25 at 10:11", "2026-11-26 at 08:01"),
            ("at 11/25/26 10:11:12", "at 11/26/26 08:01:55"),
            ("20261125 at 101112", "20261126 at 080155"),
            ("built 25 Nov at 10:11", "built 26 Nov at 08:01"),
            ("op 25 november 2026", "op 1 december 2026"),
            ("x-1.0-20261125.101112-1.jar", "x-1.0-20261126.080155-2.jar"),
            (
                "2026-11-25 10:11:12.5 +0000 UTC m=+0.012345678",
                "2026-11-26 08:01:55.7 +0000 UTC m=+0.098765432",
            ),
            ("on November 25th, 2026", "on November 26th, 2026"),
            ("week 2026-W48", "week 2026-W49"),
            ("day 2026-W48-3", "day 2026-W48-4"),
            (
                "2026年 11月 25日 水曜日 10:11:12 JST",
                "2026年 11月 26日 木曜日 08:01:55 JST",
            ),
            (
                "2026年 11月 25日 星期三 10:11:12 CST",
                "2026年 11月 26日 星期四 08:01:55 CST",
            ),
            ("2026년 11월 25일", "2026년 11월 26일"),
        ],
        &[Cause::Timestamp],
    );
    // Two that are shifted by a zone, as one word.
    check(
        &[
            ("at 2026-11-25_10:11:12", "at 2026-11-25_12:11:12"),
            ("at 2026-11-25:22:11:12", "at 2026-11-26:07:11:12"),
            ("at 20261125-101112", "at 20261125-121112"),
        ],
        &[Cause::Timezone],
    );
    check(
        &[
            ("range 10-11-12", "range 10-11-13"),
            ("1.2.3-10-11-12", "1.2.3-10-11-13"),
            (
                "addr 2026:11:25:10:11:12:13:14",
                "addr 2026:11:25:10:11:12:13:15",
            ),
            ("version 2026.11.25", "version 2026.11.26"),
            ("tel 030-1234-5678", "tel 030-1234-5679"),
            ("range 11/25/26", "range 11/25/27"),
            ("item 2026-11-25 1011", "item 2026-11-25 1012"),
            ("tag 2026W48abc", "tag 2026W49abc"),
            ("of 3174339234 22 x", "of 2274997934 22 x"),
        ],
        &[Cause::SourceChange],
    );
}

#[test]
fn identifiers_that_are_generated() {
    check(
        &[
            ("request-id: 4f1c7a9e", "request-id: a9e2b3d5"),
            (
                "X-Request-Id: 4f1c7a9e2b3d5f60",
                "X-Request-Id: a9e2b3d5f6071829",
            ),
            ("requestId=req_8Fk2LmZ3aB", "requestId=req_Qk3vX9aPz1"),
            ("request id 8f3k2l", "request id q9z1x7"),
            ("trace_id=4bf92f3577b34da6", "trace_id=00f067aa0ba902b7"),
            ("nonce=Zx81kQ", "nonce=p0Lm3v"),
            ("nonce: dGhpcw==", "nonce: aGVscA=="),
            (
                "script-src 'nonce-dGhpcyBpcw=='",
                "script-src 'nonce-aGVscCBtZQ=='",
            ),
            ("<script nonce=\"r4nd0m\">", "<script nonce=\"x9Lk2Q\">"),
            (
                "id 01ARZ3NDEKTSV4RRFFQ69G5FAV",
                "id 01BX5ZZKBKACTAV9WEVGEMMVRZ",
            ),
            (
                "ulid: 01arz3ndektsv4rrffq69g5fav",
                "ulid: 01bx5zzkbkactav9wevgemmvrz",
            ),
            ("key V1StGXR8_Z5jdHi6B-myT", "key Qk3vX9aPz1LmT0sWb7_x-"),
            (
                "cuid cjld2cjxh0000qzrmn831i7rn",
                "cuid cjld2cyuq0000t3rmniod1foy",
            ),
            (
                "cuid2 tz4a98xxat96iws9zmbrgj3a",
                "cuid2 pfh0haxfpzowht3oi213cqos",
            ),
            (
                "ksuid 0ujtsYcgvSTl8PAuAdqWYSMnLOv",
                "ksuid 0ujzPyRiIAffKhBux4PvQdDqMHY",
            ),
            ("xid 9m4e2mr0ui3e8a215n4g", "xid c0h2rjc30njvq7tvjh60"),
            (
                "_id: 507f1f77bcf86cd799439011",
                "_id: 507f191e810c19729de860ea",
            ),
            ("session 8Fk2LmZ3aB9q", "session Qk3vX9aPz1Lm"),
            ("job id: a8f3k2", "job id: q9z1x7"),
            ("using out.Xa3f9Q8b1z", "using out.pQ81zBc7Yk"),
            ("using work-XkTzQa", "using work-BpLwRd"),
            ("tmpfile tmpx8k2m1q_", "tmpfile tmp0zq71abc"),
            (
                "boundary=\"===============1234567890123456789==\"",
                "boundary=\"===============9876543210987654321==\"",
            ),
            (
                "Message-ID: <4f1c7a9e2b3d@example.com>",
                "Message-ID: <a9e2b3d5f607@example.com>",
            ),
            (
                "trace: Root=1-5759e988-bd862e3fe1be46a994272793",
                "trace: Root=1-67891233-abcdef012345678912345678",
            ),
            (
                "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            ),
            ("correlation-id 8f3k2l9m", "correlation-id q9z1x7p4"),
            ("invocation_id=8f3k2l9m", "invocation_id=q9z1x7p4"),
            ("<div id=\"radix-4f1c7a\">", "<div id=\"radix-a9e2b3\">"),
            ("transaction txn_1Fk2LmZ3aB", "transaction txn_9k3vX9aPz1"),
            (
                "snowflake id 175928847299117063",
                "snowflake id 175928847299117999",
            ),
            ("salt: $2b$12$abcdefghijkl", "salt: $2b$12$zyxwvutsrqpo"),
            ("random: 0.8444218515250481", "random: 0.7579544029403025"),
            ("seed 12345", "seed 67890"),
            ("listens on port 45123", "listens on port 39877"),
            ("?sid=88ad5b77249b", "?sid=fc8db89ffb35"),
            (
                "The request fbb4b6935afc failed",
                "The request 5721159e6445 failed",
            ),
            (
                "Serial Number: 3f8a9c1d2e4b5a6c",
                "Serial Number: 9b1d2e3f4a5c6d7e",
            ),
            (
                "container 3f8a9c1d2e4b started",
                "container 9b1d2e3f4a5c started",
            ),
            (
                "Fingerprint=39:70:D2:E7:26:F8:80:54:47:97:2E:1B:C6:E9:15:93",
                "Fingerprint=D9:03:23:A8:06:8D:84:12:6E:FA:5E:64:3E:7B:2F:D3",
            ),
            (
                "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.X3jUh7bFSwKvRqPr",
                "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI1Njc4In0.FBwKfZns0CDyq12g",
            ),
            (
                "--=_Part_1_797127693.1764065472123",
                "--=_Part_1_804130751.1764148540456",
            ),
            (
                "------=_NextPart_000_0012_01DC5E4A.8B1F2C30",
                "------=_NextPart_000_0012_01DC5F12.1A2B3C4D",
            ),
            (
                "boundary=\"798884970267923\"",
                "boundary=\"940276904649961\"",
            ),
            (
                "<meta name=\"csrf-token\" content=\"84dffc895b79\">",
                "<meta name=\"csrf-token\" content=\"41ec5064963d\">",
            ),
        ],
        &[Cause::RandomId],
    );
    check(
        &[
            ("id = main-panel", "id = side-panel"),
            ("id: user1", "id: user2"),
            ("request id is required", "request id is optional"),
            (
                "key internationalization12345",
                "key internationalisation12345",
            ),
            ("class=\"css-grid\"", "class=\"css-flex\""),
            ("nonce = none", "nonce = required"),
            ("session timeout 30", "session timeout 60"),
            ("use AES256GCM", "use CHACHA20"),
            ("using out.release1", "using out.release2"),
            ("work-items", "work-order"),
            ("THE QUICK BROWN FOX 12", "THE QUICK GREEN FOX 12"),
            ("build 20 started", "build 21 started"),
            ("part A1B2C3", "part A1B2C4"),
            ("SN74HC595N", "SN74HC138N"),
            ("token type: oauth2v1", "token type: oauth2v2"),
            ("trace level debug1x2", "trace level debug2x3"),
            ("mask ff:ff:00:00:00:00", "mask ff:ff:ff:00:00:00"),
            ("list 01:02:03:04:05:06", "list 01:02:03:04:05:07"),
            ("serial: 2026112501", "serial: 2026112502"),
            ("seed potatoes 10", "seed potatoes 20"),
            ("random access", "random walks"),
            ("port: 8080", "port: 9090"),
            ("Suites: sid", "Suites: bookworm"),
            ("boundary=left", "boundary=right"),
        ],
        &[Cause::SourceChange],
    );
}

#[test]
fn of_a_long_line_the_first_places_are_looked_at() {
    let line = |year: u32| -> String { (0..3000).map(|n| format!("k{n}={year}-01-01 ")).collect() };
    let (l, r) = (line(2025), line(2026));
    for (most, looked_at) in [(usize::MAX, 1024), (10, 10), (0, 0)] {
        let (changes, more) = limited_changes(&Context::default(), &l, &r, most);
        assert_eq!((changes.len(), more), (looked_at, 3000 - looked_at));
        assert!(changes.iter().all(|c| c.cause == Cause::Timestamp));
    }
}
