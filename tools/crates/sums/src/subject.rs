//! What a sum is of, and how a line of a text says so.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use verbatim_foreign::excerpt;
use verbatim_naming::registry_of;
use verbatim_oci::{Identity, Reference};

use crate::record::{File, Image, Record};
use crate::{FileName, FileNameError};

/// What a sum is of. Images come before files, each in their own order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// An image, as a registry serves it.
    Image(Reference),
    /// A file, under its published name.
    File(FileName),
}

/// What a subject means, however it is written: see [`Identity`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectIdentity<'a> {
    /// An image, which may have several names.
    Image(Identity<'a>),
    /// A file, which has one.
    File(&'a FileName),
}

/// The name alone. In a sums file a file whose name could be taken for a reference is written
/// otherwise: [`Subject::in_text`].
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text in a sums file is no subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// It is no name of a file, and no reference.
    #[error(transparent)]
    Name(#[from] FileNameError),
    /// It looks like a reference and is none: nobody would find what it is about.
    #[error("`{text}` looks like an image reference and is none: {reason}")]
    Reference {
        /// The text, fit to be shown.
        text: String,
        /// What is wrong, and the fix.
        reason: String,
    },
}

/// What decides whether a line is of an image or of a file. The form of a line alone cannot:
/// `v1.2/tool` may be a file in a folder, and an image of the registry `v1.2`.
#[derive(Debug, Clone, Copy)]
pub enum Reading<'a> {
    /// The form: what is a reference with a host is an image.
    Form,
    /// The document beside the text, and the form where it says nothing.
    Document(&'a Record),
    /// Somebody says where the files are: a file, unless the document names an image.
    Files(Option<&'a Record>),
}

impl Subject {
    /// What a text in a sums file means by its form: an image where it is a reference with a registry that
    /// can be nothing else (`registry.example.com/a`, `localhost:5000/a`), else a file. What
    /// begins with `./` is a file.
    pub(crate) fn from_text(text: &str) -> Result<Self, SubjectError> {
        Reader::new(Reading::Form).read(text)
    }

    /// The name alone.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Image(reference) => reference.as_str(),
            Self::File(name) => name.as_str(),
        }
    }

    /// What it means: of one image in two spellings, these are equal.
    pub fn identity(&self) -> SubjectIdentity<'_> {
        match self {
            Self::Image(reference) => SubjectIdentity::Image(reference.identity()),
            Self::File(name) => SubjectIdentity::File(name),
        }
    }

    /// How a sums file names it. A file that would be read as something else begins with `./`,
    /// which `sha256sum -c` takes as well.
    pub fn in_text(&self) -> Cow<'_, str> {
        match self {
            Self::File(name) if !is_plain(name.as_str()) => Cow::Owned(format!("./{name}")),
            _ => Cow::Borrowed(self.as_str()),
        }
    }
}

/// Whether the name of a file can be read as nothing else.
fn is_plain(name: &str) -> bool {
    match Suspect::of(name) {
        None => !is_reference(name),
        Some(_) => false,
    }
}

/// Whether a text is a reference whose registry has a dot or a port, or is `localhost`.
fn is_reference(text: &str) -> bool {
    registry_of(text).is_some() && text.parse::<Reference>().is_ok()
}

/// Whether a name begins as a reference does: a list that was written with images in it has an
/// order of its own for those.
pub(crate) fn begins_with_host(subject: &Subject) -> bool {
    match subject {
        Subject::Image(_) => true,
        Subject::File(name) => registry_of(name.as_str()).is_some(),
    }
}

/// Tells images from files, line by line.
pub(crate) struct Reader<'a> {
    files: bool,
    known: Option<Known<'a>>,
}

/// What the document beside a text names, sorted, and how far the text has come in it: its
/// lines are in the same order, unless somebody else wrote them.
struct Known<'a> {
    images: Vec<&'a Image>,
    next_image: Cell<usize>,
    files: Vec<&'a File>,
    next_file: Cell<usize>,
}

