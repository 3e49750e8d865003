//! Bounds on what a registry may send.

/// How large things may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// A manifest or an index; the distribution specification lets registries refuse more.
    pub manifest: u64,
    /// A config.
    pub config: u64,
    /// One page of tags or referrers.
    pub page: u64,
    /// How many pages are read.
    pub pages: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest: 4 << 20,
            config: 4 << 20,
            page: 4 << 20,
            pages: 1000,
        }
    }
}
