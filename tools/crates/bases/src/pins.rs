//! Pins, as `MODULE.bazel` has them.

use std::ops::Range;

use verbatim_digest::Digest;
use verbatim_foreign::excerpt;
use verbatim_oci::Reference;

use crate::starlark::{tokens, Kind, Token};

/// So many pins are read of one file.
const MOST: usize = 10_000;

/// One image that a file pins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// What the file calls it.
    pub name: String,
    /// The repository, with the tag where there is one.
    pub reference: Reference,
    /// What it is pinned to; `None` where nothing is.
    pub digest: Option<Digest>,
    /// The line on which the call begins, from 1.
    pub line: usize,
    /// Where the digest stands, in bytes of the file.
    place: Option<Range<usize>>,
}

/// A call that pins an image and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct PinError {
    file: String,
    line: usize,
    what: String,
}

/// All pins of a file, in their order.
///
/// A pin is a call of `pull` (`images.pull` of these rules, `oci.pull` of rules_oci, `pull` of
/// rules_img) or of `oci_pull`, with an `image`, or a `registry` and a `repository`, and a `digest`
/// or a `tag`. The file is not evaluated: what is not written as a string in the call is an error,
/// which names the line.
pub fn pins(text: &str, file: &str) -> Result<Vec<Pin>, PinError> {
    let tokens = tokens(text);
    let mut pins = Vec::new();
    for (number, token) in tokens.iter().enumerate() {
        let is_pull =
            matches!(&token.kind, Kind::Name(name) if name == "pull" || name == "oci_pull");
        let called = tokens.get(number + 1).map(|next| &next.kind) == Some(&Kind::Other('('));
        let defined = number > 0 && tokens[number - 1].kind == Kind::Name("def".to_owned());
        if !is_pull || !called || defined {
            continue;
        }
        let error = |what: String| PinError {
            file: file.to_owned(),
            line: token.line,
            what,
        };
        let call = Call::read(&tokens[number + 2..])
            .ok_or_else(|| error("this call has no end; close its parenthesis".to_owned()))?;
        if let Some(pin) = pin(&call, token.line).map_err(error)? {
            pins.push(pin);
        }
        if pins.len() > MOST {
            return Err(error(format!("has more than {MOST} pins before this one")));
        }
    }
    Ok(pins)
}

/// The file with another digest in place of that of each of these pins; pins without one stay.
pub fn repinned(text: &str, changes: &[(&Pin, Digest)]) -> String {
    let mut places: Vec<(Range<usize>, Digest)> = changes
        .iter()
        .filter_map(|(pin, digest)| Some((pin.place.clone()?, *digest)))
        .collect();
    places.sort_by_key(|(place, _)| place.start);
    let (mut new, mut done) = (String::with_capacity(text.len()), 0);
    for (place, digest) in places {
        new.push_str(&text[done..place.start]);
        new.push_str(&digest.to_string());
        done = place.end;
    }
    new.push_str(&text[done..]);
    new
}

/// The arguments of a call that have a name.
struct Call<'a>(Vec<(&'a str, Argument<'a>)>);

/// What is given for one of them.
enum Argument<'a> {
    Text(&'a str, &'a Range<usize>),
    /// `None`, which is the same as leaving it out.
    Nothing,
    Other,
}

impl<'a> Call<'a> {
    /// The call whose first word behind the parenthesis this is; `None` if the file ends in it.
    fn read(tokens: &'a [Token]) -> Option<Self> {
        let (mut arguments, mut depth, mut number) = (Vec::new(), 0_usize, 0);
        loop {
            let token = tokens.get(number)?;
            match (&token.kind, depth) {
                (Kind::Other('(' | '[' | '{'), _) => depth += 1,
                (Kind::Other(')' | ']' | '}'), 0) => return Some(Self(arguments)),
                (Kind::Other(')' | ']' | '}'), _) => depth -= 1,
                (Kind::Name(name), 0) if is(tokens.get(number + 1), '=') => {
                    let alone = is(tokens.get(number + 3), ',') || is(tokens.get(number + 3), ')');
                    let value = match tokens.get(number + 2) {
                        Some(Token {
                            kind: Kind::Text(text),
                            at,
                            ..
                        }) if alone => Argument::Text(text, at),
                        Some(Token {
                            kind: Kind::Name(name),
                            ..
                        }) if alone && name == "None" => Argument::Nothing,
                        _ => Argument::Other,
                    };
                    arguments.push((name.as_str(), value));
                    number += 1;
                }
                _ => {}
            }
            number += 1;
        }
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| *known == name)
    }

    /// A string, and where it stands; empty is the same as none.
    fn text(&self, name: &str) -> Result<Option<(&'a str, Range<usize>)>, String> {
        match self.0.iter().find(|(known, _)| *known == name) {
            None | Some((_, Argument::Nothing)) => Ok(None),
            Some((_, Argument::Text("", _))) => Ok(None),
            Some((_, Argument::Text(text, at))) => Ok(Some((text, (*at).clone()))),
            Some((_, Argument::Other)) => Err(format!(
                "`{name}` is not written as a string; files are read and not evaluated, so write it out"
            )),
        }
    }
}

