//! `verbatim rebuild` of images that the real `buildah` built and pushed, from sources that a web server has.
//!
//! The longer story, with packages that `rpmbuild` and `createrepo_c` made and `dnf5` installs, is left out of CI:
//! `../bazelw --in-root cargo test -p verbatim --test real_rebuild -- --ignored --nocapture`, from `tools/`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde_json::{json, Value};
use verbatim_testbed::{crane, output, run, tool, Kind, Registry};

/// When the commit was made; as the tasks of Konflux print it.
const EPOCH: &str = "1767352500";
const TIME: &str = "2026-01-02T11:15:00Z";

/// A registry, a repository behind a web server, and a `buildah` that stands for the build task's.
struct Workshop {
    folder: tempfile::TempDir,
    registry: Registry,
    url: String,
    commit: String,
    /// A folder that is committed beside the sources, as `repo`.
    folder_of_sources: Option<PathBuf>,
}

impl Workshop {
    /// Serve these sources; `images` are base images: a name, and a folder with a Containerfile.
    fn open(sources: &[(&str, &str)], images: &[(&str, &Path)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::start(Kind::Plain);
        fs::write(
            folder.path().join("policy.json"),
            r#"{"default":[{"type":"insecureAcceptAnything"}]}"#,
        )
        .unwrap();
        let mut workshop = Self {
            url: serve(folder.path().to_owned()) + "/app.git",
            commit: String::new(),
            folder_of_sources: None,
            registry,
            folder,
        };
        for (name, context) in images {
            workshop.build(name, context, &[]);
        }
        workshop.commit(sources);
        workshop
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Commit these files, and no others, to what the web server has.
    fn commit(&mut self, sources: &[(&str, &str)]) {
        let (work, served) = (self.at("work"), self.at("app.git"));
        let _ = fs::remove_dir_all(&work);
        let _ = fs::remove_dir_all(&served);
        for (name, content) in sources {
            let path = work.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content.replace("REGISTRY", &self.registry.host())).unwrap();
        }
        if let Some(folder) = &self.folder_of_sources {
            run(Command::new("cp")
                .arg("-a")
                .arg(folder)
                .arg(work.join("repo")));
        }
        let git = |folder: &Path, arguments: &[&str]| {
            let mut git = Command::new(tool("git"));
            git.current_dir(folder)
                .args(["-c", "user.name=a", "-c", "user.email=a@example.com"]);
            let date = format!("{EPOCH} +0000");
            git.env("GIT_AUTHOR_DATE", &date)
                .env("GIT_COMMITTER_DATE", &date);
            run(git.args(arguments))
        };
        git(&work, &["init", "--quiet", "--initial-branch=main", "."]);
        git(&work, &["add", "."]);
        if sources.iter().any(|(name, _)| *name == ".gitmodules") {
            let link = format!("160000,{},sub", "1".repeat(40));
            git(&work, &["update-index", "--add", "--cacheinfo", &link]);
        }
        git(&work, &["commit", "--quiet", "--message=one"]);
        git(
            self.folder.path(),
            &["clone", "--quiet", "--bare", "work", "app.git"],
        );
        git(&served, &["update-server-info"]);
        self.commit = git(&work, &["rev-parse", "HEAD"]).trim().to_owned();
    }

    fn buildah(&self) -> Command {
        let mut buildah = Command::new(tool("buildah"));
        buildah
            .arg("--root")
            .arg(self.at("storage"))
            .arg("--runroot")
            .arg(self.at("run"));
        buildah.args(["--storage-driver", "vfs"]);
        buildah
    }

    fn reference(&self, name: &str) -> String {
        self.registry.reference(name)
    }

    /// Build and push an image; its digest.
    fn build(&self, name: &str, context: &Path, options: &[String]) -> String {
        let (reference, policy, digest) = (
            self.reference(name),
            self.at("policy.json"),
            self.at("digest"),
        );
        let mut build = self.buildah();
        build.args([
            "build",
            "--isolation=chroot",
            "--no-cache",
            "--ulimit=nofile=20000:20000",
        ]);
        build
            .args([
                "--ulimit=nproc=90000:90000",
                "--tls-verify=false",
                "--signature-policy",
            ])
            .arg(&policy);
        run(build
            .args(options)
            .arg("--tag")
            .arg(&reference)
            .arg(context));
        let mut push = self.buildah();
        push.args(["push", "--quiet", "--tls-verify=false", "--digestfile"])
            .arg(&digest);
        run(push.arg("--signature-policy").arg(&policy).arg(&reference));
        // Base images come from the registry, as they do for the task: one that was built here has another digest.
        run(self.buildah().args(["rmi", "--all", "--force"]));
        fs::read_to_string(digest).unwrap().trim().to_owned()
    }

    /// What version 0.9 of the task does with these parameters.
    fn run_task(&self, name: &str, parameters: &Parameters) -> String {
        let clone = self.at("clone");
        let _ = fs::remove_dir_all(&clone);
        run(Command::new(tool("git"))
            .args(["clone", "--quiet"])
            .arg(self.at("app.git"))
            .arg(&clone));
        let oci = "org.opencontainers.image";
        let mut options = Vec::new();
        if parameters.0.contains_key("SOURCE_DATE_EPOCH") {
            options.push(format!("--source-date-epoch={EPOCH}"));
            options.push("--rewrite-timestamp".to_owned());
        }
        for label in [
            format!(
                "architecture={}",
                run(Command::new("uname").arg("-m")).trim()
            ),
            "vcs-type=git".into(),
            format!("vcs-ref={}", self.commit),
            format!("{oci}.revision={}", self.commit),
            format!("{oci}.source={}", self.url),
            format!("build-date={TIME}"),
            format!("{oci}.created={TIME}"),
        ] {
            options.push(format!("--label={label}"));
        }
        options.extend(
            parameters
                .list("LABELS")
                .map(|label| format!("--label={label}")),
        );
        options.extend(
            parameters
                .list("ANNOTATIONS")
                .map(|a| format!("--annotation={a}")),
        );
        options.push(format!("--annotation={oci}.revision={}", self.commit));
        options.push(format!("--annotation={oci}.source={}", self.url));
        options.push(format!("--annotation={oci}.created={TIME}"));
        self.build(name, &clone, &options)
    }

    /// What version 0.10 of the task does, whose program puts the labels of the image into it. `labels` is what it
    /// writes of them.
    fn run_program(&self, name: &str, containerfile: &str, labels: &str) -> String {
        let (clone, files) = (self.at("clone"), self.at("buildinfo"));
        for folder in [&clone, &files] {
            let _ = fs::remove_dir_all(folder);
        }
        run(Command::new(tool("git"))
            .args(["clone", "--quiet"])
            .arg(self.at("app.git"))
            .arg(&clone));
        fs::create_dir(&files).unwrap();
        fs::write(files.join("labels.json"), labels).unwrap();
        let text = fs::read_to_string(clone.join(containerfile)).unwrap();
        let text = format!("{text}\nCOPY --from=.konflux-buildinfo . /usr/share/buildinfo/\nCOPY --from=.konflux-buildinfo . /root/buildinfo/\n");
        let copy = self.at("copy-of-containerfile");
        fs::write(&copy, text).unwrap();
        let (oci, commit) = ("org.opencontainers.image", &self.commit);
        let machine = run(Command::new("uname").arg("-m"));
        let mut options = vec![
            format!("--file={}", copy.display()),
            format!("--build-context=.konflux-buildinfo={}", files.display()),
            format!("--source-date-epoch={EPOCH}"),
            "--rewrite-timestamp".to_owned(),
        ];
        for label in [
            format!("{oci}.created={TIME}"),
            format!("{oci}.source={}", self.url),
            format!("{oci}.revision={commit}"),
            format!("build-date={TIME}"),
            format!("architecture={}", machine.trim()),
            format!("vcs-url={}", self.url),
            format!("vcs-ref={commit}"),
            "vcs-type=git".to_owned(),
            "release=7".to_owned(),
        ] {
            options.push(format!("--label={label}"));
        }
        for annotation in [
            format!("{oci}.created={TIME}"),
            format!("{oci}.source={}", self.url),
            format!("{oci}.revision={commit}"),
            "a=1".to_owned(),
            "b=2".to_owned(),
        ] {
            options.push(format!("--annotation={annotation}"));
        }
        self.build(name, &clone, &options)
    }

    /// The task's program put files into the image: they are made again, or it is said why not.
    fn files_of_the_task_are_made_again(&self, pins: &[(&str, &str)]) {
        let (url, commit) = (&self.url, &self.commit);
        let machine = run(Command::new("uname").arg("-m"));
        // The base has it, which was built at no time in particular.
        let version = run(self.buildah().arg("--version"));
        let version = version.split_whitespace().nth(2).unwrap();
        let labels = format!(
            r#"{{
  "architecture": "{}",
  "base": "yes",
  "build-date": "{TIME}",
  "io.buildah.version": "{version}",
  "org.opencontainers.image.created": "{TIME}",
  "org.opencontainers.image.revision": "{commit}",
  "org.opencontainers.image.source": "{url}",
  "own": "1 \u0026 more",
  "release": "7",
  "vcs-ref": "{commit}",
  "vcs-type": "git",
  "vcs-url": "{url}"
}}
"#,
            machine.trim()
        );
        let digest = self.run_program("app:2", "Containerfile.labels", &labels);
        let parameters = self
            .parameters()
            .with("SKIP_INJECTIONS", json!("false"))
            .with("DOCKERFILE", json!("Containerfile.labels"));
        let statement = |version: &str| {
            let statement = self.v0_2(&digest, &parameters, pins).to_string();
            let changed = statement.replace("buildah:0.9", &format!("buildah:{version}"));
            assert!(version == "0.9" || changed != statement);
            serde_json::from_str::<Value>(&changed).unwrap()
        };
        let (code, report) = self.report(&statement("0.10"), "app:2", &[]);
        assert_eq!(
            (code, &report["verdict"], &report["missing"]),
            (0, &json!("identical"), &json!([])),
            "{report:#}"
        );
        assert_eq!(report["levels"].to_string(), EQUAL);
        // The scripts before it wrote what nobody tells.
        let (code, report) = self.report(&statement("0.9"), "app:2", &[]);
        assert_eq!((code, &report["verdict"]), (3, &json!("incomplete")));
        assert_eq!(report["missing"], json!(["labels.json"]), "{report:#}");
        let reasons = report["reasons"].to_string();
        assert!(reasons.contains("which nobody tells"), "{report:#}");
    }

    fn digest_of(&self, name: &str) -> String {
        crane(["digest", "--insecure", &self.reference(name)])
            .trim()
            .to_owned()
    }

    /// The image ID, as an engine calls it.
    fn image_id(&self, name: &str) -> String {
        let config = crane(["manifest", "--insecure", &self.reference(name)]);
        let manifest: Value = serde_json::from_str(&config).unwrap();
        manifest["config"]["digest"].as_str().unwrap().to_owned()
    }

    /// The same, as `podman pull` reports it.
    fn pulled_id(&self, name: &str) -> String {
        let mut podman = Command::new(tool("podman"));
        podman.arg("--root").arg(self.at("podman"));
        podman.arg("--runroot").arg(self.at("podman-run"));
        podman.args([
            "--storage-driver=vfs",
            "pull",
            "--quiet",
            "--tls-verify=false",
        ]);
        podman.arg("--signature-policy").arg(self.at("policy.json"));
        let id = run(podman.arg(self.reference(name)));
        format!("sha256:{}", id.trim())
    }

    fn parameters(&self) -> Parameters {
        let mut parameters = Parameters::default();
        for (name, value) in [
            ("DOCKERFILE", json!("Containerfile")),
            ("CONTEXT", json!(".")),
            ("COMMIT_SHA", json!(self.commit)),
            ("SOURCE_URL", json!(self.url)),
            ("SOURCE_DATE_EPOCH", json!(EPOCH)),
            ("REWRITE_TIMESTAMP", json!("true")),
            ("SKIP_INJECTIONS", json!("true")),
            ("HERMETIC", json!("true")),
            ("LABELS", json!(["release=7"])),
            ("ANNOTATIONS", json!(["a=1", "b=2"])),
        ] {
            parameters.0.insert(name.into(), value);
        }
        parameters
    }

    fn results(&self, digest: &str, bases: &[(&str, &str)]) -> Value {
        let lines: String = bases
            .iter()
            .map(|(name, digest)| format!("{}@{digest}\n", self.reference(name)))
            .collect();
        json!([
            {"name": "IMAGE_DIGEST", "type": "string", "value": digest},
            {"name": "IMAGE_URL", "type": "string", "value": self.reference("app:1")},
            {"name": "BASE_IMAGES_DIGESTS", "type": "string", "value": lines},
        ])
    }

    fn clone_results(&self) -> Value {
        json!([
            {"name": "url", "type": "string", "value": self.url},
            {"name": "commit", "type": "string", "value": self.commit},
            {"name": "commit-timestamp", "type": "string", "value": EPOCH},
        ])
    }

    fn statement(&self, kind: &str, digest: &str, predicate: Value) -> Value {
        json!({
            "_type": "https://in-toto.io/Statement/v0.1",
            "predicateType": kind,
            "subject": [{"name": self.reference("app"), "digest": {"sha256": &digest[7..]}}],
            "predicate": predicate,
        })
    }

    /// Provenance as Chains writes it, in version 0.2.
    fn v0_2(&self, digest: &str, parameters: &Parameters, bases: &[(&str, &str)]) -> Value {
        let task = |name: &str, definition: &str, parameters: Value, results: Value| {
            json!({"name": name, "ref": reference(definition), "steps": [], "results": results,
                "invocation": {"configSource": {}, "parameters": parameters}})
        };
        self.statement(
            "https://slsa.dev/provenance/v0.2",
            digest,
            json!({
                "builder": {"id": "https://tekton.dev/chains/v2"},
                "buildType": "tekton.dev/v1beta1/PipelineRun",
                "invocation": {"configSource": {}, "parameters": {}},
                "buildConfig": {"tasks": [
                    task("clone-repository", "git-clone:0.1", json!({"url": self.url, "submodules": "true"}), self.clone_results()),
                    task("build-container", "buildah:0.9", json!(parameters.0), self.results(digest, bases)),
                ]},
                "materials": [
                    {"uri": "git+https://example.com/pipelines.git", "digest": {"sha1": "0".repeat(40)}},
                    {"uri": format!("git+{}", self.url), "digest": {"sha1": self.commit}},
                ],
            }),
        )
    }

    /// The same of build type `slsa-tekton`: whole TaskRuns.
    fn v1(&self, digest: &str, parameters: &Parameters, bases: &[(&str, &str)]) -> Value {
        let run = |name: &str, definition: &str, parameters: Value, results: Value| {
            let given: Vec<Value> = parameters
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, value)| json!({"name": name, "value": value}))
                .collect();
            let run = json!({
                "metadata": {"name": "run", "labels": {"tekton.dev/pipelineTask": name}},
                "spec": {"params": given, "taskRef": reference(definition)},
                "status": {"results": results, "steps": []},
            });
            json!({"name": "pipelineTask", "content": STANDARD.encode(run.to_string())})
        };
        self.statement(
            "https://slsa.dev/provenance/v1",
            digest,
            json!({
                "buildDefinition": {
                    "buildType": "https://tekton.dev/chains/v2/slsa-tekton",
                    "externalParameters": {"runSpec": {"params": []}},
                    "resolvedDependencies": [
                        run("clone-repository", "git-clone:0.1", json!({"url": self.url}), self.clone_results()),
                        run("build-container", "buildah:0.9", json!(parameters.0), self.results(digest, bases)),
                        {"uri": format!("git+{}", self.url), "digest": {"sha1": self.commit}, "name": "inputs/result"},
                    ],
                },
                "runDetails": {"builder": {"id": "https://tekton.dev/chains/v2"}},
            }),
        )
    }

    /// A pair of keys of cosign's; the public one.
    fn key_pair(&self, name: &str) -> PathBuf {
        let mut cosign = self.cosign();
        run(cosign.args(["generate-key-pair", "--output-key-prefix", name]));
        self.at(&format!("{name}.pub"))
    }

    fn cosign(&self) -> Command {
        let mut cosign = Command::new(tool("cosign"));
        cosign.current_dir(self.folder.path());
        cosign
            .env("COSIGN_PASSWORD", "a")
            .env("HOME", self.folder.path());
        cosign
    }

    /// Attest the predicate of a statement with cosign, and give what it gives back: lines of envelopes.
    fn attested(&self, name: &str, digest: &str, statement: &Value, key: &str) -> String {
        let image = format!("{}@{digest}", self.reference(name));
        fs::write(self.at("predicate"), statement["predicate"].to_string()).unwrap();
        let common = [
            "--new-bundle-format=false",
            "--allow-insecure-registry",
            "--type=slsaprovenance",
        ];
        let private = format!("{key}.key");
        let mut attest = self.cosign();
        attest.args([
            "attest",
            "--yes",
            "--predicate=predicate",
            "--tlog-upload=false",
        ]);
        run(attest
            .args(["--use-signing-config=false", "--key", &private])
            .args(common)
            .arg(&image));
        let public = format!("{key}.pub");
        let mut verify = self.cosign();
        verify.args([
            "verify-attestation",
            "--insecure-ignore-tlog",
            "--key",
            &public,
        ]);
        run(verify.args(common).arg(&image))
    }

    /// Run `verbatim rebuild` with an attestation on standard input.
    fn rebuild(&self, attestation: &str, arguments: &[&str]) -> Output {
        once_containers_start(|| {
            let mut child = Command::new(env!("CARGO_BIN_EXE_verbatim"))
                .arg("rebuild")
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            child
                .stdin
                .take()
                .unwrap()
                .write_all(attestation.as_bytes())
                .unwrap();
            child.wait_with_output().unwrap()
        })
    }

    /// Run another command of the program in the folder.
    fn verbatim(&self, arguments: &[&str]) -> Output {
        once_containers_start(|| {
            output(
                Command::new(env!("CARGO_BIN_EXE_verbatim"))
                    .current_dir(self.folder.path())
                    .env("COSIGN_PASSWORD", "a")
                    .args(arguments),
            )
        })
    }

    /// A policy asks for a rebuilder who came to the same bytes: one who rebuilds says so, and is counted then.
    fn a_rebuilder_is_counted(&self, image: &str, key: &Path) {
        let policy = "schema = \"verbatim.policy/1\"\n[[allow]]\nbuilder = \"https://tekton.dev/chains/v2\"\n\
            keys = [\"release.pub\"]\nrebuilders = [\"alice.pub\"]\nthreshold = 1\n";
        fs::write(self.at("policy.toml"), policy).unwrap();
        self.key_pair("alice");
        let verify = || self.verbatim(&["attest", "verify", image, "--policy=policy.toml"]);
        let words = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
        let nobody = verify();
        assert_eq!(nobody.status.code(), Some(1), "{}", words(&nobody));
        assert!(
            words(&nobody).contains("0 of its 1 `rebuilders`"),
            "{}",
            words(&nobody)
        );
        let rebuilt = self.verbatim(&[
            "rebuild",
            "--image",
            image,
            "--key",
            key.to_str().unwrap(),
            "--against",
            image,
            "--rebuilder=https://example.com/alice",
            "--result=result.json",
            "--summary=summary.json",
        ]);
        assert_eq!(rebuilt.status.code(), Some(0), "{}", words(&rebuilt));
        for name in ["result.json", "summary.json"] {
            let signed = format!("{name}l");
            for arguments in [
                &["attest", "sign", name, "--key=alice.key", "-o", &signed][..],
                &["attest", "attach", image, &signed],
            ] {
                let done = self.verbatim(arguments);
                assert_eq!(done.status.code(), Some(0), "{}", words(&done));
            }
        }
        let counted = verify();
        assert_eq!(counted.status.code(), Some(0), "{}", words(&counted));
        let resource = format!("oci://{}", self.reference("app"));
        for (kind, pointer, value) in [
            ("vsa", "/predicate/resourceUri", json!(resource)),
            (
                "vsa",
                "/predicate/verifier/id",
                json!("https://example.com/alice"),
            ),
            (
                "https://example.com/rules_verbatim/docs/rebuild-result@v1",
                "/predicate/verdict",
                json!("identical"),
            ),
            (
                "https://example.com/rules_verbatim/docs/rebuild-result@v1",
                "/predicate/attestation/verified",
                json!(true),
            ),
        ] {
            let kind = format!("--type={kind}");
            let told = self.verbatim(&["attest", "verify", image, "--key=alice.pub", &kind]);
            assert_eq!(told.status.code(), Some(0), "{}", words(&told));
            let statement: Value = serde_json::from_slice(&told.stdout).unwrap();
            assert_eq!(statement.pointer(pointer), Some(&value), "{statement:#}");
        }
    }

    /// An image was built without an epoch, and its provenance tells none.
    fn an_epoch_is_missed(&self, parameters: &Parameters, pins: &[(&str, &str)]) {
        let timeless = parameters.without_epoch();
        let digest = self.run_task("timeless:1", &timeless);
        let statement = self.v0_2(&digest, &timeless, pins);
        let (code, report) = self.report(&statement, "timeless:1", &[]);
        assert_eq!((code, &report["verdict"]), (3, &json!("incomplete")));
        assert_eq!(report["missing"], json!(["epoch"]), "{report:#}");
        let said = evidence(&report, "timestamp");
        assert!(said.contains("created"), "{said}");
    }

    /// The exit code and the report of a rebuild that is held against an image.
    fn report(&self, statement: &Value, against: &str, more: &[&str]) -> (i32, Value) {
        let against = self.reference(against);
        let arguments = [&["--format=json", "--against", &against], more].concat();
        let output = self.rebuild(&statement.to_string(), &arguments);
        let words = String::from_utf8_lossy(&output.stderr);
        let report =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {words}"));
        (output.status.code().unwrap(), report)
    }
}

