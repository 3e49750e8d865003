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

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;

use super::{find, has_extension, u16_at, u32_at, u64_at, Handler};
use crate::in_place::{handler_for, Context, Flaw, Moment, Plan, Source};

pub(super) struct Zip;

impl Handler for Zip {
    fn name(&self) -> &'static str {
        "zip"
    }

    fn accepts(&self, name: &[u8], head: &[u8]) -> bool {
        const NAMES: &[&str] = &[
            "zip", "epub", "whl", "egg", "xpi", "pk3", "par", "htb", "zhfst", "codadef", "odt",
            "ods", "odp", "odg", "docx", "xlsx", "pptx", "kmz", "pyz",
        ];
        let plain = head.starts_with(LOCAL) || head.starts_with(END);
        // A program for Python may have a line in front of the archive that names the interpreter.
        let script = head.starts_with(b"#!") && find(head, b"\nPK\x03\x04").is_some();
        (has_extension(name, NAMES) && plain) || script
    }

    fn normalize(&self, source: &Source, context: &Context) -> Result<Plan, Flaw> {
        normalize(source, context, &Rules::default())
    }
}

/// What archives of one kind want differently.
pub(super) struct Rules {
    /// Where an entry belongs: lower comes first, then by name.
    pub(super) rank: fn(name: &[u8]) -> u8,
    /// Whether entries without which the others lose their meaning are present: then no content changes.
    pub(super) sealed: fn(name: &[u8]) -> Option<&'static str>,
    /// Normal content for an entry that no handler knows; none if it is normal.
    pub(super) content: fn(name: &[u8], content: &[u8]) -> Option<Normalized>,
    /// Whether `content` wants to see an entry of this name.
    pub(super) wanted: fn(name: &[u8]) -> bool,
    /// Whether an entry must look older than the others.
    pub(super) older: fn(name: &[u8]) -> bool,
}

