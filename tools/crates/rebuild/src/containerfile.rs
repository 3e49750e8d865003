//! What a Containerfile is made of: its stages, and the images that they begin with or copy from.
//!
//! Only as much of the language is read as decides which images a build needs (Containerfile(5), and the
//! Dockerfile reference, "FROM", "ARG", "COPY --from", "RUN --mount", "Here-documents"). What it does not
//! find, `buildah` does not find either: nothing is pulled while it builds.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::injected::label;

/// More stages than any Containerfile has: each name is looked for among those before it.
const MAX_STAGES: usize = 1000;
/// More than any Containerfile copies from other stages and images.
const MAX_COPIES: usize = 10_000;
/// The most text that arguments may put in, in bytes: one argument can hold another twice, and so on.
const MAX_PUT_IN: usize = 16 << 20;

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// After `AS`, in lower case.
    pub name: Option<String>,
    /// What it begins with: `scratch`, an earlier stage, or an image; arguments are put in.
    pub from: String,
    /// Stages and images that files are taken from, arguments put in, and where `COPY` puts them.
    pub copies: Vec<Copied>,
    /// What its `LABEL` instructions set; `None` where one of them is not read here.
    pub labels: Option<Vec<(String, String)>>,
}

/// Files that a stage takes from another stage or image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// A stage by name or number, or an image.
    pub from: String,
    /// The last word of a `COPY`; `None` for a mount.
    pub to: Option<String>,
}

/// A Containerfile as far as it is read here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Containerfile {
    /// In order.
    pub stages: Vec<Stage>,
}

/// Where files of a stage come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin<'a> {
    /// An earlier stage.
    Stage(usize),
    /// An image.
    Image(&'a str),
    /// Nothing.
    Scratch,
}

impl Containerfile {
    /// Read the text with the arguments of the command line, which replace defaults.
    ///
    /// # Errors
    /// More than anybody writes: of stages, of copies, of what arguments put in.
    pub fn parse(text: &str, arguments: &BTreeMap<String, String>) -> Result<Self> {
        let mut file = Self::default();
        // Arguments before the first FROM hold in every FROM, and nowhere else unless they are declared again.
        let mut globals: BTreeMap<String, String> = platform_arguments();
        globals.extend(arguments.iter().map(|(k, v)| (k.clone(), v.clone())));
        let mut local = BTreeMap::new();
        let (mut room, mut copies) = (Room(MAX_PUT_IN), 0);
        for instruction in instructions(text) {
            let (word, rest) = split_word(&instruction);
            match (word.to_ascii_uppercase().as_str(), file.stages.last_mut()) {
                ("FROM", _) => {
                    local.clear();
                    file.stages.extend(from(rest, &globals, &mut room)?);
                }
                ("ARG", None) => declare(rest, arguments, &mut globals, None, &mut room)?,
                ("ARG", Some(_)) => {
                    declare(rest, arguments, &mut local, Some(&globals), &mut room)?;
                }
                ("COPY" | "ADD", Some(stage)) => {
                    let copied = copy(rest, &local, &mut room)?;
                    copies += usize::from(copied.is_some());
                    stage.copies.extend(copied);
                }
                ("LABEL", Some(stage)) => {
                    let more = label(rest);
                    stage.labels = stage.labels.take().zip(more).map(|(mut labels, more)| {
                        labels.extend(more);
                        labels
                    });
                }
                ("RUN", Some(stage)) => {
                    let mounted = mounts(rest, &local, &mut room)?;
                    copies += mounted.len();
                    stage.copies.extend(mounted);
                }
                _ => {}
            }
            if file.stages.len() > MAX_STAGES {
                return Err(too_much(format!("{MAX_STAGES} stages")));
            }
            if copies > MAX_COPIES {
                return Err(too_much(format!("{MAX_COPIES} copies of other stages")));
            }
        }
        Ok(file)
    }

