//! Compression in blocks that the stream itself defines, so that the bytes depend on the input alone.
//!
//! Each block of the tar stream is compressed by itself: as one gzip member or one zstd
//! frame. Both formats say that members and frames that follow each other are one file, and
//! what reads layers reads them so. Which thread compresses which block, and how many
//! threads there are, cannot show in the result.

use std::fmt;
use std::ops::Deref;

use libdeflater::{CompressionLvl, Compressor};
use zstd::zstd_safe::CParameter;

use crate::block_kind::BlockKind;
use crate::cut::{self, Sizes};
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
    /// The library's own settings that the level stands for.
    pub settings: Option<Settings>,
    /// Where the tar stream is cut into gzip members or zstd frames.
    pub cut: Option<Cut>,
}

/// How the tar stream is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The name of the rule.
    pub rule: &'static str,
    /// The largest block, in bytes of the tar stream. All other sizes follow from it.
    pub largest: usize,
}

/// How a stream is cut into pieces of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blocks {
    /// After so many bytes.
    Equal(usize),
    /// Where the content says.
    ByContent(Sizes),
}

/// The library's own levels that one level stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// For blocks of programs and of other data.
    pub data: i32,
    /// For blocks of text.
    pub text: i32,
    /// For blocks of what is compressed already. If it is not that for data, those that it makes
    /// hardly smaller are stored.
    pub packed: i32,
}

/// In gzip, whose window is 32 KiB, blocks of 1 MiB cost about 0.3 % of size.
const GZIP_BLOCKS: Sizes = Sizes { largest: 2 << 20 };
/// zstd looks back further, so shorter frames cost more.
const ZSTD_BLOCKS: Sizes = Sizes { largest: 8 << 20 };
/// A frame is searched as a whole: that is smaller than to forget what is 2 MiB back.
const ZSTD_WINDOW_LOG: u32 = 23;
/// One of zstd's tables at the default level, twice as large as zstd has it: 1 % smaller on programs.
const ZSTD_DEFAULT_TABLE: (i32, u32) = (3, 17);
/// Above this level zstd's own tables take 40 to 70 MiB a thread. For frames of a few MiB, tables
/// of 8 MiB lose next to nothing, and memory stays bounded.
const ZSTD_SMALL_TABLES: i32 = 8;
const ZSTD_TABLE_LOG: u32 = 21;
/// Uncompressed, the size of a block only decides how work is shared.
const PLAIN_BLOCK: usize = 1 << 20;

/// The settings of libdeflate for each level of gzip, from 1: chosen so that a file is never
/// more than about 2 % larger than gzip's own of that level, in a fraction of its time.
///
/// At the default level, setting 5 instead of 3 is 2 % smaller on programs and 3 to 5 % on text, for
/// a fifth more time: only text is worth it, and is little of the time. What is compressed already
/// gains 0.1 % from setting 3 beside setting 1, which takes a third less time.
const GZIP_SETTINGS: [Settings; 9] = [
    Settings::same(1),
    Settings::same(2),
    Settings::same(2),
    Settings::same(3),
    Settings::same(3),
    Settings {
        data: 3,
        text: 5,
        packed: 1,
    },
    Settings::same(6),
    Settings::same(8),
    Settings::same(10),
];

/// The setting of libdeflate that compresses nothing.
const STORED: i32 = 0;
/// How much of a packed block is tried before all of it is compressed.
const TRIED: usize = 64 << 10;

impl Settings {
    const fn same(setting: i32) -> Self {
        Self {
            data: setting,
            text: setting,
            packed: setting,
        }
    }
}

