//! The passwords of a system.

use std::collections::BTreeMap;

use crate::collect::{became, short, Findings};
use crate::{text, Cause, Comparison};

/// The passwords of a system (shadow(5)): the third field is the day of the last change.
pub(super) fn compare(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let mut comparison = text::compare(left, right)?;
    let accounts = |data: &'_ [u8]| -> Option<BTreeMap<String, Vec<String>>> {
        std::str::from_utf8(data)
            .ok()?
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                let mut fields = line.trim_end().split(':').map(str::to_owned);
                let name = fields.next()?;
                let fields: Vec<String> = fields.collect();
                (fields.len() == 8).then_some((name, fields))
            })
            .collect()
    };
    let (l, r) = (accounts(left)?, accounts(right)?);
    let mut findings = Findings::default();
    for (name, a) in &l {
        let Some(b) = r.get(name) else {
            findings.add(
                Cause::SourceChange,
                || name.clone(),
                || format!("the account {} is only on the left side", short(name)),
            );
            continue;
        };
        for (field, (x, y)) in a.iter().zip(b).enumerate().filter(|(_, (x, y))| x != y) {
            let scheme = |hash: &str| {
                let mut parts = hash.split('$');
                (parts.next() == Some(""))
                    .then(|| parts.next().map(str::to_owned))
                    .flatten()
            };
            let (cause, what) = match field {
                0 if scheme(x).is_some() && scheme(x) == scheme(y) => {
                    (Cause::RandomId, "a password with another salt")
                }
                0 => (Cause::SourceChange, "the password"),
                1 => (Cause::PasswordAge, "the day of the last change"),
                _ => (Cause::SourceChange, "the rules of the password"),
            };
            let shown = if field == 0 {
                // No hash of a password belongs into a report.
                String::new()
            } else {
                format!(": {}", became(x, y))
            };
            findings.add(
                cause,
                || name.clone(),
                || format!("{} of {}{shown}", what, short(name)),
            );
        }
    }
    for name in r.keys().filter(|name| !l.contains_key(*name)) {
        findings.add(
            Cause::SourceChange,
            || name.clone(),
            || format!("the account {} is only on the right side", short(name)),
        );
    }
    if findings.is_empty() {
        return None;
    }
    comparison.format = "shadow";
    comparison.findings = findings.finish();
    // Neither do the lines around it.
    comparison.excerpts.clear();
    Some(comparison)
}

#[cfg(test)]
mod tests {
    use super::super::compare;
    use super::super::tests::causes;
    use super::*;

    #[test]
    fn shadow_files_are_read_field_by_field() {
        let line = |hash: &str, day: &str| {
            format!("root:{hash}:{day}:0:99999:7:::\nbin:*:1:0:99999:7:::\n")
        };
        let name = "etc/shadow";
        assert_eq!(
            causes(name, &line("*", "19000"), &line("*", "19001")),
            [Cause::PasswordAge]
        );
        assert_eq!(
            causes(name, &line("$6$aa$x", "1"), &line("$6$bb$y", "1")),
            [Cause::RandomId]
        );
        assert_eq!(
            causes(name, &line("*", "1"), &line("!", "1")),
            [Cause::SourceChange]
        );
        let comparison = compare(
            name,
            line("$6$aa$x", "1").as_bytes(),
            line("$6$bb$y", "1").as_bytes(),
        )
        .unwrap();
        assert!(comparison.excerpts.is_empty() && !comparison.findings[0].evidence.contains("$6$"));
    }
}
