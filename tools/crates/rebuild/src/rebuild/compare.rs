//! What was built, held against what is published: four levels, a verdict, and why.

use std::path::Path;

use verbatim_causes::Cause;
use verbatim_explain::{explain, CauseReport, Limits, Opener};
use verbatim_foreign::excerpt;
use verbatim_verify::Verdict as Judged;

use super::{path_text, Rebuild, Request, Stages};
use crate::base::BaseImage;
use crate::containerfile::Origin;
use crate::error::{Error, Result};
use crate::published::{verdict, Described, Levels, Published};
use crate::report::Verdict;
use crate::{history, machine};

/// So many lines of evidence are added to a cause.
const MAX_ADDED: usize = 8;

impl Rebuild<'_> {
    pub(super) fn compare(
        &mut self,
        published: Option<Described>,
        layout: &Path,
        stages: &Stages,
        images: &[BaseImage],
    ) -> Result<()> {
        let rebuilt = Published::open(&path_text(layout)?, self.request.client, &self.runtime)?
            .image(None, &machine::platform())?;
        self.report.image_id = Some(rebuilt.image.config.digest);
        let Some(published) = published else {
            self.compare_digest(&rebuilt);
            return Ok(());
        };
        self.report.image = Some(published.image.manifest.digest);
        self.report.levels = Levels::of(&published.image, &rebuilt.image);
        let judgement = verdict(&published.image, &rebuilt.image)?;
        self.report.reasons.extend(judgement.reasons);
        let is_proof = judgement.verdict == Judged::Identical || self.report.missing.is_empty();
        self.report.verdict = if is_proof {
            Verdict::Compared(judgement.verdict)
        } else {
            Verdict::Incomplete
        };
        if judgement.verdict != Judged::Identical {
            let mut causes = causes(self.request, &published.name, layout)?;
            say_what_moved(
                &mut causes,
                history::changes(&published.config, &rebuilt.config),
            );
            say_whence(&mut causes, stages, images);
            self.report.causes = causes;
        }
        Ok(())
    }

    /// There is no image at hand, but the digest that the attestation says it has.
    fn compare_digest(&mut self, rebuilt: &Described) {
        let told = self.build.produced.as_ref().map(|produced| produced.digest);
        if told == Some(rebuilt.image.manifest.digest) {
            self.report.image = told;
            self.report.levels = Levels::EQUAL;
            self.report.verdict = Verdict::Compared(Judged::Identical);
        } else if self.report.missing.is_empty() {
            self.report.verdict = Verdict::Unchecked;
        } else {
            self.report.verdict = Verdict::Incomplete;
            self.report.reasons.push(
                "it was built without what the attestation does not tell, and its manifest is not the attested one"
                    .into(),
            );
        }
    }
}

/// Why an image of this name is not the one in a layout.
pub(super) fn causes(
    request: &Request<'_>,
    published: &str,
    layout: &Path,
) -> Result<Vec<CauseReport>> {
    let limits = Limits::default();
    let client = || {
        (request.client)().map_err(|e| {
            verbatim_explain::Error::new(verbatim_explain::ErrorKind::Input, e.to_string())
        })
    };
    let opener = Opener {
        client: &client,
        limits: &limits,
    };
    let failed = |e: verbatim_explain::Error| {
        Error::unchecked(format!("what differs cannot be found out: {e}"))
    };
    let left = opener.open(published).map_err(failed)?;
    let right = opener.open(&path_text(layout)?).map_err(failed)?;
    Ok(explain(&left, &right, false, &limits)
        .map_err(failed)?
        .causes)
}

/// Put what moved in the history under its cause, before the long lines.
fn say_what_moved(causes: &mut [CauseReport], changes: Vec<String>) {
    if changes.is_empty() {
        return;
    }
    let lines = changes
        .into_iter()
        .take(MAX_ADDED)
        .map(|change| format!("config at {change}"));
    match causes.iter_mut().find(|cause| cause.id == Cause::History) {
        Some(cause) => {
            cause.evidence.splice(0..0, lines);
        }
        // Something else explains the history; what stands in it is a hint all the same.
        None => {
            if let Some(cause) = causes
                .iter_mut()
                .find(|cause| cause.paths.iter().any(|path| path == "config"))
            {
                cause.evidence.extend(lines);
            }
        }
    }
}

/// Say of paths that differ which image they were copied from.
fn say_whence(causes: &mut [CauseReport], stages: &Stages, images: &[BaseImage]) {
    let stage = &stages.file.stages[stages.target];
    for cause in causes {
        let mut lines: Vec<String> = Vec::new();
        for path in &cause.paths {
            let Some((_, inside)) = path.split_once('!') else {
                continue;
            };
            let inside = inside.split('!').next().unwrap_or(inside);
            let copied = stage
                .copies
                .iter()
                .rfind(|copied| copied.to.as_deref().is_some_and(|to| is_below(inside, to)));
            let Some(copied) = copied else { continue };
            let (from, image) = match stages.file.origin(&copied.from, stages.target) {
                Origin::Stage(number) => (
                    format!("the stage {}", excerpt(&copied.from, 100)),
                    stages.file.root(number),
                ),
                Origin::Image(name) => ("an image".to_owned(), Some(name)),
                Origin::Scratch => continue,
            };
            let Some(image) = image else { continue };
            let digest = images.iter().find(|known| known.name.text == image);
            let digest =
                digest.map_or_else(String::new, |known| format!(", here {}", known.digest));
            let line = format!(
                "{path}: copied from {from}, which is made from {}{digest}",
                excerpt(image, 300)
            );
            lines.push(line);
            if lines.len() == MAX_ADDED {
                break;
            }
        }
        cause.evidence.extend(lines);
    }
}

/// Whether a path of a layer is what `COPY … TO` writes, or below it.
fn is_below(path: &str, to: &str) -> bool {
    let to = to.trim_matches('/');
    let to = to.strip_prefix("./").unwrap_or(to);
    let path = path.trim_start_matches("./").trim_matches('/');
    to.is_empty()
        || to == "."
        || path == to
        || path
            .strip_prefix(to)
            .is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_a_copy() {
        for (path, to) in [
            ("a/b", "/"),
            ("a/b", "/a/"),
            ("a/b", "a/b"),
            ("./a", "."),
            ("a", "./a"),
        ] {
            assert!(is_below(path, to), "{path} {to}");
        }
        for (path, to) in [("ab", "/a"), ("a", "/a/b"), ("b", "/a/")] {
            assert!(!is_below(path, to), "{path} {to}");
        }
    }
}
