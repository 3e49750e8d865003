//! Alternatives: `update-alternatives --install` in scripts, as links and as its database
//! (update-alternatives(1)).

use std::collections::BTreeMap;

use super::super::root::Content;
use super::Context;
use crate::words::commands;

/// One of the programs that a name may stand for.
#[derive(Debug)]
struct Choice {
    path: String,
    priority: i64,
    /// By name: the link and where it leads.
    slaves: BTreeMap<String, (String, String)>,
}

/// A name that several programs may stand for.
#[derive(Debug)]
struct Alternative {
    link: String,
    choices: Vec<Choice>,
}

pub(super) fn generate(context: &mut Context<'_>) {
    let mut all: BTreeMap<String, Alternative> = BTreeMap::new();
    for package in context.packages {
        let Some(script) = package.unpacked.about.files.get("postinst") else {
            continue;
        };
        for words in commands(&String::from_utf8_lossy(script)) {
            if let Some((name, link, choice)) = install(&words) {
                let alternative = all.entry(name).or_insert_with(|| Alternative {
                    link,
                    choices: Vec::new(),
                });
                alternative.choices.retain(|one| one.path != choice.path);
                alternative.choices.push(choice);
            }
        }
    }
    for (name, alternative) in all {
        let Alternative { link, mut choices } = alternative;
        let is_there = |path: &str| {
            context
                .root
                .get(path.trim_start_matches('/').as_bytes())
                .is_some()
        };
        choices.retain(|choice| is_there(&choice.path));
        choices.sort_by(|a, b| a.path.cmp(&b.path));
        let Some(best) = choices.iter().max_by_key(|choice| choice.priority) else {
            continue;
        };
        let mut links = vec![(name.clone(), link.clone(), best.path.clone())];
        for (slave, (link, path)) in &best.slaves {
            if is_there(path) {
                links.push((slave.clone(), link.clone(), path.clone()));
            }
        }
        let database = database(&link, &choices);
        for (name, link, path) in links {
            let by_name = format!("/etc/alternatives/{name}");
            context.symlink(link.trim_start_matches('/'), &by_name);
            context.symlink(by_name.trim_start_matches('/'), &path);
        }
        let path = format!("var/lib/dpkg/alternatives/{name}");
        context
            .root
            .make(&path, Content::Made(database.into()), 0o644, 0);
    }
}

/// What `update-alternatives --install LINK NAME PATH PRIORITY [--slave LINK NAME PATH]…` says.
fn install(words: &[String]) -> Option<(String, String, Choice)> {
    let at = words.iter().position(|word| word == "--install")?;
    if !words.first()?.ends_with("update-alternatives") {
        return None;
    }
    let plain = |word: &String| (!word.contains(['$', '`', '\n', '*'])).then(|| word.clone());
    let absolute = |word: &String| plain(word).filter(|word| word.starts_with('/'));
    let name = |word: &String| plain(word).filter(|word| crate::manifest::is_word(word));
    let mut choice = Choice {
        path: absolute(words.get(at + 3)?)?,
        priority: words.get(at + 4)?.parse().ok()?,
        slaves: BTreeMap::new(),
    };
    let mut rest = &words[at + 5..];
    while let [flag, link, slave, path, more @ ..] = rest {
        if flag != "--slave" {
            break;
        }
        choice
            .slaves
            .insert(name(slave)?, (absolute(link)?, absolute(path)?));
        rest = more;
    }
    Some((
        name(words.get(at + 2)?)?,
        absolute(words.get(at + 1)?)?,
        choice,
    ))
}

/// The file that update-alternatives(1) keeps of a name.
fn database(link: &str, choices: &[Choice]) -> String {
    let mut slaves: BTreeMap<&str, &str> = BTreeMap::new();
    for choice in choices {
        for (name, (link, _)) in &choice.slaves {
            slaves.entry(name).or_insert(link);
        }
    }
    let mut text = format!("auto\n{link}\n");
    for (name, link) in &slaves {
        text.push_str(&format!("{name}\n{link}\n"));
    }
    text.push('\n');
    for choice in choices {
        text.push_str(&format!("{}\n{}\n", choice.path, choice.priority));
        for name in slaves.keys() {
            let path = choice.slaves.get(*name).map_or("", |(_, path)| path);
            text.push_str(&format!("{path}\n"));
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scripts_install() {
        let script = "update-alternatives --install /usr/bin/awk awk /usr/bin/mawk 5 \\\n \
                      --slave /usr/bin/nawk nawk /usr/bin/mawk\n\
                      update-alternatives --install $X awk /usr/bin/x 5\nupdate-alternatives --auto awk";
        let found: Vec<_> = commands(script)
            .iter()
            .filter_map(|words| install(words))
            .collect();
        assert_eq!(found.len(), 1);
        let (name, link, choice) = &found[0];
        assert_eq!(
            (&**name, &**link, choice.priority),
            ("awk", "/usr/bin/awk", 5)
        );
        assert_eq!(
            database(link, std::slice::from_ref(choice)),
            "auto\n/usr/bin/awk\nnawk\n/usr/bin/nawk\n\n/usr/bin/mawk\n5\n/usr/bin/mawk\n\n"
        );
    }
}
