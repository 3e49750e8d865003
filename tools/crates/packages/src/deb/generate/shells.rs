//! `bin/sh`, and `etc/shells`, which debianutils makes of what packages with shells bring.

use std::collections::BTreeSet;

use super::super::root::Content;
use super::Context;

pub(super) fn generate(context: &mut Context<'_>) {
    // The script of bash makes the link where no other shell has it.
    if context.has("bash") {
        context.symlink("bin/sh", "bash");
    }
    let lists: Vec<String> = context
        .root
        .below(b"usr/share/debianutils/shells.d")
        .map(|(path, _)| String::from_utf8_lossy(path).into_owned())
        .collect();
    let Some(start) = context.text("usr/share/debianutils/shells") else {
        return;
    };
    let mut shells = BTreeSet::new();
    for list in lists {
        let text = context.text(&list).unwrap_or_default();
        for line in text.lines().map(str::trim) {
            if line.starts_with('/') {
                shells.insert(line.to_owned());
                // Where `/usr` is merged, a shell has two names.
                if let Some(rest) = line.strip_prefix("/bin/") {
                    shells.insert(format!("/usr/bin/{rest}"));
                } else if let Some(rest) = line.strip_prefix("/usr/bin/") {
                    shells.insert(format!("/bin/{rest}"));
                }
            }
        }
    }
    let known: BTreeSet<&str> = start.lines().collect();
    let mut text = start.clone();
    for shell in shells
        .iter()
        .filter(|shell| !known.contains(shell.as_str()))
    {
        text.push_str(shell);
        text.push('\n');
    }
    context
        .root
        .make("etc/shells", Content::Made(text.into()), 0o644, 0);
}
