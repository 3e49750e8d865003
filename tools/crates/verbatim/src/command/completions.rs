//! `verbatim completions`: what a shell completes.

use std::path::PathBuf;

use clap_complete::Shell;

use crate::files::write_files;
use crate::outcome::Outcome;
use crate::printing::print;

/// Print the completions of a shell: commands, options and their values.
///
/// They belong where the shell looks for them, once, and again after an update of verbatim.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  verbatim completions bash \\
    > ~/.local/share/bash-completion/completions/verbatim
  verbatim completions zsh > ~/.zfunc/_verbatim   # fpath+=~/.zfunc, compinit
  verbatim completions fish > ~/.config/fish/completions/verbatim.fish")]
pub struct Options {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
    /// Write the completions to this file instead.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut super::cli(), "verbatim", &mut script);
    match &options.output {
        Some(output) => write_files(vec![(Some(output), script)])?,
        None => print(std::str::from_utf8(&script)?)?,
    }
    Ok(Outcome::Done)
}
