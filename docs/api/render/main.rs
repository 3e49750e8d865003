//! `render EXTRACT OUT.md`: what Bazel extracts of a Starlark file's documentation
//! (`starlark_doc_extract`, a `ModuleInfo` of stardoc_output.proto) as Markdown.

mod proto;

use std::fmt::Write as _;
use std::process::ExitCode;

use proto::{Malformed, Message};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output] = &arguments[..] else {
        eprintln!("render: give two arguments, EXTRACT and OUT.md");
        return ExitCode::from(2);
    };
    let result = std::fs::read(input)
        .map_err(|e| format!("{input}: {e}"))
        .and_then(|data| render(&data).map_err(|e| format!("{input}: {e}")))
        .and_then(|text| std::fs::write(output, text).map_err(|e| format!("{output}: {e}")));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("render: {error}");
            ExitCode::from(2)
        }
    }
}

/// `AttributeType` in words.
fn kind(number: u64) -> &'static str {
    match number {
        1 => "name",
        2 => "integer",
        3 => "label",
        4 => "string",
        5 => "list of strings",
        6 => "list of integers",
        7 => "list of labels",
        8 => "boolean",
        9 => "dictionary: label → string",
        10 => "dictionary: string → string",
        11 => "dictionary: string → list of strings",
        12 => "output",
        13 => "list of outputs",
        14 => "dictionary: string → label",
        _ => "value",
    }
}

/// Text for the cell of a table.
fn cell(text: &str) -> String {
    text.trim()
        .replace('|', "\\|")
        .replace("\n\n", "<br>")
        .replace('\n', " ")
}

fn render(data: &[u8]) -> Result<String, Malformed> {
    let module = Message::parse(data)?;
    let file = module.text(6);
    // Labels of the main repository begin with `@@//` or `//`; people load the file from the module.
    let file = file.trim_start_matches('@').trim_start_matches("_main");
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "<!-- Made of the documentation in {file}; `bazel test //docs/api:all` says when it is out of date. -->\n\n# {}\n\n{}\n\nLoad it from `@rules_verbatim{file}`.\n",
        file.rsplit([':', '/']).next().unwrap_or(file),
        module.text(5).trim()
    );
    let mut sections: Vec<(String, String)> = Vec::new();
    for rule in module.messages(1)? {
        let body = format!(
            "{}\n\n{}",
            rule.text(2).trim(),
            attributes(&rule.messages(3)?)
        );
        sections.push((rule.text(1), body));
    }
    for provider in module.messages(2)? {
        let mut body = format!(
            "{}\n\n| field | meaning |\n| --- | --- |\n",
            provider.text(2).trim()
        );
        for field in provider.messages(3)? {
            let _ = writeln!(body, "| `{}` | {} |", field.text(1), cell(&field.text(2)));
        }
        sections.push((provider.text(1), body));
    }
    for function in module.messages(3)? {
        let mut body = format!(
            "{}\n\n| argument | default | meaning |\n| --- | --- | --- |\n",
            function.text(3).trim()
        );
        for parameter in function.messages(2)? {
            let default = match parameter.text(3) {
                text if text.is_empty() => String::new(),
                text => format!("`{text}`"),
            };
            let _ = writeln!(
                body,
                "| `{}` | {} | {} |",
                parameter.text(1),
                cell(&default),
                cell(&parameter.text(2))
            );
        }
        sections.push((function.text(1), body));
    }
    for extension in module.messages(7)? {
        let mut body = format!("{}\n", extension.text(2).trim());
        for tag in extension.messages(3)? {
            let _ = write!(
                body,
                "\n### {}.{}\n\n{}\n\n{}",
                extension.text(1),
                tag.text(1),
                tag.text(2).trim(),
                attributes(&tag.messages(3)?)
            );
        }
        sections.push((extension.text(1), body));
    }
    sections.sort();
    let texts: Vec<String> = sections
        .iter()
        .map(|(name, body)| format!("## {name}\n\n{}\n", body.trim_end()))
        .collect();
    out += &texts.join("\n");
    Ok(out)
}

/// The table of a rule's or tag's attributes, mandatory ones first.
fn attributes(all: &[Message<'_>]) -> String {
    let mut shown: Vec<&Message<'_>> = all.iter().filter(|a| a.number(3) != 1).collect();
    shown.sort_by_key(|a| (a.number(4) == 0, a.text(1)));
    let mut out =
        String::from("| attribute | type | default | meaning |\n| --- | --- | --- | --- |\n");
    for attribute in shown {
        let default = match attribute.number(4) {
            0 => format!("`{}`", cell(&attribute.text(6))),
            _ => "mandatory".to_owned(),
        };
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} |",
            attribute.text(1),
            kind(attribute.number(3)),
            default,
            cell(&attribute.text(2))
        );
    }
    out
}
