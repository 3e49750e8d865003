//! What was drawn at random, by its shape or by what stands around it.

use super::context::{Context, Key};
use super::{path, random, version};
use crate::Cause;

/// Random identifiers.
pub(super) fn drawn(context: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
    let both = |test: fn(&str) -> bool| test(left) && test(right);
    const IDS: &[&str] = &[
        "id",
        "nonce",
        "salt",
        "seed",
        "random",
        "token",
        "session",
        "secret",
        "cookie",
        "rand",
        "password",
        "instance",
        "pid",
        "rnd",
        "entropy",
        "challenge",
        "iv",
        "ulid",
        "nanoid",
        "cuid",
        "ksuid",
        "sid",
        "csrf",
        "xsrf",
        "correlation",
        "trace",
        "span",
    ];
    const ABOUT: &[&str] = &[
        "type",
        "level",
        "kind",
        "name",
        "format",
        "version",
        "algorithm",
        "method",
        "mode",
    ];
    // In front of an identifier, joined to it: `req_8Fk2Lm`.
    const KINDS: &[&str] = &[
        "req",
        "request",
        "sess",
        "session",
        "txn",
        "tx",
        "run",
        "job",
        "task",
        "evt",
        "event",
        "id",
        "msg",
        "trace",
        "span",
        "op",
        "inv",
        "invocation",
        "corr",
        "token",
        "tok",
        "key",
        "nonce",
    ];
    let hex_or_number = |text: &str| {
        text.len() >= 2
            && text.bytes().all(|b| b.is_ascii_hexdigit())
            && text.bytes().any(|b| b.is_ascii_digit())
    };
    let long = |text: &str| {
        text.len() >= 6
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_+/.".contains(&b))
            && text.bytes().any(|b| b.is_ascii_digit())
            && !version::is_version(text)
    };
    let process = pid(context, key, left) && pid(context, key, right);
    if process || (port(context, left) && port(context, right)) {
        return Some(Cause::RandomId);
    }
    // What nobody reads as a word, where the words before it say what it is.
    let code = |text: &str| random::is_code(text) && !version::is_version(text);
    let mixed = |text: &str| {
        let inner = text.get(1..).unwrap_or("");
        text.len() >= 6
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+/_-".contains(&b))
            && inner.bytes().any(|b| b.is_ascii_uppercase())
            && text.bytes().any(|b| b.is_ascii_lowercase())
    };
    let number = |text: &str| text.len() >= 15 && text.bytes().all(|b| b.is_ascii_digit());
    let is_seed = key.near(&["seed"], 1)
        && both(|text| text.len() >= 3 && text.bytes().all(|b| b.is_ascii_digit()));
    // `random: 0.8444218515250481`
    let fraction = |text: &str| {
        let digits = text.strip_prefix("0.").unwrap_or("");
        digits.len() >= 6 && digits.bytes().all(|b| b.is_ascii_digit())
    };
    let is_fraction = !key.loose && key.has(&["random", "rand", "rnd"]) && both(fraction);
    // The last word says what the value is: `token type` is no token.
    let last = key
        .words
        .last()
        .is_some_and(|word| IDS.contains(&word.as_str()));
    let said = (last && !key.loose) || key.near(IDS, 1);
    let secret = key.has(&["nonce", "salt", "csrf", "xsrf", "token"]) || key.near(&["nonce"], 1);
    let hex = left.len() == right.len()
        && both(|text| text.len() >= 8 && text.bytes().all(|b| b.is_ascii_hexdigit()));
    let joined = |text: &'_ str| -> bool {
        text.split_once(['-', '_']).is_some_and(|(kind, rest)| {
            KINDS.contains(&kind.to_ascii_lowercase().as_str()) && random::is_code(rest)
        })
    };
    // Numbers of certificates, names of containers and of requests: long, and of letters and digits.
    let identified = (key.has(&["serial"]) && key.has(&["number"]))
        || (key.near(&["container", "request", "transaction"], 1));
    let mixed_hex = hex && both(|text| text.bytes().any(|b| b.is_ascii_alphabetic()));
    if both(random::is_ulid)
        || both(random::is_fingerprint)
        || both(random::is_web_token)
        || (identified && (both(number) || mixed_hex))
        || is_seed
        || is_fraction
        || random::is_salted(left, right)
        || random::hold_hex(left, right)
        || (said && (both(code) || both(number) || hex))
        || (secret && both(mixed))
        || both(joined)
    {
        return Some(Cause::RandomId);
    }
    // `token type`, `trace level`: what is said of it, and not the thing itself.
    let described = key
        .words
        .last()
        .is_some_and(|word| ABOUT.contains(&word.as_str()));
    let seeded = key.has(&["seed", "nonce", "salt", "random", "rand", "pid", "rnd"]);
    if both(random::is_opaque) && left.len().abs_diff(right.len()) <= 8
        || both(random::is_address)
        || path::is_temporary(left, right)
        || (seeded && !key.loose && both(hex_or_number))
        || (key.has(IDS) && !key.loose && !described && both(long))
    {
        return Some(Cause::RandomId);
    }
    // `url(#p3f2a9c1b7d)`: what an identifier that was drawn is referred to by.
    let refers = ["url(", "href=\"", "href='"]
        .iter()
        .any(|start| context.before.ends_with(start));
    if let (true, Some((page, a)), Some((other, b))) =
        (refers, left.split_once('#'), right.split_once('#'))
    {
        if page == other && long(a) && long(b) && a.len() == b.len() && !a.contains(['.', '/']) {
            return Some(Cause::RandomId);
        }
    }
    // A random piece of a longer word: `name-9f86d081884c7d65.js`.
    let (from, to) = super::differing(left, right);
    if left.len() == right.len() && left.is_ascii() && right.is_ascii() {
        let piece = |text: &str| {
            let from = text[..from]
                .rfind(|c: char| !c.is_ascii_alphanumeric())
                .map_or(0, |at| at + 1);
            let to = text[to..]
                .find(|c: char| !c.is_ascii_alphanumeric())
                .map_or(text.len(), |n| to + n);
            text[from..to].to_owned()
        };
        let (a, b) = (piece(left), piece(right));
        let asset = is_asset(left) && is_asset(right) && is_short_hash(&a) && is_short_hash(&b);
        if asset || (random::is_opaque(&a) && random::is_opaque(&b)) {
            return Some(Cause::RandomId);
        }
    }
    None
}

