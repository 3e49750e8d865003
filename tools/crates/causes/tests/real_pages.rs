//! Each cause has a page in `docs/causes` that gives the same fix as the program.

use std::fs;
use std::path::PathBuf;

use verbatim_causes::Cause;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../docs/causes")
}

#[test]
fn each_cause_has_a_page_with_its_fix() {
    let index = fs::read_to_string(folder().join("README.md")).unwrap();
    for cause in Cause::ALL {
        let id = cause.id();
        let page = fs::read_to_string(folder().join(format!("{id}.md")))
            .unwrap_or_else(|error| panic!("docs/causes/{id}.md: {error}"));
        assert!(page.starts_with(&format!("# `{id}`\n")), "{id}");
        assert!(
            page.contains(cause.fix()),
            "docs/causes/{id}.md has another fix"
        );
        assert!(index.contains(&format!("[`{id}`]({id}.md)")), "{id}");
        assert!(
            index.contains(cause.fix()),
            "README.md has another fix for {id}"
        );
    }
}

#[test]
fn each_page_is_of_a_cause() {
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let id = name.strip_suffix(".md").unwrap();
        assert!(id == "README" || id.parse::<Cause>().is_ok(), "{name}");
    }
}