    /// What a word after `FROM` or `--from=` means in the stage `at`.
    pub fn origin<'a>(&self, word: &'a str, at: usize) -> Origin<'a> {
        if word.eq_ignore_ascii_case("scratch") {
            return Origin::Scratch;
        }
        let lower = word.to_ascii_lowercase();
        let named = |stage: &Stage| stage.name.as_deref() == Some(&lower);
        if let Some(number) = self.stages[..at].iter().rposition(named) {
            return Origin::Stage(number);
        }
        match word.parse::<usize>() {
            Ok(number) if number < at => Origin::Stage(number),
            _ => Origin::Image(word),
        }
    }

    /// The stage that is built: the named one, or the last.
    pub fn target(&self, name: Option<&str>) -> Option<usize> {
        match name {
            None => self.stages.len().checked_sub(1),
            Some(name) => match self.origin(name, self.stages.len()) {
                Origin::Stage(number) => Some(number),
                _ => None,
            },
        }
    }

    /// The images that are needed to build `target`, each once, in order. Without `all`, stages that nothing of
    /// the target is made from are left out.
    pub fn images(&self, target: usize, all: bool) -> Vec<String> {
        let mut wanted = vec![all; target + 1];
        wanted[target] = true;
        let mut images = Vec::new();
        for at in (0..=target).rev() {
            if !wanted[at] {
                continue;
            }
            let stage = &self.stages[at];
            let copied = stage.copies.iter().map(|copied| copied.from.as_str());
            for word in copied.chain([stage.from.as_str()]) {
                match self.origin(word, at) {
                    Origin::Stage(number) => wanted[number] = true,
                    Origin::Image(name) => images.push(name.to_owned()),
                    Origin::Scratch => {}
                }
            }
        }
        images.sort();
        images.dedup();
        images
    }

    /// The stages that a stage is made of, itself and those it begins with, the first one first.
    pub fn line(&self, mut at: usize) -> Vec<&Stage> {
        let mut line = vec![&self.stages[at]];
        while let Origin::Stage(number) = self.origin(&self.stages[at].from, at) {
            at = number;
            line.push(&self.stages[at]);
        }
        line.reverse();
        line
    }

    /// The image that a stage goes back to; `None` for `scratch`.
    pub fn root(&self, mut at: usize) -> Option<&str> {
        loop {
            match self.origin(&self.stages[at].from, at) {
                Origin::Stage(number) => at = number,
                Origin::Image(name) => return Some(name),
                Origin::Scratch => return None,
            }
        }
    }
}

fn too_much(what: String) -> Error {
    Error::wrong(format!(
        "the Containerfile is refused: it has more than {what}"
    ))
}

/// How much text arguments may still put in.
struct Room(usize);

impl Room {
    fn take(&mut self, text: &str) -> Result<()> {
        self.0 = self.0.checked_sub(text.len()).ok_or_else(|| {
            too_much(format!("{MAX_PUT_IN} bytes, once its arguments are put in"))
        })?;
        Ok(())
    }
}

/// What every build knows of its platform: this machine's, for no other is built for.
fn platform_arguments() -> BTreeMap<String, String> {
    let platform = crate::machine::platform();
    let whole = platform.to_string();
    ["BUILD", "TARGET"]
        .into_iter()
        .flat_map(|prefix| {
            [
                (format!("{prefix}PLATFORM"), whole.clone()),
                (format!("{prefix}OS"), platform.os.clone()),
                (format!("{prefix}ARCH"), platform.architecture.clone()),
                (
                    format!("{prefix}VARIANT"),
                    platform.variant.clone().unwrap_or_default(),
                ),
            ]
        })
        .collect()
}

/// The instructions, each on one line: continued lines joined, comments and here-documents left out.
fn instructions(text: &str) -> Vec<String> {
    let mut lines = text.lines();
    let escape = escape_of(text);
    let mut out = Vec::new();
    let mut current = String::new();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if trimmed.starts_with('#') || (trimmed.is_empty() && !current.is_empty()) {
            continue;
        }
        if let Some(start) = line.trim_end().strip_suffix(escape) {
            current.push_str(start);
            continue;
        }
        current.push_str(line);
        let whole = std::mem::take(&mut current);
        if whole.trim().is_empty() {
            continue;
        }
        for (end, strip) in here_documents(&whole) {
            for line in lines.by_ref() {
                let line = if strip {
                    line.trim_start_matches('\t')
                } else {
                    line
                };
                if line == end {
                    break;
                }
            }
        }
        out.push(whole.trim().to_owned());
    }
    if !current.trim().is_empty() {
        out.push(current.trim().to_owned());
    }
    out
}

/// The directive `# escape=` may stand in the first lines.
fn escape_of(text: &str) -> char {
    for line in text.lines() {
        let Some(directive) = line.trim().strip_prefix('#') else {
            break;
        };
        let Some((key, value)) = directive.split_once('=') else {
            break;
        };
        if key.trim().eq_ignore_ascii_case("escape") && value.trim() == "`" {
            return '`';
        }
    }
    '\\'
}

