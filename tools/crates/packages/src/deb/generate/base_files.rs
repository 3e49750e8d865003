//! What the script of base-files makes, by the helpers that it calls.

use super::super::root::Content;
use super::Context;
use crate::words::commands;

pub(super) fn generate(context: &mut Context<'_>) {
    let Some(script) = context.script("base-files", "postinst") else {
        return;
    };
    if context.root.get(b"etc/dpkg/origins/debian").is_some() {
        context.symlink("etc/dpkg/origins/default", "debian");
    }
    for words in commands(&script) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["install_from_default", name, to] if to.starts_with('/') => {
                let from = format!("usr/share/base-files/{name}");
                context.copy(&from, to.trim_start_matches('/'));
            }
            ["install_directory", path, mode, group] => {
                let mode = u32::from_str_radix(mode, 8).unwrap_or(0o755);
                let gid = context.gid(group).unwrap_or(0);
                context.directory(path.trim_start_matches('/'), mode, gid);
            }
            ["install_local_dir", path] if path.starts_with('/') => {
                context.directory(path.trim_start_matches('/'), 0o755, 0);
            }
            ["ensure_file_owner_mode", path, owner, mode] if path.starts_with('/') => {
                let mode = u32::from_str_radix(mode, 8).unwrap_or(0o644);
                let group = owner.split(':').nth(1).unwrap_or("root");
                let gid = context.gid(group).unwrap_or(0);
                let path = path.trim_start_matches('/');
                context
                    .root
                    .make(path, Content::Made(Vec::new()), mode, gid);
            }
            ["ln", "-s" | "-sf", target, path] if path.starts_with('/') && !path.contains('$') => {
                context.symlink(path.trim_start_matches('/'), target);
            }
            _ => {}
        }
    }
}
