//! The first reading: everything by its mark.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::wire::{next_message, numbers, Fields, Value};
use super::{Action, Artifact, Error, Fault, Lenience, Log, Mark, Set, Work, MAX_RATIO};

/// The fields of `ExecLogEntry`.
pub mod entry {
    pub const ID: u64 = 1;
    pub const FILE: u64 = 3;
    pub const DIRECTORY: u64 = 4;
    pub(crate) const UNRESOLVED_SYMLINK: u64 = 5;
    pub(crate) const INPUT_SET: u64 = 6;
    pub(crate) const SPAWN: u64 = 7;
    pub(crate) const SYMLINK_ACTION: u64 = 8;
    pub(crate) const SYMLINK_ENTRY_SET: u64 = 9;
    pub(crate) const RUNFILES_TREE: u64 = 10;
}

/// The messages of a log, one after another.
pub struct Messages<'a> {
    path: &'a Path,
    source: Box<dyn Read>,
    buffer: Vec<u8>,
    read: u64,
    /// How many bytes of messages may still come.
    room: u64,
}

/// A small log may unpack to this whatever its size is.
const ROOM: u64 = 8 << 20;

impl<'a> Messages<'a> {
    /// Open a log.
    pub fn open(path: &'a Path) -> Result<Self, Error> {
        let error = |e| Error {
            path: path.to_owned(),
            entry: 0,
            fault: Fault::Read(e),
        };
        let file = File::open(path).map_err(error)?;
        let size = file.metadata().map_err(error)?.len();
        let decoder = zstd::stream::read::Decoder::new(file).map_err(error)?;
        Ok(Self {
            path,
            source: Box::new(BufReader::with_capacity(1 << 17, decoder)),
            buffer: Vec::new(),
            read: 0,
            room: size.saturating_mul(MAX_RATIO).max(ROOM),
        })
    }

    /// Hand each message to `each`.
    pub fn each(mut self, mut each: impl FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Error> {
        loop {
            let step = match next_message(&mut self.source, &mut self.buffer) {
                Ok(false) => return Ok(()),
                // The length itself takes a byte or more.
                Ok(true) => match self.room.checked_sub(self.buffer.len() as u64 + 1) {
                    Some(room) => {
                        self.room = room;
                        each(&self.buffer)
                    }
                    None => Err(Fault::Bomb),
                },
                Err(fault) => Err(fault),
            };
            step.map_err(|fault| Error {
                path: self.path.to_owned(),
                entry: self.read,
                fault,
            })?;
            self.read += 1;
        }
    }
}

/// An entry: its number, or 0, and the one field that says what it is.
pub struct Entry<'a> {
    pub id: u64,
    pub kind: u64,
    pub payload: &'a [u8],
}

impl<'a> Entry<'a> {
    /// The entry in a message, unless it is an empty one.
    pub fn of(message: &'a [u8]) -> Result<Option<Self>, Fault> {
        let (mut id, mut payload) = (0, None);
        for field in Fields::of(message) {
            match field? {
                (entry::ID, Value::Number(number)) => id = number,
                (kind, Value::Bytes(bytes)) => payload = Some((kind, bytes)),
                _ => {}
            }
        }
        Ok(payload.map(|(kind, payload)| Self { id, kind, payload }))
    }
}

pub fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[derive(Clone, Copy)]
enum Known {
    Artifact(u32),
    Set(u32),
}

struct Reader<'a> {
    lenience: &'a Lenience,
    log: Log,
    known: HashMap<u64, Known>,
}

pub fn read(path: &Path, lenience: &Lenience) -> Result<Log, Error> {
    let mut reader = Reader {
        lenience,
        log: Log::default(),
        known: HashMap::new(),
    };
    Messages::open(path)?.each(|message| reader.entry(message))?;
    Ok(reader.log)
}

