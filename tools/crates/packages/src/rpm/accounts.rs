//! The numbers of users and groups, which packages name by their names.
//!
//! They come from the `etc/passwd` and `etc/group` that a package of the set brings, and from what
//! packages say of their own users: rpm 4.19 and newer carries sysusers.d(5) lines in what a
//! package provides.

use std::collections::BTreeMap;

use base64::Engine as _;

use crate::sysusers::Declared;

/// The highest number for users of the system that have no number of their own.
const HIGHEST: u32 = 999;

#[derive(Debug, Clone, PartialEq, Eq)]
struct User {
    number: u32,
    group: u32,
    comment: String,
    home: String,
    shell: String,
}

/// The users and groups of a root file system.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    users: BTreeMap<String, u32>,
    groups: BTreeMap<String, u32>,
    /// Those that packages declare, in the order of their names.
    new_users: BTreeMap<String, User>,
    new_groups: BTreeMap<String, u32>,
    members: Vec<(String, String)>,
    declared: Vec<Declared>,
}

impl Accounts {
    /// The users and groups of a root file system, of which some files are given by their paths.
    pub(super) fn new(files: &BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        let numbers = |path: &[u8]| files.get(path).map(|text| numbered(text));
        Self {
            users: numbers(b"etc/passwd").unwrap_or_default(),
            groups: numbers(b"etc/group").unwrap_or_default(),
            ..Self::default()
        }
    }

    /// Take a line that a package provides, as text in base64. What is no such line is passed over,
    /// as rpm does.
    pub(super) fn declare(&mut self, line: &[u8]) {
        let text = base64::engine::general_purpose::STANDARD.decode(line).ok();
        let line = text.and_then(|text| String::from_utf8(text).ok());
        if let Some(declared) = line.as_deref().and_then(Declared::parse) {
            self.declared.push(declared);
        }
    }

    /// Give numbers to all that was declared: those that are asked for first, then the rest from the
    /// highest free one down, in the order of the names.
    pub(super) fn settle(&mut self) {
        let mut declared = std::mem::take(&mut self.declared);
        declared.sort();
        declared.dedup();
        let asks = |declared: &Declared| match declared {
            Declared::Group(_, number) | Declared::User { number, .. } => number.is_some(),
            Declared::Member(..) => false,
        };
        let (first, rest): (Vec<_>, Vec<_>) = declared.into_iter().partition(asks);
        for declared in first.into_iter().chain(rest) {
            match declared {
                Declared::Group(name, number) => {
                    self.new_group(&name, number);
                }
                Declared::User {
                    name,
                    number,
                    group,
                    comment,
                    home,
                    shell,
                } => {
                    if self.users.contains_key(&name) {
                        continue;
                    }
                    let group = match group {
                        Some(group) => match group.parse() {
                            Ok(number) => number,
                            Err(_) => self.new_group(&group, None),
                        },
                        None => self.new_group(&name, number),
                    };
                    let free = |n: &u32| !self.users.values().any(|used| used == n);
                    let number = number
                        .or_else(|| Some(group).filter(free))
                        .unwrap_or_else(|| (1..=HIGHEST).rev().find(free).unwrap_or(HIGHEST));
                    self.users.insert(name.clone(), number);
                    let user = User {
                        number,
                        group,
                        comment,
                        home,
                        shell: shell.unwrap_or_else(|| "/sbin/nologin".to_owned()),
                    };
                    self.new_users.insert(name, user);
                }
                Declared::Member(user, group) => {
                    self.new_group(&group, None);
                    self.members.push((group, user));
                }
            }
        }
    }

    fn new_group(&mut self, name: &str, number: Option<u32>) -> u32 {
        if let Some(&number) = self.groups.get(name) {
            return number;
        }
        let used = |n: &u32| {
            self.groups.values().any(|used| used == n) || self.users.values().any(|used| used == n)
        };
        let number = number.unwrap_or_else(|| {
            let free = (1..=HIGHEST).rev().find(|n| !used(n));
            free.unwrap_or(HIGHEST)
        });
        self.groups.insert(name.to_owned(), number);
        self.new_groups.insert(name.to_owned(), number);
        number
    }

    /// The number of a user, where it is known.
    pub(super) fn user_number(&self, name: &[u8]) -> Option<u32> {
        lookup(&self.users, name)
    }

    /// The number of a group, where it is known.
    pub(super) fn group_number(&self, name: &[u8]) -> Option<u32> {
        lookup(&self.groups, name)
    }

