//! All packages of the indexes, as the solver sees them: Debian's relations become lists of
//! packages (Debian Policy Manual, chapter 7; deb-control(5) for architectures).

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::index::{Listed, MultiArch};
use super::relation::{self, Atom};
use super::version;
use crate::solve::{self, Group, Groups, Need, Package, Relations};
use crate::{Error, Result};

/// Packages of an architecture and of those that are foreign to it, from all sources.
#[derive(Debug)]
pub struct Catalog {
    native: String,
    exclude: HashSet<String>,
    recommends: bool,
    packages: Vec<(Listed, u32)>,
    groups: Groups,
    /// All packages of a name, groups of other architectures included, the best first.
    named: HashMap<Box<str>, Vec<Package>>,
    /// Who provides a name.
    provided: HashMap<Box<str>, Vec<Provider>>,
}

/// Who provides a name, and in which version, if it says one.
type Provider = (Package, Option<Box<str>>);

/// A [`Catalog`] that is being filled.
#[derive(Debug, Default)]
pub struct Collector {
    packages: Vec<(Listed, u32)>,
}

impl Collector {
    /// Add a package of source number `source`.
    pub fn add(&mut self, listed: Listed, source: u32) {
        self.packages.push((listed, source));
    }

    /// Sort what was collected, for images of the architecture `native`.
    pub fn finish(self, native: &str, exclude: &[String], recommends: bool) -> Result<Catalog> {
        let mut packages = self.packages;
        let key = |listed: &Listed| {
            let architecture = match &*listed.architecture {
                "all" => native,
                other => other,
            };
            (listed.name.clone(), Box::<str>::from(architecture))
        };
        let mut order: Vec<u32> = (0..packages.len() as u32).collect();
        // The newest of each name first; of equal ones, that of the source that was named first.
        order.sort_by(|&a, &b| {
            let (one, two) = (&packages[a as usize], &packages[b as usize]);
            key(&one.0)
                .cmp(&key(&two.0))
                .then_with(|| version::compare(&two.0.version, &one.0.version))
                .then_with(|| one.1.cmp(&two.1))
        });
        let mut keep = vec![true; packages.len()];
        for pair in order.windows(2) {
            let (one, two) = (&packages[pair[0] as usize].0, &packages[pair[1] as usize].0);
            if key(one) == key(two)
                && version::compare(&one.version, &two.version) == Ordering::Equal
            {
                keep[pair[1] as usize] = false;
            }
        }
        let mut kept = keep.iter();
        packages.retain(|_| kept.next().copied().unwrap_or(false));

        let mut catalog = Catalog {
            native: native.to_owned(),
            exclude: exclude.iter().cloned().collect(),
            recommends,
            groups: Groups::by_key(packages.len(), |one| key(&packages[one as usize].0)),
            named: HashMap::new(),
            provided: HashMap::new(),
            packages,
        };
        catalog.arrange()?;
        Ok(catalog)
    }
}

impl Catalog {
    fn arrange(&mut self) -> Result<()> {
        for number in 0..self.packages.len() as u32 {
            let listed = &self.packages[number as usize].0;
            self.named
                .entry(listed.name.clone())
                .or_default()
                .push(number);
            for alternatives in relation::parse(&listed.provides).map_err(|e| {
                Error::refused(format!("the package {}: its `Provides`: {e}", listed.name))
            })? {
                for atom in alternatives {
                    let version = match atom.version {
                        Some((relation::Operator::Equal, version)) => Some(version.into()),
                        Some(_) => continue,
                        None => None,
                    };
                    self.provided
                        .entry(atom.name.into())
                        .or_default()
                        .push((number, version));
                }
            }
        }
        let packages = &self.packages;
        let newer = |a: &Package, b: &Package| {
            let (one, two) = (&packages[*a as usize], &packages[*b as usize]);
            version::compare(&two.0.version, &one.0.version).then_with(|| one.1.cmp(&two.1))
        };
        self.groups.sort(newer);
        for list in self.named.values_mut() {
            let native = |one: &Package| {
                let architecture = &*packages[*one as usize].0.architecture;
                architecture != self.native && architecture != "all"
            };
            list.sort_by(|a, b| native(a).cmp(&native(b)).then_with(|| newer(a, b)));
        }
        // As apt: what is essential, then what has the higher priority, then as in the index.
        for list in self.provided.values_mut() {
            list.sort_by_key(|(one, _)| {
                let listed = &packages[*one as usize].0;
                (!listed.essential, listed.priority, *one)
            });
        }
        Ok(())
    }

