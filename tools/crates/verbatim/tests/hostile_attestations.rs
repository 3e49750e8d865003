//! Attestations by people who mean harm, each handed to every command that reads one: it is refused with its reason and
//! exit code, no program is started for it (`PATH` holds traps alone), and nobody is asked on the network for what it
//! names (each address in it is that of a server that counts who comes). What they do to builds stands in
//! `hostile_builds.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::Engine as _;
use serde_json::{json, Value};
use verbatim_attest::Sha512;
use verbatim_digest::Digest;
use verbatim_signature::dsse::{Envelope, IN_TOTO};
use verbatim_signature::{PrivateKey, PublicKey};

const KEY: &[u8] = include_bytes!("../../signature/testdata/p256.pem");
const PUBLIC: &[u8] = include_bytes!("../../signature/testdata/p256.pub");
const OTHER: &[u8] = include_bytes!("../../signature/testdata/ed25519.pem");
const ROOT: &[u8] = include_bytes!("../../signature/testdata/custom_root.json");
const KEYLESS: &[u8] =
    include_bytes!("../../signature/testdata/bundles/intoto-with-custom-trust-root.json");
const OTHER_ENTRY: &[u8] =
    include_bytes!("../../signature/testdata/bundles/intoto-log-entry-mismatch_fail.json");

const CONTENT: &[u8] = b"released bytes\n";
const BUILDER: &str = "https://tekton.dev/chains/v2";
const COMMIT: &str = "a85e5c99b80a6036084608313547138cb490083a";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Programs that a command could start, and what somebody would like it to.
const TRAPS: [&str; 10] = [
    "git", "buildah", "bazel", "bazelisk", "sh", "ssh", "cp", "unshare", "touch", "curl",
];

/// By path, the media type and the body.
type Answers = BTreeMap<String, (String, Vec<u8>)>;

/// A registry of fixed answers that counts who comes.
struct Server {
    address: SocketAddr,
    met: Arc<AtomicUsize>,
    answers: Arc<Mutex<Answers>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            met: Arc::default(),
            answers: Arc::default(),
        };
        let (met, answers) = (server.met.clone(), server.answers.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                met.fetch_add(1, Ordering::SeqCst);
                let answers = answers.clone();
                std::thread::spawn(move || answer(stream.unwrap(), &answers));
            }
        });
        server
    }

    fn met(&self) -> usize {
        self.met.load(Ordering::SeqCst)
    }

    fn serve(&self, path: String, media_type: &str, body: &[u8]) {
        let answer = (media_type.to_owned(), body.to_owned());
        self.answers.lock().unwrap().insert(path, answer);
    }

    /// Serve a manifest under its digest; its descriptor.
    fn manifest(&self, manifest: &Value) -> Value {
        let text = manifest.to_string();
        let digest = Digest::of(text.as_bytes());
        self.serve(
            format!("/v2/app/manifests/{digest}"),
            MANIFEST,
            text.as_bytes(),
        );
        json!({"mediaType": MANIFEST, "digest": digest, "size": text.len()})
    }

    /// Serve a blob; its descriptor.
    fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes);
        self.serve(
            format!("/v2/app/blobs/{digest}"),
            "application/octet-stream",
            bytes,
        );
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }
}

