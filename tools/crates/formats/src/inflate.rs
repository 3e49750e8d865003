//! Streams of zlib and deflate inside of files, decompressed up to a limit.

use std::io::{self, Read};

use zlib_rs::{Inflate, InflateFlush, Status};

/// No stream grows to more bytes than this.
const MOST: usize = 256 << 20;

/// The whole content of a zlib stream (RFC 1950); `None` if it is damaged, cut or
/// longer than `limit` bytes.
pub fn zlib(data: &[u8], limit: usize) -> Option<Vec<u8>> {
    let limit = limit.min(MOST);
    Some(stream(Inflate::new(true, 15), data, limit)?.0)
}

/// The content of the deflate stream (RFC 1951) that these bytes begin with, and the bytes that it
/// takes; `None` if it is damaged, cut or longer than `limit` bytes.
pub(crate) fn deflate(data: &[u8], limit: u64) -> Option<(Vec<u8>, usize)> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (content, rest) = stream(Inflate::new(false, 15), data, limit)?;
    (content.len() <= limit).then(|| (content, data.len() - rest.len()))
}

/// A deflate stream (RFC 1951) that is decompressed while it is read, in bounded memory. How much comes
/// out is for the reader to bound.
pub struct Inflating<R> {
    source: R,
    inflate: Inflate,
    input: Vec<u8>,
    /// The part of the input that was not decompressed yet.
    left: std::ops::Range<usize>,
    is_at_end: bool,
}

impl<R: Read> Inflating<R> {
    /// The stream that a source begins with.
    pub fn new(source: R) -> Self {
        Self {
            source,
            inflate: Inflate::new(false, 15),
            input: vec![0; 64 << 10],
            left: 0..0,
            is_at_end: false,
        }
    }
}

impl<R: Read> Read for Inflating<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.is_at_end && !buffer.is_empty() {
            if self.left.is_empty() {
                self.left = 0..self.source.read(&mut self.input)?;
                if self.left.is_empty() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(
                    &self.input[self.left.clone()],
                    buffer,
                    InflateFlush::NoFlush,
                )
                .map_err(|_| {
                    io::Error::new(io::ErrorKind::InvalidData, "it is no deflate stream")
                })?;
            self.left.start += (self.inflate.total_in() - read) as usize;
            let written = (self.inflate.total_out() - written) as usize;
            self.is_at_end = matches!(status, Status::StreamEnd);
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

/// The content of a stream, and what follows it.
fn stream(mut inflate: Inflate, data: &[u8], limit: usize) -> Option<(Vec<u8>, &[u8])> {
    let mut output = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    let mut rest = data;
    loop {
        let (read, written) = (inflate.total_in(), inflate.total_out());
        let status = inflate
            .decompress(rest, &mut buffer, InflateFlush::NoFlush)
            .ok()?;
        let read = (inflate.total_in() - read) as usize;
        let written = (inflate.total_out() - written) as usize;
        rest = rest.get(read..)?;
        output.extend_from_slice(buffer.get(..written)?);
        match status {
            Status::StreamEnd => return Some((output, rest)),
            _ if output.len() > limit || (read == 0 && written == 0) => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_is_read_in_pieces() {
        let plain: Vec<u8> = (0..300_000u32)
            .flat_map(|n| (n % 1000).to_le_bytes())
            .collect();
        let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
        let mut packed = vec![0; compressor.deflate_compress_bound(plain.len())];
        let size = compressor.deflate_compress(&plain, &mut packed).unwrap();
        packed.truncate(size);
        let mut out = Vec::new();
        Inflating::new(&packed[..]).read_to_end(&mut out).unwrap();
        assert!(out == plain);
        // What is cut is no whole stream.
        let cut = &packed[..packed.len() / 2];
        assert!(Inflating::new(cut).read_to_end(&mut Vec::new()).is_err());
        assert!(Inflating::new(&b"\xff\xff"[..])
            .read_to_end(&mut out)
            .is_err());
    }
}
