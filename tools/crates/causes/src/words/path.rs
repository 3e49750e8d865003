//! Paths of the place that was built in.

use super::random;
use crate::ends;
use crate::Cause;

/// Folders in which builds run, wherever they stand at the start of an absolute path.
const HOMES: &[&str] = &[
    "home",
    "users",
    "tmp",
    "root",
    "builds",
    "builddir",
    "buildroot",
    "workspace",
    "workspaces",
    "work",
    "build",
    "__w",
    "github",
    "jenkins",
    "codebuild",
    "src",
    "app",
    "project",
    "scratch",
    "private",
    "runner",
    "drone",
    "circleci",
    "go",
    "usr/src",
    "repo",
    "checkout",
];

/// Folders that say so wherever they stand.
const SIGNS: &[&str] = &[
    "execroot",
    "bazel-out",
    "buildroot",
    "builddir",
    "rpmbuild",
    "workspace",
    "_work",
    ".cargo",
    "go-build",
    "site-packages-build",
    "pip-req-build",
    "pip-build-env",
    "sandbox",
];

/// What belongs to every system: below it no build runs, but in `usr/src`.
const SYSTEM: &[&str] = &[
    "usr", "lib", "lib64", "etc", "bin", "sbin", "var", "opt", "proc", "dev", "sys", "run", "boot",
];

/// The components of an absolute path, and whether it is one of Windows.
fn absolute(text: &str) -> Option<Vec<&str>> {
    let text = text
        .strip_prefix("file://")
        .or_else(|| text.strip_prefix("-I"))
        .or_else(|| text.strip_prefix("-L"))
        .unwrap_or(text);
    let bytes = text.as_bytes();
    let drive = bytes.len() > 3
        && bytes[0].is_ascii_alphabetic()
        && bytes[1] == b':'
        && matches!(bytes[2], b'\\' | b'/');
    let rest = if drive {
        &text[3..]
    } else {
        text.strip_prefix('/')
            .or_else(|| text.strip_prefix('~').filter(|rest| rest.contains('/')))?
    };
    let parts: Vec<&str> = rest
        .split(['/', '\\'])
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    (!parts.is_empty() && text.len() > 2).then_some(parts)
}

fn is_source(name: &str) -> bool {
    const ENDS: &[&str] = &[
        "c", "h", "cc", "cpp", "cxx", "hpp", "rs", "go", "py", "java", "js", "ts", "s", "o", "m",
        "f90", "ml", "hs", "kt", "scala", "rb", "pl", "in", "proto", "swift", "d", "a", "so",
    ];
    name.rsplit_once('.')
        .is_some_and(|(_, end)| ENDS.contains(&end.to_ascii_lowercase().as_str()))
}

fn is_sign(part: &str) -> bool {
    let part = part.to_ascii_lowercase();
    SIGNS.iter().any(|sign| {
        part.strip_prefix(sign)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    })
}

