//! How much is done at a time.

use std::thread::available_parallelism;

/// As many threads as asked for, or as there are cores.
pub fn threads(asked: Option<u16>) -> usize {
    asked.map_or_else(
        || available_parallelism().map_or(1, usize::from),
        usize::from,
    )
}
