//! `verbatim attest`: statements about artifacts, written, signed, attached and verified.

mod attach;
mod provenance;
mod sign;
mod verify;

use crate::outcome::Outcome;

/// Statements about artifacts: write them, sign them, attach them, verify them.
///
/// A statement (in-toto) says something about files or images by their digests: how they were
/// built, what is in them, whether they were rebuilt. It is believed for its signature, which is
/// in the envelope around it (DSSE).
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  Sign a statement, as cosign and slsa-verifier read it:
    verbatim attest sign provenance.json --key=release.key \\
      -o provenance.intoto.jsonl

  Attach it to the image that it is about, where others find it:
    verbatim attest attach registry.example.com/acme/app:v1 \\
      provenance.intoto.jsonl")]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Provenance(Box<provenance::Options>),
    Sign(sign::Options),
    Attach(Box<attach::Options>),
    Verify(Box<verify::Options>),
}

pub fn run(options: Options) -> anyhow::Result<Outcome> {
    match options.command {
        Command::Provenance(options) => provenance::run(*options),
        Command::Sign(options) => sign::run(options),
        Command::Attach(options) => attach::run(*options),
        Command::Verify(options) => verify::run(*options),
    }
}
