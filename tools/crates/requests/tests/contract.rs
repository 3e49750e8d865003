//! The forms that rules write are those that the program reads. `requests.jsonl` is also what
//! `//rules/tests/requests` compares with what `rules/private/requests.bzl` writes.

use std::collections::BTreeSet;

use serde::Deserialize;
use verbatim_requests::{
    Documents, Entry, FileRecord, ImageRequest, ImageSpec, LayerFiles, Source,
};

const REQUESTS: &str = include_str!("requests.jsonl");

#[derive(Deserialize)]
struct Line {
    form: String,
    request: serde_json::Value,
}

fn lines() -> Vec<Line> {
    REQUESTS
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Whether the program takes a request of a form.
fn read(form: &str, text: &str) -> Result<(), String> {
    let wrong = |e: verbatim_oci::Error| e.to_string();
    match form {
        "entry" => Entry::parse(text).map(drop).map_err(|e| e.to_string()),
        "spec" => ImageSpec::parse(text.as_bytes(), "--spec")
            .map(drop)
            .map_err(wrong),
        "layer" => LayerFiles::parse(text, "--layer").map(drop).map_err(wrong),
        "documents" => Documents::parse(text, "--image").map(drop).map_err(wrong),
        "file" => FileRecord::parse(text, "--file-record")
            .map(drop)
            .map_err(wrong),
        "image" => ImageRequest::parse(text, "--record")
            .map(drop)
            .map_err(wrong),
        other => panic!("there is no form {other}"),
    }
}

#[test]
fn what_rules_write_is_read() {
    for line in lines() {
        read(&line.form, &line.request.to_string())
            .unwrap_or_else(|e| panic!("{}: {e}", line.request));
    }
}

#[test]
fn a_member_that_is_not_known_is_an_error() {
    for mut line in lines() {
        line.request["of_another_version"] = 1.into();
        let error = read(&line.form, &line.request.to_string()).unwrap_err();
        assert!(error.contains("of_another_version"), "{error}");
    }
}

#[test]
fn every_form_is_there() {
    let forms: BTreeSet<String> = lines().iter().map(|line| line.form.clone()).collect();
    assert_eq!(
        forms.iter().map(String::as_str).collect::<Vec<_>>(),
        ["documents", "entry", "file", "image", "layer", "spec"]
    );
    let mut kinds = [0; 5];
    for line in lines().iter().filter(|line| line.form == "image") {
        let request = ImageRequest::parse(&line.request.to_string(), "--record").unwrap();
        kinds[match request.source {
            Source::Image(_) => 0,
            Source::Index { .. } => 1,
            Source::Layout { .. } => 2,
            Source::OutputGroups { .. } => 3,
            Source::File { .. } => 4,
        }] += 1;
    }
    assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
}

#[test]
fn texts_come_through_as_they_are() {
    let lines = lines();
    let entry = Entry::parse(&lines[0].request.to_string()).unwrap();
    let Entry::File {
        path,
        source,
        origin,
        ..
    } = entry
    else {
        panic!("it is a file");
    };
    assert_eq!(path, "usr/bin/my app");
    assert_eq!(source.to_str(), Some("bazel-out/bin/app/$(app) \"x\""));
    assert_eq!(origin.as_deref(), Some("//app:it's"));
}
