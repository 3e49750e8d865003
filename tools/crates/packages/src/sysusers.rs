//! Users and groups that packages declare: lines of sysusers.d(5).

/// A line of sysusers.d(5).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Declared {
    /// Before users, whose group they may be.
    Group(String, Option<u32>),
    User {
        name: String,
        /// A number, and a group by number or name, where they are given.
        number: Option<u32>,
        group: Option<String>,
        comment: String,
        home: String,
        /// Where one is given: else each distribution has its own.
        shell: Option<String>,
    },
    /// A user, and a group that it belongs to.
    Member(String, String),
}

impl Declared {
    /// Read a line: `u NAME ID "COMMENT" HOME SHELL`, `g NAME ID` or `m USER GROUP`. `None` for
    /// comments, for what is none of these, and for what would become another line of `etc/passwd`.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let words = words(line)?;
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        let name = given(word(1)).filter(|name| is_name(name))?;
        Some(match word(0).trim_end_matches('!') {
            "u" => {
                let (number, group) = match word(2).split_once(':') {
                    Some((number, group)) => (number.parse().ok(), given(group)),
                    None => (word(2).parse().ok(), None),
                };
                let is_group = |g: &str| is_name(g) || g.parse::<u32>().is_ok();
                if group.as_deref().is_some_and(|g| !is_group(g)) {
                    return None;
                }
                Self::User {
                    name,
                    number,
                    group,
                    comment: plain(word(3))?.unwrap_or_default(),
                    home: plain(word(4))?.unwrap_or_else(|| "/".to_owned()),
                    shell: plain(word(5))?,
                }
            }
            "g" => Self::Group(name, word(2).parse().ok()),
            "m" => Self::Member(name, given(word(2)).filter(|group| is_name(group))?),
            _ => return None,
        })
    }
}

/// A word that says something.
fn given(word: &str) -> Option<String> {
    (!word.is_empty() && word != "-").then(|| word.to_owned())
}

/// A word that can be a field of `etc/passwd`; `None` if it cannot.
fn plain(word: &str) -> Option<Option<String>> {
    (!word.contains([':', '\n'])).then(|| given(word))
}

/// Names that can stand in a line of `etc/passwd` without becoming another line.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'$');
    name.bytes().all(plain) && !name.starts_with(['-', '.']) && name.parse::<u64>().is_err()
}

/// The words of a line, of which some are in quotation marks; `None` if one does not end. Lines of
/// tmpfiles.d(5) are of the same form.
pub(crate) fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line.trim_matches(['\0', ' ', '\t', '\n', '\r']);
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '"' | '\'' => rest[1..].split_once(first)?,
            _ => rest.split_once([' ', '\t']).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> Declared {
        Declared::User {
            name: name.to_owned(),
            number: None,
            group: None,
            comment: String::new(),
            home: "/".to_owned(),
            shell: None,
        }
    }

    #[test]
    fn lines() {
        let parse = Declared::parse;
        let full = Declared::User {
            name: "mysql".to_owned(),
            number: Some(27),
            group: Some("db".to_owned()),
            comment: "MySQL server".to_owned(),
            home: "/var/lib/mysql".to_owned(),
            shell: Some("/bin/sh".to_owned()),
        };
        let line = "u mysql 27:db \"MySQL server\" /var/lib/mysql /bin/sh";
        assert_eq!(parse(line), Some(full));
        assert_eq!(parse("u _x"), Some(user("_x")));
        assert_eq!(parse("u! x - '' - -\0"), Some(user("x")));
        assert_eq!(
            parse("g input -"),
            Some(Declared::Group("input".into(), None))
        );
        let member = Declared::Member("a".into(), "b".into());
        assert_eq!(parse("m a b"), Some(member));
        for bad in [
            "# u x",
            "",
            "u ../bad",
            "u 12",
            "u x - \"a:b\"",
            "u x \"never ends",
            "u x 1:a:b",
            "r - 1-2",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
