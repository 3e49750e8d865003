//! Who signed what: keys, envelopes, bundles.
//!
//! A statement about an artifact travels in a [DSSE envelope](dsse::Envelope), alone, beside
//! others in a file of lines, or in a [Sigstore bundle](bundle::Bundle). [`documents::read`] takes
//! all of these apart without believing anything. What is believed is said by a [`Trust`], keys or
//! a trusted root with one signer, and [`Document::verify`] gives the bytes that were signed:
//!
//! ```
//! # fn main() -> Result<(), verbatim_signature::Error> {
//! # let (pem, lines) = (include_bytes!("../testdata/p256.pub"), include_bytes!("../testdata/lines.jsonl"));
//! use verbatim_signature::{documents, PublicKey, Trust};
//!
//! let trust = Trust::Keys(vec![PublicKey::from_pem(pem, "release.pub")?]);
//! for document in documents::read(lines, "attestations.jsonl")? {
//!     match document.and_then(|document| document.verify(&trust).map(|good| good.payload.to_vec())) {
//!         Ok(statement) => println!("{}", String::from_utf8_lossy(&statement)),
//!         Err(error) => eprintln!("{error}"),
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! [`PrivateKey`] signs. A signature says something about bytes and nothing about what they mean:
//! statements are read elsewhere.

mod base64;
pub mod bundle;
mod cosign_key;
pub mod documents;
pub mod dsse;
mod error;
mod key_file;
mod private_key;
mod public_key;
pub mod sigstore;
mod trust;

pub use documents::{Content, Document};
pub use error::Error;
pub use private_key::PrivateKey;
pub use public_key::{PublicKey, RsaHash};
pub use trust::{Signer, Trust, Verified};
