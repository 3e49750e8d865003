//! Typed digests: what a thing is called when its bytes are its name.
//!
//! Everything this project says about images and files comes down to sha256
//! digests, so a digest is a type and never a string: it can only be made by
//! hashing bytes or by parsing the one spelling that registries use, `sha256:`
//! and 64 lower-case hexadecimal digits. Whoever holds a [`Digest`] holds 32
//! bytes and nothing that still has to be checked for form.
//!
//! Hashing is the floor under everything else's speed, so it uses the
//! processor's SHA instructions wherever there are any: they are looked for
//! when the program runs, on x86-64 and on aarch64 alike.
//! `docs/performance.md` says how the implementation was chosen.

mod digest;
mod stream;

pub use digest::{hex, Digest, ParseError};
pub use stream::{
    copy, of_file, of_file_in, of_reader, CopyError, FileError, Hasher, HashingReader,
    HashingWriter,
};
