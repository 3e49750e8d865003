//! What is said in the end: causes first, then the tree of differences.

mod summary;

use serde::Serialize;
use verbatim_causes::{Cause, Comparison, Excerpt, Finding, Line, Piece, Side};
use verbatim_digest::hex;

pub use self::summary::{CauseReport, Report, SideReport};
use crate::compare::digests::Waiting;

/// Characters of one piece of evidence, or of the value of a field.
const MAX_VALUE: usize = 400;

/// Whether anything differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing does.
    Equal,
    /// Something does, be it harmless.
    Different,
}

/// On which level of an artifact a difference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The artifact as a whole, where it is no image.
    Artifact,
    /// An index of images.
    Index,
    /// The manifest of an image.
    Manifest,
    /// The configuration of an image.
    Config,
    /// A layer of an image.
    Layer,
    /// An entry of an archive or a folder.
    Entry,
    /// One line of a list of sums.
    Sum,
}

/// What happened to it from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It is on both sides and differs.
    Changed,
    /// Only the right side has it.
    Added,
    /// Only the left side has it.
    Removed,
    /// The right side has the same content under another name.
    Moved,
    /// It differs, and in what was not found out: a limit or a damaged file was in the way.
    NotExamined,
}

/// A field of a header or document with both its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    /// What it is called.
    pub name: String,
    /// Its value on the left side.
    pub left: String,
    /// Its value on the right side.
    pub right: String,
}

/// A cause at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingReport {
    /// The identifier of the cause.
    #[serde(serialize_with = "as_id")]
    pub cause: Cause,
    /// Where in the file; empty for the file as a whole.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub at: String,
    /// What is to be seen there.
    pub evidence: String,
}

fn as_id<S: serde::Serializer>(cause: &Cause, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(cause.id())
}

/// What a unified diff says behind a last line without an end (POSIX has it as a note of implementations).
pub(crate) const OPEN: &str = "\\ No newline at end of file";

/// A piece of both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExcerptReport {
    /// Where in the file.
    pub at: String,
    /// `text`, or `hex` for two digits a byte.
    pub encoding: &'static str,
    /// Of the left side.
    pub left: String,
    /// Of the right side.
    pub right: String,
    /// Of lines of text, what `left` and `right` were made of. In JSON one string: both sides as a unified
    /// diff has them below `at`, each line with ` `, `-` or `+` in front.
    #[serde(serialize_with = "as_unified", skip_serializing_if = "Vec::is_empty")]
    pub unified: Vec<Line>,
}

fn as_unified<S: serde::Serializer>(lines: &[Line], serializer: S) -> Result<S::Ok, S::Error> {
    let mut text = String::new();
    for line in lines {
        text.push(line.side.mark());
        text.push_str(&line.text);
        text.push('\n');
        if line.open {
            text.push_str(OPEN);
            text.push('\n');
        }
    }
    serializer.serialize_str(&text)
}

/// A difference, and the smaller ones that it consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The level.
    pub level: Level,
    /// The path from the outermost container inwards, joined with `!`. Bytes that are no UTF-8
    /// stand as `\xNN`.
    pub path: String,
    /// What happened to it.
    pub kind: Kind,
    /// The format both sides were read as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<&'static str>,
    /// Fields that differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// Why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingReport>,
    /// Pieces of both sides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excerpts: Vec<ExcerptReport>,
    /// There is more than is told.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// It lists the digests of these, and so far differs because they do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub follows_from: Vec<String>,
    /// What it consists of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Difference>,
    /// What will be said of it once all digests are known.
    #[serde(skip)]
    pub(crate) waiting: Option<Box<Waiting>>,
}

impl Difference {
    pub(crate) fn new(level: Level, path: impl Into<String>, kind: Kind) -> Self {
        Self {
            level,
            path: path.into(),
            kind,
            format: None,
            fields: Vec::new(),
            findings: Vec::new(),
            excerpts: Vec::new(),
            more: false,
            follows_from: Vec::new(),
            children: Vec::new(),
            waiting: None,
        }
    }

