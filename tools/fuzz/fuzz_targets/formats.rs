//! All readers of formats over the same bytes: no panic, no time beyond what is linear in the
//! input, and every part that a reader names lies in the file.

#![no_main]

use std::ops::Range;

use libfuzzer_sys::fuzz_target;
use verbatim_formats::{ar, cpio, gettext, gzip, inflate, marshal, png, pyc, rpm, sqlite, zip};

/// A part of the file, which must be one.
fn part<'a>(data: &'a [u8], at: &Range<u64>) -> &'a [u8] {
    &data[at.start as usize..at.end as usize]
}

fn read_zip(data: &[u8]) -> Result<(), verbatim_formats::Flaw> {
    let layout = zip::Layout::find(data)?;
    let records = part(data, &layout.directory);
    let directory = zip::Directory::read(data, &layout, records)?;
    let mut end = 0;
    for index in &directory.in_file {
        let entry = &directory.entries[*index];
        assert!(end <= entry.start && entry.stored().end <= entry.end);
        end = entry.end;
        part(data, &entry.stored());
        for (_, field) in zip::fields(entry.extra()) {
            let _ = &entry.extra()[field];
        }
        if entry.can_be_unpacked(1 << 20) {
            if let Ok(content) = entry.content(data) {
                assert_eq!(content.len() as u64, entry.uncompressed);
            }
        }
    }
    assert!(end <= layout.directory.start);
    Ok(())
}

fn read_ar(data: &[u8]) -> Result<(), verbatim_formats::Flaw> {
    let mut members = ar::Members::of(data)?;
    while let Some(member) = members.next()? {
        part(data, &member.body);
        let (_, content) = members.name(&member)?;
        assert!(member.body.start <= content.start && content.end <= member.body.end);
    }
    Ok(())
}

fn read_png(data: &[u8]) -> Result<(), verbatim_formats::Flaw> {
    let mut chunks = png::Chunks::of(data)?;
    while let Some(chunk) = chunks.next()? {
        let content = part(data, &chunk.content);
        png::text(chunk.kind, content);
        if &chunk.kind == b"IHDR" {
            png::pixels(content, data);
        }
    }
    assert!(chunks.position() <= data.len() as u64);
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    let _ = read_zip(data);
    let _ = read_ar(data);
    let _ = read_png(data);
    if let Ok(header) = gzip::Header::read(data) {
        assert!(header.len() <= data.len() as u64);
        let parts = header.extra().len() + header.name().len() + header.comment().len();
        assert!(parts as u64 <= header.len());
    }
    if let Ok(archive) = cpio::Archive::read(data) {
        for file in &archive.files {
            part(data, &file.content);
        }
        assert!(archive.end <= data.len() as u64);
    }
    if let Ok(layout) = rpm::Layout::find(data) {
        let _ = rpm::Header::read(part(data, &layout.signature));
        let _ = rpm::Header::read(part(data, &layout.header));
        assert!(layout.payload <= data.len() as u64);
    }
    let _ = rpm::Header::read(data);
    if let Ok(messages) = gettext::Catalogue::open(data).and_then(|c| c.messages()) {
        for message in messages {
            part(data, &message.original);
            part(data, &message.translation);
        }
    }
    if let Some(mut database) = sqlite::Database::open(data) {
        for entry in database.schema.clone() {
            sqlite::columns(&entry.sql);
            if database.table(&entry).is_none() {
                break;
            }
        }
    }
    if let Ok(header) = pyc::Header::read(data) {
        if let Some(form) = marshal::Form::of(header.magic) {
            let code = &data[header.code as usize..];
            if let Some(objects) = marshal::read(code, form) {
                for (at, object) in objects.iter().enumerate() {
                    // Each stands behind those that it holds.
                    assert!(objects.parts(object).iter().all(|part| (*part as usize) < at));
                }
            }
        }
    }
    inflate::zlib(data, 1 << 20);
});