/// Content that was normalised.
pub(super) struct Normalized {
    pub(super) content: Vec<u8>,
    /// What changed in it.
    pub(super) changes: Vec<String>,
    /// Whether its format compresses by itself.
    pub(super) packed: bool,
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

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR64: &[u8] = b"PK\x06\x07";

const LOCAL_SIZE: u64 = 30;
const CENTRAL_SIZE: u64 = 46;
const END_SIZE: u64 = 22;
const END64_SIZE: u64 = 56;
const LOCATOR64_SIZE: u64 = 20;

const ENCRYPTED: u16 = 1;
const DESCRIPTOR: u16 = 8;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// A larger directory would be one of a million entries, and is held in memory.
const LARGEST_DIRECTORY: u64 = 1 << 26;
/// Larger entries are copied unseen: what is normalised in them is small.
const LARGEST_CONTENT: u64 = 64 << 20;
/// Archives in archives in archives are looked into; deeper ones are traps.
const DEEPEST: u32 = 3;
/// Deflate does not shrink further than this, so a larger claim is a lie.
const HIGHEST_RATIO: u64 = 1100;

/// 1980-01-01, the earliest date of the format: January is 1, and so is the first day.
const EARLIEST: u32 = (1 << 21) | (1 << 16);
const EARLIEST_SECONDS: i64 = 315_532_800;
/// 2107-12-31 23:59:58.
const LATEST: u32 = 0xff9f_bf7d;

/// Where the parts of an archive are.
struct Layout {
    /// What the offsets in the archive count from: a prefix may be counted or not.
    base: u64,
    directory: Range<u64>,
    /// The zip64 record, if there is one.
    end64: Option<u64>,
    end: u64,
}

impl Layout {
    fn find(source: &Source) -> Result<Self, Flaw> {
        let length = source.len();
        if length < END_SIZE {
            return Err(Flaw::at(length, "the file is cut short"));
        }
        // The comment behind the last record has at most 65535 bytes.
        let from = length.saturating_sub(END_SIZE + 0xffff);
        let tail = source.read(from..length)?;
        let at = (0..=tail.len() - END_SIZE as usize)
            .rev()
            .find(|at| {
                tail[*at..].starts_with(END)
                    && *at + END_SIZE as usize + usize::from(u16_at(&tail, *at + 20)) == tail.len()
            })
            .ok_or_else(|| Flaw::at(length, "no directory's end is found; it may be cut short"))?;
        let end = from + at as u64;
        let record = &tail[at..];
        if u16_at(record, 4) != u16_at(record, 6) {
            return Err(Flaw::at(end + 4, "it is one part of several"));
        }
        let mut size = u64::from(u32_at(record, 12));
        let mut offset = u64::from(u32_at(record, 16));
        let mut directory_end = end;
        let mut end64 = None;
        if end >= LOCATOR64_SIZE {
            let locator = source.read(end - LOCATOR64_SIZE..end)?;
            if locator.starts_with(LOCATOR64) {
                // The record is right before its locator unless it has data of its own, which nobody writes.
                let at = end.checked_sub(LOCATOR64_SIZE + END64_SIZE);
                let record64 = match at {
                    Some(at) => {
                        let record = source.read(at..at + END64_SIZE)?;
                        (record.starts_with(END64) && u64_at(&record, 4) == END64_SIZE - 12)
                            .then_some((at, record))
                    }
                    None => None,
                };
                // Without the record, what looks like a locator is the end of a name or a comment,
                // unless the directory's end asks for one.
                let asked = u16_at(record, 10) == u16::MAX
                    || size == u64::from(u32::MAX)
                    || offset == u64::from(u32::MAX);
                if record64.is_none() && asked {
                    return Err(Flaw::at(end, "the zip64 record is not before its locator"));
                }
                if let Some((at, record)) = record64 {
                    size = u64_at(&record, 40);
                    offset = u64_at(&record, 48);
                    directory_end = at;
                    end64 = Some(at);
                }
            }
        }
        let start = directory_end
            .checked_sub(size)
            .ok_or_else(|| Flaw::at(end + 12, "the directory is larger than the file"))?;
        let base = start
            .checked_sub(offset)
            .ok_or_else(|| Flaw::at(end + 16, "the directory does not fit where it should be"))?;
        if size > LARGEST_DIRECTORY {
            return Err(Flaw::at(start, "the directory is larger than 64 MiB"));
        }
        Ok(Self {
            base,
            directory: start..directory_end,
            end64,
            end,
        })
    }
}

/// One file in the archive.
struct Entry {
    /// Its record in the directory, as it will be written.
    central: Vec<u8>,
    name: Range<usize>,
    /// Where the offset of the local header stands in the record.
    offset_at: OffsetField,
    /// From the local header to the next one.
    region: Range<u64>,
    /// Where its data begin.
    data: u64,
    compressed: u64,
    uncompressed: u64,
    zip64: bool,
    /// The local header with name and extra field, if it changes.
    local: Option<Vec<u8>>,
    /// What stands there instead of its data and descriptor.
    content: Option<Vec<u8>>,
    older: bool,
}

/// An offset has 32 bits, or 64 in the extra field.
#[derive(Clone, Copy)]
enum OffsetField {
    Short,
    Long(usize),
}

impl Entry {
    fn name(&self) -> &[u8] {
        &self.central[self.name.clone()]
    }

    fn flags(&self) -> u16 {
        u16_at(&self.central, 8)
    }

    fn set_offset(&mut self, offset: u64) -> bool {
        match self.offset_at {
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
        let rest = self.region.end - self.data - self.compressed;
        match rest {
            0 => true,
            12 | 16 | 20 | 24 => self.flags() & DESCRIPTOR != 0,
            _ => false,
        }
    }

    fn length(&self) -> u64 {
        match &self.content {
            Some(content) => self.data - self.region.start + content.len() as u64,
            None => self.region.end - self.region.start,
        }
    }
}

/// The fields of an extra field: identifier and where the content stands.
fn fields(extra: &[u8]) -> impl Iterator<Item = (u16, Range<usize>)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        if extra.len() < at + 4 {
            return None;
        }
        let id = u16_at(extra, at);
        let start = at + 4;
        let end = start + usize::from(u16_at(extra, at + 2));
        // Padding and rubbish at the end are nobody's field.
        if end > extra.len() {
            return None;
        }
        at = end;
        Some((id, start..end))
    })
}