    pub(crate) fn find(&mut self, cause: Cause, at: &str, evidence: impl AsRef<str>) {
        self.findings.push(FindingReport {
            cause,
            at: short(at),
            evidence: short(evidence.as_ref()),
        });
    }

    pub(crate) fn field(&mut self, name: &str, left: impl AsRef<str>, right: impl AsRef<str>) {
        self.fields.push(Field {
            name: name.to_owned(),
            left: short(left.as_ref()),
            right: short(right.as_ref()),
        });
    }

    /// A field that differs for a reason.
    pub(crate) fn because(
        &mut self,
        cause: Cause,
        name: &str,
        left: impl AsRef<str>,
        right: impl AsRef<str>,
    ) {
        let (left, right) = (left.as_ref(), right.as_ref());
        self.field(name, left, right);
        self.find(
            cause,
            "",
            format!("{name} {} → {}", or_none(left), or_none(right)),
        );
    }

    /// A field that differs for a reason, if it does; `shown` is how people read it.
    pub(crate) fn compare<T: PartialEq, S: AsRef<str>>(
        &mut self,
        cause: Cause,
        name: &str,
        (left, right): (T, T),
        shown: impl Fn(T) -> S,
    ) {
        if left != right {
            self.because(cause, name, shown(left), shown(right));
        }
    }

    /// It could not be looked into.
    pub(crate) fn not_examined(&mut self, why: impl std::fmt::Display) {
        self.kind = Kind::NotExamined;
        self.find(
            Cause::Unexplained,
            "",
            format!("not looked into further: {why}"),
        );
    }

    /// Whether anything was found in it.
    pub(crate) fn says_nothing(&self) -> bool {
        self.told() == 0
    }

    /// How much was found in it: more than before, if something was found meanwhile.
    pub(crate) fn told(&self) -> usize {
        self.findings.len()
            + self.children.len()
            + self.follows_from.len()
            + usize::from(self.waiting.is_some())
    }

    /// Do not wait for digests: whatever the content says, something else explains it.
    pub(crate) fn wait_no_more(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            self.absorb(waiting.comparison);
        }
    }

    /// Take over what a comparison of two files found.
    pub(crate) fn absorb(&mut self, comparison: Comparison) {
        self.format = Some(comparison.format);
        self.more |= comparison.more;
        for Finding {
            cause,
            at,
            evidence,
        } in comparison.findings
        {
            self.find(cause, &at, evidence);
        }
        self.excerpts
            .extend(comparison.excerpts.into_iter().map(ExcerptReport::from));
    }
}

fn or_none(value: &str) -> &str {
    if value.is_empty() {
        "nothing"
    } else {
        value
    }
}

/// The value as far as it helps.
pub(crate) fn short(value: &str) -> String {
    match value.char_indices().nth(MAX_VALUE) {
        Some((at, _)) => format!("{}…", &value[..at]),
        None => value.to_owned(),
    }
}

/// Bytes as a string: what is no UTF-8 stands as `\xNN`.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

impl From<Excerpt> for ExcerptReport {
    fn from(excerpt: Excerpt) -> Self {
        let (encoding, left, right, unified) = match excerpt.piece {
            Piece::Lines(lines) => (
                "text",
                without(&lines, Side::Right),
                without(&lines, Side::Left),
                lines,
            ),
            Piece::Text { left, right } => ("text", lossy(&left), lossy(&right), Vec::new()),
            Piece::Bytes { left, right } => ("hex", hex(&left), hex(&right), Vec::new()),
        };
        Self {
            at: short(&excerpt.at),
            encoding,
            left,
            right,
            unified,
        }
    }
}

/// The lines that one side has.
fn without(lines: &[Line], other: Side) -> String {
    let mut text = String::new();
    for line in lines.iter().filter(|line| line.side != other) {
        text.push_str(&line.text);
        text.push_str(if line.open { "" } else { "\n" });
    }
    text
}
