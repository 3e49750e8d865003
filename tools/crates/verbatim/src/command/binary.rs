//! `verbatim binary`: a program as it is released.

use std::io::{Read, Write};
use std::path::PathBuf;

use anyhow::{bail, Context};
use verbatim_normalize::{elf, scan};
use verbatim_output::OutputFile;

use crate::outcome::Outcome;

/// Copy a program for release: stripped, and proved to hold no path of the build machine.
///
/// With --strip an ELF program or shared object loses its symbol table, debug
/// information and everything else that only a debugger reads; the result is the
/// same on every machine and for every architecture. Other files pass unchanged.
///
/// Then the bytes that would be written are searched for paths that only a build
/// leaves behind. By default these shapes are looked for:
///
///   /execroot/<workspace>/  bazel-out/<configuration>/  /_bazel_<user>/
///   sandbox/<strategy>-sandbox/<number>/  /go-build<number>/
///   /.cargo/registry/src/…  /.cargo/git/checkouts/…  /go/pkg/mod/…
///   /home/<name>/<file>  /Users/<name>/<file>  <drive>:\Users\<name>\
///   /root/.<folder>/<file>  /var/folders/<xx>/<name>/
///   /jenkins/workspace/<job>/  /github/workspace/<file>
///
/// What is found is an error (exit code 2) that names the text and its offset, and
/// nothing is written. Repair it where it arises: -ffile-prefix-map for C and C++,
/// --remap-path-prefix or trim-paths for Rust, -trimpath for Go.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = "EXAMPLES
  Strip a program for release:
    verbatim binary --strip -o dist/tool build/tool

  Also refuse a host name, and accept one path that the program really uses:
    verbatim binary --strip --forbid=buildhost7 --allow=/home/linuxbrew/ \\
      -o dist/tool build/tool")]
pub struct Options {
    /// Remove symbols and debug information from an ELF program or shared object.
    #[arg(long)]
    strip: bool,
    /// Refuse a file that holds this string; may be given several times.
    #[arg(long, value_name = "STRING")]
    forbid: Vec<String>,
    /// Accept what is found where this string stands; may be given several times.
    #[arg(long, value_name = "STRING")]
    allow: Vec<String>,
    /// Look only for the strings given with --forbid.
    #[arg(long)]
    no_default_forbid: bool,
    /// The permissions of the output, in octal.
    #[arg(long, value_name = "MODE", default_value = "0755", value_parser = mode)]
    mode: u32,
    /// The file to write.
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// The program, or any other file; `-` reads standard input.
    #[arg(value_name = "IN")]
    input: PathBuf,
}

/// A message that names more findings than this helps nobody.
const SHOWN: usize = 5;

/// Permissions in octal, as `chmod` takes them.
fn mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o7777 => Ok(mode),
        _ => Err("give permissions in octal, 0755 for example".into()),
    }
}

/// Run it.
pub fn run(options: Options) -> anyhow::Result<Outcome> {
    let rules = scan::Rules::new(!options.no_default_forbid, &options.forbid, &options.allow)
        .context("cannot use --forbid and --allow")?;
    let name = options.input.display();
    let mut data = Vec::new();
    if options.input.as_os_str() == "-" {
        std::io::stdin().lock().read_to_end(&mut data)
    } else {
        std::fs::File::open(&options.input).and_then(|mut file| file.read_to_end(&mut data))
    }
    .with_context(|| format!("cannot read {name}"))?;

    if options.strip && elf::is_elf(&data) {
        elf::strip(&mut data).with_context(|| format!("cannot strip {name}"))?;
    }

    let findings = rules.scan(&data);
    if findings.total > 0 {
        let shown: Vec<String> = findings
            .first
            .iter()
            .take(SHOWN)
            .map(|f| format!("{:?} at offset {} ({})", f.text, f.offset, f.rule))
            .collect();
        let more = findings.total - shown.len() as u64;
        let more = match more {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        bail!(
            "{name} holds what must not be released: {}{more}; compile with paths mapped \
             away (-ffile-prefix-map, --remap-path-prefix, -trimpath), strip debug \
             information with --strip, or accept a text with --allow",
            shown.join(", ")
        );
    }

    let mut output = OutputFile::create(&options.output)?;
    output
        .write_all(&data)
        .with_context(|| format!("cannot write {}", options.output.display()))?;
    output.commit()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let path = &options.output;
        let failed = || format!("cannot set the mode of {}", path.display());
        let regular = std::fs::metadata(path).with_context(failed)?.is_file();
        if regular {
            let mode = std::fs::Permissions::from_mode(options.mode);
            std::fs::set_permissions(path, mode).with_context(failed)?;
        }
    }
    Ok(Outcome::Done)
}