fn read_entries(source: &Source, layout: &Layout) -> Result<(Vec<Entry>, Vec<u8>), Flaw> {
    let directory = source.read(layout.directory.clone())?;
    let mut entries = Vec::new();
    let mut at = 0usize;
    while directory[at..].starts_with(CENTRAL) {
        let place = layout.directory.start + at as u64;
        if directory.len() - at < CENTRAL_SIZE as usize {
            return Err(Flaw::at(
                place,
                "the last record of the directory is cut short",
            ));
        }
        let head = &directory[at..];
        let name_end = CENTRAL_SIZE as usize + usize::from(u16_at(head, 28));
        let extra_end = name_end + usize::from(u16_at(head, 30));
        let end = extra_end + usize::from(u16_at(head, 32));
        if end > head.len() {
            return Err(Flaw::at(
                place + 28,
                "a record of the directory reaches beyond it",
            ));
        }
        let record = &head[..end];
        let mut uncompressed = u64::from(u32_at(record, 24));
        let mut compressed = u64::from(u32_at(record, 20));
        let mut offset = u64::from(u32_at(record, 42));
        let mut offset_at = OffsetField::Short;
        let mut zip64 = false;
        for (id, field) in fields(&record[name_end..extra_end]) {
            if id != 1 {
                continue;
            }
            zip64 = true;
            let mut next = name_end + field.start;
            let field_end = name_end + field.end;
            for (value, is_offset) in [
                (&mut uncompressed, false),
                (&mut compressed, false),
                (&mut offset, true),
            ] {
                if *value != u64::from(u32::MAX) {
                    continue;
                }
                if field_end - next < 8 {
                    return Err(Flaw::at(place, "a zip64 field is too short"));
                }
                *value = u64_at(record, next);
                if is_offset {
                    offset_at = OffsetField::Long(next);
                }
                next += 8;
            }
        }
        let start = layout
            .base
            .checked_add(offset)
            .filter(|start| {
                start
                    .checked_add(LOCAL_SIZE)
                    .is_some_and(|end| end <= layout.directory.start)
            })
            .ok_or_else(|| Flaw::at(place + 42, "an entry lies outside of the file"))?;
        entries.push(Entry {
            central: record.to_vec(),
            name: CENTRAL_SIZE as usize..name_end,
            offset_at,
            region: start..start,
            data: 0,
            compressed,
            uncompressed,
            zip64,
            local: None,
            content: None,
            older: false,
        });
        at += end;
    }
    // A signature of the directory may follow.
    let rest = directory[at..].to_vec();
    if !rest.is_empty() && !rest.starts_with(b"PK\x05\x05") {
        return Err(Flaw::at(
            layout.directory.start + at as u64,
            "the directory holds something else than records",
        ));
    }
    let record = source.read(layout.end..layout.end + END_SIZE)?;
    let claimed = u64::from(u16_at(&record, 10));
    let fits = match layout.end64 {
        Some(at) => {
            let record = source.read(at..at + END64_SIZE)?;
            u64_at(&record, 32) == entries.len() as u64
        }
        // Some writers let the number wrap.
        None => claimed == entries.len() as u64 % 0x1_0000,
    };
    if !fits {
        return Err(Flaw::at(
            layout.end + 10,
            format!(
                "the directory has {} records, and another number is given",
                entries.len()
            ),
        ));
    }
    Ok((entries, rest))
}

