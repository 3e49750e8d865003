//! What dpkg and scanners read: `var/lib/dpkg`, in one order and form.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::root::{Content, Owner, Root};
use super::unpack::Unpacked;
use crate::lock::LockedPackage;
use crate::packed::Node;

/// The fields of a paragraph in the order in which dpkg writes them; others follow.
const ORDER: [&str; 22] = [
    "Package",
    "Essential",
    "Protected",
    "Status",
    "Priority",
    "Section",
    "Installed-Size",
    "Origin",
    "Maintainer",
    "Bugs",
    "Architecture",
    "Multi-Arch",
    "Source",
    "Version",
    "Replaces",
    "Provides",
    "Depends",
    "Pre-Depends",
    "Recommends",
    "Suggests",
    "Breaks",
    "Conflicts",
];
/// Those that come last.
const LAST: [&str; 3] = ["Enhances", "Conffiles", "Description"];

/// In which form the database is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One file `status`, and a folder `info`: what dpkg uses.
    Status,
    /// One file for each package in `status.d`: for images without dpkg, read by scanners.
    StatusD,
}

/// A package that is installed.
#[derive(Debug)]
pub struct Installed<'a> {
    /// What was locked.
    pub locked: &'a LockedPackage,
    /// What is in it.
    pub unpacked: Unpacked,
    /// The positions of files that another package replaces.
    pub replaced: BTreeSet<usize>,
}

impl Installed<'_> {
    fn field(&self, name: &str) -> &str {
        self.unpacked.about.control.get(name).unwrap_or_default()
    }

    /// The name of its files in `info`.
    fn stem(&self) -> String {
        if self.field("Multi-Arch") == "same" {
            format!("{}:{}", self.locked.name, self.locked.architecture)
        } else {
            self.locked.name.clone()
        }
    }

    fn conffiles(&self) -> String {
        let mut text = String::new();
        for line in self.unpacked.about.lines("conffiles") {
            // Lines of files that go on an upgrade begin with a word.
            let path = line.trim_start_matches('/').as_bytes();
            let at = self
                .unpacked
                .files
                .iter()
                .position(|file| file.path == path);
            if let Some(md5) = at.and_then(|at| self.unpacked.md5.get(&at)) {
                // Writing to a string cannot fail.
                let _ = write!(text, "\n {line} {md5}");
            }
        }
        text
    }

    fn paragraph(&self, status: Option<&str>) -> String {
        let control = &self.unpacked.about.control;
        let conffiles = self.conffiles();
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            let space = if value.starts_with('\n') { "" } else { " " };
            let _ = writeln!(text, "{name}:{space}{value}");
        };
        let in_order = |name: &str| match name {
            "Status" => status,
            "Conffiles" => Some(&*conffiles).filter(|text| !text.is_empty()),
            name => control.get(name).filter(|value| !value.is_empty()),
        };
        for name in ORDER.into_iter().chain(LAST) {
            if let Some(value) = in_order(name) {
                line(name, value);
            }
        }
        for (name, value) in control.iter() {
            let known = ORDER.into_iter().chain(LAST);
            if !value.is_empty() && !known.into_iter().any(|one| one.eq_ignore_ascii_case(name)) {
                line(name, value);
            }
        }
        text
    }

    fn list(&self) -> String {
        let mut text = String::new();
        for (at, file) in self.unpacked.files.iter().enumerate() {
            if self.replaced.contains(&at) {
                continue;
            }
            let path = String::from_utf8_lossy(&file.path);
            let _ = match &*path {
                "" => writeln!(text, "/."),
                path => writeln!(text, "/{path}"),
            };
        }
        text
    }

    /// Digests for a package that brings none, as dpkg makes them.
    fn sums(&self) -> String {
        let conffiles = self.unpacked.about.lines("conffiles");
        let mut text = String::new();
        for (at, file) in self.unpacked.files.iter().enumerate() {
            let path = String::from_utf8_lossy(&file.path);
            let is_conffile = || {
                conffiles
                    .iter()
                    .any(|line| line.trim_start_matches('/') == path)
            };
            if let (Node::File(_), Some(md5)) = (&file.node, self.unpacked.md5.get(&at)) {
                if !is_conffile() {
                    let _ = writeln!(text, "{md5}  {path}");
                }
            }
        }
        text
    }
}

