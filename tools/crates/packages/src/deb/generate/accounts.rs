//! Users and groups: base-passwd's own lists, sysusers.d(5), and the passwords' files.

use super::super::root::Content;
use super::Context;
use crate::sysusers::Declared;
use crate::words::commands;

/// Numbers of system users that no list gives: from the top down, as sysusers.d(5) says.
const DYNAMIC: std::ops::RangeInclusive<u32> = 101..=999;

/// Lines of `etc/passwd` and `etc/group`.
struct Accounts {
    users: Vec<String>,
    groups: Vec<String>,
}

pub(super) fn generate(context: &mut Context<'_>) {
    let list = |context: &Context<'_>, name: &str| {
        let text = context.text(&format!("usr/share/base-passwd/{name}.master"))?;
        Some(text.lines().map(str::to_owned).collect::<Vec<_>>())
    };
    let (Some(users), Some(groups)) = (list(context, "passwd"), list(context, "group")) else {
        return;
    };
    let mut accounts = Accounts { users, groups };
    for text in sysusers(context) {
        text.lines().for_each(|line| accounts.sysuser(line));
    }
    for package in context.packages {
        let script = package.unpacked.about.files.get("postinst");
        let script = script.map(|bytes| String::from_utf8_lossy(bytes));
        for words in commands(script.as_deref().unwrap_or_default()) {
            accounts.command(&words);
        }
    }
    let lines = |list: &[String]| {
        list.iter()
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    let shadowed = context.has("passwd");
    if shadowed {
        let gshadow: String = accounts
            .groups
            .iter()
            .map(|line| {
                let name = line.split(':').next().unwrap_or_default();
                let members = line.rsplit(':').next().unwrap_or_default();
                format!("{name}:*::{members}\n")
            })
            .collect();
        // The day of the last change is left empty: it would be that of the installation.
        let shadow: String = accounts
            .users
            .iter()
            .filter_map(|line| line.split(':').next())
            .map(|name| format!("{name}:*::0:99999:7:::\n"))
            .collect();
        let gid = accounts.gid("shadow").unwrap_or(0);
        context.root.make(
            "etc/shadow",
            Content::Made(shadow.into()),
            0o640,
            gid.into(),
        );
        context.root.make(
            "etc/gshadow",
            Content::Made(gshadow.into()),
            0o640,
            gid.into(),
        );
        for list in [&mut accounts.users, &mut accounts.groups] {
            for line in list {
                *line = line.replacen(":*:", ":x:", 1);
            }
        }
    }
    let (users, groups) = (lines(&accounts.users), lines(&accounts.groups));
    context
        .root
        .make("etc/passwd", Content::Made(users.into()), 0o644, 0);
    context
        .root
        .make("etc/group", Content::Made(groups.into()), 0o644, 0);
}

/// The lists of users that packages bring, in the order of their names.
fn sysusers(context: &Context<'_>) -> Vec<String> {
    let paths: Vec<String> = context
        .root
        .below(b"usr/lib/sysusers.d")
        .map(|(path, _)| String::from_utf8_lossy(path).into_owned())
        .filter(|path| path.ends_with(".conf"))
        // What systemd's own list says, base-passwd's lists say as well.
        .filter(|path| !path.ends_with("/basic.conf") && !path.ends_with("/debian.conf"))
        .collect();
    paths
        .into_iter()
        .filter_map(|path| context.text(&path))
        .collect()
}