    /// A package and the number of its source.
    pub fn package(&self, package: Package) -> (&Listed, u32) {
        let (listed, source) = &self.packages[package as usize];
        (listed, *source)
    }

    /// What was asked for, in relations.
    pub fn wanted(&self, requests: &[String]) -> Result<Relations> {
        let mut relations = Relations::default();
        for request in requests {
            let mut need = Need {
                words: request.clone(),
                ..Need::default()
            };
            for text in request.split('|') {
                let atom = requested(text)?;
                if self.exclude.contains(atom.name) {
                    return Err(Error::wrong(format!(
                        "`{}` is asked for and excluded; remove one of the two",
                        atom.name
                    )));
                }
                need.any_of.extend(self.meeting(&atom, &self.native));
            }
            if need.any_of.is_empty() {
                return Err(self.nobody(request));
            }
            relations.needs.push(need);
        }
        Ok(relations)
    }

    /// Nothing meets a request: what comes near it.
    fn nobody(&self, request: &str) -> Error {
        let shown = verbatim_foreign::excerpt(request, 100);
        let there = requested(request)
            .ok()
            .and_then(|atom| self.named.get(atom.name))
            .map(|list| list.iter().map(|one| solve::Catalog::show(self, *one)));
        Error::wrong(match there {
            Some(there) => format!(
                "no package is `{shown}`, but there is {}; correct `packages` or add a source",
                there.take(5).collect::<Vec<_>>().join(", ")
            ),
            None => format!(
                "no source has a package `{shown}` for {}; correct `packages` or add a source",
                self.native
            ),
        })
    }

    /// The packages that meet an atom of a package of this architecture, the best first.
    fn meeting(&self, atom: &Atom<'_>, of: &str) -> Vec<Package> {
        let fits = |package: Package| {
            let listed = &self.packages[package as usize].0;
            let own = match &*listed.architecture {
                "all" => &*self.native,
                own => own,
            };
            let serves = match atom.qualifier {
                None => own == of || listed.multi_arch == MultiArch::Foreign,
                Some("any") => own == of || listed.multi_arch == MultiArch::Allowed,
                Some(named) => own == named,
            };
            serves && !self.exclude.contains(&*listed.name)
        };
        let mut found = Vec::new();
        for &package in self.named.get(atom.name).into_iter().flatten() {
            if atom.admits(&self.packages[package as usize].0.version) && fits(package) {
                found.push(package);
            }
        }
        for (package, version) in self.provided.get(atom.name).into_iter().flatten() {
            let admits = match (atom.version, version) {
                (None, _) => true,
                (Some(_), Some(version)) => atom.admits(version),
                (Some(_), None) => false,
            };
            if admits && fits(*package) && !found.contains(package) {
                found.push(*package);
            }
        }
        found
    }

    /// The packages that an atom of `Conflicts` or `Breaks` is against.
    fn against(&self, atom: &Atom<'_>, of: Package, found: &mut Vec<Package>) {
        let group = self.groups.of(of);
        let mut push = |package: Package| {
            // Of its own name only one can be there anyhow, and what it provides itself it may.
            if self.groups.of(package) != group {
                found.push(package);
            }
        };
        let own = |package: Package| match &*self.packages[package as usize].0.architecture {
            "all" => self.native.clone(),
            own => own.to_owned(),
        };
        let named = |package: Package| match atom.qualifier {
            None | Some("any") => true,
            Some(architecture) => own(package) == architecture,
        };
        for &package in self.named.get(atom.name).into_iter().flatten() {
            if atom.admits(&self.packages[package as usize].0.version) && named(package) {
                push(package);
            }
        }
        for (package, version) in self.provided.get(atom.name).into_iter().flatten() {
            let admits = match (atom.version, version) {
                (None, _) => true,
                (Some(_), Some(version)) => atom.admits(version),
                (Some(_), None) => false,
            };
            if admits && named(*package) {
                push(*package);
            }
        }
    }

    /// The same package of another architecture goes along only where both say so, in one version.
    fn against_itself(&self, package: Package, found: &mut Vec<Package>) {
        let listed = &self.packages[package as usize].0;
        let group = self.groups.of(package);
        for &other in self.named.get(&listed.name).into_iter().flatten() {
            let there = &self.packages[other as usize].0;
            let together = listed.multi_arch == MultiArch::Same
                && there.multi_arch == MultiArch::Same
                && there.version == listed.version;
            if self.groups.of(other) != group && !together {
                found.push(other);
            }
        }
    }

