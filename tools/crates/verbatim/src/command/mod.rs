//! The subcommands, one a file.

mod attest;
mod bases;
mod binary;
mod check;
mod completions;
mod copy;
mod diff;
mod image;
mod index;
mod layer;
mod layout;
mod load;
mod man;
mod normalize;
mod packages;
mod pull;
mod push;
mod rebuild;
mod sbom;
mod sums;
mod verify;
mod why;

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand};

use crate::outcome::Outcome;
use crate::usage;

/// Hermetic OCI images and release sums that anyone can prove.
///
/// Exit codes: 0 done or all equal; 1 something differs, is missing or is extra;
/// 2 the input or the usage is wrong; 3 it could not be checked.
#[derive(Debug, Parser)]
#[command(name = "verbatim", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Layer(layer::Options),
    Normalize(normalize::Options),
    Image(image::Options),
    Index(index::Options),
    Layout(layout::Options),
    Binary(binary::Options),
    Sums(sums::Options),
    Verify(Box<verify::Options>),
    Attest(attest::Options),
    Diff(Box<diff::Options>),
    Check(check::Options),
    Pull(pull::Options),
    Push(push::Options),
    Copy(Box<copy::Options>),
    Bases(bases::Options),
    Load(load::Options),
    Packages(packages::Options),
    Rebuild(Box<rebuild::Options>),
    Sbom(Box<sbom::Options>),
    Why(Box<why::Options>),
    Completions(completions::Options),
    Man(man::Options),
}

/// All that can be written on the command line.
fn cli() -> clap::Command {
    Cli::command()
}

/// Run the program on its arguments, the program's name first.
pub fn run(arguments: Vec<OsString>) -> anyhow::Result<Outcome> {
    let parsed = Cli::try_parse_from(&arguments);
    let cli = parsed.unwrap_or_else(|error| usage::tell(error, cli(), &arguments));
    match cli.command {
        Command::Layer(options) => layer::run(options),
        Command::Normalize(options) => normalize::run(options),
        Command::Image(options) => image::run(options),
        Command::Index(options) => index::run(options),
        Command::Layout(options) => layout::run(options),
        Command::Binary(options) => binary::run(options),
        Command::Sums(options) => sums::run(options),
        Command::Verify(options) => verify::run(*options),
        Command::Attest(options) => attest::run(options),
        Command::Diff(options) => diff::run(*options),
        Command::Check(options) => check::run(options),
        Command::Pull(options) => pull::run(options),
        Command::Push(options) => push::run(options),
        Command::Copy(options) => copy::run(*options),
        Command::Bases(options) => bases::run(options),
        Command::Load(options) => load::run(options),
        Command::Packages(options) => packages::run(options),
        Command::Rebuild(options) => rebuild::run(*options),
        Command::Sbom(options) => sbom::run(*options),
        Command::Why(options) => why::run(*options),
        Command::Completions(options) => completions::run(options),
        Command::Man(options) => man::run(options),
    }
}
