//! In what a file is not as a layer wants it.

use std::fmt;

use verbatim_foreign::printable_bytes;

/// A file that is not as a layer wants it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The path in the image.
    pub path: Vec<u8>,
    /// What happened to it.
    pub how: How,
}

/// What happened to a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// It is there, and no layer has it.
    Added {
        /// `a file`, `a folder` and so on.
        what: &'static str,
        /// With its set-user or set-group bit.
        set_id: Option<&'static str>,
    },
    /// A layer has it, and it is not there.
    Removed,
    /// It is hidden by a white-out that no layer has.
    Hidden,
    /// The layer hides what lower layers have under this name, and that is seen again.
    Restored,
    /// It is something else.
    Kind {
        /// What the layer has.
        layer: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// Other bytes, as many.
    Content,
    /// Other bytes: how many the layer has, and how many are there.
    Size {
        /// What the layer has.
        layer: u64,
        /// What is there.
        found: u64,
    },
    /// A symlink to another target.
    Target {
        /// What the layer has.
        layer: Vec<u8>,
        /// What is there.
        found: Vec<u8>,
    },
    /// Other permissions.
    Mode {
        /// What the layer has.
        layer: u32,
        /// What is there.
        found: u32,
    },
    /// Another owner or group.
    Owner {
        /// What the layer has.
        layer: (u64, u64),
        /// What is there.
        found: (u64, u64),
    },
    /// Another time.
    Time {
        /// What the layer has, in seconds since 1970.
        layer: i64,
        /// What is there.
        found: i64,
    },
    /// An extended attribute that is set, gone or has another value.
    Xattr {
        /// Its full name.
        name: Vec<u8>,
        /// `set`, `gone` or `changed`.
        what: &'static str,
    },
    /// Other numbers of a device.
    Device,
    /// It does, or does not, hide what lower layers have in this folder.
    Opaque {
        /// Whether it hides it.
        hides: bool,
    },
    /// It shares its bytes with a file that it should not share them with, or has its own where
    /// it should share them.
    Link {
        /// The other file.
        other: Vec<u8>,
        /// Whether they share.
        shared: bool,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = match &self.path[..] {
            b"" => "/".into(),
            path => printable_bytes(path),
        };
        write!(f, "{path} ")?;
        match &self.how {
            How::Added { what, set_id: None } => write!(f, "was added ({what})"),
            How::Added {
                what,
                set_id: Some(bit),
            } => write!(f, "was added ({what}, {bit})"),
            How::Removed => f.write_str("was removed"),
            How::Hidden => f.write_str("was removed, by a white-out that the layer does not have"),
            How::Restored => f.write_str("is there again, and the layer takes it away"),
            How::Kind { layer, found } => {
                write!(f, "was replaced: it is {found} instead of {layer}")
            }
            How::Content => f.write_str("was changed: it has other bytes"),
            How::Size { layer, found } => {
                write!(f, "was changed: it has {found} bytes instead of {layer}")
            }
            How::Target { layer, found } => write!(
                f,
                "was changed: it points to {} instead of {}",
                printable_bytes(found),
                printable_bytes(layer)
            ),
            How::Mode { layer, found } => {
                let gained = found & !layer;
                if gained & 0o4000 != 0 {
                    f.write_str("was made setuid")?;
                } else if gained & 0o2000 != 0 {
                    f.write_str("was made setgid")?;
                } else {
                    f.write_str("has other permissions")?;
                }
                write!(f, ": {found:04o} instead of {layer:04o}")
            }
            How::Owner { layer, found } => write!(
                f,
                "has another owner: {}:{} instead of {}:{}",
                found.0, found.1, layer.0, layer.1
            ),
            How::Time { layer, found } => {
                write!(f, "has another time: {found} instead of {layer}")
            }
            How::Xattr { name, what } => {
                write!(f, "has its attribute {} {what}", printable_bytes(name))
            }
            How::Device => f.write_str("is another device"),
            How::Opaque { hides: true } => {
                f.write_str("hides what lower layers have in it, and the layer does not say so")
            }
            How::Opaque { hides: false } => {
                f.write_str("shows what lower layers have in it, and the layer hides it")
            }
            How::Link {
                other,
                shared: true,
            } => write!(
                f,
                "is a hard link to {}, and is a file of its own in the layer",
                printable_bytes(other)
            ),
            How::Link {
                other,
                shared: false,
            } => write!(
                f,
                "is a file of its own, and a hard link to {} in the layer",
                printable_bytes(other)
            ),
        }
    }
}