/// Write the database into the root. `native` is the architecture of the image.
pub fn write(root: &mut Root, packages: &[Installed<'_>], form: Form, native: &str) {
    let folder = |root: &mut Root, path: &str| {
        root.make(path, Content::Packed(Node::Directory), 0o755, 0);
    };
    for path in ["var", "var/lib", "var/lib/dpkg"] {
        folder(root, path);
    }
    let mut file = |path: String, content: Vec<u8>, mode: u32| {
        root.put(&path, Content::Made(content), mode, 0);
    };
    if form == Form::StatusD {
        for package in packages {
            let at = format!("var/lib/dpkg/status.d/{}", package.locked.name);
            file(at.clone(), package.paragraph(None).into_bytes(), 0o644);
            let sums = package.unpacked.about.files.get("md5sums").cloned();
            let sums = sums.unwrap_or_else(|| package.sums().into_bytes());
            file(format!("{at}.md5sums"), sums, 0o644);
        }
        folder(root, "var/lib/dpkg/status.d");
        return;
    }
    let mut status = String::new();
    for package in packages {
        status.push_str(&package.paragraph(Some("install ok installed")));
        status.push('\n');
        let stem = format!("var/lib/dpkg/info/{}", package.stem());
        file(format!("{stem}.list"), package.list().into_bytes(), 0o644);
        for (name, content) in &package.unpacked.about.files {
            let script = matches!(
                &**name,
                "preinst" | "postinst" | "prerm" | "postrm" | "config"
            );
            let mode = if script { 0o755 } else { 0o644 };
            file(format!("{stem}.{name}"), content.clone(), mode);
        }
        if !package.unpacked.about.files.contains_key("md5sums") {
            let sums = package.sums();
            if !sums.is_empty() {
                file(format!("{stem}.md5sums"), sums.into_bytes(), 0o644);
            }
        }
    }
    file("var/lib/dpkg/status".into(), status.into_bytes(), 0o644);
    file("var/lib/dpkg/info/format".into(), b"1\n".to_vec(), 0o644);
    for (name, content) in triggers(packages) {
        file(format!("var/lib/dpkg/triggers/{name}"), content, 0o644);
    }
    for empty in ["available", "diversions", "statoverride"] {
        root.make(
            &format!("var/lib/dpkg/{empty}"),
            Content::Made(Vec::new()),
            0o644,
            0,
        );
    }
    let foreign: BTreeSet<&str> = packages
        .iter()
        .map(|package| &*package.locked.architecture)
        .filter(|architecture| *architecture != "all" && *architecture != native)
        .collect();
    if !foreign.is_empty() {
        let lines: Vec<_> = std::iter::once(native).chain(foreign).collect();
        let text = lines.join("\n") + "\n";
        root.put(
            "var/lib/dpkg/arch",
            Content::Made(text.into_bytes()),
            0o644,
            0,
        );
    }
    for path in ["alternatives", "info", "parts", "triggers", "updates"] {
        folder(root, &format!("var/lib/dpkg/{path}"));
    }
}

/// Who waits for what: a file for the paths, and one for each other name.
fn triggers(packages: &[Installed<'_>]) -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    files.entry("File".to_owned()).or_default();
    files.entry("Unincorp".to_owned()).or_default();
    for package in packages {
        for line in package.unpacked.about.lines("triggers") {
            let mut words = line.split_ascii_whitespace();
            let (Some(directive), Some(name), None) = (words.next(), words.next(), words.next())
            else {
                continue;
            };
            let end = match directive {
                "interest" | "interest-await" => "",
                "interest-noawait" => "/noawait",
                _ => continue,
            };
            let who = format!("{}{end}", package.stem());
            if name.starts_with('/') {
                let line = format!("{name} {who}");
                files.entry("File".to_owned()).or_default().insert(line);
            } else if crate::manifest::is_word(name) {
                files.entry(name.to_owned()).or_default().insert(who);
            }
        }
    }
    files
        .into_iter()
        .map(|(name, lines)| {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            (name, text.into_bytes())
        })
        .collect()
}

/// The owner of an installed package is its place in the list.
pub fn owner_name(packages: &[Installed<'_>], owner: Owner) -> Option<String> {
    packages
        .get(owner)
        .map(|package| package.locked.name.clone())
}
