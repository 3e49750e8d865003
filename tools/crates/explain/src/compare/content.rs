//! Two contents: containers are opened, files of one format are left to `verbatim-causes`.

use std::io::{self, Read};

use verbatim_causes::{Cause, Comparison, Excerpt, Finding, Piece};
use verbatim_formats::cpio::is_archive;
use verbatim_formats::gzip::Header;
use verbatim_formats::rpm::Layout;
use verbatim_formats::Flaw;
use verbatim_reader::{decompress, Compression};

use super::{digests, Explainer};
use crate::blob::{read_full, Blob, Spool};
use crate::container::cpio::Cpio;
use crate::container::{ar, gzip, zip};
use crate::limits::Limited;
use crate::report::Difference;
use crate::tree::{self, Tree};

/// As much of a content as tells its shape.
const HEAD: usize = 512;

/// What a content looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Tar,
    Compressed(Compression),
    Zip,
    Ar,
    Cpio,
    Rpm,
    File,
}

impl Shape {
    fn of(head: &[u8]) -> Self {
        match Compression::of_magic(head) {
            Compression::None => {}
            compression => return Self::Compressed(compression),
        }
        match head {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Self::Zip,
            _ if head.starts_with(verbatim_formats::ar::MAGIC) => Self::Ar,
            _ if head.starts_with(verbatim_formats::rpm::MAGIC) => Self::Rpm,
            _ if is_archive(head) => Self::Cpio,
            _ if tree::is_tar(head) => Self::Tar,
            _ => Self::File,
        }
    }
}

