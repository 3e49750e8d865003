//! The rules, most certain first: what a piece is by its shape, then what its key says.

use super::context::{Context, Key};
use super::drawn::{drawn, message};
use super::moment::is_zone;
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

fn zone(_: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
    // Also as the target of a link: `/usr/share/zoneinfo/Etc/UTC`.
    let name = |word: &'_ str| -> String {
        let name = word.rsplit_once("zoneinfo/").map_or(word, |(_, name)| name);
        name.to_owned()
    };
    let zones = is_zone(&name(left)) && is_zone(&name(right));
    let named = key.has(&["tz", "timezone", "tzname", "zone", "zoneinfo", "utcoffset"])
        || (key.has(&["time", "utc"]) && key.has(&["zone", "offset"]));
    let offset = |word: &str| {
        let digits = word.trim_start_matches(['+', '-']);
        digits.len() >= 2
            && digits.len() <= 5
            && digits.bytes().all(|b| b.is_ascii_digit() || b == b':')
    };
    // `1764065472 +0100`, as git writes it.
    let signed = |word: &str| word.len() == 5 && word.starts_with(['+', '-']) && offset(word);
    let after_seconds = key.all.last().is_some_and(|word| {
        matches!(word.len(), 9 | 10) && word.bytes().all(|b| b.is_ascii_digit())
    });
    if after_seconds && signed(left) && signed(right) {
        return Some(Cause::Timezone);
    }
    (zones || (named && (is_zone(left) || is_zone(right) || (offset(left) && offset(right)))))
        .then_some(Cause::Timezone)
}

