//! Which options of a build are followed that a statement tells. They are a stranger's words, and some options make
//! Bazel run programs outside of its sandbox, take outputs from somebody's cache, or build from other sources than
//! the commit. So there is a list of what is followed; everything else a person has to allow by name.
//!
//! Source: Bazel 7 to 9, "Command-Line Reference", options of `build`.

use verbatim_attest::bazel::Flag;
use verbatim_foreign::excerpt;

use crate::error::{Error, Result};

/// Options that say what is built and how compilers are called. What they make is run in the sandbox.
const FOLLOWED: [&str; 66] = [
    "build_python_zip",
    "check_visibility",
    "compilation_mode",
    "compiler",
    "config",
    "conlyopt",
    "copt",
    "cpu",
    "cs_fdo_instrument",
    "cxxopt",
    "define",
    "dynamic_mode",
    "embed_label",
    "enable_bzlmod",
    "enable_platform_specific_config",
    "enable_runfiles",
    "enable_workspace",
    "enforce_constraints",
    "experimental_cc_implementation_deps",
    "experimental_output_paths",
    "experimental_use_hermetic_linux_sandbox",
    "features",
    "fission",
    "force_pic",
    "host_compilation_mode",
    "host_compiler",
    "host_conlyopt",
    "host_copt",
    "host_cpu",
    "host_cxxopt",
    "host_features",
    "host_javacopt",
    "host_jvmopt",
    "host_linkopt",
    "host_per_file_copt",
    "host_swiftcopt",
    "interface_shared_objects",
    "ios_minimum_os",
    "java_language_version",
    "java_runtime_version",
    "javacopt",
    "jobs",
    "jvmopt",
    "keep_going",
    "legacy_external_runfiles",
    "legacy_whole_archive",
    "linkopt",
    "lockfile_mode",
    "ltobackendopt",
    "macos_minimum_os",
    "objccopt",
    "per_file_copt",
    "per_file_ltobackendopt",
    "prefer_prebuilt_proto",
    "process_headers_in_dependencies",
    "proto_compiler",
    "save_temps",
    "stamp",
    "start_end_lib",
    "strict_system_includes",
    "strip",
    "stripopt",
    "swiftcopt",
    "tool_java_language_version",
    "tool_java_runtime_version",
    "verbose_failures",
];

/// Options whose value is labels: of the sources or what they depend on, and no path of this machine.
const LABELS: [&str; 7] = [
    "apple_platforms",
    "crosstool_top",
    "extra_execution_platforms",
    "extra_toolchains",
    "host_crosstool_top",
    "host_platform",
    "platforms",
];

/// Options that are followed with these values alone: they promise no less than what is asked of the build anyway.
const PROMISES: [(&str, &[&str]); 3] = [
    ("sandbox_default_allow_network", &["false", "0", "no"]),
    ("spawn_strategy", &["linux-sandbox", "sandboxed"]),
    ("remote_download_outputs", &["all"]),
];

/// Take the options that a build is given, in their order, if each of them is followed or allowed.
///
/// # Errors
/// One is not: its name, and how to allow it.
pub fn followed(flags: &[Flag], allowed: &Allowed, file: &str) -> Result<Vec<String>> {
    for flag in flags {
        if let Some(why) = problem(flag.as_str(), allowed) {
            return Err(Error::wrong(format!(
                "{file}: the option `{}` of the attestation is refused: {why}",
                excerpt(flag.as_str(), 300)
            )));
        }
    }
    Ok(flags.iter().map(|flag| flag.as_str().to_owned()).collect())
}

/// What a person allows that is refused by itself: names of options, and words that messages name.
#[derive(Debug, Clone, Default)]
pub struct Allowed(Vec<String>);

/// The word that allows another Bazel than the recorded one.
pub const OTHER_BAZEL: &str = "bazel";
/// The word that allows a program of the sources in Bazel's place, which launchers look for.
pub(crate) const WRAPPER: &str = "tools/bazel";

impl Allowed {
    /// With or without hyphens in front.
    pub fn new(names: &[String]) -> Self {
        let bare = |name: &String| name.trim_start_matches('-').to_owned();
        Self(names.iter().map(bare).collect())
    }

    /// Whether nothing is allowed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this was named.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|known| known == name)
    }
}

