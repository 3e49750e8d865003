//! The few files whose content decides.

use crate::rule::Rules;

/// What the content of a file says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing to do.
    Fine,
    /// It can be left out.
    Drop,
    /// This belongs there instead.
    Rewrite(Vec<u8>),
    /// It must not be there.
    Bad {
        what: &'static str,
        fix: &'static str,
    },
}

/// A machine's identity is given to it when it first starts; an empty file is how an image
/// says so. `uninitialized` says more, and is the same everywhere.
pub(crate) fn machine_id(start: &[u8], _: &Rules) -> Found {
    match start.trim_ascii() {
        b"" | b"uninitialized" => Found::Fine,
        _ => Found::Rewrite(Vec::new()),
    }
}

/// The third field of a line is the day on which the password was set.
pub(crate) fn shadow(content: &[u8], rules: &Rules) -> Found {
    let day = rules.password_day().map(|day| day.to_string());
    let day = day.as_deref().unwrap_or("").as_bytes();
    let mut out = Vec::with_capacity(content.len());
    for line in content.split_inclusive(|&b| b == b'\n') {
        let mut colons = line.iter().enumerate().filter(|(_, &b)| b == b':');
        let mut colon = || colons.next().map(|(at, _)| at);
        let field = (|| {
            let (_, second, third) = (colon()?, colon()?, colon()?);
            Some(second + 1..third)
        })();
        match field {
            // 0 is no day but an order: the password must be changed at the next login.
            Some(field)
                if line[field.clone()] != *b"0"
                    && !field.is_empty()
                    && line[field.clone()].iter().all(u8::is_ascii_digit) =>
            {
                out.extend_from_slice(&line[..field.start]);
                out.extend_from_slice(day);
                out.extend_from_slice(&line[field.end..]);
            }
            _ => out.extend_from_slice(line),
        }
    }
    if out == content {
        Found::Fine
    } else {
        Found::Rewrite(out)
    }
}

/// A database with a write-ahead log says so in two bytes of its header (<https://www.sqlite.org/fileformat2.html>,
/// section 1.3.3). Where its log is empty, which another pattern sees to, the same database is one
/// with a rollback journal: then nobody who opens it writes beside it.
pub(crate) fn sqlite_mode(content: &[u8], _: &Rules) -> Found {
    const ROLLBACK: [u8; 2] = [1, 1];
    const LOG: u8 = 2;
    let is_database = content.starts_with(b"SQLite format 3\0") && content.len() >= 100;
    if !is_database || !content[18..20].contains(&LOG) {
        return Found::Fine;
    }
    let mut parked = content.to_vec();
    parked[18..20].copy_from_slice(&ROLLBACK);
    Found::Rewrite(parked)
}

/// A journal of a database that was closed is empty; one that is not holds changes.
pub(crate) fn sqlite_journal(start: &[u8], _: &Rules) -> Found {
    if start.is_empty() {
        return Found::Drop;
    }
    Found::Bad {
        what: "holds changes that are not in the package database yet",
        fix: "run `PRAGMA wal_checkpoint(TRUNCATE)` on the database, or install the packages \
              with one command that ends by itself",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_parked() {
        let mut database = b"SQLite format 3\0\x10\x00\x02\x02".to_vec();
        database.resize(4096, 7);
        let Found::Rewrite(parked) = sqlite_mode(&database, &Rules::default()) else {
            panic!("it must be parked");
        };
        assert_eq!(parked[18..20], [1, 1]);
        assert!(parked[..18] == database[..18] && parked[20..] == database[20..]);
        assert_eq!(sqlite_mode(&parked, &Rules::default()), Found::Fine);
        for other in [&b""[..], b"SQLite format 3\0", b"x"] {
            assert_eq!(sqlite_mode(other, &Rules::default()), Found::Fine);
        }
    }

    #[test]
    fn shadow_files() {
        let before = b"root:*:19700:0:99999:7:::\n\
            daemon:!:0:0:99999:7:::\n\
            user:$y$j9T$x$y:19701::::::\n\
            never:*::0:99999:7:::\n\
            odd:*:abc:0\n\
            short:*\n\
            \n\
            last:!:1:::::";
        let after = b"root:*::0:99999:7:::\n\
            daemon:!:0:0:99999:7:::\n\
            user:$y$j9T$x$y:::::::\n\
            never:*::0:99999:7:::\n\
            odd:*:abc:0\n\
            short:*\n\
            \n\
            last:!::::::";
        let rules = Rules::default();
        assert_eq!(shadow(before, &rules), Found::Rewrite(after.to_vec()));
        assert_eq!(shadow(after, &rules), Found::Fine);
        let rules = rules.password_time(1_700_000_000);
        assert_eq!(
            shadow(b"a:*:1:0\n", &rules),
            Found::Rewrite(b"a:*:19675:0\n".to_vec())
        );
        // The first day of all would be an order to change the password.
        let rules = rules.password_time(80_000);
        assert_eq!(
            shadow(b"a:*:1:0\n", &rules),
            Found::Rewrite(b"a:*::0\n".to_vec())
        );
    }

    #[test]
    fn identities() {
        let rules = Rules::default();
        for fine in [&b""[..], b"\n", b"uninitialized\n"] {
            assert_eq!(machine_id(fine, &rules), Found::Fine);
        }
        let id = b"0123456789abcdef0123456789abcdef\n";
        assert_eq!(machine_id(id, &rules), Found::Rewrite(Vec::new()));
    }
}