    fn needs(&self, text: &str, of: Package, optional: bool, needs: &mut Vec<Need>) -> Result<()> {
        let listed = &self.packages[of as usize].0;
        let architecture = match &*listed.architecture {
            "all" => &*self.native,
            own => own,
        };
        for alternatives in relation::parse(text)? {
            let words: Vec<_> = alternatives.iter().map(ToString::to_string).collect();
            let mut any_of = Vec::new();
            for atom in &alternatives {
                for package in self.meeting(atom, architecture) {
                    if !any_of.contains(&package) {
                        any_of.push(package);
                    }
                }
            }
            // What it provides itself is there with it.
            if any_of.contains(&of) {
                continue;
            }
            needs.push(Need {
                words: words.join(" | "),
                any_of,
                only_if: Vec::new(),
                optional,
            });
        }
        Ok(())
    }
}

/// A request as people write it: `bash`, `libc6 (>= 2.36)`, `python3 >= 3.11`.
fn requested(text: &str) -> Result<Atom<'_>> {
    let text = text.trim();
    let Some(at) = text.find(['<', '>', '=']).filter(|_| !text.contains('(')) else {
        return relation::atom(text);
    };
    let (name, bound) = text.split_at(at);
    relation::atom(name).and_then(|atom| {
        Ok(Atom {
            version: Some(relation::bound(bound, text)?),
            ..atom
        })
    })
}

impl solve::Catalog for Catalog {
    fn groups(&self) -> &Groups {
        &self.groups
    }

    fn relations(&self, package: Package) -> Result<Relations> {
        let listed = &self.packages[package as usize].0;
        let mut relations = Relations::default();
        self.needs(&listed.depends, package, false, &mut relations.needs)?;
        if self.recommends {
            self.needs(&listed.recommends, package, true, &mut relations.needs)?;
        }
        for alternatives in relation::parse(&listed.conflicts)? {
            for atom in &alternatives {
                self.against(atom, package, &mut relations.conflicts);
            }
        }
        self.against_itself(package, &mut relations.conflicts);
        relations.conflicts.sort_unstable();
        relations.conflicts.dedup();
        Ok(relations)
    }

    fn show(&self, package: Package) -> String {
        let listed = &self.packages[package as usize].0;
        match &*listed.architecture {
            "all" => format!("{} {}", listed.name, listed.version),
            own if own == self.native => format!("{} {}", listed.name, listed.version),
            own => format!("{}:{own} {}", listed.name, listed.version),
        }
    }

