//! Colours, which only a terminal sees.

use std::io::IsTerminal;

use clap::builder::styling::{AnsiColor, Style};

/// Whether there are to be colours: not where nobody looks, nor where `NO_COLOR` is set.
pub fn are_wanted() -> bool {
    std::io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Styles for good and bad news.
pub fn colours() -> (Style, Style) {
    if !are_wanted() {
        (Style::new(), Style::new())
    } else {
        (
            AnsiColor::Green.on_default().bold(),
            AnsiColor::Red.on_default().bold(),
        )
    }
}
