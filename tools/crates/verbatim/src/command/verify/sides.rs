//! The other side: what is served, what runs, what lies on a disk, or another list.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{anyhow, bail, Context};
use verbatim_digest::Digest;
use verbatim_foreign::{counted, printable, printable_path};
use verbatim_oci::layout::{Layout, Progress as _, Published};
use verbatim_oci::Reference;
use verbatim_registry::{Assets, Repository};
use verbatim_storage::{Containerd, Podman};
use verbatim_sums::{collect, FileName, Subject, Sums};
use verbatim_verify::container::Told;
use verbatim_verify::served::Expected;
use verbatim_verify::{
    assets, container, deep, files as local, image, running, served, stored, unpacked, Finding,
    Judgement, Verdict,
};

use super::release::{image_of, Release};
use super::show::progress;
use super::{Options, Part};
use crate::outcome::{unchecked, Unchecked};
use crate::progress::Bar;
use crate::registry_options::tell_retries;
use crate::sums_file;
use crate::threads::threads;

/// How long a registry is asked at most for what would make a finding about a cluster exact.
const LOOK_UP: Duration = Duration::from_secs(10);

pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    verbatim_registry::runtime().map_err(|e| {
        anyhow::Error::from(e)
            .context("the network cannot be used")
            .context(Unchecked)
    })
}

/// What runs, and remarks about what does not.
pub(super) fn pods(
    options: &Options,
    images: &[Expected],
    path: &Path,
) -> anyhow::Result<(Vec<Finding>, Vec<String>)> {
    let Told { containers, notes } = read_containers(path)?;
    let mirrors = options.registry.mirrors();
    let mut images = images.to_vec();
    // A runtime may tell the manifest of a platform, or a config: which belong to an index
    // that is known by its digest alone, its bytes say. So do those of what runs instead.
    let unknown = running::undecided(&images, &containers, mirrors);
    if !unknown.is_empty() {
        let client = options.registry.client(None)?;
        runtime()?.block_on(served::look_up(&client, &mut images, &unknown, LOOK_UP));
    }
    let strangers = running::strangers(&images, &containers, mirrors);
    let mut described = running::Strangers::new();
    if !strangers.is_empty() {
        let client = options.registry.client(None)?;
        described = runtime()?.block_on(served::look_up_running(
            &client, &images, &strangers, LOOK_UP,
        ));
    }
    let findings = running::compare(&images, containers, mirrors, &described);
    Ok((findings, notes))
}

/// Files in a folder, or below an address.
pub(super) fn files(
    options: &Options,
    place: &Path,
    files: &[(FileName, Digest)],
) -> anyhow::Result<Vec<Finding>> {
    match place.to_str().filter(|text| Assets::is_address(text)) {
        Some(address) => {
            let folder: Assets = address.parse().context("--files")?;
            let client = options.registry.client(Some(tell_retries()))?;
            let bar = progress(files.len());
            let check = assets::check(&client, &folder, files, |_| bar.inc(1));
            let findings = runtime()?.block_on(check);
            bar.finish_and_clear();
            Ok(findings)
        }
        None => local::check(place, files, threads(options.threads))
            .with_context(|| format!("--files={} cannot be read", printable_path(place)))
            .map_err(|e| e.context(Unchecked)),
    }
}

/// What a registry serves, and a remark about how much of it was read.
pub(super) fn registry(
    options: &Options,
    images: Vec<Expected>,
) -> anyhow::Result<(Vec<Finding>, Option<String>)> {
    let client = options.registry.client(Some(tell_retries()))?;
    let repositories: Vec<_> = images
        .iter()
        .map(|expected| Repository::from(&expected.reference))
        .collect();
    let bar = progress(images.len());
    let runtime = runtime()?;
    let mut findings = runtime.block_on(served::check(&client, images, |_| bar.inc(1)));
    bar.finish_and_clear();
    if !options.deep {
        return Ok((findings, None));
    }
    let bar = Bar::new("reading");
    let amount = deep::check(
        &client,
        runtime.handle(),
        &repositories,
        &mut findings,
        bar.clone(),
    );
    bar.finish();
    Ok((findings, Some(everything_was_read(amount))))
}

