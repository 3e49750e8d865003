//! xz streams.

use std::io;

use lzma_rust2::{Action, Status, XzStream};

use super::{Bad, Decoder, Step};
use crate::error::{DAMAGED, GET_IT_AGAIN};
use crate::ErrorKind;

/// The memory for one stream: `xz -9` asks for a dictionary of 64 MiB, and nothing that
/// is in use asks for more than that.
const MEMORY_KIB: u32 = 66 << 10;

pub(super) struct Xz {
    stream: XzStream,
}

impl Xz {
    pub(super) fn new() -> Self {
        Self {
            stream: XzStream::new_mem_limit(false, MEMORY_KIB),
        }
    }
}

impl Decoder for Xz {
    fn step(&mut self, input: &[u8], out: &mut [u8], ended: bool) -> Result<Step, Bad> {
        let action = if ended { Action::Finish } else { Action::Run };
        let before = self.stream.total_in();
        match self.stream.process(input, out, action) {
            Ok(result) => Ok(Step {
                consumed: result.bytes_consumed,
                produced: result.bytes_produced,
                done: result.status == Status::StreamEnd,
            }),
            Err(e) => {
                let at = (self.stream.total_in() - before) as usize;
                Err(match e.kind() {
                    io::ErrorKind::UnexpectedEof => Bad {
                        kind: ErrorKind::Truncated,
                        what: "the xz data ends too early".to_owned(),
                        fix: GET_IT_AGAIN,
                        at,
                    },
                    io::ErrorKind::OutOfMemory => Bad {
                        kind: ErrorKind::Limit,
                        what: "the xz data needs a dictionary of more than 64 MiB".to_owned(),
                        fix: "compress it again with at most `xz -9`",
                        at,
                    },
                    io::ErrorKind::Unsupported => Bad {
                        kind: ErrorKind::Unsupported,
                        what: format!("the xz data uses what this reader does not know ({e})"),
                        fix: "compress it again with the default filters",
                        at,
                    },
                    _ => Bad {
                        kind: ErrorKind::Malformed,
                        what: format!("the xz data is invalid ({e})"),
                        fix: DAMAGED,
                        at,
                    },
                })
            }
        }
    }

    fn begins(&self, start: &[u8]) -> bool {
        start.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0])
    }

    fn restart(&mut self) -> Result<(), Bad> {
        *self = Self::new();
        Ok(())
    }
}
