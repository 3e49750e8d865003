//! The marshalled code in Python bytecode: what depends on what else its process did.
//!
//! When Python writes an object that something else holds as well, it marks it, so that
//! it can be referred to later by number. Whether something else holds it depends on what
//! the process did before: the same source gives other marks in another order of
//! compilation, or in parallel. Marks that nothing refers to mean nothing. Without them,
//! and with the others counted anew, the code is a function of the source.
//!
//! In the same way a string is written as interned if anything in the process had interned
//! an equal one before. Python interns names, and constants that could be names, whenever
//! code is loaded, so all other strings can be written as plain ones.

/// How a version of Python writes code objects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Code {
    /// Numbers in front of the objects.
    numbers: usize,
    /// Objects up to the line number.
    objects: usize,
    /// Objects behind it.
    tables: usize,
}

impl Code {
    /// By the magic number of a release; none for others, whose form may be any.
    pub(super) fn of(magic: u16) -> Option<Self> {
        let (numbers, objects, tables) = match magic {
            // 3.4, 3.5 twice, 3.6, 3.7
            3310 | 3350 | 3351 | 3379 | 3394 => (5, 8, 1),
            // 3.8, 3.9, 3.10
            3413 | 3425 | 3439 => (6, 8, 1),
            // 3.11 to 3.14
            3495 | 3531 | 3571 | 3627 => (5, 8, 2),
            _ => return None,
        };
        Some(Self {
            numbers,
            objects,
            tables,
        })
    }
}

const MARK: u8 = 0x80;

/// Python itself refuses to go deeper.
const DEEPEST: u32 = 1000;

/// The code with no marks but those that are referred to, and plain strings; none if it is not understood.
pub(super) fn normal(data: &[u8], code: Code) -> Option<Vec<u8>> {
    let mut walk = Walk {
        data,
        at: 0,
        code,
        marks: Vec::new(),
        references: Vec::new(),
        interned: Vec::new(),
    };
    walk.object(0)?;
    if walk.at != data.len() {
        return None;
    }
    let mut used = vec![false; walk.marks.len()];
    for at in &walk.references {
        *used.get_mut(number(data, *at as usize)? as usize)? = true;
    }
    let mut out = data.to_vec();
    let mut numbers = Vec::with_capacity(used.len());
    let mut next = 0u32;
    for (at, used) in walk.marks.iter().zip(&used) {
        numbers.push(next);
        if *used {
            next += 1;
        } else {
            out[*at as usize] &= !MARK;
        }
    }
    for at in &walk.references {
        let new: u32 = numbers[number(data, *at as usize)? as usize];
        let at = *at as usize;
        out[at..at + 4].copy_from_slice(&new.to_le_bytes());
    }
    for at in walk.interned {
        let kind = &mut out[at as usize];
        *kind = (*kind & MARK)
            | match *kind & !MARK {
                b't' => b'u',
                kind => kind.to_ascii_lowercase(),
            };
    }
    Some(out)
}

fn number(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

struct Walk<'a> {
    data: &'a [u8],
    at: usize,
    code: Code,
    /// Where the kinds of marked objects stand, in the order of their numbers.
    marks: Vec<u32>,
    /// Where the numbers of references stand.
    references: Vec<u32>,
    /// Where interned strings stand that need not be.
    interned: Vec<u32>,
}

impl Walk<'_> {
    fn skip(&mut self, length: usize) -> Option<()> {
        let end = self.at.checked_add(length)?;
        if end > self.data.len() {
            return None;
        }
        self.at = end;
        Some(())
    }

    fn number(&mut self) -> Option<usize> {
        let value = number(self.data, self.at)?;
        self.at += 4;
        Some(value as usize)
    }

    fn byte(&mut self) -> Option<usize> {
        let value = *self.data.get(self.at)?;
        self.at += 1;
        Some(value.into())
    }

    fn objects(&mut self, count: usize, depth: u32) -> Option<()> {
        // Each has a byte at least, so a false count ends with the data.
        for _ in 0..count {
            self.object(depth + 1)?;
        }
        Some(())
    }

    /// Pass over one object; whether there was one, and not the end of a dictionary.
    fn object(&mut self, depth: u32) -> Option<bool> {
        if depth > DEEPEST {
            return None;
        }
        let start = self.at;
        let kind = self.byte()? as u8;
        if kind & MARK != 0 {
            self.marks.push(u32::try_from(start).ok()?);
        }
        match kind & !MARK {
            b'0' => return Some(false),
            b'N' | b'F' | b'T' | b'S' | b'.' => {}
            b'i' => self.skip(4)?,
            b'I' | b'g' => self.skip(8)?,
            b'y' => self.skip(16)?,
            b'f' => {
                let length = self.byte()?;
                self.skip(length)?;
            }
            b'x' => {
                for _ in 0..2 {
                    let length = self.byte()?;
                    self.skip(length)?;
                }
            }
            b'l' => {
                let digits = (self.number()? as u32 as i32).unsigned_abs() as usize;
                self.skip(digits.checked_mul(2)?)?;
            }
            kind @ (b's' | b't' | b'u' | b'a' | b'A' | b'z' | b'Z') => {
                let length = match kind {
                    b'z' | b'Z' => self.byte()?,
                    _ => self.number()?,
                };
                let from = self.at;
                self.skip(length)?;
                let could_be_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                if matches!(kind, b't' | b'A' | b'Z')
                    && !self.data[from..self.at].iter().all(could_be_name)
                {
                    self.interned.push(u32::try_from(start).ok()?);
                }
            }
            b'r' => {
                self.references.push(u32::try_from(self.at).ok()?);
                self.skip(4)?;
            }
            b')' => {
                let count = self.byte()?;
                self.objects(count, depth)?;
            }
            b'(' | b'[' | b'<' | b'>' => {
                let count = self.number()?;
                self.objects(count, depth)?;
            }
            b'{' => while self.object(depth + 1)? {},
            b':' => self.objects(3, depth)?,
            b'c' => {
                self.skip(4 * self.code.numbers)?;
                self.objects(self.code.objects, depth)?;
                self.skip(4)?;
                self.objects(self.code.tables, depth)?;
            }
            _ => return None,
        }
        Some(true)
    }
}
