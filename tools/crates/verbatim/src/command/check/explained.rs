//! Each root of a difference with the cause: which condition shows in the output, and what `verbatim diff` says of it.

use serde::Serialize;
use verbatim_causes::Cause;
use verbatim_explain::{explain, Difference, Error, ErrorKind, Limits, Opener};
use verbatim_variation::blame::Root;
use verbatim_variation::check::{Guilty, Report};
use verbatim_variation::traces::{clocks, shows};
use verbatim_variation::Condition;

/// Comparing is quick, but nobody reads on after so many.
const MOST_EXPLAINED: usize = 100;

/// What is said of a difference that has no better explanation, although nothing went in that differs.
const NOTHING_DECLARED: &str =
    "what was declared is equal: the command looks at a clock, at chance or at the machine; \
    vary one condition at a time (--vary=NAME) to see at which";

/// A root with its cause.
#[derive(Debug, Serialize)]
pub struct Explained<'a> {
    /// The root.
    #[serde(flatten)]
    pub guilty: &'a Guilty,
    /// Conditions whose values are to be seen in what differs.
    pub conditions: Vec<Condition>,
    /// What differs in the first file, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<verbatim_explain::Report>,
    /// Why there is no `diff`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_compared: Option<String>,
}

/// The report with causes, as `--format=json` prints it.
#[derive(Debug, Serialize)]
pub struct Whole<'a> {
    #[serde(flatten)]
    pub report: &'a Report,
    /// What the differences come from, each once, with its cause.
    pub guilty: Vec<Explained<'a>>,
}

impl<'a> Whole<'a> {
    /// Look into the first file of each root. The builds must still be there.
    pub fn of(report: &'a Report) -> Self {
        let guilty = report.guilty.iter().enumerate();
        Self {
            report,
            guilty: guilty
                .map(|(at, guilty)| Explained::of(guilty, report, at < MOST_EXPLAINED))
                .collect(),
        }
    }
}

impl<'a> Explained<'a> {
    fn of(guilty: &'a Guilty, report: &Report, look: bool) -> Self {
        let mut explained = Self {
            guilty,
            conditions: Vec::new(),
            diff: None,
            not_compared: None,
        };
        match (&guilty.files, look) {
            (None, _) => explained.not_compared = Some("only one build has it".to_owned()),
            (_, false) => {
                explained.not_compared = Some(format!(
                    "more than {MOST_EXPLAINED} roots are not looked into"
                ));
            }
            (Some([first, second]), true) => {
                let sides = [first, second].map(|file| file.display().to_string());
                match compare(&sides) {
                    Ok(mut diff) => {
                        // Not where the builds were for a while.
                        if let Some((ours, theirs)) = guilty.root.first_file() {
                            diff.left.name = format!("{ours} (first build)");
                            diff.right.name = format!("{theirs} (second build)");
                        }
                        explained.conditions = conditions(&diff.differences, report);
                        if matches!(guilty.root, Root::Action(_)) {
                            sources_are_equal(&mut diff);
                        }
                        name_clocks(&mut diff);
                        explained.diff = Some(diff);
                    }
                    Err(error) => explained.not_compared = Some(error.to_string()),
                }
            }
        }
        explained
    }
}

fn compare(sides: &[String; 2]) -> Result<verbatim_explain::Report, Error> {
    let limits = Limits::default();
    let client = || Err(Error::new(ErrorKind::Input, "outputs of a build are files"));
    let opener = Opener {
        client: &client,
        limits: &limits,
    };
    let [left, right] = [opener.open(&sides[0])?, opener.open(&sides[1])?];
    explain(&left, &right, false, &limits)
}

/// The conditions whose values of the first and of the second build are what two pieces differ in.
fn conditions(differences: &[Difference], report: &Report) -> Vec<Condition> {
    let mut found = Vec::new();
    let mut open: Vec<&Difference> = differences.iter().collect();
    while let Some(difference) = open.pop() {
        open.extend(&difference.children);
        let texts = difference.excerpts.iter().filter(|e| e.encoding == "text");
        let pieces = texts
            .map(|e| (&e.left, &e.right))
            .chain(difference.fields.iter().map(|f| (&f.left, &f.right)));
        for (left, right) in pieces {
            let seen = report.varied.iter().filter(|v| shows(v, left, right));
            found.extend(seen.map(|v| v.condition));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// A difference that would be one of the sources elsewhere is not: all that went in is known to be equal.
fn sources_are_equal(diff: &mut verbatim_explain::Report) {
    for cause in &mut diff.causes {
        if matches!(cause.id, Cause::SourceChange | Cause::Unexplained) {
            cause.id = Cause::Unexplained;
            cause.fix = NOTHING_DECLARED;
        }
    }
    let mut open: Vec<&mut Difference> = diff.differences.iter_mut().collect();
    while let Some(difference) = open.pop() {
        for finding in &mut difference.findings {
            if finding.cause == Cause::SourceChange {
                finding.cause = Cause::Unexplained;
            }
        }
        open.extend(&mut difference.children);
    }
}

/// Bytes that nothing explains may still be those of a date in a string.
fn name_clocks(diff: &mut verbatim_explain::Report) {
    let mut found = None;
    let mut open: Vec<&mut Difference> = diff.differences.iter_mut().collect();
    while let Some(difference) = open.pop() {
        for excerpt in difference.excerpts.iter().filter(|e| e.encoding == "hex") {
            let clocks = bytes(&excerpt.left)
                .zip(bytes(&excerpt.right))
                .and_then(|(left, right)| clocks(&left, &right));
            let Some([left, right]) = clocks else {
                continue;
            };
            let seen = format!("{left} → {right}");
            found.get_or_insert_with(|| format!("{} at {}: {seen}", difference.path, excerpt.at));
            for finding in &mut difference.findings {
                if finding.cause == Cause::Unexplained {
                    finding.cause = Cause::Timestamp;
                    finding.evidence.clone_from(&seen);
                }
            }
        }
        open.extend(&mut difference.children);
    }
    let has_timestamp = diff.causes.iter().any(|c| c.id == Cause::Timestamp);
    let unexplained = diff.causes.iter_mut().find(|c| c.id == Cause::Unexplained);
    if let (Some(evidence), false, Some(cause)) = (found, has_timestamp, unexplained) {
        cause.id = Cause::Timestamp;
        cause.fix = Cause::Timestamp.fix();
        cause.evidence = vec![evidence];
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<_>> = hex.chars().map(|c| c.to_digit(16)).collect();
    let pairs = digits?;
    let pairs = pairs.chunks_exact(2);
    Some(pairs.map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}