impl Reader<'_> {
    fn entry(&mut self, message: &[u8]) -> Result<(), Fault> {
        let Some(Entry { id, kind, payload }) = Entry::of(message)? else {
            return Ok(());
        };
        let known = match kind {
            entry::FILE => self.file(payload)?,
            entry::DIRECTORY => self.directory(payload)?,
            entry::UNRESOLVED_SYMLINK => self.unresolved_symlink(payload)?,
            entry::INPUT_SET => self.input_set(payload)?,
            entry::SYMLINK_ENTRY_SET => self.symlink_entry_set(payload)?,
            entry::RUNFILES_TREE => self.runfiles_tree(payload)?,
            entry::SPAWN => return self.spawn(payload),
            entry::SYMLINK_ACTION => return self.symlink_action(payload),
            // The invocation, and what newer versions add.
            _ => return Ok(()),
        };
        if id != 0 {
            self.known.insert(id, known);
        }
        Ok(())
    }

    fn mark_path(&self, path: &[u8]) -> Mark {
        Mark::of_path(&self.lenience.path(&text(path)))
    }

    fn add(&mut self, artifact: Artifact) -> Result<Known, Fault> {
        let at = u32::try_from(self.log.artifacts.len()).map_err(|_| Fault::Full)?;
        self.log.artifacts.push(artifact);
        Ok(Known::Artifact(at))
    }

    fn add_set(&mut self, artifacts: &[u32], sets: &[u32]) -> Result<Known, Fault> {
        let at = u32::try_from(self.log.sets.len()).map_err(|_| Fault::Full)?;
        let start = self.log.members.len();
        self.log.members.extend_from_slice(artifacts);
        self.log.members.extend_from_slice(sets);
        self.log.sets.push(Set {
            start,
            artifacts: u32::try_from(artifacts.len()).map_err(|_| Fault::Full)?,
            sets: u32::try_from(sets.len()).map_err(|_| Fault::Full)?,
        });
        Ok(Known::Set(at))
    }

    fn file(&mut self, payload: &[u8]) -> Result<Known, Fault> {
        let (path, content) = file(payload)?;
        let path = self.mark_path(path);
        self.add(Artifact { path, content })
    }

    fn directory(&mut self, payload: &[u8]) -> Result<Known, Fault> {
        let (mut path, mut files) = (&b""[..], Vec::new());
        for field in Fields::of(payload) {
            match field? {
                (1, Value::Bytes(bytes)) => path = bytes,
                (2, Value::Bytes(bytes)) => {
                    let (name, content) = file(bytes)?;
                    files.push((Mark::of([name]), content));
                }
                _ => {}
            }
        }
        files.sort_unstable();
        let mut parts = Vec::with_capacity(files.len() * 32);
        for (name, content) in files {
            parts.extend_from_slice(&name.0.to_le_bytes());
            parts.extend_from_slice(&content.0.to_le_bytes());
        }
        let path = self.mark_path(path);
        self.add(Artifact {
            path,
            content: Mark::of([&b"directory"[..], &parts]),
        })
    }

    fn unresolved_symlink(&mut self, payload: &[u8]) -> Result<Known, Fault> {
        let (mut path, mut target) = (&b""[..], &b""[..]);
        for field in Fields::of(payload) {
            match field? {
                (1, Value::Bytes(bytes)) => path = bytes,
                (2, Value::Bytes(bytes)) => target = bytes,
                _ => {}
            }
        }
        let path = self.mark_path(path);
        self.add(Artifact {
            path,
            content: Mark::of([&b"link"[..], target]),
        })
    }

    /// Sort references into artifacts and sets.
    fn resolve(&self, id: u64, artifacts: &mut Vec<u32>, sets: &mut Vec<u32>) -> Result<(), Fault> {
        match self.known.get(&id) {
            Some(Known::Artifact(at)) => artifacts.push(*at),
            Some(Known::Set(at)) => sets.push(*at),
            None => return Err(Fault::Reference(id)),
        }
        Ok(())
    }

    fn input_set(&mut self, payload: &[u8]) -> Result<Known, Fault> {
        let (mut artifacts, mut sets) = (Vec::new(), Vec::new());
        for field in Fields::of(payload) {
            match field? {
                // Files, folders and links in the old layout; further sets; everything in the new one.
                (1..=5, value) => {
                    let mut ids = Vec::new();
                    numbers(value, |id| ids.push(id))?;
                    for id in ids {
                        self.resolve(id, &mut artifacts, &mut sets)?;
                    }
                }
                _ => continue,
            }
        }
        self.add_set(&artifacts, &sets)
    }

    /// Links at paths of one's choice: their targets are inputs.
    fn symlink_entry_set(&mut self, payload: &[u8]) -> Result<Known, Fault> {
        let (mut artifacts, mut sets) = (Vec::new(), Vec::new());
        for field in Fields::of(payload) {
            match field? {
                (1, Value::Bytes(pair)) => {
                    for field in Fields::of(pair) {
                        if let (2, Value::Number(id)) = field? {
                            self.resolve(id, &mut artifacts, &mut sets)?;
                        }
                    }
                }
                (2, value) => {
                    let mut ids = Vec::new();
                    numbers(value, |id| ids.push(id))?;
                    for id in ids {
                        self.resolve(id, &mut artifacts, &mut sets)?;
                    }
                }
                _ => {}
            }
        }
        self.add_set(&artifacts, &sets)
    }

    fn runfiles_tree(&mut self, payload: &[u8]) -> Result<Known, Fault> {
        let (mut artifacts, mut sets) = (Vec::new(), Vec::new());
        let (mut path, mut rest) = (&b""[..], Vec::new());
        for field in Fields::of(payload) {
            match field? {
                (1, Value::Bytes(bytes)) => path = bytes,
                (2..=4, Value::Number(id)) => self.resolve(id, &mut artifacts, &mut sets)?,
                // The names of empty files, and the mapping of repositories.
                (number @ (5 | 6), Value::Bytes(bytes)) => {
                    rest.push(number as u8);
                    rest.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
                    rest.extend_from_slice(bytes);
                }
                _ => {}
            }
        }
        let path = self.mark_path(path);
        if let Known::Artifact(tree) = self.add(Artifact {
            path,
            content: Mark::of([&b"runfiles"[..], &rest]),
        })? {
            artifacts.push(tree);
        }
        self.add_set(&artifacts, &sets)
    }

    fn spawn(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let (mut label, mut mnemonic) = (&b""[..], &b""[..]);
        let (mut command, mut platform) = (Vec::new(), &b""[..]);
        let (mut environment, mut inputs) = (Vec::new(), None);
        let (mut outputs, mut lost) = (Vec::new(), Vec::new());
        for field in Fields::of(payload) {
            match field? {
                (1, Value::Bytes(argument)) => command.push(argument),
                (2, Value::Bytes(bytes)) => {
                    let (name, value) = variable(bytes)?;
                    if !self
                        .lenience
                        .environment
                        .iter()
                        .any(|n| n.as_bytes() == name)
                    {
                        environment.push((name, value));
                    }
                }
                (3, Value::Bytes(bytes)) => platform = bytes,
                (4, Value::Number(0)) => {}
                (4, Value::Number(id)) => match self.known.get(&id) {
                    Some(Known::Set(at)) => inputs = Some(*at),
                    _ => return Err(Fault::Reference(id)),
                },
                (6, Value::Bytes(output)) => {
                    for field in Fields::of(output) {
                        match field? {
                            // By kind in the old layout, 5 for all in the new one.
                            (1..=3 | 5, Value::Number(id)) => match self.known.get(&id) {
                                Some(Known::Artifact(at)) => {
                                    outputs.push(self.log.artifacts[*at as usize]);
                                }
                                _ => return Err(Fault::Reference(id)),
                            },
                            (4, Value::Bytes(path)) => lost.push(Artifact {
                                path: self.mark_path(path),
                                content: Mark::of([&b"not made"[..]]),
                            }),
                            _ => {}
                        }
                    }
                }
                (7, Value::Bytes(bytes)) => label = bytes,
                (8, Value::Bytes(bytes)) => mnemonic = bytes,
                _ => {}
            }
        }
        environment.sort_unstable();
        let first = outputs.first().or(lost.first()).map(|a| a.path);
        outputs.append(&mut lost);
        let command: Vec<_> = command
            .into_iter()
            .map(|argument| self.lenience.path(&text(argument)).into_owned())
            .collect();
        self.log.actions.push(Action {
            key: key(label, mnemonic, first),
            work: Work::Spawn {
                command: Mark::of(
                    [platform]
                        .into_iter()
                        .chain(command.iter().map(|argument| argument.as_bytes())),
                ),
                environment: Mark::of(environment.into_iter().flat_map(|(n, v)| [n, v])),
                inputs,
            },
            outputs,
        });
        Ok(())
    }

    fn symlink_action(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let (mut target, mut path) = (&b""[..], &b""[..]);
        let (mut label, mut mnemonic) = (&b""[..], &b""[..]);
        for field in Fields::of(payload) {
            match field? {
                (1, Value::Bytes(bytes)) => target = bytes,
                (2, Value::Bytes(bytes)) => path = bytes,
                (3, Value::Bytes(bytes)) => label = bytes,
                (4, Value::Bytes(bytes)) => mnemonic = bytes,
                _ => {}
            }
        }
        let (target, path) = (self.mark_path(target), self.mark_path(path));
        self.log.actions.push(Action {
            key: key(label, mnemonic, Some(path)),
            work: Work::Symlink { target },
            // Whatever is at the target.
            outputs: vec![Artifact {
                path,
                content: target,
            }],
        });
        Ok(())
    }
}

