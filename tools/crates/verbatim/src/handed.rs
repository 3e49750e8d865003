//! Small files that a person hands over, which may come out of a pipe.

use std::path::Path;

use verbatim_document::{json, Error, ErrorKind};
use verbatim_foreign::printable_path;

use crate::outcome::Unchecked;

/// The bytes of a file, or of standard input for `-`, at most `limit`; and its name in messages.
///
/// What is not there or cannot be read was not checked: exit code 3. What is too large is wrong.
pub fn handed(path: &Path, limit: u64) -> anyhow::Result<(Vec<u8>, String)> {
    let (data, name) = match path == Path::new("-") {
        true => {
            let name = "standard input".to_owned();
            (
                json::read_limited(std::io::stdin().lock(), limit, &name),
                name,
            )
        }
        false => (
            json::read_handed(path, limit),
            printable_path(path).into_owned(),
        ),
    };
    Ok((data.map_err(unread)?, name))
}

/// What is not there or cannot be read was not checked.
pub fn unread(error: Error) -> anyhow::Error {
    let unchecked = error.kind().is_unchecked() || error.kind() == ErrorKind::Missing;
    let error = anyhow::Error::from(error);
    match unchecked {
        true => error.context(Unchecked),
        false => error,
    }
}
