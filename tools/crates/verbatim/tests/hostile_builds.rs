//! Builds that an attestation asks for, by people who mean harm, whoever signed it: addresses, commits, contradictions and
//! files of the sources, in each form of provenance that is followed. Refused before a program is started or anybody is
//! asked for anything. How documents themselves are refused stands in `hostile_attestations.rs`.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{symlink, PermissionsExt as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;
use serde_json::{json, Value};

const COMMIT: &str = "a85e5c99b80a6036084608313547138cb490083a";
/// What takes longer grows with the square of what somebody sends, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);
const DIGEST: &str = "185588d37c551b9310babac316368992e6ad2e4599735d6c34a668b8a0f13442";

/// Programs that leave a trace, and a server that counts who comes.
struct Trap {
    folder: tempfile::TempDir,
    address: SocketAddr,
    met: Arc<AtomicUsize>,
}

impl Trap {
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("path")).unwrap();
        for name in [
            "git", "buildah", "bazel", "bazelisk", "sh", "ssh", "cp", "unshare", "touch",
        ] {
            let program = folder.path().join("path").join(name);
            let trace = folder.path().join("trace");
            let script = format!(
                "#!/bin/sh\necho {name} \"$@\" >> {}\nexit 1\n",
                trace.display()
            );
            fs::write(&program, script).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let met = Arc::new(AtomicUsize::new(0));
        let count = met.clone();
        // Whoever comes is counted, and hears nothing.
        std::thread::spawn(move || {
            for _ in listener.incoming() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self {
            folder,
            address,
            met,
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Exit code, report or nothing, and words.
    fn rebuild(&self, statement: &Value, more: &[&str]) -> (i32, Value, String) {
        fs::write(self.at("statement"), statement.to_string()).unwrap();
        let output = Command::new(fs::canonicalize(env!("CARGO_BIN_EXE_verbatim")).unwrap())
            .env("PATH", self.at("path"))
            .current_dir(self.folder.path())
            .args(["rebuild", "--format=json", "statement"])
            .args(more)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), report, words)
    }

    fn refused(&self, name: &str, statement: &Value, more: &[&str], said: &str) {
        let (code, report, words) = self.rebuild(statement, more);
        assert_eq!((code, report), (2, Value::Null), "{name}: {words}");
        assert!(words.contains(said), "{name}: no `{said}` in {words}");
        assert!(!words.contains("panicked"), "{name}: {words}");
        self.is_untouched(name);
    }

    fn is_untouched(&self, name: &str) {
        let trace = fs::read_to_string(self.at("trace")).unwrap_or_default();
        assert_eq!(
            (trace.as_str(), self.met.load(Ordering::SeqCst)),
            ("", 0),
            "{name}"
        );
    }
}

fn bundle(name: &str) -> Value {
    let bundle = format!("example.com/task-{name}@sha256:{DIGEST}");
    json!({"resolver": "bundles", "params": [{"name": "bundle", "value": bundle}]})
}

fn statement(kind: &str, predicate: Value) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "app", "digest": {"sha256": DIGEST}}],
        "predicateType": kind,
        "predicate": predicate,
    })
}

fn parameters() -> Value {
    json!({"SOURCE_DATE_EPOCH": "1", "SKIP_INJECTIONS": "true", "DOCKERFILE": "Containerfile", "CONTEXT": "."})
}

/// Tekton Chains, SLSA v0.2.
fn chains(url: &str, commit: &str) -> Value {
    let built = format!("sha256:{DIGEST}");
    statement(
        "https://slsa.dev/provenance/v0.2",
        json!({
            "buildType": "tekton.dev/v1beta1/PipelineRun",
            "buildConfig": {"tasks": [
                {"name": "clone-repository", "ref": bundle("git-clone:0.1"), "results": [
                    {"name": "url", "value": url}, {"name": "commit", "value": commit},
                ]},
                {"name": "build-container", "ref": bundle("buildah:0.9"), "invocation": {"parameters": parameters()},
                    "results": [{"name": "IMAGE_DIGEST", "value": built}]},
            ]},
            "materials": [{"uri": format!("git+{url}"), "digest": {"sha1": commit}}],
        }),
    )
}