/// What is wrong with an option, if anything is.
fn problem(flag: &str, allowed: &Allowed) -> Option<String> {
    let Some(rest) = flag.strip_prefix("--") else {
        return Some(
            "short options are not read; write --NAME=VALUE, such as --compilation_mode=opt"
                .to_owned(),
        );
    };
    let (name, value) = match rest.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (rest, None),
    };
    if is_label(name) || name.strip_prefix("no").is_some_and(is_label) {
        // A setting that the sources declare.
        return None;
    }
    let positive = match value {
        None => name.strip_prefix("no").unwrap_or(name),
        Some(_) => name,
    };
    if allowed.has(name) || allowed.has(positive) {
        return None;
    }
    if FOLLOWED.contains(&name) || FOLLOWED.contains(&positive) || is_harmless_change(positive) {
        return None;
    }
    if LABELS.contains(&name) {
        let labels = value.unwrap_or_default();
        return match labels
            .split(',')
            .all(|label| is_label(label.trim_start_matches('-')))
        {
            true => None,
            false => Some("its value is no label, such as //platforms:linux".to_owned()),
        };
    }
    if let Some((_, values)) = PROMISES.iter().find(|(known, _)| *known == positive) {
        let is_promise = match value {
            Some(value) => values.contains(&value),
            // `--noNAME` says false.
            None => positive != name && values.contains(&"false"),
        };
        if is_promise {
            return None;
        }
    }
    Some(format!(
        "it is none of those that are followed, which cannot run programs outside of the sandbox, take outputs from elsewhere or replace sources; allow it with --allow={}",
        excerpt(positive, 100)
    ))
}

fn is_label(text: &str) -> bool {
    text.starts_with("//") || (text.starts_with('@') && text.contains("//"))
}

/// `--incompatible_…` chooses how rules behave in another release of Bazel; a few of them choose where actions run.
fn is_harmless_change(name: &str) -> bool {
    let elsewhere = [
        "local",
        "remote",
        "sandbox",
        "worker",
        "credential",
        "downloader",
    ];
    name.strip_prefix("incompatible_")
        .is_some_and(|rest| !elsewhere.iter().any(|word| rest.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_leave_the_sandbox_is_followed() {
        let none = Allowed::default();
        for flag in [
            "--compilation_mode=opt",
            "--config=release",
            "--copt=-DX=/etc/a b",
            "--define=a=b",
            "--stamp",
            "--nostamp",
            "--//rules/settings:level=9",
            "--@rules_rust//:extra_rustc_flag=-Cembed-bitcode=no",
            "--no//a:b",
            "--no@a//b",
            "--platforms=//release:linux_amd64",
            "--extra_toolchains=@a//:all,-//b:all",
            "--incompatible_strict_action_env",
            "--noincompatible_disallow_empty_glob",
            "--sandbox_default_allow_network=false",
            "--nosandbox_default_allow_network",
            "--spawn_strategy=linux-sandbox",
            "--lockfile_mode=error",
            "--noenable_workspace",
        ] {
            assert_eq!(problem(flag, &none), None, "{flag}");
        }
    }

    #[test]
    fn what_could_is_refused_by_its_name_and_can_be_allowed() {
        for (flag, name) in [
            ("--workspace_status_command=./x", "workspace_status_command"),
            ("--run_under=/bin/x", "run_under"),
            ("--spawn_strategy=local", "spawn_strategy"),
            ("--spawn_strategy=linux-sandbox,local", "spawn_strategy"),
            ("--strategy=Genrule=local", "strategy"),
            ("--strategy_regexp=.*=local", "strategy_regexp"),
            ("--genrule_strategy=local", "genrule_strategy"),
            ("--override_repository=a=/etc", "override_repository"),
            ("--override_module=a=/etc", "override_module"),
            ("--registry=http://example.com", "registry"),
            ("--disk_cache=/tmp/x", "disk_cache"),
            ("--remote_cache=grpc://example.com", "remote_cache"),
            ("--remote_executor=grpc://example.com", "remote_executor"),
            ("--action_env=LD_PRELOAD=/tmp/x", "action_env"),
            ("--repo_env=PATH=/tmp", "repo_env"),
            ("--credential_helper=/tmp/x", "credential_helper"),
            ("--build_event_json_file=/etc/x", "build_event_json_file"),
            ("--profile=/etc/x", "profile"),
            ("--symlink_prefix=/etc/x", "symlink_prefix"),
            (
                "--sandbox_default_allow_network=true",
                "sandbox_default_allow_network",
            ),
            (
                "--sandbox_default_allow_network",
                "sandbox_default_allow_network",
            ),
            ("--sandbox_add_mount_pair=/", "sandbox_add_mount_pair"),
            (
                "--incompatible_legacy_local_fallback",
                "incompatible_legacy_local_fallback",
            ),
            ("--output_base=/x", "output_base"),
            ("--host_jvm_args=-agentpath:x", "host_jvm_args"),
            ("--bazelrc=/x", "bazelrc"),
            ("--unknown", "unknown"),
        ] {
            let why = problem(flag, &Allowed::default()).unwrap();
            assert!(why.contains(&format!("--allow={name}")), "{flag}: {why}");
            let allowed = Allowed::new(&[format!("--{name}")]);
            assert_eq!(problem(flag, &allowed), None, "{flag}");
        }
        for flag in [
            "-c",
            "-copt",
            "--platforms=/etc/x",
            "--extra_toolchains=//a,/b",
        ] {
            assert!(problem(flag, &Allowed::default()).is_some(), "{flag}");
        }
    }
}
