//! A whole layout as output of a command: a folder, or an archive that engines load.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use verbatim_foreign::{printable, printable_path};
use verbatim_oci::layout::{Inputs, Link, Plan};
use verbatim_oci::{Family, Named, Reference};
use verbatim_output::{promise, Promise};

/// A whole layout as output, for people.
#[derive(Debug, clap::Args)]
pub struct LayoutOutput {
    /// Write an OCI layout: a folder, or an archive if the name ends with .tar.
    #[arg(short, long, value_name = "LAYOUT")]
    pub output: Option<PathBuf>,
    /// The name of the image in the layout; in an archive a full reference.
    #[arg(long, value_name = "NAME", requires = "output")]
    tag: Option<String>,
    /// How the layers come into the folder.
    #[arg(long, value_name = "HOW", default_value = "copy", requires = "output")]
    link: LinkName,
}

/// Whose media types to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FamilyName {
    Oci,
    Docker,
}

impl From<FamilyName> for Family {
    fn from(name: FamilyName) -> Self {
        match name {
            FamilyName::Oci => Self::Oci,
            FamilyName::Docker => Self::Docker,
        }
    }
}

/// How blobs come into a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LinkName {
    Symlink,
    Hardlink,
    Copy,
}

impl From<LinkName> for Link {
    fn from(name: LinkName) -> Self {
        match name {
            LinkName::Symlink => Self::Symlink,
            LinkName::Hardlink => Self::Hardlink,
            LinkName::Copy => Self::Copy,
        }
    }
}

/// In which form a layout is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Folder,
    /// A tar archive without compression: its layers have their own.
    Archive,
}

/// The form that the name of a layout asks for.
pub fn layout_form(output: &Path) -> anyhow::Result<Form> {
    let ending = match promise(output) {
        Promise::Nothing | Promise::Unknown(_) => return Ok(Form::Folder),
        Promise::Tar => return Ok(Form::Archive),
        Promise::Gzip => "gzip".to_owned(),
        Promise::Zstd => "zstd".to_owned(),
        Promise::Other(ending) => ending,
    };
    bail!(
        "{}: the name promises {ending}, and a layout is a folder or a .tar archive without compression, as its layers have their own; name it so",
        printable_path(output),
        ending = printable(&ending)
    )
}

/// Write the layout, if one is asked for.
pub fn write_layout(options: &LayoutOutput, root: Named<'_>, inputs: Inputs) -> anyhow::Result<()> {
    let Some(output) = &options.output else {
        return Ok(());
    };
    let plan = Plan::new(root, inputs)?;
    if layout_form(output)? == Form::Archive {
        let reference = options
            .tag
            .as_deref()
            .map(|tag| archive_name(tag, "--tag"))
            .transpose()?;
        plan.write_archive(
            output,
            reference
                .as_ref()
                .map(|(full, tag)| (full.as_str(), tag.as_deref())),
        )?;
    } else {
        plan.write_folder(output, options.link.into(), options.tag.as_deref())?;
    }
    Ok(())
}

/// A name for a loaded image, and the tag in it. Local names need no registry.
pub fn archive_name(text: &str, option: &str) -> anyhow::Result<(String, Option<String>)> {
    let parsed: Reference = text
        .parse()
        .or_else(|error| format!("localhost/{text}").parse().map_err(|_| error))
        .map_err(|error| anyhow!("{option}: {error}"))?;
    Ok((text.to_owned(), parsed.tag().map(str::to_owned)))
}
