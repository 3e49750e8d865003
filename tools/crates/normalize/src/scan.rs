//! Search bytes for paths of the machine that built them.
//!
//! A program that knows the folder it was compiled in has other bytes when it is compiled
//! elsewhere, and tells its users a name that is none of their business. The rules here
//! look for shapes that only a build leaves behind, not for every absolute path: `/tmp`
//! or `/home/` alone are legitimate strings of a program, while `/home/` with a name and
//! a file below it, or a numbered sandbox, are not. What a toolchain always writes
//! (`/rustc/<commit>/`, `/usr/src/rustc-<version>/`, `/usr/local/go/src/`) is the same on
//! every machine and passes.
//!
//! Every rule is a literal that is searched for in one pass over the bytes, and a check of
//! what stands around it. Compressed data is not looked into.

use aho_corasick::{AhoCorasick, MatchKind};

/// One thing to look for by default.
struct Rule {
    /// What is searched for. Slashes are written as `|` and backslashes as `!`, so that this
    /// table is no finding in the program itself, whatever the linker puts beside it.
    anchor: &'static str,
    /// How the finding is called in messages and documentation.
    name: &'static str,
    /// Whether the bytes around the anchor make it a path of a build.
    check: fn(before: &[u8], after: &[u8]) -> bool,
}

/// The shapes that [`Rules::default`] looks for, as documented.
const RULES: &[Rule] = &[
    Rule {
        anchor: "|execroot|",
        name: "/execroot/<workspace>/",
        check: |_, after| component(after).is_some(),
    },
    Rule {
        anchor: "bazel-out|",
        name: "bazel-out/<configuration>/",
        check: |_, after| component(after).is_some_and(|(name, _)| name.contains(&b'-')),
    },
    Rule {
        anchor: "|_bazel_",
        name: "/_bazel_<user>/",
        check: |_, after| component(after).is_some(),
    },
    Rule {
        anchor: "-sandbox|",
        name: "sandbox/<strategy>-sandbox/<number>/",
        check: |before, after| {
            component(after).is_some_and(|(name, _)| name.iter().all(u8::is_ascii_digit))
                && before
                    .iter()
                    .rposition(|byte| *byte == b'/')
                    .is_some_and(|at| before[..at].ends_with(b"sandbox"))
        },
    },
    Rule {
        anchor: "|.cargo|registry|",
        name: "/.cargo/registry/src/",
        check: |_, after| below(after, &[b"src", b"cache", b"index"]),
    },
    Rule {
        anchor: "|.cargo|git|",
        name: "/.cargo/git/checkouts/",
        check: |_, after| below(after, &[b"checkouts", b"db"]),
    },
    Rule {
        anchor: "|go|pkg|mod|",
        name: "/go/pkg/mod/",
        check: |before, after| absolute(before) && component(after).is_some(),
    },
    Rule {
        anchor: "|go-build",
        name: "/go-build<number>/",
        check: |_, after| {
            component(after).is_some_and(|(name, _)| name.iter().all(u8::is_ascii_digit))
        },
    },
    Rule {
        anchor: "|home|",
        name: "/home/<name>/<file>",
        check: |before, after| starts_path(before) && two_components(after),
    },
    Rule {
        anchor: "|Users|",
        name: "/Users/<name>/<file>",
        check: |before, after| {
            starts_path(before) && two_components(after) && !after.starts_with(b"Shared/")
        },
    },
    Rule {
        anchor: ":!Users!",
        name: "<drive>:\\Users\\<name>\\",
        check: |before, after| {
            let name = after.iter().take_while(|byte| in_name(**byte)).count();
            before.last().is_some_and(u8::is_ascii_alphabetic)
                && name > 0
                && after.get(name) == Some(&b'\\')
                && !after.starts_with(b"Public\\")
                && !after.starts_with(b"Default\\")
        },
    },
    Rule {
        anchor: "|root|.",
        name: "/root/.<folder>/<file>",
        check: |before, after| starts_path(before) && two_components(after),
    },
    Rule {
        anchor: "|var|folders|",
        name: "/var/folders/<xx>/<name>/",
        check: |_, after| two_components(after),
    },
    Rule {
        anchor: "|jenkins|workspace|",
        name: "/jenkins/workspace/<job>/",
        check: |_, after| component(after).is_some(),
    },
    Rule {
        anchor: "|github|workspace|",
        name: "/github/workspace/<file>",
        check: |before, after| starts_path(before) && after.first().is_some_and(|b| in_name(*b)),
    },
];

/// A byte that may stand in a name of a path that people and build tools choose.
fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'@' | b'~' | b'=')
}

/// The name at the start of the bytes and what follows its slash; none if no slash follows.
fn component(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = bytes.iter().take_while(|byte| in_name(**byte)).count();
    (length > 0 && bytes.get(length) == Some(&b'/'))
        .then(|| (&bytes[..length], &bytes[length + 1..]))
}

/// A name, a slash, and the beginning of another name.
fn two_components(bytes: &[u8]) -> bool {
    component(bytes).is_some_and(|(_, rest)| rest.first().is_some_and(|byte| in_name(*byte)))
}

