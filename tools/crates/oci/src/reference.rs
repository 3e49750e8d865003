//! References: under which name a registry serves an image.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::json;

/// `<registry>[/<prefix>]/<name>[:<tag>]`, in the grammar of the OCI distribution
/// specification 1.1 (section "Pulling manifests").
///
/// The order is that of a sums file: by registry, prefix, name and tag, in byte order, what
/// is missing first.
///
/// There is always a registry. Docker's short names (`nginx`, meaning an image of one
/// company's registry) are refused: a release must say the same to everyone.
///
/// Equal are those that are written the same. Whether two mean one image says their
/// [`Identity`](crate::Identity).
///
/// There may be a million of them in a list: one is a text, and where its parts begin.
#[derive(Clone)]
pub struct Reference {
    text: Arc<str>,
    /// Where the registry ends.
    registry: u16,
    /// Where the last component of the path begins.
    name: u16,
    /// Where that ends; a tag stands there after a colon, or nothing.
    tag: u16,
}

/// Why a text is not a reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an image reference: {reason}")]
pub struct ReferenceError {
    text: String,
    reason: String,
}

/// The distribution specification's own limit of a name, which registries enforce.
const MAX_REPOSITORY: usize = 255;

impl Reference {
    /// Put a reference together.
    ///
    /// `prefix` and `tag` may be empty, and `prefix` may have several components. A `name`
    /// may bring further components, and, where `tag` is empty, a tag of its own.
    pub fn new(
        registry: &str,
        prefix: &str,
        name: &str,
        tag: &str,
    ) -> Result<Self, ReferenceError> {
        let mut text = registry.to_owned();
        for part in [prefix, name] {
            if !part.is_empty() {
                text.push('/');
                text.push_str(part);
            }
        }
        if !tag.is_empty() {
            text.push(':');
            text.push_str(tag);
        }
        if registry.is_empty() {
            return Err(ReferenceError {
                text,
                reason: "the registry is empty; give it as HOST or HOST:PORT, such as registry.example.com".into(),
            });
        }
        if name.is_empty() {
            return Err(ReferenceError {
                text,
                reason: "the name is empty; give the image a name".into(),
            });
        }
        text.parse()
    }

    /// All of it, as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host, with its port where one is given.
    pub fn registry(&self) -> &str {
        &self.text[..usize::from(self.registry)]
    }

    /// What stands between registry and name; empty where there is nothing.
    pub fn prefix(&self) -> &str {
        // Without a prefix the name begins where it would.
        let first = usize::from(self.registry) + 1;
        &self.text[first..first.max(usize::from(self.name) - 1)]
    }

    /// The last component of the path.
    pub fn name(&self) -> &str {
        &self.text[usize::from(self.name)..usize::from(self.tag)]
    }

    /// The tag.
    pub fn tag(&self) -> Option<&str> {
        self.text.get(usize::from(self.tag) + 1..)
    }

    /// What a registry calls the repository: prefix and name.
    pub fn repository(&self) -> String {
        self.text[usize::from(self.registry) + 1..usize::from(self.tag)].to_owned()
    }

    fn parts(&self) -> (&str, &str, &str, Option<&str>) {
        (self.registry(), self.prefix(), self.name(), self.tag())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reference").field(&&*self.text).finish()
    }
}