impl Sizes {
    fn cut(self) -> Cut {
        Cut {
            rule: cut::RULE,
            largest: self.largest,
        }
    }
}

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
                settings: None,
                cut: None,
            },
            Compression::Gzip => Encoder {
                name: "libdeflate",
                // That of the crate which carries the C sources; Cargo.toml pins it.
                version: Some("1.26.1"),
                level: Some(self.level),
                settings: Some(self.gzip_settings()),
                cut: Some(GZIP_BLOCKS.cut()),
            },
            Compression::Zstd => Encoder {
                name: "zstd",
                version: Some(zstd::zstd_safe::version_string()),
                level: Some(self.level),
                settings: None,
                cut: Some(ZSTD_BLOCKS.cut()),
            },
        }
    }

    fn gzip_settings(&self) -> Settings {
        GZIP_SETTINGS[(self.level - 1) as usize]
    }

    pub(crate) fn blocks(&self) -> Blocks {
        match self.compression {
            Compression::None => Blocks::Equal(PLAIN_BLOCK),
            Compression::Gzip => Blocks::ByContent(GZIP_BLOCKS),
            Compression::Zstd => Blocks::ByContent(ZSTD_BLOCKS),
        }
    }

    /// An encoder for one thread; `None` where the bytes stay as they are.
    pub(crate) fn start(&self) -> Result<Option<BlockEncoder>, Error> {
        Ok(match self.compression {
            Compression::None => None,
            Compression::Gzip => Some(BlockEncoder::Gzip(GzipEncoder {
                settings: self.gzip_settings(),
                compressors: Vec::new(),
            })),
            Compression::Zstd => {
                let mut compressor = zstd::bulk::Compressor::new(self.level).map_err(zstd_error)?;
                let mut parameters = vec![CParameter::WindowLog(ZSTD_WINDOW_LOG)];
                if self.level == ZSTD_DEFAULT_TABLE.0 {
                    parameters.push(CParameter::ChainLog(ZSTD_DEFAULT_TABLE.1));
                }
                if self.level > ZSTD_SMALL_TABLES {
                    parameters.push(CParameter::HashLog(ZSTD_TABLE_LOG));
                    parameters.push(CParameter::ChainLog(ZSTD_TABLE_LOG));
                }
                for parameter in parameters {
                    compressor.set_parameter(parameter).map_err(zstd_error)?;
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
    Gzip(GzipEncoder),
    Zstd(zstd::bulk::Compressor<'static>),
}

/// A compressed block, in a buffer that serves again and again.
#[derive(Default)]
pub(crate) struct Encoded {
    buffer: Vec<u8>,
    length: usize,
}

impl Encoded {
    /// Room for `size` bytes. A new buffer comes as zeros from the system, so that what is never
    /// written takes no memory; an old one is not cleared.
    fn room(&mut self, size: usize) -> &mut [u8] {
        if self.buffer.len() < size {
            self.buffer = vec![0; size];
        }
        &mut self.buffer[..size]
    }
}

impl Deref for Encoded {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl BlockEncoder {
    /// Compress one block into `out`, whose old content is lost.
    pub(crate) fn encode(&mut self, block: &[u8], out: &mut Encoded) -> Result<(), Error> {
        out.length = match self {
            Self::Gzip(encoder) => {
                let setting = encoder.setting(block, out)?;
                encoder.compress(setting, block, out)?
            }
            Self::Zstd(compressor) => {
                let room = out.room(zstd::zstd_safe::compress_bound(block.len()));
                compressor
                    .compress_to_buffer(block, room)
                    .map_err(zstd_error)?
            }
        };
        Ok(())
    }
}

/// libdeflate, with a compressor for each setting that was needed so far.
pub(crate) struct GzipEncoder {
    settings: Settings,
    compressors: Vec<(i32, Compressor)>,
}

impl GzipEncoder {
    /// The setting for a block.
    fn setting(&mut self, block: &[u8], out: &mut Encoded) -> Result<i32, Error> {
        let Settings { data, text, packed } = self.settings;
        Ok(match BlockKind::of(block) {
            BlockKind::Data => data,
            BlockKind::Text => text,
            // Equally frequent bytes can be a pattern all the same, so it is tried: what shrinks by
            // less than a fiftieth is not worth the time, nor that of those who unpack it.
            BlockKind::Packed if packed != data => {
                let tried = &block[..block.len().min(TRIED)];
                let n = self.compress(packed, tried, out)?;
                if 50 * n >= 49 * tried.len() {
                    STORED
                } else {
                    packed
                }
            }
            BlockKind::Packed => packed,
        })
    }

    /// Compress a block into `out`, and say how many bytes that are.
    fn compress(&mut self, setting: i32, block: &[u8], out: &mut Encoded) -> Result<usize, Error> {
        let known = self.compressors.iter().position(|(s, _)| *s == setting);
        let at = match known {
            Some(at) => at,
            None => {
                let level = CompressionLvl::new(setting).map_err(|e| Error::Encode {
                    encoder: "libdeflate",
                    problem: format!("{e:?}"),
                })?;
                self.compressors.push((setting, Compressor::new(level)));
                self.compressors.len() - 1
            }
        };
        let compressor = &mut self.compressors[at].1;
        let room = out.room(compressor.gzip_compress_bound(block.len()));
        compressor
            .gzip_compress(block, room)
            .map_err(|e| Error::Encode {
                encoder: "libdeflate",
                problem: e.to_string(),
            })
    }
}
