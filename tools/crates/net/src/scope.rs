//! What a request is about, as far as it matters for who may make it.

/// A part of a server, and what is to be done there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// The host as people name it, with its port where one is given. Credentials are looked
    /// for under this name, which is not always the one of the host that is asked.
    pub host: String,
    /// What lies below it, such as a repository; credentials may be for a path. Empty for all
    /// of the host.
    pub path: String,
    /// What a token must allow.
    pub grants: Vec<Grant>,
}

impl Scope {
    /// All of a host, where nothing is done that a token server has a word for.
    pub fn host(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            path: String::new(),
            grants: Vec::new(),
        }
    }
}

#[cfg(test)]
impl Scope {
    /// `HOST/PATH`, as a registry's client makes it.
    pub(crate) fn of(text: &str) -> Self {
        let (host, path) = text.split_once('/').unwrap();
        Self {
            path: verbatim_naming::canonical_name(host, path).into_owned(),
            ..Self::host(host)
        }
    }
}

/// One thing that a token allows, in the words of token servers: `repository:acme/app:pull`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Grant(String);

impl Grant {
    /// By its words.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}
