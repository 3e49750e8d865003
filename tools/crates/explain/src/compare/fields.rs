//! The fields of two entries of one path.

use verbatim_causes::Cause;
use verbatim_reader::Kind as EntryKind;

use crate::date;
use crate::report::{lossy, Difference};
use crate::tree::{Entry, Facts};

/// What is known of both trees as a whole.
pub(crate) struct Around {
    pub(crate) owners_and_times: bool,
    pub(crate) attributes: bool,
    pub(crate) order_differs: bool,
    /// Paths are spelled in another way, so headers differ everywhere.
    pub(crate) spelling: bool,
}

/// The kind in words.
pub(crate) fn word(kind: &EntryKind) -> &'static str {
    match kind {
        EntryKind::File => "file",
        EntryKind::HardLink { .. } => "hard link",
        EntryKind::Symlink { .. } => "symbolic link",
        EntryKind::Directory => "directory",
        EntryKind::CharDevice { .. } => "character device",
        EntryKind::BlockDevice { .. } => "block device",
        EntryKind::Fifo => "named pipe",
    }
}

/// Tell what differs in what the entry will be.
pub(crate) fn compare(node: &mut Difference, left: &Entry, right: &Entry, around: &Around) {
    kinds(node, &left.kind, &right.kind);
    // A link has the mode that its system gives all links; that another kind has another says nothing.
    let is_link = |entry: &Entry| matches!(entry.kind, EntryKind::Symlink { .. });
    if left.mode != right.mode && is_link(left) == is_link(right) {
        mode(node, left, right);
    }
    if around.owners_and_times {
        for (what, l, r) in [("uid", left.uid, right.uid), ("gid", left.gid, right.gid)] {
            node.compare(Cause::Owner, what, (l, r), |id| id.to_string());
        }
        let times = (left.mtime, right.mtime);
        node.compare(Cause::Timestamp, "mtime", times, date::shown);
    }
    if around.attributes {
        attributes(node, left, right);
    }
    if let (Some(l), Some(r)) = (&left.facts, &right.facts) {
        for (what, l, r) in [("user", &l.user, &r.user), ("group", &l.group, &r.group)] {
            node.compare(Cause::Owner, what, (l, r), |name| lossy(name));
        }
        records(node, left, right, l, r);
        let dialects = (l.dialect, r.dialect);
        node.compare(Cause::ArchiveHeader, "header format", dialects, |dialect| {
            dialect.as_str()
        });
        if l.dialect == r.dialect {
            let long = (l.long_names, r.long_names);
            node.compare(Cause::ArchiveHeader, "long names of GNU tar", long, yes);
        }
        if around.spelling && node.says_nothing() && left.spelling != right.spelling {
            node.field("spelling", left.spelling.as_str(), right.spelling.as_str());
        }
    }
}

fn yes(yes: bool) -> &'static str {
    if yes {
        "yes"
    } else {
        "no"
    }
}

fn kinds(node: &mut Difference, left: &EntryKind, right: &EntryKind) {
    use EntryKind::{BlockDevice, CharDevice, File, HardLink, Symlink};
    match (left, right) {
        (Symlink { target: l }, Symlink { target: r }) if l != r => {
            let cause = of_names(l, r).unwrap_or(Cause::SourceChange);
            node.because(cause, "link target", lossy(l), lossy(r));
        }
        (
            CharDevice { major: a, minor: b } | BlockDevice { major: a, minor: b },
            CharDevice { major: c, minor: d } | BlockDevice { major: c, minor: d },
        ) if (a, b) != (c, d) => {
            let (l, r) = (format!("{a}:{b}"), format!("{c}:{d}"));
            node.because(Cause::SourceChange, "device number", l, r);
        }
        // Whether a name is the first of its file is told with the links.
        (File | HardLink { .. }, File | HardLink { .. }) => {}
        (l, r) if std::mem::discriminant(l) != std::mem::discriminant(r) => {
            node.because(Cause::SourceChange, "type", word(l), word(r));
        }
        _ => {}
    }
}

/// A cause that two names themselves give away: a path of a build, a time, something random.
pub(crate) fn of_names(left: &[u8], right: &[u8]) -> Option<Cause> {
    let line = |name: &[u8]| [name, b"\n"].concat();
    let comparison = verbatim_causes::compare("names.txt", &line(left), &line(right));
    comparison
        .findings
        .iter()
        .map(|finding| finding.cause)
        .find(|cause| !matches!(cause, Cause::SourceChange | Cause::Unexplained))
}

