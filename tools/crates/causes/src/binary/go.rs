//! What a Go program says of how it was built.
//!
//! Where the version of Go, the modules and the settings of the build differ they are the cause, and
//! the rest of the program follows from it: other settings compile other code, and another version
//! does so everywhere.

use std::collections::BTreeSet;

use verbatim_formats::go::{is_stamp, BuildInfo, Module};

use super::seen::{shown, Seen};
use crate::words::{self, Context};
use crate::{Cause, Comparison};

/// Compare what two programs say of how they were built; `None` if they say nothing, or the same.
pub(super) fn compare(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let (l, r) = (BuildInfo::of(left)?, BuildInfo::of(right)?);
    let mut seen = Seen::default();
    versions(&mut seen, &l, &r);
    settings(&mut seen, &l, &r);
    main_module(&mut seen, &l, &r);
    modules(&mut seen, &l, &r);
    seen.consequence("the rest of the program follows from it");
    seen.finish("go")
}

fn versions(seen: &mut Seen, l: &BuildInfo, r: &BuildInfo) {
    if let (Some(a), Some(b)) = (l.go, r.go) {
        if a != b {
            seen.add(Cause::ToolchainVersion, "Go", format!("{a} → {b}"));
        }
    }
}

fn settings(seen: &mut Seen, l: &BuildInfo, r: &BuildInfo) {
    if l.is_stamped() != r.is_stamped() {
        let side = if l.is_stamped() { "left" } else { "right" };
        let evidence =
            format!("only the {side} side was built in a checkout, or with its state (-buildvcs)");
        seen.add(Cause::Environment, "vcs", evidence);
    }
    let other_go = seen.has(Cause::ToolchainVersion);
    let keys: BTreeSet<&str> = l
        .settings
        .keys()
        .chain(r.settings.keys())
        .copied()
        .collect();
    for key in keys {
        let (a, b) = (l.settings.get(key).copied(), r.settings.get(key).copied());
        if a == b || (is_stamp(key) && (a.is_none() || b.is_none())) {
            continue;
        }
        // Each version of Go writes what it knows.
        if other_go && (key == "DefaultGODEBUG" || a.is_none() || b.is_none()) {
            continue;
        }
        let value = |value: Option<&str>| value.map_or("nothing".to_owned(), shown);
        let evidence = format!("{key}: {} → {}", value(a), value(b));
        for cause in setting(key, a.unwrap_or(""), b.unwrap_or(""), l, r) {
            seen.add(cause, "build settings", evidence.clone());
        }
    }
}

/// Why one setting differs.
fn setting(key: &str, a: &str, b: &str, l: &BuildInfo, r: &BuildInfo) -> Vec<Cause> {
    match key {
        // The time of the commit follows from the commit.
        "vcs.time" if l.settings.get("vcs.revision") != r.settings.get("vcs.revision") => vec![],
        "vcs.time" => vec![Cause::Timestamp],
        // Files that were changed after the commit, and `//go:debug` lines or the version in go.mod.
        "vcs.revision" | "vcs.modified" | "DefaultGODEBUG" => vec![Cause::SourceChange],
        "-compiler" => vec![Cause::ToolchainVersion],
        _ if a.is_empty() || b.is_empty() => vec![Cause::Environment],
        // What is given to the linker may be a date, a path, a commit.
        _ => {
            let changes = words::changes(&Context::default(), a, b);
            let of = |change: &words::Change<'_>| match change.cause {
                Cause::SourceChange if !words::is_commit(change.left, change.right) => {
                    Cause::Environment
                }
                Cause::Unexplained | Cause::FileOrder | Cause::HashOrder => Cause::Environment,
                cause => cause,
            };
            let causes: BTreeSet<Cause> = changes.iter().map(of).collect();
            causes.into_iter().collect()
        }
    }
}

