//! `verbatim bases`: have the images that others stand on moved on?

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use verbatim_bases::{repinned, Base, BaseVerdict, Report};
use verbatim_foreign::{counted, printable};

use crate::colours::colours;
use crate::files::write_files;
use crate::outcome::{Outcome, Unchecked};
use crate::pinned::{ask, read, Pinned};
use crate::printing::{print, print_json};
use crate::registry_options::RegistryOptions;
use crate::report_form::Format;
use crate::sums_file::read_record;

/// How many images that stand on one base are named.
const MAX_IMAGES: usize = 5;

/// Say which pinned base images have moved on, and who stands on them.
///
/// Each file is read for calls that pin an image by digest: `images.pull` of these rules,
/// `oci.pull` of rules_oci, `pull` of rules_img. Nothing is evaluated: `image`, `digest` and
/// `tag` must be written as strings. The registry is asked what each tag stands for now:
///
///   current    what is pinned
///   moved      something else, and what
///   unchecked  it could not be asked, or there is no tag or no digest, and why
///
/// With --sums the images of a release are named that stand on each base: those whose layers
/// begin with its layers. The list needs its JSON beside it.
///
/// Exit codes: 0 all are current, or were updated; 1 one has moved; 2 the input is wrong; 3 one
/// was not checked, and none has moved.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = "EXAMPLES
  Which bases are out of date?
    verbatim bases MODULE.bazel

  And which images of the release stand on them?
    verbatim bases MODULE.bazel --sums bazel-bin/release/container_sums.sha256

  Pin what the tags stand for now:
    verbatim bases MODULE.bazel --update

  Only two of them, for a machine that writes pull requests:
    verbatim bases MODULE.bazel --update --name base --name distroless \\
      --format json")]
pub struct Options {
    /// The files that pin images.
    #[arg(value_name = "MODULE.bazel", default_value = "MODULE.bazel")]
    files: Vec<PathBuf>,
    /// Only the image that the file calls so; can be given several times.
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
    /// Name the images of this release that stand on each base.
    #[arg(long, value_name = "SUMS")]
    sums: Option<PathBuf>,
    /// Put what the tags stand for now in the place of the digests that have moved. Nothing else in
    /// the files changes.
    #[arg(long)]
    update: bool,
    /// The form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// Run it.
pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let mut files = read(&options.files)?;
    choose(&mut files, &options.name)?;
    let record = match &options.sums {
        None => None,
        Some(sums) => Some(read_record(sums)?.map(|(record, _)| record).ok_or_else(|| {
            anyhow!("--sums={}: has no JSON beside it, which says of what layers the images are; `verbatim sums create -o` and the rule `container_sums` write both", sums.display())
        })?),
    };
    let images = record.as_ref().map(|record| record.images.as_slice());
    let bases = ask(&files, images, &options.registry)?;
    if options.update {
        update(&files, &bases)?;
    }
    let report = Report::new(bases);
    match options.format {
        Format::Json => print_json(&report)?,
        Format::Text => print(&shown(&report, options.update)?)?,
    }
    match report.verdict {
        BaseVerdict::Current => Ok(Outcome::Done),
        BaseVerdict::Moved if !options.update => Ok(Outcome::Different),
        _ if report
            .bases
            .iter()
            .any(|base| base.verdict == BaseVerdict::Unchecked) =>
        {
            Err(anyhow!("the report above says what was not checked, and why").context(Unchecked))
        }
        _ => Ok(Outcome::Done),
    }
}

/// Leave only the pins of these names, if any are given.
fn choose(files: &mut [Pinned], names: &[String]) -> anyhow::Result<()> {
    if let Some(unknown) = names.iter().find(|name| {
        let mut pins = files.iter().flat_map(|file| &file.pins);
        !pins.any(|pin| pin.name == **name)
    }) {
        let known: Vec<_> = files
            .iter()
            .flat_map(|file| &file.pins)
            .map(|pin| pin.name.as_str())
            .collect();
        bail!(
            "--name={unknown}: no image is called so; there are {}",
            known.join(", ")
        );
    }
    if !names.is_empty() {
        for file in files {
            file.pins.retain(|pin| names.contains(&pin.name));
        }
    }
    Ok(())
}

