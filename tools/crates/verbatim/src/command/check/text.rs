//! The report for a terminal: who is to blame first, then every target, then what was varied.

use std::fmt::Write as _;

use verbatim_causes::Cause;
use verbatim_foreign::printable;
use verbatim_variation::blame::{Accused, Origin, Root};
use verbatim_variation::check::Report;
use verbatim_variation::compare::{Target, Verdict};
use verbatim_variation::variants;

use super::explained::{Explained, Whole};
use crate::colours::colours;

/// More than anybody reads at once; `--format=json` has them all.
const MOST: usize = 20;
const MOST_CAUSES: usize = 3;
const MOST_COMMAND: usize = 400;

/// The report of two builds. If they are kept, it says how to look at them.
pub fn report(whole: &Whole<'_>, kept: bool) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for explained in whole.guilty.iter().take(MOST) {
        guilty(&mut text, explained, kept)?;
        text.push('\n');
    }
    if whole.guilty.len() > MOST {
        let more = whole.guilty.len() - MOST;
        writeln!(text, "and {more} more; --format=json has them all\n")?;
    }
    targets(&mut text, whole)?;
    if !whole.report.unsteady.is_empty() {
        writeln!(
            text,
            "\nNo output shows it, but these actions made something else from the same:"
        )?;
        for action in whole.report.unsteady.iter().take(MOST) {
            writeln!(text, "{}", title(action))?;
            made(&mut text, action)?;
        }
    }
    text.push('\n');
    circumstances(&mut text, whole.report)?;
    sum(&mut text, whole.report)?;
    Ok(text)
}

fn guilty(text: &mut String, explained: &Explained<'_>, kept: bool) -> std::fmt::Result {
    let (good, bad) = colours();
    let (who, why, details) = match &explained.guilty.root {
        Root::Action(action) => (
            title(action),
            "its inputs were equal and its outputs were not",
            &[][..],
        ),
        Root::Command { action, differs } => (
            title(action),
            "its input files were equal, and its command was not",
            &differs[..],
        ),
        Root::Inputs { action, differs } => {
            (title(action), "it was given other files", &differs[..])
        }
        Root::Unmatched(action) => (
            title(action),
            "only the first build has this action",
            &[][..],
        ),
        Root::File { path, origin } => (printable(path).into_owned(), of(*origin), &[][..]),
    };
    writeln!(text, "{bad}{who}{bad:#}: {why}")?;
    if let Some(action) = explained.guilty.root.action() {
        made(text, action)?;
    }
    for line in details {
        writeln!(text, "    {}", printable(line))?;
    }
    for condition in &explained.conditions {
        writeln!(text, "    {condition}: it depends on {}", condition.what())?;
        writeln!(text, "    {good}fix:{good:#} {}", condition.remedy())?;
    }
    causes(text, explained)?;
    let consequences = explained.guilty.consequences;
    if consequences > 0 {
        let differ = if consequences == 1 {
            "differs"
        } else {
            "differ"
        };
        let outputs = count(consequences, "other output");
        writeln!(text, "    {outputs} {differ} because of it")?;
    }
    if let (true, Some([first, second])) = (kept, &explained.guilty.files) {
        writeln!(
            text,
            "    verbatim diff {} {}",
            printable(&first.display().to_string()),
            printable(&second.display().to_string())
        )?;
    }
    Ok(())
}

fn causes(text: &mut String, explained: &Explained<'_>) -> std::fmt::Result {
    let (good, _) = colours();
    let Some(diff) = &explained.diff else {
        if let Some(why) = &explained.not_compared {
            writeln!(text, "    not looked into: {}", printable(why))?;
        }
        return Ok(());
    };
    // Where a condition is known, nobody needs to be told that there is no other cause.
    let known = !explained.conditions.is_empty();
    let causes: Vec<_> = diff.causes.iter().collect();
    for cause in causes.iter().take(MOST_CAUSES) {
        let unexplained = cause.id == Cause::Unexplained;
        let evidence = cause.evidence.first().map_or("", String::as_str);
        let name = if unexplained && known {
            "evidence"
        } else {
            cause.id.id()
        };
        writeln!(text, "    {name}: {}", printable(evidence))?;
        if !(unexplained && known) {
            writeln!(text, "    {good}fix:{good:#} {}", cause.fix)?;
        }
    }
    if causes.len() > MOST_CAUSES {
        let more: Vec<_> = causes[MOST_CAUSES..].iter().map(|c| c.id.id()).collect();
        writeln!(text, "    also: {}", more.join(", "))?;
    }
    Ok(())
}

fn of(origin: Origin) -> &'static str {
    match origin {
        Origin::Source => "a file of the checkout that is other in its copy",
        Origin::Repository => "a repository rule made it otherwise",
        Origin::WorkspaceStatus => {
            "the workspace status: build with --nostamp, or stamp nothing that is released"
        }
        Origin::Bazel => {
            "no process made it: Bazel writes it itself, from what rules or repository rules say"
        }
    }
}

