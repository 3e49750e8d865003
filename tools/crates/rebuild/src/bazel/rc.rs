//! The `.bazelrc` of the sources. It is part of the commit, so its options count; they are as little trusted as those
//! of the statement. The command line comes after it and overrides most of what it could say: caches, the sandbox,
//! the status command. What a command line cannot take back is refused here, if it would be in force.
//!
//! Source: Bazel, "Write bazelrc configuration files".

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use verbatim_document::json;
use verbatim_foreign::{excerpt, printable_path};

use super::flags::Allowed;
use crate::checkout::Checkout;
use crate::error::{Error, Result};

/// What the file is called.
const NAME: &str = ".bazelrc";
const MAX_RC: u64 = 1 << 20;
/// More than anybody imports.
const MAX_FILES: usize = 64;

/// Options whose values add up, or that change how Bazel itself runs.
const REFUSED: [&str; 18] = [
    "strategy",
    "strategy_regexp",
    "genrule_strategy",
    "dynamic_local_strategy",
    "dynamic_remote_strategy",
    "run_under",
    "credential_helper",
    "experimental_credential_helper",
    "plugin",
    "sandbox_add_mount_pair",
    "sandbox_writable_path",
    "experimental_docker_image",
    "experimental_enable_docker_sandbox",
    "legacy_local_fallback",
    "incompatible_legacy_local_fallback",
    "remote_local_fallback",
    "modify_execution_info",
    "vendor_dir",
];

/// Options that name a folder or a file in place of something that is fetched: below the sources it is of the
/// commit, elsewhere nobody knows what it is.
const PLACES: [&str; 5] = [
    "override_repository",
    "override_module",
    "inject_repository",
    "registry",
    "distdir",
];

/// One option, and where it stands.
struct Line {
    /// `build`, `common:linux`, `startup` …
    command: String,
    options: Vec<String>,
    place: String,
}

/// Judge the file of a workspace, as far as it is in force for a build with these options.
///
/// # Errors
/// Something in it is refused, or cannot be read.
pub fn judge(
    checkout: &Checkout,
    workspace: &Path,
    flags: &[String],
    allowed: &Allowed,
) -> Result<()> {
    let mut lines = Vec::new();
    let mut waiting = vec![workspace.join(NAME)];
    let mut seen = BTreeSet::new();
    while let Some(path) = waiting.pop() {
        if !seen.insert(path.clone()) || seen.len() > MAX_FILES || !path.exists() {
            continue;
        }
        let relative = path.strip_prefix(checkout.root()).unwrap_or(&path);
        let name = printable_path(relative).into_owned();
        let data = json::read_file(&path, MAX_RC)?;
        let text = String::from_utf8(data)
            .map_err(|_| Error::wrong(format!("{name} of the sources is no text in UTF-8")))?;
        for line in read(&text, &name) {
            match line.command.as_str() {
                "import" | "try-import" => {
                    for file in &line.options {
                        waiting.push(imported(checkout, workspace, file, &line)?);
                    }
                }
                _ => lines.push(line),
            }
        }
    }
    let active = in_force(&lines, flags);
    for line in &lines {
        let (command, config) = match line.command.split_once(':') {
            Some((command, config)) => (command, Some(config)),
            None => (line.command.as_str(), None),
        };
        if config.is_some_and(|config| !active.contains(config)) {
            continue;
        }
        match command {
            "startup" => refuse(line, allowed, |_| true)?,
            "build" | "common" | "always" => refuse(line, allowed, is_refused)?,
            _ => {}
        }
    }
    Ok(())
}

fn refuse(line: &Line, allowed: &Allowed, is_refused: fn(&str) -> bool) -> Result<()> {
    for option in &line.options {
        let bare = option.trim_start_matches('-');
        let name = bare.split_once('=').map_or(bare, |(name, _)| name);
        if option.starts_with('-') && is_refused(bare) && !allowed.has(name) {
            return Err(Error::wrong(format!(
                "{}: the option `{}` of the sources is refused: it changes how Bazel itself runs, leaves the sandbox or builds from what is not of the commit; allow it with --allow={}",
                line.place,
                excerpt(option, 200),
                excerpt(name, 100)
            )));
        }
    }
    Ok(())
}

/// Whether an option, without its hyphens, is refused wherever it stands.
fn is_refused(option: &str) -> bool {
    let Some((name, value)) = option.split_once('=') else {
        // The value of a place would stand in the next word.
        return REFUSED.contains(&option) || PLACES.contains(&option);
    };
    if PLACES.contains(&name) {
        let place = value.split_once('=').map_or(value, |(_, place)| place);
        let place = place.strip_prefix("file://").unwrap_or(place);
        // Addresses of http are for Bazel to fetch from; a registry's files are pinned by the lock.
        return place.starts_with('/')
            || place.starts_with("~/")
            || place.split('/').any(|part| part == "..");
    }
    REFUSED.contains(&name)
}