fn answer(
    mut stream: TcpStream,
    answers: &Mutex<BTreeMap<String, (String, Vec<u8>)>>,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut request = String::new();
    reader.read_line(&mut request).ok()?;
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    let path = request.split(' ').nth(1)?.split('?').next()?.to_owned();
    let found = answers.lock().unwrap().get(&path).cloned();
    let (status, (media_type, body)) = match (found, path.as_str()) {
        (Some(found), _) => ("200 OK", found),
        (None, "/v2/") => ("200 OK", ("application/json".to_owned(), b"{}".to_vec())),
        (None, _) => (
            "404 Not Found",
            ("application/json".to_owned(), b"{}".to_vec()),
        ),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    if !request.starts_with("HEAD") {
        stream.write_all(&body).ok()?;
    }
    Some(())
}

/// How a command ended.
struct Ran {
    code: i32,
    out: String,
    err: String,
    /// The most memory that it held, in KiB.
    peak: i64,
}

/// A release of a file and an image, a policy, and the traps.
struct Place {
    folder: tempfile::TempDir,
    server: Server,
    image: Digest,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let image = layout(&folder.path().join("image"));
        let place = Self {
            folder,
            server: Server::start(),
            image,
        };
        fs::create_dir(place.at("dist")).unwrap();
        fs::create_dir(place.at("path")).unwrap();
        for name in TRAPS {
            let trap = place.at("path").join(name);
            let script = format!(
                "#!/bin/sh\necho {name} \"$@\" >> {}\nexit 1\n",
                place.at("trace").display()
            );
            fs::write(&trap, script).unwrap();
            fs::set_permissions(&trap, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for name in ["app", "dist/app"] {
            place.write(name, CONTENT);
        }
        place.write("builder.pub", PUBLIC);
        place.write(
            "sums.sha256",
            format!("{}  app\n", Digest::of(CONTENT).hex()),
        );
        place.write("policy.toml", place.policy(&place.url()));
        place
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.at(name), content).unwrap();
    }

    fn url(&self) -> String {
        format!("http://{}/acme/app.git", self.server.address)
    }

    fn policy(&self, url: &str) -> String {
        format!(
            "schema = \"verbatim.policy/1\"\n[[allow]]\nbuilder = \"{BUILDER}\"\nkeys = [\"builder.pub\"]\n\
             build_types = [\"tekton.dev/v1beta1/PipelineRun\"]\nsources = [\"git+{url}\"]\n"
        )
    }

    /// Run the program; `feed` writes its standard input, which it need not read.
    // `ended` waits for it, by a call that tells its memory too.
    #[allow(clippy::zombie_processes)]
    fn run(&self, arguments: &[&str], feed: impl FnOnce(&mut dyn std::io::Write) + Send) -> Ran {
        let program = Path::new(env!("CARGO_BIN_EXE_verbatim"))
            .canonicalize()
            .unwrap();
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(self.folder.path())
            .env("PATH", self.at("path"))
            .env("HOME", self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        std::thread::scope(|scope| {
            scope.spawn(move || feed(&mut stdin));
            let err = scope.spawn(move || {
                let mut err = String::new();
                stderr.read_to_string(&mut err).unwrap();
                err
            });
            let mut out = String::new();
            stdout.read_to_string(&mut out).unwrap();
            let (code, peak) = ended(child.id());
            let err = err.join().unwrap();
            Ran {
                code,
                out,
                err,
                peak,
            }
        })
    }

    /// What each command says of a document.
    fn all(&self, document: &[u8]) -> [Ran; 3] {
        self.write("a.jsonl", document);
        let from = "--attestation=a.jsonl";
        [
            &["attest", "verify", "app", "--policy=policy.toml", from][..],
            &[
                "verify",
                "sums.sha256",
                "--files=dist",
                "--attested=policy.toml",
                from,
            ],
            &["rebuild", "a.jsonl", "--key=builder.pub", "--against=image"],
        ]
        .map(|arguments| self.run(arguments, |_| {}))
    }

    /// It is refused by each command with this exit code and a reason that says this, and nothing else has happened.
    fn refused(&self, name: &str, document: impl AsRef<[u8]>, codes: [i32; 3], said: &[&str]) {
        let before = self.server.met();
        for (at, ran) in self.all(document.as_ref()).iter().enumerate() {
            let told = format!("{name}, command {at}: {}{}", ran.out, ran.err);
            let said = said[at.min(said.len() - 1)];
            assert_eq!(ran.code, codes[at], "{told}");
            assert!(told.contains(said), "no `{said}`: {told}");
            assert!(!told.contains("panicked"), "{told}");
            // Nothing of the statement is handed on.
            assert!(
                !ran.out.contains("predicateType") && (at > 0 || ran.out.is_empty()),
                "{told}"
            );
        }
        let trace = fs::read_to_string(self.at("trace")).unwrap_or_default();
        assert_eq!((trace.as_str(), self.server.met()), ("", before), "{name}");
    }

    /// Provenance of a build by Konflux, about the file and the image.
    fn statement(&self) -> Value {
        let bundle = |name: &str| {
            let bundle = format!("example.com/task-{name}@sha256:{}", self.image.hex());
            json!({"resolver": "bundles", "params": [{"name": "bundle", "value": bundle}]})
        };
        json!({
            "_type": "https://in-toto.io/Statement/v0.1",
            "predicateType": "https://slsa.dev/provenance/v0.2",
            "subject": [
                {"name": "app", "digest": {"sha256": Digest::of(CONTENT).hex()}},
                {"name": "image", "digest": {"sha256": self.image.hex()}},
            ],
            "predicate": {
                "builder": {"id": BUILDER},
                "buildType": "tekton.dev/v1beta1/PipelineRun",
                "buildConfig": {"tasks": [
                    {"name": "clone-repository", "ref": bundle("git-clone:0.1"), "results": [
                        {"name": "url", "value": self.url()}, {"name": "commit", "value": COMMIT},
                    ]},
                    {"name": "build-container", "ref": bundle("buildah:0.9"), "invocation": {"parameters": {
                        "SOURCE_DATE_EPOCH": "1", "SKIP_INJECTIONS": "true", "DOCKERFILE": "Containerfile",
                    }}, "results": [{"name": "IMAGE_DIGEST", "value": self.image}]},
                ]},
                "materials": [{"uri": format!("git+{}", self.url()), "digest": {"sha1": COMMIT}}],
            },
        })
    }

    fn changed(&self, change: impl FnOnce(&mut Value)) -> Value {
        let mut statement = self.statement();
        change(&mut statement);
        statement
    }

    /// The statement in an envelope that its builder signed, and that was changed afterwards.
    fn tampered(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut envelope = signed(self.statement().to_string());
        change(&mut envelope);
        envelope.to_string()
    }
}

/// Wait for a child; its exit code, and the most memory that it held in KiB.
fn ended(id: u32) -> (i32, i64) {
    let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: both places outlive the call, a rusage is numbers alone, and nobody else waits for this child.
    let (waited, usage) = unsafe {
        let waited = libc::wait4(id as libc::pid_t, &mut status, 0, usage.as_mut_ptr());
        (waited, usage.assume_init())
    };
    assert_eq!(waited, id as libc::pid_t);
    assert!(libc::WIFEXITED(status), "ended by a signal: {status}");
    (libc::WEXITSTATUS(status), usage.ru_maxrss)
}

/// The base64 of a PEM file.
fn of_pem(pem: &[u8]) -> String {
    let text = String::from_utf8_lossy(pem);
    text.lines().filter(|line| !line.starts_with('-')).collect()
}

/// A layout of an image without layers.
fn layout(folder: &Path) -> Digest {
    fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
    fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
    let blob = |media_type: &str, text: &str| {
        let digest = Digest::of(text.as_bytes());
        fs::write(folder.join("blobs/sha256").join(digest.hex()), text).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": text.len()})
    };
    let config = blob(
        "application/vnd.oci.image.config.v1+json",
        r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#,
    );
    let manifest =
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []});
    let image = blob(MANIFEST, &manifest.to_string());
    let index = json!({"schemaVersion": 2, "manifests": [image]});
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
    image["digest"].as_str().unwrap().parse().unwrap()
}

