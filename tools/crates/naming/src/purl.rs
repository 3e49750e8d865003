//! Package URLs: names for packages of any kind (ECMA-427, `pkg:TYPE/NAMESPACE/NAME@VERSION`).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use percent_encoding::{percent_decode_str, utf8_percent_encode, AsciiSet, NON_ALPHANUMERIC};
use verbatim_foreign::excerpt;

/// What is written as it is: all but these is percent-encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

/// The longest that is read.
const LONGEST: usize = 16 << 10;

/// A package URL. Its text is canonical: what is written is what [`Purl::from_str`] makes of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl {
    kind: String,
    namespace: Option<String>,
    name: String,
    version: Option<String>,
    qualifiers: BTreeMap<String, String>,
    subpath: Option<String>,
}

/// Why a text is no package URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurlError(String);

impl fmt::Display for PurlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PurlError {}

impl Purl {
    /// The package of a type and a name, with nothing else; an empty namespace is none.
    pub fn new(kind: &str, namespace: &str, name: &str) -> Self {
        let mut purl = Self {
            kind: kind.to_ascii_lowercase(),
            namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
            name: name.to_owned(),
            version: None,
            qualifiers: BTreeMap::new(),
            subpath: None,
        };
        purl.normalize();
        purl
    }

    /// The same in this version.
    pub fn version(mut self, version: &str) -> Self {
        self.version = (!version.is_empty()).then(|| version.to_owned());
        self
    }

    /// The same with a qualifier; an empty one is none.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        if !value.is_empty() {
            self.qualifiers
                .insert(key.to_ascii_lowercase(), value.to_owned());
        }
        self
    }

    /// Its type: `deb`, `cargo`, `pypi` …
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What stands before its name.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version as it is written: of RPM without the epoch, which is a qualifier.
    pub fn stated_version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// A qualifier.
    pub fn qualifier(&self, key: &str) -> Option<&str> {
        self.qualifiers.get(key).map(String::as_str)
    }

    /// What the rules of types say of upper case (the specification's type definitions).
    fn normalize(&mut self) {
        let lower = |text: &mut String| *text = text.to_lowercase();
        let namespace = self.namespace.iter_mut();
        match &*self.kind {
            "deb" | "apk" | "alpm" | "bitbucket" | "github" | "composer" | "oci" | "hex" => {
                lower(&mut self.name);
                namespace.for_each(lower);
            }
            "rpm" => namespace.for_each(lower),
            "pypi" => self.name = self.name.to_lowercase().replace('_', "-"),
            "golang" => {
                lower(&mut self.name);
                namespace.for_each(lower);
            }
            _ => {}
        }
    }
}

fn encoded(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(text, ENCODED)
}

/// Segments, each encoded on its own.
fn segments(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    for (at, segment) in text.split('/').enumerate() {
        if at > 0 {
            f.write_str("/")?;
        }
        write!(f, "{}", encoded(segment))?;
    }
    Ok(())
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}/", self.kind)?;
        if let Some(namespace) = &self.namespace {
            segments(f, namespace)?;
            f.write_str("/")?;
        }
        write!(f, "{}", encoded(&self.name))?;
        if let Some(version) = &self.version {
            write!(f, "@{}", encoded(version))?;
        }
        for (at, (key, value)) in self.qualifiers.iter().enumerate() {
            let mark = if at == 0 { '?' } else { '&' };
            write!(f, "{mark}{key}={}", encoded(value))?;
        }
        if let Some(subpath) = &self.subpath {
            f.write_str("#")?;
            segments(f, subpath)?;
        }
        Ok(())
    }
}

impl FromStr for Purl {
    type Err = PurlError;

