//! Where each source is really read: as it is written, or where the person at the command line
//! says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::source::Place;
use crate::{Error, Result};

/// The folder that relative addresses begin at, and what takes the place of some.
#[derive(Debug, Clone, Default)]
pub struct Places {
    folder: PathBuf,
    instead: BTreeMap<String, Place>,
}

impl Places {
    /// Addresses relative to this folder.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            instead: BTreeMap::new(),
        }
    }

    /// `NAME=URL` or `NAME=DIR`, relative to the current folder.
    pub fn replace(&mut self, text: &str) -> Result<()> {
        let (name, place) = text.split_once('=').ok_or_else(|| {
            Error::wrong(format!(
                "`--source {}` is not of the form NAME=URL or NAME=DIR",
                verbatim_foreign::excerpt(text, 100)
            ))
        })?;
        let mut place = Place::parse(place, Path::new(""))?;
        if let Place::Folder(folder) = &mut place {
            // A folder made by `packages vendor` has one for each source.
            let own = folder.join(name);
            if folder.join(crate::vendor::LOCK).is_file() && own.is_dir() {
                *folder = own;
            }
        }
        self.instead.insert(name.to_owned(), place);
        Ok(())
    }

    /// All names that are replaced must be those of sources.
    pub fn check<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<()> {
        let names: Vec<_> = names.collect();
        match self.instead.keys().find(|name| !names.contains(&&***name)) {
            None => Ok(()),
            Some(name) => Err(Error::wrong(format!(
                "--source {}: there is no such source; there is {}",
                verbatim_foreign::excerpt(name, 60),
                names.join(", ")
            ))),
        }
    }

    /// Where the source of this name is.
    pub fn of(&self, name: &str, url: &str) -> Result<Place> {
        match self.instead.get(name) {
            Some(place) => Ok(place.clone()),
            None => {
                Place::parse(url, &self.folder).map_err(|e| e.of(format!("the source `{name}`")))
            }
        }
    }
}
