//! Two lists of sums: which of the released things has another digest.

use verbatim_causes::Cause;
use verbatim_sums::Sums;

use crate::report::{Difference, Kind, Level};

/// Line by line, in the order of the lists.
pub(crate) fn compare(left: &Sums, right: &Sums) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (subject, digest) in left.iter() {
        let name = subject.to_string();
        match right.get(subject) {
            Some(other) if other == digest => {}
            Some(other) => {
                let mut node = Difference::new(Level::Sum, name, Kind::Changed);
                node.field("digest", digest.to_string(), other.to_string());
                node.find(
                    Cause::Unexplained,
                    "digest",
                    format!("{digest} → {other}: sums say only that it differs; compare the two things themselves"),
                );
                differences.push(node);
            }
            None => {
                let mut node = Difference::new(Level::Sum, name, Kind::Removed);
                node.find(Cause::RemovedFile, "", digest.to_string());
                differences.push(node);
            }
        }
    }
    for (subject, digest) in right.iter() {
        if left.get(subject).is_none() {
            let mut node = Difference::new(Level::Sum, subject.to_string(), Kind::Added);
            node.find(Cause::AddedFile, "", digest.to_string());
            differences.push(node);
        }
    }
    differences.sort_by(|a, b| a.path.cmp(&b.path));
    differences
}
