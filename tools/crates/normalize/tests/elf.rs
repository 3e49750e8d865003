//! Programs of real compilers, stripped, still run; and broken ones are refused.

#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::Command;

use verbatim_normalize::elf::{self, Error};

const SOURCE: &str = r#"
#include <stdio.h>
#include <stdlib.h>
__thread int counter = 3;
__attribute__((constructor)) static void before(void) { counter++; }
int answer(void) { return 38; }
int main(int argc, char **argv) { printf("%d\n", counter + answer()); return argc > 1 ? atoi(argv[1]) : 0; }
"#;

fn run(command: &mut Command) -> String {
    let done = command.output().unwrap();
    assert!(
        done.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).unwrap()
}

/// Compile the program in a folder of its own, so that debug information names it.
fn compile(dir: &Path, flags: &[&str]) -> PathBuf {
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(dir.join("main.c"), SOURCE).unwrap();
    let out = dir.join("out");
    run(Command::new("gcc")
        .current_dir(dir)
        .args(["-g", "-O1"])
        .args(flags)
        .arg(dir.join("main.c"))
        .arg("-o")
        .arg(&out));
    out
}

fn write_program(path: &Path, data: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, data).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn stripped(data: &[u8]) -> Vec<u8> {
    let mut out = data.to_vec();
    let report = elf::strip(&mut out).unwrap();
    assert_eq!(
        (report.from, report.to),
        (data.len() as u64, out.len() as u64)
    );
    let mut again = out.clone();
    assert_eq!(
        elf::strip(&mut again).unwrap().removed,
        Vec::<String>::new()
    );
    assert!(again == out, "stripping twice is not the same as once");
    out
}