    fn show_group(&self, group: Group) -> String {
        let first = self.groups.members(group)[0];
        let listed = &self.packages[first as usize].0;
        match &*listed.architecture {
            own if own == self.native || own == "all" => listed.name.to_string(),
            own => format!("{}:{own}", listed.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::index;
    use super::*;

    /// A catalog of an index whose packages lack what every package has.
    fn catalog(text: &str, recommends: bool) -> Catalog {
        let mut collector = Collector::default();
        for paragraph in text.split("\n\n") {
            let mut full = paragraph.trim().to_owned();
            for (field, value) in [
                ("Version", "1"),
                ("Architecture", "amd64"),
                ("Filename", "x.deb"),
                ("Size", "1"),
                (
                    "SHA256",
                    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                ),
            ] {
                if !full.contains(&format!("\n{field}: ")) {
                    full.push_str(&format!("\n{field}: {value}"));
                }
            }
            index::read(full.as_bytes(), |listed| collector.add(listed, 0)).unwrap();
        }
        collector
            .finish("amd64", &["banned".into()], recommends)
            .unwrap()
    }

    fn choose(text: &str, requests: &[&str]) -> Result<Vec<String>> {
        choose_from(&catalog(text, false), requests)
    }

    fn choose_from(catalog: &Catalog, requests: &[&str]) -> Result<Vec<String>> {
        let requests: Vec<_> = requests.iter().map(|text| text.to_string()).collect();
        let solution = solve::solve(catalog, &catalog.wanted(&requests)?)?;
        let mut names: Vec<_> = solution
            .into_iter()
            .map(|(package, _)| solve::Catalog::show(catalog, package))
            .collect();
        names.sort();
        Ok(names)
    }

    #[test]
    fn alternatives_virtual_packages_and_versions() {
        let text = "Package: app\nDepends: mta | exim, lib (>= 2)\n\n\
                    Package: exim\nProvides: mta\n\nPackage: postfix\nProvides: mta\n\n\
                    Package: lib\nVersion: 1\n\nPackage: lib\nVersion: 2\n\nPackage: lib\nVersion: 3";
        assert_eq!(
            choose(text, &["app"]).unwrap(),
            ["app 1", "exim 1", "lib 3"]
        );
        assert_eq!(
            choose(text, &["app", "lib (<< 3)"]).unwrap(),
            ["app 1", "exim 1", "lib 2"]
        );
        assert_eq!(choose(text, &["lib = 1"]).unwrap(), ["lib 1"]);
        assert_eq!(choose(text, &["lib < 1 | postfix"]).unwrap(), ["lib 1"]);
        let error = choose(text, &["app", "lib (= 1)"]).unwrap_err().to_string();
        assert!(error.contains("lib (>= 2)"), "{error}");
        let error = choose(text, &["lib >= 9"]).unwrap_err().to_string();
        assert!(error.contains("but there is lib 3"), "{error}");
        assert!(choose(text, &["nothing"])
            .unwrap_err()
            .to_string()
            .contains("no source has"));
    }

    #[test]
    fn versioned_provides_meet_versioned_needs_only() {
        let text = "Package: a\nDepends: v (>= 2)\n\nPackage: b\nProvides: v\n\n\
                    Package: c\nProvides: v (= 1)\n\nPackage: d\nProvides: v (= 3)";
        assert_eq!(choose(text, &["a"]).unwrap(), ["a 1", "d 1"]);
    }

    #[test]
    fn conflicts_and_breaks() {
        let text = "Package: a\nConflicts: mta\nProvides: mta\n\nPackage: b\nProvides: mta\n\n\
                    Package: c\nBreaks: d (<< 2)\n\nPackage: d\nVersion: 1\n\nPackage: e";
        assert_eq!(choose(text, &["a", "e"]).unwrap(), ["a 1", "e 1"]);
        assert!(choose(text, &["a", "b"]).is_err());
        assert!(choose(text, &["c", "d"]).is_err());
    }

    #[test]
    fn architectures() {
        let text = "Package: a\nDepends: same, foreign, tool:any\n\n\
                    Package: same\nArchitecture: i386\nMulti-Arch: same\n\n\
                    Package: same\nMulti-Arch: same\n\n\
                    Package: foreign\nArchitecture: i386\nMulti-Arch: foreign\n\n\
                    Package: tool\nArchitecture: i386\nMulti-Arch: allowed\n\n\
                    Package: plain\n\nPackage: plain\nArchitecture: i386";
        assert_eq!(
            choose(text, &["a", "same:i386"]).unwrap(),
            [
                "a 1",
                "foreign:i386 1",
                "same 1",
                "same:i386 1",
                "tool:i386 1"
            ]
        );
        assert!(choose(text, &["plain", "plain:i386"]).is_err());
    }

    #[test]
    fn recommends_and_exclude() {
        let text = "Package: a\nRecommends: b, banned, nothing\n\nPackage: b\n\nPackage: banned";
        assert_eq!(
            choose_from(&catalog(text, true), &["a"]).unwrap(),
            ["a 1", "b 1"]
        );
        assert_eq!(choose(text, &["a"]).unwrap(), ["a 1"]);
        assert!(choose(text, &["banned"])
            .unwrap_err()
            .to_string()
            .contains("excluded"));
    }

    #[test]
    fn a_package_whose_relations_make_no_sense_is_not_chosen() {
        let text = "Package: a\nDepends: b\n\nPackage: b\nVersion: 2\nDepends: (((\n\nPackage: b\nVersion: 1";
        assert_eq!(choose(text, &["a"]).unwrap(), ["a 1", "b 1"]);
    }

    #[test]
    fn a_cycle_of_many() {
        // Where assertions are on, resolvo looks at all that it knows after each step.
        let count = if cfg!(debug_assertions) {
            1_000
        } else {
            10_000
        };
        let text: Vec<_> = (0..count)
            .map(|n| format!("Package: p{n}\nDepends: p{}", (n + 1) % count))
            .collect();
        assert_eq!(choose(&text.join("\n\n"), &["p0"]).unwrap().len(), count);
    }
}
