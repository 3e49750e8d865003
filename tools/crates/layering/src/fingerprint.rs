//! By what a part is known again: all that its layer would hold of it.

use verbatim_archive::{Contents, Listed, What};
use verbatim_components::Inventory;
use verbatim_digest::{Digest, Hasher};

use crate::Result;

/// The digest of these entries. What a component says of its files is taken for them, so that large
/// root file systems are not read twice; it decides about nothing but where a part goes.
pub(crate) fn fingerprint(
    contents: &Contents,
    inventory: &Inventory,
    version: &str,
    entries: &[u32],
) -> Result<Digest> {
    let mut hasher = Hasher::new();
    let mut buffer = Vec::new();
    text(&mut hasher, version.as_bytes());
    for &at in entries {
        let at = at as usize;
        let Some(listed) = contents.get(at) else {
            continue;
        };
        entry(&mut hasher, &listed);
        if listed.what == What::File && listed.file != at {
            if let Some(file) = contents.get(listed.file) {
                text(&mut hasher, file.path);
            }
            continue;
        }
        if listed.what != What::File {
            continue;
        }
        let claims = inventory.claims_on(listed.path);
        if let Some(checksum) = claims.iter().find_map(|claim| claim.checksum.as_ref()) {
            text(&mut hasher, checksum.algorithm().word().as_bytes());
            text(&mut hasher, checksum.bytes());
            continue;
        }
        let mut offset = 0;
        while offset < listed.size {
            buffer.resize((listed.size - offset).min(256 << 10) as usize, 0);
            contents.read(at, offset, &mut buffer)?;
            hasher.update(&buffer);
            offset += buffer.len() as u64;
        }
    }
    Ok(hasher.finish())
}

fn entry(hasher: &mut Hasher, listed: &Listed<'_>) {
    text(hasher, listed.path);
    let (kind, target): (u8, &[u8]) = match listed.what {
        What::File => (0, b""),
        What::LinkBelow(target) => (1, target),
        What::Symlink(target) => (2, target),
        What::Directory => (3, b""),
        What::Whiteout => (4, b""),
        What::Special(_) => (5, b""),
    };
    text(hasher, target);
    hasher.update(&[kind]);
    let (major, minor) = match listed.what {
        What::Special(Some(numbers)) => numbers,
        _ => (0, 0),
    };
    for number in [listed.mode, major, minor] {
        hasher.update(&number.to_le_bytes());
    }
    for number in [listed.uid, listed.gid, listed.mtime as u64, listed.size] {
        hasher.update(&number.to_le_bytes());
    }
    for (name, value) in listed.xattrs.into_iter().flatten() {
        text(hasher, name);
        text(hasher, value);
    }
    text(hasher, b"");
}

/// A text with its length in front, so that no two lists of texts look alike.
fn text(hasher: &mut Hasher, text: &[u8]) {
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text);
}
