//! What `verbatim normalize --scrub` knows, did and refused, as it is told.

use serde_json::json;
use verbatim_scrub::{Done, Refusal, RULES};

use crate::outcome::Outcome;
use crate::printing::print;

/// The rules by name, whether they are on by default, and what they do.
pub(super) fn list_rules() -> anyhow::Result<Outcome> {
    let mut text = String::new();
    for rule in RULES {
        let state = if rule.on_by_default() { "on " } else { "off" };
        text.push_str(&format!("{rule:20} {state}  {}\n", rule.about()));
    }
    print(&text)?;
    Ok(Outcome::Done)
}

/// One line for each thing that was done, and for each that was refused.
pub(super) fn text(done: &[Done], refused: &[Refusal]) -> String {
    let done = done.iter().map(|done| format!("{done}\n"));
    let refused = refused.iter().map(|refusal| {
        let path = verbatim_foreign::printable_bytes(&refusal.path);
        format!("refused   {path} ({})\n", refusal.rule)
    });
    done.chain(refused).collect()
}

pub(super) fn json(done: &[Done], refused: &[Refusal]) -> serde_json::Value {
    let path = |path: &[u8]| path.escape_ascii().to_string();
    let verdict = match (done, refused) {
        ([], []) => "equal",
        _ => "different",
    };
    let done: Vec<_> = done
        .iter()
        .map(|done| {
            json!({
                "rule": done.rule.name(),
                "path": path(&done.path),
                "change": done.change.as_str(),
            })
        })
        .collect();
    let mut report = json!({
        "schema": "verbatim.scrub/1",
        "verdict": verdict,
        "done": done,
    });
    if !refused.is_empty() {
        let refused = refused.iter().map(|refusal| {
            json!({
                "rule": refusal.rule.name(),
                "path": path(&refusal.path),
                "what": refusal.what,
                "fix": refusal.fix,
            })
        });
        report["refused"] = refused.collect();
    }
    report
}