/// Give each entry the region up to the next one, and make sure that none overlap.
fn divide(source: &Source, layout: &Layout, entries: &mut [Entry]) -> Result<Vec<usize>, Flaw> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|index| entries[*index].region.start);
    for position in 0..order.len() {
        let end = match order.get(position + 1) {
            Some(next) => entries[*next].region.start,
            None => layout.directory.start,
        };
        let entry = &mut entries[order[position]];
        let start = entry.region.start;
        entry.region.end = end;
        let fixed = source.read(start..start + LOCAL_SIZE)?;
        if !fixed.starts_with(LOCAL) {
            return Err(Flaw::at(start, "no entry begins where the directory says"));
        }
        let variable = u64::from(u16_at(&fixed, 26)) + u64::from(u16_at(&fixed, 28));
        entry.data = start + LOCAL_SIZE + variable;
        let overlaps = entry
            .data
            .checked_add(entry.compressed)
            .is_none_or(|data_end| data_end > end);
        if overlaps {
            return Err(Flaw::at(start, "an entry overlaps what follows it"));
        }
    }
    Ok(order)
}

/// Date and time as the format has them, in steps of two seconds.
fn dos_time(seconds: i64) -> u32 {
    let moment = Moment::from_seconds(seconds);
    if moment.year < 1980 {
        return EARLIEST;
    }
    if moment.year > 2107 {
        return LATEST;
    }
    ((moment.year as u32 - 1980) << 25)
        | (u32::from(moment.month) << 21)
        | (u32::from(moment.day) << 16)
        | (u32::from(moment.hour) << 11)
        | (u32::from(moment.minute) << 5)
        | (u32::from(moment.second) / 2)
}

/// Back again; nonsense is taken as late.
fn seconds_of_dos(dos: u32) -> i64 {
    let month = (dos >> 21 & 15) as u8;
    let day = (dos >> 16 & 31) as u8;
    if !(1..=12).contains(&month) || day == 0 {
        return i64::MAX;
    }
    Moment {
        year: i64::from(dos >> 25) + 1980,
        month,
        day,
        hour: (dos >> 11 & 31) as u8,
        minute: (dos >> 5 & 63) as u8,
        second: (dos & 31) as u8 * 2,
    }
    .to_seconds()
}

/// The time for an entry, as the context wants it.
struct Times<'a> {
    context: &'a Context,
    /// Whether some entries must be older than others.
    shifted: bool,
}