/// Write the new digests, all files or none.
fn update(files: &[Pinned], bases: &[Base]) -> anyhow::Result<()> {
    let mut bases = bases.iter();
    let mut new: BTreeMap<&Path, Vec<u8>> = BTreeMap::new();
    for file in files {
        let moved: Vec<_> = file
            .pins
            .iter()
            .zip(bases.by_ref())
            .filter(|(_, base)| base.verdict == BaseVerdict::Moved)
            .filter_map(|(pin, base)| Some((pin, base.now?)))
            .collect();
        if !moved.is_empty() {
            new.insert(&file.path, repinned(&file.text, &moved).into_bytes());
        }
    }
    write_files(
        new.into_iter()
            .map(|(path, data)| (Some(path), data))
            .collect(),
    )
}

fn shown(report: &Report, updated: bool) -> anyhow::Result<String> {
    let (good, bad) = colours();
    let widest = |of: fn(&Base) -> String| {
        let widths = report.bases.iter().map(|base| of(base).chars().count());
        widths.max().unwrap_or(0).min(60)
    };
    let (verdicts, names) = (
        widest(|base| base.verdict.as_str().to_owned()),
        widest(|base| printable(&base.name).to_string()),
    );
    let mut text = String::new();
    for base in &report.bases {
        let colour = match base.verdict {
            BaseVerdict::Current => good,
            BaseVerdict::Moved | BaseVerdict::Unchecked => bad,
        };
        writeln!(
            text,
            "{colour}{:verdicts$}{colour:#}  {:names$}  {}",
            base.verdict.as_str(),
            printable(&base.name),
            base.reference
        )?;
        if base.verdict == BaseVerdict::Moved {
            let (old, new) = if updated {
                ("was", "is")
            } else {
                ("pinned", "now")
            };
            for (word, digest) in [(old, base.pinned), (new, base.now)] {
                if let Some(digest) = digest {
                    writeln!(text, "{:verdicts$}  {word:6} {digest}", "")?;
                }
            }
        }
        if let Some(reason) = &base.reason {
            let place = format!("{}:{}", base.file, base.line);
            writeln!(
                text,
                "{:verdicts$}  {}: {}",
                "",
                printable(&place),
                printable(reason)
            )?;
        }
        match &base.images {
            None => {}
            Some(images) if images.is_empty() => {
                writeln!(
                    text,
                    "{:verdicts$}  no image of the release stands on it",
                    ""
                )?;
            }
            Some(images) => {
                let some: Vec<_> = images
                    .iter()
                    .take(MAX_IMAGES)
                    .map(ToString::to_string)
                    .collect();
                let more = match images.len().saturating_sub(MAX_IMAGES) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                writeln!(
                    text,
                    "{:verdicts$}  {} on it: {}{more}",
                    "",
                    match images.len() {
                        1 => "1 image stands".to_owned(),
                        count => format!("{} stand", counted(count, "image")),
                    },
                    some.join(", ")
                )?;
            }
        }
    }
    let count = |verdict| {
        report
            .bases
            .iter()
            .filter(|base| base.verdict == verdict)
            .count()
    };
    let counts: Vec<_> = [
        BaseVerdict::Current,
        BaseVerdict::Moved,
        BaseVerdict::Unchecked,
    ]
    .into_iter()
    .filter(|verdict| count(*verdict) > 0)
    .map(|verdict| match (verdict, updated) {
        (BaseVerdict::Moved, true) => format!("{} updated", count(verdict)),
        _ => format!("{} {}", count(verdict), verdict.as_str()),
    })
    .collect();
    writeln!(text, "{}", counts.join(", "))?;
    Ok(text)
}