/// `Message-ID: <…@example.com>`, and the borders of a message's parts as Python writes them.
pub(super) fn message(context: &Context<'_>, key: &Key, left: &str, right: &str) -> Option<Cause> {
    let both = |length: usize| {
        [left, right].iter().all(|text| {
            text.len() >= length
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
        })
    };
    let named = key.has(&["message"]) && key.has(&["id"]);
    // Python's, JavaMail's (`--=_Part_1_…`), Outlook's (`----=_NextPart_000_…`).
    let starts = |start: &str| [left, right].iter().all(|text| text.starts_with(start));
    let border = context.before.ends_with("==========")
        || (context.before.ends_with("--=") && (starts("_Part_") || starts("_NextPart_")));
    let said = key.words.last().is_some_and(|word| word == "boundary")
        && [left, right]
            .iter()
            .all(|text| text.bytes().any(|b| b.is_ascii_digit()));
    ((named && both(8)) || (border && both(15)) || (said && both(8))).then_some(Cause::RandomId)
}

/// The number of a process: `pid 4711`, and `sshd[4711]:` as the system log has it.
fn pid(context: &Context<'_>, key: &Key, text: &str) -> bool {
    let number = (2..=7).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let logged = context.after.starts_with("]:")
        && context
            .before
            .strip_suffix('[')
            .is_some_and(|name| name.ends_with(|c: char| c.is_ascii_alphabetic() || c == ')'));
    number && (key.ends_with(&["pid"]) || key.ends_with(&["process", "id"]) || logged)
}

/// A port that the system chose for a server which asked for any (Linux: 32768 to 60999).
fn port(context: &Context<'_>, text: &str) -> bool {
    let of_host = context.before.strip_suffix(':').is_some_and(|host| {
        ["localhost", "127.0.0.1", "0.0.0.0", "[::1]", "[::]"]
            .iter()
            .any(|name| host.ends_with(name))
    });
    let named = context
        .before
        .trim_end_matches([' ', ':', '='])
        .ends_with("port");
    let number = text.len() == 5 && text.parse::<u16>().is_ok_and(|port| port >= 32_768);
    number && (of_host || named)
}

/// Whether a path names a file of a web page, whose name a packer has put a hash into.
fn is_asset(path: &str) -> bool {
    const ENDS: &[&str] = &[
        ".js", ".mjs", ".css", ".map", ".svg", ".png", ".jpg", ".woff2", ".woff", ".wasm", ".html",
    ];
    ENDS.iter().any(|end| path.ends_with(end))
}

/// Eight to fifteen hexadecimal digits, as packers use; a word has no digits, a date no letters.
fn is_short_hash(piece: &str) -> bool {
    (8..16).contains(&piece.len())
        && piece
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        && piece.bytes().any(|b| b.is_ascii_digit())
        && piece.bytes().any(|b| b.is_ascii_alphabetic())
}
