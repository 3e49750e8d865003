//! JSON, and documents of one JSON value per line: value by value, each at its pointer (RFC 6901).

use serde_json::{Map, Value};
use verbatim_document::json;

use crate::collect::{became, Findings};
use crate::ends;
use crate::words::{changes, environment, Context};
use crate::{Cause, Comparison, Excerpt, Piece};

/// Values inside of each other that are entered.
const DEPTH: usize = 64;
/// Elements of one array that are compared with each other to find those that moved.
const MOVED: usize = 4096;
/// Pieces that are shown, and bytes of each side.
const PIECES: usize = 8;
const BYTES: usize = 1024;

/// Compare two documents that differ; `None` if one is not JSON.
pub(crate) fn compare(name: &str, left: &[u8], right: &[u8]) -> Option<Comparison> {
    let (l, r) = (documents(left)?, documents(right)?);
    if l.is_empty() || r.is_empty() || (!l[0].is_object() && !l[0].is_array()) {
        return None;
    }
    let mut walk = Walk {
        findings: Findings::default(),
        excerpts: Vec::new(),
        more: false,
        lock: name.contains("lock"),
    };
    if l.len() == 1 && r.len() == 1 {
        walk.values("", &l[0], &r[0], &Place::default());
    } else {
        walk.arrays("", &l, &r, &Place::default());
    }
    if walk.findings.is_empty() {
        let ordered = keys(left) != keys(right);
        let ends = |data: &[u8]| data.windows(2).filter(|two| *two == b"\r\n").count();
        let (cause, evidence) = if ordered {
            (
                Cause::HashOrder,
                "the same keys and values in another order of keys",
            )
        } else if ends(left) != ends(right) {
            (
                Cause::LineEndings,
                "the same document with other ends of lines",
            )
        } else if trimmed(left) == trimmed(right) {
            (
                Cause::LineEndings,
                "the same document with other white space at its end",
            )
        } else if (printed(left) && printed(right)) || minified(left, right) {
            (
                Cause::ToolchainVersion,
                "the same document with other white space or escapes: another writer or another option of it",
            )
        } else {
            (
                Cause::SourceChange,
                "the same document with other white space at single places, as an edit leaves it",
            )
        };
        walk.findings
            .add(cause, String::new, || evidence.to_owned());
    }
    Some(Comparison {
        format: "json",
        findings: walk.findings.finish(),
        excerpts: walk.excerpts,
        more: walk.more,
    })
}

fn trimmed(data: &[u8]) -> &[u8] {
    data.trim_ascii()
}

/// The values of a file: one, or one on each line.
fn documents(data: &[u8]) -> Option<Vec<Value>> {
    let data = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    if !matches!(data.trim_ascii_start().first(), Some(b'{' | b'[')) {
        return None;
    }
    serde_json::Deserializer::from_slice(data)
        .into_iter::<Value>()
        .collect::<Result<_, _>>()
        .ok()
}

/// Whether a program printed a document: what stands around colons and commas is everywhere the
/// same, but for how far lines are indented.
fn printed(data: &[u8]) -> bool {
    let mut styles = [None; 3];
    let (mut at, mut quoted) = (0, false);
    while at < data.len() {
        let mark = b":,{".iter().position(|m| *m == data[at]);
        match (quoted, data[at], mark) {
            (true, b'\\', _) => at += 1,
            (_, b'"', _) => quoted = !quoted,
            (false, _, Some(kind)) => {
                let spaces = data[at + 1..]
                    .iter()
                    .take_while(|b| b.is_ascii_whitespace());
                let (length, lines) = spaces.fold((0, 0), |(n, lines), b| {
                    (n + 1, lines + usize::from(*b == b'\n'))
                });
                // An empty object has no lines of its own.
                let empty = data.get(at + 1 + length) == Some(&b'}');
                let style = if lines > 0 { (1, lines) } else { (0, length) };
                // Objects that are short may stand on one line.
                if !empty && *styles[kind].get_or_insert(style) != style {
                    return false;
                }
                at += length;
            }
            _ => {}
        }
        at += 1;
    }
    true
}

