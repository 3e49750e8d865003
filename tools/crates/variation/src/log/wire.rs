//! As much of the protocol buffer encoding as the log takes: fields one after another, unknown ones passed over.

use std::io::Read;

use super::{Fault, MAX_ENTRY};

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number: wire type 0.
    Number(u64),
    /// Text, bytes, a message or packed numbers: wire type 2.
    Bytes(&'a [u8]),
    /// A number of fixed width, which nothing here needs: wire types 1 and 5.
    Fixed,
}

/// The fields of one message, in the order in which they stand.
#[derive(Debug, Clone)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The fields of this message.
    pub fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(length).map_err(|_| Fault::Truncated)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Fault::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn field(&mut self) -> Result<(u64, Value<'a>), Fault> {
        let tag = number(&mut self.0)?;
        let value = match tag & 7 {
            0 => Value::Number(number(&mut self.0)?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = number(&mut self.0)?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            other => return Err(Fault::WireType(other)),
        };
        Ok((tag >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

/// A base-128 number from the front of `data`.
fn number(data: &mut &[u8]) -> Result<u64, Fault> {
    let mut value = 0u64;
    for (at, &byte) in data.iter().enumerate().take(10) {
        // The tenth byte has room for one bit.
        if at == 9 && byte > 1 {
            return Err(Fault::Number);
        }
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            *data = &data[at + 1..];
            return Ok(value);
        }
    }
    Err(if data.len() < 10 {
        Fault::Truncated
    } else {
        Fault::Number
    })
}

/// The numbers of a repeated field, packed or one at a time.
pub fn numbers(value: Value<'_>, mut each: impl FnMut(u64)) -> Result<(), Fault> {
    match value {
        Value::Number(one) => each(one),
        Value::Bytes(mut packed) => {
            while !packed.is_empty() {
                each(number(&mut packed)?);
            }
        }
        Value::Fixed => {}
    }
    Ok(())
}

/// Read the next message with its length in front into `buffer`; false at the end.
///
/// Only a source that says that nothing follows has ended: a decoder whose own data is cut off
/// reports an error instead, even where the cut is between two messages.
pub(crate) fn next_message(source: &mut impl Read, buffer: &mut Vec<u8>) -> Result<bool, Fault> {
    let mut length = 0u64;
    for at in 0.. {
        let Some(byte) = next_byte(source)? else {
            return if at == 0 {
                Ok(false)
            } else {
                Err(Fault::Truncated)
            };
        };
        if at == 5 {
            return Err(Fault::Number);
        }
        length |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            break;
        }
    }
    if length > MAX_ENTRY {
        return Err(Fault::TooLong(length));
    }
    buffer.clear();
    // Grown as bytes come: a length that lies costs nothing.
    let read = source.take(length).read_to_end(buffer).map_err(cut_off)?;
    if read as u64 == length {
        Ok(true)
    } else {
        Err(Fault::Truncated)
    }
}

fn next_byte(source: &mut impl Read) -> Result<Option<u8>, Fault> {
    let mut byte = [0];
    loop {
        match source.read(&mut byte) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some(byte[0])),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(cut_off(e)),
        }
    }
}

fn cut_off(error: std::io::Error) -> Fault {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        Fault::Truncated
    } else {
        Fault::Read(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_one_after_another() {
        let message = [0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x1d, 1, 2, 3, 4];
        let fields: Result<Vec<_>, _> = Fields::of(&message).collect();
        assert_eq!(
            fields.unwrap(),
            [
                (1, Value::Number(150)),
                (2, Value::Bytes(b"hi")),
                (3, Value::Fixed)
            ]
        );
    }

    #[test]
    fn what_is_cut_off_or_too_big_is_an_error_and_ends() {
        for message in [
            &[0x12, 0x05, b'h'][..],
            &[0x08, 0x80],
            &[0x0b],
            &[
                0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
            ],
        ] {
            let fields: Vec<_> = Fields::of(message).collect();
            assert_eq!(fields.len(), 1);
            assert!(fields[0].is_err(), "{message:?}");
        }
    }

    #[test]
    fn a_length_that_lies_takes_no_memory() {
        let mut buffer = Vec::new();
        let mut source = &[0xff, 0xff, 0xff, 0x3f, 1, 2, 3][..];
        assert!(matches!(
            next_message(&mut source, &mut buffer),
            Err(Fault::Truncated)
        ));
        assert!(buffer.capacity() < 1 << 16);
        let mut source = &[0xff, 0xff, 0xff, 0xff, 0x7f][..];
        assert!(matches!(
            next_message(&mut source, &mut buffer),
            Err(Fault::TooLong(_))
        ));
    }
}
