//! Archives that the `tar` crate writes, which shares no line with the reader: many that chance
//! made (with fixed seeds), read as they were meant.

use std::io::Read;

use verbatim_reader::{Archive, Kind};

struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[derive(Debug, PartialEq)]
struct Told {
    path: Vec<u8>,
    kind: Kind,
    mode: u32,
    owner: (u64, u64),
    mtime: i64,
    content: Vec<u8>,
}

/// A path of parts that are short or long, few or many.
fn path(numbers: &mut Numbers, number: u64) -> String {
    let mut path = String::new();
    for _ in 0..numbers.below(4) {
        path.push_str(&"d".repeat(1 + numbers.below(120) as usize));
        path.push('/');
    }
    path.push_str(&format!("{number}é"));
    path
}

fn written(numbers: &mut Numbers) -> (Vec<u8>, Vec<Told>) {
    let mut builder = tar::Builder::new(Vec::new());
    let mut told = Vec::new();
    for number in 0..1 + numbers.below(20) {
        let path = path(numbers, number);
        let mut header = tar::Header::new_gnu();
        let (mode, mtime) = (numbers.below(0o10000) as u32, numbers.below(1 << 40));
        let owner = (numbers.below(1 << 31), numbers.below(1 << 31));
        header.set_mode(mode);
        header.set_mtime(mtime);
        header.set_uid(owner.0);
        header.set_gid(owner.1);
        header.set_size(0);
        let target = "t".repeat(1 + numbers.below(200) as usize);
        let mut content = Vec::new();
        let kind = match numbers.below(4) {
            0 => {
                header.set_entry_type(tar::EntryType::Directory);
                builder.append_data(&mut header, &path, &b""[..]).unwrap();
                Kind::Directory
            }
            1 => {
                header.set_entry_type(tar::EntryType::Symlink);
                builder.append_link(&mut header, &path, &target).unwrap();
                let target = target.into_bytes();
                Kind::Symlink { target }
            }
            2 => {
                header.set_entry_type(tar::EntryType::Link);
                builder.append_link(&mut header, &path, &target).unwrap();
                let target = target.into_bytes();
                Kind::HardLink { target }
            }
            _ => {
                let size = numbers.below(2000);
                content.extend((0..size).map(|_| numbers.below(256) as u8));
                header.set_size(size);
                builder
                    .append_data(&mut header, &path, &content[..])
                    .unwrap();
                Kind::File
            }
        };
        told.push(Told {
            path: path.into_bytes(),
            kind,
            mode,
            owner,
            mtime: mtime as i64,
            content,
        });
    }
    (builder.into_inner().unwrap(), told)
}

#[test]
fn what_another_program_writes_is_what_is_read() {
    for seed in 1..=200u64 {
        let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (bytes, told) = written(&mut numbers);
        let mut archive = Archive::new(&bytes[..]);
        let mut seen = Vec::new();
        while let Some(mut entry) = archive.next_entry().unwrap() {
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let path = entry.path.strip_suffix(b"/").unwrap_or(&entry.path);
            seen.push(Told {
                path: path.to_vec(),
                kind: entry.kind.clone(),
                mode: entry.mode,
                owner: (entry.uid, entry.gid),
                mtime: entry.mtime,
                content,
            });
        }
        assert_eq!(seen, told, "seed {seed}");
    }
}
