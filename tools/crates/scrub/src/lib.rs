//! What a root file system carries that says more about where it was made than what it is.
//!
//! Installing the same packages twice gives two different trees: one machine's identity,
//! the day on which an account was made, logs, caches that hold inode numbers. This crate
//! knows such files by name. For each entry of an archive it says whether to keep it, leave
//! it out, store other content, or stop: a private key is never made reproducible, it is
//! an accident that somebody must hear of.
//!
//! ```
//! use verbatim_scrub::{Action, Kind, Rules, Scrub};
//!
//! let mut scrub = Scrub::new(Rules::default());
//! let kind = Kind::File { size: 33 };
//! let path = b"etc/machine-id";
//! let start = &b"0123456789abcdef0123456789abcdef\n"[..scrub.needs(path, kind)];
//! assert_eq!(scrub.visit(path, kind, start), Action::Rewrite(Vec::new()));
//! ```
//!
//! Rules have names, which are documented, can be switched on and off, and appear in the
//! report of what was done. A decision depends on one entry alone, never on those before
//! it, so the order of entries does not matter. White-outs of image layers are left alone:
//! they speak of a file below, not of one that is here.

mod content;
mod glob;
mod patterns;
mod place;
mod private_key;
mod rule;

use std::fmt;

use verbatim_foreign::printable_bytes;

pub use place::{is_special, place, Place};
pub use rule::{Rule, Rules, UnknownRule, RULES};

use patterns::{Pattern, Treatment};

/// What an entry is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File {
        /// Its size in bytes.
        size: u64,
    },
    /// Another name of a file.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A directory.
    Directory,
    /// A device, a named pipe, a socket.
    Other,
}

/// What is to become of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It stays as it is.
    Keep,
    /// It is left out. Other names of the same file stay, and one of them gets the content.
    Drop,
    /// It stays with this content instead of its own.
    Rewrite(Vec<u8>),
    /// The whole operation must fail.
    Fail(Refusal),
}

/// Why an entry cannot be let through: one sentence with the path, the rule and the fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{path} {what} (rule {rule}); {fix}, or allow it with --scrub-keep={path} or --scrub=-{rule}",
    path = printable_bytes(.path)
)]
pub struct Refusal {
    /// The rule.
    pub rule: Rule,
    /// The entry's path.
    pub path: Vec<u8>,
    /// What is wrong with it.
    pub what: &'static str,
    /// What to do.
    pub fix: &'static str,
}

/// All that cannot be let through, in the order of the paths; one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.refusals))]
pub struct Refused {
    /// What was refused.
    pub refusals: Vec<Refusal>,
    /// What would have been done about the other entries.
    pub done: Vec<Done>,
}

fn lines(refusals: &[Refusal]) -> String {
    let lines: Vec<_> = refusals.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// One thing that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The rule.
    pub rule: Rule,
    /// The entry's path.
    pub path: Vec<u8>,
    /// What became of it.
    pub change: Change,
}

/// How an entry was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was left out.
    Dropped,
    /// It was stored empty.
    Emptied,
    /// It was stored with other content.
    Rewritten,
}

impl Change {
    /// The word for reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Emptied => "emptied",
            Self::Rewritten => "rewritten",
        }
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:9} {} ({})",
            self.change.as_str(),
            printable_bytes(&self.path),
            self.rule
        )
    }
}

/// Decides about entries, and remembers what it did.
#[derive(Debug, Clone)]
pub struct Scrub {
    rules: Rules,
    done: Vec<Done>,
}

impl Scrub {
    /// Work by these rules.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            done: Vec::new(),
        }
    }

    /// How many bytes from the start of the content [`Scrub::visit`] has to be given.
    ///
    /// None for nearly all entries, the whole file for the few that are rewritten, never
    /// more than a mebibyte.
    pub fn needs(&self, path: &[u8], kind: Kind) -> usize {
        let Kind::File { size } = kind else { return 0 };
        let most = match self.find(plain(path), kind).map(|found| found.treatment) {
            Some(Treatment::Look { limit, .. }) => limit,
            _ => 0,
        };
        usize::try_from(size).map_or(most, |size| size.min(most))
    }

    /// What is to become of an entry.
    ///
    /// A leading `/` or `./` and a slash at the end do not matter. `start` is the beginning
    /// of a file's content, as long as [`Scrub::needs`] says.
    pub fn visit(&mut self, path: &[u8], kind: Kind, start: &[u8]) -> Action {
        let path = plain(path);
        let Some(&Pattern {
            rule, treatment, ..
        }) = self.find(path, kind)
        else {
            return Action::Keep;
        };
        let refuse = |what, fix| {
            Action::Fail(Refusal {
                rule,
                path: path.to_vec(),
                what,
                fix,
            })
        };
        let action = match (treatment, kind) {
            (Treatment::Drop, _) => Action::Drop,
            (Treatment::Fail { what, fix }, _) => refuse(what, fix),
            (Treatment::Empty, Kind::File { size: 0 }) => Action::Keep,
            (Treatment::Empty, Kind::File { .. }) => Action::Rewrite(Vec::new()),
            (Treatment::Look { limit, whole, look }, Kind::File { size }) => {
                let given = start.len() as u64;
                if given < size.min(limit as u64) {
                    refuse(
                        "was not given to the scrubber with its content",
                        "this is a mistake in the program, please report it",
                    )
                } else if whole && size > limit as u64 {
                    refuse(
                        "is too large to be what its name says",
                        "look into the file",
                    )
                } else {
                    match look(start, &self.rules) {
                        content::Found::Fine => Action::Keep,
                        content::Found::Drop => Action::Drop,
                        content::Found::Rewrite(new) => Action::Rewrite(new),
                        content::Found::Bad { what, fix } => refuse(what, fix),
                    }
                }
            }
            // The content stands under another name, where nobody would look for it.
            (Treatment::Empty, Kind::HardLink)
            | (Treatment::Look { whole: true, .. }, Kind::HardLink) => refuse(
                "is a hard link to another file",
                "make it a file of its own",
            ),
            _ => Action::Keep,
        };
        let change = match &action {
            Action::Drop => Change::Dropped,
            Action::Rewrite(new) if new.is_empty() => Change::Emptied,
            Action::Rewrite(_) => Change::Rewritten,
            Action::Keep | Action::Fail(_) => return action,
        };
        self.done.push(Done {
            rule,
            path: path.to_vec(),
            change,
        });
        action
    }

    /// What was done so far, in the order of the entries.
    pub fn done(&self) -> &[Done] {
        &self.done
    }

    /// The same at the end.
    pub fn into_done(self) -> Vec<Done> {
        self.done
    }

    /// What is said about the entry by the rules that are switched on.
    fn find(&self, path: &[u8], kind: Kind) -> Option<&'static Pattern> {
        let name = path.rsplit(|&b| b == b'/').next().unwrap_or(path);
        if path.is_empty() || name.starts_with(b".wh.") || self.rules.is_exempt(path) {
            return None;
        }
        patterns::find(path, kind, |rule| self.rules.is_on(rule))
    }
}

/// The path without what tools put around it.
fn plain(mut path: &[u8]) -> &[u8] {
    loop {
        path = match path {
            [b'.', b'/', rest @ ..] | [b'/', rest @ ..] | [rest @ .., b'/'] => rest,
            b"." => b"",
            _ => return path,
        };
    }
}