fn sign(payload_type: &str, payload: impl Into<Vec<u8>>, key: &[u8]) -> Value {
    let key = PrivateKey::from_pem(key, "key", None).unwrap();
    Envelope::sign(payload_type, payload.into(), &key).to_json()
}

fn signed(payload: impl Into<Vec<u8>>) -> Value {
    sign(IN_TOTO, payload, KEY)
}

/// The statement, signed as it is written here.
fn spelled(statement: &str) -> String {
    signed(statement).to_string()
}

#[test]
fn what_is_right_holds_and_traps_are_traps() {
    let place = Place::new();
    let url_safe = place.tampered(|e| {
        let text = e["payload"].as_str().unwrap();
        e["payload"] = json!(URL_SAFE_NO_PAD.encode(STANDARD.decode(text).unwrap()));
    });
    let two = format!("{}\n{}", place.tampered(|_| {}), "]");
    let by_sha512 = place.changed(|s| {
        let of = |bytes: &[u8]| json!({"sha512": Sha512::of(bytes).to_string()});
        s["subject"][0]["digest"] = of(CONTENT);
        let manifest = place.at("image/blobs/sha256").join(place.image.hex());
        s["subject"][1]["digest"] = of(&fs::read(manifest).unwrap());
    });
    for (document, known) in [
        (place.tampered(|_| {}), true),
        (url_safe, true),
        (two, true),
        // A list of sums knows no sha512.
        (spelled(&by_sha512.to_string()), false),
    ] {
        let _ = fs::remove_file(place.at("trace"));
        let [verified, of_sums, rebuilt] = place.all(document.as_bytes());
        assert_eq!(verified.code, 0, "{}", verified.err);
        assert!(verified.out.contains("predicateType"));
        assert_eq!(
            of_sums.code,
            i32::from(!known),
            "{}{}",
            of_sums.out,
            of_sums.err
        );
        // It goes on to fetch the sources, with a program that is none here.
        assert_eq!(rebuilt.code, 3, "{}{}", rebuilt.out, rebuilt.err);
        let trace = fs::read_to_string(place.at("trace")).unwrap();
        assert!(trace.starts_with("git "), "{trace}");
    }
    let asked = place.server.met();
    let reference = format!("{}/app:v1", place.server.address);
    let ran = place.run(
        &["attest", "verify", &reference, "--key=builder.pub"],
        |_| {},
    );
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(place.server.met() > asked);
}