// Where the parts are follows from the text.
impl PartialEq for Reference {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Reference {}

impl Hash for Reference {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl PartialOrd for Reference {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Reference {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        parse(text).map_err(|reason| ReferenceError {
            text: text.escape_debug().take(300).collect(),
            reason,
        })
    }
}

fn parse(text: &str) -> Result<Reference, String> {
    if text.is_empty() {
        return Err("it is empty; write REGISTRY/NAME or REGISTRY/NAME:TAG".into());
    }
    let parts = text.split_once('/');
    if parts.is_some_and(|(registry, _)| registry.ends_with(':')) {
        let mut schemes = ["https://", "http://", "docker://", "oci://"].into_iter();
        if let Some(scheme) = schemes.find(|scheme| text.starts_with(scheme)) {
            return Err(format!("it begins with `{scheme}`; leave that out"));
        }
    }
    let is_plain = text.bytes().all(|b| b.is_ascii_graphic());
    let odd = || text.chars().find(|c| c.is_whitespace() || c.is_control());
    if let Some(character) = (!is_plain).then(odd).flatten() {
        return Err(format!(
            "it holds the character {}; remove it",
            character.escape_debug()
        ));
    }
    if text.contains('@') {
        return Err("it names a digest after `@`; the digest is what is computed, so give a name and a tag only".into());
    }
    let Some((registry, path)) = parts else {
        return Err(format!(
            "it names no registry; write HOST/NAME or HOST:PORT/NAME, such as registry.example.com/{}",
            if text.contains(':') || is_component(text) { text } else { "NAME" }
        ));
    };
    check_registry(registry)?;
    let (path, tag) = match path.rsplit_once(':') {
        Some((path, tag)) => {
            check_tag(tag)?;
            (path, Some(tag))
        }
        None => (path, None),
    };
    for component in path.split('/') {
        check_component(component)?;
    }
    if path.len() > MAX_REPOSITORY {
        return Err(format!(
            "its name has {} characters, and registries take at most {MAX_REPOSITORY}; shorten it",
            path.len()
        ));
    }
    let tag = tag.map_or(text.len(), |tag| text.len() - tag.len() - 1);
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    match [registry.len(), tag - name.len(), tag].map(u16::try_from) {
        [Ok(registry), Ok(name), Ok(tag)] => Ok(Reference {
            text: text.into(),
            registry,
            name,
            tag,
        }),
        _ => Err("its registry is longer than any host name".into()),
    }
}

fn check_registry(registry: &str) -> Result<(), String> {
    if registry.is_empty() {
        return Err("it begins with `/`; put the registry in front of it".into());
    }
    // An IPv6 address stands in brackets, because of its colons.
    let is_address = registry.as_bytes()[0] == b'[';
    let (host, port) = match is_address {
        true => {
            let (address, port) = registry[1..].split_once(']').ok_or(
                "its registry begins with `[` and has no `]`; write an IPv6 address as [::1]",
            )?;
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(format!("`{address}` is not an IPv6 address"));
            }
            ("", (!port.is_empty()).then_some(port))
        }
        false => match registry.split_once(':') {
            Some((host, _)) => (host, Some(&registry[host.len()..])),
            None => (registry, None),
        },
    };
    if let Some(port) = port {
        let number = port.strip_prefix(':').unwrap_or("");
        let valid = !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
            && number.parse::<u16>().is_ok_and(|n| n > 0);
        if !valid {
            return Err(format!(
                "`{number}` is not a port of the registry; write a number from 1 to 65535 after the colon"
            ));
        }
    }
    if is_address {
        return Ok(());
    }
    // Hosts do not tell upper from lower case, and a release has one name for a thing.
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(format!(
            "its registry has upper-case letters; write `{}`",
            registry.to_ascii_lowercase()
        ));
    }
    for label in host.as_bytes().split(|b| *b == b'.') {
        let inside = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
        let outside = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let valid = outside(label.first()) && outside(label.last()) && label.iter().all(inside);
        if !valid {
            return Err(format!(
                "`{host}` is not a host name; it consists of letters, digits and `-`, separated by single dots"
            ));
        }
    }
    Ok(())
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(component: &str) -> bool {
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut rest = component.as_bytes();
    loop {
        let word = rest.iter().take_while(|b| alphanumeric(b)).count();
        rest = &rest[word..];
        if word == 0 || rest.is_empty() {
            return word > 0;
        }
        let between = rest.iter().take_while(|b| !alphanumeric(b)).count();
        let (separator, after) = rest.split_at(between);
        if !matches!(separator, b"." | b"_" | b"__") && separator.iter().any(|b| *b != b'-') {
            return false;
        }
        rest = after;
    }
}

fn check_component(component: &str) -> Result<(), String> {
    if is_component(component) {
        return Ok(());
    }
    Err(if component.is_empty() {
        "a part between two slashes is empty; remove the slash".to_owned()
    } else if component.bytes().any(|b| b.is_ascii_uppercase())
        && is_component(&component.to_ascii_lowercase())
    {
        format!(
            "`{component}` has upper-case letters, which registries refuse; write `{}`",
            component.to_ascii_lowercase()
        )
    } else {
        format!("`{component}` is not allowed there; use lower-case letters and digits, separated by `.`, `_`, `__` or `-`")
    })
}

fn check_tag(tag: &str) -> Result<(), String> {
    let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let valid = tag.len() <= 128
        && tag.as_bytes().first().is_some_and(word)
        && tag
            .as_bytes()
            .iter()
            .all(|b| word(b) || matches!(b, b'.' | b'-'));
    if valid {
        return Ok(());
    }
    Err(format!(
        "`{tag}` is not a tag; use at most 128 letters, digits, `_`, `.` and `-`, and neither `.` nor `-` first"
    ))
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json::of_text(deserializer, "an image reference", str::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, String, String, Option<String>) {
        let r: Reference = text.parse().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(r.to_string(), text);
        (
            r.registry().to_owned(),
            r.prefix().to_owned(),
            r.name().to_owned(),
            r.tag().map(str::to_owned),
        )
    }

    #[test]
    fn the_parts_are_found() {
        let owned = |a: &str, b: &str, c: &str, d: Option<&str>| {
            (
                a.to_owned(),
                b.to_owned(),
                c.to_owned(),
                d.map(str::to_owned),
            )
        };
        assert_eq!(
            parts("ghcr.io/edgelesssys/constellation/join-service:v2.6.0"),
            owned(
                "ghcr.io",
                "edgelesssys/constellation",
                "join-service",
                Some("v2.6.0")
            )
        );
        assert_eq!(
            parts("localhost:5000/app"),
            owned("localhost:5000", "", "app", None)
        );
        assert_eq!(
            parts("[::1]:5000/a/b:c"),
            owned("[::1]:5000", "a", "b", Some("c"))
        );
        assert_eq!(
            parts("registry.example.com:443/a__b/c--d.e_f:A.b-C_1"),
            owned(
                "registry.example.com:443",
                "a__b",
                "c--d.e_f",
                Some("A.b-C_1")
            )
        );
    }

    #[test]
    fn wrong_ones_are_refused_with_the_fix() {
        for (text, part) in [
            ("", "it is empty"),
            ("nginx", "names no registry"),
            ("nginx:1.2", "registry.example.com/nginx:1.2"),
            ("/a", "begins with `/`"),
            ("example.com/", "is empty"),
            ("example.com//a", "is empty"),
            ("example.com/A", "write `a`"),
            ("Example.com:1/a", "write `example.com:1`"),
            ("example.com/a b", "character"),
            ("example.com/a\nb", "character"),
            ("example.com/a:", "is not a tag"),
            ("example.com/a:.b", "is not a tag"),
            ("example.com/a:b:c", "not allowed there"),
            ("example.com/a@sha256:00", "names a digest"),
            ("https://example.com/a", "leave that out"),
            ("example.com:0/a", "is not a port"),
            ("example.com:65536/a", "is not a port"),
            ("example.com:x/a", "is not a port"),
            ("example..com/a", "is not a host name"),
            ("-example.com/a", "is not a host name"),
            ("[::1/a", "has no `]`"),
            ("[x]/a", "is not an IPv6 address"),
            ("example.com/a___b", "not allowed there"),
            ("example.com/a..b", "not allowed there"),
            ("example.com/-a", "not allowed there"),
            ("example.com/../a", "not allowed there"),
        ] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let long = format!("example.com/{}", "a".repeat(256));
        assert!(long
            .parse::<Reference>()
            .unwrap_err()
            .to_string()
            .contains("at most 255"));
        let tag = format!("example.com/a:{}", "a".repeat(129));
        assert!(tag.parse::<Reference>().is_err());
    }

    #[test]
    fn parts_are_put_together() {
        let make = |r, p, n, t| Reference::new(r, p, n, t).map(|r| r.to_string());
        assert_eq!(
            make("example.com", "a/b", "c", "d").unwrap(),
            "example.com/a/b/c:d"
        );
        assert_eq!(make("example.com", "", "c", "").unwrap(), "example.com/c");
        assert_eq!(
            make("example.com", "a", "b/c:d", "").unwrap(),
            "example.com/a/b/c:d"
        );
        assert!(make("", "a", "b", "")
            .unwrap_err()
            .to_string()
            .contains("registry is empty"));
        assert!(make("example.com", "a", "", "t")
            .unwrap_err()
            .to_string()
            .contains("name is empty"));
        assert!(make("example.com", "a", "b:c", "d").is_err());
    }

    #[test]
    fn the_order_is_by_parts_and_not_by_text() {
        let mut list: Vec<Reference> = [
            "b.io/a",
            "a.io:5000/a",
            "a.io/b/a",
            "a.io/a:t",
            "a.io/a",
            "a.io/b.c/a",
        ]
        .iter()
        .map(|t| t.parse().unwrap())
        .collect();
        list.sort();
        let list: Vec<_> = list.iter().map(ToString::to_string).collect();
        assert_eq!(
            list,
            [
                "a.io/a",
                "a.io/a:t",
                "a.io/b/a",
                "a.io/b.c/a",
                "a.io:5000/a",
                "b.io/a"
            ]
        );
    }
}
