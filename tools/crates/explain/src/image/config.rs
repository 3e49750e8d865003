//! Two configs of images, and the steps that they say made them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use verbatim_causes::Cause;

use crate::report::Difference;

/// Two configs. What follows from the layers is left out: they are compared themselves.
pub(super) fn configs(node: &mut Difference, left: &[u8], right: &[u8], other_layers: bool) {
    let parsed = |bytes: &[u8]| serde_json::from_slice::<Map<String, Value>>(bytes).ok();
    let (Some(mut l), Some(mut r)) = (parsed(left), parsed(right)) else {
        node.absorb(verbatim_causes::compare("config.json", left, right));
        return;
    };
    let equal = l == r;
    for (key, cause) in [
        ("created", Cause::Timestamp),
        ("container", Cause::RandomId),
        ("docker_version", Cause::ToolchainVersion),
    ] {
        let (a, b) = (l.remove(key), r.remove(key));
        if a != b {
            let (a, b) = (shown(a.as_ref()), shown(b.as_ref()));
            node.field(key, &a, &b);
            node.find(cause, &format!("/{key}"), format!("{a} → {b}"));
        }
    }
    let steps = (l.remove("history"), r.remove("history"));
    let same_layers = l.remove("rootfs") == r.remove("rootfs");
    history(node, steps, other_layers || l != r);
    if l != r {
        let bytes = |map: &Map<String, Value>| serde_json::to_vec(map).unwrap_or_default();
        node.absorb(verbatim_causes::compare(
            "config.json",
            &bytes(&l),
            &bytes(&r),
        ));
    } else if equal && same_layers {
        // The same in another order of keys, or with other white space.
        node.absorb(verbatim_causes::compare("config.json", left, right));
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "nothing".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// The steps that made two images. Steps that differ are no cause of their own if what they made is
/// `explained`, and then it is: layers or settings differ.
fn history(node: &mut Difference, (left, right): (Option<Value>, Option<Value>), explained: bool) {
    if left == right {
        return;
    }
    let steps = |value: Option<Value>| match value {
        Some(Value::Array(steps)) => steps,
        _ => Vec::new(),
    };
    let (mut l, mut r) = (steps(left), steps(right));
    if l.len() != r.len() {
        node.field(
            "steps of the history",
            l.len().to_string(),
            r.len().to_string(),
        );
        if !explained {
            let evidence = format!("{} steps of the history → {}", l.len(), r.len());
            node.find(Cause::History, "", evidence);
        }
        return;
    }
    let mut told = false;
    for (i, (a, b)) in l.iter_mut().zip(&mut r).enumerate() {
        let (Some(a), Some(b)) = (a.as_object_mut(), b.as_object_mut()) else {
            continue;
        };
        let times = (a.remove("created"), b.remove("created"));
        if times.0 != times.1 && !told {
            // The others have the same reason.
            told = true;
            let (from, to) = (shown(times.0.as_ref()), shown(times.1.as_ref()));
            node.find(
                Cause::Timestamp,
                &format!("/history/{i}/created"),
                format!("{from} → {to}"),
            );
        }
        let keys: BTreeSet<String> = a.keys().chain(b.keys()).cloned().collect();
        for key in keys {
            let (from, to) = (a.get(&key), b.get(&key));
            if from != to {
                let (from, to) = (shown(from), shown(to));
                let at = format!("/history/{i}/{key}");
                node.field(&at, &from, &to);
                if !explained {
                    node.find(Cause::History, &at, format!("{from} → {to}"));
                }
            }
        }
    }
}