/// What readelf says, warnings included.
fn readelf(path: &Path) -> String {
    let done = Command::new("readelf")
        .arg("-aW")
        .arg(path)
        .output()
        .unwrap();
    assert!(done.status.success());
    assert_eq!(String::from_utf8_lossy(&done.stderr), "", "{path:?}");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

#[test]
fn programs_of_every_linking_run_and_are_smaller() {
    let dir = tempfile::tempdir().unwrap();
    for (name, flags) in [
        ("dynamic", &[][..]),
        ("fixed", &["-no-pie"]),
        ("static", &["-static"]),
        ("static-pie", &["-static-pie"]),
        ("relocations", &["-Wl,--emit-relocs"]),
        (
            "sysv-hash",
            &["-Wl,--hash-style=both", "-Wl,-z,separate-code"],
        ),
    ] {
        let program = compile(&dir.path().join(name), flags);
        let before = std::fs::read(&program).unwrap();
        let after = stripped(&before);
        assert!(after.len() < before.len(), "{name}");
        let path = program.with_file_name("stripped");
        write_program(&path, &after);
        assert_eq!(run(&mut Command::new(&path)), "42\n", "{name}");
        let text = readelf(&path);
        for gone in [".symtab", ".debug_", ".comment", ".rela.text"] {
            assert!(!text.contains(gone), "{name} still has {gone}");
        }
        for kept in [".text", ".shstrtab", ".note.ABI-tag"] {
            assert!(text.contains(kept), "{name} lost {kept}");
        }
    }
}

#[test]
fn a_rust_program_runs() {
    // This test itself is one, with debug information and unwinding tables.
    let dir = tempfile::tempdir().unwrap();
    let before = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let after = stripped(&before);
    let path = dir.path().join("stripped");
    write_program(&path, &after);
    readelf(&path);
    let listed = run(Command::new(&path).arg("--list"));
    assert!(listed.contains("a_rust_program_runs: test"), "{listed}");
}

#[test]
fn a_shared_object_still_links_and_loads() {
    let dir = tempfile::tempdir().unwrap();
    let library = compile(dir.path(), &["-shared", "-fPIC"]);
    let data = stripped(&std::fs::read(&library).unwrap());
    write_program(&dir.path().join("libanswer.so"), &data);
    readelf(&dir.path().join("libanswer.so"));
    std::fs::write(
        dir.path().join("user.c"),
        "int answer(void); int main(void) { return answer() - 38; }",
    )
    .unwrap();
    run(Command::new("gcc").current_dir(dir.path()).args([
        "user.c",
        "-L.",
        "-lanswer",
        "-Wl,-rpath,$ORIGIN",
        "-o",
        "user",
    ]));
    run(&mut Command::new(dir.path().join("user")));
}

#[test]
fn builds_at_two_paths_are_equal_when_stripped() {
    let dir = tempfile::tempdir().unwrap();
    let build = |name: &str| {
        let program = compile(&dir.path().join(name), &["-Wl,--build-id=none"]);
        std::fs::read(program).unwrap()
    };
    let (one, two) = (build("one"), build("another/place"));
    assert!(one != two);
    assert!(stripped(&one) == stripped(&two));
}

#[test]
fn a_build_id_over_debug_information_remains_unless_paths_are_mapped() {
    let dir = tempfile::tempdir().unwrap();
    let build = |name: &str, map: bool| {
        let path = dir.path().join(name);
        let map = if map {
            format!("-ffile-prefix-map={}=.", path.display())
        } else {
            "-DPLAIN".to_owned()
        };
        std::fs::read(compile(&path, &["-Wl,--build-id=sha1", &map])).unwrap()
    };
    assert!(stripped(&build("a", false)) != stripped(&build("bb", false)));
    assert!(stripped(&build("c", true)) == stripped(&build("dd", true)));
}

#[test]
fn sections_that_are_not_known_stay_and_keep_their_content() {
    let dir = tempfile::tempdir().unwrap();
    let program = compile(dir.path(), &[]);
    let payload: Vec<u8> = (0..5000u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(dir.path().join("payload"), &payload).unwrap();
    run(Command::new("objcopy")
        .current_dir(dir.path())
        .args(["--add-section", "pydata=payload"])
        .arg(&program));
    let after = stripped(&std::fs::read(&program).unwrap());
    let path = dir.path().join("stripped");
    write_program(&path, &after);
    assert_eq!(run(&mut Command::new(&path)), "42\n");
    readelf(&path);
    run(Command::new("objcopy")
        .current_dir(dir.path())
        .args([
            "-O",
            "binary",
            "--only-section=pydata",
            "--set-section-flags",
            "pydata=alloc",
        ])
        .args(["stripped", "extracted"]));
    assert!(std::fs::read(dir.path().join("extracted")).unwrap() == payload);
}

#[test]
fn what_is_no_program_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |data: &[u8]| {
        let mut copy = data.to_vec();
        let error = elf::strip(&mut copy).unwrap_err();
        assert!(copy == data);
        error
    };
    let object = std::fs::read(compile(dir.path(), &["-c"])).unwrap();
    assert_eq!(
        refused(&object),
        Error::NotLinked("a relocatable object (.o)")
    );

    let mut appended = std::fs::read(compile(dir.path(), &[])).unwrap();
    let length = appended.len() as u64;
    appended.extend_from_slice(b"payload");
    assert_eq!(
        refused(&appended),
        Error::Appended {
            offset: length,
            length: 7
        }
    );
}

/// A small static program for another architecture, as a linker left it.
const AARCH64: &[u8] = include_bytes!("../testdata/elf/aarch64-static");
/// A shared object with 32 bits, big endian.
const BIG_ENDIAN: &[u8] = include_bytes!("../testdata/elf/powerpc-shared");

#[test]
fn architectures_do_not_matter_and_bytes_are_the_same_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    for (name, data, golden) in [
        (
            "aarch64",
            AARCH64,
            &include_bytes!("../testdata/elf/aarch64-static.fixed")[..],
        ),
        (
            "powerpc",
            BIG_ENDIAN,
            include_bytes!("../testdata/elf/powerpc-shared.fixed"),
        ),
    ] {
        let after = stripped(data);
        assert!(after == golden && after.len() < data.len(), "{name}");
        let path = dir.path().join(name);
        write_program(&path, &after);
        let text = readelf(&path);
        assert!(
            text.contains(".text") && !text.contains(".symtab"),
            "{name}"
        );
    }
}

#[test]
fn truncated_and_flipped_files_never_panic_nor_grow() {
    for data in [AARCH64, BIG_ENDIAN] {
        for end in 0..data.len() {
            let mut cut = data[..end].to_vec();
            // Only the end of the last alignment can be missing unnoticed.
            if elf::strip(&mut cut).is_err() {
                assert!(cut == data[..end]);
            }
        }
        // Every byte of the headers, in the values that break arithmetic most.
        let table = data.len() - 2048.min(data.len());
        for at in (0..512.min(data.len())).chain(table..data.len()) {
            for value in [0, 1, 0x7f, 0x80, 0xff, data[at] ^ 1] {
                let mut flipped = data.to_vec();
                flipped[at] = value;
                if elf::strip(&mut flipped).is_ok() {
                    assert!(flipped.len() < 3 * data.len() + (1 << 18));
                }
            }
        }
    }
}
