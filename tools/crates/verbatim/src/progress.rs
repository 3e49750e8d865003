//! How far something is that takes its time.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

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

/// A progress bar for people, once something takes longer than a second.
pub struct LayerBar {
    total: u64,
    done: Cell<u64>,
    begun: Instant,
    bar: RefCell<Option<ProgressBar>>,
}

impl LayerBar {
    /// A bar for so many bytes.
    pub fn new(total: u64) -> Self {
        Self {
            total,
            done: Cell::new(0),
            begun: Instant::now(),
            bar: RefCell::new(None),
        }
    }

    /// So many bytes more are done.
    pub fn add(&self, n: u64) {
        self.done.set(self.done.get() + n);
        if self.begun.elapsed() < Duration::from_secs(1) {
            return;
        }
        // Where standard error is no terminal, it draws nothing.
        let mut bar = self.bar.borrow_mut();
        bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template(
                "{bytes:>11} of {total_bytes} {wide_bar} {bytes_per_sec}, {eta} left",
            )
            .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(self.total).with_style(style)
        })
        .set_position(self.done.get());
    }
}

impl Drop for LayerBar {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get_mut() {
            bar.finish_and_clear();
        }
    }
}
