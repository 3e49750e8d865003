//! The layers that are made of locks.

use std::path::Path;

use verbatim_archive::{Builder, Compression, Defaults, Encoding};
use verbatim_net::{Client, Options};
use verbatim_packages::fetch::Fetcher;
use verbatim_packages::install::{install, Wanted};
use verbatim_packages::places::Places;
use verbatim_packages::{Lock, Result};

pub fn fetcher() -> Fetcher {
    Fetcher::new(Client::new(Options::default()).unwrap()).unwrap()
}

/// The layer of what is locked, as a tar archive.
pub fn layer(lock: &Lock, places: &Places) -> Result<Vec<u8>> {
    let wanted = Wanted {
        architecture: None,
        cache: Path::new(""),
        threads: 1,
        status_d: false,
    };
    let builder = Builder::new(Defaults::default(), std::env::temp_dir());
    let layer = install(lock, places, &fetcher(), &wanted, builder)?;
    let mut out = Vec::new();
    let encoding = Encoding::new(Compression::None, None).unwrap();
    layer.write(encoding, 1, &mut out, &|_| {}).unwrap();
    Ok(out)
}