/// The ends of the here-documents that an instruction begins, and whether tabs before lines are cut off.
fn here_documents(instruction: &str) -> Vec<(String, bool)> {
    let (word, rest) = split_word(instruction);
    if !["RUN", "COPY", "ADD"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
    {
        return Vec::new();
    }
    rest.split_whitespace()
        .filter_map(|word| {
            // A file descriptor may stand before it.
            let after = word
                .trim_start_matches(|c: char| c.is_ascii_digit())
                .strip_prefix("<<")?;
            let (strip, name) = match after.strip_prefix('-') {
                Some(name) => (true, name),
                None => (false, after),
            };
            let name = name.trim_matches(['"', '\'']);
            let is_name = !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_alphanumeric() || "_-.".contains(c));
            is_name.then(|| (name.to_owned(), strip))
        })
        .collect()
}

fn split_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim_start()),
        None => (text, ""),
    }
}

fn unquoted(word: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = word
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
        {
            return inner;
        }
    }
    word
}

/// `FROM [--platform=…] IMAGE [AS NAME]`.
fn from(rest: &str, globals: &BTreeMap<String, String>, room: &mut Room) -> Result<Option<Stage>> {
    let mut words = rest
        .split_whitespace()
        .filter(|word| !word.starts_with("--"));
    let Some(image) = words.next() else {
        return Ok(None);
    };
    let name = match (words.next(), words.next()) {
        (Some(word), Some(name)) if word.eq_ignore_ascii_case("as") => {
            Some(name.to_ascii_lowercase())
        }
        _ => None,
    };
    Ok(Some(Stage {
        name,
        from: expand(unquoted(image), globals, room)?,
        copies: Vec::new(),
        labels: Some(Vec::new()),
    }))
}

/// `ARG NAME[=DEFAULT]…`
fn declare(
    rest: &str,
    given: &BTreeMap<String, String>,
    known: &mut BTreeMap<String, String>,
    globals: Option<&BTreeMap<String, String>>,
    room: &mut Room,
) -> Result<()> {
    for word in rest.split_whitespace() {
        let (name, default) = match word.split_once('=') {
            Some((name, value)) => (name, Some(expand(unquoted(value), known, room)?)),
            None => (word, globals.and_then(|globals| globals.get(word).cloned())),
        };
        if let Some(value) = given.get(name).cloned().or(default) {
            known.insert(name.to_owned(), value);
        }
    }
    Ok(())
}

/// The `--from=` of a COPY or ADD, and its last word.
fn copy(rest: &str, local: &BTreeMap<String, String>, room: &mut Room) -> Result<Option<Copied>> {
    let from = rest
        .split_whitespace()
        .take_while(|word| word.starts_with("--"))
        .find_map(|word| word.strip_prefix("--from="));
    let Some(from) = from else {
        return Ok(None);
    };
    let to = rest.split_whitespace().next_back().map(|word| {
        let word = word.trim_matches(['[', ']', ',', '"']);
        expand(unquoted(word), local, room)
    });
    Ok(Some(Copied {
        to: to.transpose()?,
        from: expand(unquoted(from), local, room)?,
    }))
}

/// The `from=` of each `--mount=`.
fn mounts(rest: &str, local: &BTreeMap<String, String>, room: &mut Room) -> Result<Vec<Copied>> {
    rest.split_whitespace()
        .take_while(|word| word.starts_with("--"))
        .filter_map(|word| word.strip_prefix("--mount="))
        .flat_map(|mount| mount.split(','))
        .filter_map(|field| unquoted(field).strip_prefix("from="))
        .map(|from| {
            Ok(Copied {
                from: expand(from, local, room)?,
                to: None,
            })
        })
        .collect()
}

/// Put arguments in: `$NAME`, `${NAME}`, `${NAME:-word}`, `${NAME-word}`, `${NAME:+word}`, `${NAME+word}`.
fn expand(text: &str, arguments: &BTreeMap<String, String>, room: &mut Room) -> Result<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some((inner, behind)) = after
            .strip_prefix('{')
            .and_then(|after| after.split_once('}'))
        {
            let value = braced(inner, arguments);
            room.take(value)?;
            out.push_str(value);
            rest = behind;
            continue;
        }
        let end = after
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(after.len());
        if end == 0 {
            out.push('$');
        } else {
            let value = arguments.get(&after[..end]).map_or("", String::as_str);
            room.take(value)?;
            out.push_str(value);
        }
        rest = &after[end..];
    }
    out.push_str(rest);
    Ok(out)
}

