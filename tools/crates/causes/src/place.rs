//! Files whose path or first lines say what they are for, and therefore why they differ.

use std::collections::BTreeMap;

use crate::collect::{became, short, Findings};
use crate::{bytes, text, Cause, Comparison};

/// Compare two files of a known place; `None` if the place says nothing.
pub(crate) fn compare(name: &str, left: &[u8], right: &[u8]) -> Option<Comparison> {
    let parts: Vec<&str> = name
        .rsplit('!')
        .next()
        .unwrap_or("")
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    let file = *parts.last()?;
    if ends(&parts, &["etc", "shadow"]) || ends(&parts, &["etc", "shadow-"]) || file == "shadow" {
        if let Some(comparison) = shadow(left, right) {
            return Some(comparison);
        }
    }
    if let Some((cause, why)) = of_path(&parts, file) {
        return Some(told(cause, why, left, right));
    }
    if let Some(comparison) = keys_and_signatures(file, &parts, left, right) {
        return Some(comparison);
    }
    if let Some(why) = log_or_cache(&parts, file) {
        // What a build printed may tell more than that it is a log.
        let printed = text::compare(left, right);
        if let Some(printed) = printed.filter(|c| c.findings[0].cause == Cause::Parallelism) {
            return Some(printed);
        }
        return Some(told(Cause::LogOrCache, why, left, right));
    }
    None
}

/// Whether a path ends with these parts.
fn ends(parts: &[&str], last: &[&str]) -> bool {
    parts.ends_with(last)
}

/// Whether these parts stand in a path, at its start or below the folder of a root file system,
/// and something follows.
fn within(parts: &[&str], folder: &[&str]) -> bool {
    parts.len() > folder.len()
        && (parts.starts_with(folder)
            || parts
                .windows(folder.len())
                .take(3)
                .any(|window| window == folder))
}

/// Files that hold one thing.
fn of_path(parts: &[&str], file: &str) -> Option<(Cause, &'static str)> {
    let is = |last: &[&str]| ends(parts, last);
    Some(
        if is(&["etc", "machine-id"]) || is(&["dbus", "machine-id"]) || file == "machine-id" {
            (Cause::MachineId, "the identifier of one machine")
        } else if file.starts_with("ssh_host_") && file.contains("_key") {
            (Cause::HostKey, "a key that one machine's server made")
        } else if is(&["etc", "hostname"]) || is(&["etc", "hosts"]) || is(&["etc", "mailname"]) {
            (Cause::Hostname, "the name of the machine")
        } else if is(&["etc", "resolv.conf"]) || is(&["etc", "mtab"]) {
            (
                Cause::Environment,
                "written from the network and the mounts of the machine that built",
            )
        } else if is(&["etc", "timezone"]) || is(&["etc", "localtime"]) {
            (Cause::Timezone, "the time zone of the machine")
        } else if is(&["systemd", "random-seed"]) || is(&["urandom", "random-seed"]) {
            (Cause::RandomId, "a seed of random numbers")
        } else {
            return None;
        },
    )
}

fn log_or_cache(parts: &[&str], file: &str) -> Option<&'static str> {
    let log = file.strip_suffix(".gz").unwrap_or(file);
    let numbered = log
        .rsplit_once('.')
        .filter(|(_, number)| number.bytes().all(|b| b.is_ascii_digit()))
        .map_or(log, |(stem, _)| stem);
    if within(parts, &["var", "log"]) || numbered.ends_with(".log") || file == "config.log" {
        return Some("a log, which is written anew on each run");
    }
    let bytecode = parts.contains(&"__pycache__");
    let cache = within(parts, &["var", "cache"])
        || within(parts, &["var", "lib", "apt", "lists"])
        || within(parts, &["var", "backups"])
        || within(parts, &["root", ".cache"])
        || (parts.first() == Some(&"home") && parts.get(2) == Some(&".cache"))
        || ends(parts, &["ldconfig", "aux-cache"])
        || ends(parts, &["systemd", "catalog", "database"])
        || (parts.contains(&"fontconfig") && file.contains(".cache-"))
        || matches!(
            file,
            "pkgcache.bin"
                | "srcpkgcache.bin"
                | ".bash_history"
                | ".wget-hsts"
                | ".viminfo"
                | ".node_repl_history"
        );
    (cache && !bytecode)
        .then_some("a cache or a state, which is written anew on each machine or run")
}

