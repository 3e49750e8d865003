//! Files that a command writes.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use verbatim_foreign::printable_path;
use verbatim_output::OutputFile;

/// Write several files; none of them appears unless all could be written.
pub fn write_files(files: Vec<(Option<&Path>, Vec<u8>)>) -> anyhow::Result<()> {
    let write = |(path, data): (&Path, Vec<u8>)| {
        let mut file = OutputFile::create(path).map_err(output_error)?;
        file.write_all(&data)
            .with_context(|| format!("cannot write {}", printable_path(path)))?;
        // Until the disk has it, which takes the longest: all of them at the same time.
        file.sync().map_err(output_error)?;
        anyhow::Ok(file)
    };
    let mut files: Vec<_> = files
        .into_iter()
        .filter_map(|(path, data)| Some((path?, data)))
        .collect();
    let Some(last) = files.pop() else {
        return Ok(());
    };
    let open = std::thread::scope(|scope| {
        let others: Vec<_> = files
            .into_iter()
            .map(|file| scope.spawn(move || write(file)))
            .collect();
        let last = write(last);
        let mut open = Vec::new();
        for other in others {
            match other.join() {
                Ok(written) => open.push(written?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        open.push(last?);
        anyhow::Ok(open)
    })?;
    for file in open {
        file.commit().map_err(output_error)?;
    }
    Ok(())
}

/// The sentence names the reason already; the kind stays, for the exit code.
fn output_error(error: verbatim_output::Error) -> anyhow::Error {
    io::Error::new(error.io().kind(), error.to_string()).into()
}
