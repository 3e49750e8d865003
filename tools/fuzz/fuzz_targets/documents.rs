//! Documents of JSON: what the fast ways of reading take is what the thorough ones take.

#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use serde::de::DeserializeOwned;
use serde_json::Value;
use verbatim_oci::{
    json, Config, Document, ImageMetadata, Index, IndexMetadata, LayerMetadata, Manifest, Named, Runtime,
};

/// Who reads a type directly and who makes a tree of values first see the same.
fn agree<T: DeserializeOwned + PartialEq + Debug>(data: &[u8]) {
    let Some(right) = json::parse_right::<T>(data) else {
        return;
    };
    let tree = json::parse_value(data, "f").and_then(|value| json::from_value::<T>(value, "f"));
    assert_eq!(Some(right), tree.ok());
}

fuzz_target!(|data: &[u8]| {
    let tree = json::parse_value(data, "f").ok();
    assert_eq!(json::parse_right::<Value>(data), tree);
    agree::<Manifest>(data);
    agree::<Index>(data);
    agree::<LayerMetadata>(data);
    agree::<ImageMetadata>(data);
    agree::<IndexMetadata>(data);
    // What stands in a document is one thing: nobody takes one that names a member twice.
    let config = Config::parse(data, "f");
    let runtime = Runtime::of(Named::new(data, "f"));
    let document = Document::parse(data, "f");
    match tree {
        Some(value) => {
            assert_eq!(config.ok(), Config::from_value(value.clone(), "f").ok());
            assert_eq!(runtime.is_ok(), value.is_object());
            if let Ok(canonical) = json::to_canonical(&value) {
                assert_eq!(json::parse_value(&canonical, "f").ok(), Some(value));
            }
        }
        None => assert!(config.is_err() && runtime.is_err() && document.is_err()),
    }
});
