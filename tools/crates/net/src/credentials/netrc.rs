//! netrc: one password for each machine, as curl and ftp read it.
//!
//! The entry `default` is passed over: it would give one password to every registry.

use std::io;
use std::path::Path;

use verbatim_foreign::printable_path;
use verbatim_naming::canonical_host;
use zeroize::Zeroizing;

use super::Credential;
use crate::error::Error;
use crate::secret::Secret;

const MAX_FILE: u64 = 1 << 20;

/// The password for a host.
pub(super) fn find(path: &Path, host: &str) -> Result<Option<Credential>, Error> {
    match crate::files::read(path, MAX_FILE) {
        Ok(data) => {
            let data = Zeroizing::new(data);
            Ok(read(&String::from_utf8_lossy(&data), host))
        }
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(e) => Err(Error::Credentials(format!(
            "the credentials in {} cannot be read: {e}",
            printable_path(path)
        ))),
    }
}

fn read(text: &str, host: &str) -> Option<Credential> {
    let mut user = None;
    let mut password = None;
    let mut ours = false;
    let mut macro_body = false;
    for line in text.lines() {
        if macro_body {
            macro_body = !line.trim().is_empty();
            continue;
        }
        let mut words = words(line).into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                _ if word.starts_with('#') => break,
                "machine" | "default" => {
                    if ours && password.is_some() {
                        return finish(user, password);
                    }
                    (user, password) = (None, None);
                    ours = word == "machine"
                        && words
                            .next()
                            .is_some_and(|name| canonical_host(&name) == canonical_host(host));
                }
                "login" => user = words.next(),
                "password" => password = words.next(),
                "account" => drop(words.next()),
                "macdef" => {
                    macro_body = true;
                    break;
                }
                _ => {}
            }
        }
    }
    if ours {
        finish(user, password)
    } else {
        None
    }
}

fn finish(user: Option<String>, password: Option<String>) -> Option<Credential> {
    Some(Credential::Basic {
        user: user.unwrap_or_default(),
        password: Secret::new(password?),
    })
}

/// Words between white space; in double quotes also with white space, and `\` before a quote.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut characters = line.chars().peekable();
    loop {
        while characters.next_if(|c| c.is_whitespace()).is_some() {}
        let Some(first) = characters.next() else {
            return words;
        };
        let mut word = String::new();
        if first == '"' {
            while let Some(c) = characters.next() {
                match c {
                    '"' => break,
                    '\\' => word.extend(characters.next()),
                    c => word.push(c),
                }
            }
        } else {
            word.push(first);
            while let Some(c) = characters.next_if(|c| !c.is_whitespace()) {
                word.push(c);
            }
        }
        words.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(text: &str, host: &str) -> Option<String> {
        match read(text, host)? {
            Credential::Basic { user, password } => Some(format!("{user} {}", password.expose())),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn machines() {
        let text = "# mine\nmachine a.example.com login u password p#1\nmachine b.example.com\n  login \"v w\"\n  password \"q\\\"r\"\nmacdef init\ncd /\nmachine c.example.com login x password y\n\ndefault login anonymous password me@example.com\n";
        assert_eq!(look(text, "a.example.com").unwrap(), "u p#1");
        assert_eq!(look(text, "B.example.com").unwrap(), "v w q\"r");
        assert_eq!(look(text, "c.example.com"), None);
        assert_eq!(look(text, "d.example.com"), None);
    }

    #[test]
    fn the_first_entry_of_a_machine_counts() {
        let text = "machine a login u password p machine a login v password q";
        assert_eq!(look(text, "a").unwrap(), "u p");
        assert_eq!(look("machine a login u", "a"), None);
        assert_eq!(look("machine", "a"), None);
    }
}
