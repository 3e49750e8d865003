//! The bundle of certificate authorities, which ca-certificates makes of its files: all of them,
//! as its configuration is when nobody is asked.

use super::super::root::Content;
use super::{Context, LARGEST};

/// Where the package has its certificates.
const FOLDER: &[u8] = b"usr/share/ca-certificates";

pub(super) fn generate(context: &mut Context<'_>) {
    if !context.has("ca-certificates") {
        return;
    }
    let paths: Vec<Vec<u8>> = context
        .root
        .below(FOLDER)
        .map(|(path, _)| path.to_vec())
        .filter(|path| path.ends_with(b".crt"))
        .collect();
    let (mut bundle, mut list) = (Vec::new(), String::new());
    for path in paths {
        let Some(mut certificate) = context.root.read(&path, context.keeper, LARGEST) else {
            continue;
        };
        if certificate.last() != Some(&b'\n') {
            certificate.push(b'\n');
        }
        bundle.extend_from_slice(&certificate);
        let text = String::from_utf8_lossy(&path).into_owned();
        let name = text.rsplit('/').next().unwrap_or_default();
        let stem = name.trim_end_matches(".crt").replace(' ', "_");
        context.symlink(&format!("etc/ssl/certs/{stem}.pem"), &format!("/{text}"));
        list.push_str(&text[FOLDER.len() + 1..]);
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