#[derive(Clone, Default)]
struct Parameters(BTreeMap<String, Value>);

impl Parameters {
    fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        let items = self.0.get(name).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(Value::as_str)
    }

    fn with(&self, name: &str, value: Value) -> Self {
        let mut changed = self.clone();
        changed.0.insert(name.into(), value);
        changed
    }

    /// What a task is given where nobody thought of an epoch.
    fn without_epoch(&self) -> Self {
        let mut changed = self.clone();
        changed.0.remove("SOURCE_DATE_EPOCH");
        changed.0.remove("REWRITE_TIMESTAMP");
        changed
    }
}

fn reference(definition: &str) -> Value {
    let bundle = format!(
        "quay.io/konflux-ci/tekton-catalog/task-{definition}@sha256:{}",
        "1".repeat(64)
    );
    json!({"resolver": "bundles", "params": [
        {"name": "name", "value": definition.split(':').next()}, {"name": "bundle", "value": bundle}]})
}

/// Serve the files of a folder, one request after another; gone with the test.
fn serve(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = answer(stream.unwrap(), &folder);
        }
    });
    format!("http://{address}")
}

fn answer(mut stream: TcpStream, folder: &Path) -> std::io::Result<()> {
    let mut request = String::new();
    let mut reader = BufReader::new(stream.try_clone()?);
    reader.read_line(&mut request)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let path = request
        .split(' ')
        .nth(1)
        .unwrap_or("/")
        .split('?')
        .next()
        .unwrap_or("/");
    let (status, data) = match fs::read(folder.join(path.trim_start_matches('/'))) {
        Ok(data) => ("200 OK", data),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        data.len()
    )?;
    stream.write_all(&data)
}

