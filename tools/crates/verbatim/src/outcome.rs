//! What a run ends with: the exit codes that scripts rely on.

use std::process::ExitCode;

use verbatim_foreign::printable;

/// The end of a run that was carried through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done, or all equal: exit code 0.
    Done,
    /// Something differs, is missing or is extra: exit code 1.
    Different,
}

/// Marks an error as "it could not be checked" (unreachable, unauthorised, a full disk): exit code 3.
///
/// Attach it with `.context(Unchecked)`; every other error says that the input or the usage is wrong: exit code 2.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("it could not be checked")]
pub struct Unchecked;

/// What could not be read was not checked.
pub fn unchecked(error: verbatim_oci::Error) -> anyhow::Error {
    let unchecked = error.kind().is_unchecked();
    let error = anyhow::Error::from(error);
    if unchecked {
        error.context(Unchecked)
    } else {
        error
    }
}

/// Print the error, if there is one, as one sentence, and choose the exit code.
pub fn report(result: anyhow::Result<Outcome>) -> ExitCode {
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Different) => ExitCode::from(1),
        Err(error) => {
            eprintln!("verbatim: {}", shown(&sentence(&error)));
            ExitCode::from(
                if error.downcast_ref::<Unchecked>().is_some()
                    || disk_failed(&error)
                    || cannot_be_told(&error)
                {
                    3
                } else {
                    2
                },
            )
        }
    }
}

/// The error and its causes, each said once: some libraries repeat the cause in their own words.
fn sentence(error: &anyhow::Error) -> String {
    let mut sentence = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !sentence.contains(&cause) {
            sentence.push_str(": ");
            sentence.push_str(&cause);
        }
    }
    sentence
}

/// The last guard before the terminal. Words of others are escaped where a message is made,
/// and there a line feed in them too; what libraries say comes here as it is.
fn shown(sentence: &str) -> String {
    let lines: Vec<_> = sentence.split('\n').map(printable).collect();
    lines.join("\n")
}

/// A full or failing disk says nothing about the input.
fn disk_failed(error: &anyhow::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|e| {
            matches!(
                e.kind(),
                StorageFull | QuotaExceeded | ReadOnlyFilesystem | FileTooLarge
            )
        })
    })
}

/// An algorithm that is not known, or a key that is not there, says nothing about the input,
/// whichever command met it.
fn cannot_be_told(error: &anyhow::Error) -> bool {
    let is = |error: &verbatim_oci::Error| error.kind() == verbatim_oci::ErrorKind::Unknowable;
    error.chain().any(|cause| {
        cause.downcast_ref().is_some_and(is)
            || cause
                .downcast_ref::<verbatim_registry::Error>()
                .and_then(verbatim_registry::Error::document)
                .is_some_and(is)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let cause = std::io::Error::other("the disk is on fire");
        let error = anyhow::Error::new(cause).context("cannot write x: the disk is on fire");
        assert_eq!(sentence(&error), "cannot write x: the disk is on fire");
        let error = anyhow::anyhow!("b").context("a");
        assert_eq!(sentence(&error), "a: b");
    }

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(shown("a\u{1b}[2J\0\nb"), "a\\u{1b}[2J\\u{0}\nb");
    }

    #[test]
    fn a_full_disk_says_nothing_about_the_input() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert!(disk_failed(
            &anyhow::Error::new(full).context("cannot write x")
        ));
        assert!(!disk_failed(&anyhow::anyhow!("the input is wrong")));
    }
}