/// One of these names, a slash, and the beginning of another name.
fn below(bytes: &[u8], names: &[&[u8]]) -> bool {
    component(bytes).is_some_and(|(name, rest)| {
        names.contains(&name) && rest.first().is_some_and(|byte| in_name(*byte))
    })
}

/// Whether a path begins here, rather than going on from what stands before.
///
/// `file:///home/…` and `-I/home/…` begin one, `$prefix/home/…` and `src/home/…` do not.
fn starts_path(before: &[u8]) -> bool {
    match before.last() {
        Some(b'I' | b'L') => before.len() < 2 || before[before.len() - 2] == b'-',
        Some(b'/') => true,
        Some(byte) => !in_name(*byte) && !matches!(byte, b'}' | b')' | b'%' | b'*' | b'>' | b']'),
        None => true,
    }
}

/// Whether the path that goes on here is an absolute one.
fn absolute(before: &[u8]) -> bool {
    let start = before
        .iter()
        .rposition(|byte| !in_name(*byte) && *byte != b'/')
        .map_or(0, |at| at + 1);
    before[start..].is_empty() || before[start] == b'/'
}

/// How far a check looks to either side.
const AROUND: usize = 256;

/// How much of the text before and after what was found a message shows.
const SHOWN: (usize, usize) = (32, 128);

/// More findings than these are counted but not kept.
const KEPT: usize = 10;

/// What is searched for.
#[derive(Debug)]
pub struct Rules {
    search: AhoCorasick,
    /// How many of the patterns are default rules; the others are the caller's.
    defaults: usize,
    forbidden: Vec<Vec<u8>>,
    allowed: Vec<Vec<u8>>,
}

/// The strings to search for cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An empty string is everywhere.
    #[error("an empty string cannot be forbidden or allowed; name the text to look for")]
    Empty,
    /// Too many or too long strings.
    #[error(
        "the strings to look for cannot be searched together: {0}; give fewer or shorter ones"
    )]
    TooMuch(#[from] aho_corasick::BuildError),
}

/// One string that should not be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The shape that was found, or the forbidden string.
    pub rule: String,
    /// Where it stands in the file.
    pub offset: u64,
    /// The printable text around it.
    pub text: String,
}

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// The first findings, in the order of the file; one for each distinct text.
    pub first: Vec<Finding>,
    /// How many there are in all, equal texts included.
    pub total: u64,
}

impl Rules {
    /// Look for the default shapes (`defaults`) and for these strings, but not where an allowed string stands.
    pub fn new<S: AsRef<[u8]>>(
        defaults: bool,
        forbidden: &[S],
        allowed: &[S],
    ) -> Result<Self, Error> {
        let own = |strings: &[S]| -> Result<Vec<Vec<u8>>, Error> {
            strings
                .iter()
                .map(|s| match s.as_ref() {
                    [] => Err(Error::Empty),
                    s => Ok(s.to_vec()),
                })
                .collect()
        };
        let forbidden = own(forbidden)?;
        let mut patterns: Vec<Vec<u8>> = Vec::new();
        if defaults {
            patterns.extend(RULES.iter().map(|rule| {
                rule.anchor
                    .replace('|', "/")
                    .replace('!', "\\")
                    .into_bytes()
            }));
        }
        let defaults = patterns.len();
        patterns.extend(forbidden.iter().cloned());
        Ok(Self {
            search: AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .build(&patterns)?,
            defaults,
            forbidden,
            allowed: own(allowed)?,
        })
    }

    /// Search the bytes of a file.
    ///
    /// Memory does not depend on the file, whatever is found.
    pub fn scan(&self, data: &[u8]) -> Findings {
        let mut findings = Findings::default();
        for found in self.search.find_overlapping_iter(data) {
            let (start, end) = (found.start(), found.end());
            let rule = match found.pattern().as_usize() {
                index if index < self.defaults => {
                    let rule = &RULES[index];
                    let before = &data[start.saturating_sub(AROUND)..start];
                    let after = &data[end..data.len().min(end + AROUND)];
                    if !(rule.check)(before, after) {
                        continue;
                    }
                    rule.name.to_owned()
                }
                index => String::from_utf8_lossy(&self.forbidden[index - self.defaults]).into(),
            };
            if self.allows(data, start, end) {
                continue;
            }
            findings.total += 1;
            if findings.first.len() < KEPT {
                let text = printable(data, start, end);
                if !findings.first.iter().any(|known| known.text == text) {
                    findings.first.push(Finding {
                        rule,
                        offset: start as u64,
                        text,
                    });
                }
            }
        }
        findings
    }

    /// Whether an allowed string overlaps what was found.
    fn allows(&self, data: &[u8], start: usize, end: usize) -> bool {
        self.allowed.iter().any(|allowed| {
            let from = start.saturating_sub(allowed.len() - 1);
            let to = data.len().min(end + allowed.len() - 1);
            data[from..to]
                .windows(allowed.len())
                .any(|window| window == allowed)
        })
    }
}

