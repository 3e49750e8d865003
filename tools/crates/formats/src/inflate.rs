//! Streams of zlib and deflate inside of files, decompressed up to a limit.

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