impl Times<'_> {
    fn set_dos(&self, record: &mut [u8], at: usize, older: bool, plan: &mut Plan) {
        let old = u32::from(u16_at(record, at)) | u32::from(u16_at(record, at + 2)) << 16;
        let mut seconds = self.context.time(seconds_of_dos(old));
        if self.shifted && !(self.context.clamp && seconds == seconds_of_dos(old)) {
            // One step of the clock between them, and room for it at the earliest date.
            seconds = seconds.max(EARLIEST_SECONDS + 2) - if older { 2 } else { 0 };
        }
        let new = dos_time(seconds);
        if new != old {
            record[at..at + 4].copy_from_slice(&new.to_le_bytes());
            plan.change("times");
        }
    }

    /// Set what stands in an extra field, where it stands.
    fn set_extra(&self, extra: &mut [u8], plan: &mut Plan) {
        let found: Vec<_> = fields(extra).collect();
        for (id, range) in found {
            let field = &mut extra[range];
            match id {
                // Extended timestamps: flags, then up to three times.
                0x5455 => {
                    if let Some((_, times)) = field.split_first_mut() {
                        times
                            .chunks_exact_mut(4)
                            .for_each(|t| self.set_unix(t, plan));
                    }
                }
                // The first field of Info-ZIP: two times, and perhaps two owners.
                0x5855 => {
                    let (times, owners) = field.split_at_mut(field.len().min(8));
                    times
                        .chunks_exact_mut(4)
                        .for_each(|t| self.set_unix(t, plan));
                    clear(owners, plan);
                }
                // Its second one: owners only.
                0x7855 => clear(field, plan),
                // Its third one: a version, and owners with their lengths.
                0x7875 if field.first() == Some(&1) => {
                    let mut rest = &mut field[1..];
                    while let Some((length, owner)) = rest.split_first_mut() {
                        let (owner, next) =
                            owner.split_at_mut(usize::from(*length).min(owner.len()));
                        clear(owner, plan);
                        rest = next;
                    }
                }
                // NTFS: reserved, then attributes with lengths; the first is three times.
                0x000a if field.len() > 4 => {
                    let found: Vec<_> = fields(&field[4..]).collect();
                    for (tag, range) in found {
                        if tag == 1 {
                            let times = &mut field[4..][range];
                            times
                                .chunks_exact_mut(8)
                                .for_each(|t| self.set_ntfs(t, plan));
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn set_unix(&self, field: &mut [u8], plan: &mut Plan) {
        let old = u32_at(field, 0);
        // The field is signed where it is used at all, and 2038 is far behind 1970.
        let new = self.context.time32(old).to_le_bytes();
        if *field != new {
            field.copy_from_slice(&new);
            plan.change("times");
        }
    }

    fn set_ntfs(&self, field: &mut [u8], plan: &mut Plan) {
        // Tenths of microseconds since 1601.
        const BEFORE_1970: i64 = 11_644_473_600;
        const STEPS: u64 = 10_000_000;
        let old = u64_at(field, 0);
        let seconds = (old / STEPS) as i64 - BEFORE_1970;
        let new = self.context.time(seconds);
        if new == seconds && self.context.clamp {
            return;
        }
        let last = i64::MAX / STEPS as i64 - BEFORE_1970;
        let new = (new.clamp(-BEFORE_1970, last) + BEFORE_1970) as u64 * STEPS;
        if new != old {
            field.copy_from_slice(&new.to_le_bytes());
            plan.change("times");
        }
    }
}

fn clear(owner: &mut [u8], plan: &mut Plan) {
    if owner.iter().any(|byte| *byte != 0) {
        owner.fill(0);
        plan.change("owners");
    }
}

/// The permissions that only a umask decided: what the owner may execute, everybody may.
fn set_mode(central: &mut [u8], plan: &mut Plan) {
    // Only what was made on Unix or macOS has them.
    if !matches!(central[5], 3 | 19) {
        return;
    }
    let old = u16_at(central, 40);
    let new = match old & 0o170_000 {
        0o100_000 if old & 0o100 != 0 => 0o100_755,
        0o100_000 => 0o100_644,
        0o040_000 => 0o040_755,
        0o120_000 => 0o120_777,
        _ => old,
    };
    if new != old {
        central[40..42].copy_from_slice(&u16::to_le_bytes(new));
        plan.change("permissions");
    }
}

/// The content of an entry, which is small enough to be looked into; none if it is compressed otherwise.
fn content(source: &Source, entry: &Entry) -> Result<Option<Vec<u8>>, Flaw> {
    let stored = source.read(entry.data..entry.data + entry.compressed)?;
    let content = match u16_at(&entry.central, 10) {
        STORED => stored.into_owned(),
        DEFLATED => inflate(&stored, entry.uncompressed)
            .ok_or_else(|| Flaw::at(entry.data, "the content of an entry is damaged"))?,
        _ => return Ok(None),
    };
    if content.len() as u64 != entry.uncompressed
        || libdeflater::crc32(&content) != u32_at(&entry.central, 16)
    {
        return Err(Flaw::at(
            entry.data,
            "the checksum of an entry does not fit",
        ));
    }
    Ok(Some(content))
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
    if fields(local_extra).any(|(id, _)| id == 1) {
        return Ok(None);
    }
    let wanted = (rules.wanted)(name);
    if name.ends_with(b"/") || !(wanted || may_be_handled(name)) {
        return Ok(None);
    }
    let honest = entry.uncompressed <= LARGEST_CONTENT
        && entry.uncompressed / HIGHEST_RATIO <= entry.compressed;
    if entry.zip64 || !honest || entry.compressed > LARGEST_CONTENT {
        return Ok(None);
    }
    if !context.spend(entry.uncompressed) {
        plan.note("it decompresses to far more than its size, so not all of it was looked into");
        return Ok(None);
    }
    let Some(content) = content(source, entry)? else {
        return Ok(None);
    };
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
fn may_be_handled(name: &[u8]) -> bool {
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
    /// Both take longer to make than to use on a small file.
    static DEFLATE: RefCell<(libdeflater::Compressor, libdeflater::Decompressor)> =
        RefCell::new((
            libdeflater::Compressor::new(libdeflater::CompressionLvl::default()),
            libdeflater::Decompressor::new(),
        ));
}

/// The content compressed, in the same way on every machine.
fn deflate(content: &[u8]) -> Option<Vec<u8>> {
    DEFLATE.with_borrow_mut(|(compressor, _)| {
        let mut out = vec![0; compressor.deflate_compress_bound(content.len())];
        let length = compressor.deflate_compress(content, &mut out).ok()?;
        out.truncate(length);
        Some(out)
    })
}

/// What was compressed, if it is exactly so long.
fn inflate(compressed: &[u8], length: u64) -> Option<Vec<u8>> {
    let mut out = vec![0; length as usize];
    let written = DEFLATE
        .with_borrow_mut(|(_, decompressor)| decompressor.deflate_decompress(compressed, &mut out));
    (written.ok()? == out.len()).then_some(out)
}

/// Put other content into an entry: compressed as it was, sizes in front of it.
fn replace_content(entry: &mut Entry, local: &mut [u8], content: Vec<u8>, packed: bool) {
    let sums_of = (libdeflater::crc32(&content), content.len() as u32);
    // What is compressed by itself is stored: whether it would shrink must not decide.
    let deflated = if u16_at(&entry.central, 10) == DEFLATED && !packed {
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
    let flags = (entry.flags() & !DESCRIPTOR).to_le_bytes();
    entry.central[8..10].copy_from_slice(&flags);
    local[6..8].copy_from_slice(&flags);
    entry.content = Some(compressed);
}

/// Normalise an archive by these rules.
pub(super) fn normalize(source: &Source, context: &Context, rules: &Rules) -> Result<Plan, Flaw> {
    let layout = Layout::find(source)?;
    let (mut entries, signature) = read_entries(source, &layout)?;
    let in_file = divide(source, &layout, &mut entries)?;
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
        if entry.flags() & ENCRYPTED != 0 {
            // The time is part of the check of the password.
            plan.note("encrypted entries were left alone");
            continue;
        }
        entry.older = (rules.older)(&entry.central[entry.name.clone()]);
        let older = entry.older;
        times.set_dos(&mut entry.central, 12, older, &mut plan);
        let extra = entry.name.end..entry.name.end + usize::from(u16_at(&entry.central, 30));
        times.set_extra(&mut entry.central[extra], &mut plan);
        set_mode(&mut entry.central, &mut plan);

        let old: Cow<[u8]> = source.read(entry.region.start..entry.data)?;
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

    let first = in_file
        .first()
        .map_or(layout.directory.start, |index| entries[*index].region.start);
    plan.copy(0..first);
    let mut position = first;
    for index in &order {
        let entry = &mut entries[*index];
        if !entry.set_offset(position - layout.base) {
            return Err(Flaw::at(
                entry.region.start,
                "an entry would move beyond what 32 bits can address",
            ));
        }
        position += entry.length();
        match entry.local.take() {
            Some(local) => plan.bytes(local),
            None => plan.copy(entry.region.start..entry.data),
        }
        match entry.content.take() {
            Some(content) => plan.bytes(content),
            None => plan.copy(entry.data..entry.region.end),
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
    if let Some(at) = layout.end64 {
        let mut record = source.read(at..at + END64_SIZE)?.into_owned();
        record[48..56].copy_from_slice(&offset.to_le_bytes());
        plan.bytes(record);
        let at = layout.end - LOCATOR64_SIZE;
        let mut locator = source.read(at..layout.end)?.into_owned();
        locator[8..16].copy_from_slice(&(offset + size).to_le_bytes());
        plan.bytes(locator);
    }
    let mut record = source.read(layout.end..layout.end + END_SIZE)?.into_owned();
    if u32_at(&record, 16) != u32::MAX {
        let short = u32::try_from(offset)
            .map_err(|_| Flaw::at(layout.end, "it would grow beyond what 32 bits can address"))?;
        record[16..20].copy_from_slice(&short.to_le_bytes());
    }
    plan.bytes(record);
    plan.copy(layout.end + END_SIZE..source.len());
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
