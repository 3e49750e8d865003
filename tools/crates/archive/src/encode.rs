//! Compression in blocks of a fixed size, so that the bytes depend on the input alone.
//!
//! Each block of the tar stream is compressed by itself: as one gzip member or one zstd
//! frame. Both formats say that members and frames that follow each other are one file, and
//! what reads layers reads them so. Which thread compresses which block, and how many
//! threads there are, cannot show in the result.

use std::fmt;

use libdeflater::{CompressionLvl, Compressor};
use zstd::zstd_safe::CParameter;

use crate::Error;

/// How a layer is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As the tar stream itself.
    None,
    /// gzip, at a level from 1 to 9.
    Gzip,
    /// zstd, at a level from 1 to 19.
    Zstd,
}

/// A compression with a level that it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    compression: Compression,
    level: i32,
}

/// What made the bytes: with the same one, the same input gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoder {
    /// `none`, `libdeflate` or `zstd`.
    pub name: &'static str,
    /// The version of the library that compresses.
    pub version: Option<&'static str>,
    /// The level that was asked for.
    pub level: Option<i32>,
    /// The library's own setting that the level stands for.
    pub setting: Option<i32>,
    /// Bytes of the tar stream in one gzip member or zstd frame.
    pub block: Option<usize>,
}

/// Blocks of 1 MiB cost about 0.3 % of size in gzip, whose window is 32 KiB.
const GZIP_BLOCK: usize = 1 << 20;
/// zstd looks back further, so shorter frames cost more: 2 % with 2 MiB, 0.4 % with 4 MiB.
const ZSTD_BLOCK: usize = 4 << 20;
/// Above this level zstd's own tables take 40 to 70 MiB a thread. For frames of 4 MiB, tables
/// of 8 MiB lose next to nothing, and memory stays bounded.
const ZSTD_SMALL_TABLES: i32 = 8;
const ZSTD_TABLE_LOG: u32 = 21;
/// Uncompressed, the size of a block only decides how work is shared.
const PLAIN_BLOCK: usize = 1 << 20;

/// The setting of libdeflate for each level of gzip, from 1: chosen so that a file is never
/// more than about 2 % larger than gzip's own of that level, in a fraction of its time.
const GZIP_SETTINGS: [i32; 9] = [1, 2, 2, 3, 3, 4, 6, 8, 10];

impl Encoding {
    /// A compression at a level, or at its default level: 6 for gzip, 3 for zstd.
    pub fn new(compression: Compression, level: Option<i32>) -> Result<Self, Error> {
        let (default, max) = match compression {
            Compression::None => (0, 0),
            Compression::Gzip => (6, 9),
            Compression::Zstd => (3, 19),
        };
        let level = match (compression, level) {
            (_, None) => default,
            (Compression::None, Some(_)) => {
                return Err(Error::Invalid(
                    "a level is given, but there is no compression; leave --level out or choose gzip or zstd".to_owned(),
                ))
            }
            (_, Some(level)) if (1..=max).contains(&level) => level,
            (_, Some(level)) => {
                return Err(Error::Invalid(format!(
                    "{compression} has no level {level}; give one from 1 to {max}"
                )))
            }
        };
        Ok(Self { compression, level })
    }

    /// The compression.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// What is recorded beside the digest.
    pub fn encoder(&self) -> Encoder {
        match self.compression {
            Compression::None => Encoder {
                name: "none",
                version: None,
                level: None,
                setting: None,
                block: None,
            },
            Compression::Gzip => Encoder {
                name: "libdeflate",
                // That of the crate which carries the C sources; Cargo.toml pins it.
                version: Some("1.26.1"),
                level: Some(self.level),
                setting: Some(self.gzip_setting()),
                block: Some(GZIP_BLOCK),
            },
            Compression::Zstd => Encoder {
                name: "zstd",
                version: Some(zstd::zstd_safe::version_string()),
                level: Some(self.level),
                setting: None,
                block: Some(ZSTD_BLOCK),
            },
        }
    }

    fn gzip_setting(&self) -> i32 {
        GZIP_SETTINGS[(self.level - 1) as usize]
    }

    pub(crate) fn block(&self) -> usize {
        match self.compression {
            Compression::None => PLAIN_BLOCK,
            Compression::Gzip => GZIP_BLOCK,
            Compression::Zstd => ZSTD_BLOCK,
        }
    }

    /// An encoder for one thread; `None` where the bytes stay as they are.
    pub(crate) fn start(&self) -> Result<Option<BlockEncoder>, Error> {
        Ok(match self.compression {
            Compression::None => None,
            Compression::Gzip => {
                let level =
                    CompressionLvl::new(self.gzip_setting()).map_err(|e| Error::Encode {
                        encoder: "libdeflate",
                        problem: format!("{e:?}"),
                    })?;
                Some(BlockEncoder::Gzip(Compressor::new(level)))
            }
            Compression::Zstd => {
                let mut compressor = zstd::bulk::Compressor::new(self.level).map_err(zstd_error)?;
                if self.level > ZSTD_SMALL_TABLES {
                    for table in [
                        CParameter::HashLog(ZSTD_TABLE_LOG),
                        CParameter::ChainLog(ZSTD_TABLE_LOG),
                    ] {
                        compressor.set_parameter(table).map_err(zstd_error)?;
                    }
                }
                Some(BlockEncoder::Zstd(compressor))
            }
        })
    }
}

fn zstd_error(e: std::io::Error) -> Error {
    Error::Encode {
        encoder: "zstd",
        problem: e.to_string(),
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// Compresses block after block.
pub(crate) enum BlockEncoder {
    Gzip(Compressor),
    Zstd(zstd::bulk::Compressor<'static>),
}

impl BlockEncoder {
    /// Compress one block into `out`, whose old content is lost.
    pub(crate) fn encode(&mut self, block: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Gzip(compressor) => {
                out.resize(compressor.gzip_compress_bound(block.len()), 0);
                let n = compressor
                    .gzip_compress(block, out)
                    .map_err(|e| Error::Encode {
                        encoder: "libdeflate",
                        problem: e.to_string(),
                    })?;
                out.truncate(n);
            }
            Self::Zstd(compressor) => {
                // Not filled beforehand: memory that is never touched costs nothing.
                out.clear();
                out.reserve(zstd::zstd_safe::compress_bound(block.len()));
                compressor
                    .compress_to_buffer(block, out)
                    .map_err(zstd_error)?;
            }
        }
        Ok(())
    }
}
