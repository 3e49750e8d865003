//! Sums files on a disk: the text, and the document beside it.

use std::path::{Path, PathBuf};

use anyhow::Context;
use verbatim_foreign::printable_path;
use verbatim_oci::json;
use verbatim_sums::{text, Reading, Record};

use crate::outcome::{unchecked, Unchecked};

/// The largest JSON document beside a text that is read.
const MAX_RECORD: u64 = 256 << 20;

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
    /// Its name in messages.
    pub name: String,
    /// What it says.
    pub parsed: text::Parsed,
    /// The document and its name.
    pub record: Option<(Record, String)>,
}

/// The bytes of a sums file, or of standard input for `-`, and its name in messages.
pub fn read_text(path: &Path) -> anyhow::Result<(Vec<u8>, String)> {
    if path == Path::new("-") {
        let name = "standard input";
        let data = text::read(std::io::stdin().lock(), name)
            .context("standard input cannot be read")
            .map_err(|e| e.context(Unchecked))??;
        return Ok((data, name.to_owned()));
    }
    let name = printable_path(path).into_owned();
    let failed = |e| unchecked(verbatim_oci::Error::io(&name, "cannot be read", e));
    let file = std::fs::File::open(path).map_err(failed)?;
    let data = text::read(file, &name).map_err(failed)??;
    Ok((data, name))
}

/// The document beside a sums file, if there is one.
pub fn read_record(path: &Path) -> anyhow::Result<Option<(Record, String)>> {
    let json_path = beside(path);
    if path == Path::new("-") || !json_path.exists() {
        return Ok(None);
    }
    let name = printable_path(&json_path).into_owned();
    let data = json::read_file(&json_path, MAX_RECORD).map_err(unchecked)?;
    Ok(Some((Record::parse(&data, &name)?, name)))
}

/// Read a sums file, and the document beside it, which knows what each line is of.
pub fn load(path: &Path) -> anyhow::Result<Loaded> {
    // First the document, whose bytes need not be kept beside those of the text.
    let record = read_record(path)?;
    let (data, name) = read_text(path)?;
    let reading = match &record {
        Some((record, _)) => Reading::Document(record),
        None => Reading::Form,
    };
    let parsed = text::parse_as(&data, &name, reading)?;
    Ok(Loaded {
        record,
        parsed,
        name,
    })
}
