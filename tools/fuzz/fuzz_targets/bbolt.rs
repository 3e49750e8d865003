//! Databases of bbolt, as they are and with the checksums of their headers put right: no panic, no more bytes
//! given out than the file has, keys in their order, and the same for whoever reads it twice.

#![no_main]

use libfuzzer_sys::fuzz_target;
use verbatim_formats::bbolt::{fnv1a, Bucket, Database, Value};
use verbatim_formats::Flaw;

/// How deep buckets are followed: each costs a level of the stack here.
const DEPTH: usize = 16;

/// All of it: how many keys, and how many bytes.
fn read(data: &[u8]) -> Result<(usize, usize), Flaw> {
    let (mut database, root) = Database::open(data)?;
    let mut sum = (0, 0);
    all(&mut database, root, 0, &mut sum)?;
    Ok(sum)
}

fn all(
    database: &mut Database<'_, [u8]>,
    bucket: Bucket,
    depth: usize,
    sum: &mut (usize, usize),
) -> Result<(), Flaw> {
    let entries = database.entries(bucket)?;
    assert!(entries.windows(2).all(|pair| pair[0].key < pair[1].key));
    for entry in entries {
        sum.0 += 1;
        sum.1 += entry.key.len();
        match entry.value {
            Value::Bytes(bytes) => sum.1 += bytes.len(),
            Value::Bucket(bucket) if depth < DEPTH => all(database, bucket, depth + 1, sum)?,
            Value::Bucket(_) => {}
        }
    }
    Ok(())
}

fn check(data: &[u8]) {
    let first = read(data).ok();
    assert_eq!(first, read(data).ok());
    if let Some((_, bytes)) = first {
        assert!(bytes <= data.len());
    }
}

fuzz_target!(|data: &[u8]| {
    check(data);
    let mut right = data.to_vec();
    for at in [0, 1024, 4096] {
        if let Some(meta) = right.get_mut(at..at + 80) {
            let sum = fnv1a(&meta[16..72]);
            meta[72..].copy_from_slice(&sum.to_le_bytes());
        }
    }
    check(&right);
});