    fn from_str(text: &str) -> Result<Self, PurlError> {
        let wrong =
            |why: &str| PurlError(format!("`{}` is no package URL: {why}", excerpt(text, 200)));
        if text.len() > LONGEST {
            return Err(wrong("it is too long"));
        }
        let decoded = |part: &str| {
            percent_decode_str(part)
                .decode_utf8()
                .map(|text| text.into_owned())
                .map_err(|_| wrong("what is percent-encoded in it is no text"))
        };
        let rest = text
            .strip_prefix("pkg:")
            .ok_or_else(|| wrong("it does not begin with pkg:"))?;
        let (rest, subpath) = match rest.split_once('#') {
            Some((rest, subpath)) => (rest, Some(subpath)),
            None => (rest, None),
        };
        let (rest, qualifiers) = match rest.split_once('?') {
            Some((rest, qualifiers)) => (rest, Some(qualifiers)),
            None => (rest, None),
        };
        let (kind, rest) = rest
            .trim_start_matches('/')
            .split_once('/')
            .ok_or_else(|| wrong("it has no type"))?;
        let is_kind = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+');
        if kind.is_empty() || !kind.bytes().all(is_kind) {
            return Err(wrong("its type has characters that none has"));
        }
        // An `@` before the last slash belongs to a scope of npm.
        let rest = rest.trim_matches('/');
        let last = rest.rfind('/').map_or(0, |at| at + 1);
        let (path, version) = match rest[last..].find('@').filter(|at| *at > 0) {
            Some(at) => (&rest[..last + at], Some(&rest[last + at + 1..])),
            None => match rest
                .rfind('@')
                .filter(|at| *at > 0 && *at < last && !rest[..*at].ends_with('/'))
            {
                // A version with a slash that nobody encoded, as Go's tools write it.
                Some(at) => (&rest[..at], Some(&rest[at + 1..])),
                None => (rest, None),
            },
        };
        let mut parts = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(decoded)
            .collect::<Result<Vec<_>, _>>()?;
        let name = parts.pop().ok_or_else(|| wrong("it has no name"))?;
        let mut purl = Self::new(kind, &parts.join("/"), &name);
        if let Some(version) = version {
            purl = purl.version(&decoded(version)?);
        }
        for pair in qualifiers.unwrap_or_default().split('&') {
            if let Some((key, value)) = pair.split_once('=') {
                purl = purl.with(key, &decoded(value)?);
            }
        }
        let subpath = decoded(subpath.unwrap_or_default())?;
        let subpath: Vec<_> = subpath
            .split('/')
            .filter(|part| !matches!(*part, "" | "." | ".."))
            .collect();
        purl.subpath = (!subpath.is_empty()).then(|| subpath.join("/"));
        Ok(purl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        for (text, canonical) in [
            ("pkg:deb/debian/libstdc%2B%2B6@14.2.0-19?arch=amd64", None),
            (
                "pkg:deb/debian/zlib1g@1:1.3?arch=amd64&distro=debian-13",
                None,
            ),
            (
                "pkg:deb/debian/zlib1g@1%3A1.3",
                Some("pkg:deb/debian/zlib1g@1:1.3"),
            ),
            ("pkg:npm/%40angular/core@1.0", None),
            (
                "pkg:npm/@angular/core@1.0",
                Some("pkg:npm/%40angular/core@1.0"),
            ),
            ("pkg:golang/github.com/a/b@v1.0.0#sub/dir", None),
            ("pkg:PyPI/Foo_Bar@1", Some("pkg:pypi/foo-bar@1")),
            ("pkg://cargo/serde@1.0.0", Some("pkg:cargo/serde@1.0.0")),
            (
                "pkg:rpm/Fedora/curl@7-1?epoch=2&arch=x86_64",
                Some("pkg:rpm/fedora/curl@7-1?arch=x86_64&epoch=2"),
            ),
            (
                "pkg:oci/app@sha256:00?repository_url=a.example.com/x",
                Some("pkg:oci/app@sha256:00?repository_url=a.example.com%2Fx"),
            ),
            ("pkg:generic/x?empty=", Some("pkg:generic/x")),
        ] {
            let purl: Purl = text.parse().unwrap();
            assert_eq!(purl.to_string(), canonical.unwrap_or(text));
            assert_eq!(purl.to_string().parse::<Purl>().unwrap(), purl);
        }
    }

    #[test]
    fn parts_are_told_apart() {
        let purl: Purl = "pkg:npm/%40a/b@1?x=y".parse().unwrap();
        assert_eq!(
            (
                purl.kind(),
                purl.namespace(),
                purl.name(),
                purl.stated_version(),
                purl.qualifier("x")
            ),
            ("npm", Some("@a"), "b", Some("1"), Some("y"))
        );
    }

    #[test]
    fn what_is_none_is_refused() {
        for bad in [
            "",
            "pkg:",
            "pkg:deb",
            "pkg:/x",
            "deb/x",
            "pkg:d eb/x",
            "pkg:deb/",
            "pkg:deb/%ff",
            "pkg:deb/@1/",
        ] {
            if let Ok(purl) = bad.parse::<Purl>() {
                // A name that begins with an `@` is one all the same.
                assert_eq!(bad, "pkg:deb/@1/", "{purl}");
            }
        }
        assert!(format!("pkg:deb/{}", "x".repeat(1 << 20))
            .parse::<Purl>()
            .is_err());
    }
}
