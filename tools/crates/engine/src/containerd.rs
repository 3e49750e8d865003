//! containerd, by its own program `ctr`, which takes an archive from a pipe.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use verbatim_digest::Digest;

use crate::endpoint::Endpoint;
use crate::error::{said, Error};
use crate::{Load, Loaded};

fn ctr(endpoint: &Endpoint) -> Command {
    let mut command = Command::new("ctr");
    command
        .arg("--address")
        .arg(&endpoint.socket)
        .arg("--namespace")
        .arg(&endpoint.namespace)
        .args(["images"]);
    command
}

fn cannot_run(endpoint: &Endpoint, e: &std::io::Error) -> Error {
    Error::NotFound(if e.kind() == std::io::ErrorKind::NotFound {
        format!("{endpoint}: needs containerd's program ctr on the PATH; install it, or load an archive of `verbatim layout archive`")
    } else {
        format!("{endpoint}: ctr cannot be run: {e}")
    })
}

/// The digest that a name stands for.
fn target(endpoint: &Endpoint, name: &str) -> Result<Option<Digest>, Error> {
    let output = ctr(endpoint)
        .args(["list", &format!("name=={name}")])
        .stdin(Stdio::null())
        .output()
        .map_err(|e| cannot_run(endpoint, &e))?;
    if !output.status.success() {
        return Err(Error::Unreachable {
            place: endpoint.to_string(),
            why: said(&String::from_utf8_lossy(&output.stderr)),
        });
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text
        .lines()
        .filter(|line| line.split_whitespace().next() == Some(name))
        .find_map(|line| line.split_whitespace().find_map(|word| word.parse().ok())))
}

pub(crate) fn load(endpoint: &Endpoint, image: &Load<'_>) -> Result<Loaded, Error> {
    let expected = image.plan.root().digest;
    let Some((name, Some(_))) = &image.name else {
        return Err(Error::NotFound(format!(
            "{endpoint}: names all its images; give the image a name: verbatim load LAYOUT registry.example.com/name:tag"
        )));
    };
    if target(endpoint, name)? == Some(expected) {
        return Ok(Loaded {
            id: expected,
            unchanged: true,
            left_out: 0,
        });
    }
    let mut command = ctr(endpoint);
    command.arg("import");
    // An index is kept whole; of one image the platform is whatever it is.
    command.args(["--all-platforms", "--local", "--no-unpack", "-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| cannot_run(endpoint, &e))?;
    // Read beside, so that neither waits for the other.
    let words = child.stderr.take().map(|stderr| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.take(1 << 20).read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        })
    });
    let written = match child.stdin.take() {
        Some(mut stdin) => image
            .plan
            .stream_archive(
                &mut stdin,
                &endpoint.to_string(),
                image.reference(),
                &BTreeSet::new(),
            )
            .and_then(|()| {
                stdin
                    .flush()
                    .map_err(|e| verbatim_oci::Error::io(endpoint, "cannot be written", e))
            }),
        None => Ok(()),
    };
    let status = child.wait().map_err(|e| cannot_run(endpoint, &e))?;
    let words = words
        .and_then(|thread| thread.join().ok())
        .unwrap_or_default();
    if !status.success() {
        return Err(Error::Refused {
            place: endpoint.to_string(),
            why: said(&words),
        });
    }
    written?;
    match target(endpoint, name)? {
        Some(actual) if actual == expected => Ok(Loaded {
            id: expected,
            unchanged: false,
            left_out: 0,
        }),
        Some(actual) => Err(Error::Different {
            place: endpoint.to_string(),
            expected,
            actual,
        }),
        None => Err(Error::Refused {
            place: endpoint.to_string(),
            why: format!(
                "it took the archive, and has no image `{}` after that",
                said(name)
            ),
        }),
    }
}
