//! A changelog for people: lines, or a page in Markdown.

use std::fmt::Write as _;

use verbatim_foreign::{counted, excerpt, printable};

use crate::change::{FileChange, How, ImageChange, PackageChange};
use crate::release::{ChangeVerdict, Changelog, ReleasedChange};

/// Files of nobody that are told of one image; machines are told all.
const MOST_FILES: usize = 100;

/// How things are marked.
struct Marks {
    /// Before the name of a released thing.
    title: &'static str,
    /// Before a line about it.
    item: &'static str,
    /// Around a name.
    name: &'static str,
    /// Around a path.
    path: &'static str,
}

const TEXT: Marks = Marks {
    title: "",
    item: "  ",
    name: "",
    path: "",
};
const MARKDOWN: Marks = Marks {
    title: "## ",
    item: "- ",
    name: "**",
    path: "`",
};

impl Changelog {
    /// Line by line.
    pub fn text(&self) -> String {
        self.render(&TEXT)
    }

    /// As a page: what changed, then what did not.
    pub fn markdown(&self) -> String {
        format!("# What changed\n\n{}", self.render(&MARKDOWN))
    }

    fn render(&self, marks: &Marks) -> String {
        let is_page = !marks.title.is_empty();
        let mut out = String::new();
        let (same, changed): (Vec<_>, Vec<_>) = self
            .results
            .iter()
            .partition(|one| one.verdict == ChangeVerdict::Unchanged);
        for one in changed {
            released(&mut out, marks, one);
            if is_page {
                out.push('\n');
            }
        }
        if !same.is_empty() {
            let title = match is_page {
                true => "## Did not change\n\n",
                false => "did not change, to the byte:\n",
            };
            out.push_str(title);
            for one in same {
                let digest = one.new.map(|digest| digest.to_string()).unwrap_or_default();
                line(
                    &mut out,
                    marks,
                    &format!("{} {digest}", shown(&one.reference, marks)),
                );
            }
        }
        out
    }
}

/// A word of others: in a page, what would be markup is escaped.
fn shown(text: &str, marks: &Marks) -> String {
    let text = printable(text);
    if marks.title.is_empty() {
        return text.into_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '&' | '~'
        ) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A path: between backquotes nothing is markup but a backquote.
fn path(text: &str, marks: &Marks) -> String {
    let text = printable(text);
    match marks.path {
        "" => text.into_owned(),
        _ if text.contains('`') => shown(&text, marks),
        mark => format!("{mark}{text}{mark}"),
    }
}

fn line(out: &mut String, marks: &Marks, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{}{text}", marks.item);
}

fn released(out: &mut String, marks: &Marks, one: &ReleasedChange) {
    let what = match one.verdict {
        ChangeVerdict::Added => "is new",
        ChangeVerdict::Removed => "is gone",
        ChangeVerdict::Unchecked => "changed, and could not be looked at",
        ChangeVerdict::Changed | ChangeVerdict::Unchanged => "changed",
    };
    let gap = if marks.title.is_empty() { "" } else { "\n" };
    let _ = writeln!(
        out,
        "{}{} {what}{gap}",
        marks.title,
        shown(&one.reference, marks)
    );
    for (side, digest) in [("old", one.old), ("new", one.new)] {
        if let Some(digest) = digest {
            line(out, marks, &format!("{side} {digest}"));
        }
    }
    for remark in &one.remarks {
        line(out, marks, &shown(remark, marks));
    }
    for change in one.changes.iter().filter(|change| !change.is_empty()) {
        if one.changes.len() > 1 {
            line(
                out,
                marks,
                &format!("for {}:", shown(&change.platform, marks)),
            );
        }
        image(out, marks, change);
    }
}

fn image(out: &mut String, marks: &Marks, change: &ImageChange) {
    for one in &change.packages {
        line(out, marks, &package(marks, one));
    }
    for one in change.files.iter().take(MOST_FILES) {
        line(out, marks, &file(marks, one));
    }
    if change.files.len() > MOST_FILES {
        let more = counted(change.files.len() - MOST_FILES, "more file");
        line(
            out,
            marks,
            &format!("and {more}, which --format json names"),
        );
    }
    for (cause, evidence) in &change.config {
        let evidence = shown(&excerpt(evidence, 200), marks);
        line(out, marks, &format!("the config: {cause}: {evidence}"));
    }
    if change.attributes.count > 0 {
        let which: Vec<String> = change
            .attributes
            .paths
            .iter()
            .take(3)
            .map(|p| path(p, marks))
            .collect();
        line(
            out,
            marks,
            &format!(
                "permissions or owners of {}, such as {}",
                counted(change.attributes.count, "path"),
                which.join(", ")
            ),
        );
    }
    line(
        out,
        marks,
        &format!("{} did not change", counted(change.same, "file")),
    );
}

fn package(marks: &Marks, one: &PackageChange) -> String {
    let name = format!("{0}{1}{0}", marks.name, shown(&one.name, marks));
    let kind = match &one.architecture {
        Some(architecture) => format!("{}, {}", one.kind, shown(architecture, marks)),
        None => one.kind.to_string(),
    };
    let version = |version: &Option<String>| shown(version.as_deref().unwrap_or_default(), marks);
    let (old, new) = (version(&one.old), version(&one.new));
    let what = match one.how {
        How::Added => format!("{new} is new"),
        How::Removed => format!("{old} is gone"),
        How::Changed if one.old == one.new => format!("{new} has other files in the same version"),
        How::Changed => format!("{old} → {new}"),
    };
    format!("{name} ({kind}) {what}: {}", counted(one.files, "file"))
}

fn file(marks: &Marks, one: &FileChange) -> String {
    let name = path(&one.path, marks);
    match one.how {
        How::Added => format!("{name} is new, and no package has it"),
        How::Removed => format!("{name} is gone, and no package had it"),
        How::Changed => {
            let causes: Vec<String> = one
                .causes
                .iter()
                .take(3)
                .map(|(cause, evidence)| match evidence.is_empty() {
                    true => cause.clone(),
                    false => format!("{cause} ({})", shown(&excerpt(evidence, 160), marks)),
                })
                .collect();
            format!("{name} changed: {}", causes.join("; "))
        }
    }
}
