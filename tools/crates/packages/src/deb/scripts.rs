//! What the scripts of packages would do and nothing here does, in their own words.
//!
//! Nothing is run, so whoever builds an image must know what is missing. Commands that are done
//! another way (see [`super::generate`]), and those that make no difference in an image, are left
//! out of the list; of the rest nothing is guessed.

use verbatim_foreign::excerpt;

use super::package::About;
use crate::words::commands;

/// Packages whose scripts are done as a whole.
const DONE: [&str; 10] = [
    "base-files",
    "base-passwd",
    "bash",
    "ca-certificates",
    "ca-certificates-java",
    "dash",
    "debianutils",
    "libc-bin",
    // It asks whether services may be restarted.
    "libc6",
    "passwd",
];

/// Helpers of debhelper whose sections are done, or do nothing in an image.
const HELPERS: [&str; 15] = [
    "dh_icons",
    "dh_installalternatives",
    "dh_installdeb",
    "dh_installdebconf",
    "dh_installinit",
    "dh_installmenu",
    "dh_installmime",
    "dh_installsystemd",
    "dh_installsystemduser",
    "dh_installsysusers",
    "dh_installtmpfiles",
    "dh_makeshlibs",
    "dh_python3",
    "dh_strip",
    "dh_systemd_enable",
];

/// Commands that are done, or do nothing in an image.
const COMMANDS: [&str; 31] = [
    ".",
    ":",
    "[",
    "}",
    "addgroup",
    "adduser",
    "deb-systemd-helper",
    "deb-systemd-invoke",
    "dpkg-maintscript-helper",
    "echo",
    "else",
    "esac",
    "exit",
    "export",
    "fi",
    "invoke-rc.d",
    "ldconfig",
    "py3clean",
    "py3compile",
    "return",
    "set",
    "shift",
    "systemd-tmpfiles",
    "test",
    "then",
    "true",
    "umask",
    "update-alternatives",
    "update-menus",
    "update-rc.d",
    ";;",
];

/// At most so many commands of a script are shown, each not longer than this.
const MOST_SHOWN: usize = 6;
const LONGEST_SHOWN: usize = 100;

/// A script that does something which is not done here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The name of the package.
    pub package: String,
    /// `preinst` or `postinst`.
    pub name: &'static str,
    /// The first of its commands that are not done.
    pub words: Vec<String>,
    /// How many there are.
    pub count: usize,
}

impl Script {
    /// A script of which this is left to do; `None` where nothing is.
    pub(crate) fn of(package: &str, name: &'static str, left: &[String]) -> Option<Self> {
        let shown = left.iter().take(MOST_SHOWN);
        (!left.is_empty()).then(|| Self {
            package: package.to_owned(),
            name,
            count: left.len(),
            words: shown.map(|line| excerpt(line, LONGEST_SHOWN)).collect(),
        })
    }
}

/// The scripts of a package that do something which is not done here.
pub fn not_done(package: &str, about: &About) -> Vec<Script> {
    if DONE.contains(&package) {
        return Vec::new();
    }
    let scripts = ["preinst", "postinst"].into_iter().filter_map(|name| {
        let script = about.files.get(name)?;
        Script::of(package, name, &left(&String::from_utf8_lossy(script)))
    });
    scripts.collect()
}

/// The commands of a script that are not known.
fn left(script: &str) -> Vec<String> {
    let mut own = String::new();
    let mut skipping = false;
    for line in script.lines() {
        let line_is = line.trim();
        if let Some(helper) = line_is.strip_prefix("# Automatically added by ") {
            let helper = helper.split('/').next().unwrap_or_default();
            skipping = HELPERS.contains(&helper);
        } else if line_is == "# End automatically added section" {
            skipping = false;
        } else if !skipping {
            own.push_str(line);
            own.push('\n');
        }
    }
    commands(&own)
        .into_iter()
        .filter(|words| !is_known(words))
        .map(|words| words.join(" "))
        .collect()
}

fn is_known(words: &[String]) -> bool {
    let first = match words[0].as_str() {
        ";;" => ";;",
        first => first.trim_end_matches(';'),
    };
    // Conditions and branches do nothing themselves.
    let is_structure = matches!(
        first,
        "if" | "elif" | "case" | "for" | "while" | "done" | "do" | "in"
    ) || first.ends_with(')')
        || words.last().is_some_and(|last| last == ")")
        || words.get(1).is_some_and(|word| word == "|")
        || first.ends_with("()")
        || first.starts_with("db_");
    let is_assignment = first
        .split_once('=')
        .is_some_and(|(name, _)| !name.is_empty() && crate::manifest::is_word(name));
    is_structure || (is_assignment && words.len() == 1) || COMMANDS.contains(&first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left() {
        let script = "#!/bin/sh\nset -e\nif [ \"$1\" = configure ]; then\n  frobnicate --all\nfi\n\
                      # Automatically added by dh_python3\npy3compile -p x\n# End automatically added section\n\
                      # Automatically added by dh_unknown/1\nmagic\n# End automatically added section\n\
                      case $1 in\n configure)\n  adduser --system x\n  ;;\nesac\nX=1\nexit 0\n";
        assert_eq!(left(script), ["frobnicate --all", "magic"]);
    }
}