fn main_module(seen: &mut Seen, l: &BuildInfo, r: &BuildInfo) {
    const FILES: &str = "command-line-arguments";
    if l.path != r.path {
        let cause = if l.path == FILES || r.path == FILES {
            // Files were named, and not the package that they make.
            Cause::Environment
        } else {
            Cause::SourceChange
        };
        let evidence = format!("{} → {}", shown(l.path), shown(r.path));
        seen.add(cause, "main package", evidence);
    }
    let (Some((path_l, a)), Some((path_r, b))) = (&l.main, &r.main) else {
        return;
    };
    // The version is made of the revision, where the program was stamped with one.
    let follows = l.is_stamped() != r.is_stamped() || seen.has(Cause::SourceChange);
    if (path_l, a) == (path_r, b) || (path_l == path_r && follows) {
        return;
    }
    const UNKNOWN: &str = "(devel)";
    let cause = if path_l == path_r && (a.version == UNKNOWN) != (b.version == UNKNOWN) {
        // Of a folder, and of a version that was asked for.
        Cause::Environment
    } else {
        Cause::SourceChange
    };
    let evidence = format!("{path_l} {} → {path_r} {}", a.shown(), b.shown());
    seen.add(cause, "main module", evidence);
}

fn modules(seen: &mut Seen, l: &BuildInfo, r: &BuildInfo) {
    let paths: BTreeSet<&str> = l.modules.keys().chain(r.modules.keys()).copied().collect();
    for path in paths {
        let (a, b) = (l.modules.get(path), r.modules.get(path));
        if a == b {
            continue;
        }
        let version = |module: Option<&Module>| module.map_or("nothing".to_owned(), Module::shown);
        let (from, to) = (version(a), version(b));
        let sums = |test: fn(&str) -> bool| {
            a.is_some_and(|m| test(m.sum)) || b.is_some_and(|m| test(m.sum))
        };
        let (cause, evidence) = if from != to {
            (Cause::PackageChange, format!("{path} {from} → {to}"))
        } else if sums(str::is_empty) {
            // A vendored module has no sum.
            let evidence = format!("{path} {from} comes from a vendor folder on one side (-mod)");
            (Cause::Environment, evidence)
        } else {
            let evidence = format!("{path} {from} with another sum");
            (Cause::PackageChange, evidence)
        };
        seen.add(cause, "modules", evidence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use verbatim_formats::go::{END, INLINE, MAGIC, START};

    /// A program of some format that holds nothing but the record.
    fn program(start: &[u8], go: &str, list: &str) -> Vec<u8> {
        let length = |n: usize| vec![n as u8 | 0x80, (n >> 7) as u8 & 0x7f];
        let mut data = [start, &[0; 60], MAGIC, &[8, INLINE], &[0; 16]].concat();
        data.extend(length(go.len()));
        data.extend(go.as_bytes());
        data.extend(length(list.len() + 32));
        data.extend([START, list.as_bytes(), END].concat());
        data.extend([0; 40]);
        data
    }

    fn causes(left: &[u8], right: &[u8]) -> Vec<Cause> {
        compare(left, right)
            .map(|c| c.findings.iter().map(|f| f.cause).collect())
            .unwrap_or_default()
    }

    const ELF: &[u8] = b"\x7fELF\x02\x01";

    fn built(left: &str, right: &str) -> Vec<Cause> {
        let list = |lines: &str| format!("path\tm\nmod\tm\t(devel)\t\n{lines}");
        let of = |lines| program(ELF, "go1.22.1", &list(lines));
        causes(&of(left), &of(right))
    }

    #[test]
    fn settings_are_the_environment_of_the_build() {
        for (a, b) in [
            ("build\tCGO_ENABLED=0\n", "build\tCGO_ENABLED=1\n"),
            ("build\tGOAMD64=v1\n", "build\tGOAMD64=v3\n"),
            ("build\tGOARCH=amd64\n", "build\tGOARCH=arm64\n"),
            ("build\tCGO_CFLAGS=-O2\n", "build\tCGO_CFLAGS=-O3\n"),
            ("", "build\t-race=true\n"),
            ("", "build\t-trimpath=true\n"),
            ("build\t-tags=a,b\n", "build\t-tags=b,a\n"),
            ("build\t-ldflags=\"-s -w\"\n", ""),
            (
                "build\t-ldflags=\"-X main.mode=fast\"\n",
                "build\t-ldflags=\"-X main.mode=slow\"\n",
            ),
            (
                "",
                "build\tvcs=git\nbuild\tvcs.revision=4f1c7a9e2b3d\nbuild\tvcs.time=2026-11-25T10:11:12Z\n",
            ),
        ] {
            assert_eq!(built(a, b), [Cause::Environment], "{a} {b}");
            assert_eq!(built(b, a), [Cause::Environment], "{b} {a}");
        }
    }

    #[test]
    fn settings_that_are_something_else_are_called_so() {
        for (a, b, cause) in [
            (
                "-ldflags=\"-X main.date=2026-11-25\"",
                "-ldflags=\"-X main.date=2026-11-26\"",
                Cause::Timestamp,
            ),
            (
                "-ldflags=\"-X main.commit=4f1c7a9e2b3d5f60\"",
                "-ldflags=\"-X main.commit=a9e2b3d5f6071829\"",
                Cause::SourceChange,
            ),
            (
                "CGO_CFLAGS=-I/home/alice/x/include",
                "CGO_CFLAGS=-I/home/bob/x/include",
                Cause::BuildPath,
            ),
            (
                "vcs.revision=4f1c7a9e2b3d",
                "vcs.revision=a9e2b3d5f607",
                Cause::SourceChange,
            ),
            (
                "vcs.modified=true",
                "vcs.modified=false",
                Cause::SourceChange,
            ),
            (
                "vcs.time=2026-11-25T10:11:12Z",
                "vcs.time=2026-11-26T10:11:12Z",
                Cause::Timestamp,
            ),
            ("-compiler=gc", "-compiler=gccgo", Cause::ToolchainVersion),
            // What a checkout says beside the revision, and what is given to the linker.
            (
                "vcs.time=2026-11-25T10:11:12Z",
                "vcs.time=2026-11-25T10:11:13+01:00",
                Cause::Timestamp,
            ),
            (
                "-ldflags=\"-X 'main.version=v1.2.3' -X main.date=2026-11-25T10:11:12Z\"",
                "-ldflags=\"-X 'main.version=v1.2.3' -X main.date=2026-11-26T08:01:02Z\"",
                Cause::Timestamp,
            ),
            (
                "CGO_LDFLAGS=-L/tmp/build-1/lib",
                "CGO_LDFLAGS=-L/tmp/build-2/lib",
                Cause::BuildPath,
            ),
            ("-tags=netgo", "-tags=netgo,osusergo", Cause::Environment),
            (
                "GOEXPERIMENT=boringcrypto",
                "GOEXPERIMENT=rangefunc",
                Cause::Environment,
            ),
        ] {
            let line = |setting: &str| format!("build\t{setting}\n");
            assert_eq!(built(&line(a), &line(b)), [cause], "{a} {b}");
        }
        // Time and version of the module follow from the revision.
        let stamped = |revision: &str, day: u8| {
            format!("path\tm\nmod\tm\tv0.0.0-202611{day}101112-{revision}\t\nbuild\tvcs=git\nbuild\tvcs.revision={revision}\nbuild\tvcs.time=2026-11-{day}T10:11:12Z\n")
        };
        let (a, b) = (stamped("4f1c7a9e2b3d", 25), stamped("a9e2b3d5f607", 26));
        let of = |list: &str| program(ELF, "go1.24.1", list);
        assert_eq!(causes(&of(&a), &of(&b)), [Cause::SourceChange]);
        assert_eq!(causes(&of(&a), &of(&a)), []);
        // A commit with changes beside it, a tag on one side, -trimpath, which hides what is given to the linker,
        // and a build outside of a checkout.
        let main = |version: &str, more: &str| of(&format!("path\tm\nmod\tm\t{version}\t\n{more}"));
        let vcs = "build\tvcs=git\nbuild\tvcs.revision=4f1c7a9e2b3d\nbuild\tvcs.time=2026-11-25T10:11:12Z\n";
        let modified = |word: &str| format!("{vcs}build\tvcs.modified={word}\n");
        let pseudo = "v0.0.0-20261125101112-4f1c7a9e2b3d";
        for (left, right, cause) in [
            (
                main(pseudo, &modified("false")),
                main(&format!("{pseudo}+dirty"), &modified("true")),
                Cause::SourceChange,
            ),
            (
                main("v1.2.3", &modified("false")),
                main(pseudo, &modified("false")),
                Cause::SourceChange,
            ),
            (
                main("(devel)", "build\t-ldflags=\"-s\"\n"),
                main("(devel)", "build\t-trimpath=true\n"),
                Cause::Environment,
            ),
            (
                main(pseudo, &modified("false")),
                main("(devel)", ""),
                Cause::Environment,
            ),
        ] {
            for (left, right) in [(&left, &right), (&right, &left)] {
                let mut found = causes(left, right);
                found.dedup();
                assert_eq!(found, [cause]);
            }
        }
    }

    #[test]
    fn versions_and_modules_are_told() {
        let dep = |version: &str, sum: &str| format!("dep\texample.com/d\t{version}\t{sum}\n");
        assert_eq!(
            built(&dep("v1.0.0", ""), &dep("v1.0.1", "")),
            [Cause::PackageChange]
        );
        assert_eq!(
            built(&dep("v1.0.0", "h1:a="), &dep("v1.0.0", "h1:b=")),
            [Cause::PackageChange]
        );
        assert_eq!(
            built(&dep("v1.0.0", "h1:a="), &dep("v1.0.0", "")),
            [Cause::Environment]
        );
        assert_eq!(built("", &dep("v1.0.0", "")), [Cause::PackageChange]);
        let replaced = format!("{}=>\t../d\t(devel)\t\n", dep("v1.0.0", ""));
        assert_eq!(built(&dep("v1.0.0", ""), &replaced), [Cause::PackageChange]);
        let list = "path\tm\nmod\tm\t(devel)\t\nbuild\tGOARCH=amd64\n";
        let newer = "path\tm\nmod\tm\t(devel)\t\nbuild\tGOARCH=amd64\nbuild\tGOFIPS140=off\nbuild\tDefaultGODEBUG=x=1\n";
        for start in [ELF, b"MZ", b"\xcf\xfa\xed\xfe"] {
            let (a, b) = (
                program(start, "go1.21.0", list),
                program(start, "go1.26.8", newer),
            );
            assert_eq!(causes(&a, &b), [Cause::ToolchainVersion]);
        }
        // Of two formats, as for two systems.
        let (a, b) = ("build\tGOOS=linux\n", "build\tGOOS=windows\n");
        let (a, b) = (program(ELF, "go1.22.1", a), program(b"MZ", "go1.22.1", b));
        assert_eq!(causes(&a, &b), [Cause::Environment]);
    }

    #[test]
    fn records_that_are_none_are_passed_over() {
        let plain = program(ELF, "go1.22.1", "path\tm\nbuild\tA=1\n");
        let other = program(ELF, "go1.22.1", "path\tm\nbuild\tA=2\n");
        assert_eq!(causes(&plain[..90], &other), []);
        assert_eq!(causes(&plain, b"\x7fELF"), []);
        // The magic alone, as programs have it that read records, and a program inside of another.
        let host = [&other[..], &plain[6..]].concat();
        let reader = [&other[..], MAGIC, b"\x02\x02 and no version"].concat();
        assert_eq!(causes(&plain, &host), []);
        assert_eq!(causes(&other, &reader), []);
        // Without the record, from the list alone.
        let list = |value: &str| {
            [
                b"\0asm",
                START,
                format!("build\tA={value}\n").as_bytes(),
                END,
            ]
            .concat()
        };
        assert_eq!(causes(&list("1"), &list("2")), [Cause::Environment]);
    }
}
