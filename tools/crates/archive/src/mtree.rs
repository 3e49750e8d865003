//! mtree(5): a layer as text that people can review.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use verbatim_foreign::printable_path;

use crate::builder::{Builder, Item, Wish};
use crate::path::join;
use crate::Error;

/// More than any list that was written on purpose.
const MAX_SIZE: u64 = 256 << 20;

/// Keys that say something about a file which the layer does not keep or finds out by itself.
const PASSED_OVER: [&str; 22] = [
    "cksum",
    "device",
    "flags",
    "gname",
    "ignore",
    "inode",
    "md5",
    "md5digest",
    "nlink",
    "nochange",
    "optional",
    "resdevice",
    "ripemd160digest",
    "rmd160",
    "sha1",
    "sha1digest",
    "sha256",
    "sha256digest",
    "sha512",
    "sha512digest",
    "size",
    "uname",
];

type Keys = BTreeMap<String, Vec<u8>>;

impl Builder {
    /// Add all that an mtree(5) file lists. Contents are read from `content=` or else from
    /// the path of the entry, relative to the current directory.
    pub fn mtree(&mut self, list: &Path) -> Result<(), Error> {
        let read_error = |source| Error::Read {
            path: list.to_owned(),
            source,
        };
        let size = std::fs::metadata(list).map_err(read_error)?.len();
        if size > MAX_SIZE {
            return Err(Error::Invalid(format!(
                "{} has {size} bytes, which is too much for an mtree list; split it",
                printable_path(list)
            )));
        }
        let text = std::fs::read(list).map_err(read_error)?;
        self.mtree_text(&text, &printable_path(list))
    }

    fn mtree_text(&mut self, text: &[u8], name: &str) -> Result<(), Error> {
        let mut defaults = Keys::new();
        let mut directory: Vec<u8> = Vec::new();
        for (number, line) in lines(text) {
            let origin = format!("{name} line {number}");
            let wrong = |problem: String| Error::Invalid(format!("{origin}: {problem}"));
            let mut words = line
                .split(|b| b.is_ascii_whitespace())
                .filter(|word| !word.is_empty());
            let Some(first) = words.next() else { continue };
            match first {
                b"/set" => {
                    for word in words {
                        let (key, value) = key(word).map_err(wrong)?;
                        defaults.insert(key, value);
                    }
                    continue;
                }
                b"/unset" => {
                    for word in words {
                        let key = String::from_utf8_lossy(word);
                        if key == "all" {
                            defaults.clear();
                        }
                        defaults.remove(key.as_ref());
                    }
                    continue;
                }
                b".." => {
                    if directory.is_empty() {
                        return Err(wrong("`..` leaves the root; remove it".to_owned()));
                    }
                    let up = directory.iter().rposition(|&b| b == b'/').unwrap_or(0);
                    directory.truncate(up);
                    continue;
                }
                _ => {}
            }
            let mut keys = defaults.clone();
            for word in words {
                let (key, value) = key(word).map_err(wrong)?;
                keys.insert(key, value);
            }
            let path = unvis(first).map_err(wrong)?;
            // A slash makes it a whole path; a bare name belongs to the current directory.
            let whole = first.contains(&b'/');
            let is_directory = keys.get("type").is_some_and(|t| t == b"dir");
            if path == b"." || path == b"./" {
                continue;
            }
            let path = if whole { path } else { join(&directory, &path) };
            if is_directory && !whole {
                directory.clone_from(&path);
            }
            self.mtree_entry(&path, &keys, &origin)?;
        }
        Ok(())
    }

    fn mtree_entry(&mut self, path: &[u8], keys: &Keys, origin: &str) -> Result<(), Error> {
        let wrong = |problem: String| Error::Invalid(format!("{origin}: {problem}"));
        let mut wish = Wish::default();
        let mut content = None;
        let mut link = None;
        let mut kind = "file".to_owned();
        for (key, value) in keys {
            let text = String::from_utf8_lossy(value);
            let number = |radix| {
                u64::from_str_radix(&text, radix).map_err(|_| {
                    wrong(format!(
                        "{key}={text} is no {}number",
                        if radix == 8 { "octal " } else { "" }
                    ))
                })
            };
            match key.as_str() {
                "type" => kind = text.into_owned(),
                "mode" => {
                    let mode = number(8)?;
                    if mode > 0o7777 {
                        return Err(wrong(format!("mode={text} is more than 7777")));
                    }
                    wish.mode = Some(mode as u32);
                }
                "uid" => wish.uid = Some(number(10)?),
                "gid" => wish.gid = Some(number(10)?),
                "time" => {
                    // Whole seconds; a fraction is written by most tools and dropped.
                    let whole = text.split('.').next().unwrap_or_default();
                    wish.mtime = Some(
                        whole
                            .parse()
                            .map_err(|_| wrong(format!("time={text} is no number of seconds")))?,
                    );
                }
                "link" => link = Some(value.clone()),
                "content" | "contents" => content = Some(value.clone()),
                other if PASSED_OVER.contains(&other) => {}
                other => {
                    return Err(wrong(format!(
                        "the key `{other}` is not known; use type, mode, uid, gid, time, link or content"
                    )))
                }
            }
        }
        let item = match kind.as_str() {
            "file" => Item::File(PathBuf::from(OsString::from_vec(
                content.unwrap_or_else(|| path.to_vec()),
            ))),
            "dir" => Item::Directory,
            "link" => Item::Symlink(
                link.ok_or_else(|| wrong("a link needs `link=` with its target".to_owned()))?,
            ),
            other => {
                return Err(wrong(format!(
                    "type={other} is not supported; use file, dir or link"
                )))
            }
        };
        self.item(path, item, &wish, origin)
    }
}

