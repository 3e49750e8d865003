//! What changed from one release's sums to another's.

use verbatim_digest::Digest;

use crate::{Subject, Sums};

/// One subject on which two lists do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Only the first list has it.
    Missing {
        /// What.
        subject: Subject,
        /// Its digest there.
        expected: Digest,
    },
    /// Only the second list has it.
    Extra {
        /// What.
        subject: Subject,
        /// Its digest there.
        actual: Digest,
    },
    /// Both have it, with different digests.
    Different {
        /// What.
        subject: Subject,
        /// In the first list.
        expected: Digest,
        /// In the second.
        actual: Digest,
    },
}

impl Change {
    /// What the change is about.
    pub fn subject(&self) -> &Subject {
        match self {
            Self::Missing { subject, .. }
            | Self::Extra { subject, .. }
            | Self::Different { subject, .. } => subject,
        }
    }
}

/// Every subject on which `expected` and `actual` do not agree, in order.
pub fn compare(expected: &Sums, actual: &Sums) -> Vec<Change> {
    let mut changes = Vec::new();
    for (subject, digest) in expected.iter() {
        match actual.get(subject) {
            None => changes.push(Change::Missing {
                subject: subject.clone(),
                expected: digest,
            }),
            Some(other) if other != digest => changes.push(Change::Different {
                subject: subject.clone(),
                expected: digest,
                actual: other,
            }),
            Some(_) => {}
        }
    }
    for (subject, digest) in actual.iter() {
        if expected.get(subject).is_none() {
            changes.push(Change::Extra {
                subject: subject.clone(),
                actual: digest,
            });
        }
    }
    changes.sort_by(|a, b| a.subject().cmp(b.subject()));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text;

    #[test]
    fn two_releases_of_another_project_are_compared() {
        let read = |data: &[u8]| text::parse(data, "f").unwrap().sums;
        let old = read(include_bytes!(
            "../testdata/constellation-rpm-SHA256SUMS-v2.14.0"
        ));
        let new = read(include_bytes!(
            "../testdata/constellation-rpm-SHA256SUMS-v2.24.0"
        ));
        assert_eq!(compare(&old, &old), []);
        let changes = compare(&old, &new);
        let count = |f: fn(&Change) -> bool| changes.iter().filter(|c| f(c)).count();
        let missing = count(|c| matches!(c, Change::Missing { .. }));
        let extra = count(|c| matches!(c, Change::Extra { .. }));
        let different = count(|c| matches!(c, Change::Different { .. }));
        // What `comm` and `join` count on the same two files.
        assert_eq!((missing, extra, different), (354, 358, 0));
        assert!(changes.windows(2).all(|w| w[0].subject() < w[1].subject()));
    }
}
