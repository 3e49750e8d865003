//! `verbatim attest verify`: which statements hold, what is printed, and with which exit code.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{json, Value};
use verbatim_digest::Digest;
use verbatim_signature::dsse::{Envelope, IN_TOTO};
use verbatim_signature::PrivateKey;

const KEY: &[u8] = include_bytes!("../../signature/testdata/p256.pem");
const PUBLIC: &[u8] = include_bytes!("../../signature/testdata/p256.pub");
const OTHER: &[u8] = include_bytes!("../../signature/testdata/ed25519.pem");
const OTHER_PUBLIC: &[u8] = include_bytes!("../../signature/testdata/ed25519.pub");

const CONTENT: &[u8] = b"released bytes\n";

/// A folder with a file, the keys, and a policy.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("app", CONTENT);
        place.write("builder.pub", PUBLIC);
        place.write("other.pub", OTHER_PUBLIC);
        place
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.0.path().join(name), content).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, b"")
    }

    fn run_with(&self, arguments: &[&str], input: &[u8]) -> Output {
        self.program(&["attest", "verify"], arguments, input)
    }

    fn program(&self, command: &[&str], arguments: &[&str], input: &[u8]) -> Output {
        use std::io::Write as _;
        let program = Path::new(env!("CARGO_BIN_EXE_verbatim"))
            .canonicalize()
            .unwrap();
        let mut child = Command::new(program)
            .args(command)
            .args(arguments)
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A run that refuses early does not read it.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    /// Exit code and standard output of a run on `app` with the builder's key.
    fn verify(&self, more: &[&str]) -> (i32, String, String) {
        let mut arguments = vec!["app", "--key=builder.pub", "--attestation=a.jsonl"];
        arguments.extend(more);
        let output = self.run(&arguments);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap(),
            text(output.stdout),
            text(output.stderr),
        )
    }
}

fn subject(content: &[u8]) -> Value {
    json!({"name": "app", "digest": {"sha256": Digest::of(content).hex()}})
}

fn statement(predicate_type: &str, predicate: &Value) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1", "subject": [subject(CONTENT)],
        "predicateType": predicate_type, "predicate": predicate,
    })
}

fn provenance() -> Value {
    let predicate = json!({
        "runDetails": {"builder": {"id": "https://example.com/builder"}},
        "buildDefinition": {
            "buildType": "https://example.com/type", "externalParameters": {"target": "//app"},
            "resolvedDependencies": [{"uri": "git+https://example.com/app.git", "digest": {"sha1": "0"}}],
        },
    });
    statement("https://slsa.dev/provenance/v1", &predicate)
}

fn sign(payload: impl Into<Vec<u8>>, key: &[u8]) -> Value {
    let key = PrivateKey::from_pem(key, "key", None).unwrap();
    Envelope::sign(IN_TOTO, payload.into(), &key).to_json()
}

fn signed(statement: &Value) -> Value {
    sign(statement.to_string(), KEY)
}

#[test]
fn what_holds_is_printed_as_it_was_signed() {
    let place = Place::new();
    let pretty = serde_json::to_string_pretty(&provenance()).unwrap();
    let stranger = sign(provenance().to_string(), OTHER);
    let other = signed(&json!({
        "_type": "https://in-toto.io/Statement/v0.1", "predicateType": "p",
        "subject": [subject(b"other")], "predicate": {"stranger": "no"},
    }));
    // The same twice, one of a stranger, one about something else, what is no JSON.
    let twice = sign(pretty.clone(), KEY);
    let lines = format!("{twice}\n\n{stranger}\r\n{other}\n{{]\n{twice}");
    place.write("a.jsonl", lines);
    let (code, out, err) = place.verify(&[]);
    assert_eq!(
        (code, out),
        (0, format!("{}\n", pretty.replace('\n', ""))),
        "{err}"
    );
    for line in [
        "a.jsonl, line 3: none of 1 signature",
        "a.jsonl, line 4: it is about `app`",
        "a.jsonl, line 5: is not valid JSON",
    ] {
        assert!(err.contains(line), "{err}");
    }

    // From a pipe, and the report for machines.
    let input = twice.to_string();
    let output = place.run_with(
        &[
            "app",
            "--key",
            "builder.pub",
            "--attestation",
            "-",
            "--format=json",
        ],
        input.as_bytes(),
    );
    assert!(output.status.success());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["schema"], &report["verdict"]),
        (&json!("verbatim.attest/1"), &json!("holds"))
    );
    let told = &report["results"][0]["attestations"][0];
    assert_eq!(told["statement"], json!(pretty));
    assert_eq!(
        report["results"][0]["digest"],
        json!(Digest::of(CONTENT).to_string())
    );
}

