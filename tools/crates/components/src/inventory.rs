//! All components of a tree, and whose each path is.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::checksum::Checksum;
use crate::collector::{Collector, Full, Rank};
use crate::component::Component;
use crate::declared::{self, Declared};
use crate::root::{split, Root};
use crate::system::System;
use crate::tree::{Tree, What};
use crate::{apk, deb, needs, npm, program, python, rpm, Result};

/// What a path is to the component that claims it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The component brings it as it is.
    Content,
    /// The component brings it, and whoever runs the system may change it.
    Config,
    /// It is the component's, whether or not something is there.
    Ghost,
    /// Nothing lists it, and yet it is the component's: what a database holds about a package, what lies
    /// in a package's folder, what was compiled from its files.
    Derived,
    /// The component is a part of the program.
    Linked,
}

/// A component says that a path is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The path, behind all links of the folders above it: in a merged `/usr` it is `usr/bin/sh` where
    /// the package says `/bin/sh`.
    pub path: Vec<u8>,
    /// The position of the component.
    pub component: usize,
    /// What the component says the file's digest is. For a symlink of apk it is that of its target.
    pub checksum: Option<Checksum>,
    /// What the path is to it.
    pub role: Role,
    pub(crate) rank: Rank,
}

/// Something that should tell of components and could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unread {
    /// Its path.
    pub path: Vec<u8>,
    /// Why not.
    pub why: String,
}

/// The components of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// In the order of kind, name, version and architecture.
    pub components: Vec<Component>,
    /// In the order of their paths; of one path the strongest first.
    claims: Vec<Claim>,
    /// By component, where its claims are in `by_component`.
    ranges: Vec<Range<usize>>,
    by_component: Vec<u32>,
    /// By component, the positions of those that it needs.
    needs: Vec<BTreeSet<usize>>,
    /// What could not be read: then components may be missing.
    pub unread: Vec<Unread>,
    /// Of which distribution it is.
    pub system: Option<System>,
}

impl Inventory {
    /// Read all that a tree says of its components. What is `declared` counts for more.
    pub fn read(tree: &dyn Tree, declared: &[Declared]) -> Result<Self> {
        let root = Root::new(tree);
        let system = System::of(&root)?;
        let mut collector = Collector::new(&root, system);
        let done = declared::read(&mut collector, declared);
        collector.note(b"", done);
        deb::read(&mut collector)?;
        rpm::read(&mut collector)?;
        apk::read(&mut collector)?;
        python::read(&mut collector)?;
        npm::read(&mut collector)?;
        program::read(&mut collector)?;
        let done = declared::origins(&mut collector);
        collector.note(b"", done);
        collector.claims.sort_by(order);
        let done = follow(&mut collector);
        collector.note(b"", done);
        Ok(Self::sorted(collector))
    }

    fn sorted(collector: Collector<'_, '_>) -> Self {
        let Collector {
            root,
            system,
            components,
            mut claims,
            stated,
            mut unread,
            ..
        } = collector;
        claims.sort_by(order);
        let needed = needs::resolve(&stated, &components, |path| {
            owner(&claims, &root.real(path))
        });
        let mut numbered: Vec<(Component, usize)> = components.into_iter().zip(0..).collect();
        numbered.sort();
        let mut places = vec![0; numbered.len()];
        for (new, (_, old)) in numbered.iter().enumerate() {
            places[*old] = new;
        }
        for claim in &mut claims {
            claim.component = places[claim.component];
        }
        let mut needs = vec![BTreeSet::new(); needed.len()];
        for (at, needed) in needed.into_iter().enumerate() {
            needs[places[at]] = needed.into_iter().map(|one| places[one]).collect();
        }
        claims.sort_by(order);
        claims.dedup_by(|second, first| {
            (first.component, first.rank, &first.path)
                == (second.component, second.rank, &second.path)
        });
        unread.sort();
        let mut by_component: Vec<u32> = (0..claims.len() as u32).collect();
        by_component.sort_by_key(|&at| claims[at as usize].component);
        let mut ranges = vec![0..0; numbered.len()];
        let mut from = 0;
        while let Some(&first) = by_component.get(from) {
            let component = claims[first as usize].component;
            let rest = &by_component[from..];
            let count = rest.partition_point(|&at| claims[at as usize].component == component);
            ranges[component] = from..from + count;
            from += count;
        }
        Self {
            components: numbered
                .into_iter()
                .map(|(component, _)| component)
                .collect(),
            claims,
            ranges,
            by_component,
            needs,
            unread,
            system,
        }
    }

