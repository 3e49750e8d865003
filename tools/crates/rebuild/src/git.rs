//! Sources, fetched by `git`: of an attestation only over http, https or ssh, and only by the whole hash
//! of a commit.
//!
//! `git` runs with a configuration of its own: no hooks, no helpers, no file of the user or the machine,
//! an allow-list of protocols, and nothing to ask anybody. Whatever an attestation names stands behind `--`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use verbatim_foreign::{excerpt, printable_path};

use crate::error::{Error, Result};
use crate::konflux::CheckoutOptions;
use crate::process::{self, Log};

/// A repository with its history may be large, and a server slow.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// What git needs to know of the machine: whom it trusts, how it reaches the world, the agent of ssh.
const MACHINE: [&str; 12] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "SSH_AUTH_SOCK",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

/// Where sources are fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// What an attestation named, checked by [`address`].
    Attested(String),
    /// The word of the person who rebuilds: an address, or a folder.
    Given(String),
}

/// What was checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its tree, in hexadecimal.
    pub tree: String,
    /// When it was made, in seconds since 1970.
    pub time: i64,
}

/// Whether an address of an attestation may be fetched from.
///
/// # Errors
/// Any other protocol, and any character that an address of a repository does not need.
pub fn address(url: &str) -> Result<()> {
    let refused = |why: &str| {
        Error::wrong(format!(
            "the source `{}` is refused: {why}; give the repository with --source if you trust it",
            excerpt(url, 300)
        ))
    };
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(refused("it is no address with http, https or ssh"));
    };
    if !["http", "https", "ssh"].contains(&scheme) {
        return Err(refused("only http, https and ssh are fetched from"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/@%+,=[]".contains(c);
    if let Some(c) = rest.chars().find(|&c| !plain(c)) {
        return Err(refused(&format!(
            "it holds the character {}",
            c.escape_debug()
        )));
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    // git decodes it, and a program of its own is handed the host: `%2doption` would be one.
    if authority.contains('%') {
        return Err(refused("its host is encoded"));
    }
    if host.is_empty() || host.starts_with('-') || user.is_some_and(|user| user.starts_with('-')) {
        return Err(refused("it has no host"));
    }
    if user.is_some_and(|user| user.contains(':') || scheme != "ssh") {
        return Err(refused("it holds a user or a password"));
    }
    if path.is_empty()
        || path
            .split('/')
            .any(|part| part == ".." || part.starts_with('-'))
    {
        return Err(refused("its path is none of a repository"));
    }
    Ok(())
}

/// Whether this is the whole hash of a commit, and not a name that could stand for another one tomorrow.
///
/// # Errors
/// Anything else.
pub(crate) fn commit_hash(commit: &str) -> Result<()> {
    let hex = commit
        .bytes()
        .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if hex && matches!(commit.len(), 40 | 64) {
        return Ok(());
    }
    Err(Error::wrong(format!(
        "`{}` is not the whole hash of a commit (40 or 64 lower-case hexadecimal digits); a branch or a tag could be another commit tomorrow",
        excerpt(commit, 100)
    )))
}

/// `git`, with a folder for its own configuration.
pub struct Git<'a> {
    folder: PathBuf,
    log: Log<'a>,
}

impl<'a> Git<'a> {
    /// Prepare it in a folder that is there and empty.
    pub fn new(folder: &Path, log: Log<'a>) -> Result<Self> {
        let git = Self {
            folder: folder.to_owned(),
            log,
        };
        // A folder of somebody else's is fine where a person named it.
        fs::write(git.config(), "[safe]\n\tdirectory = *\n")
            .map_err(|e| Error::io(printable_path(&git.config()), &e))?;
        Ok(git)
    }

    fn config(&self) -> PathBuf {
        self.folder.join("gitconfig")
    }

    fn command(&self, repository: &Path, protocols: &str) -> Command {
        let mut command = process::command("git", &self.folder);
        process::pass_on(&mut command, &MACHINE);
        command
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", self.config())
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "")
            .env("GIT_ALLOW_PROTOCOL", protocols)
            .env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oConnectTimeout=30")
            .env("GIT_LFS_SKIP_SMUDGE", "1")
            .arg("-C")
            .arg(repository);
        for setting in [
            "core.hooksPath=/dev/null",
            "core.fsmonitor=false",
            "core.symlinks=true",
            "core.autocrlf=false",
            "core.fileMode=true",
            "credential.helper=",
            "fetch.fsckObjects=true",
            "http.lowSpeedLimit=500",
            "http.lowSpeedTime=60",
            "gc.auto=0",
            "advice.detachedHead=false",
        ] {
            command.args(["-c", setting]);
        }
        command
    }

    /// Run it; what it answers if it succeeds, else what it said last.
    fn run(&self, command: &mut Command) -> Result<std::result::Result<String, String>> {
        Self::end(process::run(command, PATIENCE, self.log)?)
    }

    /// The same, where nobody has to see what it says.
    fn ask(command: &mut Command) -> Result<std::result::Result<String, String>> {
        Self::end(process::run(command, PATIENCE, &|_| {})?)
    }

    fn end(ended: process::Ended) -> Result<std::result::Result<String, String>> {
        Ok(if ended.status.success() {
            Ok(ended.answer.trim_end().to_owned())
        } else {
            Err(ended.last_words())
        })
    }

    /// Run what only fails if something is wrong with this machine.
    fn must(command: &mut Command, doing: &str) -> Result<String> {
        Self::ask(command)?.map_err(|words| Error::unchecked(format!("{doing}: git: {words}")))
    }

    /// Fetch one commit into the empty folder `into`, without checking it out.
    ///
    /// # Errors
    /// What is refused is wrong; what cannot be fetched is unchecked.
    pub fn fetch(&self, origin: &Origin, commit: &str, into: &Path) -> Result<Commit> {
        commit_hash(commit)?;
        let (from, protocols) = match origin {
            Origin::Attested(url) => {
                address(url)?;
                (url.clone(), "http:https:ssh")
            }
            Origin::Given(text) => (given(text)?, "http:https:ssh:file"),
        };
        let format = if commit.len() == 64 { "sha256" } else { "sha1" };
        let mut init = self.command(into, "none");
        init.args(["init", "--quiet", "--template="]);
        init.arg(format!("--object-format={format}"));
        Self::must(&mut init, "a folder for the sources cannot be prepared")?;
        let mut one = self.command(into, protocols);
        one.args([
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-recurse-submodules",
            "--depth=1",
            "--",
        ])
        .args([from.as_str(), commit]);
        if Self::ask(&mut one)?.is_err() {
            // Old servers and plain folders of files give out branches and tags alone.
            let mut all = self.command(into, protocols);
            all.args([
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-recurse-submodules",
                "--",
            ])
            .args([
                from.as_str(),
                "+refs/heads/*:refs/remotes/from/*",
                "+refs/tags/*:refs/tags/*",
            ]);
            if let Err(words) = self.run(&mut all)? {
                return Err(Error::unchecked(format!(
                    "the source {} cannot be fetched: {words}",
                    excerpt(&from, 300)
                )));
            }
        }
        self.describe(commit, into)?.ok_or_else(|| {
            Error::unchecked(format!(
                "the source {} has no commit {commit}",
                excerpt(&from, 300)
            ))
        })
    }

    /// Tree and time of a commit; `None` where there is none of this hash.
    fn describe(&self, commit: &str, repository: &Path) -> Result<Option<Commit>> {
        let mut kind = self.command(repository, "none");
        kind.args(["cat-file", "-t", commit]);
        match Self::ask(&mut kind)?.as_deref() {
            Ok("commit") => {}
            _ => return Ok(None),
        }
        let mut show = self.command(repository, "none");
        show.args([
            "show",
            "--no-patch",
            "--no-show-signature",
            "--format=%H %T %ct",
            commit,
        ]);
        let text = Self::must(&mut show, "the commit cannot be read")?;
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            [hash, tree, time] if hash == commit => Ok(Some(Commit {
                tree: tree.to_owned(),
                time: time.parse().unwrap_or(0),
            })),
            _ => Err(Error::unchecked(format!(
                "git does not describe the commit {commit}: {}",
                excerpt(&text, 200)
            ))),
        }
    }

    /// Check a commit out that [`Git::fetch`] brought, with its submodules if it was so built.
    pub(crate) fn check_out(
        &self,
        commit: &str,
        options: &CheckoutOptions,
        repository: &Path,
    ) -> Result<()> {
        if !options.sparse.is_empty() {
            let mut sparse = self.command(repository, "none");
            sparse
                .args(["sparse-checkout", "set", "--"])
                .args(&options.sparse);
            Self::must(&mut sparse, "the folders of the sources cannot be chosen")?;
        }
        let mut checkout = self.command(repository, "none");
        checkout.args(["checkout", "--quiet", "--force", "--detach", commit, "--"]);
        Self::must(&mut checkout, "the sources cannot be checked out")?;
        if options.submodules && repository.join(".gitmodules").exists() {
            let mut submodules = self.command(repository, "http:https:ssh");
            submodules.args(["submodule", "--quiet", "update", "--init", "--recursive"]);
            self.run(&mut submodules)?.map_err(|words| {
                Error::unchecked(format!(
                    "the submodules of the sources cannot be fetched: {words}"
                ))
            })?;
        }
        Ok(())
    }
}