/// A base image with a shell, in a folder with its Containerfile.
fn small_base(folder: &Path, mark: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::copy(tool("busybox"), folder.join("busybox")).unwrap();
    fs::write(folder.join("mark"), mark).unwrap();
    fs::write(
        folder.join("Containerfile"),
        "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\nCOPY mark /mark\nLABEL base=yes\n",
    )
    .unwrap();
}

fn evidence(report: &Value, id: &str) -> String {
    let causes = report["causes"].as_array().unwrap();
    let cause = causes.iter().find(|cause| cause["id"] == id);
    cause.unwrap_or_else(|| panic!("no {id} in {report:#}"))["evidence"].to_string()
}

const EQUAL: &str = r#"{"blobs":"equal","config":"equal","diff_ids":"equal","manifest":"equal"}"#;

#[test]
fn an_image_comes_out_again_or_it_is_said_why_not() {
    let bases = tempfile::tempdir().unwrap();
    let (one, two) = (bases.path().join("one"), bases.path().join("two"));
    small_base(&one, "one");
    small_base(&two, "two");
    let containerfile = "ARG BASE=REGISTRY/builder:1\nFROM $BASE AS build\nRUN cat /mark > /made\n\
         FROM scratch\nCOPY --from=build /made /made\nCOPY app /app\nLABEL own=1\nENTRYPOINT [\"/app\"]\n";
    let workshop = Workshop::open(
        &[
            ("Containerfile", containerfile),
            (
                "Containerfile.labels",
                "FROM REGISTRY/builder:1\nLABEL own=\"1 & more\"\nCOPY app /app",
            ),
            ("app", "echo app\n"),
        ],
        &[("builder:1", &one), ("other:1", &two)],
    );
    let parameters = workshop.parameters();
    let digest = workshop.run_task("app:1", &parameters);
    let builder = workshop.digest_of("builder:1");
    let pins = [("builder:1", builder.as_str())];

    // Hummingbird's flow: what cosign verified in, the image ID out.
    let statement = workshop.v0_2(&digest, &parameters, &pins);
    let (key, other) = (workshop.key_pair("release"), workshop.key_pair("other"));
    let lines = workshop.attested("app", &digest, &statement, "release");
    let output = workshop.rebuild(&lines, &["--key", key.to_str().unwrap()]);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{words}");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        printed,
        format!("{}\n", workshop.image_id("app:1")),
        "{words}"
    );
    assert_eq!(printed.trim_end(), workshop.pulled_id("app:1"));
    // The same from the image alone, whatever else is attached to it.
    let image = format!("{}@{digest}", workshop.reference("app"));
    let own = [
        "--image",
        &image,
        "--key",
        key.to_str().unwrap(),
        "--against",
        &image,
    ];
    let output = workshop.rebuild("", &[&own[..], &["--format=json"]].concat());
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{words}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["levels"].to_string(), EQUAL, "{report:#}");
    let builder_image = workshop.reference("builder:1");
    for (image, key, word) in [
        (&image, &other, "none of 1 signature"),
        (&builder_image, &key, "no provenance that holds"),
    ] {
        let output = workshop.rebuild("", &["--image", image, "--key", key.to_str().unwrap()]);
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(1), 0),
            "{words}"
        );
        assert!(words.contains(word), "{words}");
    }
    workshop.a_rebuilder_is_counted(&image, &key);
    // Of another author nothing is rebuilt.
    let output = workshop.rebuild(&lines, &["--key", other.to_str().unwrap()]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));

    // Everything is collected, and is enough without the web server's repository and without the registry's base.
    let materials = workshop.at("materials");
    let folder = materials.to_str().unwrap();
    let output = workshop.rebuild(&statement.to_string(), &["--fetch-only", folder]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    fs::rename(workshop.at("app.git"), workshop.at("gone.git")).unwrap();
    let v1 = workshop.v1(&digest, &parameters, &pins);
    let (code, report) = workshop.report(&v1, "app:1", &["--materials", folder]);
    assert_eq!(
        (code, &report["verdict"]),
        (0, &json!("identical")),
        "{report:#}"
    );
    assert_eq!(report["levels"].to_string(), EQUAL);
    for uri in [
        format!("git+{}", workshop.url),
        // Its digest says which; a tag is no part of a material's name.
        workshop.reference("builder"),
    ] {
        let materials = report["materials"].as_array().unwrap();
        let material = materials
            .iter()
            .find(|material| material["uri"] == json!(uri))
            .unwrap_or_else(|| panic!("{uri}: {report:#}"));
        assert_eq!(material["checked"], true, "{report:#}");
    }
    // The sources out of reach: nothing is proven, and the materials are told all the same.
    let (code, report) = workshop.report(&statement, "app:1", &[]);
    assert_eq!((code, &report["verdict"]), (3, &json!("incomplete")));
    assert!(report["materials"].to_string().contains(&workshop.commit));
    fs::rename(workshop.at("gone.git"), workshop.at("app.git")).unwrap();

    // Annotations in another order are another image ID, and nothing else.
    let moved = parameters.with("ANNOTATIONS", json!(["b=2", "a=1"]));
    let result = workshop.at("moved.json");
    let (code, report) = workshop.report(
        &workshop.v0_2(&digest, &moved, &pins),
        "app:1",
        &[
            "--rebuilder=https://example.com/alice",
            "--result",
            result.to_str().unwrap(),
        ],
    );
    assert_eq!((code, &report["verdict"]), (1, &json!("same-content")));
    let result: Value = serde_json::from_slice(&fs::read(result).unwrap()).unwrap();
    assert_eq!(result["subject"][0]["digest"]["sha256"], digest[7..]);
    assert_eq!(result["predicate"]["verdict"], "same-content");
    assert_eq!(result["predicate"]["attestation"]["verified"], false);
    assert_eq!(result["predicate"]["causes"], json!(["history"]));
    assert_eq!(report["levels"]["diff_ids"], "equal");
    let said = evidence(&report, "history");
    assert!(
        said.contains("each annotation is the same, in another order: a, b"),
        "{said}"
    );

    workshop.files_of_the_task_are_made_again(&pins);

    // Built when nobody said when: that is what is missing, whatever else there is to see.
    workshop.an_epoch_is_missed(&parameters, &pins);

    // Another builder: which it was is said by name.
    let other = workshop.digest_of("other:1");
    let copied = format!("docker://{}", workshop.reference("other:1"));
    let target = format!("docker://{}", workshop.reference("builder:2"));
    verbatim_testbed::skopeo([
        "--insecure-policy",
        "copy",
        "-q",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        &copied,
        &target,
    ]);
    let swapped = workshop.v0_2(&digest, &parameters, &[("builder:1", &other)]);
    let (code, report) = workshop.report(&swapped, "app:1", &[]);
    assert_eq!((code, &report["verdict"]), (1, &json!("different")));
    let said = report["causes"].to_string();
    let builder = format!(
        "layer 1!made: copied from the stage build, which is made from {}",
        workshop.reference("builder:1")
    );
    assert!(said.contains(&builder), "{report:#}");
}

