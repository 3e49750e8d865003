//! What real documents of other projects say.

use serde_json::json;
use verbatim_attest::{Known, Provenance, Requirements, Statement};
use verbatim_signature::{documents, PublicKey, Trust};

fn read(bytes: &[u8]) -> Statement {
    Statement::parse(bytes.to_vec(), "s.json").unwrap()
}

#[test]
fn tekton_chains_says_the_same_in_three_forms() {
    for (bytes, build_type, commit) in [
        (
            &include_bytes!("../testdata/v0.2-recording-01.json")[..],
            "tekton.dev/v1beta1/PipelineRun",
            "a95a628c6bb3de64fe3a56aea3d367a7fd1628a6",
        ),
        (
            include_bytes!("../testdata/v1-slsa-recording-03.json"),
            "https://tekton.dev/chains/v2/slsa",
            "f41719bc200dcd0f0f3c8bcb66d23ff56b3875de",
        ),
        (
            include_bytes!("../testdata/v1-slsa-tekton-recording-05.json"),
            "https://tekton.dev/chains/v2/slsa-tekton",
            "18304972d3e4a7621b899da8181b563820bb7861",
        ),
    ] {
        let statement = read(bytes);
        let provenance = Provenance::of(&statement).unwrap();
        assert_eq!(provenance.builder, "https://tekton.dev/chains/v2");
        assert_eq!(provenance.build_type, Some(build_type));
        assert_eq!(
            provenance.sources,
            [
                "git+https://github.com/enterprise-contract/hacks.git",
                "git+gitspam.spam/spam/spam.git"
            ]
        );
        let names: Vec<_> = provenance.parameters.keys().copied().collect();
        assert_eq!(
            names,
            [
                "IMAGE_DIGEST",
                "IMAGE_URL",
                "TEST_OUTPUT",
                "commit",
                "committer-date",
                "url"
            ]
        );
        assert_eq!(provenance.parameters["commit"], &json!(commit));
    }
}

#[test]
fn the_generator_of_github() {
    let statement = read(include_bytes!("../testdata/github-generator.json"));
    let provenance = Provenance::of(&statement).unwrap();
    assert_eq!(
        provenance.builder,
        "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/builder_go_slsa3.yml@refs/tags/v2.0.0"
    );
    assert_eq!(
        provenance.sources,
        ["git+https://github.com/slsa-framework/example-package@refs/tags/v14.2"]
    );
    assert!(provenance.parameters.is_empty());
}

#[test]
fn a_summary_about_another_kind_of_thing_is_signed_and_holds_for_no_file() {
    let key = PublicKey::from_pem(include_bytes!("../testdata/vsa.pem"), "vsa.pem").unwrap();
    let requirements = Requirements::new(
        Trust::Keys(vec![key.clone()]),
        Some("vsa".parse().unwrap()),
        None,
    );
    let document = documents::read(include_bytes!("../testdata/vsa.jsonl"), "vsa.jsonl")
        .unwrap()
        .remove(0)
        .unwrap();
    let signed = requirements.open(&document).unwrap();
    assert_eq!(signed.signers, [key.key_id()]);
    let error = requirements
        .judge(
            &signed,
            &Known::of(b"8970095005306000053"),
            &Default::default(),
        )
        .unwrap_err();
    assert!(
        error.to_string().contains("it is about `_` (no sha256)"),
        "{error}"
    );
}
