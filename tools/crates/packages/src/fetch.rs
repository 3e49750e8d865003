//! Bytes out of sources: documents into memory, packages into files whose digest was checked.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::header::{HeaderValue, RANGE};
use http::StatusCode;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use verbatim_digest::{Digest, Hasher};
use verbatim_foreign::printable_path;
use verbatim_net::{percent, Call, Client, ErrorKind, Scheme, Scope, Url};
use verbatim_output::OutputFile;

use crate::lock::LockedPackage;
use crate::source::{Place, SafePath};
use crate::{Error, Result};

/// A folder of packages, each under its digest.
#[derive(Debug)]
pub enum Cache {
    /// One that stays.
    Kept(PathBuf),
    /// One that goes with this value.
    Temporary(tempfile::TempDir),
}

impl Cache {
    /// The folder of this name, which is made if it is missing; without a name one that goes, beside
    /// the output.
    pub fn open(kept: Option<&Path>, scratch: &Path) -> Result<Self> {
        let failed = |path: &Path, e: io::Error| {
            Error::unreachable(format!(
                "cannot make a folder for packages at {}: {e}",
                printable_path(path)
            ))
        };
        match kept {
            Some(path) => {
                std::fs::create_dir_all(path).map_err(|e| failed(path, e))?;
                Ok(Self::Kept(path.to_owned()))
            }
            None => tempfile::Builder::new()
                .prefix(".verbatim-")
                .tempdir_in(scratch)
                .map(Self::Temporary)
                .map_err(|e| failed(scratch, e)),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

/// A download that was cut is begun anew so often.
const ATTEMPTS: u32 = 3;

/// Whoever reads from sources.
#[derive(Debug)]
pub struct Fetcher {
    client: Client,
    runtime: Runtime,
}

impl Fetcher {
    /// One with this client. Nothing is connected yet.
    pub fn new(client: Client) -> Result<Self> {
        let runtime = verbatim_net::runtime()
            .map_err(|e| Error::unreachable(format!("no threads can be started: {e}")))?;
        Ok(Self { client, runtime })
    }

    /// A document whole; `None` if the source says that it has none.
    pub fn document(&self, place: &Place, path: &SafePath, limit: u64) -> Result<Option<Vec<u8>>> {
        let name = place.shown(path);
        let data = match place {
            Place::Folder(folder) => match read_file(&folder.join(path.as_str()), limit) {
                Ok(data) => data,
                Err(e) if is_absent(&e) => return absent_in(folder, &name),
                Err(e) => return Err(Error::unreachable(format!("cannot read {name}: {e}"))),
            },
            Place::Web(base) => {
                let url = address(base, path)?;
                let mut data = Vec::new();
                let sink = |chunk: &[u8]| {
                    data.extend_from_slice(chunk);
                    Ok(())
                };
                if !self
                    .runtime
                    .block_on(download(&self.client, &url, limit, sink))?
                {
                    return Ok(None);
                }
                data
            }
        };
        Ok(Some(data))
    }

    /// The first bytes of files, each with its place: for a look, and not to be believed. `None`
    /// where there is nothing to look at.
    pub fn prefixes(&self, wanted: &[(Place, &SafePath)], size: u64) -> Vec<Option<Vec<u8>>> {
        let mut found: Vec<Option<Vec<u8>>> = vec![None; wanted.len()];
        self.runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for (number, (place, path)) in wanted.iter().enumerate() {
                match place {
                    Place::Folder(folder) => {
                        found[number] = verbatim_document::file::open(&folder.join(path.as_str()))
                            .and_then(|(file, _)| {
                                let mut data = Vec::new();
                                file.take(size).read_to_end(&mut data)?;
                                Ok(data)
                            })
                            .ok();
                    }
                    Place::Web(base) => {
                        let Ok(url) = address(base, path) else {
                            continue;
                        };
                        let client = self.client.clone();
                        tasks.spawn(async move {
                            let _permit = client.permit().await;
                            (number, prefix(&client, url, size).await)
                        });
                    }
                }
            }
            while let Some(done) = tasks.join_next().await {
                match done {
                    Ok((number, data)) => found[number] = data,
                    Err(panic) => std::panic::resume_unwind(panic.into_panic()),
                }
            }
        });
        found
    }

    /// Get files of which no digest is known yet, each with the most bytes that it may have, and tell
    /// where each is. Those of servers come into this folder.
    pub(crate) fn files(
        &self,
        wanted: &[(&Place, SafePath, u64)],
        folder: &Path,
    ) -> Result<Vec<PathBuf>> {
        self.runtime.block_on(async {
            let mut tasks = JoinSet::new();
            let mut places = Vec::with_capacity(wanted.len());
            for (number, (place, path, limit)) in wanted.iter().enumerate() {
                let base = match place {
                    Place::Folder(folder) => {
                        places.push(folder.join(path.as_str()));
                        continue;
                    }
                    Place::Web(base) => base,
                };
                let (url, target) = (address(base, path)?, folder.join(number.to_string()));
                places.push(target.clone());
                let (client, limit) = (self.client.clone(), *limit);
                tasks.spawn(async move {
                    let _permit = client.permit().await;
                    let brought = into_file(&client, &url, limit, &target).await?;
                    let brought =
                        brought.ok_or_else(|| Error::unreachable(format!("{url} is not there")))?;
                    let committed = brought.file.commit();
                    committed.map_err(|e| Error::unreachable(e.to_string()))
                });
            }
            let mut first = None;
            while let Some(done) = tasks.join_next().await {
                match done {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => first = first.or(Some(error)),
                    Err(panic) => std::panic::resume_unwind(panic.into_panic()),
                }
            }
            first.map_or(Ok(places), Err)
        })
    }

    /// Get packages from servers into a folder of files named by their digests. Those that are
    /// there already stay; of folders nothing is copied.
    pub fn packages(
        &self,
        wanted: &[(&LockedPackage, &Place)],
        cache: &Path,
        on_done: &(dyn Fn(u64) + Sync),
    ) -> Result<()> {
        self.runtime.block_on(async {
            let mut tasks = JoinSet::new();
            let mut first = None;
            for (package, place) in wanted {
                let Place::Web(base) = place else { continue };
                let target = cached(cache, package.sha256);
                if is_there(package, &target) {
                    continue;
                }
                let url = address(base, &package.path)?;
                let client = self.client.clone();
                let package = Arc::new((*package).clone());
                tasks.spawn(async move {
                    let permit = client.permit().await;
                    let result = package_into(&client, &url, &package, &target).await;
                    drop(permit);
                    result.map(|()| package.size)
                });
            }
            while let Some(done) = tasks.join_next().await {
                match done {
                    Ok(Ok(size)) => on_done(size),
                    Ok(Err(error)) => first = first.or(Some(error)),
                    Err(panic) => std::panic::resume_unwind(panic.into_panic()),
                }
            }
            first.map_or(Ok(()), Err)
        })
    }
}

/// Where a package is, once [`Fetcher::packages`] has brought it. What is in the cache is not
/// looked for elsewhere.
pub fn location(package: &LockedPackage, place: &Place, cache: &Path) -> PathBuf {
    let cached = cached(cache, package.sha256);
    match place {
        Place::Folder(folder) if !is_there(package, &cached) => folder.join(package.path.as_str()),
        Place::Folder(_) | Place::Web(_) => cached,
    }
}

/// Whether there is a file of the package's size; its digest is checked by whoever opens it.
fn is_there(package: &LockedPackage, path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|m| m.len() == package.size)
}

