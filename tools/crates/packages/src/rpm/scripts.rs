//! What the scripts of packages would do when they are installed, in their own words.
//!
//! Nothing is run. Commands that make no difference in an image are left out of the list; of the rest
//! nothing is guessed.

use super::package::Package;
use crate::deb::Script;

/// The scripts of an installation: the tags of the script and of the program that runs it.
const SCRIPTS: [(&str, u32, u32); 4] = [
    ("%pretrans", 1151, 1153),
    ("%pre", 1023, 1085),
    ("%post", 1024, 1086),
    ("%posttrans", 1152, 1154),
];

/// Commands that do nothing in an image: the loader's cache is not needed where libraries lie in its
/// own folders.
const COMMANDS: [&str; 18] = [
    "/sbin/ldconfig",
    "/usr/bin/ldconfig",
    "/usr/sbin/ldconfig",
    ":",
    ";;",
    "[",
    "do",
    "done",
    "echo",
    "else",
    "esac",
    "exit",
    "fi",
    "getent",
    "ldconfig",
    "then",
    "true",
    "}",
];

/// The scripts of a package that do something which is not done here.
pub(super) fn not_done(package: &Package) -> Vec<Script> {
    let mut found = Vec::new();
    for (name, script, program) in SCRIPTS {
        let program = package.header.text(program).unwrap_or_default();
        let is_shell = program.ends_with(b"/sh") || program.ends_with(b"/bash");
        let text = String::from_utf8_lossy(package.header.text(script).unwrap_or_default());
        let mut words: Vec<String> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with(['#', '-']))
            .filter(|line| !(is_shell && is_done(line)))
            .map(str::to_owned)
            .collect();
        if text.is_empty() && !program.is_empty() && !program.ends_with(b"ldconfig") {
            // A program without a script is the script.
            words.push(String::from_utf8_lossy(program).into_owned());
        }
        found.extend(Script::of(&package.name(), name, &words));
    }
    found
}

/// Whether all that a line of a shell does is in the list above. A line that does two things at
/// once is shown.
fn is_done(line: &str) -> bool {
    let simple = !line.contains(['|', '&', ';', '`', '>']) && !line.contains("$(");
    let first = line.split_ascii_whitespace().next().unwrap_or_default();
    simple && COMMANDS.contains(&first) || line == ";;"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_script() {
        let name = "rpm-scriptlets-1.0-1.noarch.rpm";
        let sample = include_bytes!("../../testdata/rpm/rpm-scriptlets-1.0-1.noarch.rpm");
        let package = Package::read(&mut &sample[..], name).unwrap();
        // Each of its scripts says something, and does nothing.
        assert!(package.header.has(1024));
        assert_eq!(not_done(&package), []);
    }

    #[test]
    fn what_is_done_is_not_shown() {
        for line in ["/sbin/ldconfig", "echo done", "fi", ";;", "exit 0"] {
            assert!(is_done(line), "{line}");
        }
        for line in [
            "chown x y",
            "echo a >/etc/b",
            "echo $(rm -r /x)",
            "useradd x",
        ] {
            assert!(!is_done(line), "{line}");
        }
    }
}
