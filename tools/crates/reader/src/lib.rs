//! Any compression and every dialect of tar in, plain entries out.
//!
//! Whoever reads a foreign tarball meets forty years of formats and, sooner or later,
//! one that was made to do harm. This crate turns all of them into one thing: a stream
//! of entries with a path, a kind, a mode, an owner, a time, extended attributes and
//! content. It reads forward only, once, in bounded memory, and either gives exactly
//! what the archive says or an error that names the byte where it stops making sense.
//!
//! [`decompress`] finds gzip, zstd, xz, bzip2 or no compression by the first bytes.
//! [`Archive`] reads tar:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let file: &[u8] = &[0; 1024];
//! let mut archive = verbatim_reader::Archive::open(file);
//! while let Some(mut entry) = archive.next_entry()? {
//!     println!("{} bytes", std::io::copy(&mut entry, &mut std::io::sink())?);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What is believed
//!
//! Readers of tar disagree, and a file that says different things to different readers
//! is a way to smuggle. Where two sources of one fact contradict each other, or a length
//! does not add up, this reader does not choose: it refuses, with the offset. Every
//! limit on memory is a constant with its reason beside it.

mod ahead;
mod compression;
mod error;
mod input;
mod tar;

pub use ahead::ReadAhead;
pub use compression::{decompress, Compression, Decompressed};
pub use error::{Error, ErrorKind, Stream};
pub use tar::{Archive, Entry, Kind};
