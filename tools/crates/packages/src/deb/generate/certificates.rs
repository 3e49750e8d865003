//! The bundle of certificate authorities, which ca-certificates makes of its files: all of them,
//! as its configuration is when nobody is asked.

use super::super::root::Content;
use super::{Context, LARGEST};

/// Where the package has its certificates.
const FOLDER: &str = "usr/share/ca-certificates";

/// The files with certificates, in the order of their paths.
pub(super) fn paths(context: &Context<'_>) -> Vec<String> {
    context
        .root
        .below(FOLDER.as_bytes())
        .map(|(path, _)| String::from_utf8_lossy(path).into_owned())
        .filter(|path| path.ends_with(".crt"))
        .collect()
}

/// What the link to a certificate is called.
pub(super) fn link(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    let stem = name.trim_end_matches(".crt");
    format!("{}.pem", stem.replace(' ', "_"))
}

pub(super) fn generate(context: &mut Context<'_>) {
    if !context.has("ca-certificates") {
        return;
    }
    let (mut bundle, mut list) = (Vec::new(), String::new());
    for path in paths(context) {
        let read = context.root.read(path.as_bytes(), context.keeper, LARGEST);
        let Some(mut certificate) = read else {
            continue;
        };
        if certificate.last() != Some(&b'\n') {
            certificate.push(b'\n');
        }
        bundle.extend_from_slice(&certificate);
        context.symlink(
            &format!("etc/ssl/certs/{}", link(&path)),
            &format!("/{path}"),
        );
        list.push_str(&path[FOLDER.len() + 1..]);
        list.push('\n');
    }
    context.directory("etc/ssl", 0o755, 0);
    context.directory("etc/ssl/certs", 0o755, 0);
    let path = "etc/ssl/certs/ca-certificates.crt";
    context.root.make(path, Content::Made(bundle), 0o644, 0);
    context.root.make(
        "etc/ca-certificates.conf",
        Content::Made(list.into()),
        0o644,
        0,
    );
}
