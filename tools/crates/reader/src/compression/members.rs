//! gzip files of many small members, several members at a time.
//!
//! Whoever compresses in parallel, or wants to find files inside a layer, writes one member
//! after another. Where the next one begins can only be known by decompressing, but it can
//! be guessed: its header is the same as that of the one before. A guess is only believed
//! when a member that began at a known place turns out to end exactly there, with the right
//! checksum, so wrong guesses cost time and nothing else. Small members can also be
//! decompressed in one piece, which is faster by itself, and on several threads.

use std::collections::VecDeque;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use libdeflate_sys as sys;

/// The part of a header that members of one file share: magic, method, flags, time, system.
const HEADER: usize = 10;
/// The largest member, compressed, that is looked for: one that stores the largest content as it is.
pub(super) const LARGEST: usize = LARGEST_CONTENT + (4 << 10);
/// What has to be in the buffer to find some.
pub(super) const BUFFER: usize = 2 * LARGEST;
/// The largest content of a member.
const LARGEST_CONTENT: usize = 2 << 20;
/// The content that is decompressed at a time for each thread: beyond that, it would leave
/// the cache before it is used.
const AT_A_TIME: usize = 2 << 20;
/// Members at a time, however small.
const MOST: usize = 256;
/// Content below this is not worth a thread.
const WORTH_A_THREAD: usize = 512 << 10;

/// A member that may stand here, and the size of its content.
struct Guess {
    bytes: Range<usize>,
    content: usize,
}

/// Members that were decompressed, and what is needed for the next ones.
#[derive(Default)]
pub(super) struct Members {
    threads: usize,
    decompressors: Vec<Decompressor>,
    ready: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
    /// How far the first of `ready` was given out.
    at: usize,
    misses: u64,
    content: u64,
}

/// What a look at the buffer gave.
pub(super) enum Look {
    /// So many bytes of the buffer were decompressed, and so many members, with or without
    /// content.
    Found {
        bytes: usize,
        members: u32,
        with_content: u32,
    },
    /// It might be possible with a full buffer.
    More,
    /// The next member has to be read as a stream.
    Nothing,
}

impl Members {
    pub(super) fn new(threads: usize) -> Self {
        Self {
            threads: threads.max(1),
            ..Self::default()
        }
    }

    /// Whether guessing still pays. A file could be made to mislead it every time, so a
    /// wrong guess has to be earned by a mebibyte of content.
    pub(super) fn pays(&self) -> bool {
        self.misses <= 16 + (self.content >> 20)
    }

    /// Decompress members from the start of the buffer, where one begins.
    pub(super) fn look(&mut self, buffer: &[u8], full: bool) -> Look {
        let guesses = self.guess(buffer);
        let content: usize = guesses.iter().map(|guess| guess.content).sum();
        if content < AT_A_TIME * self.threads && guesses.len() < MOST && !full {
            return Look::More;
        }
        let results = self.decompress(buffer, &guesses, content);
        let (mut bytes, mut members, mut with_content) = (0, 0, 0);
        let mut chain = true;
        for (guess, (right, content)) in guesses.iter().zip(results) {
            chain &= right;
            if !chain {
                // What follows a wrong guess begins at a place that is not known.
                self.recycle(content);
                continue;
            }
            bytes = guess.bytes.end;
            members += 1;
            with_content += u32::from(!content.is_empty());
            self.content += content.len() as u64;
            self.ready.push_back(content);
        }
        self.misses += u64::from(!chain || guesses.is_empty());
        if members == 0 {
            return Look::Nothing;
        }
        Look::Found {
            bytes,
            members,
            with_content,
        }
    }

    /// Keep some memory for the next members.
    fn recycle(&mut self, content: Vec<u8>) {
        if self.spare.len() < 2 * self.threads {
            self.spare.push(content);
        }
    }

    /// Copy out what is ready; 0 when nothing is left.
    pub(super) fn read(&mut self, out: &mut [u8]) -> usize {
        while let Some(first) = self.ready.front() {
            let rest = &first[self.at..];
            if !rest.is_empty() {
                let n = rest.len().min(out.len());
                out[..n].copy_from_slice(&rest[..n]);
                self.at += n;
                return n;
            }
            self.at = 0;
            if let Some(used) = self.ready.pop_front() {
                self.recycle(used);
            }
        }
        0
    }