/// A task run, as a dependency holds it.
fn task(name: &str, definition: &str, parameters: &Value, results: &Value) -> Value {
    let given: Vec<Value> = parameters
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    json!({
        "metadata": {"name": "run", "labels": {"tekton.dev/pipelineTask": name}},
        "spec": {"params": given, "taskRef": bundle(definition)},
        "status": {"results": results},
    })
}

fn dependency(run: &str) -> Value {
    json!({"name": "pipelineTask", "content": STANDARD.encode(run)})
}

fn definition(build_type: &str, dependencies: &Value) -> Value {
    statement(
        "https://slsa.dev/provenance/v1",
        json!({
            "buildDefinition": {
                "buildType": build_type, "externalParameters": {"runSpec": {"params": []}}, "resolvedDependencies": dependencies,
            },
            "runDetails": {"builder": {"id": "https://tekton.dev/chains/v2"}},
        }),
    )
}

/// Tekton Chains, SLSA v1 with whole task runs.
fn tekton(url: &str, commit: &str) -> Value {
    let cloned = json!([{"name": "url", "value": url}, {"name": "commit", "value": commit}]);
    let built = json!([{"name": "IMAGE_DIGEST", "value": format!("sha256:{DIGEST}")}]);
    definition(
        "https://tekton.dev/chains/v2/slsa-tekton",
        &json!([
            dependency(&task("clone-repository", "git-clone:0.1", &json!({}), &cloned).to_string()),
            dependency(&task("build-container", "buildah:0.9", &parameters(), &built).to_string()),
        ]),
    )
}

/// Tekton Chains, SLSA v1 with the pipeline's own parameters alone.
fn slsa(url: &str, commit: &str) -> Value {
    definition(
        "https://tekton.dev/chains/v2/slsa",
        &json!([{"name": "inputs/result", "uri": format!("git+{url}"), "digest": {"sha1": commit}}]),
    )
}

/// What this program writes of a build by Bazel.
fn bazel(url: &str, commit: &str) -> Value {
    let source = format!("git+{url}");
    statement(
        "https://slsa.dev/provenance/v1",
        json!({
            "buildDefinition": {
                "buildType": "https://example.com/rules_verbatim/docs/build-type-bazel@v1",
                "externalParameters": {"source": source, "targets": ["//:sums"], "flags": []},
                "internalParameters": {"bazel": {"version": "7.7.1"}, "encoders": [], "resolvedDependenciesComplete": false},
                "resolvedDependencies": [
                    {"name": "source", "uri": source, "digest": {"gitCommit": commit, "gitTree": COMMIT}},
                    {"name": "bazel", "uri": "pkg:generic/bazel@7.7.1"},
                ],
            },
            "runDetails": {"builder": {"id": "https://example.com/ci"}},
        }),
    )
}

type Form = fn(&str, &str) -> Value;
const FORMS: [(&str, Form); 4] = [
    ("chains", chains),
    ("tekton", tekton),
    ("slsa", slsa),
    ("bazel", bazel),
];

#[test]
fn addresses_that_are_none() {
    let trap = Trap::set();
    let host = trap.address.to_string();
    for url in [
        "http://HOST/a;touch${IFS}x",
        "http://HOST/$(touch x)",
        "http://HOST/`touch x`",
        "http://HOST/a|touch x",
        "http://HOST/a&touch x",
        "http://HOST/a\ntouch x",
        "http://HOST/a\u{0}b",
        "http://HOST/a b",
        "http://HOST/a\\b",
        "http://HOST/a?service=x",
        "http://HOST/a#b",
        "http://HOST/\u{e4}",
        "http://HOST/../a",
        "http://HOST/--upload-pack=touch/a",
        "http://HOST",
        "http:///a",
        "http:HOST/a",
        "http://user:secret@HOST/a",
        "http://user@HOST/a",
        "http://%2dx/a",
        "ssh://-oProxyCommand=touch%20x/y",
        "ssh://%2doProxyCommand=touch%20x/y",
        "ssh://-lroot@HOST/a",
        "ssh://a:b@HOST/a",
        "git@HOST:a/b",
        "git://HOST/a",
        "ftp://HOST/a",
        "HTTP://HOST/a",
        "http::http://HOST/a",
        "ext::sh -c touch% x",
        "ext::http://HOST/a",
        "fd::3/x",
        "file:///etc",
        "file://HOST/etc",
        "/etc",
        "../x",
        "--upload-pack=touch x",
        "-u",
    ] {
        let url = url.replace("HOST", &host);
        for (form, make) in FORMS {
            trap.refused(&format!("{form}: {url:?}"), &make(&url, COMMIT), &[], "");
        }
    }
    // What is one is fetched: by git, which is a trap here.
    for (form, make) in FORMS {
        let url = format!("http://{host}/a/b.git");
        let (code, report, words) = trap.rebuild(&make(&url, COMMIT), &[]);
        assert_eq!(
            (code, &report["verdict"]),
            (3, &json!("incomplete")),
            "{form}: {words}"
        );
        let trace = fs::read_to_string(trap.at("trace")).unwrap();
        assert!(trace.starts_with("git "), "{form}: {trace}");
        fs::remove_file(trap.at("trace")).unwrap();
    }
}

