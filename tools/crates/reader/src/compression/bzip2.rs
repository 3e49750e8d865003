//! bzip2 streams.

use bzip2::{Decompress, Status};

use super::decoder::{begins_like, Bad, Decoder, Step};

pub(super) struct Bzip2 {
    stream: Decompress,
}

impl Bzip2 {
    pub(super) fn new() -> Self {
        Self {
            stream: Decompress::new(false),
        }
    }
}

impl Decoder for Bzip2 {
    fn step(&mut self, input: &[u8], out: &mut [u8], _ended: bool) -> Result<Step, Bad> {
        let (before_in, before_out) = (self.stream.total_in(), self.stream.total_out());
        let result = self.stream.decompress(input, out);
        let consumed = (self.stream.total_in() - before_in) as usize;
        let produced = (self.stream.total_out() - before_out) as usize;
        match result {
            Ok(status) => Ok(Step {
                consumed,
                produced,
                done: status == Status::StreamEnd,
            }),
            Err(e) => Err(Bad::damaged(
                consumed,
                format!("the bzip2 data is invalid ({e})"),
            )),
        }
    }

    fn begins(&self, start: &[u8]) -> bool {
        begins_like(start, b"BZh")
    }

    fn restart(&mut self) -> Result<(), Bad> {
        *self = Self::new();
        Ok(())
    }
}
