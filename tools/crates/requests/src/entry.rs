//! An entry of a layer.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use base64::Engine;
use serde::Deserialize;
use verbatim_archive::{ArchiveOptions, Builder, Item, Links, Mtime, Wish, Xattrs};
use verbatim_foreign::{excerpt, printable};

/// How much of an entry that is wrong stands in the message.
const SHOWN: usize = 300;

/// An entry of a layer: what comes to which path.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Entry {
    /// A file.
    File {
        /// Where it goes.
        path: String,
        /// Where it is.
        source: PathBuf,
        /// Where the source is itself a relative symlink, take that and not the file it leads
        /// to. Bazel's own links are absolute, so that a relative one is what a rule made.
        #[serde(default)]
        relative_links: RelativeLinks,
        /// Octal digits.
        mode: Option<String>,
        /// The owner.
        uid: Option<u64>,
        /// The group.
        gid: Option<u64>,
        /// Seconds since 1970.
        mtime: Option<i64>,
        /// Texts, or `base64:` and bytes.
        #[serde(default)]
        xattrs: BTreeMap<String, String>,
        /// Whom to name in messages.
        origin: Option<String>,
    },
    /// A directory.
    Directory {
        /// Where it goes.
        path: String,
        /// Octal digits.
        mode: Option<String>,
        /// The owner.
        uid: Option<u64>,
        /// The group.
        gid: Option<u64>,
        /// Seconds since 1970.
        mtime: Option<i64>,
        /// Texts, or `base64:` and bytes.
        #[serde(default)]
        xattrs: BTreeMap<String, String>,
        /// Whom to name in messages.
        origin: Option<String>,
    },
    /// A symbolic link.
    Symlink {
        /// Where it goes.
        path: String,
        /// What it holds.
        target: String,
        /// The owner.
        uid: Option<u64>,
        /// The group.
        gid: Option<u64>,
        /// Seconds since 1970.
        mtime: Option<i64>,
        /// Whom to name in messages.
        origin: Option<String>,
    },
    /// A further name of a file of the layer.
    Hardlink {
        /// Where it goes.
        path: String,
        /// The path of the file.
        target: String,
        /// Whom to name in messages.
        origin: Option<String>,
    },
    /// All that a folder holds.
    Tree {
        /// Where it goes.
        path: String,
        /// Where it is.
        source: PathBuf,
        /// Octal digits.
        mode: Option<String>,
        /// What becomes of executable bits.
        executable: Option<Executable>,
        /// The owner.
        uid: Option<u64>,
        /// The group.
        gid: Option<u64>,
        /// Seconds since 1970.
        mtime: Option<i64>,
        /// Whom to name in messages.
        origin: Option<String>,
    },
    /// All that an archive holds.
    Archive {
        /// Below which path.
        path: String,
        /// Where it is.
        source: PathBuf,
        /// The owner; with `gid`, or not at all.
        uid: Option<u64>,
        /// The group.
        gid: Option<u64>,
        /// Seconds since 1970.
        mtime: Option<i64>,
        /// Whom to name in messages.
        origin: Option<String>,
        /// What it is a part of, for whoever makes several layers: the label of a target, for example.
        component: Option<String>,
    },
}

/// What becomes of a source that is a relative symlink.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RelativeLinks {
    /// The file that it leads to comes in.
    #[default]
    Follow,
    /// It stays a link.
    Keep,
}

impl RelativeLinks {
    /// The file, or the link where it is to be kept.
    fn item(self, source: PathBuf) -> Item {
        match std::fs::read_link(&source) {
            Ok(target) if self == Self::Keep && target.is_relative() => {
                Item::Symlink(target.into_os_string().into_vec())
            }
            _ => Item::File(source),
        }
    }
}

/// What becomes of executable bits on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Executable {
    /// They stay.
    Keep,
    /// They count for nothing.
    Drop,
}

/// What is wrong with an entry.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// It is not of the form of entries.
    #[error("--entry={}: {}; `verbatim layer --help` shows the form of entries", excerpt(.text, SHOWN), printable(&.problem.to_string()))]
    Form {
        /// The entry.
        text: String,
        /// What is wrong with it.
        problem: serde_json::Error,
    },
    /// One of its attributes is wrong.
    #[error("{at}: {problem}")]
    Attribute {
        /// Which entry.
        at: Place,
        /// What is wrong, and what to write.
        problem: String,
    },
    /// It cannot stand in the layer.
    #[error("{at}")]
    Content {
        /// Which entry.
        at: Place,
        /// Why not.
        source: Box<verbatim_archive::Error>,
    },
}

/// An entry in messages: its path, and who asked for it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the entry {} from {}", printable(.path), printable(.origin))]
pub struct Place {
    path: String,
    origin: String,
}

/// Permissions in octal, as `chmod` takes them.
pub fn mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o7777 && !text.starts_with('+') => Ok(mode),
        _ => Err("give permissions in octal, 0755 for example".into()),
    }
}

/// The value of an extended attribute: a text, or `base64:` and bytes.
pub fn xattr_value(text: &str) -> Result<Vec<u8>, String> {
    match text.strip_prefix("base64:") {
        None => Ok(text.as_bytes().to_vec()),
        Some(encoded) => base64::engine::general_purpose::STANDARD
            .decode(encoded)
            .map_err(|e| format!("`{}` is not base64 ({e})", printable(text))),
    }
}