impl<'a> Known<'a> {
    fn new(record: &'a Record) -> Self {
        // Sorted already, unless somebody else wrote it.
        let mut images: Vec<_> = record.images.iter().collect();
        images.sort_by(|a, b| a.reference.identity().cmp(&b.reference.identity()));
        let mut files: Vec<_> = record.files.iter().collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            images,
            next_image: Cell::new(0),
            files,
            next_file: Cell::new(0),
        }
    }

    /// The image of this name. Where the document writes it in the same way, its name is kept once.
    fn image(&self, text: &str) -> Option<Reference> {
        let next = self.next_image.get();
        if let Some(image) = self.images.get(next) {
            if image.reference.as_str() == text {
                self.next_image.set(next + 1);
                return Some(image.reference.clone());
            }
        }
        let wanted: Reference = text.parse().ok()?;
        let meant = wanted.identity();
        let find = |image: &&Image| image.reference.identity().cmp(&meant);
        let found = self.images.binary_search_by(find).ok()?;
        self.next_image.set(found + 1);
        let same = self.images.get(found).map(|image| &image.reference);
        Some(
            same.filter(|same| **same == wanted)
                .unwrap_or(&wanted)
                .clone(),
        )
    }

    /// The file of this name.
    fn file(&self, text: &str) -> Option<&'a FileName> {
        let name = |at: usize| Some(&self.files.get(at)?.name);
        let next = self.next_file.get();
        let is_next = name(next).is_some_and(|next| next.as_str() == text);
        let found = match is_next {
            true => next,
            false => {
                let wanted: FileName = text.parse().ok()?;
                self.files
                    .binary_search_by(|file| file.name.cmp(&wanted))
                    .ok()?
            }
        };
        self.next_file.set(found + 1);
        name(found)
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(reading: Reading<'a>) -> Self {
        let (files, record) = match reading {
            Reading::Form => (false, None),
            Reading::Document(record) => (false, Some(record)),
            Reading::Files(record) => (true, record),
        };
        Self {
            files,
            known: record.map(Known::new),
        }
    }

    pub(crate) fn read(&self, text: &str) -> Result<Subject, SubjectError> {
        let known_file = || self.known.as_ref()?.file(text).cloned();
        // Without a slash there is no registry, and with one that begins so, no host.
        let is_file = !text.contains(['/', '@']) && Suspect::unfinished(text).is_none();
        if is_file || text.starts_with("./") {
            return Ok(Subject::File(match known_file() {
                Some(name) => name,
                None => text.parse()?,
            }));
        }
        let has_host = registry_of(text).is_some();
        if let Some(known) = &self.known {
            if has_host || !known.images.is_empty() {
                if let Some(reference) = known.image(text) {
                    return Ok(Subject::Image(reference));
                }
            }
            if let Some(name) = known_file() {
                return Ok(Subject::File(name));
            }
        }
        if has_host && !self.files {
            if let Ok(reference) = text.parse() {
                return Ok(Subject::Image(reference));
            }
        }
        match Suspect::of(text) {
            Some(suspect) if suspect.certain || !self.files => Err(SubjectError::Reference {
                text: excerpt(text, 300),
                reason: suspect.reason,
            }),
            _ => Ok(Subject::File(text.parse()?)),
        }
    }
}

/// A text that somebody meant as a reference.
struct Suspect {
    /// Whether no file is called so, wherever it lies.
    certain: bool,
    reason: String,
}