#[test]
fn each_subject_needs_a_statement() {
    let place = Place::new();
    place.write("second", "second");
    place.write("a.jsonl", signed(&provenance()).to_string());
    let (code, out, err) = place.verify(&["second"]);
    assert_eq!((code, out.lines().count()), (1, 1));
    let digest = Digest::of(b"second");
    assert!(
        err.contains(&format!("second ({digest}): no statement holds for it")),
        "{err}"
    );
    let both = json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": "p", "subject": [subject(CONTENT), subject(b"second")]});
    place.write("a.jsonl", signed(&both).to_string());
    let (code, out, _) = place.verify(&["second"]);
    assert_eq!((code, out), (0, format!("{both}\n")));
    let (code, out, err) = place.verify(&["absent.bin"]);
    assert_eq!((code, out), (3, format!("{both}\n")), "{err}");
}

#[test]
fn what_does_not_hold_is_refused_with_its_reason() {
    let place = Place::new();
    let good = provenance();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut value = good.clone();
        change(&mut value);
        value
    };
    let tampered = |change: &dyn Fn(&mut Value)| {
        let mut envelope = signed(&good);
        change(&mut envelope);
        envelope.to_string()
    };
    let other = signed(&changed(&|s| s["subject"] = json!([subject(b"x")])));
    let upper = Digest::of(CONTENT).hex().to_uppercase();
    let many: Vec<_> = (0..5000).map(|n: u32| subject(&n.to_le_bytes())).collect();
    let twice = good
        .to_string()
        .replacen("\"subject\":", "\"subject\":[],\"subject\":", 1);
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let deep = good
        .to_string()
        .replacen("\"target\":\"//app\"", &format!("\"target\":{deep}"), 1);
    let cases: Vec<(String, i32, &str)> = vec![
        (
            tampered(&|e| e["signatures"] = json!([])),
            1,
            "it is not signed",
        ),
        (
            sign(good.to_string(), OTHER).to_string(),
            1,
            "none of 1 signature",
        ),
        (
            tampered(&|e| e["payload"] = other["payload"].clone()),
            1,
            "its bytes were changed",
        ),
        (
            tampered(&|e| e["payloadType"] = json!("application/json")),
            1,
            "its bytes were changed",
        ),
        (good.to_string(), 1, "a statement that nobody signed"),
        (other.to_string(), 1, "and not about sha256:"),
        (
            signed(&changed(&|s| s["subject"] = json!([]))).to_string(),
            1,
            "its list of subjects is empty",
        ),
        (
            signed(&changed(&|s| s["subject"] = json!(many))).to_string(),
            1,
            "none of its 5000 subjects",
        ),
        (
            signed(&changed(&|s| {
                s["subject"][0]["digest"]["sha512"] = json!("0".repeat(128))
            }))
            .to_string(),
            1,
            "another digest of other bytes",
        ),
        (
            signed(&changed(&|s| {
                s["subject"][0]["digest"]["sha256"] = json!(upper)
            }))
            .to_string(),
            2,
            "lower-case hexadecimal",
        ),
        (
            signed(&changed(&|s| {
                s["_type"] = json!("https://in-toto.io/Statement/v2")
            }))
            .to_string(),
            2,
            "/_type",
        ),
        (sign(twice, KEY).to_string(), 2, "\"subject\" stands twice"),
        (sign(deep, KEY).to_string(), 2, "recursion limit"),
        (
            sign(format!("\u{feff}{good}"), KEY).to_string(),
            2,
            "is not valid JSON",
        ),
        (
            sign(b"{\"_type\":\"\xff\"}".to_vec(), KEY).to_string(),
            2,
            "is not valid JSON",
        ),
        (
            signed(&good)
                .to_string()
                .replacen('{', "{\"payload\":\"\",", 1),
            2,
            "\"payload\" stands twice",
        ),
        (String::new(), 2, "a.jsonl"),
        ("not json\n".to_owned(), 2, "a.jsonl"),
    ];
    for (document, expected, said) in cases {
        place.write("a.jsonl", &document);
        let (code, out, err) = place.verify(&[]);
        let shown = document.get(..300).unwrap_or(&document);
        assert_eq!((code, out.as_str()), (expected, ""), "{err}\n{shown}");
        assert!(err.contains(said), "{err}\n{shown}");
        assert!(!err.contains("panicked"), "{err}");
    }
    // A document without end is not read to its end.
    #[cfg(target_os = "linux")]
    {
        let output = place.run(&["app", "--key=builder.pub", "--attestation=/dev/zero"]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    }
}

