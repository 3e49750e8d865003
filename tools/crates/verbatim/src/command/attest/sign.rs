//! `verbatim attest sign`: a statement in an envelope.

use std::path::PathBuf;

use verbatim_document::json;
use verbatim_signature::bundle::Bundle;
use verbatim_signature::documents::{self, MAX_DOCUMENT};
use verbatim_signature::dsse::{Envelope, IN_TOTO};

use crate::files::write_files;
use crate::handed::handed;
use crate::outcome::Outcome;
use crate::printing::print;
use crate::signing::private_key;

/// Sign an in-toto statement: write the DSSE envelope that holds it, on one line.
///
/// The statement's bytes are signed as they are. Nothing else is in the envelope: the same
/// statement and key give the same bytes on every machine. `cosign verify-attestation` and
/// `cosign verify-blob-attestation` check it with the public key, and so does `openssl dgst
/// -verify` over the encoding that DSSE defines.
///
/// Keys are PEM files: ECDSA P-256, Ed25519 or RSA in PKCS #8, SEC 1 or PKCS #1, and what
/// `cosign generate-key-pair` wrote. The password of the last is in COSIGN_PASSWORD.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  With a key of cosign's:
    COSIGN_PASSWORD=… verbatim attest sign provenance.json --key=cosign.key \\
      -o provenance.intoto.jsonl

  As a Sigstore bundle, which cosign 3 takes by itself:
    verbatim attest sign provenance.json --key=release.pem --bundle \\
      -o provenance.sigstore.json

  Every statement of a folder, in one file of lines:
    for s in statements/*.json; do verbatim attest sign \"$s\" \\
      --key=release.pem; done > all.intoto.jsonl")]
pub struct Options {
    /// The statement, a JSON file; `-` is standard input.
    #[arg(value_name = "STATEMENT")]
    statement: PathBuf,
    /// The private key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Write a Sigstore bundle (version 0.3) around the envelope. It names the public key by a
    /// hint, and holds no certificate and no log entry.
    #[arg(long)]
    bundle: bool,
    /// The file to write; standard output by default.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let (statement, name) = handed(&options.statement, MAX_DOCUMENT)?;
    documents::statement(&statement, &name)?;
    let key = private_key(&options.key)?;
    let envelope = Envelope::sign(IN_TOTO, statement, &key);
    let signed = match options.bundle {
        true => Bundle::of_key(&envelope, key.public()),
        false => envelope.to_json(),
    };
    let line = json::to_canonical_line(&signed)?;
    match &options.output {
        Some(output) => write_files(vec![(Some(output.as_path()), line)])?,
        None => print(&String::from_utf8(line)?)?,
    }
    Ok(Outcome::Done)
}