/// A comparison whose cause is known; the excerpts are those of the content.
fn told(cause: Cause, why: &str, left: &[u8], right: &[u8]) -> Comparison {
    let mut comparison = text::compare(left, right).unwrap_or_else(|| bytes::compare(left, right));
    let line = |data: &[u8]| -> Option<String> {
        let text = std::str::from_utf8(data).ok()?.trim();
        (!text.is_empty() && text.len() <= 120 && !text.contains('\n')).then(|| text.to_owned())
    };
    let evidence = match (line(left), line(right)) {
        (Some(l), Some(r)) => format!("{why}: {}", became(&l, &r)),
        _ => why.to_owned(),
    };
    let at = comparison.findings.swap_remove(0).at;
    let mut findings = Findings::default();
    findings.add(cause, || at, || evidence);
    comparison.findings = findings.finish();
    comparison
}

/// The passwords of a system (shadow(5)): the third field is the day of the last change.
fn shadow(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let mut comparison = text::compare(left, right)?;
    let accounts = |data: &'_ [u8]| -> Option<BTreeMap<String, Vec<String>>> {
        std::str::from_utf8(data)
            .ok()?
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                let mut fields = line.trim_end().split(':').map(str::to_owned);
                let name = fields.next()?;
                let fields: Vec<String> = fields.collect();
                (fields.len() == 8).then_some((name, fields))
            })
            .collect()
    };
    let (l, r) = (accounts(left)?, accounts(right)?);
    let mut findings = Findings::default();
    for (name, a) in &l {
        let Some(b) = r.get(name) else {
            findings.add(
                Cause::SourceChange,
                || name.clone(),
                || format!("the account {} is only on the left side", short(name)),
            );
            continue;
        };
        for (field, (x, y)) in a.iter().zip(b).enumerate().filter(|(_, (x, y))| x != y) {
            let scheme = |hash: &str| {
                let mut parts = hash.split('$');
                (parts.next() == Some(""))
                    .then(|| parts.next().map(str::to_owned))
                    .flatten()
            };
            let (cause, what) = match field {
                0 if scheme(x).is_some() && scheme(x) == scheme(y) => {
                    (Cause::RandomId, "a password with another salt")
                }
                0 => (Cause::SourceChange, "the password"),
                1 => (Cause::PasswordAge, "the day of the last change"),
                _ => (Cause::SourceChange, "the rules of the password"),
            };
            let shown = if field == 0 {
                // No hash of a password belongs into a report.
                String::new()
            } else {
                format!(": {}", became(x, y))
            };
            findings.add(
                cause,
                || name.clone(),
                || format!("{} of {}{shown}", what, short(name)),
            );
        }
    }
    for name in r.keys().filter(|name| !l.contains_key(*name)) {
        findings.add(
            Cause::SourceChange,
            || name.clone(),
            || format!("the account {} is only on the right side", short(name)),
        );
    }
    if findings.is_empty() {
        return None;
    }
    comparison.format = "shadow";
    comparison.findings = findings.finish();
    // Neither do the lines around it.
    comparison.excerpts.clear();
    Some(comparison)
}