/// Sums of other things. They vary with what they were computed over, which stands elsewhere.
fn digest(context: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
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

/// Seconds, or parts of them, since 1970.
fn seconds(_: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
    const TIMES: &[&str] = &[
        "time",
        "date",
        "stamp",
        "timestamp",
        "epoch",
        "mtime",
        "ctime",
        "atime",
        "birth",
        "created",
        "modified",
        "built",
        "when",
        "expires",
        "updated",
        "generated",
        "at",
        "since",
        "buildtime",
        "lastmodified",
        "ts",
        "clock",
        "now",
        "built_at",
        "datetime",
    ];
    const COUNTS: &[&str] = &[
        "size", "bytes", "length", "count", "offset", "port", "address", "phone", "crc",
        "checksum", "serial", "isbn", "limit", "max", "min", "mask", "seed",
    ];
    let whole = |text: &str| -> Option<(usize, u64)> {
        // As C and Java write wide numbers.
        let text = text.trim_end_matches(['L', 'l', 'U', 'u']);
        let text = text.trim_start_matches('@');
        let (digits, fraction) = text.split_once('.').unwrap_or((text, ""));
        let plain = digits.bytes().all(|b| b.is_ascii_digit())
            && fraction.bytes().all(|b| b.is_ascii_digit())
            && digits.len() <= 19;
        let unit = match digits.len() {
            9 | 10 => 1,
            12 | 13 => 1_000,
            15 | 16 => 1_000_000,
            18 | 19 => 1_000_000_000,
            _ => return None,
        };
        if !plain {
            return None;
        }
        let seconds = digits.parse::<u64>().ok()? / unit;
        // 1990 to 2100.
        (631_152_000..4_102_444_800)
            .contains(&seconds)
            .then_some((digits.len() % 3, seconds))
    };
    let ((shape, a), (other, b)) = (whole(left)?, whole(right)?);
    let named = key.has(TIMES) || key.near(TIMES, 2);
    if key.has(COUNTS) && !named {
        return None;
    }
    // Before September 2001 there were nine digits, as many numbers have, and what is later than
    // 32 bits with a sign can say is more often a checksum.
    let is_sure = |seconds: u64| (1_000_000_000..1 << 31).contains(&seconds);
    let sure = shape == 1 && other == 1 && is_sure(a) && is_sure(b);
    (sure || named).then_some(Cause::Timestamp)
}

/// `2026.11.25`: a date where the words before it say so, and a version elsewhere.
fn dotted_date(_: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
    const SAID: &[&str] = &[
        "date",
        "on",
        "built",
        "build",
        "generated",
        "updated",
        "compiled",
        "created",
        "modified",
    ];
    let date = |text: &str| {
        let parts: Vec<&str> = text.split('.').collect();
        let number = |at: usize, length: usize, range: std::ops::RangeInclusive<u16>| {
            parts[at].len() == length && parts[at].parse().is_ok_and(|n| range.contains(&n))
        };
        parts.len() == 3
            && number(0, 4, 1990..=2100)
            && number(1, 2, 1..=12)
            && number(2, 2, 1..=31)
    };
    (date(left) && date(right) && key.near(SAID, 2) && !key.near(&["version"], 2))
        .then_some(Cause::Timestamp)
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
    if text_flag(left) && text_flag(right) && flag(left) && flag(right) {
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

fn text_flag(text: &str) -> bool {
    text.starts_with('-')
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

fn machine_and_user(context: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
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

/// How long something took.
fn duration(context: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
    let bare = |text: &'_ str| -> Option<(bool, bool)> {
        let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == 'µ');
        let unit = &text[number.len()..];
        let plain = !number.is_empty()
            && number.len() <= 16
            && number
                .bytes()
                .all(|b| b.is_ascii_digit() || b == b'.' || b == b'm')
            && number.as_bytes()[0].is_ascii_digit()
            && number.matches('.').count() <= 1;
        (plain
            && matches!(
                unit,
                "" | "s" | "ms" | "us" | "µs" | "ns" | "m" | "sec" | "min"
            ))
        .then_some((!unit.is_empty(), number.contains('.')))
    };
    let ((unit_l, point_l), (unit_r, point_r)) = (bare(left)?, bare(right)?);
    let next = context.after.trim_start();
    let unit = (unit_l && unit_r)
        || [
            "seconds",
            "sec",
            "ms",
            "s ",
            "s)",
            "s,",
            "s]",
            "milliseconds",
            "minutes",
            "msec",
        ]
        .iter()
        .any(|unit| next.starts_with(unit))
        || next == "s";
    let spent = [
        "took",
        "elapsed",
        "duration",
        "finished",
        "completed",
        "runtime",
        "seconds",
        "done",
        "spent",
    ];
    let said = key.has(&spent) || key.near(&spent, 3) || key.near(&["in"], 1);
    // `real 0m1.234s`, as `time` prints it.
    let of_shell = key.near(&["real", "user", "sys"], 1) && left.contains('m');
    let timed = key.words.last().is_some_and(|word| word == "time") || of_shell;
    ((unit && (said || timed)) || (said && point_l && point_r) || (timed && point_l && point_r))
        .then_some(Cause::Timestamp)
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

/// The year of a copyright notice.
fn year(context: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
    let year = |text: &str| {
        let text = text.rsplit('-').next().unwrap_or("");
        text.len() == 4
            && (text.starts_with("19") || text.starts_with("20"))
            && text.bytes().all(|b| b.is_ascii_digit())
    };
    let near = context.before.chars().rev().take(12);
    let said = key.near(&["copyright", "year", "c"], 3) || near.into_iter().any(|c| c == '©');
    (year(left) && year(right) && said).then_some(Cause::Timestamp)
}

/// Several tokens with a date among them, where dates of several forms stand.
fn of_moments(_: &Context<'_>, _: &Key, left: &str, right: &str) -> Option<Cause> {
    let dated = |text: &str| {
        let tokens = super::token::tokens(text);
        let moments = tokens
            .iter()
            .filter(|t| matches!(t.kind, Kind::Moment(_)))
            .count();
        let words = tokens.iter().filter(|t| t.kind == Kind::Word).count();
        moments > 0 && words <= 2
    };
    (left.len() <= 128 && right.len() <= 128 && dated(left) && dated(right))
        .then_some(Cause::Timestamp)
}
