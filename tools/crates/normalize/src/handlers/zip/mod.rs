//! Zip archives of every name: times, owners, permissions and the order of the entries.
//!
//! Every field is set where it stands, in the local header as in the central directory,
//! so that an archive needs no rewriting for them: lengths, offsets, data descriptors and
//! zip64 records stay as they are. Only the order, and content that is itself normalised,
//! move bytes; then the offsets are written anew. Compressed content is copied, never
//! compressed again, except where what it holds has changed.
//!
//! Entries that overlap, the trick of archive bombs, are an error; data between entries,
//! which signed packages have, forbids moving any.

mod stamps;

use std::cell::RefCell;

use verbatim_formats::zip::{
    self, Directory, Layout, OffsetField, DEFLATED, DESCRIPTOR, ENCRYPTED, LOCAL_SIZE, STORED,
};

use self::stamps::{set_mode, Times};
use super::{find, has_extension, u16_at, u32_at, Handler};
use crate::in_place::{handler_for, Context, Flaw, Plan, Source};

pub(in crate::handlers) struct Zip;

impl Handler for Zip {
    fn name(&self) -> &'static str {
        "zip"
    }

    fn accepts(&self, name: &[u8], head: &[u8]) -> bool {
        const NAMES: &[&str] = &[
            "zip", "epub", "whl", "egg", "xpi", "pk3", "par", "htb", "zhfst", "codadef", "odt",
            "ods", "odp", "odg", "docx", "xlsx", "pptx", "kmz", "pyz",
        ];
        let plain = head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06");
        // A program for Python may have a line in front of the archive that names the interpreter.
        let script = head.starts_with(b"#!") && find(head, b"\nPK\x03\x04").is_some();
        (has_extension(name, NAMES) && plain) || script
    }

    fn normalize(&self, source: &Source, context: &Context) -> Result<Plan, Flaw> {
        normalize(source, context, &Rules::default())
    }
}

/// What archives of one kind want differently.
pub(in crate::handlers) struct Rules {
    /// Where an entry belongs: lower comes first, then by name.
    pub(in crate::handlers) rank: fn(name: &[u8]) -> u8,
    /// Whether entries without which the others lose their meaning are present: then no content changes.
    pub(in crate::handlers) sealed: fn(name: &[u8]) -> Option<&'static str>,
    /// Normal content for an entry that no handler knows; none if it is normal.
    pub(in crate::handlers) content: fn(name: &[u8], content: &[u8]) -> Option<Normalized>,
    /// Whether `content` wants to see an entry of this name.
    pub(in crate::handlers) wanted: fn(name: &[u8]) -> bool,
    /// Whether an entry must look older than the others.
    pub(in crate::handlers) older: fn(name: &[u8]) -> bool,
}

/// Content that was normalised.
pub(in crate::handlers) struct Normalized {
    pub(in crate::handlers) content: Vec<u8>,
    /// What changed in it.
    pub(in crate::handlers) changes: Vec<String>,
    /// Whether its format compresses by itself.
    pub(in crate::handlers) packed: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            // Readers of EPUB and OpenDocument look for the type at a fixed place.
            rank: |name| u8::from(name != b"mimetype"),
            // A wheel lists the digests of its files; extensions of browsers are signed as jars are.
            sealed: |name| {
                if name.ends_with(b".dist-info/RECORD") {
                    Some("RECORD lists digests of the entries, so no content was changed")
                } else {
                    super::jar::sealed(name)
                }
            },
            content: |_, _| None,
            wanted: |_| false,
            older: |_| false,
        }
    }
}

/// Larger entries are copied unseen: what is normalised in them is small.
const LARGEST_CONTENT: u64 = 64 << 20;
/// Archives in archives in archives are looked into; deeper ones are traps.
const DEEPEST: u32 = 3;

/// An entry as it will be written.
struct Entry<'d> {
    original: zip::Entry<'d>,
    /// Its record in the directory.
    central: Vec<u8>,
    /// The local header with name and extra field, if it changes.
    local: Option<Vec<u8>>,
    /// What stands there instead of its data and descriptor.
    content: Option<Vec<u8>>,
}

