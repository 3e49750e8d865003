//! `verbatim sums update`: take sums over into the sources.

use std::path::PathBuf;

use verbatim_foreign::{counted, printable_path};
use verbatim_sums::text;

use crate::files::write_files;
use crate::outcome::Outcome;
use crate::printing::print;
use crate::sums_file::read_text;
use crate::workspace::workspace_file;

/// Take new sums over into a checked-in file.
///
/// Meant for `bazel run`, which says where the workspace is (in BUILD_WORKSPACE_DIRECTORY):
/// only there does a program write into the sources. The file is written whole, or not at all.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  Accept changed sums of a `sums_test`:
    bazel run //release:sums_test.update")]
pub struct Update {
    /// The checked-in file, relative to the workspace.
    #[arg(value_name = "DEST")]
    destination: PathBuf,
    /// The sums that it shall hold.
    #[arg(value_name = "ACTUAL")]
    actual: PathBuf,
}

pub(super) fn run(options: Update) -> anyhow::Result<Outcome> {
    let path = workspace_file(&options.destination)?;
    let (data, name) = read_text(&options.actual)?;
    let count = counted(text::parse(&data, &name)?.sums.len(), "sum");
    let shown = printable_path(&options.destination);
    if std::fs::read(&path).is_ok_and(|old| old == data) {
        print(&format!("{shown}: holds {count} already\n"))?;
        return Ok(Outcome::Done);
    }
    write_files(vec![(Some(path.as_path()), data)])?;
    print(&format!("{shown}: holds {count} now\n"))?;
    Ok(Outcome::Done)
}
