//! Sums files on a disk: the text, and the document beside it.

use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use anyhow::Context;
use verbatim_foreign::printable_path;
use verbatim_sums::record::Disagreement;
use verbatim_sums::{text, Reading, Record, Sums};

use crate::outcome::{unchecked, Unchecked};

/// `x.json` for `x.sha256`, and for any other name that with `.json` after it.
pub fn beside(path: &Path) -> PathBuf {
    if path
        .extension()
        .is_some_and(|extension| extension == "sha256")
    {
        return path.with_extension("json");
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

/// A text that was read, and the document beside it if there is one.
pub struct Loaded {
    /// What it says.
    pub parsed: text::Parsed,
    /// The document and its name.
    document: Option<(Record, String)>,
    agreement: Result<(), Disagreement>,
}

impl Loaded {
    /// What the text says, and the document, of which it must not differ.
    pub fn agreed(self) -> Result<(Sums, Option<Record>), Disagreement> {
        self.agreement?;
        Ok((self.parsed.sums, self.document.map(|(record, _)| record)))
    }
}

/// The name of a sums file in messages.
pub fn name(path: &Path) -> String {
    match path == Path::new("-") {
        true => "standard input".to_owned(),
        false => printable_path(path).into_owned(),
    }
}

/// Do something with a sums file, or with standard input for `-`.
fn opened<T>(
    path: &Path,
    with: impl FnOnce(&mut dyn BufRead, &str) -> io::Result<Result<T, text::Error>>,
) -> anyhow::Result<T> {
    let name = name(path);
    if path == Path::new("-") {
        return Ok(with(&mut io::stdin().lock(), &name)
            .context("standard input cannot be read")
            .map_err(|e| e.context(Unchecked))??);
    }
    let failed = |e| unchecked(verbatim_oci::Error::io(&name, "cannot be read", e));
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut file = io::BufReader::with_capacity(1 << 16, file);
    Ok(with(&mut file, &name).map_err(failed)??)
}

/// The bytes of a sums file, or of standard input for `-`, and its name in messages.
pub fn read_text(path: &Path) -> anyhow::Result<(Vec<u8>, String)> {
    let data = opened(path, |input, name| text::read(input, name))?;
    Ok((data, name(path)))
}

/// What a sums file says, or standard input for `-`, read as it comes.
pub fn parse_text(path: &Path, reading: Reading<'_>) -> anyhow::Result<text::Parsed> {
    opened(path, |input, name| text::read_as(input, name, reading))
}

/// The document beside a sums file, if there is one.
pub fn read_record(path: &Path) -> anyhow::Result<Option<(Record, String)>> {
    let json_path = beside(path);
    if path == Path::new("-") || !json_path.exists() {
        return Ok(None);
    }
    let name = printable_path(&json_path).into_owned();
    Ok(Some((Record::read(&json_path).map_err(unchecked)?, name)))
}

/// Read a sums file, and the document beside it, which knows what each line is of.
///
/// Of a million lines both take a second, so they are read side by side, the text by its form alone: where
/// it says the same as the document in every line, the document has nothing to add.
pub fn load(path: &Path) -> anyhow::Result<Loaded> {
    let name = name(path);
    let is_alone = path == Path::new("-") || !beside(path).exists();
    let (document, by_form) = match is_alone {
        true => (None, parse_text(path, Reading::Form)),
        false => std::thread::scope(|scope| {
            let document = scope.spawn(|| read_record(path));
            let by_form = parse_text(path, Reading::Form);
            match document.join() {
                Ok(document) => anyhow::Ok((document?, by_form)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })?,
    };
    let agreement = |parsed: &text::Parsed| match &document {
        Some((record, json)) => record.check_against(&parsed.sums, json, &name),
        None => Ok(()),
    };
    let (parsed, agreement) = match (by_form, &document) {
        (by_form, None) => (by_form?, Ok(())),
        (Ok(parsed), Some(_)) if agreement(&parsed).is_ok() => (parsed, Ok(())),
        (_, Some((record, _))) => {
            let parsed = parse_text(path, Reading::Document(record))?;
            let agreement = agreement(&parsed);
            (parsed, agreement)
        }
    };
    Ok(Loaded {
        parsed,
        document,
        agreement,
    })
}