/// Keys, certificates and signatures, by their names and their armour.
fn keys_and_signatures(
    file: &str,
    parts: &[&str],
    left: &[u8],
    right: &[u8],
) -> Option<Comparison> {
    let lower = file.to_ascii_lowercase();
    let of = |endings: &[&str]| endings.iter().any(|end| lower.ends_with(end));
    let both = |marker: &str| contains(left, marker) && contains(right, marker);
    let whole = |cause, why| Some(told(cause, why, left, right));
    if both("-----BEGIN PGP SIGNED MESSAGE-----") {
        return signed_message(left, right);
    }
    let detached = of(&[
        ".asc", ".sig", ".minisig", ".p7s", ".p7b", ".sign", ".gpg.sig",
    ]);
    let armoured = |data: &[u8]| {
        data.trim_ascii_start()
            .starts_with(b"-----BEGIN PGP SIGNATURE-----")
    };
    let of_jar = parts.contains(&"META-INF") && of(&[".rsa", ".dsa", ".ec", ".sf"]);
    if detached || of_jar || (armoured(left) && armoured(right)) {
        return whole(Cause::Signature, "a signature");
    }
    if both("PRIVATE KEY-----") || both("-----BEGIN PUBLIC KEY-----") {
        return whole(Cause::RandomId, "a key that was made anew");
    }
    let public = |data: &[u8]| {
        data.starts_with(b"ssh-")
            || data.starts_with(b"ecdsa-sha2-")
            || data.starts_with(b"sk-ssh-")
    };
    if of(&[".pub"]) && public(left) && public(right) {
        return whole(Cause::RandomId, "a key that was made anew");
    }
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
    if both(CERTIFICATE) {
        let count = |data: &[u8]| String::from_utf8_lossy(data).matches(CERTIFICATE).count();
        if count(left) == 1 && count(right) == 1 {
            return whole(Cause::Signature, "a certificate that was signed anew");
        }
        return bundles(left, right);
    }
    None
}

fn contains(data: &[u8], marker: &str) -> bool {
    let marker = marker.as_bytes();
    // Armour starts within the first lines.
    let head = &data[..data.len().min(64 * 1024)];
    head.windows(marker.len()).any(|window| window == marker)
}

/// A text with its signature: the text counts, and the signature only where the text is equal.
fn signed_message(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let split = |data: &'_ [u8]| -> Option<String> {
        let text = std::str::from_utf8(data).ok()?;
        let end = text.find("-----BEGIN PGP SIGNATURE-----")?;
        Some(text[..end].to_owned())
    };
    let (l, r) = (split(left)?, split(right)?);
    if l == r {
        return Some(told(
            Cause::Signature,
            "the same text with another signature",
            left,
            right,
        ));
    }
    text::compare(l.as_bytes(), r.as_bytes())
}

