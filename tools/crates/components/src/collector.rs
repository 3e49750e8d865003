//! What was found so far, with the limits of it.

use std::collections::{BTreeMap, HashMap};

use crate::checksum::Checksum;
use crate::component::{Component, Kind};
use crate::inventory::{Claim, Role, Unread};
use crate::needs::Stated;
use crate::root::Root;
use crate::system::System;

/// Claims and components that are kept at most: ten times what large images have.
const MOST_CLAIMS: usize = 3_000_000;
const MOST_COMPONENTS: usize = 200_000;

/// What is told of what could not be read.
const MOST_UNREAD: usize = 1000;

/// How strong a claim is: the strongest one says whose a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// A person said so.
    Said,
    /// The database of the distribution says so.
    Distribution,
    /// It follows from that.
    FromDistribution,
    /// The metadata of a language's package says so.
    Language,
    /// The package owns the path if something is there.
    Ghost,
    /// It follows from what was said of another path.
    Follows,
    /// Whoever made the tree said so.
    Origin,
    /// It is only a part of the file.
    Linked,
}

/// There is more than is kept.
#[derive(Debug)]
pub(crate) struct Full;

pub(crate) struct Collector<'r, 'a> {
    pub(crate) root: &'r Root<'a>,
    pub(crate) system: Option<System>,
    pub(crate) components: Vec<Component>,
    pub(crate) claims: Vec<Claim>,
    /// What components say of each other.
    pub(crate) stated: BTreeMap<usize, Stated>,
    pub(crate) unread: Vec<Unread>,
    /// Those of which one is enough, wherever they are told of.
    known: HashMap<(Kind, String, String), usize>,
}

impl<'r, 'a> Collector<'r, 'a> {
    pub(crate) fn new(root: &'r Root<'a>, system: Option<System>) -> Self {
        Self {
            root,
            system,
            components: Vec::new(),
            claims: Vec::new(),
            stated: BTreeMap::new(),
            unread: Vec::new(),
            known: HashMap::new(),
        }
    }

    /// Add a component.
    pub(crate) fn add(&mut self, component: Component) -> Result<usize, Full> {
        if self.components.len() == MOST_COMPONENTS {
            return Err(Full);
        }
        self.components.push(component);
        Ok(self.components.len() - 1)
    }

    /// Add a component, unless one of its kind, name and version is there.
    pub(crate) fn add_once(&mut self, component: Component) -> Result<usize, Full> {
        let key = (
            component.kind,
            component.name.clone(),
            component.version.clone(),
        );
        if let Some(&at) = self.known.get(&key) {
            return Ok(at);
        }
        let at = self.add(component)?;
        self.known.insert(key, at);
        Ok(at)
    }

    /// Add a claim on a path as somebody wrote it.
    pub(crate) fn claim(
        &mut self,
        component: usize,
        path: &[u8],
        checksum: Option<Checksum>,
        (role, rank): (Role, Rank),
    ) -> Result<(), Full> {
        let path = self.root.place(path);
        self.claim_real(component, path, checksum, (role, rank))
    }

    /// Add a claim on a path where it really is.
    pub(crate) fn claim_real(
        &mut self,
        component: usize,
        path: Vec<u8>,
        checksum: Option<Checksum>,
        (role, rank): (Role, Rank),
    ) -> Result<(), Full> {
        if self.claims.len() == MOST_CLAIMS {
            return Err(Full);
        }
        if !path.is_empty() {
            self.claims.push(Claim {
                path,
                component,
                checksum,
                role,
                rank,
            });
        }
        Ok(())
    }

    /// Note that something could not be read.
    pub(crate) fn unread(&mut self, path: &[u8], why: impl Into<String>) {
        if self.unread.len() < MOST_UNREAD {
            self.unread.push(Unread {
                path: path.to_vec(),
                why: why.into(),
            });
        }
    }

    /// Note that there is more than is kept.
    pub(crate) fn note(&mut self, path: &[u8], done: Result<(), Full>) {
        if let Err(Full) = done {
            self.unread(
                path,
                format!("there are more than {MOST_COMPONENTS} components or {MOST_CLAIMS} files of them"),
            );
        }
    }
}