impl Explainer<'_> {
    /// Explain two contents that differ. `path` is the path for what is inside of them, `name`
    /// the name that they go by.
    ///
    /// An error says that one of them could not be read to its end; what was found until then
    /// stays in `node`.
    pub(crate) fn content(
        &mut self,
        node: &mut Difference,
        path: &str,
        name: &[u8],
        left: &Blob,
        right: &Blob,
        depth: u32,
    ) -> io::Result<()> {
        let pair = self.ledger.note(&node.path, left, right, false);
        let shapes = (Shape::of(&left.head(HEAD)?), Shape::of(&right.head(HEAD)?));
        match shapes {
            (Shape::Tar, Shape::Tar) => {
                self.enter(depth)?;
                node.format = Some("tar");
                let (l, r) = self.scan_both(left, right, depth)?;
                self.archives(node, path, (&l, left), (&r, right), depth)
            }
            (Shape::Compressed(_), Shape::Compressed(_) | Shape::Tar | Shape::File)
            | (Shape::Tar | Shape::File, Shape::Compressed(_)) => {
                self.enter(depth)?;
                self.compressed(node, path, name, (left, shapes.0), (right, shapes.1), depth)
            }
            (Shape::Zip, Shape::Zip) => {
                self.enter(depth)?;
                node.format = Some("zip");
                match (zip::Zip::read(left), zip::Zip::read(right)) {
                    (Ok(l), Ok(r)) => self.zips(node, path, &l, &r, depth),
                    (Err(e), _) | (_, Err(e)) => {
                        self.leaf(node, name, pair, left, right)?;
                        node.not_examined(format!("it is no zip file that can be read: {e}"));
                        Ok(())
                    }
                }
            }
            (Shape::Ar, Shape::Ar) => {
                self.enter(depth)?;
                node.format = Some("ar");
                match (ar::members(left), ar::members(right)) {
                    (Ok(l), Ok(r)) => self.ars(node, path, &l, &r, depth),
                    (Err(e), _) | (_, Err(e)) => {
                        self.leaf(node, name, pair, left, right)?;
                        node.not_examined(format!("it is no ar archive that can be read: {e}"));
                        Ok(())
                    }
                }
            }
            (Shape::Cpio, Shape::Cpio) => {
                self.enter(depth)?;
                node.format = Some("cpio");
                match (Cpio::read(left), Cpio::read(right)) {
                    (Ok(l), Ok(r)) => self.cpios(node, path, &l, &r, depth),
                    (Err(e), _) | (_, Err(e)) => {
                        self.leaf(node, name, pair, left, right)?;
                        node.not_examined(format!(
                            "it is no archive of cpio that can be read: {e}"
                        ));
                        Ok(())
                    }
                }
            }
            (Shape::Rpm, Shape::Rpm) => {
                self.enter(depth)?;
                match (Layout::find(left), Layout::find(right)) {
                    (Ok(l), Ok(r)) => {
                        self.packages(node, path, name, (left, &l), (right, &r), depth)
                    }
                    _ => self.leaf(node, name, pair, left, right),
                }
            }
            _ => self.leaf(node, name, pair, left, right),
        }
    }

    /// Whether a content is opened, and not compared as a file.
    pub(crate) fn is_container(blob: &Blob) -> io::Result<bool> {
        Ok(Shape::of(&blob.head(HEAD)?) != Shape::File)
    }

    /// Read both archives at the same time.
    pub(crate) fn scan_both(
        &self,
        left: &Blob,
        right: &Blob,
        depth: u32,
    ) -> io::Result<(Tree, Tree)> {
        let bounds = self.bounds(depth);
        std::thread::scope(|scope| {
            let left = scope.spawn(|| tree::scan(left, &bounds));
            let right = tree::scan(right, &bounds).map_err(|e| on_side("the right side", e));
            let left = left
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("a thread of this program failed")))
                .map_err(|e| on_side("the left side", e));
            Ok((left?, right?))
        })
    }

    /// Two tar archives that differ as bytes once they are decompressed, or may do so.
    fn archives(
        &mut self,
        node: &mut Difference,
        path: &str,
        (l, left): (&Tree, &Blob),
        (r, right): (&Tree, &Blob),
        depth: u32,
    ) -> io::Result<()> {
        let found = node.findings.len();
        self.trees(node, path, l, r, depth)?;
        if node.findings.len() > found || !node.children.is_empty() {
            return Ok(());
        }
        // Entries and headers are equal: what is between them, or only the compression.
        let Some(at) = self.first_inner_difference(left, right, depth)? else {
            return Ok(());
        };
        node.find(
            Cause::ArchiveHeader,
            &format!("offset {at:#x} of the archive"),
            "bytes that belong to no header and no content differ (padding, or what follows the end)",
        );
        Ok(())
    }

    fn decompressed(
        &self,
        blob: &Blob,
        depth: u32,
    ) -> io::Result<Limited<verbatim_reader::Decompressed<crate::blob::Reader>>> {
        let bounds = self.bounds(depth);
        Ok(Limited::new(
            decompress(blob.reader()?),
            bounds.all,
            bounds.own,
        ))
    }

    fn first_inner_difference(
        &self,
        left: &Blob,
        right: &Blob,
        depth: u32,
    ) -> io::Result<Option<u64>> {
        let (mut l, mut r) = (
            self.decompressed(left, depth)?,
            self.decompressed(right, depth)?,
        );
        let (mut a, mut b) = (vec![0; 256 << 10], vec![0; 256 << 10]);
        let mut at = 0u64;
        loop {
            let n = read_full(&mut l, &mut a)?;
            let m = read_full(&mut r, &mut b)?;
            let both = n.min(m);
            if a[..both] != b[..both] || n != m {
                let same = a[..both].iter().zip(&b[..both]).take_while(|(a, b)| a == b);
                return Ok(Some(at + same.count() as u64));
            }
            if n == 0 {
                return Ok(None);
            }
            at += n as u64;
        }
    }

    fn compressed(
        &mut self,
        node: &mut Difference,
        path: &str,
        name: &[u8],
        (left, left_shape): (&Blob, Shape),
        (right, right_shape): (&Blob, Shape),
        depth: u32,
    ) -> io::Result<()> {
        let peek = |blob: &Blob| -> io::Result<Vec<u8>> {
            let mut head = Vec::new();
            decompress(blob.reader()?)
                .take(HEAD as u64)
                .read_to_end(&mut head)?;
            Ok(head)
        };
        node.format = Some(format_of(left_shape, right_shape));
        let wrapper = Wrapper::of((left, left_shape), (right, right_shape))?;
        wrapper.tell(node);
        if tree::is_tar(&peek(left)?) && tree::is_tar(&peek(right)?) {
            self.ledger.note(&node.path, left, right, true);
            let (l, r) = self.scan_both(left, right, depth)?;
            let found = node.findings.len();
            self.archives(node, path, (&l, left), (&r, right), depth)?;
            if node.findings.len() == found && node.children.is_empty() {
                wrapper.tell_compression(node);
            } else {
                wrapper.tell_encoder(node);
            }
            return Ok(());
        }
        let mut spool = Spool::new()?;
        let mut unpack = |blob: &Blob, side| {
            spool
                .take(&mut self.decompressed(blob, depth)?)
                .map_err(|e| on_side(side, e))
        };
        let l = unpack(left, "the left side")?;
        let r = unpack(right, "the right side")?;
        if l.first_difference(&r)?.is_none() {
            wrapper.tell_compression(node);
            return Ok(());
        }
        wrapper.tell_encoder(node);
        self.content(node, path, inner_name(name), &l, &r, depth + 1)
    }

    /// Two blobs that hold the same bytes once they are decompressed: tell how they differ.
    pub(crate) fn same_inside(
        &mut self,
        node: &mut Difference,
        left: &Blob,
        right: &Blob,
    ) -> io::Result<()> {
        let shapes = (Shape::of(&left.head(HEAD)?), Shape::of(&right.head(HEAD)?));
        node.format = Some(format_of(shapes.0, shapes.1));
        let wrapper = Wrapper::of((left, shapes.0), (right, shapes.1))?;
        wrapper.tell(node);
        wrapper.tell_compression(node);
        Ok(())
    }

    /// Two files of one format.
    pub(crate) fn leaf(
        &mut self,
        node: &mut Difference,
        name: &[u8],
        pair: Option<usize>,
        left: &Blob,
        right: &Blob,
    ) -> io::Result<()> {
        let largest = left.size().max(right.size());
        if largest > self.limits.file {
            node.absorb(beyond(left, right, self.limits.file)?);
            return Ok(());
        }
        let name = String::from_utf8_lossy(name);
        let (l, r) = (left.load()?, right.load()?);
        let comparison = verbatim_causes::compare(&name, &l, &r);
        digests::tell(node, &name, pair, comparison, &l, &r);
        Ok(())
    }
}

