//! xz streams.

use liblzma::stream::{Action, Error, Status, Stream, TELL_UNSUPPORTED_CHECK};

use super::decoder::{begins_like, Bad, Decoder, Step};
use crate::error::DAMAGED;
use crate::ErrorKind;

/// The memory for one stream: `xz -9` asks for a dictionary of 64 MiB and a little more,
/// and nothing that is in use asks for more than that.
const MEMORY: u64 = 66 << 20;

pub(super) struct Xz {
    stream: Stream,
}

impl Xz {
    pub(super) fn new() -> Result<Self, Bad> {
        // A check that cannot be computed would otherwise pass unchecked.
        let stream = Stream::new_stream_decoder(MEMORY, TELL_UNSUPPORTED_CHECK)
            .map_err(|e| because(&e, 0))?;
        Ok(Self { stream })
    }
}

fn because(error: &Error, at: usize) -> Bad {
    let (kind, what, fix) = match error {
        Error::MemLimit => (
            ErrorKind::Limit,
            "the xz data needs a dictionary of more than 64 MiB".to_owned(),
            "compress it again with at most `xz -9`",
        ),
        Error::Mem => (
            ErrorKind::Limit,
            "there is not enough memory to read the xz data".to_owned(),
            "free some memory",
        ),
        Error::Options | Error::UnsupportedCheck => (
            ErrorKind::Unsupported,
            "the xz data uses a filter or a checksum that no released xz has".to_owned(),
            "compress it again with the defaults of xz",
        ),
        other => (
            ErrorKind::Malformed,
            format!("the xz data is invalid ({other})"),
            DAMAGED,
        ),
    };
    Bad {
        kind,
        what,
        fix,
        at,
    }
}

impl Decoder for Xz {
    fn step(&mut self, input: &[u8], out: &mut [u8], ended: bool) -> Result<Step, Bad> {
        let action = if ended { Action::Finish } else { Action::Run };
        let (before_in, before_out) = (self.stream.total_in(), self.stream.total_out());
        let result = self.stream.process(input, out, action);
        let consumed = (self.stream.total_in() - before_in) as usize;
        let produced = (self.stream.total_out() - before_out) as usize;
        match result {
            Ok(status) => Ok(Step {
                consumed,
                produced,
                done: status == Status::StreamEnd,
            }),
            Err(e) => Err(because(&e, consumed)),
        }
    }

    fn begins(&self, start: &[u8]) -> bool {
        begins_like(start, &[0xfd, b'7', b'z', b'X', b'Z', 0])
    }

    fn restart(&mut self) -> Result<(), Bad> {
        *self = Self::new()?;
        Ok(())
    }

    /// "Stream Padding" of the format's description, which `xz` itself reads and writes on request.
    fn padding_unit(&self) -> Option<u64> {
        Some(4)
    }
}