/// What stands in a folder of a clone, in which nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedOut {
    /// The commit, by its whole hash.
    pub commit: String,
    /// Its tree.
    pub tree: String,
    /// The folder's path in the checkout; none for the checkout itself.
    pub directory: Option<String>,
    /// Where the clone is from, as it says itself.
    pub origin: Option<String>,
}

/// Ask a clone what is checked out.
///
/// # Errors
/// It is no clone, has no commit, or holds files that the commit does not: these are wrong. Without git it
/// is unchecked.
pub fn checked_out(folder: &Path) -> Result<CheckedOut> {
    let name = printable_path(folder);
    let own = tempfile::tempdir().map_err(|e| Error::io("a folder for git's settings", &e))?;
    let git = Git::new(own.path(), &|_| {})?;
    let ask = |arguments: &[&str]| Git::ask(git.command(folder, "none").args(arguments));
    let revision = |revision: &str| {
        ask(&[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            revision,
        ])?
        .map_err(|words| {
            Error::wrong(format!(
                "{name} is no clone with a commit checked out: git: {}",
                if words.is_empty() {
                    "no revision"
                } else {
                    words.as_str()
                }
            ))
        })
    };
    let commit = revision("HEAD^{commit}")?;
    let tree = revision("HEAD^{tree}")?;
    let must = |answer: std::result::Result<String, String>| {
        answer.map_err(|words| Error::wrong(format!("{name}: git: {words}")))
    };
    let status = [
        "status",
        "--porcelain",
        "--untracked-files=normal",
        "--ignore-submodules=none",
    ];
    let changed = must(ask(&status)?)?;
    if let Some(first) = changed.lines().next() {
        return Err(Error::wrong(format!(
            "{name} holds what the commit does not, first `{}`; commit it or take it away, so that the commit is what was built",
            excerpt(first.trim(), 200)
        )));
    }
    let prefix = must(ask(&["rev-parse", "--show-prefix"])?)?;
    let directory = prefix.trim_end_matches('/');
    let origin = ask(&["config", "--get", "remote.origin.url"])?.ok();
    Ok(CheckedOut {
        commit,
        tree,
        directory: (!directory.is_empty()).then(|| directory.to_owned()),
        origin: origin.filter(|origin| !origin.is_empty()),
    })
}

