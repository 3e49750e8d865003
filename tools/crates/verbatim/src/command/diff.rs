//! `verbatim diff`: what differs, why, and how to stop it.

use std::path::PathBuf;

use anyhow::Context;
use verbatim_causes::Cause;
use verbatim_explain::{
    explain, html, text, Error, ErrorKind, Limits, Opener, Side, Verdict, View,
};

use crate::colours;
use crate::outcome::{Outcome, Unchecked};
use crate::printing::print;
use crate::printing::print_json;
use crate::registry_options::{tell_retries, RegistryOptions};
use crate::report_form::Format;

/// Say what differs between two things, why, and how to stop it.
///
/// Each side is a file, an archive of any compression, an OCI layout (a folder or an archive), an
/// archive of `docker save` or `podman save`, a folder, a list of sums, or an image in a
/// registry. Both are taken apart side by side, from the index of an image down to a byte of a
/// file; what has one digest on both sides is not opened.
///
/// First come the causes, most telling first, each with evidence and the fix in one sentence;
/// docs/causes has a page on each. Then comes the tree of differences: ~ changed, + added,
/// - removed, > moved, ? not looked into.
///
/// Exit codes: 0 equal; 1 different; 2 the input is wrong; 3 it could not be checked.
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  Two builds of a layer:
    verbatim diff first/layer.tar.gz second/layer.tar.gz

  What was released, and what is built from its sources now:
    verbatim diff registry.example.com/acme/app:v1 bazel-bin/app

  With a report for a browser:
    verbatim diff a.tar b.tar --html report.html

  Leave out what is known, and succeed if there is nothing else:
    verbatim diff a.tar b.tar --ignore timestamp --accept-ignored")]
pub struct Options {
    /// A file, a folder or an image: REGISTRY/NAME:TAG or REGISTRY/NAME@DIGEST.
    #[arg(value_name = "A")]
    left: String,
    /// The same, for the other side.
    #[arg(value_name = "B")]
    right: String,
    /// Put a cause aside: it is listed last and marked. What differs stays different; can be
    /// given several times.
    #[arg(long, value_name = "CAUSE", value_delimiter = ',')]
    ignore: Vec<Cause>,
    /// Exit with 0 if every cause is one of those that --ignore names.
    #[arg(long, requires = "ignore")]
    accept_ignored: bool,
    /// Show only differences of this cause; can be given several times.
    #[arg(long, value_name = "CAUSE", value_delimiter = ',')]
    only: Vec<Cause>,
    /// Show so many levels of the tree; 0 shows the causes alone.
    #[arg(long, value_name = "N")]
    depth: Option<usize>,
    /// Compare times, owners and extended attributes of files in folders too. They say when and by
    /// whom a folder was copied; in archives they always count.
    #[arg(long)]
    metadata: bool,
    /// Write a report for a browser: one file that needs no network.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// The form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// Run it.
pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let limits = Limits::default();
    let client = || {
        options
            .registry
            .client(Some(tell_retries()))
            .map_err(|e| Error::new(ErrorKind::Input, format!("{e:#}")))
    };
    let opener = Opener {
        client: &client,
        limits: &limits,
    };
    let left = open(&opener, &options.left)?;
    let right = open(&opener, &options.right)?;
    let mut report = explain(&left, &right, options.metadata, &limits).map_err(failed)?;
    report.ignore(&options.ignore);
    if let Some(path) = &options.html {
        verbatim_output::write(path, html(&report).as_bytes())
            .with_context(|| format!("--html={} cannot be written", path.display()))?;
    }
    match options.format {
        Format::Json => print_json(&report)?,
        Format::Text => {
            print(&text(
                &report,
                &View {
                    only: options.only.clone(),
                    depth: options.depth,
                    colour: colours::are_wanted(),
                },
            ))?;
        }
    }
    let harmless = options.accept_ignored && report.all_ignored();
    Ok(if report.verdict == Verdict::Equal || harmless {
        Outcome::Done
    } else {
        Outcome::Different
    })
}

fn open(opener: &Opener<'_>, name: &str) -> anyhow::Result<Side> {
    opener.open(name).map_err(failed)
}

fn failed(error: Error) -> anyhow::Error {
    let unchecked = error.kind() == ErrorKind::Unchecked;
    let error = anyhow::Error::new(error);
    if unchecked {
        error.context(Unchecked)
    } else {
        error
    }
}