/// The lines with their numbers, without comments; a backslash at the end joins two.
fn lines(text: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, Vec<u8>)> = None;
    for (number, line) in text.split(|&b| b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (begin, mut whole) = open.take().unwrap_or((number + 1, Vec::new()));
        if whole.is_empty() && line.trim_ascii_start().starts_with(b"#") {
            continue;
        }
        if let Some(line) = line.strip_suffix(b"\\") {
            whole.extend_from_slice(line);
            whole.push(b' ');
            open = Some((begin, whole));
        } else {
            whole.extend_from_slice(line);
            lines.push((begin, whole));
        }
    }
    lines.extend(open);
    lines
}

fn key(word: &[u8]) -> Result<(String, Vec<u8>), String> {
    let text = String::from_utf8_lossy(word);
    let (key, value) = match word.iter().position(|&b| b == b'=') {
        Some(at) => (&word[..at], &word[at + 1..]),
        None => (word, &b""[..]),
    };
    let key = std::str::from_utf8(key).map_err(|_| format!("`{text}` is no key"))?;
    Ok((key.to_owned(), unvis(value)?))
}

/// Undo vis(3) as mtree uses it: `\ooo`, `\s` and a few others.
fn unvis(word: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'\\' {
            out.push(first);
            continue;
        }
        let octal = rest
            .get(..3)
            .filter(|d| d.iter().all(|b| (b'0'..=b'7').contains(b)));
        if let Some(digits) = octal {
            let value = digits.iter().fold(0u32, |n, d| n * 8 + u32::from(d - b'0'));
            out.push(u8::try_from(value).map_err(|_| {
                format!(
                    "`{}` has an escape above \\377",
                    String::from_utf8_lossy(word)
                )
            })?);
            rest = &rest[3..];
            continue;
        }
        let (&escape, after) = rest
            .split_first()
            .ok_or_else(|| format!("`{}` ends in a backslash", String::from_utf8_lossy(word)))?;
        out.push(match escape {
            b'\\' | b'#' | b'=' | b'"' | b'*' | b'?' | b'[' => escape,
            b's' => b' ',
            b't' => b'\t',
            b'n' => b'\n',
            b'r' => b'\r',
            _ => {
                return Err(format!(
                "`{}` has the escape `\\{}`, which is not known; write `\\` and three octal digits",
                String::from_utf8_lossy(word),
                char::from(escape)
            ))
            }
        });
        rest = after;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Compression, Defaults, Encoding};

    fn build(text: &str) -> Result<Vec<u8>, Error> {
        let mut builder = Builder::new(Defaults::default(), ".");
        builder.mtree_text(text.as_bytes(), "list")?;
        let mut out = Vec::new();
        let encoding = Encoding::new(Compression::None, None)?;
        builder.finish()?.write(encoding, 1, &mut out, &|_| {})?;
        Ok(out)
    }

    fn listing(text: &str) -> Vec<String> {
        let bytes = build(text).unwrap();
        let mut archive = verbatim_reader::Archive::new(&bytes[..]);
        let mut list = Vec::new();
        while let Some(entry) = archive.next_entry().unwrap() {
            list.push(format!(
                "{} {:o} {}:{} {}",
                String::from_utf8_lossy(&entry.path),
                entry.mode,
                entry.uid,
                entry.gid,
                entry.mtime
            ));
        }
        list
    }

    #[test]
    fn names_nest_and_paths_stand_alone() {
        let list = listing(
            "#mtree\n/set uid=7 gid=8 mode=0700\n. type=dir\netc type=dir time=5.9\n\
             \x20 inner type=dir\n ..\n x type=link link=../y\n..\n\
             ./usr/lib type=dir mode=755 \\\n  uid=0\n/unset uid\nlast\\040one type=dir uname=root\n",
        );
        assert_eq!(
            list,
            [
                "etc/ 700 7:8 5",
                "etc/inner/ 700 7:8 0",
                "etc/x 777 7:8 0",
                "last one/ 700 0:8 0",
                "usr/lib/ 755 0:8 0",
            ]
        );
    }

    #[test]
    fn contents_come_from_where_the_list_says() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a file");
        std::fs::write(&file, "abc").unwrap();
        let name = file.to_str().unwrap().replace(' ', "\\s");
        let bytes = build(&format!("a/b type=file contents={name} mode=0600\n")).unwrap();
        assert_eq!(&bytes[512..516], b"abc\0");
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, part) in [
            ("\na type=fifo\n", "list line 2: type=fifo"),
            ("a type=dir mode=99", "list line 1: mode=99"),
            ("a type=dir color=red", "`color`"),
            ("a type=link", "needs `link=`"),
            ("..", "leaves the root"),
            ("a\\q type=dir", "escape"),
            ("a/../../b type=dir", "leaves the root"),
            ("a type=dir mode=10000", "more than 7777"),
            ("no/such/file type=file", "cannot read no/such/file"),
        ] {
            let error = build(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