/// Whether one side has lines and the other one is written without any white space.
fn minified(left: &[u8], right: &[u8]) -> bool {
    let lines = |data: &[u8]| data.trim_ascii().contains(&b'\n');
    let dense = |data: &[u8]| {
        let loose = |pair: &[u8]| matches!(pair, [b':' | b',' | b'{' | b'[', b' ' | b'\n' | b'\t']);
        // In strings there may be some.
        data.windows(2).filter(|pair| loose(pair)).count() * 20 < data.len() / 8
    };
    (lines(left) && !lines(right) && dense(right)) || (lines(right) && !lines(left) && dense(left))
}

/// The strings that are keys, in the order of the file. White space and values do not count.
fn keys(data: &[u8]) -> Vec<&[u8]> {
    let mut keys = Vec::new();
    let mut at = 0;
    while at < data.len() {
        if data[at] != b'"' {
            at += 1;
            continue;
        }
        let start = at + 1;
        let mut end = start;
        while end < data.len() && data[end] != b'"' {
            end += 1 + usize::from(data[end] == b'\\');
        }
        let end = end.min(data.len());
        at = end + 1;
        let after = data.get(at..).unwrap_or_default();
        if after.trim_ascii_start().first() == Some(&b':') {
            keys.push(&data[start..end]);
        }
    }
    keys
}

/// What is known of the place of a value.
#[derive(Clone, Default)]
struct Place {
    /// The nearest key above.
    key: String,
    /// Whether it is a map or a list of environment variables.
    environment: bool,
    /// Whether it is the history of an image.
    history: bool,
    /// Whether it is a signature.
    signed: bool,
    /// The user in the config of an image, whom somebody chose: not the one who built.
    chosen: bool,
    /// Whether it speaks of a repository, so that a digest is the name of a commit.
    repository: bool,
    depth: usize,
}

impl Place {
    fn below(&self, key: &str) -> Place {
        let word = key.to_ascii_lowercase();
        Place {
            environment: self.environment
                || matches!(
                    word.as_str(),
                    "env" | "environment" | "envvars" | "env_vars"
                ),
            history: self.history || word == "history",
            signed: self.signed
                || matches!(
                    word.as_str(),
                    "signatures" | "signature" | "sig" | "base64signature"
                ),
            chosen: self.key == "config" && key == "User",
            repository: self.repository || matches!(word.as_str(), "git" | "vcs" | "scm" | "hg"),
            key: key.to_owned(),
            depth: self.depth + 1,
        }
    }
}

struct Walk {
    findings: Findings,
    excerpts: Vec<Excerpt>,
    more: bool,
    /// A file of locked packages.
    lock: bool,
}

impl Walk {
    fn values(&mut self, at: &str, l: &Value, r: &Value, place: &Place) {
        if l == r {
            return;
        }
        if place.depth >= DEPTH {
            self.more = true;
            self.found(Cause::Unexplained, at, l, r);
            return;
        }
        match (l, r) {
            (Value::Object(a), Value::Object(b)) => self.objects(at, a, b, place),
            (Value::Array(a), Value::Array(b)) => self.arrays(at, a, b, place),
            _ => self.scalars(at, l, r, place),
        }
    }

    fn objects(&mut self, at: &str, l: &Map<String, Value>, r: &Map<String, Value>, place: &Place) {
        let mut place = place.clone();
        // `{"uri": "git+https://…", "digest": {"sha1": …}}`, as attestations name what was built.
        place.repository |= [l, r].iter().all(|object| {
            object.iter().any(|(key, value)| {
                let text = value.as_str().unwrap_or("");
                match key.as_str() {
                    "uri" | "url" | "repository" => {
                        text.starts_with("git") || text.ends_with(".git")
                    }
                    "type" | "vcs" => matches!(text, "git" | "hg"),
                    _ => false,
                }
            })
        });
        let place = &place;
        for (key, a) in l {
            let at = below(at, key);
            match r.get(key) {
                Some(b) => self.values(&at, a, b, &place.below(key)),
                None => self.lone(&at, key, a, &Value::Null, place),
            }
        }
        for (key, b) in r.iter().filter(|(key, _)| !l.contains_key(*key)) {
            let at = below(at, key);
            self.lone(&at, key, &Value::Null, b, place);
        }
    }

