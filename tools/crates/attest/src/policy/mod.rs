//! Policies: who may build what from where, in a file of the form `verbatim.policy/1`.
//!
//! ```toml
//! schema = "verbatim.policy/1"
//!
//! [[allow]]
//! builder = "https://tekton.dev/chains/v2"
//! keys = ["chains.pem"]                                  # beside this file
//! build_types = ["tekton.dev/v1beta1/PipelineRun"]
//! sources = ["git+https://example.com/acme/app.git"]
//!
//! [allow.parameters]
//! revision = "*"                                         # any value
//! dockerfile = "Containerfile"
//! ```
//!
//! One `[[allow]]` must fit whole. `docs/guide/verify-attestations.md` describes each field.

mod file;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use verbatim_digest::Digest;
use verbatim_foreign::excerpt;
use verbatim_signature::PublicKey;

use crate::provenance::Provenance;

/// Who may build what: one entry has to fit.
#[derive(Debug)]
pub struct Policy {
    /// In the order of the file; at least one.
    pub allow: Vec<Allow>,
}

/// One way in which a build is allowed.
#[derive(Debug)]
pub struct Allow {
    /// The builder's id, compared whole.
    pub builder: String,
    /// One of these must have signed.
    pub keys: Vec<PublicKey>,
    /// The build types that are allowed; `None` for any.
    pub build_types: Option<Vec<String>>,
    /// The git repositories that may be used, as whole URIs; `None` for any.
    pub sources: Option<Vec<String>>,
    /// Who must have rebuilt it; `None` if nobody must.
    pub rebuilders: Option<Rebuilders>,
    /// The parameters and their values; `None` for any.
    pub parameters: Option<BTreeMap<String, Wanted>>,
}

/// People who rebuild what others built, of whom some must have come to the same bytes.
#[derive(Debug)]
pub struct Rebuilders {
    /// One key for each; different from each other and from those of the builder.
    pub keys: Vec<PublicKey>,
    /// How many of them must say so.
    pub threshold: usize,
}

/// Who vouches for an artifact, by the ids of their keys.
#[derive(Debug, Clone, Copy)]
pub struct Vouchers<'a> {
    /// Whose signatures the provenance has.
    pub signers: &'a [Digest],
    /// Who says that he rebuilt the artifact and that it is equal, whatever document says so.
    pub rebuilders: &'a BTreeSet<Digest>,
}

/// What the value of a parameter must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// Anything, but there.
    Any,
    /// This.
    Value(Value),
}

impl Policy {
    /// All keys that it names.
    pub fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.allow.iter().flat_map(|allow| &allow.keys)
    }

    /// The keys of all rebuilders.
    pub fn rebuilders(&self) -> impl Iterator<Item = &PublicKey> {
        let rebuilders = self
            .allow
            .iter()
            .filter_map(|allow| allow.rebuilders.as_ref());
        rebuilders.flat_map(|rebuilders| &rebuilders.keys)
    }

    /// Whether an entry fits a build for which these vouch.
    ///
    /// # Errors
    /// One sentence: what of each entry does not fit.
    pub fn fits(&self, provenance: &Provenance<'_>, vouchers: Vouchers<'_>) -> Result<(), String> {
        let mut reasons = Vec::new();
        for allow in &self.allow {
            match allow.fits(provenance, vouchers) {
                Ok(()) => return Ok(()),
                Err(reason) => reasons.push(reason),
            }
        }
        Err(match &reasons[..] {
            [reason] => format!("the policy does not allow it: {reason}"),
            reasons => {
                let each = reasons.iter().enumerate();
                let each: Vec<_> = each
                    .take(5)
                    .map(|(at, reason)| format!("entry {}: {reason}", at + 1))
                    .collect();
                format!("no entry of the policy allows it: {}", each.join("; "))
            }
        })
    }
}

impl Allow {
    fn fits(&self, provenance: &Provenance<'_>, vouchers: Vouchers<'_>) -> Result<(), String> {
        if provenance.builder != self.builder {
            return Err(format!(
                "the builder is `{}` and must be `{}`",
                excerpt(provenance.builder, 200),
                excerpt(&self.builder, 200)
            ));
        }
        if !self
            .keys
            .iter()
            .any(|key| vouchers.signers.contains(&key.key_id()))
        {
            return Err("none of its `keys` signed".to_owned());
        }
        if let Some(allowed) = &self.build_types {
            let found = provenance
                .build_type
                .ok_or("it tells no build type, and `build_types` asks for one")?;
            if !allowed.iter().any(|one| one == found) {
                return Err(format!(
                    "the build type is `{}`, which is not among its `build_types`",
                    excerpt(found, 200)
                ));
            }
        }
        if let Some(allowed) = &self.sources {
            self.sources(allowed, provenance)?;
        }
        if let Some(wanted) = &self.parameters {
            parameters(wanted, provenance)?;
        }
        if let Some(Rebuilders { keys, threshold }) = &self.rebuilders {
            let vouches = |key: &&PublicKey| vouchers.rebuilders.contains(&key.key_id());
            let count = keys.iter().filter(vouches).count();
            if count < *threshold {
                return Err(format!(
                    "{count} of its {} `rebuilders` came to the same bytes, and it asks for {threshold}",
                    keys.len()
                ));
            }
        }
        Ok(())
    }

    fn sources(&self, allowed: &[String], provenance: &Provenance<'_>) -> Result<(), String> {
        let stranger = provenance
            .sources
            .iter()
            .find(|source| !allowed.iter().any(|one| one == *source));
        if let Some(source) = stranger {
            return Err(format!(
                "the source is `{}`, which is not among its `sources`",
                excerpt(source, 300)
            ));
        }
        // Whoever names sources expects one of them; none at all is not it.
        if provenance.sources.is_empty() && !allowed.is_empty() {
            return Err("it names no `git+` source, and `sources` asks for one".to_owned());
        }
        Ok(())
    }
}

fn parameters(
    wanted: &BTreeMap<String, Wanted>,
    provenance: &Provenance<'_>,
) -> Result<(), String> {
    let found = &provenance.parameters;
    if let Some(unknown) = found.keys().find(|name| !wanted.contains_key(**name)) {
        return Err(format!(
            "it has the parameter `{}`, which `parameters` does not name",
            excerpt(unknown, 100)
        ));
    }
    for (name, wanted) in wanted {
        let shown = excerpt(name, 100);
        let Some(found) = found.get(name.as_str()) else {
            return Err(format!("it does not have the parameter `{shown}`"));
        };
        if let Wanted::Value(wanted) = wanted {
            if !is_same(wanted, found) {
                return Err(format!(
                    "the parameter `{shown}` is {} and must be {}",
                    excerpt(&found.to_string(), 200),
                    excerpt(&wanted.to_string(), 200)
                ));
            }
        }
    }
    Ok(())
}

/// Whether two values are the same JSON: numbers by what they count (`1` and `1.0`), all else to the letter.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b
                || a.as_f64().zip(b.as_f64()).is_some_and(|(x, y)| {
                    // Where one of them is a fraction by its spelling: integers are compared as such, beyond 2⁵³ too.
                    (a.is_f64() || b.is_f64()) && x == y && x.abs() < 9_007_199_254_740_992.0
                })
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, a)| b.get(name).is_some_and(|b| is_same(a, b)))
        }
        (a, b) => a == b,
    }
}
