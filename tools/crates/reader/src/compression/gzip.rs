//! gzip members: header, deflate data, checksum and length.

use crc32fast::Hasher;
use zlib_rs::{Inflate, InflateFlush, Status};

use super::decoder::{begins_like, Bad, Decoder, Step};
use crate::ErrorKind;

const FHCRC: u8 = 1 << 1;
const FEXTRA: u8 = 1 << 2;
const FNAME: u8 = 1 << 3;
const FCOMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// Where in a member the next byte belongs.
enum State {
    /// The first ten bytes, collected.
    Fixed,
    ExtraLength,
    Extra(usize),
    Name,
    Comment,
    HeaderCrc,
    Deflate,
    /// CRC and length, collected.
    Trailer,
}

pub(super) struct Gzip {
    inflate: Inflate,
    crc: Hasher,
    length: u32,
    header_crc: Hasher,
    flags: u8,
    held: [u8; 10],
    holding: usize,
    state: State,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self {
            inflate: Inflate::new(false, 15),
            crc: Hasher::new(),
            length: 0,
            header_crc: Hasher::new(),
            flags: 0,
            held: [0; 10],
            holding: 0,
            state: State::Fixed,
        }
    }

    /// Collect `n` bytes across calls; how many were taken, and whether they are complete.
    fn hold(&mut self, n: usize, input: &[u8]) -> (usize, bool) {
        let take = (n - self.holding).min(input.len());
        self.held[self.holding..self.holding + take].copy_from_slice(&input[..take]);
        self.holding += take;
        if self.holding == n {
            self.holding = 0;
            (take, true)
        } else {
            (take, false)
        }
    }

    /// The optional field that comes after `state`.
    fn after(&self, state: &State) -> State {
        let at = match state {
            State::Fixed => 0,
            State::ExtraLength | State::Extra(_) => 1,
            State::Name => 2,
            State::Comment => 3,
            _ => 4,
        };
        if at < 1 && self.flags & FEXTRA != 0 {
            State::ExtraLength
        } else if at < 2 && self.flags & FNAME != 0 {
            State::Name
        } else if at < 3 && self.flags & FCOMMENT != 0 {
            State::Comment
        } else if at < 4 && self.flags & FHCRC != 0 {
            State::HeaderCrc
        } else {
            State::Deflate
        }
    }

    /// One step inside the header; how many bytes it took.
    fn header(&mut self, input: &[u8]) -> Result<usize, Bad> {
        let (taken, complete) = match self.state {
            State::Fixed => self.hold(10, input),
            State::ExtraLength | State::HeaderCrc => self.hold(2, input),
            State::Extra(n) => {
                let taken = n.min(input.len());
                self.state = State::Extra(n - taken);
                (taken, n == taken)
            }
            State::Name | State::Comment => match input.iter().position(|&b| b == 0) {
                Some(end) => (end + 1, true),
                None => (input.len(), false),
            },
            State::Deflate | State::Trailer => (0, false),
        };
        if !matches!(self.state, State::HeaderCrc) {
            self.header_crc.update(&input[..taken]);
        }
        if !complete {
            return Ok(taken);
        }
        let two = u16::from_le_bytes([self.held[0], self.held[1]]);
        self.state = match self.state {
            State::Fixed => {
                // The magic was looked at before this decoder was chosen.
                self.flags = self.held[3];
                if self.held[2] != 8 || self.flags & RESERVED != 0 {
                    return Err(Bad::damaged(
                        0,
                        "the gzip header asks for what no version of gzip defines",
                    ));
                }
                self.after(&State::Fixed)
            }
            State::ExtraLength if two > 0 => State::Extra(usize::from(two)),
            State::HeaderCrc => {
                if two != self.header_crc.clone().finalize() as u16 {
                    return Err(Bad::damaged(
                        0,
                        "the gzip header does not match its checksum",
                    ));
                }
                State::Deflate
            }
            ref state => self.after(state),
        };
        Ok(taken)
    }

    fn deflate(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Bad> {
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let result = self.inflate.decompress(input, out, InflateFlush::NoFlush);
        let consumed = (self.inflate.total_in() - before_in) as usize;
        let produced = (self.inflate.total_out() - before_out) as usize;
        self.crc.update(&out[..produced]);
        self.length = self.length.wrapping_add(produced as u32);
        match result {
            Ok(Status::StreamEnd) => self.state = State::Trailer,
            Ok(Status::Ok | Status::BufError) => {}
            Err(_) => {
                let why = self.inflate.error_message().unwrap_or("not deflate data");
                return Err(Bad::damaged(
                    consumed,
                    format!("the gzip data is invalid ({why})"),
                ));
            }
        }
        Ok(Step {
            consumed,
            produced,
            done: false,
        })
    }
}

impl Decoder for Gzip {
    fn step(&mut self, input: &[u8], out: &mut [u8], _ended: bool) -> Result<Step, Bad> {
        match self.state {
            State::Deflate => self.deflate(input, out),
            State::Trailer => {
                let (consumed, done) = self.hold(8, input);
                if done {
                    let word = |at: usize| {
                        u32::from_le_bytes([
                            self.held[at],
                            self.held[at + 1],
                            self.held[at + 2],
                            self.held[at + 3],
                        ])
                    };
                    if word(0) != self.crc.clone().finalize() || word(4) != self.length {
                        return Err(Bad {
                            kind: ErrorKind::Malformed,
                            what: "the content does not match the checksum of the gzip data"
                                .to_owned(),
                            fix: crate::error::DAMAGED,
                            at: 0,
                        });
                    }
                }
                Ok(Step {
                    consumed,
                    produced: 0,
                    done,
                })
            }
            _ => Ok(Step {
                consumed: self.header(input)?,
                produced: 0,
                done: false,
            }),
        }
    }

    fn begins(&self, start: &[u8]) -> bool {
        begins_like(start, &[0x1f, 0x8b])
    }

    fn restart(&mut self) -> Result<(), Bad> {
        self.inflate.reset(false);
        self.crc.reset();
        self.header_crc.reset();
        self.length = 0;
        self.state = State::Fixed;
        Ok(())
    }
}