/// What a commit says of its submodules and of its build is a stranger's word, as the attestation is: nothing is run and
/// nothing fetched but over http, https and ssh, and of a build that is cut off nothing at all.
#[test]
fn sources_of_strangers_start_and_fetch_nothing() {
    let mut workshop = Workshop::open(&[("Containerfile", "FROM scratch\n")], &[]);
    let canary = workshop.at("canary");
    let (touch, repository) = (canary.display().to_string(), workshop.at("app.git"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let host = listener.local_addr().unwrap();
    let module = |lines: &str| format!("[submodule \"sub\"]\n\tpath = sub\n\t{lines}\n");
    let containerfile = "FROM scratch\nCOPY . /\n".to_owned();
    for (name, modules, containerfile) in [
        (
            "ext",
            module(&format!("url = ext::sh -c touch% {touch}")),
            containerfile.clone(),
        ),
        (
            "file",
            module(&format!("url = {}", repository.display())),
            containerfile.clone(),
        ),
        (
            "file://",
            module(&format!("url = file://{}", repository.display())),
            containerfile.clone(),
        ),
        (
            "option",
            module(&format!("url = --upload-pack=touch {touch}")),
            containerfile.clone(),
        ),
        (
            "command",
            module(&format!(
                "url = {}\n\tupdate = !touch {touch}",
                workshop.url
            )),
            containerfile.clone(),
        ),
        (
            "no such commit",
            module(&format!("url = {}", workshop.url)),
            containerfile,
        ),
        (
            "add",
            String::new(),
            format!("FROM scratch\nADD http://{host}/x /x\n"),
        ),
        (
            "up",
            String::new(),
            format!("FROM scratch\nCOPY ../../../../../../..{touch}.secret /x\n"),
        ),
        (
            "archive",
            String::new(),
            format!("FROM oci-archive:{touch}\n"),
        ),
    ] {
        fs::write(workshop.at("canary.secret"), "secret").unwrap();
        let mut sources = vec![("Containerfile", containerfile.as_str())];
        if !modules.is_empty() {
            sources.push((".gitmodules", &modules));
        }
        workshop.commit(&sources);
        let parameters = workshop.parameters();
        let digest = format!("sha256:{}", "1".repeat(64));
        let statement = workshop.v0_2(&digest, &parameters, &[]);
        let output = workshop.rebuild(&statement.to_string(), &[]);
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(3), 0),
            "{name}: {words}"
        );
        assert!(!canary.exists(), "{name}: {words}");
        assert!(listener.accept().is_err(), "{name}: {words}");
    }
}

