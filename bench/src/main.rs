//! Our program beside the tools that people use today.
//!
//! Absolute times on a shared machine mean little. So each case runs our command and its peers in turn
//! (A B C A B C …), in one run, on the same bytes, and what is reported is the **median of the ratios of
//! each round**, together with the median times and the peak memory that the operating system accounted.
//!
//! A peer that is not installed is listed as absent, never left out in silence.

mod cases;
mod differences;
mod measure;
mod moved;
mod registries;
mod report;
mod trees;

use std::path::PathBuf;

use anyhow::{ensure, Context, Result};
use clap::{Parser, Subcommand};

/// Measure `verbatim` against GNU tar, gzip, pigz, zstd, bsdtar, skopeo, chunkah, crane and the normalisers.
///
/// The trees are made from the files of installed Debian packages. Run it inside the Debian root, where the peers are:
/// `./bazelw --in-root cargo run --release --manifest-path bench/Cargo.toml`.
#[derive(Debug, Parser)]
#[command(name = "verbatim-bench", version)]
struct Options {
    #[command(subcommand)]
    limit: Option<Limit>,

    /// The program to measure.
    #[arg(long, default_value = "tools/target/release/verbatim")]
    verbatim: PathBuf,

    /// Folder for trees and outputs: about 6 GB, on the disk that is to be measured (a tmpfs leaves the disk out).
    #[arg(long, default_value = "bench/target/trees")]
    work: PathBuf,

    /// Counted rounds of each case, after one that is not counted.
    #[arg(long, default_value_t = 5)]
    rounds: usize,

    /// Only cases whose name contains one of these texts.
    #[arg(long)]
    only: Vec<String>,

    /// List the cases and what each peer runs, and stop.
    #[arg(long)]
    list: bool,

    /// Another peer for the layer cases: NAME=COMMAND, where {tree}, {out} and {compression} are replaced.
    #[arg(long = "peer", value_name = "NAME=COMMAND")]
    peers: Vec<String>,

    /// Write the table as Markdown here.
    #[arg(long)]
    markdown: Option<PathBuf>,

    /// Write the plot of the ratios as SVG here.
    #[arg(long)]
    svg: Option<PathBuf>,
}

/// What is no case: how much of a layer moves, and the least that any tool must do, which the share of the limit is
/// measured against.
#[derive(Debug, Subcommand)]
enum Limit {
    /// How many bytes of a layer are new to whoever chunks it by content, after one small change.
    ///
    /// A file of 10 kB is inserted, removed and changed at the front, in the middle and at the end of a tree, and ten bytes
    /// are inserted into a file of 200 MB that is made of the tree's own largest files. Old and new layer are cut into chunks of 512 KiB on
    /// average, by a chunker that knows nothing of their format.
    Moved {
        /// The tree. It is not touched: its copy below the work folder holds links to its files.
        tree: PathBuf,
        /// The program.
        #[arg(long, default_value = "tools/target/release/verbatim")]
        verbatim: PathBuf,
        /// Folder for copies and layers, on the file system of the tree.
        #[arg(long, default_value = "bench/target/moved")]
        work: PathBuf,
        /// gzip and zstd, unless others are given.
        #[arg(long)]
        compression: Vec<String>,
        /// Only changes whose name contains one of these texts, `10 bytes` or `inserted, front` for example.
        #[arg(long)]
        only: Vec<String>,
    },
    /// Hash a file once, from memory.
    Hash {
        /// The file.
        file: PathBuf,
    },
    /// Copy a file once, with large writes.
    Write {
        /// The file.
        file: PathBuf,
        /// The copy.
        out: PathBuf,
    },
    /// Write to 2 GiB of memory and give it back, so that the next command gets memory that the machine has just used.
    ///
    /// A virtual machine returns free memory to its host, and a page that it must ask for again costs several times
    /// as much. Whoever writes a large file would be charged for what the machine did while nobody ran.
    Touch,
}

fn main() -> Result<()> {
    let options = Options::parse();
    match &options.limit {
        Some(Limit::Hash { file }) => {
            verbatim_digest::of_file(file)?;
            return Ok(());
        }
        Some(Limit::Write { file, out }) => {
            let mut from = std::fs::File::open(file)?;
            let mut to = std::fs::File::create(out)?;
            std::io::copy(&mut from, &mut to)?;
            return Ok(());
        }
        Some(Limit::Touch) => {
            let mut memory = vec![0u8; 2 << 30];
            for page in memory.iter_mut().step_by(4096) {
                *page = 1;
            }
            std::hint::black_box(&memory);
            return Ok(());
        }
        Some(Limit::Moved {
            tree,
            verbatim,
            work,
            compression,
            only,
        }) => return moved::run(tree, verbatim, work, compression, only),
        None => {}
    }

    let verbatim = options.verbatim.canonicalize().with_context(|| {
        format!(
            "no program at {}: build it with `cargo build --release -p verbatim`, or name it with --verbatim",
            options.verbatim.display()
        )
    })?;
    let bench = std::env::current_exe()?;
    std::fs::create_dir_all(&options.work)?;
    let work = options.work.canonicalize()?;
    let extra = options
        .peers
        .iter()
        .map(|p| p.split_once('=').context("--peer takes NAME=COMMAND"))
        .collect::<Result<Vec<_>>>()?;

    let mut cases = cases::all(&verbatim, &bench, &extra);
    cases.extend(registries::cases(&verbatim));
    cases.extend(differences::cases(&verbatim));
    if !options.only.is_empty() {
        cases.retain(|case| options.only.iter().any(|only| case.name.contains(only)));
        ensure!(
            !cases.is_empty(),
            "no case has {} in its name: see --list",
            options.only.join(" or ")
        );
    }
    if options.list {
        for case in &cases {
            report::say(&case.name);
            for runner in &case.runners {
                report::say(&format!("  {}: {}", runner.name, runner.script));
            }
        }
        return Ok(());
    }

    for tree in cases::trees(&cases) {
        trees::make(tree, &work)?;
    }
    let asked = cases
        .iter()
        .any(|case| case.name.starts_with(registries::PREFIX));
    let _registries = asked
        .then(|| registries::start(&verbatim, &work))
        .transpose()?;
    if cases
        .iter()
        .any(|case| case.name.starts_with(differences::PREFIX))
    {
        differences::make(&verbatim, &work)?;
    }
    let mut results = Vec::new();
    for case in &cases {
        let result = measure::case(case, options.rounds, &work, &bench)?;
        report::say(&report::text(&result));
        results.push(result);
    }
    let machine = report::machine();
    if let Some(path) = &options.markdown {
        verbatim_output::write(
            path,
            report::markdown(&machine, options.rounds, &results).as_bytes(),
        )?;
    }
    if let Some(path) = &options.svg {
        verbatim_output::write(path, report::svg(&results).as_bytes())?;
    }
    Ok(())
}