    /// A key that only one side has.
    fn lone(&mut self, at: &str, key: &str, l: &Value, r: &Value, place: &Place) {
        let value = if l.is_null() { r } else { l };
        let dated = value.as_str().is_some_and(crate::words::is_moment);
        let place = place.below(key);
        let cause = if place.environment {
            Some(environment::cause(key).unwrap_or(Cause::Environment))
        } else if place.history {
            Some(Cause::History)
        } else if place.signed {
            Some(Cause::Signature)
        } else if dated {
            Some(Cause::Timestamp)
        } else if key.eq_ignore_ascii_case("hostname") {
            // Of the container that a step of a build ran in.
            Some(Cause::Hostname)
        } else {
            None
        };
        self.found(cause.unwrap_or(Cause::SourceChange), at, l, r);
    }

    fn arrays(&mut self, at: &str, l: &[Value], r: &[Value], place: &Place) {
        let (start, end) = ends::common(l, r);
        let (a, b) = (&l[start..l.len() - end], &r[start..r.len() - end]);
        if a.len() > 1 && a.len() == b.len() && a.len() <= MOVED {
            let sorted = |values: &[Value]| {
                let mut texts: Vec<String> = values.iter().map(Value::to_string).collect();
                texts.sort_unstable();
                texts
            };
            let (x, y) = (sorted(a), sorted(b));
            if x == y {
                let paths = x
                    .iter()
                    .all(|text| text.starts_with('"') && text.contains('/') && !text.contains(' '));
                let cause = if paths {
                    Cause::FileOrder
                } else {
                    Cause::HashOrder
                };
                let count = a.len();
                self.show(at, &Value::Array(a.to_vec()), &Value::Array(b.to_vec()));
                self.findings.add(
                    cause,
                    || pointer(at),
                    || format!("the same {count} elements in another order"),
                );
                return;
            }
        }
        if l.len() == r.len() {
            for (i, (a, b)) in l.iter().zip(r).enumerate() {
                let mut below = place.clone();
                below.depth += 1;
                self.values(&format!("{at}/{i}"), a, b, &below);
            }
            return;
        }
        // Elements are paired by what they are called, or by their whole value.
        let named = |value: &Value| -> String {
            ["name", "id", "path", "key", "purl", "digest"]
                .iter()
                .find_map(|key| value.get(key)?.as_str())
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        let index = |values: &[Value]| {
            values
                .iter()
                .enumerate()
                .map(|(i, value)| (named(value), i))
                .collect::<std::collections::BTreeMap<_, _>>()
        };
        let (in_l, in_r) = (index(a), index(b));
        for (name, &i) in &in_l {
            let at = format!("{at}/{}", start + i);
            let mut below = place.clone();
            below.depth += 1;
            match in_r.get(name) {
                Some(&j) => self.values(&at, &a[i], &b[j], &below),
                None => self.lone(&at, &place.key, &a[i], &Value::Null, place),
            }
        }
        for (name, &j) in &in_r {
            if !in_l.contains_key(name) {
                let at = format!("{at}/{}", start + j);
                self.lone(&at, &place.key, &Value::Null, &b[j], place);
            }
        }
        if self.findings.is_empty() {
            // As many names twice on one side.
            self.findings.add(
                Cause::SourceChange,
                || pointer(at),
                || format!("{} elements → {} elements", l.len(), r.len()),
            );
        }
    }

    fn scalars(&mut self, at: &str, l: &Value, r: &Value, place: &Place) {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let word = place.key.to_ascii_lowercase();
        if place.signed || matches!(word.as_str(), "sig" | "certificate" | "cert") {
            self.found(Cause::Signature, at, l, r);
            return;
        }
        if l.is_object() || l.is_array() || r.is_object() || r.is_array() {
            self.found(Cause::SourceChange, at, l, r);
            return;
        }
        let (a, b) = (text(l), text(r));
        if place.environment {
            // NAME in the key, or `NAME=value`.
            if let Some(cause) = environment::cause(&place.key) {
                self.found(cause, at, l, r);
                return;
            }
        }
        if place.repository && crate::words::is_commit(&a, &b) {
            self.found(Cause::SourceChange, at, l, r);
            return;
        }
        let before = format!("{}: ", place.key);
        let context = Context {
            before: &before,
            after: "",
            environment: place.environment,
        };
        let found: Vec<Cause> = if a.contains('\n') || b.contains('\n') {
            crate::text::strings(&a, &b, &context)
        } else {
            let mut causes: Vec<Cause> = changes(&context, &a, &b)
                .iter()
                .map(|change| change.cause)
                .collect();
            causes.sort_unstable();
            causes.dedup();
            causes
        };
        let locked = self.lock
            && word == "version"
            && found == [Cause::SourceChange]
            && crate::words::is_version(&a);
        for cause in found {
            let cause = match cause {
                Cause::SourceChange if place.history => Cause::History,
                _ if locked => Cause::PackageChange,
                _ if place.chosen => Cause::SourceChange,
                cause => cause,
            };
            self.found(cause, at, l, r);
        }
        if a == b {
            // 1 and "1".
            self.found(Cause::SourceChange, at, l, r);
        }
    }

    fn found(&mut self, cause: Cause, at: &str, l: &Value, r: &Value) {
        self.show(at, l, r);
        self.findings.add(
            cause,
            || pointer(at),
            || format!("{}: {}", pointer(at), became(&shown(l), &shown(r))),
        );
    }

    fn show(&mut self, at: &str, l: &Value, r: &Value) {
        if self
            .excerpts
            .last()
            .is_some_and(|excerpt| excerpt.at == pointer(at))
        {
            return;
        }
        if self.excerpts.len() == PIECES {
            self.more = true;
            return;
        }
        let bytes = |value: &Value| {
            let mut text = shown(value);
            let mut end = text.len().min(BYTES);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
            text.into_bytes()
        };
        self.excerpts.push(Excerpt {
            at: pointer(at),
            piece: Piece::Text {
                left: bytes(l),
                right: bytes(r),
            },
        });
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The pointer of the whole document is empty, which tells nobody anything.
fn pointer(at: &str) -> String {
    if at.is_empty() { "/" } else { at }.to_owned()
}

/// The pointer of a member.
fn below(at: &str, key: &str) -> String {
    let mut pointer = at.to_owned();
    json::push_token(&mut pointer, key);
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(left: &str, right: &str) -> Vec<(Cause, String)> {
        compare("x.json", left.as_bytes(), right.as_bytes())
            .unwrap()
            .findings
            .into_iter()
            .map(|finding| (finding.cause, finding.at))
            .collect()
    }

    #[test]
    fn values_are_named_by_their_keys() {
        for (a, b, cause, at) in [
            (
                r#"{"config":{}}"#,
                r#"{"config":{"Hostname":"3f8a9c1d2e4b"}}"#,
                Cause::Hostname,
                "/config/Hostname",
            ),
            (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, Cause::HashOrder, ""),
            (
                r#"{"a/b":["x","y"]}"#,
                r#"{"a/b":["y","x"]}"#,
                Cause::HashOrder,
                "/a~1b",
            ),
            (
                r#"{"files":["a/x","a/y"]}"#,
                r#"{"files":["a/y","a/x"]}"#,
                Cause::FileOrder,
                "/files",
            ),
            (
                r#"{"created":"2026-11-25T10:11:12Z"}"#,
                r#"{"created":"2026-11-25T10:11:13Z"}"#,
                Cause::Timestamp,
                "/created",
            ),
            (
                r#"{"mtime":1700000000}"#,
                r#"{"mtime":1700000001}"#,
                Cause::Timestamp,
                "/mtime",
            ),
            (
                r#"{"host":"alpha"}"#,
                r#"{"host":"beta"}"#,
                Cause::Hostname,
                "/host",
            ),
            (
                r#"{"build":{"user":"alice"}}"#,
                r#"{"build":{"user":"bob"}}"#,
                Cause::Username,
                "/build/user",
            ),
            (
                r#"{"env":{"FOO":"a"}}"#,
                r#"{"env":{"FOO":"b"}}"#,
                Cause::Environment,
                "/env/FOO",
            ),
            (
                r#"{"config":{"Env":["PATH=/a","X=1"]}}"#,
                r#"{"config":{"Env":["PATH=/a","X=2"]}}"#,
                Cause::Environment,
                "/config/Env/1",
            ),
            (
                r#"{"env":{"LANG":"C"}}"#,
                r#"{"env":{"LANG":"de_DE.UTF-8"}}"#,
                Cause::Locale,
                "/env/LANG",
            ),
            (
                r#"{"history":[{"created_by":"a b"}]}"#,
                r#"{"history":[{"created_by":"a c"}]}"#,
                Cause::History,
                "/history/0/created_by",
            ),
            (
                r#"{"serialNumber":"urn:uuid:123e4567-e89b-12d3-a456-426614174000"}"#,
                r#"{"serialNumber":"urn:uuid:00112233-4455-6677-8899-aabbccddeeff"}"#,
                Cause::Uuid,
                "/serialNumber",
            ),
            (
                r#"{"signatures":[{"sig":"aaaa"}]}"#,
                r#"{"signatures":[{"sig":"bbbb"}]}"#,
                Cause::Signature,
                "/signatures/0/sig",
            ),
            (
                r#"{"version":"1.2.3"}"#,
                r#"{"version":"1.2.4"}"#,
                Cause::SourceChange,
                "/version",
            ),
            (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, Cause::SourceChange, "/b"),
            (
                r#"{"git":{"sha1":"4f1c7a9e2b3d5f60718293a4b5c6d7e8f9012345"}}"#,
                r#"{"git":{"sha1":"a9e2b3d5f60718293a4b5c6d7e8f90123454f1c7"}}"#,
                Cause::SourceChange,
                "/git/sha1",
            ),
            (
                r#"{"uri":"git+https://example.com/r","digest":{"sha1":"4f1c7a9e2b3d5f60718293a4b5c6d7e8f9012345"}}"#,
                r#"{"uri":"git+https://example.com/r","digest":{"sha1":"a9e2b3d5f60718293a4b5c6d7e8f90123454f1c7"}}"#,
                Cause::SourceChange,
                "/digest/sha1",
            ),
            (
                r#"{"sha1":"4f1c7a9e2b3d5f60718293a4b5c6d7e8f9012345"}"#,
                r#"{"sha1":"a9e2b3d5f60718293a4b5c6d7e8f90123454f1c7"}"#,
                Cause::Unexplained,
                "/sha1",
            ),
            (r#"{"a":1}"#, r#"{"a":"1"}"#, Cause::SourceChange, "/a"),
            ("{\"a\":1}\n", r#"{"a":1}"#, Cause::LineEndings, ""),
            ("{\"a\": 1}", r#"{"a":1}"#, Cause::ToolchainVersion, ""),
            (
                "{\"a\":1}\n{\"t\":1}\n",
                "{\"t\":1}\n{\"a\":1}\n",
                Cause::HashOrder,
                "/",
            ),
        ] {
            assert_eq!(found(a, b), [(cause, at.to_owned())], "{a} {b}");
        }
    }

    #[test]
    fn what_is_no_json_is_left_to_others() {
        for text in ["", "x", "\"a\"", "{", "[1", "{} x", "1"] {
            assert!(compare("x", text.as_bytes(), b"{}").is_none(), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(compare("x", deep.as_bytes(), b"{}").is_none());
    }

    #[test]
    fn elements_are_paired_by_name() {
        let (a, b) = (
            r#"[{"name":"a","v":"x"},{"name":"b","v":"y"}]"#,
            r#"[{"name":"b","v":"z"}]"#,
        );
        let comparison = compare("x", a.as_bytes(), b.as_bytes()).unwrap();
        assert_eq!(comparison.findings.len(), 1);
        assert_eq!(comparison.excerpts.len(), 2);
    }
}
