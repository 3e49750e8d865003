//! The sums of a release: one sha256 per image and per file.
//!
//! A release is proved by a small text file that anyone can read, diff and sign. Its form is
//! fixed to the byte ([`text`]), because it is compared as a whole and may be signed: for
//! each image the digest that a registry serves under its reference, for each other file the
//! digest of its bytes. Beside it stands a JSON document ([`record`]) that says how each
//! digest comes about, so that another compression can be told from another content.
//!
//! [`Sums`] is what both say: what is released, each thing with one digest, in one order.

pub mod collect;
mod compare;
mod file_name;
mod line;
mod list;
pub mod record;
mod streamed;
mod subject;
pub mod text;

pub use compare::{compare, Change};
pub use file_name::{FileName, FileNameError};
pub use list::{Conflict, Sums};
pub use record::Record;
pub use subject::{Reading, Subject, SubjectError, SubjectIdentity};
