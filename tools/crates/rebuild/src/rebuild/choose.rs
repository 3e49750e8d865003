//! Which build of a pipeline is meant.

use verbatim_digest::Digest;
use verbatim_foreign::excerpt;

use super::Attestation;
use crate::error::{Error, Result};
use crate::konflux::BuildahBuild;
use crate::machine;
use crate::published::{Described, Published};

/// Which build is meant, and the published image of it. `image` is what the attestation was attached to: without
/// a published image, the build that made it is meant.
pub(super) fn choose(
    attestation: &Attestation,
    builds: Vec<BuildahBuild>,
    (published, image): (Option<Published>, Option<Digest>),
    indexes: &[Digest],
    tells_of_runs: bool,
) -> Result<(BuildahBuild, Option<Described>)> {
    let machine = machine::platform();
    let is_of = |build: &BuildahBuild, digest: Digest| {
        build
            .produced
            .as_ref()
            .is_some_and(|produced| produced.digest == digest)
    };
    let fits = |build: &BuildahBuild| {
        build
            .platform
            .as_ref()
            .is_none_or(|platform| platform.matches(&machine))
    };
    let digest = published.as_ref().map(Published::digest);
    if let Some(published) = &published {
        attestation.must_be_about(&published.known())?;
    }
    let position = match (digest.or(image), &published) {
        (Some(digest), _) if builds.iter().any(|build| is_of(build, digest)) => {
            builds.iter().position(|build| is_of(build, digest))
        }
        (Some(digest), Some(published)) if !published.is_index() && tells_of_runs => {
            return Err(Error::does_not_hold(format!(
                "--against is {digest}, a subject of the attestation that none of its builds made"
            )));
        }
        _ => builds.iter().position(fits),
    };
    let platforms = || {
        let all: Vec<String> = builds
            .iter()
            .filter_map(|build| build.platform.as_ref().map(ToString::to_string))
            .collect();
        all.join(", ")
    };
    let elsewhere = |platforms: &str| {
        Error::unchecked(format!(
            "the image was built for {}, and this machine builds for {machine} alone",
            excerpt(platforms, 200)
        ))
    };
    let Some(position) = position else {
        return Err(elsewhere(&platforms()));
    };
    if !fits(&builds[position]) {
        let platform = builds[position].platform.as_ref().map(ToString::to_string);
        return Err(elsewhere(&platform.unwrap_or_default()));
    }
    let build = builds
        .into_iter()
        .nth(position)
        .ok_or_else(|| Error::wrong("there is no build"))?;
    let described = match &published {
        None => None,
        Some(published) => {
            let wanted = build.produced.as_ref().map(|produced| produced.digest);
            let wanted = wanted.filter(|wanted| !indexes.contains(wanted));
            Some(published.image(wanted, &machine)?)
        }
    };
    Ok((build, described))
}