/// What a person gave: a folder by its whole path, or an address, but no option.
fn given(text: &str) -> Result<String> {
    let path = Path::new(text);
    if path.exists() {
        let whole = fs::canonicalize(path)
            .map_err(|e| Error::io(format!("--source {}", printable_path(path)), &e))?;
        return whole.into_os_string().into_string().map_err(|_| {
            Error::wrong(
                "--source: the path is no UTF-8, and git is to be given one; rename the folder",
            )
        });
    }
    if text.starts_with('-') || text.contains("::") || !text.contains(':') {
        return Err(Error::wrong(format!(
            "--source {}: there is no such folder, and it is no address of a repository",
            excerpt(text, 300)
        )));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_an_attestation() {
        for url in [
            "https://example.com/a/b",
            "http://127.0.0.1:8080/repo.git",
            "ssh://git@example.com/a/b.git",
            "https://example.com/a/b-c_d~e+f.git",
        ] {
            address(url).unwrap();
        }
        for url in [
            "ext::sh -c touch% /tmp/x",
            "file:///etc",
            "/etc",
            "../x",
            "x",
            "--upload-pack=touch /tmp/x",
            "https://example.com/a;touch /tmp/x",
            "https://example.com/$(touch x)",
            "https://example.com/`x`",
            "https://example.com/a b",
            "https://example.com/a\nb",
            "https://example.com/a?b",
            "https://example.com/../b",
            "https://example.com/-oProxyCommand=x/b",
            "https://-oProxyCommand=x/b",
            "ssh://-oProxyCommand=x/b",
            "ssh://%2doProxyCommand=x/b",
            "https://a%40b/c",
            "ssh://-l@example.com/b",
            "https://user:secret@example.com/b",
            "https://user@example.com/b",
            "https:///b",
            "https://example.com",
            "https://example.com/",
            "git@example.com:a/b.git",
            "git://example.com/a",
            "ftp://example.com/a",
            "HTTPS://example.com/a",
            "fd::17/x",
            "",
        ] {
            assert!(address(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_commit_is_a_whole_hash() {
        commit_hash(&"a1".repeat(20)).unwrap();
        commit_hash(&"a1".repeat(32)).unwrap();
        for commit in [
            "main",
            "HEAD",
            "a1b2c3d",
            "",
            "--output=x",
            &"A1".repeat(20),
            &"g".repeat(40),
        ] {
            assert!(commit_hash(commit).is_err(), "{commit}");
        }
    }
}
