//! Why paths are in an image.

use std::fmt::Write as _;

use anyhow::bail;
use serde::Serialize;
use verbatim_digest::Digest;
use verbatim_foreign::{counted, excerpt, printable, printable_path};
use verbatim_packages::Lock;
use verbatim_why::{answer, Answer, EventAnswer, Owner, Presence};

use super::{Form, Options};
use crate::outcome::Outcome;
use crate::printing::{print, print_json};
use crate::rootfs::{unreadable, Files};

/// Packages that are told of one path; a directory is in very many.
const MOST_OWNERS: usize = 5;

#[derive(Debug, Serialize)]
struct Report<'a> {
    schema: &'static str,
    verdict: &'static str,
    image: &'a str,
    digest: Digest,
    image_id: Digest,
    platform: String,
    paths: &'a [Answer],
}

pub(super) fn run(options: &Options) -> anyhow::Result<Outcome> {
    if options.format == Form::Markdown {
        bail!("--format=markdown is for two lists of sums");
    }
    let mut locks = Vec::new();
    for path in &options.lock {
        locks.push((printable_path(path).into_owned(), Lock::read(path)?));
    }
    let files = Files::open(&options.first, options.platform.as_ref(), &options.registry)?;
    let mut answers = Vec::new();
    for path in &options.rest {
        let told = answer(&files.tree, &files.inventory, &locks, path.as_bytes());
        answers.push(told.map_err(unreadable)?);
    }
    let all = answers.iter().all(|one| one.verdict == Presence::Found);
    match options.format {
        Form::Json => print_json(&Report {
            schema: "verbatim.why/1",
            verdict: if all { "found" } else { "missing" },
            image: &options.first,
            digest: files.tree.image.digest,
            image_id: files.tree.image.id,
            platform: files.tree.image.platform.to_string(),
            paths: &answers,
        })?,
        _ => print(&answers.iter().map(text).collect::<String>())?,
    }
    Ok(if all {
        Outcome::Done
    } else {
        Outcome::Different
    })
}

fn text(answer: &Answer) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(text, "{}: ", answer.path);
    let _ = match (answer.verdict, answer.kind) {
        (Presence::Missing, _) => writeln!(text, "no layer has it"),
        (Presence::Removed, _) => writeln!(text, "not there any more"),
        (Presence::Found, kind) => {
            let size = answer
                .size
                .map(|size| format!(", {}", counted(size, "byte")));
            let digest = answer.sha256.map(|digest| format!(", {digest}"));
            let link = answer
                .leads_to
                .as_ref()
                .map(|to| format!(", leads to {to}"));
            let parts = [size, digest, link].map(Option::unwrap_or_default).concat();
            writeln!(text, "{}{parts}", kind.unwrap_or("something"))
        }
    };
    if let Some(layer) = &answer.layer {
        let _ = writeln!(
            text,
            "  layer    {} of {}, {}",
            layer.position, layer.of, layer.digest
        );
        if let Some(step) = &layer.created_by {
            let _ = writeln!(text, "           made by {}", excerpt(step, 200));
        }
        for (key, value) in &layer.annotations {
            let _ = writeln!(
                text,
                "           {}: {}",
                printable(key),
                excerpt(value, 200)
            );
        }
    }
    // What one layer brought and no other touched was told above.
    if answer.events.len() > 1 || answer.verdict == Presence::Removed {
        for event in &answer.events {
            let _ = writeln!(text, "  history  layer {} {}", event.layer, told(event));
        }
    }
    for owner in answer.packages.iter().take(MOST_OWNERS) {
        package(&mut text, owner);
    }
    if answer.packages.len() > MOST_OWNERS {
        let _ = writeln!(
            text,
            "  package  and {} more",
            answer.packages.len() - MOST_OWNERS
        );
    }
    if answer.packages.is_empty() && answer.verdict == Presence::Found {
        let _ = writeln!(text, "  package  none says that it is its own");
    }
    text
}

fn told(event: &EventAnswer) -> String {
    let by = event.by.as_deref().unwrap_or_default();
    match event.what {
        "removed" => format!("took it away, by {by}"),
        "covered" => format!("put something else at {by}"),
        "same" => "brought it again, with the same content".to_owned(),
        "replaced" => "brought another in its place".to_owned(),
        _ => "brought it".to_owned(),
    }
}

fn package(text: &mut String, owner: &Owner) {
    let component = &owner.component;
    let architecture = component.architecture.as_deref();
    let named = [
        Some(component.kind.word()),
        Some(&*component.name),
        Some(&*component.version),
        architecture,
    ];
    let named: Vec<&str> = named
        .into_iter()
        .flatten()
        .filter(|word| !word.is_empty())
        .collect();
    let what = match owner.role {
        "content" => "",
        "config" => " (configuration)",
        "ghost" => " (made when it runs)",
        "linked" => " (a part of the program)",
        _ => " (by where it lies)",
    };
    let _ = writeln!(text, "  package  {}{what}", printable(&named.join(" ")));
    let held = match owner.holds {
        Some(true) => "and it has it",
        Some(false) if owner.role == "config" => "and it was changed since",
        Some(false) => "and it has ANOTHER",
        None => "",
    };
    if let (Some(claims), Some(_)) = (&owner.claims, owner.holds) {
        let _ = writeln!(text, "           says that it is {claims}, {held}");
    }
    if let Some(locked) = &owner.locked {
        let why = match (&locked.needed_by[..], locked.requested) {
            (_, true) => "asked for".to_owned(),
            ([], false) => "needed by nothing".to_owned(),
            (by, false) => format!("needed by {}", by.join(", ")),
        };
        let line = format!(
            "{}: {} of {}, {why}",
            locked.lock, locked.path, locked.source
        );
        let _ = writeln!(text, "  lock     {}", printable(&line));
    }
}