/// What an engine has unpacked on its disk, and remarks about what was not looked at.
pub(super) fn storage(
    images: &[Expected],
    place: &Path,
) -> anyhow::Result<(Vec<Finding>, Vec<String>)> {
    let folder = match place.to_str() {
        Some("podman") => podman_store()?,
        Some("containerd") => PathBuf::from("/var/lib/containerd"),
        _ => place.to_owned(),
    };
    let metadata = std::fs::metadata(&folder)
        .with_context(|| format!("--storage={} cannot be looked at", printable_path(&folder)))
        .map_err(|e| e.context(Unchecked))?;
    if !metadata.is_dir() {
        bail!(
            "--storage={}: it is no folder; name that of a store, which `podman info` calls graphRoot and containerd's configuration `root`",
            printable_path(&folder)
        );
    }
    let bar = Bar::new("reading");
    let progress = |bytes| bar.add(bytes);
    let found = if Podman::is_at(&folder) {
        let store = Podman::open(&folder).map_err(unchecked)?;
        stored::check(&store, images, &progress)
    } else if Containerd::is_at(&folder) {
        let store = Containerd::open(&folder).map_err(unchecked)?;
        stored::check(&store, images, &progress)
    } else if let [image] = images {
        let finding = unpacked::check(&folder, image, &progress);
        (vec![finding], Vec::new())
    } else {
        bail!(
            "--storage={}: it is no store of podman, buildah or CRI-O (a folder with `overlay-images` or `vfs-images` in it, which `podman info` calls graphRoot) and none of containerd (with `io.containerd.content.v1.content` in it), so it would have to hold the unpacked files of one image, and the list names {}",
            printable_path(&folder),
            images.len()
        );
    };
    bar.finish();
    Ok(found)
}

/// Where podman keeps its images unless it is told otherwise: those of root, or of this user.
fn podman_store() -> anyhow::Result<PathBuf> {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let own = data.or_else(|| Some(home?.join(".local/share")));
    let places = [
        own.map(|folder| folder.join("containers/storage")),
        Some(PathBuf::from("/var/lib/containers/storage")),
    ];
    let places: Vec<_> = places.into_iter().flatten().collect();
    places
        .iter()
        .find(|place| Podman::is_at(place))
        .cloned()
        .ok_or_else(|| {
            let names: Vec<_> = places.iter().map(|place| printable_path(place)).collect();
            anyhow!(
                "--storage=podman: podman has no store at {}; name the folder that `podman info` calls graphRoot",
                names.join(" or ")
            )
            .context(Unchecked)
        })
}

fn read_containers(path: &Path) -> anyhow::Result<Told> {
    if path == Path::new("-") {
        return Ok(container::read(std::io::stdin().lock(), "standard input")?);
    }
    let file = std::fs::File::open(path)
        .with_context(|| format!("{} cannot be read", printable_path(path)))
        .map_err(|e| e.context(Unchecked))?;
    let limited = file.take(4 << 30);
    Ok(container::read(limited, &printable_path(path))?)
}

