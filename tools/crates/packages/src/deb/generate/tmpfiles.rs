//! Folders, files and links that packages declare for `systemd-tmpfiles` (tmpfiles.d(5)), as far as
//! their scripts ask for them when they are installed. What is there already stays as it is.

use std::collections::BTreeSet;

use super::super::root::Content;
use super::Context;
use crate::packed::Node;
use crate::sysusers::words;
use crate::words::commands;

/// Where declarations lie; the first file of a name counts.
const FOLDERS: [&str; 2] = ["etc/tmpfiles.d", "usr/lib/tmpfiles.d"];

pub(super) fn generate(context: &mut Context<'_>) {
    let mut wanted = BTreeSet::new();
    for package in context.packages {
        let script = package.unpacked.about.files.get("postinst");
        let script = script.map(|bytes| String::from_utf8_lossy(bytes));
        for words in commands(script.as_deref().unwrap_or_default()) {
            wanted.extend(named(&words).map(str::to_owned));
        }
    }
    let texts: Vec<String> = wanted
        .iter()
        .filter_map(|name| {
            let mut places = FOLDERS.iter().map(|folder| format!("{folder}/{name}"));
            places.find_map(|path| context.text(&path))
        })
        .collect();
    let mut lines: Vec<Line> = texts
        .iter()
        .flat_map(|text| text.lines().filter_map(Line::parse))
        .collect();
    // A folder before what lies in it; of one path the first that was said.
    lines.sort_by(|a, b| a.path.cmp(&b.path));
    for line in lines {
        let number = |context: &Context<'_>, name: &str, list: &str| match name.parse() {
            Ok(number) => Some(number),
            Err(_) => context.number(list, name),
        };
        let (Some(uid), Some(gid)) = (
            number(context, &line.user, "etc/passwd"),
            number(context, &line.group, "etc/group"),
        ) else {
            continue;
        };
        let (content, mode) = match line.what {
            What::Folder => (Content::Packed(Node::Directory), line.mode.unwrap_or(0o755)),
            What::File(text) => (Content::Made(text.into()), line.mode.unwrap_or(0o644)),
            What::Link(target) => (Content::Packed(Node::Symlink(target.into())), 0o777),
        };
        context.root.make_as(&line.path, content, mode, (uid, gid));
    }
}

/// The files that `systemd-tmpfiles --create NAME.conf…` names.
fn named(words: &[String]) -> impl Iterator<Item = &str> {
    let is_it = words.first().is_some_and(|word| word == "systemd-tmpfiles")
        && words.iter().any(|word| word == "--create");
    let files = words.iter().filter(move |_| is_it).map(String::as_str);
    files
        .take_while(|word| !word.starts_with(['>', '|', '&', ';']))
        .filter(|word| word.ends_with(".conf") && !word.contains(['/', '$']))
}

/// A line that is done here.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    what: What,
    /// Without a slash in front.
    path: String,
    mode: Option<u32>,
    user: String,
    group: String,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    Folder,
    File(String),
    Link(String),
}

impl Line {
    /// `TYPE PATH MODE USER GROUP AGE ARGUMENT`. `None` for what is not made when a package is
    /// installed, and for what depends on the machine.
    fn parse(line: &str) -> Option<Self> {
        let words = words(line)?;
        let word = |at: usize| match words.get(at).map_or("-", String::as_str) {
            "-" => None,
            word => Some(word),
        };
        let kind = word(0).filter(|kind| !kind.starts_with('#'))?;
        // At the start of the machine; in base64; out of a credential.
        if kind.contains(['!', '~', '^']) {
            return None;
        }
        let argument = words.get(6..).unwrap_or_default().join(" ");
        let depends = |text: &str| text.contains(['%', '\\', '\n']);
        let what = match kind.trim_end_matches(['+', '-', '=', '?', '$']) {
            "d" | "D" | "v" | "q" | "Q" => What::Folder,
            "f" | "F" if !depends(&argument) => What::File(match &*argument {
                "" | "-" => String::new(),
                text => text.to_owned(),
            }),
            "L" if !depends(&argument) && argument.len() > 1 => What::Link(argument),
            _ => return None,
        };
        let path = word(1)?.strip_prefix('/')?.trim_end_matches('/');
        let is_clean = |part: &str| !matches!(part, "" | "." | "..");
        if depends(path) || !path.split('/').all(is_clean) {
            return None;
        }
        let mode = match word(2) {
            Some(mode) => {
                let digits = mode.trim_start_matches([':', '~']);
                Some(
                    u32::from_str_radix(digits, 8)
                        .ok()
                        .filter(|m| *m <= 0o7777)?,
                )
            }
            None => None,
        };
        let owner = |at| {
            word(at)
                .unwrap_or("root")
                .trim_start_matches(':')
                .to_owned()
        };
        Some(Self {
            what,
            path: path.to_owned(),
            mode,
            user: owner(3),
            group: owner(4),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(what: What, path: &str, mode: Option<u32>, user: &str, group: &str) -> Option<Line> {
        Some(Line {
            what,
            path: path.to_owned(),
            mode,
            user: user.to_owned(),
            group: group.to_owned(),
        })
    }

    #[test]
    fn lines() {
        let parse = Line::parse;
        let folder = |mode, user, group| line(What::Folder, "run/x", mode, user, group);
        assert_eq!(parse("d /run/x"), folder(None, "root", "root"));
        assert_eq!(
            parse("D= /run/x/ :2775 postgres:group - 10d"),
            folder(Some(0o2775), "postgres:group", "root")
        );
        assert_eq!(
            parse("f+ /etc/x 0600 - mail - one  two"),
            line(
                What::File("one two".into()),
                "etc/x",
                Some(0o600),
                "root",
                "mail"
            )
        );
        assert_eq!(
            parse("L /etc/mtab - - - - ../proc/self/mounts"),
            line(
                What::Link("../proc/self/mounts".into()),
                "etc/mtab",
                None,
                "root",
                "root"
            )
        );
        for nothing in [
            "",
            "# d /run/x",
            "d! /run/x",
            "r! /run/x",
            "d /run/%b",
            "d /run/../x",
            "d relative",
            "d /",
            "d /run/x 99",
            "f /run/x - - - - a\\nb",
            "L /run/x",
            "z /run/x 0700",
            "d /run/x 0755 \"never ends",
        ] {
            assert_eq!(parse(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn files_that_scripts_name() {
        let script = "if [ -x x ]; then\n systemd-tmpfiles ${DPKG_ROOT:+--root=\"$DPKG_ROOT\"} --create a.conf b.conf >/dev/null c.conf || true\nfi\n\
                      systemd-tmpfiles --remove d.conf\nsystemd-tmpfiles --create /x/e.conf\n";
        let found: Vec<String> = commands(script)
            .iter()
            .flat_map(|words| named(words).map(str::to_owned).collect::<Vec<_>>())
            .collect();
        assert_eq!(found, ["a.conf", "b.conf"]);
    }
}