/// Why one path stands where another one stood, if both are paths of a build.
pub(super) fn cause(left: &str, right: &str) -> Option<Cause> {
    let (l, r) = match (absolute(left), absolute(right)) {
        (Some(l), Some(r)) => (l, r),
        // The same file, from the folder that was built in and from its root.
        (Some(whole), None) | (None, Some(whole)) => {
            let other = if absolute(left).is_some() {
                right
            } else {
                left
            };
            let parts: Vec<&str> = other
                .split('/')
                .filter(|part| !part.is_empty() && !matches!(*part, "." | ".."))
                .collect();
            let same = !parts.is_empty()
                && other.contains('/')
                && parts.len() < whole.len()
                && whole.ends_with(&parts);
            return (same && !SYSTEM.contains(&whole[0])).then_some(Cause::BuildPath);
        }
        (None, None) => return None,
    };
    let (start, end) = ends::common(&l, &r);
    let (middle_l, middle_r) = (&l[start..l.len() - end], &r[start..r.len() - end]);
    // The name of a temporary file alone.
    if end == 0 && middle_l.len() == 1 && middle_r.len() == 1 {
        let (a, b) = (middle_l[0], middle_r[0]);
        let temporary = matches!(
            l[..start],
            ["tmp"] | ["var" | "private", "tmp"] | ["dev", "shm"]
        );
        if (temporary && random::is_name_with_pid(a, b))
            || (random::is_temporary_name(a) && random::is_temporary_name(b))
            || random::is_drawn_name(a, b)
        {
            return Some(Cause::RandomId);
        }
    }
    let all = || l.iter().chain(&r);
    if l.first() == Some(&"rustc") && r.first() == Some(&"rustc") {
        return Some(Cause::ToolchainVersion);
    }
    let store = |parts: &[&str]| matches!(parts, ["nix" | "gnu", "store", ..]);
    if store(&l) || store(&r) {
        return Some(Cause::BuildPath);
    }
    if all().any(|part| is_sign(part)) {
        return Some(Cause::BuildPath);
    }
    let homed = |parts: &[&str]| {
        let first = parts[0].to_ascii_lowercase();
        HOMES.contains(&first.as_str())
            || HOMES.iter().any(|home| {
                home.len() >= 4
                    && first
                        .strip_prefix(home)
                        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic()))
            })
            || (parts[0] == "var" && parts.get(1) == Some(&"tmp"))
            || (parts[0] == "var"
                && parts.get(1) == Some(&"lib")
                && parts.get(2) == Some(&"jenkins"))
            || (parts[0] == "usr" && parts.get(1) == Some(&"src"))
            || (parts[0] == "opt" && parts.get(1).is_some_and(|p| p.starts_with("build")))
            || left.as_bytes().get(1) == Some(&b':')
    };
    // Something else of a folder that stays, such as /app/a and /app/b: the last name differs.
    let below = matches!(l[0], "app" | "src" | "go" | "root" | "project" | "repo") && start > 0;
    if homed(&l) && homed(&r) && !(below && end == 0) {
        return Some(Cause::BuildPath);
    }
    let system = |parts: &[&str]| SYSTEM.contains(&parts[0]);
    let file_of_sources = end > 0 && is_source(l[l.len() - 1]);
    let moved = end >= 2 || (end == 1 && (file_of_sources || homed(&l) || homed(&r)));
    (moved && start < 2 && !system(&l) && !system(&r)).then_some(Cause::BuildPath)
}

/// The folder or name of a temporary file outside of any path.
pub(super) fn is_temporary(left: &str, right: &str) -> bool {
    (random::is_temporary_name(left) && random::is_temporary_name(right))
        || random::is_drawn_name(left, right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_builds_are_told_from_other_paths() {
        for (a, b) in [
            ("/home/alice/src/x.c", "/home/bob/src/x.c"),
            ("/tmp/build-a/x", "/tmp/build-b/x"),
            ("/build/one", "/build/two"),
            ("/nix/store/aaaa-x", "/nix/store/bbbb-x"),
            (
                "/home/a/.cache/bazel/_bazel_a/1/execroot/_main/x.c",
                "/root/.cache/bazel/_bazel_r/2/execroot/_main/x.c",
            ),
            ("/usr/src/a-1/x.c", "/usr/src/b/x.c"),
            ("C:\\Users\\a\\x.c", "C:\\Users\\b\\x.c"),
            ("D:\\one\\x.c", "D:\\two\\x.c"),
            ("/data/one/src/x.c", "/data/two/src/x.c"),
            ("src/main.c", "/workspace/src/main.c"),
            ("/tmp/go-build123/b001", "/tmp/go-build456/b001"),
            ("/tmp/tmp.Ab3dE5fG/src/x.c", "/tmp/tmp.Zz3dE5fG/src/x.c"),
            ("/build1/src/main.c", "/build2/src/main.c"),
        ] {
            assert_eq!(cause(a, b), Some(Cause::BuildPath), "{a} {b}");
        }
        for (a, b) in [
            ("/usr/bin/foo", "/usr/bin/bar"),
            ("/usr/lib/x.so", "/usr/local/lib/x.so"),
            ("/etc/a.conf", "/etc/b.conf"),
            ("/app/config", "/app/settings"),
            ("/api/v1/users", "/api/v2/users"),
            ("a/b", "a/c"),
            ("/", "/x"),
        ] {
            assert_eq!(cause(a, b), None, "{a} {b}");
        }
        assert_eq!(
            cause("/tmp/tmp.Ab3dE5fG", "/tmp/tmp.Zz3dE5fG"),
            Some(Cause::RandomId)
        );
        assert_eq!(
            cause("/rustc/aaa/library/core.rs", "/rustc/bbb/library/core.rs"),
            Some(Cause::ToolchainVersion)
        );
    }
}