fn braced<'a>(inner: &'a str, arguments: &'a BTreeMap<String, String>) -> &'a str {
    let end = inner
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(inner.len());
    let (name, operation) = inner.split_at(end);
    let value = arguments.get(name).map(String::as_str);
    let filled = value.filter(|value| !value.is_empty());
    if let Some(word) = operation.strip_prefix(":-") {
        filled.unwrap_or(word)
    } else if let Some(word) = operation.strip_prefix(":+") {
        filled.map_or("", |_| word)
    } else if let Some(word) = operation.strip_prefix('-') {
        value.unwrap_or(word)
    } else if let Some(word) = operation.strip_prefix('+') {
        value.map_or("", |_| word)
    } else {
        value.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, arguments: &[(&str, &str)]) -> Containerfile {
        let arguments = arguments
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Containerfile::parse(text, &arguments).unwrap()
    }

    #[test]
    fn stages_that_the_target_is_not_made_of_need_no_image() {
        let file = parse(
            "FROM registry.example.com/unused AS unused\n\
             FROM registry.example.com/builder:1 AS Builder\n\
             FROM builder AS more\nRUN --mount=type=bind,from=registry.example.com/tools,target=/t x\n\
             FROM scratch\nCOPY --from=1 /out /\nCOPY --from=more --chmod=755 /a /b/\n",
            &[],
        );
        let target = file.target(None).unwrap();
        assert_eq!(target, 3);
        assert_eq!(
            file.images(target, false),
            [
                "registry.example.com/builder:1",
                "registry.example.com/tools"
            ]
        );
        assert_eq!(file.images(target, true).len(), 3);
        assert_eq!(file.target(Some("BUILDER")), Some(1));
        assert_eq!(file.target(Some("absent")), None);
        assert_eq!(file.root(2), Some("registry.example.com/builder:1"));
        assert_eq!(file.stages[3].copies[1].to.as_deref(), Some("/b/"));
    }

    #[test]
    fn arguments_are_put_in() {
        let text = "ARG TAG=1\nARG NAME=\"registry.example.com/a\"\nARG EMPTY\n\
                    FROM ${NAME}:$TAG\nFROM ${NONE:-x}${EMPTY:+y}${TAG+z}-${NONE-w}\nFROM $NAME$TARGETOS\n";
        let from = |arguments: &[(&str, &str)]| -> Vec<String> {
            parse(text, arguments)
                .stages
                .into_iter()
                .map(|stage| stage.from)
                .collect()
        };
        assert_eq!(
            from(&[]),
            [
                "registry.example.com/a:1",
                "xz-w",
                "registry.example.com/alinux"
            ]
        );
        assert_eq!(
            from(&[("TAG", "2"), ("EMPTY", "f")])[0],
            "registry.example.com/a:2"
        );
        assert_eq!(from(&[("TAG", "2"), ("EMPTY", "f")])[1], "xyz-w");
    }

    #[test]
    fn what_only_looks_like_an_instruction_is_none() {
        let file = parse(
            "# FROM a\nFROM b AS one\nRUN <<EOF\nFROM c\nEOF\nRUN cat <<-'X' > f && \\\n# FROM d\n\n  y\n\tFROM e\n\tX\nLABEL x=\"\\\nFROM f\"\nCOPY <<A <<B /x/\nFROM g\nA\nFROM h\nB\nFROM i\n",
            &[],
        );
        let from: Vec<&str> = file
            .stages
            .iter()
            .map(|stage| stage.from.as_str())
            .collect();
        assert_eq!(from, ["b", "i"]);
    }

    #[test]
    fn more_than_anybody_writes_is_refused() {
        let refused = |text: &str| {
            let error = Containerfile::parse(text, &BTreeMap::new()).unwrap_err();
            error.to_string()
        };
        let doubling: String = (0..64)
            .map(|n| format!("ARG A{}=$A{n}${{A{n}:-x}}\n", n + 1))
            .collect();
        assert!(refused(&format!("ARG A0=a\n{doubling}")).contains("put in"));
        assert!(refused(&"FROM a\n".repeat(MAX_STAGES + 1)).contains("1000 stages"));
        let copies = "COPY --from=b / /\n".repeat(MAX_COPIES + 1);
        assert!(refused(&format!("FROM a\n{copies}")).contains("10000 copies"));
    }

    #[test]
    fn another_escape_and_no_end() {
        let file = parse("# escape=`\nFROM a`\n b\nRUN x <<EOF\nFROM c", &[]);
        assert_eq!(file.stages.len(), 1);
        assert_eq!(file.stages[0].from, "a");
        assert!(parse("", &[]).target(None).is_none());
    }
}