/// The same content under another name.
pub(crate) fn tell_move(node: &mut Difference, left: &[u8], right: &[u8]) {
    let (from, to) = (lossy(left), lossy(right));
    match of_names(left, right) {
        Some(cause) => node.find(
            cause,
            "path",
            format!("{from} → {to}, with the same content"),
        ),
        None => {
            node.find(Cause::RemovedFile, "", format!("moved from {from}"));
            node.find(Cause::AddedFile, "", format!("moved from {from} to {to}"));
        }
    }
}

fn mode(node: &mut Difference, left: &Entry, right: &Entry) {
    let (l, r) = (left.mode, right.mode);
    let changed = l ^ r;
    node.field("mode", format!("{l:04o}"), format!("{r:04o}"));
    let base = if (l | r) & 0o111 != 0 { 0o777 } else { 0o666 };
    let umask = if changed & !0o077 == 0 && l != 0 && r != 0 {
        format!(", as with umask {:03o} and {:03o}", base & !l, base & !r)
    } else {
        String::new()
    };
    node.find(Cause::Mode, "", format!("mode {l:04o} → {r:04o}{umask}"));
}

fn attributes(node: &mut Difference, left: &Entry, right: &Entry) {
    let names: std::collections::BTreeSet<_> =
        left.xattrs.keys().chain(right.xattrs.keys()).collect();
    for name in names {
        let values = (left.xattrs.get(name), right.xattrs.get(name));
        node.compare(
            Cause::Xattr,
            &format!("xattr {}", lossy(name)),
            values,
            or_nothing,
        );
    }
}

fn or_nothing(value: Option<&Vec<u8>>) -> String {
    value.map_or("nothing".to_owned(), |value| lossy(value))
}

/// PAX records that follow from fields which are compared by themselves.
fn is_field(key: &[u8]) -> bool {
    matches!(
        key,
        b"path" | b"linkpath" | b"size" | b"uid" | b"gid" | b"uname" | b"gname" | b"mtime"
    ) || key.starts_with(b"SCHILY.xattr.")
        || key.starts_with(b"LIBARCHIVE.xattr.")
}

fn is_time(key: &[u8]) -> bool {
    matches!(key, b"atime" | b"ctime" | b"LIBARCHIVE.creationtime")
}

fn records(node: &mut Difference, left: &Entry, right: &Entry, l: &Facts, r: &Facts) {
    let keys: std::collections::BTreeSet<_> = l.records.keys().chain(r.records.keys()).collect();
    for key in keys {
        let (a, b) = (l.records.get(key), r.records.get(key));
        if a == b {
            continue;
        }
        let name = format!("PAX {}", lossy(key));
        let cause = match (a, b) {
            (Some(_), Some(_)) if is_time(key) => Cause::Timestamp,
            // The whole seconds are told already; fractions of one are only here.
            (Some(_), Some(_)) if &key[..] == b"mtime" => {
                if left.mtime != right.mtime {
                    continue;
                }
                Cause::Timestamp
            }
            (Some(_), Some(_)) if is_field(key) => continue,
            // The field differs, so one side may need a record where the other does not.
            (None, _) | (_, None) if is_field(key) && value_differs(key, left, right, l, r) => {
                continue
            }
            _ => Cause::ArchiveHeader,
        };
        node.because(cause, &name, or_nothing(a), or_nothing(b));
    }
}

/// Whether the field behind a record differs by itself.
fn value_differs(key: &[u8], left: &Entry, right: &Entry, l: &Facts, r: &Facts) -> bool {
    match key {
        b"linkpath" => left.kind != right.kind,
        b"size" => left.size != right.size,
        b"uid" => left.uid != right.uid,
        b"gid" => left.gid != right.gid,
        b"uname" => l.user != r.user,
        b"gname" => l.group != r.group,
        b"mtime" => left.mtime != right.mtime,
        b"path" => left.spelling != right.spelling,
        _ => left.xattrs != right.xattrs,
    }
}

/// Headers that differ although all that they say is the same.
pub(crate) fn compare_headers(node: &mut Difference, left: &Entry, right: &Entry) {
    let (Some(l), Some(r)) = (&left.facts, &right.facts) else {
        return;
    };
    let explained = !node.says_nothing() || !node.fields.is_empty();
    if l.bytes == r.bytes || explained || left.spelling != right.spelling {
        return;
    }
    node.find(
        Cause::ArchiveHeader,
        "header",
        if l.headers == r.headers {
            "the headers say the same in other bytes (names or times of extended headers, digits, padding)"
                .to_owned()
        } else {
            format!("{} headers → {} headers that say the same", l.headers, r.headers)
        },
    );
}
