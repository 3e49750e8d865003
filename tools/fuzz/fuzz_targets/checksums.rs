//! Checksums of tar headers, which a fuzzer does not find by itself.

/// Put the checksum of whatever could be a header right.
pub fn put_right(bytes: &mut [u8]) {
    for block in bytes.chunks_exact_mut(512) {
        // The field for the checksum ends as tools end it.
        if &block[257..262] == b"ustar" || &block[154..156] == b"\0 " {
            block[148..156].copy_from_slice(b"        ");
            let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
}
