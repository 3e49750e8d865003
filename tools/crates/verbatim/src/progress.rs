//! How far something is that takes its time.

use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use verbatim_oci::layout::Progress;

/// A bar of bytes on standard error, if that is a terminal.
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar after this word.
    pub fn new(doing: &'static str) -> Arc<Self> {
        let bar = ProgressBar::no_length();
        if let Ok(style) = ProgressStyle::with_template(
            "{msg} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {eta}",
        ) {
            bar.set_style(style);
        }
        bar.set_message(doing);
        bar.enable_steady_tick(Duration::from_millis(250));
        Arc::new(Self(bar))
    }

    /// Take the bar away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Bar {
    fn total(&self, bytes: u64) {
        self.0.set_length(bytes);
    }

    fn add(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}