fn on_side(side: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{side}: {error}"))
}

fn format_of(left: Shape, right: Shape) -> &'static str {
    let compression = match (left, right) {
        (Shape::Compressed(compression), _) | (_, Shape::Compressed(compression)) => compression,
        _ => return "tar",
    };
    match compression {
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
        Compression::Xz => "xz",
        Compression::Bzip2 => "bzip2",
        Compression::None => "tar",
    }
}

/// `a.tar` of `a.tar.gz`.
fn inner_name(name: &[u8]) -> &[u8] {
    for ending in [&b".gz"[..], b".zst", b".xz", b".bz2"] {
        if let Some(inner) = name.strip_suffix(ending) {
            return inner;
        }
    }
    name
}

/// What both sides are compressed with.
struct Wrapper<'b> {
    left: String,
    right: String,
    /// Whether one side is compressed in another way than the other, or not at all.
    kinds_differ: bool,
    /// Of gzip: header fields that differ, and whether what follows is equal.
    gzip: Option<(Header<'b>, Header<'b>, bool)>,
}

impl<'b> Wrapper<'b> {
    fn of((left, l): (&'b Blob, Shape), (right, r): (&'b Blob, Shape)) -> io::Result<Self> {
        let gzip = match (l, r) {
            (Shape::Compressed(Compression::Gzip), Shape::Compressed(Compression::Gzip)) => {
                match (gzip_header(left)?, gzip_header(right)?) {
                    (Some(l), Some(r)) => {
                        let rest = |blob: &Blob, header: &Header| blob.part(header.len(), u64::MAX);
                        let same_body = left.size() - l.len() == right.size() - r.len()
                            && rest(left, &l)?
                                .first_difference(&rest(right, &r)?)?
                                .is_none();
                        Some((l, r, same_body))
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        Ok(Self {
            left: described(left, l)?,
            right: described(right, r)?,
            kinds_differ: l != r,
            gzip,
        })
    }

    /// Fields of the headers that differ, whatever is inside.
    fn tell(&self, node: &mut Difference) {
        if let Some((l, r, _)) = &self.gzip {
            gzip::compare(l, r, node);
        }
    }

    /// The content is the same.
    fn tell_compression(&self, node: &mut Difference) {
        if let Some((l, r, true)) = &self.gzip {
            // Not the encoder then, but what was written around its work.
            if gzip::have_other_marks(l, r) {
                node.find(
                    Cause::ArchiveHeader,
                    "gzip header",
                    format!("once written as {} and once as {}", self.left, self.right),
                );
            }
            if !node.findings.is_empty() {
                return;
            }
        }
        node.find(
            Cause::Compression,
            "",
            format!(
                "the same content, once as {} and once as {}",
                self.left, self.right
            ),
        );
    }

    /// The content is another one: the encoder is told only if it left its mark.
    fn tell_encoder(&self, node: &mut Difference) {
        let marked = match &self.gzip {
            Some((l, r, _)) => gzip::have_other_marks(l, r),
            None => self.kinds_differ,
        };
        if marked {
            node.find(
                Cause::Compression,
                "",
                format!(
                    "compressed once as {} and once as {}",
                    self.left, self.right
                ),
            );
        }
    }
}

/// The header of a gzip file; `None` if it is none that can be taken apart.
fn gzip_header(blob: &Blob) -> io::Result<Option<Header<'_>>> {
    match Header::read(blob) {
        Ok(header) => Ok(Some(header)),
        Err(Flaw::Malformed { .. }) => Ok(None),
        Err(Flaw::Io(error)) => Err(error),
    }
}

/// The compression as far as the first bytes tell how it was made.
fn described(blob: &Blob, shape: Shape) -> io::Result<String> {
    let head = blob.head(32)?;
    let size = blob.size();
    Ok(match shape {
        Shape::Compressed(Compression::Gzip) => match gzip_header(blob)? {
            Some(header) => format!("gzip ({}, {size} bytes)", gzip::encoder(&header)),
            None => format!("gzip ({size} bytes)"),
        },
        Shape::Compressed(Compression::Zstd) => {
            let descriptor = head.get(4).copied().unwrap_or(0);
            let checksum = if descriptor & 4 != 0 {
                "with"
            } else {
                "without"
            };
            let window = if descriptor & 0x20 != 0 {
                String::new()
            } else {
                format!(
                    ", window descriptor {:#04x}",
                    head.get(5).copied().unwrap_or(0)
                )
            };
            format!("zstd ({checksum} checksum{window}, {size} bytes)")
        }
        Shape::Compressed(Compression::Xz) => format!(
            "xz (check type {}, {size} bytes)",
            head.get(7).copied().unwrap_or(0)
        ),
        Shape::Compressed(Compression::Bzip2) => format!(
            "bzip2 (level {}, {size} bytes)",
            char::from(head.get(3).copied().unwrap_or(b'?'))
        ),
        _ => format!("plain bytes ({size})"),
    })
}

/// Two files that are too large to be loaded: where they differ first, and a piece of both.
fn beyond(left: &Blob, right: &Blob, limit: u64) -> io::Result<Comparison> {
    let at = left.first_difference(right)?.unwrap_or(0);
    let from = at.saturating_sub(32) & !15;
    let at_text = format!("offset {at:#x}");
    Ok(Comparison {
        format: "bytes",
        findings: vec![Finding {
            cause: Cause::Unexplained,
            at: at_text.clone(),
            evidence: format!(
                "the first byte that differs, of {} and {} bytes; files of more than {limit} bytes are not looked into further",
                left.size(),
                right.size()
            ),
        }],
        excerpts: vec![Excerpt {
            at: at_text,
            piece: Piece::Bytes {
                left: left.part(from, 96)?.load()?,
                right: right.part(from, 96)?.load()?,
            },
        }],
        more: true,
    })
}