/// The attributes of an entry, out of their spelling in JSON.
fn wish(
    mode_text: Option<&str>,
    (uid, gid, mtime): (Option<u64>, Option<u64>, Option<i64>),
    xattrs: &BTreeMap<String, String>,
) -> Result<Wish, String> {
    let mode = mode_text
        .map(|text| mode(text).map_err(|problem| format!("mode `{}`: {problem}", printable(text))))
        .transpose()?;
    let xattrs = xattrs
        .iter()
        .map(|(name, value)| {
            let value = xattr_value(value)
                .map_err(|problem| format!("xattr `{}`: {problem}", printable(name)))?;
            Ok((name.as_bytes().to_vec(), value))
        })
        .collect::<Result<Xattrs, String>>()?;
    Ok(Wish {
        mode,
        uid,
        gid,
        mtime,
        xattrs,
    })
}

impl Entry {
    /// Parse the JSON of an entry.
    pub fn parse(text: &str) -> Result<Self, EntryError> {
        serde_json::from_str(text).map_err(|problem| EntryError::Form {
            text: text.to_owned(),
            problem,
        })
    }

    /// Add it to a layer.
    pub fn add_to(self, builder: &mut Builder) -> Result<(), EntryError> {
        let none = BTreeMap::new();
        let (path, origin, wish, kind) = match self {
            Self::File {
                path,
                source,
                relative_links,
                mode,
                uid,
                gid,
                mtime,
                xattrs,
                origin,
            } => {
                let origin = origin.unwrap_or_else(|| source.display().to_string());
                let item = relative_links.item(source);
                // The permissions of a link mean nothing.
                let mode = mode.filter(|_| matches!(item, Item::File(_)));
                let wish = wish(mode.as_deref(), (uid, gid, mtime), &xattrs);
                (path, origin, wish, What::Item(item))
            }
            Self::Directory {
                path,
                mode,
                uid,
                gid,
                mtime,
                xattrs,
                origin,
            } => {
                let wish = wish(mode.as_deref(), (uid, gid, mtime), &xattrs);
                let origin = origin.unwrap_or_else(|| "--entry".into());
                (path, origin, wish, What::Item(Item::Directory))
            }
            Self::Symlink {
                path,
                target,
                uid,
                gid,
                mtime,
                origin,
            } => {
                let wish = wish(None, (uid, gid, mtime), &none);
                let origin = origin.unwrap_or_else(|| "--entry".into());
                let item = Item::Symlink(target.into_bytes());
                (path, origin, wish, What::Item(item))
            }
            Self::Hardlink {
                path,
                target,
                origin,
            } => {
                let origin = origin.unwrap_or_else(|| "--entry".into());
                let item = Item::HardLink(target.into_bytes());
                (path, origin, Ok(Wish::default()), What::Item(item))
            }
            Self::Tree {
                path,
                source,
                mode,
                executable,
                uid,
                gid,
                mtime,
                origin,
            } => {
                let wish = wish(mode.as_deref(), (uid, gid, mtime), &none);
                let origin = origin.unwrap_or_else(|| source.display().to_string());
                let keep = executable == Some(Executable::Keep);
                (path, origin, wish, What::Tree(source, keep))
            }
            Self::Archive {
                path,
                source,
                uid,
                gid,
                mtime,
                origin,
                component,
            } => {
                let wish = wish(None, (uid, gid, mtime), &none);
                let origin = origin.unwrap_or_else(|| source.display().to_string());
                (path, origin, wish, What::Archive(source, component))
            }
        };
        let at = Place {
            path: path.clone(),
            origin: origin.clone(),
        };
        let wrong = |problem| EntryError::Attribute {
            at: at.clone(),
            problem,
        };
        let wish = wish.map_err(wrong)?;
        match kind {
            What::Item(item) => builder.item(path.as_bytes(), item, &wish, &origin),
            What::Tree(source, keep) => builder.tree(
                path.as_bytes(),
                &source,
                keep,
                Links::Resolve,
                &wish,
                &origin,
            ),
            What::Archive(source, component) => {
                let owner = match (wish.uid, wish.gid) {
                    (None, None) => None,
                    (Some(uid), Some(gid)) => Some((uid, gid)),
                    _ => {
                        return Err(wrong(
                            "give an archive both \"uid\" and \"gid\", or neither".to_owned(),
                        ))
                    }
                };
                let options = ArchiveOptions {
                    owner,
                    mtime: wish.mtime.map(Mtime::Set),
                    ..ArchiveOptions::default()
                };
                builder.component(component.as_deref());
                let added = builder.archive(path.as_bytes(), &source, &options, &origin);
                builder.component(None);
                added
            }
        }
        .map_err(|source| EntryError::Content {
            at: at.clone(),
            source: Box::new(source),
        })
    }
}

enum What {
    Item(Item),
    Tree(PathBuf, bool),
    Archive(PathBuf, Option<String>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_take_known_keys_only() {
        Entry::parse(r#"{"type":"directory","path":"a","mode":"0700","xattrs":{"user.a":"b"}}"#)
            .unwrap();
        for bad in [
            r#"{"type":"directory","path":"a","source":"b"}"#,
            r#"{"type":"file","path":"a"}"#,
            r#"{"type":"device","path":"a"}"#,
            r#"{"path":"a"}"#,
            r#"["a"]"#,
            "",
            "\u{1b}[2J",
        ] {
            let error = Entry::parse(bad).unwrap_err().to_string();
            assert!(error.starts_with("--entry="), "{error}");
            assert!(!error.contains('\u{1b}'), "{error}");
        }
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!(mode("0755").unwrap(), 0o755);
        assert_eq!(mode("4755").unwrap(), 0o4755);
        for bad in ["", "9", "10000", "+755", "rwx"] {
            assert!(mode(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn xattrs_are_text_or_base64() {
        assert_eq!(xattr_value("abc").unwrap(), b"abc");
        assert_eq!(xattr_value("base64:AAE=").unwrap(), [0, 1]);
        assert!(xattr_value("base64:?").is_err());
    }
}
