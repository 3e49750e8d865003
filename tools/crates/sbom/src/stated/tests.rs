//! Shapes that tools write, and documents that mean harm.

use super::*;

fn stated(text: &str) -> Stated {
    Stated::parse(text.as_bytes(), "x").unwrap()
}

fn refused(text: &str) -> String {
    Stated::parse(text.as_bytes(), "x").unwrap_err().to_string()
}

const HEX: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn spdx_as_syft_writes_it() {
    let text = format!(
        r#"{{"spdxVersion":"SPDX-2.3","name":"app","packages":[
        {{"SPDXID":"SPDXRef-Image","name":"app","versionInfo":"sha256:{HEX}","primaryPackagePurpose":"CONTAINER",
          "externalRefs":[{{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:oci/app@sha256%3A{HEX}"}}]}},
        {{"SPDXID":"SPDXRef-a","name":"bash","versionInfo":"5.2-1","externalRefs":[
          {{"referenceCategory":"SECURITY","referenceType":"cpe23Type","referenceLocator":"cpe:2.3:a:x"}},
          {{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:deb/debian/bash@5.2-1?arch=amd64&distro=debian-12"}}]}},
        {{"SPDXID":"SPDXRef-b","name":"noversion","versionInfo":"NOASSERTION"}},
        {{"SPDXID":"SPDXRef-c","name":"builder"}}],
        "files":[{{"SPDXID":"SPDXRef-f","fileName":"/usr/bin/bash","checksums":[
          {{"algorithm":"SHA1","checksumValue":"0000000000000000000000000000000000000000"}},{{"algorithm":"SHA256","checksumValue":"{HEX}"}}]}}],
        "relationships":[{{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-Image"}},
          {{"spdxElementId":"SPDXRef-c","relationshipType":"BUILD_TOOL_OF","relatedSpdxElement":"SPDXRef-Image"}}]}}"#
    );
    let stated = stated(&text);
    assert_eq!(stated.about[0].hex(), HEX);
    assert_eq!(stated.others, 1);
    let shown: Vec<_> = stated
        .packages
        .iter()
        .map(|p| {
            (
                &*p.pointer,
                &*p.name,
                p.version.as_deref(),
                p.purl.is_some(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("/packages/1", "bash", Some("5.2-1"), true),
            ("/packages/2", "noversion", None, false)
        ]
    );
    let file = &stated.files[0];
    assert_eq!((&*file.path, file.checksums.len()), ("usr/bin/bash", 1));
    assert_eq!(file.checksums[0].hex(), HEX);
}

#[test]
fn cyclonedx_as_trivy_writes_it() {
    let text = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{{"component":{{"type":"container","name":"app",
          "properties":[{{"name":"aquasecurity:trivy:ImageID","value":"sha256:{HEX}"}}]}}}},
        "components":[{{"type":"operating-system","name":"debian","version":"12.5"}},
          {{"type":"application","name":"node-pkg"}},
          {{"type":"library","group":"@angular","name":"core","version":"1.0","purl":"pkg:npm/%40angular/core@1.0",
            "components":[{{"type":"file","name":"./app/x.js","hashes":[{{"alg":"SHA-256","content":"{HEX}"}}]}}]}},
          {{"type":"library","scope":"excluded","name":"gone"}}]}}"#
    );
    let stated = stated(&text);
    assert_eq!(stated.system, Some(("debian".into(), Some("12.5".into()))));
    assert_eq!(stated.about[0].hex(), HEX);
    assert_eq!((stated.packages.len(), stated.others), (1, 2));
    assert_eq!(stated.packages[0].name, "@angular/core");
    assert_eq!(stated.files[0].pointer, "/components/2/components/0");
    assert_eq!(stated.files[0].path, "app/x.js");
}

/// As Konflux writes them; a package of the same kind that nobody marked is none.
#[test]
fn images_that_an_image_was_made_of() {
    let purl = "pkg:oci/a?repository_url=r.example.com/a";
    let sum = format!(r#""checksums":[{{"algorithm":"SHA256","checksumValue":"{HEX}"}}]"#);
    let reference =
        format!(r#""externalRefs":[{{"referenceType":"purl","referenceLocator":"{purl}"}}]"#);
    let mark = r#"{\"name\":\"konflux:container:is_builder_image:for_stage\",\"value\":\"0\"}"#;
    let text = format!(
        r#"{{"spdxVersion":"SPDX-2.3","packages":[
          {{"SPDXID":"a","name":"a","versionInfo":"v1",{sum},{reference},"annotations":[{{"comment":"no JSON"}},{{"comment":"{mark}"}}]}},
          {{"SPDXID":"b","name":"b",{reference}}},{{"SPDXID":"c","name":"c",{sum},{reference}}},
          {{"SPDXID":"d","name":"d",{reference}}},{{"SPDXID":"e","name":"e"}}],
          "relationships":[{{"spdxElementId":"b","relationshipType":"BUILD_TOOL_OF","relatedSpdxElement":"x"}},
          {{"spdxElementId":"x","relationshipType":"DESCENDANT_OF","relatedSpdxElement":"c"}},
          {{"spdxElementId":"e","relationshipType":"BUILD_TOOL_OF","relatedSpdxElement":"x"}}]}}"#
    );
    let shown = |stated: &Stated| -> Vec<(String, bool, Option<String>)> {
        let images = stated.images.iter();
        let image = |i: &StatedImage| (i.pointer.clone(), i.digest.is_some(), i.version.clone());
        images.map(image).collect()
    };
    let found = stated(&text);
    assert_eq!(
        shown(&found),
        [
            ("/packages/0".into(), true, Some("v1".into())),
            ("/packages/1".into(), false, None),
            ("/packages/2".into(), true, None)
        ]
    );
    assert_eq!((found.packages.len(), found.others), (0, 5));
    let text = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","formulation":[{{}},{{"components":[
          {{"type":"container","name":"x","purl":"{purl}"}},
          {{"type":"container","name":"a","version":"v1","purl":"{purl}","hashes":[{{"alg":"SHA-256","content":"{HEX}"}}],
            "properties":[{{"value":"x"}},{{"name":"konflux:container:is_base_image","value":"true"}}]}}]}}]}}"#
    );
    let only = [(
        "/formulation/1/components/1".into(),
        true,
        Some("v1".into()),
    )];
    assert_eq!(shown(&stated(&text)), only);
}