    /// All claims, in the order of their paths; of one path the strongest first.
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// The claims on a path, the strongest first.
    pub fn claims_on(&self, path: &[u8]) -> &[Claim] {
        let from = self.claims.partition_point(|claim| &claim.path[..] < path);
        let rest = &self.claims[from..];
        &rest[..rest.partition_point(|claim| claim.path == path)]
    }

    /// The claims of the component at this position, in the order of their paths.
    pub fn claims_of(&self, component: usize) -> impl ExactSizeIterator<Item = &Claim> {
        let range = self.ranges.get(component).cloned().unwrap_or_default();
        self.by_component[range]
            .iter()
            .map(|&at| &self.claims[at as usize])
    }

    /// The position of the component whose the path is.
    pub fn owner_position(&self, path: &[u8]) -> Option<usize> {
        let claims = self.claims_on(path);
        let owner = claims.iter().find(|claim| claim.role != Role::Linked)?;
        Some(owner.component)
    }

    /// The positions of the components that the one at this position needs, as far as the database of
    /// a distribution says so: in order, and never itself.
    pub fn needs_of(&self, component: usize) -> impl Iterator<Item = usize> + '_ {
        self.needs.get(component).into_iter().flatten().copied()
    }

    /// The component whose the path is.
    pub fn owner(&self, path: &[u8]) -> Option<&Component> {
        self.components.get(self.owner_position(path)?)
    }
}

fn order(a: &Claim, b: &Claim) -> std::cmp::Ordering {
    let key = |claim: &Claim| (claim.rank, claim.component, claim.role);
    a.path.cmp(&b.path).then_with(|| key(a).cmp(&key(b)))
}

/// Whose a path is. Claims are in order.
fn owner(claims: &[Claim], path: &[u8]) -> Option<usize> {
    let from = claims.partition_point(|claim| &claim.path[..] < path);
    let claim = claims.get(from)?;
    (claim.path == path && claim.role != Role::Linked).then_some(claim.component)
}

/// What follows for paths that nobody claims from those beside them. Claims are in order.
fn follow(collector: &mut Collector<'_, '_>) -> Result<(), Full> {
    let mut found = Vec::new();
    let owner = |path: &[u8]| owner(&collector.claims, path);
    for (_, node) in collector.root.nodes() {
        let source = match node.what {
            What::File(_) | What::Name(_) => match source_of(node.path) {
                Some(source) => source,
                None => continue,
            },
            What::Symlink(_) => collector.root.real(node.path),
            _ => continue,
        };
        if owner(node.path).is_some() {
            continue;
        }
        let Some(component) = owner(&source) else {
            continue;
        };
        // The lists of other databases hold links; a link that they do not hold somebody else made.
        let told_by = &collector.components[component].told_by;
        let is_link = matches!(node.what, What::Symlink(_));
        if !is_link || told_by.starts_with(deb::STATUS_D) {
            found.push((component, node.path.to_vec()));
        }
    }
    for (component, path) in found {
        collector.claim_real(component, path, None, (Role::Derived, Rank::Follows))?;
    }
    Ok(())
}

/// Of byte code of Python, the source that it was compiled from (PEP 3147).
fn source_of(path: &[u8]) -> Option<Vec<u8>> {
    let (folder, name) = split(path);
    let (above, cache) = split(folder);
    let name = name.strip_suffix(b".pyc")?;
    if cache != b"__pycache__" {
        return None;
    }
    let stem = &name[..name.iter().position(|&b| b == b'.')?];
    let slash: &[u8] = if above.is_empty() { b"" } else { b"/" };
    Some([above, slash, stem, b".py"].concat())
}
