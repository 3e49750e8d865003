//! The labels and annotations that the task adds, by its version, in its order.
//!
//! The order counts: the history of an image names both as the command line had them.

use jiff::Timestamp;

use super::plan::{BuildahBuild, TaskVersion};
use crate::error::Result;

/// Since then annotations are known, and the revision is a label too.
const WITH_ANNOTATIONS: TaskVersion = TaskVersion::new(0, 4);
/// Since then `created` is always said.
const ALWAYS_CREATED: TaskVersion = TaskVersion::new(0, 7);
/// Since then the task is `konflux-build-cli`, with an order of its own.
pub(super) const BUILD_CLI: TaskVersion = TaskVersion::new(0, 10);

const CREATED: &str = "org.opencontainers.image.created";
const REVISION: &str = "org.opencontainers.image.revision";
const SOURCE: &str = "org.opencontainers.image.source";

/// `KEY=VALUE` each, in the order of the command line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flags {
    /// For `--label`.
    pub labels: Vec<String>,
    /// For `--annotation`.
    pub annotations: Vec<String>,
}

impl Flags {
    /// What a task of this version adds to what it was given.
    ///
    /// `machine` is what `uname -m` says there; `file` are the lines of `ANNOTATIONS_FILE`; `epoch` stands in where the
    /// document tells of no time.
    ///
    /// # Errors
    /// Times that are no numbers.
    pub fn of(
        build: &BuildahBuild,
        machine: &str,
        file: &[String],
        epoch: Option<i64>,
    ) -> Result<Self> {
        let version = build.version.unwrap_or(ALWAYS_CREATED);
        let told = build.epoch()?.or(build.build_timestamp()?);
        let time = told
            .or(epoch)
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .map(|time| time.to_string());
        let text = |name: &str| build.parameters.text(name).map(str::to_owned);
        let facts = Facts {
            architecture: Some(machine.to_owned()),
            commit: text("COMMIT_SHA"),
            url: text("SOURCE_URL"),
            expires: text("IMAGE_EXPIRES_AFTER"),
            created: time
                .clone()
                .filter(|_| version >= ALWAYS_CREATED || told.is_some()),
            time,
        };
        let mut flags = if version >= BUILD_CLI {
            facts.build_cli(file, build.parameters.list("ANNOTATIONS"))
        } else if version >= WITH_ANNOTATIONS {
            facts.script(file, build.parameters.list("ANNOTATIONS"))
        } else {
            facts.first_script()
        };
        flags
            .labels
            .extend_from_slice(build.parameters.list("LABELS"));
        Ok(flags)
    }
}

/// What is known; what is empty is left out.
struct Facts {
    architecture: Option<String>,
    commit: Option<String>,
    url: Option<String>,
    expires: Option<String>,
    /// The time for `created`, where the version says it.
    created: Option<String>,
    /// The time for `build-date`.
    time: Option<String>,
}

impl Facts {
    /// 0.2 and 0.3: few labels, no annotations, a date without its zone.
    fn first_script(&self) -> Flags {
        let date = self
            .time
            .as_deref()
            .map(|time| time.trim_end_matches('Z').to_owned());
        Flags {
            labels: pairs(&[
                ("build-date", &date),
                ("architecture", &self.architecture),
                ("vcs-type", &Some("git".to_owned())),
                ("vcs-ref", &self.commit),
                ("quay.expires-after", &self.expires),
            ]),
            annotations: Vec::new(),
        }
    }

    /// 0.4 to 0.9.
    fn script(&self, file: &[String], given: &[String]) -> Flags {
        let mut annotations = [file, given].concat();
        annotations.extend(pairs(&[
            (REVISION, &self.commit),
            (SOURCE, &self.url),
            (CREATED, &self.created),
        ]));
        Flags {
            labels: pairs(&[
                ("architecture", &self.architecture),
                ("vcs-type", &Some("git".to_owned())),
                ("vcs-ref", &self.commit),
                (REVISION, &self.commit),
                (SOURCE, &self.url),
                ("quay.expires-after", &self.expires),
                ("build-date", &self.time),
                (CREATED, &self.created),
            ]),
            annotations,
        }
    }

    /// From 0.10 on.
    fn build_cli(&self, file: &[String], given: &[String]) -> Flags {
        let mut sorted = file.to_vec();
        sorted.sort();
        let mut annotations = pairs(&[
            (CREATED, &self.created),
            (SOURCE, &self.url),
            (REVISION, &self.commit),
        ]);
        annotations.extend(sorted);
        annotations.extend_from_slice(given);
        Flags {
            labels: pairs(&[
                (CREATED, &self.created),
                (SOURCE, &self.url),
                (REVISION, &self.commit),
                ("quay.expires-after", &self.expires),
                ("build-date", &self.time),
                ("architecture", &self.architecture),
                ("vcs-url", &self.url),
                ("vcs-ref", &self.commit),
                ("vcs-type", &Some("git".to_owned())),
            ]),
            annotations,
        }
    }
}

fn pairs(facts: &[(&str, &Option<String>)]) -> Vec<String> {
    facts
        .iter()
        .filter_map(|(key, value)| Some(format!("{key}={}", value.as_ref()?)))
        .collect()
}
