//! A pipeline run, whichever form of provenance tells of it.

use std::collections::btree_map::Entry;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use verbatim_digest::Digest;
use verbatim_foreign::excerpt;

use crate::base::split_tag;
use crate::error::{Error, Result};

/// What was run, and what it used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pipeline {
    /// The pipeline's own parameters.
    pub parameters: Parameters,
    /// The runs of its tasks; `None` where the form tells of none (build type `slsa`).
    pub tasks: Option<Vec<TaskRun>>,
    /// The pipeline's own results.
    pub results: BTreeMap<String, String>,
    /// All that is named with a digest, in the order of the document.
    pub materials: Vec<Material>,
}

/// One run of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskRun {
    /// The name in the pipeline; the runs of a matrix share it.
    pub name: String,
    /// The name of the task's definition, such as `buildah-oci-ta`.
    pub task: Option<String>,
    /// Where the definition is from.
    pub bundle: Option<Bundle>,
    /// Given ones over defaults.
    pub parameters: Parameters,
    /// What it reported.
    pub results: BTreeMap<String, String>,
    /// The containers that ran, in order.
    pub steps: Vec<Step>,
}

/// One container of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The name of the step.
    pub container: String,
    /// The image, with its digest.
    pub image: String,
}

/// `REPOSITORY:VERSION@DIGEST`, the definition of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Without tag and digest.
    pub repository: String,
    /// The tag, which is the task's version.
    pub tag: Option<String>,
    /// As it is written.
    pub digest: Option<String>,
}

impl Bundle {
    /// Take a reference apart. Nothing is refused: it is only looked at.
    pub fn parse(text: &str) -> Self {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.to_owned())),
            None => (text, None),
        };
        let (repository, tag) = split_tag(name);
        Self {
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest,
        }
    }
}

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameter {
    /// One word.
    Text(String),
    /// Several, whose order counts.
    List(Vec<String>),
}

impl Parameter {
    /// A parameter from JSON; Tekton's objects are not used by any task that is read here.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Bool(_) | Value::Number(_) => Some(Self::Text(value.to_string())),
            Value::Array(items) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .map(Self::List),
            Value::Null | Value::Object(_) => None,
        }
    }
}

/// Parameters by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameters(BTreeMap<String, Parameter>);

impl Parameters {
    /// Set one, in place of what was there.
    pub fn set(&mut self, name: impl Into<String>, value: Parameter) {
        self.0.insert(name.into(), value);
    }

    /// Set one that is not there yet.
    pub(crate) fn set_default(&mut self, name: impl Into<String>, value: Parameter) {
        self.0.entry(name.into()).or_insert(value);
    }

    /// One as it was given.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.0.get(name)
    }

    /// Whether the document tells of it, be it empty.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A text that is not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Parameter::Text(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// A list; a text is a list of one, an empty text one of none.
    pub fn list(&self, name: &str) -> &[String] {
        match self.0.get(name) {
            Some(Parameter::List(items)) => items,
            Some(Parameter::Text(text)) if !text.is_empty() => std::slice::from_ref(text),
            _ => &[],
        }
    }

    /// Whether it is `true`, as tasks compare it; `default` where it is not told.
    pub fn flag(&self, name: &str, default: bool) -> bool {
        match self.0.get(name) {
            Some(Parameter::Text(text)) => text == "true",
            _ => default,
        }
    }
}

impl FromIterator<(String, Parameter)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (String, Parameter)>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

/// Something named with a digest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Material {
    /// `git+URL`, `oci://NAME` or a name; nobody says which.
    #[serde(default, deserialize_with = "or_default")]
    pub uri: String,
    /// By algorithm.
    #[serde(default, deserialize_with = "or_default")]
    pub digest: BTreeMap<String, String>,
    /// What it was for, in predicates 1.0.
    #[serde(default, deserialize_with = "or_default")]
    pub name: Option<String>,
}

impl Material {
    /// `ALGORITHM:HEX`: sha256 before the others.
    pub fn digest(&self) -> Option<String> {
        let (algorithm, hex) = self
            .digest
            .get_key_value("sha256")
            .or_else(|| self.digest.iter().next())?;
        Some(format!("{algorithm}:{hex}"))
    }
}

/// `null` is the same as nothing in what Go programs write.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> std::result::Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A named value, as Tekton lists parameters and results.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct NamedValue {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) value: Value,
}

/// The parameters of a list.
///
/// # Errors
/// A name that stands twice, with different values: two readers could see two builds.
pub(crate) fn parameters(values: Vec<NamedValue>) -> Result<Parameters> {
    let given = values.into_iter();
    let given = given.filter_map(|given| Some((given.name, Parameter::of(&given.value)?)));
    Ok(Parameters(once(given, "parameter")?))
}

/// The results of a list. What a shell wrote may end in a line feed.
///
/// # Errors
/// As [`parameters`].
pub(crate) fn results(values: Vec<NamedValue>) -> Result<BTreeMap<String, String>> {
    let texts = values.into_iter().filter_map(|result| match result.value {
        Value::String(text) => Some((result.name, text.trim_end().to_owned())),
        _ => None,
    });
    once(texts, "result")
}

/// By name, where none has two values.
pub(crate) fn once<T: PartialEq>(
    named: impl Iterator<Item = (String, T)>,
    what: &str,
) -> Result<BTreeMap<String, T>> {
    let mut all = BTreeMap::new();
    for (name, value) in named {
        match all.entry(name) {
            Entry::Vacant(free) => {
                free.insert(value);
            }
            Entry::Occupied(known) if *known.get() == value => {}
            Entry::Occupied(known) => {
                return Err(Error::wrong(format!(
                    "the {what} `{}` stands twice in a list, with two values; which of them counts is not known",
                    excerpt(known.key(), 100)
                )))
            }
        }
    }
    Ok(all)
}

/// The reference to a task's definition: `name`, `bundle` (2022), or a resolver with parameters.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct TaskReference {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    bundle: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    params: Vec<NamedValue>,
}

impl TaskReference {
    /// The name of the definition, and where it is from.
    pub(crate) fn resolve(&self) -> (Option<String>, Option<Bundle>) {
        let parameter = |name: &str| {
            self.params
                .iter()
                .find(|given| given.name == name)
                .and_then(|given| given.value.as_str())
        };
        let bundle = parameter("bundle").or(self.bundle.as_deref());
        let bundle = match (bundle, parameter("pathInRepo")) {
            (Some(text), _) => Some(Bundle::parse(text)),
            // task/buildah/0.9/buildah.yaml: the version is the folder.
            (None, Some(path)) => Some(Bundle {
                repository: path.to_owned(),
                tag: path.rsplit('/').nth(1).map(str::to_owned),
                digest: None,
            }),
            (None, None) => None,
        };
        let name = parameter("name").or(self.name.as_deref());
        (name.map(str::to_owned), bundle)
    }
}

/// The digest at the end of a reference.
pub(crate) fn digest_of(image: &str) -> Option<Digest> {
    image.rsplit_once('@')?.1.parse().ok()
}
