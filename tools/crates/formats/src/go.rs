//! What a Go program says of how it was built (`go version -m`, `debug/buildinfo`).
//!
//! The linker writes the version of Go, the modules and the settings of the build into every
//! program, whatever its format.

use std::collections::BTreeMap;

use memchr::memmem;

/// Stands before the version and the list, at a multiple of 16 (`cmd/link`, since Go 1.13).
pub const MAGIC: &[u8] = b"\xff Go buildinf:";
/// Both stand in the record and not behind pointers (since Go 1.18).
pub const INLINE: u8 = 2;
/// Stand around the list, wherever it is (`cmd/go/internal/modload`).
pub const START: &[u8] = b"0w\xaf\x0c\x92t\x08\x02A\xe1\xc1\x07\xe6\xd6\x18\xe6";
/// The second of them.
pub const END: &[u8] = b"\xf92C1\x86\x18 r\x00\x82B\x10A\x16\xd8\xf2";
/// Where the version begins in the record.
const HEADER: usize = 32;
/// No list of modules is longer.
const LONGEST: usize = 4 << 20;
/// The section of an ELF program that holds the record.
pub const SECTION: &str = ".go.buildinfo";

/// A module that the program consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module<'a> {
    /// Its version, `(devel)` where it was built from a folder.
    pub version: &'a str,
    /// The digest of its sources (`h1:` and base64), empty where they were vendored.
    pub sum: &'a str,
    /// Path and version of what was built in its place.
    pub instead: Option<(&'a str, &'a str)>,
}

impl Module<'_> {
    /// The version, and what was built in its place.
    pub fn shown(&self) -> String {
        match self.instead {
            None => self.version.to_owned(),
            Some((path, version)) => format!("{} => {path} {version}", self.version),
        }
    }
}

/// How a program was built.
#[derive(Debug, Default)]
pub struct BuildInfo<'a> {
    /// The version of Go, where the record has it.
    pub go: Option<&'a str>,
    /// The path of the main package.
    pub path: &'a str,
    /// The main module, with its path.
    pub main: Option<(&'a str, Module<'a>)>,
    /// The other modules by their paths.
    pub modules: BTreeMap<&'a str, Module<'a>>,
    /// The settings of the build, `GOARCH` for example.
    pub settings: BTreeMap<&'a str, &'a str>,
}

fn is_program(data: &[u8]) -> bool {
    const STARTS: &[&[u8]] = &[
        b"\x7fELF",
        b"MZ",
        b"\0asm",
        // Mach-O of both word sizes, in both orders, and of several architectures.
        b"\xfe\xed\xfa\xce",
        b"\xfe\xed\xfa\xcf",
        b"\xce\xfa\xed\xfe",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe",
        // XCOFF of AIX.
        b"\x01\xf7",
    ];
    STARTS.iter().any(|start| data.starts_with(start))
}

impl<'a> BuildInfo<'a> {
    /// Of a whole program; `None` if it is none of Go, or says nothing.
    pub fn of(data: &'a [u8]) -> Option<Self> {
        is_program(data).then_some(())?;
        // A program that is embedded lies among the constants, before the record of its host.
        let inline = memmem::rfind_iter(data, MAGIC).find_map(|at| inline(&data[at..]));
        let (go, list) = match inline {
            Some((go, list)) => (Some(go), list),
            // Behind pointers, or in pieces as in WebAssembly: the list alone.
            None => {
                let from = memmem::find(data, START)? + START.len();
                let rest = &data[from..data.len().min(from + LONGEST)];
                (None, &rest[..memmem::find(rest, END)?])
            }
        };
        let mut info = Self::read(std::str::from_utf8(list).ok()?);
        info.go = go;
        Some(info)
    }

    /// Of the section [`SECTION`] of an ELF program alone, where the record holds all (since Go 1.18).
    pub fn of_section(section: &'a [u8]) -> Option<Self> {
        let at = memmem::find(section, MAGIC)?;
        let (go, list) = inline(&section[at..])?;
        let mut info = Self::read(std::str::from_utf8(list).ok()?);
        info.go = Some(go);
        Some(info)
    }

    /// The list, line by line. What is not known is passed over.
    fn read(list: &'a str) -> Self {
        let mut info = Self::default();
        // The module that a line `=>` belongs to.
        let mut last = None;
        for line in list.lines() {
            let mut fields = line.split('\t');
            let kind = fields.next().unwrap_or("");
            let mut field = || fields.next().unwrap_or("");
            match kind {
                "path" => info.path = field(),
                "mod" | "dep" => {
                    let path = field();
                    let module = Module {
                        version: field(),
                        sum: field(),
                        instead: None,
                    };
                    if kind == "mod" {
                        info.main = Some((path, module));
                    } else {
                        info.modules.insert(path, module);
                        last = Some(path);
                    }
                }
                "=>" => {
                    let instead = (field(), field());
                    if let Some(module) = last.and_then(|path| info.modules.get_mut(path)) {
                        module.instead = Some(instead);
                    }
                }
                "build" => {
                    let (key, value) = field().split_once('=').unwrap_or_default();
                    info.settings.insert(key, value);
                }
                _ => {}
            }
        }
        info
    }

    /// Whether it was built in a checkout whose state was read.
    pub fn is_stamped(&self) -> bool {
        self.settings.keys().any(|key| is_stamp(key))
    }
}

/// The version and the list of a record that holds both.
fn inline(record: &[u8]) -> Option<(&str, &[u8])> {
    (record.get(MAGIC.len() + 1)? & INLINE != 0).then_some(())?;
    let (version, rest) = text(record.get(HEADER..)?)?;
    let version = std::str::from_utf8(version).ok()?;
    // A program that reads such records holds the magic, and something else behind it.
    let is_version = version.starts_with("go") || version.starts_with("devel");
    is_version.then_some(())?;
    let (list, _) = text(rest)?;
    let list = list.strip_prefix(START).unwrap_or(list);
    Some((version, list.strip_suffix(END).unwrap_or(list)))
}

/// A text after its length, which is written in groups of seven bits, lowest first.
fn text(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0;
    for (i, &byte) in data.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return (length <= LONGEST).then(|| data[i + 1..].split_at_checked(length))?;
        }
    }
    None
}

/// What was read of the repository, and the repository's kind.
pub fn is_stamp(key: &str) -> bool {
    key == "vcs" || key.starts_with("vcs.")
}