fn is(token: Option<&Token>, c: char) -> bool {
    token.map(|token| &token.kind) == Some(&Kind::Other(c))
}

fn pin(call: &Call<'_>, line: usize) -> Result<Option<Pin>, String> {
    let pins = call.has("digest") || call.has("tag");
    if !pins || !(call.has("image") || call.has("repository")) {
        // Something else is called so.
        return Ok(None);
    }
    let repository = match (call.text("image")?, call.text("repository")?) {
        (Some((image, _)), _) => image.to_owned(),
        (None, Some((repository, _))) => match call.text("registry")? {
            Some((registry, _)) => format!("{registry}/{repository}"),
            None => repository.to_owned(),
        },
        (None, None) => return Err("names no image".to_owned()),
    };
    let tag = call.text("tag")?.map(|(tag, _)| tag);
    let written = match tag {
        Some(tag) => format!("{repository}:{tag}"),
        None => repository,
    };
    let reference = Reference::of_short_name(&written)
        .map_err(|e| format!("`{}` is no image: {e}", excerpt(&written, 200)))?;
    let digest = call.text("digest")?;
    let parsed = match &digest {
        Some((text, _)) => Some(text.parse::<Digest>().map_err(|e| e.to_string())?),
        None => None,
    };
    let name = match call.text("name")? {
        Some((name, _)) => name.to_owned(),
        None => reference.name().to_owned(),
    };
    Ok(Some(Pin {
        name,
        reference,
        digest: parsed,
        line,
        place: digest.map(|(_, place)| place),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(digit: char) -> Digest {
        format!("sha256:{}", digit.to_string().repeat(64))
            .parse()
            .unwrap()
    }

    #[test]
    fn pins_of_three_rulesets() {
        let text = format!(
            r#"
bazel_dep(name = "rules_verbatim", version = "0.1.0")
images = use_extension("@rules_verbatim//rules:extensions.bzl", "images")
images.pull(
    name = "base",
    digest = "{}",  # digest = "sha256:none"
    image = "registry.example.com/acme/base",
    platforms = ["linux/amd64", "linux/arm64"],
    tag = "v1",
)
oci.pull(name = 'distroless', image = 'gcr.example.com/distroless/static', digest = '{}')
pull(
    name = "ubuntu", registry = "index.docker.io", repository = "library/ubuntu", tag = "24.04",
    digest = None,
)
archive.pull(url = "https://example.com")
def pull(image, tag = "x"): pass
"#,
            digest('a'),
            digest('b')
        );
        let pins = pins(&text, "MODULE.bazel").unwrap();
        let told: Vec<_> = pins
            .iter()
            .map(|pin| {
                (
                    pin.name.as_str(),
                    pin.reference.to_string(),
                    pin.digest,
                    pin.line,
                )
            })
            .collect();
        assert_eq!(
            told[0],
            (
                "base",
                "registry.example.com/acme/base:v1".to_owned(),
                Some(digest('a')),
                4
            )
        );
        assert_eq!(
            told[1],
            (
                "distroless",
                "gcr.example.com/distroless/static".to_owned(),
                Some(digest('b')),
                11
            )
        );
        assert_eq!((told[2].0, told[2].2, told[2].3), ("ubuntu", None, 12));
        assert_eq!(pins[2].reference.tag(), Some("24.04"));
        assert_eq!(pins.len(), 3);

        // Only the digests change, each in its own place.
        let new = repinned(
            &text,
            &[
                (&pins[1], digest('d')),
                (&pins[0], digest('c')),
                (&pins[2], digest('e')),
            ],
        );
        let expected = text
            .replace(&digest('a').to_string(), &digest('c').to_string())
            .replace(&digest('b').to_string(), &digest('d').to_string());
        assert_eq!(new, expected);
    }

    #[test]
    fn equal_digests_are_changed_one_by_one() {
        let call = |name: &str| {
            format!("x.pull(name = \"{name}\", image = \"r.example.com/{name}\", tag = \"1\", digest = \"{}\")\n", digest('a'))
        };
        let text = call("one") + &call("two");
        let pins = pins(&text, "f").unwrap();
        let new = repinned(&text, &[(&pins[1], digest('b'))]);
        assert_eq!(
            new,
            call("one") + &call("two").replace(&digest('a').to_string(), &digest('b').to_string())
        );
    }

    #[test]
    fn what_cannot_be_read_names_its_line() {
        for (call, what) in [
            (
                "images.pull(name = \"a\", image = BASE, digest = \"\")",
                "`image` is not written as a string",
            ),
            (
                "images.pull(image = \"r.example.com/a\", digest = \"sha256:\" + HEX)",
                "`digest` is not written as a string",
            ),
            (
                "images.pull(image = \"r.example.com/a\", digest = \"sha256:12\")",
                "digest",
            ),
            (
                "images.pull(image = \"r.example.com/A B\", tag = \"x\")",
                "is no image",
            ),
            ("images.pull(image = \"\", tag = \"x\")", "names no image"),
            (
                "images.pull(image = \"r.example.com/a\", tag = \"x\"",
                "has no end",
            ),
        ] {
            let error = pins(&format!("\n{call}\n"), "MODULE.bazel")
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("MODULE.bazel:2: ") && error.contains(what),
                "{error}"
            );
        }
    }
}