impl Suspect {
    /// What is wrong with a text that looks like a reference and is none; nothing if it is
    /// one, or looks like the name of a file.
    fn of(text: &str) -> Option<Self> {
        if holds_digest(text) {
            return Some(Self::certain("it holds a digest after `@`, and the digest stands at the beginning of the line; leave that out"));
        }
        let Some(host) = registry_of(text) else {
            return Self::unfinished(text);
        };
        if matches!(host, "." | "..") {
            return None;
        }
        let (first, words) = match text.split_once(char::is_whitespace) {
            Some((first, _)) => (first, true),
            None => (text, false),
        };
        let path = first.strip_prefix(host)?.trim_start_matches('/');
        if matches!(host, "http:" | "https:" | "docker:" | "oci:") {
            return Some(Self::certain("it is an address; write REGISTRY/NAME:TAG, or the name of the file relative to the sums"));
        }
        // A digest was to follow, or a tag after the wrong sign.
        if let Some((name, rest)) = first.rsplit_once('@') {
            if may_be_host(host) && name.parse::<Reference>().is_ok() {
                let reason = "after `@` stands a digest, and a tag after `:`; write REGISTRY/NAME:TAG, or a file of this name with `./` before it";
                return Some(Self {
                    certain: rest.is_empty(),
                    reason: reason.to_owned(),
                });
            }
        }
        let last = path.rsplit('/').next().unwrap_or(path);
        let tagged = last.contains(':');
        if last.ends_with(':') {
            return Some(Self::certain(
                "its tag is empty; write a tag after the colon, or leave the colon out",
            ));
        }
        let lower = first.to_lowercase();
        let reason = match (
            words,
            first.parse::<Reference>(),
            lower.parse::<Reference>(),
        ) {
            (false, Ok(_), _) => return None,
            (true, Ok(_), _) => "more words follow after it; leave them out".to_owned(),
            (_, Err(_), Ok(_)) => {
                format!(
                    "registries take lower case only; write `{}`",
                    excerpt(&lower, 300)
                )
            }
            (_, Err(error), Err(_)) if tagged || is_spelled_as_reference(path) => error.to_string(),
            // Hidden files, `@scope`, signs: a path.
            _ => return None,
        };
        // A folder such as `v1.2` is no host, and a colon is rare in the name of a file.
        let certain = tagged && may_be_host(host);
        (certain || tagged || may_be_host(host)).then(|| Self {
            certain,
            reason: format!("{reason}; a file of this name is written with `./` before it"),
        })
    }

    /// What is wrong with a name without a host that ends or begins where a tag would. Nobody calls a file so,
    /// but one may be there.
    fn unfinished(text: &str) -> Option<Self> {
        let (before, last) = text.rsplit_once('/').unwrap_or(("", text));
        let is_reference = |name: &str| Reference::of_short_name(name).is_ok();
        let reason = if let Some(tag) = last.strip_prefix(':') {
            let is_tag = is_reference(&format!("x:{tag}"));
            let is_path = before.is_empty() || is_reference(&before.to_lowercase());
            (is_tag && is_path)
                .then_some("its name is empty; write REGISTRY/NAME:TAG, or a file of this name with `./` before it")
        } else if let Some(name) = text.strip_suffix(':') {
            is_reference(&name.to_lowercase())
                .then_some("its tag is empty; write REGISTRY/NAME:TAG, or a file of this name with `./` before it")
        } else {
            None
        };
        reason.map(|reason| Self {
            certain: false,
            reason: reason.to_owned(),
        })
    }

    fn certain(reason: &str) -> Self {
        Self {
            certain: true,
            reason: reason.to_owned(),
        }
    }
}

/// Whether a path has the signs of a repository and no others, only not as registries take them:
/// `x/y_-z`, `x..y`, `-x`. What begins with a dot is a hidden file.
fn is_spelled_as_reference(path: &str) -> bool {
    let is_sign =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    path.split('/')
        .all(|part| !part.starts_with('.') && part.bytes().all(is_sign))
}

/// Whether a digest stands after an `@`.
fn holds_digest(text: &str) -> bool {
    ["@sha256:", "@sha512:", "@sha384:"].iter().any(|sign| {
        text.split_once(sign).is_some_and(|(name, rest)| {
            let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
            !name.is_empty() && (digits >= 32 || registry_of(text).is_some())
        })
    })
}