/// Configurations that a build with these options uses.
fn in_force(lines: &[Line], flags: &[String]) -> BTreeSet<String> {
    let config = |option: &String| option.strip_prefix("--config=").map(str::to_owned);
    let mut active: BTreeSet<String> = flags.iter().filter_map(config).collect();
    // Where --enable_platform_specific_config stands is not asked: what holds with it, is judged.
    active.insert("linux".to_owned());
    loop {
        let before = active.len();
        for line in lines {
            let is_in_force = match line.command.split_once(':') {
                Some((_, config)) => active.contains(config),
                None => true,
            };
            if !is_in_force {
                continue;
            }
            active.extend(line.options.iter().filter_map(config));
            let apart = line.options.windows(2).filter(|two| two[0] == "--config");
            active.extend(apart.map(|two| two[1].clone()));
        }
        if active.len() == before {
            return active;
        }
    }
}

fn imported(checkout: &Checkout, workspace: &Path, file: &str, line: &Line) -> Result<PathBuf> {
    let refused = || {
        Error::wrong(format!(
            "{}: the import of `{}` is refused: it is not of the sources",
            line.place,
            excerpt(file, 200)
        ))
    };
    let below = match file.strip_prefix("%workspace%/") {
        Some(below) => below,
        None if file.starts_with(['/', '~', '%']) => return Err(refused()),
        None => file,
    };
    let path = checkout.find(workspace, below, "the import of .bazelrc")?;
    Ok(path.unwrap_or_else(|| workspace.join(below)))
}

/// The lines of a file, taken apart as Bazel does: a backslash at the end continues a line, quotes hold words
/// together, and `#` begins a comment where a word begins.
fn read(text: &str, name: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut logical = String::new();
    let mut first = 1;
    for (number, physical) in (1..).zip(text.lines()) {
        if logical.is_empty() {
            first = number;
        }
        if let Some(begun) = physical.strip_suffix('\\') {
            logical.push_str(begun);
            continue;
        }
        logical.push_str(physical);
        add(&mut lines, &logical, name, first);
        logical.clear();
    }
    add(&mut lines, &logical, name, first);
    lines
}

fn add(lines: &mut Vec<Line>, text: &str, name: &str, number: usize) {
    let mut words = words(text).into_iter();
    if let Some(command) = words.next() {
        lines.push(Line {
            command,
            options: words.collect(),
            place: format!("{name}, line {number}"),
        });
    }
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (_, '\\') => word.get_or_insert_default().extend(characters.next()),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn judged(
        files: &[(&str, &str)],
        flags: &[&str],
        allowed: &[&str],
    ) -> std::result::Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let checkout = Checkout::prepare(folder.path()).unwrap();
        let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let allowed = Allowed::new(&owned(allowed));
        judge(&checkout, checkout.root(), &owned(flags), &allowed).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_in_force_is_judged() {
        let rc = |text: &str| judged(&[(".bazelrc", text)], &["--config=release"], &[]);
        for good in [
            "",
            "# build --strategy=X=local\n",
            "build:linux --spawn_strategy=linux-sandbox --sandbox_default_allow_network=false\n",
            "build --copt=-O2 'x' # --run_under=x",
            "build:other --strategy=X=local\ntest --run_under=x\n",
            "try-import %workspace%/user.bazelrc\n",
            "common --override_module=a=third_party/a\ncommon --registry=https://example.com/registry\n",
        ] {
            assert_eq!(rc(good), Ok(()), "{good}");
        }
        for (bad, said) in [
            (
                "build --strategy=X=local",
                ".bazelrc, line 1: the option `--strategy=X=local`",
            ),
            (
                "\nbuild:release \\\n --strategy=X=local",
                ".bazelrc, line 2",
            ),
            ("build:linux '--run_under'=x", "--allow=run_under"),
            (
                "build --config=a\nbuild:a --config b\nbuild:b --credential_helper=x",
                "--allow=credential_helper",
            ),
            (
                "startup --host_jvm_args=-agentpath:x",
                "--allow=host_jvm_args",
            ),
            (
                "common --override_repository=a=/etc",
                "--allow=override_repository",
            ),
            ("common --registry=file:///etc", "--allow=registry"),
            ("common --registry /etc", "--allow=registry"),
            (
                "common --override_module=a=../../x",
                "--allow=override_module",
            ),
            ("import /etc/bazel.bazelrc", "is not of the sources"),
            ("try-import ~/x", "is not of the sources"),
            ("import ../x", "leads out of the sources"),
        ] {
            let error = rc(bad).unwrap_err();
            assert!(error.contains(said), "{bad}: {error}");
        }
        let imported = [
            (".bazelrc", "import %workspace%/more.bazelrc"),
            ("more.bazelrc", "build --strategy=X=local"),
        ];
        assert!(judged(&imported, &[], &[])
            .unwrap_err()
            .starts_with("more.bazelrc, line 1"));
        assert_eq!(judged(&imported, &[], &["strategy"]), Ok(()));
    }
}