fn title(action: &Accused) -> String {
    printable(&format!("{} of {}", action.mnemonic, action.target)).into_owned()
}

/// What an action made, and with which command.
fn made(text: &mut String, action: &Accused) -> std::fmt::Result {
    for output in action.outputs.iter().take(1) {
        let more = match action.outputs.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        writeln!(text, "    {}{more}", printable(output))?;
    }
    // The part that a genrule's author wrote stands last.
    let command = action.command.last().filter(|_| action.command.len() == 3);
    let command = command.cloned().unwrap_or_else(|| action.command.join(" "));
    let own = command.split_once("genrule-setup.sh; ");
    let whole = printable(own.map_or(&*command, |(_, own)| own));
    let mut short: String = whole.chars().take(MOST_COMMAND).collect();
    if short.len() < whole.len() {
        short.push('…');
    }
    if !short.is_empty() {
        writeln!(text, "    $ {short}")?;
    }
    Ok(())
}

fn targets(text: &mut String, whole: &Whole<'_>) -> std::fmt::Result {
    let (good, bad) = colours();
    let results = &whole.report.results;
    let width = results.iter().map(|t| t.target.chars().count()).max();
    let width = width.unwrap_or(0).min(80);
    for target in results {
        let files = count(target.files, "file");
        let name = printable(&target.target);
        if target.verdict == Verdict::Reproducible {
            let word = "reproducible";
            writeln!(text, "{good}{word}{good:#}  {name:width$}  {files}")?;
            continue;
        }
        writeln!(
            text,
            "{bad}different   {bad:#}  {name:width$}  {} of {files} because of {}",
            target.outputs.len(),
            names(whole, target)
        )?;
        for output in target.outputs.iter().take(MOST) {
            let which = match output.verdict {
                Verdict::OnlyFirst => "first",
                Verdict::OnlySecond => "second",
                _ => continue,
            };
            let path = printable(&output.path);
            writeln!(text, "  only the {which} build has {path}")?;
        }
    }
    Ok(())
}

/// Those that are to blame for a target.
fn names(whole: &Whole<'_>, target: &Target) -> String {
    let mut names = Vec::new();
    for at in target.outputs.iter().flat_map(|output| &output.because) {
        let name = match &whole.report.guilty[*at].root {
            Root::File { path, .. } => printable(path).into_owned(),
            other => other.action().map(title).unwrap_or_default(),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return "what only one build has".to_owned();
    }
    let more = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    names.join(", ") + &more
}

fn circumstances(text: &mut String, report: &Report) -> std::fmt::Result {
    for varied in &report.varied {
        let both = format!("{}, then {}", varied.first, varied.second);
        let what = printable(&both);
        writeln!(text, "varied      {:15}  {what}", varied.condition)?;
    }
    for unvaried in &report.unvaried {
        let why = printable(&unvaried.why);
        writeln!(text, "not varied  {:15}  {why}", unvaried.condition)?;
    }
    Ok(())
}

fn sum(text: &mut String, report: &Report) -> std::fmt::Result {
    let (good, bad) = colours();
    let differing = report
        .results
        .iter()
        .filter(|t| t.verdict != Verdict::Reproducible)
        .count();
    let targets = count(report.results.len(), "target");
    let (colour, sum) = if differing == 0 {
        (good, format!("{targets}: all outputs are the same"))
    } else {
        let roots = count(report.guilty.len(), "root");
        (
            bad,
            format!("{differing} of {targets} differ, from {roots}"),
        )
    };
    let actions = count(report.actions, "action");
    writeln!(
        text,
        "{colour}{sum}{colour:#}, after {actions} in each build"
    )
}

/// A number of things.
pub fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The report of one target under several configurations.
pub fn variants(report: &variants::Report) -> Result<String, std::fmt::Error> {
    let (good, bad) = colours();
    let mut text = format!(
        "{} under {}: {}\n",
        printable(&report.target),
        count(report.variants.len(), "configuration"),
        printable(&report.variants.join(", "))
    );
    for output in &report.results {
        if output.verdict == Verdict::Reproducible {
            writeln!(
                text,
                "{good}reproducible{good:#}  {}",
                printable(&output.path)
            )?;
            continue;
        }
        writeln!(
            text,
            "{bad}different{bad:#}     {}",
            printable(&output.path)
        )?;
        for group in &output.groups {
            writeln!(
                text,
                "  {}  {}",
                &group.digest.hex()[..12],
                printable(&group.variants.join(", "))
            )?;
        }
        if !output.missing.is_empty() {
            let missing = output.missing.join(", ");
            let missing = printable(&missing);
            writeln!(text, "  {:12}  {missing}", "not there")?;
        }
    }
    Ok(text)
}
