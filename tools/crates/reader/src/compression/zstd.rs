//! zstd frames, skippable ones included.

use zstd::stream::raw::{DParameter, Decoder as Frames, InBuffer, Operation, OutBuffer};

use super::decoder::{begins_like, Bad, Decoder, Step};
use crate::error::DAMAGED;
use crate::ErrorKind;

/// The largest window that is read: 128 MiB, which is what `zstd --long` writes and what
/// `zstd -d` accepts without being told to. The memory is only touched as content comes.
const WINDOW_LOG_MAX: u32 = 27;

pub(super) struct Zstd {
    frames: Frames<'static>,
}

impl Zstd {
    pub(super) fn new() -> Result<Self, Bad> {
        let no_memory = |e: std::io::Error| Bad {
            kind: ErrorKind::Limit,
            what: format!("cannot set up zstd ({e})"),
            fix: "free some memory",
            at: 0,
        };
        let mut frames = Frames::new().map_err(no_memory)?;
        frames
            .set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))
            .map_err(no_memory)?;
        Ok(Self { frames })
    }
}

impl Decoder for Zstd {
    fn step(&mut self, input: &[u8], out: &mut [u8], _ended: bool) -> Result<Step, Bad> {
        let mut from = InBuffer::around(input);
        let mut to = OutBuffer::around(out);
        let result = self.frames.run(&mut from, &mut to);
        let (consumed, produced) = (from.pos(), to.pos());
        match result {
            Ok(hint) => Ok(Step {
                consumed,
                produced,
                done: hint == 0,
            }),
            Err(e) => {
                let why = e.to_string();
                // zstd gives no code through this interface, only its sentence.
                Err(if why.contains("too much memory") {
                    Bad {
                        kind: ErrorKind::Limit,
                        what: "the zstd frame needs a window of more than 128 MiB".to_owned(),
                        fix: "compress it again with at most `zstd --long=27`",
                        at: consumed,
                    }
                } else if why.contains("Dictionary") {
                    Bad {
                        kind: ErrorKind::Unsupported,
                        what: "the zstd frame needs a dictionary".to_owned(),
                        fix: "compress it again without one",
                        at: consumed,
                    }
                } else {
                    Bad {
                        kind: ErrorKind::Malformed,
                        what: format!("the zstd data is invalid ({why})"),
                        fix: DAMAGED,
                        at: consumed,
                    }
                })
            }
        }
    }

    fn begins(&self, start: &[u8]) -> bool {
        begins_like(start, &[0x28, 0xb5, 0x2f, 0xfd])
            || matches!(start, [0x50..=0x5f, rest @ ..] if begins_like(rest, &[0x2a, 0x4d, 0x18]))
    }

    fn restart(&mut self) -> Result<(), Bad> {
        self.frames
            .reinit()
            .map_err(|e| Bad::damaged(0, e.to_string()))
    }
}
