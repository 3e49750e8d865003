//! `verbatim man`: the manual as pages for man(1).

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap_mangen::Man;
use verbatim_foreign::printable_path;

use crate::files::write_files;
use crate::outcome::Outcome;

/// Write the manual pages of verbatim and of each of its commands into a folder.
///
/// The pages hold no date, so the same verbatim writes the same bytes.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  verbatim man -o ~/.local/share/man/man1 && man verbatim-verify")]
pub struct Options {
    /// The folder, which is made if it is not there: verbatim.1, verbatim-verify.1 and so on.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let folder = &options.output;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{}: cannot be made", printable_path(folder)))?;
    let mut command = super::cli();
    // Names, versions and inherited options of the commands below are filled in by this.
    command.build();
    let mut pages = Vec::new();
    add_pages(folder, "verbatim", &command, &mut pages)?;
    write_files(
        pages
            .iter()
            .map(|(path, page)| (Some(path.as_path()), page.clone()))
            .collect(),
    )?;
    Ok(Outcome::Done)
}

/// The page of a command, and those of the commands below it.
fn add_pages(
    folder: &Path,
    name: &str,
    command: &clap::Command,
    pages: &mut Vec<(PathBuf, Vec<u8>)>,
) -> anyhow::Result<()> {
    let mut page = Vec::new();
    Man::new(command.clone())
        .title(name)
        .source(concat!("verbatim ", env!("CARGO_PKG_VERSION")))
        .render(&mut page)?;
    pages.push((folder.join(format!("{name}.1")), page));
    for below in command.get_subcommands() {
        if below.get_name() != "help" && !below.is_hide_set() {
            add_pages(
                folder,
                &format!("{name}-{}", below.get_name()),
                below,
                pages,
            )?;
        }
    }
    Ok(())
}