fn cached(cache: &Path, sha256: Digest) -> PathBuf {
    cache.join(sha256.hex())
}

/// Open a package, and check that it is the one that was locked. The file that was checked is
/// the one that is given: nobody can put another in its place.
pub fn open_checked(package: &LockedPackage, path: &Path) -> Result<File> {
    let name = printable_path(path);
    let told = |e: io::Error| {
        Error::unreachable(format!(
            "cannot read the package {} at {name}: {e}",
            package.name
        ))
    };
    let (mut file, size) = verbatim_document::file::open(path).map_err(told)?;
    if size != package.size {
        return Err(tampered(
            package,
            &name,
            &format!("has {size} bytes, and the lock says {}", package.size),
        ));
    }
    let (digest, _) = verbatim_digest::of_reader(&mut file).map_err(told)?;
    if digest != package.sha256 {
        return Err(tampered(package, &name, &wrong_digest(package, digest)));
    }
    io::Seek::rewind(&mut file).map_err(told)?;
    Ok(file)
}

fn tampered(package: &LockedPackage, name: &str, why: &str) -> Error {
    Error::refused(format!(
        "the package {} {} from {name} {why}; it is not the one that was locked",
        package.name, package.version
    ))
}

fn wrong_digest(package: &LockedPackage, digest: Digest) -> String {
    format!(
        "has the sha256 {}, and the lock says {}",
        digest.hex(),
        package.sha256.hex()
    )
}

async fn package_into(
    client: &Client,
    url: &Url,
    package: &LockedPackage,
    target: &Path,
) -> Result<()> {
    let name = url.to_string();
    let gone = || {
        Error::unreachable(format!(
            "{name}: the package {} is not there any more; name another place with --source, or a folder made by `packages vendor`",
            package.name
        ))
    };
    let brought = into_file(client, url, package.size, target)
        .await
        .map_err(|e| e.of(format!("the package {}", package.name)))?
        .ok_or_else(gone)?;
    if brought.size != package.size {
        let why = format!(
            "has {} bytes, and the lock says {}",
            brought.size, package.size
        );
        return Err(tampered(package, &name, &why));
    }
    if brought.digest != package.sha256 {
        return Err(tampered(
            package,
            &name,
            &wrong_digest(package, brought.digest),
        ));
    }
    brought
        .file
        .commit()
        .map_err(|e| Error::unreachable(e.to_string()))
}

