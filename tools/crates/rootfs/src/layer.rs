//! One layer: its bytes, checked, where any part of them can be read again.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use verbatim_digest::{HashingReader, HashingWriter};
use verbatim_document::{Error, ErrorKind, Result};
use verbatim_oci::layout::Blobs;
use verbatim_reader::decompress;

use crate::image::LayerFacts;

/// What may come out of a layer, whatever went in.
const UNPACKED: u64 = 1 << 30;
/// What may come out of each byte besides: DEFLATE cannot give more than 1,032 for one.
const RATIO: u64 = 1100;
const BUFFER: usize = 1 << 18;

/// Unpack a layer into a file without a name, and compare it with all that is said of it. `left`
/// is how many bytes may come out; what did is taken off.
pub(crate) fn unpack(blobs: &dyn Blobs, layer: &LayerFacts, left: &mut u64) -> Result<Arc<File>> {
    let descriptor = &layer.descriptor;
    let name = blobs.name(&descriptor.digest);
    if descriptor.media_type.is_encrypted() {
        return Err(Error::new(
            ErrorKind::Unknowable,
            name,
            "is encrypted, and there is no key",
        ));
    }
    let content = blobs.open(&descriptor.digest, Some(descriptor.size))?;
    let mut stored = HashingReader::new(content.reader.take(descriptor.size.saturating_add(1)));
    let temporary = |e| Error::io("a temporary file", "cannot be written", e);
    let mut file = HashingWriter::new(tempfile::tempfile().map_err(temporary)?);
    let most = (*left).min(
        descriptor
            .size
            .saturating_mul(RATIO)
            .saturating_add(UNPACKED),
    );
    let copied = copy(&mut decompress(&mut stored), &mut file, most);
    // Bytes that cannot be unpacked are judged by their digest first: that they are damaged says more.
    let drained = stored.drain();
    let (digest, size, _) = stored.finish();
    drained.map_err(|e| blobs.unreadable(&descriptor.digest, e))?;
    let wrong = |what: String| Err(Error::new(ErrorKind::Mismatch, &name, what));
    if size != descriptor.size || digest != descriptor.digest {
        return wrong(format!(
            "has {} bytes or more with the digest {digest}, and the manifest says {} bytes with {}; fetch or build the image again",
            size.min(descriptor.size),
            descriptor.size,
            descriptor.digest
        ));
    }
    match copied {
        Ok(()) => {}
        Err(Failed::Reading(e)) => return Err(Error::io(&name, "cannot be unpacked", e)),
        Err(Failed::Writing(e)) => return Err(temporary(e)),
        Err(Failed::TooMuch) => {
            return Err(Error::new(
                ErrorKind::Limit,
                &name,
                format!("unpacks to more than {most} bytes, the limit"),
            ))
        }
    }
    let (diff_id, unpacked, file) = file.finish();
    if diff_id != layer.diff_id {
        return wrong(format!(
            "unpacks to {diff_id}, and the config says {}; build the image again",
            layer.diff_id
        ));
    }
    *left = left.saturating_sub(unpacked);
    Ok(Arc::new(file))
}

enum Failed {
    Reading(io::Error),
    Writing(io::Error),
    TooMuch,
}

fn copy(from: &mut impl Read, to: &mut impl Write, most: u64) -> Result<(), Failed> {
    let mut buffer = vec![0; BUFFER];
    let mut count = 0_u64;
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Failed::Reading(e)),
        };
        count += n as u64;
        if count > most {
            return Err(Failed::TooMuch);
        }
        to.write_all(&buffer[..n]).map_err(Failed::Writing)?;
    }
}

/// A reader of a file from its beginning, with a position of its own.
pub(crate) struct Whole {
    pub(crate) file: Arc<File>,
    pub(crate) at: u64,
    pub(crate) end: u64,
}

impl Whole {
    pub(crate) fn of(file: &Arc<File>) -> io::Result<Self> {
        Ok(Self {
            end: file.metadata()?.len(),
            at: 0,
            file: Arc::clone(file),
        })
    }
}

impl Read for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let room = buffer.len().min(left);
        let n = self.file.read_at(&mut buffer[..room], self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Whole {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(to) => Some(to),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = to.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