fn key(label: &[u8], mnemonic: &[u8], output: Option<Mark>) -> Mark {
    let output = output.map_or([0; 16], |mark| mark.0.to_le_bytes());
    Mark::of([label, mnemonic, &output])
}

/// A file's path and the mark of its contents.
fn file(payload: &[u8]) -> Result<(&[u8], Mark), Fault> {
    let (mut path, mut content) = (&b""[..], Mark::of([&b"empty"[..]]));
    for field in Fields::of(payload) {
        match field? {
            (1, Value::Bytes(bytes)) => path = bytes,
            (2, Value::Bytes(digest)) => {
                let (mut hash, mut size) = (&b""[..], 0);
                for field in Fields::of(digest) {
                    match field? {
                        (1, Value::Bytes(bytes)) => hash = bytes,
                        (2, Value::Number(number)) => size = number,
                        _ => {}
                    }
                }
                // The digest of an empty file may be left out, and then again may not.
                if size != 0 {
                    content = Mark::of([&b"file"[..], hash]);
                }
            }
            _ => {}
        }
    }
    Ok((path, content))
}

/// A name and a value.
pub fn variable(payload: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    let (mut name, mut value) = (&b""[..], &b""[..]);
    for field in Fields::of(payload) {
        match field? {
            (1, Value::Bytes(bytes)) => name = bytes,
            (2, Value::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    Ok((name, value))
}
