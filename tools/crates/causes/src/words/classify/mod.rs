//! The rules, most certain first: what a piece is by its shape, then what its key says.

mod person;
mod sum;
mod time;

use self::person::machine_and_user;
use self::sum::digest;
use self::time::{dotted_date, duration, of_moments, seconds, year, zone};
use super::context::{Context, Key};
use super::drawn::{drawn, message};
use super::token::{Kind, Token};
use super::{cpu, environment, locale, month, path, random, revision, version};
use crate::Cause;

/// A rule: the cause of two pieces at a place, if the rule speaks of such pieces.
type Rule = fn(&Context<'_>, &Key, &str, &str) -> Option<Cause>;

/// Why `right` stands where `left` stood. Both may be more than one token, or nothing.
pub(super) fn cause(
    context: &Context<'_>,
    l: &[Token<'_>],
    r: &[Token<'_>],
    left: &str,
    right: &str,
) -> Cause {
    let moment = |tokens: &[Token<'_>]| match tokens {
        [Token {
            kind: Kind::Moment(moment),
            ..
        }] => Some(*moment),
        _ => None,
    };
    let key = Key::of(context.before);
    match (moment(l), moment(r)) {
        (Some(a), Some(b)) => return a.cause(&b),
        // A time here and none there.
        (Some(_), None) if right.trim().is_empty() => return Cause::Timestamp,
        (None, Some(_)) if left.trim().is_empty() => return Cause::Timestamp,
        _ => {}
    }
    if left.trim().is_empty() || right.trim().is_empty() {
        return one_sided(context, &key, &[left, right].concat());
    }
    let rules: &[Rule] = &[
        revision::cause,
        uuid,
        owner,
        of_variable,
        language,
        zone,
        modules,
        |_, _, a, b| path::cause(a, b),
        message,
        digest,
        seconds,
        jobs,
        dotted_date,
        versions,
        machine_and_user,
        drawn,
        duration,
        mode,
        year,
        of_moments,
    ];
    rules
        .iter()
        .find_map(|rule| rule(context, &key, left, right))
        .unwrap_or(if context.environment {
            Cause::Environment
        } else {
            Cause::SourceChange
        })
}

fn one_sided(context: &Context<'_>, key: &Key, text: &str) -> Cause {
    if cpu::is_list(context, text) {
        Cause::Environment
    } else if !key.loose && key.words.last().is_some_and(|word| word == "hostname") {
        Cause::Hostname
    } else if let Some(cause) = environment::cause(&key.name).filter(|_| !key.is_empty()) {
        cause
    } else if context.environment {
        Cause::Environment
    } else {
        Cause::SourceChange
    }
}

fn uuid(_: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
    let uuids =
        (random::is_uuid(left) && random::is_uuid(right)) || random::hold_uuids(left, right);
    let named = key.has(&["uuid", "guid"])
        && [left, right]
            .iter()
            .all(|text| text.len() == 32 && random::is_hex(text));
    if (uuids || named) && key.has(&["machineid"]) {
        return Some(Cause::MachineId);
    }
    let machine = key.has(&["machine"]) && key.has(&["id"]);
    let ids = [left, right].iter().all(|text| text.len() >= 32);
    if machine && ids && (uuids || random::is_hex(left)) {
        return Some(Cause::MachineId);
    }
    (uuids || named).then_some(Cause::Uuid)
}

fn of_variable(_: &Context<'_>, key: &Key, _: &str, _: &str) -> Option<Cause> {
    if key.loose || !environment::is_name(&key.name) {
        return None;
    }
    environment::cause(&key.name)
}

fn language(_: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
    if locale::is_same_number(left, right) || month::is_translated(left, right) {
        return Some(Cause::Locale);
    }
    let charsets = locale::is_charset(left) && locale::is_charset(right);
    let locales = locale::is_locale(left) && locale::is_locale(right);
    let sure =
        (left.contains('_') || left.contains('.')) || (right.contains('_') || right.contains('.'));
    if (locales && sure) || (charsets && !key.loose) {
        return Some(Cause::Locale);
    }
    let tag = |word: &str| {
        (2..=16).contains(&word.len())
            && word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.@".contains(&b))
    };
    (locale::is_key(key) && !key.loose && tag(left) && tag(right)).then_some(Cause::Locale)
}

/// How many did the work.
fn jobs(_: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
    let count = |text: &str| {
        text.len() <= 4 && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
    };
    let flag = |text: &str| {
        ["-j", "-T", "--jobs", "-pool"]
            .iter()
            .any(|start| text.strip_prefix(start).is_some_and(count))
    };
    if flag(left) && flag(right) {
        return Some(Cause::Parallelism);
    }
    let named = key.has(&[
        "jobs",
        "nproc",
        "threads",
        "cpus",
        "cores",
        "workers",
        "parallel",
        "parallelism",
        "ncpu",
        "concurrency",
        "processors",
        "nthreads",
        "cpu",
        "nprocs",
        "njobs",
    ]) || key.ends_with(&["j"])
        || key.ends_with(&["jobs"])
        || key.ends_with(&["parallel"]);
    let timeout = key.has(&[
        "timeout", "limit", "shares", "quota", "mhz", "family", "model",
    ]);
    (count(left) && count(right) && named && !timeout).then_some(Cause::Parallelism)
}

/// A folder that is called like a kernel, such as the one of its modules.
fn modules(_: &Context<'_>, _: &Key, left: &str, right: &str) -> Option<Cause> {
    let (l, r): (Vec<&str>, Vec<&str>) = (left.split('/').collect(), right.split('/').collect());
    let mut differing = l.iter().zip(&r).filter(|(a, b)| a != b).peekable();
    (l.len() > 1
        && l.len() == r.len()
        && differing.peek().is_some()
        && differing.all(|(a, b)| version::is_kernel(a) && version::is_kernel(b)))
    .then_some(Cause::KernelVersion)
}

fn versions(_: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
    if version::is_of_kernel(key, left, right) {
        return Some(Cause::KernelVersion);
    }
    if let (Some((a, x)), Some((b, y))) = (
        version::name_and_version(left),
        version::name_and_version(right),
    ) {
        if a == b
            && a.eq_ignore_ascii_case("linux")
            && version::is_version(x)
            && version::is_version(y)
        {
            return Some(Cause::KernelVersion);
        }
    }
    if version::is_of_tool(key, left, right) {
        return Some(Cause::ToolchainVersion);
    }
    let numbered = |text: &str| text.bytes().any(|b| b.is_ascii_digit());
    (version::is_maker(key) && numbered(left) && numbered(right)).then_some(Cause::ToolchainVersion)
}

/// Whether these are the letters of a mode, as `ls -l` prints them: `-rw-r--r--`.
fn is_mode(text: &str) -> bool {
    let text = text.strip_suffix(['+', '.', '@']).unwrap_or(text);
    text.len() == 10
        && text.bytes().next().is_some_and(|b| b"-dlbcps".contains(&b))
        && text.bytes().skip(1).all(|b| b"rwxsStT-".contains(&b))
}

/// The owner in a line of `ls -l` (mode, links, user, group) or `tar -tv` (mode, user/group).
fn owner(context: &Context<'_>, _: &Key, left: &str, right: &str) -> Option<Cause> {
    let mut fields = context.before.split_whitespace();
    let listed = fields.next().is_some_and(is_mode) && context.before.ends_with(' ');
    let rest: Vec<&str> = fields.collect();
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let of_ls = matches!(rest[..], [links] | [links, _] if number(links));
    let of_tar = rest.is_empty() && left.contains('/') && right.contains('/');
    (listed && (of_ls || of_tar)).then_some(Cause::Owner)
}

/// `-rw-r--r--`, or a umask by its name.
fn mode(_: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
    let octal = |text: &str| {
        (3..=5).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b))
    };
    let named = key.has(&["umask"]) && octal(left) && octal(right);
    ((is_mode(left) && is_mode(right)) || named).then_some(Cause::Mode)
}