#[test]
fn types_and_summaries() {
    let place = Place::new();
    let summary = |result: &str| {
        statement(
            "https://slsa.dev/verification_summary/v1",
            &json!({"verificationResult": result}),
        )
    };
    for (statement, more, expected) in [
        (provenance(), "--type=slsaprovenance1", 0),
        (provenance(), "--type=https://slsa.dev/provenance/v1", 0),
        (provenance(), "--type=slsaprovenance", 1),
        (provenance(), "--type=https://slsa.dev/provenance/v1.0", 1),
        (provenance(), "--type=provenance", 2),
        (summary("PASSED"), "--type=vsa", 0),
        (summary("FAILED"), "--type=vsa", 1),
        (summary("FAILED"), "--format=text", 1),
        (
            statement("https://example.com/any", &json!({})),
            "--type=https://example.com/any",
            0,
        ),
    ] {
        place.write("a.jsonl", signed(&statement).to_string());
        let (code, out, err) = place.verify(&[more]);
        assert_eq!(code, expected, "{more}: {err}");
        assert_eq!(out.is_empty(), expected != 0, "{out}");
    }
}

#[test]
fn a_policy_narrows_and_names_its_keys() {
    let place = Place::new();
    place.write("a.jsonl", signed(&provenance()).to_string());
    std::fs::create_dir(place.0.path().join("rules")).unwrap();
    place.write("rules/builder.pem", PUBLIC);
    place.write("rules/other.pem", OTHER_PUBLIC);
    let policy = |entry: &str| {
        format!("schema = \"verbatim.policy/1\"\n[[allow]]\nbuilder = \"https://example.com/builder\"\n{entry}")
    };
    let key = "keys = [\"builder.pem\"]\n";
    for (text, expected, said) in [
        (policy(key), 0, ""),
        (policy(&format!("{key}sources = [\"git+https://example.com/app.git\"]\n[allow.parameters]\ntarget = \"//app\"\n")), 0, ""),
        (policy("keys = [\"other.pem\"]\n"), 1, "none of its `keys` signed"),
        (policy(&format!("{key}[allow.parameters]\n")), 1, "it has the parameter `target`"),
        (policy(&format!("{key}source = []\n")), 2, "unknown field `source`"),
        (policy("keys = [\"absent.pem\"]\n"), 3, "absent.pem"),
        (policy("keys = [\"../a.jsonl\"]\n"), 2, "a.jsonl"),
        ("schema = \"verbatim.policy/1\"\n".to_owned(), 2, "allows nothing"),
    ] {
        place.write("rules/policy.toml", &text);
        let (code, out, err) = place.verify(&["--policy=rules/policy.toml"]);
        assert_eq!(code, expected, "{err}\n{text}");
        assert_eq!(out.is_empty(), expected != 0, "{text}");
        assert!(err.contains(said), "{err}");
    }
    // The policy alone: its keys are believed, and nobody else's.
    place.write("rules/policy.toml", policy(key));
    let alone = ["app", "--policy=rules/policy.toml", "--attestation=a.jsonl"];
    assert_eq!(place.run(&alone).status.code(), Some(0));
    place.write("a.jsonl", sign(provenance().to_string(), OTHER).to_string());
    assert_eq!(place.run(&alone).status.code(), Some(1));
}

#[test]
fn usage_is_checked() {
    let place = Place::new();
    place.write("a.jsonl", signed(&provenance()).to_string());
    place.write("root.json", "{}");
    for (arguments, expected) in [
        (&["app", "--attestation=a.jsonl"][..], 2),
        (&["app", "--key=builder.pub"], 2),
        (&["--attestation=a.jsonl", "--key=builder.pub"], 2),
        (&["app", "--attestation=a.jsonl", "--key=absent.pub"], 3),
        (&["app", "--attestation=absent", "--key=builder.pub"], 3),
        (&["app", "--attestation=a.jsonl", "--key=app"], 2),
        (
            &[
                "app",
                "--attestation=a.jsonl",
                "--key=builder.pub",
                "--policy=absent.toml",
            ],
            3,
        ),
        (
            &[
                "app",
                "--attestation=a.jsonl",
                "--trusted-root=root.json",
                "--identity=x",
            ],
            2,
        ),
        (
            &[
                "app",
                "--attestation=a.jsonl",
                "--trusted-root=root.json",
                "--issuer=x",
            ],
            2,
        ),
        (
            &["app", "--attestation=a.jsonl", "--identity=x", "--issuer=x"],
            2,
        ),
        (
            &[
                "app",
                "--attestation=a.jsonl",
                "--trusted-root=root.json",
                "--identity=x",
                "--issuer=x",
            ],
            2,
        ),
    ] {
        let output = place.run(arguments);
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(expected), 0),
            "{arguments:?}"
        );
    }
}