#[test]
#[rustfmt::skip]
fn signatures() {
    let place = Place::new();
    let text = place.statement().to_string();
    let key_id = PublicKey::from_pem(PUBLIC, "key").unwrap().key_id().to_string();
    let own = PrivateKey::from_pem(KEY, "key", None).unwrap();
    let bare = STANDARD.encode(own.sign(text.as_bytes()));
    let elsewhere = signed("{}");
    let stranger = sign(IN_TOTO, text.clone(), OTHER);
    let claims = |mut envelope: Value| {
        envelope["signatures"][0]["keyid"] = json!(key_id);
        envelope
    };
    let one = stranger["signatures"][0].clone();
    let no_one = "none of 1 signature";
    place.refused("signatures taken away", place.tampered(|e| e["signatures"] = json!([])), [1; 3], &["it is not signed"]);
    place.refused("no list of signatures", place.tampered(|e| { e.as_object_mut().unwrap().remove("signatures"); }), [2; 3], &["signatures"]);
    place.refused("signatures that are null", place.tampered(|e| e["signatures"] = json!(null)), [2; 3], &["/signatures"]);
    place.refused("a signature that is none", place.tampered(|e| e["signatures"][0]["sig"] = json!("")), [1; 3], &[no_one]);
    place.refused("a stranger", stranger.to_string(), [1; 3], &[no_one]);
    place.refused("a stranger with the builder's name", claims(stranger.clone()).to_string(), [1; 3], &[no_one]);
    place.refused("a signature of other bytes", place.tampered(|e| e["signatures"] = elsewhere["signatures"].clone()), [1; 3], &[no_one]);
    place.refused("a signature of the payload without its type", place.tampered(|e| e["signatures"][0]["sig"] = json!(bare)), [1; 3], &[no_one]);
    place.refused("another payload", place.tampered(|e| e["payload"] = elsewhere["payload"].clone()), [1; 3], &["its bytes were changed"]);
    place.refused("another type", place.tampered(|e| e["payloadType"] = json!("application/json")), [1; 3], &["its bytes were changed"]);
    for (name, other) in [("another type, signed", "application/json"), ("capitals, signed", "Application/vnd.in-toto+json")] {
        place.refused(name, sign(other, text.clone(), KEY).to_string(), [1; 3], &[other]);
    }
    place.refused("many signatures", place.tampered(|e| e["signatures"] = json!(vec![one; 101])), [2; 3], &["more than 100 signatures"]);
    place.refused("nobody's", text, [1; 3], &["a statement that nobody signed"]);
}

#[test]
#[rustfmt::skip]
fn subjects() {
    let place = Place::new();
    let about = |digests: [Value; 2]| {
        let [app, image] = digests;
        spelled(&place.changed(|s| {
            s["subject"][0]["digest"] = app;
            s["subject"][1]["digest"] = image;
        }).to_string())
    };
    let each = |digest: Value| about([digest.clone(), digest]);
    let (app, image) = (Digest::of(CONTENT).hex(), place.image.hex());
    let other = Digest::of(b"other").hex();
    let said = ["none of its 2 subjects is", "is about it", "no subject of the attestation"];
    place.refused("other subjects", each(json!({"sha256": other})), [1; 3], &said);
    place.refused("each in the other's place of algorithm", about([json!({"sha1": app}), json!({"sha1": image})]), [1; 3], &said);
    place.refused("by name alone", each(json!({})), [1; 3], &said);
    place.refused("no digests", each(json!(null)), [1; 3], &said);
    let empty = place.changed(|s| s["subject"] = json!([]));
    place.refused("nothing", spelled(&empty.to_string()), [1; 3], &["its list of subjects is empty", "is about it", "its list of subjects is empty"]);
    let upper = about([json!({"sha256": app.to_uppercase()}), json!({"sha256": image.to_uppercase()})]);
    place.refused("capitals", upper, [2, 1, 2], &["lower-case"]);
    let prefixed = about([json!({"sha256": format!("sha256:{app}")}), json!({"sha256": format!("sha256:{image}")})]);
    place.refused("with the algorithm before it", prefixed, [2, 1, 2], &["/subject/0/digest/sha256"]);

    // The right sha256, and a sha512 of something else: whoever has the bytes knows both.
    let torn = about([json!({"sha256": app, "sha512": "0".repeat(128)}), json!({"sha256": image, "sha512": "0".repeat(128)})]);
    let [verified, _, rebuilt] = place.all(torn.as_bytes());
    for ran in [verified, rebuilt] {
        assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
        assert!((ran.out + &ran.err).contains("another digest of other bytes"));
    }
    assert!(!place.at("trace").exists());
}

