//! Files that real compilers and databases make, each pair with one known cause.
//! These need the programs of `./bazelw --in-root`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use verbatim_causes::{compare, Cause, Comparison};

/// A folder with programs to run in it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Run a line of shell in a folder below this one.
    fn run(&self, folder: &str, line: &str) {
        let folder = self.path(folder);
        std::fs::create_dir_all(&folder).unwrap();
        run(&folder, line);
    }
}

fn run(folder: &Path, line: &str) {
    let output = Command::new("sh")
        .args(["-euc", line])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{line}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The first cause and all of them are as expected, from left to right and from right to left.
#[track_caller]
fn expect(name: &str, left: &[u8], right: &[u8], format: &str, causes: &[Cause]) {
    assert_ne!(left, right, "{name}: the pair does not differ");
    for (l, r) in [(left, right), (right, left)] {
        let comparison = compare(name, l, r);
        let told = told(&comparison);
        assert_eq!(comparison.format, format, "{name}: {told:#?}");
        let all: BTreeSet<Cause> = comparison.findings.iter().map(|f| f.cause).collect();
        let expected = causes.iter().copied().collect();
        assert_eq!(all, expected, "{name}: {told:#?}");
        assert_eq!(comparison.findings[0].cause, causes[0], "{name}");
        assert_eq!(comparison, compare(name, l, r), "{name}: twice the same");
    }
}

fn told(comparison: &Comparison) -> Vec<String> {
    comparison
        .findings
        .iter()
        .map(|f| format!("{} at {}: {}", f.cause, f.at, f.evidence))
        .collect()
}

/// Compile one source twice in one folder, with two command lines.
#[track_caller]
fn programs(name: &str, source: &str, left: &str, right: &str, causes: &[Cause]) {
    let folder = Folder::new();
    let sides = [left, right].map(|line| {
        folder.write("work/main.c", source);
        folder.run("work", line);
        let program = folder.read("work/out");
        std::fs::remove_dir_all(folder.path("work")).unwrap();
        program
    });
    expect(name, &sides[0], &sides[1], "elf", causes);
}

const HELLO: &str = r#"#include <stdio.h>
static int twice(int x) { return 2 * x; }
int main(int argc, char **argv) { printf("hello %d\n", twice(argc)); return 0; }
"#;

/// gcc takes __DATE__ and __TIME__ from it.
fn at(epoch: u32) -> String {
    format!("export SOURCE_DATE_EPOCH={epoch}; ")
}

#[test]
fn dates_of_the_preprocessor() {
    for flags in ["-O0", "-O2 -g", "-Os -s", "-O2 -c"] {
        for macros in ["__DATE__ \" \" __TIME__", "__TIME__", "__DATE__"] {
            let source =
                format!("#include <stdio.h>\nint main(void) {{ puts({macros}); return 0; }}\n");
            let gcc = format!("gcc {flags} main.c -o out");
            programs(
                &format!("{macros} {flags}"),
                &source,
                &(at(1_700_000_000) + &gcc),
                &(at(1_732_543_210) + &gcc),
                &[Cause::Timestamp],
            );
        }
    }
}

#[test]
fn seconds_in_code_and_constants() {
    for source in [
        "long built = STAMP; int main(void) { return (int)(built & 1); }\n",
        "int main(int c, char **v) { return c > 5 ? STAMP : 0; }\n",
        "const int built = STAMP; int main(void) { return *(volatile int *)&built & 1; }\n",
    ] {
        programs(
            source,
            source,
            "gcc -O1 -DSTAMP=1700000000 main.c -o out",
            "gcc -O1 -DSTAMP=1700003600 main.c -o out",
            &[Cause::Timestamp],
        );
    }
}

#[test]
fn paths_of_the_source() {
    let source = r#"#include <assert.h>
#include <stdio.h>
int main(int argc, char **argv) { assert(argc < 100); puts(__FILE__); return 0; }
"#;
    let folder = Folder::new();
    for (left, right) in [("one", "two"), ("one", "a/much/longer/path/than/the/other")] {
        for flags in ["-O2", "-O2 -g", "-g -c", "-O2 -s"] {
            for side in [left, right] {
                folder.write(&format!("{side}/main.c"), source);
                folder.run(side, &format!("gcc {flags} $PWD/main.c -o out"));
            }
            expect(
                &format!("{flags} {right}"),
                &folder.read(&format!("{left}/out")),
                &folder.read(&format!("{right}/out")),
                "elf",
                &[Cause::BuildPath],
            );
        }
        // The path is in the debug information only.
        for flags in ["-g", "-g -gz", "-g -c", "-g -gdwarf-4"] {
            for side in [left, right] {
                folder.write(&format!("{side}/main.c"), HELLO);
                folder.run(side, &format!("gcc {flags} main.c -o out"));
            }
            expect(
                &format!("{flags} {right}, debug"),
                &folder.read(&format!("{left}/out")),
                &folder.read(&format!("{right}/out")),
                "elf",
                &[Cause::BuildPath],
            );
        }
    }
}

#[test]
fn only_the_build_id() {
    for flags in ["-O2", "-O2 -g", "-s"] {
        let gcc = format!("gcc {flags} -Wl,--build-id=uuid main.c -o out");
        programs(flags, HELLO, &gcc, &gcc, &[Cause::BuildId]);
    }
    programs(
        "none",
        HELLO,
        "gcc -Wl,--build-id=none main.c -o out",
        "gcc -Wl,--build-id=sha1 main.c -o out",
        &[Cause::BuildId],
    );
}

#[test]
fn debug_information() {
    let gcc = "gcc -O2 -g main.c -o out";
    for (name, left, right) in [
        ("strip", "true", "strip out"),
        ("strip -g", "strip -g out", "strip out"),
        ("half", "true", "strip -g out"),
    ] {
        let with = |line| format!("{gcc} && {line}");
        programs(name, HELLO, &with(left), &with(right), &[Cause::DebugInfo]);
    }
    programs(
        "-g1",
        HELLO,
        gcc,
        "gcc -O2 -g1 main.c -o out",
        &[Cause::DebugInfo],
    );
    let link =
        "gcc -O2 -g -Wl,--build-id=none main.c -o out && objcopy --only-keep-debug out out.debug";
    let linked = "strip out && objcopy --add-gnu-debuglink=out.debug out";
    programs(
        "debuglink",
        HELLO,
        &format!("{link} && {linked}"),
        &format!("{link} && echo >> out.debug && {linked}"),
        &[Cause::DebugInfo],
    );
}

#[test]
fn order_of_linking() {
    let parts = "printf 'int a(int x) { return x + 1; }' > a.c; printf 'int b(int x) { return x * 77; }' > b.c; gcc -O1 -c a.c b.c";
    for flags in ["", "-s -Wl,--export-dynamic"] {
        programs(
            flags,
            "int a(int), b(int); int main(int c, char **v) { return a(c) + b(c); }\n",
            &format!("{parts}; gcc {flags} main.c a.o b.o -o out"),
            &format!("{parts}; gcc {flags} main.c b.o a.o -o out"),
            &[Cause::FileOrder],
        );
    }
}

#[test]
fn order_of_a_hash_table() {
    let folder = Folder::new();
    for (side, names) in [
        ("left", r#""alpha","bravo","charlie""#),
        ("right", r#""charlie","alpha","bravo""#),
    ] {
        let source = format!(
            "#include <stdio.h>\nstatic const char table[][12] = {{{names}}};\nint main(int c, char **v) {{ return puts(table[c % 3]); }}\n"
        );
        folder.write(&format!("{side}/main.c"), source);
        folder.run(side, "gcc -O1 main.c -o out");
    }
    let (l, r) = (folder.read("left/out"), folder.read("right/out"));
    expect("table", &l, &r, "elf", &[Cause::HashOrder]);
    let (one, two) = (
        "int one(int x) { return x * 3; }\n",
        "int two(int x) { return x / 71 + 5; }\n",
    );
    folder.write("left/main.c", format!("{one}{two}"));
    folder.write("right/main.c", format!("{two}{one}"));
    for side in ["left", "right"] {
        folder.run(side, "gcc -O1 -c main.c -o out");
    }
    let (l, r) = (folder.read("left/out"), folder.read("right/out"));
    expect("functions", &l, &r, "elf", &[Cause::HashOrder]);
}

#[test]
fn sources_and_compilers() {
    let other = HELLO.replace("2 * x", "x * x + 3");
    let folder = Folder::new();
    for flags in ["-O2", "-O0 -g", "-O2 -c", "-O1 -s"] {
        folder.write("left/main.c", HELLO);
        folder.write("right/main.c", &other);
        for side in ["left", "right"] {
            // In one folder: the path does not differ.
            folder.run(
                "",
                &format!("cp {side}/main.c .; gcc {flags} main.c -o {side}/out"),
            );
        }
        let (l, r) = (folder.read("left/out"), folder.read("right/out"));
        expect(flags, &l, &r, "elf", &[Cause::SourceChange]);
    }
    programs(
        "message",
        "#include <stdio.h>\nint main(void) { puts(\"colour is \" COLOUR); return 0; }\n",
        "gcc -DCOLOUR='\"red\"' main.c -o out",
        "gcc -DCOLOUR='\"yellow\"' main.c -o out",
        &[Cause::SourceChange],
    );
    programs(
        "random",
        "#include <stdio.h>\nint main(void) { puts(\"id \" ID); return 0; }\n",
        "gcc -DID='\"4f1c2d3e5a6b7988\"' main.c -o out",
        "gcc -DID='\"9e8d7c6b5a4f3e21\"' main.c -o out",
        &[Cause::RandomId],
    );
    // Another compiler: its name is all that may be said of the rest.
    let rename = |version: &str, flags: &str| {
        format!("gcc {flags} main.c -c -o out; printf 'GCC: (Debian {version}) {version}\\0' > c; objcopy --update-section .comment=c out")
    };
    programs(
        "compiler",
        HELLO,
        &rename("14.2.0", "-O2"),
        &rename("15.1.0", "-O0"),
        &[Cause::ToolchainVersion],
    );
    let lto = "gcc -O2 -flto -c main.c -o out";
    programs("lto", HELLO, lto, lto, &[Cause::RandomId]);
}

#[test]
fn programs_of_rust() {
    let folder = Folder::new();
    let source = "fn main() { let v: Vec<String> = std::env::args().collect(); println!(\"{} {}\", v[7], file!()); }\n";
    let sides = ["one/place", "another/long/place/of/work"];
    for side in sides {
        folder.write(&format!("{side}/main.rs"), source);
        let line = "rustc -O $PWD/main.rs -o out; rustc -g $PWD/main.rs -o debug";
        folder.run(side, line);
    }
    for name in ["out", "debug"] {
        let [l, r] = sides.map(|side| folder.read(&format!("{side}/{name}")));
        expect(name, &l, &r, "elf", &[Cause::BuildPath]);
    }
}

#[test]
fn paths_of_libraries() {
    programs(
        "run path",
        HELLO,
        "gcc main.c -o out -Wl,-rpath,/home/one/lib",
        "gcc main.c -o out -Wl,-rpath,/home/second/lib",
        &[Cause::BuildPath],
    );
}

/// Compile a module of Python on two sides.
fn modules(folder: &Folder, left: &str, right: &str) -> [Vec<u8>; 2] {
    [left, right].map(|line| {
        folder.run("", &format!("rm -f out; {line}"));
        folder.read("out")
    })
}

/// A line of Python that compiles `source`, which the module says it was compiled from `name`.
fn module(source: &str, name: &str) -> String {
    format!(
        "cp {source} in.py; touch -d @1700000000 in.py; python3 -c \"import py_compile as p; p.compile('in.py', 'out', dfile='{name}', doraise=True)\""
    )
}

#[test]
fn modules_of_python() {
    let folder = Folder::new();
    let body = "BUILT = '2024-01-02'\ndef f(x):\n    return x in {'one', 'two', 'three'} or [g for g in (1, 2.5, x)]\nclass C:\n    pass\n";
    folder.write("a.py", body);
    folder.write("b.py", body.replace("2.5", "3.5"));
    folder.write("c.py", body.replace("2024-01-02", "2024-05-06"));
    let line = module("a.py", "a.py");
    let [l, r] = modules(&folder, &line, &line.replace("1700000000", "1700000777"));
    expect("time", &l, &r, "pyc", &[Cause::Timestamp]);
    let [l, r] = modules(
        &folder,
        &module("a.py", "/home/one/a.py"),
        &module("a.py", "/srv/two/longer/a.py"),
    );
    expect("path", &l, &r, "pyc", &[Cause::BuildPath]);
    let [l, r] = modules(&folder, &line, &module("b.py", "a.py"));
    expect("source", &l, &r, "pyc", &[Cause::SourceChange]);
    let [l, r] = modules(&folder, &line, &module("c.py", "a.py"));
    expect("date", &l, &r, "pyc", &[Cause::Timestamp]);
    let hashed = format!("export SOURCE_DATE_EPOCH=1; {line}");
    let [l, r] = modules(&folder, &line, &hashed);
    expect("hash", &l, &r, "pyc", &[Cause::Environment]);
    // A string that the process has already: it is marked as shared.
    let shared = line.replace(
        "import py_compile as p;",
        "import py_compile as p; held = compile(open('in.py').read(), 'in.py', 'exec');",
    );
    let [l, r] = modules(&folder, &line, &shared);
    if l != r {
        expect("shared", &l, &r, "pyc", &[Cause::Parallelism]);
    }
}

/// Make a database of statements of SQL.
fn database(statements: &str) -> Vec<u8> {
    let folder = Folder::new();
    folder.write("in.sql", statements);
    folder.run("", "sqlite3 out.db < in.sql");
    folder.read("out.db")
}

const FILES: &str =
    "CREATE TABLE files(name TEXT, size INTEGER, stamp REAL, data BLOB, CHECK(size > 0));
CREATE INDEX by_name ON files(name);
CREATE TABLE pairs(a TEXT PRIMARY KEY, b TEXT) WITHOUT ROWID;
INSERT INTO pairs VALUES ('one', '1'), ('two', '2');
WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 500)
  INSERT INTO files SELECT 'file' || i, i, 2460000.5, zeroblob(i * 20) FROM n;
";

#[test]
fn databases_of_sqlite() {
    let with = |statements: &str| database(&format!("{FILES}{statements}"));
    let plain = with("");
    let cases: &[(&str, Cause)] = &[
        (
            "UPDATE files SET stamp = 2461000.25 WHERE size = 250;",
            Cause::Timestamp,
        ),
        (
            "UPDATE files SET name = 'colour' WHERE size = 250;",
            Cause::SourceChange,
        ),
        (
            "UPDATE files SET data = zeroblob(70001) WHERE size = 3;",
            Cause::SourceChange,
        ),
        (
            "UPDATE pairs SET b = '3' WHERE a = 'two';",
            Cause::SourceChange,
        ),
        ("DELETE FROM files WHERE size = 499;", Cause::SourceChange),
        ("CREATE TABLE more(x);", Cause::SourceChange),
        ("CREATE TABLE t(x); DROP TABLE t;", Cause::Unexplained),
        ("PRAGMA page_size = 8192; VACUUM;", Cause::Unexplained),
        ("PRAGMA user_version = 7;", Cause::SourceChange),
    ];
    for (statements, cause) in cases {
        expect(statements, &plain, &with(statements), "sqlite", &[*cause]);
    }
    // What a table holds once.
    let cases: &[(&str, &str, Cause)] = &[
        (
            "'2024-01-02 10:00:00'",
            "'2025-06-07 11:12:13'",
            Cause::Timestamp,
        ),
        ("1700000000", "1711111111", Cause::Timestamp),
        (
            "'/home/one/src/a.c'",
            "'/home/second/src/a.c'",
            Cause::BuildPath,
        ),
        ("randomblob(16)", "randomblob(16)", Cause::RandomId),
        (
            "random() | 0x4000000000000000",
            "random() | 0x4000000000000000",
            Cause::RandomId,
        ),
        (
            "'6ba7b810-9dad-41d1-80b4-00c04fd430c8'",
            "'0c9f1a2b-3c4d-4e5f-8a6b-7c8d9e0f1a2b'",
            Cause::Uuid,
        ),
        ("'red'", "'blue'", Cause::SourceChange),
    ];
    for (left, right, cause) in cases {
        let with = |value: &str| {
            database(&format!("CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t(v) VALUES ('x'), ({value}), (3);"))
        };
        expect(left, &with(left), &with(right), "sqlite", &[*cause]);
    }
    let rows = |order: &str| {
        database(&format!(
            "CREATE TABLE t(k TEXT, v TEXT); INSERT INTO t VALUES {order};"
        ))
    };
    expect(
        "order",
        &rows("('a', 'x'), ('b', 'y'), ('c', 'z')"),
        &rows("('c', 'z'), ('a', 'x'), ('b', 'y')"),
        "sqlite",
        &[Cause::HashOrder],
    );
    // Written by another version: the header alone says so.
    let mut other = plain.clone();
    other[96..100].copy_from_slice(&3_046_001_u32.to_be_bytes());
    expect(
        "version",
        &plain,
        &other,
        "sqlite",
        &[Cause::ToolchainVersion],
    );
    let utf16 = |value: &str| {
        database(&format!(
            "PRAGMA encoding = 'UTF-16'; CREATE TABLE t(v); INSERT INTO t VALUES ({value});"
        ))
    };
    expect(
        "utf-16",
        &utf16("'2024-01-02'"),
        &utf16("'2024-01-03'"),
        "sqlite",
        &[Cause::Timestamp],
    );
}

/// Build a package with rpmbuild.
fn package(folder: &Folder, macros: &str, release: &str, content: &str) -> Vec<u8> {
    let spec = format!(
        "Name: sample\nVersion: 1.0\nRelease: {release}\nSummary: A sample\nLicense: Apache-2.0\nBuildArch: noarch\n%description\nA sample.\n%install\nmkdir -p %{{buildroot}}/usr/share\nprintf '{content}' > %{{buildroot}}/usr/share/sample\n%files\n/usr/share/sample\n"
    );
    folder.write("sample.spec", spec);
    folder.run(
        "",
        &format!("rm -rf top; HOME=$PWD SOURCE_DATE_EPOCH=1700000000 rpmbuild -bb --quiet --define \"_topdir $PWD/top\" --define 'clamp_mtime_to_source_date_epoch 1' --define 'use_source_date_epoch_as_buildtime 1' --define '_buildhost one.example.com' {macros} sample.spec; mv top/RPMS/noarch/*.rpm out.rpm"),
    );
    folder.read("out.rpm")
}

#[test]
fn packages_of_rpm() {
    let folder = Folder::new();
    let plain = package(&folder, "", "1", "hello");
    assert_eq!(
        plain,
        package(&folder, "", "1", "hello"),
        "builds are reproducible"
    );
    let cases: &[(&str, &str, &str, Cause)] = &[
        (
            "--define '_buildhost two.example.com'",
            "1",
            "hello",
            Cause::Hostname,
        ),
        (
            "--define 'use_source_date_epoch_as_buildtime 0'",
            "1",
            "hello",
            Cause::Timestamp,
        ),
        (
            "--define '_binary_payload w1.gzdio'",
            "1",
            "hello",
            Cause::Compression,
        ),
        ("", "2", "hello", Cause::PackageChange),
        ("", "1", "world", Cause::SourceChange),
    ];
    for (macros, release, content, cause) in cases {
        let other = package(&folder, macros, release, content);
        expect(macros, &plain, &other, "rpm", &[*cause]);
    }
}

#[test]
fn databases_of_installed_packages() {
    let folder = Folder::new();
    package(&folder, "", "1", "hello");
    folder.run("", "mv out.rpm first.rpm");
    package(&folder, "", "2", "hello");
    folder.run("", "mv out.rpm second.rpm");
    let install = |database: &str, file: &str| {
        folder.run(
            "",
            &format!("rpm --dbpath $PWD/{database} --initdb; rpm --dbpath $PWD/{database} -i --justdb --nodeps --nosignature --ignoresize {file}"),
        );
        folder.read(&format!("{database}/rpmdb.sqlite"))
    };
    let first = install("one", "first.rpm");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let later = install("two", "first.rpm");
    let second = install("three", "second.rpm");
    let name = "usr/lib/sysimage/rpm/rpmdb.sqlite";
    expect(name, &first, &later, "rpmdb", &[Cause::Timestamp]);
    expect(name, &first, &second, "rpmdb", &[Cause::PackageChange]);
    folder.run(
        "one",
        "sqlite3 rpmdb.sqlite 'CREATE TABLE t(x); DROP TABLE t; VACUUM'",
    );
    let vacuumed = folder.read("one/rpmdb.sqlite");
    expect(name, &first, &vacuumed, "sqlite", &[Cause::PackageDatabase]);
}

#[test]
fn classes_of_java() {
    let folder = Folder::new();
    let source = r#"public class Main {
    static final String BUILT = "2024-01-02 10:00";
    static int twice(int x) { int y = 2 * x; return y; }
    public static void main(String[] a) { System.out.println(BUILT + " red " + twice(a.length)); }
}
"#;
    let compile = |source: &str, flags: &str| {
        folder.write("Main.java", source);
        folder.run("", &format!("javac {flags} Main.java"));
        folder.read("Main.class")
    };
    let plain = compile(source, "");
    let cases: &[(&str, &str, &str, Cause)] = &[
        ("2024-01-02 10:00", "2025-03-04 11:12", "", Cause::Timestamp),
        ("red", "blue", "", Cause::SourceChange),
        ("2 * x", "7 + x", "", Cause::SourceChange),
        ("", "", "--release 17", Cause::ToolchainVersion),
        ("", "", "-g", Cause::DebugInfo),
        ("", "", "-g:none", Cause::DebugInfo),
    ];
    for (from, to, flags, cause) in cases {
        let other = compile(&source.replacen(from, to, 1), flags);
        expect(&format!("{to}{flags}"), &plain, &other, "class", &[*cause]);
    }
}

#[test]
fn programs_of_cxx_and_libraries() {
    let folder = Folder::new();
    let source = r#"#include <iostream>
#include <stdexcept>
#include <string>
namespace { struct Hidden { std::string name = VALUE; }; }
std::string shown(int n) { if (n > 3) throw std::runtime_error(std::string("no ") + Hidden().name); return Hidden().name; }
int main(int argc, char **argv) { std::cout << shown(argc) << std::endl; return 0; }
"#;
    folder.write("main.cc", source);
    let pairs = [
        ("built Nov  1 2024", "built Dec 11 2025", Cause::Timestamp),
        (
            "built at 1700000000",
            "built at 1711111111",
            Cause::Timestamp,
        ),
        (
            "/home/one/project/data.txt",
            "/home/other-user/project/data.txt",
            Cause::BuildPath,
        ),
        (
            "123e4567-e89b-42d3-a456-426614174000",
            "00112233-4455-4677-8899-aabbccddeeff",
            Cause::Uuid,
        ),
        ("red", "yellow", Cause::SourceChange),
    ];
    for flags in ["-O2", "-O0 -g", "-O2 -shared -fPIC -s"] {
        for (left, right, cause) in pairs {
            let sides = [left, right].map(|value| {
                folder.run(
                    "",
                    &format!("g++ {flags} -DVALUE='\"{value}\"' main.cc -o out"),
                );
                folder.read("out")
            });
            let name = format!("{flags} {right}");
            expect(&name, &sides[0], &sides[1], "elf", &[cause]);
        }
    }
}

#[test]
fn tables_of_pointers() {
    let folder = Folder::new();
    let names = ["alpha", "bravo-bravo", "charlie", "delta-is-longer", "echo"];
    let mut other = names;
    other.reverse();
    for flags in ["-O2", "-O0 -g", "-O2 -s", "-O2 -c", "-O2 -fPIC -shared"] {
        let sides = [names, other].map(|names| {
            let source = format!(
                "#include <stdio.h>\nstatic const char *const table[] = {{\"{}\"}};\nint main(int c, char **v) {{ for (int i = 0; i < 5; i++) puts(table[i]); return c; }}\n",
                names.join("\", \"")
            );
            folder.write("main.c", source);
            folder.run("", &format!("gcc {flags} main.c -o out"));
            folder.read("out")
        });
        expect(flags, &sides[0], &sides[1], "elf", &[Cause::HashOrder]);
    }
}

#[test]
fn rows_of_many_kinds() {
    let with = |rows: &[(&str, i64, &str)]| {
        let rows: Vec<String> = rows
            .iter()
            .map(|(name, seen_at, note)| format!("('{name}', {seen_at}, '{note}')"))
            .collect();
        database(&format!(
            "CREATE TABLE log(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, seen_at INTEGER, note TEXT); CREATE UNIQUE INDEX n ON log(name); INSERT INTO log(name, seen_at, note) VALUES {};",
            rows.join(", ")
        ))
    };
    let plain = with(&[("a", 17, "x"), ("b", 18, "y"), ("c", 19, "z")]);
    let times = with(&[("a", 27, "x"), ("b", 28, "y"), ("c", 29, "z")]);
    expect("times", &plain, &times, "sqlite", &[Cause::Timestamp]);
    let order = with(&[("c", 19, "z"), ("b", 18, "y"), ("a", 17, "x")]);
    expect("order", &plain, &order, "sqlite", &[Cause::HashOrder]);
    let note = with(&[("a", 17, "x"), ("b", 18, "why"), ("c", 19, "z")]);
    expect("note", &plain, &note, "sqlite", &[Cause::SourceChange]);
    let more = with(&[
        ("a", 17, "x"),
        ("b", 18, "y"),
        ("c", 19, "z"),
        ("d", 20, "w"),
    ]);
    expect("more", &plain, &more, "sqlite", &[Cause::SourceChange]);
    let both = with(&[("c", 27, "z"), ("b", 28, "y"), ("a", 29, "x")]);
    let causes = [Cause::HashOrder, Cause::Timestamp];
    expect("both", &plain, &both, "sqlite", &causes);
}