/// The printable text that holds these bytes, cut to what fits into a message.
fn printable(data: &[u8], start: usize, end: usize) -> String {
    let shown = |byte: &u8| (b' '..=b'~').contains(byte);
    let before = data[start.saturating_sub(SHOWN.0)..start]
        .iter()
        .rev()
        .take_while(|byte| shown(byte))
        .count();
    let after = data[end..data.len().min(end + SHOWN.1)]
        .iter()
        .take_while(|byte| shown(byte))
        .count();
    String::from_utf8_lossy(&data[start - before..end + after]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(data: &[u8]) -> Vec<(String, u64)> {
        let rules = Rules::new::<&str>(true, &[], &[]).unwrap();
        let findings = rules.scan(data).first;
        findings.into_iter().map(|f| (f.rule, f.offset)).collect()
    }

    #[test]
    fn paths_of_builds_are_found() {
        for (text, rule) in [
            ("/var/x/execroot/_main/a.c", "/execroot/<workspace>/"),
            ("bazel-out/k8-opt/bin/a", "bazel-out/<configuration>/"),
            ("/root/_bazel_root/0a", "/_bazel_<user>/"),
            (
                "/x/sandbox/linux-sandbox/17/y",
                "sandbox/<strategy>-sandbox/<number>/",
            ),
            (
                "/usr/local/.cargo/registry/src/index.x-1/a/lib.rs",
                "/.cargo/registry/src/",
            ),
            ("/a/.cargo/git/checkouts/x", "/.cargo/git/checkouts/"),
            ("/srv/go/pkg/mod/example.com/x@v1/y.go", "/go/pkg/mod/"),
            ("/tmp/go-build123/b001", "/go-build<number>/"),
            ("-I/home/ann/src", "/home/<name>/<file>"),
            ("file:///home/ann/src", "/home/<name>/<file>"),
            ("/Users/ann/src", "/Users/<name>/<file>"),
            ("C:\\Users\\ann\\src", "<drive>:\\Users\\<name>\\"),
            ("/root/.cache/x", "/root/.<folder>/<file>"),
            ("/private/var/folders/zz/a1/T", "/var/folders/<xx>/<name>/"),
            (
                "/var/lib/jenkins/workspace/a/b",
                "/jenkins/workspace/<job>/",
            ),
            ("/github/workspace/src", "/github/workspace/<file>"),
        ] {
            let mut data = b"\x01\x02".to_vec();
            data.extend_from_slice(text.as_bytes());
            data.push(0);
            let found = found(&data);
            assert!(found.iter().any(|(r, _)| r == rule), "{text}: {found:?}");
        }
    }

    #[test]
    fn strings_of_programs_and_toolchains_pass() {
        for text in [
            "/tmp",
            "/home/",
            "/home/%s/.config",
            "/home/ann",
            "/Users/Shared/x",
            "/root/",
            "/root/.profile",
            "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/panicking.rs",
            "/usr/src/rustc-1.97.1/library/std/src/rt.rs",
            "/usr/local/go/src/runtime/proc.go",
            "github.com/x/go/pkg/mod/y",
            "bazel-out/",
            "bazel-out/<configuration>/",
            "/execroot/",
            "https://example.com/home/ann/x",
            "$HOME/home/ann/x",
            "~/.cargo/registry/",
            "linux-sandbox/",
            "|_bazel_:\\Users\\ann\\",
        ] {
            assert_eq!(found(text.as_bytes()), [], "{text}");
        }
    }

    #[test]
    fn every_truncation_is_searched_without_a_panic() {
        let text =
            b"\0/home/ann/x bazel-out/k8-opt/bin/ C:\\Users\\b\\ /x/sandbox/linux-sandbox/1/";
        for end in 0..=text.len() {
            for start in 0..end {
                found(&text[start..end]);
            }
        }
    }

    #[test]
    fn own_strings_offsets_texts_and_exceptions() {
        let data = b"\0\0secret here\0/home/ann/x\0/home/bob/x\0";
        let rules = Rules::new(true, &["secret"], &["/home/bob"]).unwrap();
        let findings = rules.scan(data);
        assert_eq!(findings.total, 2);
        assert_eq!(
            findings.first,
            [
                Finding {
                    rule: "secret".into(),
                    offset: 2,
                    text: "secret here".into()
                },
                Finding {
                    rule: "/home/<name>/<file>".into(),
                    offset: 14,
                    text: "/home/ann/x".into()
                }
            ]
        );
        assert_eq!(Rules::new(false, &[], &["x"]).unwrap().scan(data).total, 0);
        assert!(Rules::new(true, &[""], &[]).is_err());
    }

    #[test]
    fn a_flood_of_findings_is_counted_and_not_kept() {
        let mut data = Vec::new();
        for n in 0..1000 {
            data.extend_from_slice(format!("/home/ann/{n}\0").as_bytes());
        }
        let findings = Rules::new::<&str>(true, &[], &[]).unwrap().scan(&data);
        assert_eq!((findings.first.len(), findings.total), (KEPT, 1000));
    }
}