impl<'d> Entry<'d> {
    fn of(original: zip::Entry<'d>) -> Self {
        Self {
            central: original.record.to_vec(),
            original,
            local: None,
            content: None,
        }
    }

    fn name(&self) -> &'d [u8] {
        self.original.name()
    }

    fn set_offset(&mut self, offset: u64) -> bool {
        match self.original.offset_field {
            OffsetField::Short => match u32::try_from(offset) {
                Ok(offset) if offset != u32::MAX => {
                    self.central[42..46].copy_from_slice(&offset.to_le_bytes());
                    true
                }
                _ => false,
            },
            OffsetField::Long(at) => {
                self.central[at..at + 8].copy_from_slice(&offset.to_le_bytes());
                true
            }
        }
    }

    /// Whether nothing but the entry is in its region.
    fn fills_its_region(&self) -> bool {
        let rest = self.original.end - self.original.stored().end;
        match rest {
            0 => true,
            12 | 16 | 20 | 24 => self.original.flags() & DESCRIPTOR != 0,
            _ => false,
        }
    }

    fn length(&self) -> u64 {
        let Self { original, .. } = self;
        match &self.content {
            Some(content) => original.data - original.start + content.len() as u64,
            None => original.end - original.start,
        }
    }
}

/// The content of an entry as it should be, if it should be another.
fn normal_content(
    source: &Source,
    entry: &Entry,
    local_extra: &[u8],
    context: &Context,
    rules: &Rules,
    plan: &mut Plan,
) -> Result<Option<Normalized>, Flaw> {
    let name = entry.name();
    // Sizes that were written with 64 bits stay so.
    if zip::fields(local_extra).any(|(id, _)| id == 1) {
        return Ok(None);
    }
    let wanted = (rules.wanted)(name);
    if name.ends_with(b"/") || !(wanted || may_be_handled(name)) {
        return Ok(None);
    }
    let original = &entry.original;
    if original.zip64 || !original.can_be_unpacked(LARGEST_CONTENT) {
        return Ok(None);
    }
    if !context.spend(original.uncompressed) {
        plan.note("it decompresses to far more than its size, so not all of it was looked into");
        return Ok(None);
    }
    let content = original.content(source)?;
    if wanted {
        return Ok((rules.content)(name, &content));
    }
    if context.depth >= DEEPEST {
        return Ok(None);
    }
    let base = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
    let Some(handler) = handler_for(base, &content) else {
        return Ok(None);
    };
    let inner = context.inner();
    // What is broken inside is somebody's test data, and the archive around it is sound.
    let Ok(mut inner_plan) = handler.normalize(&Source::memory(&content), &inner) else {
        return Ok(None);
    };
    for note in inner_plan.notes.drain(..) {
        plan.note(format!("{}: {note}", String::from_utf8_lossy(entry.name())));
    }
    Ok((!inner_plan.changes.is_empty()).then(|| Normalized {
        content: inner_plan.assemble(&content),
        changes: inner_plan.changes,
        packed: matches!(handler.name(), "gzip" | "png" | "zip" | "jar"),
    }))
}

/// Whether a handler could accept the name, so that most entries need not be decompressed.
pub(in crate::handlers) fn may_be_handled(name: &[u8]) -> bool {
    const NAMES: &[&str] = &[
        "html",
        "htm",
        "properties",
        "jar",
        "war",
        "zip",
        "png",
        "pyc",
        "mo",
        "gz",
    ];
    has_extension(&name.to_ascii_lowercase(), NAMES)
}

thread_local! {
    /// It takes longer to make than to use on a small file.
    static DEFLATE: RefCell<libdeflater::Compressor> =
        RefCell::new(libdeflater::Compressor::new(libdeflater::CompressionLvl::default()));
}

