//! Names of machines and of people.

use crate::words::context::{Context, Key};
use crate::words::version;
use crate::Cause;

pub(super) fn machine_and_user(
    context: &Context<'_>,
    key: &Key,
    left: &str,
    right: &str,
) -> Option<Cause> {
    let name = |word: &str| {
        !word.is_empty()
            && word.len() <= 253
            && !version::is_version(word)
            && word
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | '+' | '$'))
    };
    let address = |word: &str| {
        word.split('.').count() == 4 && word.split('.').all(|part| part.parse::<u8>().is_ok())
    };
    if !(name(left) || address(left)) || !(name(right) || address(right)) {
        return None;
    }
    let lettered = |word: &str| word.chars().any(char::is_alphabetic);
    // `atoi@GLIBC_2.2.5` is a symbol of a library and its version.
    let symbol = |text: &str| {
        let name = text.trim_start_matches('@').split('_').next().unwrap_or("");
        text.contains('_') && !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase())
    };
    let of_symbol = (context.before.ends_with('@') && (symbol(left) || symbol(right)))
        || (context.after.starts_with('@') && symbol(context.after));
    if of_symbol {
        return None;
    }
    // user@host
    let before_at = context
        .before
        .strip_suffix('@')
        .is_some_and(|rest| rest.ends_with(char::is_alphanumeric));
    let mut after = context.after.chars();
    let after_at = after.next() == Some('@') && after.next().is_some_and(char::is_alphanumeric);
    let mail = key.has(&["email", "mail", "contact", "url", "repository", "homepage"]);
    if lettered(left) && lettered(right) && !mail {
        let pinned = context.after.starts_with(['/', ':']) && context.before.contains("://");
        if before_at && !pinned {
            return Some(Cause::Hostname);
        }
        if after_at && !context.before.ends_with('/') {
            return Some(Cause::Username);
        }
    }
    let host = key.has(&[
        "hostname",
        "host",
        "nodename",
        "buildhost",
        "fqdn",
        "builthost",
    ]) || (key.has(&["node", "machine", "server", "computer"])
        && (key.has(&["name", "build", "built", "builder"]) || key.words.len() == 1))
        || (key.has(&["name"]) && key.has(&["computer", "machine", "node"]));
    let kind = key.has(&["id", "type", "arch", "port", "key", "os", "cpu", "version"]);
    if host && !kind && !key.loose {
        return Some(Cause::Hostname);
    }
    let on_host = [
        &["built", "on"][..],
        &["build", "on"],
        &["compiled", "on"],
        &["generated", "on"],
        &["created", "on"],
        &["running", "on"],
        &["on", "host"],
        &["build", "host"],
        &["host"],
        &["hostname"],
    ];
    if key.is_empty()
        && lettered(left)
        && lettered(right)
        && on_host.iter().any(|p| key.ends_with(p))
    {
        return Some(Cause::Hostname);
    }
    // A sentence that greets says less: what follows has to look like a machine's name.
    let machine = |word: &str| {
        lettered(word) && word.contains('-') && word.bytes().any(|b| b.is_ascii_digit())
    };
    if key.is_empty() && machine(left) && machine(right) && key.ends_with(&["welcome", "to"]) {
        return Some(Cause::Hostname);
    }
    let user = key.has(&[
        "user",
        "username",
        "builder",
        "packager",
        "author",
        "logname",
        "login",
        "uploader",
        "owner",
        "maintainer",
        "buildusername",
        "account",
        "uname",
        "whoami",
    ]) || (key.has(&["built", "modified", "compiled", "changed", "packaged"])
        && key.has(&["by"]));
    let agent = key.has(&[
        "agent",
        "id",
        "uid",
        "version",
        "group",
        "count",
        "interface",
    ]);
    if user && !agent && lettered(left) && lettered(right) {
        return Some(Cause::Username);
    }
    let by_user = [
        &["built", "by"][..],
        &["compiled", "by"],
        &["compile", "by"],
        &["packaged", "by"],
        &["uploaded", "by"],
        &["modified", "by"],
        &["changed", "by"],
        &["by", "user"],
        &["user"],
    ];
    // `built 2026-11-25 10:11:12 by alice`
    let makes = [
        "built", "compiled", "packaged", "uploaded", "modified", "changed",
    ];
    let later = key.loose && key.ends_with(&["by"]) && key.near(&makes, 8);
    let said = key.is_empty() && by_user.iter().any(|p| key.ends_with(p));
    ((said || later) && lettered(left) && lettered(right)).then_some(Cause::Username)
}