/// Another list.
pub(super) fn against(
    release: &Release,
    path: &Path,
    only: Option<Part>,
) -> anyhow::Result<Vec<Finding>> {
    let name = sums_file::name(path);
    let (other, record) = sums_file::load(path)?.agreed()?;
    let mut findings = Vec::new();
    for (subject, digest) in release.sums.iter().filter(|(s, _)| is_asked(s, only)) {
        let actual = get(&other, subject);
        let judgement = match actual {
            None => Judgement::because(Verdict::Missing, format!("{} does not have it", name)),
            Some(actual) if actual == digest => Judgement::identical(),
            Some(_) => match subject {
                Subject::File(_) => {
                    Judgement::because(Verdict::Different, "the file has other contents")
                }
                Subject::Image(reference) => {
                    match (image_of(release.record.as_ref(), reference), image_of(record.as_ref(), reference)) {
                        (Some(expected), Some(actual)) => image::judge(&expected, &actual),
                        _ => Judgement::because(
                            Verdict::Different,
                            "only the digests are known: keep the .json files beside the sums to learn more",
                        ),
                    }
                }
            },
        };
        findings.push(Finding::new(
            subject.to_string(),
            Some(digest),
            actual,
            judgement,
        ));
    }
    for (subject, digest) in other.iter().filter(|(s, _)| is_asked(s, only)) {
        if get(&release.sums, subject).is_none() {
            let judgement =
                Judgement::because(Verdict::Extra, format!("{} does not have it", release.name));
            findings.push(Finding::new(
                subject.to_string(),
                None,
                Some(digest),
                judgement,
            ));
        }
    }
    if findings.is_empty() {
        bail!(
            "neither {} nor {} holds what --only asks for; leave --only out",
            release.name,
            name
        );
    }
    Ok(findings)
}

fn is_asked(subject: &Subject, only: Option<Part>) -> bool {
    match only {
        None => true,
        Some(Part::Images) => matches!(subject, Subject::Image(_)),
        Some(Part::Files) => matches!(subject, Subject::File(_)),
    }
}

/// The digest of a name. Of two lists, one may know better of what kind it is.
fn get(sums: &Sums, subject: &Subject) -> Option<Digest> {
    let as_file = |name: &Reference| sums.get(&Subject::File(name.as_str().parse().ok()?));
    sums.get(subject).or_else(|| match subject {
        Subject::Image(reference) => {
            as_file(reference).or_else(|| reference.synonyms().find_map(|other| as_file(&other)))
        }
        Subject::File(name) => sums.get(&Subject::Image(name.as_str().parse().ok()?)),
    })
}

/// Layouts in place of a registry, each with the reference that it stands for, and a remark about
/// how much of them was read.
pub(super) fn layouts(
    options: &Options,
    images: &[Expected],
) -> anyhow::Result<(Vec<(Reference, Finding)>, String)> {
    let mut found = Vec::new();
    let mut amount = deep::Amount::default();
    let bar = options.deep.then(|| Bar::new("reading"));
    for option in &options.layout {
        let (reference, path) = option
            .split_once('=')
            .ok_or_else(|| anyhow!("--layout={}: write REFERENCE=LAYOUT", printable(option)))?;
        let reference: Reference = reference.parse().context("--layout")?;
        let path = Path::new(path);
        let image = collect::of_path(reference.clone(), path, None).map_err(unchecked)?;
        let mut is_one = images
            .iter()
            .filter(|e| e.reference.identity() == reference.identity());
        let mut finding = match is_one.next() {
            None => Finding::new(
                reference.to_string(),
                None,
                Some(image.digest),
                Judgement::because(Verdict::Extra, "it is no part of the release"),
            ),
            Some(expected) => {
                let judgement = image::judge(&expected.known(), &image);
                // Under the name that the release has for it.
                let name = expected.reference.to_string();
                Finding::new(name, Some(expected.digest), Some(image.digest), judgement)
            }
        };
        if let Some(bar) = &bar {
            let layout = Layout::open(path).map_err(unchecked)?;
            let published = Published::of(&layout, None).map_err(unchecked)?;
            let threads = threads(options.threads);
            let read = deep::check_layout(
                &layout,
                &published.descriptor,
                threads,
                &mut finding,
                bar.clone(),
            );
            amount.blobs += read.blobs;
            amount.bytes += read.bytes;
        }
        found.push((reference, finding));
    }
    let note = match bar {
        Some(bar) => {
            bar.finish();
            everything_was_read(amount)
        }
        None => "of layouts the layers were not opened; --deep reads them".to_owned(),
    };
    Ok((found, note))
}

fn everything_was_read(amount: deep::Amount) -> String {
    format!(
        "everything below was read: {}, {}",
        counted(amount.blobs, "blob"),
        counted(amount.bytes, "byte")
    )
}