/// The content compressed, in the same way on every machine.
fn deflate(content: &[u8]) -> Option<Vec<u8>> {
    DEFLATE.with_borrow_mut(|compressor| {
        let mut out = vec![0; compressor.deflate_compress_bound(content.len())];
        let length = compressor.deflate_compress(content, &mut out).ok()?;
        out.truncate(length);
        Some(out)
    })
}

/// Put other content into an entry: compressed as it was, sizes in front of it.
fn replace_content(entry: &mut Entry, local: &mut [u8], content: Vec<u8>, packed: bool) {
    let sums_of = (libdeflater::crc32(&content), content.len() as u32);
    // What is compressed by itself is stored: whether it would shrink must not decide.
    let deflated = if entry.original.method() == DEFLATED && !packed {
        deflate(&content)
    } else {
        None
    };
    let method = if deflated.is_some() { DEFLATED } else { STORED };
    entry.central[10..12].copy_from_slice(&method.to_le_bytes());
    local[8..10].copy_from_slice(&method.to_le_bytes());
    let compressed = deflated.unwrap_or(content);
    let sums = [sums_of.0, compressed.len() as u32, sums_of.1];
    for (index, sum) in sums.into_iter().enumerate() {
        let bytes = sum.to_le_bytes();
        local[14 + index * 4..18 + index * 4].copy_from_slice(&bytes);
        entry.central[16 + index * 4..20 + index * 4].copy_from_slice(&bytes);
    }
    // Nothing has to be told behind the data any more.
    let flags = (entry.original.flags() & !DESCRIPTOR).to_le_bytes();
    entry.central[8..10].copy_from_slice(&flags);
    local[6..8].copy_from_slice(&flags);
    entry.content = Some(compressed);
}

/// Normalise an archive by these rules.
pub(in crate::handlers) fn normalize(
    source: &Source,
    context: &Context,
    rules: &Rules,
) -> Result<Plan, Flaw> {
    let layout = Layout::find(source)?;
    let records = source.read(layout.directory.clone())?;
    let Directory {
        entries,
        in_file,
        signature,
    } = Directory::read(source, &layout, &records)?;
    let mut entries: Vec<Entry> = entries.into_iter().map(Entry::of).collect();
    let mut plan = Plan::default();
    let movable = entries.iter().all(Entry::fills_its_region) && signature.is_empty();
    let sealed = entries
        .iter()
        .find_map(|entry| (rules.sealed)(entry.name()));
    let times = Times {
        context,
        shifted: entries.iter().any(|entry| (rules.older)(entry.name())),
    };

    for index in &in_file {
        let entry = &mut entries[*index];
        if entry.original.flags() & ENCRYPTED != 0 {
            // The time is part of the check of the password.
            plan.note("encrypted entries were left alone");
            continue;
        }
        let older = (rules.older)(entry.name());
        times.set_dos(&mut entry.central, 12, older, &mut plan);
        let extra = entry.original.extra_range();
        times.set_extra(&mut entry.central[extra], &mut plan);
        set_mode(&mut entry.central, &mut plan);

        let old = source.read(entry.original.start..entry.original.data)?;
        let mut local = old.to_vec();
        times.set_dos(&mut local, 10, older, &mut plan);
        let extra = LOCAL_SIZE as usize + usize::from(u16_at(&local, 26));
        times.set_extra(&mut local[extra..], &mut plan);
        if movable && sealed.is_none() {
            let normal = normal_content(source, entry, &local[extra..], context, rules, &mut plan)?;
            if let Some(Normalized {
                content,
                changes,
                packed,
            }) = normal
            {
                replace_content(entry, &mut local, content, packed);
                let name = String::from_utf8_lossy(entry.name()).into_owned();
                for change in changes {
                    plan.change(format!("{name}: {change}"));
                }
            }
        }
        if local != *old {
            entry.local = Some(local);
        }
    }
    if let Some(reason) = sealed {
        plan.note(reason);
    }

    // The order in the file, and with it that of the directory.
    let mut order = in_file.clone();
    if movable {
        order.sort_by(|a, b| {
            let key = |index: usize| {
                let name = entries[index].name();
                ((rules.rank)(name), name)
            };
            key(*a).cmp(&key(*b))
        });
    } else if entries.len() > 1 {
        plan.note("data lie between the entries, so none was moved");
    }
    let directory_in_order = !movable || order.iter().enumerate().all(|(at, index)| at == *index);
    if order != in_file || !directory_in_order {
        plan.change("order of the entries");
    }
    if plan.changes.is_empty() {
        return Ok(plan);
    }

    let first = in_file.first().map_or(layout.directory.start, |index| {
        entries[*index].original.start
    });
    plan.copy(0..first);
    let mut position = first;
    for index in &order {
        let entry = &mut entries[*index];
        if !entry.set_offset(position - layout.base) {
            return Err(Flaw::at(
                entry.original.start,
                "an entry would move beyond what 32 bits can address",
            ));
        }
        position += entry.length();
        match entry.local.take() {
            Some(local) => plan.bytes(local),
            None => plan.copy(entry.original.start..entry.original.data),
        }
        match entry.content.take() {
            Some(content) => plan.bytes(content),
            None => plan.copy(entry.original.data..entry.original.end),
        }
    }
    let directory_order = if movable {
        order
    } else {
        (0..entries.len()).collect()
    };
    for index in directory_order {
        plan.bytes(std::mem::take(&mut entries[index].central));
    }
    plan.bytes(signature);
    if position == layout.directory.start {
        plan.copy(layout.directory.end..source.len());
        return Ok(plan);
    }
    finish(source, &layout, position, &mut plan)?;
    Ok(plan)
}