/// A builder image with the root's own dnf5, rpm and sqlite3, and what these load.
fn rpm_builder(folder: &Path, version: u32) {
    let root = folder.join("root");
    let copy = |from: &Path| {
        let to = root.join(from.strip_prefix("/").unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, &to).unwrap();
    };
    for program in ["dnf5", "rpm", "sqlite3", "busybox"] {
        let program = tool(program);
        for word in output(Command::new("ldd").arg(&program))
            .stdout
            .split(|b| b.is_ascii_whitespace())
        {
            if word.starts_with(b"/") {
                copy(Path::new(std::str::from_utf8(word).unwrap()));
            }
        }
        copy(&program);
    }
    run(Command::new("cp")
        .args(["-a", "/usr/lib/rpm"])
        .arg(root.join("usr/lib/rpm")));
    for (file, content) in [
        ("etc/os-release", &format!("VERSION_ID={version}\n")[..]),
        ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
        ("etc/group", "root:x:0:\n"),
    ] {
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::write(root.join(file), content).unwrap();
    }
    fs::create_dir_all(root.join("bin")).unwrap();
    fs::create_dir_all(root.join("tmp")).unwrap();
    for name in ["sh", "cp", "mkdir", "rm"] {
        std::os::unix::fs::symlink(tool("busybox"), root.join("bin").join(name)).unwrap();
    }
    fs::write(folder.join("Containerfile"), "FROM scratch\nCOPY root /\n").unwrap();
}

