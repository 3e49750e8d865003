//! Sources: fetched, checked out, and what of them a build begins with.

use std::fs;
use std::path::Path;

use verbatim_document::json;
use verbatim_foreign::{excerpt, printable_path};

use super::named::{commit_digest, git_uri};
use super::{path_text, Found, Rebuild};
use crate::checkout::Checkout;
use crate::error::{Error, Result};
use crate::git::{Git, Origin};

/// A Containerfile is read whole.
const MAX_TEXT: u64 = 4 << 20;

impl Rebuild<'_> {
    /// Fetch the sources, check them out, and say when the commit was made.
    pub(super) fn sources(&mut self) -> Result<(Checkout, Option<i64>)> {
        let request = self.request;
        let Some(source) = self.build.source.clone() else {
            if let Some(folder) = request.source.map(Path::new).filter(|path| path.is_dir()) {
                return Ok((self.copied(folder)?, None));
            }
            return Err(Error::unchecked(format!(
                "{}: the attestation does not tell which commit was built; give a folder with --source",
                request.file
            )));
        };
        crate::git::commit_hash(&source.commit)?;
        if let Some(folder) = request
            .source
            .map(Path::new)
            .filter(|path| is_plain_folder(path))
        {
            // Files without a history: what commit they are of is the person's word.
            return Ok((self.copied(folder)?, self.build.commit_time));
        }
        let git = Git::new(&self.folder("git")?, request.log)?;
        let kept = self.store()?.join("source");
        let origin = match (request.materials, request.source) {
            (Some(_), _) => Origin::Given(path_text(&kept)?),
            (None, Some(given)) => Origin::Given(given.to_owned()),
            (None, None) => Origin::Attested(source.url.clone()),
        };
        let work = if request.fetch_only.is_some() && !kept.exists() {
            fs::create_dir(&kept).map_err(|e| Error::io(printable_path(&kept), &e))?;
            kept
        } else {
            self.folder("sources")?
        };
        let commit = git.fetch(&origin, &source.commit, &work)?;
        git.check_out(&source.commit, &source.checkout, &work)?;
        self.report
            .checked(&git_uri(&source), commit_digest(&source.commit));
        self.report.has_attested_source = true;
        Ok((Checkout::prepare(&work)?, Some(commit.time)))
    }

    /// A copy of a folder, which stays as it is.
    fn copied(&self, folder: &Path) -> Result<Checkout> {
        Checkout::copy(folder, &self.folder("sources")?)
    }

    /// `SOURCE/CONTEXT/DOCKERFILE`, else `SOURCE/DOCKERFILE`.
    pub(super) fn containerfile(&self, checkout: &Checkout) -> Result<Found> {
        let context = checkout
            .find(checkout.root(), self.build.context(), "CONTEXT")?
            .filter(|path| path.is_dir())
            .ok_or_else(|| {
                Error::wrong(format!(
                    "CONTEXT `{}` is no folder of the sources",
                    excerpt(self.build.context(), 200)
                ))
            })?;
        let name = self.build.containerfile();
        let below_context = checkout.find(&context, name, "DOCKERFILE")?;
        let path = match below_context {
            Some(path) => Some(path),
            None => checkout.find(checkout.root(), name, "DOCKERFILE")?,
        };
        let path = path.ok_or_else(|| {
            Error::wrong(format!(
                "DOCKERFILE `{}` is not in the sources",
                excerpt(name, 200)
            ))
        })?;
        let text = read_text(&path)?;
        Ok(Found { context, text })
    }

    /// The build arguments: lines of a file first, so that those of the list win.
    pub(super) fn build_arguments(&self, checkout: &Checkout) -> Result<Vec<String>> {
        let mut arguments = self.lines_of(checkout, "BUILD_ARGS_FILE")?;
        arguments.extend_from_slice(self.build.parameters.list("BUILD_ARGS"));
        Ok(arguments)
    }

    /// The lines of a file that a parameter names, without empty ones and comments.
    pub(super) fn lines_of(&self, checkout: &Checkout, parameter: &str) -> Result<Vec<String>> {
        let Some(name) = self.build.parameters.text(parameter) else {
            return Ok(Vec::new());
        };
        let Some(path) = checkout.find(checkout.root(), name, parameter)? else {
            return Err(Error::wrong(format!(
                "{parameter} `{}` is not in the sources",
                excerpt(name, 200)
            )));
        };
        let text = read_text(&path)?;
        let lines = text.lines().filter(|line| {
            let line = line.trim_start();
            !line.is_empty() && !line.starts_with('#')
        });
        Ok(lines.map(str::to_owned).collect())
    }
}

/// A folder that is no repository of git.
fn is_plain_folder(path: &Path) -> bool {
    let is_bare = path.join("HEAD").exists() && path.join("objects").is_dir();
    path.is_dir() && !path.join(".git").exists() && !is_bare
}

fn read_text(path: &Path) -> Result<String> {
    let data = json::read_file(path, MAX_TEXT)?;
    String::from_utf8(data)
        .map_err(|_| Error::wrong(format!("{}: is no text in UTF-8", printable_path(path))))
}
