//! What a build made, as Bazel tells it: the build event protocol in JSON, an event a line.
//!
//! Source: Bazel, `build_event_stream.proto`: `TargetComplete`, `OutputGroup`, `NamedSetOfFiles`, `File`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use serde_json::Value;
use verbatim_document::json;
use verbatim_foreign::printable_path;

use crate::error::{Error, Result};

/// A release of many images has a few megabytes.
const MAX_EVENTS: u64 = 512 << 20;

/// The files of what was built, each once.
///
/// # Errors
/// It cannot be read, or is none.
pub fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let name = printable_path(path);
    let data = json::read_file(path, MAX_EVENTS)?;
    let text = String::from_utf8(data)
        .map_err(|_| Error::unchecked(format!("{name}: Bazel wrote events that are no text")))?;
    let mut sets: BTreeMap<String, Value> = BTreeMap::new();
    let mut waiting: Vec<String> = Vec::new();
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).map_err(|e| {
            Error::unchecked(format!("{name}: an event of Bazel's is malformed: {e}"))
        })?;
        if let Some(set) = event.pointer("/id/namedSet/id").and_then(Value::as_str) {
            sets.insert(set.to_owned(), event["namedSetOfFiles"].clone());
        }
        for group in list(&event, "/completed/outputGroup") {
            waiting.extend(ids(group));
        }
    }
    let mut files = BTreeSet::new();
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let Some(set) = sets.get(&id) else { continue };
        waiting.extend(ids(set));
        for file in list(set, "/files") {
            let uri = file.pointer("/uri").and_then(Value::as_str);
            if let Some(rest) = uri.and_then(|uri| uri.strip_prefix("file://")) {
                let decoded = percent_decode_str(rest).decode_utf8().map_err(|_| {
                    Error::unchecked(format!("{name}: Bazel names a file that is no UTF-8"))
                })?;
                files.insert(PathBuf::from(decoded.into_owned()));
            }
        }
    }
    Ok(files.into_iter().collect())
}

fn list<'a>(of: &'a Value, pointer: &str) -> &'a [Value] {
    let list = of.pointer(pointer).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

fn ids(of: &Value) -> Vec<String> {
    let sets = list(of, "/fileSets").iter();
    sets.filter_map(|set| set.pointer("/id")?.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_through_sets_of_sets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.json");
        let lines = [
            r#"{"id":{"namedSet":{"id":"0"}},"namedSetOfFiles":{"files":[{"name":"a","uri":"file:///x/a%20b"},{"name":"c","uri":"bytestream://x"}]}}"#,
            r#"{"id":{"namedSet":{"id":"1"}},"namedSetOfFiles":{"files":[{"name":"d","uri":"file:///x/d"}],"fileSets":[{"id":"0"},{"id":"1"}]}}"#,
            r#"{"id":{"namedSet":{"id":"2"}},"namedSetOfFiles":{"files":[{"name":"e","uri":"file:///x/e"}]}}"#,
            r#"{"id":{"targetCompleted":{"label":"//:a"}},"completed":{"success":true,"outputGroup":[{"name":"default","fileSets":[{"id":"1"}]}]}}"#,
        ];
        std::fs::write(&path, lines.join("\n")).unwrap();
        let found = files(&path).unwrap();
        assert_eq!(found, [PathBuf::from("/x/a b"), PathBuf::from("/x/d")]);
        std::fs::write(&path, "{").unwrap();
        files(&path).unwrap_err();
    }
}