/// Whether a name could stand in the domain name system, or is an address: top-level domains
/// are of letters.
fn may_be_host(host: &str) -> bool {
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    let labels: Vec<_> = name.split('.').collect();
    let last = labels.last().copied().unwrap_or_default();
    let top = last.len() >= 2 && last.bytes().all(|b| b.is_ascii_alphabetic());
    !port.is_empty()
        || name == "localhost"
        || host.starts_with('[')
        || name.parse::<std::net::Ipv4Addr>().is_ok()
        || (labels.len() >= 2 && (top || last.starts_with("xn--")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use verbatim_digest::Digest;

    const IMAGE: &str = "image";
    const FILE: &str = "file";
    const WRONG: &str = "wrong";

    fn kind(reading: Reading<'_>, text: &str) -> &'static str {
        match Reader::new(reading).read(text) {
            Ok(Subject::Image(_)) => IMAGE,
            Ok(Subject::File(_)) => FILE,
            Err(_) => WRONG,
        }
    }

    #[test]
    fn a_line_is_read_by_its_form_and_by_who_knows_more() {
        // The text, by its form, and where somebody says where the files are.
        for (text, form, files) in [
            ("ghcr.io/a/b:c", IMAGE, FILE),
            ("localhost/a", IMAGE, FILE),
            ("localhost:5000/a", IMAGE, FILE),
            ("[::1]:5000/a:1", IMAGE, FILE),
            ("tool-v7.6.0.linux-amd64/tool", IMAGE, FILE),
            ("v1.2.3/tool-linux-amd64", IMAGE, FILE),
            ("verbatim-linux-amd64", FILE, FILE),
            ("bin/tool", FILE, FILE),
            ("WALinuxAgent-udev-2.9.0.4-1.fc38.noarch.rpm", FILE, FILE),
            ("./ghcr.io/a/b:c", FILE, FILE),
            ("./ghcr.io/a/b:", FILE, FILE),
            // Paths that no registry would take.
            ("v1.2/Tool", FILE, FILE),
            ("v1.2/release notes.txt", FILE, FILE),
            ("jdk-21.0.2/bin/javac", IMAGE, FILE),
            ("jdk-21.0.2/README.md", FILE, FILE),
            ("conf.d/10-Foo.conf", FILE, FILE),
            ("node_modules/@types/node", FILE, FILE),
            ("a.b/.hidden", FILE, FILE),
            ("package.app/@scope/x", FILE, FILE),
            ("conf.d/getty@tty1.service", FILE, FILE),
            // A colon at an end of what has none of a registry: an image's tag or name is wanting.
            ("library/x:", WRONG, FILE),
            ("a/b/x:", WRONG, FILE),
            ("x:", WRONG, FILE),
            ("X:", WRONG, FILE),
            (":v1", WRONG, FILE),
            ("library/:v1", WRONG, FILE),
            ("registry.example.com/:v1", WRONG, WRONG),
            ("registry.example.com/x:", WRONG, WRONG),
            // And elsewhere it is a sign like any other.
            ("x:v1", FILE, FILE),
            ("library/x:v1", FILE, FILE),
            ("man3/File::Spec.3pm", FILE, FILE),
            ("log-12:30:00.txt", FILE, FILE),
            ("pkg_1:2.3-4_amd64.deb", FILE, FILE),
            ("C:", WRONG, FILE),
            ("C:/x", FILE, FILE),
            ("x::", FILE, FILE),
            ("::", FILE, FILE),
            (":", FILE, FILE),
            (":(exclude)x", FILE, FILE),
            ("notes to self:", FILE, FILE),
            ("./x:", FILE, FILE),
            ("./:v1", FILE, FILE),
            // Signs of a repository, and not as a registry takes them.
            ("registry.example.com/x/y_-z", WRONG, FILE),
            ("registry.example.com/x/y..z", WRONG, FILE),
            ("registry.example.com/x/y___z", WRONG, FILE),
            ("registry.example.com/x/-y", WRONG, FILE),
            ("registry.example.com/x/y-", WRONG, FILE),
            ("registry.example.com/_/y", WRONG, FILE),
            ("registry.example.com/x//y", WRONG, FILE),
            ("registry.example.com:/x", WRONG, FILE),
            ("registry.example.com:99999/x", WRONG, FILE),
            ("localhost:5000/x/y_-z", WRONG, FILE),
            ("127.0.0.1:5000/x/y_-z", WRONG, FILE),
            ("x/y_-z", FILE, FILE),
            ("v1.2/y_-z", FILE, FILE),
            ("conf.d/y_-z", FILE, FILE),
            ("node.js/.eslintrc", FILE, FILE),
            ("node.js/x+y", FILE, FILE),
            ("node.js/x~", FILE, FILE),
            // It could be either, and is neither of both for sure.
            ("node.js/y_-z", WRONG, FILE),
            ("node.js/README.md", WRONG, FILE),
            ("registry.example.com/acme/Server", WRONG, FILE),
            ("registry.example.com/acme/server for arm", WRONG, FILE),
            ("registry.example.com/acme/server@latest", WRONG, FILE),
            ("v1.2/Tool:1", WRONG, FILE),
            // References that somebody got wrong.
            ("registry.example.com/x/y:", WRONG, WRONG),
            ("registry.example.com/x/y@", WRONG, WRONG),
            ("registry.example.com/x/y:v1@", WRONG, WRONG),
            ("registry.example.com:5000/y:", WRONG, WRONG),
            ("localhost/y:", WRONG, WRONG),
            ("registry.example.com/Acme/y:v1", WRONG, WRONG),
            ("Registry.example.com/y:v1", WRONG, WRONG),
            ("127.0.0.1:5000/Y:v1", WRONG, WRONG),
            ("registry.example.com/y:v1 (amd64)", WRONG, WRONG),
            ("registry.example.com/y:v1\u{a0}x", WRONG, WRONG),
            ("registry.example.com/y:v1+meta", WRONG, WRONG),
            ("registry.example.com/y:-v1", WRONG, WRONG),
            ("registry.example.com/x//y:v1", WRONG, WRONG),
            ("registry.example.com:99999/y:v1", WRONG, WRONG),
            ("https://registry.example.com/x", WRONG, WRONG),
            ("docker://registry.example.com/x:1", WRONG, WRONG),
        ] {
            assert_eq!(kind(Reading::Form, text), form, "{text}");
            assert_eq!(kind(Reading::Files(None), text), files, "{text}");
        }
        let hex = Digest::of(b"").to_string();
        for text in [
            "registry.example.com/y",
            "registry.example.com/y:v1",
            "y",
            "x/y:1",
        ] {
            let text = format!("{text}@{hex}");
            assert_eq!(kind(Reading::Form, &text), WRONG, "{text}");
            assert_eq!(kind(Reading::Files(None), &text), WRONG, "{text}");
        }
        assert_eq!(kind(Reading::Form, "registry.example.com/y@sha256:"), WRONG);
        assert!(Subject::from_text("../x").is_err());
    }

    #[test]
    fn the_document_knows_which_is_which() {
        let image = |reference: &str| Image {
            reference: reference.parse().unwrap(),
            digest: Digest::of(b""),
            media_type: verbatim_oci::MediaType::OCI_MANIFEST,
            size: 1,
            image_id: None,
            platforms: vec![],
        };
        let file = |name: &str| File {
            name: name.parse().unwrap(),
            digest: Digest::of(b""),
            size: None,
        };
        let record = Record::new(
            vec![image("v1.2/image"), image("registry/app")],
            vec![
                file("v1.2/tool"),
                file("node.js/README.md"),
                file("a.io/x:"),
            ],
        );
        for (text, document, files) in [
            ("v1.2/image", IMAGE, IMAGE),
            ("registry/app", IMAGE, IMAGE),
            ("v1.2/tool", FILE, FILE),
            ("node.js/README.md", FILE, FILE),
            ("a.io/x:", FILE, FILE),
            ("v1.2/other", IMAGE, FILE),
            ("registry/other", FILE, FILE),
            ("b.io/x:", WRONG, WRONG),
        ] {
            assert_eq!(kind(Reading::Document(&record), text), document, "{text}");
            assert_eq!(kind(Reading::Files(Some(&record)), text), files, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for name in [
            "a",
            "a/b",
            "v1.2/tool",
            "ghcr.io/a/b:c",
            "node.js/README.md",
            "a.io/x:",
            "v1.2/Tool",
            "https:/x",
            "x:",
            ":v1",
            "library/x:",
            "library/:v1",
            "r.example.com/x/y_-z",
            "a\\b",
            "x@sha256:00112233445566778899aabbccddeeff",
        ] {
            let file = Subject::File(name.parse().unwrap());
            assert_eq!(Subject::from_text(&file.in_text()), Ok(file), "{name}");
        }
        assert_eq!(Subject::File("a/b".parse().unwrap()).in_text(), "a/b");
        assert_eq!(
            Subject::File("v1.2/tool".parse().unwrap()).in_text(),
            "./v1.2/tool"
        );
    }
}