#[test]
fn commits_that_are_none() {
    let trap = Trap::set();
    let url = format!("http://{}/a/b.git", trap.address);
    for commit in [
        "main".to_owned(),
        "HEAD".to_owned(),
        "refs/heads/main".to_owned(),
        "v1.0".to_owned(),
        COMMIT[..12].to_owned(),
        COMMIT.to_uppercase(),
        format!("{COMMIT}~1"),
        format!("{COMMIT}:a"),
        format!("+{COMMIT}"),
        format!("{COMMIT}\nmain"),
        format!("{COMMIT}0"),
        "--upload-pack=touch x".to_owned(),
        String::new(),
    ] {
        for (form, make) in FORMS {
            trap.refused(
                &format!("{form}: {commit:?}"),
                &make(&url, &commit),
                &[],
                "",
            );
        }
    }
}

/// Change what one of a statement's lists of results or parameters holds.
fn pushed(mut statement: Value, pointer: &str, value: Value) -> Value {
    statement
        .pointer_mut(pointer)
        .unwrap()
        .as_array_mut()
        .unwrap()
        .push(value);
    statement
}

#[test]
#[rustfmt::skip]
fn what_can_be_read_in_two_ways() {
    let trap = Trap::set();
    let url = format!("http://{}/a/b.git", trap.address);
    let (other, tasks) = ("b".repeat(40), "/predicate/buildConfig/tasks");
    let result = |task: usize, name: &str, value: &str| {
        let pointer = format!("{tasks}/{task}/results");
        pushed(chains(&url, COMMIT), &pointer, json!({"name": name, "value": value}))
    };
    let with = |name: &str, value: &str| {
        let mut statement = chains(&url, COMMIT);
        statement["predicate"]["buildConfig"]["tasks"][1]["invocation"]["parameters"][name] = json!(value);
        statement
    };
    let mut material = chains(&url, COMMIT);
    material["predicate"]["materials"][0]["digest"]["sha1"] = json!(other);
    let cloned = json!({"name": "clone", "ref": bundle("git-clone:0.1"), "results": [
        {"name": "url", "value": url}, {"name": "commit", "value": other}]});
    let mut clones = pushed(chains(&url, COMMIT), tasks, cloned);
    clones["predicate"]["buildConfig"]["tasks"][0]["name"] = json!("first");
    let dependencies = "/predicate/buildDefinition/resolvedDependencies";
    let run = |parameters: &Value, results: &Value| task("build-container", "buildah:0.9", parameters, results);
    let mut twice = run(&parameters(), &json!([]));
    let again = json!({"name": "DOCKERFILE", "value": "other"});
    twice["spec"]["params"].as_array_mut().unwrap().push(again);
    let text = run(&parameters(), &json!([])).to_string();
    let members = text.replacen(r#""status":"#, r#""status":{},"status":"#, 1);
    assert_ne!(members, text);
    for (name, statement, said) in [
        ("two commits", result(0, "commit", &other), "twice"),
        ("two addresses", result(0, "url", "http://example.invalid/c"), "twice"),
        ("another commit of Chains", result(0, "CHAINS-GIT_COMMIT", &other), "contradictory"),
        ("another address of Chains", result(0, "CHAINS-GIT_URL", "http://example.invalid/c"), "two addresses"),
        ("two images", result(1, "IMAGE_DIGEST", &format!("sha256:{}", "0".repeat(64))), "twice"),
        ("another commit of the build", with("COMMIT_SHA", &other), "contradictory"),
        ("another commit among the materials", material, "contradictory"),
        ("two tasks that clone", clones, "contradictory"),
        ("a commit twice as dependency", pushed(slsa(&url, COMMIT), dependencies, json!({"name": "inputs/result", "uri": format!("git+{url}"), "digest": {"sha1": other}})), "contradictory"),
        ("a parameter twice in a task run", pushed(tekton(&url, COMMIT), dependencies, dependency(&twice.to_string())), "twice"),
        ("a member twice in a task run", pushed(tekton(&url, COMMIT), dependencies, dependency(&members)), "twice"),
        ("a task run that is cut", pushed(tekton(&url, COMMIT), dependencies, dependency(&text[..40])), "content"),
        ("a task run that is no base64", pushed(tekton(&url, COMMIT), dependencies, json!({"name": "pipelineTask", "content": "%"})), "base64"),
        ("two sources", pushed(bazel(&url, COMMIT), dependencies, json!({"name": "source", "uri": format!("git+{url}"), "digest": {"gitCommit": other, "gitTree": other}})), "twice"),
        ("an epoch that is none", with("SOURCE_DATE_EPOCH", "$(touch x)"), "SOURCE_DATE_EPOCH"),
    ] {
        trap.refused(name, &statement, &[], said);
    }
}

#[test]
#[rustfmt::skip]
fn another_platform_is_not_built() {
    let trap = Trap::set();
    let url = format!("http://{}/a/b.git", trap.address);
    let mut other = chains(&url, COMMIT);
    other["predicate"]["buildConfig"]["tasks"][1]["invocation"]["parameters"]["PLATFORM"] = json!("linux/s390x");
    let mut named = chains(&url, COMMIT);
    named["predicate"]["buildConfig"]["tasks"][1]["name"] = json!("build-container-s390x");
    for (name, statement) in [("by its parameter", other), ("by the name of its task", named)] {
        let (code, report, words) = trap.rebuild(&statement, &[]);
        assert_eq!((code, &report["verdict"]), (3, &json!("incomplete")), "{name}: {words}");
        assert!(report["reasons"].to_string().contains("s390x"), "{name}: {report}");
        trap.is_untouched(name);
    }
}

/// Sources in a folder, which is no repository: what they hold is seen before a program is started.
fn sources(trap: &Trap, containerfile: &str) -> PathBuf {
    let folder = trap.at("sources");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("sub")).unwrap();
    fs::write(folder.join("Containerfile"), containerfile).unwrap();
    folder
}

