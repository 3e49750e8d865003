//! `verbatim`: the same sources give the same digest on every machine, and anyone can prove it.
//!
//! The program is thin: each subcommand is a file in [`command`], an options struct that
//! clap reads and a function that calls the crates beside this one.

mod arguments;
mod attaching;
mod cache_options;
mod colours;
mod command;
mod files;
mod handed;
mod image_files;
mod layer_output;
mod layout_output;
mod opened;
mod outcome;
mod pinned;
mod place;
mod printing;
mod progress;
mod registry_options;
mod report_form;
mod rootfs;
mod set_options;
mod signing;
mod sums_file;
mod threads;
mod usage;
mod workspace;

use std::process::ExitCode;

fn main() -> ExitCode {
    // `@FILE` stands for the arguments in FILE, one a line, each taken as it is: what a build tool's
    // param file holds. A line that begins with `@` is no further file.
    let as_they_are = |content: &str, _| {
        content
            .lines()
            .map(|line| argfile::Argument::PassThrough(line.into()))
            .collect()
    };
    let arguments =
        match argfile::expand_args_from(std::env::args_os(), as_they_are, argfile::PREFIX) {
            Ok(arguments) => arguments,
            Err(error) => {
                return outcome::report(Err(
                    anyhow::Error::from(error).context("cannot read a param file")
                ))
            }
        };
    outcome::report(command::run(arguments))
}
