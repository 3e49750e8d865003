//! Package URLs (<https://github.com/package-url/purl-spec>, ECMA-427).

use std::fmt;

/// A package URL while it is put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purl {
    kind: &'static str,
    namespace: Vec<String>,
    name: String,
    version: Option<String>,
    qualifiers: Vec<(&'static str, String)>,
}

impl Purl {
    /// A package of a type, by its name. Type and name are written as they are given: types have rules
    /// of their own for lower case.
    pub fn new(kind: &'static str, name: impl Into<String>) -> Self {
        Self {
            kind,
            namespace: Vec::new(),
            name: name.into(),
            version: None,
            qualifiers: Vec::new(),
        }
    }

    /// With a namespace, whose parts stand between slashes.
    pub fn namespace(mut self, namespace: &str) -> Self {
        let parts = namespace.split('/').filter(|part| !part.is_empty());
        self.namespace = parts.map(str::to_owned).collect();
        self
    }

    /// With a version, unless it is empty.
    pub fn version(mut self, version: &str) -> Self {
        self.version = Some(version.to_owned()).filter(|version| !version.is_empty());
        self
    }

    /// With a qualifier, unless its value is empty.
    pub fn qualifier(mut self, key: &'static str, value: Option<&str>) -> Self {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.qualifiers.push((key, value.to_owned()));
            self.qualifiers.sort_unstable();
        }
        self
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}", self.kind)?;
        for part in &self.namespace {
            write!(f, "/{}", Encoded(part))?;
        }
        write!(f, "/{}", Encoded(&self.name))?;
        if let Some(version) = &self.version {
            write!(f, "@{}", Encoded(version))?;
        }
        for (at, (key, value)) in self.qualifiers.iter().enumerate() {
            let separator = if at == 0 { '?' } else { '&' };
            write!(f, "{separator}{key}={}", Encoded(value))?;
        }
        Ok(())
    }
}

/// A text with everything encoded but letters, digits, `.-_~` and the colon ("Character encoding").
struct Encoded<'a>(&'a str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => {
                    write!(f, "{}", char::from(byte))?;
                }
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_specification_writes_them() {
        for (purl, expected) in [
            (
                Purl::new("deb", "curl")
                    .namespace("debian")
                    .version("7.50.3-1")
                    .qualifier("distro", Some("jessie"))
                    .qualifier("arch", Some("i386")),
                "pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie",
            ),
            (
                Purl::new("deb", "attr")
                    .namespace("debian")
                    .version("1:2.4.47-2+b1"),
                "pkg:deb/debian/attr@1:2.4.47-2%2Bb1",
            ),
            (
                Purl::new("npm", "animation")
                    .namespace("@angular")
                    .version("12.3.1"),
                "pkg:npm/%40angular/animation@12.3.1",
            ),
            (
                Purl::new("golang", "context")
                    .namespace("github.com/gorilla")
                    .version(""),
                "pkg:golang/github.com/gorilla/context",
            ),
            (
                Purl::new("generic", "a b/ü").qualifier("arch", None),
                "pkg:generic/a%20b%2F%C3%BC",
            ),
        ] {
            assert_eq!(purl.to_string(), expected);
        }
    }
}