/// Several certificates in one file.
fn bundles(left: &[u8], right: &[u8]) -> Option<Comparison> {
    let blocks = |data: &[u8]| -> Option<Vec<String>> {
        let mut blocks: Vec<String> = std::str::from_utf8(data)
            .ok()?
            .split("-----BEGIN CERTIFICATE-----")
            .skip(1)
            .filter_map(|block| Some(block.split_once("-----END")?.0.trim().to_owned()))
            .collect();
        blocks.sort_unstable();
        Some(blocks)
    };
    let (l, r) = (blocks(left)?, blocks(right)?);
    if l == r {
        return Some(told(
            Cause::FileOrder,
            "the same certificates in another order or with other words between them",
            left,
            right,
        ));
    }
    let lost = l
        .iter()
        .filter(|block| r.binary_search(block).is_err())
        .count();
    let gained = r
        .iter()
        .filter(|block| l.binary_search(block).is_err())
        .count();
    let why = format!("{lost} certificates only on the left side, {gained} only on the right side");
    Some(told(Cause::SourceChange, &why, left, right))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn causes(name: &str, left: &str, right: &str) -> Vec<Cause> {
        compare(name, left.as_bytes(), right.as_bytes())
            .map(|c| c.findings.iter().map(|f| f.cause).collect())
            .unwrap_or_default()
    }

    #[test]
    fn places_say_what_files_are_for() {
        for (name, cause) in [
            ("etc/machine-id", Cause::MachineId),
            ("./var/lib/dbus/machine-id", Cause::MachineId),
            ("layer 1!etc/ssh/ssh_host_rsa_key", Cause::HostKey),
            ("etc/ssh/ssh_host_ed25519_key.pub", Cause::HostKey),
            ("/etc/hostname", Cause::Hostname),
            ("etc/hosts", Cause::Hostname),
            ("etc/resolv.conf", Cause::Environment),
            ("var/log/dpkg.log", Cause::LogOrCache),
            ("var/log/apt/history.log.1.gz", Cause::LogOrCache),
            ("var/cache/ldconfig/aux-cache", Cause::LogOrCache),
            ("var/cache/man/index.db", Cause::LogOrCache),
            ("var/lib/systemd/random-seed", Cause::RandomId),
            ("META-INF/SIGNER.RSA", Cause::Signature),
            ("x.tar.asc", Cause::Signature),
            ("etc/localtime", Cause::Timezone),
        ] {
            assert_eq!(causes(name, "a\n", "b\n"), [cause], "{name}");
        }
        for name in [
            "etc/passwd",
            "usr/share/log/x",
            "x/__pycache__/a.pyc",
            "logic",
            "catalog",
            "src/cache.c",
            "",
        ] {
            assert_eq!(causes(name, "a\n", "b\n"), [], "{name}");
        }
    }

    #[test]
    fn shadow_files_are_read_field_by_field() {
        let line = |hash: &str, day: &str| {
            format!("root:{hash}:{day}:0:99999:7:::\nbin:*:1:0:99999:7:::\n")
        };
        let name = "etc/shadow";
        assert_eq!(
            causes(name, &line("*", "19000"), &line("*", "19001")),
            [Cause::PasswordAge]
        );
        assert_eq!(
            causes(name, &line("$6$aa$x", "1"), &line("$6$bb$y", "1")),
            [Cause::RandomId]
        );
        assert_eq!(
            causes(name, &line("*", "1"), &line("!", "1")),
            [Cause::SourceChange]
        );
        let comparison = compare(
            name,
            line("$6$aa$x", "1").as_bytes(),
            line("$6$bb$y", "1").as_bytes(),
        )
        .unwrap();
        assert!(comparison.excerpts.is_empty() && !comparison.findings[0].evidence.contains("$6$"));
    }

    #[test]
    fn keys_and_signatures_are_known_by_their_armour() {
        let pem = |what: &str, body: &str| {
            format!("-----BEGIN {what}-----\n{body}\n-----END {what}-----\n")
        };
        let pair = |what: &str| causes("x.pem", &pem(what, "AAAA"), &pem(what, "BBBB"));
        assert_eq!(pair("PRIVATE KEY"), [Cause::RandomId]);
        assert_eq!(pair("CERTIFICATE"), [Cause::Signature]);
        assert_eq!(pair("PGP SIGNATURE"), [Cause::Signature]);
        let (a, b) = (pem("CERTIFICATE", "AA"), pem("CERTIFICATE", "BB"));
        assert_eq!(
            causes("ca.crt", &format!("{a}{b}"), &format!("{b}{a}")),
            [Cause::FileOrder]
        );
        assert_eq!(
            causes("ca.crt", &format!("{a}{b}"), &a),
            [Cause::SourceChange]
        );
        let signed = |text: &str, sig: &str| {
            format!("-----BEGIN PGP SIGNED MESSAGE-----\n{text}\n-----BEGIN PGP SIGNATURE-----\n{sig}\n")
        };
        assert_eq!(
            causes("InRelease", &signed("a", "x"), &signed("a", "y")),
            [Cause::Signature]
        );
        assert_eq!(
            causes(
                "InRelease",
                &signed("Date: 2026-11-25", "x"),
                &signed("Date: 2026-11-26", "y")
            ),
            [Cause::Timestamp]
        );
    }
}
