//! Every command and option of verbatim that a page, a fix or a message names exists.
//!
//! Run by Cargo, which sees the whole checkout: pages, rules, and the sources of all crates.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which options each command has, from its manual page.
fn commands() -> BTreeMap<String, BTreeSet<String>> {
    let dir = tempfile::tempdir().unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_verbatim"))
        .arg("man")
        .arg("-o")
        .arg(dir.path())
        .status()
        .unwrap();
    assert!(made.success());
    let mut commands = BTreeMap::new();
    for entry in fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let page = fs::read_to_string(&path).unwrap().replace("\\-", "-");
        let mut options: BTreeSet<String> = page
            .split_once(".SH OPTIONS")
            .map_or("", |(_, options)| options)
            .split("\\fB")
            .filter(|bold| bold.starts_with("--"))
            .map(|bold| bold.split("\\fR").next().unwrap().to_owned())
            .collect();
        options.extend(["--help".to_owned(), "--version".to_owned()]);
        commands.insert(name.replace('-', " "), options);
    }
    assert!(commands["verbatim verify"].contains("--signature"));
    commands
}

fn files_below(folder: &Path, ending: &str, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, ending, files);
        } else if path.to_str().unwrap().ends_with(ending) {
            files.push(path);
        }
    }
}

/// What stands between two backquotes of a line, and lines of consoles and examples.
fn spans(line: &str) -> Vec<&str> {
    let mut spans: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
    let words = line.trim_start_matches(['/', '!', ' ']);
    let words = words.strip_prefix("$ ").unwrap_or(words);
    let is_example = line.starts_with("    ") || line.starts_with("$ ");
    if is_example && (words.starts_with("verbatim ") || words.contains("| verbatim ")) {
        spans.push(words);
    }
    spans
}

/// Why a command line cannot be meant, if it cannot: of each of the programs in it.
fn fault(span: &str, commands: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    let programs = span.split('#').next().unwrap().split(['|', '>', ';', '&']);
    let mut faults = programs.map(|line| fault_of_one(line, commands));
    faults.find_map(|fault| fault)
}

fn fault_of_one(line: &str, commands: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    let mut words = line.split_whitespace().peekable();
    let mut name = words.next().filter(|word| *word == "verbatim")?.to_owned();
    while let Some(longer) = words.peek().map(|word| format!("{name} {word}")) {
        if !commands.contains_key(&longer) {
            break;
        }
        name = longer;
        words.next();
    }
    let is_word = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase());
    if name == "verbatim" {
        // `verbatim` alone, or with a word that stands for any command.
        return words
            .next()
            .filter(is_word)
            .map(|word| format!("there is no command {word}"));
    }
    // What follows `--` is said to another program.
    words
        .take_while(|word| *word != "--")
        .filter(|word| word.starts_with("--"))
        .map(|word| {
            let end = word[2..]
                .find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'))
                .map_or(word.len(), |end| end + 2);
            &word[..end]
        })
        .find(|option| !commands[&name].contains(*option))
        .map(|option| format!("{name} has no option {option}"))
}

#[test]
fn what_is_named_exists() {
    let commands = commands();
    let top = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(3)
        .unwrap();
    let mut files = vec![top.join("README.md"), top.join("CONTRIBUTING.md")];
    files_below(&top.join("docs"), ".md", &mut files);
    files_below(&top.join("rules"), ".bzl", &mut files);
    for entry in fs::read_dir(top.join("tools/crates")).unwrap() {
        let sources = entry.unwrap().path().join("src");
        if sources.is_dir() {
            files_below(&sources, ".rs", &mut files);
        }
    }
    let mut seen = 0;
    let mut faults = Vec::new();
    for file in &files {
        // What goes on in the next line belongs to it.
        let text = fs::read_to_string(file).unwrap();
        let text = text.replace("\\\\\n", " ").replace("\\\n", " ");
        for (number, line) in text.lines().enumerate() {
            for span in spans(line) {
                seen += usize::from(span.starts_with("verbatim "));
                if let Some(fault) = fault(span, &commands) {
                    faults.push(format!(
                        "{}:{}: `{span}`: {fault}",
                        file.display(),
                        number + 1
                    ));
                }
            }
        }
    }
    assert!(
        seen > 50,
        "only {seen} commands were found in {} files",
        files.len()
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_command_or_an_option_that_does_not_exist_is_found() {
    let commands = commands();
    assert_eq!(fault("verbatim verify SUMS --deep", &commands), None);
    assert_eq!(
        fault("verbatim sums check FILE | less --quit", &commands),
        None
    );
    assert_eq!(fault("verbatim COMMAND", &commands), None);
    assert_eq!(fault("cat x | verbatim verify - --pods=-", &commands), None);
    for wrong in [
        "cat x | verbatim verify - --podds=-",
        "verbatim verifi SUMS",
        "verbatim verify --depp",
        "verbatim layout check --pods=-",
    ] {
        assert!(fault(wrong, &commands).is_some(), "{wrong}");
    }
}

/// All helps of commands as they are at a width of 80, which most terminals have: `--help` and `-h` of each.
fn helps() -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_verbatim"))
            .args(arguments)
            .env("COLUMNS", "80")
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["man", "-o", dir.path().to_str().unwrap()]);
    let pages = fs::read_dir(dir.path()).unwrap();
    let helps = pages.map(|page| {
        let path = page.unwrap().path();
        let words = path.file_stem().unwrap().to_str().unwrap().split('-');
        let words: Vec<&str> = words.skip(1).chain(["--help"]).collect();
        run(&words)
    });
    helps.collect()
}

/// What is indented in the sources of a help is a line for itself: a row of a table, an example that is
/// copied to a shell. Folded by a narrow terminal it would be neither.
#[test]
fn every_row_and_every_example_is_a_line() {
    let helps = helps();
    let lines: BTreeSet<&str> = helps.iter().flat_map(|help| help.lines()).collect();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut wrong = Vec::new();
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = fs::read_to_string(&path).unwrap();
            let mut in_examples = false;
            for line in source.lines() {
                in_examples |= line.contains("after_help = \"");
                let row = match line.trim_start().strip_prefix("///") {
                    Some(doc) => Some(&doc[doc.len().min(1)..]).filter(|doc| doc.starts_with("  ")),
                    None => Some(line).filter(|line| in_examples && line.starts_with("  ")),
                };
                if let Some(row) = row {
                    let row = row.split("\")").next().unwrap();
                    let row = row.replace("\\\"", "\"").replace("\\\\", "\\");
                    seen += 1;
                    if !lines.contains(row.as_str()) {
                        wrong.push(format!("{}: {row}", path.display()));
                    }
                }
                in_examples &= !line.contains("\")]");
            }
        }
    }
    assert!(seen > 100, "{seen}");
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
