//! CycloneDX 1.2 to 1.7.

use serde::Deserialize;

use super::{
    checksum, digest_in, path, purl, sha256, Stated, StatedFile, StatedImage, StatedPackage,
    MARK_OF_BASES,
};

#[derive(Deserialize)]
pub(super) struct Document {
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    components: Option<Vec<Component>>,
    #[serde(default)]
    formulation: Option<Vec<Formula>>,
}

/// How it was made.
#[derive(Deserialize)]
struct Formula {
    #[serde(default)]
    components: Option<Vec<Component>>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    component: Option<Component>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    purl: Option<String>,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    hashes: Option<Vec<Hash>>,
    #[serde(default)]
    properties: Option<Vec<Property>>,
    /// As deep as the parser of JSON goes, which has a limit.
    #[serde(default)]
    components: Option<Vec<Component>>,
}

#[derive(Deserialize)]
struct Hash {
    alg: String,
    content: String,
}

#[derive(Deserialize)]
struct Property {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    value: Option<String>,
}

/// Properties in which tools write the digest of the image.
const IMAGE: [&str; 2] = [
    "aquasecurity:trivy:ImageID",
    "aquasecurity:trivy:RepoDigest",
];

pub(super) fn stated(document: Document, version: &str) -> Stated {
    let mut stated = Stated {
        form: format!("CycloneDX {version}"),
        ..Stated::default()
    };
    if let Some(about) = document.metadata.and_then(|metadata| metadata.component) {
        let told = [
            about.version.as_deref(),
            about.purl.as_deref(),
            Some(&about.name),
        ];
        stated
            .about
            .extend(told.into_iter().flatten().filter_map(digest_in));
        for property in about.properties.iter().flatten() {
            let is_digest = property
                .name
                .as_deref()
                .is_some_and(|name| IMAGE.contains(&name));
            let value = property.value.as_deref().filter(|_| is_digest);
            stated.about.extend(value.and_then(digest_in));
        }
        add(&mut stated, about.components, "/metadata/component");
    }
    add(&mut stated, document.components, "");
    for (number, formula) in document.formulation.into_iter().flatten().enumerate() {
        let components = formula.components.into_iter().flatten().enumerate();
        stated
            .images
            .extend(components.filter_map(|(at, component)| {
                base(component, format!("/formulation/{number}/components/{at}"))
            }));
    }
    stated
}

/// An image that is marked as one that others were made from.
fn base(component: Component, pointer: String) -> Option<StatedImage> {
    let marks = component.properties.iter().flatten();
    let mut names = marks.filter_map(|property| property.name.as_deref());
    if !names.any(|name| name.starts_with(MARK_OF_BASES)) {
        return None;
    }
    let sums = component.hashes.iter().flatten();
    Some(StatedImage {
        pointer,
        purl: purl(component.purl.as_deref()).filter(|purl| purl.kind() == "oci")?,
        digest: sha256(sums.map(|sum| (&*sum.alg, &*sum.content))),
        version: component.version,
    })
}

fn add(stated: &mut Stated, components: Option<Vec<Component>>, at: &str) {
    for (number, mut component) in components.into_iter().flatten().enumerate() {
        let pointer = format!("{at}/components/{number}");
        let inner = component.components.take();
        one(stated, component, pointer.clone());
        add(stated, inner, &pointer);
    }
}

fn one(stated: &mut Stated, component: Component, pointer: String) {
    let purl = purl(component.purl.as_deref());
    // What was looked for and is not there, in the specification's own words.
    let is_absent = component.scope.as_deref() == Some("excluded");
    let is_image = purl
        .as_ref()
        .is_some_and(|purl| matches!(purl.kind(), "oci" | "docker"));
    match &*component.kind {
        "file" => {
            let hashes = component.hashes.iter().flatten();
            stated.files.push(StatedFile {
                pointer,
                path: path(&component.name),
                checksums: hashes
                    .filter_map(|hash| checksum(&hash.alg, &hash.content))
                    .collect(),
            });
        }
        "operating-system" => stated.system = Some((component.name, component.version)),
        "library" | "framework" | "application" if !is_absent && !is_image => {
            if component.kind == "application" && purl.is_none() {
                stated.others += 1;
                return;
            }
            let name = match component.group.filter(|group| !group.is_empty()) {
                Some(group) => format!("{group}/{}", component.name),
                None => component.name,
            };
            stated.packages.push(StatedPackage {
                pointer,
                name,
                version: component.version.filter(|version| !version.is_empty()),
                purl,
            });
        }
        _ => stated.others += 1,
    }
}
