//! How much is looked at, whatever an input claims.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// Bounds on time and memory.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Containers inside of each other that are opened.
    pub depth: u32,
    /// Containers that are opened in all.
    pub containers: u64,
    /// Bytes that may come out of compressed files, all together.
    pub decompressed: u64,
    /// Bytes that may come out of one container inside of another.
    pub nested: u64,
    /// The largest file whose content is loaded, in bytes a side.
    pub file: u64,
    /// Entries of one archive or folder.
    pub entries: usize,
    /// Differences that a report holds.
    pub differences: u64,
    /// Bytes of excerpts that a report holds.
    pub excerpts: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 8,
            containers: 20_000,
            decompressed: 64 << 30,
            nested: 2 << 30,
            // Both sides and what a format's reader makes of them stay below half a gigabyte.
            file: 64 << 20,
            entries: 4 << 20,
            differences: 20_000,
            excerpts: 4 << 20,
        }
    }
}

/// What is left of a number of bytes; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Allowance(Arc<AtomicU64>);

impl Allowance {
    pub(crate) fn new(bytes: u64) -> Self {
        Self(Arc::new(AtomicU64::new(bytes)))
    }

    fn take(&self, bytes: u64) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            })
            .is_ok()
    }
}

/// A reader of decompressed bytes that stops where the allowance does.
#[derive(Debug)]
pub(crate) struct Limited<R> {
    inner: R,
    all: Allowance,
    own: u64,
    count: u64,
}

impl<R> Limited<R> {
    pub(crate) fn new(inner: R, all: Allowance, own: u64) -> Self {
        Self {
            inner,
            all,
            own,
            count: 0,
        }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(out)?;
        self.count += n as u64;
        if self.count > self.own || !self.all.take(n as u64) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "more than {} bytes come out of it, which is more than is looked at",
                    self.count - n as u64
                ),
            ));
        }
        Ok(n)
    }
}
