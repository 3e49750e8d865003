//! The words of a statement about a build: each has one form, and is checked once, whether a person, a rule or
//! a stranger wrote it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use verbatim_foreign::{excerpt, is_hidden};

/// The longest word that is taken.
const MAX_WORD: usize = 16 << 10;

/// A type that holds a text of one form.
macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// As it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                one_line(text)?;
                let check: fn(&str) -> Result<String, &'static str> = $check;
                check(text)
                    .map(Self)
                    .map_err(|why| format!("`{}` {why}", shown(text)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

word!(
    /// Where a git repository is: `git+https://HOST/PATH`, also with `http` and `ssh`.
    GitUri,
    git_uri
);
word!(
    /// The whole hash of a commit or a tree.
    GitHash,
    |text| match (text.len(), text.bytes().all(is_lower_hex)) {
        (40 | 64, true) => Ok(text.to_owned()),
        _ => Err("is no whole hash of git; write its 40 or 64 lower-case hexadecimal digits, as `git rev-parse` prints them"),
    }
);
word!(
    /// The full name of a tag or branch.
    GitRef,
    |text| {
        let plain = !text.ends_with('/') && !text.contains("..") && !text.contains(' ');
        match text.strip_prefix("refs/") {
            Some(rest) if !rest.is_empty() && plain => Ok(text.to_owned()),
            _ => Err("is no full name of a tag or branch; write refs/tags/NAME or refs/heads/NAME"),
        }
    }
);
word!(
    /// The folder of a workspace, relative to the checkout.
    Directory,
    |text| {
        let stays = |part: &str| !matches!(part, "" | "." | "..");
        match text.split('/').all(stays) && !text.contains('\\') {
            true => Ok(text.to_owned()),
            false => Err("is no folder of the checkout; write its path from there, such as examples/app"),
        }
    }
);
word!(
    /// A target of Bazel's, by its full label.
    Target,
    |text| {
        let full = text.starts_with("//") || (text.starts_with('@') && text.contains("//"));
        match full && !text.contains(' ') {
            true => Ok(text.to_owned()),
            false => Err("is no full label; write it with the package, such as //release:container_sums"),
        }
    }
);
word!(
    /// An option of `bazel build`, with its value in the same word.
    Flag,
    |text| {
        let name = text.split_once('=').map_or(text, |(name, _)| name);
        if is_header(name) {
            return Err("sends a header, which may hold a password that everybody would read; it changes nothing of what is built, so leave it out");
        }
        if holds_secret(text) {
            return Err("holds a user or a password, which everybody would read; leave it out");
        }
        match text.strip_prefix('-') {
            Some(rest) if !matches!(rest, "" | "-") => Ok(text.to_owned()),
            _ => Err("is no option; write --NAME=VALUE, with the value in the same word"),
        }
    }
);
word!(
    /// A version of Bazel, as `bazel --version` says it.
    BazelVersion,
    |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._+".contains(c);
        match !text.is_empty() && text.chars().all(plain) {
            true => Ok(text.to_owned()),
            false => Err("is no version of Bazel; write it as in `bazel --version`, such as 7.7.1"),
        }
    }
);
word!(
    /// Who built: a URI that a policy compares whole.
    BuilderId,
    |text| match is_uri(text) {
        true => Ok(text.to_owned()),
        false => Err("is no URI; write one that names the builder, such as https://example.com/ci/release"),
    }
);
word!(
    /// The builder's own name for a run.
    InvocationId,
    |text| match text.is_empty() {
        false => Ok(text.to_owned()),
        true => Err("is empty; write the run's name, or leave it out"),
    }
);
word!(
    /// A moment, in UTC.
    Moment,
    |text| match text.parse::<Timestamp>() {
        Ok(_) if text.ends_with('Z') => Ok(text.to_owned()),
        _ => Err("is no moment in UTC; write it as 2026-01-02T03:04:05Z"),
    }
);

impl GitUri {
    /// The address for git itself.
    pub fn url(&self) -> &str {
        self.0.strip_prefix("git+").unwrap_or(&self.0)
    }
}

fn one_line(text: &str) -> Result<(), String> {
    if text.len() > MAX_WORD {
        return Err(format!(
            "`{}` is longer than {MAX_WORD} bytes",
            excerpt(text, 60)
        ));
    }
    match text.chars().find(|&c| c.is_control() || is_hidden(c)) {
        None => Ok(()),
        Some(c) => Err(format!(
            "`{}` holds the character {}, which nobody sees",
            excerpt(text, 300),
            c.escape_unicode()
        )),
    }
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// Whether a text has a scheme and something behind it (RFC 3986, 3), and no space.
pub(super) fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let letter = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    letter && scheme.chars().all(plain) && !rest.is_empty() && !text.contains(' ')
}

/// A text for messages, which end in logs: without what it is refused for.
fn shown(text: &str) -> String {
    let name = text.split_once('=').map_or(text, |(name, _)| name);
    match text.split_once("://") {
        _ if is_header(name) => excerpt(name, 300),
        Some((scheme, _)) if holds_secret(text) => format!("{}://…", excerpt(scheme, 300)),
        _ => excerpt(text, 300),
    }
}

/// Whether an option sends a header to some server.
fn is_header(name: &str) -> bool {
    name.starts_with('-') && name.ends_with("_header")
}

/// Whether an address in a text has a password in it, or a user of HTTP, which is as good as one.
pub(super) fn holds_secret(text: &str) -> bool {
    let addresses = text.match_indices("://");
    addresses.into_iter().any(|(at, separator)| {
        let before = &text[..at];
        let rest = &text[at + separator.len()..];
        let end = rest.find(['/', '?', '#', ' ', ',', '"']);
        let authority = &rest[..end.unwrap_or(rest.len())];
        let of_http = ["http", "https"]
            .iter()
            .any(|scheme| before.ends_with(scheme));
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        user.is_some_and(|user| of_http || user.contains(':'))
    })
}

/// The address of a repository in the one form that a policy compares. A password in it would be published.
fn git_uri(text: &str) -> Result<String, &'static str> {
    let url = text.strip_prefix("git+").unwrap_or(text);
    let form = "is no address of a git repository; write https://HOST/PATH, or http or ssh";
    let (scheme, rest) = url.split_once("://").ok_or(form)?;
    let (authority, path) = rest.split_once('/').ok_or(form)?;
    if !["http", "https", "ssh"].contains(&scheme) || path.is_empty() || rest.contains(' ') {
        return Err(form);
    }
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    if host.is_empty() {
        return Err(form);
    }
    if user.is_some_and(|user| scheme != "ssh" || user.contains(':')) {
        return Err(
            "holds a user or a password, which everybody would read; write the address without it",
        );
    }
    if path.contains(['@', '?', '#']) {
        return Err("names more than a repository; write the tag or branch as refs/… beside it");
    }
    Ok(format!("git+{url}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all<T: FromStr<Err = String>>(right: &[&str], wrong: &[&str]) {
        for text in right {
            assert!(text.parse::<T>().is_ok(), "{text}");
        }
        for text in wrong {
            let error = text.parse::<T>().err();
            assert!(error.is_some_and(|e| e.starts_with('`')), "{text}");
        }
    }

    #[test]
    fn each_word_has_one_form() {
        let sha1 = "0a".repeat(20);
        let sha256 = "0a".repeat(32);
        all::<GitHash>(
            &[&sha1, &sha256],
            &["", "main", "HEAD", &sha1[1..], &sha1.to_uppercase()],
        );
        all::<GitRef>(
            &["refs/tags/v1", "refs/heads/a/b"],
            &[
                "",
                "v1",
                "refs/",
                "refs/heads/",
                "refs/heads/a b",
                "refs/a..b",
                "refs/a\n",
            ],
        );
        all::<Directory>(
            &["a", "a/b.c"],
            &[
                "",
                "/",
                "/a",
                "a/",
                "..",
                "a/../b",
                ".",
                "a\\b",
                "a\u{202e}",
            ],
        );
        all::<Target>(
            &["//:a", "//a/b:c", "@a//b", "@@a//b:c", "//..."],
            &["", "a", ":a", "a//b", "-//a", "//a b", "--config=x"],
        );
        all::<Flag>(
            &[
                "-c",
                "--config=release",
                "--copt=-DX=a b",
                "--remote_cache=grpcs://example.com",
                "--override_repository=x=https://example.com/a@b",
            ],
            &[
                "",
                "-",
                "--",
                "opt",
                "//a",
                "--x=\n",
                "--remote_header=Authorization=Bearer x",
                "--remote_cache=https://user:secret@example.com/a",
                "--remote_cache=grpcs://user:secret@example.com",
                "--registry=https://token@example.com",
            ],
        );
        all::<BazelVersion>(
            &["7.7.1", "9.0.0-pre.1+x"],
            &["", "7 ", "bazel 7", "7\u{7f}"],
        );
        all::<BuilderId>(
            &["https://example.com/ci", "urn:x:y"],
            &["", "ci", "1a:b", "https:", "https://a b"],
        );
        all::<Moment>(
            &["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123Z"],
            &[
                "",
                "now",
                "2026-01-02",
                "2026-01-02T03:04:05+01:00",
                "2026-13-02T03:04:05Z",
            ],
        );
        all::<InvocationId>(&["run 7"], &["", "a\tb"]);
        assert!("x".repeat(MAX_WORD + 1).parse::<InvocationId>().is_err());
    }

    #[test]
    fn a_secret_is_not_repeated() {
        let error = "--remote_header=x=secret".parse::<Flag>().unwrap_err();
        assert!(error.starts_with("`--remote_header` sends"), "{error}");
        for text in [
            "https://u:secret@example.com/a",
            "https://secret@example.com/a",
        ] {
            let error = text.parse::<GitUri>().unwrap_err();
            assert!(error.starts_with("`https://…` holds a user"), "{error}");
        }
        let error = "--bes_backend=grpcs://u:secret@example.com".parse::<Flag>();
        assert!(!error.unwrap_err().contains("secret"));
    }

    #[test]
    fn an_address_has_one_spelling_and_no_secret() {
        let of = |text: &str| text.parse::<GitUri>().map(|uri| uri.to_string());
        let uri = "git+https://example.com/acme/app.git";
        assert_eq!(of(uri).as_deref(), Ok(uri));
        assert_eq!(of(&uri[4..]).as_deref(), Ok(uri));
        assert!(of("ssh://git@example.com/a").is_ok());
        for wrong in [
            "",
            "app",
            "/home/app",
            "file:///home/app",
            "git@example.com:a/b",
            "https://example.com",
            "https://example.com/",
            "https:///a",
            "https://user:secret@example.com/a",
            "https://token@example.com/a",
            "ssh://git:secret@example.com/a",
            "https://example.com/a@refs/tags/v1",
            "https://example.com/a?b",
            "https://example.com/a#b",
            "https://example.com/a b",
            "git+git+https://example.com/a",
            "ext::sh -c x",
        ] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
