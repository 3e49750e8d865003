//! The cases of Sigstore's conformance suite, and what is made of them by changing one thing.

use serde_json::{json, Value};
use sigstore_trust_root::{SIGSTORE_PRODUCTION_TRUSTED_ROOT, SIGSTORE_STAGING_TRUSTED_ROOT};
use verbatim_signature::sigstore::TrustedRoot;
use verbatim_signature::{documents, Error, Signer, Trust};

const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";
const CUSTOM: &str = include_str!("../testdata/custom_root.json");

fn trust(root: &str, identity: &str, issuer: &str) -> Trust {
    let root = TrustedRoot::from_json(root.as_bytes(), "trusted_root.json").unwrap();
    let signer = Signer {
        identity: identity.to_owned(),
        issuer: issuer.to_owned(),
    };
    Trust::Root(Box::new(root), signer)
}

/// The reason why it does not hold; `None` if it does.
fn refusal(bundle: &str, trust: &Trust) -> Option<String> {
    let mut read = documents::read(bundle.as_bytes(), "bundle.json").unwrap();
    let document = read.remove(0).unwrap();
    match document.verify(trust) {
        Ok(good) => {
            let statement: Value = serde_json::from_slice(good.payload).unwrap();
            assert!(statement["_type"].is_string());
            None
        }
        Err(Error::DoesNotHold { why, .. }) => Some(why),
        Err(other) => panic!("{other}"),
    }
}

macro_rules! bundle {
    ($name:literal) => {
        include_str!(concat!("../testdata/bundles/", $name, ".json"))
    };
}

#[test]
fn the_conformance_suite_is_right() {
    let own = trust(CUSTOM, IDENTITY, ISSUER);
    let production = trust(SIGSTORE_PRODUCTION_TRUSTED_ROOT, IDENTITY, ISSUER);
    let staging = trust(SIGSTORE_STAGING_TRUSTED_ROOT, IDENTITY, ISSUER);
    for (bundle, trust, expected) in [
        (bundle!("happy-path-intoto-in-dsse-v3"), &production, None),
        (bundle!("intoto-with-custom-trust-root"), &own, None),
        (bundle!("rekor2-dsse-happy-path"), &staging, None),
        (
            bundle!("dsse-invalid-sig_fail"),
            &production,
            Some("signature"),
        ),
        (
            bundle!("intoto-expired-certificate_fail"),
            &own,
            Some("certificate"),
        ),
        (
            bundle!("intoto-log-entry-mismatch_fail"),
            &own,
            Some("log entry"),
        ),
        (
            bundle!("intoto-missing-inclusion-proof_fail"),
            &own,
            Some("inclusion proof"),
        ),
        (
            bundle!("intoto-set-outside-signing-cert-validity_fail"),
            &own,
            Some("certificate"),
        ),
        (
            bundle!("rekor2-dsse-invalid-sig_fail"),
            &staging,
            Some("signature"),
        ),
        // Another root vouches for nobody of this one.
        (bundle!("happy-path-intoto-in-dsse-v3"), &own, Some("")),
        (
            bundle!("intoto-with-custom-trust-root"),
            &production,
            Some(""),
        ),
    ] {
        let refusal = refusal(bundle, trust);
        assert_eq!(refusal.is_some(), expected.is_some(), "{refusal:?}");
        if let (Some(why), Some(word)) = (&refusal, expected) {
            assert!(why.contains(word), "{why}");
        }
    }
}

#[test]
fn signer_and_issuer_are_compared_whole() {
    let bundle = bundle!("happy-path-intoto-in-dsse-v3");
    let prefix = &IDENTITY[..IDENTITY.len() - 1];
    let longer = format!("{ISSUER}/");
    let upper = IDENTITY.to_uppercase();
    for (identity, issuer) in [
        (prefix, ISSUER),
        ("", ISSUER),
        (".*", ISSUER),
        (&upper, ISSUER),
        (IDENTITY, &longer),
        (IDENTITY, ""),
        (ISSUER, IDENTITY),
    ] {
        let trust = trust(SIGSTORE_PRODUCTION_TRUSTED_ROOT, identity, issuer);
        let why = refusal(bundle, &trust).unwrap();
        assert!(why.contains("mismatch"), "{why}");
    }
}

/// What is changed in a good bundle is noticed, wherever it is.
#[test]
fn nothing_may_be_changed_or_taken_away() {
    let trust = trust(SIGSTORE_PRODUCTION_TRUSTED_ROOT, IDENTITY, ISSUER);
    let good: Value = serde_json::from_str(bundle!("happy-path-intoto-in-dsse-v3")).unwrap();
    let other: Value = serde_json::from_str(bundle!("dsse-invalid-sig_fail")).unwrap();
    let third: Value = serde_json::from_str(bundle!("intoto-with-custom-trust-root")).unwrap();
    assert_eq!(refusal(&good.to_string(), &trust), None);
    for (what, pointer, value) in [
        (
            "no log entries",
            "/verificationMaterial/tlogEntries",
            json!([]),
        ),
        (
            "the log entry of another",
            "/verificationMaterial/tlogEntries",
            other["verificationMaterial"]["tlogEntries"].clone(),
        ),
        (
            "the certificate of another",
            "/verificationMaterial/certificate",
            other["verificationMaterial"]["certificate"].clone(),
        ),
        (
            "the statement of another",
            "/dsseEnvelope/payload",
            third["dsseEnvelope"]["payload"].clone(),
        ),
        (
            "a later time",
            "/verificationMaterial/tlogEntries/0/integratedTime",
            json!("1900000000"),
        ),
        (
            "another type",
            "/dsseEnvelope/payloadType",
            json!("text/plain"),
        ),
    ] {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).expect(what) = value;
        let refusal = refusal(&changed.to_string(), &trust);
        assert!(refusal.is_some(), "{what}");
    }
}

#[test]
fn a_root_that_vouches_for_nobody_is_none() {
    let whole: Value = serde_json::from_str(CUSTOM).unwrap();
    let malformed = |root: &str| match TrustedRoot::from_json(root.as_bytes(), "root.json") {
        Err(Error::Malformed(error)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    for part in ["certificateAuthorities", "tlogs", "ctlogs"] {
        for absent in [None, Some(json!([]))] {
            let mut root = whole.clone();
            match absent {
                Some(empty) => root[part] = empty,
                None => drop(root.as_object_mut().unwrap().remove(part)),
            }
            let error = malformed(&root.to_string());
            assert!(error.contains(part), "{error}");
        }
    }
    // A log without its key, a key that is none, and the same member twice.
    let mut root = whole.clone();
    root["tlogs"][0]
        .as_object_mut()
        .unwrap()
        .remove("publicKey");
    malformed(&root.to_string());
    let mut root = whole.clone();
    root["tlogs"][0]["publicKey"]["rawBytes"] = json!("AAAA");
    malformed(&root.to_string());
    malformed(&CUSTOM.replacen('{', r#"{"tlogs":[],"#, 1));
    malformed("{}");
    malformed("");
}

/// An envelope alone has nothing that a root can vouch for, and a key of somebody is no root.
#[test]
fn an_envelope_alone_is_not_vouched_for() {
    let good: Value = serde_json::from_str(bundle!("happy-path-intoto-in-dsse-v3")).unwrap();
    let trust = trust(SIGSTORE_PRODUCTION_TRUSTED_ROOT, IDENTITY, ISSUER);
    let why = refusal(&good["dsseEnvelope"].to_string(), &trust).unwrap();
    assert!(why.contains("envelope alone"), "{why}");
}