/// A file that was brought, and does not stand in its place yet.
struct Brought {
    file: OutputFile,
    size: u64,
    digest: Digest,
}

/// Bring a file of at most `limit` bytes; one that was cut is begun anew. `None` if there is none.
async fn into_file(
    client: &Client,
    url: &Url,
    limit: u64,
    target: &Path,
) -> Result<Option<Brought>> {
    let mut attempt = 1;
    loop {
        let failed = |e: io::Error| {
            Error::unreachable(format!("cannot write {}: {e}", printable_path(target)))
        };
        let mut file = OutputFile::create(target).map_err(|e| Error::unreachable(e.to_string()))?;
        let mut hasher = Hasher::new();
        let mut size = 0;
        let sink = |chunk: &[u8]| {
            hasher.update(chunk);
            size += chunk.len() as u64;
            file.write_all(chunk).map_err(failed)
        };
        match download(client, url, limit, sink).await {
            Ok(false) => return Ok(None),
            Ok(true) => {
                return Ok(Some(Brought {
                    file,
                    size,
                    digest: hasher.finish(),
                }))
            }
            Err(e) if e.kind() == crate::ErrorKind::Unreachable && attempt < ATTEMPTS => {
                attempt += 1;
            }
            Err(e) => return Err(e),
        }
    }
}

/// The address of a path in a source.
fn address(base: &Url, path: &SafePath) -> Result<Url> {
    let mut text = String::new();
    if !base.to_string().ends_with('/') {
        text.push('/');
    }
    let parts: Vec<_> = path.as_str().split('/').map(percent::segment).collect();
    text.push_str(&parts.join("/"));
    base.below(&text)
        .ok_or_else(|| Error::wrong(format!("{base}: the address of {path} is too long")))
}

/// The first bytes of what is at an address.
async fn prefix(client: &Client, url: Url, size: u64) -> Option<Vec<u8>> {
    let scope = (url.scheme == Scheme::Https).then(|| Scope::host(url.host.to_string()));
    let range = HeaderValue::from_str(&format!("bytes=0-{}", size - 1)).ok()?;
    let call = Call::get(url, scope).with(RANGE, range);
    let mut answer = client.send(&call).await.ok()?;
    match answer.status {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => answer.body.up_to(size).await.ok(),
        _ => None,
    }
}

/// Give what is at an address to `sink`, piece by piece; false if there is nothing.
async fn download(
    client: &Client,
    url: &Url,
    limit: u64,
    mut sink: impl FnMut(&[u8]) -> Result<()>,
) -> Result<bool> {
    // Credentials go nowhere but over TLS.
    let scope = (url.scheme == Scheme::Https).then(|| Scope::host(url.host.to_string()));
    let failed = |e: verbatim_net::Error| match e.kind() {
        ErrorKind::TooLarge => Error::refused(e.to_string()),
        ErrorKind::Usage => Error::wrong(e.to_string()),
        _ => Error::unreachable(e.to_string()),
    };
    let mut answer = match client.send(&Call::get(url.clone(), scope)).await {
        Ok(answer) => answer,
        Err(e) if e.status() == Some(404) || e.status() == Some(410) => return Ok(false),
        Err(e) => return Err(failed(e)),
    };
    if answer.status != StatusCode::OK {
        return Err(Error::unreachable(format!(
            "{url}: it answers {}",
            answer.status
        )));
    }
    let mut size = 0;
    while let Some(chunk) = answer.body.chunk().await.map_err(failed)? {
        size += chunk.len() as u64;
        if size > limit {
            return Err(Error::refused(format!(
                "{url} has more than {limit} bytes, all that it may have"
            )));
        }
        sink(&chunk)?;
    }
    Ok(true)
}

fn read_file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let (file, size) = verbatim_document::file::open(path)?;
    if size > limit {
        return Err(io::Error::other(format!(
            "it has {size} bytes, and may have {limit}"
        )));
    }
    let mut data = Vec::new();
    file.take(limit).read_to_end(&mut data)?;
    Ok(data)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// A file that is missing in a folder says something; a folder that is missing does not.
fn absent_in(folder: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    if folder.is_dir() {
        return Ok(None);
    }
    Err(Error::unreachable(format!(
        "cannot read {name}: there is no folder {}",
        printable_path(folder)
    )))
}