#[test]
#[rustfmt::skip]
fn containerfiles_and_contexts_stay_inside() {
    let trap = Trap::set();
    let url = format!("http://{}/a/b.git", trap.address);
    fs::write(trap.at("outside"), "FROM scratch\n").unwrap();
    fs::create_dir(trap.at("elsewhere")).unwrap();
    let with = |name: &str, value: &str| {
        let mut statement = chains(&url, COMMIT);
        statement["predicate"]["buildConfig"]["tasks"][1]["invocation"]["parameters"][name] = json!(value);
        statement
    };
    for (name, value) in [
        ("DOCKERFILE", "../outside"),
        ("DOCKERFILE", "sub/../../outside"),
        ("DOCKERFILE", "/etc/passwd"),
        ("DOCKERFILE", "http://HOST/Containerfile"),
        ("DOCKERFILE", "a\u{0}b"),
        ("CONTEXT", ".."),
        ("CONTEXT", "sub/../.."),
        ("CONTEXT", "/"),
        ("CONTEXT", "https://HOST/context.tar"),
        ("BUILD_ARGS_FILE", "../outside"),
        ("BUILD_ARGS_FILE", "/proc/self/environ"),
    ] {
        sources(&trap, "FROM scratch\n");
        let value = value.replace("HOST", &trap.address.to_string());
        trap.refused(&format!("{name}={value:?}"), &with(name, &value), &["--source=sources"], "is refused");
    }
    // By links, wherever they stand and whatever is asked for.
    for (link, target, asked) in [
        ("Containerfile.link", "../outside", "Containerfile.link"),
        ("sub/link", "../../outside", "sub/link"),
        ("sub/link", "/etc/passwd", "Containerfile"),
        ("sub/link", "../../elsewhere", "sub/link/Containerfile"),
        ("sub/link", "/proc/self/root/etc/passwd", "Containerfile"),
        ("sub/link", "a/../../../outside", "Containerfile"),
    ] {
        let folder = sources(&trap, "FROM scratch\n");
        symlink(target, folder.join(link)).unwrap();
        trap.refused(&format!("{link} → {target}"), &with("DOCKERFILE", asked), &["--source=sources"], "leads out of them");
    }
    // Links that each stay, and together do not: the second leads through the first.
    let folder = sources(&trap, "FROM scratch\n");
    symlink("sub", folder.join("one")).unwrap();
    symlink("one/../../outside", folder.join("two")).unwrap();
    trap.refused("two links", &with("DOCKERFILE", "two"), &["--source=sources"], "leads out of");
    let folder = sources(&trap, "FROM scratch\n");
    symlink("sub/..", folder.join("one")).unwrap();
    fs::write(folder.join("sub/Containerfile"), "FROM scratch\n").unwrap();
    // A pipe would be waited at for ever.
    let made = Command::new("mkfifo").arg(folder.join("sub/pipe")).status().unwrap();
    assert!(made.success());
    trap.refused("a pipe", &with("DOCKERFILE", "sub/pipe"), &["--source=sources"], "pipe");
}

