//! Files whose path already says why they differ: logs, caches, what belongs to one machine.
//!
//! The paths are those of `verbatim-scrub`, which takes such files out of layers. They count
//! only where they stand in a root file system, and where the content agrees with the path.

use verbatim_causes::{cause_of_place, Cause};
use verbatim_reader::Kind as EntryKind;
use verbatim_scrub::{Action, Kind, Place, Rule, Rules, Scrub};

use crate::blob::Blob;

/// The rule that would have taken a file out, if there is one.
fn rule(path: &[u8], kind: &EntryKind, content: &Blob) -> Option<Rule> {
    if !verbatim_scrub::is_special(path) {
        return None;
    }
    let mut scrub = Scrub::new(Rules::only(&Place::rules()));
    let kind = match kind {
        EntryKind::File => Kind::File {
            size: content.size(),
        },
        EntryKind::HardLink { .. } => Kind::HardLink,
        EntryKind::Symlink { .. } => Kind::Symlink,
        EntryKind::Directory => Kind::Directory,
        _ => Kind::Other,
    };
    let start = content.head(scrub.needs(path, kind)).ok()?;
    match scrub.visit(path, kind, &start) {
        Action::Fail(refusal) => Some(refusal.rule),
        Action::Keep => None,
        Action::Drop | Action::Rewrite(_) => scrub.done().first().map(|done| done.rule),
    }
}

/// Why two files of a path differ, if the path says so.
pub(crate) fn of_file(path: &[u8], left: &Blob, right: &Blob) -> Option<(Cause, String)> {
    // One of them may be empty or clean already.
    let rule =
        rule(path, &EntryKind::File, left).or_else(|| rule(path, &EntryKind::File, right))?;
    let cause = cause_of_place(Place::of(rule, path)?);
    // Lists of packages and names of hosts may be meant; then both say something plain.
    let evidence = match (cause, short_line(left), short_line(right)) {
        (Cause::MachineId | Cause::Hostname, Some(l), Some(r)) => format!("{l} → {r}"),
        _ => format!("a file of the kind `{rule}`: it is written anew on each machine or run"),
    };
    Some((cause, evidence))
}

/// Why only one side has a file, if the path says so.
pub(crate) fn of_lone(path: &[u8], kind: &EntryKind, content: &Blob) -> Option<(Cause, String)> {
    let rule = rule(path, kind, content)?;
    let cause = cause_of_place(Place::of(rule, path)?);
    Some((
        cause,
        format!("only on one side; a file of the kind `{rule}`, which differs from one machine or run to the next"),
    ))
}

fn short_line(blob: &Blob) -> Option<String> {
    let head = blob.head(200).ok()?;
    let text = String::from_utf8(head).ok()?;
    let line = text.lines().next().unwrap_or("");
    Some(if line.is_empty() {
        "(empty)".to_owned()
    } else {
        line.to_owned()
    })
}
