//! What goes to standard output.

use std::io::{self, Write};

use anyhow::Context;
use serde::Serialize;
use verbatim_document::json;

/// Print to stdout; a closed pipe is nobody's mistake.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

/// Print a report for machines: one object of canonical JSON on a line.
pub fn print_json(report: &impl Serialize) -> anyhow::Result<()> {
    print(std::str::from_utf8(&json::to_canonical_line(report)?)?)
}
