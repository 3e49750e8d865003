//! Digests and the names of commits.

use crate::words::context::{Context, Key};
use crate::words::random;
use crate::Cause;

/// Sums of other things. They vary with what they were computed over, which stands elsewhere.
pub(super) fn digest(context: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
    const COMMITS: &[&str] = &[
        "commit",
        "revision",
        "git",
        "rev",
        "vcs",
        "head",
        "ref",
        "changeset",
        "gitcommit",
        "githash",
        "gitsha",
        "gitrev",
        "gitref",
        "githead",
        "commitid",
        "commithash",
        "commitsha",
        "commitish",
        "srcrev",
        "scmrev",
    ];
    const SUMS: &[&str] = &[
        "sha1",
        "sha224",
        "sha256",
        "sha384",
        "sha512",
        "md5",
        "digest",
        "checksum",
        "integrity",
        "etag",
        "blake2b",
        "blake3",
        "crc",
        "crc32",
        "md5sum",
        "sha256sum",
        "sum",
        "hash",
        "hashes",
    ];
    let hex = |text: &str| text.len() >= 7 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if hex(left) && hex(right) && (key.has(COMMITS) || key.near(COMMITS, 2)) {
        return Some(Cause::SourceChange);
    }
    // `HEAD is now at 4f1c7a9`, `4f1c7a9…  refs/heads/main`.
    let mixed = |text: &str| {
        text.bytes().any(|b| b.is_ascii_digit()) && text.bytes().any(|b| b.is_ascii_alphabetic())
    };
    let checked_out = [
        &["now", "at"][..],
        &["detached", "at"],
        &["checked", "out"],
        &["checking", "out"],
        &["built", "from"],
    ];
    let said = checked_out.iter().any(|phrase| key.ends_with(phrase));
    let of_refs = context.after.trim_start().starts_with("refs/");
    if hex(left) && hex(right) && mixed(left) && mixed(right) && (said || of_refs) {
        return Some(Cause::SourceChange);
    }
    // Of a module, as go.sum has it.
    if context.before.ends_with("h1:") && random::is_opaque(left) && random::is_opaque(right) {
        return Some(Cause::Unexplained);
    }
    let sri = |text: &str| {
        ["sha256-", "sha384-", "sha512-"]
            .iter()
            .any(|s| text.starts_with(s))
    };
    if sri(left) && sri(right) {
        return Some(Cause::Unexplained);
    }
    let sums = hex(left) && hex(right) && left.len() == right.len() && left.len() >= 8;
    let opaque = random::is_opaque(left) && random::is_opaque(right);
    if (sums || opaque) && (key.has(SUMS) || key.near(SUMS, 2)) {
        return Some(Cause::Unexplained);
    }
    // `9f86d0…  name`, as sha256sum writes it.
    let name = context
        .after
        .strip_prefix("  ")
        .or_else(|| context.after.strip_prefix(" *"));
    let list = matches!(left.len(), 32 | 40 | 56 | 64 | 96 | 128)
        && context.before.trim().is_empty()
        && name.is_some_and(|name| !name.trim().is_empty());
    (sums && list).then_some(Cause::Unexplained)
}