#[test]
#[rustfmt::skip]
fn sources_that_ask_for_all_the_memory_or_all_the_time() {
    let trap = Trap::set();
    let url = format!("http://{}/a/b.git", trap.address);
    let statement = chains(&url, COMMIT);
    let doubling: String = (0..64).map(|n| format!("ARG A{}=$A{n}$A{n}\n", n + 1)).collect();
    let long: String = (0..100_000).map(|n| format!("ARG B{n}=$A\n")).collect();
    let stages = "FROM scratch\n".repeat(300_000);
    let copies: String = (0..20_000).map(|n| format!("COPY --from=example.com/a{n} / /\n")).collect();
    let lines: String = "\n".repeat(4 << 20);
    for (name, text, said) in [
        ("arguments that double", format!("ARG A0=aaaaaaaa\n{doubling}FROM $A64\n"), "put in"),
        ("many long arguments", format!("ARG A={}\n{long}FROM scratch\n", "a".repeat(60_000)), "put in"),
        ("stages", stages, "stages"),
        ("copies", format!("FROM scratch\n{copies}"), "copies of other stages"),
        ("too long", format!("FROM scratch\n#{}", "a".repeat(5 << 20)), "limit"),
        ("nothing but lines", lines, "no stage"),
    ] {
        sources(&trap, &text);
        let began = Instant::now();
        trap.refused(name, &statement, &["--source=sources"], said);
        let took = began.elapsed();
        assert!(took < PATIENCE, "{name}: {took:?}");
    }
    // So many runs have no pipeline, and each of them is held against all others.
    let mut runs = chains(&url, COMMIT);
    let tasks = runs["predicate"]["buildConfig"]["tasks"].as_array_mut().unwrap();
    let build = tasks[1].clone();
    tasks.extend(std::iter::repeat_n(build, 2_000));
    let began = Instant::now();
    trap.refused("task runs", &runs, &[], "task runs");
    assert!(began.elapsed() < PATIENCE);
    let mut materials = chains(&url, "main");
    materials["predicate"]["materials"] = (0..30_000)
        .map(|n| json!({"uri": "a", "digest": {"sha1": format!("{n:040x}")}}))
        .collect();
    let began = Instant::now();
    trap.refused("materials", &materials, &[], "not the whole hash");
    assert!(began.elapsed() < PATIENCE);
}