/// A repository with one package.
fn rpm_repository(folder: &Path) {
    let spec = "Name: hello\nVersion: 1.0\nRelease: 1\nSummary: says hello\nLicense: MIT\nBuildArch: noarch\n%description\nhello\n\
         %install\nmkdir -p %{buildroot}/usr/share/hello\necho hello > %{buildroot}/usr/share/hello/text\n%files\n/usr/share/hello\n";
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("hello.spec"), spec).unwrap();
    let top = format!("_topdir {}", folder.display());
    run(Command::new(tool("rpmbuild"))
        .args(["--quiet", "-bb", "--define", &top])
        .arg(folder.join("hello.spec")));
    run(Command::new(tool("createrepo_c"))
        .arg("--quiet")
        .arg(folder.join("RPMS")));
}

/// A first stage installs packages into a folder, a second one is that folder: five runs of five give the image ID that
/// `podman pull` reports. With annotations in another order, no epoch, another builder image or a package database that
/// nobody parked it is said which of these it was.
#[test]
#[ignore = "takes a few minutes: cargo test -p verbatim --test real_rebuild -- --ignored, in the root"]
fn packages_installed_by_dnf() {
    let bases = tempfile::tempdir().unwrap();
    let (builder, packages) = (bases.path().join("builder"), bases.path().join("packages"));
    let newer = bases.path().join("newer");
    rpm_builder(&builder, 1);
    rpm_builder(&newer, 2);
    rpm_repository(&packages);
    let install = "RUN mkdir -p /out && dnf5 -y --installroot=/out --use-host-config --setopt=reposdir=/none \
         --setopt=cachedir=/tmp/c --setopt=logdir=/tmp/l --repofrompath=local,file:///repo --no-gpgchecks install hello \
         && mkdir -p /out/etc && cp /etc/os-release /out/etc/ && rm -rf /out/var/log /out/var/cache /out/var/lib/dnf /out/usr/lib/sysimage/libdnf5";
    let parked = " && sqlite3 /out/var/lib/rpm/rpmdb.sqlite 'PRAGMA journal_mode=DELETE' && rm -f /out/var/lib/rpm/.*.lock";
    let containerfile = |parked: &str| {
        format!(
            "FROM REGISTRY/builder:1 AS builder\nCOPY repo /repo\nARG SOURCE_DATE_EPOCH\nENV SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH\n\
             {install}{parked}\nFROM scratch\nCOPY --from=builder /out /\n"
        )
    };
    let good = containerfile(parked);
    let mut workshop = Workshop::open(
        &[("Containerfile", &good)],
        &[("builder:1", &builder), ("builder:2", &newer)],
    );
    workshop.folder_of_sources = Some(packages.join("RPMS"));
    workshop.commit(&[("Containerfile", &good)]);
    let (builder, newer) = (
        workshop.digest_of("builder:1"),
        workshop.digest_of("builder:2"),
    );
    let pins = [("builder:1", builder.as_str())];
    let parameters = workshop.parameters();
    let digest = workshop.run_task("app:1", &parameters);
    let statement = workshop.v0_2(&digest, &parameters, &pins).to_string();
    let pulled = workshop.pulled_id("app:1");
    eprintln!("podman pull: {pulled}");
    for number in 1..=5 {
        let output = workshop.rebuild(&statement, &[]);
        let words = String::from_utf8_lossy(&output.stderr);
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed, format!("{pulled}\n"), "{words}");
        eprintln!("rebuild {number} of 5: {}", printed.trim_end());
    }

    let moved = parameters.with("ANNOTATIONS", json!(["b=2", "a=1"]));
    let (code, report) = workshop.report(&workshop.v0_2(&digest, &moved, &pins), "app:1", &[]);
    assert_eq!((code, &report["verdict"]), (1, &json!("same-content")));
    let said = evidence(&report, "history");
    assert!(said.contains("in another order: a, b"), "{said}");
    eprintln!("annotations moved: history, {said}");

    workshop.an_epoch_is_missed(&parameters, &pins);
    eprintln!("no epoch: missing epoch, timestamp");

    let swapped = workshop.v0_2(&digest, &parameters, &[("builder:1", &newer)]);
    let (code, report) = workshop.report(&swapped, "app:1", &[]);
    assert_eq!((code, &report["verdict"]), (1, &json!("different")));
    let causes = report["causes"].to_string();
    let whence = format!(
        "etc/os-release: copied from the stage builder, which is made from {}, here {newer}",
        workshop.reference("builder:1")
    );
    assert!(causes.contains(&whence), "{report:#}");
    eprintln!("another builder: {whence}");

    workshop.commit(&[("Containerfile", &containerfile(""))]);
    let parameters = workshop.parameters();
    let digest = workshop.run_task("app:2", &parameters);
    let (code, report) = workshop.report(&workshop.v0_2(&digest, &parameters, &pins), "app:2", &[]);
    assert_eq!((code, &report["verdict"]), (1, &json!("different")));
    let said = evidence(&report, "package-database");
    assert!(said.contains("rpmdb.sqlite"), "{report:#}");
    eprintln!("a database that is not parked: package-database, {said}");
}

/// On a busy machine crun sometimes cannot seal the copy of itself that it starts, and then no container
/// begins at all: that is nothing that is tested here, so it is tried again.
fn once_containers_start(run: impl Fn() -> Output) -> Output {
    for _ in 0..3 {
        let output = run();
        if !String::from_utf8_lossy(&output.stderr).contains("sealing memfd copy") {
            return output;
        }
    }
    run()
}