#[test]
#[rustfmt::skip]
fn two_readers_read_one_document() {
    let place = Place::new();
    let text = place.statement().to_string();
    let good = place.tampered(|_| {});
    let before = |first: &str| good.replacen('{', &format!("{{{first},"), 1);
    let replaced = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        spelled(&changed)
    };
    let twice = "stands twice";
    let deep = |around: usize| format!("{}1{}", "[".repeat(around), "]".repeat(around));
    let of_envelope = [
        ("payload twice", before(r#""payload":"""#), twice),
        ("payload twice, spelled otherwise", before(r#""pay\u006coad":"""#), twice),
        ("payloadType twice", before(r#""payloadType":"x""#), twice),
        ("signatures twice", before(r#""signatures":[]"#), twice),
        ("a member of nobody's, twice", before(r#""x":1,"x":2"#), twice),
        ("a mark of byte order", format!("\u{feff}{good}"), "JSON"),
        ("something behind it", format!("{good} x"), "JSON"),
        ("a comma behind it", format!("{good},"), "JSON"),
        ("cut", good[..good.len() / 2].to_owned(), "JSON"),
        ("nothing", String::new(), "JSON"),
        ("a list of it", format!("[{good}]"), "no attestation"),
        ("a text of it", json!(good).to_string(), "no attestation"),
        ("deep inside of it", before(&format!("\"x\":{}", deep(5000))), "recursion limit"),
        ("deep, and no end", "[".repeat(1 << 20), "JSON"),
        ("a million values", format!("[{}0]", "0,".repeat(1 << 20)), "values of JSON"),
        ("ten thousand lines", "x\n".repeat(10_001), "lines"),
        ("both alphabets of base64", place.tampered(|e| e["payload"] = json!("+_8=")), "base64 of its payload"),
        ("bits that are left over", place.tampered(|e| e["payload"] = json!("+/9=")), "base64 of its payload"),
        ("a line feed in base64", place.tampered(|e| e["payload"] = json!(format!("{}\n", e["payload"].as_str().unwrap()))), "base64 of its payload"),
        ("a signature that is no base64", place.tampered(|e| e["signatures"][0]["sig"] = json!("%")), "base64 of its signature"),
    ];
    for (name, document, said) in of_envelope {
        place.refused(name, document, [2; 3], &[said]);
    }
    // Signed by whom it must be signed by: who signs can still be wrong, or be deceived.
    let of_statement = [
        ("subject twice", replaced(r#""subject":"#, r#""subject":[],"subject":"#), twice),
        ("a parameter twice", replaced(r#""DOCKERFILE":"#, r#""DOCKERFILE":"x","DOCKERFILE":"#), twice),
        ("an algorithm twice", replaced(r#"{"sha256":"#, r#"{"sha256":"0","sha256":"#), twice),
        ("a mark of byte order", spelled(&format!("\u{feff}{text}")), "JSON"),
        ("two statements", spelled(&format!("{text}{text}")), "JSON"),
        ("deep inside of it", replaced(r#""DOCKERFILE":"#, &format!(r#""x":{},"DOCKERFILE":"#, deep(5000))), "recursion limit"),
        ("no UTF-8", signed(b"{\"_type\":\"\xff\"}".to_vec()).to_string(), "JSON"),
        ("half of a character", replaced(r#""Containerfile""#, r#""\ud800""#), "JSON"),
        ("a number that is none", replaced(r#""Containerfile""#, "1e999"), "JSON"),
        ("nothing", spelled(""), "JSON"),
        ("a list", spelled("[]"), "JSON"),
        ("another kind of statement", replaced("Statement/v0.1", "Statement/v2"), "/_type"),
    ];
    for (name, document, said) in of_statement {
        let said = if said == "JSON" { "" } else { said };
        place.refused(name, document, [2, 1, 2], &[said]);
    }
}

#[test]
#[rustfmt::skip]
fn bundles() {
    let place = Place::new();
    let bundle = |key: &[u8], change: &dyn Fn(&mut Value)| {
        let mut bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": PublicKey::from_pem(PUBLIC, "key").unwrap().key_id()}},
            "dsseEnvelope": sign(IN_TOTO, place.statement().to_string(), key),
        });
        change(&mut bundle);
        bundle.to_string()
    };
    let message = json!({"messageDigest": {"algorithm": "SHA2_256", "digest": ""}, "signature": "AAAA"});
    place.refused("a stranger's, with the builder's key as its hint", bundle(OTHER, &|_| {}), [1; 3], &["none of 1 signature"]);
    place.refused("of a certificate, where a key is asked for", KEYLESS, [1; 3], &["none of 1 signature"]);
    place.refused("another version", bundle(KEY, &|b| b["mediaType"] = json!("application/vnd.dev.sigstore.bundle.v0.4+json")), [2; 3], &["0.1, 0.2 and 0.3"]);
    place.refused("of two things", bundle(KEY, &|b| b["messageSignature"] = message.clone()), [2; 3], &["either"]);
    place.refused("of a file", bundle(KEY, &|b| {
        b.as_object_mut().unwrap().remove("dsseEnvelope");
        b["messageSignature"] = message.clone();
    }), [1; 3], &["no attestation"]);
    place.refused("of nothing", bundle(KEY, &|b| { b.as_object_mut().unwrap().remove("dsseEnvelope"); }), [2; 3], &["either"]);
}

#[test]
#[rustfmt::skip]
fn roots_of_trust() {
    let place = Place::new();
    place.write("d.txt", "DO NOT MODIFY ME!\n\nthis is \"d.txt\", a sample input for sigstore-conformance's test suite.\n\nDO NOT MODIFY ME!\n");
    place.write("keyless.json", KEYLESS);
    place.write("other-entry.json", OTHER_ENTRY);
    place.write("keyed.json", place.tampered(|_| {}));
    let good: Value = serde_json::from_slice(ROOT).unwrap();
    let verify = |root: &Value, bundle: &str| {
        place.write("root.json", root.to_string());
        place.run(
            &[
                "attest", "verify", "d.txt", "--trusted-root=root.json", "--issuer=https://token.actions.githubusercontent.com",
                "--identity=https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main",
                &format!("--attestation={bundle}"),
            ],
            |_| {},
        )
    };
    let ran = verify(&good, "keyless.json");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let without = |pointer: &str, value: Value| {
        let mut root = good.clone();
        *root.pointer_mut(pointer).unwrap() = value;
        root
    };
    // (the root, the bundle, exit codes of which one is right, what is said)
    for (name, root, bundle, codes, said) in [
        ("no log", without("/tlogs", json!([])), "keyless.json", &[2][..], "without `tlogs`"),
        ("no log of certificates", without("/ctlogs", json!([])), "keyless.json", &[2], "without `ctlogs`"),
        ("no authority", without("/certificateAuthorities", json!([])), "keyless.json", &[2], "without `certificateAuthorities`"),
        ("nothing", json!({}), "keyless.json", &[2], "trusted root"),
        ("no key of the log", without("/tlogs/0/publicKey", json!({})), "keyless.json", &[1, 2], ""),
        ("an empty key of the log", without("/tlogs/0/publicKey/rawBytes", json!("")), "keyless.json", &[1, 2], ""),
        ("another key of the log", without("/tlogs/0/publicKey/rawBytes", json!(of_pem(PUBLIC))), "keyless.json", &[1, 2], ""),
        ("an authority without certificates", without("/certificateAuthorities/0/certChain/certificates", json!([])), "keyless.json", &[1, 2], ""),
        ("the entry of another key", good.clone(), "other-entry.json", &[1], "log entry"),
        ("a key in place of a certificate", good.clone(), "keyed.json", &[1], "only a Sigstore bundle"),
    ] {
        let ran = verify(&root, bundle);
        assert!(codes.contains(&ran.code), "{name}: {} {}", ran.code, ran.err);
        assert!(ran.err.contains(said) && ran.out.is_empty(), "{name}: {}", ran.err);
        assert!(!ran.err.contains("panicked"), "{name}: {}", ran.err);
    }
    assert_eq!((place.server.met(), place.at("trace").exists()), (0, false));
}

#[test]
#[rustfmt::skip]
fn what_a_policy_does_not_allow() {
    let place = Place::new();
    let summary = place.changed(|s| {
        s["predicateType"] = json!("https://slsa.dev/verification_summary/v1");
        s["predicate"] = json!({"verificationResult": "FAILED"});
    });
    let stranger = format!("git+http://{}/evil/app.git", place.server.address);
    for (name, statement, said) in [
        ("another builder", place.changed(|s| s["predicate"]["builder"]["id"] = json!(format!("{BUILDER}/"))), "the builder is"),
        ("no builder", place.changed(|s| s["predicate"]["builder"] = json!(null)), "names no builder"),
        ("another kind of build", place.changed(|s| s["predicate"]["buildType"] = json!("x")), "the build type is"),
        ("another source", place.changed(|s| s["predicate"]["materials"][0]["uri"] = json!(stranger)), "the source is"),
        ("a source more", place.changed(|s| s["predicate"]["invocation"] = json!({"configSource": {"uri": stranger}})), "the source is"),
        ("a scheme in capitals", place.changed(|s| s["predicate"]["materials"][0]["uri"] = json!(stranger.replacen("git", "GIT", 1))), "the source is"),
        ("no source", place.changed(|s| s["predicate"]["materials"] = json!([])), "names no `git+` source"),
        ("a summary of a failure", summary, "only \"PASSED\""),
    ] {
        let [verified, of_sums, _] = place.all(spelled(&statement.to_string()).as_bytes());
        for ran in [verified, of_sums] {
            assert_eq!(ran.code, 1, "{name}: {}{}", ran.out, ran.err);
            assert!((ran.out.clone() + &ran.err).contains(said), "{name}: {}{}", ran.out, ran.err);
            assert!(!ran.out.contains("predicateType"), "{name}");
        }
    }
}

/// What may be held while a gigabyte is refused, in KiB.
const ROOM: i64 = 64 << 10;

#[test]
fn a_gigabyte_is_refused_in_little_memory() {
    let place = Place::new();
    // It would be read to its end by whoever does not count.
    let envelope = |out: &mut dyn std::io::Write| {
        let _ = out.write_all(br#"{"payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AAAA"}],"payload":""#);
        let piece = [b'A'; 1 << 16];
        for _ in 0..(1 << 30) / piece.len() {
            if out.write_all(&piece).is_err() {
                return;
            }
        }
        let _ = out.write_all(b"\"}");
    };
    for arguments in [
        &[
            "attest",
            "verify",
            "app",
            "--key=builder.pub",
            "--attestation=-",
        ][..],
        &[
            "verify",
            "sums.sha256",
            "--files=dist",
            "--attested=policy.toml",
            "--attestation=-",
        ],
        &["rebuild", "-", "--key=builder.pub"],
        &["rebuild"],
    ] {
        let ran = place.run(arguments, envelope);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (2, ""),
            "{arguments:?}: {}",
            ran.err
        );
        assert!(ran.err.contains("limit"), "{arguments:?}: {}", ran.err);
        assert!(ran.peak < ROOM, "{arguments:?}: {} KiB", ran.peak);
        eprintln!("{} KiB at most: {}", ran.peak, arguments.join(" "));
    }
    // Files that are as large, and hold nothing on the disk.
    let file = fs::File::create(place.at("large")).unwrap();
    file.set_len(1 << 30).unwrap();
    place.write("a.jsonl", place.tampered(|_| {}));
    for arguments in [
        &[
            "attest",
            "verify",
            "app",
            "--key=builder.pub",
            "--attestation=large",
        ][..],
        &[
            "attest",
            "verify",
            "app",
            "--key=large",
            "--attestation=a.jsonl",
        ],
        &[
            "attest",
            "verify",
            "app",
            "--policy=large",
            "--attestation=a.jsonl",
        ],
        &[
            "attest",
            "verify",
            "app",
            "--trusted-root=large",
            "--identity=a",
            "--issuer=b",
            "--attestation=a.jsonl",
        ],
        &["rebuild", "large", "--key=builder.pub"],
        &[
            "verify",
            "sums.sha256",
            "--files=dist",
            "--attested=large",
            "--attestation=a.jsonl",
        ],
    ] {
        let ran = place.run(arguments, |_| {});
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (2, ""),
            "{arguments:?}: {}",
            ran.err
        );
        assert!(ran.peak < ROOM, "{arguments:?}: {} KiB", ran.peak);
        eprintln!("{} KiB at most: {}", ran.peak, arguments.join(" "));
    }
}

/// An image that a registry serves under a tag, and what it lists as attached to it.
fn published(place: &Place, attached: &[(Digest, &str, Option<u64>)]) -> Digest {
    let server = &place.server;
    let config = server.blob(
        "application/vnd.oci.image.config.v1+json",
        br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#,
    );
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [], "annotations": {"version": "2"}});
    let image = server.manifest(&manifest);
    server.serve(
        "/v2/app/manifests/v2".into(),
        MANIFEST,
        manifest.to_string().as_bytes(),
    );
    let digest: Digest = image["digest"].as_str().unwrap().parse().unwrap();
    let empty = server.blob("application/vnd.oci.empty.v1+json", b"{}");
    let listed: Vec<_> = attached
        .iter()
        .map(|(subject, envelope, size)| {
            let mut layer = server.blob("application/vnd.dsse.envelope.v1+json", envelope.as_bytes());
            if let Some(size) = size {
                layer["size"] = json!(size);
            }
            let subject = json!({"mediaType": MANIFEST, "digest": subject, "size": manifest.to_string().len()});
            server.manifest(&json!({
                "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.dsse.envelope.v1+json",
                "config": empty, "layers": [layer], "subject": subject,
            }))
        })
        .collect();
    let index = "application/vnd.oci.image.index.v1+json";
    let list = json!({"schemaVersion": 2, "mediaType": index, "manifests": listed});
    server.serve(
        format!("/v2/app/referrers/{digest}"),
        index,
        list.to_string().as_bytes(),
    );
    digest
}

#[test]
#[rustfmt::skip]
fn attestations_of_another_release_say_nothing_of_a_new_tag() {
    let place = Place::new();
    // The digest of the tag, which what is attached does not change.
    let new = published(&place, &[]);
    let old = signed(place.statement().to_string()).to_string();
    let right = spelled(&place.changed(|s| s["subject"][1]["digest"]["sha256"] = json!(new.hex())).to_string());
    let reference = format!("{}/app:v2", place.server.address);
    place.write("sums.sha256", format!("{}  {reference}\n", new.hex()));
    let ask = |attached: &[(Digest, &str, Option<u64>)]| {
        assert_eq!(published(&place, attached), new);
        [
            &["attest", "verify", &reference, "--policy=policy.toml"][..],
            &["verify", "sums.sha256", "--attested=policy.toml"],
            &["rebuild", "--image", &reference, "--key=builder.pub"],
        ]
        .map(|arguments| place.run(arguments, |_| {}))
    };
    let [verified, of_sums, _] = ask(&[(new, &right, None)]);
    assert_eq!((verified.code, of_sums.code), (0, 0), "{}{}{}", verified.err, of_sums.out, of_sums.err);
    let _ = fs::remove_file(place.at("trace"));
    for (name, attached, said) in [
        ("put at the new one", (new, old.as_str(), None), ["none of its 2 subjects", "is about it", "none of its 2 subjects"]),
        ("listed, and of the old one", (place.image, old.as_str(), None), ["about something else"; 3]),
        ("right, and at the old one", (place.image, right.as_str(), None), ["about something else"; 3]),
        ("a size that is none of it", (new, right.as_str(), Some(10)), [""; 3]),
        ("a size of a gigabyte", (new, right.as_str(), Some(1 << 30)), [""; 3]),
    ] {
        for (at, ran) in ask(&[attached]).into_iter().enumerate() {
            assert!([1, 2].contains(&ran.code), "{name}, command {at}: {}: {}{}", ran.code, ran.out, ran.err);
            assert!((ran.out.clone() + &ran.err).contains(said[at]), "{name}, command {at}: {}{}", ran.out, ran.err);
            assert!(!ran.out.contains("predicateType") && ran.peak < ROOM, "{name}, command {at}");
        }
    }
    assert!(!place.at("trace").exists());
}