    fn guess(&self, buffer: &[u8]) -> Vec<Guess> {
        let mut guesses = Vec::new();
        let Some(header) = buffer.get(..HEADER) else {
            return guesses;
        };
        let finder = memchr::memmem::Finder::new(header);
        let (mut begin, mut total) = (0, 0);
        while guesses.len() < MOST && total < AT_A_TIME * self.threads {
            let rest = &buffer[begin + HEADER..];
            let Some(at) = finder.find(&rest[..rest.len().min(LARGEST)]) else {
                break;
            };
            let end = begin + HEADER + at;
            let Some(size) = buffer[..end].last_chunk::<4>() else {
                break;
            };
            let content = u32::from_le_bytes(*size) as usize;
            if content > LARGEST_CONTENT {
                break;
            }
            guesses.push(Guess {
                bytes: begin..end,
                content,
            });
            total += content;
            begin = end;
        }
        guesses
    }

    fn decompress(
        &mut self,
        buffer: &[u8],
        guesses: &[Guess],
        content: usize,
    ) -> Vec<(bool, Vec<u8>)> {
        let threads = if content < WORTH_A_THREAD {
            1
        } else {
            self.threads.min(guesses.len())
        };
        while self.decompressors.len() < threads {
            match Decompressor::new() {
                Some(decompressor) => self.decompressors.push(decompressor),
                None => break,
            }
        }
        let jobs: Vec<_> = guesses
            .iter()
            .map(|guess| {
                let mut out = self.spare.pop().unwrap_or_default();
                out.resize(guess.content, 0);
                std::sync::Mutex::new((false, out))
            })
            .collect();
        let next = AtomicUsize::new(0);
        let work = |decompressor: &mut Decompressor| loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let (Some(job), Some(guess)) = (jobs.get(i), guesses.get(i)) else {
                break;
            };
            // Each job is taken once, so nobody waits here.
            if let Ok(mut job) = job.lock() {
                job.0 = decompressor.member(&buffer[guess.bytes.clone()], &mut job.1);
            }
        };
        if let Some((own, others)) = self.decompressors.split_first_mut() {
            std::thread::scope(|scope| {
                for other in others.iter_mut().take(threads.saturating_sub(1)) {
                    let work = &work;
                    // Without another thread, this one does it all.
                    let spawned = std::thread::Builder::new().spawn_scoped(scope, move || {
                        work(other);
                    });
                    drop(spawned);
                }
                work(own);
            });
        }
        jobs.into_iter()
            .map(|job| job.into_inner().unwrap_or_default())
            .collect()
    }
}

/// libdeflate's decompressor, which needs a member and room for its content in one piece.
struct Decompressor(NonNull<sys::libdeflate_decompressor>);

// SAFETY: it is a block of memory without ties to a thread; only one uses it at a time,
// since every use takes it by `&mut`.
unsafe impl Send for Decompressor {}

impl Decompressor {
    fn new() -> Option<Self> {
        // SAFETY: it has no preconditions, and gives null when there is no memory.
        NonNull::new(unsafe { sys::libdeflate_alloc_decompressor() }).map(Self)
    }

    /// Whether `bytes` are one member from the first to the last, with a content that fills
    /// `out` exactly; it is there then.
    fn member(&mut self, bytes: &[u8], out: &mut [u8]) -> bool {
        let mut used = 0;
        // SAFETY: the decompressor is alive, both slices are valid for their lengths, and
        // `used` may be written. With no place for the length of the content, libdeflate
        // only succeeds when that is exactly the length of `out`.
        let result = unsafe {
            sys::libdeflate_gzip_decompress_ex(
                self.0.as_ptr(),
                bytes.as_ptr().cast(),
                bytes.len(),
                out.as_mut_ptr().cast(),
                out.len(),
                &mut used,
                std::ptr::null_mut(),
            )
        };
        result == sys::libdeflate_result_LIBDEFLATE_SUCCESS && used == bytes.len()
    }
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        // SAFETY: it came from `libdeflate_alloc_decompressor` and is freed once.
        unsafe { sys::libdeflate_free_decompressor(self.0.as_ptr()) }
    }
}
