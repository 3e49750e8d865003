//! What others attest: envelopes, bundles, statements, policies, keys and roots of trust, all read from the same
//! bytes; and the bytes signed as a statement, which then holds for whoever knows the key and for nobody else.

#![no_main]

use std::collections::BTreeSet;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use verbatim_attest::bazel::Build;
use verbatim_attest::{
    Finding, Known, Policy, Provenance, Requirements, Statement, Verdict, Vouchers,
};
use verbatim_signature::bundle::Bundle;
use verbatim_signature::dsse::{Envelope, IN_TOTO};
use verbatim_signature::sigstore::TrustedRoot;
use verbatim_signature::{documents, PrivateKey, PublicKey, Trust};

struct Given {
    key: PrivateKey,
    stranger: PublicKey,
}

fn given() -> &'static Given {
    static GIVEN: OnceLock<Given> = OnceLock::new();
    GIVEN.get_or_init(|| {
        let key = include_bytes!("../../crates/attest/testdata/builder.key.pem");
        let stranger = include_bytes!("../../crates/attest/testdata/stranger.pem");
        Given {
            key: PrivateKey::from_pem(key, "k", None).unwrap(),
            stranger: PublicKey::from_pem(stranger, "s").unwrap(),
        }
    })
}

/// What a message says must be fit for a terminal.
fn shown(sentence: &str) {
    let is_fit = !sentence.contains(|c: char| c.is_control() && c != '\n');
    assert!(is_fit, "{sentence:?}");
}

fn statement(data: &[u8]) {
    let statement = match Statement::parse(data.to_vec(), "f") {
        Ok(statement) => statement,
        Err(error) => return shown(&error.to_string()),
    };
    // One line that says the same.
    let line = statement.line();
    let text = line.strip_suffix('\n').unwrap();
    assert!(!text.contains(['\n', '\r']));
    let again = Statement::parse(line.into_bytes(), "f").unwrap();
    assert_eq!(again.predicate, statement.predicate);
    assert_eq!(again.subjects, statement.subjects);
    if let Err(why) = statement.is_about(&Known::of(b"")) {
        shown(&why);
    }
    let _ = statement.asks_for_sha512();
    match Provenance::of(&statement) {
        Ok(provenance) => {
            let policy = "schema = \"verbatim.policy/1\"\n[[allow]]\nbuilder = \"b\"\nkeys = [\"k\"]\n[allow.parameters]\na = \"*\"\n";
            let key = |_: &str| Ok(given().key.public().clone());
            let policy = Policy::parse(policy.as_bytes(), "p", key).unwrap();
            let vouchers = Vouchers {
                signers: &[],
                rebuilders: &BTreeSet::new(),
            };
            shown(&policy.fits(&provenance, vouchers).unwrap_err());
        }
        Err(why) => shown(&why),
    }
    if let Err(why) = Build::of(&statement) {
        shown(&why);
    }
}

/// Who signs a statement vouches for it, in each form that is written here.
fn signed(data: &[u8]) {
    let own = given().key.public();
    let envelope = Envelope::sign(IN_TOTO, data.to_vec(), &given().key);
    let bundle = Bundle::of_key(&envelope, own);
    for document in [envelope.to_json(), bundle] {
        let bytes = serde_json::to_vec(&document).unwrap();
        let read = documents::read(&bytes, "f").unwrap();
        let [Ok(document)] = &read[..] else {
            panic!("{read:?}");
        };
        assert_eq!(document.unverified(), Some(data));
        let trust = Trust::Keys(vec![own.clone()]);
        assert_eq!(document.verify(&trust).unwrap().payload, data);
        let trust = Trust::Keys(vec![given().stranger.clone()]);
        assert!(document.verify(&trust).is_err());
        let trust = Trust::Keys(vec![given().stranger.clone(), own.clone()]);
        let requirements = Requirements::new(trust, None, None);
        assert_eq!(
            requirements.open(document).is_ok(),
            Statement::parse(data.to_vec(), "f").is_ok()
        );
    }
}

/// Documents of others: nobody who is known signed them.
fn documents(data: &[u8]) {
    let read = match documents::read(data, "f") {
        Ok(read) => read,
        Err(error) => return shown(&error.to_string()),
    };
    let trust = Trust::Keys(vec![given().stranger.clone()]);
    let requirements = Requirements::new(trust, None, None);
    let mut opened = Vec::new();
    for document in read {
        let document = match document {
            Ok(document) => document,
            Err(error) => {
                shown(&error.to_string());
                continue;
            }
        };
        if let Some(envelope) = document.envelope() {
            let again = Envelope::from_json(envelope.to_json(), "f").unwrap();
            assert_eq!(again.payload, envelope.payload);
        }
        if let Some(payload) = document.unverified() {
            statement(payload);
        }
        let found = requirements.open(&document);
        if let Err(error) = &found {
            shown(&error.to_string());
        }
        opened.push(found);
    }
    let finding = Finding::of("x".into(), &Known::of(b""), &opened, &requirements);
    assert_ne!(finding.verdict, Verdict::Holds);
}

fuzz_target!(|data: &[u8]| {
    statement(data);
    documents(data);
    signed(data);
    let key = |_: &str| Ok(given().key.public().clone());
    if let Err(error) = Policy::parse(data, "f", key) {
        shown(&error.to_string());
    }
    if let Ok(key) = PublicKey::from_pem(data, "f") {
        let again = PublicKey::from_pem(key.to_pem().as_bytes(), "f").unwrap();
        assert_eq!(again.key_id(), key.key_id());
    }
    if let Ok(key) = PrivateKey::from_pem(data, "f", None) {
        assert!(key.public().verify(b"x", &key.sign(b"x")));
    }
    if let Err(error) = TrustedRoot::from_json(data, "f") {
        shown(&error.to_string());
    }
});
