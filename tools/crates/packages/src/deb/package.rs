//! A `.deb`: an ar archive of a version, a tar archive with what dpkg knows of the package, and
//! one with its files (deb(5)).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use verbatim_formats::ar::Members;
use verbatim_formats::ReadAt;
use verbatim_reader::{Archive, Decompressed, Kind};

use super::control::{self, Paragraph};
use crate::{Error, Result};

/// All control files of a package together; the largest of Debian have some MiB.
const LARGEST_CONTROL: u64 = 64 << 20;
/// So many members are looked at; a package has three, rarely one more for a signature.
const MOST_MEMBERS: usize = 16;

/// A package that is open.
#[derive(Debug)]
pub struct Deb {
    file: Arc<File>,
    data: Range<u64>,
    /// What dpkg knows of it.
    pub about: About,
}

/// What dpkg knows of a package.
#[derive(Debug)]
pub struct About {
    /// The fields of `control`.
    pub control: Paragraph,
    /// The other control files by name: scripts, `conffiles`, `md5sums`, …
    pub files: BTreeMap<String, Vec<u8>>,
}

/// A file as its format's reader wants it.
struct At<'a> {
    file: &'a File,
    size: u64,
}

impl ReadAt for At<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        let length = range.end.saturating_sub(range.start);
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        if range.end > self.size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut data = vec![0; length];
        self.file.read_exact_at(&mut data, range.start)?;
        Ok(data.into())
    }
}

/// A stretch of a file, as a stream.
#[derive(Debug)]
pub struct Stretch {
    file: Arc<File>,
    range: Range<u64>,
}

impl Read for Stretch {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.range.end - self.range.start;
        let room = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let n = self.file.read_at(&mut buffer[..room], self.range.start)?;
        self.range.start += n as u64;
        Ok(n)
    }
}

impl Deb {
    /// Open a package, and read all but its files.
    pub fn open(file: File) -> Result<Self> {
        let malformed =
            |e: verbatim_formats::Flaw| Error::refused(format!("it is no package: {e}"));
        let size = file
            .metadata()
            .map_err(|e| Error::unreachable(e.to_string()))?
            .len();
        let (mut control, mut data, mut version) = (None, None, None);
        {
            let at = At { file: &file, size };
            let mut members = Members::of(&at).map_err(malformed)?;
            for _ in 0..MOST_MEMBERS {
                let Some(member) = members.next().map_err(malformed)? else {
                    break;
                };
                let (name, range) = members.name(&member).map_err(malformed)?;
                let name = String::from_utf8_lossy(&name).into_owned();
                let place = match &*name {
                    "debian-binary" => &mut version,
                    name if name.starts_with("control.tar") => &mut control,
                    name if name.starts_with("data.tar") => &mut data,
                    name if name.starts_with('_') => continue,
                    other => {
                        return Err(Error::refused(format!(
                            "it has a member `{}`, which no package has",
                            verbatim_foreign::excerpt(other, 40)
                        )))
                    }
                };
                if place.replace(range).is_some() {
                    return Err(Error::refused(format!("it has {name} twice")));
                }
            }
        }
        let (Some(version), Some(control), Some(data)) = (version, control, data) else {
            return Err(Error::refused(
                "it is no package: it must have debian-binary, control.tar and data.tar",
            ));
        };
        let mut text = vec![0; (version.end - version.start).min(16) as usize];
        file.read_exact_at(&mut text, version.start)
            .map_err(|e| Error::unreachable(e.to_string()))?;
        if !text.starts_with(b"2.") {
            return Err(Error::refused(
                "it is of a format other than 2, which is not known",
            ));
        }
        let file = Arc::new(file);
        let stretch = Stretch {
            file: Arc::clone(&file),
            range: control,
        };
        let mut files = control_files(stretch).map_err(|e| e.of("its control archive"))?;
        let text = files
            .remove("control")
            .ok_or_else(|| Error::refused("its control archive has no `control`"))?;
        let control = control::single(&text).map_err(|e| e.of("its `control`"))?;
        Ok(Self {
            file,
            data,
            about: About { control, files },
        })
    }

    /// Its files, as they are stored.
    pub fn data(&self) -> Archive<Decompressed<Stretch>> {
        Archive::open(Stretch {
            file: Arc::clone(&self.file),
            range: self.data.clone(),
        })
    }

    /// The bytes of the archive of its files, as it is stored.
    pub fn data_size(&self) -> u64 {
        self.data.end - self.data.start
    }
}

impl About {
    /// What stands in the first bytes of a package, if it is all there.
    pub fn of_prefix(data: &[u8]) -> Option<Self> {
        let mut members = Members::of(data).ok()?;
        for _ in 0..MOST_MEMBERS {
            let member = members.next().ok()??;
            let (name, range) = members.name(&member).ok()?;
            if !name.starts_with(b"control.tar") {
                continue;
            }
            let stored = data.get(range.start as usize..range.end as usize)?;
            let mut files = control_files(stored).ok()?;
            let control = control::single(&files.remove("control")?).ok()?;
            return Some(Self { control, files });
        }
        None
    }

    /// A control file that is text, by lines without white space around them.
    pub fn lines(&self, name: &str) -> Vec<&str> {
        let text = self.files.get(name).map(Vec::as_slice).unwrap_or_default();
        let text = std::str::from_utf8(text).unwrap_or_default();
        text.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect()
    }
}

fn control_files(stretch: impl Read) -> Result<BTreeMap<String, Vec<u8>>> {
    let refused = |e: &dyn std::fmt::Display| Error::refused(e.to_string());
    let mut files = BTreeMap::new();
    let mut left = LARGEST_CONTROL;
    let mut archive = Archive::open(stretch);
    while let Some(mut entry) = archive.next_entry().map_err(|e| refused(&e))? {
        let path = entry.path.strip_prefix(b"./").unwrap_or(&entry.path);
        if path.is_empty() || path == b"." || entry.kind == Kind::Directory {
            continue;
        }
        let name = std::str::from_utf8(path)
            .ok()
            .filter(|name| crate::manifest::is_word(name))
            .ok_or_else(|| {
                Error::refused(format!(
                    "it has a file `{}`, which no package has",
                    verbatim_foreign::printable_bytes(path)
                ))
            })?
            .to_owned();
        if entry.kind != Kind::File {
            return Err(Error::refused(format!("`{name}` in it is no file")));
        }
        left = left
            .checked_sub(entry.size)
            .ok_or_else(|| Error::refused("it has more than 64 MiB"))?;
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(|e| refused(&e))?;
        if files.insert(name.clone(), content).is_some() {
            return Err(Error::refused(format!("it has `{name}` twice")));
        }
    }
    Ok(files)
}
