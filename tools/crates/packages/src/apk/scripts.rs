//! What the scripts of packages would do when they are installed, in their own words.
//!
//! Nothing is run. Commands that make no difference in an image are left out of the list; of the
//! rest nothing is guessed.

use super::package::About;
use crate::deb::Script;
use crate::words::commands;

/// Scripts that run when a package is installed for the first time.
const SCRIPTS: [&str; 3] = ["pre-install", "post-install", "trigger"];

/// Commands that do nothing in an image.
const COMMANDS: [&str; 12] = [
    ":", ";;", "do", "done", "echo", "else", "esac", "exit", "fi", "set", "then", "true",
];

/// The scripts of a package that do something which is not done here.
pub(super) fn not_done(package: &str, about: &About) -> Vec<Script> {
    let mut found = Vec::new();
    for name in SCRIPTS {
        let Some(script) = about.scripts.get(name) else {
            continue;
        };
        let left: Vec<String> = commands(&String::from_utf8_lossy(script))
            .into_iter()
            .filter(|words| !is_nothing(words))
            .map(|words| words.join(" "))
            .collect();
        found.extend(Script::of(package, name, &left));
    }
    found
}

/// Whether a command does nothing in an image. One that writes a file, or does two things at once,
/// is shown.
fn is_nothing(words: &[String]) -> bool {
    let simple = words
        .iter()
        .all(|word| !word.contains(['|', '&', '>', '`']) && !word.contains("$("));
    let first = words[0].trim_end_matches(';');
    let several =
        words.iter().any(|word| word.ends_with(';')) && words.len() > 1 && first != "exit";
    first.is_empty() || (simple && !several && COMMANDS.contains(&first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_script() {
        let script = "#!/bin/sh\n# comment\necho hello\nadduser -S x 2>/dev/null\nif true; then\n\trm -rf /x\nfi\nexit 0\n";
        let mut about = About::default();
        about.scripts.insert("pre-install", script.into());
        about.scripts.insert("post-upgrade", b"rm -r /\n".to_vec());
        about
            .scripts
            .insert("post-install", b"#!/bin/sh\nexit 0\n".to_vec());
        let found = not_done("x", &about);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].name, found[0].count), ("pre-install", 3));
        assert_eq!(
            found[0].words,
            ["adduser -S x 2>/dev/null", "if true; then", "rm -rf /x"]
        );
    }
}