/// The file that the bundles of the conformance suite are about (sigstore/sigstore-conformance, Apache-2.0).
const KEYLESS: &str = "DO NOT MODIFY ME!\n\nthis is \"d.txt\", a sample input for sigstore-conformance's test suite.\n\nDO NOT MODIFY ME!\n";
const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

#[test]
fn a_trusted_root_vouches_for_one_signer() {
    macro_rules! bundle {
        ($name:literal) => {
            include_bytes!(concat!("../../signature/testdata/bundles/", $name, ".json")).as_slice()
        };
    }
    let place = Place::new();
    place.write("d.txt", KEYLESS);
    place.write(
        "root.json",
        include_bytes!("../../signature/testdata/custom_root.json"),
    );
    place.write("good.json", bundle!("intoto-with-custom-trust-root"));
    place.write("expired.json", bundle!("intoto-expired-certificate_fail"));
    place.write("mismatch.json", bundle!("intoto-log-entry-mismatch_fail"));
    // The same under a root that is not its own.
    place.write("elsewhere.json", bundle!("happy-path-intoto-in-dsse-v3"));
    let verify = |subject: &str, bundle: &str, identity: &str, issuer: &str| {
        let output = place.run(&[
            subject,
            &format!("--attestation={bundle}"),
            "--trusted-root=root.json",
            &format!("--identity={identity}"),
            &format!("--issuer={issuer}"),
        ]);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, out, err) = verify("d.txt", "good.json", IDENTITY, ISSUER);
    assert_eq!(code, Some(0), "{err}");
    let statement: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(statement["predicateType"], "https://slsa.dev/provenance/v1");
    assert_eq!(statement["subject"][0]["name"], "d.txt");
    let longer = format!("{IDENTITY}s");
    for (subject, bundle, identity, issuer, word) in [
        ("d.txt", "good.json", &longer[..], ISSUER, "identity"),
        ("d.txt", "good.json", &IDENTITY[1..], ISSUER, "identity"),
        (
            "d.txt",
            "good.json",
            IDENTITY,
            "https://example.com",
            "issuer",
        ),
        ("app", "good.json", IDENTITY, ISSUER, "it is about `d.txt`"),
        ("d.txt", "expired.json", IDENTITY, ISSUER, "certificate"),
        ("d.txt", "mismatch.json", IDENTITY, ISSUER, "log entry"),
        (
            "d.txt",
            "elsewhere.json",
            IDENTITY,
            ISSUER,
            "elsewhere.json",
        ),
    ] {
        let (code, out, err) = verify(subject, bundle, identity, issuer);
        assert_eq!(
            (code, &out[..]),
            (Some(1), ""),
            "{bundle} {identity} {issuer}: {err}"
        );
        assert!(err.contains(word), "{bundle} {identity} {issuer}: {err}");
    }
    // A key proves nothing of it, and the other way round.
    let output = place.run(&["d.txt", "--attestation=good.json", "--key=builder.pub"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    let about = json!({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": "p",
        "subject": [subject(KEYLESS.as_bytes())],
    });
    place.write("keyed.json", signed(&about).to_string());
    let (code, out, err) = verify("d.txt", "keyed.json", IDENTITY, ISSUER);
    assert_eq!((code, &out[..]), (Some(1), ""), "{err}");
}

#[test]
fn a_release_is_attested_whole_or_not() {
    let place = Place::new();
    std::fs::create_dir(place.0.path().join("dist")).unwrap();
    place.write("dist/app", CONTENT);
    place.write("dist/more", "more");
    let line = |name: &str, content: &[u8]| format!("{}  {name}\n", Digest::of(content).hex());
    place.write("sums.sha256", line("app", CONTENT) + &line("more", b"more"));
    place.write("policy.toml", "schema = \"verbatim.policy/1\"\n[[allow]]\nbuilder = \"https://example.com/builder\"\nkeys = [\"builder.pub\"]\n");
    let both = |builder: &str| {
        let mut both = provenance();
        both["subject"] = json!([subject(CONTENT), subject(b"more")]);
        both["predicate"]["runDetails"]["builder"]["id"] = json!(builder);
        signed(&both).to_string()
    };
    let verify = |attestation: &str| {
        place.write("a.jsonl", attestation);
        let arguments = [
            "sums.sha256",
            "--files=dist",
            "--attested=policy.toml",
            "--attestation=a.jsonl",
        ];
        let output = place.program(&["verify"], &arguments, b"");
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, out) = verify(&both("https://example.com/builder"));
    assert_eq!(code, 0, "{out}");
    let (code, out) = verify(&both("https://example.com/stranger"));
    assert_eq!(
        (
            code,
            out.matches("the builder is `https://example.com/stranger`")
                .count()
        ),
        (1, 2),
        "{out}"
    );
    let (code, out) = verify(&signed(&provenance()).to_string());
    assert_eq!(code, 1, "{out}");
    assert!(
        out.contains("identical  app") && out.contains("different  more"),
        "{out}"
    );
    assert!(
        out.contains("no statement that is signed by a key that was named is about it"),
        "{out}"
    );
    // What is attested and not there is missing all the same.
    std::fs::remove_file(place.0.path().join("dist/more")).unwrap();
    assert_eq!(verify(&both("https://example.com/builder")).0, 1);
}

/// A layout of one image with these attached to it: as a referrer, or as `cosign save` has them.
fn layout(folder: &Path, envelopes: &[String], as_referrers: bool) -> Digest {
    std::fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
    std::fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
    let blob = |media_type: &str, bytes: &[u8]| {
        let digest = Digest::of(bytes);
        std::fs::write(folder.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    };
    let manifest = |value: Value| {
        blob(
            "application/vnd.oci.image.manifest.v1+json",
            value.to_string().as_bytes(),
        )
    };
    let config = blob(
        "application/vnd.oci.image.config.v1+json",
        br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#,
    );
    let image = manifest(json!({"schemaVersion": 2, "config": config, "layers": []}));
    let mut entries = vec![image.clone()];
    entries[0]["annotations"] = json!({"kind": "dev.cosignproject.cosign/image"});
    let layers: Vec<_> = envelopes
        .iter()
        .map(|envelope| blob("application/vnd.dsse.envelope.v1+json", envelope.as_bytes()))
        .collect();
    if as_referrers {
        let empty = blob("application/vnd.oci.empty.v1+json", b"{}");
        for layer in layers {
            let kind = layer["mediaType"].clone();
            let mut entry = manifest(json!({
                "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "artifactType": kind, "config": empty, "layers": [layer], "subject": image,
            }));
            // As cosign 3 writes it where a registry has no list of referrers.
            entry["artifactType"] = json!("application/vnd.oci.empty.v1+json");
            entries.push(entry);
        }
    } else {
        let mut entry = manifest(json!({"schemaVersion": 2, "config": config, "layers": layers}));
        entry["annotations"] = json!({"kind": "dev.cosignproject.cosign/atts"});
        entries.push(entry);
    }
    let index = json!({"schemaVersion": 2, "manifests": entries});
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
    image["digest"].as_str().unwrap().parse().unwrap()
}

#[test]
fn what_is_attached_to_an_image_is_found() {
    let place = Place::new();
    let digest = layout(&place.0.path().join("empty"), &[], false);
    let about = |digest: &Digest| {
        let mut statement = provenance();
        statement["subject"] = json!([{"name": "image", "digest": {"sha256": digest.hex()}}]);
        statement
    };
    let good = about(&digest);
    let documents = [
        sign(good.to_string(), OTHER).to_string(),
        "{]".to_owned(),
        signed(&good).to_string(),
        signed(&about(&Digest::of(b"other"))).to_string(),
    ];
    for as_referrers in [false, true] {
        let name = format!("image-{as_referrers}");
        layout(&place.0.path().join(&name), &documents, as_referrers);
        let output = place.run(&[&name, "--key=builder.pub"]);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{err}");
        assert_eq!(output.stdout, format!("{good}\n").into_bytes());
        for said in [
            "none of 1 signature",
            "is not valid JSON",
            "it is about `image`",
        ] {
            assert!(err.contains(said), "{err}");
        }
        // A blob that was changed is told, and does not spoil the others.
        let blob = place
            .0
            .path()
            .join(&name)
            .join("blobs/sha256")
            .join(Digest::of(documents[0].as_bytes()).hex());
        std::fs::write(blob, &documents[3]).unwrap();
        assert_eq!(
            place.run(&[&name, "--key=builder.pub"]).status.code(),
            Some(0)
        );
        assert_eq!(
            place.run(&[&name, "--key=other.pub"]).status.code(),
            Some(1)
        );
    }
    let output = place.run(&["empty", "--key=builder.pub"]);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(err.contains("nobody attests anything about it"), "{err}");
}
