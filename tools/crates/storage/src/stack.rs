//! How the overlay driver lays the folders of layers over each other.
//!
//! What containers see is not said by the list of layers but by files beside the folders: `lower` names
//! links in the folder `l`, which lead to the folders below, and folders `diff1` and on are laid over them
//! too. Where these say something else than the list, other files are seen than those that are checked.

use std::path::Path;

use verbatim_oci::{Error, ErrorKind, Result};

use crate::folder::Folder;

/// The largest of these files.
const MAX_FILE: u64 = 1 << 20;

/// Check that the layers, by their names and bottom first, are laid over each other as they are listed.
pub(crate) fn check(overlay: &Folder, layers: &[&str]) -> Result<()> {
    for (number, layer) in layers.iter().enumerate() {
        let folder = overlay.folder(layer)?;
        let wrong = |kind, what: String| Err(Error::new(kind, folder.path().display(), what));
        if folder.has("composefs-data") {
            let what = "is a layer of composefs, whose files have no names of their own; this is not read here";
            return wrong(ErrorKind::Unsupported, what.to_owned());
        }
        if folder.has("diff1") {
            let what = "holds `diff1`, which is laid over the layers and is part of none";
            return wrong(ErrorKind::Mismatch, what.to_owned());
        }
        let below: Vec<&str> = layers.iter().take(number).rev().copied().collect();
        let lower = match folder.has("lower") {
            true => text(&folder, "lower")?,
            false => String::new(),
        };
        if folder.has("lower") || !below.is_empty() && folder.has("link") {
            let links: Vec<&str> = lower.trim().split(':').collect();
            let fits = links.len() == below.len()
                && links
                    .iter()
                    .zip(&below)
                    .all(|(link, layer)| leads_to(overlay, link.strip_prefix("l/"), layer));
            if !fits {
                let what = "is laid over other folders than those of the layers below it (the file `lower`)";
                return wrong(ErrorKind::Mismatch, what.to_owned());
            }
        }
        if folder.has("lower-layers") {
            let list = text(&folder, "lower-layers")?;
            let named = list.split(|c: char| !c.is_ascii_alphanumeric());
            let named: Vec<&str> = named.filter(|name| !name.is_empty()).collect();
            if named != below {
                let what = "is laid over other layers than the list says (the file `lower-layers`)";
                return wrong(ErrorKind::Mismatch, what.to_owned());
            }
        }
        if folder.has("link") && !leads_to(overlay, Some(text(&folder, "link")?.trim()), layer) {
            let what = "is not where its link leads (the file `link`)";
            return wrong(ErrorKind::Mismatch, what.to_owned());
        }
    }
    Ok(())
}

/// Whether a link in the folder `l` leads to the files of a layer. One that is gone the engine makes again.
fn leads_to(overlay: &Folder, link: Option<&str>, layer: &str) -> bool {
    let (Some(name), Ok(links)) = (link, overlay.folder("l")) else {
        return false;
    };
    match links.link(name) {
        Ok(Some(target)) => target == Path::new("..").join(layer).join("diff"),
        Ok(None) => true,
        Err(_) => false,
    }
}

fn text(folder: &Folder, name: &str) -> Result<String> {
    let data = folder.read(name, MAX_FILE)?;
    String::from_utf8(data)
        .map_err(|_| Error::new(ErrorKind::Malformed, folder.name(name), "is no text"))
}
