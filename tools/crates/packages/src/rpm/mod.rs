//! RPM: packages of the formats 4 and 6, their repositories, and rpm's database.

mod accounts;
mod capabilities;
mod catalog;
mod choose;
mod contents;
mod database;
mod evr;
mod files;
mod install;
mod installed;
mod package;
mod payload;
mod present;
mod repository;
mod rich;
mod scripts;
mod sqlite;
mod tags;
mod unpack;
mod xml;

pub use choose::{choose, scripts_not_done};
pub use install::install;
pub use present::{present, Present, PresentFile};

use std::io;

use crate::Error;

/// What could not be read: it makes no sense, or nothing is known of it.
fn unreadable(file: &str, what: &str, error: io::Error) -> Error {
    let message = format!("{file}: {what}: {error}");
    match error.kind() {
        // What readers say of bytes, and not systems of files.
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::Unsupported => {
            Error::refused(message)
        }
        _ => Error::unreachable(message),
    }
}