    /// The files in which accounts stand, and what must be added to each: nothing if no package
    /// declares an account that was not there.
    ///
    /// Passwords are locked, and have no date on which they were changed.
    pub(super) fn additions(&self) -> Vec<(&'static [u8], u32, String)> {
        let (mut passwd, mut shadow) = (String::new(), String::new());
        for (name, user) in &self.new_users {
            let User {
                number,
                group,
                comment,
                home,
                shell,
            } = user;
            passwd += &format!("{name}:x:{number}:{group}:{comment}:{home}:{shell}\n");
            shadow += &format!("{name}:!*:::::::\n");
        }
        let (mut group, mut gshadow) = (String::new(), String::new());
        for (name, number) in &self.new_groups {
            let members: Vec<&str> = self
                .members
                .iter()
                .filter(|(group, _)| group == name)
                .map(|(_, user)| &user[..])
                .collect();
            let members = members.join(",");
            group += &format!("{name}:x:{number}:{members}\n");
            gshadow += &format!("{name}:!*::{members}\n");
        }
        let all: [(&[u8], u32, String); 4] = [
            (b"etc/group", 0o644, group),
            (b"etc/gshadow", 0, gshadow),
            (b"etc/passwd", 0o644, passwd),
            (b"etc/shadow", 0, shadow),
        ];
        all.into_iter()
            .filter(|(_, _, added)| !added.is_empty())
            .collect()
    }
}

fn lookup(names: &BTreeMap<String, u32>, name: &[u8]) -> Option<u32> {
    if name == b"root" {
        return Some(0);
    }
    names.get(std::str::from_utf8(name).ok()?).copied()
}

/// Names and numbers of a file like `etc/passwd`; the first line counts.
fn numbered(text: &[u8]) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    for line in String::from_utf8_lossy(text).lines() {
        let mut fields = line.split(':');
        let name = fields.next().unwrap_or_default();
        let number = fields.nth(1).and_then(|number| number.parse().ok());
        if let (false, Some(number)) = (name.is_empty(), number) {
            found.entry(name.to_owned()).or_insert(number);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(passwd: &str, group: &str) -> Accounts {
        let files = [("etc/passwd", passwd), ("etc/group", group)];
        Accounts::new(&files.map(|(path, text)| (path.into(), text.into())).into())
    }

    fn declare(accounts: &mut Accounts, line: &str) {
        let text = base64::engine::general_purpose::STANDARD.encode(line);
        accounts.declare(text.as_bytes());
    }

    #[test]
    fn numbers_of_names_and_of_new_ones() {
        let mut accounts = accounts(
            "root:x:0:0::/root:/bin/sh\nmail:x:8:12::/:/x\nused:x:999:999::/:/x\n",
            "root:x:0:\nmail:x:12:\nused:x:999:\n",
        );
        declare(&mut accounts, "u zeta - \"Z \"");
        declare(
            &mut accounts,
            "u mysql 27 \"MySQL server\" /var/lib/mysql /sbin/nologin",
        );
        declare(&mut accounts, "u mail 8");
        declare(&mut accounts, "u dbus 81:mail");
        declare(&mut accounts, "g wheel 10");
        declare(&mut accounts, "m mysql wheel");
        declare(&mut accounts, "u evil\u{0}:0 -");
        declare(&mut accounts, "u evil - \"a:b\"");
        accounts.declare(b"!");
        accounts.settle();
        for (name, user, group) in [
            ("root", Some(0), Some(0)),
            ("mail", Some(8), Some(12)),
            ("mysql", Some(27), Some(27)),
            ("dbus", Some(81), None),
            ("zeta", Some(998), Some(998)),
            ("wheel", None, Some(10)),
            ("evil", None, None),
        ] {
            assert_eq!(accounts.user_number(name.as_bytes()), user, "{name}");
            assert_eq!(accounts.group_number(name.as_bytes()), group, "{name}");
        }
        let additions = accounts.additions();
        let text = |path: &[u8]| additions.iter().find(|a| a.0 == path).map(|a| &a.2[..]);
        assert_eq!(
            text(b"etc/passwd"),
            Some("dbus:x:81:12::/:/sbin/nologin\nmysql:x:27:27:MySQL server:/var/lib/mysql:/sbin/nologin\nzeta:x:998:998:Z :/:/sbin/nologin\n")
        );
        assert_eq!(
            text(b"etc/group"),
            Some("mysql:x:27:\nwheel:x:10:mysql\nzeta:x:998:\n")
        );
    }

    #[test]
    fn nothing_is_added_to_what_is_there() {
        let mut accounts = accounts("a:x:1:1::/:/x\n", "a:x:1:\n");
        declare(&mut accounts, "u a 1");
        accounts.settle();
        assert!(accounts.additions().is_empty());
    }
}
