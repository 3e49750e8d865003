//! Colours, which only a terminal sees.

use std::io::IsTerminal;

use clap::builder::styling::{AnsiColor, Style};

/// Styles for good and bad news; plain where nobody looks, or where `NO_COLOR` is set.
pub fn colours() -> (Style, Style) {
    let plain = !std::io::stdout().is_terminal()
        || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain {
        (Style::new(), Style::new())
    } else {
        (
            AnsiColor::Green.on_default().bold(),
            AnsiColor::Red.on_default().bold(),
        )
    }
}
