//! Tar archives, as packages have them.

/// An entry of a tar archive: its path, and content, link (`-> x`) or folder (a slash at the end).
pub type File<'a> = (&'a str, &'a [u8]);

/// A tar archive.
pub fn tar(files: &[File<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        // Names that the library would refuse to write are what some tests are about.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_mode(0o644);
        header.set_mtime(1_700_000_000);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        if let Some(target) = content.strip_prefix(b"-> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_mode(0o777);
            header
                .set_link_name(std::str::from_utf8(target).unwrap())
                .unwrap();
            header.set_cksum();
            builder.append(&header, &b""[..]).unwrap();
        } else if path.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o755);
            header.set_cksum();
            builder.append(&header, &b""[..]).unwrap();
        } else {
            header.set_entry_type(tar::EntryType::Regular);
            header.set_size(content.len() as u64);
            header.set_cksum();
            builder.append(&header, *content).unwrap();
        }
    }
    builder.into_inner().unwrap()
}