#[test]
fn in_a_statement() {
    let text = r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://spdx.dev/Document","predicate":{"spdxVersion":"SPDX-2.2","packages":[{"SPDXID":"a","name":"x"}]}}"#;
    assert_eq!(stated(text).packages.len(), 1);
}

#[test]
fn what_is_none_is_refused() {
    for (text, words) in [
        ("", "is no SBOM"),
        ("[]", "is no SBOM"),
        ("{}", "is no SBOM that is known here"),
        (r#"{"spdxVersion":"SPDX-1.2"}"#, "in the version SPDX-1.2"),
        (
            r#"{"bomFormat":"CycloneDX","specVersion":"2.0"}"#,
            "in the version 2.0",
        ),
        (
            r#"{"@context":"https://spdx.example.com/3","@graph":[]}"#,
            "JSON-LD",
        ),
        (
            r#"{"spdxVersion":"SPDX-2.3","spdxVersion":"SPDX-2.2"}"#,
            "duplicate field",
        ),
        (
            r#"{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"a","name":"x","name":"y"}]}"#,
            "duplicate field",
        ),
        (
            r#"{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"a"}]}"#,
            "missing field `name`",
        ),
        (
            r#"{"bomFormat":"CycloneDX","specVersion":"1.5","spdxVersion":"SPDX-2.3"}"#,
            "is no SBOM that is known",
        ),
    ] {
        let message = refused(text);
        assert!(message.contains(words), "{text}: {message}");
    }
}

#[test]
fn what_lies_deep_ends() {
    let deep = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":{}[]{}}}"#,
        r#"[{"type":"library","name":"x","components":"#.repeat(100_000),
        "}]".repeat(100_000)
    );
    assert!(refused(&deep).contains("recursion limit"));
    // What nobody reads may lie as deep as it likes.
    let deep = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","x":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let _ = Stated::parse(deep.as_bytes(), "x");
}
