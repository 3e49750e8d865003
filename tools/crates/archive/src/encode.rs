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
    /// The library's own settings that the level stands for.
    pub settings: Option<Settings>,
    /// Bytes of the tar stream in one gzip member or zstd frame.
    pub block: Option<usize>,
}

/// The library's own levels that one level stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// For blocks of programs and of other data.
    pub data: i32,
    /// For blocks of text.
    pub text: i32,
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

/// The settings of libdeflate for each level of gzip, from 1: chosen so that a file is never
/// more than about 2 % larger than gzip's own of that level, in a fraction of its time.
///
/// At the default level, setting 5 instead of 3 is 2 % smaller on programs and 3 to 5 % on text, for
/// a fifth more time: only text is worth it, and is little of the time.
const GZIP_SETTINGS: [Settings; 9] = [
    Settings::same(1),
    Settings::same(2),
    Settings::same(2),
    Settings::same(3),
    Settings::same(3),
    Settings { data: 3, text: 5 },
    Settings::same(6),
    Settings::same(8),
    Settings::same(10),
];

impl Settings {
    const fn same(setting: i32) -> Self {
        Self {
            data: setting,
            text: setting,
        }
    }

    fn of(self, block: &[u8]) -> i32 {
        if is_text(block) {
            self.text
        } else {
            self.data
        }
    }
}

/// Whether a block is text, with no more zeros than there are around small files. A block of
/// hardly anything but zeros is one of headers, which gains nothing from a better search.
///
/// A sample is enough, and its step is prime, so that it never falls into step with the
/// blocks of 512 bytes that a tar stream consists of.
fn is_text(block: &[u8]) -> bool {
    let (mut text, mut zeros, mut other) = (0, 0, 0);
    for byte in block.iter().step_by(61) {
        match byte {
            0 => zeros += 1,
            b'\t' | b'\n' | b' '..=b'~' => text += 1,
            _ => other += 1,
        }
    }
    text > 3 * other && 3 * text > zeros
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
                block: None,
            },
            Compression::Gzip => Encoder {
                name: "libdeflate",
                // That of the crate which carries the C sources; Cargo.toml pins it.
                version: Some("1.26.1"),
                level: Some(self.level),
                settings: Some(self.gzip_settings()),
                block: Some(GZIP_BLOCK),
            },
            Compression::Zstd => Encoder {
                name: "zstd",
                version: Some(zstd::zstd_safe::version_string()),
                level: Some(self.level),
                settings: None,
                block: Some(ZSTD_BLOCK),
            },
        }
    }

    fn gzip_settings(&self) -> Settings {
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
            Compression::Gzip => Some(BlockEncoder::Gzip(GzipEncoder {
                settings: self.gzip_settings(),
                compressors: Vec::new(),
            })),
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
    Gzip(GzipEncoder),
    Zstd(zstd::bulk::Compressor<'static>),
}

impl BlockEncoder {
    /// Compress one block into `out`, whose old content is lost.
    pub(crate) fn encode(&mut self, block: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Gzip(encoder) => {
                let compressor = encoder.compressor(block)?;
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

/// libdeflate, with a compressor for each setting that was needed so far.
pub(crate) struct GzipEncoder {
    settings: Settings,
    compressors: Vec<(i32, Compressor)>,
}

impl GzipEncoder {
    fn compressor(&mut self, block: &[u8]) -> Result<&mut Compressor, Error> {
        let setting = self.settings.of(block);
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
        Ok(&mut self.compressors[at].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_data_and_from_headers() {
        let text = b"The quick brown fox\n".repeat(5000);
        let small_files = |text_in_each: usize| {
            let mut block = vec![0; 100_000];
            for file in block.chunks_mut(1000) {
                file[..text_in_each].copy_from_slice(&text[..text_in_each]);
            }
            block
        };
        let program: Vec<u8> = (0..100_000u32)
            .map(|n| (n.wrapping_mul(0x9e37_79b9) >> 13) as u8)
            .collect();
        let mixed = [&text[..60_000], &program[..60_000]].concat();
        assert!(is_text(&text) && is_text(&small_files(400)));
        assert!(!is_text(&program) && !is_text(&mixed));
        assert!(!is_text(&small_files(120)) && !is_text(&[0; 1000]) && !is_text(&[]));
    }
}