impl Accounts {
    fn number(list: &[String], name: &str) -> Option<u32> {
        list.iter().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
        })
    }

    fn uid(&self, name: &str) -> Option<u32> {
        Self::number(&self.users, name)
    }

    fn gid(&self, name: &str) -> Option<u32> {
        Self::number(&self.groups, name)
    }

    /// The highest number that neither a user nor a group has.
    fn free(&self) -> u32 {
        let taken = |number: u32| {
            let is = |line: &String| {
                line.split(':').nth(2).and_then(|text| text.parse().ok()) == Some(number)
            };
            self.users.iter().any(is) || self.groups.iter().any(is)
        };
        DYNAMIC
            .rev()
            .find(|number| !taken(*number))
            .unwrap_or(*DYNAMIC.start())
    }

    fn group(&mut self, name: &str, number: Option<u32>) -> u32 {
        if let Some(gid) = self.gid(name) {
            return gid;
        }
        let gid = number.unwrap_or_else(|| self.free());
        self.groups.push(format!("{name}:*:{gid}:"));
        gid
    }

    fn user(
        &mut self,
        name: &str,
        uid: Option<u32>,
        gid: Option<u32>,
        text: &str,
        home: &str,
        shell: &str,
    ) {
        if self.uid(name).is_some() {
            return;
        }
        let uid = uid.unwrap_or_else(|| self.free());
        let gid = gid.unwrap_or_else(|| self.group(name, Some(uid)));
        self.users
            .push(format!("{name}:*:{uid}:{gid}:{text}:{home}:{shell}"));
    }

    fn member(&mut self, user: &str, group: &str) {
        self.group(group, None);
        for line in &mut self.groups {
            if line.split(':').next() == Some(group) {
                let members = line.rsplit(':').next().unwrap_or_default();
                if !members.split(',').any(|one| one == user) {
                    let comma = if members.is_empty() { "" } else { "," };
                    line.push_str(&format!("{comma}{user}"));
                }
            }
        }
    }

    /// A line of sysusers.d(5).
    fn sysuser(&mut self, line: &str) {
        match Declared::parse(line) {
            Some(Declared::Group(name, number)) => {
                self.group(&name, number);
            }
            Some(Declared::User {
                name,
                number,
                group,
                comment,
                home,
                shell,
            }) => {
                let gid = group.and_then(|group| group.parse().ok().or_else(|| self.gid(&group)));
                let shell = shell.as_deref().unwrap_or("/usr/sbin/nologin");
                self.user(&name, number, gid, &comment, &home, shell);
            }
            Some(Declared::Member(user, group)) => self.member(&user, &group),
            None => {}
        }
    }

    /// `adduser --system …` and `addgroup --system …`, in the plain form that most scripts have.
    fn command(&mut self, words: &[String]) {
        let is_group = match words.first().map(String::as_str) {
            Some("adduser") => false,
            Some("addgroup") => true,
            _ => return,
        };
        if !words.iter().any(|word| word == "--system") {
            return;
        }
        let (mut name, mut home, mut group, mut own, mut text, mut shell) =
            (None, "/nonexistent", None, false, "", "/usr/sbin/nologin");
        let mut rest = words[1..].iter().map(String::as_str);
        while let Some(word) = rest.next() {
            match word {
                "--home" => home = rest.next().unwrap_or(home),
                "--ingroup" => group = rest.next(),
                "--gecos" | "--comment" => text = rest.next().unwrap_or(text),
                "--shell" => shell = rest.next().unwrap_or(shell),
                "--group" => own = true,
                "--uid" | "--gid" | "--firstuid" | "--lastuid" => return,
                word if word.starts_with(['>', '|', '&', ';']) || word.starts_with("2>") => break,
                word if word.starts_with('-') => {}
                word => name = Some(word),
            }
        }
        let Some(name) = name.filter(|name| crate::manifest::is_word(name) || is_underscored(name))
        else {
            return;
        };
        if [text, home, shell]
            .iter()
            .any(|text| text.contains([':', '\n', '$']))
        {
            return;
        }
        if is_group {
            self.group(name, None);
            return;
        }
        let nogroup = self.gid("nogroup");
        let gid = match (own, group) {
            (true, _) => None,
            (false, Some(group)) => self.gid(group).or(nogroup),
            (false, None) => nogroup,
        };
        self.user(name, None, gid, text, home, shell);
    }
}

/// System users of Debian begin with an underscore.
fn is_underscored(name: &str) -> bool {
    name.strip_prefix('_').is_some_and(crate::manifest::is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts {
            users: vec!["root:*:0:0:root:/root:/bin/bash".into()],
            groups: vec!["root:*:0:".into(), "nogroup:*:65534:".into()],
        }
    }

    #[test]
    fn lines_of_sysusers() {
        let mut accounts = accounts();
        for line in [
            "g input -",
            "u messagebus 81 \"D-Bus daemon\" /run/dbus",
            "u _x - - - -",
            "m messagebus input",
            "# comment",
            "u ../bad - -",
        ] {
            accounts.sysuser(line);
        }
        assert_eq!(
            accounts.users[1..],
            [
                "messagebus:*:81:81:D-Bus daemon:/run/dbus:/usr/sbin/nologin",
                "_x:*:998:998::/:/usr/sbin/nologin"
            ]
        );
        assert_eq!(accounts.groups[2], "input:*:999:messagebus");
    }

    #[test]
    fn adduser_in_scripts() {
        let mut accounts = accounts();
        for words in commands(
            "adduser --force-badname --system --home /nonexistent --no-create-home --quiet _apt || true\n\
             addgroup --system --quiet netdev\nadduser --system --group --home /run/sshd sshd\nadduser bob",
        ) {
            accounts.command(&words);
        }
        assert_eq!(
            accounts.users[1..],
            [
                "_apt:*:999:65534::/nonexistent:/usr/sbin/nologin",
                "sshd:*:997:997::/run/sshd:/usr/sbin/nologin"
            ]
        );
        assert_eq!(accounts.groups[2..], ["netdev:*:998:", "sshd:*:997:"]);
    }
}
