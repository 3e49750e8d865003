//! Sums files on a disk: the text, and the document beside it.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use verbatim_oci::json;
use verbatim_sums::{text, Record};

use crate::outcome::unchecked;

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
        let mut data = Vec::new();
        std::io::stdin()
            .lock()
            .take(text::MAX_TEXT as u64 + 1)
            .read_to_end(&mut data)
            .context("standard input cannot be read")?;
        return Ok((data, "standard input".into()));
    }
    let data = json::read_file(path, text::MAX_TEXT as u64).map_err(unchecked)?;
    Ok((data, path.display().to_string()))
}

/// The document beside a sums file, if there is one.
pub fn read_record(path: &Path) -> anyhow::Result<Option<(Record, String)>> {
    let json_path = beside(path);
    if path == Path::new("-") || !json_path.exists() {
        return Ok(None);
    }
    let name = json_path.display().to_string();
    let data = json::read_file(&json_path, MAX_RECORD).map_err(unchecked)?;
    Ok(Some((Record::parse(&data, &name)?, name)))
}

/// Read a sums file, and the document beside it.
pub fn load(path: &Path) -> anyhow::Result<Loaded> {
    let (data, name) = read_text(path)?;
    let parsed = text::parse(&data, &name)?;
    Ok(Loaded {
        record: read_record(path)?,
        parsed,
        name,
    })
}
