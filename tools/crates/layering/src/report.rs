//! What a release costs whoever has the one before.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;
use verbatim_digest::Digest;
use verbatim_foreign::{counted, printable};

use crate::plan::Plan;

/// Names that are shown of a layer.
const SHOWN: usize = 3;

/// A release compared with the one before.
///
/// As JSON it is one object with the schema `verbatim.layers/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    schema: &'static str,
    /// `first` without a release before, `unchanged` if there is nothing to fetch, else `changed`.
    verdict: &'static str,
    /// The layers, the lowest first.
    pub layers: Vec<ReportedLayer>,
    /// Bytes of all blobs.
    pub total_bytes: u64,
    /// Bytes of the blobs that the release before has, too.
    pub kept_bytes: u64,
    /// Bytes of the others: what whoever has the release before fetches.
    pub new_bytes: u64,
    /// Components that are others than before; none if there is no release before.
    pub changes: Vec<Change>,
}

/// A layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedLayer {
    /// Of its blob.
    pub digest: Digest,
    /// Bytes of its blob.
    pub size: u64,
    /// Whether the release before has the same blob.
    pub kept: bool,
    /// What is in it, the largest first.
    pub components: Vec<String>,
}

/// A component that is another than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its key in the plan.
    pub component: String,
    /// Its version before; nothing if it is new.
    pub from: Option<String>,
    /// Its version now; nothing if it is gone.
    pub to: Option<String>,
}

impl Report {
    /// Compare the plan of a release with the one of the release before.
    pub fn of(plan: &Plan, previous: Option<&Plan>) -> Self {
        let before: BTreeSet<Digest> = previous
            .into_iter()
            .flat_map(|plan| plan.layers())
            .map(|layer| layer.digest)
            .collect();
        let mut components: Vec<Vec<(u64, &str)>> = vec![Vec::new(); plan.layers().len()];
        for component in plan.components() {
            if let Some(layer) = components.get_mut(component.layer) {
                layer.push((u64::MAX - component.size, &component.key));
            }
        }
        let layers = plan.layers().iter().zip(components);
        let layers: Vec<ReportedLayer> = layers
            .map(|(layer, mut components)| {
                components.sort_unstable();
                let names = components.into_iter().map(|(_, key)| key.to_owned());
                ReportedLayer {
                    digest: layer.digest,
                    size: layer.size,
                    kept: before.contains(&layer.digest),
                    components: names.collect(),
                }
            })
            .collect();
        let sum = |kept: bool| {
            let of = layers.iter().filter(|layer| layer.kept == kept);
            of.map(|layer| layer.size).sum::<u64>()
        };
        let (kept_bytes, new_bytes) = (sum(true), sum(false));
        Self {
            schema: "verbatim.layers/1",
            verdict: match previous {
                None => "first",
                Some(_) if new_bytes == 0 => "unchanged",
                Some(_) => "changed",
            },
            total_bytes: kept_bytes + new_bytes,
            kept_bytes,
            new_bytes,
            changes: previous.map_or(Vec::new(), |previous| changes(plan, previous)),
            layers,
        }
    }

    /// The report as a table for people.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let width = self.total_bytes.to_string().len().max("bytes".len());
        // Writing to a string cannot fail.
        let _ = writeln!(text, "layer  {:>width$}  state  components", "bytes");
        for (at, layer) in self.layers.iter().enumerate() {
            let state = if layer.kept { "kept" } else { "new" };
            let mut names: Vec<_> = layer
                .components
                .iter()
                .take(SHOWN)
                .map(|n| printable(n))
                .collect();
            let more = layer.components.len().saturating_sub(SHOWN);
            if more > 0 {
                names.push(format!("{more} more").into());
            }
            let _ = writeln!(
                text,
                "{:>5}  {:>width$}  {state:<5}  {}",
                at + 1,
                layer.size,
                names.join(", ")
            );
        }
        let _ = writeln!(text, "  all  {:>width$}", self.total_bytes);
        if self.verdict != "first" {
            let kept = self.layers.iter().filter(|layer| layer.kept).count();
            let share = match self.total_bytes {
                0 => 0,
                all => u128::from(self.new_bytes) * 1000 / u128::from(all),
            };
            let _ = writeln!(
                text,
                "{} of {} kept; {} to fetch for whoever has the release before, {}.{} % of all",
                kept,
                counted(self.layers.len(), "layer"),
                counted(self.new_bytes, "byte"),
                share / 10,
                share % 10,
            );
            for change in &self.changes {
                let name = printable(&change.component);
                let version = |version: &Option<String>| match version.as_deref() {
                    Some("") | None => String::new(),
                    Some(version) => format!(" {}", printable(version)),
                };
                let (from, to) = (version(&change.from), version(&change.to));
                let _ = match (&change.from, &change.to) {
                    (None, _) => writeln!(text, "  added    {name}{to}"),
                    (_, None) => writeln!(text, "  removed  {name}{from}"),
                    _ if from == to => writeln!(text, "  changed  {name}{to}"),
                    _ => writeln!(text, "  changed  {name}{from} →{to}"),
                };
            }
        }
        text
    }
}

fn changes(plan: &Plan, previous: &Plan) -> Vec<Change> {
    let by_key = |plan: &Plan| -> BTreeMap<String, (String, Digest)> {
        let components = plan.components().iter();
        components
            .map(|c| (c.key.clone(), (c.version.clone(), c.fingerprint)))
            .collect()
    };
    let (before, now) = (by_key(previous), by_key(plan));
    let keys: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let changed = keys
        .into_iter()
        .filter(|key| before.get(*key) != now.get(*key));
    let version = |of: &BTreeMap<String, (String, Digest)>, key: &String| {
        of.get(key).map(|(version, _)| version.clone())
    };
    changed
        .map(|key| Change {
            component: key.clone(),
            from: version(&before, key),
            to: version(&now, key),
        })
        .collect()
}
