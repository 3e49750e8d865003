//! What is wrong with a command line, or the help that it asks for.

use std::ffi::OsString;

use clap::builder::styling::Styles;
use verbatim_foreign::{is_hidden, printable};

/// Print it and end the program. The words of a command line may come from a list or a build
/// file that somebody else wrote, and clap repeats them as they are.
pub fn tell(error: clap::Error, cli: clap::Command, arguments: &[OsString]) -> ! {
    let hidden = |argument: &OsString| argument.to_string_lossy().contains(is_hidden);
    if !error.use_stderr() || !arguments.iter().any(hidden) {
        error.exit();
    }
    // Without colours nothing but the words is left that could steer a terminal.
    let plain = cli.styles(Styles::plain()).try_get_matches_from(arguments);
    let error = plain.err().unwrap_or(error);
    eprint!("{}", shown(error.render().ansi().to_string(), arguments));
    std::process::exit(error.exit_code())
}

/// The text with all that is hidden written out, line feeds in the words of the command line too.
fn shown(mut text: String, arguments: &[OsString]) -> String {
    for argument in arguments {
        let word = argument.to_string_lossy();
        // An option is told apart from its value.
        let value = word.split_once('=').map(|(_, value)| value);
        for word in [Some(&*word), value].into_iter().flatten() {
            if word.contains(is_hidden) {
                text = text.replace(word, &printable(word));
            }
        }
    }
    let lines: Vec<_> = text.split('\n').map(printable).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_feed_in_a_word_begins_no_line() {
        let arguments = ["x".into(), "--level=1\nerror: all is well\u{1b}".into()];
        let text = "error: invalid value '1\nerror: all is well\u{1b}' for '--level'\n\nUsage: x\n";
        assert_eq!(
            shown(text.into(), &arguments),
            "error: invalid value '1\\u{a}error: all is well\\u{1b}' for '--level'\n\nUsage: x\n"
        );
    }
}
