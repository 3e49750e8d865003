//! Files that a command writes.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use verbatim_output::OutputFile;

/// Write several files; none of them appears unless all could be written.
pub fn write_files(files: Vec<(Option<&Path>, Vec<u8>)>) -> anyhow::Result<()> {
    let mut open = Vec::new();
    for (path, data) in files {
        let Some(path) = path else { continue };
        let mut file = OutputFile::create(path).map_err(output_error)?;
        file.write_all(&data)
            .with_context(|| format!("cannot write {}", path.display()))?;
        open.push(file);
    }
    for file in open {
        file.commit().map_err(output_error)?;
    }
    Ok(())
}

/// The sentence names the reason already; the kind stays, for the exit code.
fn output_error(error: verbatim_output::Error) -> anyhow::Error {
    io::Error::new(error.io().kind(), error.to_string()).into()
}
