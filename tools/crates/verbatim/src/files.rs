//! Files that a command writes.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{bail, Context};
use verbatim_foreign::printable_path;
use verbatim_output::OutputFile;

/// The folder that holds a file; `.` for a bare name.
pub fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The path of a file that may not be there yet, without symlinks on the way; nothing for what is no file.
pub fn real(path: &Path) -> Option<PathBuf> {
    if path.exists() && !path.is_file() {
        return None;
    }
    Some(folder(path).canonicalize().ok()?.join(path.file_name()?))
}

/// See to it that no output is written over another one.
pub fn check_distinct<'a>(outputs: impl IntoIterator<Item = &'a Path>) -> anyhow::Result<()> {
    let mut known = Vec::new();
    for output in outputs {
        let Some(path) = real(output) else { continue };
        if known.contains(&path) {
            bail!(
                "{}: two outputs have this name; give each one of its own",
                printable_path(output)
            );
        }
        known.push(path);
    }
    Ok(())
}

/// What is written into a file.
pub type Writing<'a> = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'a>;

/// Write several files; none of them appears unless all could be written.
pub fn write_files(files: Vec<(Option<&Path>, Vec<u8>)>) -> anyhow::Result<()> {
    let whole = |(path, data): (Option<_>, Vec<u8>)| {
        let write: Writing<'_> = Box::new(move |out| out.write_all(&data));
        Some((path?, write))
    };
    write_all(files.into_iter().filter_map(whole).collect())
}

/// The same of what is made while it is written.
pub fn write_all(mut files: Vec<(&Path, Writing<'_>)>) -> anyhow::Result<()> {
    check_distinct(files.iter().map(|(path, _)| *path))?;
    let write = |(path, write): (&Path, Writing<'_>)| {
        let mut file = OutputFile::create(path).map_err(output_error)?;
        write(&mut file).with_context(|| format!("cannot write {}", printable_path(path)))?;
        // Until the disk has it, which takes the longest: all of them at the same time.
        file.sync().map_err(output_error)?;
        anyhow::Ok(file)
    };
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