/// The last records of an archive whose directory has moved to `position`.
fn finish(source: &Source, layout: &Layout, position: u64, plan: &mut Plan) -> Result<(), Flaw> {
    let offset = position - layout.base;
    let size = layout.directory.end - layout.directory.start;
    if let Some(end64) = &layout.end64 {
        let mut record = source.read(end64.record.clone())?.into_owned();
        record[48..56].copy_from_slice(&offset.to_le_bytes());
        plan.bytes(record);
        let mut locator = source.read(end64.locator.clone())?.into_owned();
        locator[8..16].copy_from_slice(&(offset + size).to_le_bytes());
        plan.bytes(locator);
    }
    let mut record = source.read(layout.end.clone())?.into_owned();
    if u32_at(&record, 16) != u32::MAX {
        let short = u32::try_from(offset).map_err(|_| {
            Flaw::at(
                layout.end.start,
                "it would grow beyond what 32 bits can address",
            )
        })?;
        record[16..20].copy_from_slice(&short.to_le_bytes());
    }
    plan.bytes(record);
    plan.copy(layout.comment.clone());
    Ok(())
}
#[test]
fn a_comment_that_looks_like_a_locator_is_a_comment() {
    // The last entry of the directory has a comment of 20 bytes that begins as a zip64 locator does.
    let mut zip =
        b"PK\x03\x04\x14\0\0\0\0\0\x21\0\x82\x56\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0a".to_vec();
    let directory = zip.len();
    zip.extend_from_slice(b"PK\x01\x02\x14\x03\x14\0\0\0\0\0\x21\0\x82\x56\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x14\0\0\0\0\0\0\0\x80\x01\0\0\0\0a");
    zip.extend_from_slice(b"PK\x06\x07not a locator...");
    let size = zip.len() - directory;
    zip.extend_from_slice(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    zip.extend_from_slice(&(size as u32).to_le_bytes());
    zip.extend_from_slice(&(directory as u32).to_le_bytes());
    zip.extend_from_slice(b"\0\0");
    let (report, content) =
        crate::normalize_bytes("x.zip", &zip, &crate::Options::default()).unwrap();
    assert!(report.changed());
    let (_, again) =
        crate::normalize_bytes("x.zip", &content.unwrap(), &crate::Options::default()).unwrap();
    assert_eq!(again, None);
}
