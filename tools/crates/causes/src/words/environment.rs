//! Environment variables: what the name of one says about its value.

use crate::Cause;

/// Names that only the environment of a process has, and what varies if they do.
pub(crate) fn cause(name: &str) -> Option<Cause> {
    let known = match name {
        "HOSTNAME" | "HOST" | "COMPUTERNAME" | "NODE_NAME" | "RUNNER_NAME" => Cause::Hostname,
        "USER" | "LOGNAME" | "USERNAME" | "SUDO_USER" | "MAIL" => Cause::Username,
        "LANG" | "LANGUAGE" => Cause::Locale,
        "TZ" => Cause::Timezone,
        "PWD" | "OLDPWD" | "TMPDIR" | "TEMP" | "TMP" | "WORKSPACE" | "GITHUB_WORKSPACE"
        | "CI_PROJECT_DIR" | "BUILDDIR" => Cause::BuildPath,
        "MAKEFLAGS"
        | "MFLAGS"
        | "NPROC"
        | "JOBS"
        | "NUM_JOBS"
        | "GOMAXPROCS"
        | "NINJAFLAGS"
        | "OMP_NUM_THREADS"
        | "CARGO_BUILD_JOBS"
        | "CMAKE_BUILD_PARALLEL_LEVEL"
        | "NUMBER_OF_PROCESSORS"
        | "DEB_BUILD_OPTIONS"
        | "MAKE_JOBS" => Cause::Parallelism,
        "SOURCE_DATE_EPOCH" | "EPOCHSECONDS" | "SECONDS" | "BUILD_DATE" | "BUILD_TIME"
        | "BUILD_TIMESTAMP" => Cause::Timestamp,
        "RANDOM" | "SRANDOM" | "PPID" | "BASHPID" | "INVOCATION_ID" => Cause::RandomId,
        "PATH" | "HOME" | "SHELL" | "TERM" | "SHLVL" | "DISPLAY" | "EDITOR" | "VISUAL"
        | "PAGER" | "COLORTERM" | "LS_COLORS" | "LESSOPEN" | "LESSCLOSE" | "COLUMNS" | "LINES"
        | "PS1" | "UID" | "EUID" | "CI" | "BUILD_NUMBER" | "BUILD_ID" | "BUILD_TAG"
        | "BUILD_URL" | "JOB_NAME" | "MAKELEVEL" | "VIRTUAL_ENV" | "http_proxy" | "https_proxy"
        | "no_proxy" | "HTTP_PROXY" | "HTTPS_PROXY" | "NO_PROXY" | "LD_LIBRARY_PATH"
        | "LD_PRELOAD" | "PYTHONPATH" | "PYTHONHASHSEED" | "INFOPATH" | "MANPATH"
        | "XAUTHORITY" | "UMASK" | "DEBIAN_FRONTEND" | "PKG_CONFIG_PATH" | "WINDOWID"
        | "TERM_PROGRAM" => Cause::Environment,
        _ => {
            const STARTS: &[&str] = &[
                "XDG_",
                "SSH_",
                "DBUS_",
                "GITHUB_",
                "RUNNER_",
                "JENKINS_",
                "GITLAB_",
                "CI_",
                "SUDO_",
                "CONDA_",
                "BUILDKITE_",
                "CIRCLE_",
                "TRAVIS_",
                "DRONE_",
                "TEAMCITY_",
                "KUBERNETES_",
            ];
            if name.starts_with("LC_") && name.len() > 3 {
                Cause::Locale
            } else if STARTS.iter().any(|start| name.starts_with(start)) {
                Cause::Environment
            } else {
                return None;
            }
        }
    };
    Some(known)
}

/// Whether a word can be the name of a variable.
pub(crate) fn is_name(word: &str) -> bool {
    !word.is_empty()
        && !word.as_bytes()[0].is_ascii_digit()
        && word
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        || matches!(word, "http_proxy" | "https_proxy" | "no_proxy")
}

/// The name and the value of a line `NAME=value`, as `env`, `export` and `declare -x` print it.
pub(crate) fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.trim_start().split_once('=')?;
    let name = [
        "export ",
        "declare -x ",
        "ENV ",
        "setenv ",
        "set ",
        "\"",
        "'",
        "- ",
    ]
    .iter()
    .fold(name, |name, start| name.strip_prefix(start).unwrap_or(name));
    let name = name.trim();
    is_name(name).then_some((name, value))
}

/// Whether lines are those of `env`: several variables that only an environment has.
pub(crate) fn is_dump<'a>(lines: impl Iterator<Item = &'a str>) -> bool {
    const SURE: &[&str] = &[
        "PATH", "HOME", "PWD", "SHELL", "USER", "SHLVL", "TERM", "HOSTNAME", "LOGNAME", "OLDPWD",
    ];
    lines
        .filter_map(assignment)
        .filter(|(name, _)| SURE.contains(name))
        .take(3)
        .count()
        == 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_variables_say_what_they_hold() {
        assert_eq!(cause("HOSTNAME"), Some(Cause::Hostname));
        assert_eq!(cause("LC_TIME"), Some(Cause::Locale));
        assert_eq!(cause("CONFIG_X"), None);
        assert_eq!(assignment("export PATH=/bin"), Some(("PATH", "/bin")));
        assert_eq!(assignment("a = 1"), None);
        assert!(is_dump("PATH=a\nHOME=b\nPWD=c".lines()));
        assert!(!is_dump("PATH=a\nCONFIG_B=b\nC=c".lines()));
    }
}
